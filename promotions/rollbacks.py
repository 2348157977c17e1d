"""Take a redemption back, whole or by line, and give back what the rule says.

By line: of a line's discount goes back the share of its units, rounded so that what has
gone back never exceeds the share, and the last unit brings the rest. A rule's
`gives_back`: "all" returns the money, and with the last of it the use, the code's use
and the offer; "money" only the money; "nothing" neither (the discount was consumed).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from uuid import UUID, uuid4

from django.db import transaction

from analytics import events, store
from catalog import pricing
from promotions import ledger, receipts, rule_reading
from promotions.ledger import Use
from promotions.models import Campaign, Redemption, Rollback, Strategy
from promotions.offers import forget


class UnknownRedemption(Exception):
    """There is no such redemption."""


class RolledBack(Exception):
    """The redemption was taken back before, whole."""


class MoreThanBought(Exception):
    """More units go back than were bought, or of a line that had no discount."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """So many units of an order's line, by its index."""

    line: int
    quantity: int


def roll_back(
    redemption: UUID,
    *,
    parts: Sequence[Part] = (),
    reason: str = "",
    at: datetime,
) -> tuple[Redemption, Rollback]:
    """Take a redemption back: whole, or the named parts of it.

    :raises UnknownRedemption: there is none of this id.
    :raises RolledBack: it is taken back already.
    :raises MoreThanBought: a part is larger than what is left of its line.
    """
    with transaction.atomic():
        # The way back takes the locks of the way there: without them one redemption is
        # given back twice (Medusa 16595).
        row = _locked(redemption)
        strategy = row.strategy
        amounts = _amounts(row, parts, strategy.currency) if parts else {}
        # The row is locked, so nobody else takes back what is left.
        left = row.discount - row.returned
        amount = sum(amounts.values(), Decimal(0)) if parts else left
        whole = amount == left
        made = Rollback.objects.create(
            id=uuid4(),
            redemption=row,
            amount=amount,
            lines=[
                {"line": p.line, "quantity": p.quantity, "amount": str(amounts[p.line])}
                for p in parts
            ],
            customer=row.customer,
            reason=reason,
            rolled_back_at=at,
        )
        given = _give_back(row, amount, whole=whole)
        row.returned += amount
        # By money, not by lines: the last part brings the rest, and is the whole.
        row.rolled_back_at = at if whole else None
        row.save(update_fields=["returned", "rolled_back_at"])
        _let_redeem_again(row)
        if row.customer:
            forget([row.customer])
        rolled = _event(row, made, given, whole=whole)
        store.append([rolled], at=at, customer=row.customer)
    return row, made


def _let_redeem_again(row: Redemption) -> None:
    """An order of which nothing is left may be sent anew."""
    kept = Redemption.objects.filter(order_id=row.order_id, rolled_back_at=None)
    if not kept.exists():
        receipts.forget(caller=receipts.SHOP, key=row.order_id)


def _locked(redemption: UUID) -> Redemption:
    """Lock the order's receipt, campaign, strategy, redemption: the ledger's order."""
    found = Redemption.objects.filter(id=redemption).select_related("strategy").first()
    if found is None:
        raise UnknownRedemption("There is no such redemption.")
    # First of all: the order's retry must not be answered from a receipt that is
    # forgotten while this runs.
    receipts.lock(caller=receipts.SHOP, key=found.order_id)
    campaign = found.strategy.campaign_id
    # `list`, since a query that nobody reads locks nothing.
    list(Campaign.objects.select_for_update().filter(id=campaign).values("id"))
    list(Strategy.objects.select_for_update().filter(id=found.strategy_id).values("id"))
    # Only the redemption's own row: the strategy that is joined is locked already.
    rows = Redemption.objects.select_for_update(of=("self",)).select_related("strategy")
    row = rows.get(id=redemption)
    if row.rolled_back_at is not None:
        raise RolledBack("This redemption was taken back before.")
    return row


def _amounts(
    row: Redemption, parts: Sequence[Part], currency: str
) -> Mapping[int, Decimal]:
    """Return what goes back of each line."""
    unit = pricing.minor_unit(currency)
    gone = _gone(row)
    discounted = {r["line"]: r for r in row.adjustments if r["line"] is not None}
    amounts: dict[int, Decimal] = {}
    for part in parts:
        line = discounted.get(part.line)
        before, given = gone.get(part.line, (0, Decimal(0)))
        if line is None or part.line in amounts:
            raise MoreThanBought(f"lines: line {part.line} has no discount to return.")
        if before + part.quantity > line["quantity"]:
            left = line["quantity"] - before
            raise MoreThanBought(f"lines: of line {part.line}, {left} can be returned.")
        # Of all units that went back so far, less what they brought: rounding by parts
        # would lose or make coins.
        share = Decimal(line["amount"]) * (before + part.quantity) / line["quantity"]
        amounts[part.line] = share.quantize(unit, ROUND_DOWN) - given
    return amounts


def _gone(row: Redemption) -> Mapping[int, tuple[int, Decimal]]:
    """Return, by line, the units and money that went back before."""
    gone: dict[int, tuple[int, Decimal]] = {}
    for lines in row.rollbacks.values_list("lines", flat=True):
        for one in lines:
            units, money = gone.get(one["line"], (0, Decimal(0)))
            more = units + one["quantity"], money + Decimal(one["amount"])
            gone[one["line"]] = more
    return gone


def _give_back(row: Redemption, amount: Decimal, *, whole: bool) -> Decimal:
    """Return to budgets and limits what the rule says; return how much money."""
    policy = rule_reading.decoded_rule(row.strategy.rule).gives_back
    if policy == "nothing":
        return Decimal(0)
    use = Use(
        strategy=row.strategy_id,
        campaign=row.strategy.campaign_id,
        cost=amount,
        offer=row.offer,
        turn=row.turn,
        code=row.code,
    )
    ledger.give_back(use, row.counted, whole=whole, uses=policy == "all")
    return amount


def _event(
    row: Redemption, made: Rollback, given: Decimal, *, whole: bool
) -> events.RedemptionRolledBack:
    return events.RedemptionRolledBack(
        strategy=row.strategy_id,
        redemption=row.id,
        rollback=made.id,
        order_id=row.order_id,
        amount=made.amount,
        given_back=given,
        whole=whole,
        gift=row.gift or None if whole else None,
        gift_value=row.gift_value if whole else Decimal(0),
        currency=row.strategy.currency,
    )
