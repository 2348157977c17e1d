"""What is believed of how customers answer offers, for whoever prices them.

Before anything was tried it comes from the shop's own past campaigns (ml.response), or
from what discounts on the shelf did (ml.demand): observational both, so doubted twice
as much as they doubt themselves. A shop with neither has an assumption. From then on
the arms of its own strategies teach (promotions.experience).
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import msgspec
import numpy as np
from django.conf import settings
from django.db.models import Sum
from numpy.typing import NDArray

from catalog.models import Product
from ml import lift_fits, lifts, scores
from ml.lifts import Posterior, Prior, Types
from promotions.beliefs import Habit, Response
from promotions.models import Calibration, Learnt
from promotions.promises import PRIOR, USUAL
from promotions.scopes import COST, MONEY

Floats = NDArray[np.float64]
DRAWS = 48
SEED = 20_260_601
"""Draws are the same in every process, so that choices can be made again."""
USUAL_DEPTH = 0.10
ASSUMED = 0.30, 0.30
"""The lift at the usual depth, and its standard error, where the log says nothing."""
DOUBLED = 2.0
"""What was observed, and not drawn by lot, is doubted so many times as much."""
LEAST_ERROR = 0.15
USE = 0.8
"""What of their offers buyers in scope are given, where the log says nothing."""


def believed(*, draws: int = DRAWS) -> Response:
    """Read what is believed now."""
    row = Learnt.objects.order_by("-computed_at").first()
    known = Calibration.objects.filter(pk=1).first()
    later = (known.factor, known.error) if known else (USUAL, PRIOR)
    return of(row or _untaught(), later, draws=draws)


def settled(*, at: datetime) -> Response:
    """Return what is believed now, and see to it that it can be read for ever."""
    if not Learnt.objects.exists():
        keep(lift_fits.untaught(prior()), Habit(use=use()), {}, at=at)
    return believed()


def of(row: Learnt, later: tuple[float, float], *, draws: int = DRAWS) -> Response:
    """Return a row as prices need it; `later` is ρ and its standard error."""
    posterior, (mean, error) = read(row.body), later
    luck = np.random.default_rng(SEED).standard_normal(draws)
    return Response(
        id=row.id,
        posterior=posterior,
        usual=Habit(use=row.use),
        habits={kind: Habit(use=u, stretch=r) for kind, (u, r) in row.habits.items()},
        thetas=posterior.sample(draws, seed=SEED),
        # Less their mean, so that the draws' mean is ρ itself: 48 draws alone would be
        # off by a seventh of the error.
        later=mean + error * (luck - luck.mean()),
        later_by=later,
    )


def keep(
    posterior: Posterior, usual: Habit, habits: Mapping[str, Habit], *, at: datetime
) -> Learnt:
    """Put a posterior in force, and how customers buy under each kind of offer."""
    row = _row(posterior, usual, habits, at)
    row.save()
    return row


def _untaught() -> Learnt:
    # Not saved: its id is of the content alone, so
    # the row that `settled` keeps has the same.
    at = datetime.min.replace(tzinfo=UTC)
    return _row(lift_fits.untaught(prior()), Habit(use=use()), {}, at)


def _row(
    posterior: Posterior, usual: Habit, habits: Mapping[str, Habit], at: datetime
) -> Learnt:
    body = written(posterior)
    by_kind = {kind: [one.use, one.stretch] for kind, one in sorted(habits.items())}
    # Named by its content: the same belief is the same row, learnt twice or not.
    text = json.dumps([body, usual.use, by_kind], sort_keys=True)
    return Learnt(
        id=sha256(text.encode()).hexdigest(),
        computed_at=at,
        basis=posterior.basis,
        seen=posterior.seen,
        use=usual.use,
        habits=by_kind,
        body=body,
    )


def prior() -> Prior:
    """Return what the log suggests before any lot was drawn."""
    # Of 25 planted campaigns that did nothing,
    # the response still said +0.07 (decision 10).
    found, elasticities = scores.response(), scores.elasticities()
    # An elasticity is d log units / d log price: at 10 % off, log-odds rise by a tenth
    # of its size, as long as chances are small.
    slopes = {name: -one.value * USUAL_DEPTH for name, one in elasticities.items()}
    usual = float(np.median(list(slopes.values()))) if slopes else 0.0
    # Shelf prices say how categories differ; at most half of that is believed.
    leaning = {name: (slope - usual) / 2 for name, slope in slopes.items()}
    if found:
        # Back from the 95 % interval to a standard error.
        error = DOUBLED * (found.high - found.low) / (2 * 1.96)
        return Prior(
            lift=found.lift,
            error=max(LEAST_ERROR, error),
            depth=found.depth,
            basis="observational",
            leaning=leaning,
        )
    lift, error = (usual, max(LEAST_ERROR, DOUBLED * usual)) if slopes else ASSUMED
    return Prior(
        lift=lift,
        error=error,
        depth=USUAL_DEPTH,
        basis="observational" if slopes else "assumed",
        leaning=leaning,
    )


def use() -> float:
    """Return what of their offers buyers in scope are given, before any were tried."""
    found = scores.response()
    return found.use if found else USE


def rates() -> Mapping[str, float]:
    """Return each category's margin rate, over what is on sale there."""
    shelf = Product.objects.filter(price__gt=0, currency=settings.CURRENCY)
    rows = shelf.values("category").annotate(
        worth=Sum("price", output_field=MONEY), costs=COST
    )
    return {row["category"]: float(1 - row["costs"] / row["worth"]) for row in rows}


def written(posterior: Posterior) -> dict[str, Any]:
    """Write a posterior as JSON."""
    body = asdict(posterior)
    lists = {name: body[name].tolist() for name in ("base", "mean", "covariance")}
    lists["types"] = {name: one.tolist() for name, one in body["types"].items()}
    return dict(msgspec.to_builtins(body | lists))


def read(body: Mapping[str, Any]) -> Posterior:
    """Return the posterior that `written` wrote."""
    return Posterior(
        design=msgspec.convert(body["design"], lifts.Design),
        depth=body["depth"],
        basis=body["basis"],
        leaning=body["leaning"],
        base=np.array(body["base"]),
        mean=np.array(body["mean"]),
        covariance=np.array(body["covariance"]),
        address=body["address"],
        types=Types(**{name: np.array(one) for name, one in body["types"].items()}),
        spread=(body["spread"][0], body["spread"][1]),
        seen=body["seen"],
    )
