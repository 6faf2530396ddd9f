"""A Debian of its own that systemd has booted, without a network, for as long as a test needs it.

systemd-nspawn, in a cgroup of its own in the unified hierarchy, whatever this machine's own systemd uses. Without
CAP_BPF, CAP_PERFMON and bpf(2) its systemd would not enforce IPAddressDeny= and DeviceAllow=, and not say so.
"""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench import processes

ROOT = Path(__file__).parents[2]
KEPT = ROOT / ".install"
"""What one run leaves for the next; `make clean` removes it."""
PACKAGES = "systemd,systemd-sysv,python3,tzdata,libstdc++6,udev,procps,iproute2,kmod,init-system-helpers"
"""What is there before ours: a minimal server, without a network from then on."""
BOOT = 60.0
"""Seconds in which it must have booted."""

_ENTER = """
set -e
mount -t cgroup2 none /sys/fs/cgroup
mkdir -p /sys/fs/cgroup/$0
echo $$ > /sys/fs/cgroup/$0/cgroup.procs
exec "$@"
"""
_LEAVE = """
mount -t cgroup2 none /sys/fs/cgroup
find /sys/fs/cgroup/$0 -depth -type d -exec rmdir {} +
"""


def release() -> dict[str, str]:
    """What /etc/os-release says of this machine's distribution."""
    return platform.freedesktop_os_release()


def mirror() -> str:
    """Where this machine's apt has the packages of its own release from."""
    asked = ("apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)", "Created-By: Packages")
    said = processes.run(asked, capture_output=True, text=True, check=True).stdout
    for line in said.splitlines():
        where, codename, component = line.split()
        if codename == release()["VERSION_CODENAME"] and component == "main":
            return where
    raise LookupError(f"apt has no packages of {release()['VERSION_CODENAME']}; apt-get update, and its sources")


def base() -> Path:
    """A minimal root of this machine's distribution, made once."""
    made = KEPT / release()["VERSION_CODENAME"]
    if not made.exists():
        KEPT.mkdir(exist_ok=True)
        partial = made.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        command = ("debootstrap", "--variant=minbase", f"--include={PACKAGES}")
        processes.run([*command, release()["VERSION_CODENAME"], partial, mirror()], check=True, timeout=500)
        for lists in (partial / "var/lib/apt/lists").glob("*_*"):
            lists.unlink()  # no network: apt must do with what is there
        (partial / "etc/apt/sources.list").write_text("")
        partial.rename(made)
    return made


class Machine:
    """One that is booted or not; its files are at `root`."""

    def __init__(self, root: Path, name: str) -> None:
        self.root = root
        self._name = name
        self._running: processes.Program | None = None
        self._first = 0
        """The process id, here, of its systemd."""

    def boot(self) -> None:
        """Until it has booted."""
        nspawn = [
            "systemd-nspawn",
            "--quiet",
            f"--directory={self.root}",
            f"--machine={self._name}",
            "--boot",
            "--register=no",
            "--keep-unit",
            "--private-network",
            "--capability=CAP_BPF,CAP_PERFMON",
            "--system-call-filter=bpf",
            "--settings=no",
            "--link-journal=no",
            "--resolv-conf=off",
            "--timezone=off",
            "--console=pipe",
        ]
        log = (KEPT / "boot.log").open("wb")
        with log:
            self._running = processes.start(
                ["unshare", "--mount", "--", "sh", "-c", _ENTER, self._name, *nspawn],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1", "SYSTEMD_COLORS": "0"},
            )
        until(self._found, BOOT)
        until(lambda: self.run("systemctl", "is-system-running").stdout.strip() in ("running", "degraded"), BOOT)

    def _found(self) -> bool:
        assert self._running is not None
        assert self._running.poll() is None, (KEPT / "boot.log").read_text()
        pid = self._running.pid
        with suppress(OSError):
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                # The first process of a process-id namespace of its own.
                if Path(f"/proc/{child}/status").read_text().partition("NSpid:")[2].split("\n")[0].split()[-1] == "1":
                    self._first = int(child)
                    return Path(f"/proc/{child}/root/run/systemd/private").exists()
        return False

    def run(self, *command: str, timeout: float = 120, **environment: str) -> subprocess.CompletedProcess[str]:
        """A command in it, as root: what it said and its exit code."""
        inside = ("nsenter", f"--target={self._first}", "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd")
        clean = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C.UTF-8",
            "DEBIAN_FRONTEND": "noninteractive",
        }
        return processes.run(
            [*inside, "--", *command],
            env=clean | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
        )

    def ok(self, *command: str, **options: str) -> str:
        """What a command said that must not fail."""
        done = self.run(*command, **options)
        assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}"
        return done.stdout

    def path(self, inside: str) -> Path:
        """A file of it that is not in its /run, /tmp or /dev."""
        return self.root / inside.lstrip("/")

    def service(self, property: str) -> str:
        """A property of the service, such as ActiveState."""
        return self.ok("systemctl", "show", f"--property={property}", "--value", "lobby.service").strip()

    def end(self) -> None:
        """Power off, and wait for it."""
        if self._running is None:
            return
        if self._first:
            with suppress(OSError):
                os.kill(self._first, signal.SIGRTMIN + 4)  # systemd(1): power off
            with suppress(subprocess.TimeoutExpired):
                self._running.wait(20)
        processes.kill(self._running)
        self._running.wait()
        self._running, self._first = None, 0
        processes.run(["unshare", "--mount", "--", "sh", "-c", _LEAVE, self._name], check=False)


@contextmanager
def machine() -> Iterator[Machine]:
    """A fresh one, booted; nothing of it is left."""
    place = KEPT / f"run-{os.getpid()}"
    root = place / "root"
    for folder in ("root", "upper", "work"):
        (place / folder).mkdir(parents=True)
    layers = f"lowerdir={base()},upperdir={place}/upper,workdir={place}/work"
    processes.run(["mount", "-t", "overlay", "overlay", "-o", layers, root], check=True)
    booted = Machine(root, f"lobby-install-{os.getpid()}")
    try:
        booted.boot()
        yield booted
    finally:
        booted.end()
        processes.run(["umount", root], check=True)
        shutil.rmtree(place)


def until(holds: Callable[[], bool], seconds: float) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s"
        time.sleep(0.1)
