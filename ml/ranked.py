"""How good ranked lists are: pure metrics, one number a list.

A list is a row of item codes, best first, -1 where it is shorter; `truth` holds what
was taken, as sorted keys list * SPAN + item; items the shop cannot rank stay in
`wanted`, the size of each list's truth. Lists nobody wanted anything of are the
caller's to leave out. NDCG comes in two definitions that papers mix: the ideal over
min(k, |T|) (standard), and over all of |T| (`Nrc`: Li et al., TOIS 2023).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.purchases import Codes, Numbers

SPAN = 2**32
Lists = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Quality:
    """Each list's recall, NDCG (both definitions) and whether it hit at all (PHR)."""

    recall: Numbers
    ndcg: Numbers
    ndcg_all: Numbers
    hit: Numbers


def keys(lists: NDArray[Any], items: NDArray[Any]) -> NDArray[np.int64]:
    """Return the pair's keys; item -1 has a key that no truth holds."""
    return np.where(items < 0, -1, lists.astype(np.int64) * SPAN + items)


def hits(top: Lists, truth: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say where each list hit."""
    return np.isin(keys(np.arange(len(top))[:, None], top), truth)


def quality(hit: NDArray[np.bool_], wanted: NDArray[Any]) -> Quality:
    """Judge lists by where they hit; `wanted` >= 1 is the size of each truth."""
    most = hit.shape[1]
    gain = 1 / np.log2(np.arange(2, max(most, int(wanted.max(initial=1))) + 2))
    # Looked up by how much there was to find.
    ideal = np.append(0, np.cumsum(gain))
    got: Numbers = (hit * gain[:most]).sum(1)
    return Quality(
        recall=np.asarray(hit.sum(1) / wanted, np.float64),
        ndcg=got / ideal[np.minimum(wanted, most)],
        ndcg_all=got / ideal[wanted],
        hit=np.asarray(hit.any(1), np.float64),
    )


def share(hit: NDArray[np.bool_], of: NDArray[np.bool_], wanted: NDArray[Any]) -> float:
    """Return the mean recall among hits marked `of`, over all that was wanted.

    Repeat and explore recall add up to recall.
    """
    return float(((hit & of).sum(1) / wanted).mean())


def coverage(top: Lists, products: int) -> float:
    """Return the share of products that stand in any list."""
    return len(np.unique(top[top >= 0])) / max(products, 1)


def distinct(top: Lists, category: Codes) -> float:
    """Count the categories of a list, on average; an unknown one counts as its own."""
    return float(np.mean([len(set(kinds)) for kinds in _kinds(top, category)]))


def unlikeness(top: Lists, category: Codes) -> float:
    """Return the share of a list's pairs from different categories (ILD), averaged."""
    lists = [kinds for kinds in _kinds(top, category) if len(kinds) > 1]
    apart = [1 - _same(kinds) / (len(kinds) * (len(kinds) - 1)) for kinds in lists]
    return float(np.mean(apart)) if apart else 0.0


def _same(kinds: list[int]) -> int:
    counts = np.unique(kinds, return_counts=True)[1]
    return int((counts * (counts - 1)).sum())


def _kinds(top: Lists, category: Codes) -> list[list[int]]:
    # Every unknown kind is another: −1 less the item.
    kinds = np.where(category[top] < 0, -1 - top, category[top])
    return [row[items >= 0].tolist() for row, items in zip(kinds, top, strict=True)]


@dataclass(frozen=True, kw_only=True)
class Gain:
    """A paired difference of means over cut-offs, with its standard error."""

    value: float
    error: float


def gain(ours: list[Numbers], theirs: list[Numbers]) -> Gain:
    """Pair two rankers list by list; each cut-off counts alike.

    Cut-offs' errors are independent in the estimate, though households return in them:
    the spread is that of a mean of per-cut means.
    """
    apart = [a - b for a, b in zip(ours, theirs, strict=True)]
    errors = [d.var(ddof=1) / len(d) for d in apart]
    mean = float(np.mean([d.mean() for d in apart]))
    return Gain(value=mean, error=float(np.sqrt(np.sum(errors)) / len(apart)))
