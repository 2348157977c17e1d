"""The first page: is the platform well, is it earning, what waits?"""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from analytics import clock
from analytics.models import Customer, Exposure
from promotions.models import Campaign
from tests.conftest import Counted, Give, Make


@pytest.fixture
def beating() -> None:
    cache.set("heartbeat", clock.wall().isoformat())


def page(client: Client, user: User) -> str:
    client.force_login(user)
    return client.get("/admin/").content.decode()


def test_without_a_worker_it_says_so_before_anything_else(
    client: Client, olga: User
) -> None:
    cache.delete("heartbeat")

    told = page(client, olga)

    assert 'role="alert"' in told
    assert told.index("no worker or no beat") < told.index("Strategies running")
    assert "Worker and scheduler: not well" in " ".join(told.split())


@pytest.mark.usefixtures("beating")
def test_when_all_is_well_nothing_is_in_red(client: Client, olga: User) -> None:
    told = page(client, olga)

    assert 'role="alert"' not in told
    assert "Worker and scheduler: well" in " ".join(told.split())


@pytest.mark.usefixtures("beating", "shelf")
def test_it_tells_what_runs_what_waits_and_how_fast_budgets_go(
    client: Client, olga: User, live: Make, proposed: Make, give: Give, ana: Customer
) -> None:
    running = live(title="Tea for ten", budget=Decimal(100))
    Campaign.objects.filter(id=running.campaign_id).update(spent=Decimal(60))
    forecast = {"reach": 5, "cost": 2, "margin": 42.4, "low": -3, "high": 90}
    waits = proposed(title="Wine in winter", forecast=forecast)
    offer = give(running, ana)
    Exposure.objects.create(
        offer=offer.id, first_shown_at=timezone.now() - timedelta(days=3), shows=2
    )

    told = " ".join(page(client, olga).split())

    assert "<dt>Strategies running</dt><dd>1 <small>1 wait for a decision" in told
    assert "<dt>Offers that customers have</dt><dd>1 " in told
    assert (
        "<dt>Offers shown in 28 days</dt><dd>1 <small>0 offers were used (0.0 %)<"
        in told
    )
    assert f'/admin/promotions/strategy/{waits.pk}/change/">Wine in winter' in told
    assert "+42 USD (80 %: −3 to 90)" in told
    assert "60 / 100 USD" in told
    assert "too fast" in told
    assert "not estimable" in told


@pytest.mark.usefixtures("beating")
def test_who_may_not_see_strategies_sees_no_figures_of_theirs(
    client: Client, proposed: Make
) -> None:
    proposed(title="Wine in winter")
    carl = User.objects.create_user("carl", password="secret", is_staff=True)
    carl.user_permissions.add(Permission.objects.get(codename="view_customer"))

    told = page(client, carl)

    assert "Worker and scheduler" in told
    assert "Wine in winter" not in told
    assert "Strategies running" not in told


@pytest.mark.usefixtures("beating")
def test_it_takes_few_queries(
    client: Client, olga: User, live: Make, proposed: Make, statements: Counted
) -> None:
    for number in range(12):
        live(title=f"live {number}")
        proposed(title=f"waits {number}")
    client.force_login(olga)
    client.get("/admin/")
    statements()

    client.get("/admin/")

    assert 5 < statements() <= 32


@pytest.mark.usefixtures("beating", "shelf")
def test_the_largest_promises_come_first_and_the_rest_is_counted(
    client: Client, olga: User, proposed: Make
) -> None:
    for number in range(9):
        proposed(
            title=f"Wine {number}", forecast={"margin": number, "low": 0, "high": 9}
        )
    proposed(title="Nothing promised", forecast={})

    told = " ".join(page(client, olga).split())

    assert told.index("Wine 8") < told.index("Wine 1")
    assert "Wine 0" not in told
    assert "Nothing promised" not in told
    assert "2 more wait<" in told


def test_every_page_says_when_nothing_is_computed_and_can_be_skipped_into(
    client: Client, olga: User
) -> None:
    cache.delete("heartbeat")
    client.force_login(olga)

    told = client.get("/admin/promotions/strategy/").content.decode()

    assert 'class="down"' in told
    assert 'href="#content"' in told
    cache.set("heartbeat", clock.wall().isoformat())
    assert (
        'class="down"' not in client.get("/admin/promotions/strategy/").content.decode()
    )


@pytest.mark.usefixtures("beating")
def test_an_engineer_sees_what_comes_in(client: Client, db: None) -> None:
    erik = User.objects.create_user("erik", password="secret", is_staff=True)
    erik.user_permissions.add(Permission.objects.get(codename="view_rejection"))

    told = page(client, erik)

    assert "Refused events that wait" in told
    assert "Strategies running" not in told
