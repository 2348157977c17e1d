"""Factor models and two towers in the next-basket table. Worker only.

Each is fitted at every cut-off to what was known then, scores the cut-off's candidates
alone, and joins the ranker as two features: the score as it is, and less the
customer's mean. Learning libraries are loaded only for who is asked for.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ml import bags, factorisation, protocols, shelves
from ml.neighbours import HALF_LIFE, decayed
from ml.protocols import Trial
from ml.purchases import Numbers, Pairs, Purchases, pairs
from ml.vectors import Vectors

RANK = 64
"""Of NMF, as in decision 15."""
ROUNDS = 60
TAUGHT = range(2, 14)
"""The weeks before a cut-off whose purchases teach the towers; the last one checks."""
Table = Sequence[Mapping[str, Numbers]]


def compared(
    names: Sequence[str],
    past: Purchases,
    trials: Sequence[Trial],
    *,
    day: float,
    customers: int,
    products: int,
    seed: int,
) -> Table:
    """Return, for each judged cut-off, the scores of its candidates by model's name.

    `trials` is what protocols.rolling returned for `day`. For each of `names` there is
    the model alone and the ranker with it.
    """
    told: list[dict[str, Numbers]] = [{} for _ in trials]
    for name in names:
        days = protocols.days(day, len(trials))
        alone = [
            _scores(name, past.before(at), one, at, customers, products, seed)
            for at, one in zip(days, trials, strict=True)
        ]
        joined = [_joined(one, score) for one, score in zip(trials, alone, strict=True)]
        rankers = [ranker for _, ranker in protocols.judged(joined)]
        # The first cut-offs only teach: no ranker is judged there.
        first = len(trials) - len(rankers)
        for spot, ranker in enumerate(rankers, first):
            told[spot][name] = alone[spot]
            told[spot][f"ranker + {name}"] = ranker.scores(joined[spot].x)
    return told[-protocols.CUTS :]


def _joined(trial: Trial, score: Numbers) -> Trial:
    who = trial.rows.customer
    count = np.maximum(np.bincount(who), 1)
    # A factor model's scores differ in level by customer; a logistic sees one scale.
    apart = score - (np.bincount(who, score) / count)[who]
    columns = [trial.x, score.astype(np.float32), apart.astype(np.float32)]
    return replace(trial, x=np.column_stack(columns))


def _scores(
    name: str,
    past: Purchases,
    trial: Trial,
    day: float,
    customers: int,
    products: int,
    seed: int,
) -> Numbers:
    """Fit one model to the past, and score the trial's candidates."""
    coded = shelves.recoded(past, trial.shelf.products, products)
    # What the ranker does not rank, they do not learn.
    coded = coded.where(coded.product >= 0)
    found = MODELS[name](coded, trial, day, customers, seed)
    rows = trial.rows
    mine, theirs = found.customers[rows.customer], found.items[rows.product]
    return np.asarray(np.einsum("ij,ij->i", mine, theirs), np.float64)


def _pairs(coded: Purchases, day: float) -> Pairs:
    return pairs(coded, coded.product, day=day)


def _als(
    coded: Purchases, trial: Trial, day: float, customers: int, seed: int
) -> Vectors:
    from ml import implicit_feedback

    mine, shape = _pairs(coded, day), (customers, len(trial.shelf.products))
    weight = decayed(mine, HALF_LIFE)
    told = implicit_feedback.strengths(mine.customer, mine.item, weight, shape)
    return implicit_feedback.als(told, seed=seed)


def _bpr(
    coded: Purchases, trial: Trial, day: float, customers: int, seed: int
) -> Vectors:
    from ml import implicit_feedback

    mine, shape = _pairs(coded, day), (customers, len(trial.shelf.products))
    told = csr_matrix((mine.orders(), (mine.customer, mine.item)), shape)
    return implicit_feedback.bpr(told, seed=seed)


def _nmf(
    coded: Purchases, trial: Trial, day: float, customers: int, seed: int
) -> Vectors:
    mine, shape = _pairs(coded, day), (customers, len(trial.shelf.products))
    told = csr_matrix((np.log1p(mine.orders()), (mine.customer, mine.item)), shape)
    found = factorisation.factorise(told, RANK, seed=seed, rounds=ROUNDS)
    return Vectors(customers=_floats(found.rows), items=_floats(found.columns))


def _towers(
    coded: Purchases, trial: Trial, day: float, customers: int, seed: int
) -> Vectors:
    from ml import two_tower

    weeks = [day - 7 * back for back in TAUGHT]

    def told(days: Sequence[float]) -> bags.Examples:
        return bags.examples(coded, coded.product, days=days, customers=customers)

    content = {"category": trial.shelf.category}
    found = two_tower.train(told(weeks), told([day - 7]), content, seed=seed)
    now = bags.bags(coded, coded.product, day=day, customers=customers)
    return found.vectors(now)


def _floats(matrix: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(matrix, np.float32)


MODELS: Mapping[str, Callable[[Purchases, Trial, float, int, int], Vectors]] = {
    "als": _als,
    "bpr": _bpr,
    "nmf": _nmf,
    "towers": _towers,
}
