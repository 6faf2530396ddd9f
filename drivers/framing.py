"""Finding frames in a byte stream that may start anywhere, stop anywhere and contain noise.

A protocol supplies one function, `take(buffer)`, that looks only at the start of the buffer and returns how many bytes
it has consumed and which frame, if any, they were. `FrameReader` does the rest: chunks of any size, a bounded buffer,
an incomplete frame dropped after a silence, and a count of discarded bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

F = TypeVar("F")


class Taken(NamedTuple, Generic[F]):
    """`size` bytes are consumed; `frame` is what they were, None for garbage. `size` 0: more bytes are needed."""

    size: int
    frame: F | None = None


class FrameReader(Generic[F]):
    """Cuts a byte stream into frames of type F.

    `limit` bounds the buffer in bytes (no valid frame is longer); `silence` is the time in seconds after which an
    incomplete frame is dropped, because its end was lost.
    """

    def __init__(self, take: Callable[[bytearray], Taken[F]], *, limit: int, silence: float = 0.5) -> None:
        self._take = take
        self._limit = limit
        self._silence = silence
        self._buffer = bytearray()
        self._heard = 0.0
        self.garbage = 0
        """Bytes discarded since the start."""

    def reset(self) -> None:
        """Drop an incomplete frame: the link is new."""
        self._buffer.clear()

    def feed(self, data: bytes, now: float) -> list[F]:
        """The frames completed by this chunk, oldest first."""
        if self._buffer and now - self._heard > self._silence:
            self.garbage += len(self._buffer)
            self._buffer.clear()
        self._heard = now
        frames: list[F] = []
        # Fed in slices of the limit, so that a flood never makes the buffer longer than twice that.
        for start in range(0, len(data), self._limit):
            self._buffer += data[start : start + self._limit]
            while self._buffer:
                size, frame = self._take(self._buffer)
                if size == 0:
                    if len(self._buffer) <= self._limit:
                        break
                    size = 1  # it claims to be longer than any frame may be
                del self._buffer[:size]
                if frame is None:
                    self.garbage += size
                else:
                    frames.append(frame)
        return frames


def sum8(data: bytes) -> int:
    """Sum of the bytes modulo 256 (68-frames)."""
    return sum(data) & 0xFF


def crc16_arc(data: bytes, crc: int = 0) -> int:
    """CRC-16/ARC: reflected polynomial A001h, initial value 0 (Onbon BX; Modbus's initial FFFFh would fail)."""
    for byte in data:
        crc = (crc >> 8) ^ _CRC16[(crc ^ byte) & 0xFF]
    return crc


def crc16_modbus(data: bytes) -> int:
    """CRC-16/MODBUS: the same with the initial value FFFFh; its low byte goes on the line first."""
    return crc16_arc(data, 0xFFFF)


def _crc16_of(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ 0xA001 if byte & 1 else byte >> 1
    return byte


_CRC16 = tuple(_crc16_of(byte) for byte in range(256))
