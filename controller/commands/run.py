"""`lobby run`: the daemon, for a branch."""

from __future__ import annotations

import asyncio
import logging
import os
import pwd
import signal
import sys
from pathlib import Path

import click

from controller.commands.kit import CONFIG, FAILED, WRONG, stop
from controller.operation import journald
from controller.operation.service import Notifier, Refusals


@click.command()
@CONFIG
@click.option(
    "--wait-for-clock",
    "wait",
    type=click.FloatRange(0, 600),
    default=0,
    help="Seconds to wait, right after the machine's start, for a time server to set its clock. Default: 0.",
)
def run(path: Path, wait: float) -> None:
    """The daemon, for a branch."""
    from controller.config import ConfigError  # noqa: PLC0415
    from controller.journal import JournalError  # noqa: PLC0415

    # One that comes from here on must find the handler, or what it asks for is lost and the daemon with it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    notifier = Notifier(os.environ.get("NOTIFY_SOCKET"))
    refusals = Refusals(notifier, os.environ)
    try:
        _run(path, wait, notifier)
    except (ConfigError, JournalError, UnusableError, OSError) as error:
        if refusals.told(str(error), path):
            refusals.try_again()
        if isinstance(error, UnusableError):
            stop(str(error), error.code)
        raise


class UnusableError(Exception):
    """The daemon must not run as it is started here; `code`: the exit code."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


def _run(path: Path, wait: float, notifier: Notifier) -> None:
    from controller.config import read  # noqa: PLC0415
    from controller.daemon import run_until_signalled  # noqa: PLC0415
    from controller.version import version  # noqa: PLC0415

    if not path.exists():
        raise UnusableError(f"{path}: there is no such file; make it: sudo lobby setup --config {path}", WRONG)
    settings = read(path)
    if settings.mqtt and settings.mqtt.embedded:
        raise UnusableError(
            f"{path}: mqtt.broker: the embedded broker is for the demo only; use mqtt://host:port", WRONG
        )
    if owner := other_owner(settings.journal_path.parent):
        raise UnusableError(
            f"{settings.journal_path.parent} belongs to {owner}: files of root there would keep the service out; "
            f"run it as {owner}: sudo -u {owner} lobby run --config {path}",
            FAILED,
        )
    if journald.reads(sys.stderr, os.environ):
        logging.info("lobby %s", version())
    for warning in settings.warnings:
        logging.warning(warning)
    asyncio.run(run_until_signalled(settings, notifier, wait))


def other_owner(directory: Path) -> str:
    """Who owns a directory, if that is somebody else and this runs as root; else empty."""
    if os.geteuid() != 0 or not directory.is_dir() or (owner := directory.stat().st_uid) == 0:
        return ""
    try:
        return pwd.getpwuid(owner).pw_name
    except KeyError:
        return f"#{owner}"


COMMAND = run
