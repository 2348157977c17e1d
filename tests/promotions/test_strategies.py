from decimal import Decimal
from uuid import UUID

import numpy as np
import pytest
from django.utils import timezone

from analytics import store
from catalog import feeds
from catalog.models import Product
from ml.models import CampaignResponse, Score, TrainedModel
from ml.scores import Response
from promotions import strategies
from promotions.models import Strategy
from promotions.rules import Gift, Percentage, Threshold
from promotions.value import lifted, worth

RESPONSE = Response(lift=0.4, low=0.1, high=0.7, depth=0.3, use=0.3)
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
        (stored,) = store.read_stream(strategy.stream)
        assert stored.event.forecast == strategy.forecast  # type: ignore[attr-defined]


@pytest.mark.usefixtures("learnt")
def test_where_nothing_is_to_be_gained_nothing_is_proposed() -> None:
    CampaignResponse.objects.update(lift=0.0, low=-0.1, high=0.1)

    assert strategies.propose(at=timezone.now()) == []
    assert not Strategy.objects.exists()


@pytest.mark.django_db
def test_before_anything_is_learnt_it_says_so() -> None:
    with pytest.raises(strategies.NothingLearnt):
        strategies.propose(at=timezone.now())


def test_the_lift_is_on_the_log_odds() -> None:
    p0 = np.array([0.1, 0.5, 0.9])

    p = lifted(p0, 0.7)

    assert np.log(p / (1 - p)) == pytest.approx(np.log(p0 / (1 - p0)) + 0.7)


def test_an_offer_is_worth_its_gain_less_its_cost() -> None:
    p0, spend = np.array([0.2]), np.array([10.0])
    ten = Percentage(rate=Decimal("0.30"))

    value = worth(ten, p0, spend, response=RESPONSE, margin=0.5)

    p = lifted(p0, 0.4)  # seen at a depth of 0.3, and this is one
    assert value.cost == pytest.approx(p * 10 * 0.3 * 0.3)
    assert value.margin == pytest.approx((p - p0) * 10 * 0.5 - value.cost)


def test_a_gift_costs_the_shop_less_than_money_of_the_same_value() -> None:
    p0, spend = np.array([0.2]), np.array([30.0])
    money = Threshold(spend=Decimal(20), amount=Decimal(2))
    gift = Gift(spend=Decimal(20), sku="x", name="X", value=Decimal(2))

    off = worth(money, p0, spend, response=RESPONSE, margin=0.3)
    free = worth(gift, p0, spend, response=RESPONSE, margin=0.3)

    assert free.cost == pytest.approx(off.cost)
    assert free.margin > off.margin


def test_who_buys_anyway_is_never_worth_an_offer() -> None:
    sure = worth(
        Percentage(rate=Decimal("0.10")),
        np.array([0.999]),
        np.array([20.0]),
        response=RESPONSE,
        margin=0.3,
    )

    assert (sure.margin < 0).all()
