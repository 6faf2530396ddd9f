"""The files of the branch's broker, in one directory.

    authority.pem, authority.key    the branch's authority; the key is root's alone
    broker.toml                     where the broker listens, and the names in its certificate
    broker/                         what Mosquitto reads: its certificate and key, passwords, access list
    devices/                        a file for each device, with its password, to be carried to it
    own.acl                         lines of the branch's own for the access list, if there is this file

Each is written whole or not at all, so that a power cut leaves the old one or the new one.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from controller.broker.authority import host
from controller.output import writing

BROKERS_OWN = "mosquitto"
"""The user as whom the broker runs, and its group, on Debian and Ubuntu."""
HERE = ("localhost", "127.0.0.1", "::1")
"""By which this machine itself reaches its broker."""
PUBLIC, FOR_BROKER, PRIVATE = 0o644, 0o640, 0o600


class BrokerError(Exception):
    """Why something cannot be done with the broker, in one sentence."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker listens: at which `address` (empty: at all of this machine) and `port`; the `hosts` by which it
    is reached, the first of which devices are given; and the file that Mosquitto reads its `settings` from."""

    hosts: tuple[str, ...]
    port: int
    address: str
    settings: Path

    def text(self) -> str:
        """What stands in broker.toml."""
        hosts = ", ".join(_quoted(each) for each in self.hosts)
        return (
            "# Made by `lobby mqtt init`. After a change: `lobby mqtt renew`.\n"
            f"hosts = [{hosts}]  # names and addresses of this machine; devices are given the first\n"
            f"port = {self.port}\n"
            f"address = {_quoted(self.address)}  # the address to listen at; empty: all\n"
            f"settings = {_quoted(str(self.settings))}  # the file that Mosquitto reads\n"
        )


class BrokerFiles:
    """The files below `directory`; OSError in one sentence if one cannot be read or written."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self.authority, self.authority_key = self.directory / "authority.pem", self.directory / "authority.key"
        self.about = self.directory / "broker.toml"
        self.own_access = self.directory / "own.acl"
        self.for_broker = self.directory / "broker"
        self.certificate, self.key = self.for_broker / "server.pem", self.for_broker / "server.key"
        self.passwords, self.access = self.for_broker / "passwords", self.for_broker / "access"
        self.devices = self.directory / "devices"

    def make_folders(self) -> None:
        """Make the directories that are not there."""
        for folder, mode in ((self.directory, 0o755), (self.for_broker, 0o755), (self.devices, 0o700)):
            with writing(folder):
                folder.mkdir(mode=mode, exist_ok=True)
                folder.chmod(mode)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Only one command changes them at a time."""
        with writing(self.directory):
            folder = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def device(self, user: str) -> Path:
        """The file for whoever connects as this user."""
        return self.devices / f"{user}.toml"

    def broker(self) -> Broker:
        """Where the broker listens; BrokerError if there is none, or broker.toml says it in no way that can be read."""
        try:
            table = tomllib.loads(self.about.read_text("utf-8"))
            hosts, port = table["hosts"], table["port"]
            if not (hosts and all(isinstance(each, str) for each in hosts) and isinstance(port, int)):
                raise ValueError("hosts are texts, port a number")
            return Broker(tuple(map(host, hosts)), port, str(table["address"]), Path(str(table["settings"])))
        except FileNotFoundError:
            raise BrokerError(f"{self.directory} holds no broker; make one: lobby mqtt init") from None
        except (KeyError, TypeError, ValueError) as error:
            advice = "put it right, or remove it and init again"
            raise BrokerError(f"{self.about} cannot be used ({error}); {advice}") from None


def write(path: Path, text: str, mode: int) -> bool:
    """Replace a file's content, all at once; whether that changes anything. One that the broker reads is the broker's,
    if root writes it and there is such a user."""
    with suppress(OSError):
        if path.read_text("utf-8") == text and path.stat().st_mode & 0o777 == mode:
            return False
    new = path.with_name(f".{path.name}.new")
    with writing(path):
        new.unlink(missing_ok=True)
        file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, PRIVATE)
        try:
            os.write(file, text.encode())
            if mode == FOR_BROKER and os.geteuid() == 0:
                with suppress(KeyError):
                    user = pwd.getpwnam(BROKERS_OWN)
                    os.fchown(file, user.pw_uid, user.pw_gid)
            os.fchmod(file, mode)
            os.fsync(file)
        finally:
            os.close(file)
        new.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    return True


def _quoted(text: str) -> str:
    """A text as TOML has it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
