"""From the runbook alone: each fault is injected, said in the very words by which the runbook finds it, in the section
where somebody would look, and gone after the cure that stands there.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import socket
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
import runbooks
from sweeps import long

from bench import processes
from bench.ports import free_port
from controller.web.accounts import Accounts
from drivers.terminal68 import Key
from simulators.buttons import Buttons
from system.branch import HALL, HOUSE, LOBBY, MQTT, PRINTER, TERMINALS, WINDOWS, Branch
from system.broker import Mosquitto
from system.network import Network
from system.served import WEB, Client, on_screen
from system.troubles import FileSizeLimit
from system.waiting import until

DAY = 86_400_000
"""Milliseconds."""
PLAYER = """\
import sys

if open(sys.argv[1]).read() == "fail":
    sys.exit("audio open error: No such device")
sys.stdin.buffer.read()
"""
VOICE = """
[[device]]
id = "voice"
driver = "voice"
player = {player}
quiet = []
"""
MISTAKE = '\n[day]\nrollover = "25:00"\n'


def house(language: str) -> str:
    assert 'language = "en"' in HOUSE
    return HOUSE.replace('language = "en"', f'language = "{language}"')


class Watch:
    """Somebody with the runbook in hand, who looks where it says: `status`, the log, the console and `/health`."""

    def __init__(self, branch: Branch, language: str, client: Client) -> None:
        self.branch, self.language, self._client = branch, language, client
        self._words = runbooks.wording(language)

    def say(self, key: str) -> str:
        """A sentence that has nothing to be filled in, or the pattern of one that has."""
        return self._words[key]

    def quote(self, section: str, key: str) -> re.Pattern[str]:
        """How the section has a sentence, by its wording key or as it stands in the program; it must have it."""
        rows = [quote for quote in runbooks.quotes(self.language) if quote.row and quote.section == section]
        found = [quote for quote in rows if key in runbooks.known(quote, self.language)]
        assert found, f"{section}: nobody would find “{runbooks.wording(self.language).get(key, key)}” here"
        return found[0].pattern()

    @property
    def status(self) -> str:
        """The line `Status:` of systemctl."""
        told = [text for text, _ in self.branch.notified.heard if text.startswith("STATUS=")]
        return told[-1].removeprefix("STATUS=") if told else ""

    def logged(self, pattern: re.Pattern[str], start: str = "") -> bool:
        """Whether a line of the log has this; `start`: how it begins after its level."""
        return any(pattern.search(line) for line in self.branch.logged(start))

    async def console(self) -> list[str]:
        """What the console asks to be seen to: sentences and remedies."""
        reply = await self._client.get("/api/console")
        return [text for fault in reply.json["faults"] for text in (fault["text"], fault["remedy"])]

    async def health(self) -> str:
        reply = await self._client.get("/health")
        return str(reply.json["status"])

    async def until_console(self, wanted: Callable[[list[str]], bool]) -> None:
        async with asyncio.timeout(30):
            while not wanted(await self.console()):  # noqa: ASYNC110 - what is asked over HTTP sends no event
                await asyncio.sleep(0.05)

    async def well(self) -> None:
        """All is well again, everywhere."""
        plain = re.compile(re.sub(r"\\{\w+\\}", r"\\d+", re.escape(self.say("fault.status"))))
        async with asyncio.timeout(30):
            while await self.health() != "ok":  # noqa: ASYNC110 - what is asked over HTTP sends no event
                await asyncio.sleep(0.05)
        await until(lambda: plain.fullmatch(self.status))


async def device_fails(
    watch: Watch,
    section: str,
    device: str,
    key: str,
    inject: Callable[[], object],
    cure: Callable[[], object],
) -> None:
    """A device says what the section has, in all the places that the runbook names; after the cure all is well."""
    sentence = watch.quote(section, key)
    assert sentence.fullmatch(watch.say(key))
    advice = watch.say(key.replace("device.", "advice."))
    line = re.compile(rf"{re.escape(watch.say(key))}.*; {re.escape(advice)}$")
    back = re.compile(re.escape(watch.say("notice.back")))
    before = sum(bool(back.search(said)) for said in watch.branch.logged(f"{device}: "))
    inject()
    await until(lambda: watch.status.endswith(f": {watch.say(key)}"))
    assert watch.logged(line, f"{device}: "), watch.branch.log()
    assert await watch.health() == "degraded"
    console = await watch.console()
    assert any(text.startswith(watch.say(key)) for text in console), console
    assert advice in console
    cure()
    await watch.well()
    assert sum(bool(back.search(said)) for said in watch.branch.logged(f"{device}: ")) == before + 1


@pytest.mark.long
@pytest.mark.parametrize("language", ["zh", long("en")])
@pytest.mark.timeout(240)
async def test_what_goes_wrong_while_it_runs(tmp_path: Path, own_broker: Mosquitto, language: str) -> None:
    port, set_by, mode, player = free_port(), tmp_path / "set", tmp_path / "mode", tmp_path / "player.py"
    set_by.write_text("0")
    mode.write_text("fail")
    player.write_text(PLAYER)
    parts = [house(language), MQTT, WEB.replace("{port}", str(port)), PRINTER, TERMINALS, HALL, WINDOWS]
    if speaks := shutil.which("espeak-ng") is not None:
        parts.append(VOICE.replace("{player}", json.dumps(f"{sys.executable} {player} {mode}")))
    async with Branch(tmp_path, own_broker.port, parts, clock=set_by, starts=False) as branch:
        assert branch.settings.web
        with closing(Accounts(branch.settings.web.accounts, time.time)) as accounts:
            client = Client(port, {"Authorization": f"Bearer {accounts.add('li', 'manager')}"})
        watch = Watch(branch, language, client)
        await _page_does_not_open(watch, port)
        await _nobody_hears(watch, mode, speaks=speaks)
        async with Network(own_broker.port, branch.root) as network:
            await _printer(watch)
            await _half_a_ticket(watch, network)
            await _lines(watch, network)
            await _key(watch)
            await _disk(watch, network)
        await _broker(watch, own_broker)
        await _clock(watch, set_by)


async def _page_does_not_open(watch: Watch, port: int) -> None:
    cannot = watch.quote("page-does-not-open", "the screens cannot be served at %s (%s); trying again")
    served = watch.quote("page-does-not-open", "the screens are served at %s")
    with closing(socket.create_server(("127.0.0.1", port))):
        await watch.branch.start()
        await until(lambda: watch.logged(cannot))
    await until(lambda: watch.logged(served))
    await on_screen(watch._client)


async def _nobody_hears(watch: Watch, mode: Path, *, speaks: bool) -> None:
    if speaks:
        key = "device.voice_player"
        sentence = watch.quote("nobody-hears", key)
        await until(lambda: watch.logged(sentence, "voice: ") and watch.say(key) in watch.status)
        _write(mode, "play")
    await watch.well()


async def _printer(watch: Watch) -> None:
    printer = watch.branch.placed("printer").wire
    example = re.findall(r"`([^`]+)`", runbooks.sections(watch.language)["first-look"])
    status = next(text for text in example if text.endswith(watch.say("device.paper_end")))

    def paper(state: Any) -> Callable[[], None]:
        return lambda: setattr(printer.faults, "paper", state)

    def cover(*, is_open: bool) -> Callable[[], None]:
        return lambda: setattr(printer.faults, "cover_open", is_open)

    await device_fails(watch, "printer-silent", "printer", "device.paper_end", paper("out"), paper("ok"))
    await device_fails(
        watch, "printer-silent", "printer", "device.cover_open", cover(is_open=True), cover(is_open=False)
    )
    said = [text.removeprefix("STATUS=") for text, _ in watch.branch.notified.heard]
    assert re.sub(r"\d", "0", status) in said, "the example of the line Status:"
    log = next(text for text in example if text.startswith("printer: "))
    assert watch.branch.logged(log), "the example of a line of the log"


async def _half_a_ticket(watch: Watch, network: Network) -> None:
    notice = watch.quote("ticket-half", "notice.unknown_print")
    fault = watch.quote("ticket-half", "fault.unknown_print")
    printer = watch.branch.placed("printer").wire
    taken = await network.press("kiosk/kiosk", "TAKE")
    await until(lambda: taken["ticket"] in watch.branch.printer.strip.words)
    printer.unplug()
    await until(lambda: any(notice.fullmatch(text) for text in network.levels["board"]["notices"]))
    assert any(fault.fullmatch(text) for text in await watch.console())
    printer.plug()
    await watch.well()
    assert watch.say("fault.unknown_print_remedy") in await watch.console()
    again = await network.press("panel/manager", "REPRINT")
    assert again["ticket"] == taken["ticket"]
    await until(lambda: not any(notice.fullmatch(text) for text in network.levels["board"]["notices"]))
    await until(lambda: watch.say("ticket.reprint") in "".join(watch.branch.papers()[-1:]))


async def _lines(watch: Watch, network: Network) -> None:
    """The terminals, the hall board, a window display."""
    branch = watch.branch
    for section, id in (("terminal-dead", "terminals"), ("window-wrong", "window-1")):
        wire = branch.placed(id).wire
        await device_fails(watch, section, id, "device.offline", wire.unplug, wire.plug)

    board = branch.placed("hall").wire

    def hang() -> None:
        board.faults.hang = True
        branch.press(1, Key.CALL)

    def wake() -> None:
        board.faults.hang = False
        board.poke()

    await network.press("kiosk/kiosk", "TAKE")
    await device_fails(watch, "board-stale", "hall", "device.no_answer", hang, wake)
    await until(lambda: branch.hall.lines()[0].strip() != "")

    literal = next(key for key in runbooks.spoken(watch.language) if "a key was pressed at bus address" in key)
    unknown = watch.quote("terminal-dead", literal)
    branch.press(7, Key.CALL)
    await until(lambda: watch.logged(unknown, "terminals: "))
    text = branch.config.read_text()
    branch.config.write_text(text.replace('1 = "1", 2 = "2"', '1 = "1", 2 = "2", 7 = "3"'))
    code, said = await lobby("reload", "--config", branch.config)
    assert code == 0, said
    await network.press("kiosk/kiosk", "TAKE")
    await watch.well()
    branch.press(7, Key.CALL)
    await until(lambda: "3" in [row.data["counter"] for row in branch.rows("ticket_called")])


async def _key(watch: Watch) -> None:
    wrong, right = watch.quote("key-dead", "notice.clock_wrong"), re.compile(re.escape(watch.say("notice.clock_right")))
    branch = watch.branch
    async with Buttons("127.0.0.1", branch.port, branch.id, Random(1)) as buttons:
        buttons.faults.fast = 3600.0
        assert (await buttons.press("kiosk/kiosk", key="TAKE"))["result"] == "refused"
        await until(lambda: watch.logged(wrong, "kiosk/kiosk: "))
        buttons.faults.fast = 0.0
        assert (await buttons.press("kiosk/kiosk", key="TAKE"))["result"] == "ok"
        await until(lambda: watch.logged(right, "kiosk/kiosk: "))
    refused = watch.quote("key-dead", "refused.counter_closed")
    reply = await watch._client.key("2", "PAUSE")
    assert refused.fullmatch(reply.json["detail"]), reply


async def _disk(watch: Watch, network: Network) -> None:
    cannot = watch.quote("disk-full", "%s cannot be written (%s); nothing is acknowledged until it can")
    sentence = watch.quote("disk-full", "refused.journal_down")
    fault = watch.quote("disk-full", "fault.journal")
    disk = FileSizeLimit(watch.branch)
    disk.fill()
    answer = await network.press("kiosk/kiosk", "TAKE")
    assert sentence.fullmatch(answer["text"])
    await until(lambda: watch.logged(cannot) and watch.status.endswith(watch.say("refused.journal_down")))
    assert any(fault.fullmatch(text) for text in await watch.console())
    assert (await watch._client.get("/health")).refusal == (503, "journal_down")
    disk.free()
    await until(lambda: watch.logged(re.compile("can be written again")))
    await watch.well()


async def _broker(watch: Watch, broker: Mosquitto) -> None:
    await device_fails(watch, "broker-down", "mqtt", "device.offline", broker.stop, broker.start)


async def _clock(watch: Watch, set_by: Path) -> None:
    was_set = watch.quote("clock-wrong", next(key for key in runbooks.spoken("en") if "the clock was set from" in key))
    doubt = watch.quote("clock-wrong", "notice.day_in_doubt")
    _write(set_by, str(DAY))
    await until(lambda: watch.logged(was_set))
    await watch.until_console(lambda texts: any(doubt.fullmatch(text) for text in texts))
    _write(set_by, "0")
    await watch.until_console(lambda texts: not any(doubt.fullmatch(text) for text in texts))
    await watch.well()


def _write(path: Path, text: str) -> None:
    """At once: whoever reads it has the one or the other."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text)
    new.rename(path)


async def lobby(*words: object) -> tuple[int, str]:
    """A command of ours: its exit code, and what it says."""
    code, out, error = await processes.ended(str(LOBBY), *map(str, words))
    return code, (out + error).decode()


@pytest.mark.long
@pytest.mark.parametrize("language", ["zh", long("en")])
async def test_what_goes_wrong_at_a_start(tmp_path: Path, broker: Mosquitto, language: str) -> None:
    """A mistake in the file; a power cut while a ticket is printed; a journal that the disk has damaged."""
    async with Branch(tmp_path, broker.port, (house(language), MQTT, PRINTER), starts=False) as branch:
        watch = Watch(branch, language, Client(0, {}))
        journal, good = branch.settings.journal_path, branch.config.read_text()

        async def refused(says: re.Pattern[str]) -> None:
            """It does not start; the status and the log say why."""
            not_running = watch.quote("service-does-not-start", "not running: {}")
            await branch.launch()
            assert branch.process
            assert await branch.process.wait() != 0
            branch.process = None
            await until(lambda: not_running.fullmatch(watch.status))
            assert says.search(watch.status), watch.status
            assert says.search(branch.log())

        branch.config.write_text(re.sub(r"\n\[day\]\n.*\n", MISTAKE, good))
        await refused(re.compile(r"branch\.toml:\d+: day\.rollover: "))
        branch.config.write_text(good)
        await branch.start()

        async with Network(broker.port, branch.root) as network:
            await network.device("printer")
            unprinted = watch.quote("after-power-cut", "notice.unknown_print")
            taken = await network.press("kiosk/kiosk", "TAKE")
            await until(lambda: taken["ticket"] in branch.printer.strip.words)
            since = network.levels["device/printer"]["since"]
            await branch.kill()
            await branch.start()
            await until(lambda: network.levels["device/printer"]["since"] != since)  # it is known anew
            await until(lambda: any(map(unprinted.fullmatch, network.levels["board"]["notices"])))
            await network.device("printer")
            assert (await network.press("panel/manager", "REPRINT"))["ticket"] == taken["ticket"]
            await until(lambda: not any(map(unprinted.fullmatch, network.levels["board"]["notices"])))

            backup = tmp_path / "backup.db"
            code, said = await lobby("backup", "--config", branch.config, backup)
            assert code == 0, said
            await branch.stop()
            content = bytearray(journal.read_bytes())
            content[100:4096] = b"\xff" * 3996
            journal.write_bytes(content)
            damaged = next(key for key in runbooks.spoken(language) if "the file is damaged; restore" in key)
            await refused(watch.quote("journal-damaged", damaged))
            code, said = await lobby("restore", "--config", branch.config, backup)
            assert code == 0, said
            assert "what was there before is kept as " in said
            since = network.levels["device/printer"]["since"]
            await branch.start()
            await until(lambda: network.levels["device/printer"]["since"] != since)
            await network.device("printer")
            assert (await network.press("kiosk/kiosk", "TAKE"))["ticket"] == "A002"


async def _examined(branch: Branch, device: str) -> list[str]:
    out = branch.directory / "found.json"
    await lobby("doctor", "--config", branch.config, "--device", device, "--keys", 0, "--json", out)
    return [text for finding in json.loads(out.read_text()) for text in (*finding["found"], *finding["remedies"])]


@pytest.mark.long
@pytest.mark.parametrize("language", runbooks.LANGUAGES)
async def test_what_only_an_examination_finds(tmp_path: Path, language: str) -> None:
    """A printer at another line speed, and a window display that nobody can ask."""
    async with Branch(tmp_path, 0, (house(language), PRINTER, WINDOWS)) as branch:
        watch = Watch(branch, language, Client(0, {}))
        speed = watch.quote("ticket-half", "doctor.speed")
        branch.placed("printer").wire.faults.speed = 57600
        found = await _examined(branch, "printer")
        assert any(map(speed.fullmatch, found)), found
        branch.placed("printer").wire.faults.speed = 0
        found = await _examined(branch, "printer")
        assert watch.say("doctor.ticket_printed") in found
        silent = watch.quote("window-wrong", "device.port_only")
        found = await _examined(branch, "window-1")
        assert any(map(silent.fullmatch, found)), found
