"""Every address of the platform, but for those of config/probes.py."""

from django.conf import settings
from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from django.views.i18n import set_language
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView

from analytics import segment, tracking
from analytics.api import ConsentView, CustomerView, EventsView
from analytics.connect import connect, newest
from catalog.api import (
    CalendarView,
    CompetitorPricesView,
    ProductsView,
    SeriesView,
)
from catalog.price_api import PricesView
from catalog.review_api import ReviewsView
from ml.admin import catalogue
from ml.forecast_api import ForecastsView
from ml.model_pages import models_page
from ml.search_api import SearchView
from promotions import (
    console_pages,
    data_pages,
    demand_pages,
    feed_pages,
    opinion_pages,
    subscriptions,
    support_pages,
)
from promotions.api import FeedbackView, OffersView
from promotions.authoring import (
    CampaignsView,
    StrategiesView,
    StrategyView,
    VersionsView,
)
from promotions.backtest_api import BacktestsView, BacktestView
from promotions.banners import PromotionsView
from promotions.calendar_page import calendar_page
from promotions.checkout import (
    QualificationsView,
    RedemptionsView,
    ReservationsView,
    ReservationView,
    RollbackView,
)
from promotions.code_api import (
    BatchesView,
    BatchFileView,
    BatchView,
    CodesView,
    DeactivationView,
    StrategyFileView,
)
from promotions.decision_api import DecisionView
from promotions.hindsight_api import PoliciesView
from promotions.inbox import inbox_page
from promotions.market_days import days_page, series_page
from promotions.market_pages import market_page
from promotions.market_product import product_page
from promotions.market_review import review_page
from promotions.offline import FeaturesView
from promotions.prices_page import prices_page
from promotions.quarter_pages import quarter_page
from promotions.questions import ConversationView, QuestionsView
from promotions.report_admin import (
    campaign_results,
    programme_results,
    strategy_results,
)
from promotions.report_api import (
    CampaignReportView,
    ProgrammeReportView,
    StrategyReportsView,
    StrategyReportView,
)
from promotions.response_pages import response_page
from promotions.stock_api import StockView
from promotions.stock_pages import stock_page
from promotions.stock_product import product_stock_page
from promotions.suggesting import RecommendationsView, SimilarView, TogetherView
from promotions.webhook_api import EndpointsView, EndpointView, SecretView
from promotions.what_if_admin import what_if_page

docs = SpectacularRedocView.as_view(url_name="schema", template_name="api/docs.html")
api = [
    path("events", EventsView.as_view(), name="events"),
    path("consent", ConsentView.as_view(), name="consent"),
    path("products", ProductsView.as_view(), name="products"),
    path("prices", PricesView.as_view(), name="prices"),
    path("calendar", CalendarView.as_view(), name="market_calendar"),
    path("series", SeriesView.as_view(), name="market_series"),
    path("competitor-prices", CompetitorPricesView.as_view(), name="competitor_prices"),
    path("reviews", ReviewsView.as_view(), name="reviews"),
    path("customers/<path:customer>/offers", OffersView.as_view(), name="offers"),
    path("offers/<uuid:offer>/feedback", FeedbackView.as_view(), name="feedback"),
    path(
        "customers/<path:customer>/recommendations",
        RecommendationsView.as_view(),
        name="recommendations",
    ),
    path("stock", StockView.as_view(), name="stock_levels"),
    path("search", SearchView.as_view(), name="search"),
    path("products/together", TogetherView.as_view(), name="together"),
    path("products/similar", SimilarView.as_view(), name="similar"),
    # After the two above: an id may hold slashes, so this takes all that follows.
    path("customers/<path:customer>", CustomerView.as_view(), name="customer"),
    path("questions", QuestionsView.as_view(), name="questions"),
    path(
        "conversations/<uuid:conversation>",
        ConversationView.as_view(),
        name="conversation",
    ),
    path("qualifications", QualificationsView.as_view(), name="qualifications"),
    path("reservations", ReservationsView.as_view(), name="reservations"),
    path(
        "reservations/<uuid:reservation>",
        ReservationView.as_view(),
        name="reservation",
    ),
    path("redemptions", RedemptionsView.as_view(), name="redemptions"),
    path(
        "redemptions/<uuid:redemption>/rollback",
        RollbackView.as_view(),
        name="rollback",
    ),
    path("campaigns", CampaignsView.as_view(), name="campaigns"),
    path("strategies", StrategiesView.as_view(), name="strategies"),
    path("strategies/<uuid:strategy>", StrategyView.as_view(), name="strategy"),
    path(
        "strategies/<uuid:strategy>/versions", VersionsView.as_view(), name="versions"
    ),
    path(
        "strategies/<uuid:strategy>/policies", PoliciesView.as_view(), name="policies"
    ),
    path("backtests", BacktestsView.as_view(), name="backtests"),
    path("backtests/<uuid:backtest>", BacktestView.as_view(), name="backtest"),
    path("promotions", PromotionsView.as_view(), name="promotions"),
    path("reports/strategies", StrategyReportsView.as_view(), name="reports"),
    path(
        "reports/strategies/<uuid:strategy>",
        StrategyReportView.as_view(),
        name="strategy_report",
    ),
    path(
        "reports/campaigns/<uuid:campaign>",
        CampaignReportView.as_view(),
        name="campaign_report",
    ),
    path("reports/programme", ProgrammeReportView.as_view(), name="programme_report"),
    path("forecasts", ForecastsView.as_view(), name="forecasts"),
    path("decisions/<uuid:offer>", DecisionView.as_view(), name="decision"),
    path("strategies/<uuid:strategy>/codes", CodesView.as_view(), name="codes"),
    path(
        "strategies/<uuid:strategy>/codes.csv",
        StrategyFileView.as_view(),
        name="codes_file",
    ),
    path(
        "strategies/<uuid:strategy>/code-batches",
        BatchesView.as_view(),
        name="code_batches",
    ),
    path("code-batches/<uuid:batch>", BatchView.as_view(), name="code_batch"),
    path(
        "code-batches/<uuid:batch>/codes.csv",
        BatchFileView.as_view(),
        name="code_batch_file",
    ),
    path(
        "codes/<uuid:code>/deactivation",
        DeactivationView.as_view(),
        name="code_deactivation",
    ),
    path("webhook-endpoints", EndpointsView.as_view(), name="endpoints"),
    path("webhook-endpoints/<uuid:endpoint>", EndpointView.as_view(), name="endpoint"),
    path(
        "webhook-endpoints/<uuid:endpoint>/secret",
        SecretView.as_view(),
        name="endpoint_secret",
    ),
    path("schema", SpectacularAPIView.as_view(), name="schema"),
    path("docs", docs, name="docs"),
]
BATCHES = (("", "batch"), ("", "b"), ("beacon/", "batch"))
CALLS = {call: call for call in segment.CALLS}
CALLS |= {call[0]: call for call in segment.CALLS}
"""Each call by its whole name and by the letter that browsers use."""
wire = [
    *(path(f"v1/{name}", tracking.collect, {"call": c}) for name, c in CALLS.items()),
    *(
        path(f"{at}v1/{name}", tracking.collect, {"call": "batch"})
        for at, name in BATCHES
    ),
    path("v1/projects/<str:write_key>/settings", tracking.boot),
    path("sourceConfig/", tracking.source_config),
    path("sourceConfig", tracking.source_config),
    re_path(r"^(?:beacon/)?v1(?:/[\s\S]*)?$", tracking.unknown),
]
page = admin.site.admin_view
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("favicon.ico", RedirectView.as_view(url=static("favicon.svg"))),
    path("admin/language", set_language, name="set_language"),
    path("admin/connect", page(connect), name="connect"),
    path("admin/connect/newest", page(newest), name="connect_newest"),
    path("admin/features", page(catalogue), name="features"),
    path("admin/models", page(models_page), name="models"),
    path("admin/opinions", page(opinion_pages.opinions_page), name="opinions"),
    path("admin/demand", page(demand_pages.demand_page), name="demand"),
    path("admin/prices", page(prices_page), name="pricing"),
    path("admin/programme", page(programme_results), name="programme"),
    path("admin/calendar", page(calendar_page), name="calendar"),
    path("admin/calendar.ics", page(subscriptions.download), name="calendar_ics"),
    path("admin/calendar/subscribe", page(subscriptions.subscribe), name="subscribe"),
    path(
        "admin/calendar/unsubscribe",
        page(subscriptions.unsubscribe),
        name="unsubscribe",
    ),
    path("calendar/<str:key>.ics", subscriptions.feed, name="feed_ics"),
    path("admin/quarter", page(quarter_page), name="quarter"),
    path(
        "admin/quarter/<int:year>/<int:number>",
        page(quarter_page),
        name="quarter",
    ),
    path("admin/proposals", page(inbox_page), name="proposals"),
    path("admin/what-if/<uuid:key>", page(what_if_page), name="what_if"),
    path("admin/response", page(response_page), name="response"),
    path("admin/stock", page(stock_page), name="stock"),
    path("admin/stock/<path:sku>", page(product_stock_page), name="product_stock"),
    path("admin/market/prices", page(market_page), name="market"),
    path("admin/market/review", page(review_page), name="market-review"),
    path("admin/market/days", page(days_page), name="market-days"),
    path("admin/market/series", page(series_page), name="market-series"),
    path("admin/market/products/<path:sku>", page(product_page), name="market_product"),
    path(
        "admin/results/strategies/<uuid:key>",
        page(strategy_results),
        name="strategy_results",
    ),
    path(
        "admin/results/campaigns/<uuid:key>",
        page(campaign_results),
        name="campaign_results",
    ),
    path(
        "admin/find-customer", page(support_pages.find_customer), name="find-customer"
    ),
    path("admin/questions", page(console_pages.queue_page), name="question-queue"),
    path(
        "admin/questions/<uuid:key>", page(console_pages.question_page), name="question"
    ),
    path(
        "admin/customers/<uuid:key>/timeline",
        page(support_pages.customer_timeline),
        name="customer_timeline",
    ),
    path(
        "admin/customers/<uuid:key>/told",
        page(support_pages.customer_told),
        name="customer_told",
    ),
    path(
        "admin/customers/<uuid:key>/why",
        page(support_pages.customer_why),
        name="customer_why",
    ),
    path(
        "admin/decisions/<uuid:offer>",
        page(support_pages.decision),
        name="decision_page",
    ),
    path("admin/data", page(data_pages.data_page), name="data"),
    path("admin/data/files/<uuid:key>", page(feed_pages.feed_page), name="feed"),
    path(
        "admin/data/files/<uuid:key>/errors.csv",
        page(feed_pages.feed_errors),
        name="feed_errors",
    ),
    path(
        "admin/data/replay/<int:example>",
        page(data_pages.replay_alike),
        name="replay_alike",
    ),
    path(
        "admin/data/export/<str:table>.<str:form>",
        page(data_pages.export_table),
        name="export_table",
    ),
    # After our pages: it takes every address below it.
    path("admin/", admin.site.urls),
    path("api/v1/", include(api)),
    path("api/features/<str:client_key>", FeaturesView.as_view(), name="features_json"),
    path("", include(wire)),
    # The same under a name that ad blockers do not know.
    path("p/", include(wire)),
]
if settings.STOREFRONT:
    urlpatterns.append(path("shop/", include("demo.urls")))
handler404 = "analytics.problems.not_found"
handler500 = "analytics.problems.server_error"
handler403 = "config.site.refused"
