"""The voice: what is spelled and how, the queue facing a player with time passed in, and the sound it is made of."""

from __future__ import annotations

import io
import math
import struct
import wave
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from branches import NINE, branch
from branches import Lobby as Scene
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from controller.config import wording
from controller.desk import Desk
from controller.desk.voice import VoicePost, call
from controller.journal import Journal, Row
from controller.lobby import commands as cm
from controller.lobby import events as ev
from drivers import sound
from drivers.device import OK, Health
from drivers.voice import PAUSES, TRIAL, Failing, Job, Phrase, Voice, phrase, text_of

HELLO = (phrase("en", "hello"),)


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


# -- what is said ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "ticket", "counter", "yao", "spoken"),
    [
        ("zh", "A012", "3", False, "请 A 零 一 二 号到 三 号窗口"),
        ("zh", "A117", "12", True, "请 A 幺 幺 七 号到 幺 二 号窗口"),
        ("zh", "VIP9", "west-2", False, "请 V I P 九 号到 W E S T 二 号窗口"),
        ("en", "A012", "12", True, "Ticket A, zero, one, two, to counter one, two,"),
        ("en", "003", "B", False, "Ticket zero, zero, three, to counter B,"),
    ],
)
def test_letters_and_digits_are_spelled(language: str, ticket: str, counter: str, yao: bool, spoken: str) -> None:
    assert texts(call([wording(language)], ticket, counter, yao=yao)) == [spoken]


def test_a_call_is_spoken_in_each_language() -> None:
    (zh, en) = call([wording("zh"), wording("en")], "A1", "2", yao=True)
    assert [piece.clip for piece in zh.pieces] == ["请", "A", "幺", "号到", "2", "号窗口"]
    assert [piece.clip for piece in en.pieces] == ["Ticket", "A", "1", "to counter", "2"]


# -- the queue ---------------------------------------------------------------------------------------------------


def test_each_call_is_said_twice_in_a_row_the_first_time_with_the_chime() -> None:
    voice = trusted()
    voice.announce("A1", HELLO)
    voice.announce("A2", HELLO)
    assert voice.next(0.0) == Job("A1", HELLO, first=True)
    assert voice.next(0.0) is None, "never two at once"
    assert voice.done(0.0) == []
    assert voice.next(0.0) == Job("A1", HELLO, first=False)
    voice.done(0.0)
    assert said(voice) == ["A2", "A2"]
    assert voice.next_deadline() is None


def test_beyond_the_backlog_the_oldest_that_waits_is_dropped() -> None:
    voice = trusted(backlog=2)
    voice.announce("A1", HELLO)
    voice.next(0.0)
    assert [voice.announce(key, HELLO) for key in ("A2", "A3", "A4")] == [[], [], ["A2"]]
    assert voice.keys == ["A1", "A3", "A4"]
    voice.done(0.0)
    assert said(voice) == ["A1", "A3", "A3", "A4", "A4"]


def test_a_recall_of_one_that_waits_keeps_its_turn_and_has_the_new_text() -> None:
    voice = trusted(times=1)
    for key in ("A1", "A2", "A3"):
        voice.announce(key, HELLO)
    voice.announce("A2", (phrase("en", "come"),))
    assert voice.next(0.0) == Job("A1", HELLO, first=True)
    voice.done(0.0)
    assert voice.next(0.0) == Job("A2", (phrase("en", "come"),), first=True)


def test_a_recall_of_the_one_under_way_is_said_in_full_after_it() -> None:
    voice = trusted()
    voice.announce("A1", HELLO)
    voice.next(0.0)
    for _ in range(3):
        voice.announce("A1", HELLO)
    assert voice.keys == ["A1"]
    voice.done(0.0)
    assert said(voice) == ["A1", "A1"]


def test_what_is_withdrawn_does_not_begin_any_more() -> None:
    voice = trusted()
    for key in ("A1", "A2", "A3"):
        voice.announce(key, HELLO)
    voice.next(0.0)
    voice.withdraw("A1")
    voice.withdraw("A2")
    voice.withdraw("nobody")
    voice.done(0.0)
    assert said(voice) == ["A3", "A3"]


def test_hush_forgets_everything_that_has_not_begun() -> None:
    voice = trusted()
    voice.announce("A1", HELLO)
    voice.announce("A2", HELLO)
    voice.next(0.0)
    voice.hush()
    voice.done(0.0)
    assert said(voice) == []


# -- failures ----------------------------------------------------------------------------------------------------


def test_trials_come_with_growing_pauses_until_one_succeeds_and_then_what_waited() -> None:
    voice = Voice()
    now = 0.0
    voice.announce("A1", HELLO)
    for n, pause in enumerate([*PAUSES, PAUSES[-1]]):
        assert voice.next(now) is TRIAL
        facts = voice.failed("voice_player", "no card", now)
        assert facts == ([Failing(Health("degraded", "voice_player"), "no card")] if n == 0 else [])
        assert voice.next_deadline() == now + pause
        assert voice.next(now + pause - 0.1) is None
        now += pause
    assert voice.next(now) is TRIAL
    assert voice.done(now) == [OK]
    assert said(voice, now) == ["A1", "A1"]


def test_an_announcement_that_failed_is_tried_once_more_after_a_trial() -> None:
    voice = trusted(times=1)
    voice.announce("A1", HELLO)
    voice.announce("A2", HELLO)
    assert voice.next(0.0) == Job("A1", HELLO, first=True)
    voice.failed("voice_player", "unplugged", 0.0)
    assert voice.next(1.0) is TRIAL
    assert voice.done(1.0) == [OK]
    assert said(voice, 1.0) == ["A1", "A2"]


def test_a_failing_one_that_is_withdrawn_does_not_come_back() -> None:
    voice = trusted()
    voice.announce("A1", HELLO)
    voice.next(0.0)
    voice.withdraw("A1")
    voice.failed("voice_player", "unplugged", 0.0)
    assert voice.next(1.0) is TRIAL
    voice.done(1.0)
    assert voice.next(1.0) is None


def test_where_only_silence_succeeds_the_voice_does_not_say_again_and_again_that_it_is_back() -> None:
    voice = trusted()
    facts: list[object] = []
    now = 0.0
    for number in range(10):
        voice.announce(f"A{number}", HELLO)
        for _ in range(10):
            now = voice.next_deadline() or now
            job = voice.next(now)
            if job is None:
                break
            facts += voice.done(now) if job is TRIAL else voice.failed("voice_player", "no", now)
    down = Failing(Health("degraded", "voice_player"), "no")
    assert facts == [down, OK, down]
    voice.announce("B1", HELLO)
    now = voice.next_deadline() or now
    while job := voice.next(now):
        facts += voice.done(now)
    assert facts[3:] == [OK]


class Talking(RuleBasedStateMachine):
    """Whatever is announced, withdrawn, played or fails: what the queue promises."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.backlog = 3
        self.voice = Voice(times=2, backlog=self.backlog)
        self.under_way: Job | None = None
        self.wanted: set[str] = set()
        self.begun: dict[str, int] = {}
        self.failures: dict[str, int] = {}

    @rule(key=st.sampled_from("ABCDE"))
    def announce(self, key: str) -> None:
        dropped = self.voice.announce(key, HELLO)
        self.wanted = (self.wanted | {key}) - set(dropped)
        self.begun[key] = self.failures[key] = 0

    @rule(key=st.sampled_from("ABCDE"))
    def withdraw(self, key: str) -> None:
        self.voice.withdraw(key)
        self.wanted.discard(key)

    @rule(seconds=st.floats(0, 40))
    def play(self, seconds: float) -> None:
        self.now += seconds
        job = self.voice.next(self.now)
        if self.under_way:
            assert job is None, "two at once"
        elif job:
            self.under_way = job
            if job.key:
                assert job.key in self.wanted, "it was withdrawn or dropped"
                self.begun[job.key] += 1
                assert self.begun[job.key] <= 2 + self.failures[job.key]

    @precondition(lambda self: self.under_way)
    @rule(well=st.booleans())
    def end(self, well: bool) -> None:
        assert self.under_way
        key, self.under_way = self.under_way.key, None
        if well:
            self.voice.done(self.now)
        else:
            self.voice.failed("voice_player", "no", self.now)
            if key:
                self.failures[key] += 1

    @invariant()
    def no_more_than_may_wait(self) -> None:
        assert len(self.voice.keys) <= self.backlog + 1
        assert set(self.voice.keys) <= self.wanted

    def teardown(self) -> None:
        """In the end everything that is wanted is said, and it falls silent."""
        if self.under_way:
            self.voice.done(self.now)
        for _ in range(20):
            deadline = self.voice.next_deadline()
            if deadline is None:
                break
            self.now = max(self.now, deadline)
            assert self.voice.next(self.now)
            self.voice.done(self.now)
        assert self.voice.next_deadline() is None
        assert self.voice.keys == []


Talking.TestCase.settings = hypothesis_settings(max_examples=100, stateful_step_count=40, deadline=None)
TestTalking = Talking.TestCase


# -- the post ----------------------------------------------------------------------------------------------------


class Hall:
    """A lobby, its desk and its voice; `quiet` is the test's."""

    def __init__(self, journal: Journal) -> None:
        self.scene = Scene(branch({"1": {"cash": 0}, "2": {"cash": 0}}))
        self.voice = trusted()
        self.quiet = False
        desk = Desk(self.scene.rules, journal, lambda request: None, lambda: True, lambda: NINE)
        self.post = VoicePost(
            "voice",
            self.voice,
            [wording("zh"), wording("en")],
            desk.lobby,
            lambda: None,
            yao=False,
            quiet=lambda: self.quiet,
        )

    def do(self, *commands: cm.Command) -> None:
        """Commands that are decided in one step, a minute after the last."""
        self.scene.wait(1)
        events: list[ev.Event] = []
        for command in commands:
            decided = self.scene.do(replace(command, at=command.at + self.scene.now - NINE))
            assert isinstance(decided, list), decided
            events += decided
        self.post.update(self.scene.state)
        self.post.told([Row(1, NINE, "2026-11-23", event, "", 0) for event in events], self.scene.state)


def of(command: type[cm.Command], counter: str, **more: str) -> cm.Command:
    return command(at=NINE, cause="", counter=counter, **more)  # type: ignore[call-arg]


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    journal = Journal(tmp_path / "lobby.db")
    hall = Hall(journal)
    for _ in range(3):
        hall.scene.take("cash")
    yield hall
    journal.close()


def test_a_call_is_announced_and_a_recall_does_not_pile_up(hall: Hall) -> None:
    hall.do(of(cm.CallNext, "1"))
    hall.do(of(cm.Recall, "1"))
    hall.do(of(cm.CallNext, "2"))
    assert said(hall.voice) == ["A001", "A001", "A002", "A002"]
    hall.do(of(cm.Recall, "1"))
    job = hall.voice.next(0.0)
    assert job
    assert texts(list(job.phrases)) == ["请 A 零 零 一 号到 一 号窗口", "Ticket A, zero, zero, one, to counter one,"]


@pytest.mark.parametrize(
    "ending",
    [
        of(cm.Start, "1"),
        of(cm.Finish, "1"),
        of(cm.NoShow, "1"),
        of(cm.Hold, "1"),
        of(cm.Transfer, "1", digits="02"),
        of(cm.Close, "1"),
        cm.RollOver(at=NINE + 24 * 3600 * 1000, cause=""),
    ],
    ids=lambda command: type(command).__name__,
)
def test_a_ticket_that_its_counter_does_not_expect_is_not_announced(hall: Hall, ending: cm.Command) -> None:
    hall.do(of(cm.CallNext, "1"))
    hall.do(ending)
    assert said(hall.voice) == []


def test_a_call_that_ends_in_its_own_step_is_not_announced(hall: Hall) -> None:
    hall.do(of(cm.CallNext, "1"), of(cm.CallNext, "1"))
    assert hall.voice.keys == ["A002"]


def test_a_ticket_called_by_another_counter_is_sent_there_alone(hall: Hall) -> None:
    hall.do(of(cm.CallNext, "1"))
    hall.do(of(cm.Transfer, "1", digits="02"), of(cm.CallNext, "2"))
    job = hall.voice.next(0.0)
    assert job
    assert texts(list(job.phrases))[1] == "Ticket A, zero, zero, one, to counter two,"


def test_in_quiet_hours_nothing_is_announced_also_not_later(hall: Hall) -> None:
    hall.quiet = True
    hall.do(of(cm.CallNext, "1"))
    hall.quiet = False
    hall.do(of(cm.CallNext, "2"))
    assert hall.voice.keys == ["A002"]


def test_a_replayed_day_is_not_spoken(hall: Hall) -> None:
    hall.scene.call("1")
    hall.post.update(hall.scene.state)
    assert hall.voice.keys == []


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
