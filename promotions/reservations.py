"""Hold a cart's promotions for a while.

What is reserved can be redeemed, whatever happens to budgets, limits and strategies in
the meantime.

A reservation keeps the cart as it was priced. Redeeming it takes exactly what it holds;
a changed cart is reserved anew.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction

from analytics import events, store
from promotions import holds, ledger, order_carts, redemption
from promotions.models import Hold, Redemption, Reservation
from promotions.offers import forget
from promotions.redemption import OrderRedeemed, Settled
from promotions.shopping import Cart, Priced, Shopper

LONGEST = timedelta(days=7)
USUAL = timedelta(minutes=15)


def reserve(
    cart: Cart,
    wanted: Sequence[UUID] | None,
    *,
    at: datetime,
    until: datetime,
    answered: Any,
) -> tuple[Priced, Reservation]:
    """Hold all that applies, or the `wanted` offers and the cart's codes, `until` then.

    `answered` turns the priced cart into what the shop is told, which is kept. Raises
    as `redemption.redeem`.
    """
    with transaction.atomic():
        settled = redemption.settle(cart, wanted, at=at, until=until)
        reservation = Reservation.objects.create(
            id=uuid4(),
            customer=settled.shopper.person,
            currency=cart.currency,
            priced=answered(settled.priced),
            reserved_at=at,
            expires_at=until,
        )
        made = Hold.objects.bulk_create(_holds(reservation, settled))
        # A held offer is shown no more, so the sheet that names it must go.
        forget([settled.shopper.person] if settled.shopper.person else [])
        redemption.keep(settled.shopper.person)
        reserved = [_event(hold, cart.currency, until) for hold in made]
        if reserved:
            store.append(reserved, at=at, customer=settled.shopper.person)
    return settled.priced, reservation


def redeem(
    reservation: UUID, *, order_id: str, at: datetime, total: Decimal | None = None
) -> tuple[dict[str, Any], list[Redemption]]:
    """Redeem all that a reservation holds for an order; return what was told then.

    :raises ReservationGone: it is unknown, used, released or overdue.
    :raises OrderRedeemed: the order redeemed one of the strategies before.
    :raises TotalDiffers: the cart came to another `total`.
    """
    with transaction.atomic():
        found = holds.held(reservation, at=at)
        # Against what was told at the time: the cart
        # is not priced anew, prices may have moved.
        order_carts.check_total(Decimal(found.priced["total"]), total, found.currency)
        rows = list(found.holds.select_related("strategy").order_by("strategy"))
        # Neither state nor budget is looked at: what
        # is held was paid for when it was taken.
        ledger.commit([holds.uses(hold) for hold in rows], at=at)
        if Redemption.objects.filter(
            order_id=order_id,
            strategy__in=[hold.strategy_id for hold in rows],
            rolled_back_at=None,
        ).exists():
            raise OrderRedeemed("This order has redeemed one of these promotions.")
        made = Redemption.objects.bulk_create(
            [_redemption(hold, found, order_id, at) for hold in rows]
        )
        Reservation.objects.filter(id=reservation).update(
            state=Reservation.State.REDEEMED
        )
        shopper = Shopper(person=found.customer)
        redemption.conclude(made, shopper, found.currency, at, reservation=reservation)
    return found.priced, made


def _holds(reservation: Reservation, settled: Settled) -> list[Hold]:
    together = zip(settled.priced.effects, settled.uses, settled.counted, strict=True)
    return [
        Hold(
            reservation=reservation,
            strategy_id=use.strategy,
            offer=use.offer,
            turn=use.turn,
            code=use.code,
            variant=effect.entry.variant,
            discount=use.cost,
            gift=effect.applied.gift or "",
            gift_value=effect.applied.gift_value * settled.priced.coins.unit,
            adjustments=redemption.adjustments(effect, settled.priced),
            counted=list(counted),
        )
        for effect, use, counted in together
    ]


def _event(hold: Hold, currency: str, until: datetime) -> events.OfferReserved:
    return events.OfferReserved(
        strategy=hold.strategy_id,
        reservation=hold.reservation_id,
        variant=hold.variant,
        offer=hold.offer,
        code=hold.code,
        amount=hold.discount,
        currency=currency,
        until=until,
    )


def _redemption(
    hold: Hold, reservation: Reservation, order_id: str, at: datetime
) -> Redemption:
    return Redemption(
        id=uuid4(),
        strategy=hold.strategy,
        offer=hold.offer,
        turn=hold.turn,
        code=hold.code,
        customer=reservation.customer,
        order_id=order_id,
        variant=hold.variant,
        discount=hold.discount,
        gift=hold.gift,
        gift_value=hold.gift_value,
        adjustments=hold.adjustments,
        counted=hold.counted,
        redeemed_at=at,
    )
