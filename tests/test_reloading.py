"""A daemon in this process that goes over to another configuration, or examines its devices, at the worst moment."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from branches import NINE, Lobby, branch
from full_disk import full_disk
from ports import PATIENCE, Pty, eventually, open_files

from controller.clock import system_clock
from controller.config import read, shipped
from controller.control import socket_of
from controller.daemon import Daemon, printing
from controller.lobby.actions.call_next import CallNext
from controller.lobby.actions.take_ticket import TakeTicket
from controller.lobby.answers import Answer
from controller.lobby.model.paper import Printer
from controller.lobby.model.state import Stage
from controller.operation.service import Notifier
from drivers import descriptor

BRANCH = """
[branch]
id = "b1"
name = "Liberation Road"
timezone = "Asia/Shanghai"
language = "en"
[journal]
path = "{directory}/lobby.db"
[[service]]
id = "cash"
name = "Cash"
prefix = "A"
[[counter]]
id = "1"
serves = {{ cash = 0 }}
"""
PERSONAL = """
[[service]]
id = "personal"
name = "Personal"
prefix = "B"
[[counter]]
id = "2"
serves = {{ personal = 0 }}
[[device]]
id = "window-2"
driver = "vfd"
dialect = "cd5220"
counter = "2"
link = "serial:{directory}/window"
"""
SECOND_COUNTER = """
[[counter]]
id = "2"
serves = {{ cash = 0 }}
"""
TERMINALS = """
[[device]]
id = "terminals"
driver = "terminal68"
link = "serial:{directory}/window"
addresses = {{ 1 = "1" }}
"""


class SlowClose(ThreadPoolExecutor):
    """Threads in which no port is closed before `let_go` is set, as with a driver that drains its buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()
        self.let_go.set()
        self.closing = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **more: Any) -> Any:
        if fn is not descriptor._close:
            return super().submit(fn, *args, **more)
        self.closing += 1
        return super().submit(lambda: self.let_go.wait(PATIENCE) and fn(*args))


class House:
    """A branch of one port, and its daemon."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.config = directory / "branch.toml"
        self.port = Pty(directory / "window")
        self.threads = SlowClose()
        self._causes = 0

    def configure(self, *parts: str) -> None:
        self.config.write_text("".join(parts).format(directory=self.directory))

    async def take(self, service: str) -> Answer:
        self._causes += 1
        at = self.daemon._now()
        by = f"kiosk/{self._causes}"  # a press at the same one might be the same ticket
        take = TakeTicket(at=at, cause=f"test:{self._causes}", by=by, service=service, granted=True)
        return await self.daemon.engine.ask(take)

    async def call(self, counter: str) -> Answer:
        self._causes += 1
        return await self.daemon.engine.ask(
            CallNext(at=self.daemon._now(), cause=f"test:{self._causes}", counter=counter)
        )

    def is_open(self) -> bool:
        """Whether the daemon has the port open, beside this test."""
        port = str(self.port.path.readlink())
        return list(open_files().values()).count(port) == 2

    async def asks(self, request: dict[str, Any]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        path = socket_of(self.daemon._settings.journal_path)
        await eventually(path.exists)
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(json.dumps(request).encode() + b"\n")
        return reader, writer

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        reader, writer = await self.asks(request)
        *_, last = (await reader.read()).splitlines()
        writer.close()
        return dict(json.loads(last))


@asynccontextmanager
async def house(directory: Path, *parts: str) -> AsyncIterator[House]:
    own = House(directory)
    asyncio.get_running_loop().set_default_executor(own.threads)
    own.configure(*parts)
    own.daemon = daemon = Daemon(read(own.config), system_clock(), Notifier(None))
    running = asyncio.create_task(daemon.run())
    try:
        await asyncio.wait((running, asyncio.create_task(daemon.ready.wait())), return_when=asyncio.FIRST_COMPLETED)
        await eventually(own.is_open)
        yield own
    finally:
        own.threads.let_go.set()
        daemon.stop()
        await running
        own.port.unplug()


# -- reload ------------------------------------------------------------------------------------------------------


async def test_who_comes_while_a_device_ends_keeps_what_he_came_for(tmp_path: Path) -> None:
    """The last look is taken after the last moment in which somebody can press."""
    async with house(tmp_path, BRANCH, PERSONAL) as it:
        it.threads.let_go.clear()
        it.configure(BRANCH)
        reloading = asyncio.create_task(it.daemon.reload())
        await eventually(lambda: it.threads.closing)
        ticket = (await it.take("personal")).ticket
        it.threads.let_go.set()
        done, said = await reloading
        assert not done
        assert said[0].startswith(f'service "personal" is gone, but customers have it ({ticket})')
        assert (await it.call("2")).ticket == ticket, "and all goes on as before"
        await eventually(it.is_open)


async def test_a_counter_with_somebody_in_hand_gives_him_back_also_if_the_disk_is_full(tmp_path: Path) -> None:
    async with house(tmp_path, BRANCH, SECOND_COUNTER, TERMINALS) as it:
        ticket = (await it.take("cash")).ticket
        assert (await it.call("2")).ticket == ticket
        it.configure(BRANCH, TERMINALS)
        with full_disk(tmp_path / "lobby.db"):
            assert (await it.take("cash")).result == "error"
            assert await it.daemon.reload() == (True, ["[[counter]] 2 is gone"])
            assert it.daemon.engine.state.tickets[ticket].stage is Stage.CALLED
        await eventually(lambda: it.daemon.engine.state.tickets[ticket].stage is Stage.WAITING)
        assert (await it.call("1")).ticket == ticket


async def test_two_at_once_are_one_after_the_other(tmp_path: Path) -> None:
    async with house(tmp_path, BRANCH, TERMINALS) as it:
        it.configure(BRANCH, TERMINALS.replace('1 = "1"', '5 = "1"'))
        answers = await asyncio.gather(it.answer({"do": "reload"}), it.answer({"do": "reload"}))
        assert [answer["text"] for answer in answers] == ["in force", "nothing is different"]
        await eventually(it.is_open)
        it.port.say(bytes.fromhex("FF 68 03 03 68 05 01 0C 12 16"))
        await it.port.hear(1)


async def test_a_reload_that_the_end_overtakes_leaves_nothing(tmp_path: Path) -> None:
    async with house(tmp_path, BRANCH, TERMINALS) as it:
        it.threads.let_go.clear()
        it.configure(BRANCH)
        reloading = asyncio.create_task(it.daemon.reload())
        await eventually(lambda: it.threads.closing)
        it.daemon.stop()
        it.threads.let_go.set()
        assert await reloading == (False, ["the controller is ending"])


async def test_a_reload_that_is_given_up_has_changed_nothing(tmp_path: Path) -> None:
    async with house(tmp_path, BRANCH, TERMINALS) as it:
        it.threads.let_go.clear()
        it.configure(BRANCH)
        reloading = asyncio.create_task(it.daemon.reload())
        await eventually(lambda: it.threads.closing)
        reloading.cancel()
        await asyncio.sleep(0)
        it.threads.let_go.set()
        with pytest.raises(asyncio.CancelledError):
            await reloading
        await eventually(it.is_open)
        it.port.say(bytes.fromhex("FF 68 03 03 68 01 01 0C 0E 16"))
        await it.port.hear(1)


@pytest.mark.parametrize("what", ["missing", "directory", "bytes", "nesting"])
async def test_a_file_that_cannot_be_read_changes_nothing(
    tmp_path: Path, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with house(tmp_path, BRANCH, TERMINALS) as it:
        it.config.unlink()
        match what:
            case "directory":
                it.config.mkdir()
            case "bytes":
                it.config.write_bytes(b"\xff\xfe\x00")
            case "nesting":
                it.config.write_text("x = " + "[" * 100_000)
        it.daemon.asked_to_reload.set()
        await eventually(lambda: not it.daemon.asked_to_reload.is_set() and not it.daemon._changing.locked())
        assert (await it.take("cash")).result == "ok"
        answer = await it.answer({"do": "reload"})
        assert answer == {"ok": False, "text": "nothing has been changed"}
    assert not [record for record in caplog.records if record.exc_info]


PRINTER = """
[[device]]
id = "printer"
driver = "escpos"
link = "serial:{directory}/window"
layout = "{directory}/ticket.toml"
"""


async def test_another_layout_of_its_tickets_is_another_printer(tmp_path: Path) -> None:
    """Though its own table is as before; and a layout with a mistake changes nothing."""
    layout, shipped_one = tmp_path / "ticket.toml", shipped("ticket.en.toml").read_text()
    layout.write_text(shipped_one)
    async with house(tmp_path, BRANCH, PRINTER) as it:
        before = it.daemon.hub.sessions["printer"]
        layout.write_text(f"{shipped_one}\n# looked at again\n")
        assert await it.daemon.reload() == (True, ["[[device]] printer: its files have changed"])
        after = it.daemon.hub.sessions["printer"]
        assert after is not before
        await eventually(it.is_open)
        layout.write_text("[[line]\n")
        done, said = await it.daemon.reload()
        assert not done
        assert str(layout) in said[0]
        assert it.daemon.hub.sessions["printer"] is after


async def examining(reader: asyncio.StreamReader) -> None:
    """Wait until a doctor has begun, and waits for a key."""
    heard = b""
    while b"press " not in heard:
        line = await reader.readline()
        assert line, heard.decode()
        heard += line


# -- the doctor --------------------------------------------------------------------------------------------------


async def test_a_device_is_back_when_who_examines_it_has_gone(tmp_path: Path) -> None:
    """Even if it is killed while nothing is said."""
    async with house(tmp_path, BRANCH, TERMINALS) as it:
        reader, writer = await it.asks({"do": "doctor", "keys": 600, "devices": ["terminals"]})
        await examining(reader)
        text = "devices are being examined (lobby doctor); reload again when that has ended"
        assert await it.answer({"do": "reload"}) == {"ok": False, "text": text}
        assert await it.answer({"do": "doctor"}) == {"ok": False, "text": "this device is being tested"}
        writer.transport.abort()
        await eventually(lambda: "device terminals" in it.daemon._tasks)
        await eventually(it.is_open)
        assert await it.answer({"do": "reload"}) == {"ok": True, "text": "nothing is different"}


async def test_a_doctor_that_the_end_overtakes_leaves_nothing(tmp_path: Path) -> None:
    async with house(tmp_path, BRANCH, TERMINALS) as it:
        reader, writer = await it.asks({"do": "doctor", "keys": 600})
        await examining(reader)
        it.daemon.stop()
        assert await reader.read() == b""
        writer.close()


def test_only_a_printer_that_prints_cannot_be_examined() -> None:
    """One without paper can, whatever waits for it: that is what the engineer comes for."""
    lobby = Lobby(branch({"1": {"cash": 0}}))
    lobby.do(TakeTicket(at=NINE, cause="take", by="kiosk/1", service="cash", paper="ready", printer="second"))

    def found(first: str, second: str) -> set[str]:
        return printing(lobby.state, [Printer("first", first), Printer("second", second)])

    assert found("ready", "ready") == {"second"}
    assert found("ready", "printer_busy") == {"second"}
    assert found("ready", "paper_end") == found("ready", "offline") == set()
    assert printing(lobby.state, []) == set()


async def test_a_device_that_is_not_in_force_cannot_be_examined(tmp_path: Path) -> None:
    async with house(tmp_path, BRANCH, TERMINALS) as it:
        assert await it.answer({"do": "doctor", "devices": ["terminals", "board"]}) == {
            "ok": False,
            "text": 'the running controller has no device "board"; lobby reload has it read the configuration again',
        }
