"""The sums that all of measurement stands on: one GROUP BY, a row for each arm and day.

A unit is a person, with what they came to since their assignment. With z = (1, revenue,
profit, ...) of a unit, an arm's sufficient sums are Σ z zᵀ (analytics.moments). A day's
row holds by how much that sum grew on the day, so the rows up to any day add up to the
sums as of it, and no unit is read again for a report.

Of slices other than "all" only the whole is kept, at their last day.

Subjects are strategies, campaigns, and the programme month by month. What goes back
counts where its order did: for a month, up to `WASHOUT` after its end. A strategy's
arms are drawn by lot among its audience; a campaign's and the programme's are everybody
of their audience against who is held out of everything. Where a strategy's odds move,
its units are also summed up by the odds that drew them (`DRAWN` and their first day).
Only money in the subject's own currency counts.

Who was assigned by two keys, before they proved to be one person's, may be in two arms,
so counts in none, and is counted as crossed; whoever was in the same arm twice too.
Were only those dropped whose arms differ, nearly all of them would be missing from a
small arm and hardly any from a large one: with 5 % held back, what such people spend
would look like an effect.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from django.conf import settings
from django.db import connection, transaction

from promotions.models import ArmDay, Summed
from promotions.sum_queries import (
    AUDIENCE,
    CAMPAIGNS,
    DAYS,
    MONTH,
    OUTCOMES,
    STRATEGIES,
    UNITS,
)

NAMES = (
    *("revenue", "profit", "discount", "orders", "returned", "refusals"),
    *("before_revenue", "before_profit"),
)
"""What a unit comes to; the last two are of the eight weeks before the assignment.

Profit is what was paid less what the goods cost: a discount is off it already. Of a
gift, `discount` is what it cost, so that profit and discount make up the margin. Goods
of no known cost have the assumed margin at shelf prices; of what comes back, a part of
its order's cost.
"""
COLUMNS = ("one", *NAMES)
BEFORE = timedelta(weeks=8)
WASHOUT = timedelta(weeks=4)
"""How long after the end of a campaign its buyers are watched: for what they only
bought sooner."""
PROGRAMME = UUID("7f1d3c52-6a0e-4f5b-9d7c-0b5f7d0c6a11")
CROSSED = "crossed"
DRAWN = "drawn "


def refresh_strategy(strategy: UUID, *, until: datetime) -> None:
    """Sum a strategy up anew, with all that is known before `until`."""
    _refresh(STRATEGIES, strategy, until=until)


def refresh_campaign(campaign: UUID, *, until: datetime) -> None:
    """Sum a campaign up anew."""
    _refresh(CAMPAIGNS, campaign, until=until)


def refresh_month(first: datetime, *, until: datetime) -> None:
    """Sum the programme's month up anew that begins with `first`."""
    _refresh(MONTH, month(first), until=until, opens=first, closes=ends(first))


def analyze() -> None:
    """Refresh the planner's statistics: after a bulk load, sums take many times longer.

    The server does so by itself within a minute; it costs a third of a second.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "ANALYZE analytics_assignment, analytics_exposure, analytics_outcome"
        )


def month(first: datetime) -> UUID:
    """Return the subject that is the programme in the month."""
    return uuid5(PROGRAMME, f"{first:%Y-%m}")


def ends(first: datetime) -> datetime:
    """Return the end of the month that begins with `first`."""
    # 32 days after a month's first is always in the next one.
    return (first + timedelta(days=32)).replace(day=1)


def _refresh(
    members: str,
    subject: UUID,
    *,
    until: datetime,
    opens: datetime | None = None,
    closes: datetime | None = None,
) -> None:
    given = values(subject, until) | {"opens": opens, "closes": closes}
    with transaction.atomic(), connection.cursor() as cursor:
        # All anew: late orders, links and refunds change days that are over.
        ArmDay.objects.filter(subject=subject).delete()
        cursor.execute(_statement(members), given)
        Summed(subject=subject, until=until).save()


def values(subject: UUID, until: datetime) -> dict[str, Any]:
    """Return what the parts of statements need; MONTH, when it opens and closes too."""
    return {
        "subject": subject,
        "until": until,
        "opens": None,
        "closes": None,
        "before": BEFORE,
        "washout": WASHOUT,
        "cost": 1 - settings.ASSUMED_MARGIN,
        "currency": settings.CURRENCY,
    }


def _statement(members: str) -> str:
    """Write the INSERT: days of units, their running totals, and what these add."""
    daily = ", ".join(f"sum({name})::float8 AS {name}" for name in COLUMNS)
    running = ", ".join(f"sum({name}) OVER past AS {name}_now" for name in COLUMNS)
    grown = [_grown(a, b) for a, b in pairs()]
    sums = ", ".join(f"sum({one}) AS s{n}" for n, one in enumerate(grown))
    added = ", ".join(f"sum(s{n})" for n in range(len(grown)))
    return f"""
        INSERT INTO promotions_armday (subject, slice, arm, variant, day, sums)
        WITH {AUDIENCE}, {members}, {UNITS}, {OUTCOMES}, {DAYS},
        daily AS (SELECT u, day, {daily} FROM part GROUP BY u, day),
        running AS (
            SELECT *, {running} FROM daily WINDOW past AS (PARTITION BY u ORDER BY day)
        ),
        cell AS (
            SELECT subject, arm, variant, segment, odds, seen, day, to_char(
                date_trunc('week', since AT TIME ZONE 'UTC'), 'YYYY-MM-DD') AS week,
                {sums}
            FROM running JOIN watched USING (u) GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
        )
        SELECT subject, slice, arm, variant, coalesce(of.day, max(cell.day)),
            ARRAY[{added}]
        FROM cell CROSS JOIN LATERAL (VALUES
            (CASE WHEN NOT seen THEN 'all' END, cell.day),
            (CASE WHEN seen THEN 'shown' END, NULL),
            (CASE WHEN NOT seen AND segment <> '' THEN 'segment ' || segment END, NULL),
            (CASE WHEN NOT seen THEN 'week ' || week END, NULL),
            (CASE WHEN NOT seen THEN '{DRAWN}' || to_char(odds, 'YYYY-MM-DD') END, NULL)
        ) AS of (slice, day)
        WHERE slice IS NOT NULL
        GROUP BY subject, slice, arm, variant, of.day
    """  # noqa: S608


def pairs() -> Iterable[tuple[str, str]]:
    """Return the upper triangle of z zᵀ, row by row: the order of `ArmDay.sums`."""
    for place, a in enumerate(COLUMNS):
        for b in COLUMNS[place:]:
            yield a, b


def _grown(a: str, b: str) -> str:
    # Z Zᵀ − (Z − z)(Z − z)ᵀ, Z the unit's running total, z its day: the squares of days
    # do not add up to the square of their sum.
    return f"{a}_now * {b}_now - ({a}_now - {a}) * ({b}_now - {b})"


def read(subject: UUID, **where: Any) -> list[ArmDay]:
    """Return a subject's rows, by day."""
    return list(ArmDay.objects.filter(subject=subject, **where).order_by("day"))
