"""MQTT as a test needs it: everything heard in its order, and presses sent byte for byte."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from itertools import count
from typing import Any

import aiomqtt

from system.waiting import until


@dataclass(frozen=True)
class Heard:
    """A message; `topic` is below the branch's root, `content` its JSON, or its text where it is none."""

    topic: str
    content: Any
    retained: bool


class Network:
    """A connection that hears the whole branch, between `async with` and its end."""

    def __init__(self, port: int, root: str, boot: str = "feedc0de") -> None:
        self._port = port
        self._root = root
        self.boot = boot
        self._seq = count()
        self.heard: list[Heard] = []
        self.levels: dict[str, Any] = {}
        """The last content of each topic but presses, answers and events."""

    async def __aenter__(self) -> Network:
        self._client = aiomqtt.Client("127.0.0.1", self._port, timeout=5)
        await self._client.__aenter__()
        await self._client.subscribe(f"{self._root}#", qos=1)
        self._listening = asyncio.create_task(self._listen(), name="network")
        return self

    async def __aexit__(self, *error: object) -> None:
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        try:
            await self._client.__aexit__(None, None, None)
        except aiomqtt.MqttError:
            pass  # the broker has gone before

    async def publish(self, topic: str, payload: bytes | dict[str, Any], *, retain: bool = False) -> None:
        """Publish once, QoS 1."""
        if isinstance(payload, dict):
            payload = json.dumps(payload, ensure_ascii=False).encode()
        await self._client.publish(self._root + topic, payload, qos=1, retain=retain)

    async def press(self, device: str, key: str, **content: Any) -> dict[str, Any]:
        """Press a key at `keypad/3`, `panel/manager`, `kiosk/kiosk`, sent once; the answer."""
        return await self.send(device, {"key": key, **content, "boot": self.boot, "seq": next(self._seq)})

    async def send(self, device: str, press: dict[str, Any], seconds: float = 30.0) -> dict[str, Any]:
        """Send this very press, once; the answer that comes after it."""
        before = len(self.heard)
        await self.publish(f"{device}/press", press)
        return await self.answer(device, press["boot"], press["seq"], since=before, seconds=seconds)

    async def answer(
        self, device: str, boot: Any, seq: Any, *, since: int = 0, seconds: float = 30.0
    ) -> dict[str, Any]:
        """The first answer to a press that was heard as the `since`-th message or later."""
        await until(lambda: self.answers(device, boot, seq, since), seconds)
        return self.answers(device, boot, seq, since)[0]

    def answers_at(self, device: str, since: int) -> list[dict[str, Any]]:
        """All answers to a device, heard as the `since`-th message or later."""
        return [message.content for message in self.heard[since:] if message.topic == f"{device}/ack"]

    def events(self, kind: str) -> list[dict[str, Any]]:
        """What was told of events of one kind."""
        return [message.content["data"] for message in self.heard if self._is(message, kind)]

    def board(self, ticket: str) -> str | None:
        """The counter at which the board says this ticket is."""
        calls = self.levels.get("board", {"calls": []})["calls"]
        return next((call["counter"] for call in calls if call["ticket"] == ticket), None)

    async def device(self, id: str, state: str = "ok") -> None:
        """Wait until a device is in this state."""
        await until(lambda: self.levels.get(f"device/{id}", {"device": id}).get("state") == state)

    def answers(self, device: str, boot: Any, seq: Any, since: int = 0) -> list[dict[str, Any]]:
        """All answers to a press, heard as the `since`-th message or later."""
        return [answer for answer in self.answers_at(device, since) if (answer["boot"], answer["seq"]) == (boot, seq)]

    @staticmethod
    def _is(message: Heard, kind: str) -> bool:
        return message.topic == "event" and message.content["kind"] == kind

    async def _listen(self) -> None:
        async for message in self._client.messages:
            topic = message.topic.value.removeprefix(self._root)
            payload = bytes(message.payload) if isinstance(message.payload, bytes | bytearray) else b""
            try:
                content = json.loads(payload)
            except (ValueError, RecursionError):
                content = payload.decode(errors="replace")
            self.heard.append(Heard(topic, content, message.retain))
            if topic.rpartition("/")[2] not in ("press", "ack", "event"):
                self.levels[topic] = content
