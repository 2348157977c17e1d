"""Figures of reports as people read them: signed, rounded, with their currency."""

from decimal import Decimal

from django.utils.translation import gettext as _

from analytics.experiments import Effect
from catalog import pricing


def money(value: float, currency: str, *, whole: bool = False) -> str:
    """Write an amount with its sign and currency; `whole` without coins."""
    rounded = pricing.rounded(Decimal(value), currency)
    said = f"{rounded:+,.0f}" if whole else f"{rounded:+,}"
    return f"{_minus(said)} {currency}"


def between(effect: Effect, currency: str, *, whole: bool = False) -> str:
    """Write an interval; where it has no ends, say so."""
    if effect.low is None or effect.high is None:
        return _("without end")
    low, high = (money(end, currency, whole=whole) for end in (effect.low, effect.high))
    low = low.removesuffix(f" {currency}")
    return _("%(low)s to %(high)s") % {"low": low, "high": high}


def percent(share: float) -> str:
    """Write a share in per cent, never as certainty."""
    if share > 0.999:
        return _("over 99.9 %")
    return _("under 0.1 %") if share < 0.001 else f"{100 * share:.1f} %"


def number(value: float | None, form: str) -> str:
    """Write a number in a form of `format`; one that there is not as a gap."""
    return "…" if value is None else _minus(format(value, form))


def p_value(p: float) -> str:
    """Write a p-value; what is small is never written as nothing."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _minus(said: str) -> str:
    return said.replace("-", "−")
