"""`lobby status`: how a branch is. What the running daemon knows it is asked for at its socket (`of_the_lobby`); what
the machine knows is found here, also when no daemon runs (`of_the_machine`).

Both are plain data, as `--json` has them: times in ms since 1970, UTC (0: unknown), sizes in bytes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from controller.clock import synchronised
from controller.config import Settings
from controller.devices.kit import DeviceReport
from controller.journal import JournalError, JournalReader
from controller.journal.audit import so_far
from controller.journal.chain import MisfitError
from controller.lobby.model.paper import Printers
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import Print, State
from controller.lobby.model.units import NEVER, Ms
from controller.lobby.show import views
from controller.lobby.show.faults import faults
from controller.version import version

BACKUP_AFTER = 48 * 3_600_000
"""Milliseconds after which the newest backup is too old: one night was left out."""
LITTLE = 256 << 20
"""Bytes of free space below which somebody should make room."""
UNIT = "lobby"
ASKED = 5.0
"""Seconds in which systemd answers."""
OF_PEOPLE = ("help:", "no_counter:", "unknown_print")
"""What the lobby manager has to do, beginning of a fault's id: nothing of the controller is down."""


def of_the_lobby(
    state: State, rules: Rules, now: Ms, reports: Mapping[str, DeviceReport], printers: Printers, *, records: bool
) -> dict[str, Any]:
    """What the daemon knows. No clerk is named."""
    queued = sum(ticket.print is Print.QUEUED for ticket in state.tickets.values())
    return {
        "version": version(),
        "pid": os.getpid(),
        "now": now,
        "day": state.day,
        "day_by_the_clock": rules.day_of(now),
        "records": records,
        "counters": [
            {"id": id, "stage": str(here.stage), "ticket": here.ticket, "reason": here.reason, "since": here.since}
            for id in rules.counters
            for here in (state.counter(id),)
        ],
        "waiting": [
            {"id": id, "name": rules.service_name(id), "waiting": count}
            for id, count in views.waiting_by_service(state, rules).items()
        ],
        "devices": {id: report.for_people() for id, report in sorted(reports.items(), key=lambda each: each[1].place)},
        "printers": [{"id": each.id, "paper": each.paper, "waiting": each.waiting} for each in printers],
        "to_print": queued,
        "faults": [
            fault
            for fault in faults(
                state,
                rules,
                now,
                {id: report.for_people() for id, report in reports.items()},
                printers,
                records=records,
            )
            if fault["severity"] != "note" and not fault["id"].startswith(OF_PEOPLE)
        ],
    }


def of_the_machine(settings: Settings, now: Ms) -> dict[str, Any]:
    """What can be found without the daemon: clock, disk, journal, backups, and what systemd says of the service."""
    path = settings.journal_path
    journal, first = _of_the_journal(path)
    return {
        "clock": {"synchronised": synchronised()},
        "disk": _of_the_disk(path.parent),
        "journal": journal,
        "backup": _newest_backup(path.parent / "backups"),
        "backup_due": 0 < first < now - BACKUP_AFTER,
        "service": of_the_service(),
    }


def _of_the_journal(path: Path) -> tuple[dict[str, Any], Ms]:
    """The journal, and when its first row was written; 0: there is none."""
    found: dict[str, Any] = {"path": str(path), "bytes": 0, "rows": 0, "day": "", "written": NEVER, "anchor": None}
    found["trouble"] = ""
    try:
        found["bytes"] = sum(file.stat().st_size for file in _files(path))
        with closing(JournalReader(path)) as reader:
            first, last = next(reader.stored(), None), reader.newest()
            if first is None or last is None:
                return found, NEVER
            found |= {"rows": last[0], "written": last[1], "day": last[2]}
            anchor = so_far(reader)
            found["anchor"] = anchor and {"row": anchor.seq, "day": anchor.day, "hash": anchor.hash}
            return found, Ms(first[1])
    except (JournalError, MisfitError, OSError) as error:
        return found | {"trouble": str(error)}, NEVER


def _files(path: Path) -> Iterator[Path]:
    """A journal and its log."""
    yield from (each for each in (path, path.with_name(f"{path.name}-wal")) if each.exists())


def _of_the_disk(directory: Path) -> dict[str, Any]:
    try:
        disk = os.statvfs(directory)
    except OSError:
        return {"path": str(directory), "free": 0, "size": 0}
    return {"path": str(directory), "free": disk.f_bavail * disk.f_frsize, "size": disk.f_blocks * disk.f_frsize}


def _newest_backup(directory: Path) -> dict[str, Any] | None:
    """The newest backup where the timer puts them; None: there is none."""
    try:
        newest = max(((file.stat().st_mtime, file) for file in directory.glob("lobby-*.db")), default=None)
    except OSError:
        return None
    return newest and {"path": str(newest[1]), "at": round(newest[0] * 1000)}


_OF_A_UNIT = {"active": "ActiveState", "sub": "SubState", "result": "Result", "text": "StatusText"}


def of_the_service() -> dict[str, str] | None:
    """What systemd says of the unit; None: there is no systemd here, or no such unit."""
    program = shutil.which("systemctl")
    if program is None or not Path("/run/systemd/system").is_dir():
        return None
    show = [program, "show", UNIT, f"--property={','.join(('LoadState', *_OF_A_UNIT.values()))}"]
    try:
        done = subprocess.run(show, capture_output=True, text=True, timeout=ASKED, check=False)  # noqa: TID251
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    if said.get("LoadState") != "loaded" or not said.keys() >= {*_OF_A_UNIT.values()}:
        return None
    return {name: said[key] for name, key in _OF_A_UNIT.items()}


# -- in words -------------------------------------------------------------------------------------------------------


class Trouble(NamedTuple):
    """What is wrong with what, what helps, and since when (ms since 1970, UTC; 0: unknown). `down`: it does not work;
    else it works badly, or may not work."""

    name: str
    text: str
    remedy: str = ""
    since: Ms = NEVER
    down: bool = True


def troubles(status: Mapping[str, Any], rules: Rules) -> Iterator[Trouble]:
    """All that there are, the worst first."""
    say = rules.wording.say
    machine, lobby = status["machine"], status["lobby"]
    if lobby is None:
        service = machine["service"]
        text = status["trouble"] or say("status.not_running")
        if service:
            text = say("status.not_running_but", text=text, state=f"{service['active']} ({service['sub']})")
        remedy = "" if status["trouble"] else say("status.start_it")
        yield Trouble(say("status.daemon"), _joined(text, service and service["text"]), remedy)
    if machine["journal"]["trouble"]:
        yield Trouble(say("status.journal"), machine["journal"]["trouble"])
    for fault in lobby["faults"] if lobby else ():
        down = fault["severity"] != "warning"
        yield Trouble(fault["name"], fault["text"], fault["remedy"], fault["since"], down)
    disk = machine["disk"]
    if disk["size"] and disk["free"] < LITTLE:
        yield Trouble(say("status.disk"), say("status.disk_full", path=disk["path"]), say("status.disk_full_remedy"))
    backup = machine["backup"]
    if machine["backup_due"] and (backup is None or backup["at"] < status["now"] - BACKUP_AFTER):
        text = say("status.backup_old" if backup else "status.backup_none")
        yield Trouble(say("status.backup"), text, say("status.backup_remedy"))


def _joined(*texts: str | None) -> str:
    return "; ".join(text for text in texts if text)


def heard(status: Mapping[str, Any], rules: Rules) -> Iterator[tuple[str, str, str]]:
    """The devices and the stations of their lines: (id, name, how it is) each."""
    say = rules.wording.say
    for id, report in status["lobby"]["devices"].items():
        text = report["detail"] or (say("status.ok") if report["state"] == "ok" else say(f"fault.{report['state']}"))
        yield id, report["name"], say("status.since", text=text, at=when(report["since"], status["now"], rules))
        for address, at in report["heard"].items():
            last = say("status.heard", at=when(at, status["now"], rules)) if at else say("status.never_heard")
            yield f"{id} {address}", say("status.address", address=address), last


def when(at: Ms, now: Ms, rules: Rules) -> str:
    """A time in ms since 1970, UTC, on the branch's clock; with its date if that is not today's."""
    if not at:
        return "-"
    local = rules.local(at)
    same = local.date() == rules.local(now).date()
    return local.strftime("%H:%M" if same else "%Y-%m-%d %H:%M")


def size(count: int) -> str:
    """A number of bytes for people."""
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit in ("B", "kB") or value >= 100 else f"{value:.1f} {unit}"


def facts(status: Mapping[str, Any], rules: Rules) -> Sequence[tuple[str, str]]:
    """What is to be known besides devices: (of what, how it is) each."""
    say, now = rules.wording.say, status["now"]
    machine, lobby = status["machine"], status["lobby"]
    journal, backup, disk = machine["journal"], machine["backup"], machine["disk"]
    found: list[tuple[str, str]] = []
    if lobby:
        since = when(lobby["since"], now, rules)
        stages = [counter["stage"] for counter in lobby["counters"]]
        found += [
            (say("status.daemon"), say("status.running", version=lobby["version"], at=since)),
            (say("status.day"), _of_the_day(lobby, rules, len(stages) - stages.count("closed"))),
            *((say("fault.counter", counter=c["id"]), _of_a_counter(c, status, rules)) for c in lobby["counters"]),
            (
                say("status.waiting"),
                ", ".join(say("status.waiting_for", name=s["name"], count=s["waiting"]) for s in lobby["waiting"]),
            ),
        ]
        if lobby["to_print"]:
            found.append((say("status.printing"), say("status.to_print", count=lobby["to_print"])))
    found += [
        (say("status.clock"), say("status.clock_set" if machine["clock"]["synchronised"] else "status.clock_alone")),
        (say("status.disk"), say("status.free", free=size(disk["free"]), size=size(disk["size"]))),
        (
            say("status.journal"),
            say(
                "status.rows",
                count=journal["rows"],
                size=size(journal["bytes"]),
                at=when(journal["written"], now, rules),
                day=journal["day"] or "-",
            ),
        ),
        (
            say("status.backup"),
            say("status.backup_of", at=when(backup["at"], now, rules)) if backup else say("status.backup_none"),
        ),
    ]
    return found


def _of_the_day(lobby: Mapping[str, Any], rules: Rules, open: int) -> str:
    say = rules.wording.say
    text = say("status.day_open", day=lobby["day"] or "-", open=open, counters=len(lobby["counters"]))
    differs = lobby["day"] != lobby["day_by_the_clock"]
    return say("status.differs", text=text, clock=lobby["day_by_the_clock"]) if differs else text


def _of_a_counter(counter: Mapping[str, Any], status: Mapping[str, Any], rules: Rules) -> str:
    say = rules.wording.say
    text = say(f"status.{counter['stage']}")
    if counter["ticket"]:
        text = say("status.with", text=text, ticket=counter["ticket"])
    return say("status.since", text=text, at=when(counter["since"], status["now"], rules)) if counter["since"] else text
