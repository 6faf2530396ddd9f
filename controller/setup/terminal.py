"""The questions in a terminal, a line each: no colours, no cursor, so that any tty does, also a serial one."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Any, TextIO

from controller.lobby.model.wording import Wording
from controller.output import console, table
from controller.setup.questions import Question

LONGEST = 4096
"""Bytes of a line that is typed."""


class EndOfInputError(Exception):
    """Nothing more is typed: the terminal has gone."""


class Terminal:
    """A door to whoever sits at a terminal. `source`: the descriptor that is read."""

    welcome = "welcome"

    def __init__(self, words: Wording, *, source: int = 0, out: TextIO | None = None) -> None:
        self._words = words
        self._source = source
        self._out = out or sys.stdout
        if isinstance(self._out, TextIOWrapper):
            self._out.reconfigure(errors="replace")  # not every terminal has every character

    def speak(self, words: Wording) -> None:
        self._words = words

    async def ask(self, question: Question[Any], wrong: str) -> str:
        if wrong:
            self.say(f"! {wrong}")
        else:
            self.say(f"\n{question.text}")
            if question.why:
                self.say(f"  {question.why}")
            for n, (value, label) in enumerate(question.choices, 1):
                self.say(f"  {n}  {value}" if value == label else f"  {n}  {value}  {label}")
        self._out.write(f"  [{question.default}] > " if question.default else "  > ")
        self._out.flush()
        return await self._line()

    async def _line(self) -> str:
        """A line as it is typed. It can be cancelled; what has been typed until then is left to the next."""
        loop, typed = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._source, typed.set)
        try:
            await typed.wait()
        finally:
            loop.remove_reader(self._source)
        data = os.read(self._source, LONGEST)  # in a tty's usual mode a whole line
        if not data:
            raise EndOfInputError
        return data.decode("utf-8", "replace").rstrip("\r\n")

    def say(self, text: str) -> None:
        self._out.write(f"{text}\n")
        self._out.flush()

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        shown = table(title, columns, [])
        for row in rows:
            shown.add_row(*row)
        console().print(shown)

    def file(self, name: str, text: str) -> None:
        self.say(f"\n--- {name}")
        self.say(text.rstrip("\n"))
        self.say("---")
