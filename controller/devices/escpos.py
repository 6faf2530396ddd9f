"""The ticket printer: a print job for each ticket, and its result."""

from __future__ import annotations

import logging
import tomllib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, model_validator

from controller.devices.kit import Adapter, Context, Fault, File, Kind, Table
from controller.devices.settings import FilePath, Shows, WiredSettings, between, takes
from controller.engine import Request
from controller.lobby.actions.report_print import ReportPrint
from controller.lobby.actions.reprint import TicketReprinted
from controller.lobby.actions.take_ticket import TicketIssued
from controller.lobby.aggregate import Row
from controller.lobby.model.paper import Paper
from controller.lobby.model.state import Print, State
from controller.lobby.show import views
from drivers.characters import on_paper
from drivers.device import Health
from drivers.escpos import EscposPrinter, Printed, PrinterBusy, Sent, Unknown
from drivers.link import SerialLink
from drivers.session import LinkDown

log = logging.getLogger(__name__)

Render = Callable[[str, Mapping[str, str]], bytes]
"""(the customer's language, a ticket's fields) -> the printer's bytes."""


COLUMNS = (16, 64)
"""Half-width characters per line of a ticket: least and most."""


def _layout(path: Path) -> Path:
    from drivers.paper import Layout  # noqa: PLC0415 - python-escpos takes long to import, and is rarely needed here

    try:
        Layout.from_dict(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from None
    except ValueError as error:
        raise ValueError(f"{path} is no ticket layout: {str(error).splitlines()[0]}") from None
    return path


def _profile(name: str) -> str:
    from drivers.escpos_model import model  # noqa: PLC0415 - as above

    model(name)
    return name


def _columns_of(profile: object) -> int:
    """The number of columns of a profile; 0 if there is no such profile."""
    from drivers.escpos_model import model  # noqa: PLC0415 - as above

    try:
        return model(profile).columns if isinstance(profile, str) else 0
    except ValueError:
        return 0


class EscposSettings(WiredSettings):
    """A ticket printer. `profile`: python-escpos's name for the model, None: generic; `columns`: half-width characters
    per line, by default the model's; `layout`: of tickets in the branch's language; None: the one that comes with the
    program, as for the other languages."""

    driver: Literal["escpos"]
    profile: Annotated[str | None, AfterValidator(_profile), takes("the name of a printer profile, in quotes")] = None
    columns: Annotated[int, between(*COLUMNS)] = 32
    layout: Annotated[FilePath | None, AfterValidator(_layout)] = None
    qr: Annotated[bool, takes("true or false")] = True

    @model_validator(mode="before")
    @classmethod
    def _usual_columns(cls, data: Any) -> Any:
        columns = _columns_of(data.get("profile"))
        return {"columns": columns, **data} if COLUMNS[0] <= columns <= COLUMNS[1] else data

    def layout_file(self, shipped: Path, language: str) -> Path:
        """The file of the ticket's layout; `shipped`: the directory of the files that come with the program."""
        return self.layout or shipped / f"ticket.{language}.toml"

    def shows(self, shipped: Path, language: str) -> Shows:
        wording, layouts = ("ticket", "wait"), (self.layout_file(shipped, language),)
        return Shows("on paper", on_paper, wording, branch=True, services=True, classes=True, layouts=layouts)

    def warns(self, shipped: Path, language: str) -> Iterator[tuple[tuple[str | int, ...], str]]:
        if self.profile is None or not self.qr:
            return
        lines = tomllib.loads(self.layout_file(shipped, language).read_text("utf-8"))["line"]
        if not any("qr" in line for line in lines):
            return
        from drivers.escpos_model import model  # noqa: PLC0415 - python-escpos takes long to import

        if model(self.profile).codes == "nobody":
            yield ("profile",), f"a {self.profile} prints no QR codes: tickets come without; set qr = false"


def _check(table: Table, file: File) -> Iterator[Fault]:
    if table.get("profile") and "columns" not in table:
        columns = _columns_of(table["profile"])
        if not COLUMNS[0] <= columns <= COLUMNS[1]:
            said = f'"{table["profile"]}" says {columns} characters to a line, which no ticket has; add columns'
            yield ("profile",), said


class PrinterAdapter(Adapter):
    """One printer. Jobs are named `<ticket>#<copy>`."""

    def __init__(
        self, id: str, printer: EscposPrinter, render: Render, context: Context, flush: Callable[[], None]
    ) -> None:
        super().__init__(id, context)
        self._printer = printer
        self._render = render
        self._flush = flush
        self._backlog: deque[tuple[str, bytes]] = deque()
        """Jobs beyond the driver's queue: from presses that were decided in one step."""

    @property
    def paper(self) -> Paper:
        """See `model.paper.Paper`."""
        if self._backlog:
            return "printer_busy"
        return "ready" if self._printer.ready else self._printer.detail

    def health_without(self, down: LinkDown) -> Health | None:
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
                self.context.health(self.id, fact, "")

    def told(self, rows: Sequence[Row], state: State) -> None:
        for row in rows:
            match row.event:
                case TicketIssued(ticket, paper=True):
                    self._print(state, ticket, 1)
                case TicketReprinted(ticket, copy):
                    self._print(state, ticket, copy)
        self._flush()

    def restarted(self, state: State) -> None:
        """The results of the last run's jobs are unknown: they are offered for reprint, and paper still hanging out of
        the printer is cut off before the next ticket."""
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
        """The bytes for the printer; None, with a log line, if the ticket cannot be laid out."""
        try:
            qr = self.context.page(state.day, ticket)
            found, rules = state.tickets[ticket], self.context.rules
            # At the first print it is as when the ticket was taken, which is what its button said.
            at = self.context.now() if found.copies > 1 else found.issued_at
            return self._render(found.language, views.ticket_fields(state, rules, found, qr, at))
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
        at = self.context.now()
        cause = f"{self.id}:{job}:{result}:{at}"
        command = ReportPrint(at=at, cause=cause, ticket=ticket, copy=int(copy), result=result)  # type: ignore[arg-type]
        self.context.submit(Request(command, key=f"{self.id}:{job}"))


def _build(device: EscposSettings, context: Context) -> Adapter:
    printer = EscposPrinter(baud=device.link.baud if isinstance(device.link, SerialLink) else None)
    link = replace(device.link, xonxoff=True) if isinstance(device.link, SerialLink) else device.link
    session = context.connect(device.id, printer, link)
    return PrinterAdapter(device.id, printer, _render(context, device), context, session.flush)


def _render(context: Context, device: EscposSettings) -> Render:
    # python-escpos takes a third of a second to import: paid here, before READY, and only where there is a printer.
    from drivers.paper import Layout  # noqa: PLC0415

    files = {"": device.layout_file(context.shipped, context.rules.wording.language)}
    files |= {language: context.shipped / f"ticket.{language}.toml" for language in context.rules.others}
    layouts = {language: Layout.from_dict(tomllib.loads(file.read_text("utf-8"))) for language, file in files.items()}

    def render(language: str, fields: Mapping[str, str]) -> bytes:
        layout = layouts.get(language, layouts[""])
        return layout.render(fields if device.qr else {**fields, "qr": ""}, device.columns, profile=device.profile)

    return render


KIND = Kind(
    "escpos",
    EscposSettings,
    _build,
    _check,
    only_one='"{id}" is a ticket printer already, and a branch has one; remove one',
    order=40,
    prepare=lambda: import_module("drivers.paper"),
)
