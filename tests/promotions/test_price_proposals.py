"""Better prices are proposed, few at a time; what came is set beside the promise."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User

from analytics import events, store
from analytics.wording import revived
from catalog import feeds
from catalog.feeds import Listed
from catalog.models import PricePoint, PricingRule, Product
from ml import alerts, forecasts
from ml.models import Forecast
from promotions import (
    approval,
    backtest,
    backtest_runs,
    histories,
    price_lines,
    price_outcomes,
    price_pages,
    price_proposals,
    proposals,
    strategies,
    targeting,
)
from promotions.drafts import Faulty
from promotions.models import Offer, PriceLine
from tests.conftest import NOW, Body
from tests.promotions.better_prices import COLD, HOT, feed, foresee, lines, market

__all__ = ["market"]

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def test_elastic_products_are_proposed_cheaper_and_others_dearer() -> None:
    made = {one.scope[0]: one for one in price_proposals.propose(at=NOW)}

    assert lines(made[HOT])["tea"] < 10 < lines(made[COLD])["ice"]
    assert made[HOT].state == "proposed"
    assert Product.objects.get(sku="tea").price == 10
    forecast = made[HOT].forecast
    assert forecast["low"] < forecast["margin"] < forecast["high"]
    why = revived(made[HOT].price_lines.get(sku="tea").expects["why"])
    assert "elasticity -4.0 ± 0.2" in why
    assert len(forecast["weeks"]) == 8
    assert all(now > was for was, now in forecast["weeks"])


def test_what_waits_or_was_rejected_is_not_proposed_again() -> None:
    made = price_proposals.propose(at=NOW)
    assert price_proposals.propose(at=NOW + DAY) == []

    for one in made:
        approval.reject(one.id, by="olga", comment="No.", at=NOW + DAY)
    assert price_proposals.propose(at=NOW + 2 * DAY) == []
    Forecast.objects.update(computed_at=NOW + 120 * DAY)
    assert len(price_proposals.propose(at=NOW + 120 * DAY)) == len(made)


def test_a_week_brings_no_more_than_can_be_looked_through() -> None:
    for n in range(9):
        feed(f"more-{n}", f"category {n}", cost=Decimal("5.00"))
        foresee(f"more-{n}")

    assert len(price_proposals.propose(at=NOW)) == price_proposals.MOST


def test_by_hand_a_category_is_proposed_if_it_gains() -> None:
    made = price_proposals.propose_for(HOT, by="olga", at=NOW)
    assert histories.history(made)[0].event.by == "olga"  # type: ignore[attr-defined]

    with pytest.raises(price_proposals.NothingToGain):
        price_proposals.propose_for("nothing here", by="olga", at=NOW)


def test_a_first_listing_is_no_change_of_price() -> None:
    PricePoint.objects.update(since=NOW - DAY)
    made = price_proposals.propose_for(HOT, by="olga", at=NOW)
    often = [one for one in made.guards if one["name"] == "days between changes"]
    assert [one["passed"] for one in often] == [True]


def test_why_nothing_is_proposed_is_named() -> None:
    with pytest.raises(price_proposals.NothingToGain) as none:
        price_proposals.propose_for("nothing here", by="olga", at=NOW)
    assert none.value.why == price_proposals.Why.UNKNOWN

    Forecast.objects.update(elasticity=-0.1, elasticity_error=0.01)
    PricingRule.objects.create(category=HOT, most_up=Decimal(0))
    with pytest.raises(price_proposals.NothingToGain) as none:
        price_proposals.propose_for(HOT, by="olga", at=NOW)
    assert none.value.why == price_proposals.Why.NONE

    for one in Product.objects.filter(category=HOT):
        PricePoint.objects.create(
            sku=one.sku, price=one.price, currency="USD", since=NOW - DAY
        )
    with pytest.raises(price_proposals.NothingToGain) as none:
        price_proposals.propose_for(HOT, by="olga", at=NOW)
    assert none.value.why == price_proposals.Why.RESTS


def test_a_category_keeps_its_own_rule() -> None:
    PricingRule.objects.create(category=HOT, most_down=Decimal("0.03"), ending="")
    made = price_proposals.propose_for(HOT, by="olga", at=NOW)

    assert lines(made)["tea"] == Decimal("9.70")


def test_what_changed_within_a_week_is_left_alone() -> None:
    feed("tea", price="11.00", cost=Decimal("5.00"))
    Product.objects.filter(sku="tea").update(price=10)
    feeds.take(
        [
            Listed(
                sku="tea",
                name="Tea",
                category=HOT,
                currency="USD",
                price=Decimal("10.50"),
                cost=Decimal("5.00"),
            )
        ],
        at=NOW - 3 * DAY,
    )

    assert "tea" not in lines(price_proposals.propose_for(HOT, by="olga", at=NOW))


def test_products_are_struck_out_before_approval(olga: User) -> None:
    made = price_proposals.propose_for(HOT, by="platform", at=NOW)
    assert set(lines(made)) == {"tea", "coffee"}

    again = price_pages.strike(
        made.id, ["coffee"], by="otto", comment="Too thin.", at=NOW
    )

    made.refresh_from_db()
    assert made.state == "returned"
    assert (set(lines(again)), again.version, again.replaces) == ({"tea"}, 2, made)
    assert again.forecast["high"] < made.forecast["high"]
    assert f"{again.forecast['margin']:,.0f} USD of margin" in again.reason
    assert again.reason != made.reason
    low, margin, high = (again.forecast[one] for one in ("low", "margin", "high"))
    assert low < margin < high
    approval.approve(again.id, by="olga", comment="Yes.", at=NOW)
    assert again.price_lines.get().state == PriceLine.State.PLANNED
    assert "coffee" in str(histories.history(made)[-1].event)


@pytest.mark.parametrize("skus", [[], ["unknown"], ["tea", "coffee"]])
def test_nothing_or_all_cannot_be_struck_out(skus: list[str]) -> None:
    made = price_proposals.propose_for(HOT, by="platform", at=NOW)

    with pytest.raises(price_lines.NoLines):
        price_pages.strike(made.id, skus, by="otto", comment="No.", at=NOW)
    made.refresh_from_db()
    assert made.state == "proposed"


def bought(sku: str, units: int, paid: str, at: Any) -> None:
    line = events.OrderLine(sku=sku, quantity=units, category=HOT, paid=Decimal(paid))
    order = events.OrderCompleted(order_id=f"{sku}{at}", currency="USD", lines=(line,))
    store.append([order], at=at)


def test_what_came_is_set_beside_what_was_forecast_and_promised() -> None:
    made = price_proposals.propose_for(HOT, by="platform", at=NOW)
    begins = made.price_lines.get(sku="tea").starts_at
    approval.approve(made.id, by="olga", comment="Yes.", at=begins)
    price = lines(made)["tea"]
    bought("tea", 130, str(130 * price), begins + DAY)
    bought("tea", 500, "5000", begins - DAY)  # before: not of it
    bought("ice", 500, "5000", begins + DAY)  # not of it

    price_outcomes.refresh(at=begins + 7 * DAY)

    made.refresh_from_db()
    came = price_outcomes.kept(made)
    assert came is not None
    assert came.units == 130
    assert came.units_before == pytest.approx(200, rel=0.01)  # tea and coffee, a week
    expected = 130 * float(price - 5) - 100 * 5 - 100 * 0.6
    assert came.gain == pytest.approx(expected, rel=0.01)
    assert came.low < came.gain < came.high


def test_a_price_change_makes_no_offers_and_is_no_test(trained: object) -> None:
    made = price_proposals.propose_for(HOT, by="platform", at=NOW)
    approval.approve(made.id, by="olga", comment="Yes.", at=NOW)

    targeting.refresh(at=NOW)
    with pytest.raises(strategies.NothingLearnt):
        strategies.propose(at=NOW)

    assert not Offer.objects.exists()
    assert made not in backtest.waiting(at=NOW)
    with pytest.raises(Faulty, match="Past baskets do not tell"):
        backtest_runs.request(made, weeks=4, until=None, by="olga", at=NOW)


def test_another_kind_cannot_take_its_place(draft: Body) -> None:
    from promotions import draft_reading

    made = price_proposals.propose_for(HOT, by="platform", at=NOW)
    approval.approve(made.id, by="olga", comment="Yes.", at=NOW)

    with pytest.raises(proposals.NotReplaceable):
        proposals.propose_version(made.id, draft_reading.read(draft()), by="x", at=NOW)


def test_forecasts_that_nobody_makes_any_more_propose_no_price() -> None:
    late = NOW + forecasts.STALE

    assert price_proposals.shelf(at=late - timedelta(seconds=1))
    assert price_proposals.shelf(at=late) == []
    told = {one.code: one.text for one in alerts.current(late)}
    assert "7 days ago" in told["forecast_stale"]
    assert "forecast_stale" not in {one.code for one in alerts.current(NOW)}
