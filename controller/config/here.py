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
from controller.config.keys import Config
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
            yield place, f"{path} is no port of a device, but {_kind(path)}; see ls -l /dev/lobby /dev/serial/by-path"
        same = os.path.realpath(path)
        if same in real:
            yield place, f'{path} is the same port as that of device "{real[same]}" ({same}); give each its own'
        real.setdefault(same, device.id)
    yield from _of_the_broker(config)
    yield from _of_the_screens(config)


def doubtful(config: Config) -> Iterator[Fault]:
    """What may be put right by a plug, or may be seen differently by the service's user."""
    for n, device in enumerate(config.device):
        for inside, said in device.lacks_here():
            yield ("device", n, *inside), said
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
            path.read_bytes()
        except OSError as error:
            yield ("mqtt", key), f"{path} cannot be read: {(error.strerror or str(error)).lower()}"
    if config.mqtt.ca_file and _ends_within(config.mqtt.ca_file, 0):
        yield ("mqtt", "ca_file"), f"{config.mqtt.ca_file} has expired; put the branch's present one there"


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
