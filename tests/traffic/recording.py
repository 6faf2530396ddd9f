"""What was said on each wire, as text, and where two such recordings of a day part."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path

ANSWER = "-"
"""In place of a time."""
MACHINE = re.compile(
    r"((?:^|\n|\\n)lobby_(?:journal_bytes|disk_free_bytes|disk_size_bytes|clock_synchronised) )[-+.e0-9]+"
)
"""Figures of the machine on which a day is recorded."""


class Recording:
    """What was said on each wire; `now` gives the seconds since the start."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.streams: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self._masks: dict[str, str] = {}
        self._counts: dict[str, int] = defaultdict(int)

    def at(self) -> str:
        """The present moment."""
        return f"{self._now():.3f}"

    def say(self, stream: str, text: str) -> None:
        """Something is said."""
        self.streams[stream].append((self.at(), text))

    def answer(self, stream: str, text: str) -> None:
        """Something is said in answer to the line before: in its time, however little that is."""
        self.streams[stream].append((ANSWER, text))

    def bytes(self, stream: str, data: bytes) -> None:
        """Bytes are said; those of one moment are one line, however many writes they came in."""
        lines, at = self.streams[stream], self.at()
        if lines and lines[-1][0] == at:
            lines[-1] = (at, f"{lines[-1][1]} {data.hex(' ')}")
        else:
            lines.append((at, data.hex(" ")))

    def masks(self, kind: str, value: str) -> None:
        """From now on `value` is chance."""
        if value and value not in self._masks:
            self._counts[kind] += 1
            self._masks[value] = f"<{kind} {self._counts[kind]}>" if kind != "build" else "<build>"

    def masked(self, text: str) -> str:
        """A text without what is chance."""
        for value, name in self._masks.items():
            text = text.replace(value, name)
        return MACHINE.sub(r"\1<machine>", text)

    def text(self) -> str:
        """All of it."""
        return "".join(
            f"## {name}\n" + "".join(f"{at}\t{_one_line(text)}\n" for at, text in self.streams[name])
            for name in sorted(self.streams)
        )


def _one_line(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")


def streams(text: str) -> dict[str, list[str]]:
    """A recording's lines, by stream."""
    found: dict[str, list[str]] = {}
    for line in text.rstrip("\n").split("\n"):
        if line.startswith("## "):
            lines = found[line[3:]] = []
        else:
            lines.append(line)
    return found


def kept(seed: int) -> Path:
    """Where the recording of a day is kept."""
    return Path(__file__).parent / "days" / f"{seed:02}.xz"


def difference(old: str, new: str) -> str:
    """Where two recordings of a day part first, in words; empty: nowhere."""
    before, after = streams(old), streams(new)
    found: list[tuple[float, str, str, str]] = []
    for name in sorted({*before, *after}):
        at = 0.0
        for was, now in zip_longest(before.get(name, []), after.get(name, []), fillvalue="nothing more"):
            times = [float(line.partition("\t")[0]) for line in (was, now) if re.match(r"[0-9]+\.[0-9]+\t", line)]
            at = min(times, default=at)
            if was != now:
                found.append((at if name != "journal" else math.inf, name, was, now))
                break
    if not found:
        return ""
    at, name, was, now = min(found)
    same = next((n for n, (a, b) in enumerate(zip(was, now, strict=False)) if a != b), min(len(was), len(now)))
    start = max(0, same - 60)
    others = ", ".join(sorted(each for _, each, _, _ in found if each != name)) or "none"
    return (
        f"{name} at {at:.3f} s, from character {same} of the line on\n"
        f"old: {was[start : same + 200]}\nnew: {now[start : same + 200]}\nother streams that differ: {others}"
    )
