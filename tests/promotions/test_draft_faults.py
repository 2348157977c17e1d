"""A bad draft or campaign is refused by the names of its fields."""

from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from promotions.models import Campaign, Strategy
from tests.conftest import Body
from tests.promotions.authored import fields, propose

pytestmark = pytest.mark.django_db


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
