"""The driver of the call terminals: presses and their answers, displays, the line's pace and health."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from terminals68 import CALL, GARBLED, GOLDEN, RATER, beep, fact, key, read, ready, sent

from drivers.device import OK, UnknownAddress
from drivers.terminal68 import (
    BLANK,
    NOISE_SPELL,
    WAITING_INTERVAL,
    Frame,
    Function,
    Key,
    Pressed,
    Rated,
    Terminal68,
    ticket_frame,
    waiting_frame,
)

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
