"""The shop's own past campaigns, from the log, in the codes of an order history."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from analytics import events, store
from ml.codes import day_of
from ml.purchases import Codes, History
from ml.redemption import Campaign

TYPES = (
    "campaign_announced",
    "coupon_issued",
    "campaign_received",
    "coupon_redeemed",
)


@dataclass
class Told:
    """What was told of one campaign, in the log's own names."""

    said: events.CampaignAnnounced | None = None
    coupons: list[tuple[str, str]] = field(default_factory=list)
    received: set[str] = field(default_factory=set)
    used: list[tuple[str, float]] = field(default_factory=list)


def read(history: History, *, until: datetime) -> list[Campaign]:
    """Read the campaigns announced before `until`, oldest first.

    Customers and products that the history lacks are left out.
    """
    told: dict[str, Told] = defaultdict(Told)
    for stored in _stored(until):
        customer = str(stored.customer) if stored.customer else ""
        match stored.event:
            case events.CampaignAnnounced() as said:
                told[said.campaign].said = said
            case events.CouponIssued() as issued:
                pairs = ((issued.coupon, sku) for sku in issued.skus)
                told[issued.campaign].coupons.extend(pairs)
            case events.CampaignReceived(campaign=name) if customer:
                told[name].received.add(customer)
            case events.CouponRedeemed(campaign=name) if customer:
                told[name].used.append((customer, day_of(stored.occurred_at)))
    found = [_campaign(one, history) for one in told.values() if one.said]
    return sorted(found, key=lambda one: (one.start, one.name))


def _stored(until: datetime) -> Iterator[store.Stored]:
    # By when it happened, not by when it was told: campaigns are imported afterwards.
    told = store.read(until=store.high_water(), types=TYPES)
    return (one for one in told if one.occurred_at < until and not one.bot)


def _campaign(told: Told, history: History) -> Campaign:
    said = told.said
    assert said is not None  # noqa: S101
    people, goods = _places(history.customers), _places(history.products)
    coupons = _places(sorted({coupon for coupon, _ in told.coupons}))
    valid = [(coupons[c], goods[sku]) for c, sku in told.coupons if sku in goods]
    used = [(people[who], day) for who, day in told.used if who in people]
    return Campaign(
        name=said.campaign,
        kind=said.kind,
        start=_day(said.starts_on),
        end=_day(said.ends_on),
        coupon=_codes(coupon for coupon, _ in valid),
        product=_codes(product for _, product in valid),
        received=_codes(sorted(people[who] for who in told.received if who in people)),
        redeemer=_codes(who for who, _ in used),
        redeemed_at=np.array([day for _, day in used], np.float64),
    )


def _places(names: Iterable[str]) -> Mapping[str, int]:
    return {name: place for place, name in enumerate(names)}


def _codes(values: Iterable[int]) -> Codes:
    return np.fromiter(values, np.int32)


def _day(text: str) -> float:
    return day_of(datetime.fromisoformat(text).replace(tzinfo=UTC))
