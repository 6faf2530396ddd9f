"""Programs that tests start: with the usual signals, and ended whatever happens."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import RUN, started_in

from bench import processes

SLEEPS = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(1000)"]
BEARS = [
    sys.executable,
    "-c",
    "import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)']);"
    "print(child.pid, flush=True); time.sleep(1000)",
]


def gone(pid: int) -> bool:
    """Whether a process has ended, be it that nobody has asked for its end yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def soon_gone(pid: int) -> bool:
    deadline = time.monotonic() + 20
    while not gone(pid) and time.monotonic() < deadline:
        time.sleep(0.005)
    return gone(pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_program_gets_signals_that_its_starter_ignores_or_holds_back(number: signal.Signals) -> None:
    before = signal.signal(number, signal.SIG_IGN)
    held_back = signal.pthread_sigmask(signal.SIG_BLOCK, [number])
    try:
        with processes.running(SLEEPS, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout.readline() == b"up\n"
            process.send_signal(number)
            assert process.wait(20) in (-number, 1), "1: Python's own end by Ctrl-C"
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held_back)
        signal.signal(number, before)


def test_what_fails_leaves_neither_a_program_nor_what_that_has_started() -> None:
    started = []

    def fail() -> None:
        with processes.running(BEARS, stdout=subprocess.PIPE) as process:
            started[:] = process, int(process.stdout.readline())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    process, child = started
    assert process.returncode == -signal.SIGKILL
    assert soon_gone(child)


async def test_what_fails_asynchronously_leaves_none_either() -> None:
    started = []

    async def fail() -> None:
        async with processes.spawned(*BEARS, stdout=asyncio.subprocess.PIPE) as process:
            assert process.stdout
            started[:] = process, int(await process.stdout.readline())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    process, child = started
    assert process.returncode == -signal.SIGKILL
    assert soon_gone(child)


async def test_what_takes_too_long_is_ended() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        processes.run(SLEEPS, capture_output=True, timeout=0.1)
    with pytest.raises(TimeoutError):
        await processes.ended(*SLEEPS, seconds=0.1)
    assert not [what for what in started_in(os.environ[RUN]).values() if "sleep(1000)" in what]


def test_a_killed_starter_leaves_no_program() -> None:
    starter = (
        f"import subprocess, time; from bench import processes; child = processes.start({SLEEPS!r}, "
        "stdout=subprocess.PIPE); child.stdout.readline(); print(child.pid, flush=True); time.sleep(1000)"
    )
    with processes.running([sys.executable, "-c", starter], stdout=subprocess.PIPE) as process:
        child = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        assert soon_gone(child)


def test_who_was_started_is_known_also_when_its_starter_has_ended() -> None:
    shell = ["sh", "-c", "sleep 1000 >&- 2>&- & echo $!"]
    orphan = int(processes.run(shell, capture_output=True).stdout)
    try:
        assert started_in(os.environ[RUN])[orphan] == "sleep 1000 "
    finally:
        os.kill(orphan, signal.SIGKILL)
    assert soon_gone(orphan)
