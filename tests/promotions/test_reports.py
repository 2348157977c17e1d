"""What a strategy's report says, and what it must not say."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.utils import timezone

from analytics import checks, projections
from promotions import (
    findings,
    funnels,
    measurement,
    programme,
    report_answers,
    reports,
    sums,
)
from promotions.measurement import Result
from promotions.models import ArmDay, Redemption, Strategy
from promotions.reports import Report
from tests.conftest import Make
from tests.promotions import planted
from tests.promotions.daysums import DAY, keep, two_arms, units
from tests.promotions.measured import measured_at, over

__all__ = ["over"]


def test_a_planted_effect_is_reported_with_all_that_explains_it(live: Make) -> None:
    menu = {
        label: {"kind": "percentage", "rate": rate}
        for label, rate in (("10%", "0.10"), ("15%", "0.15"))
    }
    strategy = live(campaign=planted.campaign(), holdout=0.5, menu=menu)
    shop = planted.Shop(seed=3)
    shop.run(strategy, customers=500, lift=12, dip=4)
    shop.tell()
    while projections.catch_up():
        pass
    sums.refresh_strategy(strategy.id, until=planted.DONE)
    sums.refresh_campaign(strategy.campaign_id, until=planted.DONE)
    measured_at(strategy, planted.DONE)

    report = reports.of_strategy(strategy)

    profit = report.result.effects["profit"]
    assert profit.low is not None
    assert profit.low > 0
    assert report.result.as_drawn
    assert report.days[-1].profit.value == pytest.approx(profit.value)
    assert [part.name for part in report.variants] == ["10%", "15%"]
    assert {part.name for part in report.segments} == set(planted.SEGMENTS)
    assert sum(part.treatment for part in report.weeks) == report.result.treatment
    assert 0.4 < report.shown.share < 0.6
    washed = report.washout
    assert washed.at_end
    assert washed.after
    assert washed.after.value < washed.at_end.value - 2

    found = funnels.funnel(strategy, report)
    assert found.assigned > found.shown > 0
    assert found.redeemed > found.rolled_back > 0
    assert found.given == sum(
        row.discount - row.returned for row in Redemption.objects.all()
    )

    of_all = reports.of_campaign(strategy.campaign).result
    assert of_all.treatment == report.result.treatment + report.result.control
    assert of_all.control < 50

    body = report_answers.strategy(strategy, report)
    said = str(body) + str([finding.text for finding in findings.of_report(report)])
    assert not any(str(customer) in said for customer in shop.customers)


def test_each_day_holds_the_days_before_it(over: Strategy) -> None:
    first, later = units(300, profit=5, seed=1), units(300, profit=8, seed=1)
    others = units(300, profit=5, seed=2)
    keep(over.id, "treatment", first)
    keep(over.id, "holdout", others)
    keep(over.id, "treatment", later, before=first, day=DAY + timedelta(days=1))

    report = reports.of_strategy(over)

    known = {day.day: day.profit for day in report.days}
    assert known[DAY].value == pytest.approx(0.0, abs=0.5)
    assert known[DAY + timedelta(days=1)] == report.result.effects["profit"]
    assert report.through == DAY + timedelta(days=1)


def test_an_interval_that_always_holds_is_wider_than_one_look(over: Strategy) -> None:
    two_arms(over)

    for day in reports.of_strategy(over).days:
        assert day.always.low is not None
        assert day.profit.low is not None
        assert day.always.low < day.profit.low


def test_variants_are_adjusted_as_goals_by_holm(over: Strategy) -> None:
    keep(over.id, "holdout", units(300, profit=5, seed=9))
    for seed, label in enumerate(("5%", "10%", "15%")):
        treated = units(100, profit=5.4, seed=seed)
        keep(over.id, "treatment", treated, variant=label)
    control = measurement.arms(over.id)["holdout"]
    raw = {
        label: measurement.compared(
            {"treatment": arm, "holdout": control}, "holdout", None
        )
        .effects["profit"]
        .p
        for label, arm in planted.variants(over.id).items()
    }

    found = {p.name: p.profit.p for p in reports.of_strategy(over).variants}

    names = list(raw)
    expected = checks.holm([raw[name] or 0 for name in names])
    assert [found[name] for name in names] == pytest.approx(expected)
    assert found != raw


def test_segments_and_weeks_are_adjusted_together(over: Strategy) -> None:
    two_arms(over)
    raw = {}
    for seed, name in enumerate(("segment loyal", "segment new", "week 2026-03-02")):
        keep(over.id, "treatment", units(80, profit=6, seed=seed), slice_=name)
        keep(over.id, "holdout", units(80, profit=5, seed=seed + 50), slice_=name)
        part = measurement.of_strategy(over, slice_=name)
        raw[name] = part.effects["profit"].p or 0.0

    report = reports.of_strategy(over)

    told = [part.profit.p for part in (*report.segments, *report.weeks)]
    assert told == pytest.approx(checks.benjamini_hochberg(list(raw.values())))
    assert [part.name for part in report.segments] == ["loyal", "new"]
    assert [part.name for part in report.weeks] == ["2026-03-02"]


def test_a_slice_does_not_enter_the_result(over: Strategy) -> None:
    two_arms(over)
    before = reports.of_strategy(over).result

    keep(over.id, "treatment", units(80, profit=60, seed=3), slice_="segment new")
    keep(over.id, "treatment", units(80, profit=60, seed=3), slice_="shown")

    assert reports.of_strategy(over).result == before


@pytest.mark.parametrize(
    ("until", "told"),
    [
        (planted.ENDS - timedelta(seconds=1), (False, False, "campaign_runs")),
        (planted.ENDS + timedelta(days=20), (True, False, "washout_runs")),
        (planted.ENDS + timedelta(days=28), (True, True, None)),
    ],
)
def test_pulling_forward_is_told_when_it_can_be(
    over: Strategy, until: datetime, told: tuple[bool, bool, str | None]
) -> None:
    two_arms(over)
    measured_at(over, until)

    found = reports.of_strategy(over).washout

    known = (found.at_end is not None, found.after is not None)
    assert (*known, found.why) == told


def test_the_campaigns_end_is_before_its_last_moment(over: Strategy) -> None:
    """A campaign that ends at midnight does not hold the day that begins then."""
    ended = planted.ENDS.date()
    two_arms(over, day=ended - timedelta(days=1))
    more = units(400, profit=5, seed=1)
    keep(over.id, "treatment", more, before=units(400, profit=8, seed=1), day=ended)

    found = reports.of_strategy(over).washout

    assert found.at_end
    assert found.after
    assert found.at_end.value == pytest.approx(3, abs=0.5)
    assert found.after.value == pytest.approx(0, abs=0.5)


def test_who_was_in_two_arms_is_counted_and_said(over: Strategy) -> None:
    two_arms(over)
    keep(over.id, "crossed", units(3, profit=50, seed=4))

    report = reports.of_strategy(over)

    assert report.result.crossed == 3
    said = " ".join(finding.text for finding in findings.of_report(report))
    assert "3 customers were in both arms" in said


def test_looking_is_sure_at_any_time_or_once_or_not_at_all(over: Strategy) -> None:
    def said(gain: float) -> str:
        ArmDay.objects.all().delete()
        two_arms(over, gain=gain)
        result = reports.of_strategy(over).result
        return findings.earned(result, "USD").text

    assert "sure at whatever moment" in said(3.0)
    assert "sure only if you look once" in said(0.35)
    assert "is open" in said(0.0)
    assert said(-3.0).startswith("It loses: 2.")


@pytest.mark.parametrize(
    ("promised", "said"),
    [(3.0, "agrees with"), (9.0, "less than was promised"), (0.5, "more than was")],
)
def test_a_promise_is_held_against_the_interval(
    over: Strategy, promised: float, said: str
) -> None:
    two_arms(over)
    over.forecast = {"reach": 100, "margin": 100 * promised}

    told = findings.of_report(reports.of_strategy(over), programme.promise(over))

    assert any(said in finding.text for finding in told)


def test_a_result_is_read_as_it_was_written(over: Strategy) -> None:
    two_arms(over)
    measured_at(over, planted.DONE)
    over.refresh_from_db()

    found = measurement.read(over.measured)

    assert isinstance(found, Result)
    assert asdict(found) == asdict(reports.of_strategy(over).result)
    assert measurement.read({}) is None
    assert measurement.read({"treatment": 1, "margin": {"value": 1}}) is None


def test_reports_read_daily_sums_and_never_the_log(
    over: Strategy, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_arms(over)
    asked: list[str] = []
    execute = psycopg.Cursor.execute

    def heard(cursor: Any, query: Any, *args: Any, **more: Any) -> Any:
        asked.append(query.decode() if isinstance(query, bytes) else str(query))
        return execute(cursor, query, *args, **more)

    monkeypatch.setattr(psycopg.Cursor, "execute", heard)

    report: Report = reports.of_strategy(over)
    report_answers.strategy(over, report)
    lines = programme.of_campaign(over.campaign)
    report_answers.campaign(over.campaign, reports.of_campaign(over.campaign), lines)
    programme.of(at=timezone.now())

    assert 4 <= len(asked) <= 12
    assert any("promotions_armday" in query for query in asked)
    assert not any("analytics_" in query for query in asked)
