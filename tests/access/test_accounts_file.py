"""The file of the accounts: private, damaged, full, gone."""

from __future__ import annotations

import os
import resource
import sqlite3
import stat
import time
from contextlib import closing
from pathlib import Path

import pytest

from access.clocks import HERE, PIN, Times, sign_in, wrong
from controller.web.accounts import SEEN_AGAIN, Accounts
from controller.web.private_files import AccessError
from controller.web.roles import Account
from simulators.disk import INDEX, LOG, beside, cut, delete, move

# -- the file ------------------------------------------------------------------------------------------------


def test_nothing_in_the_file_lets_anybody_in(accounts: Accounts, path: Path) -> None:
    accounts.add("li", "manager", pin=PIN)
    token = accounts.add("tv", "screen")
    tv = accounts.by_token(token)
    assert tv
    session = accounts.begin(tv)[0]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for file in path.parent.iterdir():
        content = file.read_bytes()
        for secret in (PIN, token, session, accounts.csrf(session)):
            assert secret.encode() not in content, file
            assert secret.encode("utf-16-le") not in content, file


def test_its_mode_does_not_depend_on_the_umask(tmp_path: Path, times: Times) -> None:
    before = os.umask(0)
    try:
        with closing(Accounts(tmp_path / "open.db", times)) as accounts:
            accounts.add("tv", "screen")
            assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}
    finally:
        os.umask(before)


@pytest.mark.parametrize("content", [b"this is no database", b"SQLite format 3\0" + b"\xff" * 4096, b"\0" * 8192])
def test_a_damaged_file_is_one_sentence(path: Path, times: Times, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(AccessError, match=r"access\.db: the accounts cannot be .*; look at its owner and its disk$"):
        Accounts(path, times)


def test_a_directory_in_its_place_is_one_sentence(path: Path, times: Times) -> None:
    path.mkdir()
    with pytest.raises(AccessError, match=r"access\.db: the accounts cannot be used \(Is a directory\); look at"):
        Accounts(path, times)


@pytest.mark.parametrize("mode", [0o644, 0o620, 0o601])
def test_a_file_that_others_may_open_is_one_sentence(path: Path, times: Times, mode: int) -> None:
    Accounts(path, times).close()
    path.chmod(mode)
    with pytest.raises(AccessError, match=r"access\.db: the accounts cannot be used \(others .*, then chmod 600 /"):
        Accounts(path, times)
    path.chmod(0o600)
    Accounts(path, times).close()


@pytest.mark.parametrize("there", [True, False])
def test_a_link_in_its_place_is_one_sentence_and_not_followed(path: Path, times: Times, there: bool) -> None:
    target = path.with_name("target")
    if there:
        target.touch(0o600)
    path.symlink_to(target)
    with pytest.raises(AccessError, match=r"access\.db: the accounts cannot be used \(this is a symbolic link\); put"):
        Accounts(path, times)
    assert target.exists() == there
    assert not there or target.read_bytes() == b""


@pytest.mark.parametrize("name", ["a b?mode=ro#.db", "100%25.db", "账.db"])
def test_any_name_of_the_file(tmp_path: Path, times: Times, name: str) -> None:
    with closing(Accounts(tmp_path / name, times)) as accounts:
        accounts.add("tv", "screen")
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_a_full_disk_costs_what_is_written_meanwhile_and_nothing_after_it(accounts: Accounts) -> None:
    accounts.add("li", "manager", pin=PIN)
    token = accounts.add("tv", "screen")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (256, hard))
    try:
        for _ in range(3):
            with pytest.raises(AccessError, match="the accounts cannot be written") as error:
                accounts.tried("li", HERE)
            assert "transaction" not in str(error.value)
        tv = accounts.by_token(token)
        assert tv  # a television goes on
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert isinstance(sign_in(accounts, "li", PIN), Account)
    assert accounts.of_session(accounts.begin(tv)[0])


def test_a_directory_that_is_not_there_is_one_sentence(tmp_path: Path, times: Times) -> None:
    with pytest.raises(AccessError, match=r"access\.db: the accounts cannot be used \(No such file or directory\)"):
        Accounts(tmp_path / "nowhere" / "access.db", times)


def damage(path: Path) -> None:
    """Write over the file and its log, in place, as a dying disk does."""
    for file in path.parent.glob(f"{path.name}*"):
        with file.open("r+b") as opened:
            opened.write(b"x" * file.stat().st_size)


def test_a_file_damaged_while_it_is_in_use_is_one_sentence(accounts: Accounts, path: Path) -> None:
    accounts.add("li", "manager", pin=PIN)
    damage(path)
    with pytest.raises(AccessError, match="the accounts cannot be read"):
        accounts.all()
    with pytest.raises(AccessError, match="the accounts cannot be written"):
        accounts.tried("li", HERE)


def test_nobody_who_reads_waits_for_somebody_who_writes_and_the_other_way_round(
    accounts: Accounts, path: Path, times: Times
) -> None:
    token = accounts.add("tv", "screen")
    tv = accounts.by_token(token)
    assert tv
    session = accounts.begin(tv)[0]
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        other.execute("DELETE FROM account")
        assert accounts.of_session(session)
        assert accounts.by_token(token)
        assert accounts.must_wait("li", HERE) == 0
        assert [account.name for account in accounts.all()] == ["tv"]
        with closing(Accounts(path, times)) as command_line:
            assert [account.name for account in command_line.all()] == ["tv"]
        other.execute("ROLLBACK")
        other.execute("BEGIN")
        other.execute("SELECT * FROM account").fetchall()
        accounts.add("li", "manager", pin=PIN)
    assert [account.name for account in accounts.all()] == ["li", "tv"]


def test_that_an_account_is_in_use_is_noted_later_when_somebody_writes(
    accounts: Accounts, path: Path, times: Times
) -> None:
    token = accounts.add("tv", "screen")
    accounts.hurry()
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        for _ in range(100):
            assert accounts.by_token(token)
        assert time.monotonic() - began < 1, "each would wait for a moment"
        holder.execute("ROLLBACK")
    times.now += SEEN_AGAIN
    assert accounts.by_token(token)
    assert accounts.all()[0].seen_at == int(times.now)


def test_somebody_who_writes_for_too_long_costs_one_try_and_not_those_after_it(accounts: Accounts, path: Path) -> None:
    accounts.add("li", "manager", pin=PIN)
    wrong(accounts, "li")
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(AccessError, match=r"cannot be written \(database is locked\)"):
            accounts.tried("li", HERE)
        writer.execute("COMMIT")
    wrong(accounts, "li")
    assert accounts.must_wait("li", HERE) == 0
    wrong(accounts, "li")
    assert accounts.must_wait("li", HERE) == 1


# -- files that are not there any more -----------------------------------------------------------------------


ALL = ("", LOG, INDEX)


def names(accounts: Accounts) -> list[str]:
    return [account.name for account in accounts.all()]


@pytest.mark.parametrize("suffixes", [("",), ALL], ids=["file", "with its log"])
def test_while_the_file_is_gone_nobody_is_let_in(
    accounts: Accounts, path: Path, suffixes: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    token = accounts.add("tv", "screen")
    tv = accounts.by_token(token)
    assert tv
    session = accounts.begin(tv)[0]
    page = accounts.page("2026-03-02", "A001")
    moved = move(path, suffixes)
    for _ in range(3):
        with pytest.raises(AccessError, match=r"the file has been deleted or moved\); put it back, or start"):
            accounts.of_session(session)
        with pytest.raises(AccessError, match="put it back"):
            accounts.add("li", "manager", pin=PIN)
    assert not path.exists()
    assert len(caplog.messages) == 1
    with closing(sqlite3.connect(moved.to)) as whole:
        assert whole.execute("SELECT name FROM account").fetchall() == [("tv",)], "it is whole where it is now"
    moved.back()
    assert accounts.of_session(session)
    assert len(caplog.messages) == 2
    accounts.add("li", "manager", pin=PIN)
    assert names(accounts) == ["li", "tv"]
    assert accounts.is_page("2026-03-02", page) == "A001"


@pytest.mark.parametrize("suffixes", [("",), ALL], ids=["file", "with its log"])
def test_the_file_that_was_put_in_its_place_counts(
    accounts: Accounts, path: Path, times: Times, suffixes: tuple[str, ...]
) -> None:
    token = accounts.add("tv", "screen")
    delete(path, suffixes)
    with closing(Accounts(path, times)) as command_line:
        command_line.add("li", "manager", pin=PIN)
        assert accounts.by_token(token) is None
        assert names(accounts) == ["li"]
        accounts.add("wang", "counter", pin=PIN)
        assert names(command_line) == ["li", "wang"]
    assert isinstance(sign_in(accounts, "li", PIN), Account)


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_file_in_its_place_is_as_private_as_at_the_start(accounts: Accounts, path: Path, mode: int) -> None:
    moved = move(path, ALL)
    path.touch(mode)
    path.chmod(mode)
    with pytest.raises(AccessError, match="others than its owner may open the file"):
        accounts.all()
    moved.back()
    assert names(accounts) == []


@pytest.mark.parametrize("suffixes", [(LOG,), (INDEX,), (LOG, INDEX)], ids=" ".join)
def test_a_log_that_was_deleted_loses_no_account(
    accounts: Accounts, path: Path, times: Times, suffixes: tuple[str, ...]
) -> None:
    accounts.add("li", "manager", pin=PIN)
    delete(path, suffixes)
    accounts.add("wang", "manager", pin=PIN)
    with closing(Accounts(path, times)) as command_line:
        assert names(command_line) == ["li", "wang"]
        command_line.add("zhao", "manager", pin=PIN)
    assert names(accounts) == ["li", "wang", "zhao"]


@pytest.mark.parametrize("size", [0, 100, 5000])
@pytest.mark.parametrize("suffix", ["", LOG])
def test_a_file_that_was_cut_lets_nobody_in(
    accounts: Accounts, path: Path, suffix: str, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    token = accounts.add("tv", "screen")
    if not suffix:
        with closing(sqlite3.connect(path)) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert accounts.by_token(token)
    cut(beside(path, suffix), size)
    told = why_refused(accounts, token)
    assert "\n" not in told
    assert told == "" or told.startswith(f"{path}: the accounts cannot be ")
    assert "has been cut" in caplog.messages[0]


def why_refused(accounts: Accounts, token: str) -> str:
    """Why a token is not looked at; empty: it is, and nobody's."""
    try:
        assert accounts.by_token(token) is None
    except AccessError as error:
        return str(error)
    return ""


def test_who_empties_the_log_in_sqlites_own_way_is_in_nobodys_way_here(
    accounts: Accounts, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("li", "wang", "zhao"):
        accounts.add(name, "screen")
        with closing(sqlite3.connect(path)) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert names(accounts) == ["li", "wang", "zhao"]
    assert caplog.messages == []
