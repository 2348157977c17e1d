"""What the platform is compared with: rules of who is offered what, played in a world.

None of them needs the platform. The propensity ranking knows every customer's true
chance to buy unprompted, which no model does; the oracle knows the response as well.
Played with the same luck as the platform, so differences are paired. Pure.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from demo.offers import Offers
from demo.populations import CATEGORIES, Bools, Floats
from demo.worlds import World

RATE = 0.10
RATES = (0.05, 0.10, 0.15, 0.20, 0.30)
STEPS = (1.25, 1.6, 2.0)
REWARD = 0.10
MOST = 3
"""Offers a customer, as on the platform (OFFERS_PER_CUSTOMER)."""
SEED = 2**41

Policy = Callable[[World, int, Floats, float], Offers]
"""(world, week, state, the week's budget for discounts) -> what each is shown."""


@dataclass(frozen=True, kw_only=True)
class Played:
    """What came of a policy: profit [weeks, customers], discounts given by week."""

    profit: Floats
    discount: Floats


def play(world: World, policy: Policy, budgets: Sequence[float]) -> Played:
    """Play so many weeks as there are budgets, the goods restocked every week."""
    state, profits, given = world.fresh(), [], []
    for week, budget in enumerate(budgets):
        offers = policy(world, week, state, budget)
        stock = world.goods.stock.copy()
        profit, promoted = np.zeros(world.customers), np.zeros(state.shape, bool)
        spent = 0.0
        for day in range(7):
            rows = world.visitors(week, day)
            baskets = world.shop(rows, offers, week, state, stock)
            discount = offers.of(rows).discount(world.worth(baskets))
            spent += float(discount[~baskets.returned].sum())
            profit[rows] = world.profit(baskets, discount)
            promoted[rows] = baskets.promoted
        state = world.after(state, promoted)
        profits.append(profit)
        given.append(spent)
    return Played(profit=np.array(profits), discount=np.array(given))


def nothing(world: World, week: int, state: Floats, budget: float) -> Offers:
    """Offer nothing."""
    return Offers.none(world.customers)


def everybody(world: World, week: int, state: Floats, budget: float) -> Offers:
    """Take the same off everything for all, whatever it costs."""
    return _percent(np.ones((world.customers, CATEGORIES), bool))


def propensity(world: World, week: int, state: Floats, budget: float) -> Offers:
    """Offer where the chance to buy unprompted is highest, up to the budget."""
    chance = world.chance(Offers.none(len(state)), week, state)
    return _ranked(world, week, state, budget, chance * world.people.visits[:, None])


def lottery(world: World, week: int, state: Floats, budget: float) -> Offers:
    """Offer at random, up to the budget."""
    key = [world.seed, SEED + week]
    drawn = np.random.Generator(np.random.Philox(key=key)).random(state.shape)
    return _ranked(world, week, state, budget, drawn)


def oracle(world: World, week: int, state: Floats, budget: float) -> Offers:
    """Give each customer the offers that bring most, by the true response.

    Each offer is judged as if it were the only one; whatever brings something counts.
    """
    gain, offers, _ = best(world, week, state)
    return _kept(offers, _top(gain) & (gain > 0))


def frugal_oracle(world: World, week: int, state: Floats, budget: float) -> Offers:
    """Choose as the oracle does, by gain for each unit of cost, up to the budget."""
    gain, offers, cost = best(world, week, state)
    wanted = _top(gain) & (gain > 0)
    value = np.where(wanted, gain / np.maximum(cost, 1e-9), -np.inf)
    return _kept(offers, _within(value, cost, budget) & wanted)


def menu(world: World) -> list[list[dict[str, float]]]:
    """Return each category's variants: rates, and money off from thresholds on."""
    usual = world.value.sum(axis=(1, 2))
    return [
        [{"rate": rate} for rate in RATES]
        + [
            {"least": np.round(mean * step), "off": np.round(mean * step) * REWARD}
            for step in STEPS
            if np.round(mean * step) >= 2
        ]
        for mean in usual
    ]


def best(world: World, week: int, state: Floats) -> tuple[Floats, Offers, Floats]:
    """Return each category's best variant: gain [customers, categories], it, its cost.

    The gain is of the whole basket: what it does to other categories counts.
    """
    # Once: chances without an offer are the same for all variants.
    unmoved = world.chance(Offers.none(1), week, state)
    base, _ = world.expected(Offers.none(1), week, state, unmoved)
    gain = np.full(state.shape, -np.inf)
    cost = np.zeros(state.shape)
    offers = Offers.none(world.customers)
    for category, variants in enumerate(menu(world)):
        for variant in variants:
            one = single(category, variant)
            brought, given = world.expected(one, week, state, unmoved)
            more = brought - base
            better = more > gain[:, category]
            gain[better, category] = more[better]
            cost[better, category] = given[better]
            for name in ("rate", "least", "off"):
                getattr(offers, name)[better, category] = variant.get(name, 0.0)
    return gain, offers, cost


def single(category: int, variant: dict[str, float]) -> Offers:
    """Return one variant in one category, for all."""
    one = Offers.none(1)
    for name, value in variant.items():
        getattr(one, name)[0, category] = value
    return one


def _percent(where: Bools) -> Offers:
    none = Offers.none(len(where))
    none.rate[where] = RATE
    return none


def _kept(offers: Offers, where: Bools) -> Offers:
    fields = {n: getattr(offers, n) * where for n in Offers.__dataclass_fields__}
    return Offers(**fields)


def _ranked(
    world: World, week: int, state: Floats, budget: float, rank: Floats
) -> Offers:
    """Offer RATE by rank, up to the budget, which the expected discounts fill."""
    # One row for all customers.
    whole = _percent(np.ones((1, CATEGORIES), bool))
    mean = RATE * world.value.sum(axis=(1, 2))
    cost = world.chance(whole, week, state) * world.people.visits[:, None] * mean
    return _percent(_within(np.where(_top(rank), rank, -np.inf), cost, budget))


def _top(rank: Floats) -> Bools:
    """Mark each customer's MOST best."""
    # The argsort of an argsort is each entry's rank.
    place = np.argsort(np.argsort(-rank, axis=1, kind="stable"), axis=1)
    return np.asarray(place < MOST)


def _within(rank: Floats, cost: Floats, budget: float) -> Bools:
    """Mark the best of all, finite ones, while their cost fits the budget."""
    order = np.argsort(-rank, axis=None, kind="stable")
    fits = np.zeros(rank.size, bool)
    # Along the ranking: the budget ends at one place in it.
    spent = np.where(np.isfinite(rank), cost, 0.0).ravel()[order].cumsum()
    fits[order] = spent <= budget
    return fits.reshape(rank.shape) & np.isfinite(rank)
