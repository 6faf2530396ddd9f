"""`lobby run`: the daemon, for a branch."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import click

from controller.commands.kit import CONFIG, WRONG, stop


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
    from controller.config import read  # noqa: PLC0415
    from controller.daemon import run_until_signalled  # noqa: PLC0415

    settings = read(path)
    if settings.mqtt and settings.mqtt.embedded:
        stop(f"{path}: mqtt.broker: the embedded broker is for the demo only; use mqtt://host:port", WRONG)
    for warning in settings.warnings:
        logging.warning(warning)
    asyncio.run(run_until_signalled(settings, wait))


COMMAND = run
