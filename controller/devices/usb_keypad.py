"""Numeric keypads on USB, as Linux knows them: digits, then a key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from controller.devices.key_map import KeyMap, KeysAdapter, KeysSettings, check
from controller.devices.kit import Adapter, Context, Fault, File, Kind, Table
from controller.devices.probe import Heard, Probe, its_counter
from controller.devices.settings import InputLinkText, WiredSettings, between
from drivers.evdev import DOWN, NAMES, TYPED_WITHIN, Keys, Typed, UsbKeypad

AT_A_COUNTER: Mapping[str, str] = {
    "ENTER": "CALL",
    "PLUS": "RECALL",
    "MINUS": "NOSHOW",
    "ASTERISK": "TRANSFER",
    "SLASH": "PAUSE",
    "DOT": "START",
}
"""The keys of a counter's keypad, where its table has none."""


BLOCK = (55, *range(71, 84), 98)
"""Key codes of a numeric block, without Enter."""


class UsbKeypadSettings(KeysSettings, WiredSettings):
    """A numeric keypad on USB: digits, then a key. `keys`: what each key does, by its name in Linux without KEY_ and
    KP; `typed_within`: seconds after a digit in which the next key must follow. It cannot show how a press was
    answered."""

    driver: Literal["usb-keypad"]
    link: InputLinkText
    keys: KeyMap = Field(default_factory=lambda: dict(AT_A_COUNTER))
    typed_within: Annotated[float, between(1, 60, "seconds")] = TYPED_WITHIN


class UsbKeypadAdapter(KeysAdapter):
    """One keypad."""

    failure = "terminals"

    def heard(self, fact: object) -> None:
        if isinstance(fact, Typed):
            self.keys.press(fact.key, digits=fact.digits)
        else:
            super().heard(fact)


def _check(table: Table, file: File) -> Iterator[Fault]:
    if "keys" not in table and table.get("at") is not None:
        yield ("at",), 'which keys it has there must be said; add keys, such as { 1 = "TAKE service=.." }'
    elif "keys" not in table and "counter" not in table:
        yield ("driver",), "nobody knows whose keys these are; give it a counter, or keys with an @place"
    yield from check(
        table,
        file,
        set(NAMES.values()).__contains__,
        "there are 0 to 9, ENTER, PLUS, MINUS, ASTERISK, SLASH, DOT, EQUAL, COMMA, BACKSPACE, TAB, SPACE, ESC, F1 to "
        "F12 and A to Z",
    )


def _build(device: UsbKeypadSettings, context: Context) -> Adapter:
    context.connect(device.id, UsbKeypad(device.keys, typed_within=device.typed_within), device.link)
    return UsbKeypadAdapter(device, context)


def _heard(replies: Sequence[bytes]) -> Sequence[Heard]:
    """A key of the numeric block was pressed, but not Enter: that may be the keyboard of whoever sets up."""
    down = [key for key in Keys().feed(replies[0], 0.0) if key and key[1] == DOWN and key[0] in BLOCK]
    return [Heard()] if down else []


PROBE = Probe("pad-usb", forms=("keys",), hears=_heard, counters="one", table=its_counter)
KIND = Kind("usb-keypad", UsbKeypadSettings, _build, _check, order=80, has_keys=True, probe=PROBE)
