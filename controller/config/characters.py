"""Warnings about what a branch's devices cannot show: characters that they lack, which come out as "?", and QR codes;
and about counters whose calls nothing speaks.

A branch can work with these, so they are not errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from controller.config.errors import Fault, Table, one_line, problem
from controller.config.lines import Document, Place, document
from controller.devices.settings import DeviceSettings, Shows
from controller.lobby.model.rules import Rules
from drivers.characters import Has, lacking

Shown = Mapping[str, Has]
"""Where a text is shown, in words -> whether a character can be shown there."""


def warnings(branch: Document, rules: Rules, devices: Iterable[DeviceSettings], shipped: Path) -> list[str]:
    """A line for each text that some device cannot show completely, for each counter whose calls are not spoken where
    others are, and for the devices' own warnings.

    `branch` is the branch's file, which has no errors; `shipped` the directory of the wording and the layouts that come
    with the program.
    """
    devices, language = list(devices), rules.wording.language
    shows = [each for device in devices if (each := device.shows(shipped, language))]
    wording: dict[str, Shown] = {}
    layouts: dict[Path, Shown] = {}
    for each in shows:
        for section in each.wording:
            wording[section] = {**wording.get(section, {}), each.where: each.has}
        for layout in each.layouts:
            layouts[layout] = {each.where: each.has}
    faults = [*_of_branch(branch.data, language, shows), *_unspoken(rules, devices)]
    for n, device in enumerate(devices):
        faults += [(("device", n, *inside), said) for inside, said in device.warns(shipped, language)]
    lines = told(branch, faults)
    for layout, shown in layouts.items():
        read = _read(layout)
        lines += told(read, _of_layout(read.data, shown))
    sentences = _read(shipped / "wording" / f"{language}.toml")
    return lines + told(sentences, _of_wording(sentences.data, wording))


def _unspoken(rules: Rules, devices: Iterable[DeviceSettings]) -> Iterator[Fault]:
    """The counters that are in no zone of a voice, where every voice has a zone; nor in one that a television has."""
    zones = {getattr(device, "zone", "") for device in devices if device.speaks}
    if not zones or "" in zones:
        return
    heard = {c for zone in rules.hall_zones.values() if zone.id in zones or zone.televisions for c in zone.counters}
    for n, counter in enumerate(rules.counters):
        if counter not in heard:
            yield ("counter", n), "no voice speaks its calls; add it to a zone that has one, or a voice for its zone"


def _read(path: Path) -> Document:
    return document(path, path.read_text("utf-8"))


def told(file: Document, faults: Iterable[Fault]) -> list[str]:
    """Warnings as lines: `FILE:LINE: key: warning: ..`."""
    said = sorted(problem((place, f"warning: {text}"), file.data, file.lines) for place, text in faults)
    return [one_line(file.path, found) for found in said]


def _of_branch(data: Table, language: str, shows: Sequence[Shows]) -> Iterator[Fault]:
    branch = {each.where: each.has for each in shows if each.branch}
    services = {each.where: each.has for each in shows if each.services}
    classes = {each.where: each.has for each in shows if each.classes}
    yield from _lacking(("branch", "name"), data["branch"]["name"], branch)
    names = [(("service", n, "name"), service["name"], services) for n, service in enumerate(data["service"])]
    names += [
        (("class", id, "name"), klass["name"], classes)
        for id, klass in data.get("class", {}).items()
        if "name" in klass and id != "normal"  # tickets do not show the normal class
    ]
    for place, name, shown in names:
        if isinstance(name, dict):
            spoken = language if language in name else next(iter(name))
            yield from _lacking((*place, spoken), name[spoken], shown)
        else:
            yield from _lacking(place, name, shown)


def _of_layout(data: Table, shown: Shown) -> Iterator[Fault]:
    for n, line in enumerate(data["line"]):
        yield from _lacking(("line", n, "text"), line.get("text", ""), shown)


def _of_wording(data: Table, shown: Mapping[str, Shown]) -> Iterator[Fault]:
    for section, where in shown.items():
        for key, sentence in data[section].items():
            yield from _lacking((section, key), sentence, where)


def _lacking(place: Place, text: str, shown: Shown) -> Iterator[Fault]:
    by_device = {where: lacking(text, has) for where, has in shown.items()}
    for character in dict.fromkeys(c for characters in by_device.values() for c in characters):
        where = " and ".join(where for where, characters in by_device.items() if character in characters)
        yield place, f'"{character}" (U+{ord(character):04X}) comes out as "?" {where}; write it in other characters'
