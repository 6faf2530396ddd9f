"""Whether a ticket can be printed."""

from __future__ import annotations

from controller.lobby.model.outcome import Refused
from controller.lobby.model.rules import Rules

Paper = str
"""Whether a ticket can be printed now: `ready`; `none` (the branch has no printer); else the reason's wording key."""


def no_paper(rules: Rules, why: Paper) -> Refused:
    """The refusal for a customer's ticket that cannot be printed now."""
    return Refused("printer_down", detail=rules.wording.say(f"device.{why}"))


def cannot_print(rules: Rules, why: Paper) -> Refused:
    """The same for the lobby manager, with what helps."""
    about = {name: rules.wording.say(f"{name}.{why}") for name in ("device", "advice")}
    return Refused("cannot_print", detail=about["device"], advice=about["advice"])
