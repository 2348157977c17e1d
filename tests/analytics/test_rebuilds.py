"""Counting again comes to what was counted as it came, beside workers, after harm."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics import folds, projections, rebuilds, tasks
from analytics.models import Profile, Tally
from tests.analytics.conftest import sent, together
from tests.analytics.projected import errors, ingest, places, rows, views

Cure = Callable[[], None]
LINES = st.fixed_dictionaries(
    {
        "sku": st.sampled_from(["tea", "milk"]),
        "category": st.sampled_from(["TEA", "MILK", ""]),
        "quantity": st.integers(0, 9),
        "paid": st.decimals(0, 99, places=4).map(str),
        "shelf_discount": st.decimals(0, 9, places=3).map(str),
    }
)
ORDERS = st.tuples(
    st.just("order_completed"),
    st.fixed_dictionaries(
        {
            "order_id": st.just("o"),
            "currency": st.just("USD"),
            "lines": st.lists(LINES, min_size=1, max_size=4),
        }
    ),
)
OTHERS = st.sampled_from(
    [
        ("product_viewed", {"sku": "tea"}),
        ("product_added", {"sku": "tea"}),
        ("offer_shown", {"offer": str(UUID(int=4))}),
        ("coupon_redeemed", {"campaign": "may", "coupon": "TEA5"}),
        ("party", {}),
    ]
)
BATCHES = st.lists(
    st.lists(
        st.tuples(
            st.one_of(ORDERS, OTHERS),
            st.sampled_from(["ana", "ben", None]),
            st.datetimes(datetime(2026, 5, 28), datetime(2026, 6, 1)),  # noqa: DTZ001
            st.integers(0, 99),
        ),
        min_size=2,
        max_size=6,
    ),
    min_size=2,
    max_size=5,
)


@pytest.mark.django_db(transaction=True)
def test_a_rebuild_beside_workers_counts_once() -> None:
    views(200)
    tasks.catch_up()

    def report() -> None:
        for _ in range(10):
            views(10)
            projections.catch_up()

    together(report, report, lambda: call_command("rebuild"))
    tasks.catch_up()

    assert Tally.objects.get().events == 400
    assert Profile.objects.get().views == 400


@pytest.mark.django_db
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(batches=BATCHES, lazy=st.sets(st.integers(0, 4), max_size=2))
def test_counting_again_equals_counting_as_it_came(
    batches: list[list[Any]], lazy: set[int]
) -> None:
    """Random events, late ones and repeated ids, in random batches, some not read."""
    with transaction.atomic():
        for number, batch in enumerate(batches):
            ingest(
                *(
                    sent(
                        id=f"m-{id_}",
                        type=type_,
                        customer=customer,
                        occurred_at=at.replace(tzinfo=UTC).isoformat(),
                        data=data,
                    )
                    for (type_, data), customer, at, id_ in batch
                )
            )
            if number not in lazy:
                tasks.catch_up()
        tasks.catch_up()
        live, read = rows(), places()

        rebuilds.rebuild(projections.ALL)

        assert rows() == live
        assert places() == read
        for name in projections.ALL:
            rebuilds.rebuild([name])
        assert rows() == live
        transaction.set_rollback(True)


@pytest.mark.django_db
def test_rebuilding_mends_rows_that_were_spoilt(
    capsys: pytest.CaptureFixture[str],
) -> None:
    views(3)
    tasks.catch_up()
    before = rows()
    Profile.objects.update(views=99)
    Tally.objects.all().delete()

    call_command("rebuild")

    assert rows() == before
    assert capsys.readouterr().out.startswith("rebuilt in ")


@pytest.mark.django_db
def test_all_is_rebuilt_though_what_another_app_counts_raises(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted: list[int] = []
    others = {"broken": lambda: 1 // 0, "whole": lambda: counted.append(1)}
    monkeypatch.setattr(projections, "OTHERS", others)
    views(3)
    tasks.catch_up()
    Profile.objects.update(views=99)

    with pytest.raises(CommandError, match="broken ZeroDivisionError"):
        call_command("rebuild")

    assert Profile.objects.get().views == 3
    assert counted == [1]


@pytest.mark.django_db
def test_rebuilding_one_leaves_the_others_alone() -> None:
    views(3)
    tasks.catch_up()
    Profile.objects.update(views=99)
    Tally.objects.update(events=99)

    call_command("rebuild", "days")

    assert Tally.objects.get().events == 3
    assert Profile.objects.get().views == 99


@pytest.mark.django_db
def test_rebuilding_an_unknown_one_lists_those_there_are() -> None:
    views(3)
    tasks.catch_up()
    before = rows()

    with pytest.raises(CommandError) as caught:
        call_command("rebuild", "days", "weeks")

    there_are = "there are customers, outcomes, days, sources, "
    there_are += "competitor_prices, opinions"
    assert str(caught.value) == f"no projection weeks; {there_are}"
    assert rows() == before


@pytest.mark.django_db
def test_a_rebuild_that_fails_keeps_the_old_rows_and_says_so(poisoned: Cure) -> None:
    poisoned()
    views(3)
    tasks.catch_up()
    before, read = rows(), places()

    def fail(self: folds.Days, into: folds.Into) -> None:
        Tally.objects.all().delete()
        raise ValueError("poisoned again")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folds.Days, "save", fail)
        with pytest.raises(CommandError, match=r"days ValueError.*poisoned again"):
            call_command("rebuild")

    assert rows() == before
    assert places() == read
    assert errors() == {
        "customers": "",
        "outcomes": "",
        "sources": "",
        "days": "ValueError('poisoned again')",
    }
