"""Checks across the configuration's keys: ids that are used but not defined, and conflicts.

The checks read the file's own tables, not the finished settings, so that their errors are reported together with those
of single keys and not after them. The tables hold parsed values: spans, dates, links, paths. None stands for a wrong
value, about which nothing more is reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import combinations
from os.path import normpath
from typing import Any

from controller.config.errors import Fault, Table
from controller.config.keys import CLASSES, Broker, ClassKeys, JournalKeys
from controller.config.lines import Place
from controller.config.values import Share
from controller.devices.kit import File, kinds
from controller.devices.settings import nearest
from controller.lobby.actions.event import kinds as kinds_of_rows
from controller.lobby.model.calendar import (
    EVERY_OTHER_DAY,
    PROFILES,
    WEEKDAYS,
    Span,
    Week,
    hours_of,
)
from controller.lobby.model.triage import loops
from drivers.link import InputLink, Link, TcpLink


def cross_checks(config: Table) -> Iterator[Fault]:
    """The faults of a file in which every value that is not None passed the checks of its own key."""
    services, counters, devices = (_tables(config, kind) for kind in ("service", "counter", "device"))
    things, others = _tables(config, "thing"), _tables(config, "webhook")
    yield from _same_ids(services, counters, devices, _tables(config, "zone"), things, others)
    yield from _kinds_of_rows(config)
    yield from _services(config, services, counters)
    yield from _counters(config, services, counters)
    yield from _counter_profiles(config, services, counters)
    yield from _duty(config)
    yield from _shares(config, services)
    yield from _hours(config, services)
    yield from _profiles(config, services, counters)
    yield from _triage(config, services)
    yield from _devices(config, services, counters, devices)
    yield from _mqtt(config)
    yield from _web(config)
    yield from _zones(config, services, counters)
    yield from _things(config, things, services, devices)
    yield from _rolls(config, services)
    yield from _checklists(config, devices)


def _tables(config: Table, kind: str) -> dict[Place, Table]:
    return {(kind, index): table for index, table in enumerate(config.get(kind) or [])}


def _ids(config: Table, kind: str, tables: Mapping[Place, Table]) -> list[str] | None:
    """The ids of the tables; None if one of them is not known."""
    ids = [table.get("id") for table in tables.values()]
    return None if None in ids or config.get(kind, []) is None else [str(id) for id in ids]


def _unknown(places: Iterable[tuple[Place, str | None]], kind: str, known: list[str] | None) -> Iterator[Fault]:
    for place, id in places:
        if known is not None and id is not None and id not in known:
            yield place, f'there is no {kind} "{id}"; {nearest(id, known)}'


def _kinds_of_rows(config: Table) -> Iterator[Fault]:
    known = sorted(kinds_of_rows())
    of_texts = [(("privacy", "kinds", kind), kind) for kind in (config.get("privacy") or {}).get("kinds") or ()]
    sent = [
        ((*place, "kinds", n), kind)
        for place, webhook in _tables(config, "webhook").items()
        for n, kind in enumerate(webhook.get("kinds") or ())
    ]
    yield from _unknown([*of_texts, *sent], "kind of row", known)


def _same_ids(*kinds: Mapping[Place, Table]) -> Iterator[Fault]:
    for tables in kinds:
        for (_, one), (place, other) in _pairs(tables, "id"):
            if one["id"] == other["id"]:
                yield (*place, "id"), f'another {place[0]} has the id "{one["id"]}" already; give each its own'
            elif place[0] == "counter" and one["id"].zfill(2) == other["id"].zfill(2):
                yield (*place, "id"), f'on keypads it is the same as counter "{one["id"]}"; give each its own number'


def _pairs(tables: Mapping[Place, Table], key: str) -> Iterator[tuple[tuple[Place, Table], tuple[Place, Table]]]:
    """Every two tables that both have a value for `key`, in the order of the file."""
    return combinations([(place, table) for place, table in tables.items() if table.get(key) is not None], 2)


def _services(config: Table, services: Mapping[Place, Table], counters: Mapping[Place, Table]) -> Iterator[Fault]:
    for (_, one), (place, other) in _pairs(services, "key"):
        if one["key"] == other["key"]:
            yield (
                (*place, "key"),
                f'{one["key"]} is the key of service "{one.get("id")}" already; give each its own',
            )
    for (_, one), (place, other) in _pairs(services, "prefix"):
        long = max(one["prefix"], other["prefix"], key=len)
        if _same_series(one["prefix"], other["prefix"]):
            both = f'services "{one.get("id")}" and "{other.get("id")}"'
            yield (*place, "prefix"), f"{both} would both have a ticket {long}001; give each its own letter"
    if config.get("counter"):
        for place, service in services.items():
            id = service.get("id")
            if id is not None and all(_handicap(counter, id) for counter in counters.values()):
                yield (
                    place,
                    (
                        "no counter serves it as its own work (a total handicap of 0 for the normal class); "
                        f"give one counter serves = {{ {id} = 0 }}"
                    ),
                )
    default = [(("branch", "default_service"), (config.get("branch") or {}).get("default_service"))]
    yield from _unknown(default, "service", _ids(config, "service", services))


def _handicap(counter: Table, service: str) -> float:
    """A counter's total handicap for the normal class in minutes; 0 if it could be that."""
    serves, by_class = counter.get("serves"), counter.get("class_handicap", {})
    if serves is None:
        return 0
    own = serves.get(service, float("inf"))
    extra = 0 if by_class is None else by_class.get("normal", 0)
    return 0 if own is None or extra is None else float(own + extra)


def _counters(config: Table, services: Mapping[Place, Table], counters: Mapping[Place, Table]) -> Iterator[Fault]:
    known = {"serves": _ids(config, "service", services), "class_handicap": _classes(config)}
    for key, kind in (("serves", "service"), ("class_handicap", "class")):
        named = [((*place, key, id), id) for place, counter in counters.items() for id in counter.get(key) or ()]
        yield from _unknown(named, kind, known[key])


def _counter_profiles(
    config: Table, services: Mapping[Place, Table], counters: Mapping[Place, Table]
) -> Iterator[Fault]:
    profiles = _tables(config, "counter_profile")
    known = _ids(config, "counter", counters)
    for key in ("id", "key"):
        for (_, one), (place, other) in _pairs(profiles, key):
            if one[key] == other[key]:
                yield (*place, key), f'another profile has the {key} "{one[key]}" already; give each its own'
    for place, profile in profiles.items():
        served = [((*place, "serves", id), id) for id in profile.get("serves") or ()]
        yield from _unknown(served, "service", _ids(config, "service", services))
        may = profile.get("counters") or ()
        yield from _unknown([((*place, "counters", n), id) for n, id in enumerate(may)], "counter", known)
        for n, plan in enumerate(profile.get("plan") or ()):
            at, counter = (*place, "plan", n), plan.get("counter")
            yield from _unknown([((*at, "counter"), counter)], "counter", known)
            if may and counter and counter not in may:
                yield (*at, "counter"), f'the profile is not for counter "{counter}"; add it to counters'
            days = [*PROFILES, *((config.get("profile") or {}).keys() - PROFILES.keys())]
            if config.get("profile", {}) is not None:
                yield from _unknown([((*at, "day"), plan.get("day"))], "kind of day", days)


def _duty(config: Table) -> Iterator[Fault]:
    for kind, key, told in (
        ("pause", "key", 'another reason has the key "{}" already'),
        ("clerk", "number", "another clerk has this number already"),  # what is said here may be logged
        ("clerk", "alias", 'another clerk has the alias "{}" already'),
    ):
        for (_, one), (place, other) in _pairs(_tables(config, kind), key):
            if one[key] == other[key]:
                yield (*place, key), f"{told.format(one[key])}; give each its own"


def _checklists(config: Table, devices: Mapping[Place, Table]) -> Iterator[Fault]:
    lists = _tables(config, "checklist")
    yield from _same_ids(lists)
    known = _ids(config, "device", devices)
    things = _ids(config, "thing", _tables(config, "thing"))
    may_break = None if known is None or things is None else [*things, *known]
    for place, checklist in lists.items():
        items = {(*place, "items", n): item for n, item in enumerate(checklist.get("items") or ())}
        for (_, one), (at, other) in _pairs(items, "id"):
            if one["id"] == other["id"]:
                yield (*at, "id"), f'another item of the list has the id "{one["id"]}" already; give each its own'
        for at, item in items.items():
            yield from _unknown([((*at, "thing"), _whole(item.get("thing")))], "device or thing", may_break)
            seen = [((*at, "sees", n), _whole(id)) for n, id in _texts(item, "sees")]
            yield from _unknown(seen, "device", known)


def _whole(id: str | None) -> str | None:
    """The device that a unit is part of, such as "windows" of "windows.3"."""
    return id and id.partition(".")[0]


def _classes(config: Table) -> list[str] | None:
    own = config.get("class", {})
    return None if own is None else [*CLASSES, *(own.keys() - CLASSES.keys())]


def _shares(config: Table, services: Mapping[Place, Table]) -> Iterator[Fault]:
    own = config.get("class") or {}
    classes = {id: ClassKeys() for id in own} | dict(CLASSES)
    profiles = list(dict.fromkeys([*Share.model_fields, *(config.get("profile") or ())]))
    if config.get("profile", {}) is not None:
        shares = [((*place, "share"), service.get("share")) for place, service in services.items()]
        shares += [(("class", id, "share"), (klass or {}).get("share")) for id, klass in own.items()]
        for place, share in shares:
            for id in share if isinstance(share, dict) else ():
                if id not in profiles:
                    yield (*place, id), f"unknown key; {nearest(id, profiles)}"
    for profile in profiles:
        of_services = [_share(service.get("share", 1), profile) for service in services.values()]
        if services and not any(share is None or share > 0 for share in of_services):
            yield ("service", 0, "share"), f'no service has a share of the arrivals on "{profile}" days; give one'
        of_classes = [_share((own.get(id) or {}).get("share", usual.share), profile) for id, usual in classes.items()]
        if sum(share or 0 for share in of_classes) > 100:
            yield ("class",), f'the shares of the classes are more than 100 percent on "{profile}" days; lower them'


def _hours(config: Table, services: Mapping[Place, Table]) -> Iterator[Fault]:
    calendar = _calendar(config)
    tables = {("calendar",): calendar, **services}
    for place, table in tables.items():
        if table.get("hours") and not any(table["hours"]):
            yield (*place, "hours"), "it is closed on every day, so that nobody gets a ticket; name the hours of one"
    for place, service in services.items():
        at, last = (*place, "last_ticket"), service.get("last_ticket", 0)
        if "last_ticket" not in service:
            at, last = ("calendar", "last_ticket"), calendar.get("last_ticket", 0)
        whose = f' of service "{service.get("id")}"' if "hours" in service else ""
        for weekday, spans in zip(WEEKDAYS, _week(config, service) or ((),) * 7, strict=True):
            if spans and last is not None and spans[-1].end - last * 60 <= spans[0].start:
                hours = f"{' '.join(map(str, spans))} on {weekday}"
                yield at, f"{last:g} minutes leave no time for tickets in the hours{whose} {hours}; give fewer"
                break
    holidays: set[date] = set().union(*(calendar.get("holidays") or ()))
    for n, days in enumerate(calendar.get("workdays") or ()):
        if both := sorted(holidays & days):
            yield ("calendar", "workdays", n), f"{both[0]} is one of the holidays as well; name it in one of the two"
    given = _given(config, services)
    slots: Mapping[Span, Place] = (config.get("appointment") or {}).get("slots") or {}
    for slot, entry in slots.items():
        if given and not _meet([slot], given):
            yield (
                ("appointment", "slots", *entry),
                f"{slot} is outside the hours of every service; move it, or leave it out",
            )


def _calendar(config: Table) -> Table:
    calendar: Table = config.get("calendar") or {}
    return calendar


def _week(config: Table, service: Table) -> Week | None:
    """When a service's tickets are given; None: at any time, or not known."""
    hours: Week | None = service["hours"] if "hours" in service else _calendar(config).get("hours")
    return hours


def _given(config: Table, services: Mapping[Place, Table]) -> list[Span] | None:
    """When tickets of any service are given, over all weekdays; None: at any time, or not known."""
    weeks = [_week(config, service) for service in services.values()]
    known = [week for week in weeks if week]
    return [span for week in known for spans in week for span in spans] if len(known) == len(weeks) else None


def _meet(some: Iterable[Span], others: Iterable[Span]) -> bool:
    """Whether two sets of spans overlap."""
    others = list(others)
    return any(one.start < other.end and other.start < one.end for one in some for other in others)


def _profiles(config: Table, services: Mapping[Place, Table], counters: Mapping[Place, Table]) -> Iterator[Fault]:
    known = _ids(config, "counter", counters)
    given = _given(config, services)
    for id, own in (config.get("profile") or {}).items():
        if own is None:
            continue
        usual = PROFILES.get(id)
        if id == EVERY_OTHER_DAY and "when" in own:
            yield ("profile", id, "when"), "it is every day that is of no other kind; leave out when"
        for key, takes in (("when", 'such as ["13-16", "end"]'), ("hours", 'such as "09:00-17:00"')):
            if usual is None and key not in own:
                yield ("profile", id, key), f"is missing; a profile of your own needs it, {takes}"
        if "arrivals" in own and "hours" not in own and (config.get("calendar") or {}).get("hours"):
            yield ("profile", id, "hours"), "is missing; say for which hours the arrivals are"
            continue
        hours = own.get("hours") or (usual.hours if usual and "hours" not in own else None)
        arrivals = own.get("arrivals", usual.arrivals if usual else None)
        if "arrivals" not in own and usual is None:
            yield ("profile", id, "arrivals"), "is missing; a profile of your own needs it, customers for each hour"
        elif hours and arrivals is not None and not hours_of(arrivals, hours):
            count = -(-(hours.end - hours.start) // 3600)
            key = "arrivals" if "arrivals" in own else "hours"
            yield ("profile", id, key), f"{len(arrivals)} figures for {count} hours ({hours}); give one for each hour"
        burst = own.get("burst")
        if burst and burst[0] > burst[1]:
            yield ("profile", id, "burst"), f"{burst} does not fit; it takes the least before the most"
        named = [(("profile", id, "staff", counter), counter) for counter in own.get("staff") or ()]
        yield from _unknown(named, "counter", known)
        if own.get("hours") and given and not _meet([own["hours"]], given):
            yield ("profile", id, "hours"), f"in {own['hours']} no service gives tickets; let them meet its hours"
        yield from _staff(config, id, own, known)


def _staff(config: Table, id: str, own: Table, counters: list[str] | None) -> Iterator[Fault]:
    """What is wrong with the times of a profile's counters."""
    staff: Mapping[str, tuple[Span, ...] | None] = own.get("staff") or {}
    shifts = {counter: spans for counter, spans in staff.items() if spans is not None}
    if counters and all(shifts.get(counter) == () for counter in counters):
        yield ("profile", id, "staff"), "it closes every counter all day; leave one open"
    usual = PROFILES.get(id)
    hours = [span for spans in _week(config, {}) or () for span in spans] or ([usual.hours] if usual else [])
    if "hours" in own:
        hours = [own["hours"]] if own["hours"] else []
    if not hours or _calendar(config).get("hours", "") is None:
        return  # wrong themselves
    for counter, spans in shifts.items():
        for span in spans:
            if not _meet([span], hours):
                text = f"{span} is outside the profile's hours, {_between(hours)}; move it, or give other hours"
                yield ("profile", id, "staff", counter), text


def _between(spans: list[Span]) -> Span:
    """The span from the first start to the last end."""
    return Span(min(span.start for span in spans), max(span.end for span in spans))


def _triage(config: Table, services: Mapping[Place, Table]) -> Iterator[Fault]:
    questions = _tables(config, "question")
    answers: dict[Place, Table] = {
        (*place, "answers", n): answer
        for place, question in questions.items()
        for n, answer in enumerate(question.get("answers") or [])
    }
    for kind, tables in (("question", questions), ("answer", answers)):
        for (_, one), (place, other) in _pairs(tables, "id"):
            if one["id"] == other["id"]:
                yield (*place, "id"), f'another {kind} has the id "{one["id"]}" already; give each its own'
    for place, answer in answers.items():
        if ("question" in answer) == ("service" in answer):
            yield place, "it leads to a service or to a question; give one of them"
        elif "advice" in answer and "service" not in answer:
            yield (*place, "advice"), "it needs a service, for those who want a ticket all the same; add service"
    for key, kind, known in (
        ("service", "service", _ids(config, "service", services)),
        ("question", "question", _ids(config, "question", questions)),
        ("class", "class", _classes(config)),
    ):
        yield from _unknown([((*place, key), answer.get(key)) for place, answer in answers.items()], kind, known)
    leads_to = {
        str(question.get("id")): tuple(str(a["question"]) for a in question.get("answers") or [] if a.get("question"))
        for question in questions.values()
    }
    unknown = any(
        question.get("id") is None or question.get("answers") is None for question in questions.values()
    ) or any(answer.get("question", "") is None for answer in answers.values())
    wanted = {id for following in leads_to.values() for id in following}
    for place, question in list(questions.items())[1:]:
        if not unknown and question["id"] not in wanted:
            yield place, "no answer leads to this question; let one, or remove it"
    if loop := loops(leads_to):
        yield ("question",), f"the questions lead in a circle: {' -> '.join(loop)}; let one answer lead to a service"


def _share(share: Any, profile: str) -> Any:
    if isinstance(share, Share):
        return share.on(profile)
    return share.get(profile, share.get("normal")) if isinstance(share, dict) else share


def _devices(
    config: Table, services: Mapping[Place, Table], counters: Mapping[Place, Table], devices: Mapping[Place, Table]
) -> Iterator[Fault]:
    known, all_of_them = _ids(config, "counter", counters), list(devices.values())
    ids, zones = _ids(config, "service", services), _ids(config, "zone", _tables(config, "zone"))
    for n, (place, device) in enumerate(devices.items()):
        kind = kinds().get(str(device.get("driver")))
        if kind is None:
            continue
        file = File(frozenset(config), known, ids, all_of_them, all_of_them[:n])
        yield from ((place + inside, said) for inside, said in kind.check(device, file))
        yield from _unknown([(place + inside, id) for inside, id in kind.counters(device)], "counter", known)
        yield from _zone_of(place, device, zones)
        if kind.only_one:
            for other in file.before:
                if other.get("driver") == kind.driver:
                    yield (*place, "driver"), kind.only_one.format(id=other.get("id"))
    for (_, one), (place, other) in _pairs(devices, "link"):
        if _wire(one["link"]) == _wire(other["link"]):
            yield (*place, "link"), f'device "{one.get("id")}" has the same link; give each its own'


def _zone_of(place: Place, device: Table, zones: list[str] | None) -> Iterator[Fault]:
    """A fault if a device is for a zone that is not there."""
    zone = device.get("zone")
    if zone and zones is not None and zone not in zones:
        hint = nearest(zone, zones) if zones else f'add [[zone]] with id = "{zone}"'
        yield (*place, "zone"), f'there is no zone "{zone}"; {hint}'


def _wire(link: Link) -> str:
    """Identifies a wire, whatever its settings."""
    if isinstance(link, TcpLink):
        return f"{link.host.lower()}:{link.port}"
    return link.phys if isinstance(link, InputLink) and link.phys else normpath(link.path)


def _mqtt(config: Table) -> Iterator[Fault]:
    mqtt = config.get("mqtt") or {}
    if "password_file" in mqtt and "username" not in mqtt:
        yield ("mqtt", "password_file"), "a password without a user; add username"
    broker: Broker | None = mqtt.get("broker")
    if "ca_file" in mqtt and broker and not broker.tls:
        yield (
            ("mqtt", "ca_file"),
            "it is for encrypted brokers (mqtts://host:port) only; leave it out",
        )


def _web(config: Table) -> Iterator[Fault]:
    web = config.get("web") or {}
    journal = (config.get("journal") or {}).get("path") or JournalKeys().path
    if web.get("accounts") and normpath(str(web["accounts"])) == normpath(str(journal)):
        yield ("web", "accounts"), "this is the journal; give the accounts a file of their own"
    for one, other in (("certificate", "key"), ("key", "certificate")):
        if one in web and other not in web:
            yield ("web", one), f"a {one} without its {other}; add {other}"


def _things(
    config: Table, things: Mapping[Place, Table], services: Mapping[Place, Table], devices: Mapping[Place, Table]
) -> Iterator[Fault]:
    known = _ids(config, "device", devices)
    for place, thing in things.items():
        affects = [((*place, "affects", n), id) for n, id in _texts(thing, "affects")]
        yield from _unknown(affects, "service", _ids(config, "service", services))
        id = thing.get("id")
        if known is not None and id is not None and "name" not in thing and id.partition(".")[0] not in known:
            yield (*place, "name"), f'there is no device "{id}", so this thing needs a name'


def _zones(config: Table, services: Mapping[Place, Table], counters: Mapping[Place, Table]) -> Iterator[Fault]:
    zones = {place: zone for place, zone in _tables(config, "zone").items() if zone}
    for key, kind, tables in (("counters", "counter", counters), ("services", "service", services)):
        named = [((*place, key, n), id) for place, zone in zones.items() for n, id in _texts(zone, key)]
        yield from _unknown(named, kind, _ids(config, kind, tables))
    shown: dict[str, str] = {}
    for place, zone in zones.items():
        if "counters" not in zone and "services" not in zone:
            yield place, "it has neither counters nor services; give it some of one or of both"
        for n, account in _texts(zone, "televisions"):
            if account in shown:
                yield (*place, "televisions", n), f'"{account}" shows zone "{shown[account]}" already; name it in one'
            shown.setdefault(account, str(zone.get("id")))
    if "web" not in config:
        used = any(device.get("zone") for device in _tables(config, "device").values())
        for place in list(zones)[: 0 if used else 1]:
            yield place, "no device has it as its zone, and for televisions there are no screens; add [web]"
        if config.get("television"):
            yield ("television",), "it is for televisions, and there are no screens; add [web]"


def _texts(table: Table, key: str) -> list[tuple[int, str]]:
    """The texts of a list with their places in it."""
    return [(n, text) for n, text in enumerate(table.get(key) or ()) if isinstance(text, str)]


def _rolls(config: Table, services: Mapping[Place, Table]) -> Iterator[Fault]:
    """A number of a roll is on no other roll and on no printed ticket, and its key means nothing else."""
    rolls = _tables(config, "roll")
    for place, roll in rolls.items():
        first, last, prefix = roll.get("from"), roll.get("to"), roll.get("prefix")
        if first is not None and last is not None and last < first:
            yield (*place, "to"), f"it ends at {last}, before it begins at {first}; exchange the two"
        for service in services.values():
            own = service.get("prefix")
            if own is not None and prefix is not None and _same_series(own.upper(), prefix.upper()):
                text = f'service "{service.get("id")}" prints numbers with {own or "no letter"}, and'
                yield (*place, "prefix"), f"{text} a number would be given twice; give the roll a letter of its own"
            if roll.get("key") is not None and roll.get("key") == service.get("key"):
                said = f'{roll["key"]} is the key of service "{service.get("id")}" already; give each its own'
                yield (*place, "key"), said
    named = [((*place, "service"), roll.get("service")) for place, roll in rolls.items()]
    yield from _unknown(named, "service", _ids(config, "service", services))
    for (_, one), (place, other) in combinations(rolls.items(), 2):
        if any(each.get(key) is None for each in (one, other) for key in ("prefix", "from", "to")):
            continue
        names = [one["prefix"].upper(), other["prefix"].upper()]
        meet = names[0] == names[1] and one["from"] <= other["to"] and other["from"] <= one["to"]
        if meet or (names[0] != names[1] and _same_series(*names)):
            yield place, f"it has numbers of roll {one['prefix']} {one['from']}-{one['to']} as well; give each its own"
        if one.get("key") is not None and one.get("key") == other.get("key"):
            yield (*place, "key"), f"{one['key']} is the key of another roll already; give each its own"
    plans = _tables(config, "emergency_plan")
    for (_, one), (place, other) in _pairs(plans, "failure"):
        if one["failure"] == other["failure"]:
            yield (*place, "failure"), f'there is a plan for "{one["failure"]}" already; keep one'


def _same_series(one: str, other: str) -> bool:
    """Whether two prefixes with numbers after them can be the same ticket."""
    short, long = sorted((one, other), key=len)
    more = long.removeprefix(short)
    return long.startswith(short) and (not more or more.isdigit())
