"""Telling a device's bytes from our own that come back, on a line that only the test moves: no time passes but there.

Every line is made of what was sent and what a device says, put together and cut up by a seeded chance.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from drivers.echo import ALIKE_IN_A_ROW, HELD, LEARN, LEARN_LIMIT, MARGIN, MISSES_IN_A_ROW, EchoFilter
from drivers.escpos_probe import PROCESS_ID_REQUEST
from drivers.terminal68 import MAX_L_FROM_HOST, Frame, Key, frame_reader, ticket_frame, waiting_frame

BYTE = 10 / 9600
SEED = 485
fixed = settings(derandomize=True, max_examples=150, deadline=None, database=None)


class Line:
    """A filter and the line's time; `told` is what it gave as the device's."""

    def __init__(self, byte_time: float | None = BYTE) -> None:
        self.filter = EchoFilter(byte_time)
        self.now = 100.0
        self.told = b""

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        while (due := self.filter.next_deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            self.told += self.filter.tick(self.now)
        self.now = end

    def send(self, data: bytes) -> None:
        self.filter.sent(data, self.now)

    def hear(self, data: bytes, chunk: Callable[[], int] = lambda: 1000) -> None:
        while data:
            part, data = data[: (size := chunk())], data[size:]
            self.pass_time(len(part) * BYTE)
            self.told += self.filter.heard(part, self.now)

    def take(self) -> bytes:
        told, self.told = self.told, b""
        return told


def proven() -> Line:
    line = Line()
    for address in (1, 2):
        frame = waiting_frame(address, 3).to_bytes()
        line.send(frame)
        line.hear(frame)
    assert line.filter.echoing
    assert line.take() == b""
    return line


def press(address: int = 1, key: int = Key.CALL, digits: bytes = b"") -> bytes:
    return Frame(address, 1, digits + bytes([key])).to_bytes()


# -- whether a line echoes ---------------------------------------------------------------------------------------


def test_two_writes_that_come_back_whole_prove_it_and_nothing_of_them_is_told() -> None:
    line = Line()
    for question in (b"\x10\x04\x01", b"\x1d\x61\x0e"):
        assert not line.filter.echoing
        line.send(question)
        line.hear(question, lambda: 1)
    assert line.filter.echoing
    line.hear(b"\x16")
    assert line.take() == b"\x16"


def test_one_long_write_is_proof_enough() -> None:
    line = Line()
    line.send(bytes(range(40)))
    line.hear(bytes(range(40)), lambda: 7)
    assert line.filter.echoing
    assert line.take() == b""


def test_our_answer_is_the_press_itself_and_proves_nothing() -> None:
    """A terminal whose key is held down, or which is deaf, is no echo, however often it sends the same."""
    line = Line()
    line.send(b"\x00" * 9)
    line.pass_time(1.0)  # nothing came back: it is a plain line
    for _ in range(200):
        line.hear(press())
        line.send(press())
        line.pass_time(0.06)
    assert not line.filter.echoing
    assert line.take() == press() * 200


def test_answers_that_go_round_and_leave_no_room_for_anything_else_are_an_echo() -> None:
    """As on a line that begins to echo: each answer is taken for the press, and answered."""
    line = Line()
    line.send(b"\x00" * 9)
    line.pass_time(1.0)
    line.hear(press())
    rounds = 0
    while line.take():
        rounds += 1
        line.send(press())
        line.hear(press(), lambda: 4)
    assert line.filter.echoing
    assert ALIKE_IN_A_ROW <= rounds <= ALIKE_IN_A_ROW + 1, "of the last one a part has been told"


def test_what_comes_in_the_first_moment_is_held_for_a_moment_and_kept() -> None:
    line = Line()
    line.send(b"0123456789")
    line.hear(b"0123")
    assert line.take() == b""
    line.pass_time(10 * BYTE + LEARN)
    assert line.take() == b"0123"
    line.hear(b"0123")
    assert line.take() == b"0123", "and nothing is held afterwards"


def test_what_does_not_begin_as_we_did_is_an_answer_and_told_at_once() -> None:
    line = Line()
    line.send(b"0123456789")
    line.hear(b"012")
    assert line.take() == b""
    line.hear(b"!")
    assert line.take() == b"012!"
    line.hear(b"0123")
    assert line.take() == b"0123"


def test_the_first_moment_ends_though_we_go_on_speaking() -> None:
    line = Line()
    line.send(b"first")
    line.hear(b"fir")
    for n in range(10):
        line.send(b"more %d" % n)
        line.pass_time(LEARN_LIMIT / 10)
    assert line.take() == b"fir"


def test_nobody_who_only_listens_waits() -> None:
    line = Line(None)
    line.hear(b"123")
    assert line.take() == b"123"
    assert line.filter.next_deadline() is None


@seed(SEED)
@fixed
@given(st.data())
def test_a_line_that_does_not_echo_is_never_disturbed(data: st.DataObject) -> None:
    """Whatever is said and sent, all that the device says comes out, in order."""
    line = Line()
    said = b""
    frames = [press(1), press(2), press(1, Key.RECALL), b"\x16", b"\x10\x04\x01", waiting_frame(1, 5).to_bytes()]
    for _ in range(data.draw(st.integers(1, 15))):
        match data.draw(st.sampled_from(["send", "hear", "wait", "answer"])):
            case "send":
                line.send(data.draw(st.sampled_from(frames[3:])))
            case "hear":
                said += (word := data.draw(st.sampled_from(frames[:5])))
                line.hear(word, lambda: data.draw(st.integers(1, 12)))
            case "answer":
                line.send(press(1))
                line.pass_time(0.01)
            case "wait":
                line.pass_time(data.draw(st.sampled_from([0.001, 0.05, 0.4])))
        if line.filter.echoing:
            return  # chance has made an echo of questions that were asked and "answered" with themselves
    line.pass_time(LEARN_LIMIT)
    assert line.told == said


def test_a_line_that_begins_to_echo_is_noticed_at_the_second_write() -> None:
    line = Line()
    line.send(press())
    line.pass_time(1.0)
    for n in range(2):
        line.send(waiting_frame(1, n).to_bytes())
        line.hear(waiting_frame(1, n).to_bytes(), lambda: 4)
    assert line.filter.echoing
    line.take()
    line.hear(press())
    line.send(press())
    line.hear(press(), lambda: 3)
    assert line.take() == press()


def test_a_line_that_echoes_no_longer_is_noticed_and_nothing_is_lost() -> None:
    line = proven()
    for n in range(MISSES_IN_A_ROW):
        assert line.filter.echoing
        line.send(waiting_frame(1, n).to_bytes())
        line.pass_time(0.02)
        line.hear(press(1, Key.CALL, bytes([n])))
        line.pass_time(1.0)
        assert line.take() == press(1, Key.CALL, bytes([n])), "late, but not lost"
    assert not line.filter.echoing
    line.send(press())
    line.hear(press())
    assert line.take() == press(), "at once"


def test_a_line_on_which_nothing_comes_has_stalled_and_still_echoes() -> None:
    line = proven()
    for n in range(3 * MISSES_IN_A_ROW):
        line.send(waiting_frame(1, n).to_bytes())
        line.pass_time(1.0)
    assert line.filter.echoing
    line.send(press())
    line.hear(press())
    assert line.take() == b"", "it is its echo"


def test_a_new_link_is_taken_to_be_as_the_last_one() -> None:
    line = proven()
    line.filter.restart()
    frame = waiting_frame(1, 7).to_bytes()
    line.send(frame)
    line.hear(frame)
    assert line.take() == b""
    assert line.filter.echoing


# -- a line that echoes ------------------------------------------------------------------------------------------

TICKET = bytes(70) + Random(SEED).randbytes(200) + PROCESS_ID_REQUEST + b"0007"
TERMINALS = [press(1), press(2, Key.RECALL), press(1, Key.TRANSFER, b"\x01\x02"), Frame(11, 0x11, b"\x05").to_bytes()]
PRINTER = [b"\x16", b"\x12", b"\x14\x00\x00\x00", b"\x37\x220012\x00", b"\x1a"]
TO_TERMINALS = [ticket_frame(1, "A017").to_bytes(), waiting_frame(2, 12).to_bytes(), press(2), press(1, Key.CALL)]
TO_PRINTER = [b"\x10\x04\x01", b"\x10\x04\x04", b"\x1d\x61\x0e", TICKET]
DEVICES = [(TERMINALS, TO_TERMINALS), (PRINTER, TO_PRINTER)]


@seed(SEED)
@fixed
@given(st.sampled_from(DEVICES), st.data())
def test_the_devices_words_come_out_and_ours_do_not(kind: tuple[list[bytes], list[bytes]], data: st.DataObject) -> None:
    """Before, after and inside what we sent, in chunks of any size."""
    words, writes = kind
    line = proven()
    said = b""
    for _ in range(data.draw(st.integers(1, 8))):
        write, word = data.draw(st.sampled_from(writes)), data.draw(st.sampled_from(words))
        line.send(write)
        # Not before the last byte: one byte alone behind a word is taken for the word's end.
        at = data.draw(st.integers(0, len(write) - 2) | st.just(len(write)) | st.none())
        if at is None:
            on_the_line = write
        else:
            on_the_line = write[:at] + word + write[at:]
            said += word
        sizes = Random(data.draw(st.integers(0, 99)))
        line.hear(on_the_line, lambda sizes=sizes: sizes.choice([1, 2, 5, 16, 100]))  # type: ignore[misc]
        line.pass_time(data.draw(st.sampled_from([0.0, 0.05, 1.0])))
    line.pass_time(2.0)
    assert line.told == said
    assert line.filter.echoing


@seed(SEED)
@fixed
@given(st.sampled_from(TO_TERMINALS), st.sampled_from(["change", "lose", "add", "most"]), st.data())
def test_a_broken_echo_is_nobodys_frame_and_the_press_after_it_acts(
    write: bytes, how: str, data: st.DataObject
) -> None:
    line = proven()
    line.send(write)
    broken = bytearray(write)
    at = data.draw(st.integers(0, len(write) - 1))
    match how:
        case "change":
            broken[at] ^= data.draw(st.integers(1, 255))
        case "lose":
            del broken[at : at + data.draw(st.integers(1, 3))]
        case "add":
            broken.insert(at, data.draw(st.integers(0, 255)))
        case "most":
            broken = broken[: at // 3]
    sizes = Random(data.draw(st.integers(0, 99)))
    line.hear(bytes(broken), lambda: sizes.choice([1, 3, 20]))
    line.pass_time(0.3)  # a terminal that hears no echo speaks again
    line.hear(press(7, Key.RECALL), lambda: sizes.choice([1, 3, 20]))
    line.pass_time(1.0)
    assert [frame.to_bytes() for frame in frame_reader(MAX_L_FROM_HOST).feed(line.told, 0.0)] == [press(7, Key.RECALL)]
    assert len(line.told) <= len(press(7)) + len(write)


def test_a_changed_byte_is_dropped_with_the_rest() -> None:
    line = proven()
    frame = ticket_frame(1, "A017").to_bytes()
    for at in range(len(frame)):
        line.send(frame)
        line.hear(frame[:at] + bytes([frame[at] ^ 0x55]) + frame[at + 1 :])
        line.pass_time(1.0)
    assert line.take() == b""


def test_a_press_is_told_as_soon_as_what_we_sent_is_back() -> None:
    line = proven()
    line.send(ticket_frame(1, "A017").to_bytes())
    line.hear(press() + ticket_frame(1, "A017").to_bytes())
    assert line.take() == press(), "no time has passed"
    line.hear(press(2))
    assert line.take() == press(2)


def test_a_press_equal_to_our_answer_is_told_once() -> None:
    """The terminal sent it again while the answer to the first was on its way."""
    line = proven()
    line.hear(press())
    line.send(press())
    line.hear(press() + press(), lambda: 3)
    assert line.take() == press() * 2


def test_the_same_again_after_its_time_is_the_devices() -> None:
    line = proven()
    line.send(press())  # and its echo is lost
    line.pass_time(10 * BYTE + MARGIN + 0.01)
    line.hear(press())
    assert line.take() == press()


def test_a_broken_echo_is_settled_by_the_next_whole_one() -> None:
    line = proven()
    first, second = ticket_frame(1, "A017").to_bytes(), ticket_frame(2, "A018").to_bytes()
    line.send(first)
    line.send(second)
    line.hear(first[:4] + first[6:] + press() + second)
    assert line.take() == press()


def test_a_stopped_line_holds_nothing_but_our_own() -> None:
    """XOFF: what we sent leaves later, and comes back later. What the device says meanwhile is told."""
    line = proven()
    ticket = bytes(range(0x20, 0x60))
    line.send(ticket)
    line.hear(ticket[:10])
    line.hear(b"\x16")
    for _ in range(100):
        line.now += 0.05
        line.told += line.filter.tick(line.now, unsent=len(ticket) - 10)
    assert line.take() == b"\x16"
    line.hear(ticket[10:], lambda: 9)
    assert line.filter.echoing
    line.pass_time(1.0)
    assert line.take() == b""


@pytest.mark.parametrize("start", [Line, proven])
def test_a_flood_is_bounded(start: Callable[[], Line]) -> None:
    line = start()
    line.send(b"question")
    noise = Random(SEED).randbytes(50 * HELD)
    for at in range(0, len(noise), 100):
        line.told += line.filter.heard(noise[at : at + 100], line.now)
        assert at + 100 - len(line.told) <= 3 * HELD
    line.pass_time(1.0)
    assert line.told == noise
