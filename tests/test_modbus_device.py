"""Modbus lines as the lobby has them: configuration, profiles of displays, what they show, whose keys they press."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from branches import NINE, branch
from errors import GOOD

from controller.config import ConfigError, read, shipped
from controller.devices.branch import Devices
from controller.devices.hub import Hub
from controller.devices.kit import Adapter, Context
from controller.devices.modbus import ModbusAdapter, ModbusSettings
from controller.devices.naming import names
from controller.engine import Request
from controller.journal import Journal
from controller.lobby.actions.call_next import CallNext
from controller.lobby.actions.no_show import NoShow
from controller.lobby.actions.report_device import ReportDevice
from controller.lobby.model.state import State
from drivers.device import OK
from drivers.gestures import LONG, SINGLE
from drivers.modbus import NO_ANSWER, REFUSED, Modbus, Pressed, UnitHealth
from drivers.modbus_display import Profile
from drivers.modbus_frame import Write
from simulators.branch import SimulatedBranch
from simulators.devices.kit import NobodyAnswersError, Press, UnknownKeyError
from simulators.devices.modbus import Display, SimulatedModbus
from simulators.virtual_lobby.view import words

LINE = """
[[device]]
id = "line"
driver = "modbus"
link = "serial:/dev/lobby/line?baud=9600"
displays = { 1 = { profile = "led-485", counter = "1" }, 9 = { profile = "led-485-number" } }
inputs = { 11 = { keys = { 1 = "CALL @1", "1 long" = "NOSHOW @1", 2 = "CALL @1" } } }
"""


def settings(tmp_path: Path, device: str = LINE) -> ModbusSettings:
    path = tmp_path / "branch.toml"
    path.write_text(GOOD + device, "utf-8")
    (found,) = read(path).devices
    assert isinstance(found, ModbusSettings)
    return found


def warned(tmp_path: Path, modules: int, link: str) -> list[str]:
    inputs = ", ".join(f'{n} = {{ counter = "1", keys = {{ 1 = "CALL" }} }}' for n in range(1, modules + 1))
    path = tmp_path / "branch.toml"
    path.write_text(
        GOOD + f'[[device]]\nid = "line"\ndriver = "modbus"\nlink = "{link}"\ninputs = {{ {inputs} }}\n', "utf-8"
    )
    return list(read(path).warnings)


# -- configuration -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("modules", "link", "is_slow"),
    [
        (6, "serial:/dev/m?baud=9600", False),
        (7, "serial:/dev/m?baud=9600", True),
        (8, "serial:/dev/m?baud=115200", False),
        (7, "tcp:gate:4001", True),
    ],
)
def test_too_many_modules_for_a_line_are_warned_of(tmp_path: Path, modules: int, link: str, is_slow: bool) -> None:
    found = warned(tmp_path, modules, link)
    assert len(found) == is_slow
    for line in found:
        said = r"branch\.toml:15: device\[line\]\.inputs: warning: each module is polled only about every 2\d\d ms"
        assert re.search(said, line)


def test_the_example_is_right(tmp_path: Path) -> None:
    text = shipped("branch.example.toml").read_text("utf-8")
    (block,) = re.findall(r'#\[\[device\]\]\n#id = "modbus"\n.*?(?=\n\n)', text, re.DOTALL)
    given = re.sub(r"^#", "", block, flags=re.MULTILINE).replace("@2", "@1")
    device = settings(tmp_path, "\n" + given)
    assert (list(device.displays), list(device.inputs)) == ([1, 9], [11])
    assert device.inputs[11].used == {("1", SINGLE), ("1", LONG), ("2", SINGLE)}


def test_units_have_names_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "branch.toml"
    path.write_text(GOOD + LINE, "utf-8")
    found = read(path, language="en")
    assert names(found.devices, found.rules.wording) == {
        "mqtt": "MQTT broker",
        "line": "Modbus line",
        "line.1": "Digit display, counter 1",
        "line.9": "Digit display",
        "line.11": "Buttons",
    }


# -- profiles ----------------------------------------------------------------------------------------------------

PROFILES = sorted(path.stem for path in shipped("modbus").glob("*.toml"))


@pytest.mark.parametrize("name", PROFILES)
def test_what_is_written_by_a_profile_that_comes_with_the_program_can_be_read_there(name: str) -> None:
    profile = Profile.from_dict(tomllib.loads((shipped("modbus") / f"{name}.toml").read_text("utf-8")))
    display = Display(profile)
    for ticket, number in (("A017", "17"), ("B123", "123"), ("", "")):
        for write in profile.writes([ticket]):
            assert set(range(write.address, write.address + len(write.values))) <= set(display.addresses())
            display.written(write.address, list(write.values))
        assert display.lines()[0].strip() == (number if name.endswith("-number") else ticket)


def test_a_model_without_letters_or_with_few_digits_shows_the_end_of_a_ticket() -> None:
    few = Profile.from_dict({"name": "x", "line": [{"address": 0, "characters": 3}]})
    assert few.fitted("A017", 3) == "017"
    assert few.fitted("A1234", 3) == "234"
    assert few.fitted("A17", 3) == " 17"
    six = [{"address": 0, "characters": 6}]
    letters = Profile.from_dict({"name": "x", "letters": "A", "align": "left", "line": six})
    assert letters.fitted("a17", 6) == "A17   "
    assert letters.fitted("Z17号", 6) == "17    "


def test_characters_stand_in_registers_as_the_profile_says() -> None:
    def values(text: str, **line: object) -> list[tuple[int, ...]]:
        profile = Profile.from_dict({"name": "x", "line": [{"address": 7, "characters": 3, **line}]})
        return [write.values for write in profile.writes([text])]

    assert values("123") == [(0x3132, 0x3320)]
    assert values("123", low_first=True) == [(0x3231, 0x2033)]
    assert values("12", per_register=1) == [(0x20, 0x31, 0x32)]
    assert values("", form="number", blank=0x7FFF) == [(0x7FFF,)]
    three = [{"address": 7, "characters": 3, "per_register": 1}]
    single = Profile.from_dict({"name": "x", "function": 6, "line": three})
    assert single.writes(["123"]) == tuple(Write(7 + n, (0x31 + n,), single=True) for n in range(3))


def test_a_profile_of_ones_own_is_one_file_beside_the_configuration(tmp_path: Path) -> None:
    own = LINE.replace('"led-485"', '"own.toml"')
    (tmp_path / "own.toml").write_text('name = "own"\n[[line]]\naddress = 0x10\ncharacters = 4\n', "utf-8")
    assert settings(tmp_path, own).displays[1].profile.line[0].address == 16
    for text, said in (
        ('name = "own"\n', "own.toml is no profile of a display: line: Field required"),
        ('name = "own"\nline = [{ adress = 1, characters = 4 }]\n', "line.1.address: Field required"),
        ('name = "own"\n[[line]]\naddress = 65535\ncharacters = 4\n', "the line at 65535 goes beyond register 65535"),
        ("name = own\n", "is no profile of a display: Invalid value"),
    ):
        (tmp_path / "own.toml").write_text(text, "utf-8")
        with pytest.raises(ConfigError, match=re.escape(said)):
            settings(tmp_path, own)
    (tmp_path / "own.toml").write_text('name = "own"\n[[line]]\naddress = 65534\ncharacters = 2\n', "utf-8")
    with pytest.raises(ConfigError, match="goes beyond register"):
        settings(tmp_path, own.replace('counter = "1" }, 9', 'counter = "1", characters = 8 }, 9'))


# -- the adapter -------------------------------------------------------------------------------------------------


@pytest.fixture
def requests() -> list[Request]:
    return []


@pytest.fixture
def hub(tmp_path: Path, requests: list[Request]) -> Iterator[Hub]:
    rules = branch({"1": {"cash": 0}, "2": {"cash": 0}})
    journal = Journal(tmp_path / "lobby.db", rules.branch)
    yield Hub(rules, journal, requests.append, lambda: True, lambda: NINE)
    journal.close()


def adapter(tmp_path: Path, hub: Hub, device: str = LINE) -> tuple[ModbusAdapter, Modbus]:
    made = settings(tmp_path, device)
    line = Modbus(made.displays, {})
    return ModbusAdapter(made, line, hub.context, lambda: None), line


def test_an_input_presses_its_key_and_two_modules_never_press_as_one(
    tmp_path: Path, hub: Hub, requests: list[Request]
) -> None:
    two = LINE.replace("inputs = {", 'inputs = { 12 = { counter = "1", keys = { 1 = "CALL" } },')
    line, _ = adapter(tmp_path, hub, two)
    line.heard(Pressed(11, "1", SINGLE))
    line.heard(Pressed(12, "1", SINGLE))
    line.heard(Pressed(11, "1", LONG))
    line.heard(Pressed(11, "7", SINGLE))
    one, other, absent = (request.command for request in requests)
    assert (type(one), type(other), type(absent)) == (CallNext, CallNext, NoShow)
    assert (one.cause, other.cause) == (f"modbus:line:11:{NINE}", f"modbus:line:12:{NINE}")


def test_each_unit_has_a_state_of_its_own(
    tmp_path: Path, hub: Hub, requests: list[Request], caplog: pytest.LogCaptureFixture
) -> None:
    line, _ = adapter(tmp_path, hub)
    for fact in (OK, UnitHealth(11, OK), UnitHealth(1, NO_ANSWER), UnitHealth(9, REFUSED[2], 2)):
        line.heard(fact)
    reports = [request.command for request in requests]
    assert all(isinstance(report, ReportDevice) for report in reports)
    assert [(report.device, report.state, report.detail) for report in reports] == [  # type: ignore[attr-defined]
        ("line", "ok", ""),
        ("line.11", "ok", ""),
        ("line.1", "offline", "no_answer"),
        ("line.9", "degraded", "modbus_address"),
    ]
    assert "line.9: " in caplog.text
    assert "(Modbus 02)" in caplog.text


class Watcher(Adapter):
    """Remembers which devices are there no more."""

    watches = True

    def __init__(self, context: Context) -> None:
        super().__init__("watcher", context)
        self.left: list[str] = []

    def gone(self, id: str) -> None:
        self.left.append(id)


def test_units_that_a_new_configuration_has_not_are_forgotten(tmp_path: Path, hub: Hub) -> None:
    path = tmp_path / "branch.toml"
    own = LINE.replace('"led-485"', '"own.toml"')
    (tmp_path / "own.toml").write_text('name = "own"\n[[line]]\naddress = 0x10\ncharacters = 4\n', "utf-8")
    path.write_text(GOOD + own, "utf-8")
    watcher = Watcher(hub.context)
    hub.add(watcher)
    devices = Devices(read(path), hub)
    hub.heard("line", UnitHealth(1, OK))
    hub.heard("line", UnitHealth(11, OK))
    assert devices.leaving(read(path)) == []
    (tmp_path / "own.toml").write_text('name = "own"\n[[line]]\naddress = 0x11\ncharacters = 4\n', "utf-8")
    assert devices.leaving(read(path)) == ["line"], "a profile that was changed"
    path.write_text(GOOD + own.replace("11 =", "12 ="), "utf-8")
    settings = read(path)
    devices.change(settings, devices.leaving(settings))
    assert sorted(watcher.left) == ["line", "line.1", "line.11", "line.9"]
    hub.heard("line", UnitHealth(12, OK))


def test_before_a_call_a_display_is_blank_and_nobody_waits(tmp_path: Path, hub: Hub) -> None:
    line, driver = adapter(tmp_path, hub)
    hub.add(line)
    line.update(State())
    driver.connected(0.0)
    asked = driver.data_to_send(0.0)
    assert asked[:7] == bytes.fromhex("01 10 00 70 00 03 06")
    assert asked[7:13] == b"      "


# -- in the virtual lobby ----------------------------------------------------------------------------------------


class Person:
    """Who presses keys there."""

    words = words("en")


async def test_displays_can_be_seen_and_inputs_pressed(tmp_path: Path) -> None:
    path = tmp_path / "branch.toml"
    path.write_text(GOOD + LINE, "utf-8")
    found = read(path)
    simulated = SimulatedBranch(found, tmp_path / "dev", seed=1)
    line = simulated.devices["line"]
    assert isinstance(line, SimulatedModbus)
    profile = line.device.displays[1].profile
    simulated.plug_all()
    try:
        for write in profile.writes(["A017"]):
            line.far_end.displays[1].written(write.address, list(write.values))
        where, shown = line.shows() or ("", {})
        assert where == "others"
        assert shown["lines"] == ["  1  [  A017]  @1", "  9  []"]
        assert [lamp["name"] for lamp in shown["lamps"]] == ["11/1 CALL @1, NOSHOW @1", "11/2 CALL @1"]
        assert shown["keys"] == ["11/1", "11/1 long", "11/2"]
        assert list(line.calls(found.rules)) == [("A017", "1")]
        with pytest.raises(UnknownKeyError):
            await line.press(Press(key="11/3"), Person())  # type: ignore[arg-type]
        with pytest.raises(NobodyAnswersError, match="not_read"):
            await line.press(Press(key="11/1"), Person())  # type: ignore[arg-type]
    finally:
        simulated.unplug_all()
