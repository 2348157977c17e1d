"""What the tests of the newest strategies turned out to be, so that plans foresee it.

A forecast's reach is of one moment, but places turn over: who bought makes room for
somebody else. More come into a strategy than it reaches at once, what it promises is
spread over all of them, and as many measure it. And whom offers reach is not everybody:
their profit may vary by less, or more, than that of all customers. In ten simulated
shops a third to a half more came in within four weeks, and errors were 0.68 to 0.93 of
those planned (decision 33).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from analytics import lookup

REMEMBERED = timedelta(days=365)
LEAST = 5
"""Held back: an error from fewer is mostly luck."""
USUAL = 20.0
"""So many who are held back weigh as much as the belief that plans are right."""

TESTS = """
    SELECT (s.measured ->> 'treatment')::float8, (s.measured ->> 'control')::float8,
        (s.measured #>> '{effects,profit,error}')::float8,
        (s.forecast ->> 'reach')::float8,
        (s.forecast #>> '{test,spread}')::float8,
        (extract(epoch FROM least((s.measured ->> 'until')::timestamptz, c.ends_at,
            CASE s.state WHEN 'ended' THEN s.decided_at END)
            - greatest(s.proposed_at, c.starts_at)) / 86400)::float8,
        (s.measured ->> 'until')::timestamptz >= c.ends_at
    FROM promotions_strategy s JOIN promotions_campaign c ON c.id = s.campaign_id
    WHERE s.measured ? 'effects' AND (s.forecast ->> 'reach')::float8 > 0
        AND s.proposed_at >= %s
"""


class Test(NamedTuple):
    """How many are in a test, how sure it is; the reach and spread planned; its age.

    `over`: its campaign is; the spread was planned for that, and a young test has less.
    """

    treatment: float
    control: float
    error: float | None
    reach: float
    spread: float | None
    days: float
    over: bool


@dataclass(frozen=True, kw_only=True)
class Tested:
    """Customers who come in a day for each reached; spread, as a part of the planned.

    `turnover` 0 and `noise` 1 before anything was measured.
    """

    turnover: float = 0.0
    noise: float = 1.0

    def comes(self, reach: float, days: float) -> int:
        """Return how many a strategy will have reached after so many days."""
        # Linear, as turnover is counted: over all days of all tests.
        return round(reach * (1 + self.turnover * days))


def read(*, at: datetime) -> Tested:
    """Return what the tests of the last year's strategies came to."""
    some = [Test(*row) for row in lookup.rows(TESTS, [at - REMEMBERED])]
    begun = [test for test in some if test.days > 0]
    over = [test for test in begun if test.over]
    return Tested(turnover=_turnover(begun), noise=_noise(over))


def _turnover(some: list[Test]) -> float:
    """Return them all together: a strategy of a dozen customers tells little."""
    more = sum(test.treatment - test.reach for test in some)
    days = sum(test.reach * test.days for test in some)
    return max(0.0, more / days) if days else 0.0


def _noise(some: list[Test]) -> float:
    """Return the root of the mean square, by who is held back: they make the error."""
    weight = total = USUAL
    for test in some:
        if test.error and test.spread and test.control >= LEAST:
            # error² = spread² · (1/n + 1/m), so error² ·
            # units / spread² is 1 where plans are right.
            units = 1 / (1 / test.treatment + 1 / test.control)
            weight += test.control
            total += test.control * test.error**2 * units / test.spread**2
    return float((total / weight) ** 0.5)
