"""Products for a customer, for a product page, for a cart; read by storefronts.

Ranking is ml.live's; the shop's rules are applied here: nothing that is out of stock or
must not be promoted. Nothing is recorded. What may be said: promotions.because.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from analytics import identity
from catalog.models import Product
from ml import live, new_products, searching
from ml.served import Listing, Recommended
from promotions.because import reasons

SPARE = 20
"""More products are ranked than asked for, in place of those that may not be shown. To
bar those beforehand meant to read thousands of skus at each request."""
Ranked = Callable[[int, Collection[str]], Sequence[Recommended]]
"""(how many, without which) -> products, best first."""


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """A product to show."""

    product: Product
    score: float
    reasons: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """`source`: live, night, popular or none; see ml.live."""

    suggestions: Sequence[Suggestion]
    source: str


def for_customer(
    external_id: str,
    *,
    at: datetime,
    most: int,
    cart: Sequence[str] = (),
    new: int = 0,
) -> Answer:
    """Rank products for a customer; a stranger gets what the shop sells best.

    Up to `new` of the last places go to products that nobody's orders can rank yet, by
    what their listings share with what the customer buys.
    """
    person = _person(external_id)
    source = "none"

    def ranked(most: int, barred: Collection[str]) -> Sequence[Recommended]:
        nonlocal source
        found = live.recommendations(
            person, at=at, most=most, cart=cart, excluded=barred
        )
        source = found.source
        return found.found

    newest = _newest(person, at, most=min(new, most), cart=cart)
    shown = _shown(ranked, most=most)
    # What orders can rank by now is not shown twice.
    kept = [one for one in shown if one.product not in {n.product for n in newest}]
    return Answer(
        suggestions=[*kept[: most - len(newest)], *newest],
        source=source,
    )


def _newest(
    person: UUID | None, at: datetime, *, most: int, cart: Sequence[str]
) -> list[Suggestion]:
    if not most or person is None:
        return []
    skus = new_products.newcomers(person, at=at, most=most, excluded=cart)
    return _described([Recommended(sku=sku, score=0.0, parts={}) for sku in skus])


def together(skus: Sequence[str], *, most: int) -> Answer:
    """Return what is bought together with a product, or completes a cart."""
    return _plain(
        lambda number, barred: live.together(skus, most=number, excluded=barred),
        most=most,
    )


def similar(sku: str, *, most: int) -> Answer:
    """Return what could stand in for a product; nothing for an unknown one.

    By listings and orders; where no listing was read yet, by orders and names alone.
    """
    known = Product.objects.filter(sku=sku).values_list("category", "name", "size")
    category, name, package = known.first() or ("", "", "")
    one = Listing(sku=sku, category=category, name=name, package=package)

    def alike(number: int, barred: Collection[str]) -> list[str]:
        found = searching.alike(sku, most=number, excluded=barred)
        return found or live.alike(one, most=number, excluded=barred)

    return _plain(alike, most=most)


def _person(external_id: str) -> UUID | None:
    """Return whose habits may count: nobody's without consent."""
    # PostgreSQL's text holds no NUL; such an id is nobody's.
    person = None if "\0" in external_id else identity.find(external_id)
    return person if person and identity.willing(person) else None


def _plain(ask: Callable[[int, Collection[str]], list[str]], *, most: int) -> Answer:
    def ranked(number: int, barred: Collection[str]) -> Sequence[Recommended]:
        found = ask(number, barred)
        return [Recommended(sku=sku, score=0.0, parts={}) for sku in found]

    shown = _shown(ranked, most=most)
    return Answer(suggestions=shown, source="live" if shown else "none")


def _shown(ranked: Ranked, *, most: int) -> list[Suggestion]:
    """Ask again, for more and without what may not be shown, until there are enough."""
    barred: set[str] = set()
    asked = most + SPARE
    while True:
        found = ranked(asked, barred)
        shown = _described(found)
        # Fewer than asked for means that there are no more.
        if len(shown) >= most or len(found) < asked:
            return shown[:most]
        barred |= {one.sku for one in found} - {one.product.sku for one in shown}
        # A shop may have barred much of what sells best: four rounds look at thousands.
        asked *= 4


def _described(found: Sequence[Recommended]) -> list[Suggestion]:
    products = Product.objects.in_bulk([one.sku for one in found])
    return [
        Suggestion(product=products[one.sku], score=one.score, reasons=reasons(one))
        for one in found
        if one.sku in products and _may_be_shown(products[one.sku])
    ]


def _may_be_shown(product: Product) -> bool:
    # Unknown stock (None) is not none.
    return product.promotable and product.stock != 0
