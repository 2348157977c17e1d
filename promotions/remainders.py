"""What promises leave to decide, and which choices no limit can ever allow. Pure.

Left of a limit is max(0, limit − what is promised): promises stay, and who overran a
budget gets nothing more of it. A pair that alone passes a limit is taken out: no whole
answer holds it, so the bound only gets tighter (and a limit of nothing needs no price).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from promotions.instances import Bools, Budget, Doubles, Floats, Instance, Ints, Return


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


def rest_of(asked: Instance) -> Rest:
    """Return what is left once the promises have taken their part."""
    promised = _promised(asked)
    room = _room(asked, promised)
    campaign_room = _campaign_room(asked, promised)
    units: Any = asked.units
    if isinstance(units, np.ndarray) and units.dtype.kind != "f":
        units = units.astype(np.float32)
    rest = Rest(
        value=_value(asked, promised),
        cost=_cost(asked),
        strategy=asked.strategies,
        campaign=asked.campaigns,
        room=room,
        campaign_room=campaign_room,
        budgets=_members(asked, asked.budgets),
        sku=asked.sku,
        units=units,
        stocks=len(asked.stock),
        returns=_members(asked, asked.every_return),
        least=np.array([one.least for one in asked.every_return]),
        group=asked.group if asked.shares else None,
        covered=_covered(asked, promised),
        limit=np.zeros(asked.rows),
    )
    rest.limit[:] = left(asked, promised)
    return _possible(rest, owned=rest.value is not asked.value)


def left(asked: Instance, promised: Bools | None) -> Doubles:
    """Return what the promises leave of every limit, in the order of their names.

    Where whole units (or cents) are taken, only whole ones are left.
    """
    limits = np.concatenate(
        [
            [float(one.amount) for one in asked.budgets],
            asked.stock,
            np.zeros(len(asked.every_return)),
        ]
    ).astype(np.float64)
    wanted, covered = wanted_of(asked), np.zeros(len(asked.shares))
    if promised is not None:
        option, customer = np.nonzero(promised)
        limits -= taken(asked, option, customer)
        if asked.shares and asked.group is not None:
            has = promised.any(axis=0) & (asked.group >= 0)
            covered += np.bincount(asked.group[has], minlength=len(covered))
    short = np.maximum(wanted - covered, 0.0)
    if asked.cost.dtype.kind in "iu":
        # Else no plan reaches the bound, and the
        # gap that is left refuses the certificate.
        limits[: len(asked.budgets)] = np.floor(limits[: len(asked.budgets)])
    if len(asked.stock) and _whole(asked.units):
        stock = slice(len(asked.budgets), len(asked.budgets) + len(asked.stock))
        limits[stock] = np.floor(limits[stock])
    return np.concatenate([np.maximum(limits, 0.0), -short])


def _whole(units: Any) -> bool:
    """Whether all units are whole numbers: no plan then uses a part of one."""
    units = np.asarray(units)
    # The first 99 tell most often; all of a large matrix only if they are whole.
    return not (units.ravel()[:99] % 1).any() and not (units % 1).any()


def wanted_of(asked: Instance) -> Doubles:
    """Return how many customers of each group must get an offer: ⌈share · size⌉."""
    if not asked.shares or asked.group is None:
        return np.zeros(0)
    inside = asked.group[asked.group >= 0]
    sizes = np.bincount(inside, minlength=len(asked.shares))
    shares = np.array([one.share for one in asked.shares])
    # 0.07 · 100 is 7.000000000000001: without the 1e-9 an eighth would be wanted.
    return np.asarray(np.ceil(sizes * shares - 1e-9), dtype=np.float64)


def taken(asked: Instance, option: Ints, customer: Ints) -> Doubles:
    """Return what these pairs take of budgets, stocks and returns, in float64."""
    cost = asked.cost[option, customer].astype(np.float64)
    by_option = np.bincount(option, cost, minlength=asked.options)
    parts: list[Any] = [_members(asked, asked.budgets) @ by_option]
    if asked.sku is not None:
        sku = _at(asked.sku, option, customer)
        units = np.broadcast_to(_at(asked.units, option, customer), sku.shape)
        has = sku >= 0
        parts.append(np.bincount(sku[has], units[has], minlength=len(asked.stock)))
    elif len(asked.stock):
        parts.append(np.zeros(len(asked.stock)))
    if asked.every_return:
        value = asked.value[option, customer].astype(np.float64)
        # A promise stays though its pair may not be chosen
        # any more (−inf): it costs, and brings nothing.
        value = np.where(np.isfinite(value), value, 0.0)
        brings = np.bincount(option, value, minlength=asked.options)
        # A return's limit is on Σ (least · cost −
        # value): what brings more than asked makes room.
        least = np.array([one.least for one in asked.every_return])
        inside = _members(asked, asked.every_return)
        parts.append(least * (inside @ by_option) - inside @ brings)
    return np.concatenate(parts)


def _at(what: Any, option: Ints, customer: Ints) -> Any:
    """Return `what` of each pair, which may be [m, n], [m] or one number."""
    one = np.asarray(what)
    if one.ndim == 2:
        return one[option, customer]
    return one[option] if one.ndim else one


def _members(asked: Instance, some: Sequence[Budget | Return]) -> Bools:
    inside = np.zeros((len(some), asked.options), dtype=np.bool_)
    for row, one in zip(inside, some, strict=True):
        row[list(one.options)] = True
    return inside


def _promised(asked: Instance) -> Bools | None:
    promised = asked.promised
    return promised if promised is not None and promised.any() else None


def _cost(asked: Instance) -> Any:
    cost = asked.cost
    if cost.dtype.kind == "f":
        return cost
    # float32 holds whole numbers exactly up to 2²⁴.
    exact = np.float32 if np.max(cost) < 1 << 24 else np.float64
    return cost.astype(exact)


def _value(asked: Instance, promised: Bools | None) -> Any:
    """Return the values, −inf where nobody may be given anything (more)."""
    value = asked.value
    if asked.audience is not None:
        value = np.where(asked.audience, value, -np.inf).astype(value.dtype)
    if promised is not None:
        value = value.copy() if value is asked.value else value
        strategy = asked.strategies
        for one in np.unique(strategy):
            mine = strategy == one
            # One variant of a strategy for each: with one
            # promised, the others are closed as well.
            value[np.ix_(mine, promised[mine].any(axis=0))] = -np.inf
    return value


def _covered(asked: Instance, promised: Bools | None) -> Bools | None:
    """Mark who has an offer for his group's share already."""
    if promised is None or not asked.shares:
        return None
    return np.asarray(promised.any(axis=0))


def _room(asked: Instance, promised: Bools | None) -> int | Ints:
    if asked.given is None and promised is None:
        return asked.most
    held = np.zeros(asked.customers, dtype=np.int64)
    held += 0 if asked.given is None else asked.given
    held += 0 if promised is None else promised.sum(axis=0)
    return _small(asked.most - held, asked.options)


def _campaign_room(asked: Instance, promised: Bools | None) -> Ints | None:
    if asked.most_of_campaign is None:
        return None
    caps = np.asarray(asked.most_of_campaign, dtype=np.int64)[:, None]
    held = np.zeros((len(caps), asked.customers), dtype=np.int64)
    held += 0 if asked.given_of_campaign is None else asked.given_of_campaign
    if promised is not None:
        for option, campaign in enumerate(asked.campaigns):
            held[campaign] += promised[option]
    return _small(caps - held, asked.options)


def _small(room: Ints, options: int) -> Ints:
    """Return room in a byte or two: nobody gets more than all options."""
    # Below 0 too: who was promised more than is allowed now has no room.
    return np.clip(room, 0, options).astype(np.min_scalar_type(options))


def _possible(rest: Rest, *, owned: bool) -> Rest:
    """Take out what alone is more than a limit; copy the values only if need be."""
    stock = rest.limit[len(rest.budgets) : len(rest.budgets) + rest.stocks]
    value = rest.value
    for option in range(rest.options):
        binding = rest.limit[: len(rest.budgets)][rest.budgets[:, option]]
        most = binding.min() if len(binding) else np.inf
        # Most options are far below their limits: one maximum, and no mask is made.
        over = rest.cost[option] > most if rest.cost[option].max() > most else None
        thin = _scarce(rest, option, stock)
        for mask in (over, thin):
            if mask is None or not mask.any():
                continue
            if not owned:
                value, owned = value.copy(), True
            value[option, mask] = -np.inf
    if value is not rest.value:
        return Rest(**{**vars(rest), "value": value})
    return rest


def _scarce(rest: Rest, option: int, stock: Doubles) -> Bools | None:
    """Mark the customers whose use of this option's sku is more than there is."""
    if rest.sku is None:
        return None
    units = np.asarray(rest.units)[..., :] if np.ndim(rest.units) else rest.units
    units = units[option] if isinstance(units, np.ndarray) else units
    if np.max(units) <= stock.min(initial=np.inf):
        return None
    table = np.append(stock, np.inf)  # the last one is for −1
    mask = np.asarray(units > table[rest.sku[option]])
    return np.broadcast_to(mask, rest.customers)
