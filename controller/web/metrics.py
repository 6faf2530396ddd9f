"""The lobby in figures, for Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from controller import __version__
from controller.clock import synchronised
from controller.journal import JournalError
from controller.lobby.model.state import CounterStage, Stage
from controller.lobby.show import figures, views
from controller.lobby.show.faults import SEVERITIES
from controller.operation import machine
from controller.version import commit
from controller.web.adapter import PagesAdapter
from controller.web.live import Live

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
CLASSES = {
    "customers": ("customers", "Today's customers, called, gone or still waiting."),
    "share": ("share", "Their part of all of today's customers."),
    "mean": ("wait_mean_minutes", "Mean wait until the first call, until they gave up, or so far."),
    "above_target": ("late_share", "The part of them that waited longer than the branch's target."),
    "passed": ("passed_customers", "Customers who would have been called before it if no class had privilege."),
    "passed_by_mean": ("passed_mean_minutes", "By how many minutes, on the mean."),
    "passed_by_max": ("passed_max_minutes", "By how many minutes, at most."),
}
"""Of a class's figures: the metric's name after `lobby_class_`, and what it means."""
DEVICE_STATES = ("ok", "degraded", "offline")
MACHINES = {
    "advised": "Customers whom this answer of the triage sent to a machine today.",
    "insisted": "Of them, those who took a ticket all the same.",
}


class _Lobby(Collector):
    """Queues, counters and the day so far, as the screens have them."""

    def __init__(self, adapter: PagesAdapter, live: Live) -> None:
        self._adapter, self._live = adapter, live

    def collect(self) -> Iterator[Metric]:
        state, rules = self._adapter.state, self._adapter.context.rules
        waiting = GaugeMetricFamily("lobby_waiting_tickets", "Tickets that wait.", labels=["service"])
        for service, count in views.waiting_by_service(state, rules).items():
            waiting.add_metric([service], count)
        yield waiting
        wait = GaugeMetricFamily("lobby_wait_minutes", "Most minutes that a newcomer will wait.", labels=["service"])
        for service, (_, most) in self._adapter.context.waits().items():
            wait.add_metric([service], most)
        yield wait
        yield GaugeMetricFamily(
            "lobby_wait_target_minutes", "Minutes within which everybody should be called.", rules.target / 60
        )
        counters = GaugeMetricFamily("lobby_counters", "Counters, by what they do.", labels=["state"])
        stages = Counter(state.counter(id).stage for id in rules.counters)
        for stage in CounterStage:
            counters.add_metric([str(stage)], stages[stage])
        yield counters
        tickets = GaugeMetricFamily("lobby_tickets_today", "Today's tickets, by where they are.", labels=["state"])
        where = Counter(ticket.stage for ticket in state.tickets.values())
        for place in Stage:
            tickets.add_metric([str(place)], where[place])
        yield tickets
        yield from self._day()
        yield GaugeMetricFamily(
            "lobby_open_pages", "Browser pages that are open.", sum(1 for _ in self._live.viewers())
        )
        yield CounterMetricFamily("lobby_pages_dropped", "Pages that did not keep up.", self._live.dropped)
        yield GaugeMetricFamily(
            "lobby_unprinted_tickets", "Tickets that may not be on paper.", len(state.unknown_prints)
        )

    def _day(self) -> Iterator[Metric]:
        """The day's figures; they begin anew each day, and so are gauges."""
        lobby = self._adapter.context
        today = figures.day(self._adapter.state, lobby.rules, lobby.now())
        kind = GaugeMetricFamily("lobby_day", "What kind of day it is: the profile's is 1.", labels=["profile"])
        if today["profile"]:
            kind.add_metric([today["profile"]], 1)
        yield kind
        for key, (name, text) in CLASSES.items():
            by_class = GaugeMetricFamily(f"lobby_class_{name}", text, labels=["class"])
            for klass, about in today["classes"].items():
                by_class.add_metric([klass], about[key])
            yield by_class
        for key, text in MACHINES.items():
            by_answer = GaugeMetricFamily(f"lobby_self_service_{key}", text, labels=["answer"])
            for answer, counts in today["self_service"].items():
                by_answer.add_metric([answer], counts[key])
            yield by_answer


class _Operation(Collector):
    """What whoever keeps it running has to know: devices, journal, disk, backup, clock, presses."""

    def __init__(self, adapter: PagesAdapter) -> None:
        self._adapter = adapter
        self._started = adapter.context.now() / 1000

    def collect(self) -> Iterator[Metric]:
        build = GaugeMetricFamily("lobby_build_info", "1, with the version that runs.", labels=["version", "commit"])
        build.add_metric([__version__, commit()], 1)
        yield build
        yield GaugeMetricFamily("lobby_start_time_seconds", "When it was started, since 1970.", self._started)
        yield from self._devices()
        found = Counter(fault["severity"] for fault in self._adapter.faults())
        notices = GaugeMetricFamily("lobby_notices", "What the console asks to be seen to.", labels=["severity"])
        for severity in SEVERITIES:
            notices.add_metric([severity], found[severity])
        yield notices
        yield from self._journal()
        yield _gauge(
            "lobby_clock_synchronised",
            "1: a time server has set the clock since boot. Absent: unknown.",
            synchronised(),
        )
        yield from self._tally()

    def _devices(self) -> Iterator[Metric]:
        states = GaugeMetricFamily(
            "lobby_device_state", "1 for the state that the device is in, else 0.", labels=["device", "state"]
        )
        silent = GaugeMetricFamily(
            "lobby_silent_stations", "Terminals of a line never heard though their counter is open.", labels=["device"]
        )
        for device, report in self._adapter.devices().items():
            for state in DEVICE_STATES:
                states.add_metric([device, state], report["state"] == state)
            silent.add_metric([device], len(report["silent"]))
        yield states
        yield silent
        paper = GaugeMetricFamily(
            "lobby_printer_paper",
            "1, with ready, paper_low, or why the printer cannot print (paper_end, cover_open, ..).",
            labels=["device", "state"],
        )
        waiting = GaugeMetricFamily(
            "lobby_printer_waiting_tickets", "Tickets that wait for the printer.", labels=["device"]
        )
        devices = self._adapter.devices()
        for printer in self._adapter.context.printers():
            low = printer.paper == "ready" and devices.get(printer.id, {}).get("code") == "paper_low"
            paper.add_metric([printer.id, "paper_low" if low else printer.paper], 1)
            waiting.add_metric([printer.id], printer.waiting)
        yield paper
        yield waiting

    def _journal(self) -> Iterator[Metric]:
        journal = self._adapter.context.journal
        yield GaugeMetricFamily(
            "lobby_journal_ok", "1: presses are recorded; 0: nothing can be.", not self._adapter.trouble
        )
        yield GaugeMetricFamily("lobby_journal_bytes", "The journal with its log.", machine.journal_size(journal.path))
        disk = machine.room(journal.path)
        yield _gauge("lobby_disk_free_bytes", "Room on the journal's disk.", disk and disk.free)
        yield _gauge("lobby_disk_size_bytes", "The whole of that disk.", disk and disk.size)
        kept_until = self._kept_until()
        yield _gauge(
            "lobby_backup_age_seconds",
            "Since the last backup; before the first, since the journal was begun.",
            None if kept_until is None else max(0.0, self._adapter.context.now() / 1000 - kept_until),
        )

    def _kept_until(self) -> float | None:
        """Until when rows are in a backup, in seconds since 1970; None: nobody can tell."""
        journal = self._adapter.context.journal
        backed_up = machine.backed_up_at(journal.path)
        if backed_up is not None:
            return backed_up
        try:
            begun = journal.begun_at()
        except JournalError:
            return None  # `lobby_journal_ok` says so
        return None if begun is None else begun / 1000

    def _tally(self) -> Iterator[Metric]:
        tally = self._adapter.context.tally
        presses = CounterMetricFamily(
            "lobby_presses", "Presses, by where they came in and what became of them.", labels=["door", "result"]
        )
        for (door, result), count in tally.presses.items():
            presses.add_metric([door, result], count)
        yield presses
        refused = CounterMetricFamily("lobby_refused_presses", "Presses that did not act, by reason.", labels=["code"])
        for code, count in tally.refused.items():
            refused.add_metric([code], count)
        yield refused
        since = GaugeMetricFamily(
            "lobby_press_age_seconds", "Since the last press there. Absent: none since the start.", labels=["door"]
        )
        for door, seconds in tally.since_press():
            since.add_metric([door], seconds)
        yield since
        calls = CounterMetricFamily("lobby_calls", "Tickets called.", labels=["counter"])
        for counter, count in tally.calls.items():
            calls.add_metric([counter], count)
        yield calls
        waited = HistogramMetricFamily(
            "lobby_waited_seconds", "How long customers had waited when first called.", labels=["service"]
        )
        for service, waits in tally.waits.items():
            waited.add_metric([service], list(waits.buckets()), waits.seconds)
        yield waited
        yield CounterMetricFamily("lobby_clock_steps", "How often the clock was set.", tally.clock_steps)


def _gauge(name: str, text: str, value: float | None) -> GaugeMetricFamily:
    """A figure without labels; None: it is not known, and has no sample."""
    return GaugeMetricFamily(name, text, value)


def make_metrics(adapter: PagesAdapter, live: Live) -> CollectorRegistry:
    """What is scraped."""
    registry = CollectorRegistry()
    registry.register(_Lobby(adapter, live))
    registry.register(_Operation(adapter))
    return registry


def text(registry: CollectorRegistry) -> bytes:
    """All of it, in Prometheus's text format."""
    return generate_latest(registry)
