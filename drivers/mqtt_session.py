"""Runs an `MqttLobby` against a broker: connecting, publishing, reconnecting with capped back-off.

MQTT 5 where the broker has it, else 3.1.1. Only with 5 are our own messages distinguished from others', so that
overwritten levels are restored at once, and presses with the retain flag recognised; with 3.1.1 levels are restored at
their next refresh.

Two clients with the same client id disconnect each other for ever. Few brokers say so (Mosquitto 2.0 does not), so
repeated closing without a reason is taken for it, and the connection counts as up only once it has held.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

import aiomqtt
import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from drivers.link import CAUSES
from drivers.mqtt import DEVICE_TOPICS, LEVEL_TOPICS, PRESS_TOPICS, Foreign, Message, MqttLobby
from drivers.session import BACK_OFF, LinkDown, LinkUp

TIMEOUT = 5.0
"""Seconds for one exchange with the broker."""
GOODBYE = 1.0
"""Seconds for the last messages before disconnecting."""
KEEPALIVE = 10
"""Seconds of silence after which the broker is asked whether it is there."""
EARLY_LIMIT = 1000
"""Most messages kept that arrive before the last topic is subscribed."""
TOPICS_AT_ONCE = 50
"""Topics of others in one packet: at their longest, it still has a size that any usual broker allows."""
IN_FLIGHT = 10
"""Messages published and not yet confirmed: as few as any usual broker allows in MQTT 5."""
REFRESH = 60.0
"""Seconds in which every level is published once again."""
PUT_RIGHT_EVERY = 1.0
"""Seconds between two restorations of levels: two controllers of one branch must not overwrite each other rapidly."""
TELL_AGAIN = 3600.0
"""Seconds between two reports of another client's publications on one topic."""
CLOSINGS = 3
"""Connections in a row closed at once by the broker, from which a clash of client ids is assumed."""
HOLDS = 30.0
"""Seconds after which a connection no longer counts as closed at once."""

V5, V311 = aiomqtt.ProtocolVersion.V5, aiomqtt.ProtocolVersion.V311
UNSUPPORTED = ReasonCode(PacketTypes.CONNACK, "Unsupported protocol version")
TAKEN_OVER = ReasonCode(PacketTypes.DISCONNECT, "Session taken over")
UNANSWERED = "Operation timed out"
"""The library's message about a broker that accepts a connection and does not answer."""
NO_PASSWORD = "no_password"
"""The password file, or the credential that stands for it, is empty."""
CLASHES = ("client_id_clash", "closed_again")
TOLD = (*CLASHES, "bad_password", "not_authorised", "bad_certificate", "unknown_host", *CAUSES.values())
"""Reasons that are told with what they are about: the client id, or the broker's address."""
REFUSALS = {4: "bad_password", 5: "not_authorised", 134: "bad_password", 135: "not_authorised"}
"""A broker's reason to refuse a connection -> the wording key (MQTT 3.1.1, 3.2.2.3; MQTT 5, 3.2.2.2)."""
NETWORK = (errno.EPERM, errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT)
"""Errors of a connection that installers know from other links."""
"""Reasons that concern the client id."""
CLOSED = ReasonCode(PacketTypes.DISCONNECT, "Unspecified error")
"""The connection was closed without a reason."""

# The session reports once that the broker is gone and once that it is back; the library's own log lines repeat that.
_quiet = logging.getLogger("drivers.mqtt_session.library")
_quiet.setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is. `password_file` and `ca_file` are read at every connection, so they can be renewed.

    `is_old`: it is known to support only MQTT 3.1.1. Otherwise MQTT 5 is tried first.
    """

    host: str
    port: int
    client_id: str
    tls: bool = False
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    is_old: bool = False


class MqttSession:
    """Connects `lobby` to the broker; every fact goes to `heard`, in order, in the loop's thread.

    Call `flush` after giving the lobby something to publish.
    """

    def __init__(self, lobby: MqttLobby, broker: Broker, heard: Callable[[object], None]) -> None:
        self._lobby = lobby
        self._broker = broker
        self._heard = heard
        self._wake = asyncio.Event()
        self._version = V311 if broker.is_old else V5
        self._down_told: str | None = None
        """The reason last told, while there is no connection."""
        self._closings = 0
        """Connections in a row that were closed at once."""
        self._silent_until: dict[str, float] = {}
        """Topic -> until when publications of others on it are not reported again, by the loop's clock."""
        self._righting: asyncio.TimerHandle | None = None
        self._leaving = False
        self._listens: dict[str, bool] = {}
        """The topics of others that are subscribed to on this connection, as `MqttLobby.listened`."""
        self._early: deque[aiomqtt.Message] = deque(maxlen=EARLY_LIMIT)
        self.settled = asyncio.Event()
        """Set once the press topics are subscribed, or the first attempt has failed."""

    async def run(self) -> None:
        """Run until cancelled; then publish `offline` and disconnect."""
        attempt = 0
        loop = asyncio.get_running_loop()
        while True:
            connected = None
            try:
                async with self._client() as client:
                    connected = loop.time()
                    await self._connected(client)
            except (aiomqtt.MqttError, OSError, ValueError) as error:
                if self._version is V5 and _code(error) == UNSUPPORTED:
                    self._version = V311
                    continue
                self._lost(error, None if connected is None else loop.time() - connected)
                self._version = V311 if self._broker.is_old or self._is_unanswered(error, connected) else V5
            self.settled.set()
            if connected is not None and self._closings < CLOSINGS and loop.time() - connected >= BACK_OFF[-1]:
                attempt = 0
            await asyncio.sleep(BACK_OFF[min(attempt, len(BACK_OFF) - 1)])
            attempt += 1

    def flush(self) -> None:
        """Publish what the lobby has queued, at the loop's next iteration."""
        self._wake.set()

    # -- inside ----------------------------------------------------------------------------------------------

    def _callback_queue(self, maxsize: int) -> asyncio.Queue[aiomqtt.Message]:
        """A queue that stores nothing: each message goes straight to a callback.

        The library confirms a message to the broker before it is processed, so one that was dropped from a full queue
        would be lost silently. Here each message reaches the controller, whose own inbox answers when it is full.
        """
        return _CallbackQueue(self._receive)

    def _receive(self, message: aiomqtt.Message) -> None:
        if not self._lobby.is_connected:  # its answer could not be sent
            self._early.append(message)
            return
        topic, payload = message.topic.value, message.payload if isinstance(message.payload, bytes) else b""
        # See `_subscribe`: on topics whose retained messages are not requested, the flag is the sender's.
        is_press = topic.endswith("/press") and topic not in self._lobby.listened
        retain = message.retain and self._version is V5 and is_press
        fact = self._lobby.receive(topic, payload, stored=message.retain and not retain, retain=retain)
        if isinstance(fact, Foreign):
            self._tell_foreign(fact)
            if self._righting is None:
                self._put_right()
        elif fact:
            self._heard(fact)
        self._wake.set()

    def _tell_foreign(self, fact: Foreign) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._silent_until.get(fact.topic, now):
            self._silent_until[fact.topic] = now + TELL_AGAIN
            self._heard(fact)

    def _put_right(self) -> None:
        """Restore overwritten levels at once, and then every `PUT_RIGHT_EVERY` seconds while there are any."""
        self._righting = None
        if self._lobby.put_right():
            self._wake.set()
            self._righting = asyncio.get_running_loop().call_later(PUT_RIGHT_EVERY, self._put_right)

    def _lost(self, error: Exception, held: float | None) -> None:
        """Report why there is no connection, once; and once more when the reason turns out to be a clash.

        `held`: seconds for which there was one; None: there was none.
        """
        reason, code = reason_of(error), _code(error)
        if held is not None and held >= HOLDS:
            self._closings = 0
        if held is not None and code == TAKEN_OVER:
            self._closings = CLOSINGS
            reason = "client_id_clash"
        elif held is not None and held < HOLDS and code == CLOSED:
            self._closings += 1
            reason = "closed_again" if self._closings >= CLOSINGS else reason
        if self._down_told is None or (reason in CLASHES and self._down_told not in CLASHES):
            self._down_told = reason
            about = self._broker.client_id if reason in CLASHES else f"{self._broker.host}:{self._broker.port}"
            self._heard(LinkDown(reason, about if reason in TOLD else ""))

    def _is_unanswered(self, error: Exception, connected: float | None) -> bool:
        """Whether the broker accepted the connection and did not answer, as some do that lack MQTT 5."""
        return connected is None and self._version is V5 and str(error) == UNANSWERED

    def _tell_up(self) -> None:
        self._down_told = None
        self._heard(LinkUp())

    def _has_held(self) -> None:
        self._closings = 0
        self._tell_up()

    def _client(self) -> aiomqtt.Client:
        broker, will = self._broker, self._lobby.will
        self._early.clear()
        password = password_of(broker)
        client = _Client(
            broker.host,
            broker.port,
            username=broker.username,
            password=password,
            identifier=broker.client_id,
            logger=_quiet,
            will=aiomqtt.Will(will.topic, will.payload, qos=1, retain=will.retain),
            protocol=self._version,
            clean_session=True if self._version is V311 else None,
            timeout=TIMEOUT,
            keepalive=KEEPALIVE,
            queue_type=cast(type[asyncio.Queue[aiomqtt.Message]], self._callback_queue),
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
        connection = asyncio.create_task(_until_lost(client))
        working = asyncio.create_task(self._work(client))
        believed = asyncio.get_running_loop().call_later(HOLDS, self._has_held) if self._closings >= CLOSINGS else None
        try:
            done, _ = await asyncio.wait((connection, working), return_when=asyncio.FIRST_COMPLETED)
            for task in (connection, working):  # the reason of the loss says more than a time-out
                if task in done:
                    task.result()
        except asyncio.CancelledError:
            if self._lobby.is_connected:
                await self._say_goodbye(client, working)
            raise
        finally:
            for timer in (believed, self._righting):
                if timer:
                    timer.cancel()
            self._righting = None
            connection.cancel()
            working.cancel()
            self._lobby.disconnected()
            await asyncio.gather(connection, working, return_exceptions=True)

    async def _work(self, client: aiomqtt.Client) -> None:
        """Subscribe, then publish, until one of the two fails (MqttError)."""
        self._listens = {}
        await self._subscribe(client)
        await self._listen(client)
        self._lobby.connected()
        self._wake.set()
        if self._closings < CLOSINGS:
            self._tell_up()
        self.settled.set()
        while self._early:
            self._receive(self._early.popleft())
        refreshing = asyncio.create_task(self._refresh())
        try:
            await self._publish(client)
        finally:
            refreshing.cancel()

    async def _subscribe(self, client: aiomqtt.Client) -> None:
        """Subscribe to presses, and to what others publish or have retained on the controller's own topics."""
        if self._version is V311:
            for topic in PRESS_TOPICS:
                await client.subscribe(self._lobby.root + topic, qos=1)
            for topic in DEVICE_TOPICS:  # what is kept there comes now; afterwards it would only be our own
                await client.subscribe(self._lobby.root + topic, qos=1)
                await client.unsubscribe(self._lobby.root + topic)
            for topic in self._lobby.ours:
                await client.subscribe(topic, qos=1)
                await client.unsubscribe(topic)
            return
        live = SubscribeOptions(qos=1, retainAsPublished=True, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
        for topic in PRESS_TOPICS:
            await client.subscribe(self._lobby.root + topic, options=live)
        others = SubscribeOptions(qos=1, noLocal=True)
        for topic in LEVEL_TOPICS:
            await client.subscribe(self._lobby.root + topic, options=others)
        for topic in self._lobby.ours:
            await client.subscribe(topic, options=others)

    async def _listen(self, client: aiomqtt.Client) -> None:
        """Subscribe to those topics of others that are listened to now, and to no others any more."""
        wanted = dict(self._lobby.listened)
        new = {topic: kept for topic, kept in wanted.items() if self._listens.get(topic) != kept}
        gone = [topic for topic in self._listens if topic not in wanted]
        self._listens = wanted
        # The flag that a device publishes with is not asked for: ESPHome has it on by default, for events too.
        press = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
        for some in _batches(list(new)):
            if self._version is V311:
                await client.subscribe([(topic, 1) for topic in some])
            else:
                await client.subscribe([(topic, SubscribeOptions(qos=1) if new[topic] else press) for topic in some])
        for some in _batches(gone):
            await client.unsubscribe(some)

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH / self._lobby.levels)
            self._lobby.say_again()
            self._wake.set()

    async def _say_goodbye(self, client: aiomqtt.Client, publishing: asyncio.Task[None]) -> None:
        """Publish the last answers, and that the controller goes offline."""
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
        """Publish messages in order, without waiting for each confirmation before the next.

        Ends with MqttError when one is not confirmed: then the connection is broken, and a new one publishes every
        level again.
        """
        room = asyncio.Semaphore(IN_FLIGHT)
        async with _Sendings() as sendings:
            while True:
                self._wake.clear()
                if self._listens != self._lobby.listened:
                    await self._listen(client)
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


def password_of(broker: Broker) -> str | None:
    """The first line of its password file, read at each connection; ValueError (a wording key) if it is empty."""
    if broker.password_file is None:
        return None
    password = broker.password_file.read_text("utf-8").split("\n")[0].strip()
    if not password:
        raise ValueError(NO_PASSWORD)
    return password


def _batches(topics: Sequence[str]) -> Iterator[list[str]]:
    for first in range(0, len(topics), TOPICS_AT_ONCE):
        yield list(topics[first : first + TOPICS_AT_ONCE])


class _Client(aiomqtt.Client):
    """The library's client, with three corrections.

    It would register a writer for a socket that has been closed meanwhile, which logs an error or calls back another
    connection that has reused the descriptor. It would forget a connection's end that came right after its CONNACK, and
    asyncio would log as an error one that nobody waits for any more.
    """

    async def __aenter__(self) -> Self:
        disconnected = self._disconnected
        disconnected.add_done_callback(_seen)  # nobody asks for it if connecting is given up in that moment
        await super().__aenter__()
        self._disconnected = disconnected
        return self

    def _on_socket_register_write(self, client: paho.Client, userdata: object, sock: Any) -> None:
        def write() -> None:
            try:
                client.loop_write()
            except Exception as error:
                if not self._disconnected.done():
                    self._disconnected.set_exception(error)

        def register() -> None:
            if sock.fileno() >= 0:
                self._loop.add_writer(sock.fileno(), write)

        self._loop.call_soon_threadsafe(register)


def _seen(ended: asyncio.Future[None]) -> None:
    if not ended.cancelled():
        ended.exception()


class _CallbackQueue(asyncio.Queue[aiomqtt.Message]):
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
    """Publications under way. The first failure ends the waiting."""

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


def _code(error: BaseException | None) -> object:
    """The broker's reason behind an error; None: there is none."""
    return error.rc if isinstance(error, aiomqtt.MqttCodeError) else error and _code(error.__cause__)


def reason_of(error: Exception) -> str:
    """Why a broker cannot be used: a wording key, else the system's message."""
    code = _code(error)
    if refusal := REFUSALS.get(code.value if isinstance(code, ReasonCode) else code if isinstance(code, int) else 0):
        return refusal
    cause = error if isinstance(error, OSError) else error.__context__  # the library keeps only the text of these
    if isinstance(cause, ssl.SSLError):
        return "bad_certificate"
    if isinstance(cause, socket.gaierror):
        return "unknown_host"
    if isinstance(cause, OSError) and cause.errno in NETWORK:
        return CAUSES[cause.errno]
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror.lower()}" if error.filename else error.strerror
    return str(error) or type(error).__name__
