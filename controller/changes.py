"""What differs between two versions of a configuration file, and what of that cannot come into force at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from controller.lobby.model.rules import Rules
from controller.lobby.model.state import ENDED, State, Ticket

Table = Mapping[str, Any]

RESTART = frozenset(
    {("journal",), ("mqtt",), ("web",), ("television",), ("cards",), ("webhook",), ("notify",)}
    | {("branch", key) for key in ("id", "timezone", "language")}
)
"""What a running controller cannot change: where its files, broker and pages are, whose day it is, and its language."""


ENDING = "the controller is ending"
EXAMINING = "devices are being examined (lobby doctor); reload again when that has ended"
NOT_IN_FORCE = 'the running controller has no device "{device}"; lobby reload has it read the configuration again'


def differences(before: Table, after: Table) -> Iterator[str]:
    """Every difference, a sentence each: `[[counter]] 3: serves has changed`, `[[device]] pad-7 is new`."""
    for name in (*before, *(each for each in after if each not in before)):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if _has_ids(old) or _has_ids(new):
            yield from _of_tables(name, old or [], new or [])
        elif isinstance(old, Mapping) and isinstance(new, Mapping):
            keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
            yield f"[{name}]: {', '.join(keys)} {_have(keys)} changed"
        else:
            yield f"[{name}] {'is new' if old is None else 'is gone' if new is None else 'has changed'}"


def fingerprint(tables: Table) -> str:
    """The same for two versions of a file that say the same."""
    return sha256(repr(tables).encode()).hexdigest()


def need_restart(before: Table, after: Table) -> list[str]:
    """The tables and keys that have changed, but can only be changed by a restart."""
    found = []
    for table, *keys in sorted(RESTART):
        old, new = before.get(table), after.get(table)
        for key in keys:
            old, new = (old or {}).get(key), (new or {}).get(key)
        if old != new:
            found.append(f"[{table}]" + "".join(f" {key}" for key in keys))
    return found


def reloaded(done: bool, said: Sequence[str]) -> str:
    """What has come of reading the configuration again, in a sentence."""
    if not done:
        return "nothing has been changed"
    return "in force" if said else "nothing is different"


def held_by_customers(state: State, rules: Rules) -> list[str]:
    """Why other rules cannot be gone over to now: what customers wait for or have is not in them."""
    found: list[str] = []
    looks: tuple[tuple[str, Mapping[str, object], Callable[[Ticket], str]], ...] = (
        ("service", rules.services, lambda ticket: ticket.service),
        ("class", rules.classes, lambda ticket: ticket.klass),
    )
    for what, known, of in looks:
        missing: dict[str, list[str]] = {}
        for ticket in state.tickets.values():
            if ticket.stage not in ENDED and of(ticket) not in known:
                missing.setdefault(of(ticket), []).append(ticket.id)
        found += [
            f'{what} "{id}" is gone, but customers have it ({", ".join(tickets[:5])}{" .." if tickets[5:] else ""}); '
            "reassign or cancel them first, or reload after the branch has closed"
            for id, tickets in missing.items()
        ]
    for counter, serves in state.serving.items():
        found += [
            f'service "{id}" is gone, but counter {counter} serves it by its profile; give it another first'
            for id in serves
            if counter in rules.counters and id not in rules.services
        ]
    return found


def _of_tables(name: str, before: list[Table], after: list[Table]) -> Iterator[str]:
    old, new = _by_id(before), _by_id(after)
    for id in old:
        if id not in new:
            yield f"[[{name}]] {id} is gone"
        elif old[id] != new[id]:
            keys = [key for key in {**old[id], **new[id]} if old[id].get(key) != new[id].get(key)]
            yield f"[[{name}]] {id}: {', '.join(keys)} {_have(keys)} changed"
    yield from (f"[[{name}]] {id} is new" for id in new if id not in old)
    both = [id for id in new if id in old]
    if both != [id for id in old if id in new]:
        yield f"[[{name}]]: their order has changed"


def _by_id(tables: list[Table]) -> dict[str, Table]:
    """Tables by their id; a clerk has an alias, and a reason for a pause a key."""
    ids = (table.get("id") or table.get("alias") or table.get("key") for table in tables)
    return {str(id or n): table for n, (id, table) in enumerate(zip(ids, tables, strict=True))}


def _has_ids(value: object) -> bool:
    return isinstance(value, list) and any(isinstance(each, Mapping) for each in value)


def _have(keys: list[str]) -> str:
    return "has" if len(keys) == 1 else "have"
