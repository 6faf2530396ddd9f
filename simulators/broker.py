"""A small MQTT broker inside this process, for the demo only.

amqtt sends retained messages to clients that never asked for them and does not enforce keep-alive, so a branch uses
Mosquitto. This one listens on the loopback, on a port of its own.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class NoBrokerError(RuntimeError):
    """amqtt is not installed; a branch does not need it."""

    def __init__(self) -> None:
        super().__init__("The demo has a broker of its own: pip install 'lobby-controller[demo]'")


@asynccontextmanager
async def embedded_broker() -> AsyncIterator[int]:
    """The broker's port, for as long as the context lasts."""
    try:
        from amqtt.broker import Broker  # noqa: PLC0415
    except ImportError:
        raise NoBrokerError from None

    for name in ("amqtt", "transitions"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        },
        loop=asyncio.get_running_loop(),
    )
    await broker.start()
    try:
        yield port
    finally:
        await broker.shutdown()
