"""Buttons of other makers on MQTT call customers: the real daemon, a broker, and what those devices publish."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

from controller.lobby.actions.press import Where
from simulators.buttons import Buttons
from simulators.devices.kit import Press
from system.branch import HOUSE, MQTT, Branch
from system.broker import Mosquitto
from system.test_reload import reload, rewrite
from system.waiting import until

BUTTONS = """
[[device]]
id = "zigbee"
driver = "zigbee2mqtt"
topic = "zigbee2mqtt/窗口/1"
counter = "1"
keys = {{ single = "CALL", hold = "NOSHOW" }}

[[device]]
id = "board"
driver = "esphome"
topic = "pad-2"
keys = {{ "binary_sensor/call long" = "CALL @2", "event/take press" = "TAKE @kiosk service=cash" }}

[[device]]
id = "sonoff"
driver = "tasmota"
topic = "sonoff"
counter = "1"
keys = {{ SINGLE = "FINISH" }}

[[device]]
id = "i4"
driver = "shelly"
topic = "shellyplusi4-a8032ab1fe78"
counter = "1"
keys = {{ "2 single_push" = "CALL" }}
"""


class Visitor:
    """Somebody in the virtual lobby."""

    words = {"press.published": "published"}  # noqa: RUF012

    async def send(self, topic: str, where: Where, press: Press) -> dict[str, Any]:
        raise AssertionError


async def test_buttons_that_are_not_ours_call_customers(tmp_path: Path, own_broker: Mosquitto) -> None:
    async with (
        Branch(tmp_path, own_broker.port, (HOUSE, MQTT, BUTTONS)) as branch,
        Buttons("127.0.0.1", own_broker.port, branch.id, Random(1)) as buttons,
    ):
        branch.simulated.hear(buttons)

        async def press(device: str, key: str) -> None:
            answer = await branch.simulated.devices[device].press(Press(key=key), Visitor())
            assert answer["result"] == "ok"

        async def called(*expected: tuple[str, str, str]) -> None:
            """Exactly these have been called: (ticket, counter, driver)."""
            await until(lambda: len(branch.rows("ticket_called")) >= len(expected))
            rows = branch.rows("ticket_called")
            seen = [(row.data["ticket"], row.data["counter"], row.cause.partition(":")[0]) for row in rows]
            assert seen == list(expected)

        for _ in range(3):
            await buttons.press("kiosk/kiosk", key="TAKE", service="cash")
        await press("zigbee", "single")
        first = ("A001", "1", "zigbee2mqtt")
        await called(first)
        await press("sonoff", "SINGLE")
        await until(lambda: branch.tickets("ticket_finished") == ["A001"])
        buttons.faults.twice = True
        await press("i4", "2 single_push")
        second = ("A002", "1", "shelly")
        await called(first, second)
        await press("board", "binary_sensor/call long")
        third = ("A003", "2", "esphome")
        await called(first, second, third)
        buttons.faults.twice = False
        await press("board", "event/take press")
        await until(lambda: branch.tickets("ticket_issued")[-1] == "A004")
        buttons.faults.retain = True
        await press("zigbee", "single")  # and is kept by the broker
        await called(first, second, third, ("A004", "1", "zigbee2mqtt"))
        buttons.faults.retain = False
        await buttons.press("kiosk/kiosk", key="TAKE", service="cash")

        await branch.kill()
        await branch.start()
        await press("i4", "offline")
        await until(lambda: (buttons.retained.get("device/i4") or {}).get("state") == "offline")
        assert len(branch.rows("ticket_called")) == 4, "what was kept does not act after a restart"
        assert buttons.retained["device/zigbee"]["detail"] == "nothing has been heard of it yet"

        sonoff = BUTTONS[BUTTONS.index('[[device]]\nid = "sonoff"') : BUTTONS.index('[[device]]\nid = "i4"')]
        rewrite(branch, (sonoff.replace("{{", "{").replace("}}", "}"), ""), ("窗口/1", "窗口/一"))
        assert (await reload(branch))[0] == 0
        await press("sonoff", "SINGLE")
        await press("zigbee", "single")  # on the old topic
        await buttons.publish("zigbee2mqtt/窗口/一", '{"action":"single"}')
        await until(lambda: len(branch.rows("ticket_called")) == 5)
        assert branch.tickets("ticket_finished")[-1] == "A004"
        await until(lambda: "device/sonoff" not in buttons.retained)
