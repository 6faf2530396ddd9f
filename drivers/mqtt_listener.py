"""Listens at a broker and says nothing: for examining what devices publish."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import aiomqtt

from drivers.mqtt_session import TIMEOUT, Broker, password_of, reason_of


class ListenError(Exception):
    """The broker cannot be used; the text is a wording key, else the system's message, as of a `LinkDown`."""


@asynccontextmanager
async def listening(broker: Broker, topics: Iterable[str]) -> AsyncIterator[AsyncIterator[tuple[str, bytes]]]:
    """Live messages on these topics, as (topic, payload); retained ones are left out. ListenError."""
    try:
        async with aiomqtt.Client(
            broker.host,
            broker.port,
            identifier=broker.client_id,
            username=broker.username,
            password=password_of(broker),
            timeout=TIMEOUT,
            tls_context=ssl.create_default_context(cafile=broker.ca_file) if broker.tls else None,
        ) as client:
            for topic in topics:
                await client.subscribe(topic, qos=1)
            yield _live(client)
    except (aiomqtt.MqttError, OSError, ValueError) as error:
        raise ListenError(reason_of(error)) from error


async def _live(client: aiomqtt.Client) -> AsyncIterator[tuple[str, bytes]]:
    async for message in client.messages:
        if not message.retain:
            yield message.topic.value, message.payload if isinstance(message.payload, bytes) else b""
