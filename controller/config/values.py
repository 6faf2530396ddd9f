"""The kinds of values that configuration keys take, and in words what each takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from difflib import get_close_matches
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
)

from controller.devices.settings import (
    Keys,
    between,
    made_by,
    takes,
)
from controller.lobby.model.calendar import (
    WEEKDAYS,
    DateRule,
    Week,
    parse_date_rule,
    parse_dates,
    parse_spans,
    parse_weekdays,
)
from controller.lobby.model.calendar import Span as Shift


def _day_time(value: object) -> timedelta:
    """A local time of day; ValueError, in words, if it is none."""
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


def _check_time(value: object) -> CheckTime:
    match value:
        case "before_opening" | "after_closing":
            return value
    try:
        (span,) = parse_spans(value) if isinstance(value, str) else ()
    except ValueError:
        raise ValueError('it takes "before_opening", "after_closing" or a part of the day, as "10:00-11:00"') from None
    return span


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


def _days(value: object) -> tuple[frozenset[date], ...]:
    if not isinstance(value, list) or len(value) > 400:
        raise ValueError('it takes a list of days, such as ["2026-10-01..2026-10-08"]')
    ranges = [parse_dates(str(text)) for text in value]
    return tuple(frozenset(first + timedelta(days=n) for n in range((last - first).days + 1)) for first, last in ranges)


def _date_rules(value: object) -> tuple[DateRule, ...]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts:
        raise ValueError('it takes rules for dates, such as ["13-16", "end", "fri", "2026-12-31"]')
    return tuple(parse_date_rule(str(text)) for text in texts)


_SLOTS = 'a list of slots, such as ["09:30-10:00", "10:00-10:30"]'


def _slots(value: object) -> Mapping[Shift, tuple[int, ...]]:
    if not isinstance(value, list) or not value or "closed" in value:
        raise ValueError(f"it takes {_SLOTS}")
    texts = [str(text) for text in value]
    entries: dict[Shift, tuple[int, ...]] = dict.fromkeys(parse_spans(" ".join(texts)), ())
    for n, text in enumerate(texts):
        try:
            entries |= dict.fromkeys(parse_spans(text), (n,))
        except ValueError:  # half of one, which makes sense with the next
            pass
    return entries


USUAL_NAMES = dict.fromkeys(
    (
        *("asia/beijing", "asia/peking", "asia/guangzhou", "asia/shenzhen", "asia/chengdu", "asia/wuhan", "china"),
        *(
            "beijing",
            "shanghai",
            "peking",
            "cst",
            "utc+8",
            "utc+08:00",
            "utc+0800",
            "gmt+8",
            "gmt+08:00",
            "+8",
            "+08:00",
        ),
        *("中国", "北京", "北京时间", "上海"),
    ),
    "Asia/Shanghai",
)
"""What people call the time of China, in small letters without blanks."""


def _zone(value: object) -> ZoneInfo:
    if not isinstance(value, str):
        raise ValueError('it takes the name of a time zone, such as "Asia/Shanghai"')
    try:
        return ZoneInfo(value)
    except (LookupError, ValueError, OSError):
        close = [USUAL_NAMES[key]] if (key := value.lower().replace(" ", "")) in USUAL_NAMES else []
        close = close or get_close_matches(value, available_timezones(), n=1)
        hint = f'did you mean "{close[0]}"?' if close else 'it takes a name such as "Asia/Shanghai"'
        raise ValueError(f'"{value}" is no time zone; {hint}') from None


Text = Annotated[str, takes("a text of 1 to 64 characters, in quotes", pattern=r"^[^\x00-\x1f\x7f]+$", max_length=64)]
ServiceId = Annotated[str, takes('small letters, digits, "-" or "_", in quotes', pattern=r"^[a-z0-9_-]{1,32}$")]
ClassId = Annotated[str, takes('small letters, digits, "-" or "_"', pattern=r"^[a-z0-9_-]{1,32}$")]
Minutes = Annotated[float, between(0, 1440, "minutes")]
Weight = Annotated[float, between(0, 1_000_000, "a number")]
DayTime = Annotated[timedelta, made_by(_day_time)]
Zone = Annotated[ZoneInfo, made_by(_zone)]
Shifts = Annotated[tuple[Shift, ...], made_by(_shifts)]
OneShift = Annotated[Shift, made_by(_shift)]
CheckTime = Literal["before_opening", "after_closing"] | Shift
"""When a check list is to be done: see `controller.record.actions.checks`."""
CheckWhen = Annotated[
    CheckTime, made_by(_check_time), takes('"before_opening", "after_closing" or a part of the day, as "10:00-11:00"')
]
Slots = Annotated[Mapping[Shift, tuple[int, ...]], made_by(_slots), takes(_SLOTS)]
"""Slots in order, each with the index of the entry that names it; with none where two entries do together."""
DateRules = Annotated[tuple[DateRule, ...], made_by(_date_rules)]
WeekHours = Annotated[Week, made_by(_week)]
Days = Annotated[tuple[frozenset[date], ...], made_by(_days)]
"""Of each entry, its days."""


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
    """A share of the arrivals, by profile, the branch's own among them; a profile not named has the normal one's."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)
    __pydantic_extra__: dict[str, Weight] = Field(init=False)

    normal: Weight
    busy: Weight | None = None
    pension: Weight | None = None

    def on(self, profile: str) -> float:
        """The share on a day of that profile."""
        found: float | None = self.model_dump().get(profile)
        return self.normal if found is None else found


Name = Annotated[
    Names,
    BeforeValidator(lambda value: {"zh": value, "en": value} if isinstance(value, str) else value),
    AfterValidator(_named),
    takes('a text, or by language { zh = "..", en = ".." }'),
]
Shares = Annotated[
    Share,
    BeforeValidator(lambda value: {"normal": value} if isinstance(value, int | float) else value),
    takes("a number from 0, or by profile { normal = 60, busy = 60, pension = 75 }"),
]
