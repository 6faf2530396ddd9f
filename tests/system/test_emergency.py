"""A bad day with the real daemon: no paper, numbers from the roll, and the power goes in the middle of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from bench import processes
from controller.control import ask
from drivers.terminal68 import Key
from system.branch import HALL, HOUSE, LOBBY, MQTT, PRINTER, TERMINALS, Branch
from system.broker import Mosquitto
from system.network import Network
from system.waiting import until

ROLL = """
[[roll]]
prefix = "X"
from = 1
to = 500
key = 9

[[emergency_plan]]
failure = "printer"
notice = "Please take a number from Ms Li"
"""


async def test_numbers_from_the_roll_are_there_once_across_a_power_cut(tmp_path: Path, broker: Mosquitto) -> None:
    parts = (HOUSE, ROLL, MQTT, PRINTER, TERMINALS, HALL)
    async with Branch(tmp_path, broker.port, parts) as branch, Network(broker.port, branch.root) as network:
        await network.device("printer")
        assert (await network.press("kiosk/kiosk", "TAKE"))["ticket"] == "A001"
        await until(lambda: branch.tickets("ticket_printed") == ["A001"])

        # No paper: the emergency is declared at a bare button of the panel, and all are told where to go.
        branch.placed("printer").wire.faults.paper = "out"
        await network.device("printer", "degraded")
        declared = await network.press("panel/manager", "EMERGENCY")
        assert (declared["result"], declared["text"]) == ("ok", "emergency declared: Printer out of order")
        for kiosk in ("kiosk/kiosk", "kiosk/screen"):
            refused = await network.press(kiosk, "TAKE")
            assert (refused["result"], refused["text"]) == ("refused", "Please take a number from Ms Li")
        await until(lambda: network.levels["board"]["notices"] == ["Please take a number from Ms Li"])

        # Numbers that nobody has entered are called, at a keypad by all digits and at a terminal by the last two; then
        # the power goes, and comes back.
        called = await network.press("keypad/3", "CALL", digits="016")
        assert called["text"] == "X016 to counter 3"
        await branch.key(1, Key.CALL, "17")
        await until(lambda: branch.hall.lines()[:1] == ["X017 Counter 1"])
        await branch.kill()
        await branch.start()
        await network.device("terminals")
        await until(lambda: branch.hall.lines()[:1] == ["X017 Counter 1"])
        status = next(ask(branch.settings.journal_path, {"do": "status"}, 10))["status"]
        assert {"emergency", "device:printer"} & {fault["id"] for fault in status["faults"]} >= {"emergency"}
        again = await network.press("kiosk/kiosk", "TAKE")
        assert again["result"] == "refused"

        # The range is entered afterwards, twice: what is there already is said, and stays as it is.
        entered = await network.press("panel/manager", "ROLL", numbers="X014-X019", service="cash")
        assert entered["text"] == (
            "4 numbers of the roll entered, X014 to X019; 2 were there already and stay as they are: X016 X017"
        )
        twice = await network.press("panel/manager", "ROLL", numbers="X014-X019", service="cash")
        assert (twice["result"], twice["text"]) == ("refused", "all 6 numbers from X014 to X019 are there already")
        record = (LOBBY, "record", "ROLL", "numbers=X014-X019", "--config", branch.config)
        code, _, err = await processes.ended(*record)
        assert (code, err) == (1, b"all 6 numbers from X014 to X019 are there already\n")
        one = await network.press("panel/manager", "ROLL", numbers="X017")
        assert one["text"] == "X017 is there already: called to counter 1"
        elsewhere = await network.press("keypad/3", "CALL", digits="9017")
        assert elsewhere["text"] == "X017 is at counter 1"
        calls = branch.tickets("ticket_called")
        await branch.kill()
        await branch.start()
        await network.device("terminals")
        assert branch.tickets("ticket_called") == calls == ["X016", "X017"]
        await branch.key(1, Key.CALL)
        await branch.key(1, Key.CALL)
        # Numbers were entered within seconds of the printed one, so that either may count as having come first.
        assert branch.tickets("ticket_called")[2:] in (["A001", "X014"], ["X014", "A001"], ["X014", "X015"])

        # There is paper again.
        branch.placed("printer").wire.faults.paper = "ok"
        await network.device("printer")
        assert (await network.press("panel/manager", "ENDEMERGENCY"))["result"] == "ok"
        assert (await network.press("kiosk/kiosk", "TAKE"))["ticket"] == "A002"
        await until(lambda: network.levels["board"]["notices"] == [])
        issued = Counter(branch.tickets("ticket_issued"))
        assert set(issued.values()) == {1}
        assert {row.data["ticket"] for row in branch.rows("ticket_issued") if row.data.get("roll")} == {
            f"X0{n}" for n in range(14, 20)
        }
        await until(lambda: branch.tickets("ticket_printed") == ["A001", "A002"])
        assert all("X0" not in paper for paper in branch.papers())

        code, out, err = await processes.ended(LOBBY, "emergency", "--config", branch.config, tmp_path / "sheet.html")
        assert (code, out, err) == (0, b"", b"")
        page = (tmp_path / "sheet.html").read_text("utf-8")
        assert page.count("<section>") == 7
        for words in ("Please take a number from Ms Li", "应急取号登记表", "Register of paper numbers", "X001-X500"):
            assert words in page
