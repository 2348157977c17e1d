"""The support desk's pages: people found, decisions made again, rights kept."""

import time
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page
from rest_framework.test import APIClient

from analytics import clock, events, projections, store
from analytics.models import Assignment, Customer, StoredEvent
from promotions import finding, targeting
from promotions.models import Code, Strategy
from promotions.spelling import digest
from tests.browsing import TOO_WIDE, browse, sign_in
from tests.conftest import Give, Make
from tests.promotions.supporting import by_arm, crowd, desk, sue, text

__all__ = ["crowd", "desk", "sue"]

MOST_QUERIES = 15


def test_a_person_is_found_by_any_id(
    by_code: Strategy,
    live: Make,
    give: Give,
    shelf: None,
    api: APIClient,
    ana: Customer,
) -> None:
    offer = give(live(), ana)
    order = {
        "customer": "ana",
        "order_id": "order 77",
        "lines": [{"sku": "tea", "quantity": 1}],
        "offers": [str(offer.id)],
    }
    made = api.post(
        "/api/v1/redemptions", order, format="json", headers={"Idempotency-Key": "k"}
    ).json()
    own = Code.objects.create(
        digest=digest("FORANA"), text="FORANA", strategy=by_code, customer=ana.key
    )
    visitor = Customer.objects.create(anonymous_id="visitor-1", person=ana.key)

    for asked in ("ana", " ana ", str(ana.key), "order 77", own.text, "for-ana"):
        assert [hit.customer for hit in finding.people(asked)] == [ana], asked
    for asked in (str(offer.id), made["redemptions"][0]):
        assert [hit.customer for hit in finding.people(asked)] == [ana], asked
    assert [hit.customer for hit in finding.people("visitor-1")] == [visitor]
    assert [hit.customer for hit in finding.people("an")] == [ana]
    assert [hit.customer for hit in finding.people("AN")] == [ana]
    for asked in ("", "a", "nobody", "x\0", str(UUID(int=9)), "%"):
        assert finding.people(asked) == []


def test_a_past_decision_is_made_again_on_a_page(
    desk: Client, crowd: list[Customer], live: Make
) -> None:
    strategy = live(holdout=0.4, budget=Decimal(10_000))
    targeting.refresh(at=clock.now())
    projections.catch_up()

    for arm, expected in (
        ("treatment", "They got “10 % off”."),
        ("holdout", "a lot put them into the strategy's holdout"),
        ("held_out", "they are held out of every personal offer"),
    ):
        row = Assignment.objects.filter(strategy=strategy.id, arm=arm).first()
        assert row
        shown = text(desk, "decision_page", row.offer)
        assert expected in shown
        assert "it comes out the same" in shown

    unknown = reverse("decision_page", args=[UUID(int=1)])
    assert desk.get(unknown).status_code == 404


def test_a_decision_that_cannot_be_made_again_says_so(
    desk: Client, live: Make, ana: Customer
) -> None:
    strategy, offer = live(), UUID(int=5)
    said = events.OfferAssigned(
        strategy=strategy.id, arm="holdout", variant=None, probability=0.5, offer=offer
    )
    store.append([said], at=timezone.now(), customer=ana.key)
    projections.catch_up()

    assert "was not logged yet" in text(desk, "decision_page", offer)


def test_support_records_consent_and_exports_but_does_not_erase(
    desk: Client, ana: Customer
) -> None:
    door = {
        name: reverse(f"admin:analytics_customer_{name}", args=[ana.key])
        for name in ("consent", "export", "erase")
    }

    desk.post(door["consent"], {"word": "no"})
    desk.post(door["consent"], {"word": "perhaps"})
    desk.get(door["consent"])
    desk.post(door["erase"], {"name": "ana"})

    ana.refresh_from_db()
    assert ana.consent is False
    [row] = StoredEvent.objects.filter(type="consent_changed")
    assert (row.customer, row.source) == (ana.key, "operator sue")
    assert desk.get(door["export"]).json()["consent"] is False
    page = text(desk, "admin:analytics_customer_change", ana.key)
    assert "Personal offers: forbidden" in page
    assert "Forbade personal offers by operator sue" in page
    assert "Export all that is held" in page
    assert "To erase this person" not in page


def test_who_may_not_view_customers_reads_none_of_it(
    client: Client, ana: Customer, live: Make, give: Give
) -> None:
    offer = give(live(), ana)
    user = User.objects.create_user("sam", password="x", is_staff=True)
    client.force_login(user)

    for name, args in (
        ("find-customer", []),
        ("customer_timeline", [ana.key]),
        ("customer_why", [ana.key]),
        ("customer_told", [ana.key]),
        ("decision_page", [offer.id]),
    ):
        assert client.get(reverse(name, args=args)).status_code == 403
    say = reverse("admin:analytics_customer_consent", args=[ana.key])
    client.post(say, {"word": "no"})
    ana.refresh_from_db()
    assert ana.consent is None


def test_no_page_of_the_desk_takes_many_queries(
    desk: Client, crowd: list[Customer], live: Make
) -> None:
    strategies = [live(holdout=0.1, budget=Decimal(10_000)) for _ in range(5)]
    targeting.refresh(at=clock.now())
    projections.catch_up()
    row = Assignment.objects.filter(arm="treatment").first()
    assert row
    pages = [
        reverse("find-customer") + "?id=c",
        reverse("admin:analytics_customer_change", args=[row.customer]),
        reverse("customer_timeline", args=[row.customer]),
        reverse("customer_why", args=[row.customer]),
        reverse("customer_why", args=[row.customer]) + f"?strategy={strategies[0].pk}",
        reverse("decision_page", args=[row.offer]),
    ]
    for page in pages:
        desk.get(page)
        with CaptureQueriesContext(
            connection,
        ) as ran:
            assert desk.get(page).status_code == 200
        assert len(ran) <= MOST_QUERIES, page


@pytest.mark.django_db(transaction=True)
def test_support_finds_a_customer_sees_why_not_and_replays_a_decision(
    live_server: Any, sue: User, crowd: list[Customer], live: Make
) -> None:
    strategy = live(holdout=0.4, budget=Decimal(10_000), title="Tea week")
    targeting.refresh(at=clock.now())
    known = Assignment.objects.filter(strategy=strategy.id)
    deadline = time.monotonic() + 30
    while not known.exists() and time.monotonic() < deadline:
        projections.catch_up()  # a session that ends late holds readers of the log back
    held = by_arm(crowd, strategy)["holdout"]

    def journey(tab: Page) -> None:
        sign_in(tab, "sue", onto=reverse("find-customer"))
        tab.get_by_label("Any id").fill(held.name)
        tab.keyboard.press("Enter")

        tab.wait_for_url(f"**/customer/{held.key}/change/")
        tab.get_by_role("heading", name="Current offers").wait_for()
        tab.get_by_role("link", name="Why has this customer no offer?").click()
        tab.get_by_label("Strategy", exact=True).select_option(str(strategy.pk))
        tab.get_by_role("button", name="Why?").click()
        assert "into the holdout" in tab.locator("#answer").inner_text()
        tab.get_by_role("link", name="How it was decided").first.click()
        assert "the same" in tab.locator("#same").inner_text()

        tab.set_viewport_size({"width": 390, "height": 844})
        for path in (
            reverse("customer_timeline", args=[held.key]),
            reverse("customer_why", args=[held.key]) + f"?strategy={strategy.pk}",
            reverse("find-customer") + "?id=c",
        ):
            tab.goto(path)
            assert tab.evaluate(TOO_WIDE) == 0, path

    browse(journey, base_url=live_server.url)
