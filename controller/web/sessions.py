"""Sessions of browsers that have signed in. Stored as SHA-256 of 256 random bits."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from controller.web.accounts_file import AccountsFile
from controller.web.private_files import AccessError
from controller.web.roles import Account
from controller.web.signer import digest

PIN_SESSION = 14 * 3600
"""Lifetime of a person's session in seconds: a working day."""
TOKEN_SESSION = 400 * 86400
"""Lifetime of a device's session in seconds after it has last loaded a page: as long as browsers keep a cookie."""
RENEWED_EVERY = 86400
"""Seconds between two renewals of a device's session."""
SESSIONS_KEPT = 50
"""Most sessions of one account; the oldest are ended."""

TABLE = """
CREATE TABLE IF NOT EXISTS session(
    id TEXT PRIMARY KEY, account TEXT NOT NULL REFERENCES account(name) ON DELETE CASCADE,
    made_at INTEGER NOT NULL, ends_at INTEGER NOT NULL
) STRICT;
"""


class Sessions:
    """The sessions of all accounts, in the accounts' file; they end with their account. `now`: seconds since 1970."""

    def __init__(self, file: AccountsFile, now: Callable[[], float]) -> None:
        self._file = file
        self._now = now

    def begin(self, account: Account) -> tuple[str, int]:
        """A new session: the value of its cookie, and its lifetime in seconds."""
        id, now = secrets.token_urlsafe(32), int(self._now())
        lasts = PIN_SESSION if account.kind == "pin" else TOKEN_SESSION
        with self._file.changing() as cursor:
            cursor.execute("DELETE FROM session WHERE ends_at <= ?", (now,))
            cursor.execute("INSERT INTO session VALUES (?, ?, ?, ?)", (digest(id), account.name, now, now + lasts))
            cursor.execute(
                "DELETE FROM session WHERE account = ? AND id NOT IN "
                "(SELECT id FROM session WHERE account = ? ORDER BY ends_at DESC, rowid DESC LIMIT ?)",
                (account.name, account.name, SESSIONS_KEPT),
            )
        return id, lasts

    def owner(self, id: str) -> str:
        """The name of the account of a session; empty: unknown or ended."""
        select = "SELECT account FROM session WHERE id = ? AND ends_at > ?"
        return next((name for (name,) in self._file.select(select, digest(id), int(self._now()))), "")

    def renew(self, id: str) -> int:
        """Renew a device's session: its new lifetime in seconds; 0: it is a person's, or nothing can be written now."""
        now = int(self._now())
        try:
            found = self._file.select(
                "SELECT ends_at FROM session JOIN account ON name = account WHERE id = ? AND kind = 'token'",
                digest(id),
            )
            if not found:
                return 0
            if found[0][0] < now + TOKEN_SESSION - RENEWED_EVERY:
                with self._file.changing() as cursor:
                    cursor.execute("UPDATE session SET ends_at = ? WHERE id = ?", (now + TOKEN_SESSION, digest(id)))
        except AccessError:
            return 0  # a full disk must not keep a television dark
        return TOKEN_SESSION

    def signed_in(self) -> frozenset[str]:
        """The keys (`key_of`) of all who are signed in."""
        found = self._file.select(
            "SELECT id FROM session WHERE ends_at > ? UNION ALL SELECT name || ' ' || made_at FROM account",
            int(self._now()),
        )
        return frozenset(key for (key,) in found)

    def end(self, id: str) -> None:
        """End a session."""
        with self._file.changing() as cursor:
            cursor.execute("DELETE FROM session WHERE id = ?", (digest(id),))


def key_of(account: Account, session: str) -> str:
    """The key of a caller in `signed_in`; `session` empty: a device that sends its token."""
    return digest(session) if session else f"{account.name} {account.made_at}"
