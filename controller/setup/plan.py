"""What is to be written: the tables of the configuration, and the port of each device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.devices.probe import Probe
from controller.lobby.model.wording import Wording
from controller.setup import toml, udev
from controller.setup.asking import Found, link_of, probes, written
from controller.setup.ports import Machine, Port

EXAMPLE = "branch.example.toml"
SPEED = 9600
"""Baud of a line of which nothing else is known."""


@dataclass(slots=True)
class Plan:
    """`tables`: as in the configuration, the devices without their links where `lines` has them. `lines`: device id ->
    its port and the line's speed in baud. `later`: tables of devices that are written as comments. `rules`: whether
    ports get names by udev rules; `test`: whether a test ticket is printed at the end."""

    machine: Machine
    ports: list[Port]
    tables: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, tuple[Port, int]] = field(default_factory=dict)
    later: list[dict[str, Any]] = field(default_factory=list)
    rules: bool = True
    test: bool = True

    @property
    def devices(self) -> list[dict[str, Any]]:
        """The tables of the devices."""
        found: list[dict[str, Any]] = self.tables.setdefault("device", [])
        return found

    @property
    def prints(self) -> bool:
        """Whether a test ticket can be printed."""
        return any(probes()[device["driver"]].prints for device in self.devices if device["driver"] in probes())

    def new_id(self, wanted: str) -> str:
        """An id for one more device."""
        ids = {device["id"] for device in (*self.devices, *self.later)}
        return next(id for id in (wanted, *(f"{wanted}-{n}" for n in range(2, 1000))) if id not in ids)

    def add(self, driver: str, port: Port, speed: int, about: Mapping[str, Any], id: str = "") -> str:
        """A device on a port; its id."""
        probe = probes()[driver]
        id = id or self.new_id(probe.id)
        (self.later if probe.unfinished else self.devices).append({"id": id, "driver": driver, **about})
        self.lines[id] = (port, speed or speed_of(probe))
        return id

    def name_of(self, id: str) -> str:
        """The path in a device's link."""
        port, _ = self.lines[id]
        if self.rules and udev.rule(port, id, self.ports):
            return str(self.machine.root / "dev/lobby" / id)
        return port.by_path or str(port.node)

    def settled(self) -> dict[str, Any]:
        """The tables of the configuration, with all links."""
        return {**self.tables, "device": [self._linked(device) for device in self.devices]}

    def _linked(self, device: Mapping[str, Any]) -> dict[str, Any]:
        id = device["id"]
        if id not in self.lines:
            return dict(device)
        port, speed = self.lines[id]
        head = {"id": id, "driver": device["driver"], "link": written(link_of(port, speed, self.name_of(id)))}
        return {**head, **{key: value for key, value in device.items() if key not in head}}

    def configuration(self, words: Wording) -> str:
        """The configuration as it is written, with comments."""
        later = [self._linked(device) for device in self.later]
        return toml.commented(self.settled(), later, words, EXAMPLE)

    def named(self) -> dict[str, Port]:
        """The devices whose ports get a name by a rule."""
        return {id: port for id, (port, _) in self.lines.items() if udev.rule(port, id, self.ports)}

    def rules_file(self, words: Wording) -> str:
        """The udev rules as they are written."""
        about = {
            id: words.say(
                f"setup.rules.{'socket' if udev.by_socket(port, self.ports) else 'number' if port.socket else 'board'}",
                device=id,
                port=port.about or port.kernel,
            )
            for id, port in self.named().items()
        }
        return udev.text(self.named(), self.ports, words.templates["setup.rules.head"], about)

    def answers(self, words: Wording) -> str:
        """The answers, as a file from which the same can be made without questions."""
        devices = [{**device, **self._where(device["id"])} for device in self.devices]
        tables = {"setup": {"rules": self.rules, "test": self.test}, **self.tables, "device": devices}
        return toml.plain(
            {key: table for key, table in tables.items() if table != []}, words.templates["setup.answers.head"]
        )

    def _where(self, id: str) -> dict[str, Any]:
        if id not in self.lines:
            return {}
        port, speed = self.lines[id]
        alone = sum(other.is_named(port.serial) for other in self.ports) == 1  # of an adapter's several ports it is not
        by_number = port.socket and alone and not udev.by_socket(port, self.ports)
        where = port.serial if by_number else port.id_path or port.socket or str(port.node)
        return {"port": where, **({"baud": speed} if port.form == "serial" else {})}


def speed_of(probe: Probe) -> int:
    """The usual speed of a kind's line."""
    return probe.speeds[0] if probe.speeds else SPEED


def taken(plan: Plan, port: Port) -> bool:
    """Whether a device has the port."""
    return any(port == other for other, _ in plan.lines.values())


def told(found: Found) -> str:
    """The speed at which a device was found, for people; empty: its line has none."""
    return str(found.speed) if found.speed and found.port.form == "serial" else ""
