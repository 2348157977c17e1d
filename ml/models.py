"""Tables of what was learnt: models, their training, scores and elasticities.

Tables, not learners: those are in estimators.py. `Score` and `Elasticity` are replaced
whole by scoring and demand; others read them through ml.scores. Model files lie beside
the database under their checksum, see registry.py.
"""

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

PROPENSITY = "propensity"
"""The task of this issue: P(buys in the category within the horizon | no offer)."""


class TrainingRun(models.Model):
    """One request to train, from the asking to the report."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    state = models.TextField(choices=State.choices, default=State.QUEUED)
    requested_by = models.TextField(help_text="An operator's name, or the schedule.")
    requested_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    step = models.TextField(default="", blank=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    error = models.TextField(default="", blank=True)
    report = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["state"], condition=Q(state="running"), name="run_one_running"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["queued", "running", "succeeded", "failed"]),
                name="run_state_known",
            ),
            models.CheckConstraint(
                condition=Q(done__lte=F("total")), name="run_done_within_total"
            ),
            models.CheckConstraint(
                condition=~Q(state="running") | Q(heartbeat_at__isnull=False),
                name="run_running_has_heartbeat",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.requested_at:%Y-%m-%d %H:%M} {self.state}"

    @property
    def percent(self) -> int:
        return 100 * self.done // self.total if self.total else 0

    @property
    def is_open(self) -> bool:
        return self.state in {self.State.QUEUED, self.State.RUNNING}


class TrainedModel(models.Model):
    """A fitted candidate; `promoted_at` says when it took charge of its task."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    task = models.TextField(default=PROPENSITY)
    estimator = models.TextField()
    checksum = models.CharField(max_length=64, help_text="SHA-256 of the model's file.")
    created_at = models.DateTimeField(default=timezone.now)
    cutoff = models.DateTimeField(help_text="The last moment it learnt anything from.")
    features_version = models.PositiveSmallIntegerField()
    metrics = models.JSONField(help_text="Figures by split: validation and test.")
    size_bytes = models.PositiveBigIntegerField()
    fit_seconds = models.FloatField(help_text="CPU seconds, the search included.")
    promoted_at = models.DateTimeField(null=True, blank=True)
    run = models.ForeignKey(TrainingRun, models.PROTECT, related_name="models")

    class Meta:
        indexes = [
            # registry.champion: the newest promotion of a task.
            models.Index(fields=["task", "-promoted_at"], name="model_champion")
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(checksum__regex=r"^[0-9a-f]{64}$"),
                name="model_checksum_is_sha256",
            ),
            models.UniqueConstraint(
                fields=["run", "task", "estimator"], name="model_once_in_a_run"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.task} {self.estimator} {self.checksum[:8]}"


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


class Elasticity(models.Model):
    """How a category's units answered its own price, in per cent for one per cent."""

    category = models.TextField(primary_key=True)
    value = models.FloatField()
    low = models.FloatField(help_text="Lower end of the 95 % interval.")
    high = models.FloatField(help_text="Upper end of the 95 % interval.")
    weeks = models.PositiveIntegerField(help_text="Weeks observed.")
    basis = models.TextField(default="observational")
    computed_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "elasticities"
        constraints = [
            models.CheckConstraint(
                condition=Q(low__lte=F("value"), high__gte=F("value")),
                name="elasticity_within_its_interval",
            )
        ]

    def __str__(self) -> str:
        return f"{self.category} {self.value:.2f}"


class CampaignResponse(models.Model):
    """How customers answered the shop's own addressed campaigns, all pooled."""

    computed_at = models.DateTimeField()
    lift = models.FloatField(help_text="Log-odds of buying in scope when addressed.")
    low = models.FloatField(help_text="Lower end of the 95 % interval.")
    high = models.FloatField(help_text="Upper end of the 95 % interval.")
    depth = models.FloatField(help_text="Mean coupon discount on the coupons' lines.")
    use = models.FloatField(help_text="Share of buyers in scope who used a coupon.")
    campaigns = models.PositiveIntegerField()
    basis = models.TextField(default="observational")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(low__lte=F("lift"), high__gte=F("lift")),
                name="response_within_its_interval",
            ),
            models.CheckConstraint(
                condition=Q(depth__gt=0, depth__lte=1, use__gte=0, use__lte=1),
                name="response_shares",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.lift:+.2f} ({self.low:+.2f} to {self.high:+.2f})"
