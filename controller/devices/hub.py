"""The hub: every adapter of a branch, and what concerns all of them: health, notices, whether tickets can be printed.

What a device reports becomes requests; what a step has changed becomes levels (shown again after every outage) and
edges (from new events only, never on replay). Nothing is decided here, and no kind of device is known here.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from controller.devices.flapping import UNSTEADY, Flapping
from controller.devices.kit import Adapter, AnySession, Context, DeviceReport, kinds
from controller.engine import Request, Step
from controller.journal import Journal, JournalError
from controller.lobby.actions.report_device import ReportDevice
from controller.lobby.aggregate import Row
from controller.lobby.answers import Answer
from controller.lobby.model.paper import Paper, Printers, chosen
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import CounterStage, State
from controller.lobby.model.units import Ms
from controller.lobby.model.wording import Wording
from controller.lobby.show import figures, views
from controller.lobby.show.faults import PASSES
from controller.lobby.show.views import Waits
from controller.operation.tally import TOGETHER, Tally
from controller.record.actions.alarms import AlarmRaised, said
from controller.record.registry import all_notices
from controller.record.rules import RecordRules
from controller.record.state import Facts, Record
from drivers.device import Driver, Echoing, Health
from drivers.link import Link
from drivers.session import LinkDown, Session, Stale

log = logging.getLogger(__name__)

LATEST = 0.2
"""Seconds for which displays may be delayed while there are requests to decide."""
OTHER_DOORS = ("mqtt", *TOGETHER)
"""The first words of the causes of presses that came in by no device's own line."""
UNKNOWN_PRINTS_NAMED = 3
"""Tickets named in the notice about prints that may not have come out."""


class Hub:
    """Connects the adapters to an engine, which takes requests by `submit` and calls `published`, `stepped`, `trouble`.

    `settled`: whether the state is what the journal holds; no other state is shown. `behind`: whether there are
    requests that the engine has not begun to decide: those come first, and displays then show the result of them all.

    `now`: the time in ms since 1970, UTC; `steady`: monotonic seconds; `page`: the content of a ticket's QR code, by
    day and ticket; `shipped`: the directory of the files that come with the program; `wording`: the sentences of a
    language. Adapters are told in the order in which they were added. `sessions`: to be run by the caller, by device.
    """

    def __init__(
        self,
        rules: Rules,
        journal: Journal,
        submit: Callable[[Request], None],
        settled: Callable[[], bool],
        now: Callable[[], Ms],
        page: Callable[[str, str], str] | None = None,
        behind: Callable[[], bool] = lambda: False,
        steady: Callable[[], float] = time.monotonic,
        shipped: Path = Path(),
        wording: Callable[[str], Wording] | None = None,
        facts: Callable[[Ms], Facts] | None = None,
    ) -> None:
        self._waits: Waits = {}
        self._state = State()
        self._rules = rules
        self.sessions: dict[str, AnySession] = {}
        self.context = Context(
            configured=lambda: self._rules,
            state=lambda: self._state,
            journal=journal,
            submit=submit,
            now=now,
            steady=steady,
            waits=lambda: self._waits,
            printers=self.printers,
            health=self.health,
            forget=self.forget,
            settled=settled,
            page=page or (lambda day, ticket: f"lobby:{rules.branch}:{day}:{ticket}"),
            connect=self._connect,
            run=self.sessions.__setitem__,
            heard=self.heard,
            shipped=shipped,
            wording=wording or (lambda language: rules.wording),
            facts=lambda: facts(now()) if facts else Facts(Record(), self._state, RecordRules(self._rules), now()),
            tally=Tally(steady, {*kinds(), *OTHER_DOORS}),
        )
        self._adapters: dict[str, Adapter] = {}
        self._settled = settled
        self._behind = behind
        self._steady = steady
        self._owed_since: float | None = None
        """Since when there is a change that displays have not been told of; None: there is none."""
        self._watchers: list[Adapter] = []
        self.names: dict[str, str] = {}
        """What people call each device, in the order in which they are listed."""
        self._reports: dict[str, DeviceReport] = {}
        self._healths: dict[str, Health] = {}
        """The reported state of each device."""
        self._flapping: dict[str, Flapping] = {}
        self._said: dict[str, Health] = {}
        """The state of each device by its driver."""
        self._echoing: set[str] = set()
        self._trouble = ""

    def add(self, adapter: Adapter) -> None:
        """Add an adapter; one that shows the whole branch is told of everything so far."""
        self._adapters[adapter.id] = adapter
        if adapter.watches:
            self._watchers.append(adapter)
            for id, report in self._reports.items():
                adapter.device(id, report)
            if self._state.day:
                self._update()

    def remove(self, id: str) -> None:
        """Take a device off, after its session has ended."""
        self.sessions.pop(id, None)
        adapter = self._adapters.pop(id, None)
        if adapter:
            self._guarded(id, adapter.left)
        self._echoing.discard(id)
        self.forget(id)

    def reconfigure(self, rules: Rules) -> None:
        """From now on these are the rules as configured."""
        self._rules = rules
        self._waits = {id: wait for id, wait in self._waits.items() if id in rules.services}
        self._update()

    def _connect(self, id: str, driver: Driver, link: Link) -> Session:
        session = Session(driver, link, lambda fact: self.heard(id, fact), self._steady)
        self.sessions[id] = session
        return session

    def heard(self, id: str, fact: object) -> None:
        """Handle a fact from a device's session; an error of ours here must not end the session."""
        try:
            self._heard(id, fact)
        except JournalError as error:
            log.error("%s: a press is not answered, since nobody can tell whether it has acted: %s", id, error)
        except Exception:
            log.exception("%s: %r could not be dealt with", id, fact)

    def _heard(self, id: str, fact: object) -> None:
        if isinstance(fact, LinkDown):
            templates = self.context.rules.wording.templates
            known = self._adapters[id].health_without(fact)
            if known:
                self.health(id, known, fact.about or templates.get(f"link.{fact.reason}", ""))
            elif f"device.{fact.reason}" in templates:
                self.health(id, Health("offline", fact.reason), fact.about)
            else:
                reason = templates.get(f"link.{fact.reason}", fact.reason)
                self.health(id, Health("offline", "offline"), reason)
        elif isinstance(fact, Stale):
            log.warning("%s: %s", id, self.context.rules.wording.say("notice.stale", size=fact.size))
        elif isinstance(fact, Echoing):
            self._hears_itself(id, fact.on)
        self._adapters[id].heard(fact)

    def begin(self, state: State) -> None:
        """The day has been replayed: show it, and print nothing. Current calls are part of what is shown."""
        self._state = state
        self._update()
        for adapter in self._adapters.values():
            self._guarded(adapter.id, lambda adapter=adapter: adapter.restarted(state))  # type: ignore[misc]

    def published(self, step: Step) -> None:
        """A step has been written to the journal."""
        self._state = step.state
        self._guarded("the alarms", lambda: self._log_alarms(step.rows))
        self._guarded("the monitor", lambda: self.context.tally.told(step.rows, step.state))
        self._update()
        for adapter in self._adapters.values():
            self._guarded(adapter.id, lambda adapter=adapter: adapter.told(step.rows, step.state))  # type: ignore[misc]

    def answered(self, request: Request, answer: Answer) -> None:
        """A request has been answered."""
        self.context.tally.answered(request.command.cause, answer)

    def stepped(self) -> None:
        """The engine has ended a step, perhaps without a row: show what was delayed, unless it must still wait."""
        if self._owed_since is None or not self._settled():
            return  # a step is being written, and this comes after it
        if self._behind() and self._steady() - self._owed_since < LATEST:
            return
        self._owed_since = None
        self._show()

    def trouble(self, reason: str) -> None:
        """The journal cannot be written, for this reason; with an empty reason: it can again."""
        self._trouble = self.context.rules.wording.say("refused.journal_down") if reason else ""
        self._update()

    def look_ahead(self, service: str) -> None:
        """Compute the expected wait for a service, which is too much work for every press."""
        if self._settled():
            self._guarded("the look ahead", lambda: self._look_ahead(service))

    def _look_ahead(self, service: str) -> None:
        minutes = views.wait(self._state, self.context.rules, self.context.now(), service)
        self._waits = {
            id: known
            for id in self.context.rules.services
            if (known := minutes if id == service else self._waits.get(id)) is not None
        }

    def looked_ahead(self) -> None:
        """Show the expected waits that were computed, and the day's figures."""
        self._guarded("the devices' health", self._look_at_health)
        if self._settled():
            self._guarded("the day's figures", self._show_figures)
            self._update()

    def _show_figures(self) -> None:
        if self._watchers:
            today = figures.day(self._state, self.context.rules, self.context.now())
            for watcher in self._watchers:
                watcher.figures(today)

    def notices(self) -> list[str]:
        """What the staff should know now, most urgent first."""
        return [*self._notices(), *self._for_staff()]

    def status(self) -> str:
        """The branch in one line, for `systemctl status`: counters, customers, and what does not work."""
        say, state = self.context.rules.wording.say, self._state
        stages = [state.counter(id).stage for id in self.context.rules.counters]
        closed = stages.count(CounterStage.CLOSED)
        waiting = sum(len(line) for line in state.lines.values())
        found = [self._trouble] if self._trouble else []
        if plan := views.emergency_plan(state, self.context.rules):
            found.append(say("fault.emergency", plan=plan.name))
        found += [
            f"{report.name or id}: {report.detail or say(f'fault.{report.state}')}"
            for id, report in self._reports.items()
            if report.state != "ok"
        ]
        found += [
            f"{report.name or id}: {say('fault.silent', addresses=', '.join(report.silent))}"
            for id, report in self._reports.items()
            if report.state == "ok" and report.silent
        ]
        return "; ".join([say("fault.status", open=len(stages) - closed, waiting=waiting), *found])

    @property
    def reports(self) -> Mapping[str, DeviceReport]:
        """How each device is."""
        return self._reports

    @property
    def records(self) -> bool:
        """Whether what is pressed can be recorded."""
        return not self._trouble

    def printers(self) -> Printers:
        """The ticket printers as they are now, in the order of the configuration, whenever they were made."""
        found = [printer for adapter in self._adapters.values() if (printer := adapter.printer) is not None]
        order = list(self.names)
        return sorted(found, key=lambda printer: order.index(printer.id) if printer.id in order else len(order))

    def paper(self) -> Paper:
        """Whether a ticket can be printed now, by any printer; else why the first cannot."""
        printers = self.printers()
        return "ready" if any(printer.paper == "ready" for printer in printers) else chosen(printers).paper

    def health(self, id: str, health: Health, note: str) -> None:
        """A device's health by its driver. It is logged and written if it has changed, and the device does not flap."""
        self._said[id] = health
        if health.state == "ok" and id in self._echoing:
            health = Health("ok", "hears_itself")
        flapping = self._flapping.setdefault(id, Flapping())
        told = flapping.hears(health, self._steady())
        if told:
            self._tell_health(id, told, note)

    def forget(self, id: str) -> None:
        """A device no longer exists."""
        for known in (self._said, self._flapping, self._healths, self._reports):
            known.pop(id, None)
        for watcher in self._watchers:
            watcher.gone(id)
        self._update()

    def _look_at_health(self) -> None:
        for id, flapping in self._flapping.items():
            told = flapping.looks(self._steady())
            if told:
                self._tell_health(id, told, "")
        for id, report in list(self._reports.items()):
            stations = self._adapters[id].stations if id in self._adapters else None
            if stations and (stations.last() != report.heard or stations.silent(self._state) != report.silent):
                self._report(id, self._healths[id], report.since)

    def _tell_health(self, id: str, health: Health, note: str) -> None:
        before = self._healths.get(id)
        self._healths[id] = health
        self._log(id, before, health, note)
        now = self.context.now()
        self._report(id, health, now)
        self._update()
        command = ReportDevice(
            at=now, cause=f"device:{id}:{now}:{health.state}", device=id, state=health.state, detail=health.detail
        )
        self.context.submit(Request(command, key=f"device:{id}"))

    def _report(self, id: str, health: Health, since: Ms) -> None:
        """Tell those who watch how a device is."""
        adapter = self._adapters.get(id)
        stations = adapter.stations if adapter else None
        report = self._reports[id] = DeviceReport(
            health.state,
            self._detail(id, health),
            since,
            self.names.get(id, ""),
            self._remedy(id, health),
            adapter is not None and adapter.printer is not None,
            list(self.names).index(id) if id in self.names else len(self.names),
            isinstance(self.sessions.get(id), Session),
            stations.last() if stations else {},
            stations.silent(self._state) if stations else (),
            health.detail,
            adapter.failure if adapter else "",
        )
        for watcher in self._watchers:
            watcher.device(id, report)

    # -- inside ----------------------------------------------------------------------------------------------

    def _hears_itself(self, id: str, on: bool) -> None:
        """A line echoes, or does so no longer; the echo is kept from the driver, so this is only logged and shown."""
        wording = self.context.rules.wording
        if on:
            self._echoing.add(id)
            log.warning("%s: %s; %s", id, wording.say("device.hears_itself"), wording.say("advice.hears_itself"))
        else:
            self._echoing.discard(id)
            log.info("%s: %s", id, wording.say("notice.no_echo"))
        if id in self._said:
            self.health(id, self._said[id], "")

    def _update(self) -> None:
        """Something has changed: show it, at once unless requests are waiting."""
        if self._owed_since is None:
            self._owed_since = self._steady()
        self.stepped()

    def _show(self) -> None:
        noticed = False
        for adapter in self._adapters.values():
            if adapter.watches and not noticed:  # those that only show calls need not wait for the notices
                noticed = True
                self._guarded("the notices", self._tell_notices)
            self._guarded(adapter.id, lambda adapter=adapter: adapter.update(self._state))  # type: ignore[misc]

    def _tell_notices(self) -> None:
        notices, staff = list(self._notices()), list(self._for_staff())
        for watcher in self._watchers:
            watcher.notice(notices, staff, self._trouble)

    def _guarded(self, id: str, tell: Callable[[], None]) -> None:
        """An error of ours in telling one device must not keep the others from being told."""
        try:
            tell()
        except Exception:
            log.exception("%s could not be told", id)

    def _notices(self) -> Iterator[str]:
        """Notices for customers, most urgent first."""
        wording = self.context.rules.wording
        if self._trouble:
            yield self._trouble
        plan = views.emergency_plan(self._state, self.context.rules)
        if plan:
            yield plan.notice
        tells_of_paper = plan is not None and plan.roll
        if not tells_of_paper and (paper := self.paper()) not in ("ready", "none"):
            yield wording.say("notice.printer", detail=wording.say(f"device.{paper}"))
        yield from all_notices(self.context.facts())

    def _for_staff(self) -> Iterator[str]:
        """Notices for the staff alone."""
        wording = self.context.rules.wording
        yield from views.of_the_counters(self._state, self.context.rules)
        yield from views.of_the_configuration(self._state, self.context.rules, self.context.now())
        yield from views.of_the_clock(self._state, self.context.rules, self.context.now())
        yield from self._of_the_printers(self.printers())
        for service in views.without_counter(self._state, self.context.rules):
            yield wording.say("notice.no_counter", service=service)
        lost = list(self._state.unknown_prints)
        if lost:
            more = "" if len(lost) <= UNKNOWN_PRINTS_NAMED else " .."
            yield wording.say("notice.unknown_print", tickets=" ".join(lost[:UNKNOWN_PRINTS_NAMED]) + more)

    def _of_the_printers(self, printers: Printers) -> Iterator[str]:
        """Which of several printers cannot print, and who prints in its place; how many tickets wait for one."""
        say = self.context.rules.wording.say
        some = self.paper() == "ready"  # else all are told that there is no paper
        for printer in printers:
            if printer.paper == "ready" or printer.paper in PASSES:
                continue
            about = {"name": self.names.get(printer.id) or printer.id, "detail": say(f"device.{printer.paper}")}
            instead = chosen(printers, printer.id)
            if instead.paper == "ready":
                yield say("notice.printer_instead", other=self.names.get(instead.printer) or instead.printer, **about)
            elif some:
                yield say("notice.printer_down", **about)
            if printer.waiting:
                yield say("notice.printer_waiting", count=printer.waiting, **about)

    def _detail(self, id: str, health: Health) -> str:
        """What is wrong with a device, in words; for one that flaps, with its worst state."""
        say, worst = self.context.rules.wording.say, self._flapping[id].worst
        if health == UNSTEADY and worst:
            return say("device.unsteady_as", detail=say(f"device.{worst.detail}"))
        return say(f"device.{health.detail}") if health.detail else ""

    def _remedy(self, id: str, health: Health) -> str:
        """What helps, in words; for a device that flaps, what helps against its worst state."""
        worst = self._flapping[id].worst if health == UNSTEADY else None
        return self.context.rules.wording.templates.get(f"advice.{(worst or health).detail}", "")

    def _log_alarms(self, rows: Sequence[Row]) -> None:
        for row in rows:
            if isinstance(row.event, AlarmRaised):
                log.warning("%s", said(self.context.facts(), row.event.kind, row.event.about))

    def _log(self, id: str, before: Health | None, health: Health, note: str) -> None:
        wording, flapping = self.context.rules.wording, self._flapping[id]
        if health == UNSTEADY:
            seconds = max(1, round(self._steady() - flapping.since))
            advice = wording.say(f"advice.{flapping.worst.detail}") if flapping.worst else ""
            reason = self._detail(id, health) + (f" ({note})" if note else "")
            text = wording.say("notice.unsteady", reason=reason, times=flapping.changes, seconds=seconds, advice=advice)
            log.warning("%s: %s", id, text)
            return
        if before == UNSTEADY:
            log.info("%s: %s", id, wording.say("notice.steady", times=flapping.changes))
        if health.state != "ok":
            reason = wording.say(f"device.{health.detail}") + (f" ({note})" if note else "")
            log.warning("%s: %s; %s", id, reason, wording.say(f"advice.{health.detail}"))
        elif before is not None and before.state != "ok" and before != UNSTEADY:
            log.info("%s: %s", id, wording.say("notice.back"))
