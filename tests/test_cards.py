"""The cards' files: whole, half written, replaced while in use; and the class of a card at a ticket button."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import hmac
import os
import stat
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from branches import NINE, branch
from chance import examples
from hypothesis import given
from hypothesis import strategies as st
from ports import eventually

from controller import cards
from controller.cards import CardsError, CardTokens, check_digit_fits, number_of, read_key, read_table, token_of
from controller.devices.card_reader import BAD_CARDS, CardReaderAdapter
from controller.devices.cards import LOOK_EVERY, Cards
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
from simulators.disk import cut, delete, move

KEY = b"0123456789abcdef0123456789abcdef"
CLASSES = ("normal", "vip", "gold")
VIP, OTHER_VIP, GOLD, STRANGER = "6205500000000000004", "6200000000000005", "4111111111111111", "5555555555554444"


def tokens_file(*classes_of: tuple[str, str]) -> bytes:
    """A tokens file as head office would write it."""
    lines = [f"{hmac.new(KEY, number.encode(), hashlib.sha256).hexdigest()} {klass}" for number, klass in classes_of]
    return "".join(f"{line}\n" for line in ["lobby-tokens 1", *lines, f"end {len(lines)}"]).encode()


def many_cards(count: int) -> bytes:
    """A tokens file of so many cards, from number 100000000000 on."""
    return tokens_file(*((f"1{number:011d}", "gold") for number in range(count)))


SMALL = tokens_file((VIP, "vip"), (GOLD, "gold"))


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "cards.key"
    path.write_bytes(KEY + b"\n")
    path.chmod(0o640)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "cards.tokens"
    path.write_bytes(SMALL)
    return path


def refusal(path: Path) -> str:
    """What is said of a tokens file, from the line number on."""
    with pytest.raises(CardsError) as error:
        read_table(path, CLASSES)
    assert not any(len(word) >= 64 for word in str(error.value).replace(str(path), "").split()), "it holds a token"
    return str(error.value).removeprefix(str(path)).removeprefix(":")


# -- numbers and tokens -------------------------------------------------------------------------------------------


def test_a_token_is_the_keyed_hash_of_the_digits() -> None:
    assert token_of(KEY, VIP) == hmac.new(KEY, VIP.encode("ascii"), hashlib.sha256).digest()


def test_numbers_as_people_type_them() -> None:
    assert number_of(" 4111 1111-1111 1111\r\n") == GOLD
    for text in ("", "41111111111", "4" * 20, "4111x11111111111", "４１１１１１１１１１１１１１１１"):
        assert number_of(text) is None


def test_check_digits() -> None:
    assert all(check_digit_fits(number) for number in (VIP, GOLD, STRANGER, "79927398713"))
    assert not check_digit_fits(GOLD[:-1] + "2")


# -- the files ----------------------------------------------------------------------------------------------------


def test_a_whole_file(file: Path) -> None:
    table = read_table(file, CLASSES)
    assert len(table) == 2
    assert [table.class_of(token_of(KEY, number)) for number in (VIP, GOLD, STRANGER)] == ["vip", "gold", None]
    file.write_bytes(b"\xef\xbb\xbf" + SMALL.upper().replace(b"LOBBY-TOKENS", b"lobby-tokens").replace(b"\n", b"\r\n"))
    text = file.read_bytes()
    for word in (b"vip", b"gold", b"end"):
        text = text.replace(
            word.upper() + (b" " if word == b"end" else b"\r"), word + (b" " if word == b"end" else b"\r")
        )
    file.write_bytes(text)
    assert read_table(file, CLASSES).class_of(token_of(KEY, VIP)) == "vip", "as Windows writes it"
    file.write_bytes(tokens_file())
    assert len(read_table(file, CLASSES)) == 0


def test_a_file_cut_off_anywhere_is_refused_as_a_whole(file: Path) -> None:
    for length in range(len(SMALL)):
        file.write_bytes(SMALL[:length])
        said = refusal(file)
        assert said.count("\n") == 0
        assert said.split(":")[0].isdecimal()


@examples(300)
@given(position=st.integers(0, len(SMALL) - 1), byte=st.integers(0, 255))
def test_no_byte_of_a_file_can_be_changed_into_something_that_is_not_meant(
    tmp_path_factory: pytest.TempPathFactory, position: int, byte: int
) -> None:
    """Any one byte replaced: either the file is refused in one sentence, or only one card's token or class changed."""
    path = tmp_path_factory.getbasetemp() / "changed.tokens"
    path.write_bytes(SMALL[:position] + bytes([byte]) + SMALL[position + 1 :])
    try:
        table = read_table(path, CLASSES)
    except CardsError as error:
        table, said = None, str(error)
    if table is None:
        assert "\n" not in said
    else:
        assert len(table) == 2
        assert "vip" in [table.class_of(token_of(KEY, VIP))] or "gold" in [table.class_of(token_of(KEY, GOLD))]


TOKEN = b"ab" * 32
BAD_FILES = [
    (b"", "2: the file has no end; it was not written to the last line: supply it again"),
    (b"lobby-tokens 2\nend 0\n", '1: the first line is not "lobby-tokens 1"; supply a tokens file'),
    (TOKEN + b" vip\nend 1\n", '1: the first line is not "lobby-tokens 1"; supply a tokens file'),
    (b"lobby-tokens 1\nend 1\n", "2: 0 cards stand above, and not 1; supply the whole file"),
    (
        b"lobby-tokens 1\n" + TOKEN[1:] + b" vip\nend 1\n",
        "2: this is no line of 64 hexadecimal digits and a class; supply the file anew",
    ),
    (
        b"lobby-tokens 1\n" + TOKEN[2:] + b"xy vip\nend 1\n",
        "2: this is no line of 64 hexadecimal digits and a class; supply the file anew",
    ),
    (
        b"lobby-tokens 1\n\n" + TOKEN + b" vip\nend 1\n",
        "2: this is no line of 64 hexadecimal digits and a class; supply the file anew",
    ),
    (
        b"lobby-tokens 1\n" + TOKEN + b" vpi\nend 1\n",
        '2: there is no class "vpi"; known are normal, vip, gold',
    ),
    (
        b"lobby-tokens 1\n" + TOKEN + b" vip\n" + TOKEN.upper() + b" gold\nend 2\n",
        "3: the token of this line stands here for the second time; keep one",
    ),
    (
        b"lobby-tokens 1\n" + TOKEN + b" vip\nend 1\nend 1\n",
        "4: something stands behind the end; supply the file as it was made",
    ),
    (b"lobby-tokens 1\n" + b"a" * 1000 + b"\n", "2: this is no whole line, it is too long; supply the file again"),
    (
        b"lobby-tokens 1\nend 0",
        "2: this is no whole line, it was not written to its end; supply the file again",
    ),
]


@pytest.mark.parametrize(("content", "said"), BAD_FILES)
def test_what_is_said_of_a_bad_file(file: Path, content: bytes, said: str) -> None:
    file.write_bytes(content)
    assert refusal(file) == said


def test_a_file_that_is_none_or_too_much(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(tmp_path / "missing") == " cannot be read: no such file or directory"
    assert refusal(tmp_path) == " is no plain file; put one there"
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "pipe") == " is no plain file; put one there"
    monkeypatch.setattr(cards, "CARDS_LIMIT", 1)
    assert refusal(file) == "3: these are more than 1 cards; supply fewer"
    with file.open("r+b") as sparse:
        sparse.truncate(cards.SIZE_LIMIT + 1)
    assert refusal(file).startswith(" is longer than 32 MB")


def test_keys(key_file: Path) -> None:
    assert read_key(key_file) == KEY
    key_file.write_bytes(b"  " + KEY + b" \r\nanything")
    assert read_key(key_file) == KEY
    for mode in (0o644, 0o642):
        key_file.chmod(mode)
        with pytest.raises(CardsError, match=rf"open to every user of this machine; run chmod o= {key_file}$"):
            read_key(key_file)
    key_file.chmod(0o600)
    key_file.write_bytes(b"\xef\xbb\xbf" + KEY + b"\r\n")
    assert read_key(key_file) == KEY, "as Windows writes it"
    key_file.write_bytes("Schlüssel, lang und mit Umläuten".encode())
    assert read_key(key_file).decode() == "Schlüssel, lang und mit Umläuten"
    key_file.write_bytes(KEY[1:] + b"\nmore")
    with pytest.raises(CardsError, match="the key has fewer than 32 characters in its first line; make a longer one"):
        read_key(key_file)


@pytest.mark.parametrize(
    "content",
    [
        KEY.decode().encode("utf-16"),
        KEY.decode().encode("utf-16-le"),
        KEY.decode().encode("utf-16-be"),
        b"\xef\xbb\xbf" + KEY.decode().encode("utf-16-le"),
        KEY + b"\0",
        KEY[:10] + b"\x07" + KEY[10:],
        KEY[:10] + b"\t" + KEY[10:],
        KEY + "\u200b".encode(),
        KEY + b"\xe9",
        "这是一个只有本网点知道的密钥密钥密钥".encode("gb18030"),
    ],
)
def test_a_key_that_is_no_plain_text_is_refused(key_file: Path, content: bytes) -> None:
    key_file.write_bytes(content)
    with pytest.raises(CardsError, match=rf"^{key_file}: the first line is no plain text, as a key is; write it again"):
        read_key(key_file)


def test_a_key_of_one_character_is_refused(key_file: Path) -> None:
    for key in (b"0" * 64, b"\xef\xbb\xbf" + b"x" * 40 + b"\n"):
        key_file.write_bytes(key)
        with pytest.raises(CardsError, match=rf"^{key_file}: the key is one character again and again; make one"):
            read_key(key_file)


def test_a_hundred_thousand_cards_take_little_memory_and_each_is_found(file: Path) -> None:
    seed = 7
    print("seed", seed)
    random = Random(seed)
    tokens = [random.randbytes(32) for _ in range(100_000)]
    lines = (f"{token.hex()} {CLASSES[token[31] % 3]}\n" for token in tokens)
    file.write_text("".join(["lobby-tokens 1\n", *lines, "end 100000\n"]))
    tracemalloc.start()
    table = read_table(file, CLASSES)
    kept, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(table) == 100_000
    assert kept < 2 << 20
    assert most < 5 << 20
    assert all(table.class_of(token) == CLASSES[token[31] % 3] for token in tokens)
    assert table.class_of(random.randbytes(32)) is None


# -- while in use -------------------------------------------------------------------------------------------------


def write(path: Path, content: bytes) -> None:
    """Over the file that is there, as a copy does it."""
    path.write_bytes(content)


def remove(path: Path) -> None:
    path.unlink()


def replace_file(path: Path, content: bytes) -> None:
    """As head office's program does it: a new file in the old one's place."""
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.chmod(stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o640)
    new.rename(path)


async def class_now(tokens: CardTokens, number: str) -> str | None:
    """The class of a card that is read now."""
    found: list[str | None] = []

    def look() -> None:
        token = tokens.token_of(number)
        found.append(tokens.class_of(token) if token else None)

    tokens.when_current(look)
    await eventually(lambda: found)
    return found[0]


async def test_a_new_file_counts_from_the_next_card_on(key_file: Path, file: Path) -> None:
    tokens = CardTokens(key_file, file, CLASSES)
    tokens.open()
    assert await class_now(tokens, VIP) == "vip"
    replace_file(file, tokens_file((STRANGER, "gold")))
    assert await class_now(tokens, STRANGER) == "gold"
    assert await class_now(tokens, VIP) is None


async def test_a_bad_file_leaves_the_cards_before_and_is_told_of_once(
    key_file: Path, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = CardTokens(key_file, file, CLASSES)
    tokens.open()
    assert caplog.messages == []
    for length in range(0, len(SMALL), 20):  # it is being written, line by line
        write(file, SMALL[:length])
        assert await class_now(tokens, VIP) == "vip"
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith(f"{file}:2: ")
    assert caplog.messages[0].endswith("; until then the cards that were known still count")
    write(file, SMALL)
    assert await class_now(tokens, GOLD) == "gold"
    assert caplog.messages[1:] == ["the classes of 2 cards are known"]
    remove(file)
    assert await class_now(tokens, VIP) == "vip"
    assert await class_now(tokens, GOLD) == "gold"
    assert len(caplog.messages) == 3


async def test_missing_files_give_no_card_a_class_until_they_are_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key_file, file = tmp_path / "cards.key", tmp_path / "cards.tokens"
    tokens = CardTokens(key_file, file, CLASSES)
    tokens.open()
    assert len(caplog.messages) == 2
    assert all(message.endswith("; until then no card gives a class") for message in caplog.messages)
    assert await class_now(tokens, VIP) is None
    replace_file(file, SMALL)
    assert await class_now(tokens, VIP) is None
    replace_file(key_file, KEY)
    assert await class_now(tokens, VIP) == "vip"
    assert len(caplog.messages) == 3
    key_file.chmod(0o644)
    assert await class_now(tokens, VIP) == "vip", "the key that was known"
    assert "chmod o=" in caplog.messages[3]


@pytest.mark.parametrize("what", ["deleted", "moved", "cut to nothing", "cut short"])
@pytest.mark.parametrize("which", ["key", "tokens"])
async def test_a_file_that_is_lost_is_told_of_once_and_costs_no_card_its_class(
    key_file: Path, file: Path, which: str, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = CardTokens(key_file, file, CLASSES)
    tokens.open()
    path = key_file if which == "key" else file
    before = path.read_bytes()
    if what == "deleted":
        delete(path)
    elif what == "moved":
        moved = move(path)
    else:
        cut(path, 0 if what == "cut to nothing" else len(before) - 30)
    for _ in range(3):
        assert await class_now(tokens, VIP) == "vip"
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith(str(path))
    assert caplog.messages[0].endswith("; until then the cards that were known still count")
    assert tokens.detail() == ("card_key" if which == "key" else "card_list")
    if what == "moved":
        moved.back()
    else:
        replace_file(path, before)
    assert await class_now(tokens, GOLD) == "gold"
    assert caplog.messages[1:] == ["the classes of 2 cards are known"]
    assert tokens.detail() == ""


async def test_a_file_that_takes_long_to_read_keeps_nobody_waiting(
    key_file: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cards, "PATIENCE", 0.001)
    tokens = CardTokens(key_file, file, CLASSES)
    tokens.open()
    replace_file(file, many_cards(100_000))
    assert await class_now(tokens, VIP) == "vip", "by the file before"
    at_once: list[int] = []
    tokens.when_read(lambda: at_once.append(1))
    tokens.when_current(lambda: at_once.append(2))
    assert at_once == [1, 2]
    await eventually(lambda: tokens.class_of(token_of(KEY, "100000099999")) == "gold")
    assert await class_now(tokens, VIP) is None


async def test_the_loop_goes_on_while_a_big_file_is_read(key_file: Path, file: Path) -> None:
    tokens = CardTokens(key_file, file, CLASSES)
    tokens.open()
    replace_file(file, many_cards(200_000))
    done: list[int] = []
    order: list[str] = []
    tokens.when_current(lambda: order.append("card"))
    tokens.when_read(lambda: done.append(1) or order.append("press"))  # type: ignore[func-returns-value]
    turns = 0
    async with asyncio.timeout(30):
        while not done:
            await asyncio.sleep(0)
            turns += 1
        # On a slow machine they have gone on before the file was read, as they should.
        while tokens.class_of(token_of(KEY, "100000199999")) is None:
            await asyncio.sleep(0)
            turns += 1
    print(turns, "turns of the loop meanwhile")
    assert turns > 20
    assert order == ["card", "press"]
    assert tokens.class_of(token_of(KEY, "100000199999")) == "gold"


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

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.gate = threading.Event()
        self.asked = 0
        stat_of = os.stat

        def hang(name: object, *more: Any, **about: Any) -> os.stat_result:
            if name == path and threading.current_thread().name == "cards":
                self.asked += 1
                self.gate.wait()
            return stat_of(name, *more, **about)  # type: ignore[arg-type]

        monkeypatch.setattr(os, "stat", hang)


async def test_a_file_system_that_hangs_keeps_nobody_waiting_for_long(
    key_file: Path, file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cards, "GLANCE", 0.05)
    monkeypatch.setattr(cards, "HANGS", 0.05)
    tokens = CardTokens(key_file, file, CLASSES)
    tokens.open()
    told: list[str] = []
    tokens.watch(lambda: told.append(tokens.detail()))
    stall = Stall(file, monkeypatch)
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
    key_file: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cards, "OPENING", 0.05)
    monkeypatch.setattr(cards, "GLANCE", 0.05)
    tokens = CardTokens(key_file, file, CLASSES)
    stall = Stall(file, monkeypatch)
    try:
        tokens.open()
        assert tokens.detail() == "card_files"
        assert await class_now(tokens, VIP) is None
    finally:
        stall.gate.set()
    await eventually(lambda: not tokens.detail())
    assert await class_now(tokens, VIP) == "vip"
