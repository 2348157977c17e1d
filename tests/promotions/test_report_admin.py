import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page

from promotions import measurement
from promotions.models import Strategy
from tests.browsing import browse, sign_in
from tests.conftest import Make
from tests.promotions.daysums import DAY, keep, units

PAGES = ("strategy_results", "campaign_results", "programme")


@pytest.fixture
def told(live: Make) -> Strategy:
    return measured(live(holdout=0.5, title="Tea <b>week</b>"))


def measured(strategy: Strategy, *, treated: int = 400) -> Strategy:
    subjects = {strategy.id: "holdout", strategy.campaign_id: "held_out"}
    for subject, control in subjects.items():
        some = units(treated, profit=8, seed=1, spent=1.0)
        others = units(400 if control == "holdout" else 21, profit=5, seed=2)
        for later, share in ((0, 2), (1, 1)):
            day = DAY.replace(day=DAY.day + later)
            keep(
                subject,
                "treatment",
                some[::share],
                day=day,
                variant="10%",
                before=some[::2] if later else None,
            )
            keep(
                subject,
                control,
                others[::share],
                day=day,
                before=others[::2] if later else None,
            )
        keep(subject, "treatment", some[:90], slice_="segment loyal")
        keep(subject, control, others[:90], slice_="segment loyal")
    result = measurement.of_strategy(strategy)
    strategy.measured = measurement.written(result, timezone.now())
    strategy.save()
    return strategy


def page(name: str, strategy: Strategy) -> str:
    keys = {
        "strategy_results": [strategy.pk],
        "campaign_results": [strategy.campaign_id],
    }
    return reverse(name, args=keys.get(name))


def viewer(*permissions: str) -> User:
    made = User.objects.create_user("vera", password="x", is_staff=True)
    for name in permissions:
        made.user_permissions.add(Permission.objects.get(codename=name))
    return made


def test_the_page_says_what_it_earned_and_how_sure(
    client: Client, olga: User, told: Strategy
) -> None:
    client.force_login(olga)

    shown = client.get(page("strategy_results", told)).content.decode()

    assert re.search(r"It earned: \d\.\d\d USD more profit for each of 400", shown)
    assert "That is sure at whatever moment you look." in shown
    assert "The arms have the sizes that were drawn (p = 1.000)." in shown
    assert "It keeps less than was promised: +4.50 USD" in shown
    assert "What may not be concluded" in shown
    assert "By segment (exploratory)" in shown
    assert "not estimable: the campaign is running" in shown


def test_every_chart_has_its_numbers_in_a_table(
    client: Client, olga: User, told: Strategy
) -> None:
    client.force_login(olga)

    for name in PAGES:
        shown = client.get(page(name, told)).content.decode()
        sections = shown.split("<section aria-labelledby")
        charts = [part for part in sections if "<svg" in part]
        assert charts, name
        for part in charts:
            assert 'role="img"' in part
            assert "<table>" in part or "table of strategies" in part
            assert 'scope="col"' in part or "table of strategies" in part


def test_arms_that_are_not_as_drawn_are_told_before_all_else(
    client: Client, olga: User, live: Make
) -> None:
    strategy = measured(live(holdout=0.5), treated=700)
    client.force_login(olga)

    shown = client.get(page("strategy_results", strategy)).content.decode()
    decision = client.get(
        reverse("admin:promotions_strategy_change", args=[strategy.pk])
    ).content.decode()

    for html in (shown, decision):
        assert "The arms do not have the sizes that were drawn" in html
    assert "It earned" not in shown
    assert '<dl class="cards">' not in shown


def test_a_strategy_that_was_never_measured_shows_no_number(
    client: Client, olga: User, live: Make
) -> None:
    client.force_login(olga)

    shown = client.get(page("strategy_results", live())).content.decode()

    assert "What it earned is not estimable yet" in shown
    assert "<table>" not in shown
    assert "<svg viewBox" not in shown


def test_the_decision_page_sums_it_up_and_leads_to_all_results(
    client: Client, olga: User, told: Strategy, live: Make
) -> None:
    client.force_login(olga)
    change = "admin:promotions_strategy_change"

    shown = client.get(reverse(change, args=[told.pk])).content.decode()
    other = client.get(reverse(change, args=[live().pk])).content.decode()

    assert re.search(r"It earned: \d\.\d\d USD more profit for each of 400", shown)
    assert f'href="{page("strategy_results", told)}"' in shown
    assert "Measured</h2>" not in other


def test_the_campaigns_page_leads_to_its_results(
    client: Client, olga: User, told: Strategy
) -> None:
    client.force_login(olga)
    change = reverse("admin:promotions_campaign_change", args=[told.campaign_id])

    shown = client.get(change).content.decode()

    assert f'href="{page("campaign_results", told)}"' in shown


def test_a_title_is_never_markup(client: Client, olga: User, told: Strategy) -> None:
    client.force_login(olga)

    for name in PAGES:
        shown = client.get(page(name, told)).content.decode()
        assert "<b>week" not in shown


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("form", ["", "?format=csv", "?format=parquet"])
def test_who_may_not_view_gets_nothing(
    client: Client, told: Strategy, name: str, form: str
) -> None:
    client.force_login(viewer("view_customer", "change_strategy"))

    assert client.get(page(name, told) + form).status_code == 403


def test_who_may_view_strategies_sees_them_and_the_programme(
    client: Client, told: Strategy
) -> None:
    client.force_login(viewer("view_strategy"))

    seen = {name: client.get(page(name, told)).status_code for name in PAGES}

    assert seen == {
        "strategy_results": 200,
        "campaign_results": 403,
        "programme": 200,
    }


def test_strangers_are_sent_to_the_login(client: Client, told: Strategy) -> None:
    for name in PAGES:
        answer = client.get(page(name, told))
        assert answer.status_code == 302
        assert "/login/" in answer["Location"]


def test_results_can_be_downloaded(client: Client, olga: User, told: Strategy) -> None:
    client.force_login(olga)

    table = client.get(page("strategy_results", told) + "?format=csv")
    packed = client.get(page("programme", told) + "?format=parquet")

    lines = b"".join(table.streaming_content).splitlines()  # type: ignore[attr-defined]
    assert lines[0].startswith(b"id,title,part,name,metric,unit")
    packed_up = b"".join(packed.streaming_content)  # type: ignore[attr-defined]
    assert packed_up[:4] == b"PAR1"


LOOK = """() => ({
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    small: [...document.querySelectorAll("svg text")]
        .map((text) => text.getBoundingClientRect().height).filter((px) => px < 8.5),
    charts: document.querySelectorAll("figure svg").length,
    shares: [...document.querySelectorAll("figure svg")]
        .map((svg) => svg.clientWidth / svg.closest("section").clientWidth),
})"""


def look(url: str, pages: list[str], width: int) -> list[dict[str, Any]]:
    """Open pages as olga in a window of some width; return what is measured there."""

    def journey(tab: Page) -> list[dict[str, Any]]:
        sign_in(tab, "olga")
        return [looked(tab, address) for address in pages]

    return browse(journey, base_url=url, viewport={"width": width, "height": 800})


def looked(tab: Page, address: str) -> dict[str, Any]:
    tab.goto(address)
    found: dict[str, Any] = tab.evaluate(LOOK)
    return found


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("width", [360, 1280])
def test_every_page_fits_its_window_and_can_be_read(
    live_server: Any, olga: User, told: Strategy, width: int
) -> None:
    pages = [page(name, told) for name in PAGES]

    seen = look(live_server.url, pages, width)

    for name, found in zip(PAGES, seen, strict=True):
        assert found["wide"] <= 0, name
        assert found["small"] == [], name
        assert found["charts"] >= 1, name
        assert min(found["shares"]) > 0.65, name


def test_the_numbers_of_a_table_line_up_with_its_columns(
    client: Client, olga: User, told: Strategy
) -> None:
    client.force_login(olga)

    for name in PAGES:
        shown = client.get(page(name, told)).content.decode()
        for table in re.findall(r"<table>(.*?)</table>", shown, re.S):
            columns = table.count('scope="col"')
            for row in re.findall(r"<tr>(<th scope=\"row\">.*?)</tr>", table, re.S):
                spans = sum(int(n) - 1 for n in re.findall(r'colspan="(\d)"', row))
                cells = len(re.findall(r"<td|<th", row))
                assert cells + spans <= columns
