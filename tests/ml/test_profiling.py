from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from analytics import privacy, store
from analytics.models import Customer
from ml import customers, profiling, tasks
from ml.models import CustomerProfile, ProfileBasis
from tests.ml.conftest import Shop, order


@pytest.fixture
def profiled(shop: Shop) -> list[UUID]:
    """A shop in which the first customer stayed away after the tenth week."""
    keys = shop(signal=True)
    Customer.objects.create(external_id="cold")
    late = Customer.objects.create(external_id="late")
    last = timezone.now() - timedelta(days=1)
    first = last - timedelta(days=300)
    facts = [order(late.key, first + timedelta(days=4 * n), ["tea"]) for n in range(20)]
    store.append_new([*facts, order(keys[1], last, ["tea"])])
    profiling.refresh(at=timezone.now())
    return [*keys, late.key]


def table() -> list[dict[str, Any]]:
    rows = CustomerProfile.objects.order_by("customer").values()
    return [{k: v for k, v in row.items() if k != "computed_at"} for row in rows]


def test_every_known_customer_has_a_profile(profiled: list[UUID]) -> None:
    assert CustomerProfile.objects.count() == 62
    cold = CustomerProfile.objects.get(
        customer=Customer.objects.get(external_id="cold").key
    )
    assert (cold.segment, cold.orders, cold.alive) == ("prospect", 0, None)
    late = customers.profile_of(profiled[-1])
    assert late is not None
    assert late.segment == "lost"
    assert late.churn_risk is not None
    assert late.churn_risk > 0.9
    assert late.cadence_days == 4.0
    assert late.favourites == ["tea"]
    basis = ProfileBasis.objects.get()
    assert set(basis.parameters) == {"Rhythm", "Worth"}
    assert basis.customers == 61


def test_profiling_twice_changes_nothing(profiled: list[UUID]) -> None:
    before = table()

    tasks.profile()
    tasks.profile()

    assert table() == before
    assert ProfileBasis.objects.count() == 1


def test_an_empty_shop_has_no_profiles(db: None) -> None:
    assert profiling.refresh(at=timezone.now()) == 0
    assert customers.segment_totals() == []


def test_few_customers_are_profiled_without_a_forecast(ana: Customer) -> None:
    last = timezone.now() - timedelta(days=2)
    store.append_new([order(ana.key, last, ["tea", "milk"])])

    profiling.refresh(at=timezone.now())

    row = customers.profile_of(ana.key)
    assert row is not None
    assert (row.segment, row.orders, row.lifetime_value) == ("new", 1, None)


def test_erasure_and_export_reach_profiles(profiled: list[UUID]) -> None:
    held = privacy.export(profiled[3])
    assert held is not None
    assert len(held["held"]["ml.customerprofile"]) == 1

    privacy.erase(profiled[3], by="olga", at=timezone.now())

    assert not CustomerProfile.objects.filter(customer=profiled[3]).exists()


def test_nobody_is_profiled_against_their_word(profiled: list[UUID]) -> None:
    Customer.objects.filter(key=profiled[2]).update(consent=False)
    assert customers.profile_of(profiled[2]) is None

    tasks.profile()

    assert not CustomerProfile.objects.filter(customer=profiled[2]).exists()


def test_an_id_that_became_another_s_shows_that_person(profiled: list[UUID]) -> None:
    second = Customer.objects.create(anonymous_id="visit-1", person=profiled[0])

    row = customers.profile_of(second.key)

    assert row is not None
    assert row.customer == profiled[0]


def test_operators_see_segments_and_find_a_customer(
    profiled: list[UUID], admin_client: Client
) -> None:
    url = reverse("admin:ml_customerprofile_changelist")

    page = admin_client.get(url).content.decode()
    assert "Segments and their money" in page
    assert "Slipping away" in page
    found = admin_client.get(url, {"q": "late"}).content.decode()
    assert ">late<" in found
    assert str(profiled[5]) not in found
    # All on one page: as time goes by, the whole shop of the test is lost.
    lost = admin_client.get(url, {"segment__exact": "lost", "all": ""})
    assert ">late<" in lost.content.decode()
    one = reverse("admin:ml_customerprofile_change", args=[profiled[-1]])
    assert admin_client.get(one).status_code == 200
    by_key = admin_client.get(url, {"q": str(profiled[-1])}).content.decode()
    assert ">late<" in by_key


def test_the_list_asks_the_database_as_often_for_many_as_for_few(
    profiled: list[UUID], admin_client: Client, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(12):
        admin_client.get(reverse("admin:ml_customerprofile_changelist"))
