"""Replies on carts: what is missing for a promotion, and what is there to be reached.

The cart is priced by the function that the checkout uses; nothing is recorded but who
tries wrong codes (promotions.guessing), as at the checkout.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from promotions import carts, rules
from promotions.coins import More
from promotions.reply_offers import GIFT, SHIPPING, by_codes, everybodys, mentions, mine
from promotions.replying import MOST, Asking, Reply, Source, bullet, money, scope, title
from promotions.rules import Gift, Shipping
from promotions.shopping import Entry, Priced

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


def amount(coins: int, priced: Priced) -> Any:
    return coins * priced.coins.unit


def more_fact(more: More, priced: Priced) -> dict[str, Any]:
    return {
        "spend_more": str(amount(more.spend, priced)),
        "quantity_more": more.quantity,
    }


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
                    **(more_fact(one.missed.more, priced) if one.missed.more else {}),
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
        told["off"] = money(amount(worth, priced), currency)
        if one.applied.gift:
            yield gettext("Your cart has it already: %(title)s.") % told
        else:
            yield gettext("Your cart has it already: %(title)s, %(off)s off.") % told
        if more := one.applied.next:
            further = _tier(more.tier or rules.Tier(), currency)
            told = {
                "spend": money(amount(more.spend, priced), currency),
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
        told["spend"] = money(amount(more.spend, priced), currency)
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
