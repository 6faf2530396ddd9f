"""What the simulated side of a kind of device is made of.

A new one is one file with a subclass of `Simulated` (on a byte link: `Wired`), and a line in its package's entry points
`lobby.far_ends`. Everything except the far end itself is optional, with defaults.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Annotated, Any, ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from controller.devices.settings import DeviceSettings, WiredSettings
from controller.lobby.actions.press import Where
from controller.lobby.model.rules import Rules
from controller.presses import with_fields
from simulators.buttons import Buttons
from simulators.devices.farend import FarEnd
from simulators.faults import Faults
from simulators.paper import Paper
from simulators.wire import Wire

GROUP = "lobby.far_ends"
"""The entry points of far ends: a driver's name = `module:Class`."""
GLANCE = 0.02
"""Seconds of real time between two looks at a display."""
ANSWER = 3.0
"""Seconds that a visitor's press waits for an answer: less than the page does, which would press again."""

# -- knobs -------------------------------------------------------------------------------------------------------

Unit = Literal["switch", "part", "seconds", "bytes", "bits", "a_second", "paper", "hours"]


class UnknownKnobError(ValueError):
    """There is no such knob here, or no such value of it; the text says which there are."""


@dataclass(frozen=True, slots=True)
class Knob:
    """A fault by its name in `Faults` (or in the object that `of` names). `shape`: the type of its values; `values`:
    those that are offered; `near`: shown at once, the others only under "more"."""

    name: str
    unit: Unit
    shape: Any
    values: tuple[Any, ...] = (False, True)
    of: Literal["faults", "far end", "tcp", "clock", "buttons"] = "faults"
    near: bool = False

    def checked(self, value: Any) -> Any:
        """The value, if it is one that this knob takes."""
        try:
            return TypeAdapter(self.shape).validate_python(value, strict=True)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
            raise UnknownKnobError(f"{self.name}: {fault['msg']}") from error


def number(least: float, most: float, kind: type = float) -> Any:
    """The shape of a number within two limits."""
    return Annotated[kind, Field(ge=least, le=most)]


KEYS_KNOBS = (
    Knob("bounce", "seconds", number(0, 10), (0, 0.15, 0.6), near=True),
    Knob("stuck", "switch", bool, near=True),
    Knob("deaf", "switch", bool, near=True),
)
"""What can go wrong with keys."""

# -- presses -----------------------------------------------------------------------------------------------------


class UnknownDeviceError(LookupError):
    """There is no such device, or nothing at it can be pressed."""


class UnknownKeyError(ValueError):
    """The device exists, but has no such key."""


class NobodyAnswersError(Exception):
    """A press that was not answered; `why` is a key of the page's words."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@with_fields(Where.COUNTER)
@with_fields(Where.PANEL)
@with_fields(Where.KIOSK)
class Press(BaseModel):
    """A key of a device; what is typed or chosen with it depends on its kind."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", populate_by_name=True)

    key: Annotated[str, Field(min_length=1, max_length=40)]
    address: Annotated[int, Field(ge=1, le=99)] | None = None
    """Which of the terminals and raters on a bus."""
    digits: Annotated[str, Field(max_length=19, pattern=r"^[0-9]*$")] = ""
    """Of a card too."""


class Visitor(Protocol):
    """A person who presses keys in the virtual lobby, as far as a device needs to know."""

    words: Mapping[str, str]
    """The page's sentences, by dotted key."""

    async def send(self, topic: str, where: Where, press: Press) -> dict[str, Any]:
        """Press a button on MQTT, and wait for its answer; UnknownKeyError, NobodyAnswersError."""


def known(key: str, keys: Collection[str]) -> None:
    """UnknownKeyError, unless it is one of these."""
    if key not in keys:
        raise UnknownKeyError(f"there is no key {key} here; there are {', '.join(keys)}")


async def seen(happened: Callable[[], bool], seconds: float) -> bool:
    """Whether something can be seen within that time; polled, since a lamp that comes on sends no event."""
    try:
        async with asyncio.timeout(seconds):
            while not happened():  # noqa: ASYNC110
                await asyncio.sleep(GLANCE / 2)
    except TimeoutError:
        return False
    return True


class Pad(Protocol):
    """A clerk's keypad: keys, a display, and an answer to each key."""

    async def press(self, key: str, digits: str = "") -> bool:
        """Press a key; whether it was accepted. TimeoutError if it is never answered."""

    def waiting(self) -> int:
        """The number waiting that the display shows."""

    async def call(self) -> bool:
        """Press call; whether a ticket is shown now."""

    async def started(self) -> None:
        """Press the key for the arrival of the customer, if there is one."""


# -- what has been seen ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Count:
    """What the journal says about something, and what was seen of it. `what`: a key of the demo's words, in which `of`
    stands for {of}; or, for other packages' devices, the words themselves."""

    what: str
    journal: int
    seen: int
    exact: bool
    """Whether the two must be equal; else more may be seen (a display is refreshed after it was unplugged)."""
    of: str = ""
    """The device or counter."""


@dataclass(frozen=True, slots=True)
class Called:
    """A call in the journal: when its customer was expected, in the wires' seconds; `ended` None: still."""

    ticket: str
    counter: str
    began: float
    ended: float | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """The day by the journal, as far as devices show it."""

    rules: Rules
    issued: Sequence[str]
    """Tickets that are to be on paper."""
    calls: Sequence[Called]
    papers: Sequence[str]
    """What every paper that came out says."""


CATCHES_UP = 5.0
"""Seconds within which a display that could not be reached must be up to date; calls that ended before may be
missing."""

# -- devices -----------------------------------------------------------------------------------------------------


class Simulated:
    """One simulated device. `buttons` is set while there is a broker."""

    KNOBS: ClassVar[tuple[Knob, ...]] = ()
    """What can be broken beside its wire."""
    USED_BY: ClassVar[Literal["clerk", "customer", "manager", ""]] = ""
    """Who presses its buttons, where it has any."""
    TITLE: ClassVar[str] = ""
    """The title on the page of a device without a drawing of its own."""

    def __init__(self, device: DeviceSettings) -> None:
        self.device = device
        self.buttons: Buttons | None = None

    # -- in the virtual lobby --------------------------------------------------------------------------------

    def stands(self, rules: Rules) -> Iterator[tuple[str, Any]]:
        """(list of the page, entry): its place in the hall. By default among the others, drawn from what it `shows`:
        `lines` of text, `lamps` that are on or off, and `keys`."""
        yield "others", {"id": self.device.id, "title": self.TITLE or self.device.driver}

    def stands_at(self, rules: Rules) -> Iterator[tuple[str, str, Any]]:
        """(counter, list of the page, entry): its places at the counters."""
        yield from ()

    def shows(self) -> tuple[str, Any] | None:
        """(group of the picture, what can be seen now)."""
        return None

    async def press(self, press: Press, visitor: Visitor) -> dict[str, Any]:
        """Press one of its keys, and wait for the answer: {result, text, ticket?}.

        UnknownDeviceError, UnknownKeyError, or NobodyAnswersError after `ANSWER` seconds.
        """
        raise UnknownDeviceError(self.device.id)

    def paper(self, number: int) -> Paper | None:
        """A paper that it has cut off, by its number from 1; None: there is none, or none any more."""
        return None

    # -- for people ------------------------------------------------------------------------------------------

    @property
    def topic(self) -> str:
        """The topic below which its presses are published, if it is on MQTT."""
        return ""

    def pads(self) -> Mapping[str, Pad]:
        """The keypads that it is, by counter."""
        return {}

    def calls(self, rules: Rules) -> Iterator[tuple[str, str]]:
        """(ticket, counter) of the calls that customers read on it."""
        yield from ()

    @property
    def is_read(self) -> bool:
        """Whether customers read calls on it."""
        return type(self).calls is not Simulated.calls

    @property
    def display_of(self) -> str:
        """The counter whose counter display it is; customers then look at no other display for that counter."""
        return ""

    def raters(self, counter: str) -> Iterator[Rater]:
        """Where a customer of the counter can give a rating."""
        yield from ()

    @property
    def papers(self) -> Sequence[Paper] | None:
        """The last papers that it has cut off; None: it prints nothing."""
        return None

    @property
    def cut(self) -> int:
        """How many papers it has cut off in all."""
        return 0

    # -- for the demo ----------------------------------------------------------------------------------------

    def demo_keys(self) -> Iterator[tuple[str, str, Callable[[], None]]]:
        """(key, what it does, action) for the demo's terminal; what: a key of the demo's words, or the words."""
        yield from ()

    def counts(self, day: Day) -> Iterator[Count]:
        """What should have been seen of the day, and what was."""
        yield from ()


class Rater(Protocol):
    """Where a customer gives a rating."""

    @property
    def asking(self) -> bool:
        """Whether it asks for one."""

    def rate(self, score: int) -> None:
        """Press a score."""


class Wired(Simulated):
    """A simulated device on a byte link: the far end of its wire. A subclass says what that is."""

    def __init__(self, device: WiredSettings, faults: Faults, wire: Callable[[FarEnd], Wire]) -> None:
        super().__init__(device)
        self.device: WiredSettings = device
        self.far_end: FarEnd = self.make(faults)
        self.wire = wire(self.far_end)

    def make(self, faults: Faults) -> FarEnd:
        """The device itself; `faults` are its knobs."""
        raise NotImplementedError

    def plugged(self) -> None:
        """NobodyAnswersError if its cable is unplugged."""
        if not self.wire.plugged:
            raise NobodyAnswersError("press.unplugged")

    def unplug_key(self, key: str) -> tuple[str, str, Callable[[], None]]:
        """The demo's key that pulls and plugs its cable."""
        return key, "key.unplug", lambda: self.turn("unplugged", not self.wire.faults.unplugged)

    def turn(self, knob: str, value: object) -> None:
        """Turn a knob."""
        setattr(self.wire.faults, knob, value)
        self.wire.poke()

    def owed(self, calls: Sequence[Called]) -> list[Called]:
        """Those of some calls that must have been shown: without those that ended while it could not be reached."""
        return [
            call
            for call in calls
            if not any(
                began - CATCHES_UP <= call.began and call.ended is not None and call.ended <= ended + CATCHES_UP
                for began, ended in self.wire.out_of_reach()
            )
        ]


@cache
def far_ends() -> Mapping[str, type[Simulated]]:
    """The simulated side of every kind that has one, by the name of its driver."""
    return {point.name: point.load() for point in entry_points(group=GROUP)}
