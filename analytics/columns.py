"""Which columns of a shop's file hold what an order line needs: said, or guessed.

A mapping names a column for a field: `order=basket_id`. For amounts it may be a sum or
product of columns: `paid=price*quantity`, `coupon_discount=own+partner`; a leading
minus turns the sign of what a shop writes below zero: `shelf_discount=-rebate`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from analytics.wording import Wording

NEEDED = ("customer", "order", "at", "sku", "paid")
AMOUNTS = ("paid", "shelf_discount", "coupon_discount")
# The surest names first: `date` or `time` may be of anything.
GUESSES: dict[str, tuple[str, ...]] = {
    "customer": (
        *("customer", "customer_id", "customerid", "household_id", "client_id"),
        *("user_id", "member_id", "shopper_id", "household_key", "kunde", "kundennr"),
    ),
    "order": (
        *("order", "order_id", "orderid", "basket_id", "transaction_id", "receipt_id"),
        *(
            "order_number",
            "order_no",
            "invoice",
            "invoiceno",
            "invoice_no",
            "bestellnr",
        ),
    ),
    "at": (
        *("at", "transaction_timestamp", "timestamp", "ordered_at", "occurred_at"),
        *("order_date", "invoicedate", "invoice_date", "created_at", "datetime"),
        *("date", "purchase_date", "datum", "time"),
    ),
    "sku": (
        *("sku", "product_id", "productid", "item_id", "article_id", "stockcode"),
        *("stock_code", "product_code", "product", "item", "artikel", "artikelnr"),
    ),
    "category": ("category", "product_category", "department", "kategorie"),
    "quantity": ("quantity", "qty", "units", "amount_of_items", "menge", "anzahl"),
    "paid": (
        *("paid", "sales_value", "line_total", "total", "amount", "net_sales"),
        *("revenue", "line_amount", "betrag", "umsatz"),
    ),
    "shelf_discount": ("shelf_discount", "retail_disc", "discount", "rabatt"),
    "coupon_discount": ("coupon_discount", "coupon_disc", "coupon", "voucher"),
    "currency": ("currency", "currency_code", "waehrung"),
}


class WrongMapping(Exception):
    """The mapping names what is not there, or leaves out what is needed."""


@dataclass(frozen=True, slots=True)
class Source:
    """A field's columns: a sum of products, the whole negative or not."""

    text: str
    terms: tuple[tuple[str, ...], ...]
    negative: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(name for term in self.terms for name in term)


def mapped(said: Iterable[str], header: Sequence[str]) -> dict[str, Source]:
    """Return each field's source: as said, else guessed by the column's name.

    :raises WrongMapping: says which field or column, and what the file has.
    """
    sources = dict(_said(one, header) for one in said)
    for field, guess in guessed(header, GUESSES).items():
        if field not in sources:
            sources[field] = Source(guess, ((guess,),))
    if missing := [field for field in NEEDED if field not in sources]:
        raise WrongMapping(
            Wording(
                "no column is known for %(missing)s: say --map "
                "%(missing2)s=COLUMN. The file has %(header)s",
                missing=", ".join(missing),
                missing2=missing[0],
                header=", ".join(header),
            )
        )
    return {field: sources[field] for field in GUESSES if field in sources}


def guessed(
    header: Sequence[str], guesses: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """Return the column of each field that one has a well-known name for."""
    # Reversed, so that of two columns named alike the first counts.
    free = {_plain(name): name for name in reversed(header)}
    found = {
        field: next((free[name] for name in names if name in free), None)
        for field, names in guesses.items()
    }
    return {field: name for field, name in found.items() if name is not None}


def _said(one: str, header: Sequence[str]) -> tuple[str, Source]:
    field, found, text = one.partition("=")
    if not found or field not in GUESSES:
        raise WrongMapping(
            Wording(
                "%(one)s is not FIELD=COLUMN; fields: %(guesses)s",
                one=f"{one!r}",
                guesses=", ".join(GUESSES),
            )
        )
    return field, _source(field, text, header)


def _source(field: str, text: str, header: Sequence[str]) -> Source:
    # A column may itself be called price*quantity or -rebate.
    if text in header:
        return Source(text, ((text,),))
    negative, body = text.startswith("-"), text.removeprefix("-")
    # -rebate*rate may be a column's name less the sign, too.
    whole = body in header
    terms = ((body,),) if whole else tuple(tuple(t.split("*")) for t in body.split("+"))
    source = Source(text, terms, negative)
    for name in source.columns:
        if name not in header:
            raise WrongMapping(
                Wording(
                    "%(field)s: the file has no column %(name)s, but %(header)s",
                    field=field,
                    name=f"{name!r}",
                    header=", ".join(header),
                )
            )
    if field not in AMOUNTS and (negative or len(source.columns) > 1):
        raise WrongMapping(
            Wording(
                "%(field)s takes one column, not %(text)s",
                field=field,
                text=f"{text!r}",
            )
        )
    return source


def _plain(name: str) -> str:
    return re.sub(r"\W+", "_", name.strip().lower()).strip("_")
