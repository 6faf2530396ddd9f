"""What requests bring that press keys: their fields are those of the keys, `controller.presses`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from controller.lobby.actions.press import Where
from controller.presses import keys, with_fields


class Body(BaseModel):
    """What a request has: no other keys, no text of any length."""

    model_config = ConfigDict(extra="forbid", str_max_length=200)


@with_fields(Where.COUNTER)
class KeyPress(Body):
    """A key at a counter, as keypads have them."""

    key: Annotated[str, Field(max_length=16, json_schema_extra={"enum": [*keys(Where.COUNTER)]})]


@with_fields(Where.PANEL)
class PanelPress(Body):
    """One of the lobby manager's buttons."""

    key: Annotated[str, Field(max_length=16, json_schema_extra={"enum": [*keys(Where.PANEL)]})]


@with_fields(Where.KIOSK)
class Take(Body):
    """A ticket that somebody wants; `choice` is an answer of the triage, in place of a service."""
