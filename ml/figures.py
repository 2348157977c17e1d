"""What a model's page and the catalogue of features show, from stored figures alone.

Look-ups: training wrote the figures into the model's row and its run's report.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from ml import meanings, product_meanings, redemption, registry
from ml.meanings import Feature
from ml.models import PROPENSITY, RANKING, TrainedModel

SHOWN = 15
"""Effects in sight; the others unfold."""
SIDE = 100.0
"""Of the square that a calibration curve is drawn in."""
MEANINGS: Mapping[str, Mapping[str, Feature]] = {
    PROPENSITY: meanings.FEATURES,
    RANKING: product_meanings.PRODUCTS,
}
CATEGORY = gettext_noop("which category it is, whoever the customer")
UNITS: Mapping[str, Any] = {
    PROPENSITY: gettext_lazy(
        "mean of |contribution|, over customers and categories of the newest cut-off; "
        "log-odds, of a tree and a forest probabilities"
    ),
    RANKING: gettext_lazy("log-odds for one standard deviation of the feature"),
}


@dataclass(frozen=True, kw_only=True)
class Effect:
    """One feature's effect; `width` is in per cent of the strongest."""

    feature: str
    meaning: str
    strength: float
    width: int
    direction: str


@dataclass(frozen=True, kw_only=True)
class Point:
    """Promised and happened shares of a bin, and where it is drawn."""

    promised: float
    happened: float
    rows: int
    x: float
    y: float


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A feature in the catalogue; no `effect`: the champion does not go by it."""

    name: str
    feature: Feature
    effect: Effect | None = None

    @property
    def words(self) -> tuple[str, str, str]:
        """Say its meaning, its level and what stands for a missing value."""
        one = self.feature
        return _(one.meaning), _(one.level), _(one.rule)


@dataclass(frozen=True, kw_only=True)
class Section:
    """A task's features; no `champion`: none is in charge."""

    title: str
    says: str
    champion: TrainedModel | None
    features: Sequence[Listed]

    @property
    def measured(self) -> bool:
        """Whether the champion's row holds its effects."""
        return any(one.effect for one in self.features)


def effects(model: TrainedModel) -> list[Effect]:
    """Return the stored effects, strongest first; none for an older model."""
    stored: list[dict[str, Any]] = model.metrics.get("effects", [])
    strongest = max((one["strength"] for one in stored), default=0.0) or 1.0
    known = MEANINGS.get(model.task, {})
    return [
        Effect(
            feature=one["feature"],
            meaning=_meaning(known, one["feature"]),
            strength=one["strength"],
            width=round(100 * one["strength"] / strongest),
            direction=one["direction"],
        )
        for one in stored
    ]


def calibration(model: TrainedModel) -> list[Point]:
    """Lay the calibration table out in a square, lowest first."""
    table: list[dict[str, float]] = model.metrics.get("calibration", [])
    # The square ends at the highest chance, or rare purchases crowd in its corner.
    most = max((max(b["promised"], b["happened"]) for b in table), default=0.0) or 1.0
    return [
        Point(
            promised=one["promised"],
            happened=one["happened"],
            rows=int(one["rows"]),
            x=round(SIDE * one["promised"] / most, 1),
            y=round(SIDE - SIDE * one["happened"] / most, 1),
        )
        for one in table
    ]


def page(model: TrainedModel) -> dict[str, Any]:
    """Return what a model's page shows."""
    found, report = effects(model), model.run.report if model.task == PROPENSITY else {}
    return {
        "effects": found[:SHOWN],
        "more_effects": found[SHOWN:],
        "unit": UNITS.get(model.task, ""),
        "calibration": calibration(model),
        "report": report,
        "cuts": model.metrics.get("cuts", []),
        "ranks": model.task == RANKING,
    }


def catalogue() -> list[Section]:
    """Return every feature with its meaning, and what each champion goes by."""
    return [
        _section(
            _("Propensity"), _("Will this customer buy of this category?"), PROPENSITY
        ),
        _section(_("Ranking"), _("Will this product be in the next basket?"), RANKING),
        Section(
            title=_("Redemption"),
            says=_("Will this customer use a coupon of this campaign?"),
            champion=None,
            features=[
                Listed(name=name, feature=one)
                for name, one in redemption.FEATURES.items()
            ],
        ),
    ]


def _section(title: str, says: str, task: str) -> Section:
    try:
        champion = registry.champion(task)
    except registry.NoChampion:
        champion = None
    found = {one.feature: one for one in effects(champion)} if champion else {}
    return Section(
        title=title,
        says=says,
        champion=champion,
        features=[
            Listed(name=name, feature=one, effect=found.get(name))
            for name, one in MEANINGS[task].items()
        ],
    )


def _meaning(known: Mapping[str, Feature], name: str) -> str:
    if name == "category":
        return _(CATEGORY)
    return _(known[name].meaning) if name in known else ""
