"""What is kept of people is listed in both languages: each kind of row, field, table, file and topic of the program."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from fnmatch import fnmatch
from pathlib import Path

import pytest
from system.branch import HOUSE
from system.served import WEB, Hands

from bench.ports import free_port
from controller.config import read
from controller.daemon import Daemon
from controller.journal import Journal
from controller.journal.backups import back_up, restore
from controller.lobby.actions.event import Event, kinds
from controller.web.accounts import Accounts
from docs.generate.branch import branch
from simulators.branch import running

DOCS = Path(__file__).parents[1] / "docs"
LANGUAGES = ("zh", "en")


def named(language: str) -> set[str]:
    """Everything that stands in backticks."""
    return set(re.findall(r"`([^`\n]+)`", (DOCS / f"privacy.{language}.md").read_text("utf-8")))


def fields(event: type[Event]) -> set[str]:
    """The fields of a kind, as rows have them."""
    return {"class" if name == "klass" else name for name in event.__dataclass_fields__}  # type: ignore[attr-defined]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_and_field_of_the_journal_is_listed(language: str) -> None:
    known = named(language)
    of_program = {kind: event for kind, event in kinds().items() if event.__module__.startswith("controller.")}
    assert len(of_program) > 40
    advice = f"say in docs/privacy.{language}.md what it holds of people"
    assert sorted(of_program.keys() - known) == [], advice
    assert sorted({f"{kind}.{name}" for kind, event in of_program.items() for name in fields(event) - known}) == [], (
        advice
    )


def tables(path: Path) -> Iterator[tuple[str, str]]:
    """(table, column) of a file."""
    with closing(sqlite3.connect(path)) as connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for _, column, *_ in connection.execute(f"PRAGMA table_info({table})"):
                yield table, column


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_table_is_listed(tmp_path: Path, language: str) -> None:
    Journal(tmp_path / "lobby.db").close()
    Accounts(tmp_path / "access.db", lambda: 0.0).close()
    text = (DOCS / f"privacy.{language}.md").read_text("utf-8")
    found = [*tables(tmp_path / "lobby.db"), *tables(tmp_path / "access.db")]
    assert len(found) > 30
    for table, column in found:
        of_it = re.search(rf"`{table}`[:：]((?:[ 、,]*`\w+`)+)", text)
        assert of_it, table
        assert f"`{column}`" in of_it[1], (table, column)


async def test_every_file_and_topic_is_listed(tmp_path: Path) -> None:
    """Of a day that is recorded, backed up and put back."""
    config = tmp_path / "branch.toml"
    config.write_text(f"{HOUSE}{WEB}".format(id="b-1", directory=tmp_path, port=free_port()))
    settings, hands = read(config), Hands()
    (tmp_path / "backups").mkdir()
    async with running(settings, hands.clock) as daemon:
        assert isinstance(daemon, Daemon)
        await daemon.on_screen.wait()
        back_up(settings.journal_path, tmp_path / "backups" / "lobby-20260302-033000.db")
        found = _files(tmp_path)
    restore(tmp_path / "backups" / "lobby-20260302-033000.db", settings.journal_path, "b-1", settings.rules.local(1))
    found |= _files(tmp_path)
    assert {"lobby.sock", "lobby.db-wal", "access.db", "lobby.db.lock"} <= found
    async with branch() as one:
        one.press("kiosk/kiosk", "TAKE", service="personal")
        one.look_ahead()
        topics = one.topics()
    assert {"event", "board"} <= topics
    for language in LANGUAGES:
        patterns = named(language)
        topic_patterns = {pattern.replace("+", "*") for pattern in patterns}
        assert [name for name in sorted(found) if not any(fnmatch(name, pattern) for pattern in patterns)] == []
        assert [name for name in sorted(topics) if not any(fnmatch(name, each) for each in topic_patterns)] == []


def _files(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if not path.is_dir()}
