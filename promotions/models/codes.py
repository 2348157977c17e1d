"""Codes, their batches, and who guesses at them."""

import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from analytics import clock
from promotions.models.strategies import Strategy


class CodeBatch(models.Model):
    """Codes of a strategy that are generated or imported in the background."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    strategy = models.ForeignKey(Strategy, models.CASCADE, related_name="batches")
    number = models.IntegerField()
    made = models.IntegerField(default=0)
    prefix = models.CharField(max_length=20, default="", blank=True)
    length = models.IntegerField(help_text="Random characters after the prefix.")
    most_uses = models.IntegerField(
        null=True, blank=True, default=1, help_text="Of each code; empty: no limit."
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=20, choices=State, default=State.WAITING)
    error = models.TextField(default="", blank=True)
    requested_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        verbose_name_plural = "code batches"
        constraints = [
            models.CheckConstraint(
                condition=Q(made__gte=0, made__lte=F("number")), name="batch_made"
            ),
        ]

    def __str__(self) -> str:
        return _("%(part)s of %(whole)s") % {"part": self.made, "whole": self.number}


class Code(models.Model):
    """A string that a customer enters; found by the SHA-256 of its plain form.

    A code with a `customer` is for that person only. Erasure leaves such a code, used
    up, so that nobody else can enter it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    digest = models.BinaryField(unique=True, max_length=32)
    text = models.CharField(max_length=64)
    # No index of its own: code_strategy begins with it.
    strategy = models.ForeignKey(
        Strategy, models.CASCADE, related_name="codes", db_index=False
    )
    batch = models.ForeignKey(CodeBatch, models.CASCADE, null=True, blank=True)
    customer = models.UUIDField(null=True, blank=True)
    uses = models.IntegerField(default=0, help_text="Redeemed or reserved.")
    most_uses = models.IntegerField(null=True, blank=True)
    active = models.BooleanField(default=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    ERASED: ClassVar[Mapping[str, Any]] = {"customer": None, "active": False}
    """What analytics.privacy leaves."""

    class Meta:
        indexes = [models.Index(fields=["strategy", "digest"], name="code_strategy")]
        constraints = [
            models.CheckConstraint(
                condition=Q(uses__gte=0)
                & (Q(most_uses=None) | Q(uses__lte=F("most_uses"))),
                name="code_uses",
            ),
        ]

    def __str__(self) -> str:
        return self.text


class Guesser(models.Model):
    """Somebody who entered so many wrong codes that no code of theirs is looked up.

    `digest` is a keyed hash: it does not say who it is. `key` is the API key's name.
    """

    digest = models.CharField(primary_key=True, max_length=32)
    kind = models.CharField(max_length=20)
    key = models.TextField()
    pauses = models.IntegerField(default=1)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.kind} {self.digest[:8]}"
