"""The support bundle: what helps is in it, and nothing that is secret or somebody's."""

from __future__ import annotations

import json
import os
import sys
import tarfile
import tomllib
from contextlib import closing
from pathlib import Path

import pytest

from bench import processes
from controller.journal import Journal, Remark
from controller.lobby.actions.day import DayOpened
from controller.lobby.actions.event import Event
from controller.lobby.actions.sign_in import ClerkSignedIn
from controller.lobby.actions.take_ticket import TicketIssued
from controller.lobby.aggregate import Row
from controller.operation.blanking import BLANK, Blanking, without_comments
from controller.operation.support import ABOUT
from controller.web.accounts import Accounts

LOBBY = Path(sys.executable).with_name("lobby")
DAY = "2026-11-23"

PERSONAL = {
    "the broker password": "tiger-Q7",
    "another, in the configuration": "zebra-Q8",
    "one in a comment": "panda-Q9",
    "one in an address": "koala-Q10",
    "the broker user": "anne-q11",
    "the cards key": "k" * 20 + "0123456789ab",
    "a clerk": "孙晓梅",
    "another clerk": "wang-q12",
    "a clerk who is only in the journal": "zhao-q13",
    "a staff number": "48151",
    "an account": "li-q14",
    "its PIN": "917263",
    "an account in a cause": "chen-q15",
    "an account that is no more": "gone-q16",
    "a device token": "Vb8T-u1K0yQmRz4wXcN7sLh2pEjG_aF9dSiUoY3Hx5B",
    "what somebody typed": "王奶奶腿脚不便",
    "a need": "wheelchair-q17",
    "a card token": "5ca1ab1e" * 8,
    "a bank card": "6222021234567890123",
    "an identity card": "11010519491231002X",
    "a phone": "13812345678",
    "a password in a drop-in": "otter-Q18",
    "a credential in a drop-in": "heron-Q19",
    "a key frame": "ff68030368030148c0ffee16",
}

CONFIG = f"""\
# Wi-Fi: {PERSONAL["one in a comment"]}
[branch]
id = "b-1"
name = "建设路支行 # 1"
language = "en"

[journal]
path = "lobby.db"

[[service]]
id = "cash"
name = "Cash"
prefix = "A"

[[counter]]
id = "1"
serves = {{ cash = 0 }}  # the key of the safe: {PERSONAL["one in a comment"]}

[[clerk]]
number = "{PERSONAL["a staff number"]}"
alias = "{PERSONAL["a clerk"]}"

[[clerk]]
alias = "{PERSONAL["another clerk"]}"
number = "12"

[mqtt]
broker = "mqtt://127.0.0.1:1"
username = "{PERSONAL["the broker user"]}"
password_file = "broker.password"

[cards]
key_file = "cards.key"
tokens_file = "cards.tokens"

[web]
listen = "127.0.0.1:8099"

[[device]]
id = "pad"
driver = "mqtt-keypad"
counter = "1"
"""

P = PERSONAL
LOG = [
    f"INFO {P['an account']} (manager) has signed in from 10.0.0.7",
    f"INFO {P['an account that is no more']} (counter) has signed out from 10.0.0.7",
    f"WARNING a wrong PIN for {P['an account']} from 10.0.0.7",
    "WARNING printer: out of paper; put in a new roll",
    f"DEBUG mqtt://bus:{P['one in an address']}@broker:1883 has {P['the broker password']}",
    f"DEBUG {P['a clerk']}{P['another clerk']} {P['a clerk who is only in the journal']}",
    f"DEBUG card {P['a bank card']} {P['an identity card']} {P['a phone']} {P['a card token']}",
    f"DEBUG http://lobby/enter#{P['a device token']} {P['the cards key']}",
    f"DEBUG staff {P['a staff number']}, pin={P['its PIN']}",
]
UNIT = f"""\
# /etc/systemd/system/lobby.service.d/override.conf
[Service]
Environment=BROKER_PASSWORD={P["a password in a drop-in"]}
SetCredential=broker:{P["a credential in a drop-in"]}
IPAddressAllow=203.0.113.7
"""
PROGRAMS = {
    "journalctl": "".join(f"2026-11-23T09:00:00+0800 b lobby[1]: {line}\n" for line in LOG),
    "systemctl": UNIT,
}


@pytest.fixture
def branch(tmp_path: Path) -> Path:
    """A branch's folder, with a day in its journal, and system programs of its own below `bin`."""
    (tmp_path / "branch.toml").write_text(CONFIG, "utf-8")
    (tmp_path / "broker.password").write_text(PERSONAL["the broker password"] + "\n")
    (tmp_path / "cards.key").write_text(PERSONAL["the cards key"] + "\n")
    (tmp_path / "cards.key").chmod(0o600)
    (tmp_path / "cards.tokens").write_text(f"lobby-tokens 1\n{P['a card token']} vip\nend 1\n")
    (tmp_path / "bin").mkdir()
    for name, says in PROGRAMS.items():
        program = tmp_path / "bin" / name
        (tmp_path / f"{name}.says").write_text(says, "utf-8")
        program.write_text(f"#!/bin/sh\nexec cat '{tmp_path / name}.says'\n")
        program.chmod(0o755)
    events: list[tuple[Event, str, str | None]] = [
        (DayOpened(DAY), "day:1", None),
        (ClerkSignedIn("1", PERSONAL["a clerk who is only in the journal"]), "terminal68:t:1:5", None),
        (
            TicketIssued("A001", "cash", "normal", 1795482000, 1, P["an account"], True, needs=(P["a need"],)),
            f"http:{P['an account in a cause']}:1:2",
            PERSONAL["a key frame"],
        ),
    ]
    journal = Journal(tmp_path / "lobby.db", "b-1")
    rows = [Row(n, 1795482000000 + n, DAY, *about[:1], about[1], 0, about[2]) for n, about in enumerate(events, 1)]
    journal.append(rows, [Remark("day:1", rows[0].at, PERSONAL["what somebody typed"])]).result()
    journal.close()
    with closing(Accounts(tmp_path / "access.db", lambda: 1795482000)) as accounts:
        accounts.add(PERSONAL["an account"], "manager", pin=PERSONAL["its PIN"])
        accounts.add("tv-hall", "screen")
    return tmp_path


def gathered(branch: Path, *wishes: str) -> tuple[str, dict[str, str], bytes]:
    """What `lobby support` says, the files of the bundle, and all that is in it, decompressed."""
    out = branch / "support.tar.gz"
    done = processes.run(
        [str(LOBBY), "support", "--config", str(branch / "branch.toml"), str(out), *wishes],
        env=os.environ | {"PATH": f"{branch / 'bin'}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert out.stat().st_mode & 0o777 == 0o600
    with tarfile.open(out) as bundle:
        files = {
            member.name.removeprefix("support/"): bundle.extractfile(member).read().decode()  # type: ignore[union-attr]
            for member in bundle.getmembers()
        }
    unpacked = processes.run(["gzip", "-dc", str(out)], capture_output=True, check=True, timeout=60).stdout
    return done.stdout, files, unpacked


def leaks(unpacked: bytes) -> list[str]:
    return [what for what, text in PERSONAL.items() if text.encode() in unpacked]


def test_it_helps_and_holds_nothing_that_is_secret_or_somebodys(branch: Path) -> None:
    said, files, unpacked = gathered(branch)
    assert leaks(unpacked) == []
    assert list(files) == ["README.txt", *ABOUT]
    assert all(name in files["README.txt"] for name in ABOUT)
    assert said.startswith(f"{branch}/support.tar.gz: README.txt, ")
    assert "WARNING printer: out of paper; put in a new roll" in files["log.txt"]
    assert f"INFO {BLANK} (counter) has signed out from 10.0.0.7" in files["log.txt"]
    assert "IPAddressAllow=203.0.113.7" in files["units.txt"]
    config = tomllib.loads(files["branch.toml"])
    assert config["branch"] == {"id": "b-1", "name": "建设路支行 # 1", "language": "en"}
    assert config["mqtt"]["password_file"] == "broker.password"
    shape = json.loads(files["journal.json"])
    assert (shape["rows"], shape["by kind"]["ticket_issued"], shape["remarks"]) == (3, 1, 1)
    rows = [json.loads(line) for line in files["rows.jsonl"].splitlines()]
    assert [(row["kind"], row["cause"]) for row in rows] == [
        ("day_opened", "day"),
        ("clerk_signed_in", "terminal68"),
        ("ticket_issued", "http"),
    ]
    assert (rows[2]["data"]["ticket"], rows[2]["data"]["by"]) == ("A001", BLANK)
    assert "no controller runs" in files["status.txt"]
    assert files["versions.txt"].startswith("lobby ")

    again = processes.run(
        [str(LOBBY), "support", "--config", str(branch / "branch.toml"), str(branch / "support.tar.gz")],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (again.returncode, again.stderr.count("\n")) == (1, 1)
    assert "is there already" in again.stderr


def test_it_is_made_also_where_the_configuration_has_a_mistake(branch: Path) -> None:
    config = branch / "branch.toml"
    password = P["another, in the configuration"]
    mistake = f"password = \"{password}\"\nsecret = '{password}'\n["
    config.write_text(CONFIG.replace("[cards]", f"{mistake}\n[cards]"), "utf-8")
    _, files, unpacked = gathered(branch, "--log-lines", "10")
    assert leaks(unpacked) == []
    assert "branch.toml:" in files["check.txt"]
    assert "see check.txt" in files["status.txt"]


@pytest.mark.parametrize(
    ("text", "blanked"),
    [
        ("mqtts://bus:pw@10.0.0.1:8883", f"mqtts://{BLANK}@10.0.0.1:8883"),
        ("password_file = '/etc/lobby/broker'", "password_file = '/etc/lobby/broker'"),
        ('API_KEY="a b" rest', f'API_KEY="{BLANK}" rest'),
        ('{"token": "a\\"b", "x": 1}', f'{{"token": "{BLANK}", "x": 1}}'),
        ("spinning: fast", "spinning: fast"),
        ("pin: 1234", f'pin: "{BLANK}"'),
        ("SetCredential=a: b c", f"SetCredential=a:{BLANK}"),
        ("usb-Silicon_Labs_CP2102_USB_to_UART_Bridge_Controller_0001-if00-port0", None),
        ("at 1795482000000, 2026-11-23T09:00:00.123456", None),
        ("person 王伟 and 王伟民", "person person-1 and person-2"),
        ("lilly li-2 li", "lilly person-3-2 person-3"),
    ],
)
def test_what_is_blanked(text: str, blanked: str | None) -> None:
    assert Blanking((), ["王伟", "王伟民", "li"]).text(text) == (blanked or text)


def test_comments_go_and_lines_stay() -> None:
    text = 'a = "#1" # x\n# y\nb = \'#\'# z\nc = "\\"#" #'
    assert without_comments(text) == 'a = "#1"\n\nb = \'#\'\nc = "\\"#"\n'
