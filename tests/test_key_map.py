"""Keys of devices that have none of the lobby's own: their gestures, and what a key map makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from branches import NINE, branch
from hypothesis import given
from hypothesis import strategies as st

from controller.devices.escpos import PrinterAdapter
from controller.devices.hub import Hub
from controller.devices.key_map import Keys, KeysAdapter, KeysSettings, check
from controller.devices.kit import File
from controller.engine import Request
from controller.journal import Journal
from controller.lobby.actions.call_next import CallNext
from controller.lobby.actions.call_number import CallNumber
from controller.lobby.actions.no_show import NoShow
from controller.lobby.actions.take_ticket import TakeTicket
from controller.lobby.actions.transfer import Transfer
from drivers.escpos import EscposPrinter
from drivers.gestures import DOUBLE, GESTURES, HELD_FOR, LONG, SINGLE, TWICE_WITHIN, Gestures

# -- gestures ----------------------------------------------------------------------------------------------------


def told(gestures: Gestures, *states: tuple[float, bool]) -> list[tuple[float, str]]:
    """Every press of button 1 and when it is told, given its states and their times; 10 s after the last, all is."""
    found = []
    for until, is_down in (*states, (states[-1][0] + 10, None)):
        while (due := gestures.next_deadline()) is not None and due <= until:
            found += [(due, gesture) for _, gesture in gestures.tick(due)]
        if is_down is not None:
            found += [(until, gesture) for _, gesture in gestures.set("1", is_down, until)]
    return found


SHORT = ((0.0, False), (1.0, True), (1.1, False))
TWICE = (*SHORT, (1.3, True), (1.4, False))
HOLD = ((0.0, False), (1.0, True), (5.0, False))


@pytest.mark.parametrize(
    ("used", "states", "presses"),
    [
        ([SINGLE], SHORT, [(1.0, SINGLE)]),
        ([SINGLE], HOLD, [(1.0, SINGLE)]),
        ([SINGLE], TWICE, [(1.0, SINGLE), (1.3, SINGLE)]),
        ([SINGLE, LONG], SHORT, [(1.1, SINGLE)]),
        ([SINGLE, LONG], HOLD, [(1.0 + HELD_FOR, LONG)]),
        ([SINGLE, DOUBLE], SHORT, [(1.1 + TWICE_WITHIN, SINGLE)]),
        ([SINGLE, DOUBLE], TWICE, [(1.3, DOUBLE)]),
        ([SINGLE, DOUBLE, LONG], TWICE, [(1.3, DOUBLE)]),
        ([SINGLE, DOUBLE, LONG], HOLD, [(1.0 + HELD_FOR, LONG)]),
        ([SINGLE, DOUBLE], (*SHORT, (1.6, True), (1.7, False)), [(1.5, SINGLE), (1.7 + TWICE_WITHIN, SINGLE)]),
        ([SINGLE], ((0.0, True), (1.0, False)), []),
        ([SINGLE, LONG], ((0.0, True), (9.0, False)), []),
    ],
)
def test_a_gesture_is_told_once_and_as_soon_as_it_is_clear(
    used: list[str], states: tuple[tuple[float, bool], ...], presses: list[tuple[float, str]]
) -> None:
    found = told(Gestures([("1", gesture) for gesture in used]), *states)
    assert found == [(pytest.approx(at), gesture) for at, gesture in presses]


def test_what_was_under_way_when_the_link_was_lost_is_no_press() -> None:
    gestures = Gestures([("1", SINGLE), ("1", LONG)])
    gestures.set("1", False, 0.0)
    gestures.set("1", True, 1.0)
    gestures.forget()
    assert gestures.next_deadline() is None
    assert gestures.set("1", False, 2.0) == []


@given(st.sets(st.sampled_from(GESTURES)), st.lists(st.tuples(st.floats(0.01, 2.0), st.booleans())))
def test_there_are_never_more_presses_than_times_that_the_button_went_down(
    used: set[str], moves: list[tuple[float, bool]]
) -> None:
    now, states, downs, is_down = 0.0, [(0.0, False)], 0, False
    for after, state in moves:
        now += after
        states.append((now, state))
        downs += state and not is_down
        is_down = state
    assert len(told(Gestures([("1", gesture) for gesture in used]), *states)) <= downs


# -- the key map -------------------------------------------------------------------------------------------------


class Settings(KeysSettings):
    driver: Literal["test"]


@pytest.fixture
def requests() -> list[Request]:
    return []


@pytest.fixture
def hub(tmp_path: Path, requests: list[Request]) -> Iterator[Hub]:
    rules = branch({"1": {"cash": 0}, "2": {"cash": 0}})
    journal = Journal(tmp_path / "lobby.db", rules.branch)
    yield Hub(rules, journal, requests.append, lambda: True, lambda: NINE)
    journal.close()


def adapter(hub: Hub, **table: object) -> Keys:
    return KeysAdapter(Settings.model_validate({"id": "pad", "driver": "test", **table}), hub.context).keys


def test_an_action_presses_its_key_with_what_is_typed(hub: Hub, requests: list[Request]) -> None:
    pad = adapter(hub, counter="1", keys={"single": "CALL", "hold": "TRANSFER digits=2", "off": "NOSHOW @2"})
    assert pad.press("single")
    assert pad.press("single", digits="12", mark="boot:7")
    assert pad.press("hold")
    assert pad.press("off")
    assert not pad.press("triple")
    call, other, transfer, absent = (request.command for request in requests)
    assert (type(call), type(transfer), type(absent)) == (CallNext, Transfer, NoShow)
    assert isinstance(other, CallNumber)
    assert other.digits == "12"
    assert (call.cause, other.cause) == (f"test:pad:{NINE}", "test:pad:boot:7")
    assert isinstance(absent, NoShow)
    assert absent.counter == "2"
    assert isinstance(transfer, Transfer)
    assert transfer.digits == "2"


def test_a_ticket_button_takes_tickets_for_its_service(hub: Hub, requests: list[Request]) -> None:
    adapter(hub, at="kiosk", hold_off=5, keys={"single": "TAKE service=corp class=vip"}).press("single")
    (request,) = requests
    take = request.command
    assert isinstance(take, TakeTicket)
    assert (take.service, take.klass, take.by, take.hold_off, take.chosen_by) == (
        "corp",
        "vip",
        "kiosk/pad",
        5,
        "button",
    )


def test_a_ticket_button_has_its_tickets_printed_where_it_says(hub: Hub, requests: list[Request]) -> None:
    for id in ("a", "b"):
        printer = EscposPrinter(baud=None)
        hub.add(PrinterAdapter(id, printer, lambda language, fields: b"", hub.context, lambda: None, fallback="a"))
        for fact in (*printer.connected(0.0), *printer.receive(b"\x10\x00\x00\x00", 0.0)):
            hub.heard(id, fact)
    requests.clear()
    for about in ({}, {"printer": "b"}):
        adapter(hub, at="kiosk", keys={"single": "TAKE"}, **about).press("single")
    taken = [(getattr(each.command, "paper", ""), getattr(each.command, "printer", "")) for each in requests]
    assert taken == [("ready", "a"), ("ready", "b")]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"counter": "1", "at": "kiosk"}, "it has a counter, and so that counter's keys; remove one of the two"),
        ({"counter": "1", "keys": {}}, 'it has no keys; add some, such as { single = "CALL" }'),
        ({"counter": "1", "keys": {"a": "KALL"}}, 'there is no key "KALL" at the counter; did you mean "CALL"?'),
        ({"counter": "1", "keys": {"a": "CALL 12"}}, '"12" is neither @place nor field=value; write it as in'),
        ({"counter": "1", "keys": {"a": "CALL service=corp"}}, '"CALL" takes no "service"; it takes digits'),
        ({"counter": "1", "keys": {"a": "CALL @8"}}, 'there is no counter "8"; known are 1, 2'),
        ({"at": "kiosk", "keys": {"a": "TAKE service=korp"}}, 'there is no service "korp"; did you mean "corp"?'),
        ({"keys": {"a": "CALL"}}, "nobody knows whose key this is; give the device a counter or"),
        ({"counter": "1", "keys": {"b": "CALL"}}, 'there is no "b"; it has a'),
        (
            {"at": "kiosk", "keys": {"a": "TAKE"}, "printer": "prnter"},
            'there is no ticket printer "prnter"; did',
        ),
        ({"at": "kiosk", "keys": {"a": "TAKE"}, "printer": "printer"}, ""),
        ({"counter": "1", "keys": {"a": "CALL digits=2"}}, ""),
        ({"keys": {"a": "TAKE @kiosk service=corp"}}, ""),
    ],
)
def test_the_configuration_is_told_what_is_wrong_with_keys(table: dict[str, object], said: str) -> None:
    file = File(frozenset(), ["1", "2"], ["corp", "personal"], [{"id": "printer", "driver": "escpos"}], [])
    faults = [said for _, said in check(table, file, lambda action: action == "a", "it has a")]
    assert len(faults) == bool(said)
    assert not said or faults[0].startswith(said)
