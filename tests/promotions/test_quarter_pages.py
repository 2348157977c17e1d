"""A quarter is planned in the back office: the asked is answered, nothing stored."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page

from analytics.models import StoredEvent
from catalog import market_feeds
from catalog.market_feeds import DaysListed
from promotions import models, quarter_budgets
from promotions.models import Campaign, Strategy
from tests.conftest import Make
from tests.promotions.quartering import address, campaign, planned, soon, this, weeks
from tests.promotions.scoring import scored
from tests.promotions.test_journeys import signed_in, tab_to
from tests.promotions.test_roles import member
from tests.promotions.test_what_if import MENU

__all__ = ["planned", "scored"]

PAGE = "/admin/quarter"


def test_what_is_asked_is_answered_and_nothing_is_stored(
    planned: Strategy, client: Client, olga: User
) -> None:
    client.force_login(olga)
    before = StoredEvent.objects.count(), Strategy.objects.count()
    page = address(soon())

    usual = client.get(page)
    key, monday = str(planned.id), soon().mondays[6].date().isoformat()
    form = {"asked": "1", f"{key}-inside": "on", f"{key}-money": "10"}
    less = client.get(page, form | {f"{key}-starts": monday, "part": "answer"})
    out = client.get(page, {"asked": "1"})
    wrong = client.get(page, form | {f"{key}-money": "much", f"{key}-starts": "x"})
    more = client.get(
        page,
        form
        | {
            "add-0-like": key,
            "add-0-starts": monday,
            "add-0-weeks": "2",
            "add-0-money": "25",
        },
    )

    def row(answer: Any, number: int = 0) -> list[Any]:
        return list(answer.context["answer"]["sections"][0].rows[number].cells)

    assert row(usual)[0] == "Tea"
    assert row(usual)[1].startswith(str(soon().mondays[1].date()))
    assert row(less)[1].startswith(monday)
    assert float(row(less)[2].split()[0]) <= 10
    assert "<html" not in less.content.decode()
    assert out.context["answer"]["sections"][0].rows == []
    assert row(wrong)[0] == "Tea"
    assert len(more.context["answer"]["sections"][0].rows) == 2
    assert more.context["answer"]["changed"] == 2
    assert usual.context["answer"]["changed"] == 0
    assert (StoredEvent.objects.count(), Strategy.objects.count()) == before


def test_the_best_is_within_the_budget_and_its_address_can_be_asked_again(
    planned: Strategy, client: Client, olga: User
) -> None:
    client.force_login(olga)
    at, quarter = timezone.now(), soon()
    quarter_budgets.set_budget(
        quarter, Decimal(5), weeks(quarter, w2="0"), by="olga", at=at
    )

    answer = client.get(address(quarter), {"best": "1"})
    page = client.get(answer["Location"])

    assert answer.status_code == 302
    total = page.context["answer"]
    [line] = total["sections"][0].rows
    assert not str(line.cells[1]).startswith(str(quarter.mondays[1].date()))
    assert float(line.cells[2].split()[0]) <= 5
    assert total["changed"] == 1
    assert Strategy.objects.count() == 1


def test_of_what_has_no_forecast_nobody_knows_what_it_brings(
    live: Make, client: Client, olga: User
) -> None:
    live(
        kind="shipping",
        trigger="automatic",
        holdout=0.0,
        menu={"free": {"kind": "shipping"}},
        forecast={"tried": {"cost": 70.0}},
    )
    client.force_login(olga)

    answer = client.get(PAGE).context["answer"]

    [row] = answer["sections"][0].rows
    assert row.cells[3] == "nobody knows"
    assert float(row.cells[2].split()[0]) > 0
    assert answer["unknown"] == 1


def test_a_budget_is_set_in_the_back_office_by_those_who_may(
    client: Client, db: None
) -> None:
    quarter = this()
    form = {"budget": "1300", "week_1": "50"}
    client.force_login(member("Analysts"))
    seen, refused = client.get(PAGE), client.post(address(quarter), form)
    client.force_login(member("Operators"))
    wrong = client.post(address(quarter), {"budget": "10", "week_1": "50"})
    client.post(address(quarter), form)

    assert seen.status_code == 200
    assert "Set the budget" not in seen.content.decode()
    assert refused.status_code == 403
    assert 'role="alert"' in wrong.content.decode()
    row = models.Quarter.objects.get()
    assert row.budget == 1300
    assert row.weeks[:3] == [None, Decimal(50), None]
    assert row.set_by == "operators"
    cells = client.get(PAGE).context["answer"]["sections"][1].rows[1].cells
    assert cells[2] == "50 USD"


@pytest.mark.parametrize("path", ["2026/5", "1999/1", "2026/0", "99999/1"])
def test_there_are_four_quarters(
    client: Client, olga: User, db: None, path: str
) -> None:
    client.force_login(olga)

    assert client.get(f"{PAGE}/{path}").status_code == 404


def test_the_page_asks_few_questions_however_many_lines_it_has(
    planned: Strategy,
    proposed: Make,
    client: Client,
    olga: User,
    django_assert_max_num_queries: Any,
) -> None:
    for n in range(9):
        proposed(title=f"Tea {n}", menu=MENU, campaign=campaign(soon(), n))
    client.force_login(olga)
    client.get(address(soon()))

    with django_assert_max_num_queries(15):
        assert client.get(address(soon())).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_quarter_is_planned_by_keyboard_alone(
    live_server: Any, olga: User, planned: Strategy
) -> None:
    key, page = planned.id, address(soon())

    def journey(tab: Page) -> tuple[str, str]:
        tab.goto(page)
        money = f"[name='{key}-money']"
        tab_to(tab, money)
        tab.keyboard.press("Control+A")
        with tab.expect_response(lambda answer: "part=answer" in answer.url):
            tab.keyboard.type("7")
        tab.wait_for_selector("text=Propose the change")
        shown = tab.inner_text("[data-answer]")
        assert tab.evaluate("document.activeElement.name") == f"{key}-money"
        tab_to(tab, "[data-answer] form button")
        with tab.expect_navigation():
            tab.keyboard.press("Enter")
        return shown, tab.url

    shown, url = signed_in(live_server.url, journey)

    assert re.search(r"To be given\s+[0-7] USD", shown)
    assert url.endswith("/admin/proposals")
    planned.refresh_from_db()
    assert planned.state == "returned"
    assert planned.successors.get().budget == 7


def test_a_plan_of_a_day_that_is_over_is_empty(
    planned: Strategy, client: Client, olga: User
) -> None:
    client.force_login(olga)

    answer = client.get(address(this().before)).context["answer"]

    assert all(row.cells[2] == "0 USD" for row in answer["sections"][0].rows)
    assert isinstance(planned.id, UUID)
    assert datetime.now(UTC) > this().before.mondays[0]


def test_a_line_s_last_day_is_the_one_in_which_its_campaign_ends(
    client: Client, planned: Strategy
) -> None:
    midnight = planned.campaign.ends_at
    client.force_login(member("Approvers"))

    def last() -> str:
        answer = client.get(address(soon())).context["answer"]
        return str(answer["sections"][0].rows[0].cells[1])

    assert last().endswith(f"{(midnight - timedelta(days=1)).date()}")
    later = midnight + timedelta(hours=18)
    Campaign.objects.filter(pk=planned.campaign_id).update(ends_at=later)
    assert last().endswith(f"{midnight.date()}")


def test_wrong_money_of_a_line_stands_as_it_was_typed_with_what_is_wrong(
    client: Client, planned: Strategy
) -> None:
    client.force_login(member("Operators"))
    asked = {"asked": "1", f"{planned.pk}-inside": "on", f"{planned.pk}-money": "-9"}

    html = client.get(address(soon()), asked).content.decode()

    assert 'value="-9"' in html
    assert "greater than or equal to 0" in html


@pytest.mark.django_db(transaction=True)
def test_long_names_of_days_do_not_stretch_the_table_of_weeks(
    live_server: Any, olga: User
) -> None:
    """One word of 200 letters, and many names in a week."""
    first = soon().mondays[2].date()
    names = ["x" * 200, *(f"Fair number {n} of the season" for n in range(9))]
    rows = [DaysListed(name=name, first=first) for name in names]
    market_feeds.take_days(rows, at=timezone.now())

    def widest(tab: Page) -> float:
        tab.goto(address(soon()))
        found = tab.evaluate(
            "Math.max(...[...document.querySelectorAll('.report td')]"
            ".map(one => one.getBoundingClientRect().width))"
        )
        assert "x" * 200 in tab.inner_text("[data-answer]")
        return float(found)

    assert signed_in(live_server.url, widest) < 320
