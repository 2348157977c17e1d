"""A message of the Segment family as it comes: whose it is, from when, sent by what.

What clients call alike is told apart here: ids that are numbers, clocks that go wrong,
libraries that report for shoppers, and bots.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import uuid4

import msgspec
from crawleruseragents import is_crawler

from analytics.scalars import Scalar, plain
from analytics.sent import AHEAD, Refused, check_id, check_time
from analytics.wording import Wording

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


def people(call: str, message: Message) -> dict[str, str | None]:
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


def message_id(message: Message) -> str:
    value = plain(message.message_id, "$.messageId")
    id_ = "" if value is None else str(value).strip()
    if len(id_) > 100:
        raise Refused(
            Wording("Expected an id of at most 100 characters"), "$.messageId"
        )
    return id_ or str(uuid4())


def times(
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


def is_bot(message: Message) -> bool:
    agent = message.said("user_agent")
    return bool(agent) and _crawls(str(agent))


@lru_cache(maxsize=4096)
def _crawls(user_agent: str) -> bool:
    """140 µs when first seen, hence the cache."""
    return bool(is_crawler(user_agent))
