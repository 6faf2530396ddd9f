"""A scripted day of the demo: what goes wrong when, what is pressed then, and what must be seen of it.

A script is a TOML file of `[[step]]` tables, done one after the other. Each has `tells`, what it shows, in zh and en,
and any of: `at`, the people's time before which it is not done; `device` with `set`, knobs of the virtual lobby;
`press`, a device on MQTT, with `key` and its fields; `row`, a kind of row in the journal that must come, with `data`
that it must have; `board`, a text, in zh and en, that must stand among the notices of the MQTT board; each at most
`within` minutes later. Files that come with the program: `config/scripts/`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from controller.config import shipped
from simulators.branch import SimulatedBranch
from simulators.buttons import Buttons
from simulators.people import Hall
from simulators.virtual_lobby.knobs import Drawer

SCRIPTS = "scripts"
SETTLES = 5.0
"""Seconds after the last step in which devices show what it has led to."""


class ScriptError(Exception):
    """The script cannot be played; the text says why, and where."""


class Step(BaseModel):
    """One step; see above."""

    model_config = ConfigDict(extra="forbid")

    tells: dict[str, str]
    at: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = ""
    device: str = ""
    set: dict[str, Any] = Field(default_factory=dict)
    press: str = ""
    key: str = ""
    fields: dict[str, Any] = Field(default_factory=dict)
    row: str = ""
    data: dict[str, Any] = Field(default_factory=dict)
    board: dict[str, str] = Field(default_factory=dict)
    within: Annotated[float, Field(gt=0, le=600)] = 20


class Script(BaseModel):
    """A whole script. `title`: what it shows."""

    model_config = ConfigDict(extra="forbid")

    title: dict[str, str]
    step: Annotated[list[Step], Field(min_length=1)]


def read_script(name: str) -> Script:
    """A script by its path, or by the name of one that comes with the program. ScriptError."""
    path = Path(name)
    if not path.suffix:
        path = shipped(f"{SCRIPTS}/{name}.toml")
    try:
        return Script.model_validate(tomllib.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        known = ", ".join(sorted(each.stem for each in shipped(SCRIPTS).glob("*.toml")))
        raise ScriptError(f"{path}: there is no such script; there are {known}, or name a file") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ScriptError(f"{path}: it cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part + 1) if isinstance(part, int) else part for part in first["loc"])
        raise ScriptError(f"{path}: {where}: {first['msg']}") from error


@dataclass(slots=True)
class Done:
    """A step that has been done: what it tells, and what was wrong with it; empty: nothing."""

    tells: str
    at: str
    wrong: str = ""


class Player:
    """Plays a script in a running demo; `done` has its steps so far."""

    def __init__(self, script: Script, simulated: SimulatedBranch, buttons: Buttons, hall: Hall, language: str) -> None:
        self._script, self._buttons, self._hall, self._language = script, buttons, hall, language
        self._drawer = Drawer(simulated.placed, hall.clock, buttons=False)
        self._seen: set[int] = set()
        """The numbers of the rows that steps have waited for."""
        self._since = 0
        """The number of the last row before something was last done: what a step waits for comes after it."""
        self.done: list[Done] = []

    @property
    def title(self) -> str:
        """What it shows."""
        return self._script.title[self._language]

    async def play(self, tell: Any = lambda done: None) -> None:
        """Every step in order; `tell` is called with each `Done`. A step that goes wrong does not keep the others."""
        for step in self._script.step:
            if step.at:
                await self._hall.pass_time(max(0.0, _seconds(step.at) - _seconds(self._hall.clock.hands())))
            wrong = await self._play(step)
            done = Done(step.tells[self._language], self._hall.clock.hands(), wrong)
            self.done.append(done)
            tell(done)
        await self._hall.clock.rest(SETTLES)

    async def _play(self, step: Step) -> str:
        if step.device or step.press:
            self._since = max((event["seq"] for event in self._buttons.events), default=0)
        if step.device:
            self._drawer.turn(step.device, step.set)
        if step.press:
            answer = await self._buttons.press(step.press, key=step.key, **step.fields)
            if answer["result"] != "ok":
                return f"{step.key}: {answer['text']}"
        if step.row and not await self._hall.until(lambda: self._found(step), step.within * 60):
            return f"{step.row} {step.data or ''}".strip()
        if step.board and not await self._hall.until(
            lambda: self._noticed(step.board[self._language]), step.within * 60
        ):
            return step.board[self._language]
        return ""

    def _found(self, step: Step) -> bool:
        """Whether a row as it says has come since something was last done, for which no other step has waited."""
        for event in list(self._buttons.events):
            if (
                event["seq"] > self._since
                and event["seq"] not in self._seen
                and event["kind"] == step.row
                and _has(event["data"], step.data)
            ):
                self._seen.add(event["seq"])
                return True
        return False

    def _noticed(self, text: str) -> bool:
        board = self._buttons.retained.get("board") or {}
        return any(text in notice for notice in board.get("notices", ()))


def _has(data: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(data.get(name) == value for name, value in wanted.items())


def _seconds(clock: str) -> int:
    """Seconds since midnight of 09:41."""
    time = datetime.strptime(clock, "%H:%M")
    return time.hour * 3600 + time.minute * 60
