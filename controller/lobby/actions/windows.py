"""Window advice: checked every few minutes, and answered by the lobby manager."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from controller.lobby.actions.command import Command
from controller.lobby.actions.event import Event
from controller.lobby.actions.press import COUNTER, Press, Where, key
from controller.lobby.actions.reassign import overflow_late
from controller.lobby.actions.registry import Decision, Events, decides, evolves
from controller.lobby.actions.set_profile import changed
from controller.lobby.forecast import staffing
from controller.lobby.model.outcome import Refused
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import Advice, CounterStage, State
from controller.lobby.model.units import Ms


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckWindows(Command):
    """Check how many windows each group of services needs; comes every few minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerAdvice(Command):
    """The lobby manager accepts or declines an advice; no `counter`: the first advice given."""

    by: str
    accept: bool
    counter: str = ""


@key("ACCEPT", Where.PANEL, COUNTER)
def _accept(press: Press) -> AnswerAdvice:
    """Accept the advice to open or close a counter, or to change what it serves; no counter: the first."""
    return AnswerAdvice(**press.by_hand, accept=True, counter=press[COUNTER])


@key("DECLINE", Where.PANEL, COUNTER)
def _decline(press: Press) -> AnswerAdvice:
    """Decline the advice to open or close a counter, or to change what it serves; no counter: the first."""
    return AnswerAdvice(**press.by_hand, accept=False, counter=press[COUNTER])


@dataclass(frozen=True, slots=True)
class WindowsChecked(Event):
    """How many windows are needed: for each group of services [expected wait in seconds, the same with one window less,
    checks in a row that wanted one more, checks in a row that could do with one less].

    `advice` is what the lobby manager is advised to do now: [{action: open | close | profile, counter, group, before,
    after, profile}], the expected wait in seconds without and with it; `profile` only with that action. `unless`: for
    each advice, the counters any of which makes it obsolete: by opening, for advice to open; by pausing or closing, for
    advice to close.
    """

    groups: Mapping[str, Any]
    advice: tuple[Mapping[str, Any], ...] | list[Mapping[str, Any]] = ()
    unless: tuple[Sequence[str], ...] | list[Sequence[str]] | None = None


@dataclass(frozen=True, slots=True)
class WindowAdviceAnswered(Event):
    """The lobby manager accepted or declined an advice; `before` and `after`: the expected wait in seconds without and
    with it, as the advice had said."""

    counter: str
    action: Literal["open", "close", "profile"]
    accepted: bool
    by: str
    before: int | None = None
    after: int | None = None


@decides(CheckWindows)
def _check_windows(state: State, rules: Rules, command: CheckWindows) -> Decision:
    if staffing.is_too_early(state, command.at):
        return []
    late = overflow_late(state, rules, command.at)
    windows = state.windows
    standing = bool(windows.advice) or any(any(checks) for checks in windows.checks.values())
    idle = not any(line for line in state.lines.values()) and not any(
        counter.stage is CounterStage.OPEN for counter in state.counters.values()
    )
    over = staffing.is_over(state, rules, command.at)
    if not standing and (idle or over):
        return late
    if over:
        return [*late, WindowsChecked({})]
    groups, advice = staffing.check(state, rules, command.at)
    rows = tuple({name: v for name, v in a._asdict().items() if name != "unless" and v != ""} for a in advice)
    return [*late, WindowsChecked(groups, rows, tuple(a.unless for a in advice))]


@decides(AnswerAdvice)
def _answer_advice(state: State, rules: Rules, command: AnswerAdvice) -> Decision:
    standing = [a for a in state.windows.advice if command.counter in ("", a.counter)]
    if not standing:
        raise Refused("no_advice")
    if len(standing) > 1:
        raise Refused("which_advice", advice=staffing.named(rules, standing))
    action, counter, _, before, after, _, profile = standing[0]
    changes: Events = []
    if command.accept and action == "profile":
        changes = changed(state, rules, counter, profile, command.by)
    return [*changes, WindowAdviceAnswered(counter, action, command.accept, command.by, before, after)]


@evolves(WindowsChecked)
def _windows_checked(state: State, at: Ms, event: WindowsChecked) -> None:
    state.windows.checks = {group: (more, less) for group, (_, _, more, less) in event.groups.items()}
    unless = event.unless or [()] * len(event.advice)
    state.windows.advice = [Advice(**a, unless=tuple(u)) for a, u in zip(event.advice, unless, strict=True)]
    state.windows.checked_at = at


@evolves(WindowAdviceAnswered)
def _advice_answered(state: State, at: Ms, event: WindowAdviceAnswered) -> None:
    answered = [a for a in state.windows.advice if (a.action, a.counter) == (event.action, event.counter)]
    state.windows.advice = [a for a in state.windows.advice if a not in answered]
    answers = state.windows.accepted if event.accepted else state.windows.declined
    answers |= {(a.action, a.counter): at for a in answered}
