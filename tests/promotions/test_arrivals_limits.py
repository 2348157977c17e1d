"""Newcomers get no more than a refresh has left: of budgets, caps, contacts, gifts."""

from typing import Any

import pytest
from django.utils import timezone

from catalog.models import Product
from promotions import targeting
from promotions.models import Allocation, Offer, Place
from tests.conftest import Make
from tests.ml.conftest import Sent, models_dir, one_learner, sent, shop
from tests.promotions.arriving import (
    MENU,
    PLENTY,
    comes,
    of,
    one_more,
    opened,
    planned,
    read,
    strategy,
)

__all__ = ["models_dir", "one_learner", "opened", "sent", "shop", "strategy"]


def test_a_refresh_counts_what_arrivals_took(opened: None, live: Make) -> None:
    strategy = planned(live, holdout=0)
    name = f"budget {strategy.id}"
    people = [comes(f"new {n}") for n in range(10)]
    for one in people:
        read(one.name)
    row = Allocation.objects.order_by("-id")[0]
    taken = row.slack[name] - row.left[name]
    assert taken > 0

    targeting.refresh(at=timezone.now())

    newest = Allocation.objects.order_by("-id")[0]
    assert newest.slack[name] == pytest.approx(row.left[name])
    assert newest.left == newest.slack
    Offer.objects.filter(customer=people[0].key).update(redeemed_at=timezone.now())
    targeting.refresh(at=timezone.now())
    newest = Allocation.objects.order_by("-id")[0]
    assert newest.slack[name] == pytest.approx(row.left[name] + taken / 10, rel=1e-9)


def test_nobody_gets_more_than_is_left(opened: None, live: Make) -> None:
    strategy = planned(live, holdout=0)
    name = f"budget {strategy.id}"
    one_more(0)
    row = Allocation.objects.order_by("-id")[0]
    each = row.slack[name] - row.left[name]
    Allocation.objects.update(left=row.left | {name: 3.5 * each})

    chosen = [one_more(n) for n in range(1, 9)]

    assert chosen == [True] * 3 + [False] * 5
    assert 0 <= Allocation.objects.order_by("-id")[0].left[name] < each


def test_prices_of_the_refresh_decide(opened: None, live: Make) -> None:
    strategy = planned(live, holdout=0)
    prices = Allocation.objects.order_by("-id")[0].prices

    assert one_more(0)
    Allocation.objects.update(prices=prices | {f"budget {strategy.id}": 100.0})
    assert not one_more(1)


def test_a_campaigns_cap_and_the_contact_rule_hold_for_newcomers(
    opened: None, live: Make, settings: Any
) -> None:
    tea = planned(live)
    tea.campaign.strategies.model.objects.filter(id=tea.id).update(state="ended")
    two = [live(scope=[s], menu=MENU, budget=PLENTY) for s in ("tea", "wine")]
    targeting.refresh(at=timezone.now())
    both = comes("both")
    read("both")
    assert {one.strategy for one in of(both)} == {one.id for one in two}
    settings.OFFERS_IN_28_DAYS = 1

    person = comes("one")
    read("one")

    assert len(of(person)) == 1


def test_gifts_go_as_far_as_they_reach(opened: None, live: Make, shelf: None) -> None:
    Product.objects.filter(sku="mug").update(stock=9)
    gift = live("gift", scope=["tea"], budget=PLENTY, holdout=0)
    targeting.refresh(at=timezone.now())
    row = Allocation.objects.order_by("-id")[0]
    assert "stock mug" in row.left

    Allocation.objects.update(left=row.left | {"stock mug": 0.0})
    assert not one_more(0)
    Allocation.objects.update(left=row.left | {"stock mug": 1.0})
    assert one_more(1)
    assert Place.objects.filter(strategy=gift).exists()
    assert Allocation.objects.order_by("-id")[0].left["stock mug"] < 1


def test_a_limit_that_drains_asks_for_a_refresh_once_for_each_twentieth(
    opened: None,
    live: Make,
    sent: Sent,
    django_capture_on_commit_callbacks: Any,
) -> None:
    strategy = planned(live, holdout=0)
    name = f"budget {strategy.id}"
    one_more(0)
    row = Allocation.objects.order_by("-id")[0]
    each = row.slack[name] - row.left[name]
    full = {name: 40 * each}
    Allocation.objects.update(left=row.left | full, slack=row.slack | full)

    with django_capture_on_commit_callbacks() as asked:
        for n in range(1, 8):
            one_more(n)

    assert len(asked) == 3
