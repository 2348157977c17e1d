import re
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db.models import F
from django.utils import timezone, translation

from analytics import glances
from catalog import feeds
from catalog.models import Product
from ml.models import CampaignResponse, Score, TrainedModel
from ml.scores import Response
from promotions import backtest, depths, strategies, trials
from promotions.models import Campaign, Strategy
from promotions.rules import Gift

RESPONSE = Response(lift=0.8, low=0.5, high=1.1, depth=0.3, use=0.3)
CATEGORIES = {"COFFEE": 0.3, "MILK": 0.99, "STAMPS": 0.3, "TEA": 0.2, "WINE": 0.1}


@pytest.fixture
def learnt(trained: TrainedModel) -> None:
    """Scores for five categories: milk is bought anyway, stamps are barred."""
    Score.objects.bulk_create(
        Score(
            customer=UUID(int=number),
            category=category,
            probability=probability,
            spend=Decimal(20),
            model=trained,
        )
        for number in range(200)
        for category, probability in CATEGORIES.items()
    )
    CampaignResponse.objects.create(
        computed_at=timezone.now(), campaigns=9, **vars(RESPONSE)
    )
    feeds.take(
        [
            feeds.Listed(
                sku=f"{category}-{price}",
                name=category.title(),
                category=category,
                currency="USD",
                price=Decimal(price),
                promotable=category != "STAMPS",
            )
            for category in CATEGORIES
            for price in ("1.50", "9.00")
        ],
        at=timezone.now(),
    )


@pytest.mark.usefixtures("learnt")
def test_all_three_kinds_are_proposed_where_something_is_to_be_gained() -> None:
    made = strategies.propose(at=timezone.now())

    assert {strategy.kind for strategy in made} == {"percentage", "threshold", "gift"}
    assert all(strategy.state == "proposed" for strategy in made)
    assert all(strategy.forecast["margin"] > 0 for strategy in made)
    assert all(
        strategy.forecast["low"] < strategy.forecast["high"] for strategy in made
    )
    assert all(strategy.guards for strategy in made)


@pytest.mark.usefixtures("learnt")
def test_what_is_bought_anyway_or_barred_is_not_proposed() -> None:
    scopes = [strategy.scope for strategy in strategies.propose(at=timezone.now())]

    assert ["MILK"] not in scopes
    assert ["STAMPS"] not in scopes


@pytest.mark.usefixtures("learnt")
def test_no_category_is_proposed_twice_at_once() -> None:
    scopes = [tuple(s.scope) for s in strategies.propose(at=timezone.now())]

    assert len(scopes) == len(set(scopes))


@pytest.mark.usefixtures("learnt")
def test_a_gift_is_on_the_shelf_and_cheap_enough() -> None:
    made = strategies.propose(at=timezone.now())

    (gift,) = [s for s in made if s.kind == "gift"][:1]
    (terms,) = gift.terms.values()
    assert isinstance(terms, Gift)
    assert Product.objects.get(sku=terms.sku).price == terms.value
    assert terms.value <= terms.spend / 10


@pytest.mark.usefixtures("learnt")
def test_every_proposal_is_in_the_log_with_its_forecast() -> None:
    made = strategies.propose(at=timezone.now())

    for strategy in made:
        (stored,) = glances.read_stream(strategy.stream)
        told = {n: one for n, one in strategy.forecast.items() if n != "said"}
        assert stored.event.forecast == told  # type: ignore[attr-defined]


@pytest.mark.usefixtures("learnt")
def test_a_proposal_s_title_and_reason_can_be_said_in_chinese() -> None:
    (strategy, *_) = strategies.propose(at=timezone.now())
    strategy.refresh_from_db()

    assert (strategy.called, strategy.why) == (strategy.title, strategy.reason)
    with translation.override("zh-hans"):
        assert re.search(r"：满 \d+ USD", strategy.called)
        assert "没有优惠的情况下" in strategy.why
        assert not re.search("[a-z]{3}", strategy.why.replace("coffee", ""))


@pytest.mark.usefixtures("learnt")
def test_where_nothing_is_to_be_gained_nothing_is_proposed() -> None:
    CampaignResponse.objects.update(lift=-0.2, low=-0.3, high=-0.1)

    assert strategies.propose(at=timezone.now()) == []
    assert not Strategy.objects.exists()


@pytest.mark.usefixtures("learnt")
def test_where_too_little_is_known_tests_are_proposed_that_say_their_price() -> None:
    CampaignResponse.objects.update(lift=0.2, low=-0.15, high=0.55)

    made = strategies.propose(at=timezone.now())

    assert 0 < len(made) <= strategies.MOST_TRIALS
    for strategy in made:
        said = strategy.forecast["trial"]
        assert strategy.forecast["margin"] < 0 < said["price"]
        assert said["price"] == -strategy.forecast["margin"]
        assert said["worth"] > trials.WORTHWHILE * said["price"]
        assert strategy.allocation == "trial"
        assert strategy.explore == 1
        assert strategy.holdout == trials.HOLDOUT
        assert "25% of all who are in the test get none" in strategy.reason
        assert "drawn by lot" in strategy.reason
        assert f"{strategy.forecast['margin']:+.0f}" in strategy.reason
    assert ["MILK"] not in [strategy.scope for strategy in made]
    assert strategies.propose(at=timezone.now()) == []


@pytest.mark.usefixtures("learnt")
def test_proposals_do_not_count_customers_whom_others_take(
    settings: Any,
) -> None:
    alone = {s.scope[0]: s.forecast for s in strategies.propose(at=timezone.now())}
    Strategy.objects.all().delete()
    settings.OFFERS_PER_CUSTOMER = 1

    beside = strategies.propose(at=timezone.now())

    promised = [s for s in beside if "trial" not in s.forecast]
    reach = sum(s.forecast["reach"] for s in promised)
    assert 0 < reach <= 200
    assert reach < sum(one["reach"] for one in alone.values())


@pytest.mark.django_db
def test_before_anything_is_learnt_it_says_so() -> None:
    with pytest.raises(strategies.NothingLearnt):
        strategies.propose(at=timezone.now())


@pytest.mark.usefixtures("learnt")
def test_what_is_on_its_way_is_not_proposed_again() -> None:
    first = strategies.propose(at=timezone.now())

    again = strategies.propose(at=timezone.now())

    assert first
    assert not {s.scope[0] for s in first} & {s.scope[0] for s in again}


@pytest.mark.usefixtures("learnt")
def test_what_operators_rejected_is_not_proposed_for_a_quarter() -> None:
    now = timezone.now()
    first = strategies.propose(at=now)
    Strategy.objects.update(state="rejected", decided_at=now)

    soon = strategies.propose(at=now + timedelta(days=89))

    unwanted = {(s.kind, s.scope[0]) for s in first}
    assert not unwanted & {(s.kind, s.scope[0]) for s in soon}
    Strategy.objects.exclude(id__in=[s.id for s in first]).delete()
    later = strategies.propose(at=now + timedelta(days=91))
    assert unwanted & {(s.kind, s.scope[0]) for s in later}


@pytest.mark.usefixtures("learnt")
def test_goods_with_little_margin_get_no_deep_discounts(settings: Any) -> None:
    settings.OFFERS_PER_CUSTOMER = 4
    Product.objects.filter(category="WINE").update(cost=F("price") * Decimal("0.9"))
    Product.objects.filter(category="TEA").update(cost=F("price") * Decimal("0.2"))
    CampaignResponse.objects.update(lift=1.0, low=0.7, high=1.3)

    made = {s.scope[0]: s for s in strategies.propose(at=timezone.now())}

    deepest = max(depths.depth(terms) for terms in made["WINE"].terms.values())
    assert deepest == Decimal("0.05")
    assert made["TEA"].forecast["margin"] > made["COFFEE"].forecast["margin"]


@pytest.mark.usefixtures("learnt")
def test_what_is_written_by_hand_gets_the_forecast_that_the_platform_gives() -> None:
    at = timezone.now()
    (ours, *_) = strategies.propose(at=at)
    by_hand = _by_hand(ours)
    before = ours.forecast

    for strategy in (ours, by_hand):
        backtest.review(strategy, at=at)
        strategy.refresh_from_db()

    keys = ("reach", "cost", "margin", "low", "high", "chance", "basis", "days")
    assert {k: by_hand.forecast[k] for k in keys} == {k: before[k] for k in keys}
    assert by_hand.forecast["reach"] > 0
    assert {k: ours.forecast[k] for k in keys} == {k: before[k] for k in keys}
    assert "priced_at" not in ours.forecast
    assert by_hand.promised == ours.promised
    assert [g["passed"] for g in by_hand.guards if g["name"] == "reach"] == [True]


@pytest.mark.usefixtures("learnt")
def test_what_is_written_by_hand_is_priced_anew_until_it_is_decided() -> None:
    by_hand = _by_hand(strategies.propose(at=timezone.now())[0])
    backtest.review(by_hand, at=timezone.now())
    first = by_hand.forecast["reach"]
    Score.objects.filter(customer__lt=UUID(int=100)).delete()

    backtest.review(by_hand, at=timezone.now())

    by_hand.refresh_from_db()
    assert first == 2 * by_hand.forecast["reach"] > 0


@pytest.mark.usefixtures("learnt")
def test_a_small_budget_reaches_as_many_as_it_can_pay_for() -> None:
    ours = strategies.propose(at=timezone.now())[0]
    whole = ours.forecast
    half = Decimal(str(whole["cost"])) / 2
    by_hand = _by_hand(ours, budget=half)

    backtest.review(by_hand, at=timezone.now())

    found = by_hand.forecast
    assert found["cost"] <= half
    assert found["reach"] == pytest.approx(whole["reach"] / 2, rel=0.05)
    assert found["margin"] == pytest.approx(whole["margin"] / 2, rel=0.05)
    assert whole["high"] > found["high"] > found["margin"] > found["low"]
    assert by_hand.promised == pytest.approx(ours.promised, rel=0.05)


@pytest.mark.usefixtures("learnt")
def test_a_forecast_is_for_as_long_as_the_campaign_runs() -> None:
    at = timezone.now()
    ours, found = strategies.propose(at=at)[0], {}
    for days in (7, 28, 56):
        campaign = Campaign.objects.create(
            name=f"{days} days",
            starts_at=at,
            ends_at=at + timedelta(days=days, minutes=1),
            budget=ours.campaign.budget,
            currency="USD",
        )
        strategy = _by_hand(ours, campaign=campaign, budget=ours.campaign.budget)
        backtest.review(strategy, at=at)
        found[days] = strategy.forecast

    assert [one["days"] for one in found.values()] == [7, 28, 56]
    assert found[28]["margin"] == pytest.approx(4 * found[7]["margin"], rel=0.05)
    assert found[56]["cost"] == pytest.approx(2 * found[28]["cost"], rel=0.05)


@pytest.mark.usefixtures("learnt")
def test_a_personal_offer_on_what_nobody_is_scored_for_cannot_go_live() -> None:
    by_hand = _by_hand(strategies.propose(at=timezone.now())[0], scope=["SOAP"])

    backtest.review(by_hand, at=timezone.now())

    by_hand.refresh_from_db()
    assert [g["passed"] for g in by_hand.guards if g["name"] == "reach"] == [False]
    assert by_hand.promised is None


def _by_hand(like: Strategy, **changed: object) -> Strategy:
    """Return the same strategy as an operator would write it: without a forecast."""
    names = ("campaign", "kind", "title", "reason", "scope", "menu", "currency")
    more = ("budget", "holdout", "least_margin", "renews_days")
    fields = {name: getattr(like, name) for name in (*names, *more)}
    return Strategy.objects.create(**(fields | {"guards": []} | changed))
