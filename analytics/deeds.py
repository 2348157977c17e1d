"""What one key has done in a batch of events, as sums that two batches can join.

The columns of `Profile` and `Affinity`, in the order in which `row` gives them.
"""

from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal

from analytics import events, store

NOTHING = Decimal(0)
NO_TIME, MILLISECOND = timedelta(0), timedelta(milliseconds=1)
SITTING = timedelta(minutes=30)
"""A longer pause is no look any more: the field's usual end of a session."""
COUNTED = {
    "order_completed": "orders",
    "order_refunded": "refunds",
    "order_cancelled": "cancelled",
    "product_viewed": "views",
    "product_clicked": "clicks",
    "products_searched": "searches",
    "product_list_viewed": "lists_viewed",
    "product_list_filtered": "lists_viewed",
    "promotion_viewed": "promotions_viewed",
    "promotion_clicked": "promotions_clicked",
    "product_added_to_wishlist": "wished",
    "product_removed_from_wishlist": "unwished",
    "product_added": "cart_added",
    "wishlist_product_added_to_cart": "cart_added",
    "product_removed": "cart_removed",
    "cart_viewed": "carts_viewed",
    "checkout_started": "checkouts",
    "checkout_step_viewed": "checkout_steps",
    "checkout_step_completed": "checkout_steps",
    "payment_info_entered": "checkout_steps",
    "coupon_entered": "coupons_entered",
    "coupon_applied": "coupons_applied",
    "coupon_denied": "coupons_denied",
    "coupon_removed": "coupons_removed",
    "coupon_redeemed": "coupons_redeemed",
    "offer_shown": "offers_shown",
    "product_reviewed": "reviews",
    "product_shared": "shares",
    "cart_shared": "shares",
    "page_viewed": "pages",
    "screen_viewed": "pages",
}
"""Type -> the column of `Profile` that counts it."""
READ = frozenset(
    (
        *("order_completed", "order_refunded", "product_viewed", "product_added"),
        *("product_added_to_wishlist", "wishlist_product_added_to_cart"),
        *("page_viewed", "screen_viewed"),
    )
)
"""The types of which more than the type counts."""
IN_CART = (events.ProductAdded, events.WishlistProductAddedToCart)
# Several types share a column, which is there once.
COUNTS = tuple(dict.fromkeys(COUNTED.values()))
PROFILE = (
    *COUNTS,
    *("units", "spend", "discounts", "refunded", "first_order_at", "last_order_at"),
    *("first_seen_at", "last_seen_at", "dwell_ms", "looking_from", "looking_since"),
)
AFFINITY = ("orders", "units", "spend", "views", "carts", "wishes", "last_at")


class Did:
    """Sums of one key while a batch is folded."""

    __slots__ = (
        *("counts", "discounts", "first_at", "last_at", "refunded", "seen", "spend"),
        *("touched", "units"),
    )

    def __init__(self) -> None:
        self.touched: dict[str, Touched] = {}
        self.counts: Counter[str] = Counter()
        self.units = 0
        self.spend = self.discounts = self.refunded = NOTHING
        self.first_at: datetime | None = None
        self.last_at: datetime | None = None
        self.seen = Seen()

    def add(self, stored: store.Stored) -> None:
        """Count the event; only what is needed of it is decoded."""
        self.counts[COUNTED[stored.type]] += 1
        at = stored.occurred_at
        self.seen.at(at)
        if stored.type not in READ:
            self.seen.look(at)
            return
        match stored.event:
            case events.OrderCompleted() as order:
                self.buy(order, at)
            case events.OrderRefunded(amount=amount):
                self.refunded += amount or NOTHING
            case events.PageViewed(dwell_seconds=seconds):
                self.seen.look(at, seconds)
            case events.Looked() as looked:
                self.look(looked, at)
            case _:
                pass

    def look(self, looked: events.Looked, at: datetime) -> None:
        """Add what was done with one product."""
        seconds = None
        if viewed := isinstance(looked, events.ProductViewed):
            seconds = looked.dwell_seconds
        self.seen.look(at, seconds)
        touched = self.touched.get(looked.category)
        if touched is None:
            touched = self.touched[looked.category] = Touched()
        touched.views += viewed
        touched.wishes += isinstance(looked, events.ProductAddedToWishlist)
        touched.carts += isinstance(looked, IN_CART)

    def buy(self, order: events.OrderCompleted, at: datetime) -> None:
        """Add an order: the hot loop of every replay, 1.2 µs a line."""
        self.first_at = min(self.first_at or at, at)
        self.last_at = max(self.last_at or at, at)
        seen = set()
        for line in order.lines:
            quantity, paid, category = line.quantity, line.paid, line.category
            self.units += quantity
            self.spend += paid
            self.discounts += line.shelf_discount + line.coupon_discount
            bought = self.touched.get(category)
            if bought is None:
                bought = self.touched[category] = Touched()
            bought.units += quantity
            bought.spend += paid
            seen.add(category)
        for category in seen:
            bought = self.touched[category]
            bought.orders += 1
            bought.last_at = max(bought.last_at or at, at)

    def row(self) -> tuple[object, ...]:
        counts = [self.counts[name] for name in COUNTS]
        seen = self.seen
        return (
            *counts,
            self.units,
            self.spend,
            self.discounts,
            self.refunded,
            self.first_at,
            self.last_at,
            seen.first_at,
            seen.last_at,
            seen.dwell_ms,
            seen.looking_from,
            seen.looking_since,
        )


class Seen:
    """When a key was seen, and for how long it looked.

    A look lasts until the next event, if that comes within SITTING, unless the shop
    itself says how long it was. Two batches join as two events do, so it does not
    matter where a batch ends.
    """

    __slots__ = ("dwell_ms", "first_at", "last_at", "looking_from", "looking_since")

    def __init__(self) -> None:
        self.dwell_ms = 0
        self.first_at: datetime | None = None
        self.last_at: datetime | None = None
        self.looking_from: datetime | None = None
        self.looking_since: datetime | None = None

    def at(self, at: datetime) -> None:
        self.first_at = min(self.first_at or at, at)
        self.last_at = max(self.last_at or at, at)

    def look(self, at: datetime, seconds: float | None = None) -> None:
        if self.looking_since is not None:
            gap = at - self.looking_since
            # Negative where an event came late: nobody looked for less than no time.
            if NO_TIME <= gap <= SITTING:
                self.dwell_ms += gap // MILLISECOND
        if self.looking_from is None:
            self.looking_from = at
        # What the shop has timed itself must not be timed by the next event again.
        self.looking_since = at if seconds is None else None
        self.dwell_ms += int((seconds or 0) * 1000)


class Touched:
    """Sums of one key and category while a batch is folded."""

    __slots__ = ("carts", "last_at", "orders", "spend", "units", "views", "wishes")

    def __init__(self) -> None:
        self.orders = self.units = self.views = self.carts = self.wishes = 0
        self.spend = NOTHING
        self.last_at: datetime | None = None

    def row(self) -> tuple[object, ...]:
        return (
            self.orders,
            self.units,
            self.spend,
            self.views,
            self.carts,
            self.wishes,
            self.last_at,
        )
