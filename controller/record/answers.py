"""What a press is answered that changed the record, and how its events are told: `answer.<kind>` of the wording."""

from __future__ import annotations

from controller.lobby.actions.event import Event
from controller.record.rules import RecordRules
from controller.record.state import RecordEvent


def sentence(rules: RecordRules, event: Event) -> str:
    """The sentence for an event of the record; one that has a `source` may have its own for that."""
    about = event.to_row()
    if isinstance(event, RecordEvent):
        about.update(event.named(rules))
    if "thing" in about:
        about["name"] = rules.name_of(str(about["thing"]))
    for field in ("due", "at", "until"):
        if isinstance(about.get(field), int):
            about[field] = rules.moment(about[field])
    key = f"answer.{event.KIND}"
    if (own := f"{key}_{about.get('source', '')}") in rules.lobby.wording.templates:
        key = own
    return rules.lobby.wording.say(key, **about)
