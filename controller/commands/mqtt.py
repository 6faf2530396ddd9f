"""`lobby mqtt`: the branch's own broker, its users, and what each of them may do."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from controller.commands.kit import CONFIG, FAILED, WRONG, own_address, stop

if TYPE_CHECKING:
    from controller.broker.branch_broker import Branch, BranchBroker
    from controller.config import Settings

MOSQUITTO = Path("/etc/mosquitto")
SETTINGS = MOSQUITTO / "conf.d/lobby.conf"
"""Where Mosquitto finds the lobby's settings, on Debian and Ubuntu."""
BOOTED = Path("/run/systemd/system")
"""It is there where systemd runs the machine: sd_booted(3)."""
SOON = 60.0
"""Seconds that systemd may take to tell the broker."""

DIRECTORY = click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the broker's files are. Default: mqtt beside the configuration.",
)


@click.group()
def mqtt() -> None:
    """The branch's own broker, Mosquitto: encrypted, a password for each device, and each on its own topics alone."""


def _with_broker(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the broker and the configuration's path in place of `--dir`, and tells its errors in a line."""

    @wraps(command)
    def run(path: Path, directory: Path | None, **options: Any) -> None:
        from controller.broker.branch_broker import BranchBroker  # noqa: PLC0415
        from controller.broker.files import BrokerFiles  # noqa: PLC0415

        folder = directory or path.absolute().parent / "mqtt"
        with _told():
            command(path, BranchBroker(BrokerFiles(folder), click.echo), **options)

    return run


@contextmanager
def _told() -> Iterator[None]:
    from controller.broker.access import AccessError  # noqa: PLC0415
    from controller.broker.authority import AuthorityError  # noqa: PLC0415
    from controller.broker.files import BrokerError  # noqa: PLC0415

    try:
        yield
    except (AccessError, BrokerError) as error:
        stop(str(error), WRONG)
    except OSError as error:
        if not isinstance(error, PermissionError) and not isinstance(error.__cause__, PermissionError):
            raise
        path = error.filename or getattr(error.__cause__, "filename", "")
        stop(f"{path} may not be used by you; use sudo", FAILED)
    except AuthorityError as error:
        stop(str(error), FAILED)


@mqtt.command("init")
@CONFIG
@DIRECTORY
@click.option("--host", "hosts", multiple=True, help="This machine's address or name for devices; several times.")
@click.option("--port", type=click.IntRange(1, 65535), help="Where the broker listens. Default: 8883.")
@click.option("--listen", default="", help="The address to listen at. Default: all of this machine.")
@click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help=f"The file that Mosquitto reads. Default: {SETTINGS}; outside /etc mosquitto.conf beside the others.",
)
@_with_broker
def init(
    path: Path,
    broker: BranchBroker,
    hosts: tuple[str, ...],
    port: int | None,
    listen: str,
    settings_file: Path | None,
) -> None:
    """Make the authority, the broker's certificate and settings, the controller's password and the access list. What is
    there is kept."""
    from controller.broker.authority import host  # noqa: PLC0415
    from controller.broker.files import HERE, Broker  # noqa: PLC0415

    branch, settings = _configured(path)
    try:
        named = tuple(dict.fromkeys(host(each) for each in hosts))
    except ValueError as error:
        stop(f"--host: {error}", WRONG)
    if not broker.files.about.exists():
        named = named or tuple(_own_addresses())
        named = named and tuple(dict.fromkeys((*named, *HERE)))
    folder = broker.files.directory
    file = settings_file or (SETTINGS if folder.is_relative_to("/etc") else folder / "mosquitto.conf")
    broker.make(Broker(named, port or 0, listen, file.absolute()), branch)
    _tell_mosquitto(broker)
    _say_what_to_write(path, settings, broker, branch)


@mqtt.command("add")
@CONFIG
@DIRECTORY
@click.argument("names", nargs=-1, required=True, metavar="NAME..")
@click.option("--new-password", is_flag=True, help="Another password for a device that has one.")
@_with_broker
def add(path: Path, broker: BranchBroker, names: tuple[str, ...], new_password: bool) -> None:
    """Let devices in: a user, a password, and a file with all that the device has to be told. NAME is its id in the
    configuration, which may have it later."""
    branch, settings = _configured(path)
    with_link = {device.id for device in settings.devices} - {id for right in branch.rights.values() for id in right.of}
    for name in names:
        if name in with_link and name not in branch.rights:
            stop(f"{name} is not on MQTT; it has a link of its own", WRONG)
    lacking = False
    for name in names:
        user = name
        if name not in branch.rights:
            user = next((user for user, right in branch.rights.items() if name in right.of), name)
        if user != name:
            click.echo(f"{name} speaks through {user}, which has one user for all of its devices")
        lacking |= not broker.add(user, branch, new=new_password)
        if right := branch.rights.get(user):
            click.echo(f"{user} publishes on {' '.join(right.publishes)}; reads {' '.join(right.reads)}")
        else:
            click.echo(f"{user} is not in {path} yet, so it may do nothing: add its [[device]], then lobby mqtt renew")
    _tell_mosquitto(broker)
    click.echo("carry each file to its device, and remove it here: the password stands in it")
    if lacking:
        raise SystemExit(FAILED)


@mqtt.command("remove")
@CONFIG
@DIRECTORY
@click.argument("name")
@_with_broker
def remove(path: Path, broker: BranchBroker, name: str) -> None:
    """Let a device in no more; its connection ends."""
    branch, _ = _configured(path)
    broker.remove(name, branch)
    right = branch.rights.get(name)
    still = f"; {path} still has it" if right else ""
    click.echo(f"{name} cannot connect any more{still}")
    _tell_mosquitto(broker)


@mqtt.command("list")
@CONFIG
@DIRECTORY
@_with_broker
def list_(path: Path, broker: BranchBroker) -> None:
    """The users, what each may do, who has none yet, and until when the certificates are valid."""
    from controller.broker.branch_broker import end  # noqa: PLC0415
    from controller.output import console, table  # noqa: PLC0415

    branch, _ = _configured(path)
    about, users = broker.files.broker(), broker.users()
    shown = table("", ["user", "for", "publishes", "reads"], [])
    for user in dict.fromkeys((*users, *branch.rights)):
        right = branch.rights.get(user)
        whom = "the controller" if user == branch.controller else f"not in {path.name}"
        if right and user != branch.controller:
            whom = " ".join(right.of) or "Home Assistant"
        if user not in users:
            whom += "; not added"
        shown.add_row(user, whom, "\n".join(right.publishes if right else ()), "\n".join(right.reads if right else ()))
    console().print(shown)
    files = broker.files
    click.echo(f"{files.certificate}: for {', '.join(about.hosts)}, until {end(files.certificate)}")
    click.echo(f"{files.authority}: until {end(files.authority)}")


@mqtt.command("renew")
@CONFIG
@DIRECTORY
@click.option("--now", is_flag=True, help="A new certificate for the broker, even if the old one is good for long.")
@_with_broker
def renew(path: Path, broker: BranchBroker, now: bool) -> None:
    """Renew what ends soon, and have the access list say what the configuration says. Connections stay."""
    from controller.config import ConfigError  # noqa: PLC0415

    broker.renew(now=now)  # a mistake in the configuration must not let the certificate end
    fault = None
    try:
        broker.bring_up_to_date(_configured(path)[0])
    except ConfigError as error:
        fault = error
    if not broker.changed and not broker.settings_changed:
        click.echo("nothing has to be renewed")
    _tell_mosquitto(broker)
    if fault:
        stop(f"{fault}\nthe access list is as it was", WRONG)


def _configured(path: Path) -> tuple[Branch, Settings]:
    """What the broker is for, and the configuration that says so."""
    from controller.broker.access import CONTROLLER, rights  # noqa: PLC0415
    from controller.broker.branch_broker import Branch  # noqa: PLC0415
    from controller.config import read  # noqa: PLC0415

    settings = read(path)
    own = settings.mqtt
    if own and own.embedded:
        stop(f"{path}: mqtt.broker: this is the demo's own broker; write mqtts://localhost", WRONG)
    controller = (own and own.username) or CONTROLLER
    if ":" in controller or not controller.isprintable():
        stop(f"{path}: mqtt.username: a user of Mosquitto has no colon in its name", WRONG)
    password = (own and own.password_file) or path.absolute().parent / PASSWORD
    found = rights(settings.rules.branch, controller, own.home_assistant if own else "", settings.devices)
    return Branch(found, controller, password.absolute()), settings


PASSWORD = "mqtt.password"
"""The file with the controller's password, beside the configuration, and the credential of that name."""


def _say_what_to_write(path: Path, settings: Settings, broker: BranchBroker, branch: Branch) -> None:
    """The configuration's table for this broker, if it has not got that."""
    from controller.broker.files import HERE  # noqa: PLC0415

    about, own = broker.files.broker(), settings.mqtt
    name = next((each for each in about.hosts if each in HERE), about.hosts[0])
    if (
        own
        and own.tls
        and (own.port, own.username) == (about.port, branch.controller)
        and own.ca_file
        and own.ca_file.absolute() == broker.files.authority
        and own.host in about.hosts
        and own.password_file
    ):
        click.echo(f"{path}: [mqtt] is right; lobby mqtt add NAME lets a device in")
        return
    port = "" if about.port == 8883 else f":{about.port}"
    click.echo(
        f"write in {path}, then restart the lobby (systemctl restart lobby):\n\n[mqtt]\n"
        f'broker = "mqtts://{name}{port}"\nusername = "{branch.controller}"\n'
        f'password_file = "{PASSWORD}"\nca_file = "{broker.files.authority}"'
    )


def _own_addresses() -> Iterator[str]:
    """This machine's address in its network, if it has one, and its name; nothing is sent."""
    from controller.broker.authority import host  # noqa: PLC0415

    if not (address := own_address()):
        return
    yield address
    with suppress(ValueError):
        yield host(socket.gethostname())


def _is_root() -> bool:
    return os.geteuid() == 0


def _tell_mosquitto(broker: BranchBroker) -> None:
    """Have Mosquitto read its files again, where this is its machine and root asks; else say how."""
    if not broker.changed and not broker.settings_changed:
        return
    verb = "restart" if broker.settings_changed else "reload"
    command = ["systemctl", verb, "mosquitto"]
    program = shutil.which(command[0]) if BOOTED.exists() else None
    if broker.files.broker().settings.is_relative_to(MOSQUITTO) and _is_root() and program:
        done = subprocess.run(  # noqa: TID251 - neither a test nor a measurement
            [program, *command[1:]], capture_output=True, text=True, check=False, timeout=SOON, stdin=subprocess.DEVNULL
        )
        if done.returncode == 0:
            click.echo(f"told the broker: {' '.join(command)}")
            return
        click.echo(f"{' '.join(command)}: {done.stderr.strip()}", err=True)
    click.echo(f"the broker still has to be told: {' '.join(command)}")


COMMAND = mqtt
