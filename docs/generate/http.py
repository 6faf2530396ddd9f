"""The operations of the HTTP API, from its own description; who may was tried, operation by operation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from controller.web.roles import ROLES
from docs.generate.branch import Branch
from docs.generate.markdown import code, page, table

INTRODUCTION = """
Described in full at `/api/openapi.json`, for whoever is signed in. A program sends a token as `Authorization: Bearer
TOKEN`; a page has the cookie of its session, and sends the `csrf` of `GET /api/session` as `X-CSRF-Token` with whatever
changes something. A request that is sent again with the same `Idempotency-Key` (8 to 64 of A-Z a-z 0-9 - _) acts once
and gets the same answer, after a restart too; another request under that key is refused.

A refusal is `application/problem+json` (RFC 9457) with `code` for programs and `detail` for people. Any operation may
answer 408 (the body did not come in time), 413 (it is too long), 422 (it cannot be read), 500 (a fault of ours) or 503
(nothing can be recorded at the moment, or too many ask at once; `Retry-After` says when to try again).

A path that ends in `/live` (but `/api/feed/live`: [lines of JSON](../guides/feed.md)) tells the same as the one
without as server-sent events: `hello` with the pages' `build` (and `page`, of a device), `view` whenever it has
changed, `ping` every five seconds, `end` with the reason.
""".strip()
COMMON = {"200", "204", "408", "413", "422", "500", "503"}
TURNED_AWAY = (401, 403)


async def http(branch: Branch) -> str:
    """The page."""
    described = json.loads((await branch.ask("GET", "/api/openapi.json", "manager")).body)
    rows = []
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            if path.endswith("/live"):
                continue
            may = "anybody" if operation.get("security") == [] else await _may(branch, method.upper(), path)
            refusals = ", ".join(status for status in operation["responses"] if status not in COMMON)
            live = " (`/live`)" if f"{path}/live" in described["paths"] else ""
            takes, gives = _body(operation.get("requestBody")), _body(operation["responses"].get("200"))
            rows.append((f"`{method.upper()} {path}`{live}", operation["summary"], may, takes, gives, refusals))
    heads = ("operation", "does", "for", "takes", "gives", "also refuses with")
    models = [*_models(described["components"]["schemas"])]
    source = "The pages' own paths, and who signs in how: [operate.md](../operate.md)."
    return page("HTTP", source, ["", INTRODUCTION, *table(heads, rows), *models])


async def _may(branch: Branch, method: str, path: str) -> str:
    """The roles that are not turned away."""
    there = path.replace("{counter}", "1").replace("{ticket}", "A001")
    statuses = {role: (await branch.ask(method, there, role)).status for role in ROLES}
    may = [role for role, status in statuses.items() if status not in TURNED_AWAY]
    return "whoever is signed in" if len(may) == len(ROLES) else ", ".join(may)


def _body(about: dict[str, Any] | None) -> str:
    for content in (about or {}).get("content", {}).values():
        name = str(content["schema"].get("$ref", "")).rpartition("/")[2]
        return f"[{name}](#{name.lower()})" if name else "an object"
    return ""


def _models(schemas: dict[str, Any]) -> Iterator[str]:
    yield from ("", "## Bodies")
    for name, schema in sorted(schemas.items()):
        must = schema.get("required", [])
        yield from ("", f"### {name}", "", " ".join(schema.get("description", "").split()))
        rows = [
            (code(field), _is(about), "yes" if field in must else "", about.get("description", ""))
            for field, about in schema["properties"].items()
        ]
        yield from table(("field", "is", "always there", "means"), rows)


def _is(about: dict[str, Any]) -> str:
    """What a field may be."""
    if "enum" in about:
        return " ".join(map(code, about["enum"]))
    if "anyOf" in about:
        return " or ".join(_is(each) for each in about["anyOf"])
    match about.get("type"):
        case "array":
            most = f"at most {about['maxItems']} of: " if "maxItems" in about else "a list of: "
            return most + _is(about["items"])
        case "string" if "pattern" in about:
            return f"a text that fits `{about['pattern']}`"
        case "string" if "maxLength" in about:
            return f"a text of at most {about['maxLength']} characters"
    names = {"string": "a text", "boolean": "true or false", "integer": "a whole number", "null": "null"}
    return names.get(str(about.get("type")), "an object")
