"""The package in a Debian that systemd has booted, without a network: from the first installation to purge, in order.

Each test goes on where the one before has ended; `make test-install` runs them.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import processes
from install.machine import Machine, machine, until
from install.packages import FAILS, SPOILS, altered, built, version_of

pytestmark = pytest.mark.install

CONFIG = "/etc/lobby/branch.toml"
BRANCH = """\
[branch]
id = "0755-001"
name = "Liberation Road"
language = "en"
default_service = "cash"

[web]
listen = "127.0.0.1:8080"

[[service]]
id = "cash"
name = "Cash"
prefix = "A"
key = 1

[[counter]]
id = "1"
serves = { cash = 0 }

[[device]]
id = "printer"
driver = "escpos"
link = "file:/dev/lobby/printer"
"""
TAKE = """\
import json, sys, urllib.request
request = urllib.request.Request("http://127.0.0.1:8080/api/tickets", json.dumps({"service": "cash"}).encode(),
    {"Authorization": "Bearer " + sys.argv[1], "Content-Type": "application/json", "Idempotency-Key": sys.argv[2]})
print(json.load(urllib.request.urlopen(request, timeout=20))["ticket"])
"""
KINDS = """\
import sqlite3
print(*(kind for kind, in sqlite3.connect("/var/lib/lobby/lobby.db").execute("SELECT kind FROM event")))
"""
NEXT, FAILING, SPOILING = "99.1", "99.2", "99.3"


@pytest.fixture(scope="module")
def deb() -> Path:
    return built()


@pytest.fixture(scope="module")
def debian(deb: Path) -> Iterator[Machine]:
    with machine() as debian:
        yield debian


@pytest.fixture(scope="module")
def kept() -> dict[str, str]:
    """What one test leaves for the next."""
    return {}


def put(debian: Machine, deb: Path) -> str:
    """The package's file, and where it is in the machine."""
    target = debian.path(f"/var/cache/{deb.name}")
    shutil.copy(deb, target)
    return f"/var/cache/{deb.name}"


def ticket(debian: Machine, token: str, key: str) -> str:
    return debian.ok("python3", "-c", TAKE, token, key).strip()


def as_lobby(debian: Machine, *command: str) -> str:
    return debian.ok("setpriv", "--reuid=lobby", "--regid=lobby", "--init-groups", *command)


def test_lintian_finds_no_error(deb: Path) -> None:
    done = processes.run(
        ["lintian", "--fail-on=error", "--tag-display-limit", "0", deb], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout


def test_it_is_installed_without_a_network_and_starts_once_the_branch_is_written(
    debian: Machine, deb: Path, kept: dict[str, str]
) -> None:
    said = debian.ok("apt-get", "install", "-y", put(debian, deb))
    assert re.search(r"lobby: installed\. Now: sudo lobby setup .*sudo systemctl start lobby", said), said
    assert debian.service("ActiveState") == "inactive"
    units = ("lobby.service", "lobby-backup.timer", "lobby-purge.timer", "lobby-mqtt-renew.timer")
    assert debian.ok("systemctl", "is-enabled", *units).split() == ["enabled"] * len(units)
    debian.path(CONFIG).write_text(BRANCH)
    assert "all is well" in debian.ok("lobby", "check"), "the branch's configuration is the default"
    debian.ok("systemctl", "start", "lobby")
    assert debian.service("ActiveState") == "active"
    until(lambda: debian.service("StatusText").startswith("0 counters open, 0 waiting"), 10)
    until(lambda: "printer" in debian.service("StatusText").lower(), 20)
    made = debian.ok(
        "setpriv", "--reuid=lobby", "--regid=lobby", "--init-groups", "lobby", "user", "add", "k", "--role", "kiosk"
    )
    kept["token"] = made.strip().rpartition("#")[2]
    assert ticket(debian, kept["token"], "key-00001") == "A001"


def test_the_version_has_the_commit(debian: Machine, deb: Path) -> None:
    said = debian.ok("lobby", "--version").strip()
    found = re.fullmatch(r"lobby, version ([\d.]+) \((\w{7,})(, changed)?\)", said)
    assert found, said
    assert version_of(deb).startswith(f"{found[1]}~")
    assert found[2] in version_of(deb)


def test_manual_pages_completion_and_examples_are_there(debian: Machine) -> None:
    listed = debian.ok("dpkg", "-L", "lobby-controller").split()
    for path in (
        "/usr/share/man/man1/lobby.1.gz",
        "/usr/share/man/man1/lobby-user-add.1.gz",
        "/usr/share/bash-completion/completions/lobby",
        "/usr/share/doc/lobby-controller/copyright",
        "/usr/share/doc/lobby-controller/changelog.gz",
        "/usr/share/doc/lobby-controller/examples/branch.example.toml",
        "/lib/udev/rules.d/90-lobby.rules",
    ):
        assert path in listed
    completed = debian.ok(
        "bash",
        "-c",
        ". /usr/share/bash-completion/completions/lobby; COMP_WORDS=(lobby che); COMP_CWORD=1; "
        "_lobby_completion lobby; echo ${COMPREPLY[*]}",
    )
    assert completed.strip() == "check"


def test_nothing_in_it_names_where_it_was_built(debian: Machine) -> None:
    here = str(Path.cwd())
    done = debian.run("grep", "-rlaF", here, "/opt/lobby", "/usr/share/man/man1", "/usr/share/bash-completion")
    assert (done.returncode, done.stdout) == (1, "")


def test_the_log_has_levels_and_devices(debian: Machine) -> None:
    rows = [
        json.loads(line)
        for line in debian.ok("journalctl", "-u", "lobby", "-b", "-o", "json", "--no-pager").splitlines()
    ]
    ours = [row for row in rows if row.get("SYSLOG_IDENTIFIER") == "lobby"]
    assert any(row["PRIORITY"] == "6" and str(row["MESSAGE"]).startswith("lobby ") for row in ours)
    assert [row["PRIORITY"] for row in ours if row.get("DEVICE") == "printer"][:1] == ["4"]
    assert "printer" in debian.ok("journalctl", "-u", "lobby", "-p", "warning", "DEVICE=printer", "--no-pager")


def test_each_restriction_bites(debian: Machine) -> None:
    unit = debian.path("/lib/systemd/system/lobby.service").read_text()
    for line in ("StartLimitIntervalSec=0", "NotifyAccess=main", "Restart=always", "WatchdogSec=30"):
        assert f"\n{line}\n" in unit
        unit = unit.replace(f"\n{line}\n", "\n")
    unit = unit.replace("\nType=notify\n", "\nType=oneshot\n")
    unit = re.sub(r"(?m)^ExecStart=.*$", "ExecStart=/opt/lobby/bin/python3 -I /usr/local/lib/probe.py", unit)
    debian.path("/etc/systemd/system/lobby-probe.service").write_text(unit)
    shutil.copy(Path(__file__).with_name("probe.py"), debian.path("/usr/local/lib/probe.py"))
    # A network that leads to public and to private addresses (by way of nowhere), and devices that anybody could open.
    debian.ok("ip", "address", "add", "192.0.2.1/32", "dev", "lo")
    debian.ok("ip", "route", "add", "default", "dev", "lo", "src", "192.0.2.1")
    debian.ok("mknod", "-m", "666", "/dev/ttyS9", "c", "4", "73")
    debian.ok("cp", "-a", "/dev/ttyS9", "/dev/lobby-service/port")
    debian.ok("mknod", "-m", "666", "/dev/lobby-service/other", "c", "10", "229")
    debian.ok("systemctl", "daemon-reload")
    started = debian.run("systemctl", "start", "lobby-probe")
    assert started.returncode == 0, debian.ok("journalctl", "-u", "lobby-probe", "--no-pager")
    found = json.loads(debian.path("/var/lib/lobby/probe.json").read_text())
    groups = debian.ok("id", "-Gn", "lobby").split()
    assert {"dialout", "lp", "audio"} <= set(groups)
    ids = found.pop("groups")
    # The port may not exist on this machine: what counts is that it is not forbidden.
    assert found.pop("open /dev/lobby/port") in ("done", "EIO", "ENXIO", "ENODEV")
    assert found == {
        "send 203.0.113.9": "EPERM",
        "send 10.0.0.9": "done",
        "send 127.0.0.1": "done",
        "open /dev/ttyS9": "ENOENT",
        "open /dev/lobby/other": "EPERM",
        "open /dev/null": "done",
        "write /usr": "EROFS",
        "write /etc": "EROFS",
        "write /etc/lobby": "EROFS",
        "write /opt/lobby": "EROFS",
        "write /var/log": "EROFS",
        "write /boot": "EROFS",
        "write /var/lib/lobby": "done",
        "write /tmp": "done",
        "list /home": "EACCES",
        "list /root": "EACCES",
        "socket AF_PACKET": "EAFNOSUPPORT",
        "socket AF_NETLINK": "EAFNOSUPPORT",
        "new user namespace": "EPERM",
        "set the clock": "EPERM",
        "set the host name": "EPERM",
        "real time": "EPERM",
        "set-user-id": "EPERM",
        "personality": "EPERM",
        "memory to write and run": "EPERM",
        "mount": "EPERM",
        "kernel settings": "ENOENT",
        "kernel log": "EPERM",
        "cgroups": "EROFS",
        "see process 1": "ENOENT",
        "become root": "EPERM",
        **dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), "0000000000000000"),
        "NoNewPrivs": "1",
        "Seccomp": "2",
    }
    assert ids


def test_udev_would_show_a_device_with_a_name_and_no_other(debian: Machine) -> None:
    """As far as it goes without udev's daemon, which runs in no container; a branch's own names go before ours."""
    debian.path("/etc/udev/rules.d/90-lobby.rules").write_text(
        'SUBSYSTEM=="tty", KERNEL=="tty", SYMLINK+="lobby/port"\n'
    )
    named = debian.ok("udevadm", "test", "--action=add", "/sys/class/tty/tty")
    assert {"DEVLINKS=/dev/lobby/port", "run: 'lobby-node'"} <= set(named.splitlines())
    assert "lobby-node" not in debian.ok("udevadm", "test", "--action=add", "/sys/class/tty/console")
    debian.path("/etc/udev/rules.d/90-lobby.rules").unlink()


def test_a_device_that_is_plugged_in_meanwhile_is_seen(debian: Machine) -> None:
    environment = {"ACTION": "add", "DEVNAME": "/dev/null", "DEVLINKS": "/dev/lobby/later", "MAJOR": "1", "MINOR": "3"}
    debian.ok("/lib/udev/lobby-node", **environment)
    seen = debian.ok("stat", "-c", "%t:%T", f"/proc/{debian.service('MainPID')}/root/dev/lobby/later")
    assert seen.strip() == "1:3"


def test_it_is_little_exposed(debian: Machine) -> None:
    said = debian.ok("systemd-analyze", "security", "--no-pager", "lobby.service")
    found = re.search(r"Overall exposure level for lobby\.service: ([\d.]+)", said)
    assert found
    print("exposure", found[1])
    assert float(found[1]) <= 1.0


def test_killed_it_is_back_with_its_day(debian: Machine, kept: dict[str, str]) -> None:
    before = debian.service("MainPID")
    debian.ok("kill", "-9", before)
    until(lambda: debian.service("MainPID") not in ("0", before) and debian.service("ActiveState") == "active", 20)
    until(lambda: debian.service("StatusText").startswith("0 counters open, 1 waiting"), 10)


def test_it_ends_in_order_within_five_seconds(debian: Machine) -> None:
    began = time.monotonic()
    debian.ok("systemctl", "stop", "lobby")
    assert time.monotonic() - began < 5
    assert debian.service("Result") == "success"
    debian.ok("systemctl", "start", "lobby")


def test_after_power_on_it_is_there_without_network_clock_and_devices(debian: Machine) -> None:
    debian.end()
    debian.boot()
    until(lambda: debian.service("ActiveState") == "active", 60)
    until(lambda: debian.service("StatusText").startswith("0 counters open, 1 waiting"), 10)
    kinds = as_lobby(debian, "python3", "-c", KINDS).split()
    assert "controller_started" in kinds
    assert "clock_stepped" not in kinds, "a machine that was off is none whose clock was set"


def test_the_backup_is_made_by_its_timer(debian: Machine) -> None:
    assert debian.ok("systemctl", "is-active", "lobby-backup.timer").strip() == "active"
    debian.ok("systemctl", "start", "lobby-backup.service")
    assert len(list(debian.path("/var/lib/lobby/backups").glob("lobby-*.db"))) == 1


def before_updates(debian: Machine) -> list[str]:
    return sorted(path.name for path in debian.path("/var/lib/lobby/backups").glob("before-*.db"))


def test_an_update_makes_a_backup_and_goes_on_with_the_day(
    debian: Machine, deb: Path, kept: dict[str, str], tmp_path: Path
) -> None:
    before = debian.service("MainPID")
    said = debian.ok("apt-get", "install", "-y", put(debian, altered(deb, tmp_path, NEXT)))
    assert f"/var/lib/lobby/backups/before-{NEXT}-" in said
    assert len(before_updates(debian)) == 1
    assert debian.service("ActiveState") == "active"
    assert debian.service("MainPID") != before
    assert debian.service("Description").endswith(NEXT)
    assert not debian.path("/opt/lobby.former").exists()
    until(lambda: debian.service("StatusText").startswith("0 counters open, 1 waiting"), 10)
    assert debian.path(CONFIG).read_text() == BRANCH


@pytest.mark.parametrize(("version", "command"), [(FAILING, FAILS), (SPOILING, SPOILS)])
def test_an_update_that_does_not_become_ready_is_rolled_back(
    debian: Machine, deb: Path, kept: dict[str, str], tmp_path: Path, version: str, command: str
) -> None:
    until(lambda: debian.service("ActiveState") == "active", 20)
    done = debian.run("apt-get", "install", "-y", put(debian, altered(deb, tmp_path, version, command)))
    assert done.returncode != 0
    said = f"lobby: version {version} did not become ready"
    (sentence,) = [line for line in done.stdout.splitlines() if line.startswith(said)]
    assert f"version {NEXT} is back and runs" in sentence
    assert ("with the journal as it was before the update" in sentence) == (command == SPOILS)
    assert debian.service("ActiveState") == "active"
    assert debian.service("Description").endswith(NEXT)
    assert "python3 -I" in debian.path("/opt/lobby/bin/lobby").read_text()
    until(lambda: debian.service("StatusText").startswith("0 counters open, 1 waiting"), 10)
    again = debian.run("dpkg", "--configure", "-a")
    assert f"version {version} was rolled back" in again.stdout
    assert debian.service("ActiveState") == "active"
    back = debian.ok("apt-get", "install", "-y", "--allow-downgrades", put(debian, altered(deb, tmp_path, NEXT)))
    assert "backup before the update" in back
    assert debian.service("ActiveState") == "active"


def test_removal_keeps_configuration_and_journal(debian: Machine) -> None:
    debian.ok("apt-get", "remove", "-y", "lobby-controller")
    assert debian.run("systemctl", "is-active", "lobby").stdout.strip() == "inactive"
    assert not debian.path("/opt/lobby").exists()
    assert debian.path(CONFIG).exists()
    assert debian.path("/var/lib/lobby/lobby.db").exists()


def test_installed_again_it_goes_on_and_purged_it_is_gone(debian: Machine, deb: Path, kept: dict[str, str]) -> None:
    debian.ok("apt-get", "install", "-y", put(debian, deb))
    assert debian.service("ActiveState") == "active"
    until(lambda: debian.service("StatusText").startswith("0 counters open, 1 waiting"), 10)
    assert ticket(debian, kept["token"], "key-00002") == "A002"
    settings = debian.path("/etc/mosquitto/conf.d/lobby.conf")
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text("# Made by `lobby mqtt` for Mosquitto 2\n")
    debian.ok("apt-get", "purge", "-y", "lobby-controller")
    assert not settings.exists(), "it names files that are gone"
    for place in ("/opt/lobby", "/etc/lobby", "/var/lib/lobby", "/usr/bin/lobby", "/lib/systemd/system/lobby.service"):
        assert not debian.path(place).exists(), place
    assert debian.run("systemctl", "is-enabled", "lobby").returncode != 0
