"""Devices that flap: a sensor at its threshold, a loose plug, two programs with one client id. One state, line and row.

The journal is never purged, and a log that repeats itself is not read. So a device that keeps changing its state is
reported as `unsteady` once, and as its real state again when that has lasted for a while. The time grows with each
spell, so that a device that alternates between two states, however fast, makes at most ten rows an hour.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from drivers.device import Health

WINDOW = 3600.0
"""Seconds over which changes are counted."""
TIMES = 4
"""Changes to one and the same state within `WINDOW` from which a device counts as flapping."""
QUIET = (300.0, 900.0, 2700.0)
"""Seconds without a change after which it is steady again: in the first spell, the second, and all further ones."""
UNSTEADY = Health("degraded", "unsteady")
KEPT = 64
"""Changes remembered."""


@dataclass(slots=True)
class Flapping:
    """The states of one device. Times are monotonic seconds."""

    health: Health | None = None
    """Its latest state."""
    changes: int = 0
    """Changes since it began to flap."""
    worst: Health | None = None
    """The latest state since then that was not `ok`."""
    since: float = 0.0
    _heard: deque[tuple[float, Health]] = field(default_factory=lambda: deque(maxlen=KEPT))
    _ends: float | None = None
    """When it will be steady again unless it changes; None: it does not flap."""
    _spells: deque[float] = field(default_factory=lambda: deque(maxlen=len(QUIET)))
    """When the latest spells began."""

    def hears(self, health: Health, now: float) -> Health | None:
        """The device has this state now: what to report; None: nothing new."""
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
        """Time has passed: the device's real state, when it has lasted long enough; else None."""
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
