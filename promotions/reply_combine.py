"""Replies on whether promotions go together: by their rules, or by a cart's price."""

from collections.abc import Iterator, Sequence

from django.utils.translation import gettext

from promotions import carts
from promotions.reply_offers import Thing, by_codes, everybodys, mine
from promotions.replying import MOST, Asking, Reply, scope
from promotions.shopping import Cart


def reply_combine(ask: Asking) -> Reply:
    """Say which of the promotions that are meant can be used in one order."""
    found = _together(ask)
    if ask.cart and ask.cart.items:
        return _combined(ask, found)
    if not found:
        text = gettext("You have no offer and no code now that could be combined.")
        return Reply(kind="combine", lines=[text], facts={"together": []})
    alone = [one for one in found if one.rule.exclusive]
    others = [one for one in found if not one.rule.exclusive]
    groups = list(_groups(others))
    lines, facts = (
        list(_said(alone, others, groups)),
        {
            "together": [one.title for one in others] if len(others) > 1 else [],
            "alone": [one.title for one in alone],
            "one_of": [[one.title for one in group] for group in groups],
        },
    )
    return Reply(
        kind="combine",
        lines=lines,
        facts=facts,
        sources=[one.source for one in found],
        about=[one.key for one in found],
    )


def _together(ask: Asking) -> list[Thing]:
    named = by_codes(ask, ask.named.codes or ask.codes)
    every = [*mine(ask), *everybodys(ask), *named]
    # By strategy: who has an offer and a code of one has one thing.
    return list({one.key: one for one in every}.values())[: 2 * MOST]


def _groups(some: Sequence[Thing]) -> Iterator[list[Thing]]:
    by: dict[str, list[Thing]] = {}
    for one in some:
        if one.rule.group and one.rule.mode != "stack":
            by.setdefault(one.rule.group, []).append(one)
    yield from (group for group in by.values() if len(group) > 1)


def _said(
    alone: Sequence[Thing], others: Sequence[Thing], groups: Sequence[Sequence[Thing]]
) -> Iterator[str]:
    for one in alone:
        told = {"title": _called(one)}
        yield gettext("%(title)s stands alone: nothing else counts with it.") % told
    for group in groups:
        told = {"titles": _several(group)}
        yield gettext("Of %(titles)s, one alone counts.") % told
    if len(others) > 1:
        told = {"titles": _several(others)}
        if groups:
            text = gettext("Apart from that, these can be used together: %(titles)s.")
        else:
            text = gettext("These can be used in the same order: %(titles)s.")
        yield text % told
        yield _lines(others)
    elif others and not alone:
        text = gettext("You have one alone now: %(title)s. Others may join it.")
        yield text % {"title": _called(others[0])}


def _lines(some: Sequence[Thing]) -> str:
    if all(one.rule.shares_lines for one in some):
        return gettext("They may even reduce the same product.")
    return gettext("On the same product, one alone may count.")


def _called(one: Thing) -> str:
    if one.code:
        return gettext("code %(code)s (%(title)s)") % {
            "code": one.code,
            "title": one.title,
        }
    return f"“{one.title}” ({scope(one.strategy.scope)})"


def _several(some: Sequence[Thing]) -> str:
    return ", ".join(_called(one) for one in some)


def _combined(ask: Asking, found: Sequence[Thing]) -> Reply:
    """With a cart it is no question of rules: it is priced."""
    if ask.cart is None:
        raise AssertionError("a cart is priced")
    codes = [one.code for one in found if one.code]
    cart = Cart(
        items=ask.cart.items,
        currency=ask.cart.currency,
        customer=ask.customer,
        channel=ask.cart.channel,
        shipping=ask.cart.shipping,
        codes=codes,
    )
    priced = carts.qualify(cart, at=ask.at)
    by = {one.key: one for one in found}
    used = [by[e.entry.key] for e in priced.effects if e.entry.key in by]
    left = [by[m.entry.key] for m in priced.not_applied if m.entry.key in by]
    # The same promotion may count by its code and be beaten as an offer.
    left = [one for one in left if one.key not in {two.key for two in used}]
    lines = []
    if used:
        told = {"titles": _several(used)}
        lines.append(gettext("In your cart these count together: %(titles)s.") % told)
    else:
        lines.append(gettext("In your cart no promotion counts now."))
    if left:
        lines.append(gettext("Not with it: %(titles)s.") % {"titles": _several(left)})
    return Reply(
        kind="combine",
        lines=lines,
        facts={
            "together": [one.title for one in used],
            "not_with_it": [one.title for one in left],
        },
        sources=[one.source for one in [*used, *left]],
        about=[one.key for one in used or left],
    )
