"""A decided strategy is changed by no road, and comes back from the log."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from analytics import events, glances
from analytics.models import Customer
from promotions import approval, draft_reading, proposals
from promotions.models import Campaign, Offer, Strategy
from tests.conftest import Body, Make
from tests.promotions.guarded import go_live, make


def _menu(strategy: Strategy) -> None:
    strategy.menu = {"50%": {"kind": "percentage", "rate": "0.5"}}
    strategy.save()


def _sql(strategy: Strategy) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE promotions_strategy SET least_margin = 0")


def _again(strategy: Strategy) -> None:
    Strategy.objects.update(state="proposed")


def _zone(strategy: Strategy) -> None:
    Campaign.objects.update(zone="Asia/Tokyo")


CHANGES: list[Callable[[Strategy], Any]] = [
    _menu,
    _sql,
    _again,
    _zone,
    lambda strategy: Strategy.objects.update(rule={"priority": 1}),
    lambda strategy: Strategy.objects.update(trigger="code", holdout=0),
    lambda strategy: Strategy.objects.bulk_update([_titled(strategy)], ["title"]),
    lambda strategy: Strategy.objects.filter(id=strategy.id).delete(),
]


def _titled(strategy: Strategy) -> Strategy:
    strategy.title = "Another"
    return strategy


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("decided", ["live", "ended", "rejected"])
def test_a_decided_strategy_cannot_be_changed_by_any_road(
    proposed: Make, change: Callable[[Strategy], Any], decided: str
) -> None:
    strategy = proposed()
    now = timezone.now()
    if decided == "rejected":
        approval.reject(strategy.id, by="olga", comment="No.", at=now)
    else:
        approval.approve(strategy.id, by="olga", comment="Yes.", at=now)
    if decided == "ended":
        approval.end(strategy.id, by="olga", comment="Stop.", at=now)
    strategy.refresh_from_db()
    before = Strategy.objects.values().get()

    with pytest.raises((DatabaseError, ValidationError)), transaction.atomic():
        change(strategy)

    assert Strategy.objects.values().get() == before
    assert Campaign.objects.get().zone == "UTC"


def test_a_proposal_may_still_be_withdrawn(proposed: Make) -> None:
    proposed().delete()

    assert not Strategy.objects.exists()


def test_the_rows_come_back_from_the_log(draft: Body) -> None:
    old = make(draft(rule={"limits": [{"most": 2, "per": "customer"}]}))
    go_live(old)
    new = proposals.propose_version(
        old.id, draft_reading.read(draft(title="Again")), by="oscar", at=timezone.now()
    )
    go_live(new)

    for strategy in Strategy.objects.all():
        told = glances.read_stream(strategy.stream)[0].event
        assert isinstance(told, events.StrategyProposed)
        again = Strategy(
            id=strategy.id,
            campaign=Campaign.objects.get(id=str(told.campaign)),
            replaces_id=told.replaces,
            **{
                name: getattr(told, name)
                for name in msgspec.structs.asdict(told)
                if name not in ("by", "campaign", "replaces", "scope", "forecast")
            },
        )
        again.scope = list(told.scope)
        for field in ("campaign_id", "replaces_id", "menu", "rule", "scope", "version"):
            assert getattr(again, field) == getattr(strategy, field), field
        for field in ("trigger", "least_margin", "budget", "holdout", "title", "kind"):
            assert getattr(again, field) == getattr(strategy, field), field


def test_neither_an_automatic_strategy_nor_a_codes_makes_personal_offers(
    draft: Body, ana: Customer
) -> None:
    from promotions import measurement, targeting

    for trigger in ("automatic", "code"):
        go_live(make(draft(trigger=trigger)))

    computed = targeting.refresh(at=timezone.now())

    assert (computed.offers, computed.strategies) == (0, {})
    assert not Offer.objects.exists()
    assert measurement.refresh(until=timezone.now()) == {}
