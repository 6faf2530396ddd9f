"""Modbus RTU frames: the requests that a master sends here, and their replies.

Source: Modbus Application Protocol 1.1b3 and Modbus over Serial Line 1.02 (modbus.org). A frame is ::

    unit function data.. CRC (low byte first)

A reply has the request's unit and function; an exception has the function with bit 7 set, and a code. Numbers are
big-endian. A frame has no mark of its beginning: on the line it is told from the next by a silence of 3.5 characters,
here by what the request lets expect, since operating systems do not pass such silences on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from drivers.framing import crc16_modbus

UNITS = range(1, 248)
"""Addresses that a unit may have."""
MOST_REGISTERS = 123
"""Registers that one request can write."""
EXCEPTION = 0x80
SILENCE = 3.5
"""Characters of silence between two frames."""
LEAST_SILENCE = 0.00175
"""Seconds of silence above 19200 baud."""


class Function(IntEnum):
    """The function codes used here."""

    READ_INPUTS = 0x02
    READ_REGISTERS = 0x03
    WRITE_REGISTER = 0x06
    WRITE_REGISTERS = 0x10


def framed(body: bytes) -> bytes:
    """A frame, given all of it but its CRC."""
    return body + crc16_modbus(body).to_bytes(2, "little")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a unit has answered. `data`: what follows the function; `exception`: its code, 0: there is none."""

    data: bytes
    exception: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """A request: its bytes, and those after the function with which its reply begins and ends. `reply`: the size of the
    whole reply in bytes."""

    data: bytes
    reply_begins: bytes
    reply: int

    @property
    def unit(self) -> int:
        """The unit that it is for."""
        return self.data[0]

    @property
    def function(self) -> int:
        """Its function code."""
        return self.data[1]

    @property
    def is_repeated(self) -> bool:
        """Whether its reply is the same bytes, so that an echo cannot be told from it by itself."""
        return self.function == Function.WRITE_REGISTER

    def replies(self, heard: bytes) -> Iterator[tuple[int, Reply]]:
        """The whole replies to it in what was heard, each with the place at which it begins."""
        for at in range(len(heard) - 4):
            if heard[at] != self.unit:
                continue
            if heard[at + 1] == self.function | EXCEPTION:
                if is_whole(heard[at : at + 5]):
                    yield at, Reply(b"", heard[at + 2])
            elif heard[at + 1] == self.function and heard.startswith(self.reply_begins, at + 2):
                frame = heard[at : at + self.reply]
                if len(frame) == self.reply and is_whole(frame):
                    yield at, Reply(frame[2:-2])


def is_whole(frame: bytes) -> bool:
    """Whether a frame's CRC is right."""
    return crc16_modbus(frame[:-2]) == int.from_bytes(frame[-2:], "little")


def read_inputs(unit: int, first: int, count: int) -> Request:
    """Read `count` discrete inputs from address `first` on (FC02)."""
    body = bytes((unit, Function.READ_INPUTS)) + _u16(first) + _u16(count)
    size = -(-count // 8)
    return Request(framed(body), bytes([size]), 5 + size)


def inputs_of(reply: Reply, count: int) -> tuple[bool, ...]:
    """The states of the inputs in a reply to `read_inputs`, lowest address first."""
    bits = int.from_bytes(reply.data[1:], "little")
    return tuple(bool(bits >> n & 1) for n in range(count))


def read_register(unit: int, address: int) -> Request:
    """Read one holding register (FC03)."""
    return Request(framed(bytes((unit, Function.READ_REGISTERS)) + _u16(address) + _u16(1)), b"\x02", 7)


@dataclass(frozen=True, slots=True)
class Write:
    """What should stand in the registers from `address` on. `single`: written by FC06, which takes one register; else
    by FC16."""

    address: int
    values: tuple[int, ...]
    single: bool = False

    def request(self, unit: int) -> Request:
        """The request that writes it."""
        if self.single:
            data = _u16(self.address) + _u16(self.values[0])
            return Request(framed(bytes((unit, Function.WRITE_REGISTER)) + data), data, 8)
        where = _u16(self.address) + _u16(len(self.values))
        values = b"".join(map(_u16, self.values))
        body = bytes((unit, Function.WRITE_REGISTERS)) + where + bytes([len(values)]) + values
        return Request(framed(body), where, 8)


def writes(address: int, values: Sequence[int], *, single: bool) -> tuple[Write, ...]:
    """The writes that put `values` into the registers from `address` on."""
    if single:
        return tuple(Write(address + n, (value,), single=True) for n, value in enumerate(values))
    return (Write(address, tuple(values)),)


def _u16(number: int) -> bytes:
    return number.to_bytes(2, "big")


def silence(byte_time: float) -> float:
    """Seconds of silence between two frames, given the seconds of a byte."""
    return max(SILENCE * byte_time, LEAST_SILENCE)
