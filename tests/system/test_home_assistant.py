"""A branch in Home Assistant: it appears by itself, its calls are events there, its buttons call, and it goes again."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from random import Random

import aiomqtt
import pytest

from simulators.buttons import Buttons
from system.branch import HOUSE, MQTT, Branch
from system.broker import Mosquitto
from system.test_reload import reload, rewrite
from system.waiting import until

OPTION = ('broker = "mqtt://127.0.0.1:{port}"\n', 'broker = "mqtt://127.0.0.1:{port}"\nhome_assistant = "ha/main"\n')
PAD = '\n[[device]]\nid = "pad-1"\ndriver = "tasmota"\ntopic = "pad"\ncounter = "1"\nkeys = {{ SINGLE = "CALL" }}\n'


@pytest.mark.long
async def test_a_branch_appears_acts_and_goes(tmp_path: Path, own_broker: Mosquitto) -> None:
    said: dict[str, bytes] = {}
    calls: list[dict[str, object]] = []

    async def read(client: aiomqtt.Client) -> None:
        with suppress(aiomqtt.MqttError):
            async for message in client.messages:
                topic, payload = message.topic.value, bytes(message.payload or b"")  # type: ignore[arg-type]
                if topic.endswith("/call"):
                    assert not message.retain
                    calls.append(json.loads(payload))
                else:
                    said[topic] = payload

    async with (
        Branch(tmp_path, own_broker.port, (HOUSE, MQTT.replace(*OPTION), PAD)) as branch,
        Buttons("127.0.0.1", own_broker.port, branch.id, Random(1)) as buttons,
        aiomqtt.Client("127.0.0.1", own_broker.port) as client,
    ):
        await client.subscribe([("ha/main/device/#", 1), (f"{branch.root}call", 1)])
        reading = asyncio.create_task(read(client))
        root = f"ha/main/device/lobby-{branch.id}/"
        await until(lambda: {f"{root}{id}/config" for id in ("branch", "counter-3", "device-pad-1")} <= said.keys())
        call = json.loads(said[f"{root}counter-3/config"])["components"]["call"]
        assert call["name"] == "Call next"

        for _ in range(2):
            await buttons.press("kiosk/kiosk", key="TAKE", service="personal")
        await client.publish(call["command_topic"], call["payload_press"], qos=call["qos"], retain=call["retain"])
        await until(lambda: calls)
        assert calls[0] | {"at": 0} == {"event_type": "call", "ticket": "B001", "counter": "3", "at": 0}
        await buttons.press("keypad/3", key="RECALL", digits="")
        await until(lambda: [each["event_type"] for each in calls] == ["call", "recall"])
        await client.publish(call["command_topic"], call["payload_press"], retain=True)
        await until(lambda: branch.tickets("ticket_called") == ["B001", "B002"])

        rewrite(branch, (PAD.replace("{{", "{").replace("}}", "}"), ""))
        assert (await reload(branch))[0] == 0
        await until(lambda: said[f"{root}device-pad-1/config"] == b"")

        await branch.stop()
        rewrite(branch, ("ha/main", "homeassistant"))
        await branch.start()
        await client.subscribe("homeassistant/device/#", 1)
        await until(lambda: said.get(f"homeassistant/device/lobby-{branch.id}/counter-3/config"))
        assert branch.tickets("ticket_called") == ["B001", "B002"], "what was kept does not act"
        await branch.stop()
        rewrite(branch, ('home_assistant = "homeassistant"\n', ""))
        await branch.start()
        await until(lambda: not any(said[topic] for topic in said if topic.startswith("homeassistant/")))
        await client.publish(call["command_topic"], call["payload_press"], qos=1)
        await buttons.press("keypad/3", key="RECALL", digits="")
        assert branch.tickets("ticket_called") == ["B001", "B002"], "nobody listens without the option"
        assert [each["event_type"] for each in calls] == ["call", "recall", "call"]
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
