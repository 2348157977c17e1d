"""Replies on codes: what they are worth, what they are for, and why one is refused.

Of a code that is nobody's business nothing is told but that it cannot be used. Who
tries wrong ones is noted (promotions.guessing), as at the checkout.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from promotions import carts, condition_words
from promotions.codes import Entered, Known
from promotions.coins import Missed, More
from promotions.models import HandOver
from promotions.reply_carts import WHY, amount, more_fact
from promotions.reply_offers import Thing, entered
from promotions.replying import Asking, Reply, bullet, end, money, spoken
from promotions.shopping import Priced

REFUSED = {
    "not_yours": _("Code %(code)s is not for your account."),
    "expired": _("Code %(code)s has expired."),
    "used_up": _("Code %(code)s has been used as often as it may be."),
    "promotion_ended": _("The promotion of code %(code)s has ended."),
    "other_currency": _("Code %(code)s is for another currency."),
    "another_code_of_the_same_promotion": _(
        "Code %(code)s is of the same promotion as another one: one alone counts."
    ),
    carts.REFUSED: _(
        "Code %(code)s cannot be used. Sign in, and I can say more about it."
    ),
}
UNKNOWN = _(
    "Code %(code)s is none that can be used. Check how it is spelt: capitals, spaces "
    "and hyphens do not matter."
)
"""Also of a code whose promotion has not begun: nobody is told of what is planned."""


def reply_code(ask: Asking) -> Reply:
    """Say what codes are worth, or why they are refused."""
    texts = list(ask.named.codes or ask.codes or (ask.cart.codes if ask.cart else ()))
    tried = _known(ask, ask.maybe)
    # Words that proved to be codes: what was spoken of before is not asked for again.
    texts = list(ask.named.codes) if tried else texts
    if not texts and not tried:
        text = gettext("Which code is it? Write it here, and I will look it up.")
        return Reply(kind="code", lines=[text], facts={"needs": "code"})
    if ask.wait:
        text = gettext(
            "Too many wrong codes were tried. Please wait a quarter of an hour."
        )
        return Reply(
            kind="code",
            lines=[text],
            facts={"refused": "codes_paused"},
            hand_over=HandOver.Reason.CODES_PAUSED,
        )
    tried = [*ask.enter(texts), *tried]
    priced = None
    if ask.cart and ask.cart.items:
        good = [one.text for one in tried if one.code]
        cart = replace(ask.cart, customer=ask.customer, codes=good)
        priced = carts.qualify(cart, at=ask.at)
    return _codes(tried, priced)


def _known(ask: Asking, words: Sequence[str]) -> list[Entered]:
    """Look up words that may be codes; those of which nothing may be told are none."""
    found = ask.enter(words)
    # A common word must not be told to be a code that is not known: it is none.
    told = REFUSED.keys() - {carts.REFUSED}
    return [one for one in found if one.code or one.refused in told]


def _codes(tried: Sequence[Entered], priced: Priced | None) -> Reply:
    good = entered(tried)
    things = {one.key: one for one in good}
    lines: list[str] = []
    facts: list[dict[str, Any]] = []
    for one in tried:
        thing = things.get(str(one.code.strategy)) if one.code else None
        if one.code is None or thing is None:
            lines.append(_refusal(one.text, one.refused or ""))
            facts.append({"code": one.text, "refused": _told(one.refused or "")})
        else:
            told, fact = _worth(thing, one.code, priced)
            lines += told
            facts.append({**thing.fact(), "refused": None, **fact})
    sources = [one.source for one in good]
    return Reply(
        kind="code",
        lines=lines,
        facts={"codes": facts},
        sources=sources,
        about=[one.key for one in good],
    )


def _refusal(code: str, reason: str) -> str:
    return str(REFUSED.get(reason, UNKNOWN)) % {"code": code}


def _told(reason: str) -> str:
    """Whatever else is wrong is nobody's business: it may be planned."""
    return reason if reason in REFUSED else "unknown_code"


def _worth(
    thing: Thing, code: Known, priced: Priced | None
) -> tuple[list[str], dict[str, Any]]:
    """Say what a good code does for the cart, or is for at all."""
    if priced is None:
        return [_good(thing), *_conditions(thing)], {}
    for effect in priced.effects:
        if effect.entry.code and effect.entry.code.id == code.id:
            off = amount(effect.applied.discount + effect.applied.shipping, priced)
            told = {"code": code.text, "title": thing.title}
            told["off"] = money(off, thing.strategy.currency)
            if effect.applied.gift:
                text = gettext("Code %(code)s works for your cart: %(title)s.")
            else:
                text = gettext(
                    "Code %(code)s works for your cart: %(title)s, %(off)s off."
                )
            return [text % told], {"off": str(off)}
    # By the code's id: the same promotion may be there by an offer too.
    for row in priced.not_applied:
        if row.entry.code and row.entry.code.id == code.id:
            return _idle(thing, code, row.missed, priced)
    return [_good(thing)], {}


def _good(thing: Thing) -> str:
    told = {
        "code": thing.code,
        "title": thing.title,
        "about": thing.about,
        "end": end(thing.ends_at),
    }
    return (
        gettext("Code %(code)s can be used: %(title)s (%(about)s), until %(end)s.")
        % told
    )


def _conditions(thing: Thing) -> Iterator[str]:
    campaign = thing.strategy.campaign
    asked = thing.rule.conditions
    for one in condition_words.conditions(
        asked, thing.strategy.currency, campaign.zone
    ):
        yield bullet(str(spoken(one)))


def _idle(
    thing: Thing, code: Known, missed: Missed, priced: Priced
) -> tuple[list[str], dict[str, Any]]:
    why = str(WHY.get(missed.reason, missed.reason))
    told = {"code": code.text, "title": thing.title, "about": thing.about, "why": why}
    lines = [
        gettext(
            "Code %(code)s (%(title)s, %(about)s) does nothing for this cart: %(why)s."
        )
        % told
    ]
    fact: dict[str, Any] = {"reason": missed.reason}
    if missed.more:
        lines.append(_more_line(missed.more, thing.title, priced, thing))
        fact |= more_fact(missed.more, priced)
    return lines, fact


def _more_line(more: More, what: str, priced: Priced, thing: Thing | None) -> str:
    currency = thing.strategy.currency if thing else ""
    told = {
        "what": what,
        "spend": money(amount(more.spend, priced), currency),
        "number": more.quantity,
        "about": thing.about if thing else "",
    }
    if more.spend and more.quantity:
        return (
            gettext("“%(what)s”: %(spend)s and %(number)s more units are missing.")
            % told
        )
    if more.spend:
        return gettext("“%(what)s”: %(spend)s more is missing.") % told
    return gettext("“%(what)s”: %(number)s more units are missing.") % told
