"""What the checkout answered: refusals, and what is answered again."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from analytics import clock


class Denial(models.Model):
    """Something that the checkout refused to a customer; kept for support, 30 days.

    `reasons` are [of, name, reason]: a code (promotions.denials says how it is named)
    or a strategy, and why it did not apply. `detail` is the refusal in English.
    """

    class Call(models.TextChoices):
        CART = "cart", _("a cart was priced")
        RESERVATION = "reservation", _("a cart was to be reserved")
        ORDER = "order", _("an order was to use promotions")

    customer = models.UUIDField()
    at = models.DateTimeField(help_text="The last time.")
    call = models.CharField(max_length=20, choices=Call)
    code = models.TextField(help_text="The problem's code, as the shop was told.")
    reasons = models.JSONField(default=list)
    detail = models.TextField(default="", blank=True)
    times = models.IntegerField(default=1, help_text="The same again within an hour.")

    class Meta:
        indexes = [
            models.Index(fields=["customer", "-at"], name="denial_customer"),
            models.Index(fields=["at"], name="denial_at"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.code}"


class Receipt(models.Model):
    """The answer to an Idempotency-Key, given again when the call is retried."""

    pk = models.CompositePrimaryKey("caller", "key")
    caller = models.UUIDField()
    key = models.CharField(max_length=255, help_text="SHA-256 of what was sent.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the request body.")
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return self.key
