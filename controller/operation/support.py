"""`lobby support`: one file with what whoever helps from afar needs, without secrets and without personal data.

Everything in it is text, and has been through `controller.operation.blanking`. Nothing of it has to work: where the
configuration is wrong, or no daemon runs, the file says so.
"""

from __future__ import annotations

import io
import json
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from controller.config import ConfigError, Settings, read
from controller.config.keys import JournalKeys
from controller.journal import JournalError, JournalReader, uri_of
from controller.operation.blanking import (
    BLANK,
    Blanking,
    clerks_in,
    named,
    secrets_in,
    without_clerks,
    without_comments,
)
from controller.version import version

LASTS = 20.0
"""Seconds that a program may take."""
LIMIT = 4 << 20
"""Most bytes of a program's output that are taken, from its end."""
DAYS = 60
"""Business days whose rows are counted."""
UNITS = ("lobby", "lobby-backup", "lobby-purge")
TIMERS = ("lobby-backup.timer", "lobby-purge.timer")
OURS = ("by", "clerk", "needs", "press", "parts")
"""Fields of rows that name staff, or a customer's needs, hold a key frame as it was typed, or were handed on of it."""

Status = Callable[[Settings], str]

ABOUT = {
    "versions.txt": "the program, Python, the system, the packages beside it",
    "check.txt": "what `lobby check --here` says of the configuration",
    "status.txt": "what `lobby status` says, for people and as JSON",
    "branch.toml": "the configuration without comments; passwords, user names, clerks are blanked",
    "journal.json": "the journal's shape: sizes, rows by kind and by day, the newest anchors (their first 16 digits)",
    "rows.jsonl": "the rows of the last business day; who did it, what a customer needs, causes and key frames blanked",
    "log.txt": "the last lines of the log of the service and of its backups",
    "units.txt": "the service's units with what the branch has changed in them, and their state",
    "machine.txt": "disks, memory, since when the machine runs",
    "clock.txt": "whether and by what the clock is set",
    "ports.txt": "the names of the ports, and what is plugged in",
}

FIGURES = ("status.txt", "journal.json", "rows.jsonl", "machine.txt", "versions.txt")
"""Files of programs, in which numbers are no people's."""


def write(config: Path, out: Path, lines: int, status: Status) -> list[str]:
    """Write the bundle to `out`, which must not be there yet; the names of what is in it. `lines`: of the log."""
    if out.exists():
        raise FileExistsError(f"{out} is there already; name another file")
    folder = out.name.removesuffix(".gz").removesuffix(".tar").removesuffix(".tgz")
    partial = out.with_name(f"{out.name}.partial")
    contents = _collected(config, lines, status)
    try:
        private = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(private, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as bundle:
            for name, content in contents.items():
                about = tarfile.TarInfo(f"{folder}/{name}")
                data = content.encode("utf-8", "replace")
                about.size, about.mtime, about.mode = len(data), int(time.time()), 0o600
                bundle.addfile(about, io.BytesIO(data))
        partial.rename(out)
    finally:
        partial.unlink(missing_ok=True)
    return list(contents)


def _collected(config: Path, lines: int, status: Status) -> dict[str, str]:
    text = _read(config)
    settings, said = _checked(config)
    journal = settings.journal_path if settings else _journal_of(config, text)
    accounts = settings.web.accounts if settings and settings.web else journal.with_name("access.db")
    shape, rows, clerks = _of_the_journal(journal)
    blanking = Blanking(_secrets(config, text), [*_people(text, accounts), *clerks])
    found = {
        "versions.txt": _versions(),
        "check.txt": said,
        "status.txt": status(settings) if settings else "the configuration cannot be used; see check.txt\n",
        "branch.toml": without_clerks(without_comments(text)),
        "journal.json": shape,
        "rows.jsonl": rows,
        "log.txt": _said(
            ["journalctl", *(f"--unit={unit}" for unit in UNITS), "-n", str(lines), "-o", "short-iso", "--no-pager"]
        ),
        "units.txt": _said(
            ["systemctl", "--no-pager", "cat", *UNITS, *TIMERS],
            ["systemctl", "--no-pager", "--lines=0", "status", UNITS[0], *TIMERS],
        ),
        "machine.txt": _said(
            ["df", "-h"], ["df", "-i"], ["free", "-m"], ["uptime"], ["ls", "-la", str(journal.parent)]
        ),
        "clock.txt": _said(["timedatectl", "--no-pager"], ["timedatectl", "--no-pager", "timesync-status"], ["date"]),
        "ports.txt": _said(
            ["ls", "-l", "/dev/lobby", "/dev/serial/by-id", "/dev/serial/by-path", "/dev/input/by-path"],
            *(["udevadm", "info", "--query=property", path] for path in _ports(settings)),
            ["lsusb"],
        ),
    }
    blanked = {name: blanking.text(content, figures=name in FIGURES) for name, content in found.items()}
    return {"README.txt": _readme()} | blanked


def _readme() -> str:
    width = max(map(len, ABOUT))
    return (
        "A support bundle of a bank branch's lobby controller, for whoever helps from afar.\n\n"
        "It holds no passwords, keys, tokens, PINs, names of staff, numbers of cards, or what people typed;\n"
        f"where such a thing stood, it reads {BLANK} or person-1. Read it before you send it.\n\n"
        + "".join(f"{name.ljust(width)}  {about}\n" for name, about in ABOUT.items())
    )


def _read(path: Path) -> str:
    try:
        return path.read_bytes()[: 1 << 20].decode("utf-8-sig", "replace")
    except OSError as error:
        return f"# {path} cannot be read: {error.strerror}\n"


def _checked(config: Path) -> tuple[Settings | None, str]:
    """The settings, if the configuration can be used, and all that is said of it."""
    try:
        settings = read(config)
    except ConfigError as error:
        return None, f"{error}\n"
    try:
        warnings = read(config, files=True, machine=True).warnings
    except ConfigError as error:
        return settings, f"{error}\n"
    return settings, "".join(f"{warning}\n" for warning in warnings) or "all is well\n"


def _journal_of(config: Path, text: str) -> Path:
    """Where the journal probably is, of a configuration that cannot be used."""
    return next((config.parent / path for path in named(text, "path") if path.endswith(".db")), JournalKeys().path)


# -- what must not be in it -----------------------------------------------------------------------------------------


def _secrets(config: Path, text: str) -> Iterator[str]:
    """What is secret: the contents of the files that hold such, and what somebody has put into the configuration."""
    yield from secrets_in(without_comments(text))
    for path in named(text, "password_file", "key_file"):
        yield from (line for line in _lines(config.parent / path) if len(line) > 1)


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_bytes()[: 1 << 16].decode("utf-8-sig", "replace").splitlines()]
    except OSError:
        return []


def _people(text: str, accounts: Path) -> Iterator[str]:
    """Staff: aliases and numbers of clerks, and the accounts that have a PIN."""
    yield from clerks_in(text)
    if accounts.exists():
        try:
            with closing(sqlite3.connect(f"file:{uri_of(accounts)}?mode=ro", uri=True)) as file:
                yield from (str(name) for (name,) in file.execute("SELECT name FROM account WHERE kind = 'pin'"))
        except sqlite3.Error:
            pass


# -- what is in it --------------------------------------------------------------------------------------------------


def _versions() -> str:
    system = platform.freedesktop_os_release() if Path("/etc/os-release").exists() else {}
    packages = sorted({f"{each.name} {each.version}" for each in distributions()}, key=str.lower)
    return "\n".join(
        [
            f"lobby {version()}",
            f"Python {sys.version}",
            f"SQLite {sqlite3.sqlite_version}",
            f"{system.get('PRETTY_NAME', platform.system())}, Linux {platform.release()}, {platform.machine()}",
            "",
            *packages,
            "",
        ]
    )


def _of_the_journal(path: Path) -> tuple[str, str, list[str]]:
    """The journal's shape, the rows of its last day, and the clerks who are named there."""
    shape: dict[str, Any] = {"path": str(path)}
    rows: list[str] = []
    clerks: dict[str, None] = {}
    for file in (path, path.with_name(f"{path.name}-wal")):
        if file.exists():
            shape[f"bytes of {file.name}"] = file.stat().st_size
    try:
        with closing(JournalReader(path)) as reader:
            shape |= reader.shape(DAYS)
            shape["id"], shape["branch"] = reader.identity()
            shape["anchors"] = [f"{each.seq}={each.hash[:16]} ({each.day})" for each in reader.anchors()[-DAYS:]]
            day = reader.last_day()
            span = reader.from_day_to_day(day, day) if day else None
            for row in reader.stored(span[0]) if span else ():
                rows.append(json.dumps(_blanked(row, clerks), ensure_ascii=False, separators=(",", ":")))
    except JournalError as error:
        shape["trouble"] = str(error)
    return json.dumps(shape, ensure_ascii=False, indent=2) + "\n", "".join(f"{row}\n" for row in rows), list(clerks)


def _blanked(row: Sequence[Any], clerks: dict[str, None]) -> dict[str, Any]:
    """A row without people; whom it names is noted."""
    seq, at, day, kind, version, data, cause, part = row
    try:
        fields = json.loads(data)
    except ValueError:
        fields = {"": "this is no JSON"}
    if isinstance(name := fields.get("clerk"), str):
        clerks[name] = None
    about = {key: BLANK if key in OURS else value for key, value in fields.items()}
    head = {"seq": seq, "at": at, "day": day, "kind": kind, "version": version, "part": part}
    return head | {"cause": str(cause).partition(":")[0], "data": about}


def _ports(settings: Settings | None) -> list[str]:
    found = (getattr(getattr(device, "link", None), "path", "") for device in settings.devices) if settings else ()
    return [path for path in found if path and Path(path).exists()]


def _said(*commands: list[str]) -> str:
    """What programs say; one that is missing or hangs is named."""
    said = []
    for command in commands:
        said.append(f"$ {' '.join(command)}")
        if shutil.which(command[0]) is None:
            said.append("(there is no such program here)\n")
            continue
        try:
            done = subprocess.run(  # noqa: TID251 - programs of the system, which are not there in tests of ours
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=LASTS,
                check=False,
                env=os.environ | {"LC_ALL": "C.UTF-8"},
            )
            said.append(done.stdout[-LIMIT:].decode("utf-8", "replace"))
        except (OSError, subprocess.TimeoutExpired) as error:
            said.append(f"({error})\n")
    return "\n".join(said)
