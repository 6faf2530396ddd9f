"""What each display should show now: pure functions of the state, computed again after every change.

Displays are levels: after an outage a display is simply sent the present view again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from controller.lobby import rule
from controller.lobby.forecast import staffing, waiting
from controller.lobby.forecast.waiting import Coming
from controller.lobby.model.admission import gives
from controller.lobby.model.emergency import Plan
from controller.lobby.model.knowledge import whole_minutes
from controller.lobby.model.rules import Counter, Rules
from controller.lobby.model.state import AGREES, CounterStage, Stage, State, Ticket, open_counters
from controller.lobby.model.units import Ms, between, in_seconds
from controller.lobby.show.ahead import ahead_of, is_early

SOON = 3
"""How many of the next tickets a board announces."""
COME_NEAR = 2 * 60
"""Seconds before a counter is expected to be free, from which its next customer is asked to come near."""

Waits = Mapping[str, tuple[int, int]]
"""Service -> the least and most minutes that a customer who takes a ticket now will wait."""


def wait(state: State, rules: Rules, at: Ms, service: str) -> tuple[int, int] | None:
    """The least and most minutes that a customer who takes a ticket now will wait; None: no tickets are given, or there
    is no estimate.

    Costly: not to be computed for every press.
    """
    if not gives(state, rules, rules.services[service], at):
        return None
    ticket = waiting.newcomer(state, rules, at, service)
    if waiting.finds_free_counter(state, rules, ticket):
        return 0, 0
    told = waiting.expected(state, rules, at, ticket)
    return in_minutes(told[1]) if told else None


def in_minutes(expected: Sequence[int]) -> tuple[int, int]:
    """A range in minutes, as customers are told it. Older rows have it to the second: it is rounded in the same way."""
    least, most = whole_minutes(expected[0], expected[-1])
    return least // 60, most // 60


def in_words(rules: Rules, minutes: tuple[int, int] | None) -> str:
    """A range of minutes as people read it; empty if there is none."""
    if minutes is None:
        return ""
    least, most = minutes
    if is_beyond(least):
        return rules.wording.say("wait.beyond", hours=waiting.HORIZON // 3600)
    key = "now" if most == 0 else "about" if least >= most else "range"
    return rules.wording.say(f"wait.{key}", least=least, most=most)


def wait_in_words(state: State, rules: Rules, at: Ms, ticket: Ticket, minutes: tuple[int, int] | None) -> str:
    """The same for a ticket that waits, or would; if there is no range since counters open much later, until when."""
    begins = waiting.begins_at(state, rules, at, ticket) if minutes is None else None
    if begins is None:
        return in_words(rules, minutes)
    return rules.wording.say("wait.until", clock=rules.local(begins).strftime("%H:%M"))


def service_wait(state: State, rules: Rules, at: Ms, service: str, waits: Waits) -> str:
    """The same for a customer who takes a ticket for a service now; empty: none is given, or nothing is known."""
    if not gives(state, rules, rules.services[service], at):
        return ""
    return wait_in_words(state, rules, at, waiting.newcomer(state, rules, at, service), waits.get(service))


def is_beyond(least: int) -> bool:
    """Whether a wait of at least so many minutes is beyond what can be estimated."""
    return least * 60 >= waiting.HORIZON


def waiting_by_service(state: State, rules: Rules) -> dict[str, int]:
    """The number waiting for each configured service."""
    counts = dict.fromkeys(rules.services, 0)
    for key, line in state.lines.items():
        counts[key.service] = counts.get(key.service, 0) + len(line)
    return counts


def waiting_for(state: State, counter: Counter) -> int:
    """The number waiting whom this counter may serve."""
    return sum(
        len(line) for key, line in state.lines.items() if counter.handicap(key.service, key.klass, key.only) is not None
    )


def waits_from(state: State, counter: Counter) -> Iterator[Ms]:
    """Since when the first of each line waits that this counter may serve."""
    for key, line in state.lines.items():
        if line and counter.handicap(key.service, key.klass, key.only) is not None:
            yield min(state.tickets[place.ticket].waits_from for place in line)


def coming(state: State, rules: Rules, at: Ms) -> list[Coming]:
    """The next few calls at `at` (ms since 1970, UTC), by the counters that are open now."""
    return waiting.coming(state, rules, at, SOON)


def soon(state: State, rules: Rules, at: Ms) -> list[str]:
    """The tickets of the next few calls."""
    return [call.place.ticket for call in coming(state, rules, at)]


def in_order(state: State, rules: Rules, at: Ms) -> list[str]:
    """The waiting tickets by the rule without handicaps; appointments before their time last."""
    now = in_seconds(at)
    places = (
        (is_early(state, place, now), place.seniority - rules.credit(key.klass), place.order, place.ticket)
        for key, line in state.lines.items()
        for place in line
    )
    return [ticket for *_, ticket in sorted(places)]


def board(
    state: State, rules: Rules, at: Ms, notices: Sequence[str], waits: Waits, calls: Sequence[Coming] | None = None
) -> dict[str, Any]:
    """The view for MQTT boards: calls, newest first, next tickets, tickets waiting and expected wait for each service.

    `calls`: the result of `coming`, if it has been computed already.
    """
    calls = coming(state, rules, at) if calls is None else calls
    return {
        "calls": [{"ticket": c.ticket, "counter": c.counter, "at": c.at} for c in state.calls],
        "soon": [call.place.ticket for call in calls],
        "waiting": waiting_by_service(state, rules),
        "wait": {service: list(minutes) for service, minutes in waits.items()},
        "notices": list(notices),
    }


def without_counter(state: State, rules: Rules) -> list[str]:
    """The names of services that tickets wait for while none of their own counters is open; empty before the first
    counter has opened."""
    open_ones = open_counters(state, rules)
    has_opened = any(counter.since for counter in state.counters.values())
    waits = {
        key.service: None
        for key in state.lines
        if has_opened and not any(c.handicap(key.service, rules.default_class, key.only) == 0 for c in open_ones)
    }
    return [rules.service_name(service) for service in waits]


def advice(state: State, rules: Rules) -> dict[str, Any]:
    """The window advice for the lobby manager, with the expected waits without and with it, in minutes."""
    open_ones = open_counters(state, rules)
    groups = staffing.groups(rules)
    items = []
    for item in state.windows.advice:
        before, after = -(-item.before // 60), -(-item.after // 60)
        counter = rules.counters.get(item.counter)
        group = [s for s in groups.get(item.group, ()) if counter and _knows(rules, counter, s)]
        nobodys = [s for s in group if not any(_knows(rules, open_one, s) for open_one in open_ones)]
        key, about = str(item.action), group
        if item.before >= staffing.NO_WINDOW and item.action == "open":
            key, about = ("first", nobodys) if nobodys else ("alone" if _alone(state, item.counter) else key, group)
        services = rules.wording.say("windows.and").join(rules.service_name(service) for service in about)
        profile = rules.profile_name(item.profile)
        text = rules.wording.say(
            f"windows.{key}", counter=item.counter, services=services, before=before, after=after, profile=profile
        )
        items.append({"action": item.action, "counter": item.counter, "before": before, "after": after, "text": text})
    return {"items": items}


def _knows(rules: Rules, counter: Counter, service: str) -> bool:
    return counter.handicap(service, rules.default_class) is not None


def _alone(state: State, counter: str) -> bool:
    """Whether somebody waits whom only this counter may serve."""
    return any(key.only == counter for key in state.lines)


def window_lines(state: State, rules: Rules, counter: str) -> tuple[str, str]:
    """The two lines of a counter display: the ticket in hand, or what the counter is doing."""
    here = state.counter(counter)
    name = rules.wording.say("window.counter", counter=counter)
    if here.ticket:
        return rules.wording.say("window.ticket", ticket=here.ticket), name
    return rules.wording.say(f"window.{here.stage}"), name


def screen(
    state: State, rules: Rules, counter: Counter, at: Ms, calls: Sequence[Coming] | None = None
) -> dict[str, Any]:
    """The view for a counter's keypad at `at` (ms since 1970, UTC): `state` is closed, open, paused, called or serving.

    `next`: the ticket that it would call now. `needs`: what the customer needs, and whether their form is ready.
    `stage` (of staging: asking a customer to come near): the ticket that is expected here next, once the counter will
    soon be free. `calls`: as for `board`.
    """
    here = state.counter(counter.id)
    pick = rule.pick(state, rules, counter, at)
    ticket = state.tickets.get(here.ticket)
    stage: Stage | CounterStage = ticket.stage if ticket else here.stage
    text = rules.wording.say(f"screen.{stage}", ticket=here.ticket, counter=counter.id)
    needs = [*(["form"] if ticket.form else []), *ticket.needs] if ticket else []
    stage_next = ""
    if pick and ticket and _soon_free(state, rules, ticket, at):
        calls = coming(state, rules, at) if calls is None else calls
        stage_next = next((call.place.ticket for call in calls if call.counter == counter.id), "")
    return {
        "ticket": here.ticket,
        "state": str(stage),
        "waiting": waiting_for(state, counter),
        "next": pick.ticket.id if pick else "",
        "stage": stage_next,
        "needs": needs,
        "text": " · ".join([text, *(rules.wording.say(f"needs.{need}") for need in needs)]),
    }


def _soon_free(state: State, rules: Rules, ticket: Ticket, at: Ms) -> bool:
    mean = waiting.seconds_at_counter(state, rules, ticket.service, ticket.klass)
    return between(ticket.since, at) > mean - COME_NEAR


def ticket_fields(state: State, rules: Rules, ticket: Ticket, qr: str, at: Ms) -> dict[str, str]:
    """The fields that a ticket's layout can print at `at` (ms since 1970, UTC), `qr` as a code, in the customer's
    language; a field that does not apply is empty."""
    rules = rules.spoken(ticket.language)
    return {
        "branch": rules.branch_name,
        "ticket": ticket.id,
        "service": rules.service_name(ticket.service),
        "class": "" if ticket.klass == rules.default_class else rules.class_name(ticket.klass),
        "ahead": str(ahead_of(state, rules, ticket, at)),
        "wait": wait_in_words(state, rules, at, ticket, in_minutes(ticket.expected) if ticket.expected else None),
        "time": rules.local(ticket.issued_at).strftime("%Y-%m-%d %H:%M"),
        "reprint": rules.wording.say("ticket.reprint") if ticket.copies > 1 else "",
        "qr": qr,
    }


def emergency_plan(state: State, rules: Rules) -> Plan | None:
    """The plan that is followed now; None: there is no emergency, or its plan is no longer known."""
    return rules.emergency_plans.get(state.emergency.plan) if state.emergency else None


STEP_TOLD = 3600 * 1000
"""Milliseconds for which a notice says that the clock was set or a counter was dropped."""
TICKETS_NAMED = 6
"""Tickets named in a notice."""


def of_the_configuration(state: State, rules: Rules, now: Ms) -> Iterator[str]:
    """Notices for the staff about counters and services that are no longer configured."""
    say = rules.wording.say
    for dropped in state.dropped:
        if dropped.tickets and 0 <= now - dropped.at < STEP_TOLD:
            yield say("notice.counter_dropped", counter=dropped.counter, tickets=named(dropped.tickets))
    gone: dict[str, list[str]] = {}
    for ticket in state.tickets.values():
        if ticket.stage in (Stage.WAITING, Stage.HELD) and ticket.service not in rules.services:
            gone.setdefault(ticket.service, []).append(ticket.id)
    for service, tickets in gone.items():
        yield say("notice.service_dropped", service=service, tickets=named(tickets))


def of_the_counters(state: State, rules: Rules) -> Iterator[str]:
    """Notices for the staff about counters that ask the lobby manager to come."""
    for id in rules.counters:
        if state.counter(id).asks_help:
            yield rules.wording.say("notice.help_asked", counter=id)


def named(tickets: Sequence[str]) -> str:
    """The first few of these tickets, for a sentence."""
    return " ".join(tickets[:TICKETS_NAMED]) + (" .." if len(tickets) > TICKETS_NAMED else "")


def of_the_clock(state: State, rules: Rules, now: Ms) -> Iterator[str]:
    """Notices for the staff about a clock that was set, and a day that has to be confirmed."""
    say, today, doubt, step = rules.wording.say, rules.day_of(now), state.doubt, state.step
    if state.day and today < state.day:
        yield say("notice.day_ahead", day=state.day, clock=today)
    elif doubt and today > state.day:
        by_itself = rules.local(Ms(doubt.since + AGREES)).strftime("%H:%M")
        yield say("notice.day_in_doubt", day=state.day, clock=today, at=by_itself)
    elif step and 0 <= now - step.at < STEP_TOLD:
        before, after = (rules.local(ms).strftime("%Y-%m-%d %H:%M") for ms in (Ms(step.at - step.by), step.at))
        yield say("notice.clock_set", before=before, after=after)
