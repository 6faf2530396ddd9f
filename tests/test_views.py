"""What displays and tickets say of the wait: whole minutes, and the words for them."""

from __future__ import annotations

import pytest
from branches import Lobby, branch
from hypothesis import given
from hypothesis import strategies as st

from controller.lobby import commands as cm
from controller.lobby import views


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
    assert lobby.do(cm.Open(at=lobby.now, cause="", counter="1"))
    for _ in range(4):
        lobby.take("cash")
        lobby.call("1")
    first, *_, last = lobby.state.tickets.values()
    assert views.ticket_fields(lobby.state, lobby.rules, first, "")["wait"] == ""
    told = views.ticket_fields(lobby.state, lobby.rules, last, "")["wait"]
    assert told == views.in_words(lobby.rules, views.in_minutes(last.expected))
    assert told.endswith(" min")


def test_a_ticket_has_the_code_it_is_given() -> None:
    lobby = Lobby(branch({"1": {"cash": 0}}))
    ticket = lobby.state.tickets[lobby.take("cash")]
    fields = views.ticket_fields(lobby.state, lobby.rules, ticket, "the code")
    assert fields["qr"] == "the code"
    assert (fields["ticket"], fields["ahead"], fields["class"], fields["reprint"]) == ("A001", "0", "", "")


def test_a_vip_has_only_those_ahead_whom_it_does_not_pass() -> None:
    lobby = Lobby(branch({"1": {"cash": 0, "personal": 0}}))
    for minutes in (9, 2, 0):
        lobby.take("cash")
        lobby.take("personal")
        lobby.wait(minutes)
    vip = lobby.state.tickets[lobby.take("cash", "vip")]
    assert views.ahead_of(lobby.state, lobby.rules, vip, lobby.now) == 2
    last = lobby.state.tickets[lobby.take("cash")]
    assert views.ahead_of(lobby.state, lobby.rules, last, lobby.now) == 7
    lobby.call("1")
    assert views.ahead_of(lobby.state, lobby.rules, last, lobby.now) == 6


def test_the_halls_last_line_tells_in_turn_who_is_next_and_how_long_it_takes() -> None:
    lobby = Lobby(branch({"1": {"cash": 0}, "2": {"personal": 0}}))
    waits = {"cash": (12, 18), "personal": (0, 0)}
    turn = views.FOOTER_TURN * 1000

    def shown(seconds: int) -> str:
        return views.footer(lobby.state, lobby.rules, waits, seconds * turn + turn // 2)

    assert [shown(n) for n in range(2)] == ["Cash 12-18 min", "Personal now"]
    chinese = branch({"1": {"cash": 0}, "2": {"personal": 0}}, language="zh")
    assert [views.footer(lobby.state, chinese, waits, n * turn) for n in range(2)] == [
        "Cash12-18分",
        "Personal随到随办",
    ]
    for _ in range(4):
        lobby.take("cash")
    said = [shown(n) for n in range(6)]
    assert said[:3] == said[3:]
    assert said[1:3] == ["Cash 12-18 min", "Personal now"]
    assert said[0] == lobby.rules.wording.say("board.soon", tickets="A001 A002")
    assert views.footer(Lobby(lobby.rules).state, lobby.rules, {}, lobby.now) == ""
