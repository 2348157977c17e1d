"""Strategies: ways of forming offers, each with its money and its road to life."""

import uuid
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from analytics import clock
from analytics.languages import reread, said
from analytics.wording import revived
from promotions import drafts, rule_faults, rule_reading, rules, term_words
from promotions.models.campaigns import Campaign
from promotions.models.checks import WITHIN_BUDGET, check_menu, check_rule, decoded


class Strategy(models.Model):
    """One approved way of forming offers inside a campaign."""

    class State(models.TextChoices):
        PROPOSED = "proposed", _("proposed")
        RETURNED = "returned", _("returned for changes")
        LIVE = "live", _("live")
        PAUSED = "paused", _("paused")
        REJECTED = "rejected", _("rejected")
        ENDED = "ended", _("ended")

    class Kind(models.TextChoices):
        PERCENTAGE = "percentage", _("percentage")
        AMOUNT = "amount", _("amount")
        FIXED_PRICE = "fixed_price", _("fixed price")
        THRESHOLD = "threshold", _("threshold")
        MULTIBUY = "multibuy", _("multibuy")
        BUNDLE = "bundle", _("bundle")
        GIFT = "gift", _("gift")
        SHIPPING = "shipping", _("shipping")
        PRICES = "prices", _("price change")

    class Trigger(models.TextChoices):
        OFFER = "offer", _("a personal offer")
        AUTOMATIC = "automatic", _("automatic")
        CODE = "code", _("a code")
        SHELF = "shelf", _("the shelf: everybody's price")

    class Allocation(models.TextChoices):
        BEST = "best", _("the best one for each")
        THOMPSON = "thompson", _("one by lot, at odds that follow what each earns")
        TRIAL = "trial", _("one by lot, whoever they are, to learn what offers do")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    campaign = models.ForeignKey(Campaign, models.PROTECT, related_name="strategies")
    kind = models.CharField(max_length=20, choices=Kind)
    title = models.CharField(max_length=200)
    reason = models.TextField(help_text="Why the platform proposes it, in plain words.")
    scope = ArrayField(
        models.TextField(), blank=True, help_text="Categories; empty: the whole basket."
    )
    menu = models.JSONField(
        blank=True,
        validators=[check_menu],
        help_text="Of a price change it is empty: see its lines.",
    )
    trigger = models.CharField(
        max_length=20,
        choices=Trigger,
        default=Trigger.OFFER,
        help_text="What makes it apply to a cart.",
    )
    rule = models.JSONField(default=dict, blank=True, validators=[check_rule])
    touches = ArrayField(
        models.TextField(),
        default=list,
        editable=False,
        help_text="What a cart must hold for it to matter, for the index.",
    )
    version = models.IntegerField(default=1, editable=False)
    replaces = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="successors"
    )
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=20, choices=State, default=State.PROPOSED)
    budget = models.DecimalField(max_digits=14, decimal_places=4)
    reserved = models.DecimalField(max_digits=14, decimal_places=4, default=0)
    spent = models.DecimalField(max_digits=14, decimal_places=4, default=0)
    redemptions = models.IntegerField(default=0)
    holdout = models.FloatField()
    explore = models.FloatField(
        default=0.2, help_text="The share of the treated whose variant is drawn by lot."
    )
    allocation = models.CharField(
        max_length=20,
        choices=Allocation,
        default=Allocation.BEST,
        help_text="Who gets which variant: see promotions.bandit.",
    )
    least_margin = models.DecimalField(
        max_digits=4, decimal_places=3, help_text="No line is sold below this margin."
    )
    renews_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="A personal offer can be used again so many days after a use; "
        "empty: it is for one use.",
    )
    forecast = models.JSONField(
        default=dict, blank=True, help_text="`tried`: see promotions.backtest."
    )
    measured = models.JSONField(
        default=dict, blank=True, help_text="Counted from events every quarter hour."
    )
    guards = models.JSONField()
    proposed_at = models.DateTimeField(default=clock.now)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=150, default="", blank=True)
    comment = models.TextField(default="", blank=True)
    paused_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was paused last, or is."
    )

    class Meta:
        verbose_name_plural = "strategies"
        permissions = (("approve_strategy", "Can approve, reject and end strategies"),)
        indexes = [
            # Which of 100,000 strategies touch this cart? See promotions.book. What is
            # written goes in at once: reading a list of 10,000 pending takes 15 ms.
            GinIndex(
                fields=["touches"],
                name="strategy_touches",
                fastupdate=False,
                condition=Q(state="live", trigger="automatic"),
            ),
            models.Index(fields=["-proposed_at", "id"], name="strategy_newest"),
            # Whose offers may vanish once a campaign has paid?
            models.Index(
                fields=["campaign"],
                name="strategy_offers",
                condition=Q(state="live", trigger="offer"),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["replaces"],
                name="strategy_replaced_once",
                # A rejected version leaves the place free for the next.
                condition=~Q(state="rejected"),
            ),
            models.CheckConstraint(
                # An offer's variants are tried by lot; a shelf label has one.
                condition=Q(trigger="offer") | Q(holdout=0),
                name="strategy_holdout_of_offers",
            ),
            models.CheckConstraint(
                condition=Q(kind="prices", trigger="shelf", menu={})
                | ~Q(kind="prices") & ~Q(trigger="shelf") & ~Q(menu={}),
                name="strategy_shelf",
            ),
            models.CheckConstraint(
                condition=Q(renews_days=None) | Q(renews_days__gte=1, trigger="offer"),
                name="strategy_renews",
            ),
            models.CheckConstraint(
                condition=Q(allocation="best")
                | Q(allocation__in=["thompson", "trial"], trigger="offer"),
                name="strategy_allocation",
            ),
            models.CheckConstraint(
                condition=WITHIN_BUDGET, name="strategy_within_budget"
            ),
            models.CheckConstraint(
                condition=Q(holdout__gte=0, holdout__lt=1), name="strategy_holdout"
            ),
            models.CheckConstraint(
                condition=Q(state="proposed") | Q(decided_at__isnull=False),
                name="strategy_decided",
            ),
        ]

    def __str__(self) -> str:
        return self.called

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; a new strategy's place in the index follows from its rule."""
        if self._state.adding:
            self.touches = rules.touches(
                rule_reading.decoded_rule(self.rule),
                self.terms.values(),
                tuple(self.scope),
            )
        super().save(*args, **kwargs)

    def clean(self) -> None:
        """Refuse what the fields only say together."""
        terms = decoded(rule_reading.decoded_menu, self.menu)
        kinds = {one.__struct_config__.tag for one in terms.values()}
        if kinds != (set() if self.prices else {self.kind}):
            raise ValidationError({"menu": "The menu is of another kind."})
        for label, one in terms.items():
            if wrong := rule_faults.fault(one, self.currency):
                raise ValidationError({"menu": f"{label}: {wrong}"})
        rule = decoded(rule_reading.decoded_rule, self.rule)
        if wrong := rule_faults.rule_fault(rule, self.currency):
            raise ValidationError({"rule": wrong})
        if self.trigger == self.Trigger.OFFER and self.kind not in drafts.PERSONAL:
            raise ValidationError({"trigger": "This kind cannot be a personal offer."})

    @property
    def prices(self) -> bool:
        """Whether it changes prices for everybody: it makes no offers, has no arms."""
        return bool(self.kind == self.Kind.PRICES)

    @property
    def called(self) -> str:
        """Its title, in an operator's language if the platform gave it."""
        if kept := self.forecast.get("said", {}).get("title"):
            return str(said(revived(kept)))
        scope = ", ".join(self.scope or ())
        # Titles of old have no pattern: the platform's begin with their categories and
        # come with a forecast; a person's is never read again (decision 42).
        ours = "reach" in self.forecast and self.title.startswith(f"{scope}: ")
        return reread(self.title) if ours else self.title

    @property
    def why(self) -> str:
        """Why the platform proposes it, in an operator's language; "" if not kept."""
        return str(said(revived(self.forecast.get("said", {}).get("reason", ""))))

    def words(self, variant: str) -> str:
        """What a variant gives, in an operator's language; its name if it is gone."""
        terms = self.terms.get(variant)
        return str(said(term_words.words(terms, self.currency))) if terms else variant

    @property
    def stream(self) -> str:
        """The decision stream in the log."""
        return f"strategy:{self.pk}"

    @property
    def terms(self) -> dict[str, rules.Terms]:
        """The menu, typed: label -> terms."""
        return rule_reading.decoded_menu(self.menu)

    @property
    def turns(self) -> float:
        """How often its offers can be used within the horizon of forecasts."""
        return self.turns_in(settings.HORIZON_DAYS)

    def turns_in(self, days: float) -> float:
        """How often its offers can be used within so many days."""
        if self.renews_days is None:
            return 1.0
        return max(1.0, days / self.renews_days)

    @property
    def promised(self) -> float | None:
        """The profit that the forecast promises for each customer who comes to get it.

        More do than it reaches at once: places turn over. The planned test knows.
        """
        margin, reach = self.forecast.get("margin"), self.forecast.get("reach")
        comes = self.forecast.get("test", {}).get("treatment") or reach
        return float(margin / comes) if reach and margin is not None else None

    @property
    def left(self) -> Decimal:
        """What may still be reserved or spent."""
        return min(self.budget - self.spent - self.reserved, self.campaign.left)

    @property
    def exhausted(self) -> bool:
        """Whether what is left is less than a redemption has cost so far on average.

        Such offers are not shown any more: checkout would refuse most of them.
        """
        return self.left * self.redemptions < self.spent
