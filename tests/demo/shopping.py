"""Who plays in the demo shop."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.core.cache import cache
from django.utils import timezone
from playwright.sync_api import Page

from analytics.models import Customer, StoredEvent
from ml.models import CustomerProfile
from promotions.models import Offer
from tests import serving
from tests.conftest import Give, Make


@pytest.fixture
def fresh() -> None:
    """Best sellers and shoppers are kept for an hour."""
    cache.clear()


@pytest.fixture(scope="module")
def web(django_db_setup: None) -> Iterator[str]:
    with serving.granian() as url:
        yield f"{url}/shop/"


def profiled(customer: Customer, segment: str) -> None:
    CustomerProfile.objects.create(
        customer=customer.key,
        segment=segment,
        orders=9,
        spend=Decimal(90),
        computed_at=timezone.now(),
    )


@pytest.fixture
def cast(
    transactional_db: None, ana: Customer, ben: Customer, live: Make, give: Give
) -> dict[str, Offer]:
    """Ana is loyal, and gets 3.00 off 20.00 of tea; ben is new, with 10 % off tea."""
    profiled(ana, "loyal")
    profiled(ben, "new")
    threshold, percentage = live("threshold"), live("percentage")
    return {"ana": give(threshold, ana), "ben": give(percentage, ben)}


def kinds() -> list[str]:
    """Return the types of what the shop reported."""
    reported = StoredEvent.objects.exclude(source=None)
    return list(reported.values_list("type", flat=True))


def play(tab: Page, web: str, slug: str) -> None:
    """Shop as somebody."""
    tab.goto(web)
    tab.click(f".shoppers [value={slug}]")
    tab.wait_for_selector(f".shoppers [value={slug}][aria-current]")
    tab.wait_for_load_state("networkidle")


def add(tab: Page, name: str) -> None:
    """Put a product of the shown page into the cart."""
    before = int(tab.inner_text("#units"))
    tab.click(f"[aria-label='Add {name} to the cart']")
    tab.wait_for_selector(f"#units:text-is('{before + 1}')")
