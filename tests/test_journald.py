"""Lines of the log as systemd's journal takes them."""

from __future__ import annotations

import io
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from system.branch import LOBBY

from bench import processes
from controller.operation.journald import JournalHandler, at_level, reads
from controller.operation.repeated_lines import AT_ONCE


class Journal:
    """A socket in the place of the journal's."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(10)
        self.address = str(path)

    def entry(self) -> dict[str, str]:
        """The next entry, decoded as the native protocol says."""
        data, fields = self._socket.recv(100_000), {}
        while data:
            line, _, data = data.partition(b"\n")
            name, equals, value = line.partition(b"=")
            if not equals:
                size = int.from_bytes(data[:8], "little")
                value, data = data[8 : 8 + size], data[8 + size + 1 :]
            fields[name.decode()] = value.decode()
        return fields

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "socket")
    yield journal
    journal.close()


@pytest.fixture
def handler(journal: Journal) -> Iterator[JournalHandler]:
    handler = JournalHandler(journal.address)
    yield handler
    handler.close()


def logger(name: str, handler: JournalHandler) -> logging.Logger:
    made = logging.Logger(name)
    made.addHandler(handler)
    return made


def test_an_entry_has_its_level_and_its_device(journal: Journal, handler: JournalHandler) -> None:
    logger("controller.devices.hub", handler).warning("%s: %s", "printer", "out of paper")
    assert journal.entry() == {
        "MESSAGE": "printer: out of paper",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "lobby",
        "LOGGER": "controller.devices.hub",
        "DEVICE": "printer",
    }
    logger("controller.engine", handler).error("%s cannot be written (%s)", "lobby.db", "full")
    entry = journal.entry()
    assert (entry["PRIORITY"], entry.get("DEVICE")) == ("3", None)


def test_a_traceback_is_one_entry(journal: Journal, handler: JournalHandler) -> None:
    try:
        raise ValueError("of ours")
    except ValueError:
        logger("controller.engine", handler).exception("it could not be decided")
    entry = journal.entry()
    first, *rest = entry["MESSAGE"].splitlines()
    assert (first, rest[-1]) == ("it could not be decided", "ValueError: of ours")
    assert entry["SYSLOG_IDENTIFIER"] == "lobby", "what follows a long field is found"


def test_repeated_lines_are_limited_there_too(journal: Journal, handler: JournalHandler) -> None:
    log = logger("controller.engine", handler)
    for _ in range(AT_ONCE + 7):
        log.info("again")
    handler.close()
    said = [journal.entry()["MESSAGE"] for _ in range(AT_ONCE + 1)]
    assert said[-1].startswith("7 more times in ")


def test_without_the_journal_it_is_told_on_standard_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    handler = JournalHandler(str(tmp_path / "nobody"))
    logger("controller.engine", handler).warning("two\nlines")
    assert stream.getvalue() == "<4>two\n<4>lines\n"
    handler.close()


def test_levels_stand_before_every_line() -> None:
    assert at_level("one\ntwo", logging.ERROR) == "<3>one\n<3>two"
    assert at_level("x", logging.DEBUG) == "<7>x"


def test_only_what_the_journal_reads_is_written_for_it(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as file:
        at = os.fstat(file.fileno())
        assert reads(file, {"JOURNAL_STREAM": f"{at.st_dev}:{at.st_ino}"})
        assert not reads(file, {"JOURNAL_STREAM": f"{at.st_dev}:{at.st_ino + 1}"})
        assert not reads(file, {})
    assert not reads(io.StringIO(), {"JOURNAL_STREAM": "1:2"})


def test_an_error_that_ends_a_command_has_the_level_of_one(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as file:
        at = os.fstat(file.fileno())
        environment = {**os.environ, "JOURNAL_STREAM": f"{at.st_dev}:{at.st_ino}"}
        command = [LOBBY, "check", "--config", tmp_path / "none.toml"]
        done = processes.run(command, env=environment, stderr=file, timeout=60)
    assert done.returncode == 2
    assert (tmp_path / "log").read_text().startswith("<3>")
