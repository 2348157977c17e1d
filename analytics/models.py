"""Customers, the log, checkpoints, and the projections' tables.

`StoredEvent` is written by `analytics.store` alone; a trigger refuses every other
change. `Profile`, `Affinity` and `Tally` are projections: never write them by hand,
`rebuild` counts them again.
"""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext

from analytics import clock
from analytics.languages import reread

EVERYBODY = uuid.UUID(int=0)
"""No customer's key: a table of customers may hold a row for everybody under it."""


class Customer(models.Model):
    """The only place that knows whose a random key is: a customer's or a visitor's.

    One person may have several keys: `linked_to` says whose this one is, `person` and
    `consent` follow from it for the whole person. analytics.identity writes all four.
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


class StoredEvent(models.Model):
    """One fact. The log outlives the person, so `customer` is no foreign key."""

    position = models.BigAutoField(primary_key=True)
    id = models.UUIDField(unique=True)
    type = models.TextField()
    schema = models.SmallIntegerField()
    customer = models.UUIDField(null=True)
    stream = models.TextField(null=True)
    version = models.IntegerField(null=True)
    data = models.JSONField()
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(default=clock.now)
    source = models.TextField(null=True, help_text="The key it came by; null: ours.")
    bot = models.BooleanField(default=False, db_default=False)
    original_at = models.DateTimeField(null=True, help_text="As the client said.")
    sent_at = models.DateTimeField(null=True, help_text="By the client's clock.")

    class Meta:
        verbose_name = "event"
        indexes = [
            # One customer's trail: profile page, live features, export.
            models.Index(fields=["customer", "position"], name="event_customer"),
            # store.read(types=...): projections and features.
            models.Index(fields=["type", "position"], name="event_type"),
            BrinIndex(fields=["occurred_at"], name="event_occurred"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["stream", "version"],
                condition=Q(stream__isnull=False),
                name="event_stream_version",
            ),
            models.CheckConstraint(
                condition=Q(stream__isnull=True, version__isnull=True)
                | Q(stream__isnull=False, version__isnull=False),
                name="event_stream_has_version",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.position} {self.type}"


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
            models.Index(fields=["strategy", "customer"], name="assignment_strategy"),
            models.Index(fields=["customer"], name="assignment_customer"),
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


class ApiKey(models.Model):
    """A shop's key. The key itself is shown once and never stored."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256")
    scopes = ArrayField(models.TextField())
    publishable = models.BooleanField(
        default=False, help_text="May be seen by browsers: writes events, reads offers."
    )
    origins = ArrayField(
        models.TextField(),
        default=list,
        blank=True,
        help_text="Sites that may use a publishable key; none: every site.",
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "API key"

    def __str__(self) -> str:
        return self.name


class Rejection(models.Model):
    """An event that could not enter the log, kept so that nothing is lost.

    Rows hold what the shop sent, personal text included: they go after 30 days.
    """

    received_at = models.DateTimeField(default=clock.now)
    source = models.TextField(help_text="The name of the key that sent it.")
    reason = models.TextField()
    path = models.TextField(default="")
    body = models.BinaryField()
    call = models.TextField(
        default="", help_text="How it was sent: empty for our own wire, else the path."
    )
    replays = models.IntegerField(default=0)
    resolved_at = models.DateTimeField(
        null=True, help_text="When a replay was accepted."
    )

    class Meta:
        indexes = [models.Index(fields=["received_at"], name="rejection_received")]

    def __str__(self) -> str:
        return f"{self.received_at:%Y-%m-%d %H:%M} {reread(self.reason)}"


class WrongKey(models.Model):
    """A key that opened nothing: a shop that sends it loses its events unseen.

    At most analytics.access.MOST_WRONG rows, so that guessing cannot fill the disk.
    """

    digest = models.CharField(primary_key=True, max_length=64)
    hint = models.TextField(help_text="How the key begins.")
    attempts = models.IntegerField(default=1)
    first_at = models.DateTimeField(default=clock.now)
    last_at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return f"{self.hint}…"


class Archive(models.Model):
    """A month of the log that was moved to a Parquet file; rebuild reads it there."""

    month = models.DateField(primary_key=True)
    path = models.TextField(help_text="Under var/archive.")
    checksum = models.CharField(max_length=64, help_text="SHA-256")
    events = models.IntegerField()
    first_position = models.BigIntegerField()
    last_position = models.BigIntegerField()
    archived_at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"


class ArchivedId(models.Model):
    """The id of an archived event: still known, so still a duplicate."""

    id = models.UUIDField(primary_key=True)

    def __str__(self) -> str:
        return str(self.id)


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
