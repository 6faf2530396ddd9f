"""A log that no fault can fill."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Callable, Iterator

import pytest

from controller.operation.repeated_lines import AT_ONCE, LINES, SPELL, RepeatsHandler


class Log:
    """A logger of its own with a clock that stands until it is moved, and timers that go off with it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.stream = io.StringIO()
        self.handler = RepeatsHandler(self.stream, lambda: self.now, self._later)
        self.handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        self.logger = logging.Logger("test")
        self.logger.addHandler(self.handler)
        self._read = 0

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        self.timers.append((self.now + seconds, call))

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        due = [timer for timer in self.timers if timer[0] <= self.now]
        self.timers = [timer for timer in self.timers if timer[0] > self.now]
        for _, call in due:
            call()

    def lines(self) -> list[str]:
        """What was written since the last look."""
        text = self.stream.getvalue()
        new, self._read = text[self._read :], len(text)
        return new.splitlines()


@pytest.fixture
def log() -> Iterator[Log]:
    log = Log()
    yield log
    log.handler.close()


def test_the_first_few_are_written_and_the_rest_is_counted_once_a_minute(log: Log) -> None:
    for _ in range(4711 + AT_ONCE):
        log.logger.warning("hall: %s", "does not answer")
    assert log.lines() == ["WARNING hall: does not answer"] * AT_ONCE
    log.pass_time(SPELL)
    assert log.lines() == ["WARNING 4,711 more times in 60 s: hall: does not answer"], "also when it has stopped"
    for _ in range(64 * 60):
        log.pass_time(1 / 64)
        log.logger.warning("hall: %s", "does not answer")
    log.pass_time(SPELL)
    assert [line.partition(" more times")[0] for line in log.lines()] == ["WARNING 3,839", "WARNING 1"]
    log.pass_time(SPELL)
    assert log.timers == []
    log.logger.warning("hall: does not answer")
    assert log.lines() == ["WARNING hall: does not answer"], "after a minute without it, it is a new line"


def test_a_line_that_comes_now_and_then_is_written_each_time(log: Log) -> None:
    for _ in range(100):
        log.logger.info("slow")
        log.pass_time(SPELL / AT_ONCE + 0.1)
    assert log.lines() == ["INFO slow"] * 100


def test_what_differs_is_written(log: Log) -> None:
    for number in range(LINES * 2):
        log.logger.error("ticket %d", number)
    assert log.lines() == [f"ERROR ticket {number}" for number in range(LINES * 2)]
    for _ in range(AT_ONCE):
        log.logger.error("same")
        log.logger.warning("same")
    assert len(log.lines()) == 2 * AT_ONCE


def test_a_line_between_is_written_and_hides_no_count(log: Log) -> None:
    for number in range(AT_ONCE + 3):
        log.logger.info("again")
        log.logger.info("once %d", number)
    assert [line for line in log.lines() if "once" in line] == [f"INFO once {n}" for n in range(AT_ONCE + 3)]
    log.handler.close()
    assert log.lines() == ["INFO 3 more times in 1 s: again"]


def test_a_forgotten_line_has_its_count_told_before(log: Log) -> None:
    for _ in range(AT_ONCE + 7):
        log.logger.info("old")
    for number in range(LINES):
        log.logger.info("new %d", number)
    assert "INFO 7 more times in 1 s: old" in log.lines()
    log.logger.info("old")
    assert log.lines() == ["INFO old"]


def fail(how: type[Exception], text: str) -> None:
    raise how(text)


def test_tracebacks_are_the_same_if_they_come_from_the_same_place(log: Log) -> None:
    """As asyncio logs what a callback raises: with the address of its handle in the text."""

    def report(how: type[Exception], about: str) -> None:
        try:
            fail(how, about)
        except Exception:
            log.logger.exception("Exception in callback\nhandle: <Handle at 0x%x>", id(object()) + len(about))

    for number in range(1000):
        report(OSError, "x" * number)
    text = "\n".join(log.lines())
    assert text.count("Traceback") == AT_ONCE
    report(KeyError, "other")
    assert "KeyError: 'other'" in "\n".join(log.lines()), "another exception"
    log.pass_time(SPELL)
    assert log.lines() == ["ERROR 995 more times in 60 s: Exception in callback (OSError)"]


def test_the_same_text_from_another_place_is_another_line(log: Log) -> None:
    for _ in range(AT_ONCE + 1):
        try:
            fail(OSError, "here")
        except OSError:
            log.logger.exception("it failed")
        try:
            fail(OSError, "there")
        except OSError:
            log.logger.exception("it failed")
    assert "\n".join(log.lines()).count("Traceback") == 2 * AT_ONCE


def test_a_line_that_cannot_be_written_stops_nothing(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    log.logger.info("%d", "no number")
    log.logger.info("\ud800")
    log.logger.info("well")
    assert log.lines()[-1] == "INFO well"
    assert "no number" in capsys.readouterr().err


def test_threads_count_together(log: Log) -> None:
    def flood() -> None:
        for _ in range(1000):
            log.logger.info("same")

    threads = [threading.Thread(target=flood) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.handler.close()
    *written, count = log.lines()
    assert written == ["INFO same"] * AT_ONCE
    assert count == f"INFO {4000 - AT_ONCE:,} more times in 1 s: same"


def test_memory_is_bounded(log: Log) -> None:
    for number in range(LINES * 3):
        log.logger.info("%d %s", number, "x" * 10_000)
    assert sum(len(line.text) for line in log.handler._lines.values()) < 1_000_000
