"""Different things on one list: maximal marginal relevance over categories.

MMR (Carbonell and Goldstein, SIGIR 1998): each place takes the candidate with the best
score less a price for every candidate of its category already taken. Relevance falls
from 1 (best) to 0 (the last of the pool) before the price, so that `price` means the
same for every customer.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.purchases import Codes, Numbers

POOL = 100


def diverse(
    score: Numbers, category: Codes, *, most: int, price: float = 0.0
) -> NDArray[Any]:
    """Return the places of the `most` chosen, best first; category -1 never repeats."""
    pool = best(score, max(POOL, most) if price else most)
    if not price or len(pool) < 2:
        return pool[:most]
    value = score[pool]
    value = (value - value[-1]) / max(value[0] - value[-1], 1e-12)
    kinds = category[pool]
    chosen = []
    for _ in range(min(most, len(pool))):
        spot = int(np.argmax(value))
        chosen.append(pool[spot])
        if kinds[spot] >= 0:
            value = value - price * (kinds == kinds[spot])
        value[spot] = -np.inf
    return np.array(chosen)


def best(score: Numbers, most: int) -> NDArray[Any]:
    """Return the places of the highest scores, highest first, ties by place.

    A score of -inf is never chosen.
    """
    places = np.flatnonzero(score > -np.inf)
    # All that tie at the edge stay in, so that the stable sort parts them by place.
    if len(places) > 4 * most:
        edge = np.partition(score[places], -most)[-most]
        places = places[score[places] >= edge]
    return places[np.argsort(-score[places], kind="stable")][:most]
