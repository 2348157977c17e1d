"""Take in what shops report: validate, de-duplicate, identify, append; lose nothing.

One bad event never harms its neighbours: it becomes a `Rejection` with its reason and
path, the rest is stored. Every wire and the bulk loader come through `ingest`, each
with a reader of its own.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID, uuid4

import msgspec
from django.db import transaction

from analytics import events, identity, links, log_lock, native, store
from analytics.models import Rejection
from analytics.sent import Erased, Refused, Sent, consent_id, event_id, ids
from analytics.wording import Wording

log = logging.getLogger(__name__)
Status = Literal["accepted", "duplicate", "rejected"]
Read = Callable[[bytes, datetime], Sent]
# What links.apply acts on, but for IdentityUnlinked, which no shop may send.
ABOUT_PEOPLE = (
    events.CustomerIdentified,
    events.CustomerAliased,
    events.ConsentChanged,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What became of one event; `path` points to what was wrong with it."""

    status: Status
    id: str | None = None
    reason: str = ""
    path: str = ""


def ingest(
    raws: Sequence[bytes],
    *,
    source: str,
    at: datetime,
    read: Read = native.read,
    call: str = "",
    arrived: datetime | None = None,
    keep: bool = True,
) -> list[Result]:
    """Store the events of a batch, each given as JSON; return a result for each.

    `call` names the wire for a later replay of what was rejected (analytics.replays),
    which says when it first `arrived` and need not `keep` it again.
    """
    # Before the transaction: nobody waits for the log's lock while JSON is parsed.
    checked = [_checked(raw, arrived or at, read) for raw in raws]
    sent = [c for c in checked if isinstance(c, Sent)]
    refused = [
        (c, raw) for c, raw in zip(checked, raws, strict=True) if isinstance(c, Refused)
    ]
    with transaction.atomic():
        if refused and keep:
            _keep(refused, source=source, at=at, call=call)
        became = iter(take(sent, source=source) if sent else ())
    return [_refused(c) if isinstance(c, Refused) else next(became) for c in checked]


def consent(
    *,
    customer: str | None,
    anonymous: str | None,
    personalised: bool,
    source: str,
    at: datetime,
) -> Result:
    """Store a person's word on personal offers: by the API, or told to an operator."""
    event = {
        "id": str(uuid4()),
        "type": "consent_changed",
        "customer": customer,
        "anonymous": anonymous,
        "data": {"personalised": personalised},
    }
    # A refusal is told at once to whoever asks: no dead letter of it.
    [result] = ingest([msgspec.json.encode(event)], source=source, at=at, keep=False)
    return result


def _keep(
    refused: Sequence[tuple[Refused, bytes]], *, source: str, at: datetime, call: str
) -> None:
    # Before we look: else somebody who is erased in between leaves a dead letter.
    log_lock.hold()
    named = [ids(raw) for _, raw in refused]
    gone = identity.erased(set().union(*named))
    Rejection.objects.bulk_create(
        Rejection(
            received_at=at,
            source=source,
            reason=str(reason),
            path=reason.path,
            body=raw,
            call=call,
        )
        for (reason, raw), names in zip(refused, named, strict=True)
        if not names & gone
    )


def take(sent: Sequence[Sent], *, source: str) -> list[Result]:
    """Store checked events in the caller's transaction; return a result for each.

    The lock comes first: an erasure waits for us, or has happened before we look.
    """
    log_lock.hold()
    people = identity.identify(
        {s.customer for s in sent if s.customer is not None},
        {s.visitor for s in sent if s.visitor is not None},
        {s.previous for s in sent if s.previous is not None},
    )
    ids = [None if _is_erased(s, people) else event_id(s.message) for s in sent]
    facts: dict[UUID, store.Fact] = {}
    firsts: list[bool] = []
    words: list[store.Fact] = []
    for id_, one in zip(ids, sent, strict=True):
        # The log says that an id was written, not for which of two in this batch.
        firsts.append(id_ is not None and id_ not in facts)
        if id_ is not None and firsts[-1]:
            facts[id_] = _fact(id_, one, people, source)
            words += _word(one, people, source)
    happened = [*facts.values(), *words]
    # The log's lock first, then people, as in links.unlink: one order, no deadlock.
    links.hold(_about_people(happened))
    # After it only rows are written that are locked already: nobody is waited for.
    written = store.append_new(happened)
    links.apply(_about_people(f for f in happened if f.id in written))
    return [
        _became(one, id_, new=first and id_ in written)
        for one, id_, first in zip(sent, ids, firsts, strict=True)
    ]


def _checked(raw: bytes, at: datetime, read: Read) -> Sent | Refused:
    try:
        return read(raw, at)
    except Refused as refused:
        return refused
    except Exception as error:  # our fault, but no neighbour's: a dead letter, too
        log.exception("an event could not be read")
        return Refused(
            Wording(
                "We could not read this event (%(name)s)", name=type(error).__name__
            )
        )


def _is_erased(sent: Sent, people: identity.People) -> bool:
    customers, visitors = people.customers, people.visitors
    return (
        (sent.customer is not None and sent.customer not in customers)
        or (sent.visitor is not None and sent.visitor not in visitors)
        or (sent.previous is not None and people.previous(sent.previous) is None)
    )


def _fact(id_: UUID, sent: Sent, people: identity.People, source: str) -> store.Fact:
    return store.Fact(
        id=id_,
        event=_with_keys(sent, people),
        at=sent.at,
        customer=people.key(sent.customer, sent.visitor),
        source=source,
        bot=sent.bot,
        original_at=sent.original_at,
        sent_at=sent.sent_at,
    )


def _with_keys(sent: Sent, people: identity.People) -> events.Event:
    """Links name keys in the log, never the shop's ids."""
    match sent.event:
        case events.CustomerIdentified() as event if sent.customer and sent.visitor:
            key = people.visitors[sent.visitor].key
            return msgspec.structs.replace(event, anonymous=key)
        case events.CustomerAliased() as event if sent.previous:
            previous = people.previous(sent.previous)
            return msgspec.structs.replace(event, previous=previous and previous.key)
        case event:
            return event


def _word(sent: Sent, people: identity.People, source: str) -> Iterator[store.Fact]:
    """A message's consent, as an event if it is news. Some come with every message.

    A word that is no news moves no time, so a late "no" may win over a "yes" said again
    after it, until the next message says yes once more.
    """
    if sent.consent is None:
        return
    named = sent.customer is not None
    side = people.customers if named else people.visitors
    name = (sent.customer if named else sent.visitor) or ""
    known, said = side[name], sent.consent
    late = known.said_at is not None and known.said_at > sent.at
    if known.said == said or late:
        return
    # The same word in the batch's next message is no news.
    side[name] = identity.Known(known.key, said, sent.at)
    yield store.Fact(
        id=consent_id(sent.message),
        event=events.ConsentChanged(personalised=said),
        at=sent.at,
        customer=known.key,
        source=source,
    )


def _about_people(facts: Iterable[store.Fact]) -> Iterator[links.Happened]:
    for fact in facts:
        if fact.customer is not None and isinstance(fact.event, ABOUT_PEOPLE):
            yield fact.customer, fact.event, fact.at


def _became(sent: Sent, id_: UUID | None, *, new: bool) -> Result:
    if id_ is None:
        gone = Erased("The customer was erased", "$.customer", message=sent.message)
        return _refused(gone)
    return Result(status="accepted" if new else "duplicate", id=sent.message)


def _refused(refused: Refused) -> Result:
    return Result(
        status="rejected",
        id=refused.message,
        reason=str(refused),
        path=refused.path,
    )
