"""What is read of a ticket printer's bytes, and what it is found to be able to do."""

from __future__ import annotations

import pytest
from golden import vectors
from hypothesis import given
from hypothesis import strategies as st
from printers import AUTO_HEALTHY, HEALTHY, TICKET, Bench, model

from drivers.device import OK, Health
from drivers.escpos import (
    QUIET_TIME,
    Printed,
    Sent,
    Unknown,
)
from drivers.escpos_probe import (
    AUTO_STATUS_OFF,
    AUTO_STATUS_ON,
    PAPER_SENSOR,
    PROCESS_ID_REQUEST,
    Proof,
)
from drivers.escpos_status import (
    REAL_TIME_STATUS,
    AutoStatus,
    Parsed,
    ProcessId,
    RealTime,
    Trouble,
    reply_reader,
)

GOLDEN = vectors("escpos")
AUTO_COVER_OPEN = b"\x38\x00\x00\x00"
AUTO_PAPER_END = b"\x18\x00\x0f\x00"
AUTO_PAPER_LOW = b"\x10\x00\x03\x00"
OUT_OF_PAPER = {n: GOLDEN[f"out of paper, answer {n}"] for n in (1, 2, 4)}


# -- the reader --------------------------------------------------------------------------------------------------


REPLIES = st.sampled_from(
    [AUTO_HEALTHY, AUTO_COVER_OPEN, HEALTHY, b"\x7e", GOLDEN["confirmation P001"], b"\x11", b"\x13"]
)


@given(st.lists(REPLIES, max_size=20))
def test_replies_are_found_one_byte_at_a_time(replies: list[bytes]) -> None:
    whole, dribbled = reply_reader(), reply_reader()
    expected = [frame for reply in replies for frame in whole.feed(reply, 0.0)]
    assert len(expected) == len(replies)
    found = [frame for byte in b"".join(replies) for frame in dribbled.feed(bytes([byte]), 0.0)]
    assert found == expected
    assert dribbled.garbage == 0


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_any_noise_leaves_the_reader_able_to_read(chunks: list[bytes]) -> None:
    """Invariant: it never raises, and after any noise and a silence the next reply is understood."""
    reader = reply_reader()
    for chunk in chunks:
        reader.feed(chunk, 0.0)
    assert reader.garbage <= sum(map(len, chunks))
    assert reader.feed(GOLDEN["confirmation P001"], 10.0) == [ProcessId(b"P001")]


def test_xoff_between_the_bytes_of_an_automatic_status() -> None:
    assert reply_reader().feed(b"\x30\x13\x00\x00\x13\x00", 0.0) == [AutoStatus(Trouble.COVER_OPEN)]


def test_the_answer_to_a_request_that_lost_its_end_is_no_status() -> None:
    reader = reply_reader()
    assert reader.feed(b"\x37\x220\x00\x00\x00\x00" + HEALTHY, 0.0) == [RealTime(0x12)]
    assert reader.garbage == 7


def test_an_automatic_status_that_lost_its_end_does_not_swallow_the_next_reply() -> None:
    reader = reply_reader()
    assert reader.feed(b"\x10\x00" + GOLDEN["confirmation P001"], 0.0) == [Parsed(), ProcessId(b"P001")]


@given(st.lists(st.tuples(st.floats(0, 3), st.binary(max_size=20)), max_size=30))
def test_no_noise_upsets_the_driver(noise: list[tuple[float, bytes]]) -> None:
    """Invariant: whatever is heard, nothing raises, and each job is closed at most once, printed only if confirmed."""
    bench = Bench(lambda data: b"")
    bench.connect()
    for number in range(3):
        bench.printer.print(f"A{number:03d}", TICKET)
    for seconds, data in noise:
        bench.wait(seconds)
        bench.say(data)
    bench.disconnect()
    closed = [fact.job for fact in bench.facts if isinstance(fact, Sent | Printed | Unknown)]
    assert len(closed) == len(set(closed))
    if b"\x37\x22" not in b"".join(data for _, data in noise):
        assert not any(isinstance(fact, Printed) for fact in bench.facts)


# -- what a printer can do ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("abilities", "proof", "outcome"),
    [
        ({}, Proof.PRINTED, Printed("A017")),
        ({"asb": False}, Proof.PRINTED, Printed("A017")),
        ({"confirms": False}, Proof.QUIET, Sent("A017")),  # GS r is never used beside automatic status
        ({"asb": False, "confirms": False}, Proof.PARSED, Sent("A017")),
        ({"asb": False, "confirms": False, "parses": False}, Proof.QUIET, Sent("A017")),
        ({"status": False}, Proof.PRINTED, Printed("A017")),
        ({"status": False, "asb": False}, Proof.PRINTED, Printed("A017")),
        ({"status": False, "asb": False, "confirms": False, "parses": False}, Proof.QUIET, Sent("A017")),
    ],
)
def test_each_combination_of_abilities(abilities: dict[str, bool], proof: Proof, outcome: object) -> None:
    bench = Bench(model(**abilities))
    bench.connect()
    bench.printer.print("A017", TICKET)
    bench.wait(15.0)
    assert bench.printer.proof is proof
    assert bench.printer.ready
    assert len(bench.jobs()) == 1
    told = bench.told()
    assert outcome in told
    assert [fact for fact in told if not isinstance(fact, Health)] == [outcome]
    asked = b"".join(bench.heard)
    assert (PAPER_SENSOR in asked) == (not abilities.get("asb", True) and not abilities.get("confirms", True))
    assert (AUTO_STATUS_OFF in asked) == (not abilities.get("asb", True))


def test_a_printer_that_never_answers_prints_and_says_so() -> None:
    bench = Bench(lambda data: b"")
    bench.connect()
    assert not bench.printer.ready
    assert bench.printer.detail == "starting"
    bench.wait(10.0)
    assert bench.told() == [Health("degraded", "no_status")]
    bench.printer.print("A017", TICKET)
    bench.settle()
    assert len(bench.jobs()) == 1
    bench.wait(QUIET_TIME)
    assert bench.told() == [Sent("A017")]


def test_abilities_are_not_judged_while_the_printer_is_offline() -> None:
    """A printer without paper leaves buffered commands unread; that is no sign that it does not know them.

    The first request goes out before its state is known, since the first question is lost; it may try twice more.
    """
    paper = False
    requests = 0

    def answers(data: bytes) -> bytes:
        nonlocal requests
        requests += data == AUTO_STATUS_ON
        if data.startswith(REAL_TIME_STATUS) and not paper:
            return b"" if bench.now == 0.0 else OUT_OF_PAPER.get(data[2], HEALTHY)
        return model(asb=requests == 3)(data) if paper else b""

    bench = Bench(answers)
    bench.connect()
    bench.wait(60.0)
    assert sum(PROCESS_ID_REQUEST in data for data in bench.heard) == 0
    paper = True
    bench.wait(3.0)
    assert bench.printer.proof is Proof.PRINTED
    assert AUTO_STATUS_OFF not in b"".join(bench.heard)
    assert bench.told() == [Health("degraded", "paper_end"), OK]
