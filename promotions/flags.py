"""What is wrong with live strategies, seen from their sums: flags for operators.

A flag says so only where it would hold at every look (confidence sequences), since they
are looked at every quarter of an hour. Nothing is stopped by a flag alone: see
promotions.standing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from analytics.alerts import Alert
from analytics.checks import ALARM
from promotions.models import StandingRule, Strategy

Kind = StandingRule.Flag
FAST = Decimal("0.25")
"""Budgets are spent faster than time passes by so much of the whole: too fast."""


@dataclass(frozen=True, kw_only=True)
class Flag:
    """One thing that is wrong with a strategy, in words."""

    kind: StandingRule.Flag
    strategy: Strategy
    text: str


def raised(*, at: datetime) -> list[Flag]:
    """Return all flags of the live strategies."""
    live = Strategy.objects.filter(state=Strategy.State.LIVE)
    rows = live.select_related("campaign").order_by("id")
    return [flag for row in rows for flag in of(row, at=at)]


def of(strategy: Strategy, *, at: datetime) -> list[Flag]:
    """Return one strategy's flags."""
    told = [*_measured(strategy), *_pace(strategy, at)]
    return [Flag(kind=kind, strategy=strategy, text=text) for kind, text in told]


def current(at: datetime) -> list[Alert]:
    """Return the flags as alerts."""
    return [
        Alert(
            code=f"strategy_{flag.kind.value}",
            about=str(flag.strategy.id),
            text=f"{flag.strategy.title}: {flag.text}",
            table="promotions_strategy",
        )
        for flag in raised(at=at)
    ]


Told = Iterator[tuple[StandingRule.Flag, str]]


def _measured(strategy: Strategy) -> Told:
    known: dict[str, Any] = strategy.measured
    if not known.get("always"):
        return
    if known["mismatch"] < ALARM:
        text = _("the arms' sizes are not as drawn (p = %.5f): believe no effect")
        yield Kind.MISMATCH, text % known["mismatch"]
        return
    profit, watched = known["always"], known["watched"]
    if _below(profit, 0.0):
        text = _("it certainly loses profit: %.2f for each customer at best")
        yield Kind.HARM, text % profit["high"]
    elif _below(profit, _promised(strategy)):
        text = _("it certainly brings less than promised: %.2f at best")
        yield Kind.PROMISE, text % profit["high"]
    for kind, name, text in (
        (Kind.RETURNS, "returned", _("more goes back: %.2f at least, a customer")),
        (Kind.REFUSALS, "refusals", _("more refuse offers: %.3f at least, a customer")),
    ):
        if watched[name]["low"] is not None and watched[name]["low"] > 0:
            yield kind, text % watched[name]["low"]


def _below(effect: dict[str, Any], least: float | None) -> bool:
    high = effect["high"]
    return high is not None and least is not None and high < least


def _promised(strategy: Strategy) -> float | None:
    """Return the profit that was promised for each customer, once its time is over."""
    if not strategy.decided_at:
        return None
    until = datetime.fromisoformat(strategy.measured["until"])
    over = strategy.forecast.get("days", settings.HORIZON_DAYS)
    return strategy.promised if (until - strategy.decided_at).days >= over else None


def _pace(strategy: Strategy, at: datetime) -> Told:
    campaign = strategy.campaign
    whole = campaign.ends_at - campaign.starts_at
    passed = Decimal(max(0.0, (at - campaign.starts_at) / whole))
    used = (strategy.spent + strategy.reserved) / (strategy.budget or Decimal(1))
    if used > passed + FAST:
        text = _("%(used).0f %% of its budget is spent in %(passed).0f %% of the time")
        yield Kind.PACE, text % {"used": used * 100, "passed": passed * 100}
