"""Noise on the bus of the call terminals."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from drivers.session import FLOOD_BURST
from system.branch import Branch
from system.broker import Mosquitto
from system.network import Network
from system.port import Port
from system.troubles import BUS_ONLY, PROMPT, take
from system.waiting import until

# Vectors: the device sheet's, or made from its layout.
CALL_AT_1 = bytes.fromhex("FF 68 03 03 68 01 01 0C 0E 16")
CALL_AT_2 = bytes.fromhex("FF 68 03 03 68 02 01 0C 0F 16")
WRONG_SUM = bytes.fromhex("FF 68 03 03 68 01 01 0C 0F 16")
CALL_AT_77 = bytes.fromhex("FF 68 03 03 68 4D 01 0C 5A 16")
BEEP_AT_2 = bytes.fromhex("FF 68 02 02 68 02 03 05 16")


# -- noise on the bus ----------------------------------------------------------------------------------------


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[Port]:
    port = Port(tmp_path / "dev" / "terminals")
    yield port
    port.close()


@asynccontextmanager
async def with_bus(directory: Path, broker: Mosquitto, **more: Any) -> AsyncIterator[tuple[Branch, Network]]:
    """A branch whose bus is in the test's hands."""
    async with (
        Branch(directory, broker.port, BUS_ONLY, plugged=False, **more) as branch,
        Network(broker.port, branch.root) as network,
    ):
        await network.device("terminals")
        yield branch, network


async def test_a_wrong_sum_gets_no_echo(tmp_path: Path, broker: Mosquitto, bus: Port) -> None:
    async with with_bus(tmp_path, broker) as (branch, network):
        await take(network)
        bus.send(WRONG_SUM)
        await network.device("terminals", "degraded")
        assert network.levels["device/terminals"]["detail"] == "broken frames on the line"
        bus.send(CALL_AT_2)
        await until(lambda: CALL_AT_2 in bus.heard)
        assert CALL_AT_1 not in bus.heard
        assert WRONG_SUM not in bus.heard
        assert [row.data["counter"] for row in branch.rows("ticket_called")] == ["2"]
        bus.send(WRONG_SUM * 3 + CALL_AT_1)
        await until(lambda: CALL_AT_1 in bus.heard)
        assert WRONG_SUM not in bus.heard
        assert len(branch.logged("terminals: broken frames")) == 1


async def test_an_unknown_bus_address_is_one_sentence(tmp_path: Path, broker: Mosquitto, bus: Port) -> None:
    async with with_bus(tmp_path, broker) as (branch, network):
        bus.send(CALL_AT_77 * 3)
        bus.send(CALL_AT_2)
        await until(lambda: BEEP_AT_2 in bus.heard)
        assert CALL_AT_77 not in bus.heard
        said = [line for line in branch.log().splitlines() if "77" in line]
        assert len(said) == 1
        assert "address 77" in said[0]
        assert network.levels["device/terminals"]["state"] == "ok"


async def test_a_flood_of_garbage(tmp_path: Path, broker: Mosquitto, bus: Port) -> None:
    """A quarter of a megabyte of noise: presses elsewhere are answered, and the bus is closed until it ends."""
    seed = 68
    random = Random(seed)
    noise = random.randbytes(200_000) + bytes.fromhex("FF 68 05 05 68") * 10_000
    async with with_bus(tmp_path, broker) as (branch, network):
        bus.send(noise)
        slowest = 0.0
        while not bus.sent:
            began = time.monotonic()
            await take(network)
            slowest = max(slowest, time.monotonic() - began)
        assert slowest < PROMPT
        assert branch.process
        await network.device("terminals", "offline")
        await network.device("terminals")
        assert len(branch.logged("terminals: it sends data without end; switch it off and on")) == 1
        frames = len(bus.heard)
        bus.send(noise[: FLOOD_BURST // 2] + bytes(20) + CALL_AT_2)
        await until(lambda: CALL_AT_2 in bus.heard[frames:])
        await take(network)
        called = {row.data["counter"] for row in branch.rows("ticket_called")}
        assert called == {"2"}, f"noise of seed {seed} was taken for a key"
        await network.device("terminals", "degraded")


async def test_an_echo_lost_in_a_crash(tmp_path: Path, broker: Mosquitto, bus: Port) -> None:
    """The press is in the journal, its echo never came: what the terminal sends again is the same press."""
    repeat_ms = 5000
    async with with_bus(tmp_path, broker, repeat_ms=repeat_ms) as (branch, network):
        await take(network)
        await take(network)
        bus.send(CALL_AT_1)
        (call,) = await until(lambda: branch.rows("ticket_called"))
        await branch.kill()
        bus.heard.clear()
        await branch.start()
        await network.device("terminals")
        bus.send(CALL_AT_1)
        await until(lambda: CALL_AT_1 in bus.heard)
        if time.time() * 1000 > call.at + repeat_ms:
            pytest.skip("the machine is too slow: the daemon's start took longer than a terminal repeats a press")
        assert branch.tickets("ticket_called") == ["A001"]
        bus.send(CALL_AT_2)
        await until(lambda: branch.tickets("ticket_called") == ["A001", "A002"])


async def test_the_answer_to_a_press_stands_in_the_vectors(tmp_path: Path, broker: Mosquitto, bus: Port) -> None:
    """Byte for byte: the echo first, then the ticket, then the count."""
    async with with_bus(tmp_path, broker) as (_, network):
        for _ in range(17):
            await take(network)
        await until(lambda: b"\x00\x01\x07\x0a\x0a\x0a" in bus.heard)
        before = len(bus.heard)
        bus.send(CALL_AT_2)
        shows_001 = bytes.fromhex("FF 68 08 08 68 02 02 0A 0A 0A 00 00 01 23 16")
        await until(lambda: CALL_AT_2 + shows_001 in bus.heard[before:])
        assert json.dumps(network.levels["board"]["waiting"]) == '{"cash": 16, "personal": 0}'
        bus.send(CALL_AT_2)
        await until(lambda: bus.heard[before:].count(CALL_AT_2) == 2)
        assert network.events("ticket_called")[1:] == []
