"""What wrong PINs cost: the next try waits, twice as long each time.

Counted are an account from one address, any account from that address, and, for less long so that no stranger keeps its
owner out, that account from anywhere. In the long run one address has a try in 300 s: it has gone through half of all
6-digit PINs after 4.8 years. Ten or more have one in 30 s together: 174 days, all of which the log tells of.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from controller.web.accounts_file import AccountsFile
from controller.web.addresses import place_of

LIMITS = {"pair": (3, 300), "address": (30, 300), "account": (30, 30)}
"""Wrong tries before the next has to wait, and the longest wait in seconds. A pair is an account from one address."""
FORGOTTEN_AFTER = 3600
"""Seconds after the last wrong try when those before it do not count any more."""
FAILURES_KEPT = 10_000

TABLE = """
CREATE TABLE IF NOT EXISTS failure(who TEXT PRIMARY KEY, count INTEGER NOT NULL, at INTEGER NOT NULL) STRICT;
"""


class Throttle:
    """Wrong tries, in the accounts' file, so that they outlive a restart. `now` gives seconds since 1970."""

    def __init__(self, file: AccountsFile, now: Callable[[], float]) -> None:
        self._file = file
        self._now = now

    def must_wait(self, name: str, address: str) -> int:
        """Seconds until a PIN of this account may be tried from this address; 0: now."""
        return max(self._waits(who) for who in _counted(name, address))

    def tried(self, name: str, address: str) -> None:
        """Count a try as a wrong one, before it is looked at: any number at once are as many."""
        now = int(self._now())
        with self._file.changing() as cursor:
            cursor.execute("DELETE FROM failure WHERE abs(at - ?) > ?", (now, FORGOTTEN_AFTER))
            for who in _counted(name, address):
                cursor.execute(
                    "INSERT INTO failure VALUES (?, 1, ?) ON CONFLICT(who) DO UPDATE SET count = count + 1, at = ?",
                    (who, now, now),
                )
            cursor.execute(
                "DELETE FROM failure WHERE rowid NOT IN (SELECT rowid FROM failure ORDER BY at DESC LIMIT ?)",
                (FAILURES_KEPT,),
            )

    def succeeded(self, name: str, address: str) -> None:
        """The PIN was right: earlier wrong ones of this account do not count any more, from anywhere."""
        pair, place, account = _counted(name, address)
        with self._file.changing() as cursor:
            cursor.execute("DELETE FROM failure WHERE who IN (?, ?)", (pair, account))
            # This try was none of the wrong ones; those of other names stay.
            cursor.execute("UPDATE failure SET count = count - 1 WHERE who = ?", (place,))
            cursor.execute("DELETE FROM failure WHERE who = ? AND count <= 0", (place,))

    def forget(self, cursor: sqlite3.Cursor, name: str) -> None:
        """Within a transaction: the account is no more, and nothing that was tried of it counts."""
        cursor.execute("DELETE FROM failure WHERE who = ? OR who LIKE ?", (f"account:{name}", f"pair:% {name}"))

    def _waits(self, who: str) -> int:
        row = next(iter(self._file.select("SELECT count, at FROM failure WHERE who = ?", who)), None)
        if row is None:
            return 0
        free, longest = LIMITS[who.partition(":")[0]]
        over = row[0] - free
        if over < 0:
            return 0
        passed = abs(int(self._now()) - row[1])  # a clock that was set back does not lock out until it is there again
        return int(max(0, min(2 ** min(over, 20), longest) - passed))


def _counted(name: str, address: str) -> tuple[str, str, str]:
    """What a try counts for: the pair, the address, the account. A place has no blank, so no name is taken for one."""
    place = place_of(address)
    return f"pair:{place} {name}", f"address:{place}", f"account:{name}"
