"""The journal: an append-only SQLite file with all events, one row an event, and what is made of its rows: the hash
chain with its anchors, exports for auditors, copies."""

from controller.journal.lock import JournalConflictError, JournalError, JournalLostError, JournalWriteError
from controller.journal.reader import JournalReader
from controller.journal.schema import SCHEMA_VERSION, uri_of
from controller.journal.writer import Journal, Remark

__all__ = [
    "SCHEMA_VERSION",
    "Journal",
    "JournalConflictError",
    "JournalError",
    "JournalLostError",
    "JournalReader",
    "JournalWriteError",
    "Remark",
    "uri_of",
]
