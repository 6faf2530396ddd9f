"""`lobby simulators`: only the far ends, for a daemon that is run against them by hand, and their page where wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from random import SystemRandom

import aiomqtt

from controller.config import MqttSettings, Settings
from simulators.buttons import Buttons
from simulators.stage import Stage
from simulators.virtual_lobby.server import VirtualLobby, free_port
from simulators.virtual_lobby.view import View

RETRY = 1.0
"""Seconds between two tries to reach the broker."""


async def run_far_ends(settings: Settings, directory: Path, say: Callable[[str], None], page: int | None) -> None:
    """Have the far ends plugged in below `directory` until interrupted; `page`: the port of their page (0: any)."""
    stage = Stage(settings, directory, seed=1)
    async with AsyncExitStack() as stack:
        stack.callback(stage.unplug_all)
        stage.plug_all()
        if page is not None:
            lobby = VirtualLobby(settings, stage, port=free_port(page))
            say(f"Open {await stack.enter_async_context(lobby.serving())}")
            if settings.mqtt and not settings.mqtt.embedded:
                connecting = asyncio.create_task(_stay_connected(settings.mqtt, settings.rules.branch, lobby.view))
                stack.callback(connecting.cancel)
        for id, placed in stage.placed.items():
            say(f"{placed.wire.path}  {type(placed.far_end).__name__}  ({id})")
        say("Point each device's link at its path, then: lobby run --config FILE. Ctrl-C ends the simulators.")
        await asyncio.Event().wait()


async def _stay_connected(mqtt: MqttSettings, branch: str, view: View) -> None:
    """Have the MQTT devices on the broker whenever it is there."""
    while True:
        try:
            # Keypads are new at each power-up, and so are these: a press of an earlier run is not this one.
            async with Buttons(mqtt.host, mqtt.port, branch, SystemRandom()) as buttons:
                view.buttons = buttons
                await buttons.ended()
        except aiomqtt.MqttError:
            pass  # it is not there, or went while we said goodbye
        finally:
            view.buttons = None
        await asyncio.sleep(RETRY)
