"""A strategy's units one by one: what each got by lot, and came to within a horizon.

From the same outcomes as the sums of reports (promotions.sums), whose parts of
statements it is made of. It names nobody.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from promotions.sum_queries import AUDIENCE, OUTCOMES, STRATEGIES, UNITS
from promotions.sums import values

# `first`: a person's first assignment drew; `came`: orders by their own day, and what
# goes back of them however late, as in sums of reports.
HORIZON = """
first AS (
    SELECT DISTINCT ON (person) person, position FROM member ORDER BY person, position
),
came AS (
    SELECT u.person,
        sum(o.profit) FILTER (WHERE o.at >= u.since AND o.origin >= u.since
            AND o.origin < u.since + %(horizon)s) AS profit,
        sum(o.profit) FILTER (WHERE o.at < u.since
            AND o.origin >= u.since - %(before)s) AS before_profit
    FROM unit u JOIN outcome o ON o.person = u.person AND o.currency = u.currency
    GROUP BY u.person
)"""
WATCHED = f"""
    WITH {AUDIENCE}, {STRATEGIES}, {UNITS}, {OUTCOMES}, {HORIZON}
    SELECT u.arm IN ('treatment', 'holdout') AND u.since + %(horizon)s <= %(until)s
            AND a.p0 IS NOT NULL AS counts,
        coalesce(a.variant, ''), a.probability, a.segment, a.p0, a.spend, a.rest,
        a.traits, (e.data->>'rate')::float8, coalesce(c.profit, 0),
        coalesce(c.before_profit, 0), coalesce(w.types, '{{}}')
    FROM unit u JOIN first f USING (person)
    JOIN analytics_assignment a USING (position)
    LEFT JOIN analytics_storedevent e USING (position)
    LEFT JOIN came c USING (person)
    LEFT JOIN promotions_answer w ON w.customer = u.person
    ORDER BY position DESC
"""  # noqa: S608
"""Who counts is told, not asked for: with conditions the planner expects one unit, and
goes through all that happened for each of them (57 s for 20,000 instead of 0.8)."""


class Unit(NamedTuple):
    """What a unit got, how likely that was, how it was known then, what it came to.

    `types` is what its answers say of it now (Answer): empty where they say nothing.
    """

    variant: str
    probability: float
    segment: str
    p0: float
    spend: float | None
    rest: float
    traits: Sequence[float]
    rate: float | None
    profit: float
    before_profit: float
    types: Sequence[float]


def read(
    strategy: UUID, *, until: datetime, horizon: timedelta, most: int
) -> list[Unit]:
    """Return the newest units of a strategy that were watched for all of a horizon.

    The holdout's variant is ''. Profit is that within the horizon, and within the eight
    weeks before. Of who is held out of everything none: the probability is that among
    the others.
    """
    given = values(strategy, until) | {"horizon": horizon}
    with connection.cursor() as cursor:
        cursor.execute(WATCHED, given)
        # No LIMIT in the statement either: who counts is known only here.
        counting = (Unit(*row) for counts, *row in cursor.fetchall() if counts)
        return list(islice(counting, most))
