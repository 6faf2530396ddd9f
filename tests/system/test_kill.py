"""kill -9 of the real daemon, again and again, while customers and clerks go on pressing.

Whatever the moment: what was answered is in the journal, one press acts once, and no customer is called twice.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sweeps import long

from controller.config import read
from controller.engine import Engine
from controller.journal import Journal
from controller.lobby.show import views
from drivers.terminal68 import OUTAGE, Key
from system.branch import HOUSE, MQTT, PRINTER, Branch, Row
from system.broker import Mosquitto
from system.network import Network
from system.waiting import until

SEED = 20240229
KILLS = 50
SEEN = {"service_resumed", "call_undone", "counter_profile_set", "clerk_signed_in"}
"""What happens in every run."""
FEW_KILLS = 6
"""In every `make test`."""
KILLS_WITH_A_PRINTER = 5
ANSWERS = 60
TICKETS = 1
"""The daemon is killed after at most so many answers, or printed tickets, since its start .."""
LATER, LATER_WHILE_PRINTING = 15, 400
""".. and at most so many ms later."""
BUTTONS = ("left", "middle", "right")
PADS = ("1", "2")
TERMINALS = range(4, 12)
"""Bus addresses, and the counters they stand at."""
REPEAT_MS = 2500
"""Longer than a terminal tries and the daemon is away: whatever a terminal sends again is the same press."""
AGAIN = 0.3
"""Seconds without an answer after which a network device sends its press again."""

KEYS = (
    *[("CALL", "")] * 4,
    *[("NOSHOW", ""), ("HOLD", ""), ("UNHOLD", ""), ("START", ""), ("FINISH", "")],
    *[("UNDO", "")] * 3,
    *[("PROFILE", "1"), ("PROFILE", ""), ("SIGNIN", "4711"), ("SIGNIN", "4712"), ("SIGNIN", "")],
)
"""Keys of a network keypad, and what is typed before each."""
STAFF = """
[[counter_profile]]
id = "all"
name = "All"
key = 1
serves = {{ cash = 0 }}

[[clerk]]
number = "4711"
alias = "C07"

[[clerk]]
number = "4712"
alias = "C08"
"""
COUNTERS = "".join(f'\n[[counter]]\nid = "{n}"\nserves = {{{{ cash = 0 }}}}\n' for n in TERMINALS)
PADS_AND_BUS = (
    "".join(f'\n[[device]]\nid = "pad-{n}"\ndriver = "mqtt-keypad"\ncounter = "{n}"\n' for n in PADS)
    + f"""
[[device]]
id = "terminals"
driver = "terminal68"
link = "serial:{{directory}}/dev/terminals?baud=115200"
addresses = {{{{ {", ".join(f'{n} = "{n}"' for n in TERMINALS)} }}}}
repeat_ms = {REPEAT_MS}
"""
)


@dataclass(frozen=True)
class Press:
    """A press at a terminal; times in ms since 1970, UTC. `echoed`, or given up, at `ended`."""

    address: int
    began: int
    ended: int
    echoed: bool


@dataclass
class Hands:
    """Everybody who presses, until `leaving`, and what they were answered."""

    branch: Branch
    network: Network
    random: Random
    kiosk: str
    leaving: bool = False
    answered: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The first answer to each press on the network, by the cause it has in the journal."""
    differing: list[tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=list)
    """Answers to one press that were not the same."""
    presses: list[Press] = field(default_factory=list)

    @asynccontextmanager
    async def busy(self, work: Iterable[Coroutine[Any, Any, None]]) -> Any:
        """All of them at work, inside; then they end their presses and go."""
        async with asyncio.TaskGroup() as group:
            for each in work:
                group.create_task(each)
            try:
                yield
            finally:
                self.leaving = True

    async def customers(self, name: str, pause: int = 0) -> None:
        """A ticket button, pressed again at most `pause` ms after each answer."""
        seq = 0
        while not self.leaving:
            await self._press(f"kiosk/{self.kiosk}", name, seq, "TAKE")
            seq += 1
            again = _now() + self.random.randint(0, pause)
            await until(lambda at=again: self.leaving or _now() >= at)

    async def clerk(self, counter: str) -> None:
        """A clerk with a network keypad."""
        seq = 0
        while not self.leaving:
            key, digits = self.random.choice(KEYS)
            await self._press(f"keypad/{counter}", "pad", seq, key, digits)
            seq += 1

    async def clerk_at_terminal(self, address: int) -> None:
        """A clerk with a terminal, who calls the next as soon as that counts as another press."""
        bus = self.branch.bus
        while not self.leaving:
            echoes, began = bus.terminals[address].echoes, _now()
            self.branch.press(address, Key.CALL)
            await until(lambda: not bus.waits_for_echo(address))
            self.presses.append(Press(address, began, _now(), bus.terminals[address].echoes > echoes))
            again = _now() + REPEAT_MS + self.random.randrange(100, 400)
            await until(lambda at=again: self.leaving or _now() > at)

    async def _press(self, device: str, boot: str, seq: int, key: str, digits: str = "") -> None:
        """Press until answered; sometimes the press is delivered once more after that."""
        press = {"key": key, "boot": boot, "seq": seq} | ({"digits": digits} if digits else {})
        while True:
            answer = await self._send(device, press)
            if answer and answer["result"] != "error":
                break
            if self.leaving:
                return
        self.answered[f"mqtt:{device}:{boot}:{seq}"] = answer
        if answer["result"] == "ok" and self.random.random() < 0.1:
            again = await self._send(device, press)
            if again and again != answer:
                self.differing.append((answer, again))

    async def _send(self, device: str, press: dict[str, Any]) -> dict[str, Any] | None:
        try:
            return await self.network.send(device, press, AGAIN)
        except AssertionError:
            return None


def _now() -> int:
    return time.time_ns() // 1_000_000


async def kill_again_and_again(hands: Hands, kills: int, done: Callable[[], int], most: int, later: int) -> None:
    """The daemon dies `kills` times, each after at most `most` more are done and at most `later` ms.

    What was answered by then must be in the journal.
    """
    branch, random = hands.branch, hands.random
    for _ in range(kills):
        wanted = done() + random.randint(1, most)
        await until(lambda n=wanted: done() >= n)
        at = time.monotonic() + random.uniform(0, later) / 1000
        await until(lambda t=at: time.monotonic() > t)
        sure = {cause for cause, answer in hands.answered.items() if answer["result"] == "ok"}
        await branch.kill()
        written = {row.cause for row in branch.rows()}
        assert sure <= written, sorted(sure - written)
        await branch.start()


def each_cause_acted_once(rows: Sequence[Row]) -> None:
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        kinds[row.cause][row.kind] += 1
    for cause, counts in kinds.items():
        # A clerk who signs in leaves another counter, and whoever was here has left.
        out = counts.pop("clerk_signed_out", 0)
        assert out <= 1 + counts["clerk_signed_in"], (cause, counts)
        assert max(counts.values(), default=1) == 1, (cause, counts)


def every_answer_is_true(rows: Sequence[Row], hands: Hands) -> None:
    assert hands.differing == []
    tickets: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        tickets[row.cause].add(row.data.get("ticket", ""))
    for cause, answer in hands.answered.items():
        if answer["result"] == "ok":
            assert cause in tickets, (cause, answer)
            assert answer["ticket"] in tickets[cause] or not answer["ticket"], (cause, answer)


def nobody_is_called_twice(rows: Sequence[Row]) -> None:
    """Follow every ticket: it is issued once, and in the hands of one counter at a time."""
    place: dict[str, str] = {}
    before: dict[str, str] = {}
    in_hand: dict[str, str] = {}
    for row in rows:
        ticket, counter = row.data.get("ticket", ""), str(row.data.get("counter", ""))
        match row.kind:
            case "ticket_issued":
                assert ticket not in place, row
                place[ticket] = "waiting"
            case "ticket_called":
                assert place[ticket] in ("waiting", f"held {counter}"), (row, place[ticket])
                assert counter not in in_hand, (row, in_hand[counter])
                before[ticket] = place[ticket]
                place[ticket], in_hand[counter] = counter, ticket
            case "call_undone":
                assert in_hand.pop(counter) == ticket, row
                place[ticket] = before[ticket]
            case "ticket_returned":
                assert place[ticket] in ("ticket_missed", "ticket_finished"), row
                place[ticket] = "waiting"
            case "service_resumed":
                assert counter not in in_hand, (row, in_hand[counter])
                assert place[ticket] in ("ticket_missed", "ticket_finished", f"held {counter}"), row
                place[ticket], in_hand[counter] = counter, ticket
            case "ticket_finished" | "ticket_missed" | "ticket_held":
                assert in_hand.pop(counter) == ticket, row
                place[ticket] = f"held {counter}" if row.kind == "ticket_held" else row.kind


def each_press_at_a_terminal_acted_once(rows: Sequence[Row], presses: Sequence[Press], kills: int) -> None:
    acted = [
        row.cause.split(":") for row in rows if row.cause.startswith("terminal68:") and row.kind == "ticket_called"
    ]
    times = [(int(address), int(at)) for _, _, address, at in acted]
    copies = 0
    for press in presses:
        here = [at for address, at in times if address == press.address and press.began <= at <= press.ended]
        if press.echoed and not here:
            # The same key as soon as the daemon is back: a copy of the last press before it died, for all it can know.
            copies += 1
            assert any(
                press.began - OUTAGE * 1000 < at < press.began for address, at in times if address == press.address
            )
        else:
            assert len(here) == 1 if press.echoed else len(here) <= 1, (press, here)
    # In a long run one a kill on average at most; in a short one, no more than each terminal's last press.
    assert copies <= (kills if kills > FEW_KILLS else kills * len(TERMINALS))
    assert len(times) <= len(presses)


def the_replayed_journal_shows(config: Path, board: Any) -> None:
    """A new engine on the same file comes to the state that was shown last."""
    settings = read(config)
    journal = Journal(settings.journal_path)
    try:
        engine = Engine(settings.rules, journal)
        engine.replay()
        assert views.board(engine.state, settings.rules, _now(), [], board["wait"]) == board
    finally:
        journal.close()


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kills", [FEW_KILLS, long(KILLS)])
async def test_killed_under_load(tmp_path: Path, broker: Mosquitto, kills: int) -> None:
    """Two branches at once, a processor each, with half of the kills each."""
    async with asyncio.TaskGroup() as both:
        for seed in (SEED, SEED + 1):
            (directory := tmp_path / str(seed)).mkdir()
            both.create_task(under_load(directory, broker, seed, kills // 2))


async def under_load(directory: Path, broker: Mosquitto, seed: int, kills: int) -> None:
    parts = (HOUSE, COUNTERS, STAFF, MQTT, PADS_AND_BUS)
    async with Branch(directory, broker.port, parts) as branch, Network(broker.port, branch.root) as network:
        hands = Hands(branch, network, Random(seed), "screen")
        work = [
            *(hands.customers(name) for name in BUTTONS),
            *(hands.clerk(counter) for counter in PADS),
            *(hands.clerk_at_terminal(address) for address in TERMINALS),
        ]
        await asyncio.gather(*(network.press("kiosk/screen", "TAKE") for _ in range(30)))
        async with hands.busy(work):
            await kill_again_and_again(hands, kills, lambda: len(hands.answered), ANSWERS, LATER)
            await until(lambda: {row.kind for row in branch.rows(*SEEN)} == SEEN, LATER)
        last = branch.rows()[-1].seq
        await until(lambda: any(m.topic == "event" and m.content["seq"] == last for m in network.heard[-5000:]))
        await until(lambda: network.levels["status"] == "online")
        await branch.stop()
        await until(lambda: network.levels["status"] == "offline")
        rows = branch.rows()
        echoed = sum(press.echoed for press in hands.presses)
        print(f"seed {seed}: {len(rows)} rows, {len(hands.answered)} answers, {echoed}/{len(hands.presses)} echoes")
        each_cause_acted_once(rows)
        every_answer_is_true(rows, hands)
        nobody_is_called_twice(rows)
        assert not re.search(r"(?<!\d)4711(?!\d)", str(rows))
        each_press_at_a_terminal_acted_once(rows, hands.presses, kills)
        the_replayed_journal_shows(branch.config, network.levels["board"])


@pytest.mark.long
async def test_killed_while_printing(tmp_path: Path, broker: Mosquitto) -> None:
    """No ticket comes out twice, and of each the journal says whether it came out, or that nobody knows."""
    print(f"seed {SEED}")
    async with (
        Branch(tmp_path, broker.port, (HOUSE, MQTT, PRINTER)) as branch,
        Network(broker.port, branch.root) as network,
    ):
        hands = Hands(branch, network, Random(SEED), "kiosk")
        papers = branch.printer.tickets
        async with hands.busy([hands.customers("button", pause=800)]):
            await kill_again_and_again(hands, KILLS_WITH_A_PRINTER, lambda: len(papers), TICKETS, LATER_WHILE_PRINTING)
        await network.device("printer")
        tickets = branch.tickets("ticket_issued")
        assert len(tickets) >= KILLS_WITH_A_PRINTER
        await until(lambda: len(branch.rows("ticket_printed", "print_unknown")) >= len(tickets), 30)
        rows = branch.rows()
        each_cause_acted_once(rows)
        every_answer_is_true(rows, hands)
        printed, unknown = branch.tickets("ticket_printed"), branch.tickets("print_unknown")
        assert sorted(printed + unknown) == sorted(tickets)
        words = "\n".join(branch.papers())
        assert [ticket for ticket in printed if words.count(ticket) != 1] == []
        assert [ticket for ticket in unknown if words.count(ticket) > 1] == []
        assert "REPRINT" not in words
        print(f"{len(tickets)} tickets, {len(unknown)} of them unknown")
