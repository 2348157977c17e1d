"""A planned test says beforehand what it can find, and in how many days."""

from datetime import timedelta
from uuid import uuid4

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from analytics import projections, store
from promotions import planning, tasks, tested
from promotions.models import Strategy
from tests.conftest import Make
from tests.promotions.watched_weeks import buys, campaign


def shop(n: int = 400) -> None:
    """Let customers order each week for 16 weeks, some always more than others."""
    chance, now = np.random.default_rng(2), timezone.now()
    facts = [
        buys(who, float(usual * chance.gamma(4, 0.25)), now - timedelta(days=7 * w + 1))
        for who, usual in ((uuid4(), chance.gamma(2, 10)) for _ in range(n))
        for w in range(16)
    ]
    store.append_new(facts)
    while projections.catch_up():
        pass


def test_a_plan_names_the_smallest_effect_and_an_underpowered_test(
    proposed: Make,
) -> None:
    shop()
    now = timezone.now()
    some = planning.bases("USD", at=now)
    weak = proposed(holdout=0.05, forecast={"reach": 400, "margin": 40.0, "cost": 9.0})
    strong = proposed(holdout=0.5, forecast={"reach": 400, "margin": 4e3, "cost": 9.0})

    thin, fat = (
        planning.plan(weak, some, at=timezone.now()),
        planning.plan(strong, some, at=timezone.now()),
    )

    assert thin is not None
    assert fat is not None
    assert thin.smallest is not None
    assert fat.smallest is not None
    assert fat.smallest < thin.smallest
    assert (thin.enough, fat.enough) == (False, True)
    assert thin.needs_days is None
    assert fat.needs_days is not None
    assert [base.customers for base in some] == [400] * 4
    assert all(base.correlation > 0.5 for base in some)


def test_what_the_plan_promises_is_found_as_often_as_it_says(proposed: Make) -> None:
    """Simulated with the base's own numbers: 80 % within two standard errors."""
    shop()
    [base] = [b for b in planning.bases("USD", at=timezone.now()) if b.days == 28]
    strategy = proposed(holdout=0.5, forecast={"reach": 400})
    plan = planning.plan(strategy, [base], at=timezone.now())
    assert plan is not None
    assert plan.smallest is not None
    chance = np.random.default_rng(3)
    spread = base.deviation * (1 - base.correlation**2) ** 0.5
    treated = chance.normal(plan.smallest, spread, (2000, plan.treatment)).mean(1)
    others = chance.normal(0, spread, (2000, plan.control)).mean(1)
    error = spread * (1 / plan.treatment + 1 / plan.control) ** 0.5

    found = float((np.abs(treated - others) / error > 1.96).mean())

    assert found == pytest.approx(0.8, abs=0.03)


def test_nothing_is_planned_where_nothing_is_held_back(proposed: Make) -> None:
    shop(20)

    some = planning.bases("USD", at=timezone.now())

    assert planning.plan(proposed(holdout=0.0), some, at=timezone.now()) is None


def test_without_any_orders_nothing_is_planned(proposed: Make) -> None:
    now = timezone.now()

    assert planning.plan(proposed(), planning.bases("USD", at=now), at=now) is None


def test_an_operator_sees_an_underpowered_test_before_approving(
    proposed: Make, olga: User, client: Client
) -> None:
    shop()
    strategy = proposed(forecast={"reach": 400, "margin": 4.0, "cost": 9.0})
    tasks.review()
    client.force_login(olga)

    page = client.get(f"/admin/promotions/strategy/{strategy.pk}/change/")

    assert "Under-powered" in page.content.decode()


def test_a_plan_spans_the_weeks_after_the_campaign_too(proposed: Make) -> None:
    """The final report holds them: their luck makes the test weaker."""
    shop()
    now = timezone.now()
    some = planning.bases("USD", at=now)
    strategy = proposed(holdout=0.5, forecast={"reach": 400})
    campaign = strategy.campaign
    campaign.ends_at = now + timedelta(days=28)

    whole = planning.plan(strategy, some, at=now)
    campaign.ends_at = now + timedelta(days=2)
    short = planning.plan(strategy, some, at=now)

    assert whole is not None
    assert short is not None
    assert (whole.days, short.days) == (56, 28)


def test_a_plan_counts_the_days_that_a_campaign_has_left(proposed: Make) -> None:
    """What is over teaches nothing of a strategy that only now begins."""
    shop()
    now = timezone.now()
    some = planning.bases("USD", at=now)
    strategy = proposed(holdout=0.5, forecast={"reach": 400, "margin": 4e4})
    campaign = strategy.campaign
    campaign.starts_at, campaign.ends_at = now - timedelta(60), now + timedelta(2)

    late = planning.plan(strategy, some, at=now)
    early = planning.plan(strategy, some, at=campaign.starts_at)

    assert late is not None
    assert early is not None
    assert (early.days, late.days) == (56, 28)


def test_more_days_than_a_test_has_are_not_advised(proposed: Make) -> None:
    shop()
    now = timezone.now()
    some = planning.bases("USD", at=now)
    promise = {"reach": 400, "days": 56}
    found = [
        planning.plan(
            proposed(
                holdout=0.2,
                forecast=promise | {"margin": margin},
                campaign=campaign(ends_at=now + timedelta(days=2)),
            ),
            some,
            at=now,
        )
        for margin in np.geomspace(10, 1e6, 20).tolist()
    ]

    advised = {one.needs_days for one in found if one}
    assert advised <= {None, 7, 14, 28}
    assert len(advised) > 1


def test_what_is_promised_and_what_will_show_are_of_the_same_days(
    proposed: Make,
) -> None:
    """A test of four weeks shows a half of what is promised for eight."""
    shop()
    now = timezone.now()
    told = {"reach": 400, "margin": 400.0, "low": 390.0, "high": 410.0, "days": 56}
    strategy = proposed(holdout=0.5, forecast=told)
    strategy.campaign.ends_at = now + timedelta(days=2)

    test = planning.plan(strategy, planning.bases("USD", at=now), at=now)
    low, high = planning.stored(test, strategy.forecast)["shows"]

    assert test is not None
    assert test.days == 28
    assert (low + high) / 2 == pytest.approx(test.promised, rel=1e-3)


def was_measured(strategy: Strategy, *, error: float, spread: float) -> None:
    """Let its test have had 180 treated where 100 were foreseen, for its 28 days."""
    campaign = strategy.campaign
    campaign.ends_at = timezone.now()
    campaign.starts_at = campaign.ends_at - timedelta(days=28)
    campaign.save()
    strategy.proposed_at = strategy.decided_at = campaign.starts_at
    strategy.forecast = {"reach": 100, "margin": 50.0, "test": {"spread": spread}}
    strategy.measured = {
        "effects": {"profit": {"error": error}},
        "treatment": 180,
        "control": 180,
        "until": timezone.now().isoformat(),
    }
    strategy.save()


def test_a_plan_counts_on_as_many_to_come_in_as_did_before(
    proposed: Make, live: Make
) -> None:
    """Places turn over; what is promised is spread over all who ever get an offer."""
    shop()
    now = timezone.now()
    was_measured(live(), error=1.0, spread=1.0)
    strategy = proposed(holdout=0.5, forecast={"reach": 100, "margin": 90.0})
    campaign, some = strategy.campaign, planning.bases("USD", at=now)
    campaign.ends_at = now + timedelta(days=28)

    first = planning.plan(strategy, some, at=now)
    told = planning.plan(strategy, some, tested.read(at=now), at=now)

    assert first is not None
    assert told is not None
    assert (first.treatment, first.promised) == (100, 0.9)
    assert told.treatment == pytest.approx(180, abs=1)
    assert told.promised == pytest.approx(90 / told.treatment)
    strategy.forecast |= planning.stored(told, strategy.forecast)
    assert strategy.promised == told.promised


def test_no_more_are_foreseen_than_there_are(proposed: Make, live: Make) -> None:
    shop(150)
    was_measured(live(), error=1.0, spread=1.0)
    strategy = proposed(holdout=0.5, forecast={"reach": 60, "margin": 90.0})

    some = planning.bases("USD", at=timezone.now())
    told = planning.plan(strategy, some, tested.Tested(turnover=1.0), at=timezone.now())

    assert told is not None
    assert told.treatment + told.control <= 150


def test_a_plan_is_as_noisy_as_tests_were(live: Make) -> None:
    """Half the spread that was planned, in 180 held back, beside a belief worth 20."""
    usual = tested.read(at=timezone.now()).noise
    was_measured(live(), error=(1 / 180 + 1 / 180) ** 0.5, spread=2.0)

    found = tested.read(at=timezone.now()).noise

    assert usual == 1.0
    assert found == pytest.approx(((20 + 180 / 4) / 200) ** 0.5)


def test_a_handful_held_back_tells_nothing_of_noise(live: Make) -> None:
    strategy = live()
    was_measured(strategy, error=9.0, spread=1.0)
    strategy.measured["control"] = tested.LEAST - 1
    strategy.save()

    assert tested.read(at=timezone.now()).noise == 1.0


def test_where_nothing_is_promised_a_test_is_neither_good_nor_bad(
    proposed: Make, olga: User, client: Client
) -> None:
    shop()
    strategy = proposed(forecast={})
    tasks.review()
    client.force_login(olga)

    page = client.get(f"/admin/promotions/strategy/{strategy.pk}/change/")

    said = page.content.decode()
    strategy.refresh_from_db()
    assert strategy.forecast["test"]["enough"] is None
    assert "Smallest effect it can find" in said
    assert "No effect was promised" in said
    for verdict in ("Under-powered", "Large enough", "Neither eight weeks"):
        assert verdict not in said
