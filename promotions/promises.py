"""Promised against measured: what forecasts have been worth so far.

A strategy promises margin before discounts for each customer that it reaches; its arms
say what came, over all goods and with the weeks after. One factor k over all
strategies, measured = k · promised, by weighted least squares with the prior
k ~ N(2/3, 0.3²): of what a promotion sells more in its category about a third was only
bought sooner, or would have been bought elsewhere in the shop (van Heerde, Leeflang and
Wittink 2004, "Decomposing the sales promotion bump"). Where the arms have
taught how customers answer, k is of what is believed now to have come in scope: what
is left over is what would have been bought elsewhere, or later. The next forecasts'
gains are multiplied by it (promotions.value).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from analytics.checks import ALARM
from promotions.models import Calibration, Strategy

USUAL, PRIOR = 2 / 3, 0.3
"""k before anything was measured, and its standard deviation."""


@dataclass(frozen=True, kw_only=True)
class Believed:
    """What a strategy is believed to bring a customer, before discounts.

    `gain` in scope, and `aside` by what being addressed does elsewhere.
    """

    gain: float
    aside: float


@dataclass(frozen=True, kw_only=True)
class Promise:
    """What one strategy promised and what came: margin before discounts, a customer.

    But for what being addressed does elsewhere.
    """

    strategy: Strategy
    promised: float
    measured: float
    error: float


def kept(
    *, at: datetime, believed: Mapping[UUID, Believed] | None = None
) -> list[Promise]:
    """Return the promises whose time is over, and whose arms can be believed.

    `believed`: by strategy, what is believed now; without, it is what was proposed.
    """
    rows = Strategy.objects.exclude(measured={}).select_related("campaign")
    known = believed or {}
    found = (
        _promise(row, known.get(row.id), at)
        for row in rows.order_by("decided_at", "id")
    )
    return [one for one in found if one]


def calibrate(promises: Iterable[Promise], *, at: datetime) -> Calibration:
    """Return the factor, with its 95 % interval."""
    listed = list(promises)
    precision = PRIOR**-2 + sum(one.promised**2 / one.error**2 for one in listed)
    weighed = USUAL * PRIOR**-2 + sum(
        one.promised * one.measured / one.error**2 for one in listed
    )
    half = 1.96 * precision**-0.5
    factor = max(0.0, weighed / precision)
    return Calibration(
        pk=1,
        computed_at=at,
        factor=factor,
        low=factor - half,
        high=factor + half,
        strategies=len(listed),
    )


def refresh(
    believed: Mapping[UUID, Believed] | None = None, *, at: datetime
) -> Calibration:
    """Calibrate anew, and keep it for the next forecasts."""
    made = calibrate(kept(at=at, believed=believed), at=at)
    made.save()
    return made


def _promise(
    strategy: Strategy, believed: Believed | None, at: datetime
) -> Promise | None:
    forecast, measured = strategy.forecast, strategy.measured
    effect: dict[str, Any] = measured.get("effects", {}).get("margin", {})
    begun = strategy.decided_at
    if not (begun and forecast.get("reach") and effect.get("error")):
        return None
    lasts = timedelta(days=forecast.get("days", settings.HORIZON_DAYS))
    if at < min(begun + lasts, strategy.campaign.ends_at):
        return None
    if measured["mismatch"] < ALARM:
        return None
    said = (forecast["margin"] + forecast["cost"]) / forecast["reach"]
    return Promise(
        strategy=strategy,
        promised=said if believed is None else believed.gain,
        measured=effect["value"] - (believed.aside if believed else 0.0),
        error=effect["error"],
    )
