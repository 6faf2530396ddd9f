"""The ports that this machine has, without opening any: serial lines, printers on USB, keys that Linux knows.

Source: sysfs, as the kernel's documents "sysfs-class-..", "sysfs-bus-usb" and "sysfs-tty" describe it; ID_PATH and
ID_SERIAL_SHORT are udev's, from its database in /run/udev/data, one file a device (c188:0), a line `E:KEY=VALUE` each.
Where there is no database, ID_PATH is read off the name in /dev/serial/by-path or /dev/input/by-path.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from controller.devices.probe import Form

BLOCK = range(71, 83)
"""Key codes of a numeric block; most such pads say that they have all keys of a keyboard."""
NO_UART = "0"
"""The `type` of a ttyS behind which there is no chip."""


@dataclass(frozen=True, slots=True)
class Port:
    """A port. `node`: its path; `kernel`: the kernel's name, such as ttyUSB0; `about`: what its adapter says of itself.
    `vendor` and `product`: of USB, four hexadecimal digits; `serial`: the adapter's number; `interface`: which of an
    adapter's several ports, two hexadecimal digits; `id_path`: udev's name of the socket; `socket`: the kernel's, such
    as 1-1.2. `by_path`: a path that names the socket, without any rule of ours. `untried`: why nothing is tried on it,
    a key of the wording's `setup.port`. `name`: of an input device, since one plug may bring several."""

    node: Path
    kernel: str
    form: Form
    about: str = ""
    vendor: str = ""
    product: str = ""
    serial: str = ""
    interface: str = ""
    id_path: str = ""
    socket: str = ""
    by_path: str = ""
    untried: str = ""
    name: str = ""

    def is_named(self, name: str) -> bool:
        """Whether an answers file means it: by a path of it, its socket or its adapter's number."""
        return (
            name in (str(self.node), self.kernel, self.by_path, self.id_path, self.socket, self.serial) and name != ""
        )


@dataclass(frozen=True, slots=True)
class Machine:
    """Where ports are looked for; another `root` than / holds such directories of its own."""

    root: Path = field(default_factory=lambda: Path("/"))

    def ports(self) -> list[Port]:
        """All ports, serial ones first."""
        return sorted(
            self._ports(), key=lambda port: (("serial", "printer", "keys").index(port.form), _key(port.kernel))
        )

    def _ports(self) -> Iterator[Port]:
        consoles = _text(self.root / "sys/class/tty/console/active").split()
        for entry in self._class("tty"):
            if (entry / "device").exists() and _text(entry / "type") != NO_UART:
                untried = "console" if entry.name in consoles else ""
                yield self._port(entry, "serial", self.root / "dev" / entry.name, untried)
        for entry in self._class("usbmisc"):
            if re.fullmatch(r"lp[0-9]+", entry.name):
                yield self._port(entry, "printer", self.root / "dev/usb" / entry.name)
        for entry in self._class("input"):
            if re.fullmatch(r"event[0-9]+", entry.name) and (keys := _bits(_text(entry / "device/capabilities/key"))):
                on_usb = any((above / "idVendor").exists() for above in _above(entry / "device"))
                if on_usb and any(keys >> code & 1 for code in BLOCK):
                    yield self._port(entry, "keys", self.root / "dev/input" / entry.name)

    def _class(self, name: str) -> list[Path]:
        folder = self.root / "sys/class" / name
        return sorted(folder.iterdir(), key=lambda path: _key(path.name)) if folder.is_dir() else []

    def _port(self, entry: Path, form: Form, node: Path, untried: str = "") -> Port:
        said = self._udev(entry)
        interface = next((above for above in _above(entry / "device") if (above / "bInterfaceNumber").exists()), None)
        usb = next((above for above in _above(entry / "device") if (above / "idVendor").exists()), None)
        by_path = self._by_path(node)
        name = Path(by_path).name
        id_path = said.get("ID_PATH") or re.sub(r"-(port[0-9]+|event(-\w+)?)$", "", name)
        texts = [] if usb is None else [_text(usb / "manufacturer"), _text(usb / "product")]
        if not any(texts):
            texts = [_text(entry / "device/name")]
        return Port(
            node,
            entry.name,
            form,
            " ".join(filter(None, texts))[:80],
            "" if usb is None else _text(usb / "idVendor"),
            "" if usb is None else _text(usb / "idProduct"),
            "" if usb is None else _text(usb / "serial"),
            "" if interface is None else _text(interface / "bInterfaceNumber"),
            id_path,
            "" if usb is None else usb.name,
            by_path,
            untried,
            _text(entry / "device/name") if form == "keys" else "",
        )

    def _udev(self, entry: Path) -> Mapping[str, str]:
        number = _text(entry / "dev")
        lines = _text(self.root / f"run/udev/data/c{number}").splitlines() if number else []
        return dict(line[2:].split("=", 1) for line in lines if line.startswith("E:") and "=" in line)

    def _by_path(self, node: Path) -> str:
        real = os.path.realpath(node)
        for folder in ("dev/serial/by-path", "dev/input/by-path"):
            for link in sorted((self.root / folder).glob("*")):
                # Newer systems have a second name with the USB revision in it ("-usbv2-"); the older one is everywhere.
                if os.path.realpath(link) == real and "-usbv" not in link.name:
                    return str(link)
        return ""


def _above(path: Path) -> Iterator[Path]:
    """What a link in sysfs leads to, and everything above it."""
    real = Path(os.path.realpath(path))
    yield from (real, *real.parents)


def _bits(text: str) -> int:
    """A bit map of the kernel's: words of a long in hexadecimal, the highest first."""
    value = 0
    for word in text.split():
        value = value << 64 | int(word, 16)
    return value


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def _key(name: str) -> tuple[str, int]:
    """So that ttyUSB10 comes after ttyUSB9."""
    found = re.fullmatch(r"(.*?)([0-9]*)", name)
    assert found
    return found[1], int(found[2] or 0)
