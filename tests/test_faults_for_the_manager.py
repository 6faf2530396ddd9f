"""The list of what the lobby manager should know or do now."""

from __future__ import annotations

from typing import Any

import pytest
from branches import MINUTE_MS, NINE, Lobby, branch, wording

from controller.devices.kit import kinds
from controller.devices.naming import names
from controller.lobby.actions.ask_help import AskHelp
from controller.lobby.actions.open_counter import Open
from controller.lobby.actions.report_print import ReportPrint
from controller.lobby.model.paper import Printer
from controller.lobby.show.faults import faults

RULES = branch({"1": {"cash": 0}, "2": {"personal": 0}})


def device(state: str, detail: str, since: int = NINE, **more: Any) -> dict[str, Any]:
    return {"state": state, "detail": detail, "since": since, "name": "", "remedy": "", "prints": False} | more


def told(lobby: Lobby, devices: dict[str, dict[str, Any]] | None = None, paper: str = "ready", **more: Any) -> Any:
    """(severity, name, text, remedy, since) of each."""
    printers = [] if paper == "none" else [Printer("printer", paper)]
    found = faults(lobby.state, lobby.rules, lobby.now, devices or {}, printers, **({"records": True} | more))
    return [(each["severity"], each["name"], each["text"], each["remedy"], each["since"]) for each in found]


def test_the_worst_comes_first_and_each_once_with_what_helps() -> None:
    lobby = Lobby(RULES)
    lobby.do(Open(at=lobby.now, cause="", counter="1"))
    lobby.take("personal")
    ticket = lobby.take("cash", paper="ready")
    lobby.do(ReportPrint(at=lobby.now, cause="", ticket=ticket, copy=1, result="unknown"))
    lobby.wait(2)
    lobby.do(AskHelp(at=lobby.now, cause="", counter="1"))
    devices = {
        "hall": device("offline", "it does not answer", NINE - 5, name="Hall board", remedy="check that it is on"),
        "reader": device("degraded", "several cards in a row could not be read", name="Card reader"),
        "pad": device("ok", "the port is open"),
        "printer": device(
            "offline", "out of paper", NINE + 9, name="Ticket printer", remedy="put in a new roll", prints=True
        ),
    }
    assert told(lobby, devices, "paper_end", records=False) == [
        (
            "urgent",
            "",
            "Nothing can be recorded: no press acts, and no ticket is given",
            "its disk is full or away: call whoever looks after the controller; it goes on by itself",
            0,
        ),
        (
            "urgent",
            "Ticket printer",
            "out of paper",
            "put in a new roll",
            NINE + 9,
        ),
        (
            "urgent",
            "Counter 1",
            "asks you to come",
            "when you have been there, the counter presses HELP again",
            NINE + 2 * MINUTE_MS,
        ),
        ("fault", "Hall board", "it does not answer", "check that it is on", NINE - 5),
        (
            "fault",
            "",
            "Personal: people are waiting, and none of its own counters is open",
            "open one of them, or move the tickets",
            0,
        ),
        (
            "fault",
            "",
            f"1 tickets may not have been printed: {ticket}",
            "reprint them under “Without a paper ticket”",
            0,
        ),
        ("warning", "Card reader", "several cards in a row could not be read", "", NINE),
    ]
    lobby.do(AskHelp(at=lobby.now, cause="", counter="1"))
    assert "Counter 1" not in {name for _, name, *_ in told(lobby)}


def test_a_printer_whose_driver_has_not_said_it_yet_is_told_all_the_same_and_what_passes_is_no_alarm() -> None:
    lobby = Lobby(RULES)
    works = {"printer": device("ok", "", name="Printer by the door", prints=True)}
    assert told(lobby, works) == told(lobby, {}, "none") == []
    (fault,) = told(lobby, works, "cover_open")
    assert fault[:4] == ("urgent", "Printer by the door", "cover open", "close the cover")
    (fault,) = told(lobby, works, "printer_busy")
    assert fault[0] == "warning"
    (fault,) = told(lobby, {"lamp": device("degraded", "")})
    assert fault[:3] == ("warning", "lamp", "it does not work as it should")


@pytest.mark.parametrize(("language", "manager"), [("zh", "大堂经理"), ("en", "lobby manager")])
def test_nobody_sends_the_lobby_manager_to_the_lobby_manager(language: str, manager: str) -> None:
    """Neither the list nor a refusal at the panel; customers' sentences do."""
    templates = wording(language).templates
    theirs = {key: text for key, text in templates.items() if key.startswith(("fault.", "device.", "advice."))}
    others = ("several_fit", "cannot_print", "which_ticket", "already_paused", "counter_not_open", "counter_busy")
    theirs |= {code: templates[f"refused.{code}"] for code in others}
    assert {key: text for key, text in theirs.items() if manager in text} == {}
    assert manager in templates["refused.printer_down"]


def test_devices_have_names_that_people_know() -> None:
    every = {driver: kind.settings for driver, kind in kinds().items()}
    assert {f"kind.{driver}" for driver in every} <= wording("en").templates.keys()

    def of(id: str, driver: str, **more: Any) -> Any:
        return every[driver].model_construct(id=id, driver=driver, **more)

    devices = [
        of("printer", "escpos"),
        of("w10", "vfd", counter="10"),
        of("w2", "vfd", counter="2"),
        of("b1", "bx"),
        of("b2", "bx"),
        of("b3", "bx", name="Board upstairs"),
    ]
    assert list(names(devices, wording("en")).items()) == [
        ("mqtt", "MQTT broker"),
        ("printer", "Ticket printer"),
        ("w2", "Window display, counter 2"),
        ("w10", "Window display, counter 10"),
        ("b1", "Hall board (b1)"),
        ("b2", "Hall board (b2)"),
        ("b3", "Board upstairs"),
    ]


def test_a_terminal_that_was_never_heard_is_a_warning_and_not_where_the_line_is_down() -> None:
    lobby = Lobby(RULES)
    bus = {"name": "Call terminals", "silent": ("3", "5")}
    assert [each[:3] for each in told(lobby, {"bus": device("ok", "", **bus)})] == [
        ("warning", "Call terminals", "never heard: address 3, 5, though its counter is open")
    ]
    assert [each[2] for each in told(lobby, {"bus": device("offline", "no port", **bus)})] == ["no port"]
