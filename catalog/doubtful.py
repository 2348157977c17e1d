"""What people say of doubtful prices: one is right, or it was misread.

Who says that it is right has seen it a second time, so that it is doubted no more. What
was misread becomes what was asked before, from the same moment on, or cannot be had if
nothing was; so the history is read from the log as ever. Seen again, it is doubted
again.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from analytics import events, store
from catalog import competitors
from catalog.competitor_feeds import ASKED
from catalog.mirrors import lock
from catalog.models import CompetitorPrice, CompetitorProduct

INSTANT = timedelta(microseconds=1)


class NotDoubtful(Exception):
    """It is not doubted any more, or another price was seen since."""


def confirm(product: int, seen_at: datetime, *, by: str, at: datetime) -> None:
    """Say that a price that was seen once is right.

    :raises NotDoubtful: nobody doubts it any more.
    """
    with transaction.atomic():
        row = _doubted(product, seen_at)
        # Doubts are prices with seen_at <= since: an instant later it was seen twice.
        row.seen_at = max(at, row.since + INSTANT)
        row.save(update_fields=["seen_at"])
        store.append([_judged(row, seen_at, right=True, by=by)], at=at)


def discard(product: int, seen_at: datetime, *, by: str, at: datetime) -> None:
    """Say that a price that was seen once was misread: what was before goes on.

    :raises NotDoubtful: nobody doubts it any more.
    """
    with transaction.atomic():
        row = _doubted(product, seen_at)
        judged, moment = _judged(row, seen_at, right=False, by=by), row.since
        changed = _taken_back(row)
        store.append_new(
            [store.Fact(event=changed, at=moment), store.Fact(event=judged, at=at)]
        )


def _taken_back(row: CompetitorProduct) -> events.CompetitorPriceChanged:
    """Put what was asked before in place of a product's last price, in its history."""
    money, misread = row.currency, row.price
    points = CompetitorPrice.objects.filter(product=row)
    before = points.filter(at__lt=row.since).order_by("-at").first()
    asked: dict[str, Any] = {name: getattr(before or row, name) for name in ASKED}
    if before is None:
        asked["available"] = False
    # In its place: `recount`, too, lets the later event of a moment count.
    points.filter(at=row.since).update(**asked)
    news = asked | {"since": before.at if before else row.since}
    CompetitorProduct.objects.filter(pk=row.pk).update(**news)
    return events.CompetitorPriceChanged(
        competitor=row.competitor,
        product=row.product,
        was=misread if money == asked["currency"] else None,
        **asked,
    )


def _doubted(product: int, seen_at: datetime) -> CompetitorProduct:
    # A feed that brings another price waits, and so does who says the same.
    lock("catalog_competitorproduct")
    known = {one.product: one.seen_at for one in competitors.doubts()}
    if known.get(product) != seen_at:
        raise NotDoubtful
    return CompetitorProduct.objects.get(pk=product)


def _judged(
    row: CompetitorProduct, seen_at: datetime, *, right: bool, by: str
) -> events.CompetitorPriceJudged:
    return events.CompetitorPriceJudged(
        competitor=row.competitor,
        product=row.product,
        price=row.price,
        currency=row.currency,
        seen_at=seen_at,
        right=right,
        by=by,
    )
