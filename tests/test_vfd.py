"""The window display: its commands against the vendors' tables, and the driver facing a display, time passed in."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from golden import vectors
from hypothesis import given
from hypothesis import strategies as st

from controller.config import read, shipped
from drivers.device import Health
from drivers.vfd import CounterDisplay, DialectName
from simulators.branch import SimulatedBranch
from simulators.devices.vfd import CounterDisplayFarEnd, SimulatedCounterDisplay
from simulators.faults import Faults

GOLDEN = vectors("vfd")
PORT_ONLY = Health("ok", "port_only")
DIALECTS: tuple[DialectName, ...] = ("epson", "cd5220", "dsp800")
every_dialect = pytest.mark.parametrize("dialect", DIALECTS)


def golden(dialect: str, *names: str) -> bytes:
    return b"".join(GOLDEN[f"{dialect} {name}"] for name in names)


END = {"epson": b"\x00\x00", "cd5220": b"\x00\x00", "dsp800": b"\x17\x17\x17"}
"""What all that is sent begins with."""


def line(text: str) -> bytes:
    return text.encode("ascii").ljust(20)


def connected(dialect: DialectName, line1: str = "", line2: str = "") -> CounterDisplay:
    """A driver that has sent these lines at 0."""
    display = CounterDisplay(dialect)
    display.show(line1, line2)
    display.connected(0.0)
    assert display.data_to_send(0.0)
    return display


def showing(dialect: DialectName, data: bytes) -> tuple[str, str]:
    """What a display that has just been plugged in makes of the bytes."""
    far_end = CounterDisplayFarEnd(dialect)
    far_end.plugged(0.0)
    far_end.receive(data, 0.0)
    return far_end.lines()


# -- the driver --------------------------------------------------------------------------------------------------


@every_dialect
def test_a_fresh_link_is_initialised_cleared_and_told_both_lines(dialect: DialectName) -> None:
    display = CounterDisplay(dialect)
    display.show("A017", "Please come")
    assert display.data_to_send(0.0) == b""
    assert display.next_deadline() is None
    assert display.connected(0.0) == [PORT_ONLY]
    assert display.data_to_send(0.0) == (
        END[dialect]
        + golden(dialect, "init", "clear")
        + golden(dialect, "line 1")
        + line("A017")
        + golden(dialect, "line 2")
        + line("Please come")
    )
    assert display.data_to_send(0.0) == b""


@every_dialect
def test_only_a_changed_line_is_sent_at_once(dialect: DialectName) -> None:
    display = connected(dialect, "A017", "Please come")
    display.show("A017", "Please come")
    assert display.data_to_send(1.0) == b""
    display.show("A018", "Please come")
    assert display.data_to_send(1.0) == END[dialect] + golden(dialect, "line 1") + line("A018")
    display.show("A018", "")
    assert display.data_to_send(1.0) == END[dialect] + golden(dialect, "line 2") + line("")


def test_text_is_printable_ascii_cut_to_twenty_cells() -> None:
    display = connected("epson")
    display.show("A017 3号\x1b\x7f~", "0123456789012345678901234")
    data = display.data_to_send(1.0)
    lines = golden("epson", "line 1") + line("A017 3???~") + golden("epson", "line 2") + b"01234567890123456789"
    assert data == END["epson"] + lines


@every_dialect
def test_the_level_is_sent_again_every_minute_without_a_flicker(dialect: DialectName) -> None:
    display = connected(dialect, "A017", "Please come")
    for due, now in ((60.0, 61.0), (121.0, 121.0)):
        assert display.next_deadline() == due
        assert display.data_to_send(due - 0.1) == b""
        assert display.tick(now) == []
        again = golden(dialect, "line 1") + line("A017") + golden(dialect, "line 2") + line("Please come")
        assert display.data_to_send(now) == END[dialect] + again


@pytest.mark.parametrize("dialect", ["epson", "cd5220"])
def test_brightness_is_set_after_the_clear_and_with_every_refresh(dialect: DialectName) -> None:
    display = CounterDisplay(dialect, brightness=4, refresh=10.0)
    display.connected(0.0)
    first = END[dialect] + golden(dialect, "init", "clear", "brightness 4", "line 1")
    assert display.data_to_send(0.0).startswith(first)
    assert display.data_to_send(10.0).startswith(END[dialect] + golden(dialect, "brightness 4", "line 1"))


@pytest.mark.parametrize(
    ("dialect", "brightness", "why"),
    [("dsp800", 2, "cannot be set"), ("epson", 0, "1 to 4"), ("epson", 5, "1 to 4"), ("esc", None, "epson, cd5220")],
)
def test_what_no_display_does_is_refused(dialect: DialectName, brightness: int | None, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        CounterDisplay(dialect, brightness=brightness)


def test_a_lost_link_sends_nothing_and_a_new_one_everything() -> None:
    display = connected("epson", "A017")
    assert display.disconnected(1.0) == []
    display.show("A018", "")
    assert display.data_to_send(1.0) == b""
    assert display.next_deadline() is None
    assert display.connected(2.0) == [PORT_ONLY]
    assert showing("epson", display.data_to_send(2.0)) == ("A018", "")
    assert display.next_deadline() == 62.0


@given(st.binary())
def test_noise_from_the_line_means_nothing(data: bytes) -> None:
    display = connected("epson", "A017")
    assert display.receive(data, 1.0) == []
    assert display.data_to_send(1.0) == b""


# -- the simulated display ---------------------------------------------------------------------------------------


@every_dialect
def test_the_display_obeys_the_vendors_commands(dialect: DialectName) -> None:
    filled = golden(dialect, "line 2") + b"lower" + golden(dialect, "line 1") + b"upper"
    assert showing(dialect, filled) == ("upper", "lower")
    assert showing(dialect, filled + golden(dialect, "clear")) == ("", "")
    assert showing(dialect, filled + golden(dialect, "init")) == ("", "")
    assert showing(dialect, filled + golden(dialect, "line 2") + b"L") == ("upper", "Lower")


def test_the_cursor_wraps_from_line_to_line_and_to_the_start() -> None:
    assert showing("epson", b"0123456789" * 2 + b"second") == ("0123456789" * 2, "second")
    assert showing("epson", b"." * 40 + b"start") == ("start" + "." * 15, "." * 20)


def test_a_cleared_display_writes_from_its_first_cell() -> None:
    for dialect in ("epson", "cd5220"):
        assert showing(dialect, golden(dialect, "line 2") + b"x" + golden(dialect, "clear") + b"home") == ("home", "")


def test_dsp800_clears_a_span_of_cells() -> None:
    cells_1_to_3 = b"\x04\x01\x43\x32\x34\x17"
    assert showing("dsp800", b"ABCDE" + cells_1_to_3) == ("A   E", "")


@pytest.mark.parametrize("dialect", ["epson", "cd5220"])
def test_the_display_has_a_brightness_until_it_is_plugged_in_anew(dialect: DialectName) -> None:
    far_end = CounterDisplayFarEnd(dialect)
    dim = golden(dialect, "brightness 4")[:-1] + b"\x01"
    far_end.receive(dim + golden(dialect, "clear") + b"A", 0.0)
    assert (far_end.brightness, far_end.lines()) == (1, ("A", ""))
    far_end.receive(b"\x1b", 1.0)
    far_end.plugged(1.0)
    assert (far_end.brightness, far_end.lines()) == (4, ("", ""))
    far_end.receive(b"@", 1.0)
    assert far_end.lines() == ("@", "")


def test_after_a_whole_line_cd5220_obeys_nothing_but_the_like_until_clear_or_cancel() -> None:
    def cd5220(*names: str) -> bytes:
        return golden("cd5220", *names)

    deaf = cd5220("whole line 1")
    assert showing("cd5220", deaf + cd5220("line 2") + b"ignored") == ("AB", "")
    assert showing("cd5220", deaf + cd5220("init")) == ("AB", "")
    assert showing("cd5220", deaf + cd5220("whole line 2")) == ("AB", "AB")
    assert showing("cd5220", deaf + cd5220("cancel", "line 2") + b"heard") == ("AB", "heard")
    assert showing("cd5220", deaf + cd5220("clear") + b"heard") == ("heard", "")


def test_blinking_is_understood_and_not_shown() -> None:
    assert showing("epson", golden("epson", "blink 10") + b"A") == ("A", "")


def test_what_is_no_command_is_skipped() -> None:
    assert showing("epson", b"\x1f\x99A\xffB\x1f\x24\x15\x01C") == ("ABC", "")
    assert showing("epson", b"A\xff\x04B") == ("AB", "")
    assert showing("dsp800", b"\x04\x01\x50\x30\x17A") == ("A", "")


@every_dialect
@given(data=st.lists(st.one_of(st.binary(max_size=50), st.sampled_from(sorted(GOLDEN.values())))))
def test_no_bytes_break_a_display(dialect: DialectName, data: list[bytes]) -> None:
    """Invariant: nothing raises, and whatever came before, a display told afresh shows the level."""
    far_end, display = CounterDisplayFarEnd(dialect), CounterDisplay(dialect)
    for chunk in data:
        far_end.receive(chunk, 0.0)
        assert all(len(text) <= 20 for text in far_end.lines())
    display.show("A017", "Please come")
    display.connected(0.0)
    far_end.receive(display.data_to_send(0.0), 0.0)
    assert far_end.lines() == ("A017", "Please come")


@every_dialect
@pytest.mark.parametrize("new_link", [True, False])
def test_a_cable_lost_at_any_byte_while_the_display_keeps_its_power(dialect: DialectName, new_link: bool) -> None:
    """Invariant: what is shown next is shown as it is, and no byte of a command is ever seen as text."""
    brightness = None if dialect == "dsp800" else 2
    first = CounterDisplay(dialect, brightness=brightness)
    first.show("A017", "Please come")
    first.connected(0.0)
    for lost_at in range(len(first.data_to_send(0.0))):
        far_end, display = CounterDisplayFarEnd(dialect), CounterDisplay(dialect, brightness=brightness)
        far_end.plugged(0.0)
        display.show("A017", "Please come")
        display.connected(0.0)
        far_end.receive(display.data_to_send(0.0)[:lost_at], 0.0)
        if new_link:
            display.disconnected(1.0)
            display.connected(1.0)
        display.show("A018", "Please go")
        far_end.receive(display.data_to_send(1.0), 1.0)
        assert far_end.lines() == ("A018", "Please go"), lost_at
        for text in {text for texts in far_end.history for text in texts}:
            assert any(whole.startswith(text) for whole in ("A017", "A018", "Please come", "Please go")), lost_at


# -- driver and display ------------------------------------------------------------------------------------------


@every_dialect
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_over_a_good_wire_each_level_is_shown_at_once(dialect: DialectName, size: int) -> None:
    far_end, display = CounterDisplayFarEnd(dialect), CounterDisplay(dialect)
    far_end.plugged(0.0)
    display.connected(0.0)
    for number in range(30):
        display.show(f"A{number:03d}", "Please come" if number % 2 else "")
        data = display.data_to_send(float(number))
        for start in range(0, len(data), size):
            far_end.receive(data[start : start + size], float(number))
        assert far_end.lines() == (f"A{number:03d}", "Please come" if number % 2 else "")
    assert [f"A{number:03d}" for number in range(30)] == list(dict.fromkeys(upper for upper, _ in far_end.history))
    before = len(far_end.history)
    far_end.receive(display.data_to_send(90.0), 90.0)
    assert len(far_end.history) == before
    assert far_end.data_to_send(90.0) == []


@every_dialect
@pytest.mark.parametrize("seed", range(10))
def test_over_a_bad_wire_and_power_cuts_the_display_ends_up_showing_the_level(dialect: DialectName, seed: int) -> None:
    """A fifth of all messages is lost: after ten refreshes all but one level in ten million is shown."""
    print("seed", seed)
    random = Random(seed)
    faults = Faults(random=random, loss=0.2)
    far_end, display = CounterDisplayFarEnd(dialect), CounterDisplay(dialect)
    display.connected(0.0)

    def send(now: float) -> None:
        data = display.data_to_send(now)
        if data and not faults.lost():
            far_end.receive(data, now)

    now = 0.0
    for number in range(30):
        now += random.uniform(0.0, 90.0)
        if number % 10 == 9:
            far_end.plugged(now)
        display.show(f"A{number:03d}", "Please come")
        send(now)
    for _ in range(10):
        now = display.next_deadline() or now
        send(now)
    assert far_end.lines() == ("A029", "Please come")


def test_customers_take_a_greeting_for_no_call(tmp_path: Path) -> None:
    settings = read(shipped("demo.toml"))
    display = SimulatedBranch(settings, tmp_path / "dev", seed=1).devices["window-2"]
    assert isinstance(display, SimulatedCounterDisplay)
    for shown, calls in (("B017", [("B017", "2")]), ("WELCOME", []), ("BACK SOON", []), ("", [])):
        display.far_end.receive(b"\x0c" + shown.encode(), 0.0)
        assert list(display.calls(settings.rules)) == calls
