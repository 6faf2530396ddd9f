"""The voice of the hall: a call is spoken while its customer is expected at the counter, and no longer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from controller.desk.post import Lobby
from controller.lobby.actions.call_next import TicketCalled
from controller.lobby.actions.recall import TicketRecalled
from controller.lobby.aggregate import Row
from controller.lobby.model.state import Stage, State
from controller.lobby.model.wording import Wording
from drivers.device import Health
from drivers.voice import STALE, Failing, Phrase, Voice, phrase


def call(languages: Sequence[Wording], ticket: str, counter: str, *, yao: bool) -> list[Phrase]:
    """The call of a ticket, once in each language."""
    return [
        phrase(wording.language, wording.templates["voice.call"], yao=yao, ticket=ticket, counter=counter)
        for wording in languages
    ]


class VoicePost:
    """One voice, which speaks `languages` one after the other. `quiet` says whether it is to be silent now; `steady`
    gives the voice's seconds."""

    def __init__(
        self,
        id: str,
        voice: Voice,
        languages: Sequence[Wording],
        lobby: Lobby,
        flush: Callable[[], None],
        *,
        yao: bool,
        quiet: Callable[[], bool],
        steady: Callable[[], float],
    ) -> None:
        self.id = id
        self._voice = voice
        self._languages = languages
        self._lobby = lobby
        self._flush = flush
        self._yao = yao
        self._quiet = quiet
        self._steady = steady
        self._counters: dict[str, str] = {}
        """Where each ticket that has been announced was called to, while it is expected there."""

    def heard(self, fact: object) -> None:
        match fact:
            case Failing(health, reason):
                self._lobby.health(self.id, health, reason)
            case Health():
                self._lobby.health(self.id, fact, "")

    def update(self, state: State) -> None:
        """Nobody is sent to a counter that does not expect them (any more)."""
        gone = [ticket for ticket, counter in self._counters.items() if not _expected(state, ticket, counter)]
        for ticket in gone:
            self._voice.withdraw(ticket)
            del self._counters[ticket]

    def told(self, rows: Sequence[Row], state: State) -> None:
        now = self._steady()
        self._voice.hush(self._quiet(), now)
        for row in rows:
            match row.event:
                case TicketCalled(ticket, counter) | TicketRecalled(ticket, counter):
                    if _expected(state, ticket, counter):
                        self._announce(ticket, counter, now)
        self._flush()

    def restarted(self, state: State) -> None:
        """Whoever is being called now is announced once, as the last run may have ended before they were.

        Prints, chimes and beeps are edges, which never come from a replay. This is no replay of an edge but a level,
        as on a board: who is expected at a counter. One that was called a while ago has been heard, or looks up.
        """
        now, steady = self._lobby.now(), self._steady()
        called = {
            ticket.id: (now - max(ticket.since, ticket.recalled_at)) / 1000
            for ticket in state.tickets.values()
            if ticket.stage is Stage.CALLED
        }
        self._voice.hush(self._quiet(), steady)
        for ticket, age in sorted(called.items(), key=lambda each: -each[1]):
            if abs(age) <= STALE:  # below 0: the clock was set back since
                self._announce(ticket, state.tickets[ticket].counter, steady - max(0.0, age), times=1)
        self._flush()

    def _announce(self, ticket: str, counter: str, at: float, times: int | None = None) -> None:
        self._counters[ticket] = counter
        phrases = call(self._languages, ticket, counter, yao=self._yao)
        for fact in self._voice.announce(ticket, phrases, at, times=times):
            self.heard(fact)


def _expected(state: State, ticket: str, counter: str) -> bool:
    called = state.tickets.get(ticket)
    return called is not None and called.stage is Stage.CALLED and called.counter == counter
