"""Who may do what at the branch's broker, and how its passwords are kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from sources import ROOT
from system.branch import HOUSE

from controller.broker.access import AccessError, access_list, overlap, rights
from controller.broker.passwords import LENGTH, hashed, is_of, new_password, password_file, users_in
from controller.config import read
from controller.devices.kit import kinds
from controller.devices.mqtt_buttons import ButtonSettings
from controller.devices.settings import DeviceSettings

DEVICES = """
[mqtt]
broker = "mqtts://localhost"
[[device]]
id = "pad-3"
driver = "mqtt-keypad"
counter = "3"
[[device]]
id = "manager"
driver = "mqtt-panel"
[[device]]
id = "kiosk"
driver = "mqtt-kiosk"
[[device]]
id = "button-1"
driver = "zigbee2mqtt"
topic = "zigbee/first/窗口/1"
base = "zigbee/first"
counter = "1"
keys = {{ single = "CALL" }}
[[device]]
id = "button-2"
driver = "zigbee2mqtt"
topic = "zigbee/first/two"
base = "zigbee/first"
counter = "2"
keys = {{ single = "CALL" }}
[[device]]
id = "board"
driver = "esphome"
topic = "hall board"
counter = "2"
keys = {{ "binary_sensor/call" = "CALL", "event/remote press" = "RECALL" }}
[[device]]
id = "button-4"
driver = "tasmota"
topic = "t4"
full_topic = "house/%topic%/%prefix%/"
counter = "1"
keys = {{ SINGLE = "CALL", "button2 SINGLE" = "NOSHOW" }}
[[device]]
id = "i4"
driver = "shelly"
topic = "shellyplusi4-a8032ab1fe78"
counter = "1"
keys = {{ "0 single_push" = "CALL" }}
[[device]]
id = "printer"
driver = "escpos"
link = "file:/dev/usb/lp0"
"""


def devices(directory: Path, *changes: tuple[str, str]) -> tuple[DeviceSettings, ...]:
    path = directory / "branch.toml"
    text = (HOUSE + DEVICES).format(id="b-1", directory=directory)
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    path.write_text(text)
    return read(path).devices


def test_every_kind_on_mqtt_may_say_what_is_heard_of_it_and_nothing_of_the_controllers(tmp_path: Path) -> None:
    settings = devices(tmp_path)
    on_mqtt = {
        driver
        for driver, kind in kinds().items()
        if driver.startswith("mqtt-") or issubclass(kind.settings, ButtonSettings)
    }
    assert {device.driver for device in settings if device.on_broker("lobby/b-1/")} == on_mqtt
    assert {device.driver for device in settings} - on_mqtt == {"escpos"}
    given = rights("b-1", "lobby", "ha", settings)
    for device in settings:
        user = device.on_broker("lobby/b-1/")
        if user is None:
            continue
        says = [f"lobby/b-1/{device.presses_on}/press"] if device.presses_on else []
        says += device.reader().topics if isinstance(device, ButtonSettings) else ()
        for topic in says:
            assert any(overlap(topic, each) for each in user.publishes), (device.id, topic)
            assert any(overlap(topic, each) for each in given["lobby"].reads), (device.id, topic)
        assert device.id in given[user.name].of


def test_what_each_may_do(tmp_path: Path) -> None:
    given = rights("b-1", "controller", "ha", devices(tmp_path))
    assert list(given) == [
        *("controller", "pad-3", "manager", "kiosk", "zigbee-first", "board", "button-4", "i4", "homeassistant")
    ]
    pad = given["pad-3"]
    assert pad.publishes == ("lobby/b-1/keypad/3/press",)
    assert set(pad.reads) == {f"lobby/b-1/{each}" for each in ("keypad/3/ack", "keypad/3/screen", "status")}
    assert given["zigbee-first"].of == ("button-1", "button-2")
    assert given["zigbee-first"].publishes == ("zigbee/first/#",)
    assert given["button-4"].publishes == ("house/t4/stat/#", "house/t4/tele/#")
    assert given["button-4"].reads == ("house/t4/cmnd/#",)
    assert "lobby/b-1/button/+/CALL" in given["homeassistant"].publishes
    assert "ha/status" in given["homeassistant"].publishes
    own = given["controller"]
    assert own.publishes == (
        "lobby/b-1/#",
        "ha/device/lobby-b-1/+/config",
        "homeassistant/device/lobby-b-1/+/config",
    )
    assert {"zigbee/first/#", "hall board/#", "ha/status"} <= set(own.reads)
    assert "homeassistant" not in rights("b-1", "lobby", "", devices(tmp_path))


def test_only_the_controller_may_publish_what_it_says(tmp_path: Path) -> None:
    """No right of anybody else meets what the reference of topics has as the controller's, or another branch."""
    reference = (ROOT / "docs/reference/topics.md").read_text("utf-8")
    said = [line.removeprefix("### ") for line in reference.split("## Home Assistant")[0].splitlines()]
    said = [line.replace("<counter>", "3").replace("<device>", "kiosk") for line in said if not line.endswith("press")]
    given = rights("b-1", "lobby", "homeassistant", devices(tmp_path))
    topics = [f"lobby/b-1/{each}" for each in said if each and " " not in each and not each.startswith("#")]
    assert "lobby/b-1/board" in topics
    topics += ["lobby/b-2/keypad/3/press", "homeassistant/device/lobby-b-1/branch/config", "$SYS/broker/uptime"]
    for user, right in given.items():
        if user != "lobby":
            found = [topic for topic in topics if any(overlap(topic, each) for each in right.publishes)]
            assert found == [], user


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('topic = "zigbee/first/two"\nbase = "zigbee/first"', 'topic = "two/x"\nbase = "lobby"'), "would publish on"),
        (('full_topic = "house/%topic%/%prefix%/"', 'full_topic = "lobby/%prefix%/%topic%"'), "would publish on lobby"),
        (('topic = "hall board"', 'topic = "homeassistant"'), "would publish on homeassistant/#"),
        (('topic = "hall board"', 'topic = "hall\\nuser pad-3"'), "characters that cannot be printed"),
        (('id = "manager"', 'id = "controller"'), 'another user "controller"'),
        (('id = "manager"', 'id = "homeassistant"'), 'another user "homeassistant"'),
        (('id = "board"', 'id = "zigbee-first"'), 'another user "zigbee-first"'),
    ],
)
def test_who_would_have_another_ones_right_gets_none(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    with pytest.raises(AccessError, match=said):
        rights("b-1", "controller", "homeassistant", devices(tmp_path, change))


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/c", False),
        ("a/b", "a/b/c", False),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("#", "a/b", True),
        ("a/+", "a/b/c", False),
        ("a/+/c", "+/b/c", True),
        ("a/+/c", "+/b/d", False),
        ("a/+/#", "a/b", True),
        ("lobby/b-1/keypad/3/press", "lobby/b-1/keypad/+/ack", False),
    ],
)
def test_which_filters_meet(one: str, other: str, meet: bool) -> None:
    assert overlap(one, other) is overlap(other, one) is meet


def test_the_access_list_gives_nothing_to_who_is_not_configured(tmp_path: Path) -> None:
    given = rights("b-1", "lobby", "", devices(tmp_path))
    text = access_list(["lobby", "pad-3", "pad-9"], given, "user guest\ntopic read x\n")
    lines = text.splitlines()
    assert lines[lines.index("user pad-3") + 1] == "topic write lobby/b-1/keypad/3/press"
    assert "pad-9" not in text
    assert "manager" not in text
    assert text.endswith("\nuser guest\ntopic read x\n")


def test_passwords_are_kept_as_mosquitto_passwd_does() -> None:
    lines = (ROOT / "tests/golden/mosquitto_passwd.txt").read_text("utf-8").splitlines()
    vectors = [line.split(": ") for line in lines if not line.startswith("#")]
    assert len(vectors) == 2
    for password, line in vectors:
        ((user, made),) = users_in(line).items()
        assert is_of(password, made)
        assert not is_of(f"{password}x", made)
        assert password_file({user: made}) == f"{line}\n"


def test_a_password_is_another_each_time_and_easily_typed() -> None:
    some = {new_password() for _ in range(50)}
    assert len(some) == 50
    assert {len(each) for each in some} == {LENGTH}
    assert not set("".join(some)) & set("0O1lI\"'\\ ")
    assert hashed("x") != hashed("x")
    assert is_of("x", hashed("x"))
    for broken in ("", "x", "$7$1", "$7$x$y$z", "$6$101$AAAA$AAAA", "$7$101$A$A"):
        assert not is_of("x", broken)
