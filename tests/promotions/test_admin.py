from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from promotions import guards, histories
from promotions.models import Strategy
from tests.conftest import Make


def page(strategy: Strategy) -> str:
    return reverse("admin:promotions_strategy_change", args=[strategy.pk])


def decide(client: Client, strategy: Strategy, decision: str, comment: str) -> str:
    url = reverse("admin:promotions_strategy_decide", args=[decision, strategy.pk])
    answer = client.post(url, {"comment": comment}, follow=True)
    return answer.content.decode()


def test_olga_approves_with_a_comment(
    client: Client, olga: User, proposed: Make
) -> None:
    strategy = proposed()
    client.force_login(olga)

    shown = decide(client, strategy, "approve", "Tea sells itself.")

    strategy.refresh_from_db()
    assert (strategy.state, strategy.decided_by) == ("live", "olga")
    assert "Your decision is in the log." in shown
    assert "Tea sells itself." in shown


def test_the_page_shows_the_promise_the_menu_the_guards_and_the_history(
    client: Client, olga: User, proposed: Make
) -> None:
    strategy = proposed()
    client.force_login(olga)

    shown = client.get(page(strategy)).content.decode()

    for text in (strategy.reason, "10 % off", "<b>platform</b> proposed", "Approve"):
        assert text in shown


def test_nothing_covers_the_buttons(client: Client, olga: User, proposed: Make) -> None:
    strategy = proposed()
    client.force_login(olga)

    shown = client.get(page(strategy)).content.decode()

    assert 'id="submit-row"' in shown
    assert "#submit-row { position: static; }" in shown


@pytest.mark.parametrize(("spent", "green"), [(0, "0%"), (25, "25%"), (100, "100%")])
def test_a_budget_looks_as_empty_as_it_is(
    client: Client, olga: User, proposed: Make, spent: int, green: str
) -> None:
    proposed()
    Strategy.objects.update(spent=spent)
    client.force_login(olga)

    listed = client.get(reverse("admin:promotions_strategy_changelist"))

    shown = listed.content.decode()
    assert f"#15803d {green}, transparent 0" in shown
    assert "<progress" not in shown


@pytest.mark.parametrize(
    ("decision", "comment", "said"),
    [("end", "x", "is proposed"), ("approve", " ", "Say why")],
)
def test_a_refusal_is_a_message_and_changes_nothing(
    client: Client, olga: User, proposed: Make, decision: str, comment: str, said: str
) -> None:
    strategy = proposed()
    client.force_login(olga)

    shown = decide(client, strategy, decision, comment)

    assert said in shown
    strategy.refresh_from_db()
    assert strategy.state == "proposed"
    assert len(histories.history(strategy)) == 1


def test_approving_twice_says_that_it_is_live(
    client: Client, olga: User, live: Make
) -> None:
    client.force_login(olga)

    assert "is live" in decide(client, live(), "approve", "Again.")


def test_who_may_only_view_cannot_decide(client: Client, proposed: Make) -> None:
    strategy = proposed()
    viewer = User.objects.create_user("vera", password="x", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_strategy"))
    client.force_login(viewer)

    assert "Approve" not in client.get(page(strategy)).content.decode()
    assert "may not decide" in decide(client, strategy, "approve", "Me too.")
    strategy.refresh_from_db()
    assert strategy.state == "proposed"


def test_a_get_decides_nothing(client: Client, olga: User, proposed: Make) -> None:
    strategy = proposed()
    client.force_login(olga)

    client.get(
        reverse("admin:promotions_strategy_decide", args=["approve", strategy.pk])
    )

    strategy.refresh_from_db()
    assert strategy.state == "proposed"


def test_strangers_are_sent_to_the_login(client: Client, proposed: Make) -> None:
    answer = client.get(page(proposed()))

    assert answer.status_code == 302
    assert "/login/" in answer["Location"]


@pytest.mark.parametrize("table", ["offer", "redemption", "reservation"])
def test_nothing_is_added_or_edited_by_hand(
    client: Client, olga: User, live: Make, table: str
) -> None:
    live()
    client.force_login(olga)

    assert (
        client.get(reverse(f"admin:promotions_{table}_changelist")).status_code == 200
    )
    assert client.get(reverse(f"admin:promotions_{table}_add")).status_code == 403


def test_a_page_shows_the_decisions_on_the_version_before_and_no_empty_history(
    client: Client, olga: User, live: Make, proposed: Make
) -> None:
    first = live(title="Tea")
    second = proposed(title="Tea", replaces=first, version=2, campaign=first.campaign)
    client.force_login(olga)

    old = client.get(f"/admin/promotions/strategy/{first.pk}/change/").content.decode()
    new = client.get(f"/admin/promotions/strategy/{second.pk}/change/").content.decode()

    assert "Version 1, which came before" in new
    assert "“Good.”" in new  # what was said of the first
    assert "Write the next version" not in old
    assert f"strategy/{second.pk}/history/" not in new


def test_what_can_be_spent_is_never_more_than_the_campaign_has() -> None:
    whole = guards.money(Decimal(400), Decimal(400), "USD")
    less = guards.money(Decimal(900), Decimal(500), "USD")

    assert whole.detail == "all of its budget of 400.00 USD can be spent"
    assert less.detail.startswith("of its budget of 900.00 USD only 500.00 can be")
    assert not guards.money(Decimal(900), Decimal(0), "USD").passed


def test_lists_are_called_by_what_they_list(client: Client, olga: User) -> None:
    client.force_login(olga)

    assert "Select" not in client.get("/admin/promotions/strategy/").content.decode()
    assert "Select user" not in client.get("/admin/auth/user/").content.decode()


def test_who_is_added_in_the_back_office_may_sign_in_there(
    client: Client, olga: User
) -> None:
    client.force_login(olga)
    words = "a long and good password"
    fields = {"username": "nina", "password1": words, "password2": words}

    client.post("/admin/auth/user/add/", fields | {"usable_password": "true"})

    assert User.objects.get(username="nina").is_staff
