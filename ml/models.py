"""Tables of what was learnt: models, their training, scores and elasticities.

Tables, not learners: those are in estimators.py. `Score`, `Elasticity` and `Forecast`
are replaced whole by scoring, demand and outlook; others read them through ml.scores
and ml.forecasts. Model files lie beside
the database under their checksum, see registry.py.
"""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField, HnswIndex

from analytics import clock
from analytics.languages import reread
from catalog.models import Product
from ml import sentences

PROPENSITY = "propensity"
"""P(buys in the category within the horizon | no offer)."""
UNTRAINED = "rates"
"""The estimator in charge of it until a training has a winner, see ml.untrained."""
RANKING = "ranking"
"""Which products come into the next basket."""


class TrainingRun(models.Model):
    """One request to train, from the asking to the report."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        SUCCEEDED = "succeeded", _("Succeeded")
        FAILED = "failed", _("Failed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    state = models.TextField(choices=State.choices, default=State.QUEUED)
    requested_by = models.TextField(help_text="An operator's name, or the schedule.")
    requested_at = models.DateTimeField(default=clock.wall)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    step = models.TextField(default="", blank=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    error = models.TextField(default="", blank=True)
    report = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["state"], condition=Q(state="running"), name="run_one_running"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["queued", "running", "succeeded", "failed"]),
                name="run_state_known",
            ),
            models.CheckConstraint(
                condition=Q(done__lte=F("total")), name="run_done_within_total"
            ),
            models.CheckConstraint(
                condition=~Q(state="running") | Q(heartbeat_at__isnull=False),
                name="run_running_has_heartbeat",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.requested_at:%Y-%m-%d %H:%M} {self.get_state_display()}"

    @property
    def percent(self) -> int:
        return 100 * self.done // self.total if self.total else 0

    @property
    def is_open(self) -> bool:
        return self.state in {self.State.QUEUED, self.State.RUNNING}


class TrainedModel(models.Model):
    """A fitted candidate; `promoted_at` says when it took charge of its task."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    task = models.TextField(default=PROPENSITY)
    estimator = models.TextField()
    checksum = models.CharField(max_length=64, help_text="SHA-256 of the model's file.")
    created_at = models.DateTimeField(default=clock.now)
    window_start = models.DateTimeField(
        null=True, blank=True, help_text="The first cut-off that it learnt from."
    )
    cutoff = models.DateTimeField(
        help_text="The newest moment that it counted features at."
    )
    code = models.TextField(
        default="", blank=True, help_text="SHA-256 of the code that trained it."
    )
    parameters = models.JSONField(default=dict, blank=True)
    features_version = models.PositiveSmallIntegerField()
    metrics = models.JSONField(help_text="Figures by split: validation and test.")
    size_bytes = models.PositiveBigIntegerField()
    fit_seconds = models.FloatField(help_text="CPU seconds, the search included.")
    promoted_at = models.DateTimeField(null=True, blank=True)
    run = models.ForeignKey(TrainingRun, models.PROTECT, related_name="models")

    class Meta:
        indexes = [
            # registry.champion: the newest promotion of a task.
            models.Index(fields=["task", "-promoted_at"], name="model_champion")
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(checksum__regex=r"^[0-9a-f]{64}$"),
                name="model_checksum_is_sha256",
            ),
            models.UniqueConstraint(
                fields=["run", "task", "estimator"], name="model_once_in_a_run"
            ),
        ]

    def __str__(self) -> str:
        return f"{reread(self.task)} {reread(self.estimator)} {self.checksum[:8]}"


class Score(models.Model):
    """What one customer is expected to do in one category if nothing is offered."""

    pk = models.CompositePrimaryKey("customer", "category")
    customer = models.UUIDField()
    category = models.TextField()
    probability = models.FloatField(help_text="P(buys within the horizon | no offer).")
    spend = models.DecimalField(
        max_digits=12,
        decimal_places=2,
        help_text="Shelf value bought within the horizon, given that they buy.",
    )
    raised = ArrayField(
        models.TextField(),
        default=list,
        db_default=[],
        help_text="Features that raised it most, of those that shoppers may be told.",
    )
    model = models.ForeignKey(TrainedModel, models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(probability__gte=0, probability__lte=1),
                name="score_probability_in_0_1",
            ),
            models.CheckConstraint(
                condition=Q(spend__gte=0), name="score_spend_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer} {self.category} {self.probability:.3f}"


class Scoring(models.Model):
    """How far the log had come when the scores were made; one row.

    `watch` is what ml.watch found then.
    """

    at = models.DateTimeField()
    position = models.BigIntegerField()
    watch = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} at {self.position}"


class Shortlist(models.Model):
    """A customer's recommendations as of the night, and what ranks him live.

    `products` are codes of the model's vocabulary with the neighbours' scores `near`;
    `skus` is the night's own ranking, best first, which stands in when the live one
    fails. The row of EVERYBODY holds the best sellers. Without a model, for no ranker
    is in charge, `skus` are favourites and best sellers (ml.favourites).
    """

    customer = models.UUIDField(primary_key=True)
    products = ArrayField(models.IntegerField())
    near = ArrayField(models.FloatField())
    skus = ArrayField(models.TextField())
    model = models.ForeignKey(TrainedModel, models.PROTECT, null=True, related_name="+")
    computed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.customer} {len(self.skus)}"


class Elasticity(models.Model):
    """How a category's units answered its own price, in per cent for one per cent."""

    category = models.TextField(primary_key=True)
    value = models.FloatField()
    low = models.FloatField(help_text="Lower end of the 95 % interval.")
    high = models.FloatField(help_text="Upper end of the 95 % interval.")
    weeks = models.PositiveIntegerField(help_text="Weeks observed.")
    basis = models.TextField(default="observational")
    computed_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "elasticities"
        constraints = [
            models.CheckConstraint(
                condition=Q(low__lte=F("value"), high__gte=F("value")),
                name="elasticity_within_its_interval",
            )
        ]

    def __str__(self) -> str:
        return f"{self.category} {self.value:.2f}"


class CampaignResponse(models.Model):
    """How customers answered the shop's own addressed campaigns, all pooled."""

    computed_at = models.DateTimeField()
    lift = models.FloatField(help_text="Log-odds of buying in scope when addressed.")
    low = models.FloatField(help_text="Lower end of the 95 % interval.")
    high = models.FloatField(help_text="Upper end of the 95 % interval.")
    depth = models.FloatField(help_text="Mean coupon discount on the coupons' lines.")
    use = models.FloatField(help_text="Share of buyers in scope who used a coupon.")
    campaigns = models.PositiveIntegerField()
    basis = models.TextField(default="observational")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(low__lte=F("lift"), high__gte=F("lift")),
                name="response_within_its_interval",
            ),
            models.CheckConstraint(
                condition=Q(depth__gt=0, depth__lte=1, use__gte=0, use__lte=1),
                name="response_shares",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.lift:+.2f} ({self.low:+.2f} to {self.high:+.2f})"


class CustomerProfile(models.Model):
    """What one person's orders say of them; replaced whole by ml.profiling.

    `customer` is the person's first key. Money is what the shop received.
    """

    class Segment(models.TextChoices):
        NEW = "new", _("New")
        LOST = "lost", _("Lost")
        SLIPPING = "slipping", _("Slipping away")
        BIG_SPENDER = "big_spender", _("Big spenders")
        DEAL_SEEKER = "deal_seeker", _("Deal seekers")
        LOYAL = "loyal", _("Loyal")
        OCCASIONAL = "occasional", _("Occasional")
        PROSPECT = "prospect", _("No orders yet")

    customer = models.UUIDField(primary_key=True, editable=False)
    segment = models.TextField(_("segment"), choices=Segment)
    first_order_at = models.DateTimeField(_("first order"), null=True)
    last_order_at = models.DateTimeField(_("last order"), null=True)
    orders = models.PositiveIntegerField(_("orders in a year"))
    spend = models.DecimalField(_("spent in a year"), max_digits=14, decimal_places=2)
    recency_score = models.PositiveSmallIntegerField(_("recency, 1 to 5"), null=True)
    frequency_score = models.PositiveSmallIntegerField(
        _("frequency, 1 to 5"), null=True
    )
    monetary_score = models.PositiveSmallIntegerField(_("money, 1 to 5"), null=True)
    expected_orders = models.FloatField(
        _("expected orders"), null=True, help_text=_("Days with an order, next 365.")
    )
    lifetime_value = models.DecimalField(
        _("expected spend"),
        max_digits=14,
        decimal_places=2,
        null=True,
        help_text=_("What the shop is expected to receive within the next 365 days."),
    )
    alive = models.FloatField(
        _("still a customer"), null=True, help_text=_("Chance of not having left.")
    )
    churn_risk = models.FloatField(
        _("churn risk"), null=True, help_text=_("Chance of no order within 90 days.")
    )
    cadence_days = models.FloatField(
        _("days between visits"), null=True, help_text=_("Median; from three visits.")
    )
    regularity = models.FloatField(
        _("regularity"), null=True, help_text=_("1: like clockwork; 0.5: at random.")
    )
    next_visit_on = models.DateField(_("next visit"), null=True)
    deal_index = models.FloatField(
        _("deal index"),
        null=True,
        help_text=_("Bought on discount, over what others bought so there; 1: alike."),
    )
    coupon_share = models.FloatField(
        _("coupon share"), null=True, help_text=_("Share of orders with a coupon.")
    )
    favourites = ArrayField(models.TextField(), default=list, verbose_name=_("buys"))
    computed_at = models.DateTimeField(_("computed"))

    class Meta:
        verbose_name = _("customer profile")
        verbose_name_plural = _("customer profiles")
        indexes = [
            # The list of a segment, its dearest customers first.
            models.Index(fields=["segment", "-lifetime_value"], name="profile_segment")
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(alive__isnull=True) | Q(alive__gte=0, alive__lte=1),
                name="profile_alive_in_0_1",
            ),
            models.CheckConstraint(
                condition=Q(churn_risk__isnull=True)
                | Q(churn_risk__gte=0, churn_risk__lte=1),
                name="profile_churn_in_0_1",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer} {self.get_segment_display()}"

    @property
    def churn_percent(self) -> int | None:
        return None if self.churn_risk is None else round(100 * self.churn_risk)

    @property
    def coupon_percent(self) -> int | None:
        return None if self.coupon_share is None else round(100 * self.coupon_share)


class ProfileBasis(models.Model):
    """What all profiles were made with: one row, replaced with them."""

    computed_at = models.DateTimeField()
    as_of = models.DateTimeField(help_text="The moment after the log's last order.")
    customers = models.PositiveIntegerField()
    parameters = models.JSONField(help_text="Of ml.lifetime; empty: too few customers.")
    cuts = models.JSONField(help_text="Between the bands 1 to 5, by measure.")

    class Meta:
        verbose_name_plural = "profile bases"

    def __str__(self) -> str:
        return f"{self.computed_at:%Y-%m-%d %H:%M}"


class Forecast(models.Model):
    """What a category or product is expected to sell by week; replaced by ml.outlook.

    Arrays run over the weeks from Monday `first`; `history` over those that end there.
    """

    class Level(models.TextChoices):
        CATEGORY = "category", _("Category")
        PRODUCT = "product", _("Product")

    pk = models.CompositePrimaryKey("level", "key")
    level = models.TextField(choices=Level)
    key = models.TextField(help_text="The sku, or the category.")
    category = models.TextField(blank=True)
    first = models.DateField(help_text="The Monday of the first week.")
    units = ArrayField(models.FloatField(), help_text="Expected units a week.")
    low = ArrayField(models.FloatField(), help_text="10 % of weeks lie below.")
    median = ArrayField(models.FloatField(), help_text="Half of weeks lie below.")
    high = ArrayField(models.FloatField(), help_text="10 % of weeks lie above.")
    naive = ArrayField(models.FloatField(), help_text="As the last week was.")
    seasonal = ArrayField(models.FloatField(), help_text="As the last season was.")
    history = ArrayField(models.FloatField(), help_text="Units of the weeks before.")
    undiscounted = models.FloatField(
        help_text="The share of `units` that would sell without shelf discounts."
    )
    elasticity = models.FloatField(help_text="Log units by log price, observational.")
    elasticity_error = models.FloatField()
    method = models.TextField()
    figures = models.JSONField(default=dict, help_text="Losses on past weeks.")
    computed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(level__in=["category", "product"]),
                name="forecast_level_known",
            ),
            models.CheckConstraint(
                condition=Q(units__len=F("low__len"), high__len=F("low__len")),
                name="forecast_arrays_alike",
            ),
            models.CheckConstraint(
                condition=Q(elasticity_error__gte=0), name="forecast_error_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.level} {self.key} from {self.first}"


class DemandShare(models.Model):
    """A product without a series of its own: its share of its category's units."""

    sku = models.TextField(primary_key=True)
    category = models.TextField()
    share = models.FloatField(help_text="Of the category's units, lately.")
    spread = models.FloatField(help_text="Variance of a week over its mean, from 1.")
    elasticity = models.FloatField(null=True, help_text="Null: its category's.")
    elasticity_error = models.FloatField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(share__gte=0, share__lte=1), name="demand_share_in_0_1"
            ),
            models.CheckConstraint(
                condition=Q(spread__gte=1), name="demand_share_spread_from_1"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sku} {self.share:.4f}"


class CrossEffect(models.Model):
    """Which share of what a discount gains comes from the rest of its category."""

    category = models.TextField(primary_key=True)
    diverted = models.FloatField(help_text="0: none; 1: all; below 0: it gains too.")
    low = models.FloatField(help_text="Lower end of the 95 % interval.")
    high = models.FloatField(help_text="Upper end of the 95 % interval.")
    weeks = models.PositiveIntegerField(help_text="Weeks observed.")
    basis = models.TextField(default="observational")
    computed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(low__lte=F("diverted"), high__gte=F("diverted")),
                name="cross_effect_within_its_interval",
            )
        ]

    def __str__(self) -> str:
        return f"{self.category} {self.diverted:.2f}"


class Source(models.TextChoices):
    """What of a product a vector is of."""

    TEXT = "text", _("text")
    IMAGE = "image", _("image")


class ContentVector(models.Model):
    """A text, or a picture, as a vector of length 1; products that share it, share it.

    `checksum` is of what was read and of `model`, its name and version: what another
    model made is never compared. `words` are the text's, for searches.
    """

    source = models.CharField(max_length=5, choices=Source.choices)
    checksum = models.CharField(max_length=32)
    model = models.CharField(max_length=64)
    text = models.TextField(blank=True, default="")
    words = SearchVectorField(null=True)
    vector = HalfVectorField(dimensions=sentences.SIZE)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source", "checksum"], name="content_vector_once"
            )
        ]
        indexes = [
            GinIndex(fields=["words"], name="content_words"),
            HnswIndex(
                name="content_near_texts",
                fields=["vector"],
                opclasses=["halfvec_cosine_ops"],
                condition=Q(source="text"),
            ),
            HnswIndex(
                name="content_near_images",
                fields=["vector"],
                opclasses=["halfvec_cosine_ops"],
                condition=Q(source="image"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.text[:50]}"


class ProductContent(models.Model):
    """Which text, or picture, is a product's.

    `seen` is the checksum of the listing as it was read: another one is read again.
    Without `content` it could not be: `fault` says why, and `retry_at` when it is tried
    again.
    """

    product = models.ForeignKey(Product, models.CASCADE, related_name="+")
    source = models.CharField(max_length=5, choices=Source.choices)
    seen = models.CharField(max_length=32)
    content = models.ForeignKey(ContentVector, models.RESTRICT, null=True)
    fault = models.CharField(max_length=200, blank=True, default="")
    retry_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["product", "source"], name="product_content_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.product_id} {self.source}"


class ContentRun(models.Model):
    """How far the listings are read: one row a source.

    `vocabulary` are all texts' words, each with the number of its texts.
    """

    source = models.CharField(max_length=5, choices=Source.choices, primary_key=True)
    model = models.CharField(max_length=64)
    seen_until = models.DateTimeField(null=True, help_text="The newest listing then.")
    waiting = models.PositiveIntegerField(default=0, help_text="Listings to be read.")
    read = models.PositiveIntegerField(default=0, help_text="Read in the newest run.")
    faults = models.PositiveIntegerField(default=0)
    vocabulary = models.JSONField(default=dict)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.source}: {self.waiting} wait"


class ProductTwin(models.Model):
    """Two products that may be one; a person says so, or that they are not."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        SAME = "same", _("the same")
        DIFFERENT = "different", _("not the same")

    first = models.ForeignKey(Product, models.CASCADE, related_name="+")
    second = models.ForeignKey(Product, models.CASCADE, related_name="+")
    likelihood = models.FloatField(help_text="That both are the same product.")
    why = models.CharField(max_length=20)
    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING)
    by = models.CharField(max_length=150, blank=True, default="")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="twins_once"),
            models.CheckConstraint(
                condition=Q(first__lt=F("second")), name="twins_in_order"
            ),
            models.CheckConstraint(
                condition=Q(likelihood__gte=0, likelihood__lte=1),
                name="twins_likelihood",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "-likelihood"], name="twins_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.first_id} = {self.second_id}?"


class Opinion(models.Model):
    """A text that was judged, without its words: counted from the log (ml.opinions).

    It stays when the text is gone: it names nobody.
    """

    review = models.CharField(max_length=200, primary_key=True)
    day = models.DateField(help_text="When it was written, in UTC.")
    sku = models.CharField(max_length=200, blank=True)
    brand = models.CharField(max_length=200, blank=True)
    category = models.CharField(max_length=200, blank=True)
    campaign = models.CharField(max_length=200, blank=True)
    source = models.CharField(max_length=20)
    topic = models.CharField(max_length=60, blank=True)
    negative = models.BooleanField(help_text="That is its likeliest tone.")
    hidden = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index(fields=["day"], name="opinion_day")]

    def __str__(self) -> str:
        return f"{self.day} {self.review}"


class Surge(models.Model):
    """More is said against something than was usual, at this moment (ml.surges)."""

    class Level(models.TextChoices):
        PRODUCT = "product", _("product")
        BRAND = "brand", _("brand")
        CATEGORY = "category", _("category")
        CAMPAIGN = "campaign", _("campaign")

    level = models.CharField(max_length=20, choices=Level)
    key = models.CharField(max_length=200)
    day = models.DateField(help_text="When it was found.")
    since = models.DateField()
    texts = models.IntegerField(help_text="Since then, when it was found.")
    negative = models.IntegerField()
    expected = models.FloatField(help_text="Negative ones, as usual.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["level", "key"], name="surge_of"),
            models.CheckConstraint(
                condition=Q(level__in=["product", "brand", "category", "campaign"]),
                name="surge_level_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.level} {self.key} since {self.since}"
