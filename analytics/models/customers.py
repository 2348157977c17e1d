"""Whose key is whose, and who was forgotten."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext

from analytics import clock

EVERYBODY = uuid.UUID(int=0)
"""No customer's key: a table of customers may hold a row for everybody under it."""


class Customer(models.Model):
    """The only place that knows whose a random key is: a customer's or a visitor's.

    One person may have several keys: `linked_to` says whose this one is, `person` and
    `consent` follow from it for the whole person. analytics.links writes all four.
    """

    key = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    external_id = models.TextField(
        unique=True, null=True, help_text="The shop's own id; null for a visitor."
    )
    anonymous_id = models.TextField(
        unique=True, null=True, help_text="A visitor's id before log-in."
    )
    linked_to = models.UUIDField(null=True, help_text="The key that this one became.")
    split_from = models.UUIDField(null=True, help_text="A link that was undone.")
    person = models.UUIDField(
        null=True, db_index=True, help_text="The person's first key; null: this one."
    )
    said = models.BooleanField(null=True, help_text="The last word on consent here.")
    said_at = models.DateTimeField(null=True)
    consent = models.BooleanField(null=True, help_text="The person's last word.")
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(external_id__isnull=False, anonymous_id__isnull=True)
                | Q(external_id__isnull=True, anonymous_id__isnull=False),
                name="customer_has_one_id",
            ),
        ]
        permissions = (
            ("export_customer", "Can export all that is held of a customer"),
            ("consent_customer", "Can record a customer's word on consent"),
            ("erase_customer", "Can erase a customer for ever"),
        )

    def __str__(self) -> str:
        return self.external_id or gettext("visitor %s") % self.anonymous_id

    @property
    def name(self) -> str:
        """What the shop calls them."""
        return self.external_id or self.anonymous_id or ""


class Suppressed(models.Model):
    """An erased id, as a keyed hash: nobody of that id comes back by a late retry."""

    digest = models.BinaryField(primary_key=True)
    erased_at = models.DateTimeField(default=clock.now)

    class Meta:
        verbose_name_plural = "suppressed"

    def __str__(self) -> str:
        return bytes(self.digest).hex()


class Erasure(models.Model):
    """A receipt: somebody was forgotten. It does not say who."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    erased_at = models.DateTimeField(default=clock.now)
    by = models.TextField()
    events = models.IntegerField()
    keys = ArrayField(
        models.UUIDField(),
        help_text="Emptied when the archives have forgotten them too.",
    )

    def __str__(self) -> str:
        return str(self.id)
