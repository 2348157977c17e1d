"""The strategies that can apply to a cart: found by an index, decoded once a process.

A strategy's rule never changes once it is live, so what was decoded stays good for
ever; what does change (state, money left) is read from the table at each request. So
there is nothing to invalidate, and a cart costs what touches it: the table's index on
`touches` finds that among 100,000 strategies.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from uuid import UUID

from analytics import lookup
from promotions import rule_reading, rules
from promotions.coins import Line
from promotions.conditions import Scope
from promotions.models import Strategy
from promotions.rules import EVERYTHING, Rule, Terms

MOST_KEPT = 200_000


@dataclass(frozen=True, kw_only=True)
class Terse:
    """A strategy as carts need it; `key` and `purse` are the ids' texts, made once."""

    id: UUID
    key: str
    campaign: UUID
    purse: str
    title: str
    currency: str
    zone: str
    rule: Rule
    limits: Sequence[rules.Limit]
    menu: Mapping[str, Terms]
    categories: tuple[str, ...]
    least_margin: Decimal
    order: tuple[int, str]

    @cached_property
    def scopes(self) -> Mapping[str, Scope]:
        """Each variant's scope."""
        return {
            label: Scope.of(self.rule, terms, self.categories)
            for label, terms in self.menu.items()
        }

    @property
    def variant(self) -> str:
        """The menu's first: what an automatic strategy, or a code, gives."""
        return next(iter(self.menu))


# Not frozen: where 500 apply, that costs a cart 2 ms (promotions.turns).
@dataclass(kw_only=True, slots=True)
class Found:
    """A strategy that is live at the moment, and what it and its campaign can pay."""

    strategy: Terse
    left: Decimal
    purse: Decimal


# Written out: by the ORM, with savepoints, a qualification took 4.4 CPU ms, not 2.6.
FIND = (
    "SELECT s.id::text, s.budget - s.spent - s.reserved,"
    " c.budget - c.spent - c.reserved"
    " FROM promotions_strategy s JOIN promotions_campaign c ON c.id = s.campaign_id"
    " WHERE s.currency = %s AND c.starts_at <= %s AND c.ends_at > %s"
)
AUTOMATIC = (
    f"{FIND} AND s.touches && (SELECT %s::text[])"
    " AND s.trigger = 'automatic' AND s.state = 'live'"
)
"""The SELECT hides the keys from the planner, who for a hundred of them would rather
compare each with all 10,000 strategies: 10 ms where the index takes 0.5."""
NAMED = f"{FIND} AND s.id = ANY(%s) AND s.state = ANY(%s)"


def automatic(lines: Iterable[Line], *, currency: str, at: datetime) -> list[Found]:
    """Return the automatic strategies that touch one of the lines."""
    keys = {EVERYTHING}
    for line in lines:
        keys |= {f"c:{line.category}", f"s:{line.sku}", f"b:{line.brand}"}
    return _found(lookup.rows(AUTOMATIC, [currency, at, at, sorted(keys)]))


def named(
    ids: Collection[UUID], *, currency: str, at: datetime, proposed: bool = False
) -> list[Found]:
    """Return those of the strategies that are live at the moment, or proposed too."""
    if not ids:
        return []
    states = ["live", "proposed"] if proposed else ["live"]
    return _found(lookup.rows(NAMED, [currency, at, at, list(ids), states]))


def _found(rows: Sequence[tuple[str, Decimal, Decimal]]) -> list[Found]:
    known = terse([key for key, *_ in rows])
    return [
        Found(strategy=known[key], left=left, purse=purse) for key, left, purse in rows
    ]


_kept: dict[str, Terse] = {}


def terse(ids: Collection[str]) -> Mapping[str, Terse]:
    """Return strategies decoded; a live one comes from this process's memory.

    By the texts of their ids, which Python hashes once: UUIDs took a tenth of a cart.
    """
    # Looked up once: what is kept may be thrown away below, or by another thread.
    known = {id_: one for id_ in ids if (one := _kept.get(id_))}
    for strategy in _read([id_ for id_ in ids if id_ not in known]):
        one = known[str(strategy.id)] = decoded(strategy)
        # Only what is decided is kept from changing, by the database's trigger.
        if strategy.state != Strategy.State.PROPOSED:
            _keep(one)
    return {id_: known[id_] for id_ in ids}


def _read(ids: Collection[str]) -> Iterable[Strategy]:
    """An empty query, too, takes Django 0.3 ms to write."""
    rows = Strategy.objects.select_related("campaign")
    return rows.filter(id__in=ids) if ids else []


def decoded(strategy: Strategy) -> Terse:
    """Decode a strategy."""
    rule = rule_reading.decoded_rule(strategy.rule)
    return Terse(
        id=strategy.id,
        key=str(strategy.id),
        campaign=strategy.campaign_id,
        purse=str(strategy.campaign_id),
        title=strategy.title,
        currency=strategy.currency,
        zone=strategy.campaign.zone,
        rule=rule,
        limits=rule_reading.decoded_limits(strategy.campaign.limits),
        menu=strategy.terms,
        categories=tuple(strategy.scope),
        least_margin=strategy.least_margin,
        order=(rule.priority, str(strategy.id)),
    )


def _keep(one: Terse) -> None:
    if len(_kept) >= MOST_KEPT:
        _kept.clear()
    _kept[one.key] = one
