"""What the HTTP API has said of itself it says still: it may grow, and nothing of it changes or goes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from traffic.test_traffic import recorded

KEPT = Path(__file__).with_name("openapi.json")


def changes(old: Any, new: Any, where: str = "") -> list[str]:
    """What of `old` is not in `new` as it was, a path each; keys may be added to objects, and what may be left out of a
    request or an answer to lists of `enum`, `anyOf`, `parameters`."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            found
            for key, value in old.items()
            for found in (changes(value, new[key], f"{where}/{key}") if key in new else [f"{where}/{key} is gone"])
        ]
    name = where.rpartition("/")[2]
    if isinstance(old, list) and isinstance(new, list) and name in ("enum", "anyOf", "parameters"):
        missing = [value for value in old if not any(not changes(value, other) for other in new)]
        needed = [value["name"] for value in new if name == "parameters" and value.get("required")]
        known = [value["name"] for value in old if name == "parameters"]
        return [f"{where} lacks {json.dumps(value)[:200]}" for value in missing] + [
            f"{where} needs {each}" for each in needed if each not in known
        ]
    return [] if old == new else [f"{where} was {json.dumps(old)[:200]} and is {json.dumps(new)[:200]}"]


def test_nothing_of_it_changes_or_goes() -> None:
    assert changes(json.loads(KEPT.read_text("utf-8")), json.loads(recorded("--openapi"))) == []


def test_what_changes_is_found() -> None:
    old = {"paths": {"/a": {"get": {"parameters": [{"name": "x", "required": True}]}}}, "required": ["key"]}
    assert changes(old, {**old, "more": 1}) == []
    assert changes(old, {"paths": {}, "required": ["key"]}) == ["/paths//a is gone"]
    assert changes(old, {**old, "required": ["key", "other"]}) == [
        '/required was ["key"] and is ["key", "other"]',
    ]
    get = {"parameters": [{"name": "x", "required": True}, {"name": "y", "required": True}]}
    assert changes(old, {**old, "paths": {"/a": {"get": get}}}) == ["/paths//a/get/parameters needs y"]
    assert changes(old, {**old, "paths": {"/a": {"get": {"parameters": []}}}}) == [
        '/paths//a/get/parameters lacks {"name": "x", "required": true}',
    ]
