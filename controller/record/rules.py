"""The configuration of the record: the settings of each item, and the things that may break."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from controller.lobby.model.calendar import ALWAYS, at_second
from controller.lobby.model.rules import Rules
from controller.lobby.model.units import NEVER, Ms

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that may break: a device of the configuration, or a thing that the controller cannot see.

    `kind`: the device's driver, or what kind of thing it is; `hours`: in how many working hours it must be repaired, 0:
    as its kind; `affects`: the services that cannot be had meanwhile; `hall`: whether customers are told.
    """

    id: str
    name: str
    kind: str = ""
    hours: float = 0
    affects: tuple[str, ...] = ()
    is_device: bool = False
    hall: bool = True


@dataclass(frozen=True, slots=True)
class RecordRules:
    """The lobby's rules, the things of the branch by id, and the settings of the record's items by type."""

    lobby: Rules
    things: Mapping[str, Thing] = field(default_factory=dict)
    settings: Mapping[type, Any] = field(default_factory=dict)

    def of(self, kind: type[S]) -> S:
        """The settings of an item; as by default, if none are configured."""
        found = self.settings.get(kind)
        return kind() if found is None else found

    def name_of(self, thing: str) -> str:
        """What people call a thing."""
        found = self.things.get(thing)
        return found.name if found else thing

    def clock(self, at: Ms) -> str:
        """A time of day, as people read it."""
        return self.lobby.local(at).strftime("%H:%M")

    def moment(self, at: Ms) -> str:
        """A time of day with its date."""
        return self.lobby.local(at).strftime("%m-%d %H:%M")

    def after_working_hours(self, at: Ms, hours: float) -> Ms:
        """The time so many working hours after `at`: those in which any service gives tickets; every hour counts if no
        service has hours."""
        rules, left = self.lobby, timedelta(hours=hours)
        services = [service.hours for service in rules.services.values() if service.hours]
        if not services:
            return Ms(at + round(hours * 3_600_000))
        day, now = rules.local(at).date(), rules.local(at)
        for ahead in range(_LOOK_AHEAD):
            for opens, closes in _spans(rules, day + timedelta(days=ahead)):
                begins = max(opens, now)
                if closes <= begins:
                    continue
                if closes - begins >= left:
                    return Ms(round((begins + left).timestamp() * 1000))
                left -= closes - begins
        return Ms(at + round(hours * 3_600_000))

    def end_of_work(self, at: Ms) -> Ms:
        """When the last service stops giving tickets on the day of `at`; the end of the business day if none has hours
        then, or it is over."""
        spans = _spans(self.lobby, self.lobby.local(at).date())
        ends = Ms(round(max(closes for _, closes in spans).timestamp() * 1000)) if spans else NEVER
        return ends if ends >= at else self.lobby.end_of_day(at)

    def doors(self, day: date) -> tuple[datetime, datetime] | None:
        """When the branch opens and when it closes on a day, in local time: by the hours of its services, else of that
        kind of day. None: it is closed."""
        rules = self.lobby
        if not rules.opens_on(day):
            return None
        weeks = [service.hours.week for service in rules.services.values() if service.hours not in (None, ALWAYS)]
        weekday = rules.calendar.weekday(day)
        spans = [span for week in weeks for span in week[weekday]] or rules.calendar.profile(day).open
        first, last = min(span.start for span in spans), max(span.end for span in spans)
        return at_second(day, first, rules.zone), at_second(day, last, rules.zone)


_LOOK_AHEAD = 60
"""Days within which the working hours must lie; a branch that is closed for longer has every hour counted."""


def _spans(rules: Rules, day: Any) -> list[tuple[datetime, datetime]]:
    """When any service gives tickets on a day, in local time, without overlaps."""
    zone = rules.zone
    found = sorted(
        (at_second(day, span.start, zone), at_second(day, span.end, zone))
        for service in rules.services.values()
        if service.hours
        for span in rules.calendar.spans(service.hours, day)
    )
    merged: list[tuple[datetime, datetime]] = []
    for opens, closes in found:
        if merged and opens <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], closes)
        else:
            merged.append((opens, closes))
    return merged
