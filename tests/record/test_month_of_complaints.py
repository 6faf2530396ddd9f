"""A month by cause, against the journal's own SQL."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path
from random import Random

from controller.journal import Journal
from controller.record.actions.opinions import GiveOpinion
from record.desk import Desk
from record.month import month_of

CAUSES = ("waiting", "attitude", "fees", "other")


@cache
def some_months() -> Desk:
    """From the end of November to January, with everything that can happen to a complaint."""
    desk, dice = Desk(), Random(7)
    for _ in range(40):
        desk.do_nothing()
        for step in range(12):
            about = dice.choice(CAUSES)
            open = [*desk.picture("complaints")["open"]]
            match dice.randrange(6):
                case 0 | 1:
                    desk.press("COMPLAINT", about=about, contact=dice.random() < 0.4)
                case 2:
                    cause = f"form:{desk.now}:{step}"
                    desk.do(GiveOpinion(at=desk.now, cause=cause, score=dice.randint(1, 5), about=about))
                case 3 if open:
                    desk.press("ANSWER", complaint=dice.choice(open)["id"], outcome="solved")
                case 4 if open:
                    desk.press("SETTLE", complaint=dice.choice(open)["id"])
                case 5:
                    desk.press("COUNT", card=dice.choice(("care", "booklet")), need="loan", less=dice.random() < 0.2)
            desk.go(15).look()
        desk.go(24 * 60 - 12 * 15)
    return desk


SQL = """
SELECT data ->> 'about',
    sum(kind = 'complaint_opened'),
    sum(kind = 'complaint_opened' AND data ->> 'contact'),
    sum(kind = 'complaint_answered' AND data ->> 'again' IS NULL),
    sum(kind = 'complaint_answered' AND data ->> 'again' IS NULL AND data ->> 'late'),
    sum(kind = 'complaint_escalated'),
    sum(kind = 'complaint_settled'),
    coalesce(sum((at - (data ->> 'since')) / 1000)
        FILTER (WHERE kind = 'complaint_answered' AND data ->> 'again' IS NULL), 0)
FROM event
WHERE day LIKE ? || '-%'
    AND kind IN ('complaint_opened', 'complaint_answered', 'complaint_escalated', 'complaint_settled')
GROUP BY 1
"""


def test_a_month_by_cause_is_what_the_rows_say(tmp_path: Path) -> None:
    path, desk = tmp_path / "lobby.db", some_months()
    with closing(Journal(path)) as journal:
        journal.append(desk.rows).result()
        for month in ("2026-11", "2026-12", "2027-01", "2027-02"):
            found = month_of(desk.rows, month)
            with closing(sqlite3.connect(path)) as sql:
                wanted = {cause: tuple(numbers) for cause, *numbers in sql.execute(SQL, (month,))}
                assert {
                    cause: (c.opened, c.contact, c.answered, c.late, c.escalated, c.settled, c.seconds)
                    for cause, c in found.causes.items()
                } == wanted
                opinions = "SELECT data ->> 'score', count(*) FROM event WHERE kind = 'opinion_given' AND day LIKE ?"
                assert found.opinions == dict(sql.execute(f"{opinions} GROUP BY 1", (f"{month}-%",)))
                cards = (
                    "SELECT data ->> 'card', sum(iif(data ->> 'less', -1, 1)) FROM event "
                    "WHERE kind = 'card_counted' AND day LIKE ? GROUP BY 1"
                )
                assert {card: sum(n.values()) for card, n in found.cards.items()} == dict(
                    sql.execute(cards, (f"{month}-%",))
                )
            assert bool(wanted) == (month != "2027-02")
        of_form = [row for row in desk.rows if row.day[:7] == "2026-12" and row.event.to_row().get("source") == "form"]
        assert month_of(desk.rows, "2026-12").by_form == len(of_form) > 0


def test_the_page_has_the_same_figures_of_the_month_so_far() -> None:
    desk = some_months()
    shown = {each["id"]: each for each in desk.picture("complaints")["month"]}
    found = month_of(desk.rows, desk.branch.state.day[:7]).causes
    assert found.keys() == shown.keys()
    for cause, count in found.items():
        assert (shown[cause]["opened"], shown[cause]["late"]) == (count.opened, count.late)
        assert shown[cause]["minutes"] == count.minutes
