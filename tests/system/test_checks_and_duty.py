"""Check lists and duty over HTTP, through a power cut."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

from bench.ports import free_port
from controller.web.accounts import Accounts
from system.branch import HOUSE, Branch
from system.served import WEB, Client, on_screen

LISTS = """
[[thing]]
id = "water"
name = "Water dispenser"

[[checklist]]
id = "before"
name = "Before opening"
when = "before_opening"
items = [{{ id = "forms", name = "Forms" }}, {{ id = "water", name = "Water", thing = "water" }}]

[[clerk]]
number = "4711"
alias = "C07"

[[clerk]]
number = "4712"
alias = "C08"
"""


async def test_checks_and_duty_outlast_a_power_cut(tmp_path: Path) -> None:
    port = free_port()
    async with Branch(tmp_path, port, (HOUSE, LISTS, WEB)) as branch:
        assert branch.settings.web
        with closing(Accounts(branch.settings.web.accounts, time.time)) as accounts:
            token = accounts.add("li", "manager")
        li = Client(port, {"Authorization": f"Bearer {token}"})
        await on_screen(li)

        async def press(key: str, **fields: str) -> tuple[int, str]:
            reply = await li.post("/api/record", {"key": key, **fields})
            return reply.status, reply.json.get("text") or reply.json.get("detail")

        assert await press("CHECK", checklist="before", items="forms") == (200, "Before opening: Forms in order")
        fault = {"items": "water", "result": "fault", "words": "it leaks"}
        assert await press("CHECK", checklist="before", **fault) == (200, "Before opening: all has been checked")
        status, text = await press("CHECK", checklist="before", items="forms")
        assert (status, text.startswith('"Forms" was checked at ')) == (409, True)
        assert (await press("CHECK", checklist="before", items="roof"))[0] == 409
        assert (await li.post("/api/record", {"key": "CHECK", "result": "good"})).status == 422
        assert (await li.key("1", "SIGNIN", "4711")).status == 200
        assert (await li.key("1", "OPEN")).status == 200
        assert await press("DUTY", clerk="C08") == (200, "C08 is on lobby duty")
        assert await press("DUTY", clerk="C07", relieves="C08", words="keys are in the safe") == (
            200,
            "C07 is on lobby duty",
        )
        before = (await li.get("/api/record")).json
        await branch.kill()
        await branch.start()
        await on_screen(li)
        after = (await li.get("/api/record")).json

    assert after["checks"] == before["checks"]
    assert after["duty"] == before["duty"]
    assert after["words"] == before["words"]
    (forms, water) = after["checks"]["lists"][0]["items"]
    assert (forms["result"], forms["by"], water["result"], water["repair"]) == ("ok", "li", "fault", "R1")
    assert after["words"][water["words"]] == "it leaks"
    assert [(each["counter"], each["clerk"]) for each in after["duty"]["people"]] == [
        ("1", "C07"),
        ("", "C08"),
        ("", "C07"),
    ]
    assert after["words"][after["duty"]["notes"][0]["words"]] == "keys are in the safe"
    assert not written(tmp_path, b"4711")
    assert [row.kind for row in branch.rows("repair_opened", "checklist_done", "duty_begun")] == [
        "repair_opened",
        "checklist_done",
        "duty_begun",
        "duty_begun",
    ]


def written(directory: Path, what: bytes) -> bool:
    """Whether something stands in the journal."""
    return any(what in path.read_bytes() for path in directory.glob("lobby.db*"))
