"""Trained models, and the runs that train them."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from analytics import clock
from analytics.languages import reread

PROPENSITY = "propensity"
"""P(buys in the category within the horizon | no offer)."""
UNTRAINED = "rates"
"""The estimator in charge of it until a training has a winner, see ml.untrained."""
RANKING = "ranking"
"""Which products come into the next basket."""


class TrainingRun(models.Model):
    """One request to train, from the asking to the report."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        SUCCEEDED = "succeeded", _("Succeeded")
        FAILED = "failed", _("Failed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    state = models.TextField(choices=State.choices, default=State.QUEUED)
    requested_by = models.TextField(help_text="An operator's name, or the schedule.")
    requested_at = models.DateTimeField(default=clock.wall)
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
        return f"{self.requested_at:%Y-%m-%d %H:%M} {self.get_state_display()}"

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
    created_at = models.DateTimeField(default=clock.now)
    window_start = models.DateTimeField(
        null=True, blank=True, help_text="The first cut-off that it learnt from."
    )
    cutoff = models.DateTimeField(
        help_text="The newest moment that it counted features at."
    )
    code = models.TextField(
        default="", blank=True, help_text="SHA-256 of the code that trained it."
    )
    parameters = models.JSONField(default=dict, blank=True)
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
        return f"{reread(self.task)} {reread(self.estimator)} {self.checksum[:8]}"
