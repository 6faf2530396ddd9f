"""The daemon's socket: what is asked is answered, and given up when who asked has gone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from ports import eventually, open_files

from controller.control import Answers, Control, NotRunningError, socket_of
from controller.control import ask as ask_daemon


class Work:
    """Something that takes long: it says `begun`, and whether it was given up."""

    def __init__(self) -> None:
        self.begun = self.given_up = 0

    async def do(self, request: Mapping[str, Any]) -> Answers:
        self.begun += 1
        try:
            yield {"text": "begun"}
            await asyncio.Event().wait()
        finally:
            self.given_up += 1


async def fail(request: Mapping[str, Any]) -> Answers:
    yield {"text": "begun"}
    raise KeyError("x")


@asynccontextmanager
async def control(path: Path, work: Work) -> AsyncIterator[asyncio.Task[None]]:
    running = asyncio.create_task(Control(path, {"work": work.do, "fail": fail}).run())
    await eventually(path.exists)
    try:
        yield running
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def ask(path: Path, request: object) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(json.dumps(request).encode() + b"\n")
    return reader, writer


async def test_what_is_done_is_given_up_when_who_asked_has_gone(tmp_path: Path) -> None:
    """Also while there is nothing to say to it: a device would stay out of service."""
    path, work = tmp_path / "lobby.sock", Work()
    async with control(path, work):
        before = len(open_files())
        for n in range(1, 4):
            reader, writer = await ask(path, {"do": "work"})
            assert json.loads(await reader.readline()) == {"text": "begun"}
            writer.transport.abort()
            await eventually(lambda n=n: work.given_up == n)  # type: ignore[misc]
        await eventually(lambda: len(open_files()) == before)


async def test_what_is_done_is_given_up_when_the_controller_ends(tmp_path: Path) -> None:
    path, work = tmp_path / "lobby.sock", Work()
    async with control(path, work) as running:
        reader, writer = await ask(path, {"do": "work"})
        await reader.readline()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        assert work.given_up == 1
        assert await reader.read() == b""
        writer.close()
        assert not path.exists()


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"do": "fail"}, "an error of the controller, which is in its log"),
        ({"do": "dance"}, "the running daemon has no such request; it has work, fail"),
        ({}, "the running daemon has no such request; it has work, fail"),
    ],
)
async def test_what_cannot_be_done_is_said(
    tmp_path: Path, request_: object, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "lobby.sock"
    async with control(path, Work()):
        reader, writer = await ask(path, request_)
        *_, last = (await reader.read()).splitlines()
        assert json.loads(last) == {"ok": False, "text": said}
        writer.close()
    assert caplog.messages.count(f"a request at {path} failed") == (request_ == {"do": "fail"})


@pytest.mark.parametrize("request_", [[], 7, "do", None])
async def test_what_is_no_request_is_no_error(tmp_path: Path, request_: object) -> None:
    path = tmp_path / "lobby.sock"
    async with control(path, Work()):
        reader, writer = await ask(path, request_)
        assert await reader.read() == b""
        writer.close()


async def test_a_daemon_that_ends_or_hangs_meanwhile_is_not_one_that_does_not_run(tmp_path: Path) -> None:
    """Else the devices would be examined beside one that has them."""
    journal = tmp_path / "lobby.db"
    path, work = socket_of(journal), Work()

    def asked() -> list[Mapping[str, Any]]:
        return list(ask_daemon(journal, {"do": "work"}, 0.2))

    with pytest.raises(NotRunningError, match=f"no daemon answers at {path}"):
        await asyncio.to_thread(asked)
    async with control(path, work) as running:
        assert await asyncio.to_thread(asked) == [{"text": "begun"}]
        await eventually(lambda: work.given_up == 1)
        asking = asyncio.create_task(asyncio.to_thread(asked))
        await eventually(lambda: work.begun == 2)
        running.cancel()
        assert await asking == [{"text": "begun"}]
    path.touch()
    with pytest.raises(NotRunningError):
        await asyncio.to_thread(asked)
