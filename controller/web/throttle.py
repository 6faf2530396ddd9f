"""Throttling of wrong PINs: the next attempt must wait, twice as long each time.

Attempts are counted for an account from one address, for any account from that address, and for that account from
anywhere (with a shorter limit, so that others cannot lock its owner out). In the long run one address has one attempt
in 300 s: half of all 6-digit PINs take 4.8 years. Ten addresses or more have one in 30 s together: 174 days, all of it
in the log.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from controller.web.accounts_file import AccountsFile
from controller.web.addresses import place_of

LIMITS = {"pair": (3, 300), "address": (30, 300), "account": (30, 30)}
"""Wrong attempts before the next must wait, and the longest wait in seconds. A pair: an account from one address."""
FORGOTTEN_AFTER = 3600
"""Seconds after the last wrong attempt from which none of them counts any more."""
FAILURES_KEPT = 10_000

TABLE = """
CREATE TABLE IF NOT EXISTS failure(who TEXT PRIMARY KEY, count INTEGER NOT NULL, at INTEGER NOT NULL) STRICT;
"""


class Throttle:
    """Wrong attempts, in the accounts' file, so that they survive a restart. `now`: seconds since 1970."""

    def __init__(self, file: AccountsFile, now: Callable[[], float]) -> None:
        self._file = file
        self._now = now

    def must_wait(self, name: str, address: str) -> int:
        """Seconds until a PIN of this account may be tried from this address; 0: now."""
        return max(self._waits(who) for who in _counted(name, address))

    def tried(self, name: str, address: str) -> None:
        """Count an attempt as wrong before it is checked, so that concurrent attempts all count."""
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
        """The PIN was right: earlier wrong ones for this account no longer count, from any address."""
        pair, place, account = _counted(name, address)
        with self._file.changing() as cursor:
            cursor.execute("DELETE FROM failure WHERE who IN (?, ?)", (pair, account))
            # This attempt was not a wrong one; those for other names stay.
            cursor.execute("UPDATE failure SET count = count - 1 WHERE who = ?", (place,))
            cursor.execute("DELETE FROM failure WHERE who = ? AND count <= 0", (place,))

    def forget(self, cursor: sqlite3.Cursor, name: str) -> None:
        """Within a transaction: the account is removed, and attempts for it no longer count."""
        cursor.execute("DELETE FROM failure WHERE who = ? OR who LIKE ?", (f"account:{name}", f"pair:% {name}"))

    def _waits(self, who: str) -> int:
        row = next(iter(self._file.select("SELECT count, at FROM failure WHERE who = ?", who)), None)
        if row is None:
            return 0
        free, longest = LIMITS[who.partition(":")[0]]
        over = row[0] - free
        if over < 0:
            return 0
        passed = abs(int(self._now()) - row[1])  # a clock that was set back must not lock anybody out until then
        return int(max(0, min(2 ** min(over, 20), longest) - passed))


def _counted(name: str, address: str) -> tuple[str, str, str]:
    """What an attempt counts for: pair, address, account. Addresses contain no blank, so they cannot equal a pair."""
    place = place_of(address)
    return f"pair:{place} {name}", f"address:{place}", f"account:{name}"
