"""Which gifts there are, and what they cost today.

Stock is the shop's, less what was given away since: the feed's is of the moment it
came; redemptions since then, and what reservations hold, are on their way out of it.
What the shop does not count (null) is never gone.
"""

from collections.abc import Collection
from decimal import Decimal
from typing import Any

import msgspec
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from catalog.models import Product
from promotions.models import Hold, Redemption, Reservation
from promotions.rules import Gift


def gone(skus: Collection[str]) -> set[str]:
    """Return those of the gifts that the shop does not have, or must not give."""
    return set(skus) - {sku for sku, _price, _currency in _left(skus)}


def prices(skus: Collection[str], currency: str) -> dict[str, Decimal]:
    """Return the gifts that there are with today's price; 0 where there is none."""
    return {
        sku: price if price and of == currency else Decimal(0)
        for sku, price, of in _left(skus)
    }


def today(gift: Gift, price: Decimal) -> Gift:
    """Return a gift at its price, if that has risen above its value since.

    Budgets and floors count what the shop gives, not what it once was worth.
    """
    if price <= gift.value:
        return gift
    return msgspec.structs.replace(gift, value=price)


def hold(skus: Collection[str]) -> None:
    """Let others who give these away wait until the transaction ends; by sku."""
    rows = Product.objects.filter(sku__in=skus).order_by("sku")
    list(rows.select_for_update(no_key=True).values_list("sku"))


def _left(skus: Collection[str]) -> list[tuple[str, Decimal | None, str]]:
    if not skus:
        return []
    since = Q(redeemed_at__gte=OuterRef("updated_at"), rolled_back_at=None)
    redeemed = _counted(Redemption.objects.filter(since, gift=OuterRef("sku")))
    held = _counted(
        Hold.objects.filter(
            gift=OuterRef("sku"), reservation__state=Reservation.State.HELD
        )
    )
    rows = Product.objects.filter(sku__in=skus, promotable=True).values_list(
        "sku", "price", "currency", "stock", redeemed, held
    )
    return [
        (sku, price, currency)
        for sku, price, currency, stock, *out in rows
        if stock is None or stock > sum(out)
    ]


def _counted(rows: QuerySet[Any]) -> Coalesce:
    count = rows.order_by().values("gift").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(count), 0)
