"""The programme's months, and strategies side by side."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from promotions import programme, programme_findings, report_answers, report_lines, sums
from promotions.models import Campaign, Strategy, Summed
from tests.conftest import Make
from tests.promotions.daysums import keep, units
from tests.promotions.measured import measured_at, over

__all__ = ["over"]


def test_promises_and_measurements_add_up_by_their_squares(live: Make) -> None:
    lines = []
    for seed, promised in ((1, 2.0), (2, 4.0)):
        strategy = live(holdout=0.5, forecast={"reach": 10, "margin": 10 * promised})
        keep(strategy.id, "treatment", units(200, profit=8, seed=seed))
        keep(strategy.id, "holdout", units(200, profit=5, seed=seed + 50))
        measured_at(strategy, timezone.now())
        lines.append(programme.line(strategy))

    found = programme.kept([*lines, programme.line(live(holdout=0.5))])

    totals = [line.result.total for line in lines]
    assert found.strategies == 2
    assert found.promised == pytest.approx(200 * 2 + 200 * 4)
    assert found.measured.value == pytest.approx(sum(one.value for one in totals))
    squares = sum((one.error or 0) ** 2 for one in totals)
    assert (found.measured.error or 0) ** 2 == pytest.approx(squares)


def test_one_strategys_sum_has_the_interval_that_the_strategy_has(live: Make) -> None:
    strategy = live(holdout=0.5, forecast={"reach": 10, "margin": 20.0})
    keep(strategy.id, "treatment", units(12, profit=8, seed=1))
    keep(strategy.id, "holdout", units(12, profit=5, seed=2))
    measured_at(strategy, timezone.now())
    line = programme.line(strategy)

    found = programme.kept([line]).measured

    for name in ("low", "high", "p"):
        assert getattr(found, name) == pytest.approx(getattr(line.result.total, name))


def test_strategies_side_by_side_allow_for_their_number(live: Make) -> None:
    """Nineteen that do nothing make one find look like chance."""
    lines = []
    for seed in range(20):
        strategy = live(holdout=0.5)
        gain = 0.6 if seed == 0 else 0.0
        keep(strategy.id, "treatment", units(200, profit=5 + gain, seed=seed))
        keep(strategy.id, "holdout", units(200, profit=5, seed=seed + 50))
        measured_at(strategy, timezone.now())
        lines.append(programme.line(strategy))

    alone = [line.result.effects["profit"] for line in lines]
    beside = report_lines.adjusted_profits(lines)
    section = report_lines.strategies("Side by side", lines)

    assert [one.value for one in beside] == [one.value for one in alone]
    for one, other in zip(alone, beside, strict=True):
        assert other.p is not None
        assert one.p is not None
        assert other.p >= one.p
        if other.low is not None and other.high is not None:
            assert one.low is not None
            assert other.low <= one.low
    finds = [sum((one.p or 1) < 0.05 for one in some) for some in (alone, beside)]
    assert finds[1] < finds[0]
    assert "Benjamini" in section.says
    assert "inf" not in section.chart
    assert "nan" not in section.chart


@pytest.fixture
def months(over: Strategy) -> Callable[..., None]:
    """Return a function that keeps a month's sums."""

    def made(month: int, gain: float, *, held_out: int = 20) -> None:
        subject = sums.month(datetime(2026, month, 1, tzinfo=UTC))
        treated = units(380, profit=5 + gain, seed=month)
        day = date(2026, month, 5)
        keep(subject, "treatment", treated, day=day)
        keep(subject, "held_out", units(held_out, profit=5, seed=month + 50), day=day)
        Summed(subject=subject, until=datetime(2026, 4, 29, tzinfo=UTC)).save()

    return made


def test_months_add_up_and_so_do_their_errors(months: Callable[..., None]) -> None:
    months(3, 3.0)
    months(4, -1.0)

    found = programme.of(at=datetime(2026, 4, 20, tzinfo=UTC))

    assert [(m.first.month, m.whole) for m in found.months] == [(3, True), (4, False)]
    totals = [month.result.total for month in found.months]
    assert found.total.value == pytest.approx(sum(one.value for one in totals))
    assert found.total.error == pytest.approx(sum(one.error or 0 for one in totals))
    assert found.added == 2


def test_a_month_that_is_not_as_drawn_is_not_added(
    months: Callable[..., None],
) -> None:
    months(3, 3.0)
    months(4, 3.0, held_out=90)
    months(5, 3.0, held_out=1)

    found = programme.of(at=datetime(2026, 6, 20, tzinfo=UTC))

    assert len(found.months) == 3
    assert found.added == 1
    assert found.total.value == found.months[0].result.total.value
    told = report_answers.of_programme(found)["all_months"]
    assert (told["months"], told["left_out"]) == (1, 2)


def test_a_months_doubt_is_not_that_of_the_others(months: Callable[..., None]) -> None:
    """It said to believe none of the figures, and then told them in green."""
    months(3, 3.0)
    months(4, 3.0)
    months(5, 3.0, held_out=90)

    found = programme.of(at=datetime(2026, 5, 20, tzinfo=UTC))

    doubt, total, left = programme_findings.of_programme(found)
    assert "In 1 month the arms do not have the sizes" in doubt.text
    assert "2026-05" in doubt.text
    assert "2026-03" not in doubt.text
    assert "none of its figures" in doubt.text
    assert "In the 2 months that can be believed" in total.text
    assert left.tone == "doubt"
    section = next(iter(report_lines.of_programme(found)))
    assert [row.cells[1] for row in section.rows] == ["no", "yes", "yes"]
    assert [name for name, _ in section.legend] == ["doubted"]
    assert all(len(row.cells) == len(section.columns) for row in section.rows)


def test_months_that_are_as_drawn_need_no_legend_of_doubt(
    months: Callable[..., None],
) -> None:
    months(3, 3.0)

    found = programme.of(at=datetime(2026, 3, 20, tzinfo=UTC))

    assert "that can be believed" not in " ".join(
        one.text for one in programme_findings.of_programme(found)
    )
    assert next(iter(report_lines.of_programme(found))).legend == []


def test_a_programme_that_never_began_says_so(db: None) -> None:
    found = programme.of(at=timezone.now())

    body = report_answers.of_programme(found)
    assert body["months"] == []
    assert body["all_months"]["total"]["why"] == "not_measured"
    assert body["all_months"]["total"]["value"] is None
    assert body["kept"]["measured"]["value"] is None
    assert [f.tone for f in programme_findings.of_programme(found)] == ["doubt"]


def test_other_currencies_are_not_put_side_by_side(live: Make) -> None:
    at = timezone.now()
    campaign = Campaign.objects.create(
        name="Mai",
        starts_at=at - timedelta(days=1),
        ends_at=at + timedelta(days=1),
        budget=Decimal(100),
        currency="EUR",
    )
    for strategy in (live(), live(campaign=campaign, currency="EUR")):
        measured_at(strategy, at)

    found = programme.of(at=at)

    assert [line.strategy.currency for line in found.lines] == ["USD"]
    assert programme.measured().count() == 2
