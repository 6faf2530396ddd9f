"""The card reader's driver: what readers say, in any chunks, and what is no card."""

from __future__ import annotations

from random import Random

import pytest
from golden import vectors
from hypothesis import given
from hypothesis import strategies as st

from drivers.cardreader import LINE_LIMIT, LONGEST, PAUSE, BadCard, CardRead, CardReader
from drivers.device import Health
from simulators.devices.card_reader import HANDS, CardReaderFarEnd, Form

GOLDEN = vectors("cards")
TEST_CARD = "4111111111111111"
DEBIT_CARD = "6205500000000000004"
FORMS: tuple[Form, ...] = ("tracks", "one line", "framed", "chip", "number")


def connected() -> CardReader:
    reader = CardReader()
    assert reader.connected(0.0) == [Health("ok", "reader_port_only")]
    return reader


def heard(data: bytes, size: int = 10_000) -> list[object]:
    """The facts from these bytes in chunks of that size, and from the silence after them."""
    reader = connected()
    facts: list[object] = []
    now = 1.0
    for start in range(0, len(data), size):
        facts += reader.receive(data[start : start + size], now)
        now += 0.001
    return [*facts, *reader.tick(now + PAUSE)]


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_what_readers_say(name: str, size: int) -> None:
    assert heard(GOLDEN[name], size) == [CardRead(TEST_CARD)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("length", [12, 16, 19])
def test_every_form_of_the_simulated_reader_is_read(form: Form, length: int) -> None:
    far_end = CardReaderFarEnd(form)
    far_end.swipe(DEBIT_CARD[:length])
    far_end.swipe(TEST_CARD)
    assert heard(b"".join(far_end.data_to_send(0.0))) == [CardRead(DEBIT_CARD[:length])]
    assert far_end.data_to_send(0.0) == []
    assert far_end.next_deadline() == HANDS
    assert heard(b"".join(far_end.data_to_send(HANDS))) == [CardRead(TEST_CARD)]
    assert far_end.next_deadline() is None


def test_a_number_never_shows_itself() -> None:
    assert TEST_CARD not in repr(CardRead(TEST_CARD)) + str(CardRead(TEST_CARD)) + repr(BadCard())


def test_a_line_may_end_by_silence() -> None:
    reader = connected()
    assert reader.next_deadline() is None
    assert reader.receive(TEST_CARD.encode(), 1.0) == []
    assert reader.next_deadline() == 1.0 + PAUSE
    assert reader.tick(1.0 + PAUSE / 2) == []
    assert reader.tick(1.0 + PAUSE) == [CardRead(TEST_CARD)]
    assert reader.next_deadline() is None


def test_a_card_is_one_fact_however_many_tracks_it_has() -> None:
    track_3 = b";99" + TEST_CARD.encode() + b"=1561560500050000000000?\r"
    assert heard(GOLDEN["track 1"] + GOLDEN["track 2"] + track_3) == [CardRead(TEST_CARD)]
    assert heard(b"%E?\r" + GOLDEN["track 2"]) == [CardRead(TEST_CARD)]
    assert heard(b"%E?\r;E?\r") == [BadCard()]


def test_the_next_card_is_another_fact() -> None:
    reader = connected()
    assert reader.receive(GOLDEN["track 2"], 1.0) == [CardRead(TEST_CARD)]
    assert reader.receive(GOLDEN["track 2"], 1.1) == []
    assert reader.receive(GOLDEN["track 2"], 1.1 + PAUSE) == [CardRead(TEST_CARD)], "although nobody ticked"
    assert reader.receive(b"?\r", 10.0) == []
    assert reader.receive(GOLDEN["alone"], 11.0) == [BadCard(), CardRead(TEST_CARD)]


def test_a_reader_that_never_falls_silent_is_heard_all_the_same() -> None:
    reader = connected()
    assert reader.receive(GOLDEN["track 2"], 1.0) == [CardRead(TEST_CARD)]
    now, facts = 1.0, []
    while now < 1.0 + LONGEST:
        now += PAUSE / 2
        facts += reader.receive(b"\r", now)
    assert facts == []
    assert reader.receive(GOLDEN["track 2"], now + 0.1) == [CardRead(TEST_CARD)]


@pytest.mark.parametrize(
    "line",
    [
        b"11111111111",  # 11 digits
        b"41111111111111111111",  # 20 digits
        b";4111111111111111=2412",  # track 2 cut short
        b"%B4111111111111111^DOE/JOHN^2412",
        b";411111111111111=?1",
        b"4111 1111 1111 1111",
        b"A4111111111111111",
        "４１１１１１１１１１１１１１１１".encode(),  # digits, but not of a card
        b"%B            ^X^?",
        b"1" * (LINE_LIMIT + 12),
        b"1" * (LINE_LIMIT + 1),
    ],
)
@pytest.mark.parametrize("size", [1, 50, 10_000])
def test_what_is_no_card(line: bytes, size: int) -> None:
    facts = heard(line + b"\r\n", size)
    assert facts == ([CardRead("411111111111111")] if line == b";411111111111111=?1" else [BadCard()])


def test_blank_lines_are_nothing() -> None:
    assert heard(b"\r\n\r\n \r\x02\x03") == []


def test_a_half_read_card_is_forgotten_with_its_link() -> None:
    reader = connected()
    reader.receive(b";41111111", 1.0)
    assert reader.disconnected(1.1) == []
    assert reader.next_deadline() is None
    reader.connected(1.2)
    assert reader.receive(b"11111111=2412?\r", 1.2) == []
    assert reader.tick(5.0) == [BadCard()]
    assert reader.data_to_send(5.0) == b""


PIECES = st.one_of(
    st.binary(max_size=600), st.sampled_from([*GOLDEN.values(), b"%B", b";", b"=", b"?", b"\r", b"\x02", b"1" * 12])
)


@given(st.lists(st.tuples(PIECES, st.floats(0, 2))))
def test_no_bytes_break_a_reader(chunks: list[tuple[bytes, float]]) -> None:
    """Invariant: nothing raises, little is kept, a fact is a number or that there is none; then a card is read."""
    reader = connected()
    now = 0.0
    for data, pause in chunks:
        now += pause
        facts = reader.receive(data, now)
        assert len(facts) <= 2
        for fact in facts:
            assert isinstance(fact, BadCard) or (isinstance(fact, CardRead) and 12 <= len(fact.number) <= 19)
            assert isinstance(fact, BadCard) or (isinstance(fact, CardRead) and fact.number.isdecimal())
        assert len(reader._line) <= LINE_LIMIT
        deadline = reader.next_deadline()
        assert deadline is None or now < deadline <= now + PAUSE
    reader.tick(now + LONGEST)
    assert reader.receive(GOLDEN["track 2"], now + LONGEST + 1) == [CardRead(TEST_CARD)]


@pytest.mark.parametrize("seed", range(5))
def test_a_stripe_read_with_single_wrong_bytes_never_gives_another_text_than_digits(seed: int) -> None:
    print("seed", seed)
    random = Random(seed)
    for _ in range(200):
        data = bytearray(GOLDEN["track 1"] + GOLDEN["track 2"])
        data[random.randrange(len(data))] = random.randrange(256)
        (fact,) = heard(bytes(data), random.randrange(1, 50))
        assert isinstance(fact, CardRead)
        assert fact.number.isdecimal()
