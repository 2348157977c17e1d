"""A client's body, taken apart: unpacked, its messages, and the key written in it.

Clients send what they like: gzip without saying so, a batch with one message that is no
JSON. What can be told is kept; what cannot is None, or an `Answer`.
"""

import zlib

import msgspec
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.http.request import UnreadablePostError

from analytics import salvage, wires

MOST_BYTES = 4 << 20
"""So much RudderStack's Python client sends."""


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


def body(request: HttpRequest) -> bytes:
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


def messages(body: bytes) -> tuple[list[bytes] | None, str | None]:
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


def message(body: bytes) -> tuple[list[bytes] | None, str | None]:
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
