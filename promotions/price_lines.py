"""Propose strategies that change prices for everybody, line by line.

The one way in for whoever has prices to propose: the weekly optimiser, an answer to a
competitor, a mark-down path of what must go. Nothing here changes a price: an operator
approves, and promotions.price_rolls puts lines into force.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction

from analytics import wording
from analytics.wording import revived
from promotions import approval, campaigns, guards, histories, price_guards
from promotions.models import OPEN, PriceLine, Strategy

MOST = 10_000
"""Lines of a strategy: an operator finds each of them on its page."""


class NoLines(Exception):
    """There is nothing to change, or more than can be looked through."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a line is expected to bring while it runs, against the price that `was`.

    Units and money are of the whole period, or of OPEN for a line without an end;
    `low` and `high` are the margin's 80 % interval. `why` is in plain words. What
    `clears` must go, in any step; if it `expires`, it may sell below its cost. `doubt`
    is the standard deviation of `units_before`; `cost` is what a unit costs, or of what
    must go, what one that is left is worth: what comes is measured with them.
    """

    units: float
    units_before: float
    margin: float
    low: float
    high: float
    revenue: float = 0.0
    stock_after: float | None = None
    why: str = ""
    clears: bool = False
    expires: bool = False
    doubt: float | None = None
    cost: float | None = None


@dataclass(frozen=True, kw_only=True)
class Line:
    """A product's price from `starts_at` up to, but not including, `ends_at`.

    Several lines of a sku that follow each other are a mark-down path.
    """

    sku: str
    price: Decimal
    was: Decimal
    starts_at: datetime
    ends_at: datetime | None = None
    expects: Expected | None = None


@dataclass(frozen=True, kw_only=True)
class Change:
    """A price change as it is proposed.

    `margin`, `low`, `high`: what all lines together bring beyond today's prices, with
    its 80 % interval, in money. `more` is kept with the forecast, for the pages.
    """

    title: str
    reason: str
    lines: Sequence[Line]
    scope: Sequence[str] = ()
    margin: float
    low: float
    high: float
    units: float = 0.0
    revenue: float = 0.0
    more: Mapping[str, Any] = field(default_factory=dict)


def propose(
    change: Change, *, by: str, at: datetime, replaces: Strategy | None = None
) -> Strategy:
    """Propose a price change in a campaign of its own; a version takes the old one's.

    :raises NoLines: there is none, or more than MOST.
    :raises ValidationError: two lines of a product overlap, or a field makes no sense.
    """
    if not 0 < len(change.lines) <= MOST:
        raise NoLines(f"{len(change.lines)} lines")
    with transaction.atomic():
        strategy = _strategy(change, replaces, by=by, at=at)
        rows = _rows(change, strategy)
        # Their lines end when this version is approved: they are no clash.
        before = [one.id for one in histories.replaced(strategy)]
        checks = price_guards.of(strategy, rows, before, at=at)
        strategy.guards = guards.stored(checks)
        approval.propose(strategy, by=by, at=at, lines=rows)
    return strategy


def _strategy(
    change: Change, replaces: Strategy | None, *, by: str, at: datetime
) -> Strategy:
    starts = min(line.starts_at for line in change.lines)
    ends = max(line.ends_at or line.starts_at + OPEN for line in change.lines)
    campaign = (
        replaces.campaign
        if replaces
        else campaigns.open_(
            campaigns.made(
                name=str(change.title)[:200],
                starts_at=min(starts, at),
                ends_at=ends,
                zone=settings.SHOP_ZONE,
                budget=Decimal(0),
                currency=settings.CURRENCY,
            ),
            by=by,
            at=at,
        )
    )
    return Strategy(
        campaign=campaign,
        kind=Strategy.Kind.PRICES,
        trigger=Strategy.Trigger.SHELF,
        # Cut to its column; `said` below keeps all of it, for
        # readers of other languages.
        title=str(change.title)[:200],
        reason=str(change.reason),
        scope=sorted(change.scope),
        menu={},
        currency=campaign.currency,
        budget=Decimal(0),
        holdout=0,
        explore=0,
        # The floors are its lines': by category, looked at by promotions.price_guards.
        least_margin=Decimal(0),
        forecast={
            "reach": len({line.sku for line in change.lines}),
            "cost": 0.0,
            "basis": "observational",
            "margin": change.margin,
            "low": change.low,
            "high": change.high,
            "units": change.units,
            "revenue": change.revenue,
            **change.more,
            "said": {
                "title": wording.kept(change.title),
                "reason": wording.kept(change.reason),
            },
        },
        replaces=replaces,
        version=replaces.version + 1 if replaces else 1,
    )


def _rows(change: Change, strategy: Strategy) -> list[PriceLine]:
    return [
        PriceLine(
            strategy=strategy,
            sku=line.sku,
            price=line.price,
            was=line.was,
            starts_at=line.starts_at,
            ends_at=line.ends_at,
            expects=_kept(line.expects) if line.expects else {},
        )
        for line in sorted(change.lines, key=lambda one: (one.sku, one.starts_at))
    ]


def line_of(row: PriceLine) -> Line:
    """Read a line that was proposed before."""
    known = row.expects
    return Line(
        sku=row.sku,
        price=row.price,
        was=row.was,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        expects=Expected(**{**known, "why": revived(known["why"])}) if known else None,
    )


def _kept(expected: Expected) -> dict[str, Any]:
    return {**vars(expected), "why": wording.kept(expected.why)}
