"""What a counter serves is changed during the day: by its clerk, the lobby manager, or the calendar (窗口业务调整)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from controller.lobby.actions.command import Command, CounterCommand, ManagerCommand
from controller.lobby.actions.event import Event
from controller.lobby.actions.press import COUNTER, DIGITS, REASON, Field, Press, TerminalKey, Where, key
from controller.lobby.actions.reassign import overflow_of
from controller.lobby.actions.registry import Decision, Events, decides, evolves
from controller.lobby.model.lines import own_counter
from controller.lobby.model.outcome import Refused
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import State
from controller.lobby.model.units import Ms

PROFILE = Field("profile", "", "a counter profile's id; empty: what the counter is configured to serve", longest=32)
CALENDAR = "calendar"
"""`by` of a profile that nobody chose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOwnProfile(CounterCommand):
    """Change what this counter serves, by the key of a profile; no digits: what it is configured to serve."""

    digits: str = ""


@key("PROFILE", Where.COUNTER, DIGITS, terminal=TerminalKey("CONFIRM", "7", more=True))
def _key(press: Press) -> SetOwnProfile:
    """Change what this counter serves: the digit of a profile, or none for what it is configured to serve."""
    return SetOwnProfile(**press.at_counter, digits=press[DIGITS])


@key("PROFILE", Where.PANEL, COUNTER, PROFILE, REASON)
@dataclass(frozen=True, slots=True, kw_only=True)
class SetProfile(ManagerCommand):
    """Change what a counter serves: to a profile, or (none given) to what it is configured to serve."""

    counter: str
    profile: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowPlan(Command):
    """Give counters the profiles that the calendar plans for this time; comes several times a minute."""

    BEGINS_DAY = False


@dataclass(frozen=True, slots=True)
class CounterProfileSet(Event):
    """A counter serves something else: `serves` maps a service to its handicap in seconds, as the profile had it then;
    `profile` empty: what it is configured to serve."""

    counter: str
    profile: str
    by: str
    serves: Mapping[str, int] | None = None
    reason: str | None = None


@decides(SetOwnProfile)
def _set_own_profile(state: State, rules: Rules, command: SetOwnProfile) -> Decision:
    found = [p.id for p in rules.counter_profiles.values() if str(p.key) == command.digits and p.fits(command.counter)]
    if command.digits and not found:
        raise Refused("unknown_profile", profile=command.digits)
    return changed(state, rules, command.counter, found[0] if found else "", f"counter/{command.counter}")


@decides(SetProfile)
def _set_profile(state: State, rules: Rules, command: SetProfile) -> Decision:
    return changed(state, rules, command.counter, command.profile, command.by, command.reason)


@decides(FollowPlan)
def _follow_plan(state: State, rules: Rules, command: FollowPlan) -> Decision:
    """Only what the plan changes is changed: what a person has chosen stays until then. A profile that leaves a service
    to nobody, since the configuration has changed, is taken back.

    What is due at one time is one change: counters may swap their work. What would leave a service to nobody even so
    waits until another counter has it.
    """
    taken_back: dict[str, str] = {}
    for id in [id for id in rules.counters if id in state.serving]:
        if _starved(rules, _with(rules, state.serving, taken_back)):
            taken_back[id] = ""
    planned = rules.planned(command.at, state.profile) if state.day else {}
    due = {id: profile for id in rules.counters if (profile := planned.get(id, "")) != state.planned.get(id, "")}
    now = rules.configured.serving(_with(rules, state.serving, taken_back))
    while starved := _starved(rules, serving := _with(rules, state.serving, taken_back | due)):
        then = rules.configured.serving(serving)
        leave = [id for id in due if any(_owns(now, id, s) and not _owns(then, id, s) for s in starved)]
        del due[leave[-1]]
    return _change(state, rules, taken_back | due, CALENDAR)


def changed(state: State, rules: Rules, counter: str, profile: str, by: str, reason: str = "") -> Events:
    """The events that give a counter a profile. Refused if there is none, or if a service would be nobody's work."""
    if counter not in rules.counters:
        raise Refused("unknown_counter", counter=counter)
    known = rules.counter_profiles.get(profile)
    if profile and (known is None or not known.fits(counter)):
        raise Refused("unknown_profile", profile=profile)
    if state.counter(counter).profile == profile:
        raise Refused("same_profile", counter=counter)
    already = _starved(rules, state.serving)
    starved = [id for id in _starved(rules, _with(rules, state.serving, {counter: profile})) if id not in already]
    if starved:
        raise Refused("profile_starves", counter=counter, service=rules.service_name(starved[0]))
    return _change(state, rules, {counter: profile}, by, reason)


Serving = Mapping[str, Mapping[str, int]]
"""What counters with a profile serve; see `State.serving`."""


def _change(state: State, rules: Rules, profiles: Mapping[str, str], by: str, reason: str = "") -> Events:
    """The events that give counters profiles, all at once."""
    serving = _with(rules, state.serving, profiles)
    before, after = rules.configured.serving(state.serving), rules.configured.serving(serving)
    # Customers whose own counter it was are the others' from now on, where the configuration allows it; before it has
    # opened they wait for whoever opens, as every morning.
    opened = [id for id in profiles if state.counter(id).since]
    no_longer = [s for s in rules.services if any(_owns(before, id, s) and not _owns(after, id, s) for id in opened)]
    return [
        *(CounterProfileSet(id, profile, by, serving.get(id), reason or None) for id, profile in profiles.items()),
        *overflow_of(state, after, no_longer),
    ]


def _owns(rules: Rules, counter: str, service: str) -> bool:
    return rules.counters[counter] in rules.owners(service)


def _with(rules: Rules, serving: Serving, profiles: Mapping[str, str]) -> Serving:
    """What counters serve once some of them get profiles."""
    for counter, profile in profiles.items():
        serving = _replaced(serving, counter, dict(rules.counter_profiles[profile].serves) if profile else None)
    return serving


def _replaced(serving: Serving, counter: str, serves: Mapping[str, int] | None) -> dict[str, Mapping[str, int]]:
    others = {id: each for id, each in serving.items() if id != counter}
    return others if serves is None else others | {counter: serves}


def _starved(rules: Rules, serving: Serving) -> list[str]:
    """The services that are no counter's own work if counters serve this, and some counter's as configured."""
    configured, then = rules.configured, rules.configured.serving(serving)
    return [id for id in rules.services if configured.owners(id) and not then.owners(id)]


@evolves(CounterProfileSet)
def _profile_set(state: State, at: Ms, event: CounterProfileSet) -> None:
    own_counter(state, event.counter).profile = event.profile
    state.serving = _replaced(state.serving, event.counter, event.serves)
    state.windows.done("profile", event.counter)
    if event.by == CALENDAR:
        state.planned[event.counter] = event.profile
