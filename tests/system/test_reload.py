"""Another configuration while people wait: all of it comes into force, or nothing, and no press is lost."""

from __future__ import annotations

import asyncio
import re
import signal
from collections import Counter
from pathlib import Path

import pytest

from bench import processes
from drivers.terminal68 import Key
from system.branch import HALL, HOUSE, LOBBY, MQTT, TERMINALS, WINDOWS, Branch
from system.broker import Mosquitto
from system.network import Network
from system.waiting import until

EVERY = 0.02
"""Seconds between two presses."""
SECOND_WINDOW = WINDOWS[WINDOWS.index('[[device]]\nid = "window-2"') :]
NEW_KEYPAD = """
[[device]]
id = "pad-2"
driver = "mqtt-keypad"
counter = "2"
"""


def rewrite(branch: Branch, *changes: tuple[str, str]) -> None:
    """Change the configuration file, as an editor does: a new file in place of the old one."""
    text = branch.config.read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    written = branch.config.with_suffix(".new")
    written.write_text(text)
    written.rename(branch.config)


async def reload(branch: Branch) -> tuple[int, str]:
    """`lobby reload`: its exit code, and all that it says."""
    process = await processes.spawn(
        str(LOBBY),
        "reload",
        "--config",
        str(branch.config),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


@pytest.mark.long
async def test_under_load_nothing_is_lost_and_what_is_new_works(tmp_path: Path, broker: Mosquitto) -> None:
    async with (
        Branch(tmp_path, broker.port, (HOUSE, MQTT, TERMINALS, HALL, WINDOWS)) as branch,
        Network(broker.port, branch.root) as network,
    ):
        await network.device("window-2")
        pressing, presses = True, []

        async def people() -> None:
            while pressing:
                presses.append(asyncio.create_task(network.press("kiosk/kiosk", "TAKE", service="personal")))
                presses.append(asyncio.create_task(network.press("keypad/3", "CALL")))
                await asyncio.sleep(EVERY)

        coming = asyncio.create_task(people())
        await until(lambda: len(presses) > 50)
        own = SECOND_WINDOW.format(directory=tmp_path)
        rewrite(branch, (own, NEW_KEYPAD), ("serves = { cash = 0 }", "serves = { cash = 0, personal = 0 }"))
        code, said = await reload(branch)
        assert code == 0
        assert said.splitlines() == [
            "[[counter]] 1: serves has changed",
            "[[device]] window-2 is gone",
            "[[device]] pad-2 is new",
            f"{branch.config}: in force",
        ]
        after = len(presses)
        await until(lambda: len(presses) > after + 50)
        pressing = False
        await coming
        answers = await asyncio.gather(*presses)

        assert Counter(answer["result"] for answer in answers) == {"ok": len(presses)}
        taken = [answer["ticket"] for answer in answers[0::2]]
        assert taken == branch.tickets("ticket_issued"), "each once, in order"
        called = branch.tickets("ticket_called")
        assert len(called) == len(set(called))
        assert set(called) <= set(taken)

        for _ in range(2):
            await network.press("kiosk/kiosk", "TAKE", service="personal")
        assert (await network.press("keypad/2", "CALL"))["ticket"].startswith("B"), "the new keypad"
        await branch.key(1, Key.CALL)
        assert branch.rows("ticket_called")[-1].data["counter"] == "1", "its new service"
        assert branch.rows("ticket_called")[-1].data["ticket"].startswith("B")
        await until(lambda: network.levels["device/window-2"] == "", 30)
        await until(lambda: branch.hall.lines()[:1] != [""])


async def test_a_mistake_changes_nothing_and_is_told_with_its_line(tmp_path: Path, broker: Mosquitto) -> None:
    async with (
        Branch(tmp_path, broker.port, (HOUSE, MQTT)) as branch,
        Network(broker.port, branch.root) as network,
    ):
        await network.device("mqtt")
        rewrite(branch, ("serves = { cash = 0 }", "serves = { cahs = 0 }"))
        line = next(n for n, text in enumerate(branch.config.read_text().splitlines(), 1) if "cahs" in text)
        mistake = f'{branch.config}:{line}: counter[1].serves.cahs: there is no service "cahs"; did you mean "cash"?'
        assert await reload(branch) == (2, f"{mistake}\n")

        assert branch.process
        branch.process.send_signal(signal.SIGHUP)
        await until(lambda: f"{branch.config}: nothing has been changed" in branch.log())
        assert mistake in branch.log()
        assert (await network.press("kiosk/kiosk", "TAKE", service="cash"))["ticket"] == "A001"

        rewrite(branch, ("cahs", "cash"), ('language = "en"', 'language = "zh"'), ('name = "Cash"', 'name = "Teller"'))
        code, said = await reload(branch)
        assert code == 1
        assert said.splitlines() == [
            "[branch] language: only a restart changes that (systemctl restart lobby)",
            "[branch]: language has changed",
            "[[service]] cash: name has changed",
            f"{branch.config}: nothing has been changed",
        ]
        rewrite(branch, ('language = "zh"', 'language = "en"'))
        assert await reload(branch) == (0, f"[[service]] cash: name has changed\n{branch.config}: in force\n")
        assert await reload(branch) == (0, f"{branch.config}: nothing is different\n")

    assert await reload(branch) == (
        1,
        f"no daemon answers at {tmp_path}/lobby.sock; start it: systemctl start lobby\n",
    )


async def test_a_hang_up_while_it_starts_is_a_reload(tmp_path: Path, broker: Mosquitto) -> None:
    """From when it begins to read its configuration; before, it would end it as any program."""
    async with Branch(tmp_path, broker.port, (HOUSE,), starts=False) as branch:
        await branch.launch()
        assert branch.process
        pid = branch.process.pid
        await until(lambda: holds_back(pid, signal.SIGHUP))
        branch.process.send_signal(signal.SIGHUP)
        await until(lambda: f"{branch.config}: nothing is different" in branch.log())
        await until(lambda: branch.notified.count("READY=1"))


def holds_back(pid: int, number: int) -> bool:
    """Whether a process blocks a signal."""
    found = re.search(r"^SigBlk:\s*(\w+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return bool(found and int(found[1], 16) >> (number - 1) & 1)
