"""Redeem once, within budget, under any concurrency.

A cart is priced first (promotions.order_carts), without a lock, since rules do not
change; then all that it uses is taken at once (promotions.ledger). What a customer was
told of, an offer or a code, must still be there, or the order is refused; an automatic
strategy that has just run out is left out, and the cart priced again.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID, uuid4

from django.db import transaction

from analytics import events, log_lock, lookup, store
from analytics.models import Customer
from promotions import candidates, carts, counters, ledger, spending
from promotions.coins import Coins
from promotions.ledger import RanOut, Use
from promotions.models import Offer, Redemption, Strategy
from promotions.order_carts import UnknownOffer, check_total, price_wanted
from promotions.shopping import Cart, Effect, Priced, Shopper

MOST_TRIES = 20


class OrderRedeemed(Exception):
    """The order has already redeemed one of these strategies."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a shop asks to redeem: named offers (None: all that apply), and a cart.

    With a `reservation`, what it holds is redeemed instead (promotions.reservations).
    With `total`, the order is refused unless it is what the shop shows.
    """

    order_id: str
    cart: Cart
    offers: Sequence[UUID] | None = None
    total: Decimal | None = None
    reservation: UUID | None = None

    @property
    def digest(self) -> bytes:
        """What makes two orders the same."""
        return json.dumps(asdict(self), default=_plain, sort_keys=True).encode()


@dataclass(frozen=True, kw_only=True)
class Settled:
    """A cart whose uses are taken: each effect with its use and counters."""

    priced: Priced
    shopper: Shopper
    uses: Sequence[Use]
    counted: Sequence[Sequence[int]]


def redeem(order: Order, *, at: datetime) -> tuple[Priced, list[Redemption]]:
    """Record what the order uses, all or none; return it with the cart.

    :raises UnknownOffer: an offer is not there, not theirs, used, expired or not live.
    :raises CodeRefused: a code cannot be used.
    :raises OffersDoNotApply: the cart does not qualify for all of them together.
    :raises RanOut: a budget, a limit or a code is used up.
    :raises OrderRedeemed: the order redeemed one of the strategies before.
    :raises TotalDiffers: the cart comes to another total than the shop shows.
    """
    with transaction.atomic():
        settled = settle(order.cart, order.offers, at=at, order=order)
        made = Redemption.objects.bulk_create(
            _record(effect, use, counted, settled, order.order_id, at)
            for effect, use, counted in zip(
                settled.priced.effects, settled.uses, settled.counted, strict=True
            )
        )
        conclude(made, settled.shopper, order.cart.currency, at)
    return settled.priced, made


def settle(
    cart: Cart,
    wanted: Sequence[UUID] | None,
    *,
    at: datetime,
    order: Order | None = None,
    until: datetime | None = None,
) -> Settled:
    """Price a cart and take what it uses: spent, or with `until` reserved.

    Inside a transaction. Raises as `redeem`.
    """
    without: set[UUID] = set()
    while True:
        try:
            # A savepoint: what the refused try has taken goes
            # back, the caller's locks (its receipt) stay.
            with transaction.atomic():
                return _settle(cart, wanted, without, at, order, until)
        except RanOut as gone:
            named = _is_named(gone.strategy, cart, wanted, at)
            if named or len(without) >= MOST_TRIES:
                raise
            without.add(gone.strategy)


def conclude(
    made: Sequence[Redemption],
    shopper: Shopper,
    currency: str,
    at: datetime,
    *,
    reservation: UUID | None = None,
) -> None:
    """Tell of redemptions: storefronts' sheets, then the log, which comes last."""
    if not made:
        return
    # The ledger has written: campaigns' locks are ours, so what is read here is final.
    rows = spending.siblings(made)
    facts = [_event(one, currency, reservation) for one in made]
    reached = [event for row in rows for event in spending.reached(row, made)]
    # Before the log: sheets are the last rows that the ledger's order locks.
    spending.forget_sheets(
        shopper, [row for row in rows if spending.just_spent(row, made)]
    )
    keep(shopper.person)
    store.append(facts, at=at, customer=shopper.person)
    if reached:
        store.append(reached, at=at)


def keep(person: UUID | None) -> None:
    """Hold the log before its last writes, and see that nobody was erased meanwhile.

    :raises UnknownOffer: the customer was.
    """
    log_lock.hold()
    if person and not Customer.objects.filter(key=person).exists():
        raise UnknownOffer("The customer was erased.")


def _plain(value: object) -> str:
    """10 and 10.00 are the same amount."""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


def adjustments(effect: Effect, priced: Priced) -> list[dict[str, object]]:
    """Return the money rows of an effect: by line, of shipping, and a gift's value."""
    applied, unit = effect.applied, priced.coins.unit
    rows: list[dict[str, object]] = [
        {
            "line": i,
            "sku": priced.lines[i].sku,
            "quantity": priced.lines[i].quantity,
            "amount": str(part * unit),
            "of": "line",
        }
        for i, part in sorted(applied.lines.items())
    ]
    for of, sku, part in (
        ("shipping", "", applied.shipping),
        ("gift", applied.gift or "", applied.gift_value),
    ):
        if part:
            amount = str(part * unit)
            rows.append(
                {"line": None, "sku": sku, "quantity": 1, "amount": amount, "of": of}
            )
    return rows


def _settle(
    cart: Cart,
    wanted: Sequence[UUID] | None,
    without: set[UUID],
    at: datetime,
    order: Order | None,
    until: datetime | None,
) -> Settled:
    shopper = carts.who(cart.customer)
    priced = price_wanted(cart, wanted, shopper, without, at)
    # Only here, since the lock makes a person's other orders wait. Who is not new any
    # more is priced anew, without what is for the first order.
    if _wants_to_be_first(priced) and not candidates.still_new(shopper):
        priced = price_wanted(cart, wanted, shopper, without, at)
    # Before anything is taken: a refusal here makes no other order wait.
    if order:
        check_total(priced.total * priced.coins.unit, order.total, cart.currency)
    uses = [_use(effect, shopper, priced.coins, at) for effect in priced.effects]
    # Looked up before the locks of campaigns: else all their orders would wait for it.
    if order:
        _check_order(order.order_id, uses)
    counted = ledger.take(uses, priced.lines, at=at, until=until)
    return Settled(priced=priced, shopper=shopper, uses=uses, counted=counted)


def _wants_to_be_first(priced: Priced) -> bool:
    rules = [effect.entry.strategy.rule for effect in priced.effects]
    return any(rule.conditions.first_order for rule in rules)


def _use(effect: Effect, shopper: Shopper, coins: Coins, at: datetime) -> Use:
    entry = effect.entry
    holder = candidates.holder(entry, shopper)
    return Use(
        strategy=entry.strategy.id,
        campaign=entry.strategy.campaign,
        cost=effect.applied.worth * coins.unit,
        offer=entry.offer,
        turn=entry.turn,
        code=entry.code.id if entry.code else None,
        gift=effect.applied.gift or "",
        needs=counters.needs(entry.strategy, holder, at) or (),
        holder=holder,
    )


# Written out, as the ledger's are: with the ORM's statements, and savepoints that
# nobody went back to, a redemption took 12.7 CPU ms, so 6.3.
REDEEMED = (
    "SELECT 1 FROM promotions_redemption WHERE order_id = %s AND strategy_id = ANY(%s)"
    " AND rolled_back_at IS NULL LIMIT 1"
)


def _check_order(order_id: str, uses: Sequence[Use]) -> None:
    """Also a constraint; two calls for one order wait for each other on its receipt."""
    if lookup.row(REDEEMED, [order_id, [use.strategy for use in uses]]):
        raise OrderRedeemed("This order has already redeemed one of these promotions.")


def _is_named(
    strategy: UUID, cart: Cart, wanted: Sequence[UUID] | None, at: datetime
) -> bool:
    """Say whether the order names what has run out: then it is refused."""
    if wanted and Offer.objects.filter(id__in=wanted, strategy=strategy).exists():
        return True
    # A code that is refused by now counts as named: it may be what has run out.
    entered = carts.enter(cart, carts.who(cart.customer), at=at)
    return any(one.code is None or one.code.strategy == strategy for one in entered)


def _record(
    effect: Effect,
    use: Use,
    counted: Sequence[int],
    settled: Settled,
    order_id: str,
    at: datetime,
) -> Redemption:
    return Redemption(
        id=uuid4(),
        # A stub: `conclude` needs the ids alone, and reads what it needs by itself.
        strategy=Strategy(id=use.strategy, campaign_id=use.campaign),
        offer=use.offer,
        turn=use.turn,
        code=use.code,
        customer=settled.shopper.person,
        order_id=order_id,
        variant=effect.entry.variant,
        discount=use.cost,
        gift=effect.applied.gift or "",
        gift_value=effect.applied.gift_value * settled.priced.coins.unit,
        adjustments=adjustments(effect, settled.priced),
        counted=list(counted),
        redeemed_at=at,
    )


def _event(
    redemption: Redemption, currency: str, reservation: UUID | None
) -> events.OfferRedeemed:
    return events.OfferRedeemed(
        strategy=redemption.strategy_id,
        redemption=redemption.id,
        variant=redemption.variant,
        offer=redemption.offer,
        code=redemption.code,
        reservation=reservation,
        order_id=redemption.order_id,
        discount=redemption.discount,
        gift=redemption.gift or None,
        gift_value=redemption.gift_value,
        currency=currency,
    )
