"""What an offer is worth: its gain less its cost, for what is believed."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from ml import lift_fits, lifts
from ml.lifts import Prior, Types, Who
from promotions import beliefs, value
from promotions.beliefs import Habit, People, Response, Run
from promotions.rules import Gift, Percentage, Threshold

TEN = Percentage(rate=Decimal("0.10"))
THIRTY = Percentage(rate=Decimal("0.30"))


def believed(lift: float = 0.4, error: float = 0.2, draws: int = 200) -> Response:
    prior = Prior(lift=lift, error=error, depth=0.1, basis="assumed", leaning={})
    posterior = lift_fits.untaught(prior)
    return Response(
        posterior=posterior,
        usual=Habit(use=0.5),
        habits={},
        thetas=posterior.sample(draws, seed=1),
        later=np.linspace(-0.1, 0.1, draws),
    )


def people(
    *p0: float, spend: float = 20.0, rate: float = 0.3, rest: float = 0.0
) -> People:
    some = len(p0)
    who = Who(p0=np.array(p0), segment=["loyal"] * some, traits=np.zeros((some, 0)))
    return People(
        who=who,
        spend=np.full(some, spend),
        rate=np.full(some, rate),
        rest=np.full(some, rest),
    )


def test_the_lift_is_on_the_log_odds() -> None:
    p0 = np.array([0.1, 0.5, 0.9])

    p = lifts.lifted(p0, 0.7)

    assert np.log(p / (1 - p)) == pytest.approx(np.log(p0 / (1 - p0)) + 0.7)


@pytest.mark.parametrize("turns", [1, 2, 4])
def test_an_offer_is_worth_its_gain_less_its_cost(turns: int) -> None:
    """Week by week: bought with it less bought without, until it is used."""
    some, weeks = people(0.2, 0.5), int(lifts.WEEKS) // turns

    found = value.priced(
        {"10%": TEN}, ["TEA"], some, believed().expected, Run(turns=turns)
    )

    w0 = lifts.weekly(some.who.p0)
    w, each = lifts.lifted(w0, 0.4), 20 * some.who.p0 / (lifts.WEEKS * w0)
    unused = [(1 - w) ** week for week in range(weeks)]
    cost = turns * sum(unused) * w * 0.5 * 0.1 * each
    more = turns * sum(unused) * (w - w0) * 0.3 * each
    assert found.cost[:, 0] == pytest.approx(cost)
    assert found.margin[:, 0] == pytest.approx(more - cost)
    assert found.lift == pytest.approx(np.full((2, 1), 0.4))
    alone = value.margin(
        TEN,
        some.who.p0,
        some.spend,
        lift=0.4,
        rate=some.rate,
        habit=Habit(use=0.5),
        later=0.0,
        run=Run(turns=turns),
    )
    assert alone == pytest.approx(found.margin[:, 0])


def test_a_basket_that_is_stretched_is_a_gain_of_its_kind_alone() -> None:
    some, found = people(0.2), believed().expected
    money = Threshold(spend=Decimal(30), amount=Decimal(3))
    longer = replace(found, habits={"threshold": Habit(use=0.5, stretch=1.2)})

    plain, stretched = (
        value.priced({"a": money}, ["TEA"], some, one) for one in (found, longer)
    )
    other = value.priced({"a": TEN}, ["TEA"], some, longer)

    w = lifts.lifted(lifts.weekly(some.who.p0), 0.4)
    more = value.purchases(w, Run()) * 0.2 * some.basket * 0.3
    assert stretched.margin[:, 0] == pytest.approx(plain.margin[:, 0] + more)
    assert stretched.cost == pytest.approx(plain.cost)
    assert other.margin == pytest.approx(
        value.priced({"a": TEN}, ["TEA"], some, found).margin
    )


def test_a_customer_is_worth_what_the_types_are_that_he_may_be_of() -> None:
    """Two types: whom offers move a lot, and whom they drive away."""
    found = believed().expected
    types = Types(
        share=np.array([0.5, 0.5]),
        level=np.array([0.8, -0.8]),
        slope=np.array([0.4, 0.0]),
    )
    both = replace(found, posterior=replace(found.posterior, types=types))
    some = people(0.2, 0.2, 0.2, 0.2)
    known = np.array([[1.0, 0.0], [0.0, 1.0], [0.25, 0.75], [0.0, 0.0]])
    who = replace(some.who, types=known)

    worth = value.priced({"10%": TEN}, ["TEA"], replace(some, who=who), both)

    moved, driven, likely, unknown = worth.margin[:, 0]
    assert driven < 0 < moved
    assert likely == pytest.approx(0.25 * moved + 0.75 * driven)
    assert unknown == pytest.approx(0.5 * moved + 0.5 * driven)
    assert worth.lift[:2, 0] == pytest.approx([0.4 + 1.2, 0.4 - 0.8])


def test_an_offer_is_charged_with_what_being_addressed_does_elsewhere() -> None:
    found = believed().expected
    driven = replace(found, posterior=replace(found.posterior, address=-0.3))
    some, menu = people(0.2, rest=5.0), {"10%": TEN}

    plain, worth = (value.priced(menu, ["TEA"], some, one) for one in (found, driven))

    loss = (worth.margin - plain.margin)[:, 0]
    assert loss == pytest.approx([5 * (np.exp(-0.3) - 1)])
    assert worth.cost == pytest.approx(plain.cost)


def test_what_scores_get_wrong_is_corrected_before_the_offer_moves_anything() -> None:
    p0 = np.array([0.3])
    habit, spend = Habit(use=0.5), np.array([20.0])

    right, high = (
        value.margin(
            TEN,
            p0,
            spend,
            lift=0.4,
            rate=0.3,
            habit=habit,
            later=0.0,
            correction=correction,
        )
        for correction in (0.0, -0.5)
    )

    assert 0 < high / right < 0.75


def test_a_basket_is_what_is_spent_at_a_time() -> None:
    p0 = np.array([0.001, 0.7599])

    each = beliefs.basket(p0, np.array([20.0, 20.0]))

    # Who buys in 30 % of the weeks buys 1.2 times in four, 1.58 if at all.
    assert each == pytest.approx([20.0, 20 * 0.7599 / 1.2], rel=1e-3)


def test_who_buys_often_uses_an_offer_that_renews_more_often() -> None:
    w = np.array([0.01, 0.5])

    assert value.purchases(w, Run()) == pytest.approx(1 - (1 - w) ** 4)
    assert value.purchases(w, Run(turns=4)) == pytest.approx(4 * w)


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

    p0, mean, rate = beliefs.in_scope(chance, spend, [0, 1], [0.2, 0.6, 0.9])

    assert p0 == pytest.approx([0.6])
    assert mean == pytest.approx([13 / 0.6])
    assert rate == pytest.approx([(5 * 0.2 + 8 * 0.6) / 13])
