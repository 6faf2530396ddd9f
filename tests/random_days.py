"""Random branches and whole random days in them: customers, clerks with lunch breaks, and a manager who interferes.

Everything comes from one `Random`, so that a seed is a run. Time is virtual; the rows are what a journal would hold.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from branches import (
    ALL,
    MINUTE,
    MINUTE_MS,
    SECOND_MS,
    SERVICES,
    USUAL,
    Lobby,
    asking,
    half_hours,
    hours,
    local,
    long_steps,
    wording,
)

from controller.lobby.actions.call_by_hand import CallByHand
from controller.lobby.actions.call_next import CallNext
from controller.lobby.actions.call_number import CallNumber
from controller.lobby.actions.cancel import Cancel
from controller.lobby.actions.close_counter import Close
from controller.lobby.actions.command import Command, CounterCommand
from controller.lobby.actions.event import from_row
from controller.lobby.actions.finish import Finish
from controller.lobby.actions.hold import Hold
from controller.lobby.actions.open_counter import Open
from controller.lobby.actions.pause_counter import Pause
from controller.lobby.actions.promote import Promote
from controller.lobby.actions.reassign import Reassign
from controller.lobby.actions.recall import Recall
from controller.lobby.actions.registry import evolve
from controller.lobby.actions.return_ticket import Return
from controller.lobby.actions.set_profile import SetProfile
from controller.lobby.actions.take_ticket import TakeTicket
from controller.lobby.actions.transfer import Transfer
from controller.lobby.actions.undo import Undo
from controller.lobby.actions.undo_at_counter import UndoAtCounter
from controller.lobby.actions.unhold import Unhold
from controller.lobby.actions.windows import AnswerAdvice
from controller.lobby.aggregate import Aggregate, Row
from controller.lobby.model import triage
from controller.lobby.model.calendar import DAY, Calendar, Profile, Span, clock
from controller.lobby.model.rules import Appointments, Counter, CounterProfile, Planned, Rules, Service, TicketClass
from controller.lobby.model.state import Stage, State
from simulators.customers import Customer
from simulators.customers import day as customers_of
from simulators.days.virtual import Leg, VirtualDay, follow_advice, leave_alone

OPENS, CLOSES = 9 * 3600, 17 * 3600
ZONES = ("Asia/Shanghai", "Europe/Berlin", "America/St_Johns", "Pacific/Auckland")
CLASSES = ("normal", "vip", "green", "urgent", "appointment")
MOST_STEPS = 50_000
COUNTED_GAP = 10 * MINUTE_MS
"""A silence of the journal counts as lobby time up to this long."""
PRESENT = {"ticket_issued": True, "ticket_returned": True, "ticket_called": True} | dict.fromkeys(
    ("ticket_finished", "ticket_missed", "ticket_cancelled"), False
)


def random_branch(chance: Random) -> Rules:
    """A branch in which each service is some counter's own work for the normal class, as it has to be.

    The first service is to be had at any time, so that there is always something to do.
    """
    services = SERVICES[: chance.randint(1, 4)]
    classes = ("normal", *(klass for klass in CLASSES[1:] if chance.random() < 0.7))
    ids = ("1", "2", "3", "12", "west", "6")[: chance.randint(1, 6)]
    serves: dict[str, dict[str, int]] = {id: {} for id in ids}
    extra: dict[str, dict[str, int]] = {id: {} for id in ids}
    for id in ids:
        for service in services:
            if chance.random() < 0.75:
                serves[id][service] = chance.choice((0, 0, 5 * MINUTE, 20 * MINUTE, chance.randrange(40 * MINUTE)))
        extra[id] = {klass: chance.randrange(30 * MINUTE) for klass in classes if chance.random() < 0.15}
    for service in services:
        if not any(serves[id].get(service) == 0 and not extra[id].get("normal") for id in ids):
            owner = chance.choice(ids)
            serves[owner][service] = 0
            extra[owner].pop("normal", None)
    minutes = {service: chance.uniform(2, 9) for service in services}
    mix = {service: chance.uniform(0.1, 1) for service in services}
    return Rules(
        branch="random",
        branch_name="Random",
        zone=ZoneInfo(chance.choice(ZONES)),
        wording=wording(chance.choice(("en", "zh"))),
        services={
            service: Service(
                service,
                service.title(),
                "ABCD"[n],
                3,
                n + 1,
                minutes=minutes[service],
                group=chance.choice(("", "hall")),
                hours=hours("08:30-12:00 13:00-16:30", 10 * MINUTE) if n and chance.random() < 0.3 else None,
                quota=chance.choice((5, 40)) if n and chance.random() < 0.3 else None,
                overflow=chance.random() < 0.5,
            )
            for n, service in enumerate(services)
        },
        classes={
            klass: TicketClass(klass, klass.title(), chance.choice((0, 10 * MINUTE, chance.randrange(90 * MINUTE))))
            for klass in classes
        },
        counters={id: Counter(id, serves[id], extra[id], rater=chance.random() < 0.5) for id in ids},
        default_service=chance.choice(services),
        pass_limit=chance.randint(1, 6),
        recalls=chance.randint(0, 3),
        recall_gap=chance.choice((0, 20)),
        return_within=chance.choice((0, 300, 900)),
        return_penalty=chance.choice((0, 60, 300)),
        returns=chance.randint(0, 2),
        triage=asking(services),
        calendar=Calendar({"normal": _profile(chance, ids, services, minutes, mix)}),
        appointments=Appointments(
            half_hours("09:00", "16:30"),
            places=chance.choice((None, 1, 4)),
            grace=chance.choice((0, 10 * MINUTE)),
            early=chance.choice((0, 10 * MINUTE, 60 * MINUTE)),
        ),
        shares={"normal": mix},
        class_shares={"normal": {klass: chance.choice((3, 10, 25)) for klass in classes}},
        target=chance.choice((MINUTE, 10 * MINUTE, 15 * MINUTE)),
        **_counter_profiles(Random(f"profiles:{chance.random()}"), ids, services),
    )


def _counter_profiles(chance: Random, ids: Sequence[str], services: Sequence[str]) -> dict[str, Any]:
    """Some sets of what a counter can serve, of which the calendar plans some."""
    profiles = {}
    for n in range(chance.choice((0, 1, 2, 3))):
        serves = {service: chance.choice((0, 0, 10 * MINUTE)) for service in services if chance.random() < 0.6}
        may = tuple(id for id in ids if chance.random() < 0.7)
        profiles[f"p{n}"] = CounterProfile(f"p{n}", f"Profile {n}", serves, n + 1, may)
    plan = [
        Planned(chance.choice(profile.counters or ids), profile.id, start, start + chance.randrange(900, 7200))
        for profile in profiles.values()
        for start in [OPENS + chance.randrange(6 * 3600)]
        if chance.random() < 0.5
    ]
    return {"counter_profiles": profiles, "plan": tuple(plan), "clerks": {"4711": "C07", "4712": "C08"}}


def _profile(
    chance: Random, ids: Sequence[str], services: Sequence[str], minutes: dict[str, float], mix: dict[str, float]
) -> Profile:
    """A day as full as the windows can bear, a little less or rather more; each window has a lunch of its own."""
    mean = sum(mix[service] * minutes[service] for service in services) / sum(mix.values())
    bearable = 60 / mean * len(ids)
    arrivals = tuple(bearable * chance.uniform(0.5, 1.2) for _ in range((CLOSES - OPENS) // 3600))
    staff = {}
    for id in ids:
        begin, lunch = OPENS + chance.choice((0, 0, 0, 600, 3600)), chance.randrange(11 * 3600, 14 * 3600)
        away = lunch + chance.choice((900, 1800, 3600))
        staff[id] = (Span(begin, lunch), Span(away, CLOSES)) if chance.random() < 0.7 else (Span(begin, CLOSES),)
    burst = chance.randrange(30)
    return Profile("normal", (), Span(OPENS, CLOSES), arrivals, (burst // 2, burst), staff)


class Manager:
    """People who press whatever they like, at any time of the day; also at the counters, and not always with sense."""

    def __init__(self, chance: Random, day: VirtualDay) -> None:
        self._chance = chance
        self._day = day
        for _ in range(chance.choice((0, 40, 150))):
            day.later(day.at(chance.uniform(OPENS, CLOSES)), self._something)

    def _something(self, at: int) -> None:
        chance, rules, state = self._chance, self._day.rules, self._day.lobby.state
        busy = [id for id in rules.counters if state.counter(id).ticket]
        counter = chance.choice(busy if busy and chance.random() < 0.7 else list(rules.counters))
        service = chance.choice(list(rules.services))
        stage = chance.choice((Stage.WAITING, Stage.WAITING, Stage.WAITING, Stage.HELD, Stage.MISSED))
        meant = [t.id for t in state.tickets.values() if t.stage is stage] or ["A001"]
        ticket = chance.choice(meant[-10:] if chance.random() < 0.5 else meant)
        changed = [t.id for t in state.tickets.values() if t.before and t.stage is Stage.WAITING] or meant
        here: dict[str, Any] = {"at": at, "cause": self._day.cause(), "counter": counter}
        here["sure"] = chance.random() < 0.5
        panel: dict[str, Any] = {"at": at, "cause": here["cause"], "by": "panel/manager", "ticket": ticket}
        klass = chance.choice(list(rules.classes))
        digits = chance.choice((str(rules.services[service].key), chance.choice(list(rules.counters)).zfill(2), "9"))
        others = chance.choice((*rules.counters, *([""] * 3)))
        profile = chance.choice(("", *rules.counter_profiles))
        command: Command = chance.choice(
            (
                Promote(**panel, klass=klass, reason="elderly"),
                Promote(**panel, klass="urgent", reason="ill"),
                Reassign(**panel, counter=others, service="" if others else chance.choice((service, ""))),
                Reassign(**(panel | {"ticket": ""})),
                Undo(**panel),
                UndoAtCounter(**here),
                UndoAtCounter(**here),
                SetProfile(**(panel | {"ticket": ""}), counter=counter, profile=profile),
                SetProfile(**(panel | {"ticket": ""}), counter=counter, profile=profile),
                Undo(**(panel | {"ticket": chance.choice(changed)})),
                Undo(**(panel | {"ticket": chance.choice(changed)})),
                CallByHand(**panel, counter=counter, reason="elderly"),
                CallByHand(**panel, counter=counter),
                Cancel(**panel, reason="left"),
                Return(**panel),
                Transfer(**here, digits=digits),
                Transfer(**here, digits=digits),
                Hold(**here),
                Unhold(**here),
                CallNumber(**here, digits=ticket[1:]),
                CallNext(**here),
                Recall(**here),
                Pause(**here),
                Close(**here),
                Open(**here),
                AnswerAdvice(at=at, cause=here["cause"], by="panel/manager", accept=chance.random() < 0.5),
            )
        )
        if isinstance(command, CallByHand):
            self._finishes(at, counter)  # only who is free can be given somebody
        self._day.do(command)
        if isinstance(command, CounterCommand) and not isinstance(command, UndoAtCounter) and chance.random() < 0.4:
            self._day.later(at + chance.randrange(1000, 10_000), lambda at: self._takes_back(at, counter))
        if isinstance(command, Promote | Reassign) and chance.random() < 0.4:
            self._day.later(at + MINUTE_MS, lambda at: self._undoes(at, ticket))
        if isinstance(command, CallByHand | CallNumber | Unhold | CallNext | Transfer | Hold | Pause):
            # Nobody of the simulated clerks knows what was pressed here: end it, and let the window go on.
            self._day.later(at + chance.randrange(10 * MINUTE_MS), lambda at: self._ends(at, counter))

    def _takes_back(self, at: int, counter: str) -> None:
        self._day.do(UndoAtCounter(at=at, cause=self._day.cause(), counter=counter))

    def _undoes(self, at: int, ticket: str) -> None:
        self._day.do(Undo(at=at, cause=self._day.cause(), by="panel/manager", ticket=ticket))

    def _ends(self, at: int, counter: str) -> None:
        self._finishes(at, counter)
        self._day.do(CallNext(at=at, cause=self._day.cause(), counter=counter))
        self._day.later(at + 3 * MINUTE_MS, lambda at: self._finishes(at, counter))

    def _finishes(self, at: int, counter: str) -> None:
        self._day.do(Finish(at=at, cause=self._day.cause(), counter=counter))


def random_take(chance: Random, rules: Rules, customer: Customer, command: TakeTicket) -> TakeTicket:
    """What a customer presses: most a button, some with an appointment, by the triage, or with a need."""
    kind = chance.random()
    if kind < 0.1:
        start = (int(customer.arrives) // 1800 + chance.choice((0, 0, 1, 2))) * 1800
        klass = "appointment" if "appointment" in rules.classes else command.klass
        return replace(command, slot=clock(start), klass=klass)
    if kind < 0.2:
        choice = chance.choice(("to", "atm"))
        return replace(command, service="", choice=f"{choice}-{customer.service}", insist=chance.random() < 0.5)
    if kind < 0.3:
        return replace(command, form=True, needs=tuple(chance.sample(triage.NEEDS, 2)))
    return command


def random_legs(chance: Random, rules: Rules) -> Sequence[Leg]:
    """Where a customer has to go afterwards: mostly nowhere."""
    if chance.random() < 0.85:
        return ()
    counter = chance.choice(("", "", chance.choice(list(rules.counters))))
    service = "" if counter else chance.choice(list(rules.services))
    return [Leg(service, counter, chance.uniform(30, 600))]


@dataclass(slots=True)
class Run:
    """A random branch at work, and its rows as anybody can read them in a journal's file."""

    rules: Rules
    rows: list[dict[str, Any]] = field(default_factory=list)
    hours: float = 0.0
    """By how much the lobby's clock went forward with people in it, silences cut short."""
    state: State = field(default_factory=State)
    """The lobby's own, at the end."""
    _there: set[str] = field(default_factory=set)
    _clock: int = 0

    def replayed(self) -> State:
        """The state that the rows alone lead to."""
        state = State()
        for row in self.rows:
            evolve(state, row["at"], from_row(row["kind"], row["version"], row["data"]))
        return state

    def add(self, row: dict[str, Any]) -> None:
        """One more row."""
        self.rows.append(row)
        if self._there:
            self.hours += min(max(0, row["at"] - self._clock), COUNTED_GAP) / 3_600_000
        self._clock = max(self._clock, row["at"])
        present = PRESENT.get(row["kind"])
        if present is not None:
            (self._there.add if present else self._there.discard)(row["data"]["ticket"])
        elif row["kind"] == "day_opened":
            self._there.clear()


def random_days(seed: int, hours: float) -> Run:
    """Whole days of a random branch, until there have been people in it for so many hours."""
    chance = Random(f"days:{seed}")
    run = Run(random_branch(chance))
    lobby = Aggregate(run.rules)
    day = date(2026, 1, 1) + timedelta(days=chance.randrange(365))
    while run.hours < hours:
        virtual = VirtualDay(
            lobby,
            day,
            customers_of(run.rules, "normal", f"{seed}:{day}"),
            follow_advice if chance.random() < 0.3 else leave_alone,
            legs=lambda customer: random_legs(chance, run.rules),
            take=lambda customer, command: random_take(chance, run.rules, customer, command),
        )
        Manager(chance, virtual)
        virtual.run()
        for row in lobby.rows:
            run.add(plain(row))
        lobby.rows.clear()
        day += timedelta(days=1)
    run.state = lobby.state
    return run


def random_presses(seed: int, hours: float) -> Run:
    """One press after the other in a random branch, with sense or without, until people were in it for so long."""
    chance = Random(f"presses:{seed}")
    run = Run(random_branch(chance))
    lobby = Lobby(run.rules, local("2026-03-27 09:00", str(run.rules.zone)) + chance.randrange(300) * DAY * SECOND_MS)
    kinds = chance.choice((USUAL, ALL, ALL))
    for step in long_steps(seed, MOST_STEPS, kinds):
        lobby.step(step)
        for row in lobby.rows[len(run.rows) :]:
            run.add(row)
        if run.hours >= hours:
            run.state = lobby.state
            return run
    raise AssertionError(f"seed {seed}: after {MOST_STEPS} presses there were people for {run.hours:.0f} h only")


def plain(row: Row) -> dict[str, Any]:
    """A row as data, through JSON as in the file."""
    data = json.loads(json.dumps(row.data))
    return {"seq": row.seq, "at": row.at, "kind": row.event.KIND, "version": row.event.VERSION, "data": data}
