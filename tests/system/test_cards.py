"""Classes by bank card: the real daemon, a broker and a reader on a pseudo-terminal; and nothing of a card leaks."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from pathlib import Path

import pytest

from bench import processes
from simulators.devices.card_reader import CardReaderFarEnd
from system.branch import HOUSE, LOBBY, MQTT, Branch
from system.broker import Mosquitto
from system.network import Network
from system.waiting import until

KEY = "0123456789abcdef0123456789abcdef"
VIP, STRANGER = "6205500000000000004", "5555555555554444"

READER = """
[cards]
key_file = "cards.key"
tokens_file = "cards.tokens"

[[device]]
id = "reader"
driver = "card-reader"
link = "serial:{directory}/dev/reader?baud=115200"
kiosk = "kiosk"
"""


def token(number: str) -> str:
    return hmac.new(KEY.encode(), number.encode(), hashlib.sha256).hexdigest()


def supply(directory: Path, *classes_of: tuple[str, str]) -> None:
    """What head office supplies, in the way it does; and the key, if there is none."""
    key = directory / "cards.key"
    if not key.exists():
        key.write_text(KEY + "\n")
        key.chmod(0o640)
    lines = ["lobby-tokens 1", *(f"{token(number)} {klass}" for number, klass in classes_of), f"end {len(classes_of)}"]
    (directory / "new").write_text("".join(f"{line}\n" for line in lines))
    (directory / "new").rename(directory / "cards.tokens")


def swipe(branch: Branch, number: str) -> None:
    placed = branch.placed("reader")
    assert isinstance(placed.far_end, CardReaderFarEnd)
    placed.far_end.swipe(number)
    placed.wire.poke()


def noise(branch: Branch, data: bytes) -> None:
    placed = branch.placed("reader")
    assert isinstance(placed.far_end, CardReaderFarEnd)
    placed.far_end.noise(data)
    placed.wire.poke()


def found_in(directory: Path, words: tuple[bytes, ...]) -> list[str]:
    """The files of a branch, its journal and its log among them, that hold one of these."""
    files = [path for path in directory.iterdir() if path.is_file() and path.name != "cards.tokens"]
    assert {"lobby.db", "lobby.log"} <= {path.name for path in files}
    return [path.name for path in files if any(word in path.read_bytes() for word in words)]


async def class_after(network: Network, branch: Branch, number: str, klass: str) -> None:
    """Show a card and press until the class is given: nothing outside tells when a card has been read."""
    swipe(branch, number)
    async with asyncio.timeout(30):
        while True:
            answer = await network.press("kiosk/kiosk", "TAKE")
            assert answer["result"] == "ok"
            if branch.rows("ticket_issued")[-1].data["class"] == klass:
                return


@pytest.mark.long
async def test_a_card_gives_its_class_to_one_ticket_and_nothing_of_it_is_kept(
    tmp_path: Path, broker: Mosquitto
) -> None:
    supply(tmp_path, (VIP, "vip"))
    async with (
        Branch(tmp_path, broker.port, (HOUSE, MQTT, READER)) as branch,
        Network(broker.port, branch.root) as network,
    ):
        await network.device("reader")
        await class_after(network, branch, VIP, "vip")
        assert (await network.press("kiosk/kiosk", "TAKE"))["result"] == "ok"
        assert branch.rows("ticket_issued")[-1].data["class"] == "normal", "one card, one ticket"

        noise(branch, b"\x00\xff;" + VIP.encode() + b"=\r%B" + VIP.encode() + b"^\n" * 50)
        noise(branch, VIP.encode() + VIP.encode() + b"\r\n")
        swipe(branch, STRANGER)
        await class_after(network, branch, VIP, "vip")

        # A kiosk with a reader of its own; what it publishes itself is its own affair.
        assert (await network.press("kiosk/screen", "TAKE", token=token(VIP)))["result"] == "ok"
        assert branch.rows("ticket_issued")[-1].data["class"] == "vip"
        answer = await network.press("kiosk/screen", "TAKE", token=token(VIP) + "0")
        assert (answer["result"], "token" in answer["text"]) == ("error", True)

        # Head office's next list, half of it first.
        whole = (tmp_path / "cards.tokens").read_bytes()
        (tmp_path / "cards.tokens").write_bytes(whole[:70])
        assert (await network.press("kiosk/screen", "TAKE", token=token(VIP)))["result"] == "ok"
        assert branch.rows("ticket_issued")[-1].data["class"] == "vip", "by the list before"
        await until(lambda: branch.logged(str(tmp_path / "cards.tokens")))
        supply(tmp_path, (STRANGER, "green"))
        assert (await network.press("kiosk/screen", "TAKE", token=token(STRANGER)))["result"] == "ok"
        assert branch.rows("ticket_issued")[-1].data["class"] == "green"
        assert len(branch.logged(str(tmp_path / "cards.tokens"))) == 1

        secrets = [VIP, STRANGER, token(VIP), token(STRANGER), token(VIP)[:32], "TEST/CARD"]
        said = [m for m in network.heard if not m.topic.endswith("/press")]
        assert len(said) > 20
        for message in said:
            text = message.topic + json.dumps(message.content)
            assert not any(secret in text for secret in secrets), message
        await branch.stop()
    words = tuple(word for secret in secrets for word in (secret.encode(), secret.upper().encode()))
    words += tuple(bytes.fromhex(token(number))[:16] for number in (VIP, STRANGER))
    assert found_in(tmp_path, words) == []


@pytest.mark.long
async def test_missing_files_stop_no_branch_and_check_tells_of_them(tmp_path: Path, broker: Mosquitto) -> None:
    async with (
        Branch(tmp_path, broker.port, (HOUSE, MQTT, READER)) as branch,
        Network(broker.port, branch.root) as network,
    ):
        assert len(branch.logged(str(tmp_path / "cards."))) == 2
        await network.device("reader", "degraded")
        assert network.levels["device/reader"]["detail"] == "the key of the cards cannot be used"
        swipe(branch, VIP)
        assert (await network.press("kiosk/kiosk", "TAKE"))["result"] == "ok"
        assert branch.rows("ticket_issued")[-1].data["class"] == "normal"

        code, out, err = await lobby("check", "--config", branch.config)
        number = branch.config.read_text().splitlines().index('key_file = "cards.key"') + 1
        missing = "cannot be read: no such file or directory"
        assert (code, out) == (2, "")
        assert err.splitlines() == [
            f"{branch.config}:{number}: cards.key_file: {tmp_path}/cards.key {missing}",
            f"{branch.config}:{number + 1}: cards.tokens_file: {tmp_path}/cards.tokens {missing}",
        ]

        supply(tmp_path, (VIP, "vip"))
        assert (await lobby("check", "--config", branch.config))[0] == 0
        await class_after(network, branch, VIP, "vip")
        await network.device("reader", "ok")

        (tmp_path / "cards.tokens").write_text("lobby-tokens 1\n")
        await until(lambda: network.levels["device/reader"]["state"] == "degraded", 30)  # nobody shows a card
        assert network.levels["device/reader"]["detail"] == "the list of cards cannot be used"
        supply(tmp_path, (VIP, "vip"))
        await class_after(network, branch, VIP, "vip")
        await network.device("reader", "ok")


async def test_tokens_for_head_office(tmp_path: Path) -> None:
    supply(tmp_path)
    config = tmp_path / "branch.toml"
    config.write_text((HOUSE + MQTT + READER).format(id="b", directory=tmp_path, port=1))
    numbers = f"{VIP}\r\n5555 5555 5555 4445\nDOE JOHN 4111\n{'1' * 5000}\n"
    code, out, err = await lobby("token", "--config", config, said=numbers)
    assert code == 1
    assert out.splitlines() == [token(VIP), token("5555555555554445")]
    assert [line.partition(":")[0] for line in err.splitlines()][:2] == ["line 2", "line 3"]
    assert "DOE" not in err
    assert "4445" not in err
    (tmp_path / "cards.key").chmod(0o644)
    code, out, err = await lobby("token", "--config", config, said=numbers)
    assert (code, out) == (2, "")
    assert err == f"{tmp_path}/cards.key is open to every user of this machine; run chmod o= {tmp_path}/cards.key\n"
    config.write_text((HOUSE).format(id="b", directory=tmp_path, port=1))
    code, out, err = await lobby("token", "--config", config, said=numbers)
    assert (code, out) == (2, "")
    assert err.startswith(f"{config}: cards: ")


async def lobby(*arguments: object, said: str = "") -> tuple[int, str, str]:
    """Run the command to its end with this on its input: exit code, standard output and standard error."""
    code, out, err = await processes.ended(LOBBY, *map(str, arguments), input=said.encode())
    return code, out.decode(), err.decode()
