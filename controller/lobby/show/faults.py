"""What the lobby manager should know or do now: one list, the most urgent first, each once, with what helps.

Written for the manager, whom no sentence here sends to the manager.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple, get_args

from controller.lobby.model.paper import Printer, Printers, chosen, stops_tickets
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import State
from controller.lobby.model.units import NEVER, Ms
from controller.lobby.show import views

Severity = Literal["urgent", "fault", "warning", "note"]
"""`urgent`: it cannot wait, since tickets stop or somebody asks for help; `fault`: something does not work, or somebody
has to act; `warning`: it works, but badly; `note`: to be known."""
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
JOURNAL = "journal"
"""The fault by which nothing works at all: it comes before all others."""
PASSES = ("starting", "printer_busy", "printer_feeding")
"""Why there is no paper ticket for a moment, which nobody needs to be called for."""


class Fault(NamedTuple):
    """One line: `name` of the device or counter, what is wrong, what helps, since when (ms since 1970, UTC; 0:
    unknown). `id` stays the same for as long as it lasts."""

    id: str
    severity: Severity
    text: str
    name: str = ""
    remedy: str = ""
    since: Ms = NEVER
    device: str = ""
    """The device that it is about, where it can be tested."""
    plan: str = ""
    """The failure whose plan helps; `steps`: what it says."""
    steps: tuple[str, ...] = ()


def faults(
    state: State,
    rules: Rules,
    at: Ms,
    devices: Mapping[str, Mapping[str, Any]],
    printers: Printers,
    *,
    records: bool,
    more: Iterable[Fault] = (),
) -> list[dict[str, Any]]:
    """All that there is at `at` (ms since 1970, UTC), as plain data.

    `devices`: by id {state, detail, since, name, remedy, prints, silent}; `printers`: those of tickets; `records`:
    whether what is pressed can be recorded; `more`: what others have found.
    """
    found = [
        *_of_the_journal(rules, records=records),
        *_of_the_emergency(state, rules, printers),
        *_of_the_counters(state, rules),
        *_of_the_devices(rules, devices, printers),
        *_of_the_lines(state, rules),
        *_of_the_clock(state, rules, at),
        *_of_the_configuration(state, rules, at),
        *more,
    ]
    found.sort(key=lambda fault: (SEVERITIES.index(fault.severity), fault.id != JOURNAL, fault.since or at))
    once: dict[tuple[str, str], Fault] = {}
    for fault in found:
        once.setdefault((fault.name, fault.text), fault)
    steps = {failure: plan.steps for failure, plan in rules.emergency_plans.items()}
    return [fault._replace(steps=steps.get(fault.plan, ()))._asdict() for fault in once.values()]


def _of_the_journal(rules: Rules, *, records: bool) -> Iterator[Fault]:
    if not records:
        say = rules.wording.say
        yield Fault(JOURNAL, "urgent", say("fault.journal"), remedy=say("fault.journal_remedy"))


def _of_the_emergency(state: State, rules: Rules, printers: Printers) -> Iterator[Fault]:
    """The emergency that is on, and whether it could be over."""
    say, plan = rules.wording.say, views.emergency_plan(state, rules)
    if plan is None or state.emergency is None:
        return
    prints = bool(printers) and chosen(printers).paper == "ready"
    remedy = say("fault.emergency_over" if plan.failure == "printer" and prints else "fault.emergency_remedy")
    text = say("fault.emergency", plan=plan.name)
    yield Fault("emergency", "warning", text, remedy=remedy, since=state.emergency.at, plan=plan.failure)


def _of_the_counters(state: State, rules: Rules) -> Iterator[Fault]:
    say = rules.wording.say
    for id in rules.counters:
        here = state.counter(id)
        if here.asks_help:
            name = say("fault.counter", counter=id)
            yield Fault(f"help:{id}", "urgent", say("fault.help"), name, say("fault.help_remedy"), here.asked_at)


def _of_the_devices(rules: Rules, devices: Mapping[str, Mapping[str, Any]], printers: Printers) -> Iterator[Fault]:
    say, templates = rules.wording.say, rules.wording.templates
    unable = {printer.id: printer for printer in printers if printer.paper != "ready"}
    for id, report in devices.items():
        if report["state"] != "ok":
            severity: Severity = "fault" if report["state"] == "offline" else "warning"
            text = report["detail"] or say(f"fault.{report['state']}")
            if printer := unable.pop(id, None):
                severity = _serious(printers, printer) or severity
                text = _of_the_printer(rules, devices, printers, printer, text)
            name = report.get("name") or id
            about = id if report.get("wired") else ""
            plan = "printer" if severity == "urgent" else report.get("failure", "") if severity == "fault" else ""
            yield Fault(f"device:{id}", severity, text, name, report.get("remedy", ""), report["since"], about, plan)
        elif silent := report.get("silent"):
            text = say("fault.silent", addresses=", ".join(silent))
            name = report.get("name") or id
            yield Fault(f"silent:{id}", "warning", text, name, say("fault.silent_remedy"), device=id)
    for id, printer in unable.items():
        name = devices[id]["name"] if id in devices else ""
        text = _of_the_printer(rules, devices, printers, printer, templates.get(f"device.{printer.paper}", ""))
        remedy = templates.get(f"advice.{printer.paper}", "")
        severity = _serious(printers, printer) or "warning"
        yield Fault(
            "paper" if len(printers) == 1 else f"paper:{id}",
            severity,
            text,
            name or say("kind.escpos"),
            remedy,
            plan="printer" if severity == "urgent" else "",
        )


def _serious(printers: Printers, printer: Printer) -> Severity | None:
    """How serious it is that a printer cannot print; None: tickets come out elsewhere."""
    if not stops_tickets(printers, printer):
        return None
    return "warning" if printer.paper in PASSES else "urgent"


def _of_the_printer(
    rules: Rules, devices: Mapping[str, Mapping[str, Any]], printers: Printers, printer: Printer, text: str
) -> str:
    """What is wrong with a printer that cannot print, and what becomes of its tickets."""
    instead = chosen(printers, printer.id)
    if instead.paper == "ready":
        name = devices.get(instead.printer, {}).get("name") or instead.printer
        text = rules.wording.say("fault.printer_instead", text=text, name=name)
    if printer.waiting and printer.paper not in PASSES:
        text = rules.wording.say("fault.printer_waiting", text=text, count=printer.waiting)
    return text


def _of_the_lines(state: State, rules: Rules) -> Iterator[Fault]:
    say = rules.wording.say
    for service in views.without_counter(state, rules):
        text = say("notice.no_counter", service=service)
        yield Fault(f"no_counter:{service}", "fault", text, remedy=say("fault.no_counter_remedy"))
    if lost := list(state.unknown_prints):
        text = say("fault.unknown_print", count=len(lost), tickets=views.named(lost))
        yield Fault("unknown_print", "fault", text, remedy=say("fault.unknown_print_remedy"))


def _of_the_clock(state: State, rules: Rules, at: Ms) -> Iterator[Fault]:
    for text in views.of_the_clock(state, rules, at):
        is_asked = rules.day_of(at) != state.day
        yield Fault("clock", "fault" if is_asked else "note", text)


def _of_the_configuration(state: State, rules: Rules, at: Ms) -> Iterator[Fault]:
    for text in views.of_the_configuration(state, rules, at):
        yield Fault(f"configuration:{text}", "warning", text)
