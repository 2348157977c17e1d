"""What competitors ask for our products: bounds of prices, histories, feeds' ages.

A match counts once a rule was sure of it or a person said so (catalog.matching). A
price that fell so far that it may be misread does not until it was seen a second time.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from analytics import lookup
from catalog.episodes import Step
from catalog.models import Match

STALE = timedelta(days=7)
"""A price that was not seen for so long says nothing of today."""
MATCHED = (Match.State.AUTOMATIC, Match.State.CONFIRMED)


DOUBTED = 5
"""A price so many times below ours, or below their last one, is doubtful at first."""


class Doubt(NamedTuple):
    """A price of theirs that was seen once and may be misread."""

    product: int
    sku: str
    name: str
    competitor: str
    currency: str
    ours: Decimal | None
    theirs: Decimal
    seen_at: datetime


class Bound(NamedTuple):
    """What a competitor asked, and how long ago it was last seen so."""

    competitor: str
    price: Decimal
    age: timedelta


# The dearer of our price and their last one: a fall from either is a doubt.
KNOWN = """coalesce(greatest(o.price, (SELECT b.price FROM catalog_competitorprice b
        WHERE b.product_id = c.id AND b.at < {since} AND b.currency = o.currency
        ORDER BY b.at DESC LIMIT 1)), 0)"""
BOUNDS = f"""
    SELECT m.sku, c.competitor, p.price,
      CASE WHEN c.seen_at <= %(at)s THEN c.seen_at ELSE p.at END
    FROM catalog_match m
    JOIN catalog_competitorproduct c ON c.id = m.product_id
    JOIN catalog_product o ON o.sku = m.sku
    CROSS JOIN LATERAL (
      SELECT price, currency, available, at FROM catalog_competitorprice
      WHERE product_id = c.id AND at <= %(at)s ORDER BY at DESC LIMIT 1) p
    WHERE m.sku = ANY(%(skus)s) AND m.state = ANY(%(matched)s)
      AND p.available AND p.price > 0 AND p.currency = o.currency
      AND NOT (p.price * %(doubted)s < {KNOWN.format(since="p.at")}
        AND (c.seen_at > %(at)s OR c.seen_at <= p.at))
    ORDER BY m.sku, p.price, c.competitor
"""  # noqa: S608
"""As of a moment: the price in force then, and when it had last been seen by then."""
DOUBTS = f"""
    SELECT c.id, o.sku, trim(o.name || ' ' || o.size), c.competitor, c.currency,
      o.price, c.price, c.seen_at
    FROM catalog_match m
    JOIN catalog_competitorproduct c ON c.id = m.product_id
    JOIN catalog_product o ON o.sku = m.sku
    WHERE m.state = ANY(%s) AND c.currency = o.currency AND c.seen_at <= c.since
      AND c.available AND c.price * %s < {KNOWN.format(since="c.since")}
    ORDER BY c.seen_at DESC, c.id
"""  # noqa: S608


def doubts() -> list[Doubt]:
    """Return what fell below a fifth and was not seen so again yet, the newest first.

    It is kept in the history, and counts in no index, bound or alert, unless a person
    says that it is right (catalog.doubtful). What cannot be had counts nowhere anyway.
    """
    return [Doubt(*row) for row in lookup.rows(DOUBTS, [list(MATCHED), DOUBTED])]


def bounds(
    skus: Collection[str], at: datetime, *, oldest: timedelta = STALE
) -> dict[str, list[Bound]]:
    """Return what competitors ask for each product, in its currency, the lowest first.

    Only what they have in stock, was seen within `oldest` before `at`, and is not
    doubtful.
    """
    found: dict[str, list[Bound]] = {}
    values: Mapping[str, Any] = {
        "at": at,
        # PostgreSQL refuses U+0000 even as a question's value.
        "skus": [sku for sku in skus if "\0" not in sku],
        "matched": list(MATCHED),
        "doubted": DOUBTED,
    }
    for sku, competitor, price, seen_at in lookup.rows(BOUNDS, values):
        age = at - seen_at
        if age <= oldest:
            found.setdefault(sku, []).append(Bound(competitor, price, age))
    return found


# From the last point at `since` or before it on; without one, from `since`.
HISTORIES = """
    SELECT p.product_id, p.currency, p.at, p.price, p.shelf_price, p.available
    FROM unnest(%(ids)s::bigint[]) AS asked (id)
    JOIN catalog_competitorprice p ON p.product_id = asked.id AND p.at >= coalesce(
      (SELECT max(b.at) FROM catalog_competitorprice b
       WHERE b.product_id = asked.id AND b.at <= %(since)s), %(since)s)
    ORDER BY p.product_id, p.at
"""


def histories(products: Collection[int], *, since: datetime) -> dict[int, list[Step]]:
    """Return competitors' prices: from the one in force at `since` on.

    Of a product that changed its currency, those in the last one.
    """
    found: dict[int, list[Step]] = {}
    money: dict[int, str] = {}
    values = {"ids": list(products), "since": since}
    for product, currency, at, price, shelf, available in lookup.rows(
        HISTORIES, values
    ):
        if money.setdefault(product, currency) != currency:
            money[product] = currency
            found[product].clear()
        step = Step(at=at, price=price, shelf=shelf, available=available)
        found.setdefault(product, []).append(step)
    return found
