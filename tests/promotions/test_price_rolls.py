"""Price changes go into force and out of it, whole, and a feed's word counts."""

import contextlib
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics import clock, events, store
from catalog import feeds, history
from catalog.feeds import Listed
from catalog.models import PriceHold, PricePoint, PricingRule, Product, ShownPrice
from promotions import alerts, approval, errands, price_lines, price_rolls
from promotions.models import PriceLine, Strategy
from promotions.price_lines import Change, Expected, Line
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
EARLIER = NOW - 60 * DAY
State = PriceLine.State


def listed(price: str | None = "10.00", sku: str = "tea", **more: Any) -> Listed:
    return Listed(
        sku=sku,
        name=sku,
        category="hot",
        currency="USD",
        price=None if price is None else Decimal(price),
        **more,
    )


def feed(*products: Listed, at: datetime) -> None:
    feeds.take(products, at=at)


def line(
    price: str,
    was: str = "10.00",
    sku: str = "tea",
    starts: datetime = NOW,
    ends: datetime | None = NOW + 7 * DAY,
) -> Line:
    return Line(
        sku=sku, price=Decimal(price), was=Decimal(was), starts_at=starts, ends_at=ends
    )


def proposed(*lines: Line, at: datetime = NOW - DAY) -> Strategy:
    change = Change(
        title="Cheaper tea", reason="It pays.", lines=lines, margin=5, low=1, high=9
    )
    return price_lines.propose(change, by="platform", at=at)


def live(*lines: Line, at: datetime = NOW) -> Strategy:
    strategy = proposed(*lines)
    approval.approve(strategy.id, by="olga", comment="Yes.", at=at)
    return strategy


def price(sku: str = "tea") -> str:
    return f"{Product.objects.get(sku=sku).price:.2f}"


def states(strategy: Strategy) -> list[str]:
    rows = strategy.price_lines.order_by("sku", "starts_at")
    return list(rows.values_list("state", flat=True))


@pytest.fixture(autouse=True)
def shelf(db: None) -> None:
    feed(listed(), listed("2.00", sku="milk"), at=EARLIER)


def changes() -> list[events.PriceChanged]:
    found = store.read(until=store.high_water(), types=["price_changed"])
    return [one.event for one in found]  # type: ignore[misc]


def test_nothing_changes_before_somebody_approves() -> None:
    strategy = proposed(line("8.99"))
    price_rolls.roll(at=NOW)

    assert price() == "10.00"
    assert states(strategy) == [State.PROPOSED]


def test_what_begins_now_is_in_force_with_the_approval() -> None:
    strategy = live(line("8.99"))

    assert price() == "8.99"
    assert states(strategy) == [State.RUNNING]
    assert changes()[-1].strategy == strategy.id
    assert Product.objects.get(sku="tea").listed_price == 10


def test_what_begins_later_is_rolled_out_and_back_on_time() -> None:
    strategy = live(line("8.99", starts=NOW + DAY, ends=NOW + 2 * DAY))
    assert (price(), states(strategy)) == ("10.00", [State.PLANNED])

    price_rolls.roll(at=NOW + DAY)
    assert (price(), states(strategy)) == ("8.99", [State.RUNNING])

    price_rolls.roll(at=NOW + 2 * DAY - timedelta(seconds=1))
    assert price() == "8.99"

    price_rolls.roll(at=NOW + 2 * DAY)
    assert (price(), states(strategy)) == ("10.00", [State.OVER])
    assert [one.price for one in changes()[-2:]] == [Decimal("8.99"), 10]


def test_to_roll_twice_changes_nothing() -> None:
    live(line("8.99"))
    before = len(changes())

    assert price_rolls.roll(at=NOW) == 0
    assert len(changes()) == before


def test_who_was_away_catches_up_past_what_began_and_ended() -> None:
    strategy = live(
        line("8.99", starts=NOW + DAY, ends=NOW + 2 * DAY),
        line("7.99", was="8.99", starts=NOW + 2 * DAY, ends=NOW + 3 * DAY),
    )
    price_rolls.roll(at=NOW + 2 * DAY)

    assert (price(), states(strategy)) == ("7.99", [State.OVER, State.RUNNING])


def test_a_path_goes_down_step_by_step_and_back_to_where_it_began() -> None:
    live(
        line("8.99", ends=NOW + DAY),
        line("7.99", was="8.99", starts=NOW + DAY, ends=NOW + 2 * DAY),
    )
    seen = [price()]
    for days in (1, 2):
        price_rolls.roll(at=NOW + days * DAY)
        seen.append(price())

    assert seen == ["8.99", "7.99", "10.00"]
    assert [one.price for one in changes()[-3:]] == [
        Decimal("8.99"),
        Decimal("7.99"),
        Decimal(10),
    ]


def test_a_pause_rolls_back_and_resuming_rolls_out_again() -> None:
    strategy = live(line("8.99"))
    approval.pause(strategy.id, by="olga", comment="Wait.", at=NOW + DAY)
    assert (price(), states(strategy)) == ("10.00", [State.PLANNED])

    approval.resume(strategy.id, by="olga", comment="Go on.", at=NOW + 2 * DAY)
    assert (price(), states(strategy)) == ("8.99", [State.RUNNING])

    approval.end(strategy.id, by="olga", comment="Enough.", at=NOW + 3 * DAY)
    assert (price(), states(strategy)) == ("10.00", [State.OVER])


def test_a_price_without_end_stays_when_its_campaign_is_over() -> None:
    strategy = live(line("8.99", ends=None))
    price_rolls.roll(at=NOW + 40 * DAY)

    assert (price(), states(strategy)) == ("8.99", [State.OVER])


def test_a_price_that_stays_is_not_undone_by_a_list_that_goes_on_as_it_was() -> None:
    live(line("8.99", ends=None))
    price_rolls.roll(at=NOW + 28 * DAY)
    for day in (29, 35, 60):
        feed(listed("10.00"), at=NOW + day * DAY)
        clean(NOW + day * DAY)
        assert price() == "8.99"

    # Neither by the end of a change that comes over it.
    live(line("7.99", was="8.99", starts=NOW + 61 * DAY, ends=NOW + 63 * DAY))
    price_rolls.roll(at=NOW + 61 * DAY)
    feed(listed("10.00"), at=NOW + 62 * DAY)
    assert price() == "7.99"
    price_rolls.roll(at=NOW + 63 * DAY)
    feed(listed("10.00"), at=NOW + 70 * DAY)
    assert price() == "8.99"


def test_what_a_feed_has_taken_over_is_the_feeds_again() -> None:
    live(line("8.99", ends=None))
    price_rolls.roll(at=NOW + 28 * DAY)
    feed(listed("8.99"), at=NOW + 40 * DAY)
    clean(NOW + 40 * DAY)
    assert not PriceHold.objects.exists()

    feed(listed("10.00"), at=NOW + 41 * DAY)
    assert price() == "10.00"


def test_a_third_price_ends_what_stays() -> None:
    live(line("8.99", ends=None))
    price_rolls.roll(at=NOW + 28 * DAY)
    feed(listed("9.50"), at=NOW + 29 * DAY)
    feed(listed("10.00"), at=NOW + 30 * DAY)
    assert price() == "10.00"


def clean(at: datetime) -> None:
    """Run the errand of prices."""
    with patch.object(clock, "now", lambda: at):
        errands.roll_prices()


def test_a_paused_price_without_end_is_over_with_its_campaign() -> None:
    strategy = live(line("8.99", ends=None))
    approval.pause(strategy.id, by="olga", comment="Wait.", at=NOW + DAY)
    price_rolls.roll(at=NOW + 27 * DAY)
    assert states(strategy) == [State.PLANNED]

    price_rolls.roll(at=NOW + 28 * DAY)
    assert (price(), states(strategy)) == ("10.00", [State.OVER])
    assert price_rolls.due(at=NOW + 29 * DAY) == []


@pytest.mark.parametrize("said", ["8.99", "10.00"])
def test_a_feed_that_repeats_our_price_or_its_own_changes_nothing(said: str) -> None:
    strategy = live(line("8.99"))
    feed(listed(said), at=NOW + DAY)
    price_rolls.roll(at=NOW + DAY)

    assert (price(), states(strategy)) == ("8.99", [State.RUNNING])
    # An echo is no list of the shop's: what may be asked above it would creep up.
    assert Product.objects.get(sku="tea").listed_price == 10


def test_a_feed_with_a_third_price_wins() -> None:
    strategy = live(line("8.99"))
    feed(listed("9.50"), at=NOW + DAY)
    price_rolls.roll(at=NOW + DAY)
    assert (price(), states(strategy)) == ("9.50", [State.OVERRULED])

    price_rolls.roll(at=NOW + 7 * DAY)
    approval.end(strategy.id, by="olga", comment="Over.", at=NOW + 8 * DAY)
    assert price() == "9.50"


def test_a_product_taken_off_sale_overrules_us() -> None:
    strategy = live(line("8.99"))
    feed(listed(None), at=NOW + DAY)
    price_rolls.roll(at=NOW + DAY)

    assert Product.objects.get(sku="tea").price is None
    assert states(strategy) == [State.OVERRULED]


def test_what_overrules_a_step_overrules_the_rest_of_its_path() -> None:
    strategy = live(
        line("8.99", ends=NOW + 2 * DAY),
        line("7.99", was="8.99", starts=NOW + 2 * DAY),
    )
    feed(listed("9.50"), at=NOW + DAY)
    price_rolls.roll(at=NOW + 2 * DAY)

    assert (price(), states(strategy)) == ("9.50", [State.OVERRULED] * 2)


def test_a_price_that_changed_before_its_line_began_overrules_it() -> None:
    strategy = live(line("8.99", starts=NOW + DAY))
    feed(listed("12.00"), at=NOW)
    price_rolls.roll(at=NOW + DAY)

    assert (price(), states(strategy)) == ("12.00", [State.OVERRULED])


def test_a_late_echo_of_our_price_does_not_bring_it_back() -> None:
    live(line("8.99", ends=NOW + DAY))
    price_rolls.roll(at=NOW + DAY)
    feed(listed("8.99"), at=NOW + DAY + timedelta(hours=3))
    assert price() == "10.00"

    feed(listed("8.99"), at=NOW + 4 * DAY)
    assert price() == "8.99"


def test_what_looked_like_an_echo_counts_if_nothing_else_comes() -> None:
    live(line("8.99", ends=NOW + DAY))
    price_rolls.roll(at=NOW + DAY)
    feed(listed("8.99"), at=NOW + DAY + timedelta(hours=3))
    clean(NOW + 2 * DAY)
    assert price() == "10.00"

    clean(NOW + 4 * DAY)
    assert price() == "8.99"
    assert changes()[-1].strategy is None
    assert Product.objects.get(sku="tea").listed_price == Decimal("8.99")
    assert not PriceHold.objects.exists()


def test_an_echo_that_another_price_followed_was_one() -> None:
    live(line("8.99", ends=NOW + DAY))
    price_rolls.roll(at=NOW + DAY)
    feed(listed("8.99"), at=NOW + DAY + timedelta(hours=3))
    feed(listed("10.00"), at=NOW + 2 * DAY)
    clean(NOW + 4 * DAY)
    assert price() == "10.00"


def test_a_price_of_nothing_comes_back_as_nothing() -> None:
    feed(listed("0.00"), at=NOW - 9 * DAY)
    free = Expected(units=1, units_before=1, margin=1, low=0, high=2, clears=True)
    live(replace(line("8.99", was="0.00"), expects=free))
    price_rolls.roll(at=NOW + 7 * DAY)
    assert price() == "0.00"


def test_a_price_that_a_new_version_keeps_is_no_news() -> None:
    old = live(line("8.99"))
    before = ShownPrice.objects.get(sku="tea")
    points = PricePoint.objects.count()
    change = Change(
        title="Cheaper tea",
        reason="For longer.",
        lines=[line("8.99", ends=NOW + 9 * DAY)],
        margin=5,
        low=1,
        high=9,
    )
    new = price_lines.propose(change, by="otto", at=NOW + DAY, replaces=old)
    approval.approve(new.id, by="olga", comment="Yes.", at=NOW + DAY)

    shown = ShownPrice.objects.get(sku="tea")
    assert PricePoint.objects.count() == points  # so days between changes do not begin
    assert shown.reference == before.reference == 10
    assert '"percent_off":10' in shown.body
    assert '"valid_from":"2026-06-01T12:00:00Z"' in shown.body
    assert '"valid_until":"2026-06-10T12:00:00Z"' in shown.body
    assert folded()[1] == held()[1]


def test_a_product_that_is_gone_keeps_no_other_price_from_going_back() -> None:
    strategy = live(line("8.99"), line("1.79", was="2.00", sku="milk"))
    Product.objects.filter(sku="tea").delete()
    price_rolls.roll(at=NOW + 7 * DAY)
    assert price("milk") == "2.00"
    assert states(strategy) == [State.OVER, State.OVER]


def test_the_days_off_sale_are_no_days_at_a_price() -> None:
    feed(listed("5.00"), at=NOW - 50 * DAY)
    feed(listed(None), at=NOW - 40 * DAY)
    feed(listed("10.00"), at=NOW - 5 * DAY)
    found = history.references(["tea"], at=NOW)
    assert found == {("tea", "USD"): Decimal(10)}
    assert folded() == held()


def test_a_reference_price_is_of_the_currency_it_was_asked_in() -> None:
    feed(listed("5.00"), at=NOW - 50 * DAY)
    euro = replace(listed("1.00"), currency="EUR")
    feed(euro, at=NOW - 40 * DAY)
    feed(listed("10.00"), at=NOW - 5 * DAY)
    found = history.references(["tea"], at=NOW)
    assert found == {("tea", "USD"): Decimal(10), ("tea", "EUR"): Decimal(1)}


def test_two_approved_changes_of_one_product_cannot_overlap() -> None:
    live(line("8.99"))
    other = proposed(line("9.49", starts=NOW + DAY))

    with pytest.raises(approval.GuardFailed, match="another approved price change"):
        approval.approve(other.id, by="olga", comment="Yes.", at=NOW)

    later = proposed(line("9.49", starts=NOW + 7 * DAY, ends=None))
    approval.approve(later.id, by="olga", comment="Yes.", at=NOW)


def test_a_price_below_the_floor_cannot_be_approved() -> None:
    feed(listed(cost=Decimal("8.90")), at=EARLIER)

    with pytest.raises(approval.GuardFailed, match="least margin"):
        live(line("8.99"))
    assert price() == "10.00"


def test_a_new_version_takes_over_without_a_moment_between() -> None:
    old = live(line("8.99"), line("1.79", was="2.00", sku="milk"))
    change = Change(
        title="Cheaper tea",
        reason="Not milk.",
        lines=[
            line("8.99"),
        ],
        margin=5,
        low=1,
        high=9,
    )
    new = price_lines.propose(change, by="otto", at=NOW + DAY, replaces=old)
    approval.approve(new.id, by="olga", comment="Yes.", at=NOW + DAY)

    assert (price(), price("milk")) == ("8.99", "2.00")
    assert states(old) == [State.OVER, State.OVER]
    assert states(new) == [State.RUNNING]
    assert [one.sku for one in changes()[-2:]] == ["tea", "milk"]  # tea: once, before


def test_the_reference_price_is_the_lowest_of_thirty_days() -> None:
    feed(listed("9.00"), at=NOW - 20 * DAY)
    feed(listed("10.00"), at=NOW - 10 * DAY)
    live(line("8.09"))

    shown = ShownPrice.objects.get(sku="tea").body
    assert '"price":"8.09"' in shown
    assert '"reference_price":"9.00"' in shown
    assert '"percent_off":10' in shown


def test_a_price_above_the_lowest_of_thirty_days_is_not_shown_as_reduced() -> None:
    feed(listed("8.50"), at=NOW - 20 * DAY)
    feed(listed("10.00"), at=NOW - 10 * DAY)
    live(line("8.99"))

    assert "reference" not in ShownPrice.objects.get(sku="tea").body


def test_the_log_folded_again_is_what_the_tables_hold() -> None:
    first = live(line("8.99"), line("1.79", was="2.00", sku="milk"))
    feed(listed("9.50"), at=NOW + DAY)
    price_rolls.roll(at=NOW + DAY)
    approval.pause(first.id, by="olga", comment="Wait.", at=NOW + 2 * DAY)
    approval.resume(first.id, by="olga", comment="Go.", at=NOW + 3 * DAY)
    price_rolls.roll(at=NOW + 7 * DAY)

    assert folded() == held()


def held() -> tuple[Any, ...]:
    return (
        dict(Product.objects.values_list("sku", "price")),
        sorted(PricePoint.objects.values_list("sku", "since", "price")),
        sorted(PriceLine.objects.values_list("sku", "starts_at", "price", "state")),
    )


def folded() -> tuple[Any, ...]:
    """Tell prices and lines from the log alone."""
    now: dict[str, Decimal | None] = {}
    points: list[tuple[str, datetime, Decimal | None]] = []
    lines = {}
    for stored in store.read(until=store.high_water()):
        match stored.event:
            case events.PriceChanged() | events.PriceWithdrawn() as moved:
                now[moved.sku] = to = getattr(moved, "price", None)
                points.append((moved.sku, stored.occurred_at, to))
            case events.PricesProposed(lines=rows):
                for row in rows:
                    lines[row.sku, row.starts_at] = [row.price, "proposed"]
            case events.PricesRolled(lines=became):
                for state, which in became.items():
                    for key in which:
                        lines[key][1] = state
            case _:
                pass
    return (
        now,
        sorted(points),
        sorted((sku, since, *rest) for (sku, since), rest in lines.items()),
    )


def test_the_next_step_of_a_path_is_not_told_before_its_time() -> None:
    live(
        line("8.99", ends=NOW + 2 * DAY),
        line("7.99", was="8.99", starts=NOW + 2 * DAY, ends=NOW + 4 * DAY),
    )
    shown = ShownPrice.objects.get(sku="tea").body
    assert "7.99" not in shown
    assert "valid_until" not in shown  # not even when

    price_rolls.roll(at=NOW + 2 * DAY)
    assert '"valid_until":"2026-06-05T12:00:00Z"' in (
        ShownPrice.objects.get(sku="tea").body
    )


def test_what_is_approved_for_later_is_not_told() -> None:
    before = ShownPrice.objects.get(sku="tea").body
    live(line("8.99", starts=NOW + DAY))

    assert ShownPrice.objects.get(sku="tea").body == before


@pytest.mark.parametrize(("progressive", "against"), [(False, "8.99"), (True, "10.00")])
def test_a_path_is_shown_against_its_first_price_only_where_the_law_allows(
    progressive: bool, against: str
) -> None:
    PricingRule.objects.create(category="hot", progressive=progressive)
    live(
        line("8.99", ends=NOW + DAY),
        line("7.99", was="8.99", starts=NOW + DAY, ends=NOW + 2 * DAY),
    )
    price_rolls.roll(at=NOW + DAY)

    shown = ShownPrice.objects.get(sku="tea").body
    assert f'"reference_price":"{against}"' in shown


LONG = st.lists(
    st.tuples(
        st.sampled_from(["feed", "roll", "pause", "resume"]),
        st.sampled_from(["10.00", "8.99", "7.99", "9.50"]),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(steps=LONG)
def test_whatever_happens_the_log_says_what_the_tables_hold(steps: Any) -> None:
    with transaction.atomic():
        strategy = live(
            line("8.99", ends=NOW + 3 * DAY),
            line("7.99", was="8.99", starts=NOW + 3 * DAY, ends=NOW + 6 * DAY),
        )
        for day, (what, said) in enumerate(steps, start=1):
            at = NOW + day * DAY
            if what == "feed":
                feed(listed(said), at=at)
            elif what == "roll":
                price_rolls.roll(at=at)
            else:
                with contextlib.suppress(*approval.REFUSALS):
                    step = approval.pause if what == "pause" else approval.resume
                    step(strategy.id, by="olga", comment="x", at=at)
        price_rolls.roll(at=NOW + 9 * DAY)

        assert folded() == held()
        running = strategy.price_lines.filter(state__in=["running", "planned"])
        assert not running.exists() or strategy.state == "paused"
        transaction.set_rollback(True)


def test_an_alert_says_that_prices_do_not_begin_or_end() -> None:
    def told(at: datetime) -> bool:
        return "prices_late" in {one.code for one in alerts.current(at)}

    live(line("8.99", starts=NOW + DAY, ends=NOW + 2 * DAY))
    late = timedelta(minutes=6)
    assert not told(NOW + DAY)
    assert told(NOW + DAY + late)
    price_rolls.roll(at=NOW + DAY + late)
    assert not told(NOW + DAY + late)
    assert told(NOW + 2 * DAY + late)


def test_to_reject_prices_lets_no_feed_wait() -> None:
    strategy = proposed(line("8.99"))
    with CaptureQueriesContext(connection) as asked:
        approval.reject(strategy.id, by="olga", comment="No.", at=NOW)
    assert not [one for one in asked if "LOCK TABLE" in one["sql"]]
    other = proposed(line("8.99"))
    with CaptureQueriesContext(connection) as asked:
        approval.approve(other.id, by="olga", comment="Yes.", at=NOW)
    assert [one for one in asked if "LOCK TABLE" in one["sql"]]
