"""Strategies that have just paid: marks of their budgets passed, sheets to forget."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings

from analytics import events, lookup
from promotions import offers
from promotions.models import Campaign, Offer, Redemption, Strategy
from promotions.shopping import Shopper


def reached(
    strategy: Strategy, made: Sequence[Redemption]
) -> list[events.BudgetReached]:
    """Return the marks of the budget that these redemptions have passed."""
    cost = sum((r.discount for r in made if r.strategy_id == strategy.id), Decimal(0))
    before = strategy.spent - cost
    return [
        events.BudgetReached(
            strategy=strategy.id,
            share=share,
            spent=strategy.spent,
            budget=strategy.budget,
        )
        for share in settings.BUDGET_MARKS
        # The lock is ours, so each mark is passed by one redemption alone. By text:
        # Decimal(0.8) is a hair above 0.8.
        if before < strategy.budget * Decimal(str(share)) <= strategy.spent
    ]


def siblings(made: Sequence[Redemption]) -> list[Strategy]:
    """Return the live strategies that have just paid, or whose campaigns have.

    Of the others only those whose offers may have to vanish: a campaign may have
    thousands, and its lock is held.
    """
    mine = {one.strategy_id for one in made}
    campaigns = {one.strategy.campaign_id for one in made}
    rows = lookup.rows(SIBLINGS, [list(campaigns), list(mine)])
    return [_sibling(*row) for row in rows]


# Exhausted is what has less left than a use has cost so far, so before the first use
# (redemptions 0) no offer has to vanish.
SIBLINGS = (
    "SELECT s.id, s.budget, s.spent, s.reserved, s.redemptions,"
    " c.id, c.budget, c.spent, c.reserved FROM promotions_strategy s"
    " JOIN promotions_campaign c ON c.id = s.campaign_id"
    " WHERE s.campaign_id = ANY(%s) AND s.state = 'live'"
    " AND (s.id = ANY(%s) OR s.trigger = 'offer' AND s.redemptions > 0)"
)


def _sibling(
    id_: UUID,
    budget: Decimal,
    spent: Decimal,
    reserved: Decimal,
    redemptions: int,
    *campaign: Any,
) -> Strategy:
    names = ("id", "budget", "spent", "reserved")
    return Strategy(
        id=id_,
        campaign=Campaign(**dict(zip(names, campaign, strict=True))),
        budget=budget,
        spent=spent,
        reserved=reserved,
        redemptions=redemptions,
    )


def just_spent(row: Strategy, made: Sequence[Redemption]) -> bool:
    """Say whether these redemptions are what has exhausted a strategy.

    Its campaign's lock is ours: before them, it was as now without their cost.
    """
    if not row.exhausted:
        return False
    mine = [one.discount for one in made if one.strategy_id == row.id]
    campaign = [
        one.discount for one in made if one.strategy.campaign_id == row.campaign_id
    ]
    before = Strategy(
        campaign=Campaign(
            budget=row.campaign.budget,
            spent=row.campaign.spent - sum(campaign),
            reserved=row.campaign.reserved,
        ),
        budget=row.budget,
        spent=row.spent - sum(mine),
        reserved=row.reserved,
        redemptions=row.redemptions - len(mine),
    )
    return not before.exhausted


def forget_sheets(shopper: Shopper, spent: Sequence[Strategy]) -> None:
    """Forget the sheets that name a used offer, or one of a strategy just spent.

    There may be many of these, once: a refresh soon makes GET one look-up again.
    """
    mine = [shopper.person] if shopper.person else []
    # Who has used theirs is shown nothing of it any more.
    holders = Offer.objects.filter(strategy__in=spent, redeemed_at=None)
    offers.forget([*mine, *holders.values_list("customer", flat=True)])
    if spent:
        offers.refresh_soon()
