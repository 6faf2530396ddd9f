"""The voice of the hall: what is said next, how often, and what is not said any more. No sound and no I/O.

One announcement is under way at most. Each is said `times` times in a row; a key that is announced again while it
waits or is spoken begins anew instead of waiting twice; one that is withdrawn does not begin any more (a sentence that
has begun is finished). Beyond the backlog the oldest that waits is dropped: the boards still show it.

Sound cannot be seen to fail before something is played. So at the start, and after every failure, *trials* (silence
through the same programs) come first, with growing pauses, and calls wait until one has succeeded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from string import Formatter

from drivers.device import OK, Health

PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""The pauses a branch has: a card that is plugged in again is heard within half a minute."""
TRIES = 2
"""Failures after which an announcement is given up: it may be what the player cannot play."""

DIGITS = {
    "zh": "零一二三四五六七八九",
    "en": ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
}
YAO = "幺"
"""How 1 is said in Chinese where it must not be taken for 7 (一, 七)."""
PUNCTUATION = " ,.;:!，。；：！、"


# -- what is said --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a sentence: the name of its prepared clip, the text for a speaking program, whether it was spelled."""

    clip: str
    text: str
    spelled: bool = False


@dataclass(frozen=True, slots=True)
class Phrase:
    """A sentence in one language."""

    language: str
    pieces: tuple[Piece, ...]


def phrase(language: str, template: str, *, yao: bool = False, **blanks: str) -> Phrase:
    """A sentence whose blanks are spelled, letters and digits one by one; KeyError for a blank that is not given."""
    pieces: list[Piece] = []
    for fixed, blank, _, _ in Formatter().parse(template):
        if words := fixed.strip(PUNCTUATION):
            pieces.append(Piece(words, words))
        if blank is not None:
            pieces += [_letter(language, c, yao) for c in blanks[blank].upper() if c.isascii() and c.isalnum()]
    return Phrase(language, tuple(pieces))


def _letter(language: str, c: str, yao: bool) -> Piece:
    if yao and language == "zh" and c == "1":
        return Piece(YAO, YAO, True)
    return Piece(c, DIGITS[language][int(c)] if c.isdigit() else c, True)


def text_of(language: str, pieces: Sequence[Piece]) -> str:
    """Pieces as one text for a speaking program.

    In English a comma follows what is spelled: "A zero" would be read as an article, and a hall is noisy.
    """
    comma = "," if language == "en" else ""
    return " ".join(piece.text + (comma if piece.spelled else "") for piece in pieces)


# -- when ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be played now: an announcement (`first` time or again), or with an empty key a trial."""

    key: str
    phrases: tuple[Phrase, ...] = ()
    first: bool = False


TRIAL = Job("")


@dataclass(frozen=True, slots=True)
class Failing:
    """Nothing can be heard: `health` has the wording key, `reason` what the system or the program said."""

    health: Health
    reason: str


@dataclass(slots=True)
class _Call:
    key: str
    phrases: tuple[Phrase, ...]
    said: int = field(default=0)
    failures: int = field(default=0)


class Voice:
    """The queue. Each announcement is said `times` times; `backlog` may wait. ValueError if either is below 1.

    `pauses`: seconds from each failure in a row to the next trial; the last one repeats.
    """

    def __init__(self, *, times: int = 2, backlog: int = 6, pauses: Sequence[float] = PAUSES) -> None:
        if times < 1 or backlog < 1:
            raise ValueError("times and backlog are at least 1")
        self._times = times
        self._backlog = backlog
        self._pauses = pauses
        self._waiting: dict[str, _Call] = {}
        self._current: _Call | None = None
        self._job: Job | None = None
        self._trusted = False
        self._failures = 0
        self._unspoken = 0
        self._next_at = 0.0
        self._told: Health | None = None

    @property
    def keys(self) -> list[str]:
        """The announcements that have something to say yet, the one under way first."""
        current = [self._current.key] if self._current else []
        return [*current, *(key for key in self._waiting if key not in current)]

    def announce(self, key: str, phrases: Sequence[Phrase]) -> list[str]:
        """Say this `times` times, in its turn; the keys that had to be dropped for it."""
        if self._current and self._current.key == key:
            self._current = None  # what is left of it is said with this one
        self._waiting[key] = _Call(key, tuple(phrases))  # one that waits keeps its turn
        dropped = list(self._waiting)[: max(0, len(self._waiting) - self._backlog)]
        for old in dropped:
            del self._waiting[old]
        return dropped

    def withdraw(self, key: str) -> None:
        """Do not begin to say this any more; an unknown key is nothing."""
        self._waiting.pop(key, None)
        if self._current and self._current.key == key:
            self._current = None

    def hush(self) -> None:
        """Do not begin to say anything of all this any more."""
        self._waiting.clear()
        self._current = None

    # -- what is done with it ----------------------------------------------------------------------------------

    def next(self, now: float) -> Job | None:
        """What to play now, to be ended by `done` or `failed`; None while something is under way or nothing is due."""
        if self._job is not None or now < self._next_at:
            return None
        if not self._trusted:
            self._job = TRIAL
        elif self._waiting:
            self._current = call = self._waiting.pop(next(iter(self._waiting)))
            self._job = Job(call.key, call.phrases, first=call.said == 0)
        return self._job

    def done(self, now: float) -> Sequence[object]:
        """It was played to its end."""
        trial = self._job is TRIAL
        call = self._ended()
        self._trusted = True
        if call:
            call.said += 1
            if call.said < self._times:
                self._waiting = {call.key: call} | self._waiting
        if not trial:
            self._unspoken = 0
        if self._unspoken >= TRIES:
            return []  # silence succeeds and speech does not: only speech proves that all is well
        self._failures = 0
        if self._told == OK:
            return []
        self._told = OK
        return [OK]

    def failed(self, detail: str, reason: str, now: float) -> Sequence[object]:
        """It was not played, or not to its end; `detail` is a wording key. A new detail is a fact, once."""
        self._unspoken += self._job is not TRIAL
        call = self._ended()
        self._trusted = False
        self._next_at = now + self._pauses[min(self._failures, len(self._pauses) - 1)]
        self._failures += 1
        if call:
            call.failures += 1
            if call.failures < TRIES:
                self._waiting = {call.key: call} | self._waiting
        health = Health("degraded", detail)
        if self._told == health:
            return []
        self._told = health
        return [Failing(health, reason)]

    def next_deadline(self) -> float | None:
        """When `next` has something without being told of it; None: only when something is announced or has ended."""
        return None if self._job or (self._trusted and not self._waiting) else self._next_at

    def _ended(self) -> _Call | None:
        """Nothing is under way any more; the announcement that was, if it is still wanted."""
        call, self._current, self._job = self._current, None, None
        return call
