"""The service assistant: a question in, an answer from facts out, or a person is asked.

A reply is made for each question that a text holds; each says what it rests on. What is
not understood, or of what nothing is known, goes to a person with all that was said.
What is kept of it is in promotions.conversations.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.utils import translation
from django.utils.translation import gettext

from promotions import conversations, extracts, lessons, rephrasing, understanding
from promotions.guessing import Asker
from promotions.lessons import HELP
from promotions.models import Code, HandOver, HelpText, Question, Strategy
from promotions.reply_carts import reply_missing
from promotions.reply_codes import reply_code
from promotions.reply_combine import reply_combine
from promotions.reply_offers import reply_ends, reply_offers
from promotions.reply_orders import own_orders, reply_refund, reply_used
from promotions.replying import Asking, Reply, Source, asking
from promotions.shopping import Cart
from promotions.spelling import digest
from promotions.understanding import Understood, Wanted

SHORT = 40
"""Letters of a text that names a code and says nothing else."""
SHORTEST_CODE = 3
TOLD = (Strategy.State.LIVE, Strategy.State.PAUSED, Strategy.State.ENDED)
Outcome = Question.Outcome
Reason = HandOver.Reason


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question as it came; `public`: by a browser's key, which names nobody."""

    conversation: UUID
    text: str
    customer: str | None = None
    cart: Cart | None = None
    sent_cart: Mapping[str, Any] | None = None
    language: str | None = None
    public: bool = False
    guesser: Asker | None = None


def answer(asked: Asked, *, at: datetime) -> Question:
    """Answer a question, or hand it over; either way it is kept.

    :raises NotYours: the conversation is another customer's.
    :raises TooLong: it must begin anew.
    """
    ask = asking(at, asked.customer, asked.cart, guesser=asked.guesser)
    language = asked.language or extracts.language(asked.text)
    before = conversations.opened(
        asked.conversation,
        public=asked.public,
        customer=asked.customer,
        shopper=ask.shopper,
        language=language or "en",
    )
    language = language or before.language
    with translation.override(language):
        understood, replies = _replies(asked, ask, before.state, language)
        told_no = any(one.kind == "others" for one in replies)
        # Who asks for others' data is told no, and nothing beside: not what is unclear.
        unclear = understood.unclear and not told_no
        outcome = _outcome(replies, unclear=unclear)
        text = "\n\n".join(_said(replies, outcome, unclear=unclear))
        told = rephrasing.rephrased(text) if outcome == Outcome.ANSWERED else None
    row = Question(
        id=uuid4(),
        conversation=before,
        customer=ask.shopper.person,
        owner="" if ask.shopper.person else conversations.owner(asked.customer),
        asked_at=at,
        language=language,
        text=asked.text,
        cart=asked.sent_cart,
        outcome=outcome,
        kinds=list(dict.fromkeys(one.kind for one in replies or understood.likely)),
        chance=understood.chance,
        answer=told or text,
        answers=[one.told() for one in replies],
        rephrased=told is not None,
    )
    conversations.keep(row, before, replies, understood, asked.customer)
    return row


def _replies(
    asked: Asked, ask: Asking, state: Mapping[str, Any], language: str
) -> tuple[Understood, list[Reply]]:
    understood = _followed(read(asked.text, ask, language), asked.text, state)
    ask = replace(
        ask,
        about=state.get("about", ()),
        codes=understood.named.codes or state.get("codes", ()),
    )
    return understood, list(_each(understood, ask))


def read(text: str, ask: Asking, language: str) -> Understood:
    """Understand a text, knowing who asks: their orders, and codes in two words."""
    mine = own_orders(ask, extracts.tokens(text))
    return understanding.understand(joined(text, ask), language, orders=mine)


def joined(text: str, ask: Asking) -> str:
    """Write codes in one word that somebody wrote in two: "coffee 15".

    Only those that everybody may use, and that are no secret: else a question would
    try many codes at once. Nor for who must wait: what is joined is known to exist.
    """
    if ask.wait:
        return text
    pairs = {digest(joined): pair for joined, pair in extracts.split(text).items()}
    known = Code.objects.filter(
        digest__in=pairs,
        customer=None,
        most_uses=None,
        active=True,
        strategy__state__in=TOLD,
        # One of a campaign to come must look as if there were none.
        strategy__campaign__starts_at__lte=ask.at,
    )
    for found, code in known.values_list("digest", "text"):
        pair = re.escape(pairs[bytes(found)])
        # In capitals: what shouts is read as a code (promotions.extracts).
        text = re.sub(rf"\b{pair}\b", code.upper(), text)
    return text


def _followed(
    understood: Understood, text: str, state: Mapping[str, Any]
) -> Understood:
    """Understand what makes sense only after what was said before."""
    named, word = understood.named, text.strip().strip(".!?\"'")
    needed = state.get("needs") == "code"
    if needed and not named.codes and _codelike(word):
        named = replace(named, codes=(word,))
    vague = len(text.strip()) <= SHORT and not understood.wanted
    if named.codes and (vague or named is not understood.named):
        wanted = [Wanted(kind="code", chance=1.0, clause=text, named=named)]
        return replace(understood, wanted=wanted, named=named, chance=1.0)
    return understood


def _codelike(word: str) -> bool:
    """Say whether a word alone may be a code: "thanks" and "ok" are none."""
    if len(word) < SHORTEST_CODE or not (word.isascii() and word.isalnum()):
        return False
    known = word.lower() in lessons.knowledge().words
    return any(map(str.isdigit, word)) or not known


def _each(understood: Understood, ask: Asking) -> Iterator[Reply]:
    """Reply to each question; what is off the topic counts only where it is alone.

    Whoever asks for somebody else's data is told no, and nothing beside.
    """
    wanted = understood.wanted
    wanted = [one for one in wanted if one.kind == "others"] or wanted
    seen: set[str] = set()
    for one in [one for one in wanted if one.kind != "offtopic"] or wanted:
        made = reply_to(one, replace(ask, text=one.clause, named=one.named))
        if made.text not in seen:
            yield made
        seen.add(made.text)
        ask = replace(ask, about=made.about or ask.about)


def reply_to(wanted: Wanted, ask: Asking) -> Reply:
    """Make the reply to one question."""
    if wanted.kind == HELP:
        return _help(wanted.text)
    if made := FACTS.get(wanted.kind):
        if made is reply_code:
            known = lessons.knowledge().words
            ask = replace(ask, maybe=extracts.strange(ask.text, known)[:2])
        reply = made(ask)
        # Until when a code lasts that cannot be used: why it cannot.
        return reply if reply.lines else reply_code(ask)
    return SAYS[wanted.kind]()


FACTS: Mapping[str, Callable[[Asking], Reply]] = {
    "offers": reply_offers,
    "code": reply_code,
    "missing": reply_missing,
    "ends": reply_ends,
    "combine": reply_combine,
    "refund": reply_refund,
    "used": reply_used,
}


def _help(text: HelpText | None) -> Reply:
    if text is None:
        return Reply(kind=HELP, lines=[], hand_over=Reason.NO_TEXT)
    source = Source(
        kind="help_text", id=text.slug, version=text.version, link=text.link
    )
    return Reply(
        kind=HELP, lines=[text.body], facts={"help": text.slug}, sources=[source]
    )


def _hello() -> Reply:
    text = gettext(
        "Hello! I can look up your offers, codes, what your cart misses, refunds of "
        "promotions, and how this shop works. What would you like to know?"
    )
    return Reply(kind="hello", lines=[text])


def _thanks() -> Reply:
    text = gettext("You are welcome. Is there anything else?")
    return Reply(kind="thanks", lines=[text])


def _others() -> Reply:
    text = gettext(
        "I can speak of your own account alone, whoever asks, and of nobody else's."
    )
    return Reply(kind="others", lines=[text], declined=True)


def _coming() -> Reply:
    text = gettext(
        "I can tell of what runs now, and not of what may come. Ask me for your "
        "offers at any time."
    )
    return Reply(kind="coming", lines=[text], declined=True)


def _offtopic() -> Reply:
    text = gettext(
        "I can only help with this shop: offers, codes, orders' promotions, delivery, "
        "payment and returns."
    )
    return Reply(kind="offtopic", lines=[text], declined=True)


def _person() -> Reply:
    return Reply(kind="person", lines=[], hand_over=Reason.ASKED)


SAYS: Mapping[str, Callable[[], Reply]] = {
    "hello": _hello,
    "thanks": _thanks,
    "others": _others,
    "coming": _coming,
    "offtopic": _offtopic,
    "person": _person,
}


def _outcome(replies: Sequence[Reply], *, unclear: bool) -> str:
    if not replies or unclear or any(one.hand_over for one in replies):
        return Outcome.HANDED_OVER
    declined = all(one.declined for one in replies)
    return Outcome.DECLINED if declined else Outcome.ANSWERED


def _said(replies: Sequence[Reply], outcome: str, *, unclear: bool) -> Iterator[str]:
    yield from (one.text for one in replies if one.lines)
    if outcome != Outcome.HANDED_OVER:
        return
    if any(one.hand_over == Reason.ASKED for one in replies):
        yield gettext("I have passed this to a colleague, who will answer you here.")
    elif not replies:
        yield gettext(
            "I am not sure that I understand, and will not guess. I have passed your "
            "question to a colleague, who will answer you here."
        )
    elif unclear:
        yield gettext(
            "Of the rest I am not sure, and will not guess. I have passed your "
            "question to a colleague, who will answer you here."
        )
    else:
        yield gettext(
            "I do not know more about that. I have passed your question to a "
            "colleague, who will answer you here."
        )
