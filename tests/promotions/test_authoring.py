"""Shops propose strategies by the API; nothing goes live by it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from rest_framework.test import APIClient

from analytics import access, events, glances
from promotions import approval, backtest, decision_rules, histories, phrases, proposals
from promotions.models import Strategy
from tests.conftest import Body
from tests.promotions.authored import fields, go_live, made, propose

pytestmark = pytest.mark.django_db


def test_a_proposal_is_not_live_and_says_what_it_is(
    api: APIClient, draft: Body
) -> None:
    body = propose(api, draft()).json()

    assert body["state"] == "proposed"
    assert body["version"] == 1
    assert "It gives: 10 % off." in body["words"]
    assert "It is about the categories TEA." in body["words"]
    cart = {"lines": [{"sku": "tea", "quantity": 1}]}
    priced = api.post("/api/v1/qualifications", cart, format="json").json()
    assert priced["effects"] == []


def test_a_proposal_can_only_be_approved_once_it_was_tried_on_past_baskets(
    api: APIClient, draft: Body
) -> None:
    strategy = made(api, draft())

    with pytest.raises(decision_rules.GuardFailed, match="past baskets"):
        approval.approve(strategy.id, by="olga", comment="Now!", at=timezone.now())

    assert go_live(strategy).state == "live"


def test_a_strategy_can_use_a_campaign_that_is_open(
    api: APIClient, draft: Body
) -> None:
    body = draft()["campaign"] | {"limits": [{"most": 5, "per": "customer"}]}
    campaign = api.post("/api/v1/campaigns", body, format="json").json()

    strategy = made(api, draft(campaign=campaign["id"]))

    assert str(strategy.campaign_id) == campaign["id"]
    opened = glances.read_stream(f"campaign:{campaign['id']}")[0].event
    assert isinstance(opened, events.CampaignOpened)
    assert (opened.by, opened.zone) == ("key test shop", "Europe/Berlin")


def test_a_key_without_the_scope_proposes_nothing(draft: Body) -> None:
    client = APIClient()
    key = access.create_key("carts only", ["carts"])
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")

    assert propose(client, draft()).status_code == 403
    assert client.get("/api/v1/strategies").status_code == 403
    assert not Strategy.objects.exists()


def test_the_list_is_paged_and_filtered(api: APIClient, draft: Body) -> None:
    ids = [str(made(api, draft(title=f"Tea {n}")).id) for n in range(5)]
    approval.reject(
        Strategy.objects.get(id=ids[0]).id, by="olga", comment="No.", at=timezone.now()
    )

    first = api.get("/api/v1/strategies?limit=3").json()
    rest = api.get(f"/api/v1/strategies?limit=3&cursor={first['next']}").json()
    listed = [row["id"] for row in first["strategies"] + rest["strategies"]]
    assert listed == ids[::-1]
    assert rest["next"] is None
    oldest = rest["strategies"][-1]
    campaign = Strategy.objects.get(id=ids[0]).campaign
    period = (campaign.starts_at.isoformat(), campaign.ends_at.isoformat())
    assert (oldest["starts_at"], oldest["ends_at"]) == period
    rejected = api.get("/api/v1/strategies?state=rejected").json()["strategies"]
    assert [row["id"] for row in rejected] == ids[:1]
    assert fields(api.get("/api/v1/strategies?cursor=zzz")) == ["cursor"]
    assert fields(api.get("/api/v1/strategies?state=odd")) == ["state"]


def test_one_strategy_is_read_and_a_strange_one_is_404(
    api: APIClient, draft: Body
) -> None:
    strategy = made(api, draft())

    assert api.get(f"/api/v1/strategies/{strategy.id}").json()["title"] == "Tea week"
    assert api.get(f"/api/v1/strategies/{uuid4()}").status_code == 404


def test_the_log_tells_a_strategy_whole(api: APIClient, draft: Body) -> None:
    rule = {"priority": 3, "limits": [{"most": 2, "per": "customer"}]}
    strategy = made(api, draft(rule=rule))

    told = histories.history(strategy)[0].event

    assert isinstance(told, events.StrategyProposed)
    columns = (
        *("kind", "title", "reason", "menu", "trigger", "rule", "budget", "currency"),
        *("holdout", "explore", "allocation", "renews_days", "least_margin", "version"),
    )
    for name in columns:
        assert getattr(told, name) == getattr(strategy, name), name
    assert list(told.scope) == strategy.scope
    assert told.campaign == strategy.campaign_id


def test_a_test_whose_offers_renew_is_proposed_logged_and_told_in_words(
    api: APIClient, draft: Body
) -> None:
    menu = {"5%": {"rate": "0.05"}, "10%": {"rate": "0.10"}}
    body = draft(menu=menu, trigger="offer", allocation="trial", renews_days=7)

    strategy = made(api, body)

    answer = api.get(f"/api/v1/strategies/{strategy.id}").json()
    assert (answer["allocation"], answer["renews_days"]) == ("trial", 7)
    assert len([one for one in answer["words"] if "It is a test" in one]) == 1
    assert "An offer can be used again 7 days after a use." in answer["words"]
    told = histories.history(strategy)[0].event
    assert isinstance(told, events.StrategyProposed)
    assert (told.allocation, told.renews_days) == ("trial", 7)
    plain = made(api, draft(menu=menu, trigger="offer"))
    assert plain.renews_days is None
    assert not [
        one for one in phrases.sentences(proposals.said(plain)) if "again" in one
    ]


def test_a_bandit_is_proposed_logged_and_told_in_words(
    api: APIClient, draft: Body
) -> None:
    menu = {"5%": {"rate": "0.05"}, "10%": {"rate": "0.10"}}
    body = draft(menu=menu, trigger="offer", allocation="thompson")

    strategy = made(api, body)

    answer = api.get(f"/api/v1/strategies/{strategy.id}").json()
    assert answer["allocation"] == strategy.allocation == "thompson"
    by_lot = [one for one in answer["words"] if "drawn by lot" in one]
    assert len(by_lot) == 1
    told = histories.history(strategy)[0].event
    assert isinstance(told, events.StrategyProposed)
    assert told.allocation == "thompson"
    plain = made(api, draft(menu=menu, trigger="offer"))
    assert plain.allocation == "best"
    assert not [one for one in phrases.sentences(proposals.said(plain)) if "lot" in one]


def test_the_command_goes_the_same_road(api: APIClient, draft: Body) -> None:
    strategy = made(api, draft())

    with pytest.raises(CommandError, match="past baskets"):
        call_command("approve_strategy", str(strategy.id), by="olga", comment="Go.")

    backtest.review(strategy, at=timezone.now())
    call_command("approve_strategy", str(strategy.id), by="olga", comment="Go.")
    strategy.refresh_from_db()
    assert (strategy.state, strategy.decided_by) == ("live", "olga")
    with pytest.raises(CommandError, match="no strategy"):
        call_command("approve_strategy", str(uuid4()), by="olga", comment="Go.")


def test_promotions_are_what_applies_by_itself_now(api: APIClient, draft: Body) -> None:
    shown = go_live(made(api, draft(rule={"conditions": {"hours": [9, 12]}})))
    go_live(made(api, draft(trigger="code")))
    go_live(made(api, draft(rule={"conditions": {"segments": ["loyal"]}})))
    made(api, draft())
    browser = APIClient()
    key = access.create_key("page", ["offers"], publishable=True)
    browser.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")

    answer = browser.get("/api/v1/promotions")

    (only,) = answer.json()["promotions"]
    assert only["id"] == str(shown.id)
    assert only["title"] == "10 % off"
    hours = "It is only from 9:00 up to 12:00, in the zone Europe/Berlin."
    assert only["conditions"] == [hours]
    assert answer["Cache-Control"] == "public, max-age=60"
    again = browser.get("/api/v1/promotions", HTTP_IF_NONE_MATCH=answer["ETag"])
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("moved", [timedelta(days=-40), timedelta(days=40)])
def test_a_promotion_outside_its_period_is_not_shown(
    api: APIClient, draft: Body, moved: timedelta
) -> None:
    strategy = go_live(made(api, draft()))
    campaign = strategy.campaign
    campaign.starts_at += moved
    campaign.ends_at += moved
    campaign.save()

    assert api.get("/api/v1/promotions").json()["promotions"] == []
    assert datetime.now(UTC) < campaign.ends_at or moved < timedelta(0)


def test_a_promotion_whose_budget_is_spent_is_not_shown(
    api: APIClient, draft: Body
) -> None:
    strategy = go_live(made(api, draft()))
    Strategy.objects.filter(id=strategy.id).update(spent=Decimal(100))

    assert api.get("/api/v1/promotions").json()["promotions"] == []


def test_what_applies_by_itself_keeps_the_variant_that_came_first(
    api: APIClient, draft: Body
) -> None:
    """The table's JSON sorts labels by their length: "ten" came before "twenty"."""
    menu = {"twenty": {"rate": "0.20"}, "ten": {"rate": "0.10"}}

    answer = api.post("/api/v1/strategies", draft(menu=menu), format="json")

    assert answer.status_code == 201, answer.json()
    assert list(Strategy.objects.get().menu) == ["twenty"]
    assert "not used" not in str(answer.json())
