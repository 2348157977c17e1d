"""The back office's forms for strategies: fields only, one form for each kind of terms.

What the fields hold becomes a draft as the API takes it (promotions.drafts), which
alone says what is wrong. Shares are typed in percent and written as rates.
"""

import json
import zoneinfo
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from django import forms
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from analytics import shapes
from ml.customers import Segment
from promotions.models import Campaign, Strategy

Text = Any
HOUR = "%Y-%m-%dT%H:%M"
YEARS = (2000, 2100)
"""Of campaigns that are opened by hand."""


class Plain(forms.Field):
    """A number in plain digits, read and written; browsers send nothing as ""."""

    def to_python(self, value: Any) -> Any:
        typed = value.strip() if isinstance(value, str) else ""
        if typed and not shapes.spelled(typed):
            raise forms.ValidationError(self.error_messages["invalid"], "invalid")
        return super().to_python(value)

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, Decimal):
            return value
        return f"{value.normalize():f}"


class Amount(Plain, forms.DecimalField):
    """A number."""


class Whole(Plain, forms.IntegerField):
    """A whole number."""


def money(label: Text, help_text: Text = "", **more: Any) -> Amount:
    """An amount in the campaign's currency."""
    return Amount(
        label=label,
        help_text=help_text,
        widget=UnfoldAdminDecimalFieldWidget(
            attrs={"step": "any", "min": "0", "data-money": ""}
        ),
        **more,
    )


def number(label: Text, help_text: Text = "", **more: Any) -> Amount:
    """An amount that may be of something else than money."""
    widget = UnfoldAdminDecimalFieldWidget(attrs={"step": "any", "min": "0"})
    return Amount(label=label, help_text=help_text, widget=widget, **more)


def whole(label: Text, help_text: Text = "", **more: Any) -> Whole:
    """A whole number."""
    return Whole(
        label=label,
        help_text=help_text,
        widget=UnfoldAdminIntegerFieldWidget(),
        **more,
    )


def choice(label: Text, choices: Any, help_text: Text = "", **more: Any) -> Any:
    """One of a few; the first is what an untouched row has."""
    if choices:
        more.setdefault("initial", choices[0][0])
    return forms.ChoiceField(
        label=label,
        choices=choices,
        help_text=help_text,
        widget=UnfoldAdminSelectWidget(),
        **more,
    )


def flag(label: Text, help_text: Text = "") -> forms.BooleanField:
    """Yes or no."""
    return forms.BooleanField(
        label=label, help_text=help_text, required=False, widget=UnfoldBooleanWidget()
    )


def text(label: Text, help_text: Text = "", **more: Any) -> forms.CharField:
    """A line of text."""
    return forms.CharField(
        label=label, help_text=help_text, widget=UnfoldAdminTextInputWidget(), **more
    )


class Percent(Amount):
    """A share, typed in percent; it cleans to a rate."""

    def __init__(self, label: Text, help_text: Text = "", **more: Any) -> None:
        widget = UnfoldAdminDecimalFieldWidget(
            attrs={"step": "any", "min": "0", "max": "100"}
        )
        super().__init__(label=label, help_text=help_text, widget=widget, **more)

    def clean(self, value: Any) -> Decimal | None:
        percent = super().clean(value)
        return None if percent is None else percent / 100

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)

    def prepare_value(self, value: Any) -> Any:
        """Show a rate, which is a Decimal, in percent; what was typed stays."""
        return f"{(value * 100).normalize():f}" if isinstance(value, Decimal) else value


class Names(forms.CharField):
    """Names, one a line; `of` says what the page's search looks for."""

    def __init__(self, label: Text, of: str = "", help_text: Text = "") -> None:
        attrs = {"rows": 2, **({"data-names": of} if of else {})}
        super().__init__(
            label=label,
            help_text=help_text or _("One a line."),
            required=False,
            widget=UnfoldAdminTextareaWidget(attrs=attrs),
        )

    def clean(self, value: Any) -> list[str]:
        lines = str(super().clean(value)).splitlines()
        return list(dict.fromkeys(filter(None, map(str.strip, lines))))

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, (list, tuple)) else value


class Part(forms.Form):
    """A piece of a draft: its fields have the names of the draft's."""

    use_required_attribute = False

    @cached_property
    def changed_data(self) -> list[str]:
        """What an operator has filled in: a field that was emptied says nothing."""
        changed: list[str] = super().changed_data
        return [name for name in changed if self[name].data not in (None, "", [])]

    def part(self) -> dict[str, Any]:
        """Return what was filled in, as the draft takes it."""
        return {
            name: value
            for name, value in self.cleaned_data.items()
            if value not in (None, "", [])
        }


class PercentageForm(Part):
    rate = Percent(_("Percent off"))
    each = choice(
        _("Rounded"), [("line", _("line by line")), ("order", _("once for the order"))]
    )


class AmountForm(Part):
    amount = money(_("Amount off"))
    each = choice(
        _("Off"),
        [
            ("order", _("all in scope together")),
            ("line", _("each line")),
            ("unit", _("each unit")),
        ],
    )


class FixedPriceForm(Part):
    price = money(_("Price of a unit"), _("What is cheaper already stays as it is."))


class ThresholdForm(Part):
    spend = money(_("Spend"), _("In scope."))
    amount = money(_("Get so much off"))


class TierForm(Part):
    spend = money(_("Spend"), required=False)
    quantity = whole(_("or buy so many units"), required=False)
    amount = money(_("Amount off"), required=False)
    rate = Percent(_("or percent off"), required=False)


class MultibuyForm(Part):
    take = whole(_("Take so many units"), _("3 for 2: take 3."), min_value=2)
    reduced = whole(_("Of them reduced"), _("The cheapest."), min_value=1, initial=1)
    rate = Percent(_("Percent off these"), _("100: free."), initial=Decimal(1))
    same_sku = flag(_("All of one product"))
    times = whole(_("So many times at most"), _("Empty: any."), required=False)


class BundleForm(Part):
    price = money(_("Price of the set"))
    times = whole(_("So many times at most"), _("Empty: any."), required=False)


class SlotForm(Part):
    quantity = whole(_("Units"), min_value=1, initial=1)
    skus = Names(_("of one of these products"), "sku")
    categories = Names(_("or of these categories"), "category")


class GiftForm(Part):
    spend = money(_("Spend"), _("In scope."))
    sku = text(_("Gift's sku"), _("Its stock is checked."), max_length=200)
    name = text(_("Its name, as customers read it"), max_length=200)
    value = money(_("Its shelf price"))


class ShippingForm(Part):
    rate = Percent(_("Percent off shipping"), _("100: free."), initial=Decimal(1))
    price = money(_("Or shipping for"), _("Then leave 100 above."), required=False)


TERMS: Mapping[str, type[Part]] = {
    "percentage": PercentageForm,
    "amount": AmountForm,
    "fixed_price": FixedPriceForm,
    "threshold": ThresholdForm,
    "multibuy": MultibuyForm,
    "bundle": BundleForm,
    "gift": GiftForm,
    "shipping": ShippingForm,
}
PARTS: Mapping[str, tuple[str, type[Part]]] = {
    "threshold": ("higher", TierForm),
    "bundle": ("slots", SlotForm),
}
"""Kinds whose terms have rows of their own: the field's name, and a row's form."""


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
        choose.widget.attrs["data-currencies"] = json.dumps(coins)

    def part(self) -> dict[str, Any]:
        told = super().part()
        if "holdout" in told:
            told["holdout"] = float(told["holdout"])
        return told


class Rows(forms.BaseFormSet):  # type: ignore[type-arg]  # not generic at run time
    """Rows of a form; one that is emptied is none, wherever it came from."""

    def initial_form_count(self) -> int:
        return 0

    @property
    def filled(self) -> list[Part]:
        return [row for row in self if row.has_changed()]


def rows(form: type[Part], data: Any, name: str, start: Any, spare: int) -> Rows:
    """Return rows of a form: what to start with, and some empty ones."""
    make: Any = forms.formset_factory(
        form,
        formset=Rows,
        extra=len(start) + spare,
        max_num=100,
        validate_max=True,
    )
    made: Rows = make(data, prefix=name, initial=None if data is not None else start)
    return made


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
                local = told[name].replace(tzinfo=zoneinfo.ZoneInfo(told["zone"]))
                told[name] = local
                if not YEARS[0] <= local.year < YEARS[1]:
                    self.add_error(name, _("It must lie between 2000 and 2100."))
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
