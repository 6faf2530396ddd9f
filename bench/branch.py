"""A branch to measure: its configuration, and the real daemon as a process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench import broker, processes
from bench.far_ends import FarEnds
from bench.ports import free_port
from simulators.devices.bx import BoardFarEnd
from simulators.devices.escpos import PrinterFarEnd
from simulators.devices.farend import FarEnd
from simulators.devices.terminal68 import TerminalBus
from simulators.devices.vfd import CounterDisplayFarEnd
from simulators.faults import Faults

REPEAT_MS = 50
"""The window for retransmissions is short here, so that one terminal can be pressed often."""
READY_WITHIN = 60.0
STOP_WITHIN = 20.0

_HEAD = """\
[branch]
id = "bench"
name = "解放路支行"
timezone = "UTC"
[day]
rollover = "{rollover:02d}:00"
[journal]
path = "{journal}"
[calling]
recalls = 9
call_grace = 0
confirm_finish = 0
[[service]]
id = "cash"
name = "现金业务"
prefix = "A"
key = 1
[[service]]
id = "personal"
name = "个人业务"
prefix = "B"
key = 2
[[service]]
id = "corporate"
name = "对公业务"
prefix = "C"
key = 3
"""
_SERVES = (
    "cash = 0, personal = 0, corporate = 0",
    "cash = 0, personal = 10",
    "personal = 0, cash = 10",
    "corporate = 0, personal = 10, cash = 20",
)


def far_ends(counters: int, *, full: bool, echoing: bool = False) -> FarEnds:
    """A terminal bus and a hall board; with `full` also a ticket printer and a counter display for each counter.

    `echoing`: the bus echoes.
    """
    devices: dict[str, FarEnd] = {
        "terminals": TerminalBus(range(1, counters + 1), range(101, 101 + counters) if full else ()),
        "hall": BoardFarEnd(),
    }
    if full:
        devices["printer"] = PrinterFarEnd(Faults(), columns=32)
        devices |= {f"window-{n}": CounterDisplayFarEnd("cd5220") for n in range(1, counters + 1)}
    return FarEnds(devices, ["terminals"] if echoing else [])


def configuration(
    counters: int, journal: Path, links: Mapping[str, str], mqtt_port: int | None = None, keypads: int = 1
) -> str:
    """The TOML text: counters and devices (those that `links` has a port for), at the speeds that branches use.

    With MQTT the first `keypads` counters have a keypad `pad-<counter>`.

    The business day ends twelve hours from now, so that no measurement runs into it.
    """
    rollover = (datetime.now(UTC).hour + 12) % 24
    parts = [_HEAD.format(rollover=rollover, journal=journal.absolute())]
    for n in range(1, counters + 1):
        parts.append(f'[[counter]]\nid = "{n}"\nserves = {{ {_SERVES[(n - 1) % len(_SERVES)]} }}\n')
    if mqtt_port:
        parts.append(f'[mqtt]\nbroker = "mqtt://127.0.0.1:{mqtt_port}"\n')
        parts += [_device(f"pad-{n}", "mqtt-keypad", counter=f'"{n}"') for n in range(1, keypads + 1)]
        parts.append(_device("kiosk", "mqtt-kiosk", hold_off="0"))
        parts.append(_device("manager", "mqtt-panel"))
    for id, path in links.items():
        link = f'"serial:{path}?baud={57600 if id == "hall" else 9600}"'
        if id == "terminals":
            addresses = ", ".join(f'{n} = "{n}"' for n in range(1, counters + 1))
            parts.append(_device(id, "terminal68", link=link, addresses=f"{{ {addresses} }}", repeat_ms=str(REPEAT_MS)))
        elif id == "hall":
            parts.append(_device(id, "bx", link=link, model='"5k1"', lines="4", width="128"))
        elif id == "printer":
            parts.append(_device(id, "escpos", link=link, columns="32"))
        else:
            counter = id.removeprefix("window-")
            parts.append(_device(id, "vfd", link=link, dialect='"cd5220"', counter=f'"{counter}"'))
    return "".join(parts)


def _device(id: str, driver: str, **keys: str) -> str:
    lines = "".join(f"{key} = {value}\n" for key, value in keys.items())
    return f'[[device]]\nid = "{id}"\ndriver = "{driver}"\n{lines}'


@dataclass(frozen=True, slots=True)
class Running:
    """A daemon that is ready; `seconds` it took from the start of its process."""

    pid: int
    seconds: float


@contextmanager
def running(config: Path) -> Iterator[Running]:
    """`lobby run` until the context ends; what it logs goes to `<config>.log`."""
    log = config.with_suffix(".log")
    address = config.with_suffix(".notify")
    address.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified, log.open("wb") as errors:
        notified.bind(str(address))
        notified.settimeout(1)
        command = [str(Path(sys.executable).with_name("lobby")), "run", "--config", str(config)]
        started = time.perf_counter()
        process = processes.start(command, stderr=errors, env=os.environ | {"NOTIFY_SOCKET": str(address)})
        try:
            while not _told_ready(notified):
                if process.poll() is not None or time.perf_counter() - started > READY_WITHIN:
                    raise RuntimeError(f"the daemon did not become ready: {log.read_text('utf-8')[-2000:]}")
            yield Running(process.pid, time.perf_counter() - started)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_WITHIN)
            except subprocess.TimeoutExpired:
                pass
            processes.kill(process)
            process.wait()
            address.unlink(missing_ok=True)


def _told_ready(notified: socket.socket) -> bool:
    try:
        return b"READY=1" in notified.recv(4096)
    except TimeoutError:
        return False


@contextmanager
def mosquitto(directory: Path) -> Iterator[int | None]:
    """Runs Mosquitto; its port, or None if it is not installed."""
    program = broker.program()
    if program is None:
        yield None
        return
    port = free_port()
    config = directory / "mosquitto.conf"
    config.write_text(broker.CONFIG.format(port=port))
    with (directory / "mosquitto.log").open("wb") as log:
        process = processes.start([program, "-c", str(config)], stdout=log, stderr=log)
        try:
            _until_listening(port)
            yield port
        finally:
            process.terminate()
            try:
                process.wait(STOP_WITHIN)
            finally:
                processes.kill(process)


def _until_listening(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("mosquitto does not listen")
