"""Appointments: from when they count, from when they are called, and how many a slot has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from branches import MINUTE, Lobby, branch, half_hours, local

from controller.lobby.actions.cancel import Cancel
from controller.lobby.actions.no_show import NoShow
from controller.lobby.actions.open_counter import Open
from controller.lobby.actions.promote import Promote
from controller.lobby.actions.return_ticket import Return
from controller.lobby.actions.take_ticket import TakeTicket
from controller.lobby.actions.undo import Undo
from controller.lobby.model import calendar
from controller.lobby.model.admission import slots
from controller.lobby.model.outcome import AlreadyDone, Refusal
from controller.lobby.model.rules import Appointments, Rules
from controller.lobby.model.state import LineKey, Stage
from controller.lobby.rule import pick
from controller.lobby.show import figures, views
from controller.lobby.show.ahead import ahead_of

COUNTERS = {"1": {"cash": 0}, "2": {"cash": 20, "personal": 0}}


def rules(services: Mapping[str, Mapping[str, Any]] | None = None, **about: Any) -> Rules:
    slots = Appointments(**{"slots": half_hours("09:00", "17:00")} | about)
    return branch(
        COUNTERS,
        credits={"normal": 0, "appointment": 15, "vip": 10, "urgent": 60},
        appointments=slots,
        services=services,
    )


def clock(lobby: Lobby, seconds: int) -> str:
    return lobby.rules.local(1000 * seconds).strftime("%H:%M")


def at(text: str, **about: Any) -> Lobby:
    """A lobby at a time of its day."""
    return Lobby(rules(**about), local(f"2026-11-23 {text}"))


@pytest.mark.parametrize(
    ("now", "slot", "counts", "from_then"),
    [
        ("08:00", "10:00", "10:00", "09:50"),
        ("09:59", "10:00", "10:00", "09:50"),
        ("10:00", "10:00", "10:00", "09:50"),
        ("10:10", "10:00", "10:00", "09:50"),
        ("10:10:01", "10:00", "10:10", ""),  # late: as everybody who comes now
        ("16:00", "10:00", "16:00", ""),
    ],
)
def test_who_is_in_time_counts_from_the_slot(now: str, slot: str, counts: str, from_then: str) -> None:
    lobby = at(now)
    ticket = lobby.state.tickets[lobby.take("cash", "appointment", slot=slot)]
    assert clock(lobby, ticket.seniority) == counts
    assert (clock(lobby, ticket.not_before) if ticket.not_before else "") == from_then
    assert lobby.rows[-1]["data"].get("slot") is not None


def test_grace_and_early_are_the_branchs() -> None:
    lobby = at("09:00", grace=0, early=0)
    lobby.take("cash", slot="09:00")
    lobby.now += 1000
    lobby.take("cash", slot="09:00")
    lobby.take("cash", slot="09:30")
    first, late, early = lobby.state.tickets.values()
    assert (first.not_before, late.not_before, early.not_before) == (first.seniority, 0, early.seniority)
    assert late.seniority == first.seniority + 1


def test_others_are_called_first_until_its_time() -> None:
    lobby = at("09:00")
    early = lobby.take("cash", "appointment", slot="09:30")  # counts from 09:15
    for _ in range(4):
        lobby.wait(4)
        lobby.take("cash")
    lobby.wait(3.9)
    assert lobby.call("1") == "A002", "at 09:19:54 it is not its time yet"
    lobby.wait(0.1)
    assert lobby.call("1") == "A003", "at 09:20 it competes: A003 came at 09:08, before 09:15"
    assert lobby.call("1") == "A004", "09:12"
    assert lobby.call("1") == early, "and A005 came at 09:16"


def test_an_idle_counter_calls_it_before_its_time_and_says_why() -> None:
    lobby = at("09:00")
    early = lobby.take("cash", slot="11:30")
    lobby.take("personal")
    assert lobby.call("1") == early
    assert lobby.rows[-1]["data"]["why"] == {
        "text": f"{early} is next: its appointment is at 11:30, but nobody else may be called here yet.",
        "guard": False,
        "heads": [{"ticket": early, "key": local("2026-11-23 11:15") // 1000}],
    }


def test_a_counter_that_borrows_calls_it_early_only_if_it_would_be_idle() -> None:
    lobby = at("09:00")
    lobby.take("cash", slot="11:30")
    lobby.take("personal")
    assert lobby.call("2") == "B001"
    assert lobby.call("2") == "A001"


def test_two_before_their_time_are_called_in_the_order_of_the_rule() -> None:
    lobby = at("09:00")
    lobby.take("cash", "normal", slot="11:30")
    lobby.take("cash", "appointment", slot="11:30")
    lobby.take("cash", "appointment", slot="11:00")
    assert [lobby.call("1") for _ in range(3)] == ["A003", "A002", "A001"]


def test_it_is_not_passed_before_its_time() -> None:
    lobby = at("09:00", early=0)
    lobby.take("cash", "appointment", slot="09:00")
    lobby.wait(-5)
    lobby.take("cash", "vip")
    lobby.call("1")
    ticket = lobby.state.tickets["A001"]
    assert (ticket.stage, ticket.passed) == (Stage.WAITING, 0)


@pytest.mark.parametrize("slot", ["09:30", "16:00"])
def test_promoted_it_has_no_time_to_wait_for(slot: str) -> None:
    """It counts from when its ticket was taken: privilege makes nothing worse."""
    lobby = at("09:00", places=1)
    lobby.take("cash", "appointment", slot=slot)
    lobby.wait(10)
    lobby.take("cash")
    lobby.do(Promote(at=lobby.now, cause="", by="panel", ticket="A001", klass="urgent", reason=""))
    assert clock(lobby, lobby.state.tickets["A001"].seniority) == "09:00"
    assert lobby.call("1") == "A001"


def test_whoever_is_late_is_promoted_from_when_they_came() -> None:
    lobby = at("11:35")
    lobby.take("cash", slot="11:30")
    lobby.do(Promote(at=lobby.now, cause="", by="panel", ticket="A001", klass="urgent", reason=""))
    assert clock(lobby, lobby.state.tickets["A001"].seniority) == "11:30", "its slot was before that"


def test_a_promoted_one_that_gives_up_frees_its_place() -> None:
    lobby = at("08:30", places=1)
    lobby.take("cash", slot="09:00")
    lobby.do(Promote(at=lobby.now, cause="", by="panel", ticket="A001", klass="urgent", reason=""))
    lobby.do(Cancel(at=lobby.now, cause="", by="panel", ticket="A001"))
    assert lobby.take("cash", slot="09:00") == "A002"


def test_who_books_is_an_appointment_wherever_they_press() -> None:
    lobby = at("09:00")
    lobby.take("cash", slot="09:30")
    assert lobby.state.tickets["A001"].klass == "appointment"


def test_a_slot_past_midnight_is_of_the_business_day() -> None:
    """The day goes on until the roll-over: 23:50 was ten minutes ago, and 00:10 is in ten."""
    lobby = at("23:59", slots=(23 * 3600 + 50 * 60, 10 * 60), grace=600)
    lobby.take("cash", slot="00:10")
    assert local("2026-11-24 00:10") == lobby.state.tickets["A001"].slot * 1000
    lobby.wait(1)
    lobby.take("cash", slot="23:50")
    ticket = lobby.state.tickets["A002"]
    assert local("2026-11-23 23:50") == ticket.seniority * 1000
    assert lobby.call("1") == "A002"


def test_who_booked_has_a_place_whatever_the_quota_says() -> None:
    lobby = at("09:00", services={"cash": {"quota": 1}})
    lobby.take("cash")
    refused = lobby.do(TakeTicket(at=lobby.now, cause="", by="kiosk", service="cash"))
    assert isinstance(refused, Refusal)
    assert lobby.take("cash", slot="09:30") == "A002"


def test_another_customers_appointment_is_no_impatience() -> None:
    """Within the hold-off only the very same press is the same ticket."""
    lobby = at("09:00")

    def take(**more: Any) -> object:
        press = TakeTicket(at=lobby.now, cause=str(len(lobby.rows)), by="kiosk", service="cash", hold_off=2, **more)
        decision = lobby.do(press)
        return decision.ticket if isinstance(decision, AlreadyDone) else lobby.rows[-1]["data"]["ticket"]

    assert [take(), take(), take(slot="09:30"), take(slot="09:30")] == ["A001", "A001", "A002", "A002"]
    assert [take(slot="10:00"), take(needs=("time",)), take(needs=("time",)), take(form=True)] == [
        "A003",
        "A004",
        "A004",
        "A005",
    ]


def test_a_clock_set_back_takes_nobody_before_an_appointment_that_was_late() -> None:
    lobby = at("11:50", grace=0)
    lobby.take("cash", slot="11:30")
    lobby.wait(-60)
    lobby.take("cash")
    assert clock(lobby, lobby.state.tickets["A002"].seniority) == "11:50"


def test_called_early_and_missed_it_may_still_come_at_its_slot() -> None:
    lobby = at("09:00")
    lobby.take("cash", slot="11:30")
    lobby.call("1")
    lobby.do(NoShow(at=lobby.now, cause="", counter="1"))
    lobby.wait(2.5 * 60)
    assert not isinstance(lobby.do(Return(at=lobby.now, cause="", by="panel", ticket="A001")), Refusal)


def test_it_does_not_move_those_who_come_after_it() -> None:
    """The seniority of a slot in the future is nobody else's."""
    lobby = at("09:00")
    lobby.take("cash", slot="16:00")
    ordinary = lobby.state.tickets[lobby.take("cash")]
    assert clock(lobby, ordinary.seniority) == "09:00"


def test_places_count_who_has_checked_in() -> None:
    lobby = at("08:30", places=2)
    for _ in range(2):
        lobby.take("cash", slot="09:00")
    lobby.take("personal", slot="09:30")
    refused = lobby.do(TakeTicket(at=lobby.now, cause="", by="kiosk", slot="09:00"))
    assert isinstance(refused, Refusal)
    assert refused.text(lobby.rules.wording) == "all 2 places of 09:00 have checked in"
    lobby.wait(24 * 60)
    lobby.take("cash", slot="09:00")


@pytest.mark.parametrize(
    ("slot", "known"), [("09:10", "09:00, 09:30, 10:00"), ("9:00", "09:00, 09:30, 10:00"), ("x", "09:00, 09:30, 10:00")]
)
def test_a_slot_that_is_none(slot: str, known: str) -> None:
    lobby = Lobby(branch(COUNTERS, appointments=Appointments(half_hours("09:00", "10:00"))))
    refused = lobby.do(TakeTicket(at=lobby.now, cause="", by="kiosk", slot=slot))
    assert isinstance(refused, Refusal)
    assert refused.text(lobby.rules.wording) == f"there is no slot {slot}; there are {known}"


def test_a_branch_without_appointments_has_no_slots() -> None:
    lobby = Lobby(branch(COUNTERS))
    refused = lobby.do(TakeTicket(at=lobby.now, cause="", by="kiosk", slot="09:00"))
    assert isinstance(refused, Refusal)
    assert refused.text(lobby.rules.wording) == "there is no slot 09:00; there are -"


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_slots_on_a_day_on_which_the_clocks_change(day: str) -> None:
    lobby = Lobby(branch(COUNTERS, zone="Europe/Berlin", appointments=Appointments((10 * 3600,))))
    lobby.now = local(f"{day} 09:00", "Europe/Berlin")
    ticket = lobby.state.tickets[lobby.take("cash", slot="10:00")]
    assert 1000 * ticket.seniority == local(f"{day} 10:00", "Europe/Berlin") == lobby.now + 60 * MINUTE * 1000


def test_called_before_its_time_and_returned_it_counts_from_that_call() -> None:
    """It has been asked in once: it is not to wait for its slot again."""
    lobby = at("09:00")
    lobby.take("cash", "normal", slot="11:30")
    assert lobby.call("1") == "A001"
    assert lobby.rows[-1]["data"]["seniority"] == local("2026-11-23 09:00") // 1000
    lobby.do(NoShow(at=lobby.now, cause="", counter="1"))
    lobby.do(Return(at=lobby.now, cause="", by="panel", ticket="A001"))
    ticket = lobby.state.tickets["A001"]
    assert (clock(lobby, ticket.seniority), ticket.not_before) == ("09:05", 0)
    assert clock(lobby, ticket.slot) == "11:30"
    lobby.take("cash")
    found = pick(lobby.state, lobby.rules, lobby.rules.counters["1"], lobby.now)
    assert found is not None
    assert found.ticket.id == "A002"


def test_a_no_show_that_returns_keeps_its_slots_time() -> None:
    lobby = at("11:35")
    lobby.take("cash", slot="11:30")
    lobby.wait(4)
    assert lobby.call("1") == "A001"
    lobby.do(NoShow(at=lobby.now, cause="", counter="1"))
    lobby.do(Return(at=lobby.now, cause="", by="panel", ticket="A001"))
    assert clock(lobby, lobby.state.tickets["A001"].seniority) == "11:35"


def test_an_appointment_of_the_evening_does_not_stand_before_others_of_its_class() -> None:
    """A line's head is all that a counter looks at: appointments have lines of their own."""
    lobby = at("10:00", grace=60)
    lobby.take("cash", "normal", slot="09:30")
    lobby.take("cash")
    lobby.take("cash", "normal", slot="16:00")
    keys = {id: ticket.line for id, ticket in lobby.state.tickets.items()}
    assert keys["A001"] == keys["A002"] == LineKey("cash", "normal", "", False), "who is late waits with everybody"
    assert keys["A003"] == LineKey("cash", "normal", "", True)


def test_a_cancelled_check_in_frees_its_place() -> None:
    lobby = at("08:30", places=1)
    lobby.take("cash", slot="09:00")
    lobby.do(Cancel(at=lobby.now, cause="", by="panel", ticket="A001"))
    assert lobby.take("cash", slot="09:00") == "A002"
    lobby.call("1")
    lobby.do(NoShow(at=lobby.now, cause="", counter="1"))
    lobby.do(Cancel(at=lobby.now, cause="", by="panel", ticket="A002"))
    refused = lobby.do(TakeTicket(at=lobby.now, cause="", by="kiosk", slot="09:00"))
    assert isinstance(refused, Refusal), "its place was used: it has been called"


def test_its_wait_begins_with_its_slot() -> None:
    lobby = at("09:00")
    lobby.take("cash", "appointment", slot="10:00")
    lobby.take("cash", "appointment", slot="09:30")
    lobby.wait(65)
    ahead = figures.day(lobby.state, lobby.rules, lobby.now)
    assert (ahead["mean"], ahead["max"]) == (20, 35), "5 and 35 minutes"
    assert lobby.call("1") == "A002"
    assert lobby.call("1") == "A001"
    assert [list(waits) for waits in lobby.state.waits.values()] == [[5 * MINUTE, 35 * MINUTE]]


def test_called_early_it_has_not_waited() -> None:
    lobby = at("09:00")
    lobby.take("cash", slot="11:30")
    lobby.wait(30)
    assert lobby.call("1") == "A001"
    assert figures.day(lobby.state, lobby.rules, lobby.now)["max"] == 0


def test_who_is_told_to_be_soon_and_who_is_ahead() -> None:
    """Before their time appointments stand in nobody's way, and are told as of when they may be called."""
    lobby = at("09:18")
    lobby.do(Open(at=lobby.now, cause="", counter="1"))
    lobby.take("cash", "appointment", slot="09:30")  # counts from 09:15, and from 09:20 on
    lobby.wait(1)
    lobby.take("cash")
    last = lobby.state.tickets[lobby.take("cash")]
    assert views.soon(lobby.state, lobby.rules, lobby.now) == ["A002", "A001", "A003"]
    assert ahead_of(lobby.state, lobby.rules, last, lobby.now) == 1
    lobby.wait(1)
    assert views.soon(lobby.state, lobby.rules, lobby.now) == ["A001", "A002", "A003"]
    last = lobby.state.tickets[lobby.take("cash")]
    assert ahead_of(lobby.state, lobby.rules, last, lobby.now) == 3


def open_slots(lobby: Lobby) -> list[str]:
    return [slot for slot, state in slots(lobby.state, lobby.rules, lobby.now).items() if state == "open"]


@pytest.mark.parametrize(
    ("now", "first"), [("03:10", "09:00"), ("09:10", "09:00"), ("09:10:01", "09:30"), ("17:10:01", "")]
)
def test_the_slots_that_one_can_still_be_in_time_for(now: str, first: str) -> None:
    """From the first to the last of the day: who is early may check in as well."""
    lobby = at(now)
    found = open_slots(lobby)
    assert found == [calendar.clock(start) for start in half_hours(first, "17:00")] if first else found == []
    others = {state for slot, state in slots(lobby.state, lobby.rules, lobby.now).items() if slot not in found}
    assert others <= {"late"}


def test_a_slot_that_is_full_is_not_open_until_somebody_cancels() -> None:
    lobby = at("09:00", places=1)

    def is_open(slot: str) -> bool:
        return slot in open_slots(lobby)

    assert is_open("10:00")
    ticket = lobby.take("cash", slot="10:00")
    assert not is_open("10:00")
    assert slots(lobby.state, lobby.rules, lobby.now)["10:00"] == "full"
    assert is_open("10:30")
    lobby.do(Promote(at=lobby.now, cause="", by="panel", ticket=ticket, klass="urgent", reason=""))
    lobby.do(Undo(at=lobby.now, cause="", by="panel", ticket=ticket))
    assert not is_open("10:00")
    lobby.do(Cancel(at=lobby.now, cause="", by="panel", ticket=ticket))
    assert is_open("10:00")


def test_a_branch_without_appointments_has_no_slot_open() -> None:
    lobby = Lobby(branch(COUNTERS))
    assert open_slots(lobby) == []


def test_whose_promotion_is_undone_has_its_appointment_again() -> None:
    lobby = at("09:00")
    id = lobby.take("cash", "appointment", slot="10:00")
    was = replace(lobby.state.tickets[id])
    lobby.do(Promote(at=lobby.now, cause="", by="panel", ticket=id, klass="urgent", reason=""))
    assert lobby.state.tickets[id].line == LineKey("cash", "urgent", "", slot=False)
    lobby.do(Undo(at=lobby.now, cause="", by="panel", ticket=id))
    assert replace(lobby.state.tickets[id], moved=False) == was
    assert list(lobby.state.lines) == [LineKey("cash", "appointment", "", slot=True)]
    assert lobby.rows[-1]["data"] == {
        "ticket": id,
        "service": "cash",
        "class": "appointment",
        "only": "",
        "by": "panel",
        "slot": was.slot,
        "not_before": was.not_before,
        "seniority": was.seniority,
    }
    assert lobby.replayed().picture() == lobby.state.picture()


def test_one_that_may_be_called_does_not_stand_behind_one_that_may_not() -> None:
    """Called early, missed and back, it waits with everybody: another's slot is nothing to it."""
    lobby = at("08:54", early=0)
    lobby.take("cash", slot="09:00")
    for _ in range(2):
        assert lobby.call("1") == "A001"
        lobby.do(NoShow(at=lobby.now, cause="", counter="1"))
        lobby.do(Return(at=lobby.now, cause="", by="panel", ticket="A001"))
    lobby.take("cash", slot="09:00")
    assert lobby.state.tickets["A001"].seniority > lobby.state.tickets["A002"].seniority
    assert lobby.call("1") == "A001"


def test_what_is_learned_of_an_appointment_is_what_it_was_told() -> None:
    """Its range counts from when its ticket is taken, though its wait counts from its slot."""
    lobby = at("09:00", early=0)
    for _ in range(6):
        lobby.take("cash")
    lobby.call("1")
    id = lobby.take("cash", slot="09:30")
    ticket = lobby.state.tickets[id]
    assert ticket.expected
    lobby.wait(ticket.rolled / 60)
    while lobby.call("1") != id:
        pass
    (cell,) = [errors for name, errors in lobby.state.knowledge.errors.items() if name.endswith(":appointment")][:1]
    assert list(cell.bins) == [0], "it was called when it was told"
