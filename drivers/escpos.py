"""Ticket printers with ESC/POS: one job at a time, and never reported as printed unless the printer says so.

A job goes queued -> sent -> printed, or -> unknown, and gets exactly one closing fact. How much the printer can prove
is probed after each connect, best first:

* `PRINTED`: it answers `GS ( H` once everything before has been printed. Fact: `Printed`.
* `PARSED`: it answers `GS r 1` once everything before has been parsed. Fact: `Sent`, which is final. Never used beside
  automatic status, whose bytes look the same.
* `QUIET`: it says nothing about jobs. When the bytes have left and it stayed healthy for `QUIET_TIME`: `Sent`, final.

Its state comes from automatic status (`GS a`), where supported, and from real-time requests (`DLE EOT n`). A reported
fault stands until the printer reports otherwise, also while it accepts or sends nothing. A job in flight waits for the
end of a fault: the printer holds the rest of the ticket and then continues. Without a fault the job's time-out runs,
and starts again after each fault; when it expires the job is `Unknown`. A lost link makes it `Unknown` as well: the
printer may have lost power, and with it the buffer. Nothing is ever sent twice; jobs of which nothing was sent stay
queued until the printer is back.

An interrupted job may have ended in the middle of a command, and the printer would take the following bytes as the rest
of it. So first it is sent as many NULs as may be missing (outside a command they have no effect), and before the next
ticket a partial ticket is cut off. `DLE ENQ 2`, which clears the buffers, does not serve: most models obey it only in a
recoverable error.

The layout of tickets is in `drivers.paper`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from drivers.device import OK, Health
from drivers.escpos_probe import PAPER_SENSOR, PROBE_ID, PROCESS_ID_REQUEST, Abilities, Probing, Proof
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
"""DLE ENQ 1: recover from an error and continue at the line where it happened."""

NUL = b"\x00"
SHORT_COMMANDS = 16
"""Bytes that complete any command sent outside a job; the data of a command in a job may need more."""
CUT_OFF = b"\x1b\x40\x1b\x64\x06\x1d\x56\x01"
"""ESC @, drop a line not yet printed; ESC d 6, feed what is printed past the cutter; GS V 1, cut."""

JOB_IDS = 10_000
"""Job ids are four digits, used in turn: they differ from the probe's letters, and from those of late answers."""

QUEUE_LIMIT = 32
"""Most jobs in the queue, apart from the one in flight."""
CONFIRM_TIMEOUT = 15.0
"""Seconds without a reported fault in which a job must be confirmed."""
QUIET_TIME = 2.0
RESUME_INTERVAL = 5.0
"""Seconds between two attempts to recover, made with the cover closed and paper in."""

PACE_IDLE, PACE_BUSY = 1.0, 0.3
"""Seconds between two rounds of status requests; busy: a job is under way or a fault is reported."""
PACE_IDLE_AUTOMATIC, PACE_BUSY_AUTOMATIC = 5.0, 1.0
"""The same with automatic status."""
PACE_SILENT = 2.0


class PrinterBusy(Exception):
    """The queue is full: ask `EscposPrinter.ready` first."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The printer has accepted the job and cannot confirm more; final."""

    job: str


@dataclass(frozen=True, slots=True)
class Printed:
    """The printer has confirmed that the job is printed; final."""

    job: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """The job was sent, and its result is unknown; final. A person decides whether to print it again."""

    job: str


@dataclass(slots=True)
class _Flight:
    """The job whose bytes have been sent, `size` of them the ticket's. `close_by`: when its time-out expires; None
    while the time-out is suspended."""

    job: str
    id: bytes
    size: int
    proof: Proof
    close_by: float | None


class EscposPrinter:
    """The driver of one printer.

    `baud` is the line's speed, from which the driver computes when bytes have left; None (TCP, USB): at once.
    `confirm_timeout`: see `CONFIRM_TIMEOUT`. `queue_limit`: see `QUEUE_LIMIT`. `reports`: the printer is known to
    report its state, so while it does not answer nothing is sent to it; else that counts from its first answer on.
    """

    def __init__(
        self,
        *,
        baud: int | None = 9600,
        confirm_timeout: float = CONFIRM_TIMEOUT,
        queue_limit: int = QUEUE_LIMIT,
        reports: bool = False,
    ) -> None:
        self._byte_time = 10 / baud if baud else 0.0
        self._confirm_timeout = confirm_timeout
        self._queue_limit = queue_limit
        self._queue: deque[tuple[str, bytes]] = deque()
        self._flight: _Flight | None = None
        self._jobs_sent = 0
        self._missing = SHORT_COMMANDS
        """Bytes for which the printer may be waiting to complete a command."""
        self._completed = False
        """They have been sent."""
        self._hanging = False
        """A part of a ticket may hang out of the printer."""
        self._cut_off = False
        """The command to cut it off has been sent."""
        self._reader = reply_reader()
        self._unasked = 0
        self._ever_answered = reports
        self._abilities: Abilities | None = None
        self._connected = False
        self._held_off = Trouble.NONE
        self._watch = StatusWatch(0.0)
        self._probing = Probing(self._watch)
        self._free_at = self._resume_at = 0.0
        self._told: Health | None = None
        self._was_silent = False

    # -- what the controller wants ---------------------------------------------------------------------------

    def print(self, job: str, data: bytes) -> None:
        """Queue a job: the caller's id, and the bytes of a ticket including its cut. PrinterBusy if the queue is full.

        A job that cannot be started now stays queued until it can, also across outages.
        """
        if len(self._queue) >= self._queue_limit:
            raise PrinterBusy(f"{self._queue_limit} tickets wait to be printed")
        self._queue.append((job, data))

    def withdraw(self, job: str) -> bool:
        """Take a job out of the queue, of which nothing was sent yet; False: there is no such job."""
        kept = [each for each in self._queue if each[0] != job]
        found = len(kept) < len(self._queue)
        self._queue = deque(kept)
        return found

    @property
    def undone(self) -> int:
        """The size of a job that may have stopped at any of its bytes, and of which a part may hang out of the printer;
        0: there is none."""
        return self._missing if self._hanging else 0

    @property
    def queued(self) -> list[str]:
        """The jobs of which nothing was sent yet, the next one first."""
        return [job for job, _ in self._queue]

    @property
    def in_flight(self) -> str:
        """The job that was sent and has no result yet; empty: none."""
        return self._flight.job if self._flight else ""

    def interrupted(self, size: int) -> None:
        """A job of so many bytes was under way when the previous run of the controller, or of this driver, ended."""
        self._left_undone(size)

    def held_off(self) -> Health | None:
        """The link was closed because the printer accepted no more data, and is being reopened. The fault that it had
        reported is the cause, and stays its state until it reports otherwise; None if it reported none.

        To be called after `disconnected`.
        """
        trouble = self._watch.trouble or Trouble.NONE
        if not trouble & Trouble.FAULT:
            return None
        self._held_off = trouble
        return Health("degraded", wording(trouble))

    @property
    def ready(self) -> bool:
        """Whether a job queued now would be started as soon as those before it are done."""
        return not self.detail

    @property
    def detail(self) -> str:
        """Why it is not ready, as a wording key; empty when it is."""
        if not self._connected:
            return wording(self._held_off) or "offline"
        if self._watch.blocked:
            return wording(self._watch.trouble or Trouble.NONE)
        if self._watch.silent and self._ever_answered:
            return "no_answer"
        if self._watch.trouble is None and not self._watch.silent:
            return "starting"
        return "printer_busy" if len(self._queue) >= self._queue_limit else ""

    @property
    def proof(self) -> Proof:
        """The most that the printer can confirm, as last probed."""
        return self._probing.proof

    @property
    def garbage(self) -> int:
        """Bytes from the printer that made no sense, since the start."""
        return self._reader.garbage + self._unasked

    # -- what the wire does ----------------------------------------------------------------------------------

    def connected(self, now: float) -> Sequence[object]:
        self._connected = True
        self._reader.reset()
        self._watch = StatusWatch(now, self._held_off or None)
        self._held_off = Trouble.NONE
        self._probing = Probing(self._watch, self._abilities)
        self._completed = self._cut_off = False
        self._free_at = self._resume_at = now
        self._told = None
        self._was_silent = False
        return []

    def disconnected(self, now: float) -> Sequence[object]:
        if now >= self._free_at:
            self._all_left()
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
        self._all_left()
        data = self._next(now)
        self._free_at = self._gone_at(len(data), now)
        return data

    def next_deadline(self) -> float | None:
        if not self._connected:
            return None
        times = [self._watch.deadline(self._pace), self._probing.answer_by]
        if self._flight:
            times.append(self._flight.close_by)
        if self._may_complete or self._may_probe or self._may_cut_off or self._cut_off or self._may_start:
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
            self._begin_anew()
        self._was_silent = self._watch.silent
        self._probing.tick(now)
        facts = self._run_clock(now)
        if self._probing.done and not (self._watch.silent and self._ever_answered):
            found = Abilities(self._probing.proof, self._watch.automatic, self._ever_answered)
            if found != self._abilities:
                self._abilities = found
                facts.append(found)
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
                self._begin_anew()  # it may have been off for too short a time to be noticed
            return self._close(Unknown)
        return []

    def _health(self) -> Health | None:
        if self._watch.silent and not self._watch.blocked:
            return Health("degraded", "no_answer" if self._ever_answered else "no_status")
        if self._watch.trouble is None:
            return None
        key = wording(self._watch.trouble)
        return Health("degraded", key) if key else OK

    def _close(self, outcome: type[Sent | Printed | Unknown]) -> list[object]:
        flight, self._flight = self._flight, None
        if flight is None:
            return []
        if outcome is Unknown:
            self._left_undone(flight.size)
        return [outcome(flight.job)]

    def _begin_anew(self) -> None:
        """The printer may have been off, or without its cable: it is in an unknown state."""
        self._completed = False
        self._probing.restart(self._abilities)

    def _left_undone(self, size: int) -> None:
        """A job of that size may have stopped at any of its bytes."""
        self._missing = max(self._missing, size)
        self._completed = False
        self._hanging = True
        self._cut_off = False

    def _all_left(self) -> None:
        """All that was sent has left."""
        if self._cut_off:
            self._cut_off = self._hanging = False
            self._missing = SHORT_COMMANDS

    # -- sending ---------------------------------------------------------------------------------------------

    def _next(self, now: float) -> bytes:
        if self._may_resume and now >= self._resume_at:
            self._resume_at = now + RESUME_INTERVAL
            return RESUME
        if self._may_complete:
            self._completed = True
            return NUL * self._missing
        ask_at = self._watch.ask_at(self._pace)
        if ask_at is not None and now >= ask_at:
            return self._watch.ask(self._gone_at(QUESTION_SIZE, now))
        if self._may_probe:
            data, seconds = self._probing.ask()
            self._probing.answer_by = self._gone_at(len(data), now) + seconds
            return data
        if self._may_cut_off:
            self._cut_off = True
            return CUT_OFF
        return self._start_job(now) if self._may_start else b""

    def _start_job(self, now: float) -> bytes:
        job, data = self._queue.popleft()
        size = len(data)
        number = b"%04d" % (self._jobs_sent % JOB_IDS)
        self._jobs_sent += 1
        proof = self._probing.proof
        if proof is Proof.PRINTED:
            data += PROCESS_ID_REQUEST + number
        elif proof is Proof.PARSED:
            data += PAPER_SENSOR
        else:
            # Nothing would show whether the job before had stopped in the middle of a command.
            data = NUL * self._missing + data
            self._missing = max(SHORT_COMMANDS, size)
        self._flight = _Flight(job, number, size, proof, self._gone_at(len(data), now) + self._limit(proof))
        return data

    @property
    def _may_resume(self) -> bool:
        trouble = self._watch.trouble or Trouble.NONE
        in_the_way = Trouble.COVER_OPEN | Trouble.PAPER_END | Trouble.FATAL
        listens = self._watch.blocked and not self._watch.silent
        return listens and bool(trouble & Trouble.RESUMABLE) and not trouble & in_the_way

    @property
    def _may_complete(self) -> bool:
        return not self._completed and self._flight is None and not self._watch.blocked

    @property
    def _may_probe(self) -> bool:
        return self._flight is None and self._probing.due

    @property
    def _may_start(self) -> bool:
        return bool(self._queue) and not self._hanging and self._may_feed

    @property
    def _may_cut_off(self) -> bool:
        return self._hanging and not self._cut_off and self._may_feed

    @property
    def _may_feed(self) -> bool:
        """Whether what comes out of the printer now comes out as it should."""
        if self._flight or not self._probing.done:
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
