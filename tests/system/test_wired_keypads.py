"""Keypads, a reader and displays on wires that Linux or a bus brings: the real daemon, a day's first minutes."""

from __future__ import annotations

from pathlib import Path

from simulators.devices.four_key_pad import PadBus
from simulators.devices.frame_display import TemplateDisplays
from simulators.devices.usb_keypad import UsbKeypadFarEnd
from system.branch import HOUSE, MQTT, Branch
from system.broker import Mosquitto
from system.network import Network
from system.test_cards import VIP, found_in, supply, swipe
from system.waiting import until

WIRES = """
[cards]
key_file = "cards.key"
tokens_file = "cards.tokens"

[[device]]
id = "reader"
driver = "card-reader"
link = "input:{directory}/dev/reader"
kiosk = "buttons"

[[device]]
id = "buttons"
driver = "usb-keypad"
link = "input:{directory}/dev/buttons"
at = "kiosk"
keys = {{ 1 = "TAKE service=cash" }}
hold_off = 0

[[device]]
id = "usb"
driver = "usb-keypad"
link = "input:{directory}/dev/usb"
counter = "1"

[[device]]
id = "pads"
driver = "four-key-pad"
link = "serial:{directory}/dev/pads?baud=57600"
pads = [{{ address = 7, counter = "2" }}]

[[device]]
id = "displays"
driver = "frame-display"
link = "serial:{directory}/dev/displays?baud=9600"
displays = [{{ address = 1, counter = "1" }}, {{ address = 2, counter = "2" }}]
frame = "A5 {{address}} [ {{length}} {{digits:4:bcd}} ] {{crc16-modbus}} 5A"
"""


def press(branch: Branch, device: str, *keys: str) -> None:
    placed = branch.placed(device)
    assert isinstance(placed.far_end, UsbKeypadFarEnd)
    for key in keys:
        placed.far_end.press(key)
    placed.wire.poke()


def press_pad(branch: Branch, key: int) -> None:
    placed = branch.placed("pads")
    assert isinstance(placed.far_end, PadBus)
    placed.far_end.press(7, key)
    placed.wire.poke()


async def take(branch: Branch) -> str:
    """Press the ticket button: the ticket's class."""
    before = len(branch.rows("ticket_issued"))
    press(branch, "buttons", "1")
    await until(lambda: len(branch.rows("ticket_issued")) > before)
    return str(branch.rows("ticket_issued")[before].data["class"])


async def test_a_visit_by_keypads_on_usb_and_four_keys(tmp_path: Path, broker: Mosquitto) -> None:
    supply(tmp_path, (VIP, "vip"))
    async with (
        Branch(tmp_path, broker.port, (HOUSE, MQTT, WIRES)) as branch,
        Network(broker.port, branch.root) as network,
    ):
        for device in ("reader", "buttons", "usb", "pads", "displays"):
            await network.device(device)
        pads, displays = branch.placed("pads").far_end, branch.placed("displays").far_end
        assert isinstance(pads, PadBus)
        assert isinstance(displays, TemplateDisplays)

        press(branch, "buttons", "1")
        await until(lambda: pads.pads[7].text == "1")
        assert branch.tickets("ticket_issued") == ["A001"]
        press_pad(branch, 1)
        await until(lambda: (pads.pads[7].text, pads.pads[7].colour) == ("001", "red"))
        await until(lambda: displays.shown[2].get("digits") == "001")
        press_pad(branch, 2)
        await until(lambda: pads.pads[7].colour == "green")

        # The plug is out while digits are typed, and is put into its socket again.
        press(branch, "usb", "7")
        usb = branch.placed("usb")
        usb.turn("unplugged", True)
        await network.device("usb", "offline")
        usb.turn("unplugged", False)
        await network.device("usb")
        press(branch, "buttons", "1")
        await until(lambda: branch.tickets("ticket_issued") == ["A001", "A002"])
        press(branch, "usb", "ENTER")
        await until(lambda: displays.shown[1].get("digits") == "002")
        press(branch, "usb", "1", "2", "NUMLOCK", "BACKSPACE", "0", "2", "ASTERISK")
        await until(lambda: branch.rows("ticket_transferred"))
        assert branch.rows("ticket_transferred")[0].data["counter"] == "2"
        beeps = pads.pads[7].beeps
        press_pad(branch, 3)
        await until(lambda: pads.pads[7].beeps == beeps + 1)

        # A reader that types is a reader, at any button that gives tickets, and nothing of the card is kept.
        swipe(branch, VIP)
        while await take(branch) != "vip":  # nothing outside tells when a card has been read
            assert len(branch.rows("ticket_issued")) < 500
        await branch.stop()
    assert found_in(tmp_path, (VIP.encode(),)) == []
