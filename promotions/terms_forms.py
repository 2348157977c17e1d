"""The terms of a strategy as forms: one for each kind, and for the rows of some."""

from collections.abc import Mapping
from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from promotions.form_fields import (
    Names,
    Part,
    Percent,
    choice,
    flag,
    money,
    text,
    whole,
)


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
