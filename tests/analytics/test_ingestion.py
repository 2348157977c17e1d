import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from analytics import identity, ingestion, store
from analytics.models import Customer, Rejection
from analytics.sent import event_id
from tests.analytics.conftest import NOW, order, sent, together


def ingest(*raws: dict[str, Any]) -> list[ingestion.Result]:
    texts = [json.dumps(raw).encode() for raw in raws]
    return ingestion.ingest(texts, source="tests", at=NOW)


def kept() -> list[store.Stored]:
    return list(store.read(until=store.high_water()))


@pytest.mark.django_db
def test_an_event_is_stored_with_its_customer_and_time() -> None:
    [result] = ingest(sent(id="m-1", occurred_at="2026-06-01T13:30:00+02:00"))

    assert result == ingestion.Result(status="accepted", id="m-1")
    [stored] = kept()
    assert stored.customer == Customer.objects.get(external_id="ana").key
    assert stored.occurred_at == NOW - timedelta(minutes=30)
    assert (stored.type, stored.stream) == ("product_viewed", None)


@pytest.mark.django_db
def test_an_event_may_have_no_customer_and_no_time() -> None:
    ingest(sent(customer=None, occurred_at=None))

    [stored] = kept()
    assert (stored.customer, stored.occurred_at) == (None, NOW)
    assert not Customer.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("size", [1, store.BULK + 10])
def test_a_retry_is_a_duplicate_and_stored_once(size: int) -> None:
    batch = [sent(id=f"m-{number}") for number in range(size)]

    first, again = ingest(*batch), ingest(*batch)

    assert {result.status for result in first} == {"accepted"}
    assert {result.status for result in again} == {"duplicate"}
    assert [result.id for result in again] == [raw["id"] for raw in batch]
    assert len(kept()) == size


@pytest.mark.django_db
def test_a_retry_with_other_data_changes_nothing() -> None:
    ingest(order("1.00", id="m-1"))

    [result] = ingest(order("99.00", id="m-1"))

    assert result.status == "duplicate"
    [stored] = kept()
    assert str(stored.event.lines[0].paid) == "1.00"  # type: ignore[attr-defined]


@pytest.mark.django_db
def test_the_first_of_two_with_one_id_in_a_batch_counts() -> None:
    results = ingest(sent(id="m", customer="ana"), sent(id="m", customer="ben"))

    assert [result.status for result in results] == ["accepted", "duplicate"]
    [stored] = kept()
    assert stored.customer == Customer.objects.get(external_id="ana").key


@pytest.mark.django_db
def test_an_id_that_is_a_uuid_is_the_id_in_the_log() -> None:
    id_ = uuid4()

    ingest(sent(id=str(id_)), sent(id=str(id_).upper()), sent(id="not a uuid"))

    assert [stored.id for stored in kept()] == [id_, event_id("not a uuid")]


@pytest.mark.django_db
def test_the_order_of_a_batch_is_the_order_of_the_log() -> None:
    batch = [sent(id=f"m-{number}") for number in range(50)]

    ingest(*batch)

    assert [s.id for s in kept()] == [event_id(raw["id"]) for raw in batch]


@pytest.mark.django_db
def test_neighbours_of_a_bad_event_are_stored() -> None:
    results = ingest(sent(id="a"), sent(id="b", type="party"), sent(id="c"))

    assert [r.status for r in results] == ["accepted", "rejected", "accepted"]
    assert [s.id for s in kept()] == [event_id(i) for i in "ac"]


@pytest.mark.django_db
def test_a_rejection_keeps_what_was_sent() -> None:
    bad = sent(id="b", type="party")

    ingest(bad)

    rejection = Rejection.objects.get()
    assert bytes(rejection.body) == json.dumps(bad).encode()
    assert rejection.reason == "Unknown event type 'party'"
    assert (rejection.path, rejection.source) == ("$.type", "tests")
    assert rejection.received_at == NOW


@pytest.mark.django_db
def test_a_rejected_event_makes_no_customer_and_may_come_again_mended() -> None:
    ingest(order("-1.00", id="m-1", customer="zoe"))
    assert not Customer.objects.exists()

    [result] = ingest(order("1.00", id="m-1", customer="zoe"))

    assert result.status == "accepted"
    assert len(kept()) == 1


@pytest.mark.django_db
def test_a_batch_that_fails_midway_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store, "INSERT", "INSERT INTO no_such_table (id)")

    with pytest.raises(Exception, match="no_such_table"):
        ingest(sent(), sent(type="party"))

    assert not Customer.objects.exists()
    assert not Rejection.objects.exists()


@pytest.mark.django_db
def test_a_customer_keeps_the_key() -> None:
    first = identity.identify(["ana", "ben", "ana"]).customers

    again = identity.identify(["ben", "cleo"]).customers

    assert first.keys() == {"ana", "ben"}
    assert again["ben"] == first["ben"]
    assert len({known.key for known in (*first.values(), *again.values())}) == 3


@pytest.mark.django_db
def test_a_key_tells_nothing_of_the_customer() -> None:
    [known] = identity.identify(["ana"]).customers.values()

    assert isinstance(known.key, UUID)
    assert known.key.version == 4


@pytest.mark.django_db(transaction=True)
def test_batches_at_once_with_the_same_new_customers_share_them() -> None:
    """In opposite orders and inside longer transactions: no deadlock either."""
    names = [f"customer-{number}" for number in range(200)]
    batches = [
        [sent(customer=name) for name in names],
        [sent(customer=name) for name in reversed(names)],
        [sent(customer=name) for name in names[50:150]],
    ]

    results = together(*(lambda batch=b: ingest(*batch) for b in batches))

    assert {r.status for batch in results for r in batch} == {"accepted"}
    assert Customer.objects.count() == 200
    assert len(kept()) == 500
    assert len({stored.customer for stored in kept()}) == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("size", [20, store.BULK])
def test_the_same_batch_at_once_is_stored_once(size: int) -> None:
    batch = [sent(id=f"m-{number}") for number in range(size)]

    results = together(*[lambda: ingest(*batch)] * 3)

    for same in zip(*results, strict=True):
        statuses = sorted(result.status for result in same)
        assert statuses == ["accepted", "duplicate", "duplicate"]
    assert len(kept()) == size
