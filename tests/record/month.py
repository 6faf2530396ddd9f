"""A month's opinions and complaints by cause (每月汇总), and the cards that were handed out, counted over all its rows.

What happens counts in the month in which it happens: an answer on the first of a month to a complaint of the last of
the month before is one of the new month. Pure: rows come in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from controller.lobby.aggregate import Row
from controller.record.actions.cards import CardCounted, Counts
from controller.record.actions.complaints import FORM, ComplaintOpened, OfCause, counted
from controller.record.actions.opinions import OpinionGiven


@dataclass(slots=True)
class Month:
    """A month's complaints by the code of their cause; of those opened, how many came by the form; the opinions at the
    form by score, 1 to 5; and the cards by kind and need."""

    causes: dict[str, OfCause] = field(default_factory=dict)
    by_form: int = 0
    opinions: dict[int, int] = field(default_factory=dict)
    cards: Counts = field(default_factory=dict)


def month_of(rows: Iterable[Row], month: str) -> Month:
    """What the rows tell of a month, YYYY-MM; those of other business days are left out."""
    found = Month()
    for row in rows:
        if row.day[:7] != month:
            continue
        counted(found.causes, row)
        match row.event:
            case ComplaintOpened(source=source):
                found.by_form += source == FORM
            case OpinionGiven(score=score):
                found.opinions[score] = found.opinions.get(score, 0) + 1
            case CardCounted() as event:
                needs = found.cards.setdefault(event.card, {})
                needs[event.need] = needs.get(event.need, 0) + (-1 if event.less else 1)
    return found
