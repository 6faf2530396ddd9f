"""Ticket printers that speak ESC/POS: one job at a time, and never a claim about paper that the printer did not make.

A job goes queued -> sent -> printed, or -> unknown, and gets exactly one closing fact. How much the printer can prove
is probed after each connect, best first:

* `PRINTED`: it answers `GS ( H` once everything before has been printed. Fact: `Printed`.
* `PARSED`: it answers `GS r 1` once everything before has been parsed. Fact: `Sent`, which is final. Never used beside
  automatic status, whose bytes look the same.
* `QUIET`: it says nothing about jobs. When the bytes have left and it stayed healthy for `QUIET_TIME`: `Sent`, final.

Its state comes from automatic status (`GS a`), where it has that, and from real-time questions (`DLE EOT n`). A job in
flight waits as long as the printer reports a fault: it holds the rest of the ticket and goes on when the fault is
over. While it reports none (or nothing at all), the job's clock runs, afresh after each fault; at its end the job is
`Unknown`. A lost link makes it `Unknown` as well: the printer may have lost its power, and with it the buffer. Nothing
is ever sent twice; jobs of which nothing was sent stay queued until the printer is back.

What the text on the paper looks like is `drivers.paper`'s affair.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from drivers.device import OK, Health
from drivers.escpos_probe import PAPER_SENSOR, PROBE_ID, PROCESS_ID_REQUEST, Probing, Proof
from drivers.escpos_status import (
    QUESTION_SIZE,
    AutoStatus,
    Parsed,
    ProcessId,
    RealTime,
    Reply,
    StatusWatch,
    Trouble,
    reply_reader,
    wording,
)

RESUME = b"\x10\x05\x01"
"""DLE ENQ 1: recover from an error and go on at the line where it happened."""

JOB_IDS = 10_000
"""Ids of jobs are four digits, used in turn: never the probe's letters, and a late answer never meets its id again."""

QUEUE_LIMIT = 32
"""Jobs that may wait, apart from the one in flight."""
CONFIRM_TIMEOUT = 15.0
"""Seconds of reported health in which a job must be confirmed."""
QUIET_TIME = 2.0
RESUME_INTERVAL = 5.0
"""Seconds between two attempts to recover, made with the cover closed and paper in."""

PACE_IDLE, PACE_BUSY = 1.0, 0.3
"""Seconds between two rounds of questions; busy: a job is under way or a fault is shown."""
PACE_IDLE_AUTOMATIC, PACE_BUSY_AUTOMATIC = 5.0, 1.0
"""The same where automatic status tells changes by itself."""
PACE_SILENT = 2.0


class PrinterBusy(Exception):
    """The queue is full: ask `EscposPrinter.ready` first."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The printer took the job and can prove no more; final."""

    job: str


@dataclass(frozen=True, slots=True)
class Printed:
    """The printer says that the job is on paper; final."""

    job: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """The job was sent, and nobody knows what became of it; final. A person decides whether to print it again."""

    job: str


@dataclass(slots=True)
class _Flight:
    """The job whose bytes have been sent. `close_by`: when its clock ends; None while the clock stands still."""

    job: str
    id: bytes
    proof: Proof
    close_by: float | None


class EscposPrinter:
    """One printer as the controller sees it.

    `baud` is the line's speed, by which the driver knows when bytes have left; None (TCP, USB): at once.
    `confirm_timeout`: see `CONFIRM_TIMEOUT`.
    """

    def __init__(self, *, baud: int | None = 9600, confirm_timeout: float = CONFIRM_TIMEOUT) -> None:
        self._byte_time = 10 / baud if baud else 0.0
        self._confirm_timeout = confirm_timeout
        self._queue: deque[tuple[str, bytes]] = deque()
        self._flight: _Flight | None = None
        self._jobs_sent = 0
        self._reader = reply_reader()
        self._unasked = 0
        self._ever_answered = False
        self._connected = False
        self._watch = StatusWatch(0.0)
        self._probing = Probing(self._watch)
        self._free_at = self._resume_at = 0.0
        self._told: Health | None = None
        self._was_silent = False

    # -- what the controller wants ---------------------------------------------------------------------------

    def print(self, job: str, data: bytes) -> None:
        """Queue a job: an id of the caller's, and a ticket laid out to its cut. PrinterBusy if too many wait.

        A job that cannot be started now stays queued until it can, also across outages.
        """
        if len(self._queue) >= QUEUE_LIMIT:
            raise PrinterBusy(f"{QUEUE_LIMIT} tickets wait to be printed")
        self._queue.append((job, data))

    @property
    def ready(self) -> bool:
        """Whether a job given now would be started as soon as those before it are done."""
        return not self.detail

    @property
    def detail(self) -> str:
        """Why it is not ready, as a wording key; empty when it is."""
        if not self._connected:
            return "offline"
        if self._watch.silent and self._ever_answered:
            return "no_answer"
        if self._watch.trouble is None and not self._watch.silent:
            return "starting"
        if self._watch.blocked:
            return wording(self._watch.trouble or Trouble.NONE)
        return "printer_busy" if len(self._queue) >= QUEUE_LIMIT else ""

    @property
    def proof(self) -> Proof:
        """What the printer was last found able to prove."""
        return self._probing.proof

    @property
    def garbage(self) -> int:
        """Bytes from the printer that made no sense, since the start."""
        return self._reader.garbage + self._unasked

    # -- what the wire does ----------------------------------------------------------------------------------

    def connected(self, now: float) -> Sequence[object]:
        self._connected = True
        self._reader.reset()
        self._watch = StatusWatch(now)
        self._probing = Probing(self._watch)
        self._free_at = self._resume_at = now
        self._told = None
        self._was_silent = False
        return []

    def disconnected(self, now: float) -> Sequence[object]:
        self._connected = False
        return self._close(Unknown)

    def receive(self, data: bytes, now: float) -> Sequence[object]:
        facts: list[object] = []
        for reply in self._reader.feed(data, now):
            facts += self._heard(reply, now)
        return facts + self._advance(now)

    def tick(self, now: float) -> Sequence[object]:
        return self._advance(now)

    def data_to_send(self, now: float) -> bytes:
        if not self._connected or now < self._free_at:
            return b""
        data = self._next(now)
        self._free_at = self._gone_at(len(data), now)
        return data

    def next_deadline(self) -> float | None:
        if not self._connected:
            return None
        times = [self._watch.deadline(self._pace), self._probing.answer_by]
        if self._flight:
            times.append(self._flight.close_by)
        if self._may_probe or self._may_start:
            times.append(self._free_at)
        if self._may_resume:
            times.append(self._resume_at)
        return min((max(time, self._free_at) for time in times if time is not None), default=None)

    # -- hearing ---------------------------------------------------------------------------------------------

    def _heard(self, reply: Reply, now: float) -> Sequence[object]:
        match reply:
            case RealTime(byte) if self._watch.answer(byte, now):
                self._ever_answered = True
            case AutoStatus(trouble):
                self._ever_answered = True
                self._watch.told(trouble)
                self._probing.auto_status()
            case ProcessId(number) if number == PROBE_ID:
                self._probing.confirmed()
            case ProcessId(number):
                if self._flight and self._flight.proof is Proof.PRINTED and self._flight.id == number:
                    return self._close(Printed)
            case Parsed() if self._flight and self._flight.proof is Proof.PARSED:
                return self._close(Sent)
            case Parsed() if self._probing.parsed():
                pass
            case RealTime() | Parsed():
                self._unasked += 1
        return []

    def _advance(self, now: float) -> list[object]:
        if not self._connected:
            return []
        self._watch.tick(now)
        if self._was_silent and not self._watch.silent:
            self._probing.restart()
        self._was_silent = self._watch.silent
        self._probing.tick(now)
        facts = self._run_clock(now)
        health = self._health()
        if health and health != self._told:
            self._told = health
            facts.append(health)
        return facts

    def _run_clock(self, now: float) -> list[object]:
        flight = self._flight
        if flight is None:
            return []
        if self._watch.blocked:
            flight.close_by = None
        elif flight.close_by is None:
            flight.close_by = now + self._limit(flight.proof)
        elif now >= flight.close_by:
            if flight.proof is Proof.QUIET:
                return self._close(Sent)
            if not self._watch.silent:
                self._probing.restart()  # perhaps it was off too shortly to be missed
            return self._close(Unknown)
        return []

    def _health(self) -> Health | None:
        if self._watch.silent:
            return Health("degraded", "no_answer" if self._ever_answered else "no_status")
        if self._watch.trouble is None:
            return None
        key = wording(self._watch.trouble)
        return Health("degraded", key) if key else OK

    def _close(self, outcome: type[Sent | Printed | Unknown]) -> list[object]:
        flight, self._flight = self._flight, None
        return [outcome(flight.job)] if flight else []

    # -- sending ---------------------------------------------------------------------------------------------

    def _next(self, now: float) -> bytes:
        if self._may_resume and now >= self._resume_at:
            self._resume_at = now + RESUME_INTERVAL
            return RESUME
        ask_at = self._watch.ask_at(self._pace)
        if ask_at is not None and now >= ask_at:
            return self._watch.ask(self._gone_at(QUESTION_SIZE, now))
        if self._may_probe:
            data, seconds = self._probing.ask()
            self._probing.answer_by = self._gone_at(len(data), now) + seconds
            return data
        return self._start_job(now) if self._may_start else b""

    def _start_job(self, now: float) -> bytes:
        job, data = self._queue.popleft()
        number = b"%04d" % (self._jobs_sent % JOB_IDS)
        self._jobs_sent += 1
        proof = self._probing.proof
        if proof is Proof.PRINTED:
            data += PROCESS_ID_REQUEST + number
        elif proof is Proof.PARSED:
            data += PAPER_SENSOR
        self._flight = _Flight(job, number, proof, self._gone_at(len(data), now) + self._limit(proof))
        return data

    @property
    def _may_resume(self) -> bool:
        trouble = self._watch.trouble or Trouble.NONE
        in_the_way = Trouble.COVER_OPEN | Trouble.PAPER_END | Trouble.FATAL
        return self._watch.blocked and bool(trouble & Trouble.RESUMABLE) and not trouble & in_the_way

    @property
    def _may_probe(self) -> bool:
        return self._flight is None and self._probing.due

    @property
    def _may_start(self) -> bool:
        if not self._queue or self._flight or not self._probing.done:
            return False
        return self._watch.clear or (self._watch.silent and not self._ever_answered)

    @property
    def _pace(self) -> float:
        if self._watch.silent:
            return PACE_SILENT
        busy = self._flight is not None or self._watch.blocked
        if self._watch.automatic:
            return PACE_BUSY_AUTOMATIC if busy else PACE_IDLE_AUTOMATIC
        return PACE_BUSY if busy else PACE_IDLE

    def _limit(self, proof: Proof) -> float:
        return QUIET_TIME if proof is Proof.QUIET else self._confirm_timeout

    def _gone_at(self, size: int, now: float) -> float:
        """When `size` bytes, put on a free wire now, will have left."""
        return now + size * self._byte_time
