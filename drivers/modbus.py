"""The master of one Modbus RTU line: digit displays that are written, and modules of inputs that are polled.

Frames are in `drivers.modbus_frame`. One request is under way at a time; after its reply, or after `reply_timeout`, the
line is left silent for 3.5 characters.

* **Displays** are levels: what stands in their registers is written when it has changed, when the link or the unit was
  away, and every `refresh` seconds, since a display may have been without power in between.
* **Inputs** are polled in turn. A state counts when two reads in a row have had it; a read that differs is repeated at
  once, so that a press need only be longer than one round of polls. The first state after an outage is no press.
* **A unit that does not answer** is asked again ever less often, and no two such within `SILENT_APART`: each try costs
  the others a whole time-out. It is told by a fact of its own, as is one that answers with an exception.
* After a write come the polls that are due, so that many writes do not make a round of polls much longer.

Echoes. Some adapters return what is sent. The reply to FC06 is the request itself, so nothing can tell the two apart
but their number; and the session's filter, which takes writes that come back for echoes, would soon take these replies
for them. So this driver finds echoes itself (`OwnEchoes`): the reply to any other function differs from its request,
and so what comes back shows whether the line echoes. Before FC06 that must have been seen in the last `ECHO_KNOWN`
seconds; if not, a register is read first, whether or not the unit has it. On a line that echoes, FC06 is done when its
bytes have come twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from drivers.device import OK, Echoing, Health, OwnEchoes
from drivers.gestures import Gestures
from drivers.modbus_frame import Reply, Request, Write, inputs_of, read_inputs, read_register, silence

POLL = 0.04
"""Seconds between two polls of one module, where the line has time for it."""
TRIES, SILENT_FOR = 3, 1.0
"""Requests in a row and seconds without a valid reply after which a unit does not answer."""
BACK_OFF = (0.5, 1.0, 2.0, 5.0)
"""Seconds before a unit that does not answer, or refuses, is asked again; the last one repeats."""
SILENT_APART = 1.0
"""Seconds between two requests to units that do not answer."""
ECHO_KNOWN = 30.0
"""Seconds for which it is known whether the line echoes."""
BABBLE = 0.5
"""Seconds for which bytes that nobody asked for may keep us from sending."""
BROKEN_OFF = 0.06
"""Seconds of silence inside a reply after which no more of it is expected."""
HEARD = 320
"""Most bytes kept of what comes while a reply is awaited."""
NOISE_SPELL = 60.0
"""Seconds without a broken reply after which the line counts as good again."""
BUSY = (5, 6)
"""Exceptions that pass: acknowledged and still at work, busy."""
GARBLED = Health("degraded", "garbled")
NO_ANSWER = Health("offline", "no_answer")
REFUSED = {
    1: Health("degraded", "modbus_function"),
    2: Health("degraded", "modbus_address"),
    3: Health("degraded", "modbus_value"),
    4: Health("degraded", "modbus_failure"),
    5: Health("degraded", "modbus_busy"),
    6: Health("degraded", "modbus_busy"),
    10: Health("degraded", "modbus_gateway"),
    11: Health("degraded", "modbus_gateway"),
}
OTHER_REFUSAL = Health("degraded", "modbus_other")


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of a module: `count` of them from address `first` on. `used`: (input by its number from 1, gesture)
    that mean something."""

    count: int
    first: int = 0
    used: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Pressed:
    """A gesture at an input, by its number from 1."""

    unit: int
    input: str
    gesture: str


@dataclass(frozen=True, slots=True)
class UnitHealth:
    """The state of one unit, told when it changes. `exception`: the code with which it refuses; 0: it does not."""

    unit: int
    health: Health
    exception: int = 0


@dataclass(slots=True)
class _Unit:
    """One unit on the line. Times are monotonic seconds."""

    address: int
    inputs: Inputs | None = None
    wanted: tuple[Write, ...] = ()
    written: dict[int, Write] = field(default_factory=dict)
    """What it has confirmed, by address."""
    refused: set[Write] = field(default_factory=set)
    """What it has refused since the last refresh: the others are written all the same."""
    refresh_at: float = inf
    poll_at: float = -inf
    """When it is next polled; -inf: at once, before all others."""
    gestures: Gestures = field(default_factory=lambda: Gestures(()))
    read: tuple[bool, ...] | None = None
    """The last read, not yet confirmed if it differs from `state`."""
    state: tuple[bool, ...] | None = None
    health: Health | None = None
    missed: int = 0
    answered_at: float = 0.0
    silent: bool = False
    asked_at: float = -inf
    """When it was last written to, or tried."""
    failures: int = 0
    """Tries since it has been silent or refusing, by which it is asked less often."""
    not_before: float = -inf

    def next_write(self) -> Write | None:
        return next(
            (each for each in self.wanted if self.written.get(each.address) != each and each not in self.refused), None
        )

    @property
    def is_right(self) -> bool:
        """Whether it shows all that it should, and its inputs are known."""
        return self.next_write() is None and not self.refused and (self.inputs is None or self.state is not None)

    def forget_inputs(self) -> None:
        self.read = self.state = None
        self.gestures.forget()

    def forget_level(self) -> None:
        self.written.clear()
        self.refused.clear()

    def backs_off(self, now: float) -> None:
        self.not_before = now + BACK_OFF[min(self.failures, len(BACK_OFF) - 1)]
        self.failures += 1


@dataclass(slots=True)
class _UnderWay:
    """The request under way, whose reply `ends` by then. `write`: what it writes; `polls`: whether it reads inputs."""

    request: Request
    unit: _Unit
    ends: float
    write: Write | None = None
    polls: bool = False
    broken_off: float = inf
    """When what has come of a reply is all."""

    @property
    def due(self) -> float:
        """When it is given up."""
        return min(self.ends, self.broken_off)


class Modbus(OwnEchoes):
    """The driver of one line.

    `displays`: the units that are written; `inputs`: those that are polled. `byte_time`: seconds of a byte on the
    line, 0 if that is not known (a TCP gateway); `reply_timeout`: seconds in which a unit begins to answer; `refresh`:
    seconds after which a display is written again.
    """

    def __init__(
        self,
        displays: Collection[int],
        inputs: Mapping[int, Inputs],
        *,
        byte_time: float = 0.0,
        reply_timeout: float = 0.1,
        refresh: float = 15.0,
    ) -> None:
        self._units = {address: _Unit(address) for address in sorted({*displays, *inputs})}
        self._shown = [self._units[address] for address in sorted(displays)]
        self._polled = [self._units[address] for address in sorted(inputs)]
        for unit in self._polled:
            unit.inputs = inputs[unit.address]
            unit.gestures = Gestures(unit.inputs.used)
        self._byte_time = byte_time
        self._silence = silence(byte_time)
        self._reply_timeout = reply_timeout
        self._refresh = refresh
        self._connected = False
        self._health: Health | None = None
        self._noisy_until: float | None = None
        self._under_way: _UnderWay | None = None
        self._heard = bytearray()
        self._idle_at = 0.0
        """When the line has been silent for long enough."""
        self._ours_at = 0.0
        """When our last request ended: since then, what comes is for nobody."""
        self._polls_owed = 0
        self._silent_at = -inf
        """When a unit that does not answer may next be asked."""
        self._echoes: bool | None = None
        """Whether the line echoes; None: not known."""
        self._echoes_at = -inf
        self._echoes_told = False

    def show(self, unit: int, writes: Iterable[Write]) -> None:
        """What should stand in a display's registers (level), in the order in which it is to be written."""
        self._units[unit].wanted = tuple(writes)

    # -- what the wire does ----------------------------------------------------------------------------------

    def connected(self, now: float) -> Sequence[object]:
        self._connected = True
        self._under_way = None
        self._echoes = self._noisy_until = None
        self._idle_at = self._ours_at = now
        self._polls_owed = 0
        self._silent_at = -inf
        for n, unit in enumerate(self._units.values()):
            unit.missed = unit.failures = 0
            unit.silent = False
            unit.answered_at = now
            unit.not_before = unit.poll_at = -inf
            unit.forget_level()
            # Spread out, so that refreshes never come together.
            unit.refresh_at = now + self._refresh * (1 + n / len(self._units))
        self._health = OK
        return [OK]

    def disconnected(self, now: float) -> Sequence[object]:
        self._connected = False
        self._under_way = None
        for unit in self._polled:
            unit.forget_inputs()
        return []

    def receive(self, data: bytes, now: float) -> Sequence[object]:
        under_way = self._under_way
        self._idle_at = max(self._idle_at, min(now + self._silence, self._ours_at + BABBLE))
        if under_way is None:
            return []  # a late reply, or a second copy of one
        self._heard += data
        del self._heard[:-HEARD]
        if not under_way.request.data.startswith(self._heard):  # more than its echo
            under_way.broken_off = now + BROKEN_OFF
        reply = self._found(under_way.request)
        return self._gestures_due(now) + (self._answered(under_way, reply, now) if reply else [])

    def tick(self, now: float) -> Sequence[object]:
        facts: list[object] = self._gestures_due(now)
        if self._under_way and now >= self._under_way.due:
            facts += self._not_answered(self._under_way, now)
        for unit in self._shown:
            if now >= unit.refresh_at:
                unit.refresh_at = now + self._refresh
                unit.forget_level()
        return facts + self._turn(now)

    def data_to_send(self, now: float) -> bytes:
        if not self._connected or self._under_way or now < self._idle_at:
            return b""
        self._under_way = self._next(now)
        if self._under_way is None:
            return b""
        self._heard.clear()
        return self._under_way.request.data

    def next_deadline(self) -> float | None:
        if not self._connected:
            return None
        times = [due for unit in self._polled if (due := unit.gestures.next_deadline()) is not None]
        times += [unit.refresh_at for unit in self._shown]
        if self._noisy_until is not None:
            times.append(self._noisy_until)
        if self._under_way:
            times.append(self._under_way.due)
        else:
            work = [max(unit.poll_at, unit.not_before) for unit in self._polled if not unit.silent]
            work += [self._may_ask_at(unit) for unit in self._units.values() if unit.silent or unit.next_write()]
            times += [max(self._idle_at, at) for at in work]
        return min(times, default=None)

    # -- what is sent next -----------------------------------------------------------------------------------

    def _next(self, now: float) -> _UnderWay | None:
        due = [unit for unit in self._polled if not unit.silent and max(unit.poll_at, unit.not_before) <= now]
        in_doubt = any(unit.poll_at == -inf and unit.read is not None for unit in due)
        if not in_doubt and (not due or self._polls_owed <= 0):
            asked = [
                unit
                for unit in self._units.values()
                if self._may_ask_at(unit) <= now and (unit.silent or unit.next_write())
            ]
            if asked:
                return self._write_or_try(min(asked, key=lambda unit: (unit.silent, unit.asked_at)), now)
        return self._poll(min(due, key=lambda unit: unit.poll_at), now) if due else None

    def _may_ask_at(self, unit: _Unit) -> float:
        return max(unit.not_before, self._silent_at) if unit.silent else unit.not_before

    def _write_or_try(self, unit: _Unit, now: float) -> _UnderWay | None:
        self._polls_owed = sum(not polled.silent for polled in self._polled)
        unit.asked_at = now
        if unit.silent:
            self._silent_at = now + SILENT_APART
        write = unit.next_write()
        if write is None:
            return self._poll(unit, now)
        if write.single and (self._echoes is None or now - self._echoes_at >= ECHO_KNOWN):
            return self._begun(read_register(unit.address, write.address), unit, now)
        return self._begun(write.request(unit.address), unit, now, write=write)

    def _poll(self, unit: _Unit, now: float) -> _UnderWay:
        self._polls_owed -= 1
        unit.poll_at = now + POLL
        inputs = unit.inputs
        assert inputs is not None
        return self._begun(read_inputs(unit.address, inputs.first, inputs.count), unit, now, polls=True)

    def _begun(
        self, request: Request, unit: _Unit, now: float, *, write: Write | None = None, polls: bool = False
    ) -> _UnderWay:
        line = (len(request.data) + request.reply) * self._byte_time
        self._ours_at = now + line + self._reply_timeout
        return _UnderWay(request, unit, self._ours_at, write, polls)

    # -- what has come ---------------------------------------------------------------------------------------

    def _found(self, request: Request) -> Reply | None:
        """The reply in what has been heard since the request, without the request's echo."""
        heard = bytes(self._heard)
        if request.is_repeated:
            replies = [reply for _, reply in request.replies(heard)]
            copies = 2 if self._echoes else 1
            return next((each for each in replies if each.exception), replies[0] if len(replies) >= copies else None)
        echo = len(request.data) if heard.startswith(request.data) else 0
        return next((reply for at, reply in request.replies(heard) if at >= echo), None)

    def _look_for_echo(self, request: Request, reply: Reply | None, now: float) -> Sequence[object]:
        """Whether the line echoes, by what came back of a request that its reply cannot equal."""
        heard = bytes(self._heard)
        if request.is_repeated:
            if reply is None and heard:
                self._echoes = None  # one copy in place of two, or broken ones
            return []
        if heard.startswith(request.data):
            self._echoes = True
        elif not heard:
            # An adapter that echoed has been changed for another, or nobody is there and it is broken.
            self._echoes = None if self._echoes else False
        elif reply is not None and next(request.replies(heard))[0] == 0:
            self._echoes = False
        else:
            return []
        self._echoes_at = now
        if self._echoes is None or self._echoes == self._echoes_told:
            return []
        self._echoes_told = self._echoes
        return [Echoing(self._echoes_told)]

    def _answered(self, under_way: _UnderWay, reply: Reply, now: float) -> list[object]:
        facts = list(self._look_for_echo(under_way.request, reply, now))
        unit, self._under_way = under_way.unit, None
        self._ours_at = now
        self._idle_at = now + self._silence
        unit.missed = 0
        unit.silent = False
        unit.answered_at = now
        probes = not under_way.polls and under_way.write is None
        if probes:
            return facts
        if reply.exception:
            return facts + self._refused(under_way, reply.exception, now)
        unit.failures = 0
        unit.not_before = -inf
        if under_way.write:
            unit.written[under_way.write.address] = under_way.write
        elif unit.inputs:
            facts += self._was_read(unit, inputs_of(reply, unit.inputs.count), now)
        if unit.is_right:
            facts += self._unit_turn(unit, OK)
        return facts

    def _refused(self, under_way: _UnderWay, exception: int, now: float) -> list[object]:
        unit = under_way.unit
        if exception in BUSY:
            unit.backs_off(now)
            if unit.failures < len(BACK_OFF):
                return []
        elif under_way.write:
            unit.refused.add(under_way.write)
        else:
            unit.backs_off(now)
        return self._unit_turn(unit, REFUSED.get(exception, OTHER_REFUSAL), exception)

    def _was_read(self, unit: _Unit, read: tuple[bool, ...], now: float) -> list[object]:
        doubted, unit.read = unit.read, read
        if read != doubted:
            if doubted == unit.state:
                unit.poll_at = -inf
            return []
        unit.state = read
        named = {name for name, _ in unit.inputs.used} if unit.inputs else ()
        found: list[object] = []
        for number, is_down in enumerate(read, 1):
            if str(number) in named:
                pressed = unit.gestures.set(str(number), is_down, now)
                found += [Pressed(unit.address, name, gesture) for name, gesture in pressed]
        return found

    def _not_answered(self, under_way: _UnderWay, now: float) -> list[object]:
        facts = list(self._look_for_echo(under_way.request, None, now))
        unit, self._under_way = under_way.unit, None
        self._ours_at = now
        self._idle_at = max(self._idle_at, now + self._silence)
        if self._is_noise(under_way.request):
            self._noisy_until = now + NOISE_SPELL
        unit.missed += 1
        unit.silent = unit.missed >= TRIES and now - unit.answered_at >= SILENT_FOR
        if unit.silent:
            unit.backs_off(now)
            unit.forget_inputs()
            unit.forget_level()
            facts += self._unit_turn(unit, NO_ANSWER)
        return facts

    def _is_noise(self, request: Request) -> bool:
        """Whether anything but our own bytes was heard."""
        return bool(bytes(self._heard).replace(request.data, b""))

    def _gestures_due(self, now: float) -> list[object]:
        return [
            Pressed(unit.address, name, gesture) for unit in self._polled for name, gesture in unit.gestures.tick(now)
        ]

    # -- what is told ----------------------------------------------------------------------------------------

    def _unit_turn(self, unit: _Unit, health: Health, exception: int = 0) -> list[object]:
        if health == unit.health:
            return []
        unit.health = health
        return [UnitHealth(unit.address, health, exception)]

    def _turn(self, now: float) -> list[object]:
        """The line's health as a fact, if it has changed."""
        if self._noisy_until is not None and now >= self._noisy_until:
            self._noisy_until = None
        health = OK if self._noisy_until is None else GARBLED
        if health == self._health:
            return []
        self._health = health
        return [health]
