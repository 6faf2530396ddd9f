"""Programs that tests and measurements start: with default signal handling, and always ended.

pytest may run with Ctrl-C ignored (in a background job or some CI runners), and programs would inherit that. Each has
a process group of its own, which is ended with it, and is killed by the kernel if its starter is killed. Start it from
a thread that outlives it.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

_PR_SET_PDEATHSIG = 1
_USUAL = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
_libc = ctypes.CDLL(None)

Program = subprocess.Popen[Any]
Command = Sequence[str | os.PathLike[str]]


def run(command: Command, *, input: str | bytes | None = None, **options: Any) -> subprocess.CompletedProcess[Any]:
    """As `subprocess.run`, for a program that ends by itself; `timeout` (s) and `check` are its own."""
    timeout, check = options.pop("timeout", None), options.pop("check", False)
    if options.pop("capture_output", False):
        options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    if input is not None:
        options["stdin"] = subprocess.PIPE
    with running(command, **options) as process:
        out, err = process.communicate(input, timeout)
    done = subprocess.CompletedProcess(command, process.returncode, out, err)
    if check:
        done.check_returncode()
    return done


@contextmanager
def running(command: Command, **options: Any) -> Iterator[Program]:
    """As `subprocess.Popen`, for as long as the context lasts."""
    with start(command, **options) as process:
        try:
            yield process
        finally:
            kill(process)


@asynccontextmanager
async def spawned(*command: str | os.PathLike[str], **options: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    """As `asyncio.create_subprocess_exec`, for as long as the context lasts."""
    process = await spawn(*command, **options)
    try:
        yield process
    finally:
        kill(process)
        await process.wait()


async def ended(
    *command: str | os.PathLike[str], input: bytes | None = None, seconds: float = 100.0, **options: Any
) -> tuple[int, bytes, bytes]:
    """The exit code and both outputs of a program that ends by itself; TimeoutError after so many `seconds`."""
    pipe = asyncio.subprocess.PIPE
    if input is not None:
        options["stdin"] = pipe
    async with spawned(*command, **{"stdout": pipe, "stderr": pipe, **options}) as process, asyncio.timeout(seconds):
        out, err = await process.communicate(input)
    assert process.returncode is not None
    return process.returncode, out, err or b""


def start(command: Command, **options: Any) -> Program:
    """As `subprocess.Popen`; the caller ends it with `kill` at the latest."""
    return subprocess.Popen(command, preexec_fn=_child(), process_group=0, **options)  # noqa: PLW1509 - one thread


async def spawn(*command: str | os.PathLike[str], **options: Any) -> asyncio.subprocess.Process:
    """As `asyncio.create_subprocess_exec`; the caller ends it with `kill` at the latest."""
    return await asyncio.create_subprocess_exec(*command, preexec_fn=_child(), process_group=0, **options)


def kill(process: Program | asyncio.subprocess.Process) -> None:
    """Kill a program with all that it has started, if it has not ended."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _child() -> Any:
    """What a child does before it becomes the program."""
    starter = os.getpid()

    def prepare() -> None:
        for number in _USUAL:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != starter:
            os.kill(os.getpid(), signal.SIGKILL)

    return prepare
