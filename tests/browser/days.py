"""A branch with days behind it, and half of today; what stands in a PDF."""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from browser.branch import BANK, ServedBranch
from controller.journal import Journal
from controller.lobby.aggregate import Aggregate
from simulators.customers import day as customers_of
from simulators.days.virtual import VirtualDay

HOUR = 15
"""It is so late there, whenever the tests are run."""
EVERY, NEVER = '["1-31"]', '["2000-01-01"]'


def zone() -> str:
    """The time zone in which it is `HOUR` o'clock."""
    ahead = HOUR - datetime.now(UTC).hour
    return f"Etc/GMT{-ahead:+d}" if ahead <= 14 else f"Etc/GMT+{24 - ahead}"


def bank(kind: str = "normal", more: str = "") -> tuple[str, ...]:
    """The configuration of a branch where every day is of one kind and begins at three."""
    kinds = "".join(f"\n[profile.{each}]\nwhen = {EVERY if each == kind else NEVER}\n" for each in ("pension", "busy"))
    return (BANK.replace("Asia/Shanghai", zone()).replace("ROLLOVER", "03:00") + kinds + more,)


@dataclass
class BranchWithDays(ServedBranch):
    """A branch whose journal has so many `past` days and today until now, with simulated customers and clerks."""

    plugged: bool = True
    parts: Iterable[str] = ()
    kind: str = "normal"
    past: int = 2
    today: bool = True

    async def launch(self) -> None:
        """Start the daemon."""
        if not self.settings.journal_path.exists():
            self._write_days(time.time_ns() // 1_000_000)
        await super().launch()

    def _write_days(self, now: int) -> None:
        rules = self.settings.rules
        lobby = Aggregate(rules)
        last = date.fromisoformat(rules.day_of(now))
        for back in range(self.past, -1 if self.today else 0, -1):
            day = last - timedelta(days=back)
            VirtualDay(lobby, day, customers_of(rules, self.kind, f"{back}", day)).run()
        with closing(Journal(self.settings.journal_path)) as journal:
            journal.append([row for row in lobby.rows if row.at <= now]).result()


def pages_of(pdf: bytes) -> int:
    """How many pages a PDF has."""
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def text_of(pdf: bytes) -> str:
    """The text of a PDF as Chromium writes it, without its blanks: in the order in which it is drawn."""
    objects = {int(n): body for n, body in re.findall(rb"(?s)(\d+) 0 obj\b(.*?)endobj", pdf)}
    maps = {
        number: _characters(_stream(objects[int(found[1])]))
        for number, body in objects.items()
        if (found := re.search(rb"/ToUnicode (\d+) 0 R", body))
    }
    names = {
        name: int(number)
        for body in objects.values()
        for name, number in re.findall(rb"/(F\d+) (\d+) 0 R", body)
        if int(number) in maps
    }
    text = "".join(_shown(_stream(body), names, maps) for body in objects.values() if b"stream" in body)
    return re.sub(r"\s", "", text)


def _stream(body: bytes) -> bytes:
    found = re.search(rb"(?s)stream\r?\n(.*)endstream", body)
    if not found or b"FlateDecode" not in body:
        return b""
    return zlib.decompressobj().decompress(found[1])


def _characters(table: bytes) -> tuple[int, dict[int, str]]:
    """(digits of a code, code -> character) of a ToUnicode table."""
    space = re.search(rb"begincodespacerange\s*<(\w+)>", table)
    known: dict[int, str] = {}
    for block in re.findall(rb"(?s)beginbfchar(.*?)endbfchar", table):
        for code, character in re.findall(rb"<(\w+)>\s*<(\w+)>", block):
            known[int(code, 16)] = _utf16(character)
    for block in re.findall(rb"(?s)beginbfrange(.*?)endbfrange", table):
        for first, last, character in re.findall(rb"<(\w+)>\s*<(\w+)>\s*<(\w+)>", block):
            for step in range(int(last, 16) - int(first, 16) + 1):
                known[int(first, 16) + step] = chr(ord(_utf16(character)[0]) + step)
    return len(space[1]) if space else 4, known


def _utf16(digits: bytes) -> str:
    return bytes.fromhex(digits.decode()).decode("utf-16-be")


def _shown(content: bytes, names: dict[bytes, int], maps: dict[int, tuple[int, dict[int, str]]]) -> str:
    if b" Tf" not in content:
        return ""
    return "".join(_pieces(content, names, maps))


def _pieces(content: bytes, names: dict[bytes, int], maps: dict[int, tuple[int, dict[int, str]]]) -> Iterator[str]:
    digits, known = 4, {}
    for font, shown, literal in re.findall(rb"/(F\d+) [\d.]+ Tf|<([0-9A-Fa-f]+)>|\(((?:\\.|[^\\)])*)\)", content):
        if font:
            digits, known = maps.get(names.get(font, 0), (4, {}))
            continue
        codes = shown.decode() if shown else _unescaped(literal).hex()
        for at in range(0, len(codes), digits):
            yield known.get(int(codes[at : at + digits], 16), "")


def _unescaped(literal: bytes) -> bytes:
    def one(found: re.Match[bytes]) -> bytes:
        sign = found[1]
        return bytes([int(sign, 8)]) if sign.isdigit() else {b"n": b"\n", b"r": b"\r", b"t": b"\t"}.get(sign, sign)

    return re.sub(rb"\\(\d{1,3}|.)", one, literal)
