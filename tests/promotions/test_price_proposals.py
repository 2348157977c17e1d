"""Better prices are proposed, few at a time; what came is set beside the promise."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from analytics import events, store
from analytics.wording import revived
from catalog import feeds
from catalog.feeds import Listed
from catalog.models import (
    CompetitorPrice,
    CompetitorProduct,
    Match,
    PricePoint,
    PricingRule,
    Product,
)
from ml import alerts, forecasts
from ml.models import Forecast
from promotions import (
    approval,
    backtest,
    backtest_runs,
    histories,
    price_lines,
    price_outcomes,
    price_pages,
    price_proposals,
    proposals,
    strategies,
    targeting,
)
from promotions.drafts import Faulty
from promotions.models import Offer, PriceLine, Strategy
from tests.conftest import NOW, Body

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
HOT, COLD = "hot", "cold"


def feed(sku: str, category: str = HOT, price: str = "10.00", **more: Any) -> None:
    product = Listed(
        sku=sku,
        name=sku.capitalize(),
        category=category,
        currency="USD",
        price=Decimal(price),
        **more,
    )
    feeds.take([product], at=NOW - 60 * DAY)


def foresee(sku: str, elasticity: float = -4.0, **more: Any) -> None:
    fields: dict[str, Any] = {
        "units": [100.0] * 4,
        "low": [80.0] * 4,
        "median": [100.0] * 4,
        "high": [120.0] * 4,
        "history": [90.0] * 10,
        "elasticity_error": 0.2,
    }
    Forecast.objects.create(
        level=Forecast.Level.PRODUCT,
        key=sku,
        category=HOT,
        first=date(2026, 6, 1),
        naive=[],
        seasonal=[],
        undiscounted=1.0,
        elasticity=elasticity,
        method="test",
        computed_at=NOW,
        **fields | more,
    )


@pytest.fixture(autouse=True)
def market(db: None) -> None:
    for sku, cost in (("tea", "5.00"), ("coffee", "9.40")):
        feed(sku, cost=Decimal(cost))
        foresee(sku)
    feed("ice", COLD, cost=Decimal("5.00"))
    foresee("ice", -1.01)


def lines(strategy: Strategy) -> dict[str, Decimal]:
    return dict(strategy.price_lines.values_list("sku", "price"))


def test_elastic_products_are_proposed_cheaper_and_others_dearer() -> None:
    made = {one.scope[0]: one for one in price_proposals.propose(at=NOW)}

    assert lines(made[HOT])["tea"] < 10 < lines(made[COLD])["ice"]
    assert made[HOT].state == "proposed"
    assert Product.objects.get(sku="tea").price == 10
    forecast = made[HOT].forecast
    assert forecast["low"] < forecast["margin"] < forecast["high"]
    why = revived(made[HOT].price_lines.get(sku="tea").expects["why"])
    assert "elasticity -4.0 ± 0.2" in why
    assert len(forecast["weeks"]) == 8
    assert all(now > was for was, now in forecast["weeks"])


def test_what_waits_or_was_rejected_is_not_proposed_again() -> None:
    made = price_proposals.propose(at=NOW)
    assert price_proposals.propose(at=NOW + DAY) == []

    for one in made:
        approval.reject(one.id, by="olga", comment="No.", at=NOW + DAY)
    assert price_proposals.propose(at=NOW + 2 * DAY) == []
    Forecast.objects.update(computed_at=NOW + 120 * DAY)
    assert len(price_proposals.propose(at=NOW + 120 * DAY)) == len(made)


def test_a_week_brings_no_more_than_can_be_looked_through() -> None:
    for n in range(9):
        feed(f"more-{n}", f"category {n}", cost=Decimal("5.00"))
        foresee(f"more-{n}")

    assert len(price_proposals.propose(at=NOW)) == price_proposals.MOST


def test_by_hand_a_category_is_proposed_if_it_gains() -> None:
    made = price_proposals.propose_for(HOT, by="olga", at=NOW)
    assert histories.history(made)[0].event.by == "olga"  # type: ignore[attr-defined]

    with pytest.raises(price_proposals.NothingToGain):
        price_proposals.propose_for("nothing here", by="olga", at=NOW)


def test_a_first_listing_is_no_change_of_price() -> None:
    PricePoint.objects.update(since=NOW - DAY)
    made = price_proposals.propose_for(HOT, by="olga", at=NOW)
    often = [one for one in made.guards if one["name"] == "days between changes"]
    assert [one["passed"] for one in often] == [True]


def test_why_nothing_is_proposed_is_named() -> None:
    with pytest.raises(price_proposals.NothingToGain) as none:
        price_proposals.propose_for("nothing here", by="olga", at=NOW)
    assert none.value.why == price_proposals.Why.UNKNOWN

    Forecast.objects.update(elasticity=-0.1, elasticity_error=0.01)
    PricingRule.objects.create(category=HOT, most_up=Decimal(0))
    with pytest.raises(price_proposals.NothingToGain) as none:
        price_proposals.propose_for(HOT, by="olga", at=NOW)
    assert none.value.why == price_proposals.Why.NONE

    for one in Product.objects.filter(category=HOT):
        PricePoint.objects.create(
            sku=one.sku, price=one.price, currency="USD", since=NOW - DAY
        )
    with pytest.raises(price_proposals.NothingToGain) as none:
        price_proposals.propose_for(HOT, by="olga", at=NOW)
    assert none.value.why == price_proposals.Why.RESTS


@pytest.mark.parametrize("step", ["propose", "answer"])
def test_a_category_with_a_change_under_way_is_not_proposed_again_by_hand(
    olga: User, client: Client, step: str
) -> None:
    undercut("9.50")
    Forecast.objects.update(computed_at=timezone.now())
    made = price_proposals.propose_for(HOT, by="olga", at=timezone.now())
    client.force_login(olga)

    told = client.post(reverse("pricing"), {"category": HOT, "step": step}, follow=True)

    assert "“hot” has a price change already: “Better" in told.content.decode()
    assert told.redirect_chain[-1][0].endswith(f"/{made.pk}/change/")
    assert Strategy.objects.count() == 1

    approval.reject(made.id, by="olga", comment="No.", at=timezone.now())
    price_proposals.propose_for(HOT, by="olga", at=timezone.now())
    assert Strategy.objects.count() == 2


def test_a_category_keeps_its_own_rule() -> None:
    PricingRule.objects.create(category=HOT, most_down=Decimal("0.03"), ending="")
    made = price_proposals.propose_for(HOT, by="olga", at=NOW)

    assert lines(made)["tea"] == Decimal("9.70")


def test_what_changed_within_a_week_is_left_alone() -> None:
    feed("tea", price="11.00", cost=Decimal("5.00"))
    Product.objects.filter(sku="tea").update(price=10)
    feeds.take(
        [
            Listed(
                sku="tea",
                name="Tea",
                category=HOT,
                currency="USD",
                price=Decimal("10.50"),
                cost=Decimal("5.00"),
            )
        ],
        at=NOW - 3 * DAY,
    )

    assert "tea" not in lines(price_proposals.propose_for(HOT, by="olga", at=NOW))


def test_products_are_struck_out_before_approval(olga: User) -> None:
    made = price_proposals.propose_for(HOT, by="platform", at=NOW)
    assert set(lines(made)) == {"tea", "coffee"}

    again = price_pages.strike(
        made.id, ["coffee"], by="otto", comment="Too thin.", at=NOW
    )

    made.refresh_from_db()
    assert made.state == "returned"
    assert (set(lines(again)), again.version, again.replaces) == ({"tea"}, 2, made)
    assert again.forecast["high"] < made.forecast["high"]
    assert f"{again.forecast['margin']:,.0f} USD of margin" in again.reason
    assert again.reason != made.reason
    low, margin, high = (again.forecast[one] for one in ("low", "margin", "high"))
    assert low < margin < high
    approval.approve(again.id, by="olga", comment="Yes.", at=NOW)
    assert again.price_lines.get().state == PriceLine.State.PLANNED
    assert "coffee" in str(histories.history(made)[-1].event)


@pytest.mark.parametrize("skus", [[], ["unknown"], ["tea", "coffee"]])
def test_nothing_or_all_cannot_be_struck_out(skus: list[str]) -> None:
    made = price_proposals.propose_for(HOT, by="platform", at=NOW)

    with pytest.raises(price_lines.NoLines):
        price_pages.strike(made.id, skus, by="otto", comment="No.", at=NOW)
    made.refresh_from_db()
    assert made.state == "proposed"


def bought(sku: str, units: int, paid: str, at: Any) -> None:
    line = events.OrderLine(sku=sku, quantity=units, category=HOT, paid=Decimal(paid))
    order = events.OrderCompleted(order_id=f"{sku}{at}", currency="USD", lines=(line,))
    store.append([order], at=at)


def test_what_came_is_set_beside_what_was_forecast_and_promised() -> None:
    made = price_proposals.propose_for(HOT, by="platform", at=NOW)
    begins = made.price_lines.get(sku="tea").starts_at
    approval.approve(made.id, by="olga", comment="Yes.", at=begins)
    price = lines(made)["tea"]
    bought("tea", 130, str(130 * price), begins + DAY)
    bought("tea", 500, "5000", begins - DAY)  # before: not of it
    bought("ice", 500, "5000", begins + DAY)  # not of it

    price_outcomes.refresh(at=begins + 7 * DAY)

    made.refresh_from_db()
    came = price_outcomes.kept(made)
    assert came is not None
    assert came.units == 130
    assert came.units_before == pytest.approx(200, rel=0.01)  # tea and coffee, a week
    expected = 130 * float(price - 5) - 100 * 5 - 100 * 0.6
    assert came.gain == pytest.approx(expected, rel=0.01)
    assert came.low < came.gain < came.high


def test_a_price_change_makes_no_offers_and_is_no_test(trained: object) -> None:
    made = price_proposals.propose_for(HOT, by="platform", at=NOW)
    approval.approve(made.id, by="olga", comment="Yes.", at=NOW)

    targeting.refresh(at=NOW)
    with pytest.raises(strategies.NothingLearnt):
        strategies.propose(at=NOW)

    assert not Offer.objects.exists()
    assert made not in backtest.waiting(at=NOW)
    with pytest.raises(Faulty, match="Past baskets do not tell"):
        backtest_runs.request(made, weeks=4, until=None, by="olga", at=NOW)


def test_another_kind_cannot_take_its_place(draft: Body) -> None:
    from promotions import draft_reading

    made = price_proposals.propose_for(HOT, by="platform", at=NOW)
    approval.approve(made.id, by="olga", comment="Yes.", at=NOW)

    with pytest.raises(proposals.NotReplaceable):
        proposals.propose_version(made.id, draft_reading.read(draft()), by="x", at=NOW)


def test_the_page_shows_lines_and_strikes_some_out(olga: User, client: Client) -> None:
    made = price_proposals.propose_for(HOT, by="platform", at=NOW)
    client.force_login(olga)
    page = client.get(reverse("admin:promotions_strategy_change", args=[made.id]))
    shown = page.content.decode()
    assert "Tea" in shown
    assert "Observational" not in shown
    assert "observational" in shown
    assert "Strike out coffee" in shown

    answer = client.post(
        reverse("admin:promotions_strategy_strike", args=[made.id]),
        {"sku": ["coffee"], "comment": "Too thin."},
        follow=True,
    )
    assert "Proposed again" in answer.content.decode()
    assert Strategy.objects.get(replaces=made).price_lines.count() == 1


def many(made: Strategy, count: int) -> None:
    """Let a proposal have so many products more."""
    [one] = made.price_lines.filter(sku="tea")
    Product.objects.bulk_create(
        Product(
            sku=f"many-{n:05}",
            name=f"Cup {n}",
            category=HOT,
            currency="USD",
            price=Decimal(10),
            cost=Decimal(5),
            listed_price=Decimal(10),
            updated_at=NOW,
        )
        for n in range(count)
    )
    PriceLine.objects.bulk_create(
        PriceLine(
            strategy=made,
            sku=f"many-{n:05}",
            price=one.price,
            was=one.was,
            starts_at=one.starts_at,
            expects=one.expects,
        )
        for n in range(count)
    )


def test_every_product_of_a_long_proposal_is_found_page_by_page(
    olga: User, client: Client, django_assert_max_num_queries: Any
) -> None:
    made = price_proposals.propose_for(HOT, by="platform", at=NOW)
    many(made, 598)
    client.force_login(olga)
    address = reverse("admin:promotions_strategy_change", args=[made.id])

    seen: list[str] = []
    asked = "?page=1"
    while asked:
        with django_assert_max_num_queries(15):
            prices = client.get(address + asked).context["prices"]
        seen += [line["sku"] for line in prices["lines"]]
        asked = prices["pages"].after

    assert (len(seen), len({*seen})) == (600, 600)
    assert (seen[0], seen[-1]) == ("coffee", "tea")
    with django_assert_max_num_queries(15):
        [found] = client.get(address, {"q": "cup 587"}).context["prices"]["lines"]
    assert found["sku"] == "many-00587"


@pytest.mark.slow
def test_some_of_ten_thousand_products_are_found_and_struck_out(
    olga: User, client: Client
) -> None:
    made = price_proposals.propose_for(HOT, by="platform", at=NOW)
    many(made, 9_998)
    client.force_login(olga)
    address = reverse("admin:promotions_strategy_change", args=[made.id])
    last = client.get(address, {"page": "50"}).context["prices"]
    assert (last["lines"][-1]["sku"], last["pages"].after) == ("tea", "")

    struck = {"sku": ["many-09876"], "skus": "many-00003\n tea \n", "comment": "No."}
    client.post(reverse("admin:promotions_strategy_strike", args=[made.id]), struck)

    again = Strategy.objects.get(replaces=made)
    assert again.price_lines.count() == 9_997
    gone = again.price_lines.filter(sku__in=["many-09876", "many-00003", "tea"])
    assert not gone.exists()


def test_what_is_struck_out_may_be_ticked_or_written_one_a_line(
    olga: User, client: Client
) -> None:
    made = price_proposals.propose_for(HOT, by="platform", at=NOW)
    many(made, 3)
    client.force_login(olga)

    struck = {"sku": ["tea"], "skus": "many-00001\n coffee \n\n", "comment": "No."}
    client.post(reverse("admin:promotions_strategy_strike", args=[made.id]), struck)

    left = lines(Strategy.objects.get(replaces=made))
    assert set(left) == {"many-00000", "many-00002"}


def test_to_end_prices_says_what_becomes_of_them(olga: User, client: Client) -> None:
    made = price_proposals.propose_for(HOT, by="platform", at=NOW)
    approval.approve(made.id, by="olga", comment="Yes.", at=NOW)
    client.force_login(olga)

    address = reverse("admin:promotions_strategy_change", args=[made.id])
    said = client.get(address).content.decode()

    assert "its prices in force go back at once to what the shop lists" in said
    assert "its offers vanish" not in said


def test_who_strikes_out_what_is_not_there_is_told_so(
    olga: User, client: Client
) -> None:
    made = price_proposals.propose_for(HOT, by="platform", at=NOW)
    client.force_login(olga)

    answer = client.post(
        reverse("admin:promotions_strategy_strike", args=[made.id]),
        {"sku": ["tea"], "skus": "cofee", "comment": "No."},
        follow=True,
    )

    assert "cofee is not in it." in answer.content.decode()
    made.refresh_from_db()
    assert made.state == "proposed"


def test_prices_are_proposed_from_the_page(olga: User, client: Client) -> None:
    client.force_login(olga)
    Forecast.objects.update(computed_at=timezone.now())
    made = client.post(
        reverse("pricing"), {"category": HOT, "step": "propose"}, follow=True
    )
    assert "Better prices in hot" in made.content.decode()

    nothing = client.post(
        reverse("pricing"), {"category": "x", "step": "propose"}, follow=True
    )
    assert "Nothing is known yet of the demand" in nothing.content.decode()
    assert "Better prices in hot" in client.get(reverse("pricing")).content.decode()


def test_the_pages_ask_few_questions(
    olga: User, client: Client, django_assert_max_num_queries: Any
) -> None:
    made = price_proposals.propose_for(HOT, by="platform", at=NOW)
    client.force_login(olga)
    for address in (
        reverse("pricing"),
        reverse("admin:promotions_strategy_change", args=[made.id]),
    ):
        with django_assert_max_num_queries(15):
            client.get(address)


def test_a_rule_that_an_operator_sets_is_in_the_log(olga: User, client: Client) -> None:
    client.force_login(olga)
    fields = {
        "category": HOT,
        "ending": ".99",
        "least_margin": "0.1",
        "most_above": "0.2",
        "most_up": "0.1",
        "most_down": "0.3",
        "least_days": "14",
        "families": "on",
    }
    add = reverse("admin:catalog_pricingrule_add")
    assert client.post(add, fields | {"ending": "x"}).status_code == 200
    assert client.post(add, fields).status_code == 302

    rule = PricingRule.objects.get()
    (logged,) = store.read(until=store.high_water(), types=["pricing_rule_set"])
    assert isinstance(logged.event, events.PricingRuleSet)
    assert (logged.event.by, logged.event.category) == ("olga", HOT)
    assert logged.event.rule
    assert logged.event.rule["most_down"] == "0.3"
    client.post(
        reverse("admin:catalog_pricingrule_delete", args=[rule.pk]), {"post": "yes"}
    )
    logs = store.read(until=store.high_water(), types=["pricing_rule_set"])
    assert [one.event.rule is None for one in logs] == [False, True]  # type: ignore[attr-defined]


def undercut(price: str, sku: str = "tea") -> None:
    theirs = CompetitorProduct.objects.create(
        competitor="rival",
        product="1",
        name=sku,
        currency="USD",
        price=Decimal(price),
        since=NOW,
        seen_at=NOW,
    )
    CompetitorPrice.objects.create(
        product=theirs, at=NOW, currency="USD", price=Decimal(price)
    )
    Match.objects.create(
        product=theirs, sku_id=sku, state=Match.State.CONFIRMED, how=Match.How.PERSON
    )


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("9.50", "9.49"), ("7.00", "8.09")],  # as low as they are; as far as a step goes
)
def test_an_answer_to_cheaper_competitors_says_what_it_costs(
    theirs: str, ours: str
) -> None:
    Forecast.objects.filter(key="tea").update(elasticity=-0.8)
    undercut(theirs)

    made = price_proposals.answer(HOT, by="olga", at=NOW)

    assert lines(made) == {"tea": Decimal(ours)}
    assert made.forecast["margin"] < 0
    assert "Answer to cheaper competitors" in made.called
    assert Product.objects.get(sku="tea").price == 10


def test_who_is_not_undercut_has_nothing_to_answer() -> None:
    undercut("10.50")

    with pytest.raises(price_proposals.NothingToGain):
        price_proposals.answer(HOT, by="olga", at=NOW)


def test_no_price_is_raised_above_what_competitors_allow() -> None:
    PricingRule.objects.create(category=COLD, above_competitors=Decimal("0.02"))
    undercut("10.10", "ice")

    made = price_proposals.propose_for(COLD, by="olga", at=NOW)

    assert 10 < lines(made)["ice"] <= Decimal("10.302")


def test_forecasts_that_nobody_makes_any_more_propose_no_price() -> None:
    late = NOW + forecasts.STALE

    assert price_proposals.shelf(at=late - timedelta(seconds=1))
    assert price_proposals.shelf(at=late) == []
    told = {one.code: one.text for one in alerts.current(late)}
    assert "7 days ago" in told["forecast_stale"]
    assert "forecast_stale" not in {one.code for one in alerts.current(NOW)}
