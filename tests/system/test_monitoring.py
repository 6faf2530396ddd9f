"""What the daemon serves to Prometheus: every figure that rules and dashboard ask for, and what it says."""

from __future__ import annotations

import os
import re
from pathlib import Path

import monitored
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from controller import __version__
from controller.journal import backups
from controller.operation import machine
from controller.version import commit
from system.branch import PRINTER
from system.served import Client, Serve

DAY = 86400.0


async def scraped(client: Client) -> dict[str, Metric]:
    """The figures by name."""
    text = (await client.get("/metrics")).body.decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def values(figures: dict[str, Metric], name: str) -> dict[str, float]:
    """A figure's samples by their labels."""
    return {",".join(sample.labels.values()): sample.value for sample in figures[name].samples}


async def test_all_that_is_asked_for_is_served(serve: Serve) -> None:
    async with serve(PRINTER) as lobby:
        li, prometheus = await lobby.person("li"), lobby.device("prometheus", "screen")
        await li.key("1", "RECALL")
        await li.take()
        await li.key("1", "CALL")
        lobby.daemon.hub.look_ahead("cash")
        figures = await scraped(prometheus)
    served = {sample.name: set(sample.labels) for family in figures.values() for sample in family.samples}
    # A machine without a clock that can be asked has no sample of this one.
    served.setdefault("lobby_clock_synchronised", set())
    for where, query in monitored.queries():
        for name, labels in monitored.asked(query):
            assert name in served, (where, name)
            missing = labels - served[name] - monitored.OF_PROMETHEUS
            joined = re.search(r"\b(on|ignoring)\b", query) and missing <= {"device", "state"}
            assert not missing or joined, (where, name, missing)
    for panel in monitored.dashboard()["panels"]:
        names = {name for target in panel["targets"] for name, _ in monitored.asked(target["expr"])}
        assert monitored.shown(panel) <= set().union(*(served[name] for name in names)), panel["title"]


async def test_presses_calls_and_waits_are_counted(serve: Serve) -> None:
    async with serve() as lobby:
        li, prometheus = await lobby.person("li"), lobby.device("prometheus", "screen")
        for _ in range(2):
            await li.take()
            lobby.hands.skip(200)
        await li.key("1", "CALL")
        await li.key("2", "PAUSE")
        lobby.hands.skip(30)
        figures = await scraped(prometheus)
    assert values(figures, "lobby_presses") == {"pages,ok": 3, "pages,refused": 1}
    assert [*values(figures, "lobby_refused_presses")] == ["counter_closed"]
    assert values(figures, "lobby_calls") == {"1": 1}
    waited = {sample.labels.get("le", sample.name): sample.value for sample in figures["lobby_waited_seconds"].samples}
    assert (waited["300"], waited["600"], waited["+Inf"]) == (0, 1, 1)
    assert waited["lobby_waited_seconds_sum"] == pytest.approx(400, abs=5)
    assert values(figures, "lobby_press_age_seconds").keys() == {"pages"}
    (build,) = figures["lobby_build_info"].samples
    assert (build.labels, build.value) == ({"version": __version__, "commit": commit()}, 1)
    assert not any("li" in sample.labels.values() for family in figures.values() for sample in family.samples)


async def test_devices_disk_and_backup(serve: Serve, tmp_path: Path) -> None:
    async with serve(PRINTER) as lobby:
        prometheus, journal = lobby.device("prometheus", "screen"), lobby.settings.journal_path
        figures = await scraped(prometheus)
        states = values(figures, "lobby_device_state")
        assert (states["printer,ok"], states["printer,degraded"], states["printer,offline"]) == (0, 0, 1)
        assert [*values(figures, "lobby_printer_paper").values()] == [1]
        assert values(figures, "lobby_journal_ok") == {"": 1}
        assert values(figures, "lobby_notices")["urgent"] == 1, "no ticket comes out"
        room = os.statvfs(tmp_path)
        assert values(figures, "lobby_disk_size_bytes")[""] == room.f_blocks * room.f_frsize
        assert 0 < values(figures, "lobby_disk_free_bytes")[""] <= room.f_blocks * room.f_frsize
        assert values(figures, "lobby_journal_bytes")[""] >= journal.stat().st_size
        # Before the first backup, since the journal was begun.
        lobby.hands.skip(3 * DAY)
        age = values(await scraped(prometheus), "lobby_backup_age_seconds")[""]
        assert age == pytest.approx(3 * DAY, abs=60)
        backups.back_up(journal, tmp_path / "backup.db")
        made = machine.backed_up_at(journal)
        assert made
        now = lobby.hands.now()
        os.utime(f"{journal}{machine.STAMP}", (now - 100, now - 100))
        age = values(await scraped(prometheus), "lobby_backup_age_seconds")[""]
        assert age == pytest.approx(100, abs=30)
