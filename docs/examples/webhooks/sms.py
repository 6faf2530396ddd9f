"""A message to the customer's phone when the ticket is called. The number stays here: the lobby never has it.

1. The ticket's page links to ours, `[notify] url`, with `?ref=REFERENCE`. We ask for a number there, with the
   customer's consent, and keep it under the reference alone (`ask_for`).
2. A webhook with `kinds = ["ticket_called"]` tells of every call. We make the reference of its day and ticket by the
   key that both sides have (`[notify] key_file`), and look whether there is a number for it (`called`).
3. The number is deleted when the message has gone, or at the end of the day (`end_of_day`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any


def reference(secret: str, branch: str, day: str, ticket: str) -> str:
    """What stands for a ticket; `secret`: the key as its file has it (`whsec_..`)."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    text = f"notify:{branch}:{day}:{ticket}".encode()
    return base64.urlsafe_b64encode(hmac.new(key, text, hashlib.sha256).digest())[:32].decode()


class Messages:
    """The numbers that were asked for. `send`: hands a message (number, text) to the operator's gateway."""

    def __init__(self, secret: str, branch: str, send: Callable[[str, str], None]) -> None:
        self._secret, self._branch, self._send = secret, branch, send
        self._numbers: dict[str, str] = {}

    def ask_for(self, ref: str, number: str) -> bool:
        """The customer of this reference has given a number, which they must have confirmed by a code that was sent
        there: else a stranger's phone would get it. False: this is no reference."""
        if len(ref) != 32 or not number.isdecimal():
            return False
        self._numbers[ref] = number
        return True

    def called(self, row: Mapping[str, Any]) -> bool:
        """A row of the feed; whether a message has gone."""
        if row["kind"] != "ticket_called":
            return False
        ticket, counter = row["data"]["ticket"], row["data"]["counter"]
        number = self._numbers.pop(reference(self._secret, self._branch, row["day"], ticket), "")
        if number:
            self._send(number, f"请{ticket}号客户到{counter}号窗口办理业务。")
        return bool(number)

    def end_of_day(self) -> None:
        """Forget every number."""
        self._numbers.clear()
