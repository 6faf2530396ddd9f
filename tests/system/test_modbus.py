"""The whole way over a Modbus line: an input is pressed, and a display shows who is called."""

from __future__ import annotations

from pathlib import Path

from simulators.devices.modbus import ModbusFarEnd
from system.branch import HOUSE, MQTT, PRINTER, Branch, Row
from system.broker import Mosquitto
from system.network import Network
from system.waiting import until

LINE = """
[[device]]
id = "line"
driver = "modbus"
link = "serial:{directory}/dev/line?baud=19200"

[device.displays.1]
profile = "led-485"
counter = "1"

[device.displays.2]
profile = "led-485-number"

[device.inputs.11]
keys = {{ 1 = "CALL @1", "1 long" = "NOSHOW @1", 2 = "TAKE @kiosk service=cash" }}
hold_off = 0
"""


async def test_presses_at_inputs_call_and_displays_show_it(tmp_path: Path, broker: Mosquitto) -> None:
    branch = Branch(tmp_path, broker.port, (HOUSE, MQTT, PRINTER, LINE))
    async with branch, Network(broker.port, branch.root) as network:
        units = branch.placed("line").far_end
        assert isinstance(units, ModbusFarEnd)

        async def press(number: int, gesture: str = "single") -> None:
            """Press an input, once those of the last press are known to be open; again, as people do, where a daemon
            that got no processor has not read it meanwhile."""
            module = units.modules[11]
            await until(lambda: units.is_at_rest)
            reads, closed = module.reads, module.closed_reads
            await until(lambda: module.reads > reads + 2)
            while module.closed_reads == closed:
                units.press(11, number, gesture)
                branch.placed("line").wire.poke()
                await until(lambda: module.closed_reads > closed or units.is_at_rest)

        def shown(unit: int) -> str:
            return units.displays[unit].lines()[0].strip()

        def changes() -> list[Row]:
            return branch.rows("device_changed")

        for id in ("line.11", "printer"):
            await until(lambda id=id: network.levels.get(f"device/{id}", {}).get("state") == "ok")
        for n in (1, 2):
            await press(2)
            await until(lambda n=n: shown(2) == str(n))
        await press(1)
        await until(lambda: (shown(1), shown(2)) == ("A001", "1"))
        (call,) = branch.rows("ticket_called")
        assert call.cause.startswith("modbus:line:11:")
        assert [row.data["by"] for row in branch.rows("ticket_issued")] == ["kiosk/line.11"] * 2
        await press(1, "long")
        await until(lambda: shown(1) == "")
        assert branch.rows("ticket_missed")

        units.unit_off = True  # the module
        branch.placed("line").wire.poke()
        await until(lambda: network.levels["device/line.11"]["state"] == "offline")
        assert "line.11: it does not answer; check that it is on" in branch.log()
        units.press(11, 1)  # nobody reads it
        units.unit_off = False
        await until(lambda: network.levels["device/line.11"]["state"] == "ok")
        await until(lambda: network.levels["device/line"]["state"] == "ok")
        told = ["ok", "offline", "ok"]
        await until(lambda: [row.data["state"] for row in changes() if row.data["device"] == "line.11"] == told)
        assert branch.tickets("ticket_called") == ["A001"]
