"""No number stands in a report where none can be known; it says why."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from promotions import findings, programme, report_answers, reports
from promotions.models import Strategy
from tests.promotions import planted
from tests.promotions.daysums import keep, two_arms, units
from tests.promotions.measured import measured_at, over

__all__ = ["over"]


def numbers(body: Any) -> Iterator[tuple[str, Any]]:
    """Yield every figure of an answer that has a `why`, wherever it is."""
    if isinstance(body, dict) and "why" in body:
        yield body["why"], body["value"]
    elif isinstance(body, dict):
        for inner in body.values():
            yield from numbers(inner)
    elif isinstance(body, list):
        for inner in body:
            yield from numbers(inner)


def test_no_number_stands_where_none_can_be_known(over: Strategy) -> None:
    report = reports.of_strategy(over)

    body = report_answers.strategy(over, report)

    told = list(numbers(body))
    assert len(told) > 15
    assert {value for _, value in told} == {None}
    assert {why for why, _ in told} == {"not_measured", "nobody_shown"}
    assert body["chance"] is None
    assert [f.text for f in findings.of_report(report)] == [
        "What it earned is not estimable yet: nobody was assigned, or nothing summed "
        "up, yet."
    ]


def test_one_customer_in_an_arm_is_no_estimate(over: Strategy) -> None:
    keep(over.id, "treatment", units(50, profit=8, seed=1))
    keep(over.id, "holdout", units(1, profit=5, seed=2))

    body = report_answers.strategy(over, reports.of_strategy(over))

    assert {value for _, value in numbers(body)} == {None}
    assert body["profit"]["why"] == "arm_too_small"
    assert body["totals"]["profit"]["value"] is None


def test_a_return_on_discounts_that_nobody_used_has_no_number(over: Strategy) -> None:
    two_arms(over)

    body = report_answers.strategy(over, reports.of_strategy(over))

    returned = body["return_on_discount"]
    assert (returned["value"], returned["low"], returned["high"]) == (None, None, None)
    assert returned["why"] == "nobody_differs"
    assert body["profit"]["value"] is not None


def test_a_return_that_may_be_anything_has_no_number(over: Strategy) -> None:
    chance = units(40, profit=5, seed=1, spent=0.1)
    chance[:, 2] = 0
    chance[0, 2] = 1  # one redemption of forty is not surely more than none
    keep(over.id, "treatment", chance)
    keep(over.id, "holdout", units(40, profit=5, seed=2))

    body = report_answers.strategy(over, reports.of_strategy(over))

    assert body["return_on_discount"]["why"] == "spend_not_sure"
    assert body["return_on_discount"]["value"] is None


def test_a_shop_that_reports_no_withheld_offers_compares_no_exposures(
    over: Strategy,
) -> None:
    two_arms(over)
    keep(over.id, "treatment", units(200, profit=9, seed=3), slice_="shown")

    report = reports.of_strategy(over)

    body = report_answers.strategy(over, report)
    assert body["shown"]["share"] == 0.5
    assert body["shown"]["profit"]["value"] is None
    assert body["shown"]["profit"]["why"] == "nobody_shown"
    assert any("withheld=true" in text for text in findings.doubts(report))


def test_arms_of_other_sizes_than_drawn_are_not_believed(over: Strategy) -> None:
    keep(over.id, "treatment", units(600, profit=9, seed=1))
    keep(over.id, "holdout", units(400, profit=5, seed=2))
    measured_at(over, planted.DONE)

    report = reports.of_strategy(over)

    told = list(findings.of_report(report))
    assert [finding.tone for finding in told] == ["bad"]
    assert "Believe none of these figures" in told[0].text
    assert not report_answers.strategy(over, report)["arms"]["as_drawn"]
    assert programme.kept([programme.line(over)]).strategies == 0


def test_a_strategy_of_no_holdout_is_not_estimable(by_code: Strategy) -> None:
    keep(by_code.id, "treatment", units(50, profit=8, seed=uuid4().int % 97))

    body = report_answers.strategy(by_code, reports.of_strategy(by_code))

    assert body["profit"]["why"] == "arm_too_small"
    assert body["arms"]["as_drawn"] is True
