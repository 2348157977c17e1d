"""Which strategies are candidates for a cart, and which cannot apply, and why.

All that does not depend on what other strategies take: limits, gifts in stock, and
conditions on who asks, when and for what. Nothing is recorded.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from analytics import lookup
from ml import customers
from promotions import conditions, counters, gifts
from promotions.conditions import Asker
from promotions.counters import Holder
from promotions.discounts import Coins, Line, Missed
from promotions.rules import Gift
from promotions.shopping import Cart, Entry, Shelf, Shopper
from promotions.turns import Candidate


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
    allowed = _allowed(entries, shopper, asker.at)
    there = _gifts_there(entries, shelf.currency)
    inside = _Inside(shelf.lines)
    candidates = []
    for entry in entries:
        strategy, terms = entry.strategy, entry.strategy.menu[entry.variant]
        money = allowed.get(entry.key, entry.left)
        if isinstance(money, Missed):
            missed[entry.key] = money
        elif isinstance(terms, Gift) and terms.sku not in there:
            missed[entry.key] = Missed(reason="gift_out_of_stock")
        elif strategy.rule.conditions.picky and (
            no := conditions.refused(
                strategy.rule.conditions, asker, shelf.lines, strategy.zone
            )
        ):
            missed[entry.key] = no
        else:
            candidates.append(
                Candidate(
                    key=entry.key,
                    order=strategy.order,
                    terms=gifts.today(terms, there[terms.sku])
                    if isinstance(terms, Gift)
                    else terms,
                    rule=strategy.rule,
                    inside=inside.of(strategy.scopes[entry.variant]),
                    room=shelf.room(strategy.least_margin, coins),
                    budget=coins.of(min(money, entry.left)),
                    campaign=strategy.purse,
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


def _allowed(
    entries: Iterable[Entry], shopper: Shopper, at: datetime
) -> dict[str, Decimal | Missed]:
    """Return what one more use may cost where there are limits, or why none may be."""
    wanted = {}
    told: dict[str, Decimal | Missed] = {}
    for entry in entries:
        if not entry.strategy.rule.limits and not entry.strategy.limits:
            continue
        needs = counters.needs(entry.strategy, holder(entry, shopper), at)
        if needs is None:
            told[entry.key] = Missed(reason="customers_only")
        else:
            wanted[entry.key] = needs
    counted = counters.used(
        [need for needs in wanted.values() for need in needs], shopper.keys
    )
    for key, needs in wanted.items():
        money = counters.allowed(needs, counted)
        told[key] = Missed(reason="limit_reached") if money is None else money
    return told


def holder(entry: Entry, shopper: Shopper) -> Holder:
    """Return who would use an entry, for its limits."""
    code = entry.code.id if entry.code else None
    return Holder(person=shopper.person, keys=shopper.keys, code=code)


def _gifts_there(entries: Iterable[Entry], currency: str) -> dict[str, Decimal]:
    """Return the gifts that the shop has and may give, with their prices of today."""
    terms = [entry.strategy.menu[entry.variant] for entry in entries]
    skus = {one.sku for one in terms if isinstance(one, Gift)}
    return gifts.prices(skus, currency)
