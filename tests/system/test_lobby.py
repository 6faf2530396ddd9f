"""A lobby from the outside: what customers, clerks, dashboards and auditors see of a running daemon."""

from __future__ import annotations

import asyncio
import re
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from bench import processes
from bench.ports import free_port
from controller.control import ask
from controller.operation.repeated_lines import AT_ONCE
from drivers.terminal68 import Key
from system.branch import EVERYTHING, HALL, HOUSE, LOBBY, MQTT, TERMINALS, WINDOWS, Branch
from system.broker import Mosquitto
from system.network import Network
from system.waiting import until


@pytest.fixture
async def branch(tmp_path: Path, broker: Mosquitto) -> AsyncIterator[Branch]:
    """A running branch without a printer."""
    async with Branch(tmp_path, broker.port, (HOUSE, MQTT, TERMINALS, HALL, WINDOWS)) as branch:
        yield branch


@pytest.fixture
async def network(branch: Branch, broker: Mosquitto) -> AsyncIterator[Network]:
    async with Network(broker.port, branch.root) as network:
        await network.device("terminals")
        yield network


@asynccontextmanager
async def with_printer(directory: Path, broker: Mosquitto, *parts: str) -> AsyncIterator[tuple[Branch, Network]]:
    """A branch with everything, or with these parts, whose printer is ready."""
    async with (
        Branch(directory, broker.port, parts or EVERYTHING) as branch,
        Network(broker.port, branch.root) as network,
    ):
        await network.device("printer")
        yield branch, network


async def take(network: Network, *services: str) -> list[str]:
    """Tickets for these services, taken one after the other."""
    answers = [await network.press("kiosk/kiosk", "TAKE", service=service) for service in services]
    assert [answer["result"] for answer in answers] == ["ok"] * len(answers)
    return [answer["ticket"] for answer in answers]


async def test_a_ticket_is_printed_and_called_everywhere(tmp_path: Path, broker: Mosquitto) -> None:
    async with with_printer(tmp_path, broker) as (branch, network):
        answer = await network.press("kiosk/kiosk", "TAKE", service="cash")
        (issued,) = branch.rows("ticket_issued")
        assert answer == {"boot": network.boot, "seq": 0, "result": "ok", "ticket": "A001", "text": "A001"}
        assert issued.cause == f"mqtt:kiosk/kiosk:{network.boot}:0"
        assert {"ticket": "A001", "service": "cash", "class": "normal", "seniority": issued.at // 1000}.items() <= (
            issued.data.items()
        )
        await until(branch.papers)
        assert "A001" in branch.papers()[0]
        assert "Cash" in branch.papers()[0]
        assert "REPRINT" not in branch.papers()[0]
        await until(lambda: branch.tickets("ticket_printed") == ["A001"])
        await until(lambda: branch.bus.terminals[1].waiting == "001")

        await branch.key(1, Key.CALL)
        (called,) = branch.rows("ticket_called")
        assert {"ticket": "A001", "counter": "1", "forced": False}.items() <= called.data.items()
        assert called.data["why"]["text"]
        await until(lambda: branch.bus.terminals[1].ticket == "001")
        await until(lambda: branch.window("1") == ("A001", "Counter 1"))
        await until(lambda: branch.hall.lines()[:1] == ["A001 Counter 1"])
        await until(lambda: branch.bus.terminals[1].waiting == "000")
        await until(lambda: network.board("A001") == "1")
        assert network.events("ticket_called") == [called.data]
        assert network.levels["board"]["waiting"] == {"cash": 0, "personal": 0}
        assert branch.bus.terminals[2].ticket == ""
        assert branch.bus.terminals[1].beeps == 0


async def test_a_chinese_ticket(tmp_path: Path, broker: Mosquitto) -> None:
    parts = [part.replace('language = "en"', 'language = "zh"').replace('"Cash"', '"现金业务"') for part in EVERYTHING]
    async with with_printer(tmp_path, broker, *parts) as (branch, network):
        await take(network, "cash")
        await until(branch.papers)
        assert "A001" in branch.papers()[0]
        assert "现金业务" in branch.papers()[0]
        await branch.key(1, Key.CALL)
        await until(lambda: branch.hall.lines()[:1] == ["A001→1号窗口"])


async def test_keys_of_a_terminal(branch: Branch, network: Network) -> None:
    await take(network, "cash", "cash")
    bus, terminal = branch.bus, branch.bus.terminals[1]
    await branch.key(1, Key.CALL)

    await branch.key(1, Key.RECALL)
    assert [row.data["times"] for row in branch.rows("ticket_recalled")] == [1]

    await branch.key(1, Key.CONFIRM, "6")
    assert branch.rows("ticket_missed")[0].data == {"ticket": "A001", "counter": "1", "press": "01060f"}
    await until(lambda: terminal.ticket == "")
    await until(lambda: branch.window("1") == ("WELCOME", "Counter 1"))
    await until(lambda: branch.hall.lines()[0] == "")

    before = branch.rows("ticket_issued")[0].data["seniority"]
    assert (await network.press("panel/manager", "RETURN", ticket="A001"))["result"] == "ok"
    assert branch.rows("ticket_returned")[0].data["seniority"] == before + 5 * 60

    await branch.key(1, Key.CALL)
    assert branch.tickets("ticket_called") == ["A001", "A002"]
    await branch.key(1, Key.CONFIRM, "0")
    assert branch.rows("ticket_held")[0].data["counter"] == "1"
    await branch.key(1, Key.CALL)
    await until(lambda: terminal.ticket == "001")
    await branch.key(1, Key.CONFIRM, "3")
    assert branch.tickets("ticket_finished") == ["A001"]
    assert branch.rows("ticket_called")[-1].data["forced"]
    await until(lambda: terminal.ticket == "002")

    await branch.key(1, Key.TRANSFER, "2")
    assert branch.rows("ticket_transferred")[-1].data["service"] == "personal"
    await branch.key(2, Key.CALL)
    await until(lambda: bus.terminals[2].ticket == "002")
    await branch.key(2, Key.TRANSFER, "03")
    assert branch.rows("ticket_transferred")[-1].data["counter"] == "3"
    assert (await network.press("keypad/3", "CALL"))["ticket"] == "A002"

    await branch.key(1, Key.PAUSE, "2")
    assert branch.rows("counter_paused")[0].data["reason"] == "2"
    await until(lambda: branch.window("1")[0] == "BACK SOON")
    await branch.key(1, Key.PAUSE)
    await until(lambda: branch.window("1")[0] == "WELCOME")
    await branch.key(1, Key.PAUSE, "9")
    assert branch.rows("counter_closed")[0].data == {"counter": "1", "press": "010912"}
    await until(lambda: branch.window("1")[0] == "CLOSED")


async def test_calls_out_of_the_ordinary(branch: Branch, network: Network) -> None:
    """Refused with nobody waiting and nothing in hand; by number; with nobody waiting, but a ticket in hand."""
    terminal = branch.bus.terminals[1]
    await branch.key(1, Key.CALL)
    await until(lambda: terminal.beeps == 1)
    await until(lambda: terminal.waiting == "000")
    assert branch.rows("ticket_called", "counter_opened") == []
    answer = await network.press("keypad/3", "CALL")
    assert (answer["result"], answer["text"]) == ("refused", "none waiting")

    await take(network, "cash", "cash", "cash")
    await branch.key(1, Key.CALL, "03")
    called = branch.rows("ticket_called")[0].data
    assert (called["ticket"], called["forced"]) == ("A003", True)

    assert [(await network.press("keypad/3", "CALL"))["ticket"] for _ in range(3)] == ["A001", "A002", ""]
    assert branch.tickets("ticket_finished") == ["A001", "A002"]
    assert branch.rows("ticket_finished")[-1].data["none_waiting"] is True


async def test_keys_of_a_network_keypad(branch: Branch, network: Network) -> None:
    def screen() -> tuple[str, str]:
        level = network.levels["keypad/3/screen"]
        return level["ticket"], level["state"]

    await take(network, "personal", "cash")
    await until(lambda: network.levels["keypad/3/screen"]["waiting"] == 2)
    assert network.levels["keypad/3/screen"]["next"] == "B001"
    answer = await network.press("keypad/3", "CALL")
    assert (answer["result"], answer["ticket"], answer["text"]) == ("ok", "B001", "B001 to counter 3")
    await until(lambda: screen() == ("B001", "called"))
    for key, digits, result, kind in (
        ("RECALL", "", "ok", "ticket_recalled"),
        ("START", "", "ok", "service_started"),
        ("HOLD", "", "ok", "ticket_held"),
        ("UNHOLD", "", "ok", "ticket_called"),
        ("TRANSFER", "1", "ok", "ticket_transferred"),
        ("CALL", "01", "refused", None),  # A001 and B001 wait
        ("CALL", "", "ok", "ticket_called"),
        ("NOSHOW", "", "ok", "ticket_missed"),
        ("CALL", "001", "refused", None),  # one waits, and one did not come when this counter called
        ("CALL", "", "ok", "ticket_called"),
        ("FINISH", "", "ok", "ticket_finished"),
        ("FINISH", "", "refused", None),
        ("PAUSE", "3", "ok", "counter_paused"),
        ("CALL", "", "refused", None),
        ("CLOSE", "", "ok", "counter_closed"),
    ):
        answer = await network.press("keypad/3", key, digits=digits)
        assert (answer["result"], bool(answer["text"])) == (result, True), (key, answer)
        cause = f"mqtt:keypad/3:{network.boot}:{answer['seq']}"
        assert [row.kind for row in branch.rows() if row.cause == cause][-1:] == ([kind] if kind else []), key
    assert branch.tickets("ticket_called") == ["B001", "B001", "B001", "A001"]
    await until(lambda: screen() == ("", "closed"))
    assert network.levels["keypad/3/screen"]["text"] == "Press CALL to open counter 3"


async def test_a_button_pressed_again_gives_the_same_ticket(branch: Branch, network: Network) -> None:
    presses = [
        await network.press("kiosk/patient", "TAKE", service=service) for service in ("cash", "cash", "personal")
    ]
    assert [answer["ticket"] for answer in presses] == ["A001", "A001", "B001"]
    assert branch.tickets("ticket_issued") == ["A001", "B001"]


async def test_the_managers_buttons(tmp_path: Path, broker: Mosquitto) -> None:
    async with with_printer(tmp_path, broker) as (branch, network):
        await take(network, "cash", "cash", "cash")
        await until(lambda: len(branch.papers()) == 3)

        green = await network.press("panel/manager", "GREEN", reason="elderly")
        assert (green["result"], green["ticket"]) == ("ok", "A004")
        await until(lambda: len(branch.papers()) == 4)
        assert "A004" in branch.papers()[3]
        assert "green" in branch.papers()[3].lower()
        issued = branch.rows("ticket_issued")[3].data
        assert (issued["class"], issued["by"], issued["reason"]) == ("green", "panel/manager", "elderly")
        await branch.key(1, Key.CALL)
        assert branch.tickets("ticket_called") == ["A004"]

        assert (await network.press("panel/manager", "GREEN", ticket="A003", reason="disabled"))["result"] == "ok"
        promoted = branch.rows("ticket_promoted")[0].data
        assert promoted == {
            "ticket": "A003",
            "class": "green",
            "reason": "disabled",
            "by": "panel/manager",
        }
        await branch.key(1, Key.CALL)
        assert branch.tickets("ticket_called")[-1] == "A003"

        assert (await network.press("panel/manager", "REASSIGN"))["ticket"] == "A001"
        assert branch.rows("ticket_reassigned")[0].data["any"] is True
        assert (await network.press("keypad/3", "CALL"))["ticket"] == "A001"

        moved = await network.press("panel/manager", "REASSIGN", ticket="A002", counter="3")
        assert moved["result"] == "ok"
        assert branch.rows("ticket_reassigned")[1].data["counter"] == "3"

        cancelled = await network.press("panel/manager", "CANCEL", ticket="A002", reason="left")
        assert cancelled["result"] == "ok"
        assert branch.rows("ticket_cancelled")[0].data["reason"] == "left"
        refused = await network.press("panel/manager", "CANCEL", ticket="A001")
        assert (refused["result"], refused["text"]) == ("refused", "A001 is at counter 3")

        await network.press("panel/manager", "REPRINT", ticket="A001")
        await until(lambda: len(branch.papers()) == 5)
        assert "REPRINT / 补打" in branch.papers()[4]
        assert "A001" in branch.papers()[4]
        assert branch.rows("ticket_reprinted")[0].data == {"ticket": "A001", "copy": 2, "by": "panel/manager"}


async def test_a_rating(branch: Branch, network: Network) -> None:
    await take(network, "cash")
    await branch.key(1, Key.CALL)
    await branch.key(1, Key.EVALUATE)
    await until(lambda: branch.bus.raters[11].asking)
    await branch.rate(11, 4)
    assert branch.rows("rated")[0].data == {"counter": "1", "score": 4, "ticket": "A001", "press": "1104"}
    assert not branch.bus.raters[11].asking


async def test_no_answer_before_the_journal_has_it(tmp_path: Path, broker: Mosquitto) -> None:
    """Somebody else holds the file's write lock: presses are decided, but nobody may hear of it."""
    async with with_printer(tmp_path, broker) as (branch, network):
        await take(network, "cash")
        await until(lambda: network.events("ticket_printed"))
        heard, shown = len(network.heard), branch.window("2")
        with closing(sqlite3.connect(branch.settings.journal_path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            await network.publish("kiosk/kiosk/press", {"key": "TAKE", "boot": "slow", "seq": 1})
            branch.press(2, Key.CALL)
            # What needs no row is answered meanwhile, so the answers to the presses before it could have come as well.
            await network.publish("kiosk/kiosk/press", {"key": "TAKE", "boot": "slow", "seq": -1})
            malformed = await network.answer("kiosk/kiosk", "slow", None, since=heard)
            assert malformed["result"] == "error"
            await branch.key(1, Key.ONE_METRE_LINE)
            assert {message.topic for message in network.heard[heard:]} == {"kiosk/kiosk/press", "kiosk/kiosk/ack"}
            assert network.answers("kiosk/kiosk", "slow", 1) == []
            assert branch.bus.waits_for_echo(2)
            assert branch.window("2") == shown
            assert len(branch.papers()) == 1
            other.execute("ROLLBACK")
        answer = await network.answer("kiosk/kiosk", "slow", 1, since=heard)
        assert (answer["result"], answer["ticket"]) == ("ok", "A002")
        await until(lambda: not branch.bus.waits_for_echo(2))
        await until(lambda: branch.window("2")[0] == "A001")
        assert branch.tickets("ticket_called") == ["A001"]
        await until(lambda: len(branch.papers()) == 2)


# -- starting and stopping -----------------------------------------------------------------------------------


async def test_ready_means_replayed_and_listening(tmp_path: Path, broker: Mosquitto) -> None:
    """A press sent once, the moment that READY is told, is answered, and from the replayed state."""
    async with (
        Branch(tmp_path, broker.port, (HOUSE, MQTT)) as branch,
        Network(broker.port, branch.root) as network,
    ):
        assert await take(network, "cash", "cash") == ["A001", "A002"]
        await branch.kill()
        rows = branch.rows()
        await branch.start()
        assert await take(network, "cash") == ["A003"]
        assert branch.rows()[: len(rows)] == rows


async def test_a_day_that_ended_while_nobody_was_there(tmp_path: Path, broker: Mosquitto) -> None:
    async with (
        Branch(tmp_path, broker.port, (HOUSE, MQTT)) as branch,
        Network(broker.port, branch.root) as network,
    ):
        await take(network, "cash", "cash")
        await network.press("keypad/3", "CALL")
        await branch.stop()
        with closing(sqlite3.connect(branch.settings.journal_path)) as journal:
            journal.execute("DROP TRIGGER event_is_never_changed")
            past = (
                "data = replace(data, day, '2020-02-29'), cause = replace(cause, day, '2020-02-29'), day = '2020-02-29'"
            )
            journal.execute(f"UPDATE event SET {past}")
            journal.commit()
        rows = branch.rows()
        await branch.start()
        new = [(row.kind, row.data) for row in branch.rows()[len(rows) :] if row.kind != "device_changed"]
        assert new[2][1].pop("figures")["customers"] == 1
        assert new[:3] == [
            ("ticket_finished", {"ticket": "A001", "counter": "3"}),
            ("counter_closed", {"counter": "3"}),
            ("day_closed", {"day": "2020-02-29", "unserved": 1}),
        ]
        assert [kind for kind, _ in new[3:] if kind != "record_handed_on"] == ["day_opened"]
        assert (await network.press("keypad/3", "CALL"))["text"] == "none waiting"
        assert (await network.press("keypad/3", "CALL", digits="002"))["result"] == "refused"
        assert await take(network, "cash") == ["A001"]


async def test_ready_with_every_port_missing_and_no_broker(tmp_path: Path) -> None:
    async with Branch(tmp_path, free_port(), plugged=False, starts=False) as branch:
        await branch.start()
        # While it goes on trying, nothing more is said of it.
        await until(lambda: branch.notified.count("WATCHDOG=1") >= 3)
        for id in ("printer", "terminals", "hall", "window-1", "window-2"):
            assert len(branch.logged(f"{id}: its port is not there ({tmp_path}/dev/{id})")) == 1
        assert len(branch.logged("mqtt: nobody listens at its address (127.0.0.1:")) == 1
        assert await branch.stop() == 0


async def test_what_was_missing_at_the_start_is_used_when_it_comes(tmp_path: Path, own_broker: Mosquitto) -> None:
    own_broker.stop()
    async with Branch(tmp_path, own_broker.port, plugged=False) as branch:
        own_broker.start()
        branch.simulated.plug_all()
        async with Network(own_broker.port, branch.root) as network:
            for device in ("printer", "terminals", "hall"):  # each is looked for after a pause of its own
                await network.device(device)
            await take(network, "cash")
            await until(branch.papers)
            await branch.key(1, Key.CALL)
            await until(lambda: branch.hall.lines()[:1] == ["A001 Counter 1"])


async def test_sigterm(branch: Branch, broker: Mosquitto) -> None:
    async with Network(broker.port, branch.root) as network:
        await until(lambda: network.levels.get("status") == "online")
        assert await branch.stop(signal.SIGTERM) == 0
        await until(lambda: network.levels["status"] == "offline")
        assert branch.notified.count("STOPPING=1") == 1
    async with Network(broker.port, branch.root) as later:
        await until(lambda: later.levels.get("status") == "offline")
        assert next(message for message in later.heard if message.topic == "status").retained


async def test_sigterm_in_the_middle_of_presses(branch: Branch, network: Network) -> None:
    """What was answered is in the journal; the rest was not taken."""
    await asyncio.gather(
        *(network.publish("kiosk/screen/press", {"key": "TAKE", "boot": "last", "seq": seq}) for seq in range(200))
    )
    assert await branch.stop(signal.SIGTERM) == 0
    await until(lambda: network.levels["status"] == "offline")
    acks = [message.content for message in network.heard if message.topic == "kiosk/screen/ack"]
    taken = {ack["ticket"] for ack in acks if ack["result"] == "ok"}
    assert taken <= set(branch.tickets("ticket_issued"))
    causes = [row.cause for row in branch.rows("ticket_issued")]
    assert len(causes) == len(set(causes))


async def test_a_line_that_comes_again_and_again_is_counted(branch: Branch) -> None:
    assert branch.process

    def again() -> bool:
        assert branch.process
        branch.process.send_signal(signal.SIGHUP)
        return len(branch.logged(f"{branch.config}: nothing is different")) >= AT_ONCE

    await until(again)
    await asyncio.to_thread(lambda: list(ask(branch.settings.journal_path, {"do": "reload"}, 30)))
    await branch.stop()
    said = [line for line in branch.log().splitlines() if "nothing is different" in line]
    assert len(said) == AT_ONCE + 1
    assert re.fullmatch(r"INFO \d+ more times in \d+ s: .* nothing is different", said[-1])


async def test_kill_leaves_the_will(branch: Branch, network: Network) -> None:
    await until(lambda: network.levels.get("status") == "online")
    await branch.kill()
    await until(lambda: network.levels["status"] == "offline")
    await branch.start()
    await until(lambda: network.levels["status"] == "online")


async def test_the_watchdog_is_fed_while_nobody_presses(branch: Branch) -> None:
    before = branch.notified.count("WATCHDOG=1")
    await until(lambda: branch.notified.count("WATCHDOG=1") >= before + 3, 6)


async def test_nobody_listening_for_notifications_is_no_trouble(tmp_path: Path, broker: Mosquitto) -> None:
    async with Branch(tmp_path, broker.port, (HOUSE, MQTT), starts=False) as branch:
        (tmp_path / "notify").unlink()
        await branch.launch()
        async with Network(broker.port, branch.root) as network:
            await until(lambda: network.levels.get("status") == "online")
            assert await branch.stop() == 0


async def test_the_embedded_broker_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "branch.toml"
    text = (HOUSE + MQTT).format(id="b", directory=tmp_path, port=1)
    config.write_text(text.replace("mqtt://127.0.0.1:1", "embedded"))
    code, out, err = await processes.ended(LOBBY, "run", "--config", config)
    assert code == 2
    assert out == b""
    assert err.decode().count("\n") == 1
    assert "embedded" in err.decode()
    assert not (tmp_path / "lobby.db").exists()


async def test_a_second_daemon_leaves_the_journal_alone(branch: Branch) -> None:
    code, _, err = await processes.ended(LOBBY, "run", "--config", branch.config)
    assert code == 1
    assert "another controller is using this journal" in err.decode()
    assert err.decode().count("\n") == 1


async def test_events_on_mqtt_are_the_journals_rows(branch: Branch, network: Network) -> None:
    await take(network, "cash")
    await branch.key(1, Key.CALL)
    await branch.key(1, Key.CONFIRM, "6")
    await until(lambda: network.events("ticket_missed"))
    told = [message.content for message in network.heard if message.topic == "event"]
    rows = {row.seq: row for row in branch.rows()}
    for event in told:
        row = rows[event["seq"]]
        data = {key: value for key, value in row.data.items() if key != "learned"}
        assert event == {"seq": row.seq, "at": row.at, "kind": row.kind, "data": data}
    assert [event["seq"] for event in told] == sorted(event["seq"] for event in told)


TRIAGE = """
[waiting]
target = 10

[[question]]
id = "begin"
text = "What brings you here?"
answers = [
  {{ id = "small", text = "Small amounts", service = "cash", advice = "Please use the machine." }},
  {{ id = "large", text = "Large amounts", service = "cash" }},
]
"""


@pytest.mark.long
async def test_a_screen_asks_tells_the_wait_and_says_why(tmp_path: Path, broker: Mosquitto) -> None:
    async with (
        Branch(tmp_path, broker.port, (HOUSE, MQTT, TRIAGE)) as branch,
        Network(broker.port, branch.root) as network,
    ):
        await until(lambda: {"triage", "day", "advice"} <= network.levels.keys())
        assert network.levels["triage"]["start"] == "begin"
        advice = await network.press("kiosk/screen", "TAKE", choice="small")
        assert (advice["result"], advice["ticket"], advice["text"]) == ("ok", "", "Please use the machine.")
        assert advice["advice"] is True
        insists = await network.press("kiosk/screen", "TAKE", choice="small", needs=["time"])
        assert (insists["result"], insists["ticket"]) == ("ok", "A001")
        assert "advice" not in insists
        assert (await network.press("kiosk/screen", "TAKE", choice="large"))["ticket"] == "A002"
        nothing = await network.press("kiosk/screen", "TAKE", choice="huge")
        assert (nothing["result"], nothing["text"]) == ("refused", "there is no answer “huge” in the triage")

        assert (await network.press("keypad/3", "CALL"))["ticket"] == "A001"
        await until(lambda: network.levels["keypad/3/screen"]["needs"] == ["time"])
        why = await network.press("panel/manager", "WHY", ticket="A002")
        assert why["result"] == "ok"
        unknown = await network.press("panel/manager", "WHY", ticket="A009")
        assert (unknown["result"], unknown["ticket"]) == ("refused", "")
        written = [row for row in branch.rows() if row.at >= branch.rows("ticket_called")[-1].at]
        assert written[-1].kind == "ticket_called", "a question writes nothing"
        assert why["text"].startswith("At counter 3: A002 is next: ")
        await until(lambda: network.levels["board"]["wait"].keys() == {"cash", "personal"})
        least, most = network.levels["board"]["wait"]["cash"]
        assert 1 <= least <= most
        await until(lambda: network.levels["day"]["customers"] == 2)
        assert network.levels["day"]["self_service"] == {"small": {"advised": 1, "insisted": 1}}
        (issued, other) = branch.rows("ticket_issued")
        assert {"choice": "small", "insisted": True, "needs": ["time"]}.items() <= issued.data.items()
        assert other.data["choice"] == "large"
