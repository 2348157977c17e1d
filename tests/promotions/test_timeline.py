"""What happened to a customer, newest first, and what the checkout refused."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from analytics import events, privacy, store
from analytics.models import Customer
from promotions import denials, sentences, timeline
from promotions.models import Code, Denial, Strategy
from promotions.spelling import digest
from tests.conftest import Give, Make
from tests.promotions.supporting import desk, sue, text

__all__ = ["desk", "sue"]


def test_every_type_of_event_is_said_in_a_sentence() -> None:
    about = {events.VOCABULARY[n] for n in events.FROM_SHOPS} - {
        events.CampaignAnnounced,
        events.CouponIssued,
    }

    assert about - sentences.SAYS.keys() == set()
    kinds = [name for kind in timeline.KINDS.values() for name in kind.types]
    assert len(kinds) == len(set(kinds))
    assert set(kinds) <= events.VOCABULARY.keys()


def test_the_timeline_mixes_all_newest_first_and_filters(
    desk: Client, live: Make, shelf: None, give: Give, api: APIClient, ana: Customer
) -> None:
    at = timezone.now()
    strategy = live(title="Tea week")
    offer = give(strategy, ana)
    order = events.OrderCompleted(
        order_id="o-1",
        currency="USD",
        lines=(events.OrderLine(sku="tea", category="TEA", paid=Decimal("9.50")),),
    )
    back = events.OrderRefunded(order_id="o-1", currency="USD", amount=Decimal(2))
    viewed = events.ProductViewed(sku="milk")
    assigned = events.OfferAssigned(
        strategy=strategy.id,
        arm="treatment",
        variant="10%",
        probability=0.5,
        offer=offer.id,
    )
    for days, event in ((4, viewed), (3, order), (2, back), (1, assigned)):
        store.append([event], at=at - timedelta(days=days), customer=ana.key)
    cart = {
        "customer": "ana",
        "lines": [{"sku": "tea", "quantity": 1}],
        "codes": ["SECRETWORD"],
    }
    for _ in range(3):
        assert (
            api.post("/api/v1/qualifications", cart, format="json").status_code == 200
        )

    shown = text(desk, "customer_timeline", ana.key)

    told = [
        "Refused when a cart was priced: code SE… (10): there is no such code",
        "Got the offer “10 % off” of “Tea week”",
        "Got 2.00 USD back for order o-1",
        "Ordered for 9.50 USD: Tea (order o-1)",
        "Looked at Milk",
    ]
    places = [shown.index(one) for one in told]
    assert places == sorted(places)
    assert "(3 times)" in shown
    assert "SECRETWORD" not in shown
    returns = text(desk, "customer_timeline", ana.key, query="?kind=returns")
    assert [one in returns for one in told] == [False, False, True, False, False]
    refused = text(desk, "customer_timeline", ana.key, query="?kind=refused")
    assert [one in refused for one in told] == [True, False, False, False, False]


def test_the_timeline_is_paged_and_says_when_it_ends(ana: Customer) -> None:
    at = timezone.now()
    store.append_new(
        [
            store.Fact(
                event=events.ProductViewed(sku=f"s{n}"),
                at=at - timedelta(minutes=n),
                customer=ana.key,
            )
            for n in range(60)
        ]
    )

    pages = [timeline.page([ana.key], number=n) for n in (1, 2, 3, 4)]

    assert [len(one.entries) for one in pages] == [25, 25, 10, 0]
    assert [one.more for one in pages] == [True, True, False, False]
    said = [entry.text for one in pages for entry in one.entries]
    assert said == [f"Looked at s{n}" for n in range(60)]
    assert timeline.page([ana.key], number=-3).number == 1


def refused(api: APIClient, call: str, body: dict[str, Any]) -> int:
    answer = api.post(
        f"/api/v1/{call}", body, format="json", headers={"Idempotency-Key": "k"}
    )
    return int(answer.status_code)


def test_the_checkout_s_refusals_are_kept_with_reasons_and_no_words_of_customers(
    by_code: Strategy,
    live: Make,
    give: Give,
    shelf: None,
    api: APIClient,
    ana: Customer,
) -> None:
    code = Code.objects.create(
        digest=digest("OLDTEA"),
        text="OLDTEA",
        strategy=by_code,
        expires_at=timezone.now() - timedelta(days=1),
    )
    offer = give(live(), ana)
    milk = {
        "customer": "ana",
        "order_id": "o-9",
        "lines": [{"sku": "milk", "quantity": 1}],
    }
    tea = milk | {"lines": [{"sku": "tea", "quantity": 1}]}

    assert refused(api, "redemptions", tea | {"codes": ["oldtea", "my name"]}) == 422
    assert refused(api, "redemptions", milk | {"offers": [str(offer.id)]}) == 422
    assert refused(api, "redemptions", tea | {"offers": [], "total": "1.00"}) == 409
    cart = {
        "customer": "ana",
        "lines": [{"sku": "tea", "quantity": 1}],
        "codes": ["nope"],
    }
    assert refused(api, "reservations", cart) == 422
    assert refused(api, "redemptions", cart | {"order_id": "x", "dry_run": True}) == 422
    assert (
        refused(api, "redemptions", cart | {"order_id": "x", "customer": "who"}) == 422
    )

    rows = list(Denial.objects.order_by("id"))
    assert [(one.call, one.code) for one in rows] == [
        ("order", "code_refused"),
        ("order", "offers_do_not_apply"),
        ("order", "total_differs"),
        ("reservation", "code_refused"),
    ]
    assert rows[0].reasons == [
        ["code", "oldtea", "expired"],
        ["code", "my… (7)", "unknown_code"],
    ]
    assert rows[1].reasons == [["strategy", str(offer.strategy_id), "nothing_in_scope"]]
    assert all(one.customer == ana.key for one in rows)
    assert "my name" not in repr([one.__dict__ for one in rows])
    said = [one.text for one in timeline.page([ana.key], kind="refused").entries]
    assert any("code oldtea: the code has expired" in one for one in said)
    assert code.uses == 0


def test_refusals_are_exported_erased_and_forgotten(
    ana: Customer, ben: Customer
) -> None:
    at = timezone.now()
    for name in ("ana", "ben", "ben"):
        error = ValueError("No.")
        denials.of_call(name, "order", "total_differs", error, at=at)
    assert [row.times for row in Denial.objects.order_by("id")] == [1, 2]
    held = privacy.export("ana")
    assert held
    assert len(held["held"]["promotions.denial"]) == 1

    privacy.erase("ana", by="olga", at=at)

    assert [row.customer for row in Denial.objects.all()] == [ben.key]
    denials.forget(before=at + timedelta(seconds=1))
    assert not Denial.objects.exists()
