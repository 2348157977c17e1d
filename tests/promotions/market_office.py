"""A market of teas with a competitor, as the back office shows it."""

from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from catalog import competitor_feeds, feeds, market_feeds, matching, positions
from catalog.competitor_feeds import PriceSeen
from catalog.market_feeds import ValueListed
from tests.conftest import role

DAY = timedelta(days=1)


@pytest.fixture
def market(db: None) -> None:
    at = timezone.now()
    feeds.take(
        [
            feeds.Listed(
                sku=sku,
                name=name,
                brand="Acme",
                size=size,
                category="TEA",
                currency="USD",
                price=D(10),
            )
            for sku, name, size in [
                ("green", "Green Tea", "100 g"),
                ("black", "Black Tea", "100 g"),
                ("large", "Black Tea", "250 g"),
            ]
        ],
        at=at - 90 * DAY,
    )
    prices = [("ACME green tea 100g", 60, "10"), ("ACME green tea 100g", 3, "8")]
    prices += [("Acme <b>Black</b> Tea", 3, "9")]
    competitor_feeds.take_prices(
        [
            PriceSeen(
                competitor="Rival",
                product=name[:12],
                name=name,
                currency="USD",
                price=D(price),
                seen_at=at - days * DAY,
                url="https://rival.example/tea",
            )
            for name, days, price in prices
        ],
        at=at,
    )
    matching.run(at=at)
    positions.count(at=at)
    today = at.date()
    market_feeds.take_values(
        [
            ValueListed(series="temperature", region="DE", day=today - n * DAY, value=n)
            for n in range(30)
        ],
        at=at,
    )


def staff(group: str) -> User:
    user = User.objects.create_user(group.lower(), password="secret", is_staff=True)
    user.groups.add(role(group))
    return user


@pytest.fixture
def office(client: Client, market: None) -> Client:
    client.force_login(staff("Operators"))
    return client
