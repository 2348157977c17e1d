"""Many readings at once decide once and share what is left; a break leaves nothing."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from analytics import store
from promotions import targeting
from promotions.models import Allocation, Offer, Place, Sheet, Strategy
from tests.conftest import Make
from tests.ml.conftest import models_dir, one_learner, shop
from tests.promotions.arriving import (
    comes,
    of,
    one_more,
    opened,
    planned,
    read,
    strategy,
)
from tests.promotions.racing import at_once

__all__ = ["models_dir", "one_learner", "opened", "shop", "strategy"]


def test_what_stops_half_way_leaves_nothing(
    strategy: Strategy, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = comes("new")
    before = Allocation.objects.get().left

    def dies(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(store, "append_new", dies)
        with pytest.raises(KeyboardInterrupt):
            read("new")

    assert not Offer.objects.filter(customer=person.key).exists()
    assert not Place.objects.filter(customer=person.key).exists()
    assert not Sheet.objects.filter(customer=person.key).exists()
    assert Allocation.objects.get().left == before
    read("new")
    assert len(of(person)) == 1


@pytest.mark.django_db(transaction=True)
def test_sixteen_readings_at_once_decide_once(
    transactional_db: None, strategy: Strategy
) -> None:
    people = [comes(f"new {n}") for n in range(4)]
    asked = [one for one in people for _ in range(16)]

    def reading(name: str) -> Callable[[], Any]:
        return lambda: read(name)

    told = at_once([reading(one.name) for one in asked], connections=16)

    assert len(of(*people)) == 4
    by_name: dict[str, set[str]] = {}
    for one, shown in zip(asked, told, strict=True):
        by_name.setdefault(one.name, set()).add(json.dumps(shown))
    assert all(len(answers) == 1 for answers in by_name.values())
    made = Offer.objects.filter(customer__in=[one.key for one in people])
    assert made.count() == sum(one.arm == "treatment" for one in of(*people))


@pytest.mark.django_db(transaction=True)
def test_many_at_once_share_the_last_of_a_budget(
    transactional_db: None, opened: None, live: Make
) -> None:
    strategy = planned(live, holdout=0)
    name = f"budget {strategy.id}"
    one_more(0)
    row = Allocation.objects.order_by("-id")[0]
    each = row.slack[name] - row.left[name]
    Allocation.objects.update(left=row.left | {name: 5.5 * each})
    people = [comes(f"new {n}") for n in range(24)]

    def reading(name: str) -> Callable[[], Any]:
        return lambda: read(name)

    at_once([reading(one.name) for one in people], connections=12)

    assert len(of(*people)) == 5
    assert Allocation.objects.order_by("-id")[0].left[name] >= 0


@pytest.mark.django_db(transaction=True)
def test_while_a_refresh_runs_reading_does_not_wait(
    transactional_db: None, strategy: Strategy
) -> None:
    person = comes("new")

    def lock(how: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {how}(%s)", [targeting.TARGETING_LOCK])

    lock("pg_advisory_lock")
    try:
        assert at_once([lambda: read("new")]) == [[]]
        assert of(person) == []
    finally:
        lock("pg_advisory_unlock")
    read("new")
    assert len(of(person)) == 1
