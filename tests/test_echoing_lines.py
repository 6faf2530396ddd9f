"""Every driver on a line that hears itself: real session, real port, the far end behind the wire's faults."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from ports import eventually
from sweeps import long

from drivers import fourkey
from drivers.bx import BxBoard
from drivers.device import OK, Driver, Echoing, Health
from drivers.escpos import EscposPrinter, Printed, Sent, Unknown
from drivers.link import Link, SerialLink, TcpLink
from drivers.modbus import NO_ANSWER, Inputs, Modbus, UnitHealth
from drivers.modbus import Pressed as ModbusPressed
from drivers.modbus_display import Profile
from drivers.session import LinkUp, Session
from drivers.terminal68 import Key, Pressed, Rated, Terminal68
from drivers.vfd import PORT_ONLY, CounterDisplay
from simulators.devices.bx import BoardFarEnd
from simulators.devices.escpos import PrinterFarEnd
from simulators.devices.farend import FarEnd
from simulators.devices.four_key_pad import PadBus
from simulators.devices.modbus import Display, ModbusFarEnd, Module
from simulators.devices.terminal68 import TerminalBus
from simulators.devices.vfd import CounterDisplayFarEnd
from simulators.faults import Faults
from simulators.wire import TcpWire, Wire

BAUD = 9600
SEED = 2485
LONG_REPEAT_MS = 1500
"""Longer than a terminal goes on sending a press that it hears no echo of."""
HANDS = 0.3
"""Seconds between two presses of quick hands."""
CUT = b"\x1d\x56\x00"
KINDS = ["serial", long("dribbling"), "gateway"]
SLOWLY = 4.0
"""By how much time goes slower where each byte comes alone: a busy machine is late for some of them."""


class Device:
    """A driver at work on an echoing line, and the facts it told."""

    def __init__(
        self,
        driver: Driver,
        faults: Faults,
        wire: Wire,
        link: Link,
        answer: Callable[[object], None],
        clock: Callable[[], float],
    ) -> None:
        self.faults = faults
        self.wire = wire
        self.facts: list[object] = []
        self._answer = answer
        self.session = Session(driver, link, self._heard, clock, quiet=0.02)

    def _heard(self, fact: object) -> None:
        self.facts.append(fact)
        self._answer(fact)

    def of(self, *kinds: type) -> list[Any]:
        """The facts of these kinds so far."""
        return [fact for fact in self.facts if isinstance(fact, kinds)]


@asynccontextmanager
async def echoing(
    tmp_path: Path,
    kind: str,
    driver: Driver,
    far_end: Callable[[Faults], FarEnd],
    answer: Callable[[object], None] = lambda fact: None,
) -> AsyncIterator[Device]:
    print(f"seed {SEED}")
    faults = Faults(Random(SEED), echo=True, dribble=kind == "dribbling")
    rate = SLOWLY if kind == "dribbling" else 1.0

    def clock() -> float:
        return time.monotonic() / rate

    link: Link
    if kind == "gateway":
        wire: Wire = TcpWire(far_end(faults), faults, baud=BAUD, clock=clock)
        link = TcpLink("127.0.0.1", wire.port)  # type: ignore[attr-defined]
    else:
        wire = Wire(far_end(faults), faults, tmp_path / "port", baud=BAUD, clock=clock)
        link = SerialLink(str(wire.path), BAUD)
    device = Device(driver, faults, wire, link, answer, clock)
    wire.plug()
    task = asyncio.create_task(device.session.run())
    try:
        yield device
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        wire.unplug()


# -- terminals and raters ----------------------------------------------------------------------------------------


@asynccontextmanager
async def terminals(tmp_path: Path, kind: str) -> AsyncIterator[tuple[Device, Terminal68, TerminalBus]]:
    driver = Terminal68([1, 2], [11], repeat_ms=LONG_REPEAT_MS, baud=BAUD if kind != "gateway" else None)
    bus = TerminalBus([1, 2], [11])

    def answer(fact: object) -> None:
        if isinstance(fact, Pressed | Rated):
            driver.answer(fact.frame)
            driver.show_ticket(1, fact.digits if isinstance(fact, Pressed) else "")
            device.session.flush()

    async with echoing(tmp_path, kind, driver, lambda _: bus, answer) as device:
        await eventually(lambda: device.of(LinkUp))
        for address in (1, 2):
            driver.show_waiting(address, 12)
        device.session.flush()
        await eventually(lambda: all(terminal.waiting == "012" for terminal in bus.terminals.values()))
        yield device, driver, bus


async def press(device: Device, bus: TerminalBus, address: int, digits: str) -> None:
    bus.press(address, Key.TRANSFER, digits)
    device.wire.poke()
    await eventually(lambda: not bus.waits_for_echo(address))


@pytest.mark.parametrize("kind", KINDS)
async def test_one_press_is_one_press_and_our_request_is_nobodys_key(tmp_path: Path, kind: str) -> None:
    async with terminals(tmp_path, kind) as (device, driver, bus):
        for n in range(10, 20):
            await press(device, bus, 1 + n % 2, str(n))
        assert [fact.digits for fact in device.of(Pressed)] == [str(n) for n in range(10, 20)]
        await eventually(lambda: bus.terminals[1].ticket == "19")
        driver.ask_rating(11)
        device.session.flush()
        await eventually(lambda: bus.raters[11].asking)
        bus.rate(11, 4)
        device.wire.poke()
        await eventually(lambda: bus.raters[11].echoes == 1)
        # What a returned answer would do shows after the train of copies: our own, still coming round, is a new press.
        await asyncio.sleep(2.2 if kind == "serial" else 0)
        assert [fact.score for fact in device.of(Rated)] == [4]
        assert len(device.of(Pressed)) == 10
        assert bus.raters[11].asked == 1
        assert device.of(Echoing) == [Echoing(True)]
        if kind != "dribbling":  # how single bytes of both sides come between each other is the machine's affair
            assert device.of(Health) == [OK]


async def test_both_terminals_at_once_while_displays_are_told(tmp_path: Path) -> None:
    async with terminals(tmp_path, "serial") as (device, driver, bus):
        for n in range(20, 30):
            for address in (1, 2):
                driver.show_ticket(address, str(n))
                bus.press(address, Key.TRANSFER, str(n))
            device.session.flush()
            device.wire.poke()
            await eventually(lambda: not bus.waits_for_echo(1) and not bus.waits_for_echo(2))
        assert sorted((fact.frame.address, int(fact.digits)) for fact in device.of(Pressed)) == [
            (address, n) for address in (1, 2) for n in range(20, 30)
        ]


@pytest.mark.parametrize(("knob", "value"), [("collision", 0.5), ("garble", 0.1), ("loss", 0.1)])
async def test_broken_echoes_cost_a_repetition_and_never_a_press_too_many(
    tmp_path: Path, knob: str, value: float
) -> None:
    async with terminals(tmp_path, "serial") as (device, driver, bus):
        await eventually(lambda: device.of(Echoing))
        setattr(device.faults, knob, value)
        for n in range(30, 50):
            driver.show_waiting(1, n)
            device.session.flush()
            await press(device, bus, 1 + n % 2, str(n))
        setattr(device.faults, knob, 0.0)
        await press(device, bus, 1, "50")
        digits = [fact.digits for fact in device.of(Pressed)]
        assert len(digits) == len(set(digits))
        assert digits[-1] == "50"
        assert len(digits) >= 15
        assert device.of(Rated) == []
        assert all(fact.on for fact in device.of(Echoing))


async def test_an_adapter_that_is_changed_is_noticed(tmp_path: Path) -> None:
    async with terminals(tmp_path, "serial") as (device, _, bus):
        await eventually(lambda: device.of(Echoing))
        device.faults.echo = False
        for n in range(51, 60):
            await press(device, bus, 1, str(n))
        await eventually(lambda: device.of(Echoing) == [Echoing(True), Echoing(False)])
        device.faults.echo = True
        numbers = iter(range(61, 99))
        while len(device.of(Echoing)) < 3:
            await press(device, bus, 1, str(next(numbers)))
            await asyncio.sleep(HANDS)
        digits = [int(fact.digits) for fact in device.of(Pressed)]
        assert digits == [*range(51, 60), *range(61, 61 + len(digits) - 9)]


# -- pads of four keys --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
async def test_the_lamp_of_a_pad_that_comes_back_is_no_press(tmp_path: Path, kind: str) -> None:
    driver, bus = fourkey.FourKeyBus([3, 7], baud=BAUD if kind != "gateway" else None), PadBus([3, 7])
    for address in (3, 7):
        driver.show(address, fourkey.GREEN, "017")  # the frame of key 2
    async with echoing(tmp_path, kind, driver, lambda _: bus) as device:
        await eventually(lambda: all((pad.colour, pad.text) == ("green", "017") for pad in bus.pads.values()))
        assert device.of(fourkey.Pressed) == []
        for n in range(10, 16):
            driver.show(7, fourkey.GREEN, f"0{n}")
            device.session.flush()
            await eventually(lambda n=n: bus.pads[7].text == f"0{n}")  # type: ignore[misc]
            bus.press(3, 1)
            device.wire.poke()
            await eventually(lambda n=n: len(device.of(fourkey.Pressed)) == n - 9)  # type: ignore[misc]
        assert {(fact.address, fact.key) for fact in device.of(fourkey.Pressed)} == {(3, 1)}


# -- printers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
async def test_a_printer_is_heard_and_its_proof_too(tmp_path: Path, kind: str) -> None:
    printer = EscposPrinter(baud=BAUD if kind != "gateway" else None)
    async with echoing(tmp_path, kind, printer, lambda faults: PrinterFarEnd(faults, seconds_per_line=0.01)) as device:
        far_end = device.wire.far_end
        assert isinstance(far_end, PrinterFarEnd)
        for n in range(3):
            printer.print(f"job {n}", b"\x1b\x40A00%d in front of you: %d\n\n\n\n" % (n, n * 7) + CUT)
            device.session.flush()
            await eventually(lambda n=n: Printed(f"job {n}") in device.facts)  # type: ignore[misc]
        assert far_end.cut == 3
        assert device.of(Health) == [OK]
        device.faults.paper = "out"
        device.wire.poke()
        await eventually(lambda: device.of(Health)[-1] == Health("degraded", "paper_end"))
        device.faults.paper = "ok"
        device.wire.poke()
        await eventually(lambda: device.of(Health)[-1] == OK)
        assert device.of(Echoing) == [Echoing(True)]


@pytest.mark.long
@pytest.mark.parametrize("knob", ["collision", "garble"])
async def test_a_printer_on_a_bad_echoing_line_closes_every_job_once(tmp_path: Path, knob: str) -> None:
    printer = EscposPrinter(baud=BAUD, confirm_timeout=2.0)
    async with echoing(tmp_path, "serial", printer, PrinterFarEnd) as device:
        await eventually(lambda: device.of(Echoing) and device.of(Health) == [OK])
        setattr(device.faults, knob, 0.2)
        for n in range(4):
            printer.print(f"job {n}", b"A00%d\n" % n + CUT)
            device.session.flush()
        await eventually(lambda: len(device.of(Printed, Sent, Unknown)) == 4)
        setattr(device.faults, knob, 0.0)
        await eventually(lambda: device.of(Health)[-1] == OK)
        assert {fact.job for fact in device.of(Printed, Sent, Unknown)} == {f"job {n}" for n in range(4)}


# -- displays ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
async def test_a_board_shows_each_text_and_its_replies_are_heard(tmp_path: Path, kind: str) -> None:
    board = BxBoard()
    async with echoing(tmp_path, kind, board, lambda _: BoardFarEnd()) as device:
        far_end = device.wire.far_end
        assert isinstance(far_end, BoardFarEnd)
        for n in range(8):
            board.show([f"A00{n}", "", "", ""])
            device.session.flush()
            await eventually(lambda n=n: far_end.lines()[:1] == [f"A00{n}"])  # type: ignore[misc]
        await eventually(lambda: device.of(Health))
        assert device.of(Health) == [OK]
        assert device.of(Echoing) == [Echoing(True)]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_window_display_shows_each_text(tmp_path: Path, kind: str) -> None:
    window = CounterDisplay("epson")
    async with echoing(tmp_path, kind, window, lambda _: CounterDisplayFarEnd("epson")) as device:
        far_end = device.wire.far_end
        assert isinstance(far_end, CounterDisplayFarEnd)
        for n in range(4):
            window.show(f"A00{n}", "counter 1")
            device.session.flush()
            await eventually(lambda n=n: far_end.lines() == (f"A00{n}", "counter 1"))  # type: ignore[misc]
        assert device.of(Health) == [PORT_ONLY]
        await eventually(lambda: device.of(Echoing) == [Echoing(True)])


# -- Modbus ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
async def test_a_modbus_line_that_echoes_shows_what_it_should_and_each_press_once(tmp_path: Path, kind: str) -> None:
    number = Profile.from_dict(
        {"name": "n", "function": 6, "line": [{"address": 0, "form": "number", "characters": 4}]}
    )
    text = Profile.from_dict({"name": "t", "letters": "A", "line": [{"address": 0, "characters": 4}]})
    used = frozenset((str(n), "single") for n in range(1, 9))
    driver = Modbus([1, 2, 3], {11: Inputs(8, 0, used)}, byte_time=0 if kind == "gateway" else 10 / BAUD)
    units = ModbusFarEnd({1: Display(number), 2: Display(text)}, {11: Module(8)})
    async with echoing(tmp_path, kind, driver, lambda _: units) as device:
        driver.show(3, number.writes(["7"]))  # nobody there
        await eventually(lambda: UnitHealth(11, OK) in device.facts)
        for n in range(1, 9):
            driver.show(1, number.writes([str(n)]))
            driver.show(2, text.writes([f"A{n}"]))
            device.session.flush()
            units.press(11, n, "long")  # asking for the unit that is missing takes longer than a short press
            device.wire.poke()
            await eventually(lambda n=n: len(device.of(ModbusPressed)) == n)
        await eventually(lambda: (units.displays[1].lines(), units.displays[2].lines()) == (("8",), ("  A8",)))
        states = {1: OK, 2: OK, 3: NO_ANSWER, 11: OK}
        await eventually(lambda: {fact.unit: fact.health for fact in device.of(UnitHealth)} == states)
        assert device.of(ModbusPressed) == [ModbusPressed(11, str(n), "single") for n in range(1, 9)]
        # On a starved machine an echo may come so late that the line counts as a plain one for a moment.
        told = device.of(Echoing)
        assert (told[0], told[-1]) == (Echoing(True), Echoing(True))
