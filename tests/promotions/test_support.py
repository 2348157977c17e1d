"""What a support agent with a customer on the phone finds, reads and may do."""

import re
import time
from datetime import timedelta
from decimal import Decimal
from html import unescape
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

from analytics import clock, events, privacy, projections, store
from analytics.models import Assignment, Customer, StoredEvent
from ml.models import CampaignResponse, Score, TrainedModel
from promotions import (
    arms,
    denials,
    finding,
    sentences,
    supply,
    targeting,
    timeline,
    why_not,
)
from promotions.models import Code, Denial, Offer, Strategy, Supply
from promotions.spelling import digest
from tests.browsing import TOO_WIDE, browse, sign_in
from tests.conftest import Give, Make, role
from tests.promotions import shelves

MOST_QUERIES = 15


@pytest.fixture
def sue(db: None) -> User:
    user = User.objects.create_user("sue", password="secret", is_staff=True)
    user.groups.add(role("Support"))
    return user


@pytest.fixture
def desk(client: Client, sue: User) -> Client:
    client.force_login(sue)
    return client


@pytest.fixture
def crowd(trained: TrainedModel) -> list[Customer]:
    """150 customers, scored alike for tea."""
    people = Customer.objects.bulk_create(
        Customer(external_id=f"c{n:03}") for n in range(150)
    )
    Score.objects.bulk_create(
        Score(
            customer=one.key,
            category="TEA",
            probability=0.1,
            spend=Decimal(30),
            model=trained,
        )
        for one in people
    )
    CampaignResponse.objects.create(
        computed_at=timezone.now(),
        lift=0.5,
        low=0.2,
        high=0.8,
        depth=0.3,
        use=0.3,
        campaigns=9,
    )
    return people


def text(client: Client, name: str, *args: Any, query: str = "") -> str:
    answer = client.get(reverse(name, args=args) + query)
    assert answer.status_code == 200
    plain = re.sub(
        r"<(style|script).*?</\1>|<[^>]+>", " ", answer.content.decode(), flags=re.S
    )
    return re.sub(r"\s+", " ", unescape(plain))


def why(customer: Customer, strategy: Strategy) -> why_not.Answer:
    at = timezone.now()
    rows = {one.pk: one for one in why_not.choices(at=at)}
    rows.setdefault(strategy.pk, Strategy.objects.get(pk=strategy.pk))
    found = why_not.ask(customer, list(rows.values()), at=at)
    return next(one for one in found.answers if one.strategy.pk == strategy.pk)


def code_of(answer: why_not.Answer) -> str:
    return answer.failed.name if answer.failed else "has_it"


def by_arm(people: list[Customer], strategy: Strategy) -> dict[str, Customer]:
    drawn = arms.of(strategy)
    equal = arms.equal(strategy)
    return {arms.draw(drawn, one.name, equal).arm: one for one in people}


def test_each_lot_is_told_apart_from_having_the_offer(
    crowd: list[Customer], live: Make
) -> None:
    strategy = live(holdout=0.4, budget=Decimal(10_000))
    of = by_arm(crowd, strategy)
    before = {arm: code_of(why(one, strategy)) for arm, one in of.items()}

    targeting.refresh(at=timezone.now())
    projections.catch_up()
    after = {arm: code_of(why(one, strategy)) for arm, one in of.items()}

    lots = {"holdout": "holdout", "held_out": "held_out"}
    assert before == lots | {"treatment": "never_computed"}
    assert after == lots | {"treatment": "has_it"}
    offers = Offer.objects.filter(strategy=strategy)
    assert {one.customer for one in offers} == {
        one.key for one in crowd if code_of(why(one, strategy)) == "has_it"
    }


def test_what_is_held_back_for_stock_is_called_so(
    crowd: list[Customer], live: Make
) -> None:
    strategy, at = live(budget=Decimal(10_000)), timezone.now()
    one = by_arm(crowd, strategy)["treatment"]
    shelves.listed("few", at=at, stock=3)
    shelves.expected("few", 20.0, at=at)
    supply.refresh(at=at)
    targeting.refresh(at=at)
    projections.catch_up()
    assert not Offer.objects.exists()
    assert code_of(why(one, strategy)) == "held_back_for_stock"

    shelves.listed(
        "few", at=at, stock=0
    )  # nothing is there: that is another thing to say
    Supply.objects.all().delete()
    assert code_of(why(one, strategy)) == "out_of_stock"


def test_consent_use_words_and_money_are_told_in_their_turn(
    crowd: list[Customer], live: Make
) -> None:
    strategy = live(holdout=0.0, budget=Decimal(10_000), renews_days=7)
    targeting.refresh(at=timezone.now())
    ana = by_arm(crowd, strategy)["treatment"]
    offer = Offer.objects.get(customer=ana.key, strategy=strategy)
    assert why(ana, strategy).has

    Customer.objects.filter(key=ana.key).update(consent=False)
    ana.refresh_from_db()
    assert code_of(why(ana, strategy)) == "no_consent"
    Customer.objects.filter(key=ana.key).update(consent=None)
    ana.refresh_from_db()

    Offer.objects.filter(id=offer.id).update(redeemed_at=timezone.now())
    assert code_of(why(ana, strategy)) == "used"
    again = timezone.now() + timedelta(days=7)
    assert f"again from {again:%Y-%m-%d}" in why(ana, strategy).steps[-1].text
    Offer.objects.filter(id=offer.id).update(redeemed_at=None)

    Strategy.objects.filter(id=strategy.id).update(spent=10_000)
    strategy.campaign.spent = Decimal(10_000)
    strategy.campaign.save()
    assert code_of(why(ana, strategy)) == "budget_spent"


def test_what_does_not_run_and_what_is_not_scored_is_told(
    crowd: list[Customer], live: Make, proposed: Make
) -> None:
    waits = proposed()
    mugs = live(scope=["MUGS"], holdout=0.0)
    tea = live(holdout=0.0, budget=Decimal(10_000))
    targeting.refresh(at=timezone.now())
    ana = by_arm(crowd, mugs)["treatment"]

    assert code_of(why(ana, waits)) == "not_running"
    assert "approved" in why(ana, waits).short
    assert code_of(why(ana, mugs)) == "not_scored"
    stranger = Customer.objects.create(external_id="new")
    assert code_of(why(stranger, tea)) in ("not_scored", "held_out")
    assert not why(stranger, tea).has


def test_nobody_gets_more_than_so_many_and_what_does_not_pay(
    crowd: list[Customer], live: Make, settings: Any
) -> None:
    settings.OFFERS_PER_CUSTOMER = 1
    small = {"5%": {"kind": "percentage", "rate": "0.05"}}
    much = {"90%": {"kind": "percentage", "rate": "0.90"}}
    strategies = [
        live(holdout=0.0, budget=Decimal(10_000), title=title, menu=menu)
        for title, menu in (
            ("One", small),
            ("Two", {"6%": {"kind": "percentage", "rate": "0.06"}}),
            ("Bad", much),
        )
    ]
    targeting.refresh(at=timezone.now())
    ana = next(one for one in crowd if Offer.objects.filter(customer=one.key).exists())

    codes = sorted(code_of(why(ana, one)) for one in strategies)

    assert codes == ["has_it", "not_worth_it", "others_are_better"]
    others = next(why(ana, s) for s in strategies if code_of(why(ana, s))[0] == "o")
    assert "“" not in others.short
    assert "One" in others.short or "Two" in others.short


def test_what_runs_by_the_table_runs_by_the_row(live: Make, proposed: Make) -> None:
    at = timezone.now()
    live(), proposed(), live(trigger="code", holdout=0)
    live().campaign.ends_at = at

    rows = Strategy.objects.select_related("campaign")
    for moment in (at, at - timedelta(days=2), at + timedelta(days=28)):
        assert {one.pk for one in arms.live(moment)} == {
            one.pk for one in rows if arms.runs(one, moment)
        }


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
