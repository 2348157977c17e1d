"""The worlds: the same luck for every policy, and an oracle that is worth its name."""

from dataclasses import replace

import numpy as np
import pytest

from demo import policies
from demo.offers import Offers
from demo.policies import Policy
from demo.populations import SEGMENTS
from demo.worlds import World

SEEDS = range(6)


@pytest.fixture(scope="module", params=SEEDS)
def world(request: pytest.FixtureRequest) -> World:
    return World.drawn(request.param, customers=400)


def everywhere(world: World, rate: float) -> Offers:
    offers = Offers.none(world.customers)
    offers.rate[:] = rate
    return offers


def test_a_seed_is_one_world_and_another_seed_another() -> None:
    one, again, other = (World.drawn(seed, customers=50) for seed in (7, 7, 8))

    assert (one.people.taste == again.people.taste).all()
    assert (one.goods.price == again.goods.price).all()
    assert not (one.goods.price == other.goods.price).any()


def test_a_customers_luck_depends_on_nobody_else() -> None:
    few, many = (World.drawn(3, customers=count) for count in (50, 500))

    assert (few.luck(5).buy == many.luck(5).buy[:50]).all()
    assert (few.luck(5).visit == many.luck(5).visit[:50]).all()
    assert not (few.luck(5).buy == few.luck(6).buy).any()
    assert few.luck(-3).buy.shape == few.luck(3).buy.shape


def test_without_an_offer_nothing_changes(world: World) -> None:
    none = Offers.none(world.customers)

    assert (world.response(none) == 0).all()
    assert (none.discount(np.ones_like(none.rate)) == 0).all()


def test_who_visits_does_not_depend_on_offers_and_comes_once(world: World) -> None:
    days = [world.visitors(2, day) for day in range(7)]

    assert len(np.concatenate(days)) == len(set(np.concatenate(days).tolist()))
    assert all((np.diff(rows) > 0).all() for rows in days)


def test_an_offer_elsewhere_changes_nobody_elses_basket(world: World) -> None:
    """Common random numbers: only whoever was offered something may buy otherwise."""
    rows, state = world.visitors(0, 1), world.fresh()
    one = Offers.none(world.customers)
    one.rate[rows[0], :3] = 0.15
    plenty = world.goods.stock * 1000

    plain = world.shop(rows, Offers.none(len(state)), 0, state, plenty.copy())
    moved = world.shop(rows, one, 0, state, plenty.copy())

    assert (plain.units[1:] == moved.units[1:]).all()
    assert (plain.product == moved.product).all()
    assert not moved.promoted[1:].any()


def test_deeper_offers_move_more_customers_and_none_of_the_persuadable_away(
    world: World,
) -> None:
    mine = world.people.segment == SEGMENTS.index("persuadable")
    one = Offers.none(1)
    chances = [world.chance(one, 0, world.fresh())]
    for rate in (0.05, 0.10, 0.15):
        one = Offers.none(1)
        one.rate[0, 0] = rate
        chances.append(world.chance(one, 0, world.fresh()))

    steps = np.diff([chance[mine, 0] for chance in chances], axis=0)
    assert (steps > 0).all()


def test_sleeping_dogs_lose_by_every_offer(world: World) -> None:
    dogs = np.flatnonzero(world.people.segment == SEGMENTS.index("sleeping dog"))
    state = world.fresh()
    base = world.expected_profit(Offers.none(1), 0, state)

    for category, variants in enumerate(policies.menu(world)):
        for variant in variants:
            one = policies.single(category, variant)
            assert (world.expected_profit(one, 0, state) < base)[dogs].all()
    gain, _, _ = policies.best(world, 0, state)
    assert (gain[dogs] < 0).all()


def test_a_promoted_purchase_is_borrowed_from_the_weeks_to_come(world: World) -> None:
    none, fresh = Offers.none(world.customers), world.fresh()
    chances = [world.chance(none, 1, fresh)]
    state = world.after(fresh, np.ones(fresh.shape, bool))
    for _ in range(3):
        chances.append(world.chance(none, 1, state))
        state = world.after(state, np.zeros(fresh.shape, bool))

    first, second, third, fourth = chances
    assert (second < third).all()
    assert (third < fourth).all()
    assert (fourth < first).all()


def test_nothing_is_sold_that_is_not_there(world: World) -> None:
    rows, state = world.visitors(0, 0), world.fresh()
    stock = np.ones_like(world.goods.stock)

    sold = world.shop(rows, everywhere(world, 0.5), 0, state, stock)

    assert sold.units.sum() > 0
    assert (sold.units <= 1).all()
    assert (stock >= 0).all()
    assert stock.sum() + sold.units.sum() == stock.size


def test_a_return_costs_its_handling_and_brings_nothing(world: World) -> None:
    rows, state = world.visitors(0, 0), world.fresh()
    plenty = world.goods.stock * 1000
    baskets = world.shop(rows, Offers.none(len(state)), 0, state, plenty)
    nothing = np.zeros(baskets.units.shape)

    kept = replace(baskets, returned=np.zeros(baskets.units.shape, bool))
    back = replace(baskets, returned=baskets.units > 0)

    assert (world.profit(kept, nothing) >= 0).all()
    assert (world.profit(back, nothing) == -2.0 * (baskets.units > 0).sum(axis=1)).all()


def test_thresholds_are_given_from_their_spend_on_and_stretch_baskets_near_them(
    world: World,
) -> None:
    rows, state = world.visitors(0, 0), world.fresh()
    offers = Offers.none(world.customers)
    usual = world.value.sum(axis=(1, 2))
    offers.least[:], offers.off[:] = 2 * usual, usual / 5
    plenty = world.goods.stock * 1000

    plain = world.shop(rows, Offers.none(len(state)), 0, state, plenty.copy())
    moved = world.shop(rows, offers, 0, state, plenty.copy())

    both = (plain.units > 0) & (moved.units > 0)
    assert (moved.units >= plain.units)[both].all()
    given, worth = offers.of(rows).discount(world.worth(moved)), world.worth(moved)
    assert ((given > 0) == (worth >= offers.least[rows] - 1e-9)).all()
    assert ((worth > 0.7 * offers.least[rows]) & (given == 0)).sum() == 0


def test_what_is_expected_is_what_comes_on_average() -> None:
    """The oracle's knowledge is true: two hundred weeks against the formula."""
    world = World.drawn(2, customers=400)
    offers, state = everywhere(world, 0.10), world.fresh()
    still = replace(world.people, borrows=np.zeros(world.customers))
    world = replace(
        world, people=still, goods=replace(world.goods, season=np.zeros(10))
    )
    totals = []
    for week in range(200):
        stock = world.goods.stock * 1000
        baskets = world.shop(np.arange(400), offers, week, state, stock)
        came = world.luck(week).visit < world.people.visits
        discount = offers.discount(world.worth(baskets))
        totals.append((world.profit(baskets, discount) * came).sum())

    expected = world.expected_profit(offers, 0, state).sum()
    error = np.std(totals) / len(totals) ** 0.5
    assert abs(np.mean(totals) - expected) < 4 * error
    assert error < 0.02 * expected


PEERS = (policies.nothing, policies.everybody, policies.propensity, policies.lottery)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.__name__)
def test_nobody_expects_more_than_the_oracle(world: World, peer: Policy) -> None:
    state, budget = world.fresh(), 200.0

    best = world.expected_profit(policies.oracle(world, 0, state, budget), 0, state)
    theirs = world.expected_profit(peer(world, 0, state, budget), 0, state)

    assert best.sum() > theirs.sum()


@pytest.mark.parametrize(
    "peer", [policies.propensity, policies.lottery, policies.frugal_oracle]
)
def test_a_budget_is_kept_in_expectation_and_used(world: World, peer: Policy) -> None:
    state, budget = world.fresh(), 60.0
    offers = peer(world, 0, state, budget)

    unmoved = world.chance(Offers.none(1), 0, state)
    _, cost = world.expected(offers, 0, state, unmoved)

    assert cost.sum() == pytest.approx(budget, rel=0.25)
    assert (offers.shown.sum(axis=1) <= policies.MOST).all()


def test_a_policy_played_twice_brings_the_same() -> None:
    world = World.drawn(5, customers=200)

    one, again = (policies.play(world, policies.lottery, [30.0] * 3) for _ in range(2))

    assert (one.profit == again.profit).all()
    assert one.profit.shape == (3, 200)
    assert one.discount.sum() > 0
