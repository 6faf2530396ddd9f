"""Faults and repairs (故障公示、报修): what is out of order, until when it must be repaired, and who says that it is.

A device whose trouble lasts becomes a repair by itself. What the controller cannot see, such as a water dispenser, is
reported by hand. A device that works again is not thereby repaired: somebody confirms it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Self

from controller.lobby.actions.event import Event
from controller.lobby.actions.press import WORDS, Field, Where, key
from controller.lobby.actions.registry import Decision, Events
from controller.lobby.actions.report_device import DeviceChanged
from controller.lobby.aggregate import Row
from controller.lobby.model.outcome import Refused
from controller.lobby.model.units import NEVER, Ms
from controller.record.registry import Alarm, RecordCommand, alarms, applies, decides, due, notices, pictured
from controller.record.rules import Thing
from controller.record.state import Facts, Part, RecordEvent
from controller.record.times import ReckonedFrom

THING = Field("thing", "", "what is out of order: a device's id, or that of a [[thing]]", longest=32)
REPAIR = Field("repair", "", "a repair's number, such as R12; empty: the only one that waits for it", longest=8)

STAFF_CURE = frozenset({"paper_low", "paper_end", "cover_open", "printer_busy", "printer_feeding", "starting"})
"""Details of a device's state that the staff cure by hand, which becomes a repair only after `BY_HAND`."""
BY_HAND = 60 * 60
"""Seconds."""
AT_ONCE = 200
"""Most open repairs: a branch with more has another problem."""


@dataclass(frozen=True, slots=True)
class RepairSettings:
    """When a device's trouble becomes a repair (`after`, seconds), and in how many working hours it must be over: by
    the driver's name, else `hours`. `remind`: seconds before that time at which the manager is reminded."""

    after: int = 600
    hours: float = 24
    by_kind: Mapping[str, float] = field(default_factory=lambda: {"escpos": 4.0})
    remind: int = 3600


@dataclass(slots=True)
class Repair:
    """Something that is out of order. Times in ms since 1970, UTC; `works_since`: the device works again, 0: not yet;
    `words`: the cause of the row with what a person has written about it, empty: nothing."""

    thing: str
    since: Ms
    due: Annotated[Ms, ReckonedFrom("opened")]
    detail: str = ""
    by: str = ""
    opened: Ms = NEVER
    works_since: Ms = NEVER
    called_at: Ms = NEVER
    reminded: bool = False
    words: str = ""


@dataclass(slots=True)
class Repairs(Part):
    """The open repairs by number; devices that do not work: {id: [since, detail]}; the last number that was given."""

    NAME = "repairs"

    open: dict[str, Repair] = field(default_factory=dict)
    failing: dict[str, tuple[Ms, str]] = field(default_factory=dict)
    last: int = 0

    def carried(self) -> Mapping[str, Any]:
        found: dict[str, Any] = {"last": self.last} if self.last else {}
        if self.open:
            found["open"] = {id: asdict(repair) for id, repair in self.open.items()}
        if self.failing:
            found["failing"] = {id: list(about) for id, about in self.failing.items()}
        return found

    @classmethod
    def resumed(cls, carried: Mapping[str, Any]) -> Self:
        return cls(
            {id: Repair(**about) for id, about in carried.get("open", {}).items()},
            {id: (since, detail) for id, (since, detail) in carried.get("failing", {}).items()},
            carried.get("last", 0),
        )

    def of(self, thing: str) -> str:
        """The number of the open repair of a thing; empty: there is none."""
        return next((id for id, repair in self.open.items() if repair.thing == thing), "")


# -- what is done ------------------------------------------------------------------------------------------------


@key("FAULT", Where.RECORD, THING, WORDS)
@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFault(RecordCommand):
    """Report that something is out of order, in words if need be; of a thing that is reported already: more words."""

    thing: str = ""
    words: str = ""


@key("CALLED", Where.RECORD, REPAIR, WORDS)
@dataclass(frozen=True, slots=True, kw_only=True)
class CallRepairer(RecordCommand):
    """Note that whoever repairs it has been called, with a reference number in words."""

    repair: str = ""
    words: str = ""


@key("REPAIRED", Where.RECORD, REPAIR, WORDS)
@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmRepair(RecordCommand):
    """Confirm that something has been repaired."""

    repair: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class RepairOpened(RecordEvent):
    """Something is out of order since `since`, and is to work again by `due` (both ms since 1970, UTC). `detail`: of a
    device's state, a wording key; `worded`: a person has written about it, which stands in the table of remarks."""

    repair: str
    thing: str
    since: Ms
    due: Ms
    by: str
    detail: str | None = None
    worded: bool | None = None


@dataclass(frozen=True, slots=True)
class RepairNoted(RecordEvent):
    """More was written about an open repair, in the table of remarks; `called`: whoever repairs it has been called."""

    repair: str
    thing: str
    by: str
    called: bool | None = None


@dataclass(frozen=True, slots=True)
class RepairReminded(RecordEvent):
    """The time by which it must be repaired comes near."""

    repair: str
    thing: str


@dataclass(frozen=True, slots=True)
class RepairConfirmed(RecordEvent):
    """A person has confirmed that something is repaired; `late`: after the time by which it had to be."""

    repair: str
    thing: str
    by: str
    since: Ms
    late: bool


@decides(ReportFault)
def _report(facts: Facts, command: ReportFault) -> Decision:
    events = fault_found(facts, [command.thing], command.by, bool(command.words.strip()))
    if not events:
        open = facts.part(Repairs).of(command.thing)
        raise Refused("reported_already", repair=open, name=facts.rules.name_of(command.thing))
    return events


def fault_found(facts: Facts, things: Iterable[str], by: str, worded: bool) -> Events:
    """The events that a fault of some things leads to: each that has no open repair gets one; to the repairs of the
    others more words are added, if there are any. Refused if there is no such thing."""
    repairs = facts.part(Repairs)
    events: Events = []
    opened = 0
    for id in dict.fromkeys(things):
        thing = facts.rules.things.get(id)
        if thing is None:
            raise Refused("unknown_thing", thing=id, things=" ".join(facts.rules.things))
        if open := repairs.of(id):
            if worded:
                events.append(RepairNoted(open, id, by))
            continue
        if len(repairs.open) + opened >= AT_ONCE:
            raise Refused("repairs_full", most=AT_ONCE)
        opened += 1
        since, detail = repairs.failing.get(id, (facts.at, ""))
        events.append(_opened(facts, repairs.last + opened, thing, since, by, detail, worded or None))
    return events


def _opened(
    facts: Facts, number: int, thing: Thing, since: Ms, by: str, detail: str = "", worded: bool | None = None
) -> RepairOpened:
    settings = facts.of(RepairSettings)
    hours = thing.hours or settings.by_kind.get(thing.kind, settings.hours)
    until = facts.rules.after_working_hours(facts.at, hours)
    return RepairOpened(f"R{number}", thing.id, since, until, by, detail or None, worded)


@decides(CallRepairer)
def _call(facts: Facts, command: CallRepairer) -> Decision:
    id = _meant(facts, command.repair)
    return [RepairNoted(id, facts.part(Repairs).open[id].thing, command.by, called=True)]


@decides(ConfirmRepair)
def _confirm(facts: Facts, command: ConfirmRepair) -> Decision:
    repairs = facts.part(Repairs)
    id = _meant(facts, command.repair)
    repair = repairs.open[id]
    if repair.thing in repairs.failing:
        raise Refused("still_out_of_order", repair=id, name=facts.rules.name_of(repair.thing))
    return [RepairConfirmed(id, repair.thing, command.by, repair.since, command.at > repair.due)]


def _meant(facts: Facts, number: str) -> str:
    """The open repair with this number, its letter left out or not; empty: the only one."""
    found = facts.part(Repairs).open
    if not number and len(found) == 1:
        return next(iter(found))
    id = f"R{number.strip().upper().removeprefix('R')}"
    if not number and found:
        raise Refused("which_repair", repairs=" ".join(found))
    if id not in found:
        raise Refused("unknown_repair", repair=id, repairs=" ".join(found) or "-")
    return id


@due
def _lasting(facts: Facts) -> Iterator[Event]:
    """A device's trouble that has lasted becomes a repair; one whose time comes near is told once more."""
    repairs, settings = facts.part(Repairs), facts.of(RepairSettings)
    number = repairs.last
    for id, (since, detail) in repairs.failing.items():
        thing = facts.rules.things.get(id)
        after = max(settings.after, BY_HAND) if detail in STAFF_CURE else settings.after
        if thing and not repairs.of(id) and facts.at - since >= after * 1000 and len(repairs.open) < AT_ONCE:
            number += 1
            yield _opened(facts, number, thing, since, "controller", detail)
    for id, repair in repairs.open.items():
        if not repair.reminded and repair.due - settings.remind * 1000 <= facts.at < repair.due:
            yield RepairReminded(id, repair.thing)


# -- what it changes ---------------------------------------------------------------------------------------------


@applies(Repairs, DeviceChanged)
def _device_changed(repairs: Repairs, event: DeviceChanged, row: Row) -> None:
    open = repairs.open.get(repairs.of(event.device))
    if event.state == "ok":
        repairs.failing.pop(event.device, None)
        if open:
            open.works_since = row.at
    else:
        since, _ = repairs.failing.get(event.device, (row.at, ""))
        repairs.failing[event.device] = since, event.detail
        if open:
            open.works_since, open.detail = NEVER, event.detail


@applies(Repairs, RepairOpened)
def _repair_opened(repairs: Repairs, event: RepairOpened, row: Row) -> None:
    words = row.cause if event.worded else ""
    repairs.open[event.repair] = Repair(
        event.thing, event.since, event.due, event.detail or "", event.by, row.at, words=words
    )
    repairs.last = max(repairs.last, int(event.repair[1:]))


@applies(Repairs, RepairNoted)
def _repair_noted(repairs: Repairs, event: RepairNoted, row: Row) -> None:
    repair = repairs.open[event.repair]
    repair.words = row.cause
    if event.called:
        repair.called_at = row.at


@applies(Repairs, RepairReminded)
def _repair_reminded(repairs: Repairs, event: RepairReminded, row: Row) -> None:
    repairs.open[event.repair].reminded = True


@applies(Repairs, RepairConfirmed)
def _repair_confirmed(repairs: Repairs, event: RepairConfirmed, row: Row) -> None:
    repairs.open.pop(event.repair, None)


# -- what is shown -----------------------------------------------------------------------------------------------


@notices
def _public(facts: Facts) -> Iterator[str]:
    """Customers are told of what keeps a service from them, and of things that they use themselves."""
    for repair in facts.part(Repairs).open.values():
        thing = facts.rules.things.get(repair.thing)
        if thing is None or repair.works_since or not thing.hall:
            continue
        if thing.affects:
            services = facts.say("record.and").join(map(facts.rules.lobby.service_name, thing.affects))
            yield facts.say("record.out_of_order_for", name=thing.name, services=services)
        elif not thing.is_device:
            yield facts.say("record.out_of_order", name=thing.name)


@alarms
def _overdue(facts: Facts) -> Iterator[Alarm]:
    for id, repair in facts.part(Repairs).open.items():
        about = {"repair": id, "name": facts.rules.name_of(repair.thing)}
        if facts.at >= repair.due:
            by = facts.rules.moment(repair.due)
            yield Alarm(f"overdue:{id}", "repair_overdue", about | {"due": by}, repair.due)
        elif repair.works_since:
            yield Alarm(f"confirm:{id}", "repair_to_confirm", about, repair.works_since, "note")


@pictured("repairs")
def _picture(facts: Facts) -> Mapping[str, Any]:
    """The open repairs, the most urgent first, and the things that a fault can be reported of."""
    repairs = facts.part(Repairs)
    found = [
        {
            "id": id,
            "thing": repair.thing,
            "name": facts.rules.name_of(repair.thing),
            "since": repair.since,
            "due": repair.due,
            "overdue": facts.at >= repair.due,
            "works": repair.works_since,
            "called": repair.called_at,
            "by": repair.by,
            "detail": facts.rules.lobby.wording.templates.get(f"device.{repair.detail}", ""),
            "words": repair.words,
        }
        for id, repair in sorted(repairs.open.items(), key=lambda item: item[1].due)
    ]
    things = [
        {"id": id, "name": thing.name, "device": thing.is_device, "open": repairs.of(id)}
        for id, thing in facts.rules.things.items()
    ]
    return {"open": found, "things": things}
