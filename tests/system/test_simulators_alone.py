"""`lobby simulators` and brokers that do not let everybody in: Mosquitto with a certificate and a password."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import which

import aiomqtt
import pytest
from visitor import Browser

from bench import processes
from controller.config import MqttSettings
from simulators.buttons import Buttons
from simulators.virtual_lobby.alone import run_far_ends
from system.branch import EVERYTHING, Branch
from system.broker import Mosquitto
from system.waiting import until

GUARDED = """\
listener {port} 127.0.0.1
certfile {directory}/broker.pem
keyfile {directory}/broker.key
allow_anonymous false
password_file {directory}/passwords
user root
log_dest none
"""


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[MqttSettings]:
    """A running broker with a certificate, and how it lets the lobby in."""
    if not (which("mosquitto_passwd") and which("openssl")):
        pytest.skip("mosquitto or openssl is not installed: apt-get install mosquitto openssl")
    pem, key, passwords = tmp_path / "broker.pem", tmp_path / "broker.key", tmp_path / "passwords"
    make = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    about = ("-days", "2", "-subj", "/CN=broker", "-addext", "subjectAltName=IP:127.0.0.1")
    processes.run([*make, *about, "-keyout", key, "-out", pem], check=True, capture_output=True)
    processes.run(["mosquitto_passwd", "-b", "-c", passwords, "lobby", "secret"], check=True, capture_output=True)
    (tmp_path / "password").write_text("secret\n")
    broker = Mosquitto(tmp_path)
    broker._config.write_text(GUARDED.format(port=broker.port, directory=tmp_path))
    broker.start()
    yield MqttSettings(False, "127.0.0.1", broker.port, True, "lobby", "lobby", tmp_path / "password", pem)
    broker.stop()


@dataclass
class Alone:
    """Far ends that run, and what they have said."""

    running: asyncio.Task[None]
    said: list[str]
    branch: str

    def told(self) -> list[str]:
        """What was said of the broker."""
        return [line for line in self.said if "broker" in line]

    async def connected(self) -> None:
        """Until the page says that the broker is there."""
        await until(lambda: self.said)
        page = Browser(self.said[0].removeprefix("Open ").removesuffix("/lobby"))
        async with asyncio.timeout(30):
            while not (await page.get("/lobby/view")).json["broker"]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


@asynccontextmanager
async def alone(directory: Path, mqtt: MqttSettings) -> AsyncIterator[Alone]:
    branch = Branch(directory, mqtt.port, EVERYTHING, starts=False, plugged=False)
    said: list[str] = []
    async with branch:
        settings = replace(branch.settings, mqtt=mqtt)
        running = asyncio.create_task(run_far_ends(settings, directory / "dev", said.append, 0))
        try:
            yield Alone(running, said, branch.id)
        finally:
            running.cancel()
            await asyncio.wait((running,))


async def test_they_let_themselves_in_as_the_controller_does(tmp_path: Path, guarded: MqttSettings) -> None:
    async with alone(tmp_path, guarded) as far:
        await far.connected()
        assert far.told() == []


async def test_why_they_are_not_let_in_is_said_once(
    tmp_path: Path, guarded: MqttSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulators.virtual_lobby.alone.RETRY", 0.05)
    assert guarded.password_file
    guarded.password_file.write_text("wrong")
    tried = 0
    enter = Buttons.__aenter__

    async def counted(buttons: Buttons) -> Buttons:
        nonlocal tried
        tried += 1
        return await enter(buttons)

    monkeypatch.setattr(Buttons, "__aenter__", counted)
    async with alone(tmp_path, guarded) as far:
        await until(lambda: tried > 3)
        (told,) = far.told()
        assert told.startswith(f"The broker at 127.0.0.1:{guarded.port} cannot be used (")
        guarded.password_file.unlink()
        await until(lambda: len(far.told()) == 2)
        assert "No such file" in far.told()[1]
        guarded.password_file.write_text("secret")
        await far.connected()


async def test_what_no_controller_says_is_told_and_they_come_again(tmp_path: Path, broker: Mosquitto) -> None:
    plain = MqttSettings(False, "127.0.0.1", broker.port, False, "lobby")
    async with alone(tmp_path, plain) as far:
        await far.connected()
        async with aiomqtt.Client("127.0.0.1", broker.port) as somebody:
            await somebody.publish(f"lobby/{far.branch}/board/hall", "no json")
        await until(far.told)
        assert "Expecting value" in far.told()[0]
        await far.connected()


async def test_a_fault_of_ours_is_no_secret(tmp_path: Path, broker: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(buttons: Buttons) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(Buttons, "ended", broken)
    async with alone(tmp_path, MqttSettings(False, "127.0.0.1", broker.port, False, "lobby")) as far:
        await asyncio.wait((far.running,), timeout=20)
        with pytest.raises(RuntimeError, match="a fault of ours"):
            far.running.result()
