"""What measurement costs a shop of 30 M events: summing up anew, and reading reports.

The rows are those that so many events leave in the projections: 3 M orders of 200,000
customers in 400 days, 40 strategies of 50,000 assigned customers each in 8 campaigns.
Reports read nothing else, so the rest of the log need not be there.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import numpy as np
from django.conf import settings
from django.db import connection
from django.utils import timezone

from demo.bench.table import Row, against, limit, show
from promotions import measurement, programme, reports, sums
from promotions.models import ArmDay, Campaign, Strategy

CUSTOMERS, ORDERS, ASSIGNED = 200_000, 3_000_000, 50_000
CAMPAIGNS, STRATEGIES = 8, 40
DAYS = 400
READS = 40
"""So many times each report is read."""

ORDER_ROWS = """
    INSERT INTO analytics_outcome (position, customer, at, kind, number, currency,
        paid, shelf, discount, gift, skus, cost, uncosted)
    SELECT n, lpad(to_hex((random() * %s)::int), 32, '0')::uuid,
        now() - random() * %s * interval '1 day', 'order', gen_random_uuid(), %s,
        (random() * 50)::numeric(20, 4), (random() * 50 + 5)::numeric(20, 4), 0, 0,
        '{}', 0, (random() * 50 + 5)::numeric(20, 4)
    FROM generate_series(1, %s) n
"""
ASSIGNED_ROWS = """
    INSERT INTO analytics_assignment (position, customer, strategy, at, arm, variant,
        bucket, probability, segment, offer, traits, types, elsewhere, rest)
    SELECT %s + n, lpad(to_hex((n * 4) %% %s), 32, '0')::uuid, %s,
        %s::timestamptz + (n %% 5) * interval '1 day',
        CASE WHEN n %% 20 = 0 THEN 'held_out' WHEN n %% 10 = 1 THEN 'holdout'
            ELSE 'treatment' END,
        CASE WHEN n %% 20 <> 0 AND n %% 10 <> 1 THEN (n %% 3)::text END,
        random(), .5, 'S' || n %% 8, gen_random_uuid(), '{}', '{}', 0, 0
    FROM generate_series(1, %s) n
"""
SHOWN_ROWS = """
    INSERT INTO analytics_exposure (offer, first_shown_at, shows)
    SELECT offer, at + interval '1 hour', 1 FROM analytics_assignment
    WHERE arm = 'treatment' AND random() < .5
"""


def run() -> None:
    """Measure on an empty database; some three minutes."""
    strategies = _fill()
    show("Measurement", [*_summing(strategies), *_reading(strategies)])


def _fill() -> list[Strategy]:
    """Make the shop; the strategies began 50 days ago and ran for 30."""
    strategies = [_strategy(campaign) for campaign in _campaigns() for _ in range(5)]
    with connection.cursor() as cursor:
        cursor.execute(ORDER_ROWS, [CUSTOMERS, DAYS, settings.CURRENCY, ORDERS])
        for n, strategy in enumerate(strategies):
            begins = strategy.campaign.starts_at
            first = ORDERS + n * ASSIGNED
            values: list[Any] = [first, CUSTOMERS, strategy.id, begins, ASSIGNED]
            cursor.execute(ASSIGNED_ROWS, values)
        cursor.execute(SHOWN_ROWS)
        cursor.execute("VACUUM ANALYZE analytics_outcome, analytics_assignment")
        cursor.execute("VACUUM ANALYZE analytics_exposure")
    return strategies


def _campaigns() -> list[Campaign]:
    begins = timezone.now() - timedelta(days=50)
    return [
        Campaign.objects.create(
            name=f"bench {n}",
            starts_at=begins,
            ends_at=begins + timedelta(days=30),
            budget=Decimal(10**6),
            currency=settings.CURRENCY,
        )
        for n in range(CAMPAIGNS)
    ]


def _strategy(campaign: Campaign) -> Strategy:
    return Strategy.objects.create(
        id=uuid4(),
        campaign=campaign,
        kind="percentage",
        title="10 % off tea",
        reason="bench",
        scope=["TEA"],
        menu={str(n): {"kind": "percentage", "rate": "0.10"} for n in range(3)},
        currency=settings.CURRENCY,
        state="live",
        budget=Decimal(10**5),
        holdout=0.1,
        least_margin=Decimal("0.05"),
        forecast={"reach": ASSIGNED, "margin": 1000.0, "cost": 500.0},
        guards=[],
        decided_at=campaign.starts_at,
    )


def _summing(strategies: list[Strategy]) -> list[Row]:
    """Sum up one strategy, and the whole programme's month, against a bare GROUP BY."""
    now = timezone.now()
    bare = _seconds(_bare)
    ids: list[UUID] = [one.id for one in strategies]
    one = _seconds(lambda: sums.refresh_strategy(ids[0], until=now))
    all_ = _seconds(lambda: measurement.refresh(until=now))
    return [
        against(
            "one strategy of 50,000 assigned, all its days summed up anew",
            one,
            bare,
            None,
            "a bare GROUP BY customer and day of the orders",
        ),
        against(
            f"{STRATEGIES} strategies, {CAMPAIGNS} campaigns, the programme's months",
            all_,
            bare,
            None,
            "a bare GROUP BY customer and day of the orders",
        ),
        shown_rows(),
    ]


def shown_rows() -> Row:
    count = ArmDay.objects.count()
    return Row(
        figure="rows of daily sums", ours=f"{count:,}", peer="", ratio=None, goal=None
    )


def _bare() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT customer, at::date, sum(paid)"
            " FROM analytics_outcome GROUP BY 1, 2) days"
        )


def _seconds(what: Callable[[], object]) -> float:
    started = time.perf_counter()
    what()
    return time.perf_counter() - started


def _reading(strategies: list[Strategy]) -> list[Row]:
    """Read reports as pages and API do; the slowest in twenty must answer in time."""
    reads: list[tuple[str, Callable[[], object]]] = [
        ("a strategy's report", lambda: reports.of_strategy(strategies[0])),
        ("a campaign's report", lambda: reports.of_campaign(strategies[0].campaign)),
        ("the programme's report", lambda: programme.of(at=timezone.now())),
    ]
    return [limit(f"{name}, p95 ms", _p95(read), 300) for name, read in reads]


def _p95(read: Callable[[], object]) -> float:
    return float(np.percentile([_seconds(read) * 1e3 for _ in range(READS)], 95))
