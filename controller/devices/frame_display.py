"""Counter displays of which no sheet is public: frames by a template that an installer has found out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from controller.devices.kit import Adapter, Context, Display, Fault, File, Kind, Table
from controller.devices.settings import CounterId, Keys, Shows, WiredSettings, between, made_by, takes
from controller.lobby.model.state import State
from controller.lobby.model.wording import Wording
from controller.lobby.show import views
from drivers.characters import in_ascii, on_paper
from drivers.frame_display import FrameDisplays
from drivers.frame_template import FrameTemplate, parse
from drivers.link import SerialLink


class FrameDisplaySettings(Keys):
    """One display on the bus."""

    address: Annotated[int, between(0, 255)] = 1
    counter: CounterId


class FrameDisplaysSettings(WiredSettings):
    """Counter displays of which no sheet is public, several on one bus. It conforms to no maker's protocol: `frame` is
    what an installer has found out. `languages`: those in which texts are shown in turn, for `alternate` seconds each;
    empty: the branch's. `gap_ms`: milliseconds of silence after each frame."""

    driver: Literal["frame-display"]
    displays: Annotated[
        list[FrameDisplaySettings],
        takes('a list of displays, such as [{ address = 1, counter = "1" }]', min_length=1),
    ]
    frame: Annotated[
        FrameTemplate, made_by(parse), takes('a frame, such as "A5 {address} {digits:4} {sum} 5A", in quotes')
    ]
    encoding: Annotated[Literal["ascii", "gb18030"], takes('"ascii" or "gb18030"')] = "ascii"
    languages: Annotated[list[Literal["zh", "en"]], takes('a list of "zh" and "en"')] = Field(default_factory=list)
    alternate: Annotated[float, between(2, 60, "seconds")] = 4
    refresh: Annotated[float, between(1, 600, "seconds")] = 60
    gap_ms: Annotated[int, between(0, 1000, "milliseconds")] = 50

    def shows(self, shipped: Path, language: str) -> Shows | None:
        texts = {"window": {"line1", "line2"}, "board": {"call"}}
        wording = tuple(section for section, fields in texts.items() if fields & self.frame.fields)
        has = in_ascii if self.encoding == "ascii" else on_paper
        return Shows("on the displays with a frame", has, wording=wording) if wording else None


def _values(state: State, context: Context, counter: str, wording: Wording) -> Mapping[str, str]:
    """What can be shown of a counter, by the template's fields."""
    rules = replace(context.rules, wording=wording)
    ticket = state.counter(counter).ticket
    line1, line2 = views.window_lines(state, rules, counter)
    return {
        "ticket": ticket,
        "digits": ticket,
        "counter": counter,
        "waiting": str(views.waiting_for(state, rules.counters[counter])),
        "line1": line1,
        "line2": line2,
        "call": wording.say("board.call", ticket=ticket, counter=counter) if ticket else "",
    }


def _show(device: FrameDisplaysSettings, displays: FrameDisplays, context: Context) -> Callable[[State], None]:
    chosen = [context.wording(language) for language in device.languages]

    def show(state: State) -> None:
        languages = chosen or [context.rules.wording]
        for each in device.displays:
            frames = (
                device.frame.frame(each.address, _values(state, context, each.counter, wording), device.encoding)
                for wording in languages
            )
            displays.show(each.address, *frames)

    return show


def _displays(table: Table) -> Iterator[tuple[int, Mapping[str, object]]]:
    for n, display in enumerate(table.get("displays") or []):
        if isinstance(display, Mapping):
            yield n, display


def _counters(table: Table) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for n, display in _displays(table):
        if display.get("counter") is not None:
            yield ("displays", n, "counter"), str(display["counter"])


def _check(table: Table, file: File) -> Iterator[Fault]:
    addresses: list[object] = []
    for n, display in _displays(table):
        address = display.get("address", 1)
        if address is not None and address in addresses:
            yield ("displays", n, "address"), f"another display has the address {address} already; give each its own"
        addresses.append(address)
    frame = table.get("frame")
    if isinstance(frame, FrameTemplate) and len(addresses) > 1 and "address" not in frame.fields:
        yield ("frame",), "all displays on the bus would show the same; add {address}, or give each a link of its own"


def _build(device: FrameDisplaysSettings, context: Context) -> Adapter:
    displays = FrameDisplays(
        [each.address for each in device.displays],
        baud=device.link.baud if isinstance(device.link, SerialLink) else None,
        refresh=device.refresh,
        gap=device.gap_ms / 1000,
        alternate=device.alternate,
    )
    session = context.connect(device.id, displays, device.link)
    return Display(device.id, _show(device, displays, context), context, session.flush)


KIND = Kind("frame-display", FrameDisplaysSettings, _build, _check, _counters, order=22)
