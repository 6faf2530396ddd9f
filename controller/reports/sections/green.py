"""The green channel and other privileges: who had one, why, and what it cost the others."""

from __future__ import annotations

from controller.lobby.model.state import Effect
from controller.reports.document import Column, Data, Section, Table, Value

PLACE = 50
KINDS = ("day", "week", "month")


def section(data: Data) -> Section | None:
    """By class: tickets, and those who would have been called before it without its privilege."""
    own, rules, say = data.own, data.rules, data.say
    tickets = own.tickets("klass")
    ids = data.ordered(rules.classes, {id for id in tickets if rules.credit(id)} | {*own.effects})
    if not ids:
        return None
    rows: list[list[Value]] = []
    for id in ids:
        effect = own.effects.get(id, Effect())
        mean = round(effect.seconds / effect.passed / 60, 1) if effect.passed else None
        share = round(tickets[id] / tickets.total(), 3) if tickets.total() else None
        most = round(effect.most / 60, 1) if effect.passed else None
        rows.append([rules.class_name(id), tickets[id], share, effect.passed, mean, most])
    columns = [
        Column("name", say("class"), "text"),
        Column("tickets", say("tickets")),
        Column("share", say("share_tickets"), "share"),
        Column("passed", say("passed")),
        Column("passed_by_mean", say("passed_by_mean"), "minutes"),
        Column("passed_by_max", say("passed_by_max"), "minutes"),
    ]
    tables = [Table("class", say("green_by_class"), columns, ids, rows)]
    if own.grants:
        grants = sorted(own.grants.items(), key=lambda each: (-each[1], each[0]))
        granted: list[list[Value]] = [
            [rules.class_name(klass), _reason(data, reason), count] for (klass, reason), count in grants
        ]
        heads = [
            Column("name", say("class"), "text"),
            Column("reason", say("reason"), "text"),
            Column("tickets", say("tickets")),
        ]
        ids = [f"{klass}/{reason}" for (klass, reason), _ in grants]
        tables.append(Table("grants", say("grants"), heads, ids, granted))
    return Section("green", say("green"), tables, note=say("green_note"))


def _reason(data: Data, code: str) -> str:
    if code in ("", "remark"):
        return data.rules.wording.say(f"page.today.reason_{code or 'none'}")
    return data.rules.wording.templates.get(f"reason.{code}", code)
