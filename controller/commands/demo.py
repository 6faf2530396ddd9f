"""`lobby demo`: a whole lobby on simulated hardware."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

import click

from controller.commands.kit import FAILED, PAGE, WRONG, stop

SPEED, HEADLESS_SPEED = 20.0, 60.0
"""How fast people's time runs: in the first one can follow a customer."""


@click.command()
@click.option("--config", "path", type=click.Path(path_type=Path), help="Default: the demo branch that comes with it.")
@click.option("--headless", is_flag=True, help="Needs no screen; ends when the last customer has left.")
@click.option("--customers", type=click.IntRange(1), default=None, help="How many come. Default: no end; headless 30.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed, the same customers.")
@click.option(
    "--speed", type=click.FloatRange(1, 1000), default=None, help="People's time, not wires'. Default: 20; headless 60."
)
@click.option("--language", type=click.Choice(["zh", "en"]), default=None, help="Default: the configuration's.")
@click.option("--tickets", type=click.Path(path_type=Path, file_okay=False), help="Draw every paper ticket into here.")
@click.option("--script", "script_name", help="Play a scripted day, such as faulty-day, or that of a file; then end.")
@PAGE
@click.option("--no-browser", is_flag=True, help="Only print the page's address.")
def demo(
    path: Path | None,
    headless: bool,
    customers: int | None,
    seed: int,
    speed: float | None,
    language: str | None,
    tickets: Path | None,
    script_name: str | None,
    page: int | None,
    no_browser: bool,
) -> None:
    """A whole lobby on simulated hardware: real drivers, real bytes."""
    from controller.config import read, shipped  # noqa: PLC0415
    from simulators.broker import NoBrokerError  # noqa: PLC0415
    from simulators.demo import missing, run_demo  # noqa: PLC0415
    from simulators.script import ScriptError, read_script  # noqa: PLC0415
    from simulators.virtual_lobby.server import PORT  # noqa: PLC0415

    settings = read(path or shipped("demo.toml"), language=language)
    if lacks := missing(settings):
        stop(f"{settings.path}: the demo needs {lacks}; add it, or leave out --config", WRONG)
    try:
        script = read_script(script_name) if script_name else None
    except ScriptError as error:
        stop(str(error), WRONG)
    headless = headless or script is not None
    if not headless and not sys.stdout.isatty():
        click.echo("There is no terminal to draw in: running without a screen.")
        headless = True
    if page is None and not headless:
        page = PORT
    logging.getLogger().setLevel(logging.ERROR)
    logging.getLogger("simulators").setLevel(logging.WARNING)
    speed = speed or (HEADLESS_SPEED if headless else SPEED)
    customers = customers or (30 if headless and not script else None)
    browser = not (no_browser or headless)
    day = run_demo(
        settings,
        customers,
        seed,
        speed,
        headless=headless,
        tickets=tickets,
        page=page,
        browser=browser,
        script=script,
    )
    try:
        good = asyncio.run(day)
    except NoBrokerError as error:
        stop(str(error), FAILED)
    sys.exit(0 if good else FAILED)


COMMAND = demo
