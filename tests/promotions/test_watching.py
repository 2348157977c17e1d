"""Planning, promises, flags and standing rules: before, and while, a strategy runs."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from analytics import alerts, events, projections, store
from analytics.models import StoredEvent
from ml.models import CampaignResponse
from promotions import (
    flags,
    measurement,
    planning,
    promises,
    response,
    standing,
    tasks,
    tested,
)
from promotions.models import (
    ArmDay,
    Calibration,
    Campaign,
    StandingRule,
    Strategy,
)
from tests.conftest import Make
from tests.promotions.daysums import keep, units

Kind = StandingRule.Flag


def buys(customer: Any, paid: float, at: datetime) -> store.Fact:
    line = events.OrderLine(sku="tea", paid=Decimal(f"{paid:.2f}"))
    order = events.OrderCompleted(order_id=str(uuid4()), currency="USD", lines=(line,))
    return store.Fact(event=order, at=at, customer=customer)


def ran(strategy: Strategy, *, lift: float, n: int = 3000, share: float = 0.5) -> None:
    """Let n customers, of whom a share gets offers, order before and after."""
    chance, at = np.random.default_rng(1), timezone.now() - timedelta(days=3)
    facts = []
    for number in range(n):
        who, usual = uuid4(), float(chance.gamma(4, 5))
        arm = "treatment" if number < n * share else "holdout"
        assigned = events.OfferAssigned(
            strategy=strategy.id, arm=arm, variant=None, probability=0.5
        )
        facts.append(buys(who, usual + chance.normal() ** 2, at - timedelta(days=9)))
        facts.append(store.Fact(event=assigned, at=at, customer=who))
        paid = usual + chance.normal() ** 2 + (lift if arm == "treatment" else 0)
        facts.append(buys(who, max(paid, 0), at + timedelta(hours=number % 48)))
    store.append_new(facts)
    measurement.refresh(until=timezone.now())
    strategy.refresh_from_db()


def kinds(strategy: Strategy) -> set[str]:
    return {flag.kind for flag in flags.of(strategy, at=timezone.now())}


def test_what_does_good_or_nothing_raises_no_flag(live: Make) -> None:
    for lift in (4.0, 0.0):
        strategy = live(holdout=0.5)
        ran(strategy, lift=lift)

        assert kinds(strategy) == set()


def test_harm_that_holds_at_every_look_is_flagged_and_an_alert(live: Make) -> None:
    strategy = live(holdout=0.5)
    ran(strategy, lift=-4.0)

    assert kinds(strategy) == {Kind.HARM, Kind.MARGIN}
    told = {(one.code, one.about) for one in alerts.current(timezone.now())}
    assert ("strategy_harm", str(strategy.id)) in told


def test_arms_that_are_not_as_drawn_are_all_that_is_told(live: Make) -> None:
    strategy = live(holdout=0.05)
    ran(strategy, lift=-4.0)

    assert kinds(strategy) == {Kind.MISMATCH}
    [flag] = flags.of(strategy, at=timezone.now())
    assert "(p < 0.001)" in flag.text


def test_less_margin_before_discounts_is_flagged_for_itself(live: Make) -> None:
    strategy = live(holdout=0.5)
    ran(strategy, lift=0.0)
    known = strategy.measured
    lowered = known["watched"] | {"margin": known["always"] | {"high": -0.5}}
    strategy.measured = known | {"watched": lowered}

    [flag] = flags.of(strategy, at=timezone.now())

    assert flag.kind == Kind.MARGIN
    assert "−0.50" in flag.text or "-0.50" in flag.text


def weeks(
    strategy: Strategy, gains: dict[str, float], *, n: int = 300, usual: float = 5.0
) -> None:
    """Keep the sums of customers by week of assignment, and how much they gained."""
    for seed, (monday, gain) in enumerate(gains.items()):
        treated = units(n, profit=usual + gain, seed=seed)
        others = units(n, profit=usual, seed=seed + 50)
        keep(strategy.id, "treatment", treated, slice_=f"week {monday}")
        keep(strategy.id, "holdout", others, slice_=f"week {monday}")


MONDAYS = ("2026-03-02", "2026-03-09", "2026-03-16", "2026-03-23")


@pytest.mark.parametrize(
    ("gains", "n", "drifts"),
    [
        ((2.0, 2.0, 2.0, 2.0), 300, False),
        ((2.0, 2.0, -2.0, -2.0), 300, True),  # the newest two weeks lose
        ((-2.0, -2.0, 2.0, 2.0), 300, True),
        ((2.0, 2.0, -2.0, -2.0), 49, False),  # 98 in an arm: too few to judge
        ((2.0, -2.0), 300, False),  # there is nobody from before
    ],
)
def test_newest_customers_who_answer_otherwise_are_flagged(
    live: Make,
    gains: tuple[float, ...],
    n: int,
    drifts: bool,
) -> None:
    strategy = live(holdout=0.5)
    ran(strategy, lift=0.0, n=200)
    ArmDay.objects.filter(subject=strategy.id, slice__startswith="week ").delete()
    weeks(strategy, dict(zip(MONDAYS, gains, strict=False)), n=n)

    assert (Kind.DRIFT in kinds(strategy)) is drifts
    told = {one.code for one in flags.current(timezone.now())}
    assert ("strategy_drift" in told) is drifts


@pytest.mark.parametrize(
    ("usual", "gain"),
    [
        (2.0, 1.0),  # half the time, half of all: the same share
        (2.0, 2.0),  # it came at once, and stays: the same for each customer
        (2.0, 1.4),  # most of it comes soon: less for each, and a larger share
    ],
)
def test_who_was_watched_for_less_time_does_not_answer_otherwise_for_that(
    live: Make, usual: float, gain: float
) -> None:
    strategy = live(holdout=0.5)
    ran(strategy, lift=0.0, n=200)
    ArmDay.objects.filter(subject=strategy.id, slice__startswith="week ").delete()
    weeks(strategy, dict.fromkeys(MONDAYS[:2], 2.0), n=2000, usual=9.0)
    for number, monday in enumerate(MONDAYS[2:]):
        for arm, more in (("treatment", gain), ("holdout", 0.0)):
            some = units(2000, profit=usual + more, seed=90 + number + int(more > 0))
            keep(strategy.id, arm, some, slice_=f"week {monday}")

    assert Kind.DRIFT not in kinds(strategy)


def test_a_budget_that_runs_ahead_of_time_is_flagged(live: Make) -> None:
    strategy = live(budget=Decimal(100))
    campaign = strategy.campaign
    now = timezone.now()
    campaign.starts_at, campaign.ends_at = now - timedelta(days=1), now + timedelta(9)
    campaign.save()

    assert kinds(strategy) == set()
    strategy.spent = Decimal(34)
    assert kinds(strategy) == set()
    strategy.spent = Decimal(36)
    assert kinds(strategy) == {Kind.PACE}


def test_a_campaign_that_has_not_begun_is_not_ahead_of_its_time(live: Make) -> None:
    """A standing rule would have ended it before it began."""
    strategy, now = live(), timezone.now()
    campaign = strategy.campaign
    campaign.starts_at, campaign.ends_at = now + timedelta(10), now + timedelta(30)

    assert kinds(strategy) == set()


def test_too_little_for_what_was_promised_is_flagged_once_its_time_is_over(
    live: Make,
) -> None:
    strategy = live(holdout=0.5)
    ran(strategy, lift=1.0)
    strategy.forecast = {"reach": 100, "margin": 500.0, "cost": 0.0, "days": 28}
    strategy.decided_at = timezone.now() - timedelta(days=27)
    assert kinds(strategy) == set()

    strategy.decided_at = timezone.now() - timedelta(days=29)
    assert kinds(strategy) == {Kind.PROMISE}


def test_more_returns_are_flagged(live: Make) -> None:
    strategy = live(holdout=0.5)
    at = timezone.now() - timedelta(days=2)
    facts = []
    for number in range(2000):
        who, arm = uuid4(), ("treatment", "holdout")[number % 2]
        assigned = events.OfferAssigned(
            strategy=strategy.id, arm=arm, variant=None, probability=0.5
        )
        order = buys(who, 10.0 + number % 7, at + timedelta(hours=1))
        facts += [store.Fact(event=assigned, at=at, customer=who), order]
        if number % (4 if arm == "treatment" else 40) == 0:
            number_ = order.event.order_id  # type: ignore[attr-defined]
            back = events.OrderCancelled(order_id=number_)
            facts.append(
                store.Fact(event=back, at=at + timedelta(hours=9), customer=who)
            )
    store.append_new(facts)
    measurement.refresh(until=timezone.now())
    strategy.refresh_from_db()

    assert Kind.RETURNS in kinds(strategy)


@pytest.fixture
def harmful(live: Make) -> Strategy:
    strategy = live(holdout=0.5)
    ran(strategy, lift=-4.0)
    return strategy


def rule(**more: Any) -> StandingRule:
    made = StandingRule(flag=Kind.HARM, **more)
    return standing.propose(made, by="olga", at=timezone.now())


def test_without_a_standing_rule_nothing_is_ever_stopped(harmful: Strategy) -> None:
    tasks.measure()

    harmful.refresh_from_db()
    assert harmful.state == Strategy.State.LIVE


def test_a_proposed_rule_does_nothing_an_approved_one_ends_what_harms(
    harmful: Strategy, live: Make
) -> None:
    other, mine = live(holdout=0.5), rule()
    assert standing.act(at=timezone.now()) == []

    standing.approve(mine.id, by="oleg", at=timezone.now())
    ended = standing.act(at=timezone.now())

    harmful.refresh_from_db()
    other.refresh_from_db()
    assert ended == [harmful]
    assert harmful.state == Strategy.State.ENDED
    assert harmful.decided_by == "standing rule of oleg"
    assert str(mine.id) in harmful.comment
    assert "0.00000" not in harmful.comment
    assert other.state == Strategy.State.LIVE
    assert standing.act(at=timezone.now()) == []


def test_a_rule_needs_two_and_the_table_says_so_too(db: None) -> None:
    mine = rule()

    with pytest.raises(standing.NotByTwo):
        standing.approve(mine.id, by="olga", at=timezone.now())
    with pytest.raises(IntegrityError), transaction.atomic():
        StandingRule.objects.filter(id=mine.id).update(
            state="approved", decided_by="olga"
        )

    mine.refresh_from_db()
    assert mine.state == StandingRule.State.PROPOSED


def test_a_rule_for_another_campaign_or_a_retired_one_does_nothing(
    harmful: Strategy, live: Make
) -> None:
    elsewhere, old = rule(campaign=live().campaign), rule()
    for one in (elsewhere, old):
        standing.approve(one.id, by="oleg", at=timezone.now())
    standing.retire(old.id, by="olga", at=timezone.now())

    assert standing.act(at=timezone.now()) == []
    steps = StoredEvent.objects.filter(type="standing_rule_decided")
    assert list(steps.order_by("position").values_list("data__step", flat=True)) == [
        *("proposed", "proposed", "approved", "approved", "retired")
    ]


def test_a_retired_rule_cannot_come_back(db: None) -> None:
    mine = rule()
    standing.retire(mine.id, by="olga", at=timezone.now())

    with pytest.raises(standing.NotWaiting):
        standing.approve(mine.id, by="oleg", at=timezone.now())


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
    CampaignResponse.objects.create(
        computed_at=timezone.now(),
        lift=0.5,
        low=0.2,
        high=0.8,
        depth=0.3,
        use=0.3,
        campaigns=9,
    )
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


def test_operators_propose_a_rule_and_only_another_one_approves_it(
    olga: User, client: Client
) -> None:
    User.objects.create_superuser("oleg", password="secret")
    client.force_login(olga)
    page = "/admin/promotions/standingrule/"
    client.post(f"{page}add/", {"flag": "harm", "campaign": "", "comment": "Agreed."})
    [mine] = StandingRule.objects.all()
    chosen = {"action": "approve", "_selected_action": [str(mine.pk)]}

    own = client.post(page, chosen, follow=True)
    mine.refresh_from_db()
    assert "Somebody else must approve" in own.content.decode()
    assert mine.state == "proposed"

    client.force_login(User.objects.get(username="oleg"))
    client.post(page, chosen)
    mine.refresh_from_db()
    assert (mine.state, mine.decided_by) == ("approved", "oleg")
    client.post(page, chosen | {"action": "retire"})
    mine.refresh_from_db()
    assert mine.state == "retired"


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


def campaign(**more: Any) -> Campaign:
    now = timezone.now()
    usual: dict[str, Any] = {"starts_at": now, "ends_at": now + timedelta(days=28)}
    named = {"name": "June", "budget": Decimal(100), "currency": "USD"}
    return Campaign.objects.create(**named | usual | more)


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
