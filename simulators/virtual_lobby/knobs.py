"""What can be broken in the virtual lobby: one table, by which the page draws its drawer and is obeyed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from simulators.buttons import Buttons
from simulators.farend import FarEnd
from simulators.printer import PrinterFarEnd
from simulators.stage import FastClock, Placed
from simulators.terminals import TerminalBus
from simulators.wire import TcpWire

CLOCK, BUTTONS = "~clock", "~mqtt"
"""Where the controller's clock and the MQTT devices stand in the drawer; no device's id begins so."""

Unit = Literal["switch", "part", "seconds", "bytes", "a_second", "paper", "hours"]


class UnknownKnobError(ValueError):
    """There is no such knob here, or no such value of it; the text says which there are."""


@dataclass(frozen=True, slots=True)
class Knob:
    """A fault by its name in `Faults` (or of what `of` names). `shape` is what values it takes, `values` are offered;
    `near`: it is at hand, the others are behind "more"."""

    name: str
    unit: Unit
    shape: Any
    values: tuple[Any, ...] = (False, True)
    of: Literal["wire", "tcp", "printer", "keys", "clock", "buttons"] = "wire"
    near: bool = False

    def checked(self, value: Any) -> Any:
        """The value, if it is one that this knob takes."""
        try:
            return TypeAdapter(self.shape).validate_python(value, strict=True)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
            raise UnknownKnobError(f"{self.name}: {fault['msg']}") from error


def _number(least: float, most: float, kind: type = float) -> Any:
    from typing import Annotated  # noqa: PLC0415

    return Annotated[kind, Field(ge=least, le=most)]


PARTS = (0, 0.1, 0.3, 1)
KNOBS = (
    Knob("unplugged", "switch", bool, near=True),
    Knob("paper", "paper", Literal["ok", "low", "out"], ("ok", "low", "out"), of="printer", near=True),
    Knob("cover_open", "switch", bool, of="printer", near=True),
    Knob("jammed", "switch", bool, of="printer", near=True),
    Knob("flicker", "a_second", _number(0, 20), (0, 1, 5), of="printer", near=True),
    Knob("bounce", "seconds", _number(0, 10), (0, 0.15, 0.6), of="keys", near=True),
    Knob("stuck", "switch", bool, of="keys", near=True),
    Knob("deaf", "switch", bool, of="keys", near=True),
    Knob("garble", "part", _number(0, 1), PARTS),
    Knob("loss", "part", _number(0, 1), PARTS),
    Knob("mute", "part", _number(0, 1), PARTS),
    Knob("delay", "seconds", _number(0, 10), (0, 0.2, 1, 3)),
    Knob("hang", "switch", bool),
    Knob("echo", "switch", bool),
    Knob("collision", "part", _number(0, 1), PARTS),
    Knob("xoff", "switch", bool),
    Knob("cut_after", "bytes", _number(0, 10_000, int), (0, 20, 100, 355)),
    Knob("keeps_power", "switch", bool),
    Knob("keeps", "switch", bool, of="tcp"),
    Knob("half_open", "switch", bool, of="tcp"),
    Knob("set_by", "hours", _number(-48, 48), (0, 0.2, 24, -24), of="clock", near=True),
    Knob("bounce", "seconds", _number(0, 10), (0, 0.15, 0.6), of="buttons", near=True),
    Knob("fast", "seconds", _number(-1e9, 1e9) | None, (None, 3600, -1e9), of="buttons", near=True),
    Knob("retain", "switch", bool, of="buttons", near=True),
)


class Drawer:
    """All knobs of a stage. `buttons` come and go with the broker."""

    def __init__(self, placed: Mapping[str, Placed], clock: FastClock | None, buttons: bool) -> None:
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
        """The knobs of a device as they stand."""
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
            yield id, [knob for knob in KNOBS if knob.of in _kinds(placed)]
        if self._clock:
            yield CLOCK, [knob for knob in KNOBS if knob.of == "clock"]
        if self._has_buttons:
            yield BUTTONS, [knob for knob in KNOBS if knob.of == "buttons"]

    def _target(self, id: str, knob: Knob) -> Any:
        if id == CLOCK:
            return self._clock
        if id == BUTTONS:
            return self.buttons.faults if self.buttons else None
        placed = self._placed[id]
        return placed.far_end if knob.name == "jammed" else placed.wire.faults


def _get(target: Any, knob: Knob) -> Any:
    value = getattr(target, knob.name, knob.values[0])
    return value / 3_600_000 if knob.of == "clock" else value


def _kinds(placed: Placed) -> set[str]:
    far_end: FarEnd = placed.far_end
    kinds = {"wire"}
    if isinstance(far_end, PrinterFarEnd):
        kinds.add("printer")
    if isinstance(far_end, TerminalBus):
        kinds.add("keys")
    if isinstance(placed.wire, TcpWire):
        kinds.add("tcp")
    return kinds
