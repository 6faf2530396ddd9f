"""The ticket printer: a print job for each ticket, and its result."""

from __future__ import annotations

import logging
import tomllib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from controller.devices.kit import Adapter, Context, Fault, File, Kind, Table, names_printer
from controller.devices.probe import Heard, Probe
from controller.devices.settings import FilePath, PrinterId, Shows, WiredSettings, between, takes
from controller.engine import Request
from controller.lobby.actions.day import DayOpened
from controller.lobby.actions.report_print import ReportPrint
from controller.lobby.actions.reprint import TicketReprinted
from controller.lobby.actions.take_ticket import TicketIssued
from controller.lobby.aggregate import Row
from controller.lobby.model.paper import Paper, Printer, named_printer
from controller.lobby.model.state import Print, Stage, State
from controller.lobby.show import views
from drivers.characters import on_paper
from drivers.device import Health
from drivers.escpos import QUEUE_LIMIT, EscposPrinter, Printed, PrinterBusy, Sent, Unknown
from drivers.escpos_probe import Abilities
from drivers.escpos_status import QUESTIONS, REAL_TIME_STATUS, Parsed, ProcessId, RealTime, reply_reader
from drivers.link import FileLink, Link, SerialLink, TcpLink
from drivers.session import LinkDown, LinkUp

log = logging.getLogger(__name__)

Render = Callable[[str, Mapping[str, str]], bytes]
"""(the customer's language, a ticket's fields) -> the printer's bytes."""


LATE = 60.0
"""Seconds from which a ticket that waits for the printer is no longer printed once its customer has been called: before
that, the customer may still stand in front of the printer."""
NETWORK_REFUSED = "network_refused"
DETAILS: Mapping[type[Link], Mapping[str, str]] = {
    TcpLink: {"no_answer": "network_no_answer", "no_status": "network_no_status", "refused": NETWORK_REFUSED},
    FileLink: {"no_status": "port_no_status"},
}
"""By kind of link: what the driver says, and the wording key that says more of it. Most network printers serve one
computer at a time on port 9100, and refuse others or let them wait in silence."""

AccountName = Annotated[str, takes("the name of an account, in quotes", min_length=1, max_length=32)]

SLOW_LOGO = 2.0
"""Seconds on the line from which `lobby check` warns of a logo."""

COLUMNS = (16, 64)
"""Half-width characters per line of a ticket: least and most."""
GENERIC_COLUMNS = 32
"""Of a printer without a profile."""


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
    program, as for the other languages; `logo`: a picture at their top. `fallback`: the printer that prints in its
    place when it cannot; `accounts`: those whose tickets it prints. `queue`: tickets that may wait for it; `late`: also
    those that screens have shown while it could not print. `reports`: it is known to report its state."""

    driver: Literal["escpos"]
    profile: Annotated[str | None, AfterValidator(_profile), takes("the name of a printer profile, in quotes")] = None
    columns: Annotated[int, between(*COLUMNS)] = GENERIC_COLUMNS
    layout: Annotated[FilePath | None, AfterValidator(_layout)] = None
    qr: Annotated[bool, takes("true or false")] = True
    logo: FilePath | None = None
    fallback: PrinterId | None = None
    accounts: Annotated[list[AccountName], takes('a list of accounts, as in ["kiosk-east"]')] = Field(
        default_factory=list
    )
    queue: Annotated[int, between(1, 100, "tickets")] = QUEUE_LIMIT
    late: Annotated[bool, takes("true or false")] = False
    reports: Annotated[bool, takes("true or false")] = False

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
        yield from self._warns_of_the_logo()
        if self.profile is None or not self.qr:
            return
        lines = tomllib.loads(self.layout_file(shipped, language).read_text("utf-8"))["line"]
        if not any("qr" in line for line in lines):
            return
        from drivers.escpos_model import model  # noqa: PLC0415 - python-escpos takes long to import

        if model(self.profile).codes == "nobody":
            yield ("profile",), f"a {self.profile} prints no QR codes: tickets come without; set qr = false"

    def _warns_of_the_logo(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        if self.logo is None:
            return
        from drivers.escpos_logo import logo  # noqa: PLC0415 - as above

        size = len(logo(self.logo, self.columns, self.profile))
        if not size:
            yield ("logo",), f"a {self.profile} prints no pictures: tickets come without"
        elif isinstance(self.link, SerialLink) and size * self.link.byte_time > SLOW_LOGO:
            seconds = round(size * self.link.byte_time)
            yield ("logo",), f"at {self.link.baud} baud it delays each ticket by {seconds} s; make it smaller"


def _logo_fault(table: Table) -> str:
    """What is wrong with a printer's logo; empty: nothing."""
    from drivers.escpos_logo import check  # noqa: PLC0415 - as above

    columns = table.get("columns", _columns_of(table.get("profile")) or GENERIC_COLUMNS)
    try:
        check(table["logo"], columns if isinstance(columns, int) else COLUMNS[1])
    except ValueError as error:
        return str(error)
    return ""


def _check(table: Table, file: File) -> Iterator[Fault]:
    if isinstance(table.get("logo"), Path) and (fault := _logo_fault(table)):
        yield ("logo",), fault
    if table.get("profile") and "columns" not in table:
        columns = _columns_of(table["profile"])
        if not COLUMNS[0] <= columns <= COLUMNS[1]:
            said = f'"{table["profile"]}" says {columns} characters to a line, which no ticket has; add columns'
            yield ("profile",), said
    if table.get("fallback") is not None and table["fallback"] == table.get("id"):
        yield ("fallback",), "a printer cannot print in its own place; name another, or leave it out"
    else:
        yield from names_printer(table, file, "fallback")
    for n, account in enumerate(table.get("accounts") or ()):
        for other in file.before:
            if other.get("driver") == table["driver"] and account in (other.get("accounts") or ()):
                yield ("accounts", n), f'printer "{other.get("id")}" prints the tickets of "{account}" already'


@dataclass(frozen=True, slots=True)
class _Waits:
    """A job without a result: since when, in monotonic seconds."""

    ticket: str
    copy: int
    since: float


class _Undone(dict[str, int]):
    """By printer: the size of the job that it was printing when it was taken out of the configuration, maybe to be put
    in again as another one."""


class PrinterAdapter(Adapter):
    """One printer. Jobs are named `<ticket>#<copy>`.

    `fallback`, `accounts`: see `model.paper.Printer`; `late`: tickets that may wait for it while it cannot print.
    `reason`: see `Session.reason`. `details`: its own words for what the driver says, where the link tells more.
    """

    def __init__(
        self,
        id: str,
        printer: EscposPrinter,
        render: Render,
        context: Context,
        flush: Callable[[], None],
        *,
        fallback: str = "",
        accounts: Sequence[str] = (),
        late: int = 0,
        reason: Callable[[], str] = lambda: "",
        details: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(id, context)
        self._printer = printer
        self._render = render
        self._flush = flush
        self._fallback, self._accounts, self._late, self._details = fallback, tuple(accounts), late, details
        self._backlog: deque[tuple[str, bytes]] = deque()
        """Jobs beyond the driver's queue: from presses that were decided in one step."""
        self._waiting: dict[str, _Waits] = {}
        self._reason = reason
        self._refusal_told = False

    @property
    def printer(self) -> Printer:
        waiting = len(self._waiting)
        return Printer(self.id, self._paper, self._fallback, waiting, self._accounts, waiting < self._late)

    @property
    def _paper(self) -> Paper:
        if self._is_refused(self._reason()):
            return NETWORK_REFUSED
        detail = self._printer.detail
        return self._details.get(detail, detail) or ("printer_busy" if self._backlog else "ready")

    def health_without(self, down: LinkDown) -> Health | None:
        if self._is_refused(down.reason):
            self._refusal_told = True
            return Health("offline", NETWORK_REFUSED)
        return self._printer.held_off() if down.reason == "stalled" else None

    def heard(self, fact: object) -> None:
        match fact:
            case Printed(job):
                self._report(job, "printed")
            case Sent(job):
                self._report(job, "sent")
            case Unknown(job):
                self._report(job, "unknown")
            case Health():
                detail = self._details.get(fact.detail, fact.detail)
                self.context.health(self.id, replace(fact, detail=detail), "")
            case Abilities():
                self._tell_abilities(fact)
            case LinkUp():
                self._refusal_told = False
                self._report_lost()
        self._withdraw_unwanted()
        while self._backlog and self._queue(*self._backlog[0]):
            self._backlog.popleft()

    def _report_lost(self) -> None:
        """The session was ended and is run again: what was under way then has no result any more."""
        known = {self._printer.in_flight, *self._printer.queued, *(job for job, _ in self._backlog)}
        for job in [job for job in self._waiting if job not in known]:
            self._report(job, "unknown")

    def _is_refused(self, reason: str) -> bool:
        return reason == "refused" and reason in self._details

    def update(self, state: State) -> None:
        self._withdraw_unwanted()
        if not self._refusal_told and self._is_refused(self._reason()):  # the link was lost first
            self._refusal_told = True
            self.context.health(self.id, Health("offline", NETWORK_REFUSED), "")

    def told(self, rows: Sequence[Row], state: State) -> None:
        for row in rows:
            match row.event:
                case TicketIssued(ticket, paper=True, printer=printer) if self._is_mine(printer):
                    self._print(state, ticket, 1)
                case TicketReprinted(ticket, copy, printer=printer) if self._is_mine(printer):
                    self._print(state, ticket, copy)
                case TicketReprinted(ticket):  # elsewhere: the copy here must not come out as well
                    self._withdraw(lambda job, ticket=ticket: job.ticket == ticket)  # type: ignore[misc]
                case DayOpened(continues=None):
                    self._withdraw(lambda job: True)
        self._flush()

    def restarted(self, state: State) -> None:
        """The results of the last run's jobs are unknown: they are offered for reprint, and paper still hanging out of
        the printer is cut off before the next ticket."""
        for ticket in state.tickets.values():
            if ticket.print is Print.QUEUED and self._is_mine(ticket.printer):
                job = f"{ticket.id}#{ticket.copies}"
                self._report(job, "unknown")
                if data := self._laid_out(state, ticket.id):
                    self._printer.interrupted(len(data))

    def left(self) -> None:
        for job in list(self._waiting):
            self._report(job, "unknown")
        self.context.shared.setdefault(_Undone, _Undone())[self.id] = self._printer.undone

    def _is_mine(self, printer: str | None) -> bool:
        """Whether a ticket of this printer is printed here: one without a printer, or of one that is no longer
        configured, is the first printer's."""
        named = named_printer(self.context.printers(), printer or "")
        return named is None or named.id == self.id

    def _print(self, state: State, ticket: str, copy: int) -> None:
        job = f"{ticket}#{copy}"
        data = self._laid_out(state, ticket)
        if data is None:
            self._report(job, "unknown")
            return
        self._waiting[job] = _Waits(ticket, copy, self.context.steady())
        if self._backlog or not self._queue(job, data):
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

    def _withdraw_unwanted(self) -> None:
        """Drop the jobs whose customers have been called, or have gone, while they waited for the printer."""
        now, state = self.context.steady(), self.context.state()

        def unwanted(job: _Waits) -> bool:
            ticket = state.tickets.get(job.ticket)
            return now - job.since >= LATE and (ticket is None or ticket.stage is not Stage.WAITING)

        for name in self._withdraw(unwanted):
            self._report(name, "dropped")

    def _withdraw(self, which: Callable[[_Waits], bool]) -> list[str]:
        """Take jobs of which nothing was sent yet out of the queue; their names."""
        found = [name for name, job in self._waiting.items() if name != self._printer.in_flight and which(job)]
        for name in found:
            del self._waiting[name]
            if not self._printer.withdraw(name):
                self._backlog = deque(each for each in self._backlog if each[0] != name)
        return found

    def _tell_abilities(self, abilities: Abilities) -> None:
        say = self.context.rules.wording.say
        status = "automatic" if abilities.automatic else "asked" if abilities.status else "none"
        log.info("%s: %s; %s", self.id, say(f"printer.{status}"), say(f"printer.{abilities.proof.value}"))

    def _report(self, job: str, result: str) -> None:
        self._waiting.pop(job, None)
        ticket, _, copy = job.rpartition("#")
        at = self.context.now()
        cause = f"{self.id}:{job}:{result}:{at}"
        command = ReportPrint(at=at, cause=cause, ticket=ticket, copy=int(copy), result=result)  # type: ignore[arg-type]
        self.context.submit(Request(command, key=f"{self.id}:{job}"))


def _build(device: EscposSettings, context: Context) -> Adapter:
    baud = device.link.baud if isinstance(device.link, SerialLink) else None
    printer = EscposPrinter(baud=baud, queue_limit=device.queue, reports=device.reports)
    if undone := context.shared.get(_Undone, {}).pop(device.id, 0):
        printer.interrupted(undone)
    link = replace(device.link, xonxoff=True) if isinstance(device.link, SerialLink) else device.link
    session = context.connect(device.id, printer, link)
    return PrinterAdapter(
        device.id,
        printer,
        _render(context, device),
        context,
        session.flush,
        fallback=device.fallback or "",
        accounts=device.accounts,
        late=device.queue if device.late else 0,
        reason=lambda: session.reason,
        details=DETAILS.get(type(link), {}),
    )


def _render(context: Context, device: EscposSettings) -> Render:
    # python-escpos takes a third of a second to import: paid here, before READY, and only where there is a printer.
    from drivers.escpos_logo import logo  # noqa: PLC0415
    from drivers.paper import Layout  # noqa: PLC0415

    files = {"": device.layout_file(context.shipped, context.rules.wording.language)}
    files |= {language: context.shipped / f"ticket.{language}.toml" for language in context.rules.others}
    layouts = {language: Layout.from_dict(tomllib.loads(file.read_text("utf-8"))) for language, file in files.items()}

    head = logo(device.logo, device.columns, device.profile) if device.logo else b""

    def render(language: str, fields: Mapping[str, str]) -> bytes:
        layout = layouts.get(language, layouts[""])
        shown = fields if device.qr else {**fields, "qr": ""}
        return layout.render(shown, device.columns, profile=device.profile, head=head)

    return render


LEAST_ANSWERS = 3
"""Real-time questions of the four that a printer must answer to be recognised: noise would not."""


def _answers(replies: Sequence[bytes]) -> Sequence[Heard]:
    """A printer has answered each question with a status, and said nothing else that no printer says."""
    reader = reply_reader()
    said = [reader.feed(reply, float(n)) for n, reply in enumerate(replies)]
    if reader.garbage or any(isinstance(each, Parsed | ProcessId) for reply in said for each in reply):
        return []
    answered = sum(sum(isinstance(each, RealTime) for each in reply) == 1 for reply in said)
    return [Heard()] if answered >= LEAST_ANSWERS else []


PROBE = Probe(
    "printer",
    forms=("serial", "printer"),
    alone_on="printer",
    asks=[REAL_TIME_STATUS + bytes([n]) for n in range(1, QUESTIONS + 1)],
    hears=_answers,
    speeds=(9600, 115200, 19200, 38400),
    prints=True,
    chosen={"columns": (GENERIC_COLUMNS, 48)},
)
KIND = Kind(
    "escpos",
    EscposSettings,
    _build,
    _check,
    order=40,
    prepare=lambda: import_module("drivers.paper"),
    probe=PROBE,
)
