"""What runs when, what it costs by week, and what meets."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation
from hypothesis import given
from hypothesis import strategies as st

from catalog import holidays
from promotions import ahead, approval
from promotions.ahead import WEEK, Planned
from promotions.models import Strategy
from tests.conftest import Make
from tests.promotions.test_roles import member

MONDAY = datetime(2026, 6, 1, tzinfo=UTC)


def planned(start: float = 0, days: float = 28, **more: Any) -> Planned:
    usual: dict[str, Any] = {
        "key": uuid4(),
        "title": "Tea",
        "state": "live",
        "scope": frozenset({"TEA"}),
        "starts_at": MONDAY + timedelta(days=start),
        "ends_at": MONDAY + timedelta(days=start + days),
        "cost": 100.0,
    }
    return Planned(**usual | more)


@given(
    st.lists(
        st.tuples(
            st.floats(-20, 60), st.floats(0.5, 60), st.booleans(), st.floats(0, 1e6)
        ),
        max_size=6,
    ),
    st.floats(-20, 90),
)
def test_weeks_add_up_to_what_strategies_have_left_to_give(
    some: list[tuple[float, float, bool, float]], at: float
) -> None:
    all_ = [
        planned(start, days, state="live" if live else "proposed", cost=cost)
        for start, days, live, cost in some
    ]

    now = MONDAY + timedelta(days=at)
    weeks = ahead.by_week(all_, MONDAY - 3 * WEEK, 24, now=now)

    left = [one for one in all_ if one.ends_at > now]
    assert sum(w.decided for w in weeks) == pytest.approx(
        sum(one.cost or 0 for one in left if one.decided), abs=1e-3
    )
    assert sum(w.waiting for w in weeks) == pytest.approx(
        sum(one.cost or 0 for one in left if not one.decided), abs=1e-3
    )
    assert all(w.together == pytest.approx(w.decided + w.waiting) for w in weeks)
    assert not any(w.together for w in weeks if w.starts_at + WEEK <= now)


def test_what_is_over_costs_nothing_ahead_the_rest_is_spread_over_time_left() -> None:
    half_over = planned(start=-14, days=28, cost=60.0)

    before, first, second = ahead.by_week([half_over], MONDAY - WEEK, 3, now=MONDAY)

    assert before.together == 0
    assert first.together == second.together == pytest.approx(30)


def test_the_rest_is_what_was_expected_less_what_was_given_within_the_budget() -> None:
    assert ahead.rest(100, 80, 30) == 50
    assert ahead.rest(100, 300, 30) == 70
    assert ahead.rest(100, 300, 130) == 0


def test_a_version_counts_in_place_of_the_one_before_it() -> None:
    old = planned(cost=100.0)
    new = planned(cost=140.0, state="proposed", replaces=old.key)

    [week] = ahead.by_week([old, new], MONDAY, 1, now=MONDAY)

    assert week.decided == pytest.approx(25)
    assert week.waiting == pytest.approx(35)
    assert week.together == pytest.approx(35)


def test_what_nobody_knows_costs_nothing_and_a_pause_is_approved() -> None:
    some = [planned(cost=None), planned(state="paused")]

    [week, _] = ahead.by_week(some, MONDAY, 2, now=MONDAY)

    assert week.decided == pytest.approx(25)
    assert week.waiting == 0


@pytest.mark.parametrize(
    ("other", "meets"),
    [
        ({}, True),
        ({"start": 27}, True),
        ({"start": 28}, False),  # half-open: one ends as the other begins
        ({"scope": frozenset({"MILK"})}, False),
        ({"scope": frozenset()}, True),
        ({"scope": frozenset({"MILK", "TEA"})}, True),
    ],
)
def test_strategies_meet_about_the_same_goods_at_the_same_time(
    other: dict[str, Any], meets: bool
) -> None:
    found = list(ahead.meetings([planned(), planned(**other)]))

    assert bool(found) is meets
    if meets:
        assert found[0].scope == frozenset({"TEA"})


def test_holidays_are_of_the_country_and_in_the_readers_language(
    settings: LazySettings,
) -> None:
    first, last = MONDAY.date(), MONDAY.date() + timedelta(days=40)
    july = datetime(2026, 7, 4, tzinfo=UTC).date()

    assert "Independence" in holidays.between(first, last).days[july]
    with translation.override("zh-hans"):
        american = holidays.between(first, last)
    assert american.language == "zh"
    assert len(american.days) == len(holidays.between(first, last).days)
    settings.HOLIDAYS_OF = "CN"
    with translation.override("zh-hans"):
        chinese = holidays.between(first, last)
    assert "端午节" in chinese.days.values()
    assert chinese.language == "zh"
    settings.HOLIDAYS_OF = "GB"
    with translation.override("zh-hans"):
        british = holidays.between(first.replace(month=12), first.replace(year=2027))
    assert "Boxing Day" in british.days.values()  # all of them, or none
    assert british.language == "en"
    settings.HOLIDAYS_OF = "DE-BY"
    corpus_christi = first.replace(day=4)
    assert corpus_christi in holidays.between(first, last).days
    settings.HOLIDAYS_OF = "DE"
    assert corpus_christi not in holidays.between(first, last).days
    settings.HOLIDAYS_OF = "Atlantis"
    with pytest.raises(ImproperlyConfigured, match="HOLIDAYS_OF"):
        holidays.between(first, last)


def test_the_calendar_shows_what_runs_and_what_meets(
    client: Client, olga: User, proposed: Make, live: Make
) -> None:
    first = live(title="Tea for all", forecast={"cost": 70.0, "reach": 3})
    second = proposed(title="Tea for some")
    proposed(title="Milk", scope=["MILK"])
    client.force_login(olga)

    page = client.get(reverse("calendar"))

    shown = page.content.decode()
    assert shown.count('class="bar ') == 3
    spend, met = page.context["sections"]
    [row] = met.rows
    assert {row.cells[0], row.cells[1]} == {first.title, second.title}
    assert row.cells[2] == "TEA"
    assert sum(float(r.cells[1].split()[0]) for r in spend.rows) > 0


def test_the_calendar_of_nothing_says_so(client: Client, olga: User, db: None) -> None:
    client.force_login(olga)

    assert "Nothing runs, and nothing waits." in client.get(
        reverse("calendar")
    ).content.decode().replace("\n", "")


def test_the_inbox_has_what_waits_in_the_order_asked_for(
    client: Client, olga: User, proposed: Make, live: Make
) -> None:
    def promising(title: str, margin: float, cost: float, **more: Any) -> Strategy:
        told = {"margin": margin, "cost": cost, "low": margin - 9, "high": margin + 9}
        return proposed(title=title, forecast=told | {"reach": 7}, **more)

    promising("Small", 5, 1)
    promising("Large", 50, 40, by="vera")
    live(title="Runs")
    untold = proposed(title="By hand", forecast={})
    client.force_login(olga)

    def names(by: str) -> list[str]:
        page = client.get(reverse("proposals"), {"by": by})
        return [row.cells[0] for row in page.context["sections"][0].rows]

    euros = promising("Euros", 5000, 0.5, currency="EUR")
    assert names("margin") == ["Large", "Small", untold.title, euros.title]
    assert names("cost") == ["Small", "Large", untold.title, euros.title]
    chart = client.get(reverse("proposals")).context["sections"][0].chart
    assert "Large" in chart
    assert "Euros" not in chart
    euros.delete()
    assert names("margin") == ["Large", "Small", untold.title]
    assert names("cost") == ["Small", "Large", untold.title]
    assert names("age") == ["Small", "Large", untold.title]
    assert names("nonsense") == names("margin")
    page = client.get(reverse("proposals")).content.decode()
    assert "vera" in page
    assert "Runs" not in page
    assert page.count("nobody knows") == 1  # what was made by hand has no forecast


def test_what_was_returned_waits_for_its_next_version(
    client: Client, olga: User, proposed: Make
) -> None:
    strategy = proposed(title="Tea")
    approval.request_changes(
        strategy.id, by="oleg", comment="At most 10 %.", at=timezone.now()
    )
    client.force_login(olga)

    assert "At most 10 %." in client.get(reverse("proposals")).content.decode()
    proposed(title="Tea again", replaces=strategy, version=2)
    shown = client.get(reverse("proposals")).content.decode()
    assert "At most 10 %." not in shown
    assert "Tea again" in shown


@pytest.mark.parametrize("page", ["calendar", "proposals"])
def test_pages_are_for_those_who_may_see_strategies_and_few_questions_are_asked(
    client: Client,
    proposed: Make,
    page: str,
    django_assert_max_num_queries: Any,
) -> None:
    for n in range(12):
        proposed(title=f"Tea {n}")
    client.force_login(User.objects.create_user("nobody", is_staff=True))
    assert client.get(reverse(page)).status_code == 403
    client.force_login(member("Analysts"))
    client.get(reverse(page))

    with django_assert_max_num_queries(15):
        assert client.get(reverse(page)).status_code == 200
