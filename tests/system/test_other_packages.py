"""A kind of device in a package of its own: installed, and no file of ours names it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bench import processes
from controller.config import shipped

ROOT = Path(__file__).parents[2]
LOBBY = str(Path(sys.executable).with_name("lobby"))
LAMP = """
[[device]]
id = "lamp-1"
driver = "red-lamp"
link = "serial:/dev/lobby/lamp-1?baud=9600"
counter = "1"
"""
LOOK = """
import json, sys
from pathlib import Path
from controller.config import read
from simulators.branch import SimulatedBranch
from simulators.virtual_lobby.view import View

settings = read(Path(sys.argv[1]))
simulated = SimulatedBranch(settings, Path(sys.argv[1]).parent / "dev", 1)
view = View(settings, simulated)
simulated.placed["lamp-1"].far_end.receive(b"\\x01", 0.0)
print(json.dumps([view.layout()["others"], view.picture()["others"], [w["id"] for w in view.layout()["wires"]]]))
"""

Run = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a program that has the package beside ours: its exit code, and all that it said."""
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "packages"), "COLUMNS": "200"}

    async def runs(*arguments: str) -> tuple[int, str]:
        process = await processes.spawn(
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=environment,
            cwd=tmp_path,
        )
        try:
            said, _ = await process.communicate()
        finally:
            processes.kill(process)
        return process.returncode or 0, said.decode()

    return runs


@pytest.mark.long
async def test_a_kind_of_device_in_a_package_of_its_own(run: Run, tmp_path: Path) -> None:
    source = str(ROOT / "docs" / "examples" / "red-lamp")
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")
    code, said = await run(
        sys.executable, "-m", "pip", "install", *options, "--target", str(tmp_path / "packages"), source
    )
    assert code == 0, said

    config = tmp_path / "branch.toml"
    demo = shipped("demo.toml").read_text("utf-8")
    line = len(demo.splitlines()) + 2
    config.write_text(demo + LAMP.replace('"1"', '"9"') + "refresh = 0\nblink = true\n", "utf-8")
    code, said = await run(LOBBY, "check", "--config", str(config))
    assert code == 2
    assert said.splitlines() == [
        f'{config}:{line + 4}: device[lamp-1].counter: there is no counter "9"; known are 1, 2, 3, 4',
        f"{config}:{line + 5}: device[lamp-1].refresh: 0 does not fit; it takes seconds from 1 to 600",
        f'{config}:{line + 6}: device[lamp-1].blink: unknown key; did you mean "link"?',
    ]
    config.write_text(demo + LAMP + LAMP.replace("lamp-1", "lamp-2"), "utf-8")
    code, said = await run(LOBBY, "check", "--config", str(config))
    assert said.splitlines()[0].endswith('"lamp-1" is the lamp of that counter already; remove one')

    config.write_text(demo + LAMP, "utf-8")
    assert (await run(LOBBY, "check", "--config", str(config)))[0] == 0
    code, said = await run(LOBBY, "devices")
    assert "## red-lamp\n\nA red lamp above a counter." in said
    assert "| `refresh` | seconds from 1 to 600 | `30` |" in said

    code, said = await run(sys.executable, "-c", LOOK, str(config))
    assert code == 0, said
    others, shown, wires = json.loads(said.splitlines()[-1])
    assert others == [{"id": "lamp-1", "title": "Red lamp"}]
    assert shown == {"lamp-1": {"lamps": [{"name": "counter 1", "on": False}]}}, "its cable is not in"
    assert "lamp-1" in wires

    lamps = [LAMP.replace("lamp-1", f"lamp-{n}").replace('counter = "1"', f'counter = "{n}"') for n in range(1, 5)]
    config.write_text(demo + "".join(lamps), "utf-8")
    code, said = await run(
        LOBBY, "demo", "--config", str(config), "--headless", "--language", "en", "--customers", "4", "--seed", "5"
    )
    assert code == 0, said
    rows = [[cell.strip() for cell in line.split("│")] for line in said.splitlines() if "lit for a call, lamp-" in line]
    assert [(seen, right) for _, _, _, seen, right, _ in rows] == [(row[2], "right") for row in rows]
    assert sum(int(row[2]) for row in rows) > 0, "somebody was called"


async def test_without_it_the_driver_is_unknown(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "branch.toml"
    config.write_text(shipped("demo.toml").read_text("utf-8") + LAMP, "utf-8")
    code, said = await run(LOBBY, "check", "--config", str(config))
    assert code == 2
    assert 'device[lamp-1].driver: there is no driver "red-lamp"; known are bx, card-reader' in said


def test_no_file_of_ours_names_it() -> None:
    for package in ("controller", "drivers", "simulators", "bench"):
        for path in (ROOT / package).rglob("*.*"):
            if path.suffix in (".py", ".js", ".toml", ".css"):
                assert "red_lamp" not in path.read_text("utf-8"), path
                assert "red-lamp" not in path.read_text("utf-8"), path
