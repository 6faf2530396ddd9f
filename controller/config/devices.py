"""The tables of devices: one class a driver."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, model_validator

from controller.config.values import (
    CounterId,
    DeviceId,
    DirectoryPath,
    FilePath,
    Keys,
    LinkText,
    between,
    takes,
)
from controller.lobby.model.calendar import DAY, Span
from drivers import sound
from drivers.bx import X_UNIT


def _address(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"[1-9][0-9]?", value):
        return int(value)
    raise ValueError(f'"{value}" is no bus address; use 1 to 99')


COLUMNS = (16, 64)
"""Characters of half width to a line of a ticket, at least and at most."""


def _layout(path: Path) -> Path:
    from drivers.paper import Layout  # noqa: PLC0415 - python-escpos takes long to import, and few branches get here

    try:
        Layout.from_dict(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from None
    except ValueError as error:
        raise ValueError(f"{path} is no ticket layout: {str(error).splitlines()[0]}") from None
    return path


def _profile(name: str) -> str:
    from drivers.escpos_model import model  # noqa: PLC0415 - as above

    model(name)
    return name


def columns_of(profile: object) -> int:
    """How many columns a profile says; 0 where there is no such profile."""
    from drivers.escpos_model import model  # noqa: PLC0415 - as above

    try:
        return model(profile).columns if isinstance(profile, str) else 0
    except ValueError:
        return 0


def _clips(path: Path) -> Path:
    sound.read_clips(path)
    return path


_TIMES = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*-\s*(?:([01]?\d|2[0-3]):([0-5]\d)|24:00)")


def _quiet(value: object) -> tuple[Span, ...]:
    """Spans of the day, in order; one that ends before it begins goes on after midnight, and so is two.

    ValueError, in words for an installer, names them as they were written.
    """
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or len(texts) > 8 or not all(isinstance(text, str) for text in texts):
        raise ValueError('it takes local times "HH:MM-HH:MM", one text or a list of at most 8')
    spans = sorted(
        (span, part)
        for text in texts
        for part in re.split(r"(?<=\d)[\s,]+(?=\d)", text.strip())
        for span in _night(part)
    )
    for (one, written), (other, after) in pairwise(spans):
        if other.start < one.end:
            raise ValueError(f"{written} and {after} overlap; make one of them shorter, or write them as one")
    return tuple(span for span, _ in spans)


def _night(text: str) -> Sequence[Span]:
    found = _TIMES.fullmatch(text)
    start = int(found[1]) * 3600 + int(found[2]) * 60 if found else 0
    end = (int(found[3]) * 3600 + int(found[4]) * 60 if found[3] else DAY) if found else 0
    if start == end:
        raise ValueError(f'"{text}" is no span of a day or night; it takes two different times, "HH:MM-HH:MM"')
    if end == 0:
        end = DAY
    return [Span(start, end)] if start < end else [Span(start, DAY), Span(0, end)]


def _command(value: object) -> tuple[str, ...]:
    takes = 'it takes a program and its arguments in one text, such as "aplay -q -"'
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError(takes)
    if len(value) > 1000:
        raise ValueError(f"it is {len(value)} characters long; put what is longer than 1000 into a script")
    try:
        words = tuple(shlex.split(value))
    except ValueError:
        raise ValueError("a quote is not closed in it; close it") from None
    if not words or not words[0]:
        raise ValueError(takes)
    return words


def _each_once(values: list[str]) -> list[str]:
    if len(set(values)) < len(values):
        raise ValueError("a language stands there twice; name each once")
    return values


Address = Annotated[int, BeforeValidator(_address)]


class _Device(Keys):
    id: DeviceId


class _Wired(_Device):
    link: LinkText


class EscposDevice(_Wired):
    """A ticket printer. `profile`: python-escpos's name for the model, None being any; `columns`: characters of half
    width to a line, by default as many as the model has; `layout`: None is the one we ship."""

    driver: Literal["escpos"]
    profile: Annotated[str | None, AfterValidator(_profile), takes("the name of a printer profile, in quotes")] = None
    columns: Annotated[int, between(*COLUMNS)] = 32
    layout: Annotated[FilePath | None, AfterValidator(_layout)] = None
    qr: Annotated[bool, takes("true or false")] = True

    @model_validator(mode="before")
    @classmethod
    def _usual_columns(cls, data: Any) -> Any:
        columns = columns_of(data.get("profile"))
        return {"columns": columns, **data} if COLUMNS[0] <= columns <= COLUMNS[1] else data


_Addresses = Annotated[
    dict[Address, CounterId], takes('bus address from 1 to 99 = counter id in quotes, as in { 1 = "1" }')
]


class Terminal68Device(_Wired):
    """Call terminals and raters on one bus: `addresses` and `raters` map bus addresses to counters."""

    driver: Literal["terminal68"]
    addresses: _Addresses = Field(default_factory=dict)
    raters: _Addresses = Field(default_factory=dict)
    repeat_ms: Annotated[int, between(0, 5000, "milliseconds")] = 400


class BxDevice(_Wired):
    """A hall board. `width`, `line_height`: pixels; `x_unit`: what its frames count X and W in.

    `footer`: its last line shows who is soon to come and how long people will wait, in turn.
    """

    driver: Literal["bx"]
    model: Annotated[Literal["5k1", "5k2", "6k1", "6k2", "6k3"], takes('"5k1", "5k2", "6k1", "6k2" or "6k3"')]
    lines: Annotated[int, between(1, 16)] = 4
    width: Annotated[int, between(16, 2048, "pixels")] = 128
    line_height: Annotated[int, between(8, 128, "pixels")] = 16
    x_unit: Annotated[Literal["8px", "pixel", "pixel15"], takes('"8px", "pixel" or "pixel15"')]
    footer: Annotated[bool, takes("true or false")] = False
    dynamic_header: Annotated[Literal["length", "process"], takes('"length" or "process"')] = "length"

    @model_validator(mode="before")
    @classmethod
    def _usual_x_unit(cls, data: Any) -> Any:
        return {"x_unit": X_UNIT.get(str(data.get("model")), "8px"), **data}


class VfdDevice(_Wired):
    """A window display. `brightness`: None leaves it as it is."""

    driver: Literal["vfd"]
    dialect: Annotated[Literal["epson", "cd5220", "dsp800"], takes('"epson", "cd5220" or "dsp800"')]
    counter: CounterId
    brightness: Annotated[int | None, between(1, 4)] = None


class CardReaderDevice(_Wired):
    """A reader of bank cards beside the ticket button `kiosk`; a card counts for a press `within` so many seconds."""

    driver: Literal["card-reader"]
    kiosk: DeviceId
    within: Annotated[float, between(1, 300, "seconds")] = 30


class MqttKeypad(_Device):
    """A clerk's keypad on MQTT."""

    driver: Literal["mqtt-keypad"]
    counter: CounterId


class MqttPanel(_Device):
    """The lobby manager's buttons."""

    driver: Literal["mqtt-panel"]


class MqttKiosk(_Device):
    """Ticket buttons. `hold_off`: seconds in which TAKE again is the same ticket; `screen`: it can show a number."""

    driver: Literal["mqtt-kiosk"]
    hold_off: Annotated[float, between(0, 60, "seconds")] = 2
    screen: Annotated[bool, takes("true or false")] = False


class VoiceDevice(_Device):
    """The voice of the hall. `languages`: empty is the branch's; `speed`: words a minute."""

    driver: Literal["voice"]
    player: Annotated[tuple[str, ...], PlainValidator(_command), takes('a program, such as "aplay -q -"')] = (
        "aplay",
        "-q",
        "-",
    )
    languages: Annotated[
        list[Literal["zh", "en"]], AfterValidator(_each_once), takes('a list of "zh" and "en"', min_length=1)
    ] = Field(default_factory=list)
    times: Annotated[int, between(1, 3)] = 2
    backlog: Annotated[int, between(1, 20)] = 6
    chime: Annotated[bool, takes("true or false")] = True
    quiet: Annotated[tuple[Span, ...], PlainValidator(_quiet), takes('local times "HH:MM-HH:MM"')] = ()
    yao: Annotated[bool, takes("true or false")] = False
    clips: Annotated[DirectoryPath | None, AfterValidator(_clips)] = None
    speed: Annotated[int, between(80, 300, "words a minute")] = 150


Device = (
    EscposDevice
    | Terminal68Device
    | BxDevice
    | VfdDevice
    | CardReaderDevice
    | MqttKeypad
    | MqttPanel
    | MqttKiosk
    | VoiceDevice
)

DRIVERS: Mapping[str, type[Keys]] = {
    "escpos": EscposDevice,
    "terminal68": Terminal68Device,
    "bx": BxDevice,
    "vfd": VfdDevice,
    "card-reader": CardReaderDevice,
    "mqtt-keypad": MqttKeypad,
    "mqtt-panel": MqttPanel,
    "mqtt-kiosk": MqttKiosk,
    "voice": VoiceDevice,
}
