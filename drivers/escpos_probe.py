"""Probing what an ESC/POS printer can report about a job: models differ, and do not say so by themselves.

Three questions in turn, each tried `TRIES` times: automatic status (`GS a`), then the printed confirmation
(`GS ( H`), then, only without automatic status, the buffered paper sensor (`GS r 1`). A printer that is offline does
not process such commands, so a missing answer counts only while it last reported no fault. What it could do before an
outage is asked for more often (`TRIES_AGAIN`): a lost answer is then likelier than another printer.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from drivers.escpos_status import StatusWatch

AUTO_STATUS_ON = b"\x1d\x61\x0e"
"""GS a: report at once and on each change; bits online 02, error 04, paper 08."""
AUTO_STATUS_OFF = b"\x1d\x61\x00"
PROCESS_ID_REQUEST = b"\x1d\x28\x48\x06\x00\x30\x30"
"""GS ( H, followed by an id of four bytes from 20 to 7E: answered with it when all before has been printed."""
PAPER_SENSOR = b"\x1d\x72\x01"
"""GS r 1: the paper sensor's state, answered when the command is parsed."""

PROBE_ID = b"PROB"
TRIES = 2
TRIES_AGAIN = 6


class Proof(Enum):
    """The most that a printer can confirm about a job."""

    PRINTED = "printed"  # it is on paper
    PARSED = "parsed"  # it was read
    QUIET = "quiet"  # nothing


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a printer can report: the most about a job, its state by itself (`automatic`), its state at all."""

    proof: Proof
    automatic: bool
    status: bool


class Question(Enum):
    """What is being found out, in this order."""

    AUTO_STATUS = "automatic status"
    PROCESS_ID = "process id"
    SENSOR = "paper sensor"


ASKED = {
    Question.AUTO_STATUS: (AUTO_STATUS_ON, 0.5),
    Question.PROCESS_ID: (PROCESS_ID_REQUEST + PROBE_ID, 1.0),
    Question.SENSOR: (PAPER_SENSOR, 0.5),
}
"""The bytes of a question, and the seconds in which it must be answered."""


class Probing:
    """The questions put to one printer over one connection, and the `proof` that came of them. `known`: what was
    found on the connection before."""

    def __init__(self, watch: StatusWatch, known: Abilities | None = None) -> None:
        self._watch = watch
        self.restart(known)

    def restart(self, known: Abilities | None = None) -> None:
        """Ask everything again: the printer may have been off, and so have lost its settings."""
        self._known = known
        self._watch.expect_nothing()
        self.proof = Proof.QUIET
        self.answer_by: float | None = None
        self._question: Question | None = Question.AUTO_STATUS
        self._tries = 0

    @property
    def done(self) -> bool:
        """Everything has been probed."""
        return self._question is None

    @property
    def due(self) -> bool:
        """Whether to ask something now. Only the first question may be asked before the printer's state is known."""
        if self._question is None or self.answer_by is not None or self._watch.blocked:
            return False
        known = self._watch.trouble is not None or self._watch.silent
        return known or self._question is Question.AUTO_STATUS

    def ask(self) -> tuple[bytes, float]:
        """The bytes of the question, and the seconds it may take; the caller then sets `answer_by`."""
        data, seconds = ASKED[self._question or Question.AUTO_STATUS]
        if self._question is Question.PROCESS_ID and not self._watch.automatic:
            # It may still process the earlier request in its buffer, and then report in a way that was ruled out.
            data = AUTO_STATUS_OFF + data
        return data, seconds

    def auto_status(self) -> None:
        """An automatic status came."""
        if self._question is Question.AUTO_STATUS:
            self._watch.automatic = True
            self._next()

    def confirmed(self) -> None:
        """The probe's process id came, perhaps late."""
        self.proof = Proof.PRINTED
        if self._question is not Question.AUTO_STATUS:
            self._end()

    def parsed(self) -> bool:
        """An answer as to `GS r 1` came; False if that was not being asked."""
        if self._question is not Question.SENSOR or self.answer_by is None:
            return False
        self.proof = Proof.PARSED
        self._end()
        return True

    def tick(self, now: float) -> None:
        """Notice a missing answer."""
        if self.answer_by is None or now < self.answer_by:
            return
        self.answer_by = None
        if self._watch.clear or (self._watch.silent and not self._watch.blocked):
            self._tries += 1
            if self._tries >= (TRIES_AGAIN if self._had else TRIES):
                self._next()

    @property
    def _had(self) -> bool:
        """Whether what is being asked was answered on the connection before."""
        known = self._known
        if known is None:
            return False
        if self._question is Question.AUTO_STATUS:
            return known.automatic
        return known.proof is (Proof.PRINTED if self._question is Question.PROCESS_ID else Proof.PARSED)

    def _next(self) -> None:
        self._tries = 0
        self.answer_by = None
        if self._question is Question.AUTO_STATUS:
            self._question = Question.PROCESS_ID
        elif self._question is Question.PROCESS_ID and not self._watch.automatic:
            self._question = Question.SENSOR
        else:
            self._end()

    def _end(self) -> None:
        self._question = self.answer_by = None
