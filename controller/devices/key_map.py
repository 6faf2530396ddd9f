"""Keys for devices that have none of the lobby's own: which key each of a device's actions presses.

In a device's table:

    counter = "3"
    keys = { single = "CALL", double = "RECALL", hold = "NOSHOW" }

On the left stands the device's own word for what was done with it; on the right a key by its name, and after it what
is typed or chosen with it: `TAKE service=corp`. The keys are those of the device's counter, or of `at`: a ticket button
("kiosk") or the lobby manager's panel ("panel"). A device that several places share says so at the key: `CALL @3`,
`TAKE @kiosk service=corp`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from controller import presses
from controller.devices.cards import Cards
from controller.devices.kit import Adapter, Context, Fault, File, PressTimes, Table, names_printer
from controller.devices.settings import CounterId, DeviceSettings, PrinterId, between, nearest, takes
from controller.engine import Request
from controller.lobby.actions.press import COUNTER, DIGITS, SERVICE, Press, Where
from controller.lobby.answers import Answer

KeyMap = Annotated[
    dict[
        Annotated[
            str, takes("what is done with the device, 1 to 40 characters in quotes", min_length=1, max_length=40)
        ],
        Annotated[str, takes('a key, such as "CALL", in quotes', min_length=1, max_length=80)],
    ],
    takes('a table of keys, such as { single = "CALL", hold = "NOSHOW" }'),
]
"""A device's action -> the key that it presses, with what is typed."""


class KeyMapSettings(DeviceSettings):
    """A device with a key map. `hold_off`: seconds in which a ticket button gives the same ticket again; `printer`:
    where its tickets come out."""

    keys: KeyMap
    hold_off: Annotated[float, between(0, 60, "seconds")] = 2
    printer: PrinterId | None = None


class KeysSettings(KeyMapSettings):
    """What the table of a device with a key map has, if all of it is in one place. `at`: where its keys are, if not at
    a counter."""

    counter: CounterId | None = None
    at: Annotated[Literal["kiosk", "panel"] | None, takes('"kiosk" or "panel"')] = None


@dataclass(frozen=True, slots=True)
class _Key:
    """A key as the map has it. `at`: a counter, "kiosk" or "panel"; empty: where the device is."""

    name: str
    at: str
    typed: Mapping[str, str]

    @property
    def where(self) -> Where:
        return Where(self.at) if self.at in (Where.KIOSK, Where.PANEL) else Where.COUNTER


def _parsed(text: str, counter: object, at: object) -> _Key:
    """ValueError if the text has no such form; the other two say where the device is."""
    name, *words = text.split()
    place, typed = str(counter or at or ""), {}
    for word in words:
        field, sign, value = word.partition("=")
        if word.startswith("@") and len(word) > 1:
            place = word[1:]
        elif sign and field and value:
            typed[field] = value
        else:
            raise ValueError(f'"{word}" is neither @place nor field=value; write it as in "TAKE @kiosk service=corp"')
    return _Key(name, place, typed)


def check(
    table: Table,
    file: File,
    is_action: Callable[[str], bool] = lambda action: True,
    known: str = "",
    counters: Sequence[str] = (),
) -> Iterator[Fault]:
    """What is wrong with a device's keys, and with where they are. `is_action`: whether the device has such an action;
    `known`: those that it has, in words; `counters`: those at which it has all its keys, if it is at several."""
    if table.get("counter") is not None and table.get("at") is not None:
        yield ("at",), "it has a counter, and so that counter's keys; remove one of the two"
        return
    yield from names_printer(table, file)
    keys = table.get("keys")
    if not isinstance(keys, dict):
        return
    if not keys:
        yield ("keys",), 'it has no keys; add some, such as { single = "CALL" }'
    for action, text in keys.items():
        if not is_action(action):
            yield ("keys", action), f'there is no "{action}"; {known}'
        if isinstance(text, str) and text.strip():
            yield from ((("keys", action), said) for said in _faults(text, table, file, counters))


def _faults(text: str, table: Table, file: File, counters: Sequence[str]) -> Iterator[str]:
    own = [table.get("counter"), *counters]
    try:
        key = _parsed(text, next(filter(None, own), None), table.get("at"))
    except ValueError as error:
        yield str(error)
        return
    if not key.at:
        yield 'nobody knows whose key this is; give the device a counter or at = "kiosk", or the key an @place'
        return
    if key.where is Where.COUNTER and file.counters is not None and key.at not in file.counters:
        if key.at not in own:  # those are told of by themselves
            yield f'there is no counter "{key.at}"; {nearest(key.at, file.counters)}'
        return
    here = presses.keys(key.where)
    if key.name not in here:
        yield f'there is no key "{key.name}" at the {key.where}; {nearest(key.name, here)}'
        return
    fields = {field.alias or field.name for field in here[key.name].fields if isinstance(field.default, str)}
    for field, value in key.typed.items():
        if field not in fields:
            yield f'"{key.name}" takes no "{field}"; it takes {", ".join(sorted(fields)) or "nothing"}'
        for one, ids in ((SERVICE, file.services), (COUNTER, file.counters)):
            if field == one.name and ids is not None and value not in ids:
                yield f'there is no {one.name} "{value}"; {nearest(value, ids)}'


class Keys:
    """Presses the keys of a key map for the device `id`, or for a `unit` of it that has a map of its own; the others
    say where the keys are, and how they take tickets: see `KeysSettings`."""

    def __init__(
        self,
        id: str,
        driver: str,
        keys: Mapping[str, str],
        context: Context,
        *,
        counter: str | None,
        at: str | None,
        hold_off: float,
        printer: str | None,
        unit: str = "",
    ) -> None:
        self._id = id
        self._who = f"{id}.{unit}" if unit else id
        self._cause = f"{driver}:{id}:{unit}:" if unit else f"{driver}:{id}:"
        self._context = context
        self._hold_off = hold_off
        self._printer = printer or ""
        self._keys = {action: _parsed(text, counter, at) for action, text in keys.items()}
        self._times = PressTimes()

    def has(self, action: str) -> bool:
        """Whether the action has a key."""
        return action in self._keys

    def press(
        self,
        action: str,
        *,
        digits: str = "",
        mark: str = "",
        counter: str = "",
        answered: Callable[[Answer], None] = lambda answer: None,
    ) -> bool:
        """Press the key of an action; whether it has one. `digits`: those that were typed before it; `mark`: what
        tells this press from all others, and is the same if the device says it twice; by default the present time;
        `counter`: where it was pressed, on a device that is at several."""
        key = self._keys.get(action)
        if key is None:
            return False
        at = self._times.next(self._context.now())
        by_name = {field.alias or field.name: field.name for field in presses.keys(key.where)[key.name].fields}
        typed = {by_name[field]: value for field, value in key.typed.items()}
        if digits:
            typed[DIGITS.name] = digits
        cause = f"{self._cause}{mark or at}"
        if key.where is Where.COUNTER:
            press = Press(at=at, cause=cause, counter=key.at or counter, typed=typed)
        else:
            press = Press(
                at=at,
                cause=cause,
                by=f"{key.where}/{self._who}",
                hold_off=self._hold_off,
                chosen_by="button",
                typed=typed,
                **self._context.printing(self._printer),
            )
        command = presses.command(key.where, key.name, press)
        assert command is not None, "the configuration has been checked"
        request = Request(command, answered)
        cards = self._context.shared.get(Cards) if key.where is Where.KIOSK else None
        if cards:
            cards.submit(self._id, "", request)
        else:
            self._context.submit(request)
        return True


class KeysAdapter(Adapter):
    """Presses the `keys` of a device's key map."""

    def __init__(self, device: KeyMapSettings, context: Context) -> None:
        super().__init__(device.id, context)
        counter, at = (device.counter, device.at) if isinstance(device, KeysSettings) else (None, None)
        self.keys = Keys(
            device.id,
            device.driver,
            device.keys,
            context,
            counter=counter,
            at=at,
            hold_off=device.hold_off,
            printer=device.printer,
        )


def outcome(answer: Answer) -> Literal["done", "refused", "unknown"]:
    """What a lamp or a beep can say of an answer; "unknown": nothing was decided, and the press may come again."""
    if not answer.written:
        return "unknown"
    return "done" if answer.result == "ok" and answer.code != "none_waiting" else "refused"
