"""The engine on a disk that fills up."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from branches import NINE
from full_disk import full_disk

from bench import processes
from controller.engine import Engine, Request, Step
from controller.journal import Journal
from controller.lobby.actions.report_device import ReportDevice
from controller.lobby.model.state import State
from engine.running import RULES, SOON, Listener, asked, call, journalled, kinds, replayed, running, take


async def test_a_press_that_could_not_be_written_has_not_been_made(path: Path) -> None:
    """It is not the same press that comes a moment later, since nothing was done."""
    listener = Listener()
    async with running(path, listener) as engine:
        await asked(engine, take("k:0"))
        with full_disk(path):
            (answer,) = await asked(engine, call("p:1"))
            assert not answer.written
            # Its copies come while nothing can be written; the last when it can again.
            listener.troubles.clear()
        copies = 0
        while not answer.written:
            copies += 1
            (answer,) = await asked(engine, call(f"p:copy {copies}"))
            beats = listener.beats
            await listener.until(lambda beats=beats: listener.beats > beats)
        assert (answer.result, answer.ticket) == ("ok", "A001")
    assert kinds(path).count("ticket_called") == 1


async def test_nothing_is_acknowledged_that_the_disk_does_not_hold(path: Path) -> None:
    listener = Listener()
    async with running(path, listener) as engine:
        await asked(engine, take("k:0"))
        written, steps = kinds(path), len(listener.steps)
        with full_disk(path, room=30_000):
            burst = [take(f"k:{n}", at=NINE + n) for n in range(1, 401)]
            answers = await asked(engine, *burst)
            assert {(a.result, a.code, a.ticket, a.written) for a in answers} == {("error", "journal_down", "", False)}
            assert engine.state.picture() == replayed(path).picture()
            assert list(engine.state.tickets) == ["A001"]
            answers = await asked(engine, *burst[:3], call("p:1"))
            assert {a.code for a in answers} == {"journal_down"}
            assert kinds(path) == written
            assert len(listener.steps) == steps
            assert len(listener.troubles) == 1
            assert listener.troubles[0]
            beats = listener.beats
            await listener.until(lambda: listener.beats > beats)
            assert len(listener.troubles) == 1
        # It finds out by itself, without a press.
        await listener.until(lambda: listener.troubles[-1] == "")
        assert len(listener.troubles) == 2
        answers = await asked(engine, *burst)
        assert [a.ticket for a in answers] == [f"A{n:03d}" for n in range(2, 402)]
        assert engine.state.picture() == replayed(path).picture()
    assert kinds(path) == [*written, *["ticket_issued"] * 400]
    assert [row["seq"] for row in journalled(path)] == list(range(1, len(written) + 401))


async def test_whoever_shows_the_state_never_goes_on_showing_what_was_not_written(path: Path) -> None:
    """Displays keep the state that they were given, and are told to show it when the trouble begins and ends."""
    journal = Journal(path)
    engine = Engine(RULES, journal)
    given: list[State] = []
    shown: list[list[str]] = []

    def show() -> None:
        shown.append([call.ticket for call in given[-1].calls])

    def published(step: Step) -> None:
        given.append(step.state)
        show()

    ended = asyncio.Event()

    def trouble(reason: str) -> None:
        show()
        if not reason:
            ended.set()

    work = asyncio.create_task(engine.run(published, trouble))
    await asked(engine, take("k:1"), take("k:2"), call("p:1"))
    with full_disk(path):
        await asked(engine, call("p:2"))
    async with asyncio.timeout(SOON):
        await ended.wait()
    assert shown == [["A001"]] * 3
    engine.stop()
    await work
    journal.close()


async def test_a_press_that_failed_acts_once_when_it_is_made_again(path: Path) -> None:
    listener = Listener()
    async with running(path, listener) as engine:
        await asked(engine, take("k:1"))
        with full_disk(path):
            assert (await asked(engine, call("p:1")))[0].written is False
        await listener.until(lambda: listener.troubles[-1] == "")
        first, second = (await asked(engine, call("p:1")))[0], (await asked(engine, call("p:1")))[0]
        assert first == second
        assert first.ticket == "A001"
    assert kinds(path).count("ticket_called") == 1


async def test_what_must_be_written_is_asked_for_again_by_itself_and_before_all_else(path: Path) -> None:
    """A device has no hands that press again; what it said last counts."""
    listener = Listener()

    def report(state: Any, at: int) -> Request:
        command = ReportDevice(at=at, cause=f"d:{at}", device="hall", state=state, detail="")
        return Request(command, lambda answer: answers.append((state, answer.written)), key="device:hall")

    answers: list[tuple[str, bool]] = []
    async with running(path, listener) as engine:
        await asked(engine, take("k:1"))
        with full_disk(path):
            for n, state in enumerate(("offline", "ok", "degraded")):
                engine.submit(report(state, NINE + n))
                await engine.idle()
        await listener.until(lambda: listener.troubles[-1] == "")
        await engine.idle()
        assert (await asked(engine, take("k:2")))[0].written
    assert kinds(path) == ["day_opened", "ticket_issued", "device_changed", "ticket_issued"]
    assert answers == [("offline", False), ("ok", False), ("degraded", False), ("degraded", True)]


async def test_an_engine_can_be_stopped_while_the_disk_is_full(path: Path) -> None:
    async with running(path) as engine:
        await asked(engine, take("k:1"))
        with full_disk(path):
            assert (await asked(engine, take("k:2")))[0].code == "journal_down"
            waiting = asyncio.create_task(engine.ask(take("k:3")))
            await asyncio.wait([waiting], timeout=0)
            engine.stop()
            async with asyncio.timeout(SOON):
                assert (await waiting).code == "journal_down"
    assert kinds(path) == ["day_opened", "ticket_issued"]


ON_A_SMALL_DISK = """
import asyncio, os, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from engine.running import Listener, asked, kinds, replayed, running, take

disk = Path({disk!r})

async def main():
    path, listener = disk / "lobby.db", Listener()
    async with running(path, listener) as engine:
        n = 0
        while not listener.troubles:
            answers = await asked(engine, *(take(f"k:{{n + i}}") for i in range(20)))
            n += 20
            assert n < 100_000
        assert [a.code for a in answers] == ["journal_down"] * 20, answers
        assert len(kinds(path)) == n - 20 + 1
        assert engine.state.picture() == replayed(path).picture()
        (disk / "ballast").unlink()
        await listener.until(lambda: listener.troubles[-1] == "")
        answers = await asked(engine, *(take(f"k:{{n - 20 + i}}") for i in range(20)))
        assert [a.result for a in answers] == ["ok"] * 20, answers
    assert len(kinds(path)) == n + 1

(disk / "ballast").write_bytes(bytes(200_000))
asyncio.run(main())
print("recovered")
"""


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    """A small file system of its own, where the kernel lets us mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    small = f'mount -t tmpfs -o size=640k lobby "{disk}"'
    try:
        possible = processes.run([*mount, small], capture_output=True, timeout=SOON, check=False).returncode == 0
    except FileNotFoundError:
        possible = False
    if not possible:
        pytest.skip("no file system can be mounted here")
    script = tmp_path / "on_a_small_disk.py"
    script.write_text(ON_A_SMALL_DISK.format(tests=str(Path(__file__).parents[1]), disk=str(disk)))
    done = processes.run(
        [*mount, f'{small} && exec "{sys.executable}" "{script}"'],
        capture_output=True,
        text=True,
        timeout=SOON * 2,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert (done.returncode, done.stdout) == (0, "recovered\n"), done.stderr


DAY = 24 * 60 * 60 * 1000


async def test_a_press_of_an_earlier_day_acts_once_too(path: Path) -> None:
    async with running(path) as engine:
        (first,) = await asked(engine, take("k:1"))
    async with running(path) as engine:  # which has replayed nothing: the next press begins another day
        await asked(engine, take("k:2", NINE + DAY))
    async with running(path) as engine:
        late, new, again = await asked(
            engine, take("k:1", NINE + DAY), take("k:3", NINE + DAY), take("k:2", NINE + DAY)
        )
        assert late == first
        assert (new.ticket, again.ticket) == ("A002", "A001")
        assert engine.state.picture() == replayed_last_day(path).picture()
    assert [row["cause"] for row in journalled(path) if row["kind"] == "ticket_issued"] == ["k:1", "k:2", "k:3"]


def replayed_last_day(path: Path) -> State:
    """What a fresh engine makes of the file."""
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(path.with_name("copy.db"))) as copy:
        source.backup(copy)
    journal = Journal(path.with_name("copy.db"))
    try:
        engine = Engine(RULES, journal)
        engine.replay()
        return engine.state
    finally:
        journal.close()
