"""Every customer's sheet, written anew: GET offers is then one look-up."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from analytics import identity, store
from analytics.models import Customer
from ml import scores
from ml.own_past import ORDERS
from promotions import carts, feedback, lots, offers
from promotions.feedback import SILENT
from promotions.models import Offer, Sheet

MOST_NEWS = 1000
"""The people whose offers a refresh ranks by orders that the scores do not know, at 15
to 20 ms each; for anybody else GET does it, who then waits as long."""


def render_all(
    persons: Mapping[UUID, UUID], known: int, at: datetime
) -> dict[UUID, list[Offer]]:
    """Write every customer's sheet anew, as of the log's position `known`."""
    usable = [o for o in carts.usable(currency=None, at=at) if not o.strategy.exhausted]
    offers.explain(usable)
    by_customer: dict[UUID, list[Offer]] = {}
    for offer in usable:
        by_customer.setdefault(offer.customer, []).append(offer)
    said = feedback.of_everybody(persons, at=at)
    # Who refused personal offers has no sheet.
    names = Customer.objects.filter(identity.personal(), key__in=list(by_customer))
    since = scores.position()
    news = _ordered(persons, since, known)
    late = dict.fromkeys(news[MOST_NEWS:], since)
    for key in news[:MOST_NEWS]:
        offers.expect_now(by_customer.get(key, []), key, at=at)
    # In the refresh's transaction: readers see the old sheets until it ends.
    Sheet.objects.all().delete()
    Sheet.objects.bulk_create(
        (
            Sheet(
                customer=key,
                body=offers.render(
                    external_id,
                    feedback.ranked(by_customer[key], said.get(key, SILENT)),
                    at=at,
                ),
                expires_at=min(offer.expires_at for offer in by_customer[key]),
                # Whom this refresh has not ranked anew keeps
                # the scores' position, so that GET ranks them.
                position=late.get(key, known),
            )
            for key, external_id in names.values_list("key", lots.NAME)
        ),
        batch_size=2000,
    )
    return by_customer


def _ordered(persons: Mapping[UUID, UUID], since: int, until: int) -> list[UUID]:
    """Return who ordered, or sent back, after the scores' position, latest first."""
    orders = store.read(after=since, until=until, types=ORDERS)
    found = [order.customer for order in orders if order.customer]
    return list(dict.fromkeys(persons.get(key, key) for key in reversed(found)))
