"""What reservations hold: given back when released or overdue, spent when redeemed.

An overdue reservation is expired by beat within a minute, and before that by whoever
comes to reserve or redeem anything. The promise outlives the strategy: what was
reserved in time can be redeemed although the strategy has ended since.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from analytics import events, lookup, store
from analytics.models import StoredEvent
from analytics.races import anew
from promotions import ledger
from promotions.ledger import Use
from promotions.models import Hold, Redemption, Reservation
from promotions.offers import forget

State = Reservation.State


class ReservationGone(Exception):
    """The reservation is unknown, or not held any more."""


def held(reservation: UUID, *, at: datetime) -> Reservation:
    """Lock a reservation that still holds; inside a transaction.

    :raises ReservationGone: it is not there, used, released or overdue.
    """
    rows = Reservation.objects.select_for_update()
    found = rows.filter(id=reservation).first()
    if found is None:
        raise ReservationGone("There is no such reservation.")
    # The row says held until beat comes by, up to a minute late: the clock decides.
    if found.state != State.HELD or found.expires_at <= at:
        state = found.state if found.state != State.HELD else State.EXPIRED
        raise ReservationGone(f"The reservation is {State(state).label}.")
    return found


def release(reservation: UUID, *, at: datetime) -> None:
    """Give back what a reservation holds; again is no error.

    :raises ReservationGone: it is unknown, or redeemed.
    """
    anew(lambda: _release(reservation, at))


def _release(reservation: UUID, at: datetime) -> None:
    with transaction.atomic():
        rows = Reservation.objects.select_for_update()
        found = rows.filter(id=reservation).first()
        if found is None or found.state == State.REDEEMED:
            raise ReservationGone("There is no such reservation, or it is redeemed.")
        # Overdue or not: until beat comes by, its money is in `reserved` all the same.
        if found.state == State.HELD:
            _give_back([found], State.RELEASED, at)


def expire(*, at: datetime) -> None:
    """Give back what overdue reservations hold, a hundred in each transaction.

    Whoever comes while another run is at it waits for it: what is overdue is then free.
    """
    while lookup.row(OVERDUE, [at]):
        anew(lambda: _expire_some(at))


OVERDUE = (
    "SELECT 1 FROM promotions_reservation WHERE state = 'held' AND expires_at <= %s"
    " LIMIT 1"
)
"""Nearly always there is none: an index answers each order in a tenth of a ms."""
BATCH = 100


def _expire_some(at: datetime) -> None:
    overdue = Reservation.objects.filter(state=State.HELD, expires_at__lte=at)
    with transaction.atomic():
        # The longest overdue are picked, but locked by id: as
        # everybody locks reservations.
        first = list(
            overdue.order_by("expires_at").values_list("id", flat=True)[:BATCH]
        )
        # `overdue` again: PostgreSQL asks it anew after a wait, so what another run has
        # given back meanwhile is not given back twice.
        batch = list(overdue.filter(id__in=first).order_by("id").select_for_update())
        if batch:
            _give_back(batch, State.EXPIRED, at)


def of_order(order_id: str) -> list[UUID]:
    """Return the reservations that an order has redeemed, as the log says."""
    # The log has no index on what is in `data`, but a block-range index on time: so the
    # redemptions say when.
    sold = Redemption.objects.filter(order_id=order_id)
    told = StoredEvent.objects.filter(
        type="offer_redeemed",
        occurred_at__in=set(sold.values_list("redeemed_at", flat=True)),
        data__order_id=order_id,
        data__reservation__isnull=False,
    )
    return [UUID(key) for key in told.values_list("data__reservation", flat=True)]


def order(reservation: Reservation) -> str:
    """Return the order that has redeemed a reservation; none is empty."""
    told = StoredEvent.objects.filter(
        type="offer_redeemed",
        # `held` lets nobody redeem later: a narrow time, which the index on it finds.
        occurred_at__range=(reservation.reserved_at, reservation.expires_at),
        data__reservation=str(reservation.id),
    )
    return str(told.values_list("data__order_id", flat=True).first() or "")


def uses(hold: Hold) -> Use:
    """Return a hold as the ledger takes it."""
    return Use(
        strategy=hold.strategy_id,
        campaign=hold.strategy.campaign_id,
        cost=hold.discount,
        offer=hold.offer,
        turn=hold.turn,
        code=hold.code,
    )


def _give_back(
    reservations: Sequence[Reservation], state: Reservation.State, at: datetime
) -> None:
    ids = [one.id for one in reservations]
    holds = list(
        Hold.objects.filter(reservation__in=ids)
        .select_related("strategy", "reservation")
        .order_by("id")
    )
    ledger.release([uses(hold) for hold in holds], [hold.counted for hold in holds])
    Reservation.objects.filter(id__in=ids).update(state=state)
    people = {one.customer for one in reservations if one.customer}
    # Sheets after all rows and before the log, as promotions.ledger orders locks.
    forget(people)
    kind = (
        events.ReservationExpired
        if state == State.EXPIRED
        else events.ReservationReleased
    )
    store.append_new([_fact(hold, kind, at) for hold in holds])


def _fact(
    hold: Hold, kind: type[events.ReservationReleased], at: datetime
) -> store.Fact:
    freed = kind(
        strategy=hold.strategy_id,
        reservation=hold.reservation_id,
        amount=hold.discount,
    )
    return store.Fact(event=freed, at=at, customer=hold.reservation.customer)
