"""A device has failed, works again, or is degraded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from controller.lobby.actions.command import Command
from controller.lobby.actions.event import Event
from controller.lobby.actions.registry import Decision, decides, for_the_record
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportDevice(Command):
    """A device changed its state; `detail` is a wording key."""

    device: str
    state: DeviceState
    detail: str


DeviceState = Literal["ok", "degraded", "offline"]


@dataclass(frozen=True, slots=True)
class DeviceChanged(Event):
    """A device has failed, works again, or is degraded; `detail` is a wording key."""

    device: str
    state: DeviceState
    detail: str


@decides(ReportDevice)
def _report_device(state: State, rules: Rules, command: ReportDevice) -> Decision:
    return [DeviceChanged(command.device, command.state, command.detail)]


for_the_record(DeviceChanged)
