"""What tests of the hall boards share: areas and answers."""

from __future__ import annotations

from collections.abc import Callable

from golden import vectors

from drivers.bx import BxBoard
from drivers.bx_frame import CARD, COMMAND_LIMIT, HOST, Area, Error, Frame, Reply, frame_reader
from drivers.device import Health
from simulators.devices.bx import BoardFarEnd
from simulators.faults import Faults

GOLDEN = vectors("bx")
NO_ANSWER = Health("degraded", "no_answer")


def read(data: bytes) -> list[Frame]:
    return frame_reader(COMMAND_LIMIT).feed(data, 0.0)


def answer(error: int = Error.NONE) -> bytes:
    """A card's reply on the wire."""
    return Frame(Reply(error == Error.NONE, error).to_data(), destination=HOST, source=CARD).to_bytes()


def areas(data: bytes) -> list[Area]:
    """The areas in the one command that these bytes are."""
    (frame,) = read(data)
    assert frame.data[:2] == b"\xa3\x06"
    rest, found = frame.data[7:], []
    while rest:
        size = int.from_bytes(rest[:2], "little")
        found.append(Area.from_bytes(rest[2 : 2 + size]))
        rest = rest[2 + size :]
    assert len(found) == frame.data[6]
    return found


BYTE_TIME = 10 / 57600


class Line:
    """A wire between driver and card in virtual time: bytes take their time, messages can be lost."""

    def __init__(self, board: BxBoard, card: BoardFarEnd, faults: Faults) -> None:
        self.board, self.card, self.faults = board, card, faults
        self.now = 0.0
        self.facts: list[object] = []
        self.loses: Callable[[bool], bool] = lambda answering: faults.lost()
        """Whether a message is lost; `answering`: an answer."""
        self.lost_answers = 0
        card.plugged(0.0)
        self.facts += board.connected(0.0)

    def pass_time(self, seconds: float) -> None:
        until = self.now + seconds
        while True:
            while sent := self.board.data_to_send(self.now):
                for data in self._arriving(sent, False):
                    self.card.receive(data, self.now)
                for message in self.card.data_to_send(self.now):
                    for data in self._arriving(message, True):
                        self.facts += self.board.receive(data, self.now)
            deadline = self.board.next_deadline()
            assert deadline is not None
            deadline = min(deadline, self.card.next_deadline() or deadline)
            if deadline > until:
                break
            self.now = max(deadline, self.now)
            self.card.tick(self.now)
            self.facts += self.board.tick(self.now)
        self.now = max(self.now, until)

    def _arriving(self, message: bytes, answering: bool) -> list[bytes]:
        self.now += len(message) * BYTE_TIME
        if self.loses(answering):
            return []
        arrived = self.faults.touched(message)
        return [bytes([byte]) for byte in arrived] if self.faults.dribble else [arrived]
