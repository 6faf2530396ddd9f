"""`lobby doctor`: each fault of the hardware is named, with what helps; and nothing of it enters the day."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from brokers import Guarded

from bench import processes
from controller.config import read
from drivers.link import SerialLink, open_link
from drivers.terminal68 import Key
from simulators.branch import SimulatedBranch
from simulators.devices.modbus import ModbusFarEnd
from simulators.devices.terminal68 import TerminalBus
from system.branch import HALL, HOUSE, LOBBY, MQTT, PRINTER, TERMINALS, WINDOWS, Branch
from system.broker import Mosquitto
from system.network import Network
from system.waiting import until

FIRST_WINDOW = WINDOWS[: WINDOWS.index('[[device]]\nid = "window-2"')]
MODBUS = """
[[device]]
id = "line"
driver = "modbus"
link = "serial:{directory}/dev/line?baud=9600"

[device.displays.1]
profile = "led-485"
counter = "1"

[device.inputs.11]
keys = {{ 1 = "CALL @1" }}

[device.inputs.12]
keys = {{ 1 = "CALL @2" }}
"""
OTHER_TERMINALS = TERMINALS.replace("terminals", "others").replace('1 = "1", 2 = "2"', '3 = "3"').replace("11", "13")


@dataclass
class Doctor:
    """A `lobby doctor` at work."""

    process: asyncio.subprocess.Process
    out: Path
    said: str = ""

    async def says(self, text: str) -> None:
        """Read what it says until this has been said."""
        assert self.process.stdout
        while text not in self.said:
            line = await self.process.stdout.readline()
            assert line, self.said
            self.said += line.decode()

    async def found(self) -> dict[str, Any]:
        """What it found, by device, at its end."""
        assert self.process.stdout
        self.said += (await self.process.stdout.read()).decode()
        code = await self.process.wait()
        assert self.out.exists(), self.said
        findings = {finding["device"]: finding for finding in json.loads(self.out.read_text())}
        assert code == any(finding["state"] == "fault" for finding in findings.values()), self.said
        return findings


@asynccontextmanager
async def doctor(config: Path, *wishes: str) -> AsyncIterator[Doctor]:
    """Start it; it is ended at the end."""
    out = config.with_name("found.json")
    process = await processes.spawn(
        str(LOBBY),
        *("doctor", "--config", str(config), "--json", str(out), *wishes),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield Doctor(process, out)
    finally:
        processes.kill(process)
        await process.wait()


@asynccontextmanager
async def hardware(directory: Path, *parts: str, port: int = 1) -> AsyncIterator[tuple[Path, SimulatedBranch]]:
    """The far ends of a branch, plugged in, and its configuration; no daemon."""
    config = directory / "branch.toml"
    config.write_text("".join((HOUSE, *parts)).format(id="b1", directory=directory, port=port, repeat_ms=400))
    simulated = SimulatedBranch(read(config), directory / "dev", 1)
    simulated.plug_all()
    try:
        yield config, simulated
    finally:
        simulated.unplug_all()


def press(simulated: SimulatedBranch, bus: str, address: int) -> None:
    """Press CALL at a terminal, also one that nobody knows."""
    far_end = simulated.placed[bus].far_end
    assert isinstance(far_end, TerminalBus)
    far_end.press(address, Key.CALL)
    simulated.placed[bus].wire.poke()


def text(finding: dict[str, Any]) -> str:
    return " / ".join([*finding["found"], *finding["remedies"]])


async def test_a_sound_branch_is_found_so_and_its_day_stays_as_it_was(tmp_path: Path, broker: Mosquitto) -> None:
    """Beside the running daemon, which goes on as before."""
    async with (
        Branch(tmp_path, broker.port, (HOUSE, MQTT, PRINTER, TERMINALS, HALL)) as branch,
        Network(broker.port, branch.root) as network,
    ):
        for device in ("printer", "hall"):
            await network.device(device)
        await until(
            lambda: {row.data["device"] for row in branch.rows("device_changed")} >= {*branch.simulated.placed, "mqtt"}
        )
        rows = len(branch.rows())
        async with doctor(branch.config, "--keys", "20") as examining:
            await examining.says("Call terminals: press a key")
            await until(lambda: "T001 Counter 1" in branch.hall.lines())
            branch.press(2, Key.CALL)
            await until(lambda: not branch.bus.waits_for_echo(2))
            branch.press(1, Key.RECALL)
            await examining.says("finished; in 3 s keys count again")
            branch.press(1, Key.CALL)
            found = await examining.found()
        assert {id: finding["state"] for id, finding in found.items()} == {
            "printer": "ok",
            "terminals": "ok",
            "hall": "look",
            "mqtt": "ok",
        }
        assert found["hall"]["found"] == ["it answers; it should have shown TEST tickets"]
        assert found["printer"]["found"] == ["a test ticket was printed"]
        assert "TEST" in branch.papers()[0]
        assert found["terminals"]["keys"][:2] == ["2: call next", "1: recall"]
        assert found["hall"]["measured"]["answer_ms"] > 0
        assert len(branch.rows()) == rows, "nothing of it is of the day"
        await until(lambda: branch.hall.lines()[:1] == [""])
        await network.press("kiosk/kiosk", "TAKE", service="cash")
        await branch.key(1, Key.CALL)
        await until(lambda: branch.hall.lines()[:1] == ["A001 Counter 1"])


@pytest.mark.long
async def test_each_fault_is_named_with_what_helps(tmp_path: Path, broker: Mosquitto) -> None:
    parts = (MQTT, PRINTER, TERMINALS, OTHER_TERMINALS, HALL, WINDOWS)
    async with hardware(tmp_path, *parts, port=broker.port) as (config, simulated):
        knobs = {id: placed.wire.faults for id, placed in simulated.placed.items()}
        knobs["printer"].speed = 57600
        knobs["others"].speed = 57600
        knobs["hall"].hang = True
        simulated.placed["window-1"].wire.unplug()
        held = await open_link(SerialLink(str(simulated.placed["window-2"].wire.path)), asyncio.Protocol)
        knobs["terminals"].echo = True
        async with doctor(config, "--keys", "20") as examining, Network(broker.port, "lobby/b1/") as network:
            await examining.says("press a key")
            press(simulated, "terminals", 7)
            press(simulated, "others", 3)
            await examining.says("MQTT: press a key")
            await network.publish("keypad/9/press", {"key": "CALL", "boot": "b", "seq": 1})
            found = await examining.found()
        held.abort()

    assert {id: finding["detail"] for id, finding in found.items() if finding["state"] != "ok"} == {
        "printer": "speed",
        "terminals": "unknown_address",
        "others": "noise",
        "hall": "no_answer",
        "window-1": "no_path",
        "window-2": "port_taken",
        "mqtt": "unknown_topic",
    }
    assert "it answers at 57600 baud / write baud=57600 in its link" in text(found["printer"])
    assert "a key was pressed at address 7" in text(found["terminals"])
    assert "this adapter hears itself" in text(found["terminals"])
    assert "wires A and B are swapped, or its line speed is another" in text(found["others"])
    assert "it does not answer at any usual speed" in text(found["hall"])
    assert f"({simulated.placed['window-1'].wire.path}) / plug it in" in text(found["window-1"])
    assert f"({os.getpid()})" in text(found["window-2"])
    assert "keypad/9/press: CALL; no such device is configured" in text(found["mqtt"])


@pytest.mark.long
async def test_of_a_modbus_line_the_unit_is_named_that_does_not_answer(tmp_path: Path) -> None:
    async with hardware(tmp_path, MODBUS) as (config, simulated):
        units = simulated.placed["line"].far_end
        assert isinstance(units, ModbusFarEnd)
        units.unit_off = True
        async with doctor(config) as examining:
            line = (await examining.found())["line"]
        assert [lines for lines in units.displays[1].history if lines[0].strip()] == [("  T001",)]
    assert (line["state"], line["detail"]) == ("fault", "unit")
    assert line["found"] == ["it does not answer (Buttons (line.12))"]
    assert line["measured"]["answer_ms"] > 0


@pytest.mark.long
async def test_what_is_wrong_with_a_printer_and_a_broker(tmp_path: Path) -> None:
    async def printer(config: Path) -> str:
        async with doctor(config, "--device", "printer") as examining:
            return text((await examining.found())["printer"])

    async with hardware(tmp_path, PRINTER) as (config, simulated):
        faults = simulated.placed["printer"].wire.faults
        faults.paper = "out"
        assert "out of paper / put in a new roll" in await printer(config)
        faults.paper, faults.cover_open = "ok", True
        assert "cover open / close the cover" in await printer(config)
        (tmp_path / "password").write_text("wrong\n")
        guarded = Guarded(tmp_path, "lobby", "right")
        guarded.start()
        try:
            user = f'username = "lobby"\npassword_file = "{tmp_path}/password"\n'
            config.write_text(f'{config.read_text()}\n[mqtt]\nbroker = "mqtt://127.0.0.1:{guarded.port}"\n{user}')
            async with doctor(config, "--device", "mqtt") as examining:
                broker = (await examining.found())["mqtt"]
        finally:
            guarded.stop()
        assert "check username and password_file in [mqtt], and the broker's access list" in text(broker)
        async with doctor(config, "--device", "board") as examining:
            assert examining.process.stdout
            said = (await examining.process.stdout.read()).decode()
        assert said == '--device: there is no device "board"; known are mqtt, printer\n'


async def test_who_has_had_enough_is_told_what_was_found_until_then(tmp_path: Path) -> None:
    async with hardware(tmp_path, PRINTER, TERMINALS) as (config, simulated):
        simulated.placed["printer"].wire.faults.paper = "out"
        async with doctor(config, "--keys", "60") as examining:
            await examining.says("press a key")
            press(simulated, "terminals", 1)
            await examining.says("1: call next")
            examining.process.send_signal(signal.SIGINT)
            found = await examining.found()
        assert "out of paper" in text(found["printer"])
        assert found["terminals"]["keys"] == ["1: call next"]
        assert "interrupted" in examining.said
