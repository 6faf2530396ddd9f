"""The simulated printer by itself, and the driver against it over good and bad wires, in virtual time."""

from __future__ import annotations

from collections import deque
from random import Random

import pytest
from golden import vectors
from hypothesis import given
from hypothesis import strategies as st
from sweeps import long

from drivers.device import OK, Health
from drivers.escpos import EscposPrinter, Printed, Proof, Sent, Unknown
from drivers.escpos_probe import Abilities
from simulators.devices.escpos import CUTTER, PrinterFarEnd
from simulators.faults import Faults
from simulators.paper import Code, Gap, Line, Picture, Row, Run, Style

GOLDEN = vectors("escpos")


def ticket(number: str) -> bytes:
    return b"".join(
        (
            GOLDEN["initialise"],
            GOLDEN["chinese mode on"],
            "现金\n".encode("gbk"),
            GOLDEN["size 6x6"],
            number.encode() + b"\n",
            GOLDEN["size 1x1"],
            b"\n" * 6,
            GOLDEN["partial cut"],
        )
    )


class World:
    """A driver and a printer on one wire, and the time between them.

    A wire takes `delay` seconds a message; `faults.loss` drops messages either way, `faults.dribble` splits them. With
    `cut_in_job` the cable is lost when so many bytes of the next job have reached the printer.
    """

    def __init__(self, *, delay: float = 0.01, **abilities: bool) -> None:
        self.faults = Faults()
        self.far_end = PrinterFarEnd(self.faults, **abilities)
        self.driver = EscposPrinter()
        self.delay = delay
        self.now = 0.0
        self.cut_in_job = 0
        self.facts: list[object] = []
        self.wire: deque[tuple[float, bool, bytes]] = deque()

    def plug(self) -> None:
        self.faults.unplugged = False
        if not self.faults.keeps_power:
            self.far_end.plugged(self.now)
        self.facts += self.driver.connected(self.now)

    def unplug(self) -> None:
        self.wire.clear()
        self.facts += self.driver.disconnected(self.now)

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            self._exchange()
            alarms = [self.driver.next_deadline(), self.far_end.next_deadline(), *(at for at, _, _ in self.wire)]
            at = min(time for time in alarms if time is not None)
            if at > end:
                break
            self.now = max(self.now, at)
            self._deliver()
            self.facts += self.driver.tick(self.now)
            self.far_end.tick(self.now)
        self.now = end

    def told(self) -> list[object]:
        told, self.facts = self.facts, []
        return [fact for fact in told if not isinstance(fact, Abilities)]

    def outcomes(self) -> list[object]:
        return [fact for fact in self.facts if isinstance(fact, Printed | Sent | Unknown)]

    def paper(self) -> str:
        """Everything ever printed, cut off or not."""
        return "\n".join(paper.words for paper in (*self.far_end.tickets, self.far_end.strip))

    def _exchange(self) -> None:
        while data := self.driver.data_to_send(self.now):
            self._put(data, to_printer=True)
        for message in self.far_end.data_to_send(self.now):
            self._put(message, to_printer=False)

    def _put(self, message: bytes, *, to_printer: bool) -> None:
        if self.faults.lost():
            return
        if to_printer and self.cut_in_job and b"A017" in message:
            before = sum(len(data) for _, down, data in self.wire if down)
            self.faults.cut_after, self.cut_in_job = before + self.cut_in_job, 0
        parts = [bytes([byte]) for byte in message] if self.faults.dribble else [message]
        self.wire.extend((self.now + self.delay, to_printer, self.faults.touched(part)) for part in parts)

    def _deliver(self) -> None:
        while self.wire and self.wire[0][0] <= self.now:
            _, to_printer, data = self.wire.popleft()
            if to_printer:
                self.far_end.receive(self.faults.before_cut(data), self.now)
                if self.faults.unplugged:
                    self.unplug()
            else:
                self.facts += self.driver.receive(data, self.now)


@pytest.fixture
def printer() -> PrinterFarEnd:
    far_end = PrinterFarEnd(Faults(), seconds_per_line=0.0)
    far_end.plugged(0.0)
    return far_end


# -- the printer by itself ---------------------------------------------------------------------------------------


def test_it_confirms_with_the_vendors_bytes(printer: PrinterFarEnd) -> None:
    printer.receive(ticket("A017") + GOLDEN["confirmation request P001"], 0.0)
    assert printer.data_to_send(0.0) == [GOLDEN["confirmation P001"]]
    assert "A017" in printer.tickets[0].words


def test_out_of_paper_it_answers_as_a_real_one_does() -> None:
    printer = PrinterFarEnd(Faults(paper="out"))
    for question in (1, 2, 4):
        printer.receive(GOLDEN[f"real-time status {question}"], 0.0)
        assert printer.data_to_send(0.0) == [GOLDEN[f"out of paper, answer {question}"]]


def test_real_time_questions_are_answered_in_the_middle_of_anything(printer: PrinterFarEnd) -> None:
    data = GOLDEN["chinese mode on"] + "现金".encode("gbk")
    printer.receive(data[:3] + GOLDEN["real-time status 1"] + data[3:] + b"\n", 0.0)
    assert printer.data_to_send(0.0) == [b"\x12"]
    assert printer.strip.words == "现金"


def test_it_tells_by_itself_once_asked() -> None:
    faults = Faults()
    printer = PrinterFarEnd(faults)
    printer.receive(GOLDEN["automatic status on"], 0.0)
    assert printer.data_to_send(0.0) == [b"\x10\x00\x00\x00"]
    faults.cover_open = True
    printer.tick(0.1)
    printer.tick(0.2)
    assert printer.data_to_send(0.2) == [b"\x38\x00\x00\x00"]


def test_a_code_is_stored_and_printed(printer: PrinterFarEnd) -> None:
    parts = ("qr model 2", "qr module 6", "qr level M", "qr data A017", "qr print")
    printer.receive(b"".join(GOLDEN[part] for part in parts), 0.0)
    assert printer.strip.rows[1:] == [Code("A017", 6, "M")]


def test_without_a_cutter_tickets_are_torn_off_where_they_end() -> None:
    printer = PrinterFarEnd(Faults(), cuts=False, seconds_per_line=0.0)
    printer.jammed = True  # which is the cutter's alone
    for part in (b"A\n\x1bd\x03B\n\x1bd\x06", GOLDEN["partial cut"], b"C\n\x1bd\x06"):
        printer.receive(part, 0.0)
    assert [paper.words for paper in printer.tickets] == ["A\nB", "C"]
    assert printer.strip.rows == [CUTTER]


def test_a_picture_is_printed_dot_by_dot(printer: PrinterFarEnd) -> None:
    """However its bytes come; a line that was begun ends before it."""
    data = b"A" + GOLDEN["picture of 16 x 2 dots"] + GOLDEN["picture, dots doubled"] + b"B\n"
    for byte in data:
        printer.receive(bytes([byte]), 0.0)
    first, second = Picture(2, b"\x80\x01\xff\x00"), Picture(1, b"\xa0", 2, 2)
    a, b = (Line((Run(letter, Style()),)) for letter in "AB")
    assert printer.strip.rows[1:] == [a, first, second, b]
    assert first.rows == [[True] + [False] * 14 + [True], [True] * 8 + [False] * 8]
    assert (first.dots, second.dots) == (2, 2)
    assert printer.reader.unknown == 0


def test_a_line_too_long_goes_on_in_the_next(printer: PrinterFarEnd) -> None:
    printer.receive(b"x" * 40 + b"\n", 0.0)
    assert printer.strip.rows[1:] == [Line((Run("x" * 32, Style()),)), Line((Run("x" * 8, Style()),))]
    assert printer.reader.overflows == 1


@given(st.lists(st.binary(max_size=100), max_size=20))
def test_after_any_noise_a_reset_printer_prints(chunks: list[bytes]) -> None:
    """Invariant: no bytes break it, its buffers stay bounded, and after a power cut it prints a ticket as a new one."""
    far_end = PrinterFarEnd(Faults(), seconds_per_line=0.0)
    for chunk in chunks:
        far_end.receive(chunk, 0.0)
    far_end.plugged(1.0)
    before = len(far_end.tickets)
    far_end.receive(ticket("A017"), 1.0)
    assert "A017" in far_end.tickets[before].words


def test_strange_commands_are_skipped_and_counted(printer: PrinterFarEnd) -> None:
    printer.receive(b"\x1b\x7fA017\n\x1d(z\x02\x00abB018\n", 0.0)
    assert printer.strip.words == "A017\nB018"
    assert printer.reader.unknown == 2 + 7


# -- with its driver ---------------------------------------------------------------------------------------------

ABILITIES = [
    ({}, Printed),
    ({"asb": False}, Printed),
    ({"confirms": False}, Sent),
    ({"asb": False, "confirms": False}, Sent),
    ({"status": False}, Printed),
    ({"status": False, "confirms": False}, Sent),
]


@pytest.mark.parametrize("dribble", [False, True])
@pytest.mark.parametrize(("abilities", "outcome"), ABILITIES)
def test_tickets_come_out_in_order(abilities: dict[str, bool], outcome: type, dribble: bool) -> None:
    world = World(**abilities)
    world.faults.dribble = dribble
    world.plug()
    world.wait(10.0)
    assert world.driver.ready
    names = [f"A{number:03d}" for number in range(5)]
    for name in names:
        world.driver.print(name, ticket(name))
    world.wait(60.0)
    assert world.outcomes() == [outcome(name) for name in names]
    assert [paper.rows[2] for paper in world.far_end.tickets] == [
        Line((Run(name, Style(width=6, height=6)),)) for name in names
    ]


def test_printed_is_said_when_the_paper_is_out_and_not_before() -> None:
    world = World()
    world.plug()
    world.wait(1.0)
    world.driver.print("A017", ticket("A017"))
    while not world.outcomes():
        assert not world.far_end.tickets or world.now < 5.0
        world.wait(0.01)
    assert world.outcomes() == [Printed("A017")]
    assert len(world.far_end.tickets) == 1


def test_parsed_is_no_more_than_sent() -> None:
    """What the sheet warns of: a printer that can only say what it has read says so before the ticket is out."""
    world = World(asb=False, confirms=False)
    world.plug()
    world.wait(5.0)
    assert world.driver.proof is Proof.PARSED
    world.driver.print("A017", ticket("A017"))
    world.wait(0.1)
    assert world.outcomes() == [Sent("A017")]
    assert world.far_end.tickets == []


def test_paper_out_in_the_middle_of_a_ticket() -> None:
    world = World()
    world.plug()
    world.wait(1.0)
    world.driver.print("A017", ticket("A017"))
    world.driver.print("A018", ticket("A018"))
    world.wait(0.2)
    assert "A017" in world.far_end.strip.words
    world.faults.paper = "out"
    world.wait(600.0)
    assert world.told() == [OK, Health("degraded", "paper_end")]
    assert world.driver.detail == "paper_end"
    world.faults.paper = "ok"
    world.wait(5.0)
    assert world.told() == [OK, Printed("A017"), Printed("A018")]
    assert [paper.words.count("A01") for paper in world.far_end.tickets] == [1, 1]


@pytest.mark.parametrize("asb", [True, False])
def test_power_cut_in_the_middle_of_a_ticket(asb: bool) -> None:
    """The link stays up, as on a serial line: nobody says that the buffer is gone."""
    world = World(asb=asb)
    world.plug()
    world.wait(3.0)
    for name in ("A017", "A018"):
        world.driver.print(name, ticket(name))
    world.wait(0.15)
    world.far_end.plugged(world.now)
    world.wait(60.0)
    assert world.outcomes() == [Unknown("A017"), Printed("A018")]
    assert world.paper().count("A017") <= 1
    world.faults.cover_open = True
    world.wait(1.5)
    assert world.told()[-1] == Health("degraded", "cover_open"), "it has been asked again to tell by itself"


def test_unplugged_in_the_middle_of_a_ticket() -> None:
    world = World()
    world.plug()
    world.wait(1.0)
    for name in ("A017", "A018"):
        world.driver.print(name, ticket(name))
    world.wait(0.15)
    world.unplug()
    assert world.outcomes() == [Unknown("A017")]
    world.wait(10.0)
    world.plug()
    world.wait(60.0)
    assert world.outcomes() == [Unknown("A017"), Printed("A018")]
    assert world.paper().count("A018") == 1


def whole_ticket(number: str) -> bytes:
    """A ticket with a code, which is its longest command."""
    content = b"https://lobby.example/t/2026-11-20/" + number.encode() + b"/0123456789abcdef"
    store = b"\x1d\x28\x6b" + (len(content) + 3).to_bytes(2, "little") + b"\x31\x50\x30" + content
    code = GOLDEN["qr model 2"] + GOLDEN["qr module 6"] + GOLDEN["qr level M"] + store + GOLDEN["qr print"]
    end = b"\n" * 6 + GOLDEN["partial cut"]
    return ticket(number).removesuffix(end) + code + "请等候叫号\n".encode("gbk") + end


def paper_of(*numbers: str) -> list[list[Row]]:
    """What these tickets look like, each on its own paper."""
    printer = PrinterFarEnd(Faults(), seconds_per_line=0.0)
    printer.receive(b"".join(map(whole_ticket, numbers)), 0.0)
    return [paper.rows for paper in printer.tickets]


# The printed confirmation that the driver puts behind a ticket belongs to the job.
EVERY_BYTE = range(1, len(whole_ticket("A017")) + len(GOLDEN["confirmation request P001"]))


LOST_BYTES = [
    ({}, Printed, True, 1),
    ({}, Printed, False, 3),
    ({"real_time_inside": False}, Printed, True, 2),
    *((abilities, outcome, True, 3) for abilities, outcome in ABILITIES[1:]),
]


@pytest.mark.parametrize(
    ("abilities", "outcome", "keeps_power", "every"),
    [*((*way, 7) for *way, _ in LOST_BYTES), *(long(*way) for way in LOST_BYTES)],
)
def test_a_cable_lost_at_any_byte_of_a_ticket(
    abilities: dict[str, bool], outcome: type, keeps_power: bool, every: int
) -> None:
    """Invariant: what was printed of the ticket is cut off, the next one is whole and alone, and nothing else is
    printed; also where the printer was in the middle of a command, or of a character, and waited for its end."""
    begun, whole = paper_of("A017", "A018")
    for lost_at in EVERY_BYTE[: None if outcome is Printed else len(whole_ticket("A017")) - 1 : every]:
        world = World(**abilities)
        world.plug()
        world.wait(8.0)
        world.driver.print("A017", whole_ticket("A017"))
        world.driver.print("A018", whole_ticket("A018"))
        world.faults.keeps_power, world.cut_in_job = keeps_power, lost_at
        world.wait(2.0)
        assert world.outcomes() == [Unknown("A017")], lost_at
        world.plug()
        world.wait(30.0)
        assert world.outcomes() == [Unknown("A017"), outcome("A018")], lost_at
        *torn, last = [paper.rows for paper in world.far_end.tickets]
        assert last == whole, lost_at
        assert world.far_end.strip.rows == [CUTTER]
        assert len(torn) <= 2
        printed = [row for rows in torn for row in rows if not isinstance(row, Gap)]
        assert printed == [row for row in begun if not isinstance(row, Gap)][: len(printed)], lost_at


def test_a_cable_lost_while_nothing_is_printed_costs_no_paper() -> None:
    world = World()
    world.plug()
    world.wait(5.0)
    world.driver.print("A017", ticket("A017"))
    world.wait(5.0)
    world.faults.keeps_power = True
    for _ in range(3):
        world.unplug()
        world.wait(5.0)
        world.plug()
        world.wait(5.0)
    assert world.outcomes() == [Printed("A017")]
    assert len(world.far_end.tickets) == 1
    assert world.far_end.strip.rows == [CUTTER]


def test_a_cable_lost_inside_the_first_questions() -> None:
    """Nothing was printed, but the printer waits for the end of a question all the same."""
    world = World()
    world.faults.keeps_power = True
    for lost_at in range(1, 36):
        world.faults.cut_after = lost_at
        world.plug()
        world.wait(5.0)
        assert world.faults.unplugged
        world.plug()
        world.wait(5.0)
        name = f"A{lost_at:03d}"
        world.driver.print(name, ticket(name))
        world.wait(5.0)
        assert world.told()[-1] == Printed(name), lost_at
        assert len(world.far_end.tickets) == lost_at
        world.unplug()


@pytest.mark.parametrize("abilities", [{}, {"real_time_inside": False}])
def test_a_cable_pulled_where_no_link_is_lost(abilities: dict[str, bool]) -> None:
    """As on a serial line, where only silence tells of it."""
    world = World(**abilities)
    world.plug()
    world.wait(5.0)
    for name in ("A017", "A018"):
        world.driver.print(name, whole_ticket(name))
    world.wait(0.001)
    (message,) = [data for _, down, data in world.wire if down]
    world.wire.clear()
    world.far_end.receive(message[: message.index(b"lobby.example")], world.now)
    world.faults.loss = 1.0
    world.wait(20.0)
    world.faults.loss = 0.0
    world.wait(120.0)
    assert world.outcomes() == [Unknown("A017"), Printed("A018")]
    assert world.far_end.tickets[-1].rows == paper_of("A017", "A018")[1]
    assert "A018" not in "".join(paper.words for paper in world.far_end.tickets[:-1])


def test_a_mute_printer_that_lost_the_end_of_a_ticket_prints_the_next() -> None:
    """Neither the loss nor what became of the ticket can be known, but the next one is whole."""
    world = World(status=False, confirms=False)
    world.plug()
    world.wait(8.0)
    world.driver.print("A017", whole_ticket("A017"))
    world.wait(0.001)
    (message,) = [data for _, down, data in world.wire if down]
    world.wire.clear()
    world.far_end.receive(message[: message.index(b"lobby.example")], world.now)
    world.wait(10.0)
    world.driver.print("A018", whole_ticket("A018"))
    world.wait(10.0)
    assert world.outcomes() == [Sent("A017"), Sent("A018")]
    printed = [row for row in world.far_end.tickets[-1].rows if not isinstance(row, Gap)]
    assert printed[-4:] == [row for row in paper_of("A017", "A018")[1] if not isinstance(row, Gap)]


def test_a_ticket_that_a_killed_controller_was_printing() -> None:
    """The new one knows only that there was one such ticket."""
    world = World()
    world.plug()
    world.wait(5.0)
    world.driver.print("A017", whole_ticket("A017"))
    world.faults.keeps_power, world.cut_in_job = True, 100
    world.wait(2.0)
    world.driver = EscposPrinter()
    world.driver.interrupted(len(whole_ticket("A017")))
    world.plug()
    world.driver.print("A018", whole_ticket("A018"))
    world.wait(30.0)
    assert world.outcomes() == [Unknown("A017"), Printed("A018")]
    assert world.far_end.tickets[-1].rows == paper_of("A017", "A018")[1]
    assert len(world.far_end.tickets) == 2


def test_a_job_never_confirmed_is_cut_off_from_the_next() -> None:
    """The end of the first ticket is lost on a line that stays up."""
    world = World()
    world.plug()
    world.wait(1.0)
    for name in ("A017", "A018"):
        world.driver.print(name, whole_ticket(name))
    world.wait(0.001)
    (message,) = [data for _, down, data in world.wire if down]
    world.wire.clear()
    world.far_end.receive(message[: message.index(b"lobby.example")], world.now)
    world.wait(60.0)
    assert world.outcomes() == [Unknown("A017"), Printed("A018")]
    assert world.far_end.tickets[-1].rows == paper_of("A017", "A018")[1]
    assert len(world.far_end.tickets) == 2


def test_a_near_end_sensor_at_its_edge() -> None:
    """A knob that is the same for the same seed; what the flaps become is the lobby's affair."""

    def flaps(seed: int) -> list[object]:
        world = World()
        world.faults.random = Random(seed)
        world.plug()
        world.wait(2.0)
        world.faults.flicker = 5.0
        world.wait(10.0)
        world.faults.flicker = 0.0
        world.wait(2.0)
        return world.told()

    told = flaps(1)
    assert told == flaps(1)
    assert 40 <= told.count(Health("degraded", "paper_low")) + told.count(OK) <= 60
    assert told[-1] == OK


@pytest.mark.parametrize("asb", [True, False])
@pytest.mark.parametrize(
    ("cause", "detail"),
    [
        ("hot", "head_hot"),
        ("blocked", "printer_recoverable"),
        ("broken", "printer_fatal"),
        ("feeding", "printer_feeding"),
    ],
)
def test_a_cause_is_told_and_the_ticket_goes_on_when_it_is_over(cause: str, detail: str, asb: bool) -> None:
    world = World(asb=asb)
    world.plug()
    world.wait(5.0)
    assert world.told() == [OK]
    world.driver.print("A017", ticket("A017"))
    world.wait(0.2)
    setattr(world.far_end, cause, True)
    world.wait(60.0)
    assert world.told() == [Health("degraded", detail)]
    setattr(world.far_end, cause, False)
    world.wait(30.0)
    told = world.told()
    assert told[-1] in (OK, Printed("A017"))
    assert {OK, Printed("A017")} <= set(told)
    assert len(world.far_end.tickets) == 1


def test_a_jam_is_resumed_once_it_is_cleared() -> None:
    world = World()
    world.plug()
    world.wait(1.0)
    world.far_end.jammed = True
    world.driver.print("A017", ticket("A017"))
    world.wait(60.0)
    assert world.told() == [OK, Health("degraded", "cutter_error")]
    world.far_end.jammed = False
    world.wait(10.0)
    assert world.told() == [Printed("A017"), OK]


@pytest.mark.parametrize("abilities", [abilities for abilities, _ in ABILITIES])
@pytest.mark.parametrize("seed", [0, 1, *map(long, range(2, 8))])
def test_a_wire_that_loses_a_fifth_of_all_messages(abilities: dict[str, bool], seed: int) -> None:
    """Invariant: every job is closed exactly once, and no ticket comes out twice, whatever is lost."""
    print(f"seed {seed}")
    world = World(**abilities)
    world.faults.random = Random(seed)
    world.faults.loss = 0.2
    world.plug()
    chance = Random(seed)
    names = [f"A{number:03d}" for number in range(12)]
    for number, name in enumerate(names):
        world.driver.print(name, ticket(name))
        world.wait(chance.choice((0.1, 1.0, 10.0)))
        world.faults.paper = chance.choice(("ok", "ok", "low", "out"))
        if number % 5 == 4:
            world.unplug()
            world.wait(1.0)
            world.plug()
    world.faults.paper = "ok"
    world.wait(600.0)
    assert sorted(fact.job for fact in world.outcomes()) == names
    paper = world.paper()
    for fact in world.outcomes():
        assert paper.count(fact.job) <= 1
        if isinstance(fact, Printed):
            assert paper.count(fact.job) == 1
