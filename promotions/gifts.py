"""Which gifts there are none of: the shop's stock, less what was given away since.

The feed's stock is of the moment it came; redemptions since then, and what reservations
hold, are on their way out of it. What the shop does not count (null) is never gone.
"""

from collections.abc import Collection
from typing import Any

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from catalog.models import Product
from promotions.models import Hold, Redemption, Reservation


def gone(skus: Collection[str]) -> set[str]:
    """Return those of the gifts that the shop does not have, or must not give."""
    if not skus:
        return set()
    since = Q(redeemed_at__gte=OuterRef("updated_at"), rolled_back_at=None)
    redeemed = _counted(Redemption.objects.filter(since, gift=OuterRef("sku")))
    held = _counted(
        Hold.objects.filter(
            gift=OuterRef("sku"), reservation__state=Reservation.State.HELD
        )
    )
    rows = Product.objects.filter(sku__in=skus, promotable=True).values_list(
        "sku", "stock", redeemed, held
    )
    left = {sku for sku, stock, *out in rows if stock is None or stock > sum(out)}
    return set(skus) - left


def hold(skus: Collection[str]) -> None:
    """Let others who give these away wait until the transaction ends; by sku."""
    rows = Product.objects.filter(sku__in=skus).order_by("sku")
    list(rows.select_for_update(no_key=True).values_list("sku"))


def _counted(rows: QuerySet[Any]) -> Coalesce:
    count = rows.order_by().values("gift").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(count), 0)
