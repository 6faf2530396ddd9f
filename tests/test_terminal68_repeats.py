"""What a terminal sends again is the same press, however often and however late."""

from __future__ import annotations

import math

import pytest
from terminals68 import CALL, MEANT, RATER, beep, fact, key, ready, sent

from drivers.device import OK
from drivers.terminal68 import (
    DEAF_AFTER,
    NOISE_SPELL,
    NOT_HEARD,
    OUTAGE,
    PRESSES_KEPT,
    SERIES,
    Frame,
    Function,
    NotHeard,
    Rated,
    Terminal68,
    ticket_frame,
)

NO_SHOW = MEANT["no-show at 3"]


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


@pytest.mark.parametrize(("copies", "gap", "facts"), [(SERIES, 0.9, 0), (SERIES, 1.1, 1), (SERIES - 1, 0.9, 1)])
def test_in_a_long_train_a_copy_may_be_lost_or_late(copies: int, gap: float, facts: int) -> None:
    bus = ready(3)
    bus.receive(CALL.to_bytes(), 10.0)
    bus.answer(CALL)
    for n in range(1, copies + 1):
        assert bus.receive(CALL.to_bytes(), 10.0 + n * 0.3) == []
    assert bus.receive(CALL.to_bytes(), 10.0 + copies * 0.3 + gap) == [fact(CALL)] * facts


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
