"""The rules of a lobby: its services, classes, counters, and the parameters of the calling rule.

Everything here is immutable and has been checked before (`controller.config`). Durations are whole seconds, unless the
field says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Literal

from controller.lobby.model.calendar import ALWAYS, PROFILES, Calendar, Hours, Profile, at_second, second_of
from controller.lobby.model.emergency import Plan, Roll
from controller.lobby.model.triage import Triage
from controller.lobby.model.units import Ms
from controller.lobby.model.wording import Wording

SERVING_KEPT = 64
"""Variants of the rules that are kept, by what counters serve."""

Icon = Literal[
    "ticket",
    "cash",
    "person",
    "company",
    "card",
    "loan",
    "savings",
    "exchange",
    "transfer",
    "insurance",
    "phone",
    "help",
]
"""The pictures that a service may have."""
Color = Literal["blue", "green", "purple", "teal", "brown", "red", "pink", "slate"]
"""The colours that it may have; services that name none have these in turn."""

ANY = "*"
"""In `Ticket.only`: every counter that knows the service serves the ticket as own work."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service (业务), with its own series of ticket numbers."""

    id: str
    name: str
    prefix: str
    digits: int = 3
    key: int | None = None
    """The digit for it on keypads."""
    minutes: float = 5
    """Mean time at the counter in minutes, from the call to the end, until the journal has taught a better one."""
    group: str = ""
    """Services that share windows have the same group (for window advice); empty: a group of its own."""
    hours: Hours | None = None
    """When its tickets are given; None: at any time."""
    quota: int | None = None
    """Tickets a day; None: no limit."""
    overflow: bool = False
    """Whether all counters that know it take over when its own have all closed or paused."""
    icon: Icon = "ticket"
    """The picture and the colour that it has on screens where tickets are taken."""
    color: Color = "blue"


@dataclass(frozen=True, slots=True)
class TicketClass:
    """A class of customers. `credit`: by how many seconds they count as having come earlier."""

    id: str
    name: str
    credit: int = 0


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter. `serves` maps a service to its handicap in seconds; a service that is absent is never served.

    `class_handicap` is added to it. A total of 0 means own work; n means that the customer counts as having come n
    seconds later.
    """

    id: str
    serves: Mapping[str, int]
    class_handicap: Mapping[str, int] = field(default_factory=dict)
    rater: bool = False
    """Whether it has a rater."""
    _known: dict[tuple[str, str, str], int | None] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Cache of handicaps: estimates ask for the same few a thousand times."""

    def handicap(self, service: str, klass: str, only: str = "") -> int | None:
        """The total handicap for a ticket; None: this counter never serves it.

        `only` is the ticket's restriction (see `Ticket.only`): whoever it names serves it as own work.
        """
        key = (service, klass, only)
        try:
            return self._known[key]
        except KeyError:
            found = self._known[key] = self._handicap(service, klass, only)
            return found

    def _handicap(self, service: str, klass: str, only: str) -> int | None:
        if only:
            return 0 if only == self.id or (only == ANY and service in self.serves) else None
        own = self.serves.get(service)
        return None if own is None else own + self.class_handicap.get(klass, 0)


@dataclass(frozen=True, slots=True)
class CounterProfile:
    """A named set of what a counter serves (窗口业务), in place of what it is configured to serve.

    `serves` as in `Counter`; `key`: the digit for it on keypads; `counters`: which may have it, empty: all.
    """

    id: str
    name: str
    serves: Mapping[str, int]
    key: int | None = None
    counters: tuple[str, ...] = ()

    def fits(self, counter: str) -> bool:
        """Whether the counter may have it."""
        return not self.counters or counter in self.counters


@dataclass(frozen=True, slots=True)
class Planned:
    """A counter has a profile by the calendar: on days of the kind `day` (empty: on all), from `start` until `end`
    (seconds since local midnight)."""

    counter: str
    profile: str
    start: int
    end: int
    day: str = ""


@dataclass(frozen=True, slots=True)
class PauseReason:
    """Why a counter is away, by the digit that is typed, and for how many seconds that usually is; 0: unknown."""

    name: str
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class Appointments:
    """Appointment slots by their start (seconds since local midnight), each for `places` customers (None: any number).

    A customer who checks in until `grace` seconds after the start counts as having come at the start, and is called
    from `early` seconds before it, or when a counter would be idle.
    """

    slots: tuple[int, ...] = ()
    places: int | None = None
    grace: int = 10 * 60
    early: int = 10 * 60


@dataclass(frozen=True, slots=True)
class HallZone:
    """A part of the hall, for televisions, boards and voices: its counters and services, in the order of the
    configuration; and the accounts that show it unless their page's address says otherwise."""

    id: str
    name: str
    counters: tuple[str, ...]
    services: tuple[str, ...]
    televisions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules of a branch. `services` and `counters` are in the order of the configuration."""

    branch: str
    branch_name: str
    zone: tzinfo
    wording: Wording
    services: Mapping[str, Service]
    classes: Mapping[str, TicketClass]
    counters: Mapping[str, Counter]
    default_service: str
    default_class: str = "normal"
    rollover: timedelta = timedelta(hours=3)
    """Local time of day at which a new business day begins, with new numbers."""
    pass_limit: int = 5
    """K of the calling rule: how many later customers may be called before the head of a line."""
    call_grace: float = 1.5
    """Seconds after a counter's call in which CALL there counts as the same press; 0: none."""
    confirm_finish: float = 5
    """Seconds after a call in which its customer, if not started, is finished only by a repeated press; 0: none."""
    undo_within: int = 10
    """Seconds for which a counter can take back the end of a visit."""
    recalls: int = 3
    recall_gap: int = 20
    """Seconds between two recalls of one ticket."""
    return_within: int = 15 * 60
    return_penalty: int = 5 * 60
    returns: int = 2
    calendar: Calendar = field(default_factory=lambda: Calendar(PROFILES))
    triage: Triage = field(default_factory=Triage)
    appointments: Appointments = field(default_factory=Appointments)
    shares: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Profile -> service -> relative share of the arrivals; empty: equal shares."""
    class_shares: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Profile -> class -> percentage of the arrivals."""
    target: int = 15 * 60
    """The branch's target for a customer's wait."""
    counter_profiles: Mapping[str, CounterProfile] = field(default_factory=dict)
    plan: tuple[Planned, ...] = ()
    pauses: Mapping[str, PauseReason] = field(default_factory=dict)
    """Digit typed with PAUSE -> what it means."""
    clerks: Mapping[str, str] = field(default_factory=dict)
    """Staff number -> the alias that stands for it in the journal and on pages."""
    hall_zones: Mapping[str, HallZone] = field(default_factory=dict)
    rolls: tuple[Roll, ...] = ()
    """The paper rolls for emergencies, in the order of the configuration."""
    emergency_plans: Mapping[str, Plan] = field(default_factory=dict, repr=False)
    """Failure -> what is to be done then."""

    others: Mapping[str, Rules] = field(default_factory=dict, repr=False, compare=False)
    """The same rules with the names and sentences of other languages."""
    base: Rules | None = field(default=None, repr=False, compare=False)
    """The rules as configured, if counters serve something else now."""
    _serving: dict[frozenset[tuple[str, frozenset[tuple[str, int]]]], Rules] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """Cache of `serving`."""
    _rivals: dict[tuple[str, str, str, str], list[tuple[str, str, float, int]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """Cache of `rivals`."""

    @property
    def languages(self) -> Mapping[str, Rules]:
        """The rules in every language, the branch's first."""
        return {self.wording.language: self, **self.others}

    def spoken(self, language: str) -> Rules:
        """The rules with the names and sentences of a language; empty, or one that is not there: the branch's."""
        return self.others.get(language, self)

    @property
    def configured(self) -> Rules:
        """The rules as configured, whatever counters serve now."""
        return self.base or self

    def serving(self, counters: Mapping[str, Mapping[str, int]]) -> Rules:
        """The rules as configured but for counters that serve something else: counter -> `serves`."""
        if self.base is not None:
            return self.base.serving(counters)
        if not counters:
            return self
        key = frozenset((id, frozenset(serves.items())) for id, serves in counters.items())
        found = self._serving.get(key)
        if found is None:
            changed = {
                id: replace(counter, serves=counters[id]) if id in counters else counter
                for id, counter in self.counters.items()
            }
            if len(self._serving) >= SERVING_KEPT:
                self._serving.clear()
            others = {language: other.serving(counters) for language, other in self.others.items()}
            found = self._serving[key] = replace(self, counters=changed, base=self, others=others)
        return found

    def planned(self, at: Ms, day: str) -> dict[str, str]:
        """The profile that each counter has by the calendar at `at`, on a day of the kind `day`."""
        second = second_of(self.local(at))
        return {p.counter: p.profile for p in self.plan if p.day in ("", day) and p.start <= second < p.end}

    def rivals(self, profile: str, service: str, klass: str, only: str) -> list[tuple[str, str, float, int]]:
        """Customers who may be called before a ticket although they come later, on days of a profile: [(service, class,
        share of all arrivals, by how many seconds later)].

        They have privilege, or are own work of some counter for which this ticket is not.
        """
        key = (profile, service, klass, only)
        found = self._rivals.get(key)
        if found is None:
            shares, classes = self.shares.get(profile) or {}, self.class_shares.get(profile) or {}
            total = sum(shares.values())
            found = self._rivals[key] = [
                (other, id, share / total * percent / 100, self._reach(service, klass, only, other) + self.credit(id))
                for other, share in shares.items()
                for id, percent in classes.items()
                if share * percent > 0
            ]
        return found

    def _reach(self, service: str, klass: str, only: str, other: str) -> int:
        """By how many seconds a customer for the service `other`, as own work of some counter, may come later and still
        be called before the ticket."""
        pairs = [
            (counter.handicap(service, klass, only), counter.handicap(other, self.default_class))
            for counter in self.counters.values()
        ]
        return max([0, *(ours - theirs for ours, theirs in pairs if ours is not None and theirs is not None)])

    def owners(self, service: str) -> list[Counter]:
        """The counters whose own work a service is, for the usual class."""
        return [c for c in self.counters.values() if c.handicap(service, self.default_class) == 0]

    def day_of(self, at: Ms) -> str:
        """The business day (YYYY-MM-DD) of a time in ms since 1970, UTC.

        A day begins once: if a clock change repeats the time of the roll-over, at the first occurrence.
        """
        return self._day_of(at).strftime("%Y-%m-%d")

    def end_of_day(self, at: Ms) -> Ms:
        """When the business day of a time ends, always after it; both in ms since 1970, UTC."""
        return self._begins(self._day_of(at) + timedelta(days=1))

    def _day_of(self, at: Ms) -> date:
        local = self.local(at)
        day = (local.replace(tzinfo=None) - self.rollover).date()
        if local.fold and at >= self._begins(day + timedelta(days=1)):  # a repeated time, and the day had begun already
            day += timedelta(days=1)
        return day

    def _begins(self, day: date) -> Ms:
        """When a business day begins, in ms since 1970, UTC."""
        return Ms(round(at_second(day, self.rollover // timedelta(seconds=1), self.zone).timestamp() * 1000))

    def local(self, at: Ms) -> datetime:
        """A time in ms since 1970, UTC, on the branch's clock."""
        return datetime.fromtimestamp(at / 1000, UTC).astimezone(self.zone)

    def opens_on(self, day: date) -> bool:
        """Whether tickets are given on a date, for any service."""
        return any(self.calendar.spans(service.hours or ALWAYS, day) for service in self.services.values())

    def profile(self, day: str) -> Profile:
        """The profile of a business day, with that day's opening hours."""
        return self.calendar.profile(date.fromisoformat(day))

    def profile_on(self, day: str, id: str) -> Profile | None:
        """The profile `id`, with the opening hours of a business day; None: it is no longer configured."""
        known = self.calendar.profiles.get(id)
        return known.on(self.calendar.weekday(date.fromisoformat(day))) if known else None

    def service_name(self, service: str) -> str:
        """The service's name in the branch's language; its id if it is no longer configured."""
        known = self.services.get(service)
        return known.name if known else service

    def class_name(self, klass: str) -> str:
        """The class's name in the branch's language; its id if it is no longer configured."""
        known = self.classes.get(klass)
        return known.name if known else klass

    def roll_of(self, ticket: str, number: int) -> Roll | None:
        """The roll that a ticket with this number is on; None: it is on none."""
        return next((roll for roll in self.rolls if roll.has(number) and roll.id(number) == ticket), None)

    @property
    def rolls_in_words(self) -> str:
        """The rolls for people; empty: there is none."""
        return " ".join(roll.range for roll in self.rolls)

    def profile_name(self, profile: str) -> str:
        """The name of a counter profile in the branch's language; its id if it is no longer configured."""
        if not profile:
            return self.wording.say("profile.configured")
        known = self.counter_profiles.get(profile)
        return known.name if known else profile

    def credit(self, klass: str) -> int:
        """The credit of a class in seconds; 0 if it is no longer configured."""
        known = self.classes.get(klass)
        return known.credit if known else 0
