"""Whether a ticket can be printed, and by which printer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from controller.lobby.model.outcome import Refused
from controller.lobby.model.rules import Rules

Paper = str
"""Whether a ticket can be printed now: `ready`; `none` (the branch has no printer); else the reason's wording key."""


@dataclass(frozen=True, slots=True)
class Printer:
    """A ticket printer as it is now. `fallback`: the printer that prints in its place when it cannot; `waiting`:
    tickets that wait for it; `accounts`: those whose tickets it prints; `late`: a ticket of which a screen shows the
    number may wait for it now."""

    id: str
    paper: Paper
    fallback: str = ""
    waiting: int = 0
    accounts: tuple[str, ...] = ()
    late: bool = False


Printers = Sequence[Printer]
"""The branch's ticket printers. The first prints for everything that names none."""


class Chosen(NamedTuple):
    """Whether a ticket can be printed now, and by which printer: empty if the branch has no more than one. `late`: it
    cannot, but may wait for that printer."""

    paper: Paper
    printer: str = ""
    late: bool = False


def named_printer(printers: Printers, id: str) -> Printer | None:
    """The printer with this id, else the first; None: the branch has none."""
    return next((printer for printer in printers if printer.id == id), next(iter(printers), None))


def in_turn(printers: Printers, own: str) -> Iterator[Printer]:
    """A place's own printer, then those that print in its place, each once."""
    seen: set[str] = set()
    printer = named_printer(printers, own)
    while printer and printer.id not in seen:
        seen.add(printer.id)
        yield printer
        printer = named_printer(printers, printer.fallback) if printer.fallback else None


def chosen(printers: Printers, own: str = "") -> Chosen:
    """Where a ticket comes out that is taken at a place with this printer: if none can print, at its own."""
    return _first_ready(printers, list(in_turn(printers, own)))


def chosen_for_copy(printers: Printers, own: str) -> Chosen:
    """Where a copy comes out of a ticket of this printer: whichever can print, since a person fetches it."""
    return _first_ready(printers, [*in_turn(printers, own), *printers])


def _first_ready(printers: Printers, asked: Sequence[Printer]) -> Chosen:
    if not asked:
        return Chosen("none")
    ready = next((printer for printer in asked if printer.paper == "ready"), None)
    printer = ready or next((printer for printer in asked if printer.late), asked[0])
    return Chosen(printer.paper, printer.id if len(printers) > 1 else "", not ready and printer.late)


def of_account(printers: Printers, account: str) -> str:
    """The printer of an account's tickets; empty: the first."""
    return next((printer.id for printer in printers if account in printer.accounts), "")


def stops_tickets(printers: Printers, printer: Printer) -> bool:
    """Whether tickets are lacking somewhere since this printer cannot print: none prints in its place, and it is not
    itself only the one that prints in the place of another that can."""
    if printer.paper == "ready" or chosen(printers, printer.id).paper == "ready":
        return False
    others = [each for each in printers if each.fallback == printer.id]
    return printer is printers[0] or not any(each.paper == "ready" for each in others)


def printing(printers: Printers, own: str = "") -> dict[str, Any]:
    """The fields of a `Press` that say how its ticket can be printed; `own`: the printer of the place."""
    return {**chosen(printers, own)._asdict(), "printers": printers}


def no_paper(rules: Rules, why: Paper) -> Refused:
    """The refusal for a customer's ticket that cannot be printed now."""
    return Refused("printer_down", detail=rules.wording.say(f"device.{why}"))


def cannot_print(rules: Rules, why: Paper) -> Refused:
    """The same for the lobby manager, with what helps."""
    about = {name: rules.wording.say(f"{name}.{why}") for name in ("device", "advice")}
    return Refused("cannot_print", detail=about["device"], advice=about["advice"])
