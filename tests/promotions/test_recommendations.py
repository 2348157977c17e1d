"""Storefronts read recommendations; what a customer just did counts at once."""

from pathlib import Path
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from analytics import access, privacy
from analytics.models import EVERYBODY, Customer, StoredEvent
from catalog.models import Product
from ml import model_files, recommending, shortlists
from ml.artefacts import Artefact, pack
from ml.baskets import FEATURES
from ml.models import RANKING, Shortlist, TrainedModel, TrainingRun
from ml.served import SESSION_PART
from promotions import because
from tests.ml.test_recommending import habitual

URL = "/api/v1/customers/{}/recommendations"


@pytest.fixture
def models_dir(tmp_path: Path, settings: object) -> None:
    settings.MODELS_DIR = tmp_path / "models"  # type: ignore[attr-defined]


@pytest.fixture
def shop(db: None, models_dir: None) -> list[UUID]:
    """A trained shop of habits."""
    keys = habitual(signal=True)
    run = TrainingRun.objects.create(requested_by="olga")
    recommending.train(run=run, at=timezone.now())
    shortlists.shortlist(at=timezone.now())
    return keys


@pytest.fixture
def api(db: None) -> APIClient:
    key = access.create_key("shop", ["events", "recommendations"])
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    return client


def skus(answer: object) -> list[str]:
    return [one["sku"] for one in answer.json()["products"]]  # type: ignore[attr-defined]


def test_recommendations(
    shop: list[UUID], api: APIClient, admin_client: Client
) -> None:
    _a_customer_s_are_his_own(api)
    _the_desk_reads_them_with_their_skus(api, admin_client)
    _a_stranger_is_no_error(api)
    _nothing_is_recorded(api)
    _an_order_posted_now_counts_in_the_next_answer(api)
    _a_look_posted_now_counts_too(api)
    _what_is_out_of_stock_or_barred_is_never_shown(api)
    _who_took_consent_back_is_a_stranger(api)
    _what_goes_with_a_product_and_what_stands_in_for_it(api)
    _a_bad_query_names_the_parameter(api)
    _a_key_for_browsers_may_not_ask()
    _the_hourly_sweep_leaves_the_best_sellers()
    _products_that_left_the_catalogue_make_room_for_others(api)
    _another_task_s_file_is_no_error(api)


def _a_customer_s_are_his_own(api: APIClient) -> None:
    one, two = api.get(URL.format("cu-1")), api.get(URL.format("cu-2"))

    assert one.status_code == 200
    assert one.json()["source"] == "live"
    assert len(skus(one)) == 10
    assert skus(one) != skus(two)
    told = [reason for row in one.json()["products"] for reason in row["reasons"]]
    assert told
    assert set(told) <= {said.words for said in because.REASONS.values()}


def _the_desk_reads_them_with_their_skus(api: APIClient, desk: Client) -> None:
    key = Customer.objects.get(external_id="cu-1").key

    html = desk.get(reverse("customer_told", args=[key])).content.decode()

    first = skus(api.get(URL.format("cu-1")))[0]
    assert f"<small>{first}</small>" in html


def _a_stranger_is_no_error(api: APIClient) -> None:
    for name in ("nobody", "a%00b", "ü"):
        answer = api.get(URL.format(name), {"limit": 3})
        assert answer.status_code == 200
        assert len(skus(answer)) == 3


def _nothing_is_recorded(api: APIClient) -> None:
    before = StoredEvent.objects.count(), Customer.objects.count()

    api.get(URL.format("cu-1"))
    api.get(URL.format("somebody-else"))

    assert (StoredEvent.objects.count(), Customer.objects.count()) == before


def _post(api: APIClient, type_: str, customer: str, data: dict[str, object]) -> None:
    event = {
        "id": f"{type_}-{customer}-{timezone.now().timestamp()}",
        "type": type_,
        "customer": customer,
        "occurred_at": timezone.now().isoformat(),
        "data": data,
    }
    answer = api.post("/api/v1/events", {"events": [event]}, format="json")
    assert answer.json()["results"][0]["status"] == "accepted", answer.content


def _an_order_posted_now_counts_in_the_next_answer(api: APIClient) -> None:
    before = skus(api.get(URL.format("fresh")))
    lines = [{"sku": str(n), "category": f"c{n % 5}", "paid": "2"} for n in range(6)]

    _post(
        api,
        "order_completed",
        "fresh",
        {"order_id": "1", "currency": "EUR", "lines": lines},
    )

    after = api.get(URL.format("fresh"))
    assert skus(after) != before
    assert after.json()["source"] == "live"


def _a_look_posted_now_counts_too(api: APIClient) -> None:
    before = skus(api.get(URL.format("looker")))

    _post(api, "product_viewed", "looker", {"sku": "17", "category": "c2"})

    assert skus(api.get(URL.format("looker"))) != before


def _what_is_out_of_stock_or_barred_is_never_shown(api: APIClient) -> None:
    first, second, *_ = skus(api.get(URL.format("cu-1")))
    Product.objects.filter(sku=first).update(stock=0)
    Product.objects.filter(sku=second).update(promotable=False)

    shown = skus(api.get(URL.format("cu-1"), {"limit": 50}))

    assert first not in shown
    assert second not in shown
    assert first not in skus(api.get("/api/v1/products/together", {"sku": "3"}))


def _who_took_consent_back_is_a_stranger(api: APIClient) -> None:
    stranger = skus(api.get(URL.format("nobody")))
    Customer.objects.filter(external_id="cu-2").update(consent=False)

    assert skus(api.get(URL.format("cu-2"))) == stranger


def _what_goes_with_a_product_and_what_stands_in_for_it(api: APIClient) -> None:
    together = api.get("/api/v1/products/together", {"sku": ["3", "4"], "limit": "5"})
    similar = api.get("/api/v1/products/similar", {"sku": "3", "limit": "5"})

    assert len(skus(together)) == 5
    assert not {"3", "4"} & set(skus(together))
    assert {int(sku) % 5 for sku in skus(similar)} == {3}
    assert "3" not in skus(similar)
    Product.objects.create(
        sku="new", name="New", category="c3", currency="EUR", price=1
    )
    assert len(skus(api.get("/api/v1/products/similar", {"sku": "new"}))) == 10
    Product.objects.filter(sku="new").update(name="P8")
    assert skus(api.get("/api/v1/products/similar", {"sku": "new"}))[0] == "8"
    assert skus(api.get("/api/v1/products/similar", {"sku": "unheard"})) == []
    repeated = api.get("/api/v1/products/similar", {"sku": ["3", "4"], "limit": "5"})
    assert skus(repeated) == skus(similar)


def _a_key_for_browsers_may_not_ask() -> None:
    key = access.create_key("web", ["events", "offers"], publishable=True)
    browser = APIClient()
    browser.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")

    answer = browser.get(URL.format("cu-1"))

    assert answer.status_code == 403
    with pytest.raises(access.UnknownScope, match="events, offers"):
        access.create_key("web", ["recommendations"], publishable=True)


def _the_hourly_sweep_leaves_the_best_sellers() -> None:
    before = Shortlist.objects.count()

    privacy.sweep()

    assert Shortlist.objects.filter(customer=EVERYBODY).exists()
    assert Shortlist.objects.count() == before


def _products_that_left_the_catalogue_make_room_for_others(api: APIClient) -> None:
    gone = skus(api.get(URL.format("cu-3"), {"limit": "30"}))
    Product.objects.filter(sku__in=gone).delete()

    left = skus(api.get(URL.format("cu-3")))

    assert len(left) == 10
    assert not set(left) & set(gone)


def _another_task_s_file_is_no_error(api: APIClient) -> None:
    other = model_files.save(pack(Artefact(kind="propensity", header={}, arrays={})))
    TrainedModel.objects.filter(task=RANKING).update(checksum=other)

    answer = api.get(URL.format("cu-1"))

    assert answer.status_code == 200
    assert answer.json()["source"] == "night"


def _a_bad_query_names_the_parameter(api: APIClient) -> None:
    for limit in ("0", "51", "x"):
        answer = api.get(URL.format("cu-1"), {"limit": limit})
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == "limit"
    answer = api.get("/api/v1/products/together")
    assert answer.json()["errors"][0]["field"] == "sku"


def test_every_reason_is_of_a_feature_that_exists() -> None:
    assert set(because.REASONS) <= {*FEATURES, SESSION_PART}
