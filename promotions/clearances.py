"""Mark-down paths of what is too much or will expire, as price changes to approve.

Once a week what runs is planned anew from what was sold; a path that changes is
proposed as a new version. Nothing here changes a price. Worker only: it reads the log.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice, pairwise
from typing import Any

import polars as pl
from django.conf import settings
from django.db.models import F, Q

from catalog import history, levels
from catalog.episodes import Step
from catalog.models import Product
from ml import lines, opinions
from promotions import price_lines, supply
from promotions.clearance_changes import GoesOn, change, summed
from promotions.clearance_lessons import in_force, learnt, nearest
from promotions.clearance_plans import (
    MOST_WEEKS,
    WEEK,
    Path,
    Plan,
    found,
    planned,
    read,
)
from promotions.models import PriceLine, Strategy, Supply
from promotions.price_rolls import UNDECIDED

PLATFORM = "platform"
State = Strategy.State
MOST = 40
"""Products at a time: an operator looks at them."""
TRIED = 120
"""Products that are planned at a time, at most: each takes a second or two."""
FORGETS: Mapping[State, timedelta] = {
    State.RETURNED: timedelta(days=7),
    State.REJECTED: timedelta(days=28),
}
"""So long is what was given back somebody's to write anew, and a no a no."""
LEAST_GAIN = 10.0
"""Money: for less a proposal is not worth an operator's time."""
Plans = Mapping[str, tuple[Plan, Mapping[str, Any]]]
"""By sku, and as they were kept."""
BETTER = 0.01
"""Another price next week recovers so much more, all in all."""


def propose(*, at: datetime, by: str = PLATFORM) -> list[Strategy]:
    """Plan anew what runs, and propose what should be cleared; return what is new."""
    again = list(_again(by, at))
    paths: dict[str, list[Path]] = {}
    for category, path in islice(_paths(at), MOST):
        paths.setdefault(category, []).append(path)
    made = [
        price_lines.propose(change(category, some), by=by, at=at)
        for category, some in sorted(paths.items())
        if summed(some, "mean") >= LEAST_GAIN
    ]
    return again + made


def _paths(at: datetime) -> Iterator[tuple[str, Path]]:
    """Yield (category, path) of what gains by a mark-down, the most money first."""
    # Before it is counted: what cannot be planned takes nobody's place.
    plans = filter(None, _plans(at))
    for category, plan in islice(plans, TRIED):
        path = found(plan, plan.asked, plan.belief)
        if path.marked and path.told.gain.mean > 0:
            yield category, path


def _plans(at: datetime) -> Iterator[tuple[str, Plan] | None]:
    """Yield what could be cleared; None where there is no forecast or no time."""
    taken = _taken(at) | _unwanted(at)
    rows = [one for one in _scan() if one.product_id not in taken]
    known = supply.outlooks([one.product_id for one in rows], at)
    rules = levels.rules()
    for row in rows:
        rule, demand = levels.rule_of(row.category, rules), known.get(row.product_id)
        plan = planned(row.product, demand, rule, row, at=at) if demand else None
        yield (row.category, plan) if plan else None


def _scan() -> list[Supply]:
    """Return what is too much or will expire, the most money first."""
    rows = Supply.objects.filter(
        state__in=[Supply.State.OVER, Supply.State.EXPIRING],
        product__promotable=True,
        product__price__gt=0,
        product__currency=settings.CURRENCY,
        weekly__gt=0,
    ).select_related("product")
    # What is under a surge of bad words is in no proposal.
    rows = rows.exclude(product__in=opinions.held().skus)
    return list(rows.order_by(-(F("units") * F("product__price")), "product_id"))


def _taken(at: datetime) -> set[str]:
    """Return the products whose price somebody else changes, or is about to."""
    waits = Q(
        strategy__state__in=[State.PROPOSED, State.LIVE, State.PAUSED],
        strategy__campaign__ends_at__gt=at,
    )
    given_back = Q(
        strategy__state=State.RETURNED,
        strategy__decided_at__gt=at - FORGETS[State.RETURNED],
    )
    # A line that is over takes no product.
    lines_ = PriceLine.objects.filter(waits | given_back, state__in=UNDECIDED)
    return set(lines_.values_list("sku", flat=True))


def _unwanted(at: datetime) -> set[str]:
    """Return the products whose clearance was rejected, or struck out, of late."""
    # What the next version goes on with is `_taken`: the rest was struck out.
    struck = Q(strategy__state=State.RETURNED, strategy__successors__isnull=False)
    lines_ = PriceLine.objects.filter(
        Q(strategy__state=State.REJECTED) | struck,
        strategy__forecast__has_key="clearance",
        strategy__decided_at__gt=at - FORGETS[State.REJECTED],
    )
    return set(lines_.values_list("sku", flat=True))


def _again(by: str, at: datetime) -> Iterator[Strategy]:
    """Propose new versions of the clearances whose path is another one by now."""
    rows = Strategy.objects.filter(
        kind=Strategy.Kind.PRICES,
        state=State.LIVE,
        campaign__ends_at__gt=at,
        forecast__has_key="clearance",
    )
    running = [
        (strategy, last)
        for strategy in rows.select_related("campaign").order_by("id")
        if (last := _newest(strategy, at))
    ]
    sales = _sales(at) if running else None
    for strategy, last in running:
        plans = {
            sku: (read(sku, told), told)
            for sku, told in strategy.forecast["clearance"].items()
        }
        sold = _sold_since([plan for plan, _ in plans.values()], sales)
        paths, goes_on = _rest(strategy, plans, sold, at)
        if any(_another(one, plans[one.plan.sku][1]) for one in paths):
            news = change(", ".join(strategy.scope), paths, goes_on=goes_on)
            # What sells faster than was believed may need no mark-down any more: that
            # its strategy should end is a person's to see.
            if news.lines:
                yield price_lines.propose(news, by=by, at=at, replaces=last)


def _newest(strategy: Strategy, at: datetime) -> Strategy | None:
    """Return what a new version replaces: the last one that was given back, if any.

    None while one waits, or what became of it is fresh.
    """
    for one in strategy.successors.order_by("-proposed_at"):
        fresh = FORGETS.get(State(one.state))
        decided = one.decided_at or at
        if one.state == State.PROPOSED or (fresh and decided > at - fresh):
            return None
        if one.state == State.RETURNED:
            return _newest(one, at)
    return strategy


def _rest(
    strategy: Strategy,
    plans: Plans,
    sold: Mapping[str, Mapping[int, int]],
    at: datetime,
) -> tuple[list[Path], GoesOn]:
    """Return what is planned anew of a clearance, and what goes on as it is.

    Neither are products that the shop has overruled, or that are gone or sold.
    """
    rows = list(strategy.price_lines.order_by("sku", "starts_at"))
    lost = {one.sku for one in rows if one.state == PriceLine.State.OVERRULED}
    since = min(plan.moment(0) for plan, _ in plans.values())
    steps = history.steps_of(plans, since=since)
    products = Product.objects.filter(price__gt=0).in_bulk(list(plans))
    paths, goes_on = [], {}
    for sku, (plan, told) in plans.items():
        if sku in lost or sku not in products:
            continue
        mine = [one for one in rows if one.sku == sku and one.state in UNDECIDED]
        if 0 < _begun(plan, at) < plan.asked.weeks:
            of = sold.get(sku, {}), steps.get(sku, [])
            paths.append(_go_on(plan, products[sku], *of, at))
        # Not begun, or in its last week: a new version must not lose what was approved.
        elif mine:
            goes_on[sku] = told, [price_lines.line_of(one) for one in mine]
    return [one for one in paths if one], goes_on


def _begun(plan: Plan, at: datetime) -> int:
    """Return how many weeks of a plan have begun."""
    return sum(plan.moment(week) <= at for week in range(plan.asked.weeks + 1))


def _go_on(
    plan: Plan,
    product: Product,
    sold: Mapping[int, int],
    steps: Sequence[Step],
    at: datetime,
) -> Path | None:
    """Plan anew what is left of a product from the next week on; None: it is sold.

    What was learnt is learnt at the prices that were in force, whatever was planned:
    they may have been approved late, or paused.
    """
    weeks, usual = _begun(plan, at), plan.asked.prices[0]
    spans = [
        (plan.moment(n), min(plan.moment(n + 1), at))
        for n in range(weeks)
        if plan.moment(n) < at
    ]
    prices = [in_force(steps, *span, usual) for span in spans]
    charged = tuple(nearest(plan, last) for _, last in prices)
    part = (at - plan.moment(weeks - 1)) / WEEK
    units = [sold.get(week, 0) for week in range(len(prices))]
    belief, gone = learnt(plan, [mean for mean, _ in prices], units, part)
    # Indices rise as prices fall: so many of the steps are used.
    falls = sum(one < other for one, other in pairwise((0, *charged)))
    asked = replace(
        plan.asked,
        stock=max(0, min(_left(plan, product, gone), plan.asked.stock)),
        units=plan.asked.units[len(prices) :],
        steps=max(0, plan.asked.steps - falls),
    )
    return found(plan, asked, belief, charged) if asked.stock else None


def _left(plan: Plan, product: Product, gone: int) -> int:
    """Return the units that are left to clear; those of a later day are not."""
    if product.stock is None:
        return plan.asked.stock - gone
    if not plan.expires:
        return product.stock
    # The feed tells of the oldest units: a later day says that the plan's are gone. But
    # a plan of MOST_WEEKS may itself end before their day.
    later = product.expires_on is not None and product.expires_on > plan.ends
    if later and plan.asked.weeks < MOST_WEEKS:
        return 0
    expiring = product.stock if product.expiring is None else product.expiring
    return min(product.stock, expiring)


def _another(path: Path, told: Mapping[str, Any]) -> bool:
    """Whether next week's price had better be another one than was approved.

    What comes after is planned anew in time.
    """
    worth = path.worths()
    before = worth[(*told["charged"], *told["path"])[path.first]]
    return bool(worth.max() > (1 + BETTER) * before)


def _sales(at: datetime) -> pl.DataFrame:
    """Return all lines of orders that stand: read once for all clearances."""
    return lines.standing(lines.read(until=at))


def _sold_since(
    plans: Sequence[Plan], sales: pl.DataFrame | None
) -> dict[str, dict[int, int]]:
    """Return the units that were sold by sku and week of its plan."""
    weeks = {
        plan.sku: [plan.moment(n) for n in range(plan.asked.weeks + 1)]
        for plan in plans
    }
    if sales is None:
        return {}
    since = sales.filter(
        pl.col("sku").cast(pl.String).is_in(list(weeks)),
        pl.col("at") >= min(first for first, *_ in weeks.values()),
    )
    found_: dict[str, dict[int, int]] = {}
    columns = since.select(pl.col("sku").cast(pl.String), "at", "quantity")
    for sku, moment, units in columns.iter_rows():
        week = bisect_right(weeks[sku], moment) - 1
        mine = found_.setdefault(sku, {})
        mine[week] = mine.get(week, 0) + round(units)
    return found_
