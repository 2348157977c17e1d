"""Market features: learnt from the past alone, kept only if they earn it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from analytics import events, store
from catalog.models import Product
from ml import features, market, market_groups, market_trials
from ml.market import HORIZON, PAST, Signal
from ml.purchases import Purchases
from ml.splits import Plan, Split, Splits

CUT = datetime(2026, 6, 1, tzinfo=UTC)
DAY = 20_000.0


def sold(*rows: tuple[float, int, int]) -> Purchases:
    """Return lines of (day, order, category)."""
    days, orders, categories = zip(*rows, strict=True)
    size = len(rows)
    money: dict[str, Any] = dict.fromkeys(
        ("quantity", "paid", "shelf_discount", "coupon_discount"), np.ones(size)
    )
    return Purchases(
        customer=np.zeros(size, np.int32),
        order=np.array(orders, np.int64),
        day=np.array(days, float),
        product=np.zeros(size, np.int32),
        category=np.array(categories, np.int32),
        until=np.full(size, np.inf),
        **money,
    )


def test_orders_are_counted_by_day_once_each_and_none_from_the_day_on() -> None:
    past = sold(
        (DAY - 1.5, 1, 0),
        (DAY - 1.5, 1, 0),  # two lines of one order
        (DAY - 0.5, 2, 0),
        (DAY - 0.5, 2, 1),
        (DAY + 0.5, 3, 0),
        (DAY - 0.2, 4, -1),
    )

    counts = market.daily(past, day=DAY, categories=2)

    assert counts.tolist() == [[1, 1], [0, 1]]


def counts(lift: float, signal: np.ndarray, rate: float = 40.0) -> np.ndarray:
    rng = np.random.default_rng(4)
    usual = rate * (1 + 0.3 * (np.arange(len(signal)) % 7 == 5))
    calm, moved = usual, usual * np.exp(lift * signal)
    return np.stack([rng.poisson(calm), rng.poisson(moved)]).astype(float)


def test_an_answer_is_found_where_there_is_one_and_not_where_there_is_none() -> None:
    signal = (np.arange(PAST) % 29 < 4).astype(float)

    calm, moved = market.answers(counts(0.4, signal), signal, last_weekday=0)

    assert moved == pytest.approx(0.4, abs=0.08)
    assert abs(calm) < 0.08


def test_weekdays_alone_are_no_answer() -> None:
    """Sundays sell more; a signal that falls on Sundays does not explain that."""
    signal = np.zeros(PAST)
    signal[5::28] = 1

    calm, _ = market.answers(counts(0.0, signal), signal, last_weekday=2)

    assert abs(calm) < 0.1


@given(st.integers(0, 6), st.floats(-3, 3))
def test_a_signal_that_stays_as_it_was_foretells_nothing(
    weekday: int, level: float
) -> None:
    past = np.random.default_rng(1).normal(level, 1, PAST)
    same = Signal(past=past, ahead=np.full(HORIZON, past.mean()))

    found = market.foretold(counts(0.3, past * 0.1), same, last_weekday=weekday)

    assert np.allclose(found, 0, atol=1e-9)


def test_with_a_few_days_nothing_is_learnt() -> None:
    signal = np.ones(20)
    signal[3] = 0

    assert not market.answers(counts(0.5, signal), signal, last_weekday=0).any()


def planted(effect: float, seed: int = 0) -> tuple[Splits, dict[datetime, Any]]:
    """Return rows whose chance moves with a hidden value of category and cut-off."""
    rng = np.random.default_rng(seed)
    cuts = tuple(CUT + timedelta(days=28 * n) for n in range(8))
    plan = Plan(since=CUT, cuts=cuts, as_of=cuts[-1] + timedelta(days=28))
    width, rows, hidden = len(features.COLUMNS), {}, {}
    for cut in cuts:
        hidden[cut] = rng.normal(0, 1, (20, 1))
        x = rng.normal(0, 1, (20_000, width)).astype(np.float32)
        x[:, 0], x[:, 1] = np.repeat(np.arange(1000), 20), np.tile(np.arange(20), 1000)
        known = x[:, 5] + effect * hidden[cut][x[:, 1].astype(int), 0] - 1
        y = rng.random(20_000) < 1 / (1 + np.exp(-known))
        rows[cut] = Split(x=x, y=y.astype(np.int8))
    return Splits(plan=plan, rows=rows), hidden


def test_what_moves_purchases_stays_and_what_does_not_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(market_trials, "LEARNERS", ("logistic",))
    parts, hidden = planted(0.6)
    rng = np.random.default_rng(9)
    noise = {cut: rng.normal(0, 1, 20) for cut in parts.rows}
    told = {cut: values[:, 0] for cut, values in hidden.items()}

    useful, useless = market_trials.tabled(
        parts, {"weather": {"series_rain": told}, "noise": {"noise": noise}}, seed=0
    )

    assert (useful["verdict"], useless["verdict"]) == ("stays", "left out")
    assert useful["gain ×1000"] > 2 * useful["error ×1000"] > 0
    assert useful["cut-offs"] == 3
    assert useful["log-loss"] > useful["with it"]


def test_rows_get_their_categorys_columns_and_the_old_ones_stay() -> None:
    parts, hidden = planted(0.0)

    wide = market.widened(parts, ["rain"], hidden)

    part, old = wide.rows[CUT], parts.rows[CUT]
    assert wide.columns == (*parts.columns, "rain")
    assert (part.x[:, :-1] == old.x).all()
    expected = hidden[CUT][old.category.astype(int), 0].astype(np.float32)
    assert (part.x[:, -1] == expected).all()
    assert replace(wide, rows={}).columns == wide.columns


def test_signals_are_as_they_were_known_at_the_cut_off(db: None) -> None:
    now = timezone.now()
    cut = now - timedelta(days=1)
    monday = (now - timedelta(days=20)).date()
    fair = events.CalendarChanged(
        key="fair", name="Fair", kind="event", first=monday, last=monday
    )
    rain: dict[date, float | None] = {
        monday + timedelta(days=n): float(n % 3) for n in range(15)
    }
    store.append_new([store.Fact(event=fair, at=now)])
    store.append_new(
        [store.Fact(event=events.SeriesReported(series="rain", values=rain), at=now)]
    )

    early = market_groups.signals(cut)
    late = market_groups.signals(timezone.now())

    assert "shop days" not in early
    assert list(late["shop days"]) == ["shop_event"]
    assert late["shop days"]["shop_event"].past.sum() == 1
    assert early["holidays"]["holidays"].past.sum() > 20


def test_holidays_are_looked_up_where_the_orders_were() -> None:
    usual = market_groups._holidays(CUT.date(), CUT.date() + timedelta(days=60), 0)
    moved = market_groups._holidays(
        CUT.date() + timedelta(days=140), CUT.date() + timedelta(days=200), 140
    )

    assert [day + timedelta(days=140) for day in usual] == moved


def test_prices_beside_competitors_are_as_known_at_the_cut_off(db: None) -> None:
    at = timezone.now()
    Product.objects.create(
        sku="tea", name="Tea", category="TEA", currency="USD", price=Decimal(10)
    )

    def says(*facts: events.Event) -> None:
        store.append_new([store.Fact(event=one, at=at) for one in facts])

    says(events.PriceChanged(sku="tea", price=Decimal(10), currency="USD"))
    says(
        events.CompetitorPriceChanged(
            competitor="other", product="t1", price=Decimal(8), currency="USD"
        ),
        events.CompetitorMatched(
            competitor="other", product="t1", sku="tea", state="confirmed"
        ),
    )

    before = market_groups.prices(at - timedelta(days=1), ["TEA", "MILK"])
    after = market_groups.prices(timezone.now(), ["TEA", "MILK"])

    assert before is None
    assert after is not None
    assert after[0].tolist() == [pytest.approx(np.log(10 / 8)), 1.0]
    assert after[1].tolist() == [0.0, 0.0]


def test_a_late_price_and_one_of_another_money_are_not_what_is_asked_now(
    db: None,
) -> None:
    at = timezone.now() - timedelta(days=2)
    Product.objects.create(
        sku="tea", name="Tea", category="TEA", currency="USD", price=Decimal(10)
    )

    def asks(price: int, when: datetime, **more: Any) -> store.Fact:
        told: dict[str, Any] = {"competitor": "other", "product": "t1"}
        told |= {"currency": "USD"} | more
        event = events.CompetitorPriceChanged(price=Decimal(price), **told)
        return store.Fact(event=event, at=when)

    def same(product: str) -> store.Fact:
        event = events.CompetitorMatched(
            competitor="other", product=product, sku="tea", state="confirmed"
        )
        return store.Fact(event=event, at=at)

    ours = events.PriceChanged(sku="tea", price=Decimal(10), currency="USD")
    store.append_new([store.Fact(event=ours, at=at)])
    store.append_new([same("t1"), same("yen"), asks(8, at)])
    store.append_new([asks(5, at - timedelta(days=30))])  # it came late
    store.append_new([asks(1, at, product="yen", currency="JPY")])

    found = market_groups.prices(timezone.now(), ["TEA"])

    assert found is not None
    assert found[0].tolist() == [pytest.approx(np.log(10 / 8)), 1.0]


def test_all_series_are_read_from_the_log_at_once(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    for n in range(5):
        values: dict[date, float | None] = {
            (now - timedelta(days=day)).date(): float(day) for day in range(30)
        }
        event = events.SeriesReported(series=f"s{n}", values=values)
        store.append_new([store.Fact(event=event, at=now)])
    asked: list[Any] = []
    read = store.read

    def counted(**how: Any) -> Any:
        asked.append(how.get("types"))
        return read(**how)

    monkeypatch.setattr(store, "read", counted)

    found = market_groups.signals(timezone.now())

    assert list(found["series"]) == [f"series_s{n}" for n in range(5)]
    assert asked.count(["series_reported"]) == 1
