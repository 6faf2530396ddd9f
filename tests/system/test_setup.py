"""`lobby setup` as installed, in a real terminal, on a machine whose devices are simulated: from ports to a ticket."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from machines import Bench, Silent

from bench import processes
from bench.ports import free_port
from controller.config import read
from drivers.terminal68 import Key
from simulators.devices.bx import BoardFarEnd
from simulators.devices.escpos import PrinterFarEnd
from simulators.devices.terminal68 import TerminalBus
from simulators.faults import Faults
from system.branch import LOBBY, START
from system.served import Client
from system.waiting import until

INTERRUPTED = 130
NAMES = {"printer": "ttyUSB0", "hall": "ttyUSB1", "terminals": "ttyUSB2", "window": "ttyUSB3"}


class Terminal:
    """A terminal in which a command runs: what it has said, and what somebody types."""

    def __init__(self, process: asyncio.subprocess.Process, master: int) -> None:
        self.process = process
        self.said = ""
        self._master = master
        self._from = 0
        asyncio.get_running_loop().add_reader(master, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the command has ended
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._master)
        self.said += data.decode("utf-8", "replace").replace("\r\n", "\n")

    async def says(self, text: str) -> None:
        """Until it has said this, after what was waited for before."""
        await until(lambda: text in self.said[self._from :] or self.process.returncode is not None, 60)
        assert text in self.said[self._from :], self.said[self._from :]
        self._from = self.said.index(text, self._from) + len(text)

    async def answers(self, question: str, text: str = "") -> None:
        """Answer a question once it is asked."""
        await self.says(question)
        await self.says("> ")
        os.write(self._master, f"{text}\n".encode())

    async def ended(self) -> int:
        """Its exit code."""
        return await asyncio.wait_for(self.process.wait(), 60)


@asynccontextmanager
async def terminal(*arguments: object) -> AsyncIterator[Terminal]:
    """`lobby setup` in a terminal of its own."""
    master, slave = os.openpty()
    environment = os.environ | {"LANG": "en_GB.UTF-8", "LC_ALL": "en_GB.UTF-8", "COLUMNS": "140", "PYTHONUTF8": "1"}
    try:
        process = await processes.spawn(
            str(LOBBY), "setup", *map(str, arguments), stdin=slave, stdout=slave, stderr=slave, env=environment
        )
        os.close(slave)
        seen = Terminal(process, master)
        try:
            yield seen
        finally:
            processes.kill(process)
            await process.wait()
            asyncio.get_running_loop().remove_reader(master)
    finally:
        os.close(master)


async def test_from_the_ports_to_a_ticket(tmp_path: Path) -> None:
    """A printer and a board answer, terminals are pressed at their counters, a display is named by a person; the daemon
    starts with what comes of it, and gives a ticket on paper."""
    bench = Bench(tmp_path)
    printer, board, bus = PrinterFarEnd(Faults(), columns=48), BoardFarEnd(), TerminalBus([5, 6], [15])
    bench.plug(bench.usb("ttyUSB0", "1"), printer, baud=115200)
    bench.plug(bench.usb("ttyUSB1", "2"), board, baud=57600)
    bench.plug(bench.usb("ttyUSB2", "3", ids="0403:6001", serial="A50285BI"), bus, baud=9600)
    bench.plug(bench.usb("ttyUSB3", "4"), Silent())
    for name, node in NAMES.items():
        (tmp_path / "dev/lobby").mkdir(exist_ok=True)
        (tmp_path / "dev/lobby" / name).symlink_to(tmp_path / "dev" / node)  # as udev would
    config = tmp_path / "etc/lobby/branch.toml"
    try:
        async with terminal("--root", tmp_path, "--write-answers", tmp_path / "answers.toml") as seen:
            await seen.answers("Language")
            await seen.answers("tickets and screens")
            await seen.says("ttyUSB0: Ticket printer, it answers at 9600 baud")
            await seen.says("What is on the ports")
            await seen.answers("What is the branch called?", "Elm Street")
            await seen.answers("What is its id?", "Elm Street")
            await seen.says("! an id has 1 to 32 small letters, digits or -")
            await seen.answers("", "b-7")
            await seen.answers("Monday to Friday?", "00:00-24:00")
            await seen.answers("Saturday and Sunday?", "00:00-24:00")
            await seen.answers("Which services")
            await seen.answers("How many counters", "2")
            await seen.answers("What does counter 1 serve?", "a")
            await seen.answers("What does counter 2 serve?")
            await seen.answers("Ticket printer on ttyUSB0", "48")
            await seen.answers("Hall board on ttyUSB1", "6k1")
            await seen.answers("on ttyUSB2 ttyUSB3?")
            for counter, address in (("1", 5), ("2", 6)):
                await seen.says(f"Counter {counter}: press a key")
                await seen.says("> ")
                bus.press(address, Key.CALL)
                bench.wires["ttyUSB2"].poke()
                await seen.says(f"counter {counter}: Call terminals on ttyUSB2, address {address}")
                if counter == "1":
                    bus.rate(15, 1)
                    bench.wires["ttyUSB2"].poke()
                    await seen.says("counter 1: rater on ttyUSB2, address 15")
                os.write(seen._master, b"\n")
            await seen.answers("Nothing answers on ttyUSB3", "vfd")
            await seen.answers("line speed on ttyUSB3", "19200")
            await seen.answers("at which counter is it?", "2")
            await seen.answers("which one is it?", "epson")
            await seen.answers("open the screens?")
            await seen.says('ENV{ID_SERIAL_SHORT}=="A50285BI", SYMLINK+="lobby/terminals"')
            await seen.answers("these lasting names?")
            await seen.answers(f"Write {config} now?")
            await seen.answers("Print a test ticket")
            await seen.says("What the devices say")
            assert await seen.ended() == 0, seen.said
            assert "Traceback" not in seen.said
        assert any("TEST" in line for paper in printer.tickets for line in paper.lines())
        code, _, wrong = await processes.ended(LOBBY, "check", "--config", config)
        assert (code, wrong) == (0, b"")
        settings = read(config)
        assert {device.id: device.driver for device in settings.devices} == {
            "printer": "escpos",
            "hall": "bx",
            "terminals": "terminal68",
            "window": "vfd",
        }
        terminals = next(device for device in settings.devices if device.id == "terminals")
        assert (terminals.addresses, terminals.raters) == ({5: "1", 6: "2"}, {15: "1"})  # type: ignore[attr-defined]
        assert [list(each.serves) for each in settings.rules.counters.values()] == [
            ["cash"],
            ["cash", "personal", "corporate"],
        ]
        assert (tmp_path / "answers.toml").read_text("utf-8").count("[[device]]") == 4
        await _gives_a_ticket(config, printer)
    finally:
        bench.end()


async def _gives_a_ticket(config: Path, printer: PrinterFarEnd) -> None:
    """The daemon starts with this configuration; a kiosk takes a ticket, and it comes out of the printer."""
    port, before = free_port(), len(printer.tickets)
    _move_screens(config, port)
    code, out, err = await processes.ended(
        LOBBY, "user", "add", "kiosk", "--role", "kiosk", "--token", "--config", config
    )
    assert code == 0, err
    token = re.search(r"/enter#(\S+)", out.decode())
    assert token
    with config.with_name("log").open("wb") as log:
        daemon = await processes.spawn(str(LOBBY), "run", "--config", str(config), stderr=log)
        try:
            await until(lambda: daemon.returncode is not None or _is_served(port), START)
            ticket = await Client(port, {"Authorization": f"Bearer {token[1]}"}).take()
            assert ticket == "A001"
            await until(lambda: len(printer.tickets) > before)
            assert any("A001" in line for line in printer.tickets[-1].lines())
        finally:
            if daemon.returncode is None:
                daemon.send_signal(signal.SIGTERM)
            await daemon.wait()


def _move_screens(config: Path, port: int) -> None:
    """Another program may have the usual port; and there is a place for the journal, as the package makes one."""
    config.write_text(config.read_text("utf-8").replace("127.0.0.1:8080", f"127.0.0.1:{port}", 1), "utf-8")
    read(config).journal_path.parent.mkdir(parents=True)


def _files(root: Path) -> list[Path]:
    return sorted(root.rglob("*"))


def _is_served(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_ctrl_c_leaves_everything_as_it_was(tmp_path: Path) -> None:
    config = tmp_path / "etc/lobby/branch.toml"
    config.parent.mkdir(parents=True)
    config.write_text("# by hand\n")
    before = _files(tmp_path)
    async with terminal("--root", tmp_path, "--replace") as seen:
        await seen.answers("Language")
        await seen.answers("tickets and screens")
        await seen.answers("What is the branch called?", "Elm Street")
        await seen.says("What is its id?")
        os.killpg(seen.process.pid, signal.SIGINT)  # as the terminal does
        assert await seen.ended() == INTERRUPTED
        await seen.says("interrupted")
    assert _files(tmp_path) == before
    assert config.read_text() == "# by hand\n"


async def test_what_cannot_be_done_is_refused_in_a_sentence_before_any_question(tmp_path: Path) -> None:
    answers = tmp_path / "answers.toml"
    answers.write_text('[branch]\nid = "b"\nname = "Elm Street"\nlanguage = "de"\n')
    config = tmp_path / "etc/lobby/branch.toml"
    config.parent.mkdir(parents=True)
    config.write_text("# by hand\n")

    async def refused(*arguments: object) -> tuple[int | None, list[str]]:
        code, out, err = await processes.ended(
            LOBBY, "setup", "--root", tmp_path, *map(str, arguments), stdin=asyncio.subprocess.DEVNULL
        )
        assert out == b""
        return code, err.decode().splitlines()

    assert await refused() == (
        2,
        ["the questions need a terminal; give the answers by --answers FILE, or ask in a browser by --page"],
    )
    assert await refused("--answers", answers) == (
        1,
        [f"{config} is there already; --replace writes another, and keeps this one beside it"],
    )
    code, said = await refused("--answers", answers, "--replace")
    assert code == 2
    assert f'{answers}:4: branch.language: "de" does not fit; it takes "zh" or "en"' in said
    assert config.read_text() == "# by hand\n"
    nowhere = tmp_path / "none.toml"
    code, _, err = await processes.ended(LOBBY, "run", "--config", nowhere)
    assert (code, err.decode()) == (
        2,
        f"{nowhere}: there is no such file; make it: sudo lobby setup --config {nowhere}\n",
    )
