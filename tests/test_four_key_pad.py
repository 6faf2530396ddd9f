"""Four-key pads: frames as they stand in the source, what the keys mean, and the driver facing the pads of a bus."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from branches import NINE, Lobby, branch
from golden import vectors
from hypothesis import given
from hypothesis import strategies as st

from controller.devices.four_key_pad import ONE_PRESS, FourKeyPadAdapter, FourKeyPadSettings
from controller.devices.hub import Hub
from controller.engine import Request, Step
from controller.journal import Journal
from controller.lobby.actions.call_next import CallNext
from controller.lobby.actions.command import Command
from controller.lobby.actions.finish import Finish
from controller.lobby.actions.no_show import NoShow
from controller.lobby.actions.recall import Recall
from controller.lobby.actions.start import Start
from controller.lobby.actions.transfer import Transfer
from controller.lobby.answers import Answer, answer
from drivers.device import Health, UnknownAddress
from drivers.fourkey import (
    ECHO,
    GREEN,
    NOISE_SPELL,
    OFF,
    RED_BLINKING,
    REFUSED_FOR,
    SILENCE,
    FourKeyBus,
    Pressed,
    lamp_frame,
    text_frame,
)
from simulators.devices.four_key_pad import PadBus
from simulators.faults import Faults

GOLDEN = vectors("fourkey")
PORT_ONLY, GARBLED = Health("ok", "keypad_port_only"), Health("degraded", "garbled")


def connected(*addresses: int, now: float = 0.0) -> FourKeyBus:
    bus = FourKeyBus(addresses or (1, 3, 7))
    assert bus.connected(now) == [PORT_ONLY]
    return bus


def sent(bus: FourKeyBus, until: float) -> list[tuple[float, bytes]]:
    """What is sent until then, and when."""
    found = []
    while (due := bus.next_deadline()) is not None and due <= until:
        bus.tick(due)
        if data := bus.data_to_send(due):
            found.append((due, data))
    return found


# -- the driver --------------------------------------------------------------------------------------------------


def test_what_is_sent_is_as_it_stands_in_the_source() -> None:
    assert lamp_frame(3, OFF) == GOLDEN["lamp off at 3"]
    assert lamp_frame(3, GREEN) == GOLDEN["lamp green at 3"]
    assert lamp_frame(3, RED_BLINKING) == GOLDEN["lamp red blinking at 3"]
    assert text_frame(3, "A017") == GOLDEN["show 017 at 3"]
    assert text_frame(7, "5") == GOLDEN["show 5 at 7"]


@pytest.mark.parametrize(
    ("name", "address", "key"),
    [("call at 3", 3, 1), ("start at 7", 7, 2), ("redirect at 1", 1, 3), ("no-show at 3", 3, 4)],
)
@pytest.mark.parametrize("noise", [b"", b"\x01", b"\x07", b"\x01\x01", b"\xff\x00", b"\x01\x03\x31"])
def test_a_press_is_found_in_chunks_of_any_size_and_behind_noise(
    name: str, address: int, key: int, noise: bytes
) -> None:
    whole, bytewise = connected(), connected()
    assert Pressed(address, key, 1) in whole.receive(noise + GOLDEN[name], 1.0)
    facts = [fact for byte in noise + GOLDEN[name] for fact in bytewise.receive(bytes([byte]), 1.0)]
    assert [fact for fact in facts if isinstance(fact, Pressed)] == [Pressed(address, key, 1)]


def test_half_a_frame_is_dropped_after_a_silence() -> None:
    bus = connected()
    assert bus.receive(GOLDEN["call at 3"][:2], 1.0) == []
    assert Pressed(3, 1, 1) in bus.receive(GOLDEN["call at 3"], 1.0 + SILENCE * 2)


@given(st.lists(st.binary(max_size=40)))
def test_no_bytes_break_the_driver(chunks: list[bytes]) -> None:
    bus = connected(5)
    for chunk in chunks:
        bus.receive(chunk, 1.0)
    assert Pressed(5, 1, 1) in bus.receive(b"\x01\x05\x31\x07", 2.0)


def test_a_line_with_broken_frames_is_told_once_and_once_when_it_is_good_again() -> None:
    bus = connected()
    assert bus.receive(b"\xff", 1.0) == [GARBLED]
    assert bus.receive(b"\xfe", 2.0) == []
    assert bus.tick(1.5 + NOISE_SPELL) == []
    assert bus.tick(2.0 + NOISE_SPELL) == [PORT_ONLY]


def test_a_stranger_is_told_once_a_connection() -> None:
    bus = connected(3)
    assert bus.receive(GOLDEN["start at 7"] * 2, 1.0) == [UnknownAddress(7)]
    bus.disconnected(2.0)
    bus.connected(3.0)
    assert bus.receive(GOLDEN["start at 7"], 4.0) == [UnknownAddress(7)]


def test_the_echo_of_a_lamp_is_no_press() -> None:
    bus = connected(3)
    bus.show(3, GREEN, "017")
    ((at, lamp), _) = sent(bus, 1.0)
    assert lamp == GOLDEN["lamp green at 3"]
    assert bus.receive(lamp, at + 0.01) == [], "what we have sent ourselves"
    assert bus.receive(lamp, at + 1.0 + ECHO) == [Pressed(3, 2, 1)]


def test_levels_go_out_with_silences_between_them_and_again_after_an_outage_and_now_and_then() -> None:
    bus = connected(1, 3)
    bus.show(3, RED_BLINKING, "017")
    times, frames = zip(*sent(bus, 1.0), strict=True)
    assert frames == (lamp_frame(1, OFF), text_frame(1, ""), lamp_frame(3, RED_BLINKING), text_frame(3, "017"))
    assert all(later - earlier > 0.02 for earlier, later in pairwise(times))
    assert sent(bus, 29.0) == []
    assert {frame for _, frame in sent(bus, 61.0)} == set(frames), "each once a minute"
    bus.disconnected(62.0)
    assert bus.next_deadline() is None
    bus.connected(70.0)
    assert [frame for _, frame in sent(bus, 71.0)] == list(frames)


def test_a_refusal_beeps_and_then_the_pad_shows_what_it_did() -> None:
    bus = connected(3)
    bus.show(3, OFF, "5")
    sent(bus, 1.0)
    (pressed,) = bus.receive(GOLDEN["call at 3"], 2.0)
    assert isinstance(pressed, Pressed)
    bus.answer(pressed, refused=True)
    (began, beep), (ended, lamp), _ = sent(bus, 10.0)
    assert (beep, lamp) == (b"\x01\x03\x3a\x07", GOLDEN["lamp off at 3"])
    assert ended - began == pytest.approx(REFUSED_FOR)


def test_an_answer_of_a_lost_link_is_not_given_on_the_next() -> None:
    bus = connected(3)
    (pressed,) = bus.receive(GOLDEN["call at 3"], 2.0)
    assert isinstance(pressed, Pressed)
    bus.disconnected(3.0)
    bus.answer(pressed, refused=True)
    bus.connected(4.0)
    bus.answer(pressed, refused=True)
    assert b"\x01\x03\x3a\x07" not in [frame for _, frame in sent(bus, 10.0)]


# -- driver and pads ---------------------------------------------------------------------------------------------


def test_driver_and_pads() -> None:
    bus, pads = connected(), PadBus([1, 3, 7])
    pads.plugged(0.0)
    bus.show(7, RED_BLINKING, "107")
    for at, frame in sent(bus, 1.0):
        for byte in frame:
            pads.receive(bytes([byte]), at)
    assert (pads.pads[7].colour, pads.pads[7].text, [*pads.pads[7].tickets]) == ("red", "107", ["107"])
    assert (pads.pads[1].colour, pads.pads[1].text) == ("", "")
    pads.press(7, 2)
    (said,) = pads.data_to_send(1.0)
    (pressed,) = bus.receive(said, 1.0)
    assert pressed == Pressed(7, 2, 1)
    bus.answer(pressed, refused=True)
    for at, frame in sent(bus, 2.0):
        pads.receive(frame, at)
    assert (pads.pads[7].beeps, pads.pads[7].colour) == (1, "red")


def test_a_pad_takes_the_bytes_after_a_silence_for_a_new_frame() -> None:
    pads = PadBus([3])
    pads.plugged(0.0)
    pads.receive(GOLDEN["lamp green at 3"][:2], 1.0)
    pads.receive(GOLDEN["lamp green at 3"], 2.0)
    assert pads.pads[3].colour == "green"


def test_a_key_that_bounces_is_said_twice() -> None:
    pads = PadBus([3], Faults(Random(1), bounce=0.2))
    pads.press(3, 1)
    assert pads.data_to_send(0.0) == pads.data_to_send(0.2) == [GOLDEN["call at 3"]]
    assert pads.next_deadline() is None


# -- what the keys mean ------------------------------------------------------------------------------------------


class Counters:
    """Pads at counters 1 and 3 of a lobby that decides when the test lets it."""

    def __init__(self, journal: Journal, **table: object) -> None:
        self.requests: list[Request] = []
        self.now = 100.0
        self.lobby = Lobby(branch({"1": {"cash": 0}, "3": {"cash": 0}}))
        self.hub = Hub(
            self.lobby.rules, journal, self.requests.append, lambda: True, lambda: NINE, steady=lambda: self.now
        )
        settings = FourKeyPadSettings.model_validate(
            {
                "id": "pads",
                "driver": "four-key-pad",
                "link": "serial:/dev/pads?baud=57600",
                "pads": [{"address": 1, "counter": "1"}, {"address": 3, "counter": "3"}],
                **table,
            }
        )
        self.bus, self.pads = connected(1, 3), PadBus([1, 3])
        self.pads.plugged(0.0)
        self.hub.add(FourKeyPadAdapter(settings, self.bus, self.hub.context, lambda: None))
        self.show()

    def show(self) -> None:
        """Let the pads show the lobby as it is."""
        self.hub.published(Step([], self.lobby.state))
        for at, frame in sent(self.bus, self.now):
            self.pads.receive(frame, at)

    def press(self, address: int, key: int) -> Command | None:
        """The command of a press; None: there is none."""
        before = len(self.requests)
        for fact in self.bus.receive(bytes([1, address, 0x30 + key, 7]), self.now):
            self.hub.heard("pads", fact)
        return self.requests[-1].command if len(self.requests) > before else None

    def decide(self) -> None:
        """Decide the last press, answer it, and show what came of it, a second later."""
        request = self.requests[-1]
        decision = self.lobby.do(request.command)
        request.reply(answer(self.lobby.rules, self.lobby.state, decision))
        self.now += ONE_PRESS
        self.show()

    def seen(self, address: int) -> tuple[str, str, int]:
        """A pad's lamp and text, and how often it has beeped."""
        pad = self.pads.pads[address]
        return pad.colour, pad.text, pad.beeps


@pytest.fixture
def counters(tmp_path: Path) -> Iterator[Counters]:
    journal = Journal(tmp_path / "lobby.db")
    yield Counters(journal)
    journal.close()


def test_a_visit_by_four_keys(counters: Counters) -> None:
    counters.lobby.take()
    counters.lobby.take()
    counters.show()
    assert (counters.seen(1), counters.seen(3)) == (("", "2", 0), ("", "2", 0))
    assert isinstance(counters.press(3, 1), CallNext)
    counters.decide()
    assert (counters.seen(1), counters.seen(3)) == (("", "1", 0), ("red", "001", 0))
    assert counters.pads.pads[3].lamp == RED_BLINKING
    assert isinstance(counters.press(3, 1), Recall), "it is called, and has not come"
    counters.decide()
    assert isinstance(counters.press(3, 2), Start)
    counters.decide()
    assert counters.seen(3)[:2] == ("green", "001")
    command = counters.press(3, 4)
    assert isinstance(command, Finish)
    assert (command.counter, command.cause) == ("3", f"four-key-pad:pads:{NINE + 3}")


def test_who_does_not_come_is_a_no_show_by_the_same_key(counters: Counters) -> None:
    counters.lobby.take()
    counters.press(1, 1)
    counters.decide()
    assert isinstance(counters.press(1, 4), NoShow)
    counters.decide()
    assert counters.seen(1) == ("", "0", 0)


def test_a_key_that_bounces_means_what_it_meant_before(counters: Counters) -> None:
    counters.lobby.take()
    first = counters.press(3, 1)
    counters.decide()
    counters.now -= ONE_PRESS / 2
    assert isinstance(first, CallNext)
    assert isinstance(counters.press(3, 1), CallNext), "not yet a recall"


def test_a_refused_press_beeps_once_and_is_shown_no_longer_than_it_should(counters: Counters) -> None:
    assert isinstance(counters.press(3, 1), CallNext)
    counters.decide()
    assert counters.seen(3)[2] == 1, "nobody waits"
    counters.now += REFUSED_FOR + 1
    counters.show()
    assert counters.seen(3) == ("", "0", 1)


def test_a_key_without_a_meaning_is_refused_at_once(counters: Counters) -> None:
    assert counters.press(3, 3) is None
    counters.now += 1
    counters.show()
    assert (counters.seen(3)[2], counters.seen(1)[2]) == (1, 0)


def test_a_press_that_nobody_could_write_down_is_not_answered(counters: Counters) -> None:
    lamps = counters.pads.pads[3].lamps
    counters.press(3, 1)
    counters.requests[-1].reply(Answer("error", "the disk is full", written=False))
    counters.now += 1
    counters.show()
    assert counters.pads.pads[3].lamps == lamps


def test_keys_may_mean_something_else(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "lobby.db")
    counters = Counters(journal, keys={"3": "TRANSFER digits=2", "4": "CALL @1"})
    transfer, call = counters.press(3, 3), counters.press(3, 4)
    assert isinstance(transfer, Transfer)
    assert (transfer.counter, transfer.digits) == ("3", "2")
    assert isinstance(call, CallNext)
    assert call.counter == "1"
    journal.close()
