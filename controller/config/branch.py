"""From the configuration's keys to the lobby's rules: in seconds, in one language, with all defaults filled in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import get_args

from controller.config.keys import CLASSES, ClassKeys, Config, EmergencyPlanKeys, ProfileKeys, ServiceKeys
from controller.lobby.model.calendar import ALWAYS, PROFILES, Calendar, Hours, Profile
from controller.lobby.model.emergency import FAILURES, WITHOUT_TICKETS, Plan, Roll
from controller.lobby.model.rules import (
    Appointments,
    Color,
    Counter,
    CounterProfile,
    HallZone,
    Icon,
    PauseReason,
    Planned,
    Rules,
    Service,
    TicketClass,
)
from controller.lobby.model.triage import Choice, Question, Triage
from controller.lobby.model.wording import Wording

ICONS: tuple[Icon, ...] = get_args(Icon)
COLORS: tuple[Color, ...] = get_args(Color)
USUAL_ICONS: Mapping[str, Icon] = {"personal": "person", "corporate": "company", "loans": "loan", "cards": "card"}
"""Pictures of services by what branches usually call them."""


def rules_of(config: Config, wording: Wording, others: Iterable[Wording] = ()) -> Rules:
    """The rules that a checked file gives, with the sentences of the branch's language, and of others."""
    return _rules(config, wording, {other.language: _rules(config, other, {}) for other in others})


def _rules(config: Config, wording: Wording, others: Mapping[str, Rules]) -> Rules:
    """The rules in the language of the sentences."""
    branch, calling, language = config.branch, config.calling, wording.language
    classes = _classes(config.classes)
    profiles = _profiles(config)
    groups = _groups(config)
    rated = {counter for device in config.device for counter in device.rated}
    return Rules(
        branch=branch.id,
        branch_name=branch.name,
        zone=branch.timezone,
        wording=wording,
        services={
            s.id: Service(
                s.id,
                s.name.spoken(language),
                s.prefix,
                s.digits,
                s.key,
                minutes=s.minutes,
                group=groups[s.id],
                hours=_hours(config, s),
                quota=s.quota,
                overflow=s.overflow,
                icon=s.icon or _icon(s.id),
                color=s.color or COLORS[n % len(COLORS)],
            )
            for n, s in enumerate(config.service)
        },
        classes={
            id: TicketClass(id, c.name.spoken(language) if c.name else id, _seconds(c.credit))
            for id, c in classes.items()
        },
        counters={
            c.id: Counter(
                c.id,
                {service: _seconds(minutes) for service, minutes in c.serves.items()},
                {klass: _seconds(minutes) for klass, minutes in c.class_handicap.items()},
                c.id in rated,
            )
            for c in config.counter
        },
        default_service=branch.default_service or config.service[0].id,
        rollover=config.day.rollover,
        pass_limit=calling.pass_limit,
        call_grace=calling.call_grace,
        confirm_finish=calling.confirm_finish,
        undo_within=calling.undo_within,
        recalls=calling.recalls,
        recall_gap=round(calling.recall_gap),
        return_within=_seconds(calling.return_within),
        return_penalty=_seconds(calling.return_penalty),
        returns=calling.returns,
        calendar=Calendar(profiles, *map(_all, (config.calendar.holidays, config.calendar.workdays))),
        triage=_triage(config, language),
        appointments=_appointments(config),
        shares={profile: {s.id: s.share.on(profile) for s in config.service} for profile in profiles},
        class_shares={profile: _percent(classes, profile) for profile in profiles},
        target=_seconds(config.waiting.target),
        counter_profiles={
            p.id: CounterProfile(
                p.id,
                p.name.spoken(language),
                {service: _seconds(minutes) for service, minutes in p.serves.items()},
                p.key,
                tuple(p.counters),
            )
            for p in config.counter_profile
        },
        plan=tuple(
            Planned(each.counter, p.id, each.hours.start, each.hours.end, each.day or "")
            for p in config.counter_profile
            for each in p.plan
        ),
        pauses=_pauses(config, wording),
        clerks={clerk.number: clerk.alias for clerk in config.clerk},
        others=others,
        hall_zones=_zones(config),
        rolls=tuple(
            Roll(roll.prefix, roll.first, roll.to, roll.digits, roll.key, roll.service or "") for roll in config.roll
        ),
        emergency_plans=plans(config.emergency_plan, wording),
    )


def _pauses(config: Config, wording: Wording) -> dict[str, PauseReason]:
    """What the digits of PAUSE mean: as configured, else the usual."""
    usual = {
        key.removeprefix("pause."): PauseReason(name)
        for key, name in wording.templates.items()
        if key.startswith("pause.")
    }
    own = {str(p.key): PauseReason(p.name.spoken(wording.language), _seconds(p.minutes)) for p in config.pause}
    return own or usual


def plans(changed: Iterable[EmergencyPlanKeys], wording: Wording) -> dict[str, Plan]:
    """The plan for each failure: as configured, what is not given as the program says it by itself."""
    own = {keys.failure: keys for keys in changed}
    found: dict[str, Plan] = {}
    for failure in FAILURES:
        keys, key = own.get(failure), f"emergency.{failure}"
        usual = [wording.templates[f"{key}.step_{n}"] for n in range(1, 13) if f"{key}.step_{n}" in wording.templates]
        found[failure] = Plan(
            failure,
            wording.say(f"{key}.name"),
            keys.notice.spoken(wording.language) if keys and keys.notice else wording.say(f"{key}.notice"),
            tuple(step.spoken(wording.language) for step in keys.steps) if keys and keys.steps else tuple(usual),
            failure in WITHOUT_TICKETS if keys is None or keys.roll is None else keys.roll,
        )
    return found


def _zones(config: Config) -> dict[str, HallZone]:
    """The zones; what one does not name of counters or services follows from the others' own work."""
    own = {c.id: [s for s, handicap in c.serves.items() if handicap == 0] for c in config.counter}
    zones = {}
    for zone in config.zone:
        named = zone.counters or [c for c, services in own.items() if set(services) & set(zone.services or ())]
        services = zone.services or [s for c in named for s in own[c]]
        zones[zone.id] = HallZone(
            zone.id,
            zone.name.spoken(config.branch.language),
            tuple(c.id for c in config.counter if c.id in named),
            tuple(s.id for s in config.service if s.id in services),
            tuple(zone.televisions),
        )
    return zones


def _icon(service: str) -> Icon:
    """The picture of a service that names none: the one that is called as it is, else a ticket."""
    usual: Icon = "ticket"
    return USUAL_ICONS.get(service, next((icon for icon in ICONS if icon == service), usual))


def _all(days: Iterable[frozenset[date]]) -> frozenset[date]:
    return frozenset().union(*days)


def _seconds(minutes: float) -> int:
    return round(minutes * 60)


def _hours(config: Config, service: ServiceKeys) -> Hours | None:
    week = service.hours or config.calendar.hours
    if week is None:
        return ALWAYS if config.calendar.holidays else None
    last = config.calendar.last_ticket if service.last_ticket is None else service.last_ticket
    return Hours(week, _seconds(last))


def _profiles(config: Config) -> dict[str, Profile]:
    """The built-in kinds of day, as changed by the file, and the branch's own, which are tried first.

    A profile without hours has the calendar's.
    """
    configured: Mapping[str, ProfileKeys] = config.profile
    profiles: dict[str, Profile] = {}
    for id in [*(id for id in configured if id not in PROFILES), *PROFILES]:
        usual, own = PROFILES.get(id), configured.get(id, ProfileKeys())
        if usual is None:
            assert own.when is not None
            assert own.hours is not None
            assert own.arrivals is not None
            usual = Profile(id, own.when, own.hours, tuple(own.arrivals))
        kind = replace(
            usual,
            when=usual.when if own.when is None else own.when,
            hours=own.hours or usual.hours,
            arrivals=usual.arrivals if own.arrivals is None else tuple(own.arrivals),
            burst=usual.burst if own.burst is None else (own.burst[0], own.burst[1]),
            staff=usual.staff if own.staff is None else own.staff,
        )
        profiles[id] = kind.within(config.calendar.hours) if config.calendar.hours and own.hours is None else kind
    return profiles


def _groups(config: Config) -> dict[str, str]:
    """The group of each service: its own, else the first of the services with which it shares a counter as own work."""
    groups = {s.id: s.group or s.id for s in config.service}
    for _ in config.service:  # as often as a group may have to be propagated
        for counter in config.counter:
            if counter.class_handicap.get("normal"):
                continue
            shared = [s.id for s in config.service if counter.serves.get(s.id) == 0 and not s.group]
            first = next((groups[s.id] for s in config.service if groups[s.id] in {groups[id] for id in shared}), "")
            groups |= dict.fromkeys(shared, first)
    return groups


def _triage(config: Config, language: str) -> Triage:
    return Triage(
        {
            question.id: Question(
                question.id,
                question.text.spoken(language),
                tuple(
                    Choice(
                        answer.id,
                        answer.text.spoken(language),
                        question=answer.question or "",
                        service=answer.service or "",
                        advice=answer.advice.spoken(language) if answer.advice else "",
                        klass=answer.klass or "",
                    )
                    for answer in question.answers
                ),
            )
            for question in config.question
        }
    )


def _appointments(config: Config) -> Appointments:
    keys = config.appointment
    if keys is None:
        return Appointments()
    return Appointments(
        tuple(slot.start for slot in keys.slots), keys.places, _seconds(keys.grace), _seconds(keys.early)
    )


def _classes(configured: Mapping[str, ClassKeys]) -> dict[str, ClassKeys]:
    """The built-in classes, as changed by the file, then the branch's own."""
    classes = dict(CLASSES)
    for id, own in configured.items():
        usual = CLASSES.get(id, ClassKeys())
        classes[id] = usual.model_copy(update={key: getattr(own, key) for key in own.model_fields_set})
    return classes


def _percent(classes: Mapping[str, ClassKeys], profile: str) -> dict[str, float]:
    """The share of each class; the normal class has the remainder, unless it has a share of its own."""
    percent = {id: c.share.on(profile) if c.share else 0.0 for id, c in classes.items()}
    if classes["normal"].share is None:
        percent["normal"] = 100 - sum(percent.values())
    return percent
