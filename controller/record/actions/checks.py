"""Check lists (营业前、营业中、营业后检查): what is looked at before opening, during the day and after closing.

An item that the controller can see is ticked by itself as soon as its devices work, and is open again if one of them
stops working for a while before the list's time is over. A fault that is found becomes a repair. A list that is not
complete when its time is over is an alarm until it is. Every list begins anew with the business day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Literal, NamedTuple, Self

from controller.lobby.actions.event import Event
from controller.lobby.actions.press import WORDS, Field, Where, key
from controller.lobby.actions.registry import Decision, Events
from controller.lobby.actions.report_device import DeviceChanged
from controller.lobby.aggregate import Row
from controller.lobby.model.calendar import DAY, Span, at_second
from controller.lobby.model.outcome import Refused
from controller.lobby.model.units import NEVER, Ms
from controller.record.actions.repairs import Repairs, fault_found
from controller.record.registry import (
    Alarm,
    Line,
    RecordCommand,
    alarms,
    applies,
    decides,
    drafted,
    due,
    outstanding,
    pictured,
)
from controller.record.rules import RecordRules
from controller.record.state import Facts, Part, RecordEvent

CHECKLIST = Field("checklist", "", "a check list's id; empty: the only one that is to be done now", longest=32)
ITEMS = Field(
    "items",
    "",
    "ids of a check list's items, with commas between them; empty: all that are still open and that no device speaks "
    "against",
    longest=400,
)
RESULT = Field(
    "result", "ok", "what was found: ok, fault, or open to take a tick back", longest=5, pattern="^(ok|fault|open)$"
)

EARLY = 60 * 60 * 1000
"""Milliseconds before its time from which a list can be ticked; one for before opening can be all morning."""
LASTS = 60 * 1000
"""Milliseconds for which a device must not work before its tick is taken back: one that starts anew is not broken."""
BY_ITSELF = "controller"

When = Literal["before_opening", "after_closing"] | Span
"""A part of the day in local time, or the time before the branch opens or after it closes."""


@dataclass(frozen=True, slots=True)
class Item:
    """What is looked at. `sees`: devices whose working ticks it, each with its units; `thing`: what a fault of it is a
    fault of."""

    id: str
    name: str
    thing: str
    sees: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Checklist:
    """Items that are looked at in one go; `seconds`: the length of a time that `when` leaves open."""

    id: str
    name: str
    when: When
    items: tuple[Item, ...]
    seconds: int = 3600


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """The check lists, in their order."""

    lists: tuple[Checklist, ...] = ()

    def of(self, id: str) -> Checklist | None:
        """The list with that id; None: there is none."""
        return next((each for each in self.lists if each.id == id), None)


class Time(NamedTuple):
    """When a list is to be done, `ends` excluded; in ms since 1970, UTC."""

    begins: Ms
    ends: Ms


def time_of(rules: RecordRules, checklist: Checklist, day: str) -> Time | None:
    """When a list is to be done on a business day; None: the branch is closed."""
    on = date.fromisoformat(day)
    doors = rules.doors(on)
    if doors is None:
        return None
    match checklist.when:
        case "before_opening":
            end = _ms(doors[0].timestamp())
            return Time(Ms(end - checklist.seconds * 1000), end)
        case "after_closing":
            begin = _ms(doors[1].timestamp())
            return Time(begin, Ms(begin + checklist.seconds * 1000))
        case span:
            # What lies before the hour at which the business day begins is of the night after it.
            night = DAY if timedelta(seconds=span.start) < rules.lobby.rollover else 0
            begin, end = (_ms(at_second(on, night + second, rules.lobby.zone).timestamp()) for second in span)
            return Time(begin, end)


def _first(checklist: Checklist, time: Time) -> Ms:
    """From when on a list can be ticked."""
    return NEVER if checklist.when == "before_opening" else Ms(time.begins - EARLY)


def _ms(seconds: float) -> Ms:
    return Ms(round(seconds * 1000))


# -- what is remembered ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tick:
    """What was found at an item: "ok" or "fault", by whom and when (ms since 1970, UTC); `words`: the cause of the row
    with what was written about it, empty: nothing."""

    result: str
    by: str
    at: Ms
    words: str = ""


@dataclass(slots=True)
class Checks(Part):
    """The day's ticks by list and item, when lists were done, and the devices that have said that they work."""

    NAME = "checks"

    ticks: dict[str, dict[str, Tick]] = field(default_factory=dict)
    done: dict[str, Ms] = field(default_factory=dict)
    works: set[str] = field(default_factory=set)

    def carried(self) -> Mapping[str, Any]:
        return {"works": sorted(self.works)} if self.works else {}

    @classmethod
    def resumed(cls, carried: Mapping[str, Any]) -> Self:
        return cls(works=set(carried.get("works", ())))


# -- what is done ------------------------------------------------------------------------------------------------


@key("CHECK", Where.RECORD, CHECKLIST, ITEMS, RESULT, WORDS)
@dataclass(frozen=True, slots=True, kw_only=True)
class Check(RecordCommand):
    """Tick items of a check list: in order, or with a fault, which becomes a repair; or take ticks back."""

    checklist: str = ""
    items: str = ""
    result: str = "ok"
    words: str = ""


@dataclass(frozen=True, slots=True)
class ItemsChecked(RecordEvent):
    """Items of a check list were looked at; `result` is "ok" or "fault", `by` "controller" where their devices work.
    `worded`: a person has written about it, which stands in the table of remarks."""

    checklist: str
    items: tuple[str, ...] | list[str]
    result: str
    by: str
    worded: bool | None = None

    def named(self, rules: RecordRules) -> Mapping[str, object]:
        word = rules.lobby.wording.templates.get(f"record.check_{self.result}", self.result)
        return {**_names(rules, self.checklist, self.items), "result": word}


@dataclass(frozen=True, slots=True)
class ItemsUnchecked(RecordEvent):
    """Ticks were taken back, `by` "controller" where a device of theirs has stopped working."""

    checklist: str
    items: tuple[str, ...] | list[str]
    by: str

    def named(self, rules: RecordRules) -> Mapping[str, object]:
        return _names(rules, self.checklist, self.items)


@dataclass(frozen=True, slots=True)
class ChecklistDone(RecordEvent):
    """Every item of a check list has been looked at; `late`: after its time."""

    checklist: str
    late: bool

    def named(self, rules: RecordRules) -> Mapping[str, object]:
        return _names(rules, self.checklist, ())


def _names(rules: RecordRules, id: str, items: Iterable[str]) -> Mapping[str, str]:
    """What a list and its items are called today; by their ids, if there are none any more."""
    checklist = rules.of(CheckSettings).of(id)
    called = {item.id: item.name for item in checklist.items} if checklist else {}
    names = rules.lobby.wording.say("record.and").join(called.get(item, item) for item in items)
    return {"name": checklist.name if checklist else id, "names": names}


@decides(Check)
def _check(facts: Facts, command: Check) -> Decision:
    checklist = _meant(facts, command.checklist)
    time = time_of(facts.rules, checklist, facts.lobby.day)
    if time is None:
        raise Refused("no_checklist_today", name=checklist.name)
    if command.at < (first := _first(checklist, time)):
        begins = facts.rules.clock(first)
        raise Refused("checklist_early", name=checklist.name, begins=begins)
    ticks = facts.part(Checks).ticks.get(checklist.id, {})
    worded = bool(command.words.strip())
    items = _chosen(facts, checklist, command, ticks, worded)
    ids = [item.id for item in items]
    if command.result == "open":
        return [ItemsUnchecked(checklist.id, ids, command.by)]
    events: Events = [ItemsChecked(checklist.id, ids, command.result, command.by, worded or None)]
    if command.result == "fault":
        events += fault_found(facts, [_broken(facts, item) for item in items], command.by, worded)
    return [*events, *_done(facts, checklist, time, {*ticks, *ids})]


def _meant(facts: Facts, id: str) -> Checklist:
    """The list with that id; empty: the only one whose time has come and that is not complete."""
    lists = facts.of(CheckSettings).lists
    if id:
        found = facts.of(CheckSettings).of(id)
        if found is None:
            raise Refused("unknown_checklist", checklists=" ".join(each.id for each in lists) or "-")
        return found
    now = [each for each, time in _of_today(facts) if time.begins <= facts.at and _open(facts, each)]
    if len(now) != 1:
        raise Refused("which_checklist", checklists=" ".join(each.id for each in now) or "-")
    return now[0]


def _chosen(facts: Facts, checklist: Checklist, command: Check, ticks: Mapping[str, Tick], worded: bool) -> list[Item]:
    """The items that a press changes. Refused if there is none; of several, those that are as they should be already
    are left as they are."""
    ids = list(dict.fromkeys(id.strip() for id in command.items.split(",") if id.strip()))
    known = {item.id: item for item in checklist.items}
    if unknown := [id for id in ids if id not in known]:
        raise Refused("unknown_item", name=checklist.name, item=unknown[0], items=" ".join(known))
    if not ids:
        if command.result != "ok":
            raise Refused("which_item", name=checklist.name, items=" ".join(known))
        ids = [item.id for item in _open(facts, checklist) if not trouble_of(facts, item)]
        if not ids:
            left = facts.say("record.and").join(item.name for item in _open(facts, checklist))
            raise Refused("nothing_to_check", name=checklist.name, left=left or "-")
    items = [known[id] for id in ids]
    if command.result == "open":
        found = [item for item in items if item.id in ticks]
        if not found:
            raise Refused("not_checked", name=items[0].name)
        return found
    if command.result == "ok":
        for item in items:
            if trouble := trouble_of(facts, item):
                raise Refused("item_in_trouble", name=item.name, trouble=trouble)
    found = [item for item in items if (t := ticks.get(item.id)) is None or t.result != command.result or worded]
    if not found:
        tick = ticks[items[0].id]
        at = facts.rules.clock(tick.at)
        raise Refused("checked_already", name=items[0].name, by=_person(facts, tick.by), at=at)
    return found


def _person(facts: Facts, by: str) -> str:
    return facts.say("record.by_itself") if by == BY_ITSELF else by.removeprefix("user/")


def _done(facts: Facts, checklist: Checklist, time: Time, ticked: set[str]) -> Events:
    """What follows once these items are ticked."""
    if checklist.id in facts.part(Checks).done or any(item.id not in ticked for item in checklist.items):
        return []
    return [ChecklistDone(checklist.id, facts.at >= time.ends)]


# -- what devices tell -------------------------------------------------------------------------------------------


def _devices(facts: Facts, item: Item) -> list[str]:
    """The devices that an item sees, and their units."""
    seen = facts.rules.things.values()
    return [thing.id for thing in seen if thing.is_device and {thing.id, thing.id.partition(".")[0]} & {*item.sees}]


def _failing(facts: Facts, item: Item) -> str:
    """The first device of an item that does not work; empty: there is none."""
    failing = facts.part(Repairs).failing
    return next((id for id in _devices(facts, item) if id in failing), "")


def trouble_of(facts: Facts, item: Item) -> str:
    """What device of an item does not work, and how; empty: none is known not to."""
    device = _failing(facts, item)
    if not device:
        return ""
    _, detail = facts.part(Repairs).failing[device]
    told = facts.rules.lobby.wording.templates.get(f"device.{detail}", "")
    return facts.say("record.trouble", name=facts.rules.name_of(device), detail=told or detail)


def _broken(facts: Facts, item: Item) -> str:
    """What a fault of an item is a fault of: the device that does not work, else what is configured."""
    return _failing(facts, item) or item.thing


def _is_seen_to_work(facts: Facts, item: Item) -> bool:
    works, devices = facts.part(Checks).works, _devices(facts, item)
    return bool(devices) and works.issuperset(devices)


# -- what happens by time ----------------------------------------------------------------------------------------


def _of_today(facts: Facts) -> Iterator[tuple[Checklist, Time]]:
    """The lists of the business day that is open, and when each is to be done."""
    if not facts.lobby.day:
        return
    for checklist in facts.of(CheckSettings).lists:
        if time := time_of(facts.rules, checklist, facts.lobby.day):
            yield checklist, time


def _open(facts: Facts, checklist: Checklist) -> list[Item]:
    """The items that nobody has looked at."""
    ticks = facts.part(Checks).ticks.get(checklist.id, {})
    return [item for item in checklist.items if item.id not in ticks]


@due
def _by_itself(facts: Facts) -> Iterator[Event]:
    """What the controller sees is ticked once a list's time has come, and no longer is if it fails within that time."""
    if facts.rules.lobby.day_of(facts.at) != facts.lobby.day:
        return  # the day is about to change, or the clock is in doubt
    failing = facts.part(Repairs).failing
    for checklist, time in _of_today(facts):
        if facts.at < time.begins:
            continue
        ticks = facts.part(Checks).ticks.get(checklist.id, {})
        seen = [item.id for item in _open(facts, checklist) if _is_seen_to_work(facts, item)]
        if seen:
            yield ItemsChecked(checklist.id, seen, "ok", BY_ITSELF)
        lost: set[str] = set()
        for item in checklist.items if facts.at < time.ends else ():
            tick, device = ticks.get(item.id), _failing(facts, item)
            if tick and tick.by == BY_ITSELF and device and facts.at - failing[device][0] >= LASTS:
                lost.add(item.id)
        if lost:
            yield ItemsUnchecked(checklist.id, sorted(lost), BY_ITSELF)
        yield from _done(facts, checklist, time, {*ticks, *seen} - lost)


@alarms
def _late(facts: Facts) -> Iterator[Alarm]:
    """A list that is to be done is a note; one that is not complete after its time is an alarm."""
    if facts.rules.lobby.day_of(facts.at) != facts.lobby.day:
        return
    for checklist, time in _of_today(facts):
        left = len(_open(facts, checklist))
        if not left or facts.at < time.begins:
            continue
        by = facts.rules.clock(time.ends)
        about = {"name": checklist.name, "left": left, "by": by}
        if facts.at >= time.ends:
            yield Alarm(f"checklist:{checklist.id}", "checklist_late", about, time.ends, "warning")
        else:
            yield Alarm(f"checklist:{checklist.id}", "checklist_open", about, time.begins, "note")


# -- what it changes ---------------------------------------------------------------------------------------------


@applies(Checks, ItemsChecked)
def _items_checked(checks: Checks, event: ItemsChecked, row: Row) -> None:
    words = row.cause if event.worded else ""
    ticks = checks.ticks.setdefault(event.checklist, {})
    ticks.update({id: Tick(event.result, event.by, row.at, words) for id in event.items})


@applies(Checks, ItemsUnchecked)
def _items_unchecked(checks: Checks, event: ItemsUnchecked, row: Row) -> None:
    for id in event.items:
        checks.ticks.get(event.checklist, {}).pop(id, None)
    checks.done.pop(event.checklist, None)


@applies(Checks, ChecklistDone)
def _checklist_done(checks: Checks, event: ChecklistDone, row: Row) -> None:
    checks.done[event.checklist] = row.at


@applies(Checks, DeviceChanged)
def _device_changed(checks: Checks, event: DeviceChanged, row: Row) -> None:
    if event.state == "ok":
        checks.works.add(event.device)
    else:
        checks.works.discard(event.device)


# -- what is shown -----------------------------------------------------------------------------------------------


@outstanding
def _incomplete(facts: Facts) -> Iterator[str]:
    for checklist, time in _of_today(facts):
        if facts.at >= time.begins and (left := len(_open(facts, checklist))):
            yield facts.say("log.checklist_left", name=checklist.name, left=left)


@drafted
def _lines(facts: Facts) -> Iterator[Line]:
    done = facts.part(Checks).done
    for checklist, time in _of_today(facts):
        at = done.get(checklist.id)
        if at is not None:
            key = "log.checklist_late" if at >= time.ends else "log.checklist_done"
            yield Line("checks", facts.say(key, name=checklist.name, time=facts.rules.clock(at)), at)
        elif facts.at >= time.ends:
            left = len(_open(facts, checklist))
            yield Line("checks", facts.say("log.checklist_left", name=checklist.name, left=left), time.ends)


@pictured("checks")
def _picture(facts: Facts) -> Mapping[str, Any]:
    """The lists of today in the order of their times; none on a day on which the branch is closed."""
    today = sorted(_of_today(facts), key=lambda each: each[1].begins)
    configured = bool(facts.of(CheckSettings).lists)
    return {"configured": configured, "lists": [_shown(facts, *each) for each in today]}


def _shown(facts: Facts, checklist: Checklist, time: Time) -> Mapping[str, Any]:
    checks, left = facts.part(Checks), len(_open(facts, checklist))
    ticks = checks.ticks.get(checklist.id, {})
    if not left:
        state = "done"
    elif facts.at >= time.ends:
        state = "late"
    elif facts.at >= _first(checklist, time):
        state = "open"
    else:
        state = "later"
    return {
        "id": checklist.id,
        "name": checklist.name,
        "begins": time.begins,
        "ends": time.ends,
        "state": state,
        "left": left,
        "done": checks.done.get(checklist.id, 0),
        "items": [_shown_item(facts, item, ticks.get(item.id)) for item in checklist.items],
    }


def _shown_item(facts: Facts, item: Item, tick: Tick | None) -> Mapping[str, Any]:
    return {
        "id": item.id,
        "name": item.name,
        "result": tick.result if tick else "",
        "by": _person(facts, tick.by) if tick else "",
        "at": tick.at if tick else 0,
        "words": tick.words if tick else "",
        "trouble": trouble_of(facts, item),
        "repair": facts.part(Repairs).of(_broken(facts, item)),
    }
