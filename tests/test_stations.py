"""Terminals that nobody asks: which were heard, and which are suspect."""

from __future__ import annotations

from branches import NINE, Lobby, branch

from controller.devices.stations import Stations
from controller.lobby.actions.close_counter import Close
from controller.lobby.actions.open_counter import Open
from controller.lobby.model.units import Ms

RULES = branch({"1": {"cash": 0}, "2": {"cash": 0}, "3": {"cash": 0}})


def test_who_is_silent_though_its_counter_works() -> None:
    lobby = Lobby(RULES)
    lobby.do(Open(at=lobby.now, cause="", counter="1"))
    lobby.wait(1)
    stations = Stations(lobby.now, {1: "1", 2: "2", 3: "3"}, (11,))
    assert stations.silent(lobby.state) == (), "counter 1 was open before the start: its terminal may be well"
    lobby.do(Open(at=lobby.now, cause="", counter="2"))
    lobby.do(Open(at=lobby.now, cause="", counter="3"))
    stations.hears(3, lobby.now)
    stations.hears(11, Ms(lobby.now + 1))
    stations.hears(7, lobby.now)
    assert stations.silent(lobby.state) == ("2",)
    assert stations.last() == {"1": 0, "2": 0, "3": lobby.now, "11": lobby.now + 1}
    assert lobby.now > NINE
    lobby.do(Close(at=lobby.now, cause="", counter="2"))
    assert stations.silent(lobby.state) == ()
