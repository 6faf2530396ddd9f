"""Ticket layouts: bytes against the vendors', text as printers take it, and what is printed of it."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest
from golden import vectors
from hypothesis import given
from hypothesis import strategies as st

from bench import processes
from drivers.characters import fitted, on_paper
from drivers.paper import CHINESE_MODE, INITIALISE, Layout, encode, wrap
from simulators.devices.escpos import PrinterFarEnd
from simulators.faults import Faults
from simulators.paper import DESK, Code, Paper, _font, cells

GOLDEN = vectors("escpos")
ROOT = Path(__file__).parent.parent
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
    printer.receive(data, 0.0)
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


def test_a_model_without_codes_prints_none() -> None:
    data = shipped("zh").render(FIELDS, 32, profile="simple")
    assert GOLDEN["qr print"] not in data
    assert GOLDEN["qr print"] not in shipped("zh").render(FIELDS | {"qr": ""}, 32)


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


def test_importing_python_escpos_leaves_logging_alone() -> None:
    program = "import logging, drivers.paper; root = logging.getLogger(); print(root.handlers, root.level)"
    result = processes.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == "[] 30\n"


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
    above_the_paper = picture.crop((0, 0, picture.width, DESK))
    assert min(above_the_paper.convert("L").tobytes()) < 0x40
