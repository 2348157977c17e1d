"""A next version waits beside a strategy and ends it when approved."""

from uuid import uuid4

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from analytics import events
from promotions import approval, histories
from promotions.models import Code, Counter, Strategy
from tests.conftest import Body
from tests.promotions.authored import go_live, made, next_version

pytestmark = pytest.mark.django_db


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
