"""`lobby why`: why a ticket was called when it was, from the journal, and what became of it or why it is not next."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from controller.lobby.actions.call_next import TicketCalled
from controller.lobby.actions.day import DayClosed
from controller.lobby.actions.registry import evolve
from controller.lobby.actions.take_ticket import TicketIssued
from controller.lobby.actions.undo_at_counter import CallUndone, ServiceResumed
from controller.lobby.aggregate import Row
from controller.lobby.answers import sentence
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import Stage, State
from controller.lobby.model.units import NEVER, Ms, Seconds, in_ms, in_seconds
from controller.lobby.show import explain
from controller.lobby.show.explain import Explanation
from controller.output import console, table, write_json


def meant(rows: Sequence[Row], text: str) -> list[str]:
    """The tickets of a day that may be meant by A018, a018, A18 or 18."""
    issued = {row.event.ticket: row.event.number for row in rows if isinstance(row.event, TicketIssued)}
    if text in issued:
        return [text]
    wanted = text.strip().casefold()
    same = [id for id in issued if id.casefold() == wanted]
    short = re.fullmatch(r"(\D*)([0-9]+)", wanted)
    if same or not short:
        return same
    prefix, number = short[1], int(short[2])
    return [
        id
        for id, its_number in issued.items()
        if its_number == number and prefix in ("", id.rstrip("0123456789").casefold())
    ]


def explanations(rows: Sequence[Row], rules: Rules, text: str) -> list[tuple[Ms, Explanation]]:
    """(ms since 1970, why) for each call of a ticket in one day's rows, and for where it stands at their end; if it
    does not wait then, since when."""
    say = rules.wording.say
    found = meant(rows, text)
    if len(found) != 1:
        key = "asked.several" if found else "explain.unknown"
        return [(rows[-1].at if rows else NEVER, Explanation("", say(key, ticket=text, tickets=", ".join(found))))]
    (id,) = found
    told = []
    state, stage = State(), ""
    last = since = NEVER
    over = False
    for row in rows:
        if isinstance(row.event, DayClosed) and not row.event.continued:
            over = True  # it removes all tickets
            break
        if isinstance(row.event, TicketCalled) and row.event.ticket == id:
            told.append((row.at, explain.call(state, rules, id, row.event.why)))
        elif isinstance(row.event, CallUndone | ServiceResumed) and row.event.ticket == id:
            told.append((row.at, Explanation(id, sentence(rules, row.event))))
        evolve(state, row.at, row.event)
        last = row.at
        ticket = state.tickets.get(id)
        if ticket and ticket.stage != stage:
            stage, since = ticket.stage, row.at
    rules = rules.serving(state.serving)
    stands = explain.ticket(state, rules, id, rules.end_of_day(last) if over else last, calls=False)
    if over and stage == Stage.WAITING:
        stands = Explanation(id, say("asked.day_over", ticket=id))
    elif over and stage == Stage.HELD:
        stands = Explanation(id, say("asked.held_over", ticket=id, counter=state.tickets[id].counter))
    return [*told, (last if stage == Stage.WAITING else since, stands)]


def show(rows: Sequence[Row], rules: Rules, ticket: str, out: Path | None) -> bool:
    """Print it, and write it to `out` as JSON; whether there is such a ticket."""
    say = rules.wording.say
    shown, found = console(), explanations(rows, rules, ticket)
    known = bool(found[0][1].ticket)
    if not known:
        Console(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True).print(found[0][1].text)
    for at, explanation in found if known else ():
        shown.print(f"{_clock(rules, in_seconds(at))}  {explanation.text}")
        if explanation.table:
            names = [say(f"asked.{key}") for key in ("ticket", "service", "class")]
            lines = table("", names, [say("asked.came"), say("asked.counts")])
            lines.columns[0].no_wrap = True
            for line in explanation.table:
                came, counts = _clock(rules, line.came), _clock(rules, line.counts)
                lines.add_row(line.ticket, line.service, line.klass, came, counts)
            shown.print(lines)
    write_json(out, [{"at": at, **asdict(explanation)} for at, explanation in found])
    return known


def _clock(rules: Rules, seconds: Seconds) -> str:
    return rules.local(in_ms(seconds)).strftime("%H:%M:%S")
