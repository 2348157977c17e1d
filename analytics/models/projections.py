"""What is counted from the log, and how far that has come."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext

from analytics import clock
from analytics.languages import reread


class Checkpoint(models.Model):
    """How far a projection has read; `error` says why it stopped."""

    projection = models.TextField(primary_key=True)
    position = models.BigIntegerField(default=0)
    moved_at = models.DateTimeField(default=clock.now)
    error = models.TextField(default="", blank=True)

    def __str__(self) -> str:
        told = {"name": reread(self.projection), "position": self.position}
        return gettext("%(name)s at %(position)s") % told


class Profile(models.Model):
    """Projection `customers`: what one customer has done so far.

    Amounts keep the log's four decimals: rounded ones would add up differently in a
    replay than as they came.
    """

    customer = models.UUIDField(primary_key=True)
    orders = models.IntegerField(default=0)
    units = models.BigIntegerField(default=0)
    spend = models.DecimalField(max_digits=20, decimal_places=4, default=0)
    discounts = models.DecimalField(max_digits=20, decimal_places=4, default=0)
    refunds = models.IntegerField(default=0)
    refunded = models.DecimalField(max_digits=20, decimal_places=4, default=0)
    cancelled = models.IntegerField(default=0)
    views = models.IntegerField(default=0)
    clicks = models.IntegerField(default=0)
    searches = models.IntegerField(default=0)
    lists_viewed = models.IntegerField(default=0)
    promotions_viewed = models.IntegerField(default=0)
    promotions_clicked = models.IntegerField(default=0)
    wished = models.IntegerField(default=0)
    unwished = models.IntegerField(default=0)
    cart_added = models.IntegerField(default=0)
    cart_removed = models.IntegerField(default=0)
    carts_viewed = models.IntegerField(default=0)
    checkouts = models.IntegerField(default=0)
    checkout_steps = models.IntegerField(default=0)
    coupons_entered = models.IntegerField(default=0)
    coupons_applied = models.IntegerField(default=0)
    coupons_denied = models.IntegerField(default=0)
    coupons_removed = models.IntegerField(default=0)
    coupons_redeemed = models.IntegerField(default=0)
    offers_shown = models.IntegerField(default=0)
    reviews = models.IntegerField(default=0)
    shares = models.IntegerField(default=0)
    pages = models.IntegerField(default=0)
    dwell_ms = models.BigIntegerField(default=0)
    first_order_at = models.DateTimeField(null=True)
    last_order_at = models.DateTimeField(null=True)
    first_seen_at = models.DateTimeField(null=True)
    last_seen_at = models.DateTimeField(null=True)
    looking_from = models.DateTimeField(null=True, editable=False)
    looking_since = models.DateTimeField(null=True, editable=False)

    def __str__(self) -> str:
        return str(self.customer)


class Affinity(models.Model):
    """Projection `customers`: what one customer did with one category."""

    pk = models.CompositePrimaryKey("customer", "category")
    customer = models.UUIDField()
    category = models.TextField()
    orders = models.IntegerField()
    units = models.BigIntegerField()
    spend = models.DecimalField(max_digits=20, decimal_places=4)
    views = models.IntegerField(default=0)
    carts = models.IntegerField(default=0)
    wishes = models.IntegerField(default=0)
    last_at = models.DateTimeField(null=True, help_text="When last bought.")

    class Meta:
        verbose_name_plural = "affinities"

    def __str__(self) -> str:
        return f"{self.customer} {self.category}"


class Assignment(models.Model):
    """Projection `outcomes`: a customer came into a strategy's audience, by lot.

    `customer` is the key as it was then; a person's arm is that of their first one.
    """

    position = models.BigIntegerField(primary_key=True)
    customer = models.UUIDField()
    strategy = models.UUIDField()
    at = models.DateTimeField()
    arm = models.TextField(help_text="treatment, holdout, or held_out of everything.")
    variant = models.TextField(null=True)
    counterfactual = models.TextField(
        null=True, help_text="What the other arm would have got."
    )
    bucket = models.FloatField(null=True, help_text="The hash's place in [0, 1).")
    probability = models.FloatField()
    segment = models.TextField(default="", db_default="")
    offer = models.UUIDField(null=True)
    odds = models.DateField(
        null=True, help_text="Where odds move, the first day of those that drew."
    )
    p0 = models.FloatField(null=True, help_text="P(buys in scope | no offer).")
    spend = models.FloatField(null=True, help_text="At shelf prices, if they buy.")
    traits = ArrayField(models.FloatField(), default=list)
    types = ArrayField(models.FloatField(), default=list)
    elsewhere = models.FloatField(default=0, help_text="Purchases a week out of scope.")
    rest = models.FloatField(default=0, help_text="An offer's part of their margin.")

    class Meta:
        indexes = [
            # The sums of a strategy's arms; what its lots teach.
            models.Index(fields=["strategy", "customer"], name="assignment_strategy"),
            # Erasure, and what was withheld from a person (promotions.offers).
            models.Index(fields=["customer"], name="assignment_customer"),
            # From an offer to its decision: feedback, the support desk.
            models.Index(fields=["offer"], name="assignment_offer"),
        ]

    def __str__(self) -> str:
        return f"{self.customer}: {self.arm} of {self.strategy}"


class Exposure(models.Model):
    """Projection `outcomes`: what the shop showed of an offer."""

    offer = models.UUIDField(primary_key=True)
    first_shown_at = models.DateTimeField()
    shows = models.IntegerField()

    def __str__(self) -> str:
        return f"{self.offer} shown {self.shows} times"


class Outcome(models.Model):
    """Projection `outcomes`: an event that some strategy may have brought about.

    Of an order `paid`, and `shelf` as the same goods cost without any discount; of what
    went `back` the amount (null: all of it) and the skus (none: all); of a redemption
    its `discount`, `gift` included, negative when rolled back. The goods of an order,
    or a gift, cost the shop `cost`, as far as its feed had told by then; for goods
    whose cost was not known, `uncosted` is what they are at shelf prices.
    """

    class Kind(models.TextChoices):
        ORDER = "order"
        BACK = "back"
        REDEEMED = "redeemed"
        REFUSED = "refused", "wants nothing personal any more"

    position = models.BigIntegerField(primary_key=True)
    customer = models.UUIDField()
    at = models.DateTimeField()
    kind = models.CharField(max_length=10, choices=Kind)
    number = models.UUIDField(help_text="Of the order: a hash of its id.")
    currency = models.CharField(max_length=3)
    paid = models.DecimalField(max_digits=20, decimal_places=4, null=True)
    shelf = models.DecimalField(max_digits=20, decimal_places=4)
    discount = models.DecimalField(max_digits=20, decimal_places=4)
    gift = models.DecimalField(max_digits=20, decimal_places=4)
    cost = models.DecimalField(max_digits=20, decimal_places=4)
    uncosted = models.DecimalField(max_digits=20, decimal_places=4)
    skus = ArrayField(models.TextField(), default=list)

    class Meta:
        indexes = [
            # What people came to since their assignment: promotions.sums.
            models.Index(fields=["customer", "at"], name="outcome_customer"),
            # Of what went back: there is little of it.
            models.Index(
                fields=["number"], name="outcome_back", condition=Q(kind="back")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.customer}"


class UnitCost(models.Model):
    """Projection `outcomes`: what a unit of a product costs the shop, from then on."""

    position = models.BigIntegerField(primary_key=True)
    sku = models.TextField()
    currency = models.CharField(max_length=3)
    cost = models.DecimalField(max_digits=14, decimal_places=4, null=True)

    class Meta:
        # outcomes.told_before: DISTINCT ON (sku), the newest first.
        indexes = [models.Index(fields=["sku", "-position"], name="unit_cost_newest")]

    def __str__(self) -> str:
        return f"{self.sku} {self.cost}"


class Tally(models.Model):
    """Projection `days`: how many events of each type happened on each day (UTC)."""

    pk = models.CompositePrimaryKey("day", "type")
    day = models.DateField()
    type = models.TextField()
    events = models.IntegerField()

    class Meta:
        verbose_name_plural = "tallies"

    def __str__(self) -> str:
        return f"{self.day} {self.type}"


class Hour(models.Model):
    """Projection `sources`: what came from each key in each hour of arrival (UTC)."""

    pk = models.CompositePrimaryKey("hour", "source")
    hour = models.DateTimeField()
    source = models.TextField()
    events = models.IntegerField()
    bots = models.IntegerField()

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H} {self.source}"
