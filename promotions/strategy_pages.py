"""What a strategy's page shows: promise, checks, what came of it, who said what."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from django.utils.translation import gettext, pgettext_lazy

from analytics import clock, store
from analytics.languages import reread, said
from analytics.models import Customer
from analytics.wording import revived
from catalog import pricing
from promotions import (
    backtest_pages,
    feedback,
    findings,
    guards_now,
    histories,
    measurement,
    phrases,
    price_pages,
    proposals,
)
from promotions.models import Feedback, Strategy

STEPS = {
    "strategy_proposed": pgettext_lazy("step", "proposed"),
    "strategy_approved": pgettext_lazy("step", "approved"),
    "strategy_returned": pgettext_lazy("step", "requested changes"),
    "strategy_rejected": pgettext_lazy("step", "rejected"),
    "strategy_paused": pgettext_lazy("step", "paused"),
    "strategy_resumed": pgettext_lazy("step", "resumed"),
    "strategy_ended": pgettext_lazy("step", "ended"),
    "strategy_commented": pgettext_lazy("step", "said"),
    "prices_rolled": pgettext_lazy("step", "prices moved"),
}
MOST_BEFORE = 3
"""Versions before, whose decisions a page shows too."""


def page(strategy: Strategy, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return what the decision page shows; of prices the part that is asked for."""
    now = proposals.said(strategy)
    before = strategy.replaces
    dropped, added = (
        phrases.changes(proposals.said(before), now) if before else ([], [])
    )
    return {
        "strategy": strategy,
        "standing": standing(strategy)[1],
        "spent": pricing.rounded(strategy.spent, strategy.currency),
        "budget": pricing.rounded(strategy.budget, strategy.currency),
        "sentences": list(map(said, phrases.sentences(now))),
        "dropped": list(map(said, dropped)),
        "added": list(map(said, added)),
        "tried": _tried(strategy),
        "past_weeks": None if strategy.prices else backtest_pages.section(strategy),
        "choices": backtest_pages.CHOICES,
        "measured": _measured(strategy),
        "checks": (checks := [_check(one) for one in _checks(strategy)]),
        "failing": sum(not one["passed"] for one in checks),
        "runs": (strategy.campaign.ends_at - strategy.campaign.starts_at).days,
        "feedback": [] if strategy.prices else _feedback(strategy),
        "successors": (successors := list(strategy.successors.order_by("version"))),
        "versionable": proposals.versionable(strategy, successors),
        "history": _steps(histories.history(strategy)),
        "before": [
            (old, _steps(steps))
            for old, steps in islice(histories.before(strategy), MOST_BEFORE)
        ],
        "examples": [] if strategy.prices else _examples(strategy),
        "prices": price_pages.page(strategy, asked) if strategy.prices else None,
    }


def standing(strategy: Strategy) -> tuple[str, str]:
    """Return its state, and for a live one whether its campaign runs at all."""
    campaign, at = strategy.campaign, clock.now()
    if strategy.state == Strategy.State.LIVE and campaign.ends_at <= at:
        return "over", gettext("over")
    if strategy.state == Strategy.State.LIVE and campaign.starts_at > at:
        return "scheduled", gettext("scheduled")
    return strategy.state, str(strategy.get_state_display())


def _tried(strategy: Strategy) -> dict[str, Any] | None:
    """Return what came of past baskets, for the page."""
    tried: dict[str, Any] = strategy.forecast.get("tried", {})
    if not tried:
        return None
    share = 100 * tried["touched"] / max(1, tried["baskets"])
    return tried | {
        "reached": f"{share:.1f}",
        "lasts": _lasts(strategy, Decimal(tried["cost"])),
        "worst": f"{100 * float(tried['worst']):.1f}",
        "kept": f"{100 * float(tried['kept']):.1f}",
        "seen": datetime.fromisoformat(tried["at"]),
    }


def _measured(strategy: Strategy) -> list[findings.Finding]:
    """Return what was measured when it was last summed up, in two sentences."""
    result = measurement.read(strategy.measured)
    if result is None:
        return []
    return [
        *findings.sizes(result),
        findings.earned(result, strategy.currency),
    ]


def _lasts(strategy: Strategy, cost: Decimal) -> str | None:
    """Return for how much of the campaign the budget lasts, if not for all."""
    if strategy.trigger == "offer" or cost <= strategy.budget:
        return None
    return f"{strategy.budget / cost:.0%}"


def _checks(strategy: Strategy) -> list[dict[str, Any]]:
    """Return the guards, those of this moment as they are now while it waits."""
    if strategy.state == Strategy.State.PROPOSED:
        return guards_now.checks(strategy, at=clock.now())
    stored: list[dict[str, Any]] = strategy.guards
    return stored


def _check(guard: Mapping[str, Any]) -> dict[str, Any]:
    """Say a guard in the operator's language; what was stored before is English."""
    kept = guard.get("said")
    detail = said(revived(kept)) if kept else reread(guard["detail"])
    return {**guard, "name": gettext(guard["name"]), "detail": detail}


def _feedback(strategy: Strategy) -> list[tuple[Any, int]]:
    """Return how many customers said what of it; nothing while nobody said anything."""
    told = feedback.counts(strategy.id)
    rows = [(label, told[word]) for word, label in Feedback.Word.choices]
    return rows if any(told.values()) else []


def _steps(steps: list[store.Stored]) -> list[tuple[Any, ...]]:
    return [
        (step.occurred_at, getattr(step.event, "by", ""), _step(step), step.event)
        for step in steps
        # It comes with each proposal, and would say it twice.
        if step.type != "prices_proposed"
    ]


def _step(step: store.Stored) -> str:
    """Say what a decision was."""
    return str(STEPS.get(step.type, step.type))


def _examples(strategy: Strategy) -> list[tuple[Customer | None, str]]:
    """Return some customers with their offers."""
    some = list(strategy.offers.order_by("-expected", "id")[:5])
    names = Customer.objects.in_bulk([offer.customer for offer in some])
    return [
        (
            names.get(offer.customer),
            strategy.words(offer.variant),
        )
        for offer in some
    ]
