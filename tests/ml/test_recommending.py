"""The ranker from training to one live customer, on a shop with planted habits."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from django.utils import timezone

from analytics import events, glances, store
from analytics.models import EVERYBODY, Customer, StoredEvent
from catalog import feeds
from ml import (
    lines,
    live,
    model_files,
    own_past,
    recommending,
    registry,
    shortlists,
    tasks,
)
from ml.models import RANKING, Shortlist, TrainedModel, TrainingRun
from ml.served import RankedShop
from tests.ml.conftest import key

START = datetime(2025, 1, 6, tzinfo=UTC)
WEEKS = 40
PRODUCTS = 120


def bought(customer: UUID, at: datetime, skus: list[str]) -> store.Fact:
    rows = tuple(
        events.OrderLine(sku=sku, category=f"c{int(sku) % 5}", paid=Decimal(2))
        for sku in skus
    )
    happened = events.OrderCompleted(order_id="x", currency="EUR", lines=rows)
    return store.Fact(event=happened, at=at, customer=customer)


def habitual(*, signal: bool, seed: int = 5) -> list[UUID]:
    """Fill the log; with a signal everybody has twenty staples, due every other week.

    Half of them come in even weeks, half in odd ones, so that rhythm tells more than
    frequency does; without, everybody buys at random.
    """
    chance = np.random.default_rng(seed)
    keys = [key(f"habit {n}") for n in range(60)]
    Customer.objects.bulk_create(
        Customer(key=one, external_id=f"cu-{n}") for n, one in enumerate(keys)
    )
    facts = []
    for n, one in enumerate(keys):
        mine = chance.permutation(PRODUCTS)[:20]
        for week in range(WEEKS):
            basket = chance.permutation(PRODUCTS)[:3]
            if signal:
                due = mine[:10] if (week + n) % 2 else mine[10:]
                basket = np.append(due, basket[:1])
            at = START + timedelta(weeks=week, hours=int(chance.integers(40)))
            facts.append(bought(one, at, sorted({str(sku) for sku in basket})))
    store.append_new(facts)
    feeds.take(
        [
            feeds.Listed(sku=str(n), name=f"P{n}", category=f"c{n % 5}", currency="EUR")
            for n in range(PRODUCTS)
        ],
        at=START,
    )
    return keys


def trained() -> TrainedModel:
    run = TrainingRun.objects.create(requested_by="olga")
    return recommending.train(run=run, at=timezone.now())


END = START + timedelta(weeks=WEEKS)


def test_planted_rhythm_is_found_and_served(db: None, models_dir: Path) -> None:
    keys = habitual(signal=True)
    model = trained()

    assert registry.champion(RANKING) == model
    figures = model.metrics["validation"]
    assert figures["recall"] > figures["own_recall"] + 0.1
    assert shortlists.shortlist(at=END) == 61
    _the_due_staples_come_first(keys)
    _night_and_live_agree(keys)
    _an_order_changes_the_next_answer(keys)
    _a_stranger_gets_best_sellers()
    _what_is_barred_is_not_shown(keys)
    _without_a_file_the_night_s_list_stands_in(keys, model)


def _the_due_staples_come_first(keys: list[UUID]) -> None:
    """Those of the week before last: what came last week is not due yet."""
    hits = 0
    for one in keys[:20]:
        rows = glances.trail([one], types=["order_completed"], since=START, until=END)
        due = {line.sku for line in _lines(rows[-2])} - {
            line.sku for line in _lines(rows[-1])
        }
        found = live.recommendations(one, at=END, most=10)
        hits += len({row.sku for row in found.found} & due)
    assert found.source == "live"
    assert hits / 200 > 0.6


def _lines(row: tuple[int, str, int, str]) -> tuple[events.OrderLine, ...]:
    event = events.decode("order_completed", row[3])
    assert isinstance(event, events.OrderCompleted)
    return event.lines


def _night_and_live_agree(keys: list[UUID]) -> None:
    row = Shortlist.objects.get(customer=keys[3])
    last = StoredEvent.objects.filter(type="order_completed").latest("occurred_at")
    just_after = last.occurred_at + timedelta(days=1e-5)

    found = live.recommendations(keys[3], at=just_after, most=10)

    assert [one.sku for one in found.found] == row.skus[:10]
    batch = lines.arrays(lines.read(until=END, customers=[keys[3]]))
    alone = own_past.history([keys[3]], at=END)
    assert batch.products == alone.products
    for name in ("order", "day", "product", "category", "paid", "shelf_discount"):
        ours = getattr(alone.purchases, name)
        assert np.array_equal(getattr(batch.purchases, name), ours), name


def _an_order_changes_the_next_answer(keys: list[UUID]) -> None:
    before = live.recommendations(keys[4], at=END, most=4)
    skus = [one.sku for one in before.found]
    at = END + timedelta(hours=1)
    store.append_new([bought(keys[4], at, skus)])

    after = live.recommendations(keys[4], at=at + timedelta(seconds=1), most=4)

    assert not {one.sku for one in after.found} & set(skus)


def _a_stranger_gets_best_sellers() -> None:
    found = live.recommendations(None, at=END, most=10)

    assert found.source == "live"
    everybody = Shortlist.objects.get(customer=EVERYBODY)
    assert [one.sku for one in found.found] == everybody.skus[:10]


def _what_is_barred_is_not_shown(keys: list[UUID]) -> None:
    first = live.recommendations(keys[5], at=END, most=1).found[0].sku

    again = live.recommendations(keys[5], at=END, most=10, excluded=[first])

    assert len(again.found) == 10
    assert first not in {one.sku for one in again.found}
    cart = live.recommendations(keys[5], at=END, most=10, cart=[first])
    assert first not in {one.sku for one in cart.found}


def _without_a_file_the_night_s_list_stands_in(
    keys: list[UUID], model: TrainedModel
) -> None:
    TrainedModel.objects.filter(pk=model.pk).update(checksum="f" * 64)

    found = live.recommendations(keys[3], at=END, most=5)
    stranger = live.recommendations(key("nobody"), at=END, most=5)
    Shortlist.objects.all().delete()
    nothing = live.recommendations(keys[3], at=END, most=5)

    assert (found.source, stranger.source) == ("night", "popular")
    assert len(found.found) == len(stranger.found) == 5
    assert (nothing.source, list(nothing.found)) == ("none", [])


def test_noise_promotes_no_ranker_and_favourites_stand_in(
    db: None, models_dir: Path
) -> None:
    keys = habitual(signal=False)
    run = TrainingRun.objects.create(requested_by="olga")
    assert live.recommendations(None, at=END, most=5).source == "none"

    tasks.recommend(run=str(run.pk))

    with pytest.raises(registry.NoChampion):
        registry.champion(RANKING)
    run.refresh_from_db()
    assert "did not beat own favourites" in run.report["recommendations"]
    stranger = live.recommendations(None, at=END, most=5)
    known = live.recommendations(keys[0], at=END, most=5)
    assert (stranger.source, known.source) == ("popular", "night")
    assert len(stranger.found) == len(known.found) == 5


def test_who_never_comes_back_leaves_best_sellers(db: None, models_dir: Path) -> None:
    keys = [key(f"once {n}") for n in range(250)]
    Customer.objects.bulk_create(
        Customer(key=one, external_id=f"once-{n}") for n, one in enumerate(keys)
    )
    store.append_new(
        [
            bought(one, START + timedelta(days=n), [str(n % 3)])
            for n, one in enumerate(keys)
        ]
    )
    run = TrainingRun.objects.create(requested_by="olga")

    tasks.recommend(run=str(run.pk))

    run.refresh_from_db()
    assert "with three orders" in run.report["recommendations"]
    assert live.recommendations(keys[1], at=END, most=5).found[0].sku == "1"


def test_too_short_a_history_is_told(db: None, models_dir: Path) -> None:
    Customer.objects.create(key=key("ana"), external_id="ana")
    store.append_new([bought(key("ana"), START, ["1"])])

    with pytest.raises(recommending.TooFewOrders, match="224 days"):
        trained()

    assert not TrainedModel.objects.exists()


def test_a_model_comes_back_from_its_file_as_it_was(db: None, models_dir: Path) -> None:
    habitual(signal=True)
    model = trained()

    shop = RankedShop.of(model_files.load(model.checksum))

    again = RankedShop.of(shop.artefact())
    assert again.model.skus == shop.model.skus
    assert np.array_equal(again.together.partner, shop.together.partner)
    history = lines.arrays(lines.read(until=END, customers=[key("habit 1")]))
    one = shop.recommended(shop.coded(history), now=20_400.0)
    two = again.recommended(again.coded(history), now=20_400.0)
    assert one == two
