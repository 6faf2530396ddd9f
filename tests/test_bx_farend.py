"""The simulated card of a hall board, alone and with the driver."""

from __future__ import annotations

from random import Random

import pytest
from boards import GOLDEN, NO_ANSWER, Line, read
from hypothesis import given
from hypothesis import strategies as st

from drivers.bx import BxBoard, rows
from drivers.bx_frame import (
    ANY_CARD,
    CARD,
    HOST,
    Area,
    Command,
    Error,
    Frame,
    Reply,
    areas_parameters,
    command,
)
from drivers.device import OK
from simulators.devices.bx import BoardFarEnd
from simulators.faults import Faults

# -- the simulated card ------------------------------------------------------------------------------------------


def ask(card: BoardFarEnd, data: bytes, destination: int = CARD) -> list[Reply | None]:
    """What the card answers to a command."""
    card.receive(Frame(data, destination).to_bytes(), 0.0)
    return [Reply.from_data(read(message)[0].data) for message in card.data_to_send(0.0)]


def nack(error: Error) -> list[Reply]:
    return [Reply(False, error)]


ACK = [Reply(True)]


def test_the_card_obeys_the_vendors_frames() -> None:
    card = BoardFarEnd()
    card.plugged(0.0)
    for name, lines in (("ping", []), ("show", ["012345QRSTTV'B"]), ("clear", [])):
        card.receive(GOLDEN[name], 0.0)
        (message,) = card.data_to_send(0.0)
        (reply,) = read(message)
        assert (reply.destination, reply.source, reply.data) == (HOST, CARD, b"\xa0\x00\x00\x00\x00")
        assert card.lines() == lines
    assert list(card.history) == [["012345QRSTTV'B"]]


def test_the_card_refuses_what_it_does_not_know() -> None:
    card = BoardFarEnd()
    assert ask(card, b"\xb0\x00\x01\x00\x00") == nack(Error.GROUP)
    assert ask(card, b"\xa2\x77\x01\x00\x00") == nack(Error.COMMAND)
    assert ask(card, command(Command.POWER, b"\x03")) == nack(Error.COMMAND)
    assert ask(card, command(Command.STATUS)) == ACK
    card.busy = True
    assert ask(card, command(Command.PING)) == nack(Error.BUSY)


def test_the_card_is_silent_when_not_asked_addressed_or_understood() -> None:
    card = BoardFarEnd()
    assert ask(card, command(Command.PING), ANY_CARD) == ACK
    assert ask(card, command(Command.PING), 2) == []
    assert ask(card, b"\xa2\x00\x02\x00\x00") == []
    assert ask(card, b"\xa2\x00\x01\x00") == []
    card.receive(GOLDEN["ping"].replace(b"\x68\xf8", b"\x68\xf9"), 0.0)
    assert card.data_to_send(0.0) == []


def test_the_cards_areas_are_deleted_replaced_hidden_and_lost_with_power() -> None:
    card = BoardFarEnd()

    def put(*rows: tuple[int, bytes], parameters: bytes = b"") -> None:
        what = parameters or areas_parameters([Area(0, 16 * row, 16, 16, row, text=text) for row, text in rows])
        assert ask(card, command(Command.DYNAMIC_AREAS, what, header=len(what))) == ACK

    put((1, b"B"), (0, b"A"), (2, b"C"))
    assert card.lines() == ["A", "B", "C"]
    put((1, b"b "))
    put((1, b"b"))
    assert card.lines() == ["A", "b", "C"]
    put(parameters=b"\x02\x00\x01\x00")
    assert card.lines() == ["C"]
    assert ask(card, command(Command.POWER, b"\x02")) == ACK
    assert card.lines() == []
    assert ask(card, command(Command.POWER, b"\x01")) == ACK
    assert card.lines() == ["C"]
    put(parameters=areas_parameters([Area(0, 0, 16, 16, 0, text=b"D")], delete_all=True))
    assert card.lines() == ["D"]
    assert list(card.history) == [["A", "B", "C"], ["A", "b", "C"], ["C"], ["D"]]
    card.plugged(1.0)
    assert card.lines() == []


def test_a_card_plugged_in_anew_remembers_nothing() -> None:
    card = BoardFarEnd()
    ask(card, command(Command.POWER, b"\x02"))
    card.receive(GOLDEN["ping"] + GOLDEN["ping"][:-1], 0.0)
    card.plugged(0.0)
    card.receive(GOLDEN["ping"][-1:], 0.0)
    assert card.data_to_send(0.0) == []
    card.receive(GOLDEN["show"], 0.0)
    assert card.lines() == ["012345QRSTTV'B"]


def test_a_card_with_a_process_mode_initialises_on_1() -> None:
    card = BoardFarEnd(dynamic_header="process")
    for row, mode, lines in ((0, 0, ["A"]), (1, 0, ["A", "A"]), (2, 1, ["A"])):
        areas = areas_parameters([Area(0, 16 * row, 16, 16, row, text=b"A")])
        assert ask(card, command(Command.DYNAMIC_AREAS, areas, header=mode)) == ACK
        assert card.lines() == lines


@given(st.data())
def test_the_card_refuses_mangled_areas_and_keeps_what_it_has(data: st.DataObject) -> None:
    """Invariant: parameters that are cut off, too long or of a wrong length change nothing and never raise."""
    card = BoardFarEnd()
    card.receive(GOLDEN["show"], 0.0)
    card.data_to_send(0.0)
    good = areas_parameters([Area(0, 0, 16, 16, row, text=b"A") for row in range(2)])
    size = data.draw(st.integers(0, len(good) - 1))
    ways = [
        good[:size],
        good + b"\x00",
        b"\x00\x01\x05\x00" + bytes(5),
        *(good[:place] + b"\x07" + good[place + 1 :] for place in (0, 1, 2, 3, 4, 18, 19, 27, 30)),
    ]
    mangled = data.draw(st.sampled_from(ways))
    assert ask(card, command(Command.DYNAMIC_AREAS, mangled, header=len(mangled))) == nack(Error.COMMAND)
    assert card.lines() == ["012345QRSTTV'B"]
    assert ask(card, command(Command.DYNAMIC_AREAS, good, header=len(good) + 1)) == nack(Error.COMMAND)


# -- driver and card ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dribble", [False, True])
@pytest.mark.parametrize("settings", [{}, {"dynamic_header": "process"}, {"model": "6k1"}])
def test_over_a_good_wire_each_level_is_on_the_board_at_once(settings: dict[str, str], dribble: bool) -> None:
    board = BxBoard(rows(3), **settings)  # type: ignore[arg-type]
    card = BoardFarEnd(dynamic_header=settings.get("dynamic_header", "length"))  # type: ignore[arg-type]
    line = Line(board, card, Faults(dribble=dribble))
    calls: list[str] = []
    for number in range(50):
        calls = [f"A{number:03d} ア号", *calls][:3]
        board.show(calls)
        line.pass_time(0.2)
        assert card.lines() == calls + [""] * (3 - len(calls))
    assert len(card.history) == 50
    assert line.facts == [OK]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("faults", [{"loss": 0.2}, {"garble": 0.2}, {"loss": 0.2, "garble": 0.1, "dribble": True}])
def test_over_a_bad_wire_the_board_ends_up_showing_the_level(faults: dict[str, float], seed: int) -> None:
    """Shown within half a minute of quiet: with a fifth of all messages lost, that is up to ten attempts."""
    print("seed", seed)
    board, card, random = BxBoard(), BoardFarEnd(), Random(seed)
    line = Line(board, card, Faults(random=random, **faults))  # type: ignore[arg-type]
    for number in range(20):
        board.show([f"A{number:03d}"])
        line.pass_time(random.uniform(0.05, 5.0))
    line.pass_time(30.0)
    assert card.lines() == ["A019", "", "", ""]


def test_a_card_that_restarts_between_two_pings_is_filled_again() -> None:
    board, card = BxBoard(rows(1)), BoardFarEnd()
    line = Line(board, card, Faults())
    board.show(["A001"])
    line.pass_time(12.0)
    card.plugged(12.0)
    assert card.lines() == []
    line.pass_time(60.0)
    assert card.lines() == ["A001"]


def test_a_card_that_was_dead_is_filled_again_as_soon_as_it_answers() -> None:
    board, card = BxBoard(rows(1)), BoardFarEnd()
    line = Line(board, card, Faults())
    board.show(["A001"])
    line.pass_time(5.0)
    line.faults.loss = 1.0
    line.pass_time(10.0 + 3.1)
    assert line.facts == [OK, NO_ANSWER]
    card.plugged(line.now)
    line.faults.loss = 0.0
    line.pass_time(3.1)
    assert card.lines() == ["A001"]
    assert line.facts == [OK, NO_ANSWER, OK]
