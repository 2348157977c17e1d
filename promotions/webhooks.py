"""What shops are told of: endpoints, and messages made from the log.

Each endpoint has read the log up to its `position`; catching up writes a delivery for
each event of its types and moves the position in one transaction, so that nothing is
lost or made twice. A message is read from the log when it is sent: what erasure has
blanked meanwhile is not told.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import msgspec
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from analytics import events, outward, store
from promotions import signatures
from promotions.models import Delivery, Endpoint

TYPES = (
    "offer_reserved",
    "reservation_released",
    "reservation_expired",
    "offer_redeemed",
    "redemption_rolled_back",
    "budget_reached",
    "strategy_proposed",
    "strategy_approved",
    "strategy_rejected",
    "strategy_returned",
    "strategy_paused",
    "strategy_resumed",
    "strategy_ended",
    "opinion_turned",
)
HIDDEN = frozenset(("by", "comment", "reason"))
"""Operators' names and words stay inside; of shoppers, events have no more than orders'
ids."""
MOST_ENDPOINTS = 50
SPAN = 200_000
"""Positions in one catch-up transaction."""
OPINIONS = UUID("6f0c2a53-6f1c-4b7e-9d0e-0d1f5a5c7b39")
"""The namespace of deliveries on what is said."""
OVERLAP = timedelta(days=1)
"""So long the secret before signs too, once there is a new one."""


class BadEndpoint(Exception):
    """An endpoint that cannot be; `field` says what is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class EndpointExists(Exception):
    """There is an endpoint of this address already."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """A webhook as it is posted."""

    id: str
    body: bytes


def register(url: str, types: Iterable[str], *, at: datetime) -> Endpoint:
    """Make an endpoint, which is told of what happens from now on.

    :raises BadEndpoint: the address or a type is none.
    :raises EndpointExists: it has one already.
    """
    check(url, types)
    if Endpoint.objects.count() >= MOST_ENDPOINTS:
        raise BadEndpoint("url", f"There are at most {MOST_ENDPOINTS} endpoints.")
    try:
        with transaction.atomic():
            return Endpoint.objects.create(
                url=url,
                types=sorted(set(types)),
                secret=_secret(),
                # From now on: what the log holds already is told by a replay alone.
                position=store.high_water(),
                created_at=at,
            )
    except IntegrityError as error:
        raise EndpointExists("There is an endpoint of this address already.") from error


def check(url: str, types: Iterable[str]) -> None:
    """Refuse an address or types that cannot be.

    :raises BadEndpoint: the message says why.
    """
    if wrong := outward.fault(url, private=settings.WEBHOOKS_TO_PRIVATE):
        raise BadEndpoint("url", wrong)
    if unknown := sorted(set(types) - set(TYPES)):
        raise BadEndpoint("types", f"There is no type {', '.join(unknown)}.")


def rotate(endpoint: UUID, *, at: datetime) -> Endpoint:
    """Give an endpoint a new secret; for a day, the one before signs too."""
    with transaction.atomic():
        row = Endpoint.objects.select_for_update().get(id=endpoint)
        row.old_secret, row.old_until = row.secret, at + OVERLAP
        row.secret = _secret()
        row.save(update_fields=["old_secret", "old_until", "secret"])
    return row


def switch(endpoint: UUID, *, on: bool) -> None:
    """Stop telling an endpoint, or go on where it was stopped: nothing is lost."""
    Endpoint.objects.filter(id=endpoint).update(active=on, failing_since=None)


def catch_up() -> int:
    """Write the deliveries of what is new; return how many positions were read."""
    until = store.high_water()
    with transaction.atomic():
        # Whom another worker is just catching up is left to it.
        rows = Endpoint.objects.select_for_update(skip_locked=True)
        behind = list(rows.filter(active=True, position__lt=until).order_by("id"))
        if not behind:
            return 0
        after = min(row.position for row in behind)
        # A span from who is furthest behind: no transaction reads the whole log.
        until = min(until, after + SPAN)
        new = [
            delivery
            for stored in store.read(after=after, until=until, types=TYPES)
            for delivery in _deliveries(stored, behind)
        ]
        Delivery.objects.bulk_create(new, batch_size=5000, ignore_conflicts=True)
        # A short span may end before where somebody is: nobody goes back.
        moved = [row.id for row in behind if row.position < until]
        Endpoint.objects.filter(id__in=moved).update(position=until)
    return until - after


def message(delivery: Delivery, stored: store.Stored) -> Message:
    """Return what is posted: {"type", "timestamp", "data"}; the id is for ever."""
    of = {"strategy": str(delivery.strategy)}
    if isinstance(stored.event, events.OpinionTurned):
        of = {}
    body = {
        "type": stored.type,
        "timestamp": stored.occurred_at,
        "data": of | _told(stored.event),
    }
    return Message(id=str(delivery.id), body=msgspec.json.encode(body))


def signing(endpoint: Endpoint, *, at: datetime) -> list[str]:
    """Return the secrets that sign for an endpoint at the moment, the newest first."""
    old = endpoint.old_until is not None and at < endpoint.old_until
    return [endpoint.secret, endpoint.old_secret] if old else [endpoint.secret]


def send_again(rows: QuerySet[Delivery], *, at: datetime) -> int:
    """Let these deliveries go out anew, with their ids of before; return how many."""
    return rows.update(
        state=Delivery.State.WAITING,
        attempts=0,
        next_at=at,
        error="",
        status=None,
        delivered_at=None,
    )


def replay(
    endpoint: Endpoint,
    *,
    since: datetime,
    until: datetime,
    at: datetime,
    only_given_up: bool = False,
) -> int:
    """Tell an endpoint again of all that happened in [since, until), in order.

    What it was never told, since it is younger, is told too; with `only_given_up`, just
    what was given up.
    """
    found = [
        stored
        # Not beyond: what comes next, catching up will tell.
        for stored in store.read(until=endpoint.position, types=TYPES)
        if since <= stored.occurred_at < until
    ]
    if not only_given_up:
        # All of it, also from before the endpoint was there (after 0).
        missing = [
            one for stored in found for one in _deliveries(stored, [endpoint], 0)
        ]
        Delivery.objects.bulk_create(missing, batch_size=5000, ignore_conflicts=True)
    rows = Delivery.objects.filter(
        endpoint=endpoint, position__in=[stored.position for stored in found]
    )
    if only_given_up:
        rows = rows.filter(state=Delivery.State.GIVEN_UP)
    return send_again(rows, at=at)


def _deliveries(
    stored: store.Stored, endpoints: Iterable[Endpoint], after: int | None = None
) -> list[Delivery]:
    strategy = _strategy(stored)
    return [
        Delivery(
            endpoint=row,
            position=stored.position,
            strategy=strategy,
            type=stored.type,
            next_at=stored.recorded_at,
        )
        for row in endpoints
        if stored.position > (row.position if after is None else after)
        and (not row.types or stored.type in row.types)
    ]


def _strategy(stored: store.Stored) -> UUID:
    """A decision's strategy is its stream's; other facts name theirs.

    What is of no strategy has a key of its own: its messages go out in order too.
    """
    event = stored.event
    if isinstance(event, events.OpinionTurned):
        return uuid5(OPINIONS, f"{event.level} {event.key}")
    if stored.stream is not None:
        return UUID(stored.stream.removeprefix("strategy:"))
    return UUID(str(msgspec.json.decode(stored.data)["strategy"]))


def _told(event: events.Event) -> dict[str, Any]:
    """Return an event's fields, with those that have their default."""
    return {
        name: msgspec.to_builtins(getattr(event, name))
        for name in event.__struct_fields__
        if name not in HIDDEN
    }


def _secret() -> str:
    return signatures.secret(secrets.token_bytes(signatures.BYTES))
