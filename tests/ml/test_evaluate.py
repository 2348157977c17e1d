"""`manage.py evaluate` on a small shop whose tastes are planted."""

import io
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from analytics import events, store
from analytics.models import Customer
from catalog.models import Product
from ml import estimators, evaluated, market_trials, tables, trials
from ml.management.commands import evaluate
from ml.models import Opinion
from tests.ml.conftest import CATEGORIES, START, Shop, key, order

UNTIL = START + timedelta(days=400)
BASKETS = "next-basket,last-basket,cold-start"


def ran(*args: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("evaluate", *args, "--format", "json", stdout=out)
    told: dict[str, Any] = json.loads(out.getvalue())
    return told


def rows(told: dict[str, Any], title: str, who: str = evaluated.EVERYBODY) -> Any:
    (found,) = [
        sheet["rows"]
        for sheet in told["tables"]
        if sheet["title"] == title and sheet["who"] == who
    ]
    return found


def figure(table: list[dict[str, Any]], model: str, name: str, **other: object) -> Any:
    (row,) = [
        row
        for row in table
        if row["model"] == model and all(row[k] == v for k, v in other.items())
    ]
    return row[name]


def test_challengers_stand_alone_and_beside_the_ranker(shop: Shop) -> None:
    shop(signal=True, customers=60)

    told = ran("--only", "next-basket", "--with", "als,nmf")

    models = {row["model"] for row in rows(told, "Next basket")}
    gains = {row["gain"]: row for row in rows(told, "Next basket: paired gains")}
    for name in ("als", "nmf"):
        assert {name, f"ranker + {name}"} <= models
        assert f"ranker + {name} − ranker" in gains
    assert "ranker, diverse − ranker" in gains
    assert not any("bpr" in name for name in models)
    with pytest.raises(CommandError, match="no such model: svd; there are als, bpr"):
        ran("--with", "svd")


def test_the_basket_tables_find_planted_tastes(shop: Shop) -> None:
    shop(signal=True, customers=100)

    told = ran("--only", BASKETS, "--untouched")

    table = rows(told, "Next basket")
    recall = {
        name: figure(table, name, "R@10", cut="mean")
        for name in ("popular", "personal frequency", "ranker")
    }
    ndcg = {
        name: figure(table, name, "N@10", cut="mean")
        for name in ("popular", "personal frequency", "ranker")
    }
    assert len({row["cut"] for row in table}) == 3 + 1
    assert ndcg["ranker"] > ndcg["personal frequency"] + 0.02
    assert ndcg["ranker"] > ndcg["popular"] + 0.03
    # Nine products in all: lists of ten hold every one.
    assert recall["ranker"] == pytest.approx(1)
    for row in table:
        assert row["repeat"] + row["explore"] == pytest.approx(row["R@10"])
        assert row["N@10_all"] <= row["N@10"] + 1e-9
    gains = {row["gain"]: row for row in rows(told, "Next basket: paired gains")}
    against = gains["ranker − popular"]
    assert against["N@10"] == pytest.approx(ndcg["ranker"] - ndcg["popular"])
    assert against["N@10"] > 3 * against["N@10_error"] > 0
    last = rows(told, "Last basket")
    assert figure(last, "ranker", "N@10") > figure(last, "popular", "N@10") + 0.05
    cold = rows(told, "Cold start")
    assert [row["orders"] for row in cold][::5] == [1, 3, 5, 10]
    assert figure(cold, "ranker", "N@10", orders=10) > figure(
        cold, "ranker", "N@10", orders=1
    )
    fifth = rows(told, "Next basket", evaluated.UNTOUCHED)
    assert 0 < fifth[0]["asked"] < table[0]["asked"] / 2


def test_noise_gives_the_ranker_nothing(shop: Shop) -> None:
    shop(signal=False, customers=100)

    told = ran("--only", "next-basket")

    gains = {row["gain"]: row for row in rows(told, "Next basket: paired gains")}
    against = gains["ranker − popular"]
    assert against["N@10"] < 0.01 + 3 * against["N@10_error"]


def test_the_propensity_table_finds_planted_tastes(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop(signal=True)
    few = {"logistic": estimators.CANDIDATES["logistic"]}
    monkeypatch.setattr(estimators, "CANDIDATES", few)

    told = ran("--only", "propensity", "--exclude-category", "wine")

    table = rows(told, f"Propensity: {len(CATEGORIES) - 1} categories")
    loss = {row["model"]: row["log_loss"] for row in table if row["cut"] == "mean"}
    assert loss["logistic"] < min(loss[name] for name in estimators.BASELINES)


def test_the_redemption_table_reads_the_shops_campaigns(shop: Shop) -> None:
    keys = shop(signal=True)
    store.append_new(_campaigns(keys))

    told = ran("--only", "redemption")

    table = rows(told, "Coupon redemption: 4 campaigns teach, 4 tested")
    assert [row["model"] for row in table] == ["base_rate", "past_rate", "logistic"]
    assert figure(table, "base_rate", "lift") == pytest.approx(1)
    assert figure(table, "logistic", "auc") > 0.8


def _campaigns(keys: list[Any]) -> list[store.Fact]:
    """Eight campaigns for all; every third customer uses all of them, nobody else."""
    facts = []
    for number in range(8):
        name, first = f"c{number}", START + timedelta(days=35 + 28 * number)
        last = first + timedelta(days=20)
        said = events.CampaignAnnounced(
            campaign=name,
            kind="mail",
            starts_on=first.date().isoformat(),
            ends_on=last.date().isoformat(),
        )
        coupon = events.CouponIssued(campaign=name, coupon=name, skus=("tea-1",))
        got = events.CampaignReceived(campaign=name)
        used = events.CouponRedeemed(campaign=name, coupon=name)
        facts += [store.Fact(event=said, at=first), store.Fact(event=coupon, at=first)]
        facts += [store.Fact(event=got, at=first, customer=one) for one in keys]
        at = first + timedelta(days=3)
        facts += [store.Fact(event=used, at=at, customer=one) for one in keys[::3]]
    return facts


def test_a_shop_without_campaigns_is_told_so(shop: Shop) -> None:
    shop(signal=True, customers=3)

    (sheet,) = ran("--only", "redemption")["tables"]

    assert sheet["rows"] == []
    assert "no campaigns" in sheet["note"]
    assert not sheet["missing"]


@pytest.mark.parametrize("name", sorted(set(tables.PROTOCOLS) - {"redemption"}))
@pytest.mark.parametrize(("customers", "weeks"), [(0, 0), (3, 41), (60, 3)])
def test_too_little_history_is_said_with_status_1(
    shop: Shop, name: str, customers: int, weeks: int
) -> None:
    shop(signal=True, customers=customers, weeks=weeks)

    with pytest.raises(CommandError, match="Too little history") as refused:
        call_command("evaluate", "--only", name, stdout=io.StringIO())

    assert refused.value.returncode == 1


def test_what_is_left_out_is_by_category_department_and_promotable(shop: Shop) -> None:
    shop(signal=True, customers=3)
    known = {"name": "x", "currency": "EUR", "price": Decimal(2)}
    Product.objects.create(sku="soap-1", department="home", **known)
    Product.objects.create(sku="tea-1", promotable=False, **known)

    def sold(**how: Any) -> set[str]:
        read = evaluated.read(evaluated.Order(**how), until=UNTIL)
        return {read.history.products[code] for code in read.goods.product}

    everything = {f"{name}-1" for name in CATEGORIES} | {"-1"}
    assert sold(all_products=True) == everything
    assert sold() == everything - {"tea-1"}
    assert sold(departments=frozenset(["home"])) == everything - {"tea-1", "soap-1"}
    assert sold(categories=frozenset(["wine"])) == everything - {"tea-1", "wine-1"}


def test_a_draw_of_customers_is_whole_and_by_seed(shop: Shop) -> None:
    shop(signal=True, customers=12)

    def drawn(seed: int) -> list[str]:
        read = evaluated.read(evaluated.Order(customers=5, seed=seed), until=UNTIL)
        assert len(np.unique(read.history.purchases.order)) == 5 * 41
        return read.history.customers

    assert drawn(1) == drawn(1) != drawn(2)
    assert len(drawn(1)) == 5


def test_the_untouched_fifth_is_by_the_shops_own_id(db: None) -> None:
    keys = [key(number) for number in range(80)]
    Customer.objects.bulk_create(
        Customer(key=one, external_id=f"shop-{number}")
        for number, one in enumerate(keys)
    )
    store.append_new([order(one, START, ["tea"]) for one in keys])

    read = evaluated.read(evaluated.Order(untouched=True), until=UNTIL)

    mask = read.who[evaluated.UNTOUCHED]
    assert mask is not None
    apart = {read.history.customers[code] for code in np.flatnonzero(mask)}
    ids = trials.untouched([f"shop-{number}" for number in range(80)])
    assert apart == {str(one) for one, out in zip(keys, ids, strict=True) if out}


def test_a_fifth_of_too_few_is_not_judged(shop: Shop) -> None:
    shop(signal=True, customers=41)

    with pytest.raises(CommandError, match="fifth needs 10 customers"):
        ran("--only", "last-basket", "--untouched")


def test_tables_are_printed(shop: Shop) -> None:
    shop(signal=True, customers=60)
    out = io.StringIO()

    call_command("evaluate", "--only", "last-basket", stdout=out)
    call_command("evaluate", "--only", "last-basket", "--format=markdown", stdout=out)

    assert "Last basket — everybody" in out.getvalue()
    assert "| ranker |" in out.getvalue()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--only", "baskets"], "no such table: baskets"),
        (["--exclude-category", "beer"], "no such category: beer"),
        (["--exclude-department", "toys"], "no such department: toys"),
        (["--customers", "0"], "1 or more"),
    ],
)
def test_what_makes_no_sense_is_refused(db: None, args: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        call_command("evaluate", *args)


def test_the_help_states_every_protocol() -> None:
    for name in tables.PROTOCOLS:
        assert f"\n{name} " in evaluate.HELP


def test_what_is_said_of_goods_is_one_of_the_market_s_groups(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(market_trials, "LEARNERS", ("logistic",))
    shop(signal=True, customers=60)
    Opinion.objects.bulk_create(
        Opinion(
            review=f"r{n}",
            day=(START + timedelta(days=n)).date(),
            category=CATEGORIES[n % 3],
            source="review",
            negative=n % 5 == 0,
        )
        for n in range(280)
    )

    told = ran("--only", "market")

    groups = {row["group"] for sheet in told["tables"] for row in sheet["rows"]}
    assert "opinions" in groups
