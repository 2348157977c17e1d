"""Signs of fraud, counted from redemptions and counters; no personal text is kept.

A worker looks every quarter of an hour, and keeps what it found for alerts. A sign is
no proof: it says where to look, by a person's key. Each kind of sign is a function in
`SIGNS`; other modules may add theirs, such as one for codes that are guessed.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.core.cache import cache

from analytics import lookup
from analytics.alerts import Alert
from analytics.wording import Wording
from promotions import rule_reading
from promotions.models import Campaign, Strategy
from promotions.rules import Limit

WINDOW = timedelta(days=30)
REUSES = 3
"""So often a person redeemed a strategy again after taking it back, within the window.
Once or twice is a shopper who changes an order."""
# Four looks: one that comes late leaves no gap, and what nobody looks at any more goes.
KEPT = timedelta(hours=1)
MOST = 20
"""Of each kind of sign, the worst are told."""


def look(*, at: datetime) -> None:
    """Count all signs, and keep them for `current`."""
    found = [asdict(alert) for sign in SIGNS for alert in sign(at)]
    cache.set("fraud", found, timeout=int(KEPT.total_seconds()))


def current(at: datetime) -> list[Alert]:
    """Return what the last look has found."""
    return [Alert(**kept) for kept in cache.get("fraud", [])]


# By person on both sides: who uses it again by another id of theirs counts.
REUSED = (
    "SELECT coalesce(c.person, c.key), gone.strategy_id, count(*)"
    " FROM promotions_redemption gone"
    " JOIN analytics_customer c ON c.key = gone.customer"
    " WHERE gone.rolled_back_at >= %s AND EXISTS (SELECT FROM promotions_redemption r"
    " JOIN analytics_customer o ON o.key = r.customer"
    " WHERE r.strategy_id = gone.strategy_id AND r.redeemed_at >= gone.rolled_back_at"
    " AND coalesce(o.person, o.key) = coalesce(c.person, c.key))"
    " GROUP BY 1, 2 HAVING count(*) >= %s ORDER BY count(*) DESC, 1 LIMIT %s"
)


def reuse(at: datetime) -> Iterator[Alert]:
    """Tell of people who take a discount back and use it again, again and again."""
    for person, strategy, times in lookup.rows(REUSED, [at - WINDOW, REUSES, MOST]):
        yield Alert(
            code="refund_and_reuse",
            about=f"{person} {strategy}",
            text=Wording(
                "%(person)s took back and reused a promotion %(times)s × in 30 days",
                person=person,
                times=times,
            ),
            table="promotions_redemption",
        )


# By person: the row of a person's first key names none, and is found by those that name
# it. Several counters of a limit, since each key has kept to it by itself.
SHARED = (
    "SELECT c.person, n.subject, n.period, n.begins, sum(n.uses), sum(n.money)"
    " FROM (SELECT key, coalesce(person, key) AS person FROM analytics_customer"
    " WHERE person IS NOT NULL OR key IN (SELECT person FROM analytics_customer)) c"
    " JOIN promotions_counter n ON n.customer = c.key"
    " WHERE n.begins = %s OR n.begins >= %s"
    " GROUP BY 1, 2, 3, 4 HAVING count(*) > 1"
)


def many_ids(at: datetime) -> Iterator[Alert]:
    """Tell of people who passed a personal limit under ids that were linked later."""
    rows = lookup.rows(SHARED, [date.min, (at - WINDOW).date()])
    limits = _limits({row[1] for row in rows})
    passed = [
        (person, subject)
        for person, subject, period, _day, uses, money in rows
        if any(_passed(limit, period, uses, money) for limit in limits[subject])
    ]
    for person, subject in sorted(set(passed))[:MOST]:
        yield Alert(
            code="limit_under_many_ids",
            about=f"{person} {subject}",
            text=Wording(
                "%(person)s passed a personal limit under several ids", person=person
            ),
            table="promotions_redemption",
        )


def _passed(limit: Limit, period: str, uses: int, money: Decimal) -> bool:
    if limit.per != "customer" or limit.period != period:
        return False
    return (uses if limit.of == "uses" else money) > limit.most


def _limits(subjects: set[UUID]) -> dict[UUID, Iterable[Limit]]:
    """Return the limits of strategies and campaigns, by their ids."""
    of_strategies = Strategy.objects.filter(id__in=subjects).values_list("id", "rule")
    of_campaigns = Campaign.objects.filter(id__in=subjects).values_list("id", "limits")
    known: dict[UUID, Iterable[Limit]] = dict.fromkeys(subjects, ())
    known |= {
        key: rule_reading.decoded_rule(rule).limits for key, rule in of_strategies
    }
    return known | {
        key: rule_reading.decoded_limits(some) for key, some in of_campaigns
    }


SIGNS: list[Callable[[datetime], Iterable[Alert]]] = [reuse, many_ids]
"""What is looked for; whoever knows of another sign adds it when it is loaded."""
