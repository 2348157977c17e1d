"""What a feed's price comes to beside a strategy's: news, an echo, the shop's own word.

A feed that repeats the price that a strategy has set, or the one before, tells nothing
new; one that brings a third price wins, and the strategy's is overruled. For a while
after a strategy's price went, a feed may have read it from us: what it says then is
doubted, and believed when nothing else came.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from catalog.models import PriceHold

ECHO = timedelta(days=2)
"""So long after a strategy's price went, a feed that still says it is late, not new."""


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What a feed's price comes to: the price in force; whose price it overrules.

    `doubted` is a price that may be an echo come late, and `heard` the hold of which
    the feed told something: to be kept (`listen`).
    """

    price: Decimal | None
    overruled: PriceHold | None = None
    heard: PriceHold | None = None
    doubted: Decimal | None = None
    stays: bool = False


def held(skus: Iterable[str]) -> dict[str, PriceHold]:
    """Return the products whose price a strategy has set, or had set of late."""
    return PriceHold.objects.in_bulk(list(skus))


def heard(
    price: Decimal | None,
    currency: str,
    hold: PriceHold | None,
    *,
    now: Decimal | None,
    listed: Decimal | None,
    at: datetime,
) -> Heard:
    """Say what a feed's price comes to, where `now` is in force and `listed` the last
    that was the shop's own."""
    if hold is None or hold.overruled_at is not None:
        return Heard(price=price)
    known = price is not None and currency == hold.currency
    # The list goes on as before after a strategy's price became the product's own.
    stale = known and hold.stays and price == listed
    if hold.released_at is None:
        # In force: the feed repeats it, the one before, or a step that it read of us
        # earlier.
        if stale or (known and price in (hold.price, hold.back, *hold.echoes)):
            return Heard(price=now)
        return Heard(price=price, overruled=hold)
    late = at < hold.released_at + ECHO
    # Within ECHO it may have read the price from us; later the shop itself lists it,
    # and may go back to the old one.
    if price == now:
        return Heard(price=now, heard=hold, stays=hold.stays and late)
    if stale:
        return Heard(price=now, heard=hold, stays=True)
    # Perhaps late, perhaps the shop's will: `believed` decides when ECHO is over.
    if late and known and price in hold.echoes:
        return Heard(price=now, heard=hold, doubted=price, stays=hold.stays)
    return Heard(price=price, heard=hold)


def listen(found: Iterable[Heard], *, at: datetime) -> None:
    """Keep what a feed told of strategies' prices; promotions.price_rolls reads it."""
    holds = []
    for one in found:
        if one.overruled:
            one.overruled.overruled_at = at
            holds.append(one.overruled)
        elif one.heard:
            one.heard.doubted, one.heard.stays = one.doubted, one.stays
            holds.append(one.heard)
    PriceHold.objects.bulk_update(holds, ["overruled_at", "doubted", "stays"])


def believed(*, at: datetime) -> dict[str, Decimal]:
    """Return sku -> the price that was no late echo: nothing else came for so long."""
    rows = PriceHold.objects.filter(
        released_at__lt=at - ECHO, overruled_at=None, doubted__isnull=False
    )
    return {hold.sku: hold.doubted for hold in rows if hold.doubted is not None}


def forget(skus: Iterable[str]) -> None:
    """Forget whose prices they were: they are the shop's."""
    PriceHold.objects.filter(sku__in=list(skus)).delete()
