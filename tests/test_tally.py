"""What is counted for a monitor: whose presses, and that nothing makes the number of doors grow."""

from __future__ import annotations

import pytest

from controller.lobby.answers import Answer
from controller.operation.tally import BOUNDS, Tally, Waited

DOORS = ("mqtt", "http", "home-assistant", "terminal68", "modbus", "line-keypad", "shelly")
OK = Answer("ok", "")


@pytest.mark.parametrize(
    ("cause", "door"),
    [
        ("terminal68:terminals:3:1764205200000", "terminals.3"),
        ("modbus:line:11:1764205200000", "line.11"),
        ("line-keypad:keys:1764205200000", "keys"),
        ("shelly:button:1764205200000:1764205200001", "button"),
        ("mqtt:keypad/3:12:41", "keypad/3"),
        ("mqtt:kiosk/kiosk:feedc0de:0", "kiosk/kiosk"),
        ("mqtt", "mqtt"),
        ("http:staff-4711:key:content", "pages"),
        ("home-assistant:3:CALL:1764205200000", "home-assistant"),
        ("clock:1764205200000:5000", ""),
        ("device:printer:1764205200000:ok", ""),
        ("plan:1764205200000", ""),
        ("", ""),
    ],
)
def test_a_door_is_where_a_press_came_in(cause: str, door: str) -> None:
    tally = Tally(lambda: 0.0, DOORS)
    tally.answered(cause, OK)
    assert tally.presses == ({(door, "ok"): 1} if door else {})


def test_refusals_are_counted_by_their_reason_and_the_last_press_is_known() -> None:
    now = 10.0
    tally = Tally(lambda: now, DOORS)
    tally.answered("terminal68:terminals:3:1", OK)
    now = 15.0
    tally.answered("terminal68:terminals:3:2", Answer("refused", "", code="none_waiting"))
    tally.answered("mqtt", Answer("error", "", code="unknown_device"))
    now = 20.0
    assert tally.refused == {"none_waiting": 1, "unknown_device": 1}
    assert dict(tally.since_press()) == {"terminals.3": 5.0, "mqtt": 5.0}


def test_waits_are_sorted_by_their_length() -> None:
    waited = Waited()
    for seconds in (0, 60, 61, BOUNDS[-1], BOUNDS[-1] + 1):
        waited.add(seconds)
    found = dict(waited.buckets())
    assert (found["60"], found["180"], found[str(BOUNDS[-1])], found["+Inf"]) == (2, 3, 4, 5)
    assert waited.seconds == 121 + 2 * BOUNDS[-1] + 1
