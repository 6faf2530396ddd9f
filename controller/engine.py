"""The engine: sole owner of the lobby's state. Inbox -> decide -> append -> publish, one step at a time.

A step takes everything that has gathered in the inbox, decides it in order, writes all of it in one synced
transaction, and only then answers and publishes. While one step is being synced the next gathers. So an answer means
that the journal holds the press, and nobody ever sees a state that the journal does not.

When the journal cannot be written, also at the start, the step's events are undone (the day is replayed from the file),
every request is answered with an error, and the engine tries again every second until writing works.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from controller.journal import (
    Journal,
    JournalConflictError,
    JournalError,
    JournalLostError,
    JournalWriteError,
    Remark,
)
from controller.lobby.actions.command import Command, CounterCommand
from controller.lobby.aggregate import Row
from controller.lobby.answers import Answer
from controller.lobby.model.outcome import Refusal
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import State
from controller.lobby.model.units import Ms
from controller.record.aggregate import Branch
from controller.record.rules import RecordRules
from controller.record.state import Facts
from controller.repeats import Repeats

log = logging.getLogger(__name__)

INBOX_LIMIT = 4096
"""Most requests in the inbox; one more is refused at once."""
STEP_LIMIT = 512
"""Most requests decided in one step."""
ANSWERS_KEPT = 4096
"""Answers cached for presses that are delivered again; older ones are found in the journal."""
RETRY = 1.0
"""Seconds between two tries to write while the journal is broken."""
BEAT = 1.0
"""Seconds after which an idle engine makes an empty step, to show that it can."""


@dataclass(frozen=True, slots=True)
class Request:
    """A command for the engine. `reply` is called once with its answer, in the loop's thread, after the commit."""

    command: Command
    reply: Callable[[Answer], None] = lambda answer: None
    remark: str = ""
    """What a person typed with it; kept out of the event."""
    press: str | None = None
    """See `Row.press`."""
    key: str = ""
    """Set if the request must be written in any case: if it cannot be written now, it is submitted again before all
    others. Of several with the same key only the newest is."""
    forgets: Sequence[str] = ()
    """The causes whose remarks are deleted in the same transaction as its row."""
    instead: Answer | None = None
    """The answer instead of a decision; but if its cause has acted already, that answer is given again."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one step wrote, oldest first, and the state after it: the engine's own, which goes on changing."""

    rows: Sequence[Row]
    state: State


class Engine:
    """Decides for one lobby and its record. `steady` gives monotonic seconds."""

    def __init__(
        self,
        rules: Rules,
        journal: Journal,
        steady: Callable[[], float] = time.monotonic,
        record_rules: RecordRules | None = None,
    ) -> None:
        self.rules = rules
        self._branch = Branch(rules, record_rules)
        self.state = self._branch.state
        self._journal = journal
        self._steady = steady
        self._repeats: Repeats[Answer] = Repeats(rules.call_grace)
        self._published: Callable[[Step], None] = lambda step: None
        self._trouble: Callable[[str], None] = lambda reason: None
        self._answered: Callable[[Request, Answer], None] = lambda request, answer: None
        self._inbox: deque[tuple[Request, float]] = deque()
        """Requests, and when each was submitted, in steady seconds: a slow disk must not make two presses of one."""
        self._wake = asyncio.Event()
        self._answers: OrderedDict[str, Answer] = OrderedDict()
        self._causes: set[str] = set()
        """The causes that have acted today. Those of earlier days are looked up only if the journal has a conflict."""
        self._careful = False
        self.settled = True
        """Whether the state is what the journal holds: not while a step is being written."""
        self._broken = ""
        self._retry_at = 0.0
        self._stopping = False
        self._owed: dict[str, Request] = {}
        """Requests that must be written and are not yet, by `Request.key`."""
        self._owes = False
        """Whether some of it was refused."""
        self._waiting: list[asyncio.Event] = []

    def replay(self) -> None:
        """Rebuild the state from the journal's last business day; JournalError if it cannot be read."""
        causes: set[str] = set()
        read: list[Row] = []

        def rows() -> Iterator[Row]:
            for row in self._journal.rows(self._journal.last_day()):
                read[:] = [row]
                causes.add(row.cause)
                yield row

        try:
            self._branch.replay(rows())
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            (row,) = read
            raise JournalError(
                f"{self._journal.path}: row {row.seq} ({row.event.KIND}) does not fit the rows before it; the file "
                "is damaged: restore it from a backup, or move it and its .lock away to begin a new one"
            ) from error
        self._causes = causes

    def facts(self, at: Ms) -> Facts:
        """What the record is at `at` (ms since 1970, UTC): the engine's own, which goes on changing."""
        return self._branch.facts(at)

    def hear_machine(self, machine: Mapping[str, Any]) -> None:
        """What the machine says from now on, as `Facts` has it."""
        self._branch.machine = machine

    def reconfigure(self, rules: Rules, record_rules: RecordRules | None = None) -> None:
        """Decide by these rules from now on. What is being written has been decided by the others."""
        self.rules = rules
        self._branch.reconfigure(record_rules or RecordRules(rules))
        self._repeats.grace = rules.call_grace

    def submit(self, request: Request) -> None:
        """Put a request into the inbox; if the inbox is full, the request is refused at once."""
        if request.key:
            self._owed.pop(request.key, None)
            self._owed[request.key] = request
        if len(self._inbox) >= INBOX_LIMIT or self._stopping:
            self._refuse([request], "busy")
            return
        self._inbox.append((request, self._steady()))
        self._wake.set()

    async def ask(
        self, command: Command, remark: str = "", press: str | None = None, forgets: Sequence[str] = ()
    ) -> Answer:
        """Submit a command and wait for its answer."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def reply(given: Answer) -> None:
            if not answer.done():
                answer.set_result(given)

        self.submit(Request(command, reply, remark, press, forgets=forgets))
        return await answer

    async def idle(self) -> None:
        """Wait until everything submitted so far has been decided, written and answered."""
        done = asyncio.Event()
        self._waiting.append(done)
        self._wake.set()
        await done.wait()

    async def run(
        self,
        published: Callable[[Step], None] = lambda step: None,
        trouble: Callable[[str], None] = lambda reason: None,
        stepped: Callable[[], None] = lambda: None,
        answered: Callable[[Request, Answer], None] = lambda request, answer: None,
    ) -> None:
        """Step until stopped.

        `published` is called after each step that wrote something, after the step's replies. `trouble` is called with
        a reason when the journal stops working, and with an empty one when it works again. `stepped` is called after
        every completed step, also an empty one: what feeds a watchdog. `answered` is called after each reply.
        """
        self._published, self._trouble, self._answered = published, trouble, answered
        loop = asyncio.get_running_loop()
        if self._journal.trouble:
            self._break(self._journal.trouble, [])
        while not (self._stopping and not self._inbox):
            beat = loop.call_later(BEAT, self._wake.set)
            await self._wake.wait()
            beat.cancel()
            self._wake.clear()
            if self._broken:
                await self._try_again()
            else:
                await self._step()
            _call(stepped)
            await asyncio.sleep(0)  # tasks that wait for a settled state get a turn, also while requests keep coming
            if not self._inbox:
                if self._owes and not self._broken:
                    self._ask_again()
                    continue
                for done in self._waiting:
                    done.set()
                self._waiting.clear()

    @property
    def behind(self) -> bool:
        """Whether there are requests that no step has begun to decide."""
        return bool(self._inbox)

    def stop(self) -> None:
        """Take no more requests; `run` ends when those taken are written and answered."""
        self._stopping = True
        self._wake.set()

    # -- a step ----------------------------------------------------------------------------------------------

    async def _step(self) -> None:
        taken = [self._inbox.popleft() for _ in range(min(len(self._inbox), STEP_LIMIT))]
        requests = [request for request, _ in taken]
        if self._inbox:
            self._wake.set()
        remarks: list[Remark] = []
        forgotten: list[str] = []
        answers: list[Answer] = []
        decided: dict[str, Answer] = {}
        try:
            if requests and not self._journal.intact():
                await asyncio.wrap_future(self._journal.idle())  # while nothing has been decided that must be undone
            for request, heard in taken:
                cause = request.command.cause
                answer = decided.get(cause) or self._known(cause)
                if answer is None:
                    answer = decided[cause] = request.instead or self._decide(request, heard)
                    if request.remark and answer.result == "ok":
                        remarks.append(Remark(cause, request.command.at, request.remark))
                    if answer.result == "ok":
                        forgotten += request.forgets
                answers.append(answer)
            rows, self._branch.rows = self._branch.rows, []
            self.settled = not rows
            # An empty step goes through the writing thread as well: it shows that this still answers.
            writing = self._journal.append(rows, remarks, forgotten) if rows else self._journal.idle()
            await asyncio.wrap_future(writing)
        except JournalConflictError as error:
            # A press of an earlier day was delivered again. Nothing of the step was written: take it again, and look
            # each cause up.
            if self._careful or not self._restore():
                self._break(str(error), requests)
                return
            self._careful = True
            self._inbox.extendleft(reversed(taken))
            self._wake.set()
            return
        except (JournalWriteError, JournalError) as error:
            self.settled = self.settled and not self._branch.rows
            self._break(str(error), requests)
            return
        self.settled, self._careful = True, False
        self._causes.update(row.cause for row in rows)
        self._remember(decided)
        for request, answer in zip(requests, answers, strict=True):
            if self._owed.get(request.key) is request:
                del self._owed[request.key]
            self._reply(request, answer)
        if rows:
            _call(self._published, Step(rows, self.state))

    def _decide(self, request: Request, heard: float) -> Answer:
        """Decide one request on the state as the earlier ones of this step have left it."""
        command = request.command
        if due := self._branch.due(command):
            self._decide(Request(due), heard)
        if again := self._repeats.again(command, heard):
            return again
        if self._repeats.confirms(command, heard) and isinstance(command, CounterCommand):
            command = replace(command, sure=True)
        if called := self._repeats.called(self.state, command, heard):
            return Answer("ok", self.rules.wording.say("answer.called_already", ticket=called), ticket=called)
        try:
            decision = self._branch.decide(command)
        except Exception:
            # An error of ours must cost one press, not the lobby: deciding has changed nothing.
            log.exception("%s could not be decided", type(command).__name__)
            return self._error("internal")
        answered = self._branch.answer(decision, command.language)
        if isinstance(decision, Refusal) and decision.asks:
            self._repeats.asked(command, answered, heard)
        if isinstance(decision, list):
            self._branch.apply(decision, command.at, command.cause, request.press if command.KEEPS_PRESS else None)
            if decision and not answered.code:
                self._repeats.done(self.state, command, answered, heard)
        return answered

    def _known(self, cause: str) -> Answer | None:
        """The answer that this cause has already been given; None: it has not acted."""
        answer = self._answers.get(cause)
        if answer is None and (self._careful or cause in self._causes):
            rows = self._journal.of_cause(cause)
            if rows:
                answer = self._branch.answer_to([row.event for row in rows])
        return answer

    def _remember(self, decided: dict[str, Answer]) -> None:
        self._answers.update(decided)
        while len(self._answers) > ANSWERS_KEPT:
            self._answers.popitem(last=False)

    # -- when the journal cannot be written ------------------------------------------------------------------

    def _break(self, reason: str, requests: Sequence[Request]) -> None:
        self._broken = reason
        log.error("%s cannot be written (%s); nothing is acknowledged until it can", self._journal.path, reason)
        if not self.settled:
            self._restore()
        self._refuse(requests)
        _call(self._trouble, reason)

    async def _try_again(self) -> None:
        requests = [request for request, _ in self._inbox]
        self._inbox.clear()
        self._refuse(requests)
        now = asyncio.get_running_loop().time()
        if now < self._retry_at:
            return
        self._retry_at = now + RETRY
        try:
            await asyncio.wrap_future(self._journal.probe())
        except JournalLostError as error:
            if error.reason != self._broken:
                self._broken = error.reason
                log.error("%s still cannot be written (%s)", self._journal.path, error.reason)
            return
        except JournalWriteError:
            return
        if self._restore():
            self._broken = ""
            self._ask_again()
            log.warning("%s can be written again", self._journal.path)
            _call(self._trouble, "")

    def _restore(self) -> bool:
        """Return to the state that the file holds, whether or not the failed batch was written."""
        self._repeats = Repeats(self.rules.call_grace)  # what was pressed last may not have been written
        try:
            self.replay()
        except JournalError as error:
            log.error("%s", error)
            return False
        self.settled = True
        return True

    def _refuse(self, requests: Sequence[Request], code: str = "journal_down") -> None:
        answer = replace(self._error(code), written=False)
        for request in requests:
            self._owes = self._owes or request.key in self._owed
            self._reply(request, answer)

    def _reply(self, request: Request, answer: Answer) -> None:
        _call(request.reply, answer)
        _call(self._answered, request, answer)

    def _ask_again(self) -> None:
        """Submit the requests that must be written before all others; a cause still acts only once."""
        self._owes = False
        now = self._steady()
        self._inbox.extendleft((request, now) for request in reversed(self._owed.values()))
        self._wake.set()

    def _error(self, code: str) -> Answer:
        return Answer("error", self.rules.wording.say(f"refused.{code}"), code=code)


def _call(function: Callable[..., None], *about: object) -> None:
    """Call a callback; its errors must not stop the engine."""
    try:
        function(*about)
    except Exception:
        log.exception("%r failed", function)
