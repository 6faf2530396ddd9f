"""Pictures of a business day, drawn from its journal events alone: SVG whose text stays text.

A journal's events are (when, event), `when` in ms since 1970, UTC. They are replayed with the lobby's own `evolve`, so
that a picture shows what the lobby knew. Everything is drawn without pyplot: no display, no figure that outlives its
user, and nobody's Matplotlib settings are read or left changed.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from textwrap import fill, wrap
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from unicodedata import east_asian_width

from controller.lobby.actions.call_next import TicketCalled
from controller.lobby.actions.close_counter import CounterClosed
from controller.lobby.actions.event import Event
from controller.lobby.actions.hold import TicketHeld
from controller.lobby.actions.no_show import TicketMissed
from controller.lobby.actions.open_counter import CounterOpened
from controller.lobby.actions.pause_counter import CounterPaused
from controller.lobby.actions.registry import evolve
from controller.lobby.actions.return_ticket import TicketReturned
from controller.lobby.actions.take_ticket import TicketIssued
from controller.lobby.actions.transfer import TicketTransferred
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import CounterStage, State
from controller.lobby.model.units import NEVER, Ms
from controller.lobby.show.views import waiting_by_service
from controller.output import writing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Journal = Sequence[tuple[Ms, Event]]

GOOD_WAIT = 3
"""Minutes: a short wait."""
AT_ONCE = 0.2
"""Minutes that an idle clerk takes to call: no wait at all."""

WIDTH = 12.5
"""Inches, as all sizes here: 1200 pixels on a screen."""
LEFT, RIGHT, TOP, BOTTOM = 1.1, 2.2, 0.95, 0.6
"""Around the panels; the legends stand on the right."""
GAP = 0.5
BELOW_TIME = 0.85
"""Between panels, and below one with its times written under it."""
SQUARE = 3.7
ROW = 0.3
"""A counter's row."""
TITLE = 95
"""Characters of a title, the wide ones counted twice, that fit in the usual size."""
LEGEND, NAME = 24, 0.22
"""Characters of a name that fit on the right of a panel, and the height of such a line."""

MINUTE = 60_000
"""A minute in ms."""
TIMES = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360)
MOST_TIMES = 12
"""Minutes between two times of the axis, and how many there are at most."""

STEPS = 1500
"""Steps that a queue is drawn with at most: more than one a pixel only makes the file larger."""

INK, FAINT, GRID = "#2b2b30", "#6d7078", "#e4e6ea"
MARKS = (
    ("#0072b2", "o"),
    ("#d55e00", "s"),
    ("#009e73", "^"),
    ("#cc79a7", "D"),
    ("#e69f00", "v"),
    ("#56b4e9", "P"),
    ("#000000", "X"),
)
"""Colour and shape for each class. Okabe and Ito's colours; the shapes are for readers who see no colours."""
FILLS = ("#77aadd", "#ee8866", "#eedd88", "#44bb99", "#ffaabb", "#bbcc33", "#99ddff", "#aaaa00")
"""For each service: Tol's light colours, which keep apart for the colour-blind too."""
OPEN, BUSY, PAUSED = "#cfe3f1", "#2f6690", "#f3f3f3"
INSIDE, OUTSIDE = MARKS[0], MARKS[1]
RANGE = "#9aa3b1"
"""Of what was told as a range: seen beside the points, and below them."""
PAIR: tuple[tuple[str, Literal["--", "-"]], ...] = (("#8b8f98", "--"), ("#0072b2", "-"))
"""Colour and line for the two days that are compared."""

FONTS = (
    *("Arial", "Helvetica", "Liberation Sans", "DejaVu Sans"),
    *("Noto Sans CJK SC", "Source Han Sans SC", "Microsoft YaHei", "PingFang SC", "WenQuanYi Zen Hei"),
    *("WenQuanYi Micro Hei", "SimHei"),
)
"""Fonts in order of preference, per character; the viewer's machine has one with Chinese."""

STYLE: dict[Any, Any] = {
    "font.family": [*FONTS, "sans-serif"],
    "font.sans-serif": [FONTS[-1]],
    "font.size": 10,
    "text.color": INK,
    "axes.unicode_minus": False,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": FAINT,
    "axes.labelsize": 9.5,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "legend.borderaxespad": 0,
    "hatch.color": "#a9adb5",
    "hatch.linewidth": 0.8,
    # A dollar sign in a name must not begin a formula.
    "text.parse_math": False,
    "svg.fonttype": "none",
    # The names of what is defined once in a file come from this; without it they are random.
    "svg.hashsalt": "lobby",
}


class NoMatplotlibError(RuntimeError):
    """Matplotlib is not installed."""

    def __init__(self) -> None:
        super().__init__("Pictures need Matplotlib: pip install 'lobby-controller[pictures]'")


@contextmanager
def style() -> Iterator[None]:
    """A context with our Matplotlib settings and no others."""
    try:
        # It logs, once for each new user of a machine, that it has built its font cache.
        logging.getLogger("matplotlib").setLevel(logging.WARNING)
        import matplotlib as mpl  # noqa: PLC0415
    except ImportError:
        raise NoMatplotlibError from None
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


def must_be_possible() -> None:
    """NoMatplotlibError now rather than after long work."""
    with style():
        pass


# -- what happened ---------------------------------------------------------------------------------------------------


class _Call(NamedTuple):
    """A call. `at` in ms since 1970, UTC; `wait` and `expected` (low, middle, high) in minutes.

    `wait` is counted from when the customer last began to wait: the issue, a return, a transfer or being held. Only the
    `first` call of a ticket is what was expected when it was issued.
    """

    at: Ms
    ticket: str
    klass: str
    wait: float
    first: bool
    expected: tuple[float, float, float] | None


class _Span(NamedTuple):
    """What a counter did from `start` to `end`, in ms since 1970, UTC; with a ticket in hand if there is one."""

    start: Ms
    end: Ms
    stage: CounterStage
    ticket: str


@dataclass(slots=True)
class _DayData:
    """The data of a day for drawing. Times in ms since 1970, UTC; while a clock that was set back catches up, time
    stands still here."""

    start: Ms = NEVER
    end: Ms = NEVER
    """Of tickets and counters; a business day itself may be opened and closed hours before and after."""
    queue: list[tuple[Ms, dict[str, int]]] = field(default_factory=list)
    """From when how many wait, by service."""
    calls: list[_Call] = field(default_factory=list)
    spans: dict[str, list[_Span]] = field(default_factory=dict)
    issued: int = 0
    missed: int = 0
    never_called: int = 0

    @property
    def longest_queue(self) -> int:
        """The most that waited at once."""
        return max((sum(lengths.values()) for _, lengths in self.queue), default=0)

    def first_calls(self) -> dict[str, _Call]:
        """Each called ticket's first call."""
        return {call.ticket: call for call in self.calls if call.first}


_COUNTERS = (CounterOpened, CounterPaused, CounterClosed)


def _is_shown(event: Event) -> bool:
    """Whether it is about a ticket or a counter. A day's end would only remove those who still wait."""
    return isinstance(event, _COUNTERS) or hasattr(event, "ticket")


def _told(events: Journal, rules: Rules) -> _DayData:
    story, state = _DayData(), State()
    since: dict[str, Ms] = {}
    expected: dict[str, Sequence[float]] = {}
    called: set[str] = set()
    doing: dict[str, tuple[Ms, CounterStage, str]] = {}
    for when, event in events:
        if not _is_shown(event):
            continue
        at = max(when, story.end)
        story.start, story.end = story.start or at, at
        evolve(state, at, event)
        match event:
            case TicketIssued():
                story.issued += 1
                since[event.ticket] = at
                if event.expected is not None:
                    expected[event.ticket] = event.expected
            case TicketReturned() | TicketTransferred() | TicketHeld():
                since[event.ticket] = at
            case TicketMissed():
                story.missed += 1
            case TicketCalled():
                story.calls.append(_call(at, event.ticket, state, since, called, expected))
                called.add(event.ticket)
        lengths = waiting_by_service(state, rules)
        if not story.queue or story.queue[-1][1] != lengths:
            story.queue.append((at, lengths))
        for id, counter in state.counters.items():
            started, stage, ticket = doing.get(id, (at, CounterStage.CLOSED, ""))
            if (stage, ticket) != (counter.stage, counter.ticket):
                story.spans.setdefault(id, []).append(_Span(started, at, stage, ticket))
                doing[id] = (at, counter.stage, counter.ticket)
    for id, (started, stage, ticket) in doing.items():
        story.spans[id].append(_Span(started, story.end, stage, ticket))
    story.never_called = story.issued - len(called)
    return story


def _call(
    at: Ms,
    ticket: str,
    state: State,
    since: Mapping[str, Ms],
    called: set[str],
    expected: Mapping[str, Sequence[float]],
) -> _Call:
    estimate = None
    if ticket in expected:
        low, middle, high = (seconds / 60 for seconds in expected[ticket])
        estimate = (low, middle, high)
    klass = state.tickets[ticket].klass
    return _Call(at, ticket, klass, (at - since[ticket]) / MINUTE, ticket not in called, estimate)


# -- the two pictures ------------------------------------------------------------------------------------------------


def day(events: Journal, rules: Rules, title: str, *, target: float | None = None) -> Figure:
    """One business day: who waited for what, how long until each call, what each counter did, and whether the waits
    were as estimated. `target` is the branch's aim for a wait, in minutes, if not the rules' own; 0: nobody knows it.
    """
    with style():
        story = _told(events, rules)
        counters = [*rules.counters, *(id for id in story.spans if id not in rules.counters)]
        services = list(dict.fromkeys([*rules.services, *(id for _, lengths in story.queue for id in lengths)]))
        names = sum(len(wrap(rules.service_name(id), LEGEND)) for id in services)
        heights = (max(1.9, NAME * names), 2.5, ROW * max(len(counters), 2) + 0.1, SQUARE)
        height = sum(heights) + TOP + 2 * GAP + BELOW_TIME + BOTTOM
        figure = sheet(title, height)
        top = height - TOP
        places = []
        for deep, below in zip(heights, (GAP, GAP, BELOW_TIME, 0), strict=True):
            places.append((top, deep))
            top -= deep + below
        wide = WIDTH - LEFT - RIGHT
        queue, waits, windows = (panel(figure, LEFT, top, wide, deep) for top, deep in places[:3])
        _draw_queue(queue, story, rules, services)
        _draw_waits(waits, story, rules, rules.target / 60 if target is None else target)
        _draw_counters(windows, story, rules, counters)
        for panel_axes in (queue, waits, windows):
            _time_axis(panel_axes, (story,), rules, labels=panel_axes is windows)
        estimate = panel(figure, LEFT, places[3][0], SQUARE, SQUARE)
        _draw_estimates(estimate, story, rules)
        _draw_numbers(figure, story, rules, top=places[3][0])
        return figure


def compare(
    one: Journal, other: Journal, rules: Rules, labels: tuple[str, str], same: Mapping[str, str], title: str
) -> Figure:
    """The same customers on two days that differ in a rule. `labels` name the days; `same` gives for a ticket of the
    first the same customer's ticket of the second; `title` names branch and day. Only the wait until a ticket's first
    call counts.
    """
    with style():
        stories = (_told(one, rules), _told(other, rules))
        low = 2.3
        height = TOP + SQUARE + BELOW_TIME + 0.1 + low + BOTTOM
        figure = sheet(_say(rules, "compare", title=title, one=labels[0], other=labels[1]), height)
        wide = WIDTH - LEFT - RIGHT
        pairs = panel(figure, LEFT, height - TOP, SQUARE, SQUARE)
        shares = panel(figure, WIDTH - RIGHT - SQUARE - 0.6, height - TOP, SQUARE + 0.6, SQUARE)
        queues = panel(figure, LEFT, BOTTOM + low, wide, low)
        _draw_pairs(pairs, stories, rules, labels, same)
        _draw_shares(shares, stories, rules, labels, same)
        _draw_queues(queues, stories, rules, labels)
        _time_axis(queues, stories, rules, labels=True)
        return figure


def save(figure: Figure, path: Path) -> None:
    """Write it as SVG, or as PNG if the file is called so; the same picture is the same bytes. OSError, in one
    sentence, if that cannot be. No figure stays open: there is nothing that keeps one."""
    log = logging.getLogger("matplotlib.font_manager")
    level = log.level
    with style(), warnings.catch_warnings():
        # The fonts here only serve to measure text: the viewer's own will show it.
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        log.setLevel(logging.ERROR)
        drawn = BytesIO()
        try:
            if path.suffix.lower() == ".png":
                figure.savefig(drawn, format="png", metadata={"Software": None})
            else:
                figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
        finally:
            log.setLevel(level)
    with writing(path):
        path.write_bytes(drawn.getvalue())


# -- a sheet and its panels ------------------------------------------------------------------------------------------


def _say(rules: Rules, key: str, **about: object) -> str:
    return rules.wording.say(f"picture.{key}", **about)


def sheet(title: str, height: float) -> Figure:
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(WIDTH, height), facecolor="white")
    wide = sum(2 if east_asian_width(character) in "WF" else 1 for character in title)
    size = min(15.0, 15.0 * TITLE / max(wide, 1))
    figure.text(LEFT / WIDTH, 1 - 0.35 / height, title, fontsize=size, fontweight="bold", va="center")
    return figure


def panel(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """A panel whose left and top edge are so many inches from the sheet's left and lower edge."""
    tall = figure.get_figheight()
    return figure.add_axes((left / WIDTH, (top - height) / tall, width / WIDTH, height / tall))


def head(axes: Axes, title: str, numbers: str = "") -> None:
    """A panel's title, with what can be read from it in numbers beside it."""
    axes.annotate(
        title, (0, 1), (0, 7), "axes fraction", "offset points", fontsize=11, fontweight="bold", annotation_clip=False
    )
    if numbers:
        axes.annotate(numbers, (1, 1), (0, 7), "axes fraction", "offset points", fontsize=9.5, color=FAINT, ha="right")


def legend(axes: Axes, handles: Sequence[Any] | None = None, *, upside_down: bool = False) -> None:
    """Outside, on the right."""
    shown = axes.get_legend_handles_labels()[0] if handles is None else list(handles)
    if shown:
        shown = shown[::-1] if upside_down else shown
        labels = [fill(str(handle.get_label()), LEGEND) for handle in shown]
        axes.legend(shown, labels, loc="upper left", bbox_to_anchor=(1.015, 1), handlelength=1.4, labelspacing=0.55)


def nothing(axes: Axes, text: str) -> None:
    """A panel that has nothing to show says so."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=FAINT, backgroundcolor="white")


def _time_axis(axes: Axes, stories: Sequence[_DayData], rules: Rules, *, labels: bool) -> None:
    """The branch's clock along the lower edge, over all that happened and to a round time on both sides."""
    told = [story for story in stories if story.start]
    if not told:
        axes.set_xticks([])
        return
    begins, ends = min(story.start for story in told), max(story.end for story in told)
    # Round on the branch's clock: not every zone is whole hours from UTC.
    ahead = round((rules.local(begins).utcoffset() or timedelta()).total_seconds()) * 1000
    edge = (30 if ends - begins > 120 * MINUTE else 5) * MINUTE
    start, end = (begins + ahead) // edge * edge - ahead, ((ends + ahead) // edge + 1) * edge - ahead
    step = next((step * MINUTE for step in TIMES if (end - start) / (step * MINUTE) <= MOST_TIMES), TIMES[-1] * MINUTE)
    times = range(-(-(start + ahead) // step) * step - ahead, end + 1, step)
    axes.set_xlim(_x(start), _x(end))
    axes.set_xticks([_x(at) for at in times], [rules.local(Ms(at)).strftime("%H:%M") for at in times])
    axes.tick_params(axis="x", labelbottom=labels)


def _x(at: int) -> float:
    """A time as Matplotlib counts it: in days since 1970, UTC."""
    return at / 86_400_000


def whole_steps(axes: Axes) -> None:
    """Tickets are not counted in halves."""
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))


def _steps(story: _DayData) -> list[tuple[int, dict[str, int]]]:
    """The queue with at most STEPS steps, and a last one at the day's end."""
    width = max(1, (story.end - story.start) // STEPS)
    kept = [step for step, after in pairwise(story.queue) if step[0] // width != after[0] // width]
    return [*kept, story.queue[-1], (story.end, story.queue[-1][1])]


def _marks(rules: Rules, calls: Iterable[_Call]) -> dict[str, tuple[str, str]]:
    """Colour and shape of the classes that were called; a class has the same in every picture of a branch."""
    called = {call.klass for call in calls}
    known = [*rules.classes, *sorted(called - set(rules.classes))]
    return {klass: MARKS[place % len(MARKS)] for place, klass in enumerate(known) if klass in called}


def _points(axes: Axes, gid: str, points: Sequence[tuple[float, float]], mark: tuple[str, str], label: str) -> None:
    """Points of one kind, smaller and paler the more there are."""
    many = len(points) > 600
    colour, shape = mark
    axes.scatter(
        [x for x, _ in points],
        [y for _, y in points],
        s=11 if many else 22,
        marker=shape,
        color=colour,
        alpha=0.55 if many else 0.8,
        linewidths=0,
        label=label,
        gid=gid,
        zorder=3,
        clip_on=False,
    )


def _square_axes(axes: Axes, longest: float, across: str, up: str) -> None:
    """Minutes against minutes, to the same end, with the line on which they are equal."""
    end = max(5.0, longest * 1.05)
    axes.plot([0, end], [0, end], color=FAINT, linewidth=1, zorder=2, gid="diagonal")
    axes.set(xlim=(0, end), ylim=(0, end), xlabel=across, ylabel=up)
    axes.locator_params(nbins=7)


def _part(waits: Sequence[float], part: float) -> float:
    """The wait that this part of the waits does not exceed."""
    return sorted(waits)[math.ceil(part * len(waits)) - 1]


# -- the panels of a day ---------------------------------------------------------------------------------------------


def _draw_queue(axes: Axes, story: _DayData, rules: Rules, services: Sequence[str]) -> None:
    head(axes, _say(rules, "queue"))
    axes.set_ylabel(_say(rules, "tickets"))
    steps = _steps(story) if story.queue else []
    times = [_x(at) for at, _ in steps]
    below = [0] * len(steps)
    for place, service in enumerate(services):
        above = [base + lengths.get(service, 0) for base, (_, lengths) in zip(below, steps, strict=True)]
        axes.fill_between(
            times,
            below,
            above,
            step="post",
            color=FILLS[place % len(FILLS)],
            linewidth=0,
            label=rules.service_name(service),
            gid=f"queue-{service}",
            zorder=2,
        )
        below = above
    if steps:
        axes.step(times, below, where="post", color=FAINT, linewidth=0.5, zorder=3, gid="queue")
    else:
        nothing(axes, _say(rules, "nothing"))
    axes.set_ylim(0, max(4, story.longest_queue * 1.08))
    whole_steps(axes)
    legend(axes, upside_down=True)


def _draw_waits(axes: Axes, story: _DayData, rules: Rules, target: float) -> None:
    waits = [call.wait for call in story.calls]
    numbers = ""
    if waits:
        half, most = _part(waits, 0.5), _part(waits, 0.9)
        if most < AT_ONCE:
            numbers = _say(rules, "all_at_once")
        elif half < AT_ONCE:
            numbers = _say(rules, "half_at_once", most=f"{most:.1f}")
        else:
            numbers = _say(rules, "waits_numbers", half=f"{half:.1f}", most=f"{most:.1f}")
    else:
        nothing(axes, _say(rules, "no_calls"))
    head(axes, _say(rules, "waits"), numbers)
    axes.set_ylabel(_say(rules, "minutes"))
    for klass, mark in _marks(rules, story.calls).items():
        points = [(_x(call.at), call.wait) for call in story.calls if call.klass == klass]
        _points(axes, f"waits-{klass}", points, mark, rules.class_name(klass))
    good = [(GOOD_WAIT, "good", ":")] if target != GOOD_WAIT else []
    aim = [(target, "target", "--")] if target else []
    for minutes, key, line in (*good, *aim):
        label = _say(rules, key, minutes=f"{minutes:g}")
        axes.axhline(minutes, color=INK, linewidth=1, linestyle=line, label=label, zorder=2, gid=f"line-{key}")
    axes.set_ylim(0, max([target * 1.25, GOOD_WAIT * 1.25, *(wait * 1.06 for wait in waits)]))
    axes.locator_params(axis="y", nbins=7)
    legend(axes)


def _draw_counters(axes: Axes, story: _DayData, rules: Rules, counters: Sequence[str]) -> None:
    from matplotlib.patches import Patch  # noqa: PLC0415

    head(axes, _say(rules, "counters"))
    for row, id in enumerate(counters):
        open_, busy, paused = [], [], []
        for span in story.spans.get(id, ()):
            bar = (_x(span.start), _x(span.end) - _x(span.start))
            if span.ticket:
                busy.append(bar)
            elif span.stage is CounterStage.OPEN:
                open_.append(bar)
            elif span.stage is CounterStage.PAUSED:
                paused.append(bar)
        where = (row - 0.36, 0.72)
        # A light edge separates customers, but would cover everything if there are very many.
        edge = 0.4 if len(busy) < 200 else 0
        axes.broken_barh(open_, where, facecolor=OPEN, linewidth=0, gid=f"open-{id}", zorder=2)
        axes.broken_barh(paused, where, facecolor=PAUSED, hatch="/////", linewidth=0, gid=f"paused-{id}", zorder=2)
        axes.broken_barh(busy, where, facecolor=BUSY, edgecolor="white", linewidth=edge, gid=f"serving-{id}", zorder=3)
    axes.set_ylim(max(len(counters), 2) - 0.4, -0.6)
    axes.set_yticks(range(len(counters)), [_say(rules, "counter", counter=id) for id in counters])
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    legend(
        axes,
        [
            Patch(facecolor=BUSY, label=_say(rules, "serving")),
            Patch(facecolor=OPEN, label=_say(rules, "open")),
            Patch(facecolor=PAUSED, hatch="/////", linewidth=0, label=_say(rules, "paused")),
        ],
    )


def _draw_estimates(axes: Axes, story: _DayData, rules: Rules) -> None:
    from matplotlib.lines import Line2D  # noqa: PLC0415

    told = [(call.wait, call.expected) for call in story.calls if call.first and call.expected]
    inside = [(middle, wait) for wait, (low, middle, high) in told if low <= wait <= high]
    outside = [(middle, wait) for wait, (low, middle, high) in told if not low <= wait <= high]
    numbers = ""
    if told:
        error = sum(abs(wait - middle) for wait, (_, middle, _) in told) / len(told)
        share = 100 * len(inside) / len(told)
        numbers = _say(rules, "estimates_numbers", share=f"{share:.0f}", error=f"{error:.1f}")
        axes.vlines(
            [middle for _, (_, middle, _) in told],
            [low for _, (low, _, _) in told],
            [high for _, (_, _, high) in told],
            color=RANGE,
            linewidth=1.4 if len(told) < 200 else 0.8,
            gid="ranges",
            zorder=1,
        )
    else:
        nothing(axes, _say(rules, "no_estimates"))
    head(axes, _say(rules, "estimates"))
    axes.annotate(numbers, (1, 1), (10, 7), "axes fraction", "offset points", fontsize=9.5, color=FAINT)
    # A legend line of its own: the ranges are too thin to be recognised.
    shown = [Line2D([], [], color=RANGE, linewidth=3, label=_say(rules, "range"))] if told else []
    longest = max((max(wait, high) for wait, (_, _, high) in told), default=0)
    _square_axes(axes, longest, _say(rules, "estimated"), _say(rules, "actual"))
    for gid, points, mark in (("inside", inside, INSIDE), ("outside", outside, OUTSIDE)):
        if points:
            _points(axes, f"estimate-{gid}", points, mark, _say(rules, gid, n=len(points)))
    legend(axes, [*shown, *axes.get_legend_handles_labels()[0]])


def _draw_numbers(figure: Figure, story: _DayData, rules: Rules, top: float) -> None:
    """The day in numbers, beside the last panel; `top` in inches from the lower edge."""
    longest = max((call.wait for call in story.calls), default=0)
    rows = (
        ("issued", f"{story.issued}"),
        ("calls", f"{len(story.calls)}"),
        ("missed", f"{story.missed}"),
        ("never_called", f"{story.never_called}"),
        ("longest_queue", f"{story.longest_queue}"),
        ("longest_wait", f"{longest:.1f}"),
    )
    left, right, tall = WIDTH - RIGHT - 2.6, WIDTH - RIGHT, figure.get_figheight()
    for row, (key, number) in enumerate(rows):
        y = (top - 0.12 - 0.3 * row) / tall
        figure.text(left / WIDTH, y, _say(rules, key), color=FAINT, va="center")
        figure.text(right / WIDTH, y, number, fontweight="bold", ha="right", va="center", gid=f"number-{key}")


# -- the panels of a comparison --------------------------------------------------------------------------------------


def _draw_pairs(
    axes: Axes, stories: tuple[_DayData, _DayData], rules: Rules, labels: tuple[str, str], same: Mapping[str, str]
) -> None:
    first, second = (story.first_calls() for story in stories)
    pairs = [
        (call, second[same[ticket]].wait) for ticket, call in first.items() if ticket in same and same[ticket] in second
    ]
    head(axes, _say(rules, "pairs"))
    if pairs:
        change = sum(wait - call.wait for call, wait in pairs) / len(pairs)
        numbers = _say(rules, "pairs_numbers", n=len(pairs), change=f"{change:+.1f}")
        axes.annotate(numbers, (1, 1), (0, 7), "axes fraction", "offset points", fontsize=9.5, color=FAINT, ha="right")
    else:
        nothing(axes, _say(rules, "no_pairs"))
    longest = max((max(call.wait, wait) for call, wait in pairs), default=0)
    across, up = (_say(rules, "minutes_of", what=label) for label in labels)
    _square_axes(axes, longest, across, up)
    for klass, mark in _marks(rules, (call for call, _ in pairs)).items():
        points = [(call.wait, wait) for call, wait in pairs if call.klass == klass]
        _points(axes, f"pairs-{klass}", points, mark, rules.class_name(klass))


def _draw_shares(
    axes: Axes, stories: tuple[_DayData, _DayData], rules: Rules, labels: tuple[str, str], same: Mapping[str, str]
) -> None:
    from matplotlib.lines import Line2D  # noqa: PLC0415
    from matplotlib.ticker import MaxNLocator, PercentFormatter  # noqa: PLC0415

    head(axes, _say(rules, "shares"))
    first, second = (story.first_calls() for story in stories)
    both = [(first[one], second[other]) for one, other in same.items() if one in first and other in second]
    # Both lines of a colour are of the same customers.
    calls = [[one for one, _ in both], [other._replace(klass=one.klass) for one, other in both]]
    marks = _marks(rules, [*calls[0], *calls[1]])
    longest = 5.0
    for which, line in enumerate(line for _, line in PAIR):
        for klass, (colour, _) in marks.items():
            waits = sorted(call.wait for call in calls[which] if call.klass == klass)
            if waits:
                longest = max(longest, waits[-1] * 1.02)
                shares = [100 * (place + 1) / len(waits) for place in range(len(waits))]
                axes.step(
                    [0, *waits],
                    [0, *shares],
                    where="post",
                    color=colour,
                    linestyle=line,
                    linewidth=1.4,
                    gid=f"shares-{which + 1}-{klass}",
                )
    if not marks:
        nothing(axes, _say(rules, "no_calls"))
    axes.set(xlim=(0, longest), ylim=(0, 101), xlabel=_say(rules, "minutes_waited"))
    axes.yaxis.set_major_formatter(PercentFormatter(decimals=0))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    styles = [
        Line2D([], [], color=INK, linestyle=line, linewidth=1.4, label=label)
        for (_, line), label in zip(PAIR, labels, strict=True)
    ]
    classes = [
        Line2D([], [], color=colour, marker=shape, linewidth=1.4, markersize=5, label=rules.class_name(klass))
        for klass, (colour, shape) in marks.items()
    ]
    legend(axes, [*classes, *styles])


def _draw_queues(axes: Axes, stories: tuple[_DayData, _DayData], rules: Rules, labels: tuple[str, str]) -> None:
    head(axes, _say(rules, "queue"))
    axes.set_ylabel(_say(rules, "tickets"))
    for which, (story, (colour, line), label) in enumerate(zip(stories, PAIR, labels, strict=True), 1):
        steps = _steps(story) if story.queue else []
        axes.step(
            [_x(at) for at, _ in steps],
            [sum(lengths.values()) for _, lengths in steps],
            where="post",
            color=colour,
            linestyle=line,
            linewidth=1.3,
            label=label,
            gid=f"queue-{which}",
        )
    if not any(story.queue for story in stories):
        nothing(axes, _say(rules, "nothing"))
    axes.set_ylim(0, max(4, *(story.longest_queue * 1.08 for story in stories)))
    whole_steps(axes)
    legend(axes)
