"""What an offer gives, in the shopper's language, and why a code gives nothing.

The patterns serve the pages of the server and, written into the page, its scripts.
"""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from demo.aisles import label
from demo.goods import money

PATTERNS = {
    "percentage": gettext_noop("{rate} off"),
    "threshold": gettext_noop("Spend {spend}, save {amount}"),
    "gift": gettext_noop("Spend {spend}, get {name} free"),
}
REFUSED = {
    "unknown_code": gettext_noop("There is no such code."),
    "not_yours": gettext_noop("This code belongs to somebody else."),
    "expired": gettext_noop("This code has expired."),
    "used_up": gettext_noop("This code was used already."),
    "not_yet": gettext_noop("This code cannot be used yet."),
    "promotion_ended": gettext_noop("This promotion is over."),
    "other_currency": gettext_noop("This code is for another currency."),
    "another_code_of_the_same_promotion": gettext_noop(
        "Another code of the same promotion is in your cart."
    ),
    "refused": gettext_noop(
        "This code cannot be used. Do you have an account? Sign in first."
    ),
    "try_later": gettext_noop(
        "Too many wrong codes: try again in a quarter of an hour."
    ),
}
IDLE = {
    "nothing_in_scope": gettext_noop("Nothing in your cart is what this code is for."),
    "below_threshold": gettext_noop("Your cart is too small for this code."),
    "too_few_units": gettext_noop("Your cart has too few of these for this code."),
    "budget_spent": gettext_noop("This promotion has just run out."),
}
BETTER = gettext_noop("Your other offers save you more, so this code stays unused.")
REFUSALS = {
    "total_differs": gettext_noop(
        "A price has changed meanwhile. Look again, then order."
    ),
    "budget_spent": gettext_noop("An offer has just run out. Look again, then order."),
    "limit_reached": gettext_noop("An offer has just run out. Look again, then order."),
    "code_refused": gettext_noop(
        "A code can no longer be used. Take it out, then order."
    ),
    "codes_paused": gettext_noop("Too many wrong codes: take them out, then order."),
    "order_redeemed": gettext_noop("This order was placed before."),
}
OTHERWISE = gettext_noop("The order could not be placed. Look again, then order.")


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
