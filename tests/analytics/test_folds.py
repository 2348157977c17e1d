"""What profiles count, and that it does not matter where a batch ends."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics import events, projections, rebuilds, store, tasks
from analytics.deeds import COUNTED
from analytics.models import Affinity, Hour, Profile, Tally
from tests.analytics.conftest import NOW
from tests.analytics.every import EVERY

ANA, BEN = UUID(int=1), UUID(int=2)


def tell(*happened: tuple[float, events.Event], customer: UUID = ANA) -> None:
    """Append events, each so many minutes after NOW."""
    store.append_new(
        [
            store.Fact(event=event, at=NOW + timedelta(minutes=at), customer=customer)
            for at, event in happened
        ]
    )


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(COUNTED))
def test_every_counted_event_counts_in_its_column(name: str) -> None:
    tell((0, EVERY[name]), (1, EVERY[name]))

    tasks.catch_up()

    profile = Profile.objects.get()
    assert getattr(profile, COUNTED[name]) == 2
    assert profile.first_seen_at == NOW


@pytest.mark.django_db
def test_views_carts_and_wishes_count_by_category() -> None:
    tell(
        (0, events.ProductViewed(sku="a", category="TEA")),
        (1, events.ProductAdded(sku="a", category="TEA")),
        (2, events.WishlistProductAddedToCart(sku="a", category="TEA")),
        (3, events.ProductAddedToWishlist(sku="b", category="MUGS")),
    )

    tasks.catch_up()

    rows = Affinity.objects.order_by("category")
    assert list(
        rows.values_list("category", "views", "carts", "wishes", "last_at")
    ) == [
        ("MUGS", 0, 0, 1, None),
        ("TEA", 1, 2, 0, None),
    ]


@pytest.mark.django_db
def test_refunds_and_their_amount_are_summed() -> None:
    some = events.OrderRefunded(order_id="o", currency="USD", amount=Decimal("1.25"))
    whole = events.OrderRefunded(order_id="p", currency="USD")
    tell((0, some), (1, some), (2, whole))

    tasks.catch_up()

    assert (Profile.objects.get().refunds, Profile.objects.get().refunded) == (
        3,
        Decimal("2.5"),
    )


@pytest.mark.django_db
@pytest.mark.parametrize("together", [True, False])
def test_dwell_is_the_time_until_the_next_look(*, together: bool) -> None:
    """2 minutes, then a pause too long to count, then what the shop itself says."""
    looks: list[tuple[float, events.Event]] = [
        (0, events.PageViewed(name="Home")),
        (2, events.ProductViewed(sku="tea")),
        (60, events.ProductViewed(sku="tea", dwell_seconds=7.5)),
        (61, events.PageViewed(name="Home")),
    ]
    if together:
        tell(*looks)
        tasks.catch_up()
    else:
        for look in looks:
            tell(look)
            tasks.catch_up()

    assert Profile.objects.get().dwell_ms == 120_000 + 7_500


@pytest.mark.django_db
def test_bots_are_in_the_log_and_in_no_count() -> None:
    seen = events.ProductViewed(sku="tea", category="TEA")
    store.append_new(
        [
            store.Fact(event=seen, at=NOW, customer=ANA, bot=True, source="shop"),
            store.Fact(event=seen, at=NOW, customer=BEN, source="shop"),
        ]
    )

    tasks.catch_up()

    assert [p.customer for p in Profile.objects.all()] == [BEN]
    assert Tally.objects.get().events == 1
    assert Hour.objects.values_list("source", "events", "bots").get() == ("shop", 2, 1)


KINDS = st.sampled_from(
    [
        events.PageViewed(name="Home"),
        events.PageViewed(name="Home", dwell_seconds=3.25),
        events.ProductViewed(sku="tea", category="TEA"),
        events.ProductViewed(sku="mug", category="MUGS", dwell_seconds=0.001),
        events.ProductAdded(sku="tea", category="TEA"),
        events.ProductsSearched(words=3),
        EVERY["order_completed"],
        EVERY["order_refunded"],
    ]
)
STORY = st.lists(
    st.tuples(KINDS, st.floats(-50, 50), st.sampled_from([ANA, BEN]), st.booleans()),
    max_size=25,
)


def rows() -> list[Any]:
    return [
        list(table._default_manager.order_by("pk").values())
        for table in (Profile, Affinity, Tally)
    ]


@pytest.mark.django_db
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(story=STORY)
def test_it_does_not_matter_where_a_batch_ends(
    story: list[tuple[events.Event, float, UUID, bool]],
) -> None:
    from django.db import transaction

    with transaction.atomic():
        for event, minutes, customer, pause in story:
            tell((minutes, event), customer=customer)
            if pause:
                tasks.catch_up()
        tasks.catch_up()
        live = rows()

        assert rebuilds.rebuild(projections.ALL) == {}

        assert rows() == live
        transaction.set_rollback(True)


@pytest.mark.django_db
def test_an_event_nobody_can_read_stops_only_who_must_read_it() -> None:
    tell((0, EVERY["order_completed"]))
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL analytics.erasing = 'on'")
        cursor.execute("UPDATE analytics_storedevent SET data = '{}'")

    tasks.catch_up()

    assert set(projections.stopped()) == {"customers", "outcomes"}
    assert Tally.objects.get().events == 1
