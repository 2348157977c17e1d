"""Redeem once, within budget, under any concurrency.

Order of locks, the same everywhere: receipt, campaigns by id, strategies by id, offers
by id, sheets by customer. The log is appended last. A retried call gets its first
answer again. Should a deadlock come all the same, `once` begins again.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
from django.db import OperationalError, transaction
from django.db.models import F

from analytics import events, identity, store
from promotions import carts
from promotions.carts import Effect, Item, Priced
from promotions.models import Campaign, Offer, Receipt, Redemption, Strategy
from promotions.offers import forget, refresh_soon


class UnknownOffer(Exception):
    """An offer is not this customer's, or cannot be used now."""


class OffersDoNotApply(Exception):
    """The cart no longer qualifies for an offer that the order wants to use."""


class BudgetSpent(Exception):
    """The strategy's or campaign's budget cannot pay for this any more."""


class OrderRedeemed(Exception):
    """The order has already redeemed one of these offers."""


class KeyReused(Exception):
    """The Idempotency-Key came before with another body."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a shop asks to redeem."""

    customer: str
    order_id: str
    items: Sequence[Item]
    offers: Sequence[UUID]
    currency: str


Body = dict[str, Any]
ATTEMPTS = 4
LOST_A_RACE = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)


def once(
    *, caller: UUID, key: str, request: bytes, do: Callable[[], Body]
) -> tuple[Body, bool]:
    """Run `do` once for the key; return its answer and whether this is a repeat.

    Two calls at the same time: the second waits for the first on the receipt's row.
    A call that PostgreSQL ends to free another from a deadlock left nothing behind, so
    it is made again, `ATTEMPTS` times in all.

    :raises KeyReused: the key came before with another request body.
    """
    digest = hashlib.sha256(request).hexdigest()
    for _ in range(ATTEMPTS - 1):
        try:
            return _once(caller, key, digest, do)
        except OperationalError as error:
            if not isinstance(error.__cause__, LOST_A_RACE):
                raise
    return _once(caller, key, digest, do)


def _once(
    caller: UUID, key: str, digest: str, do: Callable[[], Body]
) -> tuple[Body, bool]:
    with transaction.atomic():
        Receipt.objects.bulk_create(
            [Receipt(caller=caller, key=key, digest=digest)], ignore_conflicts=True
        )
        receipt = Receipt.objects.select_for_update().get(caller=caller, key=key)
        if receipt.digest != digest:
            raise KeyReused("This Idempotency-Key came before with another body.")
        if receipt.body is not None:
            return receipt.body, True
        # `do` appends, and one more write follows. It may: nobody can wait on this row
        # while holding what we need, since every call takes its receipt first.
        body = do()
        Receipt.objects.filter(caller=caller, key=key).update(body=body)
        return body, False


def redeem(order: Order, *, at: datetime) -> tuple[Priced, list[Redemption]]:
    """Record the use of the order's offers, all or none; return them with the cart.

    :raises UnknownOffer: an offer is not there, not theirs, used, expired or not live.
    :raises OffersDoNotApply: the cart does not qualify for all of them together.
    :raises BudgetSpent: a budget cannot pay.
    :raises OrderRedeemed: the order redeemed one of the strategies before.
    """
    with transaction.atomic():
        customer = _customer(order.customer)
        offers = _locked(customer, order, at)
        cart = carts.priced(order.items, offers, currency=order.currency)
        _check_all_apply(cart)
        campaigns = {offer.strategy.campaign_id for offer in offers}
        shown = _shown(campaigns)
        made = [_record(effect, cart, order, customer, at) for effect in cart.effects]
        _forget_sheets(customer, spent=shown - _shown(campaigns))
        store.append([_event(r, order) for r in made], at=at, customer=customer)
    return cart, made


def _customer(external_id: str) -> UUID:
    key = identity.find(external_id)
    if key is None:
        raise UnknownOffer("This customer has no offers.")
    return key


def _locked(customer: UUID, order: Order, at: datetime) -> list[Offer]:
    """Lock campaigns, strategies and offers, then read what may be used."""
    wanted = set(order.offers)
    strategies = Strategy.objects.filter(offers__id__in=wanted).distinct()
    ids = sorted(strategies.values_list("id", "campaign_id"))
    list(_for_update(Campaign, {campaign for _, campaign in ids}))
    list(_for_update(Strategy, {strategy for strategy, _ in ids}))
    list(_for_update(Offer, wanted))
    if Redemption.objects.filter(
        order_id=order.order_id, strategy__in=[strategy for strategy, _ in ids]
    ).exists():
        raise OrderRedeemed("This order has already redeemed one of these offers.")
    usable = carts.usable(customer, currency=order.currency, at=at)
    offers = [offer for offer in usable if offer.id in wanted]
    if missing := wanted - {offer.id for offer in offers}:
        raise UnknownOffer(f"Not usable now: {', '.join(sorted(map(str, missing)))}.")
    return offers


def _for_update(table: type[Any], ids: set[UUID]) -> Any:
    rows = table.objects.filter(id__in=ids).order_by("id")
    return rows.select_for_update().values_list("id", flat=True)


def _check_all_apply(cart: Priced) -> None:
    reasons: Mapping[str, str] = {
        str(n.offer.id): n.missed.reason for n in cart.not_applied
    }
    if "budget_spent" in reasons.values():
        raise BudgetSpent("The promotion's budget is spent.")
    if reasons:
        listed = ", ".join(f"{offer}: {reason}" for offer, reason in reasons.items())
        raise OffersDoNotApply(f"The cart does not qualify: {listed}.")


def _record(
    effect: Effect, cart: Priced, order: Order, customer: UUID, at: datetime
) -> Redemption:
    offer, applied = effect.offer, effect.applied
    cost = applied.discount + applied.gift_value
    Offer.objects.filter(id=offer.id).update(redeemed_at=at)
    Strategy.objects.filter(id=offer.strategy_id).update(
        spent=F("spent") + cost, redemptions=F("redemptions") + 1
    )
    campaigns = Campaign.objects.filter(id=offer.strategy.campaign_id)
    _spend(campaigns, cost)
    return Redemption.objects.create(
        id=uuid4(),
        strategy=offer.strategy,
        offer=offer.id,
        customer=customer,
        order_id=order.order_id,
        variant=offer.variant,
        discount=cost,
        gift_value=applied.gift_value,
        adjustments=adjustments(effect, cart),
        redeemed_at=at,
    )


def _spend(campaigns: Any, cost: Decimal) -> None:
    """Two strategies of one campaign on one order: together within its budget."""
    paid = campaigns.filter(spent__lte=F("budget") - cost).update(
        spent=F("spent") + cost
    )
    if not paid:
        raise BudgetSpent("The campaign's budget is spent.")


def adjustments(effect: Effect, cart: Priced) -> list[dict[str, object]]:
    """Return the money rows of an effect: one for each line, one for a gift."""
    rows: list[dict[str, object]] = [
        {"line": i, "sku": cart.lines[i].sku, "amount": str(amount)}
        for i, amount in sorted(effect.applied.lines.items())
    ]
    if effect.applied.gift:
        value = str(effect.applied.gift_value)
        rows.append({"line": None, "sku": effect.applied.gift, "amount": value})
    return rows


def _event(redemption: Redemption, order: Order) -> events.OfferRedeemed:
    return events.OfferRedeemed(
        strategy=redemption.strategy_id,
        redemption=redemption.id,
        variant=redemption.variant,
        offer=redemption.offer,
        order_id=redemption.order_id,
        discount=redemption.discount,
        gift_value=redemption.gift_value,
        currency=order.currency,
    )


def _shown(campaigns: set[UUID]) -> set[UUID]:
    """Return the strategies that are shown: the campaign's lock keeps them so."""
    live = Strategy.objects.filter(campaign__in=campaigns, state=Strategy.State.LIVE)
    rows = live.select_related("campaign")
    return {strategy.id for strategy in rows if not strategy.exhausted}


def _forget_sheets(customer: UUID, *, spent: set[UUID]) -> None:
    """Forget the sheets that name the used offer, or one of a strategy just spent.

    There may be many of these, once: a refresh soon makes GET one look-up again.
    """
    holders = Offer.objects.filter(strategy__in=spent, redeemed_at=None)
    forget([customer, *holders.values_list("customer", flat=True)])
    if spent:
        refresh_soon()
