"""Several ticket printers: which of them prints, what waits for one that cannot, and what people are told of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from branches import NINE, branch

from controller.devices.escpos import LATE, PrinterAdapter
from controller.devices.hub import Hub
from controller.engine import Request, Step
from controller.journal import Journal
from controller.lobby.actions.call_next import CallNext
from controller.lobby.actions.command import Command
from controller.lobby.actions.day import RollOver
from controller.lobby.actions.open_counter import Open
from controller.lobby.actions.report_device import ReportDevice
from controller.lobby.actions.report_print import PrintDropped
from controller.lobby.actions.reprint import Reprint, TicketReprinted
from controller.lobby.actions.take_ticket import TakeTicket, TicketIssued
from controller.lobby.aggregate import Aggregate, Row
from controller.lobby.answers import answer
from controller.lobby.model.outcome import Refusal
from controller.lobby.model.paper import (
    Chosen,
    Printer,
    chosen,
    chosen_for_copy,
    of_account,
    stops_tickets,
)
from controller.lobby.model.state import Print
from controller.lobby.show.faults import faults
from drivers.device import Health
from drivers.escpos import EscposPrinter
from drivers.session import LinkUp
from simulators.devices.escpos import PrinterFarEnd
from simulators.faults import Faults

RULES = branch({"1": {"cash": 0}})
TWO_DAYS_MS = 2 * 86_400_000


def printer(id: str, paper: str = "ready", fallback: str = "", **more: Any) -> Printer:
    return Printer(id, paper, fallback, **more)


@pytest.mark.parametrize(
    ("printers", "own", "expected", "copy"),
    [
        ([], "", Chosen("none"), Chosen("none")),
        ([printer("a")], "", Chosen("ready"), Chosen("ready")),
        ([printer("a", "paper_end")], "", Chosen("paper_end"), Chosen("paper_end")),
        ([printer("a"), printer("b")], "", Chosen("ready", "a"), Chosen("ready", "a")),
        ([printer("a"), printer("b")], "b", Chosen("ready", "b"), Chosen("ready", "b")),
        ([printer("a"), printer("b")], "gone", Chosen("ready", "a"), Chosen("ready", "a")),
        ([printer("a", "offline"), printer("b")], "a", Chosen("offline", "a"), Chosen("ready", "b")),
        ([printer("a", "offline", "b"), printer("b")], "a", Chosen("ready", "b"), Chosen("ready", "b")),
        (
            [printer("a", "offline", "b"), printer("b", "paper_end", "a")],
            "b",
            Chosen("paper_end", "b"),
            Chosen("paper_end", "b"),
        ),
        (
            [printer("a", "offline", "b"), printer("b", "paper_end", late=True)],
            "a",
            Chosen("paper_end", "b", late=True),
            Chosen("paper_end", "b", late=True),
        ),
        (
            [printer("a", "offline", "b"), printer("b", "paper_end", "c"), printer("c")],
            "a",
            Chosen("ready", "c"),
            Chosen("ready", "c"),
        ),
    ],
)
def test_which_printer_prints(printers: list[Printer], own: str, expected: Chosen, copy: Chosen) -> None:
    assert chosen(printers, own) == expected
    assert chosen_for_copy(printers, own) == copy


def test_an_account_has_the_printer_that_names_it() -> None:
    printers = [printer("a"), printer("b", accounts=("kiosk-2",))]
    assert [of_account(printers, account) for account in ("kiosk-2", "kiosk-1")] == ["b", ""]


@pytest.mark.parametrize(
    ("printers", "stops"),
    [
        ([printer("a", "offline"), printer("b")], [True, False]),
        ([printer("a", "offline", "b"), printer("b")], [False, False]),
        ([printer("a", "offline", "b"), printer("b", "paper_end")], [True, True]),
        ([printer("a", "ready", "b"), printer("b", "paper_end")], [False, False]),
        ([printer("a"), printer("b", "paper_end")], [False, True]),
    ],
)
def test_where_tickets_are_lacking(printers: list[Printer], stops: list[bool]) -> None:
    assert [stops_tickets(printers, each) for each in printers] == stops


class House:
    """A lobby that decides at once, and printers on ideal wires; time passes by `wait` alone. `printers`: what the
    adapter of each is told of it beside its id; the driver's settings are under `driver`."""

    def __init__(self, journal: Journal, **printers: dict[str, Any]) -> None:
        self.now = 0.0
        self.lobby = Aggregate(RULES)
        self.requests: list[Request] = []
        self.rows: list[Row] = []
        self.hub = Hub(RULES, journal, self.requests.append, lambda: True, lambda: self.ms, steady=lambda: self.now)
        self.faults = {id: Faults() for id in printers}
        self.far_ends = {id: PrinterFarEnd(self.faults[id], seconds_per_line=0.001) for id in printers}
        self.drivers: dict[str, EscposPrinter] = {}
        for id, about in printers.items():
            self.drivers[id] = EscposPrinter(baud=None, **about.pop("driver", {}))
            adapter = PrinterAdapter(
                id,
                self.drivers[id],
                lambda language, fields: f"{fields['ticket']} {fields['reprint']}\n\x1dV\x01".encode("gbk"),
                self.hub.context,
                lambda: None,
                **about,
            )
            self.hub.add(adapter)
            self.hub.names[id] = f"Printer {id}"
            self.far_ends[id].plugged(0.0)
        for id, driver in self.drivers.items():
            self._tell(id, driver.connected(0.0))
        self.wait(5)

    @property
    def ms(self) -> int:
        return NINE + round(self.now * 1000)

    def do(self, command: Command) -> Any:
        """What a command leads to: a refusal, or its last event."""
        decision = self.lobby.do(command)
        rows, self.lobby.rows = self.lobby.rows, []
        self.rows += rows
        if rows:
            self.hub.published(Step(rows, self.lobby.state))
        return decision[-1] if isinstance(decision, list) and decision else decision

    def take(self, own: str = "", **more: Any) -> Any:
        about = self.hub.context.printing(own)
        about.pop("printers")
        command = TakeTicket(at=self.ms, cause="", by=f"kiosk/{own}", **(about | more))
        result = self.do(command)
        self.wait(0)
        return result

    def reprint(self, ticket: str) -> Any:
        printers = self.hub.context.printers()
        return self.do(Reprint(at=self.ms, cause="", by="panel", ticket=ticket, printers=printers))

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            self._exchange()
            alarms = [each.next_deadline() for each in (*self.drivers.values(), *self.far_ends.values())]
            at = min(alarm for alarm in alarms if alarm is not None)
            if at > end:
                break
            self.now = max(self.now, at)
            for id, driver in self.drivers.items():
                self._tell(id, driver.tick(self.now))
                self.far_ends[id].tick(self.now)
        self.now = end

    def _exchange(self) -> None:
        said = True
        while said:
            said = False
            for id, driver in self.drivers.items():
                while data := driver.data_to_send(self.now):
                    said = True
                    self.far_ends[id].receive(data, self.now)
                for message in self.far_ends[id].data_to_send(self.now):
                    said = True
                    self._tell(id, driver.receive(message, self.now))
            while self.requests:
                self.do(self.requests.pop(0).command)

    def _tell(self, id: str, facts: Sequence[object]) -> None:
        for fact in facts:
            self.hub.heard(id, fact)

    def papers(self, id: str) -> list[str]:
        """The words of each paper that a printer has cut off."""
        return [paper.words.strip() for paper in self.far_ends[id].tickets]

    def events(self, kind: type) -> list[Any]:
        return [row.event for row in self.rows if isinstance(row.event, kind)]

    def status(self, ticket: str) -> Print:
        return self.lobby.state.tickets[ticket].print

    def what_the_manager_sees(self) -> list[tuple[str, str, str]]:
        devices = {id: report.for_people() for id, report in self.hub._reports.items()}
        found = faults(self.lobby.state, RULES, self.ms, devices, self.hub.printers(), records=True)
        return [(each["severity"], each["name"], each["text"]) for each in found]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "lobby.db")
    yield journal
    journal.close()


def test_with_one_printer_nothing_names_it(journal: Journal) -> None:
    house = House(journal, a={})
    issued = house.take()
    house.wait(5)
    assert "printer" not in issued.to_row()
    assert "printer" not in house.reprint(issued.ticket).to_row()
    house.wait(5)
    assert [paper.split()[0] for paper in house.papers("a")] == ["A001", "A001"]
    assert house.status("A001") is Print.PRINTED


def test_each_place_has_its_own_printer(journal: Journal) -> None:
    house = House(journal, a={}, b={})
    for own in ("b", "", "a", "b"):
        house.take(own)
    house.wait(5)
    assert [event.to_row()["printer"] for event in house.events(TicketIssued)] == ["b", "a", "a", "b"]
    assert [paper.split()[0] for paper in house.papers("a")] == ["A002", "A003"]
    assert [paper.split()[0] for paper in house.papers("b")] == ["A001", "A004"]


def test_another_printer_prints_in_the_place_of_one_without_paper(journal: Journal) -> None:
    house = House(journal, a={"fallback": "b"}, b={})
    house.faults["a"].paper = "out"
    house.wait(5)
    assert house.take("a").printer == "b"
    house.wait(5)
    assert (house.papers("a"), house.papers("b")) == ([], ["A001"])
    assert house.hub.notices() == ["Printer a: out of paper; its tickets come out of Printer b"]
    assert house.what_the_manager_sees() == [
        ("warning", "Printer a", "out of paper; its tickets come out of Printer b")
    ]

    house.faults["b"].paper = "out"
    house.wait(5)
    refused = house.take("a")
    assert isinstance(refused, Refusal)
    assert "out of paper" in refused.text(RULES.wording)
    assert [severity for severity, _, _ in house.what_the_manager_sees()] == ["urgent", "urgent"]
    (notice,) = house.hub.notices()
    assert notice.startswith("No paper tickets at the moment (out of paper)")

    house.faults["a"].paper = "ok"
    house.wait(5)
    assert house.take("a").printer == "a"


def test_without_another_printer_only_the_buttons_of_one_give_no_tickets(journal: Journal) -> None:
    house = House(journal, a={}, b={})
    house.faults["b"].cover_open = True
    house.wait(5)
    assert isinstance(house.take("b"), Refusal)
    assert house.take("a").printer == "a"
    assert house.hub.notices() == ["Printer b: cover open; its buttons give no tickets"]


def test_a_copy_comes_out_where_it_can_and_a_ticket_that_waits_does_not_come_out_as_well(journal: Journal) -> None:
    house = House(journal, a={}, b={})
    house.take("a")
    house.take("a")  # while the first is being printed
    house.faults["a"].paper = "out"
    house.wait(5)
    assert house.what_the_manager_sees()[0][2] == (
        "out of paper; tickets waiting for it: 2, printed once it works again"
    )
    again = house.reprint("A002")
    assert isinstance(again, TicketReprinted)
    assert (again.printer, again.copy) == ("b", 2)
    house.wait(5)
    house.faults["a"].paper = "ok"
    house.wait(30)
    assert [paper.split()[0] for paper in house.papers("a")] == ["A001"]
    assert house.papers("b")[0].split()[:2] == ["A002", "REPRINT"]
    assert house.status("A002") is Print.PRINTED


def test_tickets_that_wait_for_paper_come_out_in_order_but_not_those_that_were_called(journal: Journal) -> None:
    house = House(journal, a={})
    for _ in range(4):
        house.take()  # in one moment: the first is being printed
    house.faults["a"].paper = "out"
    house.wait(5)
    assert "Printer a: out of paper; tickets waiting for it: 4, printed once it works again" in house.hub.notices()
    house.do(Open(at=house.ms, cause="", counter="1"))
    for _ in range(2):
        house.do(CallNext(at=house.ms, cause="", counter="1", sure=True))
    house.wait(LATE)
    house.faults["a"].paper = "ok"
    house.wait(30)
    assert [event.ticket for event in house.events(PrintDropped)] == ["A002"]
    assert (house.status("A002"), house.lobby.state.tickets["A002"].copies) == (Print.NONE, 0)
    assert [paper.split()[0] for paper in house.papers("a")] == ["A001", "A003", "A004"]
    assert [house.status(f"A00{n}") for n in (1, 3, 4)] == [Print.PRINTED] * 3
    assert "REPRINT" not in "".join(house.papers("a"))


def test_a_ticket_that_is_called_at_once_is_still_printed(journal: Journal) -> None:
    house = House(journal, a={})
    house.do(Open(at=house.ms, cause="", counter="1"))
    house.take()
    house.take()
    house.faults["a"].paper = "out"
    for _ in range(2):
        house.do(CallNext(at=house.ms, cause="", counter="1", sure=True))
    house.wait(LATE / 2)
    house.faults["a"].paper = "ok"
    house.wait(30)
    assert [paper.split()[0] for paper in house.papers("a")] == ["A001", "A002"]


def test_more_tickets_than_may_wait_are_refused_and_those_that_wait_are_kept(journal: Journal) -> None:
    house = House(journal, a={"driver": {"queue_limit": 2}})
    taken = [house.do(TakeTicket(at=house.ms, cause=str(n), by="kiosk", paper="ready")) for n in range(6)]
    assert all(isinstance(each, TicketIssued) for each in taken), "pressed in one moment"
    (known,) = house.hub.printers()
    assert known.paper == "printer_busy"
    house.faults["a"].paper = "out"
    house.wait(1)
    assert [each.paper for each in house.hub.printers()] == ["paper_end"], "what helps comes first"
    house.faults["a"].paper = "ok"
    assert isinstance(house.do(TakeTicket(at=house.ms, cause="", by="kiosk", paper=known.paper)), Refusal)
    house.wait(30)
    assert [paper.split()[0] for paper in house.papers("a")] == [f"A00{n}" for n in range(1, 7)]


def test_what_a_screen_has_shown_may_be_printed_late_and_in_order(journal: Journal) -> None:
    house = House(journal, a={"late": 2})
    house.faults["a"].cover_open = True
    house.wait(5)
    assert isinstance(house.take(), Refusal), "a button shows no number"
    assert house.events(TicketIssued) == []
    taken = [house.take(screen=True) for _ in range(3)]
    assert [(each.paper, each.late) for each in taken] == [(True, True), (True, True), (False, None)]
    assert not any(answer(RULES, house.lobby.state, [each]).printed for each in taken)
    assert "Printer a: cover open; tickets waiting for it: 2, printed once it works again" in house.hub.notices()
    house.faults["a"].cover_open = False
    house.wait(30)
    assert [paper.split()[0] for paper in house.papers("a")] == ["A001", "A002"]
    assert house.take(screen=True).late is None


def test_yesterdays_tickets_are_not_printed_with_todays_numbers(journal: Journal) -> None:
    house = House(journal, a={})
    for _ in range(3):
        house.take()
    house.faults["a"].paper = "out"
    house.wait(5)
    house.do(RollOver(at=house.ms + TWO_DAYS_MS, cause=""))
    house.faults["a"].paper = "ok"
    house.wait(30)
    assert len(house.papers("a")) == 1, "the one that was being printed"


def test_after_a_start_each_printer_has_the_tickets_that_it_was_printing(journal: Journal) -> None:
    before = House(journal, a={}, b={})
    before.take("a")
    before.take("b")
    state = before.lobby.state
    after = House(journal, a={}, b={})
    after.requests.clear()
    after.hub.begin(state)
    commands = [request.command for request in after.requests if not isinstance(request.command, ReportDevice)]
    assert sorted((command.cause.split(":")[0], command.ticket) for command in commands) == [
        ("a", "A001"),
        ("b", "A002"),
    ]


def test_a_printer_that_is_no_longer_configured_leaves_its_tickets_to_the_first(journal: Journal) -> None:
    before = House(journal, a={}, b={})
    before.take("b")
    after = House(journal, a={})
    after.requests.clear()
    after.hub.begin(before.lobby.state)
    assert [getattr(request.command, "result", "") for request in after.requests] == ["unknown"]
    after.lobby.state = before.lobby.state
    after.wait(1)
    assert after.reprint("A001").to_row().get("printer") is None
    after.wait(5)
    cut_off, copy = after.papers("a")
    assert (cut_off, copy.split()[:2]) == ("", ["A001", "REPRINT"])


def test_a_printer_that_is_taken_out_of_the_configuration_leaves_nothing_without_an_end(journal: Journal) -> None:
    house = House(journal, a={}, b={})
    for _ in range(3):
        house.take("a")
    house.hub.remove("a")
    house.wait(0)
    assert [house.status(f"A00{n}") for n in (1, 2, 3)] == [Print.UNKNOWN] * 3
    assert [printer.id for printer in house.hub.printers()] == ["b"]
    assert house.take("a").printer is None, "it is the only one now"
    house.wait(5)
    assert [paper.split()[0] for paper in house.papers("b")] == ["A004"]


def test_a_ticket_that_was_being_printed_when_its_session_was_ended_has_an_end(journal: Journal) -> None:
    """As when the devices are examined: what the driver says at the end of a session is not heard."""
    house = House(journal, a={})
    for _ in range(2):
        house.take()
    house.drivers["a"].disconnected(house.now)
    assert house.drivers["a"].undone
    house._tell("a", [LinkUp()])
    house._tell("a", house.drivers["a"].connected(house.now))
    house.wait(30)
    assert [house.status(ticket) for ticket in ("A001", "A002")] == [Print.UNKNOWN, Print.PRINTED]
    assert house.hub.printers()[0].waiting == 0


def test_the_first_printer_is_the_first_of_the_file_also_after_it_was_made_again(journal: Journal) -> None:
    house = House(journal, a={}, b={})
    again = house.hub._adapters["a"]
    house.hub.remove("a")
    house.hub.add(again)
    assert [printer.id for printer in house.hub.printers()] == ["a", "b"]


def test_what_a_printer_can_report_is_logged_once(journal: Journal, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    house = House(journal, a={})
    for _ in range(3):
        house._tell("a", house.drivers["a"].disconnected(house.now))
        house._tell("a", house.drivers["a"].connected(house.now))
        house.wait(5)
    lines = [record.getMessage() for record in caplog.records if "reports" in record.getMessage()]
    assert lines == ["a: it reports its state by itself; it confirms each ticket once it is on paper"]


def test_a_printer_known_to_report_is_sent_nothing_while_it_is_silent(journal: Journal) -> None:
    house = House(journal, a={"driver": {"reports": True}, "details": {"no_answer": "network_no_answer"}})
    assert house.drivers["a"].ready
    silent = EscposPrinter(baud=None, reports=True)
    facts: list[object] = list(silent.connected(0.0))
    now = 0.0
    while now < 20:
        while silent.data_to_send(now):
            pass
        now += 0.25
        facts += silent.tick(now)
    assert Health("degraded", "no_answer") in facts
    assert not silent.ready
