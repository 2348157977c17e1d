"""Workers try drafts by turns: stored once, given up at last, forgotten in time."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from promotions import backtest_runs, past_weeks, tasks
from promotions.models import Backtest
from tests.conftest import Body
from tests.promotions.past_orders import PAGE, orders

__all__ = ["orders"]


def test_no_more_wait_than_a_worker_can_do(
    api: APIClient, draft: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backtest_runs, "MOST_WAITING", 1)
    assert api.post(PAGE, {"draft": draft()}, format="json").status_code == 201

    refused = api.post(PAGE, {"draft": draft()}, format="json")

    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_backtests")
    tasks.try_on_past_weeks()
    assert api.post(PAGE, {"draft": draft()}, format="json").status_code == 201


@pytest.fixture
def asked(draft: Body, orders: None) -> Callable[[], Backtest]:
    def ask() -> Backtest:
        return backtest_runs.request(
            draft(), weeks=3, until=None, by="test", at=timezone.now()
        )

    return ask


def test_a_turn_that_ends_goes_on_where_it_was(
    asked: Callable[[], Backtest],
) -> None:
    whole, row = asked(), asked()
    backtest_runs._advance(row)

    backtest_runs.run(seconds=0)

    row.refresh_from_db()
    assert (row.state, len(row.found)) == ("running", 1)
    backtest_runs.run()
    row.refresh_from_db()
    whole.refresh_from_db()
    assert (row.state, row.found) == ("done", whole.found)


def test_a_week_that_two_workers_did_is_stored_once(
    asked: Callable[[], Backtest],
) -> None:
    row = asked()
    stale = Backtest.objects.get(id=row.id)
    backtest_runs._advance(row)

    backtest_runs._advance(stale)

    row.refresh_from_db()
    assert len(row.found) == 1


def test_what_breaks_off_again_and_again_is_given_up_and_stops_nobody(
    asked: Callable[[], Backtest], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = asked(), asked()
    week = past_weeks.week

    def killed(*args: Any, **how: Any) -> Any:
        raise SystemExit

    monkeypatch.setattr(past_weeks, "week", killed)
    for _ in range(backtest_runs.ATTEMPTS):
        with pytest.raises(SystemExit):
            backtest_runs._advance(Backtest.objects.get(id=bad.id))
    monkeypatch.setattr(past_weeks, "week", week)
    backtest_runs.run()

    bad.refresh_from_db()
    good.refresh_from_db()
    assert (bad.state, good.state) == ("failed", "done")
    assert "broke off" in bad.error


def test_old_backtests_are_forgotten(asked: Callable[[], Backtest]) -> None:
    old, new = asked(), asked()
    at = timezone.now() - backtest_runs.KEEP - timedelta(days=1)
    Backtest.objects.filter(id=old.id).update(created_at=at)

    tasks.forget_receipts()

    assert [row.id for row in Backtest.objects.all()] == [new.id]
