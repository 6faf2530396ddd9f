"""Displays with a frame of a template: what a template means, byte by byte, and the driver facing such displays."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from branches import NINE, Lobby, branch
from golden import vectors
from hypothesis import given
from hypothesis import strategies as st

from controller.config import shipped, wording
from controller.devices.frame_display import FrameDisplaysSettings, _show
from controller.devices.hub import Hub
from controller.engine import Step
from controller.journal import Journal
from drivers.device import Health
from drivers.frame_display import FrameDisplays
from drivers.frame_template import CHECKS, NUMBERS, TEXTS, parse
from simulators.devices.frame_display import _POLYNOMIALS, TemplateDisplays, crc16

GOLDEN = vectors("checks")
HERE = {"ticket": "A017", "digits": "A017", "counter": "3", "waiting": "12", "line1": "A017", "line2": "Counter 3"}
HERE |= {"call": "A017→3号窗口"}
NOBODY = HERE | {"ticket": "", "digits": "", "waiting": "0", "line1": "WELCOME", "call": ""}


# -- templates ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GOLDEN)
def test_checks_have_the_values_of_the_catalogue(name: str) -> None:
    order = "little" if name in ("crc16-arc", "crc16-modbus") else "big"
    value = int.from_bytes(GOLDEN[name], "big").to_bytes(2, order)  # type: ignore[arg-type]
    assert CHECKS[name](b"123456789") == value
    assert crc16(b"123456789", *_POLYNOMIALS[name]) == value


@pytest.mark.parametrize(
    ("template", "values", "frame"),
    [
        ("A5 {address} {digits:4} {sum} 5A", HERE, "A5 03 20 30 31 37 60 5A"),
        ("A5 {address} [ {length} {digits:4:bcd} ] {sum} 5A", HERE, "A5 03 03 F0 17 0A 5A"),
        ("A5 {address} [ {length} {digits:4:bcd} ] {sum} 5A", NOBODY, "A5 03 03 FF FF 01 5A"),
        ("02 {address:hex} {ticket:6} 03", HERE, "02 30 33 41 30 31 37 20 20 03"),
        ("{ticket:6:right} 0D", HERE, "20 20 41 30 31 37 0D"),
        ("{ticket:3}", HERE, "41 30 31"),
        ("{digits:2}", HERE, "31 37"),
        ("{digits:5:zeros}", HERE, "30 30 30 31 37"),
        ("{digits:5:zeros}", NOBODY, "20 20 20 20 20"),
        ("{digits:4:raw} {waiting:3}", HERE, "0A 00 01 07 20 31 32"),
        ("FF {waiting:2:zeros:bcd} {negsum}", HERE, "FF 12 EF"),
        ("01 02 [ 04 {counter:1} ] {xor} {sum:hex}", HERE, "01 02 04 33 37 33 37"),
        (
            "[ 31 32 33 34 35 36 37 38 {counter:1} ] {crc16-modbus} {crc16-modbus:swap}",
            {"counter": "9"},
            "31 32 33 34 35 36 37 38 39 37 4B 4B 37",
        ),
    ],
)
def test_a_template_says_every_byte(template: str, values: dict[str, str], frame: str) -> None:
    assert parse(template).frame(3, values, "ascii") == bytes.fromhex(frame)


def test_no_character_is_cut_in_two_and_none_is_sent_that_a_display_lacks() -> None:
    assert parse("{call:8}").frame(1, {"call": "请A017"}, "gb18030") == "请A017".encode("gb18030") + b"  "
    assert parse("{call:3}").frame(1, {"call": "A请请"}, "gb18030") == "A请".encode("gb18030")
    assert parse("{call:4}").frame(1, {"call": "A请请"}, "gb18030") == "A请".encode("gb18030") + b" "
    assert parse("{call:3}").frame(1, {"call": "é请"}, "ascii") == b"e? "


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("", "it takes a frame, such as"),
        (5, "it takes a frame, such as"),
        ("A5 5A", "nothing in it ever changes"),
        ("A5 {digits:4} XY", '"XY" is no part of a frame'),
        ("{digits:4}{sum}", '"{digits:4}{sum}" is no part of a frame'),
        ("{digit:4}", "there is no field {digit}; did you mean {digits}?"),
        ("{digits}", "{digits} does not say how long it is"),
        ("{digits:0}", "{digits:0} does not say how long it is"),
        ("{digits:101}", "{digits:101} does not say how long it is"),
        ("{digits:4:hex}", '{digits:4:hex}: there is no "hex" for digits; it takes zeros, bcd, raw'),
        ("{digits:4:bcd:raw}", "bcd and raw are two ways"),
        ("{digits:3:bcd}", "use an even number"),
        ("{digits:4} {length}", "{length} counts the bytes between [ and ]"),
        ("[ {digits:4}", "it takes one [ and one ] after it"),
        ("] {digits:4} [", "it takes one [ and one ] after it"),
        ("[ {digits:4} {sum} ]", "{sum} checks what stands between [ and ]"),
        ("{line1:100} {line2:100} {call:60}", "its frame would have 260 bytes"),
    ],
)
def test_what_is_wrong_with_a_template_is_said(template: object, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse(template)
    assert said in str(caught.value)


FIELDS = st.one_of(
    st.builds("{{{}:{}}}".format, st.sampled_from([*TEXTS]), st.integers(4, 20)),
    st.builds("{{{}:{}{}}}".format, st.sampled_from([*NUMBERS]), st.just(4), st.sampled_from(["", ":bcd", ":raw"])),
)
BYTES = st.integers(0, 255).map("{:02X}".format)
CHECK = st.builds("{{{}{}}}".format, st.sampled_from([*CHECKS]), st.sampled_from(["", ":hex", ":swap"]))


@given(
    st.lists(BYTES, min_size=1, max_size=3),
    st.lists(FIELDS, min_size=1, max_size=4, unique_by=lambda text: text.split(":")[0]),
    CHECK,
    st.booleans(),
    st.binary(max_size=30),
)
def test_displays_built_by_a_template_understand_its_frames_behind_any_noise(
    head: list[str], fields: list[str], check: str, inside: bool, noise: bytes
) -> None:
    middle = ["[", "{length}", *fields, "]"] if inside else fields
    template = " ".join([*head, "{address}", *middle, check, "5A"])
    displays = TemplateDisplays(template, "gb18030", [7, 9])
    frame = parse(template).frame(9, HERE, "gb18030")
    for byte in noise + frame * 3:  # the first may be taken for the end of one that the noise began
        displays.receive(bytes([byte]), 0.0)
    for name, text in displays.shown[9].items():
        width = int(next(field for field in fields if field.startswith(f"{{{name}:")).split(":")[1].strip("}"))
        assert HERE[name].startswith(text) or text == HERE[name].lstrip("A")[-width:], name
    assert displays.shown[9]
    assert not displays.shown[7] or noise


def test_a_frame_with_a_changed_byte_shows_nothing() -> None:
    template = "A5 {address} {digits:4} {crc16-modbus} 5A"
    frame = parse(template).frame(1, HERE, "ascii")
    for place in range(len(frame)):
        displays = TemplateDisplays(template, "ascii", [1])
        displays.receive(frame[:place] + bytes([frame[place] ^ 0x01]) + frame[place + 1 :], 0.0)
        assert displays.shown == {1: {}}


# -- the driver --------------------------------------------------------------------------------------------------


def sent(displays: FrameDisplays, until: float) -> list[tuple[float, bytes]]:
    """What is sent until then, and when."""
    found = []
    while (due := displays.next_deadline()) is not None and due <= until:
        displays.tick(due)
        if data := displays.data_to_send(due):
            found.append((due, data))
    return found


def test_what_displays_show_is_sent_when_it_changes_after_an_outage_and_now_and_then() -> None:
    displays = FrameDisplays([1, 2], baud=9600, gap=0.05)
    displays.show(1, b"one")
    displays.show(2, b"two")
    assert displays.next_deadline() is None
    assert displays.connected(0.0) == [Health("ok", "port_only")]
    first = sent(displays, 1.0)
    assert [frame for _, frame in first] == [b"one", b"two"]
    assert all(later - earlier > 0.05 for (earlier, _), (later, _) in pairwise(first))
    assert displays.receive(b"noise", 1.0) == []
    displays.show(2, b"TWO")
    assert [frame for _, frame in sent(displays, 2.0)] == [b"TWO"]
    assert sent(displays, 29.0) == []
    assert [frame for _, frame in sent(displays, 61.0)] == [b"one", b"TWO"]
    displays.disconnected(62.0)
    assert displays.next_deadline() is None
    displays.connected(70.0)
    assert [frame for _, frame in sent(displays, 71.0)] == [b"one", b"TWO"]


def test_two_frames_of_one_display_are_shown_in_turn() -> None:
    displays = FrameDisplays([1], baud=None, alternate=4)
    displays.show(1, b"zh", b"en")
    displays.connected(0.0)
    assert [(round(at), frame) for at, frame in sent(displays, 9.0)] == [(0, b"zh"), (4, b"en"), (8, b"zh")]
    displays.show(1, b"same", b"same")
    assert [frame for _, frame in sent(displays, 30.0)] == [b"same"]


# -- what they are told of the lobby -----------------------------------------------------------------------------


@pytest.fixture
def lobby() -> Lobby:
    return Lobby(branch({"1": {"cash": 0}, "3": {"cash": 0}}))


@pytest.fixture
def hub(tmp_path: Path, lobby: Lobby) -> Iterator[Hub]:
    journal = Journal(tmp_path / "lobby.db")
    yield Hub(
        lobby.rules,
        journal,
        lambda request: None,
        lambda: True,
        lambda: NINE,
        shipped=shipped(""),
        wording=wording,
    )
    journal.close()


def test_every_counters_display_shows_its_own_ticket_in_both_languages(hub: Hub, lobby: Lobby) -> None:
    settings = FrameDisplaysSettings.model_validate(
        {
            "id": "rs485",
            "driver": "frame-display",
            "link": "serial:/dev/rs485",
            "displays": [{"address": 1, "counter": "1"}, {"address": 3, "counter": "3"}],
            "frame": "A5 {address} [ {ticket:5} {waiting:2} {call:20} ] {xor} 5A",
            "encoding": "gb18030",
            "languages": ["zh", "en"],
        }
    )
    driver = FrameDisplays([1, 3], baud=None, alternate=settings.alternate)
    far_end = TemplateDisplays(settings.frame.text, "gb18030", [1, 3])
    driver.connected(0.0)
    lobby.take()
    lobby.take()
    lobby.call("3")
    hub.published(Step([], lobby.state))
    _show(settings, driver, hub.context)(lobby.state)
    for _, frame in sent(driver, 1.0):
        far_end.receive(frame, 0.0)
    assert far_end.shown == {
        1: {"ticket": "", "waiting": "1", "call": ""},
        3: {"ticket": "A001", "waiting": "1", "call": "A001→3号窗口"},
    }
    for _, frame in sent(driver, 5.0):
        far_end.receive(frame, 0.0)
    assert far_end.shown[3]["call"] == "A001 Counter 3"
