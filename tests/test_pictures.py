"""Pictures of a day: what is in the file, counted against the events, also for odd days."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from xml.etree import ElementTree

import matplotlib as mpl
import pytest
from branches import CALM, MINUTE_MS, NINE, Lobby, branch, history, local, long_steps, wording
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from bench import processes
from controller.lobby.actions.call_next import TicketCalled
from controller.lobby.actions.close_counter import CounterClosed
from controller.lobby.actions.day import DayClosed, DayOpened
from controller.lobby.actions.event import Event, from_row
from controller.lobby.actions.finish import TicketFinished
from controller.lobby.actions.hold import TicketHeld
from controller.lobby.actions.no_show import TicketMissed
from controller.lobby.actions.open_counter import CounterOpened
from controller.lobby.actions.pause_counter import CounterPaused
from controller.lobby.actions.promote import TicketPromoted
from controller.lobby.actions.report_device import DeviceChanged
from controller.lobby.actions.return_ticket import TicketReturned
from controller.lobby.actions.take_ticket import TicketIssued
from controller.lobby.actions.transfer import TicketTransferred
from controller.lobby.model.rules import Rules, TicketClass
from simulators.days import pictures

Journal = list[tuple[int, Event]]
SVG = "{http://www.w3.org/2000/svg}"
ENGLISH = branch({"1": {"cash": 0}, "2": {"cash": 0, "personal": 10}, "west": {"personal": 0}}, language="en")
LABELS = ("before", "after")


def chinese() -> Rules:
    rules = branch({"1": {"cash": 0}, "2": {"personal": 0}}, language="zh")
    names = {"cash": "现金业务", "personal": "个人业务"}
    return replace(
        rules,
        services={id: replace(service, name=names[id]) for id, service in rules.services.items()},
        classes={"normal": TicketClass("normal", "普通"), "vip": TicketClass("vip", "贵宾", 600)},
    )


class Tale:
    """A day's events, told one after the other; times in minutes after nine."""

    def __init__(self) -> None:
        self.events: Journal = [(NINE - 300 * MINUTE_MS, DayOpened("2026-11-23"))]

    def add(self, minute: float, *events: Event) -> Tale:
        self.events += [(NINE + round(minute * MINUTE_MS), event) for event in events]
        return self

    def issue(
        self,
        minute: float,
        ticket: str,
        klass: str = "normal",
        expected: Sequence[int] | None = None,
        service: str = "cash",
    ) -> Tale:
        number = int(ticket[1:])
        seniority = NINE // 1000 + round(minute * 60)
        told = None if expected is None else list(expected)
        return self.add(minute, TicketIssued(ticket, service, klass, seniority, number, "kiosk", True, expected=told))

    def call(self, minute: float, ticket: str, counter: str = "1") -> Tale:
        return self.add(minute, TicketCalled(ticket, counter, False, {}))

    def finish(self, minute: float, ticket: str, counter: str = "1") -> Tale:
        return self.add(minute, TicketFinished(ticket, counter))


def usual() -> Journal:
    """Three tickets at one counter; one was told 4 to 6 minutes and waited 5, one as much and waited 20."""
    tale = Tale().add(0, CounterOpened("1")).issue(0, "A001").call(0, "A001")
    tale.issue(1, "A002", "vip", (240, 300, 360)).issue(2, "A003", "normal", (240, 300, 360))
    tale.finish(6, "A001").call(6, "A002").finish(20, "A002").call(22, "A003").finish(25, "A003")
    return tale.add(30, CounterPaused("1", "")).add(40, CounterOpened("1")).events


def drawn(figure: Figure, path: Path) -> ElementTree.Element:
    pictures.save(figure, path)
    return ElementTree.parse(path).getroot()


def day(events: Journal, path: Path, rules: Rules = ENGLISH, **more: float) -> ElementTree.Element:
    return drawn(pictures.day(events, rules, "A day", **more), path / "day.svg")


def words(picture: ElementTree.Element) -> list[str]:
    return ["".join(text.itertext()).strip() for text in picture.iter(f"{SVG}text")]


def group(picture: ElementTree.Element, gid: str) -> ElementTree.Element | None:
    found = [element for element in picture.iter(f"{SVG}g") if element.get("id") == gid]
    assert len(found) <= 1, gid
    return found[0] if found else None


def points(picture: ElementTree.Element, prefix: str) -> dict[str, int]:
    """How many points each group has whose id begins like this, by the rest of its id."""
    return {
        id.removeprefix(prefix): len(list(element.iter(f"{SVG}use")))
        for element in picture.iter(f"{SVG}g")
        if (id := element.get("id") or "").startswith(prefix)
    }


def number(picture: ElementTree.Element, key: str) -> str:
    shown = group(picture, f"number-{key}")
    assert shown is not None
    return "".join(shown.itertext()).strip()


# -- what is in it ---------------------------------------------------------------------------------------------------


def test_a_day_names_its_services_classes_and_counters_as_text(tmp_path: Path) -> None:
    said = words(day(usual(), tmp_path))
    for expected in ("A day", "Cash", "Personal", "Normal", "Vip", "Counter 1", "Counter 2", "Counter west", "09:00"):
        assert expected in said


def test_a_day_in_chinese_has_its_words_as_text_and_fonts_that_have_them(tmp_path: Path) -> None:
    said = words(day(usual(), tmp_path, chinese()))
    for expected in ("现金业务", "个人业务", "普通", "贵宾", "1号窗口", "2号窗口", "等候人数", "预计等候与实际等候"):
        assert expected in said
    text = (tmp_path / "day.svg").read_text("utf-8")
    assert "Noto Sans CJK SC" in text
    assert re.search(r"font-family: [^;\"]*, sans-serif", text)


def test_every_call_is_a_point_of_its_class(tmp_path: Path) -> None:
    picture = day(usual(), tmp_path)
    assert points(picture, "waits-") == {"normal": 2, "vip": 1}
    assert points(picture, "estimate-") == {"inside": 1, "outside": 1}
    assert "50% within the range, mean error 7.5 min" in words(picture)
    assert number(picture, "longest_queue") == "2"
    assert number(picture, "longest_wait") == "20.0"


def test_what_counters_did_is_one_bar_each(tmp_path: Path) -> None:
    picture = day(usual(), tmp_path)
    bars = {
        id: len(list(element.iter(f"{SVG}path")))
        for element in picture.iter(f"{SVG}g")
        if re.match(r"(open|serving|paused)-", id := element.get("id") or "")
    }
    # Open: from 20 to 22 and from 25 to 30 minutes past; open again at 40 is the day's last moment.
    assert (bars["serving-1"], bars["paused-1"]) == (3, 1)
    assert bars["open-1"] >= 2
    assert bars.get("serving-2", 0) == 0


def test_lines_stand_at_three_minutes_and_at_the_target(tmp_path: Path) -> None:
    said = words(day(usual(), tmp_path, target=12.5))
    assert {"3 min", "target: 12.5 min"} <= set(said)
    assert "target: 15 min" in words(day(usual(), tmp_path)), "as the rules have it"
    said = words(day(usual(), tmp_path, target=3))
    assert "target: 3 min" in said
    assert "3 min" not in said


def test_the_same_events_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        pictures.save(pictures.day(usual(), ENGLISH, "A day"), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    assert b"<dc:date>" not in (tmp_path / "one").read_bytes()


def test_nobodys_settings_are_changed_or_used(tmp_path: Path) -> None:
    day(usual(), tmp_path)
    plain = (tmp_path / "day.svg").read_bytes()
    with mpl.rc_context({"font.size": 30, "svg.fonttype": "path", "axes.facecolor": "red"}):
        before = dict(mpl.rcParams)
        day(usual(), tmp_path)
        assert dict(mpl.rcParams) == before
    assert (tmp_path / "day.svg").read_bytes() == plain


def test_names_that_look_like_markup_or_formulas_are_text(tmp_path: Path) -> None:
    services = {"cash": replace(ENGLISH.services["cash"], name="<b>&$x_1$ $")}
    assert "<b>&$x_1$ $" in words(day(usual(), tmp_path, replace(ENGLISH, services=services)))


def test_times_are_the_branchs(tmp_path: Path) -> None:
    """In the night when New York puts its clocks back, from 00:30 to 01:30 for the second time."""
    start, end = local("2026-11-01 00:30", "America/New_York"), local("2026-11-01 01:30", "America/New_York", fold=1)
    events: Journal = [(start, CounterOpened("1")), (end, CounterClosed("1"))]
    rules = branch({"1": {"cash": 0}}, zone="America/New_York")
    assert end - start == 120 * MINUTE_MS
    said = [word for word in words(day(events, tmp_path, rules)) if ":" in word]
    assert "00:30" in said
    assert said.count("01:00") == 2


# -- waits -----------------------------------------------------------------------------------------------------------


def test_a_wait_begins_again_with_a_return_a_transfer_or_being_held(tmp_path: Path) -> None:
    tale = Tale().issue(0, "A001", expected=(0, 60, 120)).call(1, "A001").add(2, TicketMissed("A001", "1"))
    tale.add(10, TicketReturned("A001", NINE // 1000, "panel")).call(13, "A001")
    tale.add(20, TicketHeld("A001", "1")).call(27, "A001")
    tale.add(30, TicketTransferred("A001", "personal", "1")).call(41, "A001", "west")
    picture = day(tale.events, tmp_path)
    assert points(picture, "waits-") == {"normal": 4}
    assert number(picture, "longest_wait") == "11.0"
    assert number(picture, "longest_queue") == "1"
    assert points(picture, "estimate-") == {"inside": 1}, "only the first call was estimated"


def test_a_promoted_ticket_is_called_in_its_new_class(tmp_path: Path) -> None:
    tale = Tale().issue(0, "A001").add(1, TicketPromoted("A001", "vip", "elderly", "panel")).call(2, "A001")
    assert points(day(tale.events, tmp_path), "waits-") == {"vip": 1}


def test_ranges_are_drawn_whole_and_can_be_seen() -> None:
    """Half an hour was told at most, although everybody waited 5 minutes."""
    tale = Tale()
    for n in range(1, 4):
        tale.issue(n, f"A00{n}", expected=(60, 600, 1800)).call(n + 5, f"A00{n}").finish(n + 5.5, f"A00{n}")
    axes = pictures.day(tale.events, ENGLISH, "A day").axes[3]
    (ranges,) = [shown for shown in axes.collections if shown.get_gid() == "ranges"]
    tops = [path.vertices[:, 1].max() for path in ranges.get_paths()]
    assert max(tops) == 30 <= axes.get_ylim()[1]
    legend = axes.get_legend()
    assert legend is not None
    (shown,) = [
        line for line, text in zip(legend.legend_handles, legend.get_texts(), strict=True) if "range" in text.get_text()
    ]
    for line in (ranges.get_color()[0], shown.get_color()):
        assert contrast(to_rgb(line)) > 2.2
    assert shown.get_linewidth() >= 2


def contrast(colour: tuple[float, float, float]) -> float:
    """Of a colour on white, as WCAG has it: 1 to 21."""
    parts = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour)
    return 1.05 / (0.05 + sum(part * weight for part, weight in zip(parts, (0.2126, 0.7152, 0.0722), strict=True)))


@pytest.mark.parametrize(
    ("waits", "says"),
    [
        ((0.03,) * 10, "nearly everybody was called at once"),
        ((0.03,) * 6 + (4,) * 4, "half were called at once, nine in ten within 4.0 min"),
        ((2,) * 10, "half within 2.0 min, nine in ten within 2.0 min"),
    ],
)
def test_a_quiet_day_says_that_people_were_called_at_once(waits: Sequence[float], says: str, tmp_path: Path) -> None:
    tale = Tale()
    for n, wait in enumerate(waits, 1):
        minute = 10 * n
        tale.issue(minute, f"A{n:03d}").call(minute + wait, f"A{n:03d}").finish(minute + 5, f"A{n:03d}")
    assert says in words(day(tale.events, tmp_path))


def test_a_long_title_stays_on_the_sheet() -> None:
    for title in ("Liberation Road " * 8, "解放路支行" * 14):
        figure = pictures.day(usual(), ENGLISH, title)
        (shown,) = [text for text in figure.texts if text.get_text() == title]
        assert shown.get_fontsize() < 13


# -- odd days --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "events",
    [
        [],
        [(NINE, DayOpened("2026-11-23"))],
        [
            (NINE, DayOpened("2026-11-23")),
            (NINE, DeviceChanged("printer", "ok", "")),
            (NINE, DayClosed("", 0)),
        ],
    ],
)
@pytest.mark.parametrize("rules", [ENGLISH, chinese()], ids=["en", "zh"])
def test_an_empty_day_says_so(events: Journal, rules: Rules, tmp_path: Path) -> None:
    said = words(day(events, tmp_path, rules))
    for key in ("nothing", "no_calls", "no_estimates"):
        assert rules.wording.say(f"picture.{key}") in said


def test_a_day_without_calls(tmp_path: Path) -> None:
    events = Tale().issue(0, "A001").issue(5, "A002").add(900, DayClosed("2026-11-23", 2)).events
    picture = day(events, tmp_path)
    assert points(picture, "waits-") == {}
    assert (number(picture, "never_called"), number(picture, "longest_queue")) == ("2", "2")
    assert "no calls" in words(picture)
    assert "17:00" not in words(picture), "the end of the business day is no part of the picture"


def test_a_single_ticket(tmp_path: Path) -> None:
    picture = day(Tale().issue(0, "A001", expected=(0, 0, 0)).call(0, "A001").events, tmp_path)
    assert points(picture, "waits-") == {"normal": 1}
    assert points(picture, "estimate-") == {"inside": 1}


def test_a_service_class_or_counter_that_is_configured_no_more_keeps_its_id(tmp_path: Path) -> None:
    tale = Tale().issue(0, "L001", "gold", service="loans").call(4, "L001", "annex")
    said = words(day(tale.events, tmp_path))
    assert {"loans", "gold", "Counter annex"} <= set(said)


def test_a_clock_that_is_put_back_makes_no_wait_negative(tmp_path: Path) -> None:
    picture = day(Tale().issue(10, "A001").call(3, "A001").finish(5, "A001").events, tmp_path)
    assert number(picture, "longest_wait") == "0.0"


@pytest.mark.long
def test_thousands_of_tickets_make_no_huge_file(tmp_path: Path) -> None:
    chance, tale = Random(1), Tale()
    for n in range(1, 4001):
        minute = n / 10
        tale.issue(minute, f"A{n:04d}", chance.choice(("normal", "vip")), (60, 600, 1200))
        if n > 50:
            tale.call(minute, f"A{n - 50:04d}").finish(minute + 0.05, f"A{n - 50:04d}")
    picture = day(tale.events, tmp_path)
    assert sum(points(picture, "waits-").values()) == sum(points(picture, "estimate-").values()) == 3950
    assert (tmp_path / "day.svg").stat().st_size < 3_000_000


def rows(lobby: Lobby) -> Journal:
    """The events of the lobby's last business day."""
    events = [(row["at"], from_row(row["kind"], row["version"], row["data"])) for row in lobby.rows]
    last = max(place for place, (_, event) in enumerate(events) if isinstance(event, DayOpened))
    return events[last:]


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_in_a_lobby_can_be_drawn(seed: int, tmp_path: Path) -> None:
    kinds = tuple(kind for kind in CALM if kind != "roll_over")
    events = rows(history(ENGLISH, long_steps(seed, 600, kinds)))
    picture = day(events, tmp_path)
    calls = sum(isinstance(event, TicketCalled) for _, event in events)
    assert sum(points(picture, "waits-").values()) == calls
    assert number(picture, "calls") == str(calls)


# -- two days --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rules", [ENGLISH, chinese()], ids=["en", "zh"])
def test_a_comparison_pairs_the_tickets_it_is_told_to(rules: Rules, tmp_path: Path) -> None:
    other = Tale().issue(0, "A007").issue(1, "A008", "vip").issue(2, "A009").call(3, "A008").finish(4, "A008")
    other.call(5, "A007")
    figure = pictures.compare(
        usual(), other.events, rules, LABELS, {"A001": "A007", "A002": "A008", "A003": "A009", "A999": "A008"}, "A day"
    )
    picture = drawn(figure, tmp_path / "compare.svg")
    # The third customer was never called on the second day.
    assert points(picture, "pairs-") == {"normal": 1, "vip": 1}
    assert {rules.class_name("normal"), rules.class_name("vip"), *LABELS} <= set(words(picture))
    title = words(picture)[-1]
    assert all(each in title for each in ("A day", *LABELS))
    assert any("+1.0" in said for said in words(picture)), "5 minutes more and 3 minutes less"
    for gid in ("shares-1-normal", "shares-2-normal", "shares-1-vip", "shares-2-vip", "queue-1", "queue-2"):
        assert group(picture, gid) is not None, gid


@pytest.mark.parametrize(("one", "other"), [([], []), (usual(), []), ([], usual())])
def test_a_comparison_with_an_empty_day(one: Journal, other: Journal, tmp_path: Path) -> None:
    picture = drawn(pictures.compare(one, other, ENGLISH, LABELS, {"A001": "A001"}, "A day"), tmp_path / "compare.svg")
    assert points(picture, "pairs-") == {}
    assert "nobody was called on both days" in words(picture)


def test_the_same_comparison_is_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        pictures.save(pictures.compare(usual(), usual(), ENGLISH, LABELS, {"A001": "A001"}, "A day"), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_both_lines_of_a_class_are_of_the_same_customers() -> None:
    """The second customer is called on the first day only."""
    one = Tale().issue(0, "A001").issue(0, "A002").call(1, "A001").finish(2, "A001").call(9, "A002").events
    other = Tale().issue(0, "A001").issue(0, "A002").call(3, "A001").events
    figure = pictures.compare(one, other, ENGLISH, LABELS, {"A001": "A001", "A002": "A002"}, "A day")
    lines = {line.get_gid(): list(line.get_xdata()) for line in figure.axes[1].lines}
    assert (lines["shares-1-normal"], lines["shares-2-normal"]) == ([0, 1], [0, 3])


# -- without its parts -----------------------------------------------------------------------------------------------


def test_without_matplotlib_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for draw in (
        lambda: pictures.day([], ENGLISH, ""),
        lambda: pictures.compare([], [], ENGLISH, LABELS, {}, "A day"),
    ):
        with pytest.raises(pictures.NoMatplotlibError, match=r"^[^\n]*pip install 'lobby-controller\[pictures\]'$"):
            draw()


def test_neither_the_module_nor_a_picture_needs_a_display_or_pyplot() -> None:
    script = (
        "import sys; from simulators.days import pictures; assert 'matplotlib' not in sys.modules;"
        "from controller.config import read, shipped; import pathlib;"
        "pictures.save(pictures.day([], read(shipped('demo.toml')).rules, '空'), pathlib.Path('/dev/null'));"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    done = processes.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_label_is_used_and_every_used_label_is_there(language: str) -> None:
    source = Path(pictures.__file__).read_text("utf-8")
    labels = {key.removeprefix("picture.") for key in wording(language).templates if key.startswith("picture.")}
    said = set(re.findall(r'_say\(rules, "(\w+)"', source))
    assert said <= labels
    assert {label for label in labels - said if f'"{label}"' not in source} == set()
