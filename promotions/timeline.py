"""What happened to one person, newest first: the log's events, and what was refused.

By when it happened, which is what a customer on the phone remembers. Archived months
(analytics.archive) are not here: only a worker can read them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

import msgspec
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics import events, glances, store
from analytics.languages import said
from analytics.models import Assignment
from catalog.models import Product
from promotions import term_words
from promotions.models import Code, Denial, Strategy
from promotions.sentences import MOST_NAMED, Names, because, sentence

SIZE = 25
MOST_PAGES = 400
DENIED = "refused"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A filter of the timeline: what it is called, and the log's types in it."""

    name: Any
    types: Sequence[str] = ()


KINDS: Mapping[str, Kind] = {
    "orders": Kind(name=_("Orders"), types=("order_completed", "order_updated")),
    "returns": Kind(
        name=_("Returns"),
        types=("order_refunded", "order_cancelled", "redemption_rolled_back"),
    ),
    "offers": Kind(
        name=_("Offers"),
        types=(
            *("offer_assigned", "offer_shown", "offer_redeemed", "offer_reserved"),
            *("reservation_released", "reservation_expired", "offer_feedback"),
        ),
    ),
    DENIED: Kind(
        name=_("Refused, and codes tried"),
        types=("coupon_entered", "coupon_applied", "coupon_denied", "coupon_removed"),
    ),
    "consent": Kind(
        name=_("Consent and ids"),
        types=(
            *("consent_changed", "customer_identified", "customer_aliased"),
            "identity_unlinked",
        ),
    ),
    "shopping": Kind(
        name=_("Looking and shopping"),
        types=tuple(
            name
            for name in sorted(events.FROM_SHOPS)
            if name.startswith(
                ("product_", "products_", "cart_", "checkout_", "page_", "screen_")
            )
            or name in ("wishlist_product_added_to_cart", "payment_info_entered")
        ),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing that happened; `raw` is what is stored of it.

    `offer`: whose decision can be made again.
    """

    at: datetime
    text: str
    what: str
    raw: str
    offer: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page of the timeline, the first of which is 1."""

    entries: Sequence[Entry]
    number: int
    more: bool


def page(
    keys: Sequence[UUID], *, kind: str = "", number: int = 1, size: int = SIZE
) -> Page:
    """Return a page of a person's timeline, of one kind or (empty) of all."""
    number = min(max(number, 1), MOST_PAGES)
    # Of both sources all up to here, as they are merged
    # by time; one more says if there is a next page.
    most = number * size + 1
    types = KINDS[kind].types if kind in KINDS else None
    found: list[store.Stored | Denial] = list(glances.latest(keys, types, most=most))
    if kind in ("", DENIED):
        denied = Denial.objects.filter(customer__in=keys)
        found += denied.order_by("-at")[:most]
    found.sort(key=_moment, reverse=True)
    shown = found[(number - 1) * size : number * size]
    return Page(
        entries=list(_told(shown)), number=number, more=len(found) > number * size
    )


def _moment(one: store.Stored | Denial) -> tuple[datetime, int]:
    """Of one moment, what came into the log later comes first."""
    if isinstance(one, Denial):
        return one.at, 0
    return one.occurred_at, one.position


def _told(some: Sequence[store.Stored | Denial]) -> Iterable[Entry]:
    decoded = {one.id: _event(one) for one in some if isinstance(one, store.Stored)}
    denied = [one for one in some if isinstance(one, Denial)]
    names = _names([one for one in decoded.values() if one], denied)
    for one in some:
        yield (
            _denial(one, names)
            if isinstance(one, Denial)
            else _entry(one, decoded[one.id], names)
        )


def _event(stored: store.Stored) -> events.Event | None:
    """One that the code cannot read is told by its type alone."""
    try:
        return stored.event
    except events.Unreadable:
        return None


def _entry(stored: store.Stored, event: events.Event | None, names: Names) -> Entry:
    assigned = isinstance(event, events.OfferAssigned)
    return Entry(
        at=stored.occurred_at,
        text=sentence(event, names) if event else stored.type.replace("_", " "),
        what=stored.type,
        raw=msgspec.json.format(stored.data, indent=1),
        offer=event.offer if assigned else None,  # type: ignore[union-attr]
    )


def _denial(row: Denial, names: Names) -> Entry:
    parts = [_part(of, name, why, names) for of, name, why in row.reasons] or [
        because(row.code)
    ]
    told = {"call": row.get_call_display(), "why": "; ".join(parts)}
    text = gettext("Refused when %(call)s: %(why)s") % told
    if row.times > 1:
        text += " " + gettext("(%s times)") % row.times
    raw = {"code": row.code, "reasons": row.reasons, "detail": row.detail}
    return Entry(
        at=row.at,
        text=text,
        what=row.code,
        raw=msgspec.json.format(msgspec.json.encode(raw), indent=1).decode(),
    )


def _part(of: str, name: str, reason: str, names: Names) -> str:
    called = name if of == "code" else f"“{names.strategy(UUID(name))}”"
    told = {"name": called, "why": because(reason)}
    if not reason:
        return called
    if of == "code":
        return gettext("code %(name)s: %(why)s") % told
    return gettext("%(name)s: %(why)s") % told


def _names(some: Sequence[events.Event], denied: Sequence[Denial]) -> Names:
    """Look up what these name: four queries at most."""
    offers = _whose(some)
    wanted = {getattr(one, "strategy", None) for one in some} | {*offers.values()}
    named = [name for row in denied for of, name, _why in row.reasons if of != "code"]
    ids = [one for one in wanted if one] + [UUID(name) for name in named]
    rows = list(Strategy.objects.filter(id__in=ids)) if ids else []
    return Names(
        strategies={row.id: row.called for row in rows},
        variants={
            (row.id, label): str(said(term_words.words(terms, row.currency)))
            for row in rows
            for label, terms in row.terms.items()
        },
        products=_products(some),
        offers=offers,
        codes=_codes(some),
    )


def _whose(some: Iterable[events.Event]) -> dict[UUID, UUID]:
    shown = {one.offer for one in some if isinstance(one, events.OfferShown)}
    rows = Assignment.objects.filter(offer__in=shown).values_list("offer", "strategy")
    return {offer: strategy for offer, strategy in rows if offer} if shown else {}


def _products(some: Iterable[events.Event]) -> dict[str, str]:
    skus: set[str] = set()
    for one in some:
        many: Iterable[Any] = getattr(one, "lines", ()) or getattr(one, "skus", ())
        # Only those that a sentence names are looked
        # up: an order may have hundreds of lines.
        skus |= {getattr(x, "sku", x) for x in islice(many, MOST_NAMED)}
        if isinstance(one, events.Looked):
            skus.add(one.sku)
    rows = Product.objects.filter(sku__in=skus).values_list("sku", "name")
    return dict(rows) if skus else {}


def _codes(some: Iterable[events.Event]) -> dict[UUID, str]:
    used = [one.code for one in some if isinstance(one, events.OfferRedeemed)]
    ids = [code for code in used if code]
    rows = Code.objects.filter(id__in=ids).values_list("id", "text")
    return dict(rows) if ids else {}
