"""What the voice says of a lobby at work, and after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from branches import NINE, branch
from branches import Lobby as Scene
from voices import said, texts, trusted

from controller.config import wording
from controller.devices.hub import Hub
from controller.devices.voice import VoiceAdapter
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
from controller.lobby.model.rules import HallZone
from drivers.voice import Voice

# -- the post ----------------------------------------------------------------------------------------------------


class Hall:
    """A lobby, its desk and its voice; `quiet` is the test's."""

    def __init__(self, journal: Journal) -> None:
        counters = {str(counter): {"cash": 0} for counter in range(1, 9)}
        self.scene = Scene(branch(counters, others={"zh": branch(counters, language="zh")}))
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
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "lobby.db")
    yield journal
    journal.close()


@pytest.fixture
def hall(journal: Journal) -> Hall:
    hall = Hall(journal)
    for _ in range(8):
        hall.scene.take("cash")
    return hall


def test_a_call_is_announced_and_a_recall_does_not_pile_up(hall: Hall) -> None:
    hall.do(of(CallNext, "1"))
    hall.do(of(Recall, "1"))
    hall.do(of(CallNext, "2"))
    assert said(hall.voice) == ["A001", "A002", "A001", "A002"]
    hall.do(of(Recall, "1"))
    job = hall.voice.next(0.0)
    assert job
    assert texts(list(job.phrases)) == ["请 A 零 零 一 号到 一 号窗口", "Ticket A, zero, zero, one, to counter one,"]


def test_a_call_is_in_the_language_that_its_customer_has_chosen(hall: Hall) -> None:
    hall.scene.take("cash", language="zh")
    for counter in range(1, 9):
        hall.do(of(CallNext, str(counter)))
        hall.do(of(Finish, str(counter)))
    hall.do(of(CallNext, "1"))
    job = hall.voice.next(0.0)
    assert job
    assert texts(list(job.phrases)) == ["请 A 零 零 九 号到 一 号窗口"]
    hall.voice.done(0.0)


def test_a_call_in_a_language_that_the_voice_has_not_is_in_those_that_it_has(journal: Journal) -> None:
    counters = {"1": {"cash": 0}}
    scene = Scene(branch(counters, others={"zh": branch(counters, language="zh")}))
    hub = Hub(scene.rules, journal, lambda request: None, lambda: True, lambda: NINE, steady=lambda: 0.0)
    voice = trusted()
    hub.add(VoiceAdapter("voice", voice, [wording("en")], hub.context, lambda: None, yao=False, quiet=lambda: False))
    scene.take("cash", language="zh")
    scene.call("1")
    hub.begin(scene.state)
    job = voice.next(0.0)
    assert job
    assert texts(list(job.phrases)) == ["Ticket A, zero, zero, one, to counter one,"]


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


# -- zones -------------------------------------------------------------------------------------------------------


@pytest.fixture
def upstairs(hall: Hall) -> Voice:
    """A second voice in the hall, that of counters 3 and 4; the first is that of counters 1 and 2."""
    down, up = HallZone("down", "Down", ("1", "2"), ("cash",)), HallZone("up", "Up", ("3", "4"), ("cash",))
    voice = trusted()
    hall.scene.rules = replace(hall.scene.rules, hall_zones={"down": down, "up": up})
    hall.desk.reconfigure(hall.scene.rules)
    for id, queue, zone in (("voice", hall.voice, "down"), ("up", voice, "up")):
        languages = [wording("en")]
        hall.desk.add(
            VoiceAdapter(
                id, queue, languages, hall.desk.context, lambda: None, yao=False, quiet=lambda: False, zone=zone
            )
        )
    return voice


def test_a_voice_of_a_zone_speaks_the_calls_of_its_counters_alone(hall: Hall, upstairs: Voice) -> None:
    for counter in "3165":
        hall.do(of(CallNext, counter))
    assert (hall.voice.keys, upstairs.keys) == (["A002"], ["A001"])
    hall.do(of(Recall, "3"))
    hall.do(of(Transfer, "1", digits="03"))
    assert (hall.voice.keys, upstairs.keys) == ([], ["A001"])


def test_a_restart_is_spoken_of_in_the_zone_alone(hall: Hall, upstairs: Voice) -> None:
    for counter in "135":
        hall.scene.call(counter)
    hall.desk.begin(hall.scene.state)
    assert (hall.voice.keys, upstairs.keys) == (["A001"], ["A002"])


def test_a_zone_that_is_configured_anew_counts_from_the_next_call(hall: Hall, upstairs: Voice) -> None:
    zones = {**hall.scene.rules.hall_zones, "up": HallZone("up", "Up", ("5",), ("cash",))}
    hall.desk.reconfigure(replace(hall.scene.rules, hall_zones=zones))
    for counter in "35":
        hall.do(of(CallNext, counter))
    assert upstairs.keys == ["A002"]
