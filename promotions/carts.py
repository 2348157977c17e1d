"""What would apply to this cart now; nothing is recorded.

Redemption prices the cart through the same `priced`, so a qualification and the order
that follows never disagree.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db.models import F

from analytics import identity
from catalog import pricing
from catalog.models import Product
from promotions import discounts, stacking
from promotions.discounts import Applied, Line, Missed
from promotions.models import Offer, Strategy

BEATEN = Missed(reason="another_offer_is_better")


@dataclass(frozen=True, kw_only=True)
class Item:
    """A cart's line as the shop sends it; the catalogue's price where it names none."""

    sku: str
    quantity: int
    price: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What one offer does to the cart."""

    offer: Offer
    applied: Applied


@dataclass(frozen=True, kw_only=True)
class NotApplied:
    """An offer that does nothing for the cart, why, and what is missing."""

    offer: Offer
    missed: Missed


@dataclass(frozen=True, kw_only=True)
class Priced:
    """A cart with its best legal combination of offers."""

    lines: Sequence[Line]
    unknown: Sequence[str]
    effects: Sequence[Effect]
    not_applied: Sequence[NotApplied]

    @property
    def subtotal(self) -> Decimal:
        return sum((line.amount for line in self.lines), Decimal(0))

    @property
    def discount(self) -> Decimal:
        return sum((e.applied.discount for e in self.effects), Decimal(0))

    @property
    def total(self) -> Decimal:
        return self.subtotal - self.discount


def qualify(
    *, customer: str | None, items: Sequence[Item], currency: str, at: datetime
) -> Priced:
    """Price a cart for the shop's customer; a guest has no personal offers."""
    key = identity.find(customer) if customer else None
    offers = usable(key, currency=currency, at=at) if key else []
    return priced(items, offers, currency=currency)


def usable(
    customer: UUID | None = None, *, currency: str | None, at: datetime
) -> list[Offer]:
    """Return the offers that may be used now: one person's, or everybody's.

    A person's are those of all their keys; none without consent.
    """
    offers = Offer.objects.filter(
        redeemed_at=None,
        expires_at__gt=at,
        strategy__state=Strategy.State.LIVE,
        strategy__spent__lt=F("strategy__budget"),
        strategy__campaign__starts_at__lte=at,
        strategy__campaign__ends_at__gt=at,
    )
    if customer is not None:
        offers = offers.filter(customer__in=identity.willing(customer))
    if currency is not None:
        offers = offers.filter(strategy__currency=currency)
    return list(offers.select_related("strategy__campaign").order_by("id"))


def priced(items: Sequence[Item], offers: Sequence[Offer], *, currency: str) -> Priced:
    """Find the best legal combination of the offers on the cart."""
    # A catalogue price in another currency is no price: the sku counts as unknown.
    listed = Product.objects.filter(currency=currency)
    products = listed.in_bulk({item.sku for item in items})
    unit = pricing.minor_unit(currency)
    outcomes = {
        offer.id: _outcome(offer, items, products, unit, currency) for offer in offers
    }
    applied = {key: o for key, o in outcomes.items() if isinstance(o, Applied)}
    lines = _lines(items, products, settings.LEAST_MARGIN, currency)
    room = sum((line.room for line in lines), Decimal(0))
    chosen = set(stacking.best(applied, room))
    missed = {key: o for key, o in outcomes.items() if isinstance(o, Missed)}
    return Priced(
        lines=lines,
        unknown=sorted({item.sku for item in items} - products.keys()),
        effects=[
            Effect(offer=offer, applied=applied[offer.id])
            for offer in offers
            if offer.id in chosen
        ],
        not_applied=[
            NotApplied(offer=offer, missed=missed.get(offer.id, BEATEN))
            for offer in offers
            if offer.id not in chosen
        ],
    )


def _outcome(
    offer: Offer,
    items: Sequence[Item],
    products: Mapping[str, Product],
    unit: Decimal,
    currency: str,
) -> Applied | Missed:
    strategy = offer.strategy
    lines = _lines(items, products, strategy.least_margin, currency)
    terms = strategy.terms[offer.variant]
    outcome = discounts.apply(terms, lines, scope=strategy.scope, unit=unit)
    if isinstance(outcome, Applied) and _cost(outcome) > strategy.left:
        return Missed(reason="budget_spent")
    return outcome


def _cost(applied: Applied) -> Decimal:
    return applied.discount + applied.gift_value


def _lines(
    items: Sequence[Item],
    products: Mapping[str, Product],
    least_margin: Decimal,
    currency: str,
) -> list[Line]:
    return [
        _line(item, products.get(item.sku), least_margin, currency) for item in items
    ]


def _line(
    item: Item, product: Product | None, least_margin: Decimal, currency: str
) -> Line:
    """An unknown or unpriced product takes no discount: its floor is its price."""
    price = item.price if item.price is not None else product and product.price
    price = price or Decimal(0)
    if product is None or not product.promotable:
        category, floor = "", price
    else:
        category = product.category
        floor = pricing.floor(
            price,
            product.cost,
            assumed_margin=settings.ASSUMED_MARGIN,
            least_margin=least_margin,
            currency=currency,
        )
    return Line(
        sku=item.sku,
        category=category,
        quantity=item.quantity,
        price=price,
        floor=floor,
    )
