"""What a product may cost: margin, floor. Pure; all amounts are Decimals."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, ROUND_UP, Decimal

WHOLE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
THREE = "BHD IQD JOD KWD LYD OMR TND"
MINOR = dict.fromkeys(WHOLE.split(), 0) | dict.fromkeys(THREE.split(), 3)
"""Decimals of a currency (ISO 4217) where they are not two."""


def minor_unit(currency: str) -> Decimal:
    """Return the currency's smallest coin, as 0.01."""
    return Decimal(1).scaleb(-MINOR.get(currency, 2))


def rounded(amount: Decimal, currency: str) -> Decimal:
    """Round half to even, to the currency's minor unit."""
    return amount.quantize(minor_unit(currency), ROUND_HALF_EVEN)


def decimals_fault(amount: Decimal | None, currency: str) -> str | None:
    """Say why no coins of the currency make the amount, if so."""
    if amount is None or amount == rounded(amount, currency):
        return None
    return f"{currency} has no more than {MINOR.get(currency, 2)} decimals."


def unit_cost(price: Decimal, cost: Decimal | None, assumed_margin: Decimal) -> Decimal:
    """Return what a unit costs the shop; the assumed margin where it did not say."""
    return price * (1 - assumed_margin) if cost is None else cost


def floor(
    price: Decimal,
    cost: Decimal | None,
    *,
    assumed_margin: Decimal,
    least_margin: Decimal,
    currency: str,
) -> Decimal:
    """Return the lowest price that keeps the least margin: (price − cost) / price.

    Never above the shelf price: a product that sells below the floor already gets no
    discount, but no surcharge either.
    """
    lowest = unit_cost(price, cost, assumed_margin) / (1 - least_margin)
    # Up: a coin less would be below the margin.
    return min(price, lowest.quantize(minor_unit(currency), ROUND_UP))


def reference_price(
    changes: Sequence[tuple[datetime, Decimal | None]],
    *,
    at: datetime,
    window: timedelta = timedelta(days=30),
) -> Decimal | None:
    """Return the lowest price in force within the window before `at`; None if none was.

    `changes` are (from when, price), the oldest first; without a price it was not on
    sale. A reduction must be announced
    against this price: Directive 98/6/EC, article 6a; for percentages too, C-330/23.
    """
    # The one that was in force when the window began.
    opening = [price for since, price in changes if since <= at - window][-1:]
    during = [price for since, price in changes if at - window < since < at]
    known = [price for price in (*opening, *during) if price is not None]
    return min(known, default=None)


def percent_off(price: Decimal | None, reference: Decimal | None) -> int | None:
    """Return by how many percent a price is below its reference price, rounded down.

    None where it is not: a percentage is shown against the lowest price of the 30 days
    before, or not at all (Directive 98/6/EC, article 6a; C-330/23).
    """
    if price is None or reference is None or not price < reference:
        return None
    # Less than one percent is told as none.
    return int((1 - price / reference) * 100) or None
