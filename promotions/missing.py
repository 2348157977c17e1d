"""What is missing to estimate something: a code for machines, and words for people."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy

from analytics.experiments import Effect
from promotions.measurement import Result
from promotions.reports import Report, Shown

WHY: Mapping[str, Any] = {
    "not_measured": gettext_lazy("nobody was assigned, or nothing summed up, yet"),
    "arm_too_small": gettext_lazy("an arm has fewer than two customers"),
    "nobody_differs": gettext_lazy("no customer differs from another in it"),
    "spend_not_sure": gettext_lazy(
        "it is not sure that the discounts' cost is other than zero"
    ),
    "nothing_to_compare": gettext_lazy("the other arm bought nothing"),
    "nobody_shown": gettext_lazy(
        "the shop does not report both what it showed and what it withheld"
    ),
    "campaign_runs": gettext_lazy("the campaign is running"),
    "washout_runs": gettext_lazy("four weeks after its end are not over"),
}
"""By code; docs/measurement.md tells each."""


def why(effect: Effect, treatment: int, control: int) -> str | None:
    """Return what is missing to estimate an effect; None if nothing is."""
    if effect.estimable:
        return None
    if not treatment and not control:
        return "not_measured"
    return "arm_too_small" if min(treatment, control) < 2 else "nobody_differs"


def why_return(result: Result) -> str | None:
    """Return what is missing to say what a unit of discount brought back."""
    if result.returned.value is not None:
        return None
    missing = why(result.effects["discount"], result.treatment, result.control)
    return missing or "spend_not_sure"


def why_lift(report: Report) -> str | None:
    """Return what is missing to say by which share the treated spent more."""
    if report.lift.estimable:
        return None
    result = report.result
    missing = why(result.effects["revenue"], result.treatment, result.control)
    return missing or "nothing_to_compare"


def why_shown(shown: Shown) -> str | None:
    """Return what is missing to compare both arms from the first showing on."""
    one = shown.result
    if not one.treatment or not one.control:
        return "nobody_shown"
    return why(one.effects["profit"], one.treatment, one.control)
