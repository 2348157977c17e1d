"""An order that was posted a moment ago ranks the offers of the next answer."""

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from analytics import identity, store
from analytics.models import Customer
from ml import lines, model_files, registry, scores, scoring, training
from ml import live as now
from ml.codes import day_of, recoded
from ml.models import Score, TrainedModel, TrainingRun
from ml.propensity import PropensityModel
from ml.wordings import said
from promotions import offers, rendering
from promotions.models import Offer, Sheet
from tests.conftest import Counted, Give, Make, experienced
from tests.ml.conftest import Shop, models_dir, one_learner, order, shop

__all__ = ["models_dir", "one_learner", "shop"]


@pytest.fixture
def ranked(
    one_learner: None, shop: Shop, models_dir: Path, live: Make, give: Give
) -> Customer:
    """A scored customer with an offer on tea and one on wine."""
    key = shop(signal=True)[0]
    run = TrainingRun.objects.create(requested_by="olga")
    training.train(run=run, at=timezone.now(), report=lambda *_: None)
    scoring.score(at=timezone.now())
    experienced()
    customer = Customer.objects.get(key=key)
    for category in ("tea", "wine"):
        give(live(scope=[category], budget=Decimal(1000)), customer)
    render()
    return customer


def render() -> None:
    rendering.render_all(identity.persons(), store.high_water(), timezone.now())


def shown(customer: Customer) -> list[Any]:
    body = offers.sheet(customer.name, currency="USD", at=timezone.now())
    return [one["scope"][0] for one in json.loads(body)["offers"]]


def buys(key: UUID, category: str, *, orders: int) -> None:
    now = timezone.now()
    facts = [
        order(key, now - timedelta(minutes=9 - n), [category], paid="20.00")
        for n in range(orders)
    ]
    store.append_new(facts)


def test_who_just_bought_anyway_is_offered_something_else_first(
    ranked: Customer,
) -> None:
    """Little is to be gained where a purchase is nearly sure without an offer."""
    assert Sheet.objects.filter(customer=ranked.key).exists()
    first, second = shown(ranked)
    before = dict(Offer.objects.values_list("id", "expected"))

    buys(ranked.key, first, orders=8)

    assert shown(ranked) == [second, first]
    assert dict(Offer.objects.values_list("id", "expected")) == before


def test_without_news_the_rendered_sheet_is_read(ranked: Customer) -> None:
    Sheet.objects.update(body='{"offers":[{"scope":["as rendered"]}]}')

    assert shown(ranked) == ["as rendered"]


def test_a_refresh_ranks_by_orders_that_the_scores_do_not_know(
    ranked: Customer,
) -> None:
    first, second = shown(ranked)
    buys(ranked.key, first, orders=8)

    render()

    sheet = Sheet.objects.get(customer=ranked.key)
    assert [one["scope"][0] for one in json.loads(sheet.body)["offers"]] == [
        second,
        first,
    ]
    assert sheet.position == store.high_water() > scores.position()
    Sheet.objects.update(body='{"offers":[{"scope":["as rendered"]}]}')
    assert shown(ranked) == ["as rendered"]
    buys(ranked.key, second, orders=1)
    assert shown(ranked) != ["as rendered"]


def test_an_offer_on_all_goods_is_ranked_and_explained_by_the_newest_orders(
    ranked: Customer, live: Make, give: Give
) -> None:
    """An empty scope: its chance is that of buying anything at all."""
    offer = give(live(scope=[], budget=Decimal(1000)), ranked, expected=99.0)
    buys(ranked.key, shown(ranked)[0], orders=8)

    offers.expect_now([offer], ranked.key, at=timezone.now())
    assert offer.expected != 99.0
    assert offer.why


def test_whom_a_refresh_did_not_get_to_is_ranked_when_he_asks(
    ranked: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = shown(ranked)
    buys(ranked.key, first, orders=8)
    monkeypatch.setattr(rendering, "MOST_NEWS", 0)

    render()

    assert Sheet.objects.get(customer=ranked.key).position == scores.position()
    assert shown(ranked) == [second, first]


def test_without_a_model_last_night_s_order_stands(ranked: Customer) -> None:
    was = shown(ranked)
    Score.objects.all().delete()
    TrainedModel.objects.all().delete()
    buys(ranked.key, was[1], orders=8)

    with pytest.raises(registry.NoChampion):
        registry.champion("propensity")
    assert shown(ranked) == was


def test_live_chances_are_those_of_the_night(ranked: Customer) -> None:
    last = timezone.now()
    matrix = scores.matrix()
    row = matrix.customers.index(ranked.key)
    found = now.chances(ranked.key, at=last)

    assert found is not None
    model = PropensityModel.of(
        model_files.load(registry.champion("propensity").checksum)
    )
    history = lines.arrays(lines.read(until=last, customers=[ranked.key]))
    names = (history.categories, model.categories)
    past = recoded(history.purchases, categories=names)
    batch = model.expected(model.built(past, day=day_of(last), customers=1))
    assert np.allclose(batch.probability[0], found.probability, atol=1e-9)
    assert np.allclose(batch.spend[0], found.spend)
    assert set(found.categories) == set(matrix.categories)
    assert matrix.probability[row].shape == found.probability.shape


def test_an_order_under_another_of_the_person_s_ids_counts_too(
    ranked: Customer,
) -> None:
    first, second = shown(ranked)
    other = Customer.objects.create(external_id="old-account", person=ranked.key)

    buys(other.key, first, orders=8)

    assert shown(ranked) == [second, first]


def test_who_asks_by_a_linked_id_is_not_told_the_other(ranked: Customer) -> None:
    Customer.objects.create(external_id="old-account", person=ranked.key)

    body = offers.sheet("old-account", currency="USD", at=timezone.now())

    assert json.loads(body)["customer"] == "old-account"
    assert ranked.name not in body
    assert len(json.loads(body)["offers"]) == 2


def reasons(customer: Customer) -> dict[str, list[str]]:
    body = offers.sheet(customer.name, currency="USD", at=timezone.now())
    told = json.loads(body)["offers"]
    return {one["scope"][0]: one["reasons"][1:] for one in told}


def test_the_reasons_follow_the_newest_orders(
    ranked: Customer, admin_client: Client, statements: Counted
) -> None:
    category = shown(ranked)[0]
    buys(ranked.key, category, orders=8)

    chances = now.chances(ranked.key, at=timezone.now())

    assert chances is not None
    place = chances.categories.index(category)
    expected = [said(feature, category) for feature in chances.raised(place)]
    assert reasons(ranked)[category] == expected
    assert 1 <= len(expected) <= 2
    assert not any("may be time" in str(words) for words in expected)
    _the_page_tells_operators_why(ranked, category, admin_client, statements)


def _the_page_tells_operators_why(
    customer: Customer, category: str, client: Client, statements: Counted
) -> None:
    url = reverse("customer_told", args=[customer.key])
    page = reverse("admin:analytics_customer_change", args=[customer.key])
    assert f'data-from="{url}"' in client.get(page).content.decode()

    statements()
    html = client.get(url).content.decode()

    assert statements() <= 15
    assert "Likely to buy" in html
    assert f"<span>{category}</span>" in html
    assert "Raised it:" in html
    assert "(average " in html
