"""What tests of the cards share: files of tokens, and what a card is worth."""

from __future__ import annotations

import hashlib
import hmac
import stat
from pathlib import Path

from ports import eventually

from controller.cards import CardTokens

KEY = b"0123456789abcdef0123456789abcdef"
CLASSES = ("normal", "vip", "gold")
VIP, OTHER_VIP, GOLD, STRANGER = "6205500000000000004", "6200000000000005", "4111111111111111", "5555555555554444"


def tokens_file(*classes_of: tuple[str, str]) -> bytes:
    """A tokens file as head office would write it."""
    lines = [f"{hmac.new(KEY, number.encode(), hashlib.sha256).hexdigest()} {klass}" for number, klass in classes_of]
    return "".join(f"{line}\n" for line in ["lobby-tokens 1", *lines, f"end {len(lines)}"]).encode()


SMALL = tokens_file((VIP, "vip"), (GOLD, "gold"))


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
