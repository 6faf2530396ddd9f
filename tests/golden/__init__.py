"""Byte vectors from vendors' documents and real captures, one text file a protocol.

A line is `name: HEX HEX ..`; `#` starts a comment. The bytes are transcribed from their source by hand, never made
by our own encoders: that is what they are there to judge. `tickets` alone is of our own making, to be compared with
what comes later. What is said on MQTT is `name: TOPIC PAYLOAD`, in text.
"""

from __future__ import annotations

from pathlib import Path


def vectors(name: str) -> dict[str, bytes]:
    """The vectors of `tests/golden/<name>.txt` by name, in the file's order; ValueError says which line is wrong."""
    path = Path(__file__).with_name(f"{name}.txt")
    found: dict[str, bytes] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        key, colon, digits = text.partition(":")
        try:
            data = bytes.fromhex(digits)
        except ValueError as error:
            raise ValueError(f"{path.name}:{number}: {error}") from None
        if not colon or not key.strip() or not data:
            raise ValueError(f"{path.name}:{number}: a line is 'name: HEX HEX ..'")
        if key.strip() in found:
            raise ValueError(f"{path.name}:{number}: {key.strip()!r} stands here twice")
        found[key.strip()] = data
    return found


def published(name: str) -> dict[str, tuple[str, bytes]]:
    """(topic, payload) of every message of `tests/golden/<name>.txt`, by name, in the file's order."""
    path = Path(__file__).with_name(f"{name}.txt")
    found: dict[str, tuple[str, bytes]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            key, _, said = line.partition(": ")
            topic, _, payload = said.partition(" ")
            assert key not in found, line
            found[key] = topic, payload.encode()
    return found
