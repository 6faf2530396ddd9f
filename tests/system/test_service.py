"""What systemd is told: a line for `systemctl status`, and a refused start that is tried again without a word."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from bench import processes
from drivers.terminal68 import Key
from system.branch import HALL, HOUSE, LOBBY, MQTT, PRINTER, TERMINALS, Branch, Notifications
from system.broker import Mosquitto
from system.troubles import running
from system.waiting import until

MISTAKE = 'rollover = "25:00"'


def _status(notified: Notifications) -> str:
    """The newest line that `systemctl status` would show."""
    told = [text for text, _ in notified.heard if text.startswith("STATUS=")]
    return told[-1].removeprefix("STATUS=") if told else ""


async def test_the_status_names_what_does_not_work_and_how_many_wait(tmp_path: Path) -> None:
    async with Branch(tmp_path, 0, (HOUSE, PRINTER, HALL)) as branch:
        await until(lambda: _status(branch.notified) == "0 counters open, 0 waiting")
        branch.placed("hall").wire.unplug()
        await until(lambda: _status(branch.notified).endswith("waiting; Hall board: not connected"))
        branch.placed("hall").wire.plug()
        branch.placed("printer").wire.faults.paper = "out"
        await until(lambda: _status(branch.notified).endswith("waiting; Ticket printer: out of paper"))


@pytest.mark.long
async def test_a_terminal_of_which_nothing_ever_came_is_named(tmp_path: Path, broker: Mosquitto) -> None:
    async with running(tmp_path, broker, HOUSE, MQTT, TERMINALS) as (branch, network):
        await branch.key(2, Key.CALL)
        for counter in ("1", "2"):
            await network.press("panel/manager", "OPEN", counter=counter)
        await until(lambda: "; Call terminals: never heard: address 1, though" in _status(branch.notified))
        await branch.key(1, Key.CALL)
        await until(lambda: _status(branch.notified) == "2 counters open, 0 waiting")


@pytest.mark.long
async def test_a_mistake_is_told_once_and_taken_up_as_soon_as_it_is_mended(tmp_path: Path) -> None:
    config, runtime, log = tmp_path / "branch.toml", tmp_path / "run", tmp_path / "log"
    runtime.mkdir()
    good = HOUSE.format(id="b-status", directory=tmp_path)
    config.write_text(f"{good}\n[day]\n{MISTAKE}\n")
    address = str(tmp_path / "notify")
    environment = {**os.environ, "NOTIFY_SOCKET": address, "RUNTIME_DIRECTORY": str(runtime)}
    command = (LOBBY, "run", "--config", str(config))
    notified = Notifications(address)
    try:
        code, _, said = await processes.ended(*command, env=environment)
        assert code == 2
        (line,) = said.decode().splitlines()
        assert "branch.toml:" in line
        assert "25:00" in line
        assert _status(notified) == f"not running: {line}"
        # systemd starts it again, which neither ends nor says anything before the file has changed.
        with log.open("wb") as to:
            async with processes.spawned(*command, env=environment, stdout=to, stderr=to) as again:
                await until(lambda: notified.count("EXTEND_TIMEOUT_USEC=60000000") > 1)
                assert log.read_text() == ""
                config.write_text(good)
                await until(lambda: notified.count("READY=1") or again.returncode is not None)
                assert again.returncode is None
                await until(lambda: _status(notified) == "0 counters open, 0 waiting")
                again.terminate()
                async with asyncio.timeout(30):
                    assert await again.wait() == 0
    finally:
        notified.close()


async def test_another_mistake_is_told_and_somebodys_own_start_is_answered_at_once(tmp_path: Path) -> None:
    config, runtime = tmp_path / "branch.toml", tmp_path / "run"
    runtime.mkdir()
    environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "RUNTIME_DIRECTORY": str(runtime)}

    async def refused() -> str:
        code, _, said = await processes.ended(LOBBY, "run", "--config", str(config), env=environment)
        assert code == 2
        return said.decode()

    assert "there is no such file" in await refused()
    config.write_text(f"{HOUSE.format(id='b-status', directory=tmp_path)}\n[day]\n{MISTAKE}\n")
    assert "25:00" in await refused()
    last = runtime / "refused"
    os.utime(last, (last.stat().st_atime, last.stat().st_mtime - 60))
    assert "25:00" in await refused()
