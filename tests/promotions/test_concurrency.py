"""Many at once, over real connections: money is spent once and to the limit."""

import json
import random
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from analytics.models import Customer
from config import services
from promotions import errands
from promotions.models import Redemption, Reservation, Strategy
from tests.conftest import Give, Make
from tests.promotions.racing import at_once
from tests.promotions.reserving import (
    AUTOMATIC,
    BY_CODE,
    code,
    let_pass,
    redeem,
    release,
    reserve,
    roll_back,
)
from tests.promotions.test_limits import campaign
from tests.promotions.test_replay import check
from tests.shoppers import SEED

pytestmark = [
    pytest.mark.usefixtures("transactional_db", "shelf"),
    pytest.mark.django_db(transaction=True),
]


def deadlocks() -> int:
    return (services.LOGS / "postgres.log").read_text().count("deadlock detected")


def test_a_budget_for_twenty_is_spent_twenty_times_by_32_connections(
    api: APIClient, live: Make
) -> None:
    strategy = live(budget=Decimal("41.99"), **BY_CODE)
    code(strategy)
    before = deadlocks()

    answers = at_once([lambda: redeem(api, codes=["spring"])] * 160)

    assert Counter(a.status_code for a in answers) == {201: 20, 409: 140}
    assert {a.json()["code"] for a in answers if a.status_code == 409} == {
        "budget_spent"
    }
    strategy.refresh_from_db()
    assert (strategy.spent, strategy.redemptions) == (Decimal(40), 20)
    assert Redemption.objects.count() == 20
    assert deadlocks() == before
    check()


@pytest.mark.parametrize("per", ["strategy", "customer", "code"])
def test_a_limit_of_five_is_used_five_times_by_32_connections(
    api: APIClient, live: Make, ana: Customer, per: str
) -> None:
    strategy = live(rule={"limits": [{"most": "5", "per": per}]}, **BY_CODE)
    code(strategy)
    cart: dict[str, Any] = {"codes": ["spring"], "customer": "ana"}

    answers = at_once([lambda: redeem(api, **cart)] * 64)

    assert Counter(a.status_code for a in answers) == {201: 5, 409: 59}
    check()


def test_a_single_code_is_used_once_by_32_connections(
    api: APIClient, live: Make
) -> None:
    code(live(**BY_CODE), most_uses=1)

    answers = at_once(
        [lambda: redeem(api, codes=["spring"]), lambda: reserve(api, codes=["spring"])]
        * 20
    )

    assert Counter(a.status_code for a in answers) == {201: 1, 422: 39}
    check()


def test_a_customer_has_one_first_order_by_32_connections(
    api: APIClient, live: Make, ana: Customer
) -> None:
    """The orders are of two campaigns: no common lock of theirs can help."""
    first = {"conditions": {"first_order": True}}
    teas = live(rule=first, **AUTOMATIC)
    milk = live(rule=first, scope=["MILK"], **AUTOMATIC)
    assert teas.campaign_id != milk.campaign_id
    carts = [[{"sku": "tea", "quantity": 2}], [{"sku": "milk", "quantity": 10}]]

    calls: list[Callable[[], Any]] = [
        partial(call, api, customer="ana", lines=cart)
        for cart in carts
        for call in (redeem, reserve)
    ]

    answers = at_once(calls * 8)

    assert {a.status_code for a in answers} == {201}
    assert Counter(a.json()["discount"] for a in answers) == {"2.00": 1, "0.00": 31}
    check()


def test_automatic_orders_go_through_whether_or_not_the_budget_lasts(
    api: APIClient, live: Make
) -> None:
    strategy = live(budget=Decimal("20"), **AUTOMATIC)

    answers = at_once([lambda: redeem(api)] * 64)

    assert {a.status_code for a in answers} == {201}
    given = Counter(a.json()["discount"] for a in answers)
    assert given == {"2.00": 10, "0.00": 54}
    strategy.refresh_from_db()
    assert strategy.spent == Decimal(20)
    check()


def test_one_order_by_32_connections_and_keys_is_redeemed_once(
    api: APIClient, live: Make
) -> None:
    live(**AUTOMATIC)

    answers = at_once([lambda: redeem(api, order_id="o-1")] * 64)

    assert {a.status_code for a in answers} == {201}
    assert len({json.dumps(a.json(), sort_keys=True) for a in answers}) == 1
    assert Redemption.objects.count() == 1


def test_one_reservation_by_32_connections_is_redeemed_or_released_once(
    api: APIClient, live: Make
) -> None:
    strategy = live(**AUTOMATIC)
    held = reserve(api).json()["reservation"]

    def sell() -> bool:
        return bool(redeem(api, reservation=held).status_code == 201)

    def let_go() -> bool:
        return release(api, held) == 204

    done = at_once([sell, let_go] * 32)

    sold, released = sum(done[::2]), sum(done[1::2])
    assert sold + min(released, 1) == 1
    strategy.refresh_from_db()
    assert (strategy.reserved, strategy.spent) == (Decimal(0), Decimal(2 * sold))
    check()


def test_one_redemption_by_32_connections_is_rolled_back_once(
    api: APIClient, live: Make
) -> None:
    strategy = live(**AUTOMATIC)
    [sold] = redeem(api).json()["redemptions"]

    answers = at_once([lambda: roll_back(api, sold)] * 64)

    assert Counter(a.status_code for a in answers) == {201: 1, 409: 63}
    strategy.refresh_from_db()
    assert (strategy.spent, strategy.redemptions) == (Decimal(0), 0)
    check()


class Shopper:
    """Makes calls by lot; counts the statuses of their answers."""

    def __init__(self, api: APIClient, names: list[str], seed: str) -> None:
        self.api, self.names = api, names
        self.random = random.Random(f"{SEED} {seed}")

    def shop(self) -> Counter[int]:
        seen: Counter[int] = Counter()
        for _ in range(12):
            steps = (self.redeem, self.redeem, self.reserve, self.undo, self.expire)
            seen[self.random.choice(steps)()] += 1
        return seen

    def cart(self) -> dict[str, Any]:
        skus = self.random.sample(("milk", "mug", "tea"), 3)
        return {
            "customer": self.random.choice(self.names),
            "codes": self.random.choice(([], ["spring"])),
            "lines": [{"sku": sku, "quantity": 5} for sku in skus],
        }

    def redeem(self) -> int:
        return int(redeem(self.api, **self.cart()).status_code)

    def reserve(self) -> int:
        answer = reserve(self.api, **self.cart())
        if answer.status_code != 201:
            return int(answer.status_code)
        held = answer.json()["reservation"]
        what = self.random.choice(("use it", "let it go", "let it pass", "keep it"))
        if what == "use it":
            return int(redeem(self.api, reservation=held).status_code)
        if what == "let it go":
            release(self.api, held)
        if what == "let it pass":
            let_pass(held)
        return 201

    def undo(self) -> int:
        rows = Redemption.objects.filter(rolled_back_at=None).order_by("?")
        some = rows.values_list("id", flat=True).first() or uuid4()
        part = {"lines": [{"line": self.random.randrange(3), "quantity": 1}]}
        body: dict[str, Any] = self.random.choice(({}, part))
        return int(roll_back(self.api, str(some), **body).status_code)

    def expire(self) -> int:
        errands.expire_reservations()
        return 200


def test_all_kinds_of_calls_at_once_on_the_same_rows_lose_nothing(
    api: APIClient, live: Make, give: Give
) -> None:
    """Carts of two campaigns, one code, limits; two of a campaign share its limit."""
    by_code = live(
        scope=["MILK"],
        budget=Decimal(30),
        rule={"limits": [{"most": "12", "per": "customer"}]},
        **BY_CODE,
    )
    code(by_code)
    june = campaign(limits=[{"most": "50"}])
    rule = {"limits": [{"most": "25"}]}
    live(rule=rule, campaign=june, budget=Decimal(60), **AUTOMATIC)
    live(scope=["MUGS"], campaign=june, budget=Decimal(60), **AUTOMATIC)
    names = [f"c{n}" for n in range(4)]
    Customer.objects.bulk_create(Customer(external_id=name) for name in names)
    before = deadlocks()

    seen: Counter[int] = Counter()
    shoppers = [Shopper(api, names, str(number)) for number in range(16)]
    for one in at_once([shopper.shop for shopper in shoppers], 16):
        seen += one

    assert seen.keys() <= {200, 201, 404, 409, 422}, (SEED, seen)
    assert seen[201] > 20
    for row in Reservation.objects.filter(state="held"):
        let_pass(str(row.id))
    errands.expire_reservations()
    check()
    assert {s.reserved for s in Strategy.objects.all()} == {Decimal(0)}
    assert deadlocks() == before, SEED
