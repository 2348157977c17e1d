"""What a quarter's plan moves or adds is proposed; who may not, is told why."""

from datetime import UTC
from decimal import Decimal

from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from analytics.models import Customer
from promotions import approval
from promotions.models import Strategy
from promotions.quarter_weeks import WEEK
from tests.conftest import Make
from tests.promotions.quartering import address, planned, sent, soon, this
from tests.promotions.scoring import scored
from tests.promotions.test_roles import member
from tests.promotions.test_what_if import MENU

__all__ = ["planned", "scored"]

PAGE = "/admin/quarter"


def test_a_proposal_that_was_moved_returns_to_its_next_version(
    planned: Strategy, client: Client, olga: User
) -> None:
    client.force_login(olga)
    key, monday = str(planned.id), soon().mondays[6]

    sent(
        client,
        soon(),
        {
            f"{key}-inside": "on",
            f"{key}-money": "30",
            f"{key}-starts": monday.date().isoformat(),
        },
    )

    planned.refresh_from_db()
    [after] = planned.successors.all()
    assert (planned.state, after.state) == ("returned", "proposed")
    assert after.budget == 30
    assert (after.terms, after.scope) == (planned.terms, ["TEA"])
    assert after.campaign.starts_at == monday
    assert after.campaign.ends_at == monday + 4 * WEEK
    assert after.campaign_id != planned.campaign_id


def test_what_runs_gets_a_version_with_another_budget_and_stays_where_it_is(
    scored: list[Customer], live: Make, client: Client, olga: User
) -> None:
    strategy = live(menu=MENU, budget=Decimal(40))
    client.force_login(olga)
    key = str(strategy.id)

    sent(
        client,
        this(),
        {f"{key}-inside": "on", f"{key}-money": "25", f"{key}-starts": "2099-01-05"},
    )

    strategy.refresh_from_db()
    [after] = strategy.successors.all()
    assert (strategy.state, after.state) == ("live", "proposed")
    assert after.budget == 25
    assert after.campaign_id == strategy.campaign_id


def test_what_was_added_is_proposed_as_a_campaign_in_the_likes_zone(
    planned: Strategy, client: Client, olga: User
) -> None:
    planned.campaign.zone = "Europe/Berlin"
    planned.campaign.save()
    client.force_login(olga)
    monday = soon().mondays[5]

    sent(
        client,
        soon(),
        {
            f"{planned.id}-inside": "on",
            "add-1-like": str(planned.id),
            "add-1-starts": monday.date().isoformat(),
            "add-1-weeks": "2",
            "add-1-money": "12.50",
        },
    )

    after = Strategy.objects.exclude(id=planned.id).get()
    assert (after.state, after.budget) == ("proposed", Decimal("12.50"))
    assert after.campaign.zone == "Europe/Berlin"
    assert after.campaign.starts_at.astimezone(UTC).hour in (22, 23)
    assert after.campaign.ends_at - after.campaign.starts_at == 2 * WEEK
    planned.refresh_from_db()
    assert planned.state == "proposed"


def test_a_version_is_in_the_plan_in_place_of_the_one_before_it(
    scored: list[Customer], live: Make, proposed: Make, client: Client, olga: User
) -> None:
    old = live(title="Old", menu=MENU)
    proposed(title="New", menu=MENU, replaces=old, version=2, campaign=old.campaign)
    returned = proposed(title="Draft", menu=MENU)
    approval.request_changes(returned.id, by="o", comment="No.", at=timezone.now())
    client.force_login(olga)

    page = client.get(PAGE)

    rows = page.context["answer"]["sections"][0].rows
    assert [row.cells[0] for row in rows] == ["New"]
    assert {row["title"] for row in page.context["rows"]} == {"Old", "New", "Draft"}


def test_who_may_not_return_proposals_moves_none(
    planned: Strategy, client: Client
) -> None:
    client.force_login(member("Operators"))
    key = str(planned.id)

    answer = sent(client, soon(), {f"{key}-inside": "on", f"{key}-money": "3"})

    assert answer.status_code == 403
    planned.refresh_from_db()
    assert planned.state == "proposed"
    client.force_login(User.objects.create_user("nobody", is_staff=True))
    assert client.get(PAGE).status_code == 403


def test_a_post_that_says_nothing_is_told_so(client: Client, db: None) -> None:
    client.force_login(member("Approvers"))

    answer = client.post(address(soon()), {"neither": "1"}, follow=True)

    assert answer.status_code == 200
    assert "neither a budget nor a plan" in answer.content.decode()


def test_who_may_not_decide_is_told_why_what_waits_cannot_be_changed_here(
    client: Client, planned: Strategy
) -> None:
    asked = {"asked": "1", f"{planned.pk}-inside": "on", f"{planned.pk}-money": "7"}
    told = {}
    for role in ("Operators", "Approvers"):
        client.force_login(member(role))
        told[role] = client.get(address(soon()), asked).content.decode()

    assert planned.state == "proposed"
    assert "is not changed here" in told["Operators"]
    assert 'name="plan"' not in told["Operators"]
    assert "is not changed here" not in told["Approvers"]
