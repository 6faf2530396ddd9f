"""The lobby in figures, for Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from controller.lobby.model.state import CounterStage, Stage
from controller.lobby.show import figures, views
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
MACHINES = {
    "advised": "Customers whom this answer of the triage sent to a machine today.",
    "insisted": "Of them, those who took a ticket all the same.",
}


class _Lobby(Collector):
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
        devices = GaugeMetricFamily("lobby_device_ok", "1: the device works; 0: see its state.", labels=["device"])
        for device, report in self._adapter.devices().items():
            devices.add_metric([device], report["state"] == "ok")
        yield devices
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


def make_metrics(adapter: PagesAdapter, live: Live) -> CollectorRegistry:
    """What is scraped."""
    registry = CollectorRegistry()
    registry.register(_Lobby(adapter, live))
    return registry


def text(registry: CollectorRegistry) -> bytes:
    """All of it, in Prometheus's text format."""
    return generate_latest(registry)
