"""Take in what shops report: validate, de-duplicate, identify, append; lose nothing.

One bad event never harms its neighbours: it becomes a `Rejection` with its reason and
path, the rest is stored. The API and the bulk loader both come through `ingest`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID, uuid5

import msgspec
from django.db import transaction

from analytics import events, store
from analytics.models import Customer, Rejection

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
AHEAD = timedelta(minutes=5)
"""How far a shop's clock may run ahead of ours."""
MESSAGE_IDS = UUID("6f0c1f0e-5b7a-4d0a-9c58-2f4f6d1c7a11")

Status = Literal["accepted", "duplicate", "rejected"]


class Incoming(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event as a shop sends it; `data` is read by its type."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    type: str
    customer: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    occurred_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    data: msgspec.Raw = msgspec.Raw(b"{}")


class Refused(Exception):
    """This event cannot enter the log."""

    def __init__(self, reason: str) -> None:
        message, _, path = reason.partition(" - at `")
        super().__init__(message)
        self.path = path.rstrip("`")


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of one event; `path` points to what was wrong with it."""

    status: Status
    id: str | None = None
    reason: str = ""
    path: str = ""


@dataclass(frozen=True, kw_only=True)
class Valid:
    """A checked event whose customer is still the shop's own id."""

    sent_id: str
    event: events.Event
    customer: str | None
    at: datetime
    id: UUID


def ingest(raws: Sequence[bytes], *, source: str, at: datetime) -> list[Result]:
    """Store the events of a batch, each given as JSON; return a result for each."""
    checked = [_checked(raw, at) for raw in raws]
    rejections = [
        Rejection(received_at=at, source=source, reason=r.reason, path=r.path, body=raw)
        for r, raw in zip(checked, raws, strict=True)
        if isinstance(r, Result)
    ]
    valid = {c.id: c for c in reversed(checked) if isinstance(c, Valid)}
    with transaction.atomic():
        Rejection.objects.bulk_create(rejections)
        keys = identify(v.customer for v in valid.values() if v.customer)
        written = store.append_new([_fact(v, keys) for v in reversed(valid.values())])
    return [_result(c, valid, written) for c in checked]


def identify(external_ids: Iterable[str]) -> dict[str, UUID]:
    """Return the customers' keys by the shop's ids; new customers get one."""
    wanted = set(external_ids)
    keys = _known(wanted)
    if missing := wanted - keys.keys():
        # Sorted, so that two batches lock new rows in the same order: no deadlock.
        Customer.objects.bulk_create(
            [Customer(external_id=external_id) for external_id in sorted(missing)],
            ignore_conflicts=True,
        )
        keys |= _known(missing)
    return keys


def _known(external_ids: Iterable[str]) -> dict[str, UUID]:
    rows = Customer.objects.filter(external_id__in=list(external_ids))
    return dict(rows.values_list("external_id", "key"))


def event_id(sent: str) -> UUID:
    """Return a message id's place in the log: itself if a UUID, else a hash of it."""
    if len(sent) == 36:
        try:
            return UUID(sent)
        except ValueError:
            pass
    return uuid5(MESSAGE_IDS, sent)


def _checked(raw: bytes, at: datetime) -> Valid | Result:
    sent_id = None
    try:
        incoming = _decoded(raw)
        sent_id = incoming.id
        return Valid(
            sent_id=sent_id,
            event=_event(incoming),
            customer=incoming.customer,
            at=_time(incoming, at),
            id=event_id(sent_id),
        )
    except Refused as refused:
        return Result(
            status="rejected", id=sent_id, reason=str(refused), path=refused.path
        )


def _decoded(raw: bytes) -> Incoming:
    if b"\\u0000" in raw:
        raise Refused("Text must not hold the character U+0000")
    try:
        return _incoming.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(str(error)) from error


_incoming = msgspec.json.Decoder(Incoming)


def _event(incoming: Incoming) -> events.Event:
    if incoming.type not in events.FROM_SHOPS:
        raise Refused(f"Unknown event type {incoming.type!r} - at `$.type`")
    try:
        event = events.decode(incoming.type, bytes(incoming.data))
    except events.Unreadable as error:
        raise Refused(_inside_data(str(error))) from error
    if fault := event.fault():
        raise Refused(_inside_data(fault))
    return event


def _inside_data(reason: str) -> str:
    head, found, path = reason.partition("`$")
    return f"{head}`$.data{path}" if found else f"{reason} - at `$.data`"


def _time(incoming: Incoming, at: datetime) -> datetime:
    occurred = incoming.occurred_at or at
    if occurred > at + AHEAD:
        raise Refused("The time is in the future - at `$.occurred_at`")
    if occurred < EARLIEST:
        raise Refused("The time is before 1990 - at `$.occurred_at`")
    return occurred


def _fact(valid: Valid, keys: dict[str, UUID]) -> store.Fact:
    customer = keys[valid.customer] if valid.customer else None
    return store.Fact(event=valid.event, at=valid.at, customer=customer, id=valid.id)


def _result(
    checked: Valid | Result, valid: dict[UUID, Valid], written: set[UUID]
) -> Result:
    if isinstance(checked, Result):
        return checked
    new = checked.id in written and valid[checked.id] is checked
    return Result(status="accepted" if new else "duplicate", id=checked.sent_id)
