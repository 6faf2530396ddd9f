"""The branch in Home Assistant, without configuration there: who waits, who is called, how devices do, and buttons.

The branch, each counter and each device is a device of its own there, announced by a retained message each
(https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload), below a node id that is the branch's alone;
again when Home Assistant has started (its birth message), and cleared when there is no such thing any more.

A button there can publish nothing but the same text each time, so it has no number by which a message that is delivered
twice could be known. It is published with QoS 0, which is never sent twice; what the broker has kept never acts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from controller import __version__, presses
from controller.devices.kit import Adapter, Context, DeviceReport, PressTimes
from controller.devices.mqtt import MqttAdapter
from controller.devices.settings import BrokerUser
from controller.engine import Request
from controller.lobby.actions.call_next import TicketCalled
from controller.lobby.actions.press import COUNTER, Press, Where
from controller.lobby.actions.recall import TicketRecalled
from controller.lobby.aggregate import Row
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import State
from drivers.mqtt import TOPICS_BEGIN, Heard, MqttLobby

log = logging.getLogger(__name__)

PREFIX = "homeassistant"
"""Where it looks for announcements, unless that has been changed there."""
USER = "homeassistant"
"""Its user name at the branch's broker."""
BUTTONS = {"CALL": Where.COUNTER, "OPEN": Where.PANEL, "PAUSE": Where.PANEL, "CLOSE": Where.PANEL}
"""The keys of each counter that are buttons there: those that need nothing typed and ask nothing back."""
PRESSED = b"PRESS"
"""What a button publishes."""
AGAIN = 5.0
"""Seconds between two times that everything is announced again."""
TELL_AGAIN = 3600.0
"""Seconds between two lines of the log about what a button cannot have published."""
EVENTS = {TicketCalled: "call", TicketRecalled: "recall"}


def ours(branch: str, prefix: str) -> str:
    """The filter of the topics on which a branch announces itself."""
    return f"{prefix}/device/lobby-{branch}/+/config"


def on_broker(branch: str, prefix: str) -> BrokerUser:
    """What Home Assistant does at the broker: it presses buttons, says that it has started, and reads the rest."""
    root = f"{TOPICS_BEGIN}/{branch}/"
    buttons = (f"{root}button/+/{key}" for key in BUTTONS)
    reads = (f"{prefix}/#", *(f"{root}{topic}" for topic in ("status", "board", "device/+", "call")))
    return BrokerUser(USER, (*buttons, f"{prefix}/status"), reads)


class HomeAssistant(Adapter):
    """All that is announced. `prefix`: the discovery prefix."""

    ID = "home.assistant"  # no device's id has a full stop
    watches = True

    def __init__(
        self, prefix: str, lobby: MqttLobby, mqtt: MqttAdapter, context: Context, flush: Callable[[], None]
    ) -> None:
        super().__init__(self.ID, context)
        self._prefix, self._lobby, self._mqtt, self._flush = prefix, lobby, mqtt, flush
        self._node = f"lobby-{context.rules.branch}"
        self._rules: Rules | None = None
        """The rules that have been announced."""
        self._announced: set[str] = set()
        """The counters that have been announced."""
        self._buttons: dict[str, tuple[str, str]] = {}
        """Topic -> (counter, key)."""
        self._times = PressTimes()
        self._again_at = self._tell_at = 0.0
        mqtt.listen(f"{prefix}/status", self.ID, kept=False)

    # -- what is announced -----------------------------------------------------------------------------------

    def update(self, state: State) -> None:
        if self._rules is self.context.configured():
            return
        rules = self._rules = self.context.configured()
        self._announce("branch", self._node, rules.branch_name, dict(self._of_the_branch(rules)))
        for counter in self._announced - set(rules.counters):
            self._lobby.withdraw(self._topic(f"counter-{counter}"))
        self._announced = set(rules.counters)
        self._mqtt.unlisten(self.ID)
        self._mqtt.listen(f"{self._prefix}/status", self.ID, kept=False)
        self._buttons = {
            f"{self._lobby.root}button/{counter}/{key}": (counter, key) for counter in rules.counters for key in BUTTONS
        }
        for topic in self._buttons:
            self._mqtt.listen(topic, self.ID, kept=False)
        for counter in rules.counters:
            id = f"{self._node}-counter-{counter}"
            name = rules.wording.say("home_assistant.counter", counter=counter)
            self._announce(f"counter-{counter}", id, name, dict(self._of_a_counter(rules, counter, id)))
        self._flush()

    def device(self, id: str, report: DeviceReport) -> None:
        if id != MqttAdapter.ID:  # without the broker nobody hears of it
            object_id = _object(id)
            own = f"{self._node}-{object_id}"
            self._announce(object_id, own, report.name or id, {"problem": self._of_a_device(id, own)})
            self._flush()

    def gone(self, id: str) -> None:
        self._lobby.withdraw(self._topic(_object(id)))
        self._flush()

    def _topic(self, object_id: str) -> str:
        return ours(self.context.rules.branch, self._prefix).replace("+", object_id)

    def _announce(self, object_id: str, id: str, name: str, components: Mapping[str, Any]) -> None:
        device = {"identifiers": [id], "name": name, "model": "Lobby Controller", "sw_version": __version__}
        if id != self._node:
            device["via_device"] = self._node
        content = {
            "device": device,
            "origin": {"name": "lobby-controller", "sw_version": __version__},
            "availability": [{"topic": self._lobby.will.topic}],
            "components": components,
        }
        self._lobby.announce(self._topic(object_id), content)

    def _of_the_branch(self, rules: Rules) -> Iterator[tuple[str, Mapping[str, object]]]:
        say, root = rules.wording.say, self._lobby.root
        for service in rules.services:
            yield (
                f"waiting_{service}",
                {
                    "platform": "sensor",
                    "unique_id": f"{self._node}-waiting-{service}",
                    "name": say("home_assistant.waiting", service=rules.service_name(service)),
                    "icon": "mdi:account-clock",
                    "state_class": "measurement",
                    "state_topic": f"{root}board",
                    "value_template": f"{{{{ value_json.waiting.get('{service}', 0) }}}}",
                },
            )
        yield (
            "calls",
            {
                "platform": "event",
                "unique_id": f"{self._node}-calls",
                "name": say("home_assistant.calls"),
                "icon": "mdi:bullhorn",
                "event_types": list(EVENTS.values()),
                "state_topic": f"{root}call",
            },
        )

    def _of_a_counter(self, rules: Rules, counter: str, id: str) -> Iterator[tuple[str, Mapping[str, object]]]:
        for key in BUTTONS:
            yield (
                key.lower(),
                {
                    "platform": "button",
                    "unique_id": f"{id}-{key.lower()}",
                    "name": rules.wording.say(f"home_assistant.{key.lower()}"),
                    "command_topic": f"{self._lobby.root}button/{counter}/{key}",
                    "payload_press": PRESSED.decode(),
                    "qos": 0,
                    "retain": False,
                },
            )

    def _of_a_device(self, id: str, own: str) -> Mapping[str, object]:
        topic = f"{self._lobby.root}device/{id}"
        return {
            "platform": "binary_sensor",
            "unique_id": f"{own}-problem",
            "name": self.context.rules.wording.say("home_assistant.problem"),
            "device_class": "problem",
            "entity_category": "diagnostic",
            "state_topic": topic,
            "value_template": "{{ 'OFF' if value_json.state == 'ok' else 'ON' }}",
            "json_attributes_topic": topic,
        }

    # -- what happens ----------------------------------------------------------------------------------------

    def told(self, rows: Sequence[Row], state: State) -> None:
        """Say each call as it happens: those of an outage are over."""
        for row in rows:
            if isinstance(row.event, TicketCalled | TicketRecalled):
                about = {"ticket": row.event.ticket, "counter": row.event.counter, "at": row.at}
                self._lobby.say("call", {"event_type": EVENTS[type(row.event)], **about})
        self._flush()

    def heard(self, fact: object) -> None:
        if not isinstance(fact, Heard):
            return
        if fact.topic in self._buttons:
            self._pressed(*self._buttons[fact.topic], fact)
        elif fact.payload == b"online" and self.context.steady() >= self._again_at:
            self._again_at = self.context.steady() + AGAIN
            self._lobby.announce_again()
            self._flush()

    def _pressed(self, counter: str, key: str, heard: Heard) -> None:
        if heard.payload != PRESSED:
            if heard.payload and self.context.steady() >= self._tell_at:
                self._tell_at = self.context.steady() + TELL_AGAIN
                log.warning("%s", self.context.rules.wording.say("notice.no_button_press", topic=heard.topic))
            return
        at = self._times.next(self.context.now())
        press = Press(at=at, cause=f"home-assistant:{counter}:{key}:{at}", counter=counter, by="panel/home-assistant")
        if BUTTONS[key] is Where.PANEL:
            press = Press(at=at, cause=press.cause, by=press.by, typed={COUNTER.name: counter})
        command = presses.command(BUTTONS[key], key, press)
        assert command is not None, "the key is declared"
        self.context.submit(Request(command))


def _object(device: str) -> str:
    """A device's part of the topic; a page is `page.<account>`, and a full stop is not allowed there."""
    return device.replace(".", "-") if device.startswith("page.") else f"device-{device}"
