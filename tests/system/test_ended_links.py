"""Links of simulators that were killed: the numbers of their terminals are others' now, and nobody opens those."""

from __future__ import annotations

import asyncio
import os
import select
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from bench import processes
from drivers.link import FileLink, LinkError, SerialLink, open_link
from simulators.branch import SimulatedBranch
from system.branch import EVERYTHING, LOBBY, Branch
from system.broker import Mosquitto
from system.waiting import until

MANY = 2000
"""Terminals after which the number that is wanted must have come."""


class Ear(asyncio.Protocol):
    """Listens to nothing."""


async def killed_simulators(branch: Branch) -> Path:
    """The directory of links that simulators have left behind."""
    directory = branch.directory / "dev"
    command = (sys.executable, LOBBY, "simulators", "--config", branch.config, "--dev", directory)
    async with processes.spawned(*map(str, command), stdout=asyncio.subprocess.PIPE) as run:
        assert run.stdout
        async with asyncio.timeout(60):
            while b"Ctrl-C" not in await run.stdout.readline():
                pass
        transport = await open_link(SerialLink(str(directory / "hall")), Ear)
        transport.close()
        with pytest.raises(BlockingIOError, match="other simulators"):
            branch.simulated.plug_all()
        run.kill()
        await run.wait()
    return directory


async def test_a_terminal_that_is_a_strangers_now_is_not_opened(tmp_path: Path, broker: Mosquitto) -> None:
    async with Branch(tmp_path, broker.port, EVERYTHING, starts=False, plugged=False) as branch:
        directory = await killed_simulators(branch)
        wanted = {os.readlink(link): link for link in directory.iterdir() if link.is_symlink()}
        assert wanted
        strangers, others = {}, []
        try:
            for _ in range(MANY):
                master, slave = os.openpty()
                path = wanted.get(os.ttyname(slave))
                if path:
                    strangers[path] = (master, slave)
                else:
                    others.append((master, slave))
                if len(strangers) == len(wanted):
                    break
            assert strangers, "the kernel gives no number again"
            link, (master, _) = next(iter(strangers.items()))
            for opens in (SerialLink(str(link)), FileLink(str(link))):
                with pytest.raises(LinkError, match=r"^ended$"):
                    await open_link(opens, Ear)
            # The daemon, which waits for all of them, says so, and not a byte comes.
            await branch.start()
            await until(lambda: "have ended" in branch.log())
            assert select.select([pair[0] for pair in strangers.values()], [], [], 0)[0] == []
            # Simulators that start again have their own terminals there.
            branch.simulated.plug_all()
            assert os.readlink(link) != os.ttyname(strangers[link][1])
            await until(lambda: branch.simulated.placed["hall"].far_end.history)  # type: ignore[attr-defined]
        finally:
            for pair in (*strangers.values(), *others):
                for fd in pair:
                    with suppress(OSError):
                        os.close(fd)


async def test_links_of_devices_that_are_no_more_are_cleared_away(tmp_path: Path, broker: Mosquitto) -> None:
    async with Branch(tmp_path, broker.port, EVERYTHING, starts=False, plugged=False) as branch:
        dev = tmp_path / "dev"
        dev.mkdir(exist_ok=True)
        (dev / "old").symlink_to("/dev/pts/4711")
        (dev / "kept").symlink_to(tmp_path)
        SimulatedBranch.plug_all(branch.simulated)
        assert not (dev / "old").is_symlink()
        assert (dev / "kept").is_symlink()
