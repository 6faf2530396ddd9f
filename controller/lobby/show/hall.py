"""What televisions show of the hall, and boards in part: a line a counter, the call in large type, the lobby manager's
notices, when the branch opens next; of the whole branch or of one zone of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from controller.lobby.forecast import waiting
from controller.lobby.model.rules import HallZone, Rules
from controller.lobby.model.state import IN_HAND, Call, Stage, State
from controller.lobby.model.units import Ms
from controller.lobby.show.views import SOON

LARGE = 60
"""Seconds for which a call is in large type: after that whoever it sends is there, or does not look."""


def whole(rules: Rules) -> HallZone:
    """The whole branch as a zone."""
    return HallZone("", "", tuple(rules.counters), tuple(rules.services))


def in_hand(state: State, call: Call) -> bool:
    """Whether the ticket of a call is at its counter, or on its way there."""
    ticket = state.tickets.get(call.ticket)
    return ticket is not None and ticket.stage in IN_HAND and ticket.counter == call.counter


def calls(state: State, zone: HallZone) -> list[Call]:
    """The calls of the zone's counters, newest first. A part of the hall keeps whoever is still at a counter there,
    however much has been called elsewhere since."""
    shown = [call for call in state.calls if call.counter in zone.counters]
    if zone.id:
        old = [call for call in reversed(state.called.values()) if call.counter in zone.counters and call not in shown]
        shown += [call for call in old if in_hand(state, call)]
    return shown


def large(state: State, zone: HallZone, at: Ms) -> dict[str, Any] | None:
    """The call in large type, and until when: the newest of the zone, for `LARGE` seconds, unless it is over. No older
    one takes its place: its customer has been sent already."""
    last = next((call for counter, call in reversed(state.called.items()) if counter in zone.counters), None)
    if last is None or not in_hand(state, last):
        return None
    until = last.at + LARGE * 1000
    return {**last._asdict(), "until": until} if at < until else None


def lines(state: State, zone: HallZone) -> list[dict[str, Any]]:
    """A line for each counter: what it is doing, and the ticket in hand with the time of its last call."""
    found = []
    for id in zone.counters:
        here = state.counter(id)
        ticket, call = state.tickets.get(here.ticket), state.called.get(id)
        found.append(
            {
                "id": id,
                "state": str(ticket.stage if ticket else here.stage),
                "ticket": here.ticket,
                "at": call.at if ticket and call and call.ticket == ticket.id else 0,
            }
        )
    return found


def soon(state: State, rules: Rules, zone: HallZone, at: Ms) -> list[str]:
    """The tickets of the next few calls by the zone's counters."""
    number = SOON if len(zone.counters) == len(rules.counters) else sum(map(len, state.lines.values()))
    calls = waiting.coming(state, rules, at, number)
    return [call.place.ticket for call in calls if call.counter in zone.counters][:SOON]


def posted(state: State, words: Mapping[str, str], at: Ms) -> list[dict[str, Any]]:
    """The lobby manager's notices that have not ended, with their words, oldest first; not those whose words were
    purged."""
    return [
        {"id": id, "text": text, "until": notice.until, "by": notice.by}
        for id, notice in state.notices.items()
        if notice.until > at and (text := _one_line(words.get(id, "")))
    ]


def _one_line(text: str) -> str:
    """What somebody typed without what turns or breaks a line."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def closed(state: State, rules: Rules, zone: HallZone, at: Ms) -> dict[str, Any] | None:
    """When the zone's services open next (ms since 1970, UTC; 0: not known), if their hours are over and nobody waits
    or is being served any more; else None. That the last tickets are given earlier does not close it."""
    hours = [rules.services[id].hours for id in zone.services]
    local = rules.local(at)
    for each in hours:
        if each is None or rules.calendar.is_open(replace(each, last_ticket=0), local):
            return None
    if any(key.service in zone.services for key in state.lines) or any(
        state.counter(id).ticket for id in zone.counters
    ):
        return None
    if any(t.stage is Stage.HELD and t.counter in zone.counters for t in state.tickets.values()):
        return None
    moments = [moment for each in hours if each and (moment := rules.calendar.next_opening(each, local))]
    return {"opens": round(min(moment.timestamp() for moment in moments) * 1000) if moments else 0}
