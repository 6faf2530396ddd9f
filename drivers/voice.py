"""The queue of spoken calls: what is announced next, how often, and what is no longer announced. No sound and no I/O.

At most one announcement is under way. Each is spoken once before any is repeated: those spoken less often come first,
and among these the one called first. A key that is announced again while it is queued or spoken restarts instead of
being queued twice, and keeps its place if it was not spoken yet; one that is withdrawn is not started any more (a
sentence that has begun is finished).

A call that is more than `stale` seconds old is not spoken any more, and beyond the backlog something is dropped:
repetitions first, then a recall of a call that has been spoken, then the oldest. The boards still show all of them. If
a call is never spoken for lack of time, that is a fact, reported once until the queue is empty; not in quiet hours, and
not while nothing can be heard at all, which is reported already.

A failure of the sound is noticed only by playing. So at the start, and after every failure, *trials* (silence through
the same programs) come first, with growing pauses, and calls wait until one has succeeded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from string import Formatter

from drivers.device import OK, Health

PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds between trials: a sound card that is plugged in again is used within half a minute."""
TRIES = 2
"""Failures after which an announcement is dropped: it may itself be the cause."""
STALE = 60.0
"""Seconds after its last call or recall for which a ticket is worth announcing: after a fault, or with many calls, the
present ones come before those that everybody has read on the boards."""

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
    """A part of a sentence: the name of its prepared clip, the text for speech synthesis, whether it is spelled out."""

    clip: str
    text: str
    spelled: bool = False


@dataclass(frozen=True, slots=True)
class Phrase:
    """A sentence in one language."""

    language: str
    pieces: tuple[Piece, ...]


def phrase(language: str, template: str, *, yao: bool = False, **blanks: str) -> Phrase:
    """A sentence whose placeholders are spelled out, character by character; KeyError for a value that is missing."""
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
    """Pieces as one text for speech synthesis.

    In English a comma follows what is spelled out: "A zero" would be read with an article.
    """
    comma = "," if language == "en" else ""
    return " ".join(piece.text + (comma if piece.spelled else "") for piece in pieces)


# -- when ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Job:
    """What to play now: an announcement (for the `first` time or again), or, with an empty key, a trial."""

    key: str
    phrases: tuple[Phrase, ...] = ()
    first: bool = False


TRIAL = Job("")


@dataclass(frozen=True, slots=True)
class Failing:
    """Not everything can be heard: `health` has the wording key; `reason`: the message of the system or the program, or
    which announcement was dropped."""

    health: Health
    reason: str


@dataclass(slots=True)
class _Call:
    key: str
    phrases: tuple[Phrase, ...]
    times: int
    """How often it is to be spoken."""
    turn: int
    """Its place among those that have been spoken equally often."""
    at: float
    """When it was last called or recalled, in monotonic seconds."""
    said: int = 0
    failures: int = 0
    wanted: bool = True
    """Whether it is to be repeated after the announcement under way."""


class Voice:
    """The queue. Each announcement is spoken `times` times; `backlog` may wait. ValueError if either is below 1.

    `stale`: see `STALE`; `pauses`: seconds from each consecutive failure to the next trial; the last one repeats. Times
    passed in are monotonic seconds.
    """

    def __init__(
        self, *, times: int = 2, backlog: int = 6, stale: float = STALE, pauses: Sequence[float] = PAUSES
    ) -> None:
        if times < 1 or backlog < 1:
            raise ValueError("times and backlog are at least 1")
        self._times = times
        self._backlog = backlog
        self._stale = stale
        self._pauses = pauses
        self._waiting: dict[str, _Call] = {}
        self._turns = count()
        self._under_way: _Call | None = None
        self._job: Job | None = None
        self._heard: set[str] = set()
        """Keys that have been spoken at least once and not been withdrawn since."""
        self._quiet = False
        self._known = False
        """Whether anything has been played yet, or has failed."""
        self._trusted = False
        self._failing: Failing | None = None
        self._late: Failing | None = None
        self._failures = 0
        self._unspoken = 0
        self._next_at = 0.0
        self._told: Health | None = None

    @property
    def keys(self) -> list[str]:
        """The keys of announcements still to be spoken, in order, the one under way first."""
        under_way = [self._under_way.key] if self._under_way and self._under_way.wanted else []
        return [*under_way, *(call.key for call in sorted(self._waiting.values(), key=_order))]

    def announce(self, key: str, phrases: Sequence[Phrase], at: float, *, times: int | None = None) -> Sequence[object]:
        """Queue an announcement, called or recalled at `at`; `times`: how often to speak it, if not as usual."""
        waits = self._waiting.get(key)
        turn = waits.turn if waits and not waits.said else next(self._turns)
        if self._under_way and self._under_way.key == key:
            self._under_way.wanted = False  # its remaining repetitions are replaced by this one's
        self._waiting[key] = _Call(key, tuple(phrases), times or self._times, turn, at)
        self._trim()
        return self.facts()

    def withdraw(self, key: str) -> None:
        """Do not start this announcement any more; unknown keys are ignored."""
        self._waiting.pop(key, None)
        self._heard.discard(key)
        if self._under_way and self._under_way.key == key:
            self._under_way.wanted = False

    def set_quiet(self, quiet: bool, now: float) -> None:
        """Begin or end quiet hours. What is queued meanwhile is spoken afterwards unless it is stale."""
        if quiet != self._quiet:
            self._expire(now)  # as what is lost in quiet hours is no fault
            self._quiet = quiet

    # -- what is done with it ----------------------------------------------------------------------------------

    def next(self, now: float) -> Job | None:
        """What to play now, to be followed by `done` or `failed`; None while something is under way or nothing is due.

        Call `facts` afterwards.
        """
        if self._job is not None or now < self._next_at:
            return None
        self._expire(now)
        if not self._trusted:
            self._job = TRIAL
        elif self._waiting and not self._quiet:
            call = self._under_way = self._waiting.pop(min(self._waiting.values(), key=_order).key)
            self._job = Job(call.key, call.phrases, first=call.said == 0)
        return self._job

    def done(self, now: float) -> Sequence[object]:
        """It was played to its end."""
        call = self._ended()
        if call:
            call.said += 1
            if call.wanted or call.key in self._waiting:
                self._heard.add(call.key)
            if call.wanted and call.said < call.times:
                self._waiting[call.key] = call
            if not self._waiting:
                self._late = None
            self._unspoken = 0
        self._expire(now)  # before it counts as audible again
        self._trusted = self._known = True
        if self._unspoken < TRIES:  # else silence succeeds and speech does not: only speech proves that all is well
            self._failures = 0
            self._failing = None
        self._trim()
        return self.facts()

    def failed(self, detail: str, reason: str, now: float) -> Sequence[object]:
        """It was not played, or not to its end; `detail` is a wording key. A new detail is a fact, once."""
        self._unspoken += self._job is not TRIAL
        call = self._ended()
        self._trusted, self._known = False, True
        self._next_at = now + self._pauses[min(self._failures, len(self._pauses) - 1)]
        self._failures += 1
        self._failing = Failing(Health("degraded", detail), reason)
        if call:
            call.failures += 1
            again = self._waiting.get(call.key)
            if again and not call.said:
                again.turn = call.turn  # recalled during an announcement that was not heard
            elif call.wanted and call.failures < TRIES:
                self._waiting[call.key] = call
        self._expire(now)
        self._trim()
        return self.facts()

    def facts(self) -> Sequence[object]:
        """Changes of the health that have not been reported: OK or `Failing`, each once."""
        fact = self._failing or self._late
        health = fact.health if fact else OK
        if not self._known or health == self._told:
            return []
        self._told = health
        return [fact or OK]

    def next_deadline(self) -> float | None:
        """When `next` will have something by itself; None: not before an announcement is added or ends, or quiet hours
        end."""
        due = not self._trusted or (self._waiting and not self._quiet)
        return self._next_at if due and self._job is None else None

    def _ended(self) -> _Call | None:
        """Clears what is under way; returns the announcement that was, if any."""
        call, self._under_way, self._job = self._under_way, None, None
        return call

    def _expire(self, now: float) -> None:
        for call in [call for call in self._waiting.values() if now - call.at > self._stale]:
            self._drop(call)

    def _trim(self) -> None:
        while len(self._waiting) > self._backlog:
            self._drop(min(self._waiting.values(), key=self._worth))

    def _worth(self, call: _Call) -> tuple[bool, bool, int, int]:
        """The sort key for dropping: the smallest is dropped first."""
        return call.said == 0, call.said == 0 and call.key not in self._heard, -call.said, call.turn

    def _drop(self, call: _Call) -> None:
        del self._waiting[call.key]
        if not (call.said or self._failing or self._quiet or self._late):
            self._late = Failing(Health("degraded", "voice_late"), call.key)


def _order(call: _Call) -> tuple[int, int]:
    return call.said, call.turn
