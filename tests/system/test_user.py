"""`lobby user` as installed: accounts are made, listed and ended; what is wrong is told in a line, without the PIN."""

from __future__ import annotations

import os
import re
import stat
import sys
from contextlib import closing
from pathlib import Path
from socket import gethostname
from typing import NamedTuple

import pytest

from bench import processes
from controller.commands.kit import own_address
from controller.web.accounts import Accounts
from controller.web.pins import fits
from controller.web.roles import ROLES
from system.branch import HOUSE, LOBBY

PIN = "481516"
TWICE = f"{PIN}\n{PIN}\n"
FAILED, WRONG = 1, 2


class Done(NamedTuple):
    """What a command left: its exit code, and what it wrote."""

    code: int
    out: str
    err: str


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A branch with screens; its accounts are in its directory, beside the journal."""
    path = tmp_path / "branch.toml"
    path.write_text(HOUSE.format(id="b", directory=tmp_path) + '[web]\nlisten = "127.0.0.1:8091"\n')
    return path


def user(config: Path, *arguments: str, said: str | bytes = "") -> Done:
    """Run `lobby user` to its end with this on its input. What it writes never has a traceback or a PIN."""
    what, *more = arguments
    process = processes.run(
        [LOBBY, "user", what, "--config", config, *more],
        input=said.encode() if isinstance(said, str) else said,
        capture_output=True,
        env=os.environ | {"COLUMNS": "100", "PYTHONIOENCODING": "utf-8:strict"},
        timeout=20,
        check=False,
    )
    done = Done(process.returncode, process.stdout.decode(), process.stderr.decode())
    assert "Traceback" not in done.err
    assert PIN not in done.out + done.err
    return done


def names(config: Path) -> list[str]:
    accounts = Accounts(config.parent / "access.db", lambda: 0.0)
    try:
        return [account.name for account in accounts.all()]
    finally:
        accounts.close()


@pytest.mark.long
def test_who_has_a_pin_types_it_twice(config: Path) -> None:
    done = user(config, "add", "manager-1", "--role", "manager", said=TWICE)
    assert done == (0, "manager-1 may sign in now at http://127.0.0.1:8091/\n", "")
    done = user(config, "add", "10234", "--role", "counter", "--counter", "2", said="481516\r\n481516")
    assert done == (0, "10234 may sign in now at http://127.0.0.1:8091/\n", "")
    accounts = Accounts(config.parent / "access.db", lambda: 0.0)
    manager, teller = accounts.all()[::-1]
    assert (manager.name, manager.role, manager.counter, manager.kind) == ("manager-1", "manager", "", "pin")
    assert (teller.name, teller.role, teller.counter, teller.kind) == ("10234", "counter", "2", "pin")
    assert fits(accounts.hash_of("manager-1"), PIN)
    assert fits(accounts.hash_of("10234"), PIN), "a line may end as on Windows, or not at all"
    accounts.close()
    assert PIN.encode() not in (config.parent / "access.db").read_bytes()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--role", "kiosk"),
        ("--role", "screen"),
        ("--role", "screen", "--counter", "2"),
        ("--role", "manager", "--token"),
    ],
)
def test_a_device_gets_an_address_to_open_once(config: Path, arguments: tuple[str, ...]) -> None:
    code, out, err = user(config, "add", "hall-tv", *arguments)
    assert (code, err) == (0, "")
    first, address = out.splitlines()
    assert first == "hall-tv: open this address once on the device, and keep it from others:"
    found = re.fullmatch(r"http://127\.0\.0\.1:8091/enter#([\w-]{43})", address)
    assert found, address
    accounts = Accounts(config.parent / "access.db", lambda: 0.0)
    account = accounts.by_token(found[1])
    accounts.close()
    assert account is not None
    assert (account.name, account.role, account.kind) == ("hall-tv", arguments[1], "token")
    assert found[1].encode() not in (config.parent / "access.db").read_bytes()


def test_the_address_is_one_that_a_browser_takes(config: Path) -> None:
    """Where the whole network is listened to, it is this machine's own, or its name; a `url` goes before both."""
    config.write_text(config.read_text("utf-8").replace("127.0.0.1:8091", "0.0.0.0:8091"), "utf-8")
    _, out, _ = user(config, "add", "hall-tv", "--role", "screen")
    host = out.splitlines()[1].removeprefix("http://").partition(":")[0]
    assert host in (own_address(), gethostname())
    assert host != "0.0.0.0"


@pytest.mark.parametrize(
    ("arguments", "said", "code", "told"),
    [
        (("li", "--role", "manager"), f"{PIN}\n{PIN}9\n", WRONG, "the two lines with the PIN differ"),
        (("li", "--role", "manager"), f"{PIN}\n", WRONG, "the two lines with the PIN differ"),
        (("li", "--role", "manager"), "", FAILED, "the PIN has 0 characters; it takes 6 to 64"),
        (("li", "--role", "manager"), "48151\n48151\n", FAILED, "the PIN has 5 characters; it takes 6 to 64"),
        (("li", "--role", "manager"), ("7q" * 9999 + "\n") * 2, FAILED, "it takes 6 to 64"),
        (("li", "--role", "manager"), "123456\n123456\n", FAILED, "one that everybody tries first"),
        (("Li", "--role", "manager"), TWICE, FAILED, '"Li" is no name; use small letters, digits and "-"'),
        (("-li", "--role", "manager"), TWICE, WRONG, ""),
        (("li wang", "--role", "screen"), "", FAILED, '"li wang" is no name'),
        (("l" * 33, "--role", "screen"), "", FAILED, "is no name"),
        (("li", "--role", "counter", "--counter", "9"), TWICE, WRONG, "one of the counters (1, 2, 3)"),
        (("li", "--role", "manager", "--counter", "1"), TWICE, WRONG, "it goes with --role counter or screen"),
    ],
)
def test_what_is_wrong_makes_no_account(
    config: Path, arguments: tuple[str, ...], said: str, code: int, told: str
) -> None:
    done = user(config, "add", *arguments, said=said)
    assert (done.code, done.out) == (code, "")
    assert told in done.err
    assert done.err.count("\n") == 1 or not told, "one line, unless the usage is told"
    assert names(config) == []


@pytest.mark.long
def test_a_pin_that_is_no_text(config: Path) -> None:
    done = user(config, "add", "li", "--role", "manager", said=b"\xff\xfe48151\n\xff\xfe48151\n")
    assert done == (WRONG, "", "the PIN is no UTF-8 text; use digits and letters\n")
    assert names(config) == []


@pytest.mark.long
def test_a_role_that_there_is_not(config: Path) -> None:
    done = user(config, "add", "li", "--role", "boss", said=TWICE)
    assert (done.code, done.out) == (WRONG, "")
    for role in ROLES:
        assert role in done.err


@pytest.mark.long
def test_a_name_is_given_once_until_it_is_revoked(config: Path) -> None:
    assert (user(config, "add", "li", "--role", "manager", said=TWICE)).code == 0
    told = "li is there already; revoke it first to give it another PIN or token\n"
    assert user(config, "add", "li", "--role", "screen") == (FAILED, "", told)
    assert user(config, "revoke", "li") == (0, "li may not sign in any more.\n", "")
    assert user(config, "revoke", "li") == (FAILED, "", "there is no account li; lobby user list shows them\n")
    assert names(config) == []
    assert (user(config, "add", "li", "--role", "screen")).code == 0


@pytest.mark.long
def test_the_list_shows_everybody(config: Path) -> None:
    code, out, err = user(config, "list")
    assert (code, err) == (0, "")
    assert len(rows(out)) == 1, "nobody but the head"
    user(config, "add", "li", "--role", "counter", "--counter", "3", said=TWICE)
    user(config, "add", "hall-tv", "--role", "screen")
    code, out, err = user(config, "list")
    assert (code, err) == (0, "")
    head, *accounts = rows(out)
    assert head == ["name", "role", "counter", "signs in with", "made", "last in use"]
    assert [row[:4] for row in accounts] == [["hall-tv", "screen", "", "token"], ["li", "counter", "3", "pin"]]
    for *_, made, used in accounts:
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", made)
        assert used == "never"


def rows(out: str) -> list[list[str]]:
    """The cells of a table's rows."""
    lines = [re.split("[│┃|]", line)[1:-1] for line in out.splitlines()]
    return [[cell.strip() for cell in line] for line in lines if len(line) > 1]


@pytest.mark.long
@pytest.mark.parametrize(
    "arguments", [("add", "li", "--role", "screen"), ("list",), ("revoke", "li")], ids=lambda words: words[0]
)
def test_a_branch_without_screens_has_no_accounts(config: Path, arguments: tuple[str, ...]) -> None:
    config.write_text(HOUSE.format(id="b", directory=config.parent))
    told = f"{config}: web: there is no [web] table; add it to have screens\n"
    assert user(config, *arguments) == (WRONG, "", told)
    assert not (config.parent / "access.db").exists()
    config.write_text("[web]\nlisten = 1\n")
    done = user(config, *arguments)
    assert (done.code, done.out) == (WRONG, "")
    assert f"{config}:2: web.listen: 1 does not fit" in done.err


@pytest.mark.parametrize("accounts", ["nowhere/access.db", "branch.toml", "."])
def test_accounts_that_cannot_be_used(config: Path, accounts: str) -> None:
    config.write_text(config.read_text() + f'accounts = "{accounts}"\n')
    before = config.read_bytes()
    for arguments in (("add", "li", "--role", "screen"), ("list",), ("revoke", "li")):
        done = user(config, *arguments)
        assert (done.code, done.out, done.err.count("\n")) == (FAILED, "", 1)
        assert done.err.startswith(f"{config.parent / accounts}: the accounts cannot be used (")
    assert config.read_bytes() == before


@pytest.mark.long
def test_the_file_is_its_owners_alone(config: Path) -> None:
    user(config, "add", "li", "--role", "screen")
    assert stat.S_IMODE((config.parent / "access.db").stat().st_mode) == 0o600


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file for somebody else")
def test_made_by_root_the_file_is_the_directorys_owners(config: Path) -> None:
    """The daemon runs as a user of its own and has to write into what an installer makes with sudo."""
    nobody = 65534
    os.chown(config.parent, nobody, nobody)
    for arguments in (("list",), ("add", "li", "--role", "screen")):
        user(config, *arguments)
        made = (config.parent / "access.db").stat()
        assert (made.st_uid, made.st_gid, stat.S_IMODE(made.st_mode)) == (nobody, nobody, 0o600)
    assert sorted(path.name for path in config.parent.iterdir()) == ["access.db", "branch.toml"]
    with closing(Accounts(config.parent / "access.db", lambda: 0.0)) as held:
        held.add("tv", "screen")
        user(config, "list")
        made_too = {path.name: path.stat() for path in config.parent.glob("access.db-*")}
        assert sorted(made_too) == ["access.db-shm", "access.db-wal"]
        for made in made_too.values():
            assert (made.st_uid, made.st_gid, stat.S_IMODE(made.st_mode)) == (nobody, nobody, 0o600)


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file for somebody else")
@pytest.mark.parametrize("name", ["target", "nothing"])
def test_root_gives_away_nothing_at_the_end_of_a_link(config: Path, name: str) -> None:
    """The directory is the daemon's: whoever has broken into it must not get a file of root's by `lobby user`."""
    nobody = 65534
    os.chown(config.parent, nobody, nobody)
    target = config.parent / "target"
    target.touch(0o600)
    path = config.parent / "access.db"
    path.symlink_to(config.parent / name)
    for arguments in (("list",), ("add", "li", "--role", "screen"), ("revoke", "li")):
        done = user(config, *arguments)
        assert (done.code, done.out, done.err.count("\n")) == (FAILED, "", 1)
        assert done.err.startswith(
            f"{path}: the accounts cannot be used (this is a symbolic link); put the file itself"
        )
    assert (target.stat().st_uid, target.stat().st_size) == (0, 0)
    assert not (config.parent / "nothing").exists()


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file for somebody else")
def test_root_gives_away_no_file_that_is_there_already(config: Path) -> None:
    user(config, "list")
    nobody = 65534
    os.chown(config.parent, nobody, nobody)
    user(config, "add", "li", "--role", "screen")
    assert (config.parent / "access.db").stat().st_uid == 0


@pytest.mark.long
def test_a_file_that_others_may_open_is_not_used(config: Path) -> None:
    user(config, "list")
    path = config.parent / "access.db"
    path.chmod(0o640)
    told = "(others than its owner may open the file); look who has, then chmod 600"
    assert user(config, "list") == (FAILED, "", f"{path}: the accounts cannot be used {told} {path}\n")
    path.chmod(0o600)
    assert user(config, "list").code == 0


def test_the_command_line_loads_no_accounts_to_name_the_roles() -> None:
    listed = "print([name for name in sys.modules if name.endswith('web.accounts')])"
    look = f"import sys, controller.cli, controller.commands.user; {listed}"
    done = processes.run([sys.executable, "-c", look], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == "[]\n"
