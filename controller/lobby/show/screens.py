"""What the browser pages show: pure functions of the state, as plain data; times in ms since 1970, UTC.

What both a page and a device show comes from `views`, so that they never differ. Sentences are in the branch's
language; labels are the pages' own.
"""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from controller.lobby import rule
from controller.lobby.forecast import staffing, waiting
from controller.lobby.forecast.waiting import Coming
from controller.lobby.model.admission import gives, roll_only, slots, why_none
from controller.lobby.model.rules import Counter, HallZone, Rules
from controller.lobby.model.state import (
    IN_HAND,
    CounterStage,
    Stage,
    State,
    Ticket,
    held_by,
    last_unstarted,
    notes_at,
    undoes,
    undoes_going,
)
from controller.lobby.model.triage import NEEDS
from controller.lobby.model.units import NEVER, Ms, in_seconds
from controller.lobby.show import emergencies, hall, views
from controller.lobby.show.ahead import ahead_of, ahead_of_all, ahead_of_newcomer
from controller.lobby.show.views import Waits

LISTED = 120
"""Waiting tickets listed by the console; others are found by number."""
CALLED_LONG = 20 * 60 * 1000
"""Milliseconds after which a counter that has called and not started is pointed out to the lobby manager: probably
nobody came, and the counter forgot to say so."""
MISSED_LISTED = 20
ENDS = frozenset({Stage.FINISHED, Stage.MISSED, Stage.HELD})
BADNESS = {"offline": 0, "degraded": 1}
"""The states of devices that are listed before those that work."""
UNSHOWN = ("place", "heard", "silent", "code", "failure")
"""What a device's report has beside what the console lists; terminals that are silent stand among the faults."""


def page_device(account: str) -> str:
    """The device id of an account's pages; ids of configured devices contain no dot."""
    return f"page.{account}"


def television(
    state: State,
    rules: Rules,
    at: Ms,
    notices: Sequence[str],
    waits: Waits,
    words: Mapping[str, str] | None = None,
    zone: HallZone | None = None,
) -> dict[str, Any]:
    """The television's view, of a zone or of the whole branch: the calls, newest first, whether each is still current
    (`in_hand`), and in which `language` its customer is called; the call in large type; a line a counter; the next
    tickets; missed tickets and until when they may return; tickets waiting and expected wait for each service; notices,
    the lobby manager's with their end; `closed`: see `hall.closed`. `words`: the words of her notices, by id.
    """
    zone = zone or hall.whole(rules)
    return {
        "now": at,
        "branch": rules.branch_name,
        "zone": zone.name,
        "calls": [
            {
                **call._asdict(),
                "in_hand": hall.in_hand(state, call),
                "language": state.tickets[call.ticket].language or rules.wording.language,
            }
            for call in hall.calls(state, zone)
        ],
        "large": hall.large(state, zone, at),
        "counters": hall.lines(state, zone),
        "soon": hall.soon(state, rules, zone, at),
        "missed": [
            {"ticket": missed.id, "until": until}
            for missed in _missed(state)
            if missed.counter in zone.counters and (until := missed.returns_until(rules)) > at
        ],
        "services": [service for service in _services(state, rules, at, waits) if service["id"] in zone.services],
        "notices": list(notices),
        "posted": [{"text": each["text"], "until": each["until"]} for each in hall.posted(state, words or {}, at)],
        "closed": hall.closed(state, rules, zone, at),
    }


def kiosk(
    state: State,
    rules: Rules,
    at: Ms,
    notices: Sequence[str],
    waits: Waits,
    *,
    paper: bool,
    card: str = "",
    klass: str = "",
) -> dict[str, Any]:
    """The kiosk's view: which tickets can be taken; `paper`: whether a ticket can be printed; `slots`: the day's
    appointments, by time, and whether they can check in; `card`: whether one has been shown that counts for the next
    ticket ("read"), or could not be read ("unread"), and the class that it has (`klass`).

    What is in the branch's language is in the others as well, under `in`.
    """
    known = slots(state, rules, at)
    ahead = {id: ahead_of_newcomer(state, rules, id, at) for id in rules.services}
    texts = {
        language: _offered(state, spoken, waits, ahead, at)
        | {"card_class": spoken.class_name(klass) if klass not in ("", rules.default_class) else ""}
        for language, spoken in rules.languages.items()
    }
    usual = texts.pop(rules.wording.language)
    return {
        "now": at,
        **usual,
        "slots": [{"slot": slot, "state": state} for slot, state in known.items()],
        "needs": list(NEEDS),
        "paper": paper,
        "card": card,
        "notices": list(notices),
        "in": texts,
    }


def counter(
    state: State, rules: Rules, counter: Counter, at: Ms, notices: Sequence[str], words: Mapping[str, str]
) -> dict[str, Any]:
    """The soft keypad's view: what any keypad shows, and what its keys can be used for now; `words`: those of notes,
    which have a `day` if they are of an earlier one."""
    here = state.counter(counter.id)
    ticket = state.tickets.get(here.ticket)
    return {
        "now": at,
        "branch": rules.branch_name,
        "counter": counter.id,
        **(shown := views.screen(state, rules, counter, at)),
        **_idle(state, rules, counter, shown["next"]),
        "service": rules.service_name(ticket.service) if ticket else "",
        "class": _class(rules, ticket) if ticket else "",
        "since": ticket.since if ticket else here.since,
        "waited": _waited(ticket) if ticket else 0,
        "served": sum(t.counter == counter.id and t.stage is Stage.FINISHED for t in state.tickets.values()),
        "undo": _undo(state, rules, counter, at),
        "recalls": ticket.recalls if ticket else 0,
        "held": [t.id for t in held_by(state, counter)],
        "services": [
            {"key": str(service.key), "name": service.name}
            for service in rules.services.values()
            if service.key is not None
        ],
        "counters": [id for id in rules.counters if id != counter.id and id.isdecimal() and len(id) <= 2],
        "profile": rules.profile_name(here.profile) if here.profile else "",
        "profiles": _profiles(rules, counter),
        "clerk": here.clerk,
        "notes": [
            {"words": words[id], "counter": note.counter, "ticket": note.ticket, "day": _earlier(state, note.day)}
            for id in notes_at(state, counter.id)
            if id in words and (note := state.notes[id])
        ],
        "rater": counter.rater,
        "notices": list(notices),
    }


def _earlier(state: State, day: str) -> str:
    """A business day (YYYY-MM-DD) if it is an earlier one; else empty."""
    return day if day < state.day else ""


def _idle(state: State, rules: Rules, counter: Counter, next: str) -> dict[str, Any]:
    """What a counter sees while nobody is there: why it is paused (`pause`), since when the customer has waited whom it
    may serve and who has waited longest (`longest`, 0: nobody waits), what is known of the `coming` one, and how its
    `last` customer left: finished, missed, held, cancelled or moved; times in ms since 1970, UTC."""
    here = state.counter(counter.id)
    coming = state.tickets.get(next)
    pause = rules.pauses.get(here.reason) if here.stage is CounterStage.PAUSED else None
    return {
        "pause": pause.name if pause else "",
        "longest": min(views.waits_from(state, counter), default=NEVER),
        "coming": {
            "service": rules.service_name(coming.service),
            "class": _class(rules, coming),
            "since": coming.waits_from,
        }
        if coming
        else None,
        "last": _last(state, counter),
    }


def _last(state: State, counter: Counter) -> dict[str, Any] | None:
    left = state.counter(counter.id).left
    ticket = state.tickets.get(left.ticket) if left else None
    if left is None or ticket is None:
        return None
    ended = ticket.stage is Stage.CANCELLED or (ticket.counter == counter.id and ticket.stage in ENDS)
    return {"ticket": ticket.id, "at": left.at, "how": str(ticket.stage) if ended else "moved"}


def _waited(ticket: Ticket) -> int:
    """Minutes that a called ticket had waited."""
    return max(0, ticket.called_at - ticket.waits_from) // 60_000


def _undo(state: State, rules: Rules, counter: Counter, at: Ms) -> dict[str, Any] | None:
    """Whom UNDO at the counter would bring back, and until when (ms since 1970, UTC); nobody (`ticket` empty), if it
    would only open the counter again; None: it would do nothing."""
    left = undoes(state, rules, counter, at)
    if left and state.tickets[left.ticket].stage not in IN_HAND:
        return {"ticket": left.ticket, "until": left.at + rules.undo_within * 1000}
    if undoes_going(state, rules, counter, at):
        return {"ticket": "", "until": state.counter(counter.id).since + rules.undo_within * 1000}
    last = last_unstarted(state, counter)
    return {"ticket": last.id, "until": last.returns_until(rules)} if last else None


def display(state: State, rules: Rules, counter: Counter, at: Ms, trouble: str) -> dict[str, Any]:
    """The view for the screen above a counter: the ticket that it has in hand, and when it was last called (0: it has
    none); `state` as for its keypad. `trouble`: why nothing can be recorded, in words; empty: it can."""
    here = state.counter(counter.id)
    ticket = state.tickets.get(here.ticket)
    return {
        "now": at,
        "branch": rules.branch_name,
        "counter": counter.id,
        "state": str(ticket.stage if ticket else here.stage),
        "ticket": here.ticket,
        "called": max(ticket.since, ticket.recalled_at) if ticket else 0,
        "trouble": trouble,
    }


def ticket(state: State, rules: Rules, ticket: Ticket, at: Ms, wait: tuple[int, int] | None) -> dict[str, Any]:
    """The view of a customer's own ticket page; `wait`: the least and most minutes still to wait.

    What is in the branch's language is in the others as well, under `in`.
    """
    waits = ticket.stage is Stage.WAITING
    texts = {
        language: {
            "branch": spoken.branch_name,
            "service": spoken.service_name(ticket.service),
            "wait": views.wait_in_words(state, spoken, at, ticket, wait) if waits else "",
        }
        for language, spoken in rules.languages.items()
    }
    return {
        "now": at,
        **texts.pop(rules.wording.language),
        "ticket": ticket.id,
        "state": str(ticket.stage),
        "ahead": ahead_of(state, rules, ticket, at) if waits else 0,
        "counter": ticket.counter if ticket.stage in IN_HAND else "",
        "since": ticket.since if ticket.stage in IN_HAND else ticket.issued_at,
        "returns_until": ticket.returns_until(rules),
        "in": texts,
    }


def still_waits(state: State, rules: Rules, ticket: Ticket, at: Ms) -> tuple[int, int] | None:
    """The least and most minutes that a waiting ticket will still wait; None: no estimate.

    Costly: not to be computed for every press.
    """
    told = waiting.expected(state, rules, at, ticket) if ticket.stage is Stage.WAITING else None
    return views.in_minutes(told[1]) if told else None


def console(
    state: State,
    rules: Rules,
    at: Ms,
    faults: Sequence[Mapping[str, Any]],
    waits: Waits,
    devices: Mapping[str, Mapping[str, object]],
    figures: Mapping[str, Any],
    recent: Sequence[Mapping[str, Any]],
    *,
    printer: bool,
) -> dict[str, Any]:
    """The lobby manager's view. `waiting` is in the order of the rule without handicaps; `faults`: see
    `faults.faults`; `recent` is newest first; `printer`: whether the branch prints tickets at all.

    Each waiting ticket has the time of its `expected` call, and each counter its `next` ticket with that time: one
    look ahead gives both."""
    order = views.in_order(state, rules, at)
    listed = [state.tickets[id] for id in order[:LISTED]]
    ahead = ahead_of_all(state, rules, listed, at)
    classes = dict.fromkeys(rules.classes, 0)
    for key, line in state.lines.items():
        classes[key.klass] = classes.get(key.klass, 0) + len(line)
    held = [t for t in state.tickets.values() if t.stage is Stage.HELD]
    served = Count(t.counter for t in state.tickets.values() if t.stage is Stage.FINISHED)
    calls = {call.place.ticket: call for call in waiting.coming(state, rules, at, len(order))}
    expected = {ticket: at + round(call.seconds * 1000) for ticket, call in calls.items()}
    first = {call.counter: call for call in reversed(calls.values())}
    return {
        "now": at,
        "branch": rules.branch_name,
        "services": _services(state, rules, at, waits, longest=True),
        "classes": [{"id": id, "name": rules.class_name(id), "waiting": count} for id, count in classes.items()],
        "pauses": {digit: reason.name for digit, reason in rules.pauses.items()},
        "counters": [
            _counter(state, rules, each, at, first.get(each.id)) | {"served": served[each.id]}
            for each in rules.counters.values()
        ],
        "waiting": [
            _waiting(rules, ticket, at) | {"ahead": ahead[ticket.id], "expected": expected.get(ticket.id, 0)}
            for ticket in listed
        ],
        "waiting_more": max(0, len(order) - LISTED),
        "missed": [
            _away(rules, t, t.missed_at) | {"returns_until": t.returns_until(rules)}
            for t in _missed(state)[:MISSED_LISTED]
        ],
        "held": [_away(rules, t, t.held_at) for t in held],
        "unprinted": _without_paper(state) if printer else [],
        "emergency": emergencies.console(state, rules),
        "advice": views.advice(state, rules)["items"],
        "faults": list(faults),
        "new_day": today if state.day and (today := rules.day_of(at)) != state.day else "",
        "devices": _devices(rules, devices),
        "figures": dict(figures),
        "self_service": _machines(rules, figures),
        "recent": list(recent),
    }


# -- parts ---------------------------------------------------------------------------------------------------


def _services(state: State, rules: Rules, at: Ms, waits: Waits, *, longest: bool = False) -> list[dict[str, Any]]:
    """The services as pages show them; `longest`: with the time since when the longest-waiting ticket has waited (0:
    none)."""
    counts = views.waiting_by_service(state, rules)
    services: list[dict[str, Any]] = [
        {
            "id": id,
            "name": service.name,
            "waiting": counts.get(id, 0),
            "wait": views.service_wait(state, rules, at, id, waits),
        }
        for id, service in rules.services.items()
    ]
    if longest:
        firsts: dict[str, Ms] = {}
        for key, line in state.lines.items():
            since = min(state.tickets[place.ticket].waits_from for place in line)
            firsts[key.service] = min(since, firsts.get(key.service, since))
        for service in services:
            service["longest"] = firsts.get(service["id"], NEVER)
    return services


def _offered(state: State, rules: Rules, waits: Waits, ahead: Mapping[str, int], at: Ms) -> dict[str, Any]:
    """What a kiosk offers, in the language of the rules. `closed`: why no tickets for a service are given, if none are;
    `ahead`: how many come before whoever takes one; `emergency`: where to take a number while there are none here."""
    plan = roll_only(state, rules)
    return {
        "branch": rules.branch_name,
        "emergency": plan.notice if plan else "",
        "triage": rules.triage.picture(),
        "services": [
            {
                "id": id,
                "name": service.name,
                "icon": service.icon,
                "color": service.color,
                "given": gives(state, rules, service, at),
                "closed": why_none(state, rules, service, at),
                "ahead": ahead[id],
                "wait": views.service_wait(state, rules, at, id, waits),
            }
            for id, service in rules.services.items()
        ],
    }


def _devices(rules: Rules, devices: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The devices, the worst first, and else each at its place."""
    named = [
        {"id": id, **report, "name": report.get("name") or device_name(rules, id)} for id, report in devices.items()
    ]
    order = sorted(named, key=lambda each: (BADNESS.get(each["state"], 2), each.get("place", 0), each["name"]))
    return [{key: value for key, value in each.items() if key not in UNSHOWN} for each in order]


def device_name(rules: Rules, device: str) -> str:
    """A device's name for people."""
    account = device.removeprefix(page_device(""))
    return device if account == device else rules.wording.say("device.page", name=account)


def _missed(state: State) -> list[Ticket]:
    """The tickets that missed their call and have not returned, newest first."""
    missed = [ticket for ticket in state.tickets.values() if ticket.stage is Stage.MISSED]
    return sorted(missed, key=lambda ticket: -ticket.missed_at)


def _machines(rules: Rules, figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Customers advised to use a machine today, by answer of the triage; an answer that is no longer configured has its
    id as name."""
    counts: Mapping[str, Mapping[str, int]] = figures.get("self_service", {})
    return [{"id": id, "name": _asked(rules, id), **count} for id, count in counts.items()]


def _asked(rules: Rules, id: str) -> str:
    """The text of an answer of the triage, with the answer that leads to it, since alone it may be unclear."""
    choice = rules.triage.choice(id)
    if choice is None:
        return id
    questions = rules.triage.questions.values()
    here = next(question.id for question in questions if choice in question.choices)
    before = [each.text for question in questions for each in question.choices if each.question == here]
    return " › ".join((*before[:1], choice.text))


def _needs(ticket: Ticket) -> list[str]:
    """What a customer needs at the counter, and whether their form is ready."""
    return [*(["form"] if ticket.form else []), *ticket.needs]


def _without_paper(state: State) -> list[str]:
    """Tickets that may not have been printed, and waiting tickets that never were."""
    never = (ticket.id for ticket in state.tickets.values() if _lacks_paper(ticket))
    return list(dict.fromkeys((*state.unknown_prints, *islice(never, LISTED))))


def _lacks_paper(ticket: Ticket) -> bool:
    return ticket.stage is Stage.WAITING and not ticket.copies and not ticket.roll


def _waiting(rules: Rules, ticket: Ticket, at: Ms) -> dict[str, Any]:
    return {
        "ticket": ticket.id,
        "service": ticket.service,
        "class": ticket.klass,
        "since": ticket.waits_from,
        "only": ticket.only if ticket.only in rules.counters else "",
        "passed": ticket.passed,
        "returned": ticket.returns > 0,
        "early": ticket.not_before > in_seconds(at),
        "needs": _needs(ticket),
        "undo": ticket.before is not None,
        "roll": ticket.roll,
    }


def _away(rules: Rules, ticket: Ticket, since: Ms) -> dict[str, Any]:
    return {
        "ticket": ticket.id,
        "service": ticket.service,
        "class": ticket.klass,
        "counter": ticket.counter,
        "since": since,
    }


def _counter(state: State, rules: Rules, counter: Counter, at: Ms, coming: Coming | None) -> dict[str, Any]:
    """A counter. `next`: the ticket that is expected to be called there next, and when (`next_at`); where it is not
    open, the one that it would call now (`next_at` 0). `stuck_at`: from when its call counts as forgotten."""
    here = state.counter(counter.id)
    ticket = state.tickets.get(here.ticket)
    pick = None if here.stage is CounterStage.OPEN else rule.pick(state, rules, counter, at)
    return {
        "id": counter.id,
        "state": str(ticket.stage if ticket else here.stage),
        "ticket": here.ticket,
        "service": ticket.service if ticket else "",
        "class": ticket.klass if ticket else "",
        "needs": _needs(ticket) if ticket else [],
        "since": ticket.since if ticket else here.since,
        "waiting": views.waiting_for(state, counter),
        "serves": {id: handicap // 60 for id, handicap in counter.serves.items()},
        "profile": here.profile,
        "profiles": _profiles(rules, counter),
        "clerk": here.clerk,
        "rater": counter.rater,
        "reason": here.reason,
        "next": coming.place.ticket if coming else pick.ticket.id if pick else "",
        "next_at": at + round(coming.seconds * 1000) if coming else 0,
        "stuck_at": ticket.since + CALLED_LONG if ticket and ticket.stage is Stage.CALLED else 0,
        "agreed": _agreed(state, counter, at),
    }


def _profiles(rules: Rules, counter: Counter) -> list[dict[str, Any]]:
    """The profiles that a counter may have, and first what it is configured to serve."""
    known = [(p.id, p.key) for p in rules.counter_profiles.values() if p.fits(counter.id)]
    offered = [("", None), *known] if known else []
    return [{"id": id, "name": rules.profile_name(id), "key": key} for id, key in offered]


def _agreed(state: State, counter: Counter, at: Ms) -> dict[str, Ms]:
    """Advice that the manager has recently accepted and that is not carried out yet: "open" or "close", since when."""
    lately = staffing.ACCEPTED_FOR * 1000
    return {
        action: when
        for (action, id), when in state.windows.accepted.items()
        if id == counter.id and abs(at - when) < lately
    }


def _class(rules: Rules, ticket: Ticket) -> str:
    return "" if ticket.klass == rules.default_class else rules.class_name(ticket.klass)
