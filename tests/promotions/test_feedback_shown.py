"""What a word changes of what its customer is shown."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from analytics.models import Customer
from promotions import feedback
from promotions.models import Feedback, Offer, Sheet
from tests.conftest import Give, Make
from tests.promotions.reserving import redeem
from tests.promotions.scoring import scored
from tests.promotions.words import RICH, lapse, refresh, say, shown

__all__ = ["scored"]


def test_what_is_not_for_somebody_is_gone_at_once_and_good_in_a_cart_all_the_same(
    api: APIClient, scored: list[Customer], live: Make, shelf: None
) -> None:
    strategy = live(**RICH)
    refresh()
    offer = Offer.objects.order_by("id")[0]
    name = Customer.objects.get(key=offer.customer).external_id or ""
    assert Sheet.objects.filter(customer=offer.customer).exists()
    assert shown(api, name) == [str(strategy.id)]

    say(api, offer.id, "not_for_me")

    assert shown(api, name) == []
    refresh()
    assert shown(api, name) == []
    sheet = Sheet.objects.get(customer=offer.customer)
    assert '"offers":[]' in sheet.body
    tea = [{"sku": "tea", "quantity": 1}]
    order = redeem(api, customer=name, lines=tea)
    assert [one["offer"] for one in order.json()["effects"]] == [str(offer.id)]


def test_another_customer_s_word_changes_nothing_for_anybody_else(
    api: APIClient, live: Make, give: Give, ana: Customer, ben: Customer
) -> None:
    strategy = live()
    mine = give(strategy, ana)
    give(strategy, ben)

    for word in ("too_many", "not_for_me"):
        say(api, mine.id, word)

    assert shown(api, "ana") == []
    assert shown(api, "ben") == [str(strategy.id)]
    assert set(Feedback.objects.values_list("customer", flat=True)) == {ana.key}


def test_all_of_the_scope_is_hidden_and_no_other(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    tea, both, milk, all_ = (
        live(scope=scope) for scope in (["TEA"], ["MILK", "TEA"], ["MILK"], [])
    )
    refused, *_ = [give(one, ana) for one in (tea, both, milk, all_)]

    say(api, refused.id, "not_for_me")

    assert set(shown(api)) == {str(milk.id), str(all_.id)}
    say(api, refused.id, "useful")
    assert len(shown(api)) == 4


def test_a_word_on_the_very_strategy_goes_before_one_on_its_scope(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    one, two, three = (live() for _ in range(3))
    liked, refused, _ = [give(strategy, ana) for strategy in (one, two, three)]

    say(api, liked.id, "useful")
    say(api, refused.id, "not_for_me")
    assert shown(api) == [str(one.id)]

    say(api, refused.id, "too_many")
    say(api, refused.id, "not_for_me")
    say(api, liked.id, "not_for_me")
    say(api, liked.id, "useful")
    assert set(shown(api)) == {str(one.id), str(three.id)}


def test_after_eight_weeks_a_word_counts_no_more(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    strategy = live()
    say(api, give(strategy, ana).id, "not_for_me")
    almost = timezone.now() - feedback.LASTS + timedelta(minutes=1)
    Feedback.objects.update(said_at=almost)
    assert shown(api) == []

    lapse()

    assert shown(api) == [str(strategy.id)]


def test_of_too_many_the_most_promising_one_is_shown(
    api: APIClient, live: Make, give: Give, ana: Customer, ben: Customer
) -> None:
    some = [live() for _ in range(3)]
    given = [give(one, ana, expected=n) for n, one in enumerate(some, start=1)]
    for one in some:
        give(one, ben)

    say(api, given[0].id, "too_many")

    assert shown(api) == [str(some[2].id)]
    assert len(shown(api, "ben")) == 3
    lapse()
    assert len(shown(api)) == 3


@pytest.mark.parametrize(("rival", "first"), [(1.05, "liked"), (1.2, "rival")])
def test_what_is_useful_ranks_before_what_promises_as_much_not_before_better(
    api: APIClient,
    live: Make,
    give: Give,
    ana: Customer,
    rival: float,
    first: str,
) -> None:
    liked, other = live(), live(scope=["MILK"])
    offer = give(liked, ana, expected=1.0)
    give(other, ana, expected=rival)
    assert shown(api)[0] == str(other.id)

    say(api, offer.id, "useful")

    assert shown(api)[0] == str(liked.id if first == "liked" else other.id)
    assert len(shown(api)) == 2
