import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from celery import Celery
from django.core.exceptions import ValidationError
from django.db import connection

from analytics import store
from promotions import approval, decision_rules, histories, offers
from promotions.models import Offer, Sheet, Strategy
from tests.conftest import Give, Make

AT = datetime(2026, 6, 2, tzinfo=UTC)


def decide(step: Any, strategy: Strategy, comment: str = "Good.") -> None:
    step(strategy.id, by="olga", comment=comment, at=AT)


def decisions(strategy: Strategy) -> list[str]:
    return [stored.type for stored in histories.history(strategy)]


def test_the_road_from_proposed_to_live_to_ended(proposed: Make) -> None:
    strategy = proposed()

    decide(approval.approve, strategy)
    decide(approval.end, strategy, "Enough.")

    strategy.refresh_from_db()
    assert strategy.state == "ended"
    assert (strategy.decided_by, strategy.comment) == ("olga", "Enough.")
    assert decisions(strategy) == [
        "strategy_proposed",
        "strategy_approved",
        "strategy_ended",
    ]


def test_a_strategy_may_be_named_by_its_ids_text(proposed: Make) -> None:
    strategy, other = proposed(), proposed()

    approval.approve(str(strategy.id), by="olga", comment="Good.", at=AT)
    approval.end(str(strategy.id).upper(), by="olga", comment="Enough.", at=AT)
    approval.reject(other.id.hex, by="olga", comment="No.", at=AT)

    strategy.refresh_from_db()
    other.refresh_from_db()
    assert (strategy.state, other.state) == ("ended", "rejected")
    with pytest.raises(Strategy.DoesNotExist):
        approval.end(str(UUID(int=1)), by="olga", comment="Enough.", at=AT)


@pytest.mark.parametrize("step", [approval.approve, approval.reject])
def test_only_what_is_proposed_can_be_decided(live: Make, step: Any) -> None:
    strategy = live()

    with pytest.raises(decision_rules.NotProposed, match="is live"):
        decide(step, strategy)

    assert decisions(strategy)[-1] == "strategy_approved"


def test_a_rejected_strategy_never_becomes_live(proposed: Make) -> None:
    strategy = proposed()
    decide(approval.reject, strategy)

    with pytest.raises(decision_rules.NotProposed):
        decide(approval.approve, strategy)

    strategy.refresh_from_db()
    assert strategy.state == "rejected"


def test_only_what_is_live_can_be_ended(proposed: Make) -> None:
    with pytest.raises(decision_rules.NotLive):
        decide(approval.end, proposed())


def test_a_strategy_whose_guards_fail_cannot_be_approved(proposed: Make) -> None:
    guard = {"name": "margin floor", "passed": False, "detail": "too deep"}
    strategy = proposed(guards=[guard])

    with pytest.raises(decision_rules.GuardFailed, match="margin floor"):
        decide(approval.approve, strategy)

    strategy.refresh_from_db()
    assert strategy.state == "proposed"


@pytest.mark.parametrize("comment", ["", "  \n"])
def test_a_decision_needs_a_comment(proposed: Make, comment: str) -> None:
    strategy = proposed()

    with pytest.raises(decision_rules.CommentMissing):
        decide(approval.approve, strategy, comment)

    strategy.refresh_from_db()
    assert strategy.state == "proposed"
    assert decisions(strategy) == ["strategy_proposed"]


def test_an_ended_strategys_offers_vanish_at_once(
    live: Make, give: Give, ana: Any
) -> None:
    strategy = live()
    give(strategy, ana)
    Sheet.objects.create(customer=ana.key, body="{}", expires_at=AT)

    decide(approval.end, strategy)

    assert not Offer.objects.exists()
    assert not Sheet.objects.exists()


@pytest.mark.parametrize(
    "menu",
    [
        {},
        {"10%": {"kind": "percentage"}},
        {"10%": {"kind": "percentage", "rate": "1.5"}},
        {"10%": {"kind": "percentage", "rate": "0"}},
        {"20": {"kind": "threshold", "spend": "20", "amount": "21"}},
        {"mug": {"kind": "lottery"}},
        "free for all",
    ],
)
def test_an_invalid_menu_cannot_be_saved(proposed: Make, menu: object) -> None:
    with pytest.raises(ValidationError, match="menu"):
        proposed(menu=menu)

    assert not Strategy.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_operators_at_once_only_one_decides(proposed: Make) -> None:
    strategy = proposed()

    def attempt(step: Any) -> bool:
        try:
            decide(step, strategy)
        except (decision_rules.NotProposed, store.Conflict):
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as pool:
        won = list(pool.map(attempt, [approval.approve, approval.reject]))

    strategy.refresh_from_db()
    assert sorted(won) == [False, True]
    assert len(decisions(strategy)) == 2
    assert (
        decisions(strategy)[1]
        == {
            "live": "strategy_approved",
            "rejected": "strategy_rejected",
        }[strategy.state]
    )


@pytest.mark.django_db(transaction=True)
def test_with_the_broker_down_a_decision_stands_and_is_no_error(
    proposed: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    strategy = proposed()
    down = Celery(broker="redis://127.0.0.1:1/0", set_as_current=False)
    monkeypatch.setattr(offers, "current_app", down)
    started = time.monotonic()

    decide(approval.approve, strategy)

    strategy.refresh_from_db()
    assert strategy.state == "live"
    assert time.monotonic() - started < 3  # and nobody waits for it
