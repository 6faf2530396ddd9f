"""The daemon: puts journal, engine, hub, drivers and sessions together, and runs them until told to stop.

Read `Daemon.run` from top to bottom: that is the order in which a branch starts and stops.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from controller import presses
from controller.changes import (
    ENDING,
    EXAMINING,
    NOT_IN_FORCE,
    differences,
    fingerprint,
    held_by_customers,
    need_restart,
    reloaded,
)
from controller.clock import Clock, ClockWatch, may_be_wrong, synchronised, system_clock
from controller.config import ConfigError, Settings, read, shipped, wording
from controller.control import Answers, BusyError, Control, socket_of
from controller.devices.branch import Devices, prepare
from controller.devices.hub import Hub
from controller.devices.mqtt import MqttAdapter
from controller.engine import Engine, Request
from controller.journal import Journal
from controller.journal.anchoring import Anchoring
from controller.lobby.actions.clock import StartController, StepClock
from controller.lobby.actions.day import roll_over
from controller.lobby.actions.drop_counters import DropCounters
from controller.lobby.actions.press import Press, Where
from controller.lobby.actions.set_profile import FollowPlan
from controller.lobby.actions.windows import CheckWindows
from controller.lobby.answers import Answer
from controller.lobby.forecast.staffing import CHECK_EVERY
from controller.lobby.model.paper import Printers, named_printer
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import Print, State
from controller.lobby.model.units import Ms, between
from controller.lobby.show.faults import PASSES
from controller.operation.machine import room
from controller.operation.service import Notifier
from controller.presses import PanelPayload
from controller.record.registry import LookAtRecord, all_due
from controller.web.accounts import Accounts
from controller.web.private_files import AccessError

if TYPE_CHECKING:
    from controller.devices.settings import DeviceSettings
    from controller.operation.doctor import Finding
    from controller.web.app import Screens

log = logging.getLogger(__name__)

SETTLE = 1.5
"""Seconds within which every link has been opened or has failed, and the broker has answered or has not."""
PLAN_LOOK = 20.0
"""Seconds between two looks at what the calendar plans for counters."""
RECORD_LOOK = 5.0
"""Seconds between two looks at what is due in the day's record."""
SYNCHRONISES = 3600
"""Seconds after the start in which a time server may take its time."""
STATUS_EVERY = 2.0
"""Seconds between two lines for `systemctl status`, where they differ."""
LOOK_AHEAD = 5.0
"""Seconds between two estimates of the waits."""
CLOCK_LOOK = 1.0
"""Seconds between two checks whether the clock was set."""
CLOCK_CHECK = 30.0
"""Seconds after which a clock that was set is noticed, when the end of the business day is awaited."""
DAY_CHECK = 1.0
"""Least seconds between two checks of the business day."""


class Daemon:
    """One branch's controller. `ready` is set once presses are taken; `engine` and `hub` are there from `run` on.

    `screens` follow a moment after it, where the branch has any; `on_screen` is set when they are there, and also when
    there will be none (`screens` is None), so that nobody waits for ever.
    """

    def __init__(
        self, settings: Settings, clock: Clock, notifier: Notifier, asked_to_reload: asyncio.Event | None = None
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._watch = ClockWatch(clock, self._stepped)
        self._set_by = 0
        """Milliseconds by which the clock was set since the step that is being told."""
        self._telling = False
        """Whether the journal has yet to take a step of the clock."""
        self._notifier = notifier
        self._started = clock.steady()
        self._since = Ms(clock.wall())
        """When it was started, in ms since 1970, UTC."""
        self.ready = asyncio.Event()
        self.on_screen = asyncio.Event()
        self.screens: Screens | None = None
        self._stop = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        """What runs beside the engine, by name; of a device by its id."""
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Has the error of a task that has ended, as none ever should."""
        self.asked_to_reload = asked_to_reload or asyncio.Event()
        """Set by SIGHUP; what comes of it is logged."""
        self._changing = asyncio.Lock()
        """Held while the configuration changes, or devices are examined."""
        self._examining = False

    def stop(self) -> None:
        """Take no more presses, finish writing, and return from `run`."""
        self._stop.set()

    async def run(self) -> None:
        """Until `stop`. Raises JournalError if the journal cannot be used."""
        settings, rules = self._settings, self._settings.rules
        journal = Journal(settings.journal_path, rules.branch)
        accounts = self._accounts()
        try:
            engine = self.engine = Engine(rules, journal, self._clock.steady, settings.record)
            hub = self.hub = Hub(
                rules,
                journal,
                engine.submit,
                lambda: engine.settled,
                self._now,
                self._page(accounts),
                lambda: engine.behind,
                self._clock.steady,
                shipped(""),
                wording,
                engine.facts,
            )

            def stepped() -> None:
                self._notifier.tell("WATCHDOG=1")
                hub.stepped()

            devices = self._devices = Devices(settings, hub)
            engine.replay()
            running = engine.run(hub.published, hub.trouble, stepped, hub.answered)
            deciding = asyncio.create_task(running, name="engine")
            self._begin()
            await engine.idle()
            hub.begin(engine.state)
            self._run_sessions()
            self._start("day", self._follow_the_day())
            self._start("clock", self._watch_the_clock())
            self._start("look ahead", self._look_ahead())
            self._start("status", self._tell_status())
            self._start("counter profiles", self._follow_the_plan())
            self._start("record", self._look_at_the_record())
            self._start("reload", self._reload_when_asked())
            self._start("anchors", Anchoring(journal).run())
            self._start(
                "control",
                Control(
                    socket_of(settings.journal_path),
                    {
                        "reload": self._reload,
                        "doctor": self._doctor,
                        "status": self._status,
                        "record": self._press_record,
                        "purge": self._purge,
                    },
                ).run(),
            )
            await _settled([session.settled for session in devices.sessions.values()])
            gc.freeze()  # modules and the replayed day stay: the garbage collector need not scan them again
            self._notifier.tell("READY=1")
            self.ready.set()
            if accounts:
                self._start("screens", self._show_screens(accounts))
            else:
                self.on_screen.set()
            await _first(self._stop.wait(), deciding, self._ended)
            self._notifier.tell("STOPPING=1")
            engine.stop()
            await deciding
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        finally:
            journal.close()
            if accounts:
                accounts.close()

    def _start(self, name: str, running: Coroutine[Any, Any, None]) -> None:
        def ended(task: asyncio.Task[None]) -> None:
            if self._tasks.get(name) is task and not task.cancelled() and not self._ended.done():
                self._ended.set_exception(task.exception() or RuntimeError(f"{name} has ended"))

        task = self._tasks[name] = asyncio.create_task(running, name=name)
        task.add_done_callback(ended)

    def _run_sessions(self) -> None:
        """Run the sessions of devices that do not run yet, unless all are about to end."""
        if self._stop.is_set():
            return
        for id, session in self._devices.sessions.items():
            if f"device {id}" not in self._tasks:
                self._start(f"device {id}", session.run())

    async def _end_sessions(self, ids: Iterable[str]) -> None:
        """End the sessions of these devices; when it returns, also by being cancelled, their ports are free."""
        tasks = [task for id in ids if (task := self._tasks.pop(f"device {id}", None))]
        for task in tasks:
            task.cancel()
        if tasks:
            try:
                await asyncio.wait(tasks)
            except asyncio.CancelledError:
                await asyncio.wait(tasks)
                raise

    # -- a new configuration while it runs -------------------------------------------------------------------

    async def reload(self) -> tuple[bool, list[str]]:
        """Read the configuration again and go over to it, wholly or not at all: whether that was done, and what has
        changed, or why it was not."""
        async with self._changing:
            try:
                new = await asyncio.to_thread(read, self._settings.path)
                await asyncio.to_thread(prepare, new.devices)
            except ConfigError as error:
                return False, str(error).splitlines()
            said = list(differences(self._settings.tables, new.tables))
            if late := need_restart(self._settings.tables, new.tables):
                return False, [f"{', '.join(late)}: only a restart changes that (systemctl restart lobby)", *said]
            if held := held_by_customers(self.engine.state, new.rules):
                return False, held
            leaving = self._devices.leaving(new)
            same = {device.id for device in new.devices if device in self._settings.devices}
            said += [f"[[device]] {id}: its files have changed" for id in leaving if id in same]
            try:
                await self._end_sessions(leaving)
                # From here to the end nothing is awaited: no press is decided by some of the old and some of the new.
                if self._stop.is_set():
                    return False, [ENDING]
                if held := held_by_customers(self.engine.state, new.rules):  # somebody has just come for it
                    return False, held
                self._settings = new
                self.engine.reconfigure(new.rules, new.record)
                self._devices.change(new, leaving)
            finally:
                self._run_sessions()
            self._follow_changes()
            if self.screens:
                self.screens.reconfigured(new)
            return True, [*new.warnings, *said]

    def _follow_changes(self) -> None:
        """Counters that are gone give their customers back; the calendar may plan something else now."""
        at = self._now()
        self.engine.submit(Request(DropCounters(at=at, cause=f"dropped:{at}"), key="dropped"))
        self.engine.submit(Request(FollowPlan(at=at, cause=f"plan:{at}")))

    async def _reload(self, request: Mapping[str, Any]) -> Answers:
        if self._examining:
            yield {"ok": False, "text": EXAMINING}
            return
        done, said = await self._logged_reload()
        for text in said:
            yield {"text": text}
        yield {"ok": done, "text": reloaded(done, said)}

    async def _logged_reload(self) -> tuple[bool, list[str]]:
        done, said = await self.reload()
        for text in said:
            log.log(logging.INFO if done else logging.ERROR, "%s", text)
        log.log(logging.INFO if done else logging.ERROR, "%s: %s", self._settings.path, reloaded(done, said))
        return done, said

    async def _status(self, request: Mapping[str, Any]) -> Answers:
        """How the branch is, for `lobby status`."""
        from controller.operation.status import of_the_lobby  # noqa: PLC0415 - seldom needed

        hub = self.hub
        state, rules = hub.context.state(), hub.context.rules
        found = of_the_lobby(state, rules, self._now(), hub.reports, hub.printers(), records=hub.records)
        yield {"ok": True, "text": "", "status": found | {"since": self._since}}

    async def _purge(self, request: Mapping[str, Any]) -> Answers:
        """Delete what was typed and is past its limit, for `lobby purge`."""
        from controller.operation.purge import purge  # noqa: PLC0415 - once a day

        dry, sure = bool(request.get("dry")), bool(request.get("sure"))
        yield await purge(self._settings, self.engine, self.hub.context.journal, self._now, dry=dry, sure=sure)

    async def _doctor(self, request: Mapping[str, Any]) -> Answers:
        """Examine devices for a command; keys on MQTT would act, so there only the broker is tried."""
        from controller.operation.doctor import examinable  # noqa: PLC0415 - seldom needed
        from controller.operation.doctor_broker import examine_broker  # noqa: PLC0415

        said: asyncio.Queue[str] = asyncio.Queue()
        words = self._settings.rules.wording
        if request.get("fingerprint") not in (None, fingerprint(self._settings.tables)):
            yield {"text": words.say("doctor.other_file", path=request.get("path", ""))}
        only = [str(id) for id in request.get("devices", ())]
        known = {device.id for device in self._settings.devices} | ({"mqtt"} if self._settings.mqtt else set())
        if unknown := [id for id in only if id not in known]:
            yield {"ok": False, "text": NOT_IN_FORCE.format(device=unknown[0])}
            return
        devices = [device for device in examinable(self._settings) if not only or device.id in only]
        keys = min(600.0, float(request.get("keys", 0)))
        working = asyncio.create_task(
            self._examine(devices, said.put_nowait, keys, print_ticket=bool(request.get("print", True)))
        )
        try:
            while not working.done() or not said.empty():
                with suppress(TimeoutError):
                    yield {"text": await asyncio.wait_for(said.get(), 0.1)}
            found = await working
        except BusyError as error:
            yield {"ok": False, "text": str(error)}
            return
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        if self._settings.mqtt and (not only or "mqtt" in only):
            if keys:
                yield {"text": words.say("doctor.mqtt_counts")}
            mqtt = self.hub.context.shared.get(MqttAdapter)
            in_use = mqtt is not None and mqtt.is_connected
            found.append(await examine_broker(self._settings, 0, said.put_nowait, in_use=in_use))
        yield {"ok": True, "text": "", "found": [each.content() for each in found]}

    async def examine(self, id: str) -> Mapping[str, Any] | None:
        """Examine one device, without waiting for keys; None: there is none with a line of its own. BusyError."""
        from controller.operation.doctor import examinable  # noqa: PLC0415

        for device in examinable(self._settings):
            if device.id == id:
                (finding,) = await self._examine([device], lambda text: None, 0, try_speeds=False, hold=3)
                return finding.content()
        return None

    async def _examine(
        self, devices: Sequence[DeviceSettings], say: Callable[[str], None], keys: float, **wishes: Any
    ) -> list[Finding]:
        """Examine devices, each of which is out of service for as long as it takes; `wishes`: see `Examination`."""
        from controller.operation.doctor import Examination  # noqa: PLC0415

        words = self._settings.rules.wording
        if self._changing.locked():
            raise BusyError(words.say("doctor.testing"))
        async with self._changing:
            if printing(self.engine.state, self.hub.printers()) & {device.id for device in devices}:
                raise BusyError(words.say("device.printer_busy"))
            self._examining = True
            try:
                await self._end_sessions(device.id for device in devices)
                return await Examination(self._settings, devices, say, **wishes).run(keys)
            finally:
                self._examining = False
                self._run_sessions()

    async def _reload_when_asked(self) -> None:
        while True:
            await self.asked_to_reload.wait()
            self.asked_to_reload.clear()
            try:
                await self._logged_reload()
            except Exception:  # an error of ours must not end a branch that works
                log.exception("%s could not be read again", self._settings.path)

    # -- parts -----------------------------------------------------------------------------------------------

    def _accounts(self) -> Accounts | None:
        """The accounts for the screens; None: there are no screens, or the file cannot be used."""
        web = self._settings.web
        if web is None:
            return None
        try:
            return Accounts(web.accounts, lambda: self._now() / 1000)
        except AccessError as error:
            log.error("%s; the lobby runs without its screens", error)
            return None

    def _page(self, accounts: Accounts | None) -> Callable[[str, str], str] | None:
        """The content of a ticket's QR code: the address of its page; None if phones cannot reach one."""
        url = self._settings.web.url if self._settings.web else ""
        if not accounts or not url:
            return None
        return lambda day, ticket: f"{url}/t/{accounts.page(day, ticket)}"

    async def _show_screens(self, accounts: Accounts) -> None:
        """Serve the screens. No device waits for their long import, or is affected by their failure."""
        try:
            web = await asyncio.to_thread(import_module, "controller.web.app")
            settings = self._settings
            self.screens = await web.Screens.make(settings, accounts, self.hub, self.engine.ask, self.examine)
            if settings is not self._settings:  # read again meanwhile
                self.screens.reconfigured(self._settings)
            gc.freeze()
            serving = asyncio.create_task(self.screens.run(), name="serving")
            try:
                await self.screens.served.wait()
                self.on_screen.set()
                with suppress(AccessError):  # told when somebody is refused for it
                    if not accounts.all():
                        log.info("nobody may open the screens yet; lobby user add makes an account")
                await serving
            finally:
                serving.cancel()
                await asyncio.wait((serving,))
        except Exception:
            log.exception("the screens have ended; the lobby goes on without them")
            self.screens = None
            self.on_screen.set()
            await asyncio.Event().wait()

    def _begin(self) -> None:
        """Record that the controller has started, and begin the business day by the clock."""
        if not self.engine.state.day:
            self._submit_roll_over()
        origin, boot = self._watch.origin, self._clock.boot
        if origin is not None:
            at = self._now()
            start = StartController(at=at, cause=f"start:{boot}:{at}", boot=boot, origin=origin)
            self.engine.submit(Request(start, key="start"))
        self._submit_roll_over()
        at = self._now()
        self.engine.submit(Request(DropCounters(at=at, cause=f"dropped:{at}"), key="dropped"))

    def _stepped(self, at: Ms, by: int) -> None:
        """The clock was set: record that before anything else happens at the new time."""
        zone = self._settings.rules.zone
        before, now = (datetime.fromtimestamp(ms / 1000, zone) for ms in (at - by, at))
        log.warning(
            "the clock was set from %s to %s; the waiting times go on as they were. Was it not you, look at the time "
            "server and the clock's battery",
            before.strftime("%Y-%m-%d %H:%M:%S"),
            now.strftime("%Y-%m-%d %H:%M:%S"),
        )
        self._set_by += by
        if not self._telling:
            self._tell_step(at)

    def _tell_step(self, at: Ms) -> None:
        """Record that the clock was set; further steps until that is written are recorded after it."""
        by, self._set_by, self._telling = self._set_by, 0, True

        def answered(answer: Answer) -> None:
            if answer.written:
                self._telling = False
                if self._set_by:
                    self._tell_step(self._now())

        self.engine.submit(Request(StepClock(at=at, cause=f"clock:{at}:{by}", by=by), answered, key="clock"))

    def _now(self) -> Ms:
        """The time in ms since 1970, UTC. If the clock was set, the engine is told first."""
        return self._watch.wall()

    async def _watch_the_clock(self) -> None:
        """Notice that the clock was set even if the time is not asked for."""
        while True:
            await asyncio.sleep(CLOCK_LOOK)
            self._now()

    async def _follow_the_day(self) -> None:
        """Begin each business day on time, without a press."""
        while True:
            await asyncio.sleep(until_day_ends(self._settings.rules, self._now()))
            self._submit_roll_over()

    async def _look_at_the_record(self) -> None:
        """Have the record do what is due."""
        while True:
            await asyncio.sleep(RECORD_LOOK)
            try:
                now, machine = self._now(), await asyncio.to_thread(self._machine)
                self.engine.hear_machine(machine)
                facts = self.engine.facts(now)
                for error in facts.record.errors():
                    log.error("the day's record: %s; what it told is missing there", error)
                if all_due(facts):
                    look = LookAtRecord(at=now, cause=f"record:{now}", machine=machine)
                    self.engine.submit(Request(look, key="record"))
            except Exception:  # an error of ours in an item must not end a branch that works
                log.exception("the day's record could not be looked at")

    def _machine(self) -> Mapping[str, Any]:
        """See `Facts.machine`."""
        runs = self._clock.steady() - self._started
        found: dict[str, Any] = {"clock": runs < SYNCHRONISES or synchronised() is not False}
        if disk := room(self._settings.journal_path):
            found["disk"] = round(disk.free / max(1, disk.size), 2)
        return found

    async def _press_record(self, request: Mapping[str, Any]) -> Answers:
        """Press one of the record's keys, or of the panel's, for a command of this machine."""
        name, at = str(request.get("key", "")), self._now()
        try:
            content = PanelPayload.model_validate({"boot": "cli", "seq": 0, **request.get("fields", {}), "key": name})
        except ValidationError as error:
            yield {"ok": False, "text": "; ".join(f"{each['loc'][0]}: {each['msg']}" for each in error.errors())}
            return
        printing = self.hub.context.printing()
        press = Press(at=at, cause=f"cli:{name}:{at}", by="cli", typed=presses.typed(content), **printing)
        command = presses.command((Where.RECORD, Where.PANEL), name, press)
        if command is None:
            yield {"ok": False, "text": f"there is no key {name}; there are {', '.join(presses.keys(Where.RECORD))}"}
            return
        answer = await self.engine.ask(command, presses.remark(content))
        yield {"ok": answer.result == "ok", "text": answer.text}

    async def _follow_the_plan(self) -> None:
        """Give counters the profiles that the calendar plans, in the minute that it does."""
        while True:
            now = self._now()
            if self._settings.rules.plan:
                self.engine.submit(Request(FollowPlan(at=now, cause=f"plan:{now}")))
            await asyncio.sleep(PLAN_LOOK)

    async def _look_ahead(self) -> None:
        """Update the expected waits, and the window advice."""
        checked = self.engine.state.windows.checked_at
        while True:
            for service in self._settings.rules.services:
                self.hub.look_ahead(service)
                await asyncio.sleep(0)  # a press need not wait for all of them
            self.hub.looked_ahead()
            now = self._now()
            if check_is_due(checked, now):
                checked = now
                self.engine.submit(Request(CheckWindows(at=now, cause=f"windows:{now}")))
            await asyncio.sleep(LOOK_AHEAD)

    async def _tell_status(self) -> None:
        """Keep the line right that `systemctl status` shows."""
        told = ""
        while True:
            if (status := self.hub.status()) != told:
                self._notifier.status(status)
                told = status
            await asyncio.sleep(STATUS_EVERY)

    def _submit_roll_over(self) -> None:
        """Begin the day that the clock is in, if it has not begun."""
        due = roll_over(self.engine.state, self._settings.rules, self._now())
        if due:
            self.engine.submit(Request(due))


def printing(state: State, printers: Printers) -> set[str]:
    """The printers that are printing a customer's ticket; not those that cannot, whatever waits for them."""
    queued = [ticket for ticket in state.tickets.values() if ticket.print is Print.QUEUED]
    found = (named_printer(printers, ticket.printer) for ticket in queued)
    return {printer.id for printer in found if printer and (printer.paper == "ready" or printer.paper in PASSES)}


def until_day_ends(rules: Rules, wall: Ms) -> float:
    """Seconds to wait, from `wall` (ms since 1970, UTC) on, before looking whether another business day has begun.

    Never less than `DAY_CHECK`: whatever clock and time zone say, checking must not keep the loop busy.
    """
    return max(DAY_CHECK, min(between(wall, rules.end_of_day(wall)), CLOCK_CHECK))


def check_is_due(checked: Ms, now: Ms) -> bool:
    """Whether the windows are to be checked `now`, after the last check of the day, also before a restart (both in ms
    since 1970, UTC; 0: none yet); at once after a clock that was set back."""
    return not 0 <= now - checked < CHECK_EVERY * 1000


async def run_until_signalled(settings: Settings, notifier: Notifier, wait_for_clock: float = 0.0) -> None:
    """The daemon as `lobby run` runs it: SIGTERM and SIGINT stop it, SIGHUP has it read its configuration again.

    `wait_for_clock`: seconds granted to the time server after the machine's start.
    """
    loop = asyncio.get_running_loop()
    asked_to_reload = asyncio.Event()
    loop.add_signal_handler(signal.SIGHUP, asked_to_reload.set)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # `lobby run` holds it back until here
    await clock_is_right(notifier, wait_for_clock)
    daemon = Daemon(settings, system_clock(), notifier, asked_to_reload)
    loop.set_exception_handler(quiet_transports)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, daemon.stop)
    await daemon.run()


async def clock_is_right(notifier: Notifier, limit: float, wrong: Callable[[], bool] = may_be_wrong) -> None:
    """Wait until the clock can be trusted, at most `limit` seconds; logged."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + limit
    if limit <= 0 or not wrong():
        return
    log.warning("waiting up to %.0f s for a time server to set the clock, as the machine has just been started", limit)
    notifier.status("waiting for a time server to set the clock")
    while wrong():
        if loop.time() >= deadline:
            log.warning("no time server has set the clock; going on with the time as it is: check it, and the network")
            break
        notifier.more_time()
        await asyncio.sleep(min(CLOCK_LOOK, max(0.0, deadline - loop.time())))
    notifier.status("")


def quiet_transports(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Ignore transports that fail during a write: the session reports that once and reopens the link."""
    if "transport" not in context:
        loop.default_exception_handler(context)


# -- small things of the loop ----------------------------------------------------------------------------------


async def _settled(events: Sequence[asyncio.Event]) -> None:
    try:
        async with asyncio.timeout(SETTLE):
            for event in events:
                await event.wait()
    except TimeoutError:
        pass


async def _first(waiting: Coroutine[Any, Any, Any], deciding: asyncio.Task[None], ended: asyncio.Future[None]) -> None:
    """Wait until `waiting` ends; if the engine or another task ends before, which it never should, raise its error."""
    wait = asyncio.create_task(waiting)
    done, _ = await asyncio.wait((wait, deciding, ended), return_when=asyncio.FIRST_COMPLETED)
    wait.cancel()
    if not ended.done():
        ended.cancel()
    for task in done - {wait}:
        task.result()
        raise RuntimeError("the engine has ended")
