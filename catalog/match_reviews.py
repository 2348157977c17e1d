"""What people say of matches: confirm one, or say that it is none of ours."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from analytics import events, store
from catalog.models import Match, Product

State = Match.State
MOST_REFUSED = 50


class NotThere(Exception):
    """There is no such match, or no such product of ours."""


def waiting() -> QuerySet[Match]:
    """Return what waits for a person, the likeliest first."""
    rows = Match.objects.filter(state=State.WAITING).select_related("product", "sku")
    return rows.order_by("-likelihood", "product_id")


def confirm(product: int, sku: str, *, by: str, at: datetime) -> Match:
    """Say that a competitor's product is this one of ours.

    :raises NotThere: one of both is not known.
    """
    if "\0" in sku or not Product.objects.filter(sku=sku).exists():
        raise NotThere(f"There is no product {sku!r}.")
    return _decide(product, sku, State.CONFIRMED, by, at)


def reject(product: int, *, by: str, at: datetime) -> Match:
    """Say that a competitor's product is none of those that were proposed, nor another.

    :raises NotThere: it is not known.
    """
    return _decide(product, None, State.REJECTED, by, at)


def reopen(product: int, *, by: str, at: datetime) -> Match:
    """Take a person's word back: it waits again, with what was proposed."""
    return _decide(product, None, State.WAITING, by, at)


def _decide(product: int, sku: str | None, state: str, by: str, at: datetime) -> Match:
    with transaction.atomic():
        rows = Match.objects.select_for_update(of=["self"]).select_related("product")
        row = rows.filter(product=product).first()
        if row is None:
            raise NotThere("There is no such match.")
        named = {str(one["sku"]) for one in row.others}
        if state == State.REJECTED:
            # The newest last: what was refused just now is never dropped.
            before = [sku for sku in row.refused if sku not in named]
            row.refused = [*before, *sorted(named)][-MOST_REFUSED:]
        elif state == State.WAITING:
            sku, row.refused = _first(row), []
            state = State.WAITING if sku else State.NONE
        row.sku_id, row.state, row.by, row.at = sku, state, by, at
        if state == State.CONFIRMED and sku not in named:
            row.how = Match.How.PERSON
        row.save()
        told = events.CompetitorMatched(
            competitor=row.product.competitor,
            product=row.product.product,
            sku=sku,
            state=state,
            how=row.how,
            by=by,
        )
        store.append([told], at=at)
    return row


def _first(row: Match) -> str | None:
    known = [str(one["sku"]) for one in row.others]
    found = set(Product.objects.filter(sku__in=known).values_list("sku", flat=True))
    return next((sku for sku in known if sku in found), None)
