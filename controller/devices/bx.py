"""Hall boards with an Onbon BX controller."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from controller.devices.kit import Adapter, Context, Fault, File, Kind, Table
from controller.devices.notices import NoticeWords
from controller.devices.probe import Heard, Probe
from controller.devices.settings import Keys, Shows, WiredSettings, ZoneId, between, takes
from controller.devices.voice import Quiet, VoiceAdapter, apart, in_quiet, of_zone
from controller.lobby.aggregate import Row
from controller.lobby.model.state import State
from controller.lobby.show import boards
from drivers.bx import X_UNIT, BxBoard, Strip, rows
from drivers.bx_frame import REPLY_LIMIT, Command, Frame, Reply, command, frame_reader
from drivers.bx_voice import CardVoice
from drivers.characters import on_board

MOST_LINES = 16
"""Lines of text on one board."""
LEAST_HEIGHT = 8
"""Pixels of a line."""

Color = Annotated[Literal["", "red", "green", "yellow"], takes('"red", "green" or "yellow"')]
What = Literal["calls", "footer", "notice"]


class AreaKeys(Keys):
    """A part of a board: what it shows, and where, in pixels. Its lines are equally high. `color`: instead of the
    board's."""

    shows: Annotated[What, takes('"calls", "footer" or "notice"')]
    x: Annotated[int, between(0, 2032, "pixels")] = 0
    y: Annotated[int, between(0, 1024, "pixels")] = 0
    width: Annotated[int, between(16, 2048, "pixels")]
    height: Annotated[int, between(LEAST_HEIGHT, 1024, "pixels")]
    lines: Annotated[int, between(1, MOST_LINES)] = 1
    color: Color = ""


class SpeechKeys(Keys):
    """How a card with a voice speaks. `repeat`: how often it says it again; `spelled`: digits as words, one by one."""

    volume: Annotated[int, between(0, 10)] = 5
    speed: Annotated[int, between(1, 10)] = 5
    voice: Annotated[int, between(0, 5)] = 0
    repeat: Annotated[int, between(0, 3)] = 0
    spelled: Annotated[bool, takes("true or false")] = False
    quiet: Quiet = ()


class BxSettings(WiredSettings):
    """A hall board. `width`, `line_height`: pixels; `x_unit`: what its frames count X and W in.

    `zone`: it shows and speaks the calls of a part of the hall alone. `footer`: its last line shows who is soon to come
    and how long people will wait, in turn. `areas`: instead of lines of one size, parts with a place and a content of
    their own. `new_color`: of the newest call. `stale_after`: seconds after which the card blanks the board if the
    controller is gone; 0: it keeps the last text. `voice`: how the card speaks the calls, if it can.
    """

    driver: Literal["bx"]
    model: Annotated[Literal["5k1", "5k2", "6k1", "6k2", "6k3"], takes('"5k1", "5k2", "6k1", "6k2" or "6k3"')]
    zone: ZoneId = ""
    lines: Annotated[int, between(1, MOST_LINES)] = 4
    width: Annotated[int, between(16, 2048, "pixels")] = 128
    line_height: Annotated[int, between(LEAST_HEIGHT, 128, "pixels")] = 16
    x_unit: Annotated[Literal["8px", "pixel", "pixel15"], takes('"8px", "pixel" or "pixel15"')]
    footer: Annotated[bool, takes("true or false")] = False
    areas: Annotated[
        list[AreaKeys], takes("a list of { shows, x, y, width, height, lines, color }", min_length=1, max_length=16)
    ] = Field(default_factory=list)
    color: Color = ""
    new_color: Color = ""
    footer_color: Color = ""
    stale_after: Annotated[int, takes("seconds from 15 to 3600, or 0", ge=0, le=3600)] = 0
    voice: Annotated[SpeechKeys | None, takes("a table { volume, speed, voice, repeat, spelled, quiet }")] = None
    dynamic_header: Annotated[Literal["length", "process"], takes('"length" or "process"')] = "length"

    @model_validator(mode="before")
    @classmethod
    def _usual_x_unit(cls, data: Any) -> Any:
        return {"x_unit": X_UNIT.get(str(data.get("model")), "8px"), **data}

    @property
    def speaks(self) -> bool:
        return self.voice is not None

    @property
    def parts(self) -> Sequence[tuple[What, Sequence[Strip]]]:
        """What is shown where, from the first area of the card to the last."""
        if not self.areas:
            strips = rows(self.lines, self.width, self.line_height)
            last = len(strips) - self.footer
            found: list[tuple[What, Sequence[Strip], str]] = [
                ("calls", strips[:last], ""),
                ("footer", strips[last:], ""),
            ]
        else:
            found = [(area.shows, _strips(area), area.color) for area in self.areas]
        return [(shows, self._colored(shows, strips, own)) for shows, strips, own in found]

    def _colored(self, shows: What, strips: Sequence[Strip], own: str) -> Sequence[Strip]:
        color = own or (self.color if shows == "calls" else self.footer_color)
        new = self.new_color if shows == "calls" and self.new_color else color
        return [strip._replace(color=color if n else new) for n, strip in enumerate(strips)]

    def shows(self, shipped: Path, language: str) -> Shows:
        wording = ("board", "voice") if self.voice else ("board",)
        footer = any(shows == "footer" and strips for shows, strips in self.parts)
        return Shows("on boards", on_board, wording=wording, services=footer)


def _strips(area: AreaKeys) -> Sequence[Strip]:
    height = area.height // area.lines
    moves = area.shows == "notice"
    return [Strip(area.x, area.y + n * height, area.width, height, moves=moves) for n in range(area.lines)]


# -- what is wrong with a board ------------------------------------------------------------------------------------


def _check(table: Table, file: File) -> Iterator[Fault]:
    unit = table.get("x_unit", "8px" if table.get("model") in ("5k1", "5k2") else None)
    areas = [(n, area) for n, area in enumerate(table.get("areas") or ()) if isinstance(area, dict)]
    if unit == "8px":
        places = [(("width",), table), *((("areas", n, key), area) for n, area in areas for key in ("x", "width"))]
        for place, where in places:
            if (where.get(str(place[-1])) or 0) % 8:
                yield place, f"{where[str(place[-1])]} does not fit; with x_unit 8px it takes a multiple of 8"
    if areas:
        for key in ("lines", "width", "line_height", "footer"):
            if key in table:
                yield (key,), "areas say it already; leave it out"
        yield from _areas(areas)
    if 0 < (table.get("stale_after") or 0) < LEAST_STALE:
        yield (
            ("stale_after",),
            f"{table['stale_after']} does not fit; it takes seconds from {LEAST_STALE} to 3600, or 0",
        )
    if "voice" in table:
        yield from apart(table, file)


LEAST_STALE = 15
"""Seconds in which a text gets through several times even on a line that loses many answers."""


def _areas(areas: Sequence[tuple[int, Table]]) -> Iterator[Fault]:
    for n, area in areas:
        lines, height = area.get("lines", 1), area.get("height")
        if lines and height and height // lines < LEAST_HEIGHT:
            yield ("areas", n, "lines"), f"{lines} lines do not fit into {height} pixels; give fewer, or more height"
        if area.get("shows") in ("footer", "notice") and (area.get("lines") or 1) > 1:
            yield ("areas", n, "lines"), f"{area['shows']} takes one line; leave it out"
    if sum(area.get("lines", 1) or 1 for _, area in areas) > MOST_LINES:
        yield ("areas",), f"they have more than {MOST_LINES} lines in all; give fewer"
    for (first, one), (n, other) in combinations(areas, 2):
        if _meet(one, other, "x", "width") and _meet(one, other, "y", "height"):
            yield ("areas", n), f"it lies over area {first + 1}, which the card cannot show; move it"


def _meet(one: Table, other: Table, at: str, size: str) -> bool:
    """Whether two areas meet in one direction; not if that is not known."""
    a, b, long, far = one.get(at, 0), other.get(at, 0), one.get(size), other.get(size)
    if a is None or b is None or not long or not far:
        return False
    return bool(a < b + far and b < a + long)


# -- at work -------------------------------------------------------------------------------------------------------


class BoardAdapter(Adapter):
    """A board: `show` sets its text from the lobby's state and the words of notices; `voice`: what its card speaks."""

    failure = "board"

    def __init__(
        self,
        id: str,
        show: Callable[[State, NoticeWords | None], None],
        context: Context,
        flush: Callable[[], None],
        words: NoticeWords | None,
        voice: VoiceAdapter | None,
    ) -> None:
        super().__init__(id, context)
        self._show = show
        self._flush = flush
        self._words = words
        self._voice = voice

    def update(self, state: State) -> None:
        self._show(state, self._words)
        if self._voice:
            self._voice.update(state)
        self._flush()

    def told(self, rows: Sequence[Row], state: State) -> None:
        if self._words is not None and self._words.told(rows):
            self.update(state)  # what was shown of this step was without them
        if self._voice:
            self._voice.told(rows, state)

    def restarted(self, state: State) -> None:
        if self._voice:
            self._voice.restarted(state)


def _build(device: BxSettings, context: Context) -> Adapter:
    parts, speech = device.parts, device.voice
    card = CardVoice(**speech.model_dump(exclude={"quiet"})) if speech else None
    board = BxBoard(
        [strip for _, strips in parts for strip in strips],
        model=device.model,
        x_unit=device.x_unit,
        dynamic_header=device.dynamic_header,
        stale_after=device.stale_after,
        voice=card,
    )
    session = context.connect(device.id, board, device.link)

    def show(state: State, words: NoticeWords | None) -> None:
        rules, lines = context.rules, []
        zone = of_zone(rules, device.zone)
        for shows, strips in parts:
            match shows:
                case "calls":
                    part = boards.calls(state, rules, len(strips), zone)
                case "footer":
                    part = [boards.footer(state, rules, context.waits(), context.now(), zone)] if strips else []
                case "notice":
                    part = [boards.notice(state, context.rules, words or {}, context.now())]
            lines += [*part, *[""] * (len(strips) - len(part))]
        board.show(lines)

    words = NoticeWords(context.journal) if any(shows == "notice" for shows, _ in parts) else None
    voice = None
    if card and speech:
        spoken, quiet = [context.rules.wording], in_quiet(context, speech.quiet)
        voice = VoiceAdapter(device.id, card, spoken, context, session.flush, yao=False, quiet=quiet, zone=device.zone)
    return BoardAdapter(device.id, show, context, session.flush, words, voice)


def _answers(replies: Sequence[bytes]) -> Sequence[Heard]:
    """A card has answered the ping, be it with a refusal."""
    return [Heard() for frame in frame_reader(REPLY_LIMIT).feed(replies[0], 0.0) if Reply.from_data(frame.data)][:1]


PROBE = Probe(
    "hall",
    asks=[Frame(command(Command.PING)).to_bytes()],
    hears=_answers,
    speeds=(57600, 9600),
    wait=1.0,
    chosen={"model": ("5k1", "5k2", "6k1", "6k2", "6k3")},
)
KIND = Kind("bx", BxSettings, _build, _check, order=10, probe=PROBE)
