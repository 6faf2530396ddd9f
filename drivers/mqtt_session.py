"""Runs an `MqttLobby` against a broker: connecting, publishing, reconnecting with capped back-off."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import aiomqtt

from drivers.mqtt import PRESS_TOPICS, Message, MqttLobby
from drivers.session import BACK_OFF, LinkDown, LinkUp

TIMEOUT = 5.0
"""Seconds for one exchange with the broker."""
GOODBYE = 1.0
"""Seconds granted to the broker for the last messages."""
KEEPALIVE = 10
"""Seconds of silence after which the broker is asked whether it is there."""
EARLY_LIMIT = 1000
"""Messages kept that come before the last topic is subscribed."""
IN_FLIGHT = 64
"""Messages published and not yet confirmed."""

# The session says once that the broker is gone and once that it is back; the library's own lines would repeat that.
_quiet = logging.getLogger("drivers.mqtt_session.library")
_quiet.setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is. `password_file` and `ca_file` are read at every connection, so they can be renewed."""

    host: str
    port: int
    client_id: str
    tls: bool = False
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None


class MqttSession:
    """Keeps `lobby` on the broker; every fact goes to `heard`, in order, in the loop's thread.

    After telling the lobby something to publish, call `flush`.
    """

    def __init__(self, lobby: MqttLobby, broker: Broker, heard: Callable[[object], None]) -> None:
        self._lobby = lobby
        self._broker = broker
        self._heard = heard
        self._wake = asyncio.Event()
        self._down_told = False
        self._leaving = False
        self._early: deque[aiomqtt.Message] = deque(maxlen=EARLY_LIMIT)
        self.settled = asyncio.Event()
        """Set once the press topics are subscribed, or the first attempt has failed."""

    async def run(self) -> None:
        """Until cancelled; then says `offline` and leaves in good order."""
        attempt = 0
        loop = asyncio.get_running_loop()
        while True:
            connected = None
            try:
                async with self._client() as client:
                    for topic in PRESS_TOPICS:
                        await client.subscribe(self._lobby.root + topic, qos=1)
                    connected = loop.time()
                    await self._connected(client)
            except (aiomqtt.MqttError, OSError, ValueError) as error:
                if not self._down_told:
                    self._down_told = True
                    self._heard(LinkDown(_reason(error)))
            self.settled.set()
            if connected is not None and loop.time() - connected >= BACK_OFF[-1]:
                attempt = 0
            await asyncio.sleep(BACK_OFF[min(attempt, len(BACK_OFF) - 1)])
            attempt += 1

    def flush(self) -> None:
        """Publish what the lobby has to say, at the loop's next turn."""
        self._wake.set()

    # -- inside ----------------------------------------------------------------------------------------------

    def _ears(self, maxsize: int) -> asyncio.Queue[aiomqtt.Message]:
        """A queue that keeps nothing: a message is dealt with as it comes.

        The library confirms a message to the broker before anybody has looked at it, so one that was dropped from a
        full queue would be lost without a word. Here each reaches the controller, whose own inbox answers when it is
        full.
        """
        return _Ears(self._receive)

    def _receive(self, message: aiomqtt.Message) -> None:
        if not self._lobby.is_connected:  # its answer could not be sent
            self._early.append(message)
            return
        payload = message.payload if isinstance(message.payload, bytes) else b""
        fact = self._lobby.receive(message.topic.value, payload, retained=message.retain)
        if fact:
            self._heard(fact)

    def _client(self) -> aiomqtt.Client:
        broker, will = self._broker, self._lobby.will
        self._early.clear()
        password = broker.password_file.read_text("utf-8").split("\n")[0].strip() if broker.password_file else None
        client = aiomqtt.Client(
            broker.host,
            broker.port,
            username=broker.username,
            password=password,
            identifier=broker.client_id,
            logger=_quiet,
            will=aiomqtt.Will(will.topic, will.payload, qos=1, retain=will.retain),
            clean_session=True,
            timeout=TIMEOUT,
            keepalive=KEEPALIVE,
            queue_type=cast(type[asyncio.Queue[aiomqtt.Message]], self._ears),
            max_queued_outgoing_messages=IN_FLIGHT * 2,
            max_inflight_messages=IN_FLIGHT,
            # Nagle's algorithm would hold an acknowledgement back for 40 ms behind the event before it.
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
            tls_context=ssl.create_default_context(cafile=broker.ca_file) if broker.tls else None,
        )
        client.pending_calls_threshold = IN_FLIGHT
        return client

    async def _connected(self, client: aiomqtt.Client) -> None:
        """Until the connection is lost (MqttError) or the session is cancelled."""
        self._down_told = False
        self._lobby.connected()
        self._wake.set()
        self._heard(LinkUp())
        self.settled.set()
        while self._early:
            self._receive(self._early.popleft())
        connection = asyncio.create_task(_until_lost(client))
        publishing = asyncio.create_task(self._publish(client))
        try:
            done, _ = await asyncio.wait((connection, publishing), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except asyncio.CancelledError:
            await self._say_goodbye(client, publishing)
            raise
        finally:
            connection.cancel()
            publishing.cancel()
            self._lobby.disconnected()
            await asyncio.gather(connection, publishing, return_exceptions=True)

    async def _say_goodbye(self, client: aiomqtt.Client, publishing: asyncio.Task[None]) -> None:
        """The last answers, and that the controller is going."""
        self._leaving = True
        self._wake.set()
        try:
            async with asyncio.timeout(GOODBYE):
                await publishing
                will = self._lobby.will
                await client.publish(will.topic, will.payload, qos=1, retain=will.retain)
        except (TimeoutError, aiomqtt.MqttError):
            pass

    async def _publish(self, client: aiomqtt.Client) -> None:
        """Hand messages to the broker in order, without waiting for one confirmation before sending the next.

        Ends with MqttError when one is not confirmed: then the connection is no good, and a new one sends every
        level again.
        """
        room = asyncio.Semaphore(IN_FLIGHT)
        async with _Sendings() as sendings:
            while True:
                self._wake.clear()
                while message := self._lobby.next_message():
                    await room.acquire()
                    sendings.start(self._send(client, message, room))
                if self._leaving:
                    await sendings.all_done()
                    return
                await sendings.until_failed_or(self._wake)

    async def _send(self, client: aiomqtt.Client, message: Message, room: asyncio.Semaphore) -> None:
        try:
            await client.publish(message.topic, message.payload, qos=1, retain=message.retain)
            self._lobby.published(message)
        finally:
            room.release()


class _Ears(asyncio.Queue[aiomqtt.Message]):
    def __init__(self, hear: Callable[[aiomqtt.Message], None]) -> None:
        super().__init__()
        self._hear = hear

    def put_nowait(self, item: aiomqtt.Message) -> None:
        self._hear(item)


async def _until_lost(client: aiomqtt.Client) -> None:
    """Until the connection is lost: MqttError. No message ever comes out here."""
    async for _ in client.messages:
        pass


class _Sendings:
    """Publications under way. The first that fails ends the waiting."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._error: BaseException | None = None
        self._wake: asyncio.Event | None = None

    async def __aenter__(self) -> _Sendings:
        return self

    async def __aexit__(self, *why: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def start(self, sending: Coroutine[None, None, None]) -> None:
        """Begin a publication; it reaches the client before any that is started later."""
        task = asyncio.create_task(sending)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def until_failed_or(self, wake: asyncio.Event) -> None:
        """Until `wake` is set; raises what a publication failed with."""
        self._wake = wake
        if self._error is None:
            await wake.wait()
        if self._error is not None:
            raise self._error

    async def all_done(self) -> None:
        """Until every publication has ended; raises what one failed with."""
        await asyncio.gather(*self._tasks)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._error = task.exception()
            if self._wake is not None:
                self._wake.set()


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
