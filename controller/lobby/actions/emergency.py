"""The lobby manager declares an emergency (应急模式), and ends it: a failure in which a plan is followed."""

from __future__ import annotations

from dataclasses import dataclass

from controller.lobby.actions.command import ManagerCommand
from controller.lobby.actions.event import Event
from controller.lobby.actions.press import Field, Press, Where, key
from controller.lobby.actions.registry import Decision, decides, evolves
from controller.lobby.model.emergency import FAILURES
from controller.lobby.model.outcome import Refused
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import Emergency, State
from controller.lobby.model.units import Ms

PLAN = Field("plan", "", f"the failure: {', '.join(FAILURES)}; empty: the printer", longest=16)
USUAL = "printer"
"""The failure that a bare button means: with the others gone, no button works."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclareEmergency(ManagerCommand):
    """Begin to follow the plan for a failure."""

    plan: str


@key("EMERGENCY", Where.PANEL, PLAN)
def _key(press: Press) -> DeclareEmergency:
    """Declare an emergency: the hall is shown the notice of its plan, and where that says so, customers take their
    numbers from the paper roll. Another failure while one is on takes its place."""
    return DeclareEmergency(**press.by_hand, plan=press[PLAN] or USUAL)


@key("ENDEMERGENCY", Where.PANEL)
@dataclass(frozen=True, slots=True, kw_only=True)
class EndEmergency(ManagerCommand):
    """End the emergency: tickets are taken as usual again. Numbers of the paper roll stay valid."""


@dataclass(frozen=True, slots=True)
class EmergencyDeclared(Event):
    """The plan for a failure is followed from now on; `plan`: the failure."""

    plan: str
    by: str


@dataclass(frozen=True, slots=True)
class EmergencyEnded(Event):
    """The emergency is over."""

    plan: str
    by: str


@decides(DeclareEmergency)
def _declare(state: State, rules: Rules, command: DeclareEmergency) -> Decision:
    plan = rules.emergency_plans.get(command.plan)
    if plan is None:
        raise Refused("unknown_plan", plan=command.plan, known=", ".join(rules.emergency_plans) or "-")
    if state.emergency and state.emergency.plan == plan.failure:
        raise Refused("emergency_already", plan=plan.name)
    return [EmergencyDeclared(plan.failure, command.by)]


@decides(EndEmergency)
def _end(state: State, rules: Rules, command: EndEmergency) -> Decision:
    if state.emergency is None:
        raise Refused("no_emergency")
    return [EmergencyEnded(state.emergency.plan, command.by)]


@evolves(EmergencyDeclared)
def _declared(state: State, at: Ms, event: EmergencyDeclared) -> None:
    state.emergency = Emergency(event.plan, at, event.by)
    state.emergencies += 1


@evolves(EmergencyEnded)
def _ended(state: State, at: Ms, event: EmergencyEnded) -> None:
    state.emergency = None
