"""Market data are pulled from a real server here: politely, and row by row."""

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from analytics import outward
from catalog import adapters, alerts, fetching, intake_runs, sources
from catalog.adapters import Asked, Fetched
from catalog.fetching import Unfetched, Visitor
from catalog.models import CompetitorProduct, Feed, SeriesValue, Source

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
PRICES = (
    "id,title,price,currency\nr-1,Green tea,9.50,USD\nr-2,Black tea,oops,USD\n"
    "r-3,Mint tea,8.00,USD\n"
)
Page = tuple[int, dict[str, str], bytes]


class Shop(ThreadingHTTPServer):
    """A competitor's site: pages by path, and what was asked for."""

    def __init__(self) -> None:
        self.pages: dict[str, Page | Callable[[dict[str, str]], Page]] = {}
        self.asked: list[tuple[str, dict[str, str], float]] = []
        super().__init__(("127.0.0.1", 0), Door)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def page(self, path: str, body: str | bytes, **headers: str) -> None:
        raw = body.encode() if isinstance(body, str) else body
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        self.pages[path] = (200, named, raw)

    @property
    def paths(self) -> list[str]:
        return [path for path, _, _ in self.asked]


class Door(BaseHTTPRequestHandler):
    server: Shop

    def do_GET(self) -> None:
        headers = {name.lower(): text for name, text in self.headers.items()}
        self.server.asked.append((self.path, headers, time.monotonic()))
        found = self.server.pages.get(self.path, (404, {}, b""))
        status, more, body = found(headers) if callable(found) else found
        self.send_response(status)
        for name, text in more.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def shop(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    settings.MARKET_FROM_PRIVATE = True
    server = Shop()
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05}
    )
    thread.start()
    monkeypatch.setattr(
        sources, "_visitor", lambda: Visitor(agent="Proffer", private=True, pause=0.0)
    )
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def visitor(**more: Any) -> Visitor:
    told: dict[str, Any] = {"agent": "Proffer", "private": True, "pause": 0.0}
    return Visitor(**(told | more))


def source(shop: Shop, path: str = "/prices.csv", **more: Any) -> Source:
    told = {
        "name": path,
        "what": "prices",
        "url": f"{shop.url}{path}",
        "options": {"competitor": "Rival"},
        "next_at": AT,
    }
    return Source.objects.create(**(told | more))


def fetched(row: Source, at: datetime = AT) -> Source:
    sources.run(wall=lambda: at)
    intake_runs.run()
    row.refresh_from_db()
    return row


def get(shop: Shop, path: str, **more: Any) -> fetching.Answer:
    return visitor(**more).get(f"{shop.url}{path}", {})


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
def test_a_source_is_fetched_when_it_is_due_and_not_while_it_is_off(shop: Shop) -> None:
    shop.page("/prices.csv", PRICES)
    row = source(shop, active=False)
    assert sources.run(wall=lambda: AT) == 0

    sources.fetch_soon(row.pk, at=AT + timedelta(hours=1))
    assert sources.run(wall=lambda: AT) == 0
    assert sources.run(wall=lambda: AT + timedelta(hours=1)) == 1
    assert sources.run(wall=lambda: AT + timedelta(hours=2)) == 0


class Killed(BaseException):
    pass


class Dies:
    times: ClassVar[int] = 0

    def fetch(self, asked: Asked) -> Fetched | None:
        Dies.times += 1
        if Dies.times == 1:
            raise Killed
        assert asked.token == "Bearer s3cret"
        return Fetched(name="own", body=PRICES.encode())


@pytest.mark.django_db
def test_a_killed_fetch_is_done_again_by_an_adapter_of_ones_own(
    shop: Shop, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MARKET_ADAPTERS = {"own": f"{__name__}.Dies"}
    monkeypatch.setenv("MARKET_TOKEN_RIVAL", "Bearer s3cret")
    monkeypatch.setenv("MARKET_HOST_RIVAL", f"127.0.0.1:{shop.server_port}")
    row = source(shop, adapter="own", token="MARKET_TOKEN_RIVAL")
    with pytest.raises(Killed):
        sources.run(wall=lambda: AT)
    row.refresh_from_db()
    assert row.state == "fetching"
    assert sources.run(wall=lambda: AT) == 0

    row = fetched(row, AT + sources.CLAIM)

    assert (row.state, Feed.objects.get().taken) == ("taken", 2)


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


def paged(rows: list[Any], onward: str | None) -> str:
    return json.dumps({"items": rows, "next": onward})


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


@pytest.fixture
def second(shop: Shop) -> Iterator[Shop]:
    server = Shop()
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05}
    )
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.django_db
def test_a_slow_source_holds_up_none_of_another_host(shop: Shop, second: Shop) -> None:
    given = threading.Event()
    slow_saw: list[bool] = []

    def slow(_: dict[str, str]) -> Page:
        # It answers only once the other was fetched: in turn, it never would.
        slow_saw.append(given.wait(8))
        return 200, {}, PRICES.encode()

    def quick(_: dict[str, str]) -> Page:
        given.set()
        return 200, {}, PRICES.encode()

    shop.pages["/slow.csv"], second.pages["/quick.csv"] = slow, quick
    first = source(shop, "/slow.csv", next_at=AT - timedelta(hours=1))
    other = source(second, "/quick.csv")

    assert sources.run(wall=lambda: AT) == 2

    assert slow_saw == [True]
    for row in (first, other):
        row.refresh_from_db()
        assert row.state == "taken"


@pytest.mark.django_db
def test_sources_of_one_host_are_fetched_one_after_the_other(shop: Shop) -> None:
    at_once, most = [0], [0]

    def page(_: dict[str, str]) -> Page:
        at_once[0] += 1
        most[0] = max(most[0], at_once[0])
        time.sleep(0.1)
        at_once[0] -= 1
        return 200, {}, PRICES.encode()

    for n in range(3):
        shop.pages[f"/{n}.csv"] = page
        source(shop, f"/{n}.csv")

    assert sources.run(wall=lambda: AT) == 3
    assert most == [1]


class Hangs:
    over: ClassVar[threading.Event] = threading.Event()

    def fetch(self, asked: Asked) -> Fetched | None:
        Hangs.over.wait(30)
        return None


@pytest.mark.django_db
def test_an_adapter_that_does_not_end_is_given_up(
    shop: Shop, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MARKET_ADAPTERS = {"hangs": f"{__name__}.Hangs"}
    monkeypatch.setattr(sources, "EVERY", 0.01)
    row = source(shop, adapter="hangs")
    begun, times = time.monotonic(), iter([AT] * 3)

    sources.run(wall=lambda: next(times, AT + sources.CLAIM))
    Hangs.over.set()

    row.refresh_from_db()
    assert (row.state, row.error) == ("failed", "its adapter did not end")
    assert time.monotonic() - begun < 20


def test_all_pages_of_a_source_have_one_time_limit(shop: Shop) -> None:
    def page(_: dict[str, str]) -> Page:
        time.sleep(0.2)
        kind = {"Content-Type": "application/json"}
        return 200, kind, paged([{"id": "1"}], "/p").encode()

    shop.pages["/p"] = page
    asked = Asked(
        url=f"{shop.url}/p",
        options={"items": "items", "next": "next"},
        token="",
        cached={},
        visitor=visitor(until=time.monotonic() + 1),
    )
    with pytest.raises(Unfetched, match="too long"):
        adapters.HttpAdapter().fetch(asked)
    assert shop.paths.count("/p") <= 6


def test_unknown_adapters_are_named_and_strange_errors_kept(
    db: None, shop: Shop
) -> None:
    row = fetched(source(shop, adapter="teleport"))
    assert "no adapter 'teleport'" in row.error

    with pytest.raises(adapters.UnknownAdapter):
        adapters.named("nothing")


@pytest.mark.parametrize(
    ("rules", "path", "may"),
    [
        ("", "/prices", True),
        ("User-agent: *\nDisallow: /", "/prices", False),
        ("User-agent: *\nDisallow: /private\n", "/prices", True),
        ("User-agent: *\nDisallow: /*.csv$\n", "/prices.csv", False),
        ("User-agent: *\nDisallow: /\nAllow: /open/\n", "/open/prices", True),
        ("User-agent: Proffer\nDisallow: /\n\nUser-agent: *\nAllow: /\n", "/x", False),
        ("User-agent: Other\nDisallow: /\n", "/prices", True),
    ],
)
def test_robots_rules_are_obeyed(
    shop: Shop, rules: str, path: str, *, may: bool
) -> None:
    shop.page("/robots.txt", rules)
    shop.page(path, "x")

    if may:
        assert get(shop, path).body == b"x"
    else:
        with pytest.raises(Unfetched, match="robots"):
            get(shop, path)
        assert path not in shop.paths


@pytest.mark.parametrize("status", [429, 500, 503])
def test_where_robots_rules_cannot_be_read_nothing_is_fetched(
    shop: Shop, status: int
) -> None:
    shop.pages["/robots.txt"] = (status, {}, b"")
    shop.page("/prices", "x")

    with pytest.raises(Unfetched, match="robots"):
        get(shop, "/prices")
    assert shop.paths == ["/robots.txt"]


def test_there_is_a_pause_between_two_requests_and_a_crawl_delay_is_kept(
    shop: Shop,
) -> None:
    shop.page("/robots.txt", "User-agent: *\nCrawl-delay: 0.4\n")
    shop.page("/a", "x")
    one = visitor(pause=0.2)
    for _ in range(2):
        one.get(f"{shop.url}/a", {})

    times = [at for _, _, at in shop.asked]
    assert shop.paths == ["/robots.txt", "/a", "/a"]
    assert times[1] - times[0] >= 0.19
    assert times[2] - times[1] >= 0.39


def test_what_is_too_long_or_compressed_is_refused(shop: Shop) -> None:
    shop.page("/long", b"x" * 2000)
    shop.page("/packed", gzip.compress(b"x" * 10), Content_Encoding="gzip")

    with pytest.raises(Unfetched, match="longer"):
        get(shop, "/long", most=1000)
    asked = Asked(
        url=f"{shop.url}/packed", options={}, token="", cached={}, visitor=visitor()
    )
    with pytest.raises(Unfetched, match="compressed"):
        adapters.HttpAdapter().fetch(asked)


def test_a_server_that_drips_is_cut_off(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "DEADLINE", 0.6)

    def slow(_: dict[str, str]) -> Page:
        time.sleep(2)
        return 200, {}, b"late"

    shop.pages["/slow"] = slow
    begun = time.monotonic()
    with pytest.raises(Unfetched):
        get(shop, "/slow")
    assert time.monotonic() - begun < 1.9


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/x",
        "https://127.0.0.1/x",
        "https://10.1.2.3/x",
        "https://169.254.169.254/latest/meta-data",
        "https://localhost/x",
        "https://[::1]/x",
        "file:///etc/passwd",
        "https://user:pass@example.com/x",
    ],
)
def test_addresses_of_our_own_networks_are_not_asked(url: str) -> None:
    with pytest.raises(Unfetched):
        Visitor(agent="Proffer", pause=0.0).get(url, {})


def test_a_redirect_is_judged_like_the_first_address(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shop's name is public, the place it sends us to is not."""
    shop.page("/inside", "secret")
    shop.pages["/away"] = (302, {"Location": "https://10.0.0.1/inside"}, b"")
    judged = outward.fault

    def fault(url: str, *, private: bool) -> str | None:
        return None if url.startswith(shop.url) else judged(url, private=private)

    monkeypatch.setattr(outward, "fault", fault)
    monkeypatch.setattr(outward, "allowed", lambda ip: ip == "127.0.0.1")

    with pytest.raises(Unfetched, match="private network"):
        visitor(private=False).get(f"{shop.url}/away", {})


def test_redirects_are_followed_a_few_times_without_secrets_for_strangers(
    shop: Shop,
) -> None:
    other = f"http://localhost:{shop.server_port}"
    shop.pages["/a"] = (302, {"Location": "/b"}, b"")
    shop.pages["/b"] = (301, {"Location": f"{other}/c"}, b"")
    shop.page("/c", "here")
    shop.pages["/loop"] = (302, {"Location": "/loop"}, b"")

    answer = visitor().get(f"{shop.url}/a", {"Authorization": "Bearer x"})

    assert answer.body == b"here"
    sent = {path: headers.get("authorization") for path, headers, _ in shop.asked}
    assert (sent["/a"], sent["/b"], sent["/c"]) == ("Bearer x", "Bearer x", None)
    with pytest.raises(Unfetched, match="redirects"):
        get(shop, "/loop")


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
