"""What tests of the call terminals share: frames, and a driver with its connection up."""

from __future__ import annotations

from golden import vectors
from hypothesis import strategies as st

from drivers.device import OK, Health
from drivers.terminal68 import (
    MAX_L_FROM_HOST,
    Frame,
    Function,
    Key,
    Pressed,
    Terminal68,
    frame_reader,
    ticket_frame,
)

GOLDEN = vectors("terminal68")


MEANT = {
    "call next at 3": Frame(3, Function.ANSWER_RATER, bytes([Key.CALL])),
    "no-show at 3": Frame(3, Function.ANSWER_RATER, bytes([6, Key.CONFIRM])),
    "show ticket 017 at 3": ticket_frame(3, "A017"),
    "beep 3": Frame(3, Function.BEEP),
}
GARBLED = Health("degraded", "garbled")
CALL = MEANT["call next at 3"]
RATER = 11


def key(address: int, key: int = Key.CALL, digits: str = "") -> Frame:
    return Frame(address, Function.ANSWER_RATER, bytes(int(d) for d in digits) + bytes([key]))


def fact(frame: Frame) -> Pressed:
    return Pressed(frame, "".join(map(str, frame.data[:-1])), frame.data[-1])


def beep(address: int) -> Frame:
    return Frame(address, Function.BEEP)


def read(data: bytes) -> list[Frame]:
    """The frames in these bytes, which must be nothing else."""
    reader = frame_reader(MAX_L_FROM_HOST)
    frames = reader.feed(data, 0.0)
    assert b"".join(frame.to_bytes() for frame in frames) == data
    return frames


def sent(bus: Terminal68, now: float) -> list[Frame]:
    """Everything that leaves at `now`."""
    frames = []
    while data := bus.data_to_send(now):
        frames += read(data)
    return frames


def ready(*terminals: int, raters: tuple[int, ...] = (), now: float = 0.0, baud: int | None = None) -> Terminal68:
    """A bus whose terminals have been told that nothing is in hand. Without a baud rate frames leave at once."""
    bus = Terminal68(terminals or (3,), raters, baud=baud)
    assert bus.connected(now) == [OK]
    while bus.data_to_send(now):
        now = bus.next_deadline() or now
    return bus


# -- noise -------------------------------------------------------------------------------------------------------


addresses = st.integers(0, 255)
host_frames = st.builds(Frame, addresses, st.integers(0, 255), st.binary(max_size=6))
