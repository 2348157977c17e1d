"""Why a customer has no offer: the first step that fails, as targeting decides."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from analytics import projections
from analytics.models import Customer
from promotions import arms, supply, targeting, why_not
from promotions.models import Offer, Strategy, Supply
from tests.conftest import Make
from tests.promotions import shelves
from tests.promotions.supporting import by_arm, crowd

__all__ = ["crowd"]


def why(customer: Customer, strategy: Strategy) -> why_not.Answer:
    at = timezone.now()
    rows = {one.pk: one for one in why_not.choices(at=at)[0]}
    rows.setdefault(strategy.pk, Strategy.objects.get(pk=strategy.pk))
    found = why_not.ask(customer, list(rows.values()), at=at)
    return next(one for one in found.answers if one.strategy.pk == strategy.pk)


def code_of(answer: why_not.Answer) -> str:
    return answer.failed.name if answer.failed else "has_it"


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


def test_what_needs_no_personal_offer_is_named_beside_those_that_do(
    crowd: list[Customer], live: Make, admin_client: Client
) -> None:
    personal = live(title="Tea for you")
    everybodys = live(title="Tea for all", trigger="automatic", holdout=0)

    page = admin_client.get(reverse("customer_why", args=[crowd[0].key]))

    assert page.context["choices"] == [personal]
    assert page.context["others"] == [everybodys]
    html = page.content.decode()
    assert "Live without a personal offer" in html
    assert reverse("admin:promotions_strategy_change", args=[everybodys.pk]) in html


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
