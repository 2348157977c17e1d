"""The one way in which money, uses, offers and codes are taken and given back.

Order of locks, the same everywhere: receipts (the key's, the order's), reservations by
id, a person whose first order it is to be, campaigns by id, strategies by id,
redemptions, gifts by sku, offers by id, codes by id, counters, sheets by customer; the
log is appended last. All below a campaign's lock is that campaign's, so two orders meet
there first and, but for a person's first orders and gifts, nowhere else. Each step is
one conditional UPDATE: it takes the row's lock, checks and writes, so nothing can be
spent between a check and its write. The constraints of the tables say the same once
more.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import F, QuerySet

from analytics import lookup
from promotions import counters, gifts
from promotions.coins import Line
from promotions.counters import Holder, Need
from promotions.models import Campaign, Code, Offer, Strategy


class RanOut(Exception):
    """A strategy cannot be used any more, for whatever reason; `strategy` is its id."""

    def __init__(self, message: str, strategy: UUID) -> None:
        super().__init__(message)
        self.strategy = strategy


class NotUsable(RanOut):
    """An offer was just used or is held by another cart, or its strategy ended."""


class BudgetSpent(RanOut):
    """The strategy's or campaign's budget cannot pay for this any more."""


class CodeSpent(RanOut):
    """The code was just used up."""


class LimitReached(RanOut):
    """A limit does not allow one more use."""


NOBODY = Holder()


@dataclass(frozen=True, kw_only=True)
class Use:
    """What one cart takes of one strategy; `cost` includes the gift's value."""

    strategy: UUID
    campaign: UUID
    cost: Decimal
    offer: UUID | None = None
    turn: int = 0
    code: UUID | None = None
    gift: str = ""
    needs: Sequence[Need] = ()
    holder: Holder = NOBODY


def take(
    uses: Sequence[Use],
    lines: Sequence[Line] = (),
    *,
    at: datetime,
    until: datetime | None = None,
) -> list[list[int]]:
    """Spend what a cart takes, or reserve it `until`; return each use's counters.

    Inside a transaction, which a refusal must roll back. `lines` are what the cart
    buys, which is not there to be given away.

    :raises NotUsable: an offer or strategy is not there any more.
    :raises BudgetSpent: a budget cannot pay.
    :raises CodeSpent: a code is used up.
    :raises LimitReached: a limit is passed.
    """
    money = "spent" if until is None else "reserved"
    for use in _by(uses, lambda use: use.campaign):
        if not lookup.row(PAY.format(money=money), [use.cost, use.campaign, use.cost]):
            raise BudgetSpent("The campaign's budget is spent.", use.strategy)
    for use in _by(uses, lambda use: use.strategy):
        _take_money(use, money)
    _take_gifts([use for use in uses if use.gift], lines)
    for use in _by((use for use in uses if use.offer), lambda use: use.offer):
        _take_offer(use, {"held_until": until} if until else {"redeemed_at": at})
    for use in _by((use for use in uses if use.code), lambda use: use.code):
        _take_code(use)
    return [_count(use) for use in uses]


def commit(uses: Sequence[Use], *, at: datetime) -> None:
    """Spend what a reservation holds: nothing of it can be missing."""
    # Neither state nor budget is asked again: what was reserved in time may be redeemed
    # after its strategy has ended, and its money is in `reserved`.
    for use in _by(uses, lambda use: use.campaign):
        _move(Campaign.objects.filter(id=use.campaign), use.cost)
    for use in _by(uses, lambda use: use.strategy):
        rows = Strategy.objects.filter(id=use.strategy)
        _move(rows, use.cost, redemptions=F("redemptions") + 1)
    # Codes and counters have counted this use since it was reserved.
    offers = Offer.objects.filter(id__in=[use.offer for use in uses if use.offer])
    _in_order(offers)
    offers.update(redeemed_at=at, held_until=None)


def release(uses: Sequence[Use], counted: Sequence[Sequence[int]]) -> None:
    """Give back all that a reservation holds."""
    for use in _by(uses, lambda use: use.campaign):
        held = Campaign.objects.filter(id=use.campaign)
        held.update(reserved=F("reserved") - use.cost)
    for use in _by(uses, lambda use: use.strategy):
        mine = Strategy.objects.filter(id=use.strategy)
        mine.update(reserved=F("reserved") - use.cost)
    _give_uses_back(uses, held=True)
    for use, ids in zip(uses, counted, strict=True):
        counters.take_back(ids, uses=1, money=use.cost)


def give_back(use: Use, counted: Sequence[int], *, whole: bool, uses: bool) -> None:
    """Give a redemption's money back; its use too, if it is `whole` and policy says so.

    `use.cost` is the part that is given back.
    """
    Campaign.objects.filter(id=use.campaign).update(spent=F("spent") - use.cost)
    Strategy.objects.filter(id=use.strategy).update(
        spent=F("spent") - use.cost, redemptions=F("redemptions") - int(whole)
    )
    if whole and uses:
        _give_uses_back([use], held=False)
    counters.take_back(counted, uses=int(whole and uses), money=use.cost)


PAY = (
    "UPDATE promotions_campaign SET {money} = {money} + %s"
    " WHERE id = %s AND budget >= spent + reserved + %s RETURNING id"
)
PAY_LIVE = (
    "UPDATE promotions_strategy SET {money} = {money} + %s,"
    " redemptions = redemptions + %s WHERE id = %s AND state = 'live'"
    " AND budget >= spent + reserved + %s RETURNING id"
)
"""Written out, since all orders of a campaign wait while one of them is in here: the
ORM takes 0.3 ms to write such a statement, PostgreSQL 0.05 to run it."""


def _take_money(use: Use, money: str) -> None:
    # A reservation is no redemption yet: `commit` counts it.
    counted = int(money == "spent")
    paid = [use.cost, counted, use.strategy, use.cost]
    if lookup.row(PAY_LIVE.format(money=money), paid):
        return
    # The UPDATE has refused already: this look only tells which
    # of its conditions failed.
    live = Strategy.objects.filter(id=use.strategy, state=Strategy.State.LIVE)
    if live.exists():
        raise BudgetSpent("The promotion's budget is spent.", use.strategy)
    raise NotUsable("The promotion has ended.", use.strategy)


def _take_gifts(uses: Sequence[Use], lines: Sequence[Line]) -> None:
    """Nobody else gives the last one away between this look and our commit."""
    if uses:
        gifts.hold({use.gift for use in uses})
    there = gifts.there({use.gift for use in uses}, lines)
    # Two strategies of one cart may give the same gift: the
    # last one there is goes once.
    given = Counter[str]()
    for use in uses:
        given[use.gift] += 1
        found = there.get(use.gift)
        if found is None or (found.left is not None and given[use.gift] > found.left):
            raise NotUsable("The gift is out of stock.", use.strategy)


def _take_offer(use: Use, changed: dict[str, datetime]) -> None:
    """An overdue hold is no free offer: whoever holds it would give ours back."""
    # Of the turn that was priced: an offer that renewed since
    # then is another use of it.
    rows = Offer.objects.filter(
        id__in=[use.offer], turn=use.turn, redeemed_at=None, held_until=None
    )
    if not rows.update(**changed):
        raise NotUsable(f"Not usable now: {use.offer}.", use.strategy)


ENTER = (
    "UPDATE promotions_code SET uses = uses + 1 WHERE id = %s AND active"
    " AND (most_uses IS NULL OR uses < most_uses) RETURNING id"
)


def _take_code(use: Use) -> None:
    if not lookup.row(ENTER, [use.code]):
        raise CodeSpent("The code is used up.", use.strategy)


def _count(use: Use) -> list[int]:
    try:
        return counters.count(use.needs, use.holder, use.cost)
    except counters.LimitReached as error:
        raise LimitReached(str(error), use.strategy) from error


def _move(rows: QuerySet[Any], cost: Decimal, **more: Any) -> None:
    rows.update(reserved=F("reserved") - cost, spent=F("spent") + cost, **more)


def _give_uses_back(uses: Sequence[Use], *, held: bool) -> None:
    offers = Offer.objects.filter(id__in=[use.offer for use in uses if use.offer])
    _in_order(offers)
    freed = {"held_until": None} if held else {"redeemed_at": None}
    for use in uses:  # what was renewed meanwhile is free, or used again, by itself
        offers.filter(id__in=[use.offer], turn=use.turn).update(**freed)
    for use in _by((use for use in uses if use.code), lambda use: use.code):
        Code.objects.filter(id__in=[use.code]).update(uses=F("uses") - 1)


def _by(uses: Iterable[Use], key: Callable[[Use], UUID | None]) -> list[Use]:
    # UUIDs as text sort as PostgreSQL sorts them: the order is
    # that of `order_by("id")`.
    return sorted(uses, key=lambda use: str(key(use)))


def _in_order(rows: QuerySet[Any]) -> None:
    # An UPDATE of several rows locks them as its scan meets them, which is no order.
    list(rows.order_by("id").select_for_update().values_list("id"))
