"""Alarms: what cannot wait, told at the console with a sound, on the topic `alarms`, in the log, and in the journal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from controller.lobby.actions.event import Event
from controller.lobby.aggregate import Row
from controller.lobby.model.state import CounterStage, Stage
from controller.lobby.model.units import NEVER, Ms
from controller.lobby.show import views
from controller.lobby.show.faults import Fault
from controller.record.registry import Alarm, alarms, all_alarms, applies, due, notices, pictured
from controller.record.state import Facts, Part, RecordEvent

AGAIN = 10 * 60 * 1000
"""Milliseconds after an alarm has ended within which the same is not raised again: what goes back and forth is one."""


@dataclass(frozen=True, slots=True)
class AlarmSettings:
    """`wait`: seconds that nobody may wait longer; `paused`: seconds that a counter may pause while customers wait whom
    it serves; `disk`: the share of the journal's disk that must be free; `hall`: whether customers are told as well;
    `clock`: whether one that no time server sets is told of."""

    wait: int = 30 * 60
    paused: int = 15 * 60
    disk: float = 0.05
    hall: bool = False
    clock: bool = True


class Standing(NamedTuple):
    """An alarm that stands, as its row has it; `since` in ms since 1970, UTC."""

    since: Ms
    kind: str
    about: Mapping[str, Any]


@dataclass(slots=True)
class Alarms(Part):
    """The alarms that stand, by id; and when others have ended."""

    NAME = "alarms"

    standing: dict[str, Standing] = field(default_factory=dict)
    ended: dict[str, Ms] = field(default_factory=dict)

    def carried(self) -> Mapping[str, Any]:
        return {"standing": {id: list(each) for id, each in self.standing.items()}} if self.standing else {}

    @classmethod
    def resumed(cls, carried: Mapping[str, Any]) -> Self:
        return cls({id: Standing(*each) for id, each in carried.get("standing", {}).items()})


@dataclass(frozen=True, slots=True)
class AlarmRaised(RecordEvent):
    """Something cannot wait. `about`: what its sentence `alarm.<kind>` names, such as a service or a repair."""

    alarm: str
    kind: str
    about: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AlarmEnded(RecordEvent):
    """It is over; `since`: when it was raised, in ms since 1970, UTC."""

    alarm: str
    since: Ms


@due
def _changed(facts: Facts) -> Iterator[Event]:
    """Alarms that begin and end. Notes are no alarms."""
    part = facts.part(Alarms)
    now = {alarm.id: alarm for alarm in all_alarms(facts) if alarm.severity != "note"}
    for id, alarm in now.items():
        if id not in part.standing and not 0 <= facts.at - part.ended.get(id, NEVER) < AGAIN:
            yield AlarmRaised(id, alarm.kind, alarm.about)
    for id, each in part.standing.items():
        if id not in now:
            yield AlarmEnded(id, each.since)


@applies(Alarms, AlarmRaised)
def _raised(part: Alarms, event: AlarmRaised, row: Row) -> None:
    part.standing[event.alarm] = Standing(row.at, event.kind, event.about)


@applies(Alarms, AlarmEnded)
def _ended(part: Alarms, event: AlarmEnded, row: Row) -> None:
    part.standing.pop(event.alarm, None)
    part.ended[event.alarm] = row.at


# -- what cannot wait in the lobby and on the machine -----------------------------------------------------------


@alarms
def _of_the_lobby(facts: Facts) -> Iterator[Alarm]:
    lobby, rules, settings = facts.lobby, facts.rules.lobby, facts.of(AlarmSettings)
    longest: dict[str, Ms] = {}
    for ticket in lobby.tickets.values():
        if ticket.stage is Stage.WAITING:
            longest[ticket.service] = min(longest.get(ticket.service, ticket.waits_from), ticket.waits_from)
    for service, came in longest.items():
        if facts.at - came > settings.wait * 1000:
            about = {"service": rules.service_name(service), "minutes": settings.wait // 60}
            yield Alarm(f"wait:{service}", "wait", about, Ms(came + settings.wait * 1000))
    for service in views.without_counter(lobby, rules):
        yield Alarm(f"no_counter:{service}", "no_counter", {"service": service})
    for id, counter in rules.counters.items():
        here = lobby.counter(id)
        since = Ms(here.since + settings.paused * 1000)
        is_long = here.stage is CounterStage.PAUSED and facts.at > since
        if is_long and (waiting := views.waiting_for(lobby, counter)):
            yield Alarm(f"paused:{id}", "paused", {"counter": id, "waiting": waiting}, since)


@alarms
def _of_the_machine(facts: Facts) -> Iterator[Alarm]:
    if facts.machine.get("disk", 1) < facts.of(AlarmSettings).disk:
        yield Alarm("disk", "disk", {"percent": round(100 * facts.machine["disk"])}, severity="urgent")
    if facts.machine.get("clock") is False and facts.of(AlarmSettings).clock:
        yield Alarm("clock", "clock", severity="warning")


# -- how they are shown ------------------------------------------------------------------------------------------


def as_faults(facts: Facts) -> Iterator[Fault]:
    """The alarms as the console lists what the lobby manager should know or do."""
    standing = facts.part(Alarms).standing
    for alarm in all_alarms(facts):
        if alarm.kind == "no_counter":
            continue  # the console lists it already
        text = facts.say(f"alarm.{alarm.kind}", **alarm.about)
        remedy = facts.rules.lobby.wording.templates.get(f"alarm.{alarm.kind}_remedy", "")
        since = alarm.since or (standing[alarm.id].since if alarm.id in standing else NEVER)
        yield Fault(f"alarm:{alarm.id}", alarm.severity, text, remedy=remedy, since=since)


@notices
def _in_the_hall(facts: Facts) -> Iterator[str]:
    if facts.of(AlarmSettings).hall:
        for each in facts.part(Alarms).standing.values():
            if f"alarm.{each.kind}_hall" in facts.rules.lobby.wording.templates:
                yield said(facts, each.kind, each.about, "_hall")


@pictured("alarms")
def shown(facts: Facts) -> list[Mapping[str, Any]]:
    """Those that stand, as they were raised: nothing is looked for, since this is told with every press."""
    standing = facts.part(Alarms).standing
    return [
        {"id": id, "since": each.since, "text": said(facts, each.kind, each.about)} for id, each in standing.items()
    ]


def said(facts: Facts, kind: str, about: Mapping[str, Any], more: str = "") -> str:
    """An alarm's sentence, as it was raised; that of another version of the program may not name all that is said."""
    try:
        return facts.say(f"alarm.{kind}{more}", **about)
    except KeyError:
        return kind
