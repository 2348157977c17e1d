"""Prices begin and end on time, step by step, and go back."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.models import PricePoint, Product, ShownPrice
from promotions import alerts, approval, decision_rules, price_lines, price_rolls
from promotions.price_lines import Change
from tests.conftest import NOW
from tests.promotions.rolled import (
    DAY,
    EARLIER,
    State,
    changes,
    feed,
    folded,
    held,
    line,
    listed,
    live,
    price,
    proposed,
    shelf,
    states,
)

__all__ = ["shelf"]

pytestmark = pytest.mark.django_db


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


def test_a_paused_price_without_end_is_over_with_its_campaign() -> None:
    strategy = live(line("8.99", ends=None))
    approval.pause(strategy.id, by="olga", comment="Wait.", at=NOW + DAY)
    price_rolls.roll(at=NOW + 27 * DAY)
    assert states(strategy) == [State.PLANNED]

    price_rolls.roll(at=NOW + 28 * DAY)
    assert (price(), states(strategy)) == ("10.00", [State.OVER])
    assert price_rolls.due(at=NOW + 29 * DAY) == []


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


def test_two_approved_changes_of_one_product_cannot_overlap() -> None:
    live(line("8.99"))
    other = proposed(line("9.49", starts=NOW + DAY))

    with pytest.raises(
        decision_rules.GuardFailed, match="another approved price change"
    ):
        approval.approve(other.id, by="olga", comment="Yes.", at=NOW)

    later = proposed(line("9.49", starts=NOW + 7 * DAY, ends=None))
    approval.approve(later.id, by="olga", comment="Yes.", at=NOW)


def test_a_price_below_the_floor_cannot_be_approved() -> None:
    feed(listed(cost=Decimal("8.90")), at=EARLIER)

    with pytest.raises(decision_rules.GuardFailed, match="least margin"):
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
