"""Better prices in a quarter's plan: what they bring and when; nothing moves them."""

import pytest
from django.test import Client
from django.utils import timezone

from promotions import quarter_plans, quarter_prices, quarters
from promotions.models import Strategy
from tests.promotions.quartering import address, planned, prices, soon
from tests.promotions.scoring import scored
from tests.promotions.test_roles import member

__all__ = ["planned", "scored"]


def test_prices_bring_what_each_of_them_promises_in_its_weeks(
    client: Client, db: None
) -> None:
    """One stays, four weeks are promised of it; the other is a path of two."""
    made = prices(soon(), (2, None, 40.0), (4, 6, 20.0))
    client.force_login(member("Approvers"))

    page = client.get(address(soon()))

    answer = page.context["answer"]
    [shown] = answer["sections"][0].rows
    assert shown.cells[3].startswith("+60")
    assert (answer["unknown"], answer["changed"]) == (0, 0)
    [row] = page.context["rows"]
    assert (row["spends"], row["movable"]) == (False, False)
    assert f'name="{made.pk}-money"' not in page.content.decode()
    assert f'name="{made.pk}-inside"' in page.content.decode()
    plan = quarter_plans.read(soon(), [], at=timezone.now())
    found = quarters.outlook(plan.lines, plan.shared, soon(), now=timezone.now())
    by_week = [round(week.margin, 6) for week in found.weeks]
    assert by_week == [0, 0, 10, 10, 20, 20] + [0] * (soon().weeks - 6)
    assert found.total.cost == 0
    assert found.total.margin == pytest.approx(60)
    assert (found.total.low, found.total.high) == pytest.approx((40, 80), abs=5)


def test_what_prices_have_brought_already_is_not_counted_ahead(db: None) -> None:
    made = prices(soon(), (2, None, 40.0), (4, 6, 20.0))
    later = soon().mondays[5]

    [left] = quarter_prices.gains([made], soon(), at=later).values()
    made.price_lines.filter(sku="tea-1").update(state="overruled")
    [rest] = quarter_prices.gains([made], soon(), at=later).values()

    assert left.mean(axis=0).sum() == pytest.approx(40 / 4 + 20 / 2)
    assert rest.mean(axis=0).sum() == pytest.approx(40 / 4)


def test_prices_that_promise_nothing_by_line_share_what_all_of_them_do(
    db: None,
) -> None:
    made = prices(soon(), (2, 6, 60.0))
    made.price_lines.update(expects={})

    [found] = quarter_prices.gains([made], soon(), at=soon().mondays[0]).values()

    assert found.mean(axis=0).sum() == pytest.approx(60)
    assert (found.sum(axis=1).max() - found.sum(axis=1).min()) > 40


def test_of_prices_that_promise_nothing_those_overruled_bring_nothing(
    db: None,
) -> None:
    made = prices(soon(), (2, 6, 30.0), (2, 4, 30.0))
    made.price_lines.update(expects={})
    made.price_lines.filter(sku="tea-1").update(state="overruled")

    [found] = quarter_prices.gains([made], soon(), at=soon().mondays[0]).values()

    by_week = found.mean(axis=0)  # the other one lasts two thirds of all weeks
    assert by_week.sum() == pytest.approx(40)
    assert by_week[2:6] == pytest.approx([10] * 4)


def test_to_spend_asked_of_prices_in_an_address_changes_nothing(
    client: Client, db: None
) -> None:
    made = prices(soon(), (2, 6, 60.0))
    client.force_login(member("Approvers"))
    asked = {
        "asked": "1",
        f"{made.pk}-inside": "on",
        f"{made.pk}-money": "500",
        f"{made.pk}-starts": str(soon().mondays[4].date()),
    }

    answer = client.get(address(soon()), asked).context["answer"]
    best = client.get(address(soon()), asked | {"best": "1"}, follow=True)

    assert answer["changed"] == 0
    assert best.context["answer"]["changed"] == 0
    assert answer["sections"][0].rows[0].cells[3].startswith("+60")
    without = client.get(address(soon()), {"asked": "1"}).context["answer"]
    assert without["sections"][0].rows == []


def test_prices_take_no_place_of_those_that_are_priced_on_customers(
    planned: Strategy, monkeypatch: pytest.MonkeyPatch
) -> None:
    prices(soon(), (0, 4, 60.0))
    monkeypatch.setattr(quarter_plans, "MOST", 1)

    plan = quarter_plans.read(soon(), [], at=timezone.now())

    assert plan.unpriced == 0
    assert quarter_plans.price_ahead(at=timezone.now()) == 1
