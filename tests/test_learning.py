"""What the lobby learns of itself: times at the counter, calls that nobody answers, and honest ranges."""

from __future__ import annotations

import json
from itertools import pairwise
from random import Random
from statistics import fmean

import pytest
from branches import MINUTE, Lobby, branch, half_hours, history, long_steps
from hypothesis import given
from hypothesis import strategies as st

from controller.lobby.actions.call_number import CallNumber
from controller.lobby.actions.close_counter import Close
from controller.lobby.actions.command import Command, CounterCommand
from controller.lobby.actions.finish import Finish
from controller.lobby.actions.hold import Hold
from controller.lobby.actions.no_show import NoShow
from controller.lobby.actions.open_counter import Open
from controller.lobby.actions.pause_counter import Pause
from controller.lobby.actions.promote import Promote
from controller.lobby.actions.reassign import Reassign
from controller.lobby.actions.start import Start
from controller.lobby.actions.undo_at_counter import UndoAtCounter
from controller.lobby.actions.unhold import Unhold
from controller.lobby.model.knowledge import (
    BAND,
    BREAK,
    BUCKETS,
    ENOUGH,
    FADES,
    FURTHEST,
    LONGEST,
    MISSED_TIME,
    MISSES,
    OPENING,
    PRIOR_WEIGHT,
    TAIL,
    Knowledge,
    whole_minutes,
)
from controller.lobby.model.outcome import Refusal
from controller.lobby.model.rules import Appointments, Rules

RULES = branch({"1": {"cash": 0}}, services={"cash": {"minutes": 4}})
SEED = 20261122
LATER = OPENING + 1
"""An hour at which the day has long begun."""


def do(lobby: Lobby, command: type[CounterCommand]) -> None:
    answer = lobby.do(command(at=lobby.now, cause="", counter="1"))
    assert not isinstance(answer, Refusal), answer


# -- times at the counter -------------------------------------------------------------------------------------------


def test_without_experience_the_mean_is_the_configured_one() -> None:
    assert Knowledge().mean("cash", "normal", 240) == 240


def test_experience_is_weighed_against_the_configured_mean() -> None:
    known = Knowledge()
    for _ in range(PRIOR_WEIGHT):
        known.served("cash", "normal", 480)
    of_service = (240 + 480) / 2
    assert known.mean("cash", "vip", 240) == of_service
    assert known.mean("cash", "normal", 240) == (of_service + 480) / 2
    assert known.mean("loans", "normal", 600) == 600


def test_many_customers_outweigh_the_configuration() -> None:
    known = Knowledge()
    for _ in range(5000):
        known.served("cash", "normal", 100)
    assert known.mean("cash", "normal", 480) == pytest.approx(100, abs=3)


@pytest.mark.parametrize(("seconds", "counts"), [(0, True), (LONGEST, True), (LONGEST + 1, False), (-1, False)])
def test_a_ticket_forgotten_at_the_counter_and_a_clock_set_back_teach_nothing(seconds: float, counts: bool) -> None:
    known = Knowledge()
    known.served("cash", "normal", seconds)
    assert bool(known.times) == counts


def test_the_lobby_learns_from_the_call_to_the_end() -> None:
    lobby = Lobby(RULES)
    for seconds in (100, 200):
        lobby.take("cash", "vip")
        lobby.call("1")
        lobby.now += seconds * 500
        do(lobby, Start)
        lobby.now += seconds * 500
        do(lobby, Finish)
    assert lobby.state.knowledge.times == {"cash": {"vip": [2, 300]}}


def test_a_no_show_is_no_service_but_a_call_that_nobody_answered() -> None:
    lobby = Lobby(RULES)
    lobby.take("cash")
    lobby.call("1")
    lobby.now += 45_000
    do(lobby, NoShow)
    known = lobby.state.knowledge
    assert known.times == {}
    assert known.calls[0] == [1, 1]
    assert known.missed == [1, 45]
    assert known.misses(0) == (1 + PRIOR_WEIGHT * MISSES) / (1 + PRIOR_WEIGHT)
    assert known.missed_time == (45 + PRIOR_WEIGHT * MISSED_TIME) / (1 + PRIOR_WEIGHT)


def test_the_longer_people_wait_the_more_have_left_is_kept_apart() -> None:
    known = Knowledge()
    for _ in range(1000):
        known.came(10 * MINUTE, 0, missed=False)
        known.came(90 * MINUTE, 60, missed=True)
    assert known.misses(5 * MINUTE) < 0.01
    assert known.misses(20 * MINUTE) == MISSES
    assert known.misses(60 * MINUTE) > 0.9


def test_a_pause_that_is_taken_back_was_none() -> None:
    lobby = Lobby(RULES)
    lobby.take("cash")
    lobby.call("1")
    opened = lobby.state.counter("1").since
    lobby.wait(1)
    do(lobby, Pause)
    lobby.now += 3000
    do(lobby, UndoAtCounter)
    assert lobby.state.knowledge.pauses == [0, 0]
    assert lobby.state.counter("1").since == opened


def test_only_the_first_call_of_a_ticket_tells_whether_people_come() -> None:
    lobby = Lobby(RULES)
    lobby.take("cash")
    lobby.call("1")
    do(lobby, Hold)
    lobby.wait(1)
    do(lobby, Unhold)
    lobby.wait(1)
    do(lobby, NoShow)
    assert lobby.state.knowledge.calls[0] == [1, 0]


# -- ranges ---------------------------------------------------------------------------------------------------------


@given(st.integers(0, 5 * 3600), st.sampled_from(("normal", "vip")), st.integers(0, 36_000))
def test_the_first_guess_is_a_range_about_the_prediction(rolled: int, klass: str, into_day: int) -> None:
    least, middle, most = Knowledge().range("cash", klass, rolled, into_day)
    assert 0 <= least <= middle <= most
    assert least <= rolled <= most
    assert (least, most) == whole_minutes(least, most), "it is told as it is"


@given(st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 8000)), max_size=200), st.integers(0, 4000))
def test_a_range_is_in_order_whatever_was_learned(waits: list[tuple[int, int]], rolled: int) -> None:
    known = Knowledge()
    for predicted, actual in waits:
        known.waited("cash", "normal", predicted, known.range("cash", "normal", predicted, LATER), LATER, actual)
    least, middle, most = known.range("cash", "normal", rolled, LATER)
    assert 0 <= least <= middle <= most


def lived(
    known: Knowledge, chance: Random, klass: str, bias: float, spread: float, count: int, service: str = "cash"
) -> list[bool]:
    """Customers whose waits are off by a factor of their own; whether each was within the range it was told."""
    inside = []
    for _ in range(count):
        rolled = round(chance.uniform(0, 45 * MINUTE))
        told = known.range(service, klass, rolled, LATER)
        actual = max(0, round((rolled + 60) * chance.lognormvariate(bias, spread)) - 60)
        known.waited(service, klass, rolled, told, LATER, actual)
        inside.append(told[0] <= actual <= told[2])
    return inside


@pytest.mark.parametrize(("bias", "spread"), [(0.0, 0.1), (0.0, 0.8), (0.7, 0.3), (-0.7, 0.3)])
def test_four_in_five_waits_come_to_lie_in_the_range(bias: float, spread: float) -> None:
    print(f"seed {SEED}")
    known, chance = Knowledge(), Random(SEED)
    lived(known, chance, "normal", bias, spread, 3000)
    inside = lived(known, chance, "normal", bias, spread, 3000)
    assert fmean(inside) == pytest.approx(1 - 2 * TAIL, abs=0.035)
    least, middle, most = known.range("cash", "normal", 20 * MINUTE, LATER)
    assert middle == pytest.approx((20 * MINUTE + 60) * 2.718281828**bias - 60, rel=0.12)
    assert most - least < 60 * MINUTE * max(spread, 0.2) * 3


def test_a_branch_that_changes_is_followed() -> None:
    print(f"seed {SEED}")
    known, chance = Knowledge(), Random(SEED)
    lived(known, chance, "normal", 0.0, 0.2, 2000)
    before = known.range("cash", "normal", 20 * MINUTE, LATER)
    lived(known, chance, "normal", 0.6, 0.2, 6000)
    after = known.range("cash", "normal", 20 * MINUTE, LATER)
    assert after[1] > before[1]
    assert after[2] > before[2]


def test_a_class_and_a_service_have_their_own_range_once_they_have_enough() -> None:
    """Corporate business waits longer than is reckoned, and vips of cash: neither is hidden by the many others."""
    print(f"seed {SEED}")
    known, chance = Knowledge(), Random(SEED)
    lived(known, chance, "normal", 0.0, 0.1, 1000)
    of_all = known.range("cash", "vip", 20 * MINUTE, LATER)
    assert of_all == known.range("cash", "green", 20 * MINUTE, LATER)
    lived(known, chance, "vip", 1.0, 0.1, 12 * ENOUGH)
    lived(known, chance, "normal", 0.6, 0.1, 12 * ENOUGH, "corporate")
    assert known.range("cash", "vip", 20 * MINUTE, LATER)[0] > of_all[2]
    assert known.range("corporate", "normal", 20 * MINUTE, LATER)[0] > of_all[2]
    assert known.range("cash", "normal", 20 * MINUTE, LATER)[2] < known.range("cash", "vip", 20 * MINUTE, LATER)[0]
    inside = {
        (service, klass): fmean(lived(known, chance, klass, bias, 0.3, 3000, service)[1500:])
        for service, klass, bias in (("cash", "normal", 0.0), ("cash", "vip", 1.0), ("corporate", "normal", 0.6))
    }
    print(inside)
    assert all(0.74 <= part <= 0.86 for part in inside.values())


def test_where_nobody_can_come_too_soon_a_fifth_may_come_later() -> None:
    """A range that begins with 0 covers four in five as well."""
    print(f"seed {SEED}")
    known, chance = Knowledge(), Random(SEED)
    inside = []
    for _ in range(6000):
        told = known.range("cash", "normal", 2 * MINUTE, LATER)
        actual = round(chance.expovariate(1 / 400))
        known.waited("cash", "normal", 2 * MINUTE, told, LATER, actual)
        inside.append((told[0], told[0] <= actual <= told[2]))
    late = inside[2000:]
    assert all(least == 0 for least, _ in late)
    assert fmean(hit for _, hit in late) == pytest.approx(1 - 2 * TAIL, abs=0.03)


@pytest.mark.parametrize("seconds", [20, 45])
def test_who_is_called_at_once_is_told_a_minute(seconds: int) -> None:
    """Where nobody waits longer, the range is as short as can be, whatever is told of longer predictions."""
    known = Knowledge()
    for _ in range(4 * ENOUGH):
        for rolled, actual in ((seconds, seconds), (4 * MINUTE, 9 * MINUTE)):
            told = known.range("cash", "normal", rolled, LATER)
            known.waited("cash", "normal", rolled, told, LATER, actual)
    least, middle, most = known.range("cash", "normal", seconds, LATER)
    assert (least, most) == (0, MINUTE)
    assert middle == pytest.approx(seconds, abs=5)
    assert known.range("cash", "normal", 4 * MINUTE, LATER)[1] > 7 * MINUTE


def test_a_range_that_begins_with_0_ends_at_the_minute_that_holds_more_nearly_four_in_five() -> None:
    """Of waits that are spread evenly over four minutes and a little more, three minutes hold 71 %, and four 94 %."""
    known, chance = Knowledge(), Random(SEED)
    print(f"seed {SEED}")
    for _ in range(4000):
        known.waited("cash", "normal", 100, (0, 100, 180), LATER, round(chance.uniform(0, 254)))
    for errors in known.errors.values():
        errors.below = errors.above = TAIL
    assert known.range("cash", "normal", 100, LATER)[::2] == (0, 180)


def test_short_waits_and_long_ones_and_the_days_beginning_are_kept_apart() -> None:
    known = Knowledge()
    first = known.range("cash", "normal", 10 * MINUTE, LATER)
    for _ in range(5 * ENOUGH):
        known.waited("cash", "normal", 10 * MINUTE, first, 0, 40 * MINUTE)
        known.waited("cash", "normal", 60 * MINUTE, (40 * MINUTE, 60 * MINUTE, 80 * MINUTE), LATER, 180 * MINUTE)
    assert known.range("cash", "normal", 10 * MINUTE, LATER) == first
    assert known.range("cash", "normal", 10 * MINUTE, 0)[1] > 30 * MINUTE
    assert known.range("cash", "normal", BUCKETS[-1], LATER)[1] > 1.5 * BUCKETS[-1]


@pytest.mark.parametrize("actual", [-3600, 0, 3 * 3600])
def test_a_clock_that_jumps_does_not_stop_the_learning(actual: int) -> None:
    known = Knowledge()
    known.waited("cash", "normal", 0, (0, 0, 0), -5, actual)
    known.came(-100, -100, missed=True)
    least, middle, most = known.range("cash", "normal", 600, LATER)
    assert 0 <= least <= middle <= most


@pytest.mark.parametrize(("actual", "counts"), [(0, True), (3 * 900 + 3600, True), (3 * 900 + 3601, False)])
def test_a_wait_that_no_range_could_have_told_teaches_nothing(actual: int, counts: bool) -> None:
    """It is the clock's, or the ticket was forgotten."""
    known = Knowledge()
    known.waited("cash", "normal", 600, (300, 600, 900), LATER, actual)
    assert bool(known.errors) == counts


def test_the_wait_of_an_appointment_is_learned_from_its_slot_on() -> None:
    """Who checks in an hour before does not teach the lobby that people wait an hour."""
    lobby = Lobby(branch({"1": {"cash": 0}}, appointments=Appointments(half_hours("09:00", "12:00"))))
    do(lobby, Open)
    lobby.take("cash")
    lobby.call("1")
    ticket = lobby.state.tickets[lobby.take("cash", slot="10:00")]
    lobby.wait(63)
    lobby.call("1")
    assert list(lobby.state.waits["appointment"]) == [3 * MINUTE]
    assert ticket.waits_from == 1000 * ticket.slot


def test_tickets_that_people_have_moved_teach_nothing_of_waits() -> None:
    def learned(command: Command | None, counter: str = "1") -> int:
        lobby = Lobby(branch({"1": {"cash": 0}, "2": {"cash": 0}}))
        do(lobby, Open)
        lobby.take("cash")
        lobby.call("1")
        assert lobby.state.tickets[lobby.take("cash")].expected
        if command:
            answer = lobby.do(command)
            assert not isinstance(answer, Refusal)
        lobby.call(counter)
        return len(lobby.state.knowledge.errors)

    base = {"at": Lobby(RULES).now, "cause": ""}
    assert learned(None) == 4, "its own service and class, each of them, and all"
    manager = base | {"by": "panel", "ticket": "A002"}
    assert learned(Promote(**manager, klass="vip")) == 0  # type: ignore[arg-type]
    assert learned(Reassign(**manager, counter="2"), "2") == 0  # type: ignore[arg-type]
    assert learned(CallNumber(**base, counter="1", digits="2")) == 0  # type: ignore[arg-type]


# -- from day to day ------------------------------------------------------------------------------------------------


def test_what_is_known_fades_from_day_to_day() -> None:
    known = Knowledge()
    for _ in range(100):
        known.served("cash", "normal", 100)
        known.waited("cash", "normal", 600, (300, 600, 900), LATER, 700)
    older = Knowledge.from_summary(json.loads(json.dumps(known.summary())))
    assert older.times["cash"]["normal"] == [pytest.approx(100 * FADES), pytest.approx(10_000 * FADES)]
    (cell, *_) = older.errors.values()
    assert cell.count == pytest.approx(100 * FADES)
    assert older.days == FADES
    forgotten = known
    for _ in range(400):
        forgotten = Knowledge.from_summary(json.loads(json.dumps(forgotten.summary())))
    assert forgotten.mean("cash", "normal", 240) == pytest.approx(240, abs=1)
    assert (forgotten.times, forgotten.errors) == ({"cash": {}}, {}), "what weighs nothing is not written any more"
    assert forgotten.days < 0.1


def test_a_summary_says_all_that_there_is() -> None:
    """Two lobbies that begin a day with it know the same, today's ranges included."""
    lobby = history(branch({"1": {"cash": 0}, "2": {"personal": 0, "cash": 5}}), long_steps(3, 1500))
    summary = lobby.state.knowledge.summary()
    one, other = Knowledge.from_summary(summary), Knowledge.from_summary(json.loads(json.dumps(summary)))
    assert one == other
    assert one.summary() == other.summary()
    assert one.errors
    assert one.range("cash", "normal", 600, LATER) == other.range("cash", "normal", 600, LATER)


def days(rules: Rules, count: int) -> Lobby:
    lobby = Lobby(rules)
    for _ in range(count):
        for _ in range(30):
            lobby.take("cash")
            lobby.call("1")
            lobby.wait(8)
            do(lobby, Finish)
        lobby.wait(20 * 60)
    lobby.take("cash")
    return lobby


def test_a_days_journal_alone_rebuilds_what_earlier_days_have_taught() -> None:
    lobby = days(RULES, 3)
    taught = lobby.state.knowledge
    assert taught.mean("cash", "normal", 240) > 6 * MINUTE, "eight minutes each, and four are configured"
    first_of_today = max(n for n, row in enumerate(lobby.rows) if row["kind"] == "day_opened")
    today = Lobby(RULES)
    today.rows = lobby.rows[first_of_today:]
    assert today.replayed().picture() == lobby.state.picture()
    opened = [row["data"] for row in lobby.rows if row["kind"] == "day_opened"]
    assert len(opened) == 4
    weights = [data["learned"]["times"].get("cash", {}).get("normal", [0])[0] for data in opened]
    assert all(before < after for before, after in pairwise(weights))


def test_nothing_is_known_without_a_summary() -> None:
    assert Knowledge.from_summary(None) == Knowledge.from_summary({}) == Knowledge()


def test_summaries_of_before_are_read() -> None:
    """They have bins of 40 thousandths by their names, no services, no days and no pauses, and do not say where their
    four buckets part."""
    old = {
        "times": {"cash": {"normal": [100.0, 24000.0]}},
        "errors": {
            "2:normal": [0.12, 0.08, {"5": 40.0, "4": 20.0, "-1": 30.0}],
            "2:*": [0.1, 0.1, {"-1": 90.0}],
            "3:*": [0.1, 0.1, {}],
        },
        "calls": [[10, 1]] * 4,
        "missed": [4, 240],
    }
    known = Knowledge.from_summary(old)
    assert known.errors.keys() == {"5:normal", "5:*", "6:*"}
    assert known.errors["5:normal"].bins == {2: 60.0, -1: 30.0}
    assert (known.errors["5:normal"].below, known.errors["5:normal"].above) == (0.12, 0.08)
    assert known.mean("cash", "normal", 240) == 240
    assert known.pause == BREAK
    least, _, most = known.range("cash", "normal", 20 * MINUTE, LATER)
    assert 15 * MINUTE <= least < most <= 30 * MINUTE
    again = Knowledge.from_summary(json.loads(json.dumps(known.summary())))
    assert again.errors["5:normal"].count == pytest.approx(90 * FADES)


def test_what_was_learned_in_one_bucket_counts_in_all_that_it_was_cut_into() -> None:
    """A summary with four buckets: what it has below five minutes, in equal parts; the longer ones as they are."""
    weights = [10.0, 40.0, 10.0]
    cells = {"0:*": [0.2, 0.1, -1, weights], "opening:0:cash:vip": [0.1, 0.1, -1, weights]}
    cells |= {"1:normal": [0.1, 0.3, -1, weights], "3:cash:*": [0.1, 0.1, -1, weights]}
    known = Knowledge.from_summary({"errors": cells})
    names = {f"{n}:*" for n in range(4)} | {f"opening:{n}:cash:vip" for n in range(4)} | {"4:normal", "6:cash:*"}
    assert known.errors.keys() == names
    assert all(known.errors[f"{n}:*"].bins == {-1: 2.5, 0: 10.0, 1: 2.5} for n in range(4))
    assert {known.errors[f"{n}:*"].below for n in range(4)} == {0.2}
    assert known.errors["4:normal"].bins == {-1: 10.0, 0: 40.0, 1: 10.0}
    assert known.errors["4:normal"].above == 0.3
    again = Knowledge.from_summary(json.loads(json.dumps(known.summary())))
    assert again.errors.keys() == names, "a summary that says where its buckets part is taken as it is"
    assert sum(each.count for each in again.errors.values()) == pytest.approx(4 * 60 * FADES, abs=0.5)


@pytest.mark.long
def test_however_much_is_learned_a_summary_stays_small() -> None:
    """Three services, five classes, waits of every kind, for two months."""
    print(f"seed {SEED}")
    known, chance = Knowledge(), Random(SEED)
    for _ in range(60):
        for _ in range(400):
            service, klass = chance.choice(("a", "b", "c")), chance.choice(("1", "2", "3", "4", "5"))
            rolled, into_day = chance.randrange(3600), chance.choice((0, LATER))
            told = known.range(service, klass, rolled, into_day)
            actual = round((rolled + 60) * chance.lognormvariate(0, 0.7))
            known.waited(service, klass, rolled, told, into_day, actual)
            known.served(service, klass, chance.uniform(100, 300))
        known = Knowledge.from_summary(json.loads(json.dumps(known.summary())))
    written = len(json.dumps(known.summary(), separators=(",", ":")))
    print(f"{written} bytes")
    assert written < 60_000
    assert all(len(cell.bins) <= 2 * FURTHEST + 1 for cell in known.errors.values())


# -- days that are unlike all others ----------------------------------------------------------------------------------


def a_day(known: Knowledge, seconds: float, count: int = 200) -> Knowledge:
    """So many customers at the counter for so long, where four minutes are configured, who waited accordingly; what is
    known on the next morning."""
    for n in range(count):
        known.served("cash", "normal", seconds)
        rolled = 60 * (n % 40)
        told = known.range("cash", "normal", rolled, LATER)
        known.waited("cash", "normal", rolled, told, LATER, round(rolled * seconds / 240))
    return Knowledge.from_summary(json.loads(json.dumps(known.summary({"cash": 240}))))


def days_of(*seconds: float) -> Knowledge:
    known = Knowledge()
    for each in seconds:
        known = a_day(known, each)
    return known


@pytest.mark.parametrize("nonsense", [1, 2400])
def test_one_odd_day_spoils_nothing(nonsense: float) -> None:
    known = days_of(240, 240, 240, 240, nonsense)
    assert known.odd
    assert known.mean("cash", "normal", 240) == pytest.approx(240, rel=0.01)
    least, middle, most = known.range("cash", "normal", 20 * MINUTE, LATER)
    assert middle == pytest.approx(20 * MINUTE, rel=0.1)
    assert 10 * MINUTE <= least < most <= 30 * MINUTE
    assert not a_day(known, 240).odd


def test_a_branch_that_has_changed_is_believed_on_the_second_day() -> None:
    changed = days_of(240, 240, 240, 240, 700, 700, 700, 700, 700)
    assert changed.mean("cash", "normal", 240) > 450
    assert days_of(240, 700).mean("cash", "normal", 240) > 400, "nothing is usual yet"
    assert days_of(1) == Knowledge(odd=True, morning=Knowledge(odd=True)), "a first day that cannot be"
    assert days_of(1, 1).mean("cash", "normal", 240) < 20


def test_wrong_minutes_are_learned_within_days() -> None:
    for configured in (120, 480):
        assert days_of(240).mean("cash", "normal", configured) == pytest.approx(240, rel=0.1)


def test_one_service_moves_the_mean_by_no_more_than_a_usual_one_could() -> None:
    known = days_of(*[240] * 4)
    before = known.mean("cash", "normal", 240)
    seconds = known.times["cash"]["normal"][1]
    known.served("cash", "normal", LONGEST)
    assert known.times["cash"]["normal"][1] - seconds == pytest.approx(BAND * 240, rel=0.01)
    assert known.mean("cash", "normal", 240) < before * 1.02


def test_how_long_pauses_are_is_learned() -> None:
    lobby = Lobby(RULES)
    do(lobby, Open)
    for minutes in (4, 4, 90):
        do(lobby, Pause)
        lobby.wait(minutes)
        do(lobby, Open)
    known = lobby.state.knowledge
    assert known.pauses == [2, 8 * MINUTE], "an hour and a half is lunch"
    assert known.pause == (8 * MINUTE + PRIOR_WEIGHT * BREAK) / (2 + PRIOR_WEIGHT)
    do(lobby, Pause)
    lobby.wait(3)
    do(lobby, Close)
    lobby.wait(60)
    do(lobby, Open)
    assert known.pauses[0] == 2, "who goes home from a pause does not come back"
