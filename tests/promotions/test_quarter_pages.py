"""A quarter is planned in the back office: asked at will, stored once proposed."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from threading import Barrier, Thread
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.http import QueryDict
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page

from analytics import events, glances
from analytics.models import Customer, StoredEvent
from catalog import market_feeds
from catalog.market_feeds import DaysListed
from ml.models import Forecast
from promotions import (
    approval,
    models,
    price_lines,
    quarter_budgets,
    quarter_curves,
    quarter_plans,
    quarter_prices,
    quarter_weeks,
    quarters,
)
from promotions.models import Campaign, Redemption, Strategy
from promotions.quarter_weeks import WEEK, Quarter
from tests.conftest import Make
from tests.promotions.test_journeys import signed_in, tab_to
from tests.promotions.test_roles import member
from tests.promotions.test_targeting import scored
from tests.promotions.test_what_if import MENU

__all__ = ["scored"]

PAGE = "/admin/quarter"


def this() -> Quarter:
    return quarter_weeks.quarter_of(timezone.now().date())


def soon() -> Quarter:
    """A quarter all of which lies ahead."""
    return this().after


def weeks(quarter: Quarter, **fixed: Any) -> list[Decimal | None]:
    given = {int(name[1:]): Decimal(one) for name, one in fixed.items()}
    return [given.get(n) for n in range(quarter.weeks)]


def address(quarter: Quarter) -> str:
    return reverse("quarter", args=[quarter.year, quarter.number])


def campaign(quarter: Quarter, week: int, lasts: int = 4, **more: Any) -> Campaign:
    starts_at = quarter.mondays[0] + week * WEEK
    usual: dict[str, Any] = {
        "name": "June",
        "starts_at": starts_at,
        "ends_at": starts_at + lasts * WEEK,
        "budget": Decimal(1000),
        "currency": "USD",
    }
    return Campaign.objects.create(**usual | more)


def foretold(category: str, units: list[float]) -> None:
    monday = timezone.now().date() - timedelta(days=timezone.now().weekday())
    Forecast.objects.create(
        level=Forecast.Level.CATEGORY,
        key=category,
        first=monday,
        units=units,
        low=[0.9 * one for one in units],
        high=[1.1 * one for one in units],
        naive=units,
        median=units,
        seasonal=units,
        history=[],
        undiscounted=1.0,
        elasticity=-1.0,
        elasticity_error=0.2,
        method="test",
        computed_at=timezone.now(),
    )


def test_a_budget_is_set_and_changed_and_the_log_has_all_of_it(db: None) -> None:
    at, quarter = timezone.now(), this()

    quarter_budgets.set_budget(quarter, Decimal(1300), weeks(quarter), by="olga", at=at)
    row = quarter_budgets.set_budget(
        quarter, Decimal(900), weeks(quarter, w2="100.50"), by="oleg", at=at
    )

    told = [stored.event for stored in glances.read_stream(row.stream)]
    assert [getattr(one, "budget", None) for one in told] == [1300, 900]
    last = told[-1]
    assert isinstance(last, events.QuarterPlanned)
    row.refresh_from_db()
    assert (last.starts_on, last.budget, last.currency, last.by) == (
        row.starts_on,
        row.budget,
        row.currency,
        row.set_by,
    )
    assert list(last.weeks) == row.weeks
    assert quarter_budgets.budget(quarter) == row


@pytest.mark.parametrize(
    ("amount", "fixed"), [(99, {"w0": 100}), (-1, {}), (100, {"w3": -5})]
)
def test_a_budget_that_makes_no_sense_is_refused_and_not_logged(
    db: None, amount: int, fixed: dict[str, Any]
) -> None:
    quarter, at = this(), timezone.now()

    with pytest.raises(ValidationError):
        quarter_budgets.set_budget(
            quarter, Decimal(amount), weeks(quarter, **fixed), by="olga", at=at
        )

    assert not models.Quarter.objects.exists()
    assert not StoredEvent.objects.filter(type="quarter_planned").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"starts_on": date(2026, 3, 31)},  # a Tuesday
        {"weeks": [None] * 12},
        {"weeks": [Decimal(10)] * 13},
        {"weeks": [Decimal(-1), *[None] * 12]},
        {"budget": Decimal(-1)},
    ],
)
def test_the_table_refuses_what_is_no_quarter(db: None, wrong: dict[str, Any]) -> None:
    usual: dict[str, Any] = {
        "starts_on": date(2026, 3, 30),
        "budget": Decimal(120),
        "currency": "USD",
        "weeks": [Decimal(20), *[None] * 12],
        "set_by": "olga",
        "set_at": timezone.now(),
    }
    models.Quarter.objects.create(**usual)
    models.Quarter.objects.all().delete()

    with pytest.raises(IntegrityError), transaction.atomic():
        models.Quarter.objects.create(**usual | wrong)


def test_what_was_given_is_summed_by_week_less_what_came_back(
    live: Make, ana: Customer
) -> None:
    quarter, strategy = this(), live()
    for week, amount, back in ((0, "5.00", "0"), (0, "3.00", "1.00"), (2, "4.00", "0")):
        Redemption.objects.create(
            strategy=strategy,
            customer=ana.key,
            order_id=str(uuid4()),
            variant="10%",
            discount=Decimal(amount),
            returned=Decimal(back),
            adjustments=[],
            redeemed_at=quarter.mondays[week] + timedelta(hours=5),
        )

    found = quarter_budgets.spent(quarter)

    assert found[:4] == [7.0, 0.0, 4.0, 0.0]
    assert sum(found) == 11
    assert sum(quarter_budgets.spent(quarter.before)) == 0


@pytest.fixture
def planned(scored: list[Customer], proposed: Make) -> Strategy:
    """A proposal for the second week of the next quarter on."""
    return proposed(
        title="Tea", menu=MENU, budget=Decimal(40), campaign=campaign(soon(), 1)
    )


def test_a_line_is_priced_as_its_strategy_is_and_bound_by_its_money(
    planned: Strategy,
) -> None:
    plan = quarter_plans.read(soon(), [], at=timezone.now())

    [line] = plan.lines
    assert (line.title, line.state, line.movable) == ("Tea", "proposed", True)
    assert line.curve is not None
    assert line.money == 40
    found = quarters.outlook(plan.lines, plan.shared, soon(), now=timezone.now())
    assert 0 < found.total.cost <= 40
    assert found.total.margin > 0
    assert found.total.low < found.total.margin < found.total.high


def test_weeks_of_more_demand_cost_and_bring_more(planned: Strategy) -> None:
    foretold("TEA", [10.0] * 4 + [20.0] * 9)

    plan = quarter_plans.read(this(), [], at=timezone.now())

    [line] = quarter_plans.read(soon(), [], at=timezone.now()).lines
    assert max(line.demand) in (1.0, pytest.approx(2.0))
    assert min(line.demand) >= 1.0
    assert all(line.doubt[line.demand > 1] > 0)
    assert plan.lines == []


def test_strategies_on_the_same_goods_take_from_each_other(
    planned: Strategy, proposed: Make
) -> None:
    again = proposed(title="Tea again", menu=MENU, campaign=campaign(soon(), 2))
    milk = proposed(title="Milk", scope=["MILK"], campaign=campaign(soon(), 2))

    plan = quarter_plans.read(soon(), [], at=timezone.now())

    [pair] = plan.shared
    assert {pair.first, pair.second} == {str(planned.id), str(again.id)}
    assert 0 < pair.customers <= 300
    assert pair.first_loses + pair.second_loses > 0
    assert str(milk.id) in plan.rows


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


def sent(client: Client, quarter: Quarter, form: dict[str, str]) -> Any:
    told = QueryDict(mutable=True)
    told.update({"asked": "1"} | form)
    return client.post(address(quarter), {"plan": told.urlencode()})


def test_a_proposal_that_was_moved_returns_to_its_next_version(
    planned: Strategy, client: Client, olga: User
) -> None:
    client.force_login(olga)
    key, monday = str(planned.id), soon().mondays[6]

    sent(
        client,
        soon(),
        {
            f"{key}-inside": "on",
            f"{key}-money": "30",
            f"{key}-starts": monday.date().isoformat(),
        },
    )

    planned.refresh_from_db()
    [after] = planned.successors.all()
    assert (planned.state, after.state) == ("returned", "proposed")
    assert after.budget == 30
    assert (after.terms, after.scope) == (planned.terms, ["TEA"])
    assert after.campaign.starts_at == monday
    assert after.campaign.ends_at == monday + 4 * WEEK
    assert after.campaign_id != planned.campaign_id


def test_what_runs_gets_a_version_with_another_budget_and_stays_where_it_is(
    scored: list[Customer], live: Make, client: Client, olga: User
) -> None:
    strategy = live(menu=MENU, budget=Decimal(40))
    client.force_login(olga)
    key = str(strategy.id)

    sent(
        client,
        this(),
        {f"{key}-inside": "on", f"{key}-money": "25", f"{key}-starts": "2099-01-05"},
    )

    strategy.refresh_from_db()
    [after] = strategy.successors.all()
    assert (strategy.state, after.state) == ("live", "proposed")
    assert after.budget == 25
    assert after.campaign_id == strategy.campaign_id


def test_what_was_added_is_proposed_as_a_campaign_in_the_likes_zone(
    planned: Strategy, client: Client, olga: User
) -> None:
    planned.campaign.zone = "Europe/Berlin"
    planned.campaign.save()
    client.force_login(olga)
    monday = soon().mondays[5]

    sent(
        client,
        soon(),
        {
            f"{planned.id}-inside": "on",
            "add-1-like": str(planned.id),
            "add-1-starts": monday.date().isoformat(),
            "add-1-weeks": "2",
            "add-1-money": "12.50",
        },
    )

    after = Strategy.objects.exclude(id=planned.id).get()
    assert (after.state, after.budget) == ("proposed", Decimal("12.50"))
    assert after.campaign.zone == "Europe/Berlin"
    assert after.campaign.starts_at.astimezone(UTC).hour in (22, 23)
    assert after.campaign.ends_at - after.campaign.starts_at == 2 * WEEK
    planned.refresh_from_db()
    assert planned.state == "proposed"


def test_a_version_is_in_the_plan_in_place_of_the_one_before_it(
    scored: list[Customer], live: Make, proposed: Make, client: Client, olga: User
) -> None:
    old = live(title="Old", menu=MENU)
    proposed(title="New", menu=MENU, replaces=old, version=2, campaign=old.campaign)
    returned = proposed(title="Draft", menu=MENU)
    approval.request_changes(returned.id, by="o", comment="No.", at=timezone.now())
    client.force_login(olga)

    page = client.get(PAGE)

    rows = page.context["answer"]["sections"][0].rows
    assert [row.cells[0] for row in rows] == ["New"]
    assert {row["title"] for row in page.context["rows"]} == {"Old", "New", "Draft"}


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


def test_who_may_not_return_proposals_moves_none(
    planned: Strategy, client: Client
) -> None:
    client.force_login(member("Operators"))
    key = str(planned.id)

    answer = sent(client, soon(), {f"{key}-inside": "on", f"{key}-money": "3"})

    assert answer.status_code == 403
    planned.refresh_from_db()
    assert planned.state == "proposed"
    client.force_login(User.objects.create_user("nobody", is_staff=True))
    assert client.get(PAGE).status_code == 403


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


def test_a_post_that_says_nothing_is_told_so(client: Client, db: None) -> None:
    client.force_login(member("Approvers"))

    answer = client.post(address(soon()), {"neither": "1"}, follow=True)

    assert answer.status_code == 200
    assert "neither a budget nor a plan" in answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_two_budgets_at_once_are_both_set_one_after_the_other() -> None:
    quarter, at, start = soon(), timezone.now(), Barrier(2)
    wrong: list[Exception] = []

    def sets(amount: int) -> None:
        start.wait()
        try:
            for n in range(5):
                money = Decimal(amount + n)
                quarter_budgets.set_budget(
                    quarter, money, weeks(quarter), by="olga", at=at
                )
        except Exception as error:
            wrong.append(error)
        finally:
            connection.close()

    threads = [Thread(target=sets, args=(amount,)) for amount in (100, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    row = models.Quarter.objects.get()
    told = [stored.event for stored in glances.read_stream(row.stream)]
    assert len(told) == 10
    assert getattr(told[-1], "budget", None) == row.budget


def test_what_is_too_much_to_price_counts_as_its_forecast_says_and_the_page_tells(
    client: Client, planned: Strategy, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = timezone.now()
    monkeypatch.setattr(quarter_plans, "MOST", 0)
    Strategy.objects.filter(pk=planned.pk).update(
        forecast={"margin": 50, "low": 40, "high": 60, "cost": 20}
    )

    plan = quarter_plans.read(soon(), [], at=at)

    assert (len(plan.lines), plan.unpriced) == (1, 1)
    [line] = plan.lines
    assert not line.movable
    assert line.curve is not None
    assert line.curve.cost.tolist() == [0.0, 20.0]
    client.force_login(member("Approvers"))
    said = client.get(address(soon())).content.decode()
    assert "no more than 0 are priced on customers" in said


def test_demand_that_was_forecast_long_ago_is_not_used_and_the_page_tells(
    client: Client, planned: Strategy
) -> None:
    foretold("GROCERY", [100.0 + 50 * n for n in range(13)])
    fresh = quarter_plans.read(this(), [], at=timezone.now())
    assert fresh.stale is None
    Forecast.objects.update(computed_at=timezone.now() - timedelta(days=9))

    plan = quarter_plans.read(soon(), [], at=timezone.now())

    assert plan.stale is not None
    assert all((line.demand == 1).all() for line in plan.lines)
    client.force_login(member("Approvers"))
    assert "9 days ago" in client.get(address(soon())).content.decode()


def test_what_a_worker_priced_is_shown_with_its_age_and_few_questions(
    planned: Strategy, client: Client, olga: User, django_assert_max_num_queries: Any
) -> None:
    """The first request of an hour, and of a process, prices nothing."""
    alone = quarter_plans.read(soon(), [], at=timezone.now()).lines[0].curve
    assert quarter_plans.price_ahead(at=timezone.now() - timedelta(minutes=7)) == 1
    for known in (quarter_curves._measured, quarter_curves._audience):
        known.cache_clear()
    quarter_curves._believed.cache_clear()
    client.force_login(olga)

    with django_assert_max_num_queries(15):
        said = client.get(address(soon())).content.decode()

    assert "Priced on customers 7 minutes ago." in said
    assert quarter_curves._audience.cache_info().misses == 0
    plan = quarter_plans.read(soon(), [], at=timezone.now())
    assert alone is not None
    assert plan.lines[0].curve is not None
    assert plan.lines[0].curve.margin == pytest.approx(alone.margin)


@pytest.mark.parametrize("hours", [4, -1])
def test_what_was_priced_long_ago_or_by_other_scores_is_not_shown(
    planned: Strategy, hours: int
) -> None:
    at = timezone.now()
    quarter_plans.price_ahead(at=at - timedelta(hours=hours))
    assert quarter_plans.read(soon(), [], at=at).priced_at is None

    quarter_plans.price_ahead(at=at)
    assert quarter_plans.read(soon(), [], at=at).priced_at == at
    on = quarter_curves.basis(at)
    other = replace(on, scores=(on.scores[0] + 1, on.scores[1]))
    assert quarter_curves.kept(other, at=at).worth == {}


def prices(quarter: Quarter, *lines: tuple[int, int | None, float], **more: Any) -> Any:
    """Propose prices, each from a week up to another, and what it promises."""
    change = price_lines.Change(
        title="Better prices",
        reason="They pay.",
        scope=["GROCERY"],
        lines=[
            price_lines.Line(
                sku=f"tea-{n}",
                price=Decimal(9),
                was=Decimal(10),
                starts_at=quarter.mondays[first],
                ends_at=None if last is None else quarter.mondays[last],
                expects=price_lines.Expected(
                    units=12,
                    units_before=10,
                    margin=gain,
                    low=gain / 2,
                    high=1.5 * gain,
                ),
            )
            for n, (first, last, gain) in enumerate(lines)
        ],
        **{"margin": sum(one[2] for one in lines), "low": 40.0, "high": 80.0} | more,
    )
    return price_lines.propose(change, by="platform", at=timezone.now())


def test_prices_bring_what_each_of_them_promises_in_its_weeks(
    client: Client, db: None
) -> None:
    """One stays, four weeks are promised of it; the other is a path of two."""
    made = prices(soon(), (2, None, 40.0), (4, 6, 20.0))
    client.force_login(member("Approvers"))

    page = client.get(address(soon()))

    answer = page.context["answer"]
    [shown] = answer["sections"][0].rows
    assert shown.cells[3].startswith("+60")
    assert (answer["unknown"], answer["changed"]) == (0, 0)
    [row] = page.context["rows"]
    assert (row["spends"], row["movable"]) == (False, False)
    assert f'name="{made.pk}-money"' not in page.content.decode()
    assert f'name="{made.pk}-inside"' in page.content.decode()
    plan = quarter_plans.read(soon(), [], at=timezone.now())
    found = quarters.outlook(plan.lines, plan.shared, soon(), now=timezone.now())
    by_week = [round(week.margin, 6) for week in found.weeks]
    assert by_week == [0, 0, 10, 10, 20, 20] + [0] * (soon().weeks - 6)
    assert found.total.cost == 0
    assert found.total.margin == pytest.approx(60)
    assert (found.total.low, found.total.high) == pytest.approx((40, 80), abs=5)


def test_what_prices_have_brought_already_is_not_counted_ahead(db: None) -> None:
    made = prices(soon(), (2, None, 40.0), (4, 6, 20.0))
    later = soon().mondays[5]

    [left] = quarter_prices.gains([made], soon(), at=later).values()
    made.price_lines.filter(sku="tea-1").update(state="overruled")
    [rest] = quarter_prices.gains([made], soon(), at=later).values()

    assert left.mean(axis=0).sum() == pytest.approx(40 / 4 + 20 / 2)
    assert rest.mean(axis=0).sum() == pytest.approx(40 / 4)


def test_prices_that_promise_nothing_by_line_share_what_all_of_them_do(
    db: None,
) -> None:
    made = prices(soon(), (2, 6, 60.0))
    made.price_lines.update(expects={})

    [found] = quarter_prices.gains([made], soon(), at=soon().mondays[0]).values()

    assert found.mean(axis=0).sum() == pytest.approx(60)
    assert (found.sum(axis=1).max() - found.sum(axis=1).min()) > 40


def test_of_prices_that_promise_nothing_those_overruled_bring_nothing(
    db: None,
) -> None:
    made = prices(soon(), (2, 6, 30.0), (2, 4, 30.0))
    made.price_lines.update(expects={})
    made.price_lines.filter(sku="tea-1").update(state="overruled")

    [found] = quarter_prices.gains([made], soon(), at=soon().mondays[0]).values()

    by_week = found.mean(axis=0)  # the other one lasts two thirds of all weeks
    assert by_week.sum() == pytest.approx(40)
    assert by_week[2:6] == pytest.approx([10] * 4)


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


def test_who_may_not_decide_is_told_why_what_waits_cannot_be_changed_here(
    client: Client, planned: Strategy
) -> None:
    asked = {"asked": "1", f"{planned.pk}-inside": "on", f"{planned.pk}-money": "7"}
    told = {}
    for role in ("Operators", "Approvers"):
        client.force_login(member(role))
        told[role] = client.get(address(soon()), asked).content.decode()

    assert planned.state == "proposed"
    assert "is not changed here" in told["Operators"]
    assert 'name="plan"' not in told["Operators"]
    assert "is not changed here" not in told["Approvers"]


def test_to_spend_asked_of_prices_in_an_address_changes_nothing(
    client: Client, db: None
) -> None:
    made = prices(soon(), (2, 6, 60.0))
    client.force_login(member("Approvers"))
    asked = {
        "asked": "1",
        f"{made.pk}-inside": "on",
        f"{made.pk}-money": "500",
        f"{made.pk}-starts": str(soon().mondays[4].date()),
    }

    answer = client.get(address(soon()), asked).context["answer"]
    best = client.get(address(soon()), asked | {"best": "1"}, follow=True)

    assert answer["changed"] == 0
    assert best.context["answer"]["changed"] == 0
    assert answer["sections"][0].rows[0].cells[3].startswith("+60")
    without = client.get(address(soon()), {"asked": "1"}).context["answer"]
    assert without["sections"][0].rows == []


def test_prices_take_no_place_of_those_that_are_priced_on_customers(
    planned: Strategy, monkeypatch: pytest.MonkeyPatch
) -> None:
    prices(soon(), (0, 4, 60.0))
    monkeypatch.setattr(quarter_plans, "MOST", 1)

    plan = quarter_plans.read(soon(), [], at=timezone.now())

    assert plan.unpriced == 0
    assert quarter_plans.price_ahead(at=timezone.now()) == 1


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
