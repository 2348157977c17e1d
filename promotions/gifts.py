"""Which gifts there are, and what they cost today.

Stock is the shop's, less what was given away since: the feed's is of the moment it
came; redemptions since then, and what reservations hold, are on their way out of it.
What the shop does not count (null) is never gone.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from catalog.models import Product
from promotions.coins import Line
from promotions.models import Hold, Redemption, Reservation
from promotions.rules import Gift


@dataclass(frozen=True, kw_only=True)
class There:
    """A gift that the shop may give: what it costs today, and how many are `left`.

    Of what is not counted, `left` is None: there is always one more.
    """

    price: Decimal | None
    currency: str
    left: int | None


def there(skus: Collection[str], lines: Sequence[Line]) -> dict[str, There]:
    """Return the gifts that there are when a cart has got the lines that it buys."""
    found = {}
    for sku, price, currency, stock, *out in _rows(skus):
        bought = sum(line.quantity for line in lines if line.sku == sku)
        left = None if stock is None else stock - sum(out) - bought
        if left is None or left > 0:
            found[sku] = There(price=price, currency=currency, left=left)
    return found


def today(gift: Gift, now: There, currency: str) -> Gift:
    """Return a gift at its price, if that has risen above its value since.

    Budgets and floors count what the shop gives, not what it once was worth.
    """
    if now.currency != currency or now.price is None or now.price <= gift.value:
        return gift
    return msgspec.structs.replace(gift, value=now.price)


def hold(skus: Collection[str]) -> None:
    """Let others who give these away wait until the transaction ends; by sku."""
    rows = Product.objects.filter(sku__in=skus).order_by("sku")
    # No key: rows that refer to the product may be written meanwhile.
    list(rows.select_for_update(no_key=True).values_list("sku"))


def _rows(skus: Collection[str]) -> Iterable[tuple[Any, ...]]:
    """Return sku, price, currency, stock, and what redemptions and holds took of it."""
    if not skus:
        return []
    since = Q(redeemed_at__gte=OuterRef("updated_at"), rolled_back_at=None)
    redeemed = _counted(Redemption.objects.filter(since, gift=OuterRef("sku")))
    held = _counted(
        Hold.objects.filter(
            gift=OuterRef("sku"), reservation__state=Reservation.State.HELD
        )
    )
    rows = Product.objects.filter(sku__in=skus, promotable=True)
    return rows.values_list("sku", "price", "currency", "stock", redeemed, held)


def _counted(rows: QuerySet[Any]) -> Coalesce:
    count = rows.order_by().values("gift").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(count), 0)
