"""Modbus RTU: frames against the sheets' vectors, the master by itself, and facing the units of a line."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
from golden import vectors
from hypothesis import given
from hypothesis import strategies as st
from modbus_lines import BYTE, Line
from sweeps import long

from drivers.device import OK, Echoing, Health
from drivers.gestures import DOUBLE, LONG, SINGLE
from drivers.modbus import (
    GARBLED,
    NO_ANSWER,
    REFUSED,
    SILENT_APART,
    TRIES,
    Inputs,
    Modbus,
    Pressed,
    UnitHealth,
)
from drivers.modbus_display import Profile
from drivers.modbus_frame import Function, Reply, Write, inputs_of, read_inputs, silence
from simulators.devices.modbus import Display, ModbusFarEnd, Module
from simulators.faults import Faults

GOLDEN = vectors("modbus")
TEXT = Profile.from_dict({"name": "text", "letters": "ABC", "line": [{"address": 0x70, "characters": 6}]})
NUMBER = Profile.from_dict(
    {
        "name": "number",
        "function": 6,
        "setup": [{"address": 4, "values": [0]}],
        "line": [{"address": 0, "form": "number", "characters": 4}],
    }
)
ALL = frozenset((str(n), SINGLE) for n in range(1, 9))


def text(shown: str) -> tuple[Write, ...]:
    return TEXT.writes([shown])


def line(
    displays: Mapping[int, Profile] | None = None,
    inputs: Mapping[int, frozenset[tuple[str, str]]] | None = None,
    *,
    faults: Faults | None = None,
    **options: Any,
) -> Line:
    """A line with these units, plugged in at 0."""
    displays, inputs = displays or {}, inputs or {}
    driver = Modbus(displays, {unit: Inputs(8, 0, used) for unit, used in inputs.items()}, byte_time=BYTE)
    far_end = ModbusFarEnd(
        {unit: Display(profile) for unit, profile in displays.items()}, {unit: Module(8) for unit in inputs}, faults
    )
    made = Line(driver, far_end, **options)
    made.plug()
    return made


# -- frames ------------------------------------------------------------------------------------------------------


def test_requests_are_the_sheets_bytes() -> None:
    assert Write(0, (42,), single=True).request(1).data == GOLDEN["show 42 at 1"]
    assert (
        Profile.from_dict(
            {"name": "LED-485", "letters": "A", "align": "left", "line": [{"address": 0x70, "characters": 6}]}
        )
        .writes(["A012"])[0]
        .request(1)
        .data
        == GOLDEN["show A012 at 1"]
    )
    assert read_inputs(1, 0, 8).data == GOLDEN["read 8 inputs of 1"]
    assert read_inputs(11, 0, 10).data == GOLDEN["read 10 inputs of 11"]


def test_a_reply_is_found_among_other_bytes() -> None:
    request, reply = read_inputs(1, 0, 8), GOLDEN["reply of 1"]
    ((at, found),) = request.replies(b"\x01\x02\xff" + reply + b"\x01")
    assert at == 3
    assert inputs_of(found, 8) == (False,) * 5 + (True, False, False)
    assert not list(request.replies(reply[:-1] + b"\x51"))
    assert not list(read_inputs(2, 0, 8).replies(reply))
    assert not list(read_inputs(1, 0, 9).replies(reply)), "of another size"


def test_an_exception_is_a_reply_with_its_code() -> None:
    refused = bytes.fromhex("0A 81 02 B0 53")  # the example of Modbus over Serial Line's predecessors, FC01 of unit 10
    request = read_inputs(10, 0, 8)
    assert not list(request.replies(refused))
    of_inputs = bytes.fromhex("01 82 02 C1 61")
    assert list(read_inputs(1, 0, 8).replies(of_inputs)) == [(0, Reply(b"", 2))]


def test_silence_is_three_and_a_half_characters_or_as_the_standard_says_above_19200() -> None:
    assert silence(11 / 9600) == pytest.approx(0.00401, abs=1e-5)
    assert silence(11 / 115200) == 0.00175


# -- displays ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pieces", [1, 3, 1000])
@pytest.mark.parametrize("echo", [False, True])
def test_a_level_is_shown_and_only_changes_are_written(pieces: int, echo: bool) -> None:
    made = line({1: TEXT, 2: TEXT}, pieces=pieces, echo=echo)
    made.driver.show(1, text("A017"))
    made.driver.show(2, text(""))
    made.run(1.0)
    assert [display.lines() for display in made.far_end.displays.values()] == [("  A017",), ("      ",)]
    assert len(made.sent) == 2
    made.driver.show(1, text("A018"))
    made.driver.show(2, text(""))
    made.run(1.0)
    assert made.far_end.displays[1].lines() == ("  A018",)
    assert len(made.sent) == 3
    assert made.facts == [OK, *[Echoing(True)] * echo, UnitHealth(1, OK), UnitHealth(2, OK)]


def test_a_level_is_written_again_after_an_outage_and_every_quarter_of_a_minute() -> None:
    made = line({1: TEXT})
    made.driver.show(1, text("A017"))
    made.run(1.0)
    made.far_end.plugged(made.now)  # a power cut that nobody notices
    assert made.far_end.displays[1].lines() == ("      ",)
    made.run(30.0)
    assert made.far_end.displays[1].lines() == ("  A017",)
    made.driver.disconnected(made.now)
    made.driver.show(1, text("A018"))
    made.run(5.0)
    made.plug()
    made.run(1.0)
    assert made.far_end.displays[1].lines() == ("  A018",)


def test_requests_are_one_at_a_time_with_silence_between_them() -> None:
    made = line({1: TEXT, 2: TEXT}, {11: ALL, 12: ALL})
    for unit in (1, 2):
        made.driver.show(unit, text("A017"))
    made.run(5.0)
    for (at, request), (then, _) in zip(made.sent, made.sent[1:], strict=False):
        assert then - at >= (len(request) + 6) * BYTE + silence(BYTE)


def test_writes_do_not_hold_up_the_polls() -> None:
    made = line(dict.fromkeys(range(1, 9), TEXT), dict.fromkeys((11, 12), ALL))
    made.run(1.0)
    began = len(made.sent)
    for unit in range(1, 9):
        made.driver.show(unit, text("A001"))
    made.run(3.0)
    assert all(display.lines() == ("  A001",) for display in made.far_end.displays.values())
    polls = [at for at, request in made.sent[began:] if request[0] == 11]
    assert max(then - at for at, then in itertools.pairwise(polls)) < 0.15


# -- lines that echo, and FC06 -----------------------------------------------------------------------------------


def test_the_reply_to_fc06_is_no_echo_where_nothing_echoes() -> None:
    """Sixty of them in a row, each its request's own bytes."""
    made = line({1: NUMBER})
    for number in range(1, 61):
        made.driver.show(1, NUMBER.writes([str(number)]))
        made.run(0.5)
        assert made.far_end.displays[1].lines() == (str(number),)
    assert made.of(Echoing) == []
    assert made.of(UnitHealth) == [UnitHealth(1, OK)]


def test_an_echo_of_fc06_is_no_reply_where_everything_echoes() -> None:
    made = line({1: NUMBER, 2: NUMBER}, echo=True)
    made.far_end.unit_off = True
    for unit in (1, 2):
        made.driver.show(unit, NUMBER.writes(["7"]))
    made.run(10.0)
    assert made.far_end.displays[1].lines() == ("7",)
    assert made.of(Echoing) == [Echoing(True)]
    assert sorted(made.of(UnitHealth), key=str) == [UnitHealth(1, OK), UnitHealth(2, NO_ANSWER)]
    made.far_end.unit_off = False
    made.run(20.0)
    assert made.far_end.displays[2].lines() == ("7",)
    assert made.of(UnitHealth)[-1] == UnitHealth(2, OK)


class CannotBeRead(ModbusFarEnd):
    """Displays that know no FC03: they refuse it, or say nothing."""

    refuses = True

    def _obey(self, unit: int, function: int, data: bytes) -> bytes | int:
        return 1 if function == Function.READ_REGISTERS else super()._obey(unit, function, data)

    def data_to_send(self, now: float) -> list[bytes]:
        return [reply for reply in super().data_to_send(now) if self.refuses or reply[1] != 0x83]


@pytest.mark.parametrize("refuses", [False, True])
@pytest.mark.parametrize("echo", [False, True])
def test_a_display_that_cannot_be_read_is_written_all_the_same(echo: bool, refuses: bool) -> None:
    units = CannotBeRead({1: Display(NUMBER)}, {})
    units.refuses = refuses
    made = Line(Modbus([1], {}, byte_time=BYTE), units, echo=echo)
    made.plug()
    for number in range(1, 61):
        made.driver.show(1, NUMBER.writes([str(number)]))
        made.run(2.0)
        assert units.displays[1].lines() == (str(number),)
    assert made.of(UnitHealth) == [UnitHealth(1, OK)]


@pytest.mark.parametrize("before", [False, True])
def test_an_adapter_that_is_changed_is_noticed(before: bool) -> None:
    made = line({1: NUMBER}, echo=before)
    made.driver.show(1, NUMBER.writes(["7"]))
    made.run(5.0)
    made.echo = not before
    made.run(60.0)
    made.driver.show(1, NUMBER.writes(["8"]))
    made.run(5.0)
    assert made.far_end.displays[1].lines() == ("8",)
    assert made.of(Echoing) == [Echoing(True)] if not before else [Echoing(True), Echoing(False)]
    assert made.of(UnitHealth) == [UnitHealth(1, OK)]


# -- inputs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pieces", [1, 1000])
@pytest.mark.parametrize("echo", [False, True])
def test_each_press_is_told_once(pieces: int, echo: bool) -> None:
    made = line({1: TEXT}, {11: ALL, 12: ALL}, pieces=pieces, echo=echo)
    made.driver.show(1, text("A017"))
    made.run(1.0)
    made.far_end.press(11, 3)
    made.run(1.0)
    made.far_end.press(12, 8)
    made.far_end.press(11, 1)
    made.run(1.0)
    pressed = made.of(Pressed)
    assert pressed[0] == Pressed(11, "3", SINGLE)
    assert sorted(pressed[1:], key=str) == [Pressed(11, "1", SINGLE), Pressed(12, "8", SINGLE)]
    assert made.of(UnitHealth) == [UnitHealth(unit, OK) for unit in (11, 1, 12)] or len(made.of(UnitHealth)) == 3


def test_gestures() -> None:
    used = frozenset({("1", SINGLE), ("1", DOUBLE), ("1", LONG)})
    made = line({}, {11: used})
    made.run(1.0)
    for gesture in (SINGLE, DOUBLE, LONG):
        made.far_end.press(11, 1, gesture)
        made.run(3.0)
    assert made.of(Pressed) == [Pressed(11, "1", gesture) for gesture in (SINGLE, DOUBLE, LONG)]


def test_what_is_down_when_a_link_or_a_unit_comes_back_is_no_press() -> None:
    made = line({}, {11: ALL})
    made.run(1.0)
    made.driver.disconnected(made.now)
    made.far_end.modules[11].down.add(3)
    made.connect()
    made.run(1.0)
    made.far_end.unit_off = True
    made.run(5.0)
    made.far_end.modules[11].down.add(4)
    made.far_end.unit_off = False
    made.run(10.0)
    assert made.of(Pressed) == []
    assert made.of(UnitHealth) == [UnitHealth(11, OK), UnitHealth(11, NO_ANSWER), UnitHealth(11, OK)]
    made.far_end.modules[11].down.clear()
    made.run(1.0)
    made.far_end.press(11, 3)
    made.run(1.0)
    assert made.of(Pressed) == [Pressed(11, "3", SINGLE)]


def test_a_state_that_only_one_read_has_had_is_no_press() -> None:
    reads = 0

    def flicker(reply: bytes) -> bytes:
        """Every tenth read of the module is another, and whole."""
        nonlocal reads
        reads += 1
        return GOLDEN["reply of 1"] if reads % 10 == 0 else reply

    made = line({}, {1: ALL}, spoil=flicker)
    made.run(20.0)
    assert reads > 300
    assert made.of(Pressed) == []


def test_a_bouncing_key_is_two_presses_for_the_lobby_to_know_as_one() -> None:
    faults = Faults(bounce=0.1)
    made = line({}, {11: ALL}, faults=faults)
    made.run(1.0)
    made.far_end.press(11, 1)
    made.run(2.0)
    assert made.of(Pressed) == [Pressed(11, "1", SINGLE)] * 2


def test_a_stuck_key_is_one_press_and_a_deaf_line_does_not_answer() -> None:
    faults = Faults(stuck=True)
    made = line({}, {11: ALL}, faults=faults)
    made.run(1.0)
    made.far_end.press(11, 1)
    made.run(10.0)
    assert made.far_end.modules[11].down == {1}
    faults.stuck = False
    made.run(1.0)
    assert made.far_end.modules[11].down == set()
    assert made.of(Pressed) == [Pressed(11, "1", SINGLE)]
    faults.deaf = True
    made.run(2.0)
    assert made.of(UnitHealth) == [UnitHealth(11, OK), UnitHealth(11, NO_ANSWER)]


# -- units that do not answer, or refuse -------------------------------------------------------------------------


def test_a_unit_that_does_not_answer_is_told_once_and_hardly_slows_the_others() -> None:
    made = line({1: TEXT, 9: TEXT}, {11: ALL, 12: ALL, 13: ALL, 14: ALL})
    made.far_end.displays.pop(9)
    for unit in (13, 14):
        made.far_end.modules.pop(unit)
    for unit in (1, 9):
        made.driver.show(unit, text("A017"))
    made.run(10.0)
    silent = [fact for fact in made.of(UnitHealth) if fact.health == NO_ANSWER]  # type: ignore[attr-defined]
    assert sorted(fact.unit for fact in silent) == [9, 13, 14]  # type: ignore[attr-defined]
    began = len(made.sent)
    made.run(60.0)
    assert [fact for fact in made.of(UnitHealth) if fact.health != OK] == silent  # type: ignore[attr-defined]
    asked = [at for at, request in made.sent[began:] if request[0] in (9, 13, 14)]
    assert min(then - at for at, then in itertools.pairwise(asked)) >= SILENT_APART - 0.001
    assert len(asked) <= 60
    polls = [at for at, request in made.sent[began:] if request[0] == 11]
    assert len(polls) > 60 / 0.1


def test_however_many_units_are_silent_each_is_asked_in_turn() -> None:
    made = line({}, dict.fromkeys(range(1, 11), ALL))
    gone = {unit: made.far_end.modules.pop(unit) for unit in range(1, 10)}
    made.run(60.0)
    made.far_end.modules[9] = gone[9]
    made.run(15.0)
    assert made.of(UnitHealth)[-1] == UnitHealth(9, OK)


def test_a_display_that_is_missing_keeps_no_other_from_being_written() -> None:
    made = line({1: TEXT, 2: TEXT})
    made.far_end.displays.pop(1)
    for unit in (1, 2):
        made.driver.show(unit, text("A017"))
    made.run(0.3)
    assert made.far_end.displays[2].lines() == ("  A017",)


def test_a_unit_that_loses_one_reply_is_all_right() -> None:
    lose = 0

    def lossy(reply: bytes) -> bytes:
        nonlocal lose
        lose += 1
        return b"" if lose % TRIES else reply

    made = line({}, {11: ALL}, spoil=lossy)
    made.run(20.0)
    assert made.of(UnitHealth) == [UnitHealth(11, OK)]


def test_a_refusal_is_told_with_its_code_and_the_rest_is_shown() -> None:
    """The model has no register for what is written first."""
    profile = Profile.from_dict(
        {
            "name": "x",
            "letters": "A",
            "setup": [{"address": 9, "values": [5]}],
            "line": [{"address": 0x70, "characters": 6}],
        }
    )
    made = line({1: TEXT})
    made.driver.show(1, profile.writes(["A017"]))
    made.run(60.0)
    assert made.far_end.displays[1].lines() == ("  A017",)
    assert made.of(UnitHealth) == [UnitHealth(1, REFUSED[2], 2)]
    assert len(made.sent) < 20
    made.driver.show(1, text("A018"))
    made.run(60.0)
    assert made.of(UnitHealth)[1:] == [UnitHealth(1, OK)]


def test_inputs_that_a_module_has_not_are_refused_and_asked_for_seldom() -> None:
    made = line({}, {11: ALL})
    made.far_end.modules[11].count = 4
    made.run(60.0)
    assert made.of(UnitHealth) == [UnitHealth(11, REFUSED[2], 2)]
    assert len(made.sent) < 20
    made.far_end.modules[11].count = 8
    made.run(10.0)
    assert made.of(UnitHealth)[1:] == [UnitHealth(11, OK)]


# -- noise -------------------------------------------------------------------------------------------------------


def test_broken_replies_make_the_line_garbled_until_they_have_stopped_for_a_minute() -> None:
    made = line({1: TEXT}, {11: ALL})
    made.driver.show(1, text("A017"))
    made.run(1.0)
    made.spoil = lambda reply: reply[:-1] + bytes([reply[-1] ^ 0x10])
    made.run(0.3)
    made.spoil = lambda reply: reply
    made.run(2.0)
    assert made.of(Health) == [OK, GARBLED]
    made.run(70.0)
    assert made.of(Health) == [OK, GARBLED, OK]


def test_a_broken_reply_does_not_cost_a_whole_time_out() -> None:
    made = line({}, {11: ALL}, spoil=lambda reply: reply[:-1] + b"\x00")
    made.run(0.1)
    assert made.sent[1][0] - made.sent[0][0] < 0.1


def test_a_flood_of_bytes_does_not_stop_the_master() -> None:
    made = line({}, {11: ALL})
    made.run(1.0)
    for n in range(4000):
        made.noise(b"\x55" * 10, n * 0.01)
    made.run(40.0)
    made.run(15.0)
    made.far_end.press(11, 1)
    made.run(1.0)
    assert made.of(Pressed) == [Pressed(11, "1", SINGLE)]


@given(st.lists(st.binary(max_size=60), max_size=20))
def test_no_bytes_break_the_master(chunks: list[bytes]) -> None:
    made = line({1: TEXT, 2: NUMBER}, {11: ALL})
    made.driver.show(1, text("A017"))
    made.driver.show(2, NUMBER.writes(["17"]))
    for n, chunk in enumerate(chunks):
        made.noise(chunk, n * 0.05)
    made.run(8.0)
    assert made.far_end.displays[1].lines() == ("  A017",)
    assert made.far_end.displays[2].lines() == ("17",)
    assert made.of(Pressed) == []


@pytest.mark.parametrize("seed", [0, *map(long, range(1, 30))])
@pytest.mark.parametrize("echo", [False, True])
def test_over_a_bad_line_presses_are_never_doubled_and_levels_arrive(seed: int, echo: bool) -> None:
    random = Random(seed)
    print("seed", seed)

    def bad(data: bytes) -> bytes:
        if random.random() < 0.1:
            return b""
        if random.random() < 0.1 and data:
            spoiled = bytearray(data)
            spoiled[random.randrange(len(spoiled))] ^= random.randrange(1, 256)
            return bytes(spoiled)
        return data

    made = line({1: TEXT, 2: NUMBER}, {11: ALL, 12: ALL}, spoil=bad, echo=echo, pieces=random.choice((1, 4, 1000)))
    made.run(2.0)
    for n in range(1, 21):
        made.driver.show(1, text(f"A{n:03d}"))
        made.driver.show(2, NUMBER.writes([str(n)]))
        made.far_end.press(random.choice((11, 12)), 1 + n % 8, LONG)
        made.run(3.0)
    made.spoil = lambda data: data
    made.run(30.0)
    assert made.far_end.displays[1].lines() == ("  A020",)
    assert made.far_end.displays[2].lines() == ("20",)
    pressed = [fact.input for fact in made.of(Pressed)]  # type: ignore[attr-defined]
    in_order = [str(1 + n % 8) for n in range(1, 21)]
    rest = iter(in_order)
    assert all(each in rest for each in pressed), (pressed, in_order)
    assert len(pressed) >= 17
