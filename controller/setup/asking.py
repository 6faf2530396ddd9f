"""Finds out what is on a port: by questions that devices answer, and by listening for what people do with them.

Every port is opened as in the daemon, by a session of `drivers.session`: what is older than the link is dropped, and
echoes do not count. Ports are asked side by side; what one takes in all is bounded by the questions that there are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from controller.devices.kit import kinds
from controller.devices.probe import Place, Probe
from controller.operation.doctor import holders
from controller.setup.ports import Port
from drivers.link import FileLink, InputLink, Link, SerialLink
from drivers.session import LinkDown, Session

QUIET = 0.1
"""Seconds after opening in which input counts as older than the link."""
OPENED = 2.5
"""Seconds in which a port must be open, or it is given up."""
PAUSE = 0.12
"""Seconds of silence after which what was heard is looked at: a terminal repeats itself after more."""
ECHO = 1.0
"""Seconds in which what equals our answer is its echo, or a copy of the press that it answers."""
KEPT = 1024
"""Most bytes that are kept of what was heard."""
TRIES = 2
"""Questions without any reply after which nobody is there."""
NOISE = 4
"""Bytes from which something was said that nobody can read; fewer may come of a plug."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Found:
    """What is on a port. `driver` empty: nobody answered; then `cause`, if the port cannot be used, is a key of the
    wording's section `device`. `asked`: it has answered; if not, its port alone says what it is."""

    port: Port
    driver: str = ""
    speed: int = 0
    places: tuple[Place, ...] = ()
    cause: str = ""
    asked: bool = False


def probes() -> Mapping[str, Probe]:
    """The kinds that can be looked for, by driver."""
    return {driver: kind.probe for driver, kind in kinds().items() if kind.probe}


def link_of(port: Port, speed: int, path: str = "") -> Link:
    """The link to a port; `path`: by another name of it. Without one, keys still reach whoever else they are for: they
    may be those of who sets up."""
    where = path or str(port.node)
    match port.form:
        case "serial":
            return SerialLink(where, speed)
        case "printer":
            return FileLink(where)
    return InputLink(where, alone=path != "")


def written(link: Link) -> str:
    """A link as the configuration has it."""
    match link:
        case SerialLink():
            return f"serial:{link.path}?baud={link.baud}"
        case FileLink():
            return f"file:{link.path}"
    return f"input:{link.address}"


# -- questions -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Asked:
    """What came after each question."""

    replies: tuple[bytes, ...]


class Asker:
    """The driver that puts a probe's questions, one after the other, and reports the replies once."""

    def __init__(self, probe: Probe, byte_time: float) -> None:
        self._probe = probe
        self._byte_time = byte_time
        self._replies: list[bytearray] = []
        self._next: bytes | None = None
        self._until: float | None = None

    def connected(self, now: float) -> Sequence[object]:
        self._replies = []
        return self._ask(now)

    def disconnected(self, now: float) -> Sequence[object]:
        self._next = self._until = None
        return []

    def _ask(self, now: float) -> Sequence[object]:
        silent = not self._probe.apart and len(self._replies) >= TRIES and not any(self._replies)
        if silent or len(self._replies) == len(self._probe.asks):
            self._until = None
            return [_Asked(tuple(map(bytes, self._replies)))]
        self._next = self._probe.asks[len(self._replies)]
        self._replies.append(bytearray())
        self._until = now + len(self._next) * self._byte_time + self._probe.wait
        return []

    def receive(self, data: bytes, now: float) -> Sequence[object]:
        if self._replies:
            self._replies[-1] += data[: KEPT - len(self._replies[-1])]
        return []

    def tick(self, now: float) -> Sequence[object]:
        return self._ask(now) if self._until is not None and now >= self._until else []

    def data_to_send(self, now: float) -> bytes:
        data, self._next = self._next or b"", None
        return data

    def next_deadline(self) -> float | None:
        return self._until


async def ask(port: Port, tell: Callable[[str], None] = lambda driver: None) -> Found:
    """What is on a port, by all questions that may be asked there. `tell` is called with each driver that is tried."""
    if port.untried:
        return Found(port)
    if await asyncio.to_thread(lambda: list(holders(str(port.node), ours=False))):
        return Found(port, cause="port_taken")  # a login on it, say, or the running lobby: it would be disturbed
    here = {driver: probe for driver, probe in probes().items() if port.form in probe.forms}
    asking = {driver: probe for driver, probe in here.items() if probe.asks}
    for driver, probe in sorted(asking.items(), key=lambda each: not each[1].prints):
        tell(driver)
        for speed in probe.speeds if port.form == "serial" else probe.speeds[:1]:
            found = await _ask_once(port, driver, probe, speed)
            if found.driver or found.cause:
                return found
    alone = next((driver for driver, probe in here.items() if probe.alone_on == port.form), "")
    if alone or port.form != "keys":
        return Found(port, alone)
    return await _looked_at(port)


async def _looked_at(port: Port) -> Found:
    """Whether a port that nothing is asked on can be opened."""
    async with _open(port, 0, Ear({}), lambda fact: None) as session:
        return Found(port, cause=session.reason)


async def _ask_once(port: Port, driver: str, probe: Probe, speed: int) -> Found:
    heard: asyncio.Future[tuple[bytes, ...]] = asyncio.get_running_loop().create_future()

    def hear(fact: object) -> None:
        if isinstance(fact, _Asked) and not heard.done():
            heard.set_result(fact.replies)
        elif isinstance(fact, LinkDown) and fact.reason in ("lost", "flooding", "stalled") and not heard.done():
            heard.set_result(())

    async with _open(port, speed, Asker(probe, 10 / speed), hear) as session:
        if session.reason:
            return Found(port, cause=session.reason)
        limit = OPENED + sum(len(data) * 10 / speed + probe.wait for data in probe.asks) * 2
        try:
            async with asyncio.timeout(limit):
                replies = await heard
        except TimeoutError:
            replies = ()
    told = probe.hears(replies) if replies else ()
    if not told:
        return Found(port)
    return Found(port, driver, speed, tuple(each.place for each in told), asked=True)


@asynccontextmanager
async def _open(port: Port, speed: int, driver: Asker | Ear, hear: Callable[[object], None]) -> AsyncIterator[Session]:
    """A session on a port, running until the end; `reason` of it says why there is none."""
    session = Session(driver, link_of(port, speed), hear, time.monotonic, quiet=QUIET)
    task = asyncio.create_task(session.run(), name=f"asking {port.kernel}")
    try:
        async with asyncio.timeout(OPENED):
            await session.settled.wait()
    except TimeoutError:
        session.reason = "slow"
    try:
        yield session
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


# -- listening -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Spoke:
    """Somebody has used a device on a port."""

    port: Port
    driver: str
    speed: int
    place: Place


@dataclass(frozen=True, slots=True)
class Unread:
    """Bytes came on a port that nobody can read; it now listens at another `speed`."""

    port: Port
    speed: int


@dataclass(frozen=True, slots=True)
class _Heard:
    """A kind knows what was said."""

    driver: str
    place: Place


@dataclass(frozen=True, slots=True)
class _Noise:
    """Something was said that no kind knows."""


class Ear:
    """The driver that only listens: the first of the probes, by order of kinds, that knows what was said has it."""

    def __init__(self, listening: Mapping[str, Probe]) -> None:
        self._probes = dict(listening)
        self._heard = bytearray()
        self._out = b""
        self._answer = b""
        """The last answer, which an adapter may return."""
        self._answered_at = 0.0
        self._until: float | None = None

    def connected(self, now: float) -> Sequence[object]:
        self._heard.clear()
        self._out = b""
        self._until = None
        return []

    def disconnected(self, now: float) -> Sequence[object]:
        return []

    def receive(self, data: bytes, now: float) -> Sequence[object]:
        self._heard += data[: KEPT - len(self._heard)]
        self._until = now + PAUSE
        return []

    def tick(self, now: float) -> Sequence[object]:
        if self._until is None or now < self._until:
            return []
        said, self._until = bytes(self._heard), None
        self._heard.clear()
        if self._answer and now < self._answered_at + ECHO:
            said = said.replace(self._answer, b"")
        if not said:
            return []
        for driver, probe in self._probes.items():
            if told := probe.hears([said]):
                self._out = self._answer = b"".join(_once(each.answer for each in told))
                self._answered_at = now
                self._probes = {driver: probe}  # no device of another kind is on the same line
                return [_Heard(driver, place) for place in _once(each.place for each in told)]
        return [_Noise()] if len(said) >= NOISE else []

    def data_to_send(self, now: float) -> bytes:
        data, self._out = self._out, b""
        return data

    def next_deadline(self) -> float | None:
        return self._until


def _once(things: Iterable[T]) -> list[T]:
    return list(dict.fromkeys(things))


class Listening:
    """Listens on ports while it is entered; `next` gives what somebody did, in order."""

    def __init__(self, ports: Sequence[Port]) -> None:
        self._ports = ports
        self._said: asyncio.Queue[Spoke | Unread] = asyncio.Queue(maxsize=256)
        self._tasks: list[asyncio.Task[None]] = []
        self._opened = {port: asyncio.Event() for port in ports}

    async def __aenter__(self) -> Listening:
        self._tasks = [asyncio.create_task(self._listen(port), name=f"listening {port.kernel}") for port in self._ports]
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def ready(self) -> None:
        """Until every port is open, or cannot be opened: what is said before is not heard."""
        await asyncio.gather(*(each.wait() for each in self._opened.values()))

    async def next(self) -> Spoke | Unread:
        """What somebody does next."""
        return await self._said.get()

    def forget(self) -> None:
        """Drop what was done before now."""
        while not self._said.empty():
            self._said.get_nowait()

    async def _listen(self, port: Port) -> None:
        here = {driver: probe for driver, probe in probes().items() if probe.listens and port.form in probe.forms}
        speeds = list(dict.fromkeys(speed for probe in here.values() for speed in probe.speeds))
        n = 0
        if not speeds:
            self._opened[port].set()
        while speeds:
            speed = speeds[n % len(speeds)]
            noise = asyncio.Event()
            ear = Ear({driver: probe for driver, probe in here.items() if speed in probe.speeds})
            async with _open(port, speed, ear, partial(self._take, port, speed, noise)):
                self._opened[port].set()
                await noise.wait()
            n += 1
            self._opened[port].clear()
            self._put(Unread(port, speeds[n % len(speeds)]))

    def _take(self, port: Port, speed: int, noise: asyncio.Event, fact: object) -> None:
        if isinstance(fact, _Heard):
            self._put(Spoke(port, fact.driver, speed, fact.place))
        elif isinstance(fact, _Noise) and port.form == "serial":  # of keys, one that goes up says nothing
            noise.set()

    def _put(self, said: Spoke | Unread) -> None:
        if not self._said.full():
            self._said.put_nowait(said)


def heard_on(found: Found, spoke: Spoke) -> Found:
    """What is known of a port after somebody used a device there."""
    places = tuple(dict.fromkeys((*found.places, spoke.place)))
    return replace(found, driver=spoke.driver, speed=spoke.speed, places=places, asked=True, cause="")
