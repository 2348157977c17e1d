"""Where our prices stand beside competitors': counted every hour, by a worker.

Each matched product has a row (Position): both prices, what was sold lately, since when
we are undercut, whether a promotion of theirs runs. All of it can be counted again.

Histories are read of those alone whose prices moved since the last count, as the log
has it: a row knows how far the log had been read. Others keep what was found.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import transaction

from analytics import events, order_exports, store
from catalog import episodes, pricing
from catalog.competitors import MATCHED, STALE, doubts, histories
from catalog.episodes import Step
from catalog.history import steps_of
from catalog.mirrors import lock, mirror
from catalog.models import CompetitorProduct, Match, Position, Product

SOLD_IN = timedelta(days=28)
BACK = timedelta(days=400)
"""So far back histories are read."""
NAMES = (
    *("product_id", "sku", "category", "currency", "ours", "theirs", "cost", "units"),
    *("fresh", "undercut_since", "promotion_since", "usual", "depth", "counted_at"),
    "read_to",
)
BLOCK = 1000
"""Products whose histories are held at a time."""
MOVES = ("price_changed", "competitor_price_changed")


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A competitor's product and ours, which has a price in the same currency."""

    theirs: CompetitorProduct
    ours: Product
    price: Decimal
    doubtful: bool = False


def count(*, at: datetime) -> int:
    """Count all positions; return how many there are."""
    # Before anything is read: what moves meanwhile is read again by the next count.
    read_to = store.high_water()
    pairs, known = list(_pairs()), Position.objects.exclude(read_to=0).in_bulk()
    sold = order_exports.units_sold(at - SOLD_IN, at)
    moved = _moved(known, read_to)
    found = {
        one.theirs.pk: kept
        for one in pairs
        if (kept := _kept(one, known.get(one.theirs.pk), moved, at))
    }
    anew = [one for one in pairs if one.theirs.pk not in found]
    for start in range(0, len(anew), BLOCK):
        found |= _read(anew[start : start + BLOCK], at)
    rows = [_row(one, sold, found[one.theirs.pk], at, read_to) for one in pairs]
    with transaction.atomic():
        lock("catalog_position")
        mirror("catalog_position", NAMES, rows, key=["product_id"])
        Position.objects.exclude(product__in=[row[0] for row in rows]).delete()
    return len(rows)


@dataclass(frozen=True, kw_only=True)
class Past:
    """What histories tell of a pair, up to now."""

    undercut_since: datetime | None
    promotion_since: datetime | None = None
    usual: Decimal | None = None
    depth: float | None = None


Key = str | tuple[str, str]


def _moved(known: Mapping[int, Position], read_to: int) -> set[Key]:
    """Return what moved since the last count: our skus, and theirs by competitor."""
    after = min((row.read_to for row in known.values()), default=read_to)
    found: set[Key] = set()
    for stored in store.read(after=after, until=read_to, types=MOVES):
        match stored.event:
            case events.PriceChanged(sku=sku):
                found.add(sku)
            case events.CompetitorPriceChanged(competitor=competitor, product=product):
                found.add((competitor, product))
            case _:
                pass
    return found


def _kept(
    pair: Pair, was: Position | None, moved: Collection[Key], at: datetime
) -> Past | None:
    """Return what was found before; None if histories have to be read."""
    theirs, sku = pair.theirs, pair.ours.sku
    # Matched with another one since, or sold in other money: other histories.
    if was is None or was.sku_id != sku or was.currency != theirs.currency:
        return None
    if sku in moved or (theirs.competitor, theirs.product) in moved:
        return None
    # It may be fresh again, though no price moved.
    if _undercuts(pair, at) and was.undercut_since is None:
        return None
    # By time alone a promotion becomes a new price.
    if was.promotion_since is None or at - was.promotion_since > episodes.LONGEST:
        return Past(undercut_since=was.undercut_since)
    return Past(
        undercut_since=was.undercut_since,
        promotion_since=was.promotion_since,
        usual=was.usual,
        depth=was.depth,
    )


def _read(pairs: Sequence[Pair], at: datetime) -> dict[int, Past]:
    ours = steps_of({one.ours.sku for one in pairs}, since=at - BACK)
    theirs = histories([one.theirs.pk for one in pairs], since=at - BACK)
    return {
        one.theirs.pk: _told(
            one, ours.get(one.ours.sku, []), theirs.get(one.theirs.pk, []), at
        )
        for one in pairs
    }


def _told(
    pair: Pair, ours: Sequence[Step], theirs: Sequence[Step], at: datetime
) -> Past:
    since = None
    if _undercuts(pair, at):
        # Histories may begin after it: then their price is all that is known.
        since = episodes.undercut_since(ours, theirs, at=at) or pair.theirs.since
    running = [one for one in episodes.promotions(theirs, at=at) if one.end is None]
    if not running:
        return Past(undercut_since=since)
    last = running[-1]
    return Past(
        undercut_since=since,
        promotion_since=last.start,
        usual=last.usual,
        depth=last.depth,
    )


def _fresh(pair: Pair, at: datetime) -> bool:
    theirs = pair.theirs
    return theirs.available and not pair.doubtful and at - theirs.seen_at <= STALE


def _undercuts(pair: Pair, at: datetime) -> bool:
    return _fresh(pair, at) and pair.theirs.price < pair.price


def _pairs() -> Iterator[Pair]:
    doubtful = {one.product for one in doubts()}
    matches = Match.objects.filter(state__in=MATCHED).select_related("product", "sku")
    for match in matches.order_by("product"):
        ours, theirs = match.sku, match.product
        # Another currency is matched, but not compared: no rate of exchange is made up.
        if ours is None or ours.price is None or ours.currency != theirs.currency:
            continue
        doubt = theirs.pk in doubtful
        yield Pair(theirs=theirs, ours=ours, price=ours.price, doubtful=doubt)


def _row(
    pair: Pair, sold: Mapping[str, float], past: Past, at: datetime, read_to: int
) -> tuple[object, ...]:
    mine, other, price = pair.ours, pair.theirs, pair.price
    return (
        *(other.pk, mine.sku, mine.category, mine.currency, price, other.price),
        pricing.unit_cost(price, mine.cost, settings.ASSUMED_MARGIN),
        # Units a week.
        sold.get(mine.sku, 0.0) / (SOLD_IN / timedelta(weeks=1)),
        _fresh(pair, at),
        past.undercut_since if _undercuts(pair, at) else None,
        *(past.promotion_since, past.usual, past.depth, at, read_to),
    )
