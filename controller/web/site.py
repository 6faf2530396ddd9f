"""What the pages and the API share: the caller, their rights, and the engine behind."""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from controller import presses
from controller.config import Settings
from controller.feed.signing import SecretError, reference, secrets_in
from controller.lobby.actions.command import Command
from controller.lobby.actions.press import Press, Where
from controller.lobby.answers import Answer
from controller.lobby.model.paper import of_account
from controller.lobby.model.rules import Rules
from controller.lobby.model.units import Ms
from controller.web.accounts import Accounts
from controller.web.adapter import PagesAdapter, cause_of
from controller.web.addresses import Headers, origin
from controller.web.commands import Ask, Commands
from controller.web.live import Live
from controller.web.media import Media
from controller.web.page_health import PageHealth
from controller.web.pin_check import PinCheck
from controller.web.private_files import AccessError
from controller.web.problems import Problem
from controller.web.roles import HOMES, Account
from controller.web.sessions import key_of

log = logging.getLogger(__name__)

COOKIE = "lobby"
SAFE = ("GET", "HEAD", "OPTIONS")
LOOK_FOR = 1.0
"""Seconds for which one reading of the accounts is used for all open pages."""
SETTLES_WITHIN = 3.0
"""Seconds in which a step of the engine must end; else the journal counts as broken."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request; `session`: from the cookie, empty for a device that sends its token each time."""

    account: Account
    session: str


Examine = Callable[[str], Awaitable[Mapping[str, Any] | None]]
"""Examines a device, which is out of service meanwhile: what was found; None: there is no such device. BusyError."""


def _message_key(settings: Settings) -> bytes:
    """The key of references to tickets; empty: there is none, or it cannot be used, which is logged."""
    if settings.notify is None:
        return b""
    try:
        return secrets_in(settings.notify.key_file)[0]
    except SecretError as error:
        log.error("%s; customers are not offered a message until a restart", error)
        return b""


class Site:
    """One branch's pages and API."""

    def __init__(
        self,
        settings: Settings,
        accounts: Accounts,
        adapter: PagesAdapter,
        live: Live,
        ask: Ask,
        examine: Examine,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.accounts = accounts
        self.adapter = adapter
        self.live = live
        self.examine = examine
        self._steady = steady
        self._commands = Commands(adapter, ask, self.say, accounts.asked)
        self.check_pin = PinCheck(accounts, self.say, steady).account
        self.page_health = PageHealth(live, adapter.context.health, adapter.context.forget, self._still_exists, steady)
        self._message_key = _message_key(settings)
        self._signed_in: frozenset[str] | None = None
        self._look_at = -math.inf

    @property
    def media(self) -> Media:
        """The pictures and clips of televisions."""
        return self.adapter.media

    @property
    def rules(self) -> Rules:
        """The branch's rules in force."""
        return self.adapter.context.rules

    @property
    def url(self) -> str:
        """The URL of the pages for others, without a path; empty: not configured."""
        return self.settings.web.url if self.settings.web else ""

    def say(self, key: str, /, **about: object) -> str:
        """A sentence in the branch's language."""
        return self.rules.wording.say(key, **about)

    def problem(self, status: int, code: str, /, **about: object) -> Problem:
        """A refusal in the branch's language."""
        return Problem(status, code, self.say(f"http.{code}", **about))

    def home(self, account: Account) -> str:
        """The path of an account's own page."""
        if account.role == "counter":
            return HOMES["counter"] + (account.counter or next(iter(self.rules.counters)))
        if account.role == "screen" and account.counter in self.rules.counters:
            return f"/display/{account.counter}"
        return HOMES[account.role]

    # -- who asks --------------------------------------------------------------------------------------------

    def caller(self, request: HttpRequest) -> Caller | None:
        """The caller; None: not signed in. Raises Problem for a request that another site's page may have made."""
        caller = self._signed_in_by(request)
        if caller and caller.session and request.method not in SAFE:
            given = request.headers.get("x-csrf-token", "")
            if not secrets.compare_digest(given.encode(), self.accounts.csrf(caller.session).encode()):
                raise self.problem(403, "foreign")
        return caller

    def knows(self, headers: Headers) -> str:
        """The account that is signed in by a request's headers; empty: none, or the accounts cannot be read."""
        try:
            caller = self._signed_in_by(HttpRequest({"type": "http", "headers": list(headers)}))
        except AccessError:
            return ""
        return caller.account.name if caller else ""

    def _signed_in_by(self, request: HttpRequest) -> Caller | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        session = ""
        if scheme.lower() == "bearer":
            account = self.accounts.by_token(token.strip())
        else:
            session = request.cookies.get(COOKIE, "")
            account = self.accounts.of_session(session) if session else None
        return Caller(account, session) if account else None

    def must_be(self, request: HttpRequest, may: Callable[[Account], bool]) -> Caller:
        """The caller, if allowed; else Problem 401 or 403."""
        caller = self.caller(request)
        if caller is None:
            raise self.problem(401, "not_signed_in")
        if not may(caller.account):
            raise self.problem(403, "forbidden", role=self.say(f"role.{caller.account.role}"))
        return caller

    def still(self, caller: Caller) -> Callable[[], bool]:
        """A check whether the caller is still signed in, for as long as their page is open."""
        key = key_of(caller.account, caller.session)
        self._look_at = -math.inf  # an earlier reading does not have a session that has just begun

        def allowed() -> bool:
            found = self._look()
            return found is None or key in found

        return allowed

    def _look(self) -> frozenset[str] | None:
        """The keys of all who are signed in; None: the accounts cannot be read now, so open pages stay open."""
        now = self._steady()
        if now >= self._look_at:
            self._look_at = now + LOOK_FOR
            try:
                self._signed_in = self.accounts.signed_in()
            except AccessError:
                self._signed_in = None
        return self._signed_in

    def address(self, request: HttpRequest) -> str:
        """The client's address of a request."""
        return origin(request.client.host if request.client else "", request.headers.raw)

    def remember(self, request: HttpRequest, response: Response, session: str, seconds: int) -> None:
        """Set the session's cookie, for so many seconds."""
        secure = "https" in (request.url.scheme, self.url.partition(":")[0])
        response.set_cookie(COOKIE, session, max_age=seconds, path="/", secure=secure, httponly=True, samesite="strict")

    def _still_exists(self, name: str) -> bool:
        """Whether an account exists; True if the accounts cannot be read."""
        try:
            return self.accounts.exists(name)
        except AccessError:
            return True

    # -- commands --------------------------------------------------------------------------------------------

    async def press(
        self,
        caller: Caller,
        key: str,
        where: Where,
        name: str,
        content: BaseModel,
        about: Mapping[str, Any] | None = None,
        ask: Ask | None = None,
        **pressed: Any,
    ) -> Answer:
        """Press a key once for each idempotency `key`. `content`: what was typed; `about`: what else tells one request
        from another; `ask`: see `Commands.do`; `pressed`: the other fields of the `Press`. Raises Problem unless it is
        accepted."""

        def make(at: Ms, cause: str) -> Command | None:
            return presses.command(where, name, Press(at=at, cause=cause, typed=presses.typed(content), **pressed))

        whole = {**(about or {}), **content.model_dump()}
        return await self._commands.do(caller.account.name, key, whole, make, presses.remark(content), ask)

    async def submit(
        self, name: str, key: str, content: Mapping[str, Any], make: Callable[[Ms, str], Command], words: str
    ) -> Answer:
        """Execute a command that is no press of a key, once for each idempotency `key` of `name`; see `Commands.do`."""
        return await self._commands.do(name, key, content, make, words)

    def has_acted(self, name: str, key: str) -> bool:
        """Whether a request under this idempotency key has acted."""
        return self.adapter.context.journal.cause_beginning(cause_of(name, key, "")) is not None

    def limit_opinions(self, place: str, page: str) -> None:
        """Count an opinion from an address and a ticket's page. Raises Problem 429: there were too many."""
        if wait := self.accounts.opinion_must_wait(place, page):
            raise Problem(429, "too_many_opinions", self.say("http.too_many_opinions", seconds=wait), wait)
        self.accounts.gave_opinion(place, page)

    def printer_of(self, caller: Caller) -> str:
        """The printer that is configured for the tickets of the caller's account; empty: the first."""
        return of_account(self.adapter.context.printers(), caller.account.name)

    def printing(self, caller: Caller) -> Mapping[str, Any]:
        """The fields of a `Press` that say how a ticket of the caller's can be printed."""
        return self.adapter.context.printing(self.printer_of(caller))

    async def settled(self) -> None:
        """Wait until the state is what the journal holds. Raises Problem if that takes too long."""
        try:
            async with asyncio.timeout(SETTLES_WITHIN):
                while not self.adapter.context.settled():
                    await self.adapter.updated()
        except TimeoutError:
            raise Problem(503, "journal_down", self.say("refused.journal_down"), 1) from None

    def message_page(self, page: str) -> str:
        """The address at which the customer whose ticket's own page this is can have a message sent to them; empty:
        there is none. It has a reference to the ticket, and nothing of the ticket."""
        notify, day = self.settings.notify, self.adapter.state.day
        ticket = self.accounts.is_page(day, page)
        if not notify or not self._message_key or ticket not in self.adapter.state.tickets:
            return ""
        return f"{notify.url}?ref={reference(self._message_key, self.rules.branch, day, ticket)}"

    def language_of(self, page: str) -> str:
        """The language that the customer has chosen whose ticket's own page this is; empty: none, or no such page."""
        ticket = self.adapter.state.tickets.get(self.accounts.is_page(self.adapter.state.day, page) or "")
        return ticket.language if ticket else ""

    def page_of(self, page: str) -> str:
        """Today's ticket whose own page this is. Raises Problem 404: unknown, or of another day."""
        ticket = self.accounts.is_page(self.adapter.state.day, page)
        if not ticket or ticket not in self.adapter.state.tickets:
            raise self.problem(404, "no_page")
        return ticket
