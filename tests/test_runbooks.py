"""The runbooks quote what the program says, name what there is, and say the same in both languages."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest
import runbooks

from controller.cli import lobby

LINES = 60
"""Lines of two screens."""


@pytest.mark.parametrize("language", runbooks.LANGUAGES)
def test_what_a_runbook_quotes_is_what_the_program_says(language: str) -> None:
    quotes = runbooks.quotes(language)
    assert len(quotes) > 100
    assert [quote for quote in quotes if not runbooks.known(quote, language)] == []


@pytest.mark.parametrize(
    "text", ["缺纸了", "可能没有出票：…，请按“补打”", "out of paper again", "… cannot be found (…)"]
)
def test_what_it_does_not_say_would_be_found(text: str) -> None:
    quote = runbooks.Quote(text, "", row=True)
    assert not any(runbooks.known(quote, language) for language in runbooks.LANGUAGES)


def test_both_are_about_the_same_sentences() -> None:
    chinese, english = ([quote for quote in runbooks.quotes(each) if quote.row] for each in runbooks.LANGUAGES)
    assert [quote.section for quote in chinese] == [quote.section for quote in english]
    assert [
        (one.text, other.text)
        for one, other in zip(chinese, english, strict=True)
        if not runbooks.known(one, "zh") & runbooks.known(other, "en")
    ] == []


@pytest.mark.parametrize("language", runbooks.LANGUAGES)
def test_a_symptom_takes_two_screens_at_most(language: str) -> None:
    sections = runbooks.sections(language)
    assert {name: text.count("\n") for name, text in sections.items() if text.count("\n") > LINES} == {}
    links = re.findall(r"\]\(#([\w-]+)\)", runbooks.path_of(language).read_text("utf-8"))
    assert set(links) == sections.keys() - {""}


@pytest.mark.parametrize("language", runbooks.LANGUAGES)
def test_commands_of_ours_are_as_they_are_written(language: str) -> None:
    found = list(_commands(language))
    assert len(found) >= 8
    for name, *words in found:
        command = lobby.get_command(click.Context(lobby), name)
        assert command, name
        if words and isinstance(command, click.Group):
            command = command.commands[words[0]]
        known = {option for each in command.params for option in each.opts}
        assert [word for word in words if word.startswith("--") and word not in known] == []


def _commands(language: str) -> Iterator[list[str]]:
    """Each `lobby` command with its words."""
    is_fenced = False
    for line in runbooks.path_of(language).read_text("utf-8").splitlines():
        is_fenced ^= line.startswith("```")
        for text in [line.partition("  #")[0]] if is_fenced else re.findall(r"`([^`]+)`", line):
            if match := re.fullmatch(r"(?:sudo )?(?:-u \w+ )?lobby ((?!run )[a-z]+\b[^…]*)", text):
                yield shlex.split(match[1])
