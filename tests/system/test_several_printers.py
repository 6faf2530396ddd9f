"""Two ticket printers of a branch: buttons, a kiosk's page and copies, while one of them lacks paper."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import pytest

from bench.ports import free_port
from controller.web.accounts import Accounts
from simulators.devices.escpos import PrinterFarEnd
from system.branch import HOUSE, MQTT, PRINTER, Branch
from system.broker import Mosquitto
from system.served import WEB, Client, on_screen
from system.test_reload import reload, rewrite
from system.troubles import running, take
from system.waiting import until

SECOND = """\
fallback = "printer-2"

[[device]]
id = "printer-2"
driver = "escpos"
name = "Printer by the lift"
link = "serial:{directory}/dev/printer-2?baud=115200"
accounts = ["kiosk-lift"]

[[device]]
id = "lift"
driver = "mqtt-kiosk"
hold_off = 0
printer = "printer-2"
"""


def papers(branch: Branch, printer: str) -> list[str]:
    """The ticket on each paper of a printer."""
    far_end = branch.placed(printer).far_end
    assert isinstance(far_end, PrinterFarEnd)
    return [next((word for word in paper.words.split() if word.startswith("A0")), "") for paper in far_end.tickets]


@pytest.mark.long
async def test_two_printers_of_which_one_and_then_both_lack_paper(tmp_path: Path, broker: Mosquitto) -> None:
    web = free_port()
    parts = (HOUSE, MQTT, PRINTER, SECOND, WEB.replace("{port}", str(web)))
    async with running(tmp_path, broker, *parts) as (branch, network):
        assert branch.settings.web
        with closing(Accounts(branch.settings.web.accounts, time.time)) as accounts:
            tokens = {name: accounts.add(name, "kiosk") for name in ("kiosk-lift", "kiosk-door")}
        lift, door = (Client(web, {"Authorization": f"Bearer {token}"}) for token in tokens.values())
        await on_screen(lift)

        for place in ("kiosk/kiosk", "kiosk/lift"):
            assert (await network.press(place, "TAKE"))["result"] == "ok"
        assert [await client.take() for client in (door, lift)] == ["A003", "A004"]
        await until(lambda: len(branch.tickets("ticket_printed")) == 4)
        assert (papers(branch, "printer"), papers(branch, "printer-2")) == (["A001", "A003"], ["A002", "A004"])

        branch.placed("printer").wire.faults.paper = "out"
        await network.device("printer", "degraded")
        notice = "Ticket printer: out of paper; its tickets come out of Printer by the lift"
        await until(lambda: network.levels["board"]["notices"] == [notice])
        assert (await network.press("kiosk/kiosk", "TAKE"))["ticket"] == "A005"
        assert (await door.get("/api/kiosk")).json["paper"]
        copy = await network.press("panel/manager", "REPRINT", ticket="A001")
        assert copy["result"] == "ok"
        await until(lambda: len(papers(branch, "printer-2")) == 4)
        assert papers(branch, "printer-2")[2:] == ["A005", "A001"]
        assert branch.rows("ticket_reprinted")[0].data["printer"] == "printer-2"

        branch.placed("printer-2").wire.faults.cover_open = True
        await network.device("printer-2", "degraded")
        refused = await network.press("kiosk/lift", "TAKE")
        assert "cover open" in refused["text"]
        assert "out of paper" in (await network.press("kiosk/kiosk", "TAKE"))["text"]
        branch.placed("printer").wire.faults.paper = "ok"
        await network.device("printer")
        assert [(await client.get("/api/kiosk")).json["paper"] for client in (lift, door)] == [False, True]
        assert "Printer by the lift: cover open; its buttons give no tickets" in network.levels["board"]["notices"]
        assert (await network.press("kiosk/kiosk", "TAKE"))["ticket"] == "A006"
        await until(lambda: papers(branch, "printer") == ["A001", "A003", "A006"])


@pytest.mark.long
async def test_a_printer_that_is_changed_while_it_prints_leaves_no_ticket_without_an_end(
    tmp_path: Path, broker: Mosquitto
) -> None:
    async with running(tmp_path, broker, HOUSE, MQTT, PRINTER) as (branch, network):
        for _ in range(2):
            assert await take(network)
        await until(lambda: "A001" in branch.printer.strip.words)
        branch.placed("printer").wire.faults.paper = "out"
        await network.device("printer", "degraded")
        rewrite(branch, ('driver = "escpos"\n', 'driver = "escpos"\nlate = true\n'))
        code, said = await reload(branch)
        assert code == 0, said
        await until(lambda: branch.tickets("print_unknown") == ["A001", "A002"])
        branch.placed("printer").wire.faults.paper = "ok"
        await until(lambda: (network.levels["device/printer"] or {}).get("state") == "ok")
        assert await take(network) == "A003"
        await until(lambda: branch.tickets("ticket_printed") == ["A003"])
        assert papers(branch, "printer")[-1] == "A003"
