"""The lobby on MQTT: keypads, the manager's panels and ticket buttons in; boards, screens and events out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from controller import presses
from controller.devices.cards import Cards
from controller.devices.kit import Adapter, Context, DeviceReport, Fault, File, Table
from controller.devices.naming import MQTT
from controller.engine import Request
from controller.feed.lines import event_of
from controller.lobby.actions.press import Press
from controller.lobby.actions.take_ticket import SELF_SERVICE, TOKEN
from controller.lobby.aggregate import Row
from controller.lobby.answers import Answer
from controller.lobby.model.state import State
from controller.lobby.model.units import Ms
from controller.lobby.show import views
from controller.record.actions.alarms import shown as alarms_shown
from drivers.device import OK
from drivers.mqtt import BadPress, Foreign, Heard, MqttLobby, MqttPress, Where
from drivers.session import LinkDown, LinkUp

log = logging.getLogger(__name__)

MISSED_LIMIT = 2000
"""Most events that are published after an outage; the journal has the rest."""
CLOCKS_APART = 10_000
"""Milliseconds between the time that a press states and now, beyond which it is refused; and the difference up to which
two devices' clocks agree."""
FARTHEST = Ms(253_370_000_000_000)
"""The latest time that can be shown."""


class MqttAdapter(Adapter):
    """All MQTT devices of the branch: `keypads` maps devices to counters, `kiosks` to (hold-off in s, has a screen)."""

    ID = MQTT
    watches = True
    failure = "network"

    def __init__(
        self,
        mqtt: MqttLobby,
        keypads: dict[str, str],
        panels: list[str],
        kiosks: dict[str, tuple[float, bool]],
        context: Context,
        flush: Callable[[], None],
        cards: Cards | None = None,
    ) -> None:
        super().__init__(self.ID, context)
        self._mqtt = mqtt
        self.keypads, self.panels, self.kiosks = keypads, panels, kiosks
        self._flush = flush
        self._cards = cards
        self.printers: dict[str, str] = {}
        """The printer of each ticket button that names one."""
        self._told = context.journal.opened_at
        self._connection = 0
        """The number of the connection on which unconfirmed events have been published again."""
        self._clocks: dict[str, int] = {}
        """Devices whose clocks are wrong, and by how many ms they are fast."""
        self._listeners: dict[str, list[str]] = {}
        """Topic of somebody else -> the devices that hear it."""
        self._retains: set[str] = set()
        """Devices whose presses have the retain flag, once that has been logged."""
        mqtt.level("triage", context.rules.triage.picture())
        self._trouble = ""
        self._notices: Sequence[str] = ()

    @property
    def connection(self) -> int:
        """The number of the present connection to the broker, or of the last one; 0: there was none yet."""
        return self._mqtt.connections

    @property
    def is_connected(self) -> bool:
        return self._mqtt.is_connected

    def listen(self, topic: str, id: str, *, kept: bool) -> None:
        """Have a device's adapter told of every message on a topic, as the fact `Heard`; `kept`: also of what the
        broker has kept there when the connection begins."""
        self._listeners.setdefault(topic, []).append(id)
        self._mqtt.listen(topic, kept=kept)
        self._flush()

    def unlisten(self, id: str) -> None:
        """Tell a device's adapter of no message any more."""
        for topic, ids in list(self._listeners.items()):
            ids[:] = [each for each in ids if each != id]
            if not ids:
                del self._listeners[topic]
                self._mqtt.unlisten(topic)
        self._flush()

    def heard(self, fact: object) -> None:
        match fact:
            case Heard(topic):
                for id in self._listeners.get(topic, ()):
                    self.context.heard(id, fact)
            case MqttPress():
                self._pressed(fact)
            case BadPress(where, id, "retained", boot, seq):
                self._retained(where, id, boot, seq)
            case BadPress(where, id, field, boot, seq):
                self._refuse(where, id, boot, seq, self._error("bad_press", field=field))
            case Foreign(topic):
                log.warning("%s: %s", self.id, self.context.rules.wording.say("notice.foreign_topic", topic=topic))
            case LinkUp():
                self.context.health(self.id, OK, "")
                self._catch_up()
            case LinkDown():
                pass

    def _catch_up(self) -> None:
        """Publish again the events that the last connection did not confirm, once on each connection."""
        if self._mqtt.is_connected and self._connection != self._mqtt.connections:
            self._connection = self._mqtt.connections
            self._told = min(self._told, max(self._mqtt.confirmed, self.context.journal.opened_at))
            self._tell(self.context.journal.rows_after(self._told, MISSED_LIMIT))

    def update(self, state: State) -> None:
        self._catch_up()
        rules = self.context.rules
        now = self.context.now()
        calls = views.coming(state, rules, now)  # computed once for all keypads
        self._mqtt.level("board", views.board(state, rules, now, self._notices, self.context.waits(), calls))
        self._mqtt.level("advice", views.advice(state, rules))
        self._mqtt.level("alarms", {"alarms": alarms_shown(self.context.facts())})
        if self._cards:
            self._cards.update(state)
        for counter in self.keypads.values():
            screen = views.screen(state, rules, rules.counters[counter], now, calls)
            self._mqtt.level(f"keypad/{counter}/screen", screen | {"text": self._trouble} if self._trouble else screen)
        self._flush()

    def told(self, rows: Sequence[Row], state: State) -> None:
        self._catch_up()
        if self._mqtt.is_connected:
            self._tell(rows)

    def _tell(self, rows: Sequence[Row]) -> None:
        """Publish rows as events, each once; those of an outage follow when the broker is back."""
        for row in rows:
            if row.seq > self._told:
                self._told = row.seq
                self._mqtt.event(row.seq, event_of(row))
        self._flush()

    def notice(self, notices: Sequence[str], staff: Sequence[str], trouble: str) -> None:
        """The notices on boards, and the text that screens show instead of their own; shown by `update`."""
        self._notices, self._trouble = [*notices, *staff], trouble

    def figures(self, figures: Mapping[str, Any]) -> None:
        """The day so far, in figures; shown by `update`."""
        self._mqtt.level("day", figures)

    def device(self, id: str, report: DeviceReport) -> None:
        """Publish a device's state."""
        self._mqtt.level(f"device/{id}", report.content())
        self._flush()

    def gone(self, id: str) -> None:
        self._mqtt.clear(f"device/{id}")
        self._flush()

    def begin_again(self) -> list[str]:
        """The devices are about to be named anew; the counters whose keypads have had a screen."""
        shown = list(self.keypads.values())
        self.keypads.clear()
        self.panels.clear()
        self.kiosks.clear()
        self.printers.clear()
        return shown

    def reconfigured(self, shown: Iterable[str]) -> None:
        """They have been, and the rules may have changed. `shown`: the counters whose keypads had a screen before."""
        for counter in set(shown) - set(self.keypads.values()):
            self._mqtt.clear(f"keypad/{counter}/screen")
        self._mqtt.level("triage", self.context.rules.triage.picture())
        self._flush()

    # -- presses ---------------------------------------------------------------------------------------------

    def _pressed(self, press: MqttPress) -> None:
        payload = press.payload
        now = self.context.now()

        def answered(answer: Answer) -> None:
            self._acknowledge(press.where, press.id, payload.boot, payload.seq, answer)

        cause = f"mqtt:{press.where}/{press.id}:{payload.boot}:{payload.seq}"
        request = self._request(press, now, cause, answered)
        if isinstance(request, Answer):
            self._refuse(press.where, press.id, payload.boot, payload.seq, request)
            return
        device = f"{press.where}/{press.id}"
        fast = 0 if payload.at is None else payload.at - now
        if abs(fast) > CLOCKS_APART:
            clock = Ms(now + fast)
            doubt = self._doubt(device, clock, fast)

            def doubted(answer: Answer) -> None:
                if answer == doubt:
                    self._clock_is_wrong(device, clock, fast)
                answered(answer)

            # A press that has acted already gets its answer again, whatever time it states.
            self.context.submit(replace(request, reply=doubted, instead=doubt))
            return
        if payload.at is not None:
            self._clock_is_right(device)
        if self._cards and press.where == "kiosk":
            self._cards.submit(press.id, getattr(payload, TOKEN.name), request)
        else:
            self.context.submit(request)

    def _doubt(self, device: str, clock: Ms, fast: int) -> Answer:
        """The refusal of a press of a device with a wrong clock; `clock`: the time it states, `fast`: the error."""
        say, shown = self.context.rules.wording.say, self._clock(clock)
        if fast > 0:
            return Answer("refused", say("refused.from_future", device=device, clock=shown), code="from_future")
        return Answer("refused", say("refused.too_old", device=device, clock=shown), code="too_old")

    def _clock_is_wrong(self, device: str, clock: Ms, fast: int) -> None:
        """Log that a device's clock is wrong, once until it is right; or that ours may be, if other devices agree."""
        if device in self._clocks:
            return
        agree = [other for other, its in self._clocks.items() if abs(its - fast) <= CLOCKS_APART]
        self._clocks[device] = fast
        say, shown = self.context.rules.wording.say, self._clock(clock)
        if agree:
            log.warning("%s: %s", device, say("notice.clock_agrees", clock=shown, devices=" ".join(agree)))
        else:
            log.warning("%s: %s", device, say("notice.clock_wrong", clock=shown))

    def _clock_is_right(self, device: str) -> None:
        if self._clocks.pop(device, None) is not None:
            log.info("%s: %s", device, self.context.rules.wording.say("notice.clock_right"))

    def _clock(self, at: Ms) -> str:
        return self.context.rules.local(min(at, FARTHEST)).strftime("%Y-%m-%d %H:%M:%S")

    def _retained(self, where: Where, id: str, boot: Any, seq: Any) -> None:
        """Refuse a press with the retain flag: the broker would deliver it again and again."""
        device, wording = f"{where}/{id}", self.context.rules.wording
        self._refuse(where, id, boot, seq, replace(self._error("press_retained"), result="refused"))
        known = {"keypad": self.keypads.values(), "panel": self.panels, "kiosk": self.kiosks}
        if id in known[where] and device not in self._retains:
            self._retains.add(device)
            log.warning("%s: %s", device, wording.say("refused.press_retained"))

    def _request(self, press: MqttPress, at: Ms, cause: str, reply: Callable[[Answer], None]) -> Request | Answer:
        payload, where = press.payload, presses.OVER_MQTT[press.where]
        own = self.printers.get(press.id, "") if press.where == "kiosk" else ""
        pressed = Press(
            at=at,
            cause=cause,
            by=f"{press.where}/{press.id}",
            typed=presses.typed(payload),
            **self.context.printing(own),
        )
        match press.where:
            case "keypad" if press.id in self.keypads.values():
                pressed = replace(pressed, counter=press.id)
            case "panel" if press.id in self.panels:
                pass
            case "kiosk" if press.id in self.kiosks:
                hold_off, screen = self.kiosks[press.id]
                pressed = replace(pressed, hold_off=hold_off, screen=screen, chosen_by="button")
            case "keypad":
                return self._error("no_keypad", counter=press.id)
            case _:
                return self._error("unknown_device", device=press.id)
        command = presses.command(where, payload.key, pressed)
        if command is None:
            return self._error("unknown_key", key=payload.key)
        return Request(command, reply, presses.remark(payload))

    def _refuse(self, where: Where, id: str, boot: Any, seq: Any, answer: Answer) -> None:
        """Answer a press that is not decided upon; its device may be one that nobody has configured."""
        self.context.tally.answered(self.ID, answer)
        self._acknowledge(where, id, boot, seq, answer)

    def _acknowledge(self, where: Where, id: str, boot: Any, seq: Any, answer: Answer) -> None:
        content = {"boot": boot, "seq": seq, "result": answer.result, "ticket": answer.ticket, "text": answer.text}
        if not answer.printed:
            content["printed"] = False
        if answer.code == SELF_SERVICE:
            content["advice"] = True
        if answer.choices:
            content["choices"] = [choice._asdict() for choice in answer.choices]
        self._mqtt.answer(where, id, content)
        self._flush()

    def _error(self, code: str, **about: object) -> Answer:
        return Answer("error", self.context.rules.wording.say(f"refused.{code}", **about), code=code)


def needs_broker(table: Table, file: File) -> Iterator[Fault]:
    """Checks what every device on MQTT needs."""
    if "mqtt" not in file.sections:
        yield ("driver",), 'it needs MQTT; add [mqtt] with broker = "mqtt://host:port"'
