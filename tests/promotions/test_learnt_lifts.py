"""What strategies taught is believed of the next offers, and of nothing else."""

from uuid import UUID, uuid4

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from ml.lifts import Floats, Posterior, What, Who
from ml.traits import TRAITS
from promotions import experience, gathered, response
from promotions.models import Calibration, Learnt, Strategy
from tests.conftest import Make
from tests.promotions.teaching import LATER, MENU, Shop, strategy

__all__ = ["strategy"]


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
