from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from analytics.models import Customer, StoredEvent
from ml.models import Score
from promotions import arms, plans, targeting
from promotions.arms import HELD_OUT, draw
from promotions.models import Allocation, Offer, Place, Sheet
from tests.conftest import Make
from tests.promotions.scoring import MANY, assigned, scored

__all__ = ["scored"]


def test_a_live_strategy_reaches_its_audience_but_for_the_holdout(
    scored: list[Customer], live: Make
) -> None:
    strategy = live(holdout=0.2, budget=Decimal(10_000))

    targeting.refresh(at=timezone.now())

    arms = Counter(event.arm for event in assigned(strategy))
    assert sum(arms.values()) == MANY
    assert 0.12 * MANY < arms["holdout"] < 0.28 * MANY
    assert Offer.objects.count() == arms["treatment"]


def test_a_test_reaches_so_many_as_it_says_by_lot_and_each_variant_alike(
    scored: list[Customer], live: Make
) -> None:
    menu = {
        label: {"kind": "percentage", "rate": rate}
        for label, rate in (("5%", "0.05"), ("40%", "0.40"))
    }
    lots = {"allocation": "trial", "explore": 1.0, "holdout": 0.25}
    strategy = live(menu=menu, budget=Decimal(10_000), **lots)
    Score.objects.filter(customer__in=[one.key for one in scored[:150]]).update(
        probability=0.9
    )

    targeting.refresh(at=timezone.now())
    targeting.refresh(at=timezone.now() + timedelta(days=15))

    made = assigned(strategy)
    assert 0.17 * MANY < len(made) < 0.33 * MANY
    variants = Counter(event.variant for event in made)
    assert min(variants["5%"], variants["40%"]) > 0.2 * len(made)
    assert variants[None] > 0.1 * len(made)
    likely = sum((event.p0 or 0) > 0.5 for event in made)
    assert 0.3 < likely / len(made) < 0.7


def test_an_empty_scope_is_all_goods(scored: list[Customer], live: Make) -> None:
    """It went live, and reached nobody."""
    Score.objects.update(probability=0.1)
    tea, all_goods = (
        live(scope=scope, holdout=0, budget=Decimal(10_000)) for scope in (["TEA"], [])
    )

    targeting.refresh(at=timezone.now())

    of_tea, of_all = assigned(tea), assigned(all_goods)
    assert len(of_tea) == len(of_all) == MANY
    assert of_tea[0].p0 == pytest.approx(0.1)
    assert of_all[0].p0 == pytest.approx(1 - 0.9**2)


def test_computing_twice_changes_nothing(scored: list[Customer], live: Make) -> None:
    strategy = live(budget=Decimal(10_000))
    at = timezone.now()
    targeting.refresh(at=at)
    first = set(Offer.objects.values_list("id", "variant", "probability"))

    targeting.refresh(at=at + timedelta(minutes=15))

    assert set(Offer.objects.values_list("id", "variant", "probability")) == first
    assert len(assigned(strategy)) == MANY


def test_sure_buyers_get_nothing(scored: list[Customer], live: Make) -> None:
    live(scope=["MILK"], budget=Decimal(10_000))

    targeting.refresh(at=timezone.now())

    assert not Offer.objects.exists()


def test_a_proposal_forms_no_offers(scored: list[Customer], proposed: Make) -> None:
    proposed(budget=Decimal(10_000))

    targeting.refresh(at=timezone.now())

    assert not Offer.objects.exists()
    assert not Sheet.objects.exists()


def test_the_expected_cost_stays_within_the_budget(
    scored: list[Customer], live: Make
) -> None:
    live(budget=Decimal(5), holdout=0.0)

    targeting.refresh(at=timezone.now())

    # An offer costs about 0.12 · 3.00 · 0.3 = 0.11 here.
    assert 35 <= Offer.objects.count() <= 50


def test_a_storefront_reads_what_was_decided(
    scored: list[Customer], live: Make, api: APIClient
) -> None:
    strategy = live(budget=Decimal(10_000))
    targeting.refresh(at=timezone.now())
    offer = Offer.objects.first()
    assert offer is not None
    name = Customer.objects.get(key=offer.customer).external_id

    body = api.get(f"/api/v1/customers/{name}/offers").json()

    assert body["customer"] == name
    (read,) = body["offers"]
    assert (read["id"], read["strategy"]) == (str(offer.id), str(strategy.id))
    assert read["title"] == "10 % off"
    assert read["terms"] == {"kind": "percentage", "rate": "0.10"}


def test_reading_records_nothing(
    scored: list[Customer], live: Make, api: APIClient
) -> None:
    live(budget=Decimal(10_000))
    targeting.refresh(at=timezone.now())
    before = StoredEvent.objects.count()

    api.get("/api/v1/customers/c1/offers")

    assert StoredEvent.objects.count() == before


@pytest.mark.parametrize("stranger", ["nobody", "ünknown", "a b", "x" * 300])
def test_a_stranger_has_no_offers_and_is_no_error(
    api: APIClient, stranger: str
) -> None:
    answer = api.get(f"/api/v1/customers/{stranger}/offers")

    assert answer.status_code == 200
    assert answer.json()["offers"] == []


def test_an_expired_offer_is_not_shown(
    scored: list[Customer], live: Make, api: APIClient
) -> None:
    live(budget=Decimal(10_000))
    targeting.refresh(at=timezone.now())
    Offer.objects.update(expires_at=timezone.now())
    Sheet.objects.update(expires_at=timezone.now())
    offer = Offer.objects.first()
    assert offer is not None
    name = Customer.objects.get(key=offer.customer).external_id

    assert api.get(f"/api/v1/customers/{name}/offers").json()["offers"] == []


BEST_5 = {"5%": 1.0, "10%": 0.0}


def test_the_stored_probability_is_that_of_the_choice(proposed: Make) -> None:
    menu = {
        "5%": {"kind": "percentage", "rate": "0.05"},
        "10%": {"kind": "percentage", "rate": "0.10"},
    }
    strategy = proposed(menu=menu, holdout=0.1, explore=0.4)

    lots = [draw(arms.of(strategy), f"c{n}", BEST_5) for n in range(6000)]

    assert 0.03 < sum(one.arm == HELD_OUT for one in lots) / 6000 < 0.07
    drawn = [one for one in lots if one.arm != HELD_OUT]
    counts = Counter((one.variant, one.probability) for one in drawn)
    odds = {"5%": 0.9 * 0.8, "10%": 0.9 * 0.2, None: 0.1}
    assert len(counts) == 3
    for (variant, probability), count in counts.items():
        assert probability == pytest.approx(odds[variant])
        assert count / len(drawn) == pytest.approx(odds[variant], abs=0.03)


def test_what_may_be_best_is_tried_as_often_as_it_may_be(proposed: Make) -> None:
    menu = {
        "5%": {"kind": "percentage", "rate": "0.05"},
        "10%": {"kind": "percentage", "rate": "0.10"},
    }
    strategy = proposed(menu=menu, holdout=0.1, explore=0.4)
    odds = {"5%": 0.75, "10%": 0.25}

    lots = [draw(arms.of(strategy), f"c{n}", odds) for n in range(6000)]

    drawn = [one for one in lots if one.arm != HELD_OUT]
    counts = Counter(one.variant for one in drawn)
    for label, share in odds.items():
        chance = 0.9 * (0.4 / 2 + 0.6 * share)
        assert counts[label] / len(drawn) == pytest.approx(chance, abs=0.03)
        [stored] = {one.probability for one in drawn if one.variant == label}
        assert stored == pytest.approx(chance)


def test_a_draw_is_a_hash_and_never_changes(proposed: Make) -> None:
    strategy = proposed()

    once, again = (draw(arms.of(strategy), "c7", {"10%": 1.0}) for _ in range(2))

    assert once == again


def test_a_name_that_no_database_can_hold_is_a_stranger(api: APIClient) -> None:
    assert api.get("/api/v1/customers/%00/offers").json()["offers"] == []


def test_a_refresh_keeps_the_certificate_of_its_plan(
    live: Make, scored: list[Customer]
) -> None:
    strategy = live(budget=Decimal(10))

    targeting.refresh(at=timezone.now())

    kept = Allocation.objects.get()
    assert kept.feasible
    assert not kept.refused
    assert kept.gap is not None
    assert kept.bound is not None
    assert kept.gap <= plans.GAP
    assert kept.value <= kept.bound + 1e-6
    names = {f"budget {strategy.id}", f"budget {strategy.campaign_id}"}
    assert set(kept.prices) == names


def test_a_plan_that_is_not_certified_is_not_served_and_promises_stay(
    live: Make, scored: list[Customer], monkeypatch: pytest.MonkeyPatch
) -> None:
    live(holdout=0.0, budget=Decimal(10_000))
    now = timezone.now()
    targeting.refresh(at=now)
    before = set(Offer.objects.values_list("customer", "strategy"))
    Place.objects.filter(customer=scored[0].key).delete()
    Offer.objects.filter(customer=scored[0].key).delete()
    monkeypatch.setattr(plans, "GAP", -1.0)

    targeting.refresh(at=now + timedelta(minutes=1))

    after = set(Offer.objects.values_list("customer", "strategy"))
    assert after == {pair for pair in before if pair[0] != scored[0].key}
    assert Allocation.objects.filter(refused=True).count() == 1
