"""What televisions show of the hall beside the calls: large type, a line a counter, zones, notices, after hours."""

from __future__ import annotations

from typing import Any

from branches import MINUTE, MINUTE_MS, Lobby, branch, hours, local

from controller.lobby.actions.close_counter import Close
from controller.lobby.actions.command import Command
from controller.lobby.actions.finish import Finish
from controller.lobby.actions.hold import Hold
from controller.lobby.actions.no_show import NoShow
from controller.lobby.actions.open_counter import Open
from controller.lobby.actions.pause_counter import Pause
from controller.lobby.actions.post_notice import EndNotice, PostNotice
from controller.lobby.actions.recall import Recall
from controller.lobby.model.outcome import Refusal
from controller.lobby.model.rules import HallZone, Rules
from controller.lobby.show import hall, screens

COUNTERS = {"1": {"cash": 0}, "2": {"cash": 0}, "3": {"personal": 0}, "4": {"corporate": 0}}
WEST = HallZone("west", "West hall", ("1", "3"), ("cash", "personal"))
DAY = "09:00-12:00 13:30-17:00"


def rules(**more: Any) -> Rules:
    return branch(COUNTERS, **({"recall_gap": 0} | more))


def by_the_clock(*services: str) -> Rules:
    return rules(services={service: {"hours": hours(DAY, 15 * MINUTE)} for service in services})


def do(lobby: Lobby, kind: type[Command], **about: Any) -> None:
    answer = lobby.do(kind(at=lobby.now, cause="", **about))
    assert not isinstance(answer, Refusal), answer


def television(lobby: Lobby, zone: HallZone | None = None, words: dict[str, str] | None = None) -> dict[str, Any]:
    return screens.television(lobby.state, lobby.rules, lobby.now, [], {}, words, zone)


def large(lobby: Lobby, zone: HallZone | None = None) -> str:
    """Who is in large type, and where to."""
    call = television(lobby, zone)["large"]
    return f"{call['ticket']} {call['counter']}" if call else ""


def called(*counters: str) -> Lobby:
    """A lobby in which these counters have called, a second apart."""
    lobby = Lobby(rules())
    for service in ("cash", "cash", "cash", "personal", "corporate"):
        lobby.take(service)
    for counter in counters:
        lobby.now += 1000
        assert lobby.call(counter)
    return lobby


def test_a_call_is_in_large_type_for_a_minute_and_no_older_one_after_it() -> None:
    lobby = called("1", "2")
    assert large(lobby) == "A002 2"
    lobby.now += hall.LARGE * 1000 - 1
    assert large(lobby) == "A002 2"
    lobby.now += 1
    assert large(lobby) == ""
    do(lobby, Recall, counter="1")
    assert large(lobby) == "A001 1", "called again it is news"


def test_no_older_call_is_promoted_when_the_newest_is_over_or_taken_back() -> None:
    for key in (NoShow, Finish, Hold):
        lobby = called("1", "2")
        do(lobby, key, counter="2")
        assert large(lobby) == "", key
    lobby = called("1", "2")
    do(lobby, NoShow, counter="1")
    assert large(lobby) == "A002 2"
    assert lobby.replayed().picture() == lobby.state.picture()


def test_a_line_a_counter_in_their_order_says_what_it_does() -> None:
    lobby = called("3", "1", "2")
    do(lobby, Finish, counter="1")
    do(lobby, NoShow, counter="3")
    do(lobby, Pause, counter="3", reason="1")
    lines = television(lobby)["counters"]
    assert [(line["id"], line["state"], line["ticket"]) for line in lines] == [
        ("1", "open", ""),
        ("2", "called", "A002"),
        ("3", "paused", ""),
        ("4", "closed", ""),
    ]
    do(lobby, Close, counter="2")
    assert television(lobby)["counters"][1]["state"] == "closed"


def test_a_zone_shows_its_own_counters_and_services() -> None:
    lobby = called("3", "1", "2")
    found = television(lobby, WEST)
    assert found["zone"] == "West hall"
    assert [call["ticket"] for call in found["calls"]] == ["A001", "B001"]
    assert large(lobby, WEST) == "A001 1", "what is newest elsewhere is none of its business"
    assert [line["id"] for line in found["counters"]] == ["1", "3"]
    assert [service["id"] for service in found["services"]] == ["cash", "personal"]
    assert television(lobby)["soon"] == ["A003"]
    do(lobby, Finish, counter="2")
    do(lobby, NoShow, counter="3")
    assert [each["ticket"] for each in television(lobby, WEST)["missed"]] == ["B001"]
    east = HallZone("east", "East", ("4",), ("corporate",))
    assert (television(lobby, east)["missed"], television(lobby, east)["soon"]) == ([], [])
    do(lobby, Open, counter="4")
    assert television(lobby, east)["soon"] == ["C001"]


def test_the_lobby_managers_notices_are_up_until_their_end() -> None:
    lobby = called("1")
    do(lobby, PostNotice, by="user/li", words="x", minutes=30)
    do(lobby, PostNotice, by="user/li", words="y")
    do(lobby, PostNotice, by="user/li", words="z")
    words = {"1": "Lift out\nof order\u202e", "2": "<b>Coins</b> at 3"}

    def shown() -> list[tuple[str, int]]:
        return [(each["text"], each["until"]) for each in television(lobby, words=words)["posted"]]

    half, night = lobby.now + 30 * MINUTE_MS, lobby.rules.end_of_day(lobby.now)
    assert shown() == [("Lift out of order", half), ("<b>Coins</b> at 3", night)], "purged words are not shown"
    lobby.wait(30)
    assert shown() == [("<b>Coins</b> at 3", night)]
    do(lobby, EndNotice, by="user/li", notice="2")
    assert shown() == []


def test_a_closed_branch_says_when_it_opens_next_unless_somebody_is_still_there() -> None:
    lobby = Lobby(by_the_clock("cash", "personal", "corporate"), local("2026-11-23 09:00"))

    def closed(at: str) -> str:
        lobby.now = local(at)
        found = television(lobby)["closed"]
        return lobby.rules.local(found["opens"]).strftime("%a %H:%M") if found else "open"

    assert closed("2026-11-23 09:00") == "open"
    assert closed("2026-11-23 12:00") == "Mon 13:30", "at noon"
    assert closed("2026-11-23 16:50") == "open", "no tickets any more, but open"
    assert closed("2026-11-23 17:00") == "Tue 09:00"
    lobby.now = local("2026-11-23 16:00")
    lobby.take("cash")
    assert closed("2026-11-23 17:05") == "open", "somebody waits"
    lobby.call("1")
    assert closed("2026-11-23 17:06") == "open", "somebody is served"
    do(lobby, Hold, counter="1")
    assert closed("2026-11-23 17:07") == "open", "somebody is to come back"


def test_a_branch_with_a_service_at_any_time_is_never_closed() -> None:
    lobby = Lobby(by_the_clock("cash"), local("2026-11-23 23:00"))
    assert television(lobby)["closed"] is None
    cash = HallZone("cash", "Cash", ("1", "2"), ("cash",))
    assert television(lobby, cash)["closed"] is not None
