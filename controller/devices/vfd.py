"""Counter displays: two lines of characters above a window, in three dialects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from controller.devices.kit import Adapter, Context, Display, Fault, File, Kind, Table
from controller.devices.probe import Probe, its_counter
from controller.devices.settings import CounterId, Shows, WiredSettings, between, takes
from controller.lobby.show import views
from drivers.characters import in_ascii
from drivers.vfd import CounterDisplay


class VfdSettings(WiredSettings):
    """A counter display. `brightness`: None leaves it as it is."""

    driver: Literal["vfd"]
    dialect: Annotated[Literal["epson", "cd5220", "dsp800"], takes('"epson", "cd5220" or "dsp800"')]
    counter: CounterId
    brightness: Annotated[int | None, between(1, 4)] = None

    def shows(self, shipped: Path, language: str) -> Shows:
        return Shows("on window displays", in_ascii, wording=("window",))


def _check(table: Table, file: File) -> Iterator[Fault]:
    if table.get("dialect") == "dsp800" and "brightness" in table:
        yield ("brightness",), "a dsp800 display has no command for it; leave it out"


def _build(device: VfdSettings, context: Context) -> Adapter:
    window = CounterDisplay(device.dialect, brightness=device.brightness)
    session = context.connect(device.id, window, device.link)
    return Display(
        device.id,
        lambda state: window.show(*views.window_lines(state, context.rules, device.counter)),
        context,
        session.flush,
    )


PROBE = Probe("window", chosen={"dialect": ("cd5220", "epson", "dsp800")}, counters="one", table=its_counter)
KIND = Kind("vfd", VfdSettings, _build, _check, order=20, probe=PROBE)
