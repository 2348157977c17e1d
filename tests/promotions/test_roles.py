"""Who may do what in the back office; nobody approves what they proposed."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from promotions import approval
from promotions.models import Strategy
from tests.conftest import Make


def member(role: str) -> User:
    user = User.objects.create_user(role.lower(), password="secret", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user


def approves(client: Client, user: User, strategy: Strategy) -> str:
    client.force_login(user)
    path = reverse("admin:promotions_strategy_decide", args=["approve", strategy.pk])
    client.post(path, {"comment": "Good."})
    strategy.refresh_from_db()
    return strategy.state


@pytest.mark.parametrize(
    ("role", "state"),
    [
        ("Approvers", "live"),
        ("Operators", "proposed"),
        ("Analysts", "proposed"),
        ("Support", "proposed"),
    ],
)
def test_only_approvers_decide(
    client: Client, proposed: Make, role: str, state: str
) -> None:
    assert approves(client, member(role), proposed()) == state


@pytest.mark.parametrize(
    ("role", "opens"),
    [
        ("Operators", {"strategy", "campaign", "code", "customer", "event", "model"}),
        ("Analysts", {"strategy", "campaign", "code", "customer", "event", "model"}),
        ("Support", {"strategy", "campaign", "code", "customer", "event"}),
    ],
)
def test_each_role_sees_what_it_works_with(
    client: Client, db: None, role: str, opens: set[str]
) -> None:
    client.force_login(member(role))
    tables = {
        "strategy": "promotions_strategy",
        "campaign": "promotions_campaign",
        "code": "promotions_code",
        "customer": "analytics_customer",
        "event": "analytics_storedevent",
        "model": "ml_trainedmodel",
        "key": "analytics_apikey",
    }

    seen = {
        name
        for name, table in tables.items()
        if client.get(reverse(f"admin:{table}_changelist")).status_code == 200
    }

    assert seen - {"key"} == opens
    new = client.get(reverse("admin:promotions_strategy_add"))
    assert (new.status_code == 200) == (role == "Operators")


def test_nobody_approves_what_they_proposed(
    client: Client, proposed: Make, settings: Any
) -> None:
    olga, oleg = (
        User.objects.create_superuser(name, password="secret")
        for name in ("olga", "oleg")
    )
    mine = proposed(by="olga")

    assert approves(client, olga, mine) == "proposed"
    with pytest.raises(approval.OwnProposal, match="Somebody else"):
        approval.approve(mine.id, by="olga", comment="Good.", at=timezone.now())
    assert approves(client, oleg, mine) == "live"

    settings.FOUR_EYES = False
    alone = proposed(by="olga")
    assert approves(client, olga, alone) == "live"


def test_whoever_proposed_may_take_it_back(proposed: Make) -> None:
    mine = proposed(by="olga")

    approval.reject(mine.id, by="olga", comment="A mistake.", at=timezone.now())

    mine.refresh_from_db()
    assert mine.state == "rejected"


def test_engineers_make_keys_and_decide_nothing(client: Client, proposed: Make) -> None:
    engineer = member("Engineers")
    client.force_login(engineer)

    assert client.get(reverse("connect")).status_code == 200
    assert engineer.has_perms(["analytics.add_apikey", "promotions.add_endpoint"])
    for page in ("proposals", "calendar", "response"):
        assert client.get(reverse(page)).status_code == 403
    assert approves(client, engineer, proposed()) == "proposed"
