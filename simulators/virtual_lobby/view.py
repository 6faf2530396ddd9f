"""What all far ends show now, as plain JSON data: paper, lamps, displays, and what the controller says of them."""

from __future__ import annotations

import asyncio
import tomllib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from controller.config import (
    BxDevice,
    CardReaderDevice,
    MqttKeypad,
    MqttKiosk,
    MqttPanel,
    Settings,
    Terminal68Device,
    VfdDevice,
)
from controller.lobby.actions.press import Where
from controller.presses import ON_TERMINAL, keys
from simulators.board import BoardFarEnd
from simulators.buttons import Buttons
from simulators.paper import Paper
from simulators.printer import PrinterFarEnd
from simulators.stage import FastClock, Placed, Stage
from simulators.terminals import TerminalBus
from simulators.virtual_lobby.knobs import Drawer
from simulators.window import WindowFarEnd

PAPERS_KEPT = 60
"""Papers of a printer whose pictures can be asked for."""
PAPERS_SHOWN = 5
CALLS_EXPLAINED = 2
EVENTS_LOOKED_AT = 100

HERE = Path(__file__).parent


def words(language: str) -> dict[str, str]:
    """The page's sentences in a language (zh or en), by dotted key."""
    tables = tomllib.loads((HERE / f"words.{language}.toml").read_text("utf-8"))
    return {f"{name}.{key}": text for name, table in tables.items() for key, text in table.items()}


@dataclass(frozen=True, slots=True)
class Numbered:
    """The nth paper that a printer has cut off, counted from 1."""

    number: int
    paper: Paper
    text: str


class Album:
    """Numbers the papers of a printer, which keeps only the last ones itself."""

    def __init__(self, printer: PrinterFarEnd) -> None:
        self._printer = printer
        self._kept: deque[Numbered] = deque(maxlen=PAPERS_KEPT)
        self._count = 0

    def papers(self) -> Sequence[Numbered]:
        """The last papers, oldest first."""
        cut = self._printer.tickets
        last = self._kept[-1].paper if self._kept else None
        fresh = len(cut)
        for position in range(len(cut) - 1, -1, -1):
            if cut[position] is last:
                fresh = len(cut) - 1 - position
                break
        for paper in cut[len(cut) - fresh :]:
            self._count += 1
            self._kept.append(Numbered(self._count, paper, paper.words))
        return self._kept

    def paper(self, number: int) -> Paper | None:
        """The paper with this number; None if there is none, or none any more."""
        return next((kept.paper for kept in self.papers() if kept.number == number), None)


class View:
    """A branch's simulated devices, to be looked at.

    `buttons` are what the MQTT devices press with and hear by, None while there is no broker; `people`, where there are
    any, is set while they are about; `clock` is the controller's, where it can be set.
    """

    def __init__(
        self,
        settings: Settings,
        stage: Stage,
        buttons: Buttons | None = None,
        people: asyncio.Event | None = None,
        clock: FastClock | None = None,
    ) -> None:
        self._settings = settings
        self._placed: Mapping[str, Placed] = stage.placed
        self.drawer = Drawer(stage.placed, clock, settings.mqtt is not None)
        self.buttons = buttons
        self.people = people
        self._albums = {
            id: Album(placed.far_end)
            for id, placed in stage.placed.items()
            if isinstance(placed.far_end, PrinterFarEnd)
        }

    @property
    def buttons(self) -> Buttons | None:
        """What the MQTT devices press with and hear by."""
        return self.drawer.buttons

    @buttons.setter
    def buttons(self, buttons: Buttons | None) -> None:
        self.drawer.buttons = buttons

    # -- what stands where -----------------------------------------------------------------------------------

    def furniture(self) -> dict[str, Any]:
        """What never changes: which devices and keys there are, and what stands at which counter."""
        rules = self._settings.rules
        mqtt = self._settings.devices if self._settings.mqtt else ()
        return {
            "branch": rules.branch_name,
            "mqtt": self._settings.mqtt is not None,
            "people": self.people is not None,
            "services": [{"id": s.id, "name": s.name, "key": s.key} for s in rules.services.values()],
            "keys": {"terminal": [*ON_TERMINAL], "keypad": [*keys(Where.COUNTER)], "panel": [*keys(Where.PANEL)]},
            "classes": [{"id": c.id, "name": c.name} for c in rules.classes.values()],
            "printers": list(self._albums),
            "boards": [
                {"id": d.id, "lines": d.lines, "width": d.width, "height": d.line_height}
                for d in self._wired()
                if isinstance(d, BxDevice)
            ],
            "readers": [{"id": d.id, "kiosk": d.kiosk} for d in self._wired() if isinstance(d, CardReaderDevice)],
            "kiosks": [d.id for d in mqtt if isinstance(d, MqttKiosk)],
            "panels": [d.id for d in mqtt if isinstance(d, MqttPanel)],
            "counters": [self._counter(id) for id in rules.counters],
            "wires": self.drawer.rows(),
        }

    def _counter(self, counter: str) -> dict[str, Any]:
        rules = self._settings.rules
        buses = [d for d in self._wired() if isinstance(d, Terminal68Device)]
        pads = [d.id for d in self._settings.devices if isinstance(d, MqttKeypad) and d.counter == counter]
        return {
            "id": counter,
            "serves": [rules.service_name(service) for service in rules.counters[counter].serves],
            "windows": [d.id for d in self._wired() if isinstance(d, VfdDevice) and d.counter == counter],
            "terminals": [
                {"device": d.id, "address": a} for d in buses for a, c in d.addresses.items() if c == counter
            ],
            "raters": [{"device": d.id, "address": a} for d in buses for a, c in d.raters.items() if c == counter],
            "keypads": pads if self._settings.mqtt else [],
        }

    def _wired(self) -> Iterator[object]:
        for placed in self._placed.values():
            yield placed.device

    # -- what it shows ---------------------------------------------------------------------------------------

    def picture(self) -> dict[str, Any]:
        """What can be seen now."""
        retained = self.buttons.retained if self.buttons else {}
        board = retained.get("board") or {}
        return {
            "broker": self.buttons is not None,
            "controller": retained.get("status", ""),
            "people": self.people.is_set() if self.people else None,
            "printers": {id: self._printer(id, album) for id, album in self._albums.items()},
            "boards": {id: list(p.far_end.lines()) if p.wire.plugged else [] for id, p in self._of(BoardFarEnd)},
            "windows": {
                id: list(p.far_end.lines()) if p.wire.plugged else ["", ""] for id, p in self._of(WindowFarEnd)
            },
            "buses": {id: _bus(p) for id, p in self._of(TerminalBus)},
            "keypads": {
                device.id: retained.get(f"keypad/{device.counter}/screen") or {}
                for device in self._settings.devices
                if isinstance(device, MqttKeypad)
            },
            "whys": list(self._whys()),
            "lobby": {key: board.get(key) or empty for key, empty in _BOARD.items()},
            "devices": {id: self._device(id, retained) for id in self.drawer.ids()},
        }

    def paper(self, printer: str, number: int) -> Paper | None:
        """A printed ticket; None if there is none, or none any more."""
        album = self._albums.get(printer)
        return album.paper(number) if album else None

    def _of(self, kind: type) -> Iterator[tuple[str, Any]]:
        for id, placed in self._placed.items():
            if isinstance(placed.far_end, kind):
                yield id, placed

    def _printer(self, id: str, album: Album) -> dict[str, Any]:
        far_end, faults = self._placed[id].far_end, self._placed[id].wire.faults
        assert isinstance(far_end, PrinterFarEnd)
        if faults.unplugged:
            light = "off"
        elif faults.paper == "out" or faults.cover_open or far_end.jammed:
            light = "error"
        else:
            light = "low" if faults.paper == "low" else "ready"
        papers = list(album.papers())[-PAPERS_SHOWN:]
        return {
            "light": light,
            "printing": len(far_end.strip.rows) > 1,
            "papers": [{"n": numbered.number, "text": numbered.text} for numbered in papers],
        }

    def _whys(self) -> Iterator[dict[str, str]]:
        """The last calls, newest first, each with the controller's own sentence why."""
        events = self.buttons.events if self.buttons else ()
        recent = islice(reversed(events), EVENTS_LOOKED_AT)
        for data in islice((e["data"] for e in recent if e.get("kind") == "ticket_called"), CALLS_EXPLAINED):
            yield {"counter": data["counter"], "text": data["why"]["text"]}

    def _device(self, id: str, retained: Mapping[str, Any]) -> dict[str, Any]:
        """The knobs as they stand, and what the controller says: nothing, where it says it to nobody."""
        report = retained.get(f"device/{id}") or {}
        knobs = self.drawer.stands(id)
        return {"state": report.get("state", ""), "detail": report.get("detail", ""), "knobs": knobs}


_BOARD: Mapping[str, Any] = {"calls": [], "soon": [], "waiting": {}, "notices": []}
"""What is taken from the lobby's `board` topic, and what stands for it while nothing is said there."""


def _bus(placed: Placed) -> dict[str, Any]:
    bus, lit = placed.far_end, placed.wire.plugged
    assert isinstance(bus, TerminalBus)
    return {
        "terminals": {
            str(address): {
                "waiting": terminal.waiting if lit else "",
                "ticket": terminal.ticket if lit else "",
                "beeps": terminal.beeps,
                "on": lit,
            }
            for address, terminal in bus.terminals.items()
        },
        "raters": {str(address): {"asking": rater.asking and lit} for address, rater in bus.raters.items()},
    }
