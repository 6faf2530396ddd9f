"""Cards and booklets that were handed out: counts by day and need, never names."""

from __future__ import annotations

import pytest

from controller.lobby.actions.press import Where
from controller.record.actions.cards import CardCounted, CardSettings
from record.desk import Desk


def test_what_is_handed_out_is_counted_by_need() -> None:
    desk = Desk()
    (counted,) = desk.press("COUNT", card="referral", need="loan")
    assert isinstance(counted, CardCounted)
    assert counted.to_row() == {"card": "referral", "need": "loan", "by": "user/li"}
    (counted,) = desk.press("COUNT", where=Where.COUNTER, counter="2", card="care", need="elderly")
    assert counted.to_row() == {"card": "care", "need": "elderly", "by": "counter/2", "counter": "2"}
    desk.press("COUNT", card="referral", need="loan")
    desk.press("COUNT", card="booklet")
    assert desk.picture("cards")["today"] == {"referral": {"loan": 2}, "care": {"elderly": 1}, "booklet": {"other": 1}}
    desk.press("COUNT", card="referral", need="loan", less=True)
    assert desk.picture("cards")["today"]["referral"] == {"loan": 1}
    desk.press("COUNT", card="referral", need="loan", less=True)
    assert desk.press("COUNT", card="referral", need="loan", less=True) == "none was counted today"
    assert str(desk.press("COUNT", card="birthday")).startswith('there is no card "birthday"')
    assert str(desk.press("COUNT", card="care", need="Mrs Li")).startswith('there is no need "Mrs Li"')


def test_a_month_goes_on_over_days_and_restarts_and_ends() -> None:
    desk = Desk()
    desk.press("COUNT", card="care", need="access")
    desk.go(24 * 60).press("COUNT", card="care", need="access")
    shown = desk.picture("cards")
    assert (shown["today"], shown["month"]) == ({"care": {"access": 1}}, {"care": {"access": 2}})
    assert desk.replayed().picture("cards") == shown
    desk.go(7 * 24 * 60).do_nothing()  # December
    assert desk.picture("cards")["month"] == {}
    desk.press("COUNT", card="care", need="access")
    assert desk.picture("cards")["month"] == {"care": {"access": 1}}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_cards_and_needs_have_names(language: str) -> None:
    shown = Desk(language=language).picture("cards")
    assert not {each["name"] for each in (*shown["cards"], *shown["needs"])} & {each["id"] for each in shown["needs"]}
    own = Desk(CardSettings({"gold": {"zh": "贵金属", "en": "Gold"}, "other": {}}), language=language)
    names = [each["name"] for each in own.picture("cards")["needs"]]
    assert names == {"zh": ["贵金属", "其他"], "en": ["Gold", "Something else"]}[language]
