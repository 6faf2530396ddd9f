"""What the pages and the API have in common: who asks, what they may, and the engine behind."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response

from controller.config import Settings
from controller.lobby.actions.command import Command
from controller.lobby.answers import Answer
from controller.lobby.model.rules import Rules
from controller.web import access, guard
from controller.web.access import Account, Accounts
from controller.web.live import Live
from controller.web.page_health import PageHealth
from controller.web.post import PagesAdapter, cause_of
from controller.web.roles import HAVE_PAGES
from controller.web.server import Headers, origin

log = logging.getLogger(__name__)

COOKIE = "lobby"
SAFE = ("GET", "HEAD", "OPTIONS")
Ask = Callable[[Command, str], Awaitable[Answer]]
"""Puts a command, with what was typed beside it, to the engine, and waits for its answer."""
KEYS_KEPT = 4096
"""Idempotency keys remembered with what was asked under them; the journal knows older ones that acted."""
SIGNING_IN = 8
"""People whose PIN may wait to be looked at; one more is asked to try again."""
TOLD_EVERY = 60.0
"""Seconds in which wrong PINs of an account from a place are told of once."""
LOOK_FOR = 1.0
"""Seconds for which one look at the accounts answers for every open page."""
HOMES = {"manager": "/console", "counter": "/counter/", "kiosk": "/kiosk", "screen": "/tv"}
"""Where each role's own page is; a counter's goes on with its name."""
FORBIDDEN = ("class_is_granted",)
"""Refusals of the lobby that are for who asks, and not for what is there."""
SETTLES_WITHIN = 3.0
"""Seconds in which a step of the engine ends; else the journal cannot be written."""


class Problem(Exception):
    """A refusal: an HTTP status, a code for programs, a sentence for people."""

    def __init__(self, status: int, code: str, detail: str, wait: int = 0) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.wait = status, code, detail, wait

    def answer(self) -> JSONResponse:
        """As it goes out."""
        headers = {"Retry-After": str(self.wait)} if self.wait else None
        more = {"wait": self.wait} if self.wait else {}
        return guard.problem(self.status, self.code, self.detail, headers, **more)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks; `session` is the cookie's, empty for a device that sends its token each time."""

    account: Account
    session: str


class Site:
    """One branch's pages and API."""

    def __init__(
        self,
        settings: Settings,
        accounts: Accounts,
        post: PagesAdapter,
        live: Live,
        ask: Ask,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.accounts = accounts
        self.post = post
        self.live = live
        self._ask = ask
        self._keys: OrderedDict[str, str] = OrderedDict()
        self._one_at_a_time = asyncio.Semaphore(1)
        self._signing_in = 0
        self._steady = steady
        self.page_health = PageHealth(live, post.lobby.health, post.lobby.forget, self._still_exists, steady)
        self._told: dict[tuple[str, str], float] = {}
        self._signed_in: frozenset[str] | None = None
        self._look_at = -math.inf

    @property
    def rules(self) -> Rules:
        """The branch's."""
        return self.settings.rules

    @property
    def url(self) -> str:
        """Where others reach the pages, without a path; empty: nobody has said."""
        return self.settings.web.url if self.settings.web else ""

    def say(self, key: str, /, **about: object) -> str:
        """A sentence of the branch's language."""
        return self.rules.wording.say(key, **about)

    def problem(self, status: int, code: str, /, **about: object) -> Problem:
        """A refusal in the branch's language."""
        return Problem(status, code, self.say(f"http.{code}", **about))

    def home(self, account: Account) -> str:
        """The path of an account's own page."""
        if account.role == "counter":
            return HOMES["counter"] + (account.counter or next(iter(self.rules.counters)))
        return HOMES[account.role]

    def owner(self, account: Account) -> str:
        """The account whose device a page of its is; empty: it is none, but a person's."""
        return account.name if account.kind == "token" and account.role in HAVE_PAGES else ""

    # -- who asks --------------------------------------------------------------------------------------------

    def caller(self, request: HttpRequest) -> Caller | None:
        """Who asks; None: nobody we know. Raises Problem for a request that a foreign page may have made."""
        caller = self._signed_in_by(request)
        if caller and caller.session and request.method not in SAFE:
            given = request.headers.get("x-csrf-token", "")
            if not secrets.compare_digest(given.encode(), self.accounts.csrf(caller.session).encode()):
                raise self.problem(403, "foreign")
        return caller

    def knows(self, headers: Headers) -> str:
        """The account that a request's headers are signed in with; empty: none, as far as can be told now."""
        try:
            caller = self._signed_in_by(HttpRequest({"type": "http", "headers": list(headers)}))
        except access.AccessError:
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
        """Who asks, if they may; else Problem 401 or 403."""
        caller = self.caller(request)
        if caller is None:
            raise self.problem(401, "not_signed_in")
        if not may(caller.account):
            raise self.problem(403, "forbidden", role=self.say(f"role.{caller.account.role}"))
        return caller

    def still(self, caller: Caller) -> Callable[[], bool]:
        """Whether who asked may still look: asked now and then while a page is open."""
        key = access.key_of(caller.account, caller.session)
        self._look_at = -math.inf  # an earlier look has not seen who has just come

        def allowed() -> bool:
            found = self._look()
            return found is None or key in found

        return allowed

    def _look(self) -> frozenset[str] | None:
        """Who is signed in; None: everybody who was, since that cannot be read now, which darkens no screen."""
        now = self._steady()
        if now >= self._look_at:
            self._look_at = now + LOOK_FOR
            try:
                self._signed_in = self.accounts.signed_in()
            except access.AccessError:
                self._signed_in = None
        return self._signed_in

    def address(self, request: HttpRequest) -> str:
        """Where a request comes from."""
        return origin(request.client.host if request.client else "", request.headers.raw)

    def remember(self, request: HttpRequest, response: Response, session: str, seconds: int) -> None:
        """Have the browser keep a session for so long."""
        secure = "https" in (request.url.scheme, self.url.partition(":")[0])
        response.set_cookie(COOKIE, session, max_age=seconds, path="/", secure=secure, httponly=True, samesite="strict")

    async def check_pin(self, name: str, pin: str, address: str) -> Account:
        """Whose PIN this is. Raises Problem: wrong, or too many wrong ones before."""
        wait = self.accounts.must_wait(name, address)
        if wait:
            raise Problem(429, "too_many_tries", self.say("http.too_many_tries", seconds=wait), wait)
        if self._signing_in >= SIGNING_IN:
            raise Problem(503, "busy", self.say("refused.busy"), 1)
        self.accounts.tried(name, address)
        hash = self.accounts.hash_of(name)
        self._signing_in += 1
        try:
            async with self._one_at_a_time:
                good = await asyncio.to_thread(access.fits, hash, pin)
        finally:
            self._signing_in -= 1
        account = self.accounts.succeeded(name, address) if good else None
        if account is None:
            self._tell_of_wrong_pin(name, address)
            raise self.problem(401, "wrong_pin")
        return account

    def _exists(self, name: str) -> bool:
        return name in {account.name for account in self.accounts.all()}

    def _still_exists(self, name: str) -> bool:
        """As far as can be read."""
        try:
            return self._exists(name)
        except access.AccessError:
            return True

    def _tell_of_wrong_pin(self, name: str, address: str) -> None:
        # Only a name that is one: what else is typed there may be the PIN, and no two the same.
        known = self._exists(name)
        now, key = self._steady(), (name if known else "", access.place_of(address))
        self._told = {each: at for each, at in self._told.items() if now - at < TOLD_EVERY}
        if key not in self._told:
            self._told[key] = now
            log.warning("a wrong PIN for %s from %s", name if known else "an unknown name", address)

    # -- commands --------------------------------------------------------------------------------------------

    async def do(
        self,
        caller: Caller,
        key: str,
        content: Mapping[str, Any],
        make: Callable[[int, str], Command | None],
        remark: str = "",
    ) -> Answer:
        """Decide what `make` makes of a time and a cause, once for each `key`; Problem unless it is done.

        `content` is what was asked: another under the same key is refused.
        """
        key = key or secrets.token_hex(16)
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
        name = caller.account.name
        self._must_be_new_or_same(name, key, digest)
        command = make(self.post.lobby.now(), cause_of(name, key, digest))
        if command is None:
            raise Problem(422, "unknown_key", self.say("refused.unknown_key", key=content.get("key", "")))
        answer = await self._ask(command, remark)
        if answer.result == "refused":
            raise Problem(403 if answer.code in FORBIDDEN else 409, answer.code, answer.text)
        if answer.result == "error":
            raise Problem(500 if answer.code == "internal" else 503, answer.code, answer.text, 1)
        return answer

    def _must_be_new_or_same(self, name: str, key: str, digest: str) -> None:
        mine = f"{name}:{key}"
        known = self._keys.get(mine)
        if known is None:
            acted = self.post.lobby.journal.cause_beginning(cause_of(name, key, ""))
            known = acted.rpartition(":")[2] if acted else digest
            self._keys[mine] = known
            while len(self._keys) > KEYS_KEPT:
                self._keys.popitem(last=False)
        if known != digest:
            raise self.problem(422, "key_reused")

    async def settled(self) -> None:
        """Until the state is what the journal holds. Raises Problem if that takes long: the journal is broken."""
        try:
            async with asyncio.timeout(SETTLES_WITHIN):
                while not self.post.lobby.settled():
                    await self.post.updated()
        except TimeoutError:
            raise Problem(503, "journal_down", self.say("refused.journal_down"), 1) from None

    def page_of(self, page: str) -> str:
        """The ticket of today whose own page this is. Raises Problem 404: nobody's, or of another day."""
        ticket = self.accounts.is_page(self.post.state.day, page)
        if not ticket or ticket not in self.post.state.tickets:
            raise self.problem(404, "no_page")
        return ticket
