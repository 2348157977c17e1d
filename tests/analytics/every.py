"""An event of every type."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from analytics import events
from tests.analytics.conftest import NOW

EVERY: dict[str, events.Event] = {
    "campaign_announced": events.CampaignAnnounced(
        campaign="may", kind="leaflet", starts_on="2026-05-01", ends_on="2026-06-01"
    ),
    "question_asked": events.QuestionAsked(
        question=UUID(int=1), conversation=UUID(int=2), language="en", length=24
    ),
    "question_answered": events.QuestionAnswered(
        question=UUID(int=1),
        kinds=("offers", "help"),
        by="sue",
        sources=("help_text returns",),
    ),
    "handed_over": events.HandedOver(question=UUID(int=1), reason="unsure"),
    "help_text_published": events.HelpTextPublished(
        slug="returns", language="zh-hans", version=2, by="sue"
    ),
    "campaign_received": events.CampaignReceived(campaign="may"),
    "coupon_issued": events.CouponIssued(
        campaign="may", coupon="TEA5", skus=("tea", "ü-ключ-😀")
    ),
    "coupon_redeemed": events.CouponRedeemed(campaign="may", coupon="TEA5"),
    "calendar_changed": events.CalendarChanged(
        key="summer",
        name="Summer holidays",
        kind="school_holidays",
        region="DE-BY",
        first=NOW.date(),
        last=NOW.date() + timedelta(days=42),
    ),
    "series_reported": events.SeriesReported(
        series="temperature",
        region="DE-BY",
        values={NOW.date(): 21.5, NOW.date() + timedelta(days=1): None},
    ),
    "competitor_price_changed": events.CompetitorPriceChanged(
        competitor="Rival",
        product="r-1",
        price=Decimal("9.49"),
        was=Decimal("9.99"),
        shelf_price=Decimal("9.99"),
        currency="USD",
    ),
    "competitor_price_judged": events.CompetitorPriceJudged(
        competitor="Rival",
        product="r-1",
        price=Decimal("0.01"),
        currency="USD",
        seen_at=NOW,
        right=False,
        by="olga",
    ),
    "competitor_matched": events.CompetitorMatched(
        competitor="Rival", product="r-1", sku="tea", state="confirmed", by="olga"
    ),
    "review_written": events.ReviewWritten(
        review="r-1", source="shop", sku="tea", category="TEA", rating=4.0, size=21
    ),
    "review_moderated": events.ReviewModerated(
        review="r-1", state="published", by="olga"
    ),
    "review_judged": events.ReviewJudged(
        review="r-1",
        source="shop",
        sku="tea",
        written_on=NOW.date(),
        negative=0.25,
        neutral=0.25,
        positive=0.5,
        aspects={"price": -0.5},
        model="sentiment 1",
    ),
    "opinion_turned": events.OpinionTurned(
        level="product",
        key="tea",
        worse=True,
        day=NOW.date(),
        since=NOW.date() - timedelta(days=1),
        texts=12,
        negative=9,
        expected=2.5,
    ),
    "model_promoted": events.ModelPromoted(
        model=UUID(int=1),
        task="propensity",
        estimator="linear",
        checksum="abc",
        validation={"auc": 0.75},
        reason="best on validation",
    ),
    "model_rolled_back": events.ModelRolledBack(
        model=UUID(int=4), was=UUID(int=5), task="propensity", by="olga"
    ),
    "odds_set": events.OddsSet(
        strategy=UUID(int=2), day=NOW.date(), odds={"5%": 0.25, "10%": 0.75}
    ),
    "offer_assigned": events.OfferAssigned(
        strategy=UUID(int=2),
        arm="holdout",
        variant=None,
        probability=0.05,
        odds=NOW.date(),
    ),
    "offer_feedback": events.OfferFeedback(
        strategy=UUID(int=2), offer=UUID(int=4), feedback="not_for_me"
    ),
    "offer_redeemed": events.OfferRedeemed(
        strategy=UUID(int=2),
        redemption=UUID(int=3),
        variant="10%",
        offer=UUID(int=4),
        order_id="o-1",
        discount=Decimal("1.2345"),
        currency="USD",
    ),
    "offer_reserved": events.OfferReserved(
        strategy=UUID(int=2),
        reservation=UUID(int=6),
        variant="10%",
        offer=None,
        code=UUID(int=7),
        amount=Decimal("1.23"),
        currency="USD",
        until=datetime(2026, 6, 1, 12, tzinfo=UTC),
    ),
    "reservation_released": events.ReservationReleased(
        strategy=UUID(int=2), reservation=UUID(int=6), amount=Decimal("1.23")
    ),
    "reservation_expired": events.ReservationExpired(
        strategy=UUID(int=2), reservation=UUID(int=6), amount=Decimal("1.23")
    ),
    "redemption_rolled_back": events.RedemptionRolledBack(
        strategy=UUID(int=2),
        redemption=UUID(int=3),
        rollback=UUID(int=8),
        order_id="o-1",
        amount=Decimal("1.23"),
        given_back=Decimal(0),
        whole=False,
        currency="USD",
    ),
    "budget_reached": events.BudgetReached(
        strategy=UUID(int=2), share=0.8, spent=Decimal(80), budget=Decimal(100)
    ),
    "standing_rule_decided": events.StandingRuleDecided(
        rule=UUID(int=9), step="approved", flag="harm", by="olga", comment="Good."
    ),
    "offer_shown": events.OfferShown(offer=UUID(int=4), placement="home"),
    "offers_computed": events.OffersComputed(
        customers=2, offers=3, strategies={"a": 3}, model=None
    ),
    "order_completed": events.OrderCompleted(
        order_id="o-1",
        currency="USD",
        lines=(
            events.OrderLine(sku="tea", category="TEA", quantity=2, paid=Decimal(18)),
            events.OrderLine(
                sku="milk", paid=Decimal("1.99"), coupon_discount=Decimal("0.01")
            ),
        ),
    ),
    "price_overruled": events.PriceOverruled(
        sku="tea",
        strategy=UUID(int=2),
        price=Decimal("8.50"),
        was=Decimal("7.99"),
        currency="USD",
    ),
    "price_withdrawn": events.PriceWithdrawn(
        sku="tea", was=Decimal("8.50"), currency="USD"
    ),
    "prices_proposed": events.PricesProposed(
        lines=(
            events.PriceStep(
                sku="tea", price=Decimal("7.99"), was=Decimal(9), starts_at=NOW
            ),
        )
    ),
    "prices_rolled": events.PricesRolled(lines={"running": (("tea", NOW),)}),
    "pricing_rule_set": events.PricingRuleSet(
        category="TEA", by="olga", rule={"ending": "0.99"}
    ),
    "stock_rule_set": events.StockRuleSet(category="", by="olga", rule=None),
    "cost_changed": events.CostChanged(
        sku="tea", cost=Decimal("6.50"), was=None, currency="USD"
    ),
    "price_changed": events.PriceChanged(
        sku="tea", price=Decimal("9.50"), was=Decimal("10.00"), currency="USD"
    ),
    "product_added": events.ProductAdded(sku="tea", category="TEA", quantity=3),
    "product_viewed": events.ProductViewed(sku="tea", category="TEA"),
    "stock_changed": events.StockChanged(sku="tea", stock=3, was=None),
    "strategy_approved": events.StrategyApproved(by="olga", comment="Good."),
    "quarter_planned": events.QuarterPlanned(
        starts_on=date(2026, 3, 30),
        by="olga",
        budget=Decimal(1300),
        currency="USD",
        weeks=(*12 * (None,), Decimal("12.50")),
    ),
    "campaign_opened": events.CampaignOpened(
        name="June",
        by="olga",
        starts_at=NOW,
        ends_at=NOW + timedelta(days=28),
        zone="Europe/Berlin",
        budget=Decimal("100.00"),
        currency="USD",
    ),
    "strategy_commented": events.StrategyCommented(by="vera", comment="Why tea?"),
    "strategy_ended": events.StrategyEnded(by="olga"),
    "strategy_paused": events.StrategyPaused(by="olga", comment="Sold out."),
    "strategy_proposed": events.StrategyProposed(
        kind="percentage",
        title="10 % on tea",
        by="platform",
        scope=("TEA",),
        menu={"10%": {"kind": "percentage", "rate": "0.10"}},
        budget=Decimal("100.00"),
        currency="USD",
        holdout=0.05,
        forecast={"reach": 2, "low": -1.5},
    ),
    "strategy_rejected": events.StrategyRejected(by="olga", comment="Too dear."),
    "strategy_resumed": events.StrategyResumed(by="olga", comment="Here again."),
    "strategy_returned": events.StrategyReturned(by="olga", comment="At most 10 %."),
    "cart_shared": events.CartShared(via="mail", skus=("tea",)),
    "cart_viewed": events.CartViewed(skus=("tea", "milk")),
    "checkout_started": events.CheckoutStarted(
        order_id="o-1", currency="USD", value=Decimal(20), skus=("tea",)
    ),
    "checkout_step_completed": events.CheckoutStepCompleted(checkout="c-1", step=1),
    "checkout_step_viewed": events.CheckoutStepViewed(checkout="c-1", step=1),
    "consent_changed": events.ConsentChanged(personalised=False),
    "coupon_applied": events.CouponApplied(coupon="TEA5", discount=Decimal(5)),
    "coupon_denied": events.CouponDenied(coupon="TEA5"),
    "coupon_entered": events.CouponEntered(coupon="TEA5"),
    "coupon_removed": events.CouponRemoved(coupon="TEA5", discount=Decimal(5)),
    "custom_tracked": events.CustomTracked(name="Quiz", numbers={"score": 3.5}),
    "customer_aliased": events.CustomerAliased(previous=UUID(int=5)),
    "customer_erased": events.CustomerErased(events=7),
    "customer_identified": events.CustomerIdentified(
        anonymous=UUID(int=5), traits={"plan": "gold"}
    ),
    "experiment_viewed": events.ExperimentViewed(experiment="e", variation="1"),
    "group_joined": events.GroupJoined(group="acme"),
    "identity_unlinked": events.IdentityUnlinked(target=UUID(int=6), by="olga"),
    "order_cancelled": events.OrderCancelled(order_id="o-1"),
    "order_refunded": events.OrderRefunded(
        order_id="o-1", currency="USD", amount=Decimal("1.50"), skus=("milk",)
    ),
    "order_updated": events.OrderUpdated(order_id="o-1", total=Decimal(19)),
    "page_viewed": events.PageViewed(name="Home", dwell_seconds=2.5),
    "payment_info_entered": events.PaymentInfoEntered(checkout="c-1", step=2),
    "product_added_to_wishlist": events.ProductAddedToWishlist(sku="tea"),
    "product_clicked": events.ProductClicked(sku="tea", list="home", position=2),
    "product_list_filtered": events.ProductListFiltered(
        list="home", filters=("price",), sorts=("newest",)
    ),
    "product_list_viewed": events.ProductListViewed(list="home", skus=("tea",)),
    "product_removed": events.ProductRemoved(sku="tea", category="TEA"),
    "product_removed_from_wishlist": events.ProductRemovedFromWishlist(sku="tea"),
    "product_reviewed": events.ProductReviewed(sku="tea", rating=4.5),
    "product_shared": events.ProductShared(sku="tea", via="mail"),
    "products_searched": events.ProductsSearched(words=2),
    "promotion_clicked": events.PromotionClicked(promotion="spring"),
    "promotion_viewed": events.PromotionViewed(promotion="spring", position="top"),
    "screen_viewed": events.ScreenViewed(name="Home"),
    "wishlist_product_added_to_cart": events.WishlistProductAddedToCart(sku="tea"),
}
"""One event of every type."""
