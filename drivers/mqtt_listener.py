"""Listens at a broker and says nothing: for examining what devices publish; and looks at its certificate."""

from __future__ import annotations

import asyncio
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


async def certificate_end(broker: Broker) -> float:
    """Until when the broker's certificate is valid, in seconds since 1970, UTC; nothing else is asked. OSError."""
    context = ssl.create_default_context(cafile=broker.ca_file)
    async with asyncio.timeout(TIMEOUT):
        _, writer = await asyncio.open_connection(broker.host, broker.port, ssl=context)
    try:
        certificate = writer.get_extra_info("peercert")
        return ssl.cert_time_to_seconds(certificate["notAfter"])
    finally:
        writer.transport.abort()


async def _live(client: aiomqtt.Client) -> AsyncIterator[tuple[str, bytes]]:
    async for message in client.messages:
        if not message.retain:
            yield message.topic.value, message.payload if isinstance(message.payload, bytes) else b""
