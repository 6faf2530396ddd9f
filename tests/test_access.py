"""Accounts: PINs, tokens, sessions and what wrong tries cost, with a clock of the test's own."""

from __future__ import annotations

import os
import re
import resource
import sqlite3
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bench import processes
from controller.web import throttle
from controller.web.accounts import SEEN_AGAIN, Accounts
from controller.web.addresses import place_of
from controller.web.pins import fits
from controller.web.private_files import AccessError
from controller.web.roles import ROLES, Account, Role
from controller.web.sessions import SESSIONS_KEPT, key_of
from simulators.disk import INDEX, LOG, beside, cut, delete, move

PIN = "739154"
HERE, THERE = "192.0.2.1", "192.0.2.2"
DAY = 86400


class Times:
    """Seconds since 1970, as the test says."""

    def __init__(self) -> None:
        self.now = 1_772_416_800.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def times() -> Times:
    return Times()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "access.db"


@pytest.fixture
def accounts(path: Path, times: Times) -> Iterator[Accounts]:
    with closing(Accounts(path, times)) as accounts:
        yield accounts


def sign_in(accounts: Accounts, name: str, pin: str, address: str = HERE) -> Account | int | None:
    """The account, None for a wrong PIN, or the seconds to wait, as the site does it."""
    wait = accounts.must_wait(name, address)
    if wait:
        return wait
    accounts.tried(name, address)
    return accounts.succeeded(name, address) if fits(accounts.hash_of(name), pin) else None


def wrong(accounts: Accounts, name: str, address: str = HERE) -> None:
    """A wrong PIN, without the time that it takes to look at one."""
    accounts.tried(name, address)


# -- PINs ----------------------------------------------------------------------------------------------------


def test_the_right_pin_and_only_it(accounts: Accounts) -> None:
    assert accounts.add("li", "manager", pin=PIN) == ""
    signed_in = sign_in(accounts, "li", PIN)
    assert isinstance(signed_in, Account)
    assert (signed_in.name, signed_in.role, signed_in.kind) == ("li", "manager", "pin")
    for other in ("", "739155", PIN + " ", " " + PIN, PIN + "\0", PIN * 2, "７３９１５４"):
        assert not fits(accounts.hash_of("li"), other)


@pytest.mark.parametrize("pin", ["", "12345", "000000", "123456", "654321", "x" * 65, "73915\n", "7391\x0054"])
def test_a_pin_that_is_none(accounts: Accounts, pin: str) -> None:
    with pytest.raises(AccessError, match="PIN"):
        accounts.add("li", "manager", pin=pin)
    assert accounts.all() == []


@pytest.mark.parametrize("name", ["", "Li", "li wang", "-li", "a" * 33, "李", "li\n", "a:b", "../x"])
def test_a_name_that_is_none(accounts: Accounts, name: str) -> None:
    with pytest.raises(AccessError, match="is no name"):
        accounts.add(name, "manager", pin=PIN)


def test_a_name_is_there_once(accounts: Accounts) -> None:
    accounts.add("li", "manager", pin=PIN)
    for role in ROLES:
        with pytest.raises(AccessError, match="li is there already; revoke it first"):
            accounts.add("li", role)
    assert isinstance(sign_in(accounts, "li", PIN), Account)


def test_an_unknown_name_has_a_hash_of_the_same_price_that_nothing_fits(accounts: Accounts) -> None:
    accounts.add("li", "manager", pin=PIN)
    accounts.add("tv", "screen")
    price = r"\$argon2id\$v=19\$m=19456,t=2,p=1\$"
    for name in ("li", "nobody", "tv", "", "' OR 1=1"):
        assert re.match(price, accounts.hash_of(name))
    assert accounts.hash_of("nobody") == accounts.hash_of("tv") != accounts.hash_of("li")
    assert sign_in(accounts, "nobody", PIN) is None
    assert sign_in(accounts, "tv", "") is None


def test_an_unknown_name_costs_nothing_but_where_pins_are_looked_at(path: Path) -> None:
    """The hash of the first one would stop the loop for as long as a PIN takes."""
    look = (
        "import sys; from pathlib import Path; from controller.web.accounts import Accounts;"
        f"print(Accounts(Path({str(path)!r}), lambda: 0.0).hash_of('nobody'), 'argon2' in sys.modules)"
    )
    done = processes.run([sys.executable, "-c", look], capture_output=True, text=True, timeout=20, check=True)
    assert re.fullmatch(r"\$argon2id\S+ False\n", done.stdout)


# -- wrong ones ----------------------------------------------------------------------------------------------


def test_three_are_free_and_the_next_waits_twice_as_long_each_time(accounts: Accounts, times: Times) -> None:
    waits = []
    for _ in range(30):
        waits.append(accounts.must_wait("li", HERE))
        times.now += waits[-1]
        assert accounts.must_wait("li", HERE) == 0
        wrong(accounts, "li")
    assert waits[:13] == [0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300]
    assert set(waits[12:]) == {300}


def test_the_right_pin_waits_as_well_and_is_taken_afterwards(accounts: Accounts, times: Times) -> None:
    accounts.add("li", "manager", pin=PIN)
    for _ in range(20):
        wrong(accounts, "li")
    assert sign_in(accounts, "li", PIN) == 300
    times.now += 299
    assert sign_in(accounts, "li", PIN) == 1
    times.now += 1
    assert isinstance(sign_in(accounts, "li", PIN), Account)
    assert accounts.must_wait("li", HERE) == 0
    for _ in range(2):
        wrong(accounts, "li")
    assert accounts.must_wait("li", HERE) == 0


def test_many_names_from_one_address(accounts: Accounts) -> None:
    for number in range(30):
        assert accounts.must_wait(f"guess-{number}", HERE) == 0
        wrong(accounts, f"guess-{number}")
    assert accounts.must_wait("li", HERE) == 1
    assert accounts.must_wait("li", THERE) == 0
    for number in range(30):
        wrong(accounts, f"guess-{number}")
    assert accounts.must_wait("li", HERE) == 300
    accounts.succeeded("li", HERE)
    assert accounts.must_wait("li", HERE) == 300, "an address does not become good by one name"


def test_one_name_from_many_addresses_keeps_its_owner_out_for_half_a_minute(accounts: Accounts, times: Times) -> None:
    accounts.add("li", "manager", pin=PIN)
    for number in range(30):
        assert accounts.must_wait("li", f"198.51.100.{number}") == 0
        wrong(accounts, "li", f"198.51.100.{number}")
    assert accounts.must_wait("li", HERE) == 1
    for number in range(200):
        wrong(accounts, "li", f"203.0.113.{number}")
    assert accounts.must_wait("li", HERE) == 30
    assert accounts.must_wait("wang", HERE) == 0
    times.now += 30
    assert isinstance(sign_in(accounts, "li", PIN), Account)
    assert accounts.must_wait("li", THERE) == 0


def test_a_stranger_who_has_to_wait_costs_the_owner_elsewhere_nothing(accounts: Accounts, times: Times) -> None:
    accounts.add("li", "manager", pin=PIN)
    for _ in range(20):
        wrong(accounts, "li", THERE)
    assert accounts.must_wait("li", THERE) == 300
    assert isinstance(sign_in(accounts, "li", PIN, HERE), Account)
    assert accounts.must_wait("li", THERE) == 300


@pytest.mark.parametrize(("addresses", "most"), [(1, 288 + 12), (12, 2880 + 35)])
def test_a_day_of_guessing(accounts: Accounts, times: Times, addresses: int, most: int) -> None:
    """What the years in the module's description come from."""
    accounts._file._db.execute("PRAGMA synchronous = OFF")
    tries, end = 0, times.now + DAY
    while times.now < end:
        waits = [accounts.must_wait("li", f"192.0.2.{number}") for number in range(addresses)]
        times.now += min(waits)
        wrong(accounts, "li", f"192.0.2.{waits.index(min(waits))}")
        tries += 1
    assert most * 0.9 < tries <= most


def test_addresses_of_one_place_count_as_one(accounts: Accounts) -> None:
    for number in range(3):
        wrong(accounts, "li", f"2001:db8:1:2::{number}")
    assert accounts.must_wait("li", "2001:db8:1:2:ffff::1") == 1
    assert accounts.must_wait("li", "2001:db8:1:3::1") == 0
    for _ in range(3):
        wrong(accounts, "wang", f"::ffff:{HERE}")
    assert accounts.must_wait("wang", HERE) == 1
    assert accounts.must_wait("wang", f"::ffff:{THERE}") == 0
    assert place_of("fe80::1%eth0") == place_of("fe80::2%eth1")


def test_a_name_that_looks_like_an_address_counts_for_itself(accounts: Accounts) -> None:
    for _ in range(40):
        wrong(accounts, f"address:{THERE}", HERE)
        wrong(accounts, f"{THERE} li", HERE)
    assert accounts.must_wait("li", THERE) == 0


def test_waiting_outlives_a_restart(accounts: Accounts, path: Path, times: Times) -> None:
    for _ in range(40):
        wrong(accounts, "li")
    accounts.close()
    with closing(Accounts(path, times)) as after:
        assert after.must_wait("li", HERE) == 300
        assert after.must_wait("li", THERE) == 30
        assert after.must_wait("wang", HERE) == 300


def test_a_clock_that_is_set_back_locks_nobody_out_until_then(accounts: Accounts, times: Times) -> None:
    for _ in range(30):
        wrong(accounts, "li")
    times.now -= 100
    assert accounts.must_wait("li", HERE) == 200
    times.now -= 10 * DAY
    assert accounts.must_wait("li", HERE) == 0


@pytest.mark.parametrize("passed", [3601, -DAY])
def test_wrong_ones_are_forgotten_an_hour_after_the_last(
    accounts: Accounts, times: Times, path: Path, passed: int
) -> None:
    for _ in range(30):
        wrong(accounts, "li")
    times.now += 3500
    wrong(accounts, "li")
    assert accounts.must_wait("li", HERE) == 300
    times.now += passed
    wrong(accounts, "wang", THERE)
    with closing(sqlite3.connect(path)) as db:
        counted = sorted(db.execute("SELECT who, count FROM failure"))
    assert counted == [("account:wang", 1), (f"address:{THERE}", 1), (f"pair:{THERE} wang", 1)]


def test_wrong_ones_of_an_account_end_with_it(accounts: Accounts) -> None:
    accounts.add("li", "manager", pin=PIN)
    for _ in range(6):
        wrong(accounts, "li")
        wrong(accounts, "wang")
    accounts.revoke("li")
    assert accounts.must_wait("li", HERE) == 0
    assert accounts.must_wait("wang", HERE) > 0


def test_who_has_a_pin_does_not_make_others_cheaper_to_try(accounts: Accounts) -> None:
    accounts.add("clerk", "counter", pin=PIN)
    for _ in range(6):
        wrong(accounts, "li", THERE)
        accounts.tried("clerk", THERE)
        accounts.succeeded("clerk", THERE)
    assert accounts.must_wait("li", THERE) > 0


def test_a_whole_branch_may_sign_in_from_one_address(accounts: Accounts) -> None:
    for number in range(100):
        assert accounts.must_wait(f"clerk-{number}", HERE) == 0
        accounts.tried(f"clerk-{number}", HERE)
        accounts.succeeded(f"clerk-{number}", HERE)


def test_the_file_does_not_grow_with_every_name_that_is_tried(
    accounts: Accounts, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "FAILURES_KEPT", 20)
    for number in range(50):
        wrong(accounts, f"guess-{number}", f"192.0.2.{number}")
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM failure").fetchone() == (20,)


# -- tokens and sessions -------------------------------------------------------------------------------------


def test_a_token_and_only_it(accounts: Accounts) -> None:
    token = accounts.add("tv", "screen")
    assert len(token) >= 43
    found = accounts.by_token(token)
    assert found
    assert (found.name, found.kind) == ("tv", "token")
    for other in ("", token[:-1], token + "A", token.swapcase(), accounts.hash_of("tv"), "%", "é"):
        assert accounts.by_token(other) is None


def test_a_pins_hash_is_no_token(accounts: Accounts, path: Path) -> None:
    accounts.add("li", "manager", pin=PIN)
    with closing(sqlite3.connect(path)) as db:
        (secret,) = db.execute("SELECT secret FROM account").fetchone()
    assert accounts.by_token(secret) is None
    assert accounts.by_token(PIN) is None


def test_a_persons_session_lasts_a_working_day_and_a_devices_a_year(accounts: Accounts, times: Times) -> None:
    accounts.add("li", "manager", pin=PIN)
    tv = accounts.by_token(accounts.add("tv", "screen"))
    li = sign_in(accounts, "li", PIN)
    assert isinstance(li, Account)
    assert tv
    (person, lasts), (device, _) = accounts.begin(li), accounts.begin(tv)
    assert lasts == 14 * 3600
    times.now += lasts - 1
    found = accounts.of_session(person)
    assert found
    assert found.name == "li"
    times.now += 1
    assert accounts.of_session(person) is None
    assert accounts.of_session(device)
    times.now += 380 * DAY
    assert accounts.of_session(device)
    times.now += 20 * DAY
    assert accounts.of_session(device) is None


def test_a_devices_session_goes_on_while_it_loads_pages_and_a_persons_does_not(
    accounts: Accounts, path: Path, times: Times
) -> None:
    accounts.add("li", "manager", pin=PIN)
    tv, li = accounts.by_token(accounts.add("tv", "screen")), sign_in(accounts, "li", PIN)
    assert tv
    assert isinstance(li, Account)
    device, person = accounts.begin(tv)[0], accounts.begin(li)[0]
    assert (accounts.renew(person), accounts.renew("x"), accounts.renew("")) == (0, 0, 0)
    for _ in range(4):
        times.now += 300 * DAY
        assert accounts.renew(device) == 400 * DAY
        with closing(sqlite3.connect(path)) as db:
            assert ("tv", int(times.now) + 400 * DAY) in set(db.execute("SELECT account, ends_at FROM session"))
        assert accounts.of_session(device)
    assert accounts.of_session(person) is None
    times.now += 400 * DAY
    assert accounts.of_session(device) is None


def test_a_session_is_put_off_once_a_day_and_when_nothing_can_be_written_not_at_all(
    accounts: Accounts, path: Path, times: Times
) -> None:
    tv = accounts.by_token(accounts.add("tv", "screen"))
    assert tv
    device = accounts.begin(tv)[0]
    accounts.hurry()
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        assert accounts.renew(device) == 400 * DAY
        times.now += 2 * DAY
        assert accounts.renew(device) == 0
        holder.execute("ROLLBACK")
    assert accounts.renew(device) == 400 * DAY


def test_a_session_that_is_in_use_is_not_the_oldest(accounts: Accounts, times: Times) -> None:
    tv = accounts.by_token(accounts.add("tv", "screen"))
    assert tv
    first = accounts.begin(tv)[0]
    for _ in range(SESSIONS_KEPT + 5):
        times.now += 2 * DAY
        assert accounts.renew(first)
        accounts.begin(tv)
    assert accounts.of_session(first)


def test_who_is_signed_in(accounts: Accounts, times: Times) -> None:
    accounts.add("li", "manager", pin=PIN)
    tv, li = accounts.by_token(accounts.add("tv", "screen")), sign_in(accounts, "li", PIN)
    assert tv
    assert isinstance(li, Account)
    device, person = accounts.begin(tv)[0], accounts.begin(li)[0]

    def there() -> list[bool]:
        keys = (
            key_of(tv, ""),
            key_of(tv, device),
            key_of(li, person),
            key_of(li, "x"),
        )
        return [key in accounts.signed_in() for key in keys]

    assert there() == [True, True, True, False]
    times.now += 14 * 3600
    assert there() == [True, True, False, False]
    accounts.end(device)
    assert there() == [True, False, False, False]
    accounts.revoke("tv")
    accounts.add("tv", "manager")
    assert there() == [False, False, False, False], "another account of the name has another token"


def test_a_session_that_is_ended(accounts: Accounts) -> None:
    tv = accounts.by_token(accounts.add("tv", "screen"))
    assert tv
    one, other = accounts.begin(tv)[0], accounts.begin(tv)[0]
    assert one != other
    assert accounts.csrf(one) != accounts.csrf(other)
    accounts.end(one)
    assert accounts.of_session(one) is None
    assert accounts.of_session(other)
    for forged in ("", other[:-1], other + "A", accounts.csrf(other)):
        assert accounts.of_session(forged) is None


def test_the_oldest_of_too_many_sessions_ends(accounts: Accounts) -> None:
    tv = accounts.by_token(accounts.add("tv", "screen"))
    assert tv
    sessions = [accounts.begin(tv)[0] for _ in range(SESSIONS_KEPT + 2)]
    assert [bool(accounts.of_session(session)) for session in sessions] == [False] * 2 + [True] * SESSIONS_KEPT


def test_revoking_ends_everything_and_a_new_account_of_the_name_gets_nothing_of_it(
    accounts: Accounts, path: Path, times: Times
) -> None:
    token = accounts.add("tv", "screen")
    tv = accounts.by_token(token)
    assert tv
    session = accounts.begin(tv)[0]
    with closing(Accounts(path, times)) as command_line:
        command_line.revoke("tv")
    assert accounts.by_token(token) is None
    assert accounts.of_session(session) is None
    assert accounts.add("tv", "manager") != token
    assert accounts.by_token(token) is None
    assert accounts.of_session(session) is None
    with pytest.raises(AccessError, match="there is no account nobody"):
        accounts.revoke("nobody")


def test_who_is_revoked_while_their_pin_is_looked_at(accounts: Accounts) -> None:
    accounts.add("li", "manager", pin=PIN)
    hash = accounts.hash_of("li")
    accounts.revoke("li")
    assert fits(hash, PIN)
    assert accounts.succeeded("li", HERE) is None


def test_roles() -> None:
    def may(role: Role, counter: str = "") -> tuple[bool, ...]:
        account = Account("x", role, counter, "pin", 0, 0)
        return (
            account.is_one_of(),
            account.is_one_of("kiosk"),
            account.works_at("1"),
            account.works_at("2"),
            account.works_at(""),
        )

    assert may("manager") == (True, True, True, True, True)
    assert may("counter") == (False, False, True, True, True)
    assert may("counter", "2") == (False, False, False, True, False)
    assert may("kiosk") == (False, True, False, False, False)
    assert may("screen") == (False, False, False, False, False)


# -- pages that nobody can guess -----------------------------------------------------------------------------


def test_a_tickets_page_is_of_one_ticket_and_one_day(accounts: Accounts, path: Path, times: Times) -> None:
    page = accounts.page("2026-03-02", "A017")
    assert re.fullmatch(r"A017\.[0-9a-f]{32}", page)
    assert accounts.is_page("2026-03-02", page) == "A017"
    mac = page.partition(".")[2]
    for other in ("", "A017", "A017.", f"A018.{mac}", page[:-1], page + "0", page.upper(), f".{mac}", mac, "é.é"):
        assert accounts.is_page("2026-03-02", other) == ""
    assert accounts.is_page("2026-03-03", page) == ""
    accounts.close()
    with closing(Accounts(path, times)) as after:
        assert after.page("2026-03-02", "A017") == page
    with closing(Accounts(path.with_name("other.db"), times)) as other_branch:
        assert other_branch.page("2026-03-02", "A017") != page


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
