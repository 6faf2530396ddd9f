"""Cards: the class of the card that a customer shows, for the ticket that the customer then takes.

Of a card only its class and the beginning of its token are kept, in memory, and only until the next ticket of that
button.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from controller.cards import PREFIX, CardTokens
from controller.devices.kit import Context
from controller.engine import Request
from controller.lobby.actions.take_ticket import TakeTicket
from controller.lobby.answers import Answer
from controller.lobby.model.state import ENDED, State

UNREAD_FOR = 5.0
"""Seconds for which it can be told that a card could not be read."""
LOOK_EVERY = 10.0
"""Seconds between two checks of the cards' files while nobody shows a card."""


@dataclass(slots=True)
class _Card:
    """A card that was shown at a button. `until`: monotonic seconds; `cause`: the press that it applies to."""

    klass: str | None
    token: bytes
    until: float
    cause: str = ""


@dataclass(slots=True)
class _Taken:
    """The latest press of a button, the token of its card, and the ticket it led to."""

    take: TakeTicket
    token: bytes = b""
    ticket: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What can be told to whoever has just shown a card: whether it was read, and the class that it has; empty: no
    special one."""

    read: bool
    klass: str = ""


class Cards:
    """The cards shown at each button: at a `kiosk`, which is the id of a device, or `page(..)` of an account."""

    def __init__(self, tokens: CardTokens, context: Context) -> None:
        self._tokens = tokens
        self._context = context
        self._steady = context.steady
        self._state = State()
        self._shown: dict[str, _Card] = {}
        self._taken: dict[str, _Taken] = {}
        self._unread: dict[str, float] = {}
        """Button -> until when it can be told that a card could not be read, in monotonic seconds."""
        self._onlookers: list[Callable[[float], None]] = []
        self._next_look = 0.0

    @property
    def trouble(self) -> str:
        """What is wrong with the cards' files, as a wording key of device states; empty: nothing."""
        return self._tokens.detail()

    def watch(self, then: Callable[[], None]) -> None:
        """Call `then` whenever `trouble` may have changed."""
        self._tokens.watch(then)

    def watch_shown(self, then: Callable[[float], None]) -> None:
        """Call `then` whenever what `seen` tells may have changed, with the seconds until it changes by itself."""
        self._onlookers.append(then)

    def seen(self, kiosk: str) -> Seen | None:
        """The card that applies to the button's next press, or that could not be read a moment ago; None: there is
        none."""
        card = self._shown.get(kiosk)
        if card is not None and not card.cause and card.until > self._steady():
            return Seen(True, card.klass or "")
        return Seen(False) if self._unread.get(kiosk, 0) > self._steady() else None

    def look(self) -> None:
        """Check the cards' files, though nobody shows a card; at most once in `LOOK_EVERY` seconds."""
        now = self._steady()
        if now >= self._next_look:
            self._next_look = now + LOOK_EVERY
            self._tokens.when_current(lambda: None)

    def update(self, state: State) -> None:
        """The lobby has changed."""
        self._state = state

    def read(self, kiosk: str, number: str, within: float) -> None:
        """A card was read; it applies to the button's next press within so many seconds, in place of the last card."""
        until = self._steady() + within

        def show() -> None:
            token = self._tokens.token_of(number)
            if token is None:
                self._shown.pop(kiosk, None)
            else:
                self._shown[kiosk] = _Card(self._tokens.class_of(token), token[:PREFIX], until)
            self._unread.pop(kiosk, None)
            self._tell(until - self._steady())

        self._tokens.when_current(show)

    def unread(self, kiosk: str) -> None:
        """A card was shown that could not be read; one that was shown before still applies."""
        self._unread[kiosk] = self._steady() + UNREAD_FOR
        self._tell(UNREAD_FOR)

    def _tell(self, seconds: float = 0) -> None:
        for then in self._onlookers:
            then(max(0, seconds))

    def submit(self, kiosk: str, token: str, request: Request) -> None:
        """Submit a button's press, with the class of the customer's card if the press names none.

        `token`: of a card that the button itself has read, in hexadecimal; empty: none.
        """

        def hand_on() -> None:
            self._context.submit(self._counted(kiosk, bytes.fromhex(token), request))

        if token:
            self._tokens.when_current(hand_on)
        else:
            self._tokens.when_read(hand_on)

    # -- inside ----------------------------------------------------------------------------------------------

    def _counted(self, kiosk: str, token: bytes, request: Request) -> Request:
        asked = request.command
        if not isinstance(asked, TakeTicket):
            return request
        before = self._taken.get(kiosk)
        if before and before.take.cause == asked.cause:
            taken = before  # delivered again: a card shown since is another customer's
            take = replace(asked, klass=before.take.klass, hold_off=before.take.hold_off)
        else:
            card = self._card(kiosk, token, asked.cause)
            taken = self._taken[kiosk] = self._take(asked, before, card)
            take = taken.take
        if take.klass != asked.klass:
            take = replace(take, chosen_by="card")

        def answered(answer: Answer) -> None:
            self._answered(kiosk, taken, answer)
            request.reply(answer)

        return replace(request, command=take, reply=answered)

    def _card(self, kiosk: str, token: bytes, cause: str) -> _Card | None:
        """The card that applies to this press."""
        if token:
            return _Card(self._tokens.class_of(token), token[:PREFIX], 0)
        card = self._shown.get(kiosk)
        if card is None or card.cause:
            return None
        if card.until < self._steady():
            del self._shown[kiosk]
            return None
        card.cause = cause
        self._tell()
        return card

    def _take(self, take: TakeTicket, before: _Taken | None, card: _Card | None) -> _Taken:
        if self._asks_for(take)[1] not in ("", self._context.rules.default_class):
            return _Taken(take)  # it asks for a class itself; the card is used up
        if card is None:
            # The hold-off compares classes: pressed again, the button must ask for the class that it got.
            again = before is not None and before.token and self._again(take, before)
            return _Taken(replace(take, klass=before.take.klass), before.token) if before and again else _Taken(take)
        if before and before.token not in (b"", card.token):
            take = replace(take, hold_off=0)  # another card is another customer
        return _Taken(replace(take, klass=card.klass or take.klass), card.token)

    def _again(self, take: TakeTicket, before: _Taken) -> bool:
        """Whether this press would get the ticket of the one before, if it had the same class."""
        if _wanted(take) != _wanted(before.take):
            return False
        service, _ = self._asks_for(take)
        if not before.ticket:  # not decided yet
            same = service == self._asks_for(before.take)[0]
            return same and abs(take.at - before.take.at) < take.hold_off * 1000
        last, ticket = self._state.takes.get((take.by, service)), self._state.tickets.get(before.ticket)
        return (
            last is not None
            and ticket is not None
            and last.ticket == ticket.id
            and abs(take.at - last.at) < take.hold_off * 1000
            and ticket.klass == before.take.klass
            and ticket.stage not in ENDED
        )

    def _asks_for(self, take: TakeTicket) -> tuple[str, str]:
        """The service and the class that a press asks for, itself or by an answer of the triage."""
        rules = self._context.rules
        choice = rules.triage.choice(take.choice) if take.choice else None
        if choice:
            return choice.service, take.klass or choice.klass
        return take.service or rules.default_service, take.klass

    def _answered(self, kiosk: str, taken: _Taken, answer: Answer) -> None:
        card = self._shown.get(kiosk)
        mine = card is not None and card.token == taken.token and card.cause in ("", taken.take.cause)
        if answer.result == "ok" and answer.ticket:
            taken.ticket = answer.ticket
            if mine:
                del self._shown[kiosk]
        elif card is not None and mine:
            card.cause = ""  # it led to no ticket, so it applies to the next press
            self._tell()


def page(account: str) -> str:
    """The button that the kiosk page of an account is."""
    return f"user/{account}"


def _wanted(take: TakeTicket) -> tuple[object, ...]:
    """What a press chose beside its service and class: a different choice gets a new ticket."""
    return take.choice, take.slot, take.form, tuple(dict.fromkeys(take.needs))
