"""What tests of the hub share: halls that it tells of the news."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from branches import NINE, Lobby, asking, branch, local

from controller.devices.hub import Hub
from controller.devices.kit import Adapter, Context, DeviceReport, Display
from controller.devices.mqtt import MqttAdapter
from controller.engine import Request, Step
from controller.journal import Journal
from controller.lobby.actions.command import Command
from controller.lobby.actions.open_counter import CounterOpened
from controller.lobby.aggregate import Row
from controller.lobby.answers import Answer
from controller.lobby.model.state import State
from controller.presses import PAYLOADS, KeypadPayload, PanelPayload
from drivers.mqtt import (
    MqttLobby,
    MqttPress,
    PressPayload,
    Where,
)

RULES = branch({"1": {"cash": 0}})


class Slow:
    """A desk before an engine that has `more` to decide; what its one display and its one witness were told."""

    def __init__(self, journal: Journal) -> None:
        self.more, self.settled, self.now = True, True, 0.0
        self.state = State(day="2026-11-20")
        self.shown: list[int] = []
        self.happened: list[int] = []
        self.desk = Hub(
            RULES,
            journal,
            lambda request: None,
            lambda: self.settled,
            lambda: NINE,
            behind=lambda: self.more,
            steady=lambda: self.now,
        )
        post = Display("hall", lambda state: self.shown.append(state.last_seniority), self.desk.context, lambda: None)
        post.told = lambda rows, state: self.happened.extend(row.seq for row in rows)  # type: ignore[method-assign]
        self.desk.add(post)

    def write(self, seq: int) -> None:
        self.state.last_seniority = seq
        self.desk.published(Step([Row(seq, NINE, "2026-11-20", CounterOpened("1"), f"press {seq}", 0)], self.state))
        self.desk.stepped()


# -- what is asked before a ticket, and what is told beside the calls -----------------------------------------------


class Hall:
    """A desk with MQTT devices before a lobby that decides at once; `levels` and `acks` are what the broker got."""

    def __init__(self, journal: Journal, settled: bool = True, **about: Any) -> None:
        rules = branch({"1": {"cash": 0}, "2": {"personal": 0}}, triage=asking(("cash",)), **about)
        self.lobby = Lobby(rules, local("2026-11-23 12:00"))
        self.requests: list[Request] = []
        self.settled = settled
        self.desk = Hub(rules, journal, self.requests.append, lambda: self.settled, lambda: self.lobby.now)
        self.mqtt = MqttLobby("b", PAYLOADS)
        self.post = MqttAdapter(
            self.mqtt, {"pad": "1"}, ["manager"], {"screen": (2, True)}, self.desk.context, lambda: None
        )
        self.desk.add(self.post)
        self.mqtt.connected()
        self.levels: dict[str, Any] = {}
        self.acks: list[Any] = []
        self.show()

    def show(self) -> None:
        """Let the desk know what has happened, and look ahead."""
        self.desk.published(Step([], self.lobby.state))
        for service in self.lobby.rules.services:
            self.desk.look_ahead(service)
        self.desk.looked_ahead()
        while message := self.mqtt.next_message():
            topic, content = message.topic.removeprefix("lobby/b/"), message.payload
            if topic.endswith("/ack"):
                self.acks.append(json.loads(content))
            elif topic != "status":
                self.levels[topic] = json.loads(content)

    def press(self, press: MqttPress) -> Command | None:
        """The command that a press led to, if it led to one."""
        before = len(self.requests)
        self.post.heard(press)
        self.show()
        return self.requests[before].command if len(self.requests) > before else None

    def panel(self, **content: Any) -> Command | None:
        return self.press(MqttPress("panel", "manager", PanelPayload(boot="b", seq=1, **content)))


class Clocks(Hall):
    """Two keypads and a ticket button with clocks of their own; what was logged."""

    def __init__(self, journal: Journal, caplog: pytest.LogCaptureFixture) -> None:
        super().__init__(journal)
        self.caplog = caplog
        self.seq = 0

    def pressed(self, where: Where, id: str, fast: int | None) -> Request:
        """The request that a press led to, made by a clock that is so fast; the engine answers as it must."""
        self.seq += 1
        about = {"boot": "b", "seq": self.seq, "at": None if fast is None else self.lobby.now + fast}
        payload: PressPayload = (
            KeypadPayload(key="CALL", **about) if where == "keypad" else PanelPayload(key="WHY", **about)  # type: ignore[arg-type]
        )
        self.press(MqttPress(where, id, payload))
        request = self.requests[-1]
        request.reply(request.instead or Answer("ok", ""))
        self.show()
        return request

    @property
    def logged(self) -> list[str]:
        """What was logged since the last time."""
        texts = [record.getMessage() for record in self.caplog.records]
        self.caplog.clear()
        return texts


class Looker(Adapter):
    """Watches the whole branch, and keeps what it was told."""

    watches = True

    def __init__(self, id: str, context: Context) -> None:
        super().__init__(id, context)
        self.devices: dict[str, tuple[str, str]] = {}
        self.days: list[str] = []
        self.customers: list[int] = []
        self.noticed: list[tuple[list[str], list[str], str]] = []

    def heard(self, fact: object) -> None:
        raise AssertionError

    def update(self, state: State) -> None:
        self.days.append(state.day)

    def notice(self, notices: Sequence[str], staff: Sequence[str], trouble: str) -> None:
        self.noticed.append((list(notices), list(staff), trouble))

    def figures(self, figures: Mapping[str, Any]) -> None:
        self.customers.append(figures["customers"])

    def device(self, id: str, report: DeviceReport) -> None:
        self.devices[id] = (report.state, report.detail)
