"""What tests of MQTT share: a relay before a broker, a controller's connection, and who watches it."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiomqtt
from ports import PATIENCE, eventually
from system.broker import Mosquitto

from bench import processes
from bench.ports import free_port
from controller.devices.hub import Hub
from controller.journal import Journal
from controller.presses import PAYLOADS
from drivers.mqtt import (
    BadPress,
    MqttLobby,
    MqttPress,
)
from drivers.mqtt_session import Broker, MqttSession

ROOT = "lobby/b1/"
PRESS = {"key": "CALL", "digits": "", "boot": "a1b2", "seq": 41}


def dumps(content: object) -> bytes:
    return json.dumps(content).encode()


def press(**changes: object) -> bytes:
    """A keypad's press with fields changed; a field of None is left out."""
    return dumps({name: value for name, value in (PRESS | changes).items() if value is not None})


# -- with a real broker ------------------------------------------------------------------------------------------


class Guarded(Mosquitto):
    """A broker that wants a password."""

    def __init__(self, directory: Path, user: str, password: str) -> None:
        super().__init__(directory)
        file = directory / "users"
        processes.run(["mosquitto_passwd", "-b", "-c", file, user, password], check=True, capture_output=True)
        text = self._config.read_text().replace("allow_anonymous true", "allow_anonymous false")
        self._config.write_text(f"{text}password_file {file}\n")


SUBACK = 0x90


class Relay:
    """A way to the broker that can be deaf or cut, know MQTT 3.1.1 alone, or let no second subscription pass until it
    is told to."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self._streams: set[asyncio.StreamWriter] = set()
        self._clients: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.deaf = False
        self.old = False
        self.silent = False
        """Whether it says nothing to what it does not know."""
        self.ends_after_connack = False
        self.accepted = 0
        self.times: list[float] = []
        self.second_subscription: asyncio.Event | None = None
        self.subscribed = asyncio.Event()
        self.port = free_port()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._taken, "127.0.0.1", self.port)

    async def cut(self) -> None:
        """Without a goodbye, as when a cable is pulled and the broker's machine notices."""
        if self._server:
            self._server.close()
        for writer in self._streams:
            writer.transport.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def say(self, packet: bytes) -> None:
        """Say something to the client in the broker's place, and end the connection."""
        for writer in self._clients:
            writer.write(packet)
            writer.close()

    async def _taken(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self.times.append(time.monotonic())
        self._streams.add(writer)
        self._clients.add(writer)
        self._tasks.add(asyncio.current_task())  # type: ignore[arg-type]
        if self.deaf:
            with suppress(OSError):
                while await reader.read(4096):
                    pass
            writer.transport.abort()
            return
        first = await reader.read(4096)
        if self.old and first[first.index(b"MQTT") + 4] > 4:
            if self.silent:
                await reader.read()
            writer.write(b"\x20\x02\x00\x01")  # connection refused: unacceptable protocol version
            writer.close()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        far_writer.write(first)
        self._streams.add(far_writer)
        await asyncio.gather(self._pass(reader, far_writer, True), self._pass(far_reader, writer, False))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, up: bool) -> None:
        with suppress(OSError):
            while data := await reader.read(4096):
                if self.second_subscription and up and self.subscribed.is_set():
                    await self.second_subscription.wait()
                writer.write(data)
                if not up and data[0] == SUBACK:
                    self.subscribed.set()
                if not up and self.ends_after_connack:
                    break
        writer.transport.abort()


class Bench:
    """A running session, what it told, and a lobby that answers every press with its `boot` and `seq`."""

    def __init__(self, broker: Broker, devices: Sequence[str]) -> None:
        self.lobby = MqttLobby("b1", PAYLOADS, devices)
        self.facts: list[object] = []
        self.times: list[float] = []
        self._heard = asyncio.Event()
        self.session = MqttSession(self.lobby, broker, self._hear)
        self.task = asyncio.create_task(self.session.run())

    def _hear(self, fact: object) -> None:
        self.facts.append(fact)
        self.times.append(time.monotonic())
        self._heard.set()
        if isinstance(fact, MqttPress | BadPress):
            about = fact.payload if isinstance(fact, MqttPress) else fact
            self.lobby.answer(fact.where, fact.id, {"boot": about.boot, "seq": about.seq})
            self.session.flush()

    def event(self, seq: int) -> None:
        self.lobby.event(1, {"seq": seq})
        self.session.flush()

    def level(self, topic: str, content: dict[str, Any]) -> None:
        self.lobby.level(topic, content)
        self.session.flush()

    async def until(self, condition: Callable[[list[object]], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition(self.facts):
                self._heard.clear()
                await self._heard.wait()

    async def told(self, *kinds: object) -> None:
        """Exactly these since the last time, in this order; a class stands for any fact of it."""
        await self.until(lambda heard: len(heard) >= len(kinds))
        taken, self.facts = self.facts, []
        assert [type(fact) if isinstance(kind, type) else fact for fact, kind in zip(taken, kinds, strict=True)] == [
            *kinds
        ]

    async def stop(self) -> None:
        self.task.cancel()
        async with asyncio.timeout(PATIENCE):
            with suppress(asyncio.CancelledError):
                await self.task


@asynccontextmanager
async def bench(broker: Broker, devices: Sequence[str] = ()) -> AsyncIterator[Bench]:
    running = Bench(broker, devices)
    try:
        yield running
        assert not running.task.done(), "a session never ends by itself"
    finally:
        await running.stop()


class Watch:
    """Somebody else on the broker: every message below the root, in order."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client
        self.messages: list[tuple[str, bytes, bool]] = []
        self._news = asyncio.Event()

    async def read(self) -> None:
        with suppress(aiomqtt.MqttError):
            async for message in self.client.messages:
                topic = message.topic.value.removeprefix(ROOT)
                self.messages.append((topic, bytes(message.payload), message.retain))  # type: ignore[arg-type]
                self._news.set()

    def on(self, topic: str) -> list[bytes]:
        return [payload for heard, payload, _ in self.messages if heard == topic]

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def press(self, topic: str = "keypad/3/press", payload: bytes | None = None, **about: Any) -> None:
        await self.client.publish(ROOT + topic, press(**about) if payload is None else payload, qos=1)


@asynccontextmanager
async def watch(port: int, **settings: Any) -> AsyncIterator[Watch]:
    nodelay = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
    async with aiomqtt.Client("127.0.0.1", port, socket_options=nodelay, **settings) as client:
        watching = Watch(client)
        await client.subscribe(ROOT + "#", qos=1)
        reading = asyncio.create_task(watching.read())
        try:
            yield watching
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


@asynccontextmanager
async def at_work(hub: Hub, mqtt: MqttLobby, journal: Journal) -> AsyncIterator[None]:
    """The sessions of a hub at a broker, connected; ended afterwards, and the journal closed."""
    hub.begin(hub.context.state())
    tasks = [asyncio.create_task(session.run()) for session in hub.sessions.values()]
    try:
        await eventually(lambda: mqtt.is_connected)
        yield
    finally:
        for task in tasks:
            task.cancel()
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*tasks, return_exceptions=True)
        journal.close()
