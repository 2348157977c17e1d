"""The peers of demo.bench.demand, in a Python of their own: pip's statsforecast.

Run with the interpreter of a venv that holds it, and two paths: the panel (.npz: for
each origin `N:weeks`, weekly units, a row a series, nan before its first sale) and
where to write (.npz: for each origin, peer and end `N:peer:mean`, `:low`, `:high`,
a row a series). Intervals are of 80 %. Nothing of Proffer is imported.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from statsforecast.models import AutoARIMA, AutoETS

AHEAD = 4
# No yearly season: from 52 weeks of a series none can be learnt.
PEERS: dict[str, Callable[[], Any]] = {
    "AutoETS": lambda: AutoETS(season_length=1),
    "AutoARIMA": lambda: AutoARIMA(season_length=1),
}


def main(panel: str, answers: str) -> None:
    """Forecast each series from each origin with each peer."""
    told, found = np.load(panel), {}
    for peer, model in PEERS.items():
        started = time.perf_counter()
        for name in told.files:
            ends = np.array([_forecast(model(), row) for row in told[name]])
            for at, end in enumerate(("mean", "low", "high")):
                found[f"{name}:{peer}:{end}"] = ends[:, at]
        found[f"seconds:{peer}"] = np.array(time.perf_counter() - started)
    np.savez(answers, **found)  # type: ignore[arg-type]


def _forecast(model: Any, row: Any) -> Any:
    """Return mean, low and high, shape (3, AHEAD); nothing sells less than nothing."""
    known = row[~np.isnan(row)].astype(np.float64)
    if len(known) < 3:
        return np.full((3, AHEAD), known[-1] if len(known) else 0.0)
    try:
        told = model.forecast(y=known, h=AHEAD, level=[80])
    except Exception:  # a series too short or too flat for it: as the last week was
        return np.full((3, AHEAD), known[-1])
    ends = np.array([told["mean"], told["lo-80"], told["hi-80"]])
    return np.maximum(np.nan_to_num(ends, nan=known[-1]), 0.0)


if __name__ == "__main__":
    main(*sys.argv[1:])
