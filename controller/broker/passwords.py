"""Passwords of the broker's users, as Mosquitto keeps them.

A line of its password file is `name:$7$<rounds>$<salt>$<hash>`: PBKDF2 with SHA-512, salt and hash in base64. Sources:
mosquitto_passwd(1); apps/mosquitto_passwd and src/security_default.c of Mosquitto 2.0.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping

ROUNDS = 101
"""As mosquitto_passwd has it. More would slow the broker, which has one thread, and gain nothing: the passwords are
random."""
SALT_BYTES, HASH_BYTES = 12, 64
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""What passwords are made of: they may have to be typed into a device's page, so nothing that looks like another."""
LENGTH = 26
"""Characters of a password: 128 bits."""


def new_password() -> str:
    """A random password."""
    return "".join(secrets.choice(LETTERS) for _ in range(LENGTH))


def hashed(password: str, salt: bytes | None = None, rounds: int = ROUNDS) -> str:
    """What stands behind the name in the password file."""
    salt = secrets.token_bytes(SALT_BYTES) if salt is None else salt
    made = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds, HASH_BYTES)
    return f"$7${rounds}${b64encode(salt).decode()}${b64encode(made).decode()}"


def is_of(password: str, made: str) -> bool:
    """Whether a hash, as made by `hashed`, is of this password."""
    try:
        _, kind, rounds, salt, _ = made.split("$")
        return kind == "7" and secrets.compare_digest(hashed(password, b64decode(salt), int(rounds)), made)
    except ValueError:
        return False


def users_in(text: str) -> dict[str, str]:
    """Name -> hash of each line of a password file."""
    lines = (line.partition(":") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: made for name, colon, made in lines if colon}


def password_file(users: Mapping[str, str]) -> str:
    """The file's text."""
    return "".join(f"{name}:{made}\n" for name, made in users.items())
