"""What a business day comes to, counted from its rows as the journal holds them: for reports over many days.

The same as `day_figures.DayLog` and the lobby's figures count, without a lobby behind it, since a month of a branch has
a hundred thousand rows; a test holds both against each other on days in which everything happens. Pure: rows come in.
"""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from controller.lobby.actions.clock import putting_right
from controller.lobby.actions.event import known_kinds
from controller.lobby.actions.reassign import OVERFLOW
from controller.lobby.actions.take_ticket import GRANTED
from controller.lobby.model.state import CounterStage, Effect, Stage
from controller.lobby.model.units import NEVER, UNSET, Ms, in_ms
from controller.reports.day_figures import Taken, Turn, Waited

Data = dict[str, Any]


class Visit(NamedTuple):
    """A counter's call that was missed, or a visit to it: `seconds` from the call to its end, which was `at` (ms since
    1970, UTC). Service and class as they were then."""

    ticket: str
    service: str
    klass: str
    counter: str
    seconds: float
    at: Ms


class Rating(NamedTuple):
    """A counter asked for a rating at `at` (ms since 1970, UTC); `score`: 1 to 5 was given; 0: it was asked for."""

    service: str
    counter: str
    score: int
    at: Ms


class DeviceTurn(NamedTuple):
    """A device became `ok`, `degraded` or `offline`; `at` in ms since 1970, UTC."""

    at: Ms
    device: str
    state: str


@dataclass(slots=True)
class _Ticket:
    """As `model.state.Ticket`, as far as it is counted."""

    service: str
    klass: str
    issued_at: Ms
    slot: Ms
    stage: Stage = Stage.WAITING
    counter: str = ""
    called_at: Ms = NEVER
    since: Ms = NEVER
    returns: int = 0
    given: bool | None = None
    """It was given to other counters since its own had gone; True: it was held there. None: it was not."""

    @property
    def waits_from(self) -> Ms:
        return max(self.issued_at, self.slot)


@dataclass(slots=True)
class _Counter:
    """What can be taken back at a counter: its call (its ticket's first call before it, effect, most seconds before),
    and how the last customer left (whether they had not come; their returns)."""

    call: tuple[Ms, list[int] | None, int] | None = None
    left: tuple[str, bool, int] | None = None


@dataclass(slots=True)
class DayTally:
    """A business day. Rows in order by `add`; then it can be read. Times in ms since 1970, UTC."""

    day: str
    profile: str = ""
    """The kind of day; empty: its rows do not say."""
    continues: str = ""
    """The day that it continues, since only the clock was set; `kept`: these of its tickets, None: all."""
    kept: set[str] | None = None
    over: bool = False
    last: Ms = NEVER
    """When something last happened to a ticket or a counter."""
    until: Ms = NEVER
    """The time of the last row."""
    taken: dict[str, Taken] = field(default_factory=dict)
    waited: dict[str, Waited] = field(default_factory=dict)
    finished: dict[str, Visit] = field(default_factory=dict)
    missed: list[Visit] = field(default_factory=list)
    returned: list[str] = field(default_factory=list)
    granted: dict[str, tuple[str, str]] = field(default_factory=dict)
    turns: list[Turn] = field(default_factory=list)
    effects: dict[str, Effect] = field(default_factory=dict)
    sent_away: Count[str] = field(default_factory=Count)
    insisted: Count[str] = field(default_factory=Count)
    advice: list[tuple[Ms, int]] = field(default_factory=list)
    """How many counters more (or less) than open were advised, and since when."""
    devices: list[DeviceTurn] = field(default_factory=list)
    ratings: list[Rating] = field(default_factory=list)
    other: list[tuple[Ms, str, Data]] = field(default_factory=list)
    """Rows of kinds that a section of a report counts itself."""
    _tickets: dict[str, _Ticket] = field(default_factory=dict)
    _counters: dict[str, _Counter] = field(default_factory=dict)
    _advised: dict[tuple[str, str], Ms] = field(default_factory=dict)
    _advice: list[tuple[str, str, list[str]]] = field(default_factory=list)
    _started_at: Ms = NEVER
    _at_the_end: list[tuple[Ms, str, Data]] = field(default_factory=list)

    def add(self, at: Ms, kind: str, data: Data, cause: str) -> None:
        """One row more."""
        self.until = at
        if kind == "day_closed":
            ends, self._at_the_end = self._at_the_end, []
            self.over = True
            if data.get("continued"):
                for each in ends:
                    self._happened(*each)
        elif kind in _AT_THE_END and cause.startswith("day:"):
            self._at_the_end.append((at, kind, data))
        else:
            self._happened(at, kind, data)

    def _happened(self, at: Ms, kind: str, data: Data) -> None:
        if kind in OF_TICKETS:
            self.last = at
        if apply := _APPLY.get(kind):
            apply(self, at, data)
        elif data:
            self.other.append((at, kind, data))

    def tickets(self) -> Iterable[str]:
        """The tickets that it still knows."""
        return self._tickets.keys()

    def klass(self, ticket: str) -> str:
        """The class that a ticket has now."""
        return self._tickets[ticket].klass

    def waiting(self) -> list[tuple[str, str, Ms]]:
        """(service, class, since when) of those who wait for their first call."""
        return [
            (t.service, t.klass, t.waits_from)
            for t in self._tickets.values()
            if t.stage is Stage.WAITING and not t.called_at
        ]

    @property
    def left(self) -> int:
        """Tickets that wait, are held or missed."""
        return sum(t.stage in (Stage.WAITING, Stage.HELD, Stage.MISSED) for t in self._tickets.values())

    # -- tickets -----------------------------------------------------------------------------------------------------

    def _issued(self, at: Ms, data: Data) -> None:
        id, service, klass = data["ticket"], data["service"], data["class"]
        if id in self.taken:
            self._again(id)
        self._tickets[id] = _Ticket(service, klass, at, in_ms(data.get("slot") or UNSET))
        self.taken[id] = Taken(id, service, at)
        if klass in GRANTED:
            self.granted[id] = klass, data.get("reason") or ""
        choice = data.get("choice")
        if choice and data.get("insisted"):
            self.insisted[choice] += 1
            if self._advised.pop((data["by"], choice), None) is None:
                self.sent_away[choice] += 1

    def _again(self, id: str) -> None:
        """A clock that was set back and forth has begun the day twice, with the same numbers: both count."""
        other = f"{id}*{len(self.taken)}"
        all_: tuple[dict[str, Any], ...] = self.taken, self.waited, self.finished
        for each in all_:
            if id in each:
                each[other] = each.pop(id)

    def _called(self, at: Ms, data: Data) -> None:
        id, counter = data["ticket"], data["counter"]
        ticket = self._tickets[id]
        self._leave(id, ticket)
        before, effect, most = ticket.called_at, data.get("effect"), 0
        ticket.stage, ticket.counter, ticket.since, ticket.given = Stage.CALLED, counter, at, None
        if not before:
            ticket.called_at = at
            self._wait_over(id, ticket, at, called=True)
        if effect:
            sum_ = self.effects.setdefault(ticket.klass, Effect())
            most = sum_.most
            sum_.passed += effect[0]
            sum_.seconds += effect[1]
            sum_.most = max(most, effect[2])
        self._counter(counter).call = before, effect, most

    def _wait_over(self, id: str, ticket: _Ticket, at: Ms, *, called: bool) -> None:
        seconds = max(0, at - ticket.waits_from) // 1000
        self.waited[id] = Waited(id, ticket.service, ticket.klass, seconds, at, called)

    def _leave(self, id: str, ticket: _Ticket, *, missed: bool = False) -> None:
        if ticket.stage in _IN_HAND:
            counter = self._counter(ticket.counter)
            counter.call, counter.left = None, (id, missed, ticket.returns)

    def _counter(self, id: str) -> _Counter:
        found = self._counters.get(id)
        if found is None:
            found = self._counters[id] = _Counter()
        return found

    def _visit(self, id: str, ticket: _Ticket, data: Data, at: Ms) -> Visit:
        return Visit(id, ticket.service, ticket.klass, data["counter"], max(0, at - ticket.since) / 1000, at)

    def _finished(self, at: Ms, data: Data) -> None:
        id = data["ticket"]
        ticket = self._tickets[id]
        self.finished[id] = self._visit(id, ticket, data, at)
        self._leave(id, ticket)
        ticket.stage = Stage.FINISHED

    def _missed(self, at: Ms, data: Data) -> None:
        id = data["ticket"]
        ticket = self._tickets[id]
        self.missed.append(self._visit(id, ticket, data, at))
        self._leave(id, ticket, missed=True)
        ticket.stage = Stage.MISSED

    def _cancelled(self, at: Ms, data: Data) -> None:
        id = data["ticket"]
        ticket = self._tickets[id]
        self._leave(id, ticket)
        ticket.stage = Stage.CANCELLED
        if not ticket.called_at:
            self._wait_over(id, ticket, at, called=False)

    def _returned(self, at: Ms, data: Data) -> None:
        id = data["ticket"]
        ticket = self._tickets[id]
        if ticket.stage is Stage.FINISHED:
            self.finished.pop(id, None)
        ticket.stage, ticket.given = Stage.WAITING, None
        if not data.get("finished"):
            ticket.returns += 1
            self.returned.append(id)

    def _held(self, at: Ms, data: Data) -> None:
        ticket = self._tickets[data["ticket"]]
        self._leave(data["ticket"], ticket)
        ticket.stage = Stage.HELD

    def _transferred(self, at: Ms, data: Data) -> None:
        ticket = self._tickets[data["ticket"]]
        self._leave(data["ticket"], ticket)
        ticket.service, ticket.stage, ticket.given = data["service"], Stage.WAITING, None

    def _reassigned(self, at: Ms, data: Data) -> None:
        ticket = self._tickets[data["ticket"]]
        if data.get("undone"):
            if ticket.given is not None:
                ticket.stage, ticket.given = Stage.HELD if ticket.given else Stage.WAITING, None
            return
        held = ticket.stage is Stage.HELD
        ticket.service, ticket.stage = data.get("service") or ticket.service, Stage.WAITING
        by_hand = data["by"] != OVERFLOW and not data["by"].startswith("counter/")
        ticket.given = None if by_hand else held

    def _promoted(self, at: Ms, data: Data) -> None:
        ticket = self._tickets[data["ticket"]]
        ticket.klass, ticket.slot = data["class"], NEVER
        if ticket.klass in GRANTED:
            self.granted[data["ticket"]] = ticket.klass, data["reason"]

    def _restored(self, at: Ms, data: Data) -> None:
        id = data["ticket"]
        ticket = self._tickets[id]
        self._leave(id, ticket)
        ticket.service, ticket.klass, ticket.slot = data["service"], data["class"], in_ms(data.get("slot") or UNSET)
        ticket.stage, ticket.given = Stage.WAITING, None
        if self.granted.get(id, (ticket.klass, ""))[0] != ticket.klass:
            del self.granted[id]

    # -- what is taken back ------------------------------------------------------------------------------------------

    def _call_undone(self, at: Ms, data: Data) -> None:
        id, counter = data["ticket"], self._counter(data["counter"])
        ticket = self._tickets[id]
        call, counter.call = counter.call, None
        ticket.stage = Stage.WAITING
        if call is None:
            return
        before, effect, most = call
        # Only a counter that holds a ticket calls one that was called already and does not wait.
        ticket.called_at = before
        if not before:
            self.waited.pop(id, None)
        if effect:
            sum_ = self.effects[ticket.klass]
            sum_.passed -= effect[0]
            sum_.seconds -= effect[1]
            if sum_.most == effect[2]:
                sum_.most = most

    def _resumed(self, at: Ms, data: Data) -> None:
        id, counter = data["ticket"], self._counter(data["counter"])
        ticket = self._tickets[id]
        if ticket.stage is Stage.FINISHED:
            self.finished.pop(id, None)
        if counter.left and counter.left[1]:
            _remove_last(self.missed, lambda visit: visit.ticket == id)
            if ticket.returns > counter.left[2]:
                _remove_last(self.returned, lambda each: each == id)
        if counter.left and counter.left[0] == id:
            ticket.returns = counter.left[2]
        ticket.stage = Stage.SERVING if data["started"] else Stage.CALLED
        ticket.counter, ticket.since, ticket.given = data["counter"], data["since"], None
        ticket.service = ticket.service if data.get("service") is None else data["service"]
        counter.call = counter.left = None

    # -- counters, devices, machines ---------------------------------------------------------------------------------

    def _opened(self, at: Ms, data: Data) -> None:
        if data.get("undone"):
            self._reopened(data["counter"])
        else:
            self.turns.append(Turn(at, data["counter"], CounterStage.OPEN))
        self._advice_done(at, "open", data["counter"])

    def _reopened(self, counter: str) -> None:
        while (last := next((t for t in reversed(self.turns) if t.counter == counter), None)) is not None:
            if last.stage is CounterStage.OPEN:
                return
            self.turns.remove(last)

    def _paused(self, at: Ms, data: Data) -> None:
        self.turns.append(Turn(at, data["counter"], CounterStage.PAUSED))
        self._advice_done(at, "close", data["counter"])

    def _closed(self, at: Ms, data: Data) -> None:
        self.turns.append(Turn(at, data["counter"], CounterStage.CLOSED))
        self._advice_done(at, "close", data["counter"])

    def _windows(self, at: Ms, data: Data) -> None:
        advice = data["advice"]
        unless = data.get("unless") or [[]] * len(advice)
        self._advise(at, [(a["action"], a["counter"], u) for a, u in zip(advice, unless, strict=True)])

    def _answered(self, at: Ms, data: Data) -> None:
        answered = data["action"], data["counter"]
        self._advise(at, [each for each in self._advice if each[:2] != answered])

    def _profile_set(self, at: Ms, data: Data) -> None:
        self._advice_done(at, "profile", data["counter"])

    def _advice_done(self, at: Ms, action: str, counter: str) -> None:
        if self._advice:
            left = [a for a in self._advice if a[1] != counter and not (a[0] == action and counter in a[2])]
            self._advise(at, left)

    def _advise(self, at: Ms, advice: list[tuple[str, str, list[str]]]) -> None:
        self._advice = advice
        more = sum({"open": 1, "close": -1}.get(action, 0) for action, *_ in advice)
        if more != (self.advice[-1][1] if self.advice else 0):
            self.advice.append((at, more))

    def _machine(self, at: Ms, data: Data) -> None:
        self._advised[data["by"], data["choice"]] = at
        self.sent_away[data["choice"]] += 1

    def _device(self, at: Ms, data: Data) -> None:
        self.devices.append(DeviceTurn(at, data["device"], data["state"]))

    def _rated(self, at: Ms, data: Data) -> None:
        ticket = self._tickets.get(data["ticket"])
        score = int(data.get("score") or 0)
        self.ratings.append(Rating(ticket.service if ticket else "", data["counter"], score, at))

    # -- the day and its clock ---------------------------------------------------------------------------------------

    def _day_opened(self, at: Ms, data: Data) -> None:
        self.profile, self.over = data.get("profile") or "", False
        self.continues = data.get("continues") or ""
        if not self.continues or data.get("kept") is None:
            return
        self.kept = set(data["kept"])
        self.keep(self.kept)
        self.effects.clear()
        for counter in self._counters.values():
            counter.call = None

    def keep(self, kept: set[str]) -> None:
        """Keep only these tickets: the others belong to another day."""
        self._tickets = {id: each for id, each in self._tickets.items() if id in kept}
        self.taken = {id: each for id, each in self.taken.items() if id in kept}
        self.waited = {id: each for id, each in self.waited.items() if id in kept and each.called}
        self.finished = {id: each for id, each in self.finished.items() if id in kept}
        self.missed = [each for each in self.missed if each.ticket in kept]
        self.returned = [each for each in self.returned if each in kept]
        self.granted = {id: each for id, each in self.granted.items() if id in kept}

    def _controller_started(self, at: Ms, data: Data) -> None:
        self._started_at = at

    def _clock_stepped(self, at: Ms, data: Data) -> None:
        right = putting_right(data["by"], self._started_at, at)
        for ticket in self._tickets.values():
            ticket.issued_at, ticket.called_at = right(ticket.issued_at), right(ticket.called_at)
            ticket.since = right(ticket.since)
        for counter in self._counters.values():
            if counter.call:
                counter.call = (right(counter.call[0]), *counter.call[1:])
        self.taken = {id: each._replace(at=right(each.at)) for id, each in self.taken.items()}
        self.waited = {id: each._replace(at=right(each.at)) for id, each in self.waited.items()}
        self.finished = {id: each._replace(at=right(each.at)) for id, each in self.finished.items()}
        self.missed = [each._replace(at=right(each.at)) for each in self.missed]
        self.turns = [each._replace(at=right(each.at)) for each in self.turns]
        self.devices = [each._replace(at=right(each.at)) for each in self.devices]
        self.ratings = [each._replace(at=right(each.at)) for each in self.ratings]
        self.advice = [(right(since), more) for since, more in self.advice]
        self.other = [(right(when), kind, other) for when, kind, other in self.other]
        self.last, self._started_at = right(self.last), right(self._started_at)


def _remove_last(found: list[Any], fits: Callable[[Any], bool]) -> None:
    place = max((n for n, each in enumerate(found) if fits(each)), default=None)
    if place is not None:
        del found[place]


_IN_HAND = (Stage.CALLED, Stage.SERVING)
_AT_THE_END = ("ticket_finished", "counter_closed")
_APPLY: dict[str, Callable[[DayTally, Ms, Data], None]] = {
    "call_undone": DayTally._call_undone,
    "clock_stepped": DayTally._clock_stepped,
    "controller_started": DayTally._controller_started,
    "counter_closed": DayTally._closed,
    "counter_opened": DayTally._opened,
    "counter_paused": DayTally._paused,
    "counter_profile_set": DayTally._profile_set,
    "day_opened": DayTally._day_opened,
    "device_changed": DayTally._device,
    "rated": DayTally._rated,
    "rating_asked": DayTally._rated,
    "self_service_advised": DayTally._machine,
    "service_resumed": DayTally._resumed,
    "ticket_called": DayTally._called,
    "ticket_cancelled": DayTally._cancelled,
    "ticket_finished": DayTally._finished,
    "ticket_held": DayTally._held,
    "ticket_issued": DayTally._issued,
    "ticket_missed": DayTally._missed,
    "ticket_promoted": DayTally._promoted,
    "ticket_reassigned": DayTally._reassigned,
    "ticket_restored": DayTally._restored,
    "ticket_returned": DayTally._returned,
    "ticket_transferred": DayTally._transferred,
    "window_advice_answered": DayTally._answered,
    "windows_checked": DayTally._windows,
}
KINDS = frozenset({*_APPLY, "day_closed"})
"""The kinds of rows that are counted."""
OF_TICKETS = frozenset(
    kind for kind, event in known_kinds().items() if hasattr(event, "ticket") or hasattr(event, "counter")
)
"""The kinds of rows that say that people are at work."""

_OFTEN = {kind: _APPLY[kind] for kind in ("ticket_issued", "ticket_called")}


def tally(day: str, rows: Iterable[tuple[Ms, str, Data, str]]) -> DayTally:
    """A business day from its rows: when, kind, data and cause of each."""
    found = DayTally(day)
    add = found.add
    for at, kind, data, cause in rows:
        apply = _OFTEN.get(kind)
        if apply:
            found.until = found.last = at
            apply(found, at, data)
        else:
            add(at, kind, data, cause)
    return found
