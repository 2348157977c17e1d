"""Strategies teach: from whom a lot drew into their arms, and who bought."""

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from analytics import events, privacy, store
from analytics.models import Customer
from promotions import experience, gathered
from promotions.models import Answer, Redemption, Strategy
from tests.conftest import Make
from tests.promotions.teaching import LATER, MENU, START, Shop, strategy

__all__ = ["strategy"]


def units(at: datetime = LATER) -> dict[str | None, tuple[int, int]]:
    """Return each arm's units, and how many of them bought."""
    return {
        arm.variant: (len(arm.units), int(arm.seen.bought.sum()))
        for arm in gathered.gather(at=at)
    }


def test_who_buys_in_scope_in_their_time_counts_and_nobody_else(
    strategy: Strategy,
) -> None:
    shop, people = Shop(strategy), [uuid4() for _ in range(6)]
    for who in people:
        shop.assigned(who, "10%")
    shop.bought(people[0], 1)
    shop.bought(people[1], -1)
    shop.bought(people[2], 28.5)
    shop.bought(people[3], 2, "MILK")
    shop.bought(people[4], 2, number="back")
    back = events.OrderRefunded(order_id="back", currency="USD")
    shop.facts.append(
        store.Fact(event=back, at=START + timedelta(days=5), customer=people[4])
    )
    shop.tell()

    assert units() == {"10%": (6, 1)}


def test_in_an_empty_scope_whatever_is_bought_counts(live: Make) -> None:
    shop, people = Shop(live(menu=MENU, scope=[])), [uuid4() for _ in range(3)]
    for who in people:
        shop.assigned(who, "10%")
    shop.bought(people[0], 1)
    shop.bought(people[1], 2, "MILK")
    shop.tell()

    assert units() == {"10%": (3, 2)}


def test_who_was_just_assigned_has_to_be_watched_first(strategy: Strategy) -> None:
    shop = Shop(strategy)
    shop.assigned(uuid4(), "10%")
    shop.tell()

    assert units(START + timedelta(days=6)) == {}
    assert units(START + timedelta(days=8)) == {"10%": (1, 0)}
    [arm] = gathered.gather(at=START + timedelta(days=14))
    assert arm.seen.weeks == pytest.approx([2])


def test_of_whom_nothing_was_known_nothing_is_learnt(strategy: Strategy) -> None:
    shop = Shop(strategy)
    shop.assigned(uuid4(), "10%", p0=None)
    shop.assigned(uuid4(), "10%", traits=())
    shop.tell()

    assert units() == {}


def test_a_person_counts_once_by_the_first_key(strategy: Strategy) -> None:
    ana = Customer.objects.create(external_id="ana")
    guest = Customer.objects.create(anonymous_id="g", person=ana.key)
    shop = Shop(strategy)
    shop.assigned(guest.key, "5%")
    shop.assigned(ana.key, "10%", at=START + timedelta(days=1))
    shop.bought(ana.key, 3)
    shop.tell()

    assert units() == {"5%": (1, 1)}


def test_who_is_held_back_is_compared_with(strategy: Strategy) -> None:
    shop = Shop(strategy)
    shop.assigned(uuid4(), None)
    shop.assigned(uuid4(), None, arm="held_out")
    shop.assigned(uuid4(), "5%")
    shop.tell()

    assert units() == {None: (2, 0), "5%": (1, 0)}


def test_how_many_buyers_use_their_offer_is_learnt(strategy: Strategy) -> None:
    shop = Shop(strategy)
    for n in range(200):
        who = UUID(int=n + 1)
        shop.assigned(who, "10%")
        shop.bought(who, 2)
        if n % 2:
            Redemption.objects.create(
                strategy=strategy,
                offer=uuid4(),
                customer=who,
                order_id=str(n),
                variant="10%",
                discount=Decimal("1.84"),  # of a basket of 18.4
                adjustments=[],
                redeemed_at=START,
            )
    shop.tell()

    learnt = experience.refresh(at=LATER)

    assert learnt.use == pytest.approx(0.5, abs=0.02)


def test_how_a_person_answered_is_kept_until_they_are_forgotten(
    strategy: Strategy,
) -> None:
    eager, cool = (Customer.objects.create(external_id=name) for name in ("a", "cleo"))
    shop = Shop(strategy)
    for who in (eager.key, cool.key):
        shop.assigned(who, "10%")
    for n in range(50):
        shop.assigned(UUID(int=n + 1), "10%" if n % 2 else None)
    shop.bought(eager.key, 2)
    shop.tell()

    experience.refresh(at=LATER)

    known = dict(Answer.objects.values_list("customer", "types"))
    assert len(known) == 27  # who was offered nothing has answered nothing
    assert {eager.key, cool.key} < set(known)
    assert all(sum(one) == pytest.approx(1) for one in known.values())
    privacy.erase("cleo", by="cleo", at=LATER)
    assert not Answer.objects.filter(customer=cool.key).exists()


def test_where_offers_renew_each_week_is_a_trial(live: Make) -> None:
    shop, once = (Shop(live(menu=MENU, renews_days=days)) for days in (7, None))
    ana, ben = uuid4(), uuid4()
    for one in (shop, once):
        one.assigned(ana, "10%")
        one.assigned(ben, "10%")
    for day in (1, 2, 9, 30):
        shop.bought(ana, day)
    for one in (shop, once):
        one.tell()

    found = {
        arm.strategy.id: (arm.seen.bought.tolist(), arm.seen.weeks.tolist())
        for arm in gathered.gather(at=LATER)
    }

    (bought, weeks), (first, until) = (found[s.strategy.id] for s in (shop, once))
    assert (sorted(bought), weeks) == ([0, 2], [4, 4])
    assert (sorted(first), sorted(until)) == ([0, 1], [1, 4])
