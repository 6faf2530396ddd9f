"""What pages say, and that there are words for all of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import get_args

import pytest
from branches import (
    Lobby,
    branch,
    wording,
)
from shown import console

from controller.lobby.actions.report_print import ReportPrint
from controller.lobby.model.triage import NEEDS
from controller.web import routes
from controller.web.roles import Role

WEB = Path(__file__).parents[1] / "controller" / "web"


SECTIONS = ("page", "reason", "role", "http", "needs", "wait", "voice", "stage", "pause")
"""Of the wording; the first four are the pages' alone."""
KEY = rf"(?:{'|'.join(SECTIONS)})\.[\w.${{}}-]*"


def words_of(path: Path) -> set[str]:
    """The wording keys that stand in a file. One that is built when it is said has `{}` in place of what is put in."""
    text = path.read_text("utf-8")
    if path.suffix == ".py":
        return {key for node in ast.walk(ast.parse(text)) for key in _of_python(node)}
    found = {key for _, key in re.findall(rf"""(["'`])({KEY})\1""", text)}
    return {re.sub(r"\$\{[^}]*\}", "{}", key) + "{}" * key.endswith(".") for key in found}


def _of_python(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Attribute(attr="problem"), args=[_, ast.Constant(value=str(code)), *_]):
            yield f"http.{code}"
        case ast.Call(func=ast.Attribute(attr="say"), args=[ast.Constant(value=str(text)), *_]):
            yield from [text] * bool(re.fullmatch(KEY, text))
        case ast.Call(
            func=ast.Attribute(attr="say"), args=[ast.JoinedStr(values=[ast.Constant(value=str(text)), _]), *_]
        ):
            yield from [f"{text}{{}}"] * bool(re.fullmatch(KEY, text))


def drawn_pages() -> set[str]:
    """The pages that the daemon draws, by name."""
    return set(routes.pages())


def reasons_offered() -> set[str]:
    """The codes in the lists of what is done about a ticket, each of which is offered."""
    text = (WEB / "pages" / "console_ticket.js").read_text("utf-8")
    lists = re.findall(r"^const ([A-Z]+) = \[([^\]]*)\];", text, re.MULTILINE)
    assert lists
    assert all(re.search(rf"[(,] ?{name}[,)]", text) for name, _ in lists)
    return {code for _, codes in lists for code in re.findall(r'"(\w+)"', codes)}


def sections_of_the_record() -> set[str]:
    """The names of the sections of the record's page."""
    texts = (path.read_text("utf-8") for path in (WEB / "pages").glob("record_*.js"))
    return {name for text in texts for name in re.findall(r'^  name: "(\w+)",', text, re.MULTILINE)}


def built() -> Mapping[str, set[str]]:
    """What is put into the keys that are built when they are said, from where it comes."""
    return {
        "page.title.{}": drawn_pages(),
        "reason.{}": reasons_offered(),
        "page.record.{}": sections_of_the_record(),
        "role.{}": set(get_args(Role)),
        # A branch may have more digits than the program comes with: the page offers those that it is given.
        "pause.{}": {key.removeprefix("pause.") for key in wording("en").templates if key.startswith("pause.")},
        "needs.{}": {"form", *NEEDS},
        # Of `problem`, which are found where it is called, and of the framework's own refusals.
        "http.{}": {"not_found", "not_allowed", "unreadable"},
    }


def said_by_pages() -> dict[str, str]:
    """Every wording key that pages and their answers use, and a file that does."""
    said: dict[str, str] = {}
    fills = built()
    for path in sorted([*WEB.rglob("*.py"), *WEB.rglob("*.js")]):
        for key in words_of(path):
            assert "{}" not in key or key in fills, f"{path.name} builds {key}: say in `built` from what"
            for filled in fills.get(key, {""}):
                said.setdefault(key.replace("{}", filled), path.name)
    return said


def test_pages_say_only_what_there_are_words_for() -> None:
    known = wording("en").templates
    assert {key: file for key, file in said_by_pages().items() if key not in known} == {}


def test_every_word_of_the_pages_is_said() -> None:
    said = said_by_pages()
    own = [key for key in wording("en").templates if key.startswith(("page.", "reason.", "role.", "http."))]
    assert len(own) > 100
    assert [key for key in own if key not in said] == []


def modules_of(file: str, known: frozenset[str] = frozenset()) -> frozenset[str]:
    """A page's module, and all that it imports."""
    text = (WEB / "pages" / file).read_text("utf-8")
    known |= {file}
    for imported in re.findall(r"""^import .* from "\./([\w.-]+)";""", text, re.MULTILINE):
        known = known if imported in known else modules_of(imported, known)
    return known


@pytest.mark.parametrize("name", sorted(drawn_pages()))
def test_a_page_says_only_the_words_that_it_is_given(name: str) -> None:
    given, fills = routes.pages()[name].words_of(wording("en").templates), built()
    said = {
        key.replace("{}", str(filled))
        for file in modules_of(f"{name}.js")
        for key in words_of(WEB / "pages" / file)
        for filled in fills.get(key, {key})
    }
    assert f"page.title.{name}" in given
    assert said - given.keys() == set()


def test_pages_that_strangers_see_say_nothing_of_the_others() -> None:
    for name in ("sign-in", "enter", "ticket", "opinion"):
        given = routes.pages()[name].words_of(wording("en").templates)
        sections = {key.rpartition(".")[0] for key in given}
        assert sections == {"page", "page.title", f"page.{name.replace('-', '_')}"}


def test_every_page_has_its_files_and_its_title() -> None:
    names = drawn_pages()
    styled = {path.stem for path in (WEB / "pages").glob("*.css")} - {"common"}
    assert {"console", "tv", "kiosk", "counter", "ticket", "sign-in", "enter"} <= styled <= names
    imported = frozenset().union(*(modules_of(f"{name}.js") for name in names))
    assert {path.name for path in (WEB / "pages").glob("*.js")} == imported, "nothing is served that no page uses"


@pytest.mark.parametrize(
    ("name", "text", "keys"),
    [
        ("a.js", 'say("page.tv.now"); el("p", {}, say(\'page.tv.soon\'))', {"page.tv.now", "page.tv.soon"}),
        ("a.js", "const STATES = { open: \"page.x.open\" }; say(STATES[state])", {"page.x.open"}),
        ("a.js", "say(`needs.${need}`); say(\"role.\" + role)", {"needs.{}", "role.{}"}),
        ("a.js", "page.words.length; page.account; // the page.words", set()),
        ("a.js", 'say("page.sign-in.go")', {"page.sign-in.go"}),
        ("a.py", 'site.say("page.noscript")', {"page.noscript"}),
        ("a.py", 'site.say(f"page.title.{name}")', {"page.title.{}"}),
        ("a.py", 'raise self.problem(403, "foreign")', {"http.foreign"}),
        ("a.py", 'WORDS = ("page.", "needs.")', set()),
        ("a.py", 'message = {"type": "http.request"}; say("refused.busy")', set()),
    ],
)  # fmt: skip
def test_words_are_found_where_they_stand(tmp_path: Path, name: str, text: str, keys: set[str]) -> None:
    (tmp_path / name).write_text(text)
    assert words_of(tmp_path / name) == keys


def test_who_waits_without_a_paper_is_named_where_tickets_are_printed() -> None:
    lobby = Lobby(branch({"1": {"cash": 0}}))
    papers = [lobby.take("cash", paper=paper) for paper in ("none", "ready", "none")]
    assert console(lobby, printer=True)["unprinted"] == [papers[0], papers[2]]
    assert console(lobby)["unprinted"] == []
    lobby.do(ReportPrint(at=lobby.now, cause="", ticket=papers[1], copy=1, result="unknown"))
    lobby.call("1")
    assert console(lobby, printer=True)["unprinted"] == [papers[1], papers[2]], "who is called needs none any more"
