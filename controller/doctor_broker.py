"""Examines the broker: whether it can be used, and what is pressed on it. A part of `lobby doctor`."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace

from controller.config import Settings
from controller.devices.branch import broker_of
from controller.devices.mqtt_buttons import readers
from controller.doctor import Finding, Say
from controller.lobby.model.wording import Wording
from drivers.mqtt import PRESS_TOPICS
from drivers.mqtt_buttons import Moved, Pressed, Reader, read
from drivers.mqtt_listener import ListenError, listening


async def examine_broker(settings: Settings, keys_for: float, say: Say) -> Finding:
    """Connects to the broker under a name of its own, and tells what is pressed there within `keys_for` seconds, also
    by devices that the configuration does not have. It publishes nothing."""
    assert settings.mqtt
    words, root = settings.rules.wording, f"lobby/{settings.rules.branch}/"
    broker = replace(broker_of(settings.mqtt), client_id=f"{settings.mqtt.client_id}-doctor")
    finding = Finding("mqtt", words.say("kind.mqtt"), f"{broker.host}:{broker.port}")
    waited, others = {device.presses_on for device in settings.devices if device.presses_on}, readers(settings.devices)
    topics = [root + topic for topic in PRESS_TOPICS]
    topics += [topic for reader in others.values() for topic in reader.topics]
    started = time.monotonic()
    try:
        async with listening(broker, dict.fromkeys(topics)) as messages:
            finding.measured["answer_ms"] = round((time.monotonic() - started) * 1000, 1)
            if keys_for > 0 and (waited or others):
                say(words.say("doctor.listening", seconds=round(keys_for)))
                silent = {*waited, *others}
                with suppress(TimeoutError):
                    async with asyncio.timeout(keys_for):
                        await _listen(messages, root, waited, others, silent, finding, words, say)
                if silent:
                    finding.found.append(words.say("doctor.not_heard", devices=", ".join(sorted(silent))))
                    finding.remedies.append(words.say("doctor.help.not_heard"))
                    if finding.state == "ok":
                        finding.state, finding.detail = "look", "not_heard"
    except ListenError as error:
        reason = str(error)
        finding.state, finding.detail = "fault", reason
        finding.found.append(f"{words.templates.get(f'device.{reason}', reason)} ({finding.link})")
        helps = (f"doctor.help.mqtt_{reason}", f"advice.{reason}", "doctor.help.mqtt")
        finding.remedies.append(next(words.templates[key] for key in helps if key in words.templates))
    return finding


async def _listen(
    messages: AsyncIterator[tuple[str, bytes]],
    root: str,
    waited: Collection[str],
    others: Mapping[str, Reader],
    silent: set[str],
    finding: Finding,
    words: Wording,
    say: Say,
) -> None:
    """Until every device that is waited for has been heard; those that have are taken from `silent`."""
    async for topic, payload in messages:
        if not topic.startswith(root):
            for id, key in _others_pressed(others, topic, payload):
                say(words.say("doctor.heard", device=id, key=key))
                silent.discard(id)
                finding.keys.append(f"{id}: {key}")
            if not silent:
                return
            continue
        device = topic.removeprefix(root).removesuffix("/press")
        try:
            key = str(json.loads(payload)["key"])[:16]
        except (ValueError, TypeError, KeyError):
            key = "?"
        if device in waited:
            say(words.say("doctor.heard", device=device, key=key))
            silent.discard(device)
        elif not any(device in text for text in finding.found):
            finding.found.append(words.say("doctor.unknown_topic", topic=topic, key=key))
            finding.remedies.append(words.say("doctor.help.unknown_topic"))
            finding.state, finding.detail = "fault", "unknown_topic"
            say(finding.found[-1])
        finding.keys.append(f"{device}: {key}")
        if not silent:
            return


def _others_pressed(others: Mapping[str, Reader], topic: str, payload: bytes) -> Iterator[tuple[str, str]]:
    """(device, what was done with it) of a message of a button that is not ours."""
    for id, reader in others.items():
        for fact in read(reader, topic, payload) if topic in reader.topics else ():
            if isinstance(fact, Pressed):
                yield id, fact.action
            elif isinstance(fact, Moved) and fact.is_down:
                yield id, fact.button
