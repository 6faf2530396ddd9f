"""What the program says on every wire is what it said when the days were recorded, byte for byte."""

from __future__ import annotations

import lzma
import os
import sys
from pathlib import Path

import pytest

from bench import processes
from traffic.recording import difference, kept, streams

DAYS = (3, 10, *(seed for seed in range(1, 21) if seed not in (3, 10)))
"""The first two have most in them: both languages and both versions of MQTT, days that end and clocks that are set."""
TESTS = Path(__file__).parents[1]


def recorded(*arguments: str) -> str:
    """What the recorder, in a process of its own, says."""
    environment = os.environ | {"PYTHONPATH": str(TESTS), "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "traffic", *arguments]
    return processes.run(command, env=environment, stdout=-1, check=True, timeout=300).stdout.decode()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", DAYS[: metafunc.config.getoption("--traffic-days")])


@pytest.mark.verify
@pytest.mark.timeout(320)
def test_a_day_sounds_as_it_did(seed: int) -> None:
    old, new = lzma.decompress(kept(seed).read_bytes()).decode(), recorded(str(seed))
    found = difference(old, new)
    assert not found, f"day {seed}: {found}"


def test_a_difference_is_shown_where_it_is() -> None:
    old = "## mqtt\n1.000\ta\n2.500\tlobby/x 17\n## wire hall (bx)\n2.000\ta5 a5\n3.000\ta5\n"
    assert difference(old, old) == ""
    found = difference(old, old.replace("lobby/x 17", "lobby/x 18").replace("3.000\ta5", "3.000\ta6"))
    assert found.startswith("mqtt at 2.500 s, from character 15")
    assert "old: 2.500\tlobby/x 17\nnew: 2.500\tlobby/x 18\n" in found
    assert found.endswith("differ: wire hall (bx)")
    assert difference(old, old + "4.000\tff\n").startswith("wire hall (bx) at 4.000 s")
    assert difference(old, old.replace("1.000\ta\n", "")).startswith("mqtt at 1.000 s")


def test_a_recording_has_every_wire() -> None:
    lines = streams(lzma.decompress(kept(DAYS[0]).read_bytes()).decode())
    said = {name: len(those) for name, those in lines.items()}
    for name in ("mqtt", "paper printer", "journal", "http manager", "http kiosk", "live /api/console/live manager"):
        assert said[name] > 15, name
    for wire in ("printer (escpos)", "terminals (terminal68)", "hall (bx)", "hall-2 (bx)", "window-1 (vfd)"):
        assert said[f"wire {wire}"] > 15, wire
