"""Simulated MQTT keypads, panels and ticket buttons; they also record what the controller publishes.

A device numbers its presses and sends each again, with the same number, until it is answered.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import aiomqtt

from controller.lobby.model.units import Ms
from simulators.faults import ButtonFaults

ANSWER_TIMEOUT = 1.0
"""Seconds without an answer after which a press is sent again."""
TRIES = 10
EVENTS_KEPT = 200_000


class Buttons:
    """All MQTT devices of a branch on one connection, connected between `async with` and its end.

    `tls`: without it the connection is not encrypted. `client_id`: a random one if empty. `clock`: the time in ms since
    1970, UTC, which `faults` can make wrong for the devices.
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
    ) -> None:
        self._host, self._port = host, port
        self._username, self._password, self._tls = username, password, tls
        self._client_id, self._clock = client_id, clock
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
        self._client = aiomqtt.Client(
            self._host,
            self._port,
            username=self._username,
            password=self._password,
            tls_context=self._tls,
            identifier=self._client_id or None,
            timeout=5,
        )
        await self._client.__aenter__()
        await self._client.subscribe(f"{self._root}#", qos=1)
        self._listening = asyncio.create_task(self._listen(), name="buttons")
        return self

    async def __aexit__(self, *error: Any) -> None:
        for task in (self._listening, *self._bounces):
            task.cancel()
        await asyncio.gather(self._listening, *self._bounces, return_exceptions=True)
        await self._client.__aexit__(None, None, None)

    async def ended(self) -> None:
        """Wait until the connection is lost (MqttError); `retained` may be out of date from then on.

        Raises ValueError for a message that no controller publishes.
        """
        await asyncio.shield(self._listening)

    async def press(self, device: str, **content: Any) -> dict[str, Any]:
        """Press a key at `keypad/3`, `panel/manager`, `kiosk/hall`, ..; the answer, or TimeoutError."""
        seq = self._next[device]
        self._next[device] += 1
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[device, seq] = answer
        try:
            if self.faults.fast is not None:
                content["at"] = self._clock() + round(self.faults.fast * 1000)
            payload = json.dumps({**content, "boot": self._boot, "seq": seq}, ensure_ascii=False)
            if self.faults.bounce:
                self._bounce(device, content)
            for _ in range(TRIES):
                await self._client.publish(f"{self._root}{device}/press", payload, qos=1, retain=self.faults.retain)
                try:
                    async with asyncio.timeout(ANSWER_TIMEOUT):
                        return await asyncio.shield(answer)
                except TimeoutError:
                    continue
            raise TimeoutError(f"{device}: no answer to {content}")
        finally:
            del self._answers[device, seq]

    def _bounce(self, device: str, content: Mapping[str, Any]) -> None:
        """Make a press once more, a moment later; its answer is ignored."""
        seq = self._next[device]
        self._next[device] += 1
        payload = json.dumps({**content, "boot": self._boot, "seq": seq}, ensure_ascii=False)

        async def again(after: float) -> None:
            await asyncio.sleep(after)
            await self._client.publish(f"{self._root}{device}/press", payload, qos=1)

        task = asyncio.create_task(again(self.faults.bounce), name="bounce")
        self._bounces.add(task)
        task.add_done_callback(self._bounces.discard)

    async def meddle(self, topic: str, payload: str) -> None:
        """Publish something on a topic of the controller."""
        await self._client.publish(f"{self._root}{topic}", payload, qos=1, retain=True)

    def screen(self, counter: str) -> Mapping[str, Any]:
        """What the keypad of a counter shows."""
        return self.retained.get(f"keypad/{counter}/screen") or {}

    async def _listen(self) -> None:
        async for message in self._client.messages:
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
            elif not payload:
                self.retained.pop(topic, None)
            elif not topic.endswith("/press"):
                self.retained[topic] = json.loads(payload)
