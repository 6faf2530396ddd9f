"""68-frames against the device sheet's bytes, and the bus in dialogue with terminals, time passed in."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from itertools import count, pairwise
from random import Random

import pytest
from golden import vectors
from hypothesis import given
from hypothesis import strategies as st

from drivers.device import OK, Health
from drivers.framing import FrameReader
from drivers.terminal68 import (
    BLANK,
    DEAF_AFTER,
    MAX_L_FROM_HOST,
    MAX_L_FROM_TERMINAL,
    NOISE_SPELL,
    NOT_HEARD,
    OUTAGE,
    PRESSES_KEPT,
    WAITING_INTERVAL,
    Frame,
    Function,
    Key,
    NotHeard,
    Pressed,
    Rated,
    Terminal68,
    UnknownAddress,
    frame_reader,
    ticket_frame,
    waiting_frame,
)
from simulators.devices.terminal68 import REPEAT, REPEATS, TerminalBus
from simulators.faults import Faults

GOLDEN = vectors("terminal68")
MEANT = {
    "call next at 3": Frame(3, Function.ANSWER_RATER, bytes([Key.CALL])),
    "no-show at 3": Frame(3, Function.ANSWER_RATER, bytes([6, Key.CONFIRM])),
    "show ticket 017 at 3": ticket_frame(3, "A017"),
    "beep 3": Frame(3, Function.BEEP),
}
GARBLED = Health("degraded", "garbled")
CALL = MEANT["call next at 3"]
NO_SHOW = MEANT["no-show at 3"]
RATER = 11


def key(address: int, key: int = Key.CALL, digits: str = "") -> Frame:
    return Frame(address, Function.ANSWER_RATER, bytes(int(d) for d in digits) + bytes([key]))


def fact(frame: Frame) -> Pressed:
    return Pressed(frame, "".join(map(str, frame.data[:-1])), frame.data[-1])


def beep(address: int) -> Frame:
    return Frame(address, Function.BEEP)


def read(data: bytes) -> list[Frame]:
    """The frames in these bytes, which must be nothing else."""
    reader = frame_reader(MAX_L_FROM_HOST)
    frames = reader.feed(data, 0.0)
    assert b"".join(frame.to_bytes() for frame in frames) == data
    return frames


def sent(bus: Terminal68, now: float) -> list[Frame]:
    """Everything that leaves at `now`."""
    frames = []
    while data := bus.data_to_send(now):
        frames += read(data)
    return frames


def ready(*terminals: int, raters: tuple[int, ...] = (), now: float = 0.0, baud: int | None = None) -> Terminal68:
    """A bus whose terminals have been told that nothing is in hand. Without a baud rate frames leave at once."""
    bus = Terminal68(terminals or (3,), raters, baud=baud)
    assert bus.connected(now) == [OK]
    while bus.data_to_send(now):
        now = bus.next_deadline() or now
    return bus


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

addresses = st.integers(0, 255)
key_frames = st.builds(
    Frame, addresses, st.integers(0, 255), st.lists(st.integers(0, 255), min_size=1, max_size=3).map(bytes)
)
host_frames = st.builds(Frame, addresses, st.integers(0, 255), st.binary(max_size=6))
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


# -- presses and their answers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(Key))
@pytest.mark.parametrize("digits", ["", "0", "6", "17", "09"])
def test_every_key_with_and_without_digits(name: Key, digits: str) -> None:
    bus = ready(3)
    frame = key(3, name, digits)
    assert bus.receive(frame.to_bytes(), 1.0) == [Pressed(frame, digits, name)]
    assert sent(bus, 1.0) == [], "no echo before the press is decided"
    bus.answer(frame)
    assert sent(bus, 1.0) == [frame]
    assert bus.next_deadline() is None


@pytest.mark.parametrize("function", [function for function in range(256) if function != Function.RATED])
def test_every_function_but_a_raters_is_a_key(function: int) -> None:
    bus = ready(3)
    frame = Frame(3, function, bytes([Key.CALL]))
    assert bus.receive(frame.to_bytes(), 1.0) == [Pressed(frame, "", Key.CALL)]
    bus.answer(frame)
    assert sent(bus, 1.0) == [frame], "the echo is the same frame, its function too"


@pytest.mark.parametrize("data", [b"", b"\x0a\x0c", b"\x01\xff\x0c"])
def test_a_frame_without_a_key_or_with_digits_that_are_none_is_no_press(data: bytes) -> None:
    bus = ready(3)
    bus.receive(CALL.to_bytes(), 1.0)
    assert bus.receive(Frame(3, Function.ANSWER_RATER, data).to_bytes(), 1.0) == []
    assert bus.receive(CALL.to_bytes(), 5.0) == [], "nor does it make the press before it be forgotten"
    assert sent(bus, 5.0) == []


def test_a_refused_key_beeps_after_its_echo() -> None:
    bus = ready(3)
    bus.receive(CALL.to_bytes(), 1.0)
    bus.answer(CALL, refused=True)
    assert sent(bus, 1.0) == [CALL, beep(3)]


def test_echoes_come_before_every_beep_and_all_else() -> None:
    bus = ready(3, 4, raters=(RATER,))
    bus.ask_rating(RATER)
    bus.show_waiting(3, 12)
    bus.show_ticket(4, "A017")
    for address in (3, 4):
        bus.receive(key(address).to_bytes(), 1.0)
        bus.answer(key(address), refused=True)
    assert sent(bus, 1.0) == [
        key(3),
        key(4),
        beep(3),
        beep(4),
        ticket_frame(4, "A017"),
        Frame(RATER, Function.ANSWER_RATER, bytes([Key.EVALUATE])),
        waiting_frame(3, 12),
    ]


@pytest.mark.parametrize("refused", [False, True])
@pytest.mark.parametrize("score", [1, 5, 0, 9])
def test_a_rater_is_answered_with_function_1_and_never_beeps(score: int, refused: bool) -> None:
    bus = ready(3, raters=(RATER,))
    rated = Frame(RATER, Function.RATED, bytes([score]))
    assert bus.receive(rated.to_bytes(), 1.0) == [Rated(rated, score)]
    bus.answer(rated, refused=refused)
    assert sent(bus, 1.0) == [Frame(RATER, Function.ANSWER_RATER, bytes([score]))]


def test_a_raters_further_data_is_not_echoed() -> None:
    bus = ready(3, raters=(RATER,))
    for score in (b"\x04", b"\x0c"):
        rated = Frame(RATER, Function.RATED, score + b"\x07")
        assert bus.receive(rated.to_bytes(), 1.0) == [Rated(rated, score[0])], "whether it is a score, others decide"
        bus.answer(rated)
        assert sent(bus, 1.0) == [Frame(RATER, Function.ANSWER_RATER, score)]


def test_a_rating_is_asked_for_once() -> None:
    bus = ready(3, raters=(RATER,))
    bus.ask_rating(RATER)
    assert sent(bus, 1.0) == [Frame(RATER, Function.ANSWER_RATER, bytes([Key.EVALUATE]))]
    bus.disconnected(2.0)
    bus.ask_rating(RATER)
    bus.disconnected(3.0)
    bus.connected(4.0)
    assert sent(bus, 4.0) == [ticket_frame(3, "")], "an edge is not kept over an outage"


def test_an_unknown_address_is_told_once_a_connection_and_not_answered() -> None:
    bus = ready(3)
    for address in (7, 8):
        assert bus.receive(key(address).to_bytes(), 1.0) == [UnknownAddress(address)]
        assert bus.receive(key(address, Key.PAUSE).to_bytes(), 2.0) == []
    assert sent(bus, 2.0) == []
    bus.disconnected(3.0)
    bus.connected(4.0)
    assert bus.receive(key(7).to_bytes(), 5.0) == [UnknownAddress(7)]


# -- retransmissions ---------------------------------------------------------------------------------------------


def test_a_repeat_while_the_press_is_pending_is_silent_however_late() -> None:
    bus = ready(3)
    bus.receive(CALL.to_bytes(), 1.0)
    for now in (1.3, 1.6, 9.0):
        assert bus.receive(CALL.to_bytes(), now) == []
        assert sent(bus, now) == []
    bus.answer(CALL)
    assert sent(bus, 9.1) == [CALL]


@pytest.mark.parametrize("refused", [False, True])
def test_a_repeat_of_an_answered_press_gets_the_same_answer_and_acts_once(refused: bool) -> None:
    bus = ready(3)
    bus.receive(CALL.to_bytes(), 1.0)
    bus.answer(CALL, refused=refused)
    answer = [CALL, beep(3)] if refused else [CALL]
    assert sent(bus, 1.0) == answer
    for now in (1.3, 1.6, 1.9):  # each within 400 ms of the last, as a terminal does that hears no echo
        assert bus.receive(CALL.to_bytes(), now) == []
        # It may have missed what came after the echo as well.
        assert sent(bus, now) == [*answer, ticket_frame(3, "")]


@pytest.mark.parametrize(("pause", "facts"), [(0.399, 0), (0.4, 1), (5.0, 1)])
def test_after_repeat_ms_the_same_key_is_a_new_press(pause: float, facts: int) -> None:
    bus = ready(3, now=0.0)
    bus.receive(CALL.to_bytes(), 0.0)
    bus.answer(CALL)
    sent(bus, 0.0)
    assert bus.receive(CALL.to_bytes(), pause) == [fact(CALL)] * facts
    assert sent(bus, pause) == ([] if facts else [CALL, ticket_frame(3, "")]), "a new press waits for its own answer"


@pytest.mark.parametrize("repeat", [1.0, 3.0])
def test_repeat_ms_is_a_setting(repeat: float) -> None:
    bus = Terminal68((3,), repeat_ms=round(repeat * 1000))
    bus.connected(0.0)
    for now, facts in ((0.0, [fact(CALL)]), (repeat - 0.1, []), (2 * repeat, [fact(CALL)])):
        assert bus.receive(CALL.to_bytes(), now) == facts
        bus.answer(CALL)


@pytest.mark.parametrize(("pause", "facts"), [(0.3, 0), (0.5, 1)])
def test_another_key_between_changes_nothing(pause: float, facts: int) -> None:
    """A copy that was long on its way, behind a later key: the frame tells, not its place."""
    bus = ready(3)
    for frame in (CALL, NO_SHOW):
        assert bus.receive(frame.to_bytes(), 1.0) == [fact(frame)]
        bus.answer(frame)
        assert sent(bus, 1.0) == [frame]
    assert bus.receive(CALL.to_bytes(), 1.0 + pause) == [fact(CALL)] * facts


@pytest.mark.parametrize("gap", [0.1, 0.3, 0.39])
def test_a_train_of_copies_is_one_press_however_long_and_then_it_is_said(gap: float) -> None:
    """A terminal that hears no echo, or a key that is stuck: 20 s of copies."""
    bus = ready(3, 4)
    assert bus.receive(CALL.to_bytes(), 10.0) == [fact(CALL)]
    bus.answer(CALL)
    told = []
    copies = round(20 / gap)
    for n in range(1, copies + 1):
        told += [(n, each) for each in bus.receive(CALL.to_bytes(), 10.0 + n * gap)]
    first = math.ceil(DEAF_AFTER / gap)
    assert told == [(first, NotHeard(3)), (first, NOT_HEARD)]
    over = 10.0 + copies * gap
    assert bus.receive(key(4).to_bytes(), over) == [fact(key(4))]
    assert bus.tick(over + NOISE_SPELL - 0.1) == []
    assert bus.tick(over + NOISE_SPELL) == [OK]
    assert bus.receive(CALL.to_bytes(), over + NOISE_SPELL) == [fact(CALL)]


def test_a_train_that_has_not_been_answered_says_nothing_of_the_terminal() -> None:
    bus = ready(3)
    heard = [bus.receive(CALL.to_bytes(), 10.0 + n * 0.3) for n in range(30)]
    assert heard == [[fact(CALL)], *[[]] * 29]


@pytest.mark.parametrize(
    ("last", "outage", "first", "facts"),
    [
        (0.1, 1.0, 0.0, 0),
        (0.39, OUTAGE - 1, 0.38, 0),
        (0.41, 1.0, 0.0, 1),  # it had been let go before
        (0.1, 1.0, 0.41, 1),  # it was let go meanwhile
        (0.1, OUTAGE + 1, 0.0, 1),
    ],
)
def test_an_outage_of_the_link_does_not_end_a_train(last: float, outage: float, first: float, facts: int) -> None:
    bus = ready(3)
    bus.receive(CALL.to_bytes(), 10.0)
    bus.answer(CALL)
    bus.disconnected(10.0 + last)
    back = 10.0 + last + outage
    bus.connected(back)
    assert bus.receive(CALL.to_bytes(), back + first) == [fact(CALL)] * facts


def test_what_comes_as_soon_as_the_link_is_there_may_have_been_pressed_before() -> None:
    for after, early in ((0.0, True), (0.39, True), (0.4, False)):
        bus = Terminal68((3,), (RATER,))
        bus.connected(5.0)
        rated = Frame(RATER, Function.RATED, b"\x05")
        heard = bus.receive(CALL.to_bytes() + rated.to_bytes(), 5.0 + after)
        assert heard == [fact(CALL), Rated(rated, 5)]
        assert [each.early for each in heard] == [early, early]


def test_only_so_many_presses_are_remembered_and_the_oldest_are_forgotten() -> None:
    terminals = range(100, 100 + PRESSES_KEPT + 1)
    bus = ready(*terminals)
    for address in terminals:
        assert bus.receive(key(address).to_bytes(), 1.0) == [fact(key(address))]
    assert bus.receive(key(terminals[-1]).to_bytes(), 1.1) == []
    assert bus.receive(key(terminals[1]).to_bytes(), 1.1) == []
    assert bus.receive(key(terminals[0]).to_bytes(), 1.1) == [fact(key(terminals[0]))]


def test_a_key_pressed_again_is_a_young_press() -> None:
    terminals = range(100, 100 + PRESSES_KEPT + 1)
    bus = ready(*terminals)
    for address in terminals[:-1]:
        bus.receive(key(address).to_bytes(), 1.0)
    bus.answer(key(terminals[0]))
    for address in (terminals[0], terminals[-1]):
        assert bus.receive(key(address).to_bytes(), 9.0) == [fact(key(address))]
    assert bus.receive(key(terminals[0]).to_bytes(), 9.1) == []


def test_a_late_answer_to_an_earlier_key_is_still_an_echo_and_not_the_later_ones() -> None:
    bus = ready(3)
    bus.receive(CALL.to_bytes() + NO_SHOW.to_bytes(), 1.0)
    bus.answer(CALL)
    assert sent(bus, 1.1) == [CALL]
    assert bus.receive(NO_SHOW.to_bytes(), 1.2) == []
    assert sent(bus, 1.2) == [], "still pending"


def test_terminals_do_not_shadow_each_other() -> None:
    bus = ready(3, 4)
    assert bus.receive(key(3).to_bytes() + key(4).to_bytes() + key(3).to_bytes(), 1.0) == [fact(key(3)), fact(key(4))]


def test_an_unanswered_press_is_tried_again_by_its_repeat() -> None:
    bus = ready(3)
    assert bus.receive(CALL.to_bytes(), 1.0) == [fact(CALL)]
    bus.unanswered(CALL)
    assert sent(bus, 1.0) == []
    assert bus.receive(CALL.to_bytes(), 1.3) == [fact(CALL)]


def test_giving_up_one_press_leaves_another_pending() -> None:
    bus = ready(3)
    bus.receive(CALL.to_bytes() + NO_SHOW.to_bytes(), 1.0)
    bus.unanswered(CALL)
    assert bus.receive(NO_SHOW.to_bytes(), 1.1) == []


def test_a_press_is_remembered_over_a_short_outage_and_its_echo_is_not_sent_into_it() -> None:
    bus = ready(3)
    bus.receive(CALL.to_bytes(), 1.0)
    bus.disconnected(1.1)
    bus.answer(CALL)
    bus.connected(1.2)
    assert sent(bus, 1.2) == [ticket_frame(3, "")]
    assert bus.receive(CALL.to_bytes(), 1.3) == []
    assert sent(bus, 1.3) == [CALL, ticket_frame(3, "")]


# -- displays ----------------------------------------------------------------------------------------------------


def test_until_told_otherwise_a_ticket_display_is_blank_and_no_count_is_shown() -> None:
    bus = Terminal68((3, 4), baud=None)
    bus.connected(0.0)
    assert sent(bus, 0.0) == [ticket_frame(3, ""), ticket_frame(4, "")]
    assert bus.next_deadline() is None


def test_levels_are_sent_when_they_change_and_only_then() -> None:
    bus = ready(3)
    bus.show_ticket(3, "A017")
    bus.show_waiting(3, 0)
    assert sent(bus, 1.0) == [ticket_frame(3, "A017"), waiting_frame(3, 0)]
    bus.show_ticket(3, "A017")
    bus.show_waiting(3, 0)
    assert bus.next_deadline() is None
    assert sent(bus, 9.0) == []


def test_waiting_counts_go_once_a_second_a_terminal_and_the_latest_wins() -> None:
    bus = ready(3, 4)
    for terminal in (3, 4):
        bus.show_waiting(terminal, 1)
    assert sent(bus, 10.0) == [waiting_frame(3, 1), waiting_frame(4, 1)]
    for waiting in (2, 3, 4):
        bus.show_waiting(3, waiting)
        assert sent(bus, 10.5) == []
    assert bus.next_deadline() == 10.0 + WAITING_INTERVAL
    assert sent(bus, 10.0 + WAITING_INTERVAL) == [waiting_frame(3, 4)]
    bus.show_waiting(3, 5)
    bus.show_waiting(3, 4)
    assert bus.next_deadline() is None, "what is shown already is not sent again"
    assert sent(bus, 20.0) == []


def test_a_count_is_told_again_on_demand_and_no_denser_for_it() -> None:
    bus = ready(3)
    bus.show_waiting_again(3)
    assert sent(bus, 5.0) == [], "there is none yet"
    bus.show_waiting(3, 0)
    assert sent(bus, 10.0) == [waiting_frame(3, 0)]
    bus.show_waiting_again(3)
    bus.show_waiting_again(3)
    assert sent(bus, 10.9) == []
    assert sent(bus, 11.0) == [waiting_frame(3, 0)]
    assert sent(bus, 20.0) == []


def test_a_count_held_back_delays_no_other_terminals() -> None:
    bus = ready(3, 4)
    bus.show_waiting(3, 1)
    sent(bus, 10.0)
    bus.show_waiting(3, 2)
    bus.show_waiting(4, 2)
    assert sent(bus, 10.1) == [waiting_frame(4, 2)]


@given(st.lists(st.tuples(st.floats(0, 0.4), st.sampled_from((3, 4)), st.integers(0, 1200)), max_size=60))
def test_waiting_counts_are_never_denser_and_the_last_one_arrives(changes: list[tuple[float, int, int]]) -> None:
    bus, now, wanted = ready(3, 4, baud=9600), 0.0, {}
    told: dict[int, list[tuple[float, Frame]]] = {3: [], 4: []}

    def until(end: float) -> None:
        nonlocal now
        for _ in range(1000):
            while data := bus.data_to_send(now):
                (frame,) = read(data)
                told[frame.address].append((now, frame))
            deadline = bus.next_deadline()
            if deadline is None or deadline > end:
                now = end
                return
            assert deadline > now, "a deadline that brings nothing about"
            now = deadline
        pytest.fail("the bus keeps asking to be called")

    until(1.0)
    for pause, terminal, waiting in changes:
        bus.show_waiting(terminal, waiting)
        wanted[terminal] = waiting_frame(terminal, waiting)
        until(now + pause)
    until(now + 3.0)
    for terminal, frames in told.items():
        counts = [(at, frame) for at, frame in frames if frame.data[:1] != bytes([BLANK])]
        assert all(later - earlier > WAITING_INTERVAL - 1e-9 for (earlier, _), (later, _) in pairwise(counts))
        assert [frame for _, frame in counts[-1:]] == ([wanted[terminal]] if terminal in wanted else [])


def test_levels_are_sent_again_after_an_outage_and_nothing_during_it() -> None:
    bus = ready(3, 4, raters=(RATER,))
    bus.show_ticket(3, "A017")
    bus.show_waiting(3, 5)
    sent(bus, 1.0)
    bus.receive(CALL.to_bytes(), 2.0)
    bus.answer(CALL, refused=True)
    bus.ask_rating(RATER)
    assert bus.disconnected(2.0) == []
    assert sent(bus, 2.5) == []
    assert bus.next_deadline() is None
    bus.show_ticket(4, "B003")
    bus.show_ticket(4, "B004")
    assert bus.connected(60.0) == [OK]
    assert sent(bus, 60.0) == [ticket_frame(3, "A017"), ticket_frame(4, "B004"), waiting_frame(3, 5)]


def test_an_outage_does_not_hasten_waiting_counts() -> None:
    bus = ready(3)
    bus.show_waiting(3, 5)
    assert sent(bus, 1.0) == [waiting_frame(3, 5)]
    bus.disconnected(1.1)
    bus.connected(1.2)
    assert sent(bus, 1.2) == [ticket_frame(3, "")]
    assert sent(bus, 2.0) == [waiting_frame(3, 5)]


# -- the line's pace ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("baud", [9600, 2400])
def test_one_frame_at_a_time_paced_by_the_line(baud: int) -> None:
    bus = ready(3, baud=baud)
    start = 10.0
    bus.show_ticket(3, "A017")
    bus.receive(CALL.to_bytes(), start)
    bus.answer(CALL, refused=True)
    for frame in (CALL, beep(3), ticket_frame(3, "A017")):
        assert bus.next_deadline() is not None
        assert read(bus.data_to_send(start)) == [frame]
        free = start + len(frame.to_bytes()) * 10 / baud
        assert bus.data_to_send(start) == b""
        assert bus.data_to_send(free - 0.0001) == b""
        start = free
    assert bus.next_deadline() is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["press", "refuse", "ticket", "waiting", "rate"]),
            st.sampled_from((1, 2, 3)),
            st.integers(0, 999),
            st.floats(0, 0.03),
        ),
        max_size=60,
    )
)
def test_an_echo_waits_behind_one_frame_at_most(moves: list[tuple[str, int, int, float]]) -> None:
    """Invariant: between the answer and its echo only echoes leave, but for the frame that is on the line already."""
    bus, now = Terminal68((1, 2, 3), (RATER,), baud=9600), 0.0
    bus.connected(now)
    line_free = 0.0
    waiting: list[tuple[float, Frame]] = []  # echoes owed, oldest first, and when they were
    lines: list[tuple[float, Frame]] = []

    def leave() -> None:
        nonlocal line_free
        while data := bus.data_to_send(now):
            (frame,) = read(data)
            assert now >= line_free, "two frames at once"
            line_free = now + len(data) * 10 / 9600
            lines.append((now, frame))
            if waiting:
                assert frame == waiting.pop(0)[1], "an echo waits behind what is no echo"

    def until(end: float) -> None:
        nonlocal now
        leave()
        for _ in range(1000):
            deadline = bus.next_deadline()
            if deadline is None or deadline > end:
                break
            now = max(now, deadline)
            bus.tick(now)
            leave()
        else:
            pytest.fail("the bus keeps asking to be called")
        now = end

    for serial, (what, terminal, number, pause) in enumerate(moves):
        frame = key(terminal, Key.TRANSFER, f"{serial:02d}")
        match what:
            case "press" | "refuse":
                assert bus.receive(frame.to_bytes(), now) == [fact(frame)]
                bus.answer(frame, refused=what == "refuse")
                waiting.append((now, frame))
            case "ticket":
                bus.show_ticket(terminal, f"A{number}")
            case "waiting":
                bus.show_waiting(terminal, number)
            case "rate":
                bus.ask_rating(RATER)
        until(now + pause)
    until(now + 60.0)
    assert not waiting
    assert bus.next_deadline() is None, "everything has left"


def test_a_gateway_without_a_line_speed_is_not_paced() -> None:
    bus = ready(3, baud=None)
    for ticket in ("A017", "A018"):
        bus.show_ticket(3, ticket)
        assert sent(bus, 5.0) == [ticket_frame(3, ticket)]


# -- health ------------------------------------------------------------------------------------------------------


def test_a_wrong_sum_is_no_press_and_told_once_until_the_line_has_been_clean() -> None:
    bus = ready(3)
    spoiled = GOLDEN["call next at 3"][:-2] + b"\x11\x16"
    assert bus.receive(spoiled, 1.0) == [GARBLED]
    assert sent(bus, 1.0) == []
    assert bus.receive(spoiled, 20.0) == []
    assert bus.receive(CALL.to_bytes(), 30.0) == [fact(CALL)], "good frames count meanwhile"
    assert bus.next_deadline() == 20.0 + NOISE_SPELL
    assert bus.tick(79.9) == []
    assert bus.tick(80.0) == [OK]
    assert bus.tick(200.0) == []
    assert bus.next_deadline() is None
    assert bus.receive(spoiled, 300.0) == [GARBLED]


def test_a_new_link_is_a_clean_one() -> None:
    bus = ready(3)
    assert bus.receive(b"\x00", 1.0) == [GARBLED]
    bus.disconnected(2.0)
    assert bus.next_deadline() is None
    assert bus.connected(3.0) == [OK]
    assert bus.next_deadline() == 3.0, "only the ticket display's level"
    sent(bus, 3.0)
    assert bus.next_deadline() is None
    assert bus.receive(b"\x00", 4.0) == [GARBLED]


def test_a_new_link_forgets_half_a_frame() -> None:
    bus = ready(3)
    assert bus.receive(CALL.to_bytes()[:6], 1.0) == []
    bus.disconnected(1.1)
    bus.connected(1.2)
    assert bus.receive(CALL.to_bytes()[6:], 1.3) == [GARBLED]
    assert bus.receive(CALL.to_bytes(), 1.4) == [fact(CALL)]


# -- with the far end, in virtual time ---------------------------------------------------------------------------


class Bus:
    """The driver and its terminals on one paced wire, and a controller that answers each press after `decide` seconds.

    `heard` are the times at which each frame reached the driver: what the retransmission rule is judged by.
    """

    BYTE = 10 / 9600

    def __init__(self, faults: Faults, *, repeat_ms: int = 400, decide: float = 0.005) -> None:
        self.faults = faults
        self.driver = Terminal68((1, 2, 3), (RATER,), repeat_ms=repeat_ms)
        self.far_end = TerminalBus((1, 2, 3), (RATER,))
        self.decide = decide
        self.now = 0.0
        self.facts: list[tuple[float, object]] = []
        self.heard: list[tuple[float, Frame]] = []
        self._ear: FrameReader[Frame] = frame_reader(MAX_L_FROM_TERMINAL)
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._serial = count()
        self._up_free = 0.0
        self.far_end.plugged(0.0)
        self._take(self.driver.connected(0.0))

    def later(self, delay: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.now + delay, next(self._serial), what))

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        for _ in range(100_000):
            self._exchange()
            alarms = (self.driver.next_deadline(), self.far_end.next_deadline(), self._due[0][0] if self._due else None)
            at = min((alarm for alarm in alarms if alarm is not None), default=end)
            if at > end or (at == end and not self._due):
                break
            self.now = max(self.now, at)
            while self._due and self._due[0][0] <= self.now:
                heapq.heappop(self._due)[2]()
            self._take(self.driver.tick(self.now))
            self.far_end.tick(self.now)
        else:
            pytest.fail("driver and terminals keep each other busy for nothing")
        self.now = end

    def presses(self) -> list[tuple[float, Frame]]:
        return [(at, fact.frame) for at, fact in self.facts if isinstance(fact, Pressed | Rated)]

    def _exchange(self) -> None:
        while data := self.driver.data_to_send(self.now):
            if not self.faults.lost():
                arrived = self.faults.touched(data)
                self.later(len(data) * self.BYTE, lambda arrived=arrived: self.far_end.receive(arrived, self.now))
        for message in self.far_end.data_to_send(self.now):
            if self.faults.lost():
                continue
            arrived = self.faults.touched(message)
            size = 1 if self.faults.dribble else len(arrived)
            for start in range(0, len(arrived), size):
                piece = arrived[start : start + size]
                self._up_free = max(self.now, self._up_free) + len(piece) * self.BYTE
                self.later(self._up_free - self.now, lambda piece=piece: self._arrive(piece))

    def _arrive(self, data: bytes) -> None:
        self.heard += [(self.now, frame) for frame in self._ear.feed(data, self.now)]
        self._take(self.driver.receive(data, self.now))

    def _take(self, facts: object) -> None:
        for fact in facts:  # type: ignore[attr-defined]
            self.facts.append((self.now, fact))
            if isinstance(fact, Pressed | Rated):
                self.later(self.decide, lambda frame=fact.frame: self.driver.answer(frame))


def distinct(heard: list[tuple[float, Frame]], repeat: float) -> list[tuple[float, Frame]]:
    """The presses in what was heard, by the rule's own words.

    A copy within `repeat` of the last is no press.
    """
    last: dict[Frame, float] = {}
    found = []
    for at, frame in heard:
        if frame not in last or at - last[frame] >= repeat:
            found.append((at, frame))
        last[frame] = at
    return found


def press_for_a_day(bus: Bus, random: Random, presses: int, spacing: float) -> list[Frame]:
    """Presses at all terminals, `spacing` seconds apart at one, with levels changing meanwhile; in their order."""
    pressed = []
    for _ in range(presses):
        for address in (1, 2, 3):
            name = random.choice([Key.CALL, Key.RECALL, Key.PAUSE, Key.TRANSFER])
            digits = random.choice(["", "7", "17"])
            pressed.append(key(address, name, digits))
            bus.far_end.press(address, name, digits)
            bus.driver.show_ticket(address, f"A{random.randrange(1000):03d}")
            bus.driver.show_waiting(address, random.randrange(50))
        score = random.randrange(1, 6)
        bus.far_end.rate(RATER, score)
        pressed.append(Frame(RATER, Function.RATED, bytes([score])))
        bus.wait(spacing)
    return pressed


def by_address(frames: list[Frame]) -> dict[int, list[Frame]]:
    return {address: [frame for frame in frames if frame.address == address] for address in (1, 2, 3, RATER)}


@pytest.mark.parametrize("dribble", [False, True])
def test_over_a_good_wire_every_press_acts_once_and_is_echoed_once(dribble: bool) -> None:
    bus, random = Bus(Faults(dribble=dribble)), Random(68)
    pressed = press_for_a_day(bus, random, 40, 0.5)
    assert by_address([frame for _, frame in bus.presses()]) == by_address(pressed)
    assert [terminal.echoes for terminal in bus.far_end.terminals.values()] == [40] * 3
    assert bus.far_end.raters[RATER].echoes == 40
    assert not any(map(bus.far_end.waits_for_echo, (1, 2, 3, RATER)))
    assert [fact for _, fact in bus.facts if isinstance(fact, Health)] == [OK]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("dribble", [False, True])
def test_over_a_lossy_wire_every_press_acts_once(seed: int, dribble: bool) -> None:
    """A fifth of the messages is lost either way, and the terminal's retries lie within `repeat_ms`.

    A press acts once if any of its copies arrived, and not at all if none did; a clerk sees the echo or tries again.
    """
    print(f"seed {seed}")
    bus = Bus(Faults(Random(seed), loss=0.2, dribble=dribble), repeat_ms=round(REPEAT * REPEATS * 1000))
    pressed = press_for_a_day(bus, Random(seed + 100), 60, 2 * REPEAT * REPEATS + 0.1)
    assert len(bus.heard) > len(bus.presses()), "some copies were heard twice"
    acted, expected = by_address([frame for _, frame in bus.presses()]), by_address(pressed)
    arrived = by_address([frame for _, frame in distinct(bus.heard, REPEAT * REPEATS)])
    assert acted == arrived
    lost = sum(len(expected[a]) - len(acted[a]) for a in expected)
    assert 0 <= lost <= 5, "four copies in a row are lost with a chance of 1 in 600"
    for address, frames in acted.items():
        rest = iter(expected[address])
        assert all(frame in rest for frame in frames), "nothing is made up or turned round"
    assert sum(terminal.echoes for terminal in bus.far_end.terminals.values()) <= 180


@pytest.mark.parametrize("seed", range(8))
def test_over_a_lossy_wire_presses_are_told_apart_by_repeat_ms_alone(seed: int) -> None:
    """With the usual 400 ms a lost copy may make the next one a press of its own: exactly then, and never else."""
    print(f"seed {seed}")
    bus = Bus(Faults(Random(seed), loss=0.2))
    press_for_a_day(bus, Random(seed + 100), 60, 1.7)
    assert bus.presses() == distinct(bus.heard, 0.4)


@pytest.mark.parametrize("seed", range(4))
def test_displays_that_missed_frames_are_right_again_after_the_next_outage(seed: int) -> None:
    print(f"seed {seed}")
    bus = Bus(Faults(Random(seed), loss=0.2))
    press_for_a_day(bus, Random(seed + 100), 20, 1.7)
    bus.faults.loss = 0.0
    for address in (1, 2, 3):
        bus.driver.show_ticket(address, f"A{address:03d}")
        bus.driver.show_waiting(address, 100 + address)
    bus.driver.disconnected(bus.now)
    bus.wait(5.0)
    bus.driver.connected(bus.now)
    bus.wait(2.0)
    shown = {address: (t.ticket, t.waiting) for address, t in bus.far_end.terminals.items()}
    assert shown == {address: (f"00{address}", f"10{address}") for address in (1, 2, 3)}


@pytest.mark.parametrize("seed", range(4))
def test_over_a_garbling_wire_nothing_is_made_up(seed: int) -> None:
    """One byte changed in a tenth of the messages: the sum catches each, so only what was pressed acts."""
    print(f"seed {seed}")
    bus = Bus(Faults(Random(seed), garble=0.1))
    pressed = press_for_a_day(bus, Random(seed + 100), 60, 1.7)
    assert {frame.to_bytes() for _, frame in bus.presses()} <= {frame.to_bytes() for frame in pressed}
    assert [fact for _, fact in bus.facts if isinstance(fact, Health)][:2] == [OK, GARBLED]


def test_a_slow_decision_acts_once_and_is_echoed_when_it_comes() -> None:
    bus = Bus(Faults(), decide=REPEAT * REPEATS - 0.1)
    bus.far_end.press(1, Key.CALL)
    bus.wait(5.0)
    assert [frame for _, frame in bus.presses()] == [key(1)]
    assert bus.far_end.terminals[1].echoes == 1
    assert len(bus.heard) == REPEATS


def test_a_bus_that_never_answers_is_left_alone_after_a_few_tries() -> None:
    bus = Bus(Faults(), decide=1e9)
    bus.far_end.press(1, Key.CALL)
    bus.wait(10.0)
    assert len(bus.heard) == REPEATS
    assert not bus.far_end.waits_for_echo(1)


def test_the_far_end_shows_and_beeps_and_asks() -> None:
    bus = Bus(Faults())
    bus.driver.show_ticket(1, "A017")
    bus.driver.show_waiting(1, 0)
    bus.driver.ask_rating(RATER)
    bus.driver.answer(key(2), refused=True)
    bus.wait(1.0)
    first, second, _ = bus.far_end.terminals.values()
    assert (first.ticket, first.waiting, first.beeps) == ("017", "000", 0)
    assert (second.ticket, second.waiting, second.beeps, second.echoes) == ("", "", 1, 0)
    assert bus.far_end.raters[RATER].asking
    bus.driver.show_ticket(1, "")
    bus.far_end.rate(RATER, 4)
    bus.wait(1.0)
    assert (first.ticket, first.waiting) == ("", "000")
    assert not bus.far_end.raters[RATER].asking
    assert list(first.tickets) == ["017"]


def test_a_lost_display_frame_is_mended_by_the_refresh() -> None:
    """One display at a time, so that a round of twelve never fills the bus."""
    bus = Terminal68([3, 4], refresh=60.0)
    bus.connected(0.0)
    for address in (3, 4):
        bus.show_ticket(address, "A017")
    sent = _until(bus, 20.0)
    assert len(sent) == 2
    assert _until(bus, 29.9) == []
    assert _until(bus, 59.9) == [ticket_frame(3, "A017").to_bytes()]
    assert _until(bus, 89.9) == [ticket_frame(4, "A017").to_bytes()]


def _until(bus: Terminal68, end: float) -> list[bytes]:
    """What the bus says up to a time."""
    sent = []
    while (now := bus.next_deadline()) is not None and now <= end:
        bus.tick(now)
        if data := bus.data_to_send(now):
            sent.append(data)
    return sent
