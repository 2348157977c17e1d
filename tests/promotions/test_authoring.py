"""Shops propose strategies and new versions by the API; nothing goes live by it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from rest_framework.test import APIClient

from analytics import access, events, glances
from promotions import approval, backtest, decision_rules, histories, phrases, proposals
from promotions.models import Campaign, Code, Counter, Strategy
from tests.conftest import Body

pytestmark = pytest.mark.django_db


def propose(api: APIClient, body: dict[str, Any]) -> Any:
    return api.post("/api/v1/strategies", body, format="json")


def made(api: APIClient, body: dict[str, Any]) -> Strategy:
    answer = propose(api, body)
    assert answer.status_code == 201, answer.json()
    return Strategy.objects.get(id=answer.json()["id"])


def go_live(strategy: Strategy) -> Strategy:
    backtest.review(strategy, at=timezone.now())
    approval.approve(strategy.id, by="olga", comment="Good.", at=timezone.now())
    strategy.refresh_from_db()
    return strategy


def next_version(api: APIClient, old: Strategy, body: dict[str, Any]) -> Any:
    return api.post(f"/api/v1/strategies/{old.id}/versions", body, format="json")


def fields(answer: Any) -> list[str]:
    assert answer.status_code == 400, answer.json()
    assert answer["Content-Type"] == "application/problem+json"
    return [error["field"] for error in answer.json()["errors"]]


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


def gift(**changed: str) -> dict[str, Any]:
    terms = {"spend": "40", "sku": "mug", "name": "Mug", "value": "4"}
    return {"kind": "gift", "menu": {"mug": terms | changed}}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"menu": {"10%": {"rate": "1.5"}}}, "menu.10%.rate"),
        ({"menu": {"10%": {"rate": "ten"}}}, "menu.10%.rate"),
        ({"menu": {"10%": {"rate": "1e-999999"}}}, "menu.10%.rate"),
        ({"menu": {"10%": {"rate": "0.0000001"}}}, "menu.10%.rate"),
        ({"menu": {"10%": {}}}, "menu.10%.rate"),
        ({"menu": {"10%": {"rate": "0.1", "prise": 1}}}, "menu.10%.prise"),
        ({"menu": {"10%": {"kind": "lottery"}}}, "menu.10%.kind"),
        ({"menu": {"mug": {"kind": "fixed_price", "price": "1"}}}, "menu.mug.kind"),
        ({"menu": {}}, "menu"),
        ({"menu": "free for all"}, "menu"),
        ({"kind": "lottery"}, "kind"),
        ({"trigger": None}, "trigger"),
        ({"rule": {"conditions": {"hours": [9, 25]}}}, "rule.conditions.hours[1]"),
        ({"rule": {"conditions": {"hours": [9, 9]}}}, "rule.conditions.hours"),
        ({"rule": {"conditions": {"weekdays": [8]}}}, "rule.conditions.weekdays[0]"),
        ({"rule": {"conditions": {"moon": "full"}}}, "rule.conditions.moon"),
        (
            {"rule": {"conditions": {"least_amount": "1.005"}}},
            "rule.conditions.least_amount",
        ),
        ({"rule": {"mode": "best"}}, "rule.group"),
        ({"rule": {"schema": 2}}, "rule.schema"),
        ({"rule": {"limits": [{"most": "0.5"}]}}, "rule.limits[0].most"),
        ({"rule": {"limits": [{"most": "1E+999999"}]}}, "rule.limits[0].most"),
        (
            {"rule": {"limits": [{"most": "1e-999999", "of": "money"}]}},
            "rule.limits[0].most",
        ),
        (
            {
                "kind": "threshold",
                "menu": {
                    "tiers": {
                        "spend": "10",
                        "amount": "5",
                        "higher": [
                            {"spend": "50", "rate": "0.10"},
                            {"spend": "60", "rate": "0.08"},
                        ],
                    }
                },
            },
            "menu.tiers.higher[1].amount",
        ),
        (gift(name="x" * 201), "menu.mug.name"),
        (gift(name=""), "menu.mug.name"),
        (gift(spend="1_000"), "menu.mug.spend"),
        (gift(value="１２"), "menu.mug.value"),
        ({"menu": {"10%": {"rate": "0.1_0"}}}, "menu.10%.rate"),
        ({"rule": {"most_per_order": "1_0"}}, "rule.most_per_order"),
        ({"rule": {"limits": [{"most": "٣"}]}}, "rule.limits[0].most"),
        ({"budget": "1_000"}, "budget"),
        ({"least_margin": "０.05"}, "least_margin"),
        ({"budget": "0"}, "budget"),
        ({"budget": "NaN"}, "budget"),
        ({"budget": "1.005"}, "budget"),
        ({"least_margin": "1"}, "least_margin"),
        ({"holdout": 0.1}, "holdout"),
        ({"allocation": "thompson"}, "allocation"),
        ({"allocation": "thompson", "trigger": "offer"}, "allocation"),
        ({"allocation": "luck"}, "allocation"),
        ({"allocation": "trial"}, "allocation"),
        ({"renews_days": 7}, "renews_days"),
        ({"renews_days": 0, "trigger": "offer"}, "renews_days"),
        ({"colour": "red"}, "colour"),
        ({"title": "a\0b"}, "title"),
        ({"scope": ["a\0b"]}, "scope[0]"),
        ({"campaign": str(uuid4())}, "campaign"),
        ({"campaign": "June"}, "campaign"),
        ({"campaign": {"name": "June"}}, "campaign.starts_at"),
    ],
)
def test_a_bad_draft_is_refused_with_the_fields_name(
    api: APIClient, draft: Body, change: dict[str, Any], field: str
) -> None:
    assert field in fields(propose(api, draft(**change)))

    assert not Strategy.objects.exists()
    assert not Campaign.objects.exists()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"zone": "Mars/Base"}, "zone"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, "ends_at"),
        ({"starts_at": "2026-06-01T00:00:00"}, "starts_at"),
        ({"starts_at": "0001-01-01T00:00:00+14:00"}, "starts_at"),
        ({"budget": "-1"}, "budget"),
        ({"budget": "1_000"}, "budget"),
        ({"limits": [{"most": "1_000"}]}, "limits[0].most"),
        ({"currency": "euro"}, "currency"),
        ({"limits": [{"most": 1}, {"most": 2}]}, "limits"),
    ],
)
def test_a_bad_campaign_is_refused_with_the_fields_name(
    api: APIClient, draft: Body, change: dict[str, Any], field: str
) -> None:
    body = draft()["campaign"] | change

    answer = api.post("/api/v1/campaigns", body, format="json")

    assert field in fields(answer)


def test_all_that_is_missing_is_said_at_once(api: APIClient) -> None:
    assert set(fields(propose(api, {}))) == {
        *("title", "kind", "trigger", "menu", "budget", "campaign"),
    }


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


def test_an_approved_version_ends_the_one_before_in_the_same_moment(
    api: APIClient, draft: Body
) -> None:
    old = go_live(made(api, draft()))
    campaign = str(old.campaign_id)
    body = draft(menu={"5%": {"rate": "0.05"}}, campaign=campaign)

    new = Strategy.objects.get(id=next_version(api, old, body).json()["id"])
    old.refresh_from_db()
    assert (old.state, new.state, new.version) == ("live", "proposed", 2)

    go_live(new)

    old.refresh_from_db()
    assert (old.state, new.state, old.decided_at) == ("ended", "live", new.decided_at)
    ended = histories.history(old)[-1].event
    proposed = histories.history(new)[0].event
    assert isinstance(ended, events.StrategyEnded)
    assert isinstance(proposed, events.StrategyProposed)
    assert (ended.replaced_by, proposed.replaces) == (new.id, old.id)
    cart = {"lines": [{"sku": "tea", "quantity": 1}]}
    priced = api.post("/api/v1/qualifications", cart, format="json").json()
    assert [one["strategy"] for one in priced["effects"]] == [str(new.id)]
    assert priced["discount"] == "0.50"


def test_codes_and_what_limits_have_counted_go_on_with_the_new_version(
    api: APIClient, draft: Body
) -> None:
    body = draft(trigger="code")
    old = go_live(made(api, body))
    Code.objects.create(digest=b"x" * 32, text="TEA", strategy=old)
    Counter.objects.create(subject=old.id, period="ever", begins="0001-01-01", uses=3)

    answer = next_version(api, old, body | {"campaign": str(old.campaign_id)})
    new = go_live(Strategy.objects.get(id=answer.json()["id"]))

    assert Code.objects.get().strategy_id == new.id
    assert (Counter.objects.get().subject, Counter.objects.get().uses) == (new.id, 3)


def test_only_one_new_version_waits_and_a_rejected_one_leaves_room(
    api: APIClient, draft: Body
) -> None:
    old = go_live(made(api, draft()))
    first = next_version(api, old, draft()).json()["id"]

    assert next_version(api, old, draft()).json()["code"] == "not_replaceable"

    approval.reject(
        Strategy.objects.get(id=first).id, by="olga", comment="No.", at=timezone.now()
    )
    assert next_version(api, old, draft()).json()["version"] == 3


def test_what_never_was_live_has_no_next_version(api: APIClient, draft: Body) -> None:
    strategy = made(api, draft())

    answer = next_version(api, strategy, draft())

    assert (answer.status_code, answer.json()["code"]) == (409, "not_replaceable")
    assert next_version(api, Strategy(id=uuid4()), draft()).status_code == 404


def test_a_rejected_version_changes_nothing_for_the_one_before(
    api: APIClient, draft: Body
) -> None:
    old = go_live(made(api, draft()))
    new = Strategy.objects.get(id=next_version(api, old, draft()).json()["id"])

    approval.reject(new.id, by="olga", comment="No.", at=timezone.now())

    old.refresh_from_db()
    assert old.state == "live"


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
