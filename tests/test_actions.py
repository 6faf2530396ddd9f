"""Actions: one file each, and nothing of one half registered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from controller.config import wording
from controller.lobby import actions
from controller.lobby.actions import event as event_module
from controller.lobby.actions import registry
from controller.lobby.actions.command import Command
from controller.lobby.actions.event import Event, UnknownEventError, from_row, reads
from controller.lobby.actions.recall import Recall, TicketRecalled

HERE = Path(actions.__file__).parent
SHARED = {"command", "event", "registry", "finding", "press"}
"""What is no action."""


def kinds(base: type) -> Iterator[type]:
    """Every class below `base` that stands for itself, as its file has it; not what another test has left."""
    for each in base.__subclasses__():
        if each.__subclasses__():
            yield from kinds(each)
        elif getattr(import_module(each.__module__), each.__name__, None) is each:
            yield each


def ours(base: type) -> Iterator[type]:
    """Those of them that are no test's."""
    return (each for each in kinds(base) if each.__module__.startswith(actions.__name__))


def test_every_command_is_decided_and_every_event_evolved() -> None:
    assert set(ours(Command)) == registry.commands()
    assert set(ours(Event)) == registry.events()


def test_every_file_is_an_action() -> None:
    deeds = {each.__module__.rpartition(".")[2] for each in registry.commands()}
    assert {path.stem for path in HERE.glob("*.py")} == deeds | SHARED | {"__init__"}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_event_that_may_answer_a_press_has_a_sentence(language: str) -> None:
    own = {"day_closed", "controller_started", "clock_stepped", "windows_checked", "window_advice_answered"}
    own |= {"ticket_printed", "print_sent", "print_unknown", "device_changed"}
    for kind in {each.KIND for each in registry.events()} - own:
        assert wording(language).templates[f"answer.{kind}"]


def test_nothing_is_registered_twice() -> None:
    with pytest.raises(TypeError, match="Recall is decided twice"):
        registry.decides(Recall)(lambda state, rules, command: [])
    with pytest.raises(TypeError, match="TicketRecalled is evolved twice"):
        registry.evolves(TicketRecalled)(lambda state, at, event: None)


def test_a_row_of_an_old_version_is_read_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_module, "_KINDS", dict(event_module._KINDS))
    monkeypatch.setattr(event_module, "_READS", dict(event_module._READS))

    @dataclass(frozen=True, slots=True)
    class TeaServed(Event):
        VERSION = 3

        cups: int
        sort: str

    @reads("tea_served", 1)
    def _count(data: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"cups": len(data["to"])}

    @reads("tea_served", 2)
    def _sort(data: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**data, "sort": "green"}

    assert from_row("tea_served", 1, {"to": ["A001", "A002"]}) == TeaServed(2, "green")
    assert from_row("tea_served", 2, {"cups": 1}) == TeaServed(1, "green")
    assert from_row("tea_served", 3, {"cups": 1, "sort": "black", "more": 1}) == TeaServed(1, "black")
    for version in (0, 4):
        with pytest.raises(UnknownEventError, match=f"tea_served version {version}"):
            from_row("tea_served", version, {})


def test_fields_of_rows_are_told_by_name_alone() -> None:
    """A field is added at the end, and its absence means what it has always meant."""
    for each in registry.events():
        optional = [field.default is None or field.default == () for field in fields(each)]  # type: ignore[arg-type]
        assert optional == sorted(optional), each
