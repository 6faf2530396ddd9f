"""What is in monitoring/: the rules, the dashboard, and what their queries ask for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
RULES = ROOT / "monitoring" / "lobby.rules.yml"
RULE_TESTS = ROOT / "tests" / "monitoring" / "lobby.rules.test.yml"
DASHBOARD = ROOT / "monitoring" / "lobby.dashboard.json"
OF_PROMETHEUS = {"instance", "job", "le"}
"""Labels that no figure of ours has to have: Prometheus's own, and a histogram's."""


def rules() -> list[dict[str, Any]]:
    """Every alert."""
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    """As Grafana has it."""
    found: dict[str, Any] = json.loads(DASHBOARD.read_text("utf-8"))
    return found


def queries() -> Iterator[tuple[str, str]]:
    """Every query in PromQL, with where it stands; Grafana's variables have values."""
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in dashboard()["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"].replace("$instance", "b-1")


def asked(query: str) -> Iterator[tuple[str, set[str]]]:
    """Each figure of ours that a query asks for, with the labels by which it picks some or joins them."""
    grouped = set(re.findall(r"\w+", " ".join(re.findall(r"\b(?:by|on|ignoring|without)\s*\(([^)]*)\)", query))))
    for name, matchers in re.findall(r"\b(lobby_\w+)(?:\{([^}]*)\})?", query):
        yield name, set(re.findall(r"(\w+)\s*(?:=|!=|=~|!~)", matchers)) | grouped


def shown(panel: dict[str, Any]) -> set[str]:
    """The labels that a panel's legends name."""
    return {label for target in panel["targets"] for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])}
