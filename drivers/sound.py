"""Sound in memory, all of one format: 16 bit, mono, 22050 Hz, as espeak-ng speaks. WAV in and out, the chime, clips.

One format, since an announcement is joined from espeak-ng's speech, prepared clips and the chime, and nothing here
resamples. `frames` are the bare samples, little-endian.
"""

from __future__ import annotations

import io
import math
import struct
import wave
from collections.abc import Mapping
from functools import cache
from pathlib import Path

RATE = 22050
FRAME = 2
"""Bytes of a sample."""
FORMAT = (1, FRAME, RATE)
CLIP_LIMIT = 15 * RATE * FRAME
"""Bytes of a clip's frames (15 s)."""
CLIPS_LIMIT = 200
"""Clips in a directory."""
CHIME = ((659.26, 0.45), (523.25, 0.9))
"""Tones (Hz) and the duration of each (s): E, then C, like a doorbell."""
LOUD = 0.35
"""The chime's amplitude, as a fraction of the largest."""

Clips = Mapping[tuple[str, str], bytes]
"""(language, name) -> frames; the chime's language is empty."""


def silence(seconds: float) -> bytes:
    """The frames of a pause."""
    return bytes(round(seconds * RATE) * FRAME)


def length(frames: bytes) -> float:
    """Seconds that the frames last."""
    return len(frames) / (RATE * FRAME)


@cache
def chime() -> bytes:
    """The frames of the two tones."""
    samples: list[int] = []
    for tone, seconds in CHIME:
        for n in range(round(seconds * RATE)):
            t = n / RATE
            # A 5 ms attack, then a decay to zero: a step would be heard as a click.
            shape = min(1.0, t / 0.005) * math.exp(-4 * t / seconds) * (1 - t / seconds)
            swing = math.sin(2 * math.pi * tone * t) + 0.25 * math.sin(4 * math.pi * tone * t)
            samples.append(round(32767 * LOUD * shape * swing))
    return struct.pack(f"<{len(samples)}h", *samples)


def to_wav(frames: bytes) -> bytes:
    """A WAV file with these frames."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(FRAME)
        out.setframerate(RATE)
        out.writeframes(frames)
    return file.getvalue()


def from_wav(data: bytes) -> bytes:
    """The frames of a WAV file in our format; ValueError says how another file differs.

    The length in its header may be wrong: a program that writes to a pipe does not know it.
    """
    try:
        with wave.open(io.BytesIO(data), "rb") as file:
            found = (file.getnchannels(), file.getsampwidth(), file.getframerate())
            frames = file.readframes(len(data)) if found == FORMAT else b""
    except (wave.Error, EOFError) as error:
        raise ValueError(f"it is no plain WAV file ({str(error) or 'it is too short'})") from None
    if found != FORMAT:
        channels, width, rate = found
        ways = {1: "mono", 2: "stereo"}.get(channels, f"{channels} channels")
        raise ValueError(f"it is {ways}, {8 * width} bit, {rate} Hz; clips are mono, 16 bit, {RATE} Hz")
    return frames[: len(frames) // FRAME * FRAME]


def read_clips(directory: Path) -> dict[tuple[str, str], bytes]:
    """The clips of `directory`: zh/*.wav, en/*.wav and chime.wav. ValueError has a sentence for the installer."""
    if not directory.is_dir():
        raise ValueError(f"{directory} is no directory")
    try:
        named = [(("", "chime"), path) for path in directory.glob("chime.wav")]
        for language in ("zh", "en"):
            named += [((language, path.stem), path) for path in sorted((directory / language).glob("*.wav"))]
        if not named:
            raise ValueError(f"{directory} has no zh/*.wav, en/*.wav or chime.wav")
        if len(named) > CLIPS_LIMIT:
            raise ValueError(f"{directory} has {len(named)} clips; at most {CLIPS_LIMIT} are read")
        return {name: _clip(path) for name, path in named}
    except OSError as error:
        raise ValueError(f"{error.filename} cannot be read: {(error.strerror or str(error)).lower()}") from None


def _clip(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(2 * CLIP_LIMIT)
    try:
        frames = from_wav(data)
    except ValueError as error:
        raise ValueError(f"{path} cannot be spoken: {error}") from None
    if not frames or len(frames) > CLIP_LIMIT:
        raise ValueError(f"{path} is empty or longer than 15 s; shorten it or remove it")
    return frames
