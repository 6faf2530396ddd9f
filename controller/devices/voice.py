"""Spoken calls in the hall: a call is announced only while its customer is expected at the counter."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PlainValidator

from controller.devices.kit import Adapter, Context, Fault, File, Kind, Table
from controller.devices.settings import DeviceSettings, DirectoryPath, ZoneId, between, takes
from controller.lobby.actions.call_next import TicketCalled
from controller.lobby.actions.recall import TicketRecalled
from controller.lobby.aggregate import Row
from controller.lobby.model.calendar import DAY, Span, second_of
from controller.lobby.model.rules import HallZone, Rules
from controller.lobby.model.state import Stage, State
from controller.lobby.model.wording import Wording
from drivers import sound
from drivers.device import Health
from drivers.voice import STALE, Failing, Phrase, Voice, phrase
from drivers.voice_session import Speaker, VoiceSession


def _clips(path: Path) -> Path:
    sound.read_clips(path)
    return path


_TIMES = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*-\s*(?:([01]?\d|2[0-3]):([0-5]\d)|24:00)")


def _quiet(value: object) -> tuple[Span, ...]:
    """Spans of the day, in order; one that ends before it begins passes midnight, and becomes two.

    ValueError, with a sentence for the installer, names them as they were written.
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


PLAYER = ("aplay", "-q", "-")
Quiet = Annotated[tuple[Span, ...], PlainValidator(_quiet), takes('local times "HH:MM-HH:MM"')]


class VoiceSettings(DeviceSettings):
    """Spoken calls. `zone`: only those of a part of the hall; `languages`: empty: the branch's; `speed`: words a
    minute."""

    driver: Literal["voice"]
    zone: ZoneId = ""
    player: Annotated[tuple[str, ...], PlainValidator(_command), takes('a program, such as "aplay -q -"')] = PLAYER
    languages: Annotated[
        list[Literal["zh", "en"]], AfterValidator(_each_once), takes('a list of "zh" and "en"', min_length=1)
    ] = Field(default_factory=list)
    times: Annotated[int, between(1, 3)] = 2
    backlog: Annotated[int, between(1, 20)] = 6
    chime: Annotated[bool, takes("true or false")] = True
    quiet: Quiet = ()
    yao: Annotated[bool, takes("true or false")] = False
    clips: Annotated[DirectoryPath | None, AfterValidator(_clips)] = None
    speed: Annotated[int, between(80, 300, "words a minute")] = 150

    @property
    def speaks(self) -> bool:
        return True

    def lacks_here(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        if not shutil.which(self.player[0]):
            yield ("player",), f"there is no program {self.player[0]}; install it, or name another"
        if not self.clips and not shutil.which("espeak-ng"):
            yield (), "there are no clips and no espeak-ng, so it cannot speak; install espeak-ng"


def speaks(table: Table) -> bool:
    """Whether a device speaks calls: a voice, or a board that has one."""
    return table.get("driver") == "voice" or (table.get("driver") == "bx" and "voice" in table)


def apart(table: Table, file: File) -> Iterator[Fault]:
    """A fault if a device before it would speak the same calls, or out of the same sound card."""
    zone, place = table.get("zone", ""), "zone" if "zone" in table else "driver"
    player = _player(table)
    for other in filter(speaks, file.before):
        id, its = other.get("id"), other.get("zone", "")
        if zone is None or its is None:
            continue  # wrong themselves
        if zone == its:
            whose, instead = (f'the voice of zone "{zone}"', "another zone") if zone else ("the voice", "each a zone")
            yield (place,), f'"{id}" is {whose} already, and two would talk at once; remove one, or give {instead}'
        elif "" in (zone, its):
            whole, part = (table.get("id"), id) if its else (id, table.get("id"))
            about = f'"{whole}" speaks the calls of every counter, "{part}" those of zone "{zone or its}"'
            yield (place,), f"{about}, and two would talk at once; give each a zone"
        elif player and player == _player(other):
            place = "player" if "player" in table else "driver"
            about = f'device "{id}" has the same player, and two would talk at once out of one sound card'
            yield (place,), f'{about}; give each its own, as "aplay -q -D plughw:1 -"'
        else:
            continue
        return


def _player(table: Table) -> tuple[str, ...] | None:
    """The program that plays for a voice; None: a board needs none, or it is wrong."""
    if table.get("driver") != "voice":
        return None
    player = table.get("player", PLAYER)
    return _command(player) if isinstance(player, str) else player


def of_zone(rules: Rules, zone: str) -> HallZone | None:
    """The part of the hall with this id, as it is configured now; None for the whole branch."""
    return rules.hall_zones[zone] if zone else None


def call(languages: Sequence[Wording], ticket: str, counter: str, *, yao: bool) -> list[Phrase]:
    """The call of a ticket, once in each language."""
    return [
        phrase(wording.language, wording.templates["voice.call"], yao=yao, ticket=ticket, counter=counter)
        for wording in languages
    ]


class VoiceAdapter(Adapter):
    """One voice, which speaks `languages` one after the other, or that one of them which the customer has chosen.

    `zone`: the part of the hall whose counters' calls it speaks; empty: all. `quiet`: whether these are quiet hours.
    """

    def __init__(
        self,
        id: str,
        voice: Voice,
        languages: Sequence[Wording],
        context: Context,
        flush: Callable[[], None],
        *,
        yao: bool,
        quiet: Callable[[], bool],
        zone: str = "",
    ) -> None:
        super().__init__(id, context)
        self._voice = voice
        self._languages = languages
        self._flush = flush
        self._yao = yao
        self._quiet = quiet
        self._zone = zone
        self._steady = context.steady
        self._counters: dict[str, str] = {}
        """Announced ticket -> the counter that it was called to, while it is expected there."""

    def heard(self, fact: object) -> None:
        match fact:
            case Failing(health, reason):
                self.context.health(self.id, health, reason)
            case Health():
                self.context.health(self.id, fact, "")

    def update(self, state: State) -> None:
        """Withdraw announcements of tickets that are no longer expected at their counters."""
        self._voice.set_quiet(self._quiet(), self._steady())
        gone = [ticket for ticket, counter in self._counters.items() if not _expected(state, ticket, counter)]
        for ticket in gone:
            self._voice.withdraw(ticket)
            del self._counters[ticket]

    def told(self, rows: Sequence[Row], state: State) -> None:
        now = self._steady()
        self._voice.set_quiet(self._quiet(), now)
        for row in rows:
            match row.event:
                case TicketCalled(ticket, counter) | TicketRecalled(ticket, counter):
                    if self._speaks_for(counter) and _expected(state, ticket, counter):
                        self._announce(state, ticket, now)
        self._flush()

    def restarted(self, state: State) -> None:
        """Announce current calls once, since the last run may have ended before it could.

        Prints, chimes and beeps are edges, which never come from a replay. This is a level, as on a board: who is
        expected at a counter. Older calls are left out: they have been heard, or are read on the displays.
        """
        now, steady = self.context.now(), self._steady()
        called = {
            ticket.id: (now - max(ticket.since, ticket.recalled_at)) / 1000
            for ticket in state.tickets.values()
            if ticket.stage is Stage.CALLED and self._speaks_for(ticket.counter)
        }
        self._voice.set_quiet(self._quiet(), steady)
        for ticket, age in sorted(called.items(), key=lambda each: -each[1]):
            if abs(age) <= STALE:  # below 0: the clock has been set back
                self._announce(state, ticket, steady - max(0.0, age), times=1)
        self._flush()

    def _speaks_for(self, counter: str) -> bool:
        zone = of_zone(self.context.rules, self._zone)
        return zone is None or counter in zone.counters

    def _announce(self, state: State, ticket: str, at: float, times: int | None = None) -> None:
        called = state.tickets[ticket]
        self._counters[ticket] = called.counter
        chosen = [wording for wording in self._languages if wording.language == called.language]
        phrases = call(chosen or self._languages, ticket, called.counter, yao=self._yao)
        for fact in self._voice.announce(ticket, phrases, at, times=times):
            self.heard(fact)


def _expected(state: State, ticket: str, counter: str) -> bool:
    called = state.tickets.get(ticket)
    return called is not None and called.stage is Stage.CALLED and called.counter == counter


def in_quiet(context: Context, spans: Sequence[Span]) -> Callable[[], bool]:
    """Whether the branch's clock is in one of these spans now."""

    def quiet() -> bool:
        second = second_of(context.rules.local(context.now()))
        return any(second in span for span in spans)

    return quiet


def _build(device: VoiceSettings, context: Context) -> Adapter:
    rules = context.rules
    names: list[str] = [*device.languages] or [rules.wording.language]
    languages = [context.wording(name) for name in names]
    voice = Voice(times=device.times, backlog=device.backlog)
    clips = sound.read_clips(device.clips) if device.clips else {}

    quiet = in_quiet(context, device.quiet)
    # Every digit, so that espeak-ng is tried if one has no clip, and a letter of a ticket.
    letters = rules.services[rules.default_service].prefix
    session = VoiceSession(
        voice,
        Speaker(clips, speed=device.speed, chime=device.chime),
        device.player,
        call(languages, f"{letters}0123456789", next(iter(rules.counters)), yao=device.yao),
        lambda fact: context.heard(device.id, fact),
        context.steady,
        quiet,
    )
    context.run(device.id, session)
    return VoiceAdapter(
        device.id,
        voice,
        languages,
        context,
        session.flush,
        yao=device.yao,
        quiet=quiet,
        zone=device.zone,
    )


KIND = Kind("voice", VoiceSettings, _build, apart, order=60)
