"""The simulated MQTT devices before a broker that hangs, and one that has more to say than they can hear."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from pathlib import Path
from random import Random

import aiomqtt
import pytest

from controller.journal import JournalReader
from controller.lobby.actions.take_ticket import TicketIssued
from simulators.buttons import IN_FLIGHT, Buttons
from system.branch import HOUSE, MQTT, Branch
from system.broker import Mosquitto
from system.waiting import until

PRESSES = 60
EVENTS = 9000
PATIENCE = 0.5
"""Seconds that the devices wait for the broker."""


@pytest.mark.long
async def test_a_broker_that_hangs_and_a_flood_lose_no_press_and_make_none_twice(
    tmp_path: Path, own_broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with (
        Branch(tmp_path, own_broker.port, (HOUSE, MQTT)) as branch,
        Buttons("127.0.0.1", own_broker.port, branch.id, Random(1), timeout=PATIENCE) as buttons,
    ):
        assert (await _take(buttons))["ticket"] == "A001"
        assert own_broker._process
        os.kill(own_broker._process.pid, signal.SIGSTOP)
        try:
            presses = [asyncio.create_task(_take(buttons)) for _ in range(PRESSES)]
            await until(lambda: not buttons.connected)
            assert len(buttons._client._pending_publishes) <= IN_FLIGHT
        finally:
            os.kill(own_broker._process.pid, signal.SIGCONT)
        await _flood(own_broker.port, branch.id)
        answers = await asyncio.gather(*presses)
        await until(lambda: buttons.connected)
        assert {answer["result"] for answer in answers} == {"ok"}
        assert len({answer["ticket"] for answer in answers}) == PRESSES
        lost = [record for record in caplog.records if record.name == "simulators.buttons"]
        assert len(lost) == 1, caplog.text
    reader = JournalReader(branch.settings.journal_path)
    issued = [row for row in reader.rows(reader.last_day()) if isinstance(row.event, TicketIssued)]
    reader.close()
    assert len(issued) == PRESSES + 1


async def test_a_press_that_nothing_answers_is_given_up(
    tmp_path: Path, own_broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulators.buttons.TRIES", 2)
    async with Buttons("127.0.0.1", own_broker.port, "nobody", Random(1), timeout=PATIENCE) as buttons:
        with pytest.raises(TimeoutError, match="kiosk/kiosk: no answer"):
            await _take(buttons)
        own_broker.stop()
        await until(lambda: not buttons.connected)
        with pytest.raises(TimeoutError, match="kiosk/kiosk: no answer"):
            await _take(buttons)
        own_broker.start()
        await until(lambda: buttons.connected)


async def _take(buttons: Buttons) -> dict[str, object]:
    return await buttons.press("kiosk/kiosk", key="TAKE", service="cash", **{"class": "normal"})


async def _flood(port: int, branch: str) -> None:
    """Say more than anybody can hear at once, on a topic that the devices hear."""
    async with aiomqtt.Client("127.0.0.1", port) as client:
        for number in range(EVENTS):
            await client.publish(f"lobby/{branch}/event", json.dumps({"kind": "flood", "data": {"n": number}}))
