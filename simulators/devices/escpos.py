"""A simulated ticket printer, driven only by the ESC/POS bytes it is sent: paper, cover, cutter, buffer and power.

Bytes go through two stages, as in a real one. *Reading* takes commands from the receive buffer and is done with a
ticket long before it is on paper; *printing* takes what was read and needs its time. Both stop while the printer is
offline, and both buffers are lost with the power. Real-time commands pass by them, also in the middle of other data.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from controller.devices.escpos import EscposSettings
from controller.lobby.model.rules import Rules
from drivers.escpos_model import model
from simulators.devices.kit import Count, Day, Knob, Wired, number
from simulators.escpos_reader import Cut, Mark, Reader, TellAlways, TellPaper
from simulators.faults import Faults
from simulators.paper import LINE, Gap, Paper, Row

DLE, EOT, ENQ = 0x10, 0x04, 0x05
QUESTIONS = (1, 2, 3, 4)
RESUME, DROP = 1, 2
"""Arguments of DLE ENQ: go on at the line of the error, or drop the buffers."""

REAL_TIME_FIXED = 0x12
OFFLINE = 0x08
COVER, FEEDING, STOPPED_AT_END, ERROR = 0x04, 0x08, 0x20, 0x40
MECHANICAL_ERROR, CUTTER_ERROR, FATAL_ERROR, HEAD_HOT = 0x04, 0x08, 0x20, 0x40
NEAR_END, END = 0x0C, 0x60
"""Answers to DLE EOT 1 to 4, a line each."""

AUTO_FIXED = 0x10
AUTO_OFFLINE, AUTO_COVER, AUTO_FEEDING = 0x08, 0x20, 0x40
SENSOR_NEAR_END, SENSOR_END = 0x03, 0x0C
"""Bytes 1 and 3 of an automatic status; the last also answers GS r. Byte 2 has the errors as DLE EOT 3 has them."""

PROCESS_ID_REPLY, PROCESS_ID_END = b"\x37\x22", b"\x00"

BUFFER = 4096
"""Bytes the receive buffer holds; more are lost, as on a line without flow control."""
READ_AHEAD = 64
"""Things read and not yet printed."""
SENSOR_INTERVAL = 0.1
"""Seconds between two looks at paper and cover."""
TICKETS_KEPT = 1000
TEAR = 6
"""Empty lines at the end of a ticket where people tear it off, if there is no cutter."""
CUTTER = Gap(4)
"""The cutter sits this far behind the print head: so much of each feed begins the next ticket."""


class PrinterFarEnd:
    """The printer. `faults` has the knobs for paper and cover; `jammed` is the cutter's. `blocked`: something is in the
    way of the mechanism; `broken`: an error from which only service helps; `hot`: the head has to cool down; `feeding`:
    somebody holds the feed button.

    `asb`, `confirms` and `status` are what the model can do: automatic status, the printed confirmation, and any
    status at all. With `real_time_inside` it obeys real-time commands also inside the data of another command; some
    models take them for data there. One that does not cut has its tickets torn off. `seconds_per_line` is for a line
    of normal height.
    """

    def __init__(
        self,
        faults: Faults,
        *,
        columns: int = 32,
        asb: bool = True,
        confirms: bool = True,
        status: bool = True,
        real_time_inside: bool = True,
        cuts: bool = True,
        seconds_per_line: float = 0.04,
    ) -> None:
        self._faults = faults
        self._columns = columns
        self._asb = asb and status
        self._confirms = confirms
        self._status = status
        self._real_time_inside = real_time_inside
        self._cuts = cuts
        self._dot_time = seconds_per_line / LINE
        self._messages: list[bytes] = []
        self.tickets: list[Paper] = []
        """What was cut off, oldest first; the latest `TICKETS_KEPT`."""
        self.cut = 0
        """How many were cut off in all."""
        self.strip = Paper(columns, [CUTTER])
        """What hangs out of the printer, not yet cut."""
        self.jammed = self.blocked = self.broken = self.hot = self.feeding = False
        self.overrun = 0
        """Bytes that found the buffer full."""
        self.reader = Reader(columns)
        self._flickers_low = False
        self._flickers_at = 0.0
        self._forget(0.0)

    def plugged(self, now: float) -> None:
        self._forget(now)

    def receive(self, data: bytes, now: float) -> None:
        for byte in data:
            if byte == DLE and not self._real_time_inside and not self._held and self._inside_command(now):
                self._store(bytes([byte]))
            else:
                self._sift(byte)
        self.tick(now)

    def tick(self, now: float) -> None:
        self._looked = now
        self._flicker(now)
        self._work_off(now)
        if self._telling and self._auto_status() != self._told:
            self._tell()

    def data_to_send(self, now: float) -> list[bytes]:
        messages = self._messages.copy()
        self._messages.clear()
        return messages

    def next_deadline(self) -> float | None:
        look = self._looked + SENSOR_INTERVAL
        if self._faults.flicker:
            look = min(look, self._flickers_at)
        return min(look, self._busy_until) if self._work and not self._offline else look

    # -- power, sensors and status ---------------------------------------------------------------------------

    def _forget(self, now: float) -> None:
        """Power was off: everything in RAM is gone; what is on paper stays there."""
        self._held = bytearray()
        self._buffer = bytearray()
        self._waits_for_more = False
        self._work: deque[Row | Cut | Mark] = deque()
        self._messages.clear()
        self._telling: bool = False
        self._told: bytes = b""
        self._cutter_error = self._mechanical_error = False
        self._busy_until = self._looked = now
        self.reader.initialise()

    @property
    def _offline(self) -> bool:
        faults = self._faults
        return faults.paper == "out" or faults.cover_open or self.feeding or bool(self._errors)

    @property
    def in_error(self) -> bool:
        """Whether it shows an error by its light."""
        return bool(self._errors)

    @property
    def _errors(self) -> int:
        """As DLE EOT 3 has them."""
        self._mechanical_error |= self.blocked
        return (
            MECHANICAL_ERROR * self._mechanical_error
            | CUTTER_ERROR * self._cutter_error
            | FATAL_ERROR * self.broken
            | HEAD_HOT * self.hot
        )

    def _flicker(self, now: float) -> None:
        faults = self._faults
        if not faults.flicker:
            self._flickers_low = False
        elif now >= self._flickers_at:
            self._flickers_low = not self._flickers_low
            self._flickers_at = now + faults.random.uniform(0.5, 1.5) / faults.flicker

    @property
    def _near_end(self) -> bool:
        return self._faults.paper != "ok" or self._flickers_low

    def _real_time_status(self, question: int) -> bytes:
        faults = self._faults
        out, errors = faults.paper == "out", self._errors
        bits = (
            OFFLINE * self._offline,
            COVER * faults.cover_open | FEEDING * self.feeding | STOPPED_AT_END * out | ERROR * bool(errors),
            errors,
            NEAR_END * self._near_end | END * out,
        )
        return bytes([REAL_TIME_FIXED | bits[question - 1]])

    def _sensor(self) -> int:
        return SENSOR_NEAR_END * self._near_end | SENSOR_END * (self._faults.paper == "out")

    def _auto_status(self) -> bytes:
        printer = AUTO_FIXED | AUTO_OFFLINE * self._offline | AUTO_COVER * self._faults.cover_open
        return bytes((printer | AUTO_FEEDING * self.feeding, self._errors, self._sensor(), 0))

    def _tell(self) -> None:
        self._told = self._auto_status()
        self._messages.append(self._told)

    def _sift(self, byte: int) -> None:
        """Obey a real-time command as soon as it is complete; everything else goes to the buffer."""
        held = self._held
        held.append(byte)
        if held == bytes([DLE]) or held in (bytes([DLE, EOT]), bytes([DLE, ENQ])):
            return
        if held[:-1] == bytes([DLE, EOT]) and byte in QUESTIONS:
            if self._status:
                self._messages.append(self._real_time_status(byte))
        elif held[:-1] == bytes([DLE, ENQ]) and byte in (RESUME, DROP):
            if byte == DROP:
                self._buffer.clear()
                self._work.clear()
            self._cutter_error = self._cutter_error and self.jammed
            self._mechanical_error = self.blocked
        else:
            another = len(held) > 1 and byte == DLE
            if another:
                held.pop()
            self._store(held)
            self._held = bytearray([DLE] if another else [])
            return
        held.clear()

    def _store(self, data: bytes | bytearray) -> None:
        room = BUFFER - len(self._buffer)
        self._buffer += data[:room]
        self.overrun += max(0, len(data) - room)

    def _inside_command(self, now: float) -> bool:
        """Whether all that was received has been read but for a command whose end is still to come."""
        self._work_off(now)
        return bool(self._buffer) and self._waits_for_more

    # -- reading and printing --------------------------------------------------------------------------------

    def _work_off(self, now: float) -> None:
        """Read and print what can be now."""
        self._print(now)
        while self._read():
            self._print(now)

    def _read(self) -> bool:
        """Read one thing; False when there is none to read now."""
        self._waits_for_more = False
        if not self._buffer or len(self._work) >= READ_AHEAD or self._offline:
            return False
        size, items = self.reader.read(self._buffer)
        del self._buffer[:size]
        self._waits_for_more = size == 0
        for item in items:
            match item:
                case TellAlways(on):
                    self._telling = on and self._asb
                    if self._telling:
                        self._tell()
                case TellPaper():
                    if self._status:
                        self._messages.append(bytes([self._sensor()]))
                case Mark() if not self._confirms:
                    pass
                case _:
                    self._work.append(item)
        return size > 0

    def _cut(self) -> None:
        rows = self.strip.rows
        if isinstance(rows[-1], Gap) and rows[-1].lines > CUTTER.lines:
            rows[-1] = Gap(rows[-1].lines - CUTTER.lines)
        self.tickets.append(self.strip)
        self.cut += 1
        del self.tickets[:-TICKETS_KEPT]
        self.strip = Paper(self._columns, [CUTTER])

    def _print(self, now: float) -> None:
        """Print what there is time for; a line once begun is finished."""
        while self._work and now >= self._busy_until and not self._offline:
            item = self._work[0]
            if isinstance(item, Cut):
                if self.jammed and self._cuts:
                    self._cutter_error = True
                    return
                if self._cuts:
                    self._cut()
            elif isinstance(item, Mark):
                self._messages.append(PROCESS_ID_REPLY + item.id + PROCESS_ID_END)
            else:
                self.strip.rows.append(item)
                self._busy_until = now + item.dots * self._dot_time
                if not self._cuts and isinstance(item, Gap) and item.lines >= TEAR:
                    self._cut()
            self._work.popleft()


SECONDS_PER_LINE = 0.01
"""A printer of today: 300 mm of paper a second, 3 mm a line."""
PAPERS_KEPT = 60
"""Papers whose pictures can be asked for."""
PAPERS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Numbered:
    """The nth paper that a printer has cut off, counted from 1."""

    number: int
    paper: Paper
    text: str


class Album:
    """Numbers the papers of a printer, which keeps only the last ones itself."""

    def __init__(self, printer: PrinterFarEnd) -> None:
        self._printer = printer
        self._kept: deque[Numbered] = deque(maxlen=PAPERS_KEPT)
        self._count = 0

    def papers(self) -> Sequence[Numbered]:
        """The last papers, oldest first."""
        cut = self._printer.tickets
        last = self._kept[-1].paper if self._kept else None
        fresh = len(cut)
        for position in range(len(cut) - 1, -1, -1):
            if cut[position] is last:
                fresh = len(cut) - 1 - position
                break
        for paper in cut[len(cut) - fresh :]:
            self._count += 1
            self._kept.append(Numbered(self._count, paper, paper.words))
        return self._kept

    def paper(self, number: int) -> Paper | None:
        """The paper with this number; None if there is none, or none any more."""
        return next((kept.paper for kept in self.papers() if kept.number == number), None)


class SimulatedPrinter(Wired):
    """A ticket printer."""

    device: EscposSettings
    far_end: PrinterFarEnd
    KNOBS = (
        Knob("paper", "paper", Literal["ok", "low", "out"], ("ok", "low", "out"), near=True),
        Knob("cover_open", "switch", bool, near=True),
        Knob("jammed", "switch", bool, of="far end", near=True),
        *(Knob(name, "switch", bool, of="far end") for name in ("feeding", "blocked", "hot", "broken")),
        Knob("flicker", "a_second", number(0, 20), (0, 1, 5), near=True),
    )

    def make(self, faults: Faults) -> PrinterFarEnd:
        cuts = model(self.device.profile).cuts
        printer = PrinterFarEnd(faults, columns=self.device.columns, cuts=cuts, seconds_per_line=SECONDS_PER_LINE)
        self.album = Album(printer)
        return printer

    def stands(self, rules: Rules) -> Iterator[tuple[str, Any]]:
        yield "printers", self.device.id

    def shows(self) -> tuple[str, Any]:
        far_end, faults = self.far_end, self.wire.faults
        if faults.unplugged:
            light = "off"
        elif faults.paper == "out" or faults.cover_open or far_end.jammed or far_end.in_error:
            light = "error"
        else:
            light = "low" if faults.paper == "low" else "ready"
        papers = list(self.album.papers())[-PAPERS_SHOWN:]
        return "printers", {
            "light": light,
            "printing": len(far_end.strip.rows) > 1,
            "papers": [{"n": numbered.number, "text": numbered.text} for numbered in papers],
        }

    def paper(self, number: int) -> Paper | None:
        return self.album.paper(number)

    @property
    def papers(self) -> Sequence[Paper]:
        return self.far_end.tickets

    @property
    def cut(self) -> int:
        return self.far_end.cut

    def demo_keys(self) -> Iterator[tuple[str, str, Callable[[], None]]]:
        faults = self.wire.faults
        yield "p", "key.paper", lambda: self.turn("paper", "ok" if faults.paper == "out" else "out")
        yield "c", "key.cover", lambda: self.turn("cover_open", not faults.cover_open)
        yield self.unplug_key("u")

    def counts(self, day: Day) -> Iterator[Count]:
        on_paper = sum(any(ticket in text for text in day.papers) for ticket in day.issued)
        yield Count("count.tickets", len(day.issued), on_paper, True)
        yield Count("count.papers", len(day.issued), len(day.papers), True)  # those of all printers
