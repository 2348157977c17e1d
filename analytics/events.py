"""The vocabulary: everything that can happen, by the name that the log stores.

A name in `VOCABULARY` is for ever; classes may be renamed, names may not. To change a
type's shape, raise its `schema` and add an upcast; what is stored is never rewritten.
Every type says which of its fields are personal, since erasure blanks exactly those.
Facts are complete on their own: a line carries the category and the price of its
moment, so replay needs no join to today's catalogue.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from analytics.assortment import (
    CostChanged,
    PriceChanged,
    PriceOverruled,
    PricesProposed,
    PricesRolled,
    PriceStep,
    PriceWithdrawn,
    PricingRuleSet,
    StockChanged,
    StockRuleSet,
)
from analytics.behaviour import (
    CampaignAnnounced,
    CampaignReceived,
    CartShared,
    CartViewed,
    ConsentChanged,
    CouponIssued,
    CouponRedeemed,
    CustomerAliased,
    CustomerErased,
    CustomerIdentified,
    CustomTracked,
    ExperimentViewed,
    GroupJoined,
    IdentityUnlinked,
    Looked,
    OfferShown,
    PageViewed,
    ProductAdded,
    ProductAddedToWishlist,
    ProductClicked,
    ProductListFiltered,
    ProductListViewed,
    ProductRemoved,
    ProductRemovedFromWishlist,
    ProductReviewed,
    ProductShared,
    ProductsSearched,
    ProductViewed,
    PromotionClicked,
    PromotionViewed,
    ScreenViewed,
    WishlistProductAddedToCart,
)
from analytics.decisions import (
    BudgetReached,
    CampaignOpened,
    FeedbackWord,
    ModelPromoted,
    ModelRolledBack,
    OddsSet,
    OfferAssigned,
    OfferFeedback,
    OfferRedeemed,
    OfferReserved,
    OffersComputed,
    QuarterPlanned,
    RedemptionRolledBack,
    ReservationExpired,
    ReservationReleased,
    StandingRuleDecided,
    StrategyApproved,
    StrategyCommented,
    StrategyDecided,
    StrategyEnded,
    StrategyPaused,
    StrategyProposed,
    StrategyRejected,
    StrategyResumed,
    StrategyReturned,
)
from analytics.market import (
    CalendarChanged,
    CompetitorMatched,
    CompetitorPriceChanged,
    CompetitorPriceJudged,
    SeriesReported,
)
from analytics.opinions import (
    OpinionTurned,
    ReviewJudged,
    ReviewModerated,
    ReviewWritten,
)
from analytics.ordering import (
    CheckoutStarted,
    CheckoutStepCompleted,
    CheckoutStepViewed,
    CouponApplied,
    CouponDenied,
    CouponEntered,
    CouponRemoved,
    OrderCancelled,
    OrderCompleted,
    OrderLine,
    OrderRefunded,
    OrderUpdated,
    PaymentInfoEntered,
)
from analytics.service import (
    HandedOver,
    HelpTextPublished,
    QuestionAnswered,
    QuestionAsked,
)
from analytics.shapes import Event

__all__ = [
    "BudgetReached",
    "CalendarChanged",
    "CampaignAnnounced",
    "CampaignOpened",
    "CampaignReceived",
    "CartShared",
    "CartViewed",
    "CheckoutStarted",
    "CheckoutStepCompleted",
    "CheckoutStepViewed",
    "CompetitorMatched",
    "CompetitorPriceChanged",
    "CompetitorPriceJudged",
    "ConsentChanged",
    "CostChanged",
    "CouponApplied",
    "CouponDenied",
    "CouponEntered",
    "CouponIssued",
    "CouponRedeemed",
    "CouponRemoved",
    "CustomTracked",
    "CustomerAliased",
    "CustomerErased",
    "CustomerIdentified",
    "Event",
    "ExperimentViewed",
    "FeedbackWord",
    "GroupJoined",
    "HandedOver",
    "HelpTextPublished",
    "IdentityUnlinked",
    "Looked",
    "ModelPromoted",
    "ModelRolledBack",
    "OddsSet",
    "OfferAssigned",
    "OfferFeedback",
    "OfferRedeemed",
    "OfferReserved",
    "OfferShown",
    "OffersComputed",
    "OpinionTurned",
    "OrderCancelled",
    "OrderCompleted",
    "OrderLine",
    "OrderRefunded",
    "OrderUpdated",
    "PageViewed",
    "PaymentInfoEntered",
    "PriceChanged",
    "PriceOverruled",
    "PriceStep",
    "PriceWithdrawn",
    "PricesProposed",
    "PricesRolled",
    "PricingRuleSet",
    "ProductAdded",
    "ProductAddedToWishlist",
    "ProductClicked",
    "ProductListFiltered",
    "ProductListViewed",
    "ProductRemoved",
    "ProductRemovedFromWishlist",
    "ProductReviewed",
    "ProductShared",
    "ProductViewed",
    "ProductsSearched",
    "PromotionClicked",
    "PromotionViewed",
    "QuarterPlanned",
    "QuestionAnswered",
    "QuestionAsked",
    "RedemptionRolledBack",
    "ReservationExpired",
    "ReservationReleased",
    "ReviewJudged",
    "ReviewModerated",
    "ReviewWritten",
    "ScreenViewed",
    "SeriesReported",
    "StandingRuleDecided",
    "StockChanged",
    "StockRuleSet",
    "StrategyApproved",
    "StrategyCommented",
    "StrategyDecided",
    "StrategyEnded",
    "StrategyPaused",
    "StrategyProposed",
    "StrategyRejected",
    "StrategyResumed",
    "StrategyReturned",
    "WishlistProductAddedToCart",
]


class Unreadable(Exception):
    """An event does not fit its type; the message names the field's path."""


BEHAVIOUR: tuple[type[Event], ...] = (
    CampaignAnnounced,
    CampaignReceived,
    CartShared,
    CartViewed,
    CheckoutStarted,
    CheckoutStepCompleted,
    CheckoutStepViewed,
    ConsentChanged,
    CouponApplied,
    CouponDenied,
    CouponEntered,
    CouponIssued,
    CouponRedeemed,
    CouponRemoved,
    CustomTracked,
    CustomerAliased,
    CustomerErased,
    CustomerIdentified,
    ExperimentViewed,
    GroupJoined,
    IdentityUnlinked,
    OfferShown,
    OrderCancelled,
    OrderCompleted,
    OrderRefunded,
    OrderUpdated,
    PageViewed,
    PaymentInfoEntered,
    ProductAdded,
    ProductAddedToWishlist,
    ProductClicked,
    ProductListFiltered,
    ProductListViewed,
    ProductRemoved,
    ProductRemovedFromWishlist,
    ProductReviewed,
    ProductShared,
    ProductViewed,
    ProductsSearched,
    PromotionClicked,
    PromotionViewed,
    ScreenViewed,
    WishlistProductAddedToCart,
)
VOCABULARY: Mapping[str, type[Event]] = {
    "budget_reached": BudgetReached,
    "calendar_changed": CalendarChanged,
    "campaign_announced": CampaignAnnounced,
    "campaign_opened": CampaignOpened,
    "campaign_received": CampaignReceived,
    "cart_shared": CartShared,
    "cart_viewed": CartViewed,
    "checkout_started": CheckoutStarted,
    "checkout_step_completed": CheckoutStepCompleted,
    "checkout_step_viewed": CheckoutStepViewed,
    "competitor_matched": CompetitorMatched,
    "competitor_price_changed": CompetitorPriceChanged,
    "competitor_price_judged": CompetitorPriceJudged,
    "consent_changed": ConsentChanged,
    "cost_changed": CostChanged,
    "coupon_applied": CouponApplied,
    "coupon_denied": CouponDenied,
    "coupon_entered": CouponEntered,
    "coupon_issued": CouponIssued,
    "coupon_redeemed": CouponRedeemed,
    "coupon_removed": CouponRemoved,
    "custom_tracked": CustomTracked,
    "customer_aliased": CustomerAliased,
    "customer_erased": CustomerErased,
    "customer_identified": CustomerIdentified,
    "experiment_viewed": ExperimentViewed,
    "group_joined": GroupJoined,
    "handed_over": HandedOver,
    "help_text_published": HelpTextPublished,
    "identity_unlinked": IdentityUnlinked,
    "model_promoted": ModelPromoted,
    "model_rolled_back": ModelRolledBack,
    "odds_set": OddsSet,
    "offer_assigned": OfferAssigned,
    "offer_feedback": OfferFeedback,
    "offer_redeemed": OfferRedeemed,
    "offer_reserved": OfferReserved,
    "offer_shown": OfferShown,
    "offers_computed": OffersComputed,
    "opinion_turned": OpinionTurned,
    "order_cancelled": OrderCancelled,
    "order_completed": OrderCompleted,
    "order_refunded": OrderRefunded,
    "order_updated": OrderUpdated,
    "page_viewed": PageViewed,
    "payment_info_entered": PaymentInfoEntered,
    "price_changed": PriceChanged,
    "price_overruled": PriceOverruled,
    "price_withdrawn": PriceWithdrawn,
    "prices_proposed": PricesProposed,
    "prices_rolled": PricesRolled,
    "pricing_rule_set": PricingRuleSet,
    "product_added": ProductAdded,
    "product_added_to_wishlist": ProductAddedToWishlist,
    "product_clicked": ProductClicked,
    "product_list_filtered": ProductListFiltered,
    "product_list_viewed": ProductListViewed,
    "product_removed": ProductRemoved,
    "product_removed_from_wishlist": ProductRemovedFromWishlist,
    "product_reviewed": ProductReviewed,
    "product_shared": ProductShared,
    "product_viewed": ProductViewed,
    "products_searched": ProductsSearched,
    "promotion_clicked": PromotionClicked,
    "promotion_viewed": PromotionViewed,
    "quarter_planned": QuarterPlanned,
    "question_answered": QuestionAnswered,
    "question_asked": QuestionAsked,
    "redemption_rolled_back": RedemptionRolledBack,
    "reservation_expired": ReservationExpired,
    "reservation_released": ReservationReleased,
    "review_judged": ReviewJudged,
    "review_moderated": ReviewModerated,
    "review_written": ReviewWritten,
    "screen_viewed": ScreenViewed,
    "series_reported": SeriesReported,
    "standing_rule_decided": StandingRuleDecided,
    "stock_changed": StockChanged,
    "stock_rule_set": StockRuleSet,
    "strategy_approved": StrategyApproved,
    "strategy_commented": StrategyCommented,
    "strategy_ended": StrategyEnded,
    "strategy_paused": StrategyPaused,
    "strategy_proposed": StrategyProposed,
    "strategy_rejected": StrategyRejected,
    "strategy_resumed": StrategyResumed,
    "strategy_returned": StrategyReturned,
    "wishlist_product_added_to_cart": WishlistProductAddedToCart,
}

NAMES: Mapping[type[Event], str] = {kind: name for name, kind in VOCABULARY.items()}

FROM_SHOPS = frozenset(NAMES[kind] for kind in BEHAVIOUR) - {
    "customer_erased",
    "identity_unlinked",
}
"""What a shop may report. The rest only Proffer itself can say."""

Upcast = Callable[[dict[str, Any]], dict[str, Any]]
UPCASTS: Mapping[tuple[str, int], Upcast] = {}
"""(type, schema as stored) -> the data one schema later."""

# Made once: a decoder compiles its type when it is made.
_decoders = {
    name: msgspec.json.Decoder(kind, strict=True) for name, kind in VOCABULARY.items()
}


def decode(name: str, data: str | bytes, *, schema: int | None = None) -> Event:
    """Read an event of the type `name` from JSON, upcast to today's schema.

    :raises Unreadable: the data do not fit; the message holds the field's path.
    """
    try:
        # None: from a door, which speaks today's schema.
        if schema is None or schema == VOCABULARY[name].schema:
            return _decoders[name].decode(data)
        return _upcast(name, msgspec.json.decode(data), schema)
    except KeyError as error:
        raise Unreadable(f"unknown type {name!r}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(str(error)) from error


def encode(event: object) -> bytes:
    """Write an event, or rows of them, as JSON; what is a default is left out."""
    return msgspec.json.encode(event)


def _upcast(name: str, data: dict[str, Any], schema: int) -> Event:
    for step in range(schema, VOCABULARY[name].schema):
        data = UPCASTS[name, step](data)
    return msgspec.convert(data, VOCABULARY[name])
