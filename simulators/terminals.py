"""Call terminals and raters on a 68-frame bus, as they stand on counters.

A terminal sends a key frame when its key is pressed, and again while it hears no echo. Its display has three digits for
the number waiting and three for the ticket; a half that is all blank in a frame is left as it is [?: no source says
whether it is wiped].
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from drivers.terminal68 import BLANK, MAX_L_FROM_HOST, Frame, Function, Key, frame_reader
from simulators.faults import Faults

REPEAT = 0.3
"""Seconds without an echo after which a terminal sends its frame again [?]."""
REPEATS = 4
STUCK_REPEAT = 0.25
"""Seconds between two frames of a key that stays down [?]."""
HISTORY = 10_000


@dataclass(slots=True)
class Terminal:
    """A terminal's display, and what it has heard."""

    waiting: str = ""
    ticket: str = ""
    beeps: int = 0
    echoes: int = 0
    told: int = 0
    """How often it was told to show a ticket."""
    tickets: deque[str] = field(default_factory=lambda: deque(maxlen=HISTORY))
    """The tickets shown, in order; the same digits again count as the same."""


@dataclass(slots=True)
class Rater:
    """A rater: whether it asks the customer now, and how many presses were taken."""

    asking: bool = False
    asked: int = 0
    echoes: int = 0


@dataclass(slots=True)
class _Press:
    frame: Frame
    due: float
    left: int = REPEATS
    answered: bool = False


class TerminalBus:
    """All terminals and raters of one bus."""

    def __init__(self, terminals: Iterable[int], raters: Iterable[int] = (), faults: Faults | None = None) -> None:
        self._faults = faults or Faults()
        self.terminals = {address: Terminal() for address in terminals}
        self.raters = {address: Rater() for address in raters}
        self._reader = frame_reader(MAX_L_FROM_HOST)
        self._presses: dict[int, _Press] = {}
        self._bounced: list[_Press] = []
        """Presses that a bounce will make."""
        self._now = 0.0

    # -- hands -----------------------------------------------------------------------------------------------

    def press(self, address: int, key: Key, digits: str = "") -> None:
        """Type digits and press a key at a terminal."""
        data = bytes(int(digit) for digit in digits) + bytes([key])
        self._make(_Press(Frame(address, Function.ANSWER_RATER, data), self._now))

    def rate(self, address: int, score: int) -> None:
        """Press a score at a rater."""
        self._make(_Press(Frame(address, Function.RATED, bytes([score])), self._now))

    def _make(self, press: _Press) -> None:
        self._presses[press.frame.address] = press
        if self._faults.bounce:
            self._bounced.append(_Press(press.frame, self._now + self._faults.bounce))

    def waits_for_echo(self, address: int) -> bool:
        """Whether the last press has been answered neither by an echo nor by giving up."""
        press = self._presses.get(address)
        return press is not None and not press.answered

    # -- the wire --------------------------------------------------------------------------------------------

    def plugged(self, now: float) -> None:
        self._now = now
        self._reader.reset()
        self._presses.clear()
        self._bounced.clear()
        for terminal in self.terminals.values():
            terminal.waiting = terminal.ticket = ""

    def receive(self, data: bytes, now: float) -> None:
        self._now = now
        if self._faults.deaf:
            return
        for frame in self._reader.feed(data, now):
            if frame.address in self.terminals:
                self._to_terminal(self.terminals[frame.address], frame)
            elif frame.address in self.raters:
                self._to_rater(self.raters[frame.address], frame)

    def tick(self, now: float) -> None:
        self._now = now

    def data_to_send(self, now: float) -> list[bytes]:
        self._now = now
        for bounced in [press for press in self._bounced if press.due <= now]:
            self._bounced.remove(bounced)
            self._presses[bounced.frame.address] = bounced
        messages = []
        for address, press in list(self._presses.items()):
            if press.answered and not self._faults.stuck:
                del self._presses[address]
            elif press.due <= now:
                if press.left == 0 and not (self._faults.stuck or self._faults.deaf):
                    del self._presses[address]
                    continue
                messages.append(press.frame.to_bytes())
                press.due = now + (STUCK_REPEAT if self._faults.stuck else REPEAT)
                press.left = max(0, press.left - 1)
        return messages

    def next_deadline(self) -> float | None:
        return min((press.due for press in (*self._presses.values(), *self._bounced)), default=None)

    # -- inside ----------------------------------------------------------------------------------------------

    def _to_terminal(self, terminal: Terminal, frame: Frame) -> None:
        press = self._presses.get(frame.address)
        if press and press.frame == frame and not press.answered:
            self._answered(press)
            terminal.echoes += 1
        elif frame.function == Function.BEEP and not frame.data:
            terminal.beeps += 1
        elif frame.function == Function.DISPLAY and len(frame.data) == 6:
            waiting, ticket = _text(frame.data[:3]), _text(frame.data[3:])
            if waiting:
                terminal.waiting = waiting
            if ticket or not waiting:
                if ticket:
                    terminal.told += 1
                    if ticket != (terminal.tickets[-1] if terminal.tickets else ""):
                        terminal.tickets.append(ticket)
                terminal.ticket = ticket

    def _answered(self, press: _Press) -> None:
        """The press need not be sent again, unless its key stays down."""
        press.answered = True
        if not self._faults.stuck:
            del self._presses[press.frame.address]

    def _to_rater(self, rater: Rater, frame: Frame) -> None:
        press = self._presses.get(frame.address)
        if frame.function != Function.ANSWER_RATER:
            return
        if frame.data == bytes([Key.EVALUATE]):
            rater.asking = True
            rater.asked += 1
        elif press and frame.data == press.frame.data and not press.answered:
            self._answered(press)
            rater.asking = False
            rater.echoes += 1


def _text(digits: bytes) -> str:
    return "".join(str(digit) for digit in digits if digit != BLANK)
