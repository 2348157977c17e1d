"""What an offer is worth to the shop, customer by customer. Pure NumPy.

An offer moves a week's chance of buying in scope from w0 to w, until it is used:
logit w = logit w0 + b, with b from a posterior (ml.lifts), so every figure is a mean
over draws of what may be true, and over what types the customer may be of, and has a
distribution. An offer that can be used again after a while has R turns in its W weeks
(one use: R = 1), in each of which there is a first purchase with the chance
1 − (1 − w)^(W/R). Of these, n in all, the part 1 − w0/w would not have been without it:
in each week until then w − w0 more were bought, and w were. With s the shelf value of a
purchase, m its margin rate, r by how much an offer stretches it, g the reward, u the
share of it that is given, and κ what a unit of it costs the shop (1 for money; 1 − m
for a gift, bought at cost):

    margin = n · (r − w0/w − ρ) · s · m − n · u · g · κ + (e^a − 1) · o

ρ is the part of what is bought on offers, by whomever, that is missing later, or
elsewhere: who would have bought anyway stocks up too (promotions.promises). Whoever is
addressed buys e^a as much of all the rest, whose margin within the horizon is o; each
of the offers that a customer may have bears its part of that.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.lifts import WEEKS, What, expit, lifted, logit, weekly
from promotions.beliefs import ONCE, Floats, Habit, People, Response, Run, basket, kind
from promotions.rules import Gift, Percentage, Terms, Threshold

CHUNK = 5000
EXACT = 9
"""Decimals: variants that are worth the same must not be told apart by how a machine
adds up, or a decision made again would be another one."""


@dataclass(frozen=True, kw_only=True)
class Priced:
    """A menu before people: [customers, variants] each.

    `margin` and `cost` are expected values, `best` the chance that the variant is the
    best one, given all doubts, and `lift` its expected b. `totals` are draws of what
    the variants with the best expectation bring together where that is above zero.
    """

    margin: Floats
    cost: Floats
    best: Floats
    lift: Floats
    totals: Floats


@dataclass(frozen=True, kw_only=True)
class Best:
    """Per customer: the menu's best variant (its place), what it brings and costs.

    `odds`: the chance of each variant to be the best.
    """

    variant: NDArray[np.int64]
    margin: Floats
    cost: Floats
    lift: Floats
    odds: Floats


def priced(
    menu: Mapping[str, Terms],
    scope: Sequence[str],
    people: People,
    response: Response,
    run: Run = ONCE,
) -> Priced:
    """Price every variant of a menu on all customers."""
    parts = list(_parts(menu, scope, people, response, run))
    if not parts:
        nothing = np.zeros((0, len(menu)))
        return Priced(
            margin=nothing,
            cost=nothing,
            best=nothing,
            lift=nothing,
            totals=np.zeros(len(response.thetas)),
        )
    return Priced(
        margin=np.vstack([part.margin for part in parts]),
        cost=np.vstack([part.cost for part in parts]),
        best=np.vstack([part.best for part in parts]),
        lift=np.vstack([part.lift for part in parts]),
        totals=np.sum([part.totals for part in parts], axis=0),
    )


def best(found: Priced) -> Best:
    """Choose each customer's best variant: proposals and targeting both come here."""
    # Of ties the menu's first; margins are rounded (EXACT), so that ties are ties.
    variant, rows = found.margin.argmax(axis=1), np.arange(len(found.margin))
    return Best(
        variant=variant,
        margin=found.margin[rows, variant],
        cost=found.cost[rows, variant],
        lift=found.lift[rows, variant],
        odds=found.best,
    )


def by_lot(found: Priced, odds: Sequence[float]) -> Best:
    """Value a menu of which everybody draws one by the odds.

    Whom it is for cannot depend on the draw, which comes afterwards.
    """
    shares = np.asarray(odds)
    return Best(
        variant=found.margin.argmax(axis=1),
        margin=found.margin @ shares,
        cost=found.cost @ shares,
        lift=found.lift @ shares,
        odds=found.best,
    )


def margin(
    terms: Terms,
    p0: Floats,
    spend: Floats,
    *,
    lift: Floats | float,
    rate: Floats | float,
    habit: Habit,
    later: Floats | float,
    run: Run = ONCE,
    correction: float = 0.0,
) -> Floats:
    """Return what offering `terms` brings over offering nothing, for known lifts.

    `correction`: what is known of logit w0 beyond p0 (`Posterior.correction`).
    """
    each = basket(p0, spend)
    given, kappa = rewards(terms, each, rate)
    w0 = expit(logit(weekly(p0)) + correction)
    w = lifted(w0, lift)
    more = habit.stretch - w0 / w - later
    return purchases(w, run) * (more * each * rate - habit.use * given * kappa)


def purchases(w: Floats, run: Run) -> Floats:
    """Return n, the first purchases of all turns, at a week's chance w."""
    return np.asarray(-run.turns * np.expm1(np.log1p(-w) * run.weeks / run.turns))


def depth(terms: Terms) -> float:
    """Return a personal offer's discount as a share of the goods."""
    match terms:
        case Percentage(rate=rate):
            return float(rate)
        case Threshold(spend=least, amount=amount):
            return float(amount / least)
        case Gift(spend=least, value=worth):
            return float(worth / least)
        case _:
            raise TypeError(f"{type(terms).__name__} is not forecast by customer")


def rewards(
    terms: Terms, spend: Floats, rate: Floats | float
) -> tuple[Floats, Floats | float]:
    """Return the reward per use for baskets, and what a unit of it costs.

    Who spends less than the threshold reaches it in proportion to how near he is.
    """
    match terms:
        case Percentage(rate=off):
            return spend * float(off), 1.0
        case Threshold(spend=least, amount=amount):
            return np.minimum(1.0, spend / float(least)) * float(amount), 1.0
        case Gift(spend=least, value=worth):
            reach = np.minimum(1.0, spend / float(least))
            return reach * float(worth), 1 - rate
        case _:
            raise TypeError(f"{type(terms).__name__} is not forecast by customer")


def _parts(
    menu: Mapping[str, Terms],
    scope: Sequence[str],
    people: People,
    response: Response,
    run: Run,
) -> Iterator[Priced]:
    for start in range(0, len(people.spend), CHUNK):
        yield _part(menu, scope, people[start : start + CHUNK], response, run)


def drawn(
    menu: Mapping[str, Terms],
    scope: Sequence[str],
    people: People,
    response: Response,
    run: Run = ONCE,
) -> tuple[Floats, Floats, Floats]:
    """Return draws of the margin, and expected cost and lift, of every variant.

    [draws, customers, variants], and [customers, variants] twice; all in one piece.
    """
    found = [_one(terms, scope, people, response, run) for terms in menu.values()]
    margins, costs, lifts = zip(*found, strict=True)
    return np.stack(margins, axis=2), np.column_stack(costs), np.column_stack(lifts)


def gains(
    menu: Mapping[str, Terms],
    scope: Sequence[str],
    people: People,
    response: Response,
    run: Run = ONCE,
) -> Floats:
    """Return the margin before what is given, [customers, variants]."""
    found = priced(menu, scope, people, response, run)
    # `cost` is n · u · g, at shelf prices: a gift's goods cost the shop 1 − m of it.
    kappa = [rewards(terms, people.basket, people.rate)[1] for terms in menu.values()]
    given = np.column_stack([np.broadcast_to(k, len(people.rate)) for k in kappa])
    return np.asarray(found.margin + found.cost * given)


def _one(
    terms: Terms,
    scope: Sequence[str],
    people: People,
    response: Response,
    run: Run,
) -> tuple[Floats, Floats, Floats]:
    """Price one variant: over all that its customers' types may be."""
    what = What(kind=kind(terms), scope=scope, depth=depth(terms))
    posterior, habit = response.posterior, response.habit(what.kind)
    # Shapes: w0 [customers], b [draws, customers], likely [customers, types].
    w0 = posterior.unprompted(people.who, what)
    b = posterior.drawn(people.who, what, response.thetas)
    each = people.basket
    given, kappa = rewards(terms, each, people.rate)
    worth, spends = each * people.rate, habit.use * given
    cost, chance = np.zeros(b.shape), np.zeros(b.shape)
    # (e^a − 1) · o, where o is of a whole horizon:
    # an offer that runs half of it has half.
    aside = np.expm1(posterior.address) * people.rest * run.weeks / WEEKS
    margin = np.tile(aside, (len(b), 1))
    likely = posterior.weights(people.who)
    # Each type is priced apart and weighed: n is
    # not linear in b, so the mean b would not do.
    for weight, shift in zip(likely.T, posterior.shifts(what), strict=True):
        w = lifted(w0, b + shift)
        bought = weight * purchases(w, run)
        more = habit.stretch - w0 / w - response.later[:, None]
        margin += bought * (more * worth - spends * kappa)
        cost += bought * spends
        chance += weight * w
    # The lift of the mean chance, not the mean
    # of lifts: with it w0 comes to that chance.
    return margin, cost.mean(axis=0), logit(chance.mean(axis=0)) - logit(w0)


def _part(
    menu: Mapping[str, Terms],
    scope: Sequence[str],
    people: People,
    response: Response,
    run: Run,
) -> Priced:
    margins, costs, lifts = drawn(menu, scope, people, response, run)
    margins = margins.round(EXACT)
    mean, winner = margins.mean(axis=0).round(EXACT), margins.argmax(axis=2)
    # By the mean of all draws: a choice by each draw's own best would promise luck.
    chosen, rows = mean.argmax(axis=1), np.arange(len(mean))
    inside = mean[rows, chosen] > 0
    return Priced(
        margin=mean,
        cost=costs,
        best=np.column_stack([(winner == v).mean(axis=0) for v in range(len(menu))]),
        lift=lifts,
        totals=margins[:, rows, chosen][:, inside].sum(axis=1),
    )


def what(menu: Mapping[str, Terms], scope: Sequence[str]) -> What:
    """Return what a menu offers, by its first variant: all are of one kind."""
    # Depth does not matter to whoever asks: corrections go by kind and scope.
    first = next(iter(menu.values()))
    return What(kind=kind(first), scope=scope, depth=depth(first))
