"""`lobby simulators`: only the far ends, for a daemon that is started separately, and optionally their page."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from random import SystemRandom

import aiomqtt

from controller.config import MqttSettings, Settings
from simulators.branch import SimulatedBranch
from simulators.buttons import Buttons
from simulators.virtual_lobby.server import VirtualLobby, free_port
from simulators.virtual_lobby.view import View

RETRY = 1.0
"""Seconds between two tries to reach the broker."""


async def run_far_ends(settings: Settings, directory: Path, say: Callable[[str], None], page: int | None) -> None:
    """Run the far ends below `directory` until interrupted; `page`: the port of their page (0: any), None: no page."""
    simulated = SimulatedBranch(settings, directory, seed=1)
    connecting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    async with AsyncExitStack() as stack:
        stack.callback(simulated.unplug_all)
        simulated.plug_all()
        if page is not None:
            lobby = VirtualLobby(settings, simulated, port=free_port(page))
            say(f"Open {await stack.enter_async_context(lobby.serving())}")
            if settings.mqtt and not settings.mqtt.embedded:
                connecting = asyncio.create_task(_stay_connected(settings.mqtt, settings.rules.branch, lobby.view, say))
                stack.callback(connecting.cancel)
        for id, placed in simulated.placed.items():
            say(f"{placed.wire.where}  {type(placed.far_end).__name__}  ({id})")
        say("Point each device's link at its path, then: lobby run --config FILE. Ctrl-C ends the simulators.")
        await connecting  # for ever, but for a fault of ours


async def _stay_connected(mqtt: MqttSettings, branch: str, view: View, say: Callable[[str], None]) -> None:
    """Have the MQTT devices on the broker whenever it is there; why it cannot be used is said once."""
    said = ""
    while True:
        try:
            async with _buttons(mqtt, branch) as buttons:
                view.buttons = buttons
                await buttons.ended()
        except (aiomqtt.MqttError, OSError, ValueError) as error:
            # It is not there or does not let us in, a file cannot be read, or somebody else is on our topics.
            if str(error) != said:
                said = str(error)
                say(f"The broker at {mqtt.host}:{mqtt.port} cannot be used ({said}); trying again.")
        finally:
            view.buttons = None
        await asyncio.sleep(RETRY)


def _buttons(mqtt: MqttSettings, branch: str) -> Buttons:
    """MQTT devices with the controller's credentials. Raises OSError or ValueError for a bad file."""
    return Buttons(
        mqtt.host,
        mqtt.port,
        branch,
        # Like real keypads, these have a new `boot` at each start: presses of an earlier run are different ones.
        SystemRandom(),
        username=mqtt.username,
        password=mqtt.password_file.read_text("utf-8").split("\n")[0].strip() if mqtt.password_file else None,
        tls=ssl.create_default_context(cafile=mqtt.ca_file) if mqtt.tls else None,
    )
