"""The referee and the peers of demo.bench.uplift, in a Python of their own.

Run with the interpreter of a venv that holds scikit-uplift, causalml and econml, and
paths of splits (.npz): prints each learner's Qini as JSON, a line a split. Nothing of
Proffer is imported. Numbers are scaled, categories one-hot; boosting has safe settings
(100 trees, rate .05, 8 leaves, 100 rows a leaf), not the libraries' defaults.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from causalml.inference.meta import BaseDRRegressor, BaseSRegressor, BaseXRegressor
from econml.dml import LinearDML
from econml.dr import LinearDRLearner
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklift.metrics import qini_auc_score
from sklift.models import ClassTransformation, SoloModel, TwoModels

BOOSTING = {
    "n_estimators": 100,
    "learning_rate": 0.05,
    "num_leaves": 8,
    "min_child_samples": 100,
    "n_jobs": 1,
    "verbose": -1,
}
Arrays = tuple[Any, Any, Any, Any]


def main(split: str) -> None:
    """Score ours, fit and score theirs."""
    told = np.load(split)
    rest = told["rest"]
    y, treated = told["y"][rest].astype(int), told["treated"][rest].astype(int)

    def score(uplift: Any) -> float:
        return float(qini_auc_score(y, np.asarray(uplift).ravel(), treated))

    names = told["names"].tolist()
    ours = {name: score(told["told"][:, n]) for n, name in enumerate(names)}
    arrays = _arrays(told)
    theirs = {name: score(peer(*arrays)) for name, peer in PEERS.items()}
    print(json.dumps({"ours": ours, "theirs": theirs}))  # noqa: T201


def _arrays(told: Any) -> Arrays:
    """Return x, y and treated to learn from, and x of the test part."""
    frame = pd.DataFrame(
        told["x"], columns=[f"x{n}" for n in range(told["x"].shape[1])]
    )
    names = [f"x{n}" for n in told["categories"]]
    frame = pd.get_dummies(frame, columns=names, dtype=float)
    scaled = StandardScaler().fit_transform(frame)
    frame = pd.DataFrame(scaled, columns=frame.columns)
    learn, rest = told["learn"], told["rest"]
    x, test = frame.iloc[learn].reset_index(drop=True), frame.iloc[rest]
    y = pd.Series(told["y"][learn].astype(int))
    treated = pd.Series(told["treated"][learn].astype(int))
    return x, y, treated, test.reset_index(drop=True)


def _logistic() -> Any:
    return LogisticRegression(max_iter=1000)


def _sklift(model: Callable[[], Any]) -> Callable[..., Any]:
    return lambda x, y, t, test: model().fit(x, y, t).predict(test)


def _causalml(model: Callable[[], Any]) -> Callable[..., Any]:
    def fit(x: Any, y: Any, t: Any, test: Any) -> Any:
        # The trial was randomised: the propensity is known, and need not be fitted.
        share = np.full(len(x), t.mean())
        rows = np.full(len(test), t.mean())
        fitted = model()
        fitted.fit(x.to_numpy(), t.to_numpy(), y.to_numpy(), p=share)
        return fitted.predict(test.to_numpy(), p=rows)

    return fit


def _econml(model: Callable[[], Any]) -> Callable[..., Any]:
    def fit(x: Any, y: Any, t: Any, test: Any) -> Any:
        fitted = model()
        fitted.fit(y.to_numpy(), t.to_numpy(), X=x.to_numpy())
        return fitted.effect(test.to_numpy())

    return fit


PEERS = {
    "sklift S logistic, interactions": _sklift(
        lambda: SoloModel(_logistic(), method="treatment_interaction")
    ),
    "sklift T logistic": _sklift(lambda: TwoModels(_logistic(), _logistic())),
    "sklift class transformation, logistic": _sklift(
        lambda: ClassTransformation(_logistic())
    ),
    "sklift S LightGBM": _sklift(lambda: SoloModel(LGBMClassifier(**BOOSTING))),
    "causalml S LightGBM": _causalml(lambda: BaseSRegressor(LGBMRegressor(**BOOSTING))),
    "causalml X LightGBM": _causalml(lambda: BaseXRegressor(LGBMRegressor(**BOOSTING))),
    "causalml DR LightGBM": _causalml(
        lambda: BaseDRRegressor(LGBMRegressor(**BOOSTING))
    ),
    "econml linear DML": _econml(
        lambda: LinearDML(
            model_y=_logistic(),
            model_t=_logistic(),
            discrete_outcome=True,
            discrete_treatment=True,
            random_state=0,
        )
    ),
    "econml linear DR": _econml(
        lambda: LinearDRLearner(
            model_regression=_logistic(),
            model_propensity=_logistic(),
            discrete_outcome=True,
            random_state=0,
        )
    ),
}


if __name__ == "__main__":
    for path in sys.argv[1:]:
        main(path)
