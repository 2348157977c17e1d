"""What an offer is worth: its gain less its cost, for what is believed."""

from decimal import Decimal

import numpy as np
import pytest

from ml import lifts
from ml.lifts import Prior, Who
from promotions import value
from promotions.rules import Gift, Percentage, Threshold
from promotions.value import People, Response

TEN = Percentage(rate=Decimal("0.10"))
THIRTY = Percentage(rate=Decimal("0.30"))


def believed(lift: float = 0.4, error: float = 0.2, draws: int = 200) -> Response:
    prior = Prior(lift=lift, error=error, depth=0.1, basis="assumed", leaning={})
    posterior = lifts.untaught(prior)
    return Response(
        posterior=posterior,
        use=0.5,
        thetas=posterior.sample(draws, seed=1),
        kept=np.linspace(0.8, 1.2, draws),
    )


def people(*p0: float, spend: float = 20.0, rate: float = 0.3) -> People:
    some = len(p0)
    who = Who(p0=np.array(p0), segment=["loyal"] * some, traits=np.zeros((some, 0)))
    return People(who=who, spend=np.full(some, spend), rate=np.full(some, rate))


def test_the_lift_is_on_the_log_odds() -> None:
    p0 = np.array([0.1, 0.5, 0.9])

    p = value.lifted(p0, 0.7)

    assert np.log(p / (1 - p)) == pytest.approx(np.log(p0 / (1 - p0)) + 0.7)


def test_an_offer_is_worth_its_gain_less_its_cost() -> None:
    some = people(0.2, 0.5)

    found = value.priced({"10%": TEN}, ["TEA"], some, believed().expected)

    p0 = some.who.p0
    p = value.lifted(p0, 0.4)
    assert found.cost[:, 0] == pytest.approx(p * 0.5 * 2)
    assert found.margin[:, 0] == pytest.approx((p - p0) * 6 - p * 0.5 * 2)
    assert found.lift == pytest.approx(np.full((2, 1), 0.4))
    alone = value.margin(
        TEN, p0, some.spend, lift=0.4, rate=some.rate, use=0.5, kept=1.0
    )
    assert alone == pytest.approx(found.margin[:, 0])


def test_a_gift_costs_the_shop_less_than_money_of_the_same_value() -> None:
    some = people(0.2, spend=30.0)
    money = Threshold(spend=Decimal(20), amount=Decimal(2))
    gift = Gift(spend=Decimal(20), sku="x", name="X", value=Decimal(2))

    off = value.priced({"off": money}, ["TEA"], some, believed())
    free = value.priced({"free": gift}, ["TEA"], some, believed())

    assert free.cost == pytest.approx(off.cost)
    assert free.margin > off.margin


def test_who_buys_anyway_is_never_worth_an_offer() -> None:
    found = value.priced({"10%": TEN}, ["TEA"], people(0.999), believed())

    assert (found.margin < 0).all()
    assert found.totals == pytest.approx(0)


def test_doubt_spreads_the_total_and_the_odds_of_being_best() -> None:
    menu, some = {"10%": TEN, "30%": THIRTY}, people(*[0.1] * 50, rate=0.6)

    sure = value.priced(menu, ["TEA"], some, believed(error=0.01))
    unsure = value.priced(menu, ["TEA"], some, believed(error=0.6))

    assert unsure.totals.std() > 2 * sure.totals.std()
    assert sure.best[0].max() > unsure.best[0].max()
    assert unsure.best.min() > 0.1
    assert unsure.best.sum(axis=1) == pytest.approx(1)


def test_customers_are_priced_alike_alone_and_in_a_crowd() -> None:
    chances = np.linspace(0.01, 0.9, 2 * value.CHUNK + 7)
    menu, found = {"10%": TEN}, believed(draws=8)

    crowd = value.priced(menu, ["TEA"], people(*chances), found)
    alone = value.priced(menu, ["TEA"], people(chances[-1]), found)

    assert len(crowd.margin) == len(chances)
    assert crowd.margin[-1] == pytest.approx(alone.margin[0])
    assert crowd.totals.shape == (8,)


def test_before_nobody_nothing_is_worth_anything() -> None:
    found = value.priced({"10%": TEN}, ["TEA"], people(), believed(draws=8))

    assert found.margin.shape == (0, 1)
    assert found.totals == pytest.approx(np.zeros(8))


def test_a_scope_is_bought_if_any_of_its_categories_is() -> None:
    chance = np.array([[0.5, 0.2, 0.9]])
    spend = np.array([[10.0, 40.0, 1.0]])

    p0, mean, rate = value.in_scope(chance, spend, [0, 1], [0.2, 0.6, 0.9])

    assert p0 == pytest.approx([0.6])
    assert mean == pytest.approx([13 / 0.6])
    assert rate == pytest.approx([(5 * 0.2 + 8 * 0.6) / 13])
