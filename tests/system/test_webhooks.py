"""Other systems are told what happens: webhooks to receivers that fail in every way, lines for programs that ask."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import which

import pytest
from test_webhook_examples import SECRET, example, secret

from bench import processes
from bench.ports import free_port
from controller.feed import post as posting
from controller.feed import webhook as webhooks
from controller.feed.settings import WebhookSettings
from system.branch import HOUSE, LOBBY, Branch, lobby
from system.receivers import Received, Receiver, proxy, receiver, reply
from system.served import WEB, Client, Serve, Served, on_screen, said
from system.waiting import until

WEBHOOK = """
[[webhook]]
id = "crm"
url = "{url}"
secret_file = "secret"
"""


def hook(here: Receiver, directory: Path, more: str = "", scheme: str = "http") -> str:
    """The configuration of a webhook, whose secret is there."""
    secret(directory)
    return WEBHOOK.format(url=f"{scheme}://127.0.0.1:{here.port}/lobby") + more


def state(served: Served) -> str:
    """How the receiver is, by the wording key."""
    report = served.daemon.hub.reports.get("webhook.crm")
    return (report.code or report.state) if report else ""


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses and time-outs are short."""
    monkeypatch.setattr(webhooks, "FIRST", 0.01)
    monkeypatch.setattr(webhooks, "LONGEST", 0.05)
    monkeypatch.setattr(posting.post, "__defaults__", (None, None, 0.3))


# -- nothing is lost --------------------------------------------------------------------------------------------------


@pytest.mark.long
async def test_what_was_taken_before_a_power_cut_and_not_noted_comes_again(tmp_path: Path) -> None:
    """The daemon is killed when the receiver has answered and the answer has not been read."""
    async with receiver() as here:
        parts = (HOUSE, WEB, hook(here, tmp_path, "after_start = false\n"))
        async with Branch(tmp_path, free_port(), parts) as branch:
            assert branch.settings.web
            await until(lambda: here.received)
            li = Client(branch.settings.web.port, {"Authorization": f"Bearer {await _token(branch)}"})
            await on_screen(li)
            await until(lambda: here.seqs() == [row.seq for row in branch.rows()])
            stopped = asyncio.Event()

            def stop_it(received: Received) -> bytes:
                assert branch.process
                os.kill(branch.process.pid, signal.SIGSTOP)
                here.answer = lambda received: reply(204)
                stopped.set()
                return reply(204)

            here.answer = stop_it
            await li.take()
            await stopped.wait()
            unread = here.received[-1]
            await branch.kill()
            await branch.start()
            await on_screen(li)
            await li.take()
            rows = [row.seq for row in branch.rows()]
            await until(lambda: rows[-1] in here.seqs())
            again = [each for each in here.received if _seqs(each) & _seqs(unread)]
            assert len(again) == 2, "what had been answered came once more"
            assert list(dict.fromkeys(here.seqs()))[: len(rows)] == rows, "in order, and nothing is missing"

            seen = example("receiver").Seen()
            once = []
            for each in here.received:
                assert example("receiver").is_genuine(
                    SECRET, each.headers, each.body, int(each.headers["webhook-timestamp"])
                )
                request = json.loads(each.body)
                assert (request["type"], request["branch"]) == ("lobby.rows", branch.id)
                for row in seen.new(request):
                    once.append(row["seq"])
                    seen.done(request, row)
            assert once[: len(rows)] == rows

            code, lines = await lobby("feed", "--config", branch.config, "--after", rows[-1] - 5)
            assert (code, [json.loads(line)["seq"] for line in lines.splitlines()][:5]) == (0, rows[-5:])
            code, lines = await lobby("feed", "--config", branch.config, "--kind", "ticket_issued")
            found = [json.loads(line) for line in lines.splitlines()]
            assert [row["data"]["ticket"] for row in found] == branch.tickets("ticket_issued")
            assert found[0].keys() == {"seq", "at", "day", "kind", "data"}
            code, lines = await lobby("feed", "--config", branch.config, "--after", rows[-1] + 100)
            assert code == 1
            assert f"there is no row {rows[-1] + 100}, the newest is " in lines
            code, lines = await lobby("feed", "--config", branch.config, "--kind", "ticket_isued")
            assert (code, lines) == (
                2,
                '--kind: there is no kind of row "ticket_isued"; did you mean "ticket_issued"?\n',
            )

            code, made = await lobby("user", "add", "crm", "--role", "feed", "--config", branch.config)
            program = Client(li.port, {"Authorization": f"Bearer {made.splitlines()[-1]}"})
            assert (await program.get(f"/api/feed?after={rows[-2]}")).body.startswith(b'{"seq":%d,' % rows[-1])

            following = await processes.spawn(
                *map(str, (LOBBY, "feed", "--config", branch.config, "--after", rows[-1], "--follow")),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
            )
            try:
                assert following.stdout
                ticket = await li.take()
                while (row := json.loads(await following.stdout.readline()))["kind"] != "ticket_issued":
                    pass
                assert row["data"]["ticket"] == ticket
            finally:
                processes.kill(following)
                await following.communicate()


def _seqs(received: Received) -> set[int]:
    return {row["seq"] for row in received.rows}


async def _token(branch: Branch) -> str:
    code, said_ = await lobby("user", "add", "li", "--role", "manager", "--token", "--config", branch.config)
    assert code == 0, said_
    return said_.strip().rpartition("#")[2]


# -- receivers that fail ----------------------------------------------------------------------------------------------


def drips() -> Iterator[bytes]:
    """An answer that never ends."""
    yield b"HTTP/1.1 200 OK\r\n"
    while True:
        yield b"X"


FAILS: dict[str, Callable[[Received], bytes | Iterator[bytes] | None]] = {
    "webhook_silent": lambda received: None,
    "webhook_refused": lambda received: reply(500),
    "webhook_moved": lambda received: reply(307, "Location: http://127.0.0.1:1/"),
    "webhook_broken": lambda received: b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "webhook_silent slowly": lambda received: drips(),
    "webhook_broken long head": lambda received: reply(200, "X: " + "x" * 100_000),
}


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("name", FAILS)
async def test_a_receiver_that_fails_delays_nobody_and_gets_everything_later(
    serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    config = 'kinds = ["ticket_issued", "ticket_called"]\n'
    async with receiver() as here, serve(hook(here, tmp_path, config)) as served:
        li = served.device("li")
        here.answer = FAILS[name]
        tickets = [await li.take()]
        await until(lambda: state(served) == name.split(maxsplit=1)[0])
        tickets.append(await li.take())
        await until(lambda: len(here.received) > 3)
        assert len({each.body for each in here.received}) == 1
        assert len({each.headers["webhook-id"] for each in here.received}) == 1
        assert len(said(caplog, "webhook.crm: ")) == 1, "it is logged once"
        assert (await li.get("/health")).json == {"status": "degraded", "devices": 1, "faulty": 1}
        here.answer = lambda received: reply(200, body=b"x" * 1_000_000)
        await until(lambda: here.rows[-1]["data"]["ticket"] == tickets[-1])
        await until(lambda: state(served) == "ok")
        assert list(dict.fromkeys(row["data"]["ticket"] for row in here.rows)) == tickets
        assert {row["kind"] for row in here.rows} == {"ticket_issued"}


@pytest.mark.usefixtures("hasty")
async def test_a_receiver_that_is_gone_is_left_alone(serve: Serve, tmp_path: Path) -> None:
    async with receiver() as here, serve(hook(here, tmp_path)) as served:
        li = served.device("li")
        await li.take()
        await until(lambda: state(served) == "ok")
        here.answer = lambda received: reply(410)
        await li.take()
        await until(lambda: state(served) == "webhook_gone")
        many = len(here.received)
        for _ in range(3):
            await li.take()
            await served.daemon.engine.idle()
        assert len(here.received) == many


@pytest.mark.usefixtures("hasty")
async def test_what_is_too_much_at_once_is_cut_smaller(serve: Serve, tmp_path: Path) -> None:
    async with receiver() as here:
        here.answer = lambda received: reply(413 if len(received.rows) > 1 else 204)
        async with serve(hook(here, tmp_path, "after_start = false\n")) as served:
            li = served.device("li")
            for _ in range(5):
                await li.take()
            told = await _all(served)
            newest = told[-1]["seq"]
            await until(lambda: [newest] in [[row["seq"] for row in each.rows] for each in here.received])
            taken = [each.rows[0]["seq"] for each in here.received if len(each.rows) == 1]
            assert taken == sorted(taken)
            assert {*taken} >= {row["seq"] for row in told}


async def _all(served: Served) -> list[dict[str, object]]:
    reader = served.device("reader", "feed")
    return [json.loads(line) for line in (await reader.get("/api/feed")).body.splitlines()]


@pytest.mark.usefixtures("hasty")
async def test_who_pressed_is_told_only_where_it_is_wanted(serve: Serve, tmp_path: Path) -> None:
    async with receiver() as here, serve(hook(here, tmp_path)) as served:
        li = served.device("li")
        await li.post("/api/panel", {"key": "OPENCOUNTER", "counter": "1"})
        await li.take()
        await until(lambda: "ticket_issued" in [row["kind"] for row in here.rows])
        assert [row for row in here.rows if "by" in row["data"]] == []
        issued = next(row for row in await _all(served) if row["kind"] == "ticket_issued")
        assert "by" in issued["data"]  # type: ignore[operator]


@pytest.mark.usefixtures("hasty")
async def test_a_secret_that_is_missing_is_waited_for(serve: Serve, tmp_path: Path) -> None:
    async with receiver() as here:
        text = hook(here, tmp_path)
        (tmp_path / "secret").unlink()
        async with serve(text) as served:
            ticket = await served.device("li").take()
            await until(lambda: state(served) == "webhook_secret")
            assert here.received == []
            secret(tmp_path)
            await until(lambda: ticket in [row["data"].get("ticket") for row in here.rows])


def certified(directory: Path, name: str) -> tuple[Path, Path]:
    """A certificate for this machine, of our own making, and its key."""
    pem, key = directory / f"{name}.pem", directory / f"{name}.key"
    subject = ("-days", "2", "-subj", "/CN=crm", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost")
    make = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    processes.run([*make, *subject, "-keyout", key, "-out", pem], check=True, capture_output=True)
    return pem, key


@pytest.mark.usefixtures("hasty")
@pytest.mark.skipif(which("openssl") is None, reason="openssl is not installed: apt-get install openssl")
async def test_only_the_right_certificate_is_spoken_to_and_only_the_configured_proxy(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    pem, key = certified(tmp_path, "crm")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem, key)
    authority, _ = certified(tmp_path, "authority")
    more = f'ca_file = "{authority}"\n'

    def came(ticket: str) -> Callable[[], bool]:
        return lambda: ticket in [row["data"].get("ticket") for row in here.rows]

    async with receiver(tls) as here, proxy(here.port) as (port, asked), proxy(here.port, 403) as (strict, _):
        async with serve(hook(here, tmp_path, more, "https")) as served:
            ticket = await served.device("li").take()
            await until(lambda: state(served) == "webhook_certificate")
            assert here.received == []
            authority.write_bytes(pem.read_bytes())
            await until(came(ticket))
        far = hook(here, tmp_path, more, "https").replace("127.0.0.1", "localhost")
        async with serve(f'{far}proxy = "http://127.0.0.1:{strict}"\n') as served:
            ticket = await served.device("li-2").take()
            await until(lambda: state(served) == "webhook_proxy")
        async with serve(f'{far}proxy = "http://127.0.0.1:{port}"\n') as served:
            await until(came(ticket))
            assert set(asked) == {f"CONNECT localhost:{here.port} HTTP/1.1"}


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
async def test_pauses_grow_and_have_an_end(serve: Serve, tmp_path: Path, chance: float) -> None:
    settings = WebhookSettings("crm", "http://127.0.0.1:1", tmp_path / "secret")
    async with serve() as served:
        webhook = webhooks.Webhook(settings, served.daemon.hub.context, lambda: chance)
        pauses = [webhook.back_off(failures, 0) for failures in range(1, 1000)]
        assert pauses == sorted(pauses)
        assert 0.5 <= pauses[0] <= 1
        assert 300 <= pauses[-1] <= 600
        assert webhook.back_off(1, 120) == 120
        assert webhook.back_off(1, 1e9) == 3600


# -- programs that ask ------------------------------------------------------------------------------------------------


async def test_a_program_reads_on_from_where_it_was_and_follows(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.web.live.PING", 0.1)
    async with serve() as served:
        li, program = served.device("li"), served.device("crm", "feed")
        tickets = [await li.take() for _ in range(3)]
        first = await program.get("/api/feed?kind=ticket_issued&limit=2")
        assert first.header("content-type") == "application/x-ndjson"
        rows = [json.loads(line) for line in first.body.splitlines()]
        assert [row["data"]["ticket"] for row in rows] == tickets[:2]
        position = int(first.header("feed-position"))
        assert position == rows[-1]["seq"]
        rest = await program.get(f"/api/feed?kind=ticket_issued&after={position}")
        assert [json.loads(line)["data"]["ticket"] for line in rest.body.splitlines()] == tickets[2:]
        none = await program.get(f"/api/feed?kind=ticket_missed&after={position}")
        assert (none.body, int(none.header("feed-position")) > position) == (b"", True)
        assert (await program.get("/api/feed?after=99999")).refusal == (409, "no_row")
        assert (await program.get("/api/feed?after=-1")).refusal == (422, "unreadable")

        lines: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        token = program.headers["Authorization"]
        path = f"/api/feed/live?kind=ticket_issued&after={position}"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: lobby\r\nAuthorization: {token}\r\n\r\n".encode())

        async def read() -> None:
            while (line := await reader.readline()) != b"0\r\n":
                if line.startswith(b"{"):
                    lines.put_nowait(json.loads(line))

        reading = asyncio.create_task(read())
        try:
            async with asyncio.timeout(30):
                assert (await lines.get())["data"]["ticket"] == tickets[2]  # type: ignore[index]
                for _ in range(3):
                    ticket = await li.take()
                    assert (await lines.get())["data"]["ticket"] == ticket  # type: ignore[index]
                served.accounts.revoke("crm")
                await reading
        finally:
            reading.cancel()
            writer.transport.abort()


async def test_a_ticket_page_leads_to_the_senders_own_with_nothing_of_the_customer(
    serve: Serve, tmp_path: Path
) -> None:
    key = secret(tmp_path)
    notify = f'\n[notify]\nurl = "https://sms.example.com/ask"\nkey_file = "{key}"\n'
    async with serve(notify) as served:
        li = served.device("li")
        taken = (await li.post("/api/tickets", {"service": "cash"})).json
        text = (await served.anybody.get(taken["page"])).body.decode()
        page = json.loads(text.partition('id="page">')[2].partition("</script>")[0])
        day, ticket = served.daemon.engine.state.day, taken["ticket"]
        ref = example("sms").reference(SECRET, "b-web", day, ticket)
        assert page["messages"] == f"https://sms.example.com/ask?ref={ref}"
        other = (await served.anybody.get("/t/A001.x")).body.decode()
        assert "messages" not in json.loads(other.partition('id="page">')[2].partition("</script>")[0])
