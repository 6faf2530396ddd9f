"""Many MQTT presses per second in a full lobby: from each press to its acknowledgement, through a real Mosquitto."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle, repeat
from pathlib import Path
from random import Random

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from bench.branch import configuration, far_ends, mosquitto, running
from bench.far_ends import PATIENCE, FarEnds
from bench.figures import Figure, against_floor
from bench.floors import Commits
from bench.history import waiting, write
from controller.config import read
from controller.lobby.model.percentile import percentile
from controller.lobby.model.units import Ms

COUNTERS = 12
WAITING = 1000
RATE = 500
"""Presses a second."""
SETTLING = 2.0
MOST = 150.0
"""Milliseconds."""
BOOT = "0123456789abcdef"
ECHO = "bench/echo"


def measure(directory: Path, seconds: float, runs: int, done: Callable[[], None]) -> list[Figure]:
    """The floor: two passages of a message through the broker, at the same rate, and one synced commit."""
    figures: dict[int, tuple[list[float], list[float]]] = {50: ([], []), 99: ([], [])}
    with mosquitto(directory) as port:
        if port is None:
            return []
        for run in range(runs):
            ours, ways, commits = _run(directory, port, seconds, Random(run))
            done()
            for percent, (values, floors) in figures.items():
                values.append(percentile(ours, percent) * 1000)
                floors.append((2 * percentile(ways, percent) + percentile(commits, percent)) * 1000)
    name = f"{RATE} MQTT presses a second, {WAITING:,} waiting, to acknowledgement"
    p50, p99 = (
        against_floor(f"{name}, p{percent}", values, floors, "ms", presses=int(RATE * seconds))
        for percent, (values, floors) in figures.items()
    )
    return [
        p50,
        Figure(p99.name, p99.value, p99.unit, most=MOST, detail=p99.detail),
        Figure("the same, beside bare messages at that rate", p99.value, p99.unit, p99.floor, p99.ratio),
    ]


def _run(directory: Path, port: int, seconds: float, random: Random) -> tuple[list[float], list[float], list[float]]:
    journal, config = directory / "rush.db", directory / "rush.toml"
    for old in directory.glob("rush.db*"):
        old.unlink()
    ends = far_ends(COUNTERS, full=True)
    # Without a printer: it would be busy from the second ticket on, and refuse the others.
    links = {id: path for id, path in ends.paths.items() if id != "printer"}
    config.write_text(configuration(COUNTERS, journal, links, port, keypads=COUNTERS), "utf-8")
    write(journal, waiting(read(config).rules, Ms(time.time_ns() // 1_000_000), WAITING))
    synced = Commits(directory / "floor.db")
    try:
        with running(config), connected(port) as devices:
            ends.serve(SETTLING)
            ours = devices.rush(_presses(random), seconds, random, ends)
            ends.serve(SETTLING)
            ways = devices.rush(repeat((ECHO, "")), seconds, random, ends)
            commits = [synced.time() for _ in ours[:RATE]]
    finally:
        ends.close()
        synced.close()
    return ours, ways, commits


def _presses(random: Random) -> Iterator[tuple[str, str]]:
    """Topic and key of presses that are all accepted: as many tickets are taken as are called and served."""
    clerks = [cycle([(f"keypad/{n}", key) for key in ("CALL", "START", "FINISH")]) for n in range(1, COUNTERS + 1)]
    while True:
        device, key = ("kiosk/kiosk", "TAKE") if random.random() < 1 / 4 else next(random.choice(clerks))
        yield f"lobby/bench/{device}", key


class Devices:
    """A client that hears the acknowledgements of all devices and, for the floor, its own messages."""

    def __init__(self, port: int) -> None:
        self._sent: dict[tuple[str, int], float] = {}
        self.answered: list[tuple[float, float]] = []
        """When each press was made, and after how many seconds it was answered; by `time.perf_counter`."""
        self._refused = ""
        self._next: Counter[str] = Counter()
        self._subscribed = threading.Event()
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id="bench")
        self.client.max_inflight_messages_set(10_000)
        self.client.on_message = self._on_message
        self.client.on_subscribe = lambda *about: self._subscribed.set()
        self.client.connect("127.0.0.1", port)
        connected = self.client.socket()
        assert isinstance(connected, socket.socket)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.client.loop_start()
        self.client.subscribe([("lobby/bench/+/+/ack", 1), (f"{ECHO}/press", 1)])
        self._subscribed.wait(PATIENCE)

    def rush(self, presses: Iterator[tuple[str, str]], seconds: float, random: Random, ends: FarEnds) -> list[float]:
        """Seconds from each press to its answer. Presses come at random times, without waiting for answers."""
        self.answered = []
        due = end = time.perf_counter()
        end += seconds
        while due < end:
            due += random.expovariate(RATE)
            ends.serve(due - time.perf_counter())
            self.press(*next(presses))
        self.wait(ends)
        return [took for _, took in self.answered]

    def wait(self, ends: FarEnds) -> None:
        """Until every press has been answered; RuntimeError if one is refused or is not."""
        ends.serve(PATIENCE, lambda: not self._sent or bool(self._refused))
        if self._refused or self._sent:
            raise RuntimeError(self._refused or f"{len(self._sent)} presses were not answered")

    def press(self, device: str, key: str) -> None:
        """Press a key of `lobby/bench/<role>/<id>`, without waiting for its answer."""
        seq = self._next[device]
        self._next[device] += 1
        self._sent[device, seq] = time.perf_counter()
        self.client.publish(f"{device}/press", json.dumps({"key": key, "boot": BOOT, "seq": seq}), qos=1)

    def _on_message(self, client: paho.Client, data: object, message: paho.MQTTMessage) -> None:
        now, content = time.perf_counter(), json.loads(message.payload)
        if content.get("result", "ok") != "ok":
            self._refused = f"{message.topic}: {content['text']}"
        pressed = self._sent.pop((message.topic.rpartition("/")[0], content["seq"]))
        self.answered.append((pressed, now - pressed))


@contextmanager
def connected(port: int) -> Iterator[Devices]:
    devices = Devices(port)
    try:
        yield devices
    finally:
        devices.client.disconnect()
        devices.client.loop_stop()
