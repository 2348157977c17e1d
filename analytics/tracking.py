"""The Segment family's door, for client libraries as they are: POST /v1/….

Its rules come from what those clients do with an answer (docs/decisions/0012): exactly
200 for all that was understood, even if some events were refused, since one client
retries 201 and another dies of a 4xx. A bad event goes to the dead letters. 4xx only
for a body that is no JSON, an unknown key, too much at once; 503 for what can be tried
again.
"""

import base64
import binascii
import logging
from collections.abc import Callable
from functools import partial

import msgspec
from django.core.exceptions import SuspiciousOperation
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from analytics import access, clock, identity, ingestion, log_lock, wire_bodies, wires
from analytics.models import Rejection
from analytics.sent import ids
from analytics.wire_bodies import Answer
from analytics.wording import Wording

MOST_EVENTS = 2500
"""Segment's own limit."""
log = logging.getLogger(__name__)
View = Callable[..., HttpResponse]


def _answered(view: View) -> View:
    """Turn whatever happens into one of the answers that clients understand."""

    @csrf_exempt
    def answered(request: HttpRequest, **route: str) -> HttpResponse:
        try:
            return view(request, **route)
        except Answer as answer:
            return _problem(answer)
        except Exception as error:
            if isinstance(error, DatabaseError):
                # The name alone: PostgreSQL's message quotes the row, and rows may be
                # personal.
                log.warning("the database took no call: %s", type(error).__name__)
            else:
                log.exception("a call of the tracking API failed")
            return _problem(Answer(503, "try_again", "Try again in a moment."))

    return answered


def _problem(answer: Answer) -> HttpResponse:
    body = {"code": answer.code, "message": str(answer)}
    response = HttpResponse(
        msgspec.json.encode(body),
        status=answer.status,
        content_type="application/json",
    )
    if answer.status == 503:
        # segment-py and rudder-node wait so long; rudder-py and posthog-node do not
        # heed it.
        response["Retry-After"] = "1"
    return response


@_answered
def collect(request: HttpRequest, *, call: str) -> HttpResponse:
    """Take a message, or a batch of them."""
    if request.method != "POST":
        raise Answer(400, "post_only", "Send a POST request.")
    body = wire_bodies.body(request)
    # Read before the key is known: some clients write it into the body alone.
    read = wire_bodies.messages if call == "batch" else wire_bodies.message
    raws, written = read(body)
    key = _caller(request, written)
    if raws is None:
        # Only now that the key is known: strangers must not fill the table.
        _keep(body, key, call)
        raise Answer(
            400, "unreadable", Wording("The body is not the JSON that we expect.")
        )
    if len(raws) > MOST_EVENTS:
        raise Answer(413, "too_many", f"Send at most {MOST_EVENTS} messages at a time.")
    _ingest(raws, source=key.name, call=call)
    return _success()


@_answered
def unknown(request: HttpRequest, rest: str = "") -> HttpResponse:
    """Nothing is here, and no client should be told 404: some die of it."""
    raise Answer(400, "unknown_call", "There is no such call.")


@_answered
def boot(request: HttpRequest, write_key: str) -> HttpResponse:
    """Tell Segment's browser library that we are its only destination."""
    return _json(
        {
            # Whatever key it is: the call that follows is where it is looked up.
            "integrations": {"Segment.io": {"apiKey": write_key}},
            "plan": {"track": {"__default": {"enabled": True, "integrations": {}}}},
        }
    )


@_answered
def source_config(request: HttpRequest) -> HttpResponse:
    """Tell RudderStack's browser library the same."""
    key = request.GET.get("writeKey") or _basic(request) or ""
    source = {
        "id": "proffer",
        "name": "Proffer",
        "writeKey": key,
        "enabled": True,
        "workspaceId": "proffer",
        "config": {},
        "destinations": [],
        "connections": [],
        "dataplanes": {},
    }
    return _json({"source": source, "updatedAt": clock.now().isoformat()})


def _success() -> HttpResponse:
    return HttpResponse(b'{"success":true}', content_type="application/json")


def _json(body: object) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(body), content_type="application/json")


def _ingest(raws: list[bytes], *, source: str, call: str) -> None:
    """Ingest; once more if the connection had died with the server."""
    job = partial(
        ingestion.ingest,
        raws,
        source=source,
        at=clock.now(),
        read=wires.reader(call),
        call=call,
    )
    try:
        job()
    except DatabaseError:
        # Done twice is done once: what the lost call had written is a duplicate now.
        connection.close()
        job()


def _caller(request: HttpRequest, written: str | None) -> access.Caller:
    key = _basic(request) or written or _asked(request)
    found = access.find(key)
    if found is None:
        access.note_wrong(key)
        raise Answer(401, "key_refused", "The write key is unknown or revoked.")
    if "events" not in found.scopes:
        raise Answer(401, "scope_missing", "This key may not send events.")
    if not found.serves(request.headers.get("Origin")):
        raise Answer(401, "origin_refused", "The write key is not for this site.")
    return found


def _asked(request: HttpRequest) -> str:
    try:
        return request.GET.get("writeKey") or ""
    except SuspiciousOperation as error:
        raise Answer(400, "unreadable", "The address has too many parts.") from error


def _basic(request: HttpRequest) -> str | None:
    """Return the user of Basic authorization, or a Bearer token."""
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() != "basic":
        return None
    try:
        # The key is the user, the password empty; some clients leave the colon out.
        return base64.b64decode(value).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return None


def _keep(body: bytes, key: access.Caller, call: str) -> None:
    """Keep a body that nobody can read: perhaps somebody can."""
    with transaction.atomic():
        log_lock.hold()
        if identity.erased(ids(body)):
            return
        Rejection.objects.create(
            source=key.name, reason=Wording("The body is no JSON"), body=body, call=call
        )
