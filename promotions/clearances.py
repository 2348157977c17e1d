"""Mark-down paths of what is too much or will expire, as price changes to approve.

Once a week what runs is planned anew from what was sold; a path that changes is
proposed as a new version. Nothing here changes a price. Worker only: it reads the log.

Intervals of products are added as if all went wrong together: they share an elasticity.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice, pairwise
from typing import Any

import polars as pl
from django.conf import settings
from django.db.models import F, Q

from analytics.wording import Wording
from catalog import history, levels, pricing
from catalog.episodes import Step
from catalog.markdown_luck import Outcome
from catalog.models import Product
from ml import lines
from promotions import price_lines, supply
from promotions.clearance_plans import (
    MOST_WEEKS,
    WEEK,
    Path,
    Plan,
    found,
    in_force,
    kept,
    learnt,
    nearest,
    planned,
    read,
)
from promotions.models import PriceLine, Strategy, Supply
from promotions.price_lines import Change, Expected, Line
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
BETTER = 0.01
"""Another price next week recovers so much more, all in all."""


def propose(*, at: datetime, by: str = PLATFORM) -> list[Strategy]:
    """Plan anew what runs, and propose what should be cleared; return what is new."""
    again = list(_again(by, at))
    paths: dict[str, list[Path]] = {}
    for category, path in islice(_paths(at), MOST):
        paths.setdefault(category, []).append(path)
    made = [
        price_lines.propose(_change(category, some), by=by, at=at)
        for category, some in sorted(paths.items())
        if _sum(some, "mean") >= LEAST_GAIN
    ]
    return again + made


def _paths(at: datetime) -> Iterator[tuple[str, Path]]:
    """Yield (category, path) of what gains by a mark-down, the most money first."""
    plans = filter(None, _plans(at))
    for category, plan in islice(plans, TRIED):
        path = found(plan, plan.asked, plan.belief)
        if path.marked and path.told.gain.mean > 0:
            yield category, path


def _plans(at: datetime) -> Iterator[tuple[str, Plan] | None]:
    """Yield what could be cleared; None where there is no forecast or no time."""
    taken = _taken(at) | _unwanted(at)
    rows = [one for one in _scan() if one.product_id not in taken]
    known = supply.outlooks([one.product_id for one in rows], at.date())
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
    lines_ = PriceLine.objects.filter(waits | given_back, state__in=UNDECIDED)
    return set(lines_.values_list("sku", flat=True))


def _unwanted(at: datetime) -> set[str]:
    """Return the products whose clearance was rejected, or struck out, of late."""
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
        rest = _Rest(strategy, plans, sold, at)
        if any(_another(one, plans[one.plan.sku][1]) for one in rest.paths):
            category = ", ".join(strategy.scope)
            change = _change(category, rest.paths, goes_on=rest.goes_on)
            # What sells faster than was believed may need no mark-down any more: that
            # its strategy should end is a person's to see.
            if change.lines:
                yield price_lines.propose(change, by=by, at=at, replaces=last)


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


class _Rest:
    """What is left of a clearance: paths that are planned anew, and what goes on.

    Products that the shop has overruled are no more in it, nor what is sold out.
    """

    def __init__(
        self,
        strategy: Strategy,
        plans: Mapping[str, tuple[Plan, Mapping[str, Any]]],
        sold: Mapping[str, Mapping[int, int]],
        at: datetime,
    ) -> None:
        lines_ = list(strategy.price_lines.order_by("sku", "starts_at"))
        lost = {one.sku for one in lines_ if one.state == PriceLine.State.OVERRULED}
        since = min(_moment(plan.starts) for plan, _ in plans.values())
        steps = history.steps_of(plans, since=since)
        products = Product.objects.filter(price__gt=0).in_bulk(list(plans))
        self.paths: list[Path] = []
        self.goes_on: dict[str, tuple[Mapping[str, Any], list[Line]]] = {}
        for sku, (plan, told) in plans.items():
            if sku in lost or sku not in products:
                continue
            weeks = _begun(plan, at)
            if 0 < weeks < plan.asked.weeks:
                path = _go_on(
                    plan, products[sku], sold.get(sku, {}), steps.get(sku, []), at
                )
                self.paths += [path] if path else []
            else:
                mine = [o for o in lines_ if o.sku == sku and o.state in UNDECIDED]
                rows = [price_lines.line_of(one) for one in mine]
                self.goes_on |= {sku: (told, rows)} if rows else {}


def _begun(plan: Plan, at: datetime) -> int:
    """Return how many weeks of a plan have begun."""
    over = (at - _moment(plan.starts)) / WEEK
    return int(over) + 1 if over >= 0 else 0


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
        (_moment(plan.week(n)), min(_moment(plan.week(n + 1)), at))
        for n in range(weeks)
        if _moment(plan.week(n)) < at
    ]
    prices = [in_force(steps, *span, usual) for span in spans]
    charged = tuple(nearest(plan, last) for _, last in prices)
    part = (at - _moment(plan.starts)) / WEEK - (weeks - 1)
    units = [sold.get(week, 0) for week in range(len(prices))]
    belief, gone = learnt(plan, [mean for mean, _ in prices], units, part)
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
    starts = {plan.sku: _moment(plan.starts) for plan in plans}
    if sales is None:
        return {}
    mine = sales.filter(
        pl.col("sku").cast(pl.String).is_in(list(starts)),
        pl.col("at") >= min(starts.values()),
    )
    found_: dict[str, dict[int, int]] = {}
    columns = mine.select(pl.col("sku").cast(pl.String), "at", "quantity")
    for sku, moment, units in columns.iter_rows():
        week = (moment - starts[sku]) // WEEK
        weeks = found_.setdefault(sku, {})
        weeks[week] = weeks.get(week, 0) + round(units)
    return found_


GoesOn = Mapping[str, tuple[Mapping[str, Any], Sequence[Line]]]


def _change(
    category: str, paths: Sequence[Path], *, goes_on: GoesOn | None = None
) -> Change:
    as_it_was = goes_on or {}
    plans = {sku: dict(told) for sku, (told, _) in as_it_was.items()}
    plans |= {one.plan.sku: kept(one) for one in paths}
    rows = [row for _, some in as_it_was.values() for row in some]
    gain = [sum(told["gain"][place] for told in plans.values()) for place in range(3)]
    return Change(
        title=Wording("Clearance: %(category)s", category=category),
        reason=_reason(paths, again=goes_on is not None),
        lines=[*rows, *(line for one in paths for line in _lines(one))],
        scope=[category] if category else [],
        margin=round(gain[0], 2),
        low=round(gain[1], 2),
        high=round(gain[2], 2),
        more={"clearance": plans},
    )


def _reason(paths: Sequence[Path], *, again: bool) -> Wording:
    gain = [_sum(paths, name) for name in ("mean", "low", "high")]
    left = sum(one.told.left.mean for one in paths)
    beside = sum(one.nothing.left.mean for one in paths)
    return Wording(
        "%(why)s %(units)s units of %(products)s products are there. The path of "
        "prices is expected to recover %(gain)s %(currency)s more than today's prices "
        "(80 %%: %(low)s to %(high)s) by %(ends)s; about %(left)s units will be left, "
        "instead of %(beside)s. It is planned anew each week from what was sold. How "
        "demand answers prices is taken from the past, which was no experiment.",
        why=_why(paths, again=again),
        units=f"{sum(one.asked.stock for one in paths):,}",
        products=f"{len(paths):,}",
        gain=f"{gain[0]:,.0f}",
        low=f"{gain[1]:,.0f}",
        high=f"{gain[2]:,.0f}",
        currency=settings.CURRENCY,
        ends=max(one.plan.ends for one in paths).isoformat(),
        left=f"{left:,.0f}",
        beside=f"{beside:,.0f}",
    )


def _sum(paths: Iterable[Path], name: str) -> float:
    return float(sum(getattr(one.told.gain, name) for one in paths))


def _why(paths: Sequence[Path], *, again: bool) -> Wording:
    if again:
        sold = sum(one.plan.asked.stock - one.asked.stock for one in paths)
        return Wording(
            "Planned anew: %(sold)s units were sold since it began, so demand is "
            "believed to be %(level)s of what was forecast.",
            sold=f"{sold:,}",
            level=f"{sum(one.level for one in paths) / len(paths):.0%}",
        )
    if all(one.plan.expires for one in paths):
        return Wording("At today's prices these goods will not be sold by their day.")
    return Wording("The stock of these goods lasts too long.")


def _lines(path: Path) -> Iterator[Line]:
    """Yield the path's prices as lines: weeks of one price are one line.

    Weeks at the first price have none. The week that runs has its own, so that a new
    version takes the price over from the one before.
    """
    charged, first = path.charged[-1:], path.first
    spans: list[tuple[int, int, int]] = []
    for week, index in enumerate((*charged, *path.indices), first - len(charged)):
        if spans and spans[-1][2] == index:
            spans[-1] = (spans[-1][0], week + 1, index)
        elif index:
            spans.append((week, week + 1, index))
    all_sold = sum(
        _sold(path, path.told, max(b - first, 0), e - first) for b, e, _ in spans
    )
    for begins, ends, index in spans:
        sold = _sold(path, path.told, max(begins - first, 0), ends - first)
        yield Line(
            sku=path.plan.sku,
            price=_money(path.asked.prices[index]),
            was=_money(path.asked.prices[0]),
            starts_at=_moment(path.plan.week(begins)),
            ends_at=_moment(path.plan.week(ends)),
            expects=_expected(
                path,
                max(begins - first, 0),
                ends - first,
                index,
                sold / (all_sold or 1),
            ),
        )


def _expected(path: Path, first: int, last: int, index: int, part: float) -> Expected:
    """Say what a line is expected to sell; the gain is shared by units sold."""
    sold = _sold(path, path.told, first, last)
    plain = _sold(path, path.nothing, first, last)
    gain = path.told.gain
    return Expected(
        units=round(sold, 2),
        units_before=round(plain, 2),
        margin=round(gain.mean * part, 2),
        low=round(gain.low * part, 2),
        high=round(gain.high * part, 2),
        revenue=round(sold * path.asked.prices[index], 2),
        stock_after=round(path.told.stock[max(last, 1) - 1].mean, 1),
        why=Wording("Sells what is left by %(day)s.", day=path.plan.ends.isoformat()),
        clears=True,
        expires=path.plan.expires,
        doubt=round(_doubt(path, plain), 2),
        cost=round(path.asked.salvage, 4),
    )


def _doubt(path: Path, units: float) -> float:
    """Return the standard deviation of what would sell: level, and luck."""
    weight, level = path.belief.weight, path.belief.level
    mean = path.level
    spread = float(weight @ (level - mean) ** 2) / mean**2
    return float((units + (spread + path.asked.noise) * units**2) ** 0.5)


def _sold(path: Path, told: Outcome, first: int, last: int) -> float:
    if last <= first:
        return 0.0
    before = told.stock[first - 1].mean if first else float(path.asked.stock)
    return before - told.stock[last - 1].mean


def _money(price: float) -> Decimal:
    return pricing.rounded(Decimal(str(price)), settings.CURRENCY)


def _moment(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
