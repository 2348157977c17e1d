"""Who may be played in the demo shop: a few real customers, a newcomer, a guest.

They are chosen from what the platform knows, so that switching shows its range: who
comes often, who is slipping away, who is held out of everything. A shop has sign-in
instead; here anybody may be anybody, so the shop is never part of production.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

from django.core.cache import cache
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from analytics import clock, lookup

HOUR = 3600
GUEST, NEWCOMER = "guest", "newcomer"
SEGMENTS = """
    SELECT DISTINCT ON (p.segment) p.segment, c.external_id
    FROM ml_customerprofile p
    JOIN analytics_customer c ON c.key = p.customer AND c.external_id IS NOT NULL
    JOIN (SELECT customer, count(*) AS n FROM promotions_offer
          WHERE redeemed_at IS NULL AND expires_at > %s GROUP BY 1) o USING (customer)
    ORDER BY p.segment, o.n DESC, c.external_id
"""
HELD_OUT = """
    SELECT c.external_id FROM analytics_assignment a
    JOIN analytics_customer c ON c.key = a.customer AND c.external_id IS NOT NULL
    WHERE a.arm = 'held_out' ORDER BY c.external_id LIMIT 1
"""


@dataclass(frozen=True, kw_only=True)
class Shopper:
    """Somebody to play; `customer` is the shop's id of them, "" if made on the way."""

    slug: str
    name: str | Promise
    about: str | Promise
    customer: str = ""


ROLES = {
    "loyal": (_("Loyal"), _("Comes often.")),
    "big_spender": (_("Big spender"), _("Spends the most.")),
    "deal_seeker": (_("Deal seeker"), _("Waits for discounts.")),
    "slipping": (_("Slipping away"), _("Came often, but not of late.")),
    "lost": (_("Lost"), _("Has not come for long.")),
    "occasional": (_("Occasional"), _("Comes now and then.")),
    "new": (_("New"), _("First came within a month.")),
    "held_out": (_("Held out"), _("Gets no personal offers, so that we can measure.")),
}
ALWAYS = (
    Shopper(
        slug=NEWCOMER,
        name=_("Newcomer"),
        about=_("Signs up now: what is left is decided at the first look."),
    ),
    Shopper(slug=GUEST, name=_("Guest"), about=_("Nobody knows who that is.")),
)


def everybody() -> list[Shopper]:
    """Return whom a visitor may play; the same ones for an hour."""
    found: dict[str, str] | None = cache.get("storefront:shoppers")
    if found is None:
        found = dict(_found())
        # Nobody yet: offers may come any moment.
        cache.set("storefront:shoppers", found, HOUR if found else 10)
    cast = [
        Shopper(slug=slug, name=name, about=about, customer=found[slug])
        for slug, (name, about) in ROLES.items()
        if slug in found
    ]
    return [*cast, *ALWAYS]


def named(slug: str) -> Shopper:
    """Return a shopper; a guest for a name that there is not."""
    return next((one for one in everybody() if one.slug == slug), ALWAYS[-1])


def new_visitor() -> str:
    """Return an id for a browser that nobody has seen before."""
    return f"visitor-{uuid4().hex}"


def new_customer() -> str:
    """Return an id for somebody who signs up."""
    return f"newcomer-{uuid4().hex[:12]}"


def _found() -> Iterator[tuple[str, str]]:
    for segment, customer in lookup.rows(SEGMENTS, [clock.now()]):
        yield segment, customer
    for (customer,) in lookup.rows(HELD_OUT, []):
        yield "held_out", customer
