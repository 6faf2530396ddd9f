"""Rows of the journal as other systems are told them: one object a row, one line of JSON each.

The object is that of the topic `event` on MQTT, with the row's business day: `{"seq", "at", "day", "kind", "data"}`.
Rows are read by a reader of their own, which is opened each time: a journal that is put back in its place is noticed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.journal import JournalError, JournalReader
from controller.lobby.aggregate import Row

AT_A_TIME = 200
"""Rows read between two rests."""
REST = 0.001
"""Seconds of a rest: where the daemon reads, a press need not wait for all of it."""
LOOKED_AT = 20_000
"""Most rows that are looked at for one page."""
PEOPLE = ("by", "clerk", "needs", "press", "parts")
"""Fields that say who pressed (an account, a post or an alias), what a customer needs at the counter, what was typed
as it came, or what was handed on of all that."""
LEFT_OUT = ("learned",)
"""Fields that are long, and nobody else's."""


def event_of(row: Row) -> dict[str, Any]:
    """A row as MQTT tells it."""
    data = {key: value for key, value in row.data.items() if key not in LEFT_OUT}
    return {"seq": row.seq, "at": row.at, "kind": row.event.KIND, "data": data}


def told(row: Row, *, people: bool = True) -> dict[str, Any]:
    """A row as the feed tells it; without `people`, nothing of `PEOPLE`."""
    event = event_of(row)
    if not people:
        data = event["data"]
        event["data"] = {key: data[key] for key in data if key not in PEOPLE or isinstance(data[key], int)}
    return {"seq": event["seq"], "at": event["at"], "day": row.day, "kind": event["kind"], "data": event["data"]}


def line(row: Row, *, people: bool = True) -> str:
    """A row as a line of JSON, without the end of the line."""
    return json.dumps(told(row, people=people), ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Page:
    """Rows after one, in order; everything up to the row `upto` has been looked at. `more`: there may be more."""

    rows: list[Row]
    upto: int
    more: bool


def page(path: Path, after: int, kinds: Collection[str] = (), most: int = 1000) -> Page:
    """The first `most` rows after one, of these kinds if any are given. JournalError, also if there is no row `after`:
    a journal that was put back has given its later numbers again, or will."""
    with closing(JournalReader(path)) as reader:
        newest = reader.newest()
        if after > (last := newest[0] if newest else 0):
            raise JournalError(
                f"{path}: there is no row {after}, the newest is {last}; the journal was put back from a backup, so go "
                f"on after row {last} or an earlier one"
            )
        found: list[Row] = []
        upto, looked = after, 0
        while looked < LOOKED_AT:
            rows = reader.rows_after(upto, AT_A_TIME)
            for row in rows:
                upto = row.seq
                if not kinds or row.event.KIND in kinds:
                    found.append(row)
                    if len(found) == most:
                        return Page(found, upto, more=True)
            looked += len(rows)
            if len(rows) < AT_A_TIME:
                return Page(found, upto, more=False)
            time.sleep(REST)
        return Page(found, upto, more=True)


def lines(path: Path, after: int, kinds: Collection[str] = ()) -> Iterator[tuple[str, int]]:
    """Every row after one up to the newest as a line of JSON, with its number. JournalError."""
    more = True
    while more:
        part = page(path, after, kinds)
        for row in part.rows:
            yield line(row), row.seq
        after, more = part.upto, part.more
    yield "", after
