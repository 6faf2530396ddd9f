"""The `lobby` command. Errors for people are one line; `--debug` shows where they come from.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 130 interrupted (Ctrl-C).
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from controller.repeated_lines import RepeatsHandler
from controller.web.roles import DEVICES, ROLES, Role

if TYPE_CHECKING:
    from controller.config import Settings
    from controller.lobby.aggregate import Row
    from controller.lobby.model.calendar import Span
    from controller.web.accounts import Accounts

CONFIG = click.option(
    "--config", "path", type=click.Path(path_type=Path), required=True, help="The branch's TOML configuration."
)

PAGE = click.option(
    "--page",
    type=click.IntRange(0, 65535),
    help="Port of the page that shows the simulated devices; 0 is any. Default: 8079 where the demo has a screen.",
)

FAILED, WRONG, INTERRUPTED = 1, 2, 130
LINE_LIMIT = 1000
"""Bytes of a line on standard input."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show where an error comes from, and log more.")
@click.version_option(package_name="lobby-controller")
def lobby(debug: bool) -> None:
    """Run a bank branch's lobby: ticket printer, displays and keypads over serial and MQTT."""
    level = logging.DEBUG if debug else logging.INFO
    logging.basicConfig(level=level, format="%(levelname)s %(message)s", handlers=[RepeatsHandler()])


@lobby.command()
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
        _stop(f"{path}: mqtt.broker: the embedded broker is for the demo only; use mqtt://host:port", WRONG)
    for warning in settings.warnings:
        logging.warning(warning)
    asyncio.run(run_until_signalled(settings, wait))


@lobby.command()
def devices() -> None:
    """What can be configured of each kind of device that is installed, as Markdown."""
    from controller.devices.reference import reference  # noqa: PLC0415

    click.echo(reference())


@lobby.command()
@CONFIG
def check(path: Path) -> None:
    """Check a configuration: every error with its line, and what will not be shown whole as a warning."""
    from controller.config import read  # noqa: PLC0415

    settings = read(path, files=True)
    for warning in settings.warnings:
        click.echo(warning, err=True)
    verdict = "it can be used" if settings.warnings else "all is well"
    click.echo(f"{path}: {verdict}: {len(settings.rules.counters)} counters, {len(settings.devices)} devices")


@lobby.command()
@click.option("--config", "path", type=click.Path(path_type=Path), help="Default: the demo branch that comes with it.")
@click.option("--headless", is_flag=True, help="Needs no screen; ends when the last customer has left.")
@click.option("--customers", type=click.IntRange(1), default=None, help="How many come. Default: no end; headless 30.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed, the same customers.")
@click.option(
    "--speed", type=click.FloatRange(1, 1000), default=60, show_default=True, help="People's time, not wires'."
)
@click.option("--tickets", type=click.Path(path_type=Path, file_okay=False), help="Draw every paper ticket into here.")
@PAGE
@click.option("--no-browser", is_flag=True, help="Only print the page's address.")
def demo(
    path: Path | None,
    headless: bool,
    customers: int | None,
    seed: int,
    speed: float,
    tickets: Path | None,
    page: int | None,
    no_browser: bool,
) -> None:
    """A whole lobby on simulated hardware: real drivers, real bytes."""
    from controller.config import read, shipped  # noqa: PLC0415
    from simulators.broker import NoBrokerError  # noqa: PLC0415
    from simulators.demo import missing, run_demo  # noqa: PLC0415
    from simulators.virtual_lobby.server import PORT  # noqa: PLC0415

    settings = read(path or shipped("demo.toml"))
    if lacks := missing(settings):
        _stop(f"{settings.path}: the demo needs {lacks}; add it, or leave out --config", WRONG)
    if not headless and not sys.stdout.isatty():
        click.echo("There is no terminal to draw in: running without a screen.")
        headless = True
    if page is None and not headless:
        page = PORT
    logging.getLogger().setLevel(logging.ERROR)
    customers = customers or (30 if headless else None)
    browser = not (no_browser or headless)
    day = run_demo(settings, customers, seed, speed, headless=headless, tickets=tickets, page=page, browser=browser)
    try:
        good = asyncio.run(day)
    except NoBrokerError as error:
        _stop(str(error), FAILED)
    sys.exit(0 if good else FAILED)


@lobby.command()
@CONFIG
@click.option("--dev", "directory", type=click.Path(path_type=Path, file_okay=False), required=True, help="Where.")
@PAGE
def simulators(path: Path, directory: Path, page: int | None) -> None:
    """Only the far ends, each as a link DIR/<device id> to its pseudo-terminal."""
    from controller.config import read  # noqa: PLC0415
    from simulators.virtual_lobby.alone import run_far_ends  # noqa: PLC0415

    asyncio.run(run_far_ends(read(path), directory, click.echo, page))


@lobby.command()
@CONFIG
def token(path: Path) -> None:
    """Card numbers, one a line on standard input, into their tokens, for the tokens file of [cards]."""
    from controller.cards import CardsError, check_digit_fits, number_of, read_key, token_of  # noqa: PLC0415
    from controller.config import read  # noqa: PLC0415

    settings = read(path)
    if settings.cards is None:
        _stop(f"{path}: cards: there is no [cards] table; add it with key_file and tokens_file", WRONG)
    try:
        key = read_key(settings.cards.key_file)
    except CardsError as error:
        _stop(str(error), WRONG)
    failed = False
    for line, text in enumerate(_unseen_lines(), 1):
        number = number_of(text)
        if number is None:
            failed = True
            click.echo(f"line {line}: this is no card number; it takes 12 to 19 digits", err=True)
            continue
        if not check_digit_fits(number):
            click.echo(f"line {line}: the last digit does not fit the others; look whether it is typed right", err=True)
        click.echo(token_of(key, number).hex())
    sys.exit(FAILED if failed else 0)


def _unseen_lines() -> Iterator[str]:
    """The lines of standard input; at a terminal without showing what is typed, up to an empty one."""
    if not sys.stdin.isatty():
        while line := sys.stdin.buffer.readline(LINE_LIMIT):
            yield line.decode("ascii", "replace")
        return
    while line := click.prompt("Card number", hide_input=True, default="", show_default=False, err=True):
        yield line


@lobby.group()
def user() -> None:
    """Who may open the screens: accounts with a PIN for people, with a token for devices."""


@user.command("add")
@CONFIG
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True)
@click.option("--counter", default="", help="For the role counter: the only one it works at. Default: any.")
@click.option("--token", is_flag=True, help="A token instead of a PIN; devices (kiosk, screen) always get one.")
def user_add(path: Path, name: str, role: Role, counter: str, token: bool) -> None:
    """Make an account. NAME is a post or a staff number, not a person's name: it stands in the journal."""
    settings = _with_screens(path)
    if counter and (role != "counter" or counter not in settings.rules.counters):
        known = ", ".join(settings.rules.counters)
        _stop(f"--counter {counter}: it goes with --role counter and one of the counters ({known})", WRONG)
    with _accounts(settings) as accounts:
        made = accounts.add(name, role, counter, None if token or role in DEVICES else _new_pin())
    if made:
        assert settings.web
        click.echo(f"{name}: open this address once on the device, and keep it from others:")
        click.echo(f"{settings.web.address}/enter#{made}")
    else:
        click.echo(f"{name} may sign in now.")


@user.command("list")
@CONFIG
def user_list(path: Path) -> None:
    """List the accounts, and when each was last in use."""
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Column, Table  # noqa: PLC0415

    settings = _with_screens(path)
    names = ("name", "role", "counter", "signs in with", "made", "last in use")
    table = Table(*(Column(name, no_wrap=True) for name in names))
    with _accounts(settings) as accounts:
        for account in accounts.all():
            times = (
                settings.rules.local(at * 1000).strftime("%Y-%m-%d %H:%M") if at else "never"
                for at in (account.made_at, account.seen_at)
            )
            table.add_row(account.name, account.role, account.counter, account.kind, *times)
    Console().print(table)


@user.command("revoke")
@CONFIG
@click.argument("name")
def user_revoke(path: Path, name: str) -> None:
    """End an account; its open pages close within seconds."""
    with _accounts(_with_screens(path)) as accounts:
        accounts.revoke(name)
    click.echo(f"{name} may not sign in any more.")


def _with_screens(path: Path) -> Settings:
    from controller.config import read  # noqa: PLC0415

    settings = read(path)
    if settings.web is None:
        _stop(f"{path}: web: there is no [web] table; add it to have screens", WRONG)
    return settings


@contextmanager
def _accounts(settings: Settings) -> Iterator[Accounts]:
    from controller.web.accounts import Accounts  # noqa: PLC0415
    from controller.web.private_files import AccessError  # noqa: PLC0415

    assert settings.web
    try:
        with closing(Accounts(settings.web.accounts, time.time)) as accounts:
            yield accounts
    except AccessError as error:
        _stop(str(error), FAILED)


def _new_pin() -> str:
    """A new PIN, typed twice; on standard input that is no terminal, its first two lines."""
    if sys.stdin.isatty():
        return str(click.prompt("PIN", hide_input=True, confirmation_prompt="The same again", err=True))
    try:
        one, other = (sys.stdin.buffer.readline(LINE_LIMIT).decode().rstrip("\r\n") for _ in range(2))
    except UnicodeDecodeError:
        _stop("the PIN is no UTF-8 text; use digits and letters", WRONG)
    if one != other:
        _stop("the two lines with the PIN differ; give the same twice", WRONG)
    return one


JSON = click.option("--json", "out", type=click.Path(path_type=Path, dir_okay=False), help="The figures, as JSON.")
JOURNAL = click.option(
    "--journal", type=click.Path(path_type=Path, dir_okay=False), required=True, help="A branch's journal; only read."
)
DAY = click.option("--day", help="The business day, YYYY-MM-DD. Default: the last on which a ticket was given.")


@lobby.command()
@CONFIG
@click.option("--profile", help="normal, busy, pension or the branch's own. Default: each day as the calendar has it.")
@click.option("--days", type=click.IntRange(1, 100_000), default=5, show_default=True, help="How many days.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed, the same customers.")
@click.option("--journal", type=click.Path(path_type=Path, dir_okay=False), help="Keep the events, as a new journal.")
@click.option("--pictures", type=click.Path(path_type=Path, file_okay=False), help="Draw each day into here, as SVG.")
@JSON
def simulate(
    path: Path, profile: str | None, days: int, seed: int, journal: Path | None, pictures: Path | None, out: Path | None
) -> None:
    """Days in virtual time: how long people would wait, how good the estimates are, what the advice would do."""
    from controller.config import read  # noqa: PLC0415
    from simulators.days.commands import InterruptedRunError, run_simulation  # noqa: PLC0415

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends it as Ctrl-C does, which may be ignored
    settings = read(path)
    known = settings.rules.calendar.profiles
    if profile and profile not in known:
        _stop(f'there is no profile "{profile}"; known are {", ".join(known)}', WRONG)
    if journal and journal.exists():
        _stop(f"{journal} is there already; name a new file for the journal, or move that one away", WRONG)
    try:
        with _drawing():
            run_simulation(settings.rules, profile, days, seed, journal, pictures, out)
    except InterruptedRunError as error:
        _stop(str(error), INTERRUPTED)


@lobby.command()
@JOURNAL
@DAY
@click.option("--config", "path", type=click.Path(path_type=Path), help="Other rules to set it against.")
@click.option(
    "--open",
    "opened",
    multiple=True,
    metavar="ID[=HH:MM-HH:MM]",
    help="A counter of these rules that is open as well: all the day, or only then. May be repeated.",
)
@click.option(
    "--branch",
    type=click.Path(path_type=Path),
    help="The configuration of the journal's branch: its clock, language, names and colours. Default: --config.",
)
@click.option("--picture", type=click.Path(path_type=Path, dir_okay=False), help="Draw it, as SVG.")
@JSON
def replay(
    journal: Path,
    day: str | None,
    path: Path | None,
    opened: tuple[str, ...],
    branch: Path | None,
    picture: Path | None,
    out: Path | None,
) -> None:
    """A day of a journal: as it was, and who would have waited how long under other rules."""
    from controller.config import read  # noqa: PLC0415
    from simulators.days.commands import run_replay  # noqa: PLC0415

    rules, names = (read(file).rules if file else None for file in (path, branch))
    if opened and not rules:
        _stop("--open goes with --config, whose counters it opens", WRONG)
    openings = [_opening(text, list(rules.counters)) for text in opened] if rules else []
    rows = _rows(journal, day)
    with _drawing():
        run_replay(rows, journal, rules, path, names, openings, picture, out)


def _opening(text: str, counters: Sequence[str]) -> tuple[str, Sequence[Span]]:
    """A counter, and when it is to be open; empty: all the day."""
    from controller.lobby.model.calendar import parse_spans  # noqa: PLC0415

    id, equals, times = text.partition("=")
    if id not in counters:
        _stop(f"--open {text}: there is no counter {id}; known are {', '.join(counters)}", WRONG)
    try:
        spans = parse_spans(times) if equals else ()
    except ValueError as error:
        _stop(f"--open {text}: {error}", WRONG)
    if equals and not spans:
        _stop(f"--open {text}: at what time? It takes {id}=HH:MM-HH:MM, or {id} alone for all the day", WRONG)
    return id, spans


@contextmanager
def _drawing() -> Iterator[None]:
    """Pictures are drawn by what need not be installed."""
    from simulators.days.pictures import NoMatplotlibError  # noqa: PLC0415

    try:
        yield
    except NoMatplotlibError as error:
        _stop(str(error), FAILED)


@lobby.command()
@CONFIG
@click.option("--journal", type=click.Path(path_type=Path, dir_okay=False), help="Default: the branch's own.")
@DAY
@click.argument("ticket")
@JSON
def why(path: Path, journal: Path | None, day: str | None, ticket: str, out: Path | None) -> None:
    """Why a ticket was called when it was, or is not next: a sentence, and the table behind it."""
    from controller.config import read  # noqa: PLC0415
    from controller.why import show  # noqa: PLC0415

    settings = read(path)
    if not show(_rows(journal or settings.journal_path, day), settings.rules, ticket, out):
        sys.exit(FAILED)


@lobby.command()
@CONFIG
@click.option("--begin", is_flag=True, help="The clock is right: go on in its day, with everybody who waits.")
def day(path: Path, begin: bool) -> None:
    """Which business day is open; where a clock was wrong, --begin ends a day that is not today."""
    from controller.config import read  # noqa: PLC0415
    from controller.day import begin_day, told  # noqa: PLC0415

    settings = read(path)
    if begin:
        click.echo(asyncio.run(begin_day(settings)))
    else:
        click.echo(told(settings))


def _rows(journal: Path, day: str | None) -> list[Row]:
    """The rows of one business day on which a ticket was given, by default the last; JournalError if there is none."""
    from controller.journal import JournalError, JournalReader  # noqa: PLC0415
    from controller.lobby.actions.take_ticket import TicketIssued  # noqa: PLC0415

    if day is not None and not _is_day(day):
        _stop(f'--day: "{day}" is no day; it takes YYYY-MM-DD, such as 2026-01-05', WRONG)
    reader = JournalReader(journal)
    try:
        last = reader.last_day_with(TicketIssued.KIND)
        rows = list(reader.rows(day or last))
        if not any(isinstance(row.event, TicketIssued) for row in rows):
            on = f"on {day}; the last day with tickets is {last}" if day and last else "yet"
            raise JournalError(f"{journal}: nobody took a ticket {on}")
        return rows
    finally:
        reader.close()


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def main() -> None:
    """The entry point: what goes wrong is told in one line."""
    from controller.config import ConfigError  # noqa: PLC0415
    from controller.journal import JournalError  # noqa: PLC0415

    try:
        sys.exit(lobby(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except ConfigError as error:
        _stop(str(error), WRONG)
    except (JournalError, OSError) as error:
        _stop(str(error), FAILED)
    except click.Abort as abort:
        # click has made it of Ctrl-C, or of the end of what is typed.
        interrupted = isinstance(abort.__cause__, KeyboardInterrupt)
        _stop("interrupted" if interrupted else "Aborted!", INTERRUPTED if interrupted else FAILED)


def _stop(text: str, code: int) -> NoReturn:
    if "--debug" in sys.argv and sys.exc_info()[1] is not None:
        logging.exception("the error comes from here")
    click.echo(text, err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
