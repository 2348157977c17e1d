"""Prices in force: who sets them, what they were, and what storefronts read.

The shop's feed and strategies both write here, one at a time: whoever does takes the
products' `lock` first, and appends to the log last. A feed that repeats the price that
a strategy has set, or the one before, tells nothing new; one that brings a third price
wins, and the strategy's is overruled. A strategy's price that stays is the product's
own; the old one may be listed on, until a feed says the new one or a third.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import msgspec
from django.db import connection, transaction

from analytics import events
from catalog import history, pricing
from catalog.models import PriceHold, PricePoint, Product, ShownPrice

ECHO = timedelta(days=2)
"""So long after a strategy's price went, a feed that still says it is late, not new."""
SHOWN = timedelta(days=30)
"""So long is a reduction without an end shown as one."""
Amount = Decimal | None


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What a feed's price comes to: the price in force; whose price it overrules.

    `doubted` is a price that may be an echo come late, and `heard` the hold of which
    the feed told something: to be kept (`listen`).
    """

    price: Amount
    overruled: PriceHold | None = None
    heard: PriceHold | None = None
    doubted: Amount = None
    stays: bool = False


@dataclass(frozen=True, kw_only=True)
class Moved:
    """A product's price in force from now on.

    `until` is when it is known to go back; `kept`: the reference price of a mark-down
    that goes on.
    """

    sku: str
    price: Amount
    currency: str
    until: datetime | None = None
    kept: Amount = None


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


def held(skus: Iterable[str]) -> dict[str, PriceHold]:
    """Return the products whose price a strategy has set, or had set of late."""
    return PriceHold.objects.in_bulk(list(skus))


def heard(
    price: Amount,
    currency: str,
    hold: PriceHold | None,
    *,
    now: Amount,
    listed: Amount,
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
    _show([_shown(one, lowest.get((one.sku, one.currency)), at) for one in moved])


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
    holds = held(skus)
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
    _prolong([one for one in moved if one.sku not in now])
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
        released_at__lt=at - ECHO, stays=False, doubted=None
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
            row.body, row.reference, row.until = _json(shown), None, None
        _show(rows)


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


def _prolong(going: Sequence[Moved]) -> None:
    """Say until when prices are in force that go on as they are: they are no news."""
    until = {one.sku: one.until for one in going}
    rows = []
    for row in ShownPrice.objects.filter(sku__in=until):
        shown = msgspec.json.decode(row.body, type=Body)
        if shown.valid_until != until[row.sku]:
            shown.valid_until = until[row.sku]
            ends = shown.valid_until or shown.valid_from + SHOWN
            # `until` only ends what is shown of a reduction.
            row.body, row.until = _json(shown), ends if row.reference else None
            rows.append(row)
    _show(rows)


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


class Body(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A product's price as storefronts read it; `price` is null where it is not sold.

    A reduction says what it is against: the lowest price of the 30 days before it.
    """

    sku: str
    price: str | None
    currency: str
    valid_from: datetime
    valid_until: datetime | None = None
    reference_price: str | None = None
    percent_off: int | None = None


def _shown(one: Moved, lowest: Amount, at: datetime) -> ShownPrice:
    # A mark-down that goes on is shown against the price before its first step.
    lowest = one.kept or lowest
    reduced = one.price is not None and lowest is not None and one.price < lowest
    return ShownPrice(
        sku=one.sku,
        body=body(one, lowest if reduced else None, at),
        reference=lowest if reduced else None,
        until=(one.until or at + SHOWN) if reduced else None,
    )


def body(one: Moved, reference: Amount, at: datetime) -> str:
    """Write a price as storefronts read it."""

    def coins(amount: Amount) -> str | None:
        return None if amount is None else str(pricing.rounded(amount, one.currency))

    made = Body(
        sku=one.sku,
        price=coins(one.price),
        currency=one.currency,
        valid_from=at,
        valid_until=one.until,
        reference_price=coins(reference),
        percent_off=pricing.percent_off(one.price, reference),
    )
    return _json(made)


def _json(made: Body) -> str:
    return msgspec.json.encode(made).decode()


def _show(rows: Sequence[ShownPrice]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            SHOW,
            [
                [row.sku for row in rows],
                [row.body for row in rows],
                [row.reference for row in rows],
                [row.until for row in rows],
            ],
        )


# Versions are drawn under the products' lock alone, so they grow as transactions end,
# and who asks for changes since one misses none.
SHOW = """
INSERT INTO catalog_shownprice (sku, version, body, reference, until)
SELECT sku, nextval('catalog_price_version'), body, reference, until
FROM unnest(%s::text[], %s::text[], %s::numeric[], %s::timestamptz[])
  AS n(sku, body, reference, until)
ON CONFLICT (sku) DO UPDATE SET version = excluded.version, body = excluded.body,
  reference = excluded.reference, until = excluded.until
"""
