"""What goes wrong on a day: cables, lines, paper, the broker, clocks, files."""

from __future__ import annotations

import asyncio
import errno
import sqlite3
from collections.abc import Coroutine, Mapping
from contextlib import closing
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from traffic.record import Day


class Troubles:
    """Those of one day, which `lasts` so many seconds."""

    def __init__(self, day: Day, lasts: float) -> None:
        self._day, self._lasts = day, lasts

    def works(self, chance: Random, part: int) -> list[Coroutine[Any, Any, None]]:
        length = 0.4 * self._lasts

        def between(least: float = 0.1, most: float = 0.85) -> float:
            return chance.uniform(least, most) * length

        works = [self._after(between(), self._unplugged(id, chance.uniform(0.2, 9))) for id in self._day.cables]
        works.append(self._after(between(), self._hangs(chance.choice(list(self._day.cables)), chance.uniform(3, 12))))
        works.append(self._after(between(), self._noisy("terminals", chance.uniform(8, 20))))
        works.append(self._after(between(), self._noisy(chance.choice(("hall", "hall-2", "printer")), 6)))
        works.append(
            self._after(between(), self._printer(chance.choice(("low", "out", "cover")), chance.uniform(3, 20)))
        )
        works.append(self._after(between(), self._busy_board(chance.uniform(3, 8))))
        works.append(self._after(between(), self._no_broker(chance.uniform(0.5, 12), chance.random() < 0.5)))
        steps = ((400_000, -170_000), (900_000, -2_400_000), (61_000, 250), (-7_200_000, 7_200_000))
        works.append(self._after(between(), self._steps(steps[(self._day.seed + part) % 4], chance.uniform(4, 30))))
        if self._day.seed % 7 == 3 and part:
            works.append(
                self._after(between(0.2, 0.3), self._steps((86_400_000, -86_400_000 * (self._day.seed % 2)), 45))
            )
        if self._day.seed % 4 == 2:
            works.append(self._after(between(), self._journal_away(chance.uniform(0.5, 4))))
        if self._day.seed % 4 == 1:
            works.append(self._after(between(), self._new_list()))
        if self._day.seed % 3 == 1 and part:
            works.append(self._after(between(), self._revoked("tv-2")))
        return works

    async def _after(self, seconds: float, work: Coroutine[Any, Any, None]) -> None:
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            work.close()
            raise
        await work

    def _happens(self, what: str) -> None:
        self._day.record.say("happens", what)

    async def _unplugged(self, id: str, seconds: float) -> None:
        cable = self._day.cables[id]
        self._happens(f"{id} is unplugged")
        cable.unplug()
        try:
            await asyncio.sleep(seconds)
            cable.faults.unplugged, cable.refuses = False, errno.EBUSY
            await asyncio.sleep(0.4)
        finally:
            self._happens(f"{id} is plugged in")
            cable.refuses = 0
            cable.plug()

    async def _hangs(self, id: str, seconds: float) -> None:
        self._happens(f"{id} hangs")
        await self._with(id, {"hang": True}, seconds)

    async def _noisy(self, id: str, seconds: float) -> None:
        self._happens(f"the line of {id} is noisy")
        await self._with(id, {"loss": 0.1, "garble": 0.1}, seconds)

    async def _printer(self, what: str, seconds: float) -> None:
        self._happens(f"the printer: {what}")
        await self._with("printer", {"cover_open": True} if what == "cover" else {"paper": what}, seconds)

    async def _with(self, id: str, knobs: Mapping[str, Any], seconds: float) -> None:
        faults = self._day.cables[id].faults
        before = {name: getattr(faults, name) for name in knobs}
        try:
            for name, value in knobs.items():
                setattr(faults, name, value)
            self._day.cables[id].poke()
            await asyncio.sleep(seconds)
        finally:
            for name, value in before.items():
                setattr(faults, name, value)
            self._happens(f"{id} is well")
            self._day.cables[id].poke()

    async def _busy_board(self, seconds: float) -> None:
        board = self._day.cables["hall"].far_end
        self._happens("hall is busy")
        board.busy = True
        try:
            await asyncio.sleep(seconds)
        finally:
            self._happens("hall is not busy")
            board.busy = False

    async def _no_broker(self, seconds: float, dropped_only: bool) -> None:
        self._happens("the broker drops the connection" if dropped_only else "the broker is away")
        if dropped_only:
            self._day.broker.drop()
            return
        self._day.broker.stop()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._happens("the broker is back")
            self._day.broker.is_up = True

    async def _steps(self, steps: tuple[int, ...], apart: float) -> None:
        for by in steps:
            self._happens(f"the clock is set by {by} ms")
            self._day.set_clock(by)
            if by == 86_400_000 and self._day.seed != 10:
                asyncio.get_running_loop().call_later(apart / 2, self._new_day)
            await asyncio.sleep(apart)

    def _new_day(self) -> None:
        self._happens("the manager says that the day is right")
        payload = b'{"key": "NEWDAY", "boot": "newday", "seq": 1, "reason": "clock"}'
        self._day.broker.publish("lobby/traffic/panel/manager/press", payload)

    async def _journal_away(self, seconds: float) -> None:
        path = self._day.directory / "lobby.db"
        self._happens("the journal is moved away")
        away = path.rename(path.with_suffix(".away"))
        try:
            await asyncio.sleep(seconds)
        finally:
            self._happens("the journal is back")
            away.rename(path)

    async def _new_list(self) -> None:
        self._happens("head office sends another list of cards")
        self._day.list_cards({"6222020200112233445": "green", "5105105105105100": "vip", "4000000000000002": "nothing"})
        await asyncio.sleep(20)
        self._day.list_cards({"6222020200112233445": "green", "5105105105105100": "vip"})

    async def _revoked(self, account: str) -> None:
        self._happens(f"{account} is revoked")
        with closing(sqlite3.connect(self._day.directory / "access.db")) as db, db:
            db.execute("PRAGMA foreign_keys = ON")
            db.execute("DELETE FROM account WHERE name = ?", (account,))
