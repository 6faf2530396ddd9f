"""Digit displays and modules of inputs on one Modbus RTU line, each a unit with an address of its own."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainValidator, ValidationInfo, model_validator

from controller.devices import key_map
from controller.devices.key_map import KeyMap
from controller.devices.kit import Adapter, Context, Fault, File, Kind, Table
from controller.devices.probe import Heard, Place, Probe
from controller.devices.settings import (
    CounterId,
    Keys,
    PrinterId,
    Reading,
    WiredSettings,
    between,
    nearest,
    shipped,
    takes,
)
from controller.lobby.model.state import State
from controller.lobby.show import views
from drivers.device import Health
from drivers.gestures import GESTURES, SINGLE
from drivers.link import SerialLink
from drivers.modbus import Inputs, Modbus, Pressed, UnitHealth
from drivers.modbus_display import Profile
from drivers.modbus_frame import UNITS, read_inputs, read_register, silence

SLOW_POLL = 0.2
"""Seconds of a round of polls from which people's presses may be lost."""
UNIT_DELAY = 0.008
"""Seconds that a unit usually takes to begin its reply."""
USUAL_BYTE = 10 / 9600
"""Seconds of a byte on a line behind a gateway, whose speed is not known here."""
PROFILES = "modbus"
"""The directory of the profiles that come with the program."""


def _unit(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"[1-9][0-9]{0,2}", value) and int(value) in UNITS:
        return int(value)
    raise ValueError(f'"{value}" is no unit address; use {UNITS[0]} to {UNITS[-1]}')


def _profile(value: object, info: ValidationInfo) -> Profile:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError(f"it takes {_TAKES_PROFILE}")
    path = shipped(PROFILES) / f"{value}.toml"
    if re.search(r"[/.]", value):
        path = info.context.directory / value if isinstance(info.context, Reading) else Path(value)
    elif not path.is_file():
        known = sorted(file.stem for file in shipped(PROFILES).glob("*.toml"))
        raise ValueError(f'there is no profile "{value}"; {nearest(value, known)}')
    try:
        return Profile.from_dict(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from None
    except ValueError as error:
        raise ValueError(f"{path} is no profile of a display: {str(error).splitlines()[0]}") from None


_TAKES_PROFILE = 'the name of a model, such as "led-485", or the path of a file, in quotes'
Unit = Annotated[int, BeforeValidator(_unit)]
What = Annotated[Literal["ticket", "waiting", "counter"], takes('"ticket", "waiting" or "counter"')]


class DisplayKeys(Keys):
    """A digit display. `lines`: what each of its lines shows; by default the counter's ticket, or without a counter the
    number waiting in the branch. `characters`: of a line, if not as many as its profile says."""

    profile: Annotated[Profile, PlainValidator(_profile), takes(_TAKES_PROFILE)]
    counter: CounterId | None = None
    lines: Annotated[
        list[What] | None, takes('a list of "ticket", "waiting" or "counter", one for each line', max_length=8)
    ] = None
    characters: Annotated[int | None, between(1, 64)] = None

    @model_validator(mode="after")
    def _fits(self) -> DisplayKeys:
        self.profile.fits(self.characters)
        if len(self.shown) > len(self.profile.line):
            has = f"{self.profile.name} has {len(self.profile.line)}"
            raise ValueError(f"it shows {len(self.shown)} lines, and {has}; leave the others out")
        return self

    @property
    def shown(self) -> list[str]:
        """What each line shows."""
        return [*(self.lines or (["ticket"] if self.counter else ["waiting"]))]


class InputKeys(Keys):
    """A module of inputs, `inputs` of them from address `first` on, with a key map as a button has."""

    inputs: Annotated[int, between(1, 64)] = 8
    first: Annotated[int, between(0, 65000)] = 0
    counter: CounterId | None = None
    at: Annotated[Literal["kiosk", "panel"] | None, takes('"kiosk" or "panel"')] = None
    keys: KeyMap
    hold_off: Annotated[float, between(0, 60, "seconds")] = 2
    printer: PrinterId | None = None

    @property
    def used(self) -> frozenset[tuple[str, str]]:
        """(input, gesture) of every key."""
        return frozenset(_gesture(action) for action in self.keys)


def _gesture(action: str) -> tuple[str, str]:
    """The input and the gesture of "3" or "3 long"; ("", "") if it is neither."""
    found = re.fullmatch(rf"([1-9][0-9]?)(?: ({'|'.join(GESTURES)}))?", action)
    return (found[1], found[2] or SINGLE) if found else ("", "")


class ModbusSettings(WiredSettings):
    """Digit displays and modules of inputs on one Modbus RTU line, by unit address. `reply_ms`: in which a unit begins
    to answer."""

    driver: Literal["modbus"]
    displays: Annotated[
        dict[Unit, DisplayKeys],
        takes('unit address from 1 to 247 = display, as in { 1 = { profile = "led-485", counter = "1" } }'),
    ] = Field(default_factory=dict)
    inputs: Annotated[
        dict[Unit, InputKeys],
        takes('unit address from 1 to 247 = module, as in { 11 = { counter = "1", keys = { 1 = "CALL" } } }'),
    ] = Field(default_factory=dict)
    reply_ms: Annotated[int, between(20, 3000, "milliseconds")] = 100

    @property
    def units(self) -> Mapping[str, tuple[str, str]]:
        modules = {str(unit): ("modbus-inputs", module.counter or "") for unit, module in self.inputs.items()}
        displays = {str(unit): ("modbus-display", shown.counter or "") for unit, shown in self.displays.items()}
        return modules | displays

    @property
    def byte_time(self) -> float:
        """Seconds of a byte on the line; 0: not known."""
        return self.link.byte_time if isinstance(self.link, SerialLink) else 0.0

    def round_of_polls(self) -> float:
        """Seconds between two polls of one module, if nothing else is sent."""
        byte = self.byte_time or USUAL_BYTE
        requests = [read_inputs(unit, module.first, module.inputs) for unit, module in self.inputs.items()]
        return sum((len(request.data) + request.reply) * byte + UNIT_DELAY + 2 * silence(byte) for request in requests)

    def warns(self, shipped: Path, language: str) -> Iterator[tuple[tuple[str | int, ...], str]]:
        took = self.round_of_polls()
        if took > SLOW_POLL:
            yield (
                ("inputs",),
                f"each module is polled only about every {took * 1000:.0f} ms, and a shorter press is lost; put fewer "
                "modules on a line, raise its baud rate, or take modules that latch",
            )


def _check(table: Table, file: File) -> Iterator[Fault]:
    displays, inputs = table.get("displays", {}), table.get("inputs", {})
    if displays == {} and inputs == {}:
        yield ("displays",), "it has neither displays nor inputs; add one of them"
    for unit, display in (displays or {}).items():
        if not isinstance(display, dict):
            continue
        for n, what in enumerate(display.get("lines") or ()):
            if what in ("ticket", "counter") and "counter" not in display:
                yield ("displays", unit, "lines", n), f'"{what}" is that of a counter; give the display one'
    for unit, module in (inputs or {}).items():
        if isinstance(module, dict):
            for inside, said in _check_module(module, file):
                yield ("inputs", unit, *inside), said


def _check_module(module: Table, file: File) -> Iterator[Fault]:
    most = module.get("inputs", 8) or 64

    def is_input(action: str) -> bool:
        number, _ = _gesture(action)
        return number != "" and int(number) <= most

    known = f'an input is "1" to "{most}", and it is pressed twice as in "1 double", held as in "1 long"'
    yield from key_map.check(module, file, is_input, known)
    actions = [action for action in module.get("keys") or {} if _gesture(action)[0]]
    for n, action in enumerate(actions):
        if _gesture(action) in map(_gesture, actions[:n]):
            yield ("keys", action), f'"{" ".join(_gesture(action))}" stands there twice; remove one'


def _counters(table: Table) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for key in ("displays", "inputs"):
        for unit, part in (table.get(key) or {}).items():
            if isinstance(part, dict) and part.get("counter") is not None:
                yield (key, unit, "counter"), part["counter"]


class ModbusAdapter(Adapter):
    """One line. `flush` sends what the driver has to send."""

    def __init__(self, device: ModbusSettings, line: Modbus, context: Context, flush: Callable[[], None]) -> None:
        super().__init__(device.id, context)
        self._device = device
        self._line = line
        self._flush = flush
        for unit, display in device.displays.items():
            line.show(unit, display.profile.writes([], display.characters))
        self._keys = {
            unit: key_map.Keys(
                device.id,
                device.driver,
                {" ".join(_gesture(action)): text for action, text in module.keys.items()},
                context,
                counter=module.counter,
                at=module.at,
                hold_off=module.hold_off,
                printer=module.printer,
                unit=str(unit),
            )
            for unit, module in device.inputs.items()
        }

    def heard(self, fact: object) -> None:
        match fact:
            case Pressed(unit, number, gesture):
                self._keys[unit].press(f"{number} {gesture}")
            case UnitHealth(unit, health, exception):
                note = f"Modbus {exception:02d}" if exception else ""
                self.context.health(f"{self.id}.{unit}", health, note)
            case Health():
                self.context.health(self.id, fact, "")

    def update(self, state: State) -> None:
        for unit, display in self._device.displays.items():
            texts = self._texts(state, display.counter)
            self._line.show(unit, display.profile.writes([texts[what] for what in display.shown], display.characters))
        self._flush()

    def _texts(self, state: State, counter: str | None) -> Mapping[str, str]:
        if counter is None:
            return {"waiting": str(sum(views.waiting_by_service(state, self.context.rules).values()))}
        return {
            "ticket": state.counter(counter).ticket,
            "waiting": str(views.waiting_for(state, self.context.rules.counters[counter])),
            "counter": counter,
        }


def _build(device: ModbusSettings, context: Context) -> Adapter:
    modules = {unit: Inputs(module.inputs, module.first, module.used) for unit, module in device.inputs.items()}
    line = Modbus(device.displays, modules, byte_time=device.byte_time, reply_timeout=device.reply_ms / 1000)
    session = context.connect(device.id, line, device.link)
    return ModbusAdapter(device, line, context, session.flush)


ASKED = range(1, 17)
"""Units that `lobby setup` asks: each that does not answer takes its time."""
ASKS = [read_register(unit, 0) for unit in ASKED] + [read_inputs(unit, 0, 1) for unit in ASKED]


def _answers(replies: Sequence[bytes]) -> Sequence[Heard]:
    """The units that answer, be it with an exception. Those that have inputs are modules, the others displays."""
    said, found = b"".join(replies), dict[int, str]()
    for request in ASKS:
        for _, reply in request.replies(said):
            is_module = request in ASKS[len(ASKED) :] and not reply.exception
            found[request.unit] = "inputs" if is_module else found.get(request.unit, "displays")
    return [Heard(Place(part, unit)) for unit, part in sorted(found.items())]


def _table(places: Mapping[Place, str], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """A display shows its counter's ticket, without a counter all who wait; the first input of a module calls."""
    displays = {
        str(place.address): {**chosen, **({"counter": counter} if counter else {})}
        for place, counter in sorted(places.items())
        if place.part == "displays"
    }
    inputs = {
        str(place.address): {"keys": {"1": f"CALL @{counter}"}}
        for place, counter in sorted(places.items())
        if place.part == "inputs" and counter
    }
    return {name: table for name, table in (("displays", displays), ("inputs", inputs)) if table}


PROBE = Probe(
    "modbus",
    asks=[request.data for request in ASKS],
    hears=_answers,
    wait=0.12,
    apart=True,
    chosen={"profile": ("led-485", "led-485-number", "dm36b06", "dm56a04", "embeddedart")},
    counters="each",
    unit="displays",
    table=_table,
)
KIND = Kind("modbus", ModbusSettings, _build, _check, _counters, order=25, probe=PROBE)
