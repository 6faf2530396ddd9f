"""Hall boards: frames, and the driver through outages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from boards import GOLDEN, NO_ANSWER, answer, areas, read
from hypothesis import given
from hypothesis import strategies as st

from drivers.bx import BxBoard, Strip, rows
from drivers.bx_frame import (
    ANY_CARD,
    Area,
    Command,
    Error,
    Frame,
    areas_parameters,
    command,
    frame_reader,
)
from drivers.device import OK, Health
from drivers.framing import crc16_arc
from simulators.devices.bx import BoardFarEnd

REFUSED = Health("degraded", "board_refused")


def with_crc(body: str) -> bytes:
    """A frame around an unescaped body without reserved bytes, built here so that only the body can be wrong."""
    data = bytes.fromhex(body)
    return b"\xa5" * 8 + data + crc16_arc(data).to_bytes(2, "little") + b"\x5a"


def texts(data: bytes) -> list[str]:
    """What these bytes put on the board; "ping" for a ping, nothing for nothing."""
    if data == GOLDEN["ping"]:
        return ["ping"]
    return [area.text.decode("gb2312").rstrip() for area in areas(data)] if data else []


def ready(*lines: str, now: float = 0.0, strips: Sequence[Strip] = rows(2), **settings: object) -> BxBoard:
    """A driver whose card has confirmed these lines at `now`."""
    board = BxBoard(strips, **settings)  # type: ignore[arg-type]
    board.connected(now)
    board.show(lines)
    assert board.data_to_send(now) == GOLDEN["ping"]
    assert board.receive(answer(), now) == [OK]
    assert len(areas(board.data_to_send(now))) == len(strips)
    assert board.receive(answer(), now) == []
    return board


# -- frames ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GOLDEN)
def test_vendor_frame_is_read_and_written_alike(name: str) -> None:
    (frame,) = read(GOLDEN[name])
    assert frame.to_bytes() == GOLDEN[name]


def test_vendor_frames_mean_what_the_document_says() -> None:
    assert Frame(command(Command.PING)).to_bytes() == GOLDEN["ping"]
    assert Frame(command(Command.CLEAR)).to_bytes() == GOLDEN["clear"]
    area = Area(
        x=0,
        y=0,
        width=24,
        height=32,
        id=0,
        run_mode=0,
        timeout=2,
        line_mode=2,
        newline=2,
        effect=3,
        text=b"012345QRSTTV'B",
    )
    parameters = areas_parameters([area])
    assert Frame(command(Command.DYNAMIC_AREAS, parameters, header=len(parameters))).to_bytes() == GOLDEN["show"]
    assert areas(GOLDEN["show"]) == [area]


def test_reserved_bytes_are_escaped() -> None:
    frame = Frame(b"\xa5\xa6\x5a\x5b")
    wire = frame.to_bytes()
    assert b"\xa6\x02\xa6\x01\x5b\x02\x5b\x01" in wire
    assert read(wire) == [frame]
    for bare in ("A6", "5B", "A6 03", "5B 00"):
        assert read(with_crc(f"01 00 00 80 00 00 00 00 00 00 FE 02 {len(bytes.fromhex(bare)):02X} 00 {bare}")) == []


@pytest.mark.parametrize("name", GOLDEN)
def test_any_changed_byte_spoils_the_frame(name: str) -> None:
    good = GOLDEN[name]
    for position in range(8, len(good)):
        for bit in range(8):
            spoiled = bytearray(good)
            spoiled[position] ^= 1 << bit
            assert read(bytes(spoiled)) == []


def test_another_crc_mode_or_a_wrong_length_is_not_read() -> None:
    assert with_crc("01 00 00 80 00 00 00 00 00 00 FE 02 05 00 A2 00 01 00 00") == GOLDEN["ping"]
    for spoiled in (
        "01 00 00 80 00 00 00 00 01 00 FE 02 05 00 A2 00 01 00 00",
        "01 00 00 80 00 00 00 00 00 00 FE 02 04 00 A2 00 01 00 00",
        "01 00 00 80 00 00 00 00 00 00 FE 02 06 00 A2 00 01 00 00",
        "01 00 00 80 00 00 00 00 00 00 FE 02 00",
        "",
    ):
        assert read(with_crc(spoiled)) == []


frames = st.builds(
    Frame,
    st.binary(max_size=60),
    destination=st.integers(0, 0xFFFF),
    source=st.integers(0, 0xFFFF),
    device=st.integers(0, 0xFF),
)
noise = st.lists(st.one_of(st.binary(max_size=80), st.sampled_from([b"\xa5", b"\x5a", b"\xa6", b"\x5b", b"\xa5" * 20])))


@given(st.lists(st.tuples(noise.map(b"".join), frames)), noise.map(b"".join), st.integers(1, 64))
def test_frames_are_found_in_any_noise(parts: list[tuple[bytes, Frame]], tail: bytes, chunk: int) -> None:
    """Invariant: each good frame is found, in order, whatever stands between frames and however the bytes arrive.

    Noise would have to carry a valid CRC to be taken for one, so nothing else is found either.
    """
    stream = b"".join(before + frame.to_bytes() for before, frame in parts) + tail
    reader = frame_reader(1024)
    found = [
        frame for start in range(0, len(stream), chunk) for frame in reader.feed(stream[start : start + chunk], 0.0)
    ]
    assert found == [frame for _, frame in parts]


def test_an_endless_frame_is_given_up() -> None:
    reader = frame_reader(64)
    assert reader.feed(b"\xa5" + b"\x01" * 200 + GOLDEN["ping"], 0.0) == read(GOLDEN["ping"])
    assert reader.garbage == 201


@given(st.lists(st.binary(max_size=100)))
def test_driver_and_card_never_raise_on_garbage(chunks: list[bytes]) -> None:
    board, card = ready("A001"), BoardFarEnd()
    for now, chunk in enumerate(chunks):
        assert board.receive(chunk, float(now)) == []
        card.receive(chunk, float(now))
    assert card.data_to_send(0.0) == []


# -- the driver --------------------------------------------------------------------------------------------------


def test_first_a_ping_then_the_level_straight_away() -> None:
    board = BxBoard(rows(2))
    board.show(["A017  3号窗口", "A016  1号窗口"])
    assert board.data_to_send(0.0) == b""
    assert board.next_deadline() is None
    assert board.connected(0.0) == []
    assert board.data_to_send(0.0) == GOLDEN["ping"]
    assert board.data_to_send(0.0) == b""
    assert board.receive(answer(), 0.1) == [OK]
    assert texts(board.data_to_send(0.1)) == ["A017  3号窗口", "A016  1号窗口"]
    assert board.receive(answer(), 0.2) == []
    assert board.data_to_send(0.3) == b""


def test_a_new_level_goes_at_once_and_an_unchanged_one_not_again() -> None:
    board = ready("A001")
    board.show(["A002", "A001"])
    assert texts(board.data_to_send(1.0)) == ["A002", "A001"]
    board.receive(answer(), 1.1)
    board.show(["A002", "A001"])
    assert board.data_to_send(1.2) == b""


def test_the_latest_level_wins_while_one_is_under_way() -> None:
    board = ready("A001")
    for ticket in ("A002", "A003", "A004"):
        board.show([ticket])
        sent = texts(board.data_to_send(1.0))
        assert sent == (["A002", ""] if ticket == "A002" else [])
    board.receive(answer(), 1.1)
    assert texts(board.data_to_send(1.1)) == ["A004", ""]
    board.receive(answer(), 1.2)
    assert board.data_to_send(1.2) == b""


def test_each_line_is_an_area_and_a_missing_line_is_blank() -> None:
    board = ready("A001", "B002", strips=rows(2, 100, 24))
    board.show(["A003"])
    first, second = areas(board.data_to_send(1.0))
    assert (first.id, first.x, first.y, first.width, first.height, first.text) == (0, 0, 0, 13, 24, b"A003")
    assert (second.id, second.x, second.y, second.width, second.height, second.text) == (1, 0, 24, 13, 24, b" ")
    assert (first.effect, first.line_mode, first.run_mode, first.timeout) == (1, 1, 1, 0)
    board.receive(answer(), 1.0)
    board.show(["", "B002"])
    assert areas(board.data_to_send(1.0))[0].text == b" "


def test_surplus_lines_are_not_shown_and_long_ones_are_cut_to_whole_characters() -> None:
    board = ready(strips=rows(2, 40))
    board.show(["号号号", "A00123", "A003"])
    assert texts(board.data_to_send(1.0)) == ["号号", "A0012"]


def test_what_gb2312_lacks_becomes_its_twin_or_a_question_mark() -> None:
    board = ready()
    board.show(["\\C1€😀", "\n¥囍"])
    first, second = areas(board.data_to_send(1.0))[:2]
    assert (first.text, second.text) == (b"\xa3\xdcC1??", b" \xa3\xa4?")
    assert b"\\" not in first.text + second.text, "the card's escape character"


def test_a_line_is_cut_after_its_twins_have_been_put_in() -> None:
    board = ready(strips=rows(2, 40))
    board.show(["¥¥¥", "½½"])
    assert texts(board.data_to_send(1.0)) == ["￥￥", "1/21/"]


@pytest.mark.parametrize(
    ("settings", "x", "width"),
    [
        ({"model": "5k1"}, 0, 16),
        ({"model": "6k2"}, 0x8000, 0x8080),
        ({"model": "6k2", "x_unit": "pixel"}, 0, 128),
        ({"model": "5k2", "x_unit": "pixel15"}, 0x8000, 0x8080),
    ],
)
def test_x_and_width_are_in_the_models_unit(settings: dict[str, Any], x: int, width: int) -> None:
    board = ready(**settings)
    board.show(["A002"])
    area = areas(board.data_to_send(1.0))[0]
    assert (area.x, area.width) == (x, width)


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(ValueError, match="5k1, 5k2"):
        BxBoard(model="7k")


def test_a_fresh_card_is_wiped_first_and_only_then() -> None:
    for meaning, fresh_header, later_header in (("length", None, None), ("process", b"\x01\x00", b"\x00\x00")):
        board = BxBoard(dynamic_header=meaning)  # type: ignore[arg-type]
        board.show(["A001"])
        board.connected(0.0)
        board.data_to_send(0.0)
        for header, deleted in ((fresh_header, 0xFF), (later_header, 0)):
            board.receive(answer(), 0.0)
            (frame,) = read(board.data_to_send(0.0))
            assert frame.data[3:5] == (header or (len(frame.data) - 5).to_bytes(2, "little"))
            assert frame.data[5] == deleted
            board.show(["A002"])


def test_another_destination_is_addressed() -> None:
    board = BxBoard(destination=ANY_CARD)
    board.connected(0.0)
    (frame,) = read(board.data_to_send(0.0))
    assert frame.destination == ANY_CARD


# -- outages -----------------------------------------------------------------------------------------------------


def test_an_unanswered_level_is_sent_again_and_told_once() -> None:
    board = ready("A001")
    board.show(["A002"])
    board.data_to_send(1.0)
    assert board.next_deadline() == 4.0
    assert board.tick(3.9) == []
    assert board.data_to_send(3.9) == b""
    assert board.tick(4.0) == [NO_ANSWER]
    assert texts(board.data_to_send(4.0)) == ["A002", ""]
    assert board.next_deadline() == 7.0
    assert board.tick(7.0) == []
    board.show(["A003"])
    assert texts(board.data_to_send(7.0)) == ["A003", ""]
    assert board.receive(answer(), 7.1) == [OK]
    assert board.data_to_send(7.1) == b""


def test_a_dead_board_is_noticed_while_idle_and_gets_the_level_when_it_is_back() -> None:
    board = ready("A001")
    assert board.next_deadline() == 10.0
    assert texts(board.data_to_send(10.0)) == ["ping"]
    assert board.tick(13.0) == [NO_ANSWER]
    assert texts(board.data_to_send(13.0)) == ["A001", ""]
    board.tick(16.0)
    assert texts(board.data_to_send(16.0)) == ["A001", ""]
    assert board.receive(answer(), 16.1) == [OK]
    assert board.next_deadline() == pytest.approx(26.1)


def test_until_it_is_told_otherwise_a_board_is_blank() -> None:
    board = BxBoard(rows(2))
    board.connected(0.0)
    board.data_to_send(0.0)
    board.receive(answer(), 0.1)
    assert texts(board.data_to_send(0.1)) == ["", ""]


def test_a_level_grants_a_ping_half_a_second() -> None:
    board = ready("A001")
    assert texts(board.data_to_send(10.0)) == ["ping"]
    board.show(["A002"])
    assert board.data_to_send(10.1) == b""
    assert board.next_deadline() == 10.5
    assert board.tick(10.5) == []
    assert texts(board.data_to_send(10.5)) == ["A002", ""]
    # The board is still declared silent three seconds after the ping that began the silence.
    assert board.next_deadline() == 13.0
    assert board.tick(13.0) == [NO_ANSWER]
    assert board.data_to_send(13.0) == b""
    assert board.next_deadline() == 13.5


def test_the_level_is_refreshed_in_case_the_card_restarted_unnoticed() -> None:
    board = ready("A001")
    for now in (10.0, 20.0, 30.0, 40.0, 50.0):
        assert texts(board.data_to_send(now)) == ["ping"]
        board.receive(answer(), now)
    assert texts(board.data_to_send(60.0)) == ["A001", ""]


def test_a_busy_board_is_tried_again_with_growing_pauses_before_anyone_is_told() -> None:
    board = ready("A001")
    board.show(["A002"])
    now = 1.0
    for pause, facts in ((0.2, []), (0.4, []), (0.8, []), (1.6, []), (2.0, [REFUSED]), (2.0, [])):
        assert texts(board.data_to_send(now)) == ["A002", ""]
        assert board.receive(answer(Error.BUSY), now) == facts
        assert board.data_to_send(now + pause - 0.01) == b""
        assert board.next_deadline() == pytest.approx(now + pause)
        now += pause
    assert texts(board.data_to_send(now)) == ["A002", ""]
    assert board.receive(answer(), now) == [OK]
    board.show(["A003"])
    board.data_to_send(now)
    board.receive(answer(Error.BUSY), now)
    assert board.next_deadline() == pytest.approx(now + 0.2)


@pytest.mark.parametrize("error", [error for error in Error if error not in (Error.NONE, Error.BUSY)])
def test_a_refusal_is_told_and_tried_again(error: Error) -> None:
    board = ready("A001")
    board.show(["A002"])
    board.data_to_send(1.0)
    assert board.receive(answer(error), 1.0) == [REFUSED]
    board.show(["A003"])
    assert board.data_to_send(1.1) == b""
    assert texts(board.data_to_send(1.2)) == ["A003", ""]
    assert board.receive(answer(), 1.3) == [OK]


def test_an_answer_to_nothing_is_ignored() -> None:
    board = ready("A001")
    assert board.receive(answer(Error.MEMORY) + answer(), 1.0) == []
    board.show(["A002"])
    board.data_to_send(1.0)
    for data in (b"\xb0\x00\x00", b"\xa0\x02\x00", b"\xa0\x00"):
        assert board.receive(Frame(data).to_bytes(), 1.1) == []
    assert board.next_deadline() == 4.0


def test_a_lost_link_sends_nothing_and_a_new_one_the_level_again() -> None:
    board = ready("A001")
    assert board.disconnected(1.0) == []
    board.show(["A002"])
    assert board.data_to_send(1.0) == b""
    assert board.next_deadline() is None
    board.show(["A001"])
    board.connected(2.0)
    assert texts(board.data_to_send(2.0)) == ["ping"]
    assert board.receive(answer(), 2.1) == [OK]
    assert texts(board.data_to_send(2.1)) == ["A001", ""]


def test_a_new_link_owes_nothing_to_the_old_one() -> None:
    board = ready("A001")
    board.show(["A002"])
    board.data_to_send(1.0)
    board.receive(answer(Error.BUSY), 1.0)
    board.disconnected(1.0)
    board.connected(1.0)
    # No pause is left, nor the count that makes pauses grow.
    assert texts(board.data_to_send(1.0)) == ["ping"]
    board.receive(answer(Error.BUSY), 1.0)
    assert texts(board.data_to_send(1.2)) == ["A002", ""]
    board.receive(answer()[:-1], 1.3)
    board.disconnected(1.3)
    board.connected(1.3)
    # Nothing is under way, no half a reply is kept, and the silence begins anew.
    assert texts(board.data_to_send(1.3)) == ["ping"]
    assert board.receive(answer()[-1:], 1.3) == []
    board.tick(1.8)
    assert texts(board.data_to_send(1.8)) == ["A002", ""]
    assert board.next_deadline() == 4.3
