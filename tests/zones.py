"""Days and time zones for tests of the calendar."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from controller.lobby.model.calendar import (
    PROFILES,
    Calendar,
)

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = 3600
USUAL = Calendar(PROFILES)
DAY_TIMES = st.integers(0, 24 * 60 - 1).map(lambda minute: minute * 60)


ZONES = (
    "Asia/Shanghai",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",  # at one minute past midnight until 2011
    "Australia/Lord_Howe",  # by half an hour
    "America/Santiago",  # at midnight
    "Asia/Kathmandu",
    "Pacific/Apia",  # without the 30th of December 2011
    "Antarctica/Troll",  # by two hours
)


CHANGES = tuple(
    datetime.fromisoformat(text).replace(tzinfo=UTC)
    for text in (
        "2026-03-29 01:00",  # Berlin, Troll
        "2026-10-25 01:00",
        "2026-03-08 07:00",  # New York
        "2026-11-01 06:00",
        "2010-03-14 03:31",  # St. John's
        "2010-11-07 02:31",
        "2026-04-04 15:00",  # Lord Howe
        "2026-10-03 15:30",
        "2026-04-05 03:00",  # Santiago
        "2026-09-06 04:00",
        "2011-12-30 10:00",  # Apia
    )
)
"""Moments near which the clocks of one of the zones change."""
