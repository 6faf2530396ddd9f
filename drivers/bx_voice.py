"""The voice of a BX card that has one (..-YY): which call it is given to speak next, and how long that takes.

The queue is `drivers.voice.Voice`. Speech goes out beside a level (see `drivers.bx`), each announcement once: what a
lost answer leaves open is not sent again, since it may have been heard; what the card has refused is, since it was not.
Sources: see `bx_frame.Speech`. The card does not say when it has spoken to the end, so that is estimated from the text
[?]; a card is given nothing else to speak until then.
"""

from __future__ import annotations

from collections.abc import Sequence

from drivers.bx_frame import Speech
from drivers.characters import fitted, on_board
from drivers.device import Health
from drivers.voice import TRIAL, Phrase, Voice, text_of

MUTE = Health("degraded", "board_mute")
LATE = Health("degraded", "voice_late")

LEAD = 1.0
"""Seconds from the command to the end of the sentence beside its characters: a pause between two sentences."""
SLOWEST, FASTEST = 0.45, 0.15
"""Seconds a character takes at speed 0 and at speed 10 [?]."""


class CardVoice(Voice):
    """What a card has to speak: `voice` 0-5 is who speaks, `volume` and `speed` 0-10, `repeat` 0-15 how often the card
    says it again. `spelled`: digits go out as words, one by one (零 一), else as digits; a card may read A001 as a
    number [?].
    """

    def __init__(
        self, *, voice: int = 0, volume: int = 5, speed: int = 5, repeat: int = 0, spelled: bool = False
    ) -> None:
        super().__init__(times=1)
        self._as = Speech(b"", repeat, voice, volume, speed)
        self._spelled = spelled
        self._sent: Speech | None = None
        self._ends_at = 0.0
        self._refused = False

    @property
    def health(self) -> Health | None:
        """What is wrong with it; None: nothing is known to be."""
        return MUTE if self._refused else LATE if self._late else None

    def facts(self) -> Sequence[object]:
        """None: the board tells its voice's state beside its own."""
        return ()

    def due(self, now: float) -> Speech | None:
        """What to send now, to be followed by `answered`; None: nothing, or the card is speaking."""
        if self._sent is None and self._job and now >= self._ends_at:
            self.done(now)
        job = self.next(now)
        if job is TRIAL:  # that the card works is known by its answers
            self.done(now)
            job = self.next(now)
        if job is None:
            return None
        words = self._words(job.phrases)
        self._sent = self._as._replace(words=words)
        return self._sent

    def answered(self, ack: bool | None, now: float, *, passing: bool = False) -> None:
        """The card has taken it or not (`passing`: for now); None: no answer came, and it may have been spoken."""
        speech, self._sent = self._sent, None
        if ack is False:
            if passing and self._under_way:
                self._under_way.failures -= 1  # until the card takes it, or the call is stale
            else:
                self._refused = True
            self.failed(MUTE.detail, "", now)
            self._ends_at = now
        elif speech:
            self._refused = self._refused and ack is None
            self._ends_at = now + _seconds(speech)

    def next_deadline(self) -> float | None:
        if self._job:
            return None if self._sent else self._ends_at
        return super().next_deadline()

    def _words(self, phrases: Sequence[Phrase]) -> bytes:
        """The sentences in GB2312, without the card's escape character."""
        text = " ".join(_text(phrase, self._spelled) for phrase in phrases)
        return fitted(text, on_board).encode("gb2312")


def _text(phrase: Phrase, spelled: bool) -> str:
    """A sentence with its digits and letters one by one, or as they are written; Chinese needs no blanks."""
    if spelled:
        return text_of(phrase.language, phrase.pieces)
    text = ""
    for before, piece in zip((None, *phrase.pieces), phrase.pieces, strict=False):
        apart = phrase.language != "zh" and before and not (before.spelled and piece.spelled)
        text += " " * bool(apart) + piece.clip
    return text


def _seconds(speech: Speech) -> float:
    """How long the card speaks, all repetitions together; a Chinese character has two bytes, a letter one."""
    characters = len(speech.words.decode("gb2312"))
    return (LEAD + characters * (SLOWEST + (FASTEST - SLOWEST) * speech.speed / 10)) * (speech.repeat + 1)
