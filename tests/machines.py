"""A machine for a test: a directory with the parts of /sys, /run/udev and /dev that tell of ports."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from simulators.devices.farend import FarEnd
from simulators.faults import Faults
from simulators.wire import Wire

PCI = "0000:00:14.0"
NUMBERS = (14, 55, *range(69, 84), 96, 98)
"""Key codes of a pad of numbers."""


def key_bits(codes: Iterable[int]) -> str:
    """Keys as /sys/class/input/event*/device/capabilities/key has them on a machine of 64 bits."""
    bits = sum(1 << code for code in codes)
    words = [bits >> shift & (1 << 64) - 1 for shift in range(0, 768, 64)]
    return " ".join(f"{word:x}" for word in reversed(words))


class Bench:
    """Adapters in sockets, and what is at the other end of their wires. `root`: where all of it is."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.wires: dict[str, Wire] = {}

    def _write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")

    def usb(
        self,
        node: str,
        socket: str,
        *,
        ids: str = "1a86:7523",
        serial: str = "",
        interface: str = "00",
        about: str = "QinHeng Electronics|USB Serial",
        keys: Iterable[int] = (),
        udev: bool = True,
    ) -> Path:
        """An adapter whose port is `node` below /dev, in a socket such as 2 or 3.1; the node's path."""
        name, device = Path(node).name, f"sys/devices/pci0000:00/{PCI}/usb1/1-{socket}"
        vendor, _, product = ids.partition(":")
        maker, _, model = about.partition("|")
        for key, text in (("idVendor", vendor), ("idProduct", product), ("manufacturer", maker), ("product", model)):
            self._write(f"{device}/{key}", text)
        if serial:
            self._write(f"{device}/serial", serial)
        number = int(interface, 16)
        at = f"{device}/1-{socket}:1.{number}"
        self._write(f"{at}/bInterfaceNumber", interface)
        inside = f"{at}/input/input7" if keys else at
        if keys:
            self._write(f"{inside}/capabilities/key", key_bits(keys))
            self._write(f"{inside}/name", about.replace("|", " "))
        kind, major = ("input", 13) if keys else ("usbmisc", 180) if name.startswith("lp") else ("tty", 188)
        minor = len(list((self.root / "sys/class").glob("*/*")))
        entry = f"sys/class/{kind}/{name}"
        self._write(f"{entry}/dev", f"{major}:{minor}")
        (self.root / entry / "device").symlink_to(self.root / inside)
        id_path = f"pci-{PCI}-usb-0:{socket}:1.{number}"
        if udev and not name.startswith("lp"):
            self._write(f"run/udev/data/c{major}:{minor}", f"N:{node}\nE:ID_PATH={id_path}\nE:ID_BUS=usb")
        path = self.root / "dev" / node
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "tty":
            by_path = self.root / "dev/serial/by-path" / f"{id_path}-port0"
            by_path.parent.mkdir(parents=True, exist_ok=True)
            by_path.symlink_to(path)
        return path

    def board(self, name: str, *, uart: str = "4", console: bool = False) -> Path:
        """A port on the main board."""
        self._write(f"sys/class/tty/{name}/type", uart)
        self._write(f"sys/class/tty/{name}/dev", "4:64")
        self._write("sys/devices/pnp0/00:04/id", "PNP0501")
        (self.root / f"sys/class/tty/{name}/device").symlink_to(self.root / "sys/devices/pnp0/00:04")
        if console:
            self._write("sys/class/tty/console/active", f"tty0 {name}")
        (self.root / "dev").mkdir(exist_ok=True)
        return self.root / "dev" / name

    def plug(self, node: Path, far_end: FarEnd, faults: Faults | None = None, baud: int | None = None) -> Wire:
        """Put a device at the other end of a port, at the speed of its wire."""
        wire = Wire(far_end, faults or Faults(), node, baud=baud, clock=time.monotonic)
        wire.plug()
        self.wires[node.name] = wire
        return wire

    def name_ports(self, rules: str) -> None:
        """What udev does with rules: the names below /dev/lobby, for the forms that are used here."""
        from controller.setup.ports import Machine  # noqa: PLC0415

        folder = self.root / "dev/lobby"
        folder.mkdir(exist_ok=True)
        for line in rules.splitlines():
            if 'SYMLINK+="lobby/' not in line or line.startswith("#"):
                continue
            name = line.partition('SYMLINK+="lobby/')[2].partition('"')[0]
            for port in Machine(self.root).ports():
                if f'"{port.id_path}"' in line or (f'"{port.serial}"' in line and port.serial):
                    (folder / name).unlink(missing_ok=True)
                    (folder / name).symlink_to(port.node)

    def end(self) -> None:
        """Pull all cables."""
        for wire in self.wires.values():
            wire.unplug()


class Silent:
    """A device that never says anything."""

    def plugged(self, now: float) -> None:
        """It has power."""

    def receive(self, data: bytes, now: float) -> None:
        """It does not care."""

    def tick(self, now: float) -> None:
        """Nothing happens."""

    def data_to_send(self, now: float) -> list[bytes]:
        return []

    def next_deadline(self) -> float | None:
        return None
