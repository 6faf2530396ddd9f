"""What tests of the hall boards share: areas and answers."""

from __future__ import annotations

from golden import vectors

from drivers.bx_frame import (
    COMMAND_LIMIT,
    Frame,
    frame_reader,
)
from drivers.device import Health

GOLDEN = vectors("bx")
NO_ANSWER = Health("degraded", "no_answer")


def read(data: bytes) -> list[Frame]:
    return frame_reader(COMMAND_LIMIT).feed(data, 0.0)
