"""What the television shows beside the calls: all services, zones, notices, pictures and clips, after hours."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Page, expect
from system.broker import Mosquitto
from system.network import Network

from browser.axe import faults
from browser.branch import BANK, CHINESE, DEVICES, NETWORK, as_role
from browser.conftest import Serve
from browser.pages import Pages
from browser.speech import has_said, record

SIZES = {"1080p": (1920, 1080), "4k": (3840, 2160), "upright": (1080, 1920), "small": (1280, 720)}
NAMES = ("现金业务", "个人开户及综合业务", "对公业务", "Personal accounts and cards", "Foreign exchange", "理财与基金")
READABLE = 0.021
"""Height of the type of a service at least, as a part of the shorter side of the screen."""
CUT = """() => {
  const outside = (part, box) => {
    const [a, b] = [part.getBoundingClientRect(), box.getBoundingClientRect()];
    return !a.height || a.top < b.top - 1 || a.bottom > b.bottom + 1 || a.left < b.left - 1 || a.right > b.right + 1;
  };
  const cut = [];
  for (const box of document.querySelectorAll(".panel, .notices, .now, .missed:not([hidden])")) {
    if (outside(box, document.body)) cut.push(box.className);
    const tables = [...box.querySelectorAll(".tables > *")];
    if (tables.some((each) => each.scrollWidth > each.clientWidth + 1)) cut.push("a table");
    for (const part of box.querySelectorAll("th, td, li, p")) {
      const range = document.createRange();
      range.selectNodeContents(part);
      if (!part.hidden && part.textContent && outside(range, box)) cut.push(part.textContent);
    }
  }
  return cut;
}"""
"""What is not wholly inside its part of the screen."""
TYPE = """() => Math.min(...[...document.querySelectorAll(".waiting td")]
  .map((each) => parseFloat(getComputedStyle(each).fontSize)))"""
"""The size of the smallest type of a service."""
CLIP = """async () => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 64;
  const paint = canvas.getContext("2d");
  const recorder = new MediaRecorder(canvas.captureStream(20), { mimeType: "video/webm" });
  const parts = [];
  recorder.ondataavailable = ({ data }) => parts.push(data);
  const ended = new Promise((done) => (recorder.onstop = done));
  recorder.start();
  for (let n = 0; n < 12; n++) {
    paint.fillStyle = n % 2 ? "red" : "blue";
    paint.fillRect(0, 0, 64, 64);
    await new Promise((done) => setTimeout(done, 50));
  }
  recorder.stop();
  await ended;
  const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
  return btoa(String.fromCharCode(...bytes));
}"""
"""A clip, as base64."""
MUTED = """(video) => {
  window.muted = [];
  video.onvolumechange = () => window.muted.push([video.muted, speechSynthesis.said.length]);
}"""
"""Keeps when a clip is made silent, and after how many sentences."""
PICTURE = """() => {
  const canvas = document.createElement("canvas");
  canvas.width = 160;
  canvas.height = 90;
  canvas.getContext("2d").fillRect(0, 0, 160, 90);
  return canvas.toDataURL("image/png").split(",")[1];
}"""
"""A picture, as base64."""


def crowded(services: int, counters: int) -> str:
    """A branch with so many services, which every counter serves."""
    text = BANK.partition("[[service]]")[0]
    for n in range(services):
        id, name = ("cash", f"s{n}")[n > 0], NAMES[n % len(NAMES)]
        text += f'[[service]]\nid = "{id}"\nname = "{name} {n + 1}"\nprefix = "{chr(65 + n)}"\n'
    serves = ", ".join(f"{('cash', f's{n}')[n > 0]} = 0" for n in range(services))
    for n in range(counters):
        text += f'[[counter]]\nid = "{n + 1}"\nserves = {{{{ {serves} }}}}\n'
    return text


async def television(pages: Pages, address: str, page: Page) -> Page:
    """Another television, signed in as `page`."""
    opened = await page.context.new_page()
    await opened.goto(address)
    return opened


@pytest.mark.parametrize("services", [pytest.param(2, marks=pytest.mark.long), 12])
async def test_all_services_and_counters_are_there_and_none_is_cut_whatever_the_screen(
    services: int, serve: Serve, pages: Pages, broker: Mosquitto
) -> None:
    branch = await serve(parts=(crowded(services, max(4, services)), NETWORK))
    page = await as_role(pages, branch, "screen", width=1920, height=1080)
    async with Network(broker.port, branch.root) as network:
        for _ in range(3):
            await network.press("kiosk/kiosk", "TAKE", service="cash")
        await network.press("panel/manager", "NOTICE", words="三号至五号窗口升级，请到其他窗口办理。" * 6)
        for counter in ("3", "4"):
            await network.press(f"keypad/{counter}", "CALL")
        await network.press("keypad/4", "NOSHOW")
        await expect(page.locator(".waiting tbody tr")).to_have_count(services)
        await expect(page.locator(".notices")).to_contain_text("请到其他窗口办理")
        await expect(page.locator(".missed")).to_contain_text("A002")
        for name, (width, height) in SIZES.items():
            await page.set_viewport_size({"width": width, "height": height})
            await page.wait_for_function(f"() => !({CUT})().length", timeout=10_000)
            size = await page.evaluate(TYPE) / min(width, height)
            assert size >= READABLE, (name, size)
        if services == 12:
            assert await faults(page) == []


@pytest.mark.long
@pytest.mark.parametrize("language", CHINESE)
async def test_a_call_of_long_ago_is_on_its_line_and_not_in_large_type(
    language: str, serve: Serve, pages: Pages
) -> None:
    branch = await serve(language=language, busy=True)
    page = await as_role(pages, branch, "screen", width=1920, height=1080)
    await expect(page.locator(".counters li .ticket").filter(has_text="0")).not_to_have_count(0)
    await expect(page.locator(".now")).to_contain_text(branch.say("page.tv.welcome"))
    await expect(page.locator(".lit")).to_have_count(0)


@pytest.mark.long
async def test_a_zone_shows_and_speaks_its_own_calls_alone(serve: Serve, pages: Pages, broker: Mosquitto) -> None:
    zones = '\n[[zone]]\nid = "west"\nname = "西厅"\ncounters = ["3"]\nservices = ["personal"]\n'
    branch = await serve(parts=(BANK, *DEVICES, zones))
    whole = await as_role(pages, branch, "screen", width=1920, height=1080)
    west = await television(pages, f"{branch.address}/tv?zone=west", whole)
    for page in (whole, west):
        await record(page)
        await expect(page.locator(".now")).to_contain_text(branch.say("page.tv.welcome"))
    await expect(west.locator(".branch")).to_contain_text("西厅")
    await expect(west.locator(".waiting tbody tr")).to_have_count(1)
    async with Network(broker.port, branch.root) as network:
        for _ in range(2):
            await network.press("kiosk/kiosk", "TAKE", service="cash")
        await network.press("keypad/4", "CALL")
        await has_said(whole, 2)
        await network.press("keypad/3", "CALL")
        heard = [each.text for each in await has_said(west, 2)]
        assert all("A 零 零 二" in text for text in heard), "who goes to counter 4 is not called here"
        await expect(west.locator(".counters li")).to_have_count(1)
        await expect(whole.locator(".counters li")).to_have_count(2)

    wrong = await television(pages, f"{branch.address}/tv?zone=north", whole)
    await expect(wrong.locator(".closed")).to_have_text(branch.say("http.unknown_zone", zone="north", known="west"))


@pytest.mark.long
@pytest.mark.parametrize("language", CHINESE)
async def test_the_lobby_manager_posts_a_notice_and_ends_it(language: str, serve: Serve, pages: Pages) -> None:
    branch = await serve(language=language)
    say = branch.say
    tv = await as_role(pages, branch, "screen", width=1920, height=1080)
    console = await as_role(pages, branch, "manager")
    hostile = '<img src=x onerror="window.xss=1"> & "开户"'
    opener = console.get_by_role("button", name=say("page.console.posted"))
    sheet = console.get_by_role("dialog")
    mild = "一楼电梯检修，请走楼梯"
    for words, until in ((mild, "page.console.posted_all_day"), (hostile, "page.console.posted_half_hour")):
        await opener.click()
        await expect(sheet.get_by_role("button", name=say(until))).to_be_disabled()
        await sheet.get_by_role("textbox").fill(words)
        await sheet.get_by_role("button", name=say(until)).click()
        await expect(sheet).to_be_hidden()
        await expect(tv.locator(".notices")).to_contain_text(words)
    await opener.click()
    rows = sheet.locator(".posted li")
    await expect(rows).to_have_count(2)
    at = branch.rows("notice_posted")[-1]
    clock = branch.settings.rules.local(at.data["until"]).strftime("%H:%M")
    assert at.data["until"] - at.at == 30 * 60_000
    await expect(rows.nth(1)).to_contain_text(say("page.console.posted_until", time=clock))
    assert await faults(console) == []
    await rows.nth(1).get_by_role("button").click()
    await expect(tv.locator(".notices")).not_to_contain_text("开户")
    await expect(tv.locator(".notices")).to_contain_text("电梯")
    for page in (tv, console):
        assert await page.evaluate("window.xss") is None
    await opener.click()
    assert await sheet.get_by_role("textbox").get_attribute("maxlength") == "120"


LETS = "--autoplay-policy=no-user-gesture-required"


@pytest.mark.long
@pytest.mark.parametrize("browser", [LETS], indirect=True)
async def test_pictures_and_clips_have_an_area_while_there_are_any_and_clips_are_silent_while_a_call_is_spoken(
    serve: Serve, pages: Pages, broker: Mosquitto, tmp_path: Path
) -> None:
    more = '\n[television]\nmedia = "{directory}/media"\nseconds = 3\nsound = true\n'
    folder = tmp_path / "media"
    branch = await serve(parts=(BANK, *DEVICES, more))
    page = await as_role(pages, branch, "screen", width=1920, height=1080)
    await record(page)
    media = page.locator(".media")
    await expect(page.locator(".now")).to_contain_text(branch.say("page.tv.welcome"))
    await expect(media).to_be_hidden()
    blank = await pages.open()
    folder.mkdir()
    for name, content in (("2.png", await blank.evaluate(PICTURE)), ("3.webm", await blank.evaluate(CLIP))):
        (tmp_path / name).write_bytes(base64.b64decode(content))
        (tmp_path / name).rename(folder / name)
    (folder / "1.png").write_bytes(b"\x89PNG\r\n\x1a\nand nothing more")
    await expect(media.locator("img")).to_be_visible()
    await expect(media.locator("video")).to_be_visible()
    await expect(media.locator("img")).to_be_visible()

    (folder / "2.png").unlink()
    clip = media.locator("video")
    await expect(clip).to_be_visible()
    await page.wait_for_function("() => document.querySelector('video')?.paused === false")
    assert not await clip.evaluate("(video) => video.muted")
    await clip.evaluate(MUTED)
    async with Network(broker.port, branch.root) as network:
        await network.press("kiosk/kiosk", "TAKE", service="cash")
        await network.press("keypad/3", "CALL")
        await has_said(page, 2)
    await page.wait_for_function("() => window.muted.length === 2")
    assert await page.evaluate("window.muted") == [[True, 0], [False, 2]]

    for name in ("1.png", "3.webm"):
        (folder / name).unlink()
    await expect(media).to_be_hidden()
    assert await page.locator(".now").is_visible()


@pytest.mark.long
@pytest.mark.parametrize("language", CHINESE)
async def test_after_hours_it_says_when_the_branch_opens_next_and_shows_its_notices(
    language: str, serve: Serve, pages: Pages, broker: Mosquitto
) -> None:
    today = datetime.now(ZoneInfo("Asia/Shanghai"))
    opens = today + timedelta(days=3)
    holidays = f"{today:%Y-%m-%d}..{opens - timedelta(days=1):%Y-%m-%d}"
    closed = f'\n[calendar]\nhours = "08:45-17:00"\nholidays = ["{holidays}"]\n'
    branch = await serve(language=language, parts=(BANK, *DEVICES, closed))
    page = await as_role(pages, branch, "screen", width=1920, height=1080)
    face = page.locator(".closed")
    date = f"{opens.month}月{opens.day}日" if language == "zh" else f"{opens:%A} {opens.day} {opens:%B}"
    await expect(face).to_contain_text(branch.say("page.tv.closed"))
    await expect(face.locator(".when")).to_contain_text(date)
    await expect(face.locator(".when")).to_contain_text("08:45")
    for part in (".now", ".waiting", ".counters", ".media"):
        await expect(page.locator(part)).to_be_hidden()
    async with Network(broker.port, branch.root) as network:
        await network.press("panel/manager", "NOTICE", words="See you on Monday")
        await expect(page.locator(".notices")).to_contain_text("See you on Monday")
    assert await faults(page) == []
