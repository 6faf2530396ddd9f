"""Ticket layouts: bytes against the vendors', text as printers take it, and what is printed of it."""

from __future__ import annotations

import json
import os
import re
import sys
import tomllib
from pathlib import Path

import pytest
from golden import vectors
from hypothesis import given
from hypothesis import strategies as st

from bench import processes
from drivers.characters import fitted, on_paper
from drivers.escpos_model import CACHE, CAPABILITIES, DOTS_A_COLUMN, encode, model
from drivers.paper import CHINESE_MODE, INITIALISE, Layout, wrap
from simulators.devices.escpos import PrinterFarEnd
from simulators.faults import Faults
from simulators.paper import SURROUND, Code, Paper, Picture, _font, cells

GOLDEN = vectors("escpos")
ROOT = Path(__file__).parent.parent
PART = 1000
"""Bytes that come at once; a picture has more than a receive buffer holds."""
FIELDS = {
    "branch": "深圳分行解放路支行",
    "ticket": "A017",
    "service": "个人现金业务",
    "class": "",
    "ahead": "12",
    "wait": "12-18 分钟",
    "time": "2026-03-02 10:32",
    "reprint": "",
    "qr": "lobby:0755-001:2026-03-02:A017",
}


def shipped(language: str) -> Layout:
    return Layout.from_dict(tomllib.loads((ROOT / f"config/ticket.{language}.toml").read_text("utf-8")))


def layout(text: str) -> Layout:
    return Layout.from_dict(tomllib.loads(text))


def printed(data: bytes, columns: int = 32) -> Paper:
    """What a printer makes of the bytes; none of them may be strange to it, no line too long for it."""
    printer = PrinterFarEnd(Faults(), columns=columns, seconds_per_line=0.0)
    printer.plugged(0.0)
    for at in range(0, len(data), PART):
        printer.receive(data[at : at + PART], 0.0)
    assert (printer.reader.unknown, printer.reader.overflows, printer.overrun) == (0, 0, 0)
    return printer.tickets[0] if printer.tickets else printer.strip


# -- bytes -------------------------------------------------------------------------------------------------------


def test_a_ticket_begins_in_chinese_mode_and_ends_with_a_cut() -> None:
    data = shipped("zh").render(FIELDS, 32)
    assert data.startswith(GOLDEN["initialise"] + GOLDEN["chinese mode on"])
    assert GOLDEN["initialise"] + GOLDEN["chinese mode on"] == INITIALISE + CHINESE_MODE
    assert data.endswith(GOLDEN["partial cut"])
    assert layout("[[line]]\ncut = 'full'").render({}, 32).endswith(GOLDEN["full cut"])


def test_the_number_is_contiguous_text_of_six_times_the_size() -> None:
    data = shipped("zh").render(FIELDS, 32)
    before, number, _ = data.partition(b"A017\n")
    assert number
    assert GOLDEN["size 6x6"] in before[before.rindex(b"\n") :]


def test_the_code_is_laid_out_as_the_vendors_do() -> None:
    data = layout("[[line]]\nqr = '{qr}'").render({"qr": "A017"}, 32)
    parts = ("qr model 2", "qr module 6", "qr level M", "qr data A017", "qr print")
    assert data.endswith(b"".join(GOLDEN[part] for part in parts))


def test_a_code_too_wide_for_the_paper_gets_smaller_modules() -> None:
    data = layout("[[line]]\nqr = '{qr}'\nsize = 16").render({"qr": "x" * 300}, 32)
    (code,) = (row for row in printed(data).rows if isinstance(row, Code))
    assert 1 < code.module < 16
    assert len(code.matrix) * code.module <= 32 * 12


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("A017", b"A017"),
        ("现金", "现金".encode("gbk")),
        ("\u3000", b"\xa1\xa1"),
        ("€", b"\xa2\xe3"),
        ("𠮷", b"?"),  # a name's character outside the two-byte areas
        ("㐀", b"?"),
        ("¥5", b"\xa3\xa45"),
        ("😀", b"?"),
        ("\x1b@\x00\n", b"?@? "),
        ("\ud800", b"?"),
    ],
)
def test_text_is_what_common_printers_take(text: str, data: bytes) -> None:
    assert encode(text) == data


@given(st.text())
def test_every_text_is_ascii_and_two_byte_characters(text: str) -> None:
    data = encode(text)
    assert not set(data) & set(range(0x20))
    assert data.decode("gb18030") == fitted(text, on_paper)
    assert encode(data.decode("gb18030")) == data


# -- lines -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "columns", "lines"),
    [
        ("one two three", 8, ["one two", "three"]),
        ("请留意叫号", 4, ["请留", "意叫", "号"]),
        ("过号请，找", 6, ["过号", "请，找"]),  # no line begins with a comma
        ("A017 号", 6, ["A017", "号"]),
        ("0123456789", 4, ["0123", "4567", "89"]),
        ("", 4, [""]),
    ],
)
def test_wrapping(text: str, columns: int, lines: list[str]) -> None:
    assert wrap(text, columns) == lines


@given(st.text(), st.integers(min_value=2, max_value=48))
def test_wrapping_loses_nothing_but_blanks(text: str, columns: int) -> None:
    lines = wrap(text, columns)
    assert all(len(encode(line)) <= columns for line in lines)
    assert "".join("".join(lines).split()) == "".join(fitted(text, on_paper).split())


@pytest.mark.parametrize("columns", [32, 42, 48])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_long_fields_shrink_or_wrap_and_never_overflow(language: str, columns: int) -> None:
    long = {
        "branch": "中国某某银行股份有限公司深圳分行" * 2,
        "ticket": "VIP-123456789",
        "service": "International " * 5,
    }
    paper = printed(shipped(language).render(FIELDS | long, columns), columns)
    words = paper.words.replace("\n", "")
    assert "VIP-123456789" in paper.words
    assert long["branch"] in words
    assert words.count("International") == 5


def test_a_tab_sends_the_rest_to_the_right_edge() -> None:
    wide = layout("[[line]]\ntext = '{service}\\t{time}'".replace("'", '"'))
    assert printed(wide.render(FIELDS, 32)).words == "个人现金业务    2026-03-02 10:32"
    assert printed(wide.render(FIELDS, 20), 20).words == "个人现金业务\n    2026-03-02 10:32"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_is_on_a_ticket(language: str) -> None:
    paper = printed(shipped(language).render(FIELDS, 32))
    for name in ("branch", "ticket", "service", "ahead", "wait", "time"):
        assert FIELDS[name] in paper.words
    assert [row.content for row in paper.rows if isinstance(row, Code)] == [FIELDS["qr"]]
    assert "贵宾" not in paper.words
    marked = printed(shipped(language).render(FIELDS | {"class": "贵宾", "reprint": "补打 / REPRINT"}, 32))
    assert "贵宾" in marked.words
    assert "补打 / REPRINT" in marked.words
    untold = printed(shipped(language).render(FIELDS | {"wait": ""}, 32))
    assert len(untold.words.splitlines()) == len(paper.words.splitlines()) - 1, "no line about a wait that nobody knows"


# -- models ------------------------------------------------------------------------------------------------------

FULL_CUT, PARTIAL_CUT, NO_CUT = (b"\x1bd\x06" + cut for cut in (GOLDEN["full cut"], GOLDEN["partial cut"], b""))


@pytest.mark.parametrize(
    ("profile", "columns", "codes", "cuts"),
    [
        (None, 32, "printer", (PARTIAL_CUT, FULL_CUT)),
        ("default", 42, "printer", (PARTIAL_CUT, FULL_CUT)),
        ("TM-T88III", 42, "printer", (PARTIAL_CUT, FULL_CUT)),
        ("TM-T20II", 48, "printer", (PARTIAL_CUT, FULL_CUT)),
        ("POS-5890", 32, "program", (NO_CUT, NO_CUT)),
        ("simple", 42, "program", (NO_CUT, NO_CUT)),
        ("TM-U220", 42, "nobody", (NO_CUT, NO_CUT)),
        ("TM-U220B", 42, "nobody", (PARTIAL_CUT, PARTIAL_CUT)),
    ],
)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_ticket_is_as_wide_and_is_cut_as_the_model_does(
    language: str, profile: str | None, columns: int, codes: str, cuts: tuple[bytes, bytes]
) -> None:
    assert (model(profile).columns, model(profile).codes) == (columns, codes)
    data = shipped(language).render(FIELDS, profile=profile)
    full = layout("[[line]]\ncut = 'full'").render({}, profile=profile)
    assert (data[-len(cuts[0]) :], full) == (cuts[0], INITIALISE + CHINESE_MODE + cuts[1])
    assert b"-" * columns + b"\n" in data
    paper = printed(data + GOLDEN["full cut"], columns)
    assert FIELDS["branch"] in paper.words
    kinds = {"printer": (1, 0), "program": (0, 1), "nobody": (0, 0)}
    assert tuple(sum(isinstance(row, kind) for row in paper.rows) for kind in (Code, Picture)) == kinds[codes]
    assert GOLDEN["qr print"] not in shipped(language).render(FIELDS | {"qr": ""}, profile=profile)


def test_columns_override_the_models() -> None:
    narrow, wide = (shipped("zh").render(FIELDS, columns, profile="TM-T20II") for columns in (32, 48))
    assert narrow == shipped("zh").render(FIELDS, 32)
    assert wide == shipped("zh").render(FIELDS, profile="TM-T20II") != narrow


@pytest.mark.parametrize(
    ("profile", "content", "module"),
    [
        ("POS-5890", "A017", 3),
        ("POS-5890", "https://lobby.example/t/2026-03-02/A017/0123456789", 3),
        ("POS-5890", "x" * 300, 2),
        ("simple", "x" * 300, 3),
    ],
)
def test_a_model_that_draws_no_codes_gets_a_picture_of_it(profile: str, content: str, module: int) -> None:
    """Of dots that the printer makes twice as wide and high."""
    data = layout("[[line]]\ntext = 'A'\nsize = 8\n[[line]]\nqr = '{qr}'").render({"qr": content}, profile=profile)
    columns = model(profile).columns
    paper = printed(data + GOLDEN["full cut"], columns)
    (picture,) = (row for row in paper.rows if isinstance(row, Picture))
    assert (picture.wide, picture.high, picture.align) == (2, 2, "center")
    assert picture.width * 8 * picture.wide <= columns * DOTS_A_COLUMN
    matrix = Code(content, level="M").matrix
    edge = [False] * len(matrix)
    dots = [[False, *row, False] for row in (edge, *matrix, edge)]
    assert picture.rows == [
        [dark for dark in row for _ in range(module)] + [False] * (-len(row) * module % 8)
        for row in dots
        for _ in range(module)
    ]
    assert paper.png().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("TM-T88", 'there is no printer profile "TM-T88"; did you mean "TM-T88V", "TM-T88IV" or "TM-T88II"?'),
        ("pos5890", 'there is no printer profile "pos5890"; did you mean "POS-5890"?'),
        ("printer", 'there is no printer profile "printer"; known are AF-240, CT-S651, '),
    ],
)
def test_an_unknown_profile_is_refused_with_those_like_it(name: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"^") as caught:
        shipped("zh").render(FIELDS, profile=name)
    assert str(caught.value).startswith(said)


# -- the same paper as ever --------------------------------------------------------------------------------------

BEFORE = vectors("tickets")
"""What the program sent before python-escpos's profiles were used: by language, columns and case."""
CASES = {
    "plain": {},
    "without a code": {"qr": ""},
    "reprint": {"reprint": "补打 / REPRINT"},
    "class": {"class": "贵宾"},
    "class, reprint, without a code": {"class": "贵宾", "reprint": "补打 / REPRINT", "qr": ""},
    "no wait": {"wait": ""},
    "long names": {
        "branch": "中国某某银行股份有限公司深圳分行" * 2,
        "ticket": "VIP-123456789",
        "service": "International " * 5,
    },
    "strange characters": {"branch": "𠮷€㐀\x1b支行", "service": "¥5 😀"},
    "long code": {"qr": "x" * 300},
    "full cut": {},
}
OWN = """
[[line]]
text = "{ticket}\\t{time}"
size = [2, 1]
align = "right"
[[line]]
text = "{service}"
inverse = true
size = [1, 3]
[[line]]
feed = 3
[[line]]
qr = "{ticket}"
size = 16
[[line]]
cut = "full"
"""


@pytest.mark.parametrize("name", BEFORE)
def test_a_ticket_looks_as_it_did_before(name: str) -> None:
    """Dot for dot, on every printer that has no profile."""
    language, columns, case = name.split(" ", 2)
    fields = FIELDS | {"qr": "https://lobby.example/t/2026-03-02/A017/0123456789"} | CASES[case]
    of = layout(OWN) if language == "own" else shipped(language)
    before = printed(BEFORE[name], int(columns))
    now = printed(of.render(fields, int(columns)), int(columns))
    assert now.image().tobytes() == before.image().tobytes()


# -- layout files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "a layout needs [[line]] entries"),
        ("lines = 3", "unknown key 'lines'; a layout has only [[line]] entries"),
        ("[[line]]\nsize = 2", "line 1: an entry has one of text, rule, qr, feed, cut; here: none"),
        (
            "[[line]]\ntext = 'a'\ncut = 'full'",
            "line 1: an entry has one of text, rule, qr, feed, cut; here: text, cut",
        ),
        ("[[line]]\ntext = 'a'\nalgin = 'left'", "line 1: unknown key 'algin' beside text; did you mean 'align'?"),
        ("[[line]]\ntext = '{tiket}'", "line 1: {tiket} is no field; did you mean 'ticket'?"),
        ("[[line]]\ntext = '{ahead:{x}}'", "line 1: {x} is no field"),
        ("[[line]]\ntext = '{'", "line 1: Single '{'"),
        ("[[line]]\ntext = 3", "line 1: text is text, not 3"),
        ("[[line]]\ntext = 'a'\nbold = 1", "line 1: bold is true or false, not 1"),
        ("[[line]]\ntext = 'a'\nsize = 9", "line 1: size is 1 to 8 or [width, height], not 9"),
        ("[[line]]\ntext = 'a'\nsize = []", "line 1: size is 1 to 8 or [width, height], not []"),
        ("[[line]]\ntext = 'a'\nwhen = 'klass'", "line 1: when = 'klass' is no field; did you mean 'class'?"),
        ("[[line]]\nrule = '—'", "line 1: rule is one ASCII character, such as '-', not '—'"),
        ("[[line]]\nqr = '{qr}'\nsize = 17", "line 1: the size of a QR code is 1 to 16 dots a module, not 17"),
        ("[[line]]\nfeed = 0", "line 1: feed is 1 to 20 lines, not 0"),
        ("[[line]]\ncut = 'none'", "line 1: cut is partial or full, not 'none'"),
    ],
)
def test_a_wrong_layout_is_refused_in_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=r"^") as caught:
        layout(text)
    assert sentence in str(caught.value)


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(ValueError, match=r"line 1: .*\nline 2: "):
        layout("[[line]]\nfeed = 0\n[[line]]\ncut = 'none'")


# -- the library and the picture ---------------------------------------------------------------------------------


@pytest.mark.parametrize("cache", [None, "/nowhere"])
def test_importing_python_escpos_leaves_logging_and_directories_alone(tmp_path: Path, cache: str | None) -> None:
    program = (
        "import logging, os, tempfile, drivers.paper; root = logging.getLogger();"
        f"print(root.handlers, root.level, tempfile.gettempdir(), os.environ.get({CACHE!r}))"
    )
    environment = os.environ | {"TMPDIR": str(tmp_path)} | ({CACHE: cache} if cache else {})
    result = processes.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert result.stdout == f"[] 30 {tmp_path} {cache}\n"
    assert list(tmp_path.iterdir()) == []


def test_importing_python_escpos_reads_no_yaml() -> None:
    """Which would take 0.2 s of every start."""
    program = "import yaml; del yaml.safe_load; import drivers.paper"
    processes.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_profiles_of_ones_own_are_read_as_python_escpos_does(tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    profiles = CAPABILITIES["profiles"]
    own.write_text(json.dumps(CAPABILITIES | {"profiles": profiles | {"Own": profiles["POS-5890"]}}), "utf-8")
    program = "from drivers.escpos_model import model; print(model('Own').columns)"
    environment = os.environ | {"ESCPOS_CAPABILITIES_FILE": str(own)}
    result = processes.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert result.stdout == "32\n"


def test_nothing_private_of_python_escpos_is_used() -> None:
    texts = {path: path.read_text("utf-8") for path in (ROOT / "drivers").glob("*.py")}
    using = [path for path, text in texts.items() if "from escpos" in text]
    assert using
    for path in using:
        assert re.findall(r"(?<!self)\._(?!_name__)\w+|import yaml", texts[path]) == [], path


def test_a_picture_can_be_made_of_a_ticket() -> None:
    paper = printed(shipped("zh").render(FIELDS, 32))
    assert paper.png().startswith(b"\x89PNG")
    top, *lines, bottom = paper.text().splitlines()
    assert len(top) == len(bottom) == 36
    assert any("A017" in line for line in lines)
    assert {sum(map(cells, line[2:-2])) for line in lines if not set(line) & set("▀▄█")} == {32}


def test_without_a_chinese_font_there_are_boxes_and_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulators.paper.font_file", lambda: None)
    _font.cache_clear()
    picture = printed(shipped("zh").render(FIELDS, 32)).image()
    _font.cache_clear()
    above_the_paper = picture.crop((0, 0, picture.width, SURROUND))
    assert min(above_the_paper.convert("L").tobytes()) < 0x40
