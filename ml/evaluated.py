"""Whom and what an evaluation speaks of: the log's orders, less what is left out.

The log is read once, as of a moment, so that all tables speak of the same orders.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from django.conf import settings
from django.db.models import Q

from analytics.models import Customer
from catalog.models import Product
from ml import lines, splits, trials
from ml.codes import day_of, moment_of
from ml.purchases import History, Purchases
from ml.splits import TooLittleHistory
from ml.trials import Mask

EVERYBODY = "everybody"
UNTOUCHED = "the untouched fifth"
FEWEST = 10
"""Customers in the untouched fifth."""


class NotThere(Exception):
    """What is to be left out is not in the log or the catalogue."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to evaluate, and on what.

    `customers` limits the log to so many, drawn by `seed`; `departments` and
    `categories` are left out, and so are products that are not promotable unless
    `all_products`. `challengers` are of challengers.MODELS. By `moved_days` the orders
    were moved, and holidays were not.
    """

    customers: int | None = None
    departments: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    all_products: bool = False
    untouched: bool = False
    challengers: tuple[str, ...] = ()
    seed: int = 0
    moved_days: int = 0


@dataclass(frozen=True)
class Shop:
    """The log's orders; `goods` are those whose products are not left out."""

    history: History
    goods: Purchases
    order: Order
    until: datetime

    @cached_property
    def plan(self) -> splits.Plan:
        return splits.plan(self.history.purchases, horizon_days=settings.HORIZON_DAYS)

    @cached_property
    def day(self) -> float:
        return day_of(self.plan.as_of)

    @property
    def size(self) -> dict[str, int]:
        history = self.history
        return {"customers": len(history.customers), "products": len(history.products)}

    @cached_property
    def who(self) -> Mapping[str, Mask | None]:
        """Return whose figures are wanted, as masks by customer code."""
        if not self.order.untouched:
            return {EVERYBODY: None}
        ids = dict(Customer.objects.values_list("key", "external_id"))
        known = {str(key): external for key, external in ids.items() if external}
        names = [known.get(key, key) for key in self.history.customers]
        apart = trials.untouched(names)
        if apart.sum() < FEWEST:
            told = f"The untouched fifth needs {FEWEST} customers, not {apart.sum()}."
            raise TooLittleHistory(told)
        return {EVERYBODY: None, UNTOUCHED: apart}

    def summary(self) -> dict[str, Any]:
        past = self.history.purchases
        return {
            "customers": len(self.history.customers),
            "orders": len(np.unique(past.order)),
            "lines": len(past),
            "lines_of_goods": len(self.goods),
            "from": moment_of(past.day.min()).date().isoformat() if len(past) else "",
            "to": moment_of(past.day.max()).date().isoformat() if len(past) else "",
            "seed": self.order.seed,
        }


def read(order: Order, *, until: datetime) -> Shop:
    """Read the log before `until`.

    :raises NotThere: no line has such a category, or no product such a department.
    """
    frame = lines.read(until=until)
    if order.customers is not None:
        frame = _some(frame, order.customers, order.seed)
    history = lines.arrays(frame)
    _known("category", order.categories, history.categories)
    named = Product.objects.filter(department__in=order.departments)
    _known("department", order.departments, named.values_list("department", flat=True))
    kept = _merchandise(history, order)
    goods = history.purchases.where(kept[history.purchases.product])
    listed = [name in order.categories for name in history.categories]
    # The last place answers for code −1, a line without a category: it stays.
    left_out = np.append(np.array(listed, bool), False)
    goods = goods.where(~left_out[goods.category])
    return Shop(history=history, goods=goods, order=order, until=until)


def _some(frame: pl.DataFrame, most: int, seed: int) -> pl.DataFrame:
    names = pl.col("customer").cast(pl.String)
    # Sorted: categoricals' order differs by process, and a seed must draw the same.
    known = sorted(frame.select(names.unique())["customer"].to_list())
    drawn = np.random.default_rng(seed).permutation(len(known))[:most]
    return frame.filter(names.is_in([known[spot] for spot in drawn]))


def _known(what: str, asked: Collection[str], there: Iterable[str]) -> None:
    if lacking := sorted(set(asked) - set(there)):
        raise NotThere(f"no such {what}: {', '.join(lacking)}")


def _merchandise(history: History, order: Order) -> Mask:
    """Say which products stay, by code; those the catalogue lacks do."""
    chosen = Q(department__in=order.departments)
    if not order.all_products:
        chosen |= Q(promotable=False)
    out = set(Product.objects.filter(chosen).values_list("sku", flat=True))
    return np.array([sku not in out for sku in history.products], bool)
