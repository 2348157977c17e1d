"""A quarter's budget: set and changed, in the log, and what was given of it."""

from datetime import date, timedelta
from decimal import Decimal
from threading import Barrier, Thread
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from analytics import events, glances
from analytics.models import Customer, StoredEvent
from promotions import models, quarter_budgets
from promotions.models import Redemption
from tests.conftest import Make
from tests.promotions.quartering import soon, this, weeks


def test_a_budget_is_set_and_changed_and_the_log_has_all_of_it(db: None) -> None:
    at, quarter = timezone.now(), this()

    quarter_budgets.set_budget(quarter, Decimal(1300), weeks(quarter), by="olga", at=at)
    row = quarter_budgets.set_budget(
        quarter, Decimal(900), weeks(quarter, w2="100.50"), by="oleg", at=at
    )

    told = [stored.event for stored in glances.read_stream(row.stream)]
    assert [getattr(one, "budget", None) for one in told] == [1300, 900]
    last = told[-1]
    assert isinstance(last, events.QuarterPlanned)
    row.refresh_from_db()
    assert (last.starts_on, last.budget, last.currency, last.by) == (
        row.starts_on,
        row.budget,
        row.currency,
        row.set_by,
    )
    assert list(last.weeks) == row.weeks
    assert quarter_budgets.budget(quarter) == row


@pytest.mark.parametrize(
    ("amount", "fixed"), [(99, {"w0": 100}), (-1, {}), (100, {"w3": -5})]
)
def test_a_budget_that_makes_no_sense_is_refused_and_not_logged(
    db: None, amount: int, fixed: dict[str, Any]
) -> None:
    quarter, at = this(), timezone.now()

    with pytest.raises(ValidationError):
        quarter_budgets.set_budget(
            quarter, Decimal(amount), weeks(quarter, **fixed), by="olga", at=at
        )

    assert not models.Quarter.objects.exists()
    assert not StoredEvent.objects.filter(type="quarter_planned").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"starts_on": date(2026, 3, 31)},  # a Tuesday
        {"weeks": [None] * 12},
        {"weeks": [Decimal(10)] * 13},
        {"weeks": [Decimal(-1), *[None] * 12]},
        {"budget": Decimal(-1)},
    ],
)
def test_the_table_refuses_what_is_no_quarter(db: None, wrong: dict[str, Any]) -> None:
    usual: dict[str, Any] = {
        "starts_on": date(2026, 3, 30),
        "budget": Decimal(120),
        "currency": "USD",
        "weeks": [Decimal(20), *[None] * 12],
        "set_by": "olga",
        "set_at": timezone.now(),
    }
    models.Quarter.objects.create(**usual)
    models.Quarter.objects.all().delete()

    with pytest.raises(IntegrityError), transaction.atomic():
        models.Quarter.objects.create(**usual | wrong)


def test_what_was_given_is_summed_by_week_less_what_came_back(
    live: Make, ana: Customer
) -> None:
    quarter, strategy = this(), live()
    for week, amount, back in ((0, "5.00", "0"), (0, "3.00", "1.00"), (2, "4.00", "0")):
        Redemption.objects.create(
            strategy=strategy,
            customer=ana.key,
            order_id=str(uuid4()),
            variant="10%",
            discount=Decimal(amount),
            returned=Decimal(back),
            adjustments=[],
            redeemed_at=quarter.mondays[week] + timedelta(hours=5),
        )

    found = quarter_budgets.spent(quarter)

    assert found[:4] == [7.0, 0.0, 4.0, 0.0]
    assert sum(found) == 11
    assert sum(quarter_budgets.spent(quarter.before)) == 0


@pytest.mark.django_db(transaction=True)
def test_two_budgets_at_once_are_both_set_one_after_the_other() -> None:
    quarter, at, start = soon(), timezone.now(), Barrier(2)
    wrong: list[Exception] = []

    def sets(amount: int) -> None:
        start.wait()
        try:
            for n in range(5):
                money = Decimal(amount + n)
                quarter_budgets.set_budget(
                    quarter, money, weeks(quarter), by="olga", at=at
                )
        except Exception as error:
            wrong.append(error)
        finally:
            connection.close()

    threads = [Thread(target=sets, args=(amount,)) for amount in (100, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    row = models.Quarter.objects.get()
    told = [stored.event for stored in glances.read_stream(row.stream)]
    assert len(told) == 10
    assert getattr(told[-1], "budget", None) == row.budget
