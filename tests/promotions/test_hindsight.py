"""What other rules would have earned in a strategy's place."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from analytics import events, projections, store
from ml.traits import TRAITS
from promotions import hindsight, measurement, policies, value
from promotions.models import Answer, Hindsight, Strategy
from tests.conftest import Make
from tests.promotions.test_report_admin import look

START = datetime(2026, 6, 1, 9, tzinfo=UTC)
LATER = START + timedelta(days=40)
LABELS = ("5%", "10%")
MENU = {
    label: {"kind": "percentage", "rate": rate}
    for label, rate in zip(LABELS, ("0.05", "0.10"), strict=True)
}
BETTER = {"loyal": "5%", "new": "10%"}
"""The variant that earns 4.00 more of the segment; the other one takes 2.00."""
SPLIT: Mapping[str, Mapping[str, float]] = {"loyal": {"5%": 1.0}, "new": {"10%": 1.0}}


@pytest.fixture
def strategy(live: Make) -> Strategy:
    return live(menu=MENU, scope=["TEA"], holdout=0.2)


def told(strategy: Strategy, *, size: int = 600, seed: int = 1) -> dict[str, float]:
    """Tell the log of customers with lots and orders; return the mean profit by arm."""
    rng, facts = np.random.default_rng(seed), []
    profits: dict[str, list[float]] = {"": [], "5%": [], "10%": []}
    for number in range(size):
        who, segment = uuid4(), ("loyal", "new")[number % 2]
        variant = str(rng.choice(["", *LABELS], p=[0.2, 0.4, 0.4]))
        gain = 0.0 if not variant else 40.0 if BETTER[segment] == variant else -20.0
        paid = round(float(100 + gain + rng.normal(0, 5)), 2)
        profits[variant].append(0.3 * paid)
        facts.append(assigned(strategy, who, variant, segment))
        facts.append(order(who, paid, START + timedelta(days=3)))
    store.append_new(facts)
    while projections.catch_up():
        pass
    return {name: float(np.mean(some)) for name, some in profits.items()}


def assigned(
    strategy: Strategy, who: Any, variant: str, segment: str, **more: Any
) -> store.Fact:
    known: dict[str, Any] = {
        "arm": "treatment" if variant else "holdout",
        "probability": 0.4 if variant else 0.2,
        "p0": 0.5,
        "spend": 20.0,
        "rate": 0.3,
        "traits": (0.0,) * len(TRAITS),
    }
    event = events.OfferAssigned(
        strategy=strategy.id,
        variant=variant or None,
        segment=segment,
        **known | more,
    )
    return store.Fact(event=event, at=START, customer=who)


def order(who: Any, paid: float, at: datetime, number: str = "") -> store.Fact:
    line = events.OrderLine(sku="tea", category="TEA", paid=Decimal(f"{paid:.2f}"))
    made = events.OrderCompleted(
        order_id=number or str(uuid4()), currency="USD", lines=(line,)
    )
    return store.Fact(event=made, at=at, customer=who)


def page(strategy: Strategy) -> str:
    return f"/api/v1/strategies/{strategy.id}/policies"


def test_the_log_tells_what_each_rule_would_have_earned(
    strategy: Strategy, api: APIClient
) -> None:
    means = told(strategy)

    hindsight.refresh([strategy.id], until=LATER)

    body = api.get(page(strategy)).json()
    assert (body["customers"], body["horizon_days"]) == (600, 28)
    by_rule = {(one["rule"], one["variant"]): one for one in body["policies"]}
    assert set(by_rule) == {
        ("nothing", None),
        ("variant", "5%"),
        ("variant", "10%"),
        ("equal", None),
        ("best", None),
    }
    for (rule, variant), mean in {
        ("nothing", None): means[""],
        ("variant", "5%"): means["5%"],
        ("variant", "10%"): means["10%"],
    }.items():
        snips = by_rule[rule, variant]["estimates"]["snips"]
        assert float(snips["value"]) == pytest.approx(mean, abs=1e-3)
    for one in by_rule.values():
        switched = one["estimates"]["switch_dr"]
        known = switched["low"] is not None
        assert (switched["high"] is not None, switched["why"] is None) == (known, known)
    one_action = by_rule["nothing", None]["estimates"]["switch_dr"]
    assert (one_action["low"], one_action["why"]) == (None, "left_to_model")
    split = api.post(page(strategy), {"odds": SPLIT}, format="json").json()
    dr = {name: float(end) for name, end in split["estimates"]["dr"].items()}
    assert dr["low"] < 0.3 * 140 < dr["high"]
    assert float(split["over_nothing"]["low"]) > 8
    for one in by_rule.values():
        assert dr["low"] > float(one["estimates"]["dr"]["value"])


def test_the_best_goes_by_types_and_by_how_often_an_offer_can_be_used(
    live: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    strategy = live(menu=MENU, scope=["TEA"], holdout=0.2, renews_days=7)
    told(strategy, size=100)
    known = uuid4()
    store.append_new([assigned(strategy, known, "5%", "new")])
    while projections.catch_up():
        pass
    Answer.objects.create(customer=known, types=[0.9, 0.1])
    priced, asked = value.priced, []

    def spied(*given: Any, **how: Any) -> Any:
        asked.append((given[2].who.types.tolist(), given[4].turns))
        return priced(*given, **how)

    monkeypatch.setattr(value, "priced", spied)
    hindsight.refresh([strategy.id], until=LATER)

    [(types, turns)] = asked
    assert turns == strategy.turns == 4
    assert types.count([0.9, 0.1]) == 1
    assert types.count([0.0, 0.0]) == 100


def test_the_odds_that_ran_are_worth_what_was_observed(
    strategy: Strategy, api: APIClient
) -> None:
    told(strategy)
    hindsight.refresh([strategy.id], until=LATER)
    ran = {"odds": {policies.OTHERS: {"5%": 0.4, "10%": 0.4}}}

    found = api.post(page(strategy), ran, format="json").json()

    observed = api.get(page(strategy)).json()["observed"]
    assert found["estimates"]["ips"] == observed
    assert found["effective"] == pytest.approx(600)


def test_who_is_held_out_of_all_crossed_or_not_watched_yet_does_not_count(
    strategy: Strategy,
) -> None:
    told(strategy, size=100)
    usual = assigned(strategy, uuid4(), "5%", "new")
    late = store.Fact(
        event=usual.event, at=LATER - timedelta(days=27), customer=uuid4()
    )
    out = assigned(strategy, uuid4(), "", "new", arm="held_out", probability=0.05)
    unknown = assigned(strategy, uuid4(), "5%", "new", p0=None, traits=())
    store.append_new([late, out, unknown])
    while projections.catch_up():
        pass

    hindsight.refresh([strategy.id], until=LATER)

    assert hindsight.of(strategy)[0].customers == 100
    hindsight.refresh([strategy.id], until=LATER + timedelta(days=2))
    assert hindsight.of(strategy)[0].customers == 101


def test_profit_is_that_of_the_horizon_less_what_goes_back(
    strategy: Strategy,
) -> None:
    facts = []
    for who in (uuid4() for _ in range(policies.LEAST)):
        back = events.OrderRefunded(order_id=f"back {who}", currency="USD")
        facts += [
            order(who, 100, START - timedelta(days=1)),
            assigned(strategy, who, "5%", "new"),
            order(who, 100, START + timedelta(days=1)),
            order(who, 50, START + timedelta(days=2), f"back {who}"),
            order(who, 100, START + timedelta(days=29)),
            store.Fact(event=back, at=START + timedelta(days=35), customer=who),
        ]
    store.append_new(facts)
    while projections.catch_up():
        pass

    hindsight.refresh([strategy.id], until=START + timedelta(days=30))
    assert hindsight.of(strategy)[0].observed.value == pytest.approx(45)
    hindsight.refresh([strategy.id], until=LATER)
    assert hindsight.of(strategy)[0].observed.value == pytest.approx(30)


def test_too_few_customers_tell_nothing(strategy: Strategy) -> None:
    told(strategy, size=policies.LEAST - 1)

    hindsight.refresh([strategy.id], until=LATER)

    with pytest.raises(hindsight.NotWatched):
        hindsight.of(strategy)


def test_it_is_counted_once_a_day(strategy: Strategy) -> None:
    told(strategy, size=50)
    hindsight.refresh([strategy.id], until=LATER)
    hindsight.refresh([strategy.id], until=LATER + timedelta(hours=1))
    assert Hindsight.objects.get().until == LATER

    hindsight.refresh([strategy.id], until=LATER + timedelta(days=1))

    assert Hindsight.objects.get().until == LATER + timedelta(days=1)


def test_the_doors_say_what_is_wrong_and_what_is_not_known(
    strategy: Strategy, api: APIClient
) -> None:
    fine = {"odds": {"new": {"5%": 1.0}}}
    for answer in (
        api.get(page(strategy)),
        api.post(page(strategy), fine, format="json"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "not_watched")
    strange = f"/api/v1/strategies/{uuid4()}/policies"
    assert api.get(strange).json()["code"] == "strategy_unknown"
    wrong = {"odds": {"nww": {"5%": 0.6, "10%": 0.6, "20%": 0.1}}}

    refused = api.post(page(strategy), wrong, format="json")

    assert refused.status_code == 400
    fields = [one["field"] for one in refused.json()["errors"]]
    assert fields == ["odds.nww", "odds.nww.20%", "odds.nww"]


def test_the_results_page_has_the_table(
    strategy: Strategy, client: Client, olga: User
) -> None:
    client.force_login(olga)
    address = reverse("strategy_results", args=[strategy.id])
    assert "other rules" not in client.get(address).content.decode()
    told(strategy, size=100)
    hindsight.refresh([strategy.id], until=LATER)

    text = client.get(address).content.decode()

    assert "What other rules would have earned" in text
    assert "cannot be told: it rests on too few customers" in text
    assert "As it ran" in text


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("width", [360, 1280])
def test_the_results_page_fits_its_window(
    live_server: Any, olga: User, strategy: Strategy, width: int
) -> None:
    told(strategy)
    measurement.refresh(until=LATER)
    hindsight.refresh([strategy.id], until=LATER)
    pages = [reverse("strategy_results", args=[strategy.id])]

    [found] = look(live_server.url, pages, width)

    assert (found["wide"], found["small"]) == (0, [])
