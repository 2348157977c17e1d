"""A quarter to plan: its proposal, its prices, and what its demand will be."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from analytics.models import Customer
from ml.models import Forecast
from promotions import price_lines, quarter_weeks
from promotions.models import Campaign, Strategy
from promotions.quarter_weeks import WEEK, Quarter
from tests.conftest import Make
from tests.promotions.test_what_if import MENU


def this() -> Quarter:
    return quarter_weeks.quarter_of(timezone.now().date())


def soon() -> Quarter:
    """A quarter all of which lies ahead."""
    return this().after


def weeks(quarter: Quarter, **fixed: Any) -> list[Decimal | None]:
    given = {int(name[1:]): Decimal(one) for name, one in fixed.items()}
    return [given.get(n) for n in range(quarter.weeks)]


def address(quarter: Quarter) -> str:
    return reverse("quarter", args=[quarter.year, quarter.number])


def campaign(quarter: Quarter, week: int, lasts: int = 4, **more: Any) -> Campaign:
    starts_at = quarter.mondays[0] + week * WEEK
    usual: dict[str, Any] = {
        "name": "June",
        "starts_at": starts_at,
        "ends_at": starts_at + lasts * WEEK,
        "budget": Decimal(1000),
        "currency": "USD",
    }
    return Campaign.objects.create(**usual | more)


def foretold(category: str, units: list[float]) -> None:
    monday = timezone.now().date() - timedelta(days=timezone.now().weekday())
    Forecast.objects.create(
        level=Forecast.Level.CATEGORY,
        key=category,
        first=monday,
        units=units,
        low=[0.9 * one for one in units],
        high=[1.1 * one for one in units],
        naive=units,
        median=units,
        seasonal=units,
        history=[],
        undiscounted=1.0,
        elasticity=-1.0,
        elasticity_error=0.2,
        method="test",
        computed_at=timezone.now(),
    )


@pytest.fixture
def planned(scored: list[Customer], proposed: Make) -> Strategy:
    """A proposal for the second week of the next quarter on."""
    return proposed(
        title="Tea", menu=MENU, budget=Decimal(40), campaign=campaign(soon(), 1)
    )


def sent(client: Client, quarter: Quarter, form: dict[str, str]) -> Any:
    told = QueryDict(mutable=True)
    told.update({"asked": "1"} | form)
    return client.post(address(quarter), {"plan": told.urlencode()})


def prices(quarter: Quarter, *lines: tuple[int, int | None, float], **more: Any) -> Any:
    """Propose prices, each from a week up to another, and what it promises."""
    change = price_lines.Change(
        title="Better prices",
        reason="They pay.",
        scope=["GROCERY"],
        lines=[
            price_lines.Line(
                sku=f"tea-{n}",
                price=Decimal(9),
                was=Decimal(10),
                starts_at=quarter.mondays[first],
                ends_at=None if last is None else quarter.mondays[last],
                expects=price_lines.Expected(
                    units=12,
                    units_before=10,
                    margin=gain,
                    low=gain / 2,
                    high=1.5 * gain,
                ),
            )
            for n, (first, last, gain) in enumerate(lines)
        ],
        **{"margin": sum(one[2] for one in lines), "low": 40.0, "high": 80.0} | more,
    )
    return price_lines.propose(change, by="platform", at=timezone.now())
