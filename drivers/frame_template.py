"""Frames of displays of which no sheet is public, as an installer has found them out: a template.

    A5 {address} [ {length} {digits:4:bcd} ] {sum} 5A

Parts stand between blanks:

* two hexadecimal digits: that byte;
* `{address}`: the display's address, one byte; `{address:hex}`: as two hexadecimal digits in ASCII;
* texts of so many bytes, filled up with blanks: `{ticket:6}` the ticket in hand, `{counter:2}` the counter,
  `{line1:20}` and `{line2:20}` what a counter display says, `{call:24}` what the hall board says of the ticket;
  `{ticket:6:right}`: at the right;
* numbers of so many digits, at the right: `{digits:4}` those of the ticket, `{waiting:3}` how many wait; without a form
  with blanks before them, `:zeros` with noughts, `:bcd` two to a byte with Fh for a blank, `:raw` a byte each with 0Ah
  for a blank;
* `[` and `]`: from where to where it is counted and summed up; `{length}`: how many bytes that are, in one byte;
* a check of what stands between `[` and `]`, else of all before it: `{sum}` (of the bytes, modulo 256), `{negsum}`
  (what makes that sum 0), `{xor}`, `{crc16-modbus}` and `{crc16-arc}` (low byte first), `{crc16-xmodem}` and
  `{crc16-ccitt-false}` (high byte first); `:swap` turns the two bytes round, `:hex` writes hexadecimal digits in ASCII.

Such a frame conforms to nothing: neither its layout nor that a display obeys it has been confirmed by any maker.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import reduce
from operator import xor
from typing import Literal

from drivers.characters import fitted, in_ascii, on_paper
from drivers.framing import crc16_arc, crc16_modbus, sum8

Encoding = Literal["ascii", "gb18030"]
TEXTS = ("ticket", "counter", "line1", "line2", "call")
NUMBERS = ("digits", "waiting")
LONGEST = 250
"""Most bytes of a frame."""
CHECKS: Mapping[str, Callable[[bytes], bytes]] = {
    "sum": lambda data: bytes([sum8(data)]),
    "negsum": lambda data: bytes([-sum(data) & 0xFF]),
    "xor": lambda data: bytes([reduce(xor, data, 0)]),
    "crc16-modbus": lambda data: crc16_modbus(data).to_bytes(2, "little"),
    "crc16-arc": lambda data: crc16_arc(data).to_bytes(2, "little"),
    "crc16-xmodem": lambda data: binascii.crc_hqx(data, 0).to_bytes(2, "big"),
    "crc16-ccitt-false": lambda data: binascii.crc_hqx(data, 0xFFFF).to_bytes(2, "big"),
}
_FORMS = {
    "address": ("hex",),
    "length": (),
    **dict.fromkeys(TEXTS, ("right",)),
    **dict.fromkeys(NUMBERS, ("zeros", "bcd", "raw")),
    **dict.fromkeys(CHECKS, ("swap", "hex")),
}
_PART = re.compile(r"\{([a-z0-9-]+)((?::[a-z0-9]+)*)\}")
_BYTE = re.compile(r"[0-9A-Fa-f]{2}")
_BLANK_BCD, _BLANK_RAW = "F", 0x0A


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a frame. `name`: a field, "byte", "[" or "]"; `width`: of the field, in characters; for a byte, its
    value."""

    name: str
    width: int = 0
    forms: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """How many bytes it has."""
        match self.name:
            case "[" | "]":
                return 0
            case "address":
                return 2 if self.forms else 1
            case "byte" | "length":
                return 1
            case name if name in CHECKS:
                return len(CHECKS[name](b"")) * (2 if "hex" in self.forms else 1)
        return self.width // 2 if "bcd" in self.forms else self.width


@dataclass(frozen=True, slots=True)
class FrameTemplate:
    """A template; `text`: as it was written."""

    text: str
    parts: tuple[Part, ...]

    @property
    def fields(self) -> frozenset[str]:
        """The names of its fields."""
        return frozenset(part.name for part in self.parts) - {"byte", "[", "]"}

    def frame(self, address: int, values: Mapping[str, str], encoding: Encoding) -> bytes:
        """The frame for the display at an address that shows these values, by field."""
        frame, checked, inside = b"", b"", None
        begin = next((n for n, part in enumerate(self.parts) if part.name == "["), None)
        length = sum(part.size for part in self._inside())
        for n, part in enumerate(self.parts):
            match part.name:
                case "[":
                    inside = b""
                    continue
                case "]":
                    checked, inside = inside or b"", None
                    continue
                case "byte":
                    data = bytes([part.width])
                case "address":
                    data = bytes([address])
                    data = data.hex().upper().encode() if part.forms else data
                case "length":
                    data = bytes([length])
                case name if name in CHECKS:
                    data = CHECKS[name](frame if begin is None or n < begin else checked)
                    data = data[::-1] if "swap" in part.forms else data
                    data = data.hex().upper().encode() if "hex" in part.forms else data
                case name:
                    data = _shown(part, values.get(name, ""), encoding)
            frame += data
            inside = None if inside is None else inside + data
        return frame

    def _inside(self) -> Sequence[Part]:
        names = [part.name for part in self.parts]
        return self.parts[names.index("[") + 1 : names.index("]")] if "[" in names else ()


def _shown(part: Part, value: str, encoding: Encoding) -> bytes:
    if part.name in TEXTS:
        text = _bytes(value, part.width, encoding)
        return text.rjust(part.width) if "right" in part.forms else text.ljust(part.width)
    digits = "".join(c for c in value if c.isascii() and c.isdigit())[-part.width :]
    if "zeros" in part.forms and digits:
        digits = digits.rjust(part.width, "0")
    digits = digits.rjust(part.width)
    if "bcd" in part.forms:
        return bytes.fromhex(digits.replace(" ", _BLANK_BCD))
    if "raw" in part.forms:
        return bytes(_BLANK_RAW if c == " " else int(c) for c in digits)
    return digits.encode("ascii")


def _bytes(text: str, width: int, encoding: Encoding) -> bytes:
    """As much of the text as has room; no character is cut in two."""
    found = b""
    for character in fitted(text, in_ascii if encoding == "ascii" else on_paper):
        data = character.encode(encoding)
        if len(found) + len(data) > width:
            break
        found += data
    return found


def parse(text: object) -> FrameTemplate:
    """A template from the configuration; ValueError says what is wrong with it."""
    if not isinstance(text, str) or not text.strip():
        raise ValueError('it takes a frame, such as "A5 {address} {digits:4} {sum} 5A", in quotes')
    parts = tuple(map(_part, text.split()))
    names = [part.name for part in parts]
    if not any(name in TEXTS or name in NUMBERS for name in names):
        raise ValueError("nothing in it ever changes; add what it shows, such as {digits:4} or {ticket:6}")
    if names.count("[") > 1 or names.count("[") != names.count("]") or ("[" in names and names[-1:] == ["["]):
        raise ValueError("it takes one [ and one ] after it, or neither")
    if "[" in names and names.index("[") > names.index("]"):
        raise ValueError("it takes one [ and one ] after it, or neither")
    if "length" in names and "[" not in names:
        raise ValueError("{length} counts the bytes between [ and ]; put these around what it is to count")
    inside = names[names.index("[") : names.index("]")] if "[" in names else []
    for name in CHECKS:
        if name in inside:
            raise ValueError(f"{{{name}}} checks what stands between [ and ], so it cannot stand there itself")
    if (size := sum(part.size for part in parts)) > LONGEST:
        raise ValueError(f"its frame would have {size} bytes; {LONGEST} are possible")
    return FrameTemplate(text, parts)


def _part(text: str) -> Part:
    if text in ("[", "]"):
        return Part(text)
    if _BYTE.fullmatch(text):
        return Part("byte", int(text, 16))
    found = _PART.fullmatch(text)
    if found is None:
        raise ValueError(f'"{text}" is no part of a frame; it takes a byte as A5, a field as {{digits:4}}, [ or ]')
    name, options = found[1], found[2].split(":")[1:]
    if name not in _FORMS:
        close = get_close_matches(name, _FORMS, n=1)
        hint = f"did you mean {{{close[0]}}}?" if close else f"known are {', '.join(_FORMS)}"
        raise ValueError(f"there is no field {{{name}}}; {hint}")
    width = 0
    if name in TEXTS or name in NUMBERS:
        given = options.pop(0) if options else ""
        if not given.isdecimal() or not 1 <= int(given) <= 100:
            raise ValueError(f"{text} does not say how long it is, 1 to 100; write it as {{{name}:4}}")
        width = int(given)
    for form in options:
        if form not in _FORMS[name]:
            raise ValueError(
                f'{text}: there is no "{form}" for {name}; it takes {", ".join(_FORMS[name]) or "nothing"}'
            )
    if name in NUMBERS and len(options) > 1 and set(options) != {"zeros", "bcd"} and set(options) != {"zeros", "raw"}:
        raise ValueError(f"{text}: bcd and raw are two ways to write a number; choose one")
    if "bcd" in options and width % 2:
        raise ValueError(f"{text}: two digits make a byte in bcd; use an even number of them")
    return Part(name, width, tuple(options))
