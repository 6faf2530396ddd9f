"""The words of today's notices by the lobby manager and of clerks' notes: they are in no event, but in the journal."""

from __future__ import annotations

from collections.abc import Sequence

from controller.journal import Journal
from controller.lobby.actions.day import DayOpened
from controller.lobby.actions.leave_note import NoteLeft
from controller.lobby.actions.post_notice import NoticePosted
from controller.lobby.aggregate import Row


class NoticeWords(dict[str, str]):
    """The words by the notice's or note's id: those of the journal's last day, and of what is `told`."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal
        today = journal.last_day()
        for kind in (NoticePosted.KIND, NoteLeft.KIND):
            for row, text in journal.remarks(kind, today):
                if isinstance(row.event, NoticePosted | NoteLeft):
                    self[row.event.id] = text

    def told(self, rows: Sequence[Row]) -> bool:
        """These events have just happened; whether there are new words."""
        new = False
        for row in rows:
            if isinstance(row.event, DayOpened) and not row.event.continues:
                self.clear()
            if isinstance(row.event, NoticePosted | NoteLeft):
                self[row.event.id] = self._journal.remark(row.cause)
                new = True
        return new
