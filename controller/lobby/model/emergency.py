"""What a branch does when the printer, the power or the whole controller is gone (应急预案): numbers from a paper roll,
and a plan for each failure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from controller.lobby.model.outcome import Refused

Failure = Literal["printer", "power", "controller", "network", "board", "terminals"]
"""What can be gone: the ticket printer; the power; the controller; the line to the devices on the network; the hall's
displays; the counters' terminals."""
FAILURES: tuple[Failure, ...] = get_args(Failure)
WITHOUT_TICKETS: tuple[Failure, ...] = ("printer", "power", "controller")
"""Those in which no ticket can be printed, so that numbers come from the roll, unless the configuration says else."""


@dataclass(frozen=True, slots=True)
class Roll:
    """A roll of numbers that were printed on paper in advance: `prefix` and a number from `first` to `last`, written
    with at least so many `digits`.

    `key`: the digit for it on keypads; `service`: what its numbers are for, empty: for any.
    """

    prefix: str
    first: int
    last: int
    digits: int = 3
    key: int | None = None
    service: str = ""

    def id(self, number: int) -> str:
        """The ticket that a number of the roll is."""
        return f"{self.prefix}{number:0{self.digits}d}"

    def has(self, number: int) -> bool:
        """Whether the number is on the roll."""
        return self.first <= number <= self.last

    @property
    def range(self) -> str:
        """The roll for people: X001-X500."""
        return f"{self.id(self.first)}-{self.id(self.last)}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done in a failure: `steps` for the staff, `notice` for customers, who take their numbers from the
    roll if `roll`."""

    failure: str
    name: str
    notice: str
    steps: tuple[str, ...]
    roll: bool


class Numbers(NamedTuple):
    """Numbers of one series, from the first to the last."""

    prefix: str
    first: int
    last: int


_NUMBERS = re.compile(r"([A-Za-z0-9]{0,4}?)([0-9]{1,6})(?:[-~–—至到]([A-Za-z0-9]{0,4}?)([0-9]{1,6}))?")
"""A number or two with something between them that says "to", as people type it in either language."""


def numbers_of(rolls: Sequence[Roll], text: str) -> Numbers:
    """What somebody means who types "X014", "X014-X027", "x14 - 27", or 14-27 where there is one roll."""
    plain = re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).upper()
    found = _NUMBERS.fullmatch(plain)
    # A prefix of a roll may end in digits.
    for prefix in sorted({roll.prefix for roll in rolls}, key=len, reverse=True):
        if plain.startswith(prefix.upper()) and prefix:
            begin = re.escape(prefix.upper())
            found = re.fullmatch(rf"({begin})([0-9]{{1,6}})(?:[-~–—至到]({begin})?([0-9]{{1,6}}))?", plain) or found
            break
    if found is None:
        raise Refused("roll_unclear", text=text.strip() or "-")
    prefix, first = found[1], int(found[2])
    if not prefix and len({roll.prefix for roll in rolls}) == 1:
        prefix = rolls[0].prefix
    if found[3] and found[3] != found[1]:
        raise Refused("roll_unclear", text=text.strip())
    last = int(found[4]) if found[4] else first
    if last < first:
        raise Refused("roll_reversed", text=text.strip())
    prefix = next((roll.prefix for roll in rolls if roll.prefix.upper() == prefix), prefix)
    return Numbers(prefix, first, last)
