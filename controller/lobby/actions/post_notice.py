"""The lobby manager posts a notice for the hall, which ends by itself, and ends it before its time."""

from __future__ import annotations

from dataclasses import dataclass

from controller.lobby.actions.command import ManagerCommand
from controller.lobby.actions.event import Event
from controller.lobby.actions.press import MINUTES, NOTICE, WORDS, Where, key
from controller.lobby.actions.registry import Decision, decides, evolves
from controller.lobby.model.outcome import Refused
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import Notice, State
from controller.lobby.model.units import Ms

AT_ONCE = 8
"""Notices that may be up at one time: a television shows them in turn, and more would not come round."""
LONGEST = 24 * 60
"""Most minutes of a notice."""


@key("NOTICE", Where.PANEL, WORDS, MINUTES)
@dataclass(frozen=True, slots=True, kw_only=True)
class PostNotice(ManagerCommand):
    """Show a notice in the hall, for so many minutes or until the business day ends."""

    words: str
    minutes: int = 0


@key("ENDNOTICE", Where.PANEL, NOTICE)
@dataclass(frozen=True, slots=True, kw_only=True)
class EndNotice(ManagerCommand):
    """End a notice before its time; no notice: the one that was posted last."""

    notice: str = ""


@dataclass(frozen=True, slots=True)
class NoticePosted(Event):
    """The lobby manager has posted a notice; `id` is unique on its day, `until` in ms since 1970, UTC. Its words are a
    person's, and stand in the journal's table of remarks under the row's cause."""

    id: str
    until: Ms
    by: str


@dataclass(frozen=True, slots=True)
class NoticeEnded(Event):
    """A notice was ended before its time; `until`: when it would have ended."""

    id: str
    until: Ms
    by: str


@decides(PostNotice)
def _post_notice(state: State, rules: Rules, command: PostNotice) -> Decision:
    if not command.words.strip():
        raise Refused("notice_empty")
    if not 0 <= command.minutes <= LONGEST:
        raise Refused("notice_minutes", most=LONGEST)
    if len(_up(state, command.at)) >= AT_ONCE:
        raise Refused("notices_full", most=AT_ONCE)
    until = rules.end_of_day(command.at)
    if command.minutes:
        until = min(until, Ms(command.at + command.minutes * 60_000))
    return [NoticePosted(str(state.noticed + 1), until, command.by)]


@decides(EndNotice)
def _end_notice(state: State, rules: Rules, command: EndNotice) -> Decision:
    up = _up(state, command.at)
    id = command.notice or next(reversed(up), "")
    if id not in up:
        raise Refused("unknown_notice")
    return [NoticeEnded(id, up[id].until, command.by)]


def _up(state: State, at: Ms) -> dict[str, Notice]:
    """The notices that are up at `at` (ms since 1970, UTC), in the order in which they were posted."""
    return {id: notice for id, notice in state.notices.items() if notice.until > at}


@evolves(NoticePosted)
def _notice_posted(state: State, at: Ms, event: NoticePosted) -> None:
    state.notices = {**_up(state, at), event.id: Notice(at, event.until, event.by)}
    state.noticed += 1


@evolves(NoticeEnded)
def _notice_ended(state: State, at: Ms, event: NoticeEnded) -> None:
    state.notices.pop(event.id, None)
