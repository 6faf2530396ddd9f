"""Devices that flap: a sensor at its edge, a loose plug, two programs with one name. One state, one line, one row.

The journal is never purged, and a log that repeats itself is not read. So a device that keeps going back and forth is
told to be `unsteady` once, and what it is in truth again when it has stayed that for a while. How long grows with each
time, so that a device that goes back and forth between two states, however fast, makes ten rows an hour at most.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from drivers.device import Health

WINDOW = 3600.0
"""Seconds that count."""
TIMES = 4
"""Times within them that a device may come to be in one state, with the last of which it flaps."""
QUIET = (300.0, 900.0, 2700.0)
"""Seconds without a change after which it is steady again: the first time, the second, and from then on."""
UNSTEADY = Health("degraded", "unsteady")
KEPT = 64
"""Changes remembered."""


@dataclass(slots=True)
class Flapping:
    """One device. Times are steady seconds."""

    health: Health | None = None
    """What it said last."""
    changes: int = 0
    """How often it has changed since it began to flap."""
    worst: Health | None = None
    """Of what it said since then, the last that was not `ok`."""
    since: float = 0.0
    _heard: deque[tuple[float, Health]] = field(default_factory=lambda: deque(maxlen=KEPT))
    _ends: float | None = None
    """When it is steady again, unless it changes; None: it does not flap."""
    _spells: deque[float] = field(default_factory=lambda: deque(maxlen=len(QUIET)))
    """When it has flapped."""

    def hears(self, health: Health, now: float) -> Health | None:
        """What to tell of a device that says this; None: nothing new."""
        if health == self.health:
            return None
        before, self.health = self.health, health
        if before is None:
            return health
        self._heard.append((now, health))
        self._forget(now)
        if self._ends is not None:
            self.changes += 1
            self.worst = health if health.state != "ok" else self.worst
            self._ends = now + self._quiet
            return None
        if not self._spells and Counter(each for _, each in self._heard)[health] < TIMES:
            return health
        self.since = self._heard[0][0]
        self.changes = len(self._heard)
        bad = [each for _, each in self._heard if each.state != "ok"]
        self.worst = bad[-1] if bad else None
        self._spells.append(now)
        self._ends = now + self._quiet
        return UNSTEADY

    def looks(self, now: float) -> Health | None:
        """What to tell as time passes: the device's true state, when it has stayed that for long enough."""
        if self._ends is None or now < self._ends:
            return None
        self._ends = None
        self._heard.clear()
        return self.health

    @property
    def _quiet(self) -> float:
        return QUIET[min(len(self._spells), len(QUIET)) - 1]

    def _forget(self, now: float) -> None:
        while self._heard and now - self._heard[0][0] >= WINDOW:
            self._heard.popleft()
        while self._ends is None and self._spells and now - self._spells[0] >= WINDOW + QUIET[-1]:
            self._spells.popleft()
