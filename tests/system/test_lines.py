"""The daemon on lines that hear themselves: the whole lobby works on them as on any other."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from drivers.terminal68 import Key
from system.branch import EVERYTHING, Branch
from system.broker import Mosquitto
from system.network import Network
from system.waiting import until

WAITING = 6
TRAIN = 2.5
"""Seconds after which a returned answer would be taken for another press."""


@pytest.mark.long
async def test_one_call_is_one_call_where_every_line_hears_itself(tmp_path: Path, broker: Mosquitto) -> None:
    branch = Branch(tmp_path, broker.port, EVERYTHING, starts=False)
    async with branch, Network(broker.port, branch.root) as network:
        for placed in branch.simulated.placed.values():
            placed.wire.faults.echo = True
        await branch.start()
        await until(lambda: all(f"{id}: this adapter hears itself" in branch.log() for id in branch.simulated.placed))
        for id in branch.simulated.placed:
            await until(lambda id=id: network.levels.get(f"device/{id}", {}).get("state") == "ok")
        for _ in range(WAITING):
            await network.press("kiosk/kiosk", "TAKE")
        await until(lambda: len(branch.tickets("ticket_printed")) == WAITING)
        await branch.key(1, Key.CALL)
        await branch.key(1, Key.EVALUATE)
        await until(lambda: branch.bus.raters[11].asking)
        await asyncio.sleep(TRAIN)
        assert branch.tickets("ticket_called") == ["A001"]
        assert len(branch.rows("rating_asked")) == 1
        assert "A001" in branch.hall.lines()[0]
        assert "A001" in " ".join(branch.window("1"))
        assert branch.log().count("hears itself") == len(branch.simulated.placed)
        assert {row.data["state"] for row in branch.rows("device_changed")} <= {"ok"}
