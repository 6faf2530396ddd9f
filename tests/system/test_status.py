"""A running branch as whoever looks after it sees it: `lobby status`, and its journal as auditors see it."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from journals.files import DAY, row, write

from controller.journal import JournalReader
from controller.journal.audit import verify_journal
from controller.lobby.actions.day import DayOpened
from drivers.terminal68 import Key
from system.branch import HOUSE, MQTT, TERMINALS, Branch, lobby
from system.broker import Mosquitto
from system.network import Network
from system.waiting import until


async def status(branch: Branch) -> tuple[int, dict[str, Any]]:
    code, said = await lobby("status", "--config", branch.config, "--json")
    return code, json.loads(said)


def wrong(found: dict[str, Any]) -> list[str]:
    """What is down, and what helps."""
    return [f"{each['name']}: {each['text']} -> {each['remedy']}" for each in found["troubles"]]


@pytest.mark.long
async def test_a_branch_that_is_well_one_with_a_fault_and_one_that_does_not_run(
    tmp_path: Path, broker: Mosquitto
) -> None:
    async with (
        Branch(tmp_path, broker.port, (HOUSE, MQTT, TERMINALS)) as branch,
        Network(broker.port, branch.root) as network,
    ):
        for _ in range(3):
            await network.press("kiosk/kiosk", "TAKE", service="cash")
        await branch.key(1, Key.CALL)
        await until(lambda: branch.tickets("ticket_called") == ["A001"])
        code, found = await status(branch)
        assert (code, found["troubles"]) == (0, [])
        lobby_ = found["lobby"]
        assert [(each["id"], each["stage"], each["ticket"]) for each in lobby_["counters"]] == [
            ("1", "open", "A001"),
            ("2", "closed", ""),
            ("3", "closed", ""),
        ]
        assert [(each["id"], each["waiting"]) for each in lobby_["waiting"]] == [("cash", 2), ("personal", 0)]
        assert lobby_["devices"]["terminals"]["state"] == "ok"
        assert found["machine"]["journal"]["rows"] == len(branch.rows())
        anchor = found["machine"]["journal"]["anchor"]
        assert anchor["row"] == len(branch.rows())
        assert verify_journal(branch.settings.journal_path).last.hash == anchor["hash"]

        while not (await status(branch))[1]["lobby"]["devices"]["terminals"]["heard"]["1"]:
            pass  # that is looked at every few seconds
        code, said = await lobby("status", "--config", branch.config)
        assert code == 0
        assert said.startswith(f"Liberation Road ({branch.id})\nController")
        assert re.search(r"\nCounter 1 +open, A001, since \d\d:\d\d\n", said)
        assert re.search(r"\nWaiting +Cash 2, Personal 0\n", said)
        assert re.search(r"\nterminals 1 +address 1 +last heard \d\d:\d\d\n", said)
        assert re.search(r"\nterminals 2 +address 2 +never heard since the start\n", said)
        assert said.endswith("\nAll is well.\n")

        branch.placed("terminals").wire.unplug()
        await until(lambda: branch.logged("terminals: "))
        code, found = await status(branch)
        assert code == 1
        (fault,) = wrong(found)
        assert re.match("Call terminals: (its port is not there|not connected) -> ", fault)
        code, said = await lobby("status", "--config", branch.config)
        assert code == 1
        assert "\nNot well:\n!! Call terminals: " in said

        await branch.stop()
        branch.config.write_text(branch.config.read_text().replace('language = "en"', 'language = "zh"'))
        code, said = await lobby("status", "--config", branch.config)
        assert code == 1
        assert "\n!! 控制程序：控制程序没有运行" in said
        assert "\n   -> 启动：sudo systemctl start lobby" in said
        assert re.search(rf"\n业务记录  {len(branch.rows())} 行，", said)
        code, found = await status(branch)
        assert (code, found["lobby"]) == (1, None)


@pytest.mark.long
async def test_a_busy_branch_can_be_exported_and_its_days_have_anchors(tmp_path: Path, broker: Mosquitto) -> None:
    write(tmp_path / "lobby.db", row(1, DayOpened(DAY)), row(2), row(3))
    out = tmp_path / "all.jsonl"
    async with (
        Branch(tmp_path, broker.port, (HOUSE, MQTT)) as branch,
        Network(broker.port, branch.root) as network,
    ):
        busy, presses = True, []

        async def people() -> None:
            while busy:
                presses.append(await network.press("kiosk/kiosk", "TAKE", service="cash"))

        coming = asyncio.create_task(people())
        await until(lambda: len(presses) > 20)
        code, said = await lobby("export", "--config", branch.config, out)
        assert code == 0, said
        code, verified = await lobby("verify", "--journal", branch.settings.journal_path, out)
        busy = False
        await coming
        assert code == 0, verified
        assert re.match(rf"{re.escape(str(out))}: whole, \d+ rows, 2 days; ", verified)
        assert verified.splitlines()[-1] == said.splitlines()[-1]
        anchored = await until(lambda: branch.logged("business day "))
        with closing(JournalReader(branch.settings.journal_path)) as reader:
            (anchor,) = reader.anchors()
        assert anchored[0].endswith(f"business day {DAY} is over; the anchor of its row {anchor.seq} is {anchor.hash}")
        code, day = await lobby("day", "--config", branch.config)
        over, so_far = day.splitlines()[1:]
        assert over == f"Anchor of {DAY}, up to row {anchor.seq}: {anchor.hash}"
        hash = so_far.removeprefix(f"Anchor so far, up to row {len(branch.rows())}: ")
        anchors = ("--anchor", f"{DAY}={anchor.hash}", "--anchor", f"{len(branch.rows())}={hash}")
        code, said = await lobby("verify", "--config", branch.config, *anchors)
        assert code == 0, said
        assert said.endswith(f"\n{len(branch.rows())}={hash}\n")
        code, said = await lobby("verify", "--config", branch.config, "--anchor", f"{DAY}={hash}")
        assert (code, said.partition(": its hash is")[0]) == (
            1,
            f"{branch.settings.journal_path}: row {anchor.seq} ({DAY})",
        )
        for wishes, said_ in (
            (("verify",), "give --config FILE or --journal FILE, one of the two\n"),
            (("verify", "--config", branch.config, "--anchor", "x=y"), '--anchor: "x=y" is no anchor;'),
            (("export", "--config", branch.config, "--from", "monday", out), '--from: "monday" is no day;'),
        ):
            code, said = await lobby(*wishes)
            assert (code, said[: len(said_)]) == (2, said_)
