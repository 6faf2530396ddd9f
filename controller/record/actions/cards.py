"""Referral cards, care cards and booklets (转介卡、关怀卡、服务问题小册): counts by day and need, never names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from controller.lobby.actions.press import Field, Press, Where, key
from controller.lobby.actions.registry import Decision
from controller.lobby.aggregate import Row
from controller.lobby.model.outcome import Refused
from controller.lobby.model.rules import Rules
from controller.record.registry import RecordCommand, applies, decides, pictured
from controller.record.state import Facts, Part, RecordEvent

CARDS = ("referral", "care", "booklet")
OTHER = "other"
NEEDS = ("wealth", "loan", "card", "digital", "elderly", "access", OTHER)

CARD = Field("card", "", f"what was handed out: {', '.join(CARDS)}", longest=16)
NEED = Field("need", "", "what for: a need of [handouts] needs; empty: other", longest=32)
LESS = Field("less", False, "one less: the last was counted by mistake")


@dataclass(frozen=True, slots=True)
class CardSettings:
    """The needs, with their names by language; those missing are the wording's."""

    needs: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: {id: {} for id in NEEDS})

    def name_of(self, need: str, rules: Rules) -> str:
        """A need's name in the language of the rules."""
        own = self.needs.get(need, {}).get(rules.wording.language, "")
        return own or rules.wording.templates.get(f"handout.need_{need}", need)


Counts = dict[str, dict[str, int]]
"""How many, by card and need."""


@dataclass(slots=True)
class Cards(Part):
    """What was handed out today, and in a month (YYYY-MM) so far."""

    NAME = "cards"

    today: Counts = field(default_factory=dict)
    month: str = ""
    so_far: Counts = field(default_factory=dict)

    def carried(self) -> Mapping[str, Any]:
        return {"month": self.month, "so_far": self.so_far} if self.so_far else {}

    @classmethod
    def resumed(cls, carried: Mapping[str, Any]) -> Self:
        so_far = {card: dict(needs) for card, needs in carried.get("so_far", {}).items()}
        return cls(month=carried.get("month", ""), so_far=so_far)


@dataclass(frozen=True, slots=True, kw_only=True)
class CountCard(RecordCommand):
    """A card or booklet was handed out; `less`: one was counted by mistake."""

    card: str = ""
    need: str = ""
    counter: str = ""
    less: bool = False


@key("COUNT", Where.RECORD, CARD, NEED, LESS)
def _by_manager(press: Press) -> CountCard:
    """Count a card or a service booklet that was handed out."""
    return CountCard(**press.by_hand, card=press[CARD], need=press[NEED], less=press[LESS])


@key("COUNT", Where.COUNTER, CARD, NEED, LESS)
def _at_counter(press: Press) -> CountCard:
    """Count a card or a service booklet that was handed out at the counter."""
    by = f"counter/{press.counter}"
    return CountCard(**press.at_counter, by=by, card=press[CARD], need=press[NEED], less=press[LESS])


@dataclass(frozen=True, slots=True)
class CardCounted(RecordEvent):
    """A card or booklet was handed out for a need; `less`: one was counted by mistake."""

    card: str
    need: str
    by: str
    counter: str | None = None
    less: bool | None = None


@decides(CountCard)
def _count(facts: Facts, command: CountCard) -> Decision:
    needs = facts.of(CardSettings).needs
    if command.card not in CARDS:
        raise Refused("unknown_card_kind", card=command.card, cards=" ".join(CARDS))
    if command.need and command.need not in needs:
        raise Refused("unknown_card_need", need=command.need, needs=" ".join(needs))
    if command.counter and command.counter not in facts.rules.lobby.counters:
        raise Refused("unknown_counter", counter=command.counter)
    need = command.need or OTHER
    if command.less and not facts.part(Cards).today.get(command.card, {}).get(need):
        raise Refused("none_counted")
    return [CardCounted(command.card, need, command.by, command.counter or None, command.less or None)]


@applies(Cards, CardCounted)
def _counted(part: Cards, event: CardCounted, row: Row) -> None:
    if part.month != row.day[:7]:
        part.month, part.so_far = row.day[:7], {}
    for counts in (part.today, part.so_far):
        needs = counts.setdefault(event.card, {})
        needs[event.need] = max(0, needs.get(event.need, 0) + (-1 if event.less else 1))


@pictured("cards")
def _picture(facts: Facts) -> Mapping[str, Any]:
    """What was handed out today and this month, by need."""
    part, settings = facts.part(Cards), facts.of(CardSettings)
    so_far = part.so_far if part.month == facts.lobby.day[:7] else {}
    seen = [*settings.needs, *(need for needs in so_far.values() for need in needs if need not in settings.needs)]
    return {
        "cards": [{"id": card, "name": facts.say(f"handout.{card}")} for card in CARDS],
        "needs": [{"id": need, "name": settings.name_of(need, facts.rules.lobby)} for need in dict.fromkeys(seen)],
        "today": part.today,
        "month": so_far,
    }
