"""What happens on a simulated day beside the tickets, for the day's record: devices fail and are repaired, things
break, and the lobby manager does what she does about it. Everything is drawn from one seeded stream."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from controller.lobby.actions.press import KEYS, Press, Where
from controller.lobby.actions.report_device import ReportDevice
from controller.lobby.model.units import Ms
from controller.record.actions.cards import CARDS
from controller.record.actions.checks import CheckSettings, time_of
from controller.record.actions.complaints import CAUSES, Complaints
from controller.record.actions.repairs import Repairs
from controller.record.aggregate import Branch
from controller.record.registry import LookAtRecord, all_due
from controller.record.rules import Thing
from simulators.days.virtual import VirtualDay

BY = "panel/manager"
"""Who presses."""
LOOKS = 60_000
"""Milliseconds between two looks at what is due; a branch looks more often."""
FAILS, BREAKS = 0.35, 0.12
"""How likely it is that some device fails, and that some other thing breaks, on a day."""
LASTS = (2.0, 1.2)
"""For how long a device fails: mu and sigma of the logarithm of its minutes; most are short, a few last for hours."""
NOTICED = (10, 90)
"""Minutes in which the manager confirms what works again."""
DAYS_BROKEN = (1, 4)
"""Days that a thing which broke stays broken."""
LATE, FOUND = 0.1, 0.05
"""How likely it is that a check list is done after its time, and that something is found."""
COMPLAINS = 0.4
"""How likely it is that somebody complains on a day."""
ANSWERED = (3, 60)
"""Minutes in which a complaint is answered."""


@dataclass(slots=True)
class RecordKeeping:
    """Keeps the record of simulated days; one for all of them. `branch` is the one whose days they are."""

    branch: Branch
    seed: str

    def plan(self, day: VirtualDay) -> None:
        """Schedule what will happen on a day, before it is run."""
        chance = Random(f"{self.seed}:record:{day.day}")
        shifts = [shift for clerk in day.clerks.values() for shift in clerk.shifts]
        if not shifts:
            return
        opens, closes = min(begin for begin, _ in shifts), max(end for _, end in shifts)
        day.later(opens - 30 * 60_000, lambda at: self._look(day, at, Ms(closes + 60 * 60_000)))
        self._devices(day, chance, opens, closes)
        self._things(day, chance, opens, closes)
        self._complaints(day, chance, opens, closes)
        self._checks(day, chance)
        self._duty(day, opens, closes)
        for _ in range(chance.randint(0, 3)):
            card, at = chance.choice(CARDS), chance.randint(opens, closes)
            day.later(at, lambda at, card=card: self.press(day, at, "COUNT", card=card))  # type: ignore[misc]
        day.later(closes + 20 * 60_000, lambda at: self.press(day, at, "SIGNOFF", sure=True))

    # -- what happens --------------------------------------------------------------------------------------------

    def _devices(self, day: VirtualDay, chance: Random, opens: Ms, closes: Ms) -> None:
        devices = [thing.id for thing in self._things_of() if thing.is_device]
        if not devices or chance.random() > FAILS:
            return
        device, at = chance.choice(devices), chance.randint(opens, closes)
        back = at + round(60_000 * min(600.0, chance.lognormvariate(*LASTS)))
        day.later(at, lambda at: self._reports(day, at, device, "offline", "offline"))
        day.later(back, lambda at: self._reports(day, at, device, "ok", ""))
        day.later(back + 60_000 * chance.randint(*NOTICED), lambda at: self._confirms(day, at, device))

    def _things(self, day: VirtualDay, chance: Random, opens: Ms, closes: Ms) -> None:
        things = [thing.id for thing in self._things_of() if not thing.is_device]
        if things and chance.random() < BREAKS:
            thing, at = chance.choice(things), chance.randint(opens, closes)
            day.later(at, lambda at: self.press(day, at, "FAULT", thing=thing))
            day.later(at + 20 * 60_000, lambda at: self._calls_repairer(day, at, thing))
        mended = chance.randint(opens, closes)
        lasts = chance.randint(*DAYS_BROKEN)
        day.later(mended, lambda at: self._confirms_old(day, at, lasts))

    def _duty(self, day: VirtualDay, opens: Ms, closes: Ms) -> None:
        """The first clerk signs in at the first counter, the last one has lobby duty."""
        clerks = [*day.rules.clerks.items()]
        if clerks:
            (number, _), (_, alias) = clerks[0], clerks[-1]
            day.later(opens - 60_000, lambda at: self._signs_in(day, at, number))
            day.later(opens - 60_000, lambda at: self.press(day, at, "DUTY", clerk=alias))
            day.later(closes, lambda at: self.press(day, at, "ENDDUTY", clerk=alias))

    def _signs_in(self, day: VirtualDay, at: Ms, number: str) -> None:
        counter = next(iter(day.clerks))
        press = Press(at=at, cause=day.cause(), counter=counter, typed={"digits": number})
        day.do(KEYS[Where.COUNTER, "SIGNIN"].command(press))

    def _checks(self, day: VirtualDay, chance: Random) -> None:
        """Each list is done in its time, now and then after it; seldom something is found."""
        rules = self.branch.facts(Ms(0)).rules
        for checklist in rules.of(CheckSettings).lists:
            time = time_of(rules, checklist, day.day.isoformat())
            if time is None:
                continue
            late = chance.random() < LATE
            at = Ms(time.ends + 60_000 * chance.randint(5, 40)) if late else chance.randint(time.begins, time.ends)
            if chance.random() < FOUND:
                item = chance.choice(checklist.items).id
                day.later(at, partial(self._checked, day, checklist.id, item))
            day.later(at + 60_000, partial(self._checked, day, checklist.id, ""))

    def _checked(self, day: VirtualDay, checklist: str, item: str, at: Ms) -> None:
        if item:
            self.press(day, at, "CHECK", checklist=checklist, items=item, result="fault")
        else:
            self.press(day, at, "CHECK", checklist=checklist)

    def _complaints(self, day: VirtualDay, chance: Random, opens: Ms, closes: Ms) -> None:
        """Most are answered in time, some too late; all are settled a little later, or on the next day."""
        for number in [*self.branch.record.part(Complaints).open]:
            day.later(opens + 60_000, lambda at, number=number: self._settles(day, at, number))  # type: ignore[misc]
        if chance.random() < COMPLAINS:
            at, contact = chance.randint(opens, closes), chance.random() < 0.4
            about, counter = chance.choice(CAUSES), chance.choice([*day.clerks])
            day.later(at, lambda at: self.press(day, at, "COMPLAINT", about=about, counter=counter, contact=contact))
            day.later(at + 60_000 * chance.randint(*ANSWERED), lambda at: self._answers(day, at))

    def _answers(self, day: VirtualDay, at: Ms) -> None:
        for number, complaint in [*self.branch.record.part(Complaints).open.items()]:
            if not complaint.answered:
                self.press(day, at, "ANSWER", complaint=number, outcome="explained")

    def _settles(self, day: VirtualDay, at: Ms, number: str) -> None:
        self._answers(day, at)
        self.press(day, at, "SETTLE", complaint=number)

    def _things_of(self) -> Iterable[Thing]:
        return self.branch.facts(Ms(0)).rules.things.values()

    def _reports(self, day: VirtualDay, at: Ms, device: str, state: Any, detail: str) -> None:
        day.do(ReportDevice(at=at, cause=day.cause(), device=device, state=state, detail=detail))

    def _confirms(self, day: VirtualDay, at: Ms, thing: str) -> None:
        if number := self.branch.record.part(Repairs).of(thing):
            self.press(day, at, "REPAIRED", repair=number)

    def _calls_repairer(self, day: VirtualDay, at: Ms, thing: str) -> None:
        if number := self.branch.record.part(Repairs).of(thing):
            self.press(day, at, "CALLED", repair=number)

    def _confirms_old(self, day: VirtualDay, at: Ms, days: int) -> None:
        """What broke long enough ago has been repaired."""
        for number, repair in list(self.branch.record.part(Repairs).open.items()):
            broken = day.rules.local(repair.since).date()
            if (day.day - broken).days >= days and repair.thing not in self.branch.record.part(Repairs).failing:
                self.press(day, at, "REPAIRED", repair=number)

    # -- the record's keys ---------------------------------------------------------------------------------------

    def press(self, day: VirtualDay, at: Ms, key: str, **typed: Any) -> None:
        """Press one of the record's keys."""
        press = Press(at=at, cause=day.cause(), by=BY, typed=typed)
        day.do(KEYS[Where.RECORD, key].command(press))

    def _look(self, day: VirtualDay, at: Ms, until: Ms) -> None:
        if all_due(self.branch.facts(at)):
            day.do(LookAtRecord(at=at, cause=day.cause()))
        if at < until:
            day.later(at + LOOKS, lambda at: self._look(day, at, until))
