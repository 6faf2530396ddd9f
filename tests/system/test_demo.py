"""`lobby demo` in a terminal, and its time that stops for everybody."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import struct
import sys
import termios
import time
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from bench import processes
from controller.config import read, shipped
from controller.journal import JournalReader
from controller.lobby.actions.call_next import TicketCalled
from controller.lobby.actions.clock import ClockStepped
from controller.lobby.actions.report_device import DeviceChanged
from controller.lobby.actions.take_ticket import TicketIssued
from simulators.branch import SimulatedBranch, running
from simulators.buttons import Buttons
from simulators.clock import PeoplesClock
from simulators.demo import _day
from simulators.people import Hall
from system.branch import LOBBY
from system.broker import Mosquitto
from system.waiting import until

CUSTOMERS = 8
PAUSE = 300.0


@pytest.mark.long
async def test_five_minutes_in_which_the_time_is_stopped_add_nothing_to_any_wait(
    tmp_path: Path, broker: Mosquitto
) -> None:
    settings = read(shipped("demo.toml"))
    name = f"stops-{os.getpid()}"
    settings = replace(settings, web=None, rules=replace(settings.rules, branch=name))
    simulated = SimulatedBranch(settings, tmp_path / "dev", 1)
    branch = simulated.settings(journal=tmp_path / "lobby.db", port=broker.port)
    passed = 0.0
    clock = PeoplesClock(branch.rules.zone, 60, lambda: time.monotonic() + passed)
    simulated.plug_all()
    try:
        async with (
            running(branch, clock.clock()) as daemon,
            Buttons("127.0.0.1", broker.port, name, Random(1)) as buttons,
        ):
            simulated.hear(buttons)
            hall = Hall(branch, simulated, buttons, clock)
            day = asyncio.create_task(_day(branch, hall, CUSTOMERS, 1, None))
            await until(lambda: hall.waiting() > 1)
            clock.stopped = True
            before = clock.seconds()
            passed += PAUSE
            await until(lambda: daemon.engine.settled)
            assert clock.seconds() - before < 10
            clock.stopped = False
            await day
            await daemon.engine.idle()
    finally:
        simulated.unplug_all()
    reader = JournalReader(tmp_path / "lobby.db")
    rows = [(row.at, row.event) for row in reader.rows(reader.last_day())]
    reader.close()
    assert not [event for _, event in rows if isinstance(event, ClockStepped)]
    assert {event.state for _, event in rows if isinstance(event, DeviceChanged)} == {"ok"}, (
        "nobody has broken anything"
    )
    issued = {event.ticket: at for at, event in rows if isinstance(event, TicketIssued)}
    waits = {e.ticket: at - issued[e.ticket] for at, e in reversed(rows) if isinstance(e, TicketCalled)}
    assert len(waits) == CUSTOMERS
    assert max(waits.values()) < PAUSE * 60 * 1000 / 2  # of the people's 300 minutes


async def test_the_terminal_has_keys_and_one_language() -> None:
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 45, 100, 0, 0))
    os.set_blocking(ours, False)
    shown = ""

    def sees(text: str) -> bool:
        nonlocal shown
        try:
            shown += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", os.read(ours, 65536).decode("utf-8", "ignore"))
        except BlockingIOError:
            pass
        return text in shown

    command = (sys.executable, LOBBY, "demo", "--language", "en", "--customers", "3", "--page", "0", "--no-browser")
    environment = {**os.environ, "TERM": "xterm-256color"}
    try:
        async with processes.spawned(*map(str, command), stdin=its, stdout=its, stderr=its, env=environment) as run:
            await until(lambda: sees("×20"), 60)
            os.write(ours, b"+")
            await until(lambda: sees("×60"), 60)
            await until(lambda: sees("Ticket 1"), 60)
            os.write(ours, b" ")
            await until(lambda: sees(" stopped "), 60)
            os.write(ours, b"  q")
            await until(lambda: sees("against what was seen"), 60)
            async with asyncio.timeout(60):
                while run.returncode is None:
                    sees("")
                    await asyncio.sleep(0.01)
            assert run.returncode == 0, shown
    finally:
        os.close(its)
        os.close(ours)
    assert "Traceback" not in shown
    assert "WRONG" not in shown
