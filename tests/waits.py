"""What tests of the waits share."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Any

from branches import (
    MINUTE,
    Lobby,
    branch,
    local,
)

from controller.lobby.actions.call_next import CallNext, TicketCalled
from controller.lobby.actions.command import CounterCommand
from controller.lobby.forecast.durations import STILL
from controller.lobby.forecast.waiting import (
    HORIZON,
    LATE,
    OPENS_IN,
    newcomer,
    predict,
)
from controller.lobby.model.knowledge import BREAK, LEFT, MISSES, PRIOR_WEIGHT, Knowledge
from controller.lobby.model.outcome import Refusal
from controller.lobby.model.state import CounterStage, Stage, Ticket

HOUR = 3600


def exact(lobby: Lobby) -> Lobby:
    """The lobby in a world in which everything takes its configured time, everybody comes, and it is a full second."""
    calls = [[0.0, -PRIOR_WEIGHT * MISSES] for _ in range(len(LEFT) + 1)]
    lobby.state.knowledge = Knowledge(calls=calls, spread=0.0)
    lobby.now -= lobby.now % 1000
    return lobby


def plan(lobby: Lobby, counter: str) -> list[tuple[float, float]]:
    """When a counter is next free and when it goes, in seconds from now, and the same of its further shifts: what
    `waiting` promises of each stage."""
    here, at, state = lobby.state.counter(counter), lobby.now, lobby.state
    local_now = lobby.rules.local(at)
    second = local_now.hour * HOUR + local_now.minute * MINUTE + local_now.second
    profile = lobby.rules.profile_on(state.day, state.profile)
    shifts = profile.shifts(counter) if profile else ()
    closing = profile.hours.end if profile else 0
    spans = [(s.start - second, float("inf") if s.end >= closing else float(s.end - second)) for s in shifts]
    now_in = [span for shift, span in zip(shifts, spans, strict=True) if shift.start <= second < shift.end]
    later = [(float(start), end) for start, end in spans if start > 0]
    until = now_in[0][1] if now_in else float("inf")
    if here.stage is CounterStage.OPEN:
        if not here.ticket:
            return [(0.0, until), *later]
        ticket = state.tickets[here.ticket]
        over = [second - shift.end for shift in shifts if shift.end <= second]
        if later and not now_in and over and ticket.since < at - 1000 * min(over):
            return later
        mean = lobby.rules.services[ticket.service].minutes * MINUTE
        return [(max(mean - max(0, at - ticket.since) / 1000, STILL * mean), until), *later]
    if here.stage is CounterStage.PAUSED and (now_in or not later):
        away = max(0, at - here.since) / 1000
        return [(max(BREAK - away, STILL * max(BREAK, away - BREAK)), until), *later]
    if here.stage is CounterStage.CLOSED and now_in:
        began = now_in[0][0]
        has_gone = here.since and (at - here.since) / 1000 <= -began
        if not has_gone and -began < LATE:
            return [(float(OPENS_IN), until), *later]
    return later


def lived(lobby: Lobby) -> dict[str, int]:
    """When each waiting ticket is called, in seconds from now, if the counters press CALL as soon as they are free."""
    twin = Lobby(lobby.rules, lobby.now)
    twin.state = lobby.replayed()
    minutes = {id: service.minutes for id, service in lobby.rules.services.items()}
    plans = {id: plan(lobby, id) for id in lobby.rules.counters}
    counters = [(plans[id][0][0], n, id) for n, id in enumerate(lobby.rules.counters) if plans[id]]
    heapify(counters)
    called: dict[str, int] = {}
    while counters:
        free, n, id = heappop(counters)
        if free > HORIZON:
            continue
        if free > plans[id][0][1]:
            plans[id] = plans[id][1:]
            if plans[id]:
                heappush(counters, (max(free, plans[id][0][0]), n, id))
            continue
        twin.now = lobby.now + round(1000 * free)
        # The day is not to end under the counters' hands: its roll-over is not what is tried here.
        twin.state.day = twin.rules.day_of(twin.now)
        answer = twin.do(CallNext(at=twin.now, cause="", counter=id, sure=True))
        call = answer[-1] if isinstance(answer, list) else None
        if isinstance(call, TicketCalled):
            called.setdefault(call.ticket, int(free))
            service = twin.state.tickets[call.ticket].service
            heappush(counters, (free + minutes[service] * MINUTE, n, id))
    return called


def agrees(lobby: Lobby) -> int:
    """Compare both for every ticket that waits; how many have a time."""
    exact(lobby)
    called = lived(lobby)
    state, told = lobby.state, 0
    for ticket in state.tickets.values():
        if ticket.stage is Stage.WAITING:
            assert predict(state, lobby.rules, lobby.now, ticket) == called.get(ticket.id), ticket
            told += ticket.id in called
    return told


# -- by hand -------------------------------------------------------------------------------------------------------


def wait(lobby: Lobby, service: str = "cash", klass: str = "normal") -> int | None:
    """What the roll says of somebody who comes now, if the times are as configured."""
    return left(lobby, newcomer(lobby.state, lobby.rules, lobby.now, service, klass))


def left(lobby: Lobby, ticket: Ticket) -> int | None:
    """The same of a ticket."""
    exact(lobby)
    return predict(lobby.state, lobby.rules, lobby.now, ticket)


def at_noon(counters: dict[str, dict[str, float]], **about: Any) -> Lobby:
    """A lobby at noon, when nobody who has not opened is expected any more."""
    about = {"services": {"cash": {"minutes": 4}, "personal": {"minutes": 10}}} | about
    return exact(Lobby(branch(counters, **about), local("2026-11-23 12:00")))


def do(lobby: Lobby, command: type[CounterCommand], counter: str, **about: Any) -> None:
    answer = lobby.do(command(at=lobby.now, cause="", counter=counter, **about))
    assert not isinstance(answer, Refusal), answer
