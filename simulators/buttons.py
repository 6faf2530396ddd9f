"""Simulated MQTT keypads, panels and ticket buttons; they also record what the controller publishes.

A device numbers its presses and sends each again, with the same number, until it is answered.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from random import Random
from typing import Any

import aiomqtt

from controller.lobby.model.units import Ms
from simulators.faults import ButtonFaults

log = logging.getLogger(__name__)

ANSWER_TIMEOUT = 1.0
"""Seconds without an answer after which a press is sent again."""
TRIES = 10
TIMEOUT = 5.0
"""Seconds in which the broker must take what is published, or it is connected to anew."""
IN_FLIGHT = 16
"""Most messages that the broker has yet to take."""
RETRY = 1.0
"""Seconds between two tries to reach the broker."""
EVENTS_KEPT = 200_000


class Buttons:
    """All MQTT devices of a branch on one connection, connected between `async with` and its end, again if it is lost.

    `tls`: without it the connection is not encrypted. `client_id`: a random one if empty. `clock`: the time in ms since
    1970, UTC, which `faults` can make wrong for the devices. `timeout`: see `TIMEOUT`; `lost_says`: what is logged when
    the connection is lost.
    """

    def __init__(
        self,
        host: str,
        port: int,
        branch: str,
        random: Random,
        *,
        username: str | None = None,
        password: str | None = None,
        tls: ssl.SSLContext | None = None,
        client_id: str = "",
        clock: Callable[[], Ms] = lambda: Ms(time.time_ns() // 1_000_000),
        timeout: float = TIMEOUT,
        lost_says: str = "the MQTT devices have lost the broker ({reason}) and connect again",
    ) -> None:
        self._host, self._port = host, port
        self._username, self._password, self._tls = username, password, tls
        self._client_id, self._clock = client_id, clock
        self._timeout, self._lost_says = timeout, lost_says
        self._there = asyncio.Event()
        self.faults = ButtonFaults()
        self._root = f"lobby/{branch}/"
        self._boot = f"{random.getrandbits(64):016x}"
        self._next: Counter[str] = Counter()
        self._bounces: set[asyncio.Task[None]] = set()
        self._answers: dict[tuple[str, int], asyncio.Future[dict[str, Any]]] = {}
        self.retained: dict[str, Any] = {}
        """The last content of each topic below the root, except answers and events."""
        self.events: deque[dict[str, Any]] = deque(maxlen=EVENTS_KEPT)

    async def __aenter__(self) -> Buttons:
        self._first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._staying = asyncio.create_task(self._stay(), name="buttons")
        try:
            await asyncio.shield(self._first)
        except BaseException:
            await self._leave()
            raise
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._leave()

    async def _leave(self) -> None:
        tasks = (self._staying, *self._bounces)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _stay(self) -> None:
        """Be connected, again after every loss; the first time, not to be let in is an error of `__aenter__`."""
        while True:
            try:
                await self._connected_once()
            except (aiomqtt.MqttError, OSError, ValueError) as error:
                if not self._first.done():
                    self._first.set_exception(error)
                    return
            await asyncio.sleep(RETRY)

    async def _connected_once(self) -> None:
        """Connect, and listen until the connection is lost."""
        client = aiomqtt.Client(
            self._host,
            self._port,
            username=self._username,
            password=self._password,
            tls_context=self._tls,
            identifier=self._client_id or None,
            timeout=self._timeout,
        )
        client.pending_calls_threshold = IN_FLIGHT  # more than it warns of there never are
        async with client:
            await client.subscribe(f"{self._root}#", qos=1)
            self._client, self._lost = client, asyncio.get_running_loop().create_future()
            self._silent, self._in_flight = asyncio.Event(), asyncio.Semaphore(IN_FLIGHT)
            self._there.set()
            if not self._first.done():
                self._first.set_result(None)
            listening = asyncio.create_task(self._listen(client), name="listening")
            silence = asyncio.create_task(self._silent.wait(), name="silence")
            try:
                await asyncio.wait((listening, silence), return_when=asyncio.FIRST_COMPLETED)
                if not listening.done():
                    raise aiomqtt.MqttError("Operation timed out")
                listening.result()
            except (aiomqtt.MqttError, ValueError) as error:
                self._there.clear()
                self._lost.set_exception(error)
                self._lost.exception()  # nobody need wait for it
                log.warning("%s", self._lost_says.format(reason=error))
                raise
            finally:
                for task in (listening, silence):
                    task.cancel()
                await asyncio.gather(listening, silence, return_exceptions=True)

    @property
    def connected(self) -> bool:
        """Whether the broker is there, as far as is known."""
        return self._there.is_set()

    async def ended(self) -> None:
        """Wait until the connection is lost (MqttError); `retained` may be out of date from then on.

        Raises ValueError for a message that no controller publishes.
        """
        await asyncio.shield(self._lost)

    def now(self) -> Ms:
        """The time by the devices' own clock, in ms since 1970, UTC."""
        return Ms(self._clock() + round((self.faults.fast or 0) * 1000))

    async def publish(self, topic: str, payload: str, *, qos: int = 0, retain: bool = False) -> None:
        """Publish as a device that is not ours, anywhere, with the knobs `retain` and `twice`; as `_publish`."""
        for _ in range(2 if self.faults.twice else 1):
            await self._send(topic, payload, qos, retain or self.faults.retain)

    async def _publish(self, topic: str, payload: str, *, retain: bool = False) -> None:
        """Publish below the root; MqttError or TimeoutError if the broker does not take it in time."""
        await self._send(f"{self._root}{topic}", payload, 1, retain)

    async def _send(self, topic: str, payload: str, qos: int, retain: bool) -> None:
        """Publish as one of at most `IN_FLIGHT`; MqttError or TimeoutError if the broker does not take it in time: then
        it is connected to anew."""
        async with asyncio.timeout(self._timeout):
            await self._there.wait()
            client, silent, room = self._client, self._silent, self._in_flight
            await room.acquire()
        try:
            await client.publish(topic, payload, qos=qos, retain=retain)
        except aiomqtt.MqttError:
            silent.set()
            raise
        finally:
            room.release()

    async def press(self, device: str, **content: Any) -> dict[str, Any]:
        """Press a key at `keypad/3`, `panel/manager`, `kiosk/hall`, ..; the answer, or TimeoutError.

        A press without an answer is sent again with its number, by which the controller knows it, and then given up.
        """
        seq = self._next[device]
        self._next[device] += 1
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[device, seq] = answer
        try:
            if self.faults.fast is not None:
                content["at"] = self.now()
            payload = json.dumps({**content, "boot": self._boot, "seq": seq}, ensure_ascii=False)
            if self.faults.bounce:
                self._bounce(device, content)
            for _ in range(TRIES):
                try:
                    await self._publish(f"{device}/press", payload, retain=self.faults.retain)
                    async with asyncio.timeout(ANSWER_TIMEOUT):
                        return await asyncio.shield(answer)
                except (TimeoutError, aiomqtt.MqttError):
                    continue
            raise TimeoutError(f"{device}: no answer to {content}")
        finally:
            del self._answers[device, seq]

    def _bounce(self, device: str, content: Mapping[str, Any]) -> None:
        """Make a press once more, a moment later; its answer is ignored."""
        seq = self._next[device]
        self._next[device] += 1
        payload = json.dumps({**content, "boot": self._boot, "seq": seq}, ensure_ascii=False)

        self.bounce(lambda: self._publish(f"{device}/press", payload))

    def bounce(self, again: Callable[[], Awaitable[None]]) -> None:
        """Have something done once more, after the time of the knob `bounce`."""

        async def later(after: float) -> None:
            await asyncio.sleep(after)
            with suppress(TimeoutError, aiomqtt.MqttError):
                await again()

        task = asyncio.create_task(later(self.faults.bounce), name="bounce")
        self._bounces.add(task)
        task.add_done_callback(self._bounces.discard)

    async def meddle(self, topic: str, payload: str) -> None:
        """Publish something on a topic of the controller."""
        await self._publish(topic, payload, retain=True)

    def screen(self, counter: str) -> Mapping[str, Any]:
        """What the keypad of a counter shows."""
        return self.retained.get(f"keypad/{counter}/screen") or {}

    async def _listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            topic = message.topic.value.removeprefix(self._root)
            payload = message.payload if isinstance(message.payload, bytes) else b""
            if topic == "status":
                self.retained[topic] = payload.decode()
            elif topic.endswith("/ack"):
                content = json.loads(payload)
                answer = self._answers.get((topic.removesuffix("/ack"), content["seq"]))
                if answer and not answer.done() and content["boot"] == self._boot:
                    answer.set_result(content)
            elif topic == "event":
                self.events.append(json.loads(payload))
            elif topic == "call" or topic.startswith("button/"):
                pass  # between the controller and Home Assistant
            elif not payload:
                self.retained.pop(topic, None)
            elif not topic.endswith("/press"):
                self.retained[topic] = json.loads(payload)
