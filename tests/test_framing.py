"""Checksums against published check values, and the frame reader's promises with a toy protocol."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.framing import FrameReader, Taken, crc16_arc, sum8

LIMIT = 12
CHECK = b"123456789"


class Toy:
    """Frames `< length payload >` with a payload of at most 8 bytes; counts how often the reader asks."""

    def __init__(self) -> None:
        self.calls = 0
        self.longest = 0

    def take(self, buffer: bytearray) -> Taken[bytes]:
        self.calls += 1
        self.longest = max(self.longest, len(buffer))
        if buffer[0] != ord("<"):
            return Taken(1)
        if len(buffer) < 2:
            return Taken(0)
        size = buffer[1] + 3
        if len(buffer) < size:
            return Taken(0)
        return Taken(size, bytes(buffer[2 : size - 1])) if buffer[size - 1] == ord(">") else Taken(1)

    def reader(self, silence: float = 0.5) -> FrameReader[bytes]:
        return FrameReader(self.take, limit=LIMIT, silence=silence)


def framed(payload: bytes) -> bytes:
    return b"<" + bytes([len(payload)]) + payload + b">"


def test_crc16_arc_check_value() -> None:
    assert crc16_arc(CHECK) == 0xBB3D
    assert crc16_arc(b"") == 0
    assert crc16_arc(b"\x01") == 0xC0C1, "the reflected polynomial's table begins so"


def test_sum8() -> None:
    assert sum8(CHECK) == 0xDD
    assert sum8(b"") == 0
    assert sum8(b"\xff\x02") == 1


payloads = st.binary(max_size=8)
# Nothing in it looks like the beginning of a frame.
quiet_noise = st.binary(max_size=40).map(lambda data: data.replace(b"<", b""))


@given(st.lists(st.tuples(quiet_noise, payloads)), quiet_noise, st.lists(st.integers(1, 50), min_size=1))
def test_frames_come_out_whole_in_order_however_they_are_cut(
    parts: list[tuple[bytes, bytes]], tail: bytes, cuts: list[int]
) -> None:
    stream = b"".join(noise + framed(payload) for noise, payload in parts) + tail
    reader, found = Toy().reader(), []
    start = turn = 0
    while start < len(stream):
        size = cuts[turn % len(cuts)]
        found += reader.feed(stream[start : start + size], 0.0)
        start, turn = start + size, turn + 1
    assert found == [payload for _, payload in parts]
    assert reader.garbage == sum(len(noise) for noise, _ in parts) + len(tail)


@given(st.lists(st.tuples(st.floats(0, 2), st.binary(max_size=100))))
def test_every_byte_is_in_a_frame_or_garbage_or_still_held(chunks: list[tuple[float, bytes]]) -> None:
    toy, now, fed, framed_bytes = Toy(), 0.0, 0, 0
    reader = toy.reader()
    for pause, chunk in chunks:
        now += pause
        fed += len(chunk)
        framed_bytes += sum(len(framed(payload)) for payload in reader.feed(chunk, now))
        assert 0 <= fed - framed_bytes - reader.garbage <= LIMIT
    assert toy.longest <= 2 * LIMIT


def test_a_frame_longer_than_the_limit_is_given_up_byte_by_byte() -> None:
    reader = Toy().reader()
    assert reader.feed(b"<\xff" + b"x" * (LIMIT - 2), 0.0) == []
    assert reader.garbage == 0, "at the limit it may still be right"
    assert reader.feed(b"x" + framed(b"A017"), 0.0) == [b"A017"]
    assert reader.garbage == LIMIT + 1


@pytest.mark.parametrize(("pause", "found"), [(0.5, [b"A017"]), (0.51, [])])
def test_an_unfinished_frame_is_given_up_after_a_silence(pause: float, found: list[bytes]) -> None:
    reader = Toy().reader(silence=0.5)
    first, second = framed(b"A017")[:4], framed(b"A017")[4:]
    assert reader.feed(first, 1.0) == []
    assert reader.feed(second, 1.0 + pause) == found
    assert reader.garbage == (0 if found else len(first) + len(second))


def test_the_silence_is_counted_from_the_last_byte() -> None:
    reader = Toy().reader(silence=0.5)
    data = framed(b"A017")
    for i, byte in enumerate(data[:-1]):
        assert reader.feed(bytes([byte]), i * 0.4) == []
    assert reader.feed(data[-1:], (len(data) - 1) * 0.4) == [b"A017"]


def test_a_reset_forgets_the_half_read_frame_and_keeps_the_count() -> None:
    reader = Toy().reader()
    reader.feed(b"xx" + framed(b"A017")[:4], 0.0)
    reader.reset()
    assert reader.feed(framed(b"A018"), 0.0) == [b"A018"]
    assert reader.garbage == 2


@pytest.mark.parametrize(
    ("noise", "size"),
    [(b"<\x08abc", 1_000_000)]
    + [(noise, 50_000) for noise in (b"x", b"<", b"<\xff", b"<<\x09", b"<\x00", b"<\x08" + b"<" * 9)],
)
def test_a_flood_of_noise_is_linear_work_in_a_small_buffer(noise: bytes, size: int) -> None:
    """Each byte is looked at a bounded number of times, and the buffer never grows, in one chunk or in many."""
    flood = (noise * (size // len(noise) + 1))[:size]
    for chunk in (size, 4096):
        toy = Toy()
        reader = toy.reader()
        for start in range(0, size, chunk):
            assert reader.feed(flood[start : start + chunk], 0.0) == []
        assert toy.calls <= size + size // LIMIT + size // chunk + 2, "one a byte, and one a slice for 'more'"
        assert toy.longest <= 2 * LIMIT
        assert reader.garbage >= size - LIMIT
