from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from bench.ports import free_port
from controller.config import read
from controller.web.accounts import Accounts
from simulators.branch import running
from system.branch import HOUSE
from system.broker import Mosquitto
from system.served import WEB, Hands, Serve, Served


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """The broker of all tests that do not touch it; each test's branch has a name of its own there."""
    broker = Mosquitto(tmp_path_factory.mktemp("broker"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """A broker for one test alone, running, to be stopped and started."""
    broker = Mosquitto(tmp_path_factory.mktemp("broker"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def serve(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Serve:
    """Runs a branch with screens: its configuration's text, and how that is changed. No traceback may be logged."""
    caplog.set_level(logging.INFO)

    @asynccontextmanager
    async def started(
        *more: str, tls: ssl.SSLContext | None = None, change: Callable[[str], str] = lambda text: text
    ) -> AsyncIterator[Served]:
        config = tmp_path / "branch.toml"
        text = "".join((HOUSE, WEB, *more)).format(id="b-web", directory=tmp_path, port=free_port())
        config.write_text(change(text), "utf-8")
        settings, hands = read(config), Hands()
        assert settings.web
        async with running(settings, hands.clock) as daemon:
            await asyncio.wait_for(daemon.on_screen.wait(), 20)
            with closing(Accounts(settings.web.accounts, hands.now)) as accounts:
                yield Served(daemon, settings, accounts, hands, tls)
        assert not [record for record in caplog.records if record.exc_info], caplog.text

    return started
