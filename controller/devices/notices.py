"""The words of notices by the lobby manager and of clerks' notes: they are in no event, but in the journal."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

from controller.journal import Journal, JournalReader
from controller.lobby.actions.day import DayOpened
from controller.lobby.actions.leave_note import NoteLeft
from controller.lobby.actions.post_notice import NoticePosted
from controller.lobby.aggregate import Row


class NoticeWords(dict[str, str]):
    """The words by the notice's or note's id: those of the journal's last day, of notes that this day took over from
    earlier ones, and of what is `told`."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal
        today = journal.last_day()
        if today and (first := next(iter(journal.rows(today)), None)) and isinstance(first.event, DayOpened):
            for note in first.event.notes or ():
                for row, text in journal.remarks(NoteLeft.KIND, note["day"]):
                    if isinstance(row.event, NoteLeft) and row.event.id == note["id"]:
                        self[row.event.id] = text
        for kind in (NoticePosted.KIND, NoteLeft.KIND):
            for row, text in journal.remarks(kind, today):
                if isinstance(row.event, NoticePosted | NoteLeft):
                    self[row.event.id] = text

    def told(self, rows: Sequence[Row]) -> bool:
        """These events have just happened; whether there are new words."""
        new = False
        for row in rows:
            if isinstance(row.event, DayOpened) and not row.event.continues:
                notes = {note["id"]: self[note["id"]] for note in row.event.notes or () if note["id"] in self}
                self.clear()
                self.update(notes)
            if isinstance(row.event, NoticePosted | NoteLeft):
                self[row.event.id] = self._journal.remark(row.cause)
                new = True
        return new


WORDED = ("words",)
"""The fields in pictures of the record that name the cause of a row with a person's words."""
REMARKS_KEPT = 1000


class Remarks:
    """What people have written, by the cause of its row; read from the journal once each."""

    def __init__(self, journal: JournalReader) -> None:
        self._journal = journal
        self._read: OrderedDict[str, str] = OrderedDict()

    def of(self, shown: Any) -> dict[str, str]:
        """What was written of everything that a picture shows; nothing, where it has been purged."""
        return {cause: text for cause in dict.fromkeys(_causes(shown)) if (text := self._of(cause))}

    def _of(self, cause: str) -> str:
        if cause not in self._read:
            self._read[cause] = self._journal.remark(cause)
            while len(self._read) > REMARKS_KEPT:
                self._read.popitem(last=False)
        return self._read[cause]


def _causes(shown: Any) -> Iterator[str]:
    if isinstance(shown, dict):
        for name, each in shown.items():
            if name in WORDED and isinstance(each, str):
                if each:
                    yield each
            else:
                yield from _causes(each)
    elif isinstance(shown, list | tuple):
        for each in shown:
            yield from _causes(each)
