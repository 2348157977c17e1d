"""What is kept of questions: conversations, what waits for a person, what they say.

Texts are rows that go by themselves (`forget`); the log has numbers.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from analytics import events, identity, store
from analytics.wording import Wording
from promotions.models import Conversation, Example, HandOver, Question
from promotions.replying import Reply
from promotions.shopping import Shopper
from promotions.understanding import Understood

MOST_QUESTIONS = 200
"""Of one conversation: longer ones begin anew."""
Outcome = Question.Outcome
Reason = HandOver.Reason


class NotYours(Exception):
    """The conversation is somebody else's."""


class TooLong(Exception):
    """The conversation has as many questions as one may have."""


class NotWaiting(Exception):
    """The question does not wait for a person any more."""


def owner(customer: str | None) -> str:
    """Return what is kept of an id by which nobody is known: a keyed hash."""
    return identity.digest("asker", customer).hex() if customer else ""


def theirs(row: Conversation, customer: str | None, keys: Sequence[UUID]) -> bool:
    """Say whether a conversation is a customer's, or nobody's: a guest's."""
    if row.customer is not None:
        return row.customer in keys
    return row.owner in ("", owner(customer))


def _taken(row: Conversation, customer: UUID) -> None:
    """What somebody asked before they were known, or had signed in, is theirs too."""
    row.customer, row.owner = customer, ""
    row.questions.filter(customer=None).update(customer=customer, owner="")
    asked = {"question__conversation": row, "customer": None}
    HandOver.objects.filter(**asked).update(customer=customer)
    Example.objects.filter(**asked).update(customer=customer, owner="")


def opened(
    pk: UUID, *, public: bool, customer: str | None, shopper: Shopper, language: str
) -> Conversation:
    """Return a conversation, a new one not yet stored; check whose it is.

    :raises NotYours: it is another customer's.
    :raises TooLong: it must begin anew.
    """
    row = Conversation.objects.filter(id=pk).first()
    if row is None:
        return Conversation(id=pk, public=public, language=language)
    # Anybody can read a browser's key: it goes on with no conversation of a server's.
    if row.public != public or not theirs(row, customer, shopper.keys):
        raise NotYours("This conversation is somebody else's: begin a new one.")
    if row.questions.count() >= MOST_QUESTIONS:
        raise TooLong("This conversation is long: begin a new one.")
    return row


def keep(
    row: Question,
    conversation: Conversation,
    replies: Sequence[Reply],
    understood: Understood,
    customer: str | None,
) -> None:
    """Keep a question and its answer; hand it over, if it is to be.

    :raises NotYours: somebody else was faster with this conversation.
    """
    at = row.asked_at
    with transaction.atomic():
        # Looked at again under a lock: two first questions may come at once.
        fresh, _ = Conversation.objects.select_for_update().get_or_create(
            id=conversation.id,
            defaults={
                "public": conversation.public,
                "customer": row.customer,
                "owner": row.owner,
                "language": row.language,
                "began_at": at,
                "last_at": at,
            },
        )
        keys = [one for one in (conversation.customer, row.customer) if one]
        mine = theirs(fresh, customer, keys)
        if fresh.public != conversation.public or not mine:
            raise NotYours("This conversation is somebody else's: begin a new one.")
        if row.customer and fresh.customer is None:
            _taken(fresh, row.customer)
        elif not fresh.customer:
            fresh.owner = row.owner
        fresh.language, fresh.last_at = row.language, at
        fresh.state = remembered(fresh.state, replies, understood)
        fresh.save()
        # Counted under the lock: the order must not need the clock, which may stand.
        row.conversation, row.number = fresh, fresh.questions.count() + 1
        row.save(force_insert=True)
        handed = _hand_over(row, replies)
        store.append(_events(row, replies, handed), at=at, customer=row.customer)


def remembered(
    state: Mapping[str, Any], replies: Sequence[Reply], understood: Understood
) -> dict[str, Any]:
    """Return what a further question may be about, ids and codes alone."""
    about = [key for one in replies for key in one.about]
    codes = list(understood.named.codes)
    needs = next((n for one in replies if (n := one.facts.get("needs"))), "")
    return {
        "about": about or list(state.get("about", ())),
        "codes": codes or list(state.get("codes", ())),
        "needs": needs,
    }


def _hand_over(row: Question, replies: Sequence[Reply]) -> HandOver | None:
    if row.outcome != Outcome.HANDED_OVER:
        return None
    reasons = [one.hand_over for one in replies if one.hand_over]
    return HandOver.objects.create(
        question=row,
        customer=row.customer,
        reason=reasons[0] if reasons else Reason.UNSURE,
        handed_at=row.asked_at,
    )


def _events(
    row: Question, replies: Iterable[Reply], handed: HandOver | None
) -> list[events.Event]:
    asked = events.QuestionAsked(
        question=row.id,
        conversation=row.conversation_id,
        language=row.language,
        length=len(row.text),
    )
    if handed:
        return [asked, events.HandedOver(question=row.id, reason=str(handed.reason))]
    sources = dict.fromkeys(
        f"{one.kind} {one.id}"[:200] for reply in replies for one in reply.sources
    )
    answered = events.QuestionAnswered(
        question=row.id,
        kinds=tuple(row.kinds),
        outcome="declined" if row.outcome == Outcome.DECLINED else "answered",
        sources=tuple(sources),
        rephrased=row.rephrased,
    )
    return [asked, answered]


def reply_by_person(pk: UUID, text: str, *, by: str, at: datetime) -> HandOver:
    """Send a person's answer to a question that waits for one.

    :raises NotWaiting: somebody was faster.
    """
    return _done(pk, HandOver.State.ANSWERED, text.strip(), by, at)


def close(pk: UUID, *, by: str, at: datetime) -> HandOver:
    """Take a question out of the queue without an answer.

    :raises NotWaiting: somebody was faster.
    """
    return _done(pk, HandOver.State.CLOSED, "", by, at)


def _done(pk: UUID, state: str, text: str, by: str, at: datetime) -> HandOver:
    with transaction.atomic():
        rows = HandOver.objects.select_for_update(of=("self",))
        row = rows.filter(pk=pk, state=HandOver.State.WAITING).first()
        if row is None:
            raise NotWaiting(Wording("This question does not wait any more."))
        row.state, row.answer = state, text
        row.answered_by, row.answered_at = by, at
        row.save()
        if state == HandOver.State.ANSWERED:
            event = events.QuestionAnswered(question=row.pk, by=by)
            store.append([event], at=at, customer=row.customer)
    return row


def forget(*, at: datetime) -> None:
    """Delete conversations that nobody has added to for QUESTIONS_KEPT_DAYS."""
    before = at - timedelta(days=settings.QUESTIONS_KEPT_DAYS)
    Conversation.objects.filter(last_at__lt=before).delete()
