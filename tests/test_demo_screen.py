"""The demo in a terminal: one language, a whole QR code or its address, and keys for the time."""

from __future__ import annotations

import io
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from rich.cells import chop_cells
from rich.console import Console

from controller.config import Settings, read, shipped
from drivers.paper import Layout
from simulators.branch import SimulatedBranch
from simulators.buttons import Buttons
from simulators.clock import PeoplesClock
from simulators.demo_screen import Screen
from simulators.devices.escpos import SimulatedPrinter
from simulators.paper import Code
from simulators.people import Hall
from simulators.words import of_the_demo

ADDRESS = "http://127.0.0.1:18080/t/" + "a" * 22
CJK = re.compile("[\u3000-\u30ff\u4e00-\u9fff\uff00-\uffef]+")
FIELDS = (
    "branch",
    "ticket",
    "service",
    "class",
    "ahead",
    "wait",
    "hours",
    "note",
    "advice",
    "reprint",
    "printed",
    "time",
)
BOARD = {"waiting": {"cash": 3, "personal": 0}, "wait": {"cash": [4, 9]}, "soon": ["A002"], "notices": []}


class Shown:
    """The screen of a branch in a language, after a ticket has come out of its printer."""

    def __init__(self, directory: Path, language: str) -> None:
        self.settings: Settings = read(shipped("demo.toml"), language=language)
        self.words = of_the_demo(language)
        self.branch = SimulatedBranch(self.settings, directory / "dev", seed=1)
        self.clock = PeoplesClock(self.settings.rules.zone, 20)
        self.buttons = Buttons("127.0.0.1", 1, "demo", Random(1))
        self.buttons.retained["board"] = BOARD
        for id in self.branch.placed:
            self.buttons.retained[f"device/{id}"] = {"state": "ok", "detail": ""}
        hall = Hall(self.settings, self.branch, self.buttons, self.clock)
        self.console = Console(file=io.StringIO(), force_terminal=True, width=100, height=45)
        self.screen = Screen(self.settings, self.branch, self.buttons, hall, self.words, "http://x/", self.console)
        self._print(language)

    def _print(self, language: str) -> None:
        printer = self.branch.devices["printer"]
        assert isinstance(printer, SimulatedPrinter)
        layout = Layout.from_dict(tomllib.loads(shipped(f"ticket.{language}.toml").read_text("utf-8")))
        printer.far_end.receive(layout.render({**dict.fromkeys(FIELDS, "A001"), "qr": ADDRESS}, 32), 0.0)
        now = 0.0
        while not printer.papers:
            now += 0.01
            printer.far_end.tick(now)
        self.paper = printer.papers[-1]

    def text(self, width: int, height: int) -> str:
        self.console.size = (width, height)  # type: ignore[assignment]
        with self.console.capture() as captured:
            self.console.print(self.screen.draw(), height=height)
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", captured.get())


@pytest.fixture(params=["zh", "en"])
async def shown(request: pytest.FixtureRequest, tmp_path: Path) -> Shown:
    return Shown(tmp_path, request.param)


def code_of(shown: Shown) -> Iterator[str]:
    """The lines of the ticket's code."""
    bare = {line for row in shown.paper.rows if not isinstance(row, Code) for line in shown.paper._picture(row)}
    for line in shown.paper.lines():
        if line not in bare and set(line) <= set(" ▀▄█"):
            yield line.rstrip()


async def test_the_whole_code_is_there_at_45_rows(shown: Shown) -> None:
    text = shown.text(100, 45)
    code = list(code_of(shown))
    assert len(code) >= 15
    for line in code:
        assert line in text
    assert ADDRESS not in text


async def test_a_small_terminal_has_the_codes_address_instead(shown: Shown) -> None:
    text = shown.text(100, 35)
    assert not any(line in text for line in list(code_of(shown))[1:-1])
    beside = "".join(line[len(chop_cells(line, 100 - 38)[0]) :] for line in text.split("\n") if line)
    assert ADDRESS in re.sub(r"[\s│]", "", beside)


async def test_it_speaks_one_language(shown: Shown) -> None:
    text = shown.text(100, 45)
    chinese = [said for said in CJK.findall(text) if said != shown.settings.rules.branch_name]
    if shown.settings.language == "en":
        assert chinese == []
        assert "Cash" in text
    else:
        for word in ("wait", "ticket", "quit", "Counter", "ok"):
            assert not re.search(rf"\b{word}\b", text), word


async def test_keys_stop_the_time_and_change_its_speed(shown: Shown) -> None:
    keys = dict(shown.screen._make_knobs())
    assert "09:00" in shown.text(100, 45)
    keys["+"][1]()
    assert shown.clock.speed == 60
    assert "×60" in shown.text(100, 45)
    for _ in range(4):
        keys["-"][1]()
    assert shown.clock.speed == 1
    keys[" "][1]()
    assert shown.clock.stopped
    assert shown.words["time.stopped"] in shown.text(100, 45)


def test_both_languages_say_the_same_things_and_nothing_is_left_over() -> None:
    zh, en = of_the_demo("zh"), of_the_demo("en")
    assert zh.keys() == en.keys()
    sources = Path(__file__).parents[1] / "simulators"
    code = "\n".join(path.read_text() for path in [*sources.glob("*.py"), *(sources / "devices").glob("*.py")])
    for key, sentence in en.items():
        assert sorted(re.findall(r"\{\w+\}", sentence)) == sorted(re.findall(r"\{\w+\}", zh[key])), key
        section, _, name = key.partition(".")
        said = f'"{key}"' in code or (f'f"{section}.{{' in code or f"f'{section}.{{" in code) or f'"{name}"' in code
        assert said, f"nothing says {key}"
