"""What the hall, counters and customers are shown."""

from __future__ import annotations

import json
import re
from typing import Any

from branches import (
    MINUTE_MS,
    NINE,
    Lobby,
    asking,
    branch,
    half_hours,
    hours,
)
from shown import console, counter, do, manage, page, rules

from controller.lobby.actions.cancel import Cancel
from controller.lobby.actions.close_counter import Close
from controller.lobby.actions.finish import Finish
from controller.lobby.actions.hold import Hold
from controller.lobby.actions.no_show import NoShow
from controller.lobby.actions.open_counter import Open
from controller.lobby.actions.pause_counter import Pause
from controller.lobby.actions.recall import Recall
from controller.lobby.actions.return_ticket import Return
from controller.lobby.actions.start import Start
from controller.lobby.actions.unhold import Unhold
from controller.lobby.model.rules import Appointments, PauseReason
from controller.lobby.model.triage import NEEDS
from controller.lobby.show import hall, screens, views

# -- the hall ------------------------------------------------------------------------------------------------------


def test_the_television_tells_calls_who_is_next_and_how_long_it_takes() -> None:
    lobby = Lobby(rules())
    for service in ("cash", "personal", "cash", "cash"):
        lobby.take(service)
        lobby.wait(1)
    lobby.call("1")
    lobby.wait(1)
    lobby.call("2")
    found = screens.television(
        lobby.state, lobby.rules, lobby.now, ["No tickets"], {"cash": (5, 10), "personal": (0, 0)}
    )
    assert found == {
        "now": lobby.now,
        "branch": "Test",
        "zone": "",
        "calls": [
            {"ticket": "B001", "counter": "2", "at": NINE + 5 * MINUTE_MS, "in_hand": True, "language": "en"},
            {"ticket": "A001", "counter": "1", "at": NINE + 4 * MINUTE_MS, "in_hand": True, "language": "en"},
        ],
        "large": {"ticket": "B001", "counter": "2", "at": lobby.now, "until": lobby.now + hall.LARGE * 1000},
        "counters": [
            {"id": "1", "state": "called", "ticket": "A001", "at": NINE + 4 * MINUTE_MS},
            {"id": "2", "state": "called", "ticket": "B001", "at": NINE + 5 * MINUTE_MS},
        ],
        "soon": ["A002", "A003"],
        "missed": [],
        "services": [
            {"id": "cash", "name": "Cash", "waiting": 2, "wait": "5-10 min"},
            {"id": "personal", "name": "Personal", "waiting": 0, "wait": "now"},
        ],
        "notices": ["No tickets"],
        "posted": [],
        "closed": None,
    }
    do(lobby, Recall, counter="1")
    assert screens.television(lobby.state, lobby.rules, lobby.now, [], {})["calls"][0]["ticket"] == "A001"
    do(lobby, NoShow, counter="1")
    found = screens.television(lobby.state, lobby.rules, lobby.now, [], {})
    assert [call["ticket"] for call in found["calls"]] == ["B001"], "nobody shall go there any more"
    assert [service["wait"] for service in found["services"]] == ["", ""], "nobody can tell"
    do(lobby, Start, counter="2")
    do(lobby, Finish, counter="2")
    found = screens.television(lobby.state, lobby.rules, lobby.now, [], {})
    assert [(call["ticket"], call["in_hand"]) for call in found["calls"]] == [("B001", False)]


def test_the_screen_above_a_counter_tells_what_is_called_there_and_since_when() -> None:
    lobby = Lobby(rules())

    def shown(id: str = "1") -> dict[str, Any]:
        return screens.display(lobby.state, lobby.rules, lobby.rules.counters[id], lobby.now, "")

    assert shown() == {
        "now": lobby.now,
        "branch": "Test",
        "counter": "1",
        "state": "closed",
        "ticket": "",
        "called": 0,
        "trouble": "",
    }
    lobby.take("cash")
    lobby.call("1")
    called = lobby.now
    assert (shown()["state"], shown()["ticket"], shown()["called"]) == ("called", "A001", called)
    lobby.wait(1)
    do(lobby, Recall, counter="1")
    assert shown()["called"] == called + MINUTE_MS
    do(lobby, Start, counter="1")
    assert (shown()["state"], shown()["ticket"]) == ("serving", "A001")
    do(lobby, Pause, counter="1")
    assert (shown()["state"], shown()["ticket"], shown("2")["state"]) == ("paused", "", "closed")


def test_who_missed_a_call_is_on_the_television_for_as_long_as_they_may_come_back() -> None:
    lobby = Lobby(rules(returns=1))

    def missed() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = screens.television(lobby.state, lobby.rules, lobby.now, [], {})["missed"]
        return found

    def miss() -> int:
        lobby.call("1")
        do(lobby, NoShow, counter="1")
        return lobby.now + 15 * MINUTE_MS

    for _ in range(4):
        lobby.take("cash")
    until = {}
    for ticket in ("A001", "A002", "A003", "A004"):
        until[ticket] = miss()
        lobby.wait(1)
    assert missed() == [{"ticket": ticket, "until": until[ticket]} for ticket in ("A004", "A003", "A002", "A001")]
    manage(lobby, Return, "A003")
    assert [each["ticket"] for each in missed()] == ["A004", "A002", "A001"]
    lobby.wait(11)
    assert [each["ticket"] for each in missed()] == ["A004", "A002"], "too late at the very time that is told"
    miss()
    assert [each["ticket"] for each in missed()] == ["A004", "A002"], "it has come back as often as it may"


def test_the_kiosk_offers_what_is_given_now() -> None:
    about = {"cash": {"hours": hours("09:00-12:00")}, "personal": {"quota": 1}}
    slots = Appointments(half_hours("09:00", "12:00"), places=1)
    lobby = Lobby(rules(services=about, triage=asking(("cash", "personal")), appointments=slots))

    def kiosk() -> dict[str, Any]:
        return screens.kiosk(lobby.state, lobby.rules, lobby.now, ["notice"], {"cash": (0, 0)}, paper=True)

    found = kiosk()
    look = {"icon": "ticket", "color": "blue", "given": True, "closed": "", "ahead": 0}
    assert found["services"] == [
        {"id": "cash", "name": "Cash", "wait": "now", **look},
        {"id": "personal", "name": "Personal", "wait": "", **look},
    ]
    assert found["triage"] == lobby.rules.triage.picture()
    assert found["triage"]["start"] == "begin"
    times = [*(f"{hour:02d}:{minute}" for hour in range(9, 12) for minute in ("00", "30")), "12:00"]
    assert found["slots"] == [{"slot": slot, "state": "open"} for slot in times]
    assert (found["needs"], found["paper"], found["notices"]) == (list(NEEDS), True, ["notice"])
    lobby.take("personal", slot="09:30")
    found = kiosk()
    assert [service["given"] for service in found["services"]] == [True, False]
    assert found["services"][1]["closed"] == "All of today's tickets are taken"
    assert found["slots"][1] == {"slot": "09:30", "state": "full"}
    lobby.wait(180)
    found = kiosk()
    assert [service["given"] for service in found["services"]] == [False, False]
    assert found["services"][0]["closed"] == "Closed at 12:00"
    assert [each["state"] for each in found["slots"]] == ["late"] * 6 + ["open"]
    assert screens.kiosk(lobby.state, lobby.rules, lobby.now, [], {}, paper=False)["paper"] is False


# -- a counter -----------------------------------------------------------------------------------------------------


def test_a_soft_keypad_shows_what_any_keypad_does_and_what_its_keys_are_for() -> None:
    lobby = Lobby(rules())
    found = counter(lobby)
    assert (found["state"], found["ticket"], found["since"], found["service"]) == ("closed", "", 0, "")
    do(lobby, Open, counter="1")
    lobby.wait(1)
    lobby.take("cash", "vip", form=True, needs=("time",))
    lobby.take("cash")
    lobby.wait(1)
    lobby.call("1")
    do(lobby, Recall, counter="1")
    found = counter(lobby)
    for key, shown in views.screen(lobby.state, lobby.rules, lobby.rules.counters["1"], lobby.now).items():
        assert found[key] == shown, key
    assert (found["state"], found["ticket"], found["next"], found["waiting"]) == ("called", "A001", "A002", 1)
    assert (found["service"], found["class"], found["since"]) == ("Cash", "Vip", NINE + 2 * MINUTE_MS)
    assert (found["recalls"], found["needs"], found["held"]) == (1, ["form", "time"], [])
    assert found["services"] == [{"key": "1", "name": "Cash"}, {"key": "2", "name": "Personal"}]
    assert (found["counters"], found["rater"]) == (["2"], True)
    do(lobby, Start, counter="1")
    assert counter(lobby)["state"] == "serving"
    lobby.wait(1)
    lobby.call("1")
    found = counter(lobby)
    assert (found["ticket"], found["class"], found["recalls"]) == ("A002", "", 0)
    assert counter(lobby, "2")["rater"] is False


def test_a_counter_where_nobody_is_sees_who_is_next_how_long_all_wait_and_how_the_last_one_left() -> None:
    lobby = Lobby(rules(pauses={"1": PauseReason("Lunch")}))

    def idle() -> tuple[Any, ...]:
        found = counter(lobby)
        return found["coming"], found["longest"], found["last"], found["pause"]

    assert idle() == (None, 0, None, "")
    lobby.take("cash", "vip")
    lobby.take("cash")
    first = lobby.now
    lobby.wait(5)
    vip = {"service": "Cash", "class": "Vip", "since": first}
    assert idle() == (vip, first, None, "")
    lobby.call("1")
    lobby.wait(1)
    do(lobby, Start, counter="1")
    do(lobby, Finish, counter="1")
    left = {"ticket": "A001", "at": lobby.now, "how": "finished"}
    assert idle() == (vip | {"class": ""}, first, left, "")
    lobby.call("1")
    do(lobby, NoShow, counter="1")
    assert idle() == (None, 0, left | {"ticket": "A002", "how": "missed"}, "")
    manage(lobby, Return, "A002")
    assert idle()[2] == left | {"ticket": "A002", "how": "moved"}
    lobby.call("1")
    do(lobby, Hold, counter="1")
    assert idle()[2]["how"] == "held"
    do(lobby, Pause, counter="1", reason="1")
    assert idle()[3] == "Lunch"


def test_a_soft_keypad_lists_what_its_own_counter_holds_the_longest_first() -> None:
    lobby = Lobby(rules(services={"personal": {}}))
    for _ in range(3):
        lobby.take("cash")
    for id in ("1", "1", "2"):
        lobby.call(id)
        do(lobby, Hold, counter=id)
        lobby.wait(1)
    assert counter(lobby)["held"] == ["A001", "A002"]
    assert counter(lobby, "2")["held"] == ["A003"]
    do(lobby, Unhold, counter="1", digits="2")
    do(lobby, Hold, counter="1")
    assert counter(lobby)["held"] == ["A001", "A002"]
    do(lobby, Unhold, counter="1")
    lobby.wait(1)
    do(lobby, Hold, counter="1")
    do(lobby, Pause, counter="1")
    found = counter(lobby)
    assert (found["held"], found["state"], found["since"]) == (["A002", "A001"], "paused", lobby.now)


# -- a customer's own page -----------------------------------------------------------------------------------------


def test_a_tickets_page_follows_it_from_the_paper_to_the_end() -> None:
    lobby = Lobby(rules(services={"cash": {"minutes": 4}}))
    do(lobby, Open, counter="1")
    for _ in range(3):
        lobby.take("cash")
    lobby.call("1")
    found = page(lobby, "A003")
    assert (found["state"], found["ahead"], found["counter"], found["since"]) == ("waiting", 1, "", NINE)
    assert re.fullmatch(r"\d+-\d+ min", found["wait"])
    assert (found["ticket"], found["service"], found["branch"], found["returns_until"]) == ("A003", "Cash", "Test", 0)
    lobby.call("1")
    lobby.call("1")
    found = page(lobby, "A003")
    assert (found["state"], found["ahead"], found["wait"], found["counter"]) == ("called", 0, "", "1")
    do(lobby, Start, counter="1")
    assert page(lobby, "A003")["state"] == "serving"
    do(lobby, Hold, counter="1")
    found = page(lobby, "A003")
    assert (found["state"], found["counter"]) == ("held", ""), "it is not to go there now"
    do(lobby, Unhold, counter="1")
    lobby.wait(2)
    do(lobby, NoShow, counter="1")
    found = page(lobby, "A003")
    assert (found["state"], found["counter"], found["wait"]) == ("missed", "", "")
    assert found["returns_until"] == lobby.now + 15 * MINUTE_MS
    manage(lobby, Return, "A003")
    assert (page(lobby, "A003")["state"], page(lobby, "A003")["returns_until"]) == ("waiting", 0)
    manage(lobby, Cancel, "A003")
    assert page(lobby, "A003")["state"] == "cancelled"
    assert page(lobby, "A001")["state"] == "finished"


def test_who_has_come_back_too_often_is_told_no_time_to_come_back() -> None:
    lobby = Lobby(rules(returns=0))
    lobby.take("cash")
    lobby.call("1")
    do(lobby, NoShow, counter="1")
    assert page(lobby, "A001")["returns_until"] == 0
    assert console(lobby)["missed"][0]["returns_until"] == 0


def test_a_page_tells_no_wait_where_nobody_serves() -> None:
    lobby = Lobby(branch({"1": {"cash": 0}, "2": {"personal": 0}}))
    for id in ("1", "2"):
        do(lobby, Open, counter=id)
    do(lobby, Close, counter="1")
    lobby.take("cash")
    assert (page(lobby, "A001")["wait"], page(lobby, "A001")["ahead"]) == ("", 0)


def test_nothing_personal_is_on_a_tickets_page() -> None:
    """Neither what somebody needs nor the class they were given: a page may be looked at by others."""
    lobby = Lobby(rules())
    lobby.take("cash", "green", form=True, needs=("glasses",), reason="elderly")
    text = json.dumps(page(lobby, "A001")).lower()
    assert not [word for word in ("green", "glasses", "form", "elderly", "needs", "class") if word in text]
