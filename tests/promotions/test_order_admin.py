"""What operators see of what carts hold, and of what orders have used."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from analytics.models import Customer
from promotions.models import Code, Redemption, Reservation
from tests.conftest import Give, Make
from tests.promotions.reserving import (
    AUTOMATIC,
    BY_CODE,
    code,
    money,
    redeem,
    release,
    reserve,
    roll_back,
)

pytestmark = pytest.mark.usefixtures("shelf")
RESERVATIONS = "/admin/promotions/reservation/"
REDEMPTIONS = "/admin/promotions/redemption/"


@pytest.fixture
def desk(client: Client, olga: User) -> Client:
    client.force_login(olga)
    return client


def held(api: APIClient, **cart: Any) -> str:
    return str(reserve(api, **cart).json()["reservation"])


def found(desk: Client, page: str, **asked: str) -> set[str]:
    """Return the ids that a list shows."""
    answer = desk.get(page, asked)
    assert answer.status_code == 200
    return {str(row.pk) for row in answer.context["cl"].result_list}


def shown(desk: Client, page: str, key: str = "") -> str:
    answer = desk.get(f"{page}{key}/change/" if key else page)
    assert answer.status_code == 200
    return answer.content.decode().replace("\N{NO-BREAK SPACE}", " ")


def test_reservations_are_listed_with_what_they_hold_and_filtered_by_state(
    api: APIClient, live: Make, desk: Client, ana: Customer
) -> None:
    live(title="Tea week", **AUTOMATIC)
    live(title="Ship it", kind="shipping", menu=SHIP, scope=[], **AUTOMATIC)
    first = held(api, customer="ana", shipping="4.90")
    second = held(api)
    release(api, second)

    listed = shown(desk, RESERVATIONS)

    for text in ("6.90 USD", "2.00 USD", f"/customer/{ana.key}/change/", ">ana</a>"):
        assert text in listed
    assert "Tea week + 1" in listed or "Ship it + 1" in listed
    assert "a guest, or erased" in listed
    assert found(desk, RESERVATIONS, state__exact="held") == {first}
    assert found(desk, RESERVATIONS, state__exact="released") == {second}


SHIP = {"free": {"kind": "shipping"}}


def test_a_reservation_is_found_by_order_customer_key_or_id(
    api: APIClient, live: Make, desk: Client, ana: Customer, ben: Customer
) -> None:
    live(**AUTOMATIC)
    of_ana, of_ben, of_guest = (
        held(api, **({"customer": who} if who else {})) for who in ("ana", "ben", None)
    )
    redeem(api, reservation=of_ana, order_id="o-ana")
    redeem(api, reservation=of_guest, order_id="o-guest")

    for asked, wanted in [
        ("o-ana", {of_ana}),
        ("o-guest", {of_guest}),
        ("ana", {of_ana}),
        (str(ben.key), {of_ben}),
        (of_ben, {of_ben}),
        (str(uuid4()), set()),
        ("o-", set()),
    ]:
        assert found(desk, RESERVATIONS, q=asked) == wanted, asked
    assert ">o-guest</a>" in shown(desk, RESERVATIONS, of_guest)


def test_a_reservation_says_by_what_and_on_what_it_holds(
    api: APIClient, live: Make, desk: Client
) -> None:
    strategy = live(title="Tea week", **BY_CODE)
    code(strategy, "SPRING")
    key = held(api, codes=["spring"])

    page = shown(desk, RESERVATIONS, key)

    for text in (
        f"/strategy/{strategy.pk}/change/",
        "the code SPRING",
        "10 % off",
        ">Tea</td>",
        "2.00 USD",
    ):
        assert text in page
    assert "counted" not in page.lower()


def released(desk: Client, *keys: str) -> str:
    action = {"action": "release", "_selected_action": keys}
    answer = desk.post(RESERVATIONS, action, follow=True)
    return answer.content.decode()


def test_olga_releases_what_carts_hold_and_nothing_of_what_is_redeemed(
    api: APIClient, live: Make, desk: Client
) -> None:
    strategy = live(**AUTOMATIC)
    first, second = held(api), held(api)
    redeem(api, reservation=second)

    said = released(desk, first, second)

    assert money(strategy) == (Decimal(0), Decimal(2), 1)
    states = dict(Reservation.objects.values_list("id", "state"))
    assert {str(key): state for key, state in states.items()} == {
        first: "released",
        second: "redeemed",
    }
    assert "Released: 1." in said
    assert "Redeemed, so not released: 1." in said


def test_who_may_only_view_releases_and_edits_nothing(
    api: APIClient, live: Make, client: Client
) -> None:
    live(**AUTOMATIC)
    key = held(api)
    viewer = User.objects.create_user("vera", password="x", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_reservation"))
    client.force_login(viewer)

    assert found(client, RESERVATIONS) == {key}
    released(client, key)
    assert (
        client.post(f"{RESERVATIONS}{key}/change/", {"state": "x"}).status_code == 403
    )

    assert Reservation.objects.get().state == "held"


def test_a_redemption_is_told_in_names(
    api: APIClient, live: Make, give: Give, desk: Client, ana: Customer
) -> None:
    strategy = live(title="Tea week", rule={"limits": [{"most": "99"}]})
    offer = give(strategy, ana)
    answer = redeem(api, customer="ana", offers=[str(offer.id)], order_id="o-1")
    [key] = answer.json()["redemptions"]
    roll_back(api, key, lines=[{"line": 0, "quantity": 1}], reason="Dented.")

    page = shown(desk, REDEMPTIONS, key)

    for text in (
        "o-1",
        f"/strategy/{strategy.pk}/change/",
        ">Tea week</a>",
        f"/campaign/{strategy.campaign_id}/change/",
        ">June</a>",
        f"/customer/{ana.key}/change/",
        ">ana</a>",
        ">a personal offer</a>",
        "10 % off",
        "2.00 USD",
        "1.00 USD",
        ">Tea</td>",
        "1 × tea",
        "Dented.",
    ):
        assert text in page, text
    for raw in (f">{ana.key}<", f">{strategy.pk}<", f">{offer.id}<", "Counted"):
        assert raw not in page


def test_a_redemption_of_what_is_gone_is_told_all_the_same(
    api: APIClient, live: Make, desk: Client
) -> None:
    strategy = live(kind="gift", **BY_CODE)
    code(strategy, "SPRING")
    [key] = redeem(api, codes=["SPRING"]).json()["redemptions"]
    assert "the code SPRING" in shown(desk, REDEMPTIONS, key)
    Code.objects.all().delete()
    Redemption.objects.update(customer=uuid4())

    page = shown(desk, REDEMPTIONS, key)

    assert "a code that is gone" in page
    assert "Gift: Mug" in page
    assert "4.00 USD" in page


def test_an_order_is_found_by_its_id_with_what_was_taken_back(
    api: APIClient, live: Make, desk: Client, ana: Customer
) -> None:
    live(**AUTOMATIC)
    [first] = redeem(api, order_id="1001", customer="ana").json()["redemptions"]
    [second] = redeem(api, order_id="1002").json()["redemptions"]
    roll_back(api, first, lines=[{"line": 0, "quantity": 1}])

    assert found(desk, REDEMPTIONS, q="1001") == {first}
    assert found(desk, REDEMPTIONS, q="100") == set()
    assert found(desk, REDEMPTIONS, q="ana") == {first}
    assert found(desk, REDEMPTIONS, q=second) == {second}
    assert "1.00 USD" in shown(desk, REDEMPTIONS)


@pytest.mark.parametrize("page", [RESERVATIONS, REDEMPTIONS])
def test_a_list_asks_no_more_the_longer_it_is(
    api: APIClient, live: Make, desk: Client, ana: Customer, page: str
) -> None:
    live(**AUTOMATIC)

    def asks() -> int:
        redeem(api, reservation=held(api, customer="ana"))
        with CaptureQueriesContext(
            connection,
        ) as asked:
            desk.get(page)
        return len(asked)

    asks()
    assert asks() == asks() == asks()
