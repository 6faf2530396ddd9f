"""A branch's own journal again: what people did at real keypads, wires and buttons happens again to the millisecond."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from controller.config import read, shipped
from controller.journal import JournalReader
from controller.lobby.actions.call_next import TicketCalled
from simulators.branch import SimulatedBranch, running
from simulators.buttons import Buttons
from simulators.clock import PeoplesClock
from simulators.days.replay import compare
from simulators.demo import _day
from simulators.people import Hall
from system.broker import Mosquitto

CUSTOMERS = 12
SPEED = 120
SEED = 1


async def run_a_lobby(config: Path, directory: Path, broker: Mosquitto) -> None:
    """What `lobby demo --headless` runs, with a journal that stays."""
    settings = read(config)
    simulated = SimulatedBranch(settings, directory / "dev", SEED)
    simulated.plug_all()
    try:
        branch = replace(simulated.settings(port=broker.port), web=None)
        clock = PeoplesClock(branch.rules.zone, SPEED)
        async with (
            running(branch, clock.clock()) as daemon,
            Buttons("127.0.0.1", broker.port, branch.rules.branch, Random(f"{SEED}:buttons")) as buttons,
        ):
            simulated.hear(buttons)
            await _day(branch, Hall(branch, simulated, buttons, clock), CUSTOMERS, SEED, None)
            await daemon.engine.idle()
    finally:
        simulated.unplug_all()


@pytest.mark.long
async def test_a_branchs_journal_under_its_own_rules_is_the_same_calls(tmp_path: Path, broker: Mosquitto) -> None:
    config = tmp_path / "branch.toml"
    text = shipped("demo.toml").read_text("utf-8")
    config.write_text(text.replace('path = "demo.db"', f'path = "{tmp_path}/lobby.db"'), "utf-8")
    await run_a_lobby(config, tmp_path, broker)
    reader = JournalReader(tmp_path / "lobby.db")
    events = [(row.at, row.event) for row in reader.rows(reader.last_day())]
    reader.close()
    found = compare(events, read(config).rules)
    was, would_be = (
        [(e.ticket, e.counter, at) for at, e in day if isinstance(e, TicketCalled)] for day in (events, found.rows)
    )
    assert len({ticket for ticket, _, _ in was}) == CUSTOMERS
    assert would_be == was
    assert found.was == found.would_be
    assert (found.left_out, found.never_called) == (0, (0, 0))
