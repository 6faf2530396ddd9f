"""The Modbus driver against units that are not ours: pymodbus's server at the other end of two pseudo-terminals."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from ports import Pty, eventually
from pymodbus.datastore import ModbusDeviceContext, ModbusSequentialDataBlock, ModbusServerContext
from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer

from drivers.device import OK, Echoing, Health
from drivers.gestures import SINGLE
from drivers.link import SerialLink
from drivers.modbus import NO_ANSWER, Inputs, Modbus, Pressed, UnitHealth
from drivers.modbus_display import Profile
from drivers.modbus_frame import Write
from drivers.session import Session

REGISTERS = 0x100
HOLDING, DISCRETE = 3, 2
"""pymodbus's names for what is read, by function code."""
TEXT = Profile.from_dict({"name": "text", "letters": "A", "line": [{"address": 0x70, "characters": 6}]})
GARBAGE = bytes(range(0, 256, 7))
USED = frozenset((str(n), SINGLE) for n in range(1, 9))


class Cable:
    """Two ports, joined: what goes into one comes out at the other."""

    def __init__(self, directory: Path) -> None:
        self.ours, self.theirs = Pty(directory / "ours"), Pty(directory / "theirs")
        self.echoes = False
        loop = asyncio.get_running_loop()
        loop.add_reader(self.ours.master, self._from_us)
        loop.add_reader(self.theirs.master, self._from_them)

    def _from_us(self) -> None:
        data = os.read(self.ours.master, 4096)
        if self.echoes:
            self.ours.say(data)
        self.theirs.say(data)

    def _from_them(self) -> None:
        self.ours.say(os.read(self.theirs.master, 4096))

    def close(self) -> None:
        for port in (self.ours, self.theirs):
            asyncio.get_running_loop().remove_reader(port.master)
            port.unplug()


class Units:
    """pymodbus's units: a display at 1, modules of inputs at 11 and 12; what the driver has told of them."""

    def __init__(self, cable: Cable) -> None:
        self.cable = cable
        self.devices = {
            unit: ModbusDeviceContext(
                di=ModbusSequentialDataBlock(0, [False] * 16), hr=ModbusSequentialDataBlock(0, [0] * REGISTERS)
            )
            for unit in (1, 11, 12)
        }
        self.context = ModbusServerContext(devices=self.devices, single=False)
        modules = {unit: Inputs(8, 0, USED) for unit in (11, 12, 13)}
        self.driver = Modbus([1, 2], modules, byte_time=10 / 115200, reply_timeout=0.3, refresh=1.0)
        self.facts: list[object] = []
        link = SerialLink(str(cable.ours.path), 115200)
        self.session = Session(self.driver, link, self.facts.append, time.monotonic, quiet=0.02)

    def show(self, unit: int, *writes: Write) -> None:
        self.driver.show(unit, writes)
        self.session.flush()

    def registers(self, address: int, count: int) -> list[int]:
        return self.devices[1].getValues(HOLDING, address, count)

    async def press(self, unit: int, number: int) -> None:
        """Press an input until it is told."""
        before = len(self.of(Pressed))
        self.devices[unit].setValues(DISCRETE, number - 1, [True])
        await eventually(lambda: len(self.of(Pressed)) > before)
        self.devices[unit].setValues(DISCRETE, number - 1, [False])

    def states(self) -> dict[int, Health]:
        """The last state of each unit."""
        return {fact.unit: fact.health for fact in self.facts if isinstance(fact, UnitHealth)}

    def of(self, kind: type) -> list[object]:
        return [fact for fact in self.facts if isinstance(fact, kind)]


@asynccontextmanager
async def at_work(directory: Path, *, echoes: bool = False) -> AsyncIterator[Units]:
    cable = Cable(directory)
    cable.echoes = echoes
    units = Units(cable)
    server = ModbusSerialServer(
        units.context, framer=FramerType.RTU, ignore_missing_devices=True, port=str(cable.theirs.path), baudrate=115200
    )
    serving = asyncio.create_task(server.serve_forever())
    task = asyncio.create_task(units.session.run())
    try:
        yield units
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await server.shutdown()
        with suppress(asyncio.CancelledError):
            await serving
        cable.close()


@pytest.mark.parametrize("echoes", [False, True])
async def test_displays_are_written_inputs_polled_and_a_missing_unit_told(tmp_path: Path, echoes: bool) -> None:
    async with at_work(tmp_path, echoes=echoes) as units:
        units.show(1, *TEXT.writes(["A017"]), Write(0, (42,), single=True))
        units.show(2, *TEXT.writes(["A018"]))
        await eventually(lambda: units.states() == {1: OK, 2: NO_ANSWER, 11: OK, 12: OK, 13: NO_ANSWER})
        assert units.registers(0x70, 3) == [0x2020, 0x4130, 0x3137]
        assert units.registers(0, 1) == [42]
        for n in range(1, 9):
            await units.press(11 + n % 2, n)
            units.show(1, *TEXT.writes([f"A{n:03d}"]), Write(0, (n,), single=True))
        await eventually(lambda: units.registers(0, 1) == [8])
        assert units.of(Pressed) == [Pressed(11 + n % 2, str(n), SINGLE) for n in range(1, 9)]
        assert units.of(Echoing) == [Echoing(True)] * echoes


async def test_garbage_on_the_line_costs_no_press_and_ends_with_the_level_shown(tmp_path: Path) -> None:
    async with at_work(tmp_path) as units:
        await eventually(lambda: UnitHealth(12, OK) in units.facts)
        for n in range(1, 9):
            units.cable.ours.say(GARBAGE)
            units.show(1, *TEXT.writes([f"A{n:03d}"]))
            await units.press(12, n)
            units.cable.theirs.say(GARBAGE)
        await eventually(lambda: units.registers(0x70, 3) == [0x2020, 0x4130, 0x3038])
        assert units.of(Pressed) == [Pressed(12, str(n), SINGLE) for n in range(1, 9)]
