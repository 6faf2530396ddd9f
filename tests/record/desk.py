"""A branch whose record is worked with: commands in, rows and sentences out, in virtual time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from branches import NINE, branch, hours

from controller.lobby.actions.command import Command
from controller.lobby.actions.event import Event, from_row
from controller.lobby.actions.press import KEYS, Press, Where
from controller.lobby.actions.report_device import ReportDevice
from controller.lobby.aggregate import Row
from controller.lobby.model.outcome import Refusal
from controller.lobby.model.units import Ms
from controller.record.aggregate import Branch
from controller.record.registry import LookAtRecord, all_notices, pictures
from controller.record.rules import RecordRules, Thing
from controller.record.state import Facts

PRINTER = Thing("printer", "Ticket printer", "escpos", affects=("cash",), is_device=True)
WATER = Thing("water", "Water dispenser", hours=8)


class Desk:
    """A record and its lobby, of a branch with two counters, open from nine to five; `now` in ms since 1970, UTC.
    Every command acts under a cause of its own."""

    def __init__(self, *settings: Any, things: tuple[Thing, ...] = (PRINTER, WATER), language: str = "en") -> None:
        open_from = {"hours": hours("09:00-17:00")}
        lobby = branch(
            {"1": {"cash": 0}, "2": {"corporate": 0}},
            services={"cash": open_from, "corporate": open_from},
            language=language,
        )
        self.rules = RecordRules(lobby, {thing.id: thing for thing in things}, {type(each): each for each in settings})
        self.branch = Branch(lobby, self.rules)
        self.now = Ms(NINE)
        self.rows: list[Row] = []
        self._causes = 0

    def go(self, minutes: float) -> Desk:
        """Let time go by."""
        self.now = Ms(self.now + round(minutes * 60_000))
        return self

    def do(self, command: Command) -> list[Event] | str:
        """The events that a command leads to, or the sentence of its refusal."""
        decision = self.branch.do(command)
        self.rows += self.branch.rows
        self.branch.rows.clear()
        if isinstance(decision, Refusal):
            return decision.text(self.rules.lobby.wording)
        assert isinstance(decision, list)
        return decision

    def press(
        self, key: str, *, by: str = "user/li", where: Where = Where.RECORD, counter: str = "", **typed: Any
    ) -> list[Event] | str:
        """Press one of the record's keys, or another one; `counter`: whose key it is, else the one that is chosen."""
        self._causes += 1
        if counter and where not in (Where.COUNTER, Where.RATER):
            typed["counter"] = counter
        press = Press(at=self.now, cause=f"test:{self._causes}", by=by, counter=counter, typed=typed)
        return self.do(KEYS[where, key].command(press))

    def look(self, **machine: Any) -> list[Event]:
        """What the clock leads to."""
        self._causes += 1
        events = self.do(LookAtRecord(at=self.now, cause=f"look:{self._causes}", machine=machine))
        assert isinstance(events, list)
        return events

    def device(self, id: str, state: Any, detail: str = "") -> None:
        """A device reports its state."""
        self._causes += 1
        self.do(ReportDevice(at=self.now, cause=f"device:{self._causes}", device=id, state=state, detail=detail))

    def do_nothing(self) -> None:
        """A key at a counter by which nothing happens, but a day begins."""
        self.press("CALL", where=Where.COUNTER, counter="1")

    @property
    def facts(self) -> Facts:
        return self.branch.facts(self.now)

    def picture(self, item: str) -> Any:
        """What the page shows of an item."""
        return pictures(self.facts)[item]

    def notices(self) -> list[str]:
        """What customers are told."""
        return list(all_notices(self.facts))

    def replayed(self) -> Desk:
        """The same branch after a restart, from the rows of its last day as the journal has them."""
        day = self.rows[-1].day
        again = Desk.__new__(Desk)
        again.__dict__.update(self.__dict__)
        again.branch = Branch(self.rules.lobby, self.rules)
        again.branch.replay(replace(row, event=read_again(row)) for row in self.rows if row.day == day)
        return again


def read_again(row: Row) -> Event:
    """The event of a row, through what the journal holds of it."""
    import json  # noqa: PLC0415

    data: Mapping[str, Any] = json.loads(json.dumps(row.data))
    return from_row(row.event.KIND, row.event.VERSION, data)
