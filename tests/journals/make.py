"""Made `history.db.xz` and `history.json.xz`: a journal with all that this program has ever written, and its states.

Both are for ever: a later program has to read them, not to make them again. New kinds and fields get a journal of their
own beside these, with another name (`python -m journals.make NAME`, with PYTHONPATH=tests).
"""

from __future__ import annotations

import hashlib
import json
import lzma
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from branches import ALL, Lobby, local, long_steps
from random_days import random_branch, random_days
from traffic import house

from controller.journal import Journal
from controller.lobby.actions.call_next import TicketCalled
from controller.lobby.actions.cancel import TicketCancelled
from controller.lobby.actions.clock import ClockStepped, ControllerStarted
from controller.lobby.actions.close_counter import CounterClosed
from controller.lobby.actions.day import DayClosed, DayOpened
from controller.lobby.actions.drop_counters import DropCounters
from controller.lobby.actions.event import Event, from_row
from controller.lobby.actions.finish import TicketFinished
from controller.lobby.actions.hold import TicketHeld
from controller.lobby.actions.no_show import TicketMissed
from controller.lobby.actions.open_counter import CounterOpened
from controller.lobby.actions.pause_counter import CounterPaused
from controller.lobby.actions.promote import TicketPromoted
from controller.lobby.actions.rating import Rated, RatingAsked
from controller.lobby.actions.reassign import TicketReassigned
from controller.lobby.actions.recall import TicketRecalled
from controller.lobby.actions.report_device import DeviceChanged
from controller.lobby.actions.report_print import PrintSent, PrintUnknown, TicketPrinted
from controller.lobby.actions.reprint import TicketReprinted
from controller.lobby.actions.return_ticket import TicketReturned
from controller.lobby.actions.start import ServiceStarted
from controller.lobby.actions.take_ticket import SelfServiceAdvised, TicketIssued
from controller.lobby.actions.transfer import TicketTransferred
from controller.lobby.actions.undo import TicketRestored
from controller.lobby.actions.windows import WindowAdviceAnswered, WindowsChecked
from controller.lobby.aggregate import Row

HERE = Path(__file__).parent
EVERY = 10
"""Rows between two digests of the state."""

Written = tuple[int, str, Event]
"""When (ms since 1970, UTC), on which business day, what."""


def presses(seed: int, start: str, count: int) -> Iterator[Written]:
    """What comes of random presses, clocks that are set and counters that are no longer configured."""
    chance = Random(f"journals:{seed}")
    rules = random_branch(chance)
    lobby = Lobby(rules, local(start, str(rules.zone)))
    for n, step in enumerate(long_steps(seed, count, ALL)):
        if n == count * 2 // 3 and len(rules.counters) > 1:
            gone = next((id for id, c in lobby.state.counters.items() if c.ticket), next(iter(rules.counters)))
            lobby.rules = replace(rules, counters={id: c for id, c in rules.counters.items() if id != gone})
            lobby.do(DropCounters(at=lobby.now, cause="dropped"))
        lobby.step(step)
    yield from _of_rows(lobby.rows)


def _of_rows(rows: list[dict[str, Any]]) -> Iterator[Written]:
    day = ""
    for row in rows:
        event = from_row(row["kind"], 1, row["data"])
        day = event.day if isinstance(event, DayOpened) else day
        yield row["at"], day, event


def whole_days(seed: int, hours: float) -> Iterator[Written]:
    """Days with customers, clerks and a manager."""
    yield from _of_rows(random_days(seed, hours).rows)


def by_hand() -> Iterator[Written]:
    """Every kind with none of its optional fields, as the oldest rows are, and with all of them."""
    now = local("2019-05-06 09:00")
    for day, events in (("2019-05-06", _sparse()), ("2019-05-07", _full()), ("2019-05-06", _continued())):
        for event in events:
            now += 61_007
            yield now, day, event


def _issued(ticket: str, number: int, **more: Any) -> TicketIssued:
    fields: dict[str, Any] = {"service": "cash", "klass": "normal", "seniority": 1_557_104_400 + number, "by": "kiosk"}
    return TicketIssued(ticket, number=number, **{**fields, "paper": True, **more})


def _called(ticket: str, counter: str, **more: Any) -> TicketCalled:
    why = {"text": f"{ticket} waits longest", "guard": False, "heads": [{"ticket": ticket, "key": 1_557_104_400}]}
    return TicketCalled(ticket, counter, more.pop("forced", False), why, **more)


def _sparse() -> Iterator[Event]:
    yield DayOpened("2019-05-06")
    yield CounterOpened("1")
    yield CounterOpened("2")
    for number in range(1, 13):
        yield _issued(f"A{number:03}", number)
    yield _issued("B001", 1, service="personal", not_before=1_557_110_000, slot=1_557_110_600)
    yield SelfServiceAdvised("small", "cash", "kiosk")
    yield TicketPrinted("A001")
    yield PrintSent("A002")
    yield PrintUnknown("A003")
    yield TicketReprinted("A003", 2, "panel/manager")
    yield _called("A001", "1")
    yield TicketRecalled("A001", "1", 1)
    yield ServiceStarted("A001", "1")
    yield RatingAsked("1", "A001")
    yield Rated("1", 5, "A001")
    yield TicketFinished("A001", "1")
    yield _called("B001", "2")  # before its slot: rows that do not say so mean that it counts from now
    yield TicketMissed("B001", "2")
    yield TicketReturned("B001", 1_557_111_111, "panel/manager")
    yield _called("A002", "1", passed=("A003",))
    yield TicketHeld("A002", "1")
    yield _called("A004", "2", passed=["A003", "A005"])
    yield TicketTransferred("A004", "personal", "2")
    yield TicketReassigned("A005", "panel/manager")
    yield TicketPromoted("A006", "green", "elderly", "panel/manager")
    yield TicketRestored("A006", "cash", "normal", "", "panel/manager")
    yield TicketCancelled("A007", "panel/manager", "left")
    yield CounterPaused("1", "3")
    yield CounterOpened("1")
    yield CounterClosed("2")
    yield WindowsChecked({"hall": [600, 900, 1, 0]}, [_advice("open", "3")])
    yield WindowAdviceAnswered("3", "open", True, "panel/manager")
    yield WindowsChecked({"hall": [60, 90, 0, 3]})
    yield DeviceChanged("printer", "degraded", "paper_low")
    yield DeviceChanged("printer", "offline", "offline")
    yield DeviceChanged("printer", "ok", "")
    yield ControllerStarted("boot-1", 1_557_100_000_000, "2019-05-05")
    yield ClockStepped(-240_000, "2019-05-06")
    yield DayClosed("2019-05-06", 9)


def _advice(action: str, counter: str) -> dict[str, Any]:
    return {"action": action, "counter": counter, "group": "hall", "before": 900, "after": 420}


def _full() -> Iterator[Event]:
    told = {"least": {"cash|normal": {"count": 3, "sum": 12}}}  # of another shape than any that was: read as none
    yield DayOpened("2019-05-07", "pension", told, "boot-1", 1_557_100_000_000, None, "panel/manager", None)
    yield CounterOpened("1")
    yield CounterOpened("west")
    yield CounterOpened("3")
    yield _issued("A001", 1, expected=(60, 120, 300), rolled=130, reason="elderly", klass="green", by="panel/manager")
    yield _issued("A002", 2, expected=[61, 119, 302], rolled=0, choice="small", insisted=True, form=True)
    yield _issued("A003", 3, needs=["wheelchair", "sign"], form=False, insisted=False, paper=False)
    yield _issued("A004", 4, slot=1_557_191_400, not_before=1_557_190_800, klass="appointment", seniority=1_557_191_400)
    yield _issued("A005", 5, slot=1_557_180_000, klass="appointment", choice="large", needs=())
    for number in range(6, 20):
        yield _issued(f"A{number:03}", number, expected=(0, 0, 0) if number % 2 else None)
    yield SelfServiceAdvised("small", "cash", "kiosk/hall")
    yield _issued("A020", 20, choice="small", insisted=True, by="kiosk/hall")
    yield PrintUnknown("A002")
    yield PrintUnknown("A004")
    yield TicketReprinted("A002", 3, "user/manager-1", "torn")
    yield _called("A004", "1", seniority=1_557_190_000, by="user/manager-1", reason="idle", forced=True)
    yield _called("A001", "west", effect=(2, 90, 60), passed=("A002", "A003"))
    yield ServiceStarted("A001", "west")
    yield TicketRecalled("A001", "west", 1)
    yield ServiceStarted("A001", "west")
    yield TicketFinished("A001", "west", True)
    yield TicketFinished("A004", "1", False)
    yield TicketReturned("A004", 1_557_190_000, "counter/1", "not there", True)
    yield _called("A002", "3", effect=[1, 30, 30])
    yield TicketMissed("A002", "3")
    yield TicketReturned("A002", 1_557_192_000, "user/manager-1", "remark", False)
    yield _called("A003", "3")
    yield TicketTransferred("A003", "personal", "3", "west")
    yield TicketReassigned("A006", "user/manager-1", "personal", "1", None, "remark")
    yield TicketReassigned("A007", "overflow", any=True)
    yield TicketReassigned("A008", "panel/manager", counter="west")
    yield TicketReassigned("A008", "overflow", any=True)
    yield TicketReassigned("A009", "panel/manager", any=False, reason="queue")
    yield TicketPromoted("A005", "urgent", "ill", "panel/manager", 1_557_179_000)
    yield TicketRestored(
        "A005", "cash", "appointment", "", "panel/manager", 1_557_180_000, 1_557_179_400, "mistake", 1_557_180_000
    )
    yield TicketPromoted("A010", "green", "pregnant", "panel/manager")
    yield TicketReassigned("A010", "counter/3", any=True)
    yield TicketRestored("A010", "cash", "normal", "*", "panel/manager")
    yield _called("A011", "3")
    yield TicketHeld("A011", "3")
    yield TicketCancelled("A011", "user/manager-1", "left", "3")
    yield TicketCancelled("A005", "user/manager-1", "left")
    yield _called("A012", "3")
    yield CounterClosed("3", ("A012",))
    yield TicketReassigned("A012", "counter/3", any=True)
    yield CounterClosed("9", [])
    yield WindowsChecked(
        {"hall": [600, 900, 2, 0], "corporate": [0, 0, 0, 1]},
        (_advice("open", "4"), _advice("close", "1"), _advice("open", "5")),
        (("3", "west"), (), ["4"]),
    )
    yield WindowAdviceAnswered("1", "close", False, "user/manager-1", 300, 400)
    yield WindowAdviceAnswered("4", "open", True, "panel/manager", 900, 420)
    yield CounterOpened("4")
    yield CounterPaused("west", "")
    yield ControllerStarted("boot-2", 1_557_190_000_000, "2019-05-07")
    yield _issued("A021", 21)
    yield ClockStepped(-86_400_000, "2019-05-06")
    figures = {"profile": "pension", "customers": 21, "classes": {"normal": {"customers": 20, "mean": 4.5}}}
    yield DayClosed("2019-05-07", 14, figures, True)


def _continued() -> Iterator[Event]:
    yield DayOpened(
        "2019-05-06",
        "normal",
        None,
        "boot-2",
        1_557_103_600_000,
        "2019-05-07",
        "user/manager-1",
        ["A013", "A014", "A021"],
    )
    yield _issued("A022", 22)
    yield _called("A013", "1")
    yield ClockStepped(86_400_000, "2019-05-07")
    yield ClockStepped(-86_000_000, "2019-05-06")
    yield TicketFinished("A013", "1")
    yield DayClosed("2019-05-06", 3, None, False)


PARTS = (
    ("hand", by_hand),
    ("presses", lambda: presses(1, "2020-02-03 09:00", 420)),
    ("presses", lambda: presses(2, "2020-06-01 10:00", 420)),
    ("presses", lambda: presses(3, "2020-10-20 16:00", 420)),
    ("presses", lambda: presses(4, "2021-03-26 22:00", 420)),
    ("presses", lambda: presses(11, "2021-10-29 11:00", 420)),
    ("presses", lambda: presses(21, "2022-02-27 09:00", 420)),
    ("presses", lambda: presses(22, "2022-07-14 12:00", 420)),
    ("presses", lambda: presses(23, "2023-09-30 09:00", 420)),
    ("days", lambda: whole_days(5, 12)),
)


def states(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each business day of a journal, with its state at the end, and digests of the states on the way."""
    for day in house.days_of(path):
        pictures = [house.plain(state) for state in house.states_of(path, day, EVERY)]
        yield day, {"every": [digest(picture) for picture in pictures], "picture": pictures[-1]}


def digest(picture: Any) -> str:
    """What tells one picture of a state from another."""
    text = json.dumps(picture, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def main(name: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "lobby.db"
        journal = Journal(path, "history", lambda: "0123456789abcdef")
        seq = 0
        for n, (part, make) in enumerate(PARTS):
            rows = []
            for at, day, event in make():
                seq += 1
                press = "ff6803036803010c1016" if seq % 7 == 0 else None
                rows.append(Row(seq, at, day, event, f"{part}-{n}:{seq}", 0, press))
            journal.append(rows).result()
        journal.close()
        extreme = 9 | lzma.PRESET_EXTREME
        (HERE / f"{name}.db.xz").write_bytes(lzma.compress(path.read_bytes(), preset=extreme))
        pictures = json.dumps(dict(states(path)), sort_keys=True, ensure_ascii=False, indent=0)
        (HERE / f"{name}.json.xz").write_bytes(lzma.compress(pictures.encode(), preset=extreme))


if __name__ == "__main__":
    main(*sys.argv[1:])
