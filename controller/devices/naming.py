"""What people call the devices of a branch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from controller.devices.settings import DeviceSettings
from controller.lobby.model.wording import Wording

MQTT = "mqtt"
"""The id under which the lobby's connection to its broker is listed."""


def in_order(counter: str) -> tuple[int, str]:
    """Counter 2 comes before counter 10."""
    return len(counter), counter


def names(devices: Iterable[DeviceSettings], wording: Wording) -> dict[str, str]:
    """What people call each device and each of its units, by id: its own name, else its kind and its counter; two that
    would have the same name have their ids beside it. Devices of a kind are together, in the order of their counters,
    and units behind their device."""
    devices = list(devices)
    drivers = [device.driver for device in devices]
    found = {MQTT: wording.say("kind.mqtt")}
    for device in sorted(
        devices, key=lambda each: (drivers.index(each.driver), in_order(getattr(each, "counter", "") or ""))
    ):
        kind = wording.templates.get(f"kind.{device.driver}", device.id)
        found[device.id] = device.name or _at(kind, getattr(device, "counter", ""), wording)
        for unit, (what, counter) in device.units.items():
            found[f"{device.id}.{unit}"] = _at(wording.say(f"kind.{what}"), counter, wording)
    twice = {name for name, times in Counter(found.values()).items() if times > 1}
    return {id: f"{name} ({id})" if name in twice else name for id, name in found.items()}


def _at(kind: str, counter: str, wording: Wording) -> str:
    return wording.say("kind.at", kind=kind, counter=counter) if counter else kind
