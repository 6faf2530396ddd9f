"""`lobby user`: who may open the screens."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from controller.commands.kit import CONFIG, FAILED, LINE_LIMIT, WRONG, own_address, stop
from controller.lobby.model.units import in_ms
from controller.web.roles import AT_COUNTERS, DEVICES, ROLES, Role

if TYPE_CHECKING:
    from controller.config import Settings
    from controller.web.accounts import Accounts

EVERYWHERE = ("0.0.0.0", "::")
"""What is listened on for the whole network."""


@click.group()
def user() -> None:
    """Who may open the screens: accounts with a PIN for people, with a token for devices."""


@user.command("add")
@CONFIG
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True)
@click.option(
    "--counter",
    default="",
    help="Counter: the only one it works at. Screen: the one that it hangs above. Default: any.",
)
@click.option(
    "--token", is_flag=True, help="A token instead of a PIN; devices and programs (kiosk, screen, feed) always get one."
)
def user_add(path: Path, name: str, role: Role, counter: str, token: bool) -> None:
    """Make an account. NAME is a post or a staff number, not a person's name: it stands in the journal."""
    settings = _with_screens(path)
    if counter and (role not in AT_COUNTERS or counter not in settings.rules.counters):
        known = ", ".join(settings.rules.counters)
        stop(f"--counter {counter}: it goes with --role counter or screen, and one of the counters ({known})", WRONG)
    with _accounts(settings) as accounts:
        made = accounts.add(name, role, counter, None if token or role in DEVICES else _new_pin())
    if made and role == "feed":
        click.echo(
            f"{name}: the token with which the program asks, as Authorization: Bearer TOKEN; keep it from others:"
        )
        click.echo(made)
    elif made:
        click.echo(f"{name}: open this address once on the device, and keep it from others:")
        click.echo(f"{_reached(settings)}/enter#{made}")
    else:
        click.echo(f"{name} may sign in now at {_reached(settings)}/")


def _reached(settings: Settings) -> str:
    """The address of the screens as a browser takes it: 0.0.0.0 is none, so this machine's own stands for it."""
    assert settings.web
    if settings.web.host not in EVERYWHERE:
        return settings.web.address
    return replace(settings.web, host=own_address() or socket.gethostname()).address


@user.command("list")
@CONFIG
def user_list(path: Path) -> None:
    """Every account, and when it was last in use."""
    from controller.output import console, table  # noqa: PLC0415

    settings = _with_screens(path)
    names = ("name", "role", "counter", "signs in with", "made", "last in use")
    shown = table("", names, [])
    with _accounts(settings) as accounts:
        for account in accounts.all():
            times = (
                settings.rules.local(in_ms(at)).strftime("%Y-%m-%d %H:%M") if at else "never"
                for at in (account.made_at, account.seen_at)
            )
            shown.add_row(account.name, account.role, account.counter, account.kind, *times)
    console().print(shown)


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
        stop(f"{path}: web: there is no [web] table; add it to have screens", WRONG)
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
        stop(str(error), FAILED)


def _new_pin() -> str:
    """A new PIN, typed twice; on standard input that is no terminal, its first two lines."""
    if sys.stdin.isatty():
        return str(click.prompt("PIN", hide_input=True, confirmation_prompt="The same again", err=True))
    try:
        one, other = (sys.stdin.buffer.readline(LINE_LIMIT).decode().rstrip("\r\n") for _ in range(2))
    except UnicodeDecodeError:
        stop("the PIN is no UTF-8 text; use digits and letters", WRONG)
    if one != other:
        stop("the two lines with the PIN differ; give the same twice", WRONG)
    return one


COMMAND = user
