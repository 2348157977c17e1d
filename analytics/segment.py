"""The Segment family's wire: one message of track, identify, page and so on.

Unknown fields are ignored and numbers may come as text, as those clients' servers do.
Personal text is left behind: of the context only the library, the browser's name (to
know bots) and consent are read; of the traits only those that the shop has allowed.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import uuid4

import msgspec
from crawleruseragents import is_crawler

from analytics import ecommerce, events
from analytics.properties import properties
from analytics.scalars import Scalar, plain, text
from analytics.sent import AHEAD, Refused, Sent, check_id, check_text, check_time
from analytics.wording import Wording

CALLS = frozenset(("track", "identify", "page", "screen", "group", "alias"))
SHORT = 100
"""Characters of what every message of a batch gets a copy of."""
SKEW = timedelta(minutes=5)
"""A client's clock is believed up to here: below, it is the way that took so long."""
BROWSERS_AND_PHONES = (
    *("analytics.js", "analytics-next", "rudderlabs javascript", "analytics-ios"),
    *("analytics-android", "analytics-react-native", "analytics-swift"),
    *("analytics-kotlin", "analytics-flutter", "rudder-android", "rudder-ios"),
    *("rudder-react-native", "rudder-flutter", "rudderlabs android", "rudderlabs ios"),
    *("@segment/analytics-react-native", "@rudderstack/rudder-sdk-react-native"),
)
"""Libraries on shoppers' own devices: their clocks go wrong, and bots run them."""


class Library(msgspec.Struct, omit_defaults=True):
    name: Scalar = None


class Consent(msgspec.Struct, rename="camel", omit_defaults=True):
    category_preferences: dict[str, Any] | None = None


class Context(msgspec.Struct, rename="camel", omit_defaults=True):
    library: Library | None = None
    user_agent: Scalar = None
    consent: Consent | None = None
    traits: dict[str, Any] | None = None


class Message(msgspec.Struct, rename="camel"):
    type: str | None = None
    message_id: Scalar = None
    user_id: Scalar = None
    anonymous_id: Scalar = None
    previous_id: Scalar = None
    group_id: Scalar = None
    event: Scalar = None
    name: Scalar = None
    category: Scalar = None
    timestamp: Scalar = None
    original_timestamp: Scalar = None
    sent_at: Scalar = None
    properties: msgspec.Raw = msgspec.Raw(b"{}")
    traits: dict[str, Any] | None = None
    context: Context | None = None
    batch_context: Context | None = None
    batch_sent_at: Scalar = None

    def said(self, name: str) -> Any:
        """Return what the message's context says, else what its batch's does."""
        own = getattr(self.context, name, None)
        return getattr(self.batch_context, name, None) if own is None else own

    @property
    def on_device(self) -> bool:
        library = self.said("library")
        name = str(library.name).lower() if library else ""
        return name.startswith(BROWSERS_AND_PHONES)


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Reads messages; `call` is the route's type, empty where each says its own."""

    call: str
    currency: str
    traits: frozenset[str]
    consent: str

    def __call__(self, raw: bytes, at: datetime) -> Sent:
        """Read one message that arrived at `at`.

        :raises Refused: it is wrong; the reason and the path say what.
        """
        message = None
        try:
            check_text(raw)
            message = _messages.decode(raw)
            return self._sent(message, at)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise Refused(str(error)) from error
        except Refused as refused:
            # Told back only as it was sent: a number would be another text.
            known = message.message_id if message else None
            refused.message = known if isinstance(known, str) else None
            raise

    def _sent(self, message: Message, at: datetime) -> Sent:
        call = self.call or message.type or ""
        if call not in CALLS:
            raise Refused(
                Wording("Unknown type %(type)s", type=f"{message.type!r}"), "$.type"
            )
        event = self._event(call, message)
        _check(event)
        original, sent_at, occurred = _times(message, at)
        return Sent(
            message=_message_id(message),
            event=event,
            at=occurred,
            original_at=original,
            sent_at=sent_at,
            # Lists of bots name servers' libraries too, which report for shoppers
            # (PostHog #60557).
            bot=message.on_device and _is_bot(message),
            consent=self._consent(message),
            **_people(call, message),
        )

    def _event(self, call: str, message: Message) -> events.Event:
        match call:
            case "track":
                name = text(message.event, "$.event", least=1)
                return ecommerce.read(name, message.properties, self.currency)
            case "identify":
                return events.CustomerIdentified(traits=self._traits(message))
            case "group":
                group = text(message.group_id, "$.groupId", least=1)
                return events.GroupJoined(group=group)
            case "alias":
                return events.CustomerAliased()
            case _:
                return _page(call, message)

    def _traits(self, message: Message) -> dict[str, str | float | bool]:
        """RudderStack's clients send traits in the context only."""
        sent = (message.said("traits") or {}) | (message.traits or {})
        return {
            name: value
            for name, value in sent.items()
            if name in self.traits and _plain(value)
        }

    def _consent(self, message: Message) -> bool | None:
        """An object without the category refuses; no object at all says nothing."""
        return self._allowed(message.said("consent"))

    def _allowed(self, said: Consent | None) -> bool | None:
        if not said or said.category_preferences is None:
            return None
        named = {k.casefold(): v for k, v in said.category_preferences.items()}
        # In these ways consent managers say yes; whatever else they say is no.
        return named.get(self.consent.casefold()) in (True, "granted", "true")

    def shared(self, *, sent_at: bytes, context: bytes) -> bytes:
        """Return the members that a batch adds to each of its messages, as JSON text.

        Only what is read of a context, and short: 2,500 messages get a copy.
        """
        members: dict[str, object] = {}
        if 0 < len(sent_at) < SHORT:
            members["batchSentAt"] = msgspec.Raw(sent_at)
        try:
            if context:
                members["batchContext"] = self._short(_contexts.decode(context))
            # Without its braces: it is put into each message's own object.
            text = msgspec.json.encode(members)[1:-1]
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return b""
        return text + b"," if text else b""

    def _short(self, context: Context) -> Context:
        agent, library = context.user_agent, context.library
        allowed = self._allowed(context.consent)
        return Context(
            library and Library(name=str(library.name)[:SHORT]),
            None if agent is None else str(agent)[:500],
            None if allowed is None else Consent({self.consent: allowed}),
        )


_contexts = msgspec.json.Decoder(Context, strict=False)


def _check(event: events.Event) -> None:
    """Hold what this wire made to the rules of the log: it must be readable there."""
    fault = event.fault()
    if fault is None:
        try:
            # msgspec looks at lengths and ranges when it decodes, not when one is made.
            events.decode(events.NAMES[type(event)], events.encode(event))
            return
        except events.Unreadable as error:
            fault = str(error)
    raise Refused(fault.replace("`$", "`$.properties"))


_messages = msgspec.json.Decoder(Message, strict=False)


def _page(call: str, message: Message) -> events.Event:
    seen = properties(message.properties)
    kind = events.PageViewed if call == "page" else events.ScreenViewed
    return kind(
        name=text(message.name or seen.name, "$.name"),
        category=text(message.category or seen.category, "$.category"),
        dwell_seconds=seen.dwell,
    )


def _people(call: str, message: Message) -> dict[str, str | None]:
    customer = _id(message.user_id, "$.userId")
    visitor = _id(message.anonymous_id, "$.anonymousId")
    previous = _id(message.previous_id, "$.previousId")
    if call == "alias":
        if not (customer and previous):
            raise Refused(
                Wording("An alias needs userId and previousId"), "$.previousId"
            )
    elif not (customer or visitor):
        raise Refused(Wording("Neither userId nor anonymousId is given"), "$.userId")
    return {
        "customer": customer,
        "visitor": visitor,
        "previous": previous if call == "alias" else None,
    }


def _id(value: Scalar, path: str, most: int = 200) -> str | None:
    """Return an id as text: trimmed, numbers too; blank is none."""
    if plain(value, path) is None:
        return None
    found = str(value).strip() or None
    if found and len(found) > most:
        raise Refused(
            Wording("Expected an id of at most %(most)s characters", most=most), path
        )
    return check_id(found, path)


def _message_id(message: Message) -> str:
    value = plain(message.message_id, "$.messageId")
    id_ = "" if value is None else str(value).strip()
    if len(id_) > 100:
        raise Refused(
            Wording("Expected an id of at most 100 characters"), "$.messageId"
        )
    return id_ or str(uuid4())


def _times(
    message: Message, at: datetime
) -> tuple[datetime | None, datetime | None, datetime]:
    """Return when it happened and was sent by the client's clock, and when by ours.

    Segment's formula alone is wrong: clients that send a frozen body again would move
    the event by the delay. So a clock is corrected only if it is a shopper's device's
    and off by more than SKEW, and nothing happens after it arrived.
    """
    # rudder-node sends no timestamp, segment's libraries no originalTimestamp.
    said = message.timestamp or message.original_timestamp
    original = _time(said, "$.timestamp")
    sent_at = _time(message.sent_at or message.batch_sent_at, "$.sentAt")
    occurred = original or at
    if original and sent_at and message.on_device and abs(at - sent_at) > SKEW:
        occurred = original + (at - sent_at)
    # A wrong clock, or Segment's formula on a frozen body: the arrival is nearer.
    if occurred > at + AHEAD:
        occurred = at
    return original, sent_at, check_time(occurred, at, "$.timestamp")


def _time(value: Scalar, path: str) -> datetime | None:
    if plain(value, path) is None or value == "":
        return None
    try:
        if isinstance(value, str):
            read = datetime.fromisoformat(value)
        else:
            # 1e11 is the year 5138 in seconds, and 1973 in milliseconds.
            read = datetime.fromtimestamp(value / (1000 if value > 1e11 else 1), UTC)
        read = (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Refused(Wording("Expected an ISO 8601 time"), path) from error
    if not 1900 < read.year < 2200:
        raise Refused(Wording("Expected a time of these centuries"), path)
    return read


def _is_bot(message: Message) -> bool:
    agent = message.said("user_agent")
    return bool(agent) and _crawls(str(agent))


@lru_cache(maxsize=4096)
def _crawls(user_agent: str) -> bool:
    """140 µs when first seen, hence the cache."""
    return bool(is_crawler(user_agent))


def _plain(value: object) -> bool:
    return isinstance(value, (bool, int, float)) or (
        isinstance(value, str) and len(value) <= 100
    )
