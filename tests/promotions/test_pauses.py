"""Requests for changes, pauses and comments: the road has bends."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from analytics.models import Assignment, Customer
from ml.models import TrainedModel
from promotions import (
    approval,
    decision_rules,
    gathered,
    histories,
    proposals,
    targeting,
)
from promotions.models import Code, Offer, Strategy
from promotions.spelling import digest
from tests.conftest import Give, Make
from tests.promotions.reserving import redeem
from tests.promotions.teaching import MENU, START, Shop
from tests.promotions.test_roles import member
from tests.promotions.test_versions import both

__all__ = ["both"]


def step(what: Any, strategy: Strategy, by: str = "oleg") -> Strategy:
    what(strategy.id, by=by, comment="Sold out.", at=timezone.now())
    strategy.refresh_from_db()
    return strategy


def steps(strategy: Strategy) -> list[str]:
    return [told.type.removeprefix("strategy_") for told in histories.history(strategy)]


@pytest.mark.usefixtures("shelf", "both")
def test_a_paused_strategy_gives_nothing_and_resumed_the_same_to_the_same(
    api: APIClient, live: Make, ana: Customer, trained: TrainedModel
) -> None:
    strategy = live(holdout=0.0)
    targeting.refresh(at=timezone.now())
    before = set(Offer.objects.values_list("customer", "variant"))
    old = Offer.objects.get(customer=ana.key)

    step(approval.pause, strategy)

    assert strategy.state == "paused"
    assert not Offer.objects.exists()
    assert redeem(api, customer="ana", offers=[str(old.id)]).status_code == 422
    targeting.refresh(at=timezone.now())
    assert not Offer.objects.exists()

    step(approval.resume, strategy)
    targeting.refresh(at=timezone.now())

    assert strategy.state == "live"
    assert set(Offer.objects.values_list("customer", "variant")) == before
    assert redeem(api, customer="ana", offers=[str(old.id)]).status_code == 201
    assert Assignment.objects.count() <= len(before)
    assert steps(strategy) == ["proposed", "approved", "paused", "resumed"]


def test_a_pause_leaves_it_as_it_is_who_approved_and_why(live: Make) -> None:
    strategy = live()
    decided = (strategy.decided_by, strategy.decided_at, strategy.comment)

    step(approval.resume, step(approval.pause, strategy))

    assert (strategy.decided_by, strategy.decided_at, strategy.comment) == decided
    assert strategy.paused_at is not None


def test_a_paused_strategy_can_be_ended(live: Make) -> None:
    assert step(approval.end, step(approval.pause, live())).state == "ended"


@pytest.mark.parametrize(
    ("what", "refusal"),
    [
        (approval.pause, decision_rules.NotLive),
        (approval.resume, decision_rules.NotPaused),
        (approval.end, decision_rules.NotLive),
    ],
)
def test_what_never_was_live_is_not_paused(
    proposed: Make, what: Any, refusal: type[Exception]
) -> None:
    strategy = proposed()

    with pytest.raises(refusal, match="proposed"):
        step(what, strategy)

    assert steps(strategy) == ["proposed"]


def test_after_its_campaign_nothing_is_resumed(live: Make) -> None:
    strategy = step(approval.pause, live())
    campaign = strategy.campaign
    campaign.ends_at = timezone.now()
    campaign.save()

    with pytest.raises(decision_rules.GuardFailed):
        step(approval.resume, strategy)

    strategy.refresh_from_db()
    assert strategy.state == "paused"


def test_what_follows_a_pause_is_learnt_from_whoever_came_after_it(live: Make) -> None:
    """Ana's weeks without an offer must not count as weeks with one."""
    strategy = live(menu=MENU, scope=["TEA"], holdout=0.2)
    shop, pause = Shop(strategy), START + timedelta(days=7)
    before, after = uuid4(), uuid4()
    shop.assigned(before, "10%")
    shop.assigned(after, "10%", at=pause + timedelta(days=1))
    shop.bought(before, 10)
    shop.bought(after, 12)
    shop.tell()
    strategy.paused_at = pause
    strategy.save()

    [arm] = gathered.gather(at=START + timedelta(days=40))

    assert dict(
        zip([unit.at for unit in arm.units], arm.seen.bought.tolist(), strict=True)
    ) == {START: 0.0, pause + timedelta(days=1): 1.0}


def test_a_version_whose_predecessor_was_returned_takes_the_live_ones_place(
    proposed: Make, live: Make, ana: Customer, give: Give
) -> None:
    first = live(trigger="code", holdout=0.0)
    Code.objects.create(strategy=first, text="TEA5", digest=digest("TEA5"))
    second = proposed(trigger="code", holdout=0.0, replaces=first, version=2)
    step(approval.request_changes, second)
    third = proposed(trigger="code", holdout=0.0, replaces=second, version=3)

    step(approval.approve, third)

    first.refresh_from_db()
    second.refresh_from_db()
    states = (first.state, second.state, third.state)
    assert states == ("ended", "returned", "live")
    assert Code.objects.get().strategy == third
    assert steps(second) == ["proposed", "returned"]


def test_what_was_returned_cannot_be_approved_but_followed(proposed: Make) -> None:
    strategy = step(approval.request_changes, proposed())

    assert strategy.state in proposals.REPLACEABLE
    with pytest.raises(decision_rules.NotProposed, match="returned"):
        step(approval.approve, strategy)


def test_a_comment_decides_nothing(proposed: Make) -> None:
    strategy = step(approval.comment, proposed())

    assert strategy.state == "proposed"
    assert steps(strategy) == ["proposed", "commented"]
    with pytest.raises(decision_rules.CommentMissing):
        approval.comment(strategy.id, by="vera", comment=" ", at=timezone.now())


@pytest.mark.parametrize(
    ("role", "decision", "state"),
    [
        ("Approvers", "changes", "returned"),
        ("Operators", "changes", "proposed"),
        ("Operators", "pause", "paused"),
        ("Operators", "end", "live"),
        ("Operators", "resume", "paused"),
        ("Analysts", "pause", "live"),
        ("Analysts", "comment", "live"),
        ("Support", "pause", "live"),
    ],
)
def test_to_stop_is_an_operators_to_decide_an_approvers(
    client: Client, proposed: Make, live: Make, role: str, decision: str, state: str
) -> None:
    strategy = proposed() if decision == "changes" else live()
    if decision == "resume":
        step(approval.pause, strategy)
    client.force_login(member(role))

    page = reverse("admin:promotions_strategy_decide", args=[decision, strategy.pk])
    client.post(page, {"comment": "Sold out."})

    strategy.refresh_from_db()
    assert strategy.state == state


@pytest.mark.parametrize(
    ("state", "role", "offers"),
    [
        ("proposed", "Approvers", {"approve", "changes", "reject", "comment"}),
        ("proposed", "Operators", {"comment"}),
        ("live", "Approvers", {"pause", "end", "comment"}),
        ("live", "Operators", {"pause", "comment"}),
        ("paused", "Approvers", {"resume", "end", "comment"}),
        ("rejected", "Approvers", {"comment"}),
        ("live", "Analysts", {"comment"}),
    ],
)
def test_the_page_offers_what_is_allowed_and_nothing_else(
    client: Client, proposed: Make, live: Make, state: str, role: str, offers: set[str]
) -> None:
    strategy = live() if state in ("live", "paused") else proposed()
    if state in ("paused", "rejected"):
        step(approval.pause if state == "paused" else approval.reject, strategy)
    client.force_login(member(role))

    page = client.get(f"/admin/promotions/strategy/{strategy.pk}/change/")

    assert {name for name, _ in page.context["decisions"]} == offers


def test_who_proposed_is_told_that_somebody_else_must_approve(
    client: Client, proposed: Make
) -> None:
    client.force_login(member("Approvers"))
    strategy = proposed(by="approvers")

    page = client.get(f"/admin/promotions/strategy/{strategy.pk}/change/")

    assert "somebody else must approve it" in page.content.decode()
    assert "approve" not in {name for name, _ in page.context["decisions"]}


def test_what_somebody_wrote_before_it_was_returned_is_theirs_too(
    proposed: Make,
) -> None:
    first = step(approval.request_changes, proposed(by="anna"))
    second = proposed(by="ben", replaces=first, version=2)

    with pytest.raises(decision_rules.OwnProposal):
        step(approval.approve, second, by="anna")

    assert step(approval.approve, second, by="oleg").state == "live"


@pytest.mark.parametrize("comment", ["Good.\0", "\0"])
def test_a_comment_with_a_nul_breaks_nothing(
    client: Client, proposed: Make, comment: str
) -> None:
    strategy = proposed()
    client.force_login(member("Approvers"))

    page = reverse("admin:promotions_strategy_decide", args=["approve", strategy.pk])
    answer = client.post(page, {"comment": comment}, follow=True)

    assert answer.status_code == 200


def test_an_address_of_no_strategy_is_none(client: Client, db: None) -> None:
    client.force_login(member("Approvers"))

    answer = client.get("/admin/promotions/strategy/abc/change/")

    assert answer.status_code in (302, 404)
