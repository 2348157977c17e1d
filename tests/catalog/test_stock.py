"""How long stock lasts, and what to order: beside the textbooks' tables."""

from statistics import NormalDist, fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import demanded, stock
from catalog.demanded import Expected
from catalog.stock import Held, Outlook, Policy, State

USUAL = Policy(
    service_level=0.95, target_days=28, over_days=91, review_days=7, lead_days=7
)


def even(weekly: float, deviation: float = 0.0, extra: float = 0.0) -> Outlook:
    """So many units a week, with independent weeks; `extra` on top of any time."""

    def over(days: float) -> Expected:
        mean, spread = weekly * days / 7, deviation * (days / 7) ** 0.5
        return demanded.more(Expected(mean=mean, deviation=spread), extra)

    return Outlook(weekly=(weekly,), over=over)


@pytest.mark.parametrize(
    ("k", "loss"),
    [(0.0, 0.3989), (0.5, 0.1978), (1.0, 0.0833), (1.28, 0.0475), (2.0, 0.0085)],
)
def test_the_unit_normal_loss_is_the_tables(k: float, loss: float) -> None:
    """Silver, Pyke and Thomas 2017, appendix: G_u(k)."""
    assert demanded.unit_loss(k) == pytest.approx(loss, abs=5e-5)


def test_an_order_point_is_the_lead_time_s_demand_and_k_deviations() -> None:
    """Mean 58.3, deviation 13.1, P₁ = 0.90: k = 1.28, safety 16.8, so 76 units."""
    assert demanded.quantile(Expected(mean=58.3, deviation=13.1), 0.90) == 76


@pytest.mark.parametrize(
    ("mean", "level", "units"),
    # Cumulative Poisson tables: P(≤ 5 | 2) = 0.9834, P(≤ 4 | 2) = 0.9473.
    [(2.0, 0.95, 5), (2.0, 0.94, 4), (0.8, 0.95, 2), (5.0, 0.95, 9), (0.1, 0.9, 0)],
)
def test_slow_movers_are_poisson(mean: float, level: float, units: int) -> None:
    assert demanded.quantile(Expected(mean=mean, deviation=mean**0.5), level) == units


def test_what_varies_more_is_negative_binomial() -> None:
    # r = 2, p = 1/2: P(0, 1, 2, …) = 1/4, 1/4, 3/16, …
    lumpy = Expected(mean=2.0, deviation=2.0)
    assert demanded.chance_above(lumpy, 0) == pytest.approx(0.75)
    assert demanded.chance_above(lumpy, 1) == pytest.approx(0.5)
    assert demanded.chance_above(lumpy, 2) == pytest.approx(0.3125)
    assert demanded.left(lumpy, 1) == pytest.approx(0.25)


@given(st.floats(0, 60), st.floats(0, 30), st.integers(0, 100), st.floats(0.5, 0.99))
def test_chances_and_losses_agree(
    mean: float, deviation: float, units: int, level: float
) -> None:
    expected = Expected(mean=mean, deviation=deviation)
    assert 0 <= demanded.chance_above(expected, units) <= 1
    assert 0 <= demanded.left(expected, units) <= units
    # Demand that is cut off at 0 is more than its normal's mean.
    asked = demanded.shortfall(expected, 0)
    assert asked >= mean - 1e-6
    assert demanded.left(expected, units) >= max(0.0, units - asked) - 1e-6
    assert demanded.shortfall(expected, units) <= asked + 1e-6
    assert demanded.left(expected, units + 1) >= demanded.left(expected, units) - 1e-9
    assert demanded.shortfall(expected, units) >= -1e-6
    enough = demanded.quantile(expected, level)
    assert demanded.chance_above(expected, enough) <= 1 - level + 1e-9
    assert demanded.quantile(expected, 0.99) >= enough


@pytest.mark.parametrize(("mean", "deviation"), [(30, 80), (3e4, 4e5), (10, 10)])
def test_no_more_is_left_than_there_is(mean: float, deviation: float) -> None:
    """Against 100,001 quantiles of the normal, cut off at 0."""
    wide = Expected(mean=mean, deviation=deviation)
    normal = NormalDist(mean, deviation)
    draws = [max(0.0, normal.inv_cdf((n + 0.5) / 1e5)) for n in range(100_000)]
    left = fmean(max(0.0, 17 - one) for one in draws)
    short = fmean(max(0.0, one - 17) for one in draws)
    assert demanded.left(wide, 17) == pytest.approx(left, rel=0.01)
    assert demanded.left(wide, 17) < 17
    assert demanded.shortfall(wide, 17) == pytest.approx(short, rel=0.01)


def test_cover_is_when_as_much_as_there_is_has_sold() -> None:
    assert stock.days_of_cover(20, [10]) == pytest.approx(14)
    assert stock.days_of_cover(20, [5, 30]) == pytest.approx(10.5)
    assert stock.days_of_cover(0, [10]) == 0
    assert stock.days_of_cover(5, [0]) == stock.LONGEST
    assert stock.days_of_cover(5, [0, 0, 5]) == pytest.approx(21)


@pytest.mark.parametrize(
    ("held", "state"),
    [
        (Held(units=0), State.OUT),
        (Held(units=8), State.SHORT),
        (Held(units=8, incoming=40), State.FINE),
        (Held(units=8, incoming=40, incoming_in=20), State.SHORT),
        (Held(units=40), State.FINE),
        (Held(units=200), State.OVER),
        (Held(units=40, expires_in=7), State.EXPIRING),
        (Held(units=40, expires_in=7, expiring=5), State.FINE),
        (Held(units=40, expires_in=2), State.EXPIRING),
        (Held(units=40, expires_in=0), State.EXPIRING),
        (Held(units=40, expires_in=2, incoming=60), State.EXPIRING),
        (Held(units=8, expires_in=2), State.SHORT),
    ],
)
def test_the_gravest_is_said(held: Held, state: State) -> None:
    assert stock.standing(held, even(10, 3.5), USUAL).state == state


def test_without_a_forecast_nothing_is_guessed() -> None:
    told = stock.standing(Held(units=5), None, USUAL)
    assert (told.state, told.cover, told.order) == (State.UNKNOWN, None, 0)


def test_an_order_is_in_packs_up_to_the_target_and_not_before_its_point() -> None:
    # 14 days: 20 units and 1.645 · 4.95 = 8.1; the point is 29.
    told = stock.standing(Held(units=20, pack=12), even(10, 3.5), USUAL)
    assert (told.reorder_point, told.safety) == (29, 9)
    # Up to 35 days' 50 units and the 9: 39 are missing, 48 in packs.
    assert told.order == 48
    assert stock.standing(Held(units=30, pack=12), even(10, 3.5), USUAL).order == 0
    coming = Held(units=20, incoming=12, pack=12)
    assert stock.standing(coming, even(10, 3.5), USUAL).order == 0


def test_what_expires_before_it_can_sell_is_no_stock() -> None:
    """77 a week, four weeks of stock: of what is gone in two days, 22 can be sold."""
    lasting = stock.standing(Held(units=308), even(77, 15), USUAL)
    assert lasting.cover == pytest.approx(28)
    assert (lasting.chance_out < 0.01, lasting.order) == (True, 0)
    going = stock.standing(Held(units=308, expires_in=2), even(77, 15), USUAL)
    assert going.cover == pytest.approx(2)
    assert going.chance_out > 0.99
    # As much is ordered as if only those were there.
    few = stock.standing(Held(units=22), even(77, 15), USUAL)
    assert going.order == few.order > 300
    gone = stock.standing(Held(units=43, expires_in=0), even(11, 3), USUAL)
    none = stock.standing(Held(units=0), even(11, 3), USUAL)
    assert gone.cover == 0
    assert gone.chance_out == pytest.approx(none.chance_out)
    assert gone.order == none.order > 0
    assert gone.unsold == 43


def test_what_does_not_expire_is_stock_beside_what_does() -> None:
    part = Held(units=308, expires_in=2, expiring=100)
    told = stock.standing(part, even(77, 15), USUAL)
    assert told.cover == pytest.approx(7 * (208 + 22) / 77)
    assert told.chance_out < 0.01
    assert told.order == 0


def test_what_will_be_lost_by_its_day_is_not_too_much_of_it() -> None:
    """10 a week, 130 in 13 weeks: of 300, 250 go in four weeks, of which 40 sell."""
    too_much = stock.standing(Held(units=300), even(10, 1), USUAL)
    assert (too_much.over, too_much.state) == (170, State.OVER)
    lost = Held(units=300, expires_in=28, expiring=250)
    told = stock.standing(lost, even(10, 1), USUAL)
    assert told.over == 0
    assert told.chance_over == pytest.approx(0, abs=1e-6)
    assert told.unsold == pytest.approx(210, abs=1)
    rest = stock.standing(
        Held(units=300, expires_in=28, expiring=50), even(10, 1), USUAL
    )
    assert rest.over == 250 + 40 - 130


def test_what_expires_when_an_order_of_next_time_is_there_needs_none_yet() -> None:
    later = Held(units=300, expires_in=USUAL.protected)
    assert stock.standing(later, even(77, 15), USUAL).order == 0


def test_promotions_need_more() -> None:
    plain = stock.standing(Held(units=25), even(10, 3.5), USUAL)
    more = stock.standing(Held(units=25), even(10, 3.5, extra=30), USUAL)
    assert plain.state == State.FINE
    assert more.state == State.SHORT
    assert more.order >= plain.order + 30


@given(
    units=st.integers(0, 400),
    weekly=st.floats(0.1, 80),
    spread=st.floats(0, 2),
    level=st.floats(0.6, 0.99),
    pack=st.integers(1, 24),
)
def test_no_shortage_is_invented_and_none_is_missed(
    units: int, weekly: float, spread: float, level: float, pack: int
) -> None:
    policy = Policy(
        service_level=level, target_days=28, over_days=91, review_days=7, lead_days=7
    )
    outlook = even(weekly, spread * weekly)
    told = stock.standing(Held(units=units, pack=pack), outlook, policy)
    enough = demanded.quantile(outlook.over(policy.lead_days), level)
    assert (told.state in (State.SHORT, State.OUT)) == (units < enough or not units)
    assert told.order % pack == 0
    assert told.order == 0 or units <= told.reorder_point
    if told.order:
        assert units + told.order >= told.reorder_point
