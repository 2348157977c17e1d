"""What an agent is offered for a question, and what the assistant learns from them.

An agent's word on an answer becomes an example: the next question like it is taken for
what the agent said, or finds the help text that they pointed to. The example keeps the
words that the agent let stand, without codes and numbers of orders.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import translation

from analytics.models import Customer
from analytics.wording import Wording
from promotions import extracts, lessons, understanding
from promotions.assistant import FACTS, joined, read, reply_to
from promotions.extracts import Named
from promotions.lessons import HELP, KINDS
from promotions.models import Conversation, Example, HelpText, Question
from promotions.replying import Asking, Reply, asking
from promotions.understanding import Wanted

TEXTS, MOST = 3, 2
Verdict = Question.Verdict


class UnknownKind(Exception):
    """There is no such kind of question, or help text."""


@dataclass(frozen=True, kw_only=True)
class Suggested:
    """Replies that may be what is asked for, the likeliest first."""

    replies: Sequence[Reply]
    texts: Sequence[HelpText]


def suggested(question: Question, *, at: datetime) -> Suggested:
    """Return what may answer a question: from facts as of now, and from help texts."""
    ask = asker(question, at=at)
    understood = read(question.text, ask, question.language)
    likely: dict[str, Wanted] = {}
    for one in understood.likely:  # of a kind the likeliest
        likely.setdefault(one.kind, one)
    texts = understanding.nearest(question.text, question.language, most=TEXTS)
    with translation.override(question.language):
        facts = [one for kind, one in likely.items() if kind in FACTS]
        replies = [reply_to(one, ask_of(ask, one)) for one in facts[:MOST]]
    return Suggested(replies=[one for one in replies if one.lines], texts=texts)


def ask_of(ask: Asking, wanted: Wanted) -> Asking:
    """Ask for one of a text's questions."""
    return Asking(
        at=ask.at,
        customer=ask.customer,
        shopper=ask.shopper,
        named=wanted.named,
        text=wanted.clause,
        about=ask.about,
        codes=ask.codes,
    )


def asker(question: Question, *, at: datetime) -> Asking:
    """Return who asked, as of now."""
    state = question.conversation.state
    more = {"about": state.get("about", ()), "codes": state.get("codes", ())}
    return asking(at, name(question.conversation), None, **more)


def name(conversation: Conversation) -> str | None:
    """Return the shop's id of whose conversation it is."""
    if conversation.customer is None:
        return None
    row = Customer.objects.filter(key=conversation.customer).first()
    return row.name if row else None


def facts(question: Question, kind: str, *, at: datetime) -> Reply:
    """Return what is known of a kind for the question's customer.

    :raises UnknownKind: of this kind there are no facts.
    """
    if kind not in FACTS:
        raise UnknownKind(Wording("There is no such kind of question."))
    ask, named = asker(question, at=at), Named()
    if kind == "code":
        text = joined(question.text, ask)
        named = extracts.named(text, lessons.knowledge().words)
    with translation.override(question.language):
        wanted = Wanted(kind=kind, chance=1.0, clause="", named=named)
        return reply_to(wanted, ask_of(ask, wanted))


def right(question: Question) -> None:
    """Keep that an answer was right."""
    question.verdict = Verdict.RIGHT
    question.save(update_fields=["verdict"])


def wrong(
    question: Question,
    *,
    kind: str = "",
    slug: str = "",
    text: str = "",
    by: str,
    at: datetime,
) -> Example | None:
    """Keep that an answer was wrong, or missing; and what is right, if that is said.

    `text` is what is kept of the question as an example, by default its own words.

    :raises UnknownKind: the kind, or the help text, is none.
    """
    if (kind and kind not in KINDS) or (slug and not _published(slug)):
        raise UnknownKind(Wording("There is no such kind of question."))
    kind = HELP if slug else kind
    if kind == HELP and not slug:
        raise UnknownKind(Wording("Say which help text is right."))
    words = text.strip() or plain(question.text)
    with transaction.atomic():
        question.verdict = Verdict.WRONG
        question.save(update_fields=["verdict"])
        if not kind:
            return None
        said = {
            "customer": question.customer,
            "owner": question.owner,
            "language": question.language,
            "text": words,
            "kind": kind,
            "slug": slug,
            "said_by": by,
            "said_at": at,
        }
        # One example for a question: an agent's last word on it counts.
        made, _ = Example.objects.update_or_create(question=question, defaults=said)
    return made


def plain(text: str) -> str:
    """Return a question's words without what it names."""
    named = extracts.named(text, lessons.knowledge().words)
    return extracts.masked(text, named)


def _published(slug: str) -> bool:
    rows = HelpText.objects.filter(slug=slug, state=HelpText.State.PUBLISHED)
    return rows.exists()


def choices(language: str) -> Iterator[HelpText]:
    """Return the help texts to choose from, in a language if there are."""
    rows = HelpText.objects.filter(state=HelpText.State.PUBLISHED)
    yield from rows.filter(language=language).order_by("title")
