"""The voice of the hall: what is said, in which order, and what happens when nothing can be said."""

from __future__ import annotations

import pytest
from chance import examples
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from voices import said, texts, trusted

from controller.config import wording
from controller.devices.voice import call
from drivers.device import OK, Health
from drivers.voice import PAUSES, STALE, TRIAL, Failing, Job, Voice, phrase

HELLO = (phrase("en", "hello"),)


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
