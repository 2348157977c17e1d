"""A bandit's days through the real road: targeting, orders, sums, odds, estimates."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from scipy import stats

from analytics import events, store
from analytics.models import Customer
from ml.models import Score, Scoring, TrainedModel
from promotions import approval, arms, bandit, measurement, reports, sums, targeting
from promotions.models import ArmDay, Campaign, Odds, Offer, Strategy
from promotions.tasks import measure
from tests.conftest import Make, experienced
from tests.promotions import planted
from tests.promotions.test_concurrency import at_once

START = datetime(2026, 6, 1, 9, tzinfo=UTC)
MARGIN = 0.3
MENU = {
    label: {"kind": "percentage", "rate": rate}
    for label, rate in (("5%", "0.05"), ("10%", "0.10"), ("15%", "0.15"))
}
TWO = {label: MENU[label] for label in ("5%", "10%")}
Begin = Callable[..., Strategy]


@pytest.fixture
def begin(proposed: Make, trained: TrainedModel) -> Begin:
    """Return a function that has a bandit approved on the first of June."""
    experienced(computed_at=START)
    campaign = Campaign.objects.create(
        name="Summer",
        starts_at=START - timedelta(days=1),
        ends_at=START + timedelta(days=60),
        budget=Decimal(1_000_000),
        currency="USD",
    )

    def make(number: int = 1, **fields: Any) -> Strategy:
        strategy = proposed(
            **{
                "id": UUID(int=number),
                "campaign": campaign,
                "menu": MENU,
                "holdout": 0.1,
                "budget": Decimal(10_000),
                "allocation": "thompson",
                **fields,
            }
        )
        approval.approve(strategy.id, by="olga", comment="Good.", at=START)
        strategy.refresh_from_db()
        return strategy

    return make


def on(day: int) -> datetime:
    return START + timedelta(days=day)


@dataclass
class Shop:
    """New customers day by day; each orders once, an hour after the assignment.

    They pay `base` of the day and 6 on the average, and `lift` of their variant.
    """

    base: Callable[[int], float] = lambda _: 20.0
    lift: Mapping[str, float] = field(default_factory=dict)
    seed: int = 1
    sold: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = np.random.default_rng(self.seed)

    def run(self, days: Iterable[int], *, new: int) -> None:
        for day in days:
            measurement.refresh(until=on(day))
            bandit.set_odds(at=on(day))
            self.arrive(day, new)
            before = store.high_water()
            targeting.refresh(at=on(day))
            self.sell(day, before)

    def arrive(self, day: int, new: int) -> None:
        people = Customer.objects.bulk_create(
            [Customer(external_id=f"{day}-{n}") for n in range(new)]
        )
        model = TrainedModel.objects.get()
        Score.objects.bulk_create(
            Score(
                customer=person.key,
                category="TEA",
                probability=0.1,
                spend=Decimal(30),
                model=model,
            )
            for person in people
        )
        known = {"at": on(day), "position": store.high_water()}
        Scoring.objects.update_or_create(pk=1, defaults=known)

    def sell(self, day: int, after: int) -> None:
        names = dict(Customer.objects.values_list("key", "external_id"))
        got: dict[str, str | None] = {}
        keys = {}
        for stored in assigned(after):
            assert stored.customer
            name = names[stored.customer] or ""
            got.setdefault(name, stored.event.variant)
            keys[name] = stored.customer
        facts = []
        for name in sorted(got):  # the same luck in every run
            plain = self.base(day) + self.chance.gamma(2, 3)
            paid = plain + self.lift.get(got[name] or "", 0.0)
            self.sold.append(plain)
            line = events.OrderLine(sku="tea", paid=Decimal(f"{paid:.4f}"))
            order = events.OrderCompleted(order_id=name, currency="USD", lines=(line,))
            at = on(day) + timedelta(hours=1)
            facts.append(store.Fact(event=order, at=at, customer=keys[name]))
        store.append_new(facts)


def assigned(after: int = 0) -> list[Any]:
    rows = store.read(after=after, until=store.high_water(), types=["offer_assigned"])
    return list(rows)


def odds_of(strategy: Strategy) -> dict[date, dict[str, float]]:
    return dict(strategy.odds.order_by("day").values_list("day", "odds"))


def told() -> dict[tuple[UUID, date], dict[str, float]]:
    """Return the odds that the log tells."""
    rows = store.read(until=store.high_water(), types=["odds_set"])
    made = [stored.event for stored in rows]
    found = {
        (event.strategy, event.day): event.odds
        for event in made
        if isinstance(event, events.OddsSet)
    }
    assert len(found) == len(made)
    return found


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


def test_the_estimates_hold_what_was_planted_where_the_naive_mean_does_not(
    begin: Begin,
) -> None:
    """The first day is a good one, and the best variant is mostly given afterwards."""
    strategy = begin()
    lift = {"5%": 0.0, "10%": 2.0, "15%": 4.0}
    shop = Shop(base=lambda day: 60.0 if day == 0 else 10.0, lift=lift)
    shop.run(range(5), new=450)
    measurement.refresh(until=on(5))

    found = {one.variant: one for one in bandit.earned(strategy)}

    usual = float(np.mean(shop.sold))
    naive = planted.variants(strategy.id)
    for label, more in lift.items():
        truth = MARGIN * (usual + more)
        one = found[label]
        assert covers(one.profit, truth), label
        assert covers(one.over_holdout, MARGIN * more), label
        others = max(value for name, value in lift.items() if name != label)
        assert covers(one.over_best_other, MARGIN * (more - others)), label
        assert one.customers == naive[label].n
    assert next(iter(found)) == "15%"
    best, worst = found["15%"].profit, found["5%"].profit
    assert best.low is not None
    assert naive["15%"].mean("profit") < best.low
    assert naive["15%"].mean("profit") < naive["5%"].mean("profit")
    assert best.value > worst.value


def covers(effect: Any, truth: float) -> bool:
    return bool(effect.low < truth < effect.high)


def test_what_a_variant_earned_can_be_told_when_all_is_over(begin: Begin) -> None:
    strategy = begin(holdout=0.0)
    Shop(lift={"15%": 6.0}).run(range(3), new=450)
    measurement.refresh(until=on(3))
    before = bandit.earned(strategy)

    approval.end(strategy.id, by="olga", comment="Enough.", at=on(9))
    strategy.refresh_from_db()

    assert before
    assert bandit.earned(strategy) == before
    assert {one.over_holdout for one in before} == {None}
    assert bandit.set_odds(at=on(10)) == []


def test_nothing_is_told_before_anything_was_summed_up(begin: Begin) -> None:
    assert bandit.earned(begin()) == []


def test_a_customer_keeps_the_first_variant_whatever_the_odds_are_now(
    begin: Begin,
) -> None:
    begin(holdout=0.0)
    shop = Shop(lift={"15%": 6.0})
    shop.run(range(1), new=450)
    first = dict(Offer.objects.values_list("customer", "variant"))
    assert Counter(first.values())["5%"] > 100

    shop.run(range(1, 3), new=100)
    again = Offer.objects.filter(customer__in=first)
    assert dict(again.values_list("customer", "variant")) == first
    # Also where an offer had gone, as when its use is given back.
    again.delete()
    targeting.refresh(at=on(3))

    assert dict(again.all().values_list("customer", "variant")) == first
    said = {
        stored.customer: stored.event.probability
        for stored in assigned()
        if stored.customer in first
    }
    assert dict(again.all().values_list("customer", "probability")) == said


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


def test_sums_by_odds_add_up_to_all(begin: Begin) -> None:
    strategy = begin()
    Shop().run(range(3), new=200)
    measurement.refresh(until=on(3))

    rows = ArmDay.objects.filter(subject=strategy.id)
    parts = [row for row in rows if row.slice.startswith(sums.DRAWN)]

    assert len({row.slice for row in parts}) == 3
    whole = measurement.added(rows.filter(slice="all"), lambda row: row.arm)
    for arm, some in measurement.added(parts, lambda row: row.arm).items():
        np.testing.assert_allclose(some.gram, whole[arm].gram)
    report = reports.of_strategy(strategy)
    told = [part.name for part in (*report.segments, *report.weeks)]
    assert told
    assert not any(name.startswith(sums.DRAWN) for name in told)


def test_a_strategy_that_gives_everybody_the_best_is_untouched(begin: Begin) -> None:
    strategy = begin(allocation="best", explore=0.4)
    Shop(lift={"15%": 6.0}).run(range(3), new=450)
    measurement.refresh(until=on(3))

    assert not Odds.objects.exists()
    assert not told()
    assert {stored.event.odds for stored in assigned()} == {None}
    by_arm: dict[str, set[float]] = {}
    for one in assigned():
        by_arm.setdefault(one.event.arm, set()).add(one.event.probability)
    assert by_arm["held_out"] == {0.05}
    assert max(by_arm["holdout"]) == pytest.approx(0.1)
    # A third of what is drawn by lot, and of the rest as often as it may be best.
    assert min(by_arm["treatment"]) >= 0.9 * 0.4 / 3 - 1e-9
    assert max(by_arm["treatment"]) <= 0.9 * (0.6 + 0.4 / 3) + 1e-9
    slices = ArmDay.objects.filter(subject=strategy.id).values_list("slice", flat=True)
    assert not [name for name in slices if name.startswith(sums.DRAWN)]
    assert bandit.earned(strategy) == []


@pytest.mark.parametrize("change", [{"trigger": "automatic"}, {"allocation": "luck"}])
def test_the_database_refuses_what_cannot_be_drawn(
    begin: Begin, change: dict[str, str]
) -> None:
    strategy = begin(allocation="best", holdout=0.0)
    values = {"allocation": "thompson", "state": "proposed"} | change

    with pytest.raises(IntegrityError, match=r"strategy_allocation|keep"):
        Strategy.objects.filter(id=strategy.id).update(**values)


def test_what_was_approved_keeps_its_allocation(begin: Begin) -> None:
    strategy = begin()

    with pytest.raises(IntegrityError, match="keeps its rule"):
        Strategy.objects.filter(id=strategy.id).update(allocation="best")
