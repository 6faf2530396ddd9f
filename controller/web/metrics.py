"""The lobby in figures, for Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from controller.lobby import views
from controller.lobby.state import CounterStage, Stage
from controller.web.live import Live
from controller.web.post import PagesPost

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _Lobby(Collector):
    def __init__(self, post: PagesPost, live: Live) -> None:
        self._post, self._live = post, live

    def collect(self) -> Iterator[Metric]:
        state, rules = self._post.state, self._post.lobby.rules
        waiting = GaugeMetricFamily("lobby_waiting_tickets", "Tickets that wait.", labels=["service"])
        for service, count in views.waiting_by_service(state, rules).items():
            waiting.add_metric([service], count)
        yield waiting
        wait = GaugeMetricFamily("lobby_wait_minutes", "Most minutes that a newcomer will wait.", labels=["service"])
        for service, (_, most) in self._post.lobby.waits().items():
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
        devices = GaugeMetricFamily("lobby_device_ok", "1: the device works; 0: see its state.", labels=["device"])
        for device, report in self._post.devices().items():
            devices.add_metric([device], report["state"] == "ok")
        yield devices
        yield GaugeMetricFamily(
            "lobby_open_pages", "Browser pages that are open.", sum(1 for _ in self._live.viewers())
        )
        yield CounterMetricFamily("lobby_pages_dropped", "Pages that did not keep up.", self._live.dropped)
        yield GaugeMetricFamily(
            "lobby_unprinted_tickets", "Tickets that may not be on paper.", len(state.unknown_prints)
        )


def make_metrics(post: PagesPost, live: Live) -> CollectorRegistry:
    """What is scraped."""
    registry = CollectorRegistry()
    registry.register(_Lobby(post, live))
    return registry


def text(registry: CollectorRegistry) -> bytes:
    """All of it, in Prometheus's text format."""
    return generate_latest(registry)
