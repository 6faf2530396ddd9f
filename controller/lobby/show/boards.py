"""What hall boards show, line by line, of the whole branch or of one zone of it."""

from __future__ import annotations

from collections.abc import Mapping

from controller.lobby.forecast import waiting
from controller.lobby.model.rules import HallZone, Rules
from controller.lobby.model.state import State
from controller.lobby.model.units import Ms
from controller.lobby.show import hall, views
from controller.lobby.show.views import Waits, is_beyond

FOOTER_SOON = 2
"""Tickets that fit into one line."""
FOOTER_TURN = 10
"""Seconds for which the line that takes turns shows the same."""


def calls(state: State, rules: Rules, lines: int, zone: HallZone | None = None) -> list[str]:
    """The calls, newest first."""
    shown = hall.calls(state, zone or hall.whole(rules))[:lines]
    return [rules.wording.say("board.call", ticket=call.ticket, counter=call.counter) for call in shown]


def footer(state: State, rules: Rules, waits: Waits, at: Ms, zone: HallZone | None = None) -> str:
    """One line: in turn the next tickets, and the expected wait of each service."""
    zone = zone or hall.whole(rules)
    next_ones = hall.soon(state, rules, zone, at)
    texts = [rules.wording.say("board.soon", tickets=" ".join(next_ones[:FOOTER_SOON]))] if next_ones else []
    texts += [
        rules.wording.say(
            "board.beyond" if is_beyond(least) else "board.wait" if most else "board.free",
            service=rules.service_name(service),
            least=least,
            most=most,
            hours=waiting.HORIZON // 3600,
        )
        for service, (least, most) in waits.items()
        if service in zone.services
    ]
    return texts[at // (FOOTER_TURN * 1000) % len(texts)] if texts else ""


def notice(state: State, rules: Rules, words: Mapping[str, str], at: Ms) -> str:
    """What an emergency asks of customers, then the lobby manager's notices, oldest first, in one line; `words`: what
    she typed, by notice."""
    plan = views.emergency_plan(state, rules)
    texts = [plan.notice] if plan else []
    return "    ".join([*texts, *(posted["text"] for posted in hall.posted(state, words, at))])
