"""What reservations hold: given back when released or overdue, spent when redeemed.

An overdue reservation is expired by beat within a minute, and at once by whoever runs
out of what it holds. The promise outlives the strategy: what was reserved in time can
be redeemed although the strategy has ended since.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from analytics import events, store
from promotions import ledger
from promotions.ledger import Use
from promotions.models import Hold, Reservation
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
    if found.state != State.HELD or found.expires_at <= at:
        state = found.state if found.state != State.HELD else State.EXPIRED
        raise ReservationGone(f"The reservation is {State(state).label}.")
    return found


def release(reservation: UUID, *, at: datetime) -> None:
    """Give back what a reservation holds; again is no error.

    :raises ReservationGone: it is unknown, or redeemed.
    """
    with transaction.atomic():
        rows = Reservation.objects.select_for_update()
        found = rows.filter(id=reservation).first()
        if found is None or found.state == State.REDEEMED:
            raise ReservationGone("There is no such reservation, or it is redeemed.")
        if found.state == State.HELD:
            _give_back([found], State.RELEASED, at)


def expire(*, at: datetime, strategy: UUID | None = None) -> int:
    """Give back what overdue reservations hold, all or those of a strategy's campaign.

    Safe when run twice at a time: a row that another run holds is skipped.
    """
    overdue = Reservation.objects.filter(state=State.HELD, expires_at__lte=at)
    if strategy is not None:
        campaign = Hold.objects.filter(strategy__campaign__strategies=strategy).values(
            "reservation"
        )
        overdue = overdue.filter(id__in=campaign)
    done = 0
    while True:
        with transaction.atomic():
            batch = list(
                overdue.order_by("id").select_for_update(skip_locked=True)[:100]
            )
            if not batch:
                return done
            _give_back(batch, State.EXPIRED, at)
            done += len(batch)


def uses(hold: Hold) -> Use:
    """Return a hold as the ledger takes it."""
    return Use(
        strategy=hold.strategy_id,
        campaign=hold.strategy.campaign_id,
        cost=hold.discount,
        offer=hold.offer,
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
