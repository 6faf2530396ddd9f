"""One scenario over good and bad lines: what is in the journal at the end is the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from drivers.terminal68 import Key
from simulators.faults import Faults
from system.branch import HALL, HOUSE, MQTT, TERMINALS, WINDOWS, Branch
from system.broker import Mosquitto
from system.network import Network
from system.waiting import until

SEED = 6868
TICKETS = 6
REPEAT_MS, LONG_REPEAT_MS = 400, 1500
"""The default; and longer than a terminal goes on sending a press that it hears no echo of."""


@dataclass(frozen=True)
class Lines:
    """How the lines are from the moment on that the devices are up; `repaired` at the end, but before the last call."""

    name: str
    spoil: Callable[[Faults], None] = lambda faults: None
    repeat_ms: int = REPEAT_MS


def _set(**knobs: object) -> Callable[[Faults], None]:
    def spoil(faults: Faults) -> None:
        for knob, value in knobs.items():
            setattr(faults, knob, value)

    return spoil


LINES = [
    Lines("perfect"),
    Lines("one byte at a time", _set(dribble=True)),
    Lines("20 % lost", _set(loss=0.2), LONG_REPEAT_MS),
    Lines("slow", _set(delay=0.15)),
    Lines("garbled", _set(garble=0.2), LONG_REPEAT_MS),
    Lines("hanging", _set(hang=True), LONG_REPEAT_MS),
]


def repair(branch: Branch) -> None:
    """The lines are good again."""
    for placed in branch.simulated.placed.values():
        _set(loss=0.0, garble=0.0, delay=0.0, dribble=False, hang=False)(placed.wire.faults)
        placed.wire.poke()


async def call_all(branch: Branch, address: int, tickets: int) -> None:
    """Call until all of the lobby's tickets have been called."""
    while len(branch.tickets("ticket_called")) < tickets:
        await branch.key(address, Key.CALL)


@pytest.mark.long
async def test_the_same_journal_over_any_line(tmp_path: Path, broker: Mosquitto) -> None:
    """A branch for each kind of line, all at once."""
    print(f"seed {SEED}")
    async with asyncio.TaskGroup() as group:
        for number, lines in enumerate(LINES):
            (directory := tmp_path / str(number)).mkdir()
            group.create_task(scenario(directory, broker, lines), name=lines.name)


async def scenario(directory: Path, broker: Mosquitto, lines: Lines) -> None:
    try:
        await _scenario(directory, broker, lines)
    except AssertionError as error:
        error.add_note(f"The lines: {lines.name}")
        raise


async def _scenario(directory: Path, broker: Mosquitto, lines: Lines) -> None:
    parts = (HOUSE, MQTT, TERMINALS, HALL, WINDOWS)
    async with (
        Branch(directory, broker.port, parts, repeat_ms=lines.repeat_ms, seed=SEED) as branch,
        Network(broker.port, branch.root) as network,
    ):
        await until(lambda: branch.window("1") == ("CLOSED", "Counter 1"))
        await until(lambda: branch.window("2") == ("CLOSED", "Counter 2"))
        await network.device("hall")
        for placed in branch.simulated.placed.values():
            lines.spoil(placed.wire.faults)
        for number in range(TICKETS):
            assert (await network.press("kiosk/kiosk", "TAKE"))["ticket"] == f"A{number + 1:03d}"
        assert (await network.press("keypad/3", "CALL"))["ticket"] == "A001"
        if lines.name == "hanging":
            branch.press(1, Key.CALL)
            await network.device("hall", "degraded")
            repair(branch)
        await asyncio.gather(*(call_all(branch, address, TICKETS) for address in (1, 2)))
        repair(branch)

        called = branch.rows("ticket_called")
        assert sorted(row.data["ticket"] for row in called) == [f"A{n:03d}" for n in range(1, TICKETS + 1)]
        for address, ticket in ((1, "A007"), (2, "A008")):
            assert (await network.press("kiosk/kiosk", "TAKE"))["ticket"] == ticket
            await branch.key(address, Key.CALL)
        await network.press("keypad/3", "FINISH")
        finished = {row.data["ticket"] for row in branch.rows("ticket_finished")}
        assert finished == {f"A{n:03d}" for n in range(1, TICKETS + 1)}
        await until(lambda: [terminal.ticket for terminal in branch.bus.terminals.values()] == ["007", "008"])
        await until(lambda: [terminal.waiting for terminal in branch.bus.terminals.values()] == ["000", "000"])
        await until(lambda: (branch.window("1"), branch.window("2")) == (("A007", "Counter 1"), ("A008", "Counter 2")))
        await until(lambda: branch.hall.lines()[:2] == ["A008 Counter 2", "A007 Counter 1"])
        assert network.levels["board"]["waiting"] == {"cash": 0, "personal": 0}
