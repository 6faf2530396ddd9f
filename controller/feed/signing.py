"""Signatures of webhooks, as the Standard Webhooks specification 1.0.0 has them: HMAC-SHA256 in base64 over
`ID.TIMESTAMP.BODY`, by each secret, as `v1,SIGNATURE`, separated by blanks.

Source: github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md, "Signature scheme".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from pathlib import Path

PREFIX = "whsec_"
LEAST, MOST = 24, 64
"""Bytes of a secret."""
SECRETS = 2
"""Most secrets of a file: the present one and, while it is changed, the one before."""
SIZE = 4096


class SecretError(Exception):
    """Why a file of secrets cannot be used; a sentence that names it and says what to do."""


def secrets_in(path: Path) -> list[bytes]:
    """The secrets in a file, one a line. SecretError."""
    try:
        mode = path.stat().st_mode
        with path.open("rb") as file:
            text = file.read(SIZE)
    except OSError as error:
        raise SecretError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    if mode & 0o007:
        raise SecretError(f"everybody here may read {path}; chmod o= {path}")
    found = [line.strip() for line in text.split(b"\n") if line.strip()]
    if not 1 <= len(found) <= SECRETS:
        raise SecretError(f"{path} has {len(found)} lines; it takes one secret, or two while it is changed")
    return [_secret(path, line) for line in found]


def _secret(path: Path, line: bytes) -> bytes:
    try:
        secret = base64.b64decode(line.removeprefix(PREFIX.encode()), validate=True)
    except binascii.Error:
        secret = b""
    if not line.startswith(PREFIX.encode()) or not LEAST <= len(secret) <= MOST:
        raise SecretError(
            f'{path} has no secret: it takes "{PREFIX}" and {LEAST} to {MOST} random bytes in base64, as of '
            f"printf {PREFIX}; openssl rand -base64 32"
        )
    return secret


def signatures(secrets: list[bytes], id: str, timestamp: int, body: bytes) -> str:
    """The value of the header `webhook-signature`; `timestamp` in seconds since 1970, UTC."""
    signed = f"{id}.{timestamp}.".encode() + body
    each = (base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode() for secret in secrets)
    return " ".join(f"v1,{signature}" for signature in each)


def reference(key: bytes, branch: str, day: str, ticket: str) -> str:
    """What stands for a ticket at another system's page: nobody without the key can tell whose it is, or make one."""
    text = f"notify:{branch}:{day}:{ticket}".encode()
    return base64.urlsafe_b64encode(hmac.new(key, text, hashlib.sha256).digest())[:32].decode()
