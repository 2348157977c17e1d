"""A table of a strategy's results: what other rules would have earned in its place."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from promotions import hindsight
from promotions.figures import money
from promotions.hindsight import NotWatched, Told
from promotions.models import Strategy
from promotions.policies import Ends, Valued
from promotions.report_tables import Gap, Row, Section

NAMES: Mapping[str, Any] = {
    "nothing": gettext_lazy("Nothing for anybody"),
    "equal": gettext_lazy("One of the variants by lot, at equal odds"),
    "best": gettext_lazy("The best for each, as is believed now"),
}
WHY: Mapping[str, Any] = {
    "no_overlap": gettext_lazy(
        "cannot be told: too few in the log got what it would give"
    ),
    "too_few": gettext_lazy("cannot be told: it rests on too few customers"),
}
OTHERS = ("ips", "snips")


def section(strategy: Strategy) -> Section | None:
    """Return the table; None before anybody was watched for long enough."""
    try:
        told, _until = hindsight.of(strategy)
    except NotWatched:
        return None
    currency = strategy.currency
    return Section(
        title=_("What other rules would have earned"),
        says=_says(told),
        columns=[
            *(_("Rule"), _("Profit each (DR)"), "95 %", _("Over nothing"), "95 %"),
            *(_("Worth so many customers"), "IPS", "SNIPS", "Switch-DR"),
        ],
        rows=[_as_it_ran(told, currency), *(_row(one, strategy) for one in told.rules)],
    )


def _says(told: Told) -> str:
    said = _(
        "Estimated from the lots of %(n)s customers, for each assigned one, in the "
        "%(days)s days after the assignment. The best for each was learnt from the "
        "same customers, which flatters it somewhat. Where IPS and DR tell very "
        "different things, believe neither. Switch-DR has no interval: the part that "
        "the model answers has no known error."
    )
    return said % {"n": f"{told.customers:,}", "days": told.days}


def _as_it_ran(told: Told, currency: str) -> Row:
    found = told.observed
    cells = [money(found.value, currency), _between(found, currency)]
    others = ["", "", f"{told.customers:,}", *([""] * len(OTHERS)), ""]
    return Row(cells=[_("As it ran"), *cells, *others])


def _row(one: Valued, strategy: Strategy) -> Row:
    currency, offered = strategy.currency, strategy.words(one.variant or "")
    name = NAMES.get(one.rule) or _("“%s” for everybody") % offered
    worth = f"{one.effective:,.0f}"
    if one.why:
        empty = [""] * (len(OTHERS) + 1)
        return Row(cells=[name, Gap(text=WHY[one.why], span=4), worth, *empty])
    known, over = one.estimates, one.over_nothing
    gain = ["", ""]
    # Of nothing it would be zero, and surely so.
    if over and one.rule != "nothing":
        gain = [money(over.value, currency), _between(over, currency)]
    if one.thin:
        worth = _("%s: few, doubt the intervals too") % worth
    return Row(
        cells=[
            *(name, money(known["dr"].value, currency)),
            *(_between(known["dr"], currency), *gain, worth),
            *(money(known[other].value, currency) for other in OTHERS),
            money(one.switch_dr.value, currency) if one.switch_dr else "",
        ]
    )


def _between(one: Ends, currency: str) -> str:
    low, high = money(one.low, currency), money(one.high, currency)
    ends = {"low": low.removesuffix(f" {currency}"), "high": high}
    return _("%(low)s to %(high)s") % ends
