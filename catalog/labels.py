"""A product's price as storefronts read it: written when it changes, with its version.

What is written here is kept in memory and answered by catalog.shown_prices.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
from django.db import connection

from catalog import pricing
from catalog.models import ShownPrice

SHOWN = timedelta(days=30)
"""So long is a reduction without an end shown as one."""


@dataclass(frozen=True, kw_only=True)
class Moved:
    """A product's price in force from now on.

    `until` is when it is known to go back; `kept`: the reference price of a mark-down
    that goes on.
    """

    sku: str
    price: Decimal | None
    currency: str
    until: datetime | None = None
    kept: Decimal | None = None


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


def prolong(going: Sequence[Moved]) -> None:
    """Say until when prices are in force that go on as they are: they are no news."""
    until = {one.sku: one.until for one in going}
    rows = []
    for row in ShownPrice.objects.filter(sku__in=until):
        shown = msgspec.json.decode(row.body, type=Body)
        if shown.valid_until != until[row.sku]:
            shown.valid_until = until[row.sku]
            ends = shown.valid_until or shown.valid_from + SHOWN
            # `until` only ends what is shown of a reduction.
            row.body, row.until = json(shown), ends if row.reference else None
            rows.append(row)
    show(rows)


def shown(one: Moved, lowest: Decimal | None, at: datetime) -> ShownPrice:
    # A mark-down that goes on is shown against the price before its first step.
    lowest = one.kept or lowest
    reduced = one.price is not None and lowest is not None and one.price < lowest
    return ShownPrice(
        sku=one.sku,
        body=body(one, lowest if reduced else None, at),
        reference=lowest if reduced else None,
        until=(one.until or at + SHOWN) if reduced else None,
    )


def body(one: Moved, reference: Decimal | None, at: datetime) -> str:
    """Write a price as storefronts read it."""

    def coins(amount: Decimal | None) -> str | None:
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
    return json(made)


def json(made: Body) -> str:
    return msgspec.json.encode(made).decode()


def show(rows: Sequence[ShownPrice]) -> None:
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
