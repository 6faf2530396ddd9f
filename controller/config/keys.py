"""The configuration's keys: their types, limits and defaults, and in words what each takes.

A `description` completes the sentence "it takes .." of an error message. Durations are in the unit that the installer
writes: minutes, unless the key says otherwise. `controller.config.branch` converts them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from ipaddress import ip_address
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args, get_origin
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, ValidationInfo

from controller.config.values import (
    CheckWhen,
    ClassId,
    DateRules,
    Days,
    DayTime,
    Minutes,
    Name,
    Names,
    OneShift,
    ServiceId,
    Share,
    Shares,
    Shifts,
    Slots,
    Text,
    WeekHours,
    Weight,
    Zone,
)
from controller.devices.kit import kinds
from controller.devices.settings import (
    CounterId,
    DeviceSettings,
    FilePath,
    Keys,
    Reading,
    beside,
    between,
    made_by,
    takes,
)
from controller.lobby.model.emergency import FAILURES, Failure
from controller.lobby.model.rules import Color, Icon


class BranchKeys(Keys):
    id: Annotated[str, takes('small letters, digits or "-", in quotes', pattern=r"^[a-z0-9-]{1,32}$")]
    name: Text
    timezone: Zone = ZoneInfo("Asia/Shanghai")
    language: Annotated[Literal["zh", "en"], takes('"zh" or "en"')] = "zh"
    default_service: ServiceId | None = None


class DayKeys(Keys):
    rollover: DayTime = timedelta(hours=3)


class JournalKeys(Keys):
    path: FilePath = Path("/var/lib/lobby/lobby.db")


class CalendarKeys(Keys):
    """When tickets are given. Without `hours`, at any time but on holidays."""

    hours: WeekHours | None = None
    last_ticket: Minutes = 0
    holidays: Days = ()
    workdays: Days = ()


class ProfileKeys(Keys):
    """A kind of day; keys that are not given keep the values of a built-in one."""

    when: DateRules | None = None
    hours: OneShift | None = None
    arrivals: Annotated[
        list[Weight] | None, takes("a list of customers an hour, one for each hour of hours", min_length=1)
    ] = None
    burst: Annotated[
        list[Annotated[int, between(0, 1000)]] | None,
        takes("the least and the most who wait at the door, such as [35, 60]", min_length=2, max_length=2),
    ] = None
    staff: dict[CounterId, Shifts] | None = None


class WaitingKeys(Keys):
    target: Annotated[float, takes("minutes above 0, to 240", gt=0, le=240)] = 15


class AppointmentKeys(Keys):
    slots: Slots
    places: Annotated[int | None, between(1, 1000)] = None
    grace: Minutes = 10
    early: Minutes = 10


class AnswerKeys(Keys):
    id: ServiceId
    text: Name
    question: ServiceId | None = None
    service: ServiceId | None = None
    advice: Name | None = None
    klass: Annotated[ClassId | None, takes('small letters, digits, "-" or "_"', alias="class")] = None


class QuestionKeys(Keys):
    id: ServiceId
    text: Name
    answers: Annotated[list[AnswerKeys], takes("tables such as { id, text, service }", min_length=1, max_length=20)]


class ServiceKeys(Keys):
    id: ServiceId
    name: Name
    prefix: Annotated[str, takes('at most 4 letters or digits, in quotes, such as "A"', pattern=r"^[A-Za-z0-9]{0,4}$")]
    digits: Annotated[int, between(2, 6)] = 3
    key: Annotated[int | None, between(0, 9, "a digit")] = None
    minutes: Annotated[float, takes("minutes above 0, to 480", gt=0, le=480)] = 5
    share: Shares = Share(normal=1)
    group: ServiceId | None = None
    hours: WeekHours | None = None
    last_ticket: Minutes | None = None
    quota: Annotated[int | None, between(1, 100_000)] = None
    overflow: Annotated[bool, takes("true or false")] = False
    icon: Annotated[Icon | None, takes(f"one of {', '.join(get_args(Icon))}, in quotes")] = None
    color: Annotated[Color | None, takes(f"one of {', '.join(get_args(Color))}, in quotes")] = None


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
    pass_limit: Annotated[int, between(1, 100)] = 5
    call_grace: Annotated[float, between(0, 10, "seconds")] = 1.5
    confirm_finish: Annotated[float, between(0, 60, "seconds")] = 5
    undo_within: Annotated[int, between(0, 120, "seconds")] = 10
    recalls: Annotated[int, between(0, 20)] = 3
    recall_gap: Annotated[float, between(0, 600, "seconds")] = 20
    return_within: Minutes = 15
    return_penalty: Minutes = 5
    returns: Annotated[int, between(0, 20)] = 2


class CounterKeys(Keys):
    id: CounterId
    serves: Annotated[
        dict[str, Minutes], takes("service = handicap in minutes from 0 to 1440, as in { cash = 0 }", min_length=1)
    ]
    class_handicap: Annotated[
        dict[str, Minutes], takes("class = handicap in minutes from 0 to 1440, as in { normal = 10 }")
    ] = Field(default_factory=dict)


class PlanKeys(Keys):
    """A counter has a profile by the calendar, in these hours on days of this kind (all kinds, if none is given)."""

    counter: CounterId
    hours: OneShift
    day: ClassId | None = None


class CounterProfileKeys(Keys):
    """A named set of what a counter serves, in place of its own."""

    id: ServiceId
    name: Name
    key: Annotated[int | None, between(1, 9, "a digit")] = None
    serves: Annotated[
        dict[str, Minutes], takes("service = handicap in minutes from 0 to 1440, as in { cash = 0 }", min_length=1)
    ]
    counters: Annotated[list[CounterId], takes('a list of counters, such as ["1", "2"]')] = Field(default_factory=list)
    plan: Annotated[
        list[PlanKeys], takes('tables such as { counter = "2", hours = "09:00-11:30", day = "pension" }')
    ] = Field(default_factory=list)


class PauseKeys(Keys):
    """What a digit that is typed with PAUSE means, and how long that usually takes."""

    key: Annotated[int, between(1, 8, "a digit")]
    name: Name
    minutes: Minutes = 0


class ClerkKeys(Keys):
    """A clerk's staff number, and the alias for it: numbers are in no journal, on no page and in no topic.
    `breaks`: when the clerk is planned to be away, on every day."""

    number: Annotated[str, takes('1 to 6 digits, in quotes, such as "4711"', pattern=r"^[0-9]{1,6}$")]
    alias: Annotated[str, takes("at most 16 characters, and no person's name or number", pattern=r"^.{1,16}$")]
    breaks: Shifts = ()


class RollKeys(Keys):
    """A roll of numbers printed on paper in advance, for emergencies; without `service`, for any."""

    prefix: Annotated[str, takes('1 to 4 letters or digits, in quotes, such as "X"', pattern=r"^[A-Za-z0-9]{1,4}$")]
    first: Annotated[int, takes("a whole number from 0 to 999999", ge=0, le=999_999, alias="from")]
    to: Annotated[int, between(0, 999_999)]
    digits: Annotated[int, between(2, 6)] = 3
    key: Annotated[int | None, between(0, 9, "a digit")] = None
    service: ServiceId | None = None


STEP = 200
"""Most characters of a step of a plan."""


class PlanStepKeys(Keys):
    """A step by language."""

    zh: Annotated[str | None, takes(f"a text of 1 to {STEP} characters, in quotes", min_length=1, max_length=STEP)] = (
        None
    )
    en: Annotated[str | None, takes(f"a text of 1 to {STEP} characters, in quotes", min_length=1, max_length=STEP)] = (
        None
    )

    def spoken(self, language: str) -> str:
        """The step in `language`, else in the other."""
        return (self.zh or self.en or "") if language == "zh" else (self.en or self.zh or "")


PlanStep = Annotated[
    PlanStepKeys,
    BeforeValidator(lambda value: {"zh": value, "en": value} if isinstance(value, str) else value),
    takes('a text, or by language { zh = "..", en = ".." }'),
]


class EmergencyPlanKeys(Keys):
    """What is to be done in a failure, where that is not what the program says by itself."""

    failure: Annotated[Failure, takes(f"one of {', '.join(FAILURES)}, in quotes")]
    notice: Name | None = None
    steps: Annotated[
        list[PlanStep] | None,
        takes("a list of 1 to 12 texts, each by language or one for both", min_length=1, max_length=12),
    ] = None
    roll: Annotated[bool | None, takes("true or false")] = None


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


CREDENTIAL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
"""The name of a credential."""


def _handed_over(value: object, info: ValidationInfo) -> object:
    """A name that is one of the credentials with which systemd has started this program, else a path beside the file.

    Source: systemd.exec(5), "Credentials": they are files in $CREDENTIALS_DIRECTORY, for the service's user alone.
    """
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if directory and isinstance(value, str) and CREDENTIAL.fullmatch(value):
        path = Path(directory, value)
        if path.is_file():
            if isinstance(info.context, Reading):
                info.context.keep(value, path)
            return path
    return beside(value, info)


SecretPath = Annotated[
    Path, BeforeValidator(_handed_over), takes("the path of a file or the name of a credential, in quotes")
]


class MqttKeys(Keys):
    broker: Annotated[Broker, made_by(_broker), takes("embedded, mqtt://host:port or mqtts://host:port")]
    username: Text | None = None
    password_file: SecretPath | None = None
    ca_file: FilePath | None = None
    client_id: Text | None = None
    home_assistant: (
        Annotated[
            str,
            takes(
                'its discovery prefix, such as "homeassistant", in quotes',
                max_length=64,
                pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$",
            ),
        ]
        | None
    ) = None


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the screens are served."""

    host: str
    port: int


def _listen(value: object) -> Listen:
    found = re.fullmatch(r"([0-9.]+|\[[0-9A-Fa-f:]+\]|localhost):([1-9][0-9]{0,4})", str(value))
    if found is None or int(found[2]) > 65535:
        raise ValueError('it takes an address of this machine and a port from 1 to 65535, such as "127.0.0.1:8080"')
    host = "127.0.0.1" if found[1] == "localhost" else found[1].strip("[]")
    try:
        ip_address(host)
    except ValueError:
        raise ValueError(f'"{host}" is no address; use 127.0.0.1 for this machine alone, 0.0.0.0 for all') from None
    return Listen(host, int(found[2]))


def _url(value: object) -> str:
    if not re.fullmatch(r"https?://([A-Za-z0-9.-]{1,200}|\[[0-9A-Fa-f:]+\])(:[1-9][0-9]{0,4})?", str(value)):
        raise ValueError('it takes an address such as "https://lobby.example.org", without a path')
    return str(value)


class WebKeys(Keys):
    """The screens. `url` is where others reach them, when that is not where they are served."""

    listen: Annotated[Listen, made_by(_listen), takes('"address:port"')] = Listen("127.0.0.1", 8080)
    url: Annotated[str | None, made_by(_url), takes("an address without a path")] = None
    accounts: FilePath | None = None
    certificate: FilePath | None = None
    key: FilePath | None = None


class ZoneKeys(Keys):
    """A part of the hall. Without `counters`, those whose own work one of its services is; without `services`, those
    that are own work of one of its counters."""

    id: ServiceId
    name: Name
    counters: Annotated[list[CounterId] | None, takes("a list of counters' ids", min_length=1)] = None
    services: Annotated[list[ServiceId] | None, takes("a list of services' ids", min_length=1)] = None
    televisions: Annotated[list[Text], takes('a list of accounts, as in ["tv-west"]')] = Field(default_factory=list)


class TelevisionKeys(Keys):
    """What televisions show besides the calls."""

    media: FilePath | None = None
    seconds: Annotated[int, between(3, 600, "seconds")] = 12
    sound: Annotated[bool, takes("true or false")] = False


class PrivacyKeys(Keys):
    """How long what people type is kept: `lobby purge` deletes what is past it. Rows of the journal stay."""

    remarks: Annotated[int, between(1, 3650, "days")] = 90
    kinds: Annotated[
        dict[str, Annotated[int, between(1, 3650, "days")]],
        takes("kind of row = days from 1 to 3650, as in { note_left = 30 }"),
    ] = Field(default_factory=dict)


WEBHOOK_ID = r"^[a-z0-9-]{1,32}$"
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def _receiver(value: object) -> str:
    """The address of a receiver: encrypted, or on this machine; no secret stands in it."""
    text = str(value)
    found = re.fullmatch(r"(https?)://([A-Za-z0-9.-]{1,200}|\[[0-9A-Fa-f:]+\])(:[1-9][0-9]{0,4})?(/[!-~]*)?", text)
    if isinstance(value, str) and "@" in value.partition("://")[2].partition("/")[0]:
        raise ValueError("no user name or password stands here; the receiver knows us by the signature")
    if found is None or "?" in text or "#" in text or int((found[3] or ":0")[1:]) > 65535:
        raise ValueError('it takes an address such as "https://crm.example.com/lobby", without ? and #')
    if found[1] == "http" and found[2] not in _LOOPBACK:
        raise ValueError("it takes https://, since everybody on the way could read it; http only on this machine")
    return text


def _proxy(value: object) -> str:
    if not re.fullmatch(r"http://([A-Za-z0-9.-]{1,200}|\[[0-9A-Fa-f:]+\]):[1-9][0-9]{0,4}", str(value)):
        raise ValueError('it takes a proxy such as "http://proxy.example.com:3128"')
    return str(value)


class WebhookKeys(Keys):
    """Another system that is sent the journal's rows, signed, at least once and in order."""

    id: Annotated[str, takes('small letters, digits or "-", in quotes', pattern=WEBHOOK_ID)]
    url: Annotated[str, made_by(_receiver), takes("an https:// address")]
    secret_file: SecretPath
    kinds: Annotated[list[Text], takes('a list of kinds of rows, such as ["ticket_called"]')] = Field(
        default_factory=list
    )
    after_start: Annotated[bool, takes("true or false")] = True
    people: Annotated[bool, takes("true or false")] = False
    ca_file: FilePath | None = None
    proxy: Annotated[str | None, made_by(_proxy), takes("a proxy's address")] = None


class NotifyKeys(Keys):
    """Another system's page, at which customers can have a message sent to them when they are called."""

    url: Annotated[str, made_by(_receiver), takes("an https:// address")]
    key_file: SecretPath


class CardsKeys(Keys):
    key_file: FilePath
    tokens_file: FilePath


class ThingKeys(Keys):
    """A thing that may break and that the controller cannot see, or more about a device of this file, by its id.
    `deadline`: in how many working hours it must be repaired; `affects`: services that cannot be had meanwhile;
    `hall`: whether customers are told that it is out of order."""

    id: Annotated[str, takes('small letters, digits, "." or "-", in quotes', pattern=r"^[a-z0-9.-]{1,32}$")]
    name: Name | None = None
    deadline: Annotated[float | None, takes("working hours above 0, to 1000", gt=0, le=1000)] = None
    affects: Annotated[list[ServiceId], takes('a list of services, as in ["cash"]')] = Field(default_factory=list)
    hall: Annotated[bool, takes("true or false")] = True


class RepairsKeys(Keys):
    """When a device's trouble becomes a repair. `after`: minutes; `deadlines`: working hours by driver."""

    after: Annotated[float, takes("minutes from 0 to 1440", ge=0, le=1440)] = 10
    deadline: Annotated[float, takes("working hours above 0, to 1000", gt=0, le=1000)] = 24
    deadlines: Annotated[
        dict[str, Annotated[float, takes("working hours above 0, to 1000", gt=0, le=1000)]],
        takes("driver = working hours, as in { escpos = 4 }"),
    ] = Field(default_factory=lambda: {"escpos": 4.0})
    remind: Annotated[float, takes("hours from 0.5 to 100", ge=0.5, le=100)] = 1


class AlarmsKeys(Keys):
    """What the lobby manager is called for. `wait`: minutes that nobody may wait longer, by default twice the target;
    `paused`: minutes that a counter may pause while its own customers wait; `disk`: percent that must be free;
    `clock`: whether one that no time server sets is told of."""

    wait: Annotated[float | None, takes("minutes from 1 to 480", ge=1, le=480)] = None
    paused: Annotated[float, takes("minutes from 0 to 480", ge=0, le=480)] = 15
    disk: Annotated[float, takes("percent from 0 to 50", ge=0, le=50)] = 5
    clock: Annotated[bool, takes("true or false")] = True
    hall: Annotated[bool, takes("true or false")] = False


class CheckItemKeys(Keys):
    """What is looked at. `sees`: devices whose working ticks it; `thing`: what a fault of it is a fault of, by default
    the first of these devices, or the item itself."""

    id: ServiceId
    name: Name
    sees: Annotated[list[str], takes('a list of devices, as in ["printer"]')] = Field(default_factory=list)
    thing: str | None = None


class ChecklistKeys(Keys):
    """What is checked in one go. `minutes`: how long before opening or after closing it takes at most."""

    id: ServiceId
    name: Name
    when: CheckWhen
    minutes: Annotated[float, takes("minutes from 5 to 480", ge=5, le=480)] = 60
    items: Annotated[
        list[CheckItemKeys], takes('tables such as { id = "water", name = "Water" }', min_length=1, max_length=40)
    ]


class ComplaintsKeys(Keys):
    """Opinions and complaints. `answer_within`: minutes of working time until the first answer; `causes`: what they may
    be about, in place of those that come with the program; `form`: whether customers may write at /opinion."""

    answer_within: Annotated[float, takes("minutes from 1 to 1440", ge=1, le=1440)] = 30
    causes: Annotated[
        dict[ServiceId, Name],
        takes('code = name, as in { waiting = { zh = "等候时间", en = "Waiting" } }', max_length=20),
    ] = Field(default_factory=dict)
    form: Annotated[bool, takes("true or false")] = True


class HandoutsKeys(Keys):
    """Referral cards, care cards and service booklets. `needs`: what they may be handed out for, in place of those that
    come with the program."""

    needs: Annotated[
        dict[ServiceId, Name], takes('code = name, as in { loan = { zh = "贷款", en = "Loans" } }', max_length=20)
    ] = Field(default_factory=dict)


class SatisfactionKeys(Keys):
    """Ratings. `within`: hours after the service in which it can be rated at the ticket's page; `by_counter`: whether
    the record shows figures by counter."""

    within: Annotated[float, takes("hours above 0, to 24", gt=0, le=24)] = 4
    by_counter: Annotated[bool, takes("true or false")] = False


if TYPE_CHECKING:
    Device = DeviceSettings
else:
    Device = Annotated[reduce(or_, (kind.settings for kind in kinds().values())), Field(discriminator="driver")]
"""The table of any kind of device that is installed."""


class Config(Keys):
    """The whole file."""

    branch: Annotated[BranchKeys, takes("a [branch] table with id and name")]
    day: Annotated[DayKeys, takes("a [day] table")] = DayKeys()
    journal: Annotated[JournalKeys, takes("a [journal] table")] = JournalKeys()
    service: Annotated[list[ServiceKeys], takes("at least one [[service]]", min_length=1)]
    classes: Annotated[dict[ClassId, ClassKeys], takes("tables such as [class.vip]", alias="class")] = Field(
        default_factory=dict
    )
    calling: Annotated[CallingKeys, takes("a [calling] table")] = CallingKeys()
    calendar: Annotated[CalendarKeys, takes("a [calendar] table")] = CalendarKeys()
    profile: Annotated[dict[ClassId, ProfileKeys], takes("tables such as [profile.pension]")] = Field(
        default_factory=dict
    )
    waiting: Annotated[WaitingKeys, takes("a [waiting] table")] = WaitingKeys()
    appointment: Annotated[AppointmentKeys | None, takes("an [appointment] table with slots")] = None
    question: Annotated[list[QuestionKeys], takes("[[question]] tables, each with id, text and answers")] = Field(
        default_factory=list
    )
    counter: Annotated[list[CounterKeys], takes("at least one [[counter]]", min_length=1)]
    counter_profile: Annotated[
        list[CounterProfileKeys], takes("[[counter_profile]] tables, each with id, name and serves")
    ] = Field(default_factory=list)
    pause: Annotated[list[PauseKeys], takes("[[pause]] tables, each with key and name")] = Field(default_factory=list)
    clerk: Annotated[list[ClerkKeys], takes("[[clerk]] tables, each with number and alias")] = Field(
        default_factory=list
    )
    roll: Annotated[list[RollKeys], takes("[[roll]] tables, each with prefix, from and to")] = Field(
        default_factory=list
    )
    emergency_plan: Annotated[
        list[EmergencyPlanKeys], takes("[[emergency_plan]] tables, each with failure and what changes")
    ] = Field(default_factory=list)
    mqtt: Annotated[MqttKeys, takes("an [mqtt] table with broker")] | None = None
    web: Annotated[WebKeys, takes("a [web] table")] | None = None
    zone: Annotated[list[ZoneKeys], takes("[[zone]] tables, each with id, name and counters or services")] = Field(
        default_factory=list
    )
    television: Annotated[TelevisionKeys, takes("a [television] table")] | None = None
    cards: Annotated[CardsKeys, takes("a [cards] table with key_file and tokens_file")] | None = None
    thing: Annotated[list[ThingKeys], takes("[[thing]] tables, each with id and name")] = Field(default_factory=list)
    repairs: Annotated[RepairsKeys, takes("a [repairs] table")] = RepairsKeys()
    alarms: Annotated[AlarmsKeys, takes("an [alarms] table")] = AlarmsKeys()
    privacy: Annotated[PrivacyKeys, takes("a [privacy] table")] = PrivacyKeys()
    webhook: Annotated[list[WebhookKeys], takes("[[webhook]] tables, each with id, url and secret_file")] = Field(
        default_factory=list
    )
    notify: Annotated[NotifyKeys, takes("a [notify] table with url and key_file")] | None = None
    checklist: Annotated[
        list[ChecklistKeys], takes("[[checklist]] tables, each with id, name, when and items", max_length=20)
    ] = Field(default_factory=list)
    complaints: Annotated[ComplaintsKeys, takes("a [complaints] table")] = ComplaintsKeys()
    handouts: Annotated[HandoutsKeys, takes("a [handouts] table")] = HandoutsKeys()
    satisfaction: Annotated[SatisfactionKeys, takes("a [satisfaction] table")] = SatisfactionKeys()
    device: Annotated[list[Device], takes("[[device]] tables, each with id and driver")] = Field(default_factory=list)


TABLES_OF_MANY = tuple(name for name, field in Config.model_fields.items() if get_origin(field.annotation) is list)
"""The tables of which there may be several: `[[device]]`."""
