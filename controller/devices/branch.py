"""The devices that a branch has configured: an adapter and a session for each."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from controller.cards import CardTokens
from controller.config import MqttSettings, Settings
from controller.devices.cards import Cards
from controller.devices.home_assistant import PREFIX, HomeAssistant, ours
from controller.devices.hub import Hub
from controller.devices.kit import AnySession, kinds
from controller.devices.mqtt import MqttAdapter
from controller.devices.naming import names
from controller.devices.settings import DeviceSettings
from controller.feed.webhook import Webhook, device_of
from controller.presses import PAYLOADS
from drivers.mqtt import MqttLobby
from drivers.mqtt_session import Broker, MqttSession

log = logging.getLogger(__name__)


class Devices:
    """The devices of a branch, on its hub: an adapter and a session for each; `sessions` are to be run by name."""

    def __init__(self, settings: Settings, hub: Hub) -> None:
        self._hub = hub
        context = hub.context
        if settings.cards:
            tokens = CardTokens(settings.cards.key_file, settings.cards.tokens_file, settings.rules.classes)
            tokens.open()
            context.shared[Cards] = Cards(tokens, context)
        mqtt = _mqtt(settings.mqtt, hub) if settings.mqtt else None
        self._made: dict[str, _Made] = {}
        self._build(settings)
        for webhook in (Webhook(each, context) for each in settings.webhooks):
            hub.add(webhook)
            context.run(webhook.id, webhook)
        if mqtt:
            lobby, adapter, session = mqtt
            units = (f"{device.id}.{unit}" for device in settings.devices for unit in device.units)
            lobby.expect([*hub.sessions, *units, MqttAdapter.ID])
            context.run(MqttAdapter.ID, session)
            hub.add(adapter)
            self._home_assistant(settings, lobby, adapter, session)

    def _home_assistant(self, settings: Settings, lobby: MqttLobby, mqtt: MqttAdapter, session: MqttSession) -> None:
        """Announce the branch in Home Assistant, or (where it usually is) clear what was announced there."""
        prefix = settings.mqtt.home_assistant if settings.mqtt else ""
        lobby.ours += {ours(settings.rules.branch, each) for each in (prefix or PREFIX, PREFIX)}
        if prefix:
            self._hub.add(HomeAssistant(prefix, lobby, mqtt, self._hub.context, session.flush))

    @property
    def sessions(self) -> dict[str, AnySession]:
        """What is to be run, by device."""
        return self._hub.sessions

    def leaving(self, settings: Settings) -> list[str]:
        """The devices with a session that are gone from a new configuration, or have changed in it."""
        then = {device.id: _Made.of(device) for device in settings.devices}
        return [id for id, made in self._made.items() if id in self.sessions and then.get(id) != made]

    def change(self, settings: Settings, leaving: Iterable[str]) -> None:
        """Go over to a new configuration, after the sessions of those that are leaving have ended."""
        hub = self._hub
        for id in leaving:
            hub.remove(id)
            for unit in self._made.pop(id).device.units:
                hub.forget(f"{id}.{unit}")
        hub.names.clear()
        hub.reconfigure(settings.rules)
        mqtt: MqttAdapter | None = hub.context.shared.get(MqttAdapter)
        shown = mqtt.begin_again() if mqtt else []
        try:
            self._build(settings)
        except Exception:  # an error of ours must not end a branch that works
            log.exception("not every device could be made; restart to have them all")
        if mqtt:
            mqtt.reconfigured(shown)

    def _build(self, settings: Settings) -> None:
        """Make what is not there yet. Devices that share the session of another are made each time."""
        hub = self._hub
        hub.names |= names(settings.devices, settings.rules.wording)
        say = settings.rules.wording.say
        hub.names |= {device_of(each.id): say("kind.webhook", id=each.id) for each in settings.webhooks}
        for driver, kind in kinds().items():
            for device in settings.devices:
                if device.driver == driver and device.id not in self.sessions:
                    self._made[device.id] = _Made.of(device)
                    adapter = kind.build(device, hub.context)
                    if adapter:
                        hub.add(adapter)


@dataclass(frozen=True, slots=True)
class _Made:
    """What a device is made from: its table, and the content of the files that it names."""

    device: DeviceSettings
    files: tuple[bytes, ...]

    @classmethod
    def of(cls, device: DeviceSettings) -> _Made:
        named = [value for _, value in device if isinstance(value, Path)]
        return cls(device, tuple(_content(path) for path in named))


def _content(path: Path) -> bytes:
    """What a file holds; nothing, if it is none or cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def prepare(devices: Iterable[DeviceSettings]) -> None:
    """Import what the devices need: that may take long, and is done before they are made while people wait."""
    for driver in {device.driver for device in devices}:
        kinds()[driver].prepare()


def broker_of(broker: MqttSettings) -> Broker:
    """A broker as the driver has it."""
    return Broker(
        broker.host,
        broker.port,
        broker.client_id,
        broker.tls,
        broker.username,
        broker.password_file,
        broker.ca_file,
        is_old=broker.embedded,
    )


def _mqtt(broker: MqttSettings, hub: Hub) -> tuple[MqttLobby, MqttAdapter, MqttSession]:
    context = hub.context
    lobby = MqttLobby(context.rules.branch, PAYLOADS)
    session = MqttSession(lobby, broker_of(broker), lambda fact: hub.heard(MqttAdapter.ID, fact))
    adapter = MqttAdapter(lobby, {}, [], {}, context, session.flush, context.shared.get(Cards))
    context.shared[MqttAdapter] = adapter
    return lobby, adapter, session
