"""What a product may cost: margin, floor. Pure; all amounts are Decimals."""

from decimal import ROUND_HALF_EVEN, ROUND_UP, Decimal

MINOR = {"JPY": 0, "KRW": 0, "VND": 0, "CLP": 0, "BHD": 3, "KWD": 3, "JOD": 3, "TND": 3}
"""Decimals of a currency (ISO 4217) where they are not two."""


def minor_unit(currency: str) -> Decimal:
    """Return the currency's smallest coin, as 0.01."""
    return Decimal(1).scaleb(-MINOR.get(currency, 2))


def rounded(amount: Decimal, currency: str) -> Decimal:
    """Round half to even, to the currency's minor unit."""
    return amount.quantize(minor_unit(currency), ROUND_HALF_EVEN)


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
    return min(price, lowest.quantize(minor_unit(currency), ROUND_UP))
