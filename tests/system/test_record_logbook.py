"""The log book and the reminders of a real daemon, over HTTP and `lobby record`, and across kill -9."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import pytest

from bench import processes
from controller.web.accounts import Accounts
from system.branch import LOBBY
from system.served import Client, on_screen, process

SHOWN = ("logbook", "reminders")


@pytest.mark.long
async def test_a_signed_log_is_the_same_after_a_power_cut(tmp_path: Path) -> None:
    async with process(tmp_path) as (branch, li):
        keys = (
            {"key": "LOG", "topic": "suspicious", "words": "grey coat"},
            {"key": "LOG", "topic": "visit", "words": "auditors", "tomorrow": True},
            {"key": "REMIND", "topic": "cash", "whom": "1", "words": "ref 4711"},
            {"key": "SIGNOFF", "sure": True},
        )
        answers = [(await li.post("/api/record", key, Idempotency_Key=f"key-{n:04}")) for n, key in enumerate(keys)]
        assert [answer.status for answer in answers] == [200] * 4, answers
        before = (await li.get("/api/record")).json
        report = (await li.get("/api/record/day")).json
        assert "grey coat" in before["words"].values()
        assert "grey coat" not in str(report)
        assert "grey coat" not in str([row.data for row in branch.rows()]) + branch.log()

        await branch.kill()
        await branch.start()
        await on_screen(li)
        after = (await li.get("/api/record")).json
        assert {name: after[name] for name in (*SHOWN, "words")} == {name: before[name] for name in (*SHOWN, "words")}
        again = (await li.get("/api/record/day")).json
        for told in ("entries", "private", "todo", "signed", "words"):
            assert again[told] == report[told], told
        # What was sent before the power cut and is sent again has been done already.
        sent = [(await li.post("/api/record", key, Idempotency_Key=f"key-{n:04}")) for n, key in enumerate(keys)]
        assert [answer.json for answer in sent] == [answer.json for answer in answers]
        assert len(branch.rows("log_entered", "reminder_set", "day_signed_off")) == 5
        assert (await li.post("/api/record", {"key": "SIGNOFF"})).refusal == (409, "signed_already")

        # A counter sees nothing of it.
        assert branch.settings.web
        with closing(Accounts(branch.settings.web.accounts, time.time)) as accounts:
            clerk = Client(li.port, {"Authorization": f"Bearer {accounts.add('clerk', 'counter', '1')}"})
        for path in ("/api/record", "/api/record/day", "/api/console"):
            assert (await clerk.get(path)).refusal == (403, "forbidden"), path
        assert "grey coat" not in str((await clerk.get("/api/counters/1")).json)

        command = (LOBBY, "record", "DONE", "reminder=T2", "--config", branch.config)
        code, out, _ = await processes.ended(*command)
        assert (code, len((await li.get("/api/record")).json["reminders"]["open"])) == (0, 1), out
