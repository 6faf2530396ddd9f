"""The virtual lobby without a controller: what its page shows of devices that nobody drives, and whom it obeys."""

from __future__ import annotations

import asyncio
import json
import re
import time
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
from ports import eventually
from visitor import Browser, page_data

from controller.config import read, shipped
from controller.lobby.actions.press import Where
from controller.presses import keys
from simulators.branch import SimulatedBranch
from simulators.devices.escpos import PAPERS_KEPT, TICKETS_KEPT, Album, PrinterFarEnd
from simulators.faults import Faults
from simulators.virtual_lobby import view
from simulators.virtual_lobby.server import COMMON, FILES, OURS, VirtualLobby, free_port
from simulators.virtual_lobby.view import HERE, words

TICKET = "A017\n\n\n".encode("gb18030") + b"\x1dV\x01"
"""Bytes that make a printer print a line and cut."""


@pytest.fixture
async def simulated(tmp_path: Path) -> AsyncIterator[SimulatedBranch]:
    """The demo's devices, plugged in, with nobody at the other end."""
    simulated = SimulatedBranch(read(shipped("demo.toml")), tmp_path / "dev", seed=1)
    simulated.plug_all()
    yield simulated
    simulated.unplug_all()


@pytest.fixture
async def lobby(simulated: SimulatedBranch) -> AsyncIterator[VirtualLobby]:
    lobby = VirtualLobby(
        read(shipped("demo.toml")), simulated, people=asyncio.Event(), links=[{"name": "TV", "href": "/tv"}]
    )
    async with lobby.serving():
        yield lobby


@pytest.fixture
async def browser(lobby: VirtualLobby) -> Browser:
    browser = Browser(lobby.address.removesuffix("/lobby"))
    browser.token = (await page_data(browser))["account"]["csrf"]
    return browser


def test_both_languages_say_the_same_things_and_nothing_is_left_over() -> None:
    assert words("zh").keys() == words("en").keys()
    for key, sentence in words("zh").items():
        assert re.findall(r"\{\w+\}", sentence) == re.findall(r"\{\w+\}", words("en")[key]), key
    sources = [*(path.read_text() for path in FILES.values()), *(path.read_text() for path in HERE.glob("*.py"))]
    sources += [path.read_text() for path in (HERE.parent / "devices").glob("*.py")]
    code = "\n".join(sources)
    said = set(re.findall(r'"([a-z]+\.\w+)"', code))
    begun = tuple(re.findall(r"`([a-z]+\.\w*)\$\{", code))
    for key in words("en"):
        assert key in said or key.startswith(begun), f"nothing says {key}"
    for key in re.findall(r'say\("([^"]+)"', "\n".join(sources[:1])):
        assert key in words("en"), key


def test_every_key_that_can_be_pressed_has_a_name_and_a_button(simulated: SimulatedBranch) -> None:
    shown = view.View(read(shipped("demo.toml")), simulated).layout()["keys"]
    assert {*shown["keypad"]} == {*keys(Where.COUNTER)} > {*shown["terminal"]}
    assert {*shown["panel"]} == {*keys(Where.PANEL)} > {"UNDO", "CALL"}
    for key in (*shown["terminal"], *shown["keypad"], *shown["panel"]):
        assert f"key.{key}" in words("en")


BUTTON = """
[[device]]
id = "button"
driver = "zigbee2mqtt"
topic = "zigbee2mqtt/button"
counter = "1"
keys = { single = "CALL" }
"""


def test_a_device_without_a_wire_has_a_state_and_keys_too(tmp_path: Path) -> None:
    for file in shipped("demo.toml").parent.glob("*.toml"):
        (tmp_path / file.name).write_text(file.read_text("utf-8"), "utf-8")
    path = tmp_path / "branch.toml"
    path.write_text(shipped("demo.toml").read_text("utf-8") + BUTTON, "utf-8")
    settings = read(path)
    shown = view.View(settings, SimulatedBranch(settings, tmp_path / "dev", seed=1))
    assert shown.layout()["others"] == [{"id": "button", "title": "1号窗口Zigbee 按钮"}]
    assert shown.picture()["others"]["button"]["keys"] == ["single", "online", "offline"]
    assert shown.picture()["devices"]["button"] == {"state": "", "detail": "", "knobs": {}}


def test_papers_keep_their_numbers_when_the_printer_forgets_the_first_ones() -> None:
    printer = PrinterFarEnd(Faults(Random(1)), seconds_per_line=0)
    album = Album(printer)
    assert not album.papers()
    printer.receive(TICKET, 0.0)
    assert [(kept.number, "A017" in kept.text) for kept in album.papers()] == [(1, True)]
    for count in range(2, TICKETS_KEPT + 4):
        printer.receive(TICKET, float(count))
        if count % 50 == 0:
            album.papers()
    assert len(printer.tickets) == TICKETS_KEPT
    assert [kept.number for kept in album.papers()] == list(range(TICKETS_KEPT + 4 - PAPERS_KEPT, TICKETS_KEPT + 4))
    assert album.paper(TICKETS_KEPT + 3) is printer.tickets[-1]
    assert album.paper(1) is None


async def test_a_branch_without_mqtt_has_no_buttons_to_press(tmp_path: Path) -> None:
    text = re.sub(r'\[mqtt\]\nbroker = "embedded"\n', "", shipped("demo.toml").read_text("utf-8"))
    kept = [part for part in re.split(r"\n(?=\[\[device\]\])", text) if 'driver = "mqtt-' not in part]
    file = tmp_path / "branch.toml"
    file.write_text("\n".join(kept), "utf-8")
    settings = read(file)
    simulated = SimulatedBranch(settings, tmp_path / "dev", seed=1)
    shown = view.View(settings, simulated)
    layout = shown.layout()
    assert (layout["mqtt"], "kiosks" in layout, "panels" in layout) == (False, False, False)
    assert layout["counters"][0]["terminals"] == [{"device": "terminals", "address": 1}]
    assert tomllib.loads(text)["counter"][3]["id"] == layout["counters"][3]["id"]
    assert json.loads(json.dumps(shown.picture()))["devices"]["hall"]["state"] == ""


async def test_the_page_comes_with_all_it_needs_and_nothing_from_outside(browser: Browser) -> None:
    page = await browser.get("/lobby")
    assert (page.status, page.kind) == (200, "text/html")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    data = await page_data(browser)
    assert data["language"] == "zh"
    assert data["words"] == words("zh")
    assert data["links"] == [{"name": "TV", "href": "/tv"}]
    names = re.findall(rb'"(/static/[^"]+)"', page.body)
    assert len(names) == 3
    for name in names:
        assert (await browser.get(name.decode())).status == 200
    assert (await browser.get("/static/common.js")).body == (COMMON / "common.js").read_bytes()
    assert b"://" not in page.body + b"".join(path.read_bytes() for path in OURS.iterdir()).replace(
        b"http://www.w3.org/2000/svg", b""
    )


async def test_only_the_page_itself_may_press_keys(browser: Browser, simulated: SimulatedBranch) -> None:
    knobs = {"unplugged": True}
    for token in ("", "forged", "é"):
        refused = await browser.post("/lobby/devices/hall/knobs", knobs, token=token.encode().decode("latin-1"))
        assert (refused.status, refused.kind) == (403, "application/problem+json")
    assert simulated.placed["hall"].wire.plugged
    assert (await browser.post("/lobby/devices/hall/knobs", knobs)).status == 204
    assert not simulated.placed["hall"].wire.plugged
    foreign = await browser.get("/lobby", Host="evil.example:80")
    assert (foreign.status, foreign.json["code"]) == (421, "not_here")
    assert browser.token.encode() not in foreign.body
    assert (await browser.get("/lobby", Host="localhost:8079")).status == 200


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        ("devices/nothing/press", {"key": "CALL"}, 404),
        ("devices/nothing/knobs", {"unplugged": True}, 404),
        ("devices/kiosk/knobs", {"unplugged": True}, 404),
        ("devices/printer/press", {"key": "CALL"}, 404),
        ("devices/terminals/press", {"key": "CALL"}, 404),
        ("devices/terminals/press", {"key": "CALL", "address": 9}, 404),
        ("devices/terminals/press", {"key": "LAUNCH", "address": 1}, 422),
        ("devices/terminals/press", {"key": "RATE", "address": 11, "digits": "6"}, 422),
        ("devices/pad-4/press", {"key": "LAUNCH"}, 422),
        ("devices/manager/press", {"key": "TAKE"}, 422),
        ("devices/kiosk/press", {"key": "CALL"}, 422),
        ("devices/kiosk/press", {"key": "TAKE", "more": 1}, 422),
        ("devices/kiosk/press", {"key": "TAKE"}, 504),
        ("devices/terminals/press", b"{", 422),
        ("devices/terminals/press", b"x" * 20_000, 413),
        ("devices/hall/knobs", {"paper": "out"}, 422),
        ("devices/hall/knobs", {"garble": 2}, 422),
        ("devices/hall/knobs", {"half_open": True}, 422),
        ("devices/hall/knobs", {"unplugged": "yes"}, 422),
        ("people", {"on": 1}, 422),
        ("nothing", {}, 404),
        ("view", {}, 405),
    ],
)
async def test_what_is_not_there_is_refused_in_a_sentence(
    browser: Browser, path: str, content: object, status: int
) -> None:
    answer = await browser.post(f"/lobby/{path}", content)
    assert (answer.status, answer.kind) == (status, "application/problem+json")
    assert answer.json["detail"]


async def test_knobs_are_turned_and_seen(browser: Browser, simulated: SimulatedBranch) -> None:
    turned = {"paper": "low", "cover_open": True, "jammed": True, "garble": 0.3, "delay": 1, "hang": True}
    turned |= {"feeding": True, "blocked": True, "hot": True, "broken": True}
    turned |= {"cut_after": 355, "keeps_power": True, "flicker": 5.0}
    turned |= {"xoff": True, "collision": 0.1, "mute": 0.3, "speed": 57600}
    assert (await browser.post("/lobby/devices/printer/knobs", turned)).status == 204
    seen = (await browser.get("/lobby/view")).json
    assert seen["devices"]["printer"]["knobs"] == turned | {"loss": 0.0, "unplugged": False, "echo": False}
    assert seen["printers"]["printer"]["light"] == "error"
    await browser.post("/lobby/devices/terminals/knobs", {"unplugged": True})
    unplugged = await browser.post("/lobby/devices/terminals/press", {"key": "CALL", "address": 1})
    assert (unplugged.status, unplugged.json["detail"]) == (504, words("zh")["press.unplugged"])
    assert not (await browser.get("/lobby/view")).json["buses"]["terminals"]["terminals"]["1"]["on"]


async def test_paper_is_a_picture_of_what_was_printed(browser: Browser, simulated: SimulatedBranch) -> None:
    printer = simulated.placed["printer"].far_end
    assert isinstance(printer, PrinterFarEnd)
    assert (await browser.get("/lobby/paper/printer/1.png")).status == 404
    assert (await browser.get("/lobby/paper/hall/1.png")).status == 404
    printer.receive(TICKET, time.monotonic())
    simulated.placed["printer"].wire.poke()
    await eventually(lambda: printer.tickets)
    (paper,) = (await browser.get("/lobby/view")).json["printers"]["printer"]["papers"]
    assert "A017" in paper["text"]
    picture = await browser.get(f"/lobby/paper/printer/{paper['n']}.png")
    assert (picture.status, picture.kind) == (200, "image/png")
    assert picture.body == printer.tickets[0].png()


async def test_people_can_be_sent_away_and_called_back(browser: Browser, lobby: VirtualLobby) -> None:
    people = lobby.view.people
    assert people
    for on in (True, False, True):
        assert (await browser.post("/lobby/people", {"on": on})).status == 204
        assert people.is_set() is on
        assert (await browser.get("/lobby/view")).json["people"] is on


async def test_a_port_that_is_taken_gives_way_to_any(lobby: VirtualLobby) -> None:
    taken = int(lobby.address.rpartition(":")[2].partition("/")[0])
    assert free_port(taken) not in (0, taken)
    assert free_port(0) > 0
