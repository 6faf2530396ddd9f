"""What displays and tickets say of the wait: whole minutes, and the words for them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from branches import BANK, USUAL, Lobby, branch, long_steps
from hypothesis import given
from hypothesis import strategies as st

from controller.config import read
from controller.lobby import rule
from controller.lobby.actions.ask_help import AskHelp
from controller.lobby.actions.call_next import CallNext, TicketCalled
from controller.lobby.actions.close_counter import Close
from controller.lobby.actions.command import Command, CounterCommand
from controller.lobby.actions.open_counter import Open
from controller.lobby.actions.pause_counter import Pause
from controller.lobby.actions.reassign import Reassign
from controller.lobby.actions.registry import Decision
from controller.lobby.actions.start import Start
from controller.lobby.aggregate import Aggregate
from controller.lobby.model.state import open_counters
from controller.lobby.show import boards, views
from controller.lobby.show.ahead import ahead_of
from simulators.customers import day as customers_of
from simulators.days.virtual import VirtualDay


@pytest.mark.parametrize(
    ("seconds", "minutes"),
    [
        ((0, 0, 0), (0, 1)),
        ((1, 2, 3), (0, 1)),
        ((60, 61, 61), (1, 2)),
        ((119, 150, 180), (1, 3)),
        ((300, 300, 300), (5, 6)),
        ((540, 700, 900), (9, 15)),
        ((540, 700, 1200), (9, 20)),
        ((541, 700, 1201), (9, 25)),  # above 20 in fives
        ((1200, 1500, 1860), (20, 35)),
        ((1499, 1500, 1860), (20, 35)),
        ((3601, 3700, 3900), (60, 65)),
    ],
)
def test_a_range_in_minutes(seconds: tuple[int, int, int], minutes: tuple[int, int]) -> None:
    assert views.in_minutes(seconds) == minutes


@given(st.lists(st.integers(0, 100_000), min_size=3, max_size=3).map(sorted))
def test_the_minutes_hold_what_was_reckoned(seconds: list[int]) -> None:
    least, most = views.in_minutes(seconds)
    assert least * 60 <= seconds[0] < least * 60 + (300 if least >= 20 else 60)
    assert max(seconds[2], least * 60 + 60) <= most * 60 < max(seconds[2], least * 60 + 60) + (300 if most > 20 else 60)
    assert most <= 20 or most % 5 == 0
    assert views.in_minutes((60 * least, 60 * most)) == (least, most), "what is told stays so"


@pytest.mark.parametrize(
    ("minutes", "en", "zh"),
    [
        (None, "", ""),
        ((0, 0), "now", "马上办理"),
        ((0, 1), "0-1 min", "0-1 分钟"),
        ((5, 5), "about 5 min", "约 5 分钟"),
        ((12, 18), "12-18 min", "12-18 分钟"),
        ((600, 605), "more than 10 h", "超过 10 小时"),
    ],
)
def test_a_range_in_words(minutes: tuple[int, int] | None, en: str, zh: str) -> None:
    for language, words in (("en", en), ("zh", zh)):
        assert views.in_words(branch({"1": {"cash": 0}}, language=language), minutes) == words


def test_a_ticket_tells_its_wait_unless_a_counter_is_free() -> None:
    lobby = Lobby(branch({"1": {"cash": 0}}, services={"cash": {"minutes": 4}}))
    assert lobby.do(Open(at=lobby.now, cause="", counter="1"))
    for _ in range(4):
        lobby.take("cash")
        lobby.call("1")
    first, *_, last = lobby.state.tickets.values()
    assert views.ticket_fields(lobby.state, lobby.rules, first, "", lobby.now)["wait"] == ""
    told = views.ticket_fields(lobby.state, lobby.rules, last, "", lobby.now)["wait"]
    assert told == views.in_words(lobby.rules, views.in_minutes(last.expected))
    assert told.endswith(" min")


def test_a_ticket_has_the_code_it_is_given() -> None:
    lobby = Lobby(branch({"1": {"cash": 0}}))
    ticket = lobby.state.tickets[lobby.take("cash")]
    fields = views.ticket_fields(lobby.state, lobby.rules, ticket, "the code", lobby.now)
    assert fields["qr"] == "the code"
    assert (fields["ticket"], fields["ahead"], fields["class"], fields["reprint"]) == ("A001", "0", "", "")


def test_a_vip_has_only_those_ahead_whom_it_does_not_pass() -> None:
    lobby = Lobby(branch({"1": {"cash": 0, "personal": 0}}))
    for minutes in (9, 2, 0):
        lobby.take("cash")
        lobby.take("personal")
        lobby.wait(minutes)
    vip = lobby.state.tickets[lobby.take("cash", "vip")]
    assert ahead_of(lobby.state, lobby.rules, vip, lobby.now) == 2
    last = lobby.state.tickets[lobby.take("cash")]
    assert ahead_of(lobby.state, lobby.rules, last, lobby.now) == 7
    lobby.call("1")
    assert ahead_of(lobby.state, lobby.rules, last, lobby.now) == 6


def test_the_halls_last_line_tells_in_turn_who_is_next_and_how_long_it_takes() -> None:
    lobby = Lobby(branch({"1": {"cash": 0}, "2": {"personal": 0}}))
    waits = {"cash": (12, 18), "personal": (0, 0)}
    turn = boards.FOOTER_TURN * 1000

    def shown(seconds: int) -> str:
        return boards.footer(lobby.state, lobby.rules, waits, seconds * turn + turn // 2)

    assert [shown(n) for n in range(2)] == ["Cash 12-18 min", "Personal now"]
    chinese = branch({"1": {"cash": 0}, "2": {"personal": 0}}, language="zh")
    assert [boards.footer(lobby.state, chinese, waits, n * turn) for n in range(2)] == [
        "Cash12-18分",
        "Personal随到随办",
    ]
    lobby.do(Open(at=lobby.now, cause="", counter="1"))
    for _ in range(4):
        lobby.take("cash")
    said = [shown(n) for n in range(6)]
    assert said[:3] == said[3:]
    assert said[1:3] == ["Cash 12-18 min", "Personal now"]
    assert said[0] == lobby.rules.wording.say("board.soon", tickets="A001 A002")
    assert boards.footer(Lobby(lobby.rules).state, lobby.rules, {}, lobby.now) == ""


# -- who is soon to come ----------------------------------------------------------------------------------------------


def opened(*counters: str, **about: Any) -> Lobby:
    """Three counters, of which some are open: 2 lends cash a hand, 3 does personal alone."""
    lobby = Lobby(branch({"1": {"cash": 0}, "2": {"personal": 0, "cash": 10}, "3": {"personal": 0}}, **about))
    for counter in counters:
        assert lobby.do(Open(at=lobby.now, cause="", counter=counter))
    return lobby


def soon(lobby: Lobby) -> list[str]:
    return views.soon(lobby.state, lobby.rules, lobby.now)


def staged(lobby: Lobby) -> dict[str, str]:
    """What each counter's keypad says should come near, and what it shows beside it is what it would call."""
    found = {}
    for id, counter in lobby.rules.counters.items():
        screen = views.screen(lobby.state, lobby.rules, counter, lobby.now)
        pick = rule.pick(lobby.state, lobby.rules, counter, lobby.now)
        assert screen["next"] == (pick.ticket.id if pick else "")
        calls = views.coming(lobby.state, lobby.rules, lobby.now)
        assert screen == views.screen(lobby.state, lobby.rules, counter, lobby.now, calls)
        found[id] = screen["stage"]
    return found


def test_whom_no_open_counter_may_serve_is_not_soon_to_come() -> None:
    lobby = opened("1")
    lobby.take("personal")
    for _ in range(4):
        lobby.take("cash")
    assert soon(lobby) == ["A001", "A002", "A003"]
    lobby.do(Reassign(at=lobby.now, cause="", by="panel", ticket="A002", counter="3"))
    assert soon(lobby) == ["A001", "A003", "A004"]
    lobby.do(Open(at=lobby.now, cause="", counter="3"))
    assert soon(lobby) == ["A001", "B001", "A003"], "each is dealt to a counter that is free"
    for counter in ("1", "3"):
        lobby.do(Close(at=lobby.now, cause="", counter=counter))
    assert soon(lobby) == [], "nobody is there to call"


def test_who_is_soon_to_come_counts_as_later_where_it_is_borrowed() -> None:
    lobby = opened("2")
    lobby.take("cash")
    lobby.wait(9)
    lobby.take("personal")
    lobby.wait(2)
    lobby.take("personal")
    assert soon(lobby) == ["B001", "A001", "B002"]


def test_one_ticket_is_asked_to_come_near_to_one_counter_and_is_among_those_announced() -> None:
    """Counters 2 and 3 would call the same next one."""
    lobby = opened("1", "2", "3", services={id: {"minutes": 4} for id in ("cash", "personal")})
    for _ in range(2):
        lobby.take("personal")
    lobby.take("cash")
    for counter in ("1", "2", "3"):
        lobby.call(counter)
        lobby.wait(0.1)
    for _ in range(3):
        lobby.take("personal")
    lobby.wait(3.8)
    assert [views.screen(lobby.state, lobby.rules, lobby.rules.counters[id], lobby.now)["next"] for id in "23"] == [
        "B003",
        "B003",
    ]
    assert staged(lobby) == {"1": "", "2": "B003", "3": "B004"}
    lobby.take("cash")
    assert staged(lobby) == {"1": "A002", "2": "B003", "3": "B004"}
    assert sorted(soon(lobby)) == ["A002", "B003", "B004"]


@pytest.mark.parametrize("seed", range(8))
def test_whatever_happens_each_ticket_is_asked_to_one_counter_only(seed: int) -> None:
    print(f"seed {seed}")
    lobby = Lobby(branch({"1": {"cash": 0}, "2": {"cash": 0, "personal": 5}, "3": {"personal": 0, "cash": 5}}))
    shown = 0
    for step in long_steps(seed, 250, (*USUAL, *("take",) * 4)):
        lobby.step(step)
        near = [ticket for ticket in staged(lobby).values() if ticket]
        assert len(set(near)) == len(near)
        assert set(near) <= set(soon(lobby))
        may = open_counters(lobby.state, lobby.rules)
        for ticket in map(lobby.state.tickets.__getitem__, soon(lobby)):
            assert any(c.handicap(ticket.service, ticket.klass, ticket.only) is not None for c in may)
        shown += len(near)
    assert shown


class Watched(Aggregate):
    """A lobby that notes of each call by the rule, with more waiting than are announced, whether it had been."""

    announced: list[bool]

    def do(self, command: Command) -> Decision:
        if not isinstance(command, CallNext):
            return super().do(command)
        waiting = sum(map(len, self.state.lines.values()))
        named = views.soon(self.state, self.rules, command.at)
        decision = super().do(command)
        if isinstance(decision, list) and isinstance(decision[-1], TicketCalled) and waiting > views.SOON:
            self.announced.append(decision[-1].ticket in named)
        return decision


def test_nine_of_ten_calls_have_been_announced(tmp_path: Path) -> None:
    """On busy days of a branch whose counters lend each other a hand."""
    path = tmp_path / "branch.toml"
    path.write_text(BANK, "utf-8")
    rules = read(path).rules
    announced: list[bool] = []
    day = date(2026, 11, 10)
    assert rules.profile(day.isoformat()).id == "busy"
    for seed in range(71, 79):
        print(f"seed {seed}")
        lobby = Watched(rules)
        lobby.announced = announced
        VirtualDay(lobby, day, customers_of(rules, "busy", str(seed))).run()
    print(f"{sum(announced)} of {len(announced)}")
    assert len(announced) > 100
    assert sum(announced) >= 0.9 * len(announced)


def test_who_waits_for_a_service_that_is_not_there_any_more_is_counted() -> None:
    """After a change of the configuration."""
    lobby = Lobby(branch({"1": {"cash": 0, "personal": 0}}))
    for klass in ("normal", "normal", "vip"):
        lobby.take("personal", klass)
    without = replace(lobby.rules, services={"cash": lobby.rules.services["cash"]})
    assert views.waiting_by_service(lobby.state, without) == {"cash": 0, "personal": 3}


def test_two_minutes_before_a_counter_is_expected_to_be_free_its_next_customer_should_come_near() -> None:
    lobby = Lobby(branch({"1": {"cash": 0}}, services={"cash": {"minutes": 4}}))
    lobby.take("cash")
    lobby.take("cash")
    lobby.call("1")
    for seconds, near in ((0, ""), (119, ""), (120, ""), (121, "A002"), (600, "A002")):
        shown = views.screen(lobby.state, lobby.rules, lobby.rules.counters["1"], lobby.now + seconds * 1000)
        assert (shown["stage"], shown["next"]) == (near, "A002"), seconds


def test_a_windows_display_shows_the_ticket_in_hand_or_what_the_counter_does() -> None:
    lobby = Lobby(branch({"1": {"cash": 0}, "2": {"cash": 0}}))

    def shown(counter: str = "1") -> tuple[str, str]:
        return views.window_lines(lobby.state, lobby.rules, counter)

    def do(command: type[CounterCommand], **more: str) -> None:
        lobby.do(command(at=lobby.now, cause="", counter="1", **more))

    assert shown() == ("CLOSED", "Counter 1")
    do(Open)
    assert shown() == ("WELCOME", "Counter 1")
    ticket = lobby.take("cash")
    lobby.call("1")
    assert shown() == (ticket, "Counter 1")
    do(Start)
    assert shown() == (ticket, "Counter 1")
    do(Pause)
    assert shown() == ("BACK SOON", "Counter 1")
    assert shown("2") == ("CLOSED", "Counter 2")


def test_the_staff_are_told_of_a_counter_that_asks_for_help_until_it_has_it() -> None:
    lobby = Lobby(branch({"1": {"cash": 0}, "2": {"cash": 0}}, language="en"))

    def press(kind: type[CounterCommand]) -> list[str]:
        lobby.do(kind(at=lobby.now, cause="", counter="2"))
        return list(views.of_the_counters(lobby.state, lobby.rules))

    assert press(Open) == []
    assert press(AskHelp) == ["Counter 2 asks the lobby manager to come."]
    assert press(AskHelp) == []
    press(AskHelp)
    assert press(Close) == []
