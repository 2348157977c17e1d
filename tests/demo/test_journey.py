from datetime import UTC, datetime, timedelta
from itertools import islice

import msgspec
import pytest
from django.utils import timezone

from analytics import events, native
from analytics.models import StoredEvent
from demo import loading
from demo.journey import Journey, last_order, shift_to

AT = datetime(2026, 11, 24, tzinfo=UTC)


def some(*households: int) -> Journey:
    return Journey(shift_to(AT), households)


def test_the_history_ends_within_the_last_week_and_keeps_weekdays() -> None:
    _, last = last_order()

    moved = last + shift_to(AT)

    assert timedelta(0) <= AT - moved < timedelta(weeks=1)
    assert (moved.weekday(), moved.hour) == (last.weekday(), last.hour)


def test_every_event_of_a_household_passes_the_door() -> None:
    raws = list(some(1, 2, 3).events())

    results = [native.read(raw, AT) for raw in raws]

    kinds = {result.event.__class__ for result in results}
    assert {events.OrderCompleted, events.CampaignReceived} <= kinds


def test_the_lines_carry_the_tables_amounts() -> None:
    paid = shelf = coupon = 0
    for raw in some(900).events():
        told = msgspec.json.decode(raw)
        if told["type"] == "order_completed":
            for line in told["data"]["lines"]:
                paid += round(100 * float(line["paid"]))
                shelf += round(100 * float(line.get("shelf_discount", 0)))
                coupon += round(100 * float(line.get("coupon_discount", 0)))

    table = some(900)._transactions().collect()
    both = table["coupon_disc"] + table["coupon_match_disc"]
    assert paid == round(100 * table["sales_value"].sum())
    assert shelf == round(100 * table["retail_disc"].sum())
    assert coupon == round(100 * both.sum())


def test_alcohol_tobacco_and_fuel_are_barred_from_promotions() -> None:
    barred = {p.category for p in some().products() if not p.promotable}

    assert {"BEERS/ALES", "CIGARETTES", "COUPON/MISC ITEMS"} <= barred


@pytest.mark.django_db(transaction=True)
def test_loading_twice_adds_nothing() -> None:
    journey = Journey(shift_to(timezone.now()), (1, 2))
    first = loading.load_history(journey, at=timezone.now(), progress=lambda _: None)
    stored = StoredEvent.objects.count()

    again = loading.load_history(journey, at=timezone.now(), progress=lambda _: None)

    assert (first, again) == (stored, 0)
    assert StoredEvent.objects.count() == stored


def test_events_come_in_order_of_time() -> None:
    times = [
        msgspec.json.decode(r)["occurred_at"] for r in islice(some(1).events(), 99)
    ]

    assert times == sorted(times)
