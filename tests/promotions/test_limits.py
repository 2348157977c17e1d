"""Limits hold: by strategy, campaign, customer and code, for a period or for ever."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.test import APIClient

from analytics import events, links
from analytics.models import Customer
from promotions import counters
from promotions.models import Campaign, Counter
from tests.conftest import Make
from tests.promotions.reserving import AUTOMATIC, BY_CODE, code, money, redeem, reserve

pytestmark = pytest.mark.usefixtures("shelf")
ONE_TEA = [{"sku": "tea", "quantity": 1}]


def limited(*limits: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"rule": {"limits": list(limits)} | more}


def campaign(**fields: Any) -> Campaign:
    """Its limits and zone are fixed from its first decided strategy on."""
    at = timezone.now()
    return Campaign.objects.create(
        name="June",
        starts_at=at - timedelta(days=1),
        ends_at=at + timedelta(days=28),
        budget=Decimal(500),
        currency="USD",
        **fields,
    )


def discounts(api: APIClient, *carts: dict[str, Any]) -> list[str]:
    return [redeem(api, **cart).json().get("discount", "refused") for cart in carts]


def at(moment: str) -> None:
    """Move what was counted from today to the day of another moment."""
    Counter.objects.exclude(period="ever").update(begins=date.fromisoformat(moment))


@pytest.mark.parametrize("period", ["ever", "day", "week", "month"])
def test_a_strategy_is_used_so_often_and_then_left_out(
    api: APIClient, live: Make, period: str
) -> None:
    strategy = live(**AUTOMATIC, **limited({"most": "2", "period": period}))

    assert discounts(api, {}, {}, {}) == ["2.00", "2.00", "0.00"]
    assert money(strategy) == (Decimal(0), Decimal(4), 2)
    at("2020-01-01")
    expected = "0.00" if period == "ever" else "2.00"
    assert discounts(api, {}) == [expected]


def test_a_limit_of_money_is_kept_to_the_cent(api: APIClient, live: Make) -> None:
    strategy = live(
        **AUTOMATIC, **limited({"most": "4.99", "of": "money", "period": "week"})
    )

    assert discounts(api, {}, {}, {}, {"lines": ONE_TEA})[:2] == ["2.00", "2.00"]
    assert money(strategy)[1] <= Decimal("4.99")
    assert Counter.objects.get().money == money(strategy)[1]


def test_a_customer_uses_a_strategy_so_often(
    api: APIClient, live: Make, ana: Customer, ben: Customer
) -> None:
    live(**AUTOMATIC, **limited({"most": "1", "per": "customer"}))
    hers, his = {"customer": "ana"}, {"customer": "ben"}

    assert discounts(api, hers, hers, his) == ["2.00", "0.00", "2.00"]


def test_a_person_with_two_ids_is_one_customer(
    api: APIClient, live: Make, ana: Customer
) -> None:
    other = Customer.objects.create(external_id="ana-2")
    linked = events.CustomerAliased(previous=other.key)
    links.apply([(ana.key, linked, timezone.now())])
    live(**AUTOMATIC, **limited({"most": "2", "per": "customer"}))

    got = discounts(api, *({"customer": name} for name in ("ana", "ana-2", "ana")))

    assert got == ["2.00", "2.00", "0.00"]


def test_what_two_ids_used_before_they_were_one_counts_together(
    api: APIClient, live: Make, ana: Customer
) -> None:
    other = Customer.objects.create(external_id="ana-2")
    live(**AUTOMATIC, **limited({"most": "2", "per": "customer"}))
    assert discounts(api, {"customer": "ana"}, {"customer": "ana-2"}) == ["2.00"] * 2

    linked = events.CustomerAliased(previous=other.key)
    links.apply([(ana.key, linked, timezone.now())])

    assert discounts(api, {"customer": "ana"}, {"customer": "ana-2"}) == ["0.00"] * 2


@pytest.mark.parametrize("customer", [None, "nobody-knows"])
def test_a_guest_gets_no_personal_limit_and_no_error(
    api: APIClient, live: Make, customer: str | None
) -> None:
    live(**AUTOMATIC, **limited({"most": "1", "per": "customer"}))

    qualified = api.post(
        "/api/v1/qualifications",
        {"customer": customer, "lines": ONE_TEA},
        format="json",
    )
    held, sold = reserve(api, customer=customer), redeem(api, customer=customer)

    statuses = [qualified.status_code, held.status_code, sold.status_code]
    assert statuses == [200, 201, 201]
    assert sold.json()["discount"] == "0.00"
    assert not Counter.objects.exists()


def test_a_guests_code_of_a_personal_limit_is_refused_with_the_reason(
    api: APIClient, live: Make
) -> None:
    code(live(**BY_CODE, **limited({"most": "1", "per": "customer"})))

    answer = redeem(api, codes=["spring"])

    assert (answer.status_code, answer.json()["code"]) == (422, "offers_do_not_apply")
    assert "customers_only" in answer.json()["detail"]


def test_guests_share_the_limit_of_a_strategy(api: APIClient, live: Make) -> None:
    live(**AUTOMATIC, **limited({"most": "1"}))

    assert discounts(api, {}, {}) == ["2.00", "0.00"]


def test_a_code_is_used_so_often_and_another_is_not_touched(
    api: APIClient, live: Make
) -> None:
    strategy = live(**BY_CODE, **limited({"most": "1", "per": "code"}))
    for text in ("ONE", "TWO"):
        code(strategy, text)

    first, second, other = (redeem(api, codes=[c]) for c in ("one", "one", "two"))

    assert [r.status_code for r in (first, second, other)] == [201, 409, 201]
    assert second.json()["code"] == "limit_reached"


def test_two_codes_of_one_strategy_are_refused_and_one_of_each_is_not(
    api: APIClient, live: Make
) -> None:
    tea, milk = (live(scope=[name], **BY_CODE) for name in ("TEA", "MILK"))
    for strategy, text in ((tea, "ONE"), (tea, "TWO"), (milk, "MILKY")):
        code(strategy, text)
    lines = [*ONE_TEA, {"sku": "milk", "quantity": 5}]

    same = redeem(api, codes=["one", "two"], lines=lines)
    both = redeem(api, codes=["one", "milky"], lines=lines)

    assert (same.status_code, same.json()["code"]) == (422, "code_refused")
    assert len(both.json()["redemptions"]) == 2
    assert money(tea)[2] == money(milk)[2] == 1


def test_a_campaigns_limit_counts_all_its_strategies(
    api: APIClient, live: Make
) -> None:
    june = campaign(limits=[{"most": "2", "per": "strategy"}])
    live(scope=["TEA"], campaign=june, **AUTOMATIC)
    live(scope=["MILK"], campaign=june, **AUTOMATIC)
    milk = [{"sku": "milk", "quantity": 5}]

    got = discounts(api, {"lines": ONE_TEA}, {"lines": milk}, {"lines": milk})

    assert got == ["1.00", "1.00", "0.00"]
    assert {c.subject for c in Counter.objects.all()} == {june.id}


def test_two_strategies_of_a_campaign_share_its_last_use(
    api: APIClient, live: Make
) -> None:
    june = campaign(limits=[{"most": "1"}])
    live(scope=["TEA"], campaign=june, **AUTOMATIC)
    live(scope=["MILK"], campaign=june, **AUTOMATIC)
    both = [*ONE_TEA, {"sku": "milk", "quantity": 5}]

    answer = redeem(api, lines=both)

    assert answer.status_code == 201
    assert len(answer.json()["redemptions"]) == 1
    assert Counter.objects.get().uses == 1


def test_what_a_cart_may_cost_is_also_what_its_campaign_has_left(
    api: APIClient, live: Make, proposed: Make
) -> None:
    strategy = live(**AUTOMATIC)
    Campaign.objects.update(budget=Decimal("3.00"))

    assert discounts(api, {}, {}) == ["2.00", "0.00"]
    assert money(strategy) == (Decimal(0), Decimal(2), 1)


def test_of_a_million_codes_counters_only_the_entered_ones_are_read() -> None:
    with_explain = "EXPLAIN " + counters.READ.replace("%s", "'{}'")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(with_explain)
        plan = "\n".join(row[0] for row in cursor.fetchall())

    assert plan.count("counter_once") + plan.count("counter_customer") == 3, plan


ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC")


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        ("Europe/Berlin", "2026-03-29T00:59:59Z", "2026-03-29"),
        ("Europe/Berlin", "2026-03-29T21:59:59Z", "2026-03-29"),
        ("Europe/Berlin", "2026-03-29T22:00:00Z", "2026-03-30"),
        ("Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25"),
        ("Europe/Berlin", "2026-10-25T22:59:59Z", "2026-10-25"),
        ("Europe/Berlin", "2026-10-25T23:00:00Z", "2026-10-26"),
        ("America/New_York", "2026-11-01T04:30:00Z", "2026-11-01"),
        ("America/New_York", "2026-11-02T04:59:59Z", "2026-11-01"),
    ],
)
def test_a_day_ends_at_midnight_of_the_zone_in_summer_and_winter(
    zone: str, moment: str, day: str
) -> None:
    when = datetime.fromisoformat(moment)

    assert counters.begins("day", when, zone) == date.fromisoformat(day)


@given(
    when=st.datetimes(
        datetime(2020, 1, 1),  # noqa: DTZ001
        datetime(2035, 1, 1),  # noqa: DTZ001
        timezones=st.just(UTC),
    ),
    zone=st.sampled_from(ZONES),
)
def test_periods_hold_each_other(when: datetime, zone: str) -> None:
    day, week, month, ever = (
        counters.begins(period, when, zone)
        for period in ("day", "week", "month", "ever")
    )

    assert ever <= month <= day
    assert 0 <= (day - week).days < 7
    assert (week.weekday(), month.day) == (0, 1)
    assert (day.year, day.month) == (month.year, month.month)
    assert day == when.astimezone(ZoneInfo(zone)).date()


def test_a_limit_is_of_the_campaigns_day_not_of_utc(api: APIClient, live: Make) -> None:
    daily = limited({"most": "9", "period": "day"})
    zones = {"TEA": "Pacific/Kiritimati", "MILK": "Pacific/Niue"}  # 25 hours apart
    for scope, zone in zones.items():
        live(scope=[scope], campaign=campaign(zone=zone), **AUTOMATIC, **daily)

    answer = redeem(api, lines=[*ONE_TEA, {"sku": "milk", "quantity": 5}])

    assert len(answer.json()["redemptions"]) == 2
    earlier, later = sorted(c.begins for c in Counter.objects.all())
    assert 1 <= (later - earlier).days <= 2
