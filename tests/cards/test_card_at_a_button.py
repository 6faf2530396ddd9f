"""A card before a ticket button."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from branches import NINE, branch
from ports import eventually
from pytest_mock import MockerFixture

from cards.files import (
    CLASSES,
    GOLD,
    KEY,
    OTHER_VIP,
    STRANGER,
    VIP,
    class_now,
    remove,
    replace_file,
    tokens_file,
    write,
)
from controller import cards
from controller.cards import CardTokens, token_of
from controller.devices.card_reader import BAD_CARDS, CardReaderAdapter
from controller.devices.cards import LOOK_EVERY, UNREAD_FOR, Cards, Seen
from controller.devices.hub import Hub
from controller.engine import Request
from controller.journal import Journal
from controller.lobby.actions.cancel import TicketCancelled
from controller.lobby.actions.registry import evolve
from controller.lobby.actions.report_device import ReportDevice
from controller.lobby.actions.take_ticket import TakeTicket
from controller.lobby.aggregate import Aggregate
from controller.lobby.answers import Answer, answer
from controller.lobby.model.state import State
from controller.lobby.model.triage import Choice, Question, Triage
from drivers.cardreader import PORT_ONLY, BadCard, CardRead
from drivers.session import LinkDown

# -- while in use -------------------------------------------------------------------------------------------------


WEALTH = Choice("wealth", "Wealth", service="loans", klass="green")
DEPOSIT = Choice("deposit", "Deposit", service="cash", advice="The machine takes deposits.")


RULES = dataclasses.replace(
    branch({"1": {"cash": 0, "loans": 0}}), triage=Triage({"start": Question("start", "?", (WEALTH, DEPOSIT))})
)


# -- at a ticket button -------------------------------------------------------------------------------------------


class Lobby:
    """Cards at the button `kiosk`, the real decisions, and a clock that the test moves."""

    def __init__(self, tokens: CardTokens, journal: Journal) -> None:
        self.rules = RULES
        self._tokens = tokens
        self.state = State()
        self.now = NINE
        self.held: list[Request] | None = None
        self.lobby = Aggregate(self.rules)
        self.state = self.lobby.state
        self.answers: list[Answer] = []
        self.reported: list[tuple[str, str]] = []
        """The reader's states, with what they say."""
        self._known: dict[str, Answer] = {}
        self._causes = 0
        desk = self.desk = Hub(
            self.rules, journal, self._submit, lambda: True, lambda: self.now, steady=lambda: self.now / 1000
        )
        self.cards = Cards(tokens, desk.context)
        self.cards.update(self.state)
        self.post = CardReaderAdapter("reader", "kiosk", 30, self.cards, desk.context)
        desk.add(self.post)
        self.paper = "none"

    async def swipe(self, number: str) -> None:
        self.post.heard(CardRead(number))
        await self.looked()

    async def looked(self) -> None:
        """Until the cards' files have been looked at."""
        done: list[bool] = []
        self._tokens.when_read(lambda: done.append(True))
        await eventually(lambda: done)

    async def take(self, cause: str = "", **more: str) -> tuple[str, str]:
        """Press the button: the ticket and its class."""
        token = more.pop("token", "")
        if not cause:
            self._causes += 1
            cause = f"press {self._causes}"
        take = TakeTicket(
            at=self.now, cause=cause, by="kiosk/kiosk", hold_off=2, paper=self.paper, chosen_by="button", **more
        )  # type: ignore[arg-type]
        self.cards.submit("kiosk", token, Request(take, self.answers.append))
        await self.looked()
        ticket = self.answers[-1].ticket
        return (ticket, self.state.tickets[ticket].klass) if ticket else ("", "")

    def wait(self, seconds: float) -> None:
        self.now += round(seconds * 1000)

    def _submit(self, request: Request) -> None:
        if isinstance(request.command, ReportDevice):
            detail = request.command.detail
            self.reported.append((request.command.state, self.rules.wording.say(f"device.{detail}")))
        elif self.held is None:
            self.decide(request)
        else:
            self.held.append(request)

    def decide(self, request: Request) -> None:
        take = request.command
        assert isinstance(take, TakeTicket)
        if take.cause not in self._known:
            answered = answer(self.rules, self.state, self.lobby.do(take))
            if answered.result != "ok":
                request.reply(answered)
                return
            self._known[take.cause] = answered
        request.reply(self._known[take.cause])


@pytest.fixture
def lobby(key_file: Path, file: Path, tmp_path: Path) -> Iterator[Lobby]:
    file.write_bytes(tokens_file((VIP, "vip"), (OTHER_VIP, "vip"), (GOLD, "urgent")))
    tokens = CardTokens(key_file, file, RULES.classes)
    tokens.open()
    journal = Journal(tmp_path / "lobby.db")
    yield Lobby(tokens, journal)
    journal.close()


async def test_a_card_counts_for_the_next_ticket_and_for_one(lobby: Lobby) -> None:
    await lobby.swipe(VIP)
    assert await lobby.take() == ("A001", "vip")
    lobby.wait(3)
    assert await lobby.take() == ("A002", "normal")


async def test_a_card_counts_for_so_many_seconds(lobby: Lobby) -> None:
    await lobby.swipe(VIP)
    lobby.wait(30)
    assert (await lobby.take())[1] == "vip"
    await lobby.swipe(VIP)
    lobby.wait(30.001)
    assert (await lobby.take())[1] == "normal"


async def test_an_unknown_card_is_an_ordinary_customer_and_the_last_card_counts(lobby: Lobby) -> None:
    await lobby.swipe(STRANGER)
    assert (await lobby.take())[1] == "normal"
    lobby.wait(5)
    await lobby.swipe(VIP)
    await lobby.swipe(STRANGER)
    assert (await lobby.take())[1] == "normal"


async def test_a_press_that_asks_for_a_class_keeps_it_and_uses_the_card_up(lobby: Lobby) -> None:
    await lobby.swipe(GOLD)
    assert (await lobby.take(klass="vip"))[1] == "vip"
    lobby.wait(5)
    assert (await lobby.take(klass="normal"))[1] == "normal"
    await lobby.swipe(VIP)
    assert (await lobby.take(klass="normal"))[1] == "vip"


async def test_an_impatient_customer_with_a_card_gets_one_ticket(lobby: Lobby) -> None:
    await lobby.swipe(VIP)
    assert await lobby.take() == ("A001", "vip")
    lobby.wait(1.5)
    assert await lobby.take() == ("A001", "vip"), "the same press again, within the hold-off"
    lobby.wait(1)
    assert await lobby.take() == ("A002", "normal"), "the hold-off counts from the first"


async def test_the_same_card_again_is_the_same_customer_and_another_card_another(lobby: Lobby) -> None:
    await lobby.swipe(VIP)
    assert await lobby.take() == ("A001", "vip")
    await lobby.swipe(VIP)
    assert await lobby.take() == ("A001", "vip")
    await lobby.swipe(OTHER_VIP)
    assert await lobby.take() == ("A002", "vip")


async def test_a_ticket_that_has_ended_is_not_given_again(lobby: Lobby) -> None:
    await lobby.swipe(VIP)
    assert await lobby.take() == ("A001", "vip")
    evolve(lobby.state, lobby.now, TicketCancelled("A001", "panel/m", "", None))
    assert await lobby.take() == ("A002", "normal")


async def test_a_press_delivered_again_takes_no_later_customers_card(lobby: Lobby) -> None:
    assert await lobby.take("p1") == ("A001", "normal")
    await lobby.swipe(VIP)
    assert await lobby.take("p1") == ("A001", "normal")
    assert await lobby.take("p2") == ("A002", "vip")
    await lobby.swipe(GOLD)
    assert await lobby.take("p2") == ("A002", "vip")
    assert await lobby.take("p3") == ("A003", "urgent")


async def test_a_press_that_led_to_no_ticket_leaves_the_card(lobby: Lobby) -> None:
    await lobby.swipe(VIP)
    lobby.paper = "paper_end"
    assert await lobby.take() == ("", "")
    lobby.paper = "none"
    assert await lobby.take() == ("A001", "vip")


async def test_a_card_gives_way_to_the_class_of_an_answer_and_outlasts_an_advice(lobby: Lobby) -> None:
    await lobby.swipe(VIP)
    assert await lobby.take(choice="wealth") == ("D001", "green")
    await lobby.swipe(GOLD)
    assert await lobby.take(choice="deposit") == ("", "")
    lobby.wait(5)
    assert await lobby.take(choice="deposit") == ("A001", "urgent")
    lobby.wait(1)
    assert await lobby.take(choice="deposit") == ("A001", "urgent")
    assert await lobby.take(service="cash") == ("A002", "normal"), "who chooses something else is somebody else"


async def test_a_press_not_answered_yet_has_its_card_alone(lobby: Lobby) -> None:
    lobby.held = []
    await lobby.swipe(VIP)
    for cause in ("p1", "p2", "p3"):
        service = "loans" if cause == "p2" else "cash"
        take = TakeTicket(at=lobby.now, cause=cause, by="kiosk/kiosk", service=service, hold_off=2)
        lobby.cards.submit("kiosk", "", Request(take, lobby.answers.append))
    for request in lobby.held:
        lobby.decide(request)
    assert [lobby.state.tickets[answer.ticket].klass for answer in lobby.answers] == ["vip", "normal", "normal"]


async def test_a_button_with_a_reader_of_its_own_sends_the_token(lobby: Lobby) -> None:
    assert await lobby.take(token=token_of(KEY, VIP).hex()) == ("A001", "vip")
    assert await lobby.take(token=token_of(KEY, VIP).hex().upper()) == ("A001", "vip")
    assert await lobby.take(token=token_of(KEY, GOLD).hex()) == ("A002", "urgent")
    assert await lobby.take(token=token_of(KEY, STRANGER).hex()) == ("A003", "normal")


async def test_a_press_right_after_its_card_waits_for_the_look_at_the_files(lobby: Lobby) -> None:
    lobby.post.heard(CardRead(VIP))
    assert await lobby.take() == ("A001", "vip")


async def test_who_has_shown_a_card_is_told_of_it_until_a_ticket_is_taken_or_too_much_time_has_passed(
    lobby: Lobby,
) -> None:
    told: list[float] = []
    lobby.cards.watch_shown(told.append)
    assert lobby.cards.seen("kiosk") is None
    lobby.post.heard(BadCard())
    assert lobby.cards.seen("kiosk") == Seen(False)
    await lobby.swipe(VIP)
    assert lobby.cards.seen("kiosk") == Seen(True, "vip")
    assert lobby.cards.seen("another") is None
    assert told == [UNREAD_FOR, 30]
    lobby.post.heard(BadCard())
    assert lobby.cards.seen("kiosk") == Seen(True, "vip"), "the one before still counts"
    await lobby.take()
    lobby.wait(UNREAD_FOR + 0.1)
    assert lobby.cards.seen("kiosk") is None
    assert told[3:] == [0]
    await lobby.swipe(STRANGER)
    assert lobby.cards.seen("kiosk") == Seen(True)
    lobby.wait(30.1)
    assert lobby.cards.seen("kiosk") is None


ALL_WELL = ("ok", "the port is open; a reader says nothing until it reads a card")


async def test_cards_that_cannot_be_read_are_the_readers_state_until_one_is(
    lobby: Lobby, caplog: pytest.LogCaptureFixture
) -> None:
    lobby.desk.heard("reader", PORT_ONLY)
    for _ in range(BAD_CARDS + 5):
        lobby.desk.heard("reader", BadCard())
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("reader: several cards in a row could not be read; check its line speed")
    degraded = ("degraded", "several cards in a row could not be read")
    assert lobby.reported == [ALL_WELL, degraded]
    await lobby.swipe(STRANGER)
    assert lobby.reported == [ALL_WELL, degraded, ALL_WELL]
    for _ in range(BAD_CARDS - 1):
        lobby.desk.heard("reader", BadCard())
    assert lobby.reported[3:] == []
    lobby.desk.heard("reader", LinkDown("lost"))
    lobby.desk.heard("reader", PORT_ONLY)
    lobby.desk.heard("reader", BadCard())
    assert lobby.reported[3:] == [("offline", "not connected"), ALL_WELL], "another reader, or this one anew"


async def test_files_that_cannot_be_used_are_the_readers_state_until_they_can(
    lobby: Lobby, key_file: Path, file: Path
) -> None:
    whole = tokens_file((VIP, "vip"))

    async def after_a_look() -> tuple[str, str]:
        """What is reported without any card, at the next look."""
        await lobby.looked()
        before = len(lobby.reported)
        lobby.wait(LOOK_EVERY)
        lobby.desk.looked_ahead()
        await eventually(lambda: len(lobby.reported) > before)
        return lobby.reported[-1]

    lobby.desk.heard("reader", PORT_ONLY)
    assert lobby.reported == [ALL_WELL]
    await lobby.looked()
    write(file, whole[:70])
    assert await after_a_look() == ("degraded", "the list of cards cannot be used")
    assert await lobby.take(token=token_of(KEY, VIP).hex()) == ("A001", "vip"), "by the list before"
    replace_file(file, whole)
    assert await after_a_look() == ALL_WELL
    remove(key_file)
    assert await after_a_look() == ("degraded", "the key of the cards cannot be used")
    lobby.desk.heard("reader", LinkDown("lost"))
    assert lobby.reported[-1] == ("offline", "not connected")
    lobby.desk.heard("reader", PORT_ONLY)
    assert lobby.reported[-1] == ("degraded", "the key of the cards cannot be used")
    replace_file(key_file, KEY + b"\n")
    await lobby.swipe(VIP)
    assert lobby.reported[-1] == ALL_WELL, "seen with the next card"
    assert (await lobby.take())[1] == "vip"


def test_files_are_looked_at_seldom_without_a_card(lobby: Lobby, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[object] = []
    monkeypatch.setattr(CardTokens, "when_current", lambda self, then: looks.append(then))
    for _ in range(100):
        lobby.desk.looked_ahead()
        lobby.wait(LOOK_EVERY / 50)
    assert len(looks) == 2


class Stall:
    """A file system that answers only when `gate` is open."""

    def __init__(self, path: Path, mocker: MockerFixture) -> None:
        self.gate = threading.Event()
        self.asked = 0
        stat_of = os.stat

        def hang(name: object, *more: Any, **about: Any) -> os.stat_result:
            if name == path and threading.current_thread().name == "cards":
                self.asked += 1
                self.gate.wait()
            return stat_of(name, *more, **about)  # type: ignore[arg-type]

        mocker.patch.object(os, "stat", side_effect=hang)


async def test_a_file_system_that_hangs_keeps_nobody_waiting_for_long(
    key_file: Path,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    mocker: MockerFixture,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(cards, "GLANCE", 0.05)
    monkeypatch.setattr(cards, "HANGS", 0.05)
    tokens = CardTokens(key_file, file, CLASSES)
    tokens.open()
    told: list[str] = []
    tokens.watch(lambda: told.append(tokens.detail()))
    stall = Stall(file, mocker)
    try:
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await class_now(tokens, VIP) == "vip", "what was read last"
        assert loop.time() - began < 1
        at_once: list[int] = []
        tokens.when_current(lambda: at_once.append(1))
        tokens.when_read(lambda: at_once.append(2))
        assert at_once == [1, 2]
        await eventually(lambda: told)
        assert told == ["card_files"]
        assert caplog.messages == [
            f"{key_file} and {file} do not answer; until then the cards that were known still count"
        ]
        assert stall.asked == 1, "one thread waits, and no more"
        write(file, tokens_file((STRANGER, "gold")))
    finally:
        stall.gate.set()
    await eventually(lambda: tokens.class_of(token_of(KEY, STRANGER)) == "gold")
    assert told[-1] == ""
    assert caplog.messages[1:] == ["the files of the cards can be read again"]


async def test_a_file_system_that_hangs_does_not_keep_the_start(
    key_file: Path, file: Path, monkeypatch: pytest.MonkeyPatch, mocker: MockerFixture
) -> None:
    monkeypatch.setattr(cards, "OPENING", 0.05)
    monkeypatch.setattr(cards, "GLANCE", 0.05)
    tokens = CardTokens(key_file, file, CLASSES)
    stall = Stall(file, mocker)
    try:
        tokens.open()
        assert tokens.detail() == "card_files"
        assert await class_now(tokens, VIP) is None
    finally:
        stall.gate.set()
    await eventually(lambda: not tokens.detail())
    assert await class_now(tokens, VIP) == "vip"
