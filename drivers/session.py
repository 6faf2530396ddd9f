"""The session: runs any driver over any link, and handles opening, reconnecting, stalled writes and floods.

States of a session: *closed* -> opening -> *quiet* -> *open* -> (lost | stalled | flooding) -> *closed* -> back-off ..
The first failure and the recovery are facts (`LinkDown`, `LinkUp`); the attempts between them are silent.

What arrives while a link is *quiet*, just after opening, is older than the link: a device server or the kernel buffered
it while nothing was connected. It is dropped and counted (`Stale`), and only then is the driver told of the link.
Echoes of our own bytes (`drivers.echo`) do not reach the driver either, unless it finds them itself (`OwnEchoes`).

A device that sends more than any device has to say costs the time of all others, since each byte is looked at. Its link
is closed, and while it still floods after being opened again, it does not count as open.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

from drivers.descriptor import DescriptorTransport
from drivers.device import Driver, Echoing, OwnEchoes
from drivers.echo import EchoFilter
from drivers.link import Link, LinkError, SerialLink, open_link

BACK_OFF = (0.1, 0.25, 0.5, 1.0, 2.0)
"""Seconds between attempts to open a link; the last one repeats. A link that has held that long resets the sequence."""
WRITE_TIMEOUT = 5.0
"""Seconds in which a link must accept at least one byte of what waits to be sent; after that it is reopened."""
QUIET = 0.3
"""Seconds after opening in which input counts as older than the link."""
QUIET_GAP = 0.1
"""Seconds without input that end the quiet period; continuous input prolongs it, to `QUIET_LIMIT` at most."""
QUIET_LIMIT = 2.0
FLOOD_RATE, FLOOD_BURST = 16384, 32768
"""Bytes a second that a device may send for long, and at once: a line of 115200 baud carries 11520 a second. What we
send may come back in addition."""
ECHO_MOST = 1 << 18
"""Most bytes of ours that may still come back."""
STALE_MOST = 1 << 18
"""Most bytes that may be older than a link."""
ABORT_TIMEOUT = 2.0
"""Seconds in which an aborted link must report that it is closed."""


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The link could not be opened, or was lost.

    `reason` is a wording key (`lost`, `stalled`, `flooding`, `no_path`, ..), else the system's message; `about`: the
    path or address that could not be opened.
    """

    reason: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class LinkUp:
    """The link is open."""


@dataclass(frozen=True, slots=True)
class Stale:
    """`size` bytes arrived in the quiet period of a link; they were dropped."""

    size: int


@dataclass(slots=True)
class Measured:
    """What went over a line since it was made: bytes, and how long the device took to answer, in seconds."""

    sent: int = 0
    received: int = 0
    """With what the line itself returned."""
    echoed: int = 0
    answers: deque[float] = field(default_factory=lambda: deque(maxlen=200))
    _asked: float | None = None

    def send(self, size: int, now: float) -> None:
        """These bytes go out."""
        self.sent += size
        if self._asked is None:
            self._asked = now

    def hear(self, size: int, own: int, now: float) -> None:
        """So many bytes have come, of which so many are the device's own."""
        self.received += size
        self.echoed += size - own
        if own and self._asked is not None:
            self.answers.append(now - self._asked)
            self._asked = None

    def content(self) -> dict[str, float]:
        """In bytes and milliseconds."""
        found: dict[str, float] = {"sent": self.sent, "received": self.received, "echoed": self.echoed}
        if self.answers:
            found["answer_ms"] = round(median(self.answers) * 1000, 1)
            found["slowest_ms"] = round(max(self.answers) * 1000, 1)
        return found


class Allowance:
    """How many bytes may come from a line, at `now` in monotonic seconds."""

    def __init__(self, now: float) -> None:
        self._left = float(FLOOD_BURST)
        self._at = now

    def sent(self, size: int) -> None:
        """So many bytes were sent, and may come back."""
        self._left = min(self._left + size, FLOOD_BURST + ECHO_MOST)

    def covers(self, size: int, now: float) -> bool:
        """Whether so many more bytes may come now; if so, they are taken off."""
        if self._left < FLOOD_BURST:
            self._left = min(self._left + (now - self._at) * FLOOD_RATE, FLOOD_BURST)
        self._at = now
        if size > self._left:
            return False
        self._left -= size
        return True


class Session(asyncio.Protocol):
    """Runs `driver` over `link`; every fact goes to `heard`, in order, in the loop's thread.

    `clock`: monotonic seconds. Call `flush` after a method of the driver that changes what it has to send: it is sent
    at once if possible, without waiting for the loop's next iteration. `quiet`: see `QUIET`.
    """

    def __init__(
        self,
        driver: Driver,
        link: Link,
        heard: Callable[[object], None],
        clock: Callable[[], float],
        *,
        write_timeout: float = WRITE_TIMEOUT,
        quiet: float = QUIET,
    ) -> None:
        self._driver = driver
        self._link = link
        self._heard = heard
        self._clock = clock
        self._write_timeout = write_timeout
        self._quiet = quiet
        self._echo: EchoFilter | None = None
        if not isinstance(driver, OwnEchoes):
            self._echo = EchoFilter(link.byte_time if isinstance(link, SerialLink) else None)
        self._echo_told = False
        self._connected = False  # the driver knows of the link
        self._opened_at = self._stale_at = 0.0
        self._stale = 0
        self._allowance = Allowance(0.0)
        self._transport: asyncio.Transport | None = None
        self._lost: asyncio.Event = asyncio.Event()
        self._lost_reason = ""
        self._paused = False
        self._resumed = 0
        self._timer: asyncio.TimerHandle | None = None
        self._down_told = ""
        self.reason = ""
        """Why there is no link, by the last attempt, as in `LinkDown`; empty: there is one."""
        self.measured = Measured()
        self.settled = asyncio.Event()
        """Set once the first attempt to open the link has ended, successful or not, and its quiet period is over."""

    async def run(self) -> None:
        """Run until cancelled; then the port is free. Never ends by itself, and never raises for what a device does."""
        attempt = 0
        try:
            while True:
                self._lost.clear()
                self._lost_reason = ""
                try:
                    transport = await open_link(self._link, lambda: self)
                except LinkError as error:
                    self._tell_down(str(error), self._link.address)
                else:
                    self._opened(transport)
                    await self._until_lost(transport)
                    self._tell_down(self._lost_reason)
                    if self._clock() - self._opened_at >= BACK_OFF[-1]:
                        attempt = 0
                self.settled.set()
                await asyncio.sleep(BACK_OFF[min(attempt, len(BACK_OFF) - 1)])
                attempt += 1
        finally:
            self._cancel_timer()
            if self._connected:  # it may be run again
                self._connected = False
                self._driver.disconnected(self._clock())
            if self._transport:
                self._transport.abort()
                self._transport = None
                await self._until_gone()

    def flush(self) -> None:
        """Send what the driver has to send, and set the timer for its next deadline."""
        transport = self._transport
        if transport is None or not self._connected:
            return
        now = self._clock()
        while not self._paused and not transport.is_closing() and (data := self._driver.data_to_send(now)):
            if self._echo:
                self._echo.sent(data, now)
            self._allowance.sent(len(data))
            self.measured.send(len(data), now)
            transport.write(data)
        self._set_timer(now)

    # -- asyncio.Protocol ------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        now = self._clock()
        if self._connected and not self._allowance.covers(len(data), now):
            self.measured.received += len(data)
            self._give_up("flooding")
        elif self._connected:
            own = self._echo.heard(data, now) if self._echo else data
            self.measured.hear(len(data), len(own), now)
            self._received(own, now)
            self.flush()
        elif self._transport is not None:
            self._stale += len(data)
            self._stale_at = now
            if self._stale > STALE_MOST:
                self._give_up("flooding")

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._resumed += 1
        self.flush()

    def connection_lost(self, error: Exception | None) -> None:
        self._lost_reason = self._lost_reason or "lost"
        self._lost.set()

    # -- inside ----------------------------------------------------------------------------------------------

    def _opened(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._paused = False
        self._stale = 0
        self._opened_at = self._stale_at = self._clock()
        self._listen()

    def _listen(self) -> None:
        """Connect the driver once the quiet period is over."""
        self._timer = None
        now = self._clock()
        ends = self._opened_at + self._quiet
        if now >= ends:
            self.settled.set()
        if self._stale:
            ends = max(ends, min(self._stale_at + QUIET_GAP, self._opened_at + QUIET_LIMIT))
        if now < ends:
            self._timer = asyncio.get_running_loop().call_later(max(0.001, ends - now), self._listen)
        elif self._stale > FLOOD_BURST + FLOOD_RATE * (now - self._opened_at) and now < self._stale_at + QUIET_GAP:
            self._give_up("flooding")
        else:
            self._begin(now)

    def _begin(self, now: float) -> None:
        self._connected = True
        self._allowance = Allowance(now)
        if self._echo:
            self._echo.restart()
        self._down_told = self.reason = ""
        self._tell([LinkUp()])
        if self._stale:
            self._tell([Stale(self._stale)])
        self._tell(self._driver.connected(now))
        self.flush()

    async def _until_lost(self, transport: asyncio.Transport) -> None:
        """Until the link is lost, or takes no byte for `write_timeout`."""
        now = (0, 0)
        while not self._lost.is_set():
            try:
                async with asyncio.timeout(self._write_timeout):
                    await self._lost.wait()
            except TimeoutError:
                before, now = now, (self._resumed, transport.get_write_buffer_size())
                if self._paused and now == before:
                    self._give_up("stalled")
                    break
        if not transport.is_closing():
            transport.abort()  # an earlier link closed so late that its end was taken for this one's
        self._transport = None
        self._cancel_timer()
        if self._connected:
            self._connected = False
            self._tell(self._driver.disconnected(self._clock()))
        await self._until_gone()

    def _give_up(self, reason: str) -> None:
        """Close the link because of what the device does."""
        if self._transport and not self._transport.is_closing():
            self._lost_reason = reason
            self._transport.abort()

    async def _until_gone(self) -> None:
        try:
            async with asyncio.timeout(ABORT_TIMEOUT):
                await self._lost.wait()
        except TimeoutError:
            pass

    def _tell(self, facts: Sequence[object]) -> None:
        for fact in facts:
            self._heard(fact)

    def _tell_down(self, reason: str, about: str = "") -> None:
        """Report `LinkDown` once; but a device that had stopped or flooded the line and then vanishes is reported as
        lost."""
        self.reason = reason
        if not self._down_told or (self._down_told in ("stalled", "flooding") and reason != self._down_told):
            self._down_told = reason
            self._heard(LinkDown(reason, about))

    def _received(self, data: bytes, now: float) -> None:
        """Input that is the device's own, as far as is known."""
        if self._echo and self._echo.echoing != self._echo_told:
            self._echo_told = self._echo.echoing
            self._tell([Echoing(self._echo_told)])
        if data:
            self._tell(self._driver.receive(data, now))

    def _set_timer(self, now: float) -> None:
        self._cancel_timer()
        echo = self._echo.next_deadline() if self._echo else None
        deadlines = [echo, None if self._paused else self._driver.next_deadline()]
        deadline = min((deadline for deadline in deadlines if deadline is not None), default=None)
        if deadline is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0.001, deadline - now), self._alarm)

    def _alarm(self) -> None:
        self._timer = None
        if self._transport is None:
            return
        now = self._clock()
        due = self._echo.next_deadline() if self._echo else None
        if self._echo and due is not None and now >= due:
            self._received(self._echo.tick(now, _unsent(self._transport)), now)
        due = self._driver.next_deadline()
        if due is not None and now >= due and not self._paused:
            self._tell(self._driver.tick(now))
        self.flush()

    def _cancel_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None


def _unsent(transport: asyncio.Transport) -> int:
    """Bytes that have not left yet, including those that the kernel buffers for a stopped line."""
    kept = transport.waiting_to_leave() if isinstance(transport, DescriptorTransport) else 0
    return transport.get_write_buffer_size() + kept
