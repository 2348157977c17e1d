from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from analytics import clock, events, store
from catalog import market_feeds
from catalog.market_feeds import DaysListed
from catalog.models import ShopDay
from ml import demand, forecasts, outlook, rolling, tasks
from ml.models import CrossEffect, DemandShare, Elasticity, Forecast
from ml.pooled_quantiles import gamma
from tests.ml.conftest import Sent, key

MONDAY = datetime(2025, 1, 6, tzinfo=UTC)


def sell(weeks: int, *, products: int = 1, a_week: int = 3) -> datetime:
    """Fill the log with one order a day, of all products; return the week after."""
    lines = tuple(
        events.OrderLine(
            sku=f"tea-{n}",
            category="tea",
            quantity=a_week + n,
            paid=Decimal("4.00"),
            shelf_discount=Decimal("1.00"),
        )
        for n in range(products)
    )
    facts = [
        store.Fact(
            event=events.OrderCompleted(order_id=f"{day}", currency="EUR", lines=lines),
            at=MONDAY + timedelta(days=day, hours=9),
            customer=key("ana"),
        )
        for day in range(7 * weeks)
    ]
    store.append_new(facts)
    return MONDAY + timedelta(weeks=weeks)


def test_an_empty_shop_has_no_forecast(db: None) -> None:
    assert outlook.refresh(at=MONDAY) == 0
    assert forecasts.of_products() == forecasts.of_categories() == {}
    assert forecasts.diverted() == {}


@pytest.mark.parametrize("weeks", [1, 3, 30])
def test_one_product_is_expected_to_go_on(db: None, weeks: int) -> None:
    now = sell(weeks)

    assert outlook.refresh(at=now) == 2

    tea = forecasts.of_products(["tea-0", "unknown"])
    assert list(tea) == ["tea-0"]
    assert tea["tea-0"].first == now.date()
    assert tea["tea-0"].units == pytest.approx([21] * forecasts.HORIZON, abs=1.5)
    assert all(
        low <= 21 <= high
        for low, high in zip(tea["tea-0"].low, tea["tea-0"].high, strict=True)
    )
    assert forecasts.of_categories()["tea"].units == pytest.approx(
        tea["tea-0"].units, abs=1.5
    )


def test_a_week_that_is_not_over_is_not_a_week(db: None) -> None:
    now = sell(6)
    late = store.Fact(
        event=events.OrderCompleted(order_id="x", currency="EUR", lines=()),
        at=now + timedelta(days=1),
        customer=key("ana"),
    )
    store.append_new([late])

    outlook.refresh(at=now + timedelta(days=2))

    tea = forecasts.of_products()["tea-0"]
    assert tea.first == now.date()
    assert tea.units[0] == pytest.approx(21, abs=1)


def test_products_beyond_the_best_sellers_share_their_category(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outlook, "OWN", 2)
    now = sell(10, products=4)

    outlook.refresh(at=now)

    assert Forecast.objects.filter(level="product").count() == 2
    assert DemandShare.objects.count() == 2
    found = forecasts.of_products()
    assert len(found) == 4
    units = {sku: sum(one.units) for sku, one in found.items()}
    assert sum(units.values()) == pytest.approx(
        sum(forecasts.of_categories()["tea"].units), rel=0.1
    )
    shared = [one for one in found.values() if one.method == "share"]
    assert all(one.low[0] < one.units[0] < one.high[0] for one in shared)


def test_again_on_the_same_log_changes_nothing(db: None) -> None:
    now = sell(20, products=2)
    told = []
    for _ in range(2):
        outlook.refresh(at=now)
        told.append((forecasts.of_products(), forecasts.of_categories()))

    assert told[0] == told[1]


def test_it_is_made_after_elasticities(db: None, sent: Sent) -> None:
    now = sell(20)
    Elasticity.objects.create(
        category="tea", value=-2, low=-3, high=-1, weeks=20, computed_at=now
    )

    tasks.forecast()

    tea = forecasts.of_categories()["tea"]
    assert tea.elasticity == -2
    assert tea.elasticity_error == pytest.approx(2 / (2 * demand.Z95))
    # All was sold at 4 for 5: with an elasticity of -2 that is 36 % less undiscounted.
    assert tea.undiscounted == pytest.approx(0.64)
    tasks.measure_demand()
    assert sent[-1][0] == "ml.tasks.forecast"


def test_holidays_turns_of_the_month_and_own_days_are_in_the_calendar(
    db: None, settings: Any
) -> None:
    settings.HOLIDAYS_OF = "US"
    days = (date(2025, 12, 22), date(2026, 1, 1))
    ShopDay.objects.create(
        key="s", name="School", kind="school_holidays", first=days[0], last=days[1]
    )

    rows = outlook.calendar(date(2025, 12, 15), 3)

    # Weeks of 15, 22 (Christmas) and 29 December (New Year, and four first days).
    assert rows[:, :3].tolist() == [[0, 0, 1], [0, 1, 1], [4 / 7, 1, 0]]
    assert rows[:, 3].tolist() == [0, 1, 4 / 7]
    assert not rows[:, 4:].any()


def test_the_coming_days_are_counted_with_their_doubts() -> None:
    units, low, high = [70.0, 70.0], [50.0, 50.0], [90.0, 90.0]

    week, error = forecasts.cover(units, low, high, 7)
    month, wide = forecasts.cover(units, low, high, 28)

    assert week == 70
    assert error == pytest.approx(20 / forecasts.Z80)
    assert month == 280
    assert 2 * error < wide < 4 * error
    assert forecasts.cover(units, low, high, 3.5)[0] == 35
    assert forecasts.cover([], [], [], 7) == (0, 0)
    # What sells now and then varies, though its interval is of nothing.
    assert forecasts.cover([0.04], [0.0], [0.0], 7)[1] == pytest.approx(0.2)


def test_a_lower_price_sells_more() -> None:
    assert forecasts.at_price(10, -2, price=4, new=2) == pytest.approx(40)
    assert forecasts.at_price(10, -2, price=4, new=4) == 10
    with pytest.raises(ValueError, match="positive"):
        forecasts.at_price(10, -2, price=0, new=1)


def test_tables_refuse_what_cannot_be(db: None) -> None:
    from django.db import IntegrityError, transaction

    wrong = [
        DemandShare(sku="a", category="tea", share=1.2, spread=1),
        DemandShare(sku="a", category="tea", share=0.2, spread=0.5),
        CrossEffect(
            category="a", diverted=0, low=1, high=2, weeks=9, computed_at=MONDAY
        ),
    ]
    for row in wrong:
        with pytest.raises(IntegrityError), transaction.atomic():
            row.save(force_insert=True)


def test_the_gamma_s_quantiles_are_near_exact_ones() -> None:
    mean, variance = np.array([20.0]), np.array([40.0])

    ends = [gamma(mean, variance, z)[0] for z in (-1.2816, 0, 1.2816)]

    assert ends == pytest.approx([12.4, 19.3, 28.4], abs=0.2)


def test_weeks_stay_where_they_were_though_nothing_was_sold_in_the_newest(
    db: None,
) -> None:
    """Shops that close in summer: three weeks without an order are weeks too."""
    now = sell(30)
    line = events.OrderLine(sku="tea-0", category="tea", quantity=3, paid=Decimal(4))
    free = line, events.OrderLine(sku="x", category="x", quantity=1, paid=Decimal(1))
    for order, at in ((free, now + timedelta(days=21)), ((line,), now)):
        told = events.OrderCompleted(order_id=f"o{at}", currency="EUR", lines=order)
        fact = store.Fact(event=told, at=at, customer=key("ana"))
        store.append_new([fact])

    outlook.refresh(at=now + timedelta(days=21 + 22))

    row = Forecast.objects.get(level="category", key="tea")
    weeks = (row.first - MONDAY.date()).days // 7
    assert len(row.history) == weeks
    # 30 weeks of sales, one order, two weeks of nothing, one order, and nothing since.
    assert row.history[29:34] == [21, 3, 0, 0, 3]
    assert row.history[34:] == [0] * (weeks - 34)
    assert weeks > 34


def test_a_shop_without_categories_has_forecasts_of_products(db: None) -> None:
    line = events.OrderLine(sku="tea", category="", quantity=2, paid=Decimal(4))
    store.append_new(
        [
            store.Fact(
                event=events.OrderCompleted(
                    order_id=str(day), currency="EUR", lines=(line,)
                ),
                at=MONDAY + timedelta(days=day),
                customer=key("ana"),
            )
            for day in range(140)
        ]
    )

    assert outlook.refresh(at=MONDAY + timedelta(weeks=20)) == 1

    assert forecasts.of_products(["tea"])["tea"].units[0] == pytest.approx(14, abs=1)
    assert forecasts.of_categories() == {}


def test_trials_on_past_weeks_know_the_calendar_as_it_was_known_then(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = sell(30)
    fair = MONDAY.date() + timedelta(weeks=24)
    early = DaysListed(key="early", name="Early", first=fair)
    late = DaysListed(key="late", name="Late", first=fair, kind="pay_day")
    for days, at in ((early, now - timedelta(weeks=12)), (late, now)):
        monkeypatch.setattr(clock, "now", lambda at=at: at)
        market_feeds.take_days([days], at=at)
    monkeypatch.undo()
    panels: list[Any] = []
    made = rolling.outlook

    def seen(given: Any, ahead: int) -> Any:
        panels.append(given)
        return made(given, ahead)

    monkeypatch.setattr(rolling, "outlook", seen)
    outlook.refresh(at=now)

    given = panels[0]
    # Columns: pay days of months, holidays twice, then kinds in their order.
    kinds = [kind for kind in ShopDay.Kind.values if kind != "holiday"]
    event, pay = 3 + kinds.index("event"), 3 + kinds.index("pay_day")
    assert given.calendar[24, event] > 0
    assert given.calendar[24, pay] > 0
    assert given.until(26).calendar[24, event] > 0  # told in week 18
    assert given.until(26).calendar[24, pay] == 0
    assert sorted(given.known) == sorted(rolling.origins_of(30))
