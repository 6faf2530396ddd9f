"""The voice of the hall: a call is spoken while its customer is expected at the counter, and no longer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from controller.desk.post import Lobby
from controller.journal import Row
from controller.lobby.events import TicketCalled, TicketRecalled
from controller.lobby.state import Stage, State
from controller.lobby.wording import Wording
from drivers.device import Health
from drivers.voice import Failing, Phrase, Voice, phrase

log = logging.getLogger(__name__)


def call(languages: Sequence[Wording], ticket: str, counter: str, *, yao: bool) -> list[Phrase]:
    """The call of a ticket, once in each language."""
    return [
        phrase(wording.language, wording.templates["voice.call"], yao=yao, ticket=ticket, counter=counter)
        for wording in languages
    ]


class VoicePost:
    """One voice, which speaks `languages` one after the other. `quiet` says whether it is to be silent now."""

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
    ) -> None:
        self.id = id
        self._voice = voice
        self._languages = languages
        self._lobby = lobby
        self._flush = flush
        self._yao = yao
        self._quiet = quiet
        self._counters: dict[str, str] = {}
        """Where each ticket that is announced was called to."""

    def heard(self, fact: object) -> None:
        match fact:
            case Failing(health, reason):
                self._lobby.health(self.id, health, reason)
            case Health():
                self._lobby.health(self.id, fact, "")

    def update(self, state: State) -> None:
        """Nobody is sent to a counter that does not expect them (any more)."""
        wanted = self._voice.keys
        for ticket in wanted:
            if not _expected(state, ticket, self._counters[ticket]):
                self._voice.withdraw(ticket)
        self._counters = {ticket: self._counters[ticket] for ticket in wanted}

    def told(self, rows: Sequence[Row], state: State) -> None:
        for row in rows:
            match row.event:
                case TicketCalled(ticket, counter) | TicketRecalled(ticket, counter):
                    if _expected(state, ticket, counter) and not self._quiet():
                        self._announce(ticket, counter)
        self._flush()

    def _announce(self, ticket: str, counter: str) -> None:
        self._counters[ticket] = counter
        phrases = call(self._languages, ticket, counter, yao=self._yao)
        for dropped in self._voice.announce(ticket, phrases):
            log.info("%s: %s is not spoken any more; too many calls wait to be spoken", self.id, dropped)


def _expected(state: State, ticket: str, counter: str) -> bool:
    called = state.tickets.get(ticket)
    return called is not None and called.stage is Stage.CALLED and called.counter == counter
