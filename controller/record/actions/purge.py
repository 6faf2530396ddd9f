"""Free text that is past its limit has been deleted. Nothing is decided about it here."""

from __future__ import annotations

from dataclasses import dataclass

from controller.lobby.actions.registry import Decision
from controller.record.registry import RecordCommand, decides
from controller.record.state import Facts, RecordEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPurge(RecordCommand):
    """Rows of a side table are deleted; `before`: the business day before which they are, YYYY-MM-DD."""

    BEGINS_DAY = False

    table: str
    before: str
    count: int


@dataclass(frozen=True, slots=True)
class Purged(RecordEvent):
    """`count` texts of a side table (`remark`) that belonged to rows before the business day `before` were deleted, in
    the same transaction as this row was written."""

    table: str
    before: str
    count: int


@decides(RecordPurge)
def _record_purge(facts: Facts, command: RecordPurge) -> Decision:
    return [Purged(command.table, command.before, command.count)]
