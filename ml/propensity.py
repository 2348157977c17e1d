"""What customers are expected to buy unprompted, from a model's plain arrays.

One evaluation for training's own figures, the night and one live customer in the web
process. Pure NumPy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ml import features, predictors, reasons
from ml.artefacts import Artefact
from ml.context import Context
from ml.predictors import Calibrated, Rates
from ml.purchases import Numbers, Purchases
from ml.reasons import Average, Why
from ml.wordings import SAID

KIND = "propensity"
PRIOR_WINDOWS = 2.0
"""So many windows at the category's mean are mixed into a customer's own. Between 1 and
2 the next window's spend was foretold best (mean error 4.08 of 7.44; 4.53 by the mean
alone)."""


class Outdated(ValueError):
    """The model was trained on another version of the features."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """Customers × categories: P(buys within the horizon), spend given that they do."""

    probability: Numbers
    spend: Numbers


@dataclass(frozen=True, kw_only=True)
class PropensityModel:
    """A fitted classifier with the categories and the world it was trained in."""

    categories: tuple[str, ...]
    context: Context
    predictor: Calibrated
    average: Average

    @classmethod
    def of(cls, artefact: Artefact) -> Self:
        """Read a model file.

        :raises Outdated: it knows other features than this code builds.
        """
        if artefact.kind != KIND:
            raise Outdated(f"A {artefact.kind} model foretells no purchases.")
        known = artefact.header["features_version"]
        if known != features.FEATURES_VERSION:
            raise Outdated(
                f"The model knows features {known}, "
                f"the code {features.FEATURES_VERSION}."
            )
        return cls(
            categories=tuple(artefact.header["categories"]),
            context=Context.of(artefact.arrays),
            predictor=predictors.read(artefact.arrays),
            average=Average.of(artefact.arrays),
        )

    def built(
        self,
        past: Purchases,
        *,
        day: float,
        customers: int,
        context: Context | None = None,
    ) -> NDArray[np.float32]:
        """Build the features; `past` is coded by the model's categories."""
        return features.build(
            past,
            day=day,
            customers=customers,
            categories=len(self.categories),
            context=context or self.context,
        )

    def expected(
        self, rows: NDArray[np.float32], *, context: Context | None = None
    ) -> Expected:
        """Evaluate rows of `built`; who never ordered gets the categories' rates.

        A model learnt from regulars would take "no orders" for a lapsed customer;
        purchase rates are learnt from all, and know what it means.
        """
        count = len(self.categories)
        named = features.columns_of(rows)
        x = features.matrix(rows, categories=count)
        unknown = named["customer_orders_all"] == 0
        unknown &= not isinstance(self.predictor.inner, Rates)
        chance = self.predictor.probability(x)
        probability = np.where(unknown, named["category_rate_28"], chance)
        typical = (context or self.context).column("category_spend")
        spend = _spend(named, np.tile(typical, len(rows) // count))
        shape = (-1, count)
        return Expected(
            probability=probability.reshape(shape), spend=spend.reshape(shape)
        )

    def why(
        self, rows: NDArray[np.float32], places: Sequence[int], *, most: int = 3
    ) -> list[Why]:
        """Explain some rows of `built`; nothing about who never ordered."""
        nothing = Why(raised=(), lowered=())
        if not len(self.average.chance):
            return [nothing] * len(places)
        values, shares, average = self._compared(rows, np.asarray(places, np.int64))
        told = reasons.why(values, shares, average, most=most)
        known = features.columns_of(values)["customer_orders_all"] > 0
        return [
            one if is_known else nothing
            for one, is_known in zip(told, known, strict=True)
        ]

    def sayable(
        self, rows: NDArray[np.float32], chance: Numbers, *, most: int = 2
    ) -> NDArray[np.int64]:
        """Return (rows, most) numbers of wordings.SAID, -1 for none: see `likelier`."""
        out = np.full((len(rows), most), -1)
        places = self.likelier(rows, chance)
        for start in range(0, len(places), predictors.ROWS):
            some = places[start : start + predictors.ROWS]
            out[some] = reasons.found(
                *self._compared(rows, some), sign=1, most=most, facts=SAID
            )
        return out

    def likelier(self, rows: NDArray[np.float32], chance: Numbers) -> NDArray[np.int64]:
        """Find the rows of known customers above the average chance of the category."""
        if not len(self.average.chance):
            return np.zeros(0, np.int64)
        known = features.columns_of(rows)["customer_orders_all"] > 0
        # np.resize repeats the categories for each customer; the array's own method
        # fills with zeros.
        usual = np.resize(self.average.chance, len(rows))
        return np.flatnonzero(known & (chance.ravel() > usual))

    def _compared(
        self, rows: NDArray[np.float32], places: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], Numbers, Numbers]:
        """Return values, contributions and the average's values of some rows."""
        category = places % len(self.categories)
        values = rows[places]
        # The entity is no feature: any number will do.
        x = np.column_stack([np.zeros(len(places)), category, values])
        told = self.predictor.contributions(x.astype(np.float32))[:, 2:]
        return (
            values,
            told - self.average.shares[category],
            self.average.values[category],
        )


def artefact(
    *,
    predictor: Mapping[str, Any],
    categories: tuple[str, ...],
    context: Context,
    average: Average,
) -> Artefact:
    """Lay a model out for its file; `predictor` comes from ml.exports."""
    return Artefact(
        kind=KIND,
        header={
            "categories": list(categories),
            "features": list(features.COLUMNS),
            "features_version": features.FEATURES_VERSION,
        },
        arrays={**predictor, **context.arrays(), **average.arrays()},
    )


def _spend(named: Mapping[str, NDArray[Any]], typical: Numbers) -> Numbers:
    """Average the customer's windows with a purchase, shrunk to the category's mean."""
    own = named["spend_168"].astype(np.float64)
    windows = named["windows_6"].astype(np.float64)
    spend = (own + PRIOR_WINDOWS * typical) / (windows + PRIOR_WINDOWS)
    # To the cent, as ml_score keeps it: night and live agree.
    return np.asarray(np.round(np.maximum(spend, 0.0), 2), np.float64)
