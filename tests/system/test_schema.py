"""Requests made up from the API's own description: no answer that is not in it, and none that is a fault of ours."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import processes
from system.served import Client, Reply, Serve, process

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
SEED = os.environ.get("LOBBY_SCHEMA_SEED", "20260302")
EXAMPLES = 30
"""Requests made up for each operation, beside those that try every limit in its description."""

# What fits the description may still be refused: a key that was used for something else, a name and a token at once.
NOT_ASKED = "positive_data_acceptance"


def leading_somewhere(described: dict[str, Any], known: dict[str, str]) -> dict[str, Any]:
    """The description with a token as the only way of signing in, with tickets and parts of paths that there are."""
    del described["components"]["securitySchemes"]["session"]
    described["security"] = [{"token": []}]
    about = described["components"]["schemas"]["PanelPress"]["properties"]
    about["ticket"]["examples"], about["service"]["examples"] = [known["ticket"]], ["personal"]
    for operations in described["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                if parameter["name"] in known:
                    parameter["example"] = known[parameter["name"]]
    return described


@pytest.mark.long
@pytest.mark.timeout(240)
async def test_no_answer_that_is_not_described(tmp_path: Path) -> None:
    async with process(tmp_path) as (_, li):
        taken = (await li.post("/api/tickets", {"service": "cash"})).json
        known = {"page": taken["page"].removeprefix("/t/"), "ticket": taken["ticket"], "counter": "2"}
        described = leading_somewhere((await li.get("/api/openapi.json")).json, known)
        schema = tmp_path / "openapi.json"
        schema.write_text(json.dumps(described))
        code, out, _ = await processes.ended(
            *(SCHEMATHESIS, "run", schema, "--url", f"http://127.0.0.1:{li.port}"),
            *("--header", f"Authorization: {li.headers['Authorization']}"),
            *("--checks", "all", "--exclude-checks", NOT_ASKED, "--phases", "examples,coverage,fuzzing"),
            *("--exclude-path-regex", "/live$", "--max-examples", str(EXAMPLES), "--continue-on-failure"),
            *("--seed", SEED, "--generation-database", "none", "--no-color", "--request-timeout", "10"),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.STDOUT,
            cwd=tmp_path,
            seconds=230,
        )
        said = out.decode()
        assert code == 0, f"seed {SEED}\n{said}"
        assert re.search(r"Tested: 27\b", said), said
        print(f"seed {SEED}\n{said[-800:]}")
        assert (await li.get("/health")).status == 200


async def test_streams_answer_as_described(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve() as lobby:
        li, tv, kiosk = lobby.device("li"), lobby.device("tv", "screen"), lobby.device("kiosk", "kiosk")
        paths = (await li.get("/api/openapi.json")).json["paths"]
        streams = {path: operations for path, operations in paths.items() if path.endswith("/live")}
        assert len(streams) == 8
        page = (await li.post("/api/tickets", {"service": "cash"})).json["page"].removeprefix("/t/")

        async def reply(client: Client, path: str) -> Reply:
            async with client.stream(path) as stream:
                return stream.reply

        async def seen(path: str) -> set[int]:
            found = set()
            for counter, ticket in (("2", page), ("99", "A001.x"), ("%00", "%ff")):
                for client in (li, tv, kiosk, lobby.anybody):
                    answer = await reply(client, path.format(counter=counter, page=ticket))
                    kinds = paths[path]["get"]["responses"][str(answer.status)]["content"]
                    assert answer.header("content-type").partition(";")[0] in kinds
                    found.add(answer.status)
            return found

        statuses = {path: await seen(path) for path in streams}
        statuses["/api/television/live"].add((await reply(li, "/api/television/live?zone=nowhere")).status)
        statuses["/api/feed/live"].add((await reply(li, "/api/feed/live?after=99999")).status)
        monkeypatch.setattr("controller.web.live.VIEWERS", 0)
        for path in streams:
            statuses[path] |= {(await reply(li, path.format(counter="2", page=page))).status}
        unseen = {408, 413, 422, 500}
        for path, operations in streams.items():
            documented = {int(status) for status in operations["get"]["responses"]}
            assert statuses[path] == documented - unseen, path
