"""Who used a version of a strategy has used the ones after it."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from analytics import events, links
from analytics.models import Customer
from ml.models import Score, TrainedModel
from promotions import histories, targeting
from promotions.models import Counter, Hold, Offer, Redemption, Strategy
from tests.conftest import Give, Make, experienced
from tests.promotions.reserving import (
    AUTOMATIC,
    BY_CODE,
    code,
    redeem,
    release,
    reserve,
    roll_back,
)

pytestmark = pytest.mark.usefixtures("shelf")
ONCE = {"most": "1", "per": "customer"}


@pytest.fixture
def both(trained: TrainedModel, ana: Customer, ben: Customer) -> None:
    """Ana and ben may buy tea, and offers are worth having."""
    Score.objects.bulk_create(
        Score(
            customer=one.key,
            category="TEA",
            probability=0.1,
            spend=Decimal(30),
            model=trained,
        )
        for one in (ana, ben)
    )
    experienced()


def offered(strategy: Strategy) -> set[str]:
    """Compute the offers; return who has one of the strategy."""
    targeting.refresh(at=timezone.now())
    free = Offer.objects.filter(strategy=strategy, redeemed_at=None)
    people = Customer.objects.filter(key__in=free.values("customer"))
    return {str(name) for name in people.values_list("external_id", flat=True)}


def personal(live: Make, before: Strategy | None = None, **fields: Any) -> Strategy:
    version = before.version + 1 if before else 1
    more: dict[str, Any] = {"holdout": 0.0, "replaces": before, "version": version}
    return live(**(more | fields))


def sell(api: APIClient, who: str, strategy: Strategy) -> str:
    offer = Offer.objects.get(strategy=strategy, customer=key_of(who))
    answer = redeem(api, customer=who, offers=[str(offer.id)])
    return str(answer.json()["redemptions"][0])


def key_of(who: str) -> Any:
    return Customer.objects.get(external_id=who).key


def test_who_used_an_offer_is_not_offered_its_next_versions(
    api: APIClient, both: None, live: Make
) -> None:
    first = personal(live)
    assert offered(first) == {"ana", "ben"}
    sold = sell(api, "ana", first)

    second = personal(live, first)
    assert offered(second) == {"ben"}
    third = personal(live, second)
    assert offered(third) == {"ben"}

    roll_back(api, sold)
    assert offered(third) == {"ana", "ben"}


@pytest.mark.parametrize("policy", ["money", "nothing"])
def test_a_use_that_a_return_does_not_give_back_stays_one(
    api: APIClient, both: None, live: Make, policy: str
) -> None:
    first = personal(live, rule={"gives_back": policy})
    offered(first)
    roll_back(api, sell(api, "ana", first))

    assert offered(personal(live, first)) == {"ben"}


@pytest.mark.parametrize("released", [True, False])
def test_an_offer_held_in_a_cart_is_used_until_it_is_released(
    api: APIClient, both: None, live: Make, released: bool
) -> None:
    first = personal(live)
    offered(first)
    offer = Offer.objects.get(strategy=first, customer=key_of("ana"))
    held = reserve(api, customer="ana", offers=[str(offer.id)]).json()["reservation"]

    second = personal(live, first)
    assert offered(second) == {"ben"}

    if released:
        assert release(api, held) == 204
        assert offered(second) == {"ana", "ben"}
    else:
        assert redeem(api, reservation=held).status_code == 201
        assert offered(second) == {"ben"}


def test_what_a_visitor_used_the_customer_is_not_offered_again(
    api: APIClient, both: None, live: Make, give: Give, ana: Customer
) -> None:
    first = personal(live)
    visitor = Customer.objects.create(anonymous_id="v")
    offer = give(first, visitor)
    assert redeem(api, customer="v", offers=[str(offer.id)]).status_code == 201
    second = personal(live, first)
    assert offered(second) == {"ana", "ben"}

    login = events.CustomerIdentified(anonymous=visitor.key)
    links.apply([(ana.key, login, timezone.now())])

    assert offered(second) == {"ben"}


def uses(strategy: Strategy) -> dict[str, tuple[int, Decimal]]:
    names = {one.key: one.external_id for one in Customer.objects.all()}
    return {
        str(row.customer and names[row.customer]): (row.uses, row.money)
        for row in Counter.objects.filter(subject=strategy.id)
    }


def limited(live: Make, before: Strategy, *limits: dict[str, str]) -> Strategy:
    rule = {"limits": list(limits)}
    return personal(live, before, **AUTOMATIC, rule=rule)


def test_a_limit_that_only_the_new_version_has_counts_what_was_used_before(
    api: APIClient, live: Make, ana: Customer, ben: Customer
) -> None:
    first = live(**AUTOMATIC)
    sold = redeem(api, customer="ana").json()["redemptions"][0]
    redeem(api)  # a guest is nobody
    second = live(**AUTOMATIC, replaces=first, version=2)
    redeem(api, customer="ana", lines=[{"sku": "tea", "quantity": 1}])

    third = limited(live, second, {"most": "2", "per": "customer"})

    assert uses(third) == {"ana": (2, Decimal(3))}
    assert redeem(api, customer="ana").json()["discount"] == "0.00"
    assert redeem(api, customer="ben").json()["discount"] == "2.00"

    roll_back(api, sold)
    assert uses(third)["ana"] == (1, Decimal(1))
    assert redeem(api, customer="ana").json()["discount"] == "2.00"


def test_a_new_limit_counts_what_is_held_and_gives_it_back(
    api: APIClient, live: Make, ana: Customer
) -> None:
    first = live(**AUTOMATIC)
    held, other = (reserve(api, customer="ana").json()["reservation"] for _ in range(2))
    second = limited(live, first, {"most": "2", "per": "customer"})
    assert redeem(api, customer="ana").json()["discount"] == "0.00"

    release(api, held)
    sold = redeem(api, reservation=other).json()["redemptions"][0]

    assert uses(second)["ana"] == (1, Decimal(2))
    assert redeem(api, customer="ana").json()["discount"] == "2.00"
    roll_back(api, sold)
    assert uses(second)["ana"] == (1, Decimal(2))


def test_a_new_limit_counts_by_period_and_code(
    api: APIClient, live: Make, ana: Customer
) -> None:
    first = live(**BY_CODE)
    texts = [code(first, text, most_uses=None) for text in ("SPRING", "SUMMER")]
    for text in ("SPRING", "SPRING", "SUMMER"):
        redeem(api, codes=[text])
    last_year = timezone.now().replace(year=timezone.now().year - 1, day=1)
    Redemption.objects.filter(code=texts[1].id).update(redeemed_at=last_year)

    limits = [
        {"most": "9", "per": "code", "period": "ever"},
        {"most": "9", "per": "strategy", "period": "month"},
    ]
    second = personal(live, first, **BY_CODE, rule={"limits": limits})

    rows = Counter.objects.filter(subject=second.id)
    months = rows.filter(period="month").values_list("begins", "uses")
    assert set(months) == {
        (timezone.now().date().replace(day=1), 2),
        (last_year.date(), 1),
    }
    ever = rows.filter(period="ever").values_list("code", "begins", "uses")
    assert set(ever) == {
        (texts[0].id, date.min, 2),
        (texts[1].id, date.min, 1),
    }


def test_a_limit_that_was_dropped_and_comes_again_counts_all(
    api: APIClient, live: Make, ana: Customer
) -> None:
    first = live(**AUTOMATIC, rule={"limits": [ONCE | {"most": "9"}]})
    redeem(api, customer="ana")
    second = live(**AUTOMATIC, replaces=first, version=2)
    redeem(api, customer="ana")

    third = limited(live, second, ONCE | {"most": "3"})

    assert uses(third) == {"ana": (2, Decimal(4))}
    for row in Redemption.objects.all():
        assert len(row.counted) == len(set(row.counted)) == 1


def test_a_limit_that_both_versions_have_goes_on(
    api: APIClient, live: Make, ana: Customer
) -> None:
    first = live(**AUTOMATIC, rule={"limits": [ONCE]})
    sold = redeem(api, customer="ana").json()["redemptions"][0]

    second = limited(live, first, ONCE)

    assert redeem(api, customer="ana").json()["discount"] == "0.00"
    roll_back(api, sold)
    assert uses(second) == {"ana": (0, Decimal(0))}
    assert not Hold.objects.exists()
    assert histories.history(first)[-1].type == "strategy_ended"
