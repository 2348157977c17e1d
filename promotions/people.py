"""One person as operators see them: what is likely, what is offered.

All of it is what the customer's own storefront is told now; nothing is stored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from json import loads
from typing import Any

import numpy as np
from django.conf import settings
from django.utils.translation import gettext as _

from analytics import identity
from analytics.languages import said
from analytics.models import Customer
from ml import live
from ml.models import CustomerProfile
from ml.reasons import Why
from promotions import offers, recommendations, rule_reading, term_words
from promotions.recommendations import Suggestion

CATEGORIES = 5
PRODUCTS = 6
MORE, LESS = 1.2, 0.8
"""A deal index beyond these is told as a difference."""


@dataclass(frozen=True, kw_only=True)
class Likely:
    """A category with the chance of a purchase within the horizon, and its reasons."""

    category: str
    chance: float
    why: Why

    @property
    def percent(self) -> int:
        return round(100 * self.chance)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a person's page shows; `offers` as in the answer to GET offers."""

    likely: Sequence[Likely]
    offers: Sequence[dict[str, Any]]
    products: Sequence[Suggestion]
    source: str


def seen(customer: Customer, *, at: datetime) -> Seen | None:
    """Look a person up by any of their ids; None if nothing personal is allowed."""
    if not identity.willing(customer.key):
        return None
    sheet = offers.sheet(customer.name, currency=settings.CURRENCY, at=at)
    found = recommendations.for_customer(customer.name, at=at, most=PRODUCTS)
    return Seen(
        likely=_likely(live.chances(customer.person or customer.key, at=at)),
        offers=[one | {"title": _title(one)} for one in loads(sheet)["offers"]],
        products=found.suggestions,
        source=found.source,
    )


def _title(offer: Mapping[str, Any]) -> str:
    """Say in the operator's language what the storefront is told in English."""
    (terms,) = rule_reading.decoded_menu({"offer": offer["terms"]}).values()
    return str(said(term_words.words(terms, offer["currency"])))


def _likely(chances: live.Chances | None) -> list[Likely]:
    """Return the likeliest categories of one who has ordered."""
    if chances is None or not chances.known:
        return []
    top = [int(i) for i in np.argsort(-chances.probability)[:CATEGORIES]]
    return [
        Likely(
            category=chances.categories[place],
            chance=float(chances.probability[place]),
            why=why,
        )
        for place, why in zip(top, chances.why(top), strict=True)
    ]


def deals(profile: CustomerProfile | None) -> str:
    """Say how price-sensitive somebody is; the index compares within categories."""
    index = profile.deal_index if profile else None
    if index is None:
        return _("not known yet")
    if index >= MORE:
        return _("buys on discount more than others do")
    if index <= LESS:
        return _("buys on discount less than others do")
    return _("buys on discount as others do")
