"""What a new version of a strategy goes on with: codes, counts, and who has used it.

Who used a version has used those after it, unless the use was given back: an offer is
for one use, and a limit that only the new version has counts what went before as well.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q

from promotions import rule_reading
from promotions.models import (
    Code,
    CodeBatch,
    Counter,
    Hold,
    Redemption,
    Reservation,
    Strategy,
)
from promotions.rules import Limit

KEEPS_THE_USE = ("money", "nothing")
"""What a rule gives back where a use that is taken back stays a use."""
Line = dict[UUID, UUID]
"""An earlier version -> the one that it has become."""


def before(strategies: Iterable[Strategy]) -> Line:
    """Return all the versions before these."""
    found: Line = {}
    newest = {one.replaces_id: one.id for one in strategies if one.replaces_id}
    while newest:
        found |= newest
        # A generation at a time: each has one before it at most.
        older = Strategy.objects.filter(id__in=newest).exclude(replaces=None)
        newest = {
            replaced: newest[key]
            for key, replaced in older.values_list("id", "replaces")
            if replaced
        }
    return found


def used(strategies: Collection[Strategy], *, at: datetime) -> set[tuple[UUID, UUID]]:
    """Return (customer, one of these): they used, or hold, a version before it.

    Where offers renew, a use that is long enough ago does not count.
    """
    line = before(strategies)
    renews = {one.id: one.renews_days for one in strategies}
    sold = Redemption.objects.filter(
        # A use that was taken back is one all the
        # same where the rule does not give it back.
        Q(rolled_back_at=None) | Q(strategy__rule__gives_back__in=KEEPS_THE_USE),
        strategy__in=line,
    )
    held = Hold.objects.filter(
        strategy__in=line, reservation__state=Reservation.State.HELD
    )
    uses = [
        *sold.values_list("customer", "strategy", "redeemed_at"),
        *held.values_list(
            "reservation__customer", "strategy", "reservation__reserved_at"
        ),
    ]

    def again(days: int | None, since: datetime) -> bool:
        return days is not None and since <= at - timedelta(days=days)

    return {
        (customer, line[strategy])
        for customer, strategy, since in uses
        # Of guests nobody knows who they were.
        if customer and not again(renews[line[strategy]], since)
    }


def hand_over(old: Strategy, new: Strategy) -> None:
    """Give a version what the one before has; inside the transaction that ends that."""
    CodeBatch.objects.filter(strategy=old).update(strategy=new)
    Code.objects.filter(strategy=old).update(strategy=new)
    # The counters' rows move, with their ids:
    # what uses have noted (`counted`) stays true.
    Counter.objects.filter(subject=old.id).update(subject=new.id)
    # Of the limits that only the new version has.
    for per, period in sorted(_counted(new) - _counted(old)):
        values: dict[str, Any] = {
            "line": list(before([new])),
            "subject": new.id,
            # Periods begin in the campaign's zone, as the ledger's counters do.
            "zone": new.campaign.zone,
            "per": per,
            "period": period,
        }
        with connection.cursor() as cursor:
            cursor.execute(COUNT, values)


def _counted(strategy: Strategy) -> set[tuple[str, str]]:
    limits: tuple[Limit, ...] = rule_reading.decoded_rule(strategy.rule).limits
    return {(limit.per, limit.period) for limit in limits}


COUNT = """
WITH used AS (
  SELECT r.id AS redemption, NULL::bigint AS hold, r.customer, r.code,
    r.redeemed_at AS at, (r.rolled_back_at IS NULL OR policy <> 'all')::int AS uses,
    r.discount - CASE policy WHEN 'nothing' THEN 0 ELSE r.returned END AS money
  FROM promotions_redemption r JOIN promotions_strategy s ON s.id = r.strategy_id,
    LATERAL coalesce(s.rule ->> 'gives_back', 'all') AS policy
  WHERE s.id = ANY(%(line)s)
  UNION ALL
  SELECT NULL, h.id, v.customer, h.code, v.reserved_at, 1, h.discount
  FROM promotions_hold h JOIN promotions_reservation v ON v.id = h.reservation_id
  WHERE h.strategy_id = ANY(%(line)s) AND v.state = 'held'
), placed AS (
  SELECT redemption, hold, uses, money,
    CASE %(per)s WHEN 'customer' THEN customer END AS customer,
    CASE %(per)s WHEN 'code' THEN code END AS code,
    CASE %(period)s WHEN 'ever' THEN DATE '0001-01-01'
      ELSE date_trunc(%(period)s, at AT TIME ZONE %(zone)s)::date END AS begins
  FROM used
  WHERE CASE %(per)s WHEN 'customer' THEN customer IS NOT NULL
    WHEN 'code' THEN code IS NOT NULL ELSE true END
), raised AS (
  INSERT INTO promotions_counter
    (subject, customer, code, period, begins, uses, money)
  SELECT %(subject)s, customer, code, %(period)s, begins, sum(uses), sum(money)
  FROM placed GROUP BY customer, code, begins
  ON CONFLICT (subject, customer, code, period, begins)
    DO UPDATE SET uses = excluded.uses, money = excluded.money
  RETURNING id, customer, code, begins
), mine AS (
  SELECT redemption, hold, to_jsonb(raised.id) AS counter
  FROM placed JOIN raised ON raised.begins = placed.begins
    AND raised.customer IS NOT DISTINCT FROM placed.customer
    AND raised.code IS NOT DISTINCT FROM placed.code
), held AS (
  UPDATE promotions_hold h SET counted = h.counted || counter
  FROM mine WHERE h.id = mine.hold AND NOT h.counted @> counter
)
UPDATE promotions_redemption r SET counted = r.counted || counter
FROM mine WHERE r.id = mine.redemption AND NOT r.counted @> counter
"""
"""Counts all uses of a line of versions by a limit's holder and period, and notes the
counters with the uses, so that what is given back later is given back to these too. A
limit that was dropped and comes again has counters, which are set."""
