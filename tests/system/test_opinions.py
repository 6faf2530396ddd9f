"""Opinions over HTTP: from the form to the record, through kill -9, and through somebody who does not stop."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from controller.web.accounts import Accounts
from system.served import on_screen, process, rows_of

BAD = {"score": 1, "about": "attitude", "counter": "1", "words": "<b>nobody</b>\u202e greeted me", "language": "en"}


async def test_an_opinion_is_kept_once_through_a_kill_and_its_writer_is_slowed_down(tmp_path: Path) -> None:
    async with process(tmp_path) as (branch, li):
        anybody = li.without("Authorization")

        taken = (await li.post("/api/tickets", {"service": "cash"})).json
        page = taken["page"].removeprefix("/t/")
        refused = await anybody.post(f"/api/pages/{page}/rating", {"score": 5})
        assert refused.refusal == (409, "no_rating_now")
        for key in ("CALL", "START", "FINISH"):
            assert (await li.key("1", key)).status == 200

        # The same form twice at once, and again after the daemon was killed: one complaint with one number.
        headers = {"Idempotency_Key": "form-0001"}
        twice = await asyncio.gather(*(anybody.post("/api/opinions", BAD, **headers) for _ in range(2)))
        assert {reply.status for reply in twice} == {200}
        told = twice[0].json["text"]
        reference = re.search(r"T\d{8}-1\b", told)
        assert reference, told
        rated = await anybody.post(f"/api/pages/{page}/rating", {"score": 4}, Idempotency_Key="rate-0001")
        assert rated.status == 200, rated
        await branch.kill()
        await branch.start()
        await on_screen(li)
        for _ in range(3):
            again = await anybody.post("/api/opinions", BAD, **headers)
            assert (again.status, again.json["text"]) == (200, told)
        other = await anybody.post("/api/opinions", BAD | {"score": 2}, **headers)
        assert other.refusal == (422, "key_reused")
        assert (await anybody.post(f"/api/pages/{page}/rating", {"score": 1})).refusal == (409, "rated_already")
        assert branch.settings.web
        with closing(Accounts(branch.settings.web.accounts, time.time)) as signer:
            yesterday = signer.page("2026-01-01", "A001")
        for gone in (yesterday, "A001.x"):
            assert (await anybody.post("/api/opinions", {"score": 5, "page": gone})).refusal == (404, "no_page")
            assert (await anybody.post(f"/api/pages/{gone}/rating", {"score": 5})).refusal == (404, "no_page")
        journal = branch.settings.journal_path
        ((data, _),) = rows_of(journal, "complaint_opened")
        assert data["complaint"] == reference[0]
        assert (data["owner"], data["counter"], data["about"], data["worded"]) == ("form", "1", "attitude", True)
        ((rating, _),) = rows_of(journal, "rated")
        assert (rating["score"], rating["source"], rating["service"], rating["counter"]) == (4, "page", "cash", "1")
        record = (await li.get("/api/record")).json
        (shown,) = record["complaints"]["open"]
        assert record["words"][shown["notes"][0]["words"]] == "<b>nobody</b> greeted me"
        assert shown["id"] == reference[0]

        # Numbers of people are refused and stored nowhere, not even beside the rows.
        personal = await anybody.post("/api/opinions", {"score": 1, "page": page, "words": "call 138 1234 5678"})
        assert personal.refusal == (409, "words_are_personal")
        written = b"".join(path.read_bytes() for path in journal.parent.glob(f"{journal.name}*"))
        assert b"1234 5678" not in written

        # It is answered and settled.
        assert (await li.post("/api/record", {"key": "ANSWER", "outcome": "apologised"})).status == 200
        assert (await li.post("/api/record", {"key": "SETTLE"})).status == 200
        assert (await li.get("/api/record")).json["complaints"]["open"] == []

        # Whoever does not stop is slowed down, also after a restart; no address of theirs is kept.
        assert (await anybody.post("/api/opinions", {"score": 5})).status == 200
        while (await anybody.post("/api/opinions", {"score": 5})).status == 200:
            pass
        # What was written is purged meanwhile: the complaint stays, without it.
        assert (await li.post("/api/record", {"key": "COMPLAINT", "about": "fees", "words": "too dear"})).status == 200
        assert "too dear" in (await li.get("/api/record")).json["words"].values()
        assert await branch.stop() == 0
        with closing(sqlite3.connect(journal)) as purging, purging:
            purging.execute("DELETE FROM remark WHERE text = 'too dear'")
        await branch.start()
        await on_screen(li)
        record = (await li.get("/api/record")).json
        assert [each["about"] for each in record["complaints"]["open"]] == ["fees"]
        assert "too dear" not in record["words"].values()
        while (slowed := await anybody.post("/api/opinions", {"score": 5})).status == 200:
            pass  # the wait was over meanwhile
        assert slowed.refusal == (429, "too_many_opinions")
        assert slowed.json["wait"] >= 1
        assert (await anybody.get("/opinion?counter=1")).status == 200
        with closing(sqlite3.connect(branch.settings.web.accounts)) as accounts:
            kept = [who for (who,) in accounts.execute("SELECT who FROM opinion")]
        assert kept
        assert not [who for who in kept if "127.0.0.1" in who or "A0" in who]
