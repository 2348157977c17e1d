"""Market data are pulled from a real server here, row by row."""

import json
from datetime import timedelta
from typing import Any

import pytest

from catalog import adapters, alerts
from catalog.adapters import Asked
from catalog.fetching import Unfetched
from catalog.models import CompetitorProduct, Feed, SeriesValue
from tests.catalog.elsewhere import (
    AT,
    PRICES,
    Page,
    Shop,
    fetched,
    paged,
    shop,
    source,
    visitor,
)

__all__ = ["shop"]


@pytest.mark.django_db
def test_prices_come_from_a_csv_and_bad_rows_are_listed(shop: Shop) -> None:
    shop.page("/prices.csv", PRICES, Content_Type="text/csv", ETag='"1"')

    row = fetched(source(shop))

    assert (row.state, row.error, row.failures) == ("taken", "", 0)
    assert row.next_at == AT + timedelta(days=1)
    feed = Feed.objects.get()
    assert (feed.state, feed.taken, feed.refused, feed.by) == ("done", 2, 1, row.name)
    assert [(one["row"], one["field"]) for one in feed.errors] == [(3, "price")]
    assert set(CompetitorProduct.objects.values_list("competitor", "product")) == {
        ("Rival", "r-1"),
        ("Rival", "r-3"),
    }
    assert shop.paths == ["/robots.txt", "/prices.csv"]
    assert shop.asked[1][1]["user-agent"] == "Proffer"


@pytest.mark.django_db
def test_what_has_not_changed_is_not_sent_or_not_taken_again(shop: Shop) -> None:
    def page(headers: dict[str, str]) -> Page:
        same = headers.get("if-none-match") == '"1"'
        return (304, {}, b"") if same else (200, {"ETag": '"1"'}, PRICES.encode())

    shop.pages["/prices.csv"] = page
    row = fetched(source(shop))
    row = fetched(row, AT + timedelta(days=1))
    assert (row.state, Feed.objects.count()) == ("same", 1)

    shop.page("/prices.csv", PRICES)  # a server without ETags
    row = fetched(row, AT + timedelta(days=2))
    assert (row.state, Feed.objects.count()) == ("same", 1)


@pytest.mark.django_db
def test_pages_of_json_are_rows(shop: Shop) -> None:
    def page(rows: list[Any], onward: str | None) -> str:
        return json.dumps({"data": {"items": rows}, "links": {"next": onward}})

    kind = {"Content_Type": "application/json"}
    item = {"name": "Tea", "price": {"amount": 9.5, "currency": "USD"}, "tags": ["x"]}
    shop.page("/p", page([item | {"id": "1"}], "/p?page=2"), **kind)
    shop.page("/p?page=2", page([item | {"id": "2"}], None), **kind)
    columns = {"price": "price.amount", "currency": "price.currency"}
    options = {"competitor": "Rival", "columns": columns}
    options |= {"items": "data.items", "next": "links.next"}

    row = fetched(source(shop, "/p", options=options))

    assert (row.error, Feed.objects.get().errors) == ("", [])
    assert CompetitorProduct.objects.count() == 2


@pytest.mark.django_db
def test_a_weather_service_s_columns_are_days(shop: Shop) -> None:
    daily = {"time": ["2026-06-01", "2026-06-02"], "temperature_2m_max": [21.5, None]}
    shop.page("/w", json.dumps({"daily": daily}), Content_Type="application/json")
    options = {
        "items": "daily",
        "series": "temperature",
        "columns": {"day": "time", "value": "temperature_2m_max"},
    }

    fetched(source(shop, "/w", what="series", options=options))

    assert list(SeriesValue.objects.values_list("series", "value")) == [
        ("temperature", 21.5)
    ]


@pytest.mark.django_db
def test_a_source_that_fails_waits_longer_and_longer_and_says_why(shop: Shop) -> None:
    shop.pages["/prices.csv"] = (503, {"Retry-After": "1800"}, b"")
    row = fetched(source(shop))
    assert (row.state, row.error, row.failures) == ("failed", "status 503", 1)
    assert row.next_at == AT + timedelta(seconds=1800)

    shop.pages["/prices.csv"] = (500, {}, b"")
    waits = []
    for _ in range(3):
        before = row.next_at
        row = fetched(row, before)
        waits.append((row.next_at - before).total_seconds() / 60)
    assert waits == [10, 20, 40]

    shop.page("/prices.csv", PRICES)
    row = fetched(row, row.next_at)
    assert (row.state, row.failures, row.error) == ("taken", 0, "")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("<html>\n<body>Are you a robot?</body>\n</html>\n", "no header"),
        ("id,title,price,currency\n", "no rows"),
        ("id,title,price,currency\nr-2,Black tea,oops,USD\n", "refused"),
    ],
)
@pytest.mark.django_db
def test_a_file_that_cannot_be_taken_makes_its_source_failing(
    shop: Shop, body: str, reason: str
) -> None:
    shop.page("/prices.csv", body, ETag='"1"')
    row = source(shop)
    waits = []
    for failures in (1, 2, 3):
        before = row.next_at
        row = fetched(row, before)
        assert (row.state, row.failures, row.cached) == ("unusable", failures, {})
        assert reason in row.error
        waits.append((row.next_at - before).total_seconds() / 60)
    assert waits == [5, 10, 20]
    [alert] = alerts.current(AT)
    assert alert.code == "source_failing"
    assert "was fetched, but is of no use: " in alert.text
    assert reason in alert.text
    assert not any("if-none-match" in headers for _, headers, _ in shop.asked)

    shop.page("/prices.csv", PRICES, ETag='"2"')
    row = fetched(row, row.next_at)
    assert (row.state, row.failures, row.error) == ("taken", 0, "")
    assert alerts.current(AT) == []


@pytest.mark.django_db
def test_no_other_secret_than_the_market_s_is_sent(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARKET_TOKEN_RIVAL", "Bearer s3cret")
    monkeypatch.setenv("MARKET_HOST_RIVAL", f"x.example, 127.0.0.1:{shop.server_port}")
    monkeypatch.setenv("DATABASE_PASSWORD", "inside")
    shop.page("/prices.csv", PRICES)
    fetched(source(shop, token="DATABASE_PASSWORD"))
    fetched(source(shop, "/prices.csv?again", token="MARKET_TOKEN_RIVAL"))

    sent = [headers.get("authorization") for _, headers, _ in shop.asked]
    assert sent == [None, None, None, "Bearer s3cret"]


@pytest.mark.parametrize("hosts", [None, "", "rival.example", "127.0.0.1"])
@pytest.mark.django_db
def test_a_token_goes_to_no_host_that_it_was_not_given_for(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, hosts: str | None
) -> None:
    monkeypatch.setenv("MARKET_TOKEN_RIVAL", "Bearer s3cret")
    if hosts is not None:
        monkeypatch.setenv("MARKET_HOST_RIVAL", hosts)
    shop.page("/prices.csv", PRICES)

    row = fetched(source(shop, token="MARKET_TOKEN_RIVAL"))

    assert row.state == "failed"
    assert row.error == (
        f"MARKET_HOST_RIVAL does not name 127.0.0.1:{shop.server_port}"
    )
    assert shop.asked == []


@pytest.mark.django_db
def test_mended_options_take_effect_though_the_file_is_the_same(shop: Shop) -> None:
    def page(headers: dict[str, str]) -> Page:
        same = headers.get("if-none-match") == '"1"'
        return (304, {}, b"") if same else (200, {"ETag": '"1"'}, PRICES.encode())

    shop.pages["/prices.csv"] = page
    row = fetched(source(shop, options={"competitor": "Typo"}))
    row.options = {"competitor": "Rival"}
    row.save()

    row = fetched(row, AT + timedelta(days=1))
    assert (row.state, Feed.objects.count()) == ("taken", 2)
    names = CompetitorProduct.objects.values_list("competitor", flat=True)
    assert set(names) == {"Typo", "Rival"}

    row = fetched(row, AT + timedelta(days=2))
    assert (row.state, Feed.objects.count()) == ("same", 2)


@pytest.mark.django_db
def test_a_first_page_that_is_the_same_does_not_hide_those_after_it(
    shop: Shop,
) -> None:
    told = paged([{"id": "1", "name": "Tea", "price": 9, "currency": "USD"}], "/p2")

    def first(headers: dict[str, str]) -> Page:
        if headers.get("if-none-match") == '"1"':
            return 304, {}, b""
        kind = {"ETag": '"1"', "Content-Type": "application/json"}
        return 200, kind, told.encode()

    shop.pages["/p1"] = first
    item = {"id": "2", "name": "Mate", "currency": "USD"}
    kind = {"Content_Type": "application/json"}
    shop.page("/p2", paged([item | {"price": 8}], None), **kind)
    options = {"competitor": "Rival", "items": "items", "next": "next"}
    row = fetched(source(shop, "/p1", options=options))
    shop.page("/p2", paged([item | {"price": 7}], None), **kind)

    row = fetched(row, AT + timedelta(days=1))

    assert row.state == "taken"
    assert CompetitorProduct.objects.get(product="2").price == 7


@pytest.mark.django_db
def test_pages_behind_a_redirect_are_read_and_the_token_stays_behind(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARKET_TOKEN_RIVAL", "Bearer s3cret")
    monkeypatch.setenv("MARKET_HOST_RIVAL", f"127.0.0.1:{shop.server_port}")
    other = f"http://localhost:{shop.server_port}"
    shop.pages["/p"] = (302, {"Location": f"{other}/p1"}, b"")
    item = {"name": "Tea", "price": 9, "currency": "USD"}
    kind = {"Content_Type": "application/json"}
    shop.page("/p1", paged([item | {"id": "1"}], "/p2"), **kind)
    shop.page("/p2", paged([item | {"id": "2"}], None), **kind)
    options = {"competitor": "Rival", "items": "items", "next": "next"}

    row = fetched(source(shop, "/p", options=options, token="MARKET_TOKEN_RIVAL"))

    assert (row.state, row.error) == ("taken", "")
    assert CompetitorProduct.objects.count() == 2
    sent = {path: headers.get("authorization") for path, headers, _ in shop.asked}
    assert (sent["/p"], sent["/p1"], sent["/p2"]) == ("Bearer s3cret", None, None)


def test_unknown_adapters_are_named_and_strange_errors_kept(
    db: None, shop: Shop
) -> None:
    row = fetched(source(shop, adapter="teleport"))
    assert "no adapter 'teleport'" in row.error

    with pytest.raises(adapters.UnknownAdapter):
        adapters.named("nothing")


@pytest.mark.parametrize(
    ("body", "options"),
    [
        ("[1]", {}),
        ("[", {}),
        ('{"items": 7}', {"items": "items"}),
        ('{"a": [1], "b": [1, 2]}', {}),
        ('{"next": "http://elsewhere.example/x", "items": []}', None),
    ],
)
def test_json_that_holds_no_rows_says_so(
    shop: Shop, body: str, options: dict[str, str] | None
) -> None:
    shop.page("/j", body, Content_Type="application/json")
    told = {"items": "items", "next": "next"} if options is None else options
    asked = Asked(
        url=f"{shop.url}/j", options=told, token="", cached={}, visitor=visitor()
    )

    with pytest.raises(Unfetched):
        adapters.HttpAdapter().fetch(asked)
