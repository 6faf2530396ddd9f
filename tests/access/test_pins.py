"""PINs, and wrong ones: who has to wait, and for how long."""

from __future__ import annotations

import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from access.clocks import DAY, HERE, PIN, THERE, Times, sign_in, wrong
from bench import processes
from controller.web import throttle
from controller.web.accounts import Accounts
from controller.web.addresses import place_of
from controller.web.pins import fits
from controller.web.private_files import AccessError
from controller.web.roles import ROLES, Account

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
