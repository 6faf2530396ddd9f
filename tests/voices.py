"""What tests of the voice share."""

from __future__ import annotations

from drivers.device import OK
from drivers.voice import TRIAL, Phrase, Voice, text_of


def texts(phrases: list[Phrase]) -> list[str]:
    return [text_of(p.language, p.pieces) for p in phrases]


def trusted(times: int = 2, backlog: int = 6) -> Voice:
    """A voice whose first trial has succeeded at 0."""
    voice = Voice(times=times, backlog=backlog)
    assert voice.next(0.0) is TRIAL
    assert voice.done(0.0) == [OK]
    return voice


def said(voice: Voice, now: float = 0.0) -> list[str]:
    """What it says, in order, when all goes well."""
    keys = []
    while job := voice.next(now):
        keys.append(job.key)
        assert voice.next(now) is None
        voice.done(now)
    return keys
