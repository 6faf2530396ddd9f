"""Nobody gives themselves privilege: the lobby refuses it in the same words at every door."""

from __future__ import annotations

from pathlib import Path

import pytest

from system.branch import HOUSE, MQTT, Branch
from system.broker import Mosquitto
from system.network import Network
from system.served import Serve

GIVEN = "this class is given by the lobby manager, not by a kiosk"


async def test_no_ticket_button_takes_a_class_of_the_managers(tmp_path: Path, broker: Mosquitto) -> None:
    async with (
        Branch(tmp_path, broker.port, (HOUSE, MQTT)) as branch,
        Network(broker.port, branch.root) as network,
    ):
        for klass in ("green", "urgent"):
            refused = await network.press("kiosk/screen", "TAKE", **{"class": klass})
            assert (refused["result"], refused["ticket"], refused["text"]) == ("refused", "", GIVEN)
        vip = await network.press("kiosk/screen", "TAKE", **{"class": "vip"})
        assert (vip["result"], vip["ticket"]) == ("ok", "A001")
        green = await network.press("panel/manager", "GREEN", reason="elderly")
        assert (green["result"], green["ticket"]) == ("ok", "A002")
        assert [row.data["class"] for row in branch.rows("ticket_issued")] == ["vip", "green"]


@pytest.mark.parametrize("klass", ["vip", "green", "urgent", "appointment", "emperor"])
async def test_a_kiosks_page_takes_the_usual_class_alone(serve: Serve, klass: str) -> None:
    async with serve() as lobby:
        kiosk, li = lobby.device("hall", "kiosk"), lobby.device("li")
        refused = await kiosk.post("/api/tickets", {"service": "cash", "class": klass})
        assert refused.refusal == (403, "class_is_granted")
        assert refused.json["detail"] == GIVEN
        assert (await kiosk.post("/api/tickets", {"service": "cash", "class": "normal"})).status == 200
        by_hand = await li.post("/api/tickets", {"service": "cash", "class": klass})
        assert by_hand.status == 200 if klass != "emperor" else by_hand.refusal == (409, "unknown_class")
