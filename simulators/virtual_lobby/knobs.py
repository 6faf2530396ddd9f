"""The knobs of the virtual lobby: one table, from which the page draws its drawer and by which settings are checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from simulators.buttons import Buttons
from simulators.clock import PeoplesClock
from simulators.devices.kit import Knob, UnknownKnobError, Wired, number
from simulators.wire import TcpWire

CLOCK, BUTTONS = "~clock", "~mqtt"
"""The ids of the controller's clock and the MQTT devices in the drawer; no device's id begins with "~"."""

PARTS = (0, 0.1, 0.3, 1)
FIRST = (Knob("unplugged", "switch", bool, near=True),)
"""What a page shows before a device's own knobs, and what behind them."""
WIRE = (
    Knob("garble", "part", number(0, 1), PARTS),
    Knob("loss", "part", number(0, 1), PARTS),
    Knob("mute", "part", number(0, 1), PARTS),
    Knob("delay", "seconds", number(0, 10), (0, 0.2, 1, 3)),
    Knob("hang", "switch", bool),
    Knob("echo", "switch", bool),
    Knob("collision", "part", number(0, 1), PARTS),
    Knob("speed", "bits", Literal[0, 9600, 57600, 115200], (0, 9600, 57600, 115200)),
    Knob("xoff", "switch", bool),
    Knob("cut_after", "bytes", number(0, 10_000, int), (0, 20, 100, 355)),
    Knob("keeps_power", "switch", bool),
    Knob("keeps", "switch", bool, of="tcp"),
    Knob("half_open", "switch", bool, of="tcp"),
)
OF_CLOCK = (Knob("set_by", "hours", number(-48, 48), (0, 0.2, 24, -24), of="clock", near=True),)
OF_BUTTONS = (
    Knob("bounce", "seconds", number(0, 10), (0, 0.15, 0.6), of="buttons", near=True),
    Knob("fast", "seconds", number(-1e9, 1e9) | None, (None, 3600, -1e9), of="buttons", near=True),
    Knob("retain", "switch", bool, of="buttons", near=True),
    Knob("twice", "switch", bool, of="buttons"),
)


class Drawer:
    """All knobs of a simulated branch. `buttons`: None while there is no broker."""

    def __init__(self, placed: Mapping[str, Wired], clock: PeoplesClock | None, buttons: bool) -> None:
        self._placed = placed
        self._clock = clock
        self._has_buttons = buttons
        self.buttons: Buttons | None = None

    def rows(self) -> list[dict[str, Any]]:
        """Which knobs there are, device by device."""
        return [
            {"id": id, "knobs": [{"name": k.name, "unit": k.unit, "values": k.values, "near": k.near} for k in knobs]}
            for id, knobs in self._knobs()
        ]

    def stands(self, id: str) -> dict[str, Any]:
        """The present values of a device's knobs."""
        return {knob.name: _get(self._target(id, knob), knob) for knob in dict(self._knobs())[id]}

    def ids(self) -> list[str]:
        """Everything that has knobs."""
        return [id for id, _ in self._knobs()]

    def turn(self, id: str, turned: Mapping[str, Any]) -> None:
        """Turn knobs; KeyError for an unknown device, UnknownKnobError for an unknown knob or value: then none is
        turned."""
        knobs = {knob.name: knob for knob in dict(self._knobs())[id]}
        unknown = turned.keys() - knobs.keys()
        if unknown:
            raise UnknownKnobError(f"there is no knob {min(unknown)} here; there are {', '.join(knobs)}")
        values = {name: knobs[name].checked(value) for name, value in turned.items()}
        for name, value in values.items():
            target = self._target(id, knobs[name])
            if target is not None:
                setattr(target, name, round(value * 3_600_000) if knobs[name].of == "clock" else value)
        if id in self._placed:
            self._placed[id].wire.poke()

    def _knobs(self) -> Iterator[tuple[str, list[Knob]]]:
        for id, placed in self._placed.items():
            wire = (knob for knob in WIRE if knob.of != "tcp" or isinstance(placed.wire, TcpWire))
            yield id, [*FIRST, *placed.KNOBS, *wire]
        if self._clock:
            yield CLOCK, [*OF_CLOCK]
        if self._has_buttons:
            yield BUTTONS, [*OF_BUTTONS]

    def _target(self, id: str, knob: Knob) -> Any:
        if id == CLOCK:
            return self._clock
        if id == BUTTONS:
            return self.buttons.faults if self.buttons else None
        placed = self._placed[id]
        return placed.far_end if knob.of == "far end" else placed.wire.faults


def _get(target: Any, knob: Knob) -> Any:
    value = getattr(target, knob.name, knob.values[0])
    return value / 3_600_000 if knob.of == "clock" else value
