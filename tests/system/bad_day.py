"""A day on which all goes wrong that can in the field, one after the other, while customers come and clerks work.

The wires return every byte and the keys bounce all day. Meanwhile, in an order of the seed's: the printer stops the
line inside a ticket, its sensor flickers, its cable is lost inside a command, the board loses every second answer, a
device server keeps what was said and vanishes, terminals do not hear, the daemon is killed, its journal is moved away,
and the clock jumps a day ahead and back. In the end the same table as the demo's says what was seen of it all.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import aiomqtt

from bench import processes
from controller.config import Settings, read, shipped
from controller.journal import JournalReader
from controller.lobby.aggregate import Row
from controller.repeats import HELD
from drivers.terminal68 import Key
from simulators.branch import SimulatedBranch
from simulators.buttons import Buttons
from simulators.clock import PeoplesClock
from simulators.demo import Report, _day
from simulators.devices.kit import Wired
from simulators.devices.terminal68 import REPEAT, REPEATS, TerminalBus
from simulators.people import Hall
from simulators.wire import TcpWire
from system.branch import Notifications
from system.broker import Mosquitto
from system.waiting import until

SPEED = 60.0
CUSTOMERS = 24
LOAD = 1.35
"""More than the counters can do: there is always somebody to do wrong to."""
DAY = 24 * 3_600_000
"""A day in ms."""
PATIENCE = 150.0
"""Seconds that a day may take."""
LATER = 30.0


class BadDay:
    """One such day in `directory`; `seed` decides who comes and what happens when."""

    def __init__(self, directory: Path, broker: Mosquitto, seed: int) -> None:
        self._directory = directory
        self._broker = broker
        self._seed = seed
        self._chance = Random(f"bad day {seed}")
        self._config = directory / "branch.toml"
        self._clock = directory / "clock"
        self._clock.write_text("0")
        self.journal = directory / "lobby.db"
        self.log_file = directory / "lobby.log"
        self.done: list[str] = []
        """What has happened, in its order."""
        settings = self._configured({})
        self._simulated = SimulatedBranch(settings, directory / "dev", seed)
        ports = {id: p.wire.port for id, p in self._simulated.placed.items() if isinstance(p.wire, TcpWire)}
        self.settings = self._configured(ports)
        self._process: asyncio.subprocess.Process | None = None

    def _configured(self, ports: dict[str, int]) -> Settings:
        """The demo's branch, on wires of ours: window 4 is behind a device server, and so are the terminals of every
        second seed."""
        text = shipped("demo.toml").read_text("utf-8")
        text = re.sub(r"\n\[web\]\n(?:[^\[\n].*\n)*", "\n", text)
        text = text.replace('path = "demo.db"', f'path = "{self.journal}"')
        text = text.replace('broker = "embedded"', f'broker = "mqtt://127.0.0.1:{self._broker.port}"')
        text = text.replace('\nid = "demo"', f'\nid = "bad-{os.getpid()}-{self._seed}"', 1)
        text = re.sub(r'id = "[^"]*"\nname', f'id = "bad-{os.getpid()}-{self._seed}"\nname', text, count=1)
        for place, id in enumerate(("window-4", *(["terminals"] if self._seed % 2 else [])), 1):
            text = re.sub(rf'"serial:/dev/lobby/{id}\?baud=\d+"', f'"tcp:127.0.0.1:{ports.get(id, place)}"', text)
        text = text.replace("serial:/dev/lobby/", f"serial:{self._directory}/dev/")
        self._config.write_text(text, "utf-8")
        return read(self._config)

    async def run(self) -> Report:
        """From the first customer to the last, and what was seen of them."""
        now = time.time_ns() // 1_000_000
        nine = now - now % DAY + 1 * 3_600_000  # nine in Shanghai
        self._epoch = (nine, time.monotonic())
        self._notified = Notifications(str(self._directory / "notify"))
        self._simulated.plug_all()
        try:
            for id in ("terminals", "printer"):
                self._placed(id).wire.faults.echo = True
            self._placed("terminals").wire.faults.bounce = self._chance.choice((0.15, 0.6))
            await self._start()
            branch = self.settings.rules.branch
            async with Buttons("127.0.0.1", self._broker.port, branch, Random(self._seed)) as buttons:
                self._buttons = buttons
                self._simulated.hear(buttons)
                hall = Hall(self.settings, self._simulated, buttons, PeoplesClock(self.settings.rules.zone, SPEED))
                async with asyncio.timeout(PATIENCE):
                    script = asyncio.create_task(self._script(), name="script")
                    try:
                        await _day(self.settings, hall, CUSTOMERS, self._seed, None, LOAD, CUSTOMERS)
                        await script
                    finally:
                        script.cancel()
                        await asyncio.gather(script, return_exceptions=True)
                    await self._all_told(buttons)
                report = Report(self.settings, self._simulated, buttons, hall, self.journal, self._wires, exact=False)
            await self._stop(signal.SIGTERM)
            return report
        finally:
            if self._process:
                await self._stop(signal.SIGKILL)
            self._simulated.unplug_all()
            self._notified.close()

    def rows(self) -> list[Row]:
        """The journal's rows of the day."""
        reader = JournalReader(self.journal)
        try:
            return list(reader.rows(reader.last_day()))
        finally:
            reader.close()

    def _wires(self, ms: float) -> float:
        """The wires' seconds at a time of the daemon's clock, as it would go if nobody had set it."""
        nine, started = self._epoch
        return started + (ms - nine) / 1000 / SPEED

    # -- what goes wrong -------------------------------------------------------------------------------------

    async def _script(self) -> None:
        acts: list[Callable[[], Awaitable[None]]] = [
            self._printer_stops_the_line,
            self._sensor_flickers,
            self._cable_lost_inside_a_ticket,
            self._board_loses_every_second_answer,
            self._device_server_vanishes,
            self._terminals_do_not_hear,
            self._killed_while_presses_are_kept,
            self._journal_is_moved,
            self._clock_jumps_a_day_and_back,
            self._clock_is_set_back,
        ]
        self._chance.shuffle(acts)
        for act in acts:
            await asyncio.sleep(self._chance.uniform(0.2, 1.5))
            self.done.append(act.__name__)
            await act()

    async def _printer_stops_the_line(self) -> None:
        await self._for_a_while(3, "printer", xoff=True)

    async def _sensor_flickers(self) -> None:
        await self._for_a_while(4, "printer", flicker=5.0)
        self._turn("printer", paper="ok")

    async def _board_loses_every_second_answer(self) -> None:
        await self._for_a_while(6, "hall", mute=0.5)

    async def _device_server_vanishes(self) -> None:
        await self._for_a_while(12, "window-4", half_open=True)

    async def _terminals_do_not_hear(self) -> None:
        await self._for_a_while(6, "terminals", deaf=True)

    async def _cable_lost_inside_a_ticket(self) -> None:
        """Somebody takes a ticket, and its cable is lost at any byte of it; the printer keeps its power."""
        faults = self._placed("printer").wire.faults
        self._turn("printer", keeps_power=True, cut_after=self._chance.randrange(20, 500))
        with suppress(AssertionError):  # nobody may have come
            await until(lambda: faults.unplugged, 8)
        faults.cut_after = 0
        await asyncio.sleep(0.5)
        self._turn("printer", unplugged=False)
        await self._reprint()

    async def _killed_while_presses_are_kept(self) -> None:
        """What a terminal says while nobody listens, and has given up, is older than the connection."""
        await self._stop(signal.SIGKILL)
        bus = self._placed("terminals").far_end
        assert isinstance(bus, TerminalBus)
        self._turn("terminals", keeps=True)
        for address in bus.terminals:
            if not bus.waits_for_echo(address):
                bus.press(address, Key.CALL)
        self._placed("terminals").wire.poke()
        await asyncio.sleep(REPEAT * (REPEATS + 2))  # until they have given up
        await self._start()
        await self._reprint()

    async def _journal_is_moved(self) -> None:
        away = self.journal.with_name("away.db")
        self.journal.rename(away)
        try:
            await asyncio.sleep(2)
        finally:
            away.rename(self.journal)

    async def _clock_jumps_a_day_and_back(self) -> None:
        before = int(self._clock.read_text())
        self._set_clock(before + DAY)
        await asyncio.sleep(3)
        self._set_clock(before)

    async def _clock_is_set_back(self) -> None:
        self._set_clock(int(self._clock.read_text()) - 12 * 60_000)

    # -- hands -----------------------------------------------------------------------------------------------

    def _placed(self, id: str) -> Wired:
        return self._simulated.placed[id]

    def _turn(self, id: str, **knobs: object) -> None:
        placed = self._placed(id)
        for name, value in knobs.items():
            setattr(placed.wire.faults, name, value)
        placed.wire.poke()

    async def _for_a_while(self, seconds: float, id: str, **knobs: object) -> None:
        faults = self._placed(id).wire.faults
        before = {name: getattr(faults, name) for name in knobs}
        self._turn(id, **knobs)
        await asyncio.sleep(seconds)
        self._turn(id, **before)

    def _set_clock(self, by: int) -> None:
        new = self._clock.with_suffix(".new")
        new.write_text(str(by))
        new.rename(self._clock)

    async def _reprint(self) -> None:
        """The lobby manager has every ticket that may not be on paper printed again."""
        quiet = 0
        while quiet < 3:
            quiet += 1
            with suppress(TimeoutError, aiomqtt.MqttError):
                answer = await self._buttons.press("panel/manager", key="REPRINT", ticket="", reason="torn")
                quiet = 0 if answer["result"] == "ok" else quiet
            await asyncio.sleep(HELD + 0.1)  # sooner it would be the same press

    async def _all_told(self, buttons: Buttons) -> None:
        """Until every ticket's paper is known about, and the last row has been told."""
        await self._reprint()

        def told() -> bool:
            rows = self.rows()
            copies = {"ticket_issued", "ticket_reprinted"}
            open_ = sum(row.event.KIND in copies for row in rows) - sum(
                row.event.KIND in ("ticket_printed", "print_sent", "print_unknown") for row in rows
            )
            return open_ <= 0 and bool(buttons.events) and buttons.events[-1]["seq"] >= rows[-1].seq

        await until(told, LATER)

    # -- the daemon ------------------------------------------------------------------------------------------

    async def _start(self) -> None:
        before = self._notified.count("READY=1")
        nine, started = self._epoch
        program = Path(__file__).with_name("fast_daemon.py")
        environment = {**os.environ, "NOTIFY_SOCKET": str(self._directory / "notify")}
        arguments = (str(self._config), str(nine), repr(started), str(SPEED), str(self._clock))
        with self.log_file.open("ab") as log:
            process = self._process = await processes.spawn(
                sys.executable, str(program), *arguments, stdin=asyncio.subprocess.DEVNULL, stderr=log, env=environment
            )
        await until(lambda: self._notified.count("READY=1") > before or process.returncode is not None, LATER)
        assert process.returncode is None, self.log_file.read_text()

    async def _stop(self, number: int) -> None:
        process, self._process = self._process, None
        assert process
        if process.returncode is None:
            process.send_signal(number)
        try:
            async with asyncio.timeout(LATER):
                await process.wait()
        finally:
            processes.kill(process)
            await process.wait()
