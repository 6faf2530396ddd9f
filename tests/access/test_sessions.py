"""Tokens, sessions, and pages that nobody can guess."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from access.clocks import DAY, HERE, PIN, Times, sign_in
from controller.web.accounts import Accounts
from controller.web.pins import fits
from controller.web.private_files import AccessError
from controller.web.roles import Account, Role
from controller.web.sessions import SESSIONS_KEPT, key_of

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
