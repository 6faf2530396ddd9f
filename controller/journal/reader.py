"""Reading a journal, also while a controller writes it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import controller.record.actions  # noqa: F401 - the kinds of rows beside the lobby's
from controller.journal.chain import Anchor, Stored
from controller.journal.lock import JournalError
from controller.journal.schema import (
    APPLICATION_ID,
    COLUMNS,
    SCHEMA_VERSION,
    Looked,
    connect_to_read,
    identity_of,
    newer,
    why_not_read,
)
from controller.lobby.actions.day import DayOpened
from controller.lobby.actions.event import UnknownEventError, from_row, known_kinds
from controller.lobby.aggregate import Row
from controller.lobby.model.units import Ms

LOWEST = -(1 << 63)
"""The lowest number that SQLite can give a row; ours begin at 1."""
AT_A_TIME = 1000
"""Rows read at a time: a long-running reader must not keep the log from being checkpointed."""
BareRow = tuple[Ms, str, dict[str, Any], str]
"""When (ms since 1970, UTC), the kind, the data and the cause of a row."""
_ROWS = f"SELECT {', '.join(COLUMNS)} FROM event"
_BARE = "CASE WHEN kind = 'ticket_called' AND json_valid(data) THEN json_remove(data, '$.why') ELSE data END"
_BARE_ROWS = _ROWS.replace(" data,", f" {_BARE},")


class Text(NamedTuple):
    """A remark without what it says: the cause of its row, when it was typed (ms since 1970, UTC), and of its row the
    kind, the business day and the number."""

    cause: str
    at: Ms
    kind: str
    day: str
    seq: int


class JournalReader:
    """A journal opened for reading, also while a controller writes it. Raises JournalError if it is not a journal."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reader: sqlite3.Connection | None = None
        self._reading()

    def close(self) -> None:
        """Close the file."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def last_day(self) -> str:
        """The business day of the last row; empty for a new journal."""
        row = next(self._select("SELECT day FROM event ORDER BY seq DESC LIMIT 1"), None)
        return row[0] if row else ""

    def begun_at(self) -> Ms | None:
        """When the first row was written, in ms since 1970, UTC; None: there is none."""
        row = next(self._select("SELECT at FROM event ORDER BY seq LIMIT 1"), None)
        return Ms(row[0]) if row else None

    def last_day_with(self, *kinds: str) -> str:
        """The last business day with an event of one of these kinds; empty if there is none."""
        marks = ",".join("?" * len(kinds))
        select = f"SELECT day FROM event WHERE kind IN ({marks}) ORDER BY seq DESC LIMIT 1"
        row = next(self._select(select, *kinds), None)
        return row[0] if row else ""

    def days(self) -> list[str]:
        """The business days that there are, oldest first."""
        return [day for (day,) in self._select("SELECT DISTINCT day FROM event ORDER BY day")]

    def rows(self, day: str) -> Iterator[Row]:
        """The rows of one business day, oldest first; JournalError at the first that cannot be read.

        If the clock was set, the rows of the day that this one continues come first. The log cannot be checkpointed
        during a read transaction: so this reads `AT_A_TIME` rows at a time, however slow the caller is.
        """
        first, last = self._whole(day)
        select = f"{_ROWS} WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT {AT_A_TIME}"
        while part := list(self._select(select, first, last)):
            for columns in part:
                yield self._row(columns)
            first = part[-1][0] + 1

    def bare_rows(self, day: str, kinds: Collection[str], timed: Collection[str] = ()) -> Iterator[BareRow]:
        """As `rows`, of these kinds alone and without making events of them, for reports over many days; and without
        data the last row of the `timed` kinds. Why tickets were called is left out, which is most of the rows' text.
        What this program does not know is refused as `rows` does."""
        first, last = self._whole(day)
        others = [kind for kind in known_kinds() if kind not in kinds]
        newest = self._last_of(first, last, timed)
        where = f"seq BETWEEN ? AND ? AND kind NOT IN ({_marks(others)})"
        select = f"{_BARE_ROWS} WHERE {where} ORDER BY seq LIMIT {AT_A_TIME}"
        while part := list(self._select(select, first, last, *others)):
            for (seq, at, _, kind, _, _, cause, _), data in zip(part, self._data(part, kinds), strict=True):
                if newest and newest[0] < seq:
                    yield newest[1:]
                    newest = None
                yield at, kind, data, cause
            first = part[-1][0] + 1
        if newest:
            yield newest[1:]

    def _last_of(
        self, first: int, last: int, kinds: Collection[str]
    ) -> tuple[int, Ms, str, dict[str, Any], str] | None:
        select = f"{_ROWS} WHERE seq BETWEEN ? AND ? AND kind IN ({_marks(kinds)}) ORDER BY seq DESC LIMIT 1"
        found = next(self._select(select, first, last, *kinds), None)
        return (found[0], found[1], found[3], {}, found[6]) if found else None

    def _data(self, rows: Sequence[Sequence[Any]], kinds: Collection[str]) -> list[dict[str, Any]]:
        """The data of rows, which is parsed all at once where it can be."""
        if all(row[4] == 1 and row[3] in kinds for row in rows):
            try:
                found: list[dict[str, Any]] = json.loads(f"[{','.join(row[5] for row in rows)}]")
                if len(found) == len(rows):
                    return found
            except (ValueError, TypeError):
                pass  # reading them one by one will name the row
        return [
            self._row(row).event.to_row() if row[4] != 1 or row[3] not in kinds else self._plain(row) for row in rows
        ]

    def _plain(self, row: Sequence[Any]) -> dict[str, Any]:
        try:
            data: dict[str, Any] = json.loads(row[5])
            return data
        except (ValueError, TypeError) as error:
            raise self._damaged(row[0]) from error

    def days_between(self, first: str, last: str) -> list[str]:
        """The business days that there are from one day to another, oldest first."""
        return [
            day
            for (day,) in self._select(
                "SELECT DISTINCT day FROM event WHERE day BETWEEN ? AND ? ORDER BY day", first, last
            )
        ]

    def remarks(self, kind: str, day: str) -> list[tuple[Row, str]]:
        """The rows of a kind on a business day, as `rows` has them, each with what was typed with it; not those with
        which nothing was, or for which that was purged."""
        columns = ", ".join(f"event.{name}" for name in COLUMNS)
        joined = f"SELECT {columns}, remark.text FROM event JOIN remark ON remark.cause = event.cause"
        found = self._select(f"{joined} WHERE seq BETWEEN ? AND ? AND kind = ? ORDER BY seq", *self._whole(day), kind)
        return [(self._row(columns), str(text)) for *columns, text in found]

    def remark(self, cause: str) -> str:
        """What was typed with a press; empty: nothing, or it was purged."""
        found = next(self._select("SELECT text FROM remark WHERE cause = ?", cause), None)
        return str(found[0]) if found else ""

    def texts(self) -> list[Text]:
        """Every remark, without what it says."""
        select = (
            "SELECT r.cause, r.at, e.kind, e.day, e.seq FROM remark r JOIN event e ON e.cause = r.cause AND part = 0"
        )
        return [Text(*found) for found in self._select(select)]

    def first_rows(self) -> list[tuple[str, int]]:
        """Each business day and its first row, in the order in which they began."""
        return list(self._select("SELECT day, min(seq) FROM event GROUP BY day ORDER BY min(seq)"))

    def last_of(self, kind: str) -> int:
        """The last row of a kind; 0: there is none."""
        return int(next(self._select("SELECT coalesce(max(seq), 0) FROM event WHERE kind = ?", kind))[0])

    def position(self, follower: str) -> int | None:
        """The last row that a follower of the journal has taken; None: it has taken none yet."""
        if not self._has("position"):
            return None
        found = next(self._select("SELECT seq FROM position WHERE follower = ?", follower), None)
        return int(found[0]) if found else None

    def _has(self, table: str) -> bool:
        """Whether there is a table that journals of older programs lack."""
        return bool(
            next(self._select("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?", table))[0]
        )

    def _whole(self, day: str) -> tuple[int, int]:
        """The first and the last row of a day with those that it continues; (0, -1) if it has none."""
        first, last = self._span(day)
        while continued := self._continued(first):
            begins, _ = self._span(continued)
            if not 0 < begins < first:
                break
            first = begins
        return first, last

    def _span(self, day: str) -> tuple[int, int]:
        """The first and the last row of a day; (0, -1) if it has none."""
        first, last = next(self._select("SELECT min(seq), max(seq) FROM event WHERE day = ?", day))
        return (0, -1) if first is None else (first, last)

    def _continued(self, seq: int) -> str:
        """The day that is continued by the one whose first row is `seq`; empty: none."""
        columns = next(self._select("SELECT kind, data FROM event WHERE seq = ?", seq), None)
        if columns is None or columns[0] != DayOpened.KIND:
            return ""
        try:
            return str(json.loads(columns[1]).get("continues") or "")
        except (ValueError, AttributeError):
            return ""  # reading the row will report the error

    def rows_after(self, seq: int, limit: int) -> list[Row]:
        """The first `limit` rows after one, of whatever day."""
        return [
            self._row(columns) for columns in self._select(f"{_ROWS} WHERE seq > ? ORDER BY seq LIMIT ?", seq, limit)
        ]

    def stored(self, first: int = LOWEST) -> Iterator[Stored]:
        """All rows from `first` on as the table has them, in order; those that are written meanwhile too."""
        select = f"{_ROWS} WHERE seq >= ? ORDER BY seq LIMIT {AT_A_TIME}"
        while part := list(self._select(select, first)):
            yield from part
            first = part[-1][0] + 1

    def newest(self) -> Stored | None:
        """The last row as the table has it."""
        return next(self._select(f"{_ROWS} ORDER BY seq DESC LIMIT 1"), None)

    def shape(self, days: int) -> dict[str, Any]:
        """How many rows there are, by kind, and by business day for the last `days`."""
        kinds = dict(self._select("SELECT kind, count(*) FROM event GROUP BY kind ORDER BY kind"))
        newest = list(self._select(f"SELECT day, count(*) FROM event GROUP BY day ORDER BY day DESC LIMIT {days}"))
        (remarks,) = next(self._select("SELECT count(*) FROM remark"))
        (version,) = next(self._select("PRAGMA user_version"))
        rows = {"format": version, "rows": sum(kinds.values()), "remarks": remarks}
        return rows | {"by kind": kinds, "by day": dict(reversed(newest))}

    def from_day_to_day(self, first: str, last: str) -> tuple[int, int] | None:
        """The first row of the days from `first` on and the last of those up to `last`; empty: no limit. None: no
        row."""
        found = next(
            self._select(
                "SELECT (SELECT min(seq) FROM event WHERE day >= ?), (SELECT max(seq) FROM event WHERE day <= ?)",
                first,
                last or "9999-12-31",
            )
        )
        return None if None in found or found[0] > found[1] else found

    def anchors(self) -> list[Anchor]:
        """The anchors of the days that are over, in order; none in a journal of an older program."""
        return [Anchor(*found) for found in self._anchors("ORDER BY seq")]

    def last_anchor(self, day: str = "") -> Anchor | None:
        """The newest anchor, or that of one day."""
        of_it = ("WHERE day = ?", day) if day else ("",)
        found = self._anchors(f"{of_it[0]} ORDER BY seq DESC LIMIT 1", *of_it[1:])
        return Anchor(*found[0]) if found else None

    def _anchors(self, which: str, *values: object) -> list[tuple[Any, ...]]:
        return list(self._select(f"SELECT seq, day, hash FROM anchor {which}", *values)) if self._has("anchor") else []

    def identity(self) -> tuple[str, str]:
        """The journal's id and its branch; empty where it does not say."""
        try:
            return identity_of(self._reading())
        except sqlite3.Error as error:
            raise JournalError(why_not_read(self.path, error)) from error

    def of_cause(self, cause: str) -> list[Row]:
        """The rows that one press led to, in order; none if it did nothing yet."""
        return [self._row(columns) for columns in self._select(f"{_ROWS} WHERE cause = ? ORDER BY part", cause)]

    def cause_beginning(self, prefix: str) -> str | None:
        """A cause that begins with `prefix`, if one has acted."""
        select = "SELECT cause FROM event WHERE cause >= ? AND cause < ? LIMIT 1"
        row = next(self._select(select, prefix, prefix + "\x7f"), None)
        return str(row[0]) if row else None

    def recent_cause(self, prefix: str, since: Ms, until: Ms, press: str) -> str | None:
        """The cause `prefix<ms>` of the press `press` between two times in ms (both within), if it was written."""
        select = "SELECT cause, data FROM event WHERE cause >= ? AND cause <= ? AND part = 0 ORDER BY cause DESC"
        for cause, data in self._select(select, f"{prefix}{since:013d}", f"{prefix}{until:013d}"):
            if json.loads(data).get("press") == press:
                return str(cause)
        return None

    def _select(self, select: str, *values: object) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._reading().execute(select, values)
        except sqlite3.Error as error:
            raise JournalError(why_not_read(self.path, error)) from error

    def _reading(self) -> sqlite3.Connection:
        """The connection to read with, opened if it is not open; JournalError if there is no journal at the path."""
        if self._reader is None:
            path = self.path
            try:
                if not path.exists():
                    raise JournalError(f"{path}: there is no such file; name the file that [journal] path names")
                self._reader, columns, version, application = self._connect()
            except (sqlite3.Error, OSError) as error:
                raise JournalError(why_not_read(path, error)) from error
            try:
                if columns != COLUMNS and application != APPLICATION_ID:
                    raise JournalError(f"{path}: this is no journal; name the file that [journal] path names")
                if version > SCHEMA_VERSION:
                    raise newer(path, version)
                if columns != COLUMNS:
                    raise JournalError(f"{path}: this is no whole journal; restore it from a backup")
            except JournalError:
                JournalReader.close(self)
                raise
        return self._reader

    def _connect(self) -> Looked:
        return connect_to_read(self.path)

    def _row(self, columns: Sequence[Any]) -> Row:
        seq, at, day, kind, version, data, cause, part = columns
        try:
            fields = json.loads(data)
            return Row(seq, at, day, from_row(kind, version, fields), cause, part, fields.get("press"))
        except UnknownEventError as error:
            raise JournalError(
                f"{self.path}: row {seq} ({error}) was written by a newer version of this program; install that version"
            ) from error
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise self._damaged(seq) from error

    def _damaged(self, seq: int) -> JournalError:
        return JournalError(
            f"{self.path}: row {seq} cannot be read; the file is damaged: restore it from a backup, "
            f"or move it and its .lock away to begin a new one"
        )


def _marks(values: Collection[object]) -> str:
    return ",".join("?" * len(values))
