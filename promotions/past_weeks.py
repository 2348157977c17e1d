"""What a strategy would have done week by week: same evaluator as carts, other clock.

Of each week of the log a sample of its orders is tried (promotions.past_baskets), from
all over the week. Weeks are seven days, half-open, and end with the period; by default
that is with the newest order. Worker and commands only: a basket takes milliseconds.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from analytics import glances
from catalog import pricing
from promotions import past_baskets
from promotions.models import Strategy
from promotions.past_baskets import Basket, Trial

WEEK = timedelta(days=7)
WEEKS = 4
"""So many recent weeks are what a proposal is tried on."""
MOST_ORDERS = 100
"""Of a week."""
MOST_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class Span:
    """A half-open time."""

    since: datetime
    until: datetime


@dataclass(frozen=True, kw_only=True)
class Week:
    """What the strategy did in a week; money in its currency.

    Of `orders`, `baskets` were tried, `touched` of these got something, and are those
    of `customers` (guests are not counted). `given` is what they got, and `cost` what
    all orders of the week would have got: for a code, if every customer entered it.
    `worst` and `kept` are the largest share that a basket was reduced by, with all that
    is live, and the least margin that one kept. `floored` baskets would have got more
    but for a margin floor. `stopped`: time was over before all were tried.
    """

    since: datetime
    until: datetime
    orders: int
    baskets: int
    touched: int
    customers: int
    given: Decimal
    cost: Decimal
    worst: Decimal
    kept: Decimal
    floored: int
    stopped: bool


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the strategy did in all weeks, as in `Week`.

    `cost` is the sum of the weeks' (0 of one that no basket was tried of). `mean` is
    what a touched basket got; each week's counts for all of the week's, as weeks are
    sampled at different rates. Customers cannot be added up, so they are not here.
    """

    orders: int
    baskets: int
    touched: int
    cost: Decimal
    mean: Decimal
    worst: Decimal
    kept: Decimal
    floored: int
    stopped: bool


def spans(number: int, *, until: datetime | None = None) -> list[Span]:
    """Return the last weeks before `until`, the oldest first; none of an empty log."""
    ends = until or glances.newest("order_completed")
    if ends is None:
        return []
    if until is None:
        # Half-open: so that the newest order lies inside.
        ends += timedelta(microseconds=1)
    starts = (ends - WEEK * n for n in range(number, 0, -1))
    return [Span(since=start, until=start + WEEK) for start in starts]


def run(
    strategy: Strategy,
    *,
    at: datetime,
    weeks: int = WEEKS,
    until: datetime | None = None,
    most: int = MOST_ORDERS,
    seconds: float = MOST_SECONDS,
) -> Iterator[Week]:
    """Try a strategy, stored or not, on the log's weeks; nothing is stored.

    Each week gets its share of the `seconds` that are left.
    """
    trial, ends = past_baskets.trial(strategy, at=at), time.monotonic() + seconds
    every = spans(weeks, until=until)
    for place, span in enumerate(every):
        # What a quick week did not need goes to those that follow.
        left = (ends - time.monotonic()) / (len(every) - place)
        yield week(trial, span, most=most, seconds=left)


def week(trial: Trial, span: Span, *, most: int, seconds: float) -> Week:
    """Try a sample of at most `most` of a week's orders."""
    ends = time.monotonic() + seconds
    orders, count = glances.sample(
        "order_completed", since=span.since, until=span.until, most=most
    )
    found: list[Basket] = []
    tried = 0
    for order in orders:
        if time.monotonic() > ends:
            break
        tried += 1
        if basket := past_baskets.basket(order, trial):
            found.append(basket)
    return _summed(found, tried, count, trial, span, stopped=tried < len(orders))


def total(weeks: Sequence[Week], currency: str) -> Outcome:
    """Put weeks together; each was sampled at a rate of its own."""
    baskets, touched, orders = (
        sum(getattr(one, name) for one in weeks)
        for name in ("baskets", "touched", "orders")
    )
    cost = sum((one.cost for one in weeks), Decimal(0))
    reached = sum(
        Decimal(one.touched * one.orders) / one.baskets for one in weeks if one.baskets
    )
    return Outcome(
        orders=orders,
        baskets=baskets,
        touched=touched,
        cost=pricing.rounded(cost, currency),
        mean=pricing.rounded(cost / (reached or 1), currency),
        worst=max((one.worst for one in weeks), default=Decimal(0)),
        kept=min((one.kept for one in weeks), default=Decimal(1)),
        floored=sum(one.floored for one in weeks),
        stopped=any(one.stopped for one in weeks),
    )


def _summed(
    found: Sequence[Basket],
    tried: int,
    count: int,
    trial: Trial,
    span: Span,
    *,
    stopped: bool,
) -> Week:
    touched = [basket for basket in found if basket.applied]
    given = sum((basket.given for basket in touched), Decimal(0))
    currency = trial.strategy.currency
    return Week(
        since=span.since,
        until=span.until,
        orders=count,
        baskets=tried,
        touched=len(touched),
        customers=len({one.customer for one in touched} - {None}),
        given=pricing.rounded(given, currency),
        cost=pricing.rounded(given * count / max(1, tried), currency),
        worst=round(max((one.share for one in touched), default=Decimal(0)), 4),
        kept=round(min((one.kept for one in touched), default=Decimal(1)), 4),
        floored=sum(basket.floored for basket in found),
        stopped=stopped,
    )
