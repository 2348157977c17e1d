"""What an allocation is asked: values, costs, and every limit, checked. Pure.

An option is one variant of one strategy. Matrices are [options, customers], so that one
option's row is read in one stretch; float32 is enough and half of the memory.

`value` is what an option brings once its cost is paid (incremental margin after the
discount); the least return is asked of this very sum: Σ value ≥ return · Σ cost.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]
Bools = NDArray[np.bool_]
Doubles = NDArray[np.float64]

NOBODY = -1
"""No sku, no group, no option."""
MOST = 2**31 - 1
"""More offers than that for one customer are a slip, and sums of them overflow."""


class Invalid(ValueError):
    """A field of an instance makes no sense; `field` names it."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


@dataclass(frozen=True, kw_only=True)
class Budget:
    """At most `amount` of cost for these options, in the unit of `cost`.

    Budgets may be nested: a campaign's, and one for each of its strategies.
    """

    name: str
    options: tuple[int, ...]
    amount: float


@dataclass(frozen=True, kw_only=True)
class Return:
    """Over these options together, Σ value ≥ `least` · Σ cost."""

    name: str
    options: tuple[int, ...]
    least: float


@dataclass(frozen=True, kw_only=True)
class Share:
    """At least this share of the group's customers get an offer, promises counted."""

    name: str
    share: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Instance:
    """Who may get what: n customers, m options, of S strategies in C campaigns.

    value, cost: [m, n]. A value of −inf: this customer is not in the audience. Integer
    costs are minor units (cents), and their sums are checked exactly.
    strategy, campaign: [m], numbers from 0; a customer gets one variant of a strategy.
    most: offers for each customer; given [n]: those he already holds elsewhere.
    most_of_campaign [C], given_of_campaign [C, n]: the same within a campaign.
    sku [m] or [m, n] (−1: none), units of the same shape or a number, stock [K], named
    or called by their places. least_return: of all options; `returns`: of some.
    group [n] (−1: none): a place in `shares`. promised [m, n]: given already; they
    stay, and bind every limit, even beyond it.
    Raises Invalid with the field's name.
    """

    value: Floats
    cost: Floats | Ints
    most: int = 1
    strategy: Sequence[int] | Ints | None = None
    campaign: Sequence[int] | Ints | None = None
    budgets: tuple[Budget, ...] = ()
    sku: Ints | None = None
    units: Floats | float = 1.0
    stock: Floats = field(default_factory=lambda: np.zeros(0))
    stock_names: tuple[str, ...] = ()
    least_return: float | None = None
    returns: tuple[Return, ...] = ()
    given: Ints | None = None
    most_of_campaign: Sequence[int] | Ints | None = None
    given_of_campaign: Ints | None = None
    group: Ints | None = None
    shares: tuple[Share, ...] = ()
    audience: Bools | None = None
    promised: Bools | None = None

    def __post_init__(self) -> None:
        for name, reason in _faults(self):
            raise Invalid(name, reason)

    @property
    def options(self) -> int:
        return int(self.value.shape[0])

    @property
    def customers(self) -> int:
        return int(self.value.shape[1])

    @property
    def strategies(self) -> Ints:
        """Each option's strategy, [m]."""
        given = range(self.options) if self.strategy is None else self.strategy
        return np.asarray(given, dtype=np.int64)

    @property
    def campaigns(self) -> Ints:
        """Each option's campaign, [m]."""
        given = [0] * self.options if self.campaign is None else self.campaign
        return np.asarray(given, dtype=np.int64)

    @property
    def rows(self) -> int:
        """The limits that have a price, in this order: see `names`."""
        return len(self.names)

    @property
    def names(self) -> list[str]:
        """Budgets, skus, returns, shares: the order of prices and limits."""
        # Plan files keep their prices in this order (docs/allocation.md).
        named = [f"budget {one.name}" for one in self.budgets]
        skus = self.stock_names or range(len(self.stock))
        named += [f"stock {sku}" for sku in skus]
        named += [f"return {one.name}".strip() for one in self.every_return]
        return named + [f"share {one.name}" for one in self.shares]

    @property
    def every_return(self) -> tuple[Return, ...]:
        """The return of all options, if one is asked, and then those of some."""
        if self.least_return is None:
            return self.returns
        everything = tuple(range(self.options))
        whole = Return(name="", options=everything, least=self.least_return)
        return (whole, *self.returns)

    @cached_property
    def greatest(self) -> float:
        """The greatest value of all, or 0 if none is positive."""
        # The gap of a plan that is worth next to nothing is a share of
        # this (docs/allocation.md).
        return max(float(np.max(self.value)), 0.0)

    @property
    def nbytes(self) -> int:
        """The memory of the arrays."""
        mine = (getattr(self, name) for name in self.__dataclass_fields__)
        return sum(one.nbytes for one in mine if isinstance(one, np.ndarray))


Fault = tuple[str, str]


def _faults(given: Instance) -> Iterator[Fault]:
    value, cost = given.value, given.cost
    if value.ndim != 2 or 0 in value.shape or value.dtype.kind != "f":
        yield "value", "floats [options, customers] are wanted"
        return
    if cost.shape != value.shape or cost.dtype.kind not in "fiu":
        yield "cost", f"numbers of the shape of value, {value.shape}, are wanted"
        return
    # One cheap look at each: a minimum is nan if anything is, and knows its sign.
    if not np.max(value) < np.inf:
        yield "value", "nan or +inf; what is given already belongs into `promised`"
    if not (np.min(cost) >= 0 and np.max(cost) < np.inf):
        yield "cost", "must be finite, and not negative"
    yield from _count_faults(given)
    yield from _cap_faults(given)
    yield from _stock_faults(given, value.shape)
    yield from _limit_faults(given)


def _count_faults(given: Instance) -> Iterator[Fault]:
    m, n = given.value.shape
    if not (_whole(given.most, (), 0) and given.most <= MOST):
        yield "most", f"a whole number from 0 to {MOST:,} is wanted"
    for name in ("strategy", "campaign"):
        if not _whole(getattr(given, name), (m,), 0):
            yield name, f"{m} whole numbers from 0 are wanted, one for each option"
    for name in ("audience", "promised"):
        mask = getattr(given, name)
        if mask is not None and (mask.shape != (m, n) or mask.dtype != np.bool_):
            yield name, f"booleans of shape {(m, n)} are wanted"
    # A negative `given` would be room that nobody has, and it would be certified.
    for name, least in (("given", 0), ("group", NOBODY)):
        if not _whole(getattr(given, name), (n,), least):
            yield name, f"{n} whole numbers from {least} are wanted, one a customer"


def _whole(some: Any, shape: tuple[int, ...], least: int) -> bool:
    """Whether these are whole numbers of that shape, none below; None is well."""
    if some is None:
        return True
    numbers = np.asarray(some)
    # No floats, even whole ones: cut to integers, a `most` of 1.7 would silently be 1.
    alike = numbers.shape == shape and numbers.dtype.kind in "iu"
    return bool(alike and np.min(numbers) >= least)


def _cap_faults(given: Instance) -> Iterator[Fault]:
    # A strategy counts once towards its campaign's cap, whichever variant was chosen.
    pairs = np.unique(np.column_stack([given.strategies, given.campaigns]), axis=0)
    if len(pairs) > len(np.unique(given.strategies)):
        yield "campaign", "all options of a strategy belong to one campaign"
    n, count = given.customers, int(np.max(given.campaigns)) + 1
    caps, held = given.most_of_campaign, given.given_of_campaign
    size = 0 if caps is None else np.size(caps)
    if caps is not None and (size < count or not _whole(caps, (size,), 0)):
        yield "most_of_campaign", f"{count} whole numbers from 0 are wanted"
    if held is not None and caps is None:
        yield "given_of_campaign", "wants most_of_campaign too"
    if not _whole(held, (size, n), 0):
        yield "given_of_campaign", f"whole numbers from 0, {(size, n)}, are wanted"


def _limit_faults(given: Instance) -> Iterator[Fault]:
    m = given.options
    for budget in given.budgets:
        if not 0 <= budget.amount < np.inf:
            yield "budgets", f"{budget.name}: not a finite amount from 0"
        if not _listed(budget.options, m):
            yield "budgets", f"{budget.name}: not some of {m} options, each once"
    yield from _return_faults(given)
    for share in given.shares:
        if not 0 <= share.share <= 1:
            yield "shares", f"{share.name}: not between 0 and 1"
    if given.shares and given.group is None:
        yield "group", "is wanted, since there are shares"
    if given.group is not None and np.max(given.group) >= len(given.shares):
        yield "group", f"there are only {len(given.shares)} shares"


def _listed(some: Sequence[int], options: int) -> bool:
    inside = all(0 <= option < options for option in some)
    return inside and len(set(some)) == len(some)


def _return_faults(given: Instance) -> Iterator[Fault]:
    ratio = given.least_return
    if ratio is not None and not 0 <= ratio < np.inf:
        yield "least_return", "must be finite, and not negative"
    for one in given.returns:
        if not 0 <= one.least < np.inf:
            yield "returns", f"{one.name}: must be finite, and not negative"
        if not _listed(one.options, given.options):
            yield "returns", f"{one.name}: not some of {given.options} options"


def _stock_faults(given: Instance, shape: tuple[int, ...]) -> Iterator[Fault]:
    sku, units, stock = given.sku, np.asarray(given.units), np.asarray(given.stock)
    if stock.ndim != 1 or not _amounts(stock):
        yield "stock", "a list of finite numbers, none negative, is wanted"
    if given.stock_names and len(given.stock_names) != len(stock):
        yield "stock_names", f"{len(stock)} are wanted"
    if units.shape not in (shape, shape[:1], ()):
        yield "units", f"a number, or numbers of shape {shape} or {shape[:1]}"
    if not _amounts(units):
        yield "units", "must be finite numbers, and not negative"
    if sku is None:
        return
    if np.shape(sku) not in (shape, shape[:1]) or not _whole(sku, sku.shape, NOBODY):
        told = f"whole numbers from {NOBODY} of shape {shape} or {shape[:1]}"
        yield "sku", f"{told} are wanted"
    if np.max(sku) >= len(stock):
        yield "sku", f"there are only {len(stock)} stocks"


def _amounts(some: Floats) -> bool:
    """Whether these are finite numbers from 0; none at all is well."""
    if some.dtype.kind not in "iuf":
        return False
    return not some.size or bool(np.min(some) >= 0 and np.max(some) < np.inf)
