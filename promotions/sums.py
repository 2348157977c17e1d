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

AUDIENCE = """
assigned AS (
    SELECT a.position, a.strategy, a.customer, a.at, a.arm, a.variant, a.segment,
        a.odds, coalesce(c.person, a.customer) AS person,
        CASE WHEN e.offer IS NOT NULL THEN greatest(e.first_shown_at, a.at) END
            AS shown
    FROM analytics_assignment a
    LEFT JOIN analytics_customer c ON c.key = a.customer
    LEFT JOIN analytics_exposure e ON e.offer = a.offer
    WHERE a.at < %(until)s
)"""
# Orders count until `closes`, what goes back of them until `settles`: the same here, a
# WASHOUT apart for a month.
STRATEGIES = """
member AS (
    SELECT a.strategy AS subject, s.currency, a.person, a.customer, a.at, a.position,
        p.ends_at + %(washout)s AS closes, p.ends_at + %(washout)s AS settles, a.shown,
         a.arm, a.variant, a.segment, a.odds
    FROM assigned a JOIN promotions_strategy s ON s.id = a.strategy
    JOIN promotions_campaign p ON p.id = s.campaign_id
    WHERE a.strategy = %(subject)s
)"""
# One strategy's own holdout is treated here: its people may have other offers of the
# campaign. Only who is held out of everything is not.
CAMPAIGNS = """
member AS (
    SELECT p.id AS subject, p.currency, a.person, a.customer, a.at, a.position,
        p.ends_at + %(washout)s AS closes, p.ends_at + %(washout)s AS settles, a.shown,
        CASE a.arm WHEN 'held_out' THEN 'held_out' ELSE 'treatment' END AS arm,
        NULL::text AS variant, a.segment, NULL::date AS odds
    FROM assigned a JOIN promotions_strategy s ON s.id = a.strategy
    JOIN promotions_campaign p ON p.id = s.campaign_id
    WHERE p.id = %(subject)s
)"""
# Everybody who was ever assigned before the month's end, whenever that was.
MONTH = """
member AS (
    SELECT %(subject)s::uuid AS subject, %(currency)s AS currency, a.person, a.customer,
        a.at, a.position, %(closes)s::timestamptz AS closes,
        %(closes)s::timestamptz + %(washout)s AS settles, NULL::timestamptz AS shown,
        CASE a.arm WHEN 'held_out' THEN 'held_out' ELSE 'treatment' END AS arm,
        NULL::text AS variant, '' AS segment, NULL::date AS odds
    FROM assigned a WHERE a.at < %(closes)s
)"""
# Each unit twice: from its assignment on, and (`seen`) from its first showing. Of
# several assignments the log's first gives variant, segment and odds.
UNITS = """
unit AS (
    SELECT subject, person, min(currency) AS currency, min(at) AS since,
        least(max(closes), %(until)s) AS closes,
        least(max(settles), %(until)s) AS settles, min(shown) AS shown,
        CASE WHEN count(DISTINCT customer) > 1 OR count(DISTINCT arm) > 1
            THEN 'crossed' ELSE min(arm) END AS arm,
        coalesce((array_agg(variant ORDER BY position))[1], '') AS variant,
        (array_agg(segment ORDER BY position))[1] AS segment,
        (array_agg(odds ORDER BY position))[1] AS odds
    FROM member GROUP BY subject, person
),
watched AS (
    SELECT *, row_number() OVER () AS u FROM (
        SELECT *, false AS seen, greatest(since, %(opens)s) AS begins FROM unit
        UNION ALL
        SELECT subject, person, currency, shown, closes, settles, shown, arm, variant,
            segment, odds, true, shown
        FROM unit WHERE shown < closes AND arm <> 'crossed'
    ) both_ways
)"""
# Of the units' own people alone: that, and summing cells once, made it six times as
# fast. Lines of an order are read from the log only where named goods came back. What
# goes back is cut at what the order was paid, by a running total; money that goes back
# without goods gives no cost back, unless it is all of it.
OUTCOMES = """
happened AS (
    SELECT o.position, o.at, o.kind, o.number, o.currency, o.skus,
        o.paid::float8 AS paid, o.shelf::float8 AS shelf,
        o.discount::float8 AS discount, o.gift::float8 AS gift,
        (o.cost + o.uncosted * %(cost)s)::float8 AS cost,
        coalesce(c.person, o.customer) AS person
    FROM analytics_outcome o LEFT JOIN analytics_customer c ON c.key = o.customer
    WHERE o.at < %(until)s AND o.at >= (SELECT min(since) FROM unit) - %(before)s
        AND coalesce(c.person, o.customer) IN (SELECT person FROM unit)
),
named AS (
    SELECT b.position, b.at, o.at AS origin, o.person, o.currency,
        o.position AS of, o.paid AS whole,
        coalesce(l.paid, o.paid) AS paid, coalesce(l.shelf, o.shelf) AS shelf,
        o.cost / nullif(o.shelf, 0) AS rate,
        b.paid AS amount, b.skus <> '{}' AS goods
    FROM happened b
    JOIN happened o ON o.number = b.number AND o.person = b.person
        AND o.kind = 'order' AND b.currency IN ('', o.currency)
    LEFT JOIN LATERAL (
        SELECT sum((line->>'paid')::float8) AS paid, sum((line->>'paid')::float8
            + coalesce((line->>'shelf_discount')::float8, 0)
            + coalesce((line->>'coupon_discount')::float8, 0)) AS shelf
        FROM analytics_storedevent e, jsonb_array_elements(e.data->'lines') line
        WHERE e.position = o.position AND line->>'sku' = ANY(b.skus)
    ) l ON b.skus <> '{}'
    WHERE b.kind = 'back'
),
shared AS (
    SELECT *, CASE WHEN amount IS NULL OR paid <= 0 THEN 1
        ELSE least(greatest(amount, 0) / paid, 1) END AS share
    FROM named
),
returned AS (
    SELECT *, sum(share * paid) OVER past AS total,
        CASE WHEN goods OR share = 1 THEN share * shelf ELSE 0 END AS goods_back
    FROM shared WINDOW past AS (PARTITION BY of ORDER BY at, position)
),
outcome AS (
    SELECT person, at, at AS origin, currency, paid AS revenue,
        paid - cost AS profit,
        0::float8 AS discount, 1 AS orders, 0::float8 AS returned, 0 AS refusals
    FROM happened WHERE kind = 'order'
    UNION ALL
    SELECT person, at, origin, currency, -gone,
        -gone + goods_back * rate * gone / nullif(share * paid, 0),
        0, 0, gone, 0
    FROM returned, LATERAL (
        SELECT least(total, whole) - least(total - share * paid, whole) AS gone
    ) really
    WHERE gone > 0
    UNION ALL
    SELECT person, at, at, currency, 0, -cost, discount - gift + cost, 0, 0, 0
    FROM happened WHERE kind = 'redeemed'
    UNION ALL
    SELECT person, min(at), min(at), NULL, 0, 0, 0, 0, 0, 1 FROM happened
    WHERE kind = 'refused' GROUP BY person
)"""
# An order counts by its own day, what goes back by the day it did, if the order
# counted. The first day has the `one` and the weeks before.
DAYS = """
part AS (
    SELECT w.u, (w.begins AT TIME ZONE 'UTC')::date AS day,
        1 AS one, 0 AS revenue, 0 AS profit, 0 AS discount, 0 AS orders, 0 AS returned,
        0 AS refusals, coalesce(sum(o.revenue), 0) AS before_revenue,
        coalesce(sum(o.profit), 0) AS before_profit
    FROM watched w LEFT JOIN outcome o ON o.person = w.person
        AND o.at < w.since AND o.origin >= w.since - %(before)s
        AND o.currency = w.currency
    GROUP BY 1, 2
    UNION ALL
    SELECT w.u, (o.at AT TIME ZONE 'UTC')::date, 0, sum(o.revenue), sum(o.profit),
        sum(o.discount), sum(o.orders), sum(o.returned), sum(o.refusals), 0, 0
    FROM watched w JOIN outcome o ON o.person = w.person
        AND o.origin >= w.begins AND o.at >= w.begins
        AND o.origin < w.closes AND o.at < w.settles
        AND (o.currency = w.currency OR o.currency IS NULL)
    GROUP BY 1, 2
)"""


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
