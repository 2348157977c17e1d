"""What an allocation is asked: values, costs, and every limit, checked. Pure.

An option is one variant of one strategy. Matrices are [options, customers], so that one
option's row is read in one stretch; float32 is enough and half of the memory. `Rest`
is what the promises leave to be decided, and what the solver works upon.

`value` is what an option brings once its cost is paid (incremental margin after the
discount); the least return is asked of this very sum: Σ value ≥ return · Σ cost.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
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
    if given.most < 0:
        yield "most", "must not be negative"
    yield from _shape_faults(given)
    yield from _limit_faults(given)


def _shape_faults(given: Instance) -> Iterator[Fault]:
    m, n = given.value.shape
    for name in ("strategy", "campaign"):
        one = getattr(given, name)
        if one is not None and (np.shape(one) != (m,) or np.min(one) < 0):
            yield name, f"{m} numbers from 0 are wanted, one for each option"
    for name in ("audience", "promised"):
        mask = getattr(given, name)
        if mask is not None and (mask.shape != (m, n) or mask.dtype != np.bool_):
            yield name, f"booleans of shape {(m, n)} are wanted"
    for name in ("given", "group"):
        one = getattr(given, name)
        if one is not None and (one.shape != (n,) or one.dtype.kind not in "iu"):
            yield name, f"{n} whole numbers are wanted, one for each customer"
        elif one is not None and np.min(one) < (0 if name == "given" else -1):
            yield name, "must not be negative, but for −1: no group"
    yield from _cap_faults(given)


def _cap_faults(given: Instance) -> Iterator[Fault]:
    n, count = given.customers, int(np.max(given.campaigns)) + 1
    caps, held = given.most_of_campaign, given.given_of_campaign
    many = caps is not None and np.ndim(caps) == 1 and len(caps) >= count
    if caps is not None and (not many or np.min(caps) < 0):
        yield "most_of_campaign", f"{count} numbers from 0 are wanted"
    if held is not None and (caps is None or held.shape != (len(caps), n)):
        yield "given_of_campaign", "wants most_of_campaign, and [campaigns, customers]"


def _limit_faults(given: Instance) -> Iterator[Fault]:
    m, n = given.value.shape
    for budget in given.budgets:
        if not 0 <= budget.amount < np.inf:
            yield "budgets", f"{budget.name}: not a finite amount from 0"
        if not _listed(budget.options, m):
            yield "budgets", f"{budget.name}: not some of {m} options, each once"
    if given.sku is not None:
        yield from _stock_faults(given, (m, n))
    yield from _share_faults(given)


def _share_faults(given: Instance) -> Iterator[Fault]:
    ratio = given.least_return
    if ratio is not None and not 0 <= ratio < np.inf:
        yield "least_return", "must be finite, and not negative"
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
    for one in given.returns:
        if not 0 <= one.least < np.inf:
            yield "returns", f"{one.name}: must be finite, and not negative"
        if not _listed(one.options, given.options):
            yield "returns", f"{one.name}: not some of {given.options} options"
    if given.stock_names and len(given.stock_names) != len(given.stock):
        yield "stock_names", f"{len(given.stock)} are wanted"


def _stock_faults(given: Instance, shape: tuple[int, int]) -> Iterator[Fault]:
    sku, units, stock = np.asarray(given.sku), np.asarray(given.units), given.stock
    if sku.shape not in (shape, shape[:1]) or sku.dtype.kind not in "iu":
        yield "sku", f"whole numbers of shape {shape} or {shape[:1]} are wanted"
    elif np.min(sku) < -1:
        yield "sku", "must be places in stock, or −1: nothing"
    elif np.max(sku) >= len(stock):
        yield "sku", f"there are only {len(stock)} stocks"
    if units.shape not in (shape, shape[:1], ()):
        yield "units", f"a number, or numbers of shape {shape} or {shape[:1]}"
    elif not (np.min(units) >= 0 and np.max(units) < np.inf):
        yield "units", "must be finite, and not negative"
    if stock.ndim != 1:
        yield "stock", "one number for each sku is wanted"
    elif len(stock) and not (np.min(stock) >= 0 and np.max(stock) < np.inf):
        yield "stock", "must be finite, and not negative"


@dataclass(frozen=True, kw_only=True, eq=False)
class Rest:
    """What is left to decide: promises are out, and have taken their part.

    value: −inf where nothing may be chosen. room: offers each may still get, a number
    or [n]; campaign_room [C, n] or None. budgets [B, m]: which options each binds.
    returns [R, m]: which options each return is asked of, `least` [R] how much.
    limit [J]: what is left, in the order of Instance.names; a return's is what Σ
    (least·cost − value) may reach, a share's is minus the customers still wanted.
    """

    value: Floats
    cost: Floats
    strategy: Ints
    campaign: Ints
    room: int | Ints
    campaign_room: Ints | None
    budgets: Bools
    sku: Ints | None
    units: Floats | float
    stocks: int
    returns: Bools
    least: Doubles
    group: Ints | None
    covered: Bools | None
    limit: Doubles

    @property
    def customers(self) -> int:
        return int(self.value.shape[1])

    @property
    def options(self) -> int:
        return int(self.value.shape[0])

    @property
    def most(self) -> int:
        """The most that anybody may get."""
        most = self.room if isinstance(self.room, int) else int(self.room.max())
        return min(most, len(np.unique(self.strategy)))

    @property
    def single(self) -> bool:
        """Whether one comparison decides a customer: at most one offer each."""
        return self.most <= 1 and self.campaign_room is None

    @property
    def first_return(self) -> int:
        """The place of the first return among the limits."""
        return len(self.budgets) + self.stocks

    @property
    def first_share(self) -> int:
        """The place of the first share among the limits."""
        return self.first_return + len(self.returns)

    def take(self, rows: Any, scale: float = 1.0) -> "Rest":
        """Return some customers (an index or a slice), with limits to scale."""
        pick: dict[str, Any] = {
            name: None if (one := getattr(self, name)) is None else one[..., rows]
            for name in ("value", "cost", "campaign_room", "group", "covered")
        }
        for name in ("sku", "units"):
            one = getattr(self, name)
            if isinstance(one, np.ndarray) and one.ndim == 2:
                pick[name] = one[:, rows]
        room = self.room if isinstance(self.room, int) else self.room[rows]
        return replace(self, **pick, room=room, limit=self.limit * scale)
