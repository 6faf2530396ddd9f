"""What the lobby manager is shown."""

from __future__ import annotations

import json

from branches import (
    MINUTE_MS,
    NINE,
    Lobby,
    asking,
    branch,
    branches,
    half_hours,
    history,
    long_steps,
)
from chance import examples
from hypothesis import given
from hypothesis import strategies as st
from shown import console, counter, do, manage, page, rules

from controller.lobby.actions.hold import Hold
from controller.lobby.actions.no_show import NoShow
from controller.lobby.actions.open_counter import Open
from controller.lobby.actions.pause_counter import Pause
from controller.lobby.actions.promote import Promote
from controller.lobby.actions.reassign import Reassign
from controller.lobby.actions.report_print import ReportPrint
from controller.lobby.actions.return_ticket import Return
from controller.lobby.actions.start import Start
from controller.lobby.actions.undo import Undo
from controller.lobby.actions.windows import CheckWindows
from controller.lobby.forecast import staffing, waiting
from controller.lobby.model.outcome import Refusal
from controller.lobby.model.rules import Appointments, Rules
from controller.lobby.model.state import Stage
from controller.lobby.rule import pick
from controller.lobby.show import screens, views

# -- the lobby manager ---------------------------------------------------------------------------------------------


def test_the_console_lists_who_waits_in_the_order_of_the_rule() -> None:
    lobby = Lobby(rules(appointments=Appointments(half_hours("09:00", "12:00"))))
    lobby.take("cash", form=True, needs=("change",))
    lobby.wait(9)
    lobby.take("personal", "vip")
    lobby.take("cash", "appointment", slot="09:30")
    lobby.wait(3)
    lobby.take("cash", "green")
    manage(lobby, Reassign, "A001", counter="2")
    found = console(lobby)
    assert [item["ticket"] for item in found["waiting"]] == ["A003", "B001", "A001", "A002"]
    green, _, first, early = found["waiting"]
    assert first == {
        "ticket": "A001",
        "ahead": 2,
        "service": "cash",
        "class": "normal",
        "since": NINE,
        "only": "2",
        "passed": 0,
        "returned": False,
        "early": False,
        "needs": ["form", "change"],
        "undo": True,
        "roll": False,
        "expected": 0,
    }
    assert (green["undo"], green["only"], green["since"]) == (False, "", NINE + 12 * MINUTE_MS)
    assert (early["early"], early["since"]) == (True, NINE + 30 * MINUTE_MS)
    assert found["waiting_more"] == 0
    lobby.wait(8)
    assert not any(item["early"] for item in console(lobby)["waiting"])
    manage(lobby, Undo, "A001")
    assert [(i["ticket"], i["undo"], i["only"]) for i in console(lobby)["waiting"] if i["ticket"] == "A001"] == [
        ("A001", False, "")
    ]
    manage(lobby, Reassign, "A001")
    assert [i["only"] for i in console(lobby)["waiting"]] == [""] * 4, "anybody is nobody in particular"


def test_what_can_be_undone_is_marked_as_long_as_it_can() -> None:
    lobby = Lobby(rules())
    lobby.take("cash")
    manage(lobby, Promote, "A001", klass="green", reason="elderly")
    assert console(lobby)["waiting"][0]["undo"] is True
    lobby.call("1")
    do(lobby, NoShow, counter="1")
    manage(lobby, Return, "A001")
    (item,) = console(lobby)["waiting"]
    assert (item["undo"], item["returned"]) == (False, True)


def test_the_console_counts_by_service_and_class_and_knows_who_has_waited_longest() -> None:
    lobby = Lobby(rules())
    for klass in ("vip", "", ""):
        lobby.wait(3)
        lobby.take("cash", klass)
    found = console(lobby, waits={"cash": (12, 18)})
    assert found["services"] == [
        {"id": "cash", "name": "Cash", "waiting": 3, "wait": "12-18 min", "longest": NINE + 3 * MINUTE_MS},
        {"id": "personal", "name": "Personal", "waiting": 0, "wait": "", "longest": 0},
    ]
    counts = {each["id"]: each["waiting"] for each in found["classes"]}
    assert counts == {"normal": 2, "vip": 1, "appointment": 0, "green": 0, "urgent": 0}
    assert [each["name"] for each in found["classes"]][:2] == ["Normal", "Vip"]


def test_who_has_come_back_has_waited_since_the_paper_and_not_since_the_return() -> None:
    """Wherever in the line that puts them."""
    lobby = Lobby(rules())
    lobby.take("cash")
    lobby.call("1")
    do(lobby, NoShow, counter="1")
    for _ in range(5):
        lobby.wait(0.5)
        lobby.take("cash")
    manage(lobby, Return, "A001")
    found = console(lobby)
    assert [item["ticket"] for item in found["waiting"]][-1] == "A001"
    assert found["services"][0]["longest"] == NINE


def test_the_console_shows_every_counter_and_who_is_there() -> None:
    lobby = Lobby(rules())
    lobby.take("personal", "vip", form=True, needs=("glasses",))
    lobby.take("cash")
    do(lobby, Open, counter="2")
    lobby.wait(1)
    lobby.call("2")
    one, two = console(lobby)["counters"]
    assert one == {
        "id": "1",
        "state": "closed",
        "ticket": "",
        "service": "",
        "class": "",
        "needs": [],
        "since": 0,
        "waiting": 1,
        "serves": {"cash": 0},
        "profile": "",
        "profiles": [],
        "clerk": "",
        "rater": True,
        "reason": "",
        "next": "A001",
        "next_at": 0,
        "stuck_at": 0,
        "served": 0,
        "agreed": {},
    }
    assert two == {
        "id": "2",
        "state": "called",
        "ticket": "B001",
        "service": "personal",
        "class": "vip",
        "needs": ["form", "glasses"],
        "since": NINE + MINUTE_MS,
        "waiting": 1,
        "serves": {"cash": 20, "personal": 0},
        "profile": "",
        "profiles": [],
        "clerk": "",
        "rater": False,
        "reason": "",
        "next": "A001",
        "next_at": two["next_at"],
        "stuck_at": NINE + MINUTE_MS + screens.CALLED_LONG,
        "served": 0,
        "agreed": {},
    }
    do(lobby, Start, counter="2")
    two = console(lobby)["counters"][1]
    assert (two["state"], two["stuck_at"]) == ("serving", 0)
    lobby.wait(1)
    do(lobby, Pause, counter="2", reason="1")
    two = console(lobby)["counters"][1]
    assert (two["state"], two["ticket"], two["since"]) == ("paused", "", lobby.now)
    assert (two["reason"], two["served"]) == ("1", 1)


def test_the_console_tells_who_is_called_next_where_and_about_when() -> None:
    lobby = Lobby(branch({"1": {"cash": 0}, "2": {"personal": 0}}))
    for service in ("cash", "personal", "cash", "cash"):
        lobby.take(service)
        lobby.wait(1)
    found = console(lobby)
    assert [item["expected"] for item in found["waiting"]] == [0] * 4, "nobody serves: nobody can tell"
    assert [(each["next"], each["next_at"]) for each in found["counters"]] == [("A001", 0), ("B001", 0)]
    lobby.call("1")
    do(lobby, Open, counter="2")
    found = console(lobby)
    order = sorted(found["waiting"], key=lambda item: item["expected"])
    assert [item["ticket"] for item in order] == ["B001", "A002", "A003"]
    expected = {item["ticket"]: item["expected"] for item in order}
    assert expected["B001"] == lobby.now, "counter 2 is free"
    one, two = found["counters"]
    assert (one["next"], one["next_at"]) == ("A002", expected["A002"])
    assert (two["next"], two["next_at"]) == ("B001", lobby.now)
    assert lobby.now < expected["A002"] < expected["A003"] < lobby.now + 30 * MINUTE_MS
    coming = {call.place.ticket: call.counter for call in waiting.coming(lobby.state, lobby.rules, lobby.now, 3)}
    assert coming["A002"] == "1", "who is expected where is what the rule rolled forward gives"


def test_a_window_of_which_the_advice_was_accepted_says_so_until_it_has_happened_or_is_long_ago() -> None:
    lobby = Lobby(rules())

    def agreed() -> list[dict[str, int]]:
        return [counter["agreed"] for counter in console(lobby)["counters"]]

    lobby.state.windows.accepted = {("open", "1"): lobby.now, ("close", "2"): lobby.now}
    assert agreed() == [{"open": lobby.now}, {"close": lobby.now}]
    do(lobby, Open, counter="1")
    assert agreed() == [{}, {"close": lobby.now}]
    lobby.wait(staffing.ACCEPTED_FOR / 60)
    assert agreed() == [{}, {}]


def test_the_console_shows_who_has_gone_astray() -> None:
    lobby = Lobby(rules())
    for _ in range(screens.MISSED_LISTED + 3):
        lobby.take("cash", "vip")
        lobby.call("1")
        lobby.wait(0.5)
        do(lobby, NoShow, counter="1")
    lobby.take("personal", paper="ready")
    lobby.call("2")
    do(lobby, Hold, counter="2")
    lobby.do(ReportPrint(at=lobby.now, cause="", ticket="B001", copy=1, result="unknown"))
    found = console(lobby, printer=True)
    assert [item["ticket"] for item in found["missed"]] == [f"A{n:03d}" for n in range(23, 3, -1)], (
        "the last ones first"
    )
    assert found["missed"][0] == {
        "ticket": "A023",
        "service": "cash",
        "class": "vip",
        "counter": "1",
        "since": lobby.now,
        "returns_until": lobby.now + 15 * MINUTE_MS,
    }
    assert found["held"] == [
        {"ticket": "B001", "service": "personal", "class": "normal", "counter": "2", "since": lobby.now}
    ]
    assert found["unprinted"][0] == "B001"


def test_the_console_names_what_people_came_for_whom_the_triage_sent_to_a_machine() -> None:
    lobby = Lobby(rules(triage=asking(("cash", "personal"))))
    sent = {"atm-cash": {"advised": 7, "insisted": 2}, "gone": {"advised": 1, "insisted": 0}}
    found = console(lobby, figures={"customers": 9, "self_service": sent})
    assert found["self_service"] == [
        {"id": "atm-cash", "name": "Business › Cash", "advised": 7, "insisted": 2},
        {"id": "gone", "name": "gone", "advised": 1, "insisted": 0},
    ]
    assert console(lobby)["self_service"] == [], "nothing has been counted yet"


def test_a_full_hall_is_listed_from_its_best_on() -> None:
    lobby = Lobby(rules())
    for _ in range(screens.LISTED + 5):
        lobby.take("cash")
    lobby.take("cash", "green")
    found = console(lobby)
    assert (len(found["waiting"]), found["waiting_more"]) == (screens.LISTED, 6)
    assert found["waiting"][0]["class"] == "green"


def test_what_others_know_is_passed_on_as_it_is() -> None:
    lobby = Lobby(rules())
    lobby.take("cash")
    for _ in range(2):
        lobby.do(CheckWindows(at=lobby.now, cause=""))
    devices = {
        "printer": {"state": "degraded", "detail": "out of paper", "since": NINE, "name": "Ticket printer"},
        "page.tv-hall": {"state": "ok", "detail": "", "since": NINE},
        "window-2": {"state": "ok", "detail": "", "since": NINE, "name": "Window display, counter 2"},
    }
    places = {"window-2": 1, "printer": 2, "page.tv-hall": 3}
    recent = [{"at": NINE, "text": "A001", "by": "user/li", "kind": "ticket_called", "ticket": "A001"}]
    faults = [{"id": "device:printer", "text": "out of paper"}]
    found = console(
        lobby,
        faults=faults,
        devices={id: {**about, "place": places[id]} for id, about in devices.items()},
        figures={"customers": 1},
        recent=recent,
    )
    assert found["advice"] == views.advice(lobby.state, lobby.rules)["items"] != []
    assert found["devices"] == [
        {"id": "printer", "name": "Ticket printer", **devices["printer"]},
        {"id": "window-2", **devices["window-2"]},
        {"id": "page.tv-hall", "name": "tv-hall (browser)", **devices["page.tv-hall"]},
    ], "the worst first, and else each at its place"
    assert (found["figures"], found["recent"], found["faults"]) == ({"customers": 1}, recent, faults)


@examples(40)
@given(rules=branches(), seed=st.integers(0, 2**32 - 1))
def test_any_lobby_can_be_shown(rules: Rules, seed: int) -> None:
    """As data that goes over the wire, alike to what displays show, and nothing changes by looking."""
    lobby = history(rules, long_steps(seed, 150))
    state = lobby.state
    before = state.picture()
    shown = [
        screens.television(state, rules, lobby.now, [], {}),
        screens.kiosk(state, rules, lobby.now, [], {}, paper=False),
        *(counter(lobby, id) for id in rules.counters),
        *(page(lobby, id) for id in [*state.tickets][-20:]),
        found := console(lobby),
    ]
    for each in shown:
        assert json.loads(json.dumps(each)) == each
        assert (each["now"], each["branch"]) == (lobby.now, rules.branch_name)
    assert state.picture() == before
    waits = [ticket for ticket in state.tickets.values() if ticket.stage is Stage.WAITING]
    assert len(found["waiting"]) + found["waiting_more"] == len(waits)
    assert {item["ticket"] for item in found["waiting"]} <= {ticket.id for ticket in waits}
    assert sum(each["waiting"] for each in found["services"]) == sum(each["waiting"] for each in found["classes"])
    for each in found["services"]:
        own = [ticket.waits_from for ticket in waits if ticket.service == each["id"]]
        assert (each["waiting"], each["longest"]) == (len(own), min(own, default=0)), each
    for item in found["waiting"]:
        undone = Undo(at=lobby.now, cause="", by="user/li", ticket=item["ticket"])
        nothing = Refusal("nothing_to_undo", (("ticket", item["ticket"]),))
        assert (lobby.do(undone) != nothing) == item["undo"]


@examples(40)
@given(seed=st.integers(0, 2**32 - 1))
def test_where_all_do_everything_the_console_lists_who_is_called_next(seed: int) -> None:
    lobby = history(branch({"1": {"cash": 0, "personal": 0}}, pass_limit=10**9), long_steps(seed, 150))
    found = pick(lobby.state, lobby.rules, lobby.rules.counters["1"], lobby.now)
    order = [item["ticket"] for item in console(lobby)["waiting"]]
    assert order[:1] == ([found.ticket.id] if found else [])
