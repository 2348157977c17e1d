"""Standing rules: what operators have agreed to in advance ends a strategy."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from analytics.models import StoredEvent
from promotions import standing, tasks
from promotions.models import StandingRule, Strategy
from tests.conftest import Make
from tests.promotions.watched_weeks import Kind, ran


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
