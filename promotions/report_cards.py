"""A report's figures that come first, as cards."""

from django.utils.translation import gettext as _

from promotions.figures import between, money, number
from promotions.measurement import Result
from promotions.report_tables import Card


def cards(result: Result, currency: str) -> list[Card]:
    """Return the figures that come first; none that are not to be believed."""
    if result.empty or not result.as_drawn:
        return []
    profit, back = result.effects["profit"], result.returned.value
    each = in_all = _("not estimable")
    of_each = of_all = ""
    if profit.estimable:
        each, of_each = money(profit.value, currency), between(profit, currency)
        in_all = money(result.total.value, currency, whole=True)
        of_all = between(result.total, currency, whole=True)
    paid, of_paid = _("not estimable"), ""
    if back is not None:
        paid = number(back, ".2f")
        of_paid = _("%(low)s to %(high)s") % {
            "low": number(result.returned.low, ".2f"),
            "high": number(result.returned.high, ".2f"),
        }
    held = _("%s held back") % f"{result.control:,}"
    return [
        Card(name=_("Profit for each customer"), value=each, detail=of_each),
        Card(name=_("Profit in all"), value=in_all, detail=of_all),
        Card(name=_("Margin for 1.00 of discount"), value=paid, detail=of_paid),
        Card(name=_("Treated"), value=f"{result.treatment:,}", detail=held),
    ]
