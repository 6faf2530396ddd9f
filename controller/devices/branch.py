"""Builds what a branch has configured: an adapter and a session for every device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from controller.cards import CardTokens
from controller.config import MqttSettings, Settings
from controller.devices.cards import Cards
from controller.devices.hub import Hub
from controller.devices.kit import AnySession, kinds
from controller.devices.mqtt import MqttAdapter
from controller.devices.settings import DeviceSettings
from controller.lobby.model.wording import Wording
from controller.presses import PAYLOADS
from drivers.mqtt import MqttLobby
from drivers.mqtt_session import Broker, MqttSession


def build(settings: Settings, hub: Hub) -> dict[str, AnySession]:
    """Put every device's adapter on the hub; the sessions to run, by name."""
    context = hub.context
    hub.names |= names(settings.devices, settings.rules.wording)
    if settings.cards:
        tokens = CardTokens(settings.cards.key_file, settings.cards.tokens_file, settings.rules.classes)
        tokens.open()
        context.shared[Cards] = Cards(tokens, context)
    mqtt = _mqtt(settings.mqtt, hub) if settings.mqtt else None
    for driver, kind in kinds().items():
        for device in settings.devices:
            if device.driver == driver:
                adapter = kind.build(device, context)
                if adapter:
                    hub.add(adapter)
    if mqtt:
        lobby, adapter, session = mqtt
        lobby.expect([*hub.sessions, MqttAdapter.ID])
        context.run(MqttAdapter.ID, session)
        hub.add(adapter)
    return hub.sessions


def in_order(counter: str) -> tuple[int, str]:
    """Counter 2 comes before counter 10."""
    return len(counter), counter


def names(devices: Iterable[DeviceSettings], wording: Wording) -> dict[str, str]:
    """What people call each device, by id: its own name, else its kind and its counter; two that would have the same
    name have their ids beside it. Devices of a kind are together, in the order of their counters."""
    devices = list(devices)
    drivers = [device.driver for device in devices]
    found = {MqttAdapter.ID: wording.say("kind.mqtt")}
    for device in sorted(
        devices, key=lambda each: (drivers.index(each.driver), in_order(getattr(each, "counter", "")))
    ):
        kind = wording.templates.get(f"kind.{device.driver}", device.id)
        counter = getattr(device, "counter", "")
        found[device.id] = device.name or (wording.say("kind.at", kind=kind, counter=counter) if counter else kind)
    twice = {name for name, times in Counter(found.values()).items() if times > 1}
    return {id: f"{name} ({id})" if name in twice else name for id, name in found.items()}


def _mqtt(broker: MqttSettings, hub: Hub) -> tuple[MqttLobby, MqttAdapter, MqttSession]:
    context = hub.context
    lobby = MqttLobby(context.rules.branch, PAYLOADS)
    session = MqttSession(
        lobby,
        Broker(
            broker.host,
            broker.port,
            broker.client_id,
            broker.tls,
            broker.username,
            broker.password_file,
            broker.ca_file,
            is_old=broker.embedded,
        ),
        lambda fact: hub.heard(MqttAdapter.ID, fact),
    )
    adapter = MqttAdapter(lobby, {}, [], {}, context, session.flush, context.shared.get(Cards))
    context.shared[MqttAdapter] = adapter
    return lobby, adapter, session
