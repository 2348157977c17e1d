"""Who may do what in the back office; nobody approves what they proposed."""

from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from promotions import approval, decision_rules
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
    with pytest.raises(decision_rules.OwnProposal, match="Somebody else"):
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


@pytest.mark.parametrize(
    "role", ["Operators", "Approvers", "Analysts", "Support", "Engineers"]
)
def test_the_sidebar_leads_each_role_to_what_it_may_see_and_nowhere_else(
    client: Client, db: None, role: str
) -> None:
    user = member(role)
    client.force_login(user)
    shown = client.get(reverse("admin:index")).context["sidebar_navigation"]
    links = {str(one["link"]) for group in shown for one in group["items"]}

    assert all(group["items"] for group in shown)
    refused = {link for link in links if client.get(link).status_code == 403}
    assert refused == set()
    everything: Any = settings.UNFOLD["SIDEBAR"]
    others = {
        str(one["link"]) for group in everything["navigation"] for one in group["items"]
    }
    open_ = {at for at in others - links if client.get(at).status_code == 200}
    # Who may view events may follow them there; for support it is no work of theirs.
    assert open_ - {reverse("connect")} == set()


def test_who_is_refused_is_told_whom_to_ask_and_the_way_back(
    client: Client, db: None
) -> None:
    client.force_login(member("Support"))

    answer = client.get(reverse("models"))

    assert answer.status_code == 403
    page = answer.content.decode()
    assert "“support” may not see this page" in page
    assert f'href="{reverse("admin:index")}"' in page
    assert "Find a customer" in page


@pytest.mark.parametrize(
    ("by", "state"), [("operators", "rejected"), ("olga", "proposed")]
)
def test_operators_take_back_what_they_proposed_and_nothing_else(
    client: Client, proposed: Make, by: str, state: str
) -> None:
    strategy = proposed(by=by)
    client.force_login(member("Operators"))
    page = reverse("admin:promotions_strategy_change", args=[strategy.pk])
    at = reverse("admin:promotions_strategy_decide", args=["withdraw", strategy.pk])

    assert ("Withdraw" in client.get(page).content.decode()) is (state == "rejected")
    client.post(at, {"comment": "A slip."})

    strategy.refresh_from_db()
    assert strategy.state == state
