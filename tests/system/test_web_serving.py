"""Where it is served, accounts that cannot be used, and a daemon in a process of its own."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import sqlite3
import ssl
import threading
import time
from contextlib import closing
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from bench import processes
from bench.ports import free_port
from controller.config import read
from controller.lobby.actions.take_ticket import TakeTicket
from controller.web import app as web_app
from controller.web.server import WebServer
from simulators.branch import running
from system.branch import HOUSE, LOBBY
from system.served import PIN, TEN, WEB, Hands, Reply, Serve, exchange, on_screen, process, request, said
from system.troubles import FileSizeLimit
from system.waiting import until

# -- where it is served --------------------------------------------------------------------------------------


async def test_a_port_that_is_taken_is_told_once_and_tried_again(
    serve: Serve, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.web.server.RETRY", 0.05)
    holder = socket.create_server(("127.0.0.1", 0))
    port = holder.getsockname()[1]
    tried = 0
    bind = WebServer._bind

    def counted(server: WebServer) -> socket.socket:
        nonlocal tried
        tried += 1
        return bind(server)

    monkeypatch.setattr(WebServer, "_bind", counted)

    def change(text: str) -> str:
        return re.sub(r'listen = "127.0.0.1:\d+"', f'listen = "127.0.0.1:{port}"', text)

    async with serve(change=change) as lobby:
        await until(lambda: tried > 5)
        assert said(caplog, "cannot be served") == [
            f"the screens cannot be served at http://127.0.0.1:{port} (address already in use); trying again"
        ]
        assert lobby.daemon.ready.is_set()
        holder.close()
        await until(lambda: said(caplog, "the screens are served at"))
        assert (await lobby.anybody.get("/health")).status == 200
        assert len(said(caplog, "cannot be served")) == 1


def certificate(directory: Path, name: str) -> tuple[Path, Path]:
    """A certificate of our own making, and its key."""
    pem, key = directory / f"{name}.pem", directory / f"{name}.key"
    subject = ("-days", "2", "-subj", "/CN=lobby", "-addext", "subjectAltName=IP:127.0.0.1")
    make = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    processes.run([*make, *subject, "-keyout", key, "-out", pem], check=True, capture_output=True)
    return pem, key


def encrypted(text: str, pem: Path, key: Path) -> str:
    """A configuration's text with them."""
    return text.replace('url = "http', f'certificate = "{pem}"\nkey = "{key}"\nurl = "https')


@pytest.mark.skipif(which("openssl") is None, reason="openssl is not installed: apt-get install openssl")
async def test_it_is_encrypted_where_there_is_a_certificate(serve: Serve, tmp_path: Path) -> None:
    pem, key = certificate(tmp_path, "lobby")
    tls = ssl.create_default_context(cafile=pem)
    async with serve(tls=tls, change=lambda text: encrypted(text, pem, key)) as lobby:
        li = await lobby.person("li")
        seen = await li.get("/api/console")
        assert (seen.status, seen.header("strict-transport-security")) == (200, "max-age=31536000")
        async with li.stream("/api/console/live") as stream:
            assert await stream.view()
        lobby.accounts.add("wang", "manager", pin=PIN)
        assert "secure" in (await lobby.sign_in("wang")).header("set-cookie").lower()
        plain = await exchange(lobby.port, request("GET", "/health", {}))
        assert b"200" not in plain[:15]


@pytest.mark.skipif(which("openssl") is None, reason="openssl is not installed: apt-get install openssl")
async def test_a_key_of_another_certificate_is_one_sentence(
    serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.web.server.RETRY", 0.05)
    (pem, key), (_, other) = certificate(tmp_path, "lobby"), certificate(tmp_path, "other")
    served, used = tmp_path / "used.pem", tmp_path / "used.key"
    served.write_bytes(pem.read_bytes())
    used.write_bytes(other.read_bytes())
    tls = ssl.create_default_context(cafile=pem)
    async with serve(tls=tls, change=lambda text: encrypted(text, served, used)) as lobby:
        assert lobby.daemon.ready.is_set()
        (line,) = said(caplog, "cannot be served")
        assert "the certificate and its key do not fit" in line
        used.unlink()
        await asyncio.sleep(0)
        used.write_bytes(b"this is no key")
        used.write_bytes(key.read_bytes())
        await until(lambda: said(caplog, "the screens are served at"))
        assert (await lobby.anybody.get("/health")).status == 200
        assert len(said(caplog, "cannot be served")) == 1


# -- accounts that cannot be used ----------------------------------------------------------------------------


async def test_without_its_accounts_the_lobby_runs_without_screens(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (tmp_path / "access.db").write_bytes(b"this is no database")
    (tmp_path / "access.db").chmod(0o600)
    config, port = tmp_path / "branch.toml", free_port()
    config.write_text("".join((HOUSE, WEB)).format(id="b-web", directory=tmp_path, port=port))
    async with running(read(config), Hands().clock) as daemon:
        assert daemon.ready.is_set()
        assert daemon.on_screen.is_set()
        assert daemon.screens is None
        (line,) = said(caplog, "accounts")
        assert line.startswith(f"{tmp_path / 'access.db'}: ")
        assert line.endswith("; the lobby runs without its screens")
        with pytest.raises(ConnectionRefusedError):
            await exchange(port, b"")
        answer = await daemon.engine.ask(TakeTicket(at=int(TEN * 1000), cause="test:1", by="kiosk/x", service="cash"))
        assert answer.result == "ok"
    assert not [record for record in caplog.records if record.exc_info]
    code, out, err = await processes.ended(LOBBY, "user", "list", "--config", config)
    assert (code, out) == (1, b"")
    assert err.decode().count("\n") == 1
    assert "access.db: the accounts cannot be used" in err.decode()


async def test_nobody_waits_for_screens_that_there_are_none_of(tmp_path: Path) -> None:
    config = tmp_path / "branch.toml"
    config.write_text("".join(HOUSE).format(id="b-web", directory=tmp_path))
    async with running(read(config), Hands().clock) as daemon:
        await asyncio.wait_for(daemon.on_screen.wait(), 5)
        assert daemon.screens is None


async def test_nobody_waits_for_screens_that_have_a_fault_of_ours(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*about: Any) -> None:
        raise ValueError("a fault of ours")

    monkeypatch.setattr("controller.web.app.make_app", broken)
    config = tmp_path / "branch.toml"
    config.write_text("".join((HOUSE, WEB)).format(id="b-web", directory=tmp_path, port=free_port()))
    async with running(read(config), Hands().clock) as daemon:
        await asyncio.wait_for(daemon.on_screen.wait(), 20)
        assert daemon.screens is None
        assert said(caplog, "the screens have ended; the lobby goes on without them")
        answer = await daemon.engine.ask(TakeTicket(at=int(TEN * 1000), cause="test:1", by="kiosk/x", service="cash"))
        assert answer.result == "ok"


async def test_what_takes_long_is_made_beside_the_loop(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[threading.Thread] = []
    make = web_app.make_app

    def watched(*about: Any) -> Any:
        made.append(threading.current_thread())
        return make(*about)

    monkeypatch.setattr("controller.web.app.make_app", watched)
    async with serve() as lobby:
        assert (await lobby.anybody.get("/health")).status == 200
    assert made
    assert threading.main_thread() not in made


async def test_somebody_who_holds_the_accounts_file_holds_up_no_press(serve: Serve) -> None:
    async with serve() as lobby:
        li = await lobby.person("li")
        with closing(sqlite3.connect(lobby.accounts.path, isolation_level=None)) as holder:
            holder.execute("BEGIN EXCLUSIVE")
            lobby.hands.skip(3600)  # it would be noted that li is there
            async with li.stream("/api/console/live") as stream:
                await stream.view()
            asking = [asyncio.create_task(li.get("/api/console")) for _ in range(20)]
            asking += [asyncio.create_task(lobby.sign_in("li")) for _ in range(5)]
            slowest = 0.0
            while not all(task.done() for task in asking):
                began = time.monotonic()
                await lobby.daemon.engine.ask(TakeTicket(at=0, cause=f"test:{began}", by="kiosk/x", service="cash"))
                slowest = max(slowest, time.monotonic() - began)
            assert {(await task).status for task in asking[:20]} == {200}
            assert {(await task).refusal for task in asking[20:]} == {(503, "accounts")}
            holder.execute("ROLLBACK")
        assert slowest < 0.8, slowest
        assert (await li.get("/api/console")).status == 200


def overwrite(path: Path, content: bytes) -> None:
    """Write over a file in place: another process may have it mapped."""
    with path.open("r+b") as file:
        file.write(content)


async def test_accounts_that_break_while_they_are_in_use(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    async with serve() as lobby:
        li = await lobby.person("li")
        async with li.stream("/api/console/live") as stream:
            await stream.view()
            path = lobby.accounts.path
            good = {file: file.read_bytes() for file in path.parent.glob(f"{path.name}*")}
            assert len(good) == 3
            for file, content in good.items():
                overwrite(file, b"\xff" * len(content))
            for _ in range(5):
                assert (await li.get("/api/console")).refusal == (503, "accounts")
            assert len(said(caplog, "access.db")) == 1
            assert (await lobby.sign_in("li")).refusal == (503, "accounts")
            assert (await lobby.anybody.get("/health")).status == 200
            assert (await stream.next())[0] in ("ping", "view")
            for file, content in good.items():
                overwrite(file, content)
            assert (await li.get("/api/console")).status == 200


# -- a daemon in a process of its own ------------------------------------------------------------------------


async def test_a_press_that_is_sent_again_after_a_power_cut_acts_once(tmp_path: Path) -> None:
    async with process(tmp_path) as (branch, li):
        asked: list[tuple[str, dict[str, Any]]] = [
            ("/api/tickets", {"service": "cash"}),
            ("/api/tickets", {"service": "personal", "insist": True}),
            ("/api/panel", {"key": "GREEN", "ticket": "B001", "reason": "a good reason"}),
            ("/api/counters/2/keys", {"key": "CALL"}),
            ("/api/counters/2/keys", {"key": "NOSHOW"}),
        ]

        async def ask() -> list[Reply]:
            return [
                await li.post(path, content, Idempotency_Key=f"key-{number:04}")
                for number, (path, content) in enumerate(asked)
            ]

        def done(reply: Reply) -> tuple[int, dict[str, Any]]:
            """Without what is said of the wait, which is that of the moment."""
            return reply.status, {key: value for key, value in reply.json.items() if key not in ("ahead", "wait")}

        before = await ask()
        assert [reply.status for reply in before] == [200] * 5, before
        rows = branch.rows()
        await branch.kill()
        await branch.start()
        await on_screen(li)
        after = await ask()
        assert [done(reply) for reply in after] == [done(reply) for reply in before]
        news = {row.kind for row in branch.rows()[len(rows) :]}
        assert not {kind for kind in news if kind.startswith("ticket")}, news
        other = await li.post("/api/tickets", {"service": "personal"}, Idempotency_Key="key-0000")
        assert other.refusal == (422, "key_reused")


async def test_a_request_in_flight_at_a_power_cut_acts_at_most_once(tmp_path: Path) -> None:
    async with process(tmp_path) as (branch, li):

        async def take(number: int) -> Reply | None:
            try:
                return await li.post("/api/panel", {"key": "GREEN"}, Idempotency_Key=f"flight-{number}")
            except (OSError, AssertionError):
                return None

        flying = [asyncio.create_task(take(number)) for number in range(30)]
        await asyncio.wait(flying, return_when=asyncio.FIRST_COMPLETED)
        await branch.kill()
        first = await asyncio.gather(*flying)
        await branch.start()
        await on_screen(li)
        second = await asyncio.gather(*(take(number) for number in range(30)))
        for one, other in zip(first, second, strict=True):
            assert other
            assert other.status == 200
            # The power may have gone between an answer's head and its body.
            assert one is None or other.body.startswith(one.body)
        assert sorted(branch.tickets("ticket_issued")) == [f"A{number:03}" for number in range(1, 31)]


async def test_while_nothing_can_be_recorded_nothing_is_acknowledged(tmp_path: Path) -> None:
    async with process(tmp_path) as (branch, li):
        assert (await li.post("/api/panel", {"key": "GREEN"})).status == 200
        rows = branch.rows()
        disk = FileSizeLimit(branch)
        disk.fill()
        again = {"Idempotency_Key": "while-full"}
        refused = await li.post("/api/panel", {"key": "GREEN"}, **again)
        assert refused.refusal == (503, "journal_down")
        assert refused.json["detail"] == "nothing can be recorded at the moment; press again shortly"
        assert refused.header("retry-after") == "1"
        assert (await li.key("1", "CALL")).refusal == (503, "journal_down")
        assert (await li.get("/health")).refusal == (503, "journal_down")
        async with li.stream("/api/television/live") as stream:
            assert refused.json["detail"] in (await stream.view())["notices"]
            assert branch.rows() == rows
            disk.free()
            await stream.view(lambda view: not view["notices"])
        async with asyncio.timeout(30):
            while (await li.get("/health")).status != 200:
                pass
        taken = await li.post("/api/panel", {"key": "GREEN"}, **again)
        assert (taken.status, taken.json["ticket"]) == (200, "A002")
        assert (await li.post("/api/panel", {"key": "GREEN"}, **again)).body == taken.body
        assert branch.tickets("ticket_issued") == ["A001", "A002"]


@pytest.mark.long
async def test_an_account_by_the_command_line_while_the_daemon_runs(tmp_path: Path) -> None:
    async with process(tmp_path) as (branch, li):

        async def user(*arguments: str, said: str = "") -> tuple[int | None, str, str]:
            command = (LOBBY, "user", *arguments, "--config", branch.config)
            code, out, err = await processes.ended(*command, input=said.encode())
            return code, out.decode(), err.decode()

        assert (await user("add", "wang", "--role", "counter", "--counter", "1", said=f"{PIN}\n{PIN}\n"))[0] == 0
        signed_in = await li.without("Authorization").post("/api/session", {"name": "wang", "pin": PIN})
        assert signed_in.json["home"] == "/counter/1"
        code, out, _ = await user("list")
        assert code == 0
        assert "wang" in out
        assert PIN not in out
        async with li.stream("/api/console/live") as stream:
            await stream.view()
            assert (await user("revoke", "li"))[0] == 0
            began = time.monotonic()
            assert await stream.end() == {"reason": "revoked"}
            assert time.monotonic() - began < 8
        assert (await li.get("/api/console")).refusal == (401, "not_signed_in")
        code, out, err = await user("revoke", "li")
        assert (code, out, err.count("\n")) == (1, "", 1)
