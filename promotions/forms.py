"""The back office's forms for strategies and campaigns: fields only.

What the fields hold becomes a draft as the API takes it (promotions.drafts), which
alone says what is wrong. Shares are typed in percent and written as rates.
"""

import json
import zoneinfo
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from ml.customers import Segment
from promotions.form_fields import (
    Names,
    Part,
    Percent,
    choice,
    flag,
    money,
    number,
    text,
    whole,
)
from promotions.models import Campaign, Strategy

YEARS = (2000, 2100)
"""Of campaigns that are opened by hand."""


class ScopeForm(Part):
    scope = Names(_("Categories"), "category", _("One a line. All empty: all goods."))
    skus = Names(_("Products (skus)"), "sku")
    brands = Names(_("Brands"), "brand")
    excluded_skus = Names(_("But never these products"), "sku")


class ConditionsForm(Part):
    segments = forms.MultipleChoiceField(
        label=_("Customer is in one of the segments"),
        choices=Segment.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None: everybody."),
    )
    first_order = flag(_("Only a known customer's first order"))
    skus = Names(_("Cart holds one of the products"), "sku")
    categories = Names(_("Cart holds one of the categories"), "category")
    brands = Names(_("Cart holds one of the brands"), "brand")
    channels = Names(_("Channels"), help_text=_("One a line, as carts name them."))
    least_amount = money(_("Least amount"), required=False)
    least_quantity = whole(_("Least units"), required=False)
    of = choice(
        _("Counted on"),
        [("basket", _("the whole basket")), ("scope", _("the goods in scope"))],
    )
    basis = choice(
        _("Amounts count"),
        [
            ("initial", _("before discounts")),
            ("discounted", _("after strategies of earlier priority")),
        ],
    )
    weekdays = forms.TypedMultipleChoiceField(
        label=_("Only on"),
        coerce=int,
        required=False,
        choices=[
            (1, _("Monday")),
            (2, _("Tuesday")),
            (3, _("Wednesday")),
            (4, _("Thursday")),
            (5, _("Friday")),
            (6, _("Saturday")),
            (7, _("Sunday")),
        ],
        widget=forms.CheckboxSelectMultiple,
        help_text=_("In the campaign's zone. None: every day."),
    )
    since = whole(_("From hour"), _("0 to 23, in the campaign's zone."), required=False)
    until = whole(
        _("Up to, not including"), _("0 to 24; may be past midnight."), required=False
    )

    def clean(self) -> dict[str, Any]:
        told = self.cleaned_data
        for name, other in (("since", "until"), ("until", "since")):
            alone = told.get(name) is None and told.get(other) is not None
            if alone and name not in self.errors:
                self.add_error(name, _("Hours need both ends."))
        return told

    def part(self) -> dict[str, Any]:
        told = super().part()
        hours = [told.pop(name, None) for name in ("since", "until")]
        return told | ({"hours": hours} if hours != [None, None] else {})


class CombinationForm(Part):
    priority = whole(_("Priority"), _("Low numbers go first."), initial=0)
    exclusive = flag(_("Alone on the order"))
    shares_lines = flag(
        _("May discount a line together with others"),
        _("Both must say so; margin floors hold for the sum."),
    )
    basis = choice(
        _("Percents are taken on"),
        [("initial", _("shelf prices")), ("discounted", _("what is left of them"))],
    )
    group = text(_("Group"), _("Empty: none."), required=False, max_length=100)
    mode = choice(
        _("Of the group"),
        [
            ("stack", _("all apply")),
            ("first", _("the first by priority")),
            ("best", _("the best for the customer")),
            ("worst", _("the worst for the customer")),
        ],
    )
    most_per_line = money(_("At most on a line"), required=False)
    most_per_order = money(_("At most on an order"), required=False)
    gives_back = choice(
        _("A return gives back"),
        [
            ("all", _("money and uses")),
            ("money", _("money only")),
            ("nothing", _("nothing")),
        ],
    )


class LimitForm(Part):
    most = number(_("At most"))
    of = choice(_("Of"), [("uses", _("uses")), ("money", _("money"))])
    per = choice(
        _("By"),
        [
            ("strategy", _("all together")),
            ("customer", _("each customer")),
            ("code", _("each code")),
        ],
    )
    period = choice(
        _("In"),
        [
            ("ever", _("its whole life")),
            ("day", _("a day")),
            ("week", _("a week, from Monday")),
            ("month", _("a month")),
        ],
    )


class StrategyForm(Part):
    title = text(_("Title"), _("For operators."), max_length=200)
    reason = forms.CharField(
        label=_("Why"),
        required=False,
        max_length=2000,
        help_text=_("For who decides, and who asks later."),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
    )
    trigger = choice(_("Applies by"), [])
    campaign = choice(_("Campaign"), [], _("Its period, zone and limits hold too."))
    budget = money(_("Budget"), _("Never passed, not by a cent."))
    least_margin = Percent(
        _("Least margin, percent"),
        _("No line is sold below it."),
        initial=Decimal("0.05"),
    )
    holdout = Percent(
        _("Held back, percent"),
        _("Of personal offers' customers, to measure the effect. Empty: the usual."),
        required=False,
    )
    allocation = choice(
        _("Of several variants, a customer gets"),
        Strategy.Allocation.choices,
        _("Of personal offers only."),
        required=False,
    )

    renews_days = whole(
        _("Days until an offer can be used again"),
        _("Of personal offers. Empty: an offer is for one use."),
        required=False,
        min_value=1,
        max_value=366,
    )

    def __init__(self, *args: Any, triggers: Any, campaigns: Any, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self.fields["trigger"].choices = triggers  # type: ignore[attr-defined]
        choose: Any = self.fields["campaign"]
        choose.choices = [(key, label) for key, label, _currency in campaigns]
        coins = {key: currency for key, _label, currency in campaigns}
        # For config/static/desk.js, which names the currency at each amount.
        choose.widget.attrs["data-currencies"] = json.dumps(coins)

    def part(self) -> dict[str, Any]:
        told = super().part()
        if "holdout" in told:
            told["holdout"] = float(told["holdout"])
        return told


class CampaignForm(Part):
    name = text(_("Name"), max_length=200)
    zone = text(
        _("Time zone"),
        _("Days, hours and the times below are this zone's."),
        initial="UTC",
    )
    starts_at = forms.DateTimeField(
        label=_("From"),
        widget=UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"}),
    )
    ends_at = forms.DateTimeField(
        label=_("Up to, not including"),
        help_text=_("For all of 30 June, type 1 July, 00:00."),
        widget=UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"}),
    )
    budget = money(_("Budget"), _("All its strategies together never pass it."))
    currency = text(_("Currency"), max_length=3)
    least_return = number(
        _("Least return"),
        _(
            "Profit that its personal offers must bring for each unit of discount, "
            "once that is paid: 0 is not at a loss. Empty: none is asked."
        ),
        required=False,
    )
    most_per_customer = whole(
        _("Most for one customer"),
        _("Of its personal offers. Empty: no such cap."),
        required=False,
    )

    def clean_zone(self) -> str:
        zone = str(self.cleaned_data["zone"])
        if zone not in zoneinfo.available_timezones():
            raise forms.ValidationError(_("There is no such time zone."))
        return zone

    def clean(self) -> dict[str, Any]:
        """Read the times as the zone's own clock shows them."""
        told = self.cleaned_data
        for name in ("starts_at", "ends_at"):
            if name in told and "zone" in told:
                # Django has read the digits in the operator's own zone:
                # they stay, the zone goes.
                local = told[name].replace(tzinfo=zoneinfo.ZoneInfo(told["zone"]))
                told[name] = local
                if not YEARS[0] <= local.year < YEARS[1]:
                    self.add_error(name, _("It must lie between 2000 and 2100."))
                # A time that the clock skips comes back from UTC as another one.
                elif local != local.astimezone(UTC).astimezone(local.tzinfo):
                    self.add_error(name, _("The clock is put forward over this time."))
        return told


def campaigns(
    *, at: datetime, keep: str | None = None, most: int = 200
) -> list[tuple[str, str, str]]:
    """Return (id, name, currency) of campaigns that are not over, the last first.

    `keep` is the id of one to choose from even so.
    """
    rows = Campaign.objects.filter(Q(ends_at__gt=at) | Q(id=keep)).order_by("-ends_at")
    return [
        (str(row.id), f"{row.called} ({row.currency})", row.currency)
        for row in rows[:most]
    ]
