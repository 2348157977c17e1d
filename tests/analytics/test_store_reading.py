"""Readers of the log see everything once and in order, whoever writes meanwhile."""

import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

import pytest
from django.db import OperationalError, transaction

from analytics import glances, store
from tests.analytics.conftest import NOW, kept, together, viewed
from tests.analytics.every import EVERY

WRITERS = 8
SECONDS = 3.0


@pytest.mark.django_db
@pytest.mark.parametrize("size", [store.PAGE - 1, store.PAGE, store.PAGE + 1])
def test_reading_crosses_pages(size: int) -> None:
    facts = [viewed(str(number)) for number in range(size)]
    store.append_new(facts)

    assert kept() == [fact.id for fact in facts]


@pytest.mark.django_db
def test_reading_chooses_types_customers_and_positions() -> None:
    ana, ben = UUID(int=1), UUID(int=2)
    facts = [
        viewed(customer=ana),
        viewed(customer=ben),
        store.Fact(event=EVERY["order_completed"], customer=ana, at=NOW),
        store.Fact(event=EVERY["price_changed"], at=NOW),
    ]
    store.append_new(facts)
    last = store.high_water()

    def places(**wanted: object) -> list[int]:
        read = store.read(**({"until": last} | wanted))  # type: ignore[arg-type]
        ids = [fact.id for fact in facts]
        return [ids.index(stored.id) for stored in read]

    assert places() == [0, 1, 2, 3]
    assert places(types=["order_completed", "price_changed"]) == [2, 3]
    assert places(types=[]) == []
    assert places(customer=ana) == [0, 2]
    assert places(customer=ana, types=["product_viewed"]) == [0]
    assert places(after=last - 2) == [2, 3]
    assert places(until=last - 2) == [0, 1]
    assert glances.first_position("order_completed") == last - 1
    assert glances.first_position("offer_shown") is None


@pytest.mark.django_db(transaction=True)
def test_a_tailing_reader_sees_everything_once_and_in_order() -> None:  # noqa: C901
    """Eight writers, single and batch commits, some held open for 20 ms."""
    over = threading.Event()

    def write(number: int) -> Callable[[], list[UUID]]:
        def act() -> list[UUID]:
            chance, ids = random.Random(number), list[UUID]()
            while not over.is_set():
                facts = [viewed() for _ in range(chance.choice([1, 1, 1, 25]))]
                with transaction.atomic():
                    store.append_new(facts)
                    if chance.random() < 0.2:
                        time.sleep(0.02)
                ids += [fact.id for fact in facts]
            return ids

        return act

    def tail() -> list[UUID]:
        seen, after, ending = list[UUID](), 0, time.monotonic() + SECONDS
        while True:
            if last := time.monotonic() > ending:
                over.set()
                time.sleep(0.2)
            until = store.high_water()
            seen += [stored.id for stored in store.read(after=after, until=until)]
            after = until
            if last:
                return seen

    *written, seen = together(*map(write, range(WRITERS)), tail)

    place = {id_: number for number, id_ in enumerate(seen)}
    assert len(place) == len(seen) == sum(map(len, written)) > 100
    for ids in written:
        assert [place[id_] for id_ in ids] == sorted(place[id_] for id_ in ids)
    assert seen == kept()


@pytest.mark.django_db(transaction=True)
def test_a_stuck_writer_makes_the_reader_give_up_not_skip() -> None:
    written, gave_up = threading.Event(), threading.Event()

    def write() -> bool:
        with transaction.atomic():
            store.append_new([viewed()])
            written.set()
            return gave_up.wait(10)

    def read() -> bool:
        written.wait(10)
        with suppress(OperationalError):
            store.high_water()
            return False
        gave_up.set()
        return True

    assert together(write, read) == [True, True]
    assert len(kept()) == 1
