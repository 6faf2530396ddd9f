"""What only televisions are served: zones, the lobby manager's notices, pictures and clips."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from controller.web import media
from system.served import Client, Reply, Serve, said

ZONES = """
[[zone]]
id = "west"
name = "West hall"
counters = ["1", "2"]
televisions = ["tv-west"]

[[zone]]
id = "east"
name = "East hall"
services = ["personal"]
"""
TELEVISION = """
[television]
media = "media"
seconds = 5
"""
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(100))
WEBM = b"\x1a\x45\xdf\xa3" + bytes(range(200))


def page_of(reply: Reply) -> dict[str, Any]:
    """What a page is given."""
    assert reply.status == 200, reply
    return dict(json.loads(reply.body.decode().partition('id="page">')[2].partition("</script>")[0]))


VOICE = """
[[device]]
id = "voice"
driver = "voice"
player = "true"
"""
BOARD = """
[[device]]
id = "board"
driver = "bx"
model = "6k1"
link = "serial:{directory}/none"
voice = {{}}
"""


@pytest.mark.parametrize(
    ("devices", "speaking"),
    [
        ("", ["", "west", "east"]),
        (BOARD, []),
        (BOARD + 'zone = "west"\n', ["east"]),
        (BOARD + 'zone = "west"\n' + VOICE + 'zone = "east"\n', []),
    ],
    ids=["none", "a board", "a board of a zone", "both zones"],
)
async def test_a_television_leaves_speaking_to_what_speaks_in_its_zone(
    devices: str, speaking: list[str], serve: Serve
) -> None:
    async with serve(ZONES, devices) as lobby:
        li = await lobby.person("li")
        views = {zone: (await li.get(f"/api/television?zone={zone}")).json for zone in ("", "west", "east")}
        assert [zone for zone, view in views.items() if view["speaks"]] == speaking


async def test_a_zone_is_what_the_address_says_or_the_account(serve: Serve) -> None:
    async with serve(ZONES) as lobby:
        li, west = await lobby.person("li"), await lobby.screen("tv-west")
        for service in ("cash", "cash", "personal"):
            await lobby.device(f"kiosk-{service}-{len(lobby.accounts.all())}", "kiosk").take(service)
        for counter in ("1", "2", "3"):
            assert (await li.key(counter, "CALL")).status == 200

        async def calls(query: str) -> list[str]:
            view = (await li.get(f"/api/television{query}")).json
            async with li.stream(f"/api/television/live{query}") as stream:
                assert (await stream.view())["calls"] == view["calls"]
            return [call["ticket"] for call in view["calls"]]

        assert await calls("") == ["B001", "A002", "A001"]
        assert await calls("?zone=west") == ["A002", "A001"]
        assert await calls("?zone=east") == ["B001"], "the counters whose own work its service is"
        for path in ("/api/television?zone=north", "/api/television/live?zone=north"):
            reply = await li.get(path)
            assert reply.refusal == (404, "unknown_zone")
            assert "north" in reply.json["detail"]
            assert "west, east" in reply.json["detail"]

        for client, path, zone in (
            (li, "/tv", ""),
            (li, "/tv?zone=east", "east"),
            (west, "/tv", "west"),
            (west, "/tv?zone=east", "east"),
            (west, "/tv?zone=", ""),
        ):
            page = page_of(await client.get(path))
            assert (page["zone"], page["noZone"]) == (zone, ""), path
        page = page_of(await li.get("/tv?zone=%3Cb%3E"))
        assert page["noZone"] == lobby.settings.rules.wording.say("http.unknown_zone", zone="<b>", known="west, east")

        # Who has to sign in first comes to the same zone.
        location = (await lobby.anybody.get("/tv?zone=east")).header("location")
        assert page_of(await lobby.anybody.get(location))["next"] == "/tv?zone=east"


async def test_a_notice_is_up_until_its_end_also_after_a_restart_and_its_words_are_in_no_event(serve: Serve) -> None:
    words = "Lift out of order: ask Mr Wang"

    async def press(li: Client, **content: Any) -> Reply:
        return await li.post("/api/panel", content)

    async def up(li: Client) -> list[str]:
        console = (await li.get("/api/console")).json["posted"]
        television = (await li.get("/api/television")).json["posted"]
        assert [(each["text"], each["until"]) for each in console] == [
            (each["text"], each["until"]) for each in television
        ]
        return [each["text"] for each in console]

    async with serve() as lobby:
        li = await lobby.person("li")
        async with li.stream("/api/television/live") as stream:
            assert (await press(li, key="NOTICE", words=words, minutes=30)).json["result"] == "ok"
            [shown] = (await stream.view(lambda view: view["posted"]))["posted"]
            assert shown["text"] == words
            assert (await press(li, key="NOTICE", words="closed")).json["result"] == "ok"
        assert await up(li) == [words, "closed"]
        assert (await press(li, key="NOTICE", words="x" * 121)).status == 422
        assert (await press(li, key="NOTICE", words=" ")).refusal == (409, "notice_empty")
        posted = [row for row, _ in lobby.rows("notice_posted")]
        assert [(row["id"], row["by"]) for row in posted] == [("1", "user/li"), ("2", "user/li")]
        assert all(row.keys() == {"id", "until", "by"} for row in posted)
    with closing(sqlite3.connect(lobby.settings.journal_path)) as journal:
        rows = " ".join(data for (data,) in journal.execute("SELECT data FROM event"))
        kept = journal.execute("SELECT text FROM remark ORDER BY at").fetchall()
    assert "Wang" not in rows
    assert kept == [(words,), ("closed",)]

    async with serve() as lobby:
        li = await lobby.person("li")
        assert await up(li) == [words, "closed"]
        assert (await press(li, key="ENDNOTICE", notice="2")).json["result"] == "ok"
        assert await up(li) == [words]
        lobby.hands.skip(31 * 60)
        assert await up(li) == []
        assert (await press(li, key="ENDNOTICE")).refusal == (409, "unknown_notice")


async def test_pictures_and_clips_are_served_to_who_is_signed_in_and_no_other_file(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(media, "LOOK", 0.05)
    folder = tmp_path / "media"
    async with serve(TELEVISION) as lobby:
        tv = await lobby.screen("tv")
        assert page_of(await tv.get("/tv"))["media"] == {"seconds": 5, "sound": False}
        async with tv.stream("/api/television/live") as stream:
            assert (await stream.view())["media"] == []
            folder.mkdir()
            for name, content in (("1 招牌.png", PNG), ("2.webm", WEBM), ("3.svg", b"<svg/>"), ("4.png", b"broken")):
                (tmp_path / "copied").write_bytes(content)
                (tmp_path / "copied").rename(folder / name)
            found = (await stream.view(lambda view: len(view["media"]) == 2))["media"]
            assert [each["clip"] for each in found] == [False, True]
            assert all(re.fullmatch(r"/media/[0-9a-f]{24}\.(png|webm)", each["src"]) for each in found)
            picture, clip = [await tv.get(each["src"]) for each in found]
            assert (picture.status, picture.header("content-type"), picture.body) == (200, "image/png", PNG)
            assert (clip.status, clip.header("content-type"), clip.body) == (200, "video/webm", WEBM)
            assert "media-src 'self'" in clip.header("content-security-policy")
            part = await tv.get(found[1]["src"], Range="bytes=10-19")
            assert (part.status, part.body) == (206, WEBM[10:20])
            assert (await lobby.anybody.get(found[0]["src"])).status == 401
            named = ("1%20%E6%8B%9B%E7%89%8C.png", "2.webm", "3.svg", "4.png")
            for path in ("../branch.toml", "..%2fbranch.toml", *named, "%00", ""):
                assert (await tv.get(f"/media/{path}")).status == 404, path
            (folder / "2.webm").unlink()
            await stream.view(lambda view: len(view["media"]) == 1)
            assert (await tv.get(found[1]["src"])).status == 404
    assert len(said(caplog, "televisions show no pictures")) == 1
    assert len(said(caplog, "is not shown on televisions")) == 1
