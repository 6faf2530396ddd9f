"""The udev rules that give each device's port the name /dev/lobby/<device id>, whatever is plugged in first.

By the adapter's own number where it has one; else by the socket it is in. The forms are those of
systemd/90-lobby.rules.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from controller.devices.probe import Form
from controller.setup.files import replace_file
from controller.setup.ports import Machine, Port

RULES = Path("etc/udev/rules.d/90-lobby.rules")
"""Below the root."""
NO_NUMBERS = ("", "0", "0000", "0001", "1234567890", "123456789", "12345678", "0123456789abcdef")
"""What chips say that have no number of their own: all CP2102 say 0001."""
PLAIN = re.compile(r"[A-Za-z0-9._:@+/-]+")
"""What may stand in a rule: quotes, blanks and * mean something there."""
FOR_ALL = """\
SUBSYSTEM=="tty", SYMLINK=="lobby/*", GROUP="dialout", MODE="0660", \
ENV{ID_MM_PORT_IGNORE}="1", ENV{ID_MM_DEVICE_IGNORE}="1"
SUBSYSTEM=="usbmisc", SYMLINK=="lobby/*", GROUP="lp", MODE="0660"
SUBSYSTEM=="input", SYMLINK=="lobby/*", GROUP="dialout", MODE="0660", ENV{LIBINPUT_IGNORE_DEVICE}="1"
"""
"""For everything that is named: the group that the service is in, no visits by ModemManager, no keys for a desktop."""
OF_FORM: Mapping[Form, Sequence[str]] = {
    "serial": ('SUBSYSTEM=="tty"',),
    "printer": ('SUBSYSTEM=="usbmisc"', 'KERNEL=="lp[0-9]*"'),
    "keys": ('SUBSYSTEM=="input"', 'KERNEL=="event*"'),
}
COMMANDS = (
    ("udevadm", "control", "--reload"),
    ("udevadm", "trigger", "--subsystem-match=tty", "--subsystem-match=usbmisc", "--subsystem-match=input"),
    ("udevadm", "settle", "--timeout=5"),
)
"""What brings new rules into force."""
COMMAND_TIME = 20.0
"""Seconds that one of them may take."""


def rule(port: Port, name: str, others: Iterable[Port]) -> str:
    """The rule that names a port; empty: nothing about it stays the same. `others`: all ports of the machine."""
    matches = _by_number(port, list(others)) or _by_socket(port)
    if not matches:
        return ""
    return ", ".join([*OF_FORM[port.form], *matches, f'SYMLINK+="lobby/{name}"'])


def _by_number(port: Port, others: Sequence[Port]) -> list[str]:
    """By the adapter's number, if no other adapter here has the same."""
    number = port.serial
    if number.lower() in NO_NUMBERS or not PLAIN.fullmatch(number) or port.form == "keys":
        return []
    alike = [each for each in others if each.serial == number and each.form == port.form and each != port]
    if any(each.socket != port.socket or each.interface == port.interface for each in alike):
        return []
    if port.form == "printer":
        return [f'ATTRS{{idVendor}}=="{port.vendor}"', f'ATTRS{{serial}}=="{number}"']
    several = [f'ENV{{ID_USB_INTERFACE_NUM}}=="{port.interface}"'] if alike else []
    return [f'ENV{{ID_VENDOR_ID}}=="{port.vendor}"', f'ENV{{ID_SERIAL_SHORT}}=="{number}"', *several]


def _by_socket(port: Port) -> list[str]:
    """By the socket that it is in; a port on the main board by its name."""
    if port.form == "printer":  # udev gives printers no ID_PATH
        return [f'KERNELS=="{port.socket}"'] if PLAIN.fullmatch(port.socket) else []
    if port.id_path and port.socket:
        # A pad often brings a second input device for its other keys, in the same socket.
        name = [f'ATTRS{{name}}=="{port.name}"'] if PLAIN.fullmatch(port.name.replace(" ", "")) else []
        return [f'ENV{{ID_PATH}}=="{port.id_path}"', *name] if PLAIN.fullmatch(port.id_path) else []
    if port.form == "serial" and not port.socket:
        return [f'KERNEL=="{port.kernel}"']
    return []


def by_socket(port: Port, others: Iterable[Port]) -> bool:
    """Whether the rule goes by the socket: the plug has to stay where it is."""
    return bool(port.socket) and not _by_number(port, list(others))


def text(named: Mapping[str, Port], others: Sequence[Port], head: str, about: Mapping[str, str]) -> str:
    """The whole file. `named`: device id -> its port; `head`: what stands at its top; `about`: a comment for a rule, by
    device id."""
    lines = [f"# {line}".rstrip() for line in head.splitlines()]
    lines += ["", 'ACTION=="remove", GOTO="lobby_end"', ""]
    for name, port in named.items():
        if made := rule(port, name, others):
            said = "".join(c if c.isprintable() else " " for c in about.get(name, name))
            lines += [f"# {said}", made]
    return "\n".join([*lines, "", FOR_ALL.rstrip(), "", 'LABEL="lobby_end"', ""])


def write(machine: Machine, content: str, suffix: str) -> Path | None:
    """Put the rules in place; what was there is kept beside it, with the suffix, which udev does not read. The path of
    what was kept, if anything; OSError, in one sentence."""
    return replace_file(machine.root / RULES, content, suffix)


async def bring_into_force(machine: Machine) -> str:
    """Have udev read the rules and name what is plugged in. Empty: done; else the commands for somebody to give."""
    said = "sudo sh -c '" + " && ".join(" ".join(command) for command in COMMANDS[:2]) + "'"
    if machine.root != Path("/") or os.geteuid() != 0 or shutil.which("udevadm") is None:
        return said
    for command in COMMANDS:
        process = await asyncio.create_subprocess_exec(  # noqa: TID251 - neither a test nor a measurement
            *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        try:
            async with asyncio.timeout(COMMAND_TIME):
                code = await process.wait()
        except TimeoutError:
            process.kill()
            code = await process.wait()
        if code:
            return said
    return ""
