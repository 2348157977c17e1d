"""What operators have agreed to in advance."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from analytics import clock
from promotions.models.campaigns import Campaign


class StandingRule(models.Model):
    """What operators have agreed to in advance: such a flag ends a strategy by itself.

    A rule acts only once it is approved, by somebody else than who proposed it.
    """

    class Flag(models.TextChoices):
        MISMATCH = "mismatch", _("arms are not as drawn")
        HARM = "harm", _("it certainly loses profit")
        RETURNS = "returns", _("it certainly brings more returns")
        REFUSALS = "refusals", _("it certainly drives customers off")
        PACE = "pace", _("its budget will not last")
        PROMISE = "promise", _("it certainly brings less than promised")
        MARGIN = "margin", _("it certainly lowers the margin before discounts")
        DRIFT = "drift", _("its newest customers answer otherwise")
        SHORT = "short", _("its goods run short")
        OPINION = "opinion", _("much is said against its goods")

    class State(models.TextChoices):
        PROPOSED = "proposed", _("proposed")
        APPROVED = "approved", _("approved")
        RETIRED = "retired", _("retired")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    flag = models.CharField(max_length=20, choices=Flag)
    campaign = models.ForeignKey(
        Campaign, models.PROTECT, null=True, blank=True, help_text="Empty: of all."
    )
    state = models.CharField(max_length=20, choices=State, default=State.PROPOSED)
    proposed_by = models.CharField(max_length=150)
    proposed_at = models.DateTimeField(default=clock.now)
    decided_by = models.CharField(max_length=150, default="", blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    comment = models.TextField(help_text="Why, for whoever asks later.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="approved") | ~Q(decided_by=F("proposed_by")),
                name="standing_rule_by_two",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_flag_display()}: {self.get_state_display()}"
