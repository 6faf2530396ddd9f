"""Readers of bank cards beside a ticket button or a kiosk page, on a serial line or as a keyboard on USB."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from controller.devices.cards import Cards, page
from controller.devices.kit import Adapter, Context, Fault, File, Kind, Table
from controller.devices.probe import Heard, Probe
from controller.devices.settings import AnyLinkText, DeviceId, WiredSettings, between, nearest, takes
from controller.lobby.actions.press import Where
from controller.lobby.model.state import State
from drivers.cardreader import PAUSE, BadCard, CardRead, CardReader
from drivers.device import Health
from drivers.evdev import TypingReader
from drivers.link import InputLink
from drivers.session import LinkDown

BAD_CARDS = 3
"""Cards in a row that cannot be read, after which the reader is reported as degraded."""


class CardReaderSettings(WiredSettings):
    """A reader of bank cards beside the ticket button `kiosk`, or beside the screen whose kiosk page is signed in as
    the account `page`; a card applies to a press `within` so many seconds. A reader that types what it reads, as a
    keyboard on USB, has a link input:.."""

    driver: Literal["card-reader"]
    link: AnyLinkText
    kiosk: DeviceId | None = None
    page: Annotated[
        str | None, takes("the name of an account (a-z, 0-9, -), in quotes", pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")
    ] = None
    within: Annotated[float, between(1, 300, "seconds")] = 30


class CardReaderAdapter(Adapter):
    """One reader, at the button `kiosk` (see `Cards`); a card applies to a press `within` so many seconds.

    If the files of the cards cannot be used, that is reported as the reader's health, though the reader itself works.
    """

    def __init__(self, id: str, kiosk: str, within: float, cards: Cards, context: Context) -> None:
        super().__init__(id, context)
        self._kiosk = kiosk
        self._within = within
        self._cards = cards
        self._bad = 0
        self._health: Health | None = None
        """The health by the driver; None: not connected."""
        cards.watch(self._report)

    def heard(self, fact: object) -> None:
        match fact:
            case CardRead(number):
                self._bad = 0
                self._cards.read(self._kiosk, number, self._within)
                self._report()
            case BadCard():
                self._bad += 1
                self._cards.unread(self._kiosk)
                self._report()
            case Health():
                self._health = fact
                self._report()
            case LinkDown():
                self._health = None
                self._bad = 0

    def update(self, state: State) -> None:
        self._cards.look()

    def _report(self) -> None:
        health = self._health
        if health is None:
            return
        if self._cards.trouble:
            health = Health("degraded", self._cards.trouble)
        elif self._bad >= BAD_CARDS:
            health = Health("degraded", "cards_unread")
        self.context.health(self.id, health, "")


def _check(table: Table, file: File) -> Iterator[Fault]:
    if "cards" not in file.sections:
        yield ("driver",), "it needs the secret and the tokens; add [cards] with key_file and tokens_file"
    if "page" in table and "kiosk" in table:
        yield ("page",), "it is beside a ticket button already; remove one of the two"
    elif "page" in table and "web" not in file.sections:
        yield ("page",), "there are no pages; add [web], and the account by lobby user add"
    elif "page" not in table and "kiosk" not in table:
        yield ("driver",), 'nobody knows for whose tickets it reads; add kiosk = "..", a ticket button, or page = ".."'
    if table.get("kiosk") is None or any(device.get("id") is None for device in file.devices):
        return
    kiosks = [
        str(device["id"])
        for device in file.devices
        if device.get("driver") == "mqtt-kiosk" or device.get("at") == Where.KIOSK
    ]
    if not kiosks:
        yield (
            ("kiosk",),
            'there is no ticket button; add a device with driver = "mqtt-kiosk", or one with at = "kiosk"',
        )
    elif table["kiosk"] not in kiosks:
        yield ("kiosk",), f'there is no ticket button "{table["kiosk"]}"; {nearest(table["kiosk"], kiosks)}'


def _build(device: CardReaderSettings, context: Context) -> Adapter | None:
    cards = context.shared.get(Cards)
    if cards is None:
        return None
    context.connect(device.id, TypingReader() if isinstance(device.link, InputLink) else CardReader(), device.link)
    kiosk = page(device.page) if device.page else device.kiosk or ""
    return CardReaderAdapter(device.id, kiosk, device.within, cards, context)


def _heard(replies: Sequence[bytes]) -> Sequence[Heard]:
    """A card was read. Its number goes no further."""
    reader = CardReader()
    facts = [*reader.receive(replies[0], 0.0), *reader.tick(PAUSE)]
    return [Heard()] if any(isinstance(fact, CardRead) for fact in facts) else []


PROBE = Probe("reader", hears=_heard, unfinished=True)
KIND = Kind("card-reader", CardReaderSettings, _build, _check, order=70, probe=PROBE)
