"""The clock is set: what is noticed, and what the real daemon makes of it, on a clock that the test sets."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from branches import local
from system.waiting import until

from controller.clock import STEP, Clock, ClockWatch, boot_id, synchronised, system_clock
from controller.config import Settings, read
from controller.daemon import Daemon, clock_is_right
from controller.journal import JournalError
from controller.lobby.actions.call_next import CallNext
from controller.lobby.actions.command import Command
from controller.lobby.actions.day import BeginDay
from controller.lobby.actions.take_ticket import TakeTicket
from controller.operation.service import Notifier
from controller.reports.day import begin_day, told
from drivers.device import Health
from simulators.branch import running

SUNDAY = local("2026-11-22 16:00")
SOON = 60
BRANCH = """
[branch]
id = "clock"
name = "Clock"
timezone = "Asia/Shanghai"
language = "en"

[journal]
path = "{directory}/lobby.db"

[calling]
call_grace = 0
confirm_finish = 0

[[service]]
id = "cash"
name = "Cash"
prefix = "A"

[[counter]]
id = "1"
serves = {{ cash = 0 }}
"""


@dataclass
class Hands:
    """A clock that the test sets. `hours` have passed since the machine was started."""

    wall: int
    hours: float = 0.0
    boot: str = "boot 1"

    def clock(self) -> Clock:
        return Clock(
            wall=lambda: self.wall + round(self.hours * 3_600_000),
            running=lambda: self.hours * 3600,
            boot=self.boot,
        )

    def set(self, **by: float) -> None:
        self.wall += round(timedelta(**by).total_seconds() * 1000)


def test_a_clock_that_just_goes_on_has_not_been_set() -> None:
    steps: list[tuple[int, int]] = []
    hands = Hands(SUNDAY)
    watch = ClockWatch(hands.clock(), lambda at, by: steps.append((at, by)))
    for _ in range(100):
        hands.hours += 0.7
        hands.set(seconds=STEP * 0.9)  # the network's fine adjustment, however often
        assert watch.wall() == hands.clock().wall()
    assert steps == []


@pytest.mark.parametrize("by", [STEP, -STEP, 3600, -3600, 86400 * 365 * 10])
def test_a_step_is_told_before_anybody_has_the_new_time(by: float) -> None:
    told: list[tuple[int, int]] = []
    hands = Hands(SUNDAY)
    watch = ClockWatch(hands.clock(), lambda at, by: told.append((at, by)))
    hands.hours += 1
    hands.set(seconds=by)
    now = watch.wall()
    assert told == [(now, round(by * 1000))]
    watch.wall()
    assert len(told) == 1


def test_a_clock_that_goes_faster_is_not_one_that_is_set() -> None:
    told: list[int] = []
    seconds = 0.0
    clock = Clock(wall=lambda: round(seconds * 60_000), running=lambda: seconds, rate=60)
    watch = ClockWatch(clock, lambda at, by: told.append(by))
    for seconds in (1, 5, 60, 3600):  # noqa: B007 - the clock reads it
        watch.wall()
    assert told == []


def test_the_machines_own_clock() -> None:
    clock = system_clock()
    assert clock.running is not None
    assert clock.running() > 0
    assert clock.boot == Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip().replace("-", "")
    assert synchronised() in (True, False, None)
    told: list[int] = []
    watch = ClockWatch(clock, lambda at, by: told.append(by))
    watch.wall()
    assert told == []


def test_the_service_knows_the_boot_from_systemd(tmp_path: Path) -> None:
    """It cannot see /proc/sys; both name one boot in the same way."""
    file = tmp_path / "boot_id"
    assert boot_id({}, file) == ""
    file.write_text("6d4ccd46-91c5-4d2f-8e27-d4e4a87b4b0a\n")
    assert boot_id({}, file) == boot_id({"LOBBY_BOOT": "6d4ccd4691c54d2f8e27d4e4a87b4b0a"}, tmp_path / "none")
    unit = Path(__file__).parents[1] / "systemd/lobby.service"
    assert "Environment=LOBBY_BOOT=%b" in unit.read_text().splitlines()


@pytest.mark.parametrize("boot", ["boot 1", ""])
async def test_a_first_start_and_a_machine_that_was_off_set_no_clock(settings: Settings, boot: str) -> None:
    """Also where nothing tells which boot it is."""
    hands = Hands(SUNDAY, boot=boot)
    async with running(settings, hands.clock()) as daemon:
        assert list(daemon.hub.notices()) == []
        assert await take(daemon) == "A001"
    hands = Hands(SUNDAY + 10 * 60_000, boot=boot and "boot 2")
    async with running(settings, hands.clock()) as daemon:
        assert list(daemon.hub.notices()) == []
        assert kinds(daemon, "clock_stepped") == 0
        assert [t.issued_at for t in daemon.engine.state.tickets.values()] == [SUNDAY]


def test_where_the_kernel_may_not_be_asked_timesyncd_tells(tmp_path: Path) -> None:
    sign = tmp_path / "timesync" / "synchronized"
    assert synchronised(lambda: None, sign) is None, "timesyncd does not run here"
    sign.parent.mkdir()
    assert synchronised(lambda: None, sign) is False
    sign.touch()
    assert synchronised(lambda: None, sign) is True
    assert synchronised(lambda: False, sign) is False


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    path = tmp_path / "branch.toml"
    path.write_text(BRANCH.format(directory=tmp_path), "utf-8")
    return read(path)


async def take(daemon: Daemon) -> str:
    now = daemon.hub.context.now()
    async with asyncio.timeout(SOON):
        take = TakeTicket(at=now, cause=f"take:{now}:{daemon.engine.state.issued}", by="kiosk")
        return (await daemon.engine.ask(take)).ticket


async def press(daemon: Daemon, command: type[Command], **about: object) -> str:
    now = daemon.hub.context.now()
    async with asyncio.timeout(SOON):
        return (await daemon.engine.ask(command(at=now, cause=f"{command.__name__}:{now}", **about))).text  # type: ignore[arg-type]


def kinds(daemon: Daemon, kind: str) -> int:
    rows = daemon.hub.context.journal.rows_after(0, 1000)
    return sum(kind == row.event.KIND for row in rows)


async def test_a_monday_that_begins_on_sunday(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """Sunday's tickets end, Monday's live on under their numbers, and no number is given twice."""
    sunday = Hands(SUNDAY)
    async with running(settings, sunday.clock()) as daemon:
        assert [await take(daemon) for _ in range(3)] == ["A001", "A002", "A003"]
    monday = Hands(SUNDAY + 116 * 60_000, boot="boot 2")
    async with running(settings, monday.clock()) as daemon:
        assert [await take(daemon) for _ in range(3)] == ["A004", "A005", "A006"]
        caplog.clear()
        monday.set(hours=15, minutes=9)
        assert await take(daemon) == "A007"
        assert [m for m in caplog.messages if "the clock was set from 2026-11-22 17:56:00 to 2026-11-23 09:05:00" in m]
        (notice,) = daemon.hub.notices()
        assert "the business day is still 2026-11-22" in notice
        assert daemon.engine.state.day == "2026-11-22"
    async with running(settings, monday.clock()) as daemon:
        assert daemon.engine.state.day == "2026-11-22"
        assert await press(daemon, BeginDay, by="panel/manager") == "business day 2026-11-23"
        assert list(daemon.engine.state.tickets) == ["A004", "A005", "A006", "A007"]
        assert await press(daemon, CallNext, counter="1") == "A004 to counter 1"
        assert [t.issued_at for t in daemon.engine.state.tickets.values()] == [local("2026-11-23 09:05")] * 4
        before = daemon.engine.state.picture()
    async with running(settings, monday.clock()) as daemon:
        assert daemon.engine.state.picture() == before
        assert await take(daemon) == "A008"
        assert kinds(daemon, "clock_stepped") == 1
        assert kinds(daemon, "controller_started") == 2
    monday.hours += 24
    async with running(settings, monday.clock()) as daemon:
        assert daemon.engine.state.day == "2026-11-24"
        assert await take(daemon) == "A001"
        assert kinds(daemon, "controller_started") == 2


async def test_a_clock_that_is_set_while_nobody_asks(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    hands = Hands(SUNDAY)
    async with running(settings, hands.clock()) as daemon:
        await take(daemon)
        hands.set(days=1)
        await until(lambda: daemon.engine.state.step is not None, SOON)
        assert len([m for m in caplog.messages if "the clock was set" in m]) == 1
        hands.set(days=-1)
        await until(lambda: daemon.engine.state.doubt is None, SOON)
        assert list(daemon.engine.state.tickets) == ["A001"]
        assert kinds(daemon, "day_closed") == 0


async def test_a_clock_that_is_set_while_the_controller_is_away(settings: Settings) -> None:
    hands = Hands(SUNDAY)
    async with running(settings, hands.clock()) as daemon:
        await take(daemon)
    hands.set(days=1)
    async with running(settings, hands.clock()) as daemon:
        assert daemon.engine.state.day == "2026-11-22"
        assert list(daemon.engine.state.tickets) == ["A001"]


async def test_a_day_in_the_future_is_told_for_as_long_as_it_is_open(settings: Settings) -> None:
    hands = Hands(local("2036-01-01 10:00"))
    async with running(settings, hands.clock()) as daemon:
        await take(daemon)
    hands = Hands(SUNDAY, boot="boot 2")
    async with running(settings, hands.clock()) as daemon:
        hands.hours += 3
        assert await take(daemon) == "A002"
        (notice,) = daemon.hub.notices()
        assert "2036-01-01 lies in the future: the clock says 2026-11-22" in notice
        await press(daemon, BeginDay, by="panel/manager")
        assert list(daemon.engine.state.tickets) == ["A001", "A002"]
        assert list(daemon.hub.notices()) == []


async def test_the_time_server_is_waited_for_but_not_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    said: list[str] = []

    class Told(Notifier):
        def tell(self, text: str) -> None:
            said.append(text)

    answers = iter([True, True, False])
    await clock_is_right(Told(None), 30, lambda: next(answers))
    assert said[0] == "STATUS=waiting for a time server to set the clock"
    assert said[-1] == "STATUS="
    assert not [m for m in caplog.messages if "no time server has set the clock" in m]
    await clock_is_right(Told(None), 0.01, lambda: True)
    assert [m for m in caplog.messages if "no time server has set the clock" in m]
    said.clear()
    await clock_is_right(Told(None), 0, lambda: True)
    await clock_is_right(Told(None), 30, lambda: False)
    assert said == []


def test_the_day_can_be_told_and_begun_from_the_command_line(settings: Settings) -> None:
    async def in_2036() -> None:
        async with running(settings, Hands(local("2036-01-01 10:00")).clock()) as daemon:
            await take(daemon)
            with pytest.raises(JournalError, match=r"another controller is using this journal.*press NEWDAY"):
                await begin_day(settings, today)

    hands = Hands(SUNDAY)
    today = hands.clock()
    asyncio.run(in_2036())
    assert "is 2036-01-01, and the clock says 2026-11-22" in told(settings, today)
    assert asyncio.run(begin_day(settings, today)) == "business day 2026-11-22"
    assert told(settings, today).startswith("The business day is 2026-11-22, as the clock says.")
    hands.hours += 1
    with pytest.raises(JournalError, match="the business day is 2026-11-22, as the clock says"):
        asyncio.run(begin_day(settings, today))


async def test_a_clock_that_is_set_while_nothing_can_be_written(settings: Settings) -> None:
    """Nothing happens at the new time before the journal holds that the clock was set."""
    hands = Hands(SUNDAY)
    journal = settings.journal_path
    away = journal.with_name("away.db")
    async with running(settings, hands.clock()) as daemon:
        await take(daemon)
        journal.rename(away)
        assert await take(daemon) == ""
        hands.set(days=1)
        assert await take(daemon) == ""
        daemon.hub.health("hall", Health("degraded", "no_answer"), "")
        away.rename(journal)
        taken = ""
        while not taken:
            taken = await take(daemon)
        assert taken == "A002"
        assert daemon.engine.state.day == "2026-11-22"
        assert kinds(daemon, "clock_stepped") == 1
        assert kinds(daemon, "day_closed") == 0
        await until(lambda: kinds(daemon, "device_changed") == 1, SOON)
