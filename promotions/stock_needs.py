"""What a strategy's goods need until an order of today arrives, beside what there is.

Products are summed in the database; only what expires is looked at one by one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import ceil

from django.db.models import Case, Count, Max, Q, QuerySet, Sum, Value, When
from django.db.models import FloatField as Floats
from django.db.models.functions import Cast, Coalesce, Greatest

from catalog.demanded import Expected
from catalog.models import Product
from catalog.stock import Outlook
from ml import forecasts
from promotions import extra_units
from promotions.models import Strategy
from promotions.supply import WEEK, goods_of, held

YEAR = 366
ALL = 1e9
"""Units a day that sell whatever there is."""


@dataclass(frozen=True, kw_only=True)
class Need:
    """What a strategy's goods need until an order of today arrives.

    `products` of `all_products` have a known stock; only of these are all the others.
    `usual` and `extra` units are expected, `extra` by the strategy (None: not known).
    `missing` are those that are expected to be asked for in vain, product by product:
    what there is of one helps nobody who wants another. `there` is without what will
    have expired by then. `stale`: how old forecasts are, where they are not used.
    """

    all_products: int
    products: int
    days: float
    usual: float
    extra: float | None
    there: int
    incoming: int
    missing: float
    stale: timedelta | None = None


def need(strategy: Strategy, *, at: datetime) -> Need:
    """Return what a strategy's goods need; nothing is known of goods without stock."""
    goods = goods_of(strategy)
    left = extra_units.days_left(strategy, at)
    # What comes when it is over does not help it.
    until = at.date() + timedelta(days=min(ceil(left), YEAR))
    in_time = Q(incoming_on=None) | Q(incoming_on__lt=until)
    known = Q(stock__isnull=False)
    sums = goods.aggregate(
        rows=Count("sku"),
        counted=Count("stock"),
        there=Sum("stock"),
        coming=Sum("incoming", filter=known & in_time),
        weekly=Sum("supply__weekly", filter=known),
        days=Max("supply__lead_days", filter=known),
    )
    counted = sums["counted"]
    stale = forecasts.age(at) if counted else None
    weekly = 0.0 if stale else sums["weekly"] or 0.0
    # Until an order of today arrives at the
    # slowest: what is missing later can be ordered.
    days = min(left, float(sums["days"] or 0))
    each_day = extra_units.each_day(strategy, weekly, at=at) if counted else None
    wanted = weekly * days / WEEK + (each_day or 0.0) * days
    # Each product is taken to be asked for by what it sells anyway.
    share = wanted / weekly if weekly else 0.0
    # Only these are looked at one by one; all others are summed in the database.
    soon = Q(expires_on__lt=at.date() + timedelta(days=ceil(days)), stock__gt=0)
    passing = list(_passing(goods.filter(soon), share, days, until, at.date()))
    lasting = goods.exclude(soon)
    return Need(
        all_products=sums["rows"],
        products=counted,
        days=days,
        usual=weekly * days / WEEK,
        extra=None if each_day is None else each_day * days,
        there=(sums["there"] or 0) - ceil(sum(one.lost for one in passing)),
        incoming=sums["coming"] or 0,
        missing=_missing(lasting, in_time, share) + sum(one.lacks for one in passing)
        if weekly
        else 0.0,
        stale=stale,
    )


@dataclass(frozen=True, kw_only=True)
class Passing:
    """A product that expires: `lost` before it is asked for, and what it `lacks`."""

    lost: float
    lacks: float


def _passing(
    goods: QuerySet[Product], share: float, days: float, until: date, today: date
) -> Iterator[Passing]:
    """Tell of goods that expire within so many days what is lost of them, and lacks.

    `share` of a week's units is wanted, at an even pace; if nobody knows how many are,
    only what has expired is lost.
    """
    for one in goods.select_related("supply"):
        weekly = one.supply.weekly if hasattr(one, "supply") else 0.0
        ahead = _evenly(weekly * share / days if share else ALL)
        has, comes = (
            held(one, today),
            one.incoming_on is None or one.incoming_on < until,
        )
        left = has.saleable(ahead, days) + (has.incoming if comes else 0)
        yield Passing(
            lost=has.units - has.saleable(ahead, days),
            lacks=max(0.0, weekly * share - left),
        )


def _evenly(pace: float) -> Outlook:
    """Return an outlook of so many units a day."""
    return Outlook(
        weekly=[pace * WEEK], over=lambda days: Expected(mean=pace * max(0.0, days))
    )


def _missing(goods: QuerySet[Product], in_time: Q, share: float) -> float:
    """Add up what each product lacks, of which `share` of a week's units are wanted."""
    coming = Case(
        When(in_time, then=Coalesce("incoming", 0)), default=0, output_field=Floats()
    )
    there = Cast("stock", Floats())
    # Cut at 0 product by product: what one has
    # too much of does not fill another's lack.
    lacks = Coalesce("supply__weekly", 0.0) * share - there - coming
    found = goods.filter(stock__isnull=False).aggregate(
        units=Sum(Greatest(lacks, Value(0.0), output_field=Floats()))
    )
    return float(found["units"] or 0.0)
