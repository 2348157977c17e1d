"""The moved clock of demo mode, and what it owes."""

from django.db import models
from django.db.models import Q


class Clock(models.Model):
    """In demo mode: the shop's time, in one row, once it was moved.

    While there is something due it is between `now` and `until`.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    now = models.DateTimeField()
    until = models.DateTimeField(help_text="Where it stands once nothing is due.")
    instead = models.JSONField(
        default=dict, help_text="What this move does instead of tasks; null: nothing."
    )

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_clock")]

    def __str__(self) -> str:
        return self.now.isoformat()


class Due(models.Model):
    """In demo mode: a task that the moved clock owes; with an error, it has failed."""

    at = models.DateTimeField()
    task = models.TextField()
    kwargs = models.JSONField(default=dict)
    error = models.TextField(default="")

    class Meta:
        verbose_name_plural = "due"

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.task}"
