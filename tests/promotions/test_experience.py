"""Strategies teach: from whom a lot drew into their arms, and who bought."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from analytics import events, privacy, projections, store
from analytics.models import Customer
from ml.lifts import Floats, Posterior, What, Who
from ml.traits import TRAITS
from promotions import experience, gathered, response
from promotions.models import Answer, Calibration, Learnt, Redemption, Strategy
from tests.conftest import Make

START = datetime(2026, 6, 1, 9, tzinfo=UTC)
LATER = START + timedelta(days=30)
MENU = {
    label: {"kind": "percentage", "rate": rate}
    for label, rate in (("5%", "0.05"), ("10%", "0.10"))
}
NOTHING = (0.0,) * len(TRAITS)


@pytest.fixture
def strategy(live: Make) -> Strategy:
    return live(menu=MENU, scope=["TEA"], holdout=0.2)


@dataclass
class Shop:
    """Customers assigned at the start, told to the log when it is all known."""

    strategy: Strategy
    facts: list[store.Fact] = field(default_factory=list)

    def assigned(self, who: UUID, variant: str | None, **more: Any) -> None:
        known: dict[str, Any] = {
            "p0": 0.2,
            "spend": 20.0,
            "traits": NOTHING,
            "segment": "loyal",
        }
        at = more.pop("at", START)
        event = events.OfferAssigned(
            strategy=self.strategy.id,
            arm=more.pop("arm", "treatment" if variant else "holdout"),
            variant=variant,
            probability=0.5,
            **known | more,
        )
        self.facts.append(store.Fact(event=event, at=at, customer=who))

    def bought(
        self, who: UUID, day: float, category: str = "TEA", number: str = ""
    ) -> None:
        line = events.OrderLine(sku=category, category=category, paid=Decimal(20))
        order = events.OrderCompleted(
            order_id=number or str(uuid4()), currency="USD", lines=(line,)
        )
        at = START + timedelta(days=day)
        self.facts.append(store.Fact(event=order, at=at, customer=who))

    def tell(self) -> None:
        store.append_new(self.facts)
        while projections.catch_up():
            pass


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


def whole(strategy: Strategy, lifts: dict[str, float], size: int = 4000) -> None:
    """Have two segments answer the menu, at either discount alike."""
    rng = np.random.default_rng(1)
    shop = Shop(strategy)
    for n in range(size):
        who, segment = UUID(int=n + 1), sorted(lifts)[n % len(lifts)]
        variant = [None, "5%", "10%"][int(rng.integers(3))]
        shop.assigned(who, variant, segment=segment)
        odds = 0.25 * np.exp(lifts[segment] if variant else 0.0)
        if rng.random() < odds / (1 + odds):
            shop.bought(who, float(rng.uniform(0, 28)))
    shop.tell()


def lift(segment: str) -> float:
    found = response.believed().posterior
    who = Who(p0=np.array([0.2]), segment=[segment], traits=np.zeros((1, len(TRAITS))))
    return float(expected(found, who)[0])


def expected(found: Posterior, who: Who) -> Floats:
    """Return each one's b at 10 % off tea: on average, of the types they may be of."""
    offer = What(kind="percentage", scope=["TEA"], depth=0.1)
    theta = np.concatenate([found.mean, [0.0, 0.0]])[None]
    of_types = found.weights(who) @ found.shifts(offer)
    return np.asarray(found.drawn(who, offer, theta)[0] + of_types)


def test_the_next_prices_go_by_what_was_learnt(strategy: Strategy) -> None:
    whole(strategy, {"deal_seeker": 1.2, "loyal": 0.0})

    learnt = experience.refresh(at=LATER)

    assert (learnt.basis, learnt.seen) == ("randomised", 4000)
    assert lift("deal_seeker") == pytest.approx(1.2, abs=0.3)
    assert lift("loyal") == pytest.approx(0.0, abs=0.3)
    assert Calibration.objects.get().strategies == 0


def test_the_page_of_answers_names_the_offer_that_it_draws(
    strategy: Strategy, client: Client, olga: User
) -> None:
    whole(strategy, {"deal_seeker": 1.2, "loyal": 0.0}, size=400)
    experience.refresh(at=LATER)
    client.force_login(olga)

    page = client.get(reverse("response")).content.decode()

    drawn = page.count("10 % off, or what")
    assert page.count("Kind of offer: percentage.") == drawn > 1
    assert page.count("On: TEA.") == drawn - 1, "not where categories are compared"


def test_where_offers_do_nothing_none_is_believed_in(strategy: Strategy) -> None:
    whole(strategy, {"deal_seeker": 0.0, "loyal": 0.0})

    experience.refresh(at=LATER)

    found = response.believed().posterior
    who = Who(
        p0=np.full(2, 0.2),
        segment=["deal_seeker", "loyal"],
        traits=np.zeros((2, len(TRAITS))),
    )
    offer = What(kind="percentage", scope=["TEA"], depth=0.1)
    doubt = found.drawn(who, offer, found.sample(500, seed=1)).std(axis=0)
    assert (doubt < 0.2).all()
    assert (np.abs(expected(found, who)) < 3 * doubt).all()


def test_learning_twice_is_learning_once(strategy: Strategy) -> None:
    whole(strategy, {"deal_seeker": 0.8, "loyal": 0.0}, size=500)

    first = experience.refresh(at=LATER).body
    again = experience.refresh(at=LATER).body

    assert again == first
    assert Learnt.objects.count() == 1


def test_before_any_strategy_nothing_but_the_prior_is_believed(db: None) -> None:
    learnt = experience.refresh(at=LATER)

    assert (learnt.basis, learnt.seen) == ("assumed", 0)
    assert lift("loyal") == pytest.approx(response.ASSUMED[0])


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


def test_what_is_bought_elsewhere_counts_by_category_and_week(
    strategy: Strategy,
) -> None:
    """But of whom this strategy alone holds back nothing is said: others have them."""
    shop, people = Shop(strategy), [uuid4() for _ in range(3)]
    for who, arm in zip(people, ("treatment", "held_out", "holdout"), strict=True):
        variant = "10%" if arm == "treatment" else None
        shop.assigned(who, variant, arm=arm, elsewhere=0.5)
        for day, category in ((1, "MILK"), (2, "MILK"), (9, "MILK"), (9, "WINE")):
            shop.bought(who, day, category)
        shop.bought(who, 3)
    shop.tell()

    found: dict[str, tuple[float, float]] = {}
    for some in gathered.gather(at=LATER):
        counts, expected = some.elsewhere
        both = zip(counts.tolist(), expected.tolist(), strict=True)
        found |= zip((unit.arm for unit in some.units), both, strict=True)

    assert found["treatment"] == found["held_out"] == (3, 2)
    assert found["holdout"] == (0, 0)


def test_where_a_customer_has_another_offer_is_not_elsewhere(
    strategy: Strategy, live: Make
) -> None:
    """Whatever its lot gave: else offers in milk would look like an effect of tea's."""
    ana, ben = uuid4(), uuid4()
    tea, milk = Shop(strategy), Shop(live(menu=MENU, scope=["MILK"]))
    for who, arm in ((ana, "treatment"), (ben, "held_out")):
        variant = "10%" if arm == "treatment" else None
        tea.assigned(who, variant, arm=arm, elsewhere=0.5)
        milk.assigned(who, variant, arm=arm, elsewhere=0.5, p0=1 - 0.7**4)
        for category in ("MILK", "WINE"):
            tea.bought(who, 3, category)
    for shop in (tea, milk):
        shop.tell()

    found = [
        (arm.strategy.scope, arm.units[0].arm, *(part[0] for part in arm.elsewhere))
        for arm in gathered.gather(at=LATER)
        if arm.strategy.scope == ["TEA"]
    ]

    # Of the 0.5 purchases a week that are expected out of scope, milk has 0.3.
    assert sorted(found) == [
        (["TEA"], "held_out", 1, pytest.approx(0.8)),
        (["TEA"], "treatment", 1, pytest.approx(0.8)),
    ]
