"""Runs a `Voice`: clips and espeak-ng make sound of sentences, and a player program plays it.

Source: espeak-ng(1), tried with 1.51 as Debian 12 and Ubuntu 24.04 have it. Its voice "cmn" reads the tones of most
Chinese characters as English numbers (espeak-ng issues 1236, 1370); "cmn-latn-pinyin" says the characters.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

from drivers import sound
from drivers.voice import Job, Phrase, Voice, text_of

VOICES: Mapping[str, str] = {"zh": "cmn-latn-pinyin", "en": "en-gb"}
"""espeak-ng's voice for each language."""
SPEAKING_TIME = 10.0
"""Seconds that espeak-ng may take for a sentence; it usually takes 0.05 s."""
SPEECH_LIMIT = 4 << 20
"""Bytes of speech for one sentence (95 s)."""
KEPT = 8 << 20
"""Most bytes of speech in the cache."""
SAID_LIMIT = 4096
"""Bytes of a program's standard error that are read."""
GRACE = 4.0
"""Seconds that a player may take longer than its sound lasts, to open the sound card and drain its buffer. After that
it is killed, since the next calls are waiting."""
QUIET_CHECK = 1.0
"""Seconds between two checks whether quiet hours have ended, while a call waits."""
END = 2.0
"""Seconds in which a killed program must be gone."""
LEAD, GAP, TAIL = 0.2, 0.4, 0.6
"""Seconds of silence: before the sound (sound cards lose the beginning), between two languages, and after it."""


class SpeechError(Exception):
    """Nothing could be played: `detail` is a wording key, the text the message of the system or the program."""

    def __init__(self, detail: str, reason: str) -> None:
        super().__init__(reason)
        self.detail = detail


class Speaker:
    """Makes sound of sentences: from `clips` where there are any, else with espeak-ng at `speed` words a minute.

    espeak-ng's output is cached up to a limit; the least recently used is dropped first.
    """

    def __init__(
        self, clips: sound.Clips, *, speed: int = 150, chime: bool = True, program: Sequence[str] = ("espeak-ng",)
    ) -> None:
        self._clips = clips
        self._speed = speed
        self._chime = (clips.get(("", "chime")) or sound.chime()) if chime else b""
        self._program = tuple(program)
        self._kept: OrderedDict[tuple[str, str], bytes] = OrderedDict()

    def forget(self) -> None:
        """Empty the cache."""
        self._kept.clear()

    async def frames(self, phrases: Sequence[Phrase], *, first: bool) -> bytes:
        """The frames of an announcement; the `first` of several begins with the chime. SpeechError if espeak-ng
        fails."""
        parts = [await self._phrase(phrase) for phrase in phrases]
        chime = self._chime if first else b""
        return sound.silence(LEAD) + chime + sound.silence(GAP).join(parts) + sound.silence(TAIL)

    async def _phrase(self, phrase: Phrase) -> bytes:
        language, clips = phrase.language, self._clips
        frames = b""
        for ready, pieces in groupby(phrase.pieces, lambda piece: (language, piece.clip) in clips):
            if ready:
                frames += b"".join(clips[language, piece.clip] for piece in pieces)
            else:
                frames += await self._spoken(language, text_of(language, list(pieces)))
        return frames

    async def _spoken(self, language: str, text: str) -> bytes:
        frames = self._kept.pop((language, text), None)
        if frames is None:
            # The text comes over standard input: as an argument it might be taken for an option.
            how = ("-b", "1", "-v", VOICES[language], "-s", str(self._speed), "--stdin", "--stdout")
            data = await _run((*self._program, *how), text.encode(), SPEAKING_TIME, "voice_speech")
            try:
                frames = sound.from_wav(data)
            except ValueError as error:
                raise SpeechError("voice_speech", f"{self._program[0]}: {error}") from None
        self._kept[language, text] = frames
        while sum(map(len, self._kept.values())) > KEPT:
            self._kept.popitem(last=False)
        return frames


class VoiceSession:
    """Plays what `voice` has to say, one thing at a time; every fact goes to `heard`, in order, in the loop's thread.

    `player` is a program with its arguments, which gets a WAV file on its standard input and ends when it is played.
    `sample` is an announcement that trials render but do not play. `clock`: monotonic seconds; while `quiet`, only
    trials are started. Call `flush` after changing the voice's queue.
    """

    def __init__(
        self,
        voice: Voice,
        speaker: Speaker,
        player: Sequence[str],
        sample: Sequence[Phrase],
        heard: Callable[[object], None],
        clock: Callable[[], float],
        quiet: Callable[[], bool] = lambda: False,
        *,
        grace: float = GRACE,
    ) -> None:
        self._voice = voice
        self._speaker = speaker
        self._player = tuple(player)
        self._sample = sample
        self._heard = heard
        self._clock = clock
        self._quiet = quiet
        self._grace = grace
        self._wake = asyncio.Event()
        self.settled = asyncio.Event()
        """Set once the first trial has ended, successful or not."""

    async def run(self) -> None:
        """Run until cancelled; then no program of ours is left. Never ends by itself."""
        while True:
            self._wake.clear()
            quiet = self._quiet()
            self._voice.set_quiet(quiet, self._clock())
            job = self._voice.next(self._clock())
            self._tell(self._voice.facts())
            if job is None:
                await self._until_due(quiet)
                continue
            try:
                await self._play(job)
            except SpeechError as error:
                facts = self._voice.failed(error.detail, str(error), self._clock())
            else:
                facts = self._voice.done(self._clock())
            self._tell(facts)
            self.settled.set()

    def flush(self) -> None:
        """Play what is due, at the loop's next iteration."""
        self._wake.set()

    # -- inside ----------------------------------------------------------------------------------------------

    def _tell(self, facts: Sequence[object]) -> None:
        for fact in facts:
            self._heard(fact)

    async def _until_due(self, quiet: bool) -> None:
        deadline = self._voice.next_deadline()
        seconds = None if deadline is None else max(0.001, deadline - self._clock())
        if quiet and self._voice.keys:
            seconds = min(seconds or QUIET_CHECK, QUIET_CHECK)
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _play(self, job: Job) -> None:
        if not job.key:
            self._speaker.forget()  # from the cache, it would not be a trial of espeak-ng
        frames = await self._speaker.frames(job.phrases or self._sample, first=job.first)
        if not job.key:
            frames = sound.silence(LEAD)
        await _run(self._player, sound.to_wav(frames), sound.length(frames) + self._grace, "voice_player")


async def _run(program: Sequence[str], given: bytes, seconds: float, detail: str) -> bytes:
    """A program's output for a standard input. SpeechError if it fails, or has not ended after `seconds`.

    It has a process group of its own, which is killed as a whole: a player is often a script around another.
    """
    starting = asyncio.create_task(
        asyncio.create_subprocess_exec(
            *program,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    )
    try:
        # If cancelled, asyncio would end the program only, and not the programs that it has started.
        process = await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.wait([starting])
        if not starting.exception():
            await _end(starting.result())
        raise
    except (OSError, ValueError) as error:
        raise SpeechError(detail, f"{program[0]}: {getattr(error, 'strerror', None) or error}") from None
    assert process.stdin
    assert process.stdout
    assert process.stderr
    whole = False
    try:
        async with asyncio.timeout(seconds):
            _, made, said, code = await asyncio.gather(
                _feed(process.stdin, given),
                _first_bytes(process.stdout, SPEECH_LIMIT),
                _first_bytes(process.stderr, SAID_LIMIT),
                process.wait(),
            )
        whole = True
    except TimeoutError:
        raise SpeechError(detail, f"{program[0]} had to be ended after {seconds:.0f} s") from None
    finally:
        if not whole:
            await _end(process)
    if code:
        lines = said.decode("utf-8", "replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        raise SpeechError(detail, f"{program[0]}: {last[:200] or f'ended with {code}'}")
    return made


async def _feed(to: asyncio.StreamWriter, data: bytes) -> None:
    try:
        to.write(data)
        await to.drain()
        to.close()
        await to.wait_closed()
    except OSError:
        pass  # it did not read all of its input; its exit code says whether that is an error


async def _first_bytes(source: asyncio.StreamReader, limit: int) -> bytes:
    """The first `limit` bytes. Everything is read, so that the program is not blocked; the rest is discarded."""
    kept = b""
    while chunk := await source.read(1 << 16):
        kept += chunk[: limit - len(kept)]
    return kept


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill the program and those that it has started, and wait for it."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    assert process.stdin
    assert process.stdout
    assert process.stderr
    process.stdin.close()
    try:
        async with asyncio.timeout(END):
            await process.wait()
            await asyncio.gather(_first_bytes(process.stdout, 0), _first_bytes(process.stderr, 0))
    except TimeoutError:
        pass
