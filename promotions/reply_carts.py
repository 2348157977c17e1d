"""Replies on codes and carts: why a code is refused, what is missing for a promotion.

The cart is priced by the function that the checkout uses; nothing is recorded but who
tries wrong codes (promotions.guessing), as at the checkout.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from promotions import carts, phrases, rules
from promotions.codes import Entered, Known
from promotions.coins import Missed, More
from promotions.models import HandOver
from promotions.reply_offers import (
    GIFT,
    SHIPPING,
    Thing,
    by_codes,
    entered,
    everybodys,
    mentions,
    mine,
)
from promotions.replying import (
    MOST,
    Asking,
    Reply,
    Source,
    bullet,
    end,
    money,
    scope,
    spoken,
    title,
)
from promotions.rules import Gift, Shipping
from promotions.shopping import Entry, Priced

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
WHY = {
    "nothing_in_scope": _("nothing in your cart is what it is about"),
    "below_threshold": _("your cart does not reach the amount for it"),
    "too_few_units": _("your cart holds too few of the products"),
    "bundle_incomplete": _("a product of the set is missing"),
    "cheaper_already": _("the goods cost no more than that already"),
    "nothing_to_ship": _("your cart has no cost of delivery"),
    "gift_out_of_stock": _("the gift is out of stock"),
    "margin_floor": _("the price cannot go lower"),
    "another_offer_is_better": _("another promotion saves you more"),
    "another_of_its_group_goes_first": _("another promotion goes before it"),
    "budget_spent": _("it has been used up by other customers"),
    "limit_reached": _("it has been used as often as it may be"),
    "customers_only": _("it is for customers who are signed in"),
    "other_channel": _("it is for another way of ordering"),
    "other_segment": _("it is not for your account"),
    "not_the_first_order": _("it is for a first order"),
    "product_missing": _("a product that it asks for is not in the cart"),
    "not_today": _("it is for other days of the week"),
    "not_at_this_hour": _("it is for other hours"),
}
"""Why a promotion does nothing for a cart, as a customer may be told."""


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
            off = _coins(effect.applied.discount + effect.applied.shipping, priced)
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
    for one in phrases.conditions(asked, thing.strategy.currency, campaign.zone):
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
        fact |= _more_fact(missed.more, priced)
    return lines, fact


def _coins(coins: int, priced: Priced) -> Any:
    return coins * priced.coins.unit


def _more_fact(more: More, priced: Priced) -> dict[str, Any]:
    return {
        "spend_more": str(_coins(more.spend, priced)),
        "quantity_more": more.quantity,
    }


def _more_line(more: More, what: str, priced: Priced, thing: Thing | None) -> str:
    currency = thing.strategy.currency if thing else ""
    told = {
        "what": what,
        "spend": money(_coins(more.spend, priced), currency),
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


def reply_missing(ask: Asking) -> Reply:
    """Say what a cart misses for free shipping, a gift, an offer, or that it has it."""
    wanted = _kind(ask.text)
    if ask.cart is None or not ask.cart.items:
        return _thresholds(ask, wanted)
    good = ask.enter([*ask.named.codes, *ask.cart.codes])
    usable = [one.text for one in good if one.code]
    cart = replace(ask.cart, customer=ask.customer, codes=usable)
    priced = carts.qualify(cart, at=ask.at)
    got = [one for one in priced.effects if _is(one.entry, wanted)]
    # Of what nobody was told of, only that which a little more would bring.
    short = [
        one
        for one in priced.not_applied
        if _is(one.entry, wanted) and (one.missed.more or one.entry.named)
    ]
    lines = [*_got(got, priced, cart.currency), *_short(short, priced, cart.currency)]
    if not lines:
        lines = [_nothing(wanted)]
    found = [*(one.entry for one in got), *(one.entry for one in short)]
    return Reply(
        kind="missing",
        lines=lines,
        facts={
            "wanted": wanted,
            "applied": [_said(one.entry) for one in got],
            "missing": [
                {
                    "title": _said(one.entry),
                    "reason": one.missed.reason,
                    **(_more_fact(one.missed.more, priced) if one.missed.more else {}),
                }
                for one in short[:MOST]
            ],
        },
        sources=[_source(one) for one in found[: 2 * MOST]],
        about=[one.key for one in found],
    )


def _kind(text: str) -> str:
    if mentions(text, SHIPPING):
        return "shipping"
    return "gift" if mentions(text, GIFT) else ""


def _is(entry: Entry, wanted: str) -> bool:
    terms = entry.strategy.menu[entry.variant]
    kind = {"shipping": Shipping, "gift": Gift}.get(wanted)
    return kind is None or isinstance(terms, kind)


def _said(entry: Entry) -> str:
    return title(entry.strategy.menu[entry.variant], entry.strategy.currency)


def _got(got: Sequence[Any], priced: Priced, currency: str) -> Iterator[str]:
    for one in got[:MOST]:
        told = {"title": _said(one.entry)}
        worth = one.applied.discount + one.applied.shipping
        told["off"] = money(_coins(worth, priced), currency)
        if one.applied.gift:
            yield gettext("Your cart has it already: %(title)s.") % told
        else:
            yield gettext("Your cart has it already: %(title)s, %(off)s off.") % told
        if more := one.applied.next:
            further = _tier(more.tier or rules.Tier(), currency)
            told = {
                "spend": money(_coins(more.spend, priced), currency),
                "what": further,
            }
            if more.spend:
                yield gettext("With %(spend)s more you get %(what)s.") % told


def _tier(tier: rules.Tier, currency: str) -> str:
    worth = f"{100 * tier.rate:.0f} %" if tier.rate else money(tier.amount, currency)
    return pgettext("of a further tier", "%(amount)s off") % {"amount": worth}


def _short(short: Sequence[Any], priced: Priced, currency: str) -> Iterator[str]:
    for one in short[:MOST]:
        more, what = one.missed.more, _said(one.entry)
        told = {"title": what, "about": scope(one.entry.strategy.categories)}
        told["why"] = str(WHY.get(one.missed.reason, one.missed.reason))
        if more is None:
            yield gettext("“%(title)s” (%(about)s): %(why)s.") % told
            continue
        told["spend"] = money(_coins(more.spend, priced), currency)
        told["number"] = str(more.quantity)
        if more.spend and more.quantity:
            yield (
                gettext(
                    "For “%(title)s” (%(about)s), %(spend)s and %(number)s more units "
                    "are missing."
                )
                % told
            )
        elif more.spend:
            yield gettext("For “%(title)s” (%(about)s), %(spend)s is missing.") % told
        else:
            yield (
                gettext(
                    "For “%(title)s” (%(about)s), %(number)s more units are missing."
                )
                % told
            )


def _nothing(wanted: str) -> str:
    if wanted == "shipping":
        return gettext("No promotion for free delivery applies to your cart now.")
    if wanted == "gift":
        return gettext("No promotion with a gift applies to your cart now.")
    return gettext("Your cart misses nothing: no further promotion is near.")


def _source(entry: Entry) -> Source:
    if entry.offer:
        return Source(kind="offer", id=str(entry.offer), link="/api/v1/qualifications")
    kind, key = ("code", str(entry.code.id)) if entry.code else ("promotion", entry.key)
    return Source(kind=kind, id=key, link="/api/v1/qualifications")


def _thresholds(ask: Asking, wanted: str) -> Reply:
    """Without a cart, say what there is to be reached."""
    every = [*mine(ask), *everybodys(ask), *by_codes(ask, ask.named.codes)]
    found = [one for one in every if not wanted or one.strategy.kind == wanted][:MOST]
    lines = [bullet(one.line()) for one in found]
    if lines:
        lines = [
            gettext("I see no cart of yours. This is what there is to be reached:"),
            *lines,
        ]
    else:
        lines = [
            gettext("I see no cart of yours, and no such promotion is running now.")
        ]
    return Reply(
        kind="missing",
        lines=lines,
        facts={
            "needs": "cart",
            "wanted": wanted,
            "promotions": [one.fact() for one in found],
        },
        sources=[one.source for one in found],
        about=[one.key for one in found],
    )
