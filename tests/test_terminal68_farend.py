"""Driver and simulated terminals on good and bad wires, in virtual time."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from random import Random

import pytest
from terminals68 import GARBLED, RATER, key

from drivers.device import OK, Health
from drivers.framing import FrameReader
from drivers.terminal68 import (
    MAX_L_FROM_TERMINAL,
    Frame,
    Function,
    Key,
    Pressed,
    Rated,
    Terminal68,
    frame_reader,
    ticket_frame,
)
from simulators.devices.terminal68 import REPEAT, REPEATS, TerminalBus
from simulators.faults import Faults


class Bus:
    """The driver and its terminals on one paced wire, and a controller that answers each press after `decide` seconds.

    `heard` are the times at which each frame reached the driver: what the retransmission rule is judged by.
    """

    BYTE = 10 / 9600

    def __init__(self, faults: Faults, *, repeat_ms: int = 400, decide: float = 0.005) -> None:
        self.faults = faults
        self.driver = Terminal68((1, 2, 3), (RATER,), repeat_ms=repeat_ms)
        self.far_end = TerminalBus((1, 2, 3), (RATER,))
        self.decide = decide
        self.now = 0.0
        self.facts: list[tuple[float, object]] = []
        self.heard: list[tuple[float, Frame]] = []
        self._ear: FrameReader[Frame] = frame_reader(MAX_L_FROM_TERMINAL)
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._serial = count()
        self._up_free = 0.0
        self.far_end.plugged(0.0)
        self._take(self.driver.connected(0.0))

    def later(self, delay: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.now + delay, next(self._serial), what))

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        for _ in range(100_000):
            self._exchange()
            alarms = (self.driver.next_deadline(), self.far_end.next_deadline(), self._due[0][0] if self._due else None)
            at = min((alarm for alarm in alarms if alarm is not None), default=end)
            if at > end or (at == end and not self._due):
                break
            self.now = max(self.now, at)
            while self._due and self._due[0][0] <= self.now:
                heapq.heappop(self._due)[2]()
            self._take(self.driver.tick(self.now))
            self.far_end.tick(self.now)
        else:
            pytest.fail("driver and terminals keep each other busy for nothing")
        self.now = end

    def presses(self) -> list[tuple[float, Frame]]:
        return [(at, fact.frame) for at, fact in self.facts if isinstance(fact, Pressed | Rated)]

    def _exchange(self) -> None:
        while data := self.driver.data_to_send(self.now):
            if not self.faults.lost():
                arrived = self.faults.touched(data)
                self.later(len(data) * self.BYTE, lambda arrived=arrived: self.far_end.receive(arrived, self.now))
        for message in self.far_end.data_to_send(self.now):
            if self.faults.lost():
                continue
            arrived = self.faults.touched(message)
            size = 1 if self.faults.dribble else len(arrived)
            for start in range(0, len(arrived), size):
                piece = arrived[start : start + size]
                self._up_free = max(self.now, self._up_free) + len(piece) * self.BYTE
                self.later(self._up_free - self.now, lambda piece=piece: self._arrive(piece))

    def _arrive(self, data: bytes) -> None:
        self.heard += [(self.now, frame) for frame in self._ear.feed(data, self.now)]
        self._take(self.driver.receive(data, self.now))

    def _take(self, facts: object) -> None:
        for fact in facts:  # type: ignore[attr-defined]
            self.facts.append((self.now, fact))
            if isinstance(fact, Pressed | Rated):
                self.later(self.decide, lambda frame=fact.frame: self.driver.answer(frame))


def distinct(heard: list[tuple[float, Frame]], repeat: float) -> list[tuple[float, Frame]]:
    """The presses in what was heard, by the rule's own words.

    A copy within `repeat` of the last is no press.
    """
    last: dict[Frame, float] = {}
    found = []
    for at, frame in heard:
        if frame not in last or at - last[frame] >= repeat:
            found.append((at, frame))
        last[frame] = at
    return found


def press_for_a_day(bus: Bus, random: Random, presses: int, spacing: float) -> list[Frame]:
    """Presses at all terminals, `spacing` seconds apart at one, with levels changing meanwhile; in their order."""
    pressed = []
    for _ in range(presses):
        for address in (1, 2, 3):
            name = random.choice([Key.CALL, Key.RECALL, Key.PAUSE, Key.TRANSFER])
            digits = random.choice(["", "7", "17"])
            pressed.append(key(address, name, digits))
            bus.far_end.press(address, name, digits)
            bus.driver.show_ticket(address, f"A{random.randrange(1000):03d}")
            bus.driver.show_waiting(address, random.randrange(50))
        score = random.randrange(1, 6)
        bus.far_end.rate(RATER, score)
        pressed.append(Frame(RATER, Function.RATED, bytes([score])))
        bus.wait(spacing)
    return pressed


def by_address(frames: list[Frame]) -> dict[int, list[Frame]]:
    return {address: [frame for frame in frames if frame.address == address] for address in (1, 2, 3, RATER)}


@pytest.mark.parametrize("dribble", [False, True])
def test_over_a_good_wire_every_press_acts_once_and_is_echoed_once(dribble: bool) -> None:
    bus, random = Bus(Faults(dribble=dribble)), Random(68)
    pressed = press_for_a_day(bus, random, 40, 0.5)
    assert by_address([frame for _, frame in bus.presses()]) == by_address(pressed)
    assert [terminal.echoes for terminal in bus.far_end.terminals.values()] == [40] * 3
    assert bus.far_end.raters[RATER].echoes == 40
    assert not any(map(bus.far_end.waits_for_echo, (1, 2, 3, RATER)))
    assert [fact for _, fact in bus.facts if isinstance(fact, Health)] == [OK]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("dribble", [False, True])
def test_over_a_lossy_wire_every_press_acts_once(seed: int, dribble: bool) -> None:
    """A fifth of the messages is lost either way, and the terminal's retries lie within `repeat_ms`.

    A press acts once if any of its copies arrived, and not at all if none did; a clerk sees the echo or tries again.
    """
    print(f"seed {seed}")
    bus = Bus(Faults(Random(seed), loss=0.2, dribble=dribble), repeat_ms=round(REPEAT * REPEATS * 1000))
    pressed = press_for_a_day(bus, Random(seed + 100), 60, 2 * REPEAT * REPEATS + 0.1)
    assert len(bus.heard) > len(bus.presses()), "some copies were heard twice"
    acted, expected = by_address([frame for _, frame in bus.presses()]), by_address(pressed)
    arrived = by_address([frame for _, frame in distinct(bus.heard, REPEAT * REPEATS)])
    assert acted == arrived
    lost = sum(len(expected[a]) - len(acted[a]) for a in expected)
    assert 0 <= lost <= 5, "four copies in a row are lost with a chance of 1 in 600"
    for address, frames in acted.items():
        rest = iter(expected[address])
        assert all(frame in rest for frame in frames), "nothing is made up or turned round"
    assert sum(terminal.echoes for terminal in bus.far_end.terminals.values()) <= 180


@pytest.mark.parametrize("seed", range(8))
def test_over_a_lossy_wire_presses_are_told_apart_by_repeat_ms_alone(seed: int) -> None:
    """With the usual 400 ms a lost copy may make the next one a press of its own: exactly then, and never else."""
    print(f"seed {seed}")
    bus = Bus(Faults(Random(seed), loss=0.2))
    press_for_a_day(bus, Random(seed + 100), 60, 1.7)
    assert bus.presses() == distinct(bus.heard, 0.4)


@pytest.mark.parametrize("seed", range(4))
def test_displays_that_missed_frames_are_right_again_after_the_next_outage(seed: int) -> None:
    print(f"seed {seed}")
    bus = Bus(Faults(Random(seed), loss=0.2))
    press_for_a_day(bus, Random(seed + 100), 20, 1.7)
    bus.faults.loss = 0.0
    for address in (1, 2, 3):
        bus.driver.show_ticket(address, f"A{address:03d}")
        bus.driver.show_waiting(address, 100 + address)
    bus.driver.disconnected(bus.now)
    bus.wait(5.0)
    bus.driver.connected(bus.now)
    bus.wait(2.0)
    shown = {address: (t.ticket, t.waiting) for address, t in bus.far_end.terminals.items()}
    assert shown == {address: (f"00{address}", f"10{address}") for address in (1, 2, 3)}


@pytest.mark.parametrize("seed", range(4))
def test_over_a_garbling_wire_nothing_is_made_up(seed: int) -> None:
    """One byte changed in a tenth of the messages: the sum catches each, so only what was pressed acts."""
    print(f"seed {seed}")
    bus = Bus(Faults(Random(seed), garble=0.1))
    pressed = press_for_a_day(bus, Random(seed + 100), 60, 1.7)
    assert {frame.to_bytes() for _, frame in bus.presses()} <= {frame.to_bytes() for frame in pressed}
    assert [fact for _, fact in bus.facts if isinstance(fact, Health)][:2] == [OK, GARBLED]


def test_a_slow_decision_acts_once_and_is_echoed_when_it_comes() -> None:
    bus = Bus(Faults(), decide=REPEAT * REPEATS - 0.1)
    bus.far_end.press(1, Key.CALL)
    bus.wait(5.0)
    assert [frame for _, frame in bus.presses()] == [key(1)]
    assert bus.far_end.terminals[1].echoes == 1
    assert len(bus.heard) == REPEATS


def test_a_bus_that_never_answers_is_left_alone_after_a_few_tries() -> None:
    bus = Bus(Faults(), decide=1e9)
    bus.far_end.press(1, Key.CALL)
    bus.wait(10.0)
    assert len(bus.heard) == REPEATS
    assert not bus.far_end.waits_for_echo(1)


def test_the_far_end_shows_and_beeps_and_asks() -> None:
    bus = Bus(Faults())
    bus.driver.show_ticket(1, "A017")
    bus.driver.show_waiting(1, 0)
    bus.driver.ask_rating(RATER)
    bus.driver.answer(key(2), refused=True)
    bus.wait(1.0)
    first, second, _ = bus.far_end.terminals.values()
    assert (first.ticket, first.waiting, first.beeps) == ("017", "000", 0)
    assert (second.ticket, second.waiting, second.beeps, second.echoes) == ("", "", 1, 0)
    assert bus.far_end.raters[RATER].asking
    bus.driver.show_ticket(1, "")
    bus.far_end.rate(RATER, 4)
    bus.wait(1.0)
    assert (first.ticket, first.waiting) == ("", "000")
    assert not bus.far_end.raters[RATER].asking
    assert list(first.tickets) == ["017"]


def test_a_lost_display_frame_is_mended_by_the_refresh() -> None:
    """One display at a time, so that a round of twelve never fills the bus."""
    bus = Terminal68([3, 4], refresh=60.0)
    bus.connected(0.0)
    for address in (3, 4):
        bus.show_ticket(address, "A017")
    sent = _until(bus, 20.0)
    assert len(sent) == 2
    assert _until(bus, 29.9) == []
    assert _until(bus, 59.9) == [ticket_frame(3, "A017").to_bytes()]
    assert _until(bus, 89.9) == [ticket_frame(4, "A017").to_bytes()]


def _until(bus: Terminal68, end: float) -> list[bytes]:
    """What the bus says up to a time."""
    sent = []
    while (now := bus.next_deadline()) is not None and now <= end:
        bus.tick(now)
        if data := bus.data_to_send(now):
            sent.append(data)
    return sent
