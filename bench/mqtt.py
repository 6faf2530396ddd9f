"""From a keypad's press on MQTT to its acknowledgement, through a real Mosquitto."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from bench.branch import configuration, far_ends, mosquitto, running
from bench.far_ends import PATIENCE
from bench.figures import Figure, against_floor
from bench.floors import Commits
from bench.history import waiting, write
from controller.config import read
from controller.lobby.model.percentile import percentile
from controller.lobby.model.units import Ms

COUNTERS = 12
SETTLING = 2.0
BOOT = "0123456789abcdef"


def measure(directory: Path, presses: int, runs: int, done: Callable[[], None]) -> list[Figure]:
    """The floor: two passages of a message through the broker, and one synced commit."""
    figures: dict[int, tuple[list[float], list[float]]] = {50: ([], []), 99: ([], [])}
    with mosquitto(directory) as port:
        if port is None:
            return []
        for run in range(runs):
            ours, ways, commits = _run(directory, port, presses, Random(run), done)
            for percent, (values, floors) in figures.items():
                values.append(percentile(ours, percent) * 1000)
                floors.append((2 * percentile(ways, percent) + percentile(commits, percent)) * 1000)
    return [
        against_floor(f"MQTT press to acknowledgement, p{percent}", values, floors, "ms", presses=presses)
        for percent, (values, floors) in figures.items()
    ]


def _run(
    directory: Path, port: int, presses: int, random: Random, done: Callable[[], None]
) -> tuple[list[float], list[float], list[float]]:
    journal, config = directory / "mqtt.db", directory / "mqtt.toml"
    for old in directory.glob("mqtt.db*"):
        old.unlink()
    ends = far_ends(COUNTERS, full=True)
    config.write_text(configuration(COUNTERS, journal, ends.paths, port), "utf-8")
    write(journal, waiting(read(config).rules, Ms(time.time_ns() // 1_000_000), presses + 50))
    synced = Commits(directory / "floor.db")
    ours, ways, commits = [], [], []
    try:
        with running(config), _keypad(port) as keypad:
            ends.serve(SETTLING)
            for seq in range(presses):
                press = {"key": "CALL", "digits": "", "boot": BOOT, "seq": seq}
                ours.append(keypad.time("lobby/bench/keypad/1/press", json.dumps(press)))
                ends.serve(random.uniform(0.05, 0.1))
                ways.append(keypad.time("bench/echo", json.dumps(press)))
                commits.append(synced.time())
                done()
    finally:
        ends.close()
        synced.close()
    return ours, ways, commits


class _Keypad:
    """A client that hears its acknowledgements and, for the floor, its own messages."""

    def __init__(self, port: int) -> None:
        self._heard = threading.Event()
        self._seq = -1
        self._at = 0.0
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id="bench")
        self.client.on_message = self._on_message
        self.client.on_subscribe = lambda *about: self._heard.set()
        self.client.connect("127.0.0.1", port)
        connected = self.client.socket()
        assert isinstance(connected, socket.socket)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.client.loop_start()
        self.client.subscribe([("lobby/bench/keypad/1/ack", 1), ("bench/echo", 1)])
        self._heard.wait(PATIENCE)

    def time(self, topic: str, payload: str) -> float:
        """Seconds from publishing to the message that has the same `seq`."""
        self._heard.clear()
        self._seq = json.loads(payload)["seq"]
        started = time.perf_counter()
        self.client.publish(topic, payload, qos=1)
        if not self._heard.wait(PATIENCE):
            raise RuntimeError("no acknowledgement came")
        return self._at - started

    def _on_message(self, client: paho.Client, data: object, message: paho.MQTTMessage) -> None:
        self._at = time.perf_counter()
        content = json.loads(message.payload)
        if content.get("result", "ok") != "ok":
            raise RuntimeError(content["text"])
        if content["seq"] == self._seq:
            self._heard.set()


@contextmanager
def _keypad(port: int) -> Iterator[_Keypad]:
    keypad = _Keypad(port)
    try:
        yield keypad
    finally:
        keypad.client.disconnect()
        keypad.client.loop_stop()
