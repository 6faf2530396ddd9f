"""The bundle's install.sh in a machine without a network: it installs, updates, rolls back, and removes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import processes
from install.machine import Machine, machine, until
from install.packages import FAILS
from install.test_install import BRANCH, CONFIG

pytestmark = pytest.mark.install


@pytest.fixture(scope="module")
def debian() -> Iterator[Machine]:
    with machine() as debian:
        yield debian


@pytest.fixture(scope="module")
def folder(debian: Machine) -> str:
    """Where the bundle is unpacked in the machine."""
    found = sorted(Path("dist").glob("lobby-controller-*.tar.gz"), key=lambda path: path.stat().st_mtime)
    assert found, "make bundle makes it"
    processes.run(["tar", "-xzf", found[-1], "-C", debian.path("/usr/local/src")], check=True)
    (unpacked,) = debian.path("/usr/local/src").iterdir()
    return f"/usr/local/src/{unpacked.name}"


def test_it_refuses_politely(debian: Machine, folder: str) -> None:
    done = debian.run("setpriv", "--reuid=65534", "--clear-groups", f"{folder}/install.sh")
    assert (done.returncode, done.stdout.startswith("lobby: only root can install a service: sudo ")) == (1, True)
    damaged = debian.path(f"{folder}/LICENSE")
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[1:])
    done = debian.run(f"{folder}/install.sh")
    assert (done.returncode, "a file of this folder is damaged" in done.stdout) == (1, True)
    damaged.write_bytes(whole)
    done = debian.run(f"{folder}/install.sh", PYTHON="/usr/bin/python2")
    assert (done.returncode, "Python 3.11 or later is needed" in done.stdout) == (1, True)
    assert not debian.path("/opt/lobby").exists()


def test_it_installs_without_a_network(debian: Machine, folder: str) -> None:
    assert "installed. Now: sudo lobby setup" in debian.ok(f"{folder}/install.sh")
    debian.path(CONFIG).write_text(BRANCH)
    debian.ok("systemctl", "start", "lobby")
    assert debian.service("ActiveState") == "active"
    assert "all is well" in debian.ok("lobby", "check")
    assert debian.ok("systemctl", "is-enabled", "lobby.service", "lobby-backup.timer").split() == ["enabled", "enabled"]


def test_it_updates_after_a_backup(debian: Machine, folder: str) -> None:
    before = debian.service("MainPID")
    said = debian.ok(f"{folder}/install.sh")
    assert "lobby: backup before the update: /var/lib/lobby/backups/before-" in said
    assert debian.service("ActiveState") == "active"
    assert debian.service("MainPID") != before
    assert not debian.path("/opt/lobby.former").exists()


def test_what_does_not_become_ready_is_rolled_back(debian: Machine, folder: str) -> None:
    other = f"{folder}-other"
    shutil.copytree(debian.path(folder), debian.path(other), symlinks=True)
    environment = debian.path(f"{other}/environment.py")
    text = environment.read_text()
    start = text.index('COMMAND = """')
    end = text.index('"""', start + 20) + 3
    environment.write_text(text[:start] + f"COMMAND = {FAILS!r}" + text[end:])
    debian.path(f"{other}/version").write_text("99.2\n")
    debian.path(f"{other}/SHA256SUMS").write_text("")
    debian.ok("sh", "-c", f"cd {other} && sha256sum version > SHA256SUMS")
    done = debian.run(f"{other}/install.sh")
    assert done.returncode == 1, done.stdout
    assert "lobby: version 99.2 did not become ready" in done.stdout
    assert "is back and runs" in done.stdout
    assert debian.service("ActiveState") == "active"
    until(lambda: debian.service("StatusText").startswith("0 counters open, 0 waiting"), 10)


def test_uninstalled_it_leaves_the_journal_and_purged_nothing(debian: Machine, folder: str) -> None:
    debian.ok("/opt/lobby/install.sh", "--uninstall")
    assert not debian.path("/opt/lobby").exists()
    assert debian.path("/var/lib/lobby/lobby.db").exists()
    debian.ok(f"{folder}/install.sh")
    assert debian.service("ActiveState") == "active"
    debian.ok("/opt/lobby/install.sh", "--purge")
    for place in ("/opt/lobby", "/etc/lobby", "/var/lib/lobby", "/usr/local/bin/lobby"):
        assert not debian.path(place).exists(), place
    assert "nothing is removed" in debian.run(f"{folder}/install.sh", "--uninstall").stdout
