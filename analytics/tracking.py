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
import zlib
from collections.abc import Callable
from functools import partial

import msgspec
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from analytics import access, clock, identity, ingestion, log_lock, salvage, wires
from analytics.models import Rejection
from analytics.sent import ids
from analytics.wording import Wording

# Segment's own limit. RudderStack's Python client sends up to 4 MB.
MOST_EVENTS = 2500
MOST_BYTES = 4 << 20
log = logging.getLogger(__name__)


class Answer(Exception):
    """What the client is told instead of success."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class Batch(msgspec.Struct, rename="camel"):
    """A batch; each message is read on its own, so that one cannot harm all."""

    batch: list[msgspec.Raw]
    write_key: str | None = None
    sent_at: msgspec.Raw = msgspec.Raw(b"")
    context: msgspec.Raw = msgspec.Raw(b"")


class Keyed(msgspec.Struct, rename="camel"):
    write_key: str | None = None


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
    body = _body(request)
    # Read before the key is known: some clients write it into the body alone.
    raws, written = _messages(body) if call == "batch" else _message(body)
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


def _body(request: HttpRequest) -> bytes:
    # Without it Django reads nothing, and a chunked body would look empty.
    if "CONTENT_LENGTH" not in request.META:
        raise Answer(400, "unreadable", "Send the body with its Content-Length.")
    try:
        body = request.body
    except RequestDataTooBig as error:
        raise Answer(413, "too_large", "Send at most 4 MiB at a time.") from error
    except UnreadablePostError as error:
        raise Answer(400, "unreadable", "The body did not arrive.") from error
    # By its first bytes, not by its header: one client gzips and says nothing.
    return _unzipped(body) if body[:2] == b"\x1f\x8b" else body


def _unzipped(body: bytes) -> bytes:
    """Unpack, but not one byte more than we take: 195 KB can hold 200 MB."""
    text = b""
    try:
        while body:  # a stream may have several members
            # 31: gzip with its header and checksum, no bare zlib.
            unpacker = zlib.decompressobj(31)
            # One byte more shows that it is too much; and a limit of 0 would be none.
            text += unpacker.decompress(body, MOST_BYTES - len(text) + 1)
            if len(text) > MOST_BYTES or unpacker.unconsumed_tail:
                raise Answer(413, "too_large", "Send at most 4 MiB, unpacked.")
            if not unpacker.eof:
                raise Answer(400, "unreadable", "The gzip stream breaks off.")
            body = unpacker.unused_data
    except zlib.error as error:
        raise Answer(400, "unreadable", "The gzip stream is broken.") from error
    return text


def _messages(body: bytes) -> tuple[list[bytes] | None, str | None]:
    """Return the messages of a batch, and the key that is written in it."""
    try:
        batch = _batches.decode(body)
        raws = [bytes(raw) for raw in batch.batch]
        sent_at, context, key = batch.sent_at, batch.context, batch.write_key
    except UNREADABLE:
        parts = salvage.members(body) or {}
        found = salvage.items(body, "batch")
        if found is None:
            return None, _written_key(body)
        raws, key = found, _text(parts.get(b"writeKey", b""))
        sent_at = msgspec.Raw(parts.get(b"sentAt", b""))
        context = msgspec.Raw(parts.get(b"context", b""))
    reader = wires.batch_reader()
    shared = reader.shared(sent_at=bytes(sent_at), context=bytes(context))
    return [_with(shared, raw) for raw in raws], key


UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_batches = msgspec.json.Decoder(Batch)
_keyed = msgspec.json.Decoder(Keyed)


def _with(shared: bytes, raw: bytes) -> bytes:
    """Give a message what its batch says of all; its own words come later and count."""
    inside = raw[1:].lstrip() if raw[:1] == b"{" else b"}"
    # `shared` ends with a comma: in an empty object nothing would follow it.
    return b"{" + shared + inside if shared and inside[:1] != b"}" else raw


def _message(body: bytes) -> tuple[list[bytes] | None, str | None]:
    try:
        return [body], _keyed.decode(body).write_key
    except UNREADABLE:
        parts = salvage.members(body)
    if parts is None:
        return None, None
    return [body], _text(parts.get(b"writeKey", b""))


def _written_key(body: bytes) -> str | None:
    try:
        return _keyed.decode(body).write_key
    except UNREADABLE:
        return _text((salvage.members(body) or {}).get(b"writeKey", b""))


def _text(raw: bytes) -> str | None:
    try:
        return msgspec.json.decode(raw, type=str)
    except UNREADABLE:
        return None


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
