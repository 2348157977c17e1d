"""Offers, and what customers say of them."""

from collections.abc import Sequence

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from promotions.models.strategies import Strategy


class Offer(models.Model):
    """A strategy's variant addressed to one customer; its id is the decision's id."""

    id = models.UUIDField(primary_key=True)
    customer = models.UUIDField()
    strategy = models.ForeignKey(Strategy, models.CASCADE, related_name="offers")
    variant = models.TextField()
    probability = models.FloatField(help_text="Of this very choice, for the estimates.")
    expected = models.FloatField(help_text="Incremental margin forecast for it.")
    computed_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    redeemed_at = models.DateTimeField(null=True)
    held_until = models.DateTimeField(null=True, help_text="By a reservation.")
    lift = models.FloatField(
        default=0, help_text="By which it raises a week's log-odds of buying in scope."
    )
    rate = models.FloatField(default=0, help_text="Margin rate of what is bought.")
    use = models.FloatField(default=1, help_text="Of what it could give, is given.")
    stretch = models.FloatField(default=1, help_text="Baskets with it, in usual ones.")
    later = models.FloatField(
        default=0, help_text="Of what it sells, this is missing later or elsewhere."
    )
    correction = models.FloatField(
        default=0, help_text="Of a week's log-odds: what scores get wrong."
    )
    aside = models.FloatField(
        default=0, help_text="What being addressed brings, or costs, elsewhere."
    )
    turn = models.PositiveIntegerField(
        default=0, help_text="How often it was renewed after a use."
    )
    why: Sequence[str] = ()
    """What may be said to the customer, see offers.explain; not stored."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "strategy"], name="offer_once_per_strategy"
            ),
            models.CheckConstraint(
                # Estimates weigh by 1 / probability (decision 24).
                condition=Q(probability__gt=0, probability__lte=1),
                name="offer_probability",
            ),
        ]

    def __str__(self) -> str:
        told = {"what": self.strategy.words(self.variant), "whom": self.customer}
        return _("%(what)s for %(whom)s") % told


class Feedback(models.Model):
    """A customer's last word on a strategy's offer; see promotions.feedback.

    After `Offer`: rows are locked in this order, by erasure too. `strategy` is no
    foreign key, whose check would lock a strategy after its offer, and not before.
    """

    class Word(models.TextChoices):
        USEFUL = "useful", _("useful")
        NOT_FOR_ME = "not_for_me", _("not for me")
        TOO_MANY = "too_many", _("too many offers")

    customer = models.UUIDField()
    strategy = models.UUIDField()
    word = models.CharField(max_length=20, choices=Word)
    said_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "feedback"
        indexes = [models.Index(fields=["strategy"], name="feedback_strategy")]
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "strategy"], name="feedback_last_word"
            ),
            models.CheckConstraint(
                condition=Q(word__in=["useful", "not_for_me", "too_many"]),
                name="feedback_word",
            ),
        ]

    def __str__(self) -> str:
        return self.get_word_display()
