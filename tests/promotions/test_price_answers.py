"""Competitors who are cheaper are answered, and bound how far a price may rise."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from catalog.models import (
    CompetitorPrice,
    CompetitorProduct,
    Match,
    PricingRule,
    Product,
)
from ml.models import Forecast
from promotions import approval, price_proposals
from promotions.models import Strategy
from tests.conftest import NOW
from tests.promotions.better_prices import COLD, HOT, lines, market

__all__ = ["market"]

pytestmark = pytest.mark.django_db


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
