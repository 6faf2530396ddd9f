"""Accounts with a PIN or a token, their sessions, and the throttling of wrong PINs.

All of it is in one file. PINs are kept as Argon2id hashes (`pins`), tokens and sessions as SHA-256 of 256 random bits
(`sessions`); failed attempts are counted there as well (`throttle`), and how often customers write (`opinion_limit`).

Names are roles or staff numbers, not people's names: they are in the journal beside what was done.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from pathlib import Path

from controller.web import opinion_limit, pins, sessions, signer, throttle
from controller.web.accounts_file import AccountsFile
from controller.web.opinion_limit import OpinionLimit
from controller.web.private_files import AccessError
from controller.web.roles import Account, Role
from controller.web.sessions import Sessions
from controller.web.signer import Signer, digest
from controller.web.throttle import Throttle

SEEN_EVERY = 600
"""Seconds between two updates of an account's time of last use."""
SEEN_AGAIN = 60
"""Seconds until the next attempt at such an update after one has failed."""

TABLE = """
CREATE TABLE IF NOT EXISTS account(
    name TEXT PRIMARY KEY, role TEXT NOT NULL, counter TEXT NOT NULL, kind TEXT NOT NULL, secret TEXT NOT NULL,
    made_at INTEGER NOT NULL, seen_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS account_token ON account(secret) WHERE kind = 'token';
"""
_SCHEMA = TABLE + sessions.TABLE + throttle.TABLE + signer.TABLE + opinion_limit.TABLE
_ACCOUNT = "SELECT name, role, counter, kind, made_at, seen_at FROM account"


class Accounts:
    """The accounts in the file at `path`, made if missing. `now`: seconds since 1970, UTC. Raises AccessError."""

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        self.path = path
        self._now = now
        self._note_after = 0
        self._signer = Signer()
        self._file = AccountsFile(path, _SCHEMA, self._signer.read)
        self._sessions = Sessions(self._file, now)
        self._throttle = Throttle(self._file, now)
        opinions = OpinionLimit(self._file, now, self._signer.asked)
        # What concerns one part only is delegated to it.
        self.hurry, self.close = self._file.hurry, self._file.close
        self.must_wait, self.tried = self._throttle.must_wait, self._throttle.tried
        self.renew, self.signed_in, self.end = self._sessions.renew, self._sessions.signed_in, self._sessions.end
        self.csrf, self.page, self.is_page = self._signer.csrf, self._signer.page, self._signer.is_page
        self.asked = self._signer.asked
        self.opinion_must_wait, self.gave_opinion = opinions.must_wait, opinions.gave

    def add(self, name: str, role: Role, counter: str = "", pin: str | None = None) -> str:
        """Make an account with a PIN; without one it gets a token, which is returned and kept nowhere."""
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,31}", name):
            raise AccessError(f'"{name}" is no name; use small letters, digits and "-", such as manager-1 or 10234')
        token = ""
        if pin is None:
            token = secrets.token_urlsafe(32)
            kind, secret = "token", digest(token)
        else:
            kind, secret = "pin", pins.hashed(pin)
        now = int(self._now())
        with self._file.changing() as cursor:
            if cursor.execute("SELECT 1 FROM account WHERE name = ?", (name,)).fetchone():
                raise AccessError(f"{name} is there already; revoke it first to give it another PIN or token")
            cursor.execute("INSERT INTO account VALUES (?, ?, ?, ?, ?, ?, 0)", (name, role, counter, kind, secret, now))
        return token

    def revoke(self, name: str) -> None:
        """End an account, its sessions and its open pages."""
        with self._file.changing() as cursor:
            if not cursor.execute("DELETE FROM account WHERE name = ?", (name,)).rowcount:
                raise AccessError(f"there is no account {name}; lobby user list shows them")
            self._throttle.forget(cursor, name)

    def all(self) -> list[Account]:
        """Every account, by name."""
        return [Account(*row) for row in self._file.select(f"{_ACCOUNT} ORDER BY name")]

    def exists(self, name: str) -> bool:
        """Whether there is an account of this name."""
        return self._found("name = ?", name) is not None

    def by_token(self, token: str) -> Account | None:
        """The account of a device token."""
        return self._seen(self._found("kind = 'token' AND secret = ?", digest(token)))

    def hash_of(self, name: str) -> str:
        """The hash that a PIN of this account must match; for an unknown account, a hash that no PIN matches."""
        found = self._file.select("SELECT secret FROM account WHERE name = ? AND kind = 'pin'", name)
        return next((str(secret) for (secret,) in found), pins.NOBODY)

    def succeeded(self, name: str, address: str) -> Account | None:
        """The PIN was right: reset the throttling. None: the account has just been revoked."""
        self._throttle.succeeded(name, address)
        return self._found("name = ?", name)

    def begin(self, account: Account) -> tuple[str, int]:
        """A new session: the value of its cookie, and its lifetime in seconds."""
        begun = self._sessions.begin(account)
        self._seen(account)
        return begun

    def of_session(self, id: str) -> Account | None:
        """The account of a session; None: unknown or ended."""
        return self._seen(self._found("name = ?", self._sessions.owner(id)))

    # -- inside ----------------------------------------------------------------------------------------------

    def _found(self, where: str, value: str) -> Account | None:
        return next((Account(*row) for row in self._file.select(f"{_ACCOUNT} WHERE {where}", value)), None)

    def _seen(self, account: Account | None) -> Account | None:
        """The account, with its time of last use updated."""
        now = int(self._now())
        if account and now - account.seen_at >= SEEN_EVERY and now >= self._note_after:
            noted = self._file.note("UPDATE account SET seen_at = ? WHERE name = ?", now, account.name)
            self._note_after = 0 if noted else now + SEEN_AGAIN  # a full disk must not keep a television dark
        return account
