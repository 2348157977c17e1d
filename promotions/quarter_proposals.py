"""A quarter's plan becomes proposals, which go the road of all others.

What was added is a new campaign's, what waits returns to its next version, and what
runs gets one with another budget (promotions.proposals).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
from django.db import transaction

from catalog import pricing
from promotions import approval, draft_reading, proposals, rule_reading
from promotions.drafts import CampaignDraft, Draft
from promotions.models import Strategy
from promotions.quarter_plans import Plan, State
from promotions.quarters import Line


def propose(
    plan: Plan, changed: Sequence[Line], *, by: str, at: datetime
) -> list[Strategy]:
    """Propose what was added, moved or given another amount; all of it or nothing.

    What waits is returned for changes: whoever proposes it anew may do that.

    :raises Faulty: something makes no sense as a strategy.
    :raises NotReplaceable: another version waits already.
    """
    with transaction.atomic():
        return [_proposed(plan, one, by=by, at=at) for one in changed]


def differs(before: Line, after: Line) -> bool:
    """Say whether a line was moved, or given another amount of money."""
    moved = abs(after.starts_at - before.starts_at) >= timedelta(minutes=1)
    return moved or abs(after.money - before.money) >= 0.005


def _proposed(plan: Plan, line: Line, *, by: str, at: datetime) -> Strategy:
    row, before = plan.rows[line.key], {one.key: one for one in plan.lines}
    stays = line.state != "added" and line.starts_at == before[line.key].starts_at
    draft = _draft(row, line, stays=stays)
    if line.state == "added":
        return proposals.propose(draft, by=by, at=at)
    if row.state == State.PROPOSED:
        comment = f"Planned anew for the quarter from {plan.quarter.first} on."
        # A version can replace what was returned or
        # runs, not what still waits for a decision.
        approval.request_changes(row.id, by=by, comment=comment, at=at)
    return proposals.propose_version(row.id, draft, by=by, at=at)


def _draft(row: Strategy, line: Line, *, stays: bool) -> Draft:
    """Write a strategy as the draft of what a line says of it."""
    amount = pricing.rounded(Decimal(line.money), row.currency)
    return draft_reading.read(
        msgspec.to_builtins(
            Draft(
                title=row.title,
                reason=row.reason,
                kind=row.kind,  # type: ignore[arg-type]
                trigger=row.trigger,  # type: ignore[arg-type]
                menu=row.terms,
                rule=rule_reading.decoded_rule(row.rule),
                scope=tuple(row.scope),
                budget=amount,
                least_margin=row.least_margin,
                holdout=row.holdout if row.trigger == Strategy.Trigger.OFFER else None,
                explore=row.explore,
                allocation=row.allocation,  # type: ignore[arg-type]
                renews_days=row.renews_days,
                # Another time needs a campaign of its own:
                # what else is in the old one stays there.
                campaign=row.campaign_id if stays else _campaign(row, line, amount),
            )
        )
    )


def _campaign(row: Strategy, line: Line, amount: Decimal) -> CampaignDraft:
    """Open a campaign like the row's: from Monday midnight in its zone on."""
    old = row.campaign
    starts_at = _there(line.starts_at, old.zone)
    return CampaignDraft(
        name=f"{row.title}, {starts_at:%Y-%m-%d}"[:200],
        starts_at=starts_at,
        ends_at=starts_at + line.lasts,
        zone=old.zone,
        budget=amount,
        currency=old.currency,
        least_return=old.least_return,
        most_per_customer=old.most_per_customer,
    )


def _there(at: datetime, zone: str) -> datetime:
    """Return midnight of the same day in another zone; other times as they are."""
    if at.time() != time():
        return at
    return datetime.combine(at.date(), time(), ZoneInfo(zone))


def moved(line: Line, monday: date) -> Line:
    """Return a line that begins with a week; it lasts as long as before."""
    starts_at = datetime.combine(monday, time(), line.starts_at.tzinfo)
    return replace(line, starts_at=starts_at, ends_at=starts_at + line.lasts)
