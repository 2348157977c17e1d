"""Our own wire: one event of POST /api/v1/events, read by its type."""

from collections.abc import Set
from datetime import datetime
from typing import Annotated

import msgspec

from analytics import events
from analytics.sent import Refused, Sent, check_id, check_text, check_time
from analytics.wording import Wording

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Incoming(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event as a shop sends it; `data` is read by its type."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    type: str
    customer: Id | None = None
    anonymous: Id | None = None
    previous: Id | None = None
    occurred_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    data: msgspec.Raw = msgspec.Raw(b"{}")


class _Named(msgspec.Struct):
    id: str | None = None


def read(raw: bytes, at: datetime, traits: Set[str] = frozenset()) -> Sent:
    """Read one event that arrived at `at`; of a customer's traits only these.

    :raises Refused: it is wrong; the reason and the path say what.
    """
    incoming = _decoded(raw)
    try:
        return Sent(
            message=incoming.id,
            event=_only(traits, _event(incoming)),
            at=check_time(incoming.occurred_at or at, at, "$.occurred_at"),
            customer=check_id(incoming.customer, "$.customer"),
            visitor=check_id(incoming.anonymous, "$.anonymous"),
            previous=check_id(incoming.previous, "$.previous"),
            original_at=incoming.occurred_at,
        )
    except Refused as refused:
        refused.message = incoming.id
        raise


def _decoded(raw: bytes) -> Incoming:
    try:
        check_text(raw)
        return _incoming.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(str(error), message=_id(raw)) from error
    except Refused as refused:
        refused.message = _id(raw)
        raise


_incoming = msgspec.json.Decoder(Incoming)


def _id(raw: bytes) -> str | None:
    """Return the id of an event that is otherwise wrong, if it can be read."""
    try:
        return msgspec.json.decode(raw, type=_Named).id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _event(incoming: Incoming) -> events.Event:
    if incoming.type not in events.FROM_SHOPS:
        raise Refused(
            Wording("Unknown event type %(type)s", type=f"{incoming.type!r}"), "$.type"
        )
    try:
        event = events.decode(incoming.type, bytes(incoming.data))
    except events.Unreadable as error:
        raise Refused(_inside_data(str(error))) from error
    if fault := event.fault():
        raise Refused(_inside_data(fault))
    _check_people(incoming, event)
    return event


def _only(traits: Set[str], event: events.Event) -> events.Event:
    if not isinstance(event, events.CustomerIdentified):
        return event
    allowed = {
        name: trait
        for name, trait in event.traits.items()
        # Longer ones are texts, and no free text enters the log.
        if name in traits and len(str(trait)) <= 100
    }
    return msgspec.structs.replace(event, traits=allowed)


def _check_people(incoming: Incoming, event: events.Event) -> None:
    match event:
        # The log names keys, which are ours to fill in; a shop knows its own ids alone.
        case events.CustomerIdentified(anonymous=key) if key is not None:
            raise Refused(
                Wording("Name the visitor in the envelope"), "$.data.anonymous"
            )
        case events.CustomerAliased(previous=key) if key is not None:
            raise Refused(
                Wording("Name the previous id in the envelope"), "$.data.previous"
            )
        case events.CustomerIdentified() if incoming.customer is None:
            raise Refused(Wording("Say who was identified"), "$.customer")
        case events.CustomerAliased() if not (incoming.customer and incoming.previous):
            raise Refused(Wording("An alias needs customer and previous"), "$.previous")
        case events.ConsentChanged() if not (incoming.customer or incoming.anonymous):
            raise Refused(Wording("Say whose consent it is"), "$.customer")
        case events.CustomerAliased():
            pass
        case _:
            if incoming.previous:
                raise Refused(Wording("Only an alias has a previous id"), "$.previous")


def _inside_data(reason: str) -> str:
    head, found, path = reason.partition("`$")
    return f"{head}`$.data{path}" if found else f"{reason} - at `$.data`"
