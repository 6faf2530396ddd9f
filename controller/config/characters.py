"""What a branch's devices cannot show: characters that they lack, which come out as "?", and codes.

A branch can open with that, so these are warnings and not errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from controller.config.devices import BxDevice, Device, EscposDevice, VfdDevice
from controller.config.errors import Fault, Table, one_line, problem
from controller.config.lines import Document, Place, document
from drivers.characters import Has, in_ascii, lacking, on_board, on_paper

Shown = Mapping[str, Has]
"""Where a text is shown, in words, with the characters that there are."""

PAPER: Shown = {"on paper": on_paper}
BOARDS: Shown = {"on boards": on_board}
WINDOWS: Shown = {"on window displays": in_ascii}
NOWHERE: Shown = {}


def warnings(branch: Document, language: str, devices: Iterable[Device], shipped: Path) -> list[str]:
    """A line for each text that some device does not show whole, and for a printer that prints no codes.

    `branch` is the branch's file, which has no errors; `shipped` the directory of the wording and the layouts that come
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
    usual = shipped / f"ticket.{language}.toml"
    layouts = {path: _read(path) for path in dict.fromkeys(printer.layout or usual for printer in printers)}
    sentences = _read(shipped / "wording" / f"{language}.toml")
    faults = [*_of_branch(branch.data, language, paper, footer)]
    for n, device in enumerate(devices):
        if isinstance(device, EscposDevice):
            faults += _of_printer(("device", n), device, layouts[device.layout or usual].data)
    lines = _told(branch, faults)
    for layout in layouts.values():
        lines += _told(layout, _of_layout(layout.data))
    return lines + _told(sentences, _of_wording(sentences.data, wording))


def _read(path: Path) -> Document:
    return document(path, path.read_text("utf-8"))


def _told(file: Document, faults: Iterable[Fault]) -> list[str]:
    said = sorted(problem((place, f"warning: {text}"), file.data, file.lines) for place, text in faults)
    return [one_line(file.path, found) for found in said]


def _of_printer(place: Place, device: EscposDevice, layout: Table) -> Iterator[Fault]:
    if device.profile is None or not device.qr or not any("qr" in line for line in layout["line"]):
        return
    from drivers.escpos_model import model  # noqa: PLC0415 - python-escpos takes long to import

    if model(device.profile).codes == "nobody":
        yield (*place, "profile"), f"a {device.profile} prints no QR codes: tickets come without; set qr = false"


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
