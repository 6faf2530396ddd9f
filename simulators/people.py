"""Simulated clerks, customers and lobby manager, who know the lobby only by what its devices show, print and answer.

Their time is `simulators.clock`'s. A clerk presses keys and looks at the keypad; a customer presses a
ticket button, takes the paper, watches the displays and walks to the counter that they name.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from controller.config import Settings
from controller.lobby.model.rules import Rules
from simulators.branch import SimulatedBranch
from simulators.buttons import Buttons
from simulators.clock import PeoplesClock
from simulators.customers import Customer
from simulators.devices.kit import GLANCE, Pad, Simulated

PAUSE = 0.25
"""Seconds of real time before something that was refused is tried again."""
KEY_AGAIN = 1.5
"""The same for a clerk's key: pressed again any sooner it counts as held down, without end, and its bus reports that
the terminal does not hear."""
WIRES = 2.0
"""Seconds of real time that paper and displays may take: a customer without paper cannot come."""
WALK = 12.0
COMES_WITHIN = 45.0
"""People's seconds that a clerk waits for a customer, after the call and after the recall."""
NOTICES_LATE = 180.0
"""People's seconds after which somebody notices that the call was missed."""
ASKS_AFTER = 600.0
"""People's seconds of waiting after which a customer asks whether the call was missed."""
MANAGER_ROUND = 300.0
FOREVER = float("inf")
PAPERS_LOOKED_AT = 100
"""The number of latest papers among which a customer looks for their own."""
LONG_LINE = 6
"""Waiting customers above which the manager reassigns one."""


@dataclass(slots=True)
class Visit:
    """A customer's visit, in people's seconds since the doors opened."""

    customer: Customer
    ticket: str = ""
    took: float = 0.0
    called: float | None = None
    counter: str = ""
    served: bool = False
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Hall:
    """The hall as the simulated people see and use it."""

    def __init__(
        self, settings: Settings, simulated: SimulatedBranch, buttons: Buttons | None, clock: PeoplesClock
    ) -> None:
        self._settings = settings
        self._rules: Rules = settings.rules
        self._simulated = simulated
        self._buttons = buttons
        self.clock = clock
        self._opened = clock.seconds()
        self._printers = [device for device in simulated.devices.values() if device.papers is not None]
        self._panel = next((device.topic for device in simulated.used_by("manager")), "")
        self._kiosk = next((device.topic for device in simulated.used_by("customer")), "")
        self._displays = {device.display_of for device in simulated.devices.values()} - {""}
        self.papers: list[str] = []
        """The text of every paper ticket so far."""
        self._seen: Counter[Simulated] = Counter()
        self.visits: list[Visit] = []
        self.left = 0
        self.closing = False
        """Nobody comes any more: a clerk with nobody waiting goes home."""
        self._seated: dict[str, Visit] = {}
        self.about = asyncio.Event()
        """Cleared, nobody comes in and no clerk calls, so that somebody else may press the keys."""
        self.about.set()

    # -- time ------------------------------------------------------------------------------------------------

    def time(self) -> float:
        """People's seconds since the doors opened."""
        return self.clock.seconds() - self._opened

    async def pass_time(self, seconds: float) -> None:
        """Let people's seconds pass."""
        await self.clock.sleep(seconds)

    async def until(self, happened: Callable[[], bool], seconds: float, wires: float = 0.0) -> bool:
        """Look until something has happened, at most so many people's seconds after the real seconds that `wires` may
        take; whether it has."""
        answered, deadline = self.clock.awake() + wires, None
        while not happened():
            if deadline is None and self.clock.awake() >= answered:
                deadline = self.time() + seconds
            if deadline is not None and self.time() > deadline:
                return False
            await asyncio.sleep(GLANCE)
        return True

    # -- customers -------------------------------------------------------------------------------------------

    async def visit(self, customer: Customer) -> None:
        """One customer's visit, from arriving to leaving."""
        visit = Visit(customer)
        self.visits.append(visit)
        if not await self._take(visit) or (self._printers and not await self._has_got_paper(visit)):
            self.left += 1
            return
        misses = customer.misses > 0
        while not visit.served:
            counter = await self._called(visit)
            if not counter:
                break
            if visit.called is None:
                visit.called = self.time()
            if misses:
                misses = False
                await self.pass_time(NOTICES_LATE)
                await self.until(lambda c=counter: not self._shows(visit.ticket, c), FOREVER)  # type: ignore[misc]
                if not customer.returns or not await self._ask_back(visit):
                    break
                continue
            await self.pass_time(WALK)
            self._seated[counter] = visit
            while not visit.done.is_set() and self._shows(visit.ticket, counter):  # noqa: ASYNC110 - nor do customers'
                await asyncio.sleep(GLANCE)
            visit.served = visit.done.is_set()
            if not visit.served:  # came too late, or the counter sent them on
                self._seated.pop(counter, None)
                if not await self._ask_back(visit):
                    break
        self.left += 1

    async def _press(self, device: str, **content: Any) -> dict[str, Any]:
        """Press a button on MQTT; a press that nothing answers has the result "given up"."""
        assert self._buttons
        try:
            return await self._buttons.press(device, **content)
        except TimeoutError:
            return {"result": "given up"}

    async def _take(self, visit: Visit) -> bool:
        """Take a ticket; False for a customer who leaves, since the buttons do not answer."""
        customer = visit.customer
        while not visit.ticket:
            if customer.klass == "green" and self._panel:
                answer = await self._press(
                    self._panel, key="GREEN", ticket="", service=customer.service, counter="", reason="elderly"
                )
            else:
                answer = await self._press(
                    self._kiosk, key="TAKE", service=customer.service, **{"class": customer.klass}
                )
            if answer["result"] == "given up":
                return False
            taken = {v.ticket for v in self.visits}
            if answer["result"] == "ok" and answer["ticket"] not in taken:
                visit.ticket, visit.took = answer["ticket"], self.time()
            else:  # out of paper, or somebody pressed a moment ago and this is their ticket
                await self.clock.rest(PAUSE)
        return True

    async def _has_got_paper(self, visit: Visit) -> bool:
        """Wait for the paper. A customer whose ticket has ended meanwhile asks the lobby manager to bring it back, and
        leaves if that is not possible."""
        while not await self.until(lambda: self.has_paper(visit.ticket), ASKS_AFTER):
            if self._is_over(visit) and not await self._ask_back(visit):
                return False
        return True

    def waiting(self) -> int:
        """How many wait, by the board."""
        board = self._buttons.retained.get("board", {}) if self._buttons else {}
        return sum(board.get("waiting", {}).values())

    def _told(self) -> list[dict[str, Any]]:
        return list(self._buttons.events) if self._buttons else []

    def has_paper(self, ticket: str) -> bool:
        """Whether a ticket's paper has come out, among the latest."""
        for printer in self._printers:
            fresh = printer.cut - self._seen[printer]
            self._seen[printer] = printer.cut
            papers = printer.papers or ()
            self.papers += [paper.text() for paper in papers[len(papers) - fresh :]]
        return any(ticket in text for text in self.papers[-PAPERS_LOOKED_AT:])

    async def _called(self, visit: Visit) -> str:
        """The counter that a customer is called to; empty if they give up, since they have missed their call."""
        found = ""

        def seen() -> bool:
            nonlocal found
            found = next((c for t, c in self._calls() if t == visit.ticket), "")
            return bool(found)

        while not await self.until(seen, ASKS_AFTER):
            # Called before the paper was printed, or while the customer was not looking: ask the manager.
            if not await self._ask_back(visit) and self._is_over(visit):
                return ""
        visit.counter = found
        return found

    def _is_over(self, visit: Visit) -> bool:
        """Whether the ticket has been called, and is not expected anywhere any more."""
        kinds = [e["kind"] for e in self._told() if e["data"].get("ticket") == visit.ticket]
        lives = [
            kind for kind in kinds if kind not in ("ticket_printed", "ticket_reprinted", "print_sent", "print_unknown")
        ]
        return bool(lives) and lives[-1] in ("ticket_missed", "ticket_finished")

    async def _ask_back(self, visit: Visit) -> bool:
        """Ask the lobby manager to bring the ticket back; whether that was still possible."""
        if not self._panel or not self._buttons:
            return False
        answer = await self._press(self._panel, key="RETURN", ticket=visit.ticket, reason="late")
        return bool(answer["result"] == "ok")

    def _calls(self) -> Iterator[tuple[str, str]]:
        """(ticket, counter) on every display in the hall."""
        looked = False
        for device in self._simulated.devices.values():
            for ticket, counter in device.calls(self._rules):
                if device.display_of or counter not in self._displays:
                    yield ticket, counter
            looked = looked or device.is_read
        if not looked and self._buttons:
            for call in self._buttons.retained.get("board", {}).get("calls", []):
                yield call["ticket"], call["counter"]

    def _shows(self, ticket: str, counter: str) -> bool:
        return (ticket, counter) in self._calls()

    def _is_called_to(self, counter: str) -> bool:
        return any(where == counter for _, where in self._calls())

    # -- clerks ----------------------------------------------------------------------------------------------

    def pads(self) -> dict[str, Pad]:
        """The keypad of each counter that has one."""
        return {counter: pad for device in self._simulated.used_by("clerk") for counter, pad in device.pads().items()}

    async def clerk(self, counter: str, pad: Pad) -> None:
        """One clerk's day."""
        opened = called_late = False
        # Before anybody has come a CALL opens no counter.
        await self.until(lambda: pad.waiting() > 0 or self._is_called_to(counter) or self._over(), FOREVER)
        while True:
            await self.about.wait()
            if not called_late and not await pad.call():
                if self._over():
                    break
                await self.clock.rest(KEY_AGAIN)
                await self.until(lambda: pad.waiting() > 0 or self._is_called_to(counter) or self._over(), FOREVER)
                # A key that bounces calls whoever has come since: the clerk sees it, and does not press again.
                called_late = self._is_called_to(counter)
                continue
            opened, called_late = True, False
            called = self.clock.awake()
            visit = await self._customer_at(counter) or (
                await self._customer_at(counter) if await pad.press("RECALL") else None
            )
            if visit is None:
                await pad.press("NOSHOW")
                continue
            await pad.started()
            await self.pass_time(visit.customer.service_time)
            if self._rules.counters[counter].rater and visit.customer.number % 3 == 0:
                await self._rate(counter, pad)
            visit.done.set()
            # However fast people's time runs, CALL again at once counts as the same press.
            await self.clock.rest(called + self._rules.call_grace - self.clock.awake())
        if opened:
            await pad.press("CLOSE")

    def _over(self) -> bool:
        return self.closing and self.left == len(self.visits)

    async def _customer_at(self, counter: str) -> Visit | None:
        await self.until(lambda: counter in self._seated, COMES_WITHIN, WIRES)
        return self._seated.pop(counter, None)

    async def _rate(self, counter: str, pad: Pad) -> None:
        await pad.press("EVALUATE")
        for device in self._simulated.devices.values():
            for rater in device.raters(counter):
                if await self.until(lambda r=rater: r.asking, 60):  # type: ignore[misc]
                    rater.rate(5)

    # -- the lobby manager -----------------------------------------------------------------------------------

    async def manager(self) -> None:
        """From time to time, lets any counter serve a ticket of a long line."""
        while self._panel and self._buttons:
            await self.pass_time(MANAGER_ROUND)
            await self.about.wait()
            if self.waiting() > LONG_LINE:
                await self._press(self._panel, key="REASSIGN", ticket="", reason="crowd")
