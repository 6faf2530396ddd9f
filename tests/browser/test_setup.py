"""`lobby setup --page` in Chinese: the code, the questions, a terminal that is pressed, and the configuration of it."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from machines import Bench
from playwright.async_api import Browser, Page, expect
from system.branch import LOBBY
from system.served import Client

from bench import processes
from bench.ports import free_port
from browser.axe import faults
from browser.pages import Pages
from controller.config import read
from drivers.terminal68 import Key
from simulators.devices.bx import BoardFarEnd
from simulators.devices.terminal68 import TerminalBus


@asynccontextmanager
async def setting_up(root: Path, port: int) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """`lobby setup --page` at work, and its code."""
    process = await processes.spawn(
        str(LOBBY),
        *("setup", "--page", "--port", str(port), "--root", str(root)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"LC_ALL": "zh_CN.UTF-8", "PYTHONUTF8": "1"},
    )
    try:
        assert process.stdout
        line = (await process.stdout.readline()).decode()
        code = re.search(r"[0-9]{4} [0-9]{4}$", line.strip())
        assert code, line
        assert f"http://127.0.0.1:{port}/" in line
        yield process, code[0]
    finally:
        processes.kill(process)
        await process.wait()


async def answer(page: Page, question: str, text: str | None = None) -> None:
    """Answer a question: what is proposed, another text, or by the button with this name."""
    await expect(page.locator(".now h3")).to_contain_text(question)
    choices = page.locator(".now .choices button")
    if await choices.count():
        await (choices.filter(has_text=text) if text else page.locator(".now button.main")).click()
        return
    if text is not None:
        await page.locator(".now input").fill(text)
    await page.locator(".now button.main").click()


@pytest.mark.long
async def test_a_branch_is_set_up_in_a_browser(browser: Browser, tmp_path: Path) -> None:
    pages = Pages(browser)
    bench = Bench(tmp_path)
    bus = TerminalBus([7])
    bench.plug(bench.usb("ttyUSB0", "1"), BoardFarEnd(), baud=57600)
    bench.plug(bench.usb("ttyUSB1", "2"), bus, baud=9600)
    port = free_port()
    try:
        async with setting_up(tmp_path, port) as (process, code):
            stranger = Client(port, {"Host": f"127.0.0.1:{port}"})
            assert (await stranger.get("/api/state")).status == 401
            assert (await Client(port, {"Host": "evil.example"}).get("/")).status == 421
            assert (await stranger.post("/api/enter", {"code": code}, Origin="http://127.0.0.1:1")).status == 421
            page = await pages.open(f"http://127.0.0.1:{port}/")
            await page.locator("#code").fill("1")
            await page.get_by_role("button", name="开始").click()
            await expect(page.locator("#wrong")).to_have_text("验证码不对")
            await page.locator("#code").fill(code)
            await page.get_by_role("button", name="开始").click()
            await answer(page, "语言", "中文")
            await answer(page, "号票和屏幕", "中文")
            await answer(page, "网点叫什么名字", "解放路支行")
            await answer(page, "网点编号", "解放路")
            await expect(page.locator(".now .wrong")).to_contain_text("编号由 1 到 32 个")
            await answer(page, "网点编号", "0755-001")
            # The code works once, and whoever loads the page again finds everything as it was.
            assert (await stranger.post("/api/enter", {"code": code})).status == 403
            await page.reload()
            await expect(page.locator(".said")).to_contain_text("解放路支行")
            await answer(page, "周一到周五", "０９：００－１７：００")
            await answer(page, "周六、周日")
            await answer(page, "有哪些业务")
            await answer(page, "有几个窗口", "1")
            await answer(page, "1号窗口办哪些业务")
            await answer(page, "综合屏", "5k2")
            await answer(page, "有没有呼叫器", "是")
            await expect(page.locator(".now h3")).to_contain_text("1号窗口：请把这个窗口的每台设备都按一下，按完后继续")
            bus.press(7, Key.CALL)
            bench.wires["ttyUSB1"].poke()
            await expect(page.locator(".said")).to_contain_text("1号窗口：ttyUSB1 上的呼叫器，地址 7")
            await page.get_by_role("button", name="按好了，下一步").click()
            await answer(page, "平板、电视、手机", "否")
            await answer(page, "固定的名字", "是")
            await expect(page.locator(".said details")).to_have_count(2)
            assert await faults(page) == []
            await answer(page, "现在写入", "是")
            await expect(page.locator(".now .done")).to_have_text("设置完成，可以关闭本页。")
            assert await asyncio.wait_for(process.wait(), 60) == 0
        settings = read(tmp_path / "etc/lobby/branch.toml", files=True)
        assert settings.rules.branch_name == "解放路支行"
        assert {device.id for device in settings.devices} == {"hall", "terminals"}
        assert 'SYMLINK+="lobby/terminals"' in (tmp_path / "etc/udev/rules.d/90-lobby.rules").read_text("utf-8")
        await pages.check()
    finally:
        bench.end()
