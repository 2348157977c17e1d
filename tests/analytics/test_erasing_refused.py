"""What was refused holds ids too: they go, however they are written."""

import json

import pytest
from django.utils import timezone

from analytics import ingestion, privacy, wires
from analytics.models import Customer, Rejection
from tests.analytics.conftest import sent
from tests.analytics.personal import ingest, whole_database


@pytest.mark.django_db
def test_ids_in_dead_letters_are_found_however_they_are_written() -> None:
    ingest(
        sent(type="party", customer="müller"),
        sent(type="party", customer="7", data={"n": 7}),
        sent(type="party", customer="ana", data={"n": 7}),
    )

    privacy.erase("müller", by="shop", at=timezone.now())
    privacy.erase("7", by="shop", at=timezone.now())

    assert [json.loads(bytes(r.body))["customer"] for r in Rejection.objects.all()] == [
        "ana"
    ]


@pytest.mark.django_db
def test_what_comes_late_and_is_wrong_is_not_kept_either() -> None:
    privacy.erase("cleo-9000", by="shop", at=timezone.now())

    ingest(sent(customer="cleo-9000", data={"sku": ""}))
    late = {"event": "Product Viewed", "userId": "cleo-9000", "properties": {}}
    raw = json.dumps(late).encode()
    read = wires.reader("track")
    ingestion.ingest([raw], source="t", at=timezone.now(), read=read, call="track")
    ingest(sent(customer=None, anonymous="cleo-9000"))

    assert not Rejection.objects.exists()
    assert "cleo-9000" not in whole_database()


@pytest.mark.django_db
def test_a_name_is_erased_as_a_customers_and_as_a_visitors() -> None:
    ingest(sent(customer="twin", anonymous="twin"))

    privacy.erase("twin", by="shop", at=timezone.now())

    assert not Customer.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("slash/id", b'{"userId":"slash\\/id"}'),
        ("no\u00ebl-77", b'{"x":"no\\u00EBl-77"}'),
        ("ann+7760", b"data=%7B%22userId%22%3A%22ann%2B7760%22%7D"),
        ("ann-7760", b'{"page":"/users/ann-7760.html"}'),
        ("77", b'{"userId": 77}'),
    ],
)
def test_however_an_id_is_escaped_it_goes(name: str, body: bytes) -> None:
    other = b'{"userId":"someone-else","n":77}'
    for raw in (body, other):
        Rejection.objects.create(source="s", reason="r", body=raw)

    privacy.erase(name, by="shop", at=timezone.now())

    assert [bytes(r.body) for r in Rejection.objects.all()] == [other]
