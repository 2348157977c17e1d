"""What may be said to a customer of a recommended product, and when it is true. Pure.

A reason needs three things: its feature raised the score, it did so by lying on the
side of the average candidate that the words speak of, and the words are true.
The second is no matter of course: of features that say nearly the same, a ranker plays
one off against the other, so that *not* having been bought for long may raise a score.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import log, log1p

from ml.served import SESSION_PART, Recommended

Values = Mapping[str, float]
"""Of ml.baskets.FEATURES, on their scale."""
OFTEN = 3
MANY = 0.2
"""A fifth of the orders are many."""
LATELY = 28
SINCE = 91
BEST = 10
"""Favourites are the first ten, and bought twice."""
DUE = 0.75
"""Of the usual time between two orders of the product."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """Words that are true if `holds`; `low` if they speak of a small value."""

    words: str
    holds: Callable[[Values], bool]
    low: bool = False


def _bought(at_least: int) -> Callable[[Values], bool]:
    return lambda of: of["orders"] >= log1p(at_least) - 1e-6


def _within(days: int) -> Callable[[Values], bool]:
    return lambda of: bool(of["orders"]) and of["recency"] < log1p(days)


def _share(name: str) -> Callable[[Values], bool]:
    # The features are log(share + 0.01).
    return lambda of: _within(SINCE)(of) and of[name] >= log(MANY + 0.01)


def _ranked(name: str) -> Callable[[Values], bool]:
    return lambda of: of[name] < log1p(BEST) and _bought(2)(of)


def _due(of: Values) -> bool:
    return _bought(2)(of) and of["due"] >= log1p(DUE)


def _regular(of: Values) -> bool:
    return _bought(OFTEN)(of) and _within(SINCE)(of)


def _near(of: Values) -> bool:
    """Say whether any neighbour bought it; the feature is log(score + 1e-4)."""
    return of["near"] > log(1.1e-4)


def _always(of: Values) -> bool:
    return True


def _high(words: str, holds: Callable[[Values], bool]) -> Said:
    return Said(words=words, holds=holds)


def _low(words: str, holds: Callable[[Values], bool]) -> Said:
    return Said(words=words, holds=holds, low=True)


FAVOURITE, OF_LATE = "among your favourites", "among your favourites of late"
CHOSEN = "goes with what you look at or have in the cart"
LIKE_YOU = "bought by customers like you"
REASONS: Mapping[str, Said] = {
    "orders": _high("bought often", _bought(OFTEN)),
    "orders_28": _high("bought in the last weeks", _within(28)),
    "orders_91": _high("bought in the last months", _within(91)),
    "fresh_15": _high("bought lately", _within(LATELY)),
    "fresh_40": _high("bought lately", _within(LATELY)),
    "fresh_100": _high("bought regularly", _regular),
    "share": _high("in many of your orders", _share("share")),
    "share_fresh": _high("in many of your recent orders", _share("share_fresh")),
    "share_fresh_30": _high("in many of your recent orders", _share("share_fresh_30")),
    "share_since": _high("bought again and again", _bought(OFTEN)),
    "due": _high("it may be time to buy it again", _due),
    "due_off": _low("it may be time to buy it again", _due),
    "last_visit": _high("in your last order", lambda of: of["last_visit"] > 0),
    "last_three": _high("in your last orders", lambda of: of["last_three"] > 0),
    "to_best": _high(FAVOURITE, _ranked("rank")),
    "to_best_30": _high(OF_LATE, _ranked("rank_30")),
    "rank": _low(FAVOURITE, _ranked("rank")),
    "rank_30": _low(OF_LATE, _ranked("rank_30")),
    "near": _high(LIKE_YOU, _near),
    "near_to_best": _high(LIKE_YOU, _near),
    "near_rank": _low(LIKE_YOU, _near),
    "popular": _high("popular in the shop", _always),
    "kept": _high("a product that people buy again", _always),
    SESSION_PART: _high(CHOSEN, _always),
}
"""One that is not named here is never given as a reason: `blend`, for instance, is the
own orders and the neighbours' together, and does not say which."""


def reasons(one: Recommended, *, most: int = 2) -> list[str]:
    """Return the words for what raised a score most, each once."""
    raised = sorted(one.parts, key=lambda name: -one.parts[name])
    words = [
        said.words
        for name in raised
        if one.parts[name] > 0
        and (said := REASONS.get(name))
        and (name in one.above) != said.low
        and said.holds(one.values)
    ]
    return list(dict.fromkeys(words))[:most]
