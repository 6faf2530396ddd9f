"""The questions of `lobby setup`: what an answer means, what is usual, and in one sentence what is wrong with one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar
from zoneinfo import ZoneInfo

from controller.lobby.model.calendar import parse_spans
from controller.lobby.model.wording import Wording

T = TypeVar("T")

MOST_COUNTERS = 60
CLOSED = "closed"
USUAL_ZONE = "Asia/Shanghai"


class WrongError(ValueError):
    """An answer does not fit. `key`: of the sentence, in the wording's section `setup.wrong`; `about`: its blanks."""

    def __init__(self, key: str, **about: object) -> None:
        super().__init__(key)
        self.key = key
        self.about = about


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """A question in the installer's language. `id`: of its kind, the same in every language; `why`: one line beside it;
    `default`: what an empty answer means; `choices`: (value, what it is called), if there are only these. `read`: what
    an answer means; WrongError says what is wrong with it."""

    id: str
    text: str
    why: str
    default: str
    read: Callable[[str], T]
    choices: Sequence[tuple[str, str]] = ()


class Door(Protocol):
    """How questions reach a person: a terminal, or a page. `welcome`: of what is said first, a key of `setup.say`."""

    welcome: str

    def speak(self, words: Wording) -> None:
        """From now on in this language."""

    async def ask(self, question: Question[Any], wrong: str) -> str:
        """What a person answers, as it was typed; `wrong`: what was wrong with the answer before. May be cancelled."""

    def say(self, text: str) -> None:
        """Say one line."""

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show a table."""

    def file(self, name: str, text: str) -> None:
        """Show what a file will hold."""


def plain(text: str) -> str:
    """An answer as it would be typed without an input method: full-width characters become their plain twins."""
    return unicodedata.normalize("NFKC", text).replace("、", ",").replace("~", "-").replace("—", "-").strip()


# -- what answers mean ---------------------------------------------------------------------------------------------


def a_name(text: str) -> str:
    """The branch's name."""
    if not 1 <= len(text) <= 64 or not text.isprintable():
        raise WrongError("name")
    return text


def an_id(text: str) -> str:
    """The branch's id."""
    if not re.fullmatch(r"[a-z0-9-]{1,32}", plain(text)):
        raise WrongError("id")
    return plain(text)


def hours(text: str) -> str:
    """Times of a day."""
    said = re.sub(r"\s*,\s*|\s+", " ", re.sub(r"\s*-\s*", "-", plain(text).lower()))
    if said in (CLOSED, "关闭", "不营业", "休息"):
        return CLOSED
    try:
        spans = parse_spans(said)
    except ValueError:
        raise WrongError("hours") from None
    if not spans:
        raise WrongError("hours")
    return said


def open_hours(text: str) -> str:
    """Times of a day on which it is open."""
    if (said := hours(text)) == CLOSED:
        raise WrongError("hours")
    return said


def number(low: int, high: int) -> Callable[[str], int]:
    """A number between two limits."""

    def read(text: str) -> int:
        said = plain(text)
        if not said.isdecimal() or not low <= int(said) <= high:
            raise WrongError("number", low=low, high=high)
        return int(said)

    return read


def one_of(choices: Sequence[tuple[str, str]]) -> Callable[[str], str]:
    """One of several, by its value, its name or its place in the list."""

    def read(text: str) -> str:
        said = plain(text).casefold()
        for value, label in choices:
            if said in (value.casefold(), plain(label).casefold()):
                return value
        if said.isdecimal() and 1 <= int(said) <= len(choices):
            return choices[int(said) - 1][0]
        raise WrongError("choice", choices=", ".join(value for value, _ in choices))

    return read


def yes_or_no(words: Wording) -> tuple[Sequence[tuple[str, str]], Callable[[str], bool]]:
    """The choices of a question that is answered yes or no, and what an answer means."""
    choices = [(each, words.say(f"setup.answer.{each}")) for each in ("yes", "no")]
    read = one_of(choices)

    def meant(text: str) -> bool:
        said = plain(text).casefold()
        return read({"y": "yes", "n": "no"}.get(said, said)) == "yes"

    return choices, meant


@dataclass(frozen=True, slots=True)
class Service:
    """A service as it was answered. `known`: it is one of those that most branches have, by its place among them."""

    name: str
    prefix: str
    known: int | None = None


KNOWN = ("cash", "personal", "corporate")
"""The ids of the services that most branches have, in the order of the wording's `setup.default.services`."""


def services(known: Sequence[Sequence[str]]) -> Callable[[str], list[Service]]:
    """A list such as "Cash A, Personal B". `known`: the names of the usual services, in each language."""

    def read(text: str) -> list[Service]:
        found: list[Service] = []
        for part in filter(None, (part.strip() for part in re.split(r"[,，;；、]", text))):
            said = re.fullmatch(r"(.{1,64}?)[\s=＝:：]+([A-Za-z0-9]{1,4})", part)
            if said is None:
                raise WrongError("service", text=part[:40])
            name, prefix = said[1], said[2].upper()
            if any(prefix == other.prefix or name == other.name for other in found):
                raise WrongError("service_twice", text=part[:40])
            place = next((names.index(name) for names in known if name in names), None)
            found.append(Service(name, prefix, place))
        if not 1 <= len(found) <= 20:
            raise WrongError("services")
        return found

    return read


def tables_of(answered: Sequence[Service], known: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """The tables of services. `known`: language -> the names of the usual ones, which get their name in each."""
    made: list[dict[str, Any]] = []
    for n, service in enumerate(answered):
        name: Any = service.name
        id = f"service-{service.prefix.lower()}"
        if service.known is not None:
            id = KNOWN[service.known]
            name = {language: names[service.known] for language, names in known.items()}
        keys = {"key": n + 1} if n < 9 else {}
        made.append({"id": id, "name": name, "prefix": service.prefix, **keys})
    return made


def serves(prefixes: Mapping[str, str], unserved: Sequence[str]) -> Callable[[str], list[str]]:
    """The services of a counter by their prefixes. `prefixes`: prefix -> service; `unserved`: those that must be among
    them, since no other counter is left."""

    def read(text: str) -> list[str]:
        said = [part.upper() for part in re.split(r"[\s,;+]+", plain(text)) if part]
        if not said or any(part not in prefixes for part in said):
            raise WrongError("prefixes", prefixes=" ".join(prefixes))
        chosen = [service for prefix, service in prefixes.items() if prefix in said]
        if missing := [prefix for prefix, service in prefixes.items() if service in unserved and service not in chosen]:
            raise WrongError("unserved", prefixes=" ".join(missing))
        return chosen

    return read


def counter_of(counters: Sequence[str], *, may_be_none: bool) -> Callable[[str], str]:
    """One of the counters; "-": none."""

    def read(text: str) -> str:
        said = plain(text)
        if may_be_none and said == "-":
            return ""
        if said not in counters:
            raise WrongError("counter", counters=", ".join(counters))
        return said

    return read


def addresses(counters: Sequence[str]) -> Callable[[str], dict[int, str]]:
    """Bus addresses and their counters, such as "1=1 2=2"."""

    def read(text: str) -> dict[int, str]:
        found: dict[int, str] = {}
        for part in plain(text).replace(",", " ").split():
            said = re.fullmatch(r"([0-9]{1,3})=(.+)", part)
            if said is None or said[2] not in counters or int(said[1]) in found:
                raise WrongError("addresses", counters=", ".join(counters))
            found[int(said[1])] = said[2]
        if not found:
            raise WrongError("addresses", counters=", ".join(counters))
        return found

    return read


# -- what they usually are -----------------------------------------------------------------------------------------


def is_bare(environment: Mapping[str, str]) -> bool:
    """Whether the terminal is the machine's own console, which has no Chinese characters."""
    return environment.get("TERM") == "linux"


def usual_language(environment: Mapping[str, str]) -> str:
    """By the locale."""
    said = next((environment[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(name)), "")
    return "en" if said.lower().startswith("en") else "zh"


def usual_zone(root: Path) -> str:
    """The machine's time zone, unless nobody has set one."""
    try:
        _, _, name = str((root / "etc/localtime").readlink()).partition("zoneinfo/")
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        return USUAL_ZONE
    return USUAL_ZONE if name in ("", "UTC", "UCT", "GMT", "Universal", "Zulu") or name.startswith("Etc/") else name
