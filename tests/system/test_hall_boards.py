"""Hall boards of a running branch: zones, areas, a card that speaks, and what stays on the wall without a daemon."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from drivers.terminal68 import Key
from simulators.devices.bx import BoardFarEnd
from system.branch import HOUSE, MQTT, TERMINALS, Branch
from system.broker import Mosquitto
from system.network import Network
from system.waiting import until

BOARDS = """
[[zone]]
id = "down"
name = "Downstairs"
counters = ["1", "2"]

[[zone]]
id = "up"
name = "Upstairs"
counters = ["3"]

[[device]]
id = "down"
driver = "bx"
link = "serial:{directory}/dev/down?baud=57600"
model = "5k1"
zone = "down"

[[device]]
id = "up"
driver = "bx"
link = "serial:{directory}/dev/up?baud=57600"
model = "6k1"
zone = "up"
stale_after = 15
voice = {{ volume = 8 }}
color = "red"
new_color = "yellow"
areas = [
  {{ shows = "calls", width = 128, height = 32, lines = 2 }},
  {{ shows = "notice", y = 32, width = 128, height = 16, color = "green" }},
]
"""
FIRST = "Ticket B001 to counter 3"


@pytest.mark.long
async def test_boards_of_two_zones_and_one_that_speaks_through_outages_and_a_power_cut(
    tmp_path: Path, broker: Mosquitto
) -> None:
    async with (
        Branch(tmp_path, broker.port, (HOUSE, MQTT, TERMINALS, BOARDS)) as branch,
        Network(broker.port, branch.root) as network,
    ):
        await network.device("up")
        up, down = branch.placed("up").far_end, branch.placed("down").far_end
        assert isinstance(up, BoardFarEnd)
        assert isinstance(down, BoardFarEnd)
        for service in ("cash", "personal", "personal"):
            await network.press("kiosk/kiosk", "TAKE", service=service)
        await network.press("keypad/3", "CALL")
        await branch.key(1, Key.CALL)
        await network.press("panel/manager", "NOTICE", words="The lift is out of order today")
        await until(lambda: down.lines()[:2] == ["A001 Counter 1", ""])
        await until(lambda: up.lines() == ["B001 Counter 3", "", "The lift is out of order today"])
        assert [color for _, _, color in up.shown()] == ["yellow", "red", "green"]
        await until(lambda: list(up.spoken) == [FIRST])

        # A level that is sent again says nothing.
        branch.placed("up").turn("unplugged", True)
        await network.device("up", "offline")
        branch.placed("up").turn("unplugged", False)
        await until(lambda: up.lines()[:1] == ["B001 Counter 3"])
        await network.device("up")
        await network.press("keypad/3", "RECALL")
        await until(lambda: list(up.spoken) == [FIRST, FIRST])

        # Without a daemon the board that may not be stale is blank after its time; the other keeps what it has.
        await branch.kill()
        for far_end in (up, down):
            far_end.tick(time.monotonic() + 15)
        assert (up.lines(), down.lines()[:1]) == (["The lift is out of order today"], ["A001 Counter 1"])
        up.tick(time.monotonic() + 15 + 240)
        assert up.lines() == []

        # Back again it shows all, the notice too, and says once who is being called.
        await branch.start()
        await until(lambda: up.lines() == ["B001 Counter 3", "", "The lift is out of order today"])
        await until(lambda: list(up.spoken) == [FIRST, FIRST, FIRST])
        assert not branch.logged("up: the board")
