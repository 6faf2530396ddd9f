"""Where a branch's screens are, by its configuration."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from configurations import plus, problems
from errors import GOOD

from controller.config import Settings, read, shipped


@pytest.fixture
def example() -> Settings:
    return read(shipped("branch.example.toml"))


@pytest.mark.parametrize(
    ("keys", "host", "port", "address"),
    [
        ("", "127.0.0.1", 8080, "http://127.0.0.1:8080"),
        ('listen = "127.0.0.1:8080"', "127.0.0.1", 8080, "http://127.0.0.1:8080"),
        ('listen = "localhost:8081"', "127.0.0.1", 8081, "http://127.0.0.1:8081"),
        ('listen = "[::1]:8080"', "::1", 8080, "http://[::1]:8080"),
        ('listen = "0.0.0.0:80"', "0.0.0.0", 80, "http://0.0.0.0:80"),
        ('listen = "192.168.1.20:65535"', "192.168.1.20", 65535, "http://192.168.1.20:65535"),
        ('certificate = "c.pem"\nkey = "k.pem"', "127.0.0.1", 8080, "https://127.0.0.1:8080"),
        ('url = "https://lobby.example.org"', "127.0.0.1", 8080, "https://lobby.example.org"),
        ('url = "http://10.0.0.7:8080"', "127.0.0.1", 8080, "http://10.0.0.7:8080"),
        ('url = "http://[2001:db8::1]:80"', "127.0.0.1", 8080, "http://[2001:db8::1]:80"),
    ],
)
def test_where_the_screens_are(tmp_path: Path, keys: str, host: str, port: int, address: str) -> None:
    path = tmp_path / "branch.toml"
    assert problems(path, plus(f"[web]\n{keys}\n")) == []
    web = read(path).web
    assert web is not None
    assert (web.host, web.port, web.address) == (host, port, address)
    assert web.url == (address if "url" in keys else "")


def test_a_branch_has_no_screens_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "branch.toml"
    path.write_text(GOOD)
    assert read(path).web is None


def test_the_accounts_are_beside_the_journal_unless_it_is_said(tmp_path: Path) -> None:
    path = tmp_path / "branch.toml"
    files = 'certificate = "/etc/c.pem"\nkey = "k.pem"\n'
    for text, accounts in (
        ("[web]\n", Path("/var/lib/lobby/access.db")),
        ('[journal]\npath = "j/lobby.db"\n[web]\n', tmp_path / "j/access.db"),
        ('[web]\naccounts = "who.db"\n', tmp_path / "who.db"),
        ('[web]\naccounts = "/srv/who.db"\n', Path("/srv/who.db")),
    ):
        path.write_text(plus(text + files))
        web = read(path).web
        assert web is not None
        assert web.accounts == accounts
        assert (web.certificate, web.key) == (Path("/etc/c.pem"), tmp_path / "k.pem")


def test_the_screens_of_the_shipped_configurations_are_for_this_machine_alone(example: Settings) -> None:
    for each in (example, read(shipped("demo.toml"))):
        assert each.web is not None
        assert (each.web.host, each.web.port) == ("127.0.0.1", 8080)


def test_what_the_example_has_as_comments_for_the_screens_is_right_too(tmp_path: Path) -> None:
    path = tmp_path / "branch.toml"
    text = shipped("branch.example.toml").read_text("utf-8")
    begin = text.index("[web]")
    end = text.index("\n\n", begin)
    assert problems(path, text[:begin] + re.sub(r"^#", "", text[begin:end], flags=re.MULTILINE) + text[end:]) == []
    web = read(path).web
    assert web is not None
    assert dataclasses.asdict(web) == {
        "host": "127.0.0.1",
        "port": 8080,
        "url": "https://lobby.example.org",
        "accounts": Path("/var/lib/lobby/access.db"),
        "certificate": Path("/etc/lobby/web.pem"),
        "key": Path("/etc/lobby/web.key"),
    }
