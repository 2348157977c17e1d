"""The Segment family's wire: one message of track, identify, page and so on.

Unknown fields are ignored and numbers may come as text, as those clients' servers do.
Personal text is left behind: of the context only the library, the browser's name (to
know bots) and consent are read; of the traits only those that the shop has allowed.
"""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from analytics import ecommerce, events, segment_messages
from analytics.properties import properties
from analytics.scalars import text
from analytics.segment_messages import Consent, Context, Library, Message
from analytics.sent import Refused, Sent, check_text
from analytics.wording import Wording

CALLS = frozenset(("track", "identify", "page", "screen", "group", "alias"))
SHORT = 100
"""Characters of what every message of a batch gets a copy of."""


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
        original, sent_at, occurred = segment_messages.times(message, at)
        return Sent(
            message=segment_messages.message_id(message),
            event=event,
            at=occurred,
            original_at=original,
            sent_at=sent_at,
            # Lists of bots name servers' libraries too, which report for shoppers
            # (PostHog #60557).
            bot=message.on_device and segment_messages.is_bot(message),
            consent=self._consent(message),
            **segment_messages.people(call, message),
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


def _plain(value: object) -> bool:
    return isinstance(value, (bool, int, float)) or (
        isinstance(value, str) and len(value) <= 100
    )
