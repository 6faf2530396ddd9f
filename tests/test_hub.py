"""The desk's posts, with a real journal and the real drivers, told what happens by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from branches import NINE, Lobby, hours, local
from halls import RULES, Clocks, Hall, Looker, Slow

from controller.devices.escpos import PrinterAdapter
from controller.devices.hub import LATEST, Hub
from controller.devices.kit import DeviceReport, Display
from controller.devices.mqtt import MqttAdapter
from controller.devices.terminal68 import TerminalsAdapter
from controller.engine import Request, Step
from controller.journal import Journal
from controller.lobby.actions.ask_why import AskWhy
from controller.lobby.actions.call_by_hand import CallByHand
from controller.lobby.actions.call_next import CallNext
from controller.lobby.actions.day import DayOpened
from controller.lobby.actions.no_show import NoShow
from controller.lobby.actions.open_counter import CounterOpened, Open
from controller.lobby.actions.promote import Promote
from controller.lobby.actions.report_device import ReportDevice
from controller.lobby.actions.report_print import ReportPrint
from controller.lobby.actions.take_ticket import TakeTicket
from controller.lobby.actions.undo import Undo
from controller.lobby.actions.windows import AnswerAdvice, CheckWindows
from controller.lobby.aggregate import Row
from controller.lobby.answers import Answer, answer
from controller.lobby.model.state import State
from controller.presses import PAYLOADS, KeypadPayload, KioskPayload
from drivers.device import OK, Echoing, Health
from drivers.escpos import EscposPrinter
from drivers.mqtt import (
    BadPress,
    Foreign,
    Message,
    MqttLobby,
    MqttPress,
)
from drivers.session import LinkDown, LinkUp, Stale
from drivers.terminal68 import Frame, Function, Key, Terminal68

CALL = Frame(1, Function.ANSWER_RATER, bytes([Key.CALL]))
NO_SHOW = Frame(1, Function.ANSWER_RATER, bytes([6, Key.CONFIRM]))


@pytest.fixture(autouse=True)
def _everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "lobby.db")
    yield journal
    journal.close()


def test_two_presses_heard_in_one_millisecond_are_two(journal: Journal) -> None:
    requests: list[Request] = []
    desk = Hub(RULES, journal, requests.append, lambda: True, lambda: NINE)
    bus = Terminal68([1])
    post = TerminalsAdapter("bus", bus, {1: "1"}, {}, desk.context, lambda: None)
    bus.connected(0.0)
    for fact in bus.receive(CALL.to_bytes() + NO_SHOW.to_bytes(), 0.0):
        post.heard(fact)
    commands = [request.command for request in requests]
    assert [type(command) for command in commands] == [CallNext, NoShow]
    assert [command.cause for command in commands] == [f"terminal68:bus:1:{NINE}", f"terminal68:bus:1:{NINE + 1}"]


@pytest.mark.parametrize("by", [-86_400_000, -3_600_000, -2_000, 3_600_000])
def test_a_press_after_the_clock_was_set_has_the_new_time(journal: Journal, by: int) -> None:
    requests: list[Request] = []
    now = NINE
    desk = Hub(RULES, journal, requests.append, lambda: True, lambda: now)
    bus = Terminal68([1])
    post = TerminalsAdapter("bus", bus, {1: "1"}, {}, desk.context, lambda: None)
    bus.connected(0.0)
    for seconds, frame in ((1.0, CALL), (2.0, NO_SHOW)):
        for fact in bus.receive(frame.to_bytes(), seconds):
            post.heard(fact)
        now += by
    assert [request.command.at for request in requests] == [NINE, NINE + by]


def test_a_press_that_could_not_be_written_gets_no_answer(journal: Journal) -> None:
    requests: list[Request] = []
    desk = Hub(RULES, journal, requests.append, lambda: True, lambda: NINE)
    bus = Terminal68([1])
    post = TerminalsAdapter("bus", bus, {1: "1"}, {}, desk.context, lambda: None)
    bus.connected(0.0)
    while bus.data_to_send(1000.0):
        pass
    (pressed,) = bus.receive(CALL.to_bytes(), 2000.0)
    post.heard(pressed)
    requests[0].reply(Answer("error", "", written=False))
    assert bus.data_to_send(3000.0) == b""
    assert len(bus.receive(CALL.to_bytes(), 3000.1)) == 1, "the retransmission is a new try"


def test_a_display_that_cannot_be_told_does_not_keep_the_news_from_the_next(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Hub(RULES, journal, lambda request: None, lambda: True, lambda: NINE)
    shown: list[str] = []

    def broken(state: State) -> None:
        raise ZeroDivisionError

    desk.add(Display("hall", broken, desk.context, lambda: None))
    desk.add(Display("window", lambda state: shown.append(state.day), desk.context, lambda: None))
    row = Row(1, NINE, "2026-11-20", CounterOpened("1"), "press", 0)
    desk.published(Step([row], State(day="2026-11-20")))
    assert shown == ["2026-11-20"]
    assert "hall could not be told" in caplog.text


def test_displays_wait_for_what_is_still_to_be_decided_and_show_the_newest(journal: Journal) -> None:
    slow = Slow(journal)
    for seq in (1, 2, 3):
        slow.write(seq)
    assert (slow.shown, slow.happened) == ([], [1, 2, 3]), "what happens once is told at once"
    slow.more = False
    slow.write(4)
    assert (slow.shown, slow.happened) == ([4], [1, 2, 3, 4])
    slow.write(5)
    assert slow.shown == [4, 5], "a single press is shown at once, and once"


def test_displays_that_wait_are_told_also_when_the_last_presses_were_refused(journal: Journal) -> None:
    slow = Slow(journal)
    slow.write(1)
    slow.more = False
    slow.settled = False
    slow.desk.stepped()
    assert slow.shown == [], "a step is being written"
    slow.settled = True
    slow.desk.stepped()
    slow.desk.stepped()
    assert slow.shown == [1]


def test_displays_do_not_wait_for_ever_while_presses_keep_coming(journal: Journal) -> None:
    slow = Slow(journal)
    for seq in range(1, 101):
        slow.now = seq * 0.01
        slow.write(seq)
    gaps = [after - before for before, after in pairwise([1, *slow.shown])]
    assert len(gaps) >= 4
    assert all(LATEST * 100 <= gap <= LATEST * 100 + 2 for gap in gaps)


def test_events_that_the_broker_did_not_confirm_are_said_again(journal: Journal) -> None:
    desk = Hub(RULES, journal, lambda request: None, lambda: True, lambda: NINE)
    mqtt = MqttLobby("b", PAYLOADS)
    post = MqttAdapter(mqtt, {}, [], {}, desk.context, lambda: None)
    rows = [Row(seq, NINE, "2026-11-20", CounterOpened("1"), f"press {seq}", 0) for seq in (1, 2, 3, 4)]

    def events() -> list[Message]:
        messages = []
        while message := mqtt.next_message():
            messages.append(message)
        return [message for message in messages if message.seq]

    journal.append(rows[:1]).result()  # before the broker is there
    mqtt.connected()
    post.heard(LinkUp())
    journal.append(rows[1:3]).result()
    post.told(rows[1:3], State())
    said = events()
    assert [message.seq for message in said] == [1, 2, 3]
    mqtt.published(said[0])
    mqtt.disconnected()
    post.heard(LinkDown("lost"))
    journal.append(rows[3:]).result()
    post.told(rows[3:], State())
    assert events() == []
    mqtt.connected()
    post.heard(LinkUp())
    assert [message.seq for message in events()] == [2, 3, 4]


def test_a_ticket_that_the_last_run_left_in_the_printer_is_ended(journal: Journal) -> None:
    lobby = Lobby(RULES, NINE)
    requests: list[Request] = []
    desk = Hub(RULES, journal, requests.append, lambda: True, lambda: NINE)
    printer = EscposPrinter(baud=None)
    desk.add(PrinterAdapter("printer", printer, lambda language, fields: b"x" * 500, desk.context, lambda: None))
    ticket = lobby.take("cash", paper="ready")
    desk.begin(lobby.state)
    reports = [request.command for request in requests if isinstance(request.command, ReportPrint)]
    assert [(report.ticket, report.result) for report in reports] == [(ticket, "unknown")]
    printer.connected(0.0)
    assert printer.data_to_send(0.0) == bytes(500)


# -- what is asked before a ticket, and what is told beside the calls -----------------------------------------------


def test_a_kiosk_gets_the_questions_and_its_press_may_be_an_answer(journal: Journal) -> None:
    hall = Hall(journal)
    assert hall.levels["triage"] == hall.lobby.rules.triage.picture()
    content = {"choice": "atm-cash", "insist": True, "form": True, "needs": ["time", "glasses"], "slot": "09:30"}
    payload = KioskPayload(key="TAKE", boot="b", seq=1, **content)  # type: ignore[arg-type]
    assert hall.press(MqttPress("kiosk", "screen", payload)) == TakeTicket(
        at=hall.lobby.now,
        cause="mqtt:kiosk/screen:b:1",
        by="kiosk/screen",
        hold_off=2,
        screen=True,
        choice="atm-cash",
        insist=True,
        form=True,
        needs=("time", "glasses"),
        slot="09:30",
        chosen_by="button",
    )


HOUR = 3_600_000


@pytest.mark.parametrize(
    ("fast", "code", "clock"),
    [
        (-10_001, "too_old", "2026-11-23 11:59:49"),
        (10_001, "from_future", "2026-11-23 12:00:10"),
        (HOUR, "from_future", "2026-11-23 13:00:00"),
        (-local("2026-11-23 12:00"), "too_old", "1970-01-01 08:00:00"),
        (2**53 - 1 - local("2026-11-23 12:00"), "from_future", "9998-12-"),
    ],
)
def test_a_press_at_another_time_names_the_clock_of_its_device(
    journal: Journal, caplog: pytest.LogCaptureFixture, fast: int, code: str, clock: str
) -> None:
    hall = Clocks(journal, caplog)
    for _ in range(3):
        request = hall.pressed("keypad", "1", fast)
        assert request.instead
        assert request.instead.code == code
        assert (hall.acks[-1]["result"], hall.acks[-1]["ticket"]) == ("refused", "")
        assert f"by the clock of keypad/1 this press was made at {clock}" in hall.acks[-1]["text"]
        assert "set its clock" in hall.acks[-1]["text"]
    (line,) = hall.logged
    assert line.startswith(f"keypad/1: by its clock its presses are made at {clock}")
    assert hall.pressed("keypad", "1", None).instead is None
    assert hall.logged == [], "a press without a time says nothing of the clock"
    assert hall.pressed("keypad", "1", 10_000).instead is None
    assert hall.logged == ["keypad/1: its clock is right again"]
    hall.pressed("keypad", "1", fast)
    assert len(hall.logged) == 1


def test_a_press_that_has_acted_already_says_nothing_of_the_clock(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    hall = Clocks(journal, caplog)
    hall.press(MqttPress("keypad", "1", KeypadPayload(key="CALL", boot="b", seq=0, at=hall.lobby.now - 60_000)))
    hall.requests[-1].reply(Answer("ok", "A001 to counter 1", ticket="A001"))
    hall.show()
    assert [ack["ticket"] for ack in hall.acks] == ["A001"]
    assert hall.logged == []


def test_clocks_that_agree_with_each_other_may_be_right(journal: Journal, caplog: pytest.LogCaptureFixture) -> None:
    hall = Clocks(journal, caplog)
    hall.pressed("keypad", "1", HOUR)
    hall.pressed("panel", "manager", HOUR + 9_000)
    alone, agreed = hall.logged
    assert "controller" not in alone
    assert "keypad/1 agrees, so the controller's own may be wrong" in agreed
    hall.pressed("panel", "manager", 0)
    hall.pressed("panel", "manager", -HOUR)
    assert "controller" not in hall.logged[-1]


def test_a_press_that_is_to_be_kept_is_refused_and_logged_once_for_each_device(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    hall = Hall(journal)
    for seq, id in enumerate(("1", "1", "unknown")):
        hall.post.heard(BadPress("keypad", id, "retained", "b", seq))
    hall.show()
    assert [(ack["result"], "retain flag" in ack["text"]) for ack in hall.acks] == [("refused", True)] * 3
    (record,) = caplog.records
    assert record.getMessage().startswith("keypad/1: this press was published with the retain flag")


def test_who_publishes_in_the_controllers_place_is_logged(journal: Journal, caplog: pytest.LogCaptureFixture) -> None:
    Hall(journal).post.heard(Foreign("lobby/b/status"))
    assert "mqtt: somebody else has published on lobby/b/status" in caplog.text


def test_why_there_is_no_broker_is_told_with_what_helps(journal: Journal, caplog: pytest.LogCaptureFixture) -> None:
    desk = Hall(journal).desk
    desk.heard("mqtt", LinkDown("closed_again", "lobby-b"))
    (record,) = caplog.records
    assert "another program uses its client id (lobby-b); give each program a client_id" in record.getMessage()
    desk.heard("mqtt", LinkUp())
    desk.heard("mqtt", LinkDown("Connection refused"))
    assert "mqtt: not connected (Connection refused); check its cable" in caplog.text


def test_why_is_a_question_to_the_engine(journal: Journal) -> None:
    hall = Hall(journal)
    assert hall.panel(key="WHY", ticket="a002") == AskWhy(
        at=hall.lobby.now, cause="mqtt:panel/manager:b:1", ticket="a002"
    )
    assert hall.acks == [], "the engine answers"


def test_a_reason_that_a_person_types_is_only_a_remark(journal: Journal) -> None:
    hall = Hall(journal)
    base = {"at": hall.lobby.now, "cause": "mqtt:panel/manager:b:1", "by": "panel/manager", "ticket": "A001"}
    call = CallByHand(**base, counter="1", reason="elderly")  # type: ignore[arg-type]
    assert hall.panel(key="CALL", ticket="A001", counter="1", reason="elderly") == call
    assert hall.requests[-1].remark == ""
    assert hall.panel(key="CALL", ticket="A001", counter="1", reason="王先生腿脚不便") == replace(call, reason="remark")
    assert hall.requests[-1].remark == "王先生腿脚不便"
    assert hall.panel(key="UNDO", ticket="A001", reason="a mistake") == Undo(**base, reason="remark")  # type: ignore[arg-type]
    assert hall.requests[-1].remark == "a mistake"


def test_who_begins_to_watch_late_is_told_what_has_been_so_far(journal: Journal) -> None:
    hall = Hall(journal)
    hall.desk.health("printer", Health("degraded", "paper_end"), "")
    hall.lobby.take("cash")
    hall.show()
    late, later = Looker("pages", hall.desk.context), Looker("others", hall.desk.context)
    hall.desk.add(late)
    assert late.devices == {"printer": ("degraded", "out of paper")}
    assert late.days == ["2026-11-23"], "it does not wait for the next press"
    hall.desk.add(later)
    hall.desk.health("printer", Health("ok"), "")
    assert late.devices == later.devices == {"printer": ("ok", "")}
    hall.lobby.do(Open(at=hall.lobby.now, cause="", counter="2"))
    hall.show()
    notice = "Cash: people are waiting, and none of its own counters is open"
    assert late.noticed[-1] == later.noticed[-1] == ([], [notice], "")
    assert hall.levels["board"]["notices"] == [notice]
    assert late.customers[-1] == later.customers[-1] == hall.levels["day"]["customers"] == 1
    hall.desk.trouble("disk full")
    told, staff, trouble = late.noticed[-1]
    assert trouble == "nothing can be recorded at the moment; press again shortly"
    assert (told, staff) == ([trouble], [notice])


def test_what_fails_is_reported_with_its_name_and_what_helps(journal: Journal) -> None:
    hall = Hall(journal)
    told: dict[str, DeviceReport] = {}

    class Reader(Looker):
        def device(self, id: str, report: DeviceReport) -> None:
            told[id] = report

    hall.desk.add(Reader("pages", hall.desk.context))
    hall.desk.names["bus"] = "Call terminals"
    hall.desk.health("bus", Health("offline", "no_answer"), "")
    report = told["bus"]
    assert (report.name, report.detail, report.prints) == ("Call terminals", "it does not answer", False)
    assert report.remedy == RULES.wording.say("advice.no_answer")
    assert report.content().keys() == {"state", "detail", "since"}, "on MQTT it stays as it was"
    assert report.for_people().keys() > report.content().keys()
    for _ in range(8):
        hall.desk.health("bus", Health("ok"), "")
        hall.desk.health("bus", Health("offline", "no_answer"), "")
    assert told["bus"].detail == "unsteady: it does not answer, again and again"
    assert told["bus"].remedy == report.remedy, "what helps against what comes and goes"


def test_who_watches_before_there_is_a_day_is_not_shown_an_empty_one(journal: Journal) -> None:
    desk = Hub(RULES, journal, lambda request: None, lambda: True, lambda: NINE)
    looker = Looker("pages", desk.context)
    desk.add(looker)
    assert looker.days == []
    desk.begin(State(day="2026-11-20"))
    assert looker.days == ["2026-11-20"]


def test_only_an_advice_is_acknowledged_as_one(journal: Journal) -> None:
    hall = Hall(journal)
    for given in (Answer("ok", "The machine does cash.", code="self_service"), Answer("ok", "", ticket="A001")):
        hall.press(MqttPress("kiosk", "screen", KioskPayload(key="TAKE", boot="b", seq=1, choice="atm-cash")))
        hall.requests[-1].reply(given)
        hall.show()
    advised, taken = hall.acks
    assert (advised["result"], advised["ticket"], advised["advice"]) == ("ok", "", True)
    assert taken["ticket"] == "A001"
    assert "advice" not in taken


def test_what_a_day_has_taught_is_in_the_journal_and_not_on_mqtt(journal: Journal) -> None:
    hall = Hall(journal)
    opened = DayOpened("2026-11-23", "normal", learned={"times": {"cash": {"normal": [1, 2]}}})
    row = Row(1, NINE, "2026-11-23", opened, "day", 0)
    journal.append([row]).result()
    hall.post.told([row], hall.lobby.state)
    messages = []
    while message := hall.mqtt.next_message():
        messages.append(message)
    (said,) = (json.loads(message.payload) for message in messages if message.seq)
    assert said["kind"] == "day_opened"
    assert said["data"] == {key: value for key, value in row.data.items() if key != "learned"}
    assert "learned" in row.data


def test_a_fault_in_reckoning_is_logged_and_the_desk_goes_on(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    hall = Hall(journal)
    hall.lobby.do(Open(at=hall.lobby.now, cause="", counter="1"))
    hall.show()
    desk = hall.desk
    desk.look_ahead("no such service")
    assert "the look ahead" in caplog.text
    hall.show()
    assert hall.levels["board"]["wait"] == {"cash": [0, 0]}, "the others are still told"


def test_after_hours_boards_tell_no_wait(journal: Journal) -> None:
    hall = Hall(journal, services={"cash": {"hours": hours("09:00-12:10")}})
    hall.lobby.do(Open(at=hall.lobby.now, cause="", counter="1"))
    hall.show()
    assert hall.levels["board"]["wait"] == {"cash": [0, 0]}
    hall.lobby.wait(10)
    hall.show()
    assert hall.levels["board"]["wait"] == {}


@pytest.mark.parametrize("klass", ["green", "urgent"])
def test_no_button_takes_a_privilege_that_the_manager_gives(journal: Journal, klass: str) -> None:
    hall = Hall(journal)
    press = KioskPayload(key="TAKE", boot="b", seq=1, **{"class": klass})  # type: ignore[arg-type]
    take = hall.press(MqttPress("kiosk", "screen", press))
    assert isinstance(take, TakeTicket)
    hall.requests[-1].reply(answer(hall.lobby.rules, hall.lobby.state, hall.lobby.do(take)))
    hall.show()
    assert [(ack["result"], ack["text"]) for ack in hall.acks] == [
        ("refused", "this class is given by the lobby manager, not by a kiosk")
    ]


@pytest.mark.parametrize(("key", "accept"), [("ACCEPT", True), ("DECLINE", False)])
def test_the_manager_answers_an_advice(journal: Journal, key: str, accept: bool) -> None:
    hall = Hall(journal)
    base = {"at": hall.lobby.now, "cause": "mqtt:panel/manager:b:1", "by": "panel/manager"}
    assert hall.panel(key=key, counter="1") == AnswerAdvice(**base, accept=accept, counter="1")  # type: ignore[arg-type]


def test_urgent_is_for_a_ticket(journal: Journal) -> None:
    hall = Hall(journal)
    command = hall.panel(key="URGENT", ticket="A001", reason="ill")
    assert isinstance(command, Promote)
    assert (command.klass, command.reason) == ("urgent", "ill")
    assert not hall.acks


def test_boards_tell_how_long_it_takes(journal: Journal) -> None:
    hall = Hall(journal)
    assert hall.levels["board"]["wait"] == {}, "nobody is there"
    hall.lobby.do(Open(at=hall.lobby.now, cause="", counter="1"))
    hall.show()
    assert hall.levels["board"]["wait"] == {"cash": [0, 0]}
    hall.lobby.take("cash")
    hall.lobby.call("1")
    hall.show()
    least, most = hall.levels["board"]["wait"]["cash"]
    assert 1 <= least <= 5 <= most


def test_while_a_step_is_being_written_nothing_is_reckoned_from_it(journal: Journal) -> None:
    hall = Hall(journal)
    hall.lobby.do(Open(at=hall.lobby.now, cause="", counter="1"))
    hall.settled = False
    hall.show()
    assert hall.levels["board"]["wait"] == {}
    hall.settled = True
    hall.show()
    assert hall.levels["board"]["wait"] == {"cash": [0, 0]}


def test_the_days_figures_and_the_advice_are_levels(journal: Journal) -> None:
    hall = Hall(journal)
    assert hall.levels["advice"] == {"items": []}
    assert hall.levels["day"]["customers"] == 0
    hall.lobby.take("cash")
    for _ in range(2):
        hall.lobby.do(CheckWindows(at=hall.lobby.now, cause=""))
    hall.show()
    assert hall.levels["day"]["customers"] == 1
    (item, *_) = hall.levels["advice"]["items"]
    assert (item["action"], item["counter"]) == ("open", "1")
    assert item["text"].startswith("Open counter 1: nobody serves Cash now")


def test_people_who_wait_for_a_service_without_a_counter_are_noticed(journal: Journal) -> None:
    hall = Hall(journal)
    hall.lobby.take("personal")
    hall.show()
    assert hall.levels["board"]["notices"] == [], "the branch is not open yet"
    hall.lobby.do(Open(at=hall.lobby.now, cause="", counter="1"))
    hall.show()
    notice = "Personal: people are waiting, and none of its own counters is open"
    assert hall.levels["board"]["notices"] == [notice]
    hall.lobby.do(Open(at=hall.lobby.now, cause="", counter="2"))
    hall.show()
    assert hall.levels["board"]["notices"] == []


def test_a_keypad_shows_what_its_customer_needs_and_who_should_come_near(journal: Journal) -> None:
    hall = Hall(journal)
    hall.lobby.take("cash", form=True, needs=("time", "change"))
    hall.lobby.take("cash")
    hall.lobby.call("1")
    hall.show()
    screen = hall.levels["keypad/1/screen"]
    assert screen["needs"] == ["form", "time", "change"]
    assert screen["text"] == "A001 is called · form ready · needs time · small change"
    assert (screen["next"], screen["stage"]) == ("A002", "")
    hall.lobby.wait(3.5)  # of about five minutes
    hall.show()
    assert hall.levels["keypad/1/screen"]["stage"] == "A002"
    hall.lobby.call("1")
    hall.show()
    assert hall.levels["keypad/1/screen"]["needs"] == []


def test_an_adapter_that_hears_itself_is_said_once_and_shown_with_the_device(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    requests: list[Request] = []
    desk = Hub(RULES, journal, requests.append, lambda: True, lambda: NINE)
    desk.add(TerminalsAdapter("bus", Terminal68([1]), {1: "1"}, {}, desk.context, lambda: None))
    for fact in (LinkUp(), Stale(30), OK, Echoing(True), OK, Health("degraded", "garbled"), OK, Echoing(False), OK):
        desk.heard("bus", fact)
    reports = [request.command for request in requests]
    assert [(report.state, report.detail) for report in reports if isinstance(report, ReportDevice)] == [
        ("ok", ""),
        ("ok", "hears_itself"),
        ("degraded", "garbled"),
        ("ok", "hears_itself"),
        ("ok", ""),
    ]
    say = RULES.wording.say
    assert [record.getMessage() for record in caplog.records] == [
        f"bus: {say('notice.stale', size=30)}",
        f"bus: {say('device.hears_itself')}; {say('advice.hears_itself')}",
        f"bus: {say('device.garbled')}; {say('advice.garbled')}",
        f"bus: {say('notice.back')}",
        f"bus: {say('notice.no_echo')}",
    ]
