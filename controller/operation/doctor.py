"""Examines the devices of a branch one by one or all at once: `lobby doctor`.

Each device runs as it does in the daemon, with its own driver and adapter on its own link, but on a hub whose lobby
exists for the examination alone: nothing is journalled, no press acts, and what is shown and printed says "TEST".
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from controller.config import Settings, shipped, wording
from controller.devices.branch import Devices
from controller.devices.hub import Hub
from controller.devices.kit import kinds
from controller.devices.settings import DeviceSettings, WiredSettings
from controller.engine import Request, Step
from controller.journal import Journal
from controller.lobby.actions.call_next import CallNext
from controller.lobby.actions.command import Command
from controller.lobby.actions.open_counter import Open
from controller.lobby.actions.report_print import ReportPrint
from controller.lobby.actions.take_ticket import TakeTicket
from controller.lobby.aggregate import Aggregate
from controller.lobby.answers import Answer
from controller.lobby.model.rules import Rules
from controller.lobby.model.units import Ms
from drivers.device import Echoing, Health, UnknownAddress
from drivers.link import SerialLink
from drivers.session import LinkDown, Session, Stale

TRIES = 8.0
"""Seconds that a device is given to answer: the slowest needs two time-outs."""
SPEEDS = (9600, 57600, 115200, 19200, 38400, 4800, 2400)
"""Line speeds that are tried with a device that does not answer, the usual ones first."""
LOOK = 0.05
HOLD = 10.0
"""Seconds for which displays show what they should."""
LETS_GO = 3.0
"""Seconds after the last key in which keys still act upon nothing: who is refused presses once more."""
TURN = 1.0
"""Seconds in which each display on a shared line has had its turn."""
PSEUDO_TERMINALS = range(136, 144)
"""Major device numbers of /dev/pts (Linux, admin-guide/devices.txt)."""
WARNINGS = ("paper_low",)
"""The details of a device that works, but will not for long."""
SILENT = ("no_answer", "no_status", "garbled")
"""The details of a device that does not answer, or not understandably."""

Say = Callable[[str], None]


@dataclass(slots=True)
class Finding:
    """What was found out about one device. `state`: "ok", "look" (only a person can tell) or "fault"; `found` and
    `remedies` are sentences; `keys`: presses that were heard; `measured`: bytes and milliseconds on its line."""

    device: str
    name: str
    link: str
    state: str = "ok"
    detail: str = ""
    found: list[str] = field(default_factory=list)
    remedies: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    measured: dict[str, float] = field(default_factory=dict)

    def content(self) -> Mapping[str, Any]:
        """As JSON has it."""
        return asdict(self)


class _Hub(Hub):
    """A hub that keeps what devices say, and neither logs nor journals it."""

    def __init__(self, *about: Any, **more: Any) -> None:
        super().__init__(*about, **more)
        self.facts: dict[str, list[object]] = {}
        self.said: dict[str, Health] = {}

    def heard(self, id: str, fact: object) -> None:
        self.facts.setdefault(id, []).append(fact)
        super().heard(id, fact)

    def health(self, id: str, health: Health, note: str) -> None:
        self.said[id] = health

    def _hears_itself(self, id: str, on: bool) -> None:
        """Is told of as a finding."""


class Examination:
    """Examines `devices` of a branch. `say` is called with a sentence for each thing that a person must do or see."""

    def __init__(
        self,
        settings: Settings,
        devices: Sequence[DeviceSettings],
        say: Say,
        *,
        print_ticket: bool = True,
        try_speeds: bool = True,
        hold: float = HOLD,
    ) -> None:
        self._settings = settings
        self._rules = for_test(settings.rules)
        self._devices = devices
        self._say = say
        self._print = print_ticket
        self._try_speeds = try_speeds
        self._waited = False
        """Whether keys were waited for."""
        self._hold = hold
        self._pressed: list[tuple[str, str]] = []
        """(device, what was pressed at which counter)."""
        self._heard: dict[str, set[str]] = {}
        """Device -> the counters at which something was pressed."""
        self._printed: dict[str, str] = {}
        self.findings: dict[str, Finding] = {each.id: self._finding(each) for each in devices}

    async def run(self, keys_for: float) -> list[Finding]:
        """What was found, a device each. `keys_for`: seconds in which a key of each keypad is waited for."""
        with TemporaryDirectory() as directory, closing(Journal(Path(directory) / "d.db", "doctor")) as journal:
            findings = self.findings
            async with self._running(journal, self._devices) as hub:
                try:
                    await self._look(hub, keys_for)
                finally:  # also of what was under way when somebody has had enough
                    for id, finding in findings.items():
                        self._tell(hub, id, finding)
            if self._try_speeds:
                await self._find_speeds(journal, findings)
            return list(findings.values())

    async def _look(self, hub: _Hub, keys_for: float) -> None:
        """Everything that takes time: answers, displays, paper, keys."""
        await self._until(lambda: all(self._is_clear(hub, id) for id in hub.sessions), TRIES)
        shown_at = time.monotonic()
        self._show(hub)
        if any(device.units for device in self._devices):
            await asyncio.sleep(TURN)
        await self._until(lambda: self._all_printed(hub), TRIES)
        await self._wait_for_keys(hub, keys_for)
        if any(self._shows(hub, id) for id in hub.sessions):
            await asyncio.sleep(max(0.0, shown_at + self._hold - time.monotonic()))

    def _shows(self, hub: _Hub, id: str) -> bool:
        """Whether a device can be looked at: it is no printer, and its link is open."""
        said = self._said(hub, id)
        return id not in _papers(hub) and said is not None and said.state != "offline"

    # -- a lobby for the examination --------------------------------------------------------------------------

    def _running(self, journal: Journal, devices: Sequence[DeviceSettings]) -> _Running:
        hub = _Hub(
            self._rules,
            journal,
            self._submitted,
            lambda: True,
            lambda: Ms(time.time_ns() // 1_000_000),
            lambda day, ticket: "TEST",
            shipped=shipped(""),
            wording=wording,
        )
        own = replace(self._settings, rules=self._rules, devices=tuple(devices), mqtt=None, cards=None)
        return _Running(hub, Devices(own, hub))

    def _submitted(self, request: Request) -> None:
        command = request.command
        match command:
            case ReportPrint():
                self._printed[command.cause.partition(":")[0]] = command.result
            case _ if (key := self._key(command)) and key not in self._pressed:
                self._pressed.append(key)
                self._heard.setdefault(key[0], set()).add(getattr(command, "counter", "") or "")
                self._say(self._word("pressed", device=key[0], key=key[1]))
        # A press acts upon nothing; a device that waits for an answer is refused, so that it does not press again.
        request.reply(Answer("refused", self._word("testing"), code="testing"))

    def _key(self, command: Command) -> tuple[str, str] | None:
        """(device, what was pressed) of a press; None: it is no person's."""
        parts = command.cause.split(":")
        if len(parts) < 3 or parts[0] not in kinds():
            return None
        counter = getattr(command, "counter", "") or ""
        what = re.sub(r"(?<!^)([A-Z])", r" \1", type(command).__name__).lower()
        return parts[1], f"{counter}: {what}" if counter else what

    def _show(self, hub: _Hub) -> None:
        """Show a call at every counter, and print a ticket."""
        lobby = Aggregate(self._rules)
        now = hub.context.now()
        for n, (id, counter) in enumerate(self._rules.counters.items()):
            lobby.do(Open(at=now, cause=f"open:{id}", counter=id))
            if counter.serves:
                service = min(counter.serves, key=lambda each: (counter.serves[each], each))
                lobby.do(TakeTicket(at=now, cause=f"take:{n}", by="panel/doctor", service=service, granted=True))
                lobby.do(CallNext(at=now, cause=f"call:{n}", counter=id))
        hub.begin(lobby.state)
        for id in hub.sessions:
            if self._shows(hub, id):
                self._say(self._word("shown", device=hub.names.get(id, id)))
        if not self._print or not any(paper == "ready" for paper in _papers(hub).values()):
            return
        lobby.rows.clear()
        service = next(iter(self._rules.services))
        take = TakeTicket(at=now, cause="print", by="panel/doctor", service=service, paper="ready", granted=True)
        for id, paper in _papers(hub).items():
            if paper == "ready" and not self._is_mute(hub, id):
                lobby.do(replace(take, printer=id))
        hub.published(Step(lobby.rows, lobby.state))

    def _all_printed(self, hub: _Hub) -> bool:
        waited = (id for id, paper in _papers(hub).items() if paper in ("ready", "printer_busy"))
        return not self._print or all(id in self._printed or self._is_mute(hub, id) for id in waited)

    def _is_mute(self, hub: _Hub, id: str) -> bool:
        """Whether a printer says nothing, perhaps because its speed is another: it would print sheets of nonsense."""
        said = hub.said.get(id)
        return self._try_speeds and said is not None and said.detail in SILENT

    async def _wait_for_keys(self, hub: _Hub, seconds: float) -> None:
        waited = [id for id in hub.sessions if kinds()[self._driver(id)].has_keys]
        if not waited or seconds <= 0:
            return
        self._waited = True
        for id in waited:
            counters = ", ".join(sorted(self._counters(id))) or "-"
            about = {"device": hub.names.get(id, id), "counters": counters, "seconds": round(seconds)}
            self._say(self._word("press", **about))
        await self._until(lambda: not any(self._silent(id) for id in waited), seconds)
        self._say(self._word("let_go", seconds=round(LETS_GO)))
        await asyncio.sleep(LETS_GO)

    def _counters(self, id: str) -> set[str]:
        """The counters whose keys are on a device; empty: its keys are of no counter."""
        device = next(device for device in self._devices if device.id == id)
        named = kinds()[device.driver].counters(device.model_dump(exclude={"link"}))
        return {counter for place, counter in named if place[0] != "raters"}

    def _silent(self, id: str) -> set[str]:
        """The counters of a device at which nothing has been pressed; {""}: nothing at all."""
        heard = self._heard.get(id, set())
        return (self._counters(id) or {""}) - heard if "" not in heard else set()

    # -- what was found -----------------------------------------------------------------------------------------

    def _finding(self, device: DeviceSettings) -> Finding:
        link = getattr(device, "link", None)
        return Finding(device.id, device.name or device.id, str(getattr(link, "address", "")), "look", "unfinished")

    def _is_clear(self, hub: _Hub, id: str) -> bool:
        """Whether a device and each of its units have said how they are, or its link cannot be opened."""
        said = hub.said.get(id)
        if said is None or said.detail == "starting":
            return False
        return said.state != "ok" or all(unit in hub.said for unit in self._units(id))

    def _units(self, id: str) -> list[str]:
        """The ids of a device's units."""
        device = next(device for device in self._devices if device.id == id)
        return [f"{id}.{unit}" for unit in device.units]

    def _said(self, hub: _Hub, id: str) -> Health | None:
        """What a device has said of itself; if it is well and all its units say the same, that."""
        own = hub.said.get(id)
        units = {hub.said.get(unit) for unit in self._units(id)}
        return units.pop() or own if own and own.state == "ok" and len(units) == 1 else own

    def _tell(self, hub: _Hub, id: str, finding: Finding) -> None:
        finding.name, finding.state, finding.detail = hub.names.get(id, finding.name), "ok", ""
        said, facts = self._said(hub, id), hub.facts.get(id, [])
        session = hub.sessions.get(id)
        if isinstance(session, Session):
            finding.measured = session.measured.content()
        if id not in hub.sessions:
            self._add(finding, "look", "not_examined")
            return
        down = next((fact for fact in reversed(facts) if isinstance(fact, LinkDown)), None)
        if said is None:
            self._add(finding, "fault", "no_word")
        elif said.state == "ok" and said.detail in ("", "hears_itself"):
            pass
        else:
            state = "look" if said.state == "ok" or said.detail in WARNINGS else "fault"
            self._known(finding, state, said.detail or "offline", down.about if down else "")
        for unit in self._units(id):
            its = hub.said.get(unit)
            if its and its.state != "ok" and its != said:
                name = hub.names.get(unit, unit)
                self._known(finding, "fault", its.detail, name if unit in name else f"{name}, {unit}")
                finding.detail = "unit"  # another line speed would not help
        for holder in holders(finding.link, ours=down is not None and down.reason == "port_taken"):
            self._add(finding, "fault" if finding.state == "fault" else "look", "held_by", program=holder)
        if any(isinstance(fact, Echoing) and fact.on for fact in facts):
            self._known(finding, finding.state, "hears_itself")
        for fact in facts:
            if isinstance(fact, Stale):
                finding.found.append(self._settings.rules.wording.say("notice.stale", size=fact.size))
        for address in sorted(set(_unknown_addresses(facts))):
            self._add(finding, "fault", "unknown_address", address=address)
        finding.keys = [key for device, key in self._pressed if device == id]
        kind = kinds()[self._driver(id)]
        if kind.has_keys:
            finding.measured.pop("answer_ms", None)  # how long somebody took to press
            finding.measured.pop("slowest_ms", None)
        if kind.has_keys and self._waited and down is None and (silent := self._silent(id)):
            noise = not finding.keys and finding.measured.get("received", 0) > finding.measured.get("echoed", 0)
            if noise and not any(_unknown_addresses(facts)):
                finding.found, finding.remedies, finding.state = [], [], "ok"
                self._add(finding, "fault", "noise")
            elif silent == {""}:
                self._add(finding, "look", "no_key")
            else:
                self._add(finding, "look", "no_key_at", counters=", ".join(sorted(silent)))
        elif finding.state == "ok" and self._shows(hub, id) and not kind.has_keys:
            self._add(finding, "look", "answers")
        result = self._printed.get(id)
        if result is not None:
            self._add(finding, "fault" if result == "unknown" else finding.state, f"ticket_{result}")

    def _known(self, finding: Finding, state: str, detail: str, about: str = "") -> None:
        """A state that devices have, with its remedy."""
        say, templates = self._settings.rules.wording.say, self._settings.rules.wording.templates
        text = say(f"device.{detail}") if f"device.{detail}" in templates else detail
        finding.found.append(f"{text} ({about})" if about else text)
        remedy = templates.get(f"doctor.help.{detail}") or templates.get(f"advice.{detail}", "")
        if remedy and remedy not in finding.remedies:
            finding.remedies.append(remedy)
        finding.state, finding.detail = state, detail

    def _add(self, finding: Finding, state: str, detail: str, **about: object) -> None:
        finding.found.append(self._word(detail, **about))
        if remedy := self._settings.rules.wording.templates.get(f"doctor.help.{detail}", ""):
            finding.remedies.append(remedy)
        if state == "fault" or (state == "look" and finding.state == "ok"):
            if finding.state != "fault":
                finding.detail = detail
            finding.state = state

    # -- a device that does not answer ----------------------------------------------------------------------------

    async def _find_speeds(self, journal: Journal, findings: Mapping[str, Finding]) -> None:
        """Try other line speeds with those that do not answer at theirs."""
        silent = {
            device.id: device
            for device in self._devices
            if isinstance(device, WiredSettings)
            and isinstance(device.link, SerialLink)
            and not kinds()[device.driver].has_keys  # what only speaks when a key is pressed cannot be asked
            and findings[device.id].detail in (*SILENT, "no_word")
        }
        for speed in SPEEDS:
            tried = [
                device.model_copy(update={"link": replace(device.link, baud=speed)})
                for device in silent.values()
                if isinstance(device.link, SerialLink) and device.link.baud != speed
            ]
            if not tried:
                continue
            self._say(self._word("trying", speed=speed, devices=" ".join(device.id for device in tried)))
            async with self._running(journal, tried) as hub:
                await self._until(lambda hub=hub: all(self._is_clear(hub, id) for id in hub.sessions), TRIES)  # type: ignore[misc]
                for id, session in hub.sessions.items():
                    said = self._said(hub, id)
                    answers = isinstance(session, Session) and session.measured.answers
                    if said and answers and said.state != "offline" and said.detail not in SILENT:
                        finding = findings[id]
                        finding.found.append(self._word("speed", speed=speed))
                        finding.remedies = [self._settings.rules.wording.say("doctor.help.speed", speed=speed)]
                        finding.state, finding.detail = "fault", "speed"
                        del silent[id]
        for id in silent:
            self._add(findings[id], "fault", "no_speed")

    # -- small things ---------------------------------------------------------------------------------------------

    def _driver(self, id: str) -> str:
        return next(device.driver for device in self._devices if device.id == id)

    def _word(self, key: str, /, **about: object) -> str:
        return self._settings.rules.wording.say(f"doctor.{key}", **about)

    async def _until(self, condition: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not condition() and time.monotonic() < deadline:  # noqa: ASYNC110 - what devices say sends no event
            await asyncio.sleep(LOOK)


def examinable(settings: Settings) -> list[DeviceSettings]:
    """The devices that have a line of their own."""
    return [device for device in settings.devices if isinstance(device, WiredSettings)]


class _Running:
    """The devices of a hub, running between `async with` and its end; then their ports are free."""

    def __init__(self, hub: _Hub, devices: Devices) -> None:
        self._hub = hub
        self._devices = devices
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> _Hub:
        self._tasks = [asyncio.create_task(session.run()) for session in self._devices.sessions.values()]
        return self._hub

    async def __aexit__(self, *error: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def for_test(rules: Rules) -> Rules:
    """The rules of a lobby whose tickets and papers cannot be taken for a customer's."""
    base = rules.configured
    return replace(
        base,
        branch_name=f"TEST {base.branch_name}",
        services={id: replace(service, prefix="T") for id, service in base.services.items()},
        others={language: for_test(other) for language, other in base.others.items()},
        recall_gap=0,
    )


def holders(path: str, *, ours: bool) -> Iterator[str]:
    """The other programs that have a port open, as far as the system tells us: name and process id. `ours`: also if it
    is a pseudo-terminal, which the simulators that make it hold open themselves."""
    try:
        wanted = os.stat(path).st_rdev
    except OSError:
        return
    if os.major(wanted) in PSEUDO_TERMINALS and not ours:
        return
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.name == str(os.getpid()):
                continue
            if any(os.stat(each).st_rdev == wanted for each in (process / "fd").iterdir()):
                yield f"{(process / 'comm').read_text().strip()} ({process.name})"
        except OSError:
            continue


def _papers(hub: _Hub) -> dict[str, str]:
    adapters = hub._adapters.values()
    return {adapter.id: adapter.printer.paper for adapter in adapters if adapter.printer is not None}


def _unknown_addresses(facts: Sequence[object]) -> Iterator[int]:
    """The addresses on a bus at which something was pressed that the configuration does not have."""
    for fact in facts:
        if isinstance(fact, UnknownAddress):
            yield fact.address
