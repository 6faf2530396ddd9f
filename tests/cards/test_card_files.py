"""The files of the cards: what is in them, what is wrong with them, and new ones while in use."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import tracemalloc
from pathlib import Path
from random import Random

import pytest
from chance import examples
from hypothesis import given
from hypothesis import strategies as st
from ports import eventually

from cards.files import CLASSES, GOLD, KEY, SMALL, STRANGER, VIP, class_now, remove, replace_file, tokens_file, write
from controller import cards
from controller.cards import CardsError, CardTokens, check_digit_fits, number_of, read_key, read_table, token_of
from simulators.disk import cut, delete, move


def many_cards(count: int) -> bytes:
    """A tokens file of so many cards, from number 100000000000 on."""
    return tokens_file(*((f"1{number:011d}", "gold") for number in range(count)))


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
