"""The ticket printer against vendors' bytes, and in dialogue with one played by the test, time passed in."""

from __future__ import annotations

import pytest
from golden import vectors
from printers import AUTO_HEALTHY, HEALTHY, TICKET, Bench, model

from drivers.device import OK, Health
from drivers.escpos import (
    CONFIRM_TIMEOUT,
    CUT_OFF,
    NUL,
    QUEUE_LIMIT,
    RESUME,
    RESUME_INTERVAL,
    SHORT_COMMANDS,
    EscposPrinter,
    Printed,
    PrinterBusy,
    Unknown,
)
from drivers.escpos_probe import (
    AUTO_STATUS_ON,
    PAPER_SENSOR,
    PROBE_ID,
    PROCESS_ID_REQUEST,
    Abilities,
    Proof,
)
from drivers.escpos_status import (
    LATE,
    REAL_TIME_BITS,
    REAL_TIME_STATUS,
    REPLY_TIMEOUT,
    AutoStatus,
    Flow,
    ProcessId,
    RealTime,
    StatusWatch,
    Trouble,
    reply_reader,
    wording,
)

GOLDEN = vectors("escpos")
AUTO_COVER_OPEN = b"\x38\x00\x00\x00"
AUTO_PAPER_END = b"\x18\x00\x0f\x00"
AUTO_PAPER_LOW = b"\x10\x00\x03\x00"
OUT_OF_PAPER = {n: GOLDEN[f"out of paper, answer {n}"] for n in (1, 2, 4)}


# -- vendors' bytes ----------------------------------------------------------------------------------------------


def test_commands_are_the_vendors() -> None:
    assert GOLDEN["automatic status on"] == AUTO_STATUS_ON
    assert GOLDEN["paper sensor"] == PAPER_SENSOR
    assert GOLDEN["confirmation request P001"] == PROCESS_ID_REQUEST + b"P001"
    assert GOLDEN["resume"] == RESUME
    watch = StatusWatch(0.0)
    for question in (1, 2, 3, 4):
        assert watch.ask(0.0) == GOLDEN[f"real-time status {question}"]
        assert watch.answer(HEALTHY[0], 0.0)


def test_answers_are_read_as_the_vendors_mean_them() -> None:
    reader = reply_reader()
    assert reader.feed(GOLDEN["confirmation P001"], 0.0) == [ProcessId(b"P001")]
    assert reader.feed(GOLDEN["xon"] + GOLDEN["xoff"], 0.0) == [Flow(0x11), Flow(0x13)]
    assert reader.feed(GOLDEN["healthy TM, answer 1"], 0.0) == [RealTime(0x16)]
    assert reader.feed(AUTO_PAPER_END, 0.0) == [AutoStatus(Trouble.OFFLINE | Trouble.PAPER_END | Trouble.PAPER_LOW)]
    assert reader.garbage == 0


def test_a_real_printer_out_of_paper() -> None:
    bench = Bench(lambda data: OUT_OF_PAPER.get(data[2], HEALTHY) if data.startswith(REAL_TIME_STATUS) else b"")
    bench.connect()
    assert bench.told() == [Health("degraded", "paper_end")]
    assert bench.printer.detail == "paper_end"


CAUSES = {
    (2, "feed button held"): "printer_feeding",
    (3, "mechanism"): "printer_recoverable",
    (3, "cutter"): "cutter_error",
    (3, "unrecoverable"): "printer_fatal",
    (3, "head hot"): "head_hot",
    (4, "near end"): "paper_low",
}


@pytest.mark.parametrize(("asked", "detail"), CAUSES.items())
def test_each_cause_has_a_detail_of_its_own_and_low_paper_alone_lets_it_print(
    asked: tuple[int, str], detail: str
) -> None:
    question, cause = asked
    says = {question: GOLDEN[f"{cause}, answer {question}"]}
    bench = Bench(lambda data: says.get(data[2], HEALTHY) if data.startswith(REAL_TIME_STATUS) else b"")
    bench.connect()
    bench.wait(5)
    assert bench.told() == [Health("degraded", detail)]
    assert bench.printer.detail == ("" if detail == "paper_low" else detail)


@pytest.mark.parametrize("cause", ["feed button held", "head hot", "near end"])
def test_each_cause_is_told_the_same_by_itself(cause: str) -> None:
    bench = Bench(model())
    bench.connect()
    bench.say(GOLDEN[f"{cause}, automatic"])
    detail = next(detail for (_, name), detail in CAUSES.items() if name == cause)
    assert bench.told() == [OK, Health("degraded", detail)]
    bench.say(GOLDEN[f"{cause}, automatic"])
    assert bench.told() == [], "once"


@pytest.mark.parametrize("question", REAL_TIME_BITS)
def test_every_status_bit_has_a_wording(question: int) -> None:
    for trouble in REAL_TIME_BITS[question].values():
        assert wording(trouble)


# -- a job's way -------------------------------------------------------------------------------------------------


def test_one_job_in_flight_and_each_with_its_own_id() -> None:
    bench = Bench(model())
    bench.connect()
    bench.answers = model(confirms=False)
    bench.printer.print("A017", TICKET)
    bench.printer.print("A018", TICKET)
    bench.settle()
    assert len(bench.jobs()) == 1
    number = bench.jobs()[0][-4:]
    assert number != PROBE_ID
    bench.say(b"\x37\x22" + PROBE_ID + b"\x00")  # a late answer to the probe
    assert bench.told() == [OK]
    bench.say(b"\x37\x22" + number + b"\x00")
    assert bench.told() == [Printed("A017")]
    assert len(bench.jobs()) == 2
    assert bench.jobs()[1][-4:] != number
    bench.say(b"\x37\x22" + number + b"\x00")  # heard before
    assert bench.told() == []


def test_no_job_is_started_while_the_printer_cannot_print() -> None:
    bench = Bench(model())
    bench.connect()
    bench.answers = lambda data: b""
    bench.say(AUTO_COVER_OPEN)
    assert bench.told() == [OK, Health("degraded", "cover_open")]
    assert bench.printer.detail == "cover_open"
    bench.printer.print("A017", TICKET)
    bench.settle()
    assert bench.jobs() == []
    bench.say(AUTO_HEALTHY)
    assert len(bench.jobs()) == 1


def test_low_paper_is_told_and_prints_on() -> None:
    bench = Bench(model())
    bench.connect()
    bench.say(AUTO_PAPER_LOW)
    assert bench.told() == [OK, Health("degraded", "paper_low")]
    assert bench.printer.ready


def test_paper_end_in_a_ticket_stops_its_clock() -> None:
    bench = Bench(model())
    bench.connect()
    bench.answers = lambda data: b""
    bench.printer.print("A017", TICKET)
    bench.settle()
    bench.say(AUTO_PAPER_END)
    bench.answers = lambda data: OUT_OF_PAPER.get(data[2], HEALTHY) if data.startswith(REAL_TIME_STATUS) else b""
    bench.wait(3600.0)
    assert bench.told() == [OK, Health("degraded", "paper_end")]
    bench.answers = lambda data: HEALTHY if data.startswith(REAL_TIME_STATUS) else b""
    bench.say(AUTO_HEALTHY)
    bench.wait(1.0)
    bench.say(b"\x37\x22" + bench.jobs()[0][-4:] + b"\x00")
    assert bench.told() == [OK, Printed("A017")]


def test_an_unconfirmed_job_is_unknown_and_the_next_goes_on() -> None:
    bench = Bench(model())
    bench.connect()
    bench.answers = model(confirms=False)
    bench.printer.print("A017", TICKET)
    bench.printer.print("A018", TICKET)
    bench.wait(CONFIRM_TIMEOUT - 0.1)
    assert bench.told() == [OK]
    bench.answers = model()
    bench.wait(0.2)
    assert bench.told() == [Unknown("A017"), Printed("A018")]
    assert len(bench.jobs()) == 2
    assert bench.heard.count(AUTO_STATUS_ON) == 2, "it may have been off too shortly to be missed: probed again"


def test_a_lost_link_makes_the_job_in_flight_unknown_and_keeps_the_others() -> None:
    bench = Bench(model())
    bench.connect()
    bench.answers = lambda data: b""
    bench.printer.print("A017", TICKET)
    bench.printer.print("A018", TICKET)
    bench.settle()
    bench.disconnect()
    assert bench.told() == [OK, Unknown("A017")]
    assert bench.printer.detail == "offline"
    bench.disconnect()
    bench.wait(60.0)
    bench.printer.print("A019", TICKET)
    bench.answers = model()
    bench.connect()
    assert bench.told() == [OK, Printed("A018"), Printed("A019")]
    assert len(bench.jobs()) == 3


def test_a_printer_that_stops_answering() -> None:
    bench = Bench(model(asb=False))
    bench.connect()
    bench.wait(2.0)
    bench.answers = lambda data: b""
    bench.wait(6.0)
    assert bench.told() == [OK, Health("degraded", "no_answer")]
    bench.printer.print("A017", TICKET)
    bench.wait(60.0)
    assert bench.jobs() == []
    bench.disconnect()
    bench.connect()
    bench.wait(10.0)
    assert bench.told() == [Health("degraded", "no_answer")], "it is known to be able to answer"
    asked = len(bench.heard)
    bench.answers = model()
    bench.wait(5.0)
    assert bench.told() == [OK, Printed("A017")]
    assert AUTO_STATUS_ON in bench.heard[asked:], "it may have been off: everything is probed again"


def test_a_fault_that_was_reported_stands_while_nothing_more_is_said() -> None:
    """A printer that is out of paper and holds the host off with XOFF cannot be asked."""
    bench = Bench(model())
    bench.connect()
    bench.wait(2.0)
    bench.answers = lambda data: b""
    bench.printer.print("A017", TICKET)
    bench.settle()
    bench.say(AUTO_PAPER_END)
    asked = len(bench.heard)
    bench.wait(3600.0)
    assert bench.told() == [OK, Health("degraded", "paper_end")]
    assert bench.printer.detail == "paper_end"
    assert {data[:2] for data in bench.heard[asked:]} == {REAL_TIME_STATUS}, "it has enough to read"
    bench.answers = model()
    bench.wait(3.0)
    assert bench.told() == [OK]
    bench.wait(CONFIRM_TIMEOUT)
    assert bench.told() == [Unknown("A017")]


def test_being_offline_for_no_reason_and_then_silent_is_no_fault() -> None:
    bench = Bench(model(asb=False))
    bench.connect()
    bench.wait(2.0)
    bench.answers = lambda data: b"\x1a" if data == REAL_TIME_STATUS + b"\x01" else model(asb=False)(data)
    bench.wait(3.0)
    assert bench.told() == [OK, Health("degraded", "offline")]
    bench.answers = lambda data: b""
    bench.wait(6.0)
    assert bench.told() == [Health("degraded", "no_answer")], "perhaps somebody has switched it off"


def test_a_held_off_link_keeps_the_fault_until_the_printer_says_otherwise() -> None:
    bench = Bench(model())
    bench.connect()
    bench.wait(2.0)
    bench.answers = lambda data: b""
    bench.say(AUTO_PAPER_END)
    assert bench.told() == [OK, Health("degraded", "paper_end")]
    for _ in range(3):
        bench.disconnect()
        assert bench.printer.held_off() == Health("degraded", "paper_end")
        assert bench.printer.detail == "paper_end"
        asked = len(bench.heard)
        bench.connect()
        bench.wait(5.0)
        assert bench.printer.detail == "paper_end"
        assert {data[:2] for data in bench.heard[asked:]} == {REAL_TIME_STATUS}
    assert set(bench.told()) == {Health("degraded", "paper_end")}
    bench.disconnect()
    bench.connect()
    assert bench.printer.detail == "starting", "the link was lost: what was said before may be long over"
    bench.answers = model()
    bench.wait(2.0)
    assert bench.told() == [OK]
    bench.disconnect()
    assert bench.printer.held_off() is None
    assert bench.printer.detail == "offline"


@pytest.mark.parametrize("lost", ["link", "confirmation", "controller"])
def test_what_was_under_way_is_ended_before_the_next_ticket(lost: str) -> None:
    bench = Bench(model())
    bench.connect()
    bench.wait(2.0)
    bench.answers = lambda data: b""
    bench.printer.print("A017", TICKET)
    bench.settle()
    if lost == "link":
        bench.disconnect()
    elif lost == "confirmation":
        bench.answers = model(confirms=False)
        bench.wait(CONFIRM_TIMEOUT - 0.1)
    else:
        bench = Bench(model())
        bench.printer.interrupted(len(TICKET))
    asked = len(bench.heard)
    bench.answers = model()
    if lost == "confirmation":
        bench.wait(0.2)
    else:
        bench.connect()
    bench.printer.print("A018", TICKET)
    bench.wait(2.0)
    ended = [data for data in bench.heard[asked:] if data[:2] != REAL_TIME_STATUS]
    assert ended[0] == NUL * max(SHORT_COMMANDS, len(TICKET))
    assert ended[-2] == CUT_OFF
    assert TICKET in ended[-1]
    assert ended.count(CUT_OFF) == 1
    assert bench.told()[-1] == Printed("A018")


def test_what_hangs_out_is_cut_off_once_the_printer_can() -> None:
    bench = Bench(model())
    bench.connect()
    bench.wait(2.0)
    bench.answers = lambda data: b""
    bench.printer.print("A017", TICKET)
    bench.settle()
    bench.disconnect()
    bench.answers = lambda data: OUT_OF_PAPER.get(data[2], HEALTHY) if data.startswith(REAL_TIME_STATUS) else b""
    for _ in range(3):
        bench.connect()
        bench.wait(60.0)
        bench.disconnect()
    assert CUT_OFF not in bench.heard
    bench.answers = model()
    bench.connect()
    bench.wait(60.0)
    assert bench.heard.count(CUT_OFF) == 1


def test_a_printer_that_lost_its_cable_before_the_cut_had_left_is_told_again() -> None:
    printer = EscposPrinter(baud=9600)
    printer.interrupted(len(TICKET))
    now = 0.0
    for _ in range(2):
        printer.connected(now)
        while (data := printer.data_to_send(now)) != CUT_OFF:
            if data and (answer := model()(data)):
                printer.receive(answer, now)
            now = max(now, printer.next_deadline() or now)
            printer.tick(now)
        gone = now + len(CUT_OFF) * 10 / 9600
        assert printer.next_deadline() == gone, "the next ticket does not wait for the next question"
        printer.disconnected(now + 5 * 10 / 9600)


def test_a_power_cut_with_a_job_in_flight() -> None:
    """The printer is back with an empty buffer: what it answers to the probes says nothing about the job."""
    bench = Bench(model(asb=False, confirms=False))
    bench.connect()
    bench.wait(10.0)
    bench.printer.print("A017", TICKET)
    bench.answers = lambda data: b""
    bench.wait(8.0)
    assert bench.told() == [OK, Health("degraded", "no_answer")]
    bench.answers = model(asb=False, confirms=False)
    bench.wait(6.0)
    assert bench.told() == [OK]
    bench.wait(2.0)
    assert bench.told() == [Unknown("A017")]
    assert len(bench.jobs()) == 1


def test_a_late_answer_is_not_taken_for_the_next_question() -> None:
    watch = StatusWatch(0.0)
    watch.ask(0.0)
    watch.tick(REPLY_TIMEOUT)
    assert not watch.answer(0x16, REPLY_TIMEOUT + LATE / 2)
    assert watch.ask_at(0.0) == REPLY_TIMEOUT + LATE


def test_a_jammed_cutter_is_resumed_with_the_cover_closed() -> None:
    bench = Bench(model())
    bench.connect()
    bench.answers = lambda data: b""
    asked = len(bench.heard)
    bench.say(b"\x38\x08\x00\x00")  # cover open, cutter
    bench.wait(1.0)
    assert RESUME not in bench.heard[asked:]
    bench.say(b"\x18\x08\x00\x00")
    assert bench.told() == [OK, Health("degraded", "cover_open"), Health("degraded", "cutter_error")]
    bench.wait(1.0)
    assert bench.heard[asked:].count(RESUME) == 1
    bench.answers = lambda data: {1: b"\x1a", 2: b"\x52", 3: b"\x1a"}.get(data[2], HEALTHY) if data[0] == 0x10 else b""
    bench.wait(RESUME_INTERVAL)
    assert bench.heard[asked:].count(RESUME) == 2
    bench.say(AUTO_HEALTHY)
    assert bench.told() == [OK]


def test_what_a_printer_could_report_is_asked_for_more_often_after_an_outage() -> None:
    bench = Bench(model())
    bench.connect()
    assert bench.printer.proof is Proof.PRINTED
    bench.disconnect()
    lost = 0

    def loses_three(data: bytes) -> bytes:
        nonlocal lost
        if PROCESS_ID_REQUEST in data and lost < 3:
            lost += 1
            return b""
        return model()(data)

    bench.answers = loses_three
    bench.connect()
    bench.wait(10)
    assert (lost, bench.printer.proof) == (3, Proof.PRINTED)

    bench.disconnect()
    bench.answers = model(confirms=False)
    bench.connect()
    bench.wait(20)
    assert bench.printer.proof is Proof.QUIET, "it is another printer"
    abilities = [fact for fact in bench.facts if isinstance(fact, Abilities)]
    assert [(each.proof, each.automatic) for each in abilities] == [(Proof.PRINTED, True), (Proof.QUIET, True)]


def test_a_job_can_be_withdrawn_until_it_is_sent() -> None:
    bench = Bench(model())
    bench.connect()
    bench.answers = lambda data: b""
    for job in ("A001", "A002", "A003"):
        bench.printer.print(job, TICKET)
    bench.settle()
    assert (bench.printer.in_flight, bench.printer.queued) == ("A001", ["A002", "A003"])
    assert [bench.printer.withdraw(job) for job in ("A001", "A002", "A002")] == [False, True, False]
    bench.say(b"\x37\x22\x30\x30\x30\x30\x00")
    assert bench.printer.in_flight == "A003"


def test_the_queue_has_a_limit() -> None:
    bench = Bench(model())
    bench.connect()
    bench.answers = lambda data: b""
    for number in range(QUEUE_LIMIT + 1):
        bench.printer.print(f"A{number:03d}", TICKET)
        bench.settle()
    assert bench.printer.detail == "printer_busy"
    with pytest.raises(PrinterBusy):
        bench.printer.print("A999", TICKET)


def test_bytes_that_have_not_left_yet_are_given_their_time() -> None:
    printer = EscposPrinter(baud=9600)
    printer.connected(0.0)
    first = printer.data_to_send(0.0)
    gone = len(first) * 10 / 9600
    assert printer.data_to_send(gone * 0.9) == b""
    deadline = printer.next_deadline()
    assert deadline is not None
    assert deadline >= gone
    assert printer.data_to_send(gone) != b""
