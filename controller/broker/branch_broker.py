"""The branch's broker as a whole: made, given users, renewed. What is done is said, a sentence each."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from controller.broker import authority, texts
from controller.broker.access import Right, access_list
from controller.broker.files import FOR_BROKER, PRIVATE, PUBLIC, Broker, BrokerError, BrokerFiles, write
from controller.broker.passwords import hashed, is_of, new_password, password_file, users_in

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""A user: a file is named after it, and a line of two files begins with it."""


@dataclass(frozen=True, slots=True)
class Branch:
    """What the broker is for: its users' rights as configured, the controller's user among them, and
    the file with that one's password."""

    rights: Mapping[str, Right]
    controller: str
    password: Path


class BranchBroker:
    """The broker of which the files are; `say` is told what is done, `now` is the time, UTC."""

    def __init__(
        self, files: BrokerFiles, say: Callable[[str], object], now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.files, self._say, self._now = files, say, now
        self.changed = False
        """Whether the broker has to read its files again."""
        self.settings_changed = False
        """Whether it has to be restarted for that."""

    # -- the whole ---------------------------------------------------------------------------------------------

    def make(self, broker: Broker, branch: Branch) -> None:
        """Make what is not there; what is there is kept."""
        files = self.files
        files.make_folders()
        with files.locked():
            if files.about.exists():
                there = files.broker()
                for what, old, new in (
                    ("host", " ".join(there.hosts), " ".join(broker.hosts)),
                    ("port", there.port, broker.port),
                    ("listen", there.address, broker.address),
                ):
                    if new and old != new:
                        raise BrokerError(f"--{what}: {files.about} has {old}; change it there, then lobby mqtt renew")
                self._say(f"kept: {files.about}")
            elif not broker.hosts:
                raise BrokerError("--host: name this machine's address, by which devices reach it, such as 192.0.2.10")
            else:
                write(files.about, replace(broker, port=broker.port or 8883).text(), PUBLIC)
                self._say(f"made: {files.about}")
            for path in (files.authority_key, files.authority, files.key, files.certificate):
                if path.exists():
                    self._say(f"kept: {path}, valid until {end(path)}" if path.suffix == ".pem" else f"kept: {path}")
            self._certify()
            if branch.password.exists():
                self._say(f"kept: {branch.password}")
            if not _first_line(branch.password):
                write(branch.password, f"{new_password()}\n", PRIVATE)
                self._say(f"made: {branch.password}, the controller's own password")
            self._bring_up_to_date(branch)

    def renew(self, *, now: bool = False) -> None:
        """Renew certificates that end soon, and the broker's own at once with `now`."""
        self.files.broker()
        with self.files.locked():
            self._certify(now=now)

    def bring_up_to_date(self, branch: Branch) -> None:
        """Have the access list and everything else say what the configuration says."""
        self.files.broker()
        with self.files.locked():
            self._bring_up_to_date(branch)

    # -- certificates ------------------------------------------------------------------------------------------

    def _certify(self, *, now: bool = False) -> None:
        """Make the keys and certificates that are missing, and those anew that end soon."""
        files, today = self.files, self._now()
        hosts = files.broker().hosts
        for key, mode in ((files.authority_key, PRIVATE), (files.key, FOR_BROKER)):
            if not key.exists():
                write(key, authority.new_key(), mode)
                self._say(f"made: {key}")
        if _ends_within(files.authority, authority.AUTHORITY_EARLY, today):
            again = files.authority.exists()
            write(files.authority, authority.authority_certificate(files.authority_key, today), PUBLIC)
            self._say(f"{'renewed' if again else 'made'}: {files.authority}, valid until {end(files.authority)}")
            if again:
                self._say("devices know the broker by the old one until that ends; give each its file again by then")
        if (
            now
            or _ends_within(files.certificate, authority.SERVER_EARLY, today)
            or authority.hosts_of(files.certificate) != set(hosts)
            or not authority.is_signed_by(files.certificate, files.authority)
        ):
            again = files.certificate.exists()
            made = authority.server_certificate(hosts, files.key, files.authority, files.authority_key, today)
            write(files.certificate, made, PUBLIC)
            self.changed = True
            said = f"{files.certificate} for {', '.join(hosts)}, valid until {end(files.certificate)}"
            self._say(f"{'renewed' if again else 'made'}: {said}")

    # -- users -------------------------------------------------------------------------------------------------

    def users(self) -> dict[str, str]:
        """Name -> hash of the broker's users."""
        try:
            return users_in(self.files.passwords.read_text("utf-8"))
        except FileNotFoundError:
            return {}

    def add(self, user: str, branch: Branch, *, new: bool = False) -> bool:
        """Let a device in, with a file for it; one that has been added keeps its password, unless a `new` one is
        wanted. Whether it has its file now."""
        self.files.broker()
        if user == branch.controller:
            raise BrokerError(f"{user} is the controller's own user; a device has another id")
        if not NAME.fullmatch(user):
            raise BrokerError(f'"{user}" is no name of a device; it takes letters, digits, "-" and "_", at most 64')
        with self.files.locked():
            users, file = self.users(), self.files.device(user)
            known = _password_in(file)
            given = user in users and not new and (known is None or is_of(known, users[user]))
            if not given:
                password = new_password() if new or known is None else known
                self._give(user, password, branch)
                users[user] = hashed(password)
                self._write_passwords(users)
            self._bring_up_to_date(branch)
        if given and known is None:
            self._say(f"{user} was added before, and its file is gone from here; lobby mqtt add --new-password {user}")
            return False
        self._say(f"{user} was added before and keeps its password; its file: {file}" if given else f"made: {file}")
        return True

    def remove(self, user: str, branch: Branch) -> None:
        """Let a device in no more."""
        self.files.broker()
        with self.files.locked():
            users = self.users()
            if user == branch.controller:
                raise BrokerError(f"{user} is the controller's own user, without which nothing works")
            if user not in users:
                known = ", ".join(each for each in users if each != branch.controller)
                raise BrokerError(f"there is no user {user}; there {f'are {known}' if known else 'is none yet'}")
            del users[user]
            self._write_passwords(users)
            self.files.device(user).unlink(missing_ok=True)
            self._bring_up_to_date(branch)

    def _write_passwords(self, users: Mapping[str, str]) -> None:
        self.changed |= write(self.files.passwords, password_file(users), FOR_BROKER)

    def _give(self, user: str, password: str, branch: Branch) -> None:
        files = self.files
        text = texts.device_file(
            files.broker(), user, password, branch.rights.get(user), files.authority.read_text("utf-8")
        )
        write(files.device(user), text, PRIVATE)

    def _bring_up_to_date(self, branch: Branch) -> None:
        files = self.files
        users = self.users()
        password = _first_line(branch.password)
        if not password:  # another one would lock out the service, which has its own from its start
            self._say(f"{branch.password} has no password; the broker keeps the old one: lobby mqtt init makes another")
        elif not is_of(password, users.get(branch.controller, "")):
            users = {branch.controller: hashed(password)} | {k: v for k, v in users.items() if k != branch.controller}
        self._write_passwords(users)
        own = files.own_access.read_text("utf-8") if files.own_access.exists() else ""
        if write(files.access, access_list(users, branch.rights, own), FOR_BROKER):
            self.changed = True
            self._say(f"written: {files.access}, who may do what")
        for user in users:
            known = _password_in(files.device(user))
            if known is not None:
                self._give(user, known, branch)
        self._write_settings()

    def _write_settings(self) -> None:
        """Mosquitto's own file; one that somebody else has written is kept beside it."""
        broker = self.files.broker()
        path, text = broker.settings, texts.settings(self.files, broker)
        with suppress(FileNotFoundError):
            there = path.read_text("utf-8", "replace")
            if not there.startswith(texts.MADE):
                before = path.with_name(f"{path.name}.before")
                write(before, there, PUBLIC)
                self._say(f"kept: what {path} was before, as {before}")
        if write(path, text, PUBLIC):
            self.settings_changed = True
            self._say(f"written: {path}, the broker's settings")


def end(certificate: Path) -> str:
    """Until when a certificate is valid, as a date."""
    return f"{authority.end_of(certificate):%Y-%m-%d}"


def _ends_within(certificate: Path, time: timedelta, now: datetime) -> bool:
    return not certificate.exists() or authority.end_of(certificate) < now + time


def _password_in(file: Path) -> str | None:
    """The password in a device's file; None: there is no such file, or none that can be read."""
    try:
        return str(tomllib.loads(file.read_text("utf-8"))["password"])
    except (FileNotFoundError, ValueError, KeyError):
        return None


def _first_line(file: Path) -> str:
    """The first line of a file; empty if there is no such file."""
    try:
        return file.read_text("utf-8").partition("\n")[0].strip()
    except FileNotFoundError:
        return ""
