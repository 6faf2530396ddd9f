"""What a hall board's card speaks: each call once, and never again because a level is sent again."""

from __future__ import annotations

from random import Random

import pytest
from boards import GOLDEN, NO_ANSWER, Line, answer, areas
from hypothesis import given
from hypothesis import strategies as st
from sweeps import long

from controller.config import wording
from controller.devices.voice import call
from drivers.bx import REFUSED, BxBoard, rows
from drivers.bx_frame import Area, Command, Error, Frame, SoundMode, Speech, areas_parameters, command
from drivers.bx_voice import LATE, MUTE, CardVoice
from drivers.device import OK
from drivers.voice import Phrase
from simulators.devices.bx import BoardFarEnd
from simulators.faults import Faults


def says(ticket: str, counter: str = "3", language: str = "zh") -> list[Phrase]:
    return call([wording(language)], ticket, counter, yao=False)


def ready(voice: CardVoice) -> BxBoard:
    """A board with a voice, whose card has confirmed an empty level at 0."""
    board = BxBoard(rows(2), voice=voice)
    board.connected(0.0)
    board.data_to_send(0.0)
    board.receive(answer(), 0.0)
    board.data_to_send(0.0)
    board.receive(answer(), 0.0)
    return board


def spoken(data: bytes) -> str:
    """What these bytes have the card say; empty for a level without speech, and for nothing."""
    if not data or data == GOLDEN["ping"]:
        return ""
    said = [area.speech.words.decode("gb2312") for area in areas(data) if area.speech]
    assert len(said) <= 1
    return "".join(said)


# -- frames ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "speech"),
    [
        ("speak", Speech("请A001号到3号窗口".encode("gb2312"))),
        ("speak-shown", Speech(b"", repeat=2, person=3, volume=10, speed=1, mode=SoundMode.SHOWN)),
    ],
)
def test_the_sound_fields_are_as_the_layout_says(name: str, speech: Speech) -> None:
    area = Area(0, 0, 16, 16, 0, speech=speech, text=b"A001")
    parameters = areas_parameters([area])
    frame = Frame(command(Command.DYNAMIC_AREAS, parameters, header=len(parameters)))
    assert frame.to_bytes() == GOLDEN[name]
    assert areas(GOLDEN[name]) == [area]
    card = BoardFarEnd(speaks=True)
    card.receive(GOLDEN[name], 0.0)
    assert list(card.spoken) == [speech.words.decode("gb2312") or "A001"]


@given(st.integers(0, 52))
def test_sound_fields_that_are_cut_off_are_no_area(size: int) -> None:
    good = Area(0, 0, 16, 16, 0, speech=Speech("请A001".encode("gb2312")), text=b"A001").to_bytes()
    if size < len(good):
        with pytest.raises(ValueError, match=r"cut off|longer|wrong length"):
            Area.from_bytes(good[:size])


def test_a_card_without_a_voice_refuses_sound_and_shows_nothing_new() -> None:
    card = BoardFarEnd()
    card.receive(GOLDEN["speak"], 0.0)
    assert card.data_to_send(0.0) == [Frame(b"\xa0\x01\x02\x00\x00", destination=0x8000, source=1).to_bytes()]
    assert (card.lines(), list(card.spoken)) == ([], [])


# -- words -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "spelled", "words"),
    [
        ("zh", False, "请A017号到3号窗口"),
        ("zh", True, "请 A 零 一 七 号到 三 号窗口"),
        ("en", False, "Ticket A017 to counter 3"),
        ("en", True, "Ticket A, zero, one, seven, to counter three,"),
    ],
)
def test_the_words_are_those_of_the_hall(language: str, spelled: bool, words: str) -> None:
    voice = CardVoice(spelled=spelled)
    board = ready(voice)
    voice.announce("A017", says("A017", language=language), 0.0)
    assert spoken(board.data_to_send(0.0)) == words


def test_the_cards_voice_is_as_it_is_set() -> None:
    voice = CardVoice(voice=4, volume=9, speed=2, repeat=1)
    board = ready(voice)
    voice.announce("A001", says("A001"), 0.0)
    first, second = areas(board.data_to_send(0.0))
    assert first.speech
    assert first.speech[1:] == (1, 4, 9, 2, SoundMode.WORDS)
    assert second.speech is None


# -- once --------------------------------------------------------------------------------------------------------


def test_a_call_is_spoken_once_beside_the_level_and_not_with_what_comes_after() -> None:
    voice = CardVoice()
    board = ready(voice)
    board.show(["A001"])
    voice.announce("A001", says("A001"), 1.0)
    data = board.data_to_send(1.0)
    assert (areas(data)[0].text, spoken(data)) == (b"A001", "请A001号到3号窗口")
    assert board.receive(answer(), 1.1) == []
    assert board.data_to_send(1.1) == b""
    board.show(["A002"])
    assert spoken(board.data_to_send(1.2)) == ""
    board.receive(answer(), 1.3)
    for now in (20.0, 30.0, 40.0, 50.0, 61.3):
        data = board.data_to_send(now)
        assert spoken(data) == ""
        board.receive(answer(), now)
    assert areas(data), "the level of every minute"


def test_an_unanswered_speech_is_not_repeated_with_the_level_and_outages_are_not_spoken_into() -> None:
    voice = CardVoice()
    board = ready(voice)
    board.show(["A001"])
    voice.announce("A001", says("A001"), 1.0)
    assert spoken(board.data_to_send(1.0))
    assert board.tick(4.0) == [NO_ANSWER]
    voice.announce("A002", says("A002"), 5.0)
    data = board.data_to_send(5.0)
    assert (areas(data)[0].text, spoken(data)) == (b"A001", "")
    assert board.receive(answer(), 5.1) == [OK]
    ends = board.next_deadline()
    assert ends is not None
    assert 5.1 < ends < 10.0, "the first may still be spoken"
    assert board.data_to_send(ends - 0.01) == b""
    board.tick(ends)
    assert spoken(board.data_to_send(ends)) == "请A002号到3号窗口"


def test_a_new_link_says_nothing_again_and_what_was_called_meanwhile_unless_it_is_old() -> None:
    voice = CardVoice()
    board = ready(voice)
    voice.announce("A001", says("A001"), 1.0)
    assert spoken(board.data_to_send(1.0))
    board.disconnected(1.5)
    voice.announce("A002", says("A002"), 2.0)
    voice.announce("A003", says("A003"), 60.0)
    board.connected(70.0)
    assert board.data_to_send(70.0) == GOLDEN["ping"]
    assert board.receive(answer(), 70.0) == [OK]
    data = board.data_to_send(80.0)
    assert spoken(data) == "请A003号到3号窗口"
    assert areas(data)


def test_calls_are_spoken_one_after_the_other_and_one_that_is_withdrawn_is_not() -> None:
    voice = CardVoice()
    board = ready(voice)
    for ticket in ("A001", "A002", "A003"):
        voice.announce(ticket, says(ticket), 0.0)
    said, now = [], 0.0
    while now < 60.0:
        if words := spoken(board.data_to_send(now)):
            said.append((words[1:5], now))
        board.receive(answer(), now)
        voice.withdraw("A002")
        now = max(now, board.next_deadline() or 0.0)
        board.tick(now)
    assert [ticket for ticket, _ in said] == ["A001", "A003"]
    assert 3.0 < said[1][1] - said[0][1] < 8.0, "about as long as the sentence takes"


def test_in_quiet_hours_nothing_is_spoken() -> None:
    voice = CardVoice()
    board = ready(voice)
    voice.set_quiet(True, 0.0)
    voice.announce("A001", says("A001"), 0.0)
    assert board.data_to_send(0.0) == b""
    assert board.next_deadline() == 10.0, "its ping"
    voice.set_quiet(False, 5.0)
    assert spoken(board.data_to_send(5.0))


# -- cards that refuse -------------------------------------------------------------------------------------------


def test_a_card_that_cannot_speak_is_told_once_and_shows_the_level_all_the_same() -> None:
    voice = CardVoice()
    board = BxBoard(rows(2), voice=voice)
    card = BoardFarEnd()
    line = Line(board, card, Faults())
    for number in range(5):
        board.show([f"A00{number}"])
        voice.announce(f"A00{number}", says(f"A00{number}"), line.now)
        line.pass_time(20.0)
        assert card.lines() == [f"A00{number}", ""]
    assert line.facts == [OK, MUTE]


def test_a_busy_card_speaks_when_it_has_time() -> None:
    voice = CardVoice()
    board = BxBoard(rows(1), voice=voice)
    card = BoardFarEnd(speaks=True)
    line = Line(board, card, Faults())
    line.pass_time(1.0)
    card.busy = True
    voice.announce("A001", says("A001"), line.now)
    line.pass_time(8.0)
    card.busy = False
    line.pass_time(30.0)
    assert list(card.spoken) == ["请A001号到3号窗口"]
    assert MUTE not in line.facts


@pytest.mark.parametrize("error", [Error.BUSY, Error.CRC, Error.COMMAND])
def test_what_was_refused_was_not_heard_and_is_said_again(error: Error) -> None:
    voice = CardVoice()
    board = ready(voice)
    voice.announce("A001", says("A001"), 0.0)
    assert spoken(board.data_to_send(0.0))
    facts = list(board.receive(answer(error), 0.0))
    assert spoken(board.data_to_send(1.0)) == "请A001号到3号窗口"
    facts += board.receive(answer(), 1.0)
    assert facts == ([MUTE, OK] if error is Error.COMMAND else [REFUSED, OK] if error is Error.CRC else [])


def test_calls_that_come_too_fast_are_told_and_the_newest_are_spoken() -> None:
    voice = CardVoice()
    board = BxBoard(rows(1), voice=voice)
    card = BoardFarEnd(speaks=True)
    line = Line(board, card, Faults())
    line.pass_time(1.0)
    for number in range(9):
        voice.announce(f"A00{number}", says(f"A00{number}"), line.now)
    line.pass_time(60.0)
    assert [words[1:5] for words in card.spoken] == [f"A00{number}" for number in range(3, 9)]
    assert line.facts == [OK, LATE, OK]


@pytest.mark.parametrize("seed", [0, *map(long, range(1, 10))])
@pytest.mark.parametrize("faults", [{"loss": 0.2}, {"garble": 0.2}, {"loss": 0.2, "garble": 0.1, "dribble": True}])
def test_over_a_bad_wire_nothing_is_said_twice(faults: dict[str, float], seed: int) -> None:
    voice = CardVoice()
    board, card, random = BxBoard(rows(1), voice=voice), BoardFarEnd(speaks=True), Random(seed)
    line = Line(board, card, Faults(random=random, **faults))  # type: ignore[arg-type]
    for number in range(30):
        board.show([f"A{number:03d}"])
        voice.announce(f"A{number:03d}", says(f"A{number:03d}"), line.now)
        line.pass_time(random.uniform(0.5, 15.0))
    said = list(card.spoken)
    assert len(said) == len(set(said))
    assert len(said) >= 10
