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
from chance import examples
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from pydantic import ValidationError

from controller.config import wording
from controller.devices.hub import Hub
from controller.devices.voice import VoiceAdapter, VoiceSettings, call
from controller.engine import Request, Step
from controller.journal import Journal
from controller.lobby.actions.call_next import CallNext
from controller.lobby.actions.close_counter import Close
from controller.lobby.actions.command import Command
from controller.lobby.actions.day import RollOver
from controller.lobby.actions.event import Event
from controller.lobby.actions.finish import Finish
from controller.lobby.actions.hold import Hold
from controller.lobby.actions.no_show import NoShow
from controller.lobby.actions.recall import Recall
from controller.lobby.actions.report_device import ReportDevice
from controller.lobby.actions.start import Start
from controller.lobby.actions.transfer import Transfer
from controller.lobby.aggregate import Row
from drivers import sound
from drivers.device import OK, Health
from drivers.voice import PAUSES, STALE, TRIAL, Failing, Job, Phrase, Voice, phrase, text_of

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


def test_a_call_is_said_twice_the_first_time_with_the_chime() -> None:
    voice = trusted()
    voice.announce("A1", HELLO, 0.0)
    assert voice.next(0.0) == Job("A1", HELLO, first=True)
    assert voice.next(0.0) is None, "never two at once"
    assert voice.done(0.0) == []
    assert voice.next(0.0) == Job("A1", HELLO, first=False)
    voice.done(0.0)
    assert voice.next(0.0) is None
    assert voice.next_deadline() is None


def test_everybody_is_said_once_before_anybody_is_said_twice() -> None:
    voice = trusted(times=3)
    for key in ("A1", "A2", "A3"):
        voice.announce(key, HELLO, 0.0)
    assert voice.next(0.0) == Job("A1", HELLO, first=True)
    voice.done(0.0)
    assert voice.next(0.0) == Job("A2", HELLO, first=True)
    voice.announce("A4", HELLO, 0.0)
    voice.done(0.0)
    assert voice.keys == ["A3", "A4", "A1", "A2"]
    assert said(voice) == ["A3", "A4", *["A1", "A2", "A3", "A4"] * 2]


def test_beyond_the_backlog_repetitions_are_dropped_then_who_was_heard_then_the_oldest() -> None:
    voice = trusted(backlog=2)
    for key in ("A1", "A2"):
        voice.announce(key, HELLO, 0.0)
        voice.next(0.0)
        voice.done(0.0)
    assert voice.keys == ["A1", "A2"]
    assert voice.announce("A2", HELLO, 0.0) == voice.announce("A3", HELLO, 0.0) == []
    assert voice.keys == ["A2", "A3"], "the repetition of A1 was dropped, and nobody misses it"
    late = Failing(Health("degraded", "voice_late"), "A2")
    assert voice.announce("A4", HELLO, 0.0) == [late], "A2 has been heard once"
    assert voice.announce("A5", HELLO, 0.0) == [], "told once"
    assert voice.keys == ["A4", "A5"], "A3 is the oldest of those who were never heard"


def test_what_was_dropped_is_told_once_until_all_that_waits_has_been_said() -> None:
    voice = trusted(backlog=1)
    facts: list[object] = []
    for key in ("A1", "A2", "A3"):
        facts += voice.announce(key, HELLO, 0.0)
    assert facts == [Failing(Health("degraded", "voice_late"), "A1")]
    voice.next(0.0)
    assert voice.done(0.0) == [], "it is to be said again"
    voice.next(0.0)
    assert voice.done(0.0) == [OK]


def test_a_repetition_gives_way_to_those_who_came_during_the_first_saying() -> None:
    voice = trusted(backlog=2)
    voice.announce("A1", HELLO, 0.0)
    voice.next(0.0)
    for key in ("A2", "A3"):
        voice.announce(key, HELLO, 0.0)
    assert voice.keys == ["A1", "A2", "A3"]
    assert voice.done(0.0) == []
    assert voice.keys == ["A2", "A3"]
    assert said(voice) == ["A2", "A3", "A2", "A3"]


def test_a_recall_of_one_that_was_not_said_yet_keeps_its_turn_and_has_the_new_text() -> None:
    voice = trusted(times=1)
    for key in ("A1", "A2", "A3"):
        voice.announce(key, HELLO, 0.0)
    voice.announce("A2", (phrase("en", "come"),), 0.0)
    assert voice.next(0.0) == Job("A1", HELLO, first=True)
    voice.done(0.0)
    assert voice.next(0.0) == Job("A2", (phrase("en", "come"),), first=True)


def test_a_recall_of_one_that_waits_to_be_said_again_comes_before_all_repetitions() -> None:
    voice = trusted()
    for key in ("A1", "A2", "A3"):
        voice.announce(key, HELLO, 0.0)
    for _ in range(2):
        voice.next(0.0)
        voice.done(0.0)
    voice.announce("A2", HELLO, 0.0)
    assert said(voice) == ["A3", "A2", "A1", "A3", "A2"]


def test_a_recall_in_the_middle_of_a_saying_that_fails_keeps_the_turn() -> None:
    voice = trusted(times=1)
    voice.announce("A1", HELLO, 0.0)
    voice.announce("A2", HELLO, 0.0)
    voice.next(0.0)
    voice.announce("A1", HELLO, 0.0)
    voice.failed("voice_player", "unplugged", 0.0)
    voice.next(1.0)
    voice.done(1.0)
    assert said(voice, 1.0) == ["A1", "A2"]


def test_a_recall_of_the_one_under_way_is_said_in_full_after_it() -> None:
    voice = trusted()
    voice.announce("A1", HELLO, 0.0)
    voice.next(0.0)
    for _ in range(3):
        voice.announce("A1", HELLO, 0.0)
    assert voice.keys == ["A1"]
    voice.done(0.0)
    assert said(voice) == ["A1", "A1"]


def test_what_is_withdrawn_does_not_begin_any_more() -> None:
    voice = trusted()
    for key in ("A1", "A2", "A3"):
        voice.announce(key, HELLO, 0.0)
    voice.next(0.0)
    voice.withdraw("A1")
    voice.withdraw("A2")
    voice.withdraw("nobody")
    voice.done(0.0)
    assert said(voice) == ["A3", "A3"]


@pytest.mark.parametrize(("end", "heard"), [(59.0, ["A2", "A1", "A2"]), (61.0, ["A2", "A2"]), (81.0, [])])
def test_in_quiet_hours_nothing_begins_and_then_what_is_not_too_old_is_said(end: float, heard: list[str]) -> None:
    voice = trusted()
    voice.announce("A1", HELLO, 0.0)
    voice.announce("A2", HELLO, 20.0)
    voice.next(20.0)
    voice.set_quiet(True, 20.0)
    voice.done(25.0)
    assert voice.next(25.0) is None
    assert voice.next_deadline() is None
    voice.set_quiet(False, end)
    assert said(voice, end) == heard
    assert voice.facts() == []


def test_what_is_not_said_for_quiet_hours_is_no_fault() -> None:
    voice = trusted(backlog=1)
    voice.set_quiet(True, 0.0)
    assert [voice.announce(key, HELLO, 0.0) for key in ("A1", "A2", "A3")] == [[], [], []]
    voice.set_quiet(False, 90.0)
    assert voice.next(90.0) is None
    assert voice.facts() == []


def test_a_call_is_not_said_any_more_when_it_is_too_old_unless_it_was_called_again() -> None:
    voice = trusted(times=1)
    for key in ("A1", "A2", "A3"):
        voice.announce(key, HELLO, 0.0)
    voice.announce("A2", HELLO, 30.0)
    assert voice.next(50.0) == Job("A1", HELLO, first=True)
    assert voice.done(61.0) == [Failing(Health("degraded", "voice_late"), "A3")]
    assert voice.next(61.0) == Job("A2", HELLO, first=True)
    assert voice.done(70.0) == [OK]


def test_an_old_repetition_is_left_out_without_a_word() -> None:
    voice = trusted()
    voice.announce("A1", HELLO, 0.0)
    voice.next(0.0)
    voice.done(61.0)
    assert voice.next(61.0) is None
    assert voice.facts() == []


# -- failures ----------------------------------------------------------------------------------------------------


def test_trials_come_with_growing_pauses_until_one_succeeds_and_then_what_waited() -> None:
    voice = Voice()
    now = 0.0
    for n, pause in enumerate([*PAUSES, PAUSES[-1]]):
        assert voice.next(now) is TRIAL
        facts = voice.failed("voice_player", "no card", now)
        assert facts == ([Failing(Health("degraded", "voice_player"), "no card")] if n == 0 else [])
        assert voice.next_deadline() == now + pause
        assert voice.next(now + pause - 0.1) is None
        now += pause
    voice.announce("A1", HELLO, now)
    assert voice.next(now) is TRIAL
    assert voice.done(now) == [OK]
    assert said(voice, now) == ["A1", "A1"]


def test_after_a_fault_old_calls_are_left_out_and_the_oldest_of_the_others_comes_first() -> None:
    voice = trusted(times=1)
    voice.announce("A1", HELLO, 0.0)
    assert voice.next(0.0)
    assert voice.failed("voice_player", "unplugged", 0.0) == [Failing(Health("degraded", "voice_player"), "unplugged")]
    for at, key in ((10.0, "A2"), (40.0, "A3"), (50.0, "A4")):
        assert voice.announce(key, HELLO, at) == []
    assert voice.next(80.0) is TRIAL
    assert voice.done(80.0) == [OK], "what was lost was lost to the player, which was told"
    assert said(voice, 80.0) == ["A3", "A4"]
    assert voice.facts() == []


def test_an_announcement_that_failed_is_tried_once_more_after_a_trial() -> None:
    voice = trusted(times=1)
    voice.announce("A1", HELLO, 0.0)
    voice.announce("A2", HELLO, 0.0)
    assert voice.next(0.0) == Job("A1", HELLO, first=True)
    voice.failed("voice_player", "unplugged", 0.0)
    assert voice.next(1.0) is TRIAL
    assert voice.done(1.0) == [OK]
    assert said(voice, 1.0) == ["A1", "A2"]


def test_a_failing_one_that_is_withdrawn_does_not_come_back() -> None:
    voice = trusted()
    voice.announce("A1", HELLO, 0.0)
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
        voice.announce(f"A{number}", HELLO, now)
        for _ in range(10):
            now = voice.next_deadline() or now
            job = voice.next(now)
            if job is None:
                break
            facts += voice.done(now) if job is TRIAL else voice.failed("voice_player", "no", now)
    down = Failing(Health("degraded", "voice_player"), "no")
    assert facts == [down, OK, down]
    voice.announce("B1", HELLO, now)
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
        self.wanted = False
        """Whether what is under way is what was announced last by its key."""
        self.quiet = False
        self.at: dict[str, float] = {}
        """When each that was not withdrawn was called or recalled last."""
        self.said: dict[str, int] = {}
        """How often each was said since then."""

    @rule(key=st.sampled_from("ABCDE"), seconds=st.floats(0, 20))
    def announce(self, key: str, seconds: float) -> None:
        self.now += seconds
        before = self.voice.keys
        self.voice.announce(key, HELLO, self.now)
        unheard = [each for each in before if each not in self.voice.keys and not self.said[each]]
        self.at[key], self.said[key] = self.now, 0
        self.wanted &= self.under_way is not None and self.under_way.key != key
        if unheard:
            assert not any(self.said[each] for each in self.waiting()), "somebody is said twice, and another never"

    @rule(key=st.sampled_from("ABCDE"))
    def withdraw(self, key: str) -> None:
        self.voice.withdraw(key)
        self.at.pop(key, None)
        self.wanted &= self.under_way is not None and self.under_way.key != key

    @rule(quiet=st.booleans())
    def set_quiet(self, quiet: bool) -> None:
        self.voice.set_quiet(quiet, self.now)
        self.quiet = quiet

    @rule(seconds=st.floats(0, 40))
    def play(self, seconds: float) -> None:
        self.now += seconds
        job = self.voice.next(self.now)
        if self.under_way:
            assert job is None, "two at once"
        elif job:
            self.under_way = job
            self.wanted = bool(job.key)
            if job.key:
                assert not self.quiet
                assert self.now - self.at[job.key] <= STALE
                assert job.first == (self.said[job.key] == 0)
                assert self.said[job.key] == min(self.said[each] for each in self.voice.keys) < 2

    @precondition(lambda self: self.under_way)
    @rule(well=st.booleans(), seconds=st.floats(0, 20))
    def end(self, well: bool, seconds: float) -> None:
        assert self.under_way
        self.now += seconds
        if well:
            if self.wanted:
                self.said[self.under_way.key] += 1
            self.voice.done(self.now)
        else:
            self.voice.failed("voice_player", "no", self.now)
        self.under_way, self.wanted = None, False

    def waiting(self) -> list[str]:
        return [key for key in self.voice.keys if not (self.wanted and self.under_way and self.under_way.key == key)]

    @invariant()
    def no_more_than_may_wait(self) -> None:
        assert len(self.waiting()) <= self.backlog
        assert set(self.voice.keys) <= self.at.keys()
        assert len(set(self.voice.keys)) == len(self.voice.keys)

    def teardown(self) -> None:
        """In the end everything that is wanted is said, and it falls silent."""
        self.voice.set_quiet(False, self.now)
        if self.under_way:
            self.voice.done(self.now)
        for _ in range(20):
            deadline = self.voice.next_deadline()
            if deadline is None:
                break
            self.now = max(self.now, deadline)
            if self.voice.next(self.now):
                self.voice.done(self.now)
        assert self.voice.next_deadline() is None
        assert self.voice.keys == []


Talking.TestCase.settings = examples(100, stateful_step_count=40)
TestTalking = Talking.TestCase


# -- the post ----------------------------------------------------------------------------------------------------


class Hall:
    """A lobby, its desk and its voice; `quiet` is the test's."""

    def __init__(self, journal: Journal) -> None:
        self.scene = Scene(branch({str(counter): {"cash": 0} for counter in range(1, 9)}))
        self.voice = trusted()
        self.quiet = False
        self.asked: list[Request] = []
        self.desk = Hub(
            self.scene.rules, journal, self.asked.append, lambda: True, lambda: self.scene.now, steady=self.steady
        )
        post = VoiceAdapter(
            "voice",
            self.voice,
            [wording("zh"), wording("en")],
            self.desk.context,
            lambda: None,
            yao=False,
            quiet=lambda: self.quiet,
        )
        self.desk.add(post)

    def steady(self) -> float:
        """The voice's clock, in seconds."""
        return (self.scene.now - NINE) / 1000

    def told(self) -> list[tuple[str, str]]:
        """The states of the voice that were to be written, with their details."""
        commands = [request.command for request in self.asked]
        return [(each.state, each.detail) for each in commands if isinstance(each, ReportDevice)]

    def do(self, *commands: Command) -> None:
        """Commands that are decided in one step, half a minute after the last."""
        self.scene.now += 30_000
        events: list[Event] = []
        for command in commands:
            decided = self.scene.do(replace(command, at=command.at + self.scene.now - NINE))
            assert isinstance(decided, list), decided
            events += decided
        self.desk.published(Step([Row(1, NINE, "2026-11-23", event, "", 0) for event in events], self.scene.state))


def of(command: type[Command], counter: str, at: int = NINE, **more: str) -> Command:
    return command(at=at, cause="", counter=counter, **more)  # type: ignore[call-arg]


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    journal = Journal(tmp_path / "lobby.db")
    hall = Hall(journal)
    for _ in range(8):
        hall.scene.take("cash")
    yield hall
    journal.close()


def test_a_call_is_announced_and_a_recall_does_not_pile_up(hall: Hall) -> None:
    hall.do(of(CallNext, "1"))
    hall.do(of(Recall, "1"))
    hall.do(of(CallNext, "2"))
    assert said(hall.voice) == ["A001", "A002", "A001", "A002"]
    hall.do(of(Recall, "1"))
    job = hall.voice.next(0.0)
    assert job
    assert texts(list(job.phrases)) == ["请 A 零 零 一 号到 一 号窗口", "Ticket A, zero, zero, one, to counter one,"]


@pytest.mark.parametrize(
    "ending",
    [
        of(Start, "1"),
        of(Finish, "1"),
        of(NoShow, "1"),
        of(Hold, "1"),
        of(Transfer, "1", digits="02"),
        of(Close, "1"),
        RollOver(at=NINE + 24 * 3600 * 1000, cause=""),
    ],
    ids=lambda command: type(command).__name__,
)
def test_a_ticket_that_its_counter_does_not_expect_is_not_announced(hall: Hall, ending: Command) -> None:
    hall.do(of(CallNext, "1"))
    hall.do(ending)
    assert said(hall.voice) == []


def test_a_call_that_ends_in_its_own_step_is_not_announced(hall: Hall) -> None:
    hall.do(of(CallNext, "1"), of(CallNext, "1"))
    assert hall.voice.keys == ["A002"]


def test_a_ticket_called_by_another_counter_is_sent_there_alone(hall: Hall) -> None:
    hall.do(of(CallNext, "1"))
    hall.do(of(Transfer, "1", digits="02"), of(CallNext, "2"))
    job = hall.voice.next(0.0)
    assert job
    assert texts(list(job.phrases))[1] == "Ticket A, zero, zero, one, to counter two,"


def test_a_call_in_quiet_hours_is_spoken_when_they_end_soon(hall: Hall) -> None:
    hall.quiet = True
    for counter in "123":
        hall.do(of(CallNext, counter))
    assert said(hall.voice, hall.steady()) == []
    hall.quiet = False
    hall.do(of(CallNext, "4"))
    assert said(hall.voice, hall.steady()) == ["A002", "A003", "A004"] * 2, "A001 was called 90 s ago"
    assert hall.told() == []


def test_a_call_that_had_to_be_left_out_is_told_of_the_device(hall: Hall, caplog: pytest.LogCaptureFixture) -> None:
    hall.do(*(of(CallNext, counter) for counter in "12345678"))
    assert hall.told() == [("degraded", "voice_late")]
    assert said(hall.voice, hall.steady()) == ["A003", "A004", "A005", "A006", "A007", "A008"] * 2
    assert [record.getMessage() for record in caplog.records] == [
        "voice: not every call could be spoken in time (A001); the boards show them; "
        "fewer languages or a higher speed make calls shorter"
    ]


# -- after a restart ---------------------------------------------------------------------------------------------


def test_who_is_being_called_at_a_restart_is_announced_once_and_nobody_else(hall: Hall) -> None:
    scene = hall.scene
    for counter in "12":
        scene.call(counter)
    scene.wait(2)
    scene.do(of(Recall, "2", at=scene.now))
    scene.now += 20_000
    for counter in "34":
        scene.call(counter)
    scene.do(of(Start, "4", at=scene.now))
    scene.now += 35_000
    hall.desk.begin(scene.state)
    assert hall.voice.keys == ["A002", "A003"], "A001 was called long ago, and A004 is there"
    assert said(hall.voice, hall.steady()) == ["A002", "A003"]


def test_what_is_announced_at_a_restart_grows_old_and_is_withdrawn_as_ever(hall: Hall) -> None:
    hall.scene.call("1")
    hall.scene.now += 40_000
    hall.scene.call("2")
    hall.desk.begin(hall.scene.state)
    assert hall.voice.keys == ["A001", "A002"]
    hall.do(of(NoShow, "2"))
    assert said(hall.voice, hall.steady()) == []


def test_a_clock_that_was_set_back_at_a_restart_silences_nobody(hall: Hall) -> None:
    hall.scene.call("1")
    hall.scene.now -= 5_000
    hall.desk.begin(hall.scene.state)
    assert said(hall.voice) == ["A001"]


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
