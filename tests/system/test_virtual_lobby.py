"""The virtual lobby before a running daemon: its buttons, keys, paper and knobs, over HTTP and in a browser."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest
from browser.axe import faults
from playwright.async_api import async_playwright, expect
from visitor import Browser, page_data

from bench import processes
from controller.config import read, shipped
from simulators.branch import SimulatedBranch
from simulators.buttons import Buttons
from simulators.clock import PeoplesClock
from simulators.virtual_lobby.server import VirtualLobby
from simulators.virtual_lobby.view import words
from system.branch import EVERYTHING, LOBBY, STOP, Branch
from system.broker import Mosquitto
from system.waiting import until

CHROMIUM = Path("/usr/bin/chromium")
ZONE = ZoneInfo("Asia/Shanghai")
SOON = 30.0
"""Seconds in which a device that was plugged in is found again."""


@asynccontextmanager
async def shown(directory: Path, broker: Mosquitto) -> AsyncIterator[tuple[Branch, VirtualLobby, Browser]]:
    """A branch with everything, and the page of its devices, once they are all well."""
    async with Branch(directory, broker.port, EVERYTHING) as branch:
        buttons = Buttons("127.0.0.1", broker.port, branch.id, Random(1))
        lobby = VirtualLobby(branch.settings, branch.simulated, buttons=buttons)
        async with buttons, lobby.serving() as address:
            browser = Browser(address.removesuffix("/lobby"))
            browser.token = (await page_data(browser))["account"]["csrf"]
            for device in branch.simulated.placed:
                await until(lambda id=device: state(lobby, id) == "ok", SOON)  # type: ignore[misc]
            yield branch, lobby, browser


def state(lobby: VirtualLobby, device: str) -> str:
    """What the page says that the controller says of a device."""
    return str(lobby.view.picture()["devices"][device]["state"])


async def test_a_ticket_is_taken_printed_called_and_shown(tmp_path: Path, broker: Mosquitto) -> None:
    async with shown(tmp_path, broker) as (_, lobby, browser):
        taken = await browser.post("/lobby/devices/kiosk/press", {"key": "TAKE", "service": "cash", "class": "normal"})
        assert (taken.json["result"], taken.json["ticket"]) == ("ok", "A001")
        papers = await until(lambda: lobby.view.picture()["printers"]["printer"]["papers"])
        assert "A001" in papers[-1]["text"]
        picture = await browser.get(f"/lobby/paper/printer/{papers[-1]['n']}.png")
        assert picture.body.startswith(b"\x89PNG")

        called = await browser.post("/lobby/devices/terminals/press", {"key": "CALL", "address": 1})
        assert called.json["result"] == "ok"
        await until(lambda: any("A001" in area["text"] for area in lobby.view.picture()["boards"]["hall"]["areas"]))
        await until(lambda: lobby.view.picture()["windows"]["window-1"][0] == "A001")
        await until(lambda: lobby.view.picture()["buses"]["terminals"]["terminals"]["1"]["ticket"] == "001")

        refused = await browser.post("/lobby/devices/terminals/press", {"key": "UNHOLD", "address": 2})
        assert (refused.status, refused.json["result"]) == (200, "refused")
        assert lobby.view.picture()["buses"]["terminals"]["terminals"]["2"]["beeps"] == 1

        nobody = await browser.post("/lobby/devices/pad-3/press", {"key": "RECALL"})
        assert (nobody.json["result"], bool(nobody.json["text"])) == ("refused", True)
        green = await browser.post("/lobby/devices/manager/press", {"key": "GREEN", "reason": "elderly"})
        assert green.json["ticket"] == "A002"


async def test_a_plug_pulled_is_told_and_put_back_all_is_well(tmp_path: Path, broker: Mosquitto) -> None:
    async with shown(tmp_path, broker) as (branch, lobby, browser):
        for device in ("printer", "hall"):
            await browser.post(f"/lobby/devices/{device}/knobs", {"unplugged": True})
            await until(lambda id=device: state(lobby, id) == "offline", SOON)  # type: ignore[misc]
            assert lobby.view.picture()["devices"][device]["detail"]
        assert await until(lambda: lobby.view.picture()["lobby"]["notices"])
        for device in ("printer", "hall"):
            await browser.post(f"/lobby/devices/{device}/knobs", {"unplugged": False})
            await until(lambda id=device: state(lobby, id) == "ok", SOON)  # type: ignore[misc]
        await until(lambda: not lobby.view.picture()["lobby"]["notices"])

        await branch.kill()
        await until(lambda: lobby.view.picture()["controller"] == "offline")
        silent = await browser.post("/lobby/devices/terminals/press", {"key": "CALL", "address": 1})
        assert (silent.status, silent.json["code"]) == (504, "no_answer")


async def _watch(browser: Browser) -> AsyncIterator[bytes]:
    """The lines of the page's stream."""
    port = int(browser.origin.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /lobby/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    try:
        while line := await reader.readline():
            yield line
    finally:
        writer.close()


async def test_an_open_page_sees_a_knob_being_turned(tmp_path: Path, broker: Mosquitto) -> None:
    async with shown(tmp_path, broker) as (_, _, browser), asyncio.timeout(SOON):
        pictures = 0
        async for line in _watch(browser):
            if line.startswith(b'data: {"broker"'):
                pictures += 1
                if pictures == 1:
                    await browser.post("/lobby/devices/printer/knobs", {"paper": "low"})
                if b'"paper":"low"' in line:
                    break


async def _first_line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout
    async with asyncio.timeout(60):
        return (await process.stdout.readline()).decode()


@asynccontextmanager
async def command(*arguments: object) -> AsyncIterator[asyncio.subprocess.Process]:
    """`lobby` with these arguments, ended at the end."""
    pipe = asyncio.subprocess.PIPE
    async with processes.spawned(sys.executable, LOBBY, *map(str, arguments), stdout=pipe, stderr=pipe) as process:
        try:
            yield process
        finally:
            if process.returncode is None:
                process.terminate()
            async with asyncio.timeout(STOP):
                await process.communicate()


async def test_simulators_serve_their_page_and_find_a_broker_that_comes_late(
    tmp_path: Path, own_broker: Mosquitto
) -> None:
    own_broker.stop()
    branch = Branch(tmp_path, own_broker.port, EVERYTHING, starts=False, plugged=False)
    async with branch, command("simulators", "--config", branch.config, "--dev", tmp_path / "dev", "--page", 0) as run:
        found = re.fullmatch(r"Open (http://127\.0\.0\.1:\d+)/lobby\n", await _first_line(run))
        assert found
        browser = Browser(found[1])
        assert (await browser.get("/lobby/view")).json["broker"] is False

        async def connected(there: bool) -> None:
            while (await browser.get("/lobby/view")).json["broker"] is not there:  # noqa: ASYNC110
                await asyncio.sleep(0.05)

        async with asyncio.timeout(SOON):
            own_broker.start()
            await connected(True)
            own_broker.stop()
            await connected(False)
        own_broker.start()


@pytest.mark.long
async def test_the_demo_prints_where_its_page_is_before_anything_else() -> None:
    arguments = ("demo", "--headless", "--page", 0, "--customers", 2, "--speed", 100)
    async with command(*arguments) as run:
        found = re.fullmatch(r"请打开 (http://127\.0\.0\.1:\d+)/lobby\n", await _first_line(run))
        assert found
        data = await page_data(Browser(found[1]))
        assert data["lobby"]["people"] is True
        assert data["lobby"]["branch"] == "解放路支行"
        async with asyncio.timeout(60):
            await run.communicate()
        assert run.returncode == 0


@pytest.mark.long
@pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not installed: apt-get install chromium")
async def test_in_a_browser_a_ticket_is_taken_seen_called_and_a_plug_pulled(tmp_path: Path, broker: Mosquitto) -> None:
    async with shown(tmp_path, broker) as (_, lobby, _), async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await chromium.new_page(viewport={"width": 1920, "height": 1080})
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        await page.goto(lobby.address)
        await page.locator('[data-kiosk="kiosk"] [data-service="cash"]').click()
        paper = page.locator('[data-printer="printer"] .outfeed img')
        await expect(paper).to_have_attribute("alt", re.compile("A001"))
        assert await paper.evaluate("image => image.naturalWidth") > 0
        await expect(page.locator('[data-kiosk="kiosk"] .yours strong')).to_have_text("A001")

        await page.locator('[data-terminal="terminals/1"] [data-key="CALL"]').click()
        await expect(page.locator('[data-board="hall"]')).to_contain_text("A001")
        await expect(page.locator('[data-window="window-1"]')).to_contain_text("A001")
        await expect(page.locator('[data-terminal="terminals/1"] .digits').nth(1)).to_have_attribute(
            "data-value", "001"
        )

        # The keypad types digits first: the number's last two.
        await page.locator('[data-kiosk="kiosk"] [data-service="personal"]').click()
        for digit in "01":
            await page.locator('[data-keypad="pad-3"] .digit-keys').get_by_text(digit, exact=True).click()
        await page.locator('[data-keypad="pad-3"] [data-key="CALL"]').click()
        await expect(page.locator('[data-keypad="pad-3"] .lcd strong')).to_have_text("B001")

        await page.locator('[data-terminal="terminals/2"] [data-key="UNHOLD"]').click()
        await expect(page.locator('[data-terminal="terminals/2"] .beep')).to_have_class(re.compile("heard"))

        await page.locator('[data-wire="hall"] [data-knob="unplugged"]').click()
        await expect(page.locator('[data-wire="hall"] .tag')).to_have_attribute("data-state", "offline")
        await expect(page.locator(".beside .notice")).to_contain_text("hall")
        await expect(page.locator(".try .done")).to_have_count(3)
        await page.locator(".repair").click()
        await expect(page.locator('[data-wire="hall"] .tag')).to_have_attribute("data-state", "ok", timeout=SOON * 1000)
        assert await page.evaluate("document.documentElement.scrollHeight <= innerHeight")
        await chromium.close()
        assert faults == []


@pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not installed: apt-get install chromium")
@pytest.mark.parametrize("language", ["zh", "en"])
async def test_in_a_browser_the_time_is_stopped_and_made_faster(tmp_path: Path, language: str) -> None:
    settings = read(shipped("demo.toml"), language=language)
    simulated, clock, about = SimulatedBranch(settings, tmp_path / "dev", 1), PeoplesClock(ZONE, 20), asyncio.Event()
    lobby, said = VirtualLobby(settings, simulated, clock=clock, people=about), words(language)
    about.set()
    async with lobby.serving(), async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await chromium.new_page(viewport={"width": 1280, "height": 800})
        await page.goto(lobby.address)
        time = page.get_by_role("group", name=said["time.title"])
        await expect(time.locator(".now")).to_have_text(re.compile(r"^09:0\d$"))
        await time.get_by_role("button", name=said["time.stop"]).click()
        go = time.get_by_role("button", name=said["time.go"])
        await expect(go).to_have_attribute("aria-pressed", "true")
        assert clock.stopped
        await time.get_by_role("button", name=f"{said['time.speed']} ×60").click()
        await expect(time.locator('[data-speed="60"]')).to_have_attribute("aria-pressed", "true")
        assert (clock.speed, clock.stopped) == (60, True)
        assert await faults(page) == []
        await go.click()
        await expect(time.locator(".now")).not_to_have_text("09:00")
        await page.locator(".people").click()
        await expect(page.locator(".people")).to_have_attribute("aria-pressed", "false")
        assert (clock.rate, about.is_set()) == (1, False)
        await chromium.close()


async def test_only_times_that_there_are_can_be_asked_for(tmp_path: Path) -> None:
    settings, clock = read(shipped("demo.toml")), PeoplesClock(ZONE, 20)
    lobby = VirtualLobby(settings, SimulatedBranch(settings, tmp_path / "dev", 1), clock=clock)
    async with lobby.serving() as address:
        browser = Browser(address.removesuffix("/lobby"))
        browser.token = (await page_data(browser))["account"]["csrf"]
        assert [(await browser.post("/lobby/time", {"speed": speed})).status for speed in (0, 61, "fast")] == [422] * 3
        assert (await browser.post("/lobby/time", {"stopped": True}, token="forged")).status == 403
        assert (clock.speed, clock.stopped) == (20, False)
        assert (await browser.post("/lobby/time", {"speed": 5})).status == 204
        assert clock.speed == 5
