"""From whom lots withhold an offer, how long, and who is told so."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone
from rest_framework.test import APIClient

from analytics import access, projections
from analytics.models import Assignment, Customer, StoredEvent
from promotions import approval, arms, offers, targeting
from promotions.arms import HELD_OUT, draw
from promotions.models import Offer, Place
from tests.conftest import Make
from tests.promotions.scoring import assigned, scored

__all__ = ["scored"]


def test_the_holdout_gets_no_offer(scored: list[Customer], live: Make) -> None:
    live(holdout=0.2, budget=Decimal(10_000))

    targeting.refresh(at=timezone.now())

    held = StoredEvent.objects.filter(type="offer_assigned", data__arm="holdout")
    assert held.exists()
    assert not Offer.objects.filter(customer__in=held.values("customer")).exists()


def test_who_is_held_out_of_everything_is_so_in_every_strategy(proposed: Make) -> None:
    some = [arms.of(proposed()) for _ in range(2)]
    people = [f"c{n}" for n in range(2000)]

    one, two = ([draw(lots, who, {"10%": 1.0}).arm for who in people] for lots in some)

    held = [arm == HELD_OUT for arm in one]
    assert held == [arm == HELD_OUT for arm in two]
    assert any(held)
    assert one != two


def test_a_shop_that_asks_is_told_what_lots_withhold_and_nobody_else_is(
    scored: list[Customer], live: Make, api: APIClient
) -> None:
    strategy = live(holdout=0.4, budget=Decimal(10_000))
    targeting.refresh(at=timezone.now())
    while projections.catch_up():
        pass
    web = APIClient()
    key = access.create_key("web", ["offers"], publishable=True)
    web.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    seen = Counter[str]()

    for row in Assignment.objects.all():
        path = f"/api/v1/customers/{Customer.objects.get(key=row.customer)}/offers"
        told = api.get(path, {"withheld": "true"}).json()
        seen[row.arm] += 1
        if row.arm == "treatment":
            assert told["withheld"] == []
        else:
            assert told["offers"] == []
            assert told["withheld"] == [
                {"id": str(row.offer), "strategy": str(strategy.id)}
            ]
            assert "withheld" not in api.get(path).json()
            assert "withheld" not in web.get(path, {"withheld": "true"}).json()

    assert set(seen) == {"treatment", "holdout", "held_out"}


def test_what_is_withheld_lasts_as_long_as_an_offer(
    scored: list[Customer], live: Make
) -> None:
    live(holdout=0.4, budget=Decimal(10_000))
    at = timezone.now()
    targeting.refresh(at=at)
    while projections.catch_up():
        pass
    held = Assignment.objects.filter(arm="holdout").first()
    assert held is not None
    name = Customer.objects.get(key=held.customer).name

    for days, withheld in ((13, 1), (15, 0)):
        later = at + timedelta(days=days)
        assert len(offers.withheld(name, shown=(), at=later)) == withheld


def test_an_ended_strategy_withholds_nothing(
    scored: list[Customer], live: Make, api: APIClient
) -> None:
    strategy = live(holdout=0.4, budget=Decimal(10_000))
    targeting.refresh(at=timezone.now())
    while projections.catch_up():
        pass
    held = Assignment.objects.filter(arm="holdout").first()
    assert held is not None
    path = f"/api/v1/customers/{Customer.objects.get(key=held.customer)}/offers"

    approval.end(strategy.id, by="olga", comment="Enough.", at=timezone.now())

    assert api.get(path, {"withheld": "true"}).json()["withheld"] == []


def test_who_is_held_back_comes_no_more_easily_into_other_audiences(
    scored: list[Customer], live: Make, settings: Any
) -> None:
    """Their place is taken for as long as an offer's: else audiences would differ."""
    settings.OFFERS_PER_CUSTOMER = 1
    old = live(budget=Decimal(10_000), holdout=0.3)
    at = timezone.now()
    targeting.refresh(at=at)
    menu = {"5%": {"kind": "percentage", "rate": "0.05"}}
    new = live(budget=Decimal(10_000), holdout=0.3, menu=menu)

    targeting.refresh(at=at + timedelta(minutes=15))

    assert Counter(one.arm for one in assigned(old)).keys() == {
        *("treatment", "holdout", "held_out")
    }
    assert assigned(new) == []
    for strategy in (old, new):
        approval.end(strategy.id, by="olga", comment="Over.", at=timezone.now())
    targeting.refresh(at=at + timedelta(minutes=30))
    assert not Place.objects.exists()
