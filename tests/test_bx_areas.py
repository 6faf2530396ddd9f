"""Hall boards: strips at their places, colors, texts that move, and boards that blank themselves."""

from __future__ import annotations

from random import Random

import pytest
from boards import GOLDEN, Line, answer, areas

from drivers.bx import BxBoard, Strip, rows
from drivers.bx_frame import CARD, Area, Command, Effect, Frame, RunMode, areas_parameters, colored, command
from drivers.device import OK
from simulators.devices.bx import BoardFarEnd
from simulators.faults import Faults

STALE = 15
"""Seconds; the least that can be configured."""


def shown(board: BxBoard, now: float = 0.0) -> list[Area]:
    """What the board puts on its card once that has answered."""
    board.connected(now)
    assert board.data_to_send(now) == GOLDEN["ping"]
    assert board.receive(answer(), now) == [OK]
    return areas(board.data_to_send(now))


def test_a_color_and_a_time_out_are_as_the_layout_says() -> None:
    area = Area(0, 0, 16, 16, 0, run_mode=RunMode.HIDE, timeout=30, text=colored(b"A001", "yellow"))
    parameters = areas_parameters([area])
    data = command(Command.DYNAMIC_AREAS, parameters, header=len(parameters))
    assert Frame(data).to_bytes() == GOLDEN["yellow-hides"]
    assert areas(GOLDEN["yellow-hides"]) == [area]


def test_strips_lie_where_they_are_put_and_have_their_colors() -> None:
    board = BxBoard([Strip(64, 8, 64, 24, "red"), Strip(0, 32, 128, 16, "green"), Strip(0, 48, 128, 16)])
    board.show(["A001", "", "B\\C1"])
    first, blank, plain = shown(board)
    assert (first.id, first.x, first.y, first.width, first.height, first.text) == (0, 8, 8, 8, 24, b"\\C1A001")
    assert (blank.id, blank.x, blank.y, blank.width, blank.height, blank.text) == (1, 0, 32, 16, 16, b"\\C2 ")
    assert plain.text == b"B\xa3\xdcC1", "no text has an escape of its own"


def test_a_color_takes_no_room() -> None:
    board = BxBoard([Strip(0, 0, 32, 16, "yellow")])
    board.show(["A00123"])
    assert shown(board)[0].text == b"\\C3A001"


@pytest.mark.parametrize(
    ("moves", "text", "effect", "mode", "sent"),
    [
        (False, "号号号", Effect.STILL, RunMode.KEEP, "号号"),
        (True, "号号", Effect.STILL, RunMode.KEEP, "号号"),
        (True, "号号号", Effect.LEFT, RunMode.LOOP, "号号号"),
        (True, "号" * 200, Effect.LEFT, RunMode.LOOP, "号" * 120),
    ],
)
def test_a_text_that_does_not_fit_moves_where_it_may(
    moves: bool, text: str, effect: Effect, mode: RunMode, sent: str
) -> None:
    board = BxBoard([Strip(0, 0, 32, 16, moves=moves)])
    board.show([text])
    (area,) = shown(board)
    assert (area.effect, area.run_mode, area.text.decode("gb2312")) == (effect, mode, sent)


def test_a_text_that_moves_does_not_begin_anew_with_every_call() -> None:
    board = BxBoard([Strip(0, 0, 32, 16, moves=True), Strip(0, 16, 128, 16)], stale_after=STALE)
    notice = "号" * 20
    board.show([notice, "A001"])
    first, _ = shown(board)
    assert (first.run_mode, first.timeout) == (RunMode.HIDE, STALE + 240)
    board.receive(answer(), 0.0)

    def sent(now: float, *lines: str) -> list[int]:
        board.show(lines)
        ids = [area.id for area in areas(board.data_to_send(now))]
        board.receive(answer(), now)
        return ids

    assert sent(1.0, notice, "A002") == [1]
    assert sent(2.0, notice + "号", "A002") == [0, 1]
    for now in range(7, 117, 5):
        assert sent(float(now), notice + "号", "A002") == [1]
    assert sent(121.0, notice + "号", "A002") == [0, 1], "now and then, in case the card has restarted unnoticed"
    assert sent(122.0, "号", "A002") == [0, 1]
    assert sent(123.0, "号", "A003") == [0, 1], "it fits, and does not move"


@pytest.mark.parametrize("stale_after", [0, STALE])
def test_a_board_that_has_only_a_text_that_moves_is_told_it_again(stale_after: int) -> None:
    board = BxBoard([Strip(0, 0, 32, 16, moves=True)], stale_after=stale_after)
    board.show(["号" * 20])
    (first,) = shown(board)
    board.receive(answer(), 0.0)
    for now in (10.0, 20.0, 30.0, 40.0, 50.0):
        assert board.data_to_send(now) == GOLDEN["ping"]
        board.receive(answer(), now)
    assert areas(board.data_to_send(60.0)) == [first]


def test_without_strips_of_its_own_a_board_has_equal_lines_from_the_top() -> None:
    assert rows(2, 64, 24) == (Strip(0, 0, 64, 24), Strip(0, 24, 64, 24))


# -- a board that blanks itself ----------------------------------------------------------------------------------


def test_an_area_hides_once_nothing_new_has_come_for_its_time() -> None:
    card = BoardFarEnd()
    hides = Area(0, 0, 16, 16, 0, run_mode=RunMode.HIDE, timeout=STALE, text=b"A001")
    keeps = Area(0, 16, 16, 16, 1, text=b"A002")

    def put(now: float, *areas: Area) -> None:
        parameters = areas_parameters(areas)
        data = command(Command.DYNAMIC_AREAS, parameters, header=len(parameters))
        card.receive(Frame(data, CARD).to_bytes(), now)

    put(0.0, hides, keeps)
    assert card.next_deadline() == 15.0
    card.tick(14.9)
    assert card.lines() == ["A001", "A002"]
    put(14.9, hides)
    card.tick(15.0)
    assert card.lines() == ["A001", "A002"]
    card.tick(29.9)
    assert card.lines() == ["A002"]
    assert card.next_deadline() is None
    put(40.0, hides)
    assert card.lines() == ["A001", "A002"], "an update shows it again"
    put(41.0, hides._replace(run_mode=RunMode.KEEP))
    card.tick(100.0)
    assert card.lines() == ["A001", "A002"], "it is what it was told last"


def test_a_board_that_hears_nothing_more_is_blank_after_its_time_and_not_before() -> None:
    board, card = BxBoard(rows(1), stale_after=STALE), BoardFarEnd()
    line = Line(board, card, Faults())
    board.show(["A001"])
    line.pass_time(100.0)
    last = line.now
    line.faults.loss = 1.0
    line.pass_time(STALE * 2 / 3)
    assert card.lines() == ["A001"]
    line.pass_time(last + STALE + 0.1 - line.now)
    assert card.lines() == []
    line.faults.loss = 0.0
    line.pass_time(3.1)
    assert card.lines() == ["A001"]


@pytest.mark.parametrize("kind", ["answers", "both ways"])
def test_a_living_driver_keeps_the_text_up_though_every_second_message_is_lost(kind: str) -> None:
    board, card = BxBoard(rows(1), stale_after=STALE), BoardFarEnd()
    line = Line(board, card, Faults())
    board.show(["A001"])
    line.pass_time(1.0)
    turn = Random(1)

    def lost(answering: bool) -> bool:
        if kind == "answers":
            line.lost_answers += answering
            return answering and line.lost_answers % 2 == 1
        return turn.random() < 0.25

    line.loses = lost
    for _ in range(2000):
        line.pass_time(1.0)
        assert card.lines() == ["A001"], f"after {line.now:.0f} s"


def test_what_never_changes_is_told_often_enough_and_no_more() -> None:
    board = BxBoard(rows(1), stale_after=STALE)
    shown(board)
    board.receive(answer(), 0.0)
    assert board.next_deadline() == 5.0
    usual = BxBoard(rows(1), stale_after=3600)
    shown(usual)
    usual.receive(answer(), 0.0)
    assert usual.next_deadline() == 10.0, "its ping"
    usual.data_to_send(10.0)
    for now in (10.0, 20.0, 30.0, 40.0, 50.0):
        usual.receive(answer(), now)
        usual.data_to_send(now + 10.0)
    assert usual.next_deadline() == 63.0, "the level of 60 is under way"
