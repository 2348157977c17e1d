"""Strategies tried on the past: before they live, and in hindsight."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from analytics import clock
from promotions.models.strategies import Strategy


class Backtest(models.Model):
    """A strategy, or a draft of one, that a worker tries on past weeks of the log.

    `found` has a week for each that is done, the oldest first (past_weeks.Week).
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    strategy = models.ForeignKey(
        Strategy, models.CASCADE, null=True, related_name="backtests"
    )
    draft = models.JSONField(null=True, help_text="As POST strategies takes it.")
    currency = models.CharField(max_length=3)
    weeks = models.IntegerField()
    ends_at = models.DateTimeField(help_text="The end of the last week, half-open.")
    found = models.JSONField(default=list)
    state = models.CharField(max_length=20, choices=State, default=State.WAITING)
    attempts = models.IntegerField(default=0, help_text="At the week that is next.")
    error = models.TextField(default="", blank=True)
    requested_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(strategy__isnull=False, draft__isnull=True)
                | Q(strategy__isnull=True, draft__isnull=False),
                name="backtest_of_one",
            ),
            models.CheckConstraint(
                condition=Q(weeks__gte=1, weeks__lte=104), name="backtest_weeks"
            ),
        ]

    def __str__(self) -> str:
        return f"{len(self.found)} of {self.weeks} weeks"


class Hindsight(models.Model):
    """What other rules would have earned in a strategy's place (promotions.hindsight).

    `rows` is what they are valued by: arrays of who was watched, without their names.
    """

    strategy = models.OneToOneField(Strategy, models.CASCADE, primary_key=True)
    until = models.DateTimeField()
    body = models.JSONField()
    rows = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.strategy_id} until {self.until}"
