"""What is missing later of what offers sell, learnt from promises that are over."""

from datetime import timedelta

import pytest
from django.utils import timezone

from promotions import promises, response
from promotions.models import Calibration, Campaign, Strategy
from tests.conftest import Make, experienced
from tests.promotions.watched_weeks import ran


@pytest.mark.parametrize(
    ("missing", "error", "part"),
    [
        (1.0, 0.01, 0.5),  # half of what was sold is missing later, and sure
        (1.0, 1e6, promises.USUAL),  # nothing known: as assumed
        (-0.2, 0.01, -0.1),  # more came than was believed: offers sold elsewhere too
    ],
)
def test_forecasts_learn_what_is_missing_later(
    live: Make, missing: float, error: float, part: float
) -> None:
    promise = promises.Promise(strategy=live(), sold=2.0, missing=missing, error=error)

    made = promises.calibrate([promise], at=timezone.now())

    assert made.factor == pytest.approx(part, abs=0.01)


def test_only_promises_whose_time_is_over_and_whose_arms_are_as_drawn_count(
    live: Make,
) -> None:
    strategy, now = live(holdout=0.5), timezone.now()
    ran(strategy, lift=4.0)
    believed = {strategy.id: promises.Believed(gain=1.5, aside=-0.2, sold=6.0)}
    Strategy.objects.filter(id=strategy.id).update(
        forecast={"reach": 100, "margin": 100.0, "cost": 10.0, "days": 28},
        decided_at=now - timedelta(days=10),
    )
    assert promises.kept(at=now, believed=believed) == []

    begun, over = now - timedelta(days=57), now - timedelta(days=29)
    Strategy.objects.update(decided_at=begun)
    Campaign.objects.update(starts_at=begun, ends_at=over)
    [one] = promises.kept(at=now, believed=believed)
    assert one.sold == 6.0
    assert one.missing == pytest.approx(1.3 - 4.0 * 0.3, abs=0.1)
    assert promises.kept(at=now, believed={}) == []
    in_washout = now - timedelta(days=2)
    assert promises.kept(at=in_washout, believed=believed) == []
    few = strategy.measured | {"control": 2}
    Strategy.objects.update(measured=few)
    assert promises.kept(at=now, believed=believed) == []

    Strategy.objects.update(measured=strategy.measured | {"mismatch": 1e-9})
    assert promises.kept(at=now, believed=believed) == []


def test_the_next_forecasts_rest_on_the_factor(db: None) -> None:
    experienced()
    before = response.believed()
    Calibration.objects.create(
        pk=1, computed_at=timezone.now(), factor=0.5, low=0.4, high=0.6, strategies=3
    )

    after = response.believed()

    assert before.later.mean() == pytest.approx(promises.USUAL, abs=0.01)
    assert after.later.mean() == pytest.approx(0.5, abs=0.01)
    assert after.later.std() < before.later.std() / 1.5
    assert after.posterior.mean == pytest.approx(before.posterior.mean)
    assert after.usual.use == before.usual.use == pytest.approx(0.3)
