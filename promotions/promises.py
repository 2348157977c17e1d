"""Promised against measured: what forecasts have been worth so far.

A strategy promises margin before discounts for each customer that it reaches; its arms
say what came. One factor k over all strategies, measured = k · promised, by weighted
least squares with the prior k ~ N(1, 0.5²): without evidence forecasts stay as they
are. The lift that the next forecasts rest on is multiplied by it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from analytics.checks import ALARM
from ml import scores
from promotions.models import Calibration, Strategy

PRIOR = 0.5
"""The standard deviation of k before anything was measured."""


@dataclass(frozen=True, kw_only=True)
class Promise:
    """What one strategy promised and what came: margin before discounts, a customer."""

    strategy: Strategy
    promised: float
    measured: float
    error: float


def kept(*, at: datetime) -> list[Promise]:
    """Return the promises whose time is over, and whose arms can be believed."""
    rows = Strategy.objects.exclude(measured={}).select_related("campaign")
    found = (_promise(row, at) for row in rows.order_by("decided_at", "id"))
    return [one for one in found if one]


def calibrate(promises: Iterable[Promise], *, at: datetime) -> Calibration:
    """Return the factor, with its 95 % interval."""
    listed = list(promises)
    precision = PRIOR**-2 + sum(one.promised**2 / one.error**2 for one in listed)
    weighed = PRIOR**-2 + sum(
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


def refresh(*, at: datetime) -> Calibration:
    """Calibrate anew, and keep it for the next forecasts."""
    made = calibrate(kept(at=at), at=at)
    made.save()
    return made


def response() -> scores.Response | None:
    """Return the response to offers that forecasts rest on, as our promises held."""
    found, known = scores.response(), Calibration.objects.filter(pk=1).first()
    if found is None or known is None:
        return found
    k = known.factor
    return replace(found, lift=found.lift * k, low=found.low * k, high=found.high * k)


def _promise(strategy: Strategy, at: datetime) -> Promise | None:
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
    return Promise(
        strategy=strategy,
        promised=(forecast["margin"] + forecast["cost"]) / forecast["reach"],
        measured=effect["value"],
        error=effect["error"],
    )
