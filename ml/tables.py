"""Every protocol's tables for the orders that the log holds: `manage.py evaluate`.

Each protocol lays its cut-offs back from the last complete day of the orders that were
read (ml.evaluated), so that the tables speak of the same weeks. A protocol that
cannot be run gives a sheet with a note in place of rows, and says by `missing` whether
that is for want of history. Nothing is stored and no model is promoted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import numpy as np

from analytics.wording import Wording
from catalog.models import Product
from ml import (
    basket_trials,
    campaigns,
    challengers,
    content_trials,
    enough,
    evaluated,
    listings,
    market,
    market_groups,
    market_trials,
    protocols,
    sentences,
    shelves,
    splits,
    stranger_trials,
    tones,
    trials,
)
from ml.codes import day_of, recoded
from ml.evaluated import Shop
from ml.listings import Listing
from ml.purchases import Numbers
from ml.splits import Splits, TooLittleHistory
from ml.trials import Mask, Table

SEARCH_SECONDS = 12.0
"""CPU seconds that the search of one propensity candidate's settings may take."""


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """One table; `missing` when there was too little history for it."""

    protocol: str
    title: str
    who: str
    rows: Table
    note: str = ""
    missing: bool = False


def run(shop: Shop, protocol: str) -> list[Sheet]:
    """Run one of PROTOCOLS; a sheet for each table and each group of customers."""
    try:
        return PROTOCOLS[protocol](shop)
    except TooLittleHistory as error:
        return [_note(protocol, str(error), missing=True)]


def _parts(shop: Shop) -> tuple[Splits, list[str]]:
    """Return the rows of each cut-off, and the categories that are asked for."""
    history = shop.history
    sold = np.unique(shop.goods.category)
    out = set(range(len(history.categories))) - set(sold.tolist())
    asked = splits.most_bought(
        history,
        # As a training chooses: by what sold before any cut-off that is foretold.
        at=shop.plan.before(shop.plan.rolling[0])[-1],
        exclude=frozenset(history.categories[code] for code in out),
        most=splits.CATEGORIES,
    )
    parts = splits.split(history, plan=shop.plan, categories=asked)
    return parts, asked


def _propensity(shop: Shop) -> list[Sheet]:
    parts, asked = _parts(shop)
    seed = shop.order.seed
    told = trials.entrants(parts, seed=seed, seconds=SEARCH_SECONDS)
    title = f"Propensity: {len(asked)} categories"
    return _sheets(
        shop, "propensity", title, lambda one: trials.tabled(told, parts, apart=one)
    )


def _market(shop: Shop) -> list[Sheet]:
    parts, asked = _parts(shop)
    groups = _groups(shop, parts, asked)
    rows = market_trials.tabled(parts, groups, seed=shop.order.seed)
    title = f"Market features: {len(asked)} categories"
    return [Sheet(protocol="market", title=title, who=evaluated.EVERYBODY, rows=rows)]


def _content(shop: Shop) -> list[Sheet]:
    goods, products = shop.goods, shop.history.products
    cuts = protocols.days(shop.day, protocols.ROLLING)
    # First, and not after all texts are encoded.
    enough.insist(goods, "Content", cuts)
    texts = _texts(products)
    # Products share texts (the demo's 92,333 have 20,633): each is read once.
    known, place = np.unique(texts, return_inverse=True)
    vectors = sentences.encode(known.tolist())
    ranks = content_trials.ranking(goods, vectors[place], day=shop.day, **shop.size)
    parts, asked = _parts(shop)
    names = sentences.encode([name.lower() for name in asked])
    chances = content_trials.propensity(
        parts, content_trials.likeness(names), seed=shop.order.seed
    )
    return [
        Sheet(protocol="content", title=title, who=evaluated.EVERYBODY, rows=rows)
        for title, rows in (
            ("Listings in ranking", ranks),
            (f"Listings in propensity: {len(asked)} categories", chances),
        )
    ]


def _texts(skus: Sequence[str]) -> list[str]:
    said = ("sku", "name", "category", "brand", "size", "description")
    rows = Product.objects.filter(sku__in=skus).values_list(*said)
    listed = {
        sku: listings.described(Listing(**dict(zip(said[1:], told, strict=True))))
        for sku, *told in rows
    }
    return [listed.get(sku, "") for sku in skus]


def _groups(
    shop: Shop, parts: Splits, asked: Sequence[str]
) -> dict[str, dict[str, dict[datetime, Numbers]]]:
    """Return each group's columns by cut-off; without data at one it is as usual, 0."""
    known = (shop.history.categories, list(asked))
    past = recoded(shop.history.purchases, categories=known)
    found: dict[str, dict[str, dict[datetime, Numbers]]] = {}
    nothing = np.zeros(len(asked))
    for cut in parts.rows:
        # The counts end with the day before the cut-off, so weekdays are told from
        # there.
        counts = market.daily(past, day=day_of(cut), categories=len(asked))
        yesterday = (cut - timedelta(days=1)).weekday()
        around = market_groups.signals(cut, moved=shop.order.moved_days)
        columns = {
            group: {
                name: market.foretold(counts, one, last_weekday=yesterday)
                for name, one in some.items()
            }
            for group, some in around.items()
        }
        beside = market_groups.prices(cut, list(asked))
        if beside is not None:
            columns["prices"] = {"price_index": beside[:, 0], "undercut": beside[:, 1]}
        opinions = tones.said(cut, list(asked))
        if opinions is not None:
            columns["opinions"] = dict(zip(tones.COLUMNS, opinions.T, strict=True))
        for group, some in columns.items():
            for name, values in some.items():
                # A group that one cut-off lacks is 0 there: the same columns at all of
                # them.
                at = found.setdefault(group, {}).setdefault(
                    name, dict.fromkeys(parts.rows, nothing)
                )
                at[cut] = values
    return found


def _redemption(shop: Shop) -> list[Sheet]:
    found = campaigns.read(shop.history, until=shop.until)
    if not found:
        return [
            _note(
                "redemption", Wording("The log holds no campaigns of the shop's own.")
            )
        ]
    past = shop.history.purchases
    customers = len(shop.history.customers)
    teaching, tested = trials.parted(found, since=past.day.min(), until=shop.day)
    if not teaching or not tested:
        raise TooLittleHistory(
            Wording(
                "Redemption needs %(tested)s ended campaigns, and others that "
                "ended before those began; the log holds %(found)s campaigns.",
                tested=trials.TESTED,
                found=len(found),
            )
        )
    title = f"Coupon redemption: {len(teaching)} campaigns teach, {len(tested)} tested"
    return _sheets(
        shop,
        "redemption",
        title,
        lambda one: trials.coupons(
            past, found, customers=customers, known_until=shop.day, apart=one
        ),
    )


def _next_basket(shop: Shop) -> list[Sheet]:
    cuts = protocols.days(shop.day, protocols.ROLLING)
    enough.insist(shop.goods, "Next basket", cuts)
    asked = list(protocols.rolling(shop.goods, day=shop.day, **shop.size))
    judged = list(protocols.judged(asked))
    how: dict[str, Any] = {"day": shop.day, "seed": shop.order.seed, **shop.size}
    others = challengers.compared(shop.order.challengers, shop.goods, asked, **how)
    told = {
        name: basket_trials.next_basket(judged, day=shop.day, apart=mask, others=others)
        for name, mask in shop.who.items()
    }
    return [
        Sheet(protocol="next-basket", title=title, who=name, rows=tables[spot])
        for name, tables in told.items()
        for spot, title in enumerate(("Next basket", "Next basket: paired gains"))
    ]


def _last_basket(shop: Shop) -> list[Sheet]:
    goods = shop.goods.before(np.inf)  # what never went back
    counts = np.bincount(goods.product, minlength=shop.size["products"])
    usual = goods.where(counts[goods.product] >= shelves.RARE)
    enough.customers(
        "Last basket", "with five orders", enough.regulars(usual, orders=5)
    )
    trial, ranker = protocols.last_basket(goods, **shop.size)
    made = partial(basket_trials.last_basket, trial, ranker)
    return _sheets(shop, "last-basket", "Last basket", made)


def _cold_start(shop: Shop) -> list[Sheet]:
    back = range(1, basket_trials.TAUGHT + 2)
    enough.insist(
        shop.goods, "Cold start", [shop.day - protocols.HORIZON * one for one in back]
    )
    told = basket_trials.beginners(shop.goods, day=shop.day, **shop.size)
    made = partial(basket_trials.cold_start, told)
    return _sheets(shop, "cold-start", "Cold start", made)


def _strangers(shop: Shop) -> list[Sheet]:
    cuts = protocols.days(shop.day, protocols.CUTS)
    enough.insist(shop.goods, "Strangers", cuts)
    how: dict[str, Any] = {"day": shop.day, "seed": shop.order.seed, **shop.size}
    rows = stranger_trials.tabled(stranger_trials.judged(shop.goods, **how))
    if not rows:
        raise TooLittleHistory(
            Wording("Strangers need first orders of four ranked products.")
        )
    title = "Strangers: recall by products given"
    return [
        Sheet(protocol="strangers", title=title, who=evaluated.EVERYBODY, rows=rows)
    ]


def _sheets(
    shop: Shop, protocol: str, title: str, made: Callable[[Mask | None], Table]
) -> list[Sheet]:
    return [
        Sheet(protocol=protocol, title=title, who=name, rows=made(mask))
        for name, mask in shop.who.items()
    ]


def _note(protocol: str, note: str, *, missing: bool = False) -> Sheet:
    title = protocol.replace("-", " ").capitalize()
    told = {"protocol": protocol, "title": title, "who": evaluated.EVERYBODY}
    return Sheet(**told, rows=[], note=note, missing=missing)


PROTOCOLS: Mapping[str, Callable[[Shop], list[Sheet]]] = {
    "propensity": _propensity,
    "market": _market,
    "content": _content,
    "redemption": _redemption,
    "next-basket": _next_basket,
    "last-basket": _last_basket,
    "cold-start": _cold_start,
    "strangers": _strangers,
}
