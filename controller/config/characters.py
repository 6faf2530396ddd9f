"""Which texts of a branch have characters that its printer, boards or window displays lack: they come out as "?".

A branch can open with them, so these are warnings and not errors.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from controller.config.devices import BxDevice, Device, EscposDevice, VfdDevice
from controller.config.errors import Fault, Problem, Table, one_line, problem
from controller.config.lines import Place, locate
from drivers.characters import Has, in_ascii, lacking, on_board, on_paper

Shown = Mapping[str, Has]
"""Where a text is shown, in words, with the characters that there are."""

PAPER: Shown = {"on paper": on_paper}
BOARDS: Shown = {"on boards": on_board}
WINDOWS: Shown = {"on window displays": in_ascii}
NOWHERE: Shown = {}


def warnings(path: Path, text: str, language: str, devices: Iterable[Device], shipped: Path) -> list[str]:
    """A line for each text that some device does not show whole.

    `text` is the branch's file, which has no errors; `shipped` the directory of the wording and the layouts that come
    with the program.
    """
    devices = list(devices)
    printers = [device for device in devices if isinstance(device, EscposDevice)]
    boards = [device for device in devices if isinstance(device, BxDevice)]
    windows = any(isinstance(device, VfdDevice) for device in devices)
    paper = PAPER if printers else NOWHERE
    footer = BOARDS if any(board.footer for board in boards) else NOWHERE
    wording: dict[str, Shown] = {
        "ticket": paper,
        "wait": paper,
        "board": BOARDS if boards else NOWHERE,
        "window": WINDOWS if windows else NOWHERE,
    }
    layouts = dict.fromkeys(printer.layout or shipped / f"ticket.{language}.toml" for printer in printers)
    sentences = shipped / "wording" / f"{language}.toml"
    lines = _told(path, text, _of_branch(tomllib.loads(text), language, paper, footer))
    for layout in layouts:
        read = layout.read_text("utf-8")
        lines += _told(layout, read, _of_layout(tomllib.loads(read)))
    read = sentences.read_text("utf-8")
    return lines + _told(sentences, read, _of_wording(tomllib.loads(read), wording))


def _told(path: Path, text: str, faults: Iterable[Fault]) -> list[str]:
    data, lines = tomllib.loads(text), locate(text)
    problems: list[Problem] = sorted(problem((place, f"warning: {said}"), data, lines) for place, said in faults)
    return [one_line(path, found) for found in problems]


def _of_branch(data: Table, language: str, paper: Shown, footer: Shown) -> Iterator[Fault]:
    yield from _lacking(("branch", "name"), data["branch"]["name"], paper)
    names = [
        (("service", n, "name"), service["name"], {**paper, **footer}) for n, service in enumerate(data["service"])
    ]
    names += [
        (("class", id, "name"), klass["name"], dict(paper))
        for id, klass in data.get("class", {}).items()
        if "name" in klass and id != "normal"  # which tickets do not name
    ]
    for place, name, shown in names:
        if isinstance(name, dict):
            spoken = language if language in name else next(iter(name))
            yield from _lacking((*place, spoken), name[spoken], shown)
        else:
            yield from _lacking(place, name, shown)


def _of_layout(data: Table) -> Iterator[Fault]:
    for n, line in enumerate(data["line"]):
        yield from _lacking(("line", n, "text"), line.get("text", ""), PAPER)


def _of_wording(data: Table, shown: Mapping[str, Shown]) -> Iterator[Fault]:
    for section, where in shown.items():
        for key, sentence in data[section].items():
            yield from _lacking((section, key), sentence, where)


def _lacking(place: Place, text: str, shown: Shown) -> Iterator[Fault]:
    by_device = {where: lacking(text, has) for where, has in shown.items()}
    for character in dict.fromkeys(c for characters in by_device.values() for c in characters):
        where = " and ".join(where for where, characters in by_device.items() if character in characters)
        yield place, f'"{character}" (U+{ord(character):04X}) comes out as "?" {where}; write it in other characters'
