"""Byte vectors from vendors' documents and real captures, one text file a protocol.

A line is `name: HEX HEX ..`; `#` starts a comment. The bytes are transcribed from their source by hand, never made
by our own encoders: that is what they are there to judge. `tickets` alone is of our own making, to be compared with
what comes later.
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
