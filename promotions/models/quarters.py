"""What the weeks of a quarter may give."""

import operator
from decimal import Decimal
from functools import reduce

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

LONGEST_QUARTER = 14
"""Weeks."""


def _fixed(most: int) -> Combinable:
    """Return what the weeks of a quarter have that are fixed."""
    # Null for a week that is not fixed, and beyond the end of a quarter of 13.
    parts = (Coalesce(F(f"weeks__{week}"), Value(Decimal(0))) for week in range(most))
    return reduce(operator.add, parts)


def _not_negative(most: int) -> Q:
    weeks = (f"weeks__{week}" for week in range(most))
    each = (Q(**{week: None}) | Q(**{f"{week}__gte": 0}) for week in weeks)
    return reduce(operator.and_, each, Q(budget__gte=0))


class Quarter(models.Model):
    """What the weeks from a Monday on may give, and which of them are fixed.

    `weeks` has an amount for each week that is, and null for the others.
    """

    starts_on = models.DateField(primary_key=True)
    budget = models.DecimalField(max_digits=14, decimal_places=4)
    currency = models.CharField(max_length=3)
    weeks = ArrayField(
        models.DecimalField(max_digits=14, decimal_places=4, null=True, blank=True),
        size=LONGEST_QUARTER,
    )
    set_by = models.CharField(max_length=150)
    set_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(starts_on__iso_week_day=1), name="quarter_from_monday"
            ),
            models.CheckConstraint(
                condition=Q(weeks__len__in=[LONGEST_QUARTER - 1, LONGEST_QUARTER]),
                name="quarter_of_whole_weeks",
            ),
            models.CheckConstraint(
                condition=_not_negative(LONGEST_QUARTER),
                name="quarter_is_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(budget__gte=_fixed(LONGEST_QUARTER)),
                name="quarter_within_budget",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.starts_on}"

    @property
    def stream(self) -> str:
        """The decision stream in the log."""
        return f"quarter:{self.starts_on}"
