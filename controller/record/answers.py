"""What a press is answered that changed the record, and how its events are told: `answer.<kind>` of the wording."""

from __future__ import annotations

from controller.lobby.actions.event import Event
from controller.record.rules import RecordRules


def sentence(rules: RecordRules, event: Event) -> str:
    """The sentence for an event of the record."""
    about = event.to_row()
    if "thing" in about:
        about["name"] = rules.name_of(str(about["thing"]))
    for field in ("due", "at", "until"):
        if isinstance(about.get(field), int):
            about[field] = rules.lobby.local(about[field]).strftime("%m-%d %H:%M")
    return rules.lobby.wording.say(f"answer.{event.KIND}", **about)
