"""The configuration's keys: their types, limits and defaults, and in words what each takes.

A `description` completes the sentence "it takes .." of an error message. Durations are in the unit the installer
writes: minutes, unless the key says otherwise. What the program works in is up to `controller.config`.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationInfo,
    model_validator,
)

from controller.lobby.calendar import (
    WEEKDAYS,
    DateRule,
    Week,
    parse_date_rule,
    parse_dates,
    parse_spans,
    parse_weekdays,
)
from controller.lobby.calendar import Span as Shift
from drivers import sound
from drivers.bx import X_UNIT
from drivers.link import Link, TcpLink, parse_link


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint at the known word that `word` may have been meant to be; else at all of them."""
    known = list(known)
    close = get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return f'did you mean "{close[0]}"?' if close else f"known are {', '.join(known)}"


# -- kinds of values ----------------------------------------------------------------------------------------------


def _takes(words: str, **limits: Any) -> Any:
    return Field(description=words, **limits)


def _between(low: int, high: int, unit: str = "a whole number") -> Any:
    return _takes(f"{unit} from {low} to {high}", ge=low, le=high)


def _day_time(value: object) -> timedelta:
    found = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)", value) if isinstance(value, str) else None
    if not found:
        raise ValueError('it takes a local time "HH:MM" from "00:00" to "23:59", in quotes')
    return timedelta(hours=int(found[1]), minutes=int(found[2]))


def _shifts(value: object) -> tuple[Shift, ...]:
    if not isinstance(value, str):
        raise ValueError('it takes times of the day, such as "09:00-12:00 13:30-17:00", or "closed"')
    return parse_spans(value)


def _shift(value: object) -> Shift:
    spans = _shifts(value)
    if len(spans) != 1 or spans[0].start % 3600 % 60:
        raise ValueError('it takes one span of the day, such as "09:00-17:00"')
    return spans[0]


def _week(value: object) -> Week:
    if isinstance(value, str):
        return (parse_spans(value),) * 7
    if not isinstance(value, dict) or not value:
        raise ValueError('it takes "09:00-17:00", or by weekday { mon-fri = "09:00-17:00", sat = "10:00-15:00" }')
    week: dict[int, tuple[Shift, ...]] = {}
    for days, spans in value.items():
        for day in parse_weekdays(days):
            if day in week:
                raise ValueError(f"{WEEKDAYS[day]} stands there twice; name each day once")
            if not isinstance(spans, str):
                raise ValueError(f'{days} takes times of the day, such as "09:00-12:00 13:30-17:00", or "closed"')
            week[day] = parse_spans(spans)
    return tuple(week.get(day, ()) for day in range(7))


def _days(value: object) -> frozenset[date]:
    if not isinstance(value, list) or len(value) > 400:
        raise ValueError('it takes a list of days, such as ["2026-10-01..2026-10-08"]')
    days: set[date] = set()
    for text in value:
        first, last = parse_dates(str(text))
        days |= {first + timedelta(days=n) for n in range((last - first).days + 1)}
    return frozenset(days)


def _date_rules(value: object) -> tuple[DateRule, ...]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts:
        raise ValueError('it takes rules for dates, such as ["13-16", "end", "fri", "2026-12-31"]')
    return tuple(parse_date_rule(str(text)) for text in texts)


_SLOTS = 'a list of slots, such as ["09:30-10:00", "10:00-10:30"]'


def _slots(value: object) -> tuple[Shift, ...]:
    if not isinstance(value, list) or not value or "closed" in value:
        raise ValueError(f"it takes {_SLOTS}")
    return parse_spans(" ".join(str(text) for text in value))


def _zone(value: object) -> ZoneInfo:
    if not isinstance(value, str):
        raise ValueError('it takes the name of a time zone, such as "Asia/Shanghai"')
    try:
        return ZoneInfo(value)
    except (LookupError, ValueError, OSError):
        close = get_close_matches(value, available_timezones(), n=1)
        hint = f'did you mean "{close[0]}"?' if close else 'it takes a name such as "Asia/Shanghai"'
        raise ValueError(f'"{value}" is no time zone; {hint}') from None


def _link(value: object) -> Link:
    if not isinstance(value, str):
        raise ValueError("it takes serial:PATH?baud=9600, tcp:HOST:PORT or file:PATH, in quotes")
    link = parse_link(value)
    if not isinstance(link, TcpLink) and not link.path.startswith("/"):
        raise ValueError(f'"{link.path}" is not a whole path; it takes one such as /dev/lobby/printer')
    return link


def _address(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"[1-9][0-9]?", value):
        return int(value)
    raise ValueError(f'"{value}" is no bus address; use 1 to 99')


def _beside(value: object, info: ValidationInfo) -> object:
    """A path, which counts from the directory of the configuration file (the validation's `context`)."""
    usable = isinstance(value, str) and value and "\0" not in value
    return Path(info.context or ".", str(value)) if usable else value


def _layout(path: Path) -> Path:
    from drivers.paper import Layout  # noqa: PLC0415 - python-escpos takes long to import, and few branches get here

    try:
        Layout.from_dict(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from None
    except ValueError as error:
        raise ValueError(f"{path} is no ticket layout: {str(error).splitlines()[0]}") from None
    return path


def _clips(path: Path) -> Path:
    sound.read_clips(path)
    return path


@dataclass(frozen=True, slots=True)
class QuietTime:
    """A part of each day in local time; one that ends before it begins goes on after midnight."""

    begin: timedelta
    end: timedelta

    def covers(self, local: datetime) -> bool:
        """Whether that moment is in it; its end is not."""
        time = timedelta(hours=local.hour, minutes=local.minute)
        if self.begin < self.end:
            return self.begin <= time < self.end
        return time >= self.begin or time < self.end

    def overlaps(self, other: QuietTime) -> bool:
        """Whether some moment is in both."""
        midnight = datetime.min
        return self.covers(midnight + other.begin) or other.covers(midnight + self.begin)


def _spans(value: object) -> tuple[QuietTime, ...]:
    takes = 'it takes local times "HH:MM-HH:MM", one text or a list of at most 8'
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or len(texts) > 8:
        raise ValueError(takes)
    spans: list[QuietTime] = []
    for text in texts:
        try:
            begin, end = (_day_time(time.strip()) for time in text.split("-"))
        except (AttributeError, ValueError):
            raise ValueError(takes) from None
        span = QuietTime(begin, end)
        if begin == end:
            raise ValueError(f'"{text}" ends as it begins; to have no voice at all, leave the device out')
        if any(span.overlaps(other) for other in spans):
            raise ValueError(f'"{text}" overlaps another of the times; make one of both')
        spans.append(span)
    return tuple(spans)


def _command(value: object) -> tuple[str, ...]:
    takes = 'it takes a program and its arguments in one text, such as "aplay -q -"'
    if not isinstance(value, str) or len(value) > 200 or not value.isprintable():
        raise ValueError(takes)
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


Text = Annotated[str, _takes("a text of 1 to 64 characters, in quotes", pattern=r"^[^\x00-\x1f\x7f]+$", max_length=64)]
CounterId = Annotated[str, _takes('1 to 8 letters, digits or "-", in quotes', pattern=r"^[A-Za-z0-9-]{1,8}$")]
ServiceId = Annotated[str, _takes('small letters, digits, "-" or "_", in quotes', pattern=r"^[a-z0-9_-]{1,32}$")]
ClassId = Annotated[str, _takes('small letters, digits, "-" or "_"', pattern=r"^[a-z0-9_-]{1,32}$")]
DeviceId = Annotated[
    str, _takes('1 to 32 letters, digits, "-" or "_", in quotes', pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$")
]
Minutes = Annotated[float, _between(0, 1440, "minutes")]
Weight = Annotated[float, _between(0, 1_000_000, "a number")]
DayTime = Annotated[timedelta, PlainValidator(_day_time)]
Zone = Annotated[ZoneInfo, PlainValidator(_zone)]
FilePath = Annotated[Path, BeforeValidator(_beside), _takes("the path of a file, in quotes")]
DirectoryPath = Annotated[Path, BeforeValidator(_beside), _takes("the path of a directory, in quotes")]
LinkText = Annotated[Link, PlainValidator(_link), _takes("serial:PATH?baud=9600, tcp:HOST:PORT or file:PATH")]
Address = Annotated[int, BeforeValidator(_address)]


WeekHours = Annotated[Week, PlainValidator(_week)]
Days = Annotated[frozenset[date], PlainValidator(_days)]


class Keys(BaseModel):
    """A table that knows its keys and takes no others."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Names(Keys):
    """A name by language."""

    zh: Text | None = None
    en: Text | None = None

    def spoken(self, language: str) -> str:
        """The name in `language`, else in the other."""
        return (self.zh or self.en or "") if language == "zh" else (self.en or self.zh or "")


def _named(names: Names) -> Names:
    if not names.spoken("zh"):
        raise ValueError('it takes at least one of { zh = "..", en = ".." }')
    return names


class Share(Keys):
    """A share of the simulated arrivals, by profile; a profile not named has the normal one's."""

    normal: Weight
    busy: Weight | None = None
    pension: Weight | None = None

    def on(self, profile: str) -> float:
        """The share on a day of that profile."""
        found: float | None = getattr(self, profile, None)
        return self.normal if found is None else found


Name = Annotated[
    Names,
    BeforeValidator(lambda value: {"zh": value, "en": value} if isinstance(value, str) else value),
    AfterValidator(_named),
    _takes('a text, or by language { zh = "..", en = ".." }'),
]
Shares = Annotated[
    Share,
    BeforeValidator(lambda value: {"normal": value} if isinstance(value, int | float) else value),
    _takes("a number from 0, or by profile { normal = 60, busy = 60, pension = 75 }"),
]


# -- sections -----------------------------------------------------------------------------------------------------


class BranchKeys(Keys):
    id: Annotated[str, _takes('small letters, digits or "-", in quotes', pattern=r"^[a-z0-9-]{1,32}$")]
    name: Text
    timezone: Zone = ZoneInfo("Asia/Shanghai")
    language: Annotated[Literal["zh", "en"], _takes('"zh" or "en"')] = "zh"
    default_service: ServiceId | None = None


class DayKeys(Keys):
    rollover: DayTime = timedelta(hours=3)


class JournalKeys(Keys):
    path: FilePath = Path("/var/lib/lobby/lobby.db")


class CalendarKeys(Keys):
    """When tickets are given. Without `hours`, at any time but on holidays."""

    hours: WeekHours | None = None
    last_ticket: Minutes = 0
    holidays: Days = frozenset()
    workdays: Days = frozenset()


class ProfileKeys(Keys):
    """A kind of day; what a known one does not name stays as it is."""

    when: Annotated[tuple[DateRule, ...] | None, PlainValidator(_date_rules)] = None
    hours: Annotated[Shift | None, PlainValidator(_shift)] = None
    arrivals: Annotated[
        list[Weight] | None, _takes("a list of customers an hour, one for each hour of hours", min_length=1)
    ] = None
    burst: Annotated[
        list[Annotated[int, _between(0, 1000)]] | None,
        _takes("the least and the most who wait at the door, such as [35, 60]", min_length=2, max_length=2),
    ] = None
    staff: dict[CounterId, Annotated[tuple[Shift, ...], PlainValidator(_shifts)]] | None = None


class WaitingKeys(Keys):
    target: Annotated[float, _takes("minutes above 0, to 240", gt=0, le=240)] = 15


class AppointmentKeys(Keys):
    slots: Annotated[tuple[Shift, ...], PlainValidator(_slots), _takes(_SLOTS)]
    places: Annotated[int | None, _between(1, 1000)] = None
    grace: Minutes = 10
    early: Minutes = 10


class AnswerKeys(Keys):
    id: ServiceId
    text: Name
    question: ServiceId | None = None
    service: ServiceId | None = None
    advice: Name | None = None
    klass: Annotated[ClassId | None, _takes('small letters, digits, "-" or "_"', alias="class")] = None


class QuestionKeys(Keys):
    id: ServiceId
    text: Name
    answers: Annotated[list[AnswerKeys], _takes("tables such as { id, text, service }", min_length=1, max_length=20)]


class ServiceKeys(Keys):
    id: ServiceId
    name: Name
    prefix: Annotated[str, _takes('at most 4 letters or digits, in quotes, such as "A"', pattern=r"^[A-Za-z0-9]{0,4}$")]
    digits: Annotated[int, _between(2, 6)] = 3
    key: Annotated[int | None, _between(0, 9, "a digit")] = None
    minutes: Annotated[float, _takes("minutes above 0, to 480", gt=0, le=480)] = 5
    share: Shares = Share(normal=1)
    group: ServiceId | None = None
    hours: WeekHours | None = None
    last_ticket: Minutes | None = None
    quota: Annotated[int | None, _between(1, 100_000)] = None
    overflow: Annotated[bool, _takes("true or false")] = False


class ClassKeys(Keys):
    name: Name | None = None
    credit: Minutes = 0
    share: Shares | None = None


CLASSES: Mapping[str, ClassKeys] = {
    "normal": ClassKeys(name=Names(zh="普通", en="Normal")),
    "vip": ClassKeys(name=Names(zh="贵宾", en="VIP"), credit=10, share=Share(normal=7)),
    "appointment": ClassKeys(name=Names(zh="预约", en="Appointment"), credit=15),
    "green": ClassKeys(name=Names(zh="绿色通道", en="Green channel"), credit=60, share=Share(normal=4, pension=10)),
    "urgent": ClassKeys(name=Names(zh="紧急", en="Urgent"), credit=60),
}
"""The classes that every branch has; a `[class.x]` changes the keys that it names."""


class CallingKeys(Keys):
    pass_limit: Annotated[int, _between(1, 100)] = 5
    recalls: Annotated[int, _between(0, 20)] = 3
    recall_gap: Annotated[float, _between(0, 600, "seconds")] = 20
    return_within: Minutes = 15
    return_penalty: Minutes = 5
    returns: Annotated[int, _between(0, 20)] = 2


class CounterKeys(Keys):
    id: CounterId
    serves: Annotated[
        dict[str, Minutes], _takes("service = handicap in minutes from 0 to 1440, as in { cash = 0 }", min_length=1)
    ]
    class_handicap: Annotated[
        dict[str, Minutes], _takes("class = handicap in minutes from 0 to 1440, as in { normal = 10 }")
    ] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Broker:
    """`embedded` (on the loopback, on any free port) or the address of a broker."""

    host: str
    port: int
    tls: bool = False
    embedded: bool = False


_BROKER = re.compile(r"(mqtts?)://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([1-9][0-9]{0,4}))?/?")


def _broker(value: object) -> Broker:
    if value == "embedded":
        return Broker("127.0.0.1", 0, embedded=True)
    found = _BROKER.fullmatch(value) if isinstance(value, str) else None
    if isinstance(value, str) and "@" in value:
        raise ValueError("no user name or password stands here; use username and password_file")
    if found is None or int(found[3] or 0) > 65535:
        raise ValueError('it takes "embedded", "mqtt://host:port" or "mqtts://host:port", port from 1 to 65535')
    tls = found[1] == "mqtts"
    return Broker(found[2].strip("[]"), int(found[3] or (8883 if tls else 1883)), tls)


class MqttKeys(Keys):
    broker: Annotated[Broker, PlainValidator(_broker), _takes("embedded, mqtt://host:port or mqtts://host:port")]
    username: Text | None = None
    password_file: FilePath | None = None
    ca_file: FilePath | None = None
    client_id: Text | None = None


class CardsKeys(Keys):
    key_file: FilePath
    tokens_file: FilePath


# -- devices ------------------------------------------------------------------------------------------------------


class _Device(Keys):
    id: DeviceId


class _Wired(_Device):
    link: LinkText


class EscposDevice(_Wired):
    """A ticket printer. `columns`: characters of half width to a line; `layout`: None is the one we ship."""

    driver: Literal["escpos"]
    columns: Annotated[int, _between(16, 64)] = 32
    layout: Annotated[FilePath | None, AfterValidator(_layout)] = None
    qr: Annotated[bool, _takes("true or false")] = True


_Addresses = Annotated[
    dict[Address, CounterId], _takes('bus address from 1 to 99 = counter id in quotes, as in { 1 = "1" }')
]


class Terminal68Device(_Wired):
    """Call terminals and raters on one bus: `addresses` and `raters` map bus addresses to counters."""

    driver: Literal["terminal68"]
    addresses: _Addresses = Field(default_factory=dict)
    raters: _Addresses = Field(default_factory=dict)
    repeat_ms: Annotated[int, _between(0, 5000, "milliseconds")] = 400


class BxDevice(_Wired):
    """A hall board. `width`, `line_height`: pixels; `x_unit`: what its frames count X and W in.

    `footer`: its last line shows who is soon to come and how long people will wait, in turn.
    """

    driver: Literal["bx"]
    model: Annotated[Literal["5k1", "5k2", "6k1", "6k2", "6k3"], _takes('"5k1", "5k2", "6k1", "6k2" or "6k3"')]
    lines: Annotated[int, _between(1, 16)] = 4
    width: Annotated[int, _between(16, 2048, "pixels")] = 128
    line_height: Annotated[int, _between(8, 128, "pixels")] = 16
    x_unit: Annotated[Literal["8px", "pixel", "pixel15"], _takes('"8px", "pixel" or "pixel15"')]
    footer: Annotated[bool, _takes("true or false")] = False
    dynamic_header: Annotated[Literal["length", "process"], _takes('"length" or "process"')] = "length"

    @model_validator(mode="before")
    @classmethod
    def _usual_x_unit(cls, data: Any) -> Any:
        return {"x_unit": X_UNIT.get(str(data.get("model")), "8px"), **data}


class VfdDevice(_Wired):
    """A window display. `brightness`: None leaves it as it is."""

    driver: Literal["vfd"]
    dialect: Annotated[Literal["epson", "cd5220", "dsp800"], _takes('"epson", "cd5220" or "dsp800"')]
    counter: CounterId
    brightness: Annotated[int | None, _between(1, 4)] = None


class CardReaderDevice(_Wired):
    """A reader of bank cards beside the ticket button `kiosk`; a card counts for a press `within` so many seconds."""

    driver: Literal["card-reader"]
    kiosk: DeviceId
    within: Annotated[float, _between(1, 300, "seconds")] = 30


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
    hold_off: Annotated[float, _between(0, 60, "seconds")] = 2
    screen: Annotated[bool, _takes("true or false")] = False


class VoiceDevice(_Device):
    """The voice of the hall. `languages`: empty is the branch's; `speed`: words a minute."""

    driver: Literal["voice"]
    player: Annotated[tuple[str, ...], PlainValidator(_command), _takes('a program, such as "aplay -q -"')] = (
        "aplay",
        "-q",
        "-",
    )
    languages: Annotated[
        list[Literal["zh", "en"]], AfterValidator(_each_once), _takes('a list of "zh" and "en"', min_length=1)
    ] = Field(default_factory=list)
    times: Annotated[int, _between(1, 3)] = 2
    backlog: Annotated[int, _between(1, 20)] = 6
    chime: Annotated[bool, _takes("true or false")] = True
    quiet: Annotated[tuple[QuietTime, ...], PlainValidator(_spans), _takes('local times "HH:MM-HH:MM"')] = ()
    yao: Annotated[bool, _takes("true or false")] = False
    clips: Annotated[DirectoryPath | None, AfterValidator(_clips)] = None
    speed: Annotated[int, _between(80, 300, "words a minute")] = 150


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


class Config(Keys):
    """The whole file."""

    branch: Annotated[BranchKeys, _takes("a [branch] table with id and name")]
    day: Annotated[DayKeys, _takes("a [day] table")] = DayKeys()
    journal: Annotated[JournalKeys, _takes("a [journal] table")] = JournalKeys()
    service: Annotated[list[ServiceKeys], _takes("at least one [[service]]", min_length=1)]
    classes: Annotated[dict[ClassId, ClassKeys], _takes("tables such as [class.vip]", alias="class")] = Field(
        default_factory=dict
    )
    calling: Annotated[CallingKeys, _takes("a [calling] table")] = CallingKeys()
    calendar: Annotated[CalendarKeys, _takes("a [calendar] table")] = CalendarKeys()
    profile: Annotated[dict[ClassId, ProfileKeys], _takes("tables such as [profile.pension]")] = Field(
        default_factory=dict
    )
    waiting: Annotated[WaitingKeys, _takes("a [waiting] table")] = WaitingKeys()
    appointment: Annotated[AppointmentKeys | None, _takes("an [appointment] table with slots")] = None
    question: Annotated[list[QuestionKeys], _takes("[[question]] tables, each with id, text and answers")] = Field(
        default_factory=list
    )
    counter: Annotated[list[CounterKeys], _takes("at least one [[counter]]", min_length=1)]
    mqtt: Annotated[MqttKeys, _takes("an [mqtt] table with broker")] | None = None
    cards: Annotated[CardsKeys, _takes("a [cards] table with key_file and tokens_file")] | None = None
    device: Annotated[
        list[Annotated[Device, Field(discriminator="driver")]], _takes("[[device]] tables, each with id and driver")
    ] = Field(default_factory=list)
