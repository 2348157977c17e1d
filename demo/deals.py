"""What an offer gives, in the shopper's language, and why a code gives nothing.

The patterns serve the pages of the server and, written into the page, its scripts.
"""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as noop

from demo.aisles import label
from demo.goods import money

PATTERNS = {
    "percentage": noop("{rate} off"),
    "threshold": noop("Spend {spend}, save {amount}"),
    "gift": noop("Spend {spend}, get {name} free"),
}
REFUSED = {
    "unknown_code": noop("There is no such code."),
    "not_yours": noop("This code belongs to somebody else."),
    "expired": noop("This code has expired."),
    "used_up": noop("This code was used already."),
    "not_yet": noop("This code cannot be used yet."),
    "promotion_ended": noop("This promotion is over."),
    "other_currency": noop("This code is for another currency."),
    "another_code_of_the_same_promotion": noop(
        "Another code of the same promotion is in your cart."
    ),
    "refused": noop("This code cannot be used. Do you have an account? Sign in first."),
    "try_later": noop("Too many wrong codes: try again in a quarter of an hour."),
}
IDLE = {
    "nothing_in_scope": noop("Nothing in your cart is what this code is for."),
    "below_threshold": noop("Your cart is too small for this code."),
    "too_few_units": noop("Your cart has too few of these for this code."),
    "budget_spent": noop("This promotion has just run out."),
}
BETTER = noop("Your other offers save you more, so this code stays unused.")
REFUSALS = {
    "total_differs": noop("A price has changed meanwhile. Look again, then order."),
    "budget_spent": noop("An offer has just run out. Look again, then order."),
    "limit_reached": noop("An offer has just run out. Look again, then order."),
    "code_refused": noop("A code can no longer be used. Take it out, then order."),
    "codes_paused": noop("Too many wrong codes: take them out, then order."),
    "order_redeemed": noop("This order was placed before."),
}
OTHERWISE = noop("The order could not be placed. Look again, then order.")


def patterns() -> dict[str, str]:
    """Return the patterns in the reader's language."""
    return {kind: _(text) for kind, text in PATTERNS.items()}


def words(terms: dict[str, Any], title: str, currency: str) -> str:
    """Say what terms give; the platform's own words for what is not personal."""
    kind = terms.get("kind", "")
    if kind not in PATTERNS or any(name not in terms for name in _holes(kind)):
        return title
    said = {name: _figure(name, terms[name], currency) for name in _holes(kind)}
    return _(PATTERNS[kind]).format(**said)


def scope(categories: list[str]) -> str:
    """Name the categories that something is about; none is the whole cart."""
    return ", ".join(label(one) for one in categories) or _("everything")


def refused(code: str) -> str:
    """Say why a code is refused."""
    return _(REFUSED.get(code, REFUSED["unknown_code"]))


def idle(reason: str) -> str:
    """Say why a code that is good does nothing for this cart."""
    return _(IDLE.get(reason, BETTER))


def not_ordered(code: str) -> str:
    """Say why an order was not taken."""
    return _(REFUSALS.get(code, OTHERWISE))


def _holes(kind: str) -> tuple[str, ...]:
    names = ("rate", "spend", "amount", "name")
    return tuple(name for name in names if "{" + name + "}" in PATTERNS[kind])


def _figure(name: str, value: str, currency: str) -> str:
    if name == "rate":
        return f"{100 * float(value):g}%"
    return value if name == "name" else money(value, currency).removesuffix(".00")
