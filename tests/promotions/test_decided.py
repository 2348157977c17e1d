"""A decision can be made again from the log: the same worth, odds, arm and chance."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from analytics import access, events, privacy, projections, store
from analytics.models import Assignment, Customer
from ml.models import CampaignResponse, Score
from promotions import decided, experience, targeting
from promotions.arms import HELD_OUT, HOLDOUT, TREATMENT
from promotions.decision_api import DecisionSerializer
from promotions.models import Learnt, Strategy
from tests.conftest import Make
from tests.promotions.scoring import scored

__all__ = ["scored"]

MENU = {
    label: {"kind": "percentage", "rate": rate}
    for label, rate in (("5%", "0.05"), ("10%", "0.10"), ("15%", "0.15"))
}


@pytest.fixture
def strategy(scored: list[Customer], live: Make) -> Strategy:
    """A strategy whose audience was just assigned."""
    made = live(menu=MENU, holdout=0.2, explore=0.3, budget=Decimal(10_000))
    targeting.refresh(at=timezone.now())
    projections.catch_up()
    return made


def test_every_decision_comes_out_as_it_did(strategy: Strategy) -> None:
    arms = set()

    for row in Assignment.objects.all():
        assert row.offer is not None
        found = decided.replay(row.offer)
        assert found.same, (found.said, found.again)
        assert found.left == strategy.left
        arms.add(found.said.arm)

    assert arms == {TREATMENT, HOLDOUT, HELD_OUT}


def test_what_is_learnt_later_changes_no_decision_of_before(strategy: Strategy) -> None:
    offer = Assignment.objects.values_list("offer", flat=True)[0]
    assert offer is not None
    before = decided.replay(offer)

    CampaignResponse.objects.update(lift=2.0, low=1.9, high=2.1)
    experience.refresh(at=timezone.now() + timedelta(days=40))
    Score.objects.update(probability=0.9)
    after = decided.replay(offer)

    assert Learnt.objects.count() == 2
    assert after.variants == before.variants
    assert after.same


def test_the_worth_says_which_variant_was_best(strategy: Strategy) -> None:
    offer = Assignment.objects.values_list("offer", flat=True)[0]
    assert offer is not None

    found = decided.replay(offer)

    assert set(found.variants) == set(MENU)
    assert sum(one.best for one in found.variants.values()) == pytest.approx(1)
    assert max(one.margin for one in found.variants.values()) > 0


def test_who_was_erased_has_no_decision_to_be_made_again(strategy: Strategy) -> None:
    row = Assignment.objects.filter(offer__isnull=False)[0]
    assert row.offer is not None
    name = Customer.objects.get(key=row.customer).name
    privacy.erase(name, by="cleo", at=timezone.now())

    with pytest.raises(decided.NotDecided):
        decided.replay(row.offer)


def test_what_was_not_logged_cannot_be_made_again(live: Make) -> None:
    offer, who = uuid4(), Customer.objects.create(external_id="old")
    old = events.OfferAssigned(
        strategy=live().id,
        arm=TREATMENT,
        variant="10%",
        probability=1.0,
        offer=offer,
    )
    store.append([old], at=timezone.now(), customer=who.key)
    projections.catch_up()

    with pytest.raises(decided.NotReplayable):
        decided.replay(offer)


@pytest.fixture
def api(db: None) -> APIClient:
    client = APIClient()
    key = access.create_key("shop", ["reports"])
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    return client


def test_a_shop_may_ask_why(strategy: Strategy, api: APIClient) -> None:
    row = Assignment.objects.filter(arm=TREATMENT)[0]

    answer = api.get(f"/api/v1/decisions/{row.offer}")

    body = answer.json()
    assert answer.status_code == 200
    assert body.keys() == DecisionSerializer().fields.keys()
    assert body["same"] is True
    assert body["decided"] == body["again"]
    assert body["decided"]["variant"] == row.variant
    assert body["strategy"] == str(strategy.id)
    assert set(body["variants"]) == set(MENU)


def test_an_unknown_offer_has_no_decision(api: APIClient) -> None:
    answer = api.get(f"/api/v1/decisions/{uuid4()}")

    assert (answer.status_code, answer.json()["code"]) == (404, "offer_unknown")


def test_browsers_keys_may_not_ask_why(strategy: Strategy) -> None:
    key = access.create_key("browser", ["offers"], publishable=True, origins=[])
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")

    assert client.get(f"/api/v1/decisions/{uuid4()}").status_code == 403


def test_operators_see_what_is_believed(
    strategy: Strategy, client: Client, olga: User
) -> None:
    client.force_login(olga)

    page = client.get(reverse("response")).content.decode()
    assert page.count("Kind of offer: percentage.") == page.count("10 % off, or what")
    assert "On: " not in page, "no category is known yet"

    assert "By discount" in page
    assert "no experiment" in page
