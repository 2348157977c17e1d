"""How days, series and competitors' prices are sent, by the API or in a file."""

from datetime import date, timedelta
from math import isfinite
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from analytics import clock
from analytics.bodies import AmountField, MomentField
from analytics.sent import EARLIEST
from catalog import identifiers, pricing
from catalog.models import ShopDay

MOST_ROWS = 10_000
AHEAD = timedelta(minutes=5)
"""So far may the clocks of two machines be apart."""
FIRST, LAST = date(1970, 1, 1), date(2100, 1, 1)
LONGEST = timedelta(days=366)
REGION = r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$"


def region() -> serializers.RegexField:
    """Return the field of a region: a country, or a part of one (ISO 3166-2)."""
    return serializers.RegexField(REGION, default="", allow_blank=True)


class DayField(serializers.DateField):
    """A day that calendars reckon with: some years from it there are still days."""

    def to_internal_value(self, value: Any) -> date:
        day: date = super().to_internal_value(value)
        if not FIRST <= day < LAST:
            raise serializers.ValidationError(
                _("It must lie between 1970 and 2100."), "out_of_range"
            )
        return day


class DaysSerializer(serializers.Serializer[None]):
    """Days of the shop's calendar. Both ends count; without `last` it is one day."""

    key = serializers.CharField(max_length=200, default="", allow_blank=True)
    name = serializers.CharField(max_length=500)
    kind = serializers.ChoiceField(
        choices=ShopDay.Kind.values, default=ShopDay.Kind.EVENT.value
    )
    region = region()
    first = DayField()
    last = DayField(allow_null=True, default=None)
    cancelled = serializers.BooleanField(default=False)

    def validate(self, days: dict[str, Any]) -> dict[str, Any]:
        first, last = days["first"], days["last"]
        if last is not None and not first <= last < first + LONGEST:
            raise serializers.ValidationError(
                {"last": [_("It lies before the first day, or a year after it.")]},
                "last",
            )
        return days


class NumberField(serializers.FloatField):
    """A number of a body that is one: neither endless nor a truth."""

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool):
            self.fail("invalid")
        value = super().to_internal_value(data)
        if not isfinite(value) or abs(value) > 1e12:
            self.fail("invalid")
        return value


class ValueSerializer(serializers.Serializer[None]):
    """A day's value of a series; null takes it back."""

    series = serializers.RegexField(r"^[a-z][a-z0-9_.-]{0,63}$")
    region = region()
    day = DayField()
    value = NumberField(allow_null=True)


class PriceSerializer(serializers.Serializer[None]):
    """A competitor's product, and what it costs there."""

    competitor = serializers.CharField(max_length=100)
    product = serializers.CharField(max_length=200)
    name = serializers.CharField(max_length=1000)
    brand = serializers.CharField(max_length=200, default="", allow_blank=True)
    size = serializers.CharField(max_length=200, default="", allow_blank=True)
    gtin = serializers.CharField(default="", allow_blank=True)
    mpn = serializers.CharField(max_length=200, default="", allow_blank=True)
    url = serializers.CharField(max_length=1000, default="", allow_blank=True)
    currency = serializers.RegexField("^[A-Z]{3}$")
    price = AmountField(max_digits=14, decimal_places=4, min_value=0)
    shelf_price = AmountField(
        max_digits=14, decimal_places=4, min_value=0, allow_null=True, default=None
    )
    available = serializers.BooleanField(default=True)
    seen_at = MomentField(default=clock.now)

    def validate_gtin(self, gtin: str) -> str:
        """Strangers' files have wrong ones, which say nothing and harm nobody."""
        return gtin if identifiers.is_gtin(gtin) else ""

    def validate_url(self, url: str) -> str:
        if url and not url.lower().startswith(("https://", "http://")):
            raise serializers.ValidationError(_("It begins with https://."), "url")
        return url

    def validate(self, seen: dict[str, Any]) -> dict[str, Any]:
        for name in ("price", "shelf_price"):
            fault = pricing.decimals_fault(seen[name], seen["currency"])
            if fault:
                raise serializers.ValidationError({name: [fault]}, "decimals")
        if seen["seen_at"] < EARLIEST:
            raise serializers.ValidationError(
                {"seen_at": [_("It lies before 1990.")]}, "past"
            )
        if seen["seen_at"] > clock.now() + AHEAD:
            raise serializers.ValidationError(
                {"seen_at": [_("It lies in the future.")]}, "future"
            )
        return seen


class CalendarSerializer(serializers.Serializer[None]):
    """Up to 10,000 at a time; what is not listed stays as it is."""

    days = serializers.ListField(
        child=DaysSerializer(), min_length=1, max_length=MOST_ROWS
    )


class SeriesSerializer(serializers.Serializer[None]):
    """Up to 10,000 values at a time, of one series or several."""

    values = serializers.ListField(
        child=ValueSerializer(), min_length=1, max_length=MOST_ROWS
    )


class PricesSerializer(serializers.Serializer[None]):
    """Up to 10,000 prices at a time, of one competitor or several."""

    prices = serializers.ListField(
        child=PriceSerializer(), min_length=1, max_length=MOST_ROWS
    )


class UnusedSerializer(serializers.Serializer[None]):
    """A field of rows that nobody here knows, and is not kept.

    `first` names the first row that has it, `like` the field that was meant, maybe.
    """

    field = serializers.CharField()
    rows = serializers.IntegerField()
    first = serializers.CharField()
    like = serializers.CharField(required=False)


class RowsTakenSerializer(serializers.Serializer[None]):
    """What the feed did: rows that count, and how many of them changed something."""

    rows = serializers.IntegerField()
    changes = serializers.IntegerField()
    unused = UnusedSerializer(many=True, required=False)
