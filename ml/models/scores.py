"""What is likely of each customer, as of the night."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from ml.models.training import TrainedModel


class Score(models.Model):
    """What one customer is expected to do in one category if nothing is offered."""

    pk = models.CompositePrimaryKey("customer", "category")
    customer = models.UUIDField()
    category = models.TextField()
    probability = models.FloatField(help_text="P(buys within the horizon | no offer).")
    spend = models.DecimalField(
        max_digits=12,
        decimal_places=2,
        help_text="Shelf value bought within the horizon, given that they buy.",
    )
    raised = ArrayField(
        models.TextField(),
        default=list,
        db_default=[],
        help_text="Features that raised it most, of those that shoppers may be told.",
    )
    model = models.ForeignKey(TrainedModel, models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(probability__gte=0, probability__lte=1),
                name="score_probability_in_0_1",
            ),
            models.CheckConstraint(
                condition=Q(spend__gte=0), name="score_spend_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer} {self.category} {self.probability:.3f}"


class Scoring(models.Model):
    """How far the log had come when the scores were made; one row.

    `watch` is what ml.watch found then.
    """

    at = models.DateTimeField()
    position = models.BigIntegerField()
    watch = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} at {self.position}"


class Shortlist(models.Model):
    """A customer's recommendations as of the night, and what ranks him live.

    `products` are codes of the model's vocabulary with the neighbours' scores `near`;
    `skus` is the night's own ranking, best first, which stands in when the live one
    fails. The row of EVERYBODY holds the best sellers. Without a model, for no ranker
    is in charge, `skus` are favourites and best sellers (ml.favourites).
    """

    customer = models.UUIDField(primary_key=True)
    products = ArrayField(models.IntegerField())
    near = ArrayField(models.FloatField())
    skus = ArrayField(models.TextField())
    model = models.ForeignKey(TrainedModel, models.PROTECT, null=True, related_name="+")
    computed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.customer} {len(self.skus)}"
