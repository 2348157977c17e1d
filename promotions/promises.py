"""Promised against measured: what is missing later of what offers sell.

A strategy's arms say what it brought, over all goods and with the weeks after. What is
believed to have come in scope, by whom lots drew, is more: whoever buys on an offer
needs less afterwards, and less of what could stand in for it, and that is so of those
too who would have bought anyway. One part ρ over all strategies of what was bought on
their offers,

    gain believed in scope − measured = ρ · margin of what was bought on offers,

by weighted least squares with the prior ρ ~ N(0.15, 0.1²), an assumption: it is a third
of the extra sales (van Heerde, Leeflang and Wittink 2004, "Decomposing the sales
promotion bump") where offers make half as many again buy. Forecasts take it off
(promotions.value).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from analytics.checks import ALARM
from promotions.models import Calibration, Strategy
from promotions.sums import WASHOUT

USUAL, PRIOR = 0.15, 0.1
"""ρ before anything was measured, and its standard deviation."""
LEAST = 20
"""Customers in each arm: the variance of fewer may be small by luck, and rule all."""
LONGEST = timedelta(days=42)
"""What is believed is of one horizon; a longer campaign's result is another thing."""


@dataclass(frozen=True, kw_only=True)
class Believed:
    """What a strategy is believed to bring a customer, before discounts.

    `gain` in scope, `aside` by what being addressed does elsewhere; `sold`: the margin
    of all that is bought on its offers.
    """

    gain: float
    aside: float
    sold: float


@dataclass(frozen=True, kw_only=True)
class Promise:
    """What one strategy is believed to have sold, and how much of that is missing.

    Margin before discounts, a customer; `error` is the standard error of `missing`.
    """

    strategy: Strategy
    sold: float
    missing: float
    error: float


def kept(*, at: datetime, believed: Mapping[UUID, Believed]) -> list[Promise]:
    """Return what became of strategies with a final result and sound arms."""
    rows = Strategy.objects.exclude(measured={}).select_related("campaign")
    found = (
        _promise(row, believed[row.id], at)
        for row in rows.order_by("decided_at", "id")
        if row.id in believed
    )
    return [one for one in found if one]


def calibrate(promises: Iterable[Promise], *, at: datetime) -> Calibration:
    """Return ρ, with its 95 % interval."""
    listed = list(promises)
    # A line through the origin: missing = ρ · sold, each weighed by 1 / error²; the
    # prior is one more observation of ρ, USUAL with the error PRIOR.
    precision = PRIOR**-2 + sum(one.sold**2 / one.error**2 for one in listed)
    weighed = USUAL * PRIOR**-2 + sum(
        one.sold * one.missing / one.error**2 for one in listed
    )
    half = 1.96 * precision**-0.5
    factor = weighed / precision
    return Calibration(
        # One row: the next look replaces it.
        pk=1,
        computed_at=at,
        factor=factor,
        low=factor - half,
        high=factor + half,
        strategies=len(listed),
    )


def refresh(believed: Mapping[UUID, Believed], *, at: datetime) -> Calibration:
    """Calibrate anew, and keep it for the next forecasts."""
    made = calibrate(kept(at=at, believed=believed), at=at)
    made.save()
    return made


def _promise(strategy: Strategy, believed: Believed, at: datetime) -> Promise | None:
    measured = strategy.measured
    effect: dict[str, Any] = measured.get("effects", {}).get("margin", {})
    begun = strategy.decided_at
    # An error that is unknown, or 0 of arms without any spread, has no weight to give.
    if not (begun and effect.get("error")):
        return None
    ends = strategy.campaign.ends_at
    # Until then the result is not final: what was only bought
    # sooner is not missing yet.
    if at < ends + WASHOUT or ends - begun > LONGEST:
        return None
    if min(measured["treatment"], measured["control"]) < LEAST:
        return None
    if measured["mismatch"] < ALARM:
        return None
    return Promise(
        strategy=strategy,
        sold=believed.sold,
        missing=believed.gain + believed.aside - effect["value"],
        error=effect["error"],
    )
