"""Days of the shop's own, and daily series, such as weather."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from analytics import clock


class ShopDay(models.Model):
    """Days of the shop's own calendar, beside public holidays; both ends count."""

    class Kind(models.TextChoices):
        HOLIDAY = "holiday", _("holiday")
        SCHOOL_HOLIDAYS = "school_holidays", _("school holidays")
        PAY_DAY = "pay_day", _("pay day")
        EVENT = "event", _("event")
        CLOSED = "closed", _("closed")

    key = models.CharField(max_length=200, primary_key=True)
    name = models.CharField(max_length=500)
    kind = models.CharField(max_length=20, choices=Kind)
    region = models.CharField(
        max_length=20, default="", blank=True, help_text="As DE or DE-BY; empty: all."
    )
    first = models.DateField()
    last = models.DateField()
    updated_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(last__gte=models.F("first")), name="shop_day_ends"
            )
        ]
        # market_calendar asks for days that end after a date: mostly few are left.
        indexes = [models.Index(fields=["last"], name="shop_day_last")]

    def __str__(self) -> str:
        return self.name


class SeriesValue(models.Model):
    """A day's value of an external series, such as the temperature of a region."""

    series = models.CharField(max_length=64)
    region = models.CharField(max_length=20, default="", blank=True)
    day = models.DateField()
    value = models.FloatField()
    updated_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["series", "region", "day"], name="series_value_day"
            )
        ]

    def __str__(self) -> str:
        return f"{self.series} {self.region} {self.day}"
