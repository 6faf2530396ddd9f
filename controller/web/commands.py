"""Commands over HTTP: submitted to the engine once for each Idempotency-Key, refusals raised as problems."""

from __future__ import annotations

import json
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from controller.lobby.actions.command import Command
from controller.lobby.answers import Answer
from controller.lobby.model.units import Ms
from controller.web.adapter import PagesAdapter, cause_of
from controller.web.problems import Problem

Ask = Callable[[Command, str], Awaitable[Answer]]
"""Submits a command, with what was typed beside it, to the engine, and waits for the answer."""
FORBIDDEN = ("class_is_granted",)
"""Refusals of the lobby that concern the caller's rights (403) and not the state of the lobby (409)."""
KEYS_KEPT = 4096
"""Idempotency keys kept with the requests made under them; older ones that acted are found in the journal."""


class Commands:
    """The commands of a branch; `say`: a sentence in its language; `digest`: of what was asked, for the cause."""

    def __init__(self, adapter: PagesAdapter, ask: Ask, say: Callable[..., str], digest: Callable[[str], str]) -> None:
        self._adapter, self._ask, self.say, self._digest = adapter, ask, say, digest
        self._keys: OrderedDict[str, str] = OrderedDict()

    async def do(
        self,
        name: str,
        key: str,
        content: Mapping[str, Any],
        make: Callable[[Ms, str], Command | None],
        remark: str,
        ask: Ask | None = None,
    ) -> Answer:
        """Execute the command that `make` makes from a time and a cause, once for each `key` of the account `name`.

        `content`: the request; a different one under the same key is refused. `ask`: how the command is submitted, if
        not as all are. Raises Problem unless it is accepted.
        """
        key = key or secrets.token_hex(16)
        digest = self._digest(json.dumps(content, sort_keys=True))
        self._must_be_new_or_same(name, key, digest)
        command = make(self._adapter.context.now(), cause_of(name, key, digest))
        if command is None:
            raise Problem(422, "unknown_key", self.say("refused.unknown_key", key=content.get("key", "")))
        answer = await (ask or self._ask)(command, remark)
        if answer.result == "refused":
            raise Problem(403 if answer.code in FORBIDDEN else 409, answer.code, answer.text, choices=answer.choices)
        if answer.result == "error":
            raise Problem(500 if answer.code == "internal" else 503, answer.code, answer.text, 1)
        return answer

    def _must_be_new_or_same(self, name: str, key: str, digest: str) -> None:
        mine = f"{name}:{key}"
        known = self._keys.get(mine)
        if known is None:
            acted = self._adapter.context.journal.cause_beginning(cause_of(name, key, ""))
            known = acted.rpartition(":")[2] if acted else digest
            self._keys[mine] = known
            while len(self._keys) > KEYS_KEPT:
                self._keys.popitem(last=False)
        if known != digest:
            raise Problem(422, "key_reused", self.say("http.key_reused"))
