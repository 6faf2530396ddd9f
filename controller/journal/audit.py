"""Exports of a journal for auditors, and whether a journal or an export is whole by its hash chain.

Both are read as a stream, in constant memory, also while a daemon writes. What a row's line and its hash are:
`controller.journal.chain`. Two formats:

* `jsonl`: a first line `{"lobby-export":1,"branch":"..","journal":"..","first":1,"before":"HASH"}`, where `before` is
  the hash before the row `first`; a line `{"hash":"HASH","row":ROW}` for each row, where ROW is the line of the chain,
  byte for byte; a last line `{"rows":N,"days":N,"last":SEQ,"hash":"HASH"}`.
* `csv` (RFC 4180, UTF-8): the columns are `COLUMNS`; the first record has `before` and the hash before the first row,
  the last one `end` and the hash of the last row.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Literal, TextIO

from controller.journal import JournalError, JournalReader
from controller.journal.chain import Anchor, Anchors, Chain, MisfitError, Stored, Wanted
from controller.output import writing

Format = Literal["jsonl", "csv"]
FORMATS: tuple[Format, ...] = ("jsonl", "csv")
COLUMNS = ("seq", "at", "day", "kind", "version", "cause", "part", "data", "hash")
NEAR = 100_000
"""Most rows that are followed to tell the newest anchor, of about a second."""
LINE_LIMIT = 1 << 24
"""Most bytes of a line of an export."""
_FIRST = b'{"lobby-export":'
_ROW = re.compile(rb'\{"hash":"([0-9a-f]{64})","row":(\{.*\})\}\n')


@dataclass(frozen=True, slots=True)
class Whole:
    """What was found whole: how many rows of how many business days, the first of them, and the hash of the last."""

    rows: int
    days: int
    first: int
    last: Anchor


class _Count:
    """Rows and days as they go by."""

    def __init__(self, chain: Chain, anchors: Anchors) -> None:
        self.chain, self.first, self.rows = chain, chain.seq + 1, 0
        self._anchors = anchors
        self._days: set[str] = set()
        self._day = ""

    def next(self, day: str) -> None:
        """Before a row of this day."""
        if day != self._day:
            if self._day:
                self._anchors.day_over(self.chain.here)
            self._day = day
            self._days.add(day)

    def added(self) -> None:
        """After a row."""
        self.rows += 1
        if self._anchors.due(self.chain.seq):
            self._anchors.at(self.chain.here)

    def whole(self) -> Whole:
        """At the end; MisfitError if an anchor is not met."""
        if self._day:
            self._anchors.day_over(self.chain.here)
        self._anchors.end(self.chain.here)
        return self.part()

    def part(self) -> Whole:
        """What has gone by."""
        return Whole(self.rows, len(self._days), self.first, self.chain.here)


def verify_journal(path: Path, wanted: Iterable[Wanted] = ()) -> Whole:
    """Follow the whole chain of a journal, past the anchors that stand in it and those of `wanted`. MisfitError names
    the first row that does not fit; JournalError."""
    with closing(JournalReader(path)) as reader:
        count = _Count(Chain(), Anchors(wanted, reader.anchors()))
        for row in reader.stored():
            count.next(row[2])
            count.chain.add(row)
            count.added()
        return count.whole()


def verify_export(path: Path, wanted: Iterable[Wanted] = (), journal: Path | None = None) -> Whole:
    """Follow the chain of an export; with a `journal`, each of its rows must also be in that, as it is. MisfitError
    names the first row that does not fit; JournalError: this is no export."""
    with path.open("rb") as file:
        jsonl = file.read(len(_FIRST)) == _FIRST
    with _other(journal) as stored:
        if jsonl:
            with path.open("rb") as lines:
                return _jsonl(path, lines, wanted, stored)
        with path.open(encoding="utf-8", newline="") as text:
            return _csv(path, text, wanted, stored)


def so_far(reader: JournalReader) -> Anchor | None:
    """The anchor of the newest row, from the newest that the journal holds on; None: there is no row yet, or so many
    since then that it would take long."""
    anchor = reader.last_anchor()
    chain = Chain(anchor)
    for row in islice(reader.stored(chain.seq + 1), NEAR):
        chain.add(row)
    return chain.here if 0 < chain.seq < (anchor.seq if anchor else 0) + NEAR else None


Look = Callable[[int, bytes], None]


@contextmanager
def _other(journal: Path | None) -> Iterator[Look]:
    """What compares a row's line with that of the journal."""
    if journal is None:
        yield lambda seq, line: None
        return
    with closing(JournalReader(journal)) as reader:
        chain: Chain | None = None
        rows: Iterator[Stored] = iter(())

        def look(seq: int, line: bytes) -> None:
            nonlocal chain, rows
            if chain is None:
                chain, rows = Chain(Anchor(seq - 1, "", "")), reader.stored(seq)
            row = next(rows, None)
            if row is None:
                raise MisfitError(f"row {seq}: it is in the export, and not in {journal}", seq)
            if chain.add(row) != line:
                raise MisfitError(f"row {seq}: in {journal} it is not what it is in the export", seq)

        yield look


def _jsonl(path: Path, lines: BinaryIO, wanted: Iterable[Wanted], look: Look) -> Whole:
    head = _object(path, 1, lines.readline(LINE_LIMIT))
    if head.get("lobby-export") != 1:
        raise JournalError(f"{path}: this export was written by a newer version of this program; verify it with that")
    count = _begun(path, head.get("first"), head.get("before"), wanted)
    for number in range(2, 1 << 62):
        line = lines.readline(LINE_LIMIT)
        if not (found := _ROW.fullmatch(line)):
            end = _object(path, number, line)
            break
        row = _object(path, number, found[2])
        seq, day = row.get("seq"), row.get("day")
        if type(seq) is not int or not isinstance(day, str):
            raise JournalError(f"{path}: line {number} is no row of an export")
        _add(count, seq, day, found[2], found[1].decode(), look)
    last = count.chain.here
    if (end.get("rows"), end.get("last"), end.get("hash")) != (count.rows, last.seq, last.hash) or lines.read(1):
        raise MisfitError(f"row {last.seq + 1}: the export ends otherwise than its last line says", last.seq + 1)
    return count.whole()


def _csv(path: Path, text: TextIO, wanted: Iterable[Wanted], look: Look) -> Whole:
    csv.field_size_limit(LINE_LIMIT)
    records = csv.reader(text, strict=True)
    try:
        if tuple(next(records, ())) != COLUMNS or not (before := next(records, None)) or before[0] != "before":
            raise JournalError(f"{path}: this is no export; it takes a file that lobby export has written")
        count: _Count | None = None
        for record in records:
            seq, at, day, kind, version, cause, part, data, hash = record
            if seq == "end":
                last = count.chain.here if count else Anchor(0, "", before[-1])
                if hash == last.hash and next(records, None) is None:
                    return count.whole() if count else Whole(0, 0, 1, last)
                break
            count = count or _begun(path, int(seq), before[-1], wanted)
            row = (int(seq), int(at), day, kind, int(version), data, cause, int(part))
            _add(count, int(seq), day, Chain(Anchor(int(seq) - 1, "", "")).add(row), hash, look)
    except (ValueError, csv.Error) as error:  # ValueError is also of text that is not UTF-8
        raise JournalError(f"{path}: line {records.line_num} is no record of an export") from error
    seq_after = count.chain.seq + 1 if count else 1
    raise MisfitError(f"row {seq_after}: the export ends otherwise than its last record says", seq_after)


def _begun(path: Path, first: object, before: object, wanted: Iterable[Wanted]) -> _Count:
    if type(first) is not int or not isinstance(before, str) or not re.fullmatch("[0-9a-f]{64}", before):
        raise JournalError(f"{path}: this is no export; it takes a file that lobby export has written")
    return _Count(Chain(Anchor(first - 1, "", before)), Anchors(wanted))


def _add(count: _Count, seq: int, day: str, line: bytes, hash: str, look: Look) -> None:
    count.next(day)
    count.chain.follow(seq, day, line)
    if count.chain.hash.hex() != hash:
        raise MisfitError(f"row {seq}: its hash is not that of its content, so it or a row before it was changed", seq)
    look(seq, line)
    count.added()


def _object(path: Path, number: int, line: bytes) -> dict[str, object]:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise JournalError(f"{path}: line {number} is no line of an export, or the file was cut there")
    return found


def export(journal: Path, out: Path, format: Format, first: str = "", last: str = "") -> Whole:
    """Write the rows of the days from `first` to `last` (empty: all) to `out`, which must not be there yet. The chain
    is followed from the first row of the journal. MisfitError: that itself is not whole. JournalError, OSError.

    The rows are a piece of the journal as it was written: if the clock was set, rows of other days may be among them.
    """
    if out.exists():
        raise FileExistsError(f"{out} is there already; name another file")
    with closing(JournalReader(journal)) as reader:
        span = reader.from_day_to_day(first, last)
        if span is None:
            raise JournalError(f"{journal}: there is no row of these days")
        partial = out.with_name(f"{out.name}.partial")
        with writing(out):
            try:
                with partial.open("w", encoding="utf-8", newline="") as file:
                    whole = (_write_csv if format == "csv" else _write_jsonl)(reader, file, *span)
                partial.rename(out)
            finally:
                partial.unlink(missing_ok=True)
    return whole


def _followed(reader: JournalReader, first: int, last: int) -> Iterator[tuple[_Count, Stored, bytes]]:
    """The rows up to `last`, each with its line, once the chain has been followed to before `first`; before them one
    item with no line."""
    chain, anchors = Chain(), Anchors(kept=reader.anchors())
    rows = reader.stored()
    before = _Count(chain, anchors)
    for row in islice(rows, first - 1):
        chain.add(row)
        before.added()
    count = _Count(chain, anchors)
    yield count, (), b""
    for row in islice(rows, last - first + 1):
        count.next(row[2])
        line = chain.add(row)
        count.added()
        yield count, row, line


def _write_jsonl(reader: JournalReader, file: TextIO, first: int, last: int) -> Whole:
    id, branch = reader.identity()
    for count, _, line in _followed(reader, first, last):
        if line:
            file.write(f'{{"hash":"{count.chain.hash.hex()}","row":{line.decode()}}}\n')
        else:
            head = {"branch": branch, "journal": id, "first": first, "before": count.chain.hash.hex()}
            file.write(json.dumps({"lobby-export": 1} | head, ensure_ascii=False, separators=(",", ":")) + "\n")
    whole = count.part()
    end = {"rows": whole.rows, "days": whole.days, "last": whole.last.seq, "hash": whole.last.hash}
    file.write(json.dumps(end, separators=(",", ":")) + "\n")
    return whole


def _write_csv(reader: JournalReader, file: TextIO, first: int, last: int) -> Whole:
    records = csv.writer(file)
    records.writerow(COLUMNS)
    blank = [""] * (len(COLUMNS) - 2)
    for count, row, line in _followed(reader, first, last):
        if line:
            seq, at, day, kind, version, data, cause, part = row
            records.writerow((seq, at, day, kind, version, cause, part, data, count.chain.hash.hex()))
        else:
            records.writerow(("before", *blank, count.chain.hash.hex()))
    whole = count.part()
    records.writerow(("end", *blank, whole.last.hash))
    return whole
