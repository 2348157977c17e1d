"""The pages of proposed prices: lines found and struck out, rules set by hand."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from analytics import events, store
from catalog.models import PricingRule, Product
from ml.models import Forecast
from promotions import approval, price_proposals
from promotions.models import PriceLine, Strategy
from tests.conftest import NOW
from tests.promotions.better_prices import HOT, lines, market

__all__ = ["market"]

pytestmark = pytest.mark.django_db


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
