"""An answers file: a configuration's tables with ports in place of links, from which one is made without questions.

It is checked as the configuration itself is, so every mistake is told with its line. What it has beside the tables of a
configuration: `[setup]`, and in a `[[device]]` the `port` (a path, a USB socket, an adapter's number, or "auto": the
first port on which such a device answers) with the line's `baud`, instead of `link`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.config import ConfigError, Problem, checked, load, wording
from controller.config.errors import Fault, problem
from controller.config.lines import Document
from controller.devices.settings import nearest
from controller.setup.asking import Found, ask, link_of, probes, written
from controller.setup.plan import Plan, speed_of, taken
from controller.setup.ports import Machine, Port

AUTO = "auto"
KEYS = ("rules", "test")
"""Of `[setup]`: whether ports get names by udev rules, and whether a test ticket is printed."""


@dataclass(slots=True)
class Answers:
    """A file of answers. `where`: device id -> (its place in the file's list, its port, its speed in baud or 0)."""

    file: Document
    tables: dict[str, Any]
    rules: bool = True
    test: bool = False
    where: dict[str, tuple[int, str, int]] = field(default_factory=dict)

    @property
    def language(self) -> str:
        """Of what is told and of the comments."""
        return str(self.tables["branch"].get("language", "zh"))

    def wrong(self, faults: Iterable[Fault]) -> ConfigError:
        """These faults, each with its line."""
        return ConfigError(self.file.path, [problem(fault, self.file.data, self.file.lines) for fault in faults])


def read(path: Path) -> Answers:
    """A file of answers, checked; ConfigError names every mistake with its line."""
    file = load(path)
    tables = deepcopy(file.data)
    answers = Answers(file, tables)
    faults = list(_of_setup(answers, tables.pop("setup", {})))
    devices = tables.get("device", [])
    for n, device in enumerate(devices if isinstance(devices, list) else []):
        if isinstance(device, dict):
            faults += _of_device(answers, n, device)
    problems: list[Problem] = [problem(fault, file.data, file.lines) for fault in faults]
    trial = deepcopy(tables)
    for device in trial.get("device", []) if isinstance(devices, list) else []:
        if isinstance(device, dict) and device.get("id") in answers.where:
            device["link"] = _stand_in(device)
    try:
        checked(Document(path, trial, file.lines))
    except ConfigError as error:
        problems += error.problems
    if problems:
        raise ConfigError(path, problems)
    return answers


def _of_setup(answers: Answers, table: Any) -> Iterable[Fault]:
    if not isinstance(table, dict):
        yield ("setup",), "it takes a [setup] table with rules and test"
        return
    for key, value in table.items():
        if key not in KEYS:
            yield ("setup", key), f"unknown key; {nearest(key, KEYS)}"
        elif not isinstance(value, bool):
            yield ("setup", key), "it takes true or false"
        else:
            setattr(answers, key, value)


def _of_device(answers: Answers, n: int, device: dict[str, Any]) -> Iterable[Fault]:
    """Take the port out of a device's table."""
    port, baud = device.pop("port", None), device.pop("baud", None)
    place = ("device", n)
    probe = probes().get(str(device.get("driver")))
    if port is None and (probe is None or "link" in device):
        if baud is not None:
            yield (*place, "baud"), "it goes with port; a link has its own"
        return
    if probe is None:
        yield (*place, "port"), "this kind of device cannot be given a port here; write its link"
        return
    if "link" in device:
        yield (*place, "port"), "it stands for the link; remove one of the two"
        return
    if port is not None and not (isinstance(port, str) and port):
        yield (*place, "port"), 'it takes a path, a USB socket, an adapter\'s number or "auto", in quotes'
        port = None
    if baud is not None and not (isinstance(baud, int) and 300 <= baud <= 921600):
        yield (*place, "baud"), "it takes a line speed from 300 to 921600"
        baud = None
    if (port or AUTO) == AUTO and not (probe.asks or probe.alone_on):
        yield (*place, "port"), "such a device says nothing when it is asked; name its port"
    if isinstance(device.get("id"), str):
        answers.where[device["id"]] = (n, port or AUTO, baud or 0)


def _stand_in(device: dict[str, Any]) -> str:
    """A link as the device will have one."""
    form = probes()[device["driver"]].forms[0]
    return written(link_of(Port(Path("/dev/lobby") / device["id"], device["id"], form), 9600))


async def settle(answers: Answers, machine: Machine, say: Callable[[str], None]) -> Plan:
    """What the answers come to on this machine; ConfigError if a port is not there."""
    ports, words = machine.ports(), wording(answers.language)
    plan = Plan(machine, ports, deepcopy(answers.tables), rules=answers.rules, test=answers.test)
    answered: list[Found] | None = None
    faults: list[Fault] = []
    for id, (n, where, speed) in answers.where.items():
        driver = next(device["driver"] for device in plan.devices if device["id"] == id)
        probe = probes()[driver]
        if where == AUTO:
            if answered is None:
                named = [other for _, other, _ in answers.where.values() if other != AUTO]
                asked = [port for port in ports if not any(port.is_named(name) for name in named)]
                say(words.say("setup.say.looking", ports=len(asked)))
                answered = list(await asyncio.gather(*map(ask, asked)))
            found = next((each for each in answered if each.driver == driver and not taken(plan, each.port)), None)
            if found is None:
                faults.append(
                    (("device", n, "port"), f"no {driver} answers on any port here; plug it in, or name its port")
                )
                continue
            plan.lines[id] = (found.port, speed or found.speed or speed_of(probe))
            say(words.say("setup.say.port", port=found.port.kernel, found=id))
            continue
        port = _named(where, ports, probe.forms)
        if port is None:
            there = ", ".join(str(port.node) for port in ports if port.form in probe.forms) or "none"
            faults.append(
                (("device", n, "port"), f'there is no port "{where}" for it on this machine; there are: {there}')
            )
        elif taken(plan, port):
            faults.append((("device", n, "port"), f"{port.node} is another device's already; give each its own"))
        else:
            plan.lines[id] = (port, speed or speed_of(probe))
    if faults:
        raise answers.wrong(faults)
    return plan


def _named(where: str, ports: Sequence[Port], forms: Sequence[str]) -> Port | None:
    return next((port for port in ports if port.form in forms and port.is_named(where)), None)
