"""The stations of one line that nobody asks: only when they were heard last tells one that is dead or miswired."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from controller.lobby.model.state import CounterStage, CounterState, State
from controller.lobby.model.units import NEVER, Ms


class Stations:
    """The stations of a line, by their addresses, with the counter of each; `others` are keypads of no counter, such as
    raters, which may be silent for days. `since`: now, in ms since 1970, UTC."""

    def __init__(self, since: Ms, counters: Mapping[int, str], others: Collection[int] = ()) -> None:
        self._since = since
        self._counters = counters
        self._last: dict[int, Ms] = dict.fromkeys([*counters, *others], NEVER)

    def hears(self, address: int, at: Ms) -> None:
        """Something came from an address, `at` in ms since 1970, UTC; whatever has no counter is not kept."""
        if address in self._last:
            self._last[address] = at

    def last(self) -> Mapping[str, Ms]:
        """When each was heard last; 0: not since the start."""
        return {str(address): at for address, at in self._last.items()}

    def silent(self, state: State) -> tuple[str, ...]:
        """Those that were never heard though their counter has been opened since the start, by something else."""
        return tuple(
            str(address)
            for address, counter in self._counters.items()
            if self._last[address] == NEVER and self._opened(state.counter(counter))
        )

    def _opened(self, counter: CounterState) -> bool:
        return counter.stage is not CounterStage.CLOSED and counter.since >= self._since
