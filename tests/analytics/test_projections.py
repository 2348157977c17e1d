"""Projections fold the log once, whoever else does; one that raises stops alone."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest
from django.core.management import call_command

from analytics import events, folds, health, projections, rebuilds, store, tasks
from analytics.models import Affinity, Checkpoint, Customer, Profile, Rejection, Tally
from tests.analytics.conftest import order, sent, together
from tests.analytics.projected import errors, ingest, places, rows, views

Cure = Callable[[], None]
WELL = {"customers": "", "outcomes": "", "days": "", "sources": ""}


@pytest.mark.django_db
def test_a_profile_sums_what_a_customer_did() -> None:
    ingest(
        order("8.00", "2.50", occurred_at="2026-05-30T10:00:00Z"),
        order("1.0001", occurred_at="2026-05-29T10:00:00Z"),
        sent(),
        sent(type="offer_shown", data={"offer": str(UUID(int=4))}),
        sent(type="coupon_redeemed", data={"campaign": "may", "coupon": "TEA5"}),
        sent(customer=None),
    )

    tasks.catch_up()

    profile = Profile.objects.get()
    assert profile.customer == Customer.objects.get(external_id="ana").key
    assert (profile.orders, profile.units, profile.spend) == (2, 3, Decimal("11.5001"))
    assert (profile.views, profile.offers_shown, profile.coupons_redeemed) == (1, 1, 1)
    assert profile.first_order_at == datetime(2026, 5, 29, 10, tzinfo=UTC)
    assert profile.last_order_at == datetime(2026, 5, 30, 10, tzinfo=UTC)
    affinity = Affinity.objects.get()
    assert (affinity.category, affinity.orders, affinity.units) == ("TEA", 2, 3)
    assert (affinity.spend, affinity.last_at) == (
        Decimal("11.5001"),
        profile.last_order_at,
    )


@pytest.mark.django_db
def test_days_are_those_of_utc() -> None:
    ingest(
        sent(occurred_at="2026-05-31T23:59:59Z"),
        sent(occurred_at="2026-05-31T23:59:59-01:00"),
        sent(occurred_at="2026-06-01T00:30:00+01:00", customer=None),
    )

    tasks.catch_up()

    assert list(Tally.objects.order_by("day").values_list("day", "events")) == [
        (date(2026, 5, 31), 2),
        (date(2026, 6, 1), 1),
    ]


@pytest.mark.django_db
def test_catching_up_again_counts_nothing_twice() -> None:
    views(5)

    moved = projections.catch_up()
    before, after = rows(), projections.catch_up()

    assert moved > 0
    assert after == 0
    assert rows() == before
    assert Tally.objects.get().events == 5
    assert set(places().values()) == {store.high_water()}
    assert set(projections.lag().values()) == {0}


@pytest.mark.django_db
def test_nothing_to_read_is_no_work() -> None:
    assert projections.catch_up() == 0
    assert set(rows()) == {
        *("Profile", "Affinity", "Tally", "Hour"),
        *("Assignment", "Exposure", "Outcome", "UnitCost"),
    }
    assert not any(rows().values())


@pytest.mark.django_db
def test_lag_is_what_is_still_to_read() -> None:
    views(2)
    tasks.catch_up()
    views(3)

    assert set(projections.lag().values()) == {3}


@pytest.mark.django_db
def test_small_spans_come_to_the_same() -> None:
    views(1)
    tasks.catch_up()
    views(10)

    steps = []
    while moved := projections.catch_up(span=3):
        steps.append(moved)

    assert steps == [3, 3, 3, 1]
    assert Tally.objects.get().events == 11
    assert Profile.objects.get().views == 11


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_count_once() -> None:
    views(1)
    tasks.catch_up()
    views(299)

    def work() -> None:
        for _ in range(40):
            projections.catch_up(span=25)

    def report() -> None:
        for _ in range(10):
            views(10)

    together(work, work, work, report)
    tasks.catch_up()

    assert Tally.objects.get().events == 400
    assert Profile.objects.get().views == 400
    assert set(errors().values()) == {""}


@pytest.mark.django_db
def test_one_that_raises_stops_and_says_why_and_the_others_go_on(
    poisoned: Cure,
) -> None:
    views(3)

    tasks.catch_up()
    views(2)
    tasks.catch_up()

    assert errors() == {
        "customers": "",
        "outcomes": "",
        "sources": "",
        "days": "ValueError('poisoned')",
    }
    last = store.high_water()
    assert places() == {
        "customers": last,
        "outcomes": last,
        "days": 0,
        "sources": last,
    }
    assert Profile.objects.get().views == 5
    assert not Tally.objects.exists()
    assert projections.lag() == {
        "customers": 0,
        "outcomes": 0,
        "days": last,
        "sources": 0,
    }


@pytest.mark.django_db
def test_one_that_raises_at_an_event_names_its_position(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(self: folds.Days, stored: store.Stored) -> None:
        raise ValueError("poisoned")

    views(3)
    monkeypatch.setattr(folds.Days, "add", fail)

    tasks.catch_up()

    first = store.high_water() - 2
    assert errors()["days"] == f"at {first}: ValueError('poisoned')"
    assert Profile.objects.get().views == 3


@pytest.mark.django_db
def test_one_that_stopped_goes_on_after_a_rebuild(poisoned: Cure) -> None:
    views(3)
    tasks.catch_up()

    poisoned()
    tasks.catch_up()
    assert not Tally.objects.exists()
    call_command("rebuild", "days")
    views(2)
    tasks.catch_up()

    assert errors() == WELL
    assert Tally.objects.get().events == 5


@pytest.mark.django_db(transaction=True)
def test_a_kill_midway_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    views(3)
    tasks.catch_up()
    before, read = rows(), places()
    views(2)

    def die(self: folds.Days, into: folds.Into) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(folds.Days, "save", die)
        with pytest.raises(KeyboardInterrupt):
            projections.catch_up()
        assert rows() == before
        assert places() == read
        with pytest.raises(KeyboardInterrupt):
            rebuilds.rebuild(projections.ALL)

    # Each is swapped in by itself: customers was, days was not.
    assert places() == {**read, "customers": store.high_water()}
    assert rows()["Tally"] == before["Tally"]
    tasks.catch_up()
    assert Tally.objects.get().events == 5
    assert Profile.objects.get().views == 5


@pytest.mark.django_db
def test_an_enormous_order_does_not_stop_the_projections() -> None:
    ingest(*(order(*["999999999.9999"] * 500) for _ in range(10)))

    tasks.catch_up()

    assert set(errors().values()) == {""}
    assert Profile.objects.get().spend == 5000 * Decimal("999999999.9999")


@pytest.mark.django_db
def test_rejections_are_forgotten_after_thirty_days() -> None:
    for days in (29, 31):
        Rejection.objects.create(
            received_at=datetime.now(UTC) - timedelta(days=days),
            source="tests",
            reason=f"{days} days ago",
            body=b"",
        )

    tasks.forget_rejections()

    assert Rejection.objects.get().reason == "29 days ago"


def test_every_type_that_a_projection_wants_exists() -> None:
    for projection in projections.ALL.values():
        assert (projection.types or frozenset()) <= events.VOCABULARY.keys()


@pytest.mark.django_db
@pytest.mark.parametrize("length", [201, 6000])
def test_no_category_too_long_for_an_index_enters_the_log(length: int) -> None:
    category = "".join(chr(33 + (7 * n * n) % 90) for n in range(length))
    with pytest.raises(events.Unreadable, match=r"lines\[0\].category"):
        events.decode(
            "order_completed",
            msgspec.json.encode(
                {
                    "order_id": "o",
                    "currency": "USD",
                    "lines": [{"sku": "x", "paid": "1", "category": category}],
                }
            ),
        )


@pytest.mark.django_db
def test_a_stopped_projection_is_not_ready() -> None:
    Checkpoint.objects.create(projection="days", error="poison")

    assert projections.stopped() == {"days": "poison"}
    assert health._projections() == "stopped: days"
