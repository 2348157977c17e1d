"""What is wrong with a form, in the words of people who fill in forms.

Drafts are refused in the words of the API, by the names of its fields; here these
become sentences. What only a form refuses is here too: names that nothing in the shop
has, and campaigns in which nothing could ever run.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from django.conf import settings
from django.utils.translation import gettext, gettext_noop

from catalog.models import Product
from promotions import rules
from promotions.drafts import CampaignDraft, Draft, Fault

REASONS = (
    gettext_noop("This field is required."),
    gettext_noop("Text must not hold the character NUL."),
    gettext_noop("There is no such campaign."),
    gettext_noop("It must be at least 0 and below 1."),
    gettext_noop("It must be above 0 and below 10⁹."),
    gettext_noop("It must be at least 0 and below 10⁹."),
    gettext_noop("It must be above 0."),
    gettext_noop("It must be above 0 and at most 1."),
    gettext_noop("It must be within the spend."),
    gettext_noop("It must not begin and end at the same hour."),
    gettext_noop("It must name each day once."),
    gettext_noop("It must lie between 0 and 9999."),
    gettext_noop("It has at most three decimals."),
    gettext_noop("This kind cannot be a personal offer."),
    gettext_noop("Only personal offers can be held back."),
    gettext_noop("Only personal offers renew; others have limits."),
    gettext_noop("Only personal offers are drawn by lot."),
    gettext_noop("A menu of one variant leaves nothing to draw."),
    gettext_noop("A tier gives an amount, or a rate of at most 1."),
    gettext_noop("A reward must be within the spend."),
    gettext_noop("A tier begins at some spend or quantity."),
    gettext_noop("Tiers must rise."),
    gettext_noop("A higher tier must not give less."),
    gettext_noop("A slot names products or categories."),
    gettext_noop("Slots must not name the same twice."),
    gettext_noop("Give a rate or a price, not both."),
    gettext_noop("A rate has no more than 4 decimals."),
    gettext_noop("Money has no more than 4 decimals."),
    gettext_noop("Two are of the same kind."),
)
"""What promotions.drafts says as people would."""
OTHERWISE = {
    "It must lie after starts_at.": gettext_noop("It must be later than “From”."),
    "It must be fewer than `take`.": gettext_noop("It must be fewer than are taken."),
    "It of uses must be a whole number.": gettext_noop(
        "A number of uses is a whole number."
    ),
}
"""What names the API's fields, as a page says it."""
PERCENT = {
    "It must be at least 0 and below 1.": gettext_noop(
        "It must be at least 0 and below 100 percent."
    ),
    "It must be above 0 and at most 1.": gettext_noop(
        "It must be above 0 and at most 100 percent."
    ),
    "A rate has no more than 4 decimals.": gettext_noop(
        "A percentage has no more than 2 decimals."
    ),
}
"""What is said of rates, where they are typed in percent."""
MISSING = re.compile(r"Object missing required field `(\w+)`")
NUMBER = r"(-?[\d.]+)"
PATTERNS = [
    (re.compile(pattern), message)
    for pattern, message in (
        (
            r"Expected `str` matching regex '\^\[A-Z\]\{3\}\$'",
            gettext_noop("It must be three capital letters, such as USD."),
        ),
        (rf"Expected `\w+` >= {NUMBER}", gettext_noop("It must be at least %s.")),
        (rf"Expected `\w+` <= {NUMBER}", gettext_noop("It must be at most %s.")),
        (rf"Expected `\w+` > {NUMBER}", gettext_noop("It must be above %s.")),
        (rf"Expected `\w+` < {NUMBER}", gettext_noop("It must be below %s.")),
        (
            r"Expected `(?:array|object|str)` of length >= 1",
            gettext_noop("It must not be empty."),
        ),
        (
            rf"Expected `str` of length <= {NUMBER}",
            gettext_noop("It has more than %s characters."),
        ),
        (
            rf"Expected `(?:array|object)` of length <= {NUMBER}",
            gettext_noop("It has more than %s entries."),
        ),
        (r"Expected `[^`]+`, got `null`", gettext_noop("This field is required.")),
        (r"Expected `int[^`]*`, got `\w+`", gettext_noop("It is no whole number.")),
        (
            r"It must lie between (\d+) and (\d+)\.",
            gettext_noop("The year must lie between %s and %s."),
        ),
    )
]
"""What msgspec says of a value, and a sentence with the same numbers."""


def missing(reason: str) -> str:
    """Return the name of the field that a fault says is missing; empty for none."""
    found = MISSING.fullmatch(reason)
    return found[1] if found else ""


def said(reason: str, *, percent: bool = False) -> str:
    """Say a draft's fault to whoever filled in the form; rates are typed in percent."""
    if missing(reason):
        return gettext("This field is required.")
    # Before REASONS, which say some of these in the API's units.
    if percent and reason in PERCENT:
        return gettext(PERCENT[reason])
    if reason in REASONS:
        return gettext(reason)
    if reason in OTHERWISE:
        return gettext(OTHERWISE[reason])
    for pattern, message in PATTERNS:
        if found := pattern.fullmatch(reason):
            groups = found.groups()
            if percent:
                groups = tuple(f"{float(one) * 100:g} %" for one in groups)
            return gettext(message) % groups
    return gettext(reason)


def unknown(draft: Draft) -> list[Fault]:
    """Say which categories, brands and products no product of the shop has.

    A gift need not be on the shelf: its guard looks.
    """
    asked = draft.rule.conditions
    named: list[tuple[str, str, Iterable[str]]] = [
        ("category", "scope", draft.scope),
        ("sku", "rule.skus", draft.rule.skus),
        ("brand", "rule.brands", draft.rule.brands),
        ("sku", "rule.excluded_skus", draft.rule.excluded_skus),
        ("sku", "rule.conditions.skus", asked.skus),
        ("category", "rule.conditions.categories", asked.categories),
        ("brand", "rule.conditions.brands", asked.brands),
    ]
    for label, terms in draft.menu.items():
        if isinstance(terms, rules.Bundle):
            for number, slot in enumerate(terms.slots):
                at = f"menu.{label}.slots[{number}]"
                named.append(("sku", f"{at}.skus", slot.skus))
                named.append(("category", f"{at}.categories", slot.categories))
    return list(_strangers(named))


def _strangers(named: Iterable[tuple[str, str, Iterable[str]]]) -> Iterator[Fault]:
    for column, field, names in named:
        wanted = set(names)
        if not wanted:
            continue
        rows = Product.objects.filter(**{f"{column}__in": wanted})
        if lacking := sorted(wanted - set(rows.values_list(column, flat=True))):
            reason = gettext("The shop has none of this name: %s.")
            yield Fault(field=field, reason=reason % ", ".join(lacking))


def idle(draft: CampaignDraft, *, at: datetime) -> list[Fault]:
    """Say why nothing could ever run in a campaign: it is over, or sells nothing."""
    faults = []
    if draft.ends_at <= at:
        reason = gettext("This time is over: nothing could run in the campaign.")
        faults.append(Fault(field="ends_at", reason=reason))
    currency = draft.currency or settings.CURRENCY
    sold = Product.objects.filter(currency=currency)
    if currency != settings.CURRENCY and not sold.exists():
        reason = gettext("The shop sells nothing in %s.") % currency
        faults.append(Fault(field="currency", reason=reason))
    return faults
