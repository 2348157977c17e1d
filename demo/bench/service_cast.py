"""The shop in which the assistant is asked: whose is what, on 2 December 2026, 10:00.

Told in /docs/assistant.md: ana and ben have offers, cleo has none, dora has what nobody
else may hear of, and Aurora is a campaign that nobody has announced. All in USD; the
shop's zone is UTC. Help texts are those of the demo shop, and one draft.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from analytics import events, store
from analytics.models import Customer
from catalog import feeds
from catalog.feeds import Listed
from demo import loading
from promotions import help_texts
from promotions.models import (
    Campaign,
    Code,
    Offer,
    Redemption,
    Rollback,
    Strategy,
)
from promotions.spelling import digest

NOW = datetime(2026, 12, 2, 10, tzinfo=UTC)
LINK = UUID("5b0e6f1e-3c1a-4d0a-9a55-0c7f5e3d0b11")
SECRETS = (
    *("DORA25", "HONEY", "d-77", "33.30", "25 %"),
    *("Aurora", "SECRET50", "50 %", "NEWYEAR20", "20 December", "12月20日"),
)
"""What only dora may hear of, and what nobody may, but for words of the question."""
GOODS = (
    ("tea", "Green tea", "TEA", "10.00"),
    ("milk", "Oat milk", "MILK", "2.00"),
    ("coffee", "Dark coffee", "COFFEE", "8.00"),
    ("honey", "Lime honey", "HONEY", "6.00"),
    ("mug", "Mug", "MUGS", "4.00"),
)


def at(day: str, hour: int = 0) -> datetime:
    """Return a moment of a day, as "2026-12-14"."""
    return datetime.fromisoformat(f"{day}T{hour:02}:00:00+00:00")


OPENS, CLOSES = at("2026-11-01"), at("2027-01-01")


def make() -> Mapping[str, Customer]:
    """Fill an empty database with the cast; return the customers by name."""
    feeds.take(
        [
            Listed(
                sku=sku, name=name, category=of, currency="USD", price=Decimal(price)
            )
            for sku, name, of, price in GOODS
        ],
        at=at("2026-11-01"),
    )
    people = {
        name: Customer.objects.create(external_id=name)
        for name in ("ana", "ben", "cleo", "dora")
    }
    _offers(people)
    _everybodys()
    _codes(people)
    _help()
    return people


def _offers(people: Mapping[str, Customer]) -> None:
    tea = strategy("Tea for you", "percentage", {"rate": "0.10"}, ["TEA"])
    offer(tea, people["ana"], at("2026-12-15"))
    alone = {"exclusive": True}
    coffee = strategy("Coffee", "percentage", {"rate": "0.20"}, ["COFFEE"], rule=alone)
    offer(coffee, people["ana"], at("2026-12-09", 18))
    spend = {"spend": "24", "amount": "5.00"}
    offer(
        strategy("Coffee days", "threshold", spend, ["COFFEE"]),
        people["ben"],
        at("2026-12-20"),
    )
    honey = strategy("Honey", "percentage", {"rate": "0.25"}, ["HONEY"])
    offer(honey, people["dora"], at("2026-12-30"))


def _everybodys() -> None:
    least = {"conditions": {"least_amount": "30"}}
    strategy(
        *("Free delivery", "shipping", {"rate": "1"}, []),
        rule=least,
        trigger="automatic",
        ends=at("2026-12-24"),
    )
    mug = {"spend": "40", "sku": "mug", "name": "Mug", "value": "4.00"}
    strategy("A mug", "gift", mug, [], trigger="automatic", ends=at("2027-01-01"))


def _codes(people: Mapping[str, Customer]) -> None:
    made = strategy(
        *("Coffee by code", "percentage", {"rate": "0.15"}, ["COFFEE"]),
        trigger="code",
        ends=at("2027-02-01"),
    )
    usual = code(made, "COFFEE15")
    code(made, "COFFEEOLD", expires_at=at("2026-11-20"))
    code(made, "COFFEE1X", most_uses=1, uses=1)
    code(made, "STOPPED7", active=False)
    code(made, "BENONLY", customer=people["ben"].key, expires_at=at("2026-12-12"))
    least = {"conditions": {"least_amount": "50"}}
    basket = strategy(
        *("Big baskets", "amount", {"amount": "5.00"}, []), rule=least, trigger="code"
    )
    code(basket, "BASKET5")
    over = strategy(
        *("Winter", "amount", {"amount": "5.00"}, []),
        trigger="code",
        ends=at("2026-11-30"),
    )
    winter = code(over, "WINTER5")
    euro = strategy(
        *("Euros", "amount", {"amount": "3.00"}, []), trigger="code", currency="EUR"
    )
    code(euro, "EURO10")
    secret = strategy(
        *("Aurora", "percentage", {"rate": "0.50"}, ["TEA"]),
        trigger="code",
        state="proposed",
        starts=at("2026-12-20"),
        campaign="Aurora",
    )
    code(secret, "SECRET50")
    later = strategy(
        *("New year", "percentage", {"rate": "0.20"}, []),
        trigger="code",
        starts=at("2027-01-01"),
        ends=at("2027-02-01"),
    )
    code(later, "NEWYEAR20")
    own = strategy("Dora's", "percentage", {"rate": "0.25"}, ["HONEY"], trigger="code")
    hers = code(own, "DORA25", customer=people["dora"].key)
    _orders(people, made, usual, over, winter, own, hers)


def _orders(
    people: Mapping[str, Customer],
    coffee: Strategy,
    usual: Code,
    over: Strategy,
    winter: Code,
    own: Strategy,
    hers: Code,
) -> None:
    ana, ben, dora = people["ana"], people["ben"], people["dora"]
    some = redeemed(ana, "a-1001", coffee, "2.40", "2026-11-25", usual)
    taken_back(some, "1.20", "2026-11-28")
    paid_back(ana, "a-1001", "6.80", "2026-11-28")
    free = Strategy.objects.get(title="Free delivery")
    redeemed(ana, "a-1002", free, "4.90", "2026-11-30")
    whole = redeemed(ben, "b-2001", over, "5.00", "2026-11-21", winter)
    taken_back(whole, "5.00", "2026-11-24")
    _log(ben, events.OrderCancelled(order_id="b-2001"), "2026-11-24")
    redeemed(dora, "d-77", own, "11.10", "2026-11-26", hers)
    paid_back(dora, "d-77", "33.30", "2026-11-27")


def strategy(
    title: str,
    kind: str,
    terms: Mapping[str, Any],
    scope: Sequence[str],
    *,
    rule: Mapping[str, Any] | None = None,
    trigger: str = "offer",
    state: str = "live",
    campaign: str = "December",
    starts: datetime = OPENS,
    ends: datetime = CLOSES,
    currency: str = "USD",
) -> Strategy:
    """Make a strategy with one variant, in a campaign of its own."""
    made = Campaign.objects.create(
        name=campaign,
        starts_at=starts,
        ends_at=ends,
        budget=Decimal(10_000),
        currency=currency,
    )
    return Strategy.objects.create(
        campaign=made,
        kind=kind,
        title=title,
        reason="For the tests.",
        scope=list(scope),
        menu={"it": {"kind": kind, **terms}},
        rule=dict(rule or {}),
        trigger=trigger,
        state=state,
        decided_at=None if state == "proposed" else starts,
        proposed_at=starts,
        currency=currency,
        budget=Decimal(10_000),
        holdout=0,
        least_margin=Decimal("0.05"),
        guards=[],
    )


def offer(of: Strategy, to: Customer, until: datetime) -> Offer:
    """Offer a strategy to a customer."""
    return Offer.objects.create(
        id=uuid5(LINK, f"{of.title} {to.external_id}"),
        customer=to.key,
        strategy=of,
        variant="it",
        probability=0.95,
        expected=1.0,
        computed_at=NOW - timedelta(days=1),
        expires_at=until,
    )


def code(of: Strategy, text: str, **fields: Any) -> Code:
    """Give a strategy a code."""
    fields = {"most_uses": None, **fields}
    return Code.objects.create(digest=digest(text), text=text, strategy=of, **fields)


def redeemed(
    who: Customer, order: str, of: Strategy, off: str, day: str, by: Code | None = None
) -> Redemption:
    """Let an order have used a strategy."""
    return Redemption.objects.create(
        strategy=of,
        code=by.id if by else None,
        customer=who.key,
        order_id=order,
        variant="it",
        discount=Decimal(off),
        adjustments=[],
        redeemed_at=at(day, 12),
    )


def taken_back(of: Redemption, amount: str, day: str) -> None:
    """Let some of a redemption have been taken back, or all."""
    of.returned = Decimal(amount)
    of.rolled_back_at = at(day, 12) if of.returned == of.discount else None
    of.save()
    Rollback.objects.create(
        redemption=of,
        amount=of.returned,
        customer=of.customer,
        lines=[],
        rolled_back_at=at(day, 12),
    )


def paid_back(who: Customer, order: str, amount: str, day: str) -> None:
    """Let the shop have reported a refund."""
    event = events.OrderRefunded(order_id=order, currency="USD", amount=Decimal(amount))
    _log(who, event, day)


def _log(who: Customer, event: events.Event, day: str) -> None:
    fact = store.Fact(event=event, at=at(day, 12), customer=who.key)
    store.append_new([fact])


def _help() -> None:
    loading.load_help(at=at("2026-11-01"))
    help_texts.write(
        "aurora",
        "en",
        title="Aurora: half price on tea",
        body="From 20 December, SECRET50 takes 50 % off tea.",
        asked=["what is aurora", "when does aurora begin"],
        by="olga",
        at=at("2026-11-02"),
    )
