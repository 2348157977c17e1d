"""Campaigns and strategies as shops read them."""

from typing import Any

from rest_framework import serializers

from catalog import pricing
from promotions import phrases, proposals
from promotions.models import Campaign, Strategy

MOST = 100


class AskedSerializer(serializers.Serializer[None]):
    """Which strategies: the newest first; `cursor` is the last answer's `next`."""

    state = serializers.ChoiceField(Strategy.State.choices, required=False)
    trigger = serializers.ChoiceField(Strategy.Trigger.choices, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=MOST, default=20)
    cursor = serializers.CharField(max_length=200, required=False)


class CampaignSerializer(serializers.Serializer[None]):
    """A campaign; its period is half-open."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    zone = serializers.CharField()
    budget = serializers.DecimalField(max_digits=22, decimal_places=3)
    spent = serializers.DecimalField(max_digits=22, decimal_places=3)
    reserved = serializers.DecimalField(max_digits=22, decimal_places=3)
    currency = serializers.CharField()
    limits = serializers.ListField(child=serializers.DictField())
    least_return = serializers.DecimalField(
        max_digits=7, decimal_places=3, allow_null=True
    )
    most_per_customer = serializers.IntegerField(allow_null=True)


class GuardSerializer(serializers.Serializer[None]):
    """One check; a strategy with one that has not passed cannot be approved."""

    name = serializers.CharField()
    passed = serializers.BooleanField()
    detail = serializers.CharField()


class StrategySerializer(serializers.Serializer[None]):
    """A strategy, what it says in plain words, and what became of it."""

    id = serializers.UUIDField()
    campaign = serializers.UUIDField()
    starts_at = serializers.DateTimeField(help_text="The campaign's.")
    ends_at = serializers.DateTimeField(
        help_text="The campaign's: a live strategy applies no longer from then on."
    )
    title = serializers.CharField()
    reason = serializers.CharField(allow_blank=True)
    kind = serializers.ChoiceField(Strategy.Kind.choices)
    trigger = serializers.ChoiceField(Strategy.Trigger.choices)
    menu = serializers.DictField()
    rule = serializers.DictField()
    scope = serializers.ListField(child=serializers.CharField())
    words = serializers.ListField(child=serializers.CharField())
    currency = serializers.CharField()
    budget = serializers.DecimalField(max_digits=22, decimal_places=3)
    spent = serializers.DecimalField(max_digits=22, decimal_places=3)
    reserved = serializers.DecimalField(max_digits=22, decimal_places=3)
    redemptions = serializers.IntegerField()
    least_margin = serializers.DecimalField(max_digits=4, decimal_places=3)
    holdout = serializers.FloatField()
    explore = serializers.FloatField()
    allocation = serializers.ChoiceField(Strategy.Allocation.choices)
    renews_days = serializers.IntegerField(allow_null=True)
    state = serializers.ChoiceField(Strategy.State.choices)
    version = serializers.IntegerField()
    replaces = serializers.UUIDField(allow_null=True)
    guards = GuardSerializer(many=True)
    forecast = serializers.DictField()
    measured = serializers.DictField()
    proposed_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)
    decided_by = serializers.CharField(allow_blank=True)
    comment = serializers.CharField(allow_blank=True)


class StrategiesSerializer(serializers.Serializer[None]):
    """A page of strategies; `next` is null on the last one."""

    strategies = StrategySerializer(many=True)
    next = serializers.CharField(allow_null=True)


def told(row: Strategy) -> dict[str, Any]:
    """Return a strategy as shops read it."""
    plain = (
        *("title", "reason", "kind", "trigger", "menu", "rule", "scope", "currency"),
        *("redemptions", "holdout", "explore", "allocation", "state", "version"),
        *("measured", "decided_by", "comment", "renews_days"),
    )
    return {
        "id": str(row.id),
        "campaign": str(row.campaign_id),
        "starts_at": row.campaign.starts_at.isoformat(),
        "ends_at": row.campaign.ends_at.isoformat(),
        **{name: getattr(row, name) for name in plain},
        "guards": [
            {name: guard[name] for name in ("name", "passed", "detail")}
            for guard in row.guards
        ],
        # How it is said in other languages is for pages: the API stays English.
        "forecast": {
            name: value for name, value in row.forecast.items() if name != "said"
        },
        "words": phrases.sentences(proposals.said(row)),
        **_money(row, row.currency),
        "least_margin": str(row.least_margin),
        "replaces": row.replaces_id and str(row.replaces_id),
        "proposed_at": row.proposed_at.isoformat(),
        "decided_at": row.decided_at and row.decided_at.isoformat(),
    }


def campaign_told(row: Campaign) -> dict[str, Any]:
    """Return a campaign as shops read it."""
    return {
        "id": str(row.id),
        "name": row.name,
        "starts_at": row.starts_at.isoformat(),
        "ends_at": row.ends_at.isoformat(),
        "zone": row.zone,
        **_money(row, row.currency),
        "currency": row.currency,
        "limits": row.limits,
        "least_return": None if row.least_return is None else str(row.least_return),
        "most_per_customer": row.most_per_customer,
    }


def _money(row: Strategy | Campaign, currency: str) -> dict[str, str]:
    names = ("budget", "spent", "reserved")
    return {n: str(pricing.rounded(getattr(row, n), currency)) for n in names}
