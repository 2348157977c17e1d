"""The queue of matches: a competitor's product beside ours, confirmed or rejected.

One by one and by keys: 1 to 3 choose, Enter confirms, N says none, S shows the next.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from analytics import clock
from catalog import match_reviews, sizes
from catalog.models import CompetitorProduct, Match, Product
from catalog.sizes import Size
from promotions.feed_pages import allow
from promotions.market_pages import price, shown

MOST_SKIPPED = 100


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One of ours beside theirs; what theirs does not say is marked."""

    sku: str
    name: SafeString
    facts: list[tuple[str, str]]
    likelihood: str


def review_page(request: HttpRequest) -> HttpResponseBase:
    """Show the next match that waits, or take a person's word on one."""
    allow(request, "catalog.view_match")
    if request.method == "POST":
        allow(request, "catalog.change_match")
        return _decided(request)
    skipped = _numbers(request.GET.get("skip", ""))
    queue = match_reviews.waiting()
    row = queue.exclude(product__in=skipped).first()
    page: dict[str, Any] = {
        "title": _("Review of matches"),
        "left": queue.count(),
        "skip": ",".join(map(str, skipped)),
        "done": _number(request.GET.get("done", "")),
        "may": request.user.has_perm("catalog.change_match"),
    }
    if row is not None:
        page |= _beside(row, skipped)
    return shown(request, "review", page)


def _decided(request: HttpRequest) -> HttpResponseBase:
    said, product = request.POST.get("word", ""), _number(request.POST.get("product"))
    by, at = request.user.get_username(), clock.now()
    sku = request.POST.get("sku", "")
    try:
        match said:
            case "confirm":
                match_reviews.confirm(product, sku, by=by, at=at)
            case "reject":
                match_reviews.reject(product, by=by, at=at)
            case "undo":
                match_reviews.reopen(product, by=by, at=at)
            case _:
                pass
    except match_reviews.NotThere:
        messages.error(request, _("It is not there any more."))
    told = {"skip": request.POST.get("skip", "")}
    if said in ("confirm", "reject"):
        told["done"] = str(product)
    query = urlencode({name: text for name, text in told.items() if text})
    return redirect(f"{reverse('market-review')}?{query}" if query else "market-review")


def _number(text: str | None) -> int:
    told = text or ""
    # isdigit alone takes ² too, which int refuses; a bigint has room for 18 digits.
    return int(told) if told.isascii() and told.isdigit() and len(told) < 18 else 0


def _numbers(text: str) -> list[int]:
    found = [_number(one) for one in text.split(",")]
    return [one for one in found if one][-MOST_SKIPPED:]


def _beside(row: Match, skipped: Iterable[int]) -> dict[str, Any]:
    theirs = row.product
    chances = {str(one["sku"]): float(one["likelihood"]) for one in row.others}
    products = Product.objects.in_bulk(list(chances))
    known = [products[sku] for sku in chances if sku in products]
    words = _words(f"{theirs.name} {theirs.brand} {theirs.size}")
    # The first is the likeliest (Match.others): beside it theirs are marked.
    said = _words(_text(known[0])) if known else words
    return {
        "row": row,
        "theirs": _marked(theirs.name, said),
        "their_facts": _facts(theirs),
        "link": theirs.url,
        "candidates": [
            Candidate(
                sku=one.sku,
                name=_marked(one.name, words),
                facts=_facts(one),
                likelihood=f"{100 * chances[one.sku]:.0f} %",
            )
            for one in known
        ],
        "next": ",".join(map(str, [*skipped, row.pk])),
    }


def _text(one: Product) -> str:
    return f"{one.name} {one.brand} {one.size}"


def _words(text: str) -> set[Any]:
    return {_meant(*piece) for piece in sizes.pieces(text)}


def _meant(word: str, size: Size | None) -> Any:
    """Return what a word means: 100g and 100 g are the same, and so is 0.1 kg."""
    if size is None:
        return word.casefold().strip(",")
    return size.amount.normalize(), size.unit, size.packs


def _marked(name: str, said: set[Any]) -> SafeString:
    """Return a name with the words marked that the other side does not have."""
    return format_html_join(
        " ",
        "{}",
        [
            (word if _meant(word, size) in said else _mark(word),)
            for word, size in sizes.pieces(name)
        ],
    )


def _mark(word: str) -> SafeString:
    return format_html("<mark>{}</mark>", word)


def _facts(one: Product | CompetitorProduct) -> list[tuple[str, str]]:
    told = [
        (_("Brand"), one.brand),
        (_("Size"), one.size),
        ("GTIN", one.gtin),
        (_("Maker's number"), one.mpn),
        (_("Price"), price(one.price, one.currency)),
    ]
    if isinstance(one, Product):
        told += [(_("Category"), one.category), (_("Sku"), one.sku)]
    else:
        told += [(_("Competitor"), one.competitor), (_("Their id"), one.product)]
    return [(name, text or "–") for name, text in told]
