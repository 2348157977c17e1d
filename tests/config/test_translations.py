import json
import re
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any
from uuid import UUID, uuid4

import pytest
from babel.messages.catalog import Message
from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.cache import cache
from django.template.defaultfilters import floatformat
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.formats import date_format, localize
from playwright.sync_api import Page
from rest_framework.test import APIClient

from analytics import events, projections, store, wording
from analytics.languages import said
from analytics.models import Customer
from catalog import competitor_feeds, intake, market_feeds, positions, tasks
from catalog.competitor_feeds import PriceSeen
from catalog.market_feeds import DaysListed, ValueListed
from catalog.models import CompetitorProduct, Match
from config import messages
from ml.models import TrainedModel
from promotions import assistant, giving, guards
from promotions.models import Offer, Strategy
from tests.browsing import browse, sign_in
from tests.conftest import Body, Give, Make
from tests.promotions.test_report_admin import measured

CHINESE: Any = {"HTTP_ACCEPT_LANGUAGE": "zh-Hans"}
HOLES = re.compile(r"%\(\w+\)[-+.0-9]*[a-z]|%[-+.0-9]*[sdf]|%%|\{\w*\}|<[^>]*>")
ENGLISH = re.compile(r"[A-Za-z]{2,}")
ALLOWED = set(
    ENGLISH.findall(
        "admin API AUC Benjamini Brier CPU CSV DR ECE en English esc GET hans Hochberg "
        "Holm ID IPS JSON log NDCG NUL offers Parquet Proffer SHA SKU SNIPS Switch "
        "true USD UTC var Webhook withheld zh GTIN US DE BY PUT calendar stock MARKET "
        "TOKEN columns currency competitor series items next docs market md http Enter "
        "XLSX Lines MiB UTF GB Windows csv xlsx jsonl parquet Europe Berlin"
    )
)
"""Words that are the same in Chinese."""
DATA = set(
    ENGLISH.findall(
        "Ana ana arm blend due fits Good June logistic MILK Milk milk MUGS Mug mug "
        "near olga platform Propensity propensity TEA Tea tea test week sku name price "
        "Rival temperature"
    )
)
"""What the cast's rows hold."""
KEY = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
NAMES = re.compile(rf"{KEY}|\w+_\w+|recency /|strategy:|与 \w+ 相同|promotions\.\w+")
"""Keys, types of events, features, modules."""


@pytest.fixture(autouse=True)
def english_afterwards() -> Iterator[None]:
    """A request leaves its language behind in the thread."""
    with translation.override("en"):
        yield


@pytest.fixture(scope="module")
def kept() -> list[Message]:
    return [message for message in messages.read() if message.id]


def pairs(message: Message) -> Iterator[tuple[str, str]]:
    """Yield each text with each of its translations; a plural has one in Chinese."""
    if isinstance(message.id, str):
        yield message.id, str(message.string)
    else:
        yield from ((message.id[1], text) for text in message.string or ())


def test_every_message_is_translated_and_none_is_a_guess(kept: list[Message]) -> None:
    assert len(kept) > 1000
    assert not [one.id for one in kept if one.fuzzy]
    assert not [one.id for one in kept if not all(text for _, text in pairs(one))]


def test_every_translation_keeps_placeholders_and_markup(kept: list[Message]) -> None:
    for one in kept:
        for text, translated in pairs(one):
            assert sorted(HOLES.findall(text)) == sorted(HOLES.findall(translated))


def test_translations_end_and_punctuate_as_chinese_does(kept: list[Message]) -> None:
    for one in kept:
        for _, translated in pairs(one):
            assert not re.search(r"[\u4e00-\u9fff][,;:?!]", translated), translated


def test_no_message_is_missing_or_left_over() -> None:
    """Whoever changes a text runs `make messages`, and translates it."""
    assert messages.PO.read_bytes() == messages.written(
        messages.updated(messages.read())
    )


def test_the_server_reads_what_people_wrote() -> None:
    compiled = messages.PO.with_suffix(".mo").read_bytes()

    assert compiled == messages.compiled(messages.read())


class Shown(HTMLParser):
    """Collects what a person reads: texts and labels, but for code and English."""

    SKIPPED = frozenset({"script", "style", "code", "template", "textarea"})
    VOID = frozenset({"input", "br", "img", "link", "meta", "hr", "rect", "circle"})
    LABELS = ("aria-label", "title", "placeholder", "alt")

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.quiet: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        given = dict(attrs)
        if self.quiet:
            self.quiet += [] if tag in self.VOID else [tag]
            return
        hidden = "material-symbols" in (given.get("class") or "")
        if tag in self.SKIPPED or given.get("lang") == "en" or hidden:
            self.quiet.append(tag)
            return
        self.texts += [given[name] for name in self.LABELS if given.get(name)]

    def handle_endtag(self, tag: str) -> None:
        if tag in self.quiet:
            while self.quiet.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not self.quiet and data.strip():
            self.texts.append(data.strip())


def english(html: str) -> str:
    """Return the texts of a page with English words that are neither data nor names."""
    reader = Shown()
    reader.feed(html)
    return "\n".join(
        text
        for text in reader.texts
        if set(ENGLISH.findall(NAMES.sub("", text))) - ALLOWED - DATA
    )


def chinese(client: Client, address: str) -> str:
    answer = client.get(address, follow=True, **CHINESE)
    assert answer.status_code == 200
    html = answer.content.decode()
    assert '<html lang="zh-hans"' in html
    return html


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


def test_the_api_answers_in_english_whatever_a_client_prefers(
    api: APIClient, draft: Body
) -> None:
    refused = api.post(reverse("strategies"), {}, format="json", **CHINESE)
    made = api.post(reverse("strategies"), draft(), format="json", **CHINESE)

    assert "This field is required." in refused.content.decode()
    assert made.status_code == 201
    assert made.json()["words"][0] == "It gives: 10 % off."
    for answer in (refused, made):
        assert re.search("[\u4e00-\u9fff]", answer.content.decode()) is None
        assert "Accept-Language" not in answer.get("Vary", "")


def test_what_a_chinese_operator_makes_is_stored_in_english(
    client: Client, olga: User, proposed: Make
) -> None:
    strategy = proposed()
    client.force_login(olga)
    page = reverse("admin:promotions_strategy_decide", args=["approve", strategy.pk])

    answer = client.post(page, {"comment": "可以"}, follow=True, **CHINESE)

    strategy.refresh_from_db()
    assert strategy.state == Strategy.State.LIVE
    assert "您的决定已记入日志。" in answer.content.decode()
    assert re.search("[\u4e00-\u9fff]", json.dumps(strategy.guards)) is None


def test_a_refusal_is_said_in_the_operator_s_language(
    client: Client, olga: User, proposed: Make
) -> None:
    client.force_login(olga)
    page = reverse("admin:promotions_strategy_decide", args=["approve", proposed().pk])

    for more, expected in (({}, "Say why"), (CHINESE, "请用一两句话说明理由。")):
        answer = client.post(page, {"comment": ""}, follow=True, **more)
        assert expected in answer.content.decode()


def test_a_stored_guard_is_said_in_both_languages() -> None:
    (kept,) = guards.stored([guards.reached(1200)])
    detail = wording.revived(json.loads(json.dumps(kept["said"])))

    assert kept["detail"] == detail == "1,200 customers would get an offer"
    with translation.override("zh-hans"):
        assert said(detail) == "将有 1,200 位客户获得优惠"


def test_an_operator_switches_the_language(client: Client, olga: User) -> None:
    client.force_login(olga)
    shown = client.get("/admin/").content.decode()
    assert "简体中文" in shown

    client.post(reverse("set_language"), {"language": "zh-hans", "next": "/admin/"})

    assert '<html lang="zh-hans"' in client.get("/admin/").content.decode()
    client.post(reverse("set_language"), {"language": "en", "next": "/admin/"})
    assert '<html lang="en"' in client.get("/admin/", **CHINESE).content.decode()


def test_numbers_are_grouped_and_dates_written_as_everywhere() -> None:
    with translation.override("zh-hans"):
        assert intcomma(1234567) == "1,234,567"
        assert floatformat(Decimal("1234567.5"), "2g") == "1,234,567.50"
        assert date_format(date(2026, 6, 1)) == "2026-06-01"
        assert localize(Decimal("1234.50")) == "1234.50"


@pytest.mark.django_db(transaction=True)
def test_the_language_is_switched_by_keyboard(live_server: Any, olga: User) -> None:
    def journey(tab: Page) -> None:
        sign_in(tab, "olga")
        for _ in range(80):
            tab.keyboard.press("Tab")
            if tab.evaluate("document.activeElement.lang") == "zh-hans":
                break
        tab.keyboard.press("Enter")
        tab.wait_for_selector("html[lang=zh-hans]")
        tab.press("[aria-haspopup]", "Enter")
        tab.wait_for_selector("text=注销")

    browse(journey, base_url=live_server.url)
