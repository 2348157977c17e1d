"""What a refresh of the offers leaves: places, sheets, and its own proof."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from promotions.models.strategies import Strategy


class Place(models.Model):
    """A customer's place in a strategy's audience, for as long as an offer lasts.

    Whatever the lot: were only offers to keep their places, who is held back would
    come into other audiences more easily than who is not.
    """

    customer = models.UUIDField()
    strategy = models.ForeignKey(Strategy, models.CASCADE, related_name="+")
    until = models.DateTimeField()
    cost = models.FloatField(
        default=0,
        db_default=0,
        help_text="Expected, of who came after the scores; else each refresh knows.",
    )

    class Meta:
        indexes = [
            # Few: of who came between two refreshes alone.
            models.Index(
                fields=["strategy"], name="place_arrived", condition=Q(cost__gt=0)
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "strategy"], name="place_once_per_strategy"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer} until {self.until}"


class Sheet(models.Model):
    """A customer's offers, rendered: GET offers is one look-up by key."""

    customer = models.UUIDField(primary_key=True)
    body = models.TextField()
    expires_at = models.DateTimeField()
    position = models.BigIntegerField(
        default=0,
        db_default=0,
        help_text="What was known of the log when it was ranked.",
    )

    def __str__(self) -> str:
        return str(self.customer)


class Allocation(models.Model):
    """A refresh's choice of who gets which offer, and what was proved of it.

    No plan is worth more than `bound`; `gap` is the part of it that this one misses:
    null where no plan was found at all. Who comes before the next refresh is decided
    on by the `prices`, from what is `left` (promotions.arrivals).
    """

    computed_at = models.DateTimeField()
    feasible = models.BooleanField()
    value = models.FloatField(help_text="Incremental margin of what was added.")
    bound = models.FloatField(null=True, help_text="No plan in the limits adds more.")
    gap = models.FloatField(null=True, help_text="(bound − value) / bound.")
    proof = models.CharField(max_length=10, help_text="Of the bound: dual, or search.")
    refused = models.BooleanField(help_text="Not good enough: nothing was added.")
    reason = models.TextField(default="", blank=True, help_text="Why it was refused.")
    prices = models.JSONField(help_text="What a unit more of each limit would earn.")
    slack = models.JSONField(default=dict, help_text="What it left of each limit.")
    left = models.JSONField(default=dict, help_text="What arrivals since then left.")

    class Meta:
        indexes = [models.Index(fields=["computed_at"], name="allocation_latest")]
        constraints = [
            models.CheckConstraint(
                # What is served is proved.
                condition=Q(refused=True)
                | Q(feasible=True, bound__isnull=False, gap__isnull=False),
                name="allocation_served",
            ),
        ]

    def __str__(self) -> str:
        told = str(_("no plan"))
        if self.gap is not None:
            told = _("gap %s") % f"{self.gap:.2g}"
        return f"{self.computed_at:%Y-%m-%d %H:%M}: {told}"
