"""Frames of the call terminals: as the sheet has them, on any line, in any noise."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from terminals68 import CALL, GARBLED, GOLDEN, MEANT, RATER, addresses, fact, key, ready, sent

from drivers.terminal68 import (
    BLANK,
    MAX_L_FROM_HOST,
    MAX_L_FROM_TERMINAL,
    Frame,
    Function,
    Key,
    frame_reader,
    ticket_frame,
    waiting_frame,
)
from simulators.devices.terminal68 import TerminalBus

# -- frames ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GOLDEN)
def test_sheet_frames_both_ways(name: str) -> None:
    assert MEANT[name].to_bytes() == GOLDEN[name]
    assert frame_reader(MAX_L_FROM_HOST).feed(GOLDEN[name], 0.0) == [MEANT[name]]


def test_every_sheet_frame_has_a_meaning_here() -> None:
    assert MEANT.keys() == GOLDEN.keys()


@pytest.mark.parametrize("name", GOLDEN)
def test_any_changed_bit_spoils_the_frame(name: str) -> None:
    good = GOLDEN[name]
    for position in range(len(good)):
        for bit in range(8):
            spoiled = bytearray(good)
            spoiled[position] ^= 1 << bit
            assert frame_reader(MAX_L_FROM_HOST).feed(bytes(spoiled), 0.0) == []


@pytest.mark.parametrize(
    ("data", "max_l", "good"),
    [
        ("FF 68 02 02 68 03 03 06 16", MAX_L_FROM_TERMINAL, True),
        ("FF 68 05 05 68 03 01 01 02 0C 13 16", MAX_L_FROM_TERMINAL, True),
        ("FF 68 06 06 68 03 01 00 01 02 0C 13 16", MAX_L_FROM_TERMINAL, False),
        ("FF 68 06 06 68 03 01 00 01 02 0C 13 16", MAX_L_FROM_HOST, True),
        ("FF 68 09 09 68 03 02 0A 0A 0A 00 00 01 07 2B 16", MAX_L_FROM_HOST, False),
        ("FF 68 01 01 68 03 03 16", MAX_L_FROM_HOST, False),
        ("FF 68 00 00 68 00 16", MAX_L_FROM_HOST, False),
        ("FF 68 03 04 68 03 01 0C 10 16", MAX_L_FROM_TERMINAL, False),
        ("FF 68 03 03 69 03 01 0C 10 16", MAX_L_FROM_TERMINAL, False),
        ("FF 68 03 03 68 03 01 0C 11 16", MAX_L_FROM_TERMINAL, False),
        ("FF 68 03 03 68 03 01 0C 10 17", MAX_L_FROM_TERMINAL, False),
        ("FF 68 03 03 68 FF 11 F1 01 16", MAX_L_FROM_TERMINAL, True),  # the sum is taken modulo 256
    ],
)
def test_what_is_a_frame(data: str, max_l: int, good: bool) -> None:
    assert bool(frame_reader(max_l).feed(bytes.fromhex(data), 0.0)) is good


@pytest.mark.parametrize("max_l", [MAX_L_FROM_TERMINAL, MAX_L_FROM_HOST])
def test_every_frame_a_side_may_send_is_read_by_the_other(max_l: int) -> None:
    for size in range(max_l - 1):
        for address, function in ((0, 0), (0xFF, 0x68), (0x68, 0xFF), (0x16, 0x11)):
            for byte in (0x00, 0x16, 0x68, 0xFF):
                frame = Frame(address, function, bytes([byte]) * size)
                assert frame_reader(max_l).feed(frame.to_bytes(), 0.0) == [frame]


@pytest.mark.parametrize(
    ("waiting", "shown"), [(0, "000"), (7, "007"), (12, "012"), (999, "999"), (1000, "999"), (123456, "999")]
)
def test_waiting_frame(waiting: int, shown: str) -> None:
    assert waiting_frame(3, waiting) == Frame(3, Function.DISPLAY, bytes(map(int, shown)) + bytes([BLANK] * 3))


@pytest.mark.parametrize(
    ("ticket", "shown"),
    [
        ("A017", "017"),
        ("A1234", "234"),
        ("B7", "  7"),
        ("C42", " 42"),
        ("", "   "),
        ("VIP", "   "),
        ("A０１７", "   "),  # full-width digits are no digits of a display
        ("A²5", "  5"),
    ],
)
def test_ticket_frame(ticket: str, shown: str) -> None:
    digits = bytes(BLANK if c == " " else int(c) for c in shown)
    assert ticket_frame(3, ticket) == Frame(3, Function.DISPLAY, bytes([BLANK] * 3) + digits)


# -- noise -------------------------------------------------------------------------------------------------------


key_frames = st.builds(
    Frame, addresses, st.integers(0, 255), st.lists(st.integers(0, 255), min_size=1, max_size=3).map(bytes)
)


# Whole heads, half heads and torn frames; never a head with two equal lengths, whose claim might reach into the next
# frame and by chance be right.
noise = st.lists(
    st.one_of(
        st.binary(max_size=20).map(lambda data: data.replace(b"\xff\x68", b"\xff")),
        st.sampled_from([b"\xff", b"\x68", b"\x16", b"\xff\x68\x03\x04", GOLDEN["no-show at 3"][1:]]),
        st.integers(5, 9).map(lambda size: CALL.to_bytes()[:size] + b"\x00"),
    ),
    max_size=5,
).map(b"".join)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """`data` in chunks of these sizes, over and over."""
    found, start = [], 0
    for turn in count():
        if start >= len(data):
            return found
        found.append(data[start : start + cuts[turn % len(cuts)]])
        start += len(found[-1])
    raise AssertionError


@given(st.lists(st.tuples(noise, key_frames)), st.lists(st.integers(1, 30), min_size=1, max_size=8))
def test_any_chunking_reads_the_same(parts: list[tuple[bytes, Frame]], cuts: list[int]) -> None:
    """Invariant: how bytes arrive changes neither the frames found nor what counts as garbage."""
    stream = b"".join(before + frame.to_bytes() for before, frame in parts)
    whole, cut, single = (frame_reader(MAX_L_FROM_TERMINAL) for _ in range(3))
    found = whole.feed(stream, 0.0)
    assert [frame for piece in pieces(stream, cuts) for frame in cut.feed(piece, 0.0)] == found
    assert [frame for piece in pieces(stream, [1]) for frame in single.feed(piece, 0.0)] == found
    assert whole.garbage == cut.garbage == single.garbage


@given(st.lists(st.tuples(noise, key_frames)), noise)
def test_good_frames_are_found_in_noise(parts: list[tuple[bytes, Frame]], tail: bytes) -> None:
    """Invariant: noise before, between and after frames hides none of them."""
    frames = [frame for _, frame in parts]
    stream = b"".join(before + frame.to_bytes() for before, frame in parts) + tail
    found = iter(frame_reader(MAX_L_FROM_TERMINAL).feed(stream, 0.0))
    assert all(frame in found for frame in frames), "each, in order"


@given(st.lists(st.tuples(st.floats(0, 2), st.one_of(st.binary(max_size=200), noise))))
def test_noise_never_raises_and_never_piles_up(chunks: list[tuple[float, bytes]]) -> None:
    """Invariant: whatever a bus or a far end hears, it goes on, and holds less than a frame of it back."""
    bus, far_end, now, fed = ready(3, raters=(RATER,)), TerminalBus((3,), (RATER,)), 0.0, 0
    reader = frame_reader(MAX_L_FROM_TERMINAL)
    for pause, chunk in chunks:
        now += pause
        fed += len(chunk)
        taken = sum(len(frame.to_bytes()) for frame in reader.feed(chunk, now))
        fed -= taken
        assert 0 <= fed - reader.garbage <= 5 + MAX_L_FROM_TERMINAL + 2
        bus.receive(chunk, now)
        bus.tick(now)
        sent(bus, now)
        far_end.receive(chunk, now)
    bus.receive(b"", now + 1)
    assert bus.receive(key(3, Key.TRANSFER, "77").to_bytes(), now + 1)[0] == fact(key(3, Key.TRANSFER, "77"))


def test_a_megabyte_of_heads_is_one_fact() -> None:
    bus = ready(3)
    flood = b"\xff\x68\x05\x05\x68" * 200_000
    assert bus.receive(flood, 1.0) == [GARBLED]
    assert bus.receive(CALL.to_bytes(), 2.0) == [fact(CALL)]


@pytest.mark.parametrize("torn", range(1, len(CALL.to_bytes())))
def test_a_torn_frame_hides_neither_the_next_nor_a_later_one(torn: int) -> None:
    for pause in (0.01, 0.6):
        bus = ready(3, 4)
        assert bus.receive(CALL.to_bytes()[:torn], 1.0) == []
        facts = bus.receive(key(4).to_bytes(), 1.0 + pause)
        assert fact(key(4)) in facts
        assert GARBLED in facts
