from datetime import timedelta
from uuid import UUID

import numpy as np
import pytest

from analytics import events, store
from ml import response
from ml.models import CampaignResponse
from ml.pooling import pool
from tests.ml.conftest import START, key, order

pytestmark = pytest.mark.django_db
CAMPAIGN = START + timedelta(weeks=20)
AFTER = START + timedelta(weeks=40)


def shop(*, lift: float, seed: int = 3, customers: int = 600) -> None:
    """Weekly shoppers; who bought tea often is likelier to be sent its campaign.

    The addressed buy tea with log-odds higher by `lift` in each week of the campaign,
    and half of the buyers use the coupon. Tea drinkers are addressed more and buy more:
    a comparison without adjustment would be wrong.
    """
    chance, facts = np.random.default_rng(seed), []
    for number in range(customers):
        one, base, bought, addressed = key(number), 0.02, 0, False
        if chance.random() < 0.4:
            base = 0.25
        for week in range(28):
            if week == 20 and chance.random() < (0.6 if bought >= 3 else 0.15):
                addressed = True
                received = events.CampaignReceived(campaign="spring")
                facts.append(store.Fact(event=received, at=CAMPAIGN, customer=one))
            at = START + timedelta(weeks=week, hours=int(chance.integers(160)))
            running = CAMPAIGN <= at < CAMPAIGN + timedelta(weeks=6)
            odds = base / (1 - base) * np.exp(lift if addressed and running else 0)
            tea = bool(chance.random() < odds / (1 + odds))
            bought += tea
            facts.append(order(one, at, ["tea"] if tea else ["bread"]))
            if tea and addressed and running and chance.random() < 0.5:
                used = events.CouponRedeemed(campaign="spring", coupon="c1")
                facts.append(store.Fact(event=used, at=at, customer=one))
    facts += [
        store.Fact(event=event, at=CAMPAIGN)
        for event in (
            events.CampaignAnnounced(
                campaign="spring",
                kind="mail",
                starts_on=f"{CAMPAIGN:%Y-%m-%d}",
                ends_on=f"{CAMPAIGN + timedelta(weeks=6):%Y-%m-%d}",
            ),
            events.CouponIssued(campaign="spring", coupon="c1", skus=("tea-1",)),
        )
    ]
    store.append_new(facts)


def test_a_planted_lift_is_found() -> None:
    shop(lift=1.2)

    learnt = response.refresh(at=AFTER)

    assert learnt is not None
    # 1.2 a week is, over the six weeks, 1.3 for the others and 2.9 for drinkers.
    assert learnt.low > 0.4
    assert 1.2 < learnt.lift < 3.0
    assert 0.4 < learnt.use < 1
    assert CampaignResponse.objects.get().campaigns == 1


def test_where_being_addressed_did_nothing_the_interval_covers_zero() -> None:
    shop(lift=0.0)

    learnt = response.refresh(at=AFTER)

    assert learnt is not None
    assert learnt.low < 0 < learnt.high


def test_a_campaign_that_still_runs_is_not_learnt_from() -> None:
    shop(lift=1.2)

    assert response.refresh(at=CAMPAIGN + timedelta(weeks=3)) is None
    assert not CampaignResponse.objects.exists()


def test_without_campaigns_nothing_is_learnt() -> None:
    store.append_new([order(UUID(int=1), START, ["tea"])])

    assert response.refresh(at=AFTER) is None


def test_pooling_equal_estimates_shrinks_the_error() -> None:
    pooled = pool(np.array([0.4, 0.4]), np.array([0.1, 0.1]))

    assert pooled.mean == pytest.approx(0.4)
    assert pooled.error == pytest.approx(0.1 / 2**0.5)
    assert pooled.spread == 0


def test_pooling_what_disagrees_widens_the_error() -> None:
    pooled = pool(np.array([0.0, 1.0]), np.array([0.1, 0.1]))

    assert pooled.mean == pytest.approx(0.5)
    assert pooled.error > 0.4
