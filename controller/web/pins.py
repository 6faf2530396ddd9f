"""PINs: which ones are accepted, and their Argon2id hashes."""

from __future__ import annotations

import base64
import secrets
from itertools import pairwise
from typing import Any

from controller.web.private_files import AccessError

LENGTH = (6, 64)
PASSES, MEMORY, LANES = 2, 19 * 1024, 1
"""Parameters of Argon2id, memory in KiB, from OWASP's Password Storage Cheat Sheet."""


def hashed(pin: str) -> str:
    """The hash of a new PIN. Raises AccessError for one that is too short, too long or easily guessed."""
    least, most = LENGTH
    if not least <= len(pin) <= most:
        raise AccessError(f"the PIN has {len(pin)} characters; it takes {least} to {most}")
    if not pin.isprintable():
        raise AccessError("the PIN has a character that no keyboard shows; take digits or letters")
    steps = {ord(after) - ord(before) for before, after in pairwise(pin)}
    if len(steps) == 1 and steps <= {-1, 0, 1}:
        raise AccessError("the PIN is one that everybody tries first; take another")
    return str(_hasher().hash(pin))


def fits(hash: str, pin: str) -> bool:
    """Whether a PIN matches a hash. Slow by design: not to be called in the loop's thread."""
    from argon2.exceptions import Argon2Error, InvalidHashError  # noqa: PLC0415 - only where somebody signs in

    try:
        return bool(_hasher().verify(hash, pin))
    except (Argon2Error, InvalidHashError):
        return False


def _hasher() -> Any:
    from argon2 import PasswordHasher  # noqa: PLC0415 - only where somebody signs in

    return PasswordHasher(time_cost=PASSES, memory_cost=MEMORY, parallelism=LANES)


def _of_chance(length: int) -> str:
    return base64.b64encode(secrets.token_bytes(length)).decode().rstrip("=")


NOBODY = f"$argon2id$v=19$m={MEMORY},t={PASSES},p={LANES}${_of_chance(16)}${_of_chance(32)}"
"""A random hash that no PIN matches, so that refusing an unknown name takes as long as refusing a known one. Not
computed from a PIN, which would take as long again."""
