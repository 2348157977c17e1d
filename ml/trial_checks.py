"""Does a treatment look as if it was given by lot? Two χ² tests that answer in words.

Pure.
"""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2_contingency, chisquare

Floats = NDArray[np.float64]
Texts = NDArray[np.str_]

UNEVEN = 1e-3
"""Below this chance (times the number of columns) arms are said to differ."""
BINS = 5


def shares(given: Texts) -> list[str]:
    """Warn of arms that are nearly, but not by chance, of one size."""
    names, counts = np.unique(given, return_counts=True)
    chance = chisquare(counts).pvalue
    # Arms of 10 and 90 % were meant to differ: only near halves are suspicious.
    near = counts.max() / counts.min() < 1.2
    if not near or chance >= UNEVEN:
        return []
    told = ", ".join(f"{n} {c:,}" for n, c in zip(names, counts, strict=True))
    return [
        f"sample ratio: {told}. If the arms were meant to be equal, rows were lost in"
        f" one of them (chance of this by luck {chance:.1g})"
    ]


def balance(
    x: Floats, columns: Sequence[str], categories: Collection[int], given: Texts
) -> list[str]:
    """Warn of columns whose values differ between arms more than by chance (χ²)."""
    arm = np.unique(given, return_inverse=True)[1]
    chances = [
        _chance(_binned(x[:, n], categorical=n in categories), arm)
        for n in range(len(columns))
    ]
    worst = [
        f"{columns[n]} ({chances[n]:.1g})"
        for n in np.argsort(chances)
        # Bonferroni: of a thousand columns one is below 0.001 by luck.
        if chances[n] * len(columns) < UNEVEN
    ]
    if not worst:
        return []
    return [
        "the treatment does not look randomised: arms differ in "
        + ", ".join(worst[:5])
        + (" …" if len(worst) > 5 else "")
        + " (chance of that by luck). If a column was measured after the treatment,"
        " --exclude it; else the result is not to be trusted"
    ]


def _binned(values: Floats, *, categorical: bool) -> Any:
    """Return small codes: the most frequent values, or fifths; missing is one more."""
    there = ~np.isnan(values)
    found, counts = np.unique(values[there], return_counts=True)
    if categorical or len(found) <= 2 * BINS:
        known = found[np.argsort(-counts)[:50]]
        # −2: all rarer values together; −1, below: missing.
        codes = np.where(np.isin(values, known), np.searchsorted(found, values), -2)
    else:
        edges = np.unique(np.quantile(found.repeat(counts), np.arange(1, BINS) / BINS))
        codes = np.searchsorted(edges, values, side="right")
    return np.unique(np.where(there, codes, -1), return_inverse=True)[1]


def _chance(codes: Any, arm: Any) -> float:
    table = np.zeros((codes.max() + 1, arm.max() + 1))
    np.add.at(table, (codes, arm), 1)
    table = table[table.sum(axis=1) > 0]
    return 1.0 if len(table) < 2 else float(chi2_contingency(table).pvalue)
