"""Keys as Linux reports them: records, the keypad and the card reader that types, and the link that grabs them."""

from __future__ import annotations

import asyncio
import os
import struct
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random

import pytest
from branches import NINE, branch
from golden import vectors
from hypothesis import given
from hypothesis import strategies as st
from ports import Pty, eventually

from controller.devices.hub import Hub
from controller.devices.usb_keypad import AT_A_COUNTER, UsbKeypadAdapter, UsbKeypadSettings
from controller.engine import Request
from controller.journal import Journal
from controller.lobby.actions.call_next import CallNext
from controller.lobby.actions.transfer import Transfer
from drivers.cardreader import PAUSE, BadCard, CardRead
from drivers.device import Health
from drivers.evdev import Keys, Typed, TypingReader, UsbKeypad, record_reader
from drivers.link import InputLink, LinkError, node_of, open_link, parse_link
from drivers.session import LinkDown, Session
from simulators.devices.card_reader import HANDS, TYPING, CardReaderFarEnd, Form
from simulators.devices.usb_keypad import CODES, REPEAT_AFTER, UsbKeypadFarEnd, message, record
from simulators.faults import Faults

GOLDEN = vectors("evdev")
LONG_64, LONG_32 = struct.Struct("<qqHHi"), struct.Struct("<iiHHi")
TEST_CARD, DEBIT_CARD = "4111111111111111", "6205500000000000004"
DROPPED, REPORT = record(0, 3, 0), record(0, 0, 0)


def keypad(within: float = 10.0) -> UsbKeypad:
    driver = UsbKeypad(AT_A_COUNTER, typed_within=within)
    assert driver.connected(0.0) == [Health("ok", "keypad_port_only")]
    return driver


def keys(*names: str) -> bytes:
    """What is told of these keys, each pressed and let go."""
    return b"".join(message(CODES[name], value) for name in names for value in (1, 0))


# -- records -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "layout", "found"),
    [
        ("f1 twice, 64", LONG_64, [(59, 1), (59, 0), (59, 1), (59, 0)]),
        ("1, 32", LONG_32, [(2, 1), (2, 0)]),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_records_as_they_were_dumped(name: str, layout: struct.Struct, found: list[tuple[int, int]], size: int) -> None:
    told, data = Keys(record_reader(layout)), GOLDEN[name]
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    assert [key for piece in pieces for key in told.feed(piece, 1.0)] == found


@given(st.lists(st.binary(max_size=100)))
def test_no_bytes_break_the_drivers(chunks: list[bytes]) -> None:
    pad, reader = keypad(), TypingReader()
    reader.connected(0.0)
    for chunk in chunks:
        pad.receive(chunk, 1.0)
        reader.receive(chunk, 1.0)
    reader.tick(20.0)
    for _ in range(2):  # the first may still belong to what SYN_DROPPED began
        pad.receive(keys("ENTER"), 20.0)
    assert pad.receive(keys("ENTER"), 40.0) == [Typed("ENTER", "")]


# -- the keypad --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "facts"),
    [
        (["ENTER"], [Typed("ENTER", "")]),
        (["1", "2", "ASTERISK"], [Typed("ASTERISK", "12")]),
        (["NUMLOCK", "1", "NUMLOCK", "2", "ENTER", "NUMLOCK"], [Typed("ENTER", "12")]),
        (["1", "BACKSPACE", "2", "ENTER", "PLUS"], [Typed("ENTER", "2"), Typed("PLUS", "")]),
        ([*"123456", "ENTER"], [Typed("ENTER", "123456")]),
        ([*"1234567", "ENTER", "ENTER"], [Typed("ENTER", "")]),
    ],
)
@pytest.mark.parametrize("size", [1, 24, 1000])
def test_digits_then_a_key(typed: list[str], facts: list[object], size: int) -> None:
    driver, data = keypad(), keys(*typed)
    assert [fact for n in range(0, len(data), size) for fact in driver.receive(data[n : n + size], 1.0)] == facts


def test_a_key_that_is_held_acts_once() -> None:
    driver, code = keypad(), CODES["ENTER"]
    assert driver.receive(message(code, 1), 1.0) == [Typed("ENTER", "")]
    assert driver.receive(message(code, 2) * 100, 2.0) == []
    assert driver.receive(message(code, 0), 3.0) == []


def test_digits_are_forgotten_after_a_while_and_with_the_link() -> None:
    driver = keypad(within=5)
    driver.receive(keys("1"), 1.0)
    assert driver.receive(keys("ENTER"), 6.0) == [Typed("ENTER", "1")]
    driver.receive(keys("1"), 10.0)
    assert driver.receive(keys("ENTER"), 15.1) == [Typed("ENTER", "")]
    driver.receive(keys("1"), 20.0)
    driver.disconnected(20.1)
    driver.connected(20.2)
    assert driver.receive(keys("ENTER"), 20.3) == [Typed("ENTER", "")]


def test_when_the_kernel_has_lost_keys_what_was_typed_is_dropped_and_so_is_the_rest_of_that_message() -> None:
    driver = keypad()
    lost = keys("1") + DROPPED + record(1, CODES["ENTER"], 1)
    assert driver.receive(lost, 1.0) == []
    assert driver.receive(record(1, CODES["PLUS"], 1) + REPORT, 1.1) == []
    assert driver.receive(keys("2", "ENTER"), 1.2) == [Typed("ENTER", "2")]


def test_a_digit_with_a_meaning_of_its_own_is_a_key() -> None:
    driver = UsbKeypad({"1": "TAKE service=cash"})
    driver.connected(0.0)
    assert driver.receive(keys("2", "1"), 1.0) == [Typed("1", "2")]


def test_the_simulated_keypad_bounces_and_sticks_as_a_real_one() -> None:
    faults = Faults(Random(1), bounce=0.2)
    far_end, driver = UsbKeypadFarEnd(faults), keypad()
    far_end.plugged(0.0)
    far_end.press("ENTER")
    assert [driver.receive(told, 0.0) for told in far_end.data_to_send(0.0)] == [[Typed("ENTER", "")], []]
    assert far_end.next_deadline() == 0.2
    assert [driver.receive(told, 0.2) for told in far_end.data_to_send(0.2)] == [[Typed("ENTER", "")], []]
    faults.bounce, faults.stuck = 0.0, True
    far_end.press("PLUS")
    assert b"".join(far_end.data_to_send(1.0)) == message(CODES["PLUS"], 1, 0.2)
    far_end.tick(0.2 + REPEAT_AFTER)
    assert b"".join(far_end.data_to_send(1.0)) == message(CODES["PLUS"], 2, 0.2 + REPEAT_AFTER)
    faults.stuck = False
    far_end.tick(2.0)
    assert b"".join(far_end.data_to_send(2.0)) == message(CODES["PLUS"], 0, 2.0)
    assert far_end.next_deadline() is None


@pytest.fixture
def requests() -> list[Request]:
    return []


@pytest.fixture
def hub(tmp_path: Path, requests: list[Request]) -> Iterator[Hub]:
    rules = branch({"3": {"cash": 0}})
    journal = Journal(tmp_path / "lobby.db", rules.branch)
    yield Hub(rules, journal, requests.append, lambda: True, lambda: NINE)
    journal.close()


def test_keys_are_those_of_the_counter_each_press_with_a_cause_of_its_own(hub: Hub, requests: list[Request]) -> None:
    settings = UsbKeypadSettings.model_validate(
        {"id": "pad", "driver": "usb-keypad", "counter": "3", "link": "input:/dev/lobby/pad"}
    )
    adapter, driver = UsbKeypadAdapter(settings, hub.context), keypad()
    for fact in driver.receive(keys("ENTER", "1", "2", "ASTERISK", "BACKSPACE"), 1.0):
        adapter.heard(fact)
    assert [request.command for request in requests] == [
        CallNext(at=NINE, cause=f"usb-keypad:pad:{NINE}", counter="3"),
        Transfer(at=NINE + 1, cause=f"usb-keypad:pad:{NINE + 1}", counter="3", digits="12"),
    ]


# -- a reader that types -----------------------------------------------------------------------------------------


def read(data: bytes, size: int) -> list[object]:
    """The facts from these records, in pieces, and from the silence after them."""
    reader = TypingReader()
    facts, now = [*reader.connected(0.0)], 1.0
    assert facts == [Health("ok", "reader_port_only")]
    for start in range(0, len(data), size):
        facts += reader.receive(data[start : start + size], now)
        now += 0.0001
    return [*facts[1:], *reader.tick(now + PAUSE)]


@pytest.mark.parametrize("form", ["tracks", "one line", "chip", "number"])
@pytest.mark.parametrize("size", [1, 24, 100_000])
def test_what_a_reader_types_is_read_as_what_one_on_a_serial_line_says(form: Form, size: int) -> None:
    far_end = CardReaderFarEnd(form, types=True)
    far_end.swipe(DEBIT_CARD)
    assert len(far_end.data_to_send(0.0)) == 1, "as fast as it types"
    assert far_end.next_deadline() == TYPING
    far_end.plugged(0.0)
    far_end.swipe(DEBIT_CARD)
    data = b"".join(far_end.data_to_send(HANDS) + far_end.data_to_send(2 * HANDS))
    assert read(data, size) == [CardRead(DEBIT_CARD)]


def test_a_card_of_which_keys_were_lost_is_not_another_card() -> None:
    digits = b"".join(message({"0": 11}.get(d, 1 + int(d)), value) for d in TEST_CARD for value in (1, 0))
    middle = len(digits) // 2
    lost = digits[:middle] + DROPPED + REPORT + digits[middle:] + message(28, 1) + message(28, 0)
    assert read(digits + message(28, 1), 1000) == [CardRead(TEST_CARD)]
    assert read(lost, 1000) == [BadCard()]


def test_a_reader_shows_nothing_of_a_card_that_is_under_way() -> None:
    reader = TypingReader()
    reader.connected(0.0)
    reader.receive(b"".join(message(1 + int(d), 1) for d in TEST_CARD), 1.0)
    assert TEST_CARD[:6] not in repr(reader)


# -- the link ----------------------------------------------------------------------------------------------------


def test_a_link_to_keys_is_a_node_or_where_it_is_plugged_in() -> None:
    assert parse_link("input:/dev/lobby/pad") == InputLink("/dev/lobby/pad")
    assert parse_link("input:phys=usb-0000:00:14.0-2/input0") == InputLink(phys="usb-0000:00:14.0-2/input0")


def test_identical_keypads_are_told_apart_by_where_they_are_plugged_in(tmp_path: Path) -> None:
    for n, phys in enumerate(["usb-0000:00:14.0-1/input0", "usb-0000:00:14.0-2/input0"], 7):
        (tmp_path / f"event{n}" / "device").mkdir(parents=True)
        (tmp_path / f"event{n}" / "device" / "phys").write_text(phys + "\n")
    assert node_of("usb-0000:00:14.0-2/input0", tmp_path) == "/dev/input/event8"
    with pytest.raises(FileNotFoundError):
        node_of("usb-0000:00:14.0-3/input0", tmp_path)


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        (InputLink("/dev/null"), "no_port"),
        (InputLink("/dev/lobby/no-such-pad"), "no_path"),
        (InputLink(phys="usb-nowhere/input0"), "no_path"),
    ],
)
async def test_what_is_no_input_device_is_not_opened(link: InputLink, reason: str) -> None:
    with pytest.raises(LinkError, match=reason):
        await open_link(link, asyncio.Protocol)


@asynccontextmanager
async def session(driver: UsbKeypad, link: InputLink) -> AsyncIterator[list[object]]:
    """The facts of a session at work, ended afterwards."""
    heard: list[object] = []
    task = asyncio.create_task(Session(driver, link, heard.append, time.monotonic).run())
    try:
        yield heard
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_keys_are_one_programs_alone_and_are_back_after_the_plug_was_out(tmp_path: Path) -> None:
    pty = Pty(tmp_path / "pad")
    try:
        async with session(UsbKeypad(AT_A_COUNTER), InputLink(str(pty.path))) as heard:
            await eventually(lambda: Health("ok", "keypad_port_only") in heard)
            with pytest.raises(LinkError, match="port_taken"):
                await open_link(InputLink(str(pty.path)), asyncio.Protocol)
            os.write(pty.master, keys("1", "ENTER"))
            await eventually(lambda: Typed("ENTER", "1") in heard)
            os.write(pty.master, keys("1"))
            pty.unplug()
            await eventually(lambda: LinkDown("lost") in heard)
            heard.clear()
            pty.plug()
            await eventually(lambda: Health("ok", "keypad_port_only") in heard)
            os.write(pty.master, keys("ENTER"))
            await eventually(lambda: Typed("ENTER", "") in heard)
    finally:
        pty.unplug()
