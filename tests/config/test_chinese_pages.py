"""Every page and list of the back office and of the demo shop is in Chinese."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from analytics import events, projections, store
from analytics.models import Customer
from catalog import competitor_feeds, intake, market_feeds, positions, tasks
from catalog.competitor_feeds import PriceSeen
from catalog.market_feeds import DaysListed, ValueListed
from catalog.models import CompetitorProduct, Match
from ml.models import TrainedModel
from promotions import assistant, giving
from promotions.models import Offer, Strategy
from tests.config.chinese import CHINESE, chinese, english, english_afterwards
from tests.conftest import Give, Make
from tests.promotions.test_report_admin import measured

__all__ = ["english_afterwards"]


@pytest.fixture
def rows(
    live: Make, give: Give, ana: Customer, shelf: None, trained: TrainedModel
) -> Strategy:
    strategy = measured(live(holdout=0.5, title="Tea"))
    give(strategy, ana)
    return strategy


@pytest.mark.parametrize(
    "model", [one._meta.label_lower for one in admin.site._registry]
)
def test_every_list_is_in_chinese(
    client: Client, olga: User, rows: Strategy, model: str
) -> None:
    client.force_login(olga)
    page = reverse(f"admin:{model.replace('.', '_')}_changelist")

    assert english(chinese(client, page)) == ""


ADDED = ("campaign", "strategy", "code", "codebatch", "endpoint", "standingrule")


@pytest.mark.parametrize(
    "page",
    [
        *("admin:index", "features", "programme", "response", "strategy_results"),
        *("calendar", "proposals", "quarter"),
        *("models", "admin:second_factor"),
        *("campaign_results", "what_if", "admin:promotions_strategy_change"),
        *("admin:promotions_campaign_change", "admin:analytics_customer_change"),
        *(f"admin:promotions_{name}_add" for name in ADDED),
        *("admin:promotions_strategy_version", "admin:ml_trainedmodel_change"),
        "connect",
        *("find-customer", "customer_timeline", "customer_why", "decision_page"),
        "customer_told",
        *("question-queue", "question", "admin:promotions_helptext_add"),
        *("data", "feed", "demand", "opinions"),
        *("market", "market-review", "market-days", "market-series", "market_product"),
        *("admin:catalog_source_add", "admin:catalog_match_changelist"),
        *("pricing", "stock", "product_stock", "admin:catalog_pricingrule_add"),
    ],
)
def test_every_page_is_in_chinese(
    client: Client,
    olga: User,
    rows: Strategy,
    rivals: None,
    ana: Customer,
    page: str,
) -> None:
    client.force_login(olga)
    keys = {
        "strategy_results": rows.pk,
        "what_if": rows.pk,
        "campaign_results": rows.campaign_id,
        "admin:promotions_strategy_change": rows.pk,
        "admin:promotions_strategy_version": rows.pk,
        "admin:promotions_campaign_change": rows.campaign_id,
        "admin:analytics_customer_change": ana.pk,
        "admin:ml_trainedmodel_change": TrainedModel.objects.get().pk,
        "customer_timeline": ana.pk,
        "customer_why": ana.pk,
        "customer_told": ana.pk,
        "decision_page": decided(rows, ana),
        "question": asked(),
        "feed": looked_into(),
        **dict.fromkeys(("market_product", "product_stock"), "tea"),
    }
    args = [keys[page]] if page in keys else []
    address = reverse(page, args=args)
    address += f"?strategy={rows.pk}" if page == "customer_why" else ""

    assert english(chinese(client, address)) == ""


@pytest.fixture
def rivals(rows: Strategy) -> None:
    """A competitor sells our tea for less, and something that may be our milk."""
    at = timezone.now()
    told = [("tea", "Tea", "10", 60), ("tea", "Tea", "8", 3), ("milk", "Milk", "1", 3)]
    competitor_feeds.take_prices(
        [
            PriceSeen(
                competitor="Rival",
                product=key,
                name=name,
                currency="USD",
                price=Decimal(price),
                seen_at=at - timedelta(days=days),
            )
            for key, name, price, days in told
        ],
        at=at,
    )
    states = {"tea": Match.State.CONFIRMED, "milk": Match.State.WAITING}
    for one in CompetitorProduct.objects.all():
        others = [{"sku": one.product, "likelihood": 0.5}]
        Match.objects.create(
            product=one,
            sku_id=one.product,
            state=states[one.product],
            how=Match.How.LIKENESS,
            others=others,
        )
    positions.count(at=at)
    market_feeds.take_days(
        [DaysListed(name="六一", kind="event", first=at.date())], at=at
    )
    market_feeds.take_values(
        [ValueListed(series="temperature", day=at.date(), value=21.5)], at=at
    )


def decided(strategy: Strategy, customer: Customer) -> UUID:
    """Assign a strategy to a customer, who was shown its offer; return the offer."""
    offer = Offer.objects.get(strategy=strategy).pk
    assigned = events.OfferAssigned(
        strategy=strategy.pk,
        arm="treatment",
        variant="10%",
        probability=0.5,
        offer=offer,
    )
    happened = [
        *(assigned, events.OfferShown(offer=offer), events.ProductViewed(sku="tea")),
        events.ConsentChanged(personalised=True),
    ]
    store.append(happened, at=timezone.now(), customer=customer.key)
    projections.catch_up()
    return offer


def asked() -> UUID:
    """Have somebody asked who waits for a person."""
    text = "转人工"
    row = assistant.answer(
        assistant.Asked(conversation=uuid4(), text=text), at=timezone.now()
    )
    return row.pk


def looked_into() -> UUID:
    """Have a file looked into that has a fault; return it."""
    feed = intake.receive(
        "tea",
        b'sku,name,price\ntea,Tea,"1,5"\nmilk,,1.50\n',
        what="products",
        options={},
        by="olga",
        at=timezone.now(),
    )
    tasks.take_files()
    return feed.pk


def test_every_page_of_the_demo_shop_is_in_chinese(
    client: Client, shelf: None, by_code: Strategy
) -> None:
    cache.clear()
    giving.give(by_code, [giving.Given(text="TEA-10", most_uses=None)])
    for sent in ({"add": "tea"}, {"code": "TEA-10"}, {"code": "MUG-10"}):
        client.post(reverse("shop_change"), sent)
    pages = [
        reverse("storefront"),
        reverse("shop_aisle", args=["drinks"]),
        reverse("shop_category", args=["TEA"]),
        *(reverse("shop_product", args=[sku]) for sku in ("tea", "nothing")),
        *(reverse(name) for name in ("shop_cart", "shop_checkout", "shop_orders")),
    ]

    for page in pages:
        answer = client.get(page, **CHINESE)
        html = answer.content.decode()
        assert '<html lang="zh-hans"' in html
        for name in ("Marigold", "TEA-10", "MUG-10"):
            html = html.replace(name, "")
        assert english(html) == "", page


@pytest.mark.parametrize("kind", Strategy.Kind.values)
def test_the_form_of_every_kind_is_in_chinese(
    client: Client, olga: User, shelf: None, kind: str
) -> None:
    client.force_login(olga)
    page = reverse("admin:promotions_strategy_add")

    assert english(chinese(client, f"{page}?kind={kind}")) == ""
