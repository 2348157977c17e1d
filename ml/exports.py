"""Lay fitted scikit-learn pipelines out as plain arrays, for ml.predictors.

Knows the pipelines of ml.estimators by their steps: a ColumnTransformer of numbers and
the category, then the learner. tests/ml/test_exports holds that both answer alike.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier

from ml.estimators import Calibrated

Arrays = dict[str, Any]
_NODES = ("feature", "threshold", "left", "right", "value")


class NoExport(Exception):
    """Nobody has said yet how this learner is laid out."""


def arrays(pipeline: Pipeline, *, slope: float = 1.0, shift: float = 0.0) -> Arrays:
    """Lay out a fitted pipeline with its calibration, p' = σ(slope·logit p + shift).

    :raises NoExport: for a learner that is not of ml.estimators.CANDIDATES.
    """
    learner: object = pipeline[-1]
    prepared = _prepared(pipeline[0])
    link = {"slope": np.float64(slope), "shift": np.float64(shift)}
    match learner:
        case LogisticRegression():
            return {**prepared, **_linear(pipeline[0], learner), **link}
        case DecisionTreeClassifier():
            return {**prepared, **_averaged([learner]), **link}
        case RandomForestClassifier():
            return {**prepared, **_averaged(learner.estimators_), **link}
        case HistGradientBoostingClassifier():
            return {**prepared, **_boosted(learner), **link}
        case _:
            raise NoExport(type(learner).__name__)


def calibrated(fitted: Calibrated) -> Arrays:
    """Lay out a pipeline with the link that ml.contest gave it."""
    link = fitted.link_
    return arrays(
        fitted.estimator, slope=float(link.coef_[0, 0]), shift=float(link.intercept_[0])
    )


def _prepared(columns: Any) -> Arrays:
    numbers = columns.named_transformers_["numbers"]
    # For the logistic numbers are scaled as well, for trees only clipped.
    clip = numbers[0] if isinstance(numbers, Pipeline) else numbers
    named = {name: spots for name, _, spots in columns.transformers_}
    laid: Arrays = {
        "columns": np.array(named["numbers"], np.int64),
        "low": clip.low_,
        "high": clip.high_,
        "category": np.array(named["category"][0]),
    }
    category = columns.named_transformers_["category"]
    # Sorted, as predictors.Levels looks them up.
    laid["levels"] = np.asarray(category.categories_[0])
    # Of trees; a one-hot level's value is its weight (_linear).
    if hasattr(category, "encodings_"):
        laid["level_values"] = np.asarray(category.encodings_[0], np.float64)
        laid["otherwise"] = np.float64(category.target_mean_)
    return laid


def _linear(columns: Any, learner: LogisticRegression) -> Arrays:
    scaler = columns.named_transformers_["numbers"][1]
    count = len(scaler.mean_)
    return {
        "form": np.array("linear"),
        "mean": scaler.mean_,
        "scale": scaler.scale_,
        "weights": learner.coef_[0, :count].astype(np.float64),
        "level_values": learner.coef_[0, count:].astype(np.float64),
        "otherwise": np.float64(0),
        "intercept": np.float64(learner.intercept_[0]),
    }


def _averaged(trees: list[DecisionTreeClassifier]) -> Arrays:
    parts = []
    for one in trees:
        tree = one.tree_
        # Divided, as values are shares since scikit-learn 1.3 and were counts before.
        share = tree.value[:, 0, 1] / tree.value[:, 0].sum(axis=1)
        parts.append(
            {
                "feature": tree.feature,
                "threshold": tree.threshold,
                "left": tree.children_left,
                "right": tree.children_right,
                "value": share,
            }
        )
    return {**_joined(parts), "base": np.float64(0), "summed": np.array(0)}


def _boosted(learner: HistGradientBoostingClassifier) -> Arrays:
    parts = []
    # scikit-learn has no public way to these trees; of two classes, one a round.
    for (one,) in learner._predictors:
        # Features have no NaN (features.build) and categories come as rates, so where
        # missing values go, and splits by category, need not be laid out.
        nodes = one.nodes
        leaf = nodes["is_leaf"].astype(bool)
        parts.append(
            {
                "feature": nodes["feature_idx"],
                "threshold": nodes["num_threshold"],
                "left": np.where(leaf, -1, nodes["left"].astype(np.int64)),
                "right": np.where(leaf, -1, nodes["right"].astype(np.int64)),
                "value": _means(nodes, leaf),
            }
        )
    base = np.float64(np.ravel(learner._baseline_prediction)[0])
    return {**_joined(parts), "base": base, "summed": np.array(1)}


def _means(nodes: Any, leaf: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Give inner nodes the mean of their rows; children always come after parents."""
    value = nodes["value"].astype(np.float64)
    count = nodes["count"].astype(np.float64)
    for node in np.flatnonzero(~leaf)[::-1]:
        both = [nodes["left"][node], nodes["right"][node]]
        value[node] = np.average(value[both], weights=np.maximum(count[both], 1))
    return np.asarray(value)


def _joined(parts: Sequence[Mapping[str, Any]]) -> Arrays:
    """Put all trees into one set of arrays; leaves become their own children."""
    sizes = [len(part["feature"]) for part in parts]
    roots = np.cumsum([0, *sizes[:-1]]).astype(np.int32)
    laid: Arrays = {"form": np.array("trees"), "roots": roots}
    for name in _NODES:
        laid[name] = np.concatenate([np.asarray(part[name]) for part in parts])
    start = np.repeat(roots, sizes)
    self_ = np.arange(len(start))
    # So all rows walk `depth` steps at once, and nobody asks who has arrived.
    leaf = laid["left"] < 0
    for side in ("left", "right"):
        laid[side] = np.where(leaf, self_, laid[side] + start).astype(np.int32)
    laid["feature"] = np.where(leaf, 0, laid["feature"]).astype(np.int32)
    laid["threshold"] = np.where(leaf, 0.0, laid["threshold"]).astype(np.float64)
    laid["depth"] = np.array(_depth(laid["left"], laid["right"], roots))
    return laid


def _depth(
    left: NDArray[np.int32], right: NDArray[np.int32], roots: NDArray[np.int32]
) -> int:
    """Count the steps from the roots to the deepest leaf."""
    level, steps = roots, 0
    while True:
        inner = level[left[level] != level]
        if not len(inner):
            return steps
        level, steps = np.concatenate([left[inner], right[inner]]), steps + 1
