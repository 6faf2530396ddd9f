"""Examines the broker: whether it can be used, and what is pressed on it. A part of `lobby doctor`."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from controller.config import Settings
from controller.devices.branch import broker_of
from controller.devices.mqtt_buttons import readers
from controller.lobby.model.wording import Wording
from controller.operation.doctor import Finding, Say
from drivers.mqtt import PRESS_TOPICS, TOPICS_BEGIN
from drivers.mqtt_buttons import Moved, Pressed, Reader, read
from drivers.mqtt_listener import ListenError, certificate_end, listening
from drivers.mqtt_session import Broker

CERTIFICATE_DAYS = 30
"""Days before the end of the broker's certificate from which that is told."""


async def examine_broker(settings: Settings, keys_for: float, say: Say, *, in_use: bool = False) -> Finding:
    """Connects to the broker under a name of its own, and tells what is pressed there within `keys_for` seconds, also
    by devices that the configuration does not have. It publishes nothing.

    `in_use`: this program is connected already. Then only the certificate is looked at: a broker that has the user name
    for the client id would end that connection for a second one.
    """
    assert settings.mqtt
    words, root = settings.rules.wording, f"{TOPICS_BEGIN}/{settings.rules.branch}/"
    broker = replace(broker_of(settings.mqtt), client_id=f"{settings.mqtt.client_id}-doctor")
    finding = Finding("mqtt", words.say("kind.mqtt"), f"{broker.host}:{broker.port}")
    waited, others = {device.presses_on for device in settings.devices if device.presses_on}, readers(settings.devices)
    topics = [root + topic for topic in PRESS_TOPICS]
    topics += [topic for reader in others.values() for topic in reader.topics]
    started = time.monotonic()
    if in_use:
        await _look_at_certificate(broker, finding, words)
        return finding
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
                    _doubt(finding, "not_heard")
    except ListenError as error:
        reason = str(error)
        finding.state, finding.detail = "fault", reason
        finding.found.append(f"{words.templates.get(f'device.{reason}', reason)} ({finding.link})")
        helps = (f"doctor.help.mqtt_{reason}", f"advice.{reason}", "doctor.help.mqtt")
        finding.remedies.append(next(words.templates[key] for key in helps if key in words.templates))
    else:
        await _look_at_certificate(broker, finding, words)
    return finding


async def _look_at_certificate(broker: Broker, finding: Finding, words: Wording) -> None:
    """Tell of a certificate that ends soon, and of a password that everybody on this machine may read."""
    if broker.password_file and _is_open(broker.password_file):
        finding.found.append(words.say("doctor.password_open", path=broker.password_file))
        finding.remedies.append(words.say("doctor.help.password_open", path=broker.password_file))
        _doubt(finding, "password_open")
    if not broker.tls:
        return
    try:
        end = await certificate_end(broker)
    except (OSError, TimeoutError):
        return  # the broker has gone meanwhile; the controller tells that itself
    days = (end - time.time()) / 86400
    finding.measured["certificate_days"] = round(days, 1)
    if days < CERTIFICATE_DAYS:
        finding.found.append(words.say("doctor.certificate_ends", days=int(days)))
        finding.remedies.append(words.say("doctor.help.certificate_ends"))
        _doubt(finding, "certificate_ends")


def _is_open(path: Path) -> bool:
    """Whether everybody on this machine may read a file."""
    try:
        return bool(path.stat().st_mode & 0o007)
    except OSError:
        return False


def _doubt(finding: Finding, detail: str) -> None:
    if finding.state == "ok":
        finding.state, finding.detail = "look", detail


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
