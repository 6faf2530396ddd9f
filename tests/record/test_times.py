"""When the clock was set, the record's times are put right as the lobby's are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, NamedTuple

import pytest

from controller.lobby.actions.clock import StepClock
from controller.lobby.actions.press import Where
from controller.lobby.model.units import NEVER, Ms
from controller.record import registry
from controller.record.actions.alarms import AlarmSettings
from controller.record.actions.complaints import Complaints
from controller.record.actions.repairs import Repairs
from controller.record.state import Part
from controller.record.times import ReckonedFrom, put_right
from record.desk import Desk

DAYS = 3 * 24 * 60
"""In minutes: the clock was that much behind."""


class Pair(NamedTuple):
    at: Ms
    text: str


@dataclass(frozen=True)
class Deep:
    at: Ms
    due: Annotated[Ms, ReckonedFrom("at")] = NEVER


@dataclass
class Everything(Part):
    NAME = "everything"

    at: Ms = NEVER
    never: Ms = NEVER
    later: Ms = NEVER
    count: int = 10
    by_id: dict[str, tuple[Ms, str]] = field(default_factory=lambda: {"a": (Ms(20), "x")})
    deep: dict[str, list[Deep]] = field(default_factory=lambda: {"a": [Deep(Ms(30), Ms(900))]})
    pairs: tuple[Pair, ...] = (Pair(Ms(40), "y"),)


def test_every_time_moves_however_deep_and_nothing_else() -> None:
    part = Everything(at=Ms(10), later=Ms(500))
    put_right(part, lambda at: Ms(at + 1000) if 0 < at <= 100 else at)
    assert (part.at, part.never, part.later, part.count) == (1010, NEVER, 500, 10)
    assert part.by_id == {"a": (1020, "x")}
    assert part.deep == {"a": [Deep(Ms(1030), Ms(1900))]}
    assert part.pairs == (Pair(Ms(1040), "y"),)


def every_part() -> list[type[Part]]:
    return sorted({part for found in registry._APPLY.values() for part, _ in found}, key=lambda part: part.NAME)


@pytest.mark.parametrize("kind", every_part(), ids=lambda kind: kind.NAME)
def test_every_part_can_be_put_right(kind: type[Part]) -> None:
    part = kind()
    put_right(part, lambda at: at)
    assert part == kind()


def test_a_clock_that_is_set_makes_nothing_last_too_long() -> None:
    desk = Desk(AlarmSettings(clock=False))
    desk.press("OPEN", where=Where.COUNTER, counter="1")
    desk.press("FAULT", thing="water")
    desk.press("COMPLAINT", about="waiting")
    desk.device("printer", "offline", "offline")
    repairs, complaints = desk.branch.record.part(Repairs), desk.branch.record.part(Complaints)
    (repair,), (complaint,) = repairs.open.values(), complaints.open.values()
    allowed = repair.due - repair.opened, complaint.due - complaint.opened
    desk.go(5).look()
    desk.go(DAYS)
    desk.do(StepClock(at=desk.now, cause="clock:1", by=DAYS * 60_000))
    (repair,), (complaint,) = repairs.open.values(), complaints.open.values()
    assert (repair.due - repair.opened, complaint.due - complaint.opened) == allowed
    assert desk.now - repair.opened == desk.now - complaint.opened == 5 * 60_000
    assert repairs.failing["printer"] == (desk.now - 5 * 60_000, "offline")
    assert [event.KIND for event in desk.look()] == []
    again = desk.replayed()
    assert again.branch.record.part(Repairs) == repairs
    assert again.branch.record.part(Complaints) == complaints
    assert "repair_opened" in [event.KIND for event in desk.go(5).look()]
