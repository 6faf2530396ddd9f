"""A branch in which something goes wrong."""

from __future__ import annotations

import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from system.branch import HOUSE, MQTT, TERMINALS, Branch
from system.broker import Mosquitto
from system.network import Network
from system.waiting import until

BUS_ONLY = (HOUSE, MQTT, TERMINALS)


PROMPT = 2.5
"""Seconds in which a press must be answered whatever happens elsewhere: less than any device's time-out."""


@asynccontextmanager
async def running(
    directory: Path, broker: Mosquitto, *parts: str, **more: Any
) -> AsyncIterator[tuple[Branch, Network]]:
    """A branch with these devices, and a connection to its broker; all its devices are well."""
    async with Branch(directory, broker.port, parts, **more) as branch, Network(broker.port, branch.root) as network:
        await until(lambda: "status" in network.levels)
        for device in branch.simulated.placed:
            await network.device(device)
        yield branch, network


async def take(network: Network) -> str:
    """A ticket for cash business."""
    answer = await network.press("kiosk/kiosk", "TAKE")
    assert answer["result"] == "ok", answer
    return str(answer["ticket"])


# -- the disk ------------------------------------------------------------------------------------------------


class FileSizeLimit:
    """The running daemon can write no file any larger: its journal's commits fail, as on a full disk."""

    def __init__(self, branch: Branch) -> None:
        assert branch.process
        self._pid = branch.process.pid
        self._journal = branch.settings.journal_path

    def fill(self) -> None:
        size = self._journal.with_name(self._journal.name + "-wal").stat().st_size
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def free(self) -> None:
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
