"""Digit displays on Modbus: what to write into which registers, so that a model shows a text.

No standard says in which registers a display keeps what it shows. So each model has a profile, a TOML file, of which
some come with the program (`config/modbus/`); docs/devices.md says what its keys are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from drivers.modbus_frame import MOST_REGISTERS, Write, writes

BLANK = " "
DIGITS = "0123456789"
MOST = 9999
"""The largest number that is shown as a number."""

LAST_REGISTER = 0xFFFF
_Register = Annotated[int, Field(ge=0, le=LAST_REGISTER)]


class _Keys(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Setup(_Keys):
    """Values that are written before the first text, such as a brightness."""

    address: _Register
    values: Annotated[list[_Register], Field(min_length=1, max_length=MOST_REGISTERS)]


class Line(_Keys):
    """One line of a display, from register `address` on.

    `form`: "text", its characters in ASCII, `per_register` of them in each register, the first of two in the high byte
    unless `low_first`; or "number", a whole number in one register, in which `blank` stands for nothing.
    """

    address: _Register
    form: Literal["text", "number"] = "text"
    characters: Annotated[int, Field(ge=1, le=64)]
    per_register: Annotated[int, Field(ge=1, le=2)] = 2
    low_first: bool = False
    blank: _Register = 0

    def values(self, text: str) -> list[int]:
        """The values of its registers for a whole line of text."""
        if self.form == "number":
            digits = "".join(character for character in text if character in DIGITS)
            return [min(int(digits), MOST) if digits else self.blank]
        codes = text.encode("ascii")
        if self.per_register == 1:
            return list(codes)
        if len(codes) % 2:
            codes += BLANK.encode()
        return [
            int.from_bytes(codes[n : n + 2], "little" if self.low_first else "big") for n in range(0, len(codes), 2)
        ]


class Profile(_Keys):
    """A model of display. `function`: the code by which it is written; `letters`: the characters that it can show
    beside digits and blanks; `align`: where a short text stands."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    function: Literal[6, 16] = 16
    letters: Annotated[str, Field(max_length=96, pattern=r"^[ -~]*$")] = ""
    align: Literal["left", "right"] = "right"
    setup: list[Setup] = []
    line: Annotated[list[Line], Field(min_length=1, max_length=8)]

    @model_validator(mode="after")
    def _fits(self) -> Profile:
        self.fits(None)
        return self

    def fits(self, characters: int | None) -> None:
        """ValueError if a line of so many characters (None: as many as the profile says) goes beyond the registers."""
        for line in self.line:
            registers = 1 if line.form == "number" else -(-(characters or line.characters) // line.per_register)
            if line.address + registers > LAST_REGISTER + 1:
                raise ValueError(f"the line at {line.address} goes beyond register {LAST_REGISTER}")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Profile:
        """The profile in a TOML document; ValueError says what is wrong with the first key that is."""
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            key = ".".join(str(part + 1) if isinstance(part, int) else part for part in fault["loc"])
            message = fault["msg"].removeprefix("Value error, ")
            raise ValueError(f"{key}: {message}" if key else message) from None

    def fitted(self, text: str, characters: int) -> str:
        """The text as it stands on a line: in characters that the model has, the last ones if there are too many."""
        known = "".join(c for c in text.upper() if c in DIGITS or c in self.letters or c == BLANK)
        shown = known[-characters:]
        return shown.rjust(characters) if self.align == "right" else shown.ljust(characters)

    def writes(self, texts: Sequence[str], characters: int | None = None) -> tuple[Write, ...]:
        """What is to be written to show these texts, a line each; lines without one are blank. `characters` of a line,
        if not as many as the profile says."""
        single = self.function == 6
        found = [write for setup in self.setup for write in writes(setup.address, setup.values, single=single)]
        for n, line in enumerate(self.line):
            size = characters or line.characters
            text = self.fitted(texts[n] if n < len(texts) else "", size)
            found += writes(line.address, line.values(text), single=single)
        return tuple(found)
