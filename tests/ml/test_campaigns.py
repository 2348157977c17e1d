from datetime import timedelta
from uuid import UUID

from analytics import events, store
from ml import campaigns, lines
from ml.codes import day_of
from tests.ml.conftest import START, key, order

ANA, BEN = key("ana"), key("ben")


def said(day: int, event: events.Event, customer: UUID | None = None) -> store.Fact:
    at = START + timedelta(days=day)
    return store.Fact(event=event, at=at, customer=customer)


def test_a_campaign_is_read_in_the_codes_of_the_orders(db: None) -> None:
    told = events.CampaignAnnounced(
        campaign="spring", kind="mail", starts_on="2025-02-01", ends_on="2025-03-01"
    )
    coupon = events.CouponIssued(
        campaign="spring", coupon="c1", skus=("tea-1", "milk-1", "unsold")
    )
    received = events.CampaignReceived(campaign="spring")
    used = events.CouponRedeemed(campaign="spring", coupon="c1")
    store.append_new(
        [
            order(ANA, START, ["tea", "milk"]),
            order(BEN, START, ["wine"]),
            said(1, told),
            said(1, coupon),
            said(2, received, ANA),
            said(2, received, key("stranger")),
            said(40, used, ANA),
            said(90, used, BEN),
        ]
    )
    until = START + timedelta(days=60)
    history = lines.arrays(lines.read(until=until))

    (found,) = campaigns.read(history, until=until)

    assert (found.name, found.kind, found.end - found.start) == ("spring", "mail", 28)
    sold = {history.products[code] for code in found.product}
    assert sold == {"tea-1", "milk-1"}
    assert [history.customers[code] for code in found.received] == [str(ANA)]
    assert [history.customers[code] for code in found.redeemer] == [str(ANA)]
    assert found.redeemed_at.tolist() == [day_of(START + timedelta(days=40))]
