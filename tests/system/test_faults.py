"""What goes wrong in branches, one thing at a time: it is said once, delays nobody else, and heals by itself."""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from disks import small_disk

from drivers.terminal68 import Key
from simulators.buttons import Buttons
from simulators.disk import INDEX, LOCK, LOG, Disk, beside, cut, delete, move
from system.branch import HALL, HOUSE, MQTT, PRINTER, TERMINALS, WINDOWS, Branch
from system.broker import Mosquitto
from system.network import Network
from system.port import Port
from system.waiting import until

BUS_ONLY = (HOUSE, MQTT, TERMINALS)

PROMPT = 2.5
"""Seconds in which a press must be answered whatever happens elsewhere: less than any device's time-out."""

# Vectors: the device sheet's, or made from its layout.
CALL_AT_1 = bytes.fromhex("FF 68 03 03 68 01 01 0C 0E 16")
CALL_AT_2 = bytes.fromhex("FF 68 03 03 68 02 01 0C 0F 16")
WRONG_SUM = bytes.fromhex("FF 68 03 03 68 01 01 0C 0F 16")
CALL_AT_77 = bytes.fromhex("FF 68 03 03 68 4D 01 0C 5A 16")
BEEP_AT_2 = bytes.fromhex("FF 68 02 02 68 02 03 05 16")


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


# -- the broker ----------------------------------------------------------------------------------------------


async def test_the_broker_goes_and_comes(tmp_path: Path, own_broker: Mosquitto) -> None:
    press = {"key": "TAKE", "boot": "same", "seq": 7}
    async with Branch(tmp_path, own_broker.port, (HOUSE, MQTT, TERMINALS, HALL)) as branch:
        async with Network(own_broker.port, branch.root) as network:
            first = await network.send("kiosk/kiosk", press)
            await until(lambda: {"board", "status", "keypad/3/screen", "device/hall"} <= network.levels.keys())
            levels = {topic for topic in network.levels if topic != "status"}
        own_broker.stop()
        await until(lambda: branch.logged("mqtt: not connected"))
        await branch.key(1, Key.CALL)  # the bus works on
        own_broker.start()
        async with Network(own_broker.port, branch.root, boot="other") as network:
            await until(lambda: network.levels.get("status") == "online")
            await until(lambda: network.levels.keys() >= levels)
            assert network.board("A001") == "1"
            assert network.levels["keypad/3/screen"]["waiting"] == 0
            assert await network.send("kiosk/kiosk", press) == first
            assert await take(network) == "A002"
        assert branch.tickets("ticket_issued") == ["A001", "A002"]
        assert len(branch.logged("mqtt: not connected")) == 1
        assert len(branch.logged("mqtt: works again")) == 1


async def test_a_press_delivered_again_acts_once_also_after_a_restart(tmp_path: Path, broker: Mosquitto) -> None:
    press = {"key": "TAKE", "boot": "again", "seq": 0}
    call = {"key": "CALL", "boot": "again", "seq": 0}
    async with running(tmp_path, broker, HOUSE, MQTT) as (branch, network):
        taken, called = await network.send("kiosk/kiosk", press), await network.send("keypad/3", call)
        assert (taken["ticket"], called["ticket"]) == ("A001", "A001")
        assert await network.send("kiosk/kiosk", press) == taken
        await branch.kill()
        await branch.start()
        assert await network.send("kiosk/kiosk", press) == taken
        assert await network.send("keypad/3", call) == called
        assert branch.tickets("ticket_issued") == branch.tickets("ticket_called") == ["A001"]


BAD_PRESSES: list[tuple[str, bytes, dict[str, Any]]] = [
    ("kiosk/kiosk", b"", {"boot": None, "seq": None, "result": "error"}),
    ("kiosk/kiosk", b"{", {"boot": None, "seq": None, "result": "error"}),
    ("kiosk/kiosk", b"\xff\xfe", {"boot": None, "seq": None, "result": "error"}),
    ("kiosk/kiosk", b"[" * 2000, {"boot": None, "seq": None, "result": "error"}),
    ("kiosk/kiosk", b"7", {"boot": None, "seq": None, "result": "error"}),
    ("kiosk/kiosk", b'{"key":"TAKE","boot":"b","seq":1,"x":"' + b"x" * 3000 + b'"}', {"seq": None, "result": "error"}),
    ("kiosk/kiosk", b'{"key":"TAKE","boot":"b"}', {"boot": "b", "seq": None, "result": "error"}),
    ("kiosk/kiosk", b'{"key":"TAKE","boot":"b","seq":-1}', {"boot": "b", "seq": None, "result": "error"}),
    ("kiosk/kiosk", b'{"key":"TAKE","boot":"b","seq":"1"}', {"boot": "b", "seq": None, "result": "error"}),
    ("kiosk/kiosk", b'{"key":"TAKE","boot":"","seq":1}', {"boot": "", "seq": 1, "result": "error"}),
    ("kiosk/kiosk", b'{"key":7,"boot":"b","seq":2}', {"boot": "b", "seq": 2, "result": "error"}),
    ("kiosk/kiosk", b'{"key":"DANCE","boot":"b","seq":3}', {"boot": "b", "seq": 3, "result": "error"}),
    ("kiosk/kiosk", b'{"key":"TAKE","service":"love","boot":"b","seq":4}', {"seq": 4, "result": "refused"}),
    ("kiosk/other", b'{"key":"TAKE","boot":"b","seq":5}', {"boot": "b", "seq": 5, "result": "error"}),
    ("keypad/9", b'{"key":"CALL","boot":"b","seq":6}', {"boot": "b", "seq": 6, "result": "error"}),
    ("keypad/1", b'{"key":"CALL","boot":"b","seq":7}', {"boot": "b", "seq": 7, "result": "error"}),
    ("keypad/3", b'{"key":"CALL","digits":"1x","boot":"b","seq":8}', {"seq": 8, "result": "error"}),
    ("keypad/3", b'{"key":"CALL","digits":"1234567","boot":"b","seq":9}', {"seq": 9, "result": "error"}),
    ("panel/manager", b'{"key":"CANCEL","ticket":"A999","boot":"b","seq":10}', {"seq": 10, "result": "refused"}),
    ("panel/other", b'{"key":"GREEN","boot":"b","seq":11}', {"seq": 11, "result": "error"}),
    ("keypad/3", b'{"key":"CALL","boot":"b","seq":12,"at":1000}', {"seq": 12, "result": "refused"}),
]


async def test_bad_presses_are_answered(tmp_path: Path, broker: Mosquitto) -> None:
    async with running(tmp_path, broker, HOUSE, MQTT) as (branch, network):
        for device, payload, wanted in BAD_PRESSES:
            before = len(network.heard)
            await network.publish(f"{device}/press", payload)
            answers = await until(lambda d=device, b=before: network.answers_at(d, b))
            assert wanted.items() <= answers[0].items(), (payload[:80], answers)
            assert answers[0]["text"], payload[:80]
            assert answers[0]["ticket"] == "", payload[:80]
        assert branch.rows("ticket_issued", "ticket_called", "counter_opened") == []
        old = {"key": "TAKE", "boot": "b", "seq": 20, "at": time.time_ns() // 1_000_000 - 10_500}
        assert (await network.send("kiosk/kiosk", old))["result"] == "refused"
        recent = {"key": "TAKE", "boot": "b", "seq": 21, "at": time.time_ns() // 1_000_000 - 3000}
        assert (await network.send("kiosk/kiosk", recent))["result"] == "ok"


async def test_a_retained_press_is_ignored(tmp_path: Path, broker: Mosquitto) -> None:
    retained = {"key": "TAKE", "boot": "old", "seq": 1}
    async with (
        Branch(tmp_path, broker.port, (HOUSE, MQTT), starts=False) as branch,
        Network(broker.port, branch.root) as network,
    ):
        await network.publish("kiosk/kiosk/press", retained, retain=True)
        await branch.start()
        assert await take(network) == "A001"
        assert network.answers("kiosk/kiosk", "old", 1) == []
        await network.publish("kiosk/kiosk/press", b"", retain=True)


@asynccontextmanager
async def pressing(branch: Branch) -> AsyncIterator[Buttons]:
    """The MQTT devices of a branch."""
    async with Buttons("127.0.0.1", branch.port, branch.id, Random(1)) as buttons:
        yield buttons


async def test_a_press_with_the_retain_flag_is_refused_by_name(tmp_path: Path, own_broker: Mosquitto) -> None:
    async with running(tmp_path, own_broker, HOUSE, MQTT) as (branch, _), pressing(branch) as buttons:
        buttons.faults.retain = True
        for _ in range(2):
            answer = await buttons.press("kiosk/kiosk", key="TAKE")
            assert (answer["result"], "retain flag" in answer["text"]) == ("refused", True)
        buttons.faults.retain = False
        assert (await buttons.press("kiosk/kiosk", key="TAKE"))["ticket"] == "A001"
        assert len(branch.logged("kiosk/kiosk: ")) == 1


@pytest.mark.parametrize("fast", [-11.0, 11.0, 3600.0, -1.7e9])
async def test_a_clock_that_is_wrong_is_named_until_it_is_right(tmp_path: Path, broker: Mosquitto, fast: float) -> None:
    async with running(tmp_path, broker, HOUSE, MQTT) as (branch, network), pressing(branch) as buttons:
        buttons.faults.fast = 0.0
        assert (await buttons.press("kiosk/kiosk", key="TAKE"))["ticket"] == "A001"
        buttons.faults.fast = fast
        for _ in range(3):
            answer = await buttons.press("kiosk/kiosk", key="TAKE")
            assert (answer["result"], "set its clock" in answer["text"]) == ("refused", True)
        assert len(branch.logged("kiosk/kiosk: ")) == 1
        buttons.faults.fast = 0.0
        assert (await buttons.press("kiosk/kiosk", key="TAKE"))["ticket"] == "A002"
        assert len(branch.logged("kiosk/kiosk: its clock is right again")) == 1
        press = {"key": "TAKE", "boot": "b", "seq": 1}
        given = await network.send("kiosk/kiosk", press)
        assert await network.send("kiosk/kiosk", {**press, "at": 1000}) == given, "it has acted already"
        assert given["ticket"] == "A003"
        assert len(branch.logged("kiosk/kiosk: ")) == 2


async def test_what_others_publish_in_the_controllers_place_is_put_right(tmp_path: Path, broker: Mosquitto) -> None:
    async with running(tmp_path, broker, HOUSE, MQTT, HALL) as (branch, network), pressing(branch) as buttons:
        await until(lambda: {"status", "device/hall", "keypad/3/screen"} <= network.levels.keys())
        for topic, payload in (("status", "offline"), ("device/hall", '{"state":"ok"}'), ("keypad/3/screen", "{}")):
            right = network.levels[topic]
            for _ in range(2):
                before = len(network.heard)
                await buttons.meddle(topic, payload)
                await until(lambda t=topic, b=before: len([h for h in network.heard[b:] if h.topic == t]) == 2)
                assert network.levels[topic] == right
            (line,) = branch.logged(f"mqtt: somebody else has published on {branch.root}{topic},")
            assert "acl_file" in line


async def test_what_is_taken_out_of_the_configuration_is_taken_off_the_broker(
    tmp_path: Path, broker: Mosquitto
) -> None:
    async with running(tmp_path, broker, HOUSE, MQTT, HALL) as (branch, network):
        await until(lambda: {"device/hall", "keypad/3/screen"} <= network.levels.keys())
        await branch.stop()
        text = branch.config.read_text()
        keypad = MQTT[MQTT.index("[[device]]") : MQTT.index('[[device]]\nid = "manager"')]
        for part in (keypad, HALL.format(directory=branch.directory)):
            assert part in text
            text = text.replace(part, "")
        branch.config.write_text(text)
        await network.publish("keypad/3/note", b'"theirs"', retain=True)
        await branch.start()
        await until(lambda: network.levels["device/hall"] == network.levels["keypad/3/screen"] == "")
        async with Network(broker.port, branch.root) as late:
            await until(lambda: {"board", "device/mqtt", "keypad/3/note"} <= late.levels.keys())
            assert late.levels["status"] == "online"
            assert not {"device/hall", "keypad/3/screen"} & late.levels.keys()
        await network.publish("keypad/3/note", b"", retain=True)


# -- cables --------------------------------------------------------------------------------------------------


async def test_cables_pulled_and_put_back(tmp_path: Path, broker: Mosquitto) -> None:
    devices = ("terminals", "hall", "window-1", "printer")
    async with running(tmp_path, broker, HOUSE, MQTT, PRINTER, TERMINALS, HALL, WINDOWS) as (branch, network):
        await take(network)
        await until(lambda: branch.tickets("ticket_printed"))
        await branch.key(1, Key.CALL)
        await until(lambda: branch.window("1")[0] == "A001")
        for id in devices:
            branch.placed(id).wire.unplug()
        for id in devices:
            await network.device(id, "offline")
        assert (await network.press("kiosk/screen", "TAKE"))["printed"] is False
        await network.press("panel/manager", "REASSIGN", ticket="A002", counter="3")
        assert (await network.press("keypad/3", "CALL"))["ticket"] == "A002"
        for id in devices:
            branch.placed(id).wire.plug()
        for id in devices:
            await network.device(id)
        await until(lambda: branch.bus.terminals[1].ticket == "001")
        await until(lambda: branch.bus.terminals[1].waiting == "000")
        await until(lambda: branch.window("1") == ("A001", "Counter 1"))
        await until(lambda: branch.hall.lines()[:2] == ["A002 Counter 3", "A001 Counter 1"])
        assert await take(network) == "A003"
        await until(lambda: branch.tickets("ticket_printed") == ["A001", "A003"], 15)
        assert len(branch.papers()) == 2
        for id in devices:
            assert len(branch.logged(f"{id}: not connected")) == 1
            assert len(branch.logged(f"{id}: works again")) == 1


# -- the printer ---------------------------------------------------------------------------------------------


def _paper(branch: Branch, state: str) -> None:
    branch.placed("printer").wire.faults.paper = "out" if state == "out" else "ok"


def _cover(branch: Branch, state: str) -> None:
    branch.placed("printer").wire.faults.cover_open = state == "out"


@pytest.mark.parametrize(("turn", "detail"), [(_paper, "out of paper"), (_cover, "cover open")])
async def test_a_printer_that_cannot_print(
    tmp_path: Path, broker: Mosquitto, turn: Callable[[Branch, str], None], detail: str
) -> None:
    async with running(tmp_path, broker, HOUSE, MQTT, PRINTER) as (branch, network):
        turn(branch, "out")
        await network.device("printer", "degraded")
        assert network.levels["device/printer"]["detail"] == detail
        await until(lambda: any(detail in notice for notice in network.levels["board"]["notices"]))
        refused = await network.press("kiosk/kiosk", "TAKE")
        assert refused["result"] == "refused"
        assert detail in refused["text"]
        assert "lobby manager" in refused["text"]
        assert branch.rows("ticket_issued") == []
        shown = await network.press("kiosk/screen", "TAKE")
        assert (shown["result"], shown["ticket"], shown["printed"]) == ("ok", "A001", False)

        turn(branch, "in")
        await network.device("printer")
        await until(lambda: network.levels["board"]["notices"] == [])
        assert await take(network) == "A002"
        await until(lambda: branch.tickets("ticket_printed") == ["A002"])
        assert len(branch.papers()) == 1
        assert "A002" in branch.papers()[0]
        assert len(branch.logged(f"printer: {detail}")) == 1
        assert len(branch.logged("printer: works again")) == 1


async def test_paper_that_ends_in_the_middle_of_a_ticket(tmp_path: Path, broker: Mosquitto) -> None:
    async with running(tmp_path, broker, HOUSE, MQTT, PRINTER) as (branch, network):
        await take(network)
        await until(lambda: "A001" in branch.printer.strip.words)
        _paper(branch, "out")
        await network.device("printer", "degraded")
        assert branch.papers() == []
        _paper(branch, "ok")
        await until(lambda: branch.tickets("ticket_printed") == ["A001"])
        assert len(branch.papers()) == 1
        assert branch.rows("print_unknown") == []


async def test_a_printer_unplugged_in_the_middle_of_a_ticket(tmp_path: Path, broker: Mosquitto) -> None:
    async with running(tmp_path, broker, HOUSE, MQTT, PRINTER) as (branch, network):
        await take(network)
        await until(lambda: "A001" in branch.printer.strip.words)
        branch.placed("printer").wire.unplug()
        await until(lambda: branch.tickets("print_unknown") == ["A001"])
        await until(lambda: any("A001" in notice for notice in network.levels["board"]["notices"]))
        branch.placed("printer").wire.plug()
        await network.device("printer")
        assert await take(network) == "A002"
        await until(lambda: branch.tickets("ticket_printed") == ["A002"])
        torn, whole = branch.papers()
        assert "A001" in torn
        assert "A001" not in whole
        assert "A002" in whole

        again = await network.press("panel/manager", "REPRINT")
        assert (again["result"], again["ticket"]) == ("ok", "A001")
        await until(lambda: branch.tickets("ticket_printed") == ["A002", "A001"])
        assert "REPRINT / 补打" in branch.papers()[2]
        assert "A001" in branch.papers()[2]
        await until(lambda: network.levels["board"]["notices"] == [])


async def test_a_cable_lost_inside_a_command_while_the_printer_keeps_its_power(
    tmp_path: Path, broker: Mosquitto
) -> None:
    async with running(tmp_path, broker, HOUSE, MQTT, PRINTER) as (branch, network):
        await take(network)
        await until(lambda: branch.tickets("ticket_printed") == ["A001"])
        (model,) = branch.papers()
        wire = branch.placed("printer").wire
        wire.faults.keeps_power, wire.faults.cut_after = True, 355  # in the text of the code
        await take(network)
        await until(lambda: branch.tickets("print_unknown") == ["A002"])
        await network.device("printer", "offline")
        wire.plug()
        await network.device("printer")
        assert await take(network) == "A003"
        await until(lambda: branch.tickets("ticket_printed") == ["A001", "A003"], 15)
        *torn, whole = branch.papers()[1:]
        assert "A003" in whole
        assert len(whole.splitlines()) == len(model.splitlines())
        assert not any("A003" in paper for paper in torn)
        assert branch.rows("print_unknown")[1:] == []


async def test_a_ticket_under_way_at_a_crash_is_offered_for_reprint(tmp_path: Path, broker: Mosquitto) -> None:
    async with running(tmp_path, broker, HOUSE, MQTT, PRINTER) as (branch, network):
        await take(network)
        since = network.levels["device/printer"]["since"]
        await branch.kill()
        await branch.start()
        assert branch.tickets("print_unknown") == ["A001"]
        await until(lambda: any("A001" in notice for notice in network.levels["board"]["notices"]))
        await until(lambda: network.levels["device/printer"]["since"] != since)  # it is known anew
        await network.device("printer")
        await take(network)
        await until(lambda: branch.tickets("ticket_printed") == ["A002"])
        assert [paper.count("A002") for paper in branch.papers()][-1] == 1
        assert sum("A001" in paper for paper in branch.papers()) <= 1
        assert "A001" not in branch.papers()[-1]


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
    if not branch.bus.waits_for_echo(2):  # it has given up, and its clerk presses again
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


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
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


@pytest.mark.parametrize("suffixes", [("",), JOURNAL, (*JOURNAL, LOCK)], ids=["file", "with its log", "with its lock"])
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


@pytest.mark.parametrize("suffixes", [("",), JOURNAL], ids=["file", "with its log"])
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


@pytest.mark.parametrize("suffix", ["", LOG], ids=["file", "log"])
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


@pytest.mark.parametrize("suffixes", [(LOG,), (INDEX,), (LOG, INDEX)], ids=" ".join)
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


# -- devices that hang ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("hung", ["terminals", "hall", "window-1", "printer"])
async def test_a_device_that_hangs_delays_nobody_else(tmp_path: Path, broker: Mosquitto, hung: str) -> None:
    parts = [HOUSE, MQTT, TERMINALS, HALL, WINDOWS, *([PRINTER] if hung == "printer" else [])]
    async with running(tmp_path, broker, *parts) as (branch, network):
        branch.placed(hung).wire.faults.hang = True
        slowest = 0.0
        for number in range(1, 13):
            began = time.monotonic()
            await network.press("kiosk/screen", "TAKE")
            await network.press("keypad/3", "CALL")
            slowest = max(slowest, time.monotonic() - began)
            if hung != "hall":
                await until(lambda n=number: branch.hall.lines()[:1] == [f"A{n:03d} Counter 3"], PROMPT)
        assert slowest < PROMPT
        if hung != "terminals":
            await network.press("kiosk/screen", "TAKE")
            await branch.key(1, Key.CALL)
            await until(lambda: branch.bus.terminals[1].ticket == "013", PROMPT)
            await until(lambda: hung == "window-1" or branch.window("1")[0] == "A013", PROMPT)
        branch.placed(hung).wire.faults.hang = False
        branch.placed(hung).wire.poke()
        if hung == "terminals":
            await network.press("kiosk/screen", "TAKE")
            await branch.key(1, Key.CALL)
        await until(lambda: branch.bus.terminals[1].ticket == "013")
        await until(lambda: branch.window("1") == ("A013", "Counter 1"))
        await until(lambda: branch.hall.lines()[:2] == ["A013 Counter 1", "A012 Counter 3"])
        if hung in ("hall", "printer"):
            await network.device(hung)


async def test_a_hung_board_is_reported_and_comes_back(tmp_path: Path, broker: Mosquitto) -> None:
    async with running(tmp_path, broker, HOUSE, MQTT, HALL) as (branch, network):
        branch.placed("hall").wire.faults.hang = True
        await network.press("kiosk/kiosk", "TAKE")
        await network.press("keypad/3", "CALL")
        await network.device("hall", "degraded")
        branch.placed("hall").wire.faults.hang = False
        branch.placed("hall").wire.poke()
        await network.device("hall")
        await until(lambda: branch.hall.lines()[:1] == ["A001 Counter 3"])
        assert len(branch.logged("hall: it does not answer")) == 1
        assert len(branch.logged("hall: works again")) == 1


# -- noise on the bus ----------------------------------------------------------------------------------------


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[Port]:
    port = Port(tmp_path / "dev" / "terminals")
    yield port
    port.close()


@asynccontextmanager
async def with_bus(directory: Path, broker: Mosquitto, **more: Any) -> AsyncIterator[tuple[Branch, Network]]:
    """A branch whose bus is in the test's hands."""
    async with (
        Branch(directory, broker.port, BUS_ONLY, plugged=False, **more) as branch,
        Network(broker.port, branch.root) as network,
    ):
        await network.device("terminals")
        yield branch, network


async def test_a_wrong_sum_gets_no_echo(tmp_path: Path, broker: Mosquitto, bus: Port) -> None:
    async with with_bus(tmp_path, broker) as (branch, network):
        await take(network)
        bus.send(WRONG_SUM)
        await network.device("terminals", "degraded")
        assert network.levels["device/terminals"]["detail"] == "broken frames on the line"
        bus.send(CALL_AT_2)
        await until(lambda: CALL_AT_2 in bus.heard)
        assert CALL_AT_1 not in bus.heard
        assert WRONG_SUM not in bus.heard
        assert [row.data["counter"] for row in branch.rows("ticket_called")] == ["2"]
        bus.send(WRONG_SUM * 3 + CALL_AT_1)
        await until(lambda: CALL_AT_1 in bus.heard)
        assert WRONG_SUM not in bus.heard
        assert len(branch.logged("terminals: broken frames")) == 1


async def test_an_unknown_bus_address_is_one_sentence(tmp_path: Path, broker: Mosquitto, bus: Port) -> None:
    async with with_bus(tmp_path, broker) as (branch, network):
        bus.send(CALL_AT_77 * 3)
        bus.send(CALL_AT_2)
        await until(lambda: BEEP_AT_2 in bus.heard)
        assert CALL_AT_77 not in bus.heard
        said = [line for line in branch.log().splitlines() if "77" in line]
        assert len(said) == 1
        assert "address 77" in said[0]
        assert network.levels["device/terminals"]["state"] == "ok"


async def test_a_flood_of_garbage(tmp_path: Path, broker: Mosquitto, bus: Port) -> None:
    """A quarter of a megabyte of noise: presses elsewhere are answered meanwhile, and the bus works afterwards."""
    seed = 68
    random = Random(seed)
    noise = random.randbytes(200_000) + bytes.fromhex("FF 68 05 05 68") * 10_000
    async with with_bus(tmp_path, broker) as (branch, network):
        bus.send(noise)
        slowest = 0.0
        while not bus.sent:
            began = time.monotonic()
            await take(network)
            slowest = max(slowest, time.monotonic() - began)
        assert slowest < PROMPT
        assert branch.process
        frames = len(bus.heard)
        bus.send(bytes(20) + CALL_AT_2)
        await until(lambda: CALL_AT_2 in bus.heard[frames:])
        await take(network)
        called = {row.data["counter"] for row in branch.rows("ticket_called")}
        assert called == {"2"}, f"noise of seed {seed} was taken for a key"
        await network.device("terminals", "degraded")
        assert len(branch.logged("terminals: broken frames")) == 1


async def test_an_echo_lost_in_a_crash(tmp_path: Path, broker: Mosquitto, bus: Port) -> None:
    """The press is in the journal, its echo never came: what the terminal sends again is the same press."""
    repeat_ms = 5000
    async with with_bus(tmp_path, broker, repeat_ms=repeat_ms) as (branch, network):
        await take(network)
        await take(network)
        bus.send(CALL_AT_1)
        (call,) = await until(lambda: branch.rows("ticket_called"))
        await branch.kill()
        bus.heard.clear()
        await branch.start()
        await network.device("terminals")
        bus.send(CALL_AT_1)
        await until(lambda: CALL_AT_1 in bus.heard)
        assert time.time() * 1000 < call.at + repeat_ms, "too slow a machine for this test"
        assert branch.tickets("ticket_called") == ["A001"]
        bus.send(CALL_AT_2)
        await until(lambda: branch.tickets("ticket_called") == ["A001", "A002"])


async def test_the_answer_to_a_press_stands_in_the_vectors(tmp_path: Path, broker: Mosquitto, bus: Port) -> None:
    """Byte for byte: the echo first, then the ticket, then the count."""
    async with with_bus(tmp_path, broker) as (_, network):
        for _ in range(17):
            await take(network)
        await until(lambda: b"\x00\x01\x07\x0a\x0a\x0a" in bus.heard)
        before = len(bus.heard)
        bus.send(CALL_AT_2)
        shows_001 = bytes.fromhex("FF 68 08 08 68 02 02 0A 0A 0A 00 00 01 23 16")
        await until(lambda: CALL_AT_2 + shows_001 in bus.heard[before:])
        assert json.dumps(network.levels["board"]["waiting"]) == '{"cash": 16, "personal": 0}'
        bus.send(CALL_AT_2)
        await until(lambda: bus.heard[before:].count(CALL_AT_2) == 2)
        assert network.events("ticket_called")[1:] == []
