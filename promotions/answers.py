"""A priced cart as the shop reads it."""

from typing import Any

from promotions import redemption, term_words
from promotions.cart_bodies import tax_basis
from promotions.coins import More
from promotions.shopping import Effect, Entry, NotApplied, Priced


def answer(priced: Priced, currency: str) -> dict[str, Any]:
    """Return a priced cart as the shop reads it."""

    def told(coins: int) -> str:
        return _told(coins, priced)

    return {
        "currency": currency,
        "tax": tax_basis(),
        "lines": [
            {
                "sku": line.sku,
                "quantity": line.quantity,
                "amount": told(line.amount),
                "discount": told(off),
                "total": told(line.amount - off),
            }
            for line, off in zip(priced.lines, priced.off, strict=True)
        ],
        "subtotal": told(priced.subtotal),
        "discount": told(sum(priced.off)),
        "shipping": told(priced.shipping),
        "shipping_discount": told(priced.shipping_discount),
        "total": told(priced.total),
        "effects": [_effect(effect, priced) for effect in priced.effects],
        "not_applied": [_not_applied(row, priced) for row in priced.not_applied],
        "codes": [{"code": one.text, "refused": one.refused} for one in priced.entered],
        "unknown_skus": priced.unknown,
        "exact": priced.exact,
    }


def _told(coins: int, priced: Priced) -> str:
    return str(coins * priced.coins.unit)


def _effect(effect: Effect, priced: Priced) -> dict[str, Any]:
    applied = effect.applied
    return {
        **_named(effect.entry),
        "kind": effect.entry.strategy.menu[effect.entry.variant].__struct_config__.tag,
        "discount": _told(applied.discount, priced),
        "shipping_discount": _told(applied.shipping, priced),
        "gift": applied.gift,
        "adjustments": redemption.adjustments(effect, priced),
        "next": applied.next and _more(applied.next, effect.entry, priced),
    }


def _not_applied(row: NotApplied, priced: Priced) -> dict[str, Any]:
    more = row.missed.more or More()
    hint = _more(more, row.entry, priced)["hint"] if row.missed.more else ""
    return {
        **_named(row.entry),
        "reason": row.missed.reason,
        "spend_more": _told(more.spend, priced),
        "quantity_more": more.quantity,
        "hint": hint,
    }


def _named(entry: Entry) -> dict[str, Any]:
    strategy = entry.strategy
    return {
        "strategy": str(strategy.id),
        "offer": str(entry.offer) if entry.offer else None,
        "code": entry.code.text if entry.code else None,
        "title": term_words.words(strategy.menu[entry.variant], strategy.currency),
    }


def _more(more: More, entry: Entry, priced: Priced) -> dict[str, Any]:
    currency = entry.strategy.currency
    wanted = [f"{_told(more.spend, priced)} {currency} more"] if more.spend else []
    wanted += [f"{more.quantity} more"] if more.quantity else []
    terms = entry.strategy.menu[entry.variant]
    what = term_words.reward(more.tier or terms, currency)
    return {
        "spend": _told(more.spend, priced),
        "quantity": more.quantity,
        "hint": f"{' and '.join(wanted)} to get {what}",
    }
