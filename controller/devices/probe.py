"""How a kind of device is recognised on a port that nobody has named, and what its table then holds: `lobby setup`.

A kind offers one `Probe`; without one, `lobby setup` does not offer the kind. Nothing here opens a port.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Form = Literal["serial", "printer", "keys"]
"""What a port is: a serial line, a printer on USB (/dev/usb/lp0), keys that Linux knows (/dev/input/event5)."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """One unit of a device, to be given to a counter. `part`: the key of the device's table that names such units;
    `address`: its address on the line. Without both: the device itself."""

    part: str = ""
    address: int = 0


@dataclass(frozen=True, slots=True)
class Heard:
    """It is a device of this kind. `place`: which unit of it spoke; `answer`: what is sent back, so that it does not
    say the same again."""

    place: Place = Place()
    answer: bytes = b""


def is_silent(replies: Sequence[bytes]) -> Sequence[Heard]:
    """Of a kind that never says anything."""
    return ()


def nothing_more(places: Mapping[Place, str], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """A table that needs no more than what was chosen."""
    return dict(chosen)


def its_counter(places: Mapping[Place, str], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The table of a device that belongs to one counter."""
    return {"counter": next(iter(places.values())), **chosen}


@dataclass(frozen=True, slots=True)
class Probe:
    """How devices of a kind are recognised, and how one's table is written.

    `forms`: the ports that one may be on. `alone_on`: whatever is on a port of this form is of this kind.
    `asks`: what is said to it, one after the other, each with `wait` seconds for the reply; empty: it speaks only when
    somebody uses it. `apart`: each question is for another unit; if not, none follows two without any reply. `hears`:
    the replies, one for each question (of a device that is not asked: all that it has said, as one) -> what they tell;
    empty: nothing. It must not take noise, or another kind's answers, for its own.
    `speeds`: line speeds in baud, the usual one first. `prints`: it has paper, and would print what is said to other
    kinds; so it is asked before them.

    `chosen`: keys of its table that only a person can tell, with the values that there are, the usual one first; the
    wording has a sentence `setup.key.<key>` for each. `counters`: whether it belongs to no counter, to one, or its
    units to one each; `unit`: the part of its places where a person names their addresses. `table`: the counter of each
    place, and what was chosen -> its table, without id, driver and link.
    `unfinished`: its table needs more than can be asked, so it is written as a comment.
    """

    id: str
    """The id that a device gets; a second one gets a number behind it."""
    forms: Sequence[Form] = ("serial",)
    alone_on: Form | None = None
    asks: Sequence[bytes] = ()
    hears: Callable[[Sequence[bytes]], Sequence[Heard]] = is_silent
    speeds: Sequence[int] = (9600,)
    wait: float = 0.3
    apart: bool = False
    prints: bool = False
    chosen: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    counters: Literal["none", "one", "each"] = "none"
    unit: str = ""
    table: Callable[[Mapping[Place, str], Mapping[str, Any]], dict[str, Any]] = nothing_more
    unfinished: bool = False

    @property
    def listens(self) -> bool:
        """Whether it can only be heard when somebody uses it."""
        return not self.asks and self.hears is not is_silent
