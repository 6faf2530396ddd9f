"""What the field does to a lobby: keys that bounce, stick and are pressed at once, terminals that do not hear, machines
that die between a press and its echo. The real daemon, its journal, wires and broker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest
from sweeps import long

from drivers.terminal68 import DEAF_AFTER, SERIES_GAP, Key
from system.branch import HOUSE, LINE_DELAY, MQTT, TERMINALS, Branch
from system.broker import Mosquitto
from system.network import Network
from system.waiting import until

LATER = 30.0
"""Seconds granted to what must come."""
WITH_GRACE = HOUSE.replace("[calling]\ncall_grace = 0\nconfirm_finish = 0\n", "")
PAD_1 = """
[[device]]
id = "pad-1"
driver = "mqtt-keypad"
counter = "1"
"""


@asynccontextmanager
async def lobby(
    directory: Path, broker: Mosquitto, waiting: int, house: str = WITH_GRACE
) -> AsyncIterator[tuple[Branch, Network]]:
    """A branch as it is installed, grace and all, in which so many customers wait for cash."""
    async with (
        Branch(directory, broker.port, (house, MQTT, PAD_1, TERMINALS)) as branch,
        Network(broker.port, branch.root) as network,
    ):
        for _ in range(waiting):
            await network.press("kiosk/kiosk", "TAKE", service="cash")
        yield branch, network


def poke(branch: Branch) -> None:
    branch.placed("terminals").wire.poke()


async def settled(branch: Branch, network: Network) -> None:
    """Until all that was pressed before has been decided: a press of somebody else's has been answered."""
    await until(lambda: not branch.bus.waits_for_echo(1), LATER)
    await network.press("keypad/3", "RECALL")


@pytest.mark.parametrize("bounce", [0.01, 0.15, 0.6, 1.2], ids=["contact", "bounce", "slow finger", "impatience"])
async def test_a_terminals_key_that_comes_twice(tmp_path: Path, broker: Mosquitto, bounce: float) -> None:
    async with lobby(tmp_path, broker, 3) as (branch, network):
        faults = branch.placed("terminals").wire.faults
        faults.bounce = bounce
        echoes = branch.bus.terminals[1].echoes
        branch.press(1, Key.CALL)
        # Both have been sent, and answered: with one echo where the second came before the first was.
        await until(lambda: branch.bus.terminals[1].echoes > echoes and branch.bus.next_deadline() is None, LATER)
        await settled(branch, network)
        assert branch.tickets("ticket_called") == ["A001"]
        assert branch.tickets("ticket_finished") == []


@pytest.mark.long
async def test_a_key_held_down_calls_once(tmp_path: Path, broker: Mosquitto) -> None:
    async with lobby(tmp_path, broker, 5) as (branch, network):
        faults = branch.placed("terminals").wire.faults
        faults.stuck = True
        branch.press(1, Key.CALL)
        await until(lambda: network.levels.get("device/terminals", {}).get("state") == "degraded", DEAF_AFTER + LATER)
        faults.stuck = False
        poke(branch)
        await settled(branch, network)
        assert branch.tickets("ticket_called") == ["A001"]
        (line,) = branch.logged("terminals: the device at bus address 1")
        assert "check its wires A and B and its key" in line


@pytest.mark.long
async def test_a_terminal_that_does_not_hear_us_calls_once(tmp_path: Path, broker: Mosquitto) -> None:
    async with lobby(tmp_path, broker, 5) as (branch, _):
        faults = branch.placed("terminals").wire.faults
        faults.deaf = True
        branch.press(1, Key.CALL)
        await until(lambda: branch.logged("terminals: the device at bus address 1"), DEAF_AFTER + LATER)
        faults.deaf = False
        poke(branch)
        # It hears the echo of its last copy, or has given up by then; the next key it presses is heard.
        await until(lambda: not branch.bus.waits_for_echo(1), LATER)
        await branch.key(1, Key.RECALL)
        assert branch.tickets("ticket_called") == ["A001"]


async def test_a_terminal_and_a_keypad_of_one_counter_call_at_once(tmp_path: Path, broker: Mosquitto) -> None:
    async with lobby(tmp_path, broker, 3) as (branch, network):
        branch.press(1, Key.CALL)
        answer = await network.press("keypad/1", "CALL")
        assert (answer["result"], answer["ticket"]) == ("ok", "A001")
        again = await network.press("keypad/1", "CALL")
        assert (again["result"], again["ticket"]) == ("ok", "A001")
        await settled(branch, network)
        assert branch.tickets("ticket_called") == ["A001"]


async def test_a_customer_finished_by_mistake_comes_back(tmp_path: Path, broker: Mosquitto) -> None:
    async with lobby(tmp_path, broker, 3, HOUSE) as (branch, network):
        await branch.key(1, Key.CALL)
        assert (await network.press("keypad/1", "CALL"))["ticket"] == "A002"
        assert branch.tickets("ticket_finished") == ["A001"]
        await branch.key(1, Key.CANCEL)
        assert branch.tickets("call_undone") == ["A002"]
        assert branch.tickets("service_resumed") == ["A001"]
        assert (await network.press("keypad/1", "CALL"))["ticket"] == "A002"
        assert (await network.press("keypad/1", "CALL"))["ticket"] == "A003"
        assert (await network.press("panel/manager", "RETURN", ticket="A001"))["result"] == "ok"


@pytest.mark.long
@pytest.mark.parametrize("seed", [0, *map(long, range(1, 4))])
async def test_killed_between_the_press_and_its_echo(tmp_path: Path, broker: Mosquitto, seed: int) -> None:
    """The terminal goes on sending its press while the daemon dies and comes back: the press acts once, without any
    grace."""
    chance = Random(seed)
    async with lobby(tmp_path, broker, 4, HOUSE) as (branch, _):
        faults = branch.placed("terminals").wire.faults
        for n in range(1, 4):
            faults.deaf = True
            branch.press(1, Key.CALL)
            await until(lambda n=n: len(branch.tickets("ticket_called")) == n, LATER)  # type: ignore[misc]
            await asyncio.sleep(chance.uniform(0, 0.4))  # anywhere in the train of copies
            await branch.kill()
            await branch.start()
            faults.deaf = False
            await until(lambda: not branch.bus.waits_for_echo(1), LATER)
            assert len(branch.tickets("ticket_called")) == n
            # On a busy machine the daemon may have heard so many copies that only this gap ends them.
            let_go = time.monotonic() + SERIES_GAP + LINE_DELAY
            await until(lambda over=let_go: time.monotonic() > over)  # type: ignore[misc]
