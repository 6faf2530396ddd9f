"""What `lobby check --here` finds out about the machine that it runs on: ports, files, programs.

Wrong is what cannot work as it stands; doubtful what may be put right by a plug, or is seen differently by the user as
whom the service runs.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import termios
from collections.abc import Iterator
from pathlib import Path

from controller.config.errors import Fault
from controller.config.keys import Config, MqttKeys
from controller.config.lines import Place
from controller.feed.signing import SecretError, secrets_in
from drivers.link import SerialLink, TcpLink

PRIVILEGED = 1024
"""Ports below this are root's."""
MONTH = 30 * 86400


def wrong(config: Config) -> Iterator[Fault]:
    """What cannot work on this machine as it stands."""
    real: dict[str, str] = {}
    for n, device in enumerate(config.device):
        link = getattr(device, "link", None)
        if link is None or isinstance(link, TcpLink):
            continue
        place = ("device", n, "link")
        if isinstance(link, SerialLink) and not hasattr(termios, f"B{link.baud}"):
            yield place, f"{link.baud} baud is no speed of a port here; use one such as 9600 or 115200"
        path = Path(link.address)
        if not path.exists():
            continue
        if not stat.S_ISCHR(path.stat().st_mode):
            yield place, f"{path} is no port of a device, but {_kind(path)}; see ls -l /dev/lobby"
        same = os.path.realpath(path)
        if same in real:
            yield place, f'{path} is the same port as that of device "{real[same]}" ({same}); give each its own'
        real.setdefault(same, device.id)
    yield from _of_the_broker(config)
    yield from _of_the_screens(config)
    yield from _of_other_systems(config)


def doubtful(config: Config) -> Iterator[Fault]:
    """What may be put right by a plug, or may be seen differently by the service's user."""
    for n, device in enumerate(config.device):
        for inside, said in device.lacks_here():
            yield ("device", n, *inside), said
    yield from _doubtful_of_the_broker(config)
    web = config.web
    if web and 0 < web.listen.port < PRIVILEGED:
        yield ("web", "listen"), f"port {web.listen.port} is root's; take one from 1024, with a proxy before it"
    if web and web.certificate and not _ends_within(web.certificate, 0) and _ends_within(web.certificate, MONTH):
        yield ("web", "certificate"), f"{web.certificate} ends in less than a month; renew it"


def _of_the_broker(config: Config) -> Iterator[Fault]:
    if config.mqtt is None:
        return
    for key in ("password_file", "ca_file"):
        path: Path | None = getattr(config.mqtt, key)
        if path is None:
            continue
        try:
            content = path.read_bytes()
        except OSError as error:
            if key != "password_file" or not isinstance(error, PermissionError):
                yield ("mqtt", key), f"{path} cannot be read: {(error.strerror or str(error)).lower()}"
        else:
            if not content.partition(b"\n")[0].strip():
                yield ("mqtt", key), f"{path} is empty; lobby mqtt init makes a broker, and the password for it"
    if config.mqtt.ca_file and _ends_within(config.mqtt.ca_file, 0):
        yield ("mqtt", "ca_file"), f"{config.mqtt.ca_file} has expired; put the branch's present one there"


def _doubtful_of_the_broker(config: Config) -> Iterator[Fault]:
    if config.mqtt is None:
        return
    secret, authority = config.mqtt.password_file, config.mqtt.ca_file
    if secret and secret.exists():
        if not os.access(secret, os.R_OK):
            yield ("mqtt", "password_file"), f"{secret} may not be read by you; the service has it from systemd"
        elif secret.stat().st_mode & 0o007:
            yield ("mqtt", "password_file"), f"everybody here may read {secret}; chmod 600 {secret}"
    if authority and not _ends_within(authority, 0) and _ends_within(authority, 3 * MONTH):
        yield ("mqtt", "ca_file"), f"{authority} ends in less than three months; renew it: lobby mqtt renew"
    if authority:
        yield from _doubtful_of_our_broker(config, config.mqtt, authority.parent)


def _doubtful_of_our_broker(config: Config, mqtt: MqttKeys, directory: Path) -> Iterator[Fault]:
    """Of a broker that `lobby mqtt` has made: what its files say, as far as they may be read."""
    from controller.broker.access import CONTROLLER, AccessError, access_list, rights  # noqa: PLC0415 - seldom needed
    from controller.broker.files import BrokerFiles  # noqa: PLC0415
    from controller.broker.passwords import users_in  # noqa: PLC0415

    files = BrokerFiles(directory)
    if _ends_within(files.certificate, MONTH):
        yield ("mqtt", "broker"), f"{files.certificate} ends in less than a month; renew it: lobby mqtt renew"
    try:
        users = users_in(files.passwords.read_text("utf-8"))
        written = files.access.read_text("utf-8")
        own = files.own_access.read_text("utf-8") if files.own_access.exists() else ""
    except OSError:
        return
    try:
        given = rights(config.branch.id, mqtt.username or CONTROLLER, mqtt.home_assistant or "", config.device)
    except AccessError as error:
        yield ("mqtt", "broker"), str(error)
        return
    for n, device in enumerate(config.device):
        for user, right in given.items():
            if device.id in right.of and user not in users:
                yield ("device", n), f"the broker does not let it in; sudo lobby mqtt add {device.id}"
    if written != access_list(users, given, own):
        yield ("mqtt", "broker"), "its access list is not what this file says; sudo lobby mqtt renew"


def _of_other_systems(config: Config) -> Iterator[Fault]:
    """Their secrets, as far as they may be read: the service has them from systemd."""
    files: list[tuple[Place, Path]] = [
        (("webhook", n, "secret_file"), webhook.secret_file) for n, webhook in enumerate(config.webhook)
    ]
    files += [(("notify", "key_file"), config.notify.key_file)] if config.notify else []
    for place, path in files:
        try:
            secrets_in(path)
        except SecretError as error:
            if not isinstance(error.__cause__, PermissionError):
                yield place, str(error)


def _of_the_screens(config: Config) -> Iterator[Fault]:
    if config.web and config.web.certificate and _ends_within(config.web.certificate, 0):
        yield ("web", "certificate"), f"{config.web.certificate} has expired; renew it"


def _ends_within(certificate: Path, seconds: int) -> bool:
    """Whether a certificate that can be read is not valid any more after so many seconds; told by openssl, if it is
    here."""
    program = shutil.which("openssl")
    if program is None or not certificate.is_file():
        return False
    check = [program, "x509", "-noout", "-checkend", str(seconds), "-in", str(certificate)]
    done = subprocess.run(check, capture_output=True, text=True, check=False)  # noqa: TID251 - neither of the two
    return done.returncode != 0 and "will expire" in done.stdout


def _kind(path: Path) -> str:
    return "a folder" if path.is_dir() else "a file" if path.is_file() else "something else"
