"""What is on a port: asked of the simulated devices over real wires, and heard when somebody uses them."""

from __future__ import annotations

import asyncio
import os
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from machines import NUMBERS, Bench, Silent

from controller.devices.probe import Place
from controller.setup.asking import Found, Listening, Spoke, Unread, ask, probes
from controller.setup.ports import Machine, Port
from drivers.modbus_display import Profile
from drivers.terminal68 import Key
from simulators.devices.bx import BoardFarEnd
from simulators.devices.card_reader import CardReaderFarEnd
from simulators.devices.escpos import PrinterFarEnd
from simulators.devices.four_key_pad import PadBus
from simulators.devices.line_keypad import LineKeypadFarEnd
from simulators.devices.modbus import Display, ModbusFarEnd, Module
from simulators.devices.terminal68 import TerminalBus
from simulators.devices.usb_keypad import UsbKeypadFarEnd
from simulators.faults import Faults

LED_485 = Path(__file__).parents[1] / "config/modbus/led-485.toml"
PROFILE = Profile.from_dict(tomllib.loads(LED_485.read_text("utf-8")))


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.end()


async def found(bench: Bench) -> dict[str, Found]:
    ports = Machine(bench.root).ports()
    return {each.port.kernel: each for each in await asyncio.gather(*map(ask, ports))}


@pytest.mark.long
async def test_who_is_asked_says_who_it_is(bench: Bench) -> None:
    """Printers at their own speed, boards, Modbus units; all through adapters that echo, or that deliver in pieces."""
    bench.plug(bench.usb("ttyUSB0", "1"), PrinterFarEnd(Faults()), Faults(dribble=True), baud=9600)
    bench.plug(bench.usb("ttyUSB1", "2"), PrinterFarEnd(Faults(paper="out")), Faults(speed=115200), baud=115200)
    bench.plug(bench.usb("ttyUSB2", "3"), BoardFarEnd(), Faults(echo=True), baud=57600)
    lines = ModbusFarEnd({2: Display(PROFILE, None)}, {11: Module(8, 0)})
    bench.plug(bench.usb("ttyUSB3", "4"), lines, Faults(echo=True), baud=9600)
    bench.plug(bench.usb("ttyUSB4", "5"), Silent())
    bench.plug(bench.usb("usb/lp0", "6"), PrinterFarEnd(Faults()))
    bench.plug(bench.usb("usb/lp1", "7"), PrinterFarEnd(Faults(), status=False))
    bench.usb("ttyUSB9", "8")  # its adapter has no port
    said = {name: (each.driver, each.speed, each.places, each.cause) for name, each in (await found(bench)).items()}
    assert said == {
        "ttyUSB0": ("escpos", 9600, (Place(),), ""),
        "ttyUSB1": ("escpos", 115200, (Place(),), ""),
        "ttyUSB2": ("bx", 57600, (Place(),), ""),
        "ttyUSB3": ("modbus", 9600, (Place("displays", 2), Place("inputs", 11)), ""),
        "ttyUSB4": ("", 0, (), ""),
        "ttyUSB9": ("", 0, (), "no_path"),
        "lp0": ("escpos", 9600, (Place(),), ""),
        "lp1": ("escpos", 0, (), ""),
    }


async def test_a_port_that_another_program_has_is_left_to_it(bench: Bench) -> None:
    node = bench.usb("ttyUSB0", "1")
    wire = bench.plug(node, PrinterFarEnd(Faults()), baud=9600)
    import fcntl  # noqa: PLC0415

    held = os.open(node, os.O_RDWR | os.O_NOCTTY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert (await found(bench))["ttyUSB0"].cause == "port_taken"
    finally:
        os.close(held)
    assert isinstance(wire.far_end, PrinterFarEnd)
    assert not wire.far_end.strip.words


async def test_nothing_is_printed_by_asking(bench: Bench) -> None:
    wire = bench.plug(bench.usb("ttyUSB0", "1"), PrinterFarEnd(Faults()), baud=9600)
    await found(bench)
    assert isinstance(wire.far_end, PrinterFarEnd)
    assert (wire.far_end.tickets, wire.far_end.strip.words) == ([], "")


async def test_what_is_pressed_says_where_it_is(bench: Bench) -> None:
    """Each kind that speaks only when it is used; after a press that nobody can read the next speed is tried."""
    bus = TerminalBus([1, 3], [11])
    pads = PadBus([4])
    keypad, reader, usb = LineKeypadFarEnd(Faults()), CardReaderFarEnd(types=False), UsbKeypadFarEnd()
    wires = {
        "bus": bench.plug(bench.usb("ttyUSB0", "1"), bus, Faults(echo=True), baud=9600),
        "pads": bench.plug(bench.usb("ttyUSB1", "2"), pads, Faults(speed=57600), baud=57600),
        "keypad": bench.plug(bench.usb("ttyUSB2", "3"), keypad, baud=9600),
        "reader": bench.plug(bench.usb("ttyUSB3", "4"), reader, baud=9600),
        "usb": bench.plug(bench.usb("input/event4", "5", keys=NUMBERS), usb),
    }
    async with Listening(Machine(bench.root).ports()) as ear, asyncio.timeout(30):
        await ear.ready()

        spoke: dict[str, str] = {}

        async def spoken(wire: str) -> tuple[str, str, int, Place]:
            wires[wire].poke()
            said = await ear.next()
            while said.port.kernel in spoke and wire not in spoke.values():
                said = await ear.next()  # the end of what another has said, which came late
            assert isinstance(said, Spoke), said
            spoke[said.port.kernel] = wire
            return said.port.kernel, said.driver, said.speed, said.place

        bus.press(3, Key.CALL)
        assert await spoken("bus") == ("ttyUSB0", "terminal68", 9600, Place("addresses", 3))
        bus.rate(11, 2)
        assert await spoken("bus") == ("ttyUSB0", "terminal68", 9600, Place("raters", 11))
        keypad.press("CALL", "")
        assert await spoken("keypad") == ("ttyUSB2", "line-keypad", 9600, Place())
        reader.swipe("6222020000000000007")
        assert await spoken("reader") == ("ttyUSB3", "card-reader", 9600, Place())
        usb.press("5")
        assert await spoken("usb") == ("event4", "usb-keypad", 9600, Place())
        usb.press("ENTER")  # may be that of whoever answers the questions
        wires["usb"].poke()
        bus.press(1, Key.RECALL)
        assert await spoken("bus") == ("ttyUSB0", "terminal68", 9600, Place("addresses", 1))
        pads.press(4, 1)
        pads.press(4, 1)
        wires["pads"].poke()
        unread = await ear.next()
        assert isinstance(unread, Unread), unread
        assert (unread.port.kernel, unread.speed) == ("ttyUSB1", 57600)
        await ear.ready()
        pads.press(4, 1)
        assert await spoken("pads") == ("ttyUSB1", "four-key-pad", 57600, Place("pads", 4))
    assert not bus.waits_for_echo(3), "it was answered, so that it does not repeat itself"


@pytest.mark.parametrize("driver", [driver for driver, probe in probes().items() if probe.forms])
def test_no_kind_takes_noise_or_what_others_say_for_its_own(driver: str) -> None:
    """Echoes of every question, what every other kind says, and bytes at random."""
    probe = probes()[driver]
    strange = [bytes(range(256)), b"\xff" * 40, b"\x00" * 40, b"login: ", b"AT\r\nOK\r\n", b"\x16\x12\x14" * 9]
    strange += [data for other in probes().values() for data in other.asks]
    strange += [] if driver == "terminal68" else [bytes.fromhex("FF680303680301 0C1016".replace(" ", ""))]
    strange += [] if driver == "four-key-pad" else [bytes.fromhex("01033107")]
    strange += [] if driver == "line-keypad" else [b"CALL\r\n"]
    strange += [] if driver == "card-reader" else [b";6222020000000000007=4912?\r\n"]
    for said in strange:
        replies = [said] * max(1, len(probe.asks))
        assert list(probe.hears(replies)) == [], (driver, said)


def test_the_time_that_a_port_takes_has_a_limit() -> None:
    asking = [probe for probe in probes().values() if probe.asks and "serial" in probe.forms]
    silent = sum((0.1 + probe.wait * (len(probe.asks) if probe.apart else 2)) * len(probe.speeds) for probe in asking)
    assert silent < 15, "seconds for a port on which nobody answers"


def test_ports_that_may_not_be_used_are_not_opened(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    node = bench.board("ttyS0", console=True)
    (port,) = Machine(bench.root).ports()
    assert asyncio.run(ask(port)) == Found(port)
    assert not node.exists()
    assert isinstance(port, Port)
