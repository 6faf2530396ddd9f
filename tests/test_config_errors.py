# ruff: noqa: E501 - the error lines stand here as they are printed
"""Configurations that are wrong, what is said of them, and on which line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from chance import examples
from configurations import failure, plus, problems, swap
from errors import GOOD, written
from hypothesis import given
from hypothesis import strategies as st

from bench import processes
from controller.config import ConfigError, read, shipped
from controller.config.lines import Place, locate
from controller.devices.kit import kinds
from controller.lobby.actions.press import Where
from controller.presses import keys

# -- what is wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"), [pytest.param(text, expected, id=title) for title, text, expected in written()]
)
def test_what_is_said_of_a_bad_file(tmp_path: Path, text: str, expected: list[str]) -> None:
    known = {
        "DIR": str(tmp_path),
        "DRIVERS": ", ".join(sorted(kinds())),
        "COUNTER_KEYS": ", ".join(keys(Where.COUNTER)),
    }
    assert problems(tmp_path / "branch.toml", text) == [
        re.sub(r"\b(DIR|DRIVERS|COUNTER_KEYS)\b", lambda word: known[word[0]], line) for line in expected
    ]


CONTRACT = """\
[branch]
id = "0755-001"            # [a-z0-9-]+, used in topics
name = "解放路支行"
timezone = "Asia/Shanghai"
language = "zh"            # zh | en: tickets, boards, console
default_service = "cash"   # for a bare GREEN button; default: the first

[day]
rollover = "03:00"         # local time at which the business day and the numbers begin again

[journal]
path = "/var/lib/lobby/lobby.db"

[[service]]
id = "cash"
name = { zh = "现金业务", en = "Cash" }
prefix = "A"               # ticket = prefix + number, 3 digits by default (numbers go on past 999)
key = 1                    # digit for it on keypads
minutes = 4                # mean service time to start from
share = { normal = 60, pension = 75 }           # simulated arrivals, relative; a number or by profile; default 1

[class.normal]
credit = 0
[class.vip]
credit = 10
share = 7                  # simulated arrivals, percent; a number or by profile
[class.green]
credit = 60

[calling]
pass_limit = 5             # K of the rule
recalls = 3
return_within = 15         # minutes after a no-show
return_penalty = 5
returns = 2

[[counter]]
id = "1"
serves = { cash = 0, corporate = 0 }            # service = handicap in minutes
class_handicap = { normal = 10 }                # optional, added to it

[mqtt]
broker = "embedded"        # embedded | mqtt://host:port | mqtts://host:port ; absent = no MQTT

[[device]]
id = "printer"
driver = "escpos"          # ticket printer
link = "serial:/dev/lobby/printer?baud=9600"
columns = 32

[[device]]
id = "terminals"
driver = "terminal68"      # call terminals and raters on one bus
link = "serial:/dev/lobby/terminals?baud=9600"
addresses = { 1 = "1", 2 = "2" }                # bus address = counter id (1-99 here)
raters = { 11 = "1" }                           # bus address of a rater = counter id
repeat_ms = 400

[[device]]
id = "hall"
driver = "bx"              # hall board, Onbon BX-5K/6K
link = "serial:/dev/lobby/hall?baud=57600"
model = "5k1"
lines = 4                  # newest call first
width = 128                # pixels
line_height = 16

[[device]]
id = "window-1"
driver = "vfd"             # 2 x 20 window display
dialect = "cd5220"         # epson | cd5220 | dsp800
counter = "1"
link = "serial:/dev/lobby/window-1?baud=9600"

[[device]]
id = "pad-3"
driver = "mqtt-keypad"
counter = "3"

[[device]]
id = "manager"
driver = "mqtt-panel"      # the lobby manager's buttons

[[device]]
id = "kiosk"
driver = "mqtt-kiosk"      # ticket buttons
hold_off = 2               # s: TAKE again for the same service is the same ticket (children, impatience); 0 = off
screen = false             # true: it can show a number when the printer cannot
"""
"""What installers were promised. It is an extract: it names counters and a service that it does not define."""


def test_the_promised_keys(tmp_path: Path) -> None:
    path = tmp_path / "branch.toml"
    assert problems(path, CONTRACT) == [
        "14: service[cash]: no counter serves it as its own work (a total handicap of 0 for the normal class); give one counter serves = { cash = 0 }",
        '39: counter[1].serves.corporate: there is no service "corporate"; known are cash',
        '55: device[terminals].addresses.2: there is no counter "2"; known are 1',
        '78: device[pad-3].counter: there is no counter "3"; known are 1',
    ]
    completed = CONTRACT.replace("class_handicap = { normal = 10 }", "").replace("[[counter]]", MISSING, 1)
    assert problems(path, completed) == []


MISSING = """\
[[service]]
id = "corporate"
name = "Corporate"
prefix = "C"
[[counter]]
id = "2"
serves = { corporate = 0 }
[[counter]]
id = "3"
serves = { cash = 0 }
[[counter]]"""


def test_every_error_at_once(tmp_path: Path) -> None:
    text = """\
[branch]
id = "B!"
name = "B"
timezone = "Mars/Olympus"
[[service]]
id = "cash"
name = "Cash"
prefix = "A"
key = 12
[[service]]
id = "corporate"
name = "Corporate"
prefix = "A"
[[counter]]
id = "1"
serves = { cash = 0, corporate = 5, loans = 0 }
[[device]]
id = "hall"
driver = "bx"
link = "serial:/dev/lobby/hall"
model = "5k1"
line = 4
[[device]]
id = "window"
driver = "vfd"
dialect = "epson"
counter = "9"
link = "serial:/dev/lobby/hall?baud=19200"
"""
    lines = [line.split(":")[0:2] for line in problems(tmp_path / "branch.toml", text)]
    assert [(int(line), key.strip()) for line, key in lines] == [
        (2, "branch.id"),
        (4, "branch.timezone"),
        (9, "service[cash].key"),
        (10, "service[corporate]"),
        (13, "service[corporate].prefix"),
        (16, "counter[1].serves.loans"),
        (22, "device[hall].line"),
        (27, "device[window].counter"),
        (28, "device[window].link"),
    ]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (GOOD.encode("utf-8-sig"), []),
        (GOOD.replace("\n", "\r\n").encode(), []),
        (b"", [
            "1: branch: is missing; it takes a [branch] table with id and name",
            "1: counter: is missing; it takes at least one [[counter]]",
            "1: service: is missing; it takes at least one [[service]]",
        ]),
        (swap("Cash", "现金").encode("gb18030"), [
            '6: encoding: the file is not UTF-8 text but looks like GB18030 (GBK), which Windows editors call "ANSI"; save it again as UTF-8'
        ]),
        (GOOD.encode("utf-16"), [
            '1: encoding: the file is not UTF-8 text but UTF-16, which Windows editors call "Unicode"; save it again as UTF-8'
        ]),
        (GOOD.encode() + b"#\n# \xff", ["12: encoding: the file is not UTF-8 text; save it again as UTF-8"]),
        (b"x = " + b"[" * 5000, ["1: syntax: it is nested too deeply"]),
        (b"x = " + b"1" * 5000, ["1: syntax: a number has thousands of digits"]),
    ],
    ids=["bom", "crlf", "empty", "gb18030", "utf-16", "neither", "depth", "digits"],
)  # fmt: skip
def test_how_it_was_saved(tmp_path: Path, raw: bytes, expected: list[str]) -> None:
    assert problems(tmp_path / "branch.toml", raw) == expected


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as none:
        read(tmp_path / "none.toml")
    assert str(none.value) == f"{tmp_path}/none.toml: there is no such file"
    with pytest.raises(ConfigError) as directory:
        read(tmp_path)
    assert str(directory.value) == f"{tmp_path}: it cannot be read: is a directory"
    with pytest.raises(ConfigError) as endless:
        read(Path("/dev/zero"))
    assert str(endless.value) == "/dev/zero: it is longer than 1048576 bytes; this is no configuration"


# -- where it is wrong --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# [x]\na = 1 # b = 2\n\nc = 3", {("a",): 2, ("c",): 4}),
        ("a.b = 1\na.c.d = 2", {("a",): 1, ("a", "b"): 1, ("a", "c"): 2, ("a", "c", "d"): 2}),
        ("\"a.b\".'c d' = 1\n\"\\u0041\\\"\" = 2", {("a.b",): 1, ("a.b", "c d"): 1, ('A"',): 2}),
        ("[a . \"b\"]\nc = 1\n[a]\nd = 2", {("a",): 1, ("a", "b"): 1, ("a", "b", "c"): 2, ("a", "d"): 4}),
        ("t = { a = 1, b = { c = \"}\" } } # }\nu = {}", {("t",): 1, ("t", "a"): 1, ("t", "b"): 1, ("t", "b", "c"): 1, ("u",): 2}),
        ("l = [ # ]\n  1, [2,\n  3], \"]\",\n]\nm = []", {("l",): 1, ("l", 0): 2, ("l", 1): 2, ("l", 1, 0): 2, ("l", 1, 1): 3, ("l", 2): 3, ("m",): 5}),
        ("l = [\n{ a = 1 },\n{ a = 2 }\n]", {("l",): 1, ("l", 0): 2, ("l", 0, "a"): 2, ("l", 1): 3, ("l", 1, "a"): 3}),
        ("[[p]]\nx = 1\n[[p]]\n[[p.q]]\n[p.q.r]\ny = 1\n[[p.q]]", {
            ("p",): 1, ("p", 0): 1, ("p", 0, "x"): 2, ("p", 1): 3, ("p", 1, "q"): 4, ("p", 1, "q", 0): 4,
            ("p", 1, "q", 0, "r"): 5, ("p", 1, "q", 0, "r", "y"): 6, ("p", 1, "q", 1): 7,
        }),
        ("a = \"[x] # \\\" = \"\nb = '\\'\nc = \"\"\nd = ''\ne = 1", {("a",): 1, ("b",): 2, ("c",): 3, ("d",): 4, ("e",): 5}),
        ('a = """\n[x]\nb = "" \\"""\n"""""\nc = 1', {("a",): 1, ("c",): 5}),
        ("a = '''\n[x]\nb = \\''''\nc = 1", {("a",): 1, ("c",): 4}),
        ("a = 1979-05-27 07:32:00\r\nb = -1.5e3 \r\nc = true# x", {("a",): 1, ("b",): 2, ("c",): 3}),
    ],
    ids=["comments", "dotted", "quoted", "header", "inline", "array", "array-of-inline", "array-of-tables", "texts", "long-text", "long-literal", "scalars"],
)  # fmt: skip
def test_lines(text: str, expected: dict[Place, int]) -> None:
    assert set(_places(tomllib.loads(text))) == expected.keys()
    assert locate(text) == expected


def _places(value: object, place: Place = ()) -> Iterator[Place]:
    if place:
        yield place
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _places(inner, (*place, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _places(inner, (*place, index))


@pytest.mark.parametrize("name", ["branch.example.toml", "demo.toml"])
def test_every_place_has_its_line(name: str) -> None:
    text = shipped(name).read_text("utf-8")
    lines = locate(text)
    assert set(_places(tomllib.loads(text))) == lines.keys()
    for place, line in lines.items():
        if isinstance(place[-1], str):
            assert place[-1] in text.splitlines()[line - 1]


EXAMPLE = shipped("branch.example.toml").read_bytes().splitlines(keepends=True)


FRAGMENTS = [
    b"[",
    b"]]",
    b"{",
    b"}",
    b'"',
    b"'''",
    b"=",
    b",",
    b"#",
    b"\n",
    b"\r",
    b"\0",
    b"\xb5",
    b"= 7\n",
    b"= [1]\n",
    b"= {a.b = 2}\n",
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    lines = list(EXAMPLE)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        kind = draw(st.sampled_from(["delete", "replace", "duplicate", "insert", "overwrite"]))
        if kind == "delete":
            del lines[at : at + draw(st.integers(1, 8))]
            lines = lines or [b""]
        elif kind == "replace":
            lines[at] = draw(st.sampled_from(EXAMPLE))
        elif kind == "duplicate":
            lines.insert(draw(st.integers(0, len(lines))), lines[at])
        else:
            start = draw(st.integers(0, len(lines[at])))
            end = start if kind == "insert" else draw(st.integers(start, len(lines[at])))
            new = draw(
                st.sampled_from(FRAGMENTS)
                | st.binary(max_size=8)
                | st.text("现“\u2028\t\"'[]{}=.#\\ 1a_", max_size=8).map(str.encode)
            )
            lines[at] = lines[at][:start] + new + lines[at][end:]
    return b"".join(lines)


@pytest.mark.long
@examples(300)
@given(raw=mutated())
def test_a_mutated_file_is_read_or_explained(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "mutated.toml"
    path.write_bytes(raw)
    error = failure(path)
    if error:
        assert error.problems
        assert len(str(error).splitlines()) == len(error.problems)
        assert all(1 <= problem.line <= raw.count(b"\n") + 1 for problem in error.problems)


def test_a_check_looks_into_the_certificate_and_its_key(tmp_path: Path) -> None:
    for name in ("one", "other"):
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        files = ["-keyout", f"{tmp_path}/{name}.key", "-out", f"{tmp_path}/{name}.pem", "-subj", "/CN=lobby"]
        processes.run([*command, *files], check=True, capture_output=True)

    def said(certificate: str, key: str) -> list[str]:
        path = tmp_path / "branch.toml"
        path.write_text(plus(f'[web]\ncertificate = "{certificate}"\nkey = "{key}"\n'), "utf-8")
        try:
            read(path, files=True)
        except ConfigError as error:
            return [f"{problem.key}: {problem.text}" for problem in error.problems]
        return []

    assert said("one.pem", "one.key") == []
    wrong = f"{tmp_path}/one.pem and {tmp_path}/other.key are no certificate and its key, as PEM"
    assert said("one.pem", "other.key") == [f"web.certificate: {wrong}"]
    assert said("none.pem", "one.key") == [
        f"web.certificate: {tmp_path}/none.pem cannot be read: no such file or directory"
    ]
    assert said("one.pem", "none.key") == [f"web.key: {tmp_path}/none.key cannot be read: no such file or directory"]
