"""The rules and the dashboard in monitoring/, judged by Prometheus's own tool."""

from __future__ import annotations

import os
import re
import shutil
import sys
from itertools import combinations
from pathlib import Path

import monitored
import pytest
import runbooks
import yaml

from bench import processes


def promtool(*words: str | Path) -> str:
    """What promtool says; it must be content. Without it the test is skipped, but fails where everything has to be
    there."""
    program = shutil.which("promtool", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("promtool is missing")
        pytest.skip("promtool is not here: .ci/prepare promtool")
    done = processes.run([program, *words], capture_output=True, text=True, timeout=60, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def test_the_rules_have_no_mistake() -> None:
    assert f"{len(monitored.rules())} rules found" in promtool("check", "rules", "--lint-fatal", monitored.RULES)


def test_each_alert_fires_when_it_should_and_not_before() -> None:
    promtool("test", "rules", monitored.RULE_TESTS)
    tested = yaml.safe_load(monitored.RULE_TESTS.read_text("utf-8"))["tests"]
    looks = [look for test in tested for look in test["alert_rule_test"]]
    fires = {look["alertname"] for look in looks if look["exp_alerts"]}
    is_silent = {look["alertname"] for look in looks if not look["exp_alerts"]}
    assert fires == is_silent == {rule["alert"] for rule in monitored.rules()}


def test_each_alert_says_what_to_do_in_both_languages_and_leads_to_the_runbook() -> None:
    for rule in monitored.rules():
        about = rule["annotations"]
        assert about.keys() == {"summary", "description", "summary_zh", "description_zh", "runbook"}, rule["alert"]
        for name, text in about.items():
            assert bool(re.search("[\u4e00-\u9fff]", text)) == name.endswith("_zh"), (rule["alert"], name)
        for language in runbooks.LANGUAGES:
            assert about["runbook"] in runbooks.sections(language), rule["alert"]
        assert rule["labels"]["severity"] in ("critical", "warning", "info")


def test_the_dashboards_queries_have_no_mistake(tmp_path: Path) -> None:
    queries = [(title, query) for title, query in monitored.queries() if "$" not in query]
    assert len(queries) == len(list(monitored.queries()))
    rules = [{"record": f"query_{n}", "expr": query} for n, (_, query) in enumerate(queries)]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}, allow_unicode=True))
    assert f"{len(rules)} rules found" in promtool("check", "rules", file)


def test_a_mistake_in_a_query_would_be_found(tmp_path: Path) -> None:
    file = tmp_path / "queries.yml"
    file.write_text('groups: [{name: q, rules: [{record: q, expr: "sum by (x (lobby_counters)"}]}]')
    with pytest.raises(AssertionError, match="parse error"):
        promtool("check", "rules", file)


def test_the_dashboard_is_one_for_any_branch() -> None:
    board = monitored.dashboard()
    assert board["schemaVersion"] >= 36
    assert board["uid"] == "lobby-branch"
    assert {variable["name"] for variable in board["templating"]["list"]} == {"datasource", "instance"}
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["datasource"]["uid"] == "${datasource}"
        assert [target["refId"] for target in panel["targets"]] == ["A", "B", "C"][: len(panel["targets"])]
        assert re.search("[\u4e00-\u9fff]", panel["title"]), panel["title"]
        assert all("$instance" in target["expr"] for target in panel["targets"]), panel["title"]
    text = monitored.DASHBOARD.read_text("utf-8")
    assert not re.search(r"https?://|localhost|\d+\.\d+\.\d+\.\d+", text), "a host's name"


def test_no_panel_covers_another() -> None:
    places = [(panel["title"], panel["gridPos"]) for panel in monitored.dashboard()["panels"]]
    assert all(place["x"] + place["w"] <= 24 for _, place in places)
    for (one, a), (other, b) in combinations(places, 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        below = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert beside or below, (one, other)
