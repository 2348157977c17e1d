"""Prices in force: who sets them, and what they were.

The shop's feed (catalog.feed_prices) and strategies both write here, one at a time:
whoever does takes the products' `lock` first, and appends to the log last. A strategy's
price that stays is the product's own; the old one may be listed on, until a feed says
the new one or a third. What storefronts read of it: catalog.labels.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec
from django.db import connection, transaction

from analytics import events
from catalog import feed_prices, history, labels
from catalog.labels import Body, Moved
from catalog.models import PriceHold, PricePoint, Product, ShownPrice


@dataclass(frozen=True, kw_only=True)
class Move:
    """A strategy's price for a product, to be in force from now on.

    `was`: the prices of which one must be in force, so that it still makes sense.
    """

    sku: str
    strategy: UUID
    price: Decimal
    was: Collection[Decimal]
    until: datetime | None = None
    progressive: bool = False


def lock() -> None:
    """Let other feeds and roll-outs wait until this transaction ends."""
    with connection.cursor() as cursor:
        # It bars itself and every writer of rows; who only reads goes on.
        cursor.execute("LOCK TABLE catalog_product IN SHARE ROW EXCLUSIVE MODE")


def note(moved: Sequence[Moved], *, at: datetime) -> None:
    """Keep prices that have just come into force, for the law and for storefronts.

    In the caller's transaction, which holds the `lock`.
    """
    if not moved:
        return
    lowest = history.references([one.sku for one in moved], at=at)
    PricePoint.objects.bulk_create(
        PricePoint(sku=one.sku, since=at, price=one.price, currency=one.currency)
        for one in moved
    )
    labels.show(
        [labels.shown(one, lowest.get((one.sku, one.currency)), at) for one in moved]
    )


def set_prices(
    moves: Sequence[Move], frees: Mapping[str, UUID], *, at: datetime
) -> tuple[list[events.Event], set[str]]:
    """Put strategies' prices into force, and those of others out of it.

    A product that is in both goes from one price straight to the other. Return what to
    append, and the products whose price has changed meanwhile, or that are not on sale:
    they stay as they are. In the caller's transaction, which holds the `lock`.
    """
    skus = {move.sku for move in moves} | set(frees)
    products = Product.objects.only("sku", "price", "currency").in_bulk(list(skus))
    holds = feed_prices.held(skus)
    begun = [one for one in moves if _fits(one, products.get(one.sku), holds)]
    kept = [_hold(move, products[move.sku], holds, at) for move in begun]
    gone = _freed(frees, holds, {one.sku for one in begun})
    to = {hold.sku: hold.price for hold in kept} | {h.sku: h.back for h in gone}
    # What costs that already is no change, and leaves no event.
    now = {
        sku: price
        for sku, price in to.items()
        if (found := products.get(sku)) and found.price != price
    }
    _write(kept, gone, now, at)
    moved = _moved(begun, gone, products, holds)
    note([one for one in moved if one.sku in now], at=at)
    labels.prolong([one for one in moved if one.sku not in now])
    by = {move.sku: move.strategy for move in begun}
    changed = [
        events.PriceChanged(
            sku=sku,
            price=price,
            was=products[sku].price,
            currency=products[sku].currency,
            strategy=by.get(sku) or frees[sku],
        )
        for sku, price in sorted(now.items())
    ]
    return list(changed), {one.sku for one in moves} - set(by)


def settle(skus: Collection[str], strategy: UUID, *, at: datetime) -> None:
    """Leave a strategy's prices in force as the products' own."""
    holds = PriceHold.objects.filter(
        sku__in=skus, strategy=strategy, released_at=None, overruled_at=None
    )
    # Released, though the price goes on: from now on it is the product's own.
    holds.update(released_at=at, stays=True)


def refresh(*, at: datetime) -> None:
    """Show reductions no more whose time is over; forget whose prices went long ago."""
    # A doubted one waits for `believed`, one that stays for the feed's own word.
    PriceHold.objects.filter(
        released_at__lt=at - feed_prices.ECHO, stays=False, doubted=None
    ).delete()
    if not ShownPrice.objects.filter(until__lte=at).exists():
        return
    with transaction.atomic():
        lock()
        # Read again under the lock: a price may have moved since.
        rows = list(ShownPrice.objects.filter(until__lte=at))
        for row in rows:
            shown = msgspec.json.decode(row.body, type=Body)
            shown.reference_price = shown.percent_off = None
            row.body, row.reference, row.until = labels.json(shown), None, None
        labels.show(rows)


def _running(hold: PriceHold | None) -> PriceHold | None:
    ends = hold and (hold.released_at or hold.overruled_at)
    return None if ends else hold


def _fits(move: Move, product: Product | None, holds: Mapping[str, PriceHold]) -> bool:
    if product is None or product.price is None:
        return False
    hold = _running(holds.get(move.sku))
    known = {product.price, *([hold.back] if hold else [])}
    # Beneath another strategy's price, the one that it goes back to may fit as well.
    return bool(known & set(move.was)) or bool(hold and hold.strategy == move.strategy)


def _hold(
    move: Move, product: Product, holds: Mapping[str, PriceHold], at: datetime
) -> PriceHold:
    last = holds.get(move.sku)
    before = _running(last)
    echoes = last.echoes if last and last.overruled_at is None else []
    now = move.price if product.price is None else product.price
    return PriceHold(
        sku=move.sku,
        strategy=move.strategy,
        price=move.price,
        # From one strategy's price to the next: the way back leads to the shop's own.
        back=before.back if before else now,
        currency=product.currency,
        echoes=list(dict.fromkeys([*echoes, move.price])),
        since=at,
        stays=bool(last and last.overruled_at is None and last.stays),
    )


def _freed(
    frees: Mapping[str, UUID], holds: Mapping[str, PriceHold], begun: set[str]
) -> list[PriceHold]:
    """Return the holds that end and give way to nobody."""
    found = ((sku, _running(holds.get(sku)), by) for sku, by in frees.items())
    return [h for sku, h, by in found if h and h.strategy == by and sku not in begun]


def _moved(
    begun: Sequence[Move],
    gone: Sequence[PriceHold],
    products: Mapping[str, Product],
    holds: Mapping[str, PriceHold],
) -> list[Moved]:
    goes_on = {move.sku for move in begun if move.progressive and move.sku in holds}
    rows = ShownPrice.objects.filter(sku__in=goes_on)
    kept = dict(rows.values_list("sku", "reference"))
    found = [
        Moved(
            sku=one.sku,
            price=one.price,
            currency=products[one.sku].currency,
            until=one.until,
            kept=kept.get(one.sku),
        )
        for one in begun
    ]
    return found + [
        Moved(sku=hold.sku, price=hold.back, currency=hold.currency) for hold in gone
    ]


def _write(
    kept: Sequence[PriceHold],
    gone: Sequence[PriceHold],
    now: Mapping[str, Decimal],
    at: datetime,
) -> None:
    PriceHold.objects.bulk_create(
        kept,
        update_conflicts=True,
        unique_fields=["sku"],
        update_fields=[
            *("strategy", "price", "back", "currency", "echoes", "since"),
            *("released_at", "overruled_at", "stays", "doubted"),
        ],
    )
    PriceHold.objects.filter(sku__in=[h.sku for h in gone]).update(released_at=at)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE catalog_product p SET price = n.price FROM "
            "unnest(%s::text[], %s::numeric[]) AS n(sku, price) WHERE p.sku = n.sku",
            [list(now), list(now.values())],
        )
