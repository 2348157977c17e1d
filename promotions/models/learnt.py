"""What is counted by arm and day, and what is learnt from it."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from promotions.models.strategies import Strategy


class Odds(models.Model):
    """A bandit's odds among the treated, from a day (UTC) on; see promotions.bandit."""

    strategy = models.ForeignKey(Strategy, models.CASCADE, related_name="odds")
    day = models.DateField()
    odds = models.JSONField(help_text="Label of the menu -> share of the treated.")

    class Meta:
        verbose_name_plural = "odds"
        constraints = [
            models.UniqueConstraint(fields=["strategy", "day"], name="odds_once_a_day"),
        ]

    def __str__(self) -> str:
        return f"{self.strategy_id} from {self.day}"


class ArmDay(models.Model):
    """By how much an arm's sums grew on a day (UTC); see promotions.sums.

    `slice` is "all", "shown" (from the first exposure on), a segment's, a week's, or
    that of the odds which drew it.
    """

    subject = models.UUIDField(help_text="A strategy, a campaign, a month of all.")
    slice = models.TextField()
    arm = models.TextField()
    variant = models.TextField()
    day = models.DateField()
    # The upper triangle of Σ z zᵀ, row by row: see measurement.moments.
    sums = ArrayField(models.FloatField())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subject", "slice", "arm", "variant", "day"],
                name="arm_day_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.arm} {self.variant} on {self.day}"


class Summed(models.Model):
    """When a subject's days (`ArmDay`) were last summed up: with all before `until`."""

    subject = models.UUIDField(primary_key=True)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.subject} until {self.until:%Y-%m-%d %H:%M}"


class Learnt(models.Model):
    """How customers answer offers, as believed at a time: see promotions.response.

    The newest is in force; the others stay, so that decisions can be made again.
    """

    id = models.CharField(primary_key=True, max_length=64, help_text="SHA-256 of it.")
    computed_at = models.DateTimeField()
    basis = models.TextField(help_text="assumed, observational, or randomised.")
    seen = models.PositiveIntegerField(help_text="Customers it rests on, by strategy.")
    use = models.FloatField(help_text="Of what buyers in scope could be given.")
    habits = models.JSONField(
        default=dict, help_text="By kind: [use, stretch], see promotions.value.Habit."
    )
    body = models.JSONField(help_text="The posterior: ml.lifts.Posterior.")

    def __str__(self) -> str:
        return f"{self.basis}, {self.seen:,} seen"


class Answer(models.Model):
    """What one person's answers to offers say: how likely they are of which type.

    The types are those of the newest `Learnt`, see ml.lifts.
    """

    customer = models.UUIDField(primary_key=True)
    types = ArrayField(models.FloatField(), default=list)

    def __str__(self) -> str:
        return f"{self.customer} {self.types}"


class Calibration(models.Model):
    """One row: ρ, what is missing later of what offers sell (promotions.promises)."""

    computed_at = models.DateTimeField()
    factor = models.FloatField()
    low = models.FloatField()
    high = models.FloatField()
    strategies = models.IntegerField(help_text="How many it rests on.")

    def __str__(self) -> str:
        return f"{self.factor:.0%}"

    @property
    def error(self) -> float:
        return (self.high - self.low) / (2 * 1.96)
