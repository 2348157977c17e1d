"""Campaigns, strategies, offers, codes, reservations, redemptions.

A strategy's `state`, `reserved`, `spent` and `redemptions`, a campaign's money, the
counters of limits and a code's `uses` are inline rows: they change under a row lock in
the transaction that appends the event, and a test folds the log against them. `Offer`
and `Sheet` are replaceable: targeting computes them again.
"""

import operator
import re
import uuid
import zoneinfo
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from functools import reduce
from typing import Any, ClassVar, TypeVar

import msgspec
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import (
    ArrayField,
    DateTimeRangeField,
    RangeOperators,
)
from django.contrib.postgres.indexes import BrinIndex, GinIndex
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Coalesce, Concat
from django.utils.translation import gettext_lazy as _

from analytics import clock
from analytics.languages import reread, said
from analytics.wording import revived
from promotions import drafts, rules

Decoded = TypeVar("Decoded")


def check_menu(menu: object) -> None:
    """Refuse a menu that is not {label: terms}: an invalid rule cannot be saved."""
    terms = _decoded(rules.decoded_menu, menu)
    if len({type(rule) for rule in terms.values()}) > 1:
        raise ValidationError("A menu's variants are all of one kind.")
    for label, rule in terms.items():
        if reason := rules.fault(rule):
            raise ValidationError(f"{label}: {reason}")


def check_rule(rule: object) -> None:
    """Refuse a rule that is of another shape, or makes no sense."""
    if reason := rules.rule_fault(_decoded(rules.decoded_rule, rule)):
        raise ValidationError(reason)


def check_limits(limits: object) -> None:
    """Refuse limits that are of another shape, or make no sense."""
    if reason := rules.limits_fault(_decoded(rules.decoded_limits, limits)):
        raise ValidationError(reason)


def check_zone(name: str) -> None:
    """Refuse a time zone that nobody has heard of."""
    if name not in zoneinfo.available_timezones():
        raise ValidationError(f"There is no time zone “{name}”.")


def _decoded(decode: Callable[[object], Decoded], given: object) -> Decoded:
    try:
        return decode(given)
    except msgspec.ValidationError as error:
        raise ValidationError(str(error)) from error


PROPOSALS = re.compile(r"Proposals of [-0-9]{10} [:0-9]{5}")
"""What the platform calls its campaigns (promotions.strategies)."""


class Campaign(models.Model):
    """A time-boxed container with a budget; the period is half-open."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    zone = models.CharField(
        max_length=64,
        default="UTC",
        validators=[check_zone],
        help_text="Hours, weekdays and the days of limits are this time zone's.",
    )
    budget = models.DecimalField(max_digits=14, decimal_places=4)
    reserved = models.DecimalField(max_digits=14, decimal_places=4, default=0)
    spent = models.DecimalField(max_digits=14, decimal_places=4, default=0)
    currency = models.CharField(max_length=3)
    limits = models.JSONField(default=list, blank=True, validators=[check_limits])
    least_return = models.DecimalField(
        max_digits=7,
        decimal_places=3,
        null=True,
        blank=True,
        help_text="Profit its personal offers together must bring for each unit of "
        "discount, once that is paid; empty: none is asked.",
    )
    most_per_customer = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text="Of its personal offers, for one customer; empty: no such cap.",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(least_return=None) | Q(least_return__gte=0),
                name="campaign_least_return",
            ),
            models.CheckConstraint(
                condition=Q(most_per_customer=None) | Q(most_per_customer__gte=1),
                name="campaign_most_per_customer",
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="campaign_period"
            ),
            models.CheckConstraint(
                condition=Q(
                    spent__gte=0,
                    reserved__gte=0,
                    budget__gte=F("spent") + F("reserved"),
                ),
                name="campaign_within_budget",
            ),
        ]

    def __str__(self) -> str:
        return self.called

    @property
    def called(self) -> str:
        """Its name, in an operator's language if the platform gave it."""
        return reread(self.name) if PROPOSALS.fullmatch(self.name) else self.name

    @property
    def stream(self) -> str:
        """The decision stream in the log."""
        return f"campaign:{self.pk}"

    @property
    def left(self) -> Decimal:
        """What may still be reserved or spent."""
        return self.budget - self.spent - self.reserved


LONGEST_QUARTER = 14
"""Weeks."""


def _fixed(most: int) -> Combinable:
    """Return what the weeks of a quarter have that are fixed."""
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
                condition=Q(
                    spent__gte=0,
                    reserved__gte=0,
                    budget__gte=F("spent") + F("reserved"),
                ),
                name="strategy_within_budget",
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
                rules.decoded_rule(self.rule), self.terms.values(), tuple(self.scope)
            )
        super().save(*args, **kwargs)

    def clean(self) -> None:
        """Refuse what the fields only say together."""
        terms = _decoded(rules.decoded_menu, self.menu)
        kinds = {one.__struct_config__.tag for one in terms.values()}
        if kinds != (set() if self.prices else {self.kind}):
            raise ValidationError({"menu": "The menu is of another kind."})
        for label, one in terms.items():
            if wrong := rules.fault(one, self.currency):
                raise ValidationError({"menu": f"{label}: {wrong}"})
        rule = _decoded(rules.decoded_rule, self.rule)
        if wrong := rules.rule_fault(rule, self.currency):
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
        ours = "reach" in self.forecast and self.title.startswith(f"{scope}: ")
        return reread(self.title) if ours else self.title

    @property
    def why(self) -> str:
        """Why the platform proposes it, in an operator's language; "" if not kept."""
        return str(said(revived(self.forecast.get("said", {}).get("reason", ""))))

    def words(self, variant: str) -> str:
        """What a variant gives, in an operator's language; its name if it is gone."""
        terms = self.terms.get(variant)
        return str(said(rules.words(terms, self.currency))) if terms else variant

    @property
    def stream(self) -> str:
        """The decision stream in the log."""
        return f"strategy:{self.pk}"

    @property
    def terms(self) -> dict[str, rules.Terms]:
        """The menu, typed: label -> terms."""
        return rules.decoded_menu(self.menu)

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


OPEN = timedelta(days=28)
"""So long is a price change watched that has no end."""


class PriceLine(models.Model):
    """A product's price for a time, of a strategy that changes prices.

    Several lines of a sku, one after the other, are a mark-down path. Without an end
    the price stays, and what the feed says counts again when the campaign is over.
    """

    class State(models.TextChoices):
        PROPOSED = "proposed", _("proposed")
        PLANNED = "planned", _("planned")
        RUNNING = "running", _("in force")
        OVER = "over", _("over")
        OVERRULED = "overruled", _("overruled by the shop")

    strategy = models.ForeignKey(
        Strategy, models.PROTECT, related_name="price_lines", db_index=False
    )
    sku = models.CharField(max_length=200)
    price = models.DecimalField(max_digits=14, decimal_places=4)
    was = models.DecimalField(
        max_digits=14, decimal_places=4, help_text="When it was proposed."
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=20, choices=State, default=State.PROPOSED)
    expects = models.JSONField(
        default=dict, blank=True, help_text="See price_lines.Expected."
    )

    class Meta:
        indexes = [
            # What begins or ends by now?
            models.Index(
                fields=["strategy", "state"],
                name="price_line_open",
                condition=Q(state__in=["planned", "running"]),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["strategy", "sku", "starts_at"], name="price_line_once"
            ),
            models.CheckConstraint(condition=Q(price__gte=0), name="price_line_price"),
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="price_line_period",
            ),
            ExclusionConstraint(
                name="price_line_alone",
                expressions=[
                    ("sku", RangeOperators.EQUAL),
                    (
                        Func(
                            "starts_at",
                            "ends_at",
                            function="TSTZRANGE",
                            output_field=DateTimeRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                condition=Q(state__in=["planned", "running"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sku} {self.price}"


class Offer(models.Model):
    """A strategy's variant addressed to one customer; its id is the decision's id."""

    id = models.UUIDField(primary_key=True)
    customer = models.UUIDField()
    strategy = models.ForeignKey(Strategy, models.CASCADE, related_name="offers")
    variant = models.TextField()
    probability = models.FloatField(help_text="Of this very choice, for the estimates.")
    expected = models.FloatField(help_text="Incremental margin forecast for it.")
    computed_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    redeemed_at = models.DateTimeField(null=True)
    held_until = models.DateTimeField(null=True, help_text="By a reservation.")
    lift = models.FloatField(
        default=0, help_text="By which it raises a week's log-odds of buying in scope."
    )
    rate = models.FloatField(default=0, help_text="Margin rate of what is bought.")
    use = models.FloatField(default=1, help_text="Of what it could give, is given.")
    stretch = models.FloatField(default=1, help_text="Baskets with it, in usual ones.")
    later = models.FloatField(
        default=0, help_text="Of what it sells, this is missing later or elsewhere."
    )
    correction = models.FloatField(
        default=0, help_text="Of a week's log-odds: what scores get wrong."
    )
    aside = models.FloatField(
        default=0, help_text="What being addressed brings, or costs, elsewhere."
    )
    turn = models.PositiveIntegerField(
        default=0, help_text="How often it was renewed after a use."
    )
    why: Sequence[str] = ()
    """What may be said to the customer, see offers.explain; not stored."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "strategy"], name="offer_once_per_strategy"
            ),
            models.CheckConstraint(
                condition=Q(probability__gt=0, probability__lte=1),
                name="offer_probability",
            ),
        ]

    def __str__(self) -> str:
        told = {"what": self.strategy.words(self.variant), "whom": self.customer}
        return _("%(what)s for %(whom)s") % told


class Feedback(models.Model):
    """A customer's last word on a strategy's offer; see promotions.feedback.

    After `Offer`: rows are locked in this order, by erasure too. `strategy` is no
    foreign key, whose check would lock a strategy after its offer, and not before.
    """

    class Word(models.TextChoices):
        USEFUL = "useful", _("useful")
        NOT_FOR_ME = "not_for_me", _("not for me")
        TOO_MANY = "too_many", _("too many offers")

    customer = models.UUIDField()
    strategy = models.UUIDField()
    word = models.CharField(max_length=20, choices=Word)
    said_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "feedback"
        indexes = [models.Index(fields=["strategy"], name="feedback_strategy")]
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "strategy"], name="feedback_last_word"
            ),
            models.CheckConstraint(
                condition=Q(word__in=["useful", "not_for_me", "too_many"]),
                name="feedback_word",
            ),
        ]

    def __str__(self) -> str:
        return self.get_word_display()


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


class Supply(models.Model):
    """How a product's stock stands: promotions.supply counts it anew every hour.

    Only products have a row whose stock the shop sends. `weekly` units are expected to
    sell, `promoted` of those until an order of today is sold come from promotions;
    `lead_assumed`: no product says it. The rest is of catalog.stock.Standing.
    """

    class State(models.TextChoices):
        OUT = "out", _("sold out")
        SHORT = "short", _("runs short")
        EXPIRING = "expiring", _("will expire unsold")
        OVER = "over", _("too much")
        FINE = "fine", _("enough")
        UNKNOWN = "unknown", _("no forecast")

    product = models.OneToOneField(
        "catalog.Product",
        models.CASCADE,
        primary_key=True,
        db_column="sku",
        related_name="supply",
    )
    category = models.TextField(blank=True)
    state = models.CharField(max_length=20, choices=State)
    units = models.IntegerField()
    incoming = models.IntegerField(default=0)
    weekly = models.FloatField(default=0.0)
    promoted = models.FloatField(default=0.0)
    cover = models.FloatField(null=True, help_text="Days; empty: none sells.")
    chance_out = models.FloatField(default=0.0)
    lead_days = models.IntegerField(default=0)
    lead_assumed = models.BooleanField(default=False)
    protected_days = models.IntegerField(default=0)
    safety = models.IntegerField(default=0)
    reorder_point = models.IntegerField(default=0)
    order = models.IntegerField(default=0)
    over = models.IntegerField(default=0)
    chance_over = models.FloatField(default=0.0)
    unsold = models.FloatField(default=0.0)
    chance_unsold = models.FloatField(default=0.0)
    computed_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "supplies"
        indexes = [
            models.Index(fields=["state", "-chance_out"], name="supply_state"),
            models.Index(fields=["category"], name="supply_category"),
        ]

    def __str__(self) -> str:
        return f"{self.pk}: {self.get_state_display()}"


class Place(models.Model):
    """A customer's place in a strategy's audience, for as long as an offer lasts.

    Whatever the lot: were only offers to keep their places, who is held back would
    come into other audiences more easily than who is not.
    """

    customer = models.UUIDField()
    strategy = models.ForeignKey(Strategy, models.CASCADE, related_name="+")
    until = models.DateTimeField()
    cost = models.FloatField(
        default=0,
        db_default=0,
        help_text="Expected, of who came after the scores; else each refresh knows.",
    )

    class Meta:
        indexes = [
            models.Index(
                fields=["strategy"], name="place_arrived", condition=Q(cost__gt=0)
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "strategy"], name="place_once_per_strategy"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer} until {self.until}"


class Sheet(models.Model):
    """A customer's offers, rendered: GET offers is one look-up by key."""

    customer = models.UUIDField(primary_key=True)
    body = models.TextField()
    expires_at = models.DateTimeField()
    position = models.BigIntegerField(
        default=0,
        db_default=0,
        help_text="What was known of the log when it was ranked.",
    )

    def __str__(self) -> str:
        return str(self.customer)


class Allocation(models.Model):
    """A refresh's choice of who gets which offer, and what was proved of it.

    No plan is worth more than `bound`; `gap` is the part of it that this one misses:
    null where no plan was found at all. Who comes before the next refresh is decided
    on by the `prices`, from what is `left` (promotions.arrivals).
    """

    computed_at = models.DateTimeField()
    feasible = models.BooleanField()
    value = models.FloatField(help_text="Incremental margin of what was added.")
    bound = models.FloatField(null=True, help_text="No plan in the limits adds more.")
    gap = models.FloatField(null=True, help_text="(bound − value) / bound.")
    proof = models.CharField(max_length=10, help_text="Of the bound: dual, or search.")
    refused = models.BooleanField(help_text="Not good enough: nothing was added.")
    reason = models.TextField(default="", blank=True, help_text="Why it was refused.")
    prices = models.JSONField(help_text="What a unit more of each limit would earn.")
    slack = models.JSONField(default=dict, help_text="What it left of each limit.")
    left = models.JSONField(default=dict, help_text="What arrivals since then left.")

    class Meta:
        indexes = [models.Index(fields=["computed_at"], name="allocation_latest")]
        constraints = [
            models.CheckConstraint(
                condition=Q(refused=True)
                | Q(feasible=True, bound__isnull=False, gap__isnull=False),
                name="allocation_served",
            ),
        ]

    def __str__(self) -> str:
        told = str(_("no plan"))
        if self.gap is not None:
            told = _("gap %s") % f"{self.gap:.2g}"
        return f"{self.computed_at:%Y-%m-%d %H:%M}: {told}"


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


class Denial(models.Model):
    """Something that the checkout refused to a customer; kept for support, 30 days.

    `reasons` are [of, name, reason]: a code (promotions.denials says how it is named)
    or a strategy, and why it did not apply. `detail` is the refusal in English.
    """

    class Call(models.TextChoices):
        CART = "cart", _("a cart was priced")
        RESERVATION = "reservation", _("a cart was to be reserved")
        ORDER = "order", _("an order was to use promotions")

    customer = models.UUIDField()
    at = models.DateTimeField(help_text="The last time.")
    call = models.CharField(max_length=20, choices=Call)
    code = models.TextField(help_text="The problem's code, as the shop was told.")
    reasons = models.JSONField(default=list)
    detail = models.TextField(default="", blank=True)
    times = models.IntegerField(default=1, help_text="The same again within an hour.")

    class Meta:
        indexes = [
            models.Index(fields=["customer", "-at"], name="denial_customer"),
            models.Index(fields=["at"], name="denial_at"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.code}"


class Counter(models.Model):
    """What a limit has counted: uses and money of a holder in a period.

    `subject` is a strategy or a campaign; the holder a customer, a code, or neither.
    `begins` is the period's first day in the campaign's zone; for "ever" 0001-01-01.
    """

    subject = models.UUIDField()
    customer = models.UUIDField(null=True)
    code = models.UUIDField(null=True)
    period = models.CharField(max_length=10)
    begins = models.DateField()
    uses = models.IntegerField(default=0)
    money = models.DecimalField(max_digits=14, decimal_places=4, default=0)

    class Meta:
        indexes = [
            models.Index(
                fields=["customer"],
                name="counter_customer",
                condition=Q(customer__isnull=False),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["subject", "customer", "code", "period", "begins"],
                name="counter_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(uses__gte=0, money__gte=0), name="counter_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.uses} uses, {self.money}, {self.period} of {self.begins}"


class Reservation(models.Model):
    """A hold on budgets, limits and codes for one cart, until it is used or expires."""

    class State(models.TextChoices):
        HELD = "held", _("held")
        REDEEMED = "redeemed", _("redeemed")
        RELEASED = "released", _("released")
        EXPIRED = "expired", _("expired")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    customer = models.UUIDField(null=True)
    currency = models.CharField(max_length=3)
    priced = models.JSONField(help_text="As it was answered.")
    state = models.CharField(max_length=20, choices=State, default=State.HELD)
    reserved_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    ERASED: ClassVar[Mapping[str, Any]] = {
        "customer": None,
        "priced": {},
        "expires_at": F("reserved_at"),
    }
    """What analytics.privacy leaves: it is overdue, and so gives the money back."""

    class Meta:
        indexes = [
            models.Index(
                fields=["expires_at"],
                name="reservation_held",
                condition=Q(state="held"),
            ),
            models.Index(
                fields=["customer"],
                name="reservation_customer",
                condition=Q(customer__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reserved_at:%Y-%m-%d %H:%M}, {self.get_state_display()}"


class Hold(models.Model):
    """What a reservation holds of one strategy."""

    reservation = models.ForeignKey(Reservation, models.CASCADE, related_name="holds")
    strategy = models.ForeignKey(Strategy, models.PROTECT, related_name="holds")
    offer = models.UUIDField(null=True)
    turn = models.PositiveIntegerField(default=0, help_text="Of the offer.")
    code = models.UUIDField(null=True)
    variant = models.TextField()
    discount = models.DecimalField(max_digits=14, decimal_places=4)
    gift = models.CharField(max_length=200, default="", blank=True)
    gift_value = models.DecimalField(max_digits=14, decimal_places=4, default=0)
    adjustments = models.JSONField()
    counted = models.JSONField(
        default=list, help_text="The counters that were raised: [id, …]."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["reservation", "strategy"], name="hold_once"
            ),
        ]
        indexes = [
            models.Index(fields=["gift"], name="hold_gift", condition=~Q(gift="")),
        ]

    def __str__(self) -> str:
        return f"{self.strategy_id}: {self.discount}"


class Redemption(models.Model):
    """One recorded use of a strategy by an order: of an offer, a code, or neither."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    strategy = models.ForeignKey(
        Strategy, models.PROTECT, related_name="redeemed_orders"
    )
    offer = models.UUIDField(null=True)
    turn = models.PositiveIntegerField(default=0, help_text="Of the offer.")
    code = models.UUIDField(null=True)
    customer = models.UUIDField(null=True)
    order_id = models.TextField()
    variant = models.TextField()
    discount = models.DecimalField(max_digits=14, decimal_places=4)
    gift = models.CharField(max_length=200, default="", blank=True)
    gift_value = models.DecimalField(max_digits=14, decimal_places=4, default=0)
    adjustments = models.JSONField()
    counted = models.JSONField(
        default=list, help_text="The counters that were raised: [id, …]."
    )
    redeemed_at = models.DateTimeField()
    returned = models.DecimalField(
        max_digits=14,
        decimal_places=4,
        default=0,
        help_text="Of the discount, taken back by rollbacks.",
    )
    rolled_back_at = models.DateTimeField(null=True, help_text="When whole.")

    ERASED: ClassVar[Mapping[str, Any]] = {
        "customer": None,
        "order_id": Concat(Value("erased "), Cast("id", models.TextField())),
    }
    """What analytics.privacy leaves: the money was spent, whoever spent it."""

    class Meta:
        indexes = [
            BrinIndex(
                fields=["redeemed_at"], name="redemption_when", autosummarize=True
            ),
            models.Index(fields=["customer"], name="redemption_customer"),
            models.Index(
                fields=["gift", "redeemed_at"],
                name="redemption_gift",
                condition=~Q(gift=""),
            ),
            models.Index(
                fields=["rolled_back_at"],
                name="redemption_rolled_back",
                condition=Q(rolled_back_at__isnull=False),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["order_id", "strategy"],
                name="redemption_once_per_order",
                condition=Q(rolled_back_at=None),
            ),
            models.UniqueConstraint(
                fields=["offer", "turn"],
                name="redemption_once_per_turn",
                condition=Q(rolled_back_at=None),
            ),
            models.CheckConstraint(
                condition=Q(discount__gt=0), name="redemption_has_effect"
            ),
            models.CheckConstraint(
                condition=Q(returned__gte=0, returned__lte=F("discount")),
                name="redemption_returned",
            ),
        ]

    def __str__(self) -> str:
        return self.order_id


class Rollback(models.Model):
    """The reversal of a redemption, whole or by line."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    redemption = models.ForeignKey(Redemption, models.CASCADE, related_name="rollbacks")
    amount = models.DecimalField(max_digits=14, decimal_places=4)
    customer = models.UUIDField(null=True)
    lines = models.JSONField(help_text="[{line, quantity, amount}]; empty: whole.")
    reason = models.TextField(default="", blank=True)
    rolled_back_at = models.DateTimeField()

    ERASED: ClassVar[Mapping[str, Any]] = {"customer": None, "reason": ""}
    """What analytics.privacy leaves: a reason is the shop's own words on somebody."""

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount__gte=0), name="rollback_amount"),
        ]

    def __str__(self) -> str:
        return f"{self.redemption_id}: {self.amount}"


class Receipt(models.Model):
    """The answer to an Idempotency-Key, given again when the call is retried."""

    pk = models.CompositePrimaryKey("caller", "key")
    caller = models.UUIDField()
    key = models.CharField(max_length=255, help_text="SHA-256 of what was sent.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the request body.")
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return self.key


class Endpoint(models.Model):
    """Where a shop wants to be told of what happens: a webhook."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    url = models.URLField(max_length=500, unique=True)
    secret = models.CharField(
        max_length=80, editable=False, help_text="whsec_…; signs every delivery."
    )
    old_secret = models.CharField(max_length=80, default="", editable=False)
    old_until = models.DateTimeField(
        null=True, editable=False, help_text="So long the secret before signs too."
    )
    types = ArrayField(
        models.TextField(), blank=True, default=list, help_text="Empty: all."
    )
    active = models.BooleanField(default=True)
    failing_since = models.DateTimeField(null=True, editable=False)
    position = models.BigIntegerField(
        default=0, editable=False, help_text="The log's position it was told up to."
    )
    created_at = models.DateTimeField(default=clock.wall, editable=False)

    def __str__(self) -> str:
        return self.url


class Delivery(models.Model):
    """One message to one endpoint; those of a strategy go out in order."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        DELIVERED = "delivered", _("delivered")
        GIVEN_UP = "given up", _("given up")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    endpoint = models.ForeignKey(Endpoint, models.CASCADE, related_name="deliveries")
    position = models.BigIntegerField(help_text="Of the event in the log.")
    strategy = models.UUIDField()
    type = models.TextField()
    state = models.CharField(max_length=20, choices=State, default=State.WAITING)
    attempts = models.IntegerField(default=0)
    next_at = models.DateTimeField(default=clock.wall)
    status = models.IntegerField(null=True, help_text="The last answer's.")
    error = models.TextField(default="", blank=True)
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "deliveries"
        indexes = [
            models.Index(
                fields=["endpoint", "strategy", "position"],
                name="delivery_waiting",
                condition=Q(state="waiting"),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint", "position"], name="delivery_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} → {self.endpoint_id}"


class HelpText(models.Model):
    """A version of one of the shop's texts for customers, in one language.

    What is published is never changed: a change is a new version, a draft at first.
    """

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        PUBLISHED = "published", _("published")
        RETIRED = "retired", _("retired")

    class Language(models.TextChoices):
        EN = "en", _("English")
        ZH = "zh-hans", _("Simplified Chinese")

    slug = models.SlugField(
        max_length=60, help_text="The same in all languages, as “returns”."
    )
    language = models.CharField(max_length=10, choices=Language)
    version = models.IntegerField(editable=False)
    title = models.CharField(max_length=200)
    body = models.TextField(max_length=4000, help_text="As customers read it.")
    asked = ArrayField(
        models.CharField(max_length=200),
        default=list,
        blank=True,
        help_text="How customers ask for it, one a line: it is found by these too.",
    )
    link = models.URLField(
        max_length=500, blank=True, default="", help_text="The shop's page on it."
    )
    state = models.CharField(
        max_length=20, choices=State, default=State.DRAFT, editable=False
    )
    edited_by = models.CharField(max_length=150, editable=False)
    edited_at = models.DateTimeField(editable=False)
    published_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        permissions = (("publish_helptext", "Can publish and retire help texts"),)
        constraints = [
            models.UniqueConstraint(
                fields=["slug", "language", "version"], name="help_text_version"
            ),
            models.UniqueConstraint(
                fields=["slug", "language"],
                name="help_text_published_once",
                condition=Q(state="published"),
            ),
            models.UniqueConstraint(
                fields=["slug", "language"],
                name="help_text_draft_once",
                condition=Q(state="draft"),
            ),
            models.CheckConstraint(
                condition=Q(language__in=["en", "zh-hans"]), name="help_text_language"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.language}, {self.version})"


class Conversation(models.Model):
    """Questions that belong together; its id is the shop's, or the browser's, lot.

    `state` is what a further question may be about: see assistant.remembered.
    """

    id = models.UUIDField(primary_key=True)
    customer = models.UUIDField(null=True)
    owner = models.CharField(
        max_length=64,
        blank=True,
        default="",
        help_text="A keyed hash of the id that was given, where nobody is known by it.",
    )
    public = models.BooleanField(
        default=False, help_text="Begun by a browser's key: it has no customer."
    )
    language = models.CharField(max_length=10, choices=HelpText.Language)
    state = models.JSONField(default=dict, blank=True)
    began_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["last_at"], name="conversation_last"),
            models.Index(
                fields=["customer"],
                name="conversation_customer",
                condition=Q(customer__isnull=False),
            ),
            models.Index(
                fields=["owner"], name="conversation_owner", condition=~Q(owner="")
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(public=False) | Q(customer=None),
                name="conversation_public_is_nameless",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.began_at:%Y-%m-%d %H:%M}"


class Question(models.Model):
    """What somebody asked, and what was answered: the texts are not in the log.

    `answers` is as it was sent: [{kind, text, facts, sources}].
    """

    class Outcome(models.TextChoices):
        ANSWERED = "answered", _("answered")
        DECLINED = "declined", _("declined")
        HANDED_OVER = "handed_over", _("handed over")

    class Verdict(models.TextChoices):
        RIGHT = "right", _("right")
        WRONG = "wrong", _("wrong")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(
        Conversation, models.CASCADE, related_name="questions"
    )
    customer = models.UUIDField(null=True)
    owner = models.CharField(max_length=64, blank=True, default="")
    asked_at = models.DateTimeField()
    number = models.IntegerField(default=0, help_text="In its conversation.")
    language = models.CharField(max_length=10, choices=HelpText.Language)
    text = models.TextField()
    cart = models.JSONField(null=True, blank=True, help_text="As it was sent.")
    outcome = models.CharField(max_length=20, choices=Outcome)
    kinds = ArrayField(models.TextField(), default=list, blank=True)
    chance = models.FloatField(help_text="That it was understood, as believed.")
    answer = models.TextField()
    answers = models.JSONField(default=list)
    rephrased = models.BooleanField(default=False)
    verdict = models.CharField(
        max_length=10, choices=Verdict, default="", blank=True, help_text="An agent's."
    )

    class Meta:
        indexes = [
            models.Index(fields=["-asked_at"], name="question_newest"),
            models.Index(
                fields=["customer"],
                name="question_customer",
                condition=Q(customer__isnull=False),
            ),
            models.Index(
                fields=["owner"], name="question_owner", condition=~Q(owner="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.asked_at:%Y-%m-%d %H:%M}"


class HandOver(models.Model):
    """A question that waits for a person, or was answered by one."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        ANSWERED = "answered", _("answered")
        CLOSED = "closed", _("closed without an answer")

    class Reason(models.TextChoices):
        UNSURE = "unsure", _("it was not sure what was asked")
        ASKED = "asked", _("the customer asks for a person")
        NO_FACTS = "no_facts", _("nothing is known of it here")
        NO_TEXT = "no_text", _("no help text answers it")
        CODES_PAUSED = "codes_paused", _("too many wrong codes")

    question = models.OneToOneField(
        Question, models.CASCADE, primary_key=True, related_name="handover"
    )
    customer = models.UUIDField(null=True)
    reason = models.CharField(max_length=20, choices=Reason)
    state = models.CharField(max_length=20, choices=State, default=State.WAITING)
    handed_at = models.DateTimeField()
    answer = models.TextField(blank=True, default="")
    answered_by = models.CharField(max_length=150, blank=True, default="")
    answered_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "hand-overs"
        indexes = [
            models.Index(
                fields=["handed_at"],
                name="hand_over_waiting",
                condition=Q(state="waiting"),
            ),
            models.Index(
                fields=["customer"],
                name="hand_over_customer",
                condition=Q(customer__isnull=False),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="answered") ^ Q(answer=""), name="hand_over_answer"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.handed_at:%Y-%m-%d %H:%M}, {self.get_state_display()}"


class Example(models.Model):
    """A question's right kind, or help text, as an agent said: it is learnt from.

    It is personal while it stands: the text goes with its question's customer.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    customer = models.UUIDField(null=True)
    owner = models.CharField(max_length=64, blank=True, default="")
    question = models.ForeignKey(
        Question, models.SET_NULL, null=True, related_name="examples"
    )
    language = models.CharField(max_length=10, choices=HelpText.Language)
    text = models.TextField()
    kind = models.CharField(max_length=20)
    slug = models.CharField(
        max_length=60, blank=True, default="", help_text="Of the help text, if any."
    )
    said_by = models.CharField(max_length=150)
    said_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["question"], name="example_once"),
            models.CheckConstraint(
                condition=Q(kind="help") ^ Q(slug=""), name="example_text"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.slug}".strip()
