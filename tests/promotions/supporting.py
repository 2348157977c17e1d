"""The support desk, and customers who ask."""

import re
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from analytics.models import Customer
from ml.models import Score, TrainedModel
from promotions import arms
from promotions.models import Strategy
from tests.conftest import experienced, role


@pytest.fixture
def sue(db: None) -> User:
    user = User.objects.create_user("sue", password="secret", is_staff=True)
    user.groups.add(role("Support"))
    return user


@pytest.fixture
def desk(client: Client, sue: User) -> Client:
    client.force_login(sue)
    return client


@pytest.fixture
def crowd(trained: TrainedModel) -> list[Customer]:
    """150 customers, scored alike for tea."""
    people = Customer.objects.bulk_create(
        Customer(external_id=f"c{n:03}") for n in range(150)
    )
    Score.objects.bulk_create(
        Score(
            customer=one.key,
            category="TEA",
            probability=0.1,
            spend=Decimal(30),
            model=trained,
        )
        for one in people
    )
    experienced()
    return people


def text(client: Client, name: str, *args: Any, query: str = "") -> str:
    answer = client.get(reverse(name, args=args) + query)
    assert answer.status_code == 200
    plain = re.sub(
        r"<(style|script).*?</\1>|<[^>]+>", " ", answer.content.decode(), flags=re.S
    )
    return re.sub(r"\s+", " ", unescape(plain))


def by_arm(people: list[Customer], strategy: Strategy) -> dict[str, Customer]:
    drawn = arms.of(strategy)
    equal = arms.equal(strategy)
    return {arms.draw(drawn, one.name, equal).arm: one for one in people}
