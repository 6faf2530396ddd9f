"""Who may look at what, and press what: accounts, PINs, device tokens, sessions.

A file of its own beside the journal, which is never purged and holds nothing personal; this one is changed by
`lobby user` while the daemon runs: SQLite in WAL mode, where nobody who reads waits for somebody who writes. PINs are
kept as Argon2id hashes, tokens and sessions as SHA-256 of 256 random bits.

Too many wrong PINs make the next try wait, twice as long each time: of an account from one address, of any account
from that address, and, for less long so that no stranger keeps its owner out, of that account from anywhere. In the
long run one address has a try in 300 s: it has gone through half of all 6-digit PINs after 4.8 years. Ten or more have
one in 30 s together: 174 days, all of which the log tells of.

Before each use the files at the path are compared with those that are open: whoever is refused by the one must not be
let in by the other. A file that was put in the old one's place is gone on with, with its accounts and no others; while
there is none, nobody is let in.

Names are posts or staff numbers, not people's names: they stand in the journal beside what was done.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import hmac
import logging
import os
import re
import secrets
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from controller.openfiles import FRAME, LOG_HEAD, Look, OpenFiles, Trouble
from controller.web.roles import Role

log = logging.getLogger(__name__)

PIN_LENGTH = (6, 64)
PIN_SESSION = 14 * 3600
"""Seconds for which a person stays signed in: a working day."""
TOKEN_SESSION = 400 * 86400
"""Seconds for which a device does after it has last loaded a page, unless its token is revoked: as long as browsers
keep a cookie."""
RENEWED_EVERY = 86400
"""Seconds in which the end of a device's session is put off once."""
SESSIONS_KEPT = 50
"""Sessions of one account; the oldest end."""
SEEN_EVERY = 600
"""Seconds in which it is noted once that an account is in use."""
SEEN_AGAIN = 60
"""Seconds after which it is tried again to note it, when it could not be."""
LIMITS = {"pair": (3, 300), "address": (30, 300), "account": (30, 30)}
"""Wrong tries before the next has to wait, and the longest wait in seconds. A pair is an account from one address."""
FORGOTTEN_AFTER = 3600
"""Seconds after the last wrong try when those before it do not count any more."""
FAILURES_KEPT = 10_000
PATIENCE = 1000
"""Milliseconds for which a caller waits for whoever holds the file."""
HELD_FOR = 50
"""The same of a hurried one."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS account(
    name TEXT PRIMARY KEY, role TEXT NOT NULL, counter TEXT NOT NULL, kind TEXT NOT NULL, secret TEXT NOT NULL,
    made_at INTEGER NOT NULL, seen_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS account_token ON account(secret) WHERE kind = 'token';
CREATE TABLE IF NOT EXISTS session(
    id TEXT PRIMARY KEY, account TEXT NOT NULL REFERENCES account(name) ON DELETE CASCADE,
    made_at INTEGER NOT NULL, ends_at INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS failure(who TEXT PRIMARY KEY, count INTEGER NOT NULL, at INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS secret(name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
"""


_TOLD = {
    Trouble.GONE: "it has been deleted or moved",
    Trouble.REPLACED: "another file has been put in its place",
    Trouble.CUT: "it has been cut",
    Trouble.LOG_CUT: "its log has been cut",
    Trouble.LOG_LOST: "its log, or the log's index, has been deleted or replaced",
}


class AccessError(Exception):
    """What is wrong, in one sentence."""


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody or something that may sign in; `counter`: the only one it works at, empty: any. Times in seconds."""

    name: str
    role: Role
    counter: str
    kind: Literal["pin", "token"]
    made_at: int
    seen_at: int

    def is_one_of(self, *roles: Role) -> bool:
        """Whether it may do what these roles may; a manager may do everything."""
        return self.role == "manager" or self.role in roles

    def works_at(self, counter: str) -> bool:
        """Whether it may press a counter's keys."""
        return self.is_one_of("counter") and self.counter in ("", counter)


_ACCOUNT = "SELECT name, role, counter, kind, made_at, seen_at FROM account"


class Accounts:
    """The file at `path`, made if it is not there. `now` gives seconds since 1970, UTC. Raises AccessError."""

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        self.path = path
        self._now = now
        self._note_after = 0
        self._patience = PATIENCE
        self._files: OpenFiles | None = None
        try:
            self._make()
            self._open()
        except (OSError, sqlite3.Error) as error:
            raise self._cannot_be_used(error) from error

    def hurry(self) -> None:
        """From now on wait for nobody who writes to the file: the caller has other things to do in the same thread."""
        self._patience = HELD_FOR
        self._db.execute(f"PRAGMA busy_timeout = {HELD_FOR}")

    def close(self) -> None:
        """Close the file."""
        if self._files and (trouble := self._files.look().trouble) not in (Trouble.NONE, Trouble.LOG_CUT):
            with suppress(AccessError):
                self._leave(trouble)
        self._db.close()
        if self._files:
            self._files.close()
            self._files = None

    # -- accounts --------------------------------------------------------------------------------------------

    def add(self, name: str, role: Role, counter: str = "", pin: str | None = None) -> str:
        """Make an account with a PIN; without one it gets a token, which is returned and kept nowhere."""
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,31}", name):
            raise AccessError(f'"{name}" is no name; use small letters, digits and "-", such as manager-1 or 10234')
        token = ""
        if pin is None:
            token = secrets.token_urlsafe(32)
            kind, secret = "token", _digest(token)
        else:
            kind, secret = "pin", _hasher().hash(_good(pin))
        now = int(self._now())
        with self._changing(), closing(self._db.cursor()) as cursor:
            if cursor.execute("SELECT 1 FROM account WHERE name = ?", (name,)).fetchone():
                raise AccessError(f"{name} is there already; revoke it first to give it another PIN or token")
            cursor.execute("INSERT INTO account VALUES (?, ?, ?, ?, ?, ?, 0)", (name, role, counter, kind, secret, now))
        return token

    def revoke(self, name: str) -> None:
        """End an account, its sessions and its open pages."""
        with self._changing(), closing(self._db.cursor()) as cursor:
            if not cursor.execute("DELETE FROM account WHERE name = ?", (name,)).rowcount:
                raise AccessError(f"there is no account {name}; lobby user list shows them")
            cursor.execute("DELETE FROM failure WHERE who = ? OR who LIKE ?", (f"account:{name}", f"pair:% {name}"))

    def all(self) -> list[Account]:
        """Every account, by name."""
        return [Account(*row) for row in self._select(f"{_ACCOUNT} ORDER BY name")]

    # -- signing in ------------------------------------------------------------------------------------------

    def must_wait(self, name: str, address: str) -> int:
        """Seconds until a PIN of this account may be tried from this address; 0: now."""
        return max(self._waits(who) for who in _counted(name, address))

    def tried(self, name: str, address: str) -> None:
        """Count a try as a wrong one, before it is looked at: any number at once are as many."""
        now = int(self._now())
        with self._changing(), closing(self._db.cursor()) as cursor:
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

    def hash_of(self, name: str) -> str:
        """The hash that a PIN of this account has to fit; for an unknown one a hash that none fits."""
        row = next(iter(self._select("SELECT secret FROM account WHERE name = ? AND kind = 'pin'", name)), None)
        return str(row[0]) if row else NOBODY

    def succeeded(self, name: str, address: str) -> Account | None:
        """The PIN was right: earlier wrong ones of this account do not count any more, from anywhere.

        None: the account has just been revoked.
        """
        pair, place, account = _counted(name, address)
        with self._changing(), closing(self._db.cursor()) as cursor:
            cursor.execute("DELETE FROM failure WHERE who IN (?, ?)", (pair, account))
            # This try was none of the wrong ones; those of other names stay.
            cursor.execute("UPDATE failure SET count = count - 1 WHERE who = ?", (place,))
            cursor.execute("DELETE FROM failure WHERE who = ? AND count <= 0", (place,))
        return next((Account(*row) for row in self._select(f"{_ACCOUNT} WHERE name = ?", name)), None)

    def by_token(self, token: str) -> Account | None:
        """The account of a device token."""
        found = self._select(f"{_ACCOUNT} WHERE kind = 'token' AND secret = ?", _digest(token))
        return next((self._seen(Account(*row)) for row in found), None)

    def begin(self, account: Account) -> tuple[str, int]:
        """A new session: what its cookie holds, and for how many seconds."""
        id, now = secrets.token_urlsafe(32), int(self._now())
        lasts = PIN_SESSION if account.kind == "pin" else TOKEN_SESSION
        with self._changing(), closing(self._db.cursor()) as cursor:
            cursor.execute("DELETE FROM session WHERE ends_at <= ?", (now,))
            cursor.execute("INSERT INTO session VALUES (?, ?, ?, ?)", (_digest(id), account.name, now, now + lasts))
            cursor.execute(
                "DELETE FROM session WHERE account = ? AND id NOT IN "
                "(SELECT id FROM session WHERE account = ? ORDER BY ends_at DESC, rowid DESC LIMIT ?)",
                (account.name, account.name, SESSIONS_KEPT),
            )
        self._seen(account)
        return id, lasts

    def of_session(self, id: str) -> Account | None:
        """Whose session this is; None: nobody's, or it has ended."""
        found = self._select(
            f"{_ACCOUNT} WHERE name = (SELECT account FROM session WHERE id = ? AND ends_at > ?)",
            _digest(id),
            int(self._now()),
        )
        return next((self._seen(Account(*row)) for row in found), None)

    def renew(self, id: str) -> int:
        """Put off the end of a device's session: for how many seconds its cookie is to be kept from now.

        0: it is a person's, or nothing can be written now.
        """
        now = int(self._now())
        try:
            found = self._select(
                "SELECT ends_at FROM session JOIN account ON name = account WHERE id = ? AND kind = 'token'",
                _digest(id),
            )
            if not found:
                return 0
            if found[0][0] < now + TOKEN_SESSION - RENEWED_EVERY:
                with self._changing(), closing(self._db.cursor()) as cursor:
                    cursor.execute("UPDATE session SET ends_at = ? WHERE id = ?", (now + TOKEN_SESSION, _digest(id)))
        except AccessError:
            return 0  # a full disk must not keep a television dark
        return TOKEN_SESSION

    def signed_in(self) -> frozenset[str]:
        """Everybody who may look at something now, each as `key_of` has them."""
        found = self._select(
            "SELECT id FROM session WHERE ends_at > ? UNION ALL SELECT name || ' ' || made_at FROM account",
            int(self._now()),
        )
        return frozenset(key for (key,) in found)

    def end(self, id: str) -> None:
        """End a session."""
        with self._changing(), closing(self._db.cursor()) as cursor:
            cursor.execute("DELETE FROM session WHERE id = ?", (_digest(id),))

    # -- what only we can make -------------------------------------------------------------------------------

    def csrf(self, id: str) -> str:
        """What a page of this session shows to prove that it is ours."""
        return self._mac(f"csrf:{id}")

    def page(self, day: str, ticket: str) -> str:
        """The last part of the address of a ticket's own page, which nobody can guess."""
        return f"{ticket}.{self._mac(f'page:{day}:{ticket}')}"

    def is_page(self, day: str, page: str) -> str:
        """The ticket whose page this is on a day; empty: nobody's."""
        ticket = page.rpartition(".")[0]
        return ticket if hmac.compare_digest(self.page(day, ticket).encode(), page.encode()) else ""

    # -- inside ----------------------------------------------------------------------------------------------

    def _make(self) -> None:
        """An empty file that only its owner can read; made by root, it is the directory's owner's.

        No link is followed: the directory's owner must not choose which file root gives to them.
        """
        try:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except FileExistsError:
            self._must_be_private()
            return
        try:
            for suffix in (
                "-wal",
                "-shm",
            ):  # of a file that was deleted, and that somebody may still have open
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
            if os.geteuid() == 0:
                owner = self.path.parent.stat()
                os.fchown(file, owner.st_uid, owner.st_gid)
        finally:
            os.close(file)

    def _open(self) -> None:
        # "rw": a file that has gone since is not made anew, at the end of whatever link stands in its place.
        self._db = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=self._patience / 1000,
            isolation_level=None,
        )
        self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
        self._db.executescript("PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;")
        self._db.executescript(_SCHEMA)
        self._files = OpenFiles(self.path)
        self._secret = self._the_secret()

    def _cannot_be_used(self, error: Exception) -> AccessError:
        reason = getattr(error, "strerror", None) or str(error)
        return AccessError(f"{self.path}: the accounts cannot be used ({reason}); look at its owner and its disk")

    def _look(self) -> None:
        """Be at the file that stands at the path; AccessError if there is none that can be used."""
        if self._files:
            look = self._files.look()
            if look.trouble is Trouble.NONE or (look.trouble is Trouble.LOG_CUT and self._log_is_whole(look)):
                self._files.take(look)
                return
            self._leave(look.trouble)
        try:
            self._must_be_private()
            if not self.path.stat().st_size:
                raise AccessError(
                    f"{self.path}: the accounts cannot be used (the file has been emptied); "
                    "restore a backup, or remove it and start the program again to begin with none"
                )
            self._open()
            log.warning("%s has been opened again", self.path)
        except FileNotFoundError as error:
            raise AccessError(
                f"{self.path}: the accounts cannot be used (the file has been deleted or moved); "
                "put it back, or start the program again to begin with none"
            ) from error
        except (OSError, sqlite3.Error) as error:
            raise self._cannot_be_used(error) from error

    def _log_is_whole(self, look: Look) -> bool:
        """Whether the log lost nothing in becoming shorter: others may empty it, in SQLite's own way."""
        try:
            _, pages, carried = self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error:
            return False
        return bool(pages == carried or look.log_size >= LOG_HEAD + pages * FRAME)

    def _leave(self, trouble: Trouble) -> None:
        """Close what is open, since it is not what stands at the path; AccessError if something would be lost."""
        whole = True
        try:
            if trouble not in (Trouble.CUT, Trouble.LOG_CUT):  # the log that is open still has everything
                busy, pages, carried = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                whole = not busy and pages == carried
        except sqlite3.Error:
            whole = False
        if not whole and trouble is Trouble.LOG_LOST:
            raise AccessError(f"{self.path}: the accounts cannot be used (its log is gone, and nothing can be written)")
        log.warning("%s: %s; the accounts are those that are found at its path", self.path, _TOLD[trouble])
        files, self._files = self._files, None
        self._db.close()
        if files:
            if whole and trouble in (Trouble.GONE, Trouble.REPLACED):
                files.remove_log()
            files.close()

    def _must_be_private(self) -> None:
        # Without opening it: closing any descriptor of a file drops the locks that SQLite has on it in this process.
        found = self.path.lstat()
        if stat.S_ISLNK(found.st_mode):
            raise AccessError(
                f"{self.path}: the accounts cannot be used (this is a symbolic link); "
                "put the file itself there, or give its path as accounts in [web]"
            )
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if found.st_mode & 0o077:
            raise AccessError(
                f"{self.path}: the accounts cannot be used (others than its owner may open the file); "
                f"look who has, then chmod 600 {self.path}"
            )

    def _the_secret(self) -> bytes:
        select = "SELECT value FROM secret WHERE name = 'pages'"
        if not self._select(select):
            with self._changing(), closing(self._db.cursor()) as cursor:
                cursor.execute("INSERT OR IGNORE INTO secret VALUES ('pages', ?)", (secrets.token_bytes(32),))
        return bytes(self._select(select)[0][0])

    def _mac(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()[:32]

    def _waits(self, who: str) -> int:
        row = next(iter(self._select("SELECT count, at FROM failure WHERE who = ?", who)), None)
        if row is None:
            return 0
        free, longest = LIMITS[who.partition(":")[0]]
        over = row[0] - free
        if over < 0:
            return 0
        passed = abs(int(self._now()) - row[1])  # a clock that was set back does not lock out until it is there again
        return int(max(0, min(2 ** min(over, 20), longest) - passed))

    def _seen(self, account: Account) -> Account:
        now = int(self._now())
        if now - account.seen_at >= SEEN_EVERY and now >= self._note_after:
            try:  # it has just been found in the file
                self._db.execute("UPDATE account SET seen_at = ? WHERE name = ?", (now, account.name))
            except sqlite3.Error:
                self._note_after = now + SEEN_AGAIN  # a full disk must not keep a television dark
        return account

    def _select(self, select: str, *values: object) -> list[Any]:
        self._look()
        try:
            return self._db.execute(select, values).fetchall()
        except sqlite3.Error as error:
            raise AccessError(f"{self.path}: the accounts cannot be read ({error})") from error

    @contextmanager
    def _changing(self) -> Iterator[None]:
        self._look()
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # some errors end it by themselves
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise AccessError(f"{self.path}: the accounts cannot be written ({error})") from error


def key_of(account: Account, session: str) -> str:
    """What `signed_in` has for somebody while they may look; `session` empty: a device that sends its token."""
    return _digest(session) if session else f"{account.name} {account.made_at}"


def place_of(address: str) -> str:
    """What wrong tries from an address count for: of IPv6 the /64, since whoever has one address has them all."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if not isinstance(ip, IPv6Address):
        return str(ip)
    return str(ip.ipv4_mapped or IPv6Network((int(ip), 64), strict=False))


def fits(hash: str, pin: str) -> bool:
    """Whether a PIN fits its hash. Takes a moment by design: not for the loop's own thread."""
    from argon2.exceptions import Argon2Error, InvalidHashError  # noqa: PLC0415 - only where somebody signs in

    try:
        return bool(_hasher().verify(hash, pin))
    except (Argon2Error, InvalidHashError):
        return False


def _good(pin: str) -> str:
    least, most = PIN_LENGTH
    if not least <= len(pin) <= most:
        raise AccessError(f"the PIN has {len(pin)} characters; it takes {least} to {most}")
    if not pin.isprintable():
        raise AccessError("the PIN has a character that no keyboard shows; take digits or letters")
    steps = {ord(after) - ord(before) for before, after in pairwise(pin)}
    if len(steps) == 1 and steps <= {-1, 0, 1}:
        raise AccessError("the PIN is one that everybody tries first; take another")
    return pin


PASSES, MEMORY, LANES = 2, 19 * 1024, 1
"""Of Argon2id, memory in KiB, as in OWASP's Password Storage Cheat Sheet."""


def _hasher() -> Any:
    from argon2 import PasswordHasher  # noqa: PLC0415 - only where somebody signs in

    return PasswordHasher(time_cost=PASSES, memory_cost=MEMORY, parallelism=LANES)


def _of_chance(length: int) -> str:
    return base64.b64encode(secrets.token_bytes(length)).decode().rstrip("=")


NOBODY = f"$argon2id$v=19$m={MEMORY},t={PASSES},p={LANES}${_of_chance(16)}${_of_chance(32)}"
"""A hash of no PIN that anybody could find, so that an unknown name takes as long to refuse as a known one. Made up and
not computed, which would take as long again."""


def _counted(name: str, address: str) -> tuple[str, str, str]:
    """What a try counts for: the pair, the address, the account. A place has no blank, so no name is taken for one."""
    place = place_of(address)
    return f"pair:{place} {name}", f"address:{place}", f"account:{name}"


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
