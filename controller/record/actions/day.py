"""What the record hands on from one business day to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller.record.state import RecordEvent


@dataclass(frozen=True, slots=True)
class RecordHandedOn(RecordEvent):
    """A business day begins with what the days before have left: `parts`, by item. It follows `day_opened`, so that one
    day's rows are enough to know all that is open."""

    parts: Mapping[str, Any]
