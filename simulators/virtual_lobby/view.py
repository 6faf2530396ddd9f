"""The view of the virtual lobby, as plain JSON data: paper, lamps, displays, and each device's state."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from controller.config import Settings
from controller.lobby.actions.press import Where
from controller.presses import ON_TERMINAL, keys
from simulators.branch import SimulatedBranch
from simulators.buttons import Buttons
from simulators.clock import SPEEDS, PeoplesClock
from simulators.devices.kit import Simulated
from simulators.paper import Paper
from simulators.virtual_lobby.knobs import Drawer
from simulators.words import words as words_in

CALLS_EXPLAINED = 2
EVENTS_LOOKED_AT = 100

HERE = Path(__file__).parent


def words(language: str) -> dict[str, str]:
    """The page's sentences in a language (zh or en), by dotted key."""
    return words_in(language, HERE)


class View:
    """The view of a branch's simulated devices.

    `buttons`: the connection of the MQTT devices, None while there is no broker; `people`: if there are any, set while
    they are active; `clock`: the people's and the controller's, if it can be set, stopped and made faster.
    """

    def __init__(
        self,
        settings: Settings,
        simulated: SimulatedBranch,
        buttons: Buttons | None = None,
        people: asyncio.Event | None = None,
        clock: PeoplesClock | None = None,
    ) -> None:
        self._settings = settings
        self._simulated = simulated
        self.drawer = Drawer(simulated.placed, clock, settings.mqtt is not None)
        self.buttons = buttons
        self.people = people
        self.clock = clock

    @property
    def buttons(self) -> Buttons | None:
        """The connection of the MQTT devices."""
        return self.drawer.buttons

    @buttons.setter
    def buttons(self, buttons: Buttons | None) -> None:
        self.drawer.buttons = buttons
        self._simulated.hear(buttons)

    # -- what stands where -----------------------------------------------------------------------------------

    def layout(self) -> dict[str, Any]:
        """What never changes: which devices and keys there are, and what stands at which counter."""
        rules = self._settings.rules
        hall: dict[str, list[Any]] = {}
        counters: dict[str, dict[str, list[Any]]] = {id: {} for id in rules.counters}
        for device in self._devices():
            for where, entry in device.stands(rules):
                hall.setdefault(where, []).append(entry)
            for counter, where, entry in device.stands_at(rules):
                counters[counter].setdefault(where, []).append(entry)
        return {
            "branch": rules.branch_name,
            "mqtt": self._settings.mqtt is not None,
            "people": self.people is not None,
            "speeds": [*SPEEDS] if self.clock else [],
            "services": [{"id": s.id, "name": s.name, "key": s.key} for s in rules.services.values()],
            "keys": {"terminal": [*ON_TERMINAL], "keypad": [*keys(Where.COUNTER)], "panel": [*keys(Where.PANEL)]},
            "classes": [{"id": c.id, "name": c.name} for c in rules.classes.values()],
            **hall,
            "counters": [
                {
                    "id": counter,
                    "serves": [rules.service_name(service) for service in rules.counters[counter].serves],
                    **stands,
                }
                for counter, stands in counters.items()
            ],
            "wires": self.drawer.rows(),
        }

    def _devices(self) -> Iterator[Simulated]:
        for device in self._simulated.devices.values():
            if self._settings.mqtt is not None or not device.topic:
                yield device

    # -- what it shows ---------------------------------------------------------------------------------------

    def picture(self) -> dict[str, Any]:
        """What can be seen now."""
        retained = self.buttons.retained if self.buttons else {}
        board = retained.get("board") or {}
        shows: dict[str, dict[str, Any]] = {}
        for device in self._devices():
            if shown := device.shows():
                group, what = shown
                shows.setdefault(group, {})[device.device.id] = what
        return {
            "broker": self.buttons is not None and self.buttons.connected,
            "time": self._time(),
            "controller": retained.get("status", ""),
            "people": self.people.is_set() if self.people else None,
            **shows,
            "whys": list(self._whys()),
            "lobby": {key: board.get(key) or empty for key, empty in _BOARD.items()},
            "devices": {id: self._device(id, retained) for id in {*self.drawer.ids(), *shows.get("others", ())}},
        }

    def _time(self) -> dict[str, Any] | None:
        clock = self.clock
        if clock is None:
            return None
        return {"now": clock.hands(), "speed": clock.speed, "rate": clock.rate, "stopped": clock.stopped}

    def paper(self, printer: str, number: int) -> Paper | None:
        """A printed ticket; None if there is none, or none any more."""
        device = self._simulated.devices.get(printer)
        return device.paper(number) if device else None

    def _whys(self) -> Iterator[dict[str, str]]:
        """The last calls, newest first, each with the controller's reason."""
        events = self.buttons.events if self.buttons else ()
        recent = islice(reversed(events), EVENTS_LOOKED_AT)
        for data in islice((e["data"] for e in recent if e.get("kind") == "ticket_called"), CALLS_EXPLAINED):
            yield {"counter": data["counter"], "text": data["why"]["text"]}

    def _device(self, id: str, retained: Mapping[str, Any]) -> dict[str, Any]:
        """The values of a device's knobs, and its state by the controller, if that is published."""
        report = retained.get(f"device/{id}") or {}
        knobs = self.drawer.stands(id) if id in self.drawer.ids() else {}
        return {"state": report.get("state", ""), "detail": report.get("detail", ""), "knobs": knobs}


_BOARD: Mapping[str, Any] = {"calls": [], "soon": [], "waiting": {}, "notices": []}
"""The fields taken from the `board` topic, with their values while nothing is published there."""
