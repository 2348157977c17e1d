"""Places in audiences: whoever is chosen keeps one as long as an offer would last.

Whatever they drew: were only offers to keep their places, who is held back would come
into other audiences more easily than who is not, and arms would not be comparable.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from promotions.models import Offer, Place, Strategy

Promises = dict[tuple[UUID, UUID], datetime]
"""(customer, strategy) -> when the offer, or the place without one, ends."""
EVERY = timedelta(minutes=15)
"""How often beat refreshes: what ends within it is renewed now or not at all."""


def lasting(
    persons: Mapping[UUID, UUID], at: datetime, *, of: Collection[UUID] | None = None
) -> Promises:
    """Return the offers, and places without one, that outlast the next refresh.

    `of`: these keys' alone.
    """
    # Who has used an offer takes no place any more.
    offered = Offer.objects.filter(redeemed_at=None, expires_at__gt=at + EVERY)
    placed = Place.objects.filter(until__gt=at + EVERY)
    if of is not None:
        offered = offered.filter(customer__in=of)
        placed = placed.filter(customer__in=of)
    rows = placed.values_list("customer", "strategy", "until").union(
        offered.values_list("customer", "strategy", "expires_at"), all=True
    )
    lasting: Promises = {}
    for who, strategy, until in rows:
        # By person: several of their keys may have one, and the longest counts.
        pair = persons.get(who, who), strategy
        lasting[pair] = max(until, lasting.get(pair, until))
    return lasting


def keep(
    chosen: Iterable[tuple[UUID, UUID]],
    live: Sequence[Strategy],
    promised: Promises,
    *,
    at: datetime,
) -> None:
    """Store the places of the chosen (customer, strategy); forget those that ended."""
    Place.objects.filter(until__lte=at + EVERY).delete()
    Place.objects.exclude(strategy__in=live).delete()
    take(chosen, live, promised, at=at)


def take(
    chosen: Iterable[tuple[UUID, UUID]],
    live: Sequence[Strategy],
    promised: Promises,
    *,
    at: datetime,
    costs: Mapping[UUID, float] | None = None,
) -> None:
    """Store the places of the chosen (customer, strategy).

    `costs`: what each strategy is expected to cost with who came after the scores.
    """
    ends = {row.id: row.campaign.ends_at for row in live}
    usual = at + timedelta(days=settings.OFFER_DAYS)
    Place.objects.bulk_create(
        [
            Place(
                customer=customer,
                strategy_id=strategy,
                until=promised.get((customer, strategy)) or min(usual, ends[strategy]),
                cost=costs[strategy] if costs else 0.0,
            )
            for customer, strategy in chosen
        ],
        update_conflicts=True,
        unique_fields=["customer", "strategy"],
        update_fields=["until", "cost"],
        batch_size=5000,
    )
