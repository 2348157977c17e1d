"""Mark-down paths of what is too much or will expire, as price changes to approve.

Once a week what runs is planned anew from what was sold; a path that changes is
proposed as a new version. Nothing here changes a price. Worker only: it reads the log.

Intervals of products are added as if all went wrong together: they share an elasticity.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import pairwise
from typing import Any

import polars as pl
from django.conf import settings
from django.db.models import F, Q

from analytics.wording import Wording
from catalog import levels, pricing
from catalog.markdown_luck import Outcome
from catalog.models import Product
from ml import lines, opinions
from promotions import price_lines, supply
from promotions.clearance_plans import WEEK, Path, found, kept, learnt, planned, read
from promotions.guards import Guard
from promotions.models import PriceLine, Strategy, Supply
from promotions.price_lines import Change, Expected, Line

PLATFORM = "platform"
State = Strategy.State
MOST = 40
"""Products at a time: each takes a second or two, and an operator looks at them."""
LEAST_GAIN = 10.0
"""Money: for less a proposal is not worth an operator's time."""
BETTER = 0.01
"""Another price next week recovers so much more, all in all."""


def propose(*, at: datetime, by: str = PLATFORM) -> list[Strategy]:
    """Plan anew what runs, and propose what should be cleared; return what is new."""
    again = list(_again(by, at))
    taken = _taken(at)
    fresh = [one for one in _scan() if one.product_id not in taken][:MOST]
    paths: dict[str, list[Path]] = {}
    for row in fresh:
        path = _first(row, at)
        if path and path.marked and path.told.gain.mean > 0:
            paths.setdefault(row.category, []).append(path)
    made = [
        price_lines.propose(_change(category, some), by=by, at=at)
        for category, some in sorted(paths.items())
        if _sum(some, "mean") >= LEAST_GAIN
    ]
    return again + made


def _scan() -> list[Supply]:
    """Return what is too much or will expire, the most money first."""
    rows = Supply.objects.filter(
        state__in=[Supply.State.OVER, Supply.State.EXPIRING],
        product__promotable=True,
        product__price__gt=0,
        product__currency=settings.CURRENCY,
        weekly__gt=0,
    ).select_related("product")
    rows = rows.exclude(product__in=opinions.held().skus)
    return list(rows.order_by(-(F("units") * F("product__price")), "product_id"))


def _taken(at: datetime) -> set[str]:
    """Return the products whose price somebody else changes, or is about to."""
    lines_ = PriceLine.objects.filter(
        strategy__state__in=[State.PROPOSED, State.RETURNED, State.LIVE, State.PAUSED],
        strategy__campaign__ends_at__gt=at,
    )
    return set(lines_.values_list("sku", flat=True))


def _first(row: Supply, at: datetime) -> Path | None:
    """Plan a product's clearance; None where there is no forecast or no time."""
    product = row.product
    known = supply.outlooks([product.sku], at.date()).get(product.sku)
    if known is None:
        return None
    rule = levels.rule_of(product.category, levels.rules())
    plan = planned(product, known, rule, row, at=at)
    return found(plan, plan.asked, plan.belief) if plan else None


def _again(by: str, at: datetime) -> Iterator[Strategy]:
    """Propose new versions of the clearances whose path is another one by now."""
    rows = Strategy.objects.filter(
        kind=Strategy.Kind.PRICES,
        state=State.LIVE,
        campaign__ends_at__gt=at,
        forecast__has_key="clearance",
    )
    waits = Q(successors__state__in=[State.PROPOSED, State.RETURNED])
    for strategy in rows.exclude(waits).select_related("campaign").order_by("id"):
        kept_plans = strategy.forecast["clearance"]
        sold = _sold_since(kept_plans, at)
        paths = [
            path
            for sku, told in kept_plans.items()
            if (path := _go_on(sku, told, sold.get(sku, {}), at))
        ]
        if any(_another(one, kept_plans[one.plan.sku]) for one in paths):
            change = _change(", ".join(strategy.scope), paths, again=True)
            # What sells faster than was believed may need no mark-down any more: that
            # its strategy should end is a person's to see.
            if change.lines:
                yield price_lines.propose(change, by=by, at=at, replaces=strategy)


def _go_on(
    sku: str, told: Mapping[str, Any], sold: Mapping[int, int], at: datetime
) -> Path | None:
    """Plan anew what is left of a product from the next week on; None: it is over."""
    plan = read(sku, told)
    over = (at - _moment(plan.starts)) / WEEK
    weeks = int(over) + 1 if over >= 0 else 0
    product = Product.objects.filter(sku=sku, price__gt=0).first()
    if not product or not weeks or weeks >= plan.asked.weeks:
        return None
    charged = (*told["charged"], *told["path"])[:weeks]
    units = [sold.get(week, 0) for week in range(weeks)]
    belief, gone = learnt(plan, charged, units, over - int(over))
    left = plan.asked.stock - gone if product.stock is None else product.stock
    falls = sum(one != other for one, other in pairwise((0, *charged)))
    asked = replace(
        plan.asked,
        stock=max(0, min(left, plan.asked.stock)),
        units=plan.asked.units[weeks:],
        steps=max(0, plan.asked.steps - falls),
    )
    return found(plan, asked, belief, charged) if asked.stock else None


def _another(path: Path, told: Mapping[str, Any]) -> bool:
    """Whether next week's price had better be another one than was approved.

    What comes after is planned anew in time.
    """
    worth = path.worths()
    before = worth[(*told["charged"], *told["path"])[path.first]]
    return bool(worth.max() > (1 + BETTER) * before)


def _sold_since(
    plans: Mapping[str, Mapping[str, Any]], at: datetime
) -> dict[str, dict[int, int]]:
    """Return the units that were sold by sku and week of its plan."""
    first = min(read(sku, told).starts for sku, told in plans.items())
    history = lines.standing(lines.read(until=at)).filter(
        pl.col("sku").cast(pl.String).is_in(list(plans)),
        pl.col("at") >= _moment(first),
    )
    found_: dict[str, dict[int, int]] = {}
    columns = history.select(pl.col("sku").cast(pl.String), "at", "quantity")
    for sku, moment, units in columns.iter_rows():
        week = (moment - _moment(read(sku, plans[sku]).starts)) // WEEK
        mine = found_.setdefault(sku, {})
        mine[week] = mine.get(week, 0) + round(units)
    return found_


def _change(category: str, paths: Sequence[Path], *, again: bool = False) -> Change:
    gain = [_sum(paths, name) for name in ("mean", "low", "high")]
    left = sum(one.told.left.mean for one in paths)
    beside = sum(one.nothing.left.mean for one in paths)
    title = Wording("Clearance: %(category)s", category=category)
    reason = Wording(
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
    return Change(
        title=title,
        reason=reason,
        lines=[line for one in paths for line in _lines(one)],
        scope=[category] if category else [],
        margin=round(gain[0], 2),
        low=round(gain[1], 2),
        high=round(gain[2], 2),
        more={"clearance": {one.plan.sku: kept(one) for one in paths}},
        checks=[_double(category)],
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


def _double(category: str) -> Guard:
    """Name what else discounts these goods: at the till their floors stop it."""
    live = Strategy.objects.filter(state=State.LIVE).exclude(kind="prices")
    others = [
        one
        for one in live.only("scope", "least_margin")
        if not one.scope or category in one.scope
    ]
    return Guard(
        name=Wording("double discount"),
        passed=True,
        detail=Wording(
            "%(number)s live strategies discount these goods too; none sells a line "
            "below its own least margin, so none discounts what is marked down to it",
            number=f"{len(others):,}",
        ),
    )


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
    for begins, ends, index in spans:
        yield Line(
            sku=path.plan.sku,
            price=_money(path.asked.prices[index]),
            was=_money(path.asked.prices[0]),
            starts_at=_moment(path.plan.week(begins)),
            ends_at=_moment(path.plan.week(ends)),
            expects=_expected(path, max(begins - first, 0), ends - first, index),
        )


def _expected(path: Path, first: int, last: int, index: int) -> Expected:
    """Say what a line is expected to sell; the gain is shared by units sold."""
    sold = _sold(path, path.told, first, last)
    plain = _sold(path, path.nothing, first, last)
    all_sold = max(_sold(path, path.told, 0, len(path.indices)), 1e-9)
    part, gain = sold / all_sold, path.told.gain
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
    )


def _sold(path: Path, told: Outcome, first: int, last: int) -> float:
    if last <= first:
        return 0.0
    before = told.stock[first - 1].mean if first else float(path.asked.stock)
    return before - told.stock[last - 1].mean


def _money(price: float) -> Decimal:
    return pricing.rounded(Decimal(str(price)), settings.CURRENCY)


def _moment(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
