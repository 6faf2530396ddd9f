"""What goes wrong in branches, one thing at a time: it is said once, delays nobody else, and heals by itself."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sweeps import long

from drivers.terminal68 import Key
from simulators.buttons import Buttons
from system.branch import HALL, HOUSE, MQTT, PRINTER, TERMINALS, WINDOWS, Branch
from system.broker import Mosquitto
from system.network import Network
from system.troubles import PROMPT, running, take
from system.waiting import until

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


# -- devices that hang ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("hung", ["terminals", long("hall"), long("window-1"), "printer"])
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
