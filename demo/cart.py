"""The demo shop's cart, priced by the API: lines, discounts, gifts, hints, codes.

The API says what applies and what is missing; here it is put into the words and the
order of a receipt. Nothing is computed that the API has computed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from demo import backend, deals, goods
from demo.goods import Card, money
from demo.visits import Visit

SHIPPING = "4.90"
MOST_HINTS = 3
WITHIN_REACH = frozenset(("below_threshold", "too_few_units", "bundle_incomplete"))


@dataclass(frozen=True, kw_only=True)
class Line:
    """A product in the cart; `was` is its shelf amount, "" if nothing is off."""

    card: Card
    quantity: int
    total: str
    was: str


@dataclass(frozen=True, kw_only=True)
class Discount:
    """What an offer or a code takes off, as a line of the receipt."""

    words: str
    scope: str
    amount: str
    code: str


@dataclass(frozen=True, kw_only=True)
class Hint:
    """So much more brings something: `have` of `need`, if the offer says how much."""

    words: str
    scope: str
    category: str
    more: str
    units: int
    have: str
    need: str


@dataclass(frozen=True, kw_only=True)
class Entered:
    """A code as typed, and why it does nothing; `fault` is "" for one that counts."""

    code: str
    fault: str
    denied: bool


@dataclass(frozen=True, kw_only=True)
class Priced:
    """The whole receipt."""

    lines: list[Line]
    discounts: list[Discount]
    gifts: list[Card]
    hints: list[Hint]
    codes: list[Entered]
    subtotal: str
    saved: str
    shipping: str
    free: bool
    total: str
    answer: Mapping[str, Any]
    asked: Mapping[str, Any]


def priced(visit: Visit) -> Priced:
    """Ask the API what a visit's cart comes to, and what little is missing."""
    known = goods.known(visit.lines)
    asked = visit.cart(known) | {"shipping": SHIPPING if known else "0"}
    answer = backend.qualify(asked)
    told, currency = _told(visit), answer["currency"]
    effects = answer["effects"]
    gifts = [effect["gift"] for effect in effects if effect["gift"]]
    shipping = Decimal(answer["shipping"]) - Decimal(answer["shipping_discount"])
    saved = Decimal(answer["discount"])
    return Priced(
        lines=[_line(row, known[row["sku"]], currency) for row in answer["lines"]],
        discounts=list(_discounts(effects, told, currency)),
        gifts=list(goods.cards(gifts)),
        hints=list(_hints(answer, told))[:MOST_HINTS],
        codes=list(_codes(answer)),
        subtotal=money(answer["subtotal"], currency),
        saved=money(-saved, currency) if saved else "",
        shipping=money(shipping, currency),
        free=shipping == 0,
        total=money(answer["total"], currency),
        answer=answer,
        asked=asked,
    )


def asked(visit: Visit) -> dict[str, Any] | None:
    """Return the cart as the API takes it; None for an empty one."""
    known = goods.known(visit.lines)
    return visit.cart(known) | {"shipping": SHIPPING} if known else None


def order(cart: Priced, order_id: str, total: str) -> dict[str, Any]:
    """Return the order as the API redeems it: at this total, with codes that count."""
    # A refused code would refuse the whole order; one that does nothing does no harm.
    good = [one.code for one in cart.codes if not one.denied]
    return {**cart.asked, "codes": good, "order_id": order_id, "total": total}


def completed(redeemed: Mapping[str, Any], order_id: str) -> dict[str, Any]:
    """Return the order as an event: what was paid for each line, and what was off."""
    rows = redeemed["lines"]
    known = goods.known([row["sku"] for row in rows])
    lines = [
        {
            "sku": row["sku"],
            "category": known[row["sku"]].category if row["sku"] in known else "",
            "quantity": row["quantity"],
            "paid": row["total"],
            "coupon_discount": row["discount"],
        }
        for row in rows
    ]
    return {"order_id": order_id, "currency": redeemed["currency"], "lines": lines}


Told = dict[str, dict[str, Any]]


def _told(visit: Visit) -> Told:
    """Return what is said of offers and promotions, by the ids that carts name."""
    told = {one["id"]: one | {"about": one["scope"]} for one in backend.offers(visit)}
    for one in backend.promotions():
        told[one["id"]] = one | {"about": one["categories"]}
    return told


def _of(row: Mapping[str, Any], told: Told) -> dict[str, Any]:
    """Return what is said of an effect; of a code's strategy the cart alone tells."""
    found = told.get(row["offer"] or row["strategy"], {})
    return {"terms": {}, "about": None, **found, "title": row["title"]}


def _line(row: Mapping[str, Any], card: Card, currency: str) -> Line:
    off = Decimal(row["discount"]) > 0
    return Line(
        card=card,
        quantity=row["quantity"],
        total=money(row["total"], currency),
        was=money(row["amount"], currency) if off else "",
    )


def _discounts(
    effects: list[dict[str, Any]], told: Told, currency: str
) -> Iterator[Discount]:
    for effect in effects:
        amount = Decimal(effect["discount"]) + Decimal(effect["shipping_discount"])
        if not amount:
            continue
        said = _of(effect, told)
        yield Discount(
            words=deals.words(said["terms"], said["title"], currency),
            scope="" if said["about"] is None else deals.scope(said["about"]),
            amount=money(-amount, currency),
            code=effect["code"] or "",
        )


def _hints(answer: Mapping[str, Any], told: Told) -> Iterator[Hint]:
    """Yield what is nearest first; a code's own want is told beside the code."""
    near = [
        row
        for row in answer["not_applied"]
        if row["reason"] in WITHIN_REACH and not row["code"]
    ]
    for row in sorted(near, key=lambda row: Decimal(row["spend_more"])):
        yield _hint(row, told, answer["currency"])


def _hint(row: Mapping[str, Any], told: Told, currency: str) -> Hint:
    said, more = _of(row, told), Decimal(row["spend_more"])
    need = Decimal(said["terms"].get("spend") or 0)
    about = said["about"] or []
    return Hint(
        words=deals.words(said["terms"], said["title"], currency),
        scope="" if said["about"] is None else deals.scope(about),
        category=about[0] if len(about) == 1 else "",
        more=money(more, currency) if more else "",
        units=row["quantity_more"],
        have=str(need - more) if more and need > more else "",
        need=str(need),
    )


def _codes(answer: Mapping[str, Any]) -> Iterator[Entered]:
    idle = {row["code"]: row["reason"] for row in answer["not_applied"] if row["code"]}
    for one in answer["codes"]:
        code, why = one["code"], one["refused"]
        fault = deals.refused(why) if why else ""
        if not why and code in idle:
            fault = deals.idle(idle[code])
        yield Entered(code=code, fault=fault, denied=bool(why))
