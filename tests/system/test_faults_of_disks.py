"""Disks that are full, and journals that are moved, deleted and cut while a branch runs."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from disks import small_disk
from sweeps import long

from drivers.terminal68 import Key
from simulators.disk import INDEX, LOCK, LOG, Disk, beside, cut, delete, move
from system.branch import HOUSE, MQTT, Branch
from system.broker import Mosquitto
from system.network import Network
from system.troubles import BUS_ONLY, FileSizeLimit, running, take
from system.waiting import until

# -- the disk ------------------------------------------------------------------------------------------------


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte; only root can have one."""
    with small_disk(tmp_path / "disk", 1024) as directory:
        yield directory


async def _survives(branch: Branch, network: Network, disk: FileSizeLimit | Disk) -> None:
    await network.press("kiosk/kiosk", "TAKE")
    await network.press("kiosk/kiosk", "TAKE")
    await branch.key(1, Key.CALL)
    rows = branch.rows()
    press = {"key": "TAKE", "boot": "full", "seq": 1}
    disk.fill()
    error = await network.send("kiosk/kiosk", press)
    assert (error["result"], error["ticket"]) == ("error", "")
    assert error["text"] == "nothing can be recorded at the moment; press again shortly"
    await until(lambda: error["text"] in network.levels["board"]["notices"])
    await until(lambda: network.levels["keypad/3/screen"]["text"] == error["text"])
    echoes = branch.bus.terminals[2].echoes
    branch.press(2, Key.CALL)
    again = await network.send("kiosk/kiosk", press)  # after the terminal's frame, on a faster way
    assert again == error
    assert branch.bus.terminals[2].echoes == echoes
    assert branch.bus.terminals[2].ticket == ""
    assert branch.rows() == rows
    assert branch.process
    assert branch.process.returncode is None

    disk.free()
    await until(lambda: error["text"] not in network.levels["board"]["notices"])
    await until(lambda: branch.bus.terminals[2].echoes > echoes or not branch.bus.waits_for_echo(2))
    if branch.bus.terminals[2].echoes == echoes:  # it has given up, and its clerk presses again
        branch.press(2, Key.CALL)
    await until(lambda: branch.bus.terminals[2].echoes > echoes)
    await until(lambda: branch.bus.terminals[2].ticket == "002")
    answer = await network.send("kiosk/kiosk", press)
    assert (answer["result"], answer["ticket"]) == ("ok", "A003")
    assert branch.tickets("ticket_called") == ["A001", "A002"]
    assert branch.tickets("ticket_issued") == ["A001", "A002", "A003"]
    assert branch.rows()[: len(rows)] == rows
    assert [row.seq for row in branch.rows()] == list(range(1, len(branch.rows()) + 1))
    assert len(branch.logged(f"{branch.settings.journal_path} cannot be written")) == 1
    assert len(branch.logged(f"{branch.settings.journal_path} can be written again")) == 1
    await branch.kill()
    await branch.start()
    assert await network.send("kiosk/kiosk", press) == answer


async def test_the_journal_cannot_grow(tmp_path: Path, broker: Mosquitto) -> None:
    async with running(tmp_path, broker, *BUS_ONLY) as (branch, network):
        await _survives(branch, network, FileSizeLimit(branch))


async def test_a_full_disk(tmp_path: Path, broker: Mosquitto, tiny_disk: Path) -> None:
    async with running(tmp_path, broker, *BUS_ONLY, journal=tiny_disk / "lobby.db") as (branch, network):
        await _survives(branch, network, Disk(tiny_disk))


async def _does_not_start(branch: Branch) -> str:
    """The one line that the daemon says why, with exit code 1."""
    before = branch.log()
    await branch.launch()
    assert branch.process
    assert await branch.process.wait() == 1
    branch.process = None
    told = branch.log().removeprefix(before)
    assert told.count("\n") == 1
    assert told.startswith(f"{branch.settings.journal_path}: ")
    return told


async def test_a_full_disk_before_there_is_a_journal(tmp_path: Path, broker: Mosquitto, tiny_disk: Path) -> None:
    Disk(tiny_disk).fill()
    async with Branch(tmp_path, broker.port, (HOUSE, MQTT), journal=tiny_disk / "lobby.db", starts=False) as branch:
        await _does_not_start(branch)


@pytest.mark.parametrize("end", [long(signal.SIGTERM), signal.SIGKILL])
async def test_a_full_disk_at_the_start(
    tmp_path: Path, broker: Mosquitto, tiny_disk: Path, end: signal.Signals
) -> None:
    """It shows what there is, acknowledges nothing, and goes on when there is room."""
    disk, press = Disk(tiny_disk), {"key": "TAKE", "boot": "full", "seq": 1}
    async with running(tmp_path, broker, *BUS_ONLY, journal=tiny_disk / "lobby.db") as (branch, network):
        assert await take(network) == "A001"
        await take(network)
        await branch.key(1, Key.CALL)
        await branch.stop(end)
        disk.fill()
        await branch.start()
        error = await network.send("kiosk/kiosk", press)
        assert (error["result"], error["ticket"]) == ("error", "")
        await until(lambda: error["text"] in network.levels["board"]["notices"])
        assert network.board("A001") == "1"
        await until(lambda: branch.bus.terminals[1].ticket == "001")
        disk.free()
        await until(lambda: error["text"] not in network.levels["board"]["notices"])
        assert (await network.send("kiosk/kiosk", press))["ticket"] == "A003"
        assert branch.tickets("ticket_issued") == ["A001", "A002", "A003"]
        assert len(branch.logged(f"{branch.settings.journal_path} cannot be written")) == 1
        assert len(branch.logged(f"{branch.settings.journal_path} can be written again")) == 1


@pytest.mark.long
async def test_a_disk_of_one_megabyte_takes_hundreds_of_presses(
    tmp_path: Path, broker: Mosquitto, tiny_disk: Path
) -> None:
    """A log that nothing bounds fills it with 120 of them."""
    disk = Disk(tiny_disk)

    async def presses(count: int) -> list[str]:
        """The results of some at once, and all of them journalled."""
        answers = await asyncio.gather(*(network.press("kiosk/kiosk", "TAKE") for _ in range(count)))
        assert all(answer["ticket"] for answer in answers if answer["result"] == "ok")
        taken.extend(answer["ticket"] for answer in answers if answer["result"] == "ok")
        return [answer["result"] for answer in answers]

    async with running(tmp_path, broker, HOUSE, MQTT, journal=tiny_disk / "lobby.db") as (branch, network):
        taken: list[str] = []
        for _ in range(200):
            assert await presses(2) == ["ok", "ok"]
        assert not branch.logged(f"{branch.settings.journal_path} cannot be written")
        disk.fill()
        while "error" not in await presses(4):
            pass
        await until(lambda: "nothing can be recorded" in str(network.levels["board"]["notices"]))
        await branch.kill()
        issued = branch.tickets("ticket_issued")
        assert issued == [f"A{n:03d}" for n in range(1, len(issued) + 1)]
        assert sorted(taken) == sorted(issued)
        disk.free()
        await branch.start()
        assert (await network.press("kiosk/kiosk", "TAKE"))["ticket"] == f"A{len(issued) + 1:03d}"


# -- the journal's files --------------------------------------------------------------------------------------


JOURNAL = ("", LOG, INDEX)


@asynccontextmanager
async def lost(tmp_path: Path, broker: Mosquitto) -> AsyncIterator[tuple[Branch, Network, Path]]:
    """A branch with A001 called and A002 waiting, whose journal something happens to."""
    async with running(tmp_path, broker, *BUS_ONLY) as (branch, network):
        await take(network)
        await take(network)
        await branch.key(1, Key.CALL)
        yield branch, network, branch.settings.journal_path


async def _nothing_is_acknowledged(branch: Branch, network: Network) -> None:
    """Neither on the network nor on the bus; and people see it."""
    echoes = branch.bus.terminals[2].echoes
    branch.press(2, Key.CALL)
    press = {"key": "TAKE", "boot": "lost", "seq": 1}
    error = await network.send("kiosk/kiosk", press)
    assert error["text"] == "nothing can be recorded at the moment; press again shortly"
    assert (error["result"], error["ticket"]) == ("error", "")
    await until(lambda: error["text"] in network.levels["board"]["notices"])
    await until(lambda: network.levels["keypad/3/screen"]["text"] == error["text"])
    assert await network.send("kiosk/kiosk", press) == error
    assert branch.bus.terminals[2].echoes == echoes
    assert network.board("A001") == "1"
    assert branch.process
    assert branch.process.returncode is None


async def _goes_on(branch: Branch, network: Network) -> None:
    """With the next number, and nothing twice."""
    await until(lambda: network.levels.get("board", {}).get("notices") == [])
    await until(lambda: not branch.bus.waits_for_echo(2))
    press = {"key": "TAKE", "boot": "lost", "seq": 1}
    answer = await network.send("kiosk/kiosk", press)
    assert (answer["result"], answer["ticket"]) == ("ok", "A003")
    await branch.kill()
    await branch.start()
    assert await network.send("kiosk/kiosk", press) == answer
    assert branch.tickets("ticket_issued") == ["A001", "A002", "A003"]
    rows = branch.rows()
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))


@pytest.mark.parametrize(
    "suffixes",
    [
        long(("",), id="file"),
        pytest.param(JOURNAL, id="with its log"),
        long((*JOURNAL, LOCK), id="with its lock"),
    ],
)
async def test_the_journal_is_moved_away_and_back(tmp_path: Path, broker: Mosquitto, suffixes: tuple[str, ...]) -> None:
    async with lost(tmp_path, broker) as (branch, network, path):
        moved = move(path, suffixes)
        await _nothing_is_acknowledged(branch, network)
        assert not path.exists()
        (told,) = branch.logged(f"{path} cannot be written")
        assert "(it has been moved away; move it back)" in told
        moved.back()
        await until(lambda: branch.logged(f"{path} can be written again"))
        await _goes_on(branch, network)


@pytest.mark.parametrize("suffixes", [pytest.param(("",), id="file"), long(JOURNAL, id="with its log")])
async def test_the_journal_is_deleted(tmp_path: Path, broker: Mosquitto, suffixes: tuple[str, ...]) -> None:
    async with lost(tmp_path, broker) as (branch, network, path):
        rows = branch.rows()
        delete(path, suffixes)
        await _nothing_is_acknowledged(branch, network)
        assert not path.exists()
        (told,) = branch.logged(f"{path} cannot be written")
        assert "stop this program and start it again, which puts it back" in told
        assert await branch.stop() == 0
        assert branch.rows() == rows
        await branch.start()
        await _goes_on(branch, network)


@pytest.mark.long
async def test_the_journal_is_deleted_and_the_power_fails(tmp_path: Path, broker: Mosquitto) -> None:
    """No other one is begun, in which A001 is given twice that day, unless somebody says so."""
    async with lost(tmp_path, broker) as (branch, network, path):
        delete(path)
        await _nothing_is_acknowledged(branch, network)
        await branch.kill()
        told = await _does_not_start(branch)
        assert f"the journal that was here is gone; put it back or restore a backup, or remove {path}.lock" in told
        assert not path.exists()
        delete(path, (LOCK,))
        await branch.start()
        assert await take(network) == "A001"


@pytest.mark.parametrize("suffix", [pytest.param("", id="file"), long(LOG, id="log")])
async def test_the_journal_is_cut(tmp_path: Path, broker: Mosquitto, suffix: str) -> None:
    async with lost(tmp_path, broker) as (branch, network, path):
        backup = {name: beside(path, name).read_bytes() for name in JOURNAL}
        cut(beside(path, suffix))
        await _nothing_is_acknowledged(branch, network)
        (told,) = branch.logged(f"{path} cannot be written")
        assert "it has become shorter and rows are lost; stop this program, restore a backup" in told
        await branch.kill()
        await _does_not_start(branch)
        for name, content in backup.items():
            beside(path, name).write_bytes(content)
        await branch.start()
        await _goes_on(branch, network)


@pytest.mark.long
@pytest.mark.parametrize(
    "suffixes",
    [pytest.param((LOG,), id=LOG), long((INDEX,), id=INDEX), long((LOG, INDEX), id=f"{LOG} {INDEX}")],
)
async def test_the_journals_log_is_deleted(tmp_path: Path, broker: Mosquitto, suffixes: tuple[str, ...]) -> None:
    """It mends that by itself: what is open still has everything."""
    async with lost(tmp_path, broker) as (branch, network, path):
        delete(path, suffixes)
        await until(lambda: branch.logged(f"{path} can be written again"))
        assert len(branch.logged(f"{path} cannot be written")) == 1
        await _goes_on(branch, network)


async def test_the_journals_lock_is_deleted(tmp_path: Path, broker: Mosquitto) -> None:
    """Another daemon does not get it, and no press is lost."""
    async with lost(tmp_path, broker) as (branch, network, path):
        delete(path, (LOCK,))
        assert await take(network) == "A003"
        process, branch.process = branch.process, None
        try:
            assert "another controller is using this journal" in await _does_not_start(branch)
        finally:
            branch.process = process
        assert await take(network) == "A004"
        assert not branch.logged(f"{path} cannot be written")
        assert len(branch.logged(f"{path}.lock had been removed")) == 1


@pytest.mark.long
async def test_the_journal_of_another_branch(tmp_path: Path, broker: Mosquitto) -> None:
    (there := tmp_path / "there").mkdir()
    async with running(there, broker, *BUS_ONLY) as (other, others):
        await take(others)
        await other.stop()
        foreign = other.settings.journal_path
        async with lost(tmp_path, broker) as (branch, network, path):
            moved = move(path)
            path.write_bytes(foreign.read_bytes())
            await _nothing_is_acknowledged(branch, network)
            (told,) = branch.logged(f"{path} cannot be written")
            assert "another file has been put in its place" in told
            assert await branch.stop() == 0
            told = await _does_not_start(branch)
            assert (
                f"this is the journal of branch {other.id}, and the configuration is that of branch {branch.id}" in told
            )
            moved.back()
            await branch.start()
            await _goes_on(branch, network)
