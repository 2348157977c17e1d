"""What operators ask of a plan holds after a refresh, by the whole road."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from analytics import projections
from analytics.models import Customer
from catalog.models import Product
from ml.models import Score
from promotions import targeting
from promotions.models import Allocation, Campaign, Place, Strategy
from tests.conftest import Body, Make
from tests.promotions.scoring import assigned, scored

__all__ = ["scored"]

MENUS = [
    {f"{rate}%": {"kind": "percentage", "rate": f"0.{rate}"}} for rate in ("10", "05")
]
PLENTY = Decimal(10_000)


def chosen(*strategies: Strategy) -> Counter[UUID]:
    """Count the chosen customers' strategies, whatever their lot."""
    rows = Place.objects.filter(strategy__in=strategies)
    return Counter(rows.values_list("customer", flat=True))


def campaign(**more: Any) -> Campaign:
    at = timezone.now()
    return Campaign.objects.create(
        name="June",
        starts_at=at - timedelta(days=1),
        ends_at=at + timedelta(days=60),
        budget=PLENTY,
        currency="USD",
        **more,
    )


def test_no_more_gifts_are_promised_than_there_are(
    scored: list[Customer], live: Make, shelf: None
) -> None:
    strategy = live("gift", budget=PLENTY)
    Product.objects.filter(sku="mug").update(stock=3)

    targeting.refresh(at=timezone.now())

    row = Allocation.objects.get()
    assert 0 < len(chosen(strategy)) < len(scored)
    assert row.prices["stock mug"] > 0
    assert 0 <= row.left["stock mug"] < 0.2
    before = chosen(strategy)
    targeting.refresh(at=timezone.now() + timedelta(minutes=1))
    assert chosen(strategy) == before


@pytest.mark.parametrize(("stock", "reached"), [(0, False), (None, True)])
def test_a_gift_that_is_gone_is_not_offered_and_what_is_not_counted_is(
    scored: list[Customer], live: Make, shelf: None, stock: int | None, reached: bool
) -> None:
    strategy = live("gift", budget=PLENTY)
    Product.objects.filter(sku="mug").update(stock=stock)

    targeting.refresh(at=timezone.now())

    assert bool(chosen(strategy)) is reached


def test_what_is_sold_out_altogether_is_not_promoted(
    scored: list[Customer], live: Make, shelf: None
) -> None:
    strategy = live(budget=PLENTY)
    Product.objects.filter(category="TEA").update(stock=0)
    targeting.refresh(at=timezone.now())
    assert not chosen(strategy)

    Product.objects.create(
        sku="green", name="Green", category="TEA", stock=1, updated_at=timezone.now()
    )
    targeting.refresh(at=timezone.now())

    assert chosen(strategy)


def test_each_campaign_brings_the_return_that_was_asked_of_it(
    scored: list[Customer], live: Make
) -> None:
    some = [one.key for one in scored[::2]]
    Score.objects.filter(category="TEA", customer__in=some).update(probability=0.4)
    free = live(campaign=campaign(), budget=PLENTY, holdout=0)
    targeting.refresh(at=timezone.now())
    everybody = len(chosen(free))
    row = Allocation.objects.get()
    asked = 1.0 + row.value / float(row.slack[f"budget {free.id}"] * -1 + 10_000)
    picky = live(
        campaign=campaign(least_return=Decimal(str(round(asked, 2)))),
        budget=PLENTY,
        holdout=0,
    )
    never = live(campaign=campaign(least_return=50), budget=PLENTY, holdout=0)

    targeting.refresh(at=timezone.now())

    row = Allocation.objects.order_by("-id")[0]
    assert not row.refused
    assert len(chosen(free)) == everybody
    assert len(chosen(picky)) < everybody
    assert not chosen(never)
    assert row.left[f"return {picky.campaign_id}"] >= 0


def test_a_campaign_gives_each_customer_as_many_as_it_may(
    scored: list[Customer], live: Make
) -> None:
    june = campaign(most_per_customer=1)
    mine = [live(campaign=june, budget=PLENTY, menu=menu) for menu in MENUS]
    other = live(budget=PLENTY)

    targeting.refresh(at=timezone.now())

    assert set(chosen(*mine).values()) == {1}
    assert set(chosen(*mine, other).values()) == {2}


def test_nobody_comes_into_more_strategies_than_the_contact_rule_allows(
    scored: list[Customer], live: Make, settings: Any
) -> None:
    settings.OFFERS_IN_28_DAYS = 1
    at = timezone.now()
    first, second = (
        live(campaign=campaign(), budget=PLENTY, menu=menu, holdout=0.3)
        for menu in MENUS
    )
    targeting.refresh(at=at)
    while projections.catch_up():
        pass
    assert set(chosen(first, second).values()) == {1}
    early = Counter(one.arm for one in [*assigned(first), *assigned(second)])
    assert set(early) == {"treatment", "holdout", "held_out"}

    targeting.refresh(at=at + timedelta(days=20))
    assert not chosen(first, second)

    targeting.refresh(at=at + timedelta(days=29))
    assert len(chosen(first, second)) == len(scored)


def test_the_least_share_of_a_segment_is_met_though_it_costs(
    scored: list[Customer], live: Make, settings: Any
) -> None:
    Score.objects.update(probability=0.99)
    settings.LEAST_SHARE_OF_SEGMENT = 0.1
    strategy = live(budget=PLENTY)

    targeting.refresh(at=timezone.now())

    assert len(chosen(strategy)) == len(scored) / 10


def test_a_share_that_cannot_be_met_is_named_and_promises_stay(
    scored: list[Customer], live: Make, settings: Any
) -> None:
    live(budget=Decimal(5))
    at = timezone.now()
    targeting.refresh(at=at)
    before = set(Place.objects.values_list("customer", "strategy"))
    settings.LEAST_SHARE_OF_SEGMENT = 0.9

    targeting.refresh(at=at + timedelta(minutes=1))

    row = Allocation.objects.order_by("-id")[0]
    assert row.refused
    assert row.reason.startswith("share none: ")
    assert row.gap is row.bound is None
    assert set(Place.objects.values_list("customer", "strategy")) == before


def test_shops_ask_a_return_and_a_cap_of_a_campaign(
    api: APIClient, draft: Body
) -> None:
    body = draft()["campaign"] | {"least_return": "0.5", "most_per_customer": 2}

    made = api.post("/api/v1/campaigns", body, format="json")

    assert made.status_code == 201
    assert Decimal(made.json()["least_return"]) == Decimal("0.5")
    assert made.json()["most_per_customer"] == 2
    row = Campaign.objects.get(id=made.json()["id"])
    assert (row.least_return, row.most_per_customer) == (Decimal("0.500"), 2)


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("least_return", "-0.1"),
        ("least_return", "NaN"),
        ("least_return", "0.0001"),
        ("least_return", "10000"),
        ("most_per_customer", 0),
        ("most_per_customer", 40_000),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused_by_its_name(
    api: APIClient, draft: Body, field: str, given: object
) -> None:
    body = draft()["campaign"] | {field: given}

    answer = api.post("/api/v1/campaigns", body, format="json")

    assert answer.status_code == 400
    assert field in answer.content.decode()
    assert not Campaign.objects.exists()


@pytest.mark.parametrize("change", [{"least_return": -1}, {"most_per_customer": 0}])
def test_the_database_refuses_it_too(db: None, change: dict[str, int]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        campaign(**change)


def test_what_was_approved_under_a_cap_keeps_it(live: Make) -> None:
    strategy = live(campaign=campaign(most_per_customer=1), budget=PLENTY)

    with (
        pytest.raises(Exception, match="keeps its zone and limits"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "UPDATE promotions_campaign SET most_per_customer = 9 WHERE id = %s",
            [strategy.campaign_id],
        )
