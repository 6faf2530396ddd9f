"""Quiet hours, the chime and the clips."""

from __future__ import annotations

import io
import math
import struct
import wave
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import ValidationError

from controller.devices.voice import VoiceSettings
from drivers import sound

# -- quiet hours -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "silent"),
    [
        ("20:00-24:00", ["20:00-24:00"]),
        ("20:00-00:00", ["20:00-24:00"]),
        ("20:00-0:00", ["20:00-24:00"]),
        ("20:00-8:00", ["00:00-08:00", "20:00-24:00"]),
        ("8:00-9:00", ["08:00-09:00"]),
        ("00:00-24:00", ["00:00-24:00"]),
        ("9:30 - 10:00", ["09:30-10:00"]),
        ("12:00-13:30 20:00-7:00", ["00:00-07:00", "12:00-13:30", "20:00-24:00"]),
        (["20:00-00:00", "00:00-7:00"], ["00:00-07:00", "20:00-24:00"]),
        ([], []),
    ],
)
def test_quiet_hours_are_understood_as_people_write_them(written: object, silent: list[str]) -> None:
    voice = VoiceSettings.model_validate({"id": "v", "driver": "voice", "quiet": written})
    assert [str(span) for span in voice.quiet] == silent


@pytest.mark.parametrize(
    ("written", "error"),
    [
        ("20:00-8:60", '"20:00-8:60" is no span'),
        ("20:00-25:00", '"20:00-25:00" is no span'),
        ("24:00-8:00", '"24:00-8:00" is no span'),
        ("20:00-20:00", '"20:00-20:00" is no span'),
        ("00:00-0:00", '"00:00-0:00" is no span'),
        ("20:00", '"20:00" is no span'),
        ("closed", '"closed" is no span'),
        ("", '"" is no span'),
        (["7:30-9:00", "20:00-8:00"], "20:00-8:00 and 7:30-9:00 overlap"),
        (["20:00-8:00", "23:00-00:00"], "20:00-8:00 and 23:00-00:00 overlap"),
        ([20], "it takes local times"),
    ],
)
def test_an_error_in_quiet_hours_names_what_was_written(written: object, error: str) -> None:
    with pytest.raises(ValidationError, match=error):
        VoiceSettings.model_validate({"id": "v", "driver": "voice", "quiet": written})


# -- sound -------------------------------------------------------------------------------------------------------


def samples(frames: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(frames) // 2}h", frames)


def test_the_chime_is_two_tones_without_a_click() -> None:
    heard = samples(sound.chime())
    assert sound.length(sound.chime()) == pytest.approx(1.35, abs=0.01)
    assert 5000 < max(heard) < 16384
    assert max(abs(a - b) for a, b in pairwise(heard)) < 4000

    def strength(part: tuple[int, ...], tone: float) -> float:
        waves = [
            (math.cos(2 * math.pi * tone * n / 22050), math.sin(2 * math.pi * tone * n / 22050))
            for n in range(len(part))
        ]
        return math.hypot(*(sum(s * w[i] for s, w in zip(part, waves, strict=True)) for i in (0, 1)))

    first, second = heard[:9000], heard[10000:19000]
    assert strength(first, 659.26) > 5 * strength(first, 523.25)
    assert strength(second, 523.25) > 5 * strength(second, 659.26)


def test_a_wav_holds_what_was_put_into_it() -> None:
    frames = sound.chime() + sound.silence(0.1)
    assert sound.from_wav(sound.to_wav(frames)) == frames


def wav(channels: int = 1, width: int = 2, rate: int = 22050, seconds: float = 0.1) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((channels, width, rate, 0, "NONE", ""))
        out.writeframes(bytes(round(rate * seconds) * channels * width))
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (wav(2, 2, 44100), "it is stereo, 16 bit, 44100 Hz; clips are mono, 16 bit, 22050 Hz"),
        (wav(1, 1, 8000), "it is mono, 8 bit, 8000 Hz"),
        (b"ID3", "it is no plain WAV file"),
        (b"", "it is no plain WAV file"),
        (wav(seconds=0), "is empty or longer than 15 s"),
        (wav(seconds=16), "is empty or longer than 15 s"),
    ],
)
def test_clips_of_another_kind_are_refused(tmp_path: Path, data: bytes, why: str) -> None:
    (tmp_path / "zh").mkdir()
    (tmp_path / "zh" / "A.wav").write_bytes(data)
    with pytest.raises(ValueError, match=f"A.wav.*{why}"):
        sound.read_clips(tmp_path)


def test_clips_are_read_by_language_and_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no directory"):
        sound.read_clips(tmp_path / "clips")
    with pytest.raises(ValueError, match="has no zh"):
        sound.read_clips(tmp_path)
    for name in ("chime.wav", "zh/号到.wav", "en/to counter.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(wav())
    (tmp_path / "zh" / "notes.txt").write_text("not read")
    assert set(sound.read_clips(tmp_path)) == {("", "chime"), ("zh", "号到"), ("en", "to counter")}
