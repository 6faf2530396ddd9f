"""What hall boards show of the whole branch or of one zone of it, and what their cards are given to speak."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from boards import GOLDEN, answer, areas
from branches import NINE, Lobby, branch

from controller.devices.bx import KIND, BxSettings
from controller.devices.hub import Hub
from controller.devices.kit import Adapter
from controller.engine import Step
from controller.journal import Journal, Remark
from controller.lobby.actions.call_next import CallNext
from controller.lobby.actions.command import Command
from controller.lobby.actions.finish import Finish
from controller.lobby.actions.open_counter import Open
from controller.lobby.actions.post_notice import PostNotice
from controller.lobby.actions.recall import Recall
from controller.lobby.aggregate import Row
from controller.lobby.model.rules import HallZone, Rules
from controller.lobby.show import boards, screens
from drivers.bx import BxBoard
from drivers.bx_frame import Area, Effect

COUNTERS = {"1": {"cash": 0}, "2": {"cash": 0}, "3": {"personal": 0}, "4": {"corporate": 0}}
UP = HallZone("up", "Upstairs", ("3", "4"), ("personal", "corporate"))
DOWN = HallZone("down", "Downstairs", ("1", "2"), ("cash",))
LINK = "tcp:10.0.0.7:5005"


def rules(language: str = "en") -> Rules:
    return replace(branch(COUNTERS, language=language, recall_gap=0), hall_zones={"up": UP, "down": DOWN})


def called(*counters: str, language: str = "en") -> Lobby:
    """A lobby in which these counters have called, a second apart."""
    lobby = Lobby(rules(language))
    for _ in range(20):
        lobby.take("cash")
    for service in ("personal", "personal", "corporate"):
        lobby.take(service)
    for counter in counters:
        lobby.now += 1000
        assert lobby.call(counter)
    return lobby


# -- what is shown -----------------------------------------------------------------------------------------------


def test_a_zone_shows_its_own_calls_newest_first() -> None:
    lobby = called("3", "1", "4", "2")
    assert boards.calls(lobby.state, lobby.rules, 4) == [
        "A002 Counter 2",
        "C001 Counter 4",
        "A001 Counter 1",
        "B001 Counter 3",
    ]
    assert boards.calls(lobby.state, lobby.rules, 4, UP) == ["C001 Counter 4", "B001 Counter 3"]
    assert boards.calls(lobby.state, lobby.rules, 1, DOWN) == ["A002 Counter 2"]


def test_a_call_at_work_is_not_pushed_off_its_zones_boards_by_those_of_other_zones() -> None:
    lobby = called("3", *["1"] * 15)
    assert len(boards.calls(lobby.state, lobby.rules, 16)) == 12
    assert boards.calls(lobby.state, lobby.rules, 4, UP) == ["B001 Counter 3"]
    shown = screens.television(lobby.state, lobby.rules, lobby.now, [], {}, zone=UP)["calls"]
    assert [call["ticket"] for call in shown] == ["B001"], "as its televisions"
    assert not isinstance(lobby.do(Finish(at=lobby.now, cause="", counter="3")), str)
    assert boards.calls(lobby.state, lobby.rules, 4, UP) == []


def test_the_line_in_turn_is_of_the_zones_services_and_counters() -> None:
    lobby = called("1", "3")
    lobby.do(Open(at=lobby.now, cause="", counter="4"))
    waits = {"cash": (12, 18), "personal": (5, 9)}
    turn = boards.FOOTER_TURN * 1000

    def said(zone: HallZone | None) -> set[str]:
        return {boards.footer(lobby.state, lobby.rules, waits, turn * n, zone) for n in range(4)}

    soon = lobby.rules.wording.say("board.soon", tickets="C001 B002")
    assert said(UP) == {soon, "Personal 5-9 min"}
    assert said(DOWN) >= {"Cash 12-18 min"}
    assert not said(DOWN) & said(UP)
    assert said(None) >= {"Cash 12-18 min", "Personal 5-9 min"}


# -- a board at work ---------------------------------------------------------------------------------------------


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "lobby.db")
    yield journal
    journal.close()


class Hall:
    """A lobby, its hub and a board, whose card answers at once."""

    def __init__(self, journal: Journal, lobby: Lobby, **settings: Any) -> None:
        self.lobby = lobby
        self.hub = Hub(lobby.rules, journal, lambda request: None, lambda: True, lambda: lobby.now, steady=self.steady)
        self.board: BxBoard
        settings = {"id": "hall", "driver": "bx", "link": LINK, "model": "6k1", **settings}
        device = BxSettings.model_validate(settings)
        adapter = KIND.build(device, replace(self.hub.context, connect=self._connect))
        assert isinstance(adapter, Adapter)
        self.hub.add(adapter)
        self.spoken: list[str] = []
        self.shown: list[Area] = []

    def _connect(self, id: str, driver: Any, link: Any) -> Any:
        self.board = driver
        return self.hub.context.connect(id, driver, link)

    def steady(self) -> float:
        """Monotonic seconds."""
        return (self.lobby.now - NINE) / 1000

    def begin(self) -> None:
        """The daemon starts, and the card answers."""
        self.hub.begin(self.lobby.state)
        self.board.connected(self.steady())
        self.pass_time(0)

    def press(self, kind: type[Command], counter: str) -> None:
        """A key at a counter, told to everybody."""
        decided = self.lobby.do(kind(at=self.lobby.now, cause="", counter=counter))  # type: ignore[call-arg]
        assert isinstance(decided, list), decided
        rows = [Row(1, self.lobby.now, "2026-11-23", event, "", 0) for event in decided]
        self.hub.published(Step(rows, self.lobby.state))
        self.pass_time(0)

    def pass_time(self, seconds: float) -> None:
        until = self.steady() + seconds
        while True:
            now = self.steady()
            self.board.tick(now)
            while data := self.board.data_to_send(now):
                if data != GOLDEN["ping"]:
                    self.shown = areas(data)
                    self.spoken += [a.speech.words.decode("gb2312") for a in self.shown if a.speech]
                self.board.receive(answer(), now)
            deadline = self.board.next_deadline()
            if deadline is None or deadline > until:
                break
            self.lobby.now = max(self.lobby.now, NINE + round(deadline * 1000) + 1)
        self.lobby.now = max(self.lobby.now, NINE + round(until * 1000))

    def lines(self) -> list[str]:
        return [area.text.decode("gb2312").rstrip() for area in self.shown]

    def looks(self) -> None:
        """What the daemon does every few seconds."""
        self.hub.looked_ahead()
        self.pass_time(0)


def test_without_areas_a_board_is_lines_of_one_size_and_its_footer() -> None:
    device = BxSettings.model_validate({"id": "h", "driver": "bx", "link": LINK, "model": "6k1", "footer": True})
    (calls, strips), (footer, last) = device.parts
    assert (calls, [strip.y for strip in strips]) == ("calls", [0, 16, 32])
    assert (footer, [strip.y for strip in last]) == ("footer", [48])
    assert not any(strip.color or strip.moves for strip in (*strips, *last))
    assert not device.speaks


def test_each_area_shows_its_own_in_its_color(journal: Journal) -> None:
    hall = Hall(
        journal,
        called("1", "2", "3"),
        color="red",
        new_color="yellow",
        footer_color="green",
        areas=[
            {"shows": "footer", "y": 48, "width": 128, "height": 16},
            {"shows": "calls", "width": 128, "height": 48, "lines": 2},
            {"shows": "calls", "x": 128, "width": 64, "height": 16, "color": "green"},
            {"shows": "notice", "x": 128, "y": 16, "width": 64, "height": 16},
        ],
    )
    hall.begin()
    assert [(area.x & 0x7FFF, area.y, area.width & 0x7FFF, area.height) for area in hall.shown] == [
        (0, 48, 128, 16),
        (0, 0, 128, 24),
        (0, 24, 128, 24),
        (128, 0, 64, 16),
        (128, 16, 64, 16),
    ]
    lobby = hall.lobby
    assert hall.lines()[0] == "\\C2" + boards.footer(lobby.state, lobby.rules, {}, lobby.now)[:16]
    assert hall.lines()[1:] == ["\\C3B001 Counter 3", "\\C1A002 Counter 2", "\\C3B001 Cou", "\\C2"]


def test_a_board_of_a_zone_shows_and_speaks_what_is_called_there(journal: Journal) -> None:
    hall = Hall(journal, called(language="zh"), zone="up", lines=2, voice={"quiet": []})
    hall.begin()
    for counter in ("1", "3", "4", "2"):
        hall.press(CallNext, counter)
    assert hall.lines() == ["C001→4号窗口", "B001→3号窗口"]
    hall.pass_time(30)
    assert hall.spoken == ["请B001号到3号窗口", "请C001号到4号窗口"]
    hall.press(Recall, "3")
    hall.pass_time(600)
    assert hall.spoken[2:] == ["请B001号到3号窗口"], "called again it is news; the level of each minute is none"


def test_who_is_being_called_at_a_restart_is_spoken_once(journal: Journal) -> None:
    hall = Hall(journal, called("1", "2", "3"), zone="down", voice={})
    hall.begin()
    hall.pass_time(300)
    hall.looks()
    assert hall.spoken == ["Ticket A001 to counter 1", "Ticket A002 to counter 2"]


def test_a_call_that_is_over_before_its_turn_is_not_spoken(journal: Journal) -> None:
    hall = Hall(journal, called(), voice={})
    hall.begin()
    hall.press(CallNext, "1")
    hall.press(CallNext, "2")
    hall.press(Finish, "2")
    hall.pass_time(60)
    assert hall.spoken == ["Ticket A001 to counter 1"]


def test_a_card_is_silent_in_quiet_hours_and_speaks_what_is_young_after_them(journal: Journal) -> None:
    hall = Hall(journal, called(), voice={"quiet": "09:00-09:01"})
    hall.begin()
    hall.press(CallNext, "1")
    hall.pass_time(50)
    assert hall.spoken == []
    hall.press(CallNext, "2")
    hall.pass_time(15)
    hall.looks()
    assert hall.spoken == ["Ticket A002 to counter 2"]


def test_a_board_without_a_voice_is_given_nothing_to_speak(journal: Journal) -> None:
    hall = Hall(journal, called())
    hall.begin()
    hall.press(CallNext, "1")
    hall.pass_time(100)
    assert (hall.lines()[0], hall.spoken) == ("A001 Counter 1", [])


def test_a_notice_is_up_as_soon_as_it_is_posted_and_after_a_restart(journal: Journal) -> None:
    areas = [{"shows": "notice", "width": 128, "height": 16}]
    hall = Hall(journal, called(), areas=areas)
    hall.begin()
    assert hall.lines() == [""]
    for number, words in enumerate(("The lift is out of order", "Coins at 3"), 1):
        (posted,) = hall.lobby.do(PostNotice(at=hall.lobby.now, cause="", by="user/li", words=words))
        row = Row(number, hall.lobby.now, hall.lobby.state.day, posted, f"notice {number}", 0)
        journal.append([row], [Remark(row.cause, row.at, words)]).result()
        hall.hub.published(Step([row], hall.lobby.state))
        hall.pass_time(0)
    assert hall.lines() == ["The lift is out of order    Coins at 3"]
    assert hall.shown[0].effect == Effect.LEFT
    again = Hall(journal, hall.lobby, areas=areas)
    again.begin()
    assert again.lines() == hall.lines()
