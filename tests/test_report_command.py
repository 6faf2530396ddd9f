"""`lobby report`: its formats, in both languages, and one sentence for whatever it cannot do."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
import sys
import zlib
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bench import history
from controller.cli import lobby
from controller.config import read
from controller.journal import Journal

DEMO = Path(__file__).parents[1] / "config" / "demo.toml"
DAY = "2026-01-14"


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of a branch."""
    path = tmp_path_factory.mktemp("report") / "lobby.db"
    rules, seq = read(DEMO).rules, 1
    for day in ("2026-01-13", DAY):
        rows = history.a_day(rules, day, 120, seq, seed=int(day[-2:]))
        seq += len(rows)
        history.write(path, rows)
    return path


@pytest.fixture
def configured(tmp_path: Path) -> Any:
    def make(language: str = "en", **replaced: str) -> Path:
        text = DEMO.read_text("utf-8").replace('language = "zh"', f'language = "{language}"')
        for old, new in replaced.items():
            text = text.replace(old, new)
        path = tmp_path / f"{language}.toml"
        path.write_text(text, "utf-8")
        return path

    return make


def ran(*arguments: object) -> Result:
    return CliRunner().invoke(lobby, ["report", *map(str, arguments)])


def told(*arguments: object) -> tuple[int, str]:
    """The exit code and the sentence of a report that is refused."""
    result = ran(*arguments, "--config", DEMO)
    assert result.exception is not None
    if isinstance(result.exception, SystemExit):
        return result.exit_code, result.output.strip()
    return 1, str(result.exception)  # `cli.main` prints it


class Whole(HTMLParser):
    """Every element is closed, and nothing is fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not {"src", "href"} & {name for name, _ in attrs}
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("kind", ["day", "week", "month", "counters"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_report_is_one_whole_html_file_with_pictures(
    language: str, kind: str, journal: Path, configured: Any, tmp_path: Path
) -> None:
    out = tmp_path / "report.html"
    result = ran(kind, "--journal", journal, "--config", configured(language), "--output", out)
    assert result.exception is None, result.exception
    page, text = Whole(), out.read_text("utf-8")
    page.feed(text)
    assert not page.open
    assert "svg" in page.tags
    assert f'lang="{"zh-CN" if language == "zh" else "en"}"' in text
    assert ("建议开放" if language == "zh" else "Advised") in text


def test_the_formats_hold_the_same_figures(journal: Path, tmp_path: Path) -> None:
    common = ("day", DAY, "--journal", journal, "--config", DEMO)
    figures = json.loads(ran(*common, "--format", "json").stdout)
    of_json = {(row["id"], "own"): row["own"] for row in figures["sections"]["overview"]["figures"]}
    text = ran(*common, "--format", "csv").stdout
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    of_csv = {(row["row"], row["figure"]): float(row["value"]) for row in rows if row["table"] == "figures"}
    assert {key: of_csv[key] for key in of_json} == of_json
    assert figures["sections"]["overview"]["figures"][1]["own"] == 120
    markdown = ran(*common, "--format", "md").stdout
    assert markdown.startswith("# 解放路支行日报表")
    assert "| 取号 | 120 | 120 |" in markdown
    out = tmp_path / "figures.json"
    shown = ran(*common, "--json", out)
    assert "概况" in shown.stdout
    assert json.loads(out.read_text("utf-8")) == figures


def test_the_newest_is_reported_if_nothing_is_named(journal: Path) -> None:
    for kind, period in (("day", DAY), ("week", "2026-W03"), ("month", "2026-01"), ("counters", "2026-01")):
        result = ran(kind, "--journal", journal, "--config", DEMO, "--format", "json")
        assert json.loads(result.stdout)["period"] == period


# -- one sentence ----------------------------------------------------------------------------------------------------


def test_a_day_without_data_is_told_with_the_last_that_has_some(journal: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    code, text = told("day", "2026-01-20", "--journal", journal, "--output", out)
    assert (code, text) == (1, f"{journal}: nobody took a ticket on 2026-01-20; the last day with tickets is {DAY}")
    assert not out.exists()
    assert told("month", "2025-03", "--journal", journal)[1].startswith(f"{journal}: nobody took a ticket in 2025-03")
    empty = tmp_path / "empty.db"
    Journal(empty).close()
    assert told("month", "--journal", empty) == (1, f"{empty}: nobody took a ticket yet")


@pytest.mark.parametrize(
    ("kind", "when", "takes"),
    [
        ("month", "2026-13", "YYYY-MM, such as 2026-01"),
        ("month", "January", "YYYY-MM, such as 2026-01"),
        ("month", "2026-01-05", "YYYY-MM, such as 2026-01"),
        ("day", "2026-02-30", "YYYY-MM-DD, such as 2026-01-05"),
        ("day", "٢٠٢٦-01-05", "YYYY-MM-DD, such as 2026-01-05"),
        ("week", "2026-W60", "YYYY-Www, such as 2026-W02, or a day of it"),
        ("week", "9999-W53", "YYYY-Www, such as 2026-W02, or a day of it"),
    ],
)
def test_what_is_no_period_is_refused(kind: str, when: str, takes: str, journal: Path) -> None:
    assert told(kind, when, "--journal", journal) == (2, f'"{when}" is no {kind}; it takes {takes}')


def test_a_journal_that_is_not_there_or_none_or_newer_is_named(journal: Path, tmp_path: Path) -> None:
    lacking = tmp_path / "lacking.db"
    assert "there is no such file" in told("month", "--journal", lacking)[1]
    other = tmp_path / "other.db"
    other.write_text("no database at all, but long enough to be looked at" * 40)
    assert "this is no journal" in told("month", "--journal", other)[1]
    newer = _copied(journal, tmp_path / "newer.db", "PRAGMA user_version = 99")
    assert "written by a newer version of this program; install that version" in told("month", "--journal", newer)[1]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ("'hologram_shown', 1, '{}'", "was written by a newer version of this program; install that version"),
        ("'ticket_called', 1, '{'", "cannot be read; the file is damaged: restore it from a backup"),
        ("'ticket_called', 1, '{\"counter\": \"1\"}'", "do not fit together (KeyError('ticket')); the file is damaged"),
        ("'ticket_called', 7, '{}'", "was written by a newer version of this program; install that version"),
    ],
)
def test_rows_that_cannot_be_counted_are_told(changed: str, sentence: str, journal: Path, tmp_path: Path) -> None:
    row = f"SELECT max(seq) + 1, max(at), '{DAY}', {changed}, 'other', 0 FROM event"
    path = _copied(journal, tmp_path / "changed.db", f"INSERT INTO event {row}")
    code, text = told("month", "--journal", path)
    assert code == 1
    assert sentence in text
    assert text.startswith(f"{path}: ")


def _copied(journal: Path, path: Path, change: str) -> Path:
    with closing(sqlite3.connect(journal)) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)
        target.execute(change)
        target.commit()
    return path


def test_a_file_that_is_there_is_not_written_over_unless_that_is_said(journal: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.md"
    out.write_text("mine", "utf-8")
    common = ("day", DAY, "--journal", journal, "--output", out)
    assert told(*common) == (2, f"{out} is there already; name another file, or write over it by --force")
    assert out.read_text("utf-8") == "mine"
    assert ran(*common, "--force", "--config", DEMO).exception is None
    assert out.read_text("utf-8").startswith("# ")


def test_a_file_that_cannot_be_written_is_told_before_the_work(journal: Path, tmp_path: Path) -> None:
    out = tmp_path / "no such folder" / "report.html"
    code, text = told("day", DAY, "--journal", journal, "--output", out)
    assert code == 1
    assert text == f"{out}: cannot be written (no such file or directory); make room, or name another file"
    assert told("day", DAY, "--journal", journal, "--output", tmp_path) == (
        2,
        f"{tmp_path}: is a folder; name a file in it",
    )
    odd = tmp_path / "report.doc"
    assert told("day", DAY, "--journal", journal, "--output", odd)[1].startswith(f"{odd}: name the format by --format")


@pytest.mark.long
def test_a_pdf_has_the_fonts_in_it_that_its_words_need(journal: Path, tmp_path: Path) -> None:
    try:
        pytest.importorskip("weasyprint")
    except OSError as error:
        pytest.skip(f"Pango is not installed: {error}")
    out = tmp_path / "report.pdf"
    result = ran("month", "--journal", journal, "--config", DEMO, "--output", out)
    assert result.exception is None, result.exception
    assert result.output == ""
    pdf = out.read_bytes()
    assert pdf.startswith(b"%PDF-")
    streams = re.findall(rb"/FlateDecode.*?stream\n(.*?)\nendstream", pdf, re.DOTALL)
    assert any(b"/FontFile" in zlib.decompressobj().decompress(stream) for stream in streams)


@pytest.fixture
def without_weasyprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without what makes PDF."""
    (tmp_path / "lacking").mkdir()
    (tmp_path / "lacking" / "weasyprint.py").write_text("raise ImportError('no module')\n", "utf-8")
    monkeypatch.syspath_prepend(tmp_path / "lacking")
    monkeypatch.delitem(sys.modules, "weasyprint", raising=False)


@pytest.mark.usefixtures("without_weasyprint")
def test_a_pdf_without_its_library_names_the_way(journal: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.pdf"
    code, text = told("day", DAY, "--journal", journal, "--output", out)
    assert code == 1
    assert "pip install 'lobby-controller[pdf]'" in text
    assert "print that to PDF in a browser" in text
    assert not out.exists()
    assert told("day", DAY, "--journal", journal, "--format", "pdf")[1].startswith("a PDF is written into a file")


def test_names_with_marks_stay_names(journal: Path, configured: Any) -> None:
    names = {"现金业务": "<b>a|b</b>"}
    config = configured("zh", **names)
    common = ("day", DAY, "--journal", journal, "--config", config)
    assert "&lt;b&gt;a|b&lt;/b&gt;" in ran(*common, "--format", "html").stdout
    assert "\\<b\\>a\\|b\\</b\\>" in ran(*common, "--format", "md").stdout
