"""Which strategies are candidates for a cart, and which cannot apply, and why.

All that does not depend on what other strategies take: limits, gifts in stock, and
conditions on who asks, when and for what. Nothing is recorded.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from analytics import lookup
from ml import customers
from promotions import conditions, counters, gifts
from promotions.coins import Coins, Line, Missed
from promotions.conditions import Asker
from promotions.counters import Holder, Need
from promotions.rules import Gift
from promotions.shopping import Cart, Entry, Shelf, Shopper
from promotions.turns import SPENT, Candidate, Pool

LIMIT = Missed(reason="limit_reached")
NO_GIFT = Missed(reason="gift_out_of_stock")


def asking(
    cart: Cart, shopper: Shopper, entries: Iterable[Entry], at: datetime
) -> Asker:
    """Read of the shopper only what some condition asks."""
    asked = [entry.strategy.rule.conditions for entry in entries]
    profile = None
    if shopper.person and any(one.segments for one in asked):
        profile = customers.profile_of(shopper.person)
    return Asker(
        at=at,
        channel=cart.channel,
        segments=frozenset([profile.segment] if profile else []),
        first_order=any(one.first_order for one in asked) and _is_new(shopper),
    )


NEW = (
    "SELECT NOT EXISTS (SELECT FROM analytics_profile WHERE customer = ANY(%s)"
    " AND orders > 0) AND NOT EXISTS (SELECT FROM analytics_storedevent"
    " WHERE customer = ANY(%s) AND type = 'order_completed') AND NOT EXISTS (SELECT"
    " FROM promotions_redemption WHERE customer = ANY(%s) AND rolled_back_at IS NULL)"
    " AND NOT EXISTS (SELECT FROM promotions_reservation r"
    " JOIN promotions_hold h ON h.reservation_id = r.id"
    " JOIN promotions_strategy s ON s.id = h.strategy_id"
    " WHERE r.customer = ANY(%s) AND r.state = 'held'"
    """ AND s.rule @> '{"conditions": {"first_order": true}}')"""
)
"""Profiles lag a second and redemptions come before the order's event: all count. So
does a reservation that holds what is for the first order."""
FIRST_LOCK = 7_102_023
"""With a person's hash, the advisory lock's key: orders that want to be the first."""


def _is_new(shopper: Shopper) -> bool:
    """Say whether this is a known customer's first order."""
    if shopper.person is None:
        return False
    row = lookup.row(NEW, [list(shopper.keys)] * 4)
    return bool(row and row[0])


def still_new(shopper: Shopper) -> bool:
    """Wait for the customer's other first orders; say whether this one still is it.

    Inside a transaction: who comes next waits for its end.
    """
    if shopper.keys:
        # By the least of a person's keys: one lock, whichever id a call names.
        lock = "SELECT pg_advisory_xact_lock(%s, hashtext(%s))"
        lookup.rows(lock, [FIRST_LOCK, str(min(shopper.keys))])
    return _is_new(shopper)


def sorted_out(
    entries: Sequence[Entry],
    shelf: Shelf,
    shopper: Shopper,
    asker: Asker,
    coins: Coins,
) -> tuple[dict[str, Missed], list[Candidate]]:
    """Tell apart what cannot apply, and why, from the candidates."""
    missed: dict[str, Missed] = {}
    limits = _limits(entries, shopper, asker.at, coins)
    there = _gifts_there(entries, shelf.lines)
    # One pool for each sku, campaign and limit, however many strategies draw on it:
    # else one cart is promised the last gift twice, and its order refused.
    stocks = {sku: _stock(gift) for sku, gift in there.items()}
    purses = _purses(entries, coins)
    inside = _Inside(shelf.lines)
    candidates = []
    for entry in entries:
        strategy = entry.strategy
        key, terms = strategy.key, strategy.menu[entry.variant]
        pools = purses[strategy.purse]
        limited = limits.get(key, ())
        if isinstance(limited, Missed):
            missed[key] = limited
        elif isinstance(terms, Gift) and terms.sku not in there:
            missed[key] = NO_GIFT
        elif strategy.rule.conditions.picky and (
            no := conditions.refused(
                strategy.rule.conditions, asker, shelf.lines, strategy.zone
            )
        ):
            missed[key] = no
        else:
            if limited:
                pools = [*pools, *limited]
            if there and isinstance(terms, Gift):
                pools = [*pools, *stocks[terms.sku]]
                # One that has become dearer since costs what it costs today.
                terms = gifts.today(terms, there[terms.sku], shelf.currency)
            candidates.append(
                Candidate(
                    key=key,
                    order=strategy.order,
                    terms=terms,
                    rule=strategy.rule,
                    inside=inside.of(strategy.scopes[entry.variant]),
                    room=shelf.room(strategy.least_margin, coins),
                    budget=coins.of(entry.left),
                    pools=pools,
                )
            )
    return missed, candidates


class _Inside:
    """Which lines a scope is about, found by name rather than line by line."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = lines
        self.everything = list(range(len(lines)))
        self.places: dict[tuple[str, str], list[int]] = {}
        for i, line in enumerate(lines):
            for named in (("c", line.category), ("s", line.sku), ("b", line.brand)):
                self.places.setdefault(named, []).append(i)

    def of(self, scope: conditions.Scope) -> list[int]:
        """Return the indexes of the lines in scope, in order."""
        if scope.excluded or not scope.named:
            return scope.inside(self.lines) if scope.excluded else self.everything
        found = [self.places.get(named) for named in scope.named]
        hits = [places for places in found if places]
        if len(hits) == 1:
            return hits[0]
        return sorted({i for places in hits for i in places})


def _limits(
    entries: Iterable[Entry], shopper: Shopper, at: datetime, coins: Coins
) -> dict[str, Sequence[Pool] | Missed]:
    """Return what limits still allow, where there are any, or why they allow no use."""
    wanted: dict[str, Sequence[Need]] = {}
    told: dict[str, Sequence[Pool] | Missed] = {}
    for entry in entries:
        if not entry.strategy.rule.limits and not entry.strategy.limits:
            continue
        needs = counters.needs(entry.strategy, holder(entry, shopper), at)
        if needs is None:
            told[entry.key] = Missed(reason="customers_only")
        else:
            wanted[entry.key] = needs
    every = {need for needs in wanted.values() for need in needs}
    counted = counters.used(every, shopper.keys)
    # One object for each: the search knows pools by identity.
    pools = {need: _limit(need, counted, coins) for need in every}
    for key, mine in wanted.items():
        drawn = [pools[need] for need in mine]
        told[key] = drawn if all(pool.left > 0 for pool in drawn) else LIMIT
    return told


def _limit(need: Need, counted: counters.Used, coins: Coins) -> Pool:
    left = counters.left(need, counted)
    money = need.limit.of == "money"
    return Pool(left=coins.of(left) if money else int(left), empty=LIMIT, money=money)


def _purses(entries: Iterable[Entry], coins: Coins) -> dict[str, Sequence[Pool]]:
    """Return what campaigns can still pay, by their ids."""
    left = {entry.strategy.purse: entry.purse for entry in entries}
    return {
        name: (Pool(left=coins.of(purse), empty=SPENT),) for name, purse in left.items()
    }


def _stock(gift: gifts.There) -> Sequence[Pool]:
    """What is not counted is no pool: it never runs out."""
    if gift.left is None:
        return ()
    return (Pool(left=gift.left, empty=NO_GIFT, money=False),)


def holder(entry: Entry, shopper: Shopper) -> Holder:
    """Return who would use an entry, for its limits."""
    code = entry.code.id if entry.code else None
    return Holder(person=shopper.person, keys=shopper.keys, code=code)


def _gifts_there(
    entries: Iterable[Entry], lines: Sequence[Line]
) -> dict[str, gifts.There]:
    """Return the gifts that the shop has and may give beside the cart's lines."""
    terms = [entry.strategy.menu[entry.variant] for entry in entries]
    skus = {one.sku for one in terms if isinstance(one, Gift)}
    return gifts.there(skus, lines)
