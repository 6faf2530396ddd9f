"""Hall boards with an Onbon BX controller."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import model_validator

from controller.devices.kit import Adapter, Context, Display, Fault, File, Kind, Table
from controller.devices.settings import Shows, WiredSettings, between, takes
from controller.lobby.model.state import State
from controller.lobby.show import views
from drivers.bx import X_UNIT, BxBoard
from drivers.characters import on_board


class BxSettings(WiredSettings):
    """A hall board. `width`, `line_height`: pixels; `x_unit`: what its frames count X and W in.

    `footer`: its last line shows who is soon to come and how long people will wait, in turn.
    """

    driver: Literal["bx"]
    model: Annotated[Literal["5k1", "5k2", "6k1", "6k2", "6k3"], takes('"5k1", "5k2", "6k1", "6k2" or "6k3"')]
    lines: Annotated[int, between(1, 16)] = 4
    width: Annotated[int, between(16, 2048, "pixels")] = 128
    line_height: Annotated[int, between(8, 128, "pixels")] = 16
    x_unit: Annotated[Literal["8px", "pixel", "pixel15"], takes('"8px", "pixel" or "pixel15"')]
    footer: Annotated[bool, takes("true or false")] = False
    dynamic_header: Annotated[Literal["length", "process"], takes('"length" or "process"')] = "length"

    @model_validator(mode="before")
    @classmethod
    def _usual_x_unit(cls, data: Any) -> Any:
        return {"x_unit": X_UNIT.get(str(data.get("model")), "8px"), **data}

    def shows(self, shipped: Path, language: str) -> Shows:
        return Shows("on boards", on_board, wording=("board",), services=self.footer)


def _check(table: Table, file: File) -> Iterator[Fault]:
    unit = table.get("x_unit", "8px" if table.get("model") in ("5k1", "5k2") else None)
    if unit == "8px" and (table.get("width") or 0) % 8:
        yield ("width",), f"{table['width']} does not fit; with x_unit 8px it takes a multiple of 8"


def _build(device: BxSettings, context: Context) -> Adapter:
    board = BxBoard(
        model=device.model,
        lines=device.lines,
        width=device.width,
        line_height=device.line_height,
        x_unit=device.x_unit,
        dynamic_header=device.dynamic_header,
    )
    session = context.connect(device.id, board, device.link)

    def show(state: State) -> None:
        calls = views.hall_lines(state, context.rules, device.lines)
        if device.footer:
            calls = [*calls, *[""] * device.lines][: device.lines - 1]
            calls.append(views.footer(state, context.rules, context.waits(), context.now()))
        board.show(calls)

    return Display(device.id, show, context, session.flush)


KIND = Kind("bx", BxSettings, _build, _check, order=10)
