"""What people press on a day: with sense or without, in time or twice; and what nobody should publish."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Coroutine
from random import Random
from typing import TYPE_CHECKING, Any

from traffic import house

if TYPE_CHECKING:
    from traffic.record import Day

BRANCH = "lobby/traffic/"
SHOWN = 200
"""Characters of a press that are shown."""
TYPED = (
    ("RECALL", ""), ("EVALUATE", ""), ("PAUSE", ""), ("PAUSE", "3"), ("PAUSE", "9"), ("CALL", "01"), ("TRANSFER", "2"),
    ("TRANSFER", "04"), ("TRANSFER", "9"), ("CANCEL", ""), ("CONFIRM", "6"), ("CONFIRM", "6"), ("CONFIRM", "0"),
    ("CONFIRM", "3"), ("CONFIRM", "5"), ("LINE", ""),
)  # fmt: skip
"""At a terminal, beside CALL."""


class Pace:
    """When somebody does one thing after the other: planned beforehand, however long answers take."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._next = asyncio.get_running_loop().time()

    async def gap(self, mean: float) -> None:
        """Until the next thing, after `mean` seconds on the average."""
        await self.after(self._chance.expovariate(1 / mean) + 0.004)

    async def after(self, seconds: float) -> None:
        """Until so many seconds after the last thing."""
        self._next += seconds
        await asyncio.sleep(max(0.0, self._next - asyncio.get_running_loop().time()))


def take(day: Day, chance: Random) -> dict[str, Any]:
    """What a customer presses, of a ticket button."""
    content: dict[str, Any] = {
        "key": "TAKE",
        "service": chance.choice(("cash", "cash", "personal", "corporate", "")),
    }
    kind = chance.random()
    if kind < 0.12:
        content["class"] = chance.choice(("vip", "green", "urgent", "normal", "nobody", "appointment"))
    elif kind < 0.24:
        content |= {
            "service": "",
            "choice": chance.choice(("small", "small", "large", "accounts", "wealth", "what")),
        }
        content["insist"] = chance.random() < 0.4
    elif kind < 0.34:
        content["form"] = True
        content["needs"] = chance.sample(("wheelchair", "sign", "english", "escort", "bad"), 2)
    elif kind < 0.42:
        content |= {
            "class": "appointment",
            "slot": chance.choice(("09:30", "10:00", "14:00", "23:30", "07:00", "x")),
        }
    elif kind < 0.46:
        content["service"] = "nothing"
    elif kind < 0.52:
        content["at"] = day.wall() + chance.choice((0, 3_000, -4_000, 700_000, -400_000))
    elif kind < 0.54:
        content["key"] = "GIVE"
    return content


def button(day: Day, chance: Random) -> dict[str, Any]:
    """What the lobby manager presses."""
    content: dict[str, Any] = {"key": chance.choice((*house.COMMANDS_OF_THE_PANEL, "GREEN", "URGENT", "RETURN"))}
    if content["key"] == "GREEN" and chance.random() < 0.5:
        content["service"] = chance.choice(("", "personal", "corporate", "nothing"))
    elif chance.random() < 0.85:
        content["ticket"] = day.seen.some(chance)
    if content["key"] in ("REASSIGN", "CALL", "ACCEPT", "DECLINE") and chance.random() < 0.8:
        content["counter"] = chance.choice(("1", "2", "3", "4", "5", "9", ""))
    if content["key"] == "REASSIGN" and chance.random() < 0.4:
        content |= {"counter": "", "service": chance.choice(("cash", "personal", "corporate"))}
    if chance.random() < 0.7:
        content["reason"] = chance.choice(("elderly", "ill", "pregnant", "left", "老人不便久站", "has a train: 11:40"))
    return content


class People:
    """Those with keys, buttons and cards."""

    def __init__(self, day: Day, part: int) -> None:
        self._day, self._part = day, part
        self._numbers: dict[str, int] = defaultdict(int)

    def works(self) -> list[Coroutine[Any, Any, None]]:
        """What each does, until cancelled."""
        return [
            self._customers(self._chance("customers")),
            self._second_kiosk(self._chance("second")),
            *(self._terminal(address, self._chance(f"terminal {address}")) for address in (1, 2, 3)),
            self._raters(self._chance("raters")),
            *(self._keypad(counter, self._chance(f"keypad {counter}")) for counter in ("4", "5")),
            self._panel(self._chance("panel")),
            self._strange(self._chance("strange")),
            self._cards(self._chance("cards")),
        ]

    def _chance(self, who: str) -> Random:
        return Random(f"{self._day.seed}:{self._part}:{who}")

    def _press(self, device: str, chance: Random, *, retain: bool = False, **content: Any) -> bytes:
        """Press something on MQTT, as its `boot`'s next; the payload, to be sent again."""
        self._numbers[device] += 1
        payload = json.dumps(
            {**content, "boot": f"{device}-{self._day.seed}-{self._part}", "seq": self._numbers[device]},
            ensure_ascii=False,
        ).encode()
        self._publish(f"{device}/press", payload, retain=retain)
        return payload

    def _publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        shown = payload[:SHOWN].decode("utf-8", "replace")
        self._day.record.say("pressed", f"{topic} {'retained ' if retain else ''}{shown}")
        self._day.broker.publish(BRANCH + topic, payload, retain=retain)

    async def _customers(self, chance: Random) -> None:
        pace = Pace(chance)
        while True:
            await pace.gap(1.6)
            payload = self._press("kiosk/kiosk", chance, **take(self._day, chance))
            if chance.random() < 0.12:  # a delivery twice
                await pace.after(chance.choice((0.001, 0.3)))
                self._publish("kiosk/kiosk/press", payload)
            elif chance.random() < 0.12:  # an impatient finger: another press of the same
                content = json.loads(payload)
                del content["boot"], content["seq"]
                await asyncio.sleep(0.02)
                self._press("kiosk/kiosk", chance, **content)

    async def _second_kiosk(self, chance: Random) -> None:
        pace = Pace(chance)
        while True:
            await pace.gap(12)
            token = chance.choice(("", "00" * 32, self._day.token("6222020200112233445"), "zz"))
            self._press("kiosk/hall-kiosk", chance, **take(self._day, chance), **({"token": token} if token else {}))

    async def _terminal(self, address: int, chance: Random) -> None:
        pace = Pace(chance)
        bus, keys = self._day.cables["terminals"].far_end, house.KEYS_OF_A_TERMINAL
        while True:
            await pace.gap(5.5)
            key, digits = "CALL", ""
            if chance.random() > 0.62:
                key, digits = chance.choice(TYPED)
            if key == "CALL" and digits:
                digits = f"{chance.randrange(1, 40):02}"
            self._day.record.say("pressed", f"terminal {address} {key} {digits}")
            house.press_terminal(bus, address, keys[key], digits)
            self._day.cables["terminals"].poke()

    async def _raters(self, chance: Random) -> None:
        pace = Pace(chance)
        bus = self._day.cables["terminals"].far_end
        while True:
            await pace.gap(14)
            address, score = chance.choice((11, 12, 13, 14)), chance.randint(1, 5)
            self._day.record.say("pressed", f"rater {address} {score}")
            bus.rate(address, score)
            self._day.cables["terminals"].poke()

    async def _keypad(self, counter: str, chance: Random) -> None:
        pace = Pace(chance)
        while True:
            await pace.gap(3.6)
            key, digits = "CALL", ""
            if chance.random() > 0.5:
                key = chance.choice((*house.COMMANDS_OF_A_COUNTER, "START", "FINISH", "NOSHOW", "UNDO", "NOTHING"))
                digits = chance.choice(("", "", "1", "04", "007", "12"))
            payload = self._press(f"keypad/{counter}", chance, key=key, digits=digits)
            if chance.random() < 0.08:
                await pace.after(chance.choice((0.001, 0.2, 3.0)))
                self._publish(f"keypad/{counter}/press", payload)

    async def _panel(self, chance: Random) -> None:
        pace = Pace(chance)
        while True:
            await pace.gap(3.5)
            content = button(self._day, chance)
            payload = self._press("panel/manager", chance, **content)
            if content["key"] in ("REASSIGN", "URGENT", "GREEN") and content.get("ticket") and chance.random() < 0.4:
                await pace.after(chance.uniform(0.3, 2))
                payload = self._press("panel/manager", chance, key="UNDO", ticket=content["ticket"])
            if chance.random() < 0.1:
                await pace.after(chance.choice((0.001, 0.4)))
                self._publish("panel/manager/press", payload)

    async def _strange(self, chance: Random) -> None:
        pace = Pace(chance)
        wrong: tuple[tuple[str, bytes, bool], ...] = (
            ("keypad/4/press", b"{", False),
            ("keypad/4/press", b"[1, 2]", False),
            ("keypad/4/press", b'{"key": "CALL"}', False),
            ("keypad/4/press", b'{"key": "CALL", "boot": "b", "seq": "1"}', False),
            ("keypad/4/press", b'{"key": "CALL", "boot": "b", "seq": 1, "digits": "12x"}', False),
            ("keypad/4/press", b'{"key": "CALL", "boot": "\\ud800", "seq": -1}', False),
            ("keypad/4/press", b'{"key": "' + b"C" * 2100 + b'", "boot": "b", "seq": 1}', False),
            ("keypad/1/press", b'{"key": "CALL", "boot": "b", "seq": 2}', False),
            ("keypad/77/press", b'{"key": "CALL", "boot": "b", "seq": 3}', False),
            ("keypad/5/press", b'{"key": "CALL", "boot": "kept", "seq": 4}', True),
            ("keypad/5/press", b"", True),
            ("panel/nobody/press", b'{"key": "GREEN", "boot": "b", "seq": 5}', False),
            ("panel/manager/press", b'{"key": "GREEN", "boot": "b", "seq": 6, "reason": "' + b"x" * 201 + b'"}', False),
            ("kiosk/nowhere/press", b'{"key": "TAKE", "boot": "b", "seq": 7}', False),
            ("kiosk/kiosk/press", b'{"key": "TAKE", "boot": "b", "seq": 8, "needs": "all"}', False),
            ("kiosk/kiosk/press", b'{"key": "TAKE", "boot": "b", "seq": 9, "insist": 1}', False),
            ("kiosk/kiosk/press", b'{"key": "TAKE", "boot": "b", "seq": 10, "unknown": true}', False),
            ("board", b'{"calls": []}', True),
            ("device/hall", b"{}", False),
            ("keypad/4/screen", b"", True),
            ("status", b"offline", True),
            ("event", b'{"seq": 1}', False),
            ("something/else", b"?", False),
            ("day", b"null", True),
        )
        while True:
            await pace.gap(9)
            topic, payload, retain = chance.choice(wrong)
            self._publish(topic, payload, retain=retain)

    async def _cards(self, chance: Random) -> None:
        pace = Pace(chance)
        reader = self._day.cables["reader"].far_end
        while True:
            await pace.gap(16)
            if chance.random() < 0.2:
                self._day.record.say("pressed", "a card that cannot be read")
                reader.noise(b";62220\r%E?\n")
            else:
                number = chance.choice(("6222020200112233445", "4000000000000002", "5105105105105100"))
                self._day.record.say("pressed", f"card {number}")
                reader.swipe(number)
            self._day.cables["reader"].poke()
            await pace.after(chance.choice((0.9, 2.5)))
            self._press("kiosk/kiosk", chance, key="TAKE", service=chance.choice(("cash", "personal")))
