"""A bandit's odds: set once a day, with a least share each, and told by the log."""

from collections import Counter
from contextlib import suppress
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import transaction
from django.utils import timezone
from scipy import stats

from promotions import arms, bandit, measurement
from promotions.models import Campaign, Odds
from promotions.tasks import measure
from tests.promotions.bandits import (
    MENU,
    START,
    Begin,
    Shop,
    assigned,
    begin,
    odds_of,
    on,
    told,
)
from tests.promotions.racing import at_once

__all__ = ["begin"]

TWO = {label: MENU[label] for label in ("5%", "10%")}


def test_the_best_variant_gets_most_of_the_odds_and_every_one_its_least_share(
    begin: Begin,
) -> None:
    strategy = begin()
    Shop(lift={"15%": 6.0}).run(range(4), new=450)

    odds = odds_of(strategy)

    assert list(odds) == [on(day).date() for day in (1, 2, 3)]
    assert odds[on(3).date()]["15%"] > 0.8
    for one in odds.values():
        assert sum(one.values()) == pytest.approx(1)
        assert min(one.values()) >= 0.05
    last = Counter(
        stored.event.variant
        for stored in assigned()
        if stored.event.odds == on(3).date() and stored.event.arm == "treatment"
    )
    treated = sum(last.values())
    assert last["15%"] > 0.8 * treated
    for label in ("5%", "10%"):
        assert 0.02 * treated < last[label] < 0.12 * treated


def test_every_assignment_s_probability_is_that_of_the_odds_that_drew_it(
    begin: Begin,
) -> None:
    strategy = begin()
    Shop(lift={"15%": 6.0}).run(range(3), new=450)

    first = dict.fromkeys(MENU, 1 / 3)
    odds = {START.date(): first} | odds_of(strategy)

    rows = [stored.event for stored in assigned()]
    assert {one.odds for one in rows} == set(odds)
    for one in rows:
        chances = {arms.HELD_OUT: 0.05, arms.HOLDOUT: 0.1}
        treated = 0.9 * odds[one.odds].get(one.variant, 0.0)
        expected = chances.get(one.arm, treated)
        assert one.probability == pytest.approx(expected)


def test_on_noise_the_odds_are_as_near_to_equal_as_chance_allows(
    begin: Begin, settings: Any
) -> None:
    """Of two variants alike, the chance to be better is uniform: 16 bandits at once."""
    settings.OFFERS_PER_CUSTOMER = 16
    some = [begin(number, menu=TWO) for number in range(1, 17)]
    Shop(seed=7).run(range(1), new=300)
    measurement.refresh(until=on(1))
    bandit.set_odds(at=on(1))

    first = [odds_of(one)[on(1).date()]["5%"] for one in some]

    chances = (np.array(first) - 0.05) / 0.9
    assert chances.mean() == pytest.approx(0.5, abs=3 * 0.29 / 4)
    assert stats.kstest(chances, "uniform").pvalue > 0.001


def test_odds_stay_equal_until_every_variant_has_100_customers(begin: Begin) -> None:
    strategy = begin()
    Shop(lift={"15%": 60.0}).run(range(2), new=240)

    assert odds_of(strategy) == {
        on(1).date(): pytest.approx(dict.fromkeys(MENU, 1 / 3))
    }


def test_odds_are_set_once_a_day_and_a_kill_leaves_none_or_all(begin: Begin) -> None:
    class Killed(Exception):
        pass

    one, two = begin(1), begin(2)
    Shop(lift={"15%": 6.0}).run(range(1), new=450)
    measurement.refresh(until=on(1))
    with suppress(Killed), transaction.atomic():
        bandit.set_odds(at=on(1))
        raise Killed
    assert not Odds.objects.exists()
    assert not told()

    made = bandit.set_odds(at=on(1))
    then = odds_of(one), odds_of(two)
    later = measurement.refresh(until=on(1) + timedelta(hours=5))
    assert bandit.set_odds(at=on(1) + timedelta(hours=5)) == []

    assert later.keys() == {one.id, two.id}
    assert len(made) == 2
    assert (odds_of(one), odds_of(two)) == then
    assert len(told()) == 2


def test_not_on_the_day_it_goes_live_and_not_before_its_campaign(begin: Begin) -> None:
    begin()

    assert bandit.set_odds(at=START + timedelta(hours=14)) == []
    assert len(bandit.set_odds(at=START + timedelta(hours=15))) == 1
    Odds.objects.all().delete()
    Campaign.objects.update(starts_at=on(3))
    assert bandit.set_odds(at=on(3) + timedelta(hours=1)) == []
    assert len(bandit.set_odds(at=on(4))) == 1


def test_the_log_tells_the_same_odds(begin: Begin) -> None:
    begin(1), begin(2, menu=TWO)
    Shop(lift={"10%": 3.0}).run(range(4), new=450)

    rows = Odds.objects.values_list("strategy", "day", "odds")

    assert {(strategy, day): odds for strategy, day, odds in rows} == told()
    assert len(rows) == 6


@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_set_the_day_s_odds_once(
    transactional_db: None, begin: Begin
) -> None:
    begin()

    made = at_once([lambda: bandit.set_odds(at=on(1))] * 16, connections=8)

    assert sum(len(one) for one in made) == 1
    assert Odds.objects.count() == len(told()) == 1


def test_the_task_that_measures_sets_the_odds(begin: Begin) -> None:
    strategy = begin()
    Campaign.objects.update(ends_at=timezone.now() + timedelta(days=9))

    measure()
    measure()

    assert list(odds_of(strategy)) == [timezone.now().date()]
