# ruff: noqa: E501 - the error lines stand here as they are printed
"""Configurations that are right, and what they mean."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest
from configurations import plus, problems, swap
from errors import GOOD

from controller.config import Settings, checks, read, shipped, wording
from controller.config.characters import warnings
from controller.config.keys import Config, Keys
from controller.config.lines import document
from controller.devices.bx import BxSettings
from controller.devices.escpos import EscposSettings
from controller.devices.mqtt_kiosk import MqttKioskSettings
from controller.devices.terminal68 import Terminal68Settings
from controller.devices.vfd import VfdSettings
from controller.devices.voice import VoiceSettings
from controller.lobby.model.calendar import ALWAYS, PROFILES, Hours, parse_spans
from controller.lobby.model.rules import Appointments, Rules
from controller.lobby.model.triage import Triage
from drivers.link import SerialLink


@pytest.fixture
def example() -> Settings:
    return read(shipped("branch.example.toml"))


def test_rules_are_in_the_units_of_the_lobby(example: Settings) -> None:
    rules = example.rules
    assert (rules.branch, rules.branch_name, rules.zone) == ("0755-001", "解放路支行", ZoneInfo("Asia/Shanghai"))
    assert rules.rollover == timedelta(hours=3)
    assert (rules.return_within, rules.return_penalty) == (900, 300)
    assert list(rules.services) == ["cash", "personal", "corporate"]
    assert rules.services["cash"].name == "现金业务"
    assert [(c.id, dict(c.serves), dict(c.class_handicap), c.rater) for c in rules.counters.values()] == [
        ("1", {"cash": 0, "corporate": 1200}, {}, True),
        ("2", {"cash": 0, "personal": 0}, {}, True),
        ("3", {"corporate": 0, "cash": 900}, {"vip": 300}, False),
    ]
    assert {id: c.credit for id, c in rules.classes.items()} == {
        "normal": 0,
        "vip": 600,
        "appointment": 900,
        "green": 3600,
        "urgent": 3600,
    }


def test_devices_have_their_links(example: Settings) -> None:
    printer, terminals, hall, window, *_, kiosk = example.devices
    assert isinstance(printer, EscposSettings)
    assert printer.link == SerialLink("/dev/lobby/printer", 9600)
    assert printer.layout is None
    assert isinstance(terminals, Terminal68Settings)
    assert (terminals.addresses, terminals.raters, terminals.repeat_ms) == ({1: "1", 2: "2"}, {11: "1", 12: "2"}, 400)
    assert isinstance(hall, BxSettings)
    assert (hall.model, hall.x_unit, hall.dynamic_header) == ("5k1", "8px", "length")
    assert isinstance(window, VfdSettings)
    assert (window.dialect, window.counter, window.brightness) == ("cd5220", "1", None)
    assert isinstance(kiosk, MqttKioskSettings)
    assert (kiosk.hold_off, kiosk.screen) == (2, False)


def test_what_is_expected_by_profile(example: Settings) -> None:
    rules = example.rules
    assert {id: service.minutes for id, service in rules.services.items()} == {"cash": 4, "personal": 9, "corporate": 7}
    assert rules.shares["busy"] == {"cash": 60, "personal": 28, "corporate": 12}
    assert rules.shares["pension"] == {"cash": 75, "personal": 17, "corporate": 8}
    assert rules.class_shares["normal"] == {"normal": 89, "vip": 7, "appointment": 0, "green": 4, "urgent": 0}
    assert rules.class_shares["pension"]["normal"] == 83


def test_the_example_changes_no_kind_of_day_and_closes_nothing(example: Settings) -> None:
    rules = example.rules
    assert rules.calendar.profiles == PROFILES
    assert {service.hours for service in rules.services.values()} == {None}
    assert (rules.target, rules.recall_gap) == (900, 20)
    assert rules.appointments == Appointments()
    assert rules.triage == Triage()


def uncommented(text: str) -> str:
    """The example with its commented keys in force, from the day's section to the triage."""
    begin, end = text.index("# -- the day"), text.index("# -- counters")
    services = re.sub(r"^#(?=[a-z_]+ = )", "", text[:begin], flags=re.MULTILINE)
    return services + re.sub(r"^#(?=[^ -]|  [{])", "", text[begin:end], flags=re.MULTILINE) + text[end:]


def test_what_the_example_has_as_comments_is_right_too(tmp_path: Path) -> None:
    path = tmp_path / "branch.toml"
    assert problems(path, uncommented(shipped("branch.example.toml").read_text("utf-8"))) == []
    rules = read(path).rules
    cash, personal = rules.services["cash"], rules.services["personal"]
    assert (cash.group, cash.quota, cash.overflow) == ("cash", 100, True)
    assert (personal.group, personal.quota, personal.overflow) == ("personal", None, False)
    assert cash.hours == Hours((parse_spans("09:00-17:00"),) * 7, 15 * 60)
    assert personal.hours == Hours((parse_spans("08:30-12:00 13:30-17:00"),) * 7, 0)
    assert len(rules.calendar.holidays) == 8
    assert rules.calendar.workdays == {date(2026, 10, 10)}
    pension = rules.calendar.profiles["pension"]
    assert [str(span) for span in pension.shifts("1")] == ["09:00-12:00", "13:00-17:00"]
    assert [str(span) for span in pension.shifts("2")] == ["09:00-17:00"]
    assert pension.shifts("3") == ()
    assert rules.appointments == Appointments((34200, 36000), 4, 600, 600)
    assert list(rules.triage.questions) == ["begin", "amount"]
    wealth, small = rules.triage.choice("wealth"), rules.triage.choice("small")
    assert wealth is not None
    assert small is not None
    assert (wealth.service, wealth.klass, wealth.advice) == ("personal", "vip", "")
    assert (small.service, small.klass, small.advice) == ("cash", "", "请用自助机")


def test_hours_and_profiles_of_a_branch_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "branch.toml"
    path.write_text(
        plus(
            """\
[calendar]
hours = { mon-fri = "09:00-17:00", sat = "10:00-12:00, 13:00-15:00" }
last_ticket = 12.5
[profile.market]
when = ["wed", "2026-12-24..2026-12-31"]
hours = "08:00-10:30"
arrivals = [5, 6.5, 7]
[profile.normal]
hours = "09:00-11:00"
arrivals = [1, 2]
staff = { 1 = "closed", 2 = "08:45-10:00" }
[[counter]]
id = "2"
serves = { cash = 0 }
"""
        )
    )
    calendar, cash = read(path).rules.calendar, read(path).rules.services["cash"]
    week = parse_spans("09:00-17:00")
    assert cash.hours == Hours((*(week,) * 5, parse_spans("10:00-12:00 13:00-15:00"), ()), 750)
    assert list(calendar.profiles) == ["market", "pension", "busy", "normal"]
    market, normal = calendar.profiles["market"], calendar.profiles["normal"]
    busy = calendar.profiles["busy"]
    assert busy.doors == week, "what does not say its hours keeps the calendar's"
    assert " ".join(map(str, busy.on(5).doors)) == "10:00-12:00 13:00-15:00"
    assert calendar.profile(date(2026, 11, 29)) == busy.on(6), "closed: as on the first day that is open"
    assert calendar.profile(date(2026, 10, 31)) == busy.on(5) != busy.on(4)
    assert (market.doors, normal.doors) == ((), ())
    assert (market.arrivals, market.burst, str(market.hours)) == ((5, 6.5, 7), (0, 0), "08:00-10:30")
    assert (normal.arrivals, normal.burst, normal.shifts("1")) == ((1, 2), PROFILES["normal"].burst, ())
    assert calendar.profile(date(2026, 12, 31)) is market
    assert calendar.profile(date(2026, 12, 16)) is market
    assert calendar.profile(date(2026, 12, 15)).id == "pension"


def test_a_profile_of_the_branchs_own_has_a_mix_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "branch.toml"
    text = swap('prefix = "A"', 'prefix = "A"\nshare = { normal = 1, salary = 5, copy = 2 }')
    for id in ("salary", "copy"):
        text += f'[profile.{id}]\nwhen = ["25"]\nhours = "09:00-10:00"\narrivals = [9]\n'
    assert problems(path, text + "[class.vip]\nshare = { normal = 7, salary = 20 }\n") == []
    rules = read(path).rules
    assert {id: share["cash"] for id, share in rules.shares.items()} == {
        "salary": 5,
        "copy": 2,
        "pension": 1,
        "busy": 1,
        "normal": 1,
    }
    assert [rules.class_shares[id]["vip"] for id in ("salary", "copy", "normal")] == [20, 7, 7]
    assert rules.class_shares["salary"]["normal"] == 76


def test_a_long_chain_of_questions(tmp_path: Path) -> None:
    questions = (
        f'[[question]]\nid = "q{n}"\ntext = "Q"\nanswers = [{{ id = "a{n}", text = "A", {leads} }}]\n'
        for n in range(1200)
        for leads in [f'question = "q{n + 1}"' if n < 1199 else 'service = "cash"']
    )
    path = tmp_path / "branch.toml"
    assert problems(path, plus("".join(questions))) == []
    assert len(read(path).rules.triage.questions) == 1200


@pytest.mark.parametrize(
    "text",
    [
        'hours = { mon-fri = "09:00-17:00", sat = "closed" }\nlast_ticket = 479',
        'hours = "09:00-12:00 13:30-17:00"\nlast_ticket = 360',  # the afternoon's tickets end before it begins
        "last_ticket = 1440",  # of no hours
        'holidays = ["2026-10-01..2026-10-07"]\nworkdays = ["2026-10-10"]',
        'hours = "09:00-17:00"\n[appointment]\nslots = ["08:45-09:15", "16:45-17:15"]',
        '[appointment]\nslots = ["00:00-00:30"]',
        'hours = "09:00-17:00"\n[profile.busy]\nhours = "08:00-10:00"\narrivals = [1, 2]\nstaff = { 1 = "07:45-08:15" }',
        '[profile.busy]\nwhen = ["end-30"]',
    ],
)
def test_what_works_is_not_refused(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path / "branch.toml", plus(f"[calendar]\n{text}\n")) == []


def test_what_one_service_makes_possible_is_not_refused(tmp_path: Path) -> None:
    """Slots, and a kind of day, for the evening hours of one of two services."""
    evening = """\
[[service]]
id = "gold"
name = "Gold"
prefix = "G"
hours = { fri = "18:00-20:00" }
[[counter]]
id = "2"
serves = { gold = 0 }
[calendar]
hours = "09:00-17:00"
[appointment]
slots = ["18:30-19:00"]
[profile.evening]
when = ["fri"]
hours = "18:00-20:00"
arrivals = [1, 2]
staff = { 1 = "closed" }
"""
    assert problems(tmp_path / "branch.toml", plus(evening)) == []


def test_without_hours_only_holidays_close(tmp_path: Path) -> None:
    path = tmp_path / "branch.toml"
    path.write_text(plus('[calendar]\nholidays = ["2026-10-01..2026-10-03"]\n'))
    rules = read(path).rules
    assert rules.services["cash"].hours == ALWAYS
    assert rules.calendar.holidays == {date(2026, 10, day) for day in (1, 2, 3)}


@pytest.mark.parametrize(
    ("counters", "own", "groups"),
    [
        ({"1": {"cash": 0}, "2": {"loans": 0}, "3": {"gold": 0}}, {}, "cash loans gold"),
        ({"1": {"cash": 0, "loans": 5}, "2": {"loans": 0, "cash": 5}, "3": {"gold": 0}}, {}, "cash loans gold"),
        ({"1": {"cash": 0, "loans": 0}, "2": {"gold": 0}}, {}, "cash cash gold"),
        ({"1": {"loans": 0, "gold": 0}, "2": {"cash": 0}}, {}, "cash loans loans"),
        ({"1": {"loans": 0, "gold": 0}, "2": {"cash": 0, "gold": 0}}, {}, "cash cash cash"),
        ({"1": {"cash": 0, "gold": 0}, "2": {"loans": 0}}, {"loans": "back"}, "cash back cash"),
        ({"1": {"cash": 0, "loans": 0, "gold": 0}}, {"loans": "back"}, "cash back cash"),
        ({"1": {"cash": 0, "loans": 0, "gold": 0}}, {"cash": "front", "loans": "front"}, "front front gold"),
    ],
)
def test_services_that_share_windows_are_a_group(
    tmp_path: Path, counters: dict[str, dict[str, int]], own: dict[str, str], groups: str
) -> None:
    text = GOOD[: GOOD.index("[[service]]")]
    for prefix, id in zip("ABC", ("cash", "loans", "gold"), strict=True):
        text += f'[[service]]\nid = "{id}"\nname = "{id}"\nprefix = "{prefix}"\n'
        text += f'group = "{own[id]}"\n' if id in own else ""
    for id, serves in counters.items():
        named = ", ".join(f"{service} = {handicap}" for service, handicap in serves.items())
        text += f'[[counter]]\nid = "{id}"\nserves = {{ {named} }}\n'
    path = tmp_path / "branch.toml"
    assert problems(path, text) == []
    assert " ".join(service.group for service in read(path).rules.services.values()) == groups


def test_a_layout_is_checked_with_the_branch(tmp_path: Path) -> None:
    (tmp_path / "t.toml").write_text('[[line]]\ntext = "{tickt}"\n')
    text = plus('[[device]]\nid = "p"\ndriver = "escpos"\nlink = "file:/dev/usb/lp0"\nlayout = "t.toml"\n')
    (line,) = problems(tmp_path / "branch.toml", text)
    assert f"layout: {tmp_path / 't.toml'} is no ticket layout: line 1: " in line
    assert "did you mean 'ticket'?" in line


PRINTER = '[[device]]\nid = "p"\ndriver = "escpos"\nlink = "file:/dev/usb/lp0"\n'
HALL = '[[device]]\nid = "h"\ndriver = "bx"\nlink = "tcp:10.0.0.1:5005"\nmodel = "5k1"\n'
WARNING = 'warning: "{}" (U+{:04X}) comes out as "?" {}; write it in other characters'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (swap('"B"', '"㐂¥"'), []),  # nothing prints it
        (swap('"B"', '"¥ – é"') + PRINTER, []),
        (
            swap('"B"', '"㐂😀㐂"') + PRINTER,
            [("3: branch.name", "㐂", "on paper"), ("3: branch.name", "😀", "on paper")],
        ),
        (swap('"B"', '"㐂"') + HALL + "footer = true", []),  # boards do not name the branch
        (swap('"Cash"', '"囍"') + HALL, []),  # nor services, unless they say how long people wait
        (swap('"Cash"', '"囍"') + HALL + "footer = true", [("6: service[cash].name", "囍", "on boards")]),
        (swap('"Cash"', '"囍"') + PRINTER, []),
        (
            swap('"Cash"', '{ en = "😀", zh = "㐂" }') + PRINTER + HALL + "footer = true",
            [("6: service[cash].name.zh", "㐂", "on paper and on boards")],
        ),
        (swap('"Cash"', '{ en = "㐂" }') + PRINTER, [("6: service[cash].name.en", "㐂", "on paper")]),
        (
            plus('[class.vip]\nname = "㐂"\n[class.normal]\nname = "㐂"\n') + PRINTER,
            [("12: class.vip.name", "㐂", "on paper")],
        ),
    ],
)
def test_what_a_device_cannot_show_is_a_warning(
    tmp_path: Path, text: str, expected: list[tuple[str, str, str]]
) -> None:
    path = tmp_path / "branch.toml"
    assert problems(path, text) == []
    assert list(read(path).warnings) == [
        f"{path}:{key}: {WARNING.format(character, ord(character), where)}" for key, character, where in expected
    ]


ZONES = """
[[zone]]
id = "west"
name = "West"
counters = ["1"]

[[zone]]
id = "east"
name = "East"
counters = ["2"]
{televisions}
[[counter]]
id = "2"
serves = {{ cash = 0 }}

[[counter]]
id = "3"
serves = {{ cash = 0 }}
"""
VOICE = '[[device]]\nid = "v"\ndriver = "voice"\n'


@pytest.mark.parametrize(
    ("zones", "devices", "silent"),
    [
        ("", VOICE, []),
        ("", VOICE + 'zone = "west"\n', ["2", "3"]),
        ('televisions = ["tv"]\n', VOICE + 'zone = "west"\n', ["3"]),
        ("", HALL + 'zone = "east"\nvoice = {}\n', ["1", "3"]),
        ("", HALL + 'zone = "east"\n', []),
        ("", VOICE + 'zone = "west"\n' + HALL + 'zone = "east"\nvoice = {}\n', ["3"]),
    ],
)
def test_a_counter_whose_calls_nothing_speaks_is_a_warning(
    tmp_path: Path, zones: str, devices: str, silent: list[str]
) -> None:
    path = tmp_path / "branch.toml"
    web = "" if "zone =" in devices else "[web]\n"
    assert problems(path, plus(ZONES.format(televisions=zones) + web + devices)) == []
    said = "warning: no voice speaks its calls; add it to a zone that has one, or a voice for its zone"
    found = [line.partition(": ")[2] for line in read(path).warnings]
    assert found == [f"counter[{counter}]: {said}" for counter in silent]


def test_a_layout_has_warnings_with_its_own_lines(tmp_path: Path) -> None:
    layout = tmp_path / "t.toml"
    layout.write_text('[[line]]\ntext = "{branch} ¥"\n\n[[line]]\ntext = "㐂 {ticket}"\n', "utf-8")
    path = tmp_path / "branch.toml"
    path.write_text(plus(PRINTER + 'layout = "t.toml"\n'), "utf-8")
    assert list(read(path).warnings) == [f"{layout}:5: line[2].text: {WARNING.format('㐂', ord('㐂'), 'on paper')}"]


def test_checks_see_what_was_meant_and_parse_nothing() -> None:
    assert [name for name in vars(checks) if "parse" in name] == []


def test_two_texts_that_are_one_object_may_mean_different_things(tmp_path: Path) -> None:
    """Python has each text of one character once: here an id, and the path of a file."""
    web = '[web]\ncertificate = "1"\nkey = "1"\n[mqtt]\nbroker = "mqtt://h"\nusername = "u"\npassword_file = "1"\n'
    bus = '[[device]]\nid = "1"\ndriver = "terminal68"\nlink = "tcp:h:1"\naddresses = { 1 = "1", 2 = "x" }\n'
    path = tmp_path / "branch.toml"
    assert problems(path, plus(web + bus)) == ['22: device[1].addresses.2: there is no counter "x"; known are 1']
    assert problems(path, plus(web + bus.replace('"x"', '"1"'))) == []
    web_settings = read(path).web
    assert web_settings
    assert web_settings.certificate == tmp_path / "1"


@pytest.mark.parametrize(
    ("keys", "columns"),
    [
        ("", 32),
        ('profile = "TM-T88III"', 42),
        ('profile = "TM-T20II"', 48),
        ('profile = "POS-5890"', 32),
        ('profile = "simple"', 42),
        ('profile = "TM-T20II"\ncolumns = 32', 32),
        ('profile = "NT-80-V-UL"\ncolumns = 48', 48),
        ("columns = 48", 48),
    ],
)
def test_a_printers_columns_are_its_models(tmp_path: Path, keys: str, columns: int) -> None:
    path = tmp_path / "branch.toml"
    path.write_text(plus(PRINTER + keys + "\n"), "utf-8")
    settings = read(path)
    (printer,) = settings.devices
    assert isinstance(printer, EscposSettings)
    assert (printer.columns, settings.warnings) == (columns, ())


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("", ["15: device[p].profile: warning: a TM-U220 prints no QR codes: tickets come without; set qr = false"]),
        ("qr = false\n", []),
        ('layout = "t.toml"\n', []),
    ],
)
def test_a_printer_that_prints_no_codes_is_a_warning(tmp_path: Path, keys: str, said: list[str]) -> None:
    (tmp_path / "t.toml").write_text('[[line]]\ntext = "{ticket}"\n', "utf-8")
    path = tmp_path / "branch.toml"
    path.write_text(plus(PRINTER + 'profile = "TM-U220"\n' + keys), "utf-8")
    assert list(read(path).warnings) == [f"{path}:{line}" for line in said]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_devices_can_show_what_comes_with_the_program(tmp_path: Path, language: str) -> None:
    window = '[[device]]\nid = "w"\ndriver = "vfd"\ndialect = "epson"\ncounter = "1"\nlink = "file:/dev/w"\n'
    path = tmp_path / "branch.toml"
    path.write_text(swap('"B"', f'"B"\nlanguage = "{language}"') + PRINTER + HALL + "footer = true\n" + window, "utf-8")
    assert read(path).warnings == ()


def test_wording_that_a_device_cannot_show_is_a_warning(tmp_path: Path) -> None:
    wording = tmp_path / "wording" / "en.toml"
    wording.parent.mkdir()
    wording.write_text(
        '[ticket]\na = "㐂"\n[wait]\n[board]\nb = "囍"\n[window]\nc = "号"\n[other]\nd = "😀"\n', "utf-8"
    )
    layout = tmp_path / "ticket.en.toml"
    layout.write_text('[[line]]\ntext = "😀"\n', "utf-8")
    path = tmp_path / "branch.toml"
    window = '[[device]]\nid = "w"\ndriver = "vfd"\ndialect = "epson"\ncounter = "1"\nlink = "file:/dev/w"\n'
    text = swap('"B"', '"B"\nlanguage = "en"') + PRINTER + HALL + window
    path.write_text(text, "utf-8")
    found = warnings(document(path, text), read(path).rules, read(path).devices, tmp_path)
    assert [line.partition(";")[0].removeprefix(f"{tmp_path}/") for line in found] == [
        'ticket.en.toml:2: line[1].text: warning: "😀" (U+1F600) comes out as "?" on paper',
        'wording/en.toml:2: ticket.a: warning: "㐂" (U+3402) comes out as "?" on paper',
        'wording/en.toml:5: board.b: warning: "囍" (U+56CD) comes out as "?" on boards',
        'wording/en.toml:7: window.c: warning: "号" (U+53F7) comes out as "?" on window displays',
    ]


def test_paths_count_from_the_file(tmp_path: Path) -> None:
    (tmp_path / "t.toml").write_text('[[line]]\ntext = "{ticket}"\n')
    path = tmp_path / "branch.toml"
    path.write_text(
        plus(
            '[journal]\npath = "j/lobby.db"\n[mqtt]\nbroker = "mqtts://[::1]"\nusername = "u"\npassword_file = "/p"\n'
            '[[device]]\nid = "p"\ndriver = "escpos"\nlink = "file:/dev/usb/lp0"\nlayout = "t.toml"\n'
        )
    )
    settings = read(path)
    assert settings.journal_path == tmp_path / "j/lobby.db"
    (printer,) = settings.devices
    assert isinstance(printer, EscposSettings)
    assert printer.layout == tmp_path / "t.toml"
    assert settings.mqtt is not None
    assert dataclasses.asdict(settings.mqtt) == {
        "embedded": False,
        "host": "::1",
        "port": 8883,
        "tls": True,
        "client_id": "lobby-b-1",
        "username": "u",
        "password_file": Path("/p"),
        "ca_file": None,
        "home_assistant": "",
    }


def test_a_voice_has_its_program_as_a_shell_would_split_it_and_its_quiet_hours(tmp_path: Path) -> None:
    path = tmp_path / "branch.toml"
    path.write_text(
        plus('[[device]]\nid = "v"\ndriver = "voice"\nplayer = "play -d \'hw:1, 0\' $HOME -"\nquiet = "22:00-08:00"\n')
    )
    (voice,) = read(path).devices
    assert isinstance(voice, VoiceSettings)
    assert voice.player == ("play", "-d", "hw:1, 0", "$HOME", "-")
    heard = [hour for hour in range(24) if not any(hour * 3600 in span for span in voice.quiet)]
    assert heard == list(range(8, 22))


def test_a_player_may_have_a_thousand_characters(tmp_path: Path) -> None:
    path = tmp_path / "branch.toml"
    player = "aplay " + "-" * 994
    path.write_text(plus(f'[[device]]\nid = "v"\ndriver = "voice"\nplayer = "{player}"\n'))
    (voice,) = read(path).devices
    assert isinstance(voice, VoiceSettings)
    assert " ".join(voice.player) == player


def test_a_class_changes_only_the_keys_it_names(tmp_path: Path) -> None:
    path = tmp_path / "branch.toml"
    path.write_text(
        plus('[class.vip]\ncredit = 2.5\n[class.staff]\n[class.gold]\nname = { en = "Gold" }\ncredit = 1\n')
    )
    classes = read(path).rules.classes
    assert (classes["vip"].name, classes["vip"].credit) == ("贵宾", 150)
    assert (classes["staff"].name, classes["staff"].credit) == ("staff", 0)
    assert (classes["gold"].name, classes["gold"].credit) == ("Gold", 60)


def test_the_least_a_branch_needs(tmp_path: Path) -> None:
    path = tmp_path / "branch.toml"
    path.write_text(GOOD)
    settings = read(path)
    assert (settings.language, settings.mqtt, settings.devices) == ("zh", None, ())
    assert settings.journal_path == Path("/var/lib/lobby/lobby.db")
    assert settings.rules.default_service == "cash"
    usual = {
        field.name: field.default for field in dataclasses.fields(Rules) if field.default is not dataclasses.MISSING
    }
    assert {name: getattr(settings.rules, name) for name in usual} == usual


@pytest.mark.parametrize("name", ["branch.example.toml", "demo.toml"])
def test_shipped_configurations_are_good(name: str) -> None:
    assert read(shipped(name)).devices


def test_the_example_documents_every_key() -> None:
    text = shipped("branch.example.toml").read_text("utf-8")
    assert {
        key for key in _keys(Config) if not re.search(rf"(^#?\[\[?|^#?|[{{,(] ?){key}\b", text, re.MULTILINE)
    } == set()


def _keys(annotation: Any) -> Iterator[str]:
    """Every key of a table, and of the tables in it."""
    if isinstance(annotation, type) and issubclass(annotation, Keys):
        for name, field in annotation.model_fields.items():
            yield field.alias or name
            yield from _keys(field.annotation)
    for inner in get_args(annotation):
        yield from _keys(inner)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_wording_loads(language: str) -> None:
    assert wording(language).language == language


def test_both_languages_say_the_same_things() -> None:
    assert wording("zh").templates.keys() == wording("en").templates.keys()
