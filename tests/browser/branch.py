"""A branch with screens for a test: simulated devices, daemon and accounts, each by the command an installer uses."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from playwright.async_api import Page
from sweeps import long
from system.branch import HALL, LOBBY, PRINTER, START, STOP, TERMINALS, WINDOWS, Branch
from system.waiting import until

from bench import processes
from bench.ports import free_port
from browser.pages import Pages
from controller.journal import Journal
from controller.lobby.actions.call_next import CallNext
from controller.lobby.actions.no_show import NoShow
from controller.lobby.actions.take_ticket import TakeTicket
from controller.lobby.aggregate import Aggregate
from controller.web.accounts import Accounts

NAMES = {"zh": "解放路支行", "en": "Liberation Road"}
CHINESE, ENGLISH = ["zh", long("en")], [long("zh"), "en"]
"""What a page is seen in: each in both languages in `make verify`, in every `make test` in one of them."""
LOCALES = {"zh": "zh-CN", "en": "en-GB"}

_devices = count(1)

BANK = """\
[branch]
id = "{id}"
name = "NAME"
timezone = "Asia/Shanghai"
language = "LANGUAGE"
default_service = "cash"

[day]
rollover = "ROLLOVER"

[calling]
call_grace = 0
confirm_finish = 0

[journal]
path = "{directory}/lobby.db"

[[service]]
id = "cash"
name = {{ zh = "现金业务", en = "Cash" }}
prefix = "A"
key = 1
minutes = 3

[[service]]
id = "personal"
name = {{ zh = "个人业务", en = "Personal" }}
prefix = "B"
key = 2
minutes = 6

[[service]]
id = "corporate"
name = {{ zh = "对公业务", en = "Corporate" }}
prefix = "C"
key = 3
minutes = 5

[class.vip]
credit = 10

[class.green]
credit = 60

[[question]]
id = "begin"
text = {{ zh = "您要办理什么业务？", en = "What brings you here?" }}
answers = [
  {{ id = "cash", text = {{ zh = "存取款", en = "Cash" }}, question = "amount" }},
  {{ id = "personal", text = {{ zh = "个人业务", en = "Personal" }}, service = "personal" }},
  {{ id = "corporate", text = {{ zh = "对公业务", en = "Corporate" }}, service = "corporate" }},
]

[[question]]
id = "amount"
text = {{ zh = "金额多少？", en = "How much is it?" }}

[[question.answers]]
id = "small"
text = {{ zh = "两万元以下", en = "Up to 20 000" }}
service = "cash"
advice = {{ zh = "请用自助取款机，不用排队。", en = "The cash machine does this without waiting." }}

[[question.answers]]
id = "large"
text = {{ zh = "两万元以上", en = "More" }}
service = "cash"

[[counter]]
id = "1"
serves = {{ cash = 0 }}

[[counter]]
id = "2"
serves = {{ cash = 0, personal = 10 }}

[[counter]]
id = "3"
serves = {{ personal = 0, cash = 10 }}

[[counter]]
id = "4"
serves = {{ corporate = 0, personal = 10, cash = 20 }}
"""

NETWORK = """
[mqtt]
broker = "mqtt://127.0.0.1:{port}"

[[device]]
id = "pad-3"
driver = "mqtt-keypad"
counter = "3"

[[device]]
id = "pad-4"
driver = "mqtt-keypad"
counter = "4"

[[device]]
id = "manager"
driver = "mqtt-panel"

[[device]]
id = "kiosk"
driver = "mqtt-kiosk"
hold_off = 0
screen = true
"""

DEVICES = (NETWORK, PRINTER, TERMINALS, HALL, WINDOWS)

WEB = """
[web]
listen = "127.0.0.1:PORT"
url = "http://127.0.0.1:PORT"
"""


@dataclass
class ServedBranch(Branch):
    """A branch whose screens are served at `address`, in `language`; `web` None: it has none.

    `busy`: it has been for half an hour when the daemon is started first. `lobby simulators` has its devices, with the
    virtual lobby at `virtual` if it has a `lobby`. With `plugged` they are in the test's own process instead, where
    `printer`, `bus` and `hall` can be looked into.
    """

    plugged: bool = False
    language: str = "zh"
    web: int | None = field(default_factory=free_port)
    lobby: bool = False
    busy: bool = False
    parts: Iterable[str] = (BANK, *DEVICES)

    async def __aenter__(self) -> ServedBranch:
        self.virtual = ""
        self._simulators: asyncio.subprocess.Process | None = None
        # The business day changes half a day from now, whenever the tests are run.
        rollover = datetime.now(ZoneInfo("Asia/Shanghai")) + timedelta(hours=12)
        web = WEB.replace("PORT", str(self.web)) if self.web else ""
        text = "".join((*self.parts, web)).replace("LANGUAGE", self.language).replace("NAME", NAMES[self.language])
        self.parts = (text.replace("ROLLOVER", f"{rollover:%H:%M}"),)
        await super().__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        try:
            await super().__aexit__(*error)
        finally:
            await self._end_simulators()
        if not any(error):
            assert "Traceback" not in self._simulated(), self._simulated()

    @property
    def address(self) -> str:
        """Where its screens are, without a path."""
        return f"http://127.0.0.1:{self.web}"

    def say(self, key: str, /, **about: object) -> str:
        """A sentence of the branch's language, as its pages have it."""
        return self.settings.rules.wording.say(key, **about)

    def ticket_page(self, ticket: str) -> str:
        """The address behind a ticket's QR code."""
        assert self.settings.web
        accounts = Accounts(self.settings.web.accounts, time.time)
        try:
            return f"{self.address}/t/{accounts.page(self.settings.rules.day_of(time.time_ns() // 1_000_000), ticket)}"
        finally:
            accounts.close()

    async def launch(self) -> None:
        """Start the daemon, and before it, once, the devices."""
        if self.busy and not self.settings.journal_path.exists():
            self._write_half_an_hour(time.time_ns() // 1_000_000)
        if not self.plugged and self._simulators is None:
            await self._start_simulators()
        await super().launch()

    async def start(self) -> None:
        """Start the daemon, and wait until it is ready and its screens, which come after the devices, are served."""
        await super().start()
        if self.web:
            await until(lambda: self._is_served() or "the screens cannot" in self.log(), START)
            assert self._is_served(), self.log()

    def _is_served(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.web)) == 0

    # -- accounts --------------------------------------------------------------------------------------------

    async def account(self, name: str, role: str, pin: str, counter: str = "") -> None:
        """An account with a PIN; `role` is manager, counter, kiosk or screen."""
        await self._add_user(name, role, counter, said=f"{pin}\n{pin}\n")

    async def device(self, name: str, role: str, counter: str = "") -> str:
        """An account for a device; the address that signs it in when it is opened."""
        said = await self._add_user(name, role, counter, "--token")
        token = re.search(r"/enter#(\S+)", said)
        assert token, said
        return f"{self.address}/enter#{token[1]}"

    async def revoke(self, name: str) -> None:
        """Take an account away, with all that is signed in with it."""
        await self._user("revoke", name)

    async def _add_user(self, name: str, role: str, counter: str, *more: str, said: str = "") -> str:
        at = ("--counter", counter) if counter else ()
        return await self._user("add", name, "--role", role, *at, *more, said=said)

    async def _user(self, *about: str, said: str = "") -> str:
        code, out, err = await processes.ended(LOBBY, "user", *about, "--config", self.config, input=said.encode())
        assert code == 0, err.decode()
        return out.decode()

    # -- the devices -----------------------------------------------------------------------------------------

    async def _start_simulators(self) -> None:
        page = ("--page", "0") if self.lobby else ()
        with (self.directory / "simulators.log").open("wb") as log:
            process = self._simulators = await processes.spawn(
                *(LOBBY, "simulators", "--config", self.config, "--dev", self.directory / "dev", *page),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wires = [placed.wire.path for placed in self.simulated.placed.values()]
        await until(lambda: all(path.exists() for path in wires) or process.returncode is not None, START)
        assert process.returncode is None, self._simulated()
        if self.lobby:
            self.virtual = (await until(lambda: re.search(r"http://\S+", self._simulated()), START))[0]

    async def _end_simulators(self) -> None:
        process, self._simulators = self._simulators, None
        if process is None:
            return
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(STOP):
                await process.wait()
        except TimeoutError:
            raise AssertionError(f"the simulators do not end:\n{self._simulated()}") from None
        finally:
            processes.kill(process)
            await process.wait()

    def _simulated(self) -> str:
        """What the simulators have said."""
        log = self.directory / "simulators.log"
        return log.read_text() if log.exists() else ""

    # -- what has happened -----------------------------------------------------------------------------------

    def _write_half_an_hour(self, now: int) -> None:
        """A journal of the half hour before `now` (ms since 1970, UTC): 30 customers, some called, one not there."""
        lobby = Aggregate(self.settings.rules)

        def at(minute: float) -> dict[str, object]:
            return {"at": now - round((30 - minute) * 60_000), "cause": f"before:{len(lobby.rows)}"}

        for minute in range(30):
            service = ("cash", "personal", "cash", "corporate", "cash")[minute % 5]
            klass = {4: "vip", 17: "vip", 21: "green"}.get(minute, "normal")
            lobby.do(TakeTicket(**at(minute), by="kiosk/kiosk", service=service, klass=klass))  # type: ignore[arg-type]
            if minute % 5 == 2:
                for counter in ("1", "3", "4")[: 3 if minute % 10 == 2 else 1]:
                    lobby.do(CallNext(**at(minute + 0.5), counter=counter))  # type: ignore[arg-type]
            if minute == 16:
                lobby.do(NoShow(**at(minute), counter="1"))  # type: ignore[arg-type]
        journal = Journal(self.settings.journal_path)
        try:
            journal.append(lobby.rows).result()
        finally:
            journal.close()


async def enter(page: Page, address: str) -> None:
    """Sign a page in with a device's address, and wait until it has landed."""
    await page.goto(address)
    await page.wait_for_url(lambda url: "/enter" not in url)


async def as_role(pages: Pages, branch: ServedBranch, role: str, counter: str = "", **wishes: Any) -> Page:
    """The home page of a device signed in as `role`, in the branch's language; `wishes` are those of `Pages.open`."""
    page = await pages.open(locale=LOCALES[branch.language], **wishes)
    await enter(page, await branch.device(f"{role}-{counter or next(_devices)}", role, counter))
    return page
