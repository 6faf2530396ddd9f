"""Furnishes a branch: a driver, a session and a post for every configured device.

A new kind of device is one more function here, named in `_KINDS`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from controller.cards import CardTokens
from controller.config import (
    BxDevice,
    CardReaderDevice,
    Device,
    EscposDevice,
    MqttKeypad,
    MqttKiosk,
    MqttPanel,
    MqttSettings,
    Settings,
    Terminal68Device,
    VfdDevice,
    VoiceDevice,
    shipped,
    wording,
)
from controller.desk import Desk
from controller.desk.cards import CardReaderPost, Cards
from controller.desk.displays import DisplayPost
from controller.desk.mqtt import MqttPost
from controller.desk.printing import PrinterPost, Render
from controller.desk.terminals import TerminalsPost
from controller.desk.voice import VoicePost, call
from controller.lobby.model.calendar import second_of
from controller.lobby.model.state import State
from controller.lobby.show import views
from drivers import sound
from drivers.bx import BxBoard
from drivers.cardreader import CardReader
from drivers.device import Driver
from drivers.escpos import EscposPrinter
from drivers.link import Link, SerialLink
from drivers.mqtt import MqttLobby
from drivers.mqtt_session import Broker, MqttSession
from drivers.session import Session
from drivers.terminal68 import Terminal68
from drivers.vfd import WindowDisplay
from drivers.voice import Voice
from drivers.voice_session import Speaker, VoiceSession

REFRESH = 60.0
"""Seconds in which a display that cannot confirm what it is told is told again."""

Connect = Callable[[str, Driver, Link], Session]
"""Makes the session of a device, whose facts go to the desk."""


AnySession = Session | MqttSession | VoiceSession


def furnish(settings: Settings, desk: Desk, steady: Callable[[], float]) -> dict[str, AnySession]:
    """Put every device's post on the desk; the sessions to run, by name. `steady` gives monotonic seconds."""

    def connect(id: str, driver: Driver, link: Link) -> Session:
        return Session(driver, link, lambda fact: desk.heard(id, fact), steady)

    sessions: dict[str, AnySession] = {}
    for kind, place in _KINDS.items():
        for device in settings.devices:
            if isinstance(device, kind):
                sessions[device.id] = place(settings, device, desk, connect)
    for device in settings.devices:
        if isinstance(device, VoiceDevice):
            sessions[device.id] = _voice(settings, device, desk, steady)
    cards = _cards(settings, desk, steady)
    for device in settings.devices:
        if cards and isinstance(device, CardReaderDevice):
            sessions[device.id] = _card_reader(device, cards, desk, connect)
    if settings.mqtt:
        sessions[MqttPost.id] = _mqtt(settings, settings.mqtt, desk, cards, [*sessions, MqttPost.id])
    return sessions


def _board(settings: Settings, device: BxDevice, desk: Desk, connect: Connect) -> Session:
    board = BxBoard(
        model=device.model,
        lines=device.lines,
        width=device.width,
        line_height=device.line_height,
        x_unit=device.x_unit,
        dynamic_header=device.dynamic_header,
    )
    session = connect(device.id, board, device.link)

    def show(state: State) -> None:
        calls = views.hall_lines(state, settings.rules, device.lines)
        if device.footer:
            calls = [*calls, *[""] * device.lines][: device.lines - 1]
            calls.append(views.footer(state, settings.rules, desk.lobby.waits(), desk.lobby.now()))
        board.show(calls)

    desk.add(DisplayPost(device.id, show, desk.lobby, session.flush))
    return session


def _window(settings: Settings, device: VfdDevice, desk: Desk, connect: Connect) -> Session:
    window = WindowDisplay(device.dialect, brightness=device.brightness)
    session = connect(device.id, window, device.link)
    desk.add(
        DisplayPost(
            device.id,
            lambda state: window.show(*views.window_lines(state, settings.rules, device.counter)),
            desk.lobby,
            session.flush,
        )
    )
    return session


def _terminals(settings: Settings, device: Terminal68Device, desk: Desk, connect: Connect) -> Session:
    bus = Terminal68(
        device.addresses, device.raters, repeat_ms=device.repeat_ms, baud=_baud(device.link), refresh=REFRESH
    )
    session = connect(device.id, bus, device.link)
    desk.add(TerminalsPost(device.id, bus, device.addresses, device.raters, desk.lobby, session.flush))
    return session


def _printer(settings: Settings, device: EscposDevice, desk: Desk, connect: Connect) -> Session:
    printer = EscposPrinter(baud=_baud(device.link))
    link = replace(device.link, xonxoff=True) if isinstance(device.link, SerialLink) else device.link
    session = connect(device.id, printer, link)
    desk.add(PrinterPost(device.id, printer, _render(settings, device), desk.lobby, session.flush))
    return session


_KINDS: dict[type[Device], Callable[[Settings, Any, Desk, Connect], Session]] = {
    BxDevice: _board,
    VfdDevice: _window,
    Terminal68Device: _terminals,
    EscposDevice: _printer,
}
"""In the order in which they are told of a change: what customers look at first, first."""


def _cards(settings: Settings, desk: Desk, steady: Callable[[], float]) -> Cards | None:
    if settings.cards is None:
        return None
    tokens = CardTokens(settings.cards.key_file, settings.cards.tokens_file, settings.rules.classes)
    tokens.open()
    return Cards(tokens, desk.lobby, steady)


def _card_reader(device: CardReaderDevice, cards: Cards, desk: Desk, connect: Connect) -> Session:
    session = connect(device.id, CardReader(), device.link)
    desk.add(CardReaderPost(device.id, device.kiosk, device.within, cards, desk.lobby))
    return session


def _mqtt(
    settings: Settings, broker: MqttSettings, desk: Desk, cards: Cards | None, devices: Sequence[str]
) -> MqttSession:
    """`devices`: those whose state is told."""
    mqtt = MqttLobby(settings.rules.branch, devices)
    session = MqttSession(
        mqtt,
        Broker(
            broker.host,
            broker.port,
            broker.client_id,
            broker.tls,
            broker.username,
            broker.password_file,
            broker.ca_file,
            is_old=broker.embedded,
        ),
        lambda fact: desk.heard(MqttPost.id, fact),
    )
    desk.watch(
        MqttPost(
            mqtt,
            keypads={d.id: d.counter for d in settings.devices if isinstance(d, MqttKeypad)},
            panels=[d.id for d in settings.devices if isinstance(d, MqttPanel)],
            kiosks={d.id: (d.hold_off, d.screen) for d in settings.devices if isinstance(d, MqttKiosk)},
            lobby=desk.lobby,
            flush=session.flush,
            cards=cards,
        )
    )
    return session


def _voice(settings: Settings, device: VoiceDevice, desk: Desk, steady: Callable[[], float]) -> VoiceSession:
    rules = settings.rules
    names: list[str] = [*device.languages] or [settings.language]
    languages = [wording(name) for name in names]
    voice = Voice(times=device.times, backlog=device.backlog)
    clips = sound.read_clips(device.clips) if device.clips else {}

    def quiet() -> bool:
        second = second_of(rules.local(desk.lobby.now()))
        return any(second in span for span in device.quiet)

    # Every digit, so that espeak-ng is tried if one has no clip, and a letter of a ticket.
    letters = rules.services[rules.default_service].prefix
    session = VoiceSession(
        voice,
        Speaker(clips, speed=device.speed, chime=device.chime),
        device.player,
        call(languages, f"{letters}0123456789", next(iter(rules.counters)), yao=device.yao),
        lambda fact: desk.heard(device.id, fact),
        steady,
        quiet,
    )
    desk.add(
        VoicePost(device.id, voice, languages, desk.lobby, session.flush, yao=device.yao, quiet=quiet, steady=steady)
    )
    return session


def _render(settings: Settings, device: EscposDevice) -> Render:
    # python-escpos takes a third of a second to import: paid here, before READY, and only where there is a printer.
    from drivers.paper import Layout  # noqa: PLC0415

    path = device.layout or shipped(f"ticket.{settings.language}.toml")
    layout = Layout.from_dict(tomllib.loads(path.read_text("utf-8")))
    return lambda fields: layout.render(
        fields if device.qr else {**fields, "qr": ""}, device.columns, profile=device.profile
    )


def _baud(link: Link) -> int | None:
    return link.baud if isinstance(link, SerialLink) else None
