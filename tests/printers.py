"""What tests of printers share: a printer that answers by its abilities."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from drivers.escpos import (
    EscposPrinter,
)
from drivers.escpos_probe import (
    AUTO_STATUS_ON,
    PAPER_SENSOR,
    PROCESS_ID_REQUEST,
    Abilities,
)
from drivers.escpos_status import (
    REAL_TIME_STATUS,
)

TICKET = b"A017\n\x1d\x56\x01"
HEALTHY = b"\x12"
AUTO_HEALTHY = b"\x10\x00\x00\x00"


class Bench:
    """A driver on an ideal wire, and the test as its printer: `answers` maps what it hears to what it says."""

    def __init__(self, answers: Callable[[bytes], bytes], **settings: float) -> None:
        self.printer = EscposPrinter(baud=None, **settings)
        self.answers = answers
        self.now = 0.0
        self.heard: list[bytes] = []
        self.facts: list[object] = []

    def connect(self) -> None:
        self.facts += self.printer.connected(self.now)
        self.settle()

    def disconnect(self) -> None:
        self.facts += self.printer.disconnected(self.now)

    def say(self, data: bytes) -> None:
        self.facts += self.printer.receive(data, self.now)
        self.settle()

    def settle(self) -> None:
        """Everything that happens without time passing."""
        while data := self.printer.data_to_send(self.now):
            self.heard.append(data)
            if answer := self.answers(data):
                self.facts += self.printer.receive(answer, self.now)

    def wait(self, seconds: float) -> None:
        """Until then, from deadline to deadline; every deadline must bring something about."""
        end = self.now + seconds
        for _ in range(10_000):
            deadline = self.printer.next_deadline()
            if deadline is None or deadline > end:
                break
            self.now = max(self.now, deadline)
            self.facts += self.printer.tick(self.now)
            self.settle()
        else:
            pytest.fail("the driver keeps asking to be called without getting anywhere")
        self.now = end

    def jobs(self) -> list[bytes]:
        return [data for data in self.heard if TICKET in data]

    def told(self) -> list[object]:
        told, self.facts = self.facts, []
        return [fact for fact in told if not isinstance(fact, Abilities)]


def model(
    *, status: bool = True, asb: bool = True, confirms: bool = True, parses: bool = True
) -> Callable[[bytes], bytes]:
    """A healthy printer with these abilities that confirms at once."""

    def answers(data: bytes) -> bytes:
        answer = b""
        if status and data.startswith(REAL_TIME_STATUS):
            answer = HEALTHY
        if asb and data == AUTO_STATUS_ON:
            answer = AUTO_HEALTHY
        if confirms and PROCESS_ID_REQUEST in data:
            answer += b"\x37\x22" + data[-4:] + b"\x00"
        if parses and data.endswith(PAPER_SENSOR):
            answer = b"\x00"
        return answer

    return answers
