"""The ticket printer: a job for every ticket that is to be on paper, and what became of it."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from controller.desk.post import Lobby
from controller.engine import Request
from controller.lobby.actions.report_print import ReportPrint
from controller.lobby.actions.reprint import TicketReprinted
from controller.lobby.actions.take_ticket import TicketIssued
from controller.lobby.aggregate import Row
from controller.lobby.model.paper import Paper
from controller.lobby.model.state import Print, State
from controller.lobby.show import views
from drivers.device import Health
from drivers.escpos import EscposPrinter, Printed, PrinterBusy, Sent, Unknown
from drivers.session import LinkDown

log = logging.getLogger(__name__)

Render = Callable[[Mapping[str, str]], bytes]
"""A ticket's fields -> the printer's bytes."""


class PrinterPost:
    """One printer. Jobs are named `<ticket>#<copy>`."""

    def __init__(
        self, id: str, printer: EscposPrinter, render: Render, lobby: Lobby, flush: Callable[[], None]
    ) -> None:
        self.id = id
        self._printer = printer
        self._render = render
        self._lobby = lobby
        self._flush = flush
        self._backlog: deque[tuple[str, bytes]] = deque()
        """Jobs beyond what the driver keeps: presses of one moment, decided before the first was queued."""

    @property
    def paper(self) -> Paper:
        """Whether a ticket can be printed now, else why not."""
        if self._backlog:
            return "printer_busy"
        return "ready" if self._printer.ready else self._printer.detail

    def health(self, down: LinkDown) -> Health | None:
        """The printer's state while its link is down, where that is not simply "not connected"."""
        return self._printer.held_off() if down.reason == "stalled" else None

    def heard(self, fact: object) -> None:
        while self._backlog and self._queue(*self._backlog[0]):
            self._backlog.popleft()
        match fact:
            case Printed(job):
                self._report(job, "printed")
            case Sent(job):
                self._report(job, "sent")
            case Unknown(job):
                self._report(job, "unknown")
            case Health():
                self._lobby.health(self.id, fact, "")

    def update(self, state: State) -> None:
        pass

    def told(self, rows: Sequence[Row], state: State) -> None:
        for row in rows:
            match row.event:
                case TicketIssued(ticket, paper=True):
                    self._print(state, ticket, 1)
                case TicketReprinted(ticket, copy):
                    self._print(state, ticket, copy)
        self._flush()

    def restarted(self, state: State) -> None:
        """Nobody knows what became of the jobs of the last run: they are offered for reprint, and what hangs out of the
        printer is no part of the next ticket."""
        for ticket in state.tickets.values():
            if ticket.print is Print.QUEUED:
                job = f"{ticket.id}#{ticket.copies}"
                self._report(job, "unknown")
                if data := self._laid_out(state, ticket.id):
                    self._printer.interrupted(data)

    def _print(self, state: State, ticket: str, copy: int) -> None:
        job = f"{ticket}#{copy}"
        data = self._laid_out(state, ticket)
        if data is None:
            self._report(job, "unknown")
        elif self._backlog or not self._queue(job, data):
            self._backlog.append((job, data))

    def _laid_out(self, state: State, ticket: str) -> bytes | None:
        """The printer's bytes; None for a ticket that cannot be laid out, which is logged."""
        try:
            qr = self._lobby.page(state.day, ticket)
            return self._render(views.ticket_fields(state, self._lobby.rules, state.tickets[ticket], qr))
        except Exception:
            log.exception("%s: ticket %s could not be laid out", self.id, ticket)
            return None

    def _queue(self, job: str, data: bytes) -> bool:
        try:
            self._printer.print(job, data)
        except PrinterBusy:
            return False
        return True

    def _report(self, job: str, result: str) -> None:
        ticket, _, copy = job.rpartition("#")
        at = self._lobby.now()
        cause = f"{self.id}:{job}:{result}:{at}"
        command = ReportPrint(at=at, cause=cause, ticket=ticket, copy=int(copy), result=result)  # type: ignore[arg-type]
        self._lobby.submit(Request(command, key=f"{self.id}:{job}"))
