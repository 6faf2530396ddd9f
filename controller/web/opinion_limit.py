"""How often somebody may write at the opinion form: so many are free, then the next must wait, twice as long each time.

Counted for a ticket's own page, or for an address where there is none, under proofs that only we can make, so that no
file of ours has a customer's address. In the long run one address has one opinion in ten minutes; what a business day
takes in all is limited in the record (`controller.record.actions.opinions`).
"""

from __future__ import annotations

from collections.abc import Callable

from controller.web.accounts_file import AccountsFile

LIMITS = {"address": (5, 600), "page": (8, 600)}
"""Opinions before the next must wait, and the longest wait in seconds."""
FORGOTTEN_AFTER = 3600
"""Seconds after the last opinion from which none of them counts any more."""
KEPT = 2000

TABLE = """
CREATE TABLE IF NOT EXISTS opinion(who TEXT PRIMARY KEY, count INTEGER NOT NULL, at INTEGER NOT NULL) STRICT;
"""


class OpinionLimit:
    """Counts in the accounts' file, so that they survive a restart. `now`: seconds since 1970; `proof`: see
    `Signer.asked`."""

    def __init__(self, file: AccountsFile, now: Callable[[], float], proof: Callable[[str], str]) -> None:
        self._file, self._now, self._proof = file, now, proof

    def must_wait(self, address: str, page: str = "") -> int:
        """Seconds until an opinion may come from this address and ticket's page, empty: from any; 0: now."""
        return max((self._waits(kind, who) for kind, who in self._counted(address, page)), default=0)

    def gave(self, address: str, page: str = "") -> None:
        """Count an opinion before it is looked at, so that those at the same time all count."""
        now = int(self._now())
        with self._file.changing() as cursor:
            cursor.execute("DELETE FROM opinion WHERE abs(at - ?) > ?", (now, FORGOTTEN_AFTER))
            for _, who in self._counted(address, page):
                cursor.execute(
                    "INSERT INTO opinion VALUES (?, 1, ?) ON CONFLICT(who) DO UPDATE SET count = count + 1, at = ?",
                    (who, now, now),
                )
            cursor.execute(
                "DELETE FROM opinion WHERE rowid NOT IN (SELECT rowid FROM opinion ORDER BY at DESC LIMIT ?)", (KEPT,)
            )

    def _counted(self, address: str, page: str) -> list[tuple[str, str]]:
        about = {"address": address, "page": page}
        return [(kind, self._proof(f"opinion:{kind}:{value}")) for kind, value in about.items() if value]

    def _waits(self, kind: str, who: str) -> int:
        row = next(iter(self._file.select("SELECT count, at FROM opinion WHERE who = ?", who)), None)
        free, longest = LIMITS[kind]
        if row is None or row[0] < free:
            return 0
        passed = abs(int(self._now()) - row[1])  # a clock that was set back must not keep anybody out until then
        if passed > FORGOTTEN_AFTER:
            return 0
        return int(max(0, min(2 ** min(row[0] - free, 20), longest) - passed))
