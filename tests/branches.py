"""Branches to try the lobby in, made by hand or at random, and a lobby at work: commands in, journal rows out.

All handicaps and credits given by hand are in minutes, as an installer writes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from checker import Numbers
from hypothesis import strategies as st
from hypothesis.vendor.pretty import for_type_by_name

from controller import config
from controller.config.branch import plans
from controller.lobby.actions.ask_help import AskHelp
from controller.lobby.actions.call_by_hand import CallByHand
from controller.lobby.actions.call_next import CallNext, TicketCalled
from controller.lobby.actions.call_number import CallNumber
from controller.lobby.actions.cancel import Cancel
from controller.lobby.actions.clock import StartController, StepClock
from controller.lobby.actions.close_counter import Close
from controller.lobby.actions.command import Command
from controller.lobby.actions.day import BeginDay, RollOver
from controller.lobby.actions.drop_counters import DropCounters
from controller.lobby.actions.emergency import DeclareEmergency, EndEmergency
from controller.lobby.actions.enter_roll import EnterRoll
from controller.lobby.actions.event import Event, from_row
from controller.lobby.actions.finish import Finish
from controller.lobby.actions.hold import Hold
from controller.lobby.actions.leave_note import LeaveNote
from controller.lobby.actions.no_show import NoShow
from controller.lobby.actions.open_counter import Open
from controller.lobby.actions.pause_counter import Pause
from controller.lobby.actions.post_notice import EndNotice, PostNotice
from controller.lobby.actions.promote import Promote
from controller.lobby.actions.rating import AskRating, Rate
from controller.lobby.actions.reassign import Reassign
from controller.lobby.actions.recall import Recall
from controller.lobby.actions.registry import Decision, evolve
from controller.lobby.actions.report_device import ReportDevice
from controller.lobby.actions.report_print import ReportPrint
from controller.lobby.actions.reprint import Reprint
from controller.lobby.actions.return_ticket import Return
from controller.lobby.actions.set_profile import FollowPlan, SetOwnProfile, SetProfile
from controller.lobby.actions.sign_in import SignIn
from controller.lobby.actions.start import Start
from controller.lobby.actions.take_ticket import TakeTicket
from controller.lobby.actions.transfer import Transfer
from controller.lobby.actions.undo import Undo
from controller.lobby.actions.undo_at_counter import UndoAtCounter
from controller.lobby.actions.unhold import Unhold
from controller.lobby.actions.windows import AnswerAdvice, CheckWindows
from controller.lobby.aggregate import Aggregate
from controller.lobby.answers import answer
from controller.lobby.model import triage
from controller.lobby.model.calendar import Hours, parse_spans
from controller.lobby.model.emergency import FAILURES, Roll
from controller.lobby.model.outcome import AlreadyDone
from controller.lobby.model.rules import Appointments, Counter, CounterProfile, Planned, Rules, Service, TicketClass
from controller.lobby.model.state import CounterStage, Stage, State, undoes
from controller.lobby.model.triage import Choice, Question, Triage
from controller.lobby.model.units import Ms
from controller.lobby.model.wording import Wording

MINUTE = 60
SECOND_MS = 1000
MINUTE_MS = MINUTE * SECOND_MS
SERVICES = ("cash", "personal", "corporate", "loans")
ALL_SERVICES = (*SERVICES, "cards", "exchange", "funds", "insurance", "coins", "safes")
"""What a branch made by hand may have."""
CREDITS = {"normal": 0, "vip": 10, "appointment": 15, "green": 60, "urgent": 60}


BANK = """
[branch]
id = "bank"
name = "Bank"
language = "en"

[[service]]
id = "cash"
name = "Cash"
prefix = "A"
key = 1
minutes = 4
share = { normal = 60, pension = 75 }

[[service]]
id = "personal"
name = "Personal"
prefix = "B"
key = 2
minutes = 9
share = { normal = 28, pension = 17 }

[[service]]
id = "corporate"
name = "Corporate"
prefix = "C"
key = 3
minutes = 7
share = { normal = 12, pension = 8 }

[[counter]]
id = "1"
serves = { cash = 0 }

[[counter]]
id = "2"
serves = { cash = 0 }

[[counter]]
id = "3"
serves = { personal = 0, cash = 10 }

[[counter]]
id = "4"
serves = { corporate = 0, personal = 5, cash = 15 }

[[counter]]
id = "5"
serves = { cash = 0, personal = 10 }

[[counter]]
id = "6"
serves = { personal = 0, cash = 5, corporate = 5 }
"""
"""Four windows and two flexible ones; at the rest as the program has it by itself."""


@cache
def wording(language: str) -> Wording:
    """The real sentences."""
    return config.wording(language)


# Where a random branch is printed, nobody wants to read all of its sentences.
for_type_by_name(
    Wording.__module__, "Wording", lambda wording, printer, cycle: printer.text(f"wording({wording.language!r})")
)


def local(text: str, zone: str = "Asia/Shanghai", fold: int = 0) -> int:
    """A local time "YYYY-MM-DD HH:MM[:SS]" in ms since 1970, UTC; `fold` 1: the second of two in a DST night."""
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return round(moment.astimezone(UTC).timestamp() * 1000)


NINE = local("2026-11-23 09:00")
"""When a lobby opens here, unless a test says otherwise."""


def hours(spans: str, last_ticket: int = 0) -> Hours:
    """The same hours on every day."""
    return Hours((parse_spans(spans),) * 7, last_ticket)


def half_hours(first: str, last: str) -> tuple[int, ...]:
    """The starts of half-hour slots, the last one's included."""
    (span,) = parse_spans(f"{first}-{last}")
    return tuple(range(span.start, span.end + 1, 30 * MINUTE))


def asking(services: Iterable[str]) -> Triage:
    """Two questions; for each service `to-SERVICE` leads there, and `atm-SERVICE` advises a machine first."""
    choices = [
        choice
        for service in services
        for choice in (
            Choice(f"to-{service}", service.title(), service=service),
            Choice(f"atm-{service}", "Cash", service=service, advice=f"The machine does {service}."),
        )
    ]
    begin = Question("begin", "What brings you here?", (Choice("more", "Business", question="what"),))
    return Triage({"begin": begin, "what": Question("what", "What business?", tuple(choices))})


def branch(
    counters: Mapping[str, Mapping[str, float]],
    class_handicaps: Mapping[str, Mapping[str, float]] | None = None,
    *,
    credits: Mapping[str, float] = CREDITS,
    raters: Iterable[str] = (),
    zone: str = "Asia/Shanghai",
    language: str = "en",
    services: Mapping[str, Mapping[str, Any]] | None = None,
    **numbers: Any,
) -> Rules:
    """A branch from its counters' `serves` and `class_handicap`; prefixes of services are A, B, .., keys 1, 2, ..

    `services` has what else there is to say of a service, such as its hours. Tests press as fast as they can: there is
    no grace unless they ask for one.
    """
    names = [s for s in ALL_SERVICES if any(s in serves for serves in counters.values())]
    about = services or {}
    made = {
        id: Service(id, id.title(), "ABCDEFGHIJ"[n], 3, (n + 1) % 10, **about.get(id, {}))
        for n, id in enumerate(ALL_SERVICES)
        if id in names
    }
    extra = class_handicaps or {}
    return Rules(
        branch="test",
        branch_name="Test",
        zone=ZoneInfo(zone),
        wording=wording(language),
        services=made,
        classes={id: TicketClass(id, id.title(), round(credit * MINUTE)) for id, credit in credits.items()},
        counters={
            id: Counter(
                id,
                {service: round(minutes * MINUTE) for service, minutes in serves.items()},
                {klass: round(minutes * MINUTE) for klass, minutes in extra.get(id, {}).items()},
                rater=id in raters,
            )
            for id, serves in counters.items()
        },
        default_service=names[0],
        **{"call_grace": 0, "confirm_finish": 0, "emergency_plans": plans((), wording(language))} | numbers,
    )


def numbers(rules: Rules) -> Numbers:
    """The configuration's numbers, for the checker."""
    return Numbers(
        credits={id: c.credit for id, c in rules.classes.items()},
        serves={id: dict(c.serves) for id, c in rules.counters.items()},
        class_handicaps={id: dict(c.class_handicap) for id, c in rules.counters.items()},
        services=tuple(rules.services),
        pass_limit=rules.pass_limit,
    )


# -- at random -----------------------------------------------------------------------------------------------------

_handicaps = st.one_of(
    st.just(0), st.none(), st.integers(1, 30).map(lambda minutes: minutes * MINUTE), st.integers(1, 90)
)


ROLLS = ((), (Roll("X", 1, 40, key=9),), (Roll("X", 1, 40), Roll("Y", 1, 9, 2, 9, SERVICES[0])))


@st.composite
def branches(draw: st.DrawFn) -> Rules:
    """A random branch in which each service is some counter's own work for the normal class, as it has to be."""
    services = SERVICES[: draw(st.integers(1, len(SERVICES)))]
    classes = ("normal", "vip", "green", "urgent")[: draw(st.integers(1, 4))]
    credits = {id: draw(st.one_of(st.just(0), st.integers(0, 90 * MINUTE))) for id in classes}
    ids = ("1", "2", "3", "12", "west")[: draw(st.integers(1, 5))]
    serves: dict[str, dict[str, int]] = {}
    extra: dict[str, dict[str, int]] = {}
    for id in ids:
        drawn = {service: draw(_handicaps) for service in services}
        serves[id] = {service: handicap for service, handicap in drawn.items() if handicap is not None}
        extra[id] = {klass: draw(st.integers(0, 30 * MINUTE)) for klass in classes if draw(st.integers(0, 3)) == 3}
    for service in services:
        if not any(serves[id].get(service) == 0 and not extra[id].get("normal") for id in ids):
            owner = draw(st.sampled_from(ids))
            serves[owner][service] = 0
            extra[owner].pop("normal", None)
    planned = {id: draw(st.sampled_from(("all", "one"))) for id in ids[:2]}
    everything = CounterProfile("all", "All", {service: draw(st.sampled_from((0, 300))) for service in services}, 2)
    return Rules(
        branch="test",
        branch_name="Test",
        zone=ZoneInfo("Asia/Shanghai"),
        wording=wording("en"),
        services={
            s: Service(
                s,
                s.title(),
                "ABCD"[n],
                3,
                n + 1,
                minutes=draw(st.sampled_from((0.5, 4, 9))),
                group=draw(st.sampled_from(("", "hall"))),
                hours=draw(st.sampled_from((None, None, None, hours("08:30-12:00 13:30-17:00", 10 * MINUTE)))),
                quota=draw(st.sampled_from((None, None, None, 3, 30))),
                overflow=draw(st.booleans()),
            )
            for n, s in enumerate(services)
        },
        classes={id: TicketClass(id, id.title(), credit) for id, credit in credits.items()},
        counters={id: Counter(id, serves[id], extra[id], rater=draw(st.booleans())) for id in ids},
        default_service=services[0],
        pass_limit=draw(st.integers(1, 6)),
        recalls=draw(st.integers(0, 3)),
        recall_gap=draw(st.sampled_from((0, 20))),
        return_within=draw(st.sampled_from((0, 60, 900))),
        return_penalty=draw(st.sampled_from((0, 60, 300))),
        returns=draw(st.integers(0, 2)),
        triage=asking(services),
        appointments=Appointments(
            half_hours("09:00", "12:00"),
            places=draw(st.sampled_from((None, 1, 4))),
            grace=draw(st.sampled_from((0, 10 * MINUTE))),
            early=draw(st.sampled_from((0, 10 * MINUTE, 60 * MINUTE))),
        ),
        shares=draw(st.sampled_from(({}, {"normal": dict.fromkeys(services, 1.0)}))),
        class_shares={"normal": {"normal": 90.0} | dict.fromkeys(classes[1:], 3.0)},
        target=draw(st.sampled_from((MINUTE, 15 * MINUTE))),
        counter_profiles={p.id: p for p in (CounterProfile("one", "One", {services[0]: 0}, 1, ids[:2]), everything)},
        plan=tuple(Planned(id, profile, 9 * 3600, 10 * 3600) for id, profile in planned.items()),
        clerks={"4711": "C07", "4712": "C08"},
        rolls=draw(
            st.sampled_from(((), (Roll("X", 1, 40, key=9),), (Roll("X", 1, 40), Roll("Y", 1, 9, 2, 9, services[0]))))
        ),
        emergency_plans=plans((), wording("en")),
    )


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens: `after` so many ms (also none, also backwards). What `which` and `what` pick from depends
    on the lobby at that moment."""

    kind: str
    which: int
    what: int
    after: int


USUAL = ("take",) * 9 + ("call",) * 7 + ("start", "finish", "no_show", "no_show", "return", "return")
CALM = (
    *USUAL,
    *("call_number", "recall", "hold", "unhold", "transfer_service", "transfer_counter", "pause", "open", "close"),
    *("ask_rating", "rate", "ask_help"),
    *("promote", "reassign_any", "reassign_next", "reassign_counter", "reassign_service"),
    *("cancel", "reprint", "report_print", "report_device", "green", "roll_over"),
    *("undo", "undo", "call_by_hand", "call_by_hand", "undo_at_counter", "undo_at_counter"),
    *("appointment", "appointment", "choose", "choose", "needs", "urgent"),
    *("check_windows", "check_windows", "answer_advice"),
    *("roll", "roll", "call_of_roll", "emergency"),
    *("own_profile", "profile", "profile", "follow_plan", "sign_in", "sign_in", "note"),
)
"""What happens on a day on which nobody sets the clock."""
ALL = (*CALM, "set_clock", "begin_day", "start_controller", "drop_counters")


def steps(kinds: tuple[str, ...] = ALL) -> st.SearchStrategy[Step]:
    """A random step, time mostly going forward."""
    after = st.one_of(
        st.just(0),
        st.integers(1, 60 * SECOND_MS),
        st.integers(1, 60 * SECOND_MS),
        st.integers(0, 20 * MINUTE_MS),
        st.integers(-15 * MINUTE_MS, -1),
    )
    return st.builds(Step, st.sampled_from(kinds), st.integers(0, 255), st.integers(0, 255), after)


def history(rules: Rules, steps: Iterable[Step]) -> Lobby:
    """A lobby after these steps."""
    lobby = Lobby(rules)
    for step in steps:
        lobby.step(step)
    return lobby


def long_steps(seed: int, count: int, kinds: tuple[str, ...] = ALL) -> Iterable[Step]:
    """Many steps of a busy day, from a seed."""
    chance = Random(seed)
    for _ in range(count):
        after = chance.choice((0, chance.randrange(20_000), chance.randrange(90_000)))
        if chance.random() < 0.02:
            after = chance.randrange(-5 * MINUTE_MS, 30 * MINUTE_MS)
        if chance.random() < 0.001:
            after = 20 * 60 * MINUTE_MS
        yield Step(chance.choice(kinds), chance.randrange(256), chance.randrange(256), after)


# -- a lobby at work -------------------------------------------------------------------------------------------------


class Lobby:
    """The rule, the decisions and the state, with a clock that only the test moves; `rows` is what a journal holds.

    As with the engine, a command on a new business day rolls the lobby over first.
    """

    def __init__(self, rules: Rules, now: int = NINE) -> None:
        self._lobby = Aggregate(rules)
        self.now = now
        self.rows: list[dict[str, Any]] = []
        self.decisions: list[tuple[Command, Decision]] = []

    @property
    def state(self) -> State:
        return self._lobby.state

    @state.setter
    def state(self, state: State) -> None:
        self._lobby.state = state

    @property
    def rules(self) -> Rules:
        return self._lobby.rules

    @rules.setter
    def rules(self, rules: Rules) -> None:
        self._lobby.rules = rules

    def do(self, command: Command) -> Decision:
        """Decide a command and apply its events."""
        before = self.state.day
        decision = self._lobby.do(command)
        if self.state.day != before and not isinstance(command, RollOver):
            self.decisions.append((RollOver(at=command.at, cause=""), []))
        self._keep()
        self.decisions.append((command, decision))
        answer(self.rules, self.state, decision)
        return decision

    def write(self, *events: Event, at: int | None = None) -> None:
        """Let these events happen, as they are."""
        at = self.now if at is None else at
        self._lobby.apply(events, at, "")
        self._keep()

    def _keep(self) -> None:
        rows, self._lobby.rows = self._lobby.rows, []
        for row in rows:
            kind, version = row.event.KIND, row.event.VERSION
            data = json.loads(json.dumps(row.event.to_row()))
            self.rows.append({"seq": row.seq, "at": row.at, "kind": kind, "version": version, "data": data})

    def replayed(self) -> State:
        """The state that the rows alone lead to."""
        state = State()
        for row in self.rows:
            evolve(state, row["at"], from_row(row["kind"], row["version"], row["data"]))
        return state

    def set_clock(self, by: int) -> Decision:
        """Somebody sets the clock, by so many ms, and the controller notices."""
        self.now += by
        return self.do(StepClock(at=self.now, cause="", by=by))

    # -- the usual presses -------------------------------------------------------------------------------------

    def take(self, service: str = "", klass: str = "", **more: Any) -> str:
        """A ticket's id."""
        more = {"by": "kiosk"} | more
        decision = self.do(TakeTicket(at=self.now, cause="", service=service, klass=klass, **more))
        if isinstance(decision, AlreadyDone):
            return decision.ticket
        assert isinstance(decision, list), decision
        return decision[-1].ticket  # type: ignore[attr-defined]

    def call(self, counter: str) -> str:
        """The called ticket's id, empty when none waits."""
        decision = self.do(CallNext(at=self.now, cause="", counter=counter, sure=True))
        last = decision[-1] if isinstance(decision, list) else None
        return last.ticket if isinstance(last, TicketCalled) else ""

    def wait(self, minutes: float) -> None:
        """Let time pass."""
        self.now += round(minutes * MINUTE_MS)

    def later(self, time: timedelta) -> None:
        """Let time pass."""
        self.now += round(time.total_seconds() * 1000)

    # -- random steps ------------------------------------------------------------------------------------------

    def step(self, step: Step) -> Decision:
        """Do one random step."""
        self.now += step.after
        if step.kind == "set_clock":
            return self.set_clock((step.which - 100) * (5 * MINUTE_MS if step.what < 230 else 60 * MINUTE_MS))
        return self.do(self._command(step))

    def _meant(self, kind: str) -> list[str]:
        """The tickets that people usually mean with such a press, if there are any, else all."""
        if kind == "undo":
            changed = [t.id for t in self.state.tickets.values() if t.before]
            return changed or list(self.state.tickets)
        if kind == "return":
            away = [t.id for t in self.state.tickets.values() if t.stage is Stage.MISSED or t.unstarted]
            return away or list(self.state.tickets)
        stage = {"unhold": Stage.HELD, "report_print": None, "reprint": None}.get(kind, Stage.WAITING)
        meant = [t.id for t in self.state.tickets.values() if stage in (t.stage, None)]
        if stage is Stage.MISSED:
            meant = meant[-3:]  # the others are too late
        return meant or list(self.state.tickets)

    def _command(self, step: Step) -> Command:
        rules, which, what = self.rules, step.which, step.what
        base: dict[str, Any] = {"at": self.now, "cause": f"step:{len(self.decisions)}"}
        at_counter = base | {"counter": _of(rules.counters, which), "sure": what % 3 > 0}
        service, klass = _of(rules.services, what), _of(rules.classes, what // 16)
        tickets = self._meant(step.kind) if which < 230 else list(self.state.tickets)
        ticket = tickets[which % len(tickets)] if tickets and which < 250 else "Z999"
        manager = base | {"by": "panel", "ticket": ticket}
        match step.kind:
            case "take":
                paper = ("ready", "none", "ready", "paper_end")[which % 4]
                off = 2 if which % 8 == 7 else 0
                kiosk = f"kiosk-{which % 2}"
                return TakeTicket(**base, by=kiosk, service=service, klass=klass, paper=paper, hold_off=off)
            case "green":
                green = base | {"by": "panel", "klass": _of(rules.classes, -1), "reason": "elderly"}
                return TakeTicket(**green, service=service, granted=which % 2 == 0)
            case "appointment":
                clock = (f"{8 + what % 6:02d}:{which % 2 * 30:02d}", "9")[which > 250]
                booked = "appointment" if "appointment" in rules.classes else klass
                return TakeTicket(**base, by="kiosk-0", service=service, klass=booked, slot=clock)
            case "choose":
                answer = "more" if which > 250 else f"to-{service}" if which % 8 == 6 else f"atm-{service}"
                kiosk = f"kiosk-{which % 2}"
                return TakeTicket(**base, by=kiosk, choice=answer, insist=which % 4 == 3, hold_off=which % 3)
            case "needs":
                needs = (*triage.NEEDS[: which % 4], *["wings"] * (which > 250))
                return TakeTicket(**base, by="kiosk-1", service=service, form=which % 2 == 0, needs=needs)
            case "urgent":
                return Promote(**manager, klass="urgent", reason="ill")
            case "check_windows":
                return CheckWindows(**base)
            case "answer_advice":
                asked = _of(rules.counters, what) if which % 2 else ""
                return AnswerAdvice(**base, by="panel", accept=what % 2 == 0, counter=asked)
            case "call":
                return CallNext(**at_counter)
            case "call_number":
                return CallNumber(**at_counter, digits=ticket[1:] if what % 2 else ticket[-2:])
            case "call_of_roll":
                return CallNumber(**at_counter, digits=f"{'9' if which % 2 else ''}{what % 45:03d}")
            case "roll":
                first = what % 42
                time = rules.local(Ms(self.now - which * MINUTE_MS)).strftime("%H:%M")
                return EnterRoll(
                    **base,
                    by="panel",
                    numbers=f"{'XY'[which % 2]}{first:03d}-{first + which % 4}",
                    service=("", service)[what % 2],
                    time=("", time, f"{time}-{rules.local(self.now).strftime('%H:%M')}")[what % 3],
                    served=which % 5 == 4,
                )
            case "emergency" if self.state.emergency and which % 4:
                return EndEmergency(**base, by="panel")
            case "emergency":
                return DeclareEmergency(**base, by="panel", plan=FAILURES[what % len(FAILURES)])
            case "recall":
                return Recall(**at_counter)
            case "start":
                return Start(**at_counter)
            case "finish":
                return Finish(**at_counter)
            case "own_profile":
                return SetOwnProfile(**at_counter, digits=("", "1", "2", "9")[what % 4])
            case "profile":
                profile = ("", *rules.counter_profiles)[what % (1 + len(rules.counter_profiles))]
                return SetProfile(**manager | {"ticket": ""}, counter=_of(rules.counters, which), profile=profile)
            case "follow_plan":
                return FollowPlan(**base)
            case "note":
                return LeaveNote(**at_counter, words=("", "a word", "another")[what % 3])
            case "sign_in":
                return SignIn(**at_counter, number=("", *rules.clerks, "0")[what % (2 + len(rules.clerks))])
            case "undo_at_counter":
                can = [c.id for c in rules.counters.values() if undoes(self.state, rules, c, self.now)]
                return UndoAtCounter(**at_counter | ({"counter": can[which % len(can)]} if can else {}))
            case "no_show":
                return NoShow(**at_counter)
            case "hold":
                return Hold(**at_counter)
            case "unhold":
                return Unhold(**at_counter, digits=ticket[1:] if what % 4 == 0 else "")
            case "transfer_service":
                return Transfer(**at_counter, digits=str(what % 6))
            case "transfer_counter":
                return Transfer(**at_counter, digits=_of(rules.counters, what).zfill(2))
            case "pause":
                return Pause(**at_counter, reason=str(what % 9))
            case "open":
                return Open(**at_counter)
            case "close":
                return Close(**at_counter)
            case "ask_rating":
                return AskRating(**at_counter)
            case "ask_help":
                return AskHelp(**at_counter)
            case "rate":
                return Rate(**at_counter, score=what % 7)
            case "promote":
                return Promote(**manager, klass=klass, reason="elderly")
            case "reassign_any":
                return Reassign(**manager)
            case "reassign_next":
                return Reassign(**(manager | {"ticket": ""}))
            case "reassign_counter":
                return Reassign(**manager, counter=_of(rules.counters, what))
            case "reassign_service":
                return Reassign(**manager, service=service)
            case "undo":
                return Undo(**manager)
            case "call_by_hand":
                free = [id for id, c in self.state.counters.items() if c.stage is CounterStage.OPEN and not c.ticket]
                counter = free[which % len(free)] if free and what < 230 else at_counter["counter"]
                return CallByHand(**manager, counter=counter, reason="elderly")
            case "return":
                return Return(**manager)
            case "cancel":
                return Cancel(**manager, reason="left")
            case "reprint":
                return Reprint(**(manager | {"ticket": "" if what % 2 else ticket}), paper="ready")
            case "report_print":
                result = ("printed", "sent", "unknown")[what % 3]
                return ReportPrint(**base, ticket=ticket, copy=1 + (what > 200), result=result)
            # Neither devices nor notices change what becomes of anybody: one kind of step is enough for them.
            case "report_device" if which % 4 == 3 and any(n.until > self.now for n in self.state.notices.values()):
                return EndNotice(**base, by="panel", notice=str(which % 9) if what % 4 == 3 else "")
            case "report_device" if which % 4 > 1:
                return PostNotice(**base, by="panel", words="x" * (which % 9), minutes=what % 4 * 600)
            case "report_device":
                return ReportDevice(**base, device="printer", state="degraded", detail="paper_end")
            case "start_controller":
                return StartController(**base, boot=f"boot {which // 128}", origin=NINE + 10_000 * (what // 200))
            case "drop_counters":
                return DropCounters(**base)
            case "begin_day":
                return BeginDay(**(manager | {"ticket": ""}))
            case "set_clock":
                return StepClock(**base, by=(which - 100) * MINUTE_MS)
            case "roll_over":
                return RollOver(**base)
        raise AssertionError(step.kind)


def _of(table: Mapping[str, Any], number: int) -> str:
    keys = list(table)
    return keys[number % len(keys)]
