"""Products and feeds of the shop; the market around it: days, series, competitors.

What prices were and are, for the law and for storefronts: catalog.prices keeps these
tables, in the transactions that append the events.

Money keeps four decimals in every table: some currencies have three, USD shows two.
"""

import uuid
from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from analytics import clock
from catalog import price_rules


class Product(models.Model):
    """`cost`, `stock`, `lead_days` and `expires_on` are null where the shop is silent.

    `price` is the price in force; `listed_price` is the last that was the shop's own:
    a feed that repeats a strategy's price does not change it.

    `gtin` and `mpn` (the maker's number) tell the same product in other shops. Products
    of a `family` differ in size or colour alone: their prices keep together.
    """

    sku = models.CharField(max_length=200, primary_key=True)
    name = models.TextField()
    department = models.TextField(default="", blank=True)
    category = models.TextField(default="", blank=True)
    brand = models.TextField(default="", blank=True)
    size = models.TextField(default="", blank=True)
    gtin = models.CharField(max_length=14, default="", blank=True)
    mpn = models.CharField(max_length=200, default="", blank=True)
    family = models.CharField(max_length=200, default="", blank=True)
    description = models.TextField(default="", blank=True)
    image_url = models.CharField(max_length=2000, default="", blank=True)
    currency = models.CharField(max_length=3)
    price = models.DecimalField(max_digits=14, decimal_places=4, null=True, blank=True)
    listed_price = models.DecimalField(
        max_digits=14, decimal_places=4, null=True, blank=True
    )
    cost = models.DecimalField(max_digits=14, decimal_places=4, null=True, blank=True)
    stock = models.IntegerField(null=True, blank=True)
    lead_days = models.IntegerField(
        null=True, blank=True, help_text="From an order to its arrival."
    )
    pack = models.IntegerField(default=1, help_text="Units that are ordered together.")
    expires_on = models.DateField(
        null=True, blank=True, help_text="The first day on which some are not sold."
    )
    expiring = models.IntegerField(
        null=True, blank=True, help_text="Units of that day; empty: all there are."
    )
    incoming = models.IntegerField(
        null=True, blank=True, help_text="Units that are ordered, not there yet."
    )
    incoming_on = models.DateField(
        null=True, blank=True, help_text="When they come; empty: within lead_days."
    )
    promotable = models.BooleanField(
        default=True, help_text="Fuel, stamps and the like must never be discounted."
    )
    updated_at = models.DateTimeField(default=clock.now)
    first_listed_at = models.DateTimeField(
        null=True, blank=True, help_text="Empty: before this was kept."
    )

    class Meta:
        indexes = [
            models.Index(
                fields=["first_listed_at"],
                name="product_new",
                condition=Q(first_listed_at__isnull=False),
            ),
            # Products of a scope: proposals, gifts.
            models.Index(fields=["category"], name="product_category"),
            models.Index(
                fields=["family"], name="product_family", condition=~Q(family="")
            ),
            models.Index(fields=["gtin"], name="product_gtin", condition=~Q(gtin="")),
            models.Index(
                fields=["expires_on"],
                name="product_expires",
                condition=Q(expires_on__isnull=False),
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(price__gte=0), name="product_price"),
            models.CheckConstraint(condition=Q(cost__gte=0), name="product_cost"),
            models.CheckConstraint(condition=Q(stock__gte=0), name="product_stock"),
            models.CheckConstraint(
                condition=Q(incoming__gte=0), name="product_incoming"
            ),
            models.CheckConstraint(condition=Q(lead_days__gte=0), name="product_lead"),
            models.CheckConstraint(condition=Q(pack__gte=1), name="product_pack"),
            models.CheckConstraint(
                condition=Q(expiring__gte=0) & Q(expires_on__isnull=False)
                | Q(expiring=None),
                name="product_expiring",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class StockDay(models.Model):
    """A product's stock as the shop said it last on a day on which it changed."""

    sku = models.CharField(max_length=200)
    day = models.DateField()
    stock = models.IntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["sku", "day"], name="stock_day")]

    def __str__(self) -> str:
        return f"{self.sku} {self.day}: {self.stock}"


class StockRule(models.Model):
    """How goods are kept in stock, in a category, or in all that have no rule.

    Shares are of one. `service_level` is the chance that the stock outlasts what is
    under way. Who sends no lead time for a product has `lead_days`.
    """

    category = models.TextField(
        unique=True, blank=True, help_text="Empty: every category without a rule."
    )
    service_level = models.DecimalField(
        max_digits=4,
        decimal_places=3,
        default=Decimal("0.950"),
        help_text="The chance not to run out before an order arrives, as 0.95.",
    )
    target_days = models.PositiveSmallIntegerField(
        default=28, help_text="An order is to last for so long once it is there."
    )
    over_days = models.PositiveSmallIntegerField(
        default=182, help_text="Stock that lasts longer is too much."
    )
    review_days = models.PositiveSmallIntegerField(
        default=7, help_text="You order every so many days."
    )
    lead_days = models.PositiveSmallIntegerField(
        default=7, help_text="From an order to its arrival, where no product says."
    )
    clear_days = models.PositiveSmallIntegerField(
        default=56, help_text="What is too much is marked down for so long at most."
    )
    deepest = models.DecimalField(
        max_digits=4,
        decimal_places=3,
        default=Decimal("0.600"),
        help_text="The deepest mark-down, as a share of the price.",
    )
    steps = models.PositiveSmallIntegerField(
        default=3, help_text="A price falls at most so many times."
    )
    holding = models.DecimalField(
        max_digits=4,
        decimal_places=3,
        default=Decimal("0.250"),
        help_text="What a year in stock costs, as a share of the goods' cost.",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    service_level__gt=0,
                    service_level__lt=1,
                    target_days__gte=1,
                    over_days__gte=1,
                    clear_days__gte=7,
                    deepest__gt=0,
                    deepest__lt=1,
                    holding__gte=0,
                ),
                name="stock_rule_shares",
            ),
        ]

    def __str__(self) -> str:
        return self.category or "*"


class PricePoint(models.Model):
    """From a moment on a product cost so much: the log's price changes, by product.

    `price` is null from when it was not on sale.
    """

    sku = models.CharField(max_length=200)
    since = models.DateTimeField()
    price = models.DecimalField(max_digits=14, decimal_places=4, null=True)
    currency = models.CharField(max_length=3)

    class Meta:
        indexes = [models.Index(fields=["sku", "since"], name="price_point")]

    def __str__(self) -> str:
        return f"{self.sku} {self.price} {self.currency}"


class PriceHold(models.Model):
    """A strategy's price is in force, or was until a moment ago; see catalog.prices.

    `back` is what the product costs without it, `echoes` the prices it has had by the
    strategy: a feed that repeats one of them tells nothing new. Of one that `stays`
    the price is the product's own by now, and a feed that goes on listing the old one
    tells nothing new either. `doubted`: the last price of a feed was this one, and was
    taken for an echo that came late.
    """

    sku = models.CharField(max_length=200, primary_key=True)
    strategy = models.UUIDField()
    price = models.DecimalField(max_digits=14, decimal_places=4)
    back = models.DecimalField(max_digits=14, decimal_places=4)
    currency = models.CharField(max_length=3)
    echoes = ArrayField(models.DecimalField(max_digits=14, decimal_places=4))
    since = models.DateTimeField()
    released_at = models.DateTimeField(null=True)
    overruled_at = models.DateTimeField(null=True)
    stays = models.BooleanField(default=False)
    doubted = models.DecimalField(max_digits=14, decimal_places=4, null=True)

    class Meta:
        indexes = [
            models.Index(fields=["strategy"], name="price_hold_strategy"),
            models.Index(
                fields=["released_at"],
                name="price_hold_released",
                condition=Q(released_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sku} {self.price} {self.currency}"


class ShownPrice(models.Model):
    """A product's price as storefronts read it: `body` is JSON.

    Versions grow in the order in which transactions end: all that write here hold
    the products' lock. `until`: then a reference price is shown no more.
    """

    sku = models.CharField(max_length=200, primary_key=True)
    version = models.BigIntegerField(unique=True)
    body = models.TextField()
    reference = models.DecimalField(max_digits=14, decimal_places=4, null=True)
    until = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["until"],
                name="price_shown_until",
                condition=Q(until__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.body


def check_ending(ending: str) -> None:
    """Refuse a text that names no endings of prices."""
    if wrong := price_rules.ending_fault(ending):
        raise ValidationError(wrong)


class PricingRule(models.Model):
    """What prices may become, in a category, or in all that have no rule of their own.

    Shares are of one: 0.10 is 10 %. See catalog.price_rules.
    """

    category = models.TextField(
        unique=True, blank=True, help_text="Empty: every category without a rule."
    )
    ending = models.CharField(
        max_length=40,
        blank=True,
        default="9",
        validators=[check_ending],
        help_text="Prices end so, as 9, or .49 .99; or in steps, as 0.05; empty: any.",
    )
    least_margin = models.DecimalField(
        max_digits=4, decimal_places=3, default=Decimal("0.050")
    )
    most_above = models.DecimalField(
        max_digits=5,
        decimal_places=3,
        default=Decimal("0.200"),
        help_text="Above the price that the shop lists.",
    )
    most_up = models.DecimalField(
        max_digits=4,
        decimal_places=3,
        default=Decimal("0.100"),
        help_text="In one step.",
    )
    most_down = models.DecimalField(
        max_digits=4,
        decimal_places=3,
        default=Decimal("0.200"),
        help_text="In one step.",
    )
    least_days = models.PositiveSmallIntegerField(
        default=7, help_text="Between two changes of a product's price."
    )
    families = models.BooleanField(
        default=True,
        help_text="A bigger pack costs more, and not more by unit; colours cost alike.",
    )
    above_competitors = models.DecimalField(
        max_digits=5,
        decimal_places=3,
        null=True,
        blank=True,
        help_text="At most so far above the cheapest competitor; empty: as one likes.",
    )
    progressive = models.BooleanField(
        default=False,
        help_text="Where the law allows: steps of one mark-down are shown against "
        "the price before the first.",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    least_margin__gte=0,
                    least_margin__lt=1,
                    most_above__gte=0,
                    most_up__gte=0,
                    most_down__gte=0,
                    most_down__lt=1,
                ),
                name="pricing_rule_shares",
            ),
            models.CheckConstraint(
                condition=Q(above_competitors=None) | Q(above_competitors__gt=-1),
                name="pricing_rule_competitors",
            ),
        ]

    def __str__(self) -> str:
        return self.category or "*"


class Feed(models.Model):
    """Products or past orders that came as a whole: by the API, or as a file.

    A file waits as `body`, for a day at most, while it is looked into, approved and
    taken by a worker. `done` of `rows` is how far that is; `errors` are the first
    refused rows: {row, field, reason, value}. Orders and reviews tell of customers, so
    their values are not kept; neither is what is in the file, once it was taken or a
    day is over.
    """

    class What(models.TextChoices):
        PRODUCTS = "products", _("products")
        ORDERS = "orders", _("past orders")
        PRICES = "prices", _("competitors' prices")
        CALENDAR = "calendar", _("days of the shop's calendar")
        SERIES = "series", _("daily series, such as weather")
        REVIEWS = "reviews", _("what people say")

    class State(models.TextChoices):
        WAITING = "waiting", _("waits to be looked into")
        SHOWN = "shown", _("looked into, nothing written yet")
        WANTED = "wanted", _("waits to be imported")
        TAKING = "taking", _("is being imported")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    what = models.CharField(max_length=20, choices=What)
    name = models.TextField(help_text="Of the file; of the key, if by the API.")
    by = models.CharField(max_length=150, default="", blank=True)
    by_file = models.BooleanField(default=False)
    options = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=20, choices=State)
    step = models.CharField(max_length=20, default="", blank=True)
    rows = models.IntegerField(default=0)
    done = models.IntegerField(default=0)
    taken = models.IntegerField(default=0)
    changes = models.IntegerField(default=0, help_text="Events that it left.")
    refused = models.IntegerField(default=0, help_text="Rows.")
    errors = models.JSONField(default=list)
    seen = models.JSONField(default=dict, help_text="What a look into it found.")
    error = models.TextField(default="", blank=True, help_text="Why it failed.")
    attempts = models.IntegerField(default=0)
    size = models.BigIntegerField(default=0)
    checksum = models.CharField(max_length=64, default="", blank=True)
    body = models.BinaryField(null=True)
    created_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["-created_at"], name="feed_newest")]

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M} {self.name}"

    @property
    def percent(self) -> int:
        """How much of it is done."""
        return min(100, round(100 * self.done / self.rows)) if self.rows else 0

    @property
    def moving(self) -> bool:
        """Whether a worker is at it, or will be."""
        return self.state in (self.State.WAITING, self.State.WANTED, self.State.TAKING)


class ShopDay(models.Model):
    """Days of the shop's own calendar, beside public holidays; both ends count."""

    class Kind(models.TextChoices):
        HOLIDAY = "holiday", _("holiday")
        SCHOOL_HOLIDAYS = "school_holidays", _("school holidays")
        PAY_DAY = "pay_day", _("pay day")
        EVENT = "event", _("event")
        CLOSED = "closed", _("closed")

    key = models.CharField(max_length=200, primary_key=True)
    name = models.CharField(max_length=500)
    kind = models.CharField(max_length=20, choices=Kind)
    region = models.CharField(
        max_length=20, default="", blank=True, help_text="As DE or DE-BY; empty: all."
    )
    first = models.DateField()
    last = models.DateField()
    updated_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(last__gte=models.F("first")), name="shop_day_ends"
            )
        ]
        indexes = [models.Index(fields=["last"], name="shop_day_last")]

    def __str__(self) -> str:
        return self.name


class SeriesValue(models.Model):
    """A day's value of an external series, such as the temperature of a region."""

    series = models.CharField(max_length=64)
    region = models.CharField(max_length=20, default="", blank=True)
    day = models.DateField()
    value = models.FloatField()
    updated_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["series", "region", "day"], name="series_value_day"
            )
        ]

    def __str__(self) -> str:
        return f"{self.series} {self.region} {self.day}"


class CompetitorProduct(models.Model):
    """A competitor's product as it was last seen; `product` is their own id.

    It costs this since `since`, and was seen so again at `seen_at`.
    """

    competitor = models.CharField(max_length=100)
    product = models.CharField(max_length=200)
    name = models.TextField()
    brand = models.CharField(max_length=200, default="", blank=True)
    size = models.CharField(max_length=200, default="", blank=True)
    gtin = models.CharField(max_length=14, default="", blank=True)
    mpn = models.CharField(max_length=200, default="", blank=True)
    url = models.CharField(max_length=1000, default="", blank=True)
    currency = models.CharField(max_length=3)
    price = models.DecimalField(max_digits=14, decimal_places=4)
    shelf_price = models.DecimalField(
        max_digits=14, decimal_places=4, null=True, blank=True
    )
    available = models.BooleanField(default=True)
    since = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["competitor", "product"], name="competitor_product"
            ),
            models.CheckConstraint(
                condition=Q(price__gte=0), name="competitor_product_price"
            ),
        ]
        indexes = [
            models.Index(fields=["competitor", "seen_at"], name="competitor_seen")
        ]

    def __str__(self) -> str:
        return f"{self.competitor}: {self.name}"


class CompetitorPrice(models.Model):
    """What a competitor's product cost from a moment on; the log's changes by product.

    It can be thrown away and counted again: `rebuild competitor_prices`.
    """

    product = models.ForeignKey(CompetitorProduct, models.CASCADE)
    at = models.DateTimeField()
    currency = models.CharField(max_length=3)
    price = models.DecimalField(max_digits=14, decimal_places=4)
    shelf_price = models.DecimalField(
        max_digits=14, decimal_places=4, null=True, blank=True
    )
    available = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["product", "at"], name="competitor_price")
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d} {self.price}"


class Match(models.Model):
    """Which of our products a competitor's is; `how` it was found.

    `others` are candidates, the best first: {sku, likelihood, why}. `refused` skus were
    rejected by a person, and are not proposed again.
    """

    class State(models.TextChoices):
        AUTOMATIC = "automatic", _("matched by rule")
        WAITING = "waiting", _("waits for a person")
        NONE = "none", _("none of ours")
        CONFIRMED = "confirmed", _("confirmed")
        REJECTED = "rejected", _("rejected")

    class How(models.TextChoices):
        GTIN = "gtin", _("same GTIN")
        MPN = "mpn", _("same maker's number")
        LIKENESS = "likeness", _("name, brand and size")
        PERSON = "person", _("a person")

    product = models.OneToOneField(CompetitorProduct, models.CASCADE, primary_key=True)
    sku = models.ForeignKey(Product, models.CASCADE, null=True, db_column="sku")
    state = models.CharField(max_length=20, choices=State)
    how = models.CharField(max_length=20, choices=How, default="", blank=True)
    likelihood = models.FloatField(default=0.0)
    others = models.JSONField(default=list)
    refused = models.JSONField(default=list)
    by = models.CharField(max_length=150, default="", blank=True)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        verbose_name_plural = "matches"
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["none", "rejected"]) | Q(sku__isnull=False),
                name="match_names_a_product",
            )
        ]
        indexes = [
            models.Index(
                fields=["-likelihood"],
                name="match_waiting",
                condition=Q(state="waiting"),
            )
        ]

    def __str__(self) -> str:
        return f"{self.product} = {self.sku_id}"


class Position(models.Model):
    """A matched product beside ours, counted every hour (catalog.positions).

    `units` a week were sold lately. `undercut_since` is null where we are not undercut;
    `usual` and `depth` are of a promotion of theirs that began at `promotion_since`.
    """

    product = models.OneToOneField(CompetitorProduct, models.CASCADE, primary_key=True)
    sku = models.ForeignKey(Product, models.CASCADE, db_column="sku")
    category = models.TextField(default="", blank=True)
    currency = models.CharField(max_length=3)
    ours = models.DecimalField(max_digits=14, decimal_places=4)
    theirs = models.DecimalField(max_digits=14, decimal_places=4)
    cost = models.DecimalField(max_digits=14, decimal_places=4)
    units = models.FloatField(default=0.0)
    fresh = models.BooleanField(help_text="Seen lately, and in stock.")
    undercut_since = models.DateTimeField(null=True)
    promotion_since = models.DateTimeField(null=True)
    usual = models.DecimalField(max_digits=14, decimal_places=4, null=True)
    depth = models.FloatField(null=True)
    counted_at = models.DateTimeField()
    read_to = models.BigIntegerField(
        default=0, help_text="How far the log of prices had been read."
    )

    def __str__(self) -> str:
        return f"{self.sku_id}: {self.ours} / {self.theirs}"


class Source(models.Model):
    """Market data that are fetched by an adapter, and how that went last.

    `token` names an environment variable, MARKET_TOKEN_…, whose value is sent as
    Authorization: no secret is in the database.
    """

    class State(models.TextChoices):
        NEW = "new", _("not fetched yet")
        FETCHING = "fetching", _("is being fetched")
        TAKEN = "taken", _("fetched")
        SAME = "same", _("nothing new")
        FAILED = "failed", _("failed")

    name = models.CharField(max_length=100, unique=True)
    what = models.CharField(max_length=20, choices=Feed.What)
    adapter = models.CharField(max_length=40, default="http")
    url = models.CharField(max_length=1000)
    options = models.JSONField(
        default=dict,
        blank=True,
        help_text="columns, currency, competitor, series, items, next: docs/market.md.",
    )
    token = models.CharField(max_length=60, default="", blank=True)
    every_minutes = models.IntegerField(default=24 * 60)
    active = models.BooleanField(default=True)
    state = models.CharField(max_length=20, choices=State, default=State.NEW)
    next_at = models.DateTimeField(default=clock.wall)
    fetched_at = models.DateTimeField(null=True)
    error = models.TextField(default="", blank=True)
    failures = models.IntegerField(default=0)
    cached = models.JSONField(default=dict, help_text="ETag and Last-Modified.")
    feed = models.ForeignKey(Feed, models.SET_NULL, null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(every_minutes__gte=5), name="source_every"
            )
        ]

    def __str__(self) -> str:
        return self.name


class Review(models.Model):
    """What somebody said, of a product or beyond one, and what a model read from it.

    `id` is the shop's own. The row goes after `kept_until`, and when its customer is
    erased. `negative`, `neutral` and `positive` are chances, null until a worker has
    judged the text (ml.judging); `aspects`: {aspect: tone from -1 to 1}; `words`:
    [[word, by how much it spoke for the tone]].
    """

    class Source(models.TextChoices):
        SHOP = "shop", _("review in the shop")
        POST = "post", _("post elsewhere")
        NEWS = "news", _("news")
        SERVICE = "service", _("message to the service")

    class State(models.TextChoices):
        PENDING = "pending", _("waits")
        PUBLISHED = "published", _("published")
        HIDDEN = "hidden", _("hidden")

    id = models.CharField(max_length=200, primary_key=True)
    sku = models.CharField(max_length=200, default="", blank=True)
    brand = models.TextField(default="", blank=True)
    category = models.TextField(default="", blank=True)
    campaign = models.CharField(max_length=200, default="", blank=True)
    customer = models.UUIDField(null=True, blank=True)
    rating = models.FloatField(null=True, blank=True)
    text = models.TextField()
    language = models.CharField(max_length=8, default="", blank=True)
    source = models.CharField(max_length=20, choices=Source, default=Source.SHOP)
    topic = models.CharField(max_length=60, default="", blank=True)
    topic_said = models.BooleanField(
        default=False, help_text="By the sender; else found."
    )
    written_at = models.DateTimeField()
    received_at = models.DateTimeField(default=clock.now)
    kept_until = models.DateField()
    state = models.CharField(max_length=20, choices=State, default=State.PENDING)
    moderated_by = models.CharField(max_length=150, default="", blank=True)
    moderated_at = models.DateTimeField(null=True, blank=True)
    negative = models.FloatField(null=True, blank=True)
    neutral = models.FloatField(null=True, blank=True)
    positive = models.FloatField(null=True, blank=True)
    aspects = models.JSONField(default=dict, blank=True)
    words = models.JSONField(default=list, blank=True)
    judged_by = models.CharField(max_length=64, default="", blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["state", "-written_at", "id"], name="review_newest"),
            models.Index(fields=["sku", "-written_at"], name="review_sku"),
            models.Index(
                fields=["received_at"],
                name="review_unjudged",
                condition=Q(judged_by=""),
            ),
            models.Index(fields=["kept_until"], name="review_end"),
            models.Index(
                fields=["customer"],
                name="review_customer",
                condition=Q(customer__isnull=False),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(rating__gte=1, rating__lte=5) | Q(rating=None),
                name="review_rating",
            ),
            models.CheckConstraint(
                condition=Q(source__in=["shop", "post", "news", "service"]),
                name="review_source_known",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["pending", "published", "hidden"]),
                name="review_state_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id}: {self.text[:60]}"

    @property
    def tone(self) -> str:
        """The likeliest tone; empty until it was judged."""
        chances = {
            "negative": self.negative,
            "neutral": self.neutral,
            "positive": self.positive,
        }
        known = {name: value for name, value in chances.items() if value is not None}
        return max(known, key=known.__getitem__) if known else ""
