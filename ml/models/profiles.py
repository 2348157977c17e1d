"""Customers, as their orders show them."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class CustomerProfile(models.Model):
    """What one person's orders say of them; replaced whole by ml.profiling.

    `customer` is the person's first key. Money is what the shop received.
    """

    class Segment(models.TextChoices):
        NEW = "new", _("New")
        LOST = "lost", _("Lost")
        SLIPPING = "slipping", _("Slipping away")
        BIG_SPENDER = "big_spender", _("Big spenders")
        DEAL_SEEKER = "deal_seeker", _("Deal seekers")
        LOYAL = "loyal", _("Loyal")
        OCCASIONAL = "occasional", _("Occasional")
        PROSPECT = "prospect", _("No orders yet")

    customer = models.UUIDField(primary_key=True, editable=False)
    segment = models.TextField(_("segment"), choices=Segment)
    first_order_at = models.DateTimeField(_("first order"), null=True)
    last_order_at = models.DateTimeField(_("last order"), null=True)
    orders = models.PositiveIntegerField(_("orders in a year"))
    spend = models.DecimalField(_("spent in a year"), max_digits=14, decimal_places=2)
    recency_score = models.PositiveSmallIntegerField(_("recency, 1 to 5"), null=True)
    frequency_score = models.PositiveSmallIntegerField(
        _("frequency, 1 to 5"), null=True
    )
    monetary_score = models.PositiveSmallIntegerField(_("money, 1 to 5"), null=True)
    expected_orders = models.FloatField(
        _("expected orders"), null=True, help_text=_("Days with an order, next 365.")
    )
    lifetime_value = models.DecimalField(
        _("expected spend"),
        max_digits=14,
        decimal_places=2,
        null=True,
        help_text=_("What the shop is expected to receive within the next 365 days."),
    )
    alive = models.FloatField(
        _("still a customer"), null=True, help_text=_("Chance of not having left.")
    )
    churn_risk = models.FloatField(
        _("churn risk"), null=True, help_text=_("Chance of no order within 90 days.")
    )
    cadence_days = models.FloatField(
        _("days between visits"), null=True, help_text=_("Median; from three visits.")
    )
    regularity = models.FloatField(
        _("regularity"), null=True, help_text=_("1: like clockwork; 0.5: at random.")
    )
    next_visit_on = models.DateField(_("next visit"), null=True)
    deal_index = models.FloatField(
        _("deal index"),
        null=True,
        help_text=_("Bought on discount, over what others bought so there; 1: alike."),
    )
    coupon_share = models.FloatField(
        _("coupon share"), null=True, help_text=_("Share of orders with a coupon.")
    )
    favourites = ArrayField(models.TextField(), default=list, verbose_name=_("buys"))
    computed_at = models.DateTimeField(_("computed"))

    class Meta:
        verbose_name = _("customer profile")
        verbose_name_plural = _("customer profiles")
        indexes = [
            # The list of a segment, its dearest customers first.
            models.Index(fields=["segment", "-lifetime_value"], name="profile_segment")
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(alive__isnull=True) | Q(alive__gte=0, alive__lte=1),
                name="profile_alive_in_0_1",
            ),
            models.CheckConstraint(
                condition=Q(churn_risk__isnull=True)
                | Q(churn_risk__gte=0, churn_risk__lte=1),
                name="profile_churn_in_0_1",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer} {self.get_segment_display()}"

    @property
    def churn_percent(self) -> int | None:
        return None if self.churn_risk is None else round(100 * self.churn_risk)

    @property
    def coupon_percent(self) -> int | None:
        return None if self.coupon_share is None else round(100 * self.coupon_share)


class ProfileBasis(models.Model):
    """What all profiles were made with: one row, replaced with them."""

    computed_at = models.DateTimeField()
    as_of = models.DateTimeField(help_text="The moment after the log's last order.")
    customers = models.PositiveIntegerField()
    parameters = models.JSONField(help_text="Of ml.lifetime; empty: too few customers.")
    cuts = models.JSONField(help_text="Between the bands 1 to 5, by measure.")

    class Meta:
        verbose_name_plural = "profile bases"

    def __str__(self) -> str:
        return f"{self.computed_at:%Y-%m-%d %H:%M}"
